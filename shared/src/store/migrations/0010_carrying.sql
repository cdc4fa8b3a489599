-- TRUTH (laptop). What it carries for others: batches of other laptops' logs, signed by their authors, each readable
-- alone. A row goes only once the hub has said that it holds the batch.
CREATE TABLE carried (
    author  INTEGER NOT NULL,          -- whose log
    epoch   BLOB NOT NULL,             -- the author's life
    first   INTEGER NOT NULL,          -- index of the first entry
    last    INTEGER NOT NULL,
    before  BLOB NOT NULL,             -- chain before the first entry
    chain   BLOB NOT NULL,             -- chain after the last entry
    changes INTEGER NOT NULL,          -- entries that are changes of a case, a person or a visit
    bytes   BLOB NOT NULL,             -- the batch as it travels
    at      INTEGER NOT NULL,          -- since when, milliseconds since 1970 by this machine's clock
    refused TEXT,                      -- why the hub did not take it when it was offered last
    PRIMARY KEY (author, epoch, first, chain)
) STRICT, WITHOUT ROWID;

-- TRUTH (laptop). The hub's receipts for other laptops, on their way home.
CREATE TABLE homeward (
    device INTEGER NOT NULL,
    epoch  BLOB NOT NULL,
    head   INTEGER NOT NULL,           -- up to which entry
    frame  BLOB NOT NULL,              -- the receipt as signed
    PRIMARY KEY (device, epoch)
) STRICT, WITHOUT ROWID;

-- TRUTH (laptop). What other laptops have signed that they hold of this laptop's logs: entries behind `after` up to
-- `head`.
CREATE TABLE custody_note (
    epoch   BLOB NOT NULL,             -- the life of this laptop
    carrier INTEGER NOT NULL,          -- who holds them
    after   INTEGER NOT NULL,
    head    INTEGER NOT NULL,
    at      INTEGER NOT NULL,          -- when it was signed, by the carrier's clock
    frame   BLOB NOT NULL,             -- the note as signed
    PRIMARY KEY (epoch, carrier, after)
) STRICT, WITHOUT ROWID;

-- Local to this laptop: the laptops that it met, and where it found them.
CREATE TABLE peer (
    device  INTEGER PRIMARY KEY,
    address TEXT NOT NULL,             -- empty of one that came to this laptop
    at      INTEGER NOT NULL           -- when last, milliseconds since 1970
) STRICT;
