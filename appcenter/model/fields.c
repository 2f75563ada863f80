/* fields.c - checked members over the sticky JSON reader; see fields.h. */
#include "model/fields.h"

#include "model/requirement.h"
#include "model/version.h"

#define IDENTIFIER_BYTES_MAX 256 /* read first, judged by the grammar after */
#define LANGUAGES_MAX        64

typedef gboolean (*IsValid)(const char *text);

/* Bytes that would move a terminal's cursor or turn a line's reading direction. */
static gboolean is_unsafe_char(gunichar c, gboolean breaks_allowed)
{
    if (breaks_allowed && (c == '\n' || c == '\t'))
        return FALSE;
    return g_unichar_iscntrl(c) || c == 0x2028 || c == 0x2029 || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

static void check_prose(JsonReader *reader, const char *member, const char *text, gboolean breaks_allowed)
{
    for (const char *p = text; p && *p; p = g_utf8_next_char(p))
        if (is_unsafe_char(g_utf8_get_char(p), breaks_allowed)) {
            json_reader_fail(reader, member, "wanted plain text, found the control character U+%04X",
                             (guint)g_utf8_get_char(p));
            return;
        }
}

static const char *checked(JsonReader *reader, const char *member, const char *text, IsValid is_valid,
                           const char *wanted)
{
    if (!text || is_valid(text))
        return text;
    g_autofree char *shown = g_strescape(text, NULL);
    json_reader_fail(reader, member, "wanted %s, found \"%s\"", wanted, shown);
    return NULL;
}

const char *fields_app_name(JsonReader *reader, const char *member)
{
    const char *text = json_reader_string(reader, member, IDENTIFIER_BYTES_MAX);
    return checked(reader, member, text, app_name_is_valid,
                   "a name of letters, digits and ._+-, up to 40 bytes");
}

static const char *checked_version(JsonReader *reader, const char *member, const char *text)
{
    return checked(reader, member, text, version_is_valid,
                   "a version of letters, digits and ._+~-, up to 64 bytes");
}

const char *fields_version(JsonReader *reader, const char *member)
{
    return checked_version(reader, member, json_reader_string(reader, member, IDENTIFIER_BYTES_MAX));
}

const char *fields_version_or_null(JsonReader *reader, const char *member)
{
    return checked_version(reader, member, json_reader_string_or(reader, member, IDENTIFIER_BYTES_MAX, NULL));
}

const char *fields_arch(JsonReader *reader, const char *member)
{
    const char *text = json_reader_string(reader, member, IDENTIFIER_BYTES_MAX);
    return checked(reader, member, text, arch_is_valid, "an architecture's name or \"all\"");
}

const char *fields_arch_or_null(JsonReader *reader, const char *member)
{
    const char *text = json_reader_string_or(reader, member, IDENTIFIER_BYTES_MAX, NULL);
    return checked(reader, member, text, arch_is_valid, "an architecture's name or \"all\"");
}

const char *fields_line_or_null(JsonReader *reader, const char *member, gsize max_bytes)
{
    const char *text = json_reader_string_or(reader, member, max_bytes, NULL);
    check_prose(reader, member, text, FALSE);
    return json_reader_ok(reader) ? text : NULL;
}

char **fields_lines(JsonReader *reader, const char *member, gsize max_bytes)
{
    g_auto(GStrv) lines = json_reader_strings_or_empty(reader, member, FIELDS_LIST_MAX, max_bytes);
    for (guint i = 0; lines[i]; i++)
        check_prose(reader, member, lines[i], FALSE);
    return g_steal_pointer(&lines);
}

char **fields_requirements(JsonReader *reader, const char *member, gboolean alternatives_allowed)
{
    g_auto(GStrv) items = json_reader_strings_or_empty(reader, member, FIELDS_LIST_MAX, G_MAXUINT16);
    for (guint i = 0; items[i]; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Requirement) requirement = requirement_parse(items[i], &error);
        if (!requirement)
            json_reader_fail(reader, member, "%s", error->message);
        else if (!alternatives_allowed && requirement->terms->len > 1)
            json_reader_fail(reader, member, "wanted no alternatives here, found \"%s\"", items[i]);
    }
    return g_steal_pointer(&items);
}

json_t *fields_texts(JsonReader *reader, const char *member, gsize max_bytes)
{
    if (!json_reader_enter_optional(reader, member))
        return NULL;
    json_t *texts = json_reader_value(reader);
    g_auto(GStrv) languages = json_reader_members(reader, LANGUAGES_MAX);
    for (guint i = 0; languages[i]; i++)
        check_prose(reader, languages[i], json_reader_string(reader, languages[i], max_bytes), TRUE);
    json_reader_leave(reader);
    return json_reader_ok(reader) ? json_incref(texts) : NULL;
}

json_t *fields_json_string(const char *text)
{
    return text ? json_string(text) : json_null();
}

json_t *fields_json_strings(char *const *texts)
{
    json_t *array = json_array();
    for (guint i = 0; texts && texts[i]; i++)
        json_array_append_new(array, json_string(texts[i]));
    return array;
}

json_t *fields_json_time(gint64 at)
{
    g_autofree char *text = units_format_time(at);
    return json_string(text);
}
