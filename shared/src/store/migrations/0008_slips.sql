-- TRUTH, of this laptop alone. Which slip of a case the citizen should hold and which one is on paper: saving waits for
-- no printer, and a copy says that it is one.
CREATE TABLE slip (
    document BLOB PRIMARY KEY,         -- the case
    wanted   INTEGER NOT NULL,         -- revision that the citizen should hold, from 1
    printed  INTEGER NOT NULL,         -- newest revision on paper; 0 where none is
    copies   INTEGER NOT NULL,         -- how often that revision came out
    at       INTEGER NOT NULL          -- of the last change here, milliseconds since 1970
) STRICT, WITHOUT ROWID;
CREATE INDEX slip_open ON slip (at) WHERE printed < wanted;

-- When the hub gave a laptop the standing that it has; null where it never changed, or a restore lost it.
ALTER TABLE device ADD COLUMN stood INTEGER;
