-- TRUTH. The queue of this laptop: numbers on paper that must still be good after a crash.
CREATE TABLE queue (
    day    TEXT NOT NULL,              -- local, 2026-11-20
    class  TEXT NOT NULL,              -- general, priority, collect
    number INTEGER NOT NULL,           -- from 1 in each class of a day
    ticket TEXT NOT NULL,              -- as on paper: A-A017
    state  TEXT NOT NULL,              -- waiting, called, skipped, served, left
    at     INTEGER NOT NULL,           -- of the last change, milliseconds since 1970
    PRIMARY KEY (day, class, number)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX queue_ticket ON queue (day, ticket);
