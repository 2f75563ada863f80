/* ini.c - finds the line of a key and changes nothing else; see ini.h. */
#include "compat/ini.h"

#include <string.h>

/* Where a key stands in the lines, or where it would be added. */
typedef struct {
    gboolean has_section;
    guint section_end; /* behind the last line of the section that is not blank */
    gboolean has_key;
    guint key_line;
} Found;

static gboolean is_same(const char *a, gsize a_len, const char *b, gboolean is_case_sensitive)
{
    if (a_len != strlen(b))
        return FALSE;
    return is_case_sensitive ? strncmp(a, b, a_len) == 0 : g_ascii_strncasecmp(a, b, a_len) == 0;
}

/* "[NAME]": its name's start and length, or NULL. */
static const char *section_of(const char *line, gsize *len)
{
    line += strspn(line, " \t");
    const char *end = *line == '[' ? strchr(line, ']') : NULL;
    if (!end)
        return NULL;
    *len = (gsize)(end - line) - 1;
    return line + 1;
}

/* "Key = value": the key's start and length, and the value's start; NULL for any other line. */
static const char *key_of(const char *line, gsize *len, const char **value)
{
    line += strspn(line, " \t");
    const char *sign = *line == '#' || *line == ';' ? NULL : strchr(line, '=');
    if (!sign || sign == line)
        return NULL;
    const char *end = sign;
    while (end > line && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *len = (gsize)(end - line);
    *value = sign + 1;
    return line;
}

static Found find(char **lines, const IniPlace *place)
{
    Found found = {.has_section = *place->section == '\0'};
    gboolean is_inside = found.has_section;
    for (guint i = 0; lines[i]; i++) {
        gsize len;
        const char *value;
        const char *section = section_of(lines[i], &len);
        if (section) {
            /* of sections that are there twice the first counts */
            is_inside = !found.has_section && is_same(section, len, place->section, place->is_case_sensitive);
            found.has_section |= is_inside;
        }
        if (!is_inside)
            continue;
        if (lines[i][strspn(lines[i], " \t\r")])
            found.section_end = i + 1;
        const char *key = section ? NULL : key_of(lines[i], &len, &value);
        if (key && !found.has_key && is_same(key, len, place->key, place->is_case_sensitive)) {
            found.has_key = TRUE;
            found.key_line = i;
        }
    }
    return found;
}

char *ini_get(const char *text, const IniPlace *place)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    Found found = find(lines, place);
    gsize len;
    const char *value;
    if (!found.has_key || !key_of(lines[found.key_line], &len, &value))
        return NULL;
    return g_strstrip(g_strdup(value));
}

char *ini_set(const char *text, const IniPlace *place, const char *value)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    Found found = find(lines, place);
    g_autofree char *line = g_strdup_printf("%s = %s\n", place->key, value);
    gboolean is_added = found.has_section && !found.has_key;
    guint n_lines = g_strv_length(lines);
    GString *new = g_string_new(NULL);
    for (guint i = 0; i < n_lines; i++) {
        if (is_added && i == found.section_end)
            g_string_append(new, line);
        if (found.has_key && i == found.key_line)
            g_string_append(new, line);
        else if (lines[i + 1] || *lines[i]) /* the piece behind the last newline is no line */
            g_string_append_printf(new, "%s\n", lines[i]);
    }
    if (is_added && found.section_end == n_lines)
        g_string_append(new, line);
    if (!found.has_section)
        g_string_append_printf(new, "[%s]\n%s", place->section, line);
    return g_string_free(new, FALSE);
}

static gboolean is_one_line(const char *text)
{
    return !strpbrk(text, "\r\n");
}

gboolean ini_place_is_good(const IniPlace *place)
{
    return is_one_line(place->section) && !strpbrk(place->section, "[]") && is_one_line(place->key) &&
           *place->key && !strpbrk(place->key, "=[") && !strchr("#; \t", *place->key);
}

gboolean ini_value_is_good(const char *value)
{
    return is_one_line(value);
}
