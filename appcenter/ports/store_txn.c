/* store_txn.c - transactions, their changes and their journal: what recovery reads after a crash. */
#include "ports/store_internal.h"

static void change_free(gpointer data)
{
    StoreChange *change = data;
    g_free(change->op);
    g_free(change->app);
    g_free(change->from_version);
    g_free(change->to_version);
    g_free(change->reason);
    g_free(change);
}

void store_txn_free(StoreTxn *txn)
{
    if (txn == NULL)
        return;
    g_free(txn->trigger);
    g_free(txn->result);
    g_free(txn->error_code);
    g_free(txn->error);
    g_free(txn->plan_json);
    g_clear_pointer(&txn->changes, g_ptr_array_unref);
    g_free(txn);
}

/* Without its changes, which are another query. */
static gpointer row_txn(Query *query)
{
    StoreTxn *txn = g_new0(StoreTxn, 1);
    txn->id = query_integer(query);
    txn->job_id = query_integer(query);
    txn->trigger = query_text(query);
    txn->result = query_text(query);
    txn->error_code = query_text(query);
    txn->error = query_text(query);
    txn->started_at = query_integer(query);
    txn->finished_at = query_integer(query);
    txn->plan_json = query_text(query);
    return txn;
}

static gpointer row_change(Query *query)
{
    StoreChange *change = g_new0(StoreChange, 1);
    change->op = query_text(query);
    change->app = query_text(query);
    change->from_version = query_text(query);
    change->to_version = query_text(query);
    change->reason = query_text(query);
    return change;
}

static gboolean load_changes(Store *store, StoreTxn *txn, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "change_list");
    query_bind_integer(&query, ":txn_id", txn->id);
    txn->changes = query_rows(&query, row_change, change_free, error);
    return txn->changes != NULL;
}

/* Takes the rows (NULL: already failed) and gives them back with their changes. */
static GPtrArray *with_changes(Store *store, GPtrArray *rows, GError **error)
{
    g_autoptr(GPtrArray) txns = rows;
    for (guint i = 0; txns != NULL && i < txns->len; i++)
        if (!load_changes(store, g_ptr_array_index(txns, i), error))
            return NULL;
    return g_steal_pointer(&txns);
}

static gboolean add_change(Store *store, gint64 txn_id, guint ordinal, const StoreChange *change,
                           GError **error)
{
    g_auto(Query) query = query_open(&store->state, "change_add");
    query_bind_integer(&query, ":txn_id", txn_id);
    query_bind_integer(&query, ":ordinal", ordinal);
    query_bind_text(&query, ":op", change->op);
    query_bind_text(&query, ":app", change->app);
    query_bind_text(&query, ":from_version", change->from_version);
    query_bind_text(&query, ":to_version", change->to_version);
    query_bind_text(&query, ":reason", change->reason);
    return query_run(&query, error);
}

gboolean store_txn_start(Store *store, StoreTxn *txn, GError **error)
{
    g_auto(StoreScope) scope = {0};
    if (!store_scope_enter(&scope, store, error))
        return FALSE;
    g_auto(Query) query = query_open(&store->state, "txn_start");
    query_bind_integer(&query, ":job_id", txn->job_id);
    query_bind_text(&query, ":trigger", txn->trigger);
    query_bind_integer(&query, ":started_at", txn->started_at);
    query_bind_text(&query, ":plan_json", txn->plan_json);
    if (!query_run(&query, error))
        return FALSE;
    txn->id = sqlite3_last_insert_rowid(store->state.handle);
    for (guint i = 0; txn->changes != NULL && i < txn->changes->len; i++)
        if (!add_change(store, txn->id, i, g_ptr_array_index(txn->changes, i), error))
            return FALSE;
    return store_scope_leave(&scope, error);
}

gboolean store_txn_finish(Store *store, gint64 id, const char *result, const char *error_code,
                          const char *error_text, gint64 at, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "txn_finish");
    query_bind_integer(&query, ":id", id);
    query_bind_text(&query, ":result", result);
    query_bind_text(&query, ":error_code", error_code);
    query_bind_text(&query, ":error", error_text);
    query_bind_integer(&query, ":at", at);
    return query_run_on_row(&query, error, "no transaction %" G_GINT64_FORMAT, id);
}

GPtrArray *store_txn_open_list(Store *store, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "txn_open_list");
    return with_changes(store, query_rows(&query, row_txn, (GDestroyNotify)store_txn_free, error), error);
}

GPtrArray *store_txn_list(Store *store, gsize max, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "txn_list");
    query_bind_integer(&query, ":max", (gint64)MIN(max, G_MAXINT32));
    return with_changes(store, query_rows(&query, row_txn, (GDestroyNotify)store_txn_free, error), error);
}

StoreTxn *store_txn_get(Store *store, gint64 id, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "txn_get");
    query_bind_integer(&query, ":id", id);
    g_autoptr(StoreTxn) txn = query_next(&query) ? row_txn(&query) : NULL;
    if (!query_finish(&query, error))
        return NULL;
    if (txn == NULL) {
        error_set(error, APPCENTER_ERROR_NOT_FOUND, "no transaction %" G_GINT64_FORMAT, id);
        return NULL;
    }
    return load_changes(store, txn, error) ? g_steal_pointer(&txn) : NULL;
}

gboolean store_txn_mark_committed(Store *store, gint64 id, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "txn_mark_committed");
    query_bind_integer(&query, ":id", id);
    return query_run_on_row(&query, error, "no transaction %" G_GINT64_FORMAT, id);
}

gboolean store_txn_is_committed(Store *store, gint64 id)
{
    g_autoptr(GError) error = NULL;
    g_auto(Query) query = query_open(&store->state, "txn_is_committed");
    query_bind_integer(&query, ":id", id);
    gboolean is_committed = query_next(&query) && query_boolean(&query);
    if (!query_finish(&query, &error))
        log_error("store", "transaction %" G_GINT64_FORMAT ": %s", id, error->message);
    return is_committed;
}

void store_journal_free(StoreJournal *row)
{
    if (row == NULL)
        return;
    g_free(row->app);
    g_free(row->step);
    g_free(row->state);
    g_free(row->data);
    g_free(row);
}

static gpointer row_journal(Query *query)
{
    StoreJournal *row = g_new0(StoreJournal, 1);
    row->txn_id = query_integer(query);
    row->app = query_text(query);
    row->step = query_text(query);
    row->state = query_text(query);
    row->data = query_text(query);
    return row;
}

gboolean store_journal_put(Store *store, gint64 txn_id, const char *app, const char *step, const char *state,
                           const char *data, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "journal_put");
    query_bind_integer(&query, ":txn_id", txn_id);
    query_bind_text(&query, ":app", app);
    query_bind_text(&query, ":step", step);
    query_bind_text(&query, ":state", state);
    query_bind_text(&query, ":data", data);
    return query_run(&query, error);
}

GPtrArray *store_journal(Store *store, gint64 txn_id, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "journal_list");
    query_bind_integer(&query, ":txn_id", txn_id);
    return query_rows(&query, row_journal, (GDestroyNotify)store_journal_free, error);
}
