-- Statements over app, app_file, kept and kept_file.
-- Every SELECT of an app names its columns in the order that row_app reads them.

-- name: app_list
SELECT name, version, arch, publisher, repository, display_name, requires, conflicts, enabled, as_dependency,
       failed_reason, install_path, archive_sha256, config_text, routines, pid_file, service_program, service_port,
       rc_num, installed_at
FROM app ORDER BY name;

-- name: app_get
SELECT name, version, arch, publisher, repository, display_name, requires, conflicts, enabled, as_dependency,
       failed_reason, install_path, archive_sha256, config_text, routines, pid_file, service_program, service_port,
       rc_num, installed_at
FROM app WHERE name = :name;

-- name: app_put
INSERT INTO app (name, version, arch, publisher, repository, display_name, requires, conflicts, enabled,
                 as_dependency, failed_reason, install_path, archive_sha256, config_text, routines, pid_file,
                 service_program, service_port, rc_num, installed_at)
VALUES (:name, :version, :arch, :publisher, :repository, :display_name, :requires, :conflicts, :enabled,
        :as_dependency, :failed_reason, :install_path, :archive_sha256, :config_text, :routines, :pid_file,
        :service_program, :service_port, :rc_num, :installed_at)
ON CONFLICT (name) DO UPDATE SET
    version = excluded.version, arch = excluded.arch, publisher = excluded.publisher,
    repository = excluded.repository, display_name = excluded.display_name, requires = excluded.requires,
    conflicts = excluded.conflicts, enabled = excluded.enabled, as_dependency = excluded.as_dependency,
    failed_reason = excluded.failed_reason, install_path = excluded.install_path,
    archive_sha256 = excluded.archive_sha256, config_text = excluded.config_text, routines = excluded.routines,
    pid_file = excluded.pid_file, service_program = excluded.service_program,
    service_port = excluded.service_port, rc_num = excluded.rc_num, installed_at = excluded.installed_at;

-- name: app_remove
DELETE FROM app WHERE name = :name;

-- name: app_set_enabled
UPDATE app SET enabled = :enabled WHERE name = :name;

-- name: app_set_failed
UPDATE app SET failed_reason = :reason WHERE name = :name;

-- previous: the newest kept tree of that kind.
-- name: app_installed
SELECT name, version, arch, publisher, repository, requires, conflicts, enabled, as_dependency,
       (SELECT kept.version FROM kept WHERE kept.name = app.name AND kept.kind = 'previous'
        ORDER BY kept.id DESC LIMIT 1)
FROM app ORDER BY name;

-- name: app_file_list
SELECT path, type, mode, size_bytes, sha256, target, is_config FROM app_file WHERE app = :app ORDER BY path;

-- name: app_file_add
INSERT INTO app_file (app, path, type, mode, size_bytes, sha256, target, is_config)
VALUES (:owner, :path, :type, :mode, :size_bytes, :sha256, :target, :is_config);

-- name: app_file_clear
DELETE FROM app_file WHERE app = :app;

-- name: kept_add
INSERT INTO kept (kind, tree, txn_id, kept_at, name, version, arch, publisher, repository, display_name, requires,
                  conflicts, enabled, as_dependency, failed_reason, install_path, archive_sha256, config_text,
                  routines, pid_file, service_program, service_port, rc_num, installed_at)
VALUES (:kind, :tree, :txn_id, :kept_at, :name, :version, :arch, :publisher, :repository, :display_name, :requires,
        :conflicts, :enabled, :as_dependency, :failed_reason, :install_path, :archive_sha256, :config_text,
        :routines, :pid_file, :service_program, :service_port, :rc_num, :installed_at);

-- name: kept_list
SELECT id, kind, tree, txn_id, kept_at,
       name, version, arch, publisher, repository, display_name, requires, conflicts, enabled, as_dependency,
       failed_reason, install_path, archive_sha256, config_text, routines, pid_file, service_program, service_port,
       rc_num, installed_at
FROM kept
WHERE (:app IS NULL OR name = :app) AND (:kind IS NULL OR kind = :kind)
ORDER BY id DESC;

-- name: kept_remove
DELETE FROM kept WHERE id = :id;

-- name: kept_exists
SELECT 1 FROM kept WHERE id = :id;

-- name: kept_file_list
SELECT path, type, mode, size_bytes, sha256, target, is_config FROM kept_file WHERE kept_id = :id ORDER BY path;

-- name: kept_file_add
INSERT INTO kept_file (kept_id, path, type, mode, size_bytes, sha256, target, is_config)
VALUES (:owner, :path, :type, :mode, :size_bytes, :sha256, :target, :is_config);
