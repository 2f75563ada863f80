/* service_view.c - /etc/config/qpkg.conf and the start links, as QTS's scripts expect them: a view, never state.
 *
 * The sections of our apps are written anew from what the store says; every other section stays byte for byte, where it
 * stood. Hides the ini format and which links belong to which app (by exact name: "QS101Conf" is not HoConf's).
 */
#include "ports/service_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CONFIG_DIR     "/etc/config"
#define VIEW_FILE      CONFIG_DIR "/qpkg.conf"
#define VIEW_BYTES_MAX (4 * 1024 * 1024)
#define QTS_FILE       CONFIG_DIR "/uLinux.conf"
#define START_DIR      "/etc/rcS.d"
#define STOP_DIR       "/etc/rcK.d"

typedef struct {
    const RootDir *root;
    const ServiceRegistration *apps;
    gsize n_apps;
    const char *const *removed_names; /* or NULL */
} View;

static const ServiceRegistration *find_app(const View *view, const char *name)
{
    for (gsize i = 0; i < view->n_apps; i++)
        if (strcmp(view->apps[i].name, name) == 0)
            return &view->apps[i];
    return NULL;
}

static gboolean is_ours(const View *view, const char *name)
{
    return find_app(view, name) || (view->removed_names && g_strv_contains(view->removed_names, name));
}

/* ---- the file ---- */

/* A value is one line: what would end it is shown as '?'. */
static void add_key(GString *text, const char *key, const char *value)
{
    if (!value || !*value)
        return;
    g_string_append_printf(text, "%s = ", key);
    for (; *value; value++)
        g_string_append_c(text, (guchar)*value < 0x20 || *value == 0x7f ? '?' : *value);
    g_string_append_c(text, '\n');
}

static void add_section(GString *text, const ServiceRegistration *app)
{
    g_autofree char *rc_num = g_strdup_printf("%" G_GINT64_FORMAT, app->rc_num);
    g_autofree char *port = app->service_port ? g_strdup_printf("%u", app->service_port) : NULL;
    g_autofree char *program =
        app->service_program ? g_build_filename(app->install_path, app->service_program, NULL) : NULL;
    g_string_append_printf(text, "[%s]\n", app->name);
    add_key(text, "Name", app->name);
    add_key(text, "Version", app->version);
    add_key(text, "Display_Name", app->display_name);
    add_key(text, "Author", app->author);
    add_key(text, "Install_Path", app->install_path);
    add_key(text, "Shell", program);
    add_key(text, "RC_Number", rc_num);
    add_key(text, "Enable", app->enabled ? "TRUE" : "FALSE");
    add_key(text, "Service_Port", port);
    add_key(text, "Pid_File", app->pid_file);
    add_key(text, "Date", app->date);
    add_key(text, "Status", "complete");
}

/* Name of the section that the line opens, or NULL. */
static char *section_of(const char *line)
{
    g_autofree char *plain = g_strstrip(g_strdup(line));
    gsize len = strlen(plain);
    if (len < 3 || plain[0] != '[' || plain[len - 1] != ']')
        return NULL;
    return g_strndup(plain + 1, len - 2);
}

static char *read_view(const RootDir *root, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(GBytes) bytes = root_dir_read(root, VIEW_FILE, VIEW_BYTES_MAX, &failure);
    if (bytes)
        return g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    if (error_kind(failure) == APPCENTER_ERROR_NOT_FOUND)
        return g_strdup("");
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

/* Line by line: ours are replaced where they first stood, others kept, new ones appended. */
static char *merge(const View *view, const char *old)
{
    GString *text = g_string_new(NULL);
    g_auto(GStrv) lines = g_strsplit(old, "\n", -1);
    g_autoptr(GHashTable) written = g_hash_table_new(g_direct_hash, g_direct_equal);
    gboolean skips = FALSE;
    for (char **line = lines; *line; line++) {
        g_autofree char *section = section_of(*line);
        const ServiceRegistration *app = section ? find_app(view, section) : NULL;
        if (section)
            skips = is_ours(view, section);
        if (app && g_hash_table_add(written, (gpointer)app))
            add_section(text, app);
        if (!skips && (line[1] || **line)) /* the piece behind the last newline is no line */
            g_string_append_printf(text, "%s\n", *line);
    }
    for (gsize i = 0; i < view->n_apps; i++)
        if (!g_hash_table_contains(written, &view->apps[i]))
            add_section(text, &view->apps[i]);
    return g_string_free(text, FALSE);
}

static gboolean write_file(const View *view, GError **error)
{
    g_autofree char *old = read_view(view->root, error);
    if (!old)
        return FALSE;
    g_autofree char *text = merge(view, old);
    if (strcmp(old, text) == 0)
        return TRUE;
    return root_dir_make_dirs(view->root, CONFIG_DIR, 0755, error) &&
           root_dir_write_atomic(view->root, VIEW_FILE, text, strlen(text), 0644, error);
}

/* ---- the links ---- */

/* "QS101Photo" is Photo's with the prefix QS: two letters, up to three digits, the whole name. */
static gboolean link_is_of(const char *link, const char *prefix, const char *name)
{
    if (!g_str_has_prefix(link, prefix))
        return FALSE;
    const char *rest = link + strlen(prefix);
    for (int digits = 0; digits < 3 && g_ascii_isdigit(*rest); digits++)
        if (strcmp(++rest, name) == 0)
            return TRUE;
    return FALSE;
}

/* The app whose link this is, kept or removed; NULL: somebody else's. */
static const char *owner_of_link(const View *view, const char *link, const char *prefix)
{
    for (gsize i = 0; i < view->n_apps; i++)
        if (link_is_of(link, prefix, view->apps[i].name))
            return view->apps[i].name;
    for (const char *const *name = view->removed_names; name && *name; name++)
        if (link_is_of(link, prefix, *name))
            return *name;
    return NULL;
}

static char *link_name(const ServiceRegistration *app, const char *prefix)
{
    gint64 number = CLAMP(app->rc_num, 0, 999);
    if (strcmp(prefix, "QK") == 0)
        number = CLAMP(1000 - number, 0, 999); /* stopped in the opposite order */
    return g_strdup_printf("%s%03d%s", prefix, (int)number, app->name);
}

static gboolean make_link(int dir_fd, const ServiceRegistration *app, const char *prefix, GError **error)
{
    g_autofree char *name = link_name(app, prefix);
    g_autofree char *target = g_build_filename(app->install_path, app->service_program, NULL);
    if (symlinkat(target, dir_fd, name) != 0 && errno != EEXIST)
        return error_set_errno(error, "make the start link %s", name);
    return TRUE;
}

static gboolean is_linked(const ServiceRegistration *app)
{
    return app->enabled && app->service_program;
}

static gboolean drop_old_links(const View *view, const char *dir, int dir_fd, const char *prefix,
                               GError **error)
{
    g_auto(GStrv) links = root_dir_list(view->root, dir, error);
    for (char **link = links; link && *link; link++) {
        const char *owner = owner_of_link(view, *link, prefix);
        const ServiceRegistration *app = owner ? find_app(view, owner) : NULL;
        g_autofree char *wanted = app && is_linked(app) ? link_name(app, prefix) : NULL;
        if (owner && g_strcmp0(*link, wanted) != 0 && unlinkat(dir_fd, *link, 0) != 0 && errno != ENOENT)
            return error_set_errno(error, "remove the start link %s", *link);
    }
    return links != NULL;
}

static gboolean write_links(const View *view, const char *dir, const char *prefix, GError **error)
{
    g_auto(Fd) dir_fd = -1;
    if (!root_dir_make_dirs(view->root, dir, 0755, error))
        return FALSE;
    dir_fd = root_dir_openat(view->root, dir, O_RDONLY | O_DIRECTORY, 0, error);
    if (dir_fd < 0 || !drop_old_links(view, dir, dir_fd, prefix, error))
        return FALSE;
    for (gsize i = 0; i < view->n_apps; i++)
        if (is_linked(&view->apps[i]) && !make_link(dir_fd, &view->apps[i], prefix, error))
            return FALSE;
    return TRUE;
}

/* On another system's real root, rcS.d belongs to that system. */
static gboolean has_start_links(const RootDir *root)
{
    return root_dir_is_private(root) || root_dir_exists(root, QTS_FILE);
}

gboolean service_write_registration(const RootDir *root, const ServiceRegistration *apps, gsize n_apps,
                                    const char *const *removed_names, GError **error)
{
    View view = {.root = root, .apps = apps, .n_apps = n_apps, .removed_names = removed_names};
    if (write_file(&view, error) && (!has_start_links(root) || (write_links(&view, START_DIR, "QS", error) &&
                                                                write_links(&view, STOP_DIR, "QK", error))))
        return TRUE;
    g_prefix_error(error, "registration: ");
    return FALSE;
}
