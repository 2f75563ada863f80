-- Statements over hold, skip and veto. A hold on '*' is the hold on all apps.

-- name: hold_list
SELECT app, until, note, except_emergency, created_at FROM hold WHERE until = 0 OR until > :now ORDER BY app;

-- name: hold_for
SELECT app, until, note, except_emergency, created_at FROM hold
WHERE app IN (:app, '*') AND (until = 0 OR until > :now)
ORDER BY app = '*' LIMIT 1;

-- name: hold_put
INSERT INTO hold (app, until, note, except_emergency, created_at)
VALUES (:app, :until, :note, :except_emergency, :created_at)
ON CONFLICT (app) DO UPDATE SET until = excluded.until, note = excluded.note,
    except_emergency = excluded.except_emergency, created_at = excluded.created_at;

-- name: hold_remove
DELETE FROM hold WHERE app = :app;

-- name: skip_add
INSERT INTO skip (app, version, at) VALUES (:app, :version, :at)
ON CONFLICT (app, version) DO UPDATE SET at = excluded.at;

-- name: skip_remove
DELETE FROM skip WHERE app = :app AND version = :version;

-- name: skip_get
SELECT 1 FROM skip WHERE app = :app AND version = :version;

-- name: veto_add
INSERT INTO veto (app, version, cause, n_failures, until) VALUES (:app, :version, :cause, 1, :until)
ON CONFLICT (app, version) DO UPDATE SET
    cause = excluded.cause, n_failures = n_failures + 1, until = excluded.until;

-- name: veto_get
SELECT app, version, cause, n_failures, until FROM veto WHERE app = :app AND version = :version;

-- name: veto_clear
DELETE FROM veto WHERE app = :app;
