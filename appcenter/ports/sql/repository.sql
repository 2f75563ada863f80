-- Statements over repository and tuf_role.

-- name: tuf_load
SELECT role, bytes FROM tuf_role WHERE repository = :repository;

-- name: tuf_save
INSERT INTO tuf_role (repository, role, bytes) VALUES (:repository, :role, :bytes)
ON CONFLICT (repository, role) DO UPDATE SET bytes = excluded.bytes;

-- name: tuf_forget
DELETE FROM tuf_role WHERE repository = :repository AND role = :role;

-- name: tuf_forget_all
DELETE FROM tuf_role WHERE repository = :repository;

-- name: repo_get
SELECT name, last_refresh_at, last_success_at, expires_at, signed_at, error_code, error, catalogue_sha256,
       brake_json, advisories, timestamp_etag, retry_after_at, n_failures
FROM repository WHERE name = :name;

-- name: repo_list
SELECT name, last_refresh_at, last_success_at, expires_at, signed_at, error_code, error, catalogue_sha256,
       brake_json, advisories, timestamp_etag, retry_after_at, n_failures
FROM repository ORDER BY name;

-- name: repo_put
INSERT INTO repository (name, last_refresh_at, last_success_at, expires_at, signed_at, error_code, error,
                        catalogue_sha256, brake_json, advisories, timestamp_etag, retry_after_at, n_failures)
VALUES (:name, :last_refresh_at, :last_success_at, :expires_at, :signed_at, :error_code, :error,
        :catalogue_sha256, :brake_json, :advisories, :timestamp_etag, :retry_after_at, :n_failures)
ON CONFLICT (name) DO UPDATE SET
    last_refresh_at = excluded.last_refresh_at, last_success_at = excluded.last_success_at,
    expires_at = excluded.expires_at, signed_at = excluded.signed_at, error_code = excluded.error_code,
    error = excluded.error, catalogue_sha256 = excluded.catalogue_sha256, brake_json = excluded.brake_json,
    advisories = excluded.advisories, timestamp_etag = excluded.timestamp_etag,
    retry_after_at = excluded.retry_after_at, n_failures = excluded.n_failures;

-- name: repo_remove
DELETE FROM repository WHERE name = :name;

-- The catalogue cache was lost: without these two the next refresh imports it again.
-- name: repo_forget_catalogues
UPDATE repository SET catalogue_sha256 = NULL, timestamp_etag = NULL
WHERE catalogue_sha256 IS NOT NULL OR timestamp_etag IS NOT NULL;
