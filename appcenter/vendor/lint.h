/* lint.h - `appvendor lint`: what is wrong with a package, or will be. Private to lint*.c.
 *
 * Everything is read by the client's own parser, and nothing of the package is run. An error is what a box, or `add`, refuses
 * or what cannot work there; a warning what will surprise somebody.
 */
#ifndef VENDOR_LINT_H
#define VENDOR_LINT_H

#include "vendor/package_info.h"
#include "vendor/repo.h"

typedef struct {
    const PackageInfo *info;
    int tree_fd;          /* the data archive, unpacked into a scratch folder */
    gboolean is_finished; /* a file, not a source tree: it should be signed */
    json_t *list;         /* {level, check, message, help} */
} Lint;

/* Both return nothing: a finding is no failure. help: what to do. */
void lint_error(const Lint *lint, const char *check, const char *help, const char *format, ...)
    G_GNUC_PRINTF(4, 5);
void lint_warning(const Lint *lint, const char *check, const char *help, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

/* Names, versions, dependencies, sizes, scripts, service, config files, signatures. IO: a file could not be read. */
gboolean lint_package(const Lint *lint, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The way from what the repository has: newer, fits the boxes of before, needs what is there. */
gboolean lint_upgrade(const Lint *lint, const Repo *repo, GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
