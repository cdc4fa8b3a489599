-- CACHE. The sheets of a visit's survey, sorted, nine scores each: no list decodes every visit for its index.
ALTER TABLE visit_row ADD COLUMN answers TEXT NOT NULL DEFAULT '';
INSERT OR IGNORE INTO stale (document) SELECT document FROM visit_row WHERE label <> '';
