/* archive_read.c - one compressed tar, read so that every byte of it counts.
 *
 * libarchive's tar reader is content with a compressed stream that is cut short, or followed by other bytes. So the
 * filter and the tar are two readers here, one pulling from the other, and the end is checked on both: the stream ends
 * with exactly its last byte, gzip's check sum holds, the tar has its end mark, and behind it are only zeros.
 */
#include "ports/archive_internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define CHUNK_BYTES        (256 * 1024)
#define GZIP_TRAILER_BYTES 8
#define TAR_END_BYTES      1024
#define RATIO_FREE_BYTES   ((gint64)64 * 1024 * 1024)

typedef struct archive ArchiveReader;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ArchiveReader, archive_read_free)

struct TarStream {
    TarSource source;
    gint64 position; /* next compressed byte, from source.offset */
    guint8 *chunk;
    ArchiveReader *raw; /* the one filter */
    ArchiveReader *tar; /* the tar, fed by raw */
    GError *failure;    /* why a callback failed; better than what libarchive makes of it */
    gint64 tar_bytes;
    gint64 content_bytes;    /* of the current entry so far */
    gint64 last_content_end; /* behind the last byte that is not zero */
    guint32 crc;
};

void tar_stream_free(TarStream *stream)
{
    if (!stream)
        return;
    archive_read_free(stream->tar);
    archive_read_free(stream->raw);
    g_clear_error(&stream->failure);
    g_free(stream->chunk);
    g_free(stream);
}

gint64 tar_stream_consumed(const TarStream *stream)
{
    if (stream->source.compression == QPKG_7Z) /* it is read by seeking */
        return stream->position;
    return archive_filter_bytes(stream->raw, -1);
}

/* ---- the compressed bytes ---- */

static la_ssize_t read_compressed(struct archive *reader, void *user_data, const void **buffer)
{
    (void)reader;
    TarStream *self = user_data;
    gsize wanted = (gsize)MIN((gint64)CHUNK_BYTES, self->source.length - self->position);
    if (wanted == 0)
        return 0;
    ssize_t n =
        TEMP_FAILURE_RETRY(pread(self->source.fd, self->chunk, wanted, self->source.offset + self->position));
    if (n < 0)
        error_set_errno(&self->failure, "read");
    if (n == 0)
        error_set(&self->failure, APPCENTER_ERROR_CORRUPT, "the file has become shorter");
    if (n <= 0)
        return -1;
    self->position += n;
    *buffer = self->chunk;
    return n;
}

static la_int64_t seek_compressed(struct archive *reader, void *user_data, la_int64_t offset, int whence)
{
    (void)reader;
    TarStream *self = user_data;
    gint64 from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? self->position : self->source.length;
    if (offset < -from || offset > self->source.length - from)
        return ARCHIVE_FATAL;
    self->position = from + offset;
    return self->position;
}

static gboolean add_filter(ArchiveReader *raw, int compression, GError **error)
{
    int status = ARCHIVE_FATAL;
    switch (compression) {
    case TAR_PLAIN:
        return TRUE;
    case QPKG_GZIP:
        status = archive_read_support_filter_gzip(raw);
        break;
    case QPKG_BZIP2:
        status = archive_read_support_filter_bzip2(raw);
        break;
    case QPKG_XZ:
        status = archive_read_support_filter_xz(raw);
        break;
    case QPKG_ZSTD:
        status = archive_read_support_filter_zstd(raw);
        break;
    case QPKG_7Z: /* compresses by itself */
        archive_read_set_seek_callback(raw, seek_compressed);
        status = archive_read_support_format_7zip(raw);
        break;
    }
    if (status != ARCHIVE_OK) /* a warning is: it would start a program */
        return error_set(error, APPCENTER_ERROR_INTERNAL, "libarchive cannot read data.tar.%s itself",
                         qpkg_compression_extension((QpkgCompression)compression));
    return TRUE;
}

static gboolean filter_is(ArchiveReader *raw, int compression)
{
    static const int codes[] = {
        [QPKG_GZIP] = ARCHIVE_FILTER_GZIP,
        [QPKG_BZIP2] = ARCHIVE_FILTER_BZIP2,
        [QPKG_XZ] = ARCHIVE_FILTER_XZ,
        [QPKG_ZSTD] = ARCHIVE_FILTER_ZSTD,
    };
    /* libarchive counts the plain file below as a filter, and would peel off several layers of one kind */
    if (compression == TAR_PLAIN || compression == QPKG_7Z)
        return archive_filter_count(raw) == 1;
    return archive_filter_count(raw) == 2 && archive_filter_code(raw, 0) == codes[compression];
}

static gboolean fail_from(TarStream *self, ArchiveReader *reader, GError **error)
{
    if (self->failure) {
        g_propagate_error(error, g_steal_pointer(&self->failure));
        return FALSE;
    }
    /* the helper may use so much memory that only a window that no honest packer asks for can be refused */
    if (archive_errno(reader) == ENOMEM)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "wants more memory than unpacking may use");
    const char *text = archive_error_string(reader);
    return error_set(error, APPCENTER_ERROR_CORRUPT, "%s", text ? text : "damaged");
}

static gboolean open_raw(TarStream *self, GError **error)
{
    struct archive_entry *whole;
    const char *name = self->source.compression == TAR_PLAIN
                           ? "tar"
                           : qpkg_compression_extension((QpkgCompression)self->source.compression);
    gboolean is_7z = self->source.compression == QPKG_7Z;
    self->raw = archive_read_new();
    if ((is_7z &&
         !archive_7z_check_whole(self->source.fd, self->source.offset, self->source.length, error)) ||
        !add_filter(self->raw, self->source.compression, error))
        return FALSE;
    if ((!is_7z && archive_read_support_format_raw(self->raw) != ARCHIVE_OK) ||
        archive_read_open(self->raw, self, NULL, read_compressed, NULL) != ARCHIVE_OK)
        return fail_from(self, self->raw, error);
    int status = archive_read_next_header(self->raw, &whole);
    if (status == ARCHIVE_EOF || !filter_is(self->raw, self->source.compression))
        return error_set(error, APPCENTER_ERROR_CORRUPT, "wanted %s data, found something else", name);
    return status == ARCHIVE_OK || fail_from(self, self->raw, error);
}

/* ---- the tar's bytes ---- */

/* Takes note of bytes that have come out of the filter. */
static gboolean account(TarStream *self, const guint8 *bytes, gsize len, GError **error)
{
    if ((gint64)len > self->source.max_tar_bytes - self->tar_bytes)
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "wanted at most %" G_GINT64_FORMAT " bytes when uncompressed, found more",
                         self->source.max_tar_bytes);
    if (self->source.max_ratio > 0 && self->tar_bytes + (gint64)len > RATIO_FREE_BYTES &&
        (self->tar_bytes + (gint64)len) / self->source.max_ratio > self->source.length)
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "wanted at most %" G_GINT64_FORMAT " times its compressed %" G_GINT64_FORMAT
                         " bytes when uncompressed, found more",
                         self->source.max_ratio, self->source.length);
    if (self->source.digest)
        digest_update(self->source.digest, bytes, len);
    if (self->source.compression == QPKG_GZIP)
        self->crc = (guint32)crc32_z(self->crc, bytes, len); /* libarchive reads over it */
    for (gsize i = len; i > 0; i--) {
        if (bytes[i - 1]) {
            self->last_content_end = self->tar_bytes + (gint64)i;
            break;
        }
    }
    self->tar_bytes += (gint64)len;
    return TRUE;
}

/* The next bytes out of the filter: how many, 0 at the end, -1 with error set. */
static gssize pull(TarStream *self, const void **buffer, GError **error)
{
    for (;;) {
        gsize len = 0;
        la_int64_t offset;
        int status = archive_read_data_block(self->raw, buffer, &len, &offset);
        if (status == ARCHIVE_EOF)
            return 0;
        if (status != ARCHIVE_OK) {
            fail_from(self, self->raw, error);
            return -1;
        }
        if (len > 0)
            return account(self, *buffer, len, error) ? (gssize)len : -1;
    }
}

static la_ssize_t read_tar_bytes(struct archive *reader, void *user_data, const void **buffer)
{
    (void)reader;
    TarStream *self = user_data;
    g_autoptr(GError) failure = NULL;
    gssize n = pull(self, buffer, &failure);
    if (n < 0 && !self->failure)
        self->failure = g_steal_pointer(&failure);
    return n;
}

TarStream *tar_stream_open(const TarSource *source, GError **error)
{
    g_autoptr(TarStream) self = g_new0(TarStream, 1);
    self->source = *source;
    self->chunk = g_malloc(CHUNK_BYTES);
    if (!open_raw(self, error))
        return NULL;
    self->tar = archive_read_new();
    if (archive_read_support_format_tar(self->tar) != ARCHIVE_OK ||
        archive_read_open(self->tar, self, NULL, read_tar_bytes, NULL) != ARCHIVE_OK) {
        fail_from(self, self->tar, error);
        return NULL;
    }
    return g_steal_pointer(&self);
}

/* ---- the end ---- */

static gboolean check_gzip_trailer(const TarStream *self, GError **error)
{
    guint8 trailer[GZIP_TRAILER_BYTES];
    guint32 crc, size;
    gint64 at = self->source.offset + self->source.length - GZIP_TRAILER_BYTES;
    if (TEMP_FAILURE_RETRY(pread(self->source.fd, trailer, sizeof trailer, at)) != (ssize_t)sizeof trailer)
        return error_set_errno(error, "read the check sum");
    memcpy(&crc, trailer, sizeof crc);
    memcpy(&size, trailer + 4, sizeof size);
    if (GUINT32_FROM_LE(crc) != self->crc)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "gzip's check sum does not hold");
    if (GUINT32_FROM_LE(size) != (guint32)self->tar_bytes)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "gzip's length is %u, found %u",
                         GUINT32_FROM_LE(size), (guint32)self->tar_bytes);
    return TRUE;
}

/* Reads what the tar reader left, and holds both ends to account. */
static gboolean finish(TarStream *self, GError **error)
{
    gint64 tar_end = archive_filter_bytes(self->tar, -1);
    const void *rest;
    gssize n;
    do {
        n = pull(self, &rest, error);
    } while (n > 0);
    if (n < 0)
        return FALSE;
    gboolean is_7z = self->source.compression == QPKG_7Z;
    if (is_7z && !archive_7z_check_alone(self->raw, error))
        return FALSE;
    gint64 behind = self->source.length - tar_stream_consumed(self);
    if (behind != 0 && !is_7z)
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "%" G_GINT64_FORMAT " bytes behind the end of the compressed data", behind);
    if (self->source.compression == QPKG_GZIP && !check_gzip_trailer(self, error))
        return FALSE;
    if (self->last_content_end > tar_end)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "something stands behind the tar's end mark");
    if (self->tar_bytes - self->last_content_end < TAR_END_BYTES)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "the tar has no end mark");
    return TRUE;
}

gboolean tar_stream_next(TarStream *stream, struct archive_entry **entry, GError **error)
{
    int status = archive_read_next_header(stream->tar, entry);
    stream->content_bytes = 0;
    if (status == ARCHIVE_OK)
        return TRUE;
    if (status != ARCHIVE_EOF)
        return fail_from(stream, stream->tar, error);
    *entry = NULL;
    return finish(stream, error);
}

gssize tar_stream_read(TarStream *stream, const void **bytes, GError **error)
{
    gsize len = 0;
    la_int64_t offset = 0;
    while (len == 0) {
        int status = archive_read_data_block(stream->tar, bytes, &len, &offset);
        if (status == ARCHIVE_EOF)
            return 0;
        if (status != ARCHIVE_OK) {
            fail_from(stream, stream->tar, error);
            return -1;
        }
    }
    if (offset != stream->content_bytes) {
        error_set(error, APPCENTER_ERROR_CORRUPT, "a file with a hole");
        return -1;
    }
    stream->content_bytes += (gint64)len;
    return (gssize)len;
}
