/* manifest.h - what a package owns: every path of its unpacked tree as the parent read it from disk.
 *
 * What is not in an app's manifest is the user's: never deleted, never copied back over newer content.
 */
#ifndef MODEL_MANIFEST_H
#define MODEL_MANIFEST_H

#include <glib.h>

typedef struct {
    char *path; /* relative to the app's folder, no leading "./" */
    char type;  /* 'f' file, 'd' directory, 'l' symlink */
    guint mode; /* permission bits */
    gint64 size_bytes;
    char *sha256;       /* files only, else NULL */
    char *target;       /* links only, else NULL */
    gboolean is_config; /* listed in QPKG_CONFIG */
} ManifestEntry;

typedef struct Manifest Manifest;

Manifest *manifest_new(void);
void manifest_free(Manifest *manifest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Manifest, manifest_free)
/* Takes the entry. A second entry of one path replaces the first. */
void manifest_add(Manifest *manifest, ManifestEntry *entry);
ManifestEntry *manifest_entry_new(const char *path, char type, guint mode, gint64 size_bytes,
                                  const char *sha256, const char *target);
void manifest_entry_free(ManifestEntry *entry);
const ManifestEntry *manifest_find(const Manifest *manifest, const char *path);
gsize manifest_length(const Manifest *manifest);
/* In path order (bytes). */
const ManifestEntry *manifest_get(const Manifest *manifest, gsize i);

#endif
