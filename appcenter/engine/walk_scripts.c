/* walk_scripts.c - contexts for an app's scripts, and the registration view of the world as it will be. */
#include <string.h>

#include "engine/walk.h"

static void log_output(const char *app, const char *what, const char *output, gpointer user_data)
{
    (void)user_data;
    g_auto(GStrv) lines = g_strsplit(output, "\n", -1);
    for (char **line = lines; *line; line++)
        if (**line)
            log_info(app, "%s: %s", what, *line);
}

static gboolean script_is_cancelled(gpointer user_data)
{
    return engine_is_cancelled(user_data);
}

ServiceContext engine_service_context(Engine *engine, const StoreApp *app, const QpkgIdentity *identity)
{
    const SettingsValues *settings = settings_values(engine->settings);
    return (ServiceContext){.root = engine->root,
                            .volume_path = settings->volume,
                            .app = app->name,
                            .version = app->version,
                            .app_path = app->install_path,
                            .identity = identity,
                            .config_text = app->config_text,
                            .routines = app->routines,
                            .health_timeout_s = settings->health_timeout_s,
                            .health_settle_s = settings->health_settle_s,
                            .user_data = engine,
                            .log_output = log_output};
}

/* Scripts of the new version end when the admin cancels; those of the old one are part of the way back and run through. */
ServiceContext walk_context(Walk *walk, const WalkApp *app, gboolean is_new)
{
    ServiceContext context = engine_service_context(walk->engine, is_new ? app->new : app->old,
                                                    is_new ? app->new_identity : app->old_identity);
    context.hook_state = app->hook_state;
    if (is_new)
        context.is_cancelled = script_is_cancelled;
    return context;
}

/* --- the registration view --- */

typedef struct {
    GArray *rows;       /* ServiceRegistration, of borrowed strings */
    GPtrArray *configs; /* owners of some of them */
    GPtrArray *dates;
} View;

static void add_row(View *view, const StoreApp *app)
{
    QpkgConfig *config =
        app->config_text ? qpkg_config_parse(app->config_text, strlen(app->config_text), NULL) : NULL;
    g_autoptr(GDateTime) date = g_date_time_new_from_unix_utc(app->installed_at);
    char *text = date ? g_date_time_format(date, "%Y-%m-%d") : NULL;
    ServiceRegistration row = {.name = app->name,
                               .version = app->version,
                               .display_name = app->display_name,
                               .author = config ? qpkg_config_get(config, "QPKG_AUTHOR") : NULL,
                               .install_path = app->install_path,
                               .service_program = app->service_program,
                               .pid_file = app->pid_file,
                               .date = text,
                               .config = config,
                               .rc_num = app->rc_num,
                               .enabled = app->enabled,
                               .service_port = app->service_port};
    if (config)
        g_ptr_array_add(view->configs, config);
    if (text)
        g_ptr_array_add(view->dates, text);
    g_array_append_val(view->rows, row);
}

static const WalkApp *find_change(const Walk *walk, const char *name)
{
    for (guint i = 0; walk && i < walk->apps->len; i++)
        if (g_str_equal(((WalkApp *)walk->apps->pdata[i])->app, name))
            return walk->apps->pdata[i];
    return NULL;
}

static gboolean is_installed(const GPtrArray *installed, const char *name)
{
    for (guint i = 0; i < installed->len; i++)
        if (g_str_equal(((StoreApp *)installed->pdata[i])->name, name))
            return TRUE;
    return FALSE;
}

/* Installed apps, with the walk's changes laid over where they count; names of what is not there go to removed. */
static void collect(const Walk *walk, gboolean as_will_be, GPtrArray *installed, View *view,
                    GPtrArray *removed)
{
    for (guint i = 0; i < installed->len; i++)
        if (!as_will_be || !find_change(walk, ((StoreApp *)installed->pdata[i])->name))
            add_row(view, installed->pdata[i]);
    for (guint i = 0; walk && i < walk->apps->len; i++) {
        const WalkApp *app = walk->apps->pdata[i];
        if (as_will_be && app->new)
            add_row(view, app->new);
        else if (as_will_be || !is_installed(installed, app->app))
            g_ptr_array_add(removed, app->app);
    }
    g_ptr_array_add(removed, NULL);
}

gboolean engine_write_registration(Engine *engine, const Walk *walk, gboolean as_will_be, GError **error)
{
    g_autoptr(GPtrArray) installed = store_apps(engine->store, error);
    if (!installed)
        return FALSE;
    g_autoptr(GArray) rows = g_array_new(FALSE, TRUE, sizeof(ServiceRegistration));
    g_autoptr(GPtrArray) configs = g_ptr_array_new_with_free_func((GDestroyNotify)qpkg_config_free);
    g_autoptr(GPtrArray) dates = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) removed = g_ptr_array_new();
    View view = {rows, configs, dates};
    collect(walk, as_will_be, installed, &view, removed);
    return service_write_registration(engine->root, (const ServiceRegistration *)(void *)rows->data,
                                      rows->len, (const char *const *)removed->pdata, error);
}
