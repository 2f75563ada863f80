/* root_dir.c - the product's absolute paths, opened below one directory that no link leads out of.
 *
 * Hides openat2(2), which the C library does not wrap, and the walk that makes missing directories. All paths
 * are product paths ("/etc/appcenter/..."); only root_dir_host_path gives names of the host away.
 */
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/dir_stream.h"
#include "base/error.h"

#define RESOLVE_TRIES_MAX 64 /* the kernel asks for another try when a rename elsewhere raced with ".." */

struct RootDir {
    int fd;
    char *path; /* "" for the real system */
};

RootDir *root_dir_open(const char *dir, GError **error)
{
    const char *wanted = dir && *dir ? dir : "/";
    char *real = realpath(wanted, NULL);
    if (!real) {
        error_set_errno(error, "root %s", wanted);
        return NULL;
    }
    g_auto(Fd) fd = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        error_set_errno(error, "root %s", wanted);
        free(real);
        return NULL;
    }
    RootDir *root = g_new0(RootDir, 1);
    root->fd = fd_steal(&fd);
    root->path = g_strdup(strcmp(real, "/") == 0 ? "" : real);
    free(real);
    return root;
}

void root_dir_free(RootDir *root)
{
    if (!root)
        return;
    fd_close(root->fd);
    g_free(root->path);
    g_free(root);
}

const char *root_dir_path(const RootDir *root)
{
    return root->path;
}

gboolean root_dir_is_private(const RootDir *root)
{
    return *root->path != '\0';
}

int root_dir_fd(const RootDir *root)
{
    return root->fd;
}

char *root_dir_host_path(const RootDir *root, const char *path)
{
    if (strcmp(path, "/") == 0)
        return g_strdup(root_dir_is_private(root) ? root->path : "/");
    return g_strconcat(root->path, path, NULL);
}

/* -1 with errno, for callers to whom a missing file is no error. */
static int open_raw(const RootDir *root, const char *path, int flags, mode_t mode)
{
    gboolean makes_file = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
    struct open_how how = {.flags = (guint64)(flags | O_CLOEXEC),
                           .mode = makes_file ? mode : 0,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    for (int i = 0;; i++) {
        int fd = (int)syscall(SYS_openat2, root->fd, path, &how, sizeof how);
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR) || i >= RESOLVE_TRIES_MAX)
            return fd;
    }
}

static gboolean path_is_absolute(const char *path, GError **error)
{
    if (path && *path == '/')
        return TRUE;
    return error_set(error, APPCENTER_ERROR_INVALID, "wanted an absolute path, found %s",
                     path ? path : "none");
}

int root_dir_openat(const RootDir *root, const char *path, int flags, mode_t mode, GError **error)
{
    if (!path_is_absolute(path, error))
        return -1;
    int fd = open_raw(root, path, flags, mode);
    if (fd < 0)
        error_set_errno(error, "open %s", path);
    return fd;
}

gboolean root_dir_exists(const RootDir *root, const char *path)
{
    g_auto(Fd) fd = path && *path == '/' ? open_raw(root, path, O_PATH, 0) : -1;
    return fd >= 0;
}

/* The directory that holds path's last part, which goes to *name. */
static int open_parent(const RootDir *root, const char *path, char **name, GError **error)
{
    if (!path_is_absolute(path, error))
        return -1;
    g_autofree char *base = g_strdup(strrchr(path, '/') + 1);
    if (!files_name_is_plain(base)) {
        error_set(error, APPCENTER_ERROR_INVALID, "wanted a path that ends in a name, found %s", path);
        return -1;
    }
    g_autofree char *dir = g_path_get_dirname(path);
    int fd = root_dir_openat(root, dir, O_RDONLY | O_DIRECTORY, 0, error);
    if (fd >= 0)
        *name = g_steal_pointer(&base);
    return fd;
}

/* Makes one directory in the one that `parent` is the path of, durably. */
static gboolean make_one_dir(const RootDir *root, const char *path, mode_t mode, GError **error)
{
    g_autofree char *name = NULL;
    g_auto(Fd) parent_fd = open_parent(root, path, &name, error);
    if (parent_fd < 0)
        return FALSE;
    if (mkdirat(parent_fd, name, 0700) != 0)
        return errno == EEXIST || error_set_errno(error, "make directory %s", path); /* somebody was faster */
    g_auto(Fd) fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fchmod(fd, mode) != 0) /* the mode asked for, whatever the umask */
        return error_set_errno(error, "make directory %s", path);
    return files_fsync(fd, path, error) && files_fsync(parent_fd, path, error);
}

gboolean root_dir_make_dirs(const RootDir *root, const char *path, mode_t mode, GError **error)
{
    if (!path_is_absolute(path, error))
        return FALSE;
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    g_autoptr(GString) prefix = g_string_new(NULL);
    for (char **part = parts; *part; part++) {
        if (**part == '\0')
            continue;
        g_string_append_printf(prefix, "/%s", *part);
        g_auto(Fd) fd = open_raw(root, prefix->str, O_PATH | O_DIRECTORY, 0);
        if (fd >= 0)
            continue;
        if (errno != ENOENT)
            return error_set_errno(error, "make directory %s", prefix->str);
        if (!make_one_dir(root, prefix->str, mode, error))
            return FALSE;
        fd = open_raw(root, prefix->str, O_PATH | O_DIRECTORY, 0);
        if (fd < 0) /* a dangling link of that name */
            return error_set_errno(error, "make directory %s", prefix->str);
    }
    return TRUE;
}

GBytes *root_dir_read(const RootDir *root, const char *path, gsize max_bytes, GError **error)
{
    struct stat st;
    /* O_NONBLOCK: a fifo in the place of a file must not stop us */
    g_auto(Fd) fd = root_dir_openat(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, error);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) != 0) {
        error_set_errno(error, "stat %s", path);
        return NULL;
    }
    if (!S_ISREG(st.st_mode)) {
        error_set(error, APPCENTER_ERROR_CORRUPT, "%s: wanted a regular file, found something else", path);
        return NULL;
    }
    GBytes *content = files_read_fd(fd, max_bytes, error);
    if (!content)
        g_prefix_error(error, "%s: ", path);
    return content;
}

gboolean root_dir_write_atomic(const RootDir *root, const char *path, const void *data, gsize len,
                               mode_t mode, GError **error)
{
    g_autofree char *name = NULL;
    g_auto(Fd) dir_fd = open_parent(root, path, &name, error);
    if (dir_fd < 0) {
        g_prefix_error(error, "write %s: ", path);
        return FALSE;
    }
    return files_write_atomic_at(dir_fd, name, data, len, mode, error);
}

gboolean root_dir_unlink(const RootDir *root, const char *path, GError **error)
{
    g_autofree char *name = NULL;
    g_autoptr(GError) cause = NULL;
    g_auto(Fd) dir_fd = open_parent(root, path, &name, &cause);
    if (dir_fd < 0 && error_kind(cause) == APPCENTER_ERROR_NOT_FOUND)
        return TRUE;
    if (dir_fd < 0) {
        g_propagate_prefixed_error(error, g_steal_pointer(&cause), "unlink %s: ", path);
        return FALSE;
    }
    if (unlinkat(dir_fd, name, 0) != 0)
        return errno == ENOENT || error_set_errno(error, "unlink %s", path);
    return files_fsync(dir_fd, path, error);
}

gboolean root_dir_remove_tree(const RootDir *root, const char *path, GError **error)
{
    g_autofree char *name = NULL;
    g_autoptr(GError) cause = NULL;
    g_auto(Fd) dir_fd = open_parent(root, path, &name, &cause);
    if (dir_fd < 0 && error_kind(cause) == APPCENTER_ERROR_NOT_FOUND)
        return TRUE;
    if (dir_fd < 0) {
        g_propagate_prefixed_error(error, g_steal_pointer(&cause), "remove %s: ", path);
        return FALSE;
    }
    return files_remove_tree_at(dir_fd, name, error) && files_fsync(dir_fd, path, error);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char **root_dir_list(const RootDir *root, const char *path, GError **error)
{
    g_auto(Fd) fd = root_dir_openat(root, path, O_RDONLY | O_DIRECTORY, 0, error);
    if (fd < 0)
        return NULL;
    g_autoptr(DirStream) stream = fdopendir(fd);
    if (!stream) {
        error_set_errno(error, "list %s", path);
        return NULL;
    }
    fd_steal(&fd);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (;;) {
        errno = 0; /* the only way to tell the end from a failure */
        struct dirent *entry = readdir(stream);
        if (!entry && errno != 0) {
            error_set_errno(error, "list %s", path);
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
