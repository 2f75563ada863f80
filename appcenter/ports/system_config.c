/* system_config.c - configuration files: the settings with their drop-ins, and the repositories.
 *
 * Hides where the files lie and the strict little reader of repos.d/NAME.conf, which tells file, line and key.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "ports/system.h"

#define CONFIG_DIR       "/etc/appcenter"
#define SETTINGS_FILE    "appcenter.conf"
#define DROP_INS         "appcenter.conf.d"
#define REPOS            "repos.d"
#define CONFIG_BYTES_MAX 65536
#define PRIORITY_DEFAULT 50
#define PRIORITY_MAX     1000

/* --- files of a directory --- */

/* Names in a directory that end in ".conf", by bytes; none when it is absent. */
static char **list_config_files(const RootDir *root, const char *dir, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(GStrvBuilder) files = g_strv_builder_new();
    g_auto(GStrv) names = root_dir_list(root, dir, &failure);
    if (names == NULL && error_kind(failure) != APPCENTER_ERROR_NOT_FOUND) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    for (gsize i = 0; names != NULL && names[i] != NULL; i++)
        if (g_str_has_suffix(names[i], ".conf") && names[i][0] != '.')
            g_strv_builder_add(files, names[i]);
    return g_strv_builder_end(files);
}

/* --- settings --- */

/* file: below CONFIG_DIR, and so it is named in messages. */
static gboolean apply_file(const RootDir *root, const char *file, Settings *settings, GPtrArray *warnings,
                           GError **error)
{
    g_autofree char *path = g_strdup_printf(CONFIG_DIR "/%s", file);
    g_autoptr(GBytes) bytes = root_dir_read(root, path, CONFIG_BYTES_MAX, error);
    if (bytes == NULL)
        return FALSE;
    gsize len = 0;
    const char *data = g_bytes_get_data(bytes, &len);
    return settings_apply_text(settings, file, data != NULL ? data : "", len, warnings, error);
}

/* Takes settings, with appcenter.conf in them. */
static Settings *add_drop_ins(const RootDir *root, Settings *taken, GPtrArray *warnings, GError **error)
{
    g_autoptr(Settings) settings = taken;
    g_auto(GStrv) names = list_config_files(root, CONFIG_DIR "/" DROP_INS, error);
    for (gsize i = 0; names != NULL && names[i] != NULL; i++) {
        g_autofree char *file = g_strdup_printf(DROP_INS "/%s", names[i]);
        if (!apply_file(root, file, settings, warnings, error))
            return NULL;
    }
    return names != NULL && settings_check(settings, error) ? g_steal_pointer(&settings) : NULL;
}

Settings *system_load_settings(const RootDir *root, GPtrArray *warnings, GError **error)
{
    g_autoptr(Settings) settings = settings_new();
    g_autoptr(GError) failure = NULL;
    if (!apply_file(root, SETTINGS_FILE, settings, warnings, &failure) &&
        error_kind(failure) != APPCENTER_ERROR_NOT_FOUND) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    return add_drop_ins(root, g_steal_pointer(&settings), warnings, error);
}

/* --- one value --- */

static gboolean find_setting(const Settings *settings, const char *name, SettingView *found, GError **error)
{
    guint n = 0;
    SettingView view;
    for (gsize i = 0; settings_view(settings, i, &view); i++) {
        g_autofree char *whole = g_strdup_printf("%s.%s", view.section, view.key);
        if (strcmp(name, whole) != 0 && strcmp(name, view.key) != 0)
            continue;
        *found = view;
        n++;
    }
    return n == 1 || error_set(error, APPCENTER_ERROR_INVALID,
                               n == 0 ? "no setting \"%s\"; see appctl config show"
                                      : "\"%s\" is in several sections: wanted SECTION.KEY",
                               name);
}

static char *read_settings_file(const RootDir *root, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(GBytes) bytes = root_dir_read(root, CONFIG_DIR "/" SETTINGS_FILE, CONFIG_BYTES_MAX, &failure);
    if (bytes != NULL)
        return g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    if (error_kind(failure) == APPCENTER_ERROR_NOT_FOUND)
        return g_strdup("");
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

/* As the admin has it: a proxy's password may be in the file. */
static mode_t settings_file_mode(const RootDir *root)
{
    struct stat st;
    g_auto(Fd) fd = root_dir_openat(root, CONFIG_DIR "/" SETTINGS_FILE, O_RDONLY, 0, NULL);
    return fd >= 0 && fstat(fd, &st) == 0 ? st.st_mode & 0777 : 0644;
}

/* What the files would mean with that text in the place of appcenter.conf. */
static gboolean check_edited(const RootDir *root, const char *text, const char *name, GError **error)
{
    SettingView after = {0};
    g_autoptr(Settings) edited = settings_new();
    if (!settings_apply_text(edited, SETTINGS_FILE, text, strlen(text), NULL, error))
        return FALSE;
    g_autoptr(Settings) whole = add_drop_ins(root, g_steal_pointer(&edited), NULL, error);
    if (whole == NULL || !find_setting(whole, name, &after, error))
        return FALSE;
    return !g_str_has_prefix(after.origin, DROP_INS) ||
           error_set(error, APPCENTER_ERROR_REFUSED, "%s is set later by %s: change it there", name,
                     after.origin);
}

gboolean system_set_setting(const RootDir *root, const char *name, const char *value, GError **error)
{
    SettingView found = {0};
    g_autoptr(Settings) defaults = settings_new();
    if (strpbrk(value, "\r\n") != NULL)
        return error_set(error, APPCENTER_ERROR_INVALID, "%s: wanted a value on one line", name);
    g_autofree char *text =
        find_setting(defaults, name, &found, error) ? read_settings_file(root, error) : NULL;
    if (text == NULL)
        return FALSE;
    g_autofree char *edited = settings_edit_text(text, found.section, found.key, value);
    return check_edited(root, edited, name, error) && root_dir_make_dirs(root, CONFIG_DIR, 0755, error) &&
           root_dir_write_atomic(root, CONFIG_DIR "/" SETTINGS_FILE, edited, strlen(edited),
                                 settings_file_mode(root), error);
}

/* --- repositories --- */

void repository_config_free(RepositoryConfig *repository)
{
    if (repository == NULL)
        return;
    g_free(repository->name);
    g_free(repository->url);
    g_strfreev(repository->mirrors);
    g_free(repository->root_path);
    g_free(repository);
}

static char *repository_path(const char *name, const char *suffix)
{
    return g_strdup_printf(CONFIG_DIR "/" REPOS "/%s%s", name, suffix);
}

/* As far as this port can judge: one of the schemes that are ever fetched, and nothing that could end a line. */
static gboolean url_is_sane(const char *url)
{
    gboolean has_scheme = g_str_has_prefix(url, "https://") || g_str_has_prefix(url, "http://") ||
                          g_str_has_prefix(url, "file:///");
    for (const char *p = url; has_scheme && *p != '\0'; p++)
        if (g_ascii_iscntrl(*p) || g_ascii_isspace(*p))
            return FALSE;
    return has_scheme;
}

static gboolean take_url(RepositoryConfig *repository, const char *value)
{
    g_free(repository->url);
    repository->url = g_strdup(value);
    return url_is_sane(value);
}

/* Separated by blanks or commas. */
static gboolean take_mirrors(RepositoryConfig *repository, const char *value)
{
    g_autoptr(GStrvBuilder) mirrors = g_strv_builder_new();
    g_auto(GStrv) words = g_strsplit_set(value, " \t,", -1);
    for (gsize i = 0; words[i] != NULL; i++) {
        if (*words[i] == '\0')
            continue;
        if (!url_is_sane(words[i]))
            return FALSE;
        g_strv_builder_add(mirrors, words[i]);
    }
    g_strfreev(repository->mirrors);
    repository->mirrors = g_strv_builder_end(mirrors);
    return TRUE;
}

static gboolean take_root(RepositoryConfig *repository, const char *value)
{
    g_free(repository->root_path);
    repository->root_path = g_strdup(value);
    return *value == '/';
}

static gboolean take_enabled(RepositoryConfig *repository, const char *value)
{
    repository->enabled = strcmp(value, "yes") == 0;
    return repository->enabled || strcmp(value, "no") == 0;
}

static gboolean take_priority(RepositoryConfig *repository, const char *value)
{
    return g_ascii_string_to_signed(value, 10, 0, PRIORITY_MAX, &repository->priority, NULL);
}

static const struct {
    const char *key;
    gboolean (*take)(RepositoryConfig *repository, const char *value);
    const char *wanted;
} repository_keys[] = {
    {"url", take_url, "an https:, file: or http: url"},
    {"mirrors", take_mirrors, "https:, file: or http: urls"},
    {"root", take_root, "the absolute path of a root.json"},
    {"enabled", take_enabled, "yes or no"},
    {"priority", take_priority, "a number from 0 to 1000"},
};

/* Credentials may stand in a url, so a refused one is not shown. */
static gboolean take_value(RepositoryConfig *repository, const char *where, const char *key,
                           const char *value, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(repository_keys); i++) {
        if (strcmp(key, repository_keys[i].key) != 0)
            continue;
        if (repository_keys[i].take(repository, value))
            return TRUE;
        gboolean is_url = i < 2;
        g_autofree char *found = is_url ? g_strdup("something else") : g_strdup_printf("\"%.60s\"", value);
        return error_set(error, APPCENTER_ERROR_CORRUPT, "%s: repository.%s: wanted %s, found %s", where, key,
                         repository_keys[i].wanted, found);
    }
    log_warning("config", "%s: unknown key repository.%.60s", where, key);
    return TRUE;
}

/* One line; *is_inside: in [repository]. */
static gboolean take_line(RepositoryConfig *repository, const char *where, char *line, gboolean *is_inside,
                          GError **error)
{
    g_strstrip(line);
    if (*line == '\0' || *line == '#' || *line == ';')
        return TRUE;
    if (*line == '[') {
        *is_inside = strcmp(line, "[repository]") == 0;
        if (!*is_inside)
            log_warning("config", "%s: unknown section %.60s, its keys count for nothing", where, line);
        return TRUE;
    }
    char *equals = strchr(line, '=');
    if (equals == NULL || equals == line)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "%s: wanted key = value", where);
    if (!*is_inside)
        return TRUE;
    *equals = '\0';
    return take_value(repository, where, g_strchomp(line), g_strstrip(equals + 1), error);
}

static gboolean parse_repository(RepositoryConfig *repository, const char *file, const char *text,
                                 GError **error)
{
    gboolean is_inside = FALSE;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (gsize i = 0; lines[i] != NULL; i++) {
        g_autofree char *where = g_strdup_printf("%s:%" G_GSIZE_FORMAT, file, i + 1);
        if (!take_line(repository, where, lines[i], &is_inside, error))
            return FALSE;
    }
    if (repository->url == NULL)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "%s: repository.url: wanted a url, found none",
                         file);
    return TRUE;
}

static RepositoryConfig *repository_new(const char *name)
{
    RepositoryConfig *repository = g_new0(RepositoryConfig, 1);
    repository->name = g_strdup(name);
    repository->mirrors = g_new0(char *, 1);
    repository->root_path = repository_path(name, ".root.json");
    repository->enabled = TRUE;
    repository->priority = PRIORITY_DEFAULT;
    return repository;
}

/* file_name: "NAME.conf" */
static RepositoryConfig *load_repository(const RootDir *root, const char *file_name, GError **error)
{
    g_autofree char *name = g_strndup(file_name, strlen(file_name) - strlen(".conf"));
    g_autofree char *file = g_strdup_printf(REPOS "/%s", file_name);
    g_autofree char *path = repository_path(name, ".conf");
    if (!app_name_is_valid(name)) {
        error_set(error, APPCENTER_ERROR_CORRUPT,
                  "%s: wanted a name of letters, digits and ._+- up to 40 bytes", file);
        return NULL;
    }
    g_autoptr(GBytes) bytes = root_dir_read(root, path, CONFIG_BYTES_MAX, error);
    if (bytes == NULL)
        return NULL;
    gsize len = 0;
    const char *data = g_bytes_get_data(bytes, &len);
    g_autofree char *text = g_strndup(data, len);
    if (!g_utf8_validate_len(text, len, NULL)) { /* refuses NUL bytes, too */
        error_set(error, APPCENTER_ERROR_CORRUPT, "%s: wanted utf-8 text, found other bytes", file);
        return NULL;
    }
    g_autoptr(RepositoryConfig) repository = repository_new(name);
    return parse_repository(repository, file, text, error) ? g_steal_pointer(&repository) : NULL;
}

GPtrArray *system_load_repositories(const RootDir *root, GError **error)
{
    g_auto(GStrv) names = list_config_files(root, CONFIG_DIR "/" REPOS, error);
    if (names == NULL)
        return NULL;
    g_autoptr(GPtrArray) repositories =
        g_ptr_array_new_with_free_func((GDestroyNotify)repository_config_free);
    for (gsize i = 0; names[i] != NULL; i++) {
        RepositoryConfig *repository = load_repository(root, names[i], error);
        if (repository == NULL)
            return NULL;
        g_ptr_array_add(repositories, repository);
    }
    return g_steal_pointer(&repositories);
}

static gboolean check_repository(const RepositoryConfig *repository, GError **error)
{
    if (!app_name_is_valid(repository->name))
        return error_set(error, APPCENTER_ERROR_INVALID,
                         "repository name: wanted letters, digits and ._+- up to 40 bytes, found \"%.60s\"",
                         repository->name);
    if (repository->url == NULL || !url_is_sane(repository->url))
        return error_set(error, APPCENTER_ERROR_INVALID, "%s: wanted an https:, file: or http: url",
                         repository->name);
    for (gsize i = 0; repository->mirrors != NULL && repository->mirrors[i] != NULL; i++)
        if (!url_is_sane(repository->mirrors[i]) || strchr(repository->mirrors[i], ',') != NULL)
            return error_set(error, APPCENTER_ERROR_INVALID,
                             "%s: mirror %" G_GSIZE_FORMAT ": wanted an https:, file: or http: url",
                             repository->name, i + 1);
    return TRUE;
}

static char *repository_text(const RepositoryConfig *repository, const char *root_path)
{
    GString *text = g_string_new("[repository]\n");
    g_string_append_printf(text, "url = %s\n", repository->url);
    g_string_append_printf(text, "root = %s\n", root_path);
    if (repository->mirrors != NULL && repository->mirrors[0] != NULL) {
        g_autofree char *mirrors = g_strjoinv(" ", repository->mirrors);
        g_string_append_printf(text, "mirrors = %s\n", mirrors);
    }
    g_string_append_printf(text, "enabled = %s\n", repository->enabled ? "yes" : "no");
    g_string_append_printf(text, "priority = %" G_GINT64_FORMAT "\n", repository->priority);
    return g_string_free(text, FALSE);
}

/* The root before the file that names it: should the power fail between the two, no repository is without its root. */
gboolean system_save_repository(const RootDir *root, const RepositoryConfig *repository, GBytes *first_root,
                                GError **error)
{
    if (!check_repository(repository, error) || !root_dir_make_dirs(root, CONFIG_DIR "/" REPOS, 0755, error))
        return FALSE;
    g_autofree char *path = repository_path(repository->name, ".conf");
    g_autofree char *own_root_path = repository_path(repository->name, ".root.json");
    const char *root_path = own_root_path;
    if (first_root != NULL) {
        gsize len = 0;
        const void *data = g_bytes_get_data(first_root, &len);
        if (!root_dir_write_atomic(root, own_root_path, data, len, 0644, error))
            return FALSE;
    } else if (repository->root_path != NULL) {
        root_path = repository->root_path;
    }
    g_autofree char *text = repository_text(repository, root_path);
    return root_dir_write_atomic(root, path, text, strlen(text), 0600, error);
}

gboolean system_remove_repository(const RootDir *root, const char *name, GError **error)
{
    g_autofree char *path = repository_path(name, ".conf");
    g_autofree char *root_path = repository_path(name, ".root.json");
    if (!app_name_is_valid(name) || !root_dir_exists(root, path))
        return error_set(error, APPCENTER_ERROR_NOT_FOUND, "no repository %.60s", name);
    return root_dir_unlink(root, path, error) && root_dir_unlink(root, root_path, error);
}
