/* events.c - the streams; see events.h. Lifecycle of a stream: made by events_open, read by MHD through
 * read_stream (which suspends the connection when nothing waits), ended by MHD through free_stream. */
#include "daemon/events.h"

#include <string.h>

#define EVENTS_MAX_WAITING_BYTES (256 * 1024)
#define EVENTS_HEARTBEAT_S       15
#define EVENTS_MAX_REPLAY        10000

typedef struct {
    Events *events;
    struct MHD_Connection *connection;
    uid_t uid;
    gint64 job_id;
    GString *waiting;
    gboolean is_suspended;
    gboolean is_over; /* ends when what waits is sent */
} Stream;

struct Events {
    Store *store;
    GPtrArray *streams; /* Stream*, owned by MHD's responses */
    guint heartbeat_source;
    gboolean is_ending;
    void (*after_resume)(gpointer user_data);
    gpointer user_data;
};

static void resume(Stream *stream)
{
    if (!stream->is_suspended)
        return;
    stream->is_suspended = FALSE;
    MHD_resume_connection(stream->connection);
}

static void push_text(Stream *stream, const char *text)
{
    if (stream->is_over)
        return;
    if (stream->waiting->len + strlen(text) > EVENTS_MAX_WAITING_BYTES)
        stream->is_over = TRUE; /* it does not read; it can come again with Last-Event-ID */
    else
        g_string_append(stream->waiting, text);
    resume(stream);
}

static void push_event(Stream *stream, gint64 id, const char *text)
{
    g_autofree char *id_line = id ? g_strdup_printf("id: %" G_GINT64_FORMAT "\n", id) : g_strdup("");
    g_autofree char *block = g_strdup_printf("%sdata: %s\n\n", id_line, text);
    push_text(stream, block);
}

static gboolean on_heartbeat(gpointer user_data)
{
    Events *events = user_data;
    for (guint i = 0; i < events->streams->len; i++)
        push_text(events->streams->pdata[i], ":\n\n");
    events->after_resume(events->user_data);
    return G_SOURCE_CONTINUE;
}

Events *events_new(Store *store, void (*after_resume)(gpointer user_data), gpointer user_data)
{
    Events *events = g_new0(Events, 1);
    events->store = store;
    events->streams = g_ptr_array_new();
    events->after_resume = after_resume;
    events->user_data = user_data;
    return events;
}

void events_free(Events *events)
{
    if (!events)
        return;
    if (events->heartbeat_source)
        g_source_remove(events->heartbeat_source);
    g_ptr_array_unref(events->streams);
    g_free(events);
}

void events_end_all(Events *events)
{
    events->is_ending = TRUE;
    for (guint i = 0; i < events->streams->len; i++) {
        Stream *stream = events->streams->pdata[i];
        stream->is_over = TRUE;
        resume(stream);
    }
}

static gboolean is_of_job(json_t *event, gint64 job_id)
{
    return job_id == 0 || json_integer_value(json_object_get(event, "job")) == job_id;
}

static gboolean ends_stream(const Stream *stream, json_t *event)
{
    return stream->job_id != 0 &&
           g_strcmp0(json_string_value(json_object_get(event, "event")), "result") == 0;
}

void events_publish(Events *events, gint64 job_id, json_t *event, gboolean keep)
{
    if (job_id == 0 && events->streams->len == 0)
        return; /* our own polls are nobody's history */
    g_autoptr(GError) error = NULL;
    g_autofree char *text = json_to_text(event);
    gint64 id = 0;
    if (keep && job_id != 0) {
        id = store_event_add(events->store, g_get_real_time() / G_USEC_PER_SEC, text, &error);
        if (!id)
            log_error("events", "%s", error->message);
    }
    for (guint i = 0; i < events->streams->len; i++) {
        Stream *stream = events->streams->pdata[i];
        if (!is_of_job(event, stream->job_id))
            continue;
        push_event(stream, id, text);
        if (ends_stream(stream, event))
            stream->is_over = TRUE;
    }
    events->after_resume(events->user_data);
}

static ssize_t read_stream(void *cls, uint64_t position, char *buffer, size_t max)
{
    (void)position;
    Stream *stream = cls;
    if (stream->waiting->len == 0) {
        if (stream->is_over)
            return MHD_CONTENT_READER_END_OF_STREAM;
        stream->is_suspended = TRUE;
        MHD_suspend_connection(stream->connection);
        return 0;
    }
    gsize n = MIN(max, stream->waiting->len);
    memcpy(buffer, stream->waiting->str, n);
    g_string_erase(stream->waiting, 0, (gssize)n);
    return (ssize_t)n;
}

static void free_stream(void *cls)
{
    Stream *stream = cls;
    Events *events = stream->events;
    g_ptr_array_remove_fast(events->streams, stream);
    if (events->streams->len == 0 && events->heartbeat_source) {
        g_source_remove(events->heartbeat_source);
        events->heartbeat_source = 0;
    }
    g_string_free(stream->waiting, TRUE);
    g_free(stream);
}

/* What a stream has missed: everything kept after last_id that it asks for. */
static void replay(Stream *stream, gint64 last_id)
{
    if (last_id == 0 && stream->job_id == 0)
        return;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) missed =
        store_events_after(stream->events->store, last_id, EVENTS_MAX_REPLAY, &error);
    if (!missed) {
        log_error("events", "%s", error->message);
        return;
    }
    for (guint i = 0; i < missed->len; i++) {
        const StoreEvent *row = missed->pdata[i];
        g_autoptr(json_t) event = json_loads(row->json_text, 0, NULL);
        if (!event || !is_of_job(event, stream->job_id))
            continue;
        push_event(stream, row->id, row->json_text);
        if (ends_stream(stream, event))
            stream->is_over = TRUE;
    }
}

struct MHD_Response *events_open(Events *events, struct MHD_Connection *connection, uid_t uid, gint64 last_id,
                                 gint64 job_id, gboolean is_over)
{
    guint n = 0;
    for (guint i = 0; i < events->streams->len; i++)
        n += ((Stream *)events->streams->pdata[i])->uid == uid;
    if (n >= EVENTS_MAX_PER_UID || events->is_ending)
        return NULL;
    Stream *stream = g_new0(Stream, 1);
    stream->events = events;
    stream->connection = connection;
    stream->uid = uid;
    stream->job_id = job_id;
    stream->waiting = g_string_new(":\n\n");
    g_ptr_array_add(events->streams, stream);
    replay(stream, last_id);
    stream->is_over |= is_over;
    if (!events->heartbeat_source)
        events->heartbeat_source = g_timeout_add_seconds(EVENTS_HEARTBEAT_S, on_heartbeat, events);
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read_stream, stream, free_stream);
}
