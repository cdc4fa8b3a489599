-- CACHE. When the documents of a case were complete, milliseconds, while its legal time runs.
ALTER TABLE case_row ADD COLUMN complete INTEGER;
CREATE INDEX case_limit ON case_row (service, complete, document) WHERE complete IS NOT NULL;
INSERT OR IGNORE INTO stale (document)
    SELECT document FROM case_row WHERE state IN ('complete', 'forwarded', 'in_process');
