-- Files that are carried and cannot be handed over, and receipts for files, each kept once.

-- Laptop: why a file that is carried cannot be handed over for now: not_named or size, as the hub said when it was
-- offered last, or damaged by this laptop's disk. It does not count against a wipe, but for a file that was attached here too: whoever
-- attached it keeps it until the hub's receipt.
ALTER TABLE attachment ADD COLUMN refused TEXT;

-- TRUTH (laptop). The hub's receipts for files: those that an attachment names, and those on their way home. Nobody
-- says when one has come home: the oldest give way to newer ones.
CREATE TABLE file_receipt (
    receipt  INTEGER PRIMARY KEY,      -- running number, which attachment.receipt names
    frame    BLOB NOT NULL UNIQUE,     -- the receipt as signed
    homeward INTEGER NOT NULL          -- 1 where it is brought home to others
) STRICT;
CREATE INDEX file_receipt_homeward ON file_receipt (receipt) WHERE homeward = 1;
INSERT INTO file_receipt (frame, homeward) SELECT frame, 1 FROM homeward_file ORDER BY turn;
INSERT OR IGNORE INTO file_receipt (frame, homeward)
    SELECT DISTINCT receipt, 0 FROM attachment WHERE receipt IS NOT NULL;
DROP TABLE homeward_file;

-- Laptop: which of file_receipt is the hub's receipt for the file; it takes the name of the column that held the
-- receipt itself.
ALTER TABLE attachment ADD COLUMN number INTEGER;
UPDATE attachment SET number = (SELECT file_receipt.receipt FROM file_receipt WHERE frame = attachment.receipt)
    WHERE receipt IS NOT NULL;
DROP INDEX attachment_open;
ALTER TABLE attachment DROP COLUMN receipt;
ALTER TABLE attachment RENAME COLUMN number TO receipt;
CREATE INDEX attachment_open ON attachment (hash) WHERE own = 1 AND receipt IS NULL;
CREATE INDEX attachment_receipt ON attachment (receipt) WHERE receipt IS NOT NULL;

-- What was carried for others and was damaged before this was noted.
UPDATE attachment SET refused = 'damaged' WHERE carried = 1 AND own = 0 AND whole = 0 AND receipt IS NULL;

-- A case's open question is worked out in another way since: what was kept of it is made anew.
INSERT OR IGNORE INTO stale (document) SELECT document FROM case_row WHERE question IS NOT NULL;
