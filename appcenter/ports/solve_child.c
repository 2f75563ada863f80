/* solve_child.c - a forked child that answers questions until it is not wanted any more or comes to a limit.
 *
 * Forked rather than limited in the job itself: what a publisher's dependencies make of the solver is then one error among
 * others (that app is left out and the rest goes on), downloads and hooks have no limits, and memory that libsolv could not
 * get, which it answers with abort(), costs nobody else. The store's database is not touched in the child.
 */
#include "ports/solve_child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CPU_S            10
#define MEMORY_MB        256
#define ANSWER_BYTES_MAX (32 * 1024 * 1024)
#define JSON_DEPTH_MAX   16
#define BYTES_PER_MB     ((gsize)1024 * 1024)

struct SolveChild {
    SolveLimits limits;
    pid_t pid; /* 0: it has ended */
    int fd;
};

/* ---- bytes: FALSE at the other end's end ---- */

static gboolean send_all(int fd, const void *data, gsize len)
{
    for (gsize done = 0; done < len;) {
        ssize_t n = send(fd, (const char *)data + done, len - done, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return FALSE;
        done += (gsize)n;
    }
    return TRUE;
}

static gboolean receive_all(int fd, void *data, gsize len)
{
    for (gsize done = 0; done < len;) {
        ssize_t n = recv(fd, (char *)data + done, len - done, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return FALSE;
        done += (gsize)n;
    }
    return TRUE;
}

/* ---- the child ---- */

static gsize address_space_bytes(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file || fscanf(file, "%lu", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return (gsize)pages * (gsize)sysconf(_SC_PAGESIZE);
}

/* Beyond what we have already: a copy of the job's memory is not the solver's. */
static gboolean set_limits(const SolveLimits *limits)
{
    gsize have = address_space_bytes();
    const struct rlimit none = {0, 0};
    const struct rlimit cpu = {limits->cpu_s, limits->cpu_s + 1};
    const struct rlimit memory = {have + limits->memory_mb * BYTES_PER_MB,
                                  have + limits->memory_mb * BYTES_PER_MB};
    return have > 0 && setrlimit(RLIMIT_CORE, &none) == 0 && setrlimit(RLIMIT_CPU, &cpu) == 0 &&
           (HAS_ADDRESS_SANITIZER || setrlimit(RLIMIT_AS, &memory) == 0);
}

static G_GNUC_NORETURN void child_main(const SolveLimits *limits, pid_t parent, int fd, SolveAnswer answer,
                                       gpointer user_data)
{
    gconstpointer question;
    signal(SIGXCPU, SIG_DFL);
    signal(SIGABRT, SIG_DFL);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent || !set_limits(limits))
        _exit(1);
    while (receive_all(fd, &question, sizeof question)) {
        g_autoptr(json_t) value = answer(question, user_data);
        g_autofree char *text = json_to_text(value);
        gsize len = strlen(text);
        if (!send_all(fd, &len, sizeof len) || !send_all(fd, text, len))
            _exit(1);
    }
    _exit(0);
}

/* ---- the parent ---- */

SolveChild *solve_child_new(const SolveLimits *limits, SolveAnswer answer, gpointer user_data, GError **error)
{
    int ends[2];
    g_autoptr(SolveChild) child = g_new0(SolveChild, 1);
    child->limits = *limits;
    if (child->limits.cpu_s == 0)
        child->limits.cpu_s = CPU_S;
    if (child->limits.memory_mb == 0)
        child->limits.memory_mb = MEMORY_MB;
    child->fd = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        error_set_errno(error, "start the solver");
        return NULL;
    }
    child->fd = ends[0];
    g_auto(Fd) theirs = ends[1];
    pid_t parent = getpid();
    child->pid = fork();
    if (child->pid < 0) {
        child->pid = 0;
        error_set_errno(error, "start the solver");
        return NULL;
    }
    if (child->pid == 0)
        child_main(&child->limits, parent, theirs, answer, user_data);
    return g_steal_pointer(&child);
}

static gboolean tell_end(SolveChild *child, GError **error)
{
    int status = 0;
    pid_t pid = child->pid;
    child->pid = 0;
    if (TEMP_FAILURE_RETRY(waitpid(pid, &status, 0)) != pid)
        return error_set_errno(error, "wait for the solver");
    int by = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (by == SIGXCPU)
        return error_set(error, APPCENTER_ERROR_INTERNAL,
                         "the search for a plan took more than %u s of CPU time and was given up",
                         child->limits.cpu_s);
    if (by == SIGABRT || by == SIGTRAP)
        return error_set(error, APPCENTER_ERROR_INTERNAL,
                         "the search for a plan was given up: it may use %u MB of memory",
                         child->limits.memory_mb);
    return error_set(error, APPCENTER_ERROR_INTERNAL, "the solver ended without an answer, %s %d",
                     by ? "by signal" : "exit code", by ? by : WEXITSTATUS(status));
}

json_t *solve_child_ask(SolveChild *child, gconstpointer question, GError **error)
{
    gsize len = 0;
    g_autofree char *text = NULL;
    if (child->pid == 0) {
        error_set(error, APPCENTER_ERROR_INTERNAL, "the solver has ended");
        return NULL;
    }
    gboolean is_heard = send_all(child->fd, &question, sizeof question) &&
                        receive_all(child->fd, &len, sizeof len) && len <= ANSWER_BYTES_MAX;
    if (is_heard) {
        text = g_malloc(len + 1);
        is_heard = receive_all(child->fd, text, len);
    }
    if (!is_heard) {
        fd_close(child->fd); /* whatever it still wants to say, it finds nobody */
        child->fd = -1;
        tell_end(child, error);
        return NULL;
    }
    return json_parse_strict(text, len, JSON_DEPTH_MAX, TRUE, error);
}

void solve_child_free(SolveChild *child)
{
    if (!child)
        return;
    fd_close(child->fd);
    if (child->pid > 0) {
        kill(child->pid, SIGKILL);
        (void)TEMP_FAILURE_RETRY(waitpid(child->pid, NULL, 0));
    }
    g_free(child);
}
