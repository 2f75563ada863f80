/* walk_restart.c - the apps of a walk that do not change: they need one that does, stop before it and start behind it. They
 * have rows of STOP, START and HEALTH only; one that does not come up again walks the group back.
 */
#include "engine/walk.h"

/* An app that declares neither pid file nor port may do all its work in its script: enabled, it counts as running. */
static gboolean shows_life(const QpkgIdentity *identity)
{
    return !identity->service_program || identity->pid_file || identity->service_port;
}

gboolean engine_app_runs(Engine *engine, const StoreApp *app, const QpkgIdentity *identity)
{
    ServiceContext context = engine_service_context(engine, app, identity);
    return service_is_running(&context) || (app->enabled && !app->has_failed && !shows_life(identity));
}

gboolean walk_load_restart(Engine *engine, WalkApp *app, GError **error)
{
    app->old = store_app_get(engine->store, app->app, error);
    app->old_identity = app->old ? engine_identity(app->old, error) : NULL;
    app->new_identity = app->old_identity ? engine_identity(app->old, error) : NULL;
    if (!app->new_identity)
        return FALSE;
    app->new = store_app_copy(app->old);
    g_free(app->from_version);
    app->from_version = g_strdup(app->old->version);
    return TRUE;
}

/* Behind all that it needs. */
static gint place_of(const Walk *walk, const PlanRestart *restart)
{
    gint place = 0;
    for (guint i = 0; i < walk->apps->len; i++) {
        const char *name = ((const WalkApp *)walk->apps->pdata[i])->app;
        if (g_ptr_array_find_with_equal_func(restart->because, name, g_str_equal, NULL) ||
            g_ptr_array_find_with_equal_func(restart->needs, name, g_str_equal, NULL))
            place = (gint)i + 1;
    }
    return place;
}

gboolean walk_add_restarts(Walk *walk, const PlanSet *set, GError **error)
{
    for (guint i = 0; i < set->restarts->len; i++) {
        const PlanRestart *restart = g_ptr_array_index(set->restarts, i);
        g_autoptr(GError) failed = NULL;
        WalkApp *app = walk_app_new();
        app->op = CHANGE_RESTART;
        app->app = g_strdup(restart->app);
        for (guint j = 0; j < restart->because->len; j++)
            g_ptr_array_add(app->because, g_strdup(g_ptr_array_index(restart->because, j)));
        if (walk_load_restart(walk->engine, app, &failed)) {
            g_ptr_array_insert(walk->apps, place_of(walk, restart), app);
            continue;
        }
        walk_app_free(app);
        if (error_kind(failed) == APPCENTER_ERROR_NOT_FOUND)
            continue; /* an earlier set has removed it */
        g_propagate_error(error, g_steal_pointer(&failed));
        return FALSE;
    }
    return TRUE;
}

void walk_pass_blame(Walk *walk)
{
    for (guint i = 0; i < walk->apps->len; i++) {
        const WalkApp *app = walk->apps->pdata[i];
        for (guint j = 0; app->is_blamed && j < walk->apps->len; j++) {
            WalkApp *cause = walk->apps->pdata[j];
            cause->is_blamed |= g_ptr_array_find_with_equal_func(app->because, cause->app, g_str_equal, NULL);
        }
    }
}
