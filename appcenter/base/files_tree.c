/* files_tree.c - removing a tree, whatever is in it.
 *
 * Walks with two descriptors however deep the tree is: down by openat2 that refuses links and mount points
 * (bind mounts of the same device too, which comparing st_dev would miss), up by ".." that must be the
 * directory it came from. Hides directories without read or write permission. Stops at the first thing that
 * cannot be removed; what is gone is gone, and a second call goes on.
 */
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/dir_stream.h"
#include "base/error.h"

/* How often a directory may turn out not to be empty after all, because somebody still writes into it. */
#define REFILL_TRIES_MAX 100

typedef struct {
    char *name; /* in its parent */
    dev_t dev;
    ino_t ino;
} Level;

static void level_clear(gpointer level)
{
    g_free(((Level *)level)->name);
}

static int open_below(int dir_fd, const char *name, int flags)
{
    struct open_how how = {.flags = (guint64)(flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
                           .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS};
    return (int)syscall(SYS_openat2, dir_fd, name, &how, sizeof how);
}

/* A directory that its owner may not read (or enter) is given those rights first: it is about to go. */
static int open_forcibly(int dir_fd, const char *name)
{
    int fd = open_below(dir_fd, name, O_RDONLY);
    if (fd >= 0 || errno != EACCES)
        return fd;
    g_auto(Fd) handle = open_below(dir_fd, name, O_PATH);
    if (handle < 0)
        return -1;
    char self[64];
    g_snprintf(self, sizeof self, "/proc/self/fd/%d",
               handle); /* chmod by name would follow a link put there */
    if (chmod(self, 0700) != 0)
        return -1;
    return open_below(dir_fd, name, O_RDONLY);
}

static gboolean descend(GArray *levels, Fd *fd, int parent_fd, const char *name, GError **error)
{
    struct stat st;
    g_auto(Fd) child = open_forcibly(parent_fd, name);
    if (child < 0 && errno == EXDEV)
        return error_set(error, APPCENTER_ERROR_IO, "%s: is a mount point", name);
    if (child < 0 || fstat(child, &st) != 0)
        return error_set_errno(error, "open %s", name);
    if ((st.st_mode & S_IRWXU) != S_IRWXU)
        (void)fchmod(child, S_IRWXU); /* where it matters and did not work, unlinkat will say so */
    Level level = {.name = g_strdup(name), .dev = st.st_dev, .ino = st.st_ino};
    g_array_append_val(levels, level);
    fd_close(*fd);
    *fd = fd_steal(&child);
    return TRUE;
}

static gboolean entry_is_directory(int dir_fd, const struct dirent *entry)
{
    struct stat st;
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    return fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* Unlinks what is no directory, up to the first directory, whose name goes to *subdir (NULL: nothing is
 * left). */
static gboolean empty_until_subdir(int dir_fd, char **subdir, GError **error)
{
    g_auto(Fd) copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* with an offset of its own */
    if (copy < 0)
        return error_set_errno(error, "open a directory again");
    g_autoptr(DirStream) stream = fdopendir(copy);
    if (!stream)
        return error_set_errno(error, "read a directory");
    fd_steal(&copy);
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(stream);
        if (!entry && errno != 0)
            return error_set_errno(error, "read a directory");
        if (!entry)
            return TRUE;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (entry_is_directory(dir_fd, entry)) {
            *subdir = g_strdup(entry->d_name);
            return TRUE;
        }
        if (unlinkat(dir_fd, entry->d_name, 0) != 0 && errno != ENOENT)
            return error_set_errno(error, "unlink %s", entry->d_name);
    }
}

/* Back to the parent of the last level; refuses when somebody moved the directory away meanwhile. */
static gboolean ascend(GArray *levels, Fd *fd, GError **error)
{
    struct stat st;
    const Level *expected = &g_array_index(levels, Level, levels->len - 2);
    g_auto(Fd) parent = openat(*fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0 || fstat(parent, &st) != 0)
        return error_set_errno(error, "open the directory above %s",
                               g_array_index(levels, Level, levels->len - 1).name);
    if (st.st_dev != expected->dev || st.st_ino != expected->ino)
        return error_set(error, APPCENTER_ERROR_IO, "%s: was moved while it was removed", expected->name);
    fd_close(*fd);
    *fd = fd_steal(&parent);
    return TRUE;
}

/* Removes the emptied last level from its parent. Not empty again is no failure: the caller looks once
 * more. */
static gboolean remove_level(GArray *levels, int parent_fd, guint *refills, GError **error)
{
    const char *name = g_array_index(levels, Level, levels->len - 1).name;
    if (unlinkat(parent_fd, name, AT_REMOVEDIR) != 0 && errno != ENOENT) {
        gboolean is_refilled = errno == ENOTEMPTY || errno == EEXIST;
        if (!is_refilled || ++*refills > REFILL_TRIES_MAX)
            return error_set_errno(error, "remove directory %s", name);
    }
    g_array_set_size(levels, levels->len - 1);
    return TRUE;
}

static gboolean remove_directory(int dir_fd, const char *name, GError **error)
{
    g_autoptr(GArray) levels = g_array_new(FALSE, FALSE, sizeof(Level));
    g_array_set_clear_func(levels, level_clear);
    g_auto(Fd) fd = -1;
    guint refills = 0;
    struct stat st;

    if (!descend(levels, &fd, dir_fd, name, error))
        return FALSE;
    while (levels->len > 0) {
        g_autofree char *subdir = NULL;
        if (!empty_until_subdir(fd, &subdir, error))
            return FALSE;
        if (subdir) {
            if (!descend(levels, &fd, fd, subdir, error))
                return FALSE;
        } else if (levels->len > 1) {
            if (!ascend(levels, &fd, error) || !remove_level(levels, fd, &refills, error))
                return FALSE;
        } else {
            if (!remove_level(levels, dir_fd, &refills, error))
                return FALSE;
            gboolean is_back = fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
            if (is_back && !descend(levels, &fd, dir_fd, name, error))
                return FALSE;
        }
    }
    return TRUE;
}

gboolean files_remove_tree_at(int dir_fd, const char *name, GError **error)
{
    struct stat st;
    if (!name || !*name || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return error_set(error, APPCENTER_ERROR_INVALID, "remove a tree: wanted a name without slashes");
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT || error_set_errno(error, "remove %s", name);
    if (!S_ISDIR(st.st_mode)) {
        if (unlinkat(dir_fd, name, 0) != 0 && errno != ENOENT)
            return error_set_errno(error, "remove %s", name);
        return TRUE;
    }
    if (!remove_directory(dir_fd, name, error)) {
        g_prefix_error(error, "remove %s: ", name);
        return FALSE;
    }
    return TRUE;
}
