/* courier.c - the ways of a notice to people; see courier.h. Each way is a step; the steps of one notice come one after
 * another, and the end of a program leads to the next one. */
#include "daemon/courier.h"

#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "daemon/spawn.h"

typedef enum { STEP_SYSLOG, STEP_COMMAND, STEP_MAIL, STEP_TOLD } Step;

struct Courier {
    RootDir *root;
    Store *store;
    guint limit_s;
    StoreNotice *notice; /* under way, or NULL */
    json_t *said;        /* its JSON */
    Step step;
    char *command, *mail; /* as the settings were when there was nothing under way */
    pid_t pid;            /* 0: no program runs */
    int pidfd;
    guint end_source, limit_source;
};

static void go_on(Courier *courier);

static const char *member(const Courier *courier, const char *name)
{
    const char *text = json_string_value(json_object_get(courier->said, name));
    return text ? text : "";
}

/* --- syslog --- */

static int priority_of(const char *event)
{
    return LOG_DAEMON | (g_str_equal(event, "change")    ? LOG_INFO
                         : g_str_equal(event, "failure") ? LOG_ERR
                                                         : LOG_WARNING);
}

/* The socket of the root's own syslog: syslog(3) would speak to the host's. */
static int open_log(const Courier *courier)
{
    g_auto(Fd) dir = root_dir_openat(courier->root, "/dev", O_PATH | O_DIRECTORY, 0, NULL);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (dir < 0)
        return -1;
    g_snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/log", dir);
    g_auto(Fd) fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        return -1;
    return fd_steal(&fd);
}

/* RFC 3164, as syslog(3) has it; a box without a syslog has it in the daemon's own log. */
static void say_to_syslog(const Courier *courier)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t at = (time_t)courier->notice->at;
    struct tm when;
    g_auto(Fd) fd = open_log(courier);
    localtime_r(&at, &when);
    g_autofree char *line = g_strdup_printf(
        "<%d>%s %2d %02d:%02d:%02d appcenterd[%d]: %s: %s", priority_of(courier->notice->event),
        months[when.tm_mon], when.tm_mday, when.tm_hour, when.tm_min, when.tm_sec, (int)getpid(),
        courier->notice->event, member(courier, "message"));
    for (char *c = line; *c; c++)
        if (g_ascii_iscntrl(*c))
            *c = ' ';
    if (fd < 0 || send(fd, line, strlen(line), MSG_NOSIGNAL) < 0)
        log_info("notify", "%s: %s", courier->notice->event, member(courier, "message"));
}

/* --- programs --- */

static void end_program(Courier *courier)
{
    if (courier->limit_source)
        g_source_remove(courier->limit_source);
    if (courier->end_source)
        g_source_remove(courier->end_source);
    courier->limit_source = courier->end_source = 0;
    fd_close(courier->pidfd);
    courier->pidfd = -1;
    courier->pid = 0;
}

static gboolean on_end(gint fd, GIOCondition condition, gpointer user_data)
{
    (void)fd;
    (void)condition;
    Courier *courier = user_data;
    const char *what = courier->step == STEP_COMMAND ? courier->command : "sendmail";
    int status = 0;
    if (waitpid(courier->pid, &status, WNOHANG) != courier->pid)
        return G_SOURCE_CONTINUE;
    courier->end_source = 0; /* we return that it is over */
    if (WIFSIGNALED(status))
        log_warning("notify", "%s was ended by signal %d", what, WTERMSIG(status));
    else if (WEXITSTATUS(status) != 0)
        log_warning("notify", "%s exited with %d", what, WEXITSTATUS(status));
    end_program(courier);
    courier->step++;
    go_on(courier);
    return G_SOURCE_REMOVE;
}

static gboolean on_limit(gpointer user_data)
{
    Courier *courier = user_data;
    courier->limit_source = 0;
    log_warning("notify", "%s did not end within %u s and is killed",
                courier->step == STEP_COMMAND ? courier->command : "sendmail", courier->limit_s);
    kill(-courier->pid, SIGKILL);
    return G_SOURCE_REMOVE;
}

static gboolean start(Courier *courier, const char *const *argv, const char *input, GError **error)
{
    static const char *const envp[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                       "LANG=C.UTF-8", NULL};
    g_auto(Fd) in_fd = spawn_input(input, error);
    g_auto(Fd) nowhere = in_fd < 0 ? -1 : open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (in_fd < 0)
        return FALSE;
    if (nowhere < 0)
        return error_set_errno(error, "cannot open /dev/null");
    courier->pid = spawn_start(argv, envp, in_fd, nowhere, nowhere, &courier->pidfd, error);
    if (courier->pid < 0) {
        courier->pid = 0;
        return FALSE;
    }
    courier->end_source = g_unix_fd_add(courier->pidfd, G_IO_IN, on_end, courier);
    courier->limit_source = g_timeout_add_seconds(courier->limit_s, on_limit, courier);
    return TRUE;
}

/* Below --root the program of that name there, where there is one, else the host's. */
static char *find_program(const Courier *courier, const char *const *names)
{
    for (const char *const *name = names; *name; name++) {
        g_autofree char *below = root_dir_host_path(courier->root, *name);
        if (access(below, X_OK) == 0)
            return g_steal_pointer(&below);
    }
    return NULL;
}

static gboolean start_command(Courier *courier, GError **error)
{
    const char *const names[] = {courier->command, NULL};
    g_autofree char *below = find_program(courier, names);
    const char *const argv[] = {below ? below : courier->command, NULL};
    return start(courier, argv, courier->notice->json_text, error);
}

/* Headers of our own words and of checked texts only; what others wrote stands in the body. */
static char *letter(const Courier *courier)
{
    g_autofree char *host = g_strdup(member(courier, "host"));
    for (char *c = host; *c; c++)
        if (!g_ascii_isalnum(*c) && !strchr(".-_", *c))
            *c = '?';
    return g_strdup_printf("To: %s\nSubject: App Center on %s: %s\nAuto-Submitted: auto-generated\n"
                           "MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n"
                           "Content-Transfer-Encoding: 8bit\n\n%s\n\nAt %s, on %s. More: appctl status, "
                           "appctl history.\n",
                           courier->mail, host, courier->notice->event, member(courier, "message"),
                           member(courier, "at"), host);
}

static gboolean start_mail(Courier *courier, GError **error)
{
    static const char *const names[] = {"/usr/sbin/sendmail", "/usr/lib/sendmail", "/usr/bin/sendmail", NULL};
    g_autofree char *program = find_program(courier, names);
    if (!program)
        return error_set(error, APPCENTER_ERROR_NOT_FOUND, "no sendmail here to tell %s", courier->mail);
    const char *const argv[] = {program, "-i", "--", courier->mail, NULL};
    g_autofree char *text = letter(courier);
    return start(courier, argv, text, error);
}

/* --- one notice --- */

static void drop_notice(Courier *courier)
{
    g_clear_pointer(&courier->notice, store_notice_free);
    g_clear_pointer(&courier->said, json_decref);
}

/* TRUE: a program runs, and its end goes on. */
static gboolean do_step(Courier *courier)
{
    g_autoptr(GError) error = NULL;
    gboolean is_started = FALSE;
    if (courier->step == STEP_SYSLOG)
        say_to_syslog(courier);
    else if (courier->step == STEP_COMMAND && *courier->command)
        is_started = start_command(courier, &error);
    else if (courier->step == STEP_MAIL && *courier->mail)
        is_started = start_mail(courier, &error);
    if (error)
        log_warning("notify", "%s", error->message);
    return is_started;
}

static gboolean begin_notice(Courier *courier)
{
    g_autoptr(GError) error = NULL;
    courier->notice = store_notice_waiting(courier->store, &error);
    if (error)
        log_error("notify", "%s", error->message);
    if (!courier->notice)
        return FALSE;
    courier->said = json_loads(courier->notice->json_text, 0, NULL);
    courier->step = STEP_SYSLOG;
    return TRUE;
}

static gboolean finish_notice(Courier *courier)
{
    g_autoptr(GError) error = NULL;
    if (!store_notice_told(courier->store, courier->notice->id, &error))
        log_error("notify", "%s", error->message);
    drop_notice(courier);
    return error == NULL; /* else it waits for the next look: a full disk must not make an endless circle */
}

/* As far as it goes without a program running. */
static void go_on(Courier *courier)
{
    while (courier->notice || begin_notice(courier)) {
        for (; courier->step != STEP_TOLD; courier->step++)
            if (do_step(courier))
                return;
        if (!finish_notice(courier))
            return;
    }
}

void courier_go(Courier *courier, const SettingsValues *settings)
{
    if (courier->notice)
        return;
    g_free(courier->command);
    g_free(courier->mail);
    courier->command = g_strdup(settings->notify_command);
    courier->mail = g_strdup(settings->notify_mail);
    go_on(courier);
}

gboolean courier_is_idle(const Courier *courier)
{
    return courier->notice == NULL;
}

Courier *courier_new(RootDir *root, Store *store, guint limit_s)
{
    Courier *courier = g_new0(Courier, 1);
    courier->root = root;
    courier->store = store;
    courier->limit_s = limit_s;
    courier->pidfd = -1;
    return courier;
}

void courier_free(Courier *courier)
{
    if (!courier)
        return;
    if (courier->pid) {
        kill(-courier->pid, SIGKILL);
        waitpid(courier->pid, NULL, 0);
        end_program(courier);
    }
    drop_notice(courier);
    g_free(courier->command);
    g_free(courier->mail);
    g_free(courier);
}
