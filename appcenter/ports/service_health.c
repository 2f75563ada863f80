/* service_health.c - is an app alive, and does it answer?
 *
 * Alive means: the process of its pid file runs and is the app's, or its port answers, or (where it declares neither) one
 * of the processes that it left is still there. It must become so, stay so for the settle time, and then pass the probe
 * that its package declares. Hides polling, the tiny HTTP request, and the one deadline over all of it.
 */
#include "ports/service_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define POLL_US            (200 * 1000)
#define PROBE_TIMEOUT_MS   5000
#define EXEC_TIMEOUT_S     30
#define PID_FILE_BYTES_MAX 64
#define ANSWER_BYTES_MAX   1024

/* ---- alive ---- */

/* 0 when there is none. */
static pid_t read_pid_file(const RootDir *root, const char *path)
{
    g_autoptr(GBytes) text = root_dir_read(root, path, PID_FILE_BYTES_MAX, NULL);
    if (!text)
        return 0;
    g_autofree char *number = g_strndup(g_bytes_get_data(text, NULL), g_bytes_get_size(text));
    gint64 pid = g_ascii_strtoll(g_strstrip(number), NULL, 10);
    return pid > 1 && pid <= G_MAXINT ? (pid_t)pid : 0;
}

static gboolean has_processes(const ServiceContext *context)
{
    g_autoptr(GArray) pids = marker_pids(context->root, context->app);
    return pids->len > 0;
}

/* A connected socket, or -1; waits up to timeout_ms. */
static int connect_to(guint16 port, int timeout_ms)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    g_auto(Fd) fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd_steal(&fd);
    int failure = 0;
    socklen_t len = sizeof failure;
    struct pollfd waiting = {.fd = fd, .events = POLLOUT};
    if (errno != EINPROGRESS || poll(&waiting, 1, timeout_ms) != 1 ||
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &len) != 0 || failure != 0)
        return -1;
    return fd_steal(&fd);
}

static gboolean is_alive(const ServiceContext *context)
{
    const QpkgIdentity *identity = context->identity;
    if (identity->pid_file)
        return marker_pid_is_of(context->root, context->app,
                                read_pid_file(context->root, identity->pid_file));
    if (identity->service_port == 0)
        return has_processes(context);
    g_auto(Fd) fd = connect_to(identity->service_port, POLL_US / 1000);
    return fd >= 0;
}

gboolean service_is_running(const ServiceContext *context)
{
    if (!context->identity->service_program)
        return FALSE;
    /* a stranger on its port does not make it run */
    return has_processes(context) && (!context->identity->pid_file || is_alive(context));
}

static gboolean is_cancelled(const ServiceContext *context, GError **error)
{
    if (!context->is_cancelled || !context->is_cancelled(context->user_data))
        return FALSE;
    error_set(error, APPCENTER_ERROR_CANCELLED, "cancelled");
    return TRUE;
}

/* What it should have and has not, for messages. */
static char *describe_sign_of_life(const QpkgIdentity *identity)
{
    if (identity->pid_file)
        return g_strdup_printf("no process of its pid file %s", identity->pid_file);
    if (identity->service_port)
        return g_strdup_printf("nothing answers on its port %u", identity->service_port);
    return g_strdup("none of its processes is left");
}

/* Daemons come up after their script has ended; where not even a process is left, nobody will. */
static gboolean wait_until_alive(const ServiceContext *context, gint64 deadline_us, GError **error)
{
    while (!is_alive(context)) {
        gboolean is_hopeless = !has_processes(context) && !is_alive(context);
        if (is_cancelled(context, error))
            return FALSE;
        if (is_hopeless || g_get_monotonic_time() >= deadline_us) {
            g_autofree char *sign = describe_sign_of_life(context->identity);
            return error_set(error, APPCENTER_ERROR_HEALTH, "%s%s", sign,
                             is_hopeless ? " and none of its processes runs" : " within its time");
        }
        g_usleep(POLL_US);
    }
    return TRUE;
}

static gboolean must_be_alive(const ServiceContext *context, gint64 since_us, GError **error)
{
    if (is_alive(context))
        return TRUE;
    g_autofree char *sign = describe_sign_of_life(context->identity);
    return error_set(error, APPCENTER_ERROR_HEALTH, "it ended %.1f s after its start: %s",
                     (double)(g_get_monotonic_time() - since_us) / G_USEC_PER_SEC, sign);
}

static gboolean settle(const ServiceContext *context, gint64 since_us, GError **error)
{
    gint64 until_us = g_get_monotonic_time() + context->health_settle_s * G_USEC_PER_SEC;
    while (g_get_monotonic_time() < until_us) {
        if (is_cancelled(context, error) || !must_be_alive(context, since_us, error))
            return FALSE;
        g_usleep(POLL_US);
    }
    return must_be_alive(context, since_us, error);
}

/* ---- probes ---- */

/* Up to the first line's end; what came, "" for nothing in time. */
static char *read_line(int fd, gint64 until_us)
{
    g_autoptr(GString) text = g_string_new(NULL);
    while (text->len < ANSWER_BYTES_MAX && !strchr(text->str, '\n')) {
        char piece[128];
        struct pollfd waiting = {.fd = fd, .events = POLLIN};
        gint64 left_ms = (until_us - g_get_monotonic_time()) / 1000;
        if (left_ms <= 0 || poll(&waiting, 1, (int)left_ms) != 1)
            break;
        ssize_t n = read(fd, piece, sizeof piece);
        if (n <= 0)
            break;
        g_string_append_len(text, piece, n);
    }
    return g_strdup(text->str); /* to the first NUL, if there is one */
}

static gboolean probe_http(const ServiceContext *context, const char *path, GError **error)
{
    guint16 port = context->identity->service_port;
    gint64 until_us = g_get_monotonic_time() + PROBE_TIMEOUT_MS * 1000;
    g_autofree char *request =
        g_strdup_printf("GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", path);
    g_auto(Fd) fd = connect_to(port, PROBE_TIMEOUT_MS);
    if (fd < 0)
        return error_set(error, APPCENTER_ERROR_HEALTH, "nothing answers on its port %u", port);
    if (send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request))
        return error_set(error, APPCENTER_ERROR_HEALTH, "its port %u takes no request", port);
    g_autofree char *line = read_line(fd, until_us);
    gboolean is_http = g_str_has_prefix(line, "HTTP/1.") && strlen(line) >= 12 && line[8] == ' ';
    if (is_http && line[9] == '2' && g_ascii_isdigit(line[10]) && g_ascii_isdigit(line[11]))
        return TRUE;
    g_autofree char *shown = is_http ? g_strndup(line + 9, 3) : g_strdup(*line ? "no HTTP" : "nothing");
    return error_set(error, APPCENTER_ERROR_HEALTH, "GET %s on port %u: wanted a status 2xx, found %s", path,
                     port, shown);
}

static gboolean probe_port(const ServiceContext *context, GError **error)
{
    g_auto(Fd) fd = connect_to(context->identity->service_port, PROBE_TIMEOUT_MS);
    return fd >= 0 || error_set(error, APPCENTER_ERROR_HEALTH, "nothing answers on its port %u",
                                context->identity->service_port);
}

static gboolean probe_exec(const ServiceContext *context, const char *command, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_auto(GStrv) words = g_strsplit(command, " ", -1);
    g_autofree char *program = *words[0] == '/' ? g_strdup(words[0]) : service_path_seen(context, words[0]);
    ServiceRun run = {.what = "health",
                      .program = program,
                      .arguments = (const char *const *)words + 1,
                      .timeout_s = MIN(EXEC_TIMEOUT_S, MAX(context->health_timeout_s, 1)),
                      .may_be_cancelled = TRUE};
    if (service_run(context, &run, &failure))
        return TRUE;
    if (g_error_matches(failure, APPCENTER_ERROR, APPCENTER_ERROR_CANCELLED)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    return error_set(error, APPCENTER_ERROR_HEALTH, "%s", failure->message);
}

static gboolean probe_once(const ServiceContext *context, GError **error)
{
    const char *health = context->identity->health;
    if (g_str_has_prefix(health, "http:"))
        return probe_http(context, health + strlen("http:"), error);
    if (g_str_has_prefix(health, "exec:"))
        return probe_exec(context, health + strlen("exec:"), error);
    return probe_port(context, error);
}

/* Again until it passes, the app dies or the time is over. */
static gboolean probe(const ServiceContext *context, gboolean has_daemon, gint64 since_us, gint64 deadline_us,
                      GError **error)
{
    for (;;) {
        g_autoptr(GError) failure = NULL;
        if (is_cancelled(context, error))
            return FALSE;
        if (probe_once(context, &failure))
            return TRUE;
        if (has_daemon && !must_be_alive(context, since_us, error))
            return FALSE;
        if (g_get_monotonic_time() >= deadline_us || failure->code == APPCENTER_ERROR_CANCELLED) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
        g_usleep(POLL_US);
    }
}

/* An app that declares neither pid nor port and left no process does its work in its script. */
static gboolean leaves_a_daemon(const ServiceContext *context)
{
    return context->identity->pid_file || context->identity->service_port || has_processes(context);
}

gboolean service_health(const ServiceContext *context, GError **error)
{
    const QpkgIdentity *identity = context->identity;
    gint64 since_us = g_get_monotonic_time();
    gint64 bound_s = MAX(context->health_timeout_s, context->health_settle_s + 1);
    gint64 deadline_us = since_us + bound_s * G_USEC_PER_SEC;
    gboolean has_daemon = leaves_a_daemon(context);
    if (!identity->service_program)
        return TRUE;
    if (has_daemon && (!wait_until_alive(context, deadline_us, error) || !settle(context, since_us, error)))
        return FALSE;
    return !identity->health || probe(context, has_daemon, since_us, deadline_us, error);
}
