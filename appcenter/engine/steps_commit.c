/* steps_commit.c - the commit point and KEEP behind it. */
#include "engine/walk.h"

static gboolean put_away(Walk *walk, const WalkApp *app, const char *kind, GError **error)
{
    StoreKept kept = {.kind = (char *)kind,
                      .app = app->old,
                      .tree = app->stage,
                      .txn_id = walk->txn_id,
                      .kept_at = engine_now(walk->engine)};
    return store_kept_add(walk->engine->store, &kept, app->old_manifest, error);
}

/* The same version once more: nothing to go back to is in the old tree. */
static gboolean is_repair(const WalkApp *app)
{
    return app->op == CHANGE_UPGRADE && app->release && g_strcmp0(app->from_version, app->to_version) == 0;
}

static gboolean record(Walk *walk, const WalkApp *app, GError **error)
{
    Store *store = walk->engine->store;
    if (app->made && !store_snapshot_add(store, app->made, error))
        return FALSE;
    if (app->op == CHANGE_RESTORE)
        return TRUE; /* the app is what it was */
    if (app->op == CHANGE_RESTART)
        return !app->was_running || store_app_set_failed(store, app->app, NULL, error);
    if (app->op == CHANGE_REMOVE)
        return (app->purge || put_away(walk, app, "removed", error)) &&
               store_app_remove(store, app->app, error);
    if (app->data_kept_id && !store_kept_remove(store, app->data_kept_id, error))
        return FALSE; /* its data is in the new tree */
    if (app->old && !is_repair(app) && !put_away(walk, app, "previous", error))
        return FALSE;
    if (app->kept_id && !store_kept_remove(store, app->kept_id, error))
        return FALSE;
    return store_app_put(store, app->new, app->new_manifest, error);
}

/* What the admin wants from now on is as durable as the change: who goes back from a version does not want it again by
 * itself (a newer one is offered as ever), and a version that was asked for is neither skipped nor vetoed any more. */
static gboolean record_wishes(Walk *walk, const WalkApp *app, GError **error)
{
    Store *store = walk->engine->store;
    if (!app->to_version || app->op == CHANGE_RESTORE)
        return TRUE;
    if (store_is_skipped(store, app->app, app->to_version) &&
        !store_skip_remove(store, app->app, app->to_version, error))
        return FALSE;
    if (!app->kept_id && !store_veto_clear(store, app->app, error))
        return FALSE;
    return !walk->is_way_back || app->op != CHANGE_DOWNGRADE ||
           store_skip_add(store, app->app, app->from_version, engine_now(walk->engine), error);
}

gboolean walk_commit(Walk *walk, GError **error)
{
    Store *store = walk->engine->store;
    if (!store_begin(store, error))
        return FALSE;
    gboolean ok = TRUE;
    for (guint i = 0; ok && i < walk->apps->len; i++)
        ok = record(walk, walk->apps->pdata[i], error) && record_wishes(walk, walk->apps->pdata[i], error);
    if (ok && store_txn_mark_committed(store, walk->txn_id, error) && store_commit(store, error))
        return TRUE;
    store_rollback(store);
    g_prefix_error(error, "commit: ");
    return FALSE;
}

/* --- KEEP --- */

/* What was written into the old tree by a straggler is carried, onto the disk, before the tree is put away. */
static gboolean carry_rest(Walk *walk, WalkApp *app, GError **error)
{
    const Volume *volume = walk->engine->volume;
    g_auto(VolumeCarry) result = {0};
    g_autoptr(GError) absent = NULL;
    g_auto(Fd) old = volume_stage_open(volume, app->stage, &absent);
    if (old < 0 && error_kind(absent) == APPCENTER_ERROR_NOT_FOUND)
        return TRUE; /* put away before */
    if (old < 0) {
        g_propagate_error(error, g_steal_pointer(&absent));
        return FALSE;
    }
    g_auto(Fd) live = volume_app_open(volume, app->app, error);
    const Manifest *owned = is_repair(app) ? app->new_manifest : app->old_manifest;
    return live >= 0 && volume_carry(old, live, owned, app->new_manifest, TRUE, &result, error) &&
           volume_sync(volume, error);
}

static gboolean keep_tree(Walk *walk, WalkApp *app, GError **error)
{
    g_autoptr(GError) absent = NULL;
    if (volume_keep(walk->engine->volume, app->stage, app->stage, &absent) ||
        error_kind(absent) == APPCENTER_ERROR_NOT_FOUND)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&absent));
    return FALSE;
}

/* Only so many previous versions stay. The tree goes first: a row without a tree is found and dropped the next time. */
static gboolean drop_surplus(Walk *walk, const WalkApp *app, GError **error)
{
    gint64 wanted = settings_values(walk->engine->settings)->keep_previous;
    g_autoptr(GPtrArray) kept = store_kept_list(walk->engine->store, app->app, "previous", error);
    if (!kept)
        return FALSE;
    for (guint i = (guint)MAX(wanted, 0); i < kept->len; i++) {
        const StoreKept *one = kept->pdata[i];
        if (!volume_kept_drop(walk->engine->volume, one->tree, error) ||
            !store_kept_remove(walk->engine->store, one->id, error))
            return FALSE;
    }
    return TRUE;
}

/* A purge means all of it: the versions kept before as well, and config files elsewhere. */
static gboolean purge(Walk *walk, WalkApp *app, GError **error)
{
    if (!walk_purge_configs(walk, app, error) || !walk_snapshot_purge(walk, app, error))
        return FALSE;
    g_autoptr(GPtrArray) kept = store_kept_list(walk->engine->store, app->app, NULL, error);
    for (guint i = 0; kept && i < kept->len; i++) {
        const StoreKept *one = kept->pdata[i];
        if (!volume_kept_drop(walk->engine->volume, one->tree, error) ||
            !store_kept_remove(walk->engine->store, one->id, error))
            return FALSE;
    }
    return kept && volume_stage_drop(walk->engine->volume, app->stage, error);
}

gboolean step_keep(Walk *walk, WalkApp *app, GError **error)
{
    if ((app->release && !step_drop_download(walk, app, error)) ||
        !volume_stage_drop(walk->engine->volume, app->extract, error))
        return FALSE;
    if (app->op == CHANGE_RESTORE)
        return walk_restore_keep(walk, app, error);
    if (app->op == CHANGE_REMOVE && app->purge)
        return purge(walk, app, error);
    if (app->op != CHANGE_REMOVE && (app->old_manifest || is_repair(app)) && app->new_manifest &&
        !carry_rest(walk, app, error))
        return FALSE;
    if (app->data_kept_id && !volume_kept_drop(walk->engine->volume, app->data_kept_tree, error))
        return FALSE;
    if (is_repair(app))
        return volume_stage_drop(walk->engine->volume, app->stage, error);
    return keep_tree(walk, app, error) && drop_surplus(walk, app, error);
}
