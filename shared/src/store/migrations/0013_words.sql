-- Only CACHE tables change.

-- `change_log` answers all that this answered, and each index costs every change that comes.
DROP INDEX change_unproven;

-- CACHE. Cases and persons whose words in the full text are older than their rows.
CREATE TABLE unworded (document BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;

-- Much comes at a time, and merging what was written before cost half of writing words: fewer and larger parts.
INSERT INTO case_index (case_index, rank) VALUES ('automerge', 8), ('hashsize', 8388608);
INSERT INTO person_index (person_index, rank) VALUES ('automerge', 8), ('hashsize', 8388608);
