/* service_test.c - scripts of an app: what they see, how they end, who is proved dead, what counts as healthy.
 *
 * Each test that runs scripts does it twice: unconfined, and in a private root where that is permitted.
 */
#include "tests.h"

#include "ports/service_internal.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define VOLUME_PATH "/share/CACHEDEV1_DATA"
#define APP_PATH    VOLUME_PATH "/.qpkg/Photo"
#define PID_FILE    "/var/run/photo.pid"
#define UNCONFINED  "APPCENTER_UNCONFINED_SCRIPTS"

/* A daemon that writes its pid file; %s is what it runs. */
#define DAEMON(work) "(" work ") >/dev/null 2>&1 & echo $! > $APPCENTER_ROOT/var/run/photo.pid\n"

typedef struct {
    Scratch scratch;
    QpkgIdentity identity;
    ServiceContext context;
    GString *logged;
} App;

static void log_output(const char *app, const char *what, const char *output, gpointer user_data)
{
    App *self = user_data;
    g_assert_cmpstr(app, ==, "Photo");
    g_string_append_printf(self->logged, "%s: %s", what, output);
}

/* script: the service program's body; NULL: it has none. */
static void app_init(App *app, const char *script)
{
    scratch_init(&app->scratch);
    scratch_write(&app->scratch, APP_PATH "/data/x", "1");
    scratch_write(&app->scratch, "/var/run/x", "");
    app->logged = g_string_new(NULL);
    app->identity = (QpkgIdentity){.start_timeout_s = 20, .stop_timeout_s = 20};
    if (script) {
        g_autofree char *path = scratch_path(&app->scratch, APP_PATH "/photo.sh");
        g_autofree char *text = g_strconcat("#!/bin/sh\n", script, NULL);
        scratch_write(&app->scratch, APP_PATH "/photo.sh", text);
        g_assert_cmpint(chmod(path, 0755), ==, 0);
        app->identity.service_program = (char *)"photo.sh";
    }
    app->context = (ServiceContext){.root = app->scratch.root,
                                    .volume_path = VOLUME_PATH,
                                    .app = "Photo",
                                    .version = "6.1.2",
                                    .app_path = APP_PATH,
                                    .identity = &app->identity,
                                    .health_timeout_s = 3,
                                    .log_output = log_output,
                                    .user_data = app};
}

static void app_clear(App *app)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(service_kill(app->scratch.root, "Photo", &error));
    g_string_free(app->logged, TRUE);
    scratch_clear(&app->scratch);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(App, app_clear)

static char *read_file(const App *app, const char *path)
{
    char *text = NULL;
    g_autofree char *host = scratch_path(&app->scratch, path);
    g_file_get_contents(host, &text, NULL, NULL);
    return text;
}

static guint count_processes(const App *app)
{
    g_autoptr(GArray) pids = marker_pids(app->scratch.root, "Photo");
    return pids->len;
}

/* What tests find that do not care: a private root, or unconfined scripts where that is not permitted. */
static void confine_where_permitted(void)
{
    Scratch scratch = {0};
    scratch_init(&scratch);
    if (private_root_is_permitted(scratch.path, VOLUME_PATH, NULL))
        g_assert_cmpint(unsetenv(UNCONFINED), ==, 0);
    else
        g_assert_cmpint(setenv(UNCONFINED, "1", 1), ==, 0);
    scratch_clear(&scratch);
}

/* Runs a test in each way that this machine permits. */
static void in_each_way(void (*test)(void))
{
    Scratch scratch = {0};
    scratch_init(&scratch);
    g_assert_cmpint(setenv(UNCONFINED, "1", 1), ==, 0);
    test();
    if (private_root_is_permitted(scratch.path, VOLUME_PATH, NULL)) {
        g_assert_cmpint(unsetenv(UNCONFINED), ==, 0);
        test();
    } else {
        g_test_message("private roots are not permitted here: only unconfined scripts were tested");
    }
    confine_where_permitted();
    scratch_clear(&scratch);
}

#define MUST(call)                                                                                           \
    G_STMT_START                                                                                             \
    {                                                                                                        \
        g_autoptr(GError) error = NULL;                                                                      \
        gboolean answer = call;                                                                              \
        g_assert_no_error(error);                                                                            \
        g_assert_true(answer);                                                                               \
    }                                                                                                        \
    G_STMT_END

#define MUST_FAIL(call, kind, part)                                                                          \
    G_STMT_START                                                                                             \
    {                                                                                                        \
        g_autoptr(GError) error = NULL;                                                                      \
        g_assert_false(call);                                                                                \
        assert_error(&error, kind, part);                                                                    \
    }                                                                                                        \
    G_STMT_END

/* ---- hooks ---- */

static void hook_sees_the_names_of_qts(void)
{
    g_auto(App) app = {0};
    app_init(&app, NULL);
    app.context.routines =
        "pkg_install() {\n"
        "  $CMD_ECHO \"$QPKG_NAME $QPKG_VER $APPCENTER_APP $(cat data/x)\" > $SYS_QPKG_DIR/made\n"
        "  [ \"$(pwd -P)\" = \"$(cd $SYS_EXTRACT_DIR && pwd -P)\" ] && $CMD_MKDIR -p $SYS_CONFIG_DIR\n"
        "  log hello; cat\n"
        "}\n";
    MUST(service_run_hook(&app.context, "pkg_install", &error));
    g_autofree char *made = read_file(&app, APP_PATH "/made");
    g_assert_cmpstr(made, ==, "Photo 6.1.2 Photo 1\n");
    g_assert_cmpstr(app.logged->str, ==, "pkg_install: hello\n");
    g_autofree char *config = scratch_path(&app.scratch, "/etc/config");
    g_assert_true(g_file_test(config, G_FILE_TEST_IS_DIR));
}

static void hooks_see_the_names_of_qts(void)
{
    in_each_way(hook_sees_the_names_of_qts);
}

static void hook_that_is_absent_is_success(void)
{
    g_auto(App) app = {0};
    app_init(&app, NULL);
    MUST(service_run_hook(&app.context, "pkg_install", &error));
    app.context.routines = "# pkg_install is not here\npkg_init() { exit 1; }\n";
    MUST(service_run_hook(&app.context, "pkg_install", &error));
    MUST(service_run_hook(&app.context, "PKG_PRE_REMOVE", &error));
    MUST_FAIL(service_run_hook(&app.context, "x; id", &error), APPCENTER_ERROR_INVALID, "\"x; id\"");
}

static void absent_hooks_are_success(void)
{
    in_each_way(hook_that_is_absent_is_success);
}

static void hook_failure_is_failure(void)
{
    g_auto(App) app = {0};
    app_init(&app, NULL);
    app.context.routines = "pkg_install() { err_log \"no room for photos\"; touch $SYS_QPKG_DIR/after; }\n"
                           "pkg_post_install() { echo bad; exit 3; }\n";
    MUST_FAIL(service_run_hook(&app.context, "pkg_install", &error), APPCENTER_ERROR_SCRIPT,
              "ended with exit code 1: no room for photos");
    g_autofree char *after = read_file(&app, APP_PATH "/after");
    g_assert_null(after);
    MUST_FAIL(service_run_hook(&app.context, "pkg_post_install", &error), APPCENTER_ERROR_SCRIPT,
              "exit code 3: bad");
}

static void failure_of_a_hook_is_failure(void)
{
    in_each_way(hook_failure_is_failure);
}

/* QTS ignores it, and many a hook ends with a test that does not hold. */
static void what_a_hook_returns(void)
{
    g_auto(App) app = {0};
    app_init(&app, NULL);
    app.context.routines = "pkg_install() { [ -f /none ] && $CMD_TOUCH x; }\n";
    MUST(service_run_hook(&app.context, "pkg_install", &error));
    g_assert_nonnull(strstr(app.logged->str, "pkg_install returned 1"));
}

static void what_a_hook_returns_says_nothing(void)
{
    in_each_way(what_a_hook_returns);
}

/* On QTS it is one shell. $0 and the arguments are as there, too. */
static void hooks_of_one_install_share_their_variables(void)
{
    g_auto(App) app = {0};
    app_init(&app, NULL);
    g_autoptr(GString) state = g_string_new(NULL);
    app.context.hook_state = state;
    app.context.extract_path = VOLUME_PATH "/extract";
    scratch_write(&app.scratch, VOLUME_PATH "/extract/readme", "read me");
    app.context.routines = "readonly FIXED=1\nCHANGED=before\n[ -z \"$1\" ] || exit 9\n"
                           "pkg_init() { QUOTE=\"it's\n two\"; CHANGED=after; SYS_X=y; }\n"
                           "pkg_install() { echo \"$QUOTE,$CHANGED,$SYS_X,$FIXED,$(cat readme),$0\"; }\n";
    MUST(service_run_hook(&app.context, "pkg_init", &error));
    MUST(service_run_hook(&app.context, "pkg_install", &error));
    g_assert_cmpstr(app.logged->str, ==, "pkg_install: it's\n two,after,y,1,read me,./qinstall.sh\n");
}

static void hooks_of_one_install_share_variables(void)
{
    in_each_way(hooks_of_one_install_share_their_variables);
}

static void hooks_find_the_keys_and_helpers(void)
{
    g_auto(App) app = {0};
    app_init(&app, NULL);
    scratch_write(&app.scratch, "/etc/config/def_share.info", "[SHARE_DEF]\ndefDownload = Loads\n");
    scratch_write(&app.scratch, "/etc/config/smb.conf", "[Loads]\npath = /share/Loads\n[other]\npath=/x\n");
    scratch_write(&app.scratch, "/etc/config/qpkg.conf", "[Photo]\nInstall_Path = /p\nEnable = TRUE\n");
    scratch_write(&app.scratch, VOLUME_PATH "/Public/x", "");
    app.context.config_text = "QPKG_NAME=\"Forged\"\nQPKG_WEBUI=\"/a b/\"\nQPKG_X='$(id)'\nAPPCENTER_APP=x\n";
    app.context.routines =
        "pkg_install() {\n"
        "  echo \"$QPKG_NAME|$QPKG_WEBUI|$QPKG_X|$APPCENTER_APP\"\n"
        "  echo \"$SYS_DOWNLOAD_SHARE $SYS_DOWNLOAD_PATH ${SYS_PUBLIC_PATH##*/} <$SYS_WEB_PATH>\"\n"
        "  get_share_path other there && echo $there\n"
        "  is_less 1.9 1.10 && is_equal 1.0 1 && ! is_greater_or_equal 1.2 1.3 && echo ordered\n"
        "  [ -x \"$CMD_SED\" ] && [ -x \"$CMD_GETCFG\" ] && echo there\n"
        "  $CMD_LOG_TOOL -t0 -uSystem -p127.0.0.1 -mlocalhost -a \"to the log\"\n"
        "  is_qpkg_enabled Photo && $CMD_GETCFG Photo $SYS_QPKG_CONF_FIELD_INSTALL_PATH -f "
        "$SYS_QPKG_CONFIG_FILE\n"
        "  set_qpkg_field My_Key 1; set_progress_fail\n"
        "}\n";
    MUST(service_run_hook(&app.context, "pkg_install", &error));
    g_assert_cmpstr(app.logged->str, ==,
                    "pkg_install: Photo|/a b/|$(id)|Photo\nLoads /share/Loads Public <>\n/x\nordered\nthere\n"
                    "to the log\n/p\n");
    g_autofree char *view = read_file(&app, "/etc/config/qpkg.conf");
    g_assert_nonnull(strstr(view, "My_Key = 1\n"));
}

static void hooks_find_the_keys_of_qpkg_cfg_and_qts_helpers(void)
{
    in_each_way(hooks_find_the_keys_and_helpers);
}

static void removal_text_is_run(void)
{
    g_auto(App) app = {0};
    app_init(&app, NULL);
    app.context.routines = "PKG_PRE_REMOVE=\"{\n  $CMD_TOUCH $SYS_QPKG_DIR/gone\n  log bye\n}\"\n"
                           "PKG_POST_REMOVE='exit 3'\n";
    MUST(service_run_hook(&app.context, "PKG_PRE_REMOVE", &error));
    MUST(service_run_hook(&app.context, "PKG_MAIN_REMOVE", &error));
    g_autofree char *gone = read_file(&app, APP_PATH "/gone");
    g_assert_nonnull(gone);
    MUST_FAIL(service_run_hook(&app.context, "PKG_POST_REMOVE", &error), APPCENTER_ERROR_SCRIPT,
              "exit code 3");
}

static void text_variables_of_a_removal_are_run(void)
{
    in_each_way(removal_text_is_run);
}

/* Only with a private root: a path of the NAS is one of the scratch folder, and the host's are read-only. */
static void a_private_root_keeps_scripts_off_the_host(void)
{
    g_auto(App) app = {0};
    g_autofree char *why = NULL;
    app_init(&app, NULL);
    if (!private_root_is_permitted(app.scratch.path, VOLUME_PATH, &why)) {
        g_assert_cmpint(unsetenv(UNCONFINED), ==, 0);
        MUST_FAIL(service_may_run(&app.context, &error), APPCENTER_ERROR_DENIED, "private root");
        confine_where_permitted();
        g_test_skip(why);
        return;
    }
    app.context.routines =
        "pkg_install() { echo 1 > " APP_PATH "/made; touch /usr/appcenter-was-here && exit 9; :; }\n";
    MUST(service_may_run(&app.context, &error));
    MUST(service_run_hook(&app.context, "pkg_install", &error));
    g_autofree char *made = read_file(&app, APP_PATH "/made");
    g_assert_cmpstr(made, ==, "1\n");
}

/* ---- start and stop ---- */

static void daemon_starts_and_is_proved_dead(void)
{
    g_auto(App) app = {0};
    app_init(&app, "case $1 in\nstart) " DAEMON("exec sleep 300") ";;\nstop) echo asked ;;\nesac\n");
    app.identity.pid_file = (char *)PID_FILE;
    g_assert_false(service_is_running(&app.context));
    MUST(service_start(&app.context, &error));
    g_assert_true(service_is_running(&app.context));
    g_assert_cmpuint(count_processes(&app), ==, 1);
    MUST(service_stop(&app.context, &error)); /* its script only says so: the marker finds the daemon */
    g_assert_cmpstr(app.logged->str, ==, "stop: asked\n");
    g_assert_cmpuint(count_processes(&app), ==, 0);
    g_assert_false(service_is_running(&app.context));
    MUST(service_stop(&app.context, &error));
}

static void a_daemon_lives_on_after_its_script_and_dies_at_stop(void)
{
    in_each_way(daemon_starts_and_is_proved_dead);
}

static void start_fails_in_three_ways(void)
{
    g_auto(App) app = {0};
    app_init(&app, "case $1 in\nstart) sleep 300 ;;\nstop) exit 1 ;;\nesac\n");
    app.identity.start_timeout_s = 1;
    MUST_FAIL(service_start(&app.context, &error), APPCENTER_ERROR_SCRIPT,
              "start: photo.sh: did not end within 1 s");
    MUST(service_stop(&app.context, &error)); /* a script that cannot is no reason */
    scratch_write(&app.scratch, APP_PATH "/photo.sh", "#!/bin/sh\necho no database >&2\nexit 7\n");
    MUST_FAIL(service_start(&app.context, &error), APPCENTER_ERROR_SCRIPT,
              "ended with exit code 7: no database");
    scratch_write(&app.scratch, APP_PATH "/photo.sh", "#!/bin/sh\nkill -SEGV $$\n");
    MUST_FAIL(service_start(&app.context, &error), APPCENTER_ERROR_SCRIPT, "was ended by signal 11");
    app.identity.service_program = (char *)"none.sh";
    MUST_FAIL(service_start(&app.context, &error), APPCENTER_ERROR_SCRIPT, "none.sh is not there");
    app.identity.service_program = NULL;
    MUST(service_start(&app.context, &error));
}

static void exit_signal_and_time_out_are_told_apart(void)
{
    in_each_way(start_fails_in_three_ways);
}

static void script_without_its_bit_is_read_by_the_shell(void)
{
    g_auto(App) app = {0};
    app_init(&app, "");
    g_autofree char *path = scratch_path(&app.scratch, APP_PATH "/photo.sh");
    scratch_write(&app.scratch, APP_PATH "/photo.sh", "echo $1 > data/did\n");
    g_assert_cmpint(chmod(path, 0644), ==, 0);
    MUST(service_start(&app.context, &error));
    g_autofree char *did = read_file(&app, APP_PATH "/data/did");
    g_assert_cmpstr(did, ==, "start\n");
}

static void a_script_without_its_bit_is_read_by_the_shell(void)
{
    in_each_way(script_without_its_bit_is_read_by_the_shell);
}

/* ---- health ---- */

static void health_by_pid_file(void)
{
    g_auto(App) app = {0};
    app_init(&app, "sleep 0.5\n" DAEMON("sleep 300"));
    app.identity.pid_file = (char *)PID_FILE;
    app.context.health_settle_s = 1;
    MUST(service_start(&app.context, &error));
    MUST(service_health(&app.context, &error));
    MUST(service_kill(app.scratch.root, "Photo", &error));
    gint64 begin_us = g_get_monotonic_time();
    MUST_FAIL(service_health(&app.context, &error), APPCENTER_ERROR_HEALTH,
              "no process of its pid file " PID_FILE " and none of its processes runs");
    g_assert_cmpint(g_get_monotonic_time() - begin_us, <, G_USEC_PER_SEC); /* at once */
}

static void a_pid_file_and_its_process_are_healthy(void)
{
    in_each_way(health_by_pid_file);
}

static void a_daemon_that_dies_while_it_settles_is_not_healthy(void)
{
    g_auto(App) app = {0};
    app_init(&app, DAEMON("sleep 1"));
    app.identity.pid_file = (char *)PID_FILE;
    app.context.health_settle_s = 30;
    MUST(service_start(&app.context, &error));
    gint64 begin_us = g_get_monotonic_time();
    MUST_FAIL(service_health(&app.context, &error), APPCENTER_ERROR_HEALTH, "it ended");
    g_assert_cmpint(g_get_monotonic_time() - begin_us, <, 15 * G_USEC_PER_SEC);
}

static void a_strangers_pid_is_not_alive(void)
{
    g_auto(App) app = {0};
    g_autofree char *own_pid = g_strdup_printf("%d\n", (int)getpid());
    app_init(&app, "exit 0");
    app.identity.pid_file = (char *)PID_FILE;
    scratch_write(&app.scratch, PID_FILE, own_pid);
    MUST_FAIL(service_health(&app.context, &error), APPCENTER_ERROR_HEALTH, "no process of its pid file");
}

static void an_app_without_a_daemon_is_healthy_when_its_script_was(void)
{
    g_auto(App) app = {0};
    app_init(&app, "exit 0");
    MUST(service_start(&app.context, &error));
    MUST(service_health(&app.context, &error));
    app.identity.health = (char *)"exec:probe.sh 1 2";
    scratch_write(&app.scratch, APP_PATH "/probe.sh", "#!/bin/sh\n[ $# = 2 ] || exit 4; [ -e data/good ]\n");
    g_autofree char *path = scratch_path(&app.scratch, APP_PATH "/probe.sh");
    g_assert_cmpint(chmod(path, 0755), ==, 0);
    app.context.health_timeout_s = 1;
    MUST_FAIL(service_health(&app.context, &error), APPCENTER_ERROR_HEALTH,
              "health: probe.sh: ended with exit code 1");
    scratch_write(&app.scratch, APP_PATH "/data/good", "");
    MUST(service_health(&app.context, &error));
}

/* A server in a child that gives each caller this answer (NULL: it takes the call and is silent). */
static pid_t serve(const char *answer, guint16 *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, len), ==, 0);
    g_assert_cmpint(listen(fd, 16), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&address, &len), ==, 0);
    *port = ntohs(address.sin_port);
    pid_t pid = fork();
    while (pid == 0) {
        char request[512];
        int caller = accept(fd, NULL, NULL);
        ssize_t n = read(caller, request, sizeof request);
        if (n > 0 && answer && write(caller, answer, strlen(answer)) < 0)
            _exit(1);
        if (answer || n <= 0)
            close(caller);
    }
    close(fd);
    return pid;
}

static const struct {
    const char *health, *answer, *failure; /* NULL: healthy */
} answers[] = {
    {"http:/ok", "HTTP/1.1 200 OK\r\n\r\n", NULL},
    {"http:/ok", "HTTP/1.0 204 No\r\n", NULL},
    {"http:/ok", "HTTP/1.1 500 Oops\r\n\r\n", "GET /ok on port %u: wanted a status 2xx, found 500"},
    {"http:/ok", "SSH-2.0-x\r\n", "wanted a status 2xx, found no HTTP"},
    {"http:/ok", "", "wanted a status 2xx, found nothing"},
    {"port", "", NULL},
    {NULL, "", NULL},
};

static void a_port_is_asked(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(answers); i++) {
        g_auto(App) app = {0};
        app_init(&app, "exit 0");
        pid_t server = serve(answers[i].answer, &app.identity.service_port);
        app.identity.health = (char *)answers[i].health;
        app.context.health_timeout_s = 1;
        g_autoptr(GError) error = NULL;
        g_autoptr(GString) failure = g_string_new(answers[i].failure);
        g_autofree char *port = g_strdup_printf("%u", app.identity.service_port);
        g_string_replace(failure, "%u", port, 0);
        gboolean is_healthy = service_health(&app.context, &error);
        kill(server, SIGKILL);
        waitpid(server, NULL, 0);
        g_assert_cmpint(is_healthy, ==, answers[i].failure == NULL);
        if (!is_healthy)
            assert_error(&error, APPCENTER_ERROR_HEALTH, failure->str);
        g_assert_false(service_health(&app.context, &error)); /* nobody is there any more */
    }
}

static gboolean at_once(gpointer user_data)
{
    (void)user_data;
    return TRUE;
}

static void a_cancelled_health_check_ends_at_once(void)
{
    g_auto(App) app = {0};
    app_init(&app, DAEMON("sleep 300"));
    app.identity.pid_file = (char *)PID_FILE;
    app.context.health_settle_s = 100;
    MUST(service_start(&app.context, &error));
    app.context.is_cancelled = at_once;
    MUST_FAIL(service_health(&app.context, &error), APPCENTER_ERROR_CANCELLED, "cancelled");
}

#define ADD(name) g_test_add_func("/service/" #name, name)

void service_tests(void)
{
    confine_where_permitted();
    ADD(hooks_see_the_names_of_qts);
    ADD(absent_hooks_are_success);
    ADD(failure_of_a_hook_is_failure);
    ADD(what_a_hook_returns_says_nothing);
    ADD(hooks_of_one_install_share_variables);
    ADD(hooks_find_the_keys_of_qpkg_cfg_and_qts_helpers);
    ADD(text_variables_of_a_removal_are_run);
    ADD(a_private_root_keeps_scripts_off_the_host);
    ADD(a_daemon_lives_on_after_its_script_and_dies_at_stop);
    ADD(exit_signal_and_time_out_are_told_apart);
    ADD(a_script_without_its_bit_is_read_by_the_shell);
    ADD(a_pid_file_and_its_process_are_healthy);
    ADD(a_daemon_that_dies_while_it_settles_is_not_healthy);
    ADD(a_strangers_pid_is_not_alive);
    ADD(an_app_without_a_daemon_is_healthy_when_its_script_was);
    ADD(a_port_is_asked);
    ADD(a_cancelled_health_check_ends_at_once);
    service_view_tests();
}
