/* config.c - qpkg.cfg: shell assignments, read without a shell.
 *
 * QTS sources this file, so it can hold a whole program. Only plain assignments pass: a known prefix, a value that a
 * shell would read as the same letters, and a comment. Everything else is refused by line (qpkg-format.md section 4).
 */
#include "qpkg/internal.h"

#include <string.h>

#define CONFIG_MAX_BYTES   65536
#define TIMEOUT_MAX_S      600
#define BARE_PUNCTUATION   "_./:@%+,=-"
#define SECONDS_MAX_DIGITS 9

typedef struct {
    char *key;
    char *value;
} Assignment;

struct QpkgConfig {
    GArray *assignments; /* in file order */
};

static void assignment_clear(Assignment *assignment)
{
    g_free(assignment->key);
    g_free(assignment->value);
}

void qpkg_config_free(QpkgConfig *config)
{
    if (!config)
        return;
    g_array_unref(config->assignments);
    g_free(config);
}

/* ---- reading a line ---- */

static gboolean key_is_allowed(const char *key)
{
    static const char *const prefixes[] = {"QPKG_", "QTS_", "QDK_", "QNAP_", "APPCENTER_"};
    for (gsize i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        if (g_str_has_prefix(key, prefixes[i]) && strlen(key) > strlen(prefixes[i]))
            return TRUE;
    }
    return FALSE;
}

/* Small ones, too: packages name keys that QDK does not know (QPKG_Conflict). They are kept, and mean nothing. */
static gboolean is_key_letter(char c)
{
    return g_ascii_isalnum(c) || c == '_';
}

static gboolean parse_key(const char **cursor, char **key, GError **error)
{
    const char *at = *cursor;
    if (!g_ascii_isupper(*at))
        return error_set(error, APPCENTER_ERROR_CORRUPT, "wanted KEY=VALUE, found something else");
    while (is_key_letter(*at))
        at++;
    if (*at != '=')
        return error_set(error, APPCENTER_ERROR_CORRUPT, "wanted KEY=VALUE, found something else");
    *key = g_strndup(*cursor, (gsize)(at - *cursor));
    if (!key_is_allowed(*key))
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "wanted a key that starts with QPKG_, QTS_, QDK_, QNAP_ or APPCENTER_, found %.40s",
                         *key);
    *cursor = at + 1;
    return TRUE;
}

static gboolean parse_double_quoted(const char **cursor, GString *value, GError **error)
{
    const char *at = *cursor + 1;
    for (; *at && *at != '"'; at++) {
        if (*at == '$' || *at == '`')
            return error_set(error, APPCENTER_ERROR_CORRUPT, "an unescaped %c", *at);
        if (*at == '\\') {
            at++;
            if (!*at || !strchr("\"\\$`", *at))
                return error_set(error, APPCENTER_ERROR_CORRUPT,
                                 "wanted \\\", \\\\, \\$ or \\`, found another escape");
        }
        g_string_append_c(value, *at);
    }
    if (*at != '"')
        return error_set(error, APPCENTER_ERROR_CORRUPT, "the quotes do not end on their line");
    *cursor = at + 1;
    return TRUE;
}

static gboolean parse_single_quoted(const char **cursor, GString *value, GError **error)
{
    const char *start = *cursor + 1;
    const char *end = strchr(start, '\'');
    if (!end)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "the quotes do not end on their line");
    g_string_append_len(value, start, end - start);
    *cursor = end + 1;
    return TRUE;
}

static gboolean parse_value(const char **cursor, GString *value, GError **error)
{
    if (**cursor == '"')
        return parse_double_quoted(cursor, value, error);
    if (**cursor == '\'')
        return parse_single_quoted(cursor, value, error);
    while (**cursor && (g_ascii_isalnum(**cursor) || strchr(BARE_PUNCTUATION, **cursor))) {
        g_string_append_c(value, **cursor);
        ++*cursor;
    }
    return TRUE;
}

/* Nothing, or blanks, or blanks and a comment. */
static gboolean check_rest(const char *rest, GError **error)
{
    gsize blanks = strspn(rest, " \t");
    if (!rest[blanks] || (blanks > 0 && rest[blanks] == '#'))
        return TRUE;
    return error_set(error, APPCENTER_ERROR_CORRUPT,
                     "wanted the end of the value, found byte 0x%02x (a value with it needs quotes)",
                     (guint8)rest[blanks]);
}

static gboolean parse_line(QpkgConfig *config, const char *line, GError **error)
{
    gsize blanks = strspn(line, " \t");
    if (!line[blanks] || line[blanks] == '#')
        return TRUE;
    g_autofree char *key = NULL;
    g_autoptr(GString) value = g_string_new(NULL);
    if (!parse_key(&line, &key, error))
        return FALSE;
    if (!parse_value(&line, value, error) || !check_rest(line, error)) {
        g_prefix_error(error, "%s: ", key);
        return FALSE;
    }
    Assignment assignment = {.key = g_steal_pointer(&key), .value = g_strdup(value->str)};
    g_array_append_val(config->assignments, assignment);
    return TRUE;
}

/* Control bytes but tab and newline: a carriage return too, which a shell would take into the value. */
static gboolean check_bytes(const char *text, gsize len, GError **error)
{
    guint line = 1;
    for (gsize i = 0; i < len; i++) {
        guint8 c = (guint8)text[i];
        if ((c < 0x20 && c != '\t' && c != '\n') || c == 0x7f)
            return error_set(error, APPCENTER_ERROR_CORRUPT, "qpkg.cfg:%u: control byte 0x%02x", line, c);
        line += c == '\n';
    }
    if (!g_utf8_validate(text, (gssize)len, NULL))
        return error_set(error, APPCENTER_ERROR_CORRUPT, "qpkg.cfg: is not UTF-8");
    return TRUE;
}

QpkgConfig *qpkg_config_parse(const void *data, gsize len, GError **error)
{
    if (len > CONFIG_MAX_BYTES) {
        error_set(error, APPCENTER_ERROR_CORRUPT, "qpkg.cfg: wanted at most %d bytes, found %" G_GSIZE_FORMAT,
                  CONFIG_MAX_BYTES, len);
        return NULL;
    }
    if (!check_bytes(data, len, error))
        return NULL;
    g_autoptr(QpkgConfig) config = g_new0(QpkgConfig, 1);
    config->assignments = g_array_new(FALSE, FALSE, sizeof(Assignment));
    g_array_set_clear_func(config->assignments, (GDestroyNotify)assignment_clear);
    g_autofree char *text = g_strndup(data, len);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i]; i++) {
        if (!parse_line(config, lines[i], error)) {
            g_prefix_error(error, "qpkg.cfg:%u: ", i + 1);
            return NULL;
        }
    }
    return g_steal_pointer(&config);
}

/* ---- asking ---- */

static const Assignment *assignment_at(const QpkgConfig *config, guint i)
{
    return &g_array_index(config->assignments, Assignment, i);
}

const char *qpkg_config_get(const QpkgConfig *config, const char *key)
{
    for (guint i = config->assignments->len; i > 0; i--) {
        if (strcmp(assignment_at(config, i - 1)->key, key) == 0)
            return assignment_at(config, i - 1)->value;
    }
    return NULL;
}

char **qpkg_config_to_environment(const QpkgConfig *config)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    for (guint i = 0; i < config->assignments->len; i++) {
        const Assignment *assignment = assignment_at(config, i);
        /* names of ours are no package's to choose, and an earlier value does not count */
        if (g_str_has_prefix(assignment->key, "APPCENTER_") ||
            qpkg_config_get(config, assignment->key) != assignment->value)
            continue;
        g_autofree char *entry = g_strconcat(assignment->key, "=", assignment->value, NULL);
        g_strv_builder_add(builder, entry);
    }
    return g_strv_builder_end(builder);
}

char **qpkg_config_get_list(const QpkgConfig *config, const char *key)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint i = 0; i < config->assignments->len; i++) {
        if (strcmp(assignment_at(config, i)->key, key) != 0)
            continue;
        g_auto(GStrv) words = g_strsplit_set(assignment_at(config, i)->value, " \t", -1);
        for (char **word = words; *word; word++) {
            if (**word)
                g_ptr_array_add(names, g_strdup(*word));
        }
    }
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_steal(names, NULL);
}

static gboolean parse_seconds(const char *text, gint64 *seconds)
{
    g_autofree char *word = g_strstrip(g_strdup(text));
    gsize n = strspn(word, "0123456789");
    if (n == 0 || n > SECONDS_MAX_DIGITS || word[n])
        return FALSE;
    gint64 value = g_ascii_strtoll(word, NULL, 10);
    if (value == 0)
        return FALSE;
    *seconds = MIN(value, TIMEOUT_MAX_S);
    return TRUE;
}

void qpkg_config_timeouts(const QpkgConfig *config, gint64 *start_s, gint64 *stop_s)
{
    const char *value = qpkg_config_get(config, "QPKG_TIMEOUT");
    gint64 start, stop;
    if (!value)
        return;
    g_auto(GStrv) parts = g_strsplit(value, ",", 3);
    if (g_strv_length(parts) != 2 || !parse_seconds(parts[0], &start) || !parse_seconds(parts[1], &stop))
        return;
    *start_s = start;
    *stop_s = stop;
}

char *qpkg_config_to_text(const QpkgConfig *config)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < config->assignments->len; i++) {
        g_string_append_printf(text, "%s=\"", assignment_at(config, i)->key);
        for (const char *c = assignment_at(config, i)->value; *c; c++) {
            if (strchr("\"\\$`", *c))
                g_string_append_c(text, '\\');
            g_string_append_c(text, *c);
        }
        g_string_append(text, "\"\n");
    }
    return g_string_free(text, FALSE);
}
