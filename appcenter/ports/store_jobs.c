/* store_jobs.c - jobs and the event stream. Hides how idempotency keys find the old job and how the records are trimmed. */
#include "ports/store_internal.h"

void store_job_free(StoreJob *job)
{
    if (job == NULL)
        return;
    g_free(job->action);
    g_free(job->request_json);
    g_free(job->state);
    g_free(job->result_json);
    g_free(job->idempotency_key);
    g_free(job);
}

static gpointer row_job(Query *query)
{
    StoreJob *job = g_new0(StoreJob, 1);
    job->id = query_integer(query);
    job->action = query_text(query);
    job->request_json = query_text(query);
    job->state = query_text(query);
    job->result_json = query_text(query);
    job->idempotency_key = query_text(query);
    job->uid = query_integer(query);
    job->created_at = query_integer(query);
    job->started_at = query_integer(query);
    job->finished_at = query_integer(query);
    return job;
}

/* The job that this uid has already asked for with this key; 0: none. */
static gboolean find_by_key(Store *store, const StoreJob *job, gint64 *id, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "job_by_key");
    query_bind_integer(&query, ":uid", job->uid);
    query_bind_text(&query, ":idempotency_key", job->idempotency_key);
    *id = query_next(&query) ? query_integer(&query) : 0;
    return query_finish(&query, error);
}

static gboolean insert_job(Store *store, StoreJob *job, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "job_add");
    query_bind_text(&query, ":action", job->action);
    query_bind_text(&query, ":request_json", job->request_json);
    query_bind_text(&query, ":state", job->state);
    query_bind_text(&query, ":result_json", job->result_json);
    query_bind_text(&query, ":idempotency_key", job->idempotency_key);
    query_bind_integer(&query, ":uid", job->uid);
    query_bind_integer(&query, ":created_at", job->created_at);
    query_bind_integer(&query, ":started_at", job->started_at);
    query_bind_integer(&query, ":finished_at", job->finished_at);
    if (!query_run(&query, error))
        return FALSE;
    job->id = sqlite3_last_insert_rowid(store->state.handle);
    g_auto(Query) trim = query_open(&store->state, "job_trim");
    query_bind_integer(&trim, ":id", job->id);
    return query_run(&trim, error);
}

gboolean store_job_add(Store *store, StoreJob *job, gboolean *is_old, GError **error)
{
    gint64 old_id = 0;
    g_auto(StoreScope) scope = {0};
    if (!store_scope_enter(&scope, store, error) || !find_by_key(store, job, &old_id, error))
        return FALSE;
    if (is_old != NULL)
        *is_old = old_id != 0;
    if (old_id != 0)
        job->id = old_id;
    else if (!insert_job(store, job, error))
        return FALSE;
    return store_scope_leave(&scope, error);
}

gboolean store_job_set(Store *store, gint64 id, const char *state, const char *result_json, gint64 at,
                       GError **error)
{
    g_auto(Query) query = query_open(&store->state, "job_set");
    query_bind_integer(&query, ":id", id);
    query_bind_text(&query, ":state", state);
    query_bind_text(&query, ":result_json", result_json);
    query_bind_integer(&query, ":at", at);
    return query_run_on_row(&query, error, "no job %" G_GINT64_FORMAT, id);
}

StoreJob *store_job_get(Store *store, gint64 id, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "job_get");
    query_bind_integer(&query, ":id", id);
    g_autoptr(StoreJob) job = query_next(&query) ? row_job(&query) : NULL;
    if (!query_finish(&query, error))
        return NULL;
    if (job == NULL)
        error_set(error, APPCENTER_ERROR_NOT_FOUND, "no job %" G_GINT64_FORMAT, id);
    return g_steal_pointer(&job);
}

GPtrArray *store_jobs(Store *store, const char *state, gsize max, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "job_list");
    query_bind_text(&query, ":state", state);
    query_bind_integer(&query, ":max", (gint64)MIN(max, G_MAXINT32));
    return query_rows(&query, row_job, (GDestroyNotify)store_job_free, error);
}

GPtrArray *store_jobs_untold(Store *store, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "job_untold");
    return query_rows(&query, row_job, (GDestroyNotify)store_job_free, error);
}

void store_event_free(StoreEvent *event)
{
    if (event == NULL)
        return;
    g_free(event->json_text);
    g_free(event);
}

static gpointer row_event(Query *query)
{
    StoreEvent *event = g_new0(StoreEvent, 1);
    event->id = query_integer(query);
    event->at = query_integer(query);
    event->json_text = query_text(query);
    return event;
}

gint64 store_event_add(Store *store, gint64 at, const char *json_text, GError **error)
{
    g_auto(StoreScope) scope = {0};
    if (!store_scope_enter(&scope, store, error))
        return 0;
    g_auto(Query) query = query_open(&store->state, "event_add");
    query_bind_integer(&query, ":at", at);
    query_bind_text(&query, ":json_text", json_text);
    if (!query_run(&query, error))
        return 0;
    gint64 id = sqlite3_last_insert_rowid(store->state.handle);
    g_auto(Query) trim = query_open(&store->state, "event_trim");
    query_bind_integer(&trim, ":id", id);
    return query_run(&trim, error) && store_scope_leave(&scope, error) ? id : 0;
}

GPtrArray *store_events_after(Store *store, gint64 id, gsize max, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "event_after");
    query_bind_integer(&query, ":id", id);
    query_bind_integer(&query, ":max", (gint64)MIN(max, G_MAXINT32));
    return query_rows(&query, row_event, (GDestroyNotify)store_event_free, error);
}
