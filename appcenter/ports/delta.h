/* delta.h - the difference of two texts, as `zstd --patch-from` writes and reads it. Hides libzstd.
 *
 * A delta is a zstd frame that was compressed with the base as its prefix. It is not trusted: whoever applies one checks
 * the result against a digest that is.
 */
#ifndef PORTS_DELTA_H
#define PORTS_DELTA_H

#include <glib.h>

/* Base and result, each: what a small box can hold twice. */
#define DELTA_MAX_BYTES (G_GINT64_CONSTANT(64) << 20)

/* REFUSED when base or result is longer than that. */
GBytes *delta_make(GBytes *base, GBytes *result, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Exactly result_bytes come out, or CORRUPT. */
GBytes *delta_apply(GBytes *base, GBytes *delta, gint64 result_bytes,
                    GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
