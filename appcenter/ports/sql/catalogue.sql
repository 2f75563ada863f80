-- Statements over catalogue.db.

-- name: catalogue_clear_releases
DELETE FROM release WHERE repository = :repository;

-- name: catalogue_clear_relations
DELETE FROM relation WHERE repository = :repository;

-- name: catalogue_clear_headers
DELETE FROM header WHERE repository = :repository;

-- name: catalogue_clear_source
DELETE FROM source WHERE repository = :repository;

-- name: catalogue_source_add
INSERT INTO source (repository, sha256) VALUES (:repository, :sha256)
ON CONFLICT (repository) DO UPDATE SET sha256 = excluded.sha256;

-- name: catalogue_source_get
SELECT sha256 FROM source WHERE repository = :repository;

-- name: catalogue_add
INSERT INTO release (repository, publisher, name, version, arch, has_provides, words, sum, json)
VALUES (:repository, :publisher, :name, :version, :arch, :has_provides, :words, :sum, :json);

-- name: catalogue_relate
INSERT INTO relation (repository, app, kind, name) VALUES (:repository, :app, :kind, :name)
ON CONFLICT DO NOTHING;

-- name: catalogue_header_add
INSERT INTO header (repository, publisher, json) VALUES (:repository, :publisher, :json)
ON CONFLICT (repository, publisher) DO UPDATE SET json = excluded.json;

-- name: catalogue_header_get
SELECT json FROM header WHERE repository = :repository AND publisher = :publisher;

-- name: catalogue_app
SELECT sum, repository, publisher, json FROM release WHERE name = :name;

-- is_shared: several repositories offer the app, and which of them may is not known here.
-- name: catalogue_reach
SELECT version, has_provides, EXISTS (SELECT 1 FROM release AS other WHERE other.name = release.name
                                      AND other.repository <> release.repository),
       sum, repository, publisher, json
FROM release WHERE name = :name;

-- name: catalogue_related
SELECT app FROM relation WHERE name = :name AND kind = :kind;

-- name: catalogue_names
SELECT DISTINCT name FROM release ORDER BY name;

-- name: catalogue_search
SELECT sum, repository, publisher, json FROM release
WHERE name IN (SELECT DISTINCT name FROM release WHERE instr(words, :word) > 0 ORDER BY name LIMIT :max);
