/* advisory.c - OSV records as JSON Lines, and the question whether an installed version is affected.
 *
 * One record may affect several apps and, per app, several OS lines that were fixed in different versions;
 * each (record, app) becomes one Advisory whose ranges carry their OS line. Kinds of ranges and events that
 * we do not know are left out.
 */
#include "model/release.h"

#include <string.h>

#include "model/fields.h"
#include "model/version.h"

#define ADVISORIES_FORMAT  1
#define ADVISORIES_MAX     100000
#define LINE_BYTES_MAX     65536
#define JSON_DEPTH_MAX     16
#define ID_BYTES_MAX       128
#define SUMMARY_BYTES_MAX  4096
#define AFFECTED_MAX       256
#define RANGES_MAX         64
#define EVENTS_MAX         128
#define SHA256_BYTES       32
#define FROM_THE_BEGINNING "0"

static void affected_range_free(AffectedRange *range)
{
    g_free(range->introduced);
    g_free(range->fixed);
    g_free(range->os_line);
    g_free(range);
}

void advisory_free(Advisory *advisory)
{
    if (!advisory)
        return;
    g_free(advisory->repository);
    g_free(advisory->id);
    g_strfreev(advisory->aliases);
    g_free(advisory->summary);
    g_free(advisory->app);
    g_ptr_array_unref(advisory->ranges);
    g_strfreev(advisory->archive_sha256);
    g_free(advisory);
}

/* ---- reading ---- */

/* Events come in pairs: introduced opens a range, fixed closes it, the end of the list leaves it open. */
static void read_event(JsonReader *reader, const char *os_line, AffectedRange **open, GPtrArray *ranges)
{
    const char *introduced = fields_version_or_null(reader, "introduced");
    const char *fixed = fields_version_or_null(reader, "fixed");
    if (introduced) {
        *open = g_new0(AffectedRange, 1);
        (*open)->introduced = g_strdup(introduced);
        (*open)->os_line = g_strdup(os_line);
        g_ptr_array_add(ranges, *open);
    }
    if (!fixed)
        return;
    if (!*open) {
        json_reader_fail(reader, "fixed", "wanted \"introduced\" before it");
        return;
    }
    (*open)->fixed = g_strdup(fixed);
    *open = NULL;
}

static void read_events(JsonReader *reader, const char *os_line, GPtrArray *ranges)
{
    AffectedRange *open = NULL; /* borrowed from ranges */
    if (!json_reader_enter(reader, "events"))
        return;
    gsize length = json_reader_length(reader, EVENTS_MAX);
    for (gsize i = 0; i < length && json_reader_enter_index(reader, i); i++) {
        read_event(reader, os_line, &open, ranges);
        json_reader_leave(reader);
    }
    json_reader_leave(reader);
}

static void read_ranges(JsonReader *reader, const char *os_line, GPtrArray *ranges)
{
    if (!json_reader_enter_optional(reader, "ranges"))
        return;
    gsize length = json_reader_length(reader, RANGES_MAX);
    for (gsize i = 0; i < length && json_reader_enter_index(reader, i); i++) {
        if (g_strcmp0(json_reader_string(reader, "type", ID_BYTES_MAX), "ECOSYSTEM") == 0)
            read_events(reader, os_line, ranges);
        json_reader_leave(reader);
    }
    json_reader_leave(reader);
}

/* The app's name; *os_line is the part of the ecosystem behind a colon, as OSV has it for lines ("QTS:5.0.1"), or NULL. */
static char *read_package(JsonReader *reader, const char **os_line)
{
    if (!json_reader_enter(reader, "package"))
        return NULL;
    char *name = g_strdup(fields_app_name(reader, "name"));
    const char *ecosystem = json_reader_string_or(reader, "ecosystem", ID_BYTES_MAX, NULL);
    const char *colon = ecosystem ? strchr(ecosystem, ':') : NULL;
    *os_line = colon && version_is_valid(colon + 1) ? colon + 1 : NULL;
    json_reader_leave(reader);
    return name;
}

static void check_digests(JsonReader *reader, char *const *digests)
{
    for (guint i = 0; digests[i]; i++)
        if (!units_is_hex(digests[i], SHA256_BYTES))
            json_reader_fail(reader, "archive_sha256", "wanted lower-case sha256 digests, element %u is none",
                             i);
}

static void add_digests(Advisory *advisory, char *const *digests)
{
    g_autoptr(GStrvBuilder) all = g_strv_builder_new();
    g_strv_builder_addv(all, (const char **)advisory->archive_sha256);
    g_strv_builder_addv(all, (const char **)digests);
    g_strfreev(advisory->archive_sha256);
    advisory->archive_sha256 = g_strv_builder_end(all);
}

/* Fills app's advisory with one `affected` entry: its OS line (our member counts before the ecosystem's) belongs to its
 * ranges, the digests to the app. */
static void read_affected_details(JsonReader *reader, const char *ecosystem_line, Advisory *advisory)
{
    const char *os_line = ecosystem_line;
    if (json_reader_enter_optional(reader, "ecosystem_specific")) {
        const char *own = fields_version_or_null(reader, "os_line");
        g_auto(GStrv) digests = fields_lines(reader, "archive_sha256", ID_BYTES_MAX);
        check_digests(reader, digests);
        add_digests(advisory, digests);
        os_line = own ? own : os_line;
        json_reader_leave(reader);
    }
    read_ranges(reader, os_line, advisory->ranges);
}

static UrgencyClass read_class(JsonReader *reader)
{
    UrgencyClass cls = CLASS_IMPORTANT;
    if (!json_reader_enter_optional(reader, "database_specific"))
        return cls;
    const char *name = json_reader_string_or(reader, "class", ID_BYTES_MAX, NULL);
    if (name && !urgency_class_from_name(name, &cls))
        json_reader_fail(reader, "class", "wanted feature, normal, important, critical or emergency");
    json_reader_leave(reader);
    return cls;
}

/* The record's own members, shared by all its apps. */
static Advisory *read_common(JsonReader *reader)
{
    Advisory *advisory = g_new0(Advisory, 1);
    advisory->ranges = g_ptr_array_new_with_free_func((GDestroyNotify)affected_range_free);
    advisory->archive_sha256 = g_new0(char *, 1);
    advisory->id = g_strdup(fields_line_or_null(reader, "id", ID_BYTES_MAX));
    if (!advisory->id || !*advisory->id)
        json_reader_fail(reader, "id", "wanted an id, found none");
    advisory->aliases = fields_lines(reader, "aliases", ID_BYTES_MAX);
    advisory->summary = g_strdup(fields_line_or_null(reader, "summary", SUMMARY_BYTES_MAX));
    advisory->published_at = json_reader_time(reader, "published");
    advisory->withdrawn = json_reader_time_or(reader, "withdrawn", 0) != 0;
    advisory->cls = read_class(reader);
    return advisory;
}

/* The record's advisory for app: one that an earlier `affected` entry made, or a new one. */
static Advisory *advisory_for_app(GPtrArray *advisories, guint first, JsonReader *record, char *app)
{
    for (guint i = first; i < advisories->len; i++) {
        Advisory *advisory = g_ptr_array_index(advisories, i);
        if (g_strcmp0(advisory->app, app) == 0) {
            g_free(app);
            return advisory;
        }
    }
    Advisory *advisory = read_common(record);
    advisory->app = app;
    g_ptr_array_add(advisories, advisory);
    return advisory;
}

static gboolean read_record(json_t *value, const char *what, GPtrArray *advisories, GError **error)
{
    g_autoptr(JsonReader) record = json_reader_new(value, what); /* stays at the top */
    g_autoptr(JsonReader) reader = json_reader_new(value, what); /* goes into `affected` */
    guint first = advisories->len;
    if (json_reader_enter(reader, "affected")) {
        gsize length = json_reader_length(reader, AFFECTED_MAX);
        for (gsize i = 0; i < length && json_reader_enter_index(reader, i); i++) {
            const char *os_line = NULL;
            char *app = read_package(reader, &os_line);
            read_affected_details(reader, os_line, advisory_for_app(advisories, first, record, app));
            json_reader_leave(reader);
        }
    }
    return json_reader_finish(record, error) && json_reader_finish(reader, error);
}

static gboolean read_header(json_t *value, const char *what, gint64 *n_records, GError **error)
{
    g_autoptr(JsonReader) reader = json_reader_new(value, what);
    json_reader_integer(reader, "format", ADVISORIES_FORMAT, ADVISORIES_FORMAT);
    fields_app_name(reader, "publisher");
    json_reader_integer(reader, "serial", 0, G_MAXINT64);
    *n_records = json_reader_integer(reader, "advisories", 0, ADVISORIES_MAX);
    return json_reader_finish(reader, error);
}

static json_t *parse_line(const char *line, gsize len, const char *what, GError **error)
{
    if (len > LINE_BYTES_MAX) {
        error_set(error, APPCENTER_ERROR_CORRUPT, "%s: wanted at most %d bytes, found more", what,
                  LINE_BYTES_MAX);
        return NULL;
    }
    json_t *value = json_parse_strict(line, len, JSON_DEPTH_MAX, TRUE, error);
    if (!value)
        g_prefix_error(error, "%s: ", what);
    return value;
}

static gboolean read_line(const char *line, gsize len, gint64 number, gint64 *n_wanted, GPtrArray *advisories,
                          GError **error)
{
    g_autofree char *what = g_strdup_printf("advisories line %" G_GINT64_FORMAT, number);
    g_autoptr(json_t) value = parse_line(line, len, what, error);
    if (!value)
        return FALSE;
    if (number == 1)
        return read_header(value, what, n_wanted, error);
    if (number - 1 > *n_wanted)
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "%s: wanted %" G_GINT64_FORMAT " records, found more", what, *n_wanted);
    return read_record(value, what, advisories, error);
}

GPtrArray *advisories_parse(const void *data, gsize len, GError **error)
{
    g_autoptr(GPtrArray) advisories = g_ptr_array_new_with_free_func((GDestroyNotify)advisory_free);
    gint64 n_lines = 0;
    gint64 n_wanted = 0;
    for (const char *p = data, *end = p + len; p < end;) {
        const char *newline = memchr(p, '\n', (gsize)(end - p));
        if (!newline) {
            error_set(error, APPCENTER_ERROR_CORRUPT,
                      "advisories line %" G_GINT64_FORMAT ": wanted a whole line, found the end",
                      n_lines + 1);
            return NULL;
        }
        if (!read_line(p, (gsize)(newline - p), ++n_lines, &n_wanted, advisories, error))
            return NULL;
        p = newline + 1;
    }
    if (n_lines != n_wanted + 1) {
        error_set(error, APPCENTER_ERROR_CORRUPT,
                  "advisories: wanted a header and %" G_GINT64_FORMAT " records, found %" G_GINT64_FORMAT
                  " lines",
                  n_wanted, n_lines);
        return NULL;
    }
    return g_steal_pointer(&advisories);
}

/* ---- asking ---- */

/* "5.1" is the line of 5.1 and 5.1.2, not of 5.10. A box that does not know its version is on every line:
 * rather one warning too many than one too few. */
static gboolean os_is_on_line(const char *os_version, const char *os_line)
{
    if (!os_line || !os_version || !*os_version)
        return TRUE;
    gsize len = strlen(os_line);
    return strncmp(os_version, os_line, len) == 0 && (os_version[len] == '\0' || os_version[len] == '.');
}

static gboolean range_holds(const AffectedRange *range, const char *version)
{
    if (strcmp(range->introduced, FROM_THE_BEGINNING) != 0 && version_compare(version, range->introduced) < 0)
        return FALSE;
    return !range->fixed || version_compare(version, range->fixed) < 0;
}

gboolean advisory_affects(const Advisory *advisory, const char *app, const char *version,
                          const char *os_version, const char **fixed)
{
    const char *newest_fix = NULL;
    gboolean is_affected = FALSE;
    gboolean is_fixable = TRUE;
    if (fixed)
        *fixed = NULL;
    if (advisory->withdrawn || strcmp(advisory->app, app) != 0)
        return FALSE;
    for (guint i = 0; i < advisory->ranges->len; i++) {
        const AffectedRange *range = g_ptr_array_index(advisory->ranges, i);
        if (!os_is_on_line(os_version, range->os_line) || !range_holds(range, version))
            continue;
        is_affected = TRUE;
        is_fixable &= range->fixed != NULL;
        /* where several ranges hold, only the last fix ends them all */
        if (range->fixed && (!newest_fix || version_compare(range->fixed, newest_fix) > 0))
            newest_fix = range->fixed;
    }
    if (fixed && is_fixable)
        *fixed = newest_fix;
    return is_affected;
}

gboolean advisory_names_archive(const Advisory *advisory, const char *app, const char *sha256)
{
    return !advisory->withdrawn && strcmp(advisory->app, app) == 0 && sha256 &&
           g_strv_contains((const char *const *)advisory->archive_sha256, sha256);
}
