/* service_view.c - /etc/config/qpkg.conf, as QTS's scripts expect it: a view, never state.
 *
 * The sections of our apps are written anew from what the store says; every other section stays byte for byte, where it
 * stood, and so do keys in our sections that we do not know: apps put them there by setcfg. Hides the ini format.
 */
#include "ports/service_internal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#define CONFIG_DIR     "/etc/config"
#define VIEW_FILE      CONFIG_DIR "/qpkg.conf"
#define VIEW_BYTES_MAX (4 * 1024 * 1024)
#define LOCK_TRIES     50 /* 100 ms apart */

const ServiceRegistration *service_view_find(const ServiceView *view, const char *name)
{
    for (gsize i = 0; i < view->n_apps; i++)
        if (strcmp(view->apps[i].name, name) == 0)
            return &view->apps[i];
    return NULL;
}

gboolean service_view_is_ours(const ServiceView *view, const char *name)
{
    return service_view_find(view, name) ||
           (view->removed_names && g_strv_contains(view->removed_names, name));
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

/* Keys that are copied out of qpkg.cfg (qpkg-format, section 4). */
static const char *const copied[][2] = {
    {"WebUI", "QPKG_WEBUI"},
    {"Web_Port", "QPKG_WEB_PORT"},
    {"Web_SSL_Port", "QPKG_WEB_SSL_PORT"},
    {"Use_Proxy", "QPKG_USE_PROXY"},
    {"Proxy_Path", "QPKG_PROXY_PATH"},
    {"Desktop", "QPKG_DESKTOP_APP"},
    {"Win_Width", "QPKG_DESKTOP_APP_WIN_WIDTH"},
    {"Win_Height", "QPKG_DESKTOP_APP_WIN_HEIGHT"},
    {"FW_Ver_Min", "QTS_MINI_VERSION"},
    {"FW_Ver_Max", "QTS_MAX_VERSION"},
    {"Volume_Select", "QPKG_VOLUME_SELECT"},
    {"Timeout", "QPKG_TIMEOUT"},
    {"Visible", "QPKG_VISIBLE"},
    {"Force_Visible", "QPKG_FORCE_VISIBLE"},
    {"Sys_App", "QPKG_SYS_APP"},
    {"Container", "QPKG_CONTAINER"},
    {"Exec_Files", "QPKG_EXEC_FILES"},
    {"Config_Path", "QPKG_CONFIG_PATH"},
    {"Mount_Action", "QPKG_MOUNT_ACTION"},
    {"Unmount_Action", "QPKG_UNMOUNT_ACTION"},
    {"Share_Add_Action", "QPKG_SHARE_ADD_ACTION"},
    {"Share_Del_Action", "QPKG_SHARE_DEL_ACTION"},
    {"Enter_ReadDelete_Action", "QPKG_ENTER_READDELETE_ACTION"},
    {"Leave_ReadDelete_Action", "QPKG_LEAVE_READDELETE_ACTION"},
    {"Action_Timeout", "QPKG_ACTION_TIMEOUT"},
};

/* Those that we say ourselves. */
static const char *const own_keys[] = {
    "Name",     "Version",   "Display_Name", "Author",    "Install_Path",
    "Shell",    "Alt_Shell", "RC_Number",    "Enable",    "Service_Port",
    "Pid_File", "Date",      "Status",       "QPKG_File", "Distribution_Type",
};

static const char *config_value(const ServiceRegistration *app, const char *key)
{
    const char *value = app->config ? qpkg_config_get(app->config, key) : NULL;
    return value && *value ? value : NULL;
}

static void add_copied(GString *text, const ServiceRegistration *app)
{
    const char *distribution = config_value(app, "QPKG_DISTRIBUTION_TYPE");
    const char *file = config_value(app, "QPKG_QPKG_FILE");
    g_autofree char *plain_file = g_strconcat(app->name, ".qpkg", NULL);
    gboolean has_port = config_value(app, "QPKG_WEB_PORT") || config_value(app, "QPKG_WEB_SSL_PORT");
    for (gsize i = 0; i < G_N_ELEMENTS(copied); i++)
        add_key(text, copied[i][0], config_value(app, copied[i][1]));
    if (has_port && !config_value(app, "QPKG_WEBUI"))
        add_key(text, "WebUI", "/");
    if (!config_value(app, "QPKG_DESKTOP_APP"))
        add_key(text, "Desktop", config_value(app, "QPKG_DESKTOP"));
    add_key(text, "Distribution_Type", distribution ? distribution : "0");
    add_key(text, "QPKG_File", file ? file : plain_file);
}

static void add_section(GString *text, const ServiceRegistration *app)
{
    g_autofree char *rc_num = g_strdup_printf("%" G_GINT64_FORMAT, app->rc_num);
    g_autofree char *port = app->service_port ? g_strdup_printf("%u", app->service_port) : NULL;
    g_autofree char *program =
        app->service_program ? g_build_filename(app->install_path, app->service_program, NULL) : NULL;
    gboolean hides_buttons = g_strcmp0(config_value(app, "QPKG_DISABLE_APPCENTER_UI_SERVICE"), "1") == 0;
    g_string_append_printf(text, "[%s]\n", app->name);
    add_key(text, "Name", app->name);
    add_key(text, "Version", app->version);
    add_key(text, "Display_Name", app->display_name);
    add_key(text, "Author", app->author);
    add_key(text, "Install_Path", app->install_path);
    add_key(text, hides_buttons ? "Alt_Shell" : "Shell", program);
    add_key(text, "RC_Number", rc_num);
    add_key(text, "Enable", app->enabled ? "TRUE" : "FALSE");
    add_key(text, "Service_Port", port);
    add_key(text, "Pid_File", app->pid_file);
    add_key(text, "Date", app->date);
    add_key(text, "Status", "complete");
    add_copied(text, app);
}

/* Is it "Key = value" with a key that we say or could say? */
static gboolean is_our_line(const char *line)
{
    g_auto(GStrv) parts = g_strsplit(line, "=", 2);
    if (!parts[0] || !parts[1])
        return TRUE; /* not a value at all: nobody misses it */
    g_strstrip(parts[0]);
    if (g_str_has_prefix(parts[0], "cfg:") || g_str_has_prefix(parts[0], "buildVer:"))
        return TRUE; /* of QTS's own installer: ours knows by other means */
    for (gsize i = 0; i < G_N_ELEMENTS(own_keys); i++)
        if (g_ascii_strcasecmp(parts[0], own_keys[i]) == 0)
            return TRUE;
    for (gsize i = 0; i < G_N_ELEMENTS(copied); i++)
        if (g_ascii_strcasecmp(parts[0], copied[i][0]) == 0)
            return TRUE;
    return FALSE;
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

/* What the app has added to its section. */
static void add_foreign_keys(GString *text, char **lines, const char *app)
{
    gboolean is_inside = FALSE;
    for (char **line = lines; *line; line++) {
        g_autofree char *section = section_of(*line);
        if (section)
            is_inside = strcmp(section, app) == 0;
        else if (is_inside && !is_our_line(*line))
            g_string_append_printf(text, "%s\n", *line);
    }
}

/* Line by line: ours are replaced where they first stood, others kept, new ones appended. */
static char *merge(const ServiceView *view, const char *old)
{
    GString *text = g_string_new(NULL);
    g_auto(GStrv) lines = g_strsplit(old, "\n", -1);
    g_autoptr(GHashTable) written = g_hash_table_new(g_direct_hash, g_direct_equal);
    gboolean skips = FALSE;
    for (char **line = lines; *line; line++) {
        g_autofree char *section = section_of(*line);
        const ServiceRegistration *app = section ? service_view_find(view, section) : NULL;
        if (section)
            skips = service_view_is_ours(view, section);
        if (app && g_hash_table_add(written, (gpointer)app)) {
            add_section(text, app);
            add_foreign_keys(text, lines, app->name);
        }
        if (!skips && (line[1] || **line)) /* the piece behind the last newline is no line */
            g_string_append_printf(text, "%s\n", *line);
    }
    for (gsize i = 0; i < view->n_apps; i++)
        if (!g_hash_table_contains(written, &view->apps[i]))
            add_section(text, &view->apps[i]);
    return g_string_free(text, FALSE);
}

/* setcfg holds it as well, for a moment. Who held it for ever would not stop us. */
static void lock_folder(int dir_fd)
{
    for (int i = 0; i < LOCK_TRIES && flock(dir_fd, LOCK_EX | LOCK_NB) != 0; i++)
        g_usleep(100 * 1000);
}

static gboolean write_file(const ServiceView *view, GError **error)
{
    if (!root_dir_make_dirs(view->root, CONFIG_DIR, 0755, error))
        return FALSE;
    g_auto(Fd) dir_fd = root_dir_openat(view->root, CONFIG_DIR, O_RDONLY | O_DIRECTORY, 0, error);
    if (dir_fd < 0)
        return FALSE;
    lock_folder(dir_fd);
    g_autofree char *old = read_view(view->root, error);
    if (!old)
        return FALSE;
    g_autofree char *text = merge(view, old);
    return strcmp(old, text) == 0 ||
           root_dir_write_atomic(view->root, VIEW_FILE, text, strlen(text), 0644, error);
}

gboolean service_write_registration(const RootDir *root, const ServiceRegistration *apps, gsize n_apps,
                                    const char *const *removed_names, GError **error)
{
    ServiceView view = {.root = root, .apps = apps, .n_apps = n_apps, .removed_names = removed_names};
    if (write_file(&view, error) && service_write_links(&view, error))
        return TRUE;
    g_prefix_error(error, "registration: ");
    return FALSE;
}
