BEGIN TRANSACTION;
CREATE TABLE epochs (
	run_id INTEGER NOT NULL, 
	epoch INTEGER NOT NULL, 
	train_loss FLOAT, 
	train_accuracy FLOAT, 
	validation_loss FLOAT, 
	validation_accuracy FLOAT, 
	train_s FLOAT NOT NULL, 
	evaluate_s FLOAT NOT NULL, 
	PRIMARY KEY (run_id, epoch), 
	FOREIGN KEY(run_id) REFERENCES runs (id)
);
INSERT INTO "epochs" VALUES(5,0,2.33659361660480513478e+00,0.118125,2.33155874848365796125e+00,0.0975,0.0,2.76338125001984735717e-03);
INSERT INTO "epochs" VALUES(7,0,2.33659361660480513478e+00,0.118125,2.33155874848365796125e+00,0.0975,0.0,2.76338125001984735717e-03);
INSERT INTO "epochs" VALUES(6,0,2.35208887331187721514e+00,0.09125,2.3436935630440713929e+00,0.105,0.0,2.76338125001984735717e-03);
INSERT INTO "epochs" VALUES(8,0,2.35208887331187721514e+00,0.09125,2.3436935630440713929e+00,0.105,0.0,2.76338125001984735717e-03);
INSERT INTO "epochs" VALUES(5,1,7.30506784856319413279e+00,0.161875,7.54768229603767437652e+00,0.1325,0.00882631650000576,2.54859049999822673271e-03);
INSERT INTO "epochs" VALUES(7,1,NULL,0.1025,NULL,0.09,0.00882631650000576,2.54859049999822673271e-03);
INSERT INTO "epochs" VALUES(6,1,1.1094297904074192473e+01,0.133125,1.13999345636367799272e+01,0.14,0.00882631650000576,2.54859049999822673271e-03);
INSERT INTO "epochs" VALUES(8,1,NULL,0.1025,NULL,0.09,0.00882631650000576,2.54859049999822673271e-03);
INSERT INTO "epochs" VALUES(5,2,2.98039581239223494435e+00,0.23875,3.0599872648715971124e+00,0.2075,6.3840285000082985789e-03,2.52743424999835042399e-03);
INSERT INTO "epochs" VALUES(7,2,NULL,0.1025,NULL,0.09,6.3840285000082985789e-03,2.52743424999835042399e-03);
INSERT INTO "epochs" VALUES(6,2,3.99983824014663680301e+00,0.243125,4.34900431394577058341e+00,0.1975,6.3840285000082985789e-03,2.52743424999835042399e-03);
INSERT INTO "epochs" VALUES(8,2,NULL,0.1025,NULL,0.09,6.3840285000082985789e-03,2.52743424999835042399e-03);
INSERT INTO "epochs" VALUES(5,3,2.03658171564340584325e+00,0.336875,2.26904094457626337444e+00,0.295,6.70020475001820159377e-03,2.59616599998935271287e-03);
INSERT INTO "epochs" VALUES(7,3,NULL,0.1025,NULL,0.09,6.70020475001820159377e-03,2.59616599998935271287e-03);
INSERT INTO "epochs" VALUES(6,3,2.30505814254283913911e+00,0.29125,2.51654955744743347167e+00,0.28,6.70020475001820159377e-03,2.59616599998935271287e-03);
INSERT INTO "epochs" VALUES(8,3,NULL,0.1025,NULL,0.09,6.70020475001820159377e-03,2.59616599998935271287e-03);
INSERT INTO "epochs" VALUES(1,0,2.33659361660480513478e+00,0.118125,2.33155874848365796125e+00,0.0975,0.0,2.00054550003869735519e-03);
INSERT INTO "epochs" VALUES(3,0,2.33659361660480513478e+00,0.118125,2.33155874848365796125e+00,0.0975,0.0,2.00054550003869735519e-03);
INSERT INTO "epochs" VALUES(2,0,2.35208887331187721514e+00,0.09125,2.3436935630440713929e+00,0.105,0.0,2.00054550003869735519e-03);
INSERT INTO "epochs" VALUES(4,0,2.35208887331187721514e+00,0.09125,2.3436935630440713929e+00,0.105,0.0,2.00054550003869735519e-03);
INSERT INTO "epochs" VALUES(1,1,2.19583191670477395618e+00,0.231875,2.21085270553827273332e+00,0.2175,5.48449500001879641786e-03,2.68147499997439808794e-03);
INSERT INTO "epochs" VALUES(3,1,NULL,0.1025,NULL,0.09,5.48449500001879641786e-03,2.68147499997439808794e-03);
INSERT INTO "epochs" VALUES(2,1,2.20886309072375297546e+00,0.166875,2.21439033508300786579e+00,0.18,5.48449500001879641786e-03,2.68147499997439808794e-03);
INSERT INTO "epochs" VALUES(4,1,NULL,0.1025,NULL,0.09,5.48449500001879641786e-03,2.68147499997439808794e-03);
INSERT INTO "epochs" VALUES(1,2,2.13488912217319,0.24375,2.1633133763074874345e+00,0.2325,5.83096624995960155501e-03,2.52778950004994840128e-03);
INSERT INTO "epochs" VALUES(3,2,NULL,0.1025,NULL,0.09,5.83096624995960155501e-03,2.52778950004994840128e-03);
INSERT INTO "epochs" VALUES(2,2,2.11899053730070585643e+00,0.255,2.15154483288526554574e+00,0.2475,5.83096624995960155501e-03,2.52778950004994840128e-03);
INSERT INTO "epochs" VALUES(4,2,NULL,0.1025,NULL,0.09,5.83096624995960155501e-03,2.52778950004994840128e-03);
INSERT INTO "epochs" VALUES(1,3,2.06682289712131028736e+00,0.2775,2.10166605770587899826e+00,0.25,6.24753099998542893445e-03,2.71060825002678029704e-03);
INSERT INTO "epochs" VALUES(3,3,NULL,0.1025,NULL,0.09,6.24753099998542893445e-03,2.71060825002678029704e-03);
INSERT INTO "epochs" VALUES(2,3,2.07532883137464541078e+00,0.258125,2.1319780758023263445e+00,0.245,6.24753099998542893445e-03,2.71060825002678029704e-03);
INSERT INTO "epochs" VALUES(4,3,NULL,0.1025,NULL,0.09,6.24753099998542893445e-03,2.71060825002678029704e-03);
INSERT INTO "epochs" VALUES(10,0,2.33659361660480513478e+00,0.118125,2.33155874848365796125e+00,0.0975,0.0,9.70284400000309688039e-03);
INSERT INTO "epochs" VALUES(10,1,7.30506784856319413279e+00,0.161875,7.54768229603767437652e+00,0.1325,1.71139399999447050504e-02,6.4905910001016309252e-03);
CREATE TABLE retroprop_meta (
	"key" VARCHAR(40) NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "retroprop_meta" VALUES('schema_version','1');
INSERT INTO "retroprop_meta" VALUES('written_by','retroprop 0.1.0');
CREATE TABLE runs (
	id INTEGER NOT NULL, 
	study_run_id VARCHAR(120) NOT NULL, 
	position INTEGER NOT NULL, 
	population VARCHAR(160) NOT NULL, 
	cell JSON NOT NULL, 
	settings JSON NOT NULL, 
	seed INTEGER NOT NULL, 
	status VARCHAR(20) NOT NULL, 
	best_epoch INTEGER, 
	best_validation_accuracy FLOAT, 
	best_validation_loss FLOAT, 
	diverged_epoch INTEGER, 
	test_accuracy FLOAT, 
	test_loss FLOAT, 
	checkpoint TEXT, 
	PRIMARY KEY (id), 
	UNIQUE (study_run_id, position), 
	FOREIGN KEY(study_run_id) REFERENCES study_runs (id)
);
INSERT INTO "runs" VALUES(1,'old-ae647b77',0,'optimizer=sgd','{"optimizer": "sgd", "learning_rate": 0.01}','{"kind": "softmax-regression", "optimizer": "sgd", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32", "derivation": "by-hand"}',0,'finished',3,0.25,2.10166605770587899826e+00,NULL,0.236,2.11743503952026346226e+00,'checkpoints/old-ae647b77/optimizer=sgd/best.safetensors');
INSERT INTO "runs" VALUES(2,'old-ae647b77',1,'optimizer=sgd','{"optimizer": "sgd", "learning_rate": 0.01}','{"kind": "softmax-regression", "optimizer": "sgd", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32", "derivation": "by-hand"}',1,'finished',2,0.2475,2.15154483288526554574e+00,NULL,0.206,2.16237507009506213506e+00,'checkpoints/old-ae647b77/optimizer=sgd/best.safetensors');
INSERT INTO "runs" VALUES(3,'old-ae647b77',2,'optimizer=sgd','{"optimizer": "sgd", "learning_rate": 1e+38}','{"kind": "softmax-regression", "optimizer": "sgd", "learning_rate": 1e+38, "schedule": "constant", "batch_size": 100, "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32", "derivation": "by-hand"}',0,'diverged',0,0.0975,2.33155874848365796125e+00,1,NULL,NULL,'checkpoints/old-ae647b77/optimizer=sgd/best.safetensors');
INSERT INTO "runs" VALUES(4,'old-ae647b77',3,'optimizer=sgd','{"optimizer": "sgd", "learning_rate": 1e+38}','{"kind": "softmax-regression", "optimizer": "sgd", "learning_rate": 1e+38, "schedule": "constant", "batch_size": 100, "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32", "derivation": "by-hand"}',1,'diverged',0,0.105,2.3436935630440713929e+00,1,NULL,NULL,'checkpoints/old-ae647b77/optimizer=sgd/best.safetensors');
INSERT INTO "runs" VALUES(5,'old-ae647b77',4,'optimizer=adam','{"optimizer": "adam", "learning_rate": 0.01}','{"kind": "softmax-regression", "optimizer": "adam", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32", "derivation": "by-hand"}',0,'finished',3,0.295,2.26904094457626337444e+00,NULL,0.236,2.37297088813781753557e+00,'checkpoints/old-ae647b77/optimizer=adam/best.safetensors');
INSERT INTO "runs" VALUES(6,'old-ae647b77',5,'optimizer=adam','{"optimizer": "adam", "learning_rate": 0.01}','{"kind": "softmax-regression", "optimizer": "adam", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32", "derivation": "by-hand"}',1,'finished',3,0.28,2.51654955744743347167e+00,NULL,0.234,2.67183283996582,'checkpoints/old-ae647b77/optimizer=adam/best.safetensors');
INSERT INTO "runs" VALUES(7,'old-ae647b77',6,'optimizer=adam','{"optimizer": "adam", "learning_rate": 1e+38}','{"kind": "softmax-regression", "optimizer": "adam", "learning_rate": 1e+38, "schedule": "constant", "batch_size": 100, "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32", "derivation": "by-hand"}',0,'diverged',0,0.0975,2.33155874848365796125e+00,1,NULL,NULL,'checkpoints/old-ae647b77/optimizer=adam/best.safetensors');
INSERT INTO "runs" VALUES(8,'old-ae647b77',7,'optimizer=adam','{"optimizer": "adam", "learning_rate": 1e+38}','{"kind": "softmax-regression", "optimizer": "adam", "learning_rate": 1e+38, "schedule": "constant", "batch_size": 100, "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32", "derivation": "by-hand"}',1,'diverged',0,0.105,2.3436935630440713929e+00,1,NULL,NULL,'checkpoints/old-ae647b77/optimizer=adam/best.safetensors');
INSERT INTO "runs" VALUES(9,'half-c36e33fe',0,'optimizer=sgd','{"optimizer": "sgd", "learning_rate": 0.01}','{"kind": "softmax-regression", "optimizer": "sgd", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32", "derivation": "by-hand"}',0,'planned',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "runs" VALUES(10,'half-c36e33fe',1,'optimizer=adam','{"optimizer": "adam", "learning_rate": 0.01}','{"kind": "softmax-regression", "optimizer": "adam", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32", "derivation": "by-hand"}',0,'running',1,0.1325,7.54768229603767437652e+00,NULL,NULL,NULL,NULL);
CREATE TABLE sessions (
	id INTEGER NOT NULL, 
	study_run_id VARCHAR(120) NOT NULL, 
	started_at VARCHAR(40) NOT NULL, 
	wall_s FLOAT NOT NULL, 
	environment JSON NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(study_run_id) REFERENCES study_runs (id)
);
INSERT INTO "sessions" VALUES(1,'old-ae647b77','2026-11-30T03:19:20+00:00',2.29937604099995951401e+00,'{"retroprop": "0.1.0", "python": "3.11.7", "torch": "2.13.0+cpu", "numpy": "2.4.6", "platform": "Linux x86_64", "cpu": "AMD EPYC", "cores": 2, "memory_gb": 23.5, "workers": 1, "threads_per_worker": 1, "git_revision": "bdb623d47014", "command": "retroprop run small.toml"}');
INSERT INTO "sessions" VALUES(2,'half-c36e33fe','2026-11-30T03:19:23+00:00',1.96104706699998132535e+00,'{"retroprop": "0.1.0", "python": "3.11.7", "torch": "2.13.0+cpu", "numpy": "2.4.6", "platform": "Linux x86_64", "cpu": "AMD EPYC", "cores": 2, "memory_gb": 23.5, "workers": 1, "threads_per_worker": 1, "git_revision": "bdb623d47014", "command": "retroprop run small.toml"}');
CREATE TABLE study_runs (
	id VARCHAR(120) NOT NULL, 
	study VARCHAR(80) NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	config JSON NOT NULL, 
	data_checksum VARCHAR(64) NOT NULL, 
	status VARCHAR(20) NOT NULL, 
	created_at VARCHAR(40) NOT NULL, 
	finished_at VARCHAR(40), 
	PRIMARY KEY (id)
);
INSERT INTO "study_runs" VALUES('old-ae647b77','old','ae647b777d900b5edb6840a4eb1655b497fdacd43fa91e96a04c1b01a0e288dc','{"name": "old", "title": {"en": "A study of an older version", "fr": "Une \u00e9tude d\u2019une version ant\u00e9rieure"}, "source": "", "dataset": "cifar10-sample", "split": {"validation": 0.2, "seed": 1}, "epochs": 3, "seeds": [0, 1], "model": {"kind": "softmax-regression", "derivation": "by-hand"}, "training": {"optimizer": "sgd", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "initial_sign": "both", "depth": 1, "width": 100, "activation": "relu", "output": "softmax", "kernel_size": 3, "gradient": "mean", "precision": "float32"}, "grid": {"optimizer": ["sgd", "adam"], "learning_rate": [0.01, 1e+38]}, "selection": {"best_per": ["optimizer"]}, "report": {"tables": [{"rows": "learning_rate", "columns": "optimizer", "value": "best_validation_accuracy"}], "figures": ["loss-curves", "accuracy-curves"]}}','edfbe99329a8e955','finished','2026-11-30T03:19:20+00:00','2026-11-30T03:19:23+00:00');
INSERT INTO "study_runs" VALUES('half-c36e33fe','half','c36e33fe0a8e7ae389295894556734e20e1496cf5d696e6532087de2f0eefeeb','{"name": "half", "title": {"en": "A study of an older version", "fr": "Une \u00e9tude d\u2019une version ant\u00e9rieure"}, "source": "", "dataset": "cifar10-sample", "split": {"validation": 0.2, "seed": 1}, "epochs": 3, "seeds": [0], "model": {"kind": "softmax-regression", "derivation": "by-hand"}, "training": {"optimizer": "sgd", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "initial_sign": "both", "depth": 1, "width": 100, "activation": "relu", "output": "softmax", "kernel_size": 3, "gradient": "mean", "precision": "float32"}, "grid": {"optimizer": ["sgd", "adam"], "learning_rate": [0.01]}, "selection": {"best_per": ["optimizer"]}, "report": {"tables": [{"rows": "learning_rate", "columns": "optimizer", "value": "best_validation_accuracy"}], "figures": ["loss-curves", "accuracy-curves"]}}','edfbe99329a8e955','interrupted','2026-11-30T03:19:23+00:00',NULL);
CREATE INDEX ix_study_runs_fingerprint ON study_runs (fingerprint);
CREATE INDEX ix_study_runs_study ON study_runs (study);
CREATE INDEX ix_sessions_study_run_id ON sessions (study_run_id);
CREATE INDEX ix_runs_study_run_id ON runs (study_run_id);
COMMIT;
