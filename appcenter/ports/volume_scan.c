/* volume_scan.c - what is in a tree: recorded as a manifest, or compared with one.
 *
 * Hides reading (never through a link) and what makes an entry the user's: a path that the package does not own, or one
 * that it owns with other content. What cannot be read counts as the user's: then it is moved, not judged.
 */
#include "ports/volume_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define DEPTH_MAX      256
#define NEW_SUFFIX     ".new"
#define LINK_MAX_BYTES 4096

char *volume_hash_file(int dir_fd, const char *name)
{
    struct stat st;
    /* O_NONBLOCK: a fifo in a file's place must not stop us */
    g_auto(Fd) fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return NULL;
    return digest_hex_of_fd(DIGEST_SHA256, fd, 0, -1, NULL);
}

static char *read_link(int dir_fd, const char *name)
{
    char target[LINK_MAX_BYTES];
    ssize_t len = readlinkat(dir_fd, name, target, sizeof target);
    return len < 0 || len == sizeof target ? NULL : g_strndup(target, (gsize)len);
}

/* ---- recording ---- */

typedef struct {
    Manifest *manifest;
    const char *const *config_files;
} Scan;

static gboolean scan_dir(const Scan *scan, int dir_fd, const char *path, guint depth, GError **error);

static gboolean add_file(const Scan *scan, int dir_fd, const char *name, const char *path,
                         const struct stat *st, GError **error)
{
    g_autofree char *sha256 = volume_hash_file(dir_fd, name);
    if (!sha256)
        return error_set(error, APPCENTER_ERROR_IO, "%s: cannot be read", path);
    ManifestEntry *entry = manifest_entry_new(path, 'f', st->st_mode & 07777, st->st_size, sha256, NULL);
    entry->is_config = scan->config_files && g_strv_contains(scan->config_files, path);
    manifest_add(scan->manifest, entry);
    return TRUE;
}

static gboolean add_link(const Scan *scan, int dir_fd, const char *name, const char *path, GError **error)
{
    g_autofree char *target = read_link(dir_fd, name);
    if (!target)
        return error_set(error, APPCENTER_ERROR_IO, "%s: the link cannot be read", path);
    manifest_add(scan->manifest, manifest_entry_new(path, 'l', 0777, 0, NULL, target));
    return TRUE;
}

static gboolean add_dir(const Scan *scan, int dir_fd, const char *name, const char *path,
                        const struct stat *st, guint depth, GError **error)
{
    g_auto(Fd) fd = volume_open_dir(dir_fd, name);
    if (fd < 0)
        return error_set_errno(error, "open %s", path);
    manifest_add(scan->manifest, manifest_entry_new(path, 'd', st->st_mode & 07777, 0, NULL, NULL));
    return scan_dir(scan, fd, path, depth + 1, error);
}

static gboolean scan_entry(const Scan *scan, int dir_fd, const char *name, const char *path, guint depth,
                           GError **error)
{
    struct stat st;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return error_set_errno(error, "look at %s", path);
    if (S_ISREG(st.st_mode))
        return add_file(scan, dir_fd, name, path, &st, error);
    if (S_ISLNK(st.st_mode))
        return add_link(scan, dir_fd, name, path, error);
    if (S_ISDIR(st.st_mode))
        return add_dir(scan, dir_fd, name, path, &st, depth, error);
    return error_set(error, APPCENTER_ERROR_CORRUPT,
                     "%s: wanted a file, a folder or a link, found something else", path);
}

static gboolean scan_dir(const Scan *scan, int dir_fd, const char *path, guint depth, GError **error)
{
    g_auto(GStrv) names = volume_names_in(dir_fd, error);
    if (!names)
        return FALSE;
    if (depth > DEPTH_MAX)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "%s: folders lie more than %d deep", path,
                         DEPTH_MAX);
    for (char **name = names; *name; name++) {
        g_autofree char *entry_path = volume_join(path, *name);
        if (!scan_entry(scan, dir_fd, *name, entry_path, depth, error))
            return FALSE;
    }
    return TRUE;
}

Manifest *volume_scan(int tree_fd, const char *const *config_files, GError **error)
{
    g_autoptr(Manifest) manifest = manifest_new();
    Scan scan = {.manifest = manifest, .config_files = config_files};
    if (scan_dir(&scan, tree_fd, "", 0, error))
        return g_steal_pointer(&manifest);
    g_prefix_error(error, "read the tree: ");
    return NULL;
}

/* ---- comparing ---- */

/* "x.conf.new" that we laid beside x.conf and nobody touched since. */
static gboolean is_laid_beside(int dir_fd, const char *name, const char *path, const Manifest *manifest)
{
    if (!g_str_has_suffix(path, NEW_SUFFIX))
        return FALSE;
    g_autofree char *base = g_strndup(path, strlen(path) - strlen(NEW_SUFFIX));
    const ManifestEntry *entry = manifest_find(manifest, base);
    if (!entry || !entry->is_config || !entry->sha256)
        return FALSE;
    g_autofree char *sha256 = volume_hash_file(dir_fd, name);
    return g_strcmp0(sha256, entry->sha256) == 0;
}

static gboolean file_is_as_shipped(int dir_fd, const char *name, const struct stat *st,
                                   const ManifestEntry *entry)
{
    if (!S_ISREG(st->st_mode) || st->st_size != entry->size_bytes)
        return FALSE;
    g_autofree char *sha256 = volume_hash_file(dir_fd, name);
    return g_strcmp0(sha256, entry->sha256) == 0;
}

static gboolean link_is_as_shipped(int dir_fd, const char *name, const struct stat *st,
                                   const ManifestEntry *entry)
{
    g_autofree char *target = S_ISLNK(st->st_mode) ? read_link(dir_fd, name) : NULL;
    return target && g_strcmp0(target, entry->target) == 0;
}

static gboolean is_as_shipped(int dir_fd, const char *name, const struct stat *st, const ManifestEntry *entry)
{
    switch (entry->type) {
    case 'f':
        return file_is_as_shipped(dir_fd, name, st, entry);
    case 'l':
        return link_is_as_shipped(dir_fd, name, st, entry);
    default:
        return S_ISDIR(st->st_mode);
    }
}

VolumeOwner volume_owner(int dir_fd, const char *name, const char *path, const struct stat *st,
                         const Manifest *manifest)
{
    const ManifestEntry *entry = manifest_find(manifest, path);
    if (entry)
        return is_as_shipped(dir_fd, name, st, entry) ? VOLUME_SAME : VOLUME_EDITED;
    return is_laid_beside(dir_fd, name, path, manifest) ? VOLUME_SAME : VOLUME_USERS;
}

static gboolean dir_has_user_data(int dir_fd, const char *path, const Manifest *manifest, guint depth)
{
    g_auto(GStrv) names = volume_names_in(dir_fd, NULL);
    if (!names || depth > DEPTH_MAX)
        return TRUE;
    for (char **name = names; *name; name++) {
        struct stat st;
        g_autofree char *entry_path = volume_join(path, *name);
        if (fstatat(dir_fd, *name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
            volume_owner(dir_fd, *name, entry_path, &st, manifest) != VOLUME_SAME)
            return TRUE;
        g_auto(Fd) fd = S_ISDIR(st.st_mode) ? volume_open_dir(dir_fd, *name) : -1;
        if (S_ISDIR(st.st_mode) && (fd < 0 || dir_has_user_data(fd, entry_path, manifest, depth + 1)))
            return TRUE;
    }
    return FALSE;
}

gboolean volume_has_user_data(int tree_fd, const Manifest *manifest)
{
    return dir_has_user_data(tree_fd, "", manifest, 0);
}

/* ---- leaving only the user's ---- */

typedef struct {
    const Manifest *manifest;
    gboolean users_folders_stay;
} Prune;

static gboolean prune_dir(const Prune *prune, int dir_fd, const char *path, guint depth, GError **error);

static gboolean prune_entry(const Prune *prune, int dir_fd, const char *name, const char *path, guint depth,
                            GError **error)
{
    struct stat st;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT || error_set_errno(error, "look at %s", path);
    if (!S_ISDIR(st.st_mode)) {
        if (volume_owner(dir_fd, name, path, &st, prune->manifest) != VOLUME_SAME ||
            unlinkat(dir_fd, name, 0) == 0)
            return TRUE;
        return error_set_errno(error, "remove %s", path);
    }
    if (depth >= DEPTH_MAX)
        return TRUE;
    g_auto(Fd) fd = volume_open_dir(dir_fd, name);
    if (fd < 0)
        return error_set_errno(error, "open %s", path);
    if (!prune_dir(prune, fd, path, depth + 1, error))
        return FALSE;
    if (prune->users_folders_stay && !manifest_find(prune->manifest, path))
        return TRUE;
    if (unlinkat(dir_fd, name, AT_REMOVEDIR) != 0 && errno != ENOTEMPTY && errno != EEXIST)
        return error_set_errno(error, "remove the folder %s", path);
    return TRUE;
}

static gboolean prune_dir(const Prune *prune, int dir_fd, const char *path, guint depth, GError **error)
{
    g_auto(GStrv) names = volume_names_in(dir_fd, error);
    for (char **name = names; name && *name; name++) {
        g_autofree char *entry_path = volume_join(path, *name);
        if (!prune_entry(prune, dir_fd, *name, entry_path, depth, error))
            return FALSE;
    }
    return names != NULL;
}

gboolean volume_prune(int tree_fd, const Manifest *manifest, gboolean users_folders_stay, gboolean *is_empty,
                      GError **error)
{
    const Prune prune = {manifest, users_folders_stay};
    if (!prune_dir(&prune, tree_fd, "", 0, error))
        return FALSE;
    g_auto(GStrv) left = volume_names_in(tree_fd, error);
    *is_empty = left && !*left;
    return left != NULL;
}
