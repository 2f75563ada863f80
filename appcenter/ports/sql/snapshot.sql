-- Statements over snapshot. Every SELECT names its columns in the order that row_snapshot reads them.

-- name: snapshot_add
INSERT INTO snapshot (app, version, tree, txn_id, made_at, size_bytes, files, is_shared, is_whole)
VALUES (:app, :version, :tree, :txn_id, :made_at, :size_bytes, :files, :is_shared, :is_whole);

-- name: snapshot_list
SELECT id, app, version, tree, txn_id, made_at, size_bytes, files, is_shared, is_whole
FROM snapshot WHERE :app IS NULL OR app = :app ORDER BY id DESC;

-- name: snapshot_get
SELECT id, app, version, tree, txn_id, made_at, size_bytes, files, is_shared, is_whole
FROM snapshot WHERE id = :id;

-- name: snapshot_remove
DELETE FROM snapshot WHERE id = :id;
