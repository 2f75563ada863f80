/* lines.c - events as JSON lines on a pipe, each in one write so that a reader (and a fault test) never sees half a one. */
#include "job/job.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define BYTES_EVERY_US (G_USEC_PER_SEC / 10)

void job_lines_clear(JobLines *lines)
{
    g_clear_pointer(&lines->bytes_app, g_free);
    g_clear_pointer(&lines->bytes_step, g_free);
}

/* A pipe takes a line whole; only a signal or a file can cut it, and then the rest follows. */
static gboolean write_all(int fd, const char *text, gsize len)
{
    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return FALSE;
        text += n;
        len -= (gsize)n;
    }
    return TRUE;
}

/* A pipe's writing end tells that the reading one is gone. */
gboolean job_lines_are_heard(const JobLines *lines)
{
    struct pollfd end = {.fd = lines->fd, .events = POLLOUT};
    return !lines->is_broken && !(poll(&end, 1, 0) == 1 && (end.revents & POLLERR));
}

void job_lines_write(JobLines *lines, json_t *object)
{
    g_autoptr(json_t) taken = object;
    if (lines->is_broken)
        return;
    g_autofree char *text = json_to_text(taken);
    g_autofree char *line = g_strconcat(text, "\n", NULL);
    if (write_all(lines->fd, line, strlen(line)))
        return;
    lines->is_broken = TRUE;
    log_warning("job", "nobody hears the progress any more: %s", g_strerror(errno));
}

static void set_text(json_t *object, const char *member, const char *text)
{
    json_object_set_new(object, member, text ? json_string(text) : json_null());
}

static json_t *step_line(const EngineEvent *event)
{
    json_t *line = json_object();
    set_text(line, "event", "step");
    set_text(line, "app", event->app);
    set_text(line, "step", event->step);
    set_text(line, "words", event->words);
    set_text(line, "phase", event->is_undo ? "undo" : "do");
    set_text(line, "when", event->is_end ? "end" : "begin");
    json_object_set_new(line, "transaction", json_integer(event->txn_id));
    return line;
}

/* Not more than ten a second of the same work; its last one always. */
static gboolean is_too_soon(JobLines *lines, const EngineEvent *event)
{
    gint64 now_us = g_get_monotonic_time();
    gboolean is_same =
        g_strcmp0(lines->bytes_app, event->app) == 0 && g_strcmp0(lines->bytes_step, event->step) == 0;
    gboolean is_last = event->done_bytes >= event->total_bytes;
    if (is_same && !is_last && now_us - lines->bytes_at_us < BYTES_EVERY_US)
        return TRUE;
    job_lines_clear(lines);
    lines->bytes_app = g_strdup(event->app);
    lines->bytes_step = g_strdup(event->step);
    lines->bytes_at_us = now_us;
    return FALSE;
}

static json_t *bytes_line(const EngineEvent *event)
{
    json_t *line = json_object();
    set_text(line, "event", "bytes");
    set_text(line, "app", event->app);
    set_text(line, "step", event->step);
    set_text(line, "words", event->words);
    json_object_set_new(line, "done", json_integer(event->done_bytes));
    json_object_set_new(line, "total", json_integer(event->total_bytes));
    return line;
}

static json_t *note_line(const EngineEvent *event)
{
    json_t *line = json_object();
    set_text(line, "event", "note");
    set_text(line, "text", event->text);
    return line;
}

static json_t *transaction_line(const EngineEvent *event)
{
    json_t *line = json_object();
    set_text(line, "event", "transaction");
    json_object_set_new(line, "transaction", json_integer(event->txn_id));
    set_text(line, "result", event->text);
    return line;
}

void job_lines_on_event(const EngineEvent *event, gpointer lines)
{
    switch (event->kind) {
    case ENGINE_EVENT_STEP:
        job_lines_write(lines, step_line(event));
        break;
    case ENGINE_EVENT_BYTES:
        if (!is_too_soon(lines, event))
            job_lines_write(lines, bytes_line(event));
        break;
    case ENGINE_EVENT_NOTE:
        job_lines_write(lines, note_line(event));
        break;
    case ENGINE_EVENT_TRANSACTION:
        job_lines_write(lines, transaction_line(event));
        break;
    }
}
