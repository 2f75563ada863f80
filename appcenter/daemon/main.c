/* main.c - appcenterd: options, the three modes (serve, --once, --check-config), signals, sd_notify. */
#include <glib-unix.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/run.h"
#include "daemon/server.h"
#include "daemon/spool.h"
#include "daemon/views.h"

typedef struct {
    char *root;
    gboolean is_foreground, once, check_config, json, version;
} Options;

/* sd_notify(3)'s protocol: a datagram to the socket that NOTIFY_SOCKET names; '@' is the abstract name
 * space. */
static void notify_supervisor(const char *state)
{
    const char *name = g_getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!name || strlen(name) >= sizeof address.sun_path || (*name != '/' && *name != '@'))
        return;
    memcpy(address.sun_path, name, strlen(name));
    if (*name == '@')
        address.sun_path[0] = '\0';
    g_auto(Fd) fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t len = (socklen_t)(G_STRUCT_OFFSET(struct sockaddr_un, sun_path) + strlen(name));
    if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, len) < 0)
        log_warning("daemon", "cannot notify the supervisor at %s", name);
}

static gboolean on_watchdog(gpointer user_data)
{
    (void)user_data;
    notify_supervisor("WATCHDOG=1");
    return G_SOURCE_CONTINUE;
}

/* sd_watchdog_enabled(3)'s protocol: a sign of life from the main loop, twice as often as it is waited for. */
static void feed_watchdog(void)
{
    const char *interval = g_getenv("WATCHDOG_USEC"), *pid = g_getenv("WATCHDOG_PID");
    guint64 usec = 0, wanted_pid = 0;
    if (!interval || !g_ascii_string_to_unsigned(interval, 10, 2000, (guint64)G_MAXUINT * 1000, &usec, NULL))
        return;
    if (pid && (!g_ascii_string_to_unsigned(pid, 10, 1, G_MAXINT, &wanted_pid, NULL) ||
                wanted_pid != (guint64)getpid()))
        return; /* it was meant for who started us */
    g_timeout_add((guint)(usec / 2000), on_watchdog, NULL);
}

/* The running job is asked to finish or undo its step; we end when it has. */
static void terminate(Daemon *daemon)
{
    if (!daemon->is_stopping)
        log_info("daemon", "ending");
    daemon->is_stopping = TRUE;
    notify_supervisor("STOPPING=1");
    jobs_stop(daemon->jobs);
    if (!jobs_is_running(daemon->jobs))
        g_main_loop_quit(daemon->loop);
}

static gboolean on_signal(gint fd, GIOCondition condition, gpointer user_data)
{
    struct signalfd_siginfo info;
    (void)condition;
    while (read(fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGHUP)
            daemon_reload(user_data);
        else
            terminate(user_data);
    }
    return G_SOURCE_CONTINUE;
}

/* A descriptor instead of g_unix_signal_add, which keeps a thread; jobs are spawned with an empty mask. */
static int take_signals(Daemon *daemon, GError **error)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return error_set_errno(error, "cannot listen to signals"), -1;
    g_unix_fd_add(fd, G_IO_IN, on_signal, daemon);
    return fd;
}

static void run_until_idle(Daemon *daemon)
{
    while (!jobs_is_idle(daemon->jobs) && !(daemon->is_stopping && !jobs_is_running(daemon->jobs)))
        g_main_context_iteration(NULL, TRUE);
}

/* Recovery and the apps' start: what admins queued before the last daemon ended may go on behind the open
 * door. */
static void run_own_jobs(Daemon *daemon)
{
    while (jobs_has_own(daemon->jobs) && !(daemon->is_stopping && !jobs_is_running(daemon->jobs)))
        g_main_context_iteration(NULL, TRUE);
}

static int fail(const char *what, const GError *error)
{
    fprintf(stderr, "appcenterd: %s%s\n", what, error->message);
    return error_exit_code(error_kind(error));
}

static int serve(Daemon *daemon)
{
    g_autoptr(GError) error = NULL;
    /* Recovery before anything else (it runs already, so this comes behind it), then the apps, then the
     * door. */
    jobs_queue_own(daemon->jobs, "start-apps", NULL, TRUE);
    run_own_jobs(daemon);
    if (daemon->is_stopping)
        return 0;
    spool_clean(daemon->root, daemon->jobs,
                G_MAXINT64); /* sent to an earlier daemon, for jobs that never came */
    daemon->server = server_start(daemon, &server_limits, &error);
    if (!daemon->server)
        return fail("", error);
    notify_supervisor("READY=1");
    feed_watchdog();
    log_info("daemon", "serving " SERVER_RUN_DIR "/" SERVER_SOCKET_NAME " below \"%s/\"",
             root_dir_path(daemon->root));
    daemon_kick(daemon);
    g_main_loop_run(daemon->loop);
    return 0;
}

static void print_app(json_t *app)
{
    json_t *candidate = json_object_get(app, "candidate");
    const char *name = json_string_value(json_object_get(app, "name"));
    const char *version = json_string_value(json_object_get(app, "version"));
    if (!json_is_object(candidate)) {
        printf("%s %s\n", name, version);
        return;
    }
    printf("%s %s -> %s  %s: %s\n", name, version, json_string_value(json_object_get(candidate, "version")),
           json_string_value(json_object_get(candidate, "verdict")),
           json_string_value(json_object_get(json_object_get(candidate, "reason"), "message")));
}

static gboolean print_ledger(Daemon *daemon, gboolean json, GError **error)
{
    g_autoptr(json_t) view = view_apps(daemon, error);
    if (!view)
        return FALSE;
    if (json) {
        g_autofree char *text = json_to_text(view);
        puts(text);
        return TRUE;
    }
    json_t *apps = json_object_get(view, "apps");
    for (gsize i = 0; i < json_array_size(apps); i++)
        print_app(json_array_get(apps, i));
    return TRUE;
}

/* Recover, refresh, decide, run what is due, print the ledger: for boxes with only cron, and for tests. */
static int once(Daemon *daemon, gboolean json)
{
    g_autoptr(GError) error = NULL;
    ScheduleDecision decision = {0};
    run_until_idle(daemon);
    daemon_queue_poll(daemon);
    run_until_idle(daemon);
    while (!daemon->is_stopping) {
        if (!daemon_decide(daemon, &decision, &error))
            return fail("", error);
        if (!decision.request)
            break;
        daemon_queue_auto(daemon, decision.request);
        g_clear_pointer(&decision.request, request_free);
        run_until_idle(daemon);
    }
    while (!courier_is_idle(daemon->courier) && !daemon->is_stopping)
        g_main_context_iteration(NULL, TRUE);
    if (!print_ledger(daemon, json, &error))
        return fail("", error);
    return MAX(daemon->exit_code, daemon->recovery_exit_code);
}

static int check_config(const char *root_path)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RootDir) root = root_dir_open(root_path, &error);
    g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(Settings) settings = root ? system_load_settings(root, warnings, &error) : NULL;
    g_autoptr(GPtrArray) repositories = settings ? system_load_repositories(root, &error) : NULL;
    for (guint i = 0; i < warnings->len; i++)
        fprintf(stderr, "appcenterd: warning: %s\n", (const char *)warnings->pdata[i]);
    if (!repositories)
        return fail("", error);
    printf("configuration is good; %u repositories\n", repositories->len);
    return 0;
}

static int run(const Options *options)
{
    g_autoptr(GError) error = NULL;
    Daemon daemon = {0};
    int code;
    g_autoptr(RootDir) root = root_dir_open(options->root, &error);
    g_auto(Fd) lock = root ? system_lock(root, "daemon", FALSE, &error) : -1;
    if (lock < 0) {
        if (error_kind(error) == APPCENTER_ERROR_BUSY)
            fprintf(stderr, "appcenterd: another appcenterd serves this root already\n");
        else
            fail("", error);
        return error_exit_code(error_kind(error));
    }
    g_auto(Fd) signals = daemon_open(&daemon, options->root, &error) ? take_signals(&daemon, &error) : -1;
    if (signals >= 0) {
        jobs_queue_own(daemon.jobs, "recover", NULL, TRUE);
        code = options->once ? once(&daemon, options->json) : serve(&daemon);
    } else {
        code = fail("", error);
    }
    daemon_close(&daemon);
    return code;
}

int main(int argc, char **argv)
{
    Options options = {0};
    g_autofree char *root = NULL;
    g_autoptr(GError) error = NULL;
    const GOptionEntry entries[] = {
        {"root", 0, 0, G_OPTION_ARG_FILENAME, &root, "serve the private NAS below DIR", "DIR"},
        {"foreground", 0, 0, G_OPTION_ARG_NONE, &options.is_foreground,
         "stay in the foreground (the only way it runs)", NULL},
        {"once", 0, 0, G_OPTION_ARG_NONE, &options.once, "recover, refresh, run what is due now, print",
         NULL},
        {"check-config", 0, 0, G_OPTION_ARG_NONE, &options.check_config, "check the configuration and exit",
         NULL},
        {"json", 0, 0, G_OPTION_ARG_NONE, &options.json, "print the ledger of --once as JSON", NULL},
        {"version", 0, 0, G_OPTION_ARG_NONE, &options.version, "print the version and exit", NULL},
        G_OPTION_ENTRY_NULL,
    };
    process_begin();
    setlocale(LC_ALL, "");
    g_autoptr(GOptionContext) context = g_option_context_new("- the daemon of App Center");
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || argc > 1) {
        fprintf(stderr, "appcenterd: %s\n", error ? error->message : "unexpected argument; see --help");
        return error_exit_code(APPCENTER_ERROR_INVALID);
    }
    if (options.version) {
        puts("appcenterd " APPCENTER_VERSION);
        return 0;
    }
    if (!root)
        root = g_strdup(g_getenv("APPCENTER_ROOT"));
    options.root = root;
    return options.check_config ? check_config(options.root) : run(&options);
}
