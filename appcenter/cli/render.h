/* render.h - text for people: tables by display width, times, sizes. */
#ifndef CLI_RENDER_H
#define CLI_RENDER_H

#include "base/base.h"

typedef struct Table Table;

/* headers: NULL-terminated; a leading '>' in a header aligns its column to the right. */
Table *table_new(const char *const *headers);
/* Cells, as many as there are columns; NULL is empty. */
void table_add(Table *table, const char *const *cells);
/* To stdout; nothing when there is no row. Frees the table. */
void table_print(Table *table);
void table_free(Table *table);

/* Columns that a text takes on a terminal (wide and zero-width characters counted). */
gsize render_width(const char *text);
/* JSON values as people read them; free with g_free. "" for null. */
char *render_time(const json_t *time, gint64 now);
char *render_age(const json_t *time, gint64 now);
char *render_size(const json_t *bytes);
/* "a, b"; free with g_free. */
char *render_list(const json_t *strings);
/* The ways out of appctl.explanation/1, a line each; nothing for NULL. */
void render_choices(FILE *out, const json_t *explanation);
/* String member, "" for null or absent; borrowed. */
const char *render_string(const json_t *object, const char *member);
void render_json(const json_t *value);

#endif
