/* jobs_record.c - see jobs_record.h. Hides the queue of what is still to be written: one entry a job, its newest. */
#include "daemon/jobs_record.h"

#define RETRY_S 5

typedef struct {
    gint64 id;
    char *state;
    char *result_json; /* or NULL */
    gint64 at;
} Entry;

struct JobsRecord {
    Store *store;
    GQueue entries; /* Entry* */
    guint retry_source;
};

static void entry_free(Entry *entry)
{
    g_free(entry->state);
    g_free(entry->result_json);
    g_free(entry);
}

JobsRecord *jobs_record_new(Store *store)
{
    JobsRecord *record = g_new0(JobsRecord, 1);
    record->store = store;
    g_queue_init(&record->entries);
    return record;
}

void jobs_record_free(JobsRecord *record)
{
    if (!record)
        return;
    if (record->retry_source)
        g_source_remove(record->retry_source);
    g_queue_clear_full(&record->entries, (GDestroyNotify)entry_free);
    g_free(record);
}

static GList *find(const JobsRecord *record, gint64 id)
{
    GList *link = record->entries.head;
    while (link && ((Entry *)link->data)->id != id)
        link = link->next;
    return link;
}

/* Oldest first, as far as the disk takes them. */
static gboolean write_entries(gpointer user_data)
{
    JobsRecord *record = user_data;
    for (Entry *entry; (entry = g_queue_peek_head(&record->entries)) != NULL;) {
        g_autoptr(GError) error = NULL;
        gboolean is_written =
            store_job_set(record->store, entry->id, entry->state, entry->result_json, entry->at, &error);
        if (!is_written && error_kind(error) == APPCENTER_ERROR_NO_SPACE)
            return G_SOURCE_CONTINUE;
        if (!is_written)
            log_error("jobs", "job %" G_GINT64_FORMAT ": %s", entry->id, error->message);
        entry_free(g_queue_pop_head(&record->entries));
    }
    record->retry_source = 0;
    return G_SOURCE_REMOVE;
}

void jobs_record_put(JobsRecord *record, gint64 id, const char *state, json_t *result)
{
    GList *older = find(record, id);
    if (older) {
        entry_free(older->data);
        g_queue_delete_link(&record->entries, older);
    }
    Entry *entry = g_new0(Entry, 1);
    entry->id = id;
    entry->state = g_strdup(state);
    entry->result_json = result ? json_to_text(result) : NULL;
    entry->at = g_get_real_time() / G_USEC_PER_SEC;
    g_queue_push_tail(&record->entries, entry);
    if (record->retry_source) /* it was full a moment ago */
        return;
    if (write_entries(record) == G_SOURCE_REMOVE)
        return;
    log_error("jobs", "job %" G_GINT64_FORMAT " is %s; that is recorded when the disk has space again", id,
              state);
    record->retry_source = g_timeout_add_seconds(RETRY_S, write_entries, record);
}

void jobs_record_overlay(const JobsRecord *record, StoreJob *job)
{
    const GList *link = find(record, job->id);
    if (!link)
        return;
    const Entry *entry = link->data;
    g_free(job->state);
    job->state = g_strdup(entry->state);
    g_free(job->result_json);
    job->result_json = g_strdup(entry->result_json);
    if (entry->result_json)
        job->finished_at = entry->at;
}
