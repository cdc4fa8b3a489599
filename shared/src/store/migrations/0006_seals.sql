-- TRUTH. Seals: on a laptop those that it made, on the hub those that came, each once, however it came.
CREATE TABLE seal (
    seal    BLOB PRIMARY KEY,          -- 95 bytes
    device  INTEGER NOT NULL,          -- who states, as the seal says
    last    INTEGER NOT NULL,          -- index of the last entry that is stated
    epoch   BLOB,                      -- laptop: the life whose log is sealed; null of what came from elsewhere
    changes INTEGER,                   -- laptop: changes among the entries; null of what came from elsewhere
    leader  TEXT NOT NULL,             -- the team leader's name, empty where nobody gave it
    came    TEXT NOT NULL,             -- how it came first: made, sync, typed
    at      INTEGER NOT NULL           -- when, milliseconds since 1970 by this machine's clock
) STRICT, WITHOUT ROWID;
CREATE INDEX seal_device ON seal (device, last);
