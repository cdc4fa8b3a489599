-- Only CACHE tables change; what they held is filled again from the changes at the next reading.

DROP TABLE text_index;
DROP TABLE text_document;

-- CACHE. Full text: `words` as written, `names` by the keys under which names are found. Cases stand in the
-- order of their sittings (case_text.text: second * 1024 and a running number), so that the newest are found
-- first without looking at the others; a case is found by its people's words too.
CREATE TABLE case_text (
    text     INTEGER PRIMARY KEY,
    document BLOB NOT NULL UNIQUE
) STRICT;
CREATE VIRTUAL TABLE case_index USING fts5 (words, names, content = '', contentless_delete = 1, prefix = '2 3');
CREATE TABLE person_text (
    text     INTEGER PRIMARY KEY,
    document BLOB NOT NULL UNIQUE
) STRICT;
CREATE VIRTUAL TABLE person_index USING fts5 (words, names, content = '', contentless_delete = 1, prefix = '2 3');

-- 1 where another open case of the same person is about the same service, or another case has the same blank.
ALTER TABLE case_row ADD COLUMN same_service INTEGER NOT NULL DEFAULT 0;
ALTER TABLE case_row ADD COLUMN same_blank INTEGER NOT NULL DEFAULT 0;
CREATE INDEX case_blank ON case_row (blank) WHERE blank IS NOT NULL;
CREATE INDEX case_conflict ON case_row (document) WHERE conflict OR same_service OR same_blank;
CREATE INDEX person_conflict ON person_row (document) WHERE conflict;
CREATE INDEX case_accepted ON case_row (document) WHERE accepted;

DROP INDEX person_nik;
CREATE INDEX person_nik ON person_row (nik, twin) WHERE nik IS NOT NULL;
CREATE INDEX person_proposed ON person_row (document) WHERE detail ->> '$.proposed[0]' IS NOT NULL;

DROP INDEX change_author;
CREATE INDEX change_author ON change (author, epoch, position, fed);
CREATE INDEX change_log ON change (log, author, fed);

INSERT OR IGNORE INTO stale (document) SELECT DISTINCT document FROM change;
