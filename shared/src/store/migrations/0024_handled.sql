-- Laptop: that the officer has dealt with what the hub holds: when, in milliseconds; in words who said so and why, NULL
-- where a later change is the answer. The hub holds it nevertheless, until it releases it.
ALTER TABLE quarantine ADD COLUMN handled INTEGER;
ALTER TABLE quarantine ADD COLUMN handled_by TEXT;
ALTER TABLE quarantine ADD COLUMN handled_why TEXT;
CREATE INDEX quarantine_handled ON quarantine (handled) WHERE handled IS NOT NULL;
CREATE INDEX quarantine_open ON quarantine (at) WHERE handled IS NULL;
