-- TRUTH: dictionaries of packed batches that did not come with the program: of a hub those that its operator added, of
-- a laptop those that the hub gave. None is ever removed, as stored batches name them.
CREATE TABLE dictionary (
    number INTEGER PRIMARY KEY,     -- the newest has the highest
    name   BLOB NOT NULL UNIQUE,    -- first four bytes of the hash, which batches name
    hash   BLOB NOT NULL UNIQUE,    -- blake3 of the file
    file   BLOB NOT NULL,           -- as zstd trained it
    at     INTEGER NOT NULL         -- since when, in milliseconds of this machine's clock
) STRICT;
