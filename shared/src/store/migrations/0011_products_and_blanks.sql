-- CACHE. The kind of the numbered blank in `blank`, by the service as the case's catalogue has it: NULL where nobody
-- knows it. Two kinds may bear one number.
ALTER TABLE case_row ADD COLUMN blank_kind TEXT;

-- Only CACHE tables change: what lists tell of blanks and of products is read from the changes anew.
INSERT OR IGNORE INTO stale (document)
    SELECT document FROM case_row
    WHERE blank IS NOT NULL OR state IN ('ready', 'loaded', 'with_collector', 'handed_over', 'closed');
