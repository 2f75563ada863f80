-- Statements over catalogue.db.

-- name: catalogue_clear_releases
DELETE FROM release WHERE repository = :repository;

-- name: catalogue_clear_relations
DELETE FROM relation WHERE repository = :repository;

-- name: catalogue_clear_headers
DELETE FROM header WHERE repository = :repository;

-- name: catalogue_add
INSERT INTO release (repository, publisher, name, version, arch, words, json)
VALUES (:repository, :publisher, :name, :version, :arch, :words, :json);

-- name: catalogue_relate
INSERT INTO relation (repository, app, kind, name) VALUES (:repository, :app, :kind, :name)
ON CONFLICT DO NOTHING;

-- name: catalogue_header_add
INSERT INTO header (repository, publisher, json) VALUES (:repository, :publisher, :json)
ON CONFLICT (repository, publisher) DO UPDATE SET json = excluded.json;

-- name: catalogue_header_get
SELECT json FROM header WHERE repository = :repository AND publisher = :publisher;

-- name: catalogue_app
SELECT repository, publisher, json FROM release WHERE name = :name;

-- The least fixpoint over names: what a reached app names, and who provides or replaces a reached name.
-- name: catalogue_closure
WITH RECURSIVE reached (name) AS (
    SELECT value FROM json_each(:names)
    UNION
    SELECT relation.name FROM relation JOIN reached ON relation.app = reached.name
    UNION
    SELECT relation.app FROM relation JOIN reached ON relation.name = reached.name
    WHERE relation.kind IN ('provides', 'obsoletes')
)
SELECT repository, publisher, json FROM release WHERE name IN (SELECT name FROM reached);

-- name: catalogue_search
SELECT repository, publisher, json FROM release
WHERE name IN (SELECT DISTINCT name FROM release WHERE instr(words, :word) > 0 ORDER BY name LIMIT :max);
