/* steps_switch.c - STOP to HEALTH (but SETUP) and the way back. Every undo bears that its do never ran or ran half. */
#include <fcntl.h>
#include <unistd.h>

#include "engine/walk.h"

/* --- STOP --- */

/* As on QTS: the script hears of it, then the first text runs, while the folder is still in place. The other two come
 * when it is not (SETUP). */
static gboolean say_goodbye(Walk *walk, const WalkApp *app, const ServiceContext *context, GError **error)
{
    service_say_remove(context);
    return walk_run_removal_text(walk, app, context, "PKG_PRE_REMOVE", error) &&
           service_kill(walk->engine->root, app->app, error);
}

gboolean step_stop(Walk *walk, WalkApp *app, GError **error)
{
    if (!app->old || (app->op == CHANGE_RESTART && !app->was_running))
        return TRUE;
    ServiceContext context = walk_context(walk, app, FALSE);
    if (!service_stop(&context, error))
        return FALSE;
    return app->op != CHANGE_REMOVE || say_goodbye(walk, app, &context, error);
}

/* The old world is back whether its service comes up or not: one that does not is shown as failed and tried again with
 * the next start, and keeps nobody from installing a better version over it. */
gboolean step_start_old(Walk *walk, WalkApp *app, GError **error)
{
    g_autoptr(GError) failed = NULL;
    if (!app->old || !app->was_running)
        return TRUE;
    ServiceContext context = walk_context(walk, app, FALSE);
    if (service_is_running(&context) || service_start(&context, &failed))
        return TRUE;
    g_prefix_error(&failed, "%s %s is back and does not start: ", app->app, app->from_version);
    walk_note(walk, app, failed->message);
    return store_app_set_failed(walk->engine->store, app->app, failed->message, error);
}

/* --- SWAP --- */

gboolean step_swap(Walk *walk, WalkApp *app, GError **error)
{
    const Volume *volume = walk->engine->volume;
    if (app->op == CHANGE_REMOVE)
        return volume_take_away(volume, app->app, app->stage, &app->inodes, error);
    return volume_swap(volume, app->app, app->stage, &app->inodes, error);
}

/* Data written between the carry back and the exchange back lies in the tree that was live: it is carried once more.
 * The processes are dead by then: whatever SETUP and START began has been ended by their undo. */
gboolean step_swap_back(Walk *walk, WalkApp *app, GError **error)
{
    return volume_swap_back(walk->engine->volume, app->app, app->stage, &app->inodes, error) &&
           (app->op == CHANGE_REMOVE || step_carry_back(walk, app, error));
}

/* --- DATA --- */

int walk_open_tree(Walk *walk, const WalkApp *app, guint64 inode, GError **error)
{
    VolumeInodes now;
    if (!volume_inodes(walk->engine->volume, app->app, app->stage, &now, error))
        return -1;
    if (inode != 0 && now.live_ino == inode)
        return volume_app_open(walk->engine->volume, app->app, error);
    if (inode != 0 && now.staged_ino == inode)
        return volume_stage_open(walk->engine->volume, app->stage, error);
    error_set(error, APPCENTER_ERROR_NOT_FOUND, "%s: a tree of this transaction is neither live nor staged",
              app->app);
    return -1;
}

static void tell_notes(Walk *walk, const WalkApp *app, const VolumeCarry *carry)
{
    for (guint i = 0; carry->notes && i < carry->notes->len; i++)
        walk_note(walk, app, carry->notes->pdata[i]);
}

typedef struct {
    Walk *walk;
    WalkApp *app;
} Collisions;

/* Before anything is put beside a path, the journal knows, so that the way back puts it in its place. */
static gboolean note_beside(const char *path, const char *beside, gpointer user_data, GError **error)
{
    const Collisions *collisions = user_data;
    g_hash_table_insert(collisions->app->beside, g_strdup(beside), g_strdup(path));
    g_autofree char *data = walk_app_beside_to_text(collisions->app);
    return store_journal_put(collisions->walk->engine->store, collisions->walk->txn_id, collisions->app->app,
                             "DATA", "doing", data, error);
}

static gboolean carry(Walk *walk, WalkApp *app, int from_fd, int to_fd, const Manifest *from,
                      const Manifest *to, gboolean forward, GError **error)
{
    Collisions collisions = {walk, app};
    g_auto(VolumeCarry) result = {.user_data = &collisions};
    if (forward && !walk_app_load_places(walk, app, error))
        return FALSE;
    result.on_beside = forward ? note_beside : NULL;
    result.beside = forward ? app->places : app->beside;
    if (!volume_carry(from_fd, to_fd, from, to, forward, &result, error)) {
        g_prefix_error(error, "data: ");
        return FALSE;
    }
    tell_notes(walk, app, &result);
    return TRUE;
}

/* The data of an app that was removed earlier comes into its new install. */
static gboolean carry_from_removed(Walk *walk, WalkApp *app, gboolean forward, GError **error)
{
    const Volume *volume = walk->engine->volume;
    if (!app->data_kept_id)
        return TRUE;
    g_autoptr(Manifest) kept = store_kept_manifest(walk->engine->store, app->data_kept_id, error);
    g_auto(Fd) tree = kept ? volume_kept_open(volume, app->data_kept_tree, error) : -1;
    g_auto(Fd) new = tree < 0 ? -1 : walk_open_tree(walk, app, app->inodes.staged_ino, error);
    if (new < 0)
        return FALSE;
    return forward ? carry(walk, app, tree, new, kept, app->new_manifest, TRUE, error)
                   : carry(walk, app, new, tree, app->new_manifest, kept, FALSE, error);
}

gboolean step_carry(Walk *walk, WalkApp *app, GError **error)
{
    if (app->op == CHANGE_RESTORE)
        return walk_restore_data(walk, app, error);
    if (app->inodes.live_ino == 0)
        return carry_from_removed(walk, app, TRUE, error);
    g_auto(Fd) old = walk_open_tree(walk, app, app->inodes.live_ino, error);
    g_auto(Fd) new = old < 0 ? -1 : walk_open_tree(walk, app, app->inodes.staged_ino, error);
    return new >= 0 && carry(walk, app, old, new, app->old_manifest, app->new_manifest, TRUE, error);
}

static gboolean carry_to_old(Walk *walk, WalkApp *app, GError **error)
{
    if (app->inodes.live_ino == 0)
        return carry_from_removed(walk, app, FALSE, error);
    g_auto(Fd) old = walk_open_tree(walk, app, app->inodes.live_ino, error);
    g_auto(Fd) new = old < 0 ? -1 : walk_open_tree(walk, app, app->inodes.staged_ino, error);
    return new >= 0 && carry(walk, app, new, old, app->new_manifest, app->old_manifest, FALSE, error);
}

/* Is the new tree (still) there? Recovery repeats undos, and the last of them drops it. */
static gboolean has_new_tree(Walk *walk, const WalkApp *app)
{
    g_autoptr(GError) absent = NULL;
    g_auto(Fd) new = app->inodes.staged_ino ? walk_open_tree(walk, app, app->inodes.staged_ino, &absent) : -1;
    return new >= 0 || (absent && error_kind(absent) != APPCENTER_ERROR_NOT_FOUND);
}

/* The walker flushes it before the journal says so: the staged tree is deleted on its word. */
gboolean step_carry_back(Walk *walk, WalkApp *app, GError **error)
{
    return !app->new_manifest || !has_new_tree(walk, app) || carry_to_old(walk, app, error);
}

/* --- START, HEALTH --- */

/* An app that does not start or stay gets the blame: it is not healthy, whatever the cause. */
static gboolean blame_health(WalkApp *app, GError **error)
{
    walk_blame(app, error);
    if (app->is_blamed && error && *error) {
        (*error)->domain = APPCENTER_ERROR;
        (*error)->code = APPCENTER_ERROR_HEALTH;
    }
    return FALSE;
}

/* What ran before runs after; a new app starts when it is enabled. */
static gboolean shall_run(const WalkApp *app)
{
    if (app->op == CHANGE_RESTART)
        return app->was_running;
    return app->new->enabled && (app->was_running || !app->old);
}

gboolean step_start(Walk *walk, WalkApp *app, GError **error)
{
    if (!shall_run(app))
        return TRUE;
    ServiceContext context = walk_context(walk, app, TRUE);
    return service_start(&context, error) || blame_health(app, error);
}

gboolean step_stop_new(Walk *walk, WalkApp *app, GError **error)
{
    g_autoptr(GError) stubborn = NULL;
    VolumeInodes now;
    if (!app->new || !volume_inodes(walk->engine->volume, app->app, app->stage, &now, error))
        return app->new == NULL;
    if (app->op == CHANGE_RESTART ||
        (now.live_ino == app->inodes.staged_ino && app->inodes.staged_ino != 0)) {
        ServiceContext context = walk_context(walk, app, TRUE);
        context.is_cancelled = NULL; /* the way back runs through */
        if (service_stop(&context, &stubborn))
            return TRUE;
        log_warning("walk", "%s", stubborn->message);
    }
    return service_kill(walk->engine->root, app->app, error);
}

gboolean step_health(Walk *walk, WalkApp *app, GError **error)
{
    if (!shall_run(app))
        return TRUE;
    ServiceContext context = walk_context(walk, app, TRUE);
    return service_health(&context, error) || blame_health(app, error);
}
