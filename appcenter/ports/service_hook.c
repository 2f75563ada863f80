/* service_hook.c - runs one function or text of package_routines.
 *
 * Hides how the package's text reaches the shell: as open files in memory, never as words of a command line; and what the
 * shell finds in its environment: the keys of qpkg.cfg and the commands that QTS names. QTS's shell is bash, and hooks
 * are written for it, so it is taken where it is there.
 */
#include "ports/service_internal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BASH            "/bin/bash"
#define SHELL           "/bin/sh"
#define SERVICE_S_MAX   30 /* what QTS gives a service script whose package does not say it */
#define HOOK_FACTOR     10 /* hooks unpack and convert things, which takes longer than a start or stop */
#define STATE_BYTES_MAX (256 * 1024)
#define HOOK_NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"

/* Names that hooks use (CMD_AWK ...), and the program of each. */
static const char *const commands[][2] = {
    {"AWK", "awk"},       {"BASENAME", "basename"},
    {"CAT", "cat"},       {"CHMOD", "chmod"},
    {"CHOWN", "chown"},   {"CP", "cp"},
    {"CUT", "cut"},       {"DATE", "date"},
    {"ECHO", "echo"},     {"DIRNAME", "dirname"},
    {"EXPR", "expr"},     {"FIND", "find"},
    {"GREP", "grep"},     {"GZIP", "gzip"},
    {"LN", "ln"},         {"HOSTNAME", "hostname"},
    {"LS", "ls"},         {"MD5SUM", "md5sum"},
    {"MV", "mv"},         {"MKDIR", "mkdir"},
    {"RM", "rm"},         {"RMDIR", "rmdir"},
    {"SED", "sed"},       {"SLEEP", "sleep"},
    {"SORT", "sort"},     {"SYNC", "sync"},
    {"TAR", "tar"},       {"TOUCH", "touch"},
    {"TR", "tr"},         {"UNAME", "uname"},
    {"WC", "wc"},         {"WGET", "wget"},
    {"XARGS", "xargs"},   {"7Z", "7z"},
    {"QSH", "qsh"},       {"GETCFG", "getcfg"},
    {"SETCFG", "setcfg"},
};

/* ---- the environment ---- */

/* Full path where the host has it (hooks ask for "-x $CMD_..."), else the name alone. /usr/local is the NAS's own. */
static char *command_path(const ServiceContext *context, const char *program)
{
    static const char *const folders[] = {"/sbin", "/bin", "/usr/bin", "/usr/sbin"};
    for (gsize i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_autofree char *path = g_build_filename(folders[i], program, NULL);
        if (access(path, X_OK) == 0)
            return g_steal_pointer(&path);
    }
    g_autofree char *tool =
        service_tools_path() ? g_build_filename(service_tools_path(), program, NULL) : NULL;
    if (!tool || access(tool, X_OK) != 0)
        return g_strdup(program);
    gboolean is_in_sbin = root_dir_is_private(context->root) && !*service_seen_prefix(context);
    return is_in_sbin ? g_build_filename("/sbin", program, NULL) : g_steal_pointer(&tool);
}

static void add_entry(GStrvBuilder *builder, const char *prefix, const char *name, const char *value)
{
    g_autofree char *entry = g_strconcat(prefix, name, "=", value, NULL);
    g_strv_builder_add(builder, entry);
}

static void add_config(GStrvBuilder *builder, const QpkgConfig *config)
{
    g_auto(GStrv) entries = qpkg_config_to_environment(config);
    for (char **entry = entries; *entry; entry++)
        if (!g_str_has_prefix(*entry, "QPKG_NAME=") && !g_str_has_prefix(*entry, "QPKG_VER=") &&
            !g_str_has_prefix(*entry, "QPKG_ROOT=")) /* those three every script has */
            g_strv_builder_add(builder, *entry);
}

static char **make_hook_environment(const ServiceContext *context, const QpkgConfig *config)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    const char *extract = context->extract_path ? context->extract_path : context->app_path;
    g_autofree char *extract_seen = g_strconcat(service_seen_prefix(context), extract, NULL);
    add_entry(builder, "", "SYS_EXTRACT_DIR", extract_seen);
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++) {
        g_autofree char *path = command_path(context, commands[i][1]);
        add_entry(builder, "CMD_", commands[i][0], path);
    }
    if (config)
        add_config(builder, config);
    return g_strv_builder_end(builder);
}

/* QPKG_TIMEOUT is about the service script; who needs longer there needs longer here. */
static gint64 hook_timeout_s(const QpkgConfig *config)
{
    gint64 start_s = SERVICE_S_MAX, stop_s = SERVICE_S_MAX;
    if (config)
        qpkg_config_timeouts(config, &start_s, &stop_s);
    return HOOK_FACTOR * MAX(start_s, stop_s);
}

/* ---- files in memory ---- */

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

enum { FILE_PRELUDE, FILE_ROUTINES, FILE_STATE, N_FILES };

typedef struct {
    int fds[N_FILES];
    char *paths[N_FILES];
} HookFiles;

static void hook_files_clear(HookFiles *files)
{
    for (gsize i = 0; i < N_FILES; i++) {
        if (files->paths[i])
            fd_close(files->fds[i]);
        g_free(files->paths[i]);
    }
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(HookFiles, hook_files_clear)

static gboolean make_files(const ServiceContext *context, HookFiles *files, GError **error)
{
    const char *const texts[N_FILES] = {service_prelude, context->routines,
                                        context->hook_state ? context->hook_state->str : ""};
    for (gsize i = 0; i < N_FILES; i++) {
        files->fds[i] = text_as_file("hook", texts[i], error);
        if (files->fds[i] < 0)
            return FALSE;
        files->paths[i] = g_strdup_printf("/proc/self/fd/%d", files->fds[i]);
    }
    return TRUE;
}

/* What the hook's shell has left for the next one; too much of it, or bytes that no text has, are left out. */
static void take_state(const ServiceContext *context, int fd)
{
    g_autoptr(GBytes) bytes = NULL;
    if (!context->hook_state || lseek(fd, 0, SEEK_SET) != 0)
        return;
    bytes = files_read_fd(fd, STATE_BYTES_MAX, NULL);
    gsize len = bytes ? g_bytes_get_size(bytes) : 0;
    g_string_truncate(context->hook_state, 0);
    if (len > 0 && !memchr(g_bytes_get_data(bytes, NULL), '\0', len))
        g_string_append_len(context->hook_state, g_bytes_get_data(bytes, NULL), (gssize)len);
}

/* ---- one hook ---- */

static gboolean run_hook(const ServiceContext *context, const char *hook, GError **error)
{
    g_auto(HookFiles) files = {0};
    g_autoptr(QpkgConfig) config = NULL;
    if (context->config_text) {
        config = qpkg_config_parse(context->config_text, strlen(context->config_text), error);
        if (!config)
            return FALSE;
    }
    if (!make_files(context, &files, error))
        return FALSE;
    g_auto(GStrv) environment = make_hook_environment(context, config);
    gboolean has_bash = access(BASH, X_OK) == 0;
    /* $0 is in the folder that hooks begin in, where on QTS the installer lies */
    const char *const arguments[] = {"--posix", /* bash alone knows this word */
                                     "-c",
                                     ". \"$1\"",
                                     "./qinstall.sh",
                                     files.paths[FILE_PRELUDE],
                                     files.paths[FILE_ROUTINES],
                                     files.paths[FILE_STATE],
                                     hook,
                                     NULL};
    ServiceRun run = {.what = hook,
                      .program = has_bash ? BASH : SHELL,
                      .arguments = has_bash ? arguments : arguments + 1,
                      .extra_env = (const char *const *)environment,
                      .cwd = context->extract_path,
                      .pass_fds = files.fds,
                      .n_pass_fds = N_FILES,
                      .timeout_s = hook_timeout_s(config),
                      .may_be_cancelled = TRUE};
    if (!service_run(context, &run, error))
        return FALSE;
    take_state(context, files.fds[FILE_STATE]);
    return TRUE;
}

gboolean service_run_hook(const ServiceContext *context, const char *hook, GError **error)
{
    if (strspn(hook, HOOK_NAME_CHARS) != strlen(hook))
        return error_set(error, APPCENTER_ERROR_INVALID, "wanted the name of a hook, found \"%s\"", hook);
    if (!context->routines || !strstr(context->routines, hook))
        return TRUE;
    return run_hook(context, hook, error);
}
