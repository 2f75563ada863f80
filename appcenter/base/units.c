/* units.c - text forms of times, durations, sizes and hex, and back.
 *
 * Pure and independent of locale and environment, except for the time zone that format_when is given. Parsers
 * take exactly what their formatters (or the manual) write: no blanks, no signs, no empty digits.
 */
#include "base/units.h"

#include <string.h>

#define SECONDS_PER_DAY    G_GINT64_CONSTANT(86400)
#define TIME_MAX           G_GINT64_CONSTANT(253402300799) /* 9999-12-31T23:59:59Z */
#define DURATION_MAX       (3653 * SECONDS_PER_DAY)        /* ten years, three leap days among them */
#define DECIMAL_DIGITS_MAX 18                              /* always fits in 63 bits */

/* Reads the digits at *cursor and moves it behind them; FALSE when there are none or too many. */
static gboolean read_decimal(const char **cursor, gint64 *value)
{
    const char *p = *cursor;
    gint64 sum = 0;
    for (; g_ascii_isdigit(*p); p++) {
        if (p - *cursor >= DECIMAL_DIGITS_MAX)
            return FALSE;
        sum = sum * 10 + (*p - '0');
    }
    if (p == *cursor)
        return FALSE;
    *cursor = p;
    *value = sum;
    return TRUE;
}

/* The time layout has its digits at fixed places: 'd' in the picture is a digit, all else stands for
 * itself. */
static gboolean matches_picture(const char *text, const char *picture)
{
    for (; *picture; picture++, text++)
        if (*picture == 'd' ? !g_ascii_isdigit(*text) : *text != *picture)
            return FALSE;
    return *text == '\0';
}

static int digits_at(const char *text, int start, int count)
{
    int value = 0;
    for (int i = start; i < start + count; i++)
        value = value * 10 + (text[i] - '0');
    return value;
}

gboolean units_parse_time(const char *text, gint64 *at)
{
    if (!text || !matches_picture(text, "dddd-dd-ddTdd:dd:ddZ"))
        return FALSE;
    int year = digits_at(text, 0, 4);
    int second = digits_at(text, 17, 2);
    /* GDateTime counts from year 1 and takes 60 for no second, so what is left to check is our own range */
    if (year < 1970 || second > 59)
        return FALSE;
    g_autoptr(GDateTime) time = g_date_time_new_utc(year, digits_at(text, 5, 2), digits_at(text, 8, 2),
                                                    digits_at(text, 11, 2), digits_at(text, 14, 2), second);
    if (!time)
        return FALSE;
    *at = g_date_time_to_unix(time);
    return TRUE;
}

char *units_format_time(gint64 at)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(CLAMP(at, 0, TIME_MAX));
    return g_strdup_printf("%04d-%02d-%02dT%02d:%02d:%02dZ", g_date_time_get_year(time),
                           g_date_time_get_month(time), g_date_time_get_day_of_month(time),
                           g_date_time_get_hour(time), g_date_time_get_minute(time),
                           g_date_time_get_second(time));
}

static const struct {
    char letter;
    gint64 seconds;
} duration_units[] = {{'w', 604800}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};

gboolean units_parse_duration(const char *text, gint64 *seconds)
{
    gint64 count;
    gint64 unit = 0;
    if (!text || !read_decimal(&text, &count))
        return FALSE;
    if (*text == '\0')
        unit = 1;
    for (guint i = 0; i < G_N_ELEMENTS(duration_units); i++)
        if (text[0] == duration_units[i].letter && text[1] == '\0')
            unit = duration_units[i].seconds;
    if (unit == 0 || count > DURATION_MAX / unit)
        return FALSE;
    *seconds = count * unit;
    return TRUE;
}

char *units_format_duration(gint64 seconds)
{
    for (guint i = 0; seconds > 0 && i < G_N_ELEMENTS(duration_units); i++)
        if (seconds % duration_units[i].seconds == 0)
            return g_strdup_printf("%" G_GINT64_FORMAT "%c", seconds / duration_units[i].seconds,
                                   duration_units[i].letter);
    return g_strdup("0s");
}

gboolean units_parse_size(const char *text, gint64 *bytes)
{
    static const char letters[] = "kMGT";
    gint64 count;
    if (!text || !read_decimal(&text, &count))
        return FALSE;
    int shift = 0;
    if (*text != '\0') {
        const char *letter = strchr(letters, *text == 'K' ? 'k' : *text);
        if (!letter || text[1] != '\0')
            return FALSE;
        shift = 10 * (int)(letter - letters + 1);
    }
    if (count > G_MAXINT64 >> shift)
        return FALSE;
    *bytes = count << shift;
    return TRUE;
}

char *units_format_size(gint64 bytes)
{
    static const char *const names[] = {"MB", "GB", "TB", "PB", "EB"};
    const char *sign = bytes < 0 ? "-" : "";
    guint64 size = bytes < 0 ? -(guint64)bytes : (guint64)bytes;
    if (size < 1000)
        return g_strdup_printf("%s%" G_GUINT64_FORMAT " B", sign, size);
    guint64 kilo = size / 1000 + (size % 1000 >= 500);
    if (kilo < 1000)
        return g_strdup_printf("%s%" G_GUINT64_FORMAT " kB", sign, kilo);
    /* tenths of the unit, rounded; the next unit starts where 1000.0 would be printed */
    guint64 tenth = 100000;
    guint i = 0;
    while (i + 1 < G_N_ELEMENTS(names) && size / tenth + (size % tenth >= tenth / 2) >= 10000) {
        tenth *= 1000;
        i++;
    }
    guint64 tenths = size / tenth + (size % tenth >= tenth / 2);
    return g_strdup_printf("%s%" G_GUINT64_FORMAT ".%u %s", sign, tenths / 10, (guint)(tenths % 10),
                           names[i]);
}

static GDateTime *time_in_zone(gint64 at, GTimeZone *zone)
{
    g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(CLAMP(at, 0, TIME_MAX));
    return zone ? g_date_time_to_timezone(utc, zone) : g_date_time_to_local(utc);
}

/* Days since 0001-01-01 of the calendar day, for "today" and "within a week" across months and DST. */
static guint calendar_day(GDateTime *time)
{
    GDate day;
    g_date_clear(&day, 1);
    g_date_set_dmy(&day, (GDateDay)g_date_time_get_day_of_month(time),
                   (GDateMonth)g_date_time_get_month(time), (GDateYear)g_date_time_get_year(time));
    return g_date_get_julian(&day);
}

char *units_format_when(gint64 at, gint64 now, GTimeZone *zone)
{
    static const char *const weekdays[] = {"", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    g_autoptr(GDateTime) then = time_in_zone(at, zone);
    g_autoptr(GDateTime) today = time_in_zone(now, zone);
    int hour = g_date_time_get_hour(then);
    int minute = g_date_time_get_minute(then);
    guint then_day = calendar_day(then);
    guint now_day = calendar_day(today);

    if (at > now - 60 && at < now + 60)
        return g_strdup("now");
    if (then_day == now_day)
        return g_strdup_printf("today %02d:%02d", hour, minute);
    /* a weekday alone is unambiguous only ahead and within a week */
    if (then_day > now_day && then_day - now_day < 7)
        return g_strdup_printf("%s %02d:%02d", weekdays[g_date_time_get_day_of_week(then)], hour, minute);
    return g_strdup_printf("%04d-%02d-%02d %02d:%02d", g_date_time_get_year(then),
                           g_date_time_get_month(then), g_date_time_get_day_of_month(then), hour, minute);
}

char *units_format_age(gint64 seconds)
{
    seconds = MAX(seconds, 0);
    if (seconds < 60)
        return g_strdup_printf("%" G_GINT64_FORMAT " s", seconds);
    if (seconds < 3600)
        return g_strdup_printf("%" G_GINT64_FORMAT " min", seconds / 60);
    if (seconds < SECONDS_PER_DAY)
        return g_strdup_printf("%" G_GINT64_FORMAT " h", seconds / 3600);
    gint64 days = seconds / SECONDS_PER_DAY;
    return g_strdup_printf("%" G_GINT64_FORMAT " %s", days, days == 1 ? "day" : "days");
}

char *units_hex(const guint8 *data, gsize len)
{
    static const char digits[] = "0123456789abcdef";
    char *text = g_malloc(2 * len + 1);
    for (gsize i = 0; i < len; i++) {
        text[2 * i] = digits[data[i] >> 4];
        text[2 * i + 1] = digits[data[i] & 15];
    }
    text[2 * len] = '\0';
    return text;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

gboolean units_is_hex(const char *text, gsize n_bytes)
{
    if (!text)
        return FALSE;
    for (gsize i = 0; i < 2 * n_bytes; i++)
        if (hex_digit(text[i]) < 0) /* stops at the end of a shorter text: NUL is no digit */
            return FALSE;
    return text[2 * n_bytes] == '\0';
}

gboolean units_unhex(const char *text, guint8 *out, gsize len)
{
    if (!units_is_hex(text, len))
        return FALSE;
    for (gsize i = 0; i < len; i++)
        out[i] = (guint8)((guint)hex_digit(text[2 * i]) << 4 | (guint)hex_digit(text[2 * i + 1]));
    return TRUE;
}
