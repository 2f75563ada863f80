-- state.db, schema 1: small and precious. Times are seconds since 1970, UTC; 0 is "never" or "none".
-- Applied once, in one transaction, by the number in the file's name; never edited after a release.
PRAGMA application_id = 0x41504354; -- "APCT"

-- Small named values: the time floor, the cohort, the last good configuration.
CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Trusted TUF metadata exactly as it was served.
CREATE TABLE tuf_role (
    repository TEXT NOT NULL,
    role       TEXT NOT NULL,
    bytes      BLOB NOT NULL,
    PRIMARY KEY (repository, role)
) STRICT, WITHOUT ROWID;

CREATE TABLE repository (
    name             TEXT NOT NULL PRIMARY KEY CHECK (name <> ''),
    last_refresh_at  INTEGER NOT NULL,
    last_success_at  INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    signed_at        INTEGER NOT NULL,
    error_code       TEXT,
    error            TEXT,
    catalogue_sha256 TEXT, -- what the catalogue cache holds of it; NULL: nothing
    brake_json       TEXT,
    advisories       TEXT,
    timestamp_etag   TEXT,
    retry_after_at   INTEGER NOT NULL,
    n_failures       INTEGER NOT NULL CHECK (n_failures >= 0)
) STRICT;

-- What is installed. requires and conflicts are JSON arrays of requirement items.
CREATE TABLE app (
    name            TEXT NOT NULL PRIMARY KEY CHECK (name <> ''),
    version         TEXT NOT NULL CHECK (version <> ''),
    arch            TEXT,
    publisher       TEXT,
    repository      TEXT,
    display_name    TEXT,
    requires        TEXT NOT NULL,
    conflicts       TEXT NOT NULL,
    enabled         INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    as_dependency   INTEGER NOT NULL CHECK (as_dependency IN (0, 1)),
    failed_reason   TEXT, -- an undo failed, and why; NULL: all is well
    install_path    TEXT,
    archive_sha256  TEXT,
    config_text     TEXT,
    routines        TEXT,
    pid_file        TEXT,
    service_program TEXT,
    service_port    INTEGER NOT NULL CHECK (service_port BETWEEN 0 AND 65535),
    rc_num          INTEGER NOT NULL,
    installed_at    INTEGER NOT NULL
) STRICT;

-- What the installed package owns. Whatever else lies in its folder is the user's.
CREATE TABLE app_file (
    app        TEXT NOT NULL REFERENCES app (name) ON DELETE CASCADE,
    path       TEXT NOT NULL,
    type       TEXT NOT NULL CHECK (type IN ('f', 'd', 'l')),
    mode       INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    sha256     TEXT,
    target     TEXT,
    is_config  INTEGER NOT NULL CHECK (is_config IN (0, 1)),
    PRIMARY KEY (app, path)
) STRICT, WITHOUT ROWID;

-- Trees that are kept: the previous version of an app, a removed app. The columns of app, as they were then.
CREATE TABLE kept (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    kind            TEXT NOT NULL CHECK (kind IN ('previous', 'removed')),
    tree            TEXT NOT NULL,
    txn_id          INTEGER NOT NULL,
    kept_at         INTEGER NOT NULL,
    name            TEXT NOT NULL CHECK (name <> ''),
    version         TEXT NOT NULL CHECK (version <> ''),
    arch            TEXT,
    publisher       TEXT,
    repository      TEXT,
    display_name    TEXT,
    requires        TEXT NOT NULL,
    conflicts       TEXT NOT NULL,
    enabled         INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    as_dependency   INTEGER NOT NULL CHECK (as_dependency IN (0, 1)),
    failed_reason   TEXT,
    install_path    TEXT,
    archive_sha256  TEXT,
    config_text     TEXT,
    routines        TEXT,
    pid_file        TEXT,
    service_program TEXT,
    service_port    INTEGER NOT NULL CHECK (service_port BETWEEN 0 AND 65535),
    rc_num          INTEGER NOT NULL,
    installed_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX kept_by_name ON kept (name, kind);

CREATE TABLE kept_file (
    kept_id    INTEGER NOT NULL REFERENCES kept (id) ON DELETE CASCADE,
    path       TEXT NOT NULL,
    type       TEXT NOT NULL CHECK (type IN ('f', 'd', 'l')),
    mode       INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    sha256     TEXT,
    target     TEXT,
    is_config  INTEGER NOT NULL CHECK (is_config IN (0, 1)),
    PRIMARY KEY (kept_id, path)
) STRICT, WITHOUT ROWID;

-- Transactions: the history, and while result is NULL the work that recovery must finish or undo.
CREATE TABLE txn (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id       INTEGER NOT NULL,
    trigger      TEXT NOT NULL CHECK (trigger IN ('admin', 'window', 'deadline', 'emergency', 'recovery')),
    result       TEXT CHECK (result IN ('done', 'failed', 'rolled_back', 'cancelled')),
    is_committed INTEGER NOT NULL DEFAULT 0 CHECK (is_committed IN (0, 1)), -- the new world is recorded
    error_code   TEXT,
    error        TEXT,
    started_at   INTEGER NOT NULL,
    finished_at  INTEGER NOT NULL,
    plan_json    TEXT
) STRICT;
CREATE INDEX txn_open ON txn (id) WHERE result IS NULL;

CREATE TABLE change (
    txn_id       INTEGER NOT NULL REFERENCES txn (id) ON DELETE CASCADE,
    ordinal      INTEGER NOT NULL,
    op           TEXT NOT NULL CHECK (op IN ('install', 'upgrade', 'downgrade', 'remove')),
    app          TEXT NOT NULL,
    from_version TEXT,
    to_version   TEXT,
    reason       TEXT,
    PRIMARY KEY (txn_id, ordinal)
) STRICT, WITHOUT ROWID;

-- One row for each step of each app, written before the step is done. seq is the order of first writing.
CREATE TABLE journal (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    txn_id INTEGER NOT NULL REFERENCES txn (id) ON DELETE CASCADE,
    app    TEXT NOT NULL,
    step   TEXT NOT NULL,
    state  TEXT NOT NULL CHECK (state IN ('doing', 'done', 'undoing', 'undone', 'undo-failed')),
    data   TEXT,
    UNIQUE (txn_id, app, step)
) STRICT;

-- Every release that waits, and the one reason why it is not installed yet.
CREATE TABLE offer (
    app               TEXT NOT NULL,
    version           TEXT NOT NULL,
    installed_version TEXT,
    class             TEXT NOT NULL CHECK (class IN ('feature', 'normal', 'important', 'critical', 'emergency')),
    verdict           TEXT CHECK (verdict IN ('now', 'at', 'wait', 'ask', 'refuse')), -- NULL: not decided yet
    reason            TEXT,
    sentence          TEXT,
    at                INTEGER NOT NULL,
    deadline          INTEGER NOT NULL,
    offered_at        INTEGER NOT NULL,
    pulled_in_by      TEXT,
    urgent_at         INTEGER NOT NULL,
    install_within_s  INTEGER NOT NULL,
    problem           TEXT,
    problem_is_os     INTEGER NOT NULL CHECK (problem_is_os IN (0, 1)),
    publisher_differs INTEGER NOT NULL CHECK (publisher_differs IN (0, 1)),
    cohort_permyriad  INTEGER NOT NULL CHECK (cohort_permyriad BETWEEN 0 AND 9999),
    repository        TEXT,
    publisher         TEXT,
    release           TEXT NOT NULL,
    PRIMARY KEY (app, version),
    CHECK ((verdict IS NULL) = (reason IS NULL))
) STRICT;

CREATE TABLE hold (
    app              TEXT NOT NULL PRIMARY KEY, -- '*': all apps
    until            INTEGER NOT NULL,          -- 0: without end
    note             TEXT,
    except_emergency INTEGER NOT NULL CHECK (except_emergency IN (0, 1)),
    created_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE skip (
    app     TEXT NOT NULL,
    version TEXT NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (app, version)
) STRICT, WITHOUT ROWID;

-- Versions that failed here and were rolled back; the next try is at until.
CREATE TABLE veto (
    app        TEXT NOT NULL,
    version    TEXT NOT NULL,
    cause      TEXT,
    n_failures INTEGER NOT NULL CHECK (n_failures >= 1),
    until      INTEGER NOT NULL,
    PRIMARY KEY (app, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE job (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    action          TEXT NOT NULL,
    request_json    TEXT,
    state           TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    result_json     TEXT,
    idempotency_key TEXT,
    uid             INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    started_at      INTEGER NOT NULL,
    finished_at     INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX job_by_key ON job (uid, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX job_by_state ON job (state, id);

CREATE TABLE event (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    at        INTEGER NOT NULL,
    json_text TEXT NOT NULL
) STRICT;

PRAGMA user_version = 1;
