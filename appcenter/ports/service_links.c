/* service_links.c - the links by which QTS starts apps at boot (rcS.d, rcK.d) and by which scripts call each other (init.d).
 *
 * Hides which link belongs to which app: in rcS.d and rcK.d by exact name ("QS101Conf" is not HoConf's), in init.d by
 * where it leads. Nobody else's link or file is touched.
 */
#include "ports/service_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define QTS_FILE  "/etc/config/uLinux.conf"
#define START_DIR "/etc/rcS.d"
#define STOP_DIR  "/etc/rcK.d"
#define INIT_DIR  "/etc/init.d"
#define APPS_PART "/.qpkg/"

/* ---- at boot, by number ---- */

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
static const char *owner_of_link(const ServiceView *view, const char *link, const char *prefix)
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

static gboolean drop_old_links(const ServiceView *view, const char *dir, int dir_fd, const char *prefix,
                               GError **error)
{
    g_auto(GStrv) links = root_dir_list(view->root, dir, error);
    for (char **link = links; link && *link; link++) {
        const char *owner = owner_of_link(view, *link, prefix);
        const ServiceRegistration *app = owner ? service_view_find(view, owner) : NULL;
        g_autofree char *wanted = app && is_linked(app) ? link_name(app, prefix) : NULL;
        if (owner && g_strcmp0(*link, wanted) != 0 && unlinkat(dir_fd, *link, 0) != 0 && errno != ENOENT)
            return error_set_errno(error, "remove the start link %s", *link);
    }
    return links != NULL;
}

static gboolean write_links(const ServiceView *view, const char *dir, const char *prefix, GError **error)
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
    /* Flushed also if nothing changed: who changed it may have died before this. */
    return files_fsync(dir_fd, dir, error);
}

/* ---- by the name of the program ---- */

static char *program_path(const ServiceRegistration *app)
{
    return app->service_program ? g_build_filename(app->install_path, app->service_program, NULL) : NULL;
}

/* The app in whose folder it leads, or NULL: it is not an app's. */
static char *owner_of_target(const char *target)
{
    const char *part = strstr(target, APPS_PART);
    const char *name = part ? part + strlen(APPS_PART) : NULL;
    const char *end = name ? strchr(name, '/') : NULL;
    return end && end > name ? g_strndup(name, (gsize)(end - name)) : NULL;
}

/* Ours, and not what it should be? Of two apps with a program of one name, who came first keeps it. */
static gboolean is_stale(const ServiceView *view, int dir_fd, const char *link)
{
    char target[PATH_MAX];
    ssize_t len = readlinkat(dir_fd, link, target, sizeof target - 1);
    if (len < 0)
        return FALSE; /* no link at all */
    target[len] = '\0';
    g_autofree char *owner = owner_of_target(target);
    if (!owner || !service_view_is_ours(view, owner))
        return FALSE;
    const ServiceRegistration *app = service_view_find(view, owner);
    g_autofree char *path = app ? program_path(app) : NULL;
    g_autofree char *name = path ? g_path_get_basename(path) : NULL;
    return g_strcmp0(path, target) != 0 || g_strcmp0(name, link) != 0;
}

static gboolean write_init_links(const ServiceView *view, GError **error)
{
    if (!root_dir_make_dirs(view->root, INIT_DIR, 0755, error))
        return FALSE;
    g_auto(Fd) dir_fd = root_dir_openat(view->root, INIT_DIR, O_RDONLY | O_DIRECTORY, 0, error);
    g_auto(GStrv) links = dir_fd < 0 ? NULL : root_dir_list(view->root, INIT_DIR, error);
    if (!links)
        return FALSE;
    for (char **link = links; *link; link++)
        if (is_stale(view, dir_fd, *link) && unlinkat(dir_fd, *link, 0) != 0 && errno != ENOENT)
            return error_set_errno(error, "remove the link %s", *link);
    for (gsize i = 0; i < view->n_apps; i++) {
        g_autofree char *path = program_path(&view->apps[i]);
        g_autofree char *name = path ? g_path_get_basename(path) : NULL;
        if (path && symlinkat(path, dir_fd, name) != 0 && errno != EEXIST)
            return error_set_errno(error, "make the link %s", name);
    }
    return files_fsync(dir_fd, INIT_DIR, error);
}

/* On another system's real root, they belong to that system. */
static gboolean has_start_links(const RootDir *root)
{
    return root_dir_is_private(root) || root_dir_exists(root, QTS_FILE);
}

gboolean service_write_links(const ServiceView *view, GError **error)
{
    return !has_start_links(view->root) ||
           (write_init_links(view, error) && write_links(view, START_DIR, "QS", error) &&
            write_links(view, STOP_DIR, "QK", error));
}
