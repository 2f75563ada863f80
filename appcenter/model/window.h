/* window.h - maintenance windows, zones and blackout dates. Pure: time in, time out.
 *
 * Grammar: `[days,]HH:MM-HH:MM` separated by ';' ("mon-fri,01:00-05:00; sat,sun,00:00-08:00"), an end at or before the
 * start is the next day. A start in a DST gap moves to the first instant after it and keeps its length; in a fold the
 * first occurrence counts. Empty text: no window, ever. Blackout: `2026-12-20..2027-01-04` separated by ';', whole local
 * days, both ends included.
 */
#ifndef MODEL_WINDOW_H
#define MODEL_WINDOW_H

#include <glib.h>

typedef struct Window Window;

/* zone: "local" or an IANA name. CORRUPT says what is wrong. */
Window *window_parse(const char *timer, const char *zone, const char *blackout,
                     GError **error) G_GNUC_WARN_UNUSED_RESULT;
void window_free(Window *window);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Window, window_free)

/* Is now inside a window and outside every blackout? *end (may be NULL): when this window closes. */
gboolean window_is_open(const Window *window, gint64 now, gint64 *end);
/* The window that is open now, or the next one: start may lie before now. FALSE when there is none within 400 days. */
gboolean window_next(const Window *window, gint64 now, gint64 *start, gint64 *end);
gboolean window_in_blackout(const Window *window, gint64 at);
/* First instant at or after `at` that is in no blackout. */
gint64 window_after_blackout(const Window *window, gint64 at);
/* The zone, for showing times; borrowed. */
GTimeZone *window_zone(const Window *window);

#endif
