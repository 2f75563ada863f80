/* process.c - fork, exec and watch one program.
 *
 * Hides the order in which a child is made harmless, the race between a death and its notice (pidfd), the
 * pipe that daemons keep open, and the two steps of ending a group (SIGTERM, then SIGKILL). One poll loop, no
 * signal handler.
 */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"

#define DEFAULT_OUTPUT_BYTES (64 * 1024)
#define READ_CHUNK_BYTES     (16 * 1024)
#define CANCEL_TICK_MS       100
#define GRACE_S              2
#define SETUP_FAILED_EXIT    126
#define LAST_LINE_BYTES      300

typedef enum { STOP_NONE, STOP_TIMED_OUT, STOP_CANCELLED } StopReason;

typedef struct {
    const ProcessSpec *spec;
    pid_t pid;
    Fd pid_fd;
    Fd output_fd; /* -1 once every writer has closed it */
    Fd status_fd; /* carries errno when exec fails, nothing when it works */
    GByteArray *output;
    gsize output_max;
    gint64 deadline_us; /* monotonic; 0: none */
    StopReason stop;
    gint64 kill_at_us;
} Run;

static void run_clear(Run *run)
{
    fd_close(run->pid_fd);
    fd_close(run->output_fd);
    fd_close(run->status_fd);
    g_byte_array_unref(run->output);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Run, run_clear)

void process_result_clear(ProcessResult *result)
{
    g_clear_pointer(&result->output, g_free);
}

void process_begin(void)
{
    sigset_t none;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 &&
            open("/dev/null", O_RDWR) != fd) /* the lowest free one, and never CLOEXEC */
            _exit(SETUP_FAILED_EXIT);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    umask(022);
}

/* ---- in the child ---- */

static int compare_ints(const void *a, const void *b)
{
    int left = *(const int *)a;
    int right = *(const int *)b;
    return (left > right) - (left < right);
}

/* Closes all but the standard three, the status pipe (which exec closes) and those named. */
static void close_other_fds(const ProcessSpec *spec, int status_fd)
{
    gsize n = spec->n_pass_fds;
    g_autofree int *keep = g_new(int, n + 1);
    for (gsize i = 0; i < n; i++) {
        keep[i] = spec->pass_fds[i];
        fcntl(keep[i], F_SETFD, 0);
    }
    keep[n++] = status_fd;
    qsort(keep, n, sizeof *keep, compare_ints);
    guint next = STDERR_FILENO + 1;
    for (gsize i = 0; i < n; i++) {
        guint fd = (guint)keep[i];
        if (fd > next)
            close_range(next, fd - 1, 0);
        next = MAX(next, fd + 1);
    }
    close_range(next, ~0U, 0);
}

static void reset_signals(void)
{
    sigset_t none;
    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL); /* fails for the two that cannot be caught, and for the C library's own */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static gboolean tie_to_parent(const ProcessSpec *spec, pid_t parent)
{
    if (!spec->die_with_parent)
        return TRUE;
    /* the parent may have died before the request: then nobody would ever tell us */
    return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent;
}

static gboolean set_standard_fds(const ProcessSpec *spec, int output_fd)
{
    int in = spec->stdin_fd >= 0 ? spec->stdin_fd : open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (in < 0 || dup2(in, STDIN_FILENO) < 0 || fcntl(STDIN_FILENO, F_SETFD, 0) < 0)
        return FALSE;
    return dup2(output_fd, STDOUT_FILENO) >= 0 && dup2(output_fd, STDERR_FILENO) >= 0;
}

static G_NORETURN void fail_child(int status_fd)
{
    int cause = errno;
    ssize_t written = write(status_fd, &cause, sizeof cause);
    _exit(written == sizeof cause ? 127 : 125);
}

static G_NORETURN void run_child(const ProcessSpec *spec, pid_t parent, int output_fd, int status_fd)
{
    static const char *const default_env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C", NULL};
    setpgid(0, 0);
    reset_signals();
    umask(022);
    if (!tie_to_parent(spec, parent) || !set_standard_fds(spec, output_fd))
        fail_child(status_fd);
    /* before child_setup: a descriptor of the old root must not become the way out of a new one */
    if (spec->cwd_fd >= 0 ? fchdir(spec->cwd_fd) : chdir("/"))
        fail_child(status_fd);
    if (spec->child_setup && !spec->child_setup(spec->child_setup_data))
        _exit(SETUP_FAILED_EXIT);
    if (!tie_to_parent(spec, parent)) /* a change of credentials in child_setup has undone the first */
        fail_child(status_fd);
    close_other_fds(spec, status_fd);
    execve(spec->argv[0], (char *const *)spec->argv, (char *const *)(spec->envp ? spec->envp : default_env));
    fail_child(status_fd);
}

/* ---- in the parent ---- */

/* Both ends close at exec and are above the standard three, so that dup2 in the child cannot hit them. */
static gboolean make_pipe(Fd *read_end, Fd *write_end, GError **error)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set_errno(error, "pipe");
    for (int i = 0; i < 2; i++) {
        if (ends[i] > STDERR_FILENO)
            continue;
        int low = ends[i];
        ends[i] = fcntl(low, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        close(low);
    }
    *read_end = ends[0];
    *write_end = ends[1];
    if (*read_end < 0 || *write_end < 0)
        return error_set(error, APPCENTER_ERROR_IO, "pipe: no descriptor left");
    return TRUE;
}

static gboolean check_spec(const ProcessSpec *spec, GError **error)
{
    if (!spec->argv || !spec->argv[0])
        return error_set(error, APPCENTER_ERROR_INVALID, "run a program: wanted its path, found nothing");
    for (gsize i = 0; i < spec->n_pass_fds; i++)
        if (spec->pass_fds[i] <= STDERR_FILENO)
            return error_set(error, APPCENTER_ERROR_INVALID,
                             "run %s: wanted descriptors above 2 to pass on, found %d", spec->argv[0],
                             spec->pass_fds[i]);
    return TRUE;
}

static gboolean start(Run *run, GError **error)
{
    const ProcessSpec *spec = run->spec;
    g_auto(Fd) output_write = -1;
    g_auto(Fd) status_write = -1;
    if (!make_pipe(&run->output_fd, &output_write, error) ||
        !make_pipe(&run->status_fd, &status_write, error))
        return FALSE;
    pid_t parent = getpid();
    run->pid = fork();
    if (run->pid < 0)
        return error_set_errno(error, "fork");
    if (run->pid == 0)
        run_child(spec, parent, output_write, status_write);

    setpgid(run->pid, run->pid); /* here too: whoever signals the group next must find it */
    if (spec->on_started)
        spec->on_started(run->pid, spec->on_started_data);
    run->pid_fd = pidfd_open(run->pid, 0);
    if (run->pid_fd < 0 || fcntl(run->output_fd, F_SETFL, O_NONBLOCK) != 0) {
        error_set_errno(error, "watch process %d", (int)run->pid);
        kill(run->pid, SIGKILL);
        waitpid(run->pid, NULL, 0);
        return FALSE;
    }
    return TRUE;
}

/* Takes up to `limit` bytes from the pipe; what is beyond the cap is dropped, so that the writer never
 * stops. */
static void read_output(Run *run, gsize limit)
{
    guint8 chunk[READ_CHUNK_BYTES];
    while (limit > 0) {
        ssize_t n = read(run->output_fd, chunk, MIN(limit, sizeof chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0) {
            fd_close(run->output_fd);
            run->output_fd = -1;
        }
        if (n <= 0)
            return;
        gsize room = run->output_max - run->output->len;
        g_byte_array_append(run->output, chunk, (guint)MIN((gsize)n, room));
        limit -= (gsize)n;
    }
}

static void begin_stop(Run *run, StopReason reason)
{
    run->stop = reason;
    run->kill_at_us = g_get_monotonic_time() + GRACE_S * G_USEC_PER_SEC;
    kill(-run->pid, SIGTERM);
}

static void look_at_limits(Run *run)
{
    const ProcessSpec *spec = run->spec;
    gint64 now_us = g_get_monotonic_time();
    if (run->stop == STOP_NONE && spec->is_cancelled && spec->is_cancelled(spec->is_cancelled_data))
        begin_stop(run, STOP_CANCELLED);
    else if (run->stop == STOP_NONE && run->deadline_us != 0 && now_us >= run->deadline_us)
        begin_stop(run, STOP_TIMED_OUT);
    else if (run->stop != STOP_NONE && now_us >= run->kill_at_us) {
        kill(-run->pid, SIGKILL);
        kill(run->pid, SIGKILL); /* in case it has left its own group */
    }
}

static int poll_timeout_ms(const Run *run)
{
    gint64 until_us = run->stop == STOP_NONE ? run->deadline_us : run->kill_at_us;
    gint64 wait_ms = -1;
    if (until_us != 0)
        wait_ms = CLAMP((until_us - g_get_monotonic_time()) / 1000 + 1, 1, 3600 * 1000);
    if (run->spec->is_cancelled || run->stop != STOP_NONE)
        wait_ms = wait_ms < 0 ? CANCEL_TICK_MS : MIN(wait_ms, CANCEL_TICK_MS);
    return (int)wait_ms;
}

/* Returns when the program is dead (and not yet reaped, so its group id is still ours). */
static void supervise(Run *run)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = run->pid_fd, .events = POLLIN},
                               {.fd = run->output_fd, .events = POLLIN}};
        (void)poll(fds, G_N_ELEMENTS(fds),
                   poll_timeout_ms(run)); /* EINTR: the limits are due for a look anyway */
        if (fds[1].revents)
            read_output(run, READ_CHUNK_BYTES);
        if (fds[0].revents)
            return;
        look_at_limits(run);
    }
}

/* What the program left in the pipe; a daemon of its that goes on writing must not hold us. */
static void read_rest(Run *run)
{
    int waiting = 0;
    if (run->output_fd >= 0 && ioctl(run->output_fd, FIONREAD, &waiting) == 0 && waiting > 0)
        read_output(run, (gsize)waiting);
}

static void reap(Run *run, ProcessResult *result)
{
    siginfo_t info = {0};
    if (run->stop != STOP_NONE)
        kill(-run->pid, SIGKILL); /* what its children made of SIGTERM no longer matters */
    TEMP_FAILURE_RETRY(waitid(P_PID, (id_t)run->pid, &info, WEXITED));
    read_rest(run);
    result->timed_out = run->stop == STOP_TIMED_OUT;
    if (info.si_code != CLD_EXITED)
        result->term_signal = info.si_status;
    else if (run->stop == STOP_NONE)
        result->exit_code = info.si_status;
    if (run->output->len == 0)
        return;
    g_free(result->output);
    result->output = g_utf8_make_valid((const char *)run->output->data, (gssize)run->output->len);
}

gboolean process_run(const ProcessSpec *spec, ProcessResult *result, GError **error)
{
    *result = (ProcessResult){.exit_code = -1, .output = g_strdup("")};
    if (!check_spec(spec, error))
        return FALSE;
    g_auto(Run) run = {.spec = spec,
                       .pid_fd = -1,
                       .output_fd = -1,
                       .status_fd = -1,
                       .output = g_byte_array_new(),
                       .output_max = spec->max_output_bytes ? spec->max_output_bytes : DEFAULT_OUTPUT_BYTES};
    if (spec->timeout_s > 0)
        run.deadline_us = g_get_monotonic_time() + spec->timeout_s * G_USEC_PER_SEC;
    if (!start(&run, error)) {
        g_prefix_error(error, "start %s: ", spec->argv[0]);
        return FALSE;
    }
    supervise(&run);
    reap(&run, result);

    int exec_errno = 0;
    if (read(run.status_fd, &exec_errno, sizeof exec_errno) == sizeof exec_errno)
        return error_set(error, APPCENTER_ERROR_IO, "start %s: %s", spec->argv[0], g_strerror(exec_errno));
    if (run.stop == STOP_CANCELLED)
        return error_set(error, APPCENTER_ERROR_CANCELLED, "%s: cancelled", spec->argv[0]);
    return TRUE;
}

/* The last line that says something, as one short line; "" if there is none. */
static char *last_line(const char *output)
{
    g_auto(GStrv) lines = g_strsplit(output, "\n", -1);
    const char *last = "";
    for (char **line = lines; *line; line++)
        if (*g_strstrip(*line) != '\0')
            last = *line;
    g_autofree char *valid = g_utf8_make_valid(last, (gssize)strnlen(last, LAST_LINE_BYTES));
    for (char *c = valid; *c; c++)
        if ((guchar)*c < 0x20 || *c == 0x7f)
            *c = '?';
    return g_steal_pointer(&valid);
}

gboolean process_run_checked(const ProcessSpec *spec, ProcessResult *result, GError **error)
{
    if (!process_run(spec, result, error))
        return FALSE;
    if (result->exit_code == 0)
        return TRUE;
    g_autofree char *name = g_path_get_basename(spec->argv[0]);
    g_autofree char *line = last_line(result->output);
    g_autofree char *end = NULL;
    if (result->timed_out)
        end = g_strdup_printf("did not end within %" G_GINT64_FORMAT " s", spec->timeout_s);
    else if (result->term_signal != 0)
        end = g_strdup_printf("was ended by signal %d (%s)", result->term_signal,
                              g_strsignal(result->term_signal));
    else
        end = g_strdup_printf("ended with exit code %d", result->exit_code);
    return error_set(error, APPCENTER_ERROR_SCRIPT, "%s: %s%s%s", name, end, *line ? ": " : "", line);
}
