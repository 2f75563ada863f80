/* manifest.c - the set of paths that a package owns, found by path and listed in path order.
 *
 * Hides that sorting waits until somebody asks for the order: manifests are built entry by entry while an
 * archive is unpacked.
 */
#include "model/manifest.h"

#include <string.h>

struct Manifest {
    GPtrArray *entries;  /* owns them */
    GHashTable *by_path; /* path -> entry, both borrowed */
    gboolean is_sorted;
};

ManifestEntry *manifest_entry_new(const char *path, char type, guint mode, gint64 size_bytes,
                                  const char *sha256, const char *target)
{
    ManifestEntry *entry = g_new0(ManifestEntry, 1);
    entry->path = g_strdup(path);
    entry->type = type;
    entry->mode = mode;
    entry->size_bytes = size_bytes;
    entry->sha256 = g_strdup(sha256);
    entry->target = g_strdup(target);
    return entry;
}

void manifest_entry_free(ManifestEntry *entry)
{
    if (!entry)
        return;
    g_free(entry->path);
    g_free(entry->sha256);
    g_free(entry->target);
    g_free(entry);
}

Manifest *manifest_new(void)
{
    Manifest *manifest = g_new0(Manifest, 1);
    manifest->entries = g_ptr_array_new_with_free_func((GDestroyNotify)manifest_entry_free);
    manifest->by_path = g_hash_table_new(g_str_hash, g_str_equal);
    manifest->is_sorted = TRUE;
    return manifest;
}

void manifest_free(Manifest *manifest)
{
    if (!manifest)
        return;
    g_hash_table_unref(manifest->by_path);
    g_ptr_array_unref(manifest->entries);
    g_free(manifest);
}

void manifest_add(Manifest *manifest, ManifestEntry *entry)
{
    ManifestEntry *old = g_hash_table_lookup(manifest->by_path, entry->path);
    if (old) {
        g_hash_table_remove(manifest->by_path, old->path);
        g_ptr_array_remove(manifest->entries, old);
    }
    g_ptr_array_add(manifest->entries, entry);
    g_hash_table_insert(manifest->by_path, entry->path, entry);
    manifest->is_sorted = FALSE;
}

const ManifestEntry *manifest_find(const Manifest *manifest, const char *path)
{
    return g_hash_table_lookup(manifest->by_path, path);
}

gsize manifest_length(const Manifest *manifest)
{
    return manifest->entries->len;
}

static int compare_entries(gconstpointer a, gconstpointer b)
{
    return strcmp((*(ManifestEntry *const *)a)->path, (*(ManifestEntry *const *)b)->path);
}

const ManifestEntry *manifest_get(const Manifest *manifest, gsize i)
{
    if (!manifest->is_sorted) {
        Manifest *self = (Manifest *)manifest; /* the order is no part of what a reader can see changing */
        g_ptr_array_sort(self->entries, compare_entries);
        self->is_sorted = TRUE;
    }
    return i < manifest->entries->len ? g_ptr_array_index(manifest->entries, i) : NULL;
}
