-- When the hub did not take a batch last, milliseconds since 1970 by this machine's clock: until a day later, or until
-- something changed that may change its mind, the batch is not offered again. Empty: it is due.
ALTER TABLE carried ADD COLUMN refused_at INTEGER;
-- First 16 bytes of the bytes' blake3, as they were proven; empty of what an older program kept.
ALTER TABLE carried ADD COLUMN digest BLOB;
-- The life of the carrier that signed: once the carrier lives another, nobody knows what it still holds. Empty of a
-- note of an older program.
ALTER TABLE custody_note ADD COLUMN life BLOB;
