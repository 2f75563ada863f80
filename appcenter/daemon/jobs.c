/* jobs.c - the queue, listening to the child, and what becomes of jobs that were lost; see jobs.h. */
#include "daemon/jobs.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/jobs_child.h"
#include "daemon/jobs_limit.h"
#include "daemon/jobs_lost.h"
#include "daemon/jobs_record.h"

#define JOBS_MAX_LINE_BYTES (8 * 1024 * 1024) /* a result line carries a whole plan */
#define JOBS_MAX_WAITING    100
#define JOBS_MAX_RECOVERIES 3 /* in a row that are lost themselves: no endless circle */
#define JOBS_MAX_READS                                                                                       \
    64 /* of 64 kB in a row: more than a pipe holds, and a chatty child does not starve the loop */

typedef struct {
    gint64 id; /* 0: our own */
    char *action;
    json_t *request;
} Job;

/* A recorded job that did not say how it went: it is over when recovery is. */
typedef struct {
    gint64 id;
    json_t *how;
} Lost;

struct Jobs {
    Store *store;
    JobsRecord *record;
    char *root_path;
    char *program;
    JobsListener listener;
    GQueue queue; /* Job* */
    GQueue lost;  /* Lost*, oldest first */
    guint n_lost_recoveries;
    Job *running;
    int pidfd, out_fd;
    guint pidfd_source, out_source;
    gint64 limit_s;
    JobsLimit limit;
    GString *line;
    gboolean line_is_too_long;
    json_t *progress;
    json_t *result;
    gboolean is_stopping, was_cancelled;
};

static void job_free(Job *job)
{
    if (!job)
        return;
    g_free(job->action);
    json_decref(job->request);
    g_free(job);
}

static Job *job_new(gint64 id, const char *action, json_t *request)
{
    Job *job = g_new0(Job, 1);
    job->id = id;
    job->action = g_strdup(action);
    job->request = request ? json_incref(request) : json_object();
    return job;
}

/* In the shape of a child's own result line. */
static json_t *failure_result(AppcenterError kind, const char *message)
{
    return json_pack("{s:i, s:s, s:s, s:[]}", "exit", error_exit_code(kind), "code", error_code_name(kind),
                     "message", message, "transactions");
}

static void record(Jobs *jobs, gint64 id, const char *state, json_t *result)
{
    if (id)
        jobs_record_put(jobs->record, id, state, result);
}

static void emit(Jobs *jobs, gint64 id, json_t *event, gboolean keep)
{
    json_object_set_new(event, "job", json_integer(id));
    jobs->listener.on_event(id, event, keep, jobs->listener.user_data);
}

static void emit_state(Jobs *jobs, gint64 id, const char *state)
{
    if (!id)
        return;
    g_autoptr(json_t) event = json_pack("{s:s, s:s}", "event", "job", "state", state);
    emit(jobs, id, event, TRUE);
}

/* The result event is what a stream of one job ends with. */
static void tell_end(Jobs *jobs, gint64 id, const char *state, json_t *result)
{
    emit_state(jobs, id, state);
    g_autoptr(json_t) event =
        json_pack("{s:s, s:O, s:O, s:O}", "event", "result", "exit", json_object_get(result, "exit"), "code",
                  json_object_get(result, "code"), "message", json_object_get(result, "message"));
    emit(jobs, id, event, TRUE);
}

/* A recorded job is over: kept with its result, then told. */
static void conclude(Jobs *jobs, gint64 id, const char *state, json_t *result)
{
    if (!id)
        return;
    record(jobs, id, state, result);
    tell_end(jobs, id, state, result);
}

/* A child that ended when no daemon was there has recorded how, and nobody has told it. */
static void tell_untold(Jobs *jobs)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) untold = store_jobs_untold(jobs->store, &error);
    for (guint i = 0; untold && i < untold->len; i++) {
        const StoreJob *job = untold->pdata[i];
        g_autoptr(json_t) result = job->result_json ? json_loads(job->result_json, 0, NULL) : NULL;
        if (result)
            tell_end(jobs, job->id, job->state, result);
    }
    if (!untold)
        log_warning("jobs", "what ended meanwhile is not told: %s", error->message);
}

static void lost_free(Lost *lost)
{
    json_decref(lost->how);
    g_free(lost);
}

static void add_lost(Jobs *jobs, gint64 id, json_t *how)
{
    Lost *lost = g_new0(Lost, 1);
    lost->id = id;
    lost->how = json_incref(how);
    g_queue_push_tail(&jobs->lost, lost);
}

/* Recovery has done what it could: now it is known how they ended. */
static void conclude_lost(Jobs *jobs)
{
    Lost *lost;
    while ((lost = g_queue_pop_head(&jobs->lost)) != NULL) {
        const char *state = "failed";
        g_autoptr(json_t) result = jobs_lost_result(jobs->store, lost->id, lost->how, &state);
        conclude(jobs, lost->id, state, result);
        lost_free(lost);
    }
}

static gboolean is_lost(const Jobs *jobs, gint64 id)
{
    for (const GList *link = jobs->lost.head; link; link = link->next)
        if (((const Lost *)link->data)->id == id)
            return TRUE;
    return FALSE;
}

/* Jobs of an earlier daemon: queued ones go on; running ones may still be at it, recovery waits for them. */
static gboolean take_over(Jobs *jobs, GError **error)
{
    g_autoptr(GPtrArray) running = store_jobs(jobs->store, "running", 1000, error);
    if (!running)
        return FALSE;
    g_autoptr(json_t) interrupted =
        failure_result(APPCENTER_ERROR_IO, "interrupted: the daemon ended while it ran");
    for (guint i = running->len; i-- > 0;)
        add_lost(jobs, ((StoreJob *)running->pdata[i])->id, interrupted);
    g_autoptr(GPtrArray) queued = store_jobs(jobs->store, "queued", 1000, error);
    if (!queued)
        return FALSE;
    for (guint i = 0; i < queued->len; i++) { /* newest first: the oldest ends up in front */
        StoreJob *stored = queued->pdata[i];
        g_autoptr(json_t) request = json_loads(stored->request_json, 0, NULL);
        g_queue_push_head(&jobs->queue, job_new(stored->id, stored->action, request));
    }
    return TRUE;
}

Jobs *jobs_new(Store *store, const char *root_path, const JobsListener *listener, GError **error)
{
    g_autoptr(Jobs) jobs = g_new0(Jobs, 1);
    jobs->store = store;
    jobs->record = jobs_record_new(store);
    jobs->root_path = g_strdup(root_path);
    jobs->program = jobs_child_program();
    jobs->listener = *listener;
    jobs->line = g_string_new(NULL);
    jobs->pidfd = jobs->out_fd = -1;
    g_queue_init(&jobs->queue);
    g_queue_init(&jobs->lost);
    if (!take_over(jobs, error))
        return NULL;
    tell_untold(jobs);
    return g_steal_pointer(&jobs);
}

static void clear_source(guint *source)
{
    if (*source)
        g_source_remove(*source);
    *source = 0;
}

/* Ends listening to the child; the child itself is not touched. */
static void drop_child(Jobs *jobs)
{
    clear_source(&jobs->pidfd_source);
    clear_source(&jobs->out_source);
    jobs_limit_clear(&jobs->limit);
    fd_close(jobs->pidfd);
    fd_close(jobs->out_fd);
    jobs->pidfd = jobs->out_fd = -1;
    g_string_truncate(jobs->line, 0);
    g_clear_pointer(&jobs->progress, json_decref);
    g_clear_pointer(&jobs->result, json_decref);
    g_clear_pointer(&jobs->running, job_free);
    jobs->line_is_too_long = jobs->was_cancelled = FALSE;
}

void jobs_free(Jobs *jobs)
{
    if (!jobs)
        return;
    drop_child(jobs);
    g_queue_clear_full(&jobs->queue, (GDestroyNotify)job_free);
    g_queue_clear_full(&jobs->lost, (GDestroyNotify)lost_free);
    jobs_record_free(jobs->record);
    g_string_free(jobs->line, TRUE);
    g_free(jobs->root_path);
    g_free(jobs->program);
    g_free(jobs);
}

/* What a client is shown of a running job; a step without bytes has none done. */
static void take_progress(Jobs *jobs, json_t *event)
{
    static const char *const texts[] = {"app", "step", "words"};
    static const char *const numbers[] = {"done", "total"};
    json_t *progress = json_object();
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        json_t *value = json_object_get(event, texts[i]);
        json_object_set(progress, texts[i], value ? value : json_null());
    }
    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++)
        json_object_set_new(progress, numbers[i],
                            json_integer(json_integer_value(json_object_get(event, numbers[i]))));
    g_clear_pointer(&jobs->progress, json_decref);
    jobs->progress = progress;
}

/* A result that does not say how it went is none: it must not pass for success. */
static gboolean is_result(json_t *event)
{
    return json_is_integer(json_object_get(event, "exit")) &&
           json_is_string(json_object_get(event, "code")) &&
           json_is_string(json_object_get(event, "message"));
}

static void take_event(Jobs *jobs, const char *kind, json_t *event)
{
    gboolean is_bytes = g_str_equal(kind, "bytes");
    if (g_str_equal(kind, "result")) {
        g_clear_pointer(&jobs->result, json_decref);
        if (is_result(event))
            jobs->result = json_incref(event);
        else
            log_warning("jobs", "the job's result lacks exit, code or message");
        return;
    }
    if (is_bytes || g_str_equal(kind, "step"))
        take_progress(jobs, event);
    emit(jobs, jobs->running->id, event, !is_bytes);
}

/* The child's words are our own program's, but it parsed outside bytes: a line that is no JSON object is
 * dropped. */
static void take_line(Jobs *jobs)
{
    g_autoptr(GError) error = NULL;
    if (jobs->line_is_too_long) {
        log_warning("jobs", "the job wrote a line of more than %d bytes, it is dropped", JOBS_MAX_LINE_BYTES);
        return;
    }
    g_autoptr(json_t) event = json_parse_strict(jobs->line->str, jobs->line->len, 64, FALSE, &error);
    const char *kind = event ? json_string_value(json_object_get(event, "event")) : NULL;
    if (kind)
        take_event(jobs, kind, event);
    else
        log_warning("jobs", "the job said something that is no event: %s",
                    error ? error->message : "no \"event\"");
}

static void take_bytes(Jobs *jobs, const char *bytes, gsize len)
{
    while (len > 0) {
        const char *end = memchr(bytes, '\n', len);
        gsize part = end ? (gsize)(end - bytes) : len;
        if (jobs->line->len + part > JOBS_MAX_LINE_BYTES)
            jobs->line_is_too_long = TRUE;
        if (!jobs->line_is_too_long)
            g_string_append_len(jobs->line, bytes, (gssize)part);
        if (end) {
            take_line(jobs);
            g_string_truncate(jobs->line, 0);
            jobs->line_is_too_long = FALSE;
            part++;
        }
        bytes += part;
        len -= part;
    }
}

/* Reads what is there, within reason; FALSE at the end of the pipe. */
static gboolean read_output(Jobs *jobs)
{
    char buffer[65536];
    for (int i = 0; i < JOBS_MAX_READS; i++) {
        ssize_t n = read(jobs->out_fd, buffer, sizeof buffer);
        if (n > 0) {
            jobs_limit_heard(&jobs->limit);
            take_bytes(jobs, buffer, (gsize)n);
        } else if (n == 0) {
            return FALSE;
        } else if (errno != EINTR) {
            return errno == EAGAIN;
        }
    }
    return TRUE;
}

static gboolean on_output(gint fd, GIOCondition condition, gpointer user_data)
{
    (void)fd;
    (void)condition;
    Jobs *jobs = user_data;
    if (read_output(jobs))
        return G_SOURCE_CONTINUE;
    jobs->out_source = 0;
    return G_SOURCE_REMOVE;
}

/* Asked to end before it could listen: nothing was begun. */
static gboolean is_early_cancel(const Jobs *jobs, const siginfo_t *info)
{
    return jobs->was_cancelled && !jobs->limit.reason && info->si_code == CLD_KILLED &&
           info->si_status == SIGTERM;
}

static json_t *lost_result(const Jobs *jobs, const siginfo_t *info)
{
    g_autofree char *how = NULL;
    if (is_early_cancel(jobs, info))
        return failure_result(APPCENTER_ERROR_CANCELLED, "cancelled before it began");
    if (jobs->limit.reason)
        how = g_strdup(jobs->limit.reason);
    else if (info->si_code == CLD_EXITED)
        how = g_strdup_printf("the job ended with code %d before it said how it went", info->si_status);
    else
        how = g_strdup_printf("the job was ended by signal %d before it said how it went", info->si_status);
    log_error("jobs", "%s: %s", jobs->running->action, how);
    return failure_result(APPCENTER_ERROR_INTERNAL, how);
}

static gboolean is_recovery(const Job *job)
{
    return g_str_equal(job->action, "recover");
}

/* Whatever a lost job left half done is undone, and what it stopped is started, before anything else runs. A recovery that
 * is lost itself, or fails, is tried again a few times; then it waits for the next change or start. */
static void queue_recovery(Jobs *jobs, const Job *lost)
{
    if (is_recovery(lost) && ++jobs->n_lost_recoveries >= JOBS_MAX_RECOVERIES)
        return;
    if (!is_recovery(lost) && !g_str_equal(lost->action, "start-apps"))
        g_queue_push_head(&jobs->queue, job_new(0, "start-apps", NULL));
    g_queue_push_head(&jobs->queue, job_new(0, "recover", NULL));
}

static gboolean recovery_waits(const Jobs *jobs)
{
    const Job *next = g_queue_peek_head((GQueue *)&jobs->queue);
    return next && is_recovery(next);
}

static void start_next(Jobs *jobs);

static void finish(Jobs *jobs, const siginfo_t *info)
{
    gboolean without_result = jobs->result == NULL;
    g_autoptr(json_t) result = without_result ? lost_result(jobs, info) : json_incref(jobs->result);
    json_object_del(result, "event");
    jobs_limit_judge(&jobs->limit, result);
    Job *job = g_steal_pointer(&jobs->running);
    drop_child(jobs);
    if (without_result || (is_recovery(job) && g_str_equal(jobs_state_of_result(result), "failed")))
        queue_recovery(jobs, job);
    else if (is_recovery(job))
        jobs->n_lost_recoveries = 0;
    if (without_result && job->id)
        add_lost(jobs, job->id, result);
    else
        conclude(jobs, job->id, jobs_state_of_result(result), result);
    if (is_recovery(job) && !recovery_waits(jobs))
        conclude_lost(jobs);
    jobs->listener.on_done(job->id, job->action, job->request, result, jobs->listener.user_data);
    job_free(job);
    start_next(jobs);
}

static gboolean on_child_exit(gint fd, GIOCondition condition, gpointer user_data)
{
    (void)condition;
    Jobs *jobs = user_data;
    siginfo_t info = {0};
    if (waitid((idtype_t)P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0)
        return G_SOURCE_CONTINUE;
    (void)read_output(jobs);
    jobs->pidfd_source = 0;
    finish(jobs, &info);
    return G_SOURCE_REMOVE;
}

static gboolean start(Jobs *jobs, const Job *job, GError **error)
{
    if (!jobs_child_start(jobs->program, jobs->root_path, job->id, job->action, job->request, &jobs->pidfd,
                          &jobs->out_fd, error))
        return FALSE;
    jobs->pidfd_source = g_unix_fd_add(jobs->pidfd, G_IO_IN, on_child_exit, jobs);
    jobs->out_source = g_unix_fd_add(jobs->out_fd, G_IO_IN | G_IO_HUP, on_output, jobs);
    /* nobody may end a recovery but a kill: it has nothing that it could undo */
    jobs_limit_start(&jobs->limit, jobs->pidfd, g_str_equal(job->action, "recover") ? 0 : jobs->limit_s);
    return TRUE;
}

static void start_next(Jobs *jobs)
{
    while (!jobs->running && !jobs->is_stopping && !g_queue_is_empty(&jobs->queue)) {
        g_autoptr(GError) error = NULL;
        jobs->running = g_queue_pop_head(&jobs->queue);
        record(jobs, jobs->running->id, "running", NULL);
        emit_state(jobs, jobs->running->id, "running");
        if (start(jobs, jobs->running, &error))
            return;
        log_error("jobs", "%s: %s", jobs->running->action, error->message);
        g_autoptr(json_t) result = failure_result(error_kind(error), error->message);
        Job *job = g_steal_pointer(&jobs->running);
        drop_child(jobs);
        conclude(jobs, job->id, "failed", result);
        jobs->listener.on_done(job->id, job->action, job->request, result, jobs->listener.user_data);
        job_free(job);
    }
}

gint64 jobs_queue(Jobs *jobs, const char *action, json_t *request, const char *idempotency_key, uid_t uid,
                  GError **error)
{
    g_autofree char *text = json_to_text(request);
    gboolean is_old = FALSE;
    if (g_queue_get_length(&jobs->queue) >= JOBS_MAX_WAITING)
        return error_set(error, APPCENTER_ERROR_BUSY, "%d jobs wait already", JOBS_MAX_WAITING);
    StoreJob row = {.action = (char *)action,
                    .request_json = text,
                    .state = (char *)"queued",
                    .idempotency_key = (char *)idempotency_key,
                    .uid = uid,
                    .created_at = g_get_real_time() / G_USEC_PER_SEC};
    if (!store_job_add(jobs->store, &row, &is_old, error))
        return 0;
    if (is_old)
        return row.id;
    g_queue_push_tail(&jobs->queue, job_new(row.id, action, request));
    emit_state(jobs, row.id, "queued");
    start_next(jobs);
    return row.id;
}

void jobs_queue_own(Jobs *jobs, const char *action, json_t *request, gboolean in_front)
{
    Job *job = job_new(0, action, request);
    if (in_front)
        g_queue_push_head(&jobs->queue, job);
    else
        g_queue_push_tail(&jobs->queue, job);
    start_next(jobs);
}

gboolean jobs_cancel(Jobs *jobs, gint64 id, GError **error)
{
    if (jobs->running && jobs->running->id == id) {
        jobs->was_cancelled = TRUE;
        if (syscall(SYS_pidfd_send_signal, jobs->pidfd, SIGTERM, NULL, 0) != 0)
            return error_set_errno(error, "job %" G_GINT64_FORMAT ": cannot ask it to end", id);
        return TRUE;
    }
    for (GList *link = jobs->queue.head; link; link = link->next) {
        Job *job = link->data;
        if (job->id != id)
            continue;
        g_autoptr(json_t) result = failure_result(APPCENTER_ERROR_CANCELLED, "cancelled before it began");
        g_queue_delete_link(&jobs->queue, link);
        job_free(job);
        conclude(jobs, id, "cancelled", result);
        return TRUE;
    }
    if (is_lost(jobs, id))
        return error_set(error, APPCENTER_ERROR_REFUSED,
                         "job %" G_GINT64_FORMAT " is not at work any more; what it began is being undone",
                         id);
    g_autoptr(StoreJob) stored = store_job_get(jobs->store, id, error);
    return stored && error_set(error, APPCENTER_ERROR_REFUSED, "job %" G_GINT64_FORMAT " is over (%s)", id,
                               stored->state);
}

gboolean jobs_is_idle(const Jobs *jobs)
{
    return !jobs->running && g_queue_is_empty((GQueue *)&jobs->queue);
}

gboolean jobs_is_running(const Jobs *jobs)
{
    return jobs->running != NULL;
}

gboolean jobs_has_own(const Jobs *jobs)
{
    if (jobs->running && jobs->running->id == 0)
        return TRUE;
    for (const GList *link = jobs->queue.head; link; link = link->next)
        if (((const Job *)link->data)->id == 0)
            return TRUE;
    return FALSE;
}

static gboolean names_file(const Job *job, const char *path)
{
    json_t *options = json_object_get(job->request, "options");
    return g_strcmp0(json_string_value(json_object_get(options, "file")), path) == 0;
}

gboolean jobs_need_file(const Jobs *jobs, const char *path)
{
    if (jobs->running && names_file(jobs->running, path))
        return TRUE;
    for (const GList *link = jobs->queue.head; link; link = link->next)
        if (names_file(link->data, path))
            return TRUE;
    return FALSE;
}

void jobs_overlay(const Jobs *jobs, StoreJob *job)
{
    jobs_record_overlay(jobs->record, job);
}

void jobs_set_limit(Jobs *jobs, gint64 limit_s)
{
    jobs->limit_s = limit_s;
}

gint64 jobs_running_id(const Jobs *jobs)
{
    return jobs->running ? jobs->running->id : 0;
}

json_t *jobs_progress(const Jobs *jobs)
{
    return jobs->progress;
}

void jobs_stop(Jobs *jobs)
{
    jobs->is_stopping = jobs->was_cancelled = TRUE;
    if (jobs->running)
        (void)syscall(SYS_pidfd_send_signal, jobs->pidfd, SIGTERM, NULL, 0);
}
