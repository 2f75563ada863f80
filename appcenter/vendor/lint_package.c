/* lint_package.c - what can be seen in a package alone. Scripts are parsed by sh -n, which runs nothing. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "vendor/lint.h"

#define QTS_NAME_BYTES    20 /* the tail's fields */
#define QTS_VERSION_BYTES 10
#define SCRIPT_MAX_BYTES  (256 * 1024)
#define SCRIPT_TIMEOUT_S  20

/* Keys of qpkg.cfg that QDK, QTS or App Center know (qpkg-format.md 4). A name that ends with '*' stands for all that begin
 * so. */
static const char *const known_keys[] = {"QPKG_NAME",
                                         "QPKG_DISPLAY_NAME",
                                         "QPKG_VER",
                                         "QPKG_RELEASE",
                                         "QPKG_AUTHOR",
                                         "QPKG_LICENSE",
                                         "QPKG_SUMMARY",
                                         "QPKG_RC_NUM",
                                         "QPKG_SERVICE_*",
                                         "QPKG_WEBUI",
                                         "QPKG_WEB_PORT",
                                         "QPKG_WEB_SSL_PORT",
                                         "QPKG_USE_PROXY",
                                         "QPKG_PROXY_PATH",
                                         "QPKG_DESKTOP*",
                                         "QTS_MINI_VERSION",
                                         "QTS_MAX_VERSION",
                                         "QPKG_VOLUME_SELECT",
                                         "QPKG_TIMEOUT",
                                         "QPKG_VISIBLE",
                                         "QPKG_FORCE_VISIBLE",
                                         "QPKG_SYS_APP",
                                         "QPKG_DISTRIBUTION_TYPE",
                                         "QPKG_CONTAINER",
                                         "QPKG_EXEC_FILES",
                                         "QPKG_CONFIG",
                                         "QPKG_CONFIG_PATH",
                                         "QPKG_CONFIG_DIR",
                                         "QPKG_MOUNT_ACTION",
                                         "QPKG_UNMOUNT_ACTION",
                                         "QPKG_SHARE_*",
                                         "QPKG_ENTER_*",
                                         "QPKG_LEAVE_*",
                                         "QPKG_ACTION_TIMEOUT",
                                         "QPKG_REQUIRE",
                                         "QPKG_REQUIRE_MSG",
                                         "QPKG_CONFLICT",
                                         "QPKG_QPKG_FILE",
                                         "QPKG_BUILT_VERSION",
                                         "QPKG_DISABLE_APPCENTER_UI_SERVICE",
                                         "QDK_*",
                                         "QNAP_*",
                                         "APPCENTER_HEALTH",
                                         "APPCENTER_MIGRATES",
                                         NULL};

static gboolean key_is_known(const char *key)
{
    for (const char *const *known = known_keys; *known; known++) {
        gsize len = strlen(*known);
        if ((*known)[len - 1] == '*' ? strncmp(key, *known, len - 1) == 0 : g_str_equal(key, *known))
            return TRUE;
    }
    return FALSE;
}

static void check_keys(const Lint *lint)
{
    g_autofree char *text = qpkg_config_to_text(lint->info->package->config);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        const char *equals = strchr(*line, '=');
        g_autofree char *key = equals ? g_strndup(*line, (gsize)(equals - *line)) : NULL;
        if (key && !key_is_known(key))
            lint_warning(lint, "key",
                         "look for a slip of the pen; scripts see it in their environment, nothing else does",
                         "%s: neither QDK nor App Center knows this key of qpkg.cfg", key);
    }
}

/* What QDK puts beside its installer; pack writes no such archive. */
static void check_extra(const Lint *lint)
{
    const PackageInfo *info = lint->info;
    g_auto(GStrv) files = qpkg_config_get_list(info->package->config, "QDK_EXTRA_FILE");
    if (*files && info->package->layout->extra_bytes == 0)
        lint_warning(lint, "extra", "put it into shared/, or build the package with QDK",
                     "QDK_EXTRA_FILE: %s: the package has no extra archive, its hooks will not find it",
                     *files);
}

static void check_names(const Lint *lint)
{
    const QpkgIdentity *identity = lint->info->package->identity;
    if (strlen(identity->name) > QTS_NAME_BYTES)
        lint_warning(lint, "name", "take a shorter name where two could become the same",
                     "%s: QTS cuts names to %d letters in places", identity->name, QTS_NAME_BYTES);
    if (strlen(identity->version) > QTS_VERSION_BYTES)
        lint_warning(lint, "version", "take a shorter version, or two may look the same there",
                     "%s: QTS cuts versions to %d letters", identity->version, QTS_VERSION_BYTES);
    if (identity->os_min && identity->os_max && version_compare(identity->os_min, identity->os_max) > 0)
        lint_error(lint, "firmware", "swap QTS_MINI_VERSION and QTS_MAX_VERSION",
                   "no firmware is at least %s and at most %s", identity->os_min, identity->os_max);
    if (!identity->summary || !*identity->summary)
        lint_warning(lint, "summary", "set QPKG_SUMMARY", "people are not told what this app is for");
}

/* --- dependencies --- */

static gboolean is_only_optware(const Requirement *item)
{
    for (guint i = 0; i < item->terms->len; i++) {
        const RequireTerm *term = item->terms->pdata[i];
        if (!g_str_has_prefix(term->name, "OPT/"))
            return FALSE;
    }
    return TRUE;
}

static gboolean names(const Requirement *item, const char *name)
{
    for (guint i = 0; i < item->terms->len; i++) {
        const RequireTerm *term = item->terms->pdata[i];
        if (g_str_equal(term->name, name))
            return TRUE;
    }
    return FALSE;
}

static void check_dependencies(const Lint *lint)
{
    const QpkgIdentity *identity = lint->info->package->identity;
    for (char **text = identity->requires; *text; text++) {
        g_autoptr(Requirement) item = requirement_parse(*text, NULL);
        if (item && is_only_optware(item))
            lint_error(lint, "requires", "name another app as an alternative, or take it out",
                       "%s: nothing provides Optware any more, so this can never be installed", *text);
        if (item && names(item, identity->name))
            lint_error(lint, "requires", "take it out", "%s: it requires itself", *text);
    }
    for (char **text = identity->conflicts; *text; text++) {
        g_autoptr(Requirement) item = requirement_parse(*text, NULL);
        if (item && names(item, identity->name))
            lint_warning(
                lint, "conflicts", "take it out, unless that is what you want",
                "%s: it conflicts with itself, so versions that match cannot be upgraded to this one", *text);
    }
}

/* --- scripts --- */

/* The first complaint of sh -n, without the place that it read from; NULL when it has none. */
static char *complaint_of_shell(int script_fd, GError **error)
{
    g_auto(ProcessResult) result = {0};
    ProcessSpec spec = PROCESS_SPEC_INIT;
    spec.argv = (const char *const[]){"/bin/sh", "-n", NULL};
    spec.stdin_fd = script_fd;
    spec.timeout_s = SCRIPT_TIMEOUT_S;
    if (!process_run(&spec, &result, error))
        return NULL;
    if (result.exit_code == 0)
        return NULL;
    g_auto(GStrv) lines = g_strsplit(result.output, "\n", 2);
    return g_strdup(lines[0] && *lines[0] ? lines[0] : "sh -n ended without a word");
}

static gboolean check_script(const Lint *lint, const char *name, GBytes *text, GError **error)
{
    gsize len = 0;
    const char *data = g_bytes_get_data(text, &len);
    g_autoptr(GError) failure = NULL;
    if (memchr(data, '\r', len))
        lint_error(lint, "script", "write it with Unix line ends",
                   "%s: has carriage returns, which break a shell script", name);
    g_auto(Fd) fd = open(g_get_tmp_dir(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set_errno(error, "cannot make a temporary file in %s", g_get_tmp_dir());
    if (!files_write_all(fd, data, len, error))
        return FALSE;
    if (lseek(fd, 0, SEEK_SET) != 0)
        return error_set_errno(error, "cannot rewind");
    g_autofree char *complaint = complaint_of_shell(fd, &failure);
    if (failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (complaint)
        lint_error(lint, "script", "mend it; try sh -n yourself", "%s: %s", name, complaint);
    return TRUE;
}

static gboolean is_shell_script(const char *data, gsize len)
{
    g_autofree char *first = g_strndup(data, MIN(len, 100));
    g_auto(GStrv) lines = g_strsplit(first, "\n", 2);
    return g_str_has_prefix(first, "#!") && g_regex_match_simple("/(ba|da|k|z)?sh\\b", lines[0], 0, 0);
}

/* --- service --- */

static gboolean is_in_tree(const Lint *lint, const char *path)
{
    struct stat st;
    return fstatat(lint->tree_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

static gboolean check_service(const Lint *lint, GError **error)
{
    const char *program = lint->info->package->identity->service_program;
    if (!program) {
        lint_warning(lint, "service", "set QPKG_SERVICE_PROGRAM if the app runs anything",
                     "it has no service: nothing is started, and its health cannot be checked");
        return TRUE;
    }
    if (!is_in_tree(lint, program)) {
        lint_error(lint, "service", "put it into shared/ or the architecture's folder",
                   "QPKG_SERVICE_PROGRAM: %s is no file of the package", program);
        return TRUE;
    }
    g_auto(Fd) fd = openat(lint->tree_fd, program, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, "cannot read %s", program);
    g_autoptr(GBytes) text = files_read_fd(fd, SCRIPT_MAX_BYTES, error);
    if (!text)
        return FALSE;
    gsize len = 0;
    const char *data = g_bytes_get_data(text, &len);
    if (len < 2 || (memcmp(data, "#!", 2) != 0 && memcmp(data, "\177E", 2) != 0))
        lint_error(lint, "service", "begin it with #!/bin/sh", "%s: neither a script nor a program", program);
    return !is_shell_script(data, len) || check_script(lint, program, text, error);
}

static void check_health(const Lint *lint)
{
    const QpkgIdentity *identity = lint->info->package->identity;
    if (!identity->service_program)
        return;
    if (!identity->health && !identity->pid_file && !identity->service_port)
        lint_warning(lint, "health", "set QPKG_SERVICE_PIDFILE, QPKG_SERVICE_PORT or APPCENTER_HEALTH",
                     "after the start nothing tells whether the app lives: a broken release would stay");
    else if (!identity->health)
        lint_warning(lint, "health", "set APPCENTER_HEALTH: http:/PATH, port, or exec:PROGRAM",
                     "only a process or a port is looked at: an app that hangs counts as healthy");
    if (identity->health && g_str_has_prefix(identity->health, "exec:")) {
        g_auto(GStrv) words = g_strsplit(identity->health + strlen("exec:"), " ", 2);
        if (words[0] && !is_in_tree(lint, words[0]))
            lint_error(lint, "health", "put it into shared/ or the architecture's folder",
                       "APPCENTER_HEALTH: %s is no file of the package", words[0]);
    }
}

static void check_configs(const Lint *lint)
{
    for (char **file = lint->info->package->identity->config_files; *file; file++)
        if (**file != '/' && !is_in_tree(lint, *file))
            lint_warning(
                lint, "config", "ship it, or take it out of QPKG_CONFIG",
                "QPKG_CONFIG: %s is no file of the package; it is kept where an older version shipped it",
                *file);
}

/* --- the whole --- */

static void check_sizes(const Lint *lint)
{
    g_autoptr(Settings) defaults = settings_new();
    const SettingsValues *values = settings_values(defaults);
    const PackageInfo *info = lint->info;
    gint64 packed = MAX(info->package->layout->data_bytes, 1);
    static const char help[] =
        "repositories may offer it; for a local file the owner must raise [safety] local_max_*";
    if (info->installed_bytes > values->local_max_bytes)
        lint_warning(lint, "size", help, "%" G_GINT64_FORMAT " bytes: more than a box takes of a local file",
                     info->installed_bytes);
    if (info->files > values->local_max_files)
        lint_warning(lint, "size", help, "%" G_GINT64_FORMAT " files: more than a box takes of a local file",
                     info->files);
    if (info->installed_bytes / packed > values->local_max_ratio)
        lint_warning(lint, "size", help,
                     "it grows %" G_GINT64_FORMAT " times: more than a box takes of a local file",
                     info->installed_bytes / packed);
}

static void check_signatures(const Lint *lint)
{
    const QpkgLayout *layout = lint->info->package->layout;
    if (lint->is_finished && !qpkg_layout_record(layout, QPKG_RECORD_STRONG))
        lint_warning(lint, "signature", "sign it: appvendor sign FILE --sign DIR",
                     "it has no strong signature: no repository takes it, no box trusts it");
    if (qpkg_layout_record(layout, QPKG_RECORD_CMS) &&
        !qpkg_verify_legacy(lint->info->package->fd, layout, NULL, 0, NULL))
        lint_error(lint, "signature", "sign it again with QDK, or appvendor sign --legacy",
                   "QDK's signature does not fit the archive");
}

gboolean lint_package(const Lint *lint, GError **error)
{
    GBytes *routines = lint->info->package->routines;
    check_keys(lint);
    check_extra(lint);
    check_names(lint);
    check_dependencies(lint);
    check_sizes(lint);
    check_signatures(lint);
    check_configs(lint);
    check_health(lint);
    return check_service(lint, error) &&
           (!routines || check_script(lint, "package_routines", routines, error));
}
