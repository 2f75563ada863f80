/* bins.h - archives as TUF targets in hashed bins, for clients that know TUF and no catalogue of ours.
 *
 * A repository made with `init --bins N` lists each archive of the vendor's as target packages/NAME_VERSION_ARCH.qpkg in
 * one of N roles below `releases` (TAP 15, succinct roles). With the repository itself as a client's base of targets that
 * is the file which our boxes take. Boxes bind archives by the catalogue and never look at the bins.
 *
 * Any one releases key signs them: `releases`, with its full threshold, says that these keys may.
 */
#ifndef VENDOR_BINS_H
#define VENDOR_BINS_H

#include "vendor/publish_role.h"

#define BINS_PREFIX "archives"
#define BINS_PATHS  "packages/*"
#define BINS_MIN    2
#define BINS_MAX    256

/* How many there are; 0: none. */
guint bins_count(const Repo *repo);
/* "archives-0c" of bin 12 of 256; owned. */
char *bins_role(guint n_bins, guint bin);
/* "packages/NAME_VERSION_ARCH.qpkg", the target of an archive at packages/SHA256.NAME_VERSION_ARCH.qpkg; owned, NULL when
 * the path has no such form. */
char *bins_target_path(const char *path);
/* TRUE for names that bins have or could have: no publisher may be called so. */
gboolean bins_is_role(const char *name);

/* "delegations" of the next releases metadata: the keys that targets (whole) knows for it, threshold 1; NULL where the
 * repository has no bins. */
json_t *bins_delegations(const Repo *repo, json_t *targets);
/* Signs and writes the bins that changed or age, and names their versions in the snapshot's meta. Without a releases key
 * they stay as they are, and that is said. */
gboolean bins_put(const Publication *publication, json_t *meta, GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
