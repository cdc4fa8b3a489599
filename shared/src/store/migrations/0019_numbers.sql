-- CACHE. The reference with which a case began: of a service whose agency numbers centrally, the number that its laptop
-- took from what the hub had lent.
ALTER TABLE case_row ADD COLUMN number TEXT;
CREATE INDEX case_number ON case_row (service, number) WHERE number IS NOT NULL;
INSERT OR IGNORE INTO stale (document)
    SELECT document FROM case_row
    WHERE EXISTS (SELECT 1 FROM registry_row WHERE kind = 'leases' AND value ->> 'kind' LIKE 'slip:%');

-- Whom the cases of a visit are about is read without looking at one of them.
DROP INDEX case_visit;
CREATE INDEX case_visit ON case_row (visit, started, document, accepted, subject, state);
