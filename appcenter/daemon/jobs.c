/* jobs.c - queue, spawning and listening; see jobs.h. GSubprocess would add a thread and 2 MB, hence posix_spawn. */
#include "daemon/jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOBS_MAX_LINE_BYTES (8 * 1024 * 1024) /* a result line carries a whole plan */
#define JOBS_SILENCE_S      (15 * 60)


typedef struct {
    gint64 id; /* 0: our own */
    char *action;
    json_t *request;
} Job;

struct Jobs {
    Store *store;
    char *root_path;
    char *program;
    JobsListener listener;
    GQueue queue; /* Job* */
    Job *running;
    int pidfd, out_fd;
    guint pidfd_source, out_source, silence_source;
    GString *line;
    json_t *progress;
    json_t *result;
    gboolean is_stopping, was_silent;
};

extern char **environ;

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

/* build/bin/appcenterd finds build/libexec/appcenter-job; PREFIX/sbin finds PREFIX/libexec/appcenter/appcenter-job. */
static char *find_program(void)
{
    const char *override = g_getenv("APPCENTER_JOB");
    if (override)
        return g_strdup(override);
    char self[4096];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len <= 0)
        return g_strdup("/usr/libexec/appcenter/appcenter-job");
    self[len] = '\0';
    g_autofree char *bin = g_path_get_dirname(self);
    g_autofree char *prefix = g_path_get_dirname(bin);
    char *beside = g_build_filename(prefix, "libexec", "appcenter-job", NULL);
    if (access(beside, X_OK) == 0)
        return beside;
    g_free(beside);
    return g_build_filename(prefix, "libexec", "appcenter", "appcenter-job", NULL);
}

static json_t *failure_result(AppcenterError kind, const char *message)
{
    return json_pack("{s:i, s:s, s:s, s:[]}", "exit", error_exit_code(kind), "code", error_code_name(kind), "message",
                     message, "transactions");
}

static const char *state_of_result(json_t *result)
{
    const char *code = json_string_value(json_object_get(result, "code"));
    if (json_integer_value(json_object_get(result, "exit")) == 0)
        return "done";
    return g_strcmp0(code, error_code_name(APPCENTER_ERROR_CANCELLED)) == 0 ? "cancelled" : "failed";
}

static void record(Jobs *jobs, gint64 id, const char *state, json_t *result)
{
    if (!id)
        return;
    g_autoptr(GError) error = NULL;
    g_autofree char *text = result ? json_to_text(result) : NULL;
    if (!store_job_set(jobs->store, id, state, text, g_get_real_time() / G_USEC_PER_SEC, &error))
        log_error("jobs", "job %" G_GINT64_FORMAT ": %s", id, error->message);
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

/* Jobs of an earlier daemon: queued ones go on, running ones are over. */
static gboolean take_over(Jobs *jobs, GError **error)
{
    g_autoptr(GPtrArray) running = store_jobs(jobs->store, "running", 1000, error);
    if (!running)
        return FALSE;
    g_autoptr(json_t) interrupted = failure_result(APPCENTER_ERROR_IO, "interrupted: the daemon ended while it ran");
    for (guint i = 0; i < running->len; i++)
        record(jobs, ((StoreJob *)running->pdata[i])->id, "failed", interrupted);
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
    jobs->root_path = g_strdup(root_path);
    jobs->program = find_program();
    jobs->listener = *listener;
    jobs->line = g_string_new(NULL);
    jobs->pidfd = jobs->out_fd = -1;
    g_queue_init(&jobs->queue);
    if (!take_over(jobs, error))
        return NULL;
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
    clear_source(&jobs->silence_source);
    fd_close(jobs->pidfd);
    fd_close(jobs->out_fd);
    jobs->pidfd = jobs->out_fd = -1;
    g_string_truncate(jobs->line, 0);
    g_clear_pointer(&jobs->progress, json_decref);
    g_clear_pointer(&jobs->result, json_decref);
    g_clear_pointer(&jobs->running, job_free);
    jobs->was_silent = FALSE;
}

void jobs_free(Jobs *jobs)
{
    if (!jobs)
        return;
    drop_child(jobs);
    g_queue_clear_full(&jobs->queue, (GDestroyNotify)job_free);
    g_string_free(jobs->line, TRUE);
    g_free(jobs->root_path);
    g_free(jobs->program);
    g_free(jobs);
}

/* The child's words are our own program's, but it parsed outside bytes: a line that is no JSON object is dropped. */
static void take_line(Jobs *jobs, const char *text, gsize len)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) event = json_parse_strict(text, len, 64, FALSE, &error);
    const char *kind = event ? json_string_value(json_object_get(event, "event")) : NULL;
    if (!kind) {
        log_warning("jobs", "the job said something that is no event: %s", error ? error->message : "no \"event\"");
        return;
    }
    if (g_str_equal(kind, "result")) {
        g_clear_pointer(&jobs->result, json_decref);
        jobs->result = json_incref(event);
        return;
    }
    gboolean is_bytes = g_str_equal(kind, "bytes");
    if (is_bytes || g_str_equal(kind, "step")) {
        g_clear_pointer(&jobs->progress, json_decref);
        jobs->progress = json_incref(event);
    }
    emit(jobs, jobs->running->id, event, !is_bytes);
}

static void take_bytes(Jobs *jobs, const char *bytes, gsize len)
{
    while (len > 0) {
        const char *end = memchr(bytes, '\n', len);
        gsize part = end ? (gsize)(end - bytes) : len;
        if (jobs->line->len + part <= JOBS_MAX_LINE_BYTES)
            g_string_append_len(jobs->line, bytes, (gssize)part);
        if (end) {
            take_line(jobs, jobs->line->str, jobs->line->len);
            g_string_truncate(jobs->line, 0);
            part++;
        }
        bytes += part;
        len -= part;
    }
}

static gboolean on_silence(gpointer user_data)
{
    Jobs *jobs = user_data;
    jobs->silence_source = 0;
    jobs->was_silent = TRUE;
    log_error("jobs", "%s: silent for %d s, ended", jobs->running->action, JOBS_SILENCE_S);
    (void)syscall(SYS_pidfd_send_signal, jobs->pidfd, SIGKILL, NULL, 0);
    return G_SOURCE_REMOVE;
}

/* Reads what is there; FALSE at the end of the pipe. */
static gboolean read_output(Jobs *jobs)
{
    char buffer[65536];
    for (;;) {
        ssize_t n = read(jobs->out_fd, buffer, sizeof buffer);
        if (n > 0) {
            clear_source(&jobs->silence_source);
            jobs->silence_source = g_timeout_add_seconds(JOBS_SILENCE_S, on_silence, jobs);
            take_bytes(jobs, buffer, (gsize)n);
        } else if (n == 0) {
            return FALSE;
        } else if (errno != EINTR) {
            return errno == EAGAIN;
        }
    }
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

static char *how_it_ended(const siginfo_t *info, gboolean was_silent)
{
    if (was_silent)
        return g_strdup_printf("the job was silent for %d minutes and was ended", JOBS_SILENCE_S / 60);
    if (info->si_code == CLD_EXITED)
        return g_strdup_printf("the job ended with code %d before it said how it went", info->si_status);
    return g_strdup_printf("the job was ended by signal %d before it said how it went", info->si_status);
}

static void start_next(Jobs *jobs);

static void finish(Jobs *jobs, const siginfo_t *info)
{
    g_autofree char *how = how_it_ended(info, jobs->was_silent);
    gboolean is_lost = jobs->result == NULL;
    g_autoptr(json_t) result = is_lost ? failure_result(APPCENTER_ERROR_INTERNAL, how) : json_incref(jobs->result);
    json_object_del(result, "event");
    Job *job = g_steal_pointer(&jobs->running);
    drop_child(jobs);
    if (is_lost) {
        log_error("jobs", "%s: %s", job->action, how);
        /* Whatever it left half done is undone before anything else runs; but no endless circle of recoveries. */
        if (!g_str_equal(job->action, "recover")) {
            g_queue_push_head(&jobs->queue, job_new(0, "start-apps", NULL));
            g_queue_push_head(&jobs->queue, job_new(0, "recover", NULL));
        }
    }
    record(jobs, job->id, state_of_result(result), result);
    g_autoptr(json_t) event = json_pack("{s:s, s:O, s:O, s:O}", "event", "result", "exit", json_object_get(result, "exit"),
                                        "code", json_object_get(result, "code"), "message",
                                        json_object_get(result, "message"));
    if (job->id && event)
        emit(jobs, job->id, event, TRUE);
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

/* The request as a memory file: as stdin it can be of any length without a writer that waits. */
static int request_fd(const Job *job, GError **error)
{
    g_autoptr(json_t) body = json_pack("{s:I, s:s, s:O}", "job", (json_int_t)job->id, "action", job->action, "request",
                                       job->request);
    g_autofree char *text = json_to_text(body);
    g_auto(Fd) fd = memfd_create("appcenter-request", MFD_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, "cannot make a memory file"), -1;
    if (!files_write_all(fd, text, strlen(text), error))
        return -1;
    if (lseek(fd, 0, SEEK_SET) != 0)
        return error_set_errno(error, "cannot rewind a memory file"), -1;
    return fd_steal(&fd);
}

static pid_t spawn(Jobs *jobs, int in_fd, int out_fd, GError **error)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in_fd, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    /* A session of its own: Ctrl-C on a daemon in the foreground is for the daemon, which then asks its job to end. */
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    char *argv[] = {jobs->program, "--root", jobs->root_path, NULL};
    if (!*jobs->root_path)
        argv[1] = NULL;
    pid_t pid = -1;
    int failure = posix_spawn(&pid, jobs->program, &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (failure != 0) {
        error_set_errno_value(error, failure, "cannot start %s", jobs->program);
        return -1;
    }
    return pid;
}

static gboolean start(Jobs *jobs, const Job *job, GError **error)
{
    g_auto(Fd) in_fd = request_fd(job, error);
    int ends[2];
    if (in_fd < 0)
        return FALSE;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set_errno(error, "cannot make a pipe");
    g_auto(Fd) read_end = ends[0];
    g_auto(Fd) write_end = ends[1];
    if (fcntl(read_end, F_SETFL, O_NONBLOCK) != 0)
        return error_set_errno(error, "cannot make a pipe non-blocking");
    pid_t pid = spawn(jobs, in_fd, write_end, error);
    if (pid < 0)
        return FALSE;
    jobs->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (jobs->pidfd < 0)
        return error_set_errno(error, "cannot watch the job");
    jobs->out_fd = fd_steal(&read_end);
    jobs->pidfd_source = g_unix_fd_add(jobs->pidfd, G_IO_IN, on_child_exit, jobs);
    jobs->out_source = g_unix_fd_add(jobs->out_fd, G_IO_IN | G_IO_HUP, on_output, jobs);
    jobs->silence_source = g_timeout_add_seconds(JOBS_SILENCE_S, on_silence, jobs);
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
        record(jobs, job->id, "failed", result);
        emit_state(jobs, job->id, "failed");
        jobs->listener.on_done(job->id, job->action, job->request, result, jobs->listener.user_data);
        job_free(job);
    }
}

gint64 jobs_queue(Jobs *jobs, const char *action, json_t *request, const char *idempotency_key, uid_t uid, GError **error)
{
    g_autofree char *text = json_to_text(request);
    gboolean is_old = FALSE;
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
        if (syscall(SYS_pidfd_send_signal, jobs->pidfd, SIGTERM, NULL, 0) != 0)
            return error_set_errno(error, "job %" G_GINT64_FORMAT ": cannot ask it to end", id);
        return TRUE;
    }
    for (GList *link = jobs->queue.head; link; link = link->next) {
        Job *job = link->data;
        if (job->id != id)
            continue;
        g_autoptr(json_t) result = failure_result(APPCENTER_ERROR_CANCELLED, "cancelled before it began");
        record(jobs, id, "cancelled", result);
        emit_state(jobs, id, "cancelled");
        g_queue_delete_link(&jobs->queue, link);
        job_free(job);
        return TRUE;
    }
    g_autoptr(StoreJob) stored = store_job_get(jobs->store, id, error);
    return stored && error_set(error, APPCENTER_ERROR_REFUSED, "job %" G_GINT64_FORMAT " is over (%s)", id, stored->state);
}

gboolean jobs_is_idle(const Jobs *jobs)
{
    return !jobs->running && g_queue_is_empty((GQueue *)&jobs->queue);
}

gboolean jobs_is_running(const Jobs *jobs)
{
    return jobs->running != NULL;
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
    jobs->is_stopping = TRUE;
    if (jobs->running)
        (void)syscall(SYS_pidfd_send_signal, jobs->pidfd, SIGTERM, NULL, 0);
}
