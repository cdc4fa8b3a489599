-- CACHE. What has become of what an officer asked of the hub about a case: open, answered, settled; NULL where nobody
-- asked, as of every case that is here already.
ALTER TABLE case_row ADD COLUMN question TEXT;
CREATE INDEX case_question ON case_row (question) WHERE question IS NOT NULL;
