-- Files of attachments travel in bundles: a laptop brings to the hub what others attached, and receipts home.

-- Laptop: 1 where another laptop attached it and this one carries it, until the hub has said that it holds it.
ALTER TABLE attachment ADD COLUMN carried INTEGER NOT NULL DEFAULT 0;
CREATE INDEX attachment_carried ON attachment (hash) WHERE carried = 1;

-- TRUTH (laptop). The hub's receipts for files that others attached, on their way home. Nobody says when one has come
-- home: the oldest give way to newer ones.
CREATE TABLE homeward_file (
    turn  INTEGER PRIMARY KEY,         -- running number
    frame BLOB NOT NULL UNIQUE         -- the receipt as signed
) STRICT;
