/* mediainfo.c - asks MediaLibrary's program about pictures; see gallery.h.
 *
 * One run for a whole page, with a time limit: a picture that its reader chokes on must not hang the gallery.
 */
#include "gallery.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "service.h"

#define PROGRAM          "../MediaLibrary/bin/mediainfo"
#define RUN_TIMEOUT_MS   3000
#define OUTPUT_MAX_BYTES (512 * 1024)

extern char **environ;

/* PROGRAM [OPTION] FOLDER/NAME...; the array and the paths in it are the caller's. */
static char **make_arguments(const char *option, const char *folder, char *const *names, size_t n_names)
{
    char **arguments = calloc(n_names + 3, sizeof *arguments);
    size_t n = 0;
    if (!arguments)
        return NULL;
    arguments[n++] = strdup(PROGRAM);
    if (option)
        arguments[n++] = strdup(option);
    for (size_t i = 0; i < n_names; i++)
        if (asprintf(&arguments[n++], "%s/%s", folder, names[i]) < 0)
            arguments[n - 1] = NULL;
    return arguments;
}

static void free_arguments(char **arguments)
{
    for (size_t i = 0; arguments && arguments[i]; i++)
        free(arguments[i]);
    free(arguments);
}

/* The child's pid, its output at *output_fd; -1 after saying why not. */
static pid_t start(char *const *arguments, int *output_fd)
{
    int ends[2];
    pid_t pid = -1;
    sigset_t none;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY,
                                     0); /* no line a page view */
    int failure = posix_spawn(&pid, PROGRAM, &actions, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(ends[1]);
    *output_fd = ends[0];
    if (failure == 0)
        return pid;
    service_say("run " PROGRAM ": %s", strerror(failure));
    close(ends[0]);
    return -1;
}

/* What came in time. */
static void read_output(int fd, char *output)
{
    size_t have = 0;
    int64_t deadline_ms = service_now_ms() + RUN_TIMEOUT_MS;
    while (have < OUTPUT_MAX_BYTES && service_wait(fd, POLLIN, deadline_ms, 0)) {
        ssize_t got = read(fd, output + have, OUTPUT_MAX_BYTES - have);
        if (got == 0 || (got < 0 && errno != EINTR))
            break;
        if (got > 0)
            have += (size_t)got;
    }
    output[have] = '\0';
}

char *mediainfo_run(const char *option, const char *folder, char *const *names, size_t n_names)
{
    int fd;
    char *output = malloc(OUTPUT_MAX_BYTES + 1);
    char **arguments = make_arguments(option, folder, names, n_names);
    pid_t pid = output && arguments ? start(arguments, &fd) : -1;
    free_arguments(arguments);
    if (pid < 0) {
        free(output);
        return NULL;
    }
    read_output(fd, output);
    close(fd);
    kill(pid, SIGKILL); /* it is done, or its time is over */
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    return output;
}
