/* units.h - times, durations, sizes and hex as people and files write them. All pure. */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <glib.h>

/* RFC 3339 UTC with Z, whole seconds, years 1970 to 9999: "2026-11-22T09:00:00Z". FALSE on anything else. */
gboolean units_parse_time(const char *text, gint64 *at);
char *units_format_time(gint64 at);
/* "90", "90s", "5m", "12h", "14d", "2w": seconds. FALSE on anything else or above 10 years. */
gboolean units_parse_duration(const char *text, gint64 *seconds);
/* Shortest exact form ("12h", "90s", "0s"). free with g_free. */
char *units_format_duration(gint64 seconds);
/* "512M", "1G", "4096", "20k" (powers of 1024): bytes. */
gboolean units_parse_size(const char *text, gint64 *bytes);
/* For people: "31.0 MB", "412 kB", "7 B" (powers of 1000). */
char *units_format_size(gint64 bytes);
/* "now", "today 20:05", "Mon 02:00", "2026-12-24 02:00" in the given zone (NULL: local), relative to now. */
char *units_format_when(gint64 at, gint64 now, GTimeZone *zone);
/* "3 s", "12 min", "4 h", "9 days": a rough age for people. */
char *units_format_age(gint64 seconds);
/* Lower-case hex. */
char *units_hex(const guint8 *data, gsize len);
/* Exactly len bytes from 2*len lower-case digits; FALSE otherwise. */
gboolean units_unhex(const char *text, guint8 *out, gsize len);
gboolean units_is_hex(const char *text, gsize n_bytes);

#endif
