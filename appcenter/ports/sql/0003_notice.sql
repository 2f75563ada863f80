-- state.db, schema 3: what people are told (syslog, mail, a command), each thing once, also over restarts.
CREATE TABLE notice (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    key       TEXT NOT NULL UNIQUE CHECK (key <> ''), -- of the thing that it is about: "txn:118"
    event     TEXT NOT NULL CHECK (event IN ('change', 'failure', 'deadline-24h', 'deadline-1h', 'stale')),
    at        INTEGER NOT NULL,
    json_text TEXT NOT NULL,
    is_told   INTEGER NOT NULL CHECK (is_told IN (0, 1))
) STRICT;
CREATE INDEX notice_by_told ON notice (is_told, id);

-- What happened before there were notices is no news.
INSERT INTO notice (key, event, at, json_text, is_told)
SELECT 'txn:' || id, 'change', started_at, '{}', 1 FROM txn WHERE result IS NOT NULL;

PRAGMA user_version = 3;
