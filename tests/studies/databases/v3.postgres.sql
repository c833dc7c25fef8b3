COMMENT ON SCHEMA public IS '';
CREATE TABLE public.epochs (
    run_id integer NOT NULL,
    epoch integer NOT NULL,
    train_loss double precision,
    train_accuracy double precision,
    validation_loss double precision,
    validation_accuracy double precision,
    train_s double precision NOT NULL,
    evaluate_s double precision NOT NULL,
    gradient_norm double precision,
    row_crc bigint
);
CREATE TABLE public.retroprop_meta (
    key character varying(40) NOT NULL,
    value text NOT NULL
);
CREATE TABLE public.runs (
    id integer NOT NULL,
    study_run_id text NOT NULL,
    "position" integer NOT NULL,
    population text NOT NULL,
    cell json NOT NULL,
    settings json NOT NULL,
    seed bigint NOT NULL,
    status character varying(20) NOT NULL,
    best_epoch integer,
    best_validation_accuracy double precision,
    best_validation_loss double precision,
    diverged_epoch integer,
    test_accuracy double precision,
    test_loss double precision,
    checkpoint text,
    parameters bigint,
    test_confusion json,
    checkpoint_sha256 character varying(64),
    state_sha256 character varying(64),
    row_crc bigint
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
    study_run_id text NOT NULL,
    started_at character varying(40) NOT NULL,
    wall_s double precision NOT NULL,
    environment json NOT NULL,
    row_crc bigint
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
    id text NOT NULL,
    study text NOT NULL,
    fingerprint character varying(64) NOT NULL,
    config json NOT NULL,
    data_checksum character varying(64) NOT NULL,
    status character varying(20) NOT NULL,
    created_at character varying(40) NOT NULL,
    finished_at character varying(40),
    row_crc bigint
);
ALTER TABLE ONLY public.runs ALTER COLUMN id SET DEFAULT nextval('public.runs_id_seq'::regclass);
ALTER TABLE ONLY public.sessions ALTER COLUMN id SET DEFAULT nextval('public.sessions_id_seq'::regclass);
INSERT INTO public.epochs VALUES (5, 0, 2.336593616604805, 0.118125, 2.331558748483658, 0.0975, 0, 0.005157335250032702, NULL, 1340509546);
INSERT INTO public.epochs VALUES (7, 0, 2.336593616604805, 0.118125, 2.331558748483658, 0.0975, 0, 0.005157335250032702, NULL, 1832447825);
INSERT INTO public.epochs VALUES (6, 0, 2.352088873311877, 0.09125, 2.3436935630440714, 0.105, 0, 0.005157335250032702, NULL, 913532674);
INSERT INTO public.epochs VALUES (8, 0, 2.352088873311877, 0.09125, 2.3436935630440714, 0.105, 0, 0.005157335250032702, NULL, 3664267683);
INSERT INTO public.epochs VALUES (5, 1, 7.305067848563194, 0.161875, 7.547682296037674, 0.1325, 0.02689707899997984, 0.008077769250007805, NULL, 1992300585);
INSERT INTO public.epochs VALUES (7, 1, NULL, 0.1025, NULL, 0.09, 0.02689707899997984, 0.008077769250007805, NULL, 1268195386);
INSERT INTO public.epochs VALUES (6, 1, 11.094297904074192, 0.133125, 11.39993456363678, 0.14, 0.02689707899997984, 0.008077769250007805, NULL, 1287379874);
INSERT INTO public.epochs VALUES (8, 1, NULL, 0.1025, NULL, 0.09, 0.02689707899997984, 0.008077769250007805, NULL, 1532738726);
INSERT INTO public.epochs VALUES (5, 2, 2.980395812392235, 0.23875, 3.059987264871597, 0.2075, 0.017997543999968002, 0.014002817250002408, NULL, 3320180028);
INSERT INTO public.epochs VALUES (7, 2, NULL, 0.1025, NULL, 0.09, 0.017997543999968002, 0.014002817250002408, NULL, 635077485);
INSERT INTO public.epochs VALUES (6, 2, 3.999838240146637, 0.243125, 4.349004313945771, 0.1975, 0.017997543999968002, 0.014002817250002408, NULL, 2502495903);
INSERT INTO public.epochs VALUES (8, 2, NULL, 0.1025, NULL, 0.09, 0.017997543999968002, 0.014002817250002408, NULL, 890642417);
INSERT INTO public.epochs VALUES (5, 3, 2.036581715643406, 0.336875, 2.2690409445762634, 0.295, 0.014958867249958985, 0.008225115000016103, NULL, 815413303);
INSERT INTO public.epochs VALUES (7, 3, NULL, 0.1025, NULL, 0.09, 0.014958867249958985, 0.008225115000016103, NULL, 1285001586);
INSERT INTO public.epochs VALUES (6, 3, 2.305058142542839, 0.29125, 2.5165495574474335, 0.28, 0.014958867249958985, 0.008225115000016103, NULL, 4110097259);
INSERT INTO public.epochs VALUES (8, 3, NULL, 0.1025, NULL, 0.09, 0.014958867249958985, 0.008225115000016103, NULL, 1549471214);
INSERT INTO public.epochs VALUES (1, 0, 2.336593616604805, 0.118125, 2.331558748483658, 0.0975, 0, 0.0054645530000243525, NULL, 3262847404);
INSERT INTO public.epochs VALUES (3, 0, 2.336593616604805, 0.118125, 2.331558748483658, 0.0975, 0, 0.0054645530000243525, NULL, 3123655907);
INSERT INTO public.epochs VALUES (2, 0, 2.352088873311877, 0.09125, 2.3436935630440714, 0.105, 0, 0.0054645530000243525, NULL, 1064135862);
INSERT INTO public.epochs VALUES (4, 0, 2.352088873311877, 0.09125, 2.3436935630440714, 0.105, 0, 0.0054645530000243525, NULL, 2060560576);
INSERT INTO public.epochs VALUES (1, 1, 2.195831916704774, 0.231875, 2.2108527055382727, 0.2175, 0.014802973499968175, 0.011298331000034523, NULL, 2415419472);
INSERT INTO public.epochs VALUES (3, 1, NULL, 0.1025, NULL, 0.09, 0.014802973499968175, 0.011298331000034523, NULL, 1638969076);
INSERT INTO public.epochs VALUES (2, 1, 2.208863090723753, 0.166875, 2.214390335083008, 0.18, 0.014802973499968175, 0.011298331000034523, NULL, 2160166691);
INSERT INTO public.epochs VALUES (4, 1, NULL, 0.1025, NULL, 0.09, 0.014802973499968175, 0.011298331000034523, NULL, 114428089);
INSERT INTO public.epochs VALUES (1, 2, 2.13488912217319, 0.24375, 2.1633133763074874, 0.2325, 0.017066774499994608, 0.0068569569999681335, NULL, 304339114);
INSERT INTO public.epochs VALUES (3, 2, NULL, 0.1025, NULL, 0.09, 0.017066774499994608, 0.0068569569999681335, NULL, 4180872602);
INSERT INTO public.epochs VALUES (2, 2, 2.118990537300706, 0.255, 2.1515448328852655, 0.2475, 0.017066774499994608, 0.0068569569999681335, NULL, 339994608);
INSERT INTO public.epochs VALUES (4, 2, NULL, 0.1025, NULL, 0.09, 0.017066774499994608, 0.0068569569999681335, NULL, 2656152535);
INSERT INTO public.epochs VALUES (1, 3, 2.0668228971213103, 0.2775, 2.101666057705879, 0.25, 0.013851618249987041, 0.008924274250034614, NULL, 1670210037);
INSERT INTO public.epochs VALUES (3, 3, NULL, 0.1025, NULL, 0.09, 0.013851618249987041, 0.008924274250034614, NULL, 117228580);
INSERT INTO public.epochs VALUES (2, 3, 2.0753288313746454, 0.258125, 2.1319780758023263, 0.245, 0.013851618249987041, 0.008924274250034614, NULL, 1367424639);
INSERT INTO public.epochs VALUES (4, 3, NULL, 0.1025, NULL, 0.09, 0.013851618249987041, 0.008924274250034614, NULL, 1637769833);
INSERT INTO public.epochs VALUES (10, 0, 2.336593616604805, 0.118125, 2.331558748483658, 0.0975, 0, 0.03433786100003999, NULL, 388957583);
INSERT INTO public.epochs VALUES (10, 1, 7.305067848563194, 0.161875, 7.547682296037674, 0.1325, 0.0370824999999968, 0.016506107999930464, NULL, 529202293);
INSERT INTO public.retroprop_meta VALUES ('schema_version', '3');
INSERT INTO public.retroprop_meta VALUES ('written_by', 'retroprop 0.1.0');
INSERT INTO public.runs VALUES (2, 'old-2c24645e', 1, 'optimizer=sgd', '{"optimizer": "sgd", "learning_rate": 0.01}', '{"kind": "softmax-regression", "optimizer": "sgd", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "derivation": "by-hand", "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32"}', 1, 'finished', 2, 0.2475, 2.1515448328852655, NULL, 0.206, 2.162375070095062, 'checkpoints/old-2c24645e/optimizer=sgd/best.safetensors', 30730, '[[11, 0, 3, 0, 2, 1, 1, 0, 28, 4], [0, 1, 3, 1, 9, 0, 3, 0, 27, 6], [4, 0, 12, 0, 8, 2, 5, 0, 18, 1], [2, 0, 12, 1, 10, 2, 6, 0, 13, 4], [0, 0, 15, 0, 12, 0, 6, 0, 16, 1], [3, 0, 16, 0, 13, 2, 4, 0, 10, 2], [1, 0, 11, 0, 22, 0, 9, 0, 4, 3], [2, 0, 15, 0, 8, 0, 1, 0, 15, 9], [3, 0, 2, 0, 1, 0, 1, 0, 41, 2], [1, 0, 2, 0, 3, 0, 2, 0, 28, 14]]', '6477bbd37a5fa9dcb20f57c6ca481c759e58abddc6a37a0cf037e6f55961aad5', NULL, 1962195396);
INSERT INTO public.runs VALUES (3, 'old-2c24645e', 2, 'optimizer=sgd', '{"optimizer": "sgd", "learning_rate": 1e+38}', '{"kind": "softmax-regression", "optimizer": "sgd", "learning_rate": 1e+38, "schedule": "constant", "batch_size": 100, "derivation": "by-hand", "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32"}', 0, 'diverged', 0, 0.0975, 2.331558748483658, 1, NULL, NULL, 'checkpoints/old-2c24645e/optimizer=sgd/best.safetensors', 30730, NULL, '6477bbd37a5fa9dcb20f57c6ca481c759e58abddc6a37a0cf037e6f55961aad5', NULL, 3013484671);
INSERT INTO public.runs VALUES (7, 'old-2c24645e', 6, 'optimizer=adam', '{"optimizer": "adam", "learning_rate": 1e+38}', '{"kind": "softmax-regression", "optimizer": "adam", "learning_rate": 1e+38, "schedule": "constant", "batch_size": 100, "derivation": "by-hand", "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32"}', 0, 'diverged', 0, 0.0975, 2.331558748483658, 1, NULL, NULL, 'checkpoints/old-2c24645e/optimizer=adam/best.safetensors', 30730, NULL, '36acf4053e8dccceec11811f9158a3efc5839f8a605459622f8765ad727e49ac', NULL, 2271221171);
INSERT INTO public.runs VALUES (8, 'old-2c24645e', 7, 'optimizer=adam', '{"optimizer": "adam", "learning_rate": 1e+38}', '{"kind": "softmax-regression", "optimizer": "adam", "learning_rate": 1e+38, "schedule": "constant", "batch_size": 100, "derivation": "by-hand", "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32"}', 1, 'diverged', 0, 0.105, 2.3436935630440714, 1, NULL, NULL, 'checkpoints/old-2c24645e/optimizer=adam/best.safetensors', 30730, NULL, '36acf4053e8dccceec11811f9158a3efc5839f8a605459622f8765ad727e49ac', NULL, 1039102918);
INSERT INTO public.runs VALUES (5, 'old-2c24645e', 4, 'optimizer=adam', '{"optimizer": "adam", "learning_rate": 0.01}', '{"kind": "softmax-regression", "optimizer": "adam", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "derivation": "by-hand", "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32"}', 0, 'finished', 3, 0.295, 2.2690409445762634, NULL, 0.236, 2.3729708881378175, 'checkpoints/old-2c24645e/optimizer=adam/best.safetensors', 30730, '[[15, 0, 10, 2, 1, 0, 0, 0, 21, 1], [6, 6, 3, 7, 1, 1, 1, 0, 21, 4], [7, 1, 16, 7, 6, 0, 3, 0, 9, 1], [4, 1, 11, 16, 4, 5, 0, 0, 6, 3], [3, 0, 17, 6, 8, 2, 2, 2, 10, 0], [3, 0, 17, 13, 5, 9, 0, 0, 3, 0], [4, 0, 9, 10, 16, 2, 7, 0, 2, 0], [9, 1, 12, 7, 6, 3, 0, 1, 10, 1], [9, 1, 3, 1, 0, 2, 0, 0, 34, 0], [5, 2, 1, 6, 3, 0, 0, 1, 26, 6]]', '36acf4053e8dccceec11811f9158a3efc5839f8a605459622f8765ad727e49ac', NULL, 2560739828);
INSERT INTO public.runs VALUES (6, 'old-2c24645e', 5, 'optimizer=adam', '{"optimizer": "adam", "learning_rate": 0.01}', '{"kind": "softmax-regression", "optimizer": "adam", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "derivation": "by-hand", "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32"}', 1, 'finished', 3, 0.28, 2.5165495574474335, NULL, 0.234, 2.67183283996582, 'checkpoints/old-2c24645e/optimizer=adam/best.safetensors', 30730, '[[5, 11, 12, 0, 1, 3, 0, 6, 3, 9], [0, 37, 1, 0, 0, 3, 0, 5, 2, 2], [2, 5, 14, 0, 2, 8, 2, 15, 2, 0], [1, 11, 6, 0, 0, 18, 0, 10, 0, 4], [1, 15, 9, 0, 5, 6, 0, 14, 0, 0], [1, 6, 8, 0, 2, 21, 0, 11, 0, 1], [0, 8, 7, 0, 5, 10, 3, 17, 0, 0], [0, 14, 5, 0, 3, 6, 0, 18, 0, 4], [4, 23, 9, 0, 0, 5, 0, 2, 4, 3], [0, 33, 0, 0, 0, 1, 0, 6, 0, 10]]', '36acf4053e8dccceec11811f9158a3efc5839f8a605459622f8765ad727e49ac', NULL, 2353061565);
INSERT INTO public.runs VALUES (9, 'half-869f5092', 0, 'optimizer=sgd', '{"optimizer": "sgd", "learning_rate": 0.01}', '{"kind": "softmax-regression", "optimizer": "sgd", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "derivation": "by-hand", "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32"}', 0, 'planned', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1974309301);
INSERT INTO public.runs VALUES (4, 'old-2c24645e', 3, 'optimizer=sgd', '{"optimizer": "sgd", "learning_rate": 1e+38}', '{"kind": "softmax-regression", "optimizer": "sgd", "learning_rate": 1e+38, "schedule": "constant", "batch_size": 100, "derivation": "by-hand", "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32"}', 1, 'diverged', 0, 0.105, 2.3436935630440714, 1, NULL, NULL, 'checkpoints/old-2c24645e/optimizer=sgd/best.safetensors', 30730, NULL, '6477bbd37a5fa9dcb20f57c6ca481c759e58abddc6a37a0cf037e6f55961aad5', NULL, 1095946466);
INSERT INTO public.runs VALUES (1, 'old-2c24645e', 0, 'optimizer=sgd', '{"optimizer": "sgd", "learning_rate": 0.01}', '{"kind": "softmax-regression", "optimizer": "sgd", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "derivation": "by-hand", "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32"}', 0, 'finished', 3, 0.25, 2.101666057705879, NULL, 0.236, 2.1174350395202635, 'checkpoints/old-2c24645e/optimizer=sgd/best.safetensors', 30730, '[[5, 2, 0, 0, 1, 2, 8, 6, 17, 9], [0, 9, 0, 0, 0, 3, 14, 2, 9, 13], [6, 1, 1, 0, 0, 5, 26, 3, 7, 1], [1, 1, 0, 0, 0, 13, 23, 4, 4, 4], [0, 1, 0, 0, 0, 4, 29, 5, 8, 3], [0, 0, 0, 0, 1, 12, 25, 7, 3, 2], [0, 1, 0, 0, 1, 5, 39, 1, 1, 2], [1, 5, 0, 0, 2, 5, 20, 5, 4, 8], [2, 3, 0, 0, 0, 5, 4, 1, 28, 7], [0, 3, 0, 0, 0, 0, 6, 6, 16, 19]]', '6477bbd37a5fa9dcb20f57c6ca481c759e58abddc6a37a0cf037e6f55961aad5', NULL, 3919437191);
INSERT INTO public.runs VALUES (10, 'half-869f5092', 1, 'optimizer=adam', '{"optimizer": "adam", "learning_rate": 0.01}', '{"kind": "softmax-regression", "optimizer": "adam", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "derivation": "by-hand", "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32"}', 0, 'interrupted', 1, 0.1325, 7.547682296037674, NULL, NULL, NULL, NULL, 30730, NULL, NULL, '159a9bd23e0d6cb337262b59fb3fc1e8ecfaf1895ec02cc05d4ccb2b5f84a1a2', 1696631734);
INSERT INTO public.sessions VALUES (2, 'half-869f5092', '2026-11-30T03:19:58+00:00', 4.517598421999992, '{"retroprop": "0.1.0", "python": "3.11.7", "torch": "2.13.0+cpu", "numpy": "2.4.6", "platform": "Linux x86_64", "cpu": "AMD EPYC", "device": "cpu", "cores": 2, "memory_gb": 23.5, "workers": 1, "threads_per_worker": 1, "git_revision": "b7721e751bef", "command": "retroprop run small.toml"}', 250312504);
INSERT INTO public.sessions VALUES (1, 'old-2c24645e', '2026-11-30T03:19:52+00:00', 4.662259218999907, '{"retroprop": "0.1.0", "python": "3.11.7", "torch": "2.13.0+cpu", "numpy": "2.4.6", "platform": "Linux x86_64", "cpu": "AMD EPYC", "device": "cpu", "cores": 2, "memory_gb": 23.5, "workers": 1, "threads_per_worker": 1, "git_revision": "b7721e751bef", "command": "retroprop run small.toml"}', 1020022886);
INSERT INTO public.study_runs VALUES ('old-2c24645e', 'old', '2c24645e859255b3d270df467e2e4fc4c68f0d019ce43f73737917c8dc97c6eb', '{"name": "old", "title": {"en": "A study of an older version", "fr": "Une \u00e9tude d\u2019une version ant\u00e9rieure"}, "source": {"en": "", "fr": ""}, "dataset": "cifar10-sample", "size": "full", "split": {"source": "train", "validation": 0.2, "seed": 1}, "epochs": 3, "seeds": [0, 1], "model": {"kind": "softmax-regression", "derivation": "by-hand"}, "training": {"optimizer": "sgd", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "initial_sign": "both", "depth": 1, "width": 100, "activation": "relu", "output": "softmax", "kernel_size": 3, "gradient": "mean", "precision": "float32", "architecture": "mlp 256-256", "initialization": "torch", "patch_size": 4, "embedding": 256, "blocks": 4, "drop_rate": 0.0, "normalization": "per-channel", "augmentation": "none", "shuffle": true, "loss": "cross-entropy", "momentum": 0.9, "weight_decay": 0.0, "label_smoothing": 0.0, "train_metrics": "evaluated"}, "grid": {"optimizer": ["sgd", "adam"], "learning_rate": [0.01, 1e+38]}, "selection": {"best_per": ["optimizer"]}, "report": {"tables": [{"rows": "learning_rate", "columns": "optimizer", "value": "best_validation_accuracy"}], "figures": ["loss-curves", "accuracy-curves"]}}', 'edfbe99329a8e955', 'finished', '2026-11-30T03:19:52+00:00', '2026-11-30T03:19:57+00:00', 1072441950);
INSERT INTO public.study_runs VALUES ('half-869f5092', 'half', '869f50925958d6b8fe8203755d79a32f00b1491e49451e64d5484b2685a645f1', '{"name": "half", "title": {"en": "A study of an older version", "fr": "Une \u00e9tude d\u2019une version ant\u00e9rieure"}, "source": {"en": "", "fr": ""}, "dataset": "cifar10-sample", "size": "full", "split": {"source": "train", "validation": 0.2, "seed": 1}, "epochs": 3, "seeds": [0], "model": {"kind": "softmax-regression", "derivation": "by-hand"}, "training": {"optimizer": "sgd", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "initial_sign": "both", "depth": 1, "width": 100, "activation": "relu", "output": "softmax", "kernel_size": 3, "gradient": "mean", "precision": "float32", "architecture": "mlp 256-256", "initialization": "torch", "patch_size": 4, "embedding": 256, "blocks": 4, "drop_rate": 0.0, "normalization": "per-channel", "augmentation": "none", "shuffle": true, "loss": "cross-entropy", "momentum": 0.9, "weight_decay": 0.0, "label_smoothing": 0.0, "train_metrics": "evaluated"}, "grid": {"optimizer": ["sgd", "adam"], "learning_rate": [0.01]}, "selection": {"best_per": ["optimizer"]}, "report": {"tables": [{"rows": "learning_rate", "columns": "optimizer", "value": "best_validation_accuracy"}], "figures": ["loss-curves", "accuracy-curves"]}}', 'edfbe99329a8e955', 'interrupted', '2026-11-30T03:19:58+00:00', NULL, 927669100);
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
