/* volume_snapshot.c - copies of users' content that are kept for a while, below VOLUME/.qpkg/.appcenter/snapshots.
 *
 * A snapshot has its name only when it is whole: it is made as NAME~ and renamed. Nobody writes into it afterwards. Putting
 * something of it back is renames only, each of which bears to be repeated.
 */
#include "ports/volume_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PARTIAL_SUFFIX "~" /* no app has it in its name */
#define NEWER_SUFFIX   ".newer"
#define NAME_BYTES_MAX 230 /* of 255: the rest is for suffixes */
#define BESIDE_TRIES   100
#define DEPTH_MAX      200

/* ---- whole snapshots ---- */

static char *partial_name(const char *name)
{
    return g_strconcat(name, PARTIAL_SUFFIX, NULL);
}

gboolean volume_snapshot_drop_partial(const Volume *volume, const char *name, GError **error)
{
    g_autofree char *partial = partial_name(name);
    return volume_name_is_plain(partial, error) && files_remove_tree_at(volume->snapshot_fd, partial, error);
}

/* It loses its name first: half a snapshot must never be taken for a whole one. */
gboolean volume_snapshot_drop(const Volume *volume, const char *name, GError **error)
{
    g_autofree char *partial = partial_name(name);
    if (!volume_name_is_plain(name, error) || !volume_snapshot_drop_partial(volume, name, error))
        return FALSE;
    if (volume_rename_new(volume->snapshot_fd, name, volume->snapshot_fd, partial) != 0)
        return errno == ENOENT || error_set_errno(error, "drop the snapshot %s", name);
    return files_fsync(volume->snapshot_fd, "the folder of snapshots", error) &&
           volume_snapshot_drop_partial(volume, name, error);
}

int volume_snapshot_open(const Volume *volume, const char *name, GError **error)
{
    int fd = volume_name_is_plain(name, error) ? volume_open_dir(volume->snapshot_fd, name) : -1;
    if (fd < 0 && error && !*error)
        error_set_errno(error, "the snapshot %s", name);
    return fd;
}

char **volume_snapshot_names(const Volume *volume, GError **error)
{
    return volume_names_in(volume->snapshot_fd, error);
}

static gboolean fill(const Volume *volume, const char *app, const char *partial, const VolumeCopySpec *spec,
                     VolumeCopied *copied, GError **error)
{
    g_auto(Fd) from = volume_app_open(volume, app, error);
    if (from < 0)
        return FALSE;
    if (mkdirat(volume->snapshot_fd, partial, 0700) != 0)
        return error_set_errno(error, "make the snapshot %s", partial);
    g_auto(Fd) to = volume_open_dir(volume->snapshot_fd, partial);
    if (to < 0)
        return error_set_errno(error, "open the snapshot %s", partial);
    return volume_copy(from, to, spec, copied, error);
}

gboolean volume_snapshot_take(const Volume *volume, const char *app, const char *name,
                              const VolumeCopySpec *spec, gboolean is_durable, VolumeCopied *copied,
                              GError **error)
{
    g_autofree char *partial = partial_name(name);
    if (!volume_snapshot_drop(volume, name, error) || !fill(volume, app, partial, spec, copied, error))
        return FALSE;
    if (is_durable && !files_sync_filesystem(volume->snapshot_fd, error))
        return FALSE;
    if (volume_rename_new(volume->snapshot_fd, partial, volume->snapshot_fd, name) != 0)
        return error_set_errno(error, "name the snapshot %s", name);
    return !is_durable || files_fsync(volume->snapshot_fd, "the folder of snapshots", error);
}

gboolean volume_snapshot_adopt(const Volume *volume, const char *stage, const char *name, GError **error)
{
    return volume_move_tree(volume->stage_fd, stage, volume->snapshot_fd, name, error);
}

/* ---- the same or not ---- */

static gboolean is_same(int a_dir, const char *a_name, int b_dir, const char *b_name, guint depth);

static gboolean links_are_same(int a_dir, const char *a_name, int b_dir, const char *b_name)
{
    char a[4096], b[4096];
    ssize_t a_len = readlinkat(a_dir, a_name, a, sizeof a), b_len = readlinkat(b_dir, b_name, b, sizeof b);
    return a_len >= 0 && a_len == b_len && memcmp(a, b, (gsize)a_len) == 0;
}

static gboolean files_are_same(int a_dir, const char *a_name, int b_dir, const char *b_name)
{
    g_autofree char *a = volume_hash_file(a_dir, a_name);
    g_autofree char *b = volume_hash_file(b_dir, b_name);
    return a && g_strcmp0(a, b) == 0;
}

static gboolean folders_are_same(int a_dir, const char *a_name, int b_dir, const char *b_name, guint depth)
{
    g_auto(Fd) a = volume_open_dir(a_dir, a_name);
    g_auto(Fd) b = volume_open_dir(b_dir, b_name);
    g_auto(GStrv) a_names = a < 0 ? NULL : volume_names_in(a, NULL);
    g_auto(GStrv) b_names = b < 0 ? NULL : volume_names_in(b, NULL);
    if (!a_names || !b_names || depth > DEPTH_MAX ||
        !g_strv_equal((const char *const *)a_names, (const char *const *)b_names))
        return FALSE;
    for (char **name = a_names; *name; name++)
        if (!is_same(a, *name, b, *name, depth + 1))
            return FALSE;
    return TRUE;
}

/* What cannot be read counts as different: then it is kept beside. */
static gboolean is_same(int a_dir, const char *a_name, int b_dir, const char *b_name, guint depth)
{
    struct stat a, b;
    if (fstatat(a_dir, a_name, &a, AT_SYMLINK_NOFOLLOW) != 0 ||
        fstatat(b_dir, b_name, &b, AT_SYMLINK_NOFOLLOW) != 0 || (a.st_mode & S_IFMT) != (b.st_mode & S_IFMT))
        return FALSE;
    if (S_ISDIR(a.st_mode))
        return folders_are_same(a_dir, a_name, b_dir, b_name, depth);
    if (S_ISLNK(a.st_mode))
        return links_are_same(a_dir, a_name, b_dir, b_name);
    return a.st_size == b.st_size && files_are_same(a_dir, a_name, b_dir, b_name);
}

/* ---- putting back ---- */

/* The folder that a path lies in; -1 with errno. like: a tree that has it, after which missing ones are made; or -1. */
static int open_parent(int top_fd, const char *path, int like_fd)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    g_auto(Fd) at = openat(top_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_auto(Fd) like = like_fd < 0 ? -1 : openat(like_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (char **part = parts; at >= 0 && *part && part[1]; part++) {
        struct stat st;
        int like_next = like < 0 ? -1 : volume_open_dir(like, *part);
        if (like_next >= 0 && fstat(like_next, &st) == 0 && mkdirat(at, *part, st.st_mode & 07777) == 0)
            (void)!fchownat(at, *part, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW); /* as far as we may */
        fd_close(like);
        like = like_next;
        int next = volume_open_dir(at, *part);
        fd_close(at);
        at = next;
    }
    return fd_steal(&at);
}

static gboolean put_newer_beside(int dir_fd, const char *name, const char *path, GPtrArray *notes,
                                 GError **error)
{
    g_autofree char *base = g_strndup(name, NAME_BYTES_MAX);
    for (guint try = 1; try <= BESIDE_TRIES; try++) {
        g_autofree char *beside = try == 1 ? g_strconcat(base, NEWER_SUFFIX, NULL)
                                           : g_strdup_printf("%s" NEWER_SUFFIX ".%u", base, try);
        if (volume_rename_new(dir_fd, name, dir_fd, beside) == 0) {
            g_ptr_array_add(notes,
                            g_strdup_printf("%s: is again as it was before the upgrade, the newer one is "
                                            "beside it as %s",
                                            path, beside));
            return TRUE;
        }
        if (errno != EEXIST)
            return error_set_errno(error, "move %s to %s", path, beside);
    }
    return error_set(error, APPCENTER_ERROR_IO, "%s: no free name beside it", path);
}

static gboolean put_back(int live_fd, int snapshot_fd, const char *path, GPtrArray *notes, GError **error)
{
    struct stat st;
    g_autofree char *name = g_path_get_basename(path);
    g_auto(Fd) from = open_parent(snapshot_fd, path, -1);
    if (from < 0 || fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ||
               error_set_errno(error, "look at %s in the snapshot", path);
    g_auto(Fd) to = open_parent(live_fd, path, snapshot_fd);
    if (to < 0)
        return error_set_errno(error, "open the folder of %s", path);
    gboolean is_taken = fstatat(to, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (is_taken && is_same(from, name, to, name, 0))
        return TRUE;
    if (is_taken && !put_newer_beside(to, name, path, notes, error))
        return FALSE;
    return volume_rename_new(from, name, to, name) == 0 || error_set_errno(error, "put %s back", path);
}

gboolean volume_snapshot_put_back(const Volume *volume, int live_fd, const char *name,
                                  const char *const *paths, GPtrArray *notes, GError **error)
{
    g_autoptr(GError) absent = NULL;
    g_auto(Fd) snapshot = volume_snapshot_open(volume, name, &absent);
    if (snapshot < 0) {
        if (error_kind(absent) == APPCENTER_ERROR_NOT_FOUND)
            return TRUE; /* it was not taken to its end, so nothing has been changed since */
        g_propagate_error(error, g_steal_pointer(&absent));
        return FALSE;
    }
    for (const char *const *path = paths; path && *path; path++)
        if (!put_back(live_fd, snapshot, *path, notes, error))
            return FALSE;
    return TRUE;
}
