-- Questions to a database file, asked before its tables are known.

-- name: application_id
PRAGMA application_id;

-- name: user_version
PRAGMA user_version;

-- name: quick_check
PRAGMA quick_check(1);

-- name: journal_mode
PRAGMA journal_mode;

-- name: journal_mode_wal
PRAGMA journal_mode = WAL;

-- name: begin
BEGIN IMMEDIATE;

-- Nothing is locked but the moment: many questions see the same.
-- name: begin_read
BEGIN;

-- name: commit
COMMIT;

-- name: rollback
ROLLBACK;
