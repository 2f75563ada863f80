/* render.c - tables and values for people; see render.h. */
#include "cli/render.h"

#include <stdio.h>
#include <string.h>

struct Table {
    gsize n_columns;
    GPtrArray *rows; /* char** of n_columns */
    gboolean *right;
};

gsize render_width(const char *text)
{
    gsize width = 0;
    if (!g_utf8_validate(text, -1, NULL))
        return strlen(text);
    for (const char *p = text; *p; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        if (!g_unichar_iszerowidth(c))
            width += g_unichar_iswide(c) ? 2 : 1;
    }
    return width;
}

Table *table_new(const char *const *headers)
{
    Table *table = g_new0(Table, 1);
    table->n_columns = g_strv_length((char **)headers);
    table->rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    table->right = g_new0(gboolean, table->n_columns);
    g_autofree const char **titles = g_new0(const char *, table->n_columns);
    for (gsize i = 0; i < table->n_columns; i++) {
        table->right[i] = headers[i][0] == '>';
        titles[i] = headers[i] + table->right[i];
    }
    table_add(table, titles);
    return table;
}

/* A vendor's text must neither break a row nor command the terminal: control characters become spaces. */
static char *plain_text(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    GString *plain = g_string_new(NULL);
    for (const char *p = valid; *p; p = g_utf8_next_char(p))
        g_string_append_unichar(plain, g_unichar_iscntrl(g_utf8_get_char(p)) ? ' ' : g_utf8_get_char(p));
    return g_string_free(plain, FALSE);
}

void table_add(Table *table, const char *const *cells)
{
    char **row = g_new0(char *, table->n_columns + 1);
    for (gsize i = 0; i < table->n_columns; i++)
        row[i] = plain_text(cells[i] ? cells[i] : "");
    g_ptr_array_add(table->rows, row);
}

static void print_row(const Table *table, char *const *row, const gsize *widths)
{
    g_autoptr(GString) line = g_string_new(NULL);
    for (gsize i = 0; i < table->n_columns; i++) {
        int pad = (int)(widths[i] - render_width(row[i]));
        if (table->right[i])
            g_string_append_printf(line, "%*s%s", pad, "", row[i]);
        else
            g_string_append_printf(line, "%s%*s", row[i], i + 1 < table->n_columns ? pad : 0, "");
        if (i + 1 < table->n_columns)
            g_string_append(line, "  ");
    }
    puts(g_strchomp(line->str));
}

void table_free(Table *table)
{
    g_ptr_array_unref(table->rows);
    g_free(table->right);
    g_free(table);
}

void table_print(Table *table)
{
    g_autofree gsize *widths = g_new0(gsize, table->n_columns);
    for (guint r = 0; r < table->rows->len; r++)
        for (gsize i = 0; i < table->n_columns; i++)
            widths[i] = MAX(widths[i], render_width(((char **)table->rows->pdata[r])[i]));
    for (guint r = 0; table->rows->len > 1 && r < table->rows->len; r++)
        print_row(table, table->rows->pdata[r], widths);
    table_free(table);
}

char *render_time(const json_t *time, gint64 now)
{
    gint64 at;
    const char *text = json_string_value(time);
    return text && units_parse_time(text, &at) ? units_format_when(at, now, NULL) : g_strdup("");
}

char *render_age(const json_t *time, gint64 now)
{
    gint64 at;
    const char *text = json_string_value(time);
    return text && units_parse_time(text, &at) ? units_format_age(MAX(now - at, 0)) : g_strdup("");
}

char *render_size(const json_t *bytes)
{
    return json_is_integer(bytes) ? units_format_size(json_integer_value(bytes)) : g_strdup("");
}

char *render_list(const json_t *strings)
{
    gsize i;
    json_t *one;
    GString *text = g_string_new(NULL);
    json_array_foreach(strings, i, one) g_string_append_printf(
        text, "%s%s", i ? ", " : "", json_string_value(one) ? json_string_value(one) : "");
    return g_string_free(text, FALSE);
}

void render_choices(FILE *out, const json_t *explanation)
{
    gsize i, k;
    json_t *solution, *step;
    json_array_foreach(json_object_get(explanation, "solutions"), i, solution)
    {
        fprintf(out, "  to change that: ");
        json_array_foreach(solution, k, step) fprintf(out, "%s%s", k > 0 ? ", then " : "",
                                                      json_string_value(step) ? json_string_value(step) : "");
        fputc('\n', out);
    }
}

const char *render_string(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text ? text : "";
}

void render_json(const json_t *value)
{
    g_autofree char *text = json_to_text(value);
    puts(text);
}
