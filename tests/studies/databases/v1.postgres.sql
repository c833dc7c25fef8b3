CREATE TABLE public.epochs (
    run_id integer NOT NULL,
    epoch integer NOT NULL,
    train_loss double precision,
    train_accuracy double precision,
    validation_loss double precision,
    validation_accuracy double precision,
    train_s double precision NOT NULL,
    evaluate_s double precision NOT NULL
);
CREATE TABLE public.retroprop_meta (
    key character varying(40) NOT NULL,
    value text NOT NULL
);
CREATE TABLE public.runs (
    id integer NOT NULL,
    study_run_id character varying(120) NOT NULL,
    "position" integer NOT NULL,
    population character varying(160) NOT NULL,
    cell json NOT NULL,
    settings json NOT NULL,
    seed integer NOT NULL,
    status character varying(20) NOT NULL,
    best_epoch integer,
    best_validation_accuracy double precision,
    best_validation_loss double precision,
    diverged_epoch integer,
    test_accuracy double precision,
    test_loss double precision,
    checkpoint text
);
CREATE SEQUENCE public.runs_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.runs_id_seq OWNED BY public.runs.id;
CREATE TABLE public.sessions (
    id integer NOT NULL,
    study_run_id character varying(120) NOT NULL,
    started_at character varying(40) NOT NULL,
    wall_s double precision NOT NULL,
    environment json NOT NULL
);
CREATE SEQUENCE public.sessions_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.sessions_id_seq OWNED BY public.sessions.id;
CREATE TABLE public.study_runs (
    id character varying(120) NOT NULL,
    study character varying(80) NOT NULL,
    fingerprint character varying(64) NOT NULL,
    config json NOT NULL,
    data_checksum character varying(64) NOT NULL,
    status character varying(20) NOT NULL,
    created_at character varying(40) NOT NULL,
    finished_at character varying(40)
);
ALTER TABLE ONLY public.runs ALTER COLUMN id SET DEFAULT nextval('public.runs_id_seq'::regclass);
ALTER TABLE ONLY public.sessions ALTER COLUMN id SET DEFAULT nextval('public.sessions_id_seq'::regclass);
INSERT INTO public.epochs VALUES (5, 0, 2.336593616604805, 0.118125, 2.331558748483658, 0.0975, 0, 0.0033798377500033894);
INSERT INTO public.epochs VALUES (7, 0, 2.336593616604805, 0.118125, 2.331558748483658, 0.0975, 0, 0.0033798377500033894);
INSERT INTO public.epochs VALUES (6, 0, 2.352088873311877, 0.09125, 2.3436935630440714, 0.105, 0, 0.0033798377500033894);
INSERT INTO public.epochs VALUES (8, 0, 2.352088873311877, 0.09125, 2.3436935630440714, 0.105, 0, 0.0033798377500033894);
INSERT INTO public.epochs VALUES (5, 1, 7.305067848563194, 0.161875, 7.547682296037674, 0.1325, 0.009380647999989833, 0.0024461837500098227);
INSERT INTO public.epochs VALUES (7, 1, NULL, 0.1025, NULL, 0.09, 0.009380647999989833, 0.0024461837500098227);
INSERT INTO public.epochs VALUES (6, 1, 11.094297904074192, 0.133125, 11.39993456363678, 0.14, 0.009380647999989833, 0.0024461837500098227);
INSERT INTO public.epochs VALUES (8, 1, NULL, 0.1025, NULL, 0.09, 0.009380647999989833, 0.0024461837500098227);
INSERT INTO public.epochs VALUES (5, 2, 2.980395812392235, 0.23875, 3.059987264871597, 0.2075, 0.0062008595000406785, 0.002543657999979132);
INSERT INTO public.epochs VALUES (7, 2, NULL, 0.1025, NULL, 0.09, 0.0062008595000406785, 0.002543657999979132);
INSERT INTO public.epochs VALUES (6, 2, 3.999838240146637, 0.243125, 4.349004313945771, 0.1975, 0.0062008595000406785, 0.002543657999979132);
INSERT INTO public.epochs VALUES (8, 2, NULL, 0.1025, NULL, 0.09, 0.0062008595000406785, 0.002543657999979132);
INSERT INTO public.epochs VALUES (5, 3, 2.036581715643406, 0.336875, 2.2690409445762634, 0.295, 0.006156669000006332, 0.00253756400002203);
INSERT INTO public.epochs VALUES (7, 3, NULL, 0.1025, NULL, 0.09, 0.006156669000006332, 0.00253756400002203);
INSERT INTO public.epochs VALUES (6, 3, 2.305058142542839, 0.29125, 2.5165495574474335, 0.28, 0.006156669000006332, 0.00253756400002203);
INSERT INTO public.epochs VALUES (8, 3, NULL, 0.1025, NULL, 0.09, 0.006156669000006332, 0.00253756400002203);
INSERT INTO public.epochs VALUES (1, 0, 2.336593616604805, 0.118125, 2.331558748483658, 0.0975, 0, 0.0018797065000057955);
INSERT INTO public.epochs VALUES (3, 0, 2.336593616604805, 0.118125, 2.331558748483658, 0.0975, 0, 0.0018797065000057955);
INSERT INTO public.epochs VALUES (2, 0, 2.352088873311877, 0.09125, 2.3436935630440714, 0.105, 0, 0.0018797065000057955);
INSERT INTO public.epochs VALUES (4, 0, 2.352088873311877, 0.09125, 2.3436935630440714, 0.105, 0, 0.0018797065000057955);
INSERT INTO public.epochs VALUES (1, 1, 2.195831916704774, 0.231875, 2.2108527055382727, 0.2175, 0.005762324499983151, 0.0024980955000160066);
INSERT INTO public.epochs VALUES (3, 1, NULL, 0.1025, NULL, 0.09, 0.005762324499983151, 0.0024980955000160066);
INSERT INTO public.epochs VALUES (2, 1, 2.208863090723753, 0.166875, 2.214390335083008, 0.18, 0.005762324499983151, 0.0024980955000160066);
INSERT INTO public.epochs VALUES (4, 1, NULL, 0.1025, NULL, 0.09, 0.005762324499983151, 0.0024980955000160066);
INSERT INTO public.epochs VALUES (1, 2, 2.13488912217319, 0.24375, 2.1633133763074874, 0.2325, 0.005147475499995835, 0.002484888500021043);
INSERT INTO public.epochs VALUES (3, 2, NULL, 0.1025, NULL, 0.09, 0.005147475499995835, 0.002484888500021043);
INSERT INTO public.epochs VALUES (2, 2, 2.118990537300706, 0.255, 2.1515448328852655, 0.2475, 0.005147475499995835, 0.002484888500021043);
INSERT INTO public.epochs VALUES (4, 2, NULL, 0.1025, NULL, 0.09, 0.005147475499995835, 0.002484888500021043);
INSERT INTO public.epochs VALUES (1, 3, 2.0668228971213103, 0.2775, 2.101666057705879, 0.25, 0.005163216250025471, 0.002417591249979978);
INSERT INTO public.epochs VALUES (3, 3, NULL, 0.1025, NULL, 0.09, 0.005163216250025471, 0.002417591249979978);
INSERT INTO public.epochs VALUES (2, 3, 2.0753288313746454, 0.258125, 2.1319780758023263, 0.245, 0.005163216250025471, 0.002417591249979978);
INSERT INTO public.epochs VALUES (4, 3, NULL, 0.1025, NULL, 0.09, 0.005163216250025471, 0.002417591249979978);
INSERT INTO public.epochs VALUES (10, 0, 2.336593616604805, 0.118125, 2.331558748483658, 0.0975, 0, 0.01246227399997224);
INSERT INTO public.epochs VALUES (10, 1, 7.305067848563194, 0.161875, 7.547682296037674, 0.1325, 0.018574544000102833, 0.008344480000005206);
INSERT INTO public.retroprop_meta VALUES ('schema_version', '1');
INSERT INTO public.retroprop_meta VALUES ('written_by', 'retroprop 0.1.0');
INSERT INTO public.runs VALUES (3, 'old-ae647b77', 2, 'optimizer=sgd', '{"optimizer": "sgd", "learning_rate": 1e+38}', '{"kind": "softmax-regression", "optimizer": "sgd", "learning_rate": 1e+38, "schedule": "constant", "batch_size": 100, "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32", "derivation": "by-hand"}', 0, 'diverged', 0, 0.0975, 2.331558748483658, 1, NULL, NULL, 'checkpoints/old-ae647b77/optimizer=sgd/best.safetensors');
INSERT INTO public.runs VALUES (4, 'old-ae647b77', 3, 'optimizer=sgd', '{"optimizer": "sgd", "learning_rate": 1e+38}', '{"kind": "softmax-regression", "optimizer": "sgd", "learning_rate": 1e+38, "schedule": "constant", "batch_size": 100, "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32", "derivation": "by-hand"}', 1, 'diverged', 0, 0.105, 2.3436935630440714, 1, NULL, NULL, 'checkpoints/old-ae647b77/optimizer=sgd/best.safetensors');
INSERT INTO public.runs VALUES (1, 'old-ae647b77', 0, 'optimizer=sgd', '{"optimizer": "sgd", "learning_rate": 0.01}', '{"kind": "softmax-regression", "optimizer": "sgd", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32", "derivation": "by-hand"}', 0, 'finished', 3, 0.25, 2.101666057705879, NULL, 0.236, 2.1174350395202635, 'checkpoints/old-ae647b77/optimizer=sgd/best.safetensors');
INSERT INTO public.runs VALUES (2, 'old-ae647b77', 1, 'optimizer=sgd', '{"optimizer": "sgd", "learning_rate": 0.01}', '{"kind": "softmax-regression", "optimizer": "sgd", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32", "derivation": "by-hand"}', 1, 'finished', 2, 0.2475, 2.1515448328852655, NULL, 0.206, 2.162375070095062, 'checkpoints/old-ae647b77/optimizer=sgd/best.safetensors');
INSERT INTO public.runs VALUES (5, 'old-ae647b77', 4, 'optimizer=adam', '{"optimizer": "adam", "learning_rate": 0.01}', '{"kind": "softmax-regression", "optimizer": "adam", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32", "derivation": "by-hand"}', 0, 'finished', 3, 0.295, 2.2690409445762634, NULL, 0.236, 2.3729708881378175, 'checkpoints/old-ae647b77/optimizer=adam/best.safetensors');
INSERT INTO public.runs VALUES (6, 'old-ae647b77', 5, 'optimizer=adam', '{"optimizer": "adam", "learning_rate": 0.01}', '{"kind": "softmax-regression", "optimizer": "adam", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32", "derivation": "by-hand"}', 1, 'finished', 3, 0.28, 2.5165495574474335, NULL, 0.234, 2.67183283996582, 'checkpoints/old-ae647b77/optimizer=adam/best.safetensors');
INSERT INTO public.runs VALUES (9, 'half-c36e33fe', 0, 'optimizer=sgd', '{"optimizer": "sgd", "learning_rate": 0.01}', '{"kind": "softmax-regression", "optimizer": "sgd", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32", "derivation": "by-hand"}', 0, 'planned', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.runs VALUES (7, 'old-ae647b77', 6, 'optimizer=adam', '{"optimizer": "adam", "learning_rate": 1e+38}', '{"kind": "softmax-regression", "optimizer": "adam", "learning_rate": 1e+38, "schedule": "constant", "batch_size": 100, "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32", "derivation": "by-hand"}', 0, 'diverged', 0, 0.0975, 2.331558748483658, 1, NULL, NULL, 'checkpoints/old-ae647b77/optimizer=adam/best.safetensors');
INSERT INTO public.runs VALUES (8, 'old-ae647b77', 7, 'optimizer=adam', '{"optimizer": "adam", "learning_rate": 1e+38}', '{"kind": "softmax-regression", "optimizer": "adam", "learning_rate": 1e+38, "schedule": "constant", "batch_size": 100, "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32", "derivation": "by-hand"}', 1, 'diverged', 0, 0.105, 2.3436935630440714, 1, NULL, NULL, 'checkpoints/old-ae647b77/optimizer=adam/best.safetensors');
INSERT INTO public.runs VALUES (10, 'half-c36e33fe', 1, 'optimizer=adam', '{"optimizer": "adam", "learning_rate": 0.01}', '{"kind": "softmax-regression", "optimizer": "adam", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32", "derivation": "by-hand"}', 0, 'running', 1, 0.1325, 7.547682296037674, NULL, NULL, NULL, NULL);
INSERT INTO public.sessions VALUES (1, 'old-ae647b77', '2026-11-30T03:19:25+00:00', 2.273761625999896, '{"retroprop": "0.1.0", "python": "3.11.7", "torch": "2.13.0+cpu", "numpy": "2.4.6", "platform": "Linux x86_64", "cpu": "AMD EPYC", "cores": 2, "memory_gb": 23.5, "workers": 1, "threads_per_worker": 1, "git_revision": "bdb623d47014", "command": "retroprop run small.toml"}');
INSERT INTO public.sessions VALUES (2, 'half-c36e33fe', '2026-11-30T03:19:28+00:00', 2.0452545889997964, '{"retroprop": "0.1.0", "python": "3.11.7", "torch": "2.13.0+cpu", "numpy": "2.4.6", "platform": "Linux x86_64", "cpu": "AMD EPYC", "cores": 2, "memory_gb": 23.5, "workers": 1, "threads_per_worker": 1, "git_revision": "bdb623d47014", "command": "retroprop run small.toml"}');
INSERT INTO public.study_runs VALUES ('old-ae647b77', 'old', 'ae647b777d900b5edb6840a4eb1655b497fdacd43fa91e96a04c1b01a0e288dc', '{"name": "old", "title": {"en": "A study of an older version", "fr": "Une \u00e9tude d\u2019une version ant\u00e9rieure"}, "source": "", "dataset": "cifar10-sample", "split": {"validation": 0.2, "seed": 1}, "epochs": 3, "seeds": [0, 1], "model": {"kind": "softmax-regression", "derivation": "by-hand"}, "training": {"optimizer": "sgd", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "initial_sign": "both", "depth": 1, "width": 100, "activation": "relu", "output": "softmax", "kernel_size": 3, "gradient": "mean", "precision": "float32"}, "grid": {"optimizer": ["sgd", "adam"], "learning_rate": [0.01, 1e+38]}, "selection": {"best_per": ["optimizer"]}, "report": {"tables": [{"rows": "learning_rate", "columns": "optimizer", "value": "best_validation_accuracy"}], "figures": ["loss-curves", "accuracy-curves"]}}', 'edfbe99329a8e955', 'finished', '2026-11-30T03:19:25+00:00', '2026-11-30T03:19:28+00:00');
INSERT INTO public.study_runs VALUES ('half-c36e33fe', 'half', 'c36e33fe0a8e7ae389295894556734e20e1496cf5d696e6532087de2f0eefeeb', '{"name": "half", "title": {"en": "A study of an older version", "fr": "Une \u00e9tude d\u2019une version ant\u00e9rieure"}, "source": "", "dataset": "cifar10-sample", "split": {"validation": 0.2, "seed": 1}, "epochs": 3, "seeds": [0], "model": {"kind": "softmax-regression", "derivation": "by-hand"}, "training": {"optimizer": "sgd", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "initial_sign": "both", "depth": 1, "width": 100, "activation": "relu", "output": "softmax", "kernel_size": 3, "gradient": "mean", "precision": "float32"}, "grid": {"optimizer": ["sgd", "adam"], "learning_rate": [0.01]}, "selection": {"best_per": ["optimizer"]}, "report": {"tables": [{"rows": "learning_rate", "columns": "optimizer", "value": "best_validation_accuracy"}], "figures": ["loss-curves", "accuracy-curves"]}}', 'edfbe99329a8e955', 'interrupted', '2026-11-30T03:19:28+00:00', NULL);
SELECT pg_catalog.setval('public.runs_id_seq', 10, true);
SELECT pg_catalog.setval('public.sessions_id_seq', 2, true);
ALTER TABLE ONLY public.epochs
    ADD CONSTRAINT epochs_pkey PRIMARY KEY (run_id, epoch);
ALTER TABLE ONLY public.retroprop_meta
    ADD CONSTRAINT retroprop_meta_pkey PRIMARY KEY (key);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_study_run_id_position_key UNIQUE (study_run_id, "position");
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.study_runs
    ADD CONSTRAINT study_runs_pkey PRIMARY KEY (id);
CREATE INDEX ix_runs_study_run_id ON public.runs USING btree (study_run_id);
CREATE INDEX ix_sessions_study_run_id ON public.sessions USING btree (study_run_id);
CREATE INDEX ix_study_runs_fingerprint ON public.study_runs USING btree (fingerprint);
CREATE INDEX ix_study_runs_study ON public.study_runs USING btree (study);
ALTER TABLE ONLY public.epochs
    ADD CONSTRAINT epochs_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(id);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_study_run_id_fkey FOREIGN KEY (study_run_id) REFERENCES public.study_runs(id);
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_study_run_id_fkey FOREIGN KEY (study_run_id) REFERENCES public.study_runs(id);
