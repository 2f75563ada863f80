-- Statements over meta.

-- name: meta_get
SELECT value FROM meta WHERE key = :key;

-- name: meta_set
INSERT INTO meta (key, value) VALUES (:key, :value)
ON CONFLICT (key) DO UPDATE SET value = excluded.value;

-- name: time_floor_get
SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'time_floor';

-- name: time_floor_raise
INSERT INTO meta (key, value) VALUES ('time_floor', CAST(:at AS TEXT))
ON CONFLICT (key) DO UPDATE SET value = excluded.value
WHERE CAST(excluded.value AS INTEGER) > CAST(meta.value AS INTEGER);
