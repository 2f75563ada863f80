/* store.c - opens all state, migrates it, and holds its transactions, backups and small named values.
 *
 * Hides where the files lie, the order in which a database is judged (ours? whole? of which schema?) and that several
 * statements become one transaction or one savepoint.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ports/store_internal.h"

#define STATE_APPLICATION_ID 0x41504354
#define TIME_FLOOR_KEY       "time_floor"

/* Schema N is made from schema N-1 by the N-th file; append only. */
static const char *const migrations[] = {"0001_state.sql", "0002_snapshot.sql", "0003_notice.sql"};

static const char *const statement_files[] = {"store.sql",    "meta.sql",  "repository.sql", "app.sql",
                                              "txn.sql",      "hold.sql",  "offer.sql",      "job.sql",
                                              "snapshot.sql", "notice.sql"};

static gboolean check_identity(Database *state, GError **error)
{
    gint64 application_id = 0, version = 0;
    /* In this order: another process may be making the database, and both come with one commit. Whoever sees its schema
     * sees its id after that; the other way round a good file could look like a stranger's. */
    if (!database_ask_integer(state, "user_version", &version, error) ||
        !database_ask_integer(state, "application_id", &application_id, error))
        return FALSE;
    if (application_id != STATE_APPLICATION_ID && (application_id != 0 || version != 0))
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "%s: wanted a database of application id %#x, found %#" G_GINT64_MODIFIER "x",
                         state->file, STATE_APPLICATION_ID, application_id);
    if (version < 0 || version > (gint64)G_N_ELEMENTS(migrations))
        return error_set(error, APPCENTER_ERROR_REFUSED, /* no damage: it must not be replaced */
                         "%s: wanted a schema up to %u, found %" G_GINT64_FORMAT
                         " (made by a newer program?)",
                         state->file, (guint)G_N_ELEMENTS(migrations), version);
    return TRUE;
}

static gboolean check_wholeness(Database *state, GError **error)
{
    g_auto(Query) query = query_open(state, "quick_check");
    g_autofree char *answer = query_next(&query) ? query_text(&query) : NULL;
    if (!query_finish(&query, error))
        return FALSE;
    if (g_strcmp0(answer, "ok") != 0)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "%s: %s", state->file,
                         answer != NULL ? answer : "no answer");
    return TRUE;
}

/* Asks for the version again under the write lock: another process may have migrated meanwhile. */
static gboolean migrate_locked(Database *state, GError **error)
{
    gint64 version = 0;
    if (!database_ask_integer(state, "user_version", &version, error))
        return FALSE;
    for (gint64 i = version; i < (gint64)G_N_ELEMENTS(migrations); i++)
        if (!database_run_file(state, migrations[i], error))
            return FALSE;
    if (!database_ask_integer(state, "user_version", &version, error))
        return FALSE;
    if (version != (gint64)G_N_ELEMENTS(migrations))
        return error_set(error, APPCENTER_ERROR_INTERNAL, "%s: migrations end at schema %" G_GINT64_FORMAT,
                         state->file, version);
    return TRUE;
}

static gboolean migrate(Database *state, GError **error)
{
    gint64 version = 0;
    if (!database_ask_integer(state, "user_version", &version, error))
        return FALSE;
    if (version == (gint64)G_N_ELEMENTS(migrations))
        return TRUE;
    if (!database_run(state, "begin", error))
        return FALSE;
    if (migrate_locked(state, error) && database_run(state, "commit", error))
        return TRUE;
    database_rollback(state);
    g_prefix_error(error, "migrate from schema %" G_GINT64_FORMAT ": ", version);
    return FALSE;
}

static gboolean open_state(Store *store, GError **error)
{
    Database *state = &store->state;
    if (!database_open(state, store->state_dir_fd, STORE_STATE_DIR, STORE_STATE_FILE, error))
        return FALSE;
    state->ballast_dir_fd = store->state_dir_fd;
    if (!check_identity(state, error) || !check_wholeness(state, error) || !database_use_wal(state, error) ||
        !migrate(state, error))
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(statement_files); i++)
        if (!database_load_file(state, statement_files[i], error))
            return FALSE;
    return TRUE;
}

/* What lies in it is root's alone; the directories above are everybody's. */
static int open_dir(const RootDir *root, const char *path, GError **error)
{
    g_autofree char *above = g_path_get_dirname(path);
    if (!root_dir_make_dirs(root, above, 0755, error) || !root_dir_make_dirs(root, path, 0700, error))
        return -1;
    return root_dir_openat(root, path, O_RDONLY | O_DIRECTORY, 0, error);
}

Store *store_open(const RootDir *root, GError **error)
{
    g_autoptr(Store) store = g_new0(Store, 1);
    store->state_dir_fd = store->cache_dir_fd = -1;
    store->state_dir_fd = open_dir(root, STORE_STATE_DIR, error);
    if (store->state_dir_fd < 0)
        return NULL;
    ballast_drop_if_low(store->state_dir_fd);
    if (!open_state(store, error)) {
        g_prefix_error(error, "%s: ", STORE_STATE_DIR);
        return NULL;
    }
    g_autoptr(GError) no_cache = NULL;
    store->cache_dir_fd = open_dir(root, STORE_CACHE_DIR, &no_cache);
    if (store->cache_dir_fd < 0)
        log_warning("store", "%s: %s", STORE_CACHE_DIR, no_cache->message);
    store_catalogue_open(store);
    ballast_make(store->state_dir_fd);
    return g_steal_pointer(&store);
}

void store_close(Store *store)
{
    if (store == NULL)
        return;
    database_close(&store->catalogue);
    database_close(&store->state);
    fd_close(store->state_dir_fd);
    fd_close(store->cache_dir_fd);
    g_free(store);
}

void store_shrink(Store *store)
{
    if (store->state.handle != NULL)
        sqlite3_db_release_memory(store->state.handle);
    if (store->catalogue.handle != NULL)
        sqlite3_db_release_memory(store->catalogue.handle);
}

gint64 store_room_bytes(const Store *store)
{
    return ballast_room_bytes(store->state_dir_fd);
}

gboolean store_begin(Store *store, GError **error)
{
    ballast_drop_if_low(store->state_dir_fd);
    return database_run(&store->state, "begin", error);
}

gboolean store_commit(Store *store, GError **error)
{
    if (!database_in_transaction(&store->state))
        return error_set(error, APPCENTER_ERROR_IO, "%s: commit: the transaction has ended already",
                         store->state.file);
    return database_run(&store->state, "commit", error);
}

void store_rollback(Store *store)
{
    database_rollback(&store->state);
}

gboolean store_scope_enter(StoreScope *scope, Store *store, GError **error)
{
    scope->is_savepoint = database_in_transaction(&store->state);
    if (scope->is_savepoint ? !database_run(&store->state, "savepoint", error) : !store_begin(store, error))
        return FALSE;
    scope->store = store;
    return TRUE;
}

gboolean store_scope_leave(StoreScope *scope, GError **error)
{
    if (!database_run(&scope->store->state, scope->is_savepoint ? "savepoint_release" : "commit", error))
        return FALSE;
    scope->store = NULL;
    return TRUE;
}

void store_scope_clear(StoreScope *scope)
{
    Store *store = g_steal_pointer(&scope->store);
    if (store == NULL)
        return;
    if (!scope->is_savepoint) {
        store_rollback(store);
        return;
    }
    g_autoptr(GError) error = NULL;
    if (database_in_transaction(&store->state) &&
        (!database_run(&store->state, "savepoint_rollback", &error) ||
         !database_run(&store->state, "savepoint_release", &error)))
        log_debug("store", "rollback of a part: %s", error->message);
}

/* VACUUM INTO fills an empty file (made by us: nobody else's to read) and leaves it unsynced; only a synced one may take
 * the older backup's place. */
static gboolean write_backup(Store *store, const char *name, GError **error)
{
    int dir_fd = store->state_dir_fd;
    unlinkat(dir_fd, name, 0);
    g_auto(Fd) fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set_errno(error, "create %s", name);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d/%s", dir_fd, name);
    g_auto(Query) query = query_open(&store->state, "backup");
    query_bind_text(&query, ":path", path);
    return query_run(&query, error) && files_fsync(fd, name, error);
}

gboolean store_backup(Store *store, GError **error)
{
    const char *fresh = STORE_STATE_FILE ".bak.new", *newest = STORE_STATE_FILE ".bak1",
               *older = STORE_STATE_FILE ".bak2";
    int dir_fd = store->state_dir_fd;
    if (!write_backup(store, fresh, error)) {
        unlinkat(dir_fd, fresh, 0);
        return FALSE;
    }
    if (renameat(dir_fd, newest, dir_fd, older) != 0 && errno != ENOENT)
        return error_set_errno(error, "rename %s to %s", newest, older);
    if (renameat(dir_fd, fresh, dir_fd, newest) != 0)
        return error_set_errno(error, "rename %s to %s", fresh, newest);
    return files_fsync(dir_fd, STORE_STATE_DIR, error);
}

char *store_meta_get(Store *store, const char *key, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "meta_get");
    query_bind_text(&query, ":key", key);
    g_autofree char *value = query_next(&query) ? query_text(&query) : NULL;
    return query_finish(&query, error) ? g_steal_pointer(&value) : NULL;
}

gboolean store_meta_set(Store *store, const char *key, const char *value, GError **error)
{
    if (strcmp(key, TIME_FLOOR_KEY) == 0)
        return error_set(error, APPCENTER_ERROR_INVALID, "the time floor can only be raised");
    g_auto(Query) query = query_open(&store->state, "meta_set");
    query_bind_text(&query, ":key", key);
    query_bind_text(&query, ":value", value);
    return query_run(&query, error);
}

gint64 store_time_floor(Store *store)
{
    gint64 at = 0;
    g_autoptr(GError) error = NULL;
    if (!database_ask_integer(&store->state, "time_floor_get", &at, &error))
        log_warning("store", "time floor: %s", error->message);
    return at;
}

gboolean store_raise_time_floor(Store *store, gint64 at, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "time_floor_raise");
    query_bind_integer(&query, ":at", at);
    return query_run(&query, error);
}
