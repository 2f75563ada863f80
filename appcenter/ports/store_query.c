/* store_query.c - one prepared statement at work: bind by name, read columns in order, ask once at the end.
 *
 * Hides sqlite3_bind and sqlite3_column, and the one retry that a full disk gets after the ballast was dropped.
 */
#include <errno.h>
#include <string.h>

#include "ports/store_internal.h"

Query query_open(Database *database, const char *name)
{
    Query query = {.database = database, .name = name};
    query.statement = database_statement(database, name, &query.error);
    return query;
}

void query_clear(Query *query)
{
    if (query->statement != NULL) {
        sqlite3_reset(query->statement);
        sqlite3_clear_bindings(query->statement);
    }
    query->statement = NULL;
    g_clear_error(&query->error);
}

static void query_fail(Query *query, int code)
{
    if (query->error == NULL)
        database_fail(query->database, code, query->name, &query->error);
}

/* The number of a parameter; 0 when the query has failed, now or before. */
static int parameter_number(Query *query, const char *parameter)
{
    if (query->error != NULL)
        return 0;
    int number = sqlite3_bind_parameter_index(query->statement, parameter);
    if (number == 0)
        error_set(&query->error, APPCENTER_ERROR_INTERNAL, "%s: %s: no parameter %s", query->database->file,
                  query->name, parameter);
    return number;
}

static void check_bound(Query *query, int code)
{
    if (code != SQLITE_OK)
        query_fail(query, code);
}

void query_bind_text(Query *query, const char *parameter, const char *value)
{
    int number = parameter_number(query, parameter);
    if (number > 0)
        check_bound(query, sqlite3_bind_text(query->statement, number, value, -1, SQLITE_TRANSIENT));
}

void query_bind_integer(Query *query, const char *parameter, gint64 value)
{
    int number = parameter_number(query, parameter);
    if (number > 0)
        check_bound(query, sqlite3_bind_int64(query->statement, number, value));
}

void query_bind_boolean(Query *query, const char *parameter, gboolean value)
{
    query_bind_integer(query, parameter, value ? 1 : 0);
}

void query_bind_bytes(Query *query, const char *parameter, GBytes *value)
{
    int number = parameter_number(query, parameter);
    if (number == 0)
        return;
    gsize len = 0;
    const void *data = g_bytes_get_data(value, &len);
    /* An empty GBytes has no data pointer, which SQLite would take for NULL. */
    check_bound(query,
                sqlite3_bind_blob64(query->statement, number, len > 0 ? data : "", len, SQLITE_TRANSIENT));
}

void query_bind_strings(Query *query, const char *parameter, char *const *value)
{
    g_autoptr(json_t) array = json_array();
    for (gsize i = 0; value != NULL && value[i] != NULL; i++)
        json_array_append_new(array, json_string(value[i]));
    g_autofree char *text = json_to_text(array);
    query_bind_text(query, parameter, text);
}

/* Steps, and once more, without the ballast, if the disk was full and the transaction survived the failure. */
static int step(Query *query)
{
    sqlite3 *handle = query->database->handle;
    int was_autocommit = sqlite3_get_autocommit(handle);
    int code = sqlite3_step(query->statement);
    gboolean is_full = (code & 0xff) == SQLITE_FULL ||
                       ((code & 0xff) == SQLITE_IOERR && sqlite3_system_errno(handle) == ENOSPC);
    if (!is_full || query->database->ballast_dir_fd < 0)
        return code;
    ballast_drop(query->database->ballast_dir_fd); /* or another process has, a moment ago */
    if (sqlite3_get_autocommit(handle) != was_autocommit)
        return code;
    sqlite3_reset(query->statement);
    return sqlite3_step(query->statement);
}

gboolean query_next(Query *query)
{
    if (query->error != NULL)
        return FALSE;
    query->column = 0;
    int code = step(query);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        query_fail(query, code);
    return code == SQLITE_ROW;
}

/* The number of the next column, -1 when the query has failed or the statement has no more. */
static int next_column(Query *query)
{
    if (query->error != NULL)
        return -1;
    if (query->column >= sqlite3_data_count(query->statement)) {
        error_set(&query->error, APPCENTER_ERROR_INTERNAL, "%s: %s: no column %d", query->database->file,
                  query->name, query->column);
        return -1;
    }
    return query->column++;
}

char *query_text(Query *query)
{
    int column = next_column(query);
    return column < 0 ? NULL : g_strdup((const char *)sqlite3_column_text(query->statement, column));
}

gint64 query_integer(Query *query)
{
    int column = next_column(query);
    return column < 0 ? 0 : sqlite3_column_int64(query->statement, column);
}

gboolean query_boolean(Query *query)
{
    return query_integer(query) != 0;
}

GBytes *query_bytes(Query *query)
{
    int column = next_column(query);
    if (column < 0)
        return NULL;
    const void *data = sqlite3_column_blob(query->statement, column);
    return g_bytes_new(data, (gsize)sqlite3_column_bytes(query->statement, column));
}

char **query_strings(Query *query)
{
    g_autofree char *text = query_text(query);
    g_autoptr(GStrvBuilder) strings = g_strv_builder_new();
    g_autoptr(json_t) array = text != NULL ? json_loads(text, 0, NULL) : NULL;
    if (text != NULL && !json_is_array(array))
        query_mark_corrupt(query, "a list of strings", text);
    for (gsize i = 0; i < json_array_size(array); i++) {
        const char *item = json_string_value(json_array_get(array, i));
        if (item != NULL)
            g_strv_builder_add(strings, item);
        else
            query_mark_corrupt(query, "a list of strings", text);
    }
    return g_strv_builder_end(strings);
}

void query_mark_corrupt(Query *query, const char *what, const char *found)
{
    if (query->error == NULL)
        error_set(&query->error, APPCENTER_ERROR_CORRUPT, "%s: %s: wanted %s, found \"%.200s\"",
                  query->database->file, query->name, what, found != NULL ? found : "(null)");
}

gboolean query_finish(Query *query, GError **error)
{
    gboolean is_well = query->error == NULL;
    if (!is_well)
        g_propagate_error(error, g_steal_pointer(&query->error));
    query_clear(query);
    return is_well;
}

gboolean query_run(Query *query, GError **error)
{
    while (query_next(query))
        continue;
    return query_finish(query, error);
}

gboolean query_run_on_row(Query *query, GError **error, const char *format, ...)
{
    Database *database = query->database;
    if (!query_run(query, error))
        return FALSE;
    if (sqlite3_changes(database->handle) > 0)
        return TRUE;
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *sentence = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return error_set(error, APPCENTER_ERROR_NOT_FOUND, "%s", sentence);
}

GPtrArray *query_rows(Query *query, RowFunc row, GDestroyNotify destroy, GError **error)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(destroy);
    while (query_next(query)) {
        gpointer item = row(query);
        if (item != NULL)
            g_ptr_array_add(rows, item);
    }
    return query_finish(query, error) ? g_steal_pointer(&rows) : NULL;
}
