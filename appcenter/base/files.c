/* files.c - whole reads, whole writes and durable replacement on descriptors.
 *
 * Hides short reads and writes, EINTR, and the order temp file, fsync, rename, fsync of the directory. A
 * failed fsync is reported and never tried again: the kernel may have dropped the pages, a second success
 * would lie.
 */
#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

#define READ_CHUNK_BYTES (64 * 1024)
#define COPY_CHUNK_BYTES (256 * 1024)
#define TEMP_NAME_TRIES  100

void fd_close(Fd fd)
{
    if (fd >= 0)
        close(fd);
}

int fd_steal(Fd *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

gboolean files_write_all(int fd, const void *data, gsize len, GError **error)
{
    const char *rest = data;
    while (len > 0) {
        ssize_t n = TEMP_FAILURE_RETRY(write(fd, rest, len));
        if (n < 0)
            return error_set_errno(error, "write");
        rest += n;
        len -= (gsize)n;
    }
    return TRUE;
}

GBytes *files_read_fd(int fd, gsize max_bytes, GError **error)
{
    g_autoptr(GByteArray) content = g_byte_array_new();
    g_autofree guint8 *chunk = g_malloc(READ_CHUNK_BYTES);
    for (;;) {
        ssize_t n = TEMP_FAILURE_RETRY(read(fd, chunk, READ_CHUNK_BYTES));
        if (n < 0) {
            error_set_errno(error, "read");
            return NULL;
        }
        if (n == 0)
            /* An empty file is "", never NULL: a caller may make a text of it without another question. */
            return content->len ? g_byte_array_free_to_bytes(g_steal_pointer(&content))
                                : g_bytes_new_static("", 0);
        if ((gsize)n > max_bytes - content->len) {
            error_set(error, APPCENTER_ERROR_CORRUPT, "wanted at most %" G_GSIZE_FORMAT " bytes, found more",
                      max_bytes);
            return NULL;
        }
        g_byte_array_append(content, chunk, (guint)n);
    }
}

gint64 files_copy_fd(int in_fd, int out_fd, gint64 max_bytes, GError **error)
{
    g_autofree guint8 *chunk = g_malloc(COPY_CHUNK_BYTES);
    gint64 copied = 0;
    for (;;) {
        ssize_t n = TEMP_FAILURE_RETRY(read(in_fd, chunk, COPY_CHUNK_BYTES));
        if (n < 0) {
            error_set_errno(error, "read");
            return -1;
        }
        if (n == 0)
            return copied;
        if (n > max_bytes - copied) {
            error_set(error, APPCENTER_ERROR_CORRUPT, "wanted at most %" G_GINT64_FORMAT " bytes, found more",
                      max_bytes);
            return -1;
        }
        if (!files_write_all(out_fd, chunk, (gsize)n, error))
            return -1;
        copied += n;
    }
}

gboolean files_fsync(int fd, const char *name_for_message, GError **error)
{
    if (fsync(fd) != 0)
        return error_set_errno(error, "fsync %s", name_for_message);
    return TRUE;
}

gboolean files_sync_filesystem(int fd, GError **error)
{
    if (syncfs(fd) != 0)
        return error_set_errno(error, "syncfs");
    return TRUE;
}

/* Makes an empty file of a name that was free; *name is the new name, to be freed. */
static int make_temp_at(int dir_fd, char **name, GError **error)
{
    for (int i = 0; i < TEMP_NAME_TRIES; i++) {
        g_autofree char *candidate = g_strdup_printf(".tmp-%08x%08x", g_random_int(), g_random_int());
        int fd = openat(dir_fd, candidate, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd >= 0) {
            *name = g_steal_pointer(&candidate);
            return fd;
        }
        if (errno != EEXIST)
            break;
    }
    error_set_errno(error, "create a temporary file");
    return -1;
}

static gboolean fill_temp(int fd, const void *data, gsize len, mode_t mode, const char *name, GError **error)
{
    if (!files_write_all(fd, data, len, error))
        return FALSE;
    if (fchmod(fd, mode) != 0) /* the caller's mode, whatever the umask */
        return error_set_errno(error, "chmod");
    return files_fsync(fd, name, error);
}

gboolean files_write_atomic_at(int dir_fd, const char *name, const void *data, gsize len, mode_t mode,
                               GError **error)
{
    g_autofree char *temp = NULL;
    if (!files_name_is_plain(name))
        return error_set(error, APPCENTER_ERROR_INVALID, "wanted a plain file name, found something else");
    g_auto(Fd) fd = make_temp_at(dir_fd, &temp, error);
    if (fd < 0) {
        g_prefix_error(error, "write %s: ", name);
        return FALSE;
    }
    if (!fill_temp(fd, data, len, mode, name, error)) {
        unlinkat(dir_fd, temp, 0);
        g_prefix_error(error, "write %s: ", name);
        return FALSE;
    }
    if (renameat(dir_fd, temp, dir_fd, name) != 0) {
        error_set_errno(error, "write %s: rename", name);
        unlinkat(dir_fd, temp, 0);
        return FALSE;
    }
    return files_fsync(dir_fd, "the directory", error);
}

static gboolean has_control_byte(const char *text)
{
    for (; *text; text++)
        if ((guchar)*text < 0x20 || *text == 0x7f)
            return TRUE;
    return FALSE;
}

gboolean files_name_is_plain(const char *name)
{
    return name && *name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !strchr(name, '/') &&
           strlen(name) <= NAME_MAX && !has_control_byte(name);
}

gboolean files_path_is_inside(const char *path)
{
    if (!path)
        return FALSE;
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    for (char **part = parts; *part; part++)
        if (!files_name_is_plain(*part))
            return FALSE;
    return parts[0] != NULL; /* "" splits into no part at all */
}
