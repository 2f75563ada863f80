/* delta.c - zstd with a prefix; see delta.h. */
#include "ports/delta.h"

#include <zstd.h>

#include "base/error.h"

#define DELTA_LEVEL    12
#define WINDOW_LOG_MIN 17
#define WINDOW_LOG_MAX 27 /* base and result at their longest */

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZSTD_CCtx, ZSTD_freeCCtx)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZSTD_DCtx, ZSTD_freeDCtx)

static gboolean check_length(const char *what, gint64 bytes, GError **error)
{
    return bytes <= DELTA_MAX_BYTES ||
           error_set(error, APPCENTER_ERROR_REFUSED,
                     "delta: wanted %s of at most %" G_GINT64_FORMAT " bytes, found %" G_GINT64_FORMAT, what,
                     DELTA_MAX_BYTES, bytes);
}

/* The window must reach from the end of the result back to the start of the base. */
static int window_log(gsize bytes)
{
    int log = WINDOW_LOG_MIN;
    while (log < WINDOW_LOG_MAX && ((gsize)1 << log) < bytes)
        log++;
    return log;
}

static gsize prepare(ZSTD_CCtx *context, GBytes *base, gsize result_len, gboolean with_long_matches)
{
    const struct {
        ZSTD_cParameter name;
        int value;
    } wanted[] = {{ZSTD_c_compressionLevel, DELTA_LEVEL},
                  {ZSTD_c_windowLog, window_log(g_bytes_get_size(base) + result_len)},
                  {ZSTD_c_enableLongDistanceMatching, with_long_matches},
                  {ZSTD_c_checksumFlag, 1}};
    gsize status = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(wanted) && !ZSTD_isError(status); i++)
        status = ZSTD_CCtx_setParameter(context, wanted[i].name, wanted[i].value);
    return ZSTD_isError(status)
               ? status
               : ZSTD_CCtx_refPrefix(context, g_bytes_get_data(base, NULL), g_bytes_get_size(base));
}

static GBytes *compress(GBytes *base, GBytes *result, gboolean with_long_matches, GError **error)
{
    gsize len = 0;
    const void *data = g_bytes_get_data(result, &len);
    g_autoptr(ZSTD_CCtx) context = ZSTD_createCCtx();
    gsize capacity = ZSTD_compressBound(len);
    g_autofree guint8 *out = g_malloc(capacity);
    gsize status = prepare(context, base, len, with_long_matches);
    if (!ZSTD_isError(status))
        status = ZSTD_compress2(context, out, capacity, data, len);
    if (!ZSTD_isError(status))
        return g_bytes_new(out, status);
    error_set(error, APPCENTER_ERROR_INTERNAL, "delta: %s", ZSTD_getErrorName(status));
    return NULL;
}

/* The usual search finds a small change in fewer bytes; in a long text it may lose its way, and then the search for long
 * matches does not. */
GBytes *delta_make(GBytes *base, GBytes *result, GError **error)
{
    if (!check_length("a base", (gint64)g_bytes_get_size(base), error) ||
        !check_length("a result", (gint64)g_bytes_get_size(result), error))
        return NULL;
    g_autoptr(GBytes) plain = compress(base, result, FALSE, error);
    g_autoptr(GBytes) with_long = plain ? compress(base, result, TRUE, error) : NULL;
    if (!with_long)
        return NULL;
    return g_bytes_ref(g_bytes_get_size(with_long) < g_bytes_get_size(plain) ? with_long : plain);
}

GBytes *delta_apply(GBytes *base, GBytes *delta, gint64 result_bytes, GError **error)
{
    if (!check_length("a base", (gint64)g_bytes_get_size(base), error) ||
        !check_length("a result", result_bytes, error))
        return NULL;
    g_autoptr(ZSTD_DCtx) context = ZSTD_createDCtx();
    g_autofree guint8 *out = g_malloc((gsize)result_bytes + 1);
    gsize status = ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
    if (!ZSTD_isError(status))
        status = ZSTD_DCtx_refPrefix(context, g_bytes_get_data(base, NULL), g_bytes_get_size(base));
    if (!ZSTD_isError(status))
        status = ZSTD_decompressDCtx(context, out, (gsize)result_bytes, g_bytes_get_data(delta, NULL),
                                     g_bytes_get_size(delta));
    if (ZSTD_isError(status)) {
        error_set(error, APPCENTER_ERROR_CORRUPT, "delta: %s", ZSTD_getErrorName(status));
        return NULL;
    }
    if ((gint64)status != result_bytes) {
        error_set(error, APPCENTER_ERROR_CORRUPT,
                  "delta: wanted a result of %" G_GINT64_FORMAT " bytes, found %" G_GSIZE_FORMAT,
                  result_bytes, status);
        return NULL;
    }
    return g_bytes_new_take(g_steal_pointer(&out), status);
}
