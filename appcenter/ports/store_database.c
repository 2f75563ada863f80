/* store_database.c - one SQLite file: opened with the settings of the house, its SQL taken from the linked-in .sql files.
 *
 * Hides sqlite3_open, how named statements are cut out of a file ("-- name: app_get" and
 * all up to the next one), and what SQLite's result codes mean in our kinds of error.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "ports/store_internal.h"

#define NAME_MARK        "-- name: "
#define WAL_TRIES        100
#define WAL_TRY_PAUSE_US 100000
#define BUSY_TIMEOUT_MS  10000

gboolean database_fail(const Database *database, int code, const char *what, GError **error)
{
    AppcenterError kind = APPCENTER_ERROR_INTERNAL;
    int system_errno = sqlite3_system_errno(database->handle);
    switch (code & 0xff) {
    case SQLITE_NOMEM: /* as GLib does: whoever goes on would take a catalogue that cannot be read for one that is gone */
        g_error("%s: %s: no memory", database->file, what);
    case SQLITE_FULL:
        kind = APPCENTER_ERROR_NO_SPACE;
        break;
    case SQLITE_IOERR:
        kind =
            system_errno == ENOSPC || system_errno == EDQUOT ? APPCENTER_ERROR_NO_SPACE : APPCENTER_ERROR_IO;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        kind = APPCENTER_ERROR_CORRUPT;
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        kind = APPCENTER_ERROR_BUSY;
        break;
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
        kind = system_errno == EACCES ? APPCENTER_ERROR_DENIED : APPCENTER_ERROR_IO;
        break;
    default:
        break;
    }
    if (kind == APPCENTER_ERROR_NO_SPACE) /* SQLite's words leave open which disk */
        return error_set(error, kind, "%s: %s: no space left in %s", database->file, what, database->dir);
    return error_set(error, kind, "%s: %s: %s", database->file, what,
                     database->handle != NULL ? sqlite3_errmsg(database->handle) : sqlite3_errstr(code));
}

static const char *sql_text(const char *sql_file, GError **error)
{
    for (const SqlFile *file = sql_files; file->name != NULL; file++)
        if (strcmp(file->name, sql_file) == 0)
            return file->text;
    error_set(error, APPCENTER_ERROR_INTERNAL, "no SQL file of the name %s", sql_file);
    return NULL;
}

gboolean database_run_file(Database *database, const char *sql_file, GError **error)
{
    const char *text = sql_text(sql_file, error);
    if (text == NULL)
        return FALSE;
    int code = sqlite3_exec(database->handle, text, NULL, NULL, NULL);
    return code == SQLITE_OK || database_fail(database, code, sql_file, error);
}

gboolean database_load_file(Database *database, const char *sql_file, GError **error)
{
    const char *text = sql_text(sql_file, error);
    if (text == NULL)
        return FALSE;
    /* Before the first mark is the file's heading. */
    for (const char *mark = strstr(text, NAME_MARK); mark != NULL; mark = strstr(mark, NAME_MARK)) {
        mark += strlen(NAME_MARK);
        const char *line_end = strchr(mark, '\n');
        /* The text is not copied: SQLite reads up to the semicolon, so that what follows in the file does no harm. */
        if (!g_hash_table_insert(database->texts, g_strndup(mark, (gsize)(line_end - mark)),
                                 (gpointer)line_end))
            return error_set(error, APPCENTER_ERROR_INTERNAL, "%s: two statements of the name %.*s",
                             database->file, (int)(line_end - mark), mark);
    }
    return TRUE;
}

sqlite3_stmt *database_statement(Database *database, const char *name, GError **error)
{
    sqlite3_stmt *statement = g_hash_table_lookup(database->statements, name);
    const char *text = statement == NULL ? g_hash_table_lookup(database->texts, name) : NULL;
    if (statement != NULL)
        return statement;
    if (text == NULL) {
        error_set(error, APPCENTER_ERROR_INTERNAL, "%s: no statement of the name %s", database->file, name);
        return NULL;
    }
    int code = sqlite3_prepare_v3(database->handle, text, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
    if (code != SQLITE_OK) {
        database_fail(database, code, name, error);
        return NULL;
    }
    g_hash_table_insert(database->statements, g_strdup(name), statement);
    return statement;
}

gboolean database_prepare_all(Database *database, GError **error)
{
    GHashTableIter iter;
    gpointer name;
    g_hash_table_iter_init(&iter, database->texts);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        if (database_statement(database, name, error) == NULL)
            return FALSE;
    return TRUE;
}

static void finalize(gpointer statement)
{
    sqlite3_finalize(statement);
}

gboolean database_open(Database *database, int dir_fd, const char *dir, const char *file, GError **error)
{
    database->dir = dir;
    database->file = file;
    database->texts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    database->statements = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, finalize);
    database->ballast_dir_fd = -1;
    g_autofree char *path = g_strdup(":memory:");
    if (dir_fd >= 0) {
        /* Made by us and not by SQLite: nobody else's to read. */
        g_auto(Fd) fd = openat(dir_fd, file, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
            return error_set_errno(error, "open %s", file);
        g_free(path);
        path = g_strdup_printf("/proc/self/fd/%d/%s", dir_fd, file);
    }
    int code = sqlite3_open_v2(path, &database->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_EXRESCODE, NULL);
    if (code != SQLITE_OK)
        return database_fail(database, code, "open", error);
    sqlite3_busy_timeout(database->handle, BUSY_TIMEOUT_MS);
    sqlite3_db_config(database->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    return database_run_file(database, "connection.sql", error) &&
           database_load_file(database, "pragma.sql", error);
}

void database_close(Database *database)
{
    g_clear_pointer(&database->statements, g_hash_table_unref);
    g_clear_pointer(&database->texts, g_hash_table_unref);
    sqlite3_close(database->handle);
    database->handle = NULL;
}

/* Statement is journal_mode or journal_mode_wal: is the file in WAL mode (afterwards)? */
static gboolean is_wal(Database *database, const char *statement, GError **error)
{
    g_auto(Query) query = query_open(database, statement);
    g_autofree char *mode = query_next(&query) ? query_text(&query) : NULL;
    return query_finish(&query, error) && g_strcmp0(mode, "wal") == 0;
}

gboolean database_use_wal(Database *database, GError **error)
{
    for (guint i = 0; i < WAL_TRIES; i++) {
        g_autoptr(GError) failure = NULL;
        if (is_wal(database, "journal_mode", &failure) ||
            (failure == NULL && is_wal(database, "journal_mode_wal", &failure)))
            return TRUE;
        /* A file system without shared memory keeps a rollback journal, which is as safe. */
        if (failure == NULL)
            return TRUE;
        /* SQLite does not wait for the lock that changes the mode. */
        if (!g_error_matches(failure, APPCENTER_ERROR, APPCENTER_ERROR_BUSY) || i + 1 == WAL_TRIES) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
        g_usleep(WAL_TRY_PAUSE_US);
    }
    return TRUE;
}

gboolean database_ask_integer(Database *database, const char *statement, gint64 *answer, GError **error)
{
    g_auto(Query) query = query_open(database, statement);
    *answer = query_next(&query) ? query_integer(&query) : 0;
    return query_finish(&query, error);
}

gboolean database_run(Database *database, const char *statement, GError **error)
{
    g_auto(Query) query = query_open(database, statement);
    return query_run(&query, error);
}

gboolean database_in_transaction(const Database *database)
{
    return database->handle != NULL && !sqlite3_get_autocommit(database->handle);
}

void database_rollback(Database *database)
{
    g_autoptr(GError) error = NULL;
    if (database_in_transaction(database) && !database_run(database, "rollback", &error))
        log_debug("store", "rollback: %s", error->message);
}
