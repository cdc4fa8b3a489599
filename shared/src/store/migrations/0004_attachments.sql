-- TRUTH. Files of attachments and of their thumbnails, which lie beside the database by the hash of their bytes:
-- what is here, what is coming, and what the hub has.
CREATE TABLE attachment (
    hash    BLOB PRIMARY KEY,          -- BLAKE3 of the bytes
    size    INTEGER NOT NULL,          -- bytes of the whole
    held    INTEGER NOT NULL,          -- bytes of it in the folder, synced to disk
    whole   INTEGER NOT NULL,          -- 1 where all of it is here and its hash was checked
    own     INTEGER NOT NULL,          -- 1 where it was attached here
    wanted  INTEGER NOT NULL,          -- 1 where it is to be fetched: somebody asked for it, or it was here and is damaged
    source  INTEGER,                   -- hub: the device that sends it, or sent it
    receipt BLOB                       -- laptop: the hub's signed receipt for it, as it came
) STRICT, WITHOUT ROWID;
CREATE INDEX attachment_open ON attachment (hash) WHERE own = 1 AND receipt IS NULL;
CREATE INDEX attachment_wanted ON attachment (hash) WHERE wanted = 1;
CREATE INDEX attachment_half ON attachment (source, hash) WHERE whole = 0;

-- CACHE. Which files cases name.
CREATE TABLE named (
    document  BLOB NOT NULL,
    hash      BLOB NOT NULL,
    thumbnail INTEGER NOT NULL,        -- 1 of a small picture, whose size nobody announces
    size      INTEGER NOT NULL,        -- bytes as announced; of a small picture the most that it may have
    kind      TEXT NOT NULL,
    removed   INTEGER NOT NULL,        -- 1 where it was taken away from the case
    author    INTEGER,                 -- the device that attached it
    PRIMARY KEY (document, hash, thumbnail)
) STRICT, WITHOUT ROWID;
CREATE INDEX named_author ON named (author, removed, hash);
CREATE INDEX named_hash ON named (hash, removed);
