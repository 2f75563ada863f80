/* fetch_file.c - repositories that are a folder of this box: file: URLs, read without libcurl.
 *
 * So that "no such file" is told apart from every other failure, and nothing but regular files is read.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "ports/fetch_internal.h"

#define CHUNK_BYTES (256 * 1024)

static gboolean fail(const char *path, GError **error)
{
    return error_set(error, APPCENTER_ERROR_NETWORK, "file://%s cannot be read: %s", path, g_strerror(errno));
}

static int open_source(Transfer *transfer, const char *path, gint64 *size_bytes, GError **error)
{
    struct stat info;
    g_auto(Fd) fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        transfer->outcome->is_absent = errno == ENOENT || errno == ENOTDIR;
        fail(path, error);
        return -1;
    }
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        error_set(error, APPCENTER_ERROR_NETWORK, "file://%s: wanted a regular file, found something else",
                  path);
        return -1;
    }
    *size_bytes = info.st_size;
    return fd_steal(&fd);
}

static gboolean copy(Transfer *transfer, int fd, const char *path, GError **error)
{
    g_autofree char *chunk = g_malloc(CHUNK_BYTES);
    for (;;) {
        ssize_t n = TEMP_FAILURE_RETRY(read(fd, chunk, CHUNK_BYTES));
        if (n < 0)
            return fail(path, error);
        if (n == 0)
            return TRUE;
        transfer->outcome->bytes += n;
        if (!transfer_take(transfer, chunk, (gsize)n, error))
            return FALSE;
        if (transfer_tell(transfer, FALSE))
            return error_set(error, APPCENTER_ERROR_CANCELLED, "cancelled while reading %s", transfer->file);
    }
}

gboolean transfer_by_file(Transfer *transfer, GError **error)
{
    gint64 size_bytes = 0;
    g_autofree char *path = fetch_url_file_path(transfer->url);
    g_auto(Fd) fd = open_source(transfer, path, &size_bytes, error);
    if (fd < 0)
        return FALSE;
    if (transfer->is_exact && size_bytes > transfer->max_bytes)
        return error_set(error, APPCENTER_ERROR_UNTRUSTED,
                         "file://%s has %" G_GINT64_FORMAT " bytes, wanted %" G_GINT64_FORMAT, path,
                         size_bytes, transfer->max_bytes);
    transfer->outcome->is_pieced = transfer->done_bytes > 0;
    g_clear_pointer(&transfer->resume_tag, g_free);
    if (lseek(fd, transfer->done_bytes, SEEK_SET) < 0)
        return fail(path, error);
    if (!copy(transfer, fd, path, error))
        return FALSE;
    /* It may have been cut short under our hands. */
    return !transfer->is_exact || transfer->done_bytes == transfer->max_bytes ||
           error_set(error, APPCENTER_ERROR_NETWORK, "file://%s ended after %" G_GINT64_FORMAT " bytes", path,
                     transfer->done_bytes);
}
