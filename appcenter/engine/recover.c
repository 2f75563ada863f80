/* recover.c - what start-up does before anything else: the walker again for every open transaction, then what was left
 * over; and the apps' services. Itself crash-safe: it only repeats undos and KEEP, which are idempotent. */
#include <string.h>

#include "engine/walk.h"

/* A staged tree of no open transaction has no business there. It is kept, not deleted: it might hold somebody's data. */
static gboolean clear_staging(Engine *engine, GError **error)
{
    g_auto(GStrv) names = volume_stage_list(engine->volume, error);
    if (!names)
        return FALSE;
    for (char **name = names; *name; name++) {
        g_autofree char *kept = g_strdup_printf("orphan-%" G_GINT64_FORMAT "-%s", engine_now(engine), *name);
        if (!volume_keep(engine->volume, *name, kept, error))
            return FALSE;
        log_warning("recover", "staged tree %s belongs to no transaction; kept as %s", *name, kept);
    }
    return TRUE;
}

gboolean engine_recover(Engine *engine, guint *n, GError **error)
{
    gboolean ok = TRUE;
    g_autoptr(GPtrArray) open = store_txn_open_list(engine->store, error);
    if (!open)
        return FALSE;
    for (guint i = open->len; i-- > 0;) { /* the newest first: each one's old world is the one before it */
        StoreTxn *txn = open->pdata[i];
        g_autoptr(GError) failed = NULL;
        if (walk_recover(engine, txn, &failed)) {
            log_info("recover", "transaction %" G_GINT64_FORMAT " recovered", txn->id);
            continue;
        }
        log_error("recover", "transaction %" G_GINT64_FORMAT ": %s", txn->id, failed->message);
        if (ok)
            g_propagate_prefixed_error(error, g_steal_pointer(&failed), "transaction %" G_GINT64_FORMAT ": ", txn->id);
        ok = FALSE;
    }
    if (n)
        *n = open->len;
    return ok && clear_staging(engine, error) && engine_write_registration(engine, NULL, error);
}

/* --- services --- */

static gint compare_start_order(gconstpointer a, gconstpointer b)
{
    const StoreApp *first = *(StoreApp *const *)a, *second = *(StoreApp *const *)b;
    if (first->rc_num != second->rc_num)
        return first->rc_num < second->rc_num ? -1 : 1;
    return strcmp(first->name, second->name);
}

static gboolean start_app(Engine *engine, const StoreApp *app, GError **error)
{
    g_autoptr(QpkgIdentity) identity = engine_identity(app, error);
    if (!identity)
        return FALSE;
    ServiceContext context = engine_service_context(engine, app, identity);
    return (identity->service_program && service_is_running(&context) && (identity->pid_file || identity->service_port)) ||
           service_start(&context, error);
}

static gboolean stop_app(Engine *engine, const StoreApp *app, GError **error)
{
    g_autoptr(QpkgIdentity) identity = engine_identity(app, error);
    if (!identity)
        return FALSE;
    ServiceContext context = engine_service_context(engine, app, identity);
    return service_stop(&context, error);
}

gboolean engine_start_apps(Engine *engine, GError **error)
{
    g_autoptr(GPtrArray) apps = store_apps(engine->store, error);
    if (!apps)
        return FALSE;
    g_ptr_array_sort(apps, compare_start_order);
    for (guint i = 0; i < apps->len; i++) {
        const StoreApp *app = apps->pdata[i];
        g_autoptr(GError) failed = NULL;
        if (!app->enabled)
            continue;
        gboolean started = start_app(engine, app, &failed);
        if (!started)
            log_error("start", "%s", failed->message);
        if ((!started || app->has_failed) &&
            !store_app_set_failed(engine->store, app->name, started ? NULL : failed->message, error))
            return FALSE;
    }
    return TRUE;
}

gboolean engine_service(Engine *engine, const char *action, const char *name, GError **error)
{
    g_autoptr(StoreApp) app = store_app_get(engine->store, name, error);
    if (!app)
        return FALSE;
    gboolean is_enable = g_str_equal(action, "enable"), is_disable = g_str_equal(action, "disable");
    if (!is_enable && !is_disable && !g_str_equal(action, "start") && !g_str_equal(action, "stop"))
        return error_set(error, APPCENTER_ERROR_INVALID, "\"%s\": wanted start, stop, enable or disable", action);
    if ((is_enable || is_disable) && !store_app_set_enabled(engine->store, name, is_enable, error))
        return FALSE;
    gboolean ok = is_disable || g_str_equal(action, "stop") ? stop_app(engine, app, error) : start_app(engine, app, error);
    if (ok && app->has_failed)
        ok = store_app_set_failed(engine->store, name, NULL, error);
    return ok && engine_write_registration(engine, NULL, error);
}
