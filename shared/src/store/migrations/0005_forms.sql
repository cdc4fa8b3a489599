-- TRUTH. What an officer has typed and not saved yet, or saved lately: on this laptop alone, neither documents nor cases.
CREATE TABLE form (
    id     TEXT PRIMARY KEY,           -- 16 hexadecimal digits
    began  INTEGER NOT NULL,           -- milliseconds since 1970
    fields TEXT NOT NULL,              -- JSON object: the texts of each field
    cases  TEXT                        -- once it is saved: the cases, so that nothing is saved twice
) STRICT, WITHOUT ROWID;
