-- What pages count and list is found by indexes, whatever else there is; products alone pay for theirs.

-- The cases of a visit by their sittings, with their acceptance: thousands are counted, and the oldest found, without
-- looking at one.
DROP INDEX case_visit;
CREATE INDEX case_visit ON case_row (visit, started, document, accepted);

-- The manifest of a unit, and what waits for the people of a village.
CREATE INDEX case_manifest ON case_row (coalesce(detail ->> 'for_unit', unit), state, started)
    WHERE state IN ('ready', 'loaded');
CREATE INDEX case_product ON case_row (village, state) WHERE state IN ('ready', 'loaded', 'with_collector');
-- What somebody took along for others.
CREATE INDEX case_holder ON case_row (detail ->> 'with', started) WHERE state = 'with_collector';

-- Laptop: what the entries of a seal came to when it was made, as a JSON object, as people were told it; null of what
-- came from elsewhere, and of what an older program sealed.
ALTER TABLE seal ADD COLUMN counts TEXT;
