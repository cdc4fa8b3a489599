-- The earlier entries of its log that a packed batch names as parents: index, document and hash, 56 bytes each,
-- so that a batch reads without any other. TRUTH as the batch is; its chain proves them.
ALTER TABLE batch ADD COLUMN places BLOB NOT NULL DEFAULT x'';
