/* plan_back.c - the ways back: rollback of an app to its kept previous version, undo of a finished transaction, and a
 * snapshot's content.
 *
 * No archive is needed: the trees are kept on the volume until their retention ends. Whether the world still holds
 * together afterwards is plan_check's to say.
 */
#include "engine/plan_internal.h"

#include <string.h>

#define KEPT_PREVIOUS "previous"
#define KEPT_REMOVED  "removed"

static PlanChange *new_change(ChangeOp op, const char *app, const char *from, const char *to,
                              const char *reason)
{
    PlanChange *change = g_new0(PlanChange, 1);
    change->op = op;
    change->app = g_strdup(app);
    change->from_version = g_strdup(from);
    change->to_version = g_strdup(to);
    change->use_previous = to != NULL;
    change->reason = g_strdup(reason);
    change->cls = CLASS_NORMAL;
    return change;
}

/* The app in the kept tree of that name, kind and version (NULL: any, the newest), as it was recorded; or NULL. */
static StoreApp *find_kept(Engine *engine, const char *app, const char *kind, const char *version,
                           GError **error)
{
    g_autoptr(GPtrArray) kept = store_kept_list(engine->store, app, kind, error);
    if (!kept)
        return NULL;
    for (guint i = 0; i < kept->len; i++) {
        const StoreKept *tree = g_ptr_array_index(kept, i);
        if ((version && version_compare(tree->app->version, version) != 0) ||
            !engine_kept_is_whole(engine, tree))
            continue;
        return store_app_copy(tree->app);
    }
    if (version)
        error_set(error, APPCENTER_ERROR_NOT_FOUND, "%s %s is not kept here any more", app, version);
    else
        error_set(error, APPCENTER_ERROR_NOT_FOUND, "no previous version of %s is kept here", app);
    return NULL;
}

/* What the kept version requires is known from its record: it binds the group together, and is checked. */
static PlanChange *new_return(ChangeOp op, const char *from, const StoreApp *kept, const char *reason)
{
    PlanChange *change = new_change(op, kept->name, from, kept->version, reason);
    change->kept_requires = g_strdupv(kept->requires);
    change->kept_conflicts = g_strdupv(kept->conflicts);
    return change;
}

static PlanChange *go_back(Engine *engine, const InstalledApp *app, const char *version, const char *reason,
                           GError **error)
{
    g_autoptr(StoreApp) kept = find_kept(engine, app->name, KEPT_PREVIOUS, version, error);
    if (!kept)
        return NULL;
    ChangeOp op = version_compare(kept->version, app->version) < 0 ? CHANGE_DOWNGRADE : CHANGE_UPGRADE;
    return new_return(op, app->version, kept, reason);
}

GPtrArray *plan_of_installed(Planning *planning, PlanOfApp make, GError **error)
{
    g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func((GDestroyNotify)plan_change_free);
    for (guint i = 0; i < planning->request->apps->len; i++) {
        const RequestApp *asked = g_ptr_array_index(planning->request->apps, i);
        const InstalledApp *app = installed_find(planning->view->installed, asked->name);
        if (!app) {
            error_set(error, APPCENTER_ERROR_NOT_FOUND, "%s is not installed", asked->name);
            return NULL;
        }
        PlanChange *change = make(planning, app, asked->version, error);
        if (!change)
            return NULL;
        g_ptr_array_add(changes, change);
    }
    return g_steal_pointer(&changes);
}

static PlanChange *roll_back(Planning *planning, const InstalledApp *app, const char *version, GError **error)
{
    return go_back(planning->engine, app, version, "asked for", error);
}

GPtrArray *plan_rollback(Planning *planning, GError **error)
{
    return plan_of_installed(planning, roll_back, error);
}

/* ---- undo ---- */

static PlanChange *undo_removal(Engine *engine, const StoreChange *done, const InstalledApp *app,
                                const char *reason, GError **error)
{
    if (app) {
        error_set(error, APPCENTER_ERROR_CONFLICT, "%s %s is installed again", app->name, app->version);
        return NULL;
    }
    g_autoptr(StoreApp) kept = find_kept(engine, done->app, KEPT_REMOVED, done->from_version, error);
    return kept ? new_return(CHANGE_INSTALL, NULL, kept, reason) : NULL;
}

/* ---- snapshots ---- */

static PlanChange *bring_back(const InstalledApp *app, const StoreSnapshot *snapshot, const char *reason)
{
    PlanChange *change = new_change(CHANGE_RESTORE, app->name, app->version, app->version, reason);
    change->use_previous = FALSE;
    change->snapshot_id = snapshot->id;
    return change;
}

GPtrArray *plan_restore(Planning *planning, GError **error)
{
    g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func((GDestroyNotify)plan_change_free);
    g_autoptr(StoreSnapshot) snapshot =
        store_snapshot_get(planning->engine->store, planning->request->snapshot_id, error);
    if (!snapshot)
        return NULL;
    const InstalledApp *app = installed_find(planning->view->installed, snapshot->app);
    if (!app) {
        error_set(error, APPCENTER_ERROR_NOT_FOUND, "%s is not installed", snapshot->app);
        return NULL;
    }
    g_autofree char *reason = g_strdup_printf("asked for: snapshot %" G_GINT64_FORMAT, snapshot->id);
    g_ptr_array_add(changes, bring_back(app, snapshot, reason));
    return g_steal_pointer(&changes);
}

/* The content that a restore put aside is a snapshot of that transaction. */
static PlanChange *undo_restore(Engine *engine, gint64 txn_id, const InstalledApp *app, const char *reason,
                                GError **error)
{
    g_autoptr(GPtrArray) snapshots = store_snapshots(engine->store, app->name, error);
    for (guint i = 0; snapshots && i < snapshots->len; i++) {
        const StoreSnapshot *snapshot = g_ptr_array_index(snapshots, i);
        if (snapshot->txn_id == txn_id)
            return bring_back(app, snapshot, reason);
    }
    if (snapshots)
        error_set(error, APPCENTER_ERROR_NOT_FOUND, "the content of %s before it is not kept any more",
                  app->name);
    return NULL;
}

/* ---- undo of one change ---- */

static PlanChange *undo_change(Engine *engine, gint64 txn_id, const StoreChange *done,
                               const InstalledApp *app, const char *reason, GError **error)
{
    ChangeOp op;
    if (!change_op_from_name(done->op, &op)) {
        error_set(error, APPCENTER_ERROR_CORRUPT, "%s: unknown kind of change \"%s\"", done->app, done->op);
        return NULL;
    }
    if (op == CHANGE_REMOVE)
        return undo_removal(engine, done, app, reason, error);
    if (!app || version_compare(app->version, done->to_version) != 0) {
        error_set(error, APPCENTER_ERROR_CONFLICT, "%s %s was brought, found %s: something came after",
                  done->app, done->to_version, app ? app->version : "it not installed");
        return NULL;
    }
    if (op == CHANGE_RESTORE)
        return undo_restore(engine, txn_id, app, reason, error);
    if (op == CHANGE_INSTALL)
        return new_change(CHANGE_REMOVE, app->name, app->version, NULL, reason);
    return go_back(engine, app, done->from_version, reason, error);
}

GPtrArray *plan_undo(Planning *planning, GError **error)
{
    gint64 id = planning->request->undo_id;
    g_autoptr(StoreTxn) txn = store_txn_get(planning->engine->store, id, error);
    if (!txn)
        return NULL;
    if (g_strcmp0(txn->result, "done") != 0) {
        error_set(error, APPCENTER_ERROR_REFUSED,
                  "transaction %" G_GINT64_FORMAT " is not one that was done (%s)", id,
                  txn->result ? txn->result : "not finished");
        return NULL;
    }
    g_autofree char *reason = g_strdup_printf("undo of transaction %" G_GINT64_FORMAT, id);
    g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func((GDestroyNotify)plan_change_free);
    for (guint i = txn->changes->len; i-- > 0;) {
        const StoreChange *done = g_ptr_array_index(txn->changes, i);
        const InstalledApp *app = installed_find(planning->view->installed, done->app);
        PlanChange *change = undo_change(planning->engine, id, done, app, reason, error);
        if (!change) {
            g_prefix_error(error, "%s: ", reason);
            return NULL;
        }
        g_ptr_array_add(changes, change);
    }
    return g_steal_pointer(&changes);
}
