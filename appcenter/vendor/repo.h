/* repo.h - a vendor's repository on disk: REPO/draft.json (the world as the vendor wants it), REPO/draft/packages/ (archives
 * that wait), REPO/draft/roles/ (metadata that waits for signatures, see draft.h), REPO/public/ (what is served).
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
    Fd lock; /* one writer at a time; -1 for who only reads */
    /* format publisher ca_pem ca_sha256 urgent_epoch expires{} releases[] brake{} bins (see bins.h)
     * publishers{NAME: apps[] ca_pem ca_sha256}: whom the vendor lets speak for which apps
     * catalogues{WHO: serial settled settled_at bases[]}: how far each catalogue is; WHO is "vendor" or a publisher */
    json_t *world;
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

/* The publisher that speaks for an app: its name, "vendor" where nobody else is bound to it; borrowed. */
const char *repo_publisher_of(const Repo *repo, const char *app);
/* The publisher's binding in the world; borrowed. NULL for the vendor and for strangers. */
json_t *repo_publisher(const Repo *repo, const char *name);
/* Names of the publishers besides the vendor, sorted; g_strfreev. */
char **repo_publishers(const Repo *repo);
/* PEM of the CA under which WHO's archives are signed; borrowed. */
const char *repo_ca_pem(const Repo *repo, const char *who);
/* How long a role's metadata is good, as init was told; a publisher's as long as releases. */
gint64 repo_life_s(const Repo *repo, const char *role);

gboolean repo_put_immutable(const Repo *repo, const char *path, const void *data, gsize len,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- published metadata --- */
/* Newest version of a role's metadata: for root, timestamp and what the snapshot names. NULL without error when the role
 * is not published yet. Whole metadata (with signatures); new reference. */
json_t *repo_metadata(const Repo *repo, const char *role, GError **error);
/* The top-level targets that is in force: what the snapshot names, or the first one, right after the ceremony. */
json_t *repo_targets(const Repo *repo, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The version after the published one that no file has yet. A publication that was cut short, or lacked a key, may have
 * left the next numbers behind. Somebody may have seen them: they are passed over, so that no number ever means two
 * contents and the next publish still works. */
gint64 repo_next_version(const Repo *repo, const char *role, const json_t *published);
/* A JSON file of the repository; NOT_FOUND, CORRUPT. */
json_t *repo_read_json(const Repo *repo, const char *path, gsize max_bytes,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* "/public/metadata/7.releases.json"; version 0: without number. */
char *repo_metadata_path(const char *role, gint64 version);

#endif
