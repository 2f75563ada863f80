/* json.h - strict JSON in, sticky reading (over jansson).
 *
 * A JsonReader walks a parsed value. The first member that is missing, of the wrong type or out of range marks
 * the reader with its path ("releases[3].size: wanted an integer from 0 to 10, found a string"); every later call
 * is a no-op that returns a harmless value (NULL, 0, FALSE), and the caller asks once at the end. The style is
 * apk-tools' sticky stream error.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <glib.h>
#include <jansson.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

/* Parses exactly one JSON value from len bytes: UTF-8, duplicates rejected, nothing behind the value, nesting up to
 * max_depth (checked before jansson sees the bytes), no real numbers when integers_only. Returns a new reference,
 * or NULL with CORRUPT that names the byte offset. */
json_t *json_parse_strict(const void *data, gsize len, guint max_depth, gboolean integers_only,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Compact text with sorted keys, newline not included; free with g_free. Aborts only on out of memory. */
char *json_to_text(const json_t *value);

typedef struct JsonReader JsonReader;

/* what: the name that starts every path ("catalogue line 7"); copied. The reader keeps its own reference of value. */
JsonReader *json_reader_new(json_t *value, const char *what);
void json_reader_free(JsonReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(JsonReader, json_reader_free)

/* TRUE as long as nothing went wrong. */
gboolean json_reader_ok(const JsonReader *reader);
/* Final question: FALSE and CORRUPT with path and cause if anything was wrong since json_reader_new. */
gboolean json_reader_finish(const JsonReader *reader, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The caller found a value that is well-formed but makes no sense: marks the reader at the current position's member. */
void json_reader_fail(JsonReader *reader, const char *member, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Goes into an object or array member of the current object. Missing: the plain form marks the reader; the optional
 * form returns FALSE without a mark when the member is absent or null. Leave only after a TRUE. */
gboolean json_reader_enter(JsonReader *reader, const char *member);
gboolean json_reader_enter_optional(JsonReader *reader, const char *member);
/* Goes into element i of the current array. */
gboolean json_reader_enter_index(JsonReader *reader, gsize i);
void json_reader_leave(JsonReader *reader);

/* Length of the current array, number of members of the current object; marks the reader if it is more than max. */
gsize json_reader_length(JsonReader *reader, gsize max);
/* Names of the current object's members in file order, NULL-terminated; free with g_strfreev. */
char **json_reader_members(JsonReader *reader, gsize max);
gboolean json_reader_has(const JsonReader *reader, const char *member);
/* The value under the cursor; owned by the tree. */
json_t *json_reader_value(const JsonReader *reader);

/* Members of the current object. Strings are owned by the tree and at most max_bytes long. The _or forms return the
 * fallback for an absent or null member, and still mark the reader for a wrong type. */
const char *json_reader_string(JsonReader *reader, const char *member, gsize max_bytes);
const char *json_reader_string_or(JsonReader *reader, const char *member, gsize max_bytes,
                                  const char *fallback);
gint64 json_reader_integer(JsonReader *reader, const char *member, gint64 min, gint64 max);
gint64 json_reader_integer_or(JsonReader *reader, const char *member, gint64 min, gint64 max,
                              gint64 fallback);
gboolean json_reader_boolean(JsonReader *reader, const char *member);
gboolean json_reader_boolean_or(JsonReader *reader, const char *member, gboolean fallback);
/* RFC 3339 UTC ("2026-11-22T09:00:00Z") as seconds since 1970. */
gint64 json_reader_time(JsonReader *reader, const char *member);
gint64 json_reader_time_or(JsonReader *reader, const char *member, gint64 fallback);
/* Lower-case hex of exactly n_bytes bytes (2 * n_bytes digits). */
const char *json_reader_hex(JsonReader *reader, const char *member, gsize n_bytes);
/* Array of strings, NULL-terminated, free with g_strfreev; at most max strings of max_bytes each. Absent or null: empty. */
char **json_reader_strings_or_empty(JsonReader *reader, const char *member, gsize max, gsize max_bytes);

#endif
