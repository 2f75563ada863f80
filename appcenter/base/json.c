/* json.c - the strict door for JSON and the sticky reader behind it.
 *
 * Hides jansson's leniencies: bytes are scanned once for encoding, depth and number form before jansson sees
 * them, so hostile nesting cannot reach its recursive parser. Paths of the reader are put together at failure
 * only.
 */
#include "base/json.h"

#include <stdarg.h>
#include <string.h>

#include "base/error.h"
#include "base/units.h"

#define SHOWN_BYTES_MAX 40 /* of an untrusted text in a message */

/* ---- strict parsing ---- */

typedef struct {
    const char *data;
    gsize len;
    gsize pos;
    guint depth;
    guint max_depth;
    gboolean integers_only;
} Scan;

static gboolean is_number_byte(char c)
{
    return g_ascii_isdigit(c) || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* Starts at the opening quote and ends behind the closing one, or at the end of the data (jansson says so
 * then). */
static void scan_string(Scan *scan)
{
    scan->pos++;
    while (scan->pos < scan->len && scan->data[scan->pos] != '"')
        scan->pos += scan->data[scan->pos] == '\\' ? 2 : 1;
    scan->pos++;
}

static gboolean scan_number(Scan *scan, GError **error)
{
    const char *start = scan->data + scan->pos;
    gsize offset = scan->pos;
    gboolean is_real = FALSE;
    while (scan->pos < scan->len && is_number_byte(scan->data[scan->pos])) {
        is_real |= strchr(".eE", scan->data[scan->pos]) != NULL;
        scan->pos++;
    }
    gsize size = scan->pos - offset;
    if (is_real && scan->integers_only)
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "json: byte %" G_GSIZE_FORMAT
                         ": wanted an integer, found a number with a fraction or exponent",
                         offset);
    if (size == 2 && start[0] == '-' && start[1] == '0')
        return error_set(error, APPCENTER_ERROR_CORRUPT, "json: byte %" G_GSIZE_FORMAT ": wanted 0, found -0",
                         offset);
    return TRUE;
}

static gboolean scan_bytes(Scan *scan, GError **error)
{
    while (scan->pos < scan->len) {
        char c = scan->data[scan->pos];
        if (c == '"') {
            scan_string(scan);
        } else if (c == '-' || g_ascii_isdigit(c)) {
            if (!scan_number(scan, error))
                return FALSE;
        } else {
            if ((c == '[' || c == '{') && ++scan->depth > scan->max_depth)
                return error_set(error, APPCENTER_ERROR_CORRUPT,
                                 "json: byte %" G_GSIZE_FORMAT ": wanted at most %u levels, found more",
                                 scan->pos, scan->max_depth);
            if ((c == ']' || c == '}') && scan->depth > 0)
                scan->depth--;
            scan->pos++;
        }
    }
    return TRUE;
}

json_t *json_parse_strict(const void *data, gsize len, guint max_depth, gboolean integers_only,
                          GError **error)
{
    const char *bad_byte = NULL;
    if (len == 0) {
        error_set(error, APPCENTER_ERROR_CORRUPT, "json: byte 0: wanted a value, found nothing");
        return NULL;
    }
    if (!g_utf8_validate_len(data, len, &bad_byte)) {
        gsize offset = (gsize)(bad_byte - (const char *)data);
        error_set(error, APPCENTER_ERROR_CORRUPT,
                  "json: byte %" G_GSIZE_FORMAT ": wanted utf-8 text, found %s", offset,
                  *bad_byte == '\0' ? "a zero byte" : "other bytes");
        return NULL;
    }
    Scan scan = {.data = data, .len = len, .max_depth = max_depth, .integers_only = integers_only};
    if (!scan_bytes(&scan, error))
        return NULL;

    json_error_t cause;
    json_t *value = json_loadb(data, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &cause);
    if (!value)
        error_set(error, APPCENTER_ERROR_CORRUPT, "json: byte %d: %s", cause.position, cause.text);
    return value;
}

char *json_to_text(const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    if (!text)
        g_error("json: out of memory");
    return text;
}

/* ---- the sticky reader ---- */

typedef struct {
    json_t *value;   /* borrowed from the tree */
    const char *key; /* borrowed from the tree; NULL for an array element */
    gsize index;
} Frame;

struct JsonReader {
    char *what;
    json_t *root;
    GArray *frames; /* of Frame; the last is the cursor, the first the root */
    char *failure;  /* NULL as long as all is well */
};

JsonReader *json_reader_new(json_t *value, const char *what)
{
    JsonReader *reader = g_new0(JsonReader, 1);
    Frame root = {.value = value};
    reader->what = g_strdup(what);
    reader->root = json_incref(value);
    reader->frames = g_array_new(FALSE, FALSE, sizeof(Frame));
    g_array_append_val(reader->frames, root);
    return reader;
}

void json_reader_free(JsonReader *reader)
{
    if (!reader)
        return;
    g_free(reader->what);
    g_free(reader->failure);
    g_array_unref(reader->frames);
    json_decref(reader->root);
    g_free(reader);
}

gboolean json_reader_ok(const JsonReader *reader)
{
    return reader->failure == NULL;
}

gboolean json_reader_finish(const JsonReader *reader, GError **error)
{
    if (reader->failure)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "%s", reader->failure);
    return TRUE;
}

json_t *json_reader_value(const JsonReader *reader)
{
    return g_array_index(reader->frames, Frame, reader->frames->len - 1).value;
}

/* Untrusted text, cut and escaped so that a message stays one readable line. */
static char *shown_text(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, (gssize)strnlen(text, SHOWN_BYTES_MAX));
    g_autofree char *escaped = g_strescape(valid, NULL);
    return g_strdup_printf("\"%s\"%s", escaped, strlen(text) > SHOWN_BYTES_MAX ? "..." : "");
}

static void path_append_key(GString *path, const char *key)
{
    gboolean is_plain = *key != '\0' && strlen(key) <= SHOWN_BYTES_MAX;
    for (const char *c = key; is_plain && *c; c++)
        is_plain = g_ascii_isalnum(*c) || *c == '_' || *c == '-';
    g_autofree char *shown = is_plain ? g_strdup(key) : shown_text(key);
    if (path->len > 0)
        g_string_append_c(path, '.');
    g_string_append(path, shown);
}

static char *path_of(const JsonReader *reader, const char *member)
{
    GString *path = g_string_new(NULL);
    for (guint i = 1; i < reader->frames->len; i++) {
        const Frame *frame = &g_array_index(reader->frames, Frame, i);
        if (frame->key)
            path_append_key(path, frame->key);
        else
            g_string_append_printf(path, "[%" G_GSIZE_FORMAT "]", frame->index);
    }
    if (member)
        path_append_key(path, member);
    return g_string_free(path, FALSE);
}

void json_reader_fail(JsonReader *reader, const char *member, const char *format, ...)
{
    if (reader->failure)
        return;
    va_list args;
    va_start(args, format);
    g_autofree char *cause = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *path = path_of(reader, member);
    reader->failure = g_strdup_printf("%s: %s%s%s", reader->what, path, *path ? ": " : "", cause);
}

/* "a string", "an object", "17", "nothing": for the found half of a message. */
static char *found_name(const json_t *value)
{
    if (!value)
        return g_strdup("nothing");
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return g_strdup("an object");
    case JSON_ARRAY:
        return g_strdup("an array");
    case JSON_STRING:
        return g_strdup("a string");
    case JSON_INTEGER:
        return g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    case JSON_REAL:
        return g_strdup("a real number");
    case JSON_TRUE:
        return g_strdup("true");
    case JSON_FALSE:
        return g_strdup("false");
    case JSON_NULL:
        return g_strdup("null");
    }
    return g_strdup("something else");
}

static void fail_wanted(JsonReader *reader, const char *member, const json_t *found, const char *wanted, ...)
    G_GNUC_PRINTF(4, 5);

static void fail_wanted(JsonReader *reader, const char *member, const json_t *found, const char *wanted, ...)
{
    va_list args;
    va_start(args, wanted);
    g_autofree char *wish = g_strdup_vprintf(wanted, args);
    va_end(args);
    g_autofree char *name = found_name(found);
    json_reader_fail(reader, member, "wanted %s, found %s", wish, name);
}

/* The member's value; NULL when it is absent, or when the reader is or becomes marked. */
static json_t *member_value(JsonReader *reader, const char *member)
{
    if (reader->failure)
        return NULL;
    json_t *current = json_reader_value(reader);
    if (!json_is_object(current)) {
        fail_wanted(reader, NULL, current, "an object");
        return NULL;
    }
    return json_object_get(current, member);
}

static gboolean is_absent(const json_t *value)
{
    return !value || json_is_null(value);
}

static gboolean enter_value(JsonReader *reader, const char *member, json_t *value)
{
    if (reader->failure)
        return FALSE;
    if (!json_is_object(value) && !json_is_array(value)) {
        fail_wanted(reader, member, value, "an object or array");
        return FALSE;
    }
    /* the tree's own copy of the name outlives the caller's */
    void *iter = json_object_iter_at(json_reader_value(reader), member);
    Frame frame = {.value = value, .key = json_object_iter_key(iter)};
    g_array_append_val(reader->frames, frame);
    return TRUE;
}

gboolean json_reader_enter(JsonReader *reader, const char *member)
{
    return enter_value(reader, member, member_value(reader, member));
}

gboolean json_reader_enter_optional(JsonReader *reader, const char *member)
{
    json_t *value = member_value(reader, member);
    return !is_absent(value) && enter_value(reader, member, value);
}

gboolean json_reader_enter_index(JsonReader *reader, gsize i)
{
    if (reader->failure)
        return FALSE;
    json_t *current = json_reader_value(reader);
    if (!json_is_array(current) || i >= json_array_size(current)) {
        fail_wanted(reader, NULL, current, "an array with more than %" G_GSIZE_FORMAT " elements", i);
        return FALSE;
    }
    Frame frame = {.value = json_array_get(current, i), .index = i};
    g_array_append_val(reader->frames, frame);
    return TRUE;
}

void json_reader_leave(JsonReader *reader)
{
    /* a marked reader no longer moves, so its path stays where the failure was */
    if (!reader->failure && reader->frames->len > 1)
        g_array_set_size(reader->frames, reader->frames->len - 1);
}

gsize json_reader_length(JsonReader *reader, gsize max)
{
    if (reader->failure)
        return 0;
    json_t *current = json_reader_value(reader);
    gsize length = json_is_object(current) ? json_object_size(current) : json_array_size(current);
    if (!json_is_object(current) && !json_is_array(current)) {
        fail_wanted(reader, NULL, current, "an object or array");
        return 0;
    }
    if (length > max) {
        json_reader_fail(reader, NULL, "wanted at most %" G_GSIZE_FORMAT " %s, found %" G_GSIZE_FORMAT, max,
                         json_is_object(current) ? "members" : "elements", length);
        return 0;
    }
    return length;
}

char **json_reader_members(JsonReader *reader, gsize max)
{
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    json_t *current = json_reader_value(reader);
    if (!json_is_object(current))
        fail_wanted(reader, NULL, current, "an object");
    if (json_reader_length(reader, max) > 0)
        for (void *i = json_object_iter(current); i; i = json_object_iter_next(current, i))
            g_strv_builder_add(names, json_object_iter_key(i));
    return g_strv_builder_end(names);
}

gboolean json_reader_has(const JsonReader *reader, const char *member)
{
    return !reader->failure && json_object_get(json_reader_value(reader), member) != NULL;
}

/* ---- members of plain types; each *_of reads a value that is already looked up ---- */

static const char *string_of(JsonReader *reader, const char *member, const json_t *value, gsize max_bytes)
{
    if (reader->failure)
        return NULL;
    if (!json_is_string(value)) {
        fail_wanted(reader, member, value, "a string");
        return NULL;
    }
    if (json_string_length(value) > max_bytes) {
        json_reader_fail(reader, member,
                         "wanted a string of at most %" G_GSIZE_FORMAT " bytes, found %" G_GSIZE_FORMAT,
                         max_bytes, json_string_length(value));
        return NULL;
    }
    return json_string_value(value);
}

const char *json_reader_string(JsonReader *reader, const char *member, gsize max_bytes)
{
    return string_of(reader, member, member_value(reader, member), max_bytes);
}

const char *json_reader_string_or(JsonReader *reader, const char *member, gsize max_bytes,
                                  const char *fallback)
{
    json_t *value = member_value(reader, member);
    return is_absent(value) && !reader->failure ? fallback : string_of(reader, member, value, max_bytes);
}

static gint64 integer_of(JsonReader *reader, const char *member, const json_t *value, gint64 min, gint64 max)
{
    if (reader->failure)
        return 0;
    if (!json_is_integer(value) || json_integer_value(value) < min || json_integer_value(value) > max) {
        fail_wanted(reader, member, value, "an integer from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, min,
                    max);
        return 0;
    }
    return json_integer_value(value);
}

gint64 json_reader_integer(JsonReader *reader, const char *member, gint64 min, gint64 max)
{
    return integer_of(reader, member, member_value(reader, member), min, max);
}

gint64 json_reader_integer_or(JsonReader *reader, const char *member, gint64 min, gint64 max, gint64 fallback)
{
    json_t *value = member_value(reader, member);
    return is_absent(value) && !reader->failure ? fallback : integer_of(reader, member, value, min, max);
}

static gboolean boolean_of(JsonReader *reader, const char *member, const json_t *value)
{
    if (reader->failure)
        return FALSE;
    if (!json_is_boolean(value))
        fail_wanted(reader, member, value, "true or false");
    return json_is_true(value);
}

gboolean json_reader_boolean(JsonReader *reader, const char *member)
{
    return boolean_of(reader, member, member_value(reader, member));
}

gboolean json_reader_boolean_or(JsonReader *reader, const char *member, gboolean fallback)
{
    json_t *value = member_value(reader, member);
    return is_absent(value) && !reader->failure ? fallback : boolean_of(reader, member, value);
}

static gint64 time_of(JsonReader *reader, const char *member, const json_t *value)
{
    gint64 at = 0;
    const char *text = string_of(reader, member, value, SHOWN_BYTES_MAX);
    if (text && !units_parse_time(text, &at)) {
        g_autofree char *shown = shown_text(text);
        json_reader_fail(reader, member, "wanted a time like 2026-11-22T09:00:00Z, found %s", shown);
    }
    return at;
}

gint64 json_reader_time(JsonReader *reader, const char *member)
{
    return time_of(reader, member, member_value(reader, member));
}

gint64 json_reader_time_or(JsonReader *reader, const char *member, gint64 fallback)
{
    json_t *value = member_value(reader, member);
    return is_absent(value) && !reader->failure ? fallback : time_of(reader, member, value);
}

const char *json_reader_hex(JsonReader *reader, const char *member, gsize n_bytes)
{
    const char *text = string_of(reader, member, member_value(reader, member), G_MAXSIZE);
    if (!text || units_is_hex(text, n_bytes))
        return text;
    g_autofree char *shown = shown_text(text);
    json_reader_fail(reader, member, "wanted %" G_GSIZE_FORMAT " lower-case hex digits, found %s",
                     2 * n_bytes, shown);
    return NULL;
}

char **json_reader_strings_or_empty(JsonReader *reader, const char *member, gsize max, gsize max_bytes)
{
    g_autoptr(GPtrArray) strings = g_ptr_array_new_with_free_func(g_free);
    json_t *array = member_value(reader, member);
    if (!reader->failure && !is_absent(array) && !json_is_array(array))
        fail_wanted(reader, member, array, "an array of strings");
    if (json_is_array(array) && json_reader_enter(reader, member)) {
        gsize length = json_reader_length(reader, max);
        for (gsize i = 0; i < length && json_reader_enter_index(reader, i); i++) {
            const char *text = string_of(reader, NULL, json_reader_value(reader), max_bytes);
            g_ptr_array_add(strings, g_strdup(text ? text : ""));
            json_reader_leave(reader);
        }
        json_reader_leave(reader);
    }
    if (reader->failure)
        g_ptr_array_set_size(strings, 0); /* a harmless value, not half of one */
    g_ptr_array_add(strings, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&strings), FALSE);
}
