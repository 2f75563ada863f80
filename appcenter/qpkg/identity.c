/* identity.c - who a package says it is and what it needs: the checked reading of its qpkg.cfg.
 *
 * Names and versions become paths, database keys and words for the solver, so they are held to the catalogue's own
 * alphabet; paths must stay in the package, or be plain absolute ones where QDK wants those.
 */
#include "qpkg/internal.h"

#include <string.h>

#define DEFAULT_RC_NUM    101 /* what QDK's own template says */
#define DEFAULT_START_S   120
#define DEFAULT_STOP_S    60
#define AUTHOR_MAX_BYTES  200
#define SUMMARY_MAX_BYTES 1000
#define CONFIG_FILES_MAX  1000
#define MIGRATES_MAX      64
#define HEALTH_MAX_BYTES  1000
#define SHOWN_MAX_BYTES   80

void qpkg_identity_free(QpkgIdentity *identity)
{
    if (!identity)
        return;
    g_free(identity->name);
    g_free(identity->version);
    g_free(identity->display_name);
    g_free(identity->author);
    g_free(identity->summary);
    g_strfreev(identity->requires);
    g_strfreev(identity->conflicts);
    g_free(identity->os_min);
    g_free(identity->os_max);
    g_strfreev(identity->config_files);
    g_strfreev(identity->migrates);
    g_free(identity->service_program);
    g_free(identity->pid_file);
    g_free(identity->health);
    g_free(identity);
}

/* The value, or NULL when it is absent or empty: QDK does not tell the two apart. */
static const char *get_filled(const QpkgConfig *config, const char *key)
{
    const char *value = qpkg_config_get(config, key);
    return value && *value ? value : NULL;
}

/* The start of a value as it may stand in a sentence: no letter cut in two, no tab. */
static char *shown(const char *value)
{
    g_autofree char *start = g_strndup(value, SHOWN_MAX_BYTES);
    return g_strdelimit(g_utf8_make_valid(start, -1), "\t", ' ');
}

static gboolean bad_value(GError **error, const char *key, const char *wanted, const char *found)
{
    g_autofree char *text = shown(found ? found : "");
    return error_set(error, APPCENTER_ERROR_CORRUPT, "%s: wanted %s, found \"%s\"", key, wanted, text);
}

/* ---- single values ---- */

static gboolean take_text(const QpkgConfig *config, const char *key, const char *fallback, gsize max_bytes,
                          char **text, GError **error)
{
    const char *value = get_filled(config, key);
    if (value && strlen(value) > max_bytes)
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "%s: wanted at most %" G_GSIZE_FORMAT " bytes, found %" G_GSIZE_FORMAT, key,
                         max_bytes, strlen(value));
    *text = g_strdup(value ? value : fallback);
    return TRUE;
}

static gboolean take_number(const QpkgConfig *config, const char *key, gint64 max, gint64 fallback,
                            gint64 *number, GError **error)
{
    const char *value = get_filled(config, key);
    *number = fallback;
    if (!value)
        return TRUE;
    g_autofree char *wanted = g_strdup_printf("a number from 0 to %" G_GINT64_FORMAT, max);
    if (strlen(value) > 9 || strspn(value, "0123456789") != strlen(value))
        return bad_value(error, key, wanted, value);
    *number = g_ascii_strtoll(value, NULL, 10);
    return *number <= max || bad_value(error, key, wanted, value);
}

static gboolean take_version(const QpkgConfig *config, const char *key, char **version, GError **error)
{
    const char *value = get_filled(config, key);
    if (value && !version_is_valid(value))
        return bad_value(error, key, "a version", value);
    *version = g_strdup(value);
    return TRUE;
}

/* A path in the package, or where is_absolute an absolute one; normal, no control bytes. */
static gboolean path_is_good(const char *path, gboolean is_absolute)
{
    if (is_absolute)
        return path[0] == '/' && files_path_is_inside(path + 1);
    return files_path_is_inside(path);
}

static gboolean take_path(const QpkgConfig *config, const char *key, gboolean is_absolute, char **path,
                          GError **error)
{
    const char *value = get_filled(config, key);
    if (value && !path_is_good(value, is_absolute))
        return bad_value(error, key, is_absolute ? "an absolute path" : "a path in the package", value);
    *path = g_strdup(value);
    return TRUE;
}

/* ---- groups of values ---- */

static gboolean take_names(QpkgIdentity *identity, const QpkgConfig *config, GError **error)
{
    const char *name = get_filled(config, "QPKG_NAME");
    const char *version = get_filled(config, "QPKG_VER");
    if (!name || !app_name_is_valid(name))
        return bad_value(error, "QPKG_NAME", "an app name of 1 to 40 of A-Z a-z 0-9 . _ + -", name);
    if (!version || !version_is_valid(version))
        return bad_value(error, "QPKG_VER", "a version of 1 to 64 of A-Z a-z 0-9 . _ + ~ -", version);
    if (!get_filled(config, "QPKG_AUTHOR"))
        return bad_value(error, "QPKG_AUTHOR", "an author", NULL);
    identity->name = g_strdup(name);
    identity->version = g_strdup(version);
    return take_text(config, "QPKG_DISPLAY_NAME", name, AUTHOR_MAX_BYTES, &identity->display_name, error) &&
           take_text(config, "QPKG_AUTHOR", "", AUTHOR_MAX_BYTES, &identity->author, error) &&
           take_text(config, "QPKG_SUMMARY", "", SUMMARY_MAX_BYTES, &identity->summary, error);
}

static gboolean take_items(const QpkgConfig *config, const char *key, gboolean alternatives_allowed,
                           char ***items, GError **error)
{
    const char *value = qpkg_config_get(config, key);
    *items = requirement_split(value ? value : "", alternatives_allowed, error);
    if (*items)
        return TRUE;
    g_prefix_error(error, "%s: ", key);
    return FALSE;
}

static gboolean take_config_files(QpkgIdentity *identity, const QpkgConfig *config, GError **error)
{
    identity->config_files = qpkg_config_get_list(config, "QPKG_CONFIG");
    if (g_strv_length(identity->config_files) > CONFIG_FILES_MAX)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "QPKG_CONFIG: more than %d files", CONFIG_FILES_MAX);
    for (char **file = identity->config_files; *file; file++) {
        if (!path_is_good(*file, **file == '/'))
            return bad_value(error, "QPKG_CONFIG", "plain paths", *file);
    }
    return TRUE;
}

/* Inside the folder, and not within each other: each is brought back by itself. */
static gboolean take_migrates(QpkgIdentity *identity, const QpkgConfig *config, GError **error)
{
    identity->migrates = qpkg_config_get_list(config, "APPCENTER_MIGRATES");
    if (g_strv_length(identity->migrates) > MIGRATES_MAX)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "APPCENTER_MIGRATES: more than %d paths",
                         MIGRATES_MAX);
    for (char **path = identity->migrates; *path; path++) {
        if (!path_is_good(*path, FALSE))
            return bad_value(error, "APPCENTER_MIGRATES", "paths in the app's folder", *path);
        for (char **other = identity->migrates; *other; other++) {
            gsize len = strlen(*other);
            if (other != path && strncmp(*path, *other, len) == 0 && ((*path)[len] == '/' || !(*path)[len]))
                return bad_value(error, "APPCENTER_MIGRATES", "paths that do not lie in one another", *path);
        }
    }
    return TRUE;
}

static gboolean take_service(QpkgIdentity *identity, const QpkgConfig *config, GError **error)
{
    gint64 port;
    identity->start_timeout_s = DEFAULT_START_S;
    identity->stop_timeout_s = DEFAULT_STOP_S;
    qpkg_config_timeouts(config, &identity->start_timeout_s, &identity->stop_timeout_s);
    if (!take_path(config, "QPKG_SERVICE_PROGRAM", FALSE, &identity->service_program, error) ||
        !take_path(config, "QPKG_SERVICE_PIDFILE", TRUE, &identity->pid_file, error) ||
        !take_number(config, "QPKG_SERVICE_PORT", G_MAXUINT16, 0, &port, error))
        return FALSE;
    identity->service_port = (guint16)port;
    return take_number(config, "QPKG_RC_NUM", 999, DEFAULT_RC_NUM, &identity->rc_num, error);
}

static gboolean take_health(QpkgIdentity *identity, const QpkgConfig *config, GError **error)
{
    const char *value = get_filled(config, "APPCENTER_HEALTH");
    if (!value)
        return TRUE;
    gboolean needs_port = strcmp(value, "port") == 0 || g_str_has_prefix(value, "http:/");
    gboolean is_program = g_str_has_prefix(value, "exec:") && value[5] && value[5] != ' ';
    if ((!needs_port && !is_program) || strlen(value) > HEALTH_MAX_BYTES)
        return bad_value(error, "APPCENTER_HEALTH", "http:/PATH, port or exec:PROGRAM", value);
    if (needs_port && identity->service_port == 0) {
        g_autofree char *text = shown(value);
        return error_set(error, APPCENTER_ERROR_CORRUPT, "APPCENTER_HEALTH: \"%s\" needs QPKG_SERVICE_PORT",
                         text);
    }
    identity->health = g_strdup(value);
    return TRUE;
}

QpkgIdentity *qpkg_identity_from_config(const QpkgConfig *config, GError **error)
{
    g_autoptr(QpkgIdentity) identity = g_new0(QpkgIdentity, 1);
    if (!take_names(identity, config, error) ||
        !take_items(config, "QPKG_REQUIRE", TRUE, &identity->requires, error) ||
        !take_items(config, "QPKG_CONFLICT", FALSE, &identity->conflicts, error) ||
        !take_version(config, "QTS_MINI_VERSION", &identity->os_min, error) ||
        !take_version(config, "QTS_MAX_VERSION", &identity->os_max, error) ||
        !take_config_files(identity, config, error) || !take_migrates(identity, config, error) ||
        !take_service(identity, config, error) || !take_health(identity, config, error)) {
        g_prefix_error(error, "qpkg.cfg: ");
        return NULL;
    }
    return g_steal_pointer(&identity);
}
