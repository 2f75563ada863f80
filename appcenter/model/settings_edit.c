/* settings_edit.c - one value changed in a configuration file's text; every other byte stays, comments above all. */
#include <string.h>

#include "model/settings.h"

typedef struct {
    gssize value_line; /* where the key stands in its section, the last time; -1: nowhere */
    gssize last_line;  /* the section's last line that says something; -1: no such section */
} Place;

static gboolean is_section(const char *line, const char *section)
{
    g_autofree char *head = g_strdup_printf("[%s]", section);
    g_autofree char *trimmed = g_strstrip(g_strdup(line));
    return g_str_equal(trimmed, head);
}

static gboolean is_key(const char *line, const char *key)
{
    const char *equals = strchr(line, '=');
    g_autofree char *name = equals ? g_strstrip(g_strndup(line, (gsize)(equals - line))) : NULL;
    return name && g_str_equal(name, key);
}

static gboolean is_blank(const char *line)
{
    return line[strspn(line, " \t\r")] == '\0';
}

static Place find_place(GPtrArray *lines, const char *section, const char *key)
{
    Place place = {-1, -1};
    gboolean is_inside = FALSE;
    for (guint i = 0; i < lines->len; i++) {
        const char *line = lines->pdata[i];
        if (line[strspn(line, " \t")] == '[')
            is_inside = is_section(line, section);
        if (!is_inside || is_blank(line))
            continue;
        place.last_line = i;
        if (is_key(line, key))
            place.value_line = i;
    }
    return place;
}

static GPtrArray *split_lines(const char *text)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) pieces = g_strsplit(text, "\n", -1);
    for (char **piece = pieces; *piece; piece++)
        if (piece[1] || **piece) /* what follows the last newline is no line */
            g_ptr_array_add(lines, g_strdup(*piece));
    return lines;
}

char *settings_edit_text(const char *text, const char *section, const char *key, const char *value)
{
    g_autoptr(GPtrArray) lines = split_lines(text);
    Place place = find_place(lines, section, key);
    char *line = g_strdup_printf("%s = %s", key, value);
    if (place.value_line >= 0) {
        g_free(lines->pdata[place.value_line]);
        lines->pdata[place.value_line] = line;
    } else if (place.last_line >= 0) {
        g_ptr_array_insert(lines, (gint)place.last_line + 1, line);
    } else {
        if (lines->len > 0)
            g_ptr_array_add(lines, g_strdup(""));
        g_ptr_array_add(lines, g_strdup_printf("[%s]", section));
        g_ptr_array_add(lines, line);
    }
    g_ptr_array_add(lines, g_strdup("")); /* the last newline */
    g_ptr_array_add(lines, NULL);
    return g_strjoinv("\n", (char **)lines->pdata);
}
