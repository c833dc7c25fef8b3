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
	gradient_norm FLOAT, 
	row_crc BIGINT, 
	PRIMARY KEY (run_id, epoch), 
	FOREIGN KEY(run_id) REFERENCES runs (id)
);
INSERT INTO "epochs" VALUES(5,0,2.33659361660480513478e+00,0.118125,2.33155874848365796125e+00,0.0975,0.0,3.40848525002002133987e-03,NULL,3488984860);
INSERT INTO "epochs" VALUES(7,0,2.33659361660480513478e+00,0.118125,2.33155874848365796125e+00,0.0975,0.0,3.40848525002002133987e-03,NULL,3979070759);
INSERT INTO "epochs" VALUES(6,0,2.35208887331187721514e+00,0.09125,2.3436935630440713929e+00,0.105,0.0,3.40848525002002133987e-03,NULL,3059762548);
INSERT INTO "epochs" VALUES(8,0,2.35208887331187721514e+00,0.09125,2.3436935630440713929e+00,0.105,0.0,3.40848525002002133987e-03,NULL,1518037973);
INSERT INTO "epochs" VALUES(5,1,7.30506784856319413279e+00,0.161875,7.54768229603767437652e+00,0.1325,1.04021275000150126288e-02,3.49453749998929197317e-03,NULL,125256512);
INSERT INTO "epochs" VALUES(7,1,NULL,0.1025,NULL,0.09,1.04021275000150126288e-02,3.49453749998929197317e-03,NULL,975207251);
INSERT INTO "epochs" VALUES(6,1,1.1094297904074192473e+01,0.133125,1.13999345636367799272e+01,0.14,1.04021275000150126288e-02,3.49453749998929197317e-03,NULL,1024229579);
INSERT INTO "epochs" VALUES(8,1,NULL,0.1025,NULL,0.09,1.04021275000150126288e-02,3.49453749998929197317e-03,NULL,720168911);
INSERT INTO "epochs" VALUES(5,2,2.98039581239223494435e+00,0.23875,3.0599872648715971124e+00,0.2075,9.83393249998698593117e-03,3.32098299998051516013e-03,NULL,1702337598);
INSERT INTO "epochs" VALUES(7,2,NULL,0.1025,NULL,0.09,9.83393249998698593117e-03,3.32098299998051516013e-03,NULL,2236150383);
INSERT INTO "epochs" VALUES(6,2,3.99983824014663680301e+00,0.243125,4.34900431394577058341e+00,0.1975,9.83393249998698593117e-03,3.32098299998051516013e-03,NULL,901480349);
INSERT INTO "epochs" VALUES(8,2,NULL,0.1025,NULL,0.09,9.83393249998698593117e-03,3.32098299998051516013e-03,NULL,2508484339);
INSERT INTO "epochs" VALUES(5,3,2.03658171564340584325e+00,0.336875,2.26904094457626337444e+00,0.295,8.07783699997344228904e-03,3.60323124999695210135e-03,NULL,4028440935);
INSERT INTO "epochs" VALUES(7,3,NULL,0.1025,NULL,0.09,8.07783699997344228904e-03,3.60323124999695210135e-03,NULL,2349893666);
INSERT INTO "epochs" VALUES(6,3,2.30505814254283913911e+00,0.29125,2.51654955744743347167e+00,0.28,8.07783699997344228904e-03,3.60323124999695210135e-03,NULL,880542267);
INSERT INTO "epochs" VALUES(8,3,NULL,0.1025,NULL,0.09,8.07783699997344228904e-03,3.60323124999695210135e-03,NULL,2631668926);
INSERT INTO "epochs" VALUES(1,0,2.33659361660480513478e+00,0.118125,2.33155874848365796125e+00,0.0975,0.0,2.09060150001505462569e-03,NULL,3123411197);
INSERT INTO "epochs" VALUES(3,0,2.33659361660480513478e+00,0.118125,2.33155874848365796125e+00,0.0975,0.0,2.09060150001505462569e-03,NULL,3263124914);
INSERT INTO "epochs" VALUES(2,0,2.35208887331187721514e+00,0.09125,2.3436935630440713929e+00,0.105,0.0,2.09060150001505462569e-03,NULL,1195183591);
INSERT INTO "epochs" VALUES(4,0,2.35208887331187721514e+00,0.09125,2.3436935630440713929e+00,0.105,0.0,2.09060150001505462569e-03,NULL,42060177);
INSERT INTO "epochs" VALUES(1,1,2.19583191670477395618e+00,0.231875,2.21085270553827273332e+00,0.2175,7.77075900003865172038e-03,4.73453099999687765375e-03,NULL,1135894749);
INSERT INTO "epochs" VALUES(3,1,NULL,0.1025,NULL,0.09,7.77075900003865172038e-03,4.73453099999687765375e-03,NULL,2919018105);
INSERT INTO "epochs" VALUES(2,1,2.20886309072375297546e+00,0.166875,2.21439033508300786579e+00,0.18,7.77075900003865172038e-03,4.73453099999687765375e-03,NULL,1284343726);
INSERT INTO "epochs" VALUES(4,1,NULL,0.1025,NULL,0.09,7.77075900003865172038e-03,4.73453099999687765375e-03,NULL,3399354420);
INSERT INTO "epochs" VALUES(1,2,2.13488912217319,0.24375,2.1633133763074874345e+00,0.2325,1.43982234999953107035e-02,3.49882400001888527185e-03,NULL,646398004);
INSERT INTO "epochs" VALUES(3,2,NULL,0.1025,NULL,0.09,1.43982234999953107035e-02,3.49882400001888527185e-03,NULL,3449263364);
INSERT INTO "epochs" VALUES(2,2,2.11899053730070585643e+00,0.255,2.15154483288526554574e+00,0.2475,1.43982234999953107035e-02,3.49882400001888527185e-03,NULL,552042350);
INSERT INTO "epochs" VALUES(4,2,NULL,0.1025,NULL,0.09,1.43982234999953107035e-02,3.49882400001888527185e-03,NULL,2868196169);
INSERT INTO "epochs" VALUES(1,3,2.06682289712131028736e+00,0.2775,2.10166605770587899826e+00,0.25,7.37036800001078518107e-03,2.89050225001119542866e-03,NULL,2235864523);
INSERT INTO "epochs" VALUES(3,3,NULL,0.1025,NULL,0.09,7.37036800001078518107e-03,2.89050225001119542866e-03,NULL,3761582106);
INSERT INTO "epochs" VALUES(2,3,2.07532883137464541078e+00,0.258125,2.1319780758023263445e+00,0.245,7.37036800001078518107e-03,2.89050225001119542866e-03,NULL,3075000897);
INSERT INTO "epochs" VALUES(4,3,NULL,0.1025,NULL,0.09,7.37036800001078518107e-03,2.89050225001119542866e-03,NULL,2270664279);
INSERT INTO "epochs" VALUES(10,0,2.33659361660480513478e+00,0.118125,2.33155874848365796125e+00,0.0975,0.0,2.07137859999875217908e-02,NULL,2622076367);
INSERT INTO "epochs" VALUES(10,1,7.30506784856319413279e+00,0.161875,7.54768229603767437652e+00,0.1325,3.28132309998636628733e-02,1.06705180000972177367e-02,NULL,4138110636);
CREATE TABLE retroprop_meta (
	"key" VARCHAR(40) NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "retroprop_meta" VALUES('schema_version','3');
INSERT INTO "retroprop_meta" VALUES('written_by','retroprop 0.1.0');
CREATE TABLE runs (
	id INTEGER NOT NULL, 
	study_run_id TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	population TEXT NOT NULL, 
	cell JSON NOT NULL, 
	settings JSON NOT NULL, 
	seed BIGINT NOT NULL, 
	status VARCHAR(20) NOT NULL, 
	best_epoch INTEGER, 
	best_validation_accuracy FLOAT, 
	best_validation_loss FLOAT, 
	diverged_epoch INTEGER, 
	test_accuracy FLOAT, 
	test_loss FLOAT, 
	checkpoint TEXT, 
	parameters BIGINT, 
	test_confusion JSON, 
	checkpoint_sha256 VARCHAR(64), 
	state_sha256 VARCHAR(64), 
	row_crc BIGINT, 
	PRIMARY KEY (id), 
	UNIQUE (study_run_id, position), 
	FOREIGN KEY(study_run_id) REFERENCES study_runs (id)
);
INSERT INTO "runs" VALUES(1,'old-2c24645e',0,'optimizer=sgd','{"optimizer": "sgd", "learning_rate": 0.01}','{"kind": "softmax-regression", "optimizer": "sgd", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "derivation": "by-hand", "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32"}',0,'finished',3,0.25,2.10166605770587899826e+00,NULL,0.236,2.11743503952026346226e+00,'checkpoints/old-2c24645e/optimizer=sgd/best.safetensors',30730,'[[5, 2, 0, 0, 1, 2, 8, 6, 17, 9], [0, 9, 0, 0, 0, 3, 14, 2, 9, 13], [6, 1, 1, 0, 0, 5, 26, 3, 7, 1], [1, 1, 0, 0, 0, 13, 23, 4, 4, 4], [0, 1, 0, 0, 0, 4, 29, 5, 8, 3], [0, 0, 0, 0, 1, 12, 25, 7, 3, 2], [0, 1, 0, 0, 1, 5, 39, 1, 1, 2], [1, 5, 0, 0, 2, 5, 20, 5, 4, 8], [2, 3, 0, 0, 0, 5, 4, 1, 28, 7], [0, 3, 0, 0, 0, 0, 6, 6, 16, 19]]','6477bbd37a5fa9dcb20f57c6ca481c759e58abddc6a37a0cf037e6f55961aad5',NULL,3919437191);
INSERT INTO "runs" VALUES(2,'old-2c24645e',1,'optimizer=sgd','{"optimizer": "sgd", "learning_rate": 0.01}','{"kind": "softmax-regression", "optimizer": "sgd", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "derivation": "by-hand", "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32"}',1,'finished',2,0.2475,2.15154483288526554574e+00,NULL,0.206,2.16237507009506213506e+00,'checkpoints/old-2c24645e/optimizer=sgd/best.safetensors',30730,'[[11, 0, 3, 0, 2, 1, 1, 0, 28, 4], [0, 1, 3, 1, 9, 0, 3, 0, 27, 6], [4, 0, 12, 0, 8, 2, 5, 0, 18, 1], [2, 0, 12, 1, 10, 2, 6, 0, 13, 4], [0, 0, 15, 0, 12, 0, 6, 0, 16, 1], [3, 0, 16, 0, 13, 2, 4, 0, 10, 2], [1, 0, 11, 0, 22, 0, 9, 0, 4, 3], [2, 0, 15, 0, 8, 0, 1, 0, 15, 9], [3, 0, 2, 0, 1, 0, 1, 0, 41, 2], [1, 0, 2, 0, 3, 0, 2, 0, 28, 14]]','6477bbd37a5fa9dcb20f57c6ca481c759e58abddc6a37a0cf037e6f55961aad5',NULL,1962195396);
INSERT INTO "runs" VALUES(3,'old-2c24645e',2,'optimizer=sgd','{"optimizer": "sgd", "learning_rate": 1e+38}','{"kind": "softmax-regression", "optimizer": "sgd", "learning_rate": 1e+38, "schedule": "constant", "batch_size": 100, "derivation": "by-hand", "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32"}',0,'diverged',0,0.0975,2.33155874848365796125e+00,1,NULL,NULL,'checkpoints/old-2c24645e/optimizer=sgd/best.safetensors',30730,NULL,'6477bbd37a5fa9dcb20f57c6ca481c759e58abddc6a37a0cf037e6f55961aad5',NULL,3013484671);
INSERT INTO "runs" VALUES(4,'old-2c24645e',3,'optimizer=sgd','{"optimizer": "sgd", "learning_rate": 1e+38}','{"kind": "softmax-regression", "optimizer": "sgd", "learning_rate": 1e+38, "schedule": "constant", "batch_size": 100, "derivation": "by-hand", "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32"}',1,'diverged',0,0.105,2.3436935630440713929e+00,1,NULL,NULL,'checkpoints/old-2c24645e/optimizer=sgd/best.safetensors',30730,NULL,'6477bbd37a5fa9dcb20f57c6ca481c759e58abddc6a37a0cf037e6f55961aad5',NULL,1095946466);
INSERT INTO "runs" VALUES(5,'old-2c24645e',4,'optimizer=adam','{"optimizer": "adam", "learning_rate": 0.01}','{"kind": "softmax-regression", "optimizer": "adam", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "derivation": "by-hand", "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32"}',0,'finished',3,0.295,2.26904094457626337444e+00,NULL,0.236,2.37297088813781753557e+00,'checkpoints/old-2c24645e/optimizer=adam/best.safetensors',30730,'[[15, 0, 10, 2, 1, 0, 0, 0, 21, 1], [6, 6, 3, 7, 1, 1, 1, 0, 21, 4], [7, 1, 16, 7, 6, 0, 3, 0, 9, 1], [4, 1, 11, 16, 4, 5, 0, 0, 6, 3], [3, 0, 17, 6, 8, 2, 2, 2, 10, 0], [3, 0, 17, 13, 5, 9, 0, 0, 3, 0], [4, 0, 9, 10, 16, 2, 7, 0, 2, 0], [9, 1, 12, 7, 6, 3, 0, 1, 10, 1], [9, 1, 3, 1, 0, 2, 0, 0, 34, 0], [5, 2, 1, 6, 3, 0, 0, 1, 26, 6]]','36acf4053e8dccceec11811f9158a3efc5839f8a605459622f8765ad727e49ac',NULL,2560739828);
INSERT INTO "runs" VALUES(6,'old-2c24645e',5,'optimizer=adam','{"optimizer": "adam", "learning_rate": 0.01}','{"kind": "softmax-regression", "optimizer": "adam", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "derivation": "by-hand", "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32"}',1,'finished',3,0.28,2.51654955744743347167e+00,NULL,0.234,2.67183283996582,'checkpoints/old-2c24645e/optimizer=adam/best.safetensors',30730,'[[5, 11, 12, 0, 1, 3, 0, 6, 3, 9], [0, 37, 1, 0, 0, 3, 0, 5, 2, 2], [2, 5, 14, 0, 2, 8, 2, 15, 2, 0], [1, 11, 6, 0, 0, 18, 0, 10, 0, 4], [1, 15, 9, 0, 5, 6, 0, 14, 0, 0], [1, 6, 8, 0, 2, 21, 0, 11, 0, 1], [0, 8, 7, 0, 5, 10, 3, 17, 0, 0], [0, 14, 5, 0, 3, 6, 0, 18, 0, 4], [4, 23, 9, 0, 0, 5, 0, 2, 4, 3], [0, 33, 0, 0, 0, 1, 0, 6, 0, 10]]','36acf4053e8dccceec11811f9158a3efc5839f8a605459622f8765ad727e49ac',NULL,2353061565);
INSERT INTO "runs" VALUES(7,'old-2c24645e',6,'optimizer=adam','{"optimizer": "adam", "learning_rate": 1e+38}','{"kind": "softmax-regression", "optimizer": "adam", "learning_rate": 1e+38, "schedule": "constant", "batch_size": 100, "derivation": "by-hand", "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32"}',0,'diverged',0,0.0975,2.33155874848365796125e+00,1,NULL,NULL,'checkpoints/old-2c24645e/optimizer=adam/best.safetensors',30730,NULL,'36acf4053e8dccceec11811f9158a3efc5839f8a605459622f8765ad727e49ac',NULL,2271221171);
INSERT INTO "runs" VALUES(8,'old-2c24645e',7,'optimizer=adam','{"optimizer": "adam", "learning_rate": 1e+38}','{"kind": "softmax-regression", "optimizer": "adam", "learning_rate": 1e+38, "schedule": "constant", "batch_size": 100, "derivation": "by-hand", "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32"}',1,'diverged',0,0.105,2.3436935630440713929e+00,1,NULL,NULL,'checkpoints/old-2c24645e/optimizer=adam/best.safetensors',30730,NULL,'36acf4053e8dccceec11811f9158a3efc5839f8a605459622f8765ad727e49ac',NULL,1039102918);
INSERT INTO "runs" VALUES(9,'half-869f5092',0,'optimizer=sgd','{"optimizer": "sgd", "learning_rate": 0.01}','{"kind": "softmax-regression", "optimizer": "sgd", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "derivation": "by-hand", "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32"}',0,'planned',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1974309301);
INSERT INTO "runs" VALUES(10,'half-869f5092',1,'optimizer=adam','{"optimizer": "adam", "learning_rate": 0.01}','{"kind": "softmax-regression", "optimizer": "adam", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "derivation": "by-hand", "initial_scale": 0.01, "initial_sign": "both", "gradient": "mean", "precision": "float32"}',0,'interrupted',1,0.1325,7.54768229603767437652e+00,NULL,NULL,NULL,NULL,30730,NULL,NULL,'159a9bd23e0d6cb337262b59fb3fc1e8ecfaf1895ec02cc05d4ccb2b5f84a1a2',1696631734);
CREATE TABLE sessions (
	id INTEGER NOT NULL, 
	study_run_id TEXT NOT NULL, 
	started_at VARCHAR(40) NOT NULL, 
	wall_s FLOAT NOT NULL, 
	environment JSON NOT NULL, 
	row_crc BIGINT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(study_run_id) REFERENCES study_runs (id)
);
INSERT INTO "sessions" VALUES(1,'old-2c24645e','2026-11-30T03:19:43+00:00',2.88010576400006357289e+00,'{"retroprop": "0.1.0", "python": "3.11.7", "torch": "2.13.0+cpu", "numpy": "2.4.6", "platform": "Linux x86_64", "cpu": "AMD EPYC", "device": "cpu", "cores": 2, "memory_gb": 23.5, "workers": 1, "threads_per_worker": 1, "git_revision": "b7721e751bef", "command": "retroprop run small.toml"}',3992194397);
INSERT INTO "sessions" VALUES(2,'half-869f5092','2026-11-30T03:19:47+00:00',3.35543988100016576936e+00,'{"retroprop": "0.1.0", "python": "3.11.7", "torch": "2.13.0+cpu", "numpy": "2.4.6", "platform": "Linux x86_64", "cpu": "AMD EPYC", "device": "cpu", "cores": 2, "memory_gb": 23.5, "workers": 1, "threads_per_worker": 1, "git_revision": "b7721e751bef", "command": "retroprop run small.toml"}',732164479);
CREATE TABLE study_runs (
	id TEXT NOT NULL, 
	study TEXT NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	config JSON NOT NULL, 
	data_checksum VARCHAR(64) NOT NULL, 
	status VARCHAR(20) NOT NULL, 
	created_at VARCHAR(40) NOT NULL, 
	finished_at VARCHAR(40), 
	row_crc BIGINT, 
	PRIMARY KEY (id)
);
INSERT INTO "study_runs" VALUES('old-2c24645e','old','2c24645e859255b3d270df467e2e4fc4c68f0d019ce43f73737917c8dc97c6eb','{"name": "old", "title": {"en": "A study of an older version", "fr": "Une \u00e9tude d\u2019une version ant\u00e9rieure"}, "source": {"en": "", "fr": ""}, "dataset": "cifar10-sample", "size": "full", "split": {"source": "train", "validation": 0.2, "seed": 1}, "epochs": 3, "seeds": [0, 1], "model": {"kind": "softmax-regression", "derivation": "by-hand"}, "training": {"optimizer": "sgd", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "initial_sign": "both", "depth": 1, "width": 100, "activation": "relu", "output": "softmax", "kernel_size": 3, "gradient": "mean", "precision": "float32", "architecture": "mlp 256-256", "initialization": "torch", "patch_size": 4, "embedding": 256, "blocks": 4, "drop_rate": 0.0, "normalization": "per-channel", "augmentation": "none", "shuffle": true, "loss": "cross-entropy", "momentum": 0.9, "weight_decay": 0.0, "label_smoothing": 0.0, "train_metrics": "evaluated"}, "grid": {"optimizer": ["sgd", "adam"], "learning_rate": [0.01, 1e+38]}, "selection": {"best_per": ["optimizer"]}, "report": {"tables": [{"rows": "learning_rate", "columns": "optimizer", "value": "best_validation_accuracy"}], "figures": ["loss-curves", "accuracy-curves"]}}','edfbe99329a8e955','finished','2026-11-30T03:19:43+00:00','2026-11-30T03:19:46+00:00',2713808905);
INSERT INTO "study_runs" VALUES('half-869f5092','half','869f50925958d6b8fe8203755d79a32f00b1491e49451e64d5484b2685a645f1','{"name": "half", "title": {"en": "A study of an older version", "fr": "Une \u00e9tude d\u2019une version ant\u00e9rieure"}, "source": {"en": "", "fr": ""}, "dataset": "cifar10-sample", "size": "full", "split": {"source": "train", "validation": 0.2, "seed": 1}, "epochs": 3, "seeds": [0], "model": {"kind": "softmax-regression", "derivation": "by-hand"}, "training": {"optimizer": "sgd", "learning_rate": 0.01, "schedule": "constant", "batch_size": 100, "initial_sign": "both", "depth": 1, "width": 100, "activation": "relu", "output": "softmax", "kernel_size": 3, "gradient": "mean", "precision": "float32", "architecture": "mlp 256-256", "initialization": "torch", "patch_size": 4, "embedding": 256, "blocks": 4, "drop_rate": 0.0, "normalization": "per-channel", "augmentation": "none", "shuffle": true, "loss": "cross-entropy", "momentum": 0.9, "weight_decay": 0.0, "label_smoothing": 0.0, "train_metrics": "evaluated"}, "grid": {"optimizer": ["sgd", "adam"], "learning_rate": [0.01]}, "selection": {"best_per": ["optimizer"]}, "report": {"tables": [{"rows": "learning_rate", "columns": "optimizer", "value": "best_validation_accuracy"}], "figures": ["loss-curves", "accuracy-curves"]}}','edfbe99329a8e955','interrupted','2026-11-30T03:19:47+00:00',NULL,1819734146);
CREATE INDEX ix_study_runs_fingerprint ON study_runs (fingerprint);
CREATE INDEX ix_study_runs_study ON study_runs (study);
CREATE INDEX ix_sessions_study_run_id ON sessions (study_run_id);
CREATE INDEX ix_runs_study_run_id ON runs (study_run_id);
COMMIT;
