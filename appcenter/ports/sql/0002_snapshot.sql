-- state.db, schema 2: snapshots of users' content, and "restore", the change that brings one back.
CREATE TABLE snapshot (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    app        TEXT NOT NULL CHECK (app <> ''),
    version    TEXT NOT NULL, -- that was installed when it was made
    tree       TEXT NOT NULL, -- name below VOLUME/.qpkg/.appcenter/snapshots/
    txn_id     INTEGER NOT NULL,
    made_at    INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    files      INTEGER NOT NULL CHECK (files >= 0),
    is_shared  INTEGER NOT NULL CHECK (is_shared IN (0, 1)), -- blocks shared with the app's own folder
    is_whole   INTEGER NOT NULL CHECK (is_whole IN (0, 1))   -- 0: only what the package said that it converts
) STRICT;
CREATE INDEX snapshot_by_app ON snapshot (app);

ALTER TABLE change RENAME TO change_1;
CREATE TABLE change (
    txn_id       INTEGER NOT NULL REFERENCES txn (id) ON DELETE CASCADE,
    ordinal      INTEGER NOT NULL,
    op           TEXT NOT NULL CHECK (op IN ('install', 'upgrade', 'downgrade', 'remove', 'restore')),
    app          TEXT NOT NULL,
    from_version TEXT,
    to_version   TEXT,
    reason       TEXT,
    PRIMARY KEY (txn_id, ordinal)
) STRICT, WITHOUT ROWID;
INSERT INTO change SELECT txn_id, ordinal, op, app, from_version, to_version, reason FROM change_1;
DROP TABLE change_1;

PRAGMA user_version = 2;
