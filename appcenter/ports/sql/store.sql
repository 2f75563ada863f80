-- Statements of the store itself.

-- name: savepoint
SAVEPOINT part;

-- name: savepoint_release
RELEASE part;

-- name: savepoint_rollback
ROLLBACK TO part;

-- name: backup
VACUUM INTO :path;
