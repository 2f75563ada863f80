/* jobs_child.c - finds and starts appcenter-job; see jobs_child.h. GSubprocess would add a thread and 2 MB, hence
 * posix_spawn. */
#include "daemon/jobs_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* build/bin/appcenterd finds build/libexec/appcenter-job; PREFIX/sbin finds
 * PREFIX/libexec/appcenter/appcenter-job. */
char *jobs_child_program(void)
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

/* The request as a memory file: as stdin it can be of any length without a writer that waits. */
static int request_fd(gint64 id, const char *action, json_t *request, GError **error)
{
    g_autoptr(json_t) body =
        json_pack("{s:I, s:s, s:O}", "job", (json_int_t)id, "action", action, "request", request);
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

static pid_t spawn(const char *program, const char *root_path, int in_fd, int out_fd, GError **error)
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
    /* A session of its own: Ctrl-C on a daemon in the foreground is for the daemon, which then asks its job
     * to end. */
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    char *argv[] = {(char *)program, "--root", (char *)root_path, NULL};
    if (!*root_path)
        argv[1] = NULL;
    pid_t pid = -1;
    int failure = posix_spawn(&pid, program, &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (failure != 0) {
        error_set_errno_value(error, failure, "cannot start %s", program);
        return -1;
    }
    return pid;
}

gboolean jobs_child_start(const char *program, const char *root_path, gint64 id, const char *action,
                          json_t *request, int *pidfd, int *out_fd, GError **error)
{
    g_auto(Fd) in_fd = request_fd(id, action, request, error);
    int ends[2];
    if (in_fd < 0)
        return FALSE;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set_errno(error, "cannot make a pipe");
    g_auto(Fd) read_end = ends[0];
    g_auto(Fd) write_end = ends[1];
    if (fcntl(read_end, F_SETFL, O_NONBLOCK) != 0)
        return error_set_errno(error, "cannot make a pipe non-blocking");
    pid_t pid = spawn(program, root_path, in_fd, write_end, error);
    if (pid < 0)
        return FALSE;
    *pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (*pidfd < 0) { /* a job that nobody watches must not run beside the next one */
        error_set_errno(error, "cannot watch the job");
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return FALSE;
    }
    *out_fd = fd_steal(&read_end);
    return TRUE;
}
