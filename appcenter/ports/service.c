/* service.c - runs an app's scripts: hooks, and its service program with start and stop.
 *
 * Hides how a script is confined (private root or not), what it finds in its environment, and how the package's text
 * reaches the shell: as open files in memory, never as words of a command line. What a script leaves running carries the
 * app's marker, and that is how stop proves an app dead.
 */
#include "ports/service_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SHELL           "/bin/sh"
#define HOOK_TIMEOUT_S  300
#define TERM_WAIT_S     10
#define HOOK_NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"

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

/* What stands before product paths as the scripts see them. */
static const char *seen_prefix(const ServiceContext *context)
{
    return uses_private_root(context) ? "" : root_dir_path(context->root);
}

char *service_path_seen(const ServiceContext *context, const char *path_in_app)
{
    return g_strconcat(seen_prefix(context), context->app_path, "/", path_in_app, NULL);
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

static gboolean enter_private_root(gpointer user_data)
{
    const ServiceContext *context = user_data;
    if (!private_root_enter(root_dir_path(context->root), context->volume_path))
        return FALSE;
    return chdir(context->app_path) == 0 || chdir("/") == 0; /* removed already: its last hooks run from / */
}

/* ---- one run ---- */

static char **make_environment(const ServiceContext *context, const char *const *extra)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    g_autofree char *instance = marker_instance(context->root);
    g_autofree char *folder = g_strconcat(seen_prefix(context), context->app_path, NULL);
    const char *const values[][2] = {
        {"APPCENTER_APP", context->app},
        {"APPCENTER_INSTANCE", instance},
        {"APPCENTER_ROOT", seen_prefix(context)},
        {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
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
    g_auto(Fd) folder = root_dir_openat(context->root, context->app_path, O_RDONLY | O_DIRECTORY, 0, NULL);
    ProcessSpec spec = {.argv = (const char *const *)argv,
                        .envp = (const char *const *)envp,
                        .cwd_fd = folder,
                        .stdin_fd = -1,
                        .pass_fds = run->pass_fds,
                        .n_pass_fds = run->n_pass_fds,
                        .timeout_s = run->timeout_s,
                        .die_with_parent = TRUE};
    if (uses_private_root(context)) {
        spec.child_setup = enter_private_root;
        spec.child_setup_data = (gpointer)context;
    }
    if (run->may_be_cancelled) {
        spec.is_cancelled = context->is_cancelled;
        spec.is_cancelled_data = context->user_data;
    }
    gboolean is_good = process_run_checked(&spec, &result, error);
    if (context->log_output && result.output && *result.output)
        context->log_output(context->app, run->what, result.output, context->user_data);
    if (!is_good)
        g_prefix_error(error, "%s: ", run->what);
    return is_good;
}

/* ---- hooks ---- */

/* The text as a file without a name, readable by number. */
static int text_as_file(const char *name, const char *text, GError **error)
{
    g_auto(Fd) fd = memfd_create(name, MFD_CLOEXEC);
    if (fd < 0) {
        error_set_errno(error, "a file in memory");
        return -1;
    }
    return files_write_all(fd, text, strlen(text), error) ? fd_steal(&fd) : -1;
}

gboolean service_run_hook(const ServiceContext *context, const char *hook, GError **error)
{
    if (strspn(hook, HOOK_NAME_CHARS) != strlen(hook))
        return error_set(error, APPCENTER_ERROR_INVALID, "wanted the name of a hook, found \"%s\"", hook);
    if (!context->routines || !strstr(context->routines, hook))
        return TRUE;
    g_auto(Fd) prelude = text_as_file("prelude", service_prelude, error);
    g_auto(Fd) routines = prelude < 0 ? -1 : text_as_file("package_routines", context->routines, error);
    if (routines < 0)
        return FALSE;
    int fds[] = {prelude, routines};
    g_autofree char *prelude_path = g_strdup_printf("/proc/self/fd/%d", prelude);
    g_autofree char *routines_path = g_strdup_printf("/proc/self/fd/%d", routines);
    const char *arguments[] = {prelude_path, routines_path, hook, NULL};
    ServiceRun run = {.what = hook,
                      .program = SHELL,
                      .arguments = arguments,
                      .pass_fds = fds,
                      .n_pass_fds = G_N_ELEMENTS(fds),
                      .timeout_s = HOOK_TIMEOUT_S,
                      .may_be_cancelled = TRUE};
    return service_run(context, &run, error);
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

gboolean service_kill(const RootDir *root, const char *app, GError **error)
{
    return marker_kill(root, app, TERM_WAIT_S, error);
}
