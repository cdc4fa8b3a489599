-- What is marked TRUTH cannot be rebuilt; what is marked CACHE is rebuilt from it by `doctor --rebuild`.

-- TRUTH. Single facts: this device's identity, the life of the database, positions.
CREATE TABLE fact (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- TRUTH. Every log that this store holds a part of: its own, other devices', feeds.
CREATE TABLE log (
    log          INTEGER PRIMARY KEY,
    author       INTEGER NOT NULL,             -- device number, 0 the hub
    epoch        BLOB NOT NULL,                -- the author's life
    reader       INTEGER NOT NULL DEFAULT -1,  -- of a feed: the device it is for; -1 of a device's own log
    reader_epoch BLOB NOT NULL DEFAULT x'',
    head         INTEGER NOT NULL DEFAULT 0,   -- index of the last entry held
    chain        BLOB NOT NULL,                -- 16 bytes: the chain there
    UNIQUE (author, epoch, reader, reader_epoch)
) STRICT;

-- TRUTH. Entries, in batches as they came or were written; whole and without gaps below log.head.
CREATE TABLE batch (
    log       INTEGER NOT NULL REFERENCES log,
    first     INTEGER NOT NULL,
    last      INTEGER NOT NULL,
    before    BLOB NOT NULL,      -- chain before the first entry
    chain     BLOB NOT NULL,      -- chain after the last entry
    codec     INTEGER NOT NULL,   -- how body is encoded
    signature BLOB NOT NULL,      -- the author's; empty while the batch may still be merged with the next
    body      BLOB NOT NULL,
    PRIMARY KEY (log, first)
) STRICT;
CREATE INDEX batch_unsigned ON batch (log, first) WHERE signature = x'';

-- TRUTH. A batch that is half received, kept so that nothing is sent twice.
CREATE TABLE partial (
    log    INTEGER PRIMARY KEY REFERENCES log,
    digest BLOB NOT NULL,
    total  INTEGER NOT NULL,
    bytes  BLOB NOT NULL
) STRICT;

-- TRUTH. Newest signed receipt of the hub for each life of this device.
CREATE TABLE receipt (
    epoch BLOB PRIMARY KEY,
    head  INTEGER NOT NULL,       -- up to which entry of that life's log; less where the hub has lost some since
    frame BLOB NOT NULL           -- the receipt as signed
) STRICT, WITHOUT ROWID;

-- TRUTH. What was refused and why: on the hub everybody's, on a laptop its own.
CREATE TABLE quarantine (
    hash     BLOB PRIMARY KEY,
    document BLOB NOT NULL,
    author   INTEGER NOT NULL,
    epoch    BLOB NOT NULL,
    position INTEGER NOT NULL,    -- index in the author's log: the bytes are there
    rule     TEXT NOT NULL,
    reason   TEXT NOT NULL,
    at       INTEGER NOT NULL,    -- milliseconds, this machine's clock
    told     INTEGER NOT NULL DEFAULT 0  -- hub: the author's feed carries it
) STRICT, WITHOUT ROWID;
CREATE INDEX quarantine_document ON quarantine (document);

-- TRUTH (hub). Bytes that are no valid batch, as they came.
CREATE TABLE debris (
    debris INTEGER PRIMARY KEY,
    author INTEGER NOT NULL,
    reason TEXT NOT NULL,
    at     INTEGER NOT NULL,
    bytes  BLOB NOT NULL
) STRICT;

-- TRUTH (hub). Enrolled laptops.
CREATE TABLE device (
    device   INTEGER PRIMARY KEY,
    key      BLOB NOT NULL UNIQUE,   -- Ed25519 public key
    unit     TEXT NOT NULL,
    state    TEXT NOT NULL,          -- active, suspended, revoked, lost
    enrolled INTEGER NOT NULL,
    seen     INTEGER                 -- last contact
) STRICT;

-- TRUTH (hub). Letters for slip numbers: one for each life of each device, never given twice in a unit.
CREATE TABLE letter (
    unit    TEXT NOT NULL,
    ordinal INTEGER NOT NULL,        -- 0 is A, 25 Z, 26 AA
    device  INTEGER NOT NULL,
    epoch   BLOB NOT NULL,
    PRIMARY KEY (unit, ordinal),
    UNIQUE (device, epoch)
) STRICT, WITHOUT ROWID;

-- TRUTH (hub). Tickets for enrolment.
CREATE TABLE ticket (
    ticket  BLOB PRIMARY KEY,        -- 8 bytes
    secret  BLOB NOT NULL,
    unit    TEXT NOT NULL,
    expires INTEGER NOT NULL,
    device  INTEGER                  -- who used it
) STRICT, WITHOUT ROWID;

-- TRUTH. Registries: rows as canonical JSON, in every version that was ever in force here: cases name the
-- catalogue that they were opened under, and a feed tells the difference from the version it told last.
CREATE TABLE registry_row (
    kind    TEXT NOT NULL,
    version BLOB NOT NULL,
    key     TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (kind, version, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE registry (
    kind      TEXT PRIMARY KEY,
    version   BLOB NOT NULL,      -- the one in force
    signature BLOB NOT NULL       -- the hub's over it
) STRICT, WITHOUT ROWID;

-- TRUTH. Running numbers: slips by letter and day, devices.
CREATE TABLE counter (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- TRUTH. Digests of the lines that were recorded here, so that a repeated line is noticed.
CREATE TABLE line (
    digest   BLOB PRIMARY KEY,
    document BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- TRUTH (hub). Where each feed stands.
CREATE TABLE feed (
    log     INTEGER PRIMARY KEY REFERENCES log,
    seen    INTEGER NOT NULL DEFAULT 0,   -- change.arrival up to which the feed was extended
    acked   INTEGER NOT NULL DEFAULT 0,   -- index that the reader confirmed
    started INTEGER NOT NULL DEFAULT 0    -- whether the reader's holdings are known
) STRICT;

-- TRUTH. Documents in scope: on the hub by feed, on a laptop with feed 0.
CREATE TABLE entered (
    feed     INTEGER NOT NULL,
    document BLOB NOT NULL,
    PRIMARY KEY (feed, document)
) STRICT, WITHOUT ROWID;

-- TRUTH (hub). Registry versions that a feed has carried.
CREATE TABLE fed_registry (
    feed    INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    version BLOB NOT NULL,
    PRIMARY KEY (feed, kind)
) STRICT, WITHOUT ROWID;

-- CACHE. Every change: where its bytes are, who wrote it, whether it counts.
CREATE TABLE change (
    hash     BLOB PRIMARY KEY,
    document BLOB NOT NULL,
    author   INTEGER NOT NULL,
    epoch    BLOB NOT NULL,
    position INTEGER NOT NULL,    -- index in the author's log
    log      INTEGER NOT NULL,    -- the log that holds the bytes here
    entry    INTEGER NOT NULL,    -- and the entry in it
    state    INTEGER NOT NULL,    -- 0 waits for a parent, 1 applied, 2 refused
    arrival  INTEGER,             -- running number of becoming applied
    second   INTEGER NOT NULL,    -- the change's own claim of when, in seconds
    root     INTEGER NOT NULL,    -- 1 if it has no parents
    fed      INTEGER NOT NULL     -- laptop: 1 if the hub's feed carried it or proved it
) STRICT, WITHOUT ROWID;
CREATE INDEX change_document ON change (document, arrival);
CREATE UNIQUE INDEX change_arrival ON change (arrival) WHERE arrival IS NOT NULL;
CREATE INDEX change_author ON change (author, epoch, position);
CREATE INDEX change_unproven ON change (log, author) WHERE fed = 0;
CREATE INDEX change_waiting ON change (document, author) WHERE state = 0;

-- CACHE. Who may write as which actor, from the actor entries of logs.
CREATE TABLE actor (
    actor  BLOB PRIMARY KEY,
    nonce  BLOB,                 -- what it was made of with the author's key; null where only a feed tells of it
    author INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- CACHE. Documents whose read model is older than their changes.
CREATE TABLE stale (document BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;

-- CACHE. The read model: one row a document.
CREATE TABLE person_row (
    document BLOB PRIMARY KEY,
    nik      TEXT,
    name     TEXT NOT NULL,
    born     TEXT,
    village  TEXT,
    ref      TEXT,
    twin     BLOB,                 -- same_as, or the document itself
    conflict INTEGER NOT NULL,
    detail   TEXT NOT NULL         -- what else lists show, as a JSON object
) STRICT, WITHOUT ROWID;
CREATE INDEX person_nik ON person_row (nik) WHERE nik IS NOT NULL;
CREATE INDEX person_ref ON person_row (ref) WHERE ref IS NOT NULL;
CREATE INDEX person_twin ON person_row (twin);
CREATE TABLE case_row (
    document  BLOB PRIMARY KEY,
    slip      TEXT NOT NULL,
    service   TEXT NOT NULL,
    state     TEXT NOT NULL,
    unit      TEXT NOT NULL,
    village   TEXT,
    applicant BLOB,
    subject   BLOB,
    visit     BLOB,
    ref       TEXT,
    blank     TEXT,
    started   INTEGER,
    closed    INTEGER,             -- when it reached an end state, milliseconds
    accepted  INTEGER NOT NULL,    -- 1 if an agency's acceptance covers all that vans wrote
    conflict  INTEGER NOT NULL,
    detail    TEXT NOT NULL        -- what else lists show, as a JSON object
) STRICT, WITHOUT ROWID;
CREATE INDEX case_slip ON case_row (slip);
CREATE INDEX case_subject ON case_row (subject, service);
CREATE INDEX case_applicant ON case_row (applicant);
CREATE INDEX case_visit ON case_row (visit);
CREATE INDEX case_ref ON case_row (ref) WHERE ref IS NOT NULL;
CREATE INDEX case_started ON case_row (started);
CREATE INDEX case_state ON case_row (state);
CREATE INDEX case_closed ON case_row (closed) WHERE closed IS NOT NULL;
CREATE TABLE visit_row (
    document BLOB PRIMARY KEY,
    unit     TEXT NOT NULL,
    label    TEXT NOT NULL,
    day      TEXT NOT NULL,
    village  TEXT,
    opened   INTEGER,
    closed   INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX visit_label ON visit_row (label, day);

-- CACHE. Full text of persons and cases, by the rowid of text_document.
CREATE TABLE text_document (
    text     INTEGER PRIMARY KEY,
    document BLOB NOT NULL UNIQUE
) STRICT;
CREATE VIRTUAL TABLE text_index USING fts5 (words, content = '', contentless_delete = 1, prefix = '2 3');
