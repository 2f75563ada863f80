/* repo.h - a vendor's repository on disk: REPO/draft.json (the world as the vendor wants it), REPO/draft/packages/ (archives
 * that wait), REPO/public/ (what is served).
 *
 * What has a hash or a number in its name is immutable: written once, and refused if it is there with other content.
 * timestamp.json is the only head and is written last.
 */
#ifndef VENDOR_REPO_H
#define VENDOR_REPO_H

#include "base/base.h"
#include "model/model.h"
#include "trust/trust.h"

typedef struct {
    RootDir *dir;
    Fd lock;       /* one writer at a time; -1 for who only reads */
    json_t *world; /* format publisher ca_pem ca_sha256 serial urgent_epoch expires{} releases[] brake{} */
} Repo;

void repo_free(Repo *repo);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Repo, repo_free)
/* An existing one, to change it; waits for another writer. NOT_FOUND says to run init. */
Repo *repo_open(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The same without the lock, writing nothing: for looking. */
Repo *repo_open_to_read(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* A new one in a new or empty folder; REFUSED says what is there instead. */
Repo *repo_create(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean repo_save_world(const Repo *repo, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The release of that name and version (version NULL: the newest) in the world; the object is borrowed. NOT_FOUND. A name
 * and version may have several architectures: every one is given; array of json_t* (borrowed). */
GPtrArray *repo_releases(const Repo *repo, const char *name, const char *version,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;

gboolean repo_put_immutable(const Repo *repo, const char *path, const void *data, gsize len,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- published metadata --- */
/* Newest version of a role's metadata: for root, timestamp and what the snapshot names. NULL without error when the role
 * is not published yet. Whole metadata (with signatures); new reference. */
json_t *repo_metadata(const Repo *repo, const char *role, GError **error);
/* "/public/metadata/7.releases.json"; version 0: without number. */
char *repo_metadata_path(const char *role, gint64 version);
gint64 metadata_version(const json_t *metadata); /* 0 for NULL */
gint64 metadata_expires_at(const json_t *metadata);

#endif
