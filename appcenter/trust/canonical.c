/* canonical.c - OLPC canonical JSON: the one encoding that TUF's signatures and key ids are over.
 *
 * Written by hand because jansson escapes control characters and OLPC does not: every PEM key holds newlines, so its own
 * dump gives other key ids and other signed bytes. Source: OLPC wiki "Canonical JSON", as used by the TUF specification.
 */
#include "trust/canonical.h"

#include <string.h>

#include "base/error.h"

static gboolean append_value(GByteArray *out, const json_t *value, GError **error);

static void append_text(GByteArray *out, const char *text)
{
    g_byte_array_append(out, (const guint8 *)text, (guint)strlen(text));
}

static void append_string(GByteArray *out, const char *text, gsize len)
{
    gsize start = 0;
    append_text(out, "\"");
    for (gsize i = 0; i < len; i++) {
        if (text[i] != '"' && text[i] != '\\')
            continue;
        g_byte_array_append(out, (const guint8 *)text + start, (guint)(i - start));
        append_text(out, "\\");
        start = i; /* the character itself goes out with the next run */
    }
    g_byte_array_append(out, (const guint8 *)text + start, (guint)(len - start));
    append_text(out, "\"");
}

static int compare_keys(gconstpointer a, gconstpointer b)
{
    /* bytes of UTF-8 sort as code points do, and jansson's keys hold no NUL */
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static gboolean append_object(GByteArray *out, const json_t *object, GError **error)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    json_t *mutable_object =
        (json_t *)object; /* iterating changes nothing; jansson's prototypes lack the const */
    for (void *i = json_object_iter(mutable_object); i; i = json_object_iter_next(mutable_object, i))
        g_ptr_array_add(keys, (gpointer)json_object_iter_key(i));
    g_ptr_array_sort(keys, compare_keys);

    append_text(out, "{");
    for (guint i = 0; i < keys->len; i++) {
        const char *key = keys->pdata[i];
        if (i > 0)
            append_text(out, ",");
        append_string(out, key, strlen(key));
        append_text(out, ":");
        if (!append_value(out, json_object_get(object, key), error))
            return FALSE;
    }
    append_text(out, "}");
    return TRUE;
}

static gboolean append_array(GByteArray *out, const json_t *array, GError **error)
{
    append_text(out, "[");
    for (gsize i = 0; i < json_array_size(array); i++) {
        if (i > 0)
            append_text(out, ",");
        if (!append_value(out, json_array_get(array, i), error))
            return FALSE;
    }
    append_text(out, "]");
    return TRUE;
}

static void append_integer(GByteArray *out, json_int_t number)
{
    char text[32];
    g_snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, number);
    append_text(out, text);
}

static gboolean append_value(GByteArray *out, const json_t *value, GError **error)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return append_object(out, value, error);
    case JSON_ARRAY:
        return append_array(out, value, error);
    case JSON_STRING:
        append_string(out, json_string_value(value), json_string_length(value));
        return TRUE;
    case JSON_INTEGER:
        append_integer(out, json_integer_value(value));
        return TRUE;
    case JSON_TRUE:
        append_text(out, "true");
        return TRUE;
    case JSON_FALSE:
        append_text(out, "false");
        return TRUE;
    case JSON_NULL:
        append_text(out, "null");
        return TRUE;
    case JSON_REAL:
        break;
    }
    return error_set(error, APPCENTER_ERROR_CORRUPT,
                     "canonical json: wanted integers only, found the real number %g",
                     json_real_value(value));
}

GBytes *canonical_json(const json_t *value, GError **error)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    if (!append_value(out, value, error))
        return NULL;
    return g_byte_array_free_to_bytes(g_steal_pointer(&out));
}
