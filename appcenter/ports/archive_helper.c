/* archive_helper.c - the process that touches compressed bytes, and the pipe it talks back through.
 *
 * A fork without exec: what it needs is open, everything else is closed, then the sandbox shuts behind it (own uid when
 * we are root, Landlock, seccomp, limits). The parent reads frames of a type, a length and bounded bytes, and believes
 * none of them; a helper that dies, stalls or babbles is an error with a sentence.
 */
#include "ports/archive_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define HELPER_UID 65534
#define HELPER_MEMORY_BYTES                                                                                  \
    ((gint64)1024 * 1024 * 1024) /* of addresses: xz's and zstd's windows, and a million names */
#define TICK_MS            100
#define SILENCE_MAX_US     ((gint64)600 * G_USEC_PER_SEC)
#define SENTENCE_MAX_BYTES 1024
#define FRAME_HEAD_BYTES   5
#define FRAME_MAX_BYTES    ARCHIVE_MAX_ROUTINES
#define READ_CHUNK_BYTES   65536

enum { FRAME_PROGRESS = 'P', FRAME_ERROR = 'E', FRAME_DONE = 'D' };

struct Helper {
    int pipe_fd;
    gint64 last_progress_us;
};

/* ---- the helper's side ---- */

gboolean helper_send(Helper *helper, guint8 type, const void *data, gsize len, GError **error)
{
    guint8 head[FRAME_HEAD_BYTES] = {type};
    guint32 length = (guint32)len;
    memcpy(head + 1, &length, sizeof length);
    if (files_write_all(helper->pipe_fd, head, sizeof head, error) &&
        files_write_all(helper->pipe_fd, data, len, error))
        return TRUE;
    g_prefix_error(error, "tell the parent: ");
    return FALSE;
}

gboolean helper_progress(Helper *helper, gint64 done_bytes, GError **error)
{
    gint64 now = g_get_monotonic_time();
    if (now - helper->last_progress_us < (gint64)TICK_MS * 1000)
        return TRUE;
    helper->last_progress_us = now;
    return helper_send(helper, FRAME_PROGRESS, &done_bytes, sizeof done_bytes, error);
}

/* Not even what the parent has open by chance, its database or its other pipes, is for the helper. */
static void close_all_but(const int *keep, gsize n_keep)
{
    int next = STDERR_FILENO + 1;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
    }
    for (;;) {
        int lowest = G_MAXINT;
        for (gsize i = 0; i < n_keep; i++)
            lowest = keep[i] >= next ? MIN(lowest, keep[i]) : lowest;
        if (lowest > next)
            close_range((guint)next, (guint)lowest - 1, 0);
        if (lowest == G_MAXINT)
            return;
        next = lowest + 1;
    }
}

static void reset_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL);
    signal(SIGPIPE, SIG_IGN); /* a failed write says it */
    signal(SIGXFSZ, SIG_IGN);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static gboolean confine(const HelperSpec *spec, GError **error)
{
    gboolean has_dir = spec->dir_fd >= 0;
    const SandboxSpec sandbox = {
        .writable_dir_fds = &spec->dir_fd,
        .n_writable_dir_fds = has_dir ? 1 : 0,
        .max_memory_bytes = HAS_ADDRESS_SANITIZER ? 0 : HELPER_MEMORY_BYTES,
        .max_cpu_s = spec->max_cpu_s,
        .max_file_bytes = spec->max_file_bytes,
        .run_as_uid = helper_uid(),
        .run_as_gid = helper_uid(),
        .die_with_parent = TRUE,
    };
    return sandbox_enter(&sandbox, NULL, error);
}

static void send_failure(Helper *helper, const GError *failure)
{
    g_autoptr(GByteArray) frame = g_byte_array_new();
    g_autoptr(GError) ignored = NULL;
    guint32 kind = (guint32)error_kind(failure);
    g_byte_array_append(frame, (const guint8 *)&kind, sizeof kind);
    g_byte_array_append(frame, (const guint8 *)failure->message,
                        (guint)MIN(strlen(failure->message), SENTENCE_MAX_BYTES));
    if (!helper_send(helper, FRAME_ERROR, frame->data, frame->len, &ignored))
        g_clear_error(&ignored); /* nobody is left to hear it */
}

static G_GNUC_NORETURN void helper_main(const HelperSpec *spec, int pipe_fd)
{
    const int keep[] = {spec->archive_fd, spec->dir_fd, pipe_fd};
    Helper helper = {.pipe_fd = pipe_fd};
    GError *failure = NULL;
    reset_signals();
    close_all_but(keep, G_N_ELEMENTS(keep));
    setlocale(LC_CTYPE, "C.UTF-8"); /* so that libarchive hands out the UTF-8 names of pax headers */
    if (confine(spec, &failure) && spec->work(&helper, spec->user_data, &failure) &&
        helper_send(&helper, FRAME_DONE, "", 0, &failure))
        _exit(0);
    send_failure(&helper, failure);
    _exit(1);
}

uid_t helper_uid(void)
{
    unsigned inside, outside, length;
    if (geteuid() != 0)
        return geteuid();
    FILE *map = fopen("/proc/self/uid_map", "re"); /* in a small user namespace there may be no such uid */
    gboolean has_uid = !map;
    while (map && !has_uid && fscanf(map, "%u %u %u", &inside, &outside, &length) == 3)
        has_uid = inside <= HELPER_UID && HELPER_UID - inside < length;
    if (map)
        fclose(map);
    return has_uid ? HELPER_UID : 0;
}

/* ---- the parent's side ---- */

typedef struct {
    const HelperSpec *spec;
    GByteArray *pending; /* the start of a frame */
    gboolean is_done;
    gint64 last_heard_us;
} Listener;

/* What a helper says about its failure, made safe to show. */
static gboolean fail_as_told(const guint8 *data, gsize len, GError **error)
{
    static const AppcenterError allowed[] = {APPCENTER_ERROR_CORRUPT, APPCENTER_ERROR_NO_SPACE,
                                             APPCENTER_ERROR_IO, APPCENTER_ERROR_DENIED,
                                             APPCENTER_ERROR_INTERNAL};
    AppcenterError kind = APPCENTER_ERROR_CORRUPT;
    guint32 told;
    if (len < sizeof told || len > sizeof told + SENTENCE_MAX_BYTES)
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "the unpacking helper failed without a proper sentence");
    memcpy(&told, data, sizeof told);
    for (gsize i = 0; i < G_N_ELEMENTS(allowed); i++)
        kind = (guint32)allowed[i] == told ? allowed[i] : kind;
    g_autofree char *sentence =
        g_utf8_make_valid((const char *)data + sizeof told, (gssize)(len - sizeof told));
    for (char *c = sentence; *c; c++) {
        if ((guint8)*c < 0x20 || *c == 0x7f)
            *c = '?';
    }
    return error_set(error, kind, "%s", sentence);
}

static gboolean take_progress(const Listener *self, const guint8 *data, gsize len, GError **error)
{
    const UnpackWatch *watch = self->spec->watch;
    gint64 done;
    if (len != sizeof done)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "the unpacking helper speaks nonsense");
    memcpy(&done, data, sizeof done);
    if (watch && watch->progress)
        watch->progress(CLAMP(done, 0, self->spec->total_bytes), self->spec->total_bytes, watch->user_data);
    return TRUE;
}

static gboolean take_frame(Listener *self, guint8 type, const guint8 *data, gsize len, GError **error)
{
    if (self->is_done)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "the unpacking helper speaks after its end");
    switch (type) {
    case FRAME_ERROR:
        return fail_as_told(data, len, error);
    case FRAME_PROGRESS:
        return take_progress(self, data, len, error);
    case FRAME_DONE:
        self->is_done = TRUE;
        return TRUE;
    default:
        return self->spec->on_frame(type, data, len, self->spec->user_data, error);
    }
}

/* Takes all whole frames off the start of what has come. */
static gboolean take_pending(Listener *self, GError **error)
{
    gsize used = 0;
    while (self->pending->len - used >= FRAME_HEAD_BYTES) {
        const guint8 *frame = self->pending->data + used;
        guint32 length;
        memcpy(&length, frame + 1, sizeof length);
        if (length > FRAME_MAX_BYTES)
            return error_set(error, APPCENTER_ERROR_CORRUPT, "the unpacking helper speaks nonsense");
        if (self->pending->len - used - FRAME_HEAD_BYTES < length)
            break;
        if (!take_frame(self, frame[0], frame + FRAME_HEAD_BYTES, length, error))
            return FALSE;
        used += FRAME_HEAD_BYTES + length;
    }
    g_byte_array_remove_range(self->pending, 0, (guint)used);
    return TRUE;
}

/* Until the helper closes its pipe. */
static gboolean listen_to(Listener *self, int pipe_fd, GError **error)
{
    const UnpackWatch *watch = self->spec->watch;
    g_autofree guint8 *chunk = g_malloc(READ_CHUNK_BYTES);
    self->last_heard_us = g_get_monotonic_time();
    for (;;) {
        struct pollfd ready = {.fd = pipe_fd, .events = POLLIN};
        if (watch && watch->is_cancelled && watch->is_cancelled(watch->user_data))
            return error_set(error, APPCENTER_ERROR_CANCELLED, "cancelled");
        if (poll(&ready, 1, TICK_MS) <= 0) {
            if (g_get_monotonic_time() - self->last_heard_us > SILENCE_MAX_US)
                return error_set(error, APPCENTER_ERROR_IO, "the unpacking helper is stuck");
            continue;
        }
        ssize_t n = TEMP_FAILURE_RETRY(read(pipe_fd, chunk, READ_CHUNK_BYTES));
        if (n < 0)
            return error_set_errno(error, "read from the unpacking helper");
        if (n == 0)
            return TRUE;
        self->last_heard_us = g_get_monotonic_time();
        g_byte_array_append(self->pending, chunk, (guint)n);
        if (!take_pending(self, error))
            return FALSE;
    }
}

static gboolean judge_end(const Listener *self, int status, GError **error)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "the unpacking helper used up its %" G_GINT64_FORMAT " s of processor time",
                         self->spec->max_cpu_s);
    if (WIFSIGNALED(status))
        return error_set(error, APPCENTER_ERROR_CORRUPT, "the unpacking helper was ended by signal %d (%s)",
                         WTERMSIG(status), g_strsignal(WTERMSIG(status)));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || !self->is_done)
        return error_set(error, APPCENTER_ERROR_INTERNAL,
                         "the unpacking helper left without a word, exit code %d",
                         WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    return TRUE;
}

static gboolean wait_for(pid_t pid, int *status, GError **error)
{
    if (TEMP_FAILURE_RETRY(waitpid(pid, status, 0)) == pid)
        return TRUE;
    return error_set_errno(error, "wait for the unpacking helper");
}

gboolean helper_run(const HelperSpec *spec, GError **error)
{
    int ends[2], status;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set_errno(error, "make a pipe");
    g_auto(Fd) read_end = ends[0];
    g_auto(Fd) write_end = ends[1];
    if (geteuid() == 0 && helper_uid() == 0)
        log_warning("archive", "no uid %d in this user namespace: the unpacking helper keeps ours",
                    HELPER_UID);
    pid_t pid = fork();
    if (pid < 0)
        return error_set_errno(error, "start the unpacking helper");
    if (pid == 0)
        helper_main(spec, write_end);
    close(fd_steal(&write_end));

    g_autoptr(GByteArray) pending = g_byte_array_new();
    Listener listener = {.spec = spec, .pending = pending};
    gboolean is_heard = listen_to(&listener, read_end, error);
    if (!is_heard) /* its own failure, ours, or the owner's wish: nothing more is to be made by it */
        kill(pid, SIGKILL);
    if (!wait_for(pid, &status, is_heard ? error : NULL))
        return FALSE;
    return is_heard && judge_end(&listener, status, error);
}
