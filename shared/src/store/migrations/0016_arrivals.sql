-- Only a CACHE table changes its form: what it held is carried over.

-- Changes stand in the order in which they came to count: feeds, twins and the read model follow that order, and what
-- comes is put at the end. The other indexes then name a change by a small number, not by its hash.
CREATE TABLE change_in_order (
    arrival  INTEGER PRIMARY KEY, -- running number of becoming applied; negative of a change that does not count
    hash     BLOB NOT NULL UNIQUE,
    document BLOB NOT NULL,
    author   INTEGER NOT NULL,
    epoch    BLOB NOT NULL,
    position INTEGER NOT NULL,    -- index in the author's log
    log      INTEGER NOT NULL,    -- the log that holds the bytes here
    entry    INTEGER NOT NULL,    -- and the entry in it
    state    INTEGER NOT NULL,    -- 0 waits for a parent, 1 applied, 2 refused
    second   INTEGER NOT NULL,    -- the change's own claim of when, in seconds
    root     INTEGER NOT NULL,    -- 1 if it has no parents
    fed      INTEGER NOT NULL     -- laptop: 1 if the hub's feed carried it or proved it
) STRICT;
INSERT INTO change_in_order (arrival, hash, document, author, epoch, position, log, entry, state, second, root, fed)
    SELECT coalesce(arrival, -row_number() OVER (PARTITION BY arrival IS NULL ORDER BY author, epoch, position, hash)),
           hash, document, author, epoch, position, log, entry, state, second, root, fed
    FROM change ORDER BY 1;
DROP TABLE change;
ALTER TABLE change_in_order RENAME TO change;
CREATE INDEX change_document ON change (document);
CREATE INDEX change_author ON change (author, epoch, position, fed);
CREATE INDEX change_log ON change (log, author, fed);
CREATE INDEX change_waiting ON change (document, author) WHERE state = 0;
