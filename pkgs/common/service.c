/* service.c - daemon, port, pid file and config file of a sample app; see service.h.
 *
 * Hides the double fork with its pipe of readiness, and how TERM is kept from being lost between a look at the flag
 * and the wait: it is blocked everywhere but inside ppoll.
 */
#include "service.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES  512
#define LISTEN_BACKLOG  16
#define PATH_SIZE_BYTES 4096

static volatile sig_atomic_t is_stop_asked;
static int64_t stop_seen_ms;
static int ready_fd = -1;
static sigset_t wait_mask;

void service_say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    flockfile(stderr);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    funlockfile(stderr);
    va_end(args);
}

/* ---- config file ---- */

static char *trim(char *text)
{
    text += strspn(text, " \t");
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\r\n", text[length - 1]))
        text[--length] = '\0';
    return text;
}

bool service_read_setting(const char *path, const char *key, char *value, size_t size)
{
    char line[LINE_MAX_BYTES];
    bool is_found = false;
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    while (fgets(line, sizeof line, file)) {
        char *equals = strchr(line, '=');
        if (*trim(line) == '#' || !equals)
            continue;
        *equals = '\0';
        if (strcmp(trim(line), key) == 0)
            is_found = (size_t)snprintf(value, size, "%s", trim(equals + 1)) < size;
    }
    fclose(file);
    return is_found;
}

uint16_t service_read_port(const char *path)
{
    char text[16];
    if (!service_read_setting(path, "port", text, sizeof text)) {
        service_say("%s: wanted a line port = NUMBER, found none", path);
        return 0;
    }
    char *end;
    errno = 0;
    long port = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || port < 1 || port > 65535) {
        service_say("%s: wanted a port from 1 to 65535, found %s", path, text);
        return 0;
    }
    return (uint16_t)port;
}

/* ---- becoming a daemon ---- */

static void ask_stop(int signal_number)
{
    (void)signal_number;
    is_stop_asked = 1;
}

static void prepare_signals(void)
{
    struct sigaction stop = {.sa_handler = ask_stop};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t stop_set;
    sigemptyset(&stop_set);
    sigaddset(&stop_set, SIGTERM);
    sigaddset(&stop_set, SIGINT);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGHUP, &ignore, NULL);
    sigemptyset(&wait_mask);
    sigprocmask(SIG_SETMASK, &stop_set, NULL);
}

/* The program that was called: ends when it is known how the start went. */
static void await_daemon(int fd)
{
    char byte;
    ssize_t got;
    do
        got = read(fd, &byte, 1);
    while (got < 0 && errno == EINTR);
    _exit(got == 1 ? 0 : 1);
}

static pid_t fork_or_die(void)
{
    pid_t pid = fork();
    if (pid < 0) {
        service_say("start a process: %s", strerror(errno));
        _exit(1);
    }
    return pid;
}

void service_detach(void)
{
    int ends[2];
    close_range(3, ~0U, 0);
    if (pipe2(ends, O_CLOEXEC) != 0) {
        service_say("make a pipe: %s", strerror(errno));
        _exit(1);
    }
    if (fork_or_die() > 0) {
        close(ends[1]);
        await_daemon(ends[0]);
    }
    close(ends[0]);
    setsid();
    if (fork_or_die() > 0)
        _exit(0);
    ready_fd = ends[1];
    umask(022);
    prepare_signals();
}

int service_listen(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int yes = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
        bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, LISTEN_BACKLOG) == 0)
        return fd;
    service_say("listen on 127.0.0.1:%u: %s", port, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool write_pid_file(const char *path)
{
    char temp[PATH_SIZE_BYTES];
    if ((size_t)snprintf(temp, sizeof temp, "%s.new", path) >= sizeof temp)
        return false;
    FILE *file = fopen(temp, "we");
    if (!file)
        return false;
    fprintf(file, "%ld\n", (long)getpid());
    if (fclose(file) == 0 && rename(temp, path) == 0)
        return true;
    unlink(temp);
    return false;
}

static bool redirect(int fd, const char *path, int flags)
{
    int opened = open(path, flags | O_CLOEXEC, 0644);
    if (opened < 0)
        return false;
    bool is_done = dup2(opened, fd) == fd;
    close(opened);
    return is_done;
}

bool service_announce(const char *pid_path, const char *log_path)
{
    if (!write_pid_file(pid_path)) {
        service_say("write %s: %s", pid_path, strerror(errno));
        return false;
    }
    if (!redirect(STDIN_FILENO, "/dev/null", O_RDONLY) || !redirect(STDOUT_FILENO, "/dev/null", O_WRONLY) ||
        !redirect(STDERR_FILENO, log_path, O_WRONLY | O_CREAT | O_APPEND)) {
        service_say("open %s: %s", log_path, strerror(errno));
        unlink(pid_path);
        return false;
    }
    /* nobody may wait any more: then there is nobody to tell */
    ssize_t told = write(ready_fd, "1", 1);
    (void)told;
    close(ready_fd);
    return true;
}

/* ---- waiting ---- */

bool service_is_stopping(void)
{
    return is_stop_asked != 0;
}

int64_t service_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool service_wait(int fd, short events, int64_t deadline_ms, int64_t grace_ms)
{
    for (;;) {
        int64_t now_ms = service_now_ms();
        if (service_is_stopping()) {
            if (stop_seen_ms == 0)
                stop_seen_ms = now_ms;
            if (deadline_ms > stop_seen_ms + grace_ms)
                deadline_ms = stop_seen_ms + grace_ms;
        }
        int64_t left_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;
        struct timespec left = {.tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000};
        struct pollfd wanted = {.fd = fd, .events = events};
        int ready = ppoll(&wanted, 1, &left, &wait_mask);
        if (ready >= 0 || errno != EINTR)
            return ready > 0;
    }
}
