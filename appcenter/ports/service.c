/* service.c - runs an app's scripts, first of all its service program with start and stop.
 *
 * Hides how a script is confined (private root or not) and what it finds in its environment. What a script leaves running
 * carries the app's marker, and that is how stop proves an app dead.
 */
#include "ports/service_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHELL       "/bin/sh"
#define TERM_WAIT_S 10
#define SCRIPT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* ---- where scripts run ---- */

static gboolean is_unconfined_by_choice(void)
{
    const char *choice = getenv("APPCENTER_UNCONFINED_SCRIPTS");
    return choice && strcmp(choice, "1") == 0;
}

static gboolean uses_private_root(const ServiceContext *context)
{
    return root_dir_is_private(context->root) && !is_unconfined_by_choice();
}

const char *service_seen_prefix(const ServiceContext *context)
{
    return uses_private_root(context) ? "" : root_dir_path(context->root);
}

char *service_path_seen(const ServiceContext *context, const char *path_in_app)
{
    return g_strconcat(service_seen_prefix(context), context->app_path, "/", path_in_app, NULL);
}

gboolean service_may_run(const ServiceContext *context, GError **error)
{
    g_autofree char *why = NULL;
    if (!uses_private_root(context) ||
        private_root_is_permitted(root_dir_path(context->root), context->volume_path, &why))
        return TRUE;
    return error_set(error, APPCENTER_ERROR_DENIED,
                     "scripts of packages need a root of their own here, and that is not permitted: %s", why);
}

/* build/libexec/appcenter-job has them beside itself; programs elsewhere in the build or in PREFIX find them there. */
static char *find_tools(void)
{
    static const char *const places[] = {"tools", "../libexec/tools", "../libexec/appcenter/tools"};
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = self ? g_path_get_dirname(self) : NULL;
    for (gsize i = 0; folder && i < G_N_ELEMENTS(places); i++) {
        g_autofree char *path = g_build_filename(folder, places[i], NULL);
        char *found = g_canonicalize_filename(path, NULL);
        if (g_file_test(found, G_FILE_TEST_IS_DIR))
            return found;
        g_free(found);
    }
    return g_strdup("");
}

const char *service_tools_path(void)
{
    static char *path;
    if (!path)
        path = find_tools();
    return *path ? path : NULL;
}

typedef struct {
    const ServiceContext *context;
    const char *cwd;
    int group;
} Entrance;

static gboolean enter(gpointer user_data)
{
    const Entrance *entrance = user_data;
    const ServiceContext *context = entrance->context;
    marker_group_join(entrance->group);
    if (!uses_private_root(context))
        return TRUE;
    if (!private_root_enter(root_dir_path(context->root), context->volume_path, service_tools_path()))
        return FALSE;
    return chdir(entrance->cwd) == 0 || chdir("/") == 0; /* removed already: its last hooks run from / */
}

/* ---- one run ---- */

static char **make_environment(const ServiceContext *context, const char *const *extra)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    g_autofree char *instance = marker_instance(context->root);
    g_autofree char *folder = g_strconcat(service_seen_prefix(context), context->app_path, NULL);
    /* in a private root they stand in /sbin */
    const char *tools = uses_private_root(context) ? NULL : service_tools_path();
    g_autofree char *path = g_strconcat(SCRIPT_PATH, tools ? ":" : "", tools, NULL);
    const char *const values[][2] = {
        {"APPCENTER_APP", context->app},
        {"APPCENTER_INSTANCE", instance},
        {"APPCENTER_ROOT", service_seen_prefix(context)},
        {"PATH", path},
        {"HOME", "/"},
        {"LANG", "C"},
        {"QPKG_NAME", context->app},
        {"QPKG_VER", context->version ? context->version : ""},
        {"QPKG_ROOT", folder},
        {"SYS_QPKG_DIR", folder},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autofree char *entry = g_strconcat(values[i][0], "=", values[i][1], NULL);
        g_strv_builder_add(builder, entry);
    }
    for (; extra && *extra; extra++)
        g_strv_builder_add(builder, *extra);
    return g_strv_builder_end(builder);
}

static char **make_arguments(const ServiceRun *run)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    g_strv_builder_add(builder, run->program);
    for (const char *const *argument = run->arguments; argument && *argument; argument++)
        g_strv_builder_add(builder, *argument);
    return g_strv_builder_end(builder);
}

gboolean service_run(const ServiceContext *context, const ServiceRun *run, GError **error)
{
    g_auto(ProcessResult) result = {0};
    g_auto(GStrv) argv = make_arguments(run);
    g_auto(GStrv) envp = make_environment(context, run->extra_env);
    if (!service_may_run(context, error))
        return FALSE;
    g_auto(Fd) group = marker_group_open(context->root, context->app);
    Entrance entrance = {context, run->cwd ? run->cwd : context->app_path, group};
    g_auto(Fd) folder = root_dir_openat(context->root, entrance.cwd, O_RDONLY | O_DIRECTORY, 0, NULL);
    ProcessSpec spec = {.argv = (const char *const *)argv,
                        .envp = (const char *const *)envp,
                        .cwd_fd = folder,
                        .stdin_fd = -1,
                        .pass_fds = run->pass_fds,
                        .n_pass_fds = run->n_pass_fds,
                        .timeout_s = run->timeout_s,
                        .die_with_parent = TRUE,
                        .child_setup = enter,
                        .child_setup_data = &entrance};
    if (run->may_be_cancelled) {
        spec.is_cancelled = context->is_cancelled;
        spec.is_cancelled_data = context->user_data;
    }
    gboolean is_good = process_run_checked(&spec, &result, error);
    marker_tidy(context->root, context->app);
    if (context->log_output && result.output && *result.output)
        context->log_output(context->app, run->what, result.output, context->user_data);
    if (!is_good)
        g_prefix_error(error, "%s: ", run->what);
    return is_good;
}

/* ---- the service program ---- */

/* Runs by itself when it may be executed and says by what ("#!") or is a program; else the shell reads it. */
static gboolean runs_by_itself(int fd)
{
    struct stat st;
    char magic[4] = {0};
    if (fstat(fd, &st) != 0 || !(st.st_mode & S_IXUSR) || pread(fd, magic, sizeof magic, 0) < 2)
        return FALSE;
    return memcmp(magic, "#!", 2) == 0 || memcmp(magic, "\177ELF", 4) == 0;
}

/* -1 without an error: the app has none, or its folder is gone. */
static int open_program(const ServiceContext *context, GError **error)
{
    const char *program = context->identity->service_program;
    if (!program)
        return -1;
    g_autoptr(GError) failure = NULL;
    g_autofree char *path = g_strconcat(context->app_path, "/", program, NULL);
    int fd = root_dir_openat(context->root, path, O_RDONLY | O_NONBLOCK, 0, &failure);
    if (fd < 0 && error_kind(failure) != APPCENTER_ERROR_NOT_FOUND)
        g_propagate_error(error, g_steal_pointer(&failure));
    return fd;
}

static gboolean run_program(const ServiceContext *context, int program_fd, const char *action,
                            gint64 timeout_s, gboolean may_be_cancelled, GError **error)
{
    gboolean by_itself = runs_by_itself(program_fd);
    g_autofree char *path = service_path_seen(context, context->identity->service_program);
    const char *arguments[] = {by_itself ? action : path, by_itself ? NULL : action, NULL};
    ServiceRun run = {.what = action,
                      .program = by_itself ? path : SHELL,
                      .arguments = arguments,
                      .timeout_s = timeout_s,
                      .may_be_cancelled = may_be_cancelled};
    return service_run(context, &run, error);
}

gboolean service_start(const ServiceContext *context, GError **error)
{
    const QpkgIdentity *identity = context->identity;
    g_autoptr(GError) failure = NULL;
    if (!identity->service_program)
        return TRUE;
    g_auto(Fd) program = open_program(context, &failure);
    if (failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (program < 0)
        return error_set(error, APPCENTER_ERROR_SCRIPT, "start: its service program %s is not there",
                         identity->service_program);
    return run_program(context, program, "start", identity->start_timeout_s, TRUE, error);
}

gboolean service_stop(const ServiceContext *context, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_auto(Fd) program = open_program(context, &failure);
    /* a script that cannot stop its app is no reason to leave it running: the proof below counts */
    if (failure || (program >= 0 && !run_program(context, program, "stop", context->identity->stop_timeout_s,
                                                 FALSE, &failure)))
        log_warning("service", "%s: %s", context->app, failure->message);
    return marker_kill(context->root, context->app, TERM_WAIT_S, error);
}

void service_say_remove(const ServiceContext *context)
{
    g_autoptr(GError) failure = NULL;
    g_auto(Fd) program = open_program(context, &failure);
    if (failure || (program >= 0 && !run_program(context, program, "remove",
                                                 context->identity->stop_timeout_s, FALSE, &failure)))
        log_info("service", "%s: %s", context->app, failure->message);
}

gboolean service_kill(const RootDir *root, const char *app, GError **error)
{
    return marker_kill(root, app, TERM_WAIT_S, error);
}
