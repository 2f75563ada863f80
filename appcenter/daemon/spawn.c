/* spawn.c - posix_spawn and a pidfd; see spawn.h. */
#include "daemon/spawn.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int spawn_input(const char *text, GError **error)
{
    g_auto(Fd) fd = memfd_create("appcenter-input", MFD_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, "cannot make a memory file"), -1;
    if (!files_write_all(fd, text, strlen(text), error))
        return -1;
    if (lseek(fd, 0, SEEK_SET) != 0)
        return error_set_errno(error, "cannot rewind a memory file"), -1;
    return fd_steal(&fd);
}

/* A session of its own: Ctrl-C on a daemon in the foreground is for the daemon, which then asks its job to end. */
static void set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, defaults;
    posix_spawnattr_init(attributes);
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setsigdefault(attributes, &defaults);
    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
}

pid_t spawn_start(const char *const *argv, const char *const *envp, int in_fd, int out_fd, int err_fd,
                  int *pidfd, GError **error)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    pid_t pid = -1;
    set_attributes(&attributes);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in_fd, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
    if (err_fd >= 0)
        posix_spawn_file_actions_adddup2(&actions, err_fd, STDERR_FILENO);
    int failure = posix_spawn(&pid, argv[0], &actions, &attributes, (char *const *)argv,
                              envp ? (char *const *)envp : environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (failure != 0)
        return error_set_errno_value(error, failure, "cannot start %s", argv[0]), -1;
    *pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (*pidfd < 0) { /* what nobody watches must not run beside the next one */
        error_set_errno(error, "cannot watch %s", argv[0]);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return -1;
    }
    return pid;
}
