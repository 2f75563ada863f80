/* store_snapshots.c - which snapshots of users' content there are, of what, since when. */
#include "ports/store_internal.h"

void store_snapshot_free(StoreSnapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    g_free(snapshot->app);
    g_free(snapshot->version);
    g_free(snapshot->tree);
    g_free(snapshot);
}

static gpointer row_snapshot(Query *query)
{
    StoreSnapshot *snapshot = g_new0(StoreSnapshot, 1);
    snapshot->id = query_integer(query);
    snapshot->app = query_text(query);
    snapshot->version = query_text(query);
    snapshot->tree = query_text(query);
    snapshot->txn_id = query_integer(query);
    snapshot->made_at = query_integer(query);
    snapshot->size_bytes = query_integer(query);
    snapshot->files = query_integer(query);
    snapshot->is_shared = query_boolean(query);
    snapshot->is_whole = query_boolean(query);
    return snapshot;
}

gboolean store_snapshot_add(Store *store, StoreSnapshot *snapshot, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "snapshot_add");
    query_bind_text(&query, ":app", snapshot->app);
    query_bind_text(&query, ":version", snapshot->version);
    query_bind_text(&query, ":tree", snapshot->tree);
    query_bind_integer(&query, ":txn_id", snapshot->txn_id);
    query_bind_integer(&query, ":made_at", snapshot->made_at);
    query_bind_integer(&query, ":size_bytes", snapshot->size_bytes);
    query_bind_integer(&query, ":files", snapshot->files);
    query_bind_boolean(&query, ":is_shared", snapshot->is_shared);
    query_bind_boolean(&query, ":is_whole", snapshot->is_whole);
    if (!query_run(&query, error))
        return FALSE;
    snapshot->id = sqlite3_last_insert_rowid(store->state.handle);
    return TRUE;
}

GPtrArray *store_snapshots(Store *store, const char *app_or_null, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "snapshot_list");
    query_bind_text(&query, ":app", app_or_null);
    return query_rows(&query, row_snapshot, (GDestroyNotify)store_snapshot_free, error);
}

StoreSnapshot *store_snapshot_get(Store *store, gint64 id, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "snapshot_get");
    query_bind_integer(&query, ":id", id);
    g_autoptr(StoreSnapshot) snapshot = query_next(&query) ? row_snapshot(&query) : NULL;
    if (!query_finish(&query, error))
        return NULL;
    if (snapshot == NULL)
        error_set(error, APPCENTER_ERROR_NOT_FOUND, "no snapshot %" G_GINT64_FORMAT, id);
    return g_steal_pointer(&snapshot);
}

gboolean store_snapshot_remove(Store *store, gint64 id, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "snapshot_remove");
    query_bind_integer(&query, ":id", id);
    return query_run_on_row(&query, error, "no snapshot %" G_GINT64_FORMAT, id);
}
