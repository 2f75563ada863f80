/* volume_verify.c - is what a package owns still as it was installed? Reads everything that it owns, changes nothing, and
 * never goes into what is the user's alone. */
#include "ports/volume_internal.h"

#include <fcntl.h>
#include <string.h>

#define DEPTH_MAX 256

typedef struct {
    const Manifest *manifest;
    GHashTable *seen; /* paths of the manifest that are there */
    VolumeFound found;
    gpointer user_data;
} Check;

static gboolean check_dir(const Check *check, int dir_fd, const char *path, guint depth, GError **error);

static void judge(const Check *check, int dir_fd, const char *name, const char *path, const struct stat *st)
{
    const ManifestEntry *entry = manifest_find(check->manifest, path);
    VolumeOwner owner = volume_owner(dir_fd, name, path, st, check->manifest);
    if (entry)
        g_hash_table_add(check->seen, g_strdup(path));
    if (owner == VOLUME_USERS)
        check->found(VOLUME_FOUND_EXTRA, path, check->user_data);
    else if (owner == VOLUME_EDITED)
        check->found(entry->is_config ? VOLUME_FOUND_CONFIG : VOLUME_FOUND_CHANGED, path, check->user_data);
    else if (entry && entry->type != 'l' && entry->mode != (st->st_mode & 07777) && !entry->is_config)
        check->found(VOLUME_FOUND_MODE, path, check->user_data);
}

static gboolean check_entry(const Check *check, int dir_fd, const char *name, const char *path, guint depth,
                            GError **error)
{
    struct stat st;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return TRUE; /* gone while we looked: missing, if it was the package's */
    judge(check, dir_fd, name, path, &st);
    if (!S_ISDIR(st.st_mode) || !manifest_find(check->manifest, path))
        return TRUE;
    g_auto(Fd) fd = volume_open_dir(dir_fd, name);
    return fd >= 0 ? check_dir(check, fd, path, depth + 1, error) : error_set_errno(error, "open %s", path);
}

static gboolean check_dir(const Check *check, int dir_fd, const char *path, guint depth, GError **error)
{
    g_auto(GStrv) names = volume_names_in(dir_fd, error);
    if (names && depth > DEPTH_MAX)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "%s: folders lie more than %d deep", path,
                         DEPTH_MAX);
    for (char **name = names; name && *name; name++) {
        g_autofree char *entry_path = volume_join(path, *name);
        if (!check_entry(check, dir_fd, *name, entry_path, depth, error))
            return FALSE;
    }
    return names != NULL;
}

gboolean volume_verify(int tree_fd, const Manifest *manifest, VolumeFound found, gpointer user_data,
                       GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const Check check = {manifest, seen, found, user_data};
    if (!check_dir(&check, tree_fd, "", 0, error))
        return FALSE;
    for (gsize i = 0; i < manifest_length(manifest); i++) {
        const ManifestEntry *entry = manifest_get(manifest, i);
        if (entry->path[0] != '/' && !g_hash_table_contains(seen, entry->path))
            found(VOLUME_FOUND_MISSING, entry->path, user_data);
    }
    return TRUE;
}
