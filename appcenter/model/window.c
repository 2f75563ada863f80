/* window.c - when apps may be changed unasked: local times of day turned into instants.
 *
 * Hides zone arithmetic. An instance of a window is its start as an instant plus its nominal length, so a
 * night with a clock change neither loses nor doubles time. Blackouts are kept as instants, sorted and
 * merged; what this file calls open is always "inside a window and outside every blackout".
 */
#include "model/window.h"

#include <string.h>

#include "base/error.h"

#define DAY_S           G_GINT64_CONSTANT(86400)
#define DAY_MINUTES     1440
#define RANGES_MAX      64
#define LOOKAHEAD_DAYS  400
#define MERGE_MAX       16
#define ZONE_BYTES_MAX  64
#define LOCAL_ZONE_FILE "/etc/localtime"
#define UNIX_EPOCH_DAY  719163 /* 1970-01-01 as GLib counts days */
#define SHOWN_BYTES_MAX 40

typedef struct {
    guint days; /* bit 0: Monday */
    int start_minute;
    int length_minutes;
} Range;

typedef struct {
    gint64 start, end; /* end is the first instant outside */
} Span;

struct Window {
    GTimeZone *zone;
    GArray *ranges;    /* of Range */
    GArray *blackouts; /* of Span, sorted, merged */
};

/* ---- local time to instants; a local time is seconds since 1970 as if the zone were UTC ---- */

static gint64 offset_at(GTimeZone *zone, gint64 at)
{
    return g_time_zone_get_offset(zone, g_time_zone_find_interval(zone, G_TIME_TYPE_UNIVERSAL, at));
}

/* The instant in (before, after] from which the offset is that of `after`; one change lies between them. */
static gint64 find_change(GTimeZone *zone, gint64 before, gint64 after)
{
    gint64 offset_after = offset_at(zone, after);
    while (after - before > 1) {
        gint64 middle = before + (after - before) / 2;
        if (offset_at(zone, middle) == offset_after)
            after = middle;
        else
            before = middle;
    }
    return after;
}

/* First instant that shows this local time; in a gap, the first instant after it. A day around covers every
 * offset. */
static gint64 instant_of_local(GTimeZone *zone, gint64 local)
{
    gint64 offset_before = offset_at(zone, local - DAY_S);
    gint64 offset_after = offset_at(zone, local + DAY_S);
    gint64 by_before = local - offset_before;
    gint64 by_after = local - offset_after;
    if (offset_at(zone, by_before) == offset_before)
        return by_before; /* in a fold this is the first occurrence: the offset before a fold is the greater
                             one */
    if (offset_at(zone, by_after) == offset_after)
        return by_after;
    return find_change(zone, local - DAY_S, local + DAY_S);
}

static gint64 local_day_of(const Window *window, gint64 at)
{
    gint64 local = at + offset_at(window->zone, at);
    return local / DAY_S - (local % DAY_S < 0);
}

/* ---- reading ---- */

static gboolean refuse(GError **error, const char *wanted, const char *found)
{
    g_autofree char *head = g_strndup(found, SHOWN_BYTES_MAX);
    g_autofree char *valid = g_utf8_make_valid(head, -1);
    g_autofree char *shown = g_strescape(valid, NULL);
    return error_set(error, APPCENTER_ERROR_CORRUPT, "wanted %s, found \"%s\"", wanted, shown);
}

/* Exactly `digits` digits at *cursor, which moves behind them; -1 otherwise. */
static int read_digits(const char **cursor, int digits)
{
    int value = 0;
    for (int i = 0; i < digits; i++, (*cursor)++) {
        if (!g_ascii_isdigit(**cursor))
            return -1;
        value = value * 10 + (**cursor - '0');
    }
    return value;
}

static gboolean read_char(const char **cursor, char c)
{
    if (**cursor != c)
        return FALSE;
    (*cursor)++;
    return TRUE;
}

/* HH:MM as minutes of the day, or -1. */
static int read_minute(const char **cursor)
{
    int hour = read_digits(cursor, 2);
    if (hour < 0 || hour > 23 || !read_char(cursor, ':'))
        return -1;
    int minute = read_digits(cursor, 2);
    return minute < 0 || minute > 59 ? -1 : hour * 60 + minute;
}

/* Index of a weekday's name, Monday 0, or -1. */
static int weekday_index(const char *name, gsize len)
{
    static const char *const names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    for (int i = 0; i < 7; i++)
        if (len == 3 && g_ascii_strncasecmp(name, names[i], 3) == 0)
            return i;
    return -1;
}

/* "mon" or "mon-fri" (also over the weekend: "sat-mon"); 0 when it is neither. */
static guint days_of_word(const char *word)
{
    const char *dash = strchr(word, '-');
    int first = weekday_index(word, dash ? (gsize)(dash - word) : strlen(word));
    int last = dash ? weekday_index(dash + 1, strlen(dash + 1)) : first;
    if (first < 0 || last < 0)
        return 0;
    guint days = 1u << last;
    for (int day = first; day != last; day = (day + 1) % 7)
        days |= 1u << day;
    return days;
}

static gboolean read_hours(const char *text, Range *range)
{
    const char *cursor = text;
    range->start_minute = read_minute(&cursor);
    if (range->start_minute < 0 || !read_char(&cursor, '-'))
        return FALSE;
    int end_minute = read_minute(&cursor);
    if (end_minute < 0 || *cursor != '\0')
        return FALSE;
    range->length_minutes = end_minute - range->start_minute;
    if (range->length_minutes <= 0)
        range->length_minutes += DAY_MINUTES;
    return TRUE;
}

/* Words between commas: days, and the hours last. */
static gboolean read_range(const char *item, Range *range)
{
    g_auto(GStrv) words = g_strsplit(item, ",", -1);
    guint n_words = g_strv_length(words);
    range->days = n_words == 1 ? 0x7f : 0;
    for (guint i = 0; i + 1 < n_words; i++) {
        guint days = days_of_word(g_strstrip(words[i]));
        if (days == 0)
            return FALSE;
        range->days |= days;
    }
    return n_words > 0 && read_hours(g_strstrip(words[n_words - 1]), range);
}

/* YYYY-MM-DD as days since 1970; FALSE for no such day. */
static gboolean read_date(const char **cursor, gint64 *day)
{
    int year = read_digits(cursor, 4);
    if (year < 1970 || !read_char(cursor, '-'))
        return FALSE;
    int month = read_digits(cursor, 2);
    if (month < 1 || !read_char(cursor, '-'))
        return FALSE;
    int day_of_month = read_digits(cursor, 2);
    if (day_of_month < 1 || !g_date_valid_dmy((GDateDay)day_of_month, (GDateMonth)month, (GDateYear)year))
        return FALSE;
    GDate date;
    g_date_clear(&date, 1);
    g_date_set_dmy(&date, (GDateDay)day_of_month, (GDateMonth)month, (GDateYear)year);
    *day = (gint64)g_date_get_julian(&date) - UNIX_EPOCH_DAY;
    return TRUE;
}

static gboolean read_blackout(const Window *window, const char *item, Span *span)
{
    const char *cursor = item;
    gint64 first, last;
    if (!read_date(&cursor, &first) || !read_char(&cursor, '.') || !read_char(&cursor, '.') ||
        !read_date(&cursor, &last))
        return FALSE;
    if (*cursor != '\0' || last < first)
        return FALSE;
    span->start = instant_of_local(window->zone, first * DAY_S);
    span->end = instant_of_local(window->zone, (last + 1) * DAY_S);
    return TRUE;
}

/* The items between ';', trimmed, empty ones left out; NULL when they are too many. */
static GPtrArray *split_items(const char *text, GError **error)
{
    g_autoptr(GPtrArray) items = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) parts = g_strsplit(text, ";", -1);
    for (guint i = 0; parts[i]; i++)
        if (*g_strstrip(parts[i]) != '\0')
            g_ptr_array_add(items, g_strdup(parts[i]));
    if (items->len > RANGES_MAX) {
        error_set(error, APPCENTER_ERROR_CORRUPT, "wanted at most %d, found %u", RANGES_MAX, items->len);
        return NULL;
    }
    return g_steal_pointer(&items);
}

static gboolean read_timer(Window *window, const char *timer, GError **error)
{
    g_autoptr(GPtrArray) items = split_items(timer, error);
    if (!items)
        return FALSE;
    for (guint i = 0; i < items->len; i++) {
        Range range = {0};
        if (!read_range(g_ptr_array_index(items, i), &range))
            return refuse(error, "[days,]HH:MM-HH:MM, as mon-fri,01:00-05:00", g_ptr_array_index(items, i));
        g_array_append_val(window->ranges, range);
    }
    return TRUE;
}

static int compare_spans(gconstpointer a, gconstpointer b)
{
    gint64 start_a = ((const Span *)a)->start;
    gint64 start_b = ((const Span *)b)->start;
    return (start_a > start_b) - (start_a < start_b);
}

static void merge_spans(GArray *spans)
{
    guint n_merged = 0;
    g_array_sort(spans, compare_spans);
    for (guint i = 0; i < spans->len; i++) {
        Span span = g_array_index(spans, Span, i);
        Span *last = n_merged ? &g_array_index(spans, Span, n_merged - 1) : NULL;
        if (last && span.start <= last->end)
            last->end = MAX(last->end, span.end);
        else
            g_array_index(spans, Span, n_merged++) = span;
    }
    g_array_set_size(spans, n_merged);
}

static gboolean read_blackouts(Window *window, const char *blackout, GError **error)
{
    g_autoptr(GPtrArray) items = split_items(blackout, error);
    if (!items)
        return FALSE;
    for (guint i = 0; i < items->len; i++) {
        Span span;
        if (!read_blackout(window, g_ptr_array_index(items, i), &span))
            return refuse(error, "FROM..TO, as 2026-12-20..2027-01-04", g_ptr_array_index(items, i));
        g_array_append_val(window->blackouts, span);
    }
    merge_spans(window->blackouts);
    return TRUE;
}

/* GLib keeps a zone as long as anybody has it, and the local one for ever; a daemon would not see that its file was
 * replaced. With the colon, which the C library's rules allow, it is a zone of ours alone, read anew for each window. */
static GTimeZone *read_zone(const char *name)
{
    g_autofree char *own_name = g_strconcat(":", name, NULL);
    return g_time_zone_new_identifier(own_name);
}

/* TZ may also hold a rule instead of a name. */
static GTimeZone *read_local_zone(void)
{
    const char *name = g_getenv("TZ");
    GTimeZone *zone = read_zone(!name || !*name ? LOCAL_ZONE_FILE : *name == ':' ? name + 1 : name);
    return zone ? zone : g_time_zone_new_local();
}

/* Names are looked up as files by the C library's rules, so only what IANA names are made of gets that far.
 */
static GTimeZone *open_zone(const char *name, GError **error)
{
    if (strcmp(name, "local") == 0)
        return read_local_zone();
    gsize len = strspn(name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_+-/");
    GTimeZone *zone = NULL;
    if (g_ascii_isalpha(name[0]) && name[len] == '\0' && len <= ZONE_BYTES_MAX)
        zone = read_zone(name);
    if (!zone)
        refuse(error, "local or an IANA zone, as Asia/Taipei", name);
    return zone;
}

Window *window_parse(const char *timer, const char *zone, const char *blackout, GError **error)
{
    g_autoptr(Window) window = g_new0(Window, 1);
    window->ranges = g_array_new(FALSE, FALSE, sizeof(Range));
    window->blackouts = g_array_new(FALSE, FALSE, sizeof(Span));
    window->zone = open_zone(zone, error);
    if (!window->zone || !read_timer(window, timer, error) || !read_blackouts(window, blackout, error))
        return NULL;
    return g_steal_pointer(&window);
}

void window_free(Window *window)
{
    if (!window)
        return;
    g_clear_pointer(&window->zone, g_time_zone_unref);
    g_array_unref(window->ranges);
    g_array_unref(window->blackouts);
    g_free(window);
}

GTimeZone *window_zone(const Window *window)
{
    return window->zone;
}

/* ---- asking ---- */

/* The first blackout that ends after `at`, or NULL: it holds `at` or lies ahead. */
static const Span *blackout_from(const Window *window, gint64 at)
{
    for (guint i = 0; i < window->blackouts->len; i++) {
        const Span *span = &g_array_index(window->blackouts, Span, i);
        if (span->end > at)
            return span;
    }
    return NULL;
}

gboolean window_in_blackout(const Window *window, gint64 at)
{
    const Span *span = blackout_from(window, at);
    return span && span->start <= at;
}

gint64 window_after_blackout(const Window *window, gint64 at)
{
    return window_in_blackout(window, at) ? blackout_from(window, at)->end : at;
}

/* The earliest instance that starts on this local day and ends after `after`. */
static gboolean instance_of_day(const Window *window, gint64 day, gint64 after, Span *best)
{
    guint weekday = (guint)(((day + 3) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
    gboolean is_found = FALSE;
    for (guint i = 0; i < window->ranges->len; i++) {
        const Range *range = &g_array_index(window->ranges, Range, i);
        if (!(range->days & 1u << weekday))
            continue;
        Span span = {.start = instant_of_local(window->zone, day * DAY_S + range->start_minute * 60)};
        span.end = span.start + range->length_minutes * 60;
        if (span.end > after && (!is_found || span.start < best->start)) {
            *best = span;
            is_found = TRUE;
        }
    }
    return is_found;
}

/* The earliest instance that ends after `after`, blackouts aside. */
static gboolean next_instance(const Window *window, gint64 after, gint64 last_day, Span *span)
{
    /* an instance that began two days ago can still be open where a clock change came between */
    for (gint64 day = local_day_of(window, after) - 2; window->ranges->len > 0 && day <= last_day; day++)
        if (instance_of_day(window, day, after, span))
            return TRUE;
    return FALSE;
}

/* Windows that touch or overlap are one for people. A round-the-clock window ends somewhere all the same. */
static void extend(const Window *window, gint64 last_day, Span *span)
{
    Span next;
    for (guint i = 0;
         i < MERGE_MAX && next_instance(window, span->end, last_day, &next) && next.start <= span->end; i++)
        span->end = next.end;
}

/* The last blackout's end between start and open_from, else start. */
static gint64 start_behind_blackouts(const Window *window, gint64 start, gint64 open_from)
{
    for (guint i = 0; i < window->blackouts->len; i++) {
        gint64 end = g_array_index(window->blackouts, Span, i).end;
        if (end > start && end <= open_from)
            start = end;
    }
    return start;
}

gboolean window_next(const Window *window, gint64 now, gint64 *start, gint64 *end)
{
    gint64 last_day = local_day_of(window, now) + LOOKAHEAD_DAYS;
    gint64 from = window_after_blackout(window, now);
    Span span;
    while (next_instance(window, from, last_day, &span)) {
        gint64 open_from = window_after_blackout(window, MAX(span.start, from));
        if (open_from >= span.end) { /* all that is left of it is blacked out */
            from = open_from;
            continue;
        }
        extend(window, last_day, &span);
        const Span *blackout = blackout_from(window, open_from);
        *start = start_behind_blackouts(window, span.start, open_from);
        *end = blackout ? MIN(span.end, blackout->start) : span.end;
        return TRUE;
    }
    return FALSE;
}

gboolean window_is_open(const Window *window, gint64 now, gint64 *end)
{
    gint64 next_start, next_end;
    if (!window_next(window, now, &next_start, &next_end) || next_start > now)
        return FALSE;
    if (end)
        *end = next_end;
    return TRUE;
}
