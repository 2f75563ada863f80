/* store_notices.c - what people are told. Hides how "once" is kept: a key for each thing, which outlives the telling. */
#include "ports/store_internal.h"

void store_notice_free(StoreNotice *notice)
{
    if (notice == NULL)
        return;
    g_free(notice->event);
    g_free(notice->json_text);
    g_free(notice);
}

gboolean store_notice_is_known(Store *store, const char *key)
{
    g_autoptr(GError) error = NULL;
    g_auto(Query) query = query_open(&store->state, "notice_get");
    query_bind_text(&query, ":key", key);
    gboolean is_known = query_next(&query);
    if (query_finish(&query, &error))
        return is_known;
    log_error("store", "notice %s: %s", key, error->message);
    return TRUE; /* better never than without end */
}

gboolean store_notice_add(Store *store, const char *key, const char *event, gint64 at, const char *json_text,
                          gboolean is_told, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "notice_add");
    query_bind_text(&query, ":key", key);
    query_bind_text(&query, ":event", event);
    query_bind_integer(&query, ":at", at);
    query_bind_text(&query, ":json_text", json_text);
    query_bind_boolean(&query, ":is_told", is_told);
    return query_run(&query, error);
}

StoreNotice *store_notice_waiting(Store *store, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "notice_waiting");
    g_autoptr(StoreNotice) notice = NULL;
    if (query_next(&query)) {
        notice = g_new0(StoreNotice, 1);
        notice->id = query_integer(&query);
        notice->event = query_text(&query);
        notice->at = query_integer(&query);
        notice->json_text = query_text(&query);
    }
    return query_finish(&query, error) ? g_steal_pointer(&notice) : NULL;
}

gboolean store_notice_told(Store *store, gint64 id, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "notice_told");
    query_bind_integer(&query, ":id", id);
    return query_run(&query, error);
}

gboolean store_notices_trim(Store *store, gint64 before, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "notice_trim");
    query_bind_integer(&query, ":before", before);
    return query_run(&query, error);
}

GArray *store_notice_new_ids(Store *store, StoreNoticeSource source, gint64 since, gsize max, GError **error)
{
    g_auto(Query) query = query_open(
        &store->state, source == STORE_NOTICE_TRANSACTIONS ? "notice_new_transactions" : "notice_new_jobs");
    query_bind_integer(&query, ":since", since);
    query_bind_integer(&query, ":max", (gint64)max);
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(gint64));
    while (query_next(&query)) {
        gint64 id = query_integer(&query);
        g_array_append_val(ids, id);
    }
    return query_finish(&query, error) ? g_steal_pointer(&ids) : NULL;
}
