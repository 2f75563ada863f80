/* volume.c - opens a volume, and the names of the trees on it: live, staged, kept.
 *
 * Hides where our own folders lie (VOLUME/.qpkg/.appcenter), that every name is one path component below a descriptor, and
 * what keeps a folder from being moved.
 */
#include "ports/volume_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define QPKG_DIR "/.qpkg"
#define OWN_DIR  QPKG_DIR "/.appcenter"

/* ---- opening ---- */

static int open_part(const RootDir *root, const char *volume_path, const char *part, mode_t mode,
                     GError **error)
{
    g_autofree char *path = g_strconcat(volume_path, part, NULL);
    if (!root_dir_make_dirs(root, path, mode, error))
        return -1;
    return root_dir_openat(root, path, O_RDONLY | O_DIRECTORY, 0, error);
}

/* On the real system a missing volume is one that is not mounted: making a folder in its place would hide that. */
static int open_top(const RootDir *root, const char *path, GError **error)
{
    if (root_dir_is_private(root))
        return open_part(root, path, "", 0755, error);
    return root_dir_openat(root, path, O_RDONLY | O_DIRECTORY, 0, error);
}

Volume *volume_open(const RootDir *root, const char *volume_path, GError **error)
{
    g_autoptr(Volume) volume = g_new(Volume, 1);
    *volume = (Volume){.path = g_strdup(volume_path),
                       .fd = -1,
                       .qpkg_fd = -1,
                       .stage_fd = -1,
                       .kept_fd = -1,
                       .snapshot_fd = -1};
    volume->fd = open_top(root, volume_path, error);
    if (volume->fd >= 0)
        volume->qpkg_fd = open_part(root, volume_path, QPKG_DIR, 0755, error);
    if (volume->qpkg_fd >= 0)
        volume->stage_fd = open_part(root, volume_path, OWN_DIR "/stage", 0700, error);
    if (volume->stage_fd >= 0)
        volume->kept_fd = open_part(root, volume_path, OWN_DIR "/kept", 0700, error);
    if (volume->kept_fd >= 0)
        volume->snapshot_fd = open_part(root, volume_path, OWN_DIR "/snapshots", 0700, error);
    if (volume->snapshot_fd >= 0)
        return g_steal_pointer(&volume);
    g_prefix_error(error, "volume %s: ", volume_path);
    return NULL;
}

void volume_free(Volume *volume)
{
    if (!volume)
        return;
    fd_close(volume->fd);
    fd_close(volume->qpkg_fd);
    fd_close(volume->stage_fd);
    fd_close(volume->kept_fd);
    fd_close(volume->snapshot_fd);
    g_free(volume->path);
    g_free(volume);
}

int volume_fd(const Volume *volume)
{
    return volume->fd;
}

/* ---- names ---- */

gboolean volume_name_is_plain(const char *name, GError **error)
{
    if (files_name_is_plain(name))
        return TRUE;
    return error_set(error, APPCENTER_ERROR_INVALID, "wanted the plain name of a tree, found \"%s\"",
                     name ? name : "");
}

char *volume_join(const char *dir, const char *name)
{
    return *dir ? g_strconcat(dir, "/", name, NULL) : g_strdup(name);
}

int volume_open_dir(int dir_fd, const char *name)
{
    return openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int open_tree_in(int dir_fd, const char *name, const char *what, GError **error)
{
    if (!volume_name_is_plain(name, error))
        return -1;
    int fd = volume_open_dir(dir_fd, name);
    if (fd < 0)
        error_set_errno(error, "%s %s", what, name);
    return fd;
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char **volume_names_in(int dir_fd, GError **error)
{
    g_auto(Fd) own = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* with an offset of its own */
    g_autoptr(DirStream) stream = own < 0 ? NULL : fdopendir(own);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    if (!stream) {
        error_set_errno(error, "list a folder");
        return NULL;
    }
    fd_steal(&own);
    for (;;) {
        errno = 0; /* the only way to tell the end from a failure */
        struct dirent *entry = readdir(stream);
        if (!entry && errno != 0) {
            error_set_errno(error, "list a folder");
            return NULL;
        }
        if (!entry)
            break;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            g_ptr_array_add(names, g_strdup(entry->d_name));
    }
    g_ptr_array_sort(names, compare_names);
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

int volume_rename_new(int from_dir, const char *from, int to_dir, const char *to)
{
    struct stat st;
    if (renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS && errno != ENOTTY)
        return -1;
    /* the file system lacks the flag; we hold the engine's lock, so nobody else makes trees here */
    if (fstatat(to_dir, to, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return -1;
    }
    return errno == ENOENT ? renameat(from_dir, from, to_dir, to) : -1;
}

/* ---- live ---- */

char *volume_app_path(const Volume *volume, const char *app)
{
    return g_strconcat(volume->path, QPKG_DIR "/", app, NULL);
}

gboolean volume_app_exists(const Volume *volume, const char *app)
{
    g_auto(Fd) fd = files_name_is_plain(app) ? volume_open_dir(volume->qpkg_fd, app) : -1;
    return fd >= 0;
}

int volume_app_open(const Volume *volume, const char *app, GError **error)
{
    return open_tree_in(volume->qpkg_fd, app, "the folder of", error);
}

/* "\040" and its like, as mountinfo writes blanks. */
static char *unescape_mount_point(const char *text)
{
    GString *plain = g_string_new(NULL);
    for (; *text; text++) {
        if (text[0] == '\\' && text[1] && text[2] && text[3]) {
            g_string_append_c(plain, (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0')));
            text += 3;
        } else {
            g_string_append_c(plain, *text);
        }
    }
    return g_string_free(plain, FALSE);
}

/* The first mount point at or below a host path, or NULL. */
static char *mount_within(const char *host_path)
{
    g_autofree char *text = NULL;
    gsize len = strlen(host_path);
    if (!g_file_get_contents("/proc/self/mountinfo", &text, NULL, NULL))
        return NULL;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        g_auto(GStrv) fields = g_strsplit(*line, " ", 6);
        if (g_strv_length(fields) < 5)
            continue;
        g_autofree char *point = unescape_mount_point(fields[4]);
        if (strncmp(point, host_path, len) == 0 && (point[len] == '\0' || point[len] == '/'))
            return g_steal_pointer(&point);
    }
    return NULL;
}

gboolean volume_app_is_movable(const Volume *volume, const char *app, GError **error)
{
    struct stat folder, volume_st;
    g_auto(Fd) fd = files_name_is_plain(app) ? volume_open_dir(volume->qpkg_fd, app) : -1;
    if (fd < 0 && fstatat(volume->qpkg_fd, app, &folder, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
        return TRUE; /* a first install */
    if (fd < 0 || fstat(fd, &folder) != 0 || fstat(volume->stage_fd, &volume_st) != 0)
        return error_set(error, APPCENTER_ERROR_REFUSED,
                         "the folder of %s is no plain folder (a link or a file)", app);
    if (folder.st_dev != volume_st.st_dev)
        return error_set(error, APPCENTER_ERROR_REFUSED,
                         "the folder of %s lies on another file system than %s", app, volume->path);
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autofree char *host_path = g_file_read_link(self, NULL);
    g_autofree char *point = host_path ? mount_within(host_path) : NULL;
    if (point)
        return error_set(error, APPCENTER_ERROR_REFUSED, "something is mounted in the folder of %s: %s", app,
                         point);
    return TRUE;
}

/* ---- staged ---- */

char *volume_stage_name(gint64 txn_id, const char *app)
{
    return g_strdup_printf("%" G_GINT64_FORMAT "-%s", txn_id, app);
}

char *volume_stage_path(const Volume *volume, const char *stage)
{
    return g_strconcat(volume->path, OWN_DIR "/stage/", stage, NULL);
}

int volume_stage_create(const Volume *volume, const char *stage, GError **error)
{
    if (!volume_name_is_plain(stage, error) || !volume_stage_drop(volume, stage, error))
        return -1;
    if (mkdirat(volume->stage_fd, stage, 0700) != 0) {
        error_set_errno(error, "make the staging folder %s", stage);
        return -1;
    }
    g_auto(Fd) fd = volume_stage_open(volume, stage, error);
    if (fd >= 0 && fchmod(fd, 0755) != 0) { /* it will be the app's own folder, whatever our umask */
        error_set_errno(error, "staging folder %s", stage);
        return -1;
    }
    return fd_steal(&fd);
}

int volume_stage_open(const Volume *volume, const char *stage, GError **error)
{
    return open_tree_in(volume->stage_fd, stage, "the staged tree", error);
}

gboolean volume_stage_drop(const Volume *volume, const char *stage, GError **error)
{
    return volume_name_is_plain(stage, error) && files_remove_tree_at(volume->stage_fd, stage, error);
}

char **volume_stage_list(const Volume *volume, GError **error)
{
    return volume_names_in(volume->stage_fd, error);
}

/* ---- kept ---- */

static gboolean is_there(int dir_fd, const char *name)
{
    struct stat st;
    return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

gboolean volume_move_tree(int from_dir, const char *from, int to_dir, const char *to, GError **error)
{
    if (!volume_name_is_plain(from, error) || !volume_name_is_plain(to, error))
        return FALSE;
    if (!is_there(from_dir, from) && is_there(to_dir, to))
        return TRUE;
    if (volume_rename_new(from_dir, from, to_dir, to) != 0)
        return error_set_errno(error, "rename the tree %s to %s", from, to);
    return files_fsync(to_dir, to, error) && files_fsync(from_dir, from, error);
}

gboolean volume_keep(const Volume *volume, const char *stage, const char *kept_name, GError **error)
{
    return volume_move_tree(volume->stage_fd, stage, volume->kept_fd, kept_name, error);
}

gboolean volume_unkeep(const Volume *volume, const char *kept_name, const char *stage, GError **error)
{
    return volume_move_tree(volume->kept_fd, kept_name, volume->stage_fd, stage, error);
}

gboolean volume_kept_drop(const Volume *volume, const char *kept_name, GError **error)
{
    return volume_name_is_plain(kept_name, error) && files_remove_tree_at(volume->kept_fd, kept_name, error);
}

char **volume_kept_names(const Volume *volume, GError **error)
{
    return volume_names_in(volume->kept_fd, error);
}

int volume_kept_open(const Volume *volume, const char *kept_name, GError **error)
{
    return open_tree_in(volume->kept_fd, kept_name, "the kept tree", error);
}

gboolean volume_sync(const Volume *volume, GError **error)
{
    return files_sync_filesystem(volume->fd, error) &&
           files_fsync(volume->qpkg_fd, "the folder of all apps", error) &&
           files_fsync(volume->stage_fd, "the staging folder", error);
}
