/* archive_zstd.c - zstd over whole buffers, for the catalogues.
 *
 * Frames are written with their length and a check sum. Reading is bounded three ways: the window, the bytes that come
 * out, and the input, which must end where its one frame ends.
 */
#include "ports/archive.h"

#include <string.h>
#include <zstd.h>

#define CATALOGUE_LEVEL 12
#define WINDOW_LOG_MAX  26 /* 64 MiB: what a reader must be able to spare */

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZSTD_CCtx, ZSTD_freeCCtx)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZSTD_DCtx, ZSTD_freeDCtx)

GBytes *archive_zstd_compress(const void *data, gsize len, GError **error)
{
    g_autoptr(ZSTD_CCtx) context = ZSTD_createCCtx();
    gsize capacity = ZSTD_compressBound(len);
    g_autofree guint8 *out = g_malloc(capacity);
    gsize status = ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, CATALOGUE_LEVEL);
    if (!ZSTD_isError(status))
        status = ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    if (!ZSTD_isError(status))
        status = ZSTD_compress2(context, out, capacity, data, len);
    if (ZSTD_isError(status)) {
        error_set(error, APPCENTER_ERROR_INTERNAL, "zstd: %s", ZSTD_getErrorName(status));
        return NULL;
    }
    return g_bytes_new_take(g_realloc(g_steal_pointer(&out), status), status);
}

/* One step; FALSE with error set when the frame is damaged, or more comes out than is allowed. */
static gboolean decompress_step(ZSTD_DCtx *context, ZSTD_inBuffer *in, ZSTD_outBuffer *out, gint64 *left,
                                gboolean *is_over, GError **error)
{
    gsize status = ZSTD_decompressStream(context, out, in);
    if (ZSTD_isError(status))
        return error_set(error, APPCENTER_ERROR_CORRUPT, "zstd: %s", ZSTD_getErrorName(status));
    if ((gint64)out->pos > *left)
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "zstd: wanted fewer bytes when uncompressed, found more");
    *left -= (gint64)out->pos;
    *is_over = status == 0;
    return TRUE;
}

gboolean archive_zstd_decompress(const void *data, gsize len, gint64 max_bytes, ArchiveSink sink,
                                 gpointer user_data, GError **error)
{
    g_autoptr(ZSTD_DCtx) context = ZSTD_createDCtx();
    gsize capacity = ZSTD_DStreamOutSize();
    g_autofree guint8 *chunk = g_malloc(capacity);
    ZSTD_inBuffer in = {.src = data, .size = len};
    gboolean is_over = FALSE;
    if (ZSTD_isError(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))
        return error_set(error, APPCENTER_ERROR_INTERNAL, "zstd: no limit of the window");
    while (!is_over) {
        ZSTD_outBuffer out = {.dst = chunk, .size = capacity};
        gsize before = in.pos;
        if (!decompress_step(context, &in, &out, &max_bytes, &is_over, error))
            return FALSE;
        if (out.pos > 0 && !sink(chunk, out.pos, user_data, error))
            return FALSE;
        if (!is_over && in.pos == before && out.pos == 0)
            return error_set(error, APPCENTER_ERROR_CORRUPT, "zstd: ends in the middle of its frame");
    }
    if (in.pos != len)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "zstd: %" G_GSIZE_FORMAT " bytes behind the frame",
                         len - in.pos);
    return TRUE;
}
