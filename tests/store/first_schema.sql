BEGIN TRANSACTION;
CREATE TABLE "captions" (
	id INTEGER NOT NULL, 
	inspection_id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	mode VARCHAR NOT NULL, 
	text TEXT NOT NULL, 
	source TEXT NOT NULL, 
	state VARCHAR NOT NULL, 
	reviewer TEXT, 
	CONSTRAINT pk_captions PRIMARY KEY (id), 
	CONSTRAINT fk_captions_inspection_id FOREIGN KEY(inspection_id) REFERENCES inspections (id)
);
INSERT INTO "captions" VALUES(1,1,'2026-11-30 18:40:55.061685','thinking','bent','template','draft',NULL);
INSERT INTO "captions" VALUES(2,1,'2026-11-30 18:40:55.067677','thinking','a bent pin','template','edited','Ada');
CREATE TABLE evidence (
	inspection_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	explored BOOLEAN NOT NULL, 
	source TEXT NOT NULL, 
	summary TEXT NOT NULL, 
	probability FLOAT, 
	pictures TEXT NOT NULL, 
	CONSTRAINT pk_evidence PRIMARY KEY (inspection_id, position), 
	CONSTRAINT fk_evidence_inspection_id FOREIGN KEY(inspection_id) REFERENCES inspections (id) ON DELETE CASCADE
);
INSERT INTO "evidence" VALUES(1,0,0,0,'anomaly map','a spot of 14×9 px',3.00000000000000044408e-01,'[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]');
INSERT INTO "evidence" VALUES(1,1,2,0,'anomaly map','a spot of 14×9 px',3.00000000000000044408e-01,'[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]');
INSERT INTO "evidence" VALUES(1,2,2,0,'anomaly map','a spot of 14×9 px',3.00000000000000044408e-01,'[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]');
INSERT INTO "evidence" VALUES(2,0,0,0,'anomaly map','a spot of 14×9 px',3.00000000000000044408e-01,'[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]');
INSERT INTO "evidence" VALUES(2,1,2,0,'anomaly map','a spot of 14×9 px',3.00000000000000044408e-01,'[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]');
INSERT INTO "evidence" VALUES(2,2,2,0,'anomaly map','a spot of 14×9 px',3.00000000000000044408e-01,'[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]');
INSERT INTO "evidence" VALUES(3,0,0,0,'anomaly map','a spot of 14×9 px',3.00000000000000044408e-01,'[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]');
INSERT INTO "evidence" VALUES(3,1,2,0,'anomaly map','a spot of 14×9 px',3.00000000000000044408e-01,'[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]');
INSERT INTO "evidence" VALUES(3,2,2,0,'anomaly map','a spot of 14×9 px',3.00000000000000044408e-01,'[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]');
INSERT INTO "evidence" VALUES(4,0,0,0,'anomaly map','a spot of 14×9 px',3.00000000000000044408e-01,'[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]');
INSERT INTO "evidence" VALUES(4,1,2,0,'anomaly map','a spot of 14×9 px',3.00000000000000044408e-01,'[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]');
INSERT INTO "evidence" VALUES(4,2,2,0,'anomaly map','a spot of 14×9 px',3.00000000000000044408e-01,'[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]');
INSERT INTO "evidence" VALUES(5,0,0,0,'anomaly map','a spot of 14×9 px',3.00000000000000044408e-01,'[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]');
INSERT INTO "evidence" VALUES(5,1,2,0,'anomaly map','a spot of 14×9 px',3.00000000000000044408e-01,'[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]');
INSERT INTO "evidence" VALUES(5,2,2,0,'anomaly map','a spot of 14×9 px',3.00000000000000044408e-01,'[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]');
INSERT INTO "evidence" VALUES(6,0,0,0,'anomaly map','a spot of 14×9 px',3.00000000000000044408e-01,'[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]');
INSERT INTO "evidence" VALUES(6,1,2,0,'anomaly map','a spot of 14×9 px',3.00000000000000044408e-01,'[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]');
INSERT INTO "evidence" VALUES(6,2,2,0,'anomaly map','a spot of 14×9 px',3.00000000000000044408e-01,'[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]');
CREATE TABLE inspections (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	image TEXT NOT NULL, 
	sha256 VARCHAR NOT NULL, 
	category TEXT, 
	at DATETIME NOT NULL, 
	label VARCHAR, 
	probability FLOAT, 
	defects TEXT, 
	types TEXT NOT NULL, 
	rationale TEXT, 
	first_label VARCHAR, 
	first_probability FLOAT, 
	first_defects TEXT, 
	first_rationale TEXT, 
	confidence FLOAT, 
	reliability FLOAT, 
	divergence FLOAT, 
	disposition VARCHAR NOT NULL, 
	reason TEXT NOT NULL, 
	rounds INTEGER NOT NULL, 
	revised BOOLEAN NOT NULL, 
	seconds FLOAT NOT NULL, 
	error TEXT, 
	sample TEXT NOT NULL, 
	CONSTRAINT pk_inspections PRIMARY KEY (id), 
	CONSTRAINT fk_inspections_run_id FOREIGN KEY(run_id) REFERENCES runs (id), 
	CONSTRAINT uq_inspections_run_id_image_sha256 UNIQUE (run_id, image, sha256)
);
INSERT INTO "inspections" VALUES(1,1,'a.png','7f071235805fbf58a2524f77bff76e1391d0d1cfe2f4c190d73054495e05b460','bolt','2026-11-30 18:40:55.008512','normal',0.2,'[]','[]','the line is on the reference, too','anomalous',0.7,'[{"box":[0.1,0.2,0.3,0.4],"score":0.3333333333333333,"mask":{"size":[4,4],"counts":"02203ON5"},"type":"scratch"}]','a bright line',0.8,0.9,-9.99999999999999777955e-02,'PASS','reliable',1,1,3.00000000000000044408e-01,NULL,'{"id":"a.png","category":"bolt","views":[{"path":"/parts/a.png","sha256":"7f071235805fbf58a2524f77bff76e1391d0d1cfe2f4c190d73054495e05b460","modality":"visual","size":null,"scale":null,"outside":0.0}]}');
INSERT INTO "inspections" VALUES(2,1,'b.png','5f59d8e87a6efbf43f23410175de477396d74daf9ade43b442ca02fc5413ad1d','bolt','2026-11-30 18:40:55.008512','normal',0.2,'[]','[]','the line is on the reference, too','anomalous',0.7,'[{"box":[0.1,0.2,0.3,0.4],"score":0.3333333333333333,"mask":{"size":[4,4],"counts":"02203ON5"},"type":"scratch"}]','a bright line',0.8,0.9,-9.99999999999999777955e-02,'PASS','reliable',1,1,3.00000000000000044408e-01,NULL,'{"id":"b.png","category":"bolt","views":[{"path":"/parts/b.png","sha256":"5f59d8e87a6efbf43f23410175de477396d74daf9ade43b442ca02fc5413ad1d","modality":"visual","size":null,"scale":null,"outside":0.0}]}');
INSERT INTO "inspections" VALUES(3,1,'c.png','58704e585ac93cab490a96fc2c01fb0b44ab612bc2322023d771d0643964fad5','bolt','2026-11-30 18:40:55.008512','normal',0.2,'[]','[]','the line is on the reference, too','anomalous',0.7,'[{"box":[0.1,0.2,0.3,0.4],"score":0.3333333333333333,"mask":{"size":[4,4],"counts":"02203ON5"},"type":"scratch"}]','a bright line',0.8,0.9,-9.99999999999999777955e-02,'PASS','reliable',1,1,3.00000000000000044408e-01,NULL,'{"id":"c.png","category":"bolt","views":[{"path":"/parts/c.png","sha256":"58704e585ac93cab490a96fc2c01fb0b44ab612bc2322023d771d0643964fad5","modality":"visual","size":null,"scale":null,"outside":0.0}]}');
INSERT INTO "inspections" VALUES(4,2,'a.png','7f071235805fbf58a2524f77bff76e1391d0d1cfe2f4c190d73054495e05b460','bolt','2026-11-30 18:40:55.040157','normal',0.2,'[]','[]','the line is on the reference, too','anomalous',0.7,'[{"box":[0.1,0.2,0.3,0.4],"score":0.3333333333333333,"mask":{"size":[4,4],"counts":"02203ON5"},"type":"scratch"}]','a bright line',0.8,0.9,-9.99999999999999777955e-02,'PASS','reliable',1,1,3.00000000000000044408e-01,NULL,'{"id":"a.png","category":"bolt","views":[{"path":"/parts/a.png","sha256":"7f071235805fbf58a2524f77bff76e1391d0d1cfe2f4c190d73054495e05b460","modality":"visual","size":null,"scale":null,"outside":0.0}]}');
INSERT INTO "inspections" VALUES(5,2,'b.png','5f59d8e87a6efbf43f23410175de477396d74daf9ade43b442ca02fc5413ad1d','bolt','2026-11-30 18:40:55.040157','normal',0.2,'[]','[]','the line is on the reference, too','anomalous',0.7,'[{"box":[0.1,0.2,0.3,0.4],"score":0.3333333333333333,"mask":{"size":[4,4],"counts":"02203ON5"},"type":"scratch"}]','a bright line',0.8,0.9,-9.99999999999999777955e-02,'PASS','reliable',1,1,3.00000000000000044408e-01,NULL,'{"id":"b.png","category":"bolt","views":[{"path":"/parts/b.png","sha256":"5f59d8e87a6efbf43f23410175de477396d74daf9ade43b442ca02fc5413ad1d","modality":"visual","size":null,"scale":null,"outside":0.0}]}');
INSERT INTO "inspections" VALUES(6,2,'c.png','58704e585ac93cab490a96fc2c01fb0b44ab612bc2322023d771d0643964fad5','bolt','2026-11-30 18:40:55.040157','normal',0.2,'[]','[]','the line is on the reference, too','anomalous',0.7,'[{"box":[0.1,0.2,0.3,0.4],"score":0.3333333333333333,"mask":{"size":[4,4],"counts":"02203ON5"},"type":"scratch"}]','a bright line',0.8,0.9,-9.99999999999999777955e-02,'PASS','reliable',1,1,3.00000000000000044408e-01,NULL,'{"id":"c.png","category":"bolt","views":[{"path":"/parts/c.png","sha256":"58704e585ac93cab490a96fc2c01fb0b44ab612bc2322023d771d0643964fad5","modality":"visual","size":null,"scale":null,"outside":0.0}]}');
CREATE TABLE reinspect_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT reinspect_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "reinspect_version" VALUES('0001');
CREATE TABLE "reviews" (
	id INTEGER NOT NULL, 
	inspection_id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	reviewer TEXT NOT NULL, 
	"before" TEXT, 
	"after" TEXT NOT NULL, 
	why TEXT NOT NULL, 
	CONSTRAINT pk_reviews PRIMARY KEY (id), 
	CONSTRAINT fk_reviews_inspection_id FOREIGN KEY(inspection_id) REFERENCES inspections (id)
);
INSERT INTO "reviews" VALUES(1,1,'2026-11-30 18:40:55.057205','Ada','{"kind":"verdict","label":"normal","probability":0.2,"defects":[],"rationale":"the line is on the reference, too","evidence":[]}','{"kind":"verdict","label":"anomalous","probability":0.9,"defects":[],"rationale":"","evidence":[]}','it is bent');
CREATE TABLE runs (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	folder TEXT, 
	status VARCHAR NOT NULL, 
	started DATETIME NOT NULL, 
	finished DATETIME, 
	recipe TEXT NOT NULL, 
	recipe_sha256 VARCHAR NOT NULL, 
	fingerprint TEXT NOT NULL, 
	sources TEXT NOT NULL, 
	versions TEXT NOT NULL, 
	explored BOOLEAN NOT NULL, 
	counters TEXT NOT NULL, 
	CONSTRAINT pk_runs PRIMARY KEY (id), 
	CONSTRAINT uq_runs_name UNIQUE (name)
);
INSERT INTO "runs" VALUES(1,'monday',NULL,'done','2026-11-30 18:40:54.986499','2026-11-30 18:40:55.024236','detector: embedded
','4c554c14cf9d55dd36a014475d22e79ad7bcf2249ce162e73a05d3a4d09315de','{}','[]','{}',0,'{"images":3.0,"passed":3.0,"failed":0.0,"review":0.0,"errors":0.0,"revisited":3.0,"corrected":3.0,"stopped":0.0,"seconds":0.9000000000000001}');
INSERT INTO "runs" VALUES(2,'tuesday',NULL,'done','2026-11-30 18:40:55.033608','2026-11-30 18:40:55.049804','detector: embedded
','4c554c14cf9d55dd36a014475d22e79ad7bcf2249ce162e73a05d3a4d09315de','{}','[]','{}',0,'{"images":3.0,"passed":3.0,"failed":0.0,"review":0.0,"errors":0.0,"revisited":3.0,"corrected":3.0,"stopped":0.0,"seconds":0.9000000000000001}');
CREATE TABLE "steps" (
	inspection_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	node TEXT NOT NULL, 
	round INTEGER NOT NULL, 
	seconds FLOAT NOT NULL, 
	error TEXT, 
	explored BOOLEAN NOT NULL, 
	products TEXT NOT NULL, 
	CONSTRAINT pk_steps PRIMARY KEY (inspection_id, position), 
	CONSTRAINT fk_steps_inspection_id FOREIGN KEY(inspection_id) REFERENCES inspections (id) ON DELETE CASCADE
);
INSERT INTO "steps" VALUES(1,0,'detect',0,0.1,NULL,0,'[{"kind":"verdict","label":"anomalous","probability":0.7,"defects":[{"box":[0.1,0.2,0.3,0.4],"score":0.3333333333333333,"mask":{"size":[4,4],"counts":"02203ON5"},"type":"scratch"}],"rationale":"a bright line","evidence":[{"kind":"evidence","source":"anomaly map","summary":"a spot of 14×9 px","probability":0.30000000000000004,"regions":[{"box":[0.1,0.2,0.3,0.4],"score":7.5,"mask":null}],"measurements":{"peak":7.5},"pictures":[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]}]}]');
INSERT INTO "steps" VALUES(1,1,'assess',0,0.0,NULL,0,'[{"kind":"assessment","confidence":0.7,"reliability":0.4,"reasons":["close"],"signals":{"margin":0.2},"probability":null,"wish":null},{"kind":"decision","move":"revisit","policy":"doubt","reason":"reliability below 0.5"}]');
INSERT INTO "steps" VALUES(1,2,'examine',1,0.2,NULL,0,'[{"kind":"evidence","source":"anomaly map","summary":"a spot of 14×9 px","probability":0.30000000000000004,"regions":[{"box":[0.1,0.2,0.3,0.4],"score":7.5,"mask":null}],"measurements":{"peak":7.5},"pictures":[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]},{"kind":"evidence","source":"anomaly map","summary":"a spot of 14×9 px","probability":0.30000000000000004,"regions":[{"box":[0.1,0.2,0.3,0.4],"score":7.5,"mask":null}],"measurements":{"peak":7.5},"pictures":[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]}]');
INSERT INTO "steps" VALUES(1,3,'revise',1,0.0,NULL,0,'[{"kind":"revision","move":"correct","after":{"kind":"verdict","label":"normal","probability":0.2,"defects":[],"rationale":"the line is on the reference, too","evidence":[]},"reflection":"no spot"}]');
INSERT INTO "steps" VALUES(1,4,'assess',1,0.0,NULL,0,'[{"kind":"assessment","confidence":0.8,"reliability":0.9,"reasons":[],"signals":{},"probability":null,"wish":null},{"kind":"decision","move":"accept","policy":"doubt","reason":""}]');
INSERT INTO "steps" VALUES(1,5,'explain',0,0.0,NULL,0,'[{"kind":"explanation","first":"flagged","final":"cleared"}]');
INSERT INTO "steps" VALUES(1,6,'settle',0,0.0,NULL,0,'[{"kind":"disposition","outcome":"PASS","reason":"reliable"}]');
INSERT INTO "steps" VALUES(2,0,'detect',0,0.1,NULL,0,'[{"kind":"verdict","label":"anomalous","probability":0.7,"defects":[{"box":[0.1,0.2,0.3,0.4],"score":0.3333333333333333,"mask":{"size":[4,4],"counts":"02203ON5"},"type":"scratch"}],"rationale":"a bright line","evidence":[{"kind":"evidence","source":"anomaly map","summary":"a spot of 14×9 px","probability":0.30000000000000004,"regions":[{"box":[0.1,0.2,0.3,0.4],"score":7.5,"mask":null}],"measurements":{"peak":7.5},"pictures":[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]}]}]');
INSERT INTO "steps" VALUES(2,1,'assess',0,0.0,NULL,0,'[{"kind":"assessment","confidence":0.7,"reliability":0.4,"reasons":["close"],"signals":{"margin":0.2},"probability":null,"wish":null},{"kind":"decision","move":"revisit","policy":"doubt","reason":"reliability below 0.5"}]');
INSERT INTO "steps" VALUES(2,2,'examine',1,0.2,NULL,0,'[{"kind":"evidence","source":"anomaly map","summary":"a spot of 14×9 px","probability":0.30000000000000004,"regions":[{"box":[0.1,0.2,0.3,0.4],"score":7.5,"mask":null}],"measurements":{"peak":7.5},"pictures":[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]},{"kind":"evidence","source":"anomaly map","summary":"a spot of 14×9 px","probability":0.30000000000000004,"regions":[{"box":[0.1,0.2,0.3,0.4],"score":7.5,"mask":null}],"measurements":{"peak":7.5},"pictures":[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]}]');
INSERT INTO "steps" VALUES(2,3,'revise',1,0.0,NULL,0,'[{"kind":"revision","move":"correct","after":{"kind":"verdict","label":"normal","probability":0.2,"defects":[],"rationale":"the line is on the reference, too","evidence":[]},"reflection":"no spot"}]');
INSERT INTO "steps" VALUES(2,4,'assess',1,0.0,NULL,0,'[{"kind":"assessment","confidence":0.8,"reliability":0.9,"reasons":[],"signals":{},"probability":null,"wish":null},{"kind":"decision","move":"accept","policy":"doubt","reason":""}]');
INSERT INTO "steps" VALUES(2,5,'explain',0,0.0,NULL,0,'[{"kind":"explanation","first":"flagged","final":"cleared"}]');
INSERT INTO "steps" VALUES(2,6,'settle',0,0.0,NULL,0,'[{"kind":"disposition","outcome":"PASS","reason":"reliable"}]');
INSERT INTO "steps" VALUES(3,0,'detect',0,0.1,NULL,0,'[{"kind":"verdict","label":"anomalous","probability":0.7,"defects":[{"box":[0.1,0.2,0.3,0.4],"score":0.3333333333333333,"mask":{"size":[4,4],"counts":"02203ON5"},"type":"scratch"}],"rationale":"a bright line","evidence":[{"kind":"evidence","source":"anomaly map","summary":"a spot of 14×9 px","probability":0.30000000000000004,"regions":[{"box":[0.1,0.2,0.3,0.4],"score":7.5,"mask":null}],"measurements":{"peak":7.5},"pictures":[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]}]}]');
INSERT INTO "steps" VALUES(3,1,'assess',0,0.0,NULL,0,'[{"kind":"assessment","confidence":0.7,"reliability":0.4,"reasons":["close"],"signals":{"margin":0.2},"probability":null,"wish":null},{"kind":"decision","move":"revisit","policy":"doubt","reason":"reliability below 0.5"}]');
INSERT INTO "steps" VALUES(3,2,'examine',1,0.2,NULL,0,'[{"kind":"evidence","source":"anomaly map","summary":"a spot of 14×9 px","probability":0.30000000000000004,"regions":[{"box":[0.1,0.2,0.3,0.4],"score":7.5,"mask":null}],"measurements":{"peak":7.5},"pictures":[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]},{"kind":"evidence","source":"anomaly map","summary":"a spot of 14×9 px","probability":0.30000000000000004,"regions":[{"box":[0.1,0.2,0.3,0.4],"score":7.5,"mask":null}],"measurements":{"peak":7.5},"pictures":[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]}]');
INSERT INTO "steps" VALUES(3,3,'revise',1,0.0,NULL,0,'[{"kind":"revision","move":"correct","after":{"kind":"verdict","label":"normal","probability":0.2,"defects":[],"rationale":"the line is on the reference, too","evidence":[]},"reflection":"no spot"}]');
INSERT INTO "steps" VALUES(3,4,'assess',1,0.0,NULL,0,'[{"kind":"assessment","confidence":0.8,"reliability":0.9,"reasons":[],"signals":{},"probability":null,"wish":null},{"kind":"decision","move":"accept","policy":"doubt","reason":""}]');
INSERT INTO "steps" VALUES(3,5,'explain',0,0.0,NULL,0,'[{"kind":"explanation","first":"flagged","final":"cleared"}]');
INSERT INTO "steps" VALUES(3,6,'settle',0,0.0,NULL,0,'[{"kind":"disposition","outcome":"PASS","reason":"reliable"}]');
INSERT INTO "steps" VALUES(4,0,'detect',0,0.1,NULL,0,'[{"kind":"verdict","label":"anomalous","probability":0.7,"defects":[{"box":[0.1,0.2,0.3,0.4],"score":0.3333333333333333,"mask":{"size":[4,4],"counts":"02203ON5"},"type":"scratch"}],"rationale":"a bright line","evidence":[{"kind":"evidence","source":"anomaly map","summary":"a spot of 14×9 px","probability":0.30000000000000004,"regions":[{"box":[0.1,0.2,0.3,0.4],"score":7.5,"mask":null}],"measurements":{"peak":7.5},"pictures":[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]}]}]');
INSERT INTO "steps" VALUES(4,1,'assess',0,0.0,NULL,0,'[{"kind":"assessment","confidence":0.7,"reliability":0.4,"reasons":["close"],"signals":{"margin":0.2},"probability":null,"wish":null},{"kind":"decision","move":"revisit","policy":"doubt","reason":"reliability below 0.5"}]');
INSERT INTO "steps" VALUES(4,2,'examine',1,0.2,NULL,0,'[{"kind":"evidence","source":"anomaly map","summary":"a spot of 14×9 px","probability":0.30000000000000004,"regions":[{"box":[0.1,0.2,0.3,0.4],"score":7.5,"mask":null}],"measurements":{"peak":7.5},"pictures":[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]},{"kind":"evidence","source":"anomaly map","summary":"a spot of 14×9 px","probability":0.30000000000000004,"regions":[{"box":[0.1,0.2,0.3,0.4],"score":7.5,"mask":null}],"measurements":{"peak":7.5},"pictures":[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]}]');
INSERT INTO "steps" VALUES(4,3,'revise',1,0.0,NULL,0,'[{"kind":"revision","move":"correct","after":{"kind":"verdict","label":"normal","probability":0.2,"defects":[],"rationale":"the line is on the reference, too","evidence":[]},"reflection":"no spot"}]');
INSERT INTO "steps" VALUES(4,4,'assess',1,0.0,NULL,0,'[{"kind":"assessment","confidence":0.8,"reliability":0.9,"reasons":[],"signals":{},"probability":null,"wish":null},{"kind":"decision","move":"accept","policy":"doubt","reason":""}]');
INSERT INTO "steps" VALUES(4,5,'explain',0,0.0,NULL,0,'[{"kind":"explanation","first":"flagged","final":"cleared"}]');
INSERT INTO "steps" VALUES(4,6,'settle',0,0.0,NULL,0,'[{"kind":"disposition","outcome":"PASS","reason":"reliable"}]');
INSERT INTO "steps" VALUES(5,0,'detect',0,0.1,NULL,0,'[{"kind":"verdict","label":"anomalous","probability":0.7,"defects":[{"box":[0.1,0.2,0.3,0.4],"score":0.3333333333333333,"mask":{"size":[4,4],"counts":"02203ON5"},"type":"scratch"}],"rationale":"a bright line","evidence":[{"kind":"evidence","source":"anomaly map","summary":"a spot of 14×9 px","probability":0.30000000000000004,"regions":[{"box":[0.1,0.2,0.3,0.4],"score":7.5,"mask":null}],"measurements":{"peak":7.5},"pictures":[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]}]}]');
INSERT INTO "steps" VALUES(5,1,'assess',0,0.0,NULL,0,'[{"kind":"assessment","confidence":0.7,"reliability":0.4,"reasons":["close"],"signals":{"margin":0.2},"probability":null,"wish":null},{"kind":"decision","move":"revisit","policy":"doubt","reason":"reliability below 0.5"}]');
INSERT INTO "steps" VALUES(5,2,'examine',1,0.2,NULL,0,'[{"kind":"evidence","source":"anomaly map","summary":"a spot of 14×9 px","probability":0.30000000000000004,"regions":[{"box":[0.1,0.2,0.3,0.4],"score":7.5,"mask":null}],"measurements":{"peak":7.5},"pictures":[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]},{"kind":"evidence","source":"anomaly map","summary":"a spot of 14×9 px","probability":0.30000000000000004,"regions":[{"box":[0.1,0.2,0.3,0.4],"score":7.5,"mask":null}],"measurements":{"peak":7.5},"pictures":[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]}]');
INSERT INTO "steps" VALUES(5,3,'revise',1,0.0,NULL,0,'[{"kind":"revision","move":"correct","after":{"kind":"verdict","label":"normal","probability":0.2,"defects":[],"rationale":"the line is on the reference, too","evidence":[]},"reflection":"no spot"}]');
INSERT INTO "steps" VALUES(5,4,'assess',1,0.0,NULL,0,'[{"kind":"assessment","confidence":0.8,"reliability":0.9,"reasons":[],"signals":{},"probability":null,"wish":null},{"kind":"decision","move":"accept","policy":"doubt","reason":""}]');
INSERT INTO "steps" VALUES(5,5,'explain',0,0.0,NULL,0,'[{"kind":"explanation","first":"flagged","final":"cleared"}]');
INSERT INTO "steps" VALUES(5,6,'settle',0,0.0,NULL,0,'[{"kind":"disposition","outcome":"PASS","reason":"reliable"}]');
INSERT INTO "steps" VALUES(6,0,'detect',0,0.1,NULL,0,'[{"kind":"verdict","label":"anomalous","probability":0.7,"defects":[{"box":[0.1,0.2,0.3,0.4],"score":0.3333333333333333,"mask":{"size":[4,4],"counts":"02203ON5"},"type":"scratch"}],"rationale":"a bright line","evidence":[{"kind":"evidence","source":"anomaly map","summary":"a spot of 14×9 px","probability":0.30000000000000004,"regions":[{"box":[0.1,0.2,0.3,0.4],"score":7.5,"mask":null}],"measurements":{"peak":7.5},"pictures":[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]}]}]');
INSERT INTO "steps" VALUES(6,1,'assess',0,0.0,NULL,0,'[{"kind":"assessment","confidence":0.7,"reliability":0.4,"reasons":["close"],"signals":{"margin":0.2},"probability":null,"wish":null},{"kind":"decision","move":"revisit","policy":"doubt","reason":"reliability below 0.5"}]');
INSERT INTO "steps" VALUES(6,2,'examine',1,0.2,NULL,0,'[{"kind":"evidence","source":"anomaly map","summary":"a spot of 14×9 px","probability":0.30000000000000004,"regions":[{"box":[0.1,0.2,0.3,0.4],"score":7.5,"mask":null}],"measurements":{"peak":7.5},"pictures":[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]},{"kind":"evidence","source":"anomaly map","summary":"a spot of 14×9 px","probability":0.30000000000000004,"regions":[{"box":[0.1,0.2,0.3,0.4],"score":7.5,"mask":null}],"measurements":{"peak":7.5},"pictures":[{"path":"pictures/heat.png","sha256":"0000000000000000000000000000000000000000000000000000000000000000","shows":"heat-map"}]}]');
INSERT INTO "steps" VALUES(6,3,'revise',1,0.0,NULL,0,'[{"kind":"revision","move":"correct","after":{"kind":"verdict","label":"normal","probability":0.2,"defects":[],"rationale":"the line is on the reference, too","evidence":[]},"reflection":"no spot"}]');
INSERT INTO "steps" VALUES(6,4,'assess',1,0.0,NULL,0,'[{"kind":"assessment","confidence":0.8,"reliability":0.9,"reasons":[],"signals":{},"probability":null,"wish":null},{"kind":"decision","move":"accept","policy":"doubt","reason":""}]');
INSERT INTO "steps" VALUES(6,5,'explain',0,0.0,NULL,0,'[{"kind":"explanation","first":"flagged","final":"cleared"}]');
INSERT INTO "steps" VALUES(6,6,'settle',0,0.0,NULL,0,'[{"kind":"disposition","outcome":"PASS","reason":"reliable"}]');
CREATE TABLE truth (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	image TEXT NOT NULL, 
	source VARCHAR NOT NULL, 
	label VARCHAR NOT NULL, 
	types TEXT NOT NULL, 
	boxes TEXT NOT NULL, 
	mask TEXT, 
	CONSTRAINT pk_truth PRIMARY KEY (id), 
	CONSTRAINT fk_truth_run_id FOREIGN KEY(run_id) REFERENCES runs (id), 
	CONSTRAINT uq_truth_run_id_image_source UNIQUE (run_id, image, source)
);
INSERT INTO "truth" VALUES(1,1,'a.png','review','anomalous','[]','[]',NULL);
INSERT INTO "truth" VALUES(2,2,'a.png','review','anomalous','[]','[]',NULL);
CREATE INDEX ix_runs_folder ON runs (folder);
CREATE INDEX ix_inspections_image ON inspections (image);
CREATE INDEX ix_inspections_run_id_category ON inspections (run_id, category);
CREATE INDEX ix_inspections_run_id_disposition_reliability ON inspections (run_id, disposition, reliability);
CREATE INDEX ix_inspections_run_id_reliability ON inspections (run_id, reliability);
CREATE INDEX ix_inspections_sha256 ON inspections (sha256);
CREATE INDEX ix_evidence_source_inspection_id ON evidence (source, inspection_id);
CREATE INDEX ix_captions_inspection_id ON captions (inspection_id);
CREATE INDEX ix_captions_state ON captions (state);
CREATE INDEX ix_reviews_inspection_id ON reviews (inspection_id);
COMMIT;
