-- catalogue.db: what the repositories offer. A cache: thrown away and made anew when anything about it is odd, so it
-- has no migrations; a change of this file goes with a new CATALOGUE_VERSION in store_catalogue.c.
PRAGMA application_id = 0x41504343; -- "APCC"

-- One line of a verified catalogue.
CREATE TABLE release (
    repository TEXT NOT NULL,
    publisher  TEXT NOT NULL,
    name       TEXT NOT NULL,
    version    TEXT NOT NULL,
    arch       TEXT NOT NULL,
    has_provides INTEGER NOT NULL CHECK (has_provides IN (0, 1)),
    words      TEXT NOT NULL, -- name and summaries, case folded, for the search
    sum        INTEGER NOT NULL, -- of the row, against a disk that changes bytes
    json       TEXT NOT NULL,
    PRIMARY KEY (name, version, arch, repository, publisher)
) STRICT;
CREATE INDEX release_by_repository ON release (repository);

-- Which name an app provides or replaces, over all its releases: what a name can lead to.
CREATE TABLE relation (
    repository TEXT NOT NULL,
    app        TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('provides', 'obsoletes')),
    name       TEXT NOT NULL,
    PRIMARY KEY (app, kind, name, repository)
) STRICT, WITHOUT ROWID;
CREATE INDEX relation_by_name ON relation (name, kind);

CREATE TABLE header (
    repository TEXT NOT NULL,
    publisher  TEXT NOT NULL,
    json       TEXT NOT NULL,
    PRIMARY KEY (repository, publisher)
) STRICT, WITHOUT ROWID;

-- What the releases of a repository were made of: the sha256s of its catalogues, as in state.db.
CREATE TABLE source (
    repository TEXT NOT NULL PRIMARY KEY,
    sha256     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 3;
