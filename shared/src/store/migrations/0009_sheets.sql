-- TRUTH, of this laptop alone. Slip numbers on emergency sheets: given out on paper before there is a case, and to no
-- other case ever.
CREATE TABLE sheet (
    slip     TEXT PRIMARY KEY,
    epoch    BLOB NOT NULL,            -- the life of this database that reserved it, with which it expires
    at       INTEGER NOT NULL,         -- when, milliseconds since 1970: the same for all that were printed together
    document BLOB                      -- the case that was entered from it; null while nobody has
) STRICT, WITHOUT ROWID;
CREATE INDEX sheet_at ON sheet (at);
