/* advisories.c - OSV records in the world; see advisories.h. */
#include "vendor/advisories.h"

#include <string.h>

#define LINE_PREFIX "advisories line 2: "

static const char *text_of(const json_t *object, const char *member)
{
    return json_string_value(json_object_get(object, member));
}

/* {serial, records[]} of the world, made when it is not there. */
static json_t *own_advisories(Repo *repo)
{
    json_t *own = json_object_get(repo->world, "advisories");
    if (!own) {
        own = json_pack("{s:i, s:[]}", "serial", 0, "records");
        json_object_set_new(repo->world, "advisories", own);
    }
    return own;
}

json_t *advisories_records(const Repo *repo)
{
    return json_object_get(json_object_get(repo->world, "advisories"), "records");
}

static gboolean is_called(const json_t *record, const char *id)
{
    const json_t *aliases = json_object_get(record, "aliases");
    for (gsize i = 0; i < json_array_size(aliases); i++)
        if (g_strcmp0(json_string_value(json_array_get(aliases, i)), id) == 0)
            return TRUE;
    return g_strcmp0(text_of(record, "id"), id) == 0;
}

/* Its own id counts before somebody else's alias. */
json_t *advisories_find(const Repo *repo, const char *id)
{
    gsize i;
    json_t *record, *called = NULL;
    json_array_foreach(advisories_records(repo), i, record)
    {
        if (g_strcmp0(text_of(record, "id"), id) == 0)
            return record;
        if (!called && is_called(record, id))
            called = record;
    }
    return called;
}

/* --- what boxes read --- */

static void append_line(GString *text, json_t *object)
{
    g_autofree char *line = json_to_text(object);
    g_string_append(text, line);
    g_string_append_c(text, '\n');
}

static GString *lines_of(const json_t *records, json_int_t serial)
{
    GString *text = g_string_new(NULL);
    g_autoptr(json_t) header = json_pack("{s:i, s:s, s:I, s:I}", "format", 1, "publisher", "vendor", "serial",
                                         serial, "advisories", (json_int_t)json_array_size(records));
    append_line(text, header);
    for (gsize i = 0; i < json_array_size(records); i++)
        append_line(text, json_array_get(records, i));
    return text;
}

GBytes *advisories_file(const Repo *repo, GError **error)
{
    const json_t *own = json_object_get(repo->world, "advisories");
    if (!own)
        return NULL;
    g_autoptr(GString) text =
        lines_of(json_object_get(own, "records"), json_integer_value(json_object_get(own, "serial")));
    g_autoptr(GPtrArray) read = advisories_parse(text->str, text->len, error);
    if (!read) {
        g_prefix_error(error, "boxes would refuse it: ");
        return NULL;
    }
    return g_string_free_to_bytes(g_steal_pointer(&text));
}

GPtrArray *advisories_parse_record(json_t *record, GError **error)
{
    g_autoptr(json_t) alone = json_pack("[O]", record);
    g_autoptr(GString) text = lines_of(alone, 0);
    g_autoptr(GError) broken = NULL;
    GPtrArray *read = advisories_parse(text->str, text->len, &broken);
    if (!read) { /* the number of its line means nothing to who wrote it */
        const char *told = strstr(broken->message, LINE_PREFIX);
        error_set(error, APPCENTER_ERROR_CORRUPT, "%s", told ? told + strlen(LINE_PREFIX) : broken->message);
    }
    return read;
}

/* --- changing the world --- */

static void set_time(json_t *record, const char *member, gint64 now)
{
    g_autofree char *text = units_format_time(now);
    json_object_set_new(record, member, json_string(text));
}

static void fill_times(json_t *record, const json_t *before, gint64 now)
{
    json_t *published = json_object_get(before, "published");
    if (!json_object_get(record, "published") && published)
        json_object_set(record, "published", published);
    if (!json_object_get(record, "published"))
        set_time(record, "published", now);
    if (!json_object_get(record, "modified"))
        set_time(record, "modified", now);
}

static gboolean check_id(const json_t *record, GError **error)
{
    const char *id = text_of(record, "id");
    gsize len = id ? strlen(id) : 0;
    if (len == 0 || len > 64 || strspn(id, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._-") != len ||
        !g_ascii_isalnum(*id))
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "id: wanted up to 64 letters, digits and any of \"._-\", such as QSA-22-24");
    return TRUE;
}

static void bump(Repo *repo)
{
    json_t *own = own_advisories(repo);
    json_object_set_new(own, "serial", json_integer(json_integer_value(json_object_get(own, "serial")) + 1));
}

static gsize place_of(const json_t *records, const char *id)
{
    gsize i = 0;
    while (i < json_array_size(records) && g_strcmp0(text_of(json_array_get(records, i), "id"), id) != 0)
        i++;
    return i;
}

gboolean advisories_put(Repo *repo, json_t *record, gint64 now, GError **error)
{
    if (!json_is_object(record))
        return error_set(error, APPCENTER_ERROR_CORRUPT, "wanted one OSV record, an object");
    if (!check_id(record, error))
        return FALSE;
    json_t *records = json_object_get(own_advisories(repo), "records");
    gsize place = place_of(records, text_of(record, "id"));
    fill_times(record, json_array_get(records, place), now);
    g_autoptr(GPtrArray) read = advisories_parse_record(record, error);
    if (!read)
        return FALSE;
    if (read->len == 0)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "affected: wanted at least one app, found none");
    if (place < json_array_size(records))
        json_array_set(records, place, record);
    else
        json_array_append(records, record);
    bump(repo);
    return TRUE;
}

gboolean advisories_withdraw(Repo *repo, json_t *record, gint64 now, GError **error)
{
    if (text_of(record, "withdrawn"))
        return error_set(error, APPCENTER_ERROR_REFUSED, "%s is withdrawn since %s", text_of(record, "id"),
                         text_of(record, "withdrawn"));
    set_time(record, "withdrawn", now);
    set_time(record, "modified", now);
    bump(repo);
    return TRUE;
}

/* --- OS lines and their fixes --- */

static gboolean is_on_line(const char *version, const char *line)
{
    gsize len = strlen(line);
    return strncmp(version, line, len) == 0 && (version[len] == '\0' || version[len] == '.');
}

/* Could some box on that OS line take it? */
static gboolean may_run_on(const json_t *release, const char *line)
{
    const char *os_min = text_of(release, "os_min"), *os_max = text_of(release, "os_max");
    if (!line)
        return TRUE;
    return (!os_min || version_compare(os_min, line) <= 0 || is_on_line(os_min, line)) &&
           (!os_max || version_compare(os_max, line) >= 0 || is_on_line(os_max, line));
}

static gboolean is_braked(const Repo *repo, const json_t *release)
{
    gsize i;
    json_t *entry;
    json_array_foreach(json_object_get(json_object_get(repo->world, "brake"), "entries"), i, entry)
    {
        if (g_strcmp0(text_of(entry, "name"), text_of(release, "name")) == 0 &&
            g_strcmp0(text_of(entry, "version"), text_of(release, "version")) == 0)
            return TRUE;
    }
    return FALSE;
}

/* A range for every OS line is asked about the release's own line: what another line's range says is not its business. */
static gboolean fixes(const Repo *repo, const json_t *release, const Advisory *advisory,
                      const AffectedRange *range)
{
    const char *version = text_of(release, "version");
    const char *line = range->os_line ? range->os_line : text_of(release, "os_min");
    return g_strcmp0(text_of(release, "name"), advisory->app) == 0 && may_run_on(release, range->os_line) &&
           version_compare(version, range->fixed) >= 0 &&
           !advisory_affects(advisory, advisory->app, version, line, NULL) && !is_braked(repo, release);
}

static const char *fixed_version(const Repo *repo, const Advisory *advisory, const AffectedRange *range)
{
    gsize i;
    json_t *release;
    const char *lowest = NULL;
    json_array_foreach(json_object_get(repo->world, "releases"), i, release)
    {
        const char *version = text_of(release, "version");
        if (range->fixed && fixes(repo, release, advisory, range) &&
            (!lowest || version_compare(version, lowest) < 0))
            lowest = version;
    }
    return lowest;
}

static gboolean is_fixed_for(const Repo *repo, const Advisory *advisory, const AffectedRange *range,
                             const char *arch)
{
    gsize i;
    json_t *release;
    json_array_foreach(json_object_get(repo->world, "releases"), i, release)
    {
        if (fixes(repo, release, advisory, range) && arch_fits(text_of(release, "arch"), arch))
            return TRUE;
    }
    return FALSE;
}

/* Boxes of that architecture have the hole and would not get the fix. An affected archive for all architectures may be fixed
 * by one for each, which nobody here can tell apart from a line that is left out. */
static const char *missing_arch(const Repo *repo, const Advisory *advisory, const AffectedRange *range)
{
    gsize i;
    json_t *release;
    json_array_foreach(json_object_get(repo->world, "releases"), i, release)
    {
        const char *arch = text_of(release, "arch");
        if (g_strcmp0(text_of(release, "name"), advisory->app) == 0 && !g_str_equal(arch, "all") &&
            may_run_on(release, range->os_line) &&
            advisory_affects(advisory, advisory->app, text_of(release, "version"), range->os_line, NULL) &&
            !is_fixed_for(repo, advisory, range, arch))
            return arch;
    }
    return NULL;
}

GPtrArray *advisories_lines(const Repo *repo, GPtrArray *advisories, const char *app)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < advisories->len; i++) {
        const Advisory *advisory = advisories->pdata[i];
        for (guint j = 0; j < advisory->ranges->len && (!app || g_str_equal(advisory->app, app)); j++) {
            const AffectedRange *range = advisory->ranges->pdata[j];
            AdvisoryLine line = {advisory, range, fixed_version(repo, advisory, range), NULL};
            if (line.version)
                line.missing_arch = missing_arch(repo, advisory, range);
            g_ptr_array_add(lines, g_memdup2(&line, sizeof line));
        }
    }
    return lines;
}

char *advisories_line_words(const AffectedRange *range)
{
    return range->os_line ? g_strdup_printf("OS line %s", range->os_line) : g_strdup("every OS line");
}

/* --- the mark --- */

/* "OS line 5.0.1 (fixed in 6.1.2), OS line 4.2 (the advisory names no fix)"; NULL when none is open. */
static char *open_lines(const GPtrArray *lines)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < lines->len; i++) {
        const AdvisoryLine *line = lines->pdata[i];
        if (line->version && !line->missing_arch)
            continue;
        g_autofree char *words = advisories_line_words(line->range);
        g_string_append_printf(text, "%s%s%s%s (%s%s)", text->len ? ", " : "", words,
                               line->missing_arch ? " on " : "", line->missing_arch ? line->missing_arch : "",
                               line->range->fixed ? "wanted " : "the advisory names no fix",
                               line->range->fixed ? line->range->fixed : "");
    }
    return text->len ? g_string_free(g_steal_pointer(&text), FALSE) : NULL;
}

/* Affected wherever it can be installed: on the OS lines that it is made for. */
static gboolean is_itself_affected(const GPtrArray *lines, const char *version)
{
    gboolean is_affected = FALSE;
    for (guint i = 0; i < lines->len; i++) {
        const AdvisoryLine *line = lines->pdata[i];
        if (line->version && version_compare(line->version, version) == 0)
            return FALSE; /* what fixes one line may be too old for another one */
        is_affected |=
            advisory_affects(line->advisory, line->advisory->app, version, line->range->os_line, NULL);
    }
    return is_affected;
}

gboolean advisories_allow_mark(const Repo *repo, const char *id, const char *app, const char *version,
                               gboolean *is_known, GError **error)
{
    json_t *record = advisories_find(repo, id);
    *is_known = record != NULL;
    g_autoptr(GPtrArray) advisories = record ? advisories_parse_record(record, error) : NULL;
    if (!advisories || text_of(record, "withdrawn"))
        return !record || (advisories && error_set(error, APPCENTER_ERROR_REFUSED, "%s is withdrawn", id));
    g_autoptr(GPtrArray) lines = advisories_lines(repo, advisories, app);
    g_autofree char *open = open_lines(lines);
    if (open)
        return error_set(
            error, APPCENTER_ERROR_REFUSED,
            "%s: no fixed release of %s for %s; add what is missing (appvendor add REPO FILE), or "
            "correct the advisory (appvendor advisory REPO add FILE.json), then mark it again",
            id, app, open);
    if (is_itself_affected(lines, version))
        return error_set(error, APPCENTER_ERROR_REFUSED, "%s: %s %s is itself affected", id, app, version);
    return TRUE;
}
