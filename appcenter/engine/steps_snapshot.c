/* steps_snapshot.c - SNAP: the content as of a change of version, copied while the app stands still; and its undo.
 *
 * The undo brings back what the package said that its hooks convert, and only that: all other content has moved with the
 * live app and is back by then. The newer copy stays beside.
 */
#include <string.h>

#include "engine/walk.h"

static gboolean changes_version(const WalkApp *app)
{
    return app->old && (app->op == CHANGE_UPGRADE || app->op == CHANGE_DOWNGRADE);
}

/* A version that comes back runs no hooks and converts nothing. Before UNPACK the catalogue's word is all there is. */
static char **migrates_of(const WalkApp *app)
{
    if (!app->release || app->kept_id)
        return NULL;
    return app->new_identity ? app->new_identity->migrates : app->release->migrates;
}

static gboolean choose(Walk *walk, const WalkApp *app, gint64 room_bytes, SnapshotChoice *choice,
                       GError **error)
{
    SnapshotSubject subject = {.engine = walk->engine,
                               .app = app->app,
                               .manifest = app->old_manifest,
                               .migrates = migrates_of(app),
                               .room_bytes = room_bytes};
    return snapshot_choose(&subject, choice, error);
}

static gboolean room_on_volume(Walk *walk, gint64 *room_bytes, GError **error)
{
    SystemSpace space;
    if (!system_space(volume_fd(walk->engine->volume), &space, error))
        return FALSE;
    *room_bytes = MAX(space.free_bytes - settings_values(walk->engine->settings)->reserve_bytes, 0);
    return TRUE;
}

gboolean walk_snapshot_need(Walk *walk, gint64 *bytes, gint64 *files, GError **error)
{
    for (guint i = 0; i < walk->apps->len; i++) {
        const WalkApp *app = walk->apps->pdata[i];
        g_auto(SnapshotChoice) choice = {0};
        if (!changes_version(app))
            continue;
        if (!choose(walk, app, -1, &choice, error)) {
            g_prefix_error(error, "%s: ", app->app);
            return FALSE;
        }
        *bytes += choice.copy_bytes;
        *files += choice.files;
    }
    return TRUE;
}

gboolean walk_snapshot_ready(Walk *walk, const WalkApp *app, GError **error)
{
    gint64 room_bytes;
    g_auto(SnapshotChoice) choice = {0};
    return !changes_version(app) ||
           (room_on_volume(walk, &room_bytes, error) && choose(walk, app, room_bytes, &choice, error));
}

/* --- the row --- */

static void note_no_snapshot(Walk *walk, const WalkApp *app, const char *why)
{
    g_autofree char *text = g_strdup_printf("no snapshot of its data: %s", why);
    walk_note(walk, app, text);
}

static gboolean take(Walk *walk, WalkApp *app, const SnapshotChoice *choice, GError **error)
{
    VolumeCopied copied;
    char **migrates = migrates_of(app);
    VolumeCopySpec spec = snapshot_spec(choice->scope, app->old_manifest, migrates);
    /* only hooks that convert need it on the disk before they run; the rest is synced with all else before the commit */
    gboolean is_durable = migrates && *migrates;
    if (!volume_snapshot_take(walk->engine->volume, app->app, app->stage, &spec, is_durable, &copied, error))
        return FALSE;
    app->made = g_new0(StoreSnapshot, 1);
    *app->made = (StoreSnapshot){.app = g_strdup(app->app),
                                 .version = g_strdup(app->from_version),
                                 .tree = g_strdup(app->stage),
                                 .txn_id = walk->txn_id,
                                 .made_at = engine_now(walk->engine),
                                 .size_bytes = copied.bytes,
                                 .files = copied.files,
                                 .is_shared = copied.copied_bytes == 0 && copied.bytes > 0,
                                 .is_whole = choice->scope == PLAN_SNAPSHOT_WHOLE};
    return TRUE;
}

/* Where nothing depends on it, what keeps a snapshot from being taken is told and no reason to go back. */
static gboolean take_or_tell(Walk *walk, WalkApp *app, const SnapshotChoice *choice, GError **error)
{
    const SettingsValues *settings = settings_values(walk->engine->settings);
    g_autoptr(GError) failed = NULL;
    char **migrates = migrates_of(app);
    gboolean must =
        (migrates && *migrates) || (settings->snapshot == SNAPSHOT_REQUIRED && !*settings->snapshot_command);
    if (take(walk, app, choice, &failed))
        return TRUE;
    if (must) {
        g_propagate_prefixed_error(error, g_steal_pointer(&failed), "snapshot: ");
        return FALSE;
    }
    note_no_snapshot(walk, app, failed->message);
    return volume_snapshot_drop(walk->engine->volume, app->stage, error);
}

gboolean step_snapshot(Walk *walk, WalkApp *app, GError **error)
{
    gint64 room_bytes;
    g_auto(SnapshotChoice) choice = {0};
    if (!room_on_volume(walk, &room_bytes, error) || !choose(walk, app, room_bytes, &choice, error))
        return FALSE;
    if (choice.why_not)
        note_no_snapshot(walk, app, choice.why_not);
    return choice.scope == PLAN_SNAPSHOT_NONE || take_or_tell(walk, app, &choice, error);
}

/* Behind the way back of data and trees: what is live is the old version again. */
gboolean step_snapshot_back(Walk *walk, WalkApp *app, GError **error)
{
    const Volume *volume = walk->engine->volume;
    char **migrates = migrates_of(app);
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    g_auto(Fd) snapshot = volume_snapshot_open(volume, app->stage, NULL);
    if (snapshot >= 0 && migrates && *migrates) {
        g_auto(Fd) live = volume_app_open(volume, app->app, error);
        if (live < 0 ||
            !volume_snapshot_put_back(volume, live, app->stage, (const char *const *)migrates, notes, error))
            return FALSE;
    }
    for (guint i = 0; i < notes->len; i++)
        walk_note(walk, app, notes->pdata[i]);
    return (notes->len == 0 || volume_sync(volume, error)) && volume_snapshot_drop(volume, app->stage, error);
}

/* --- what is kept --- */

gboolean walk_snapshot_purge(Walk *walk, const WalkApp *app, GError **error)
{
    return engine_drop_snapshots(walk->engine, app->app, G_MAXINT64, error);
}

gboolean engine_drop_snapshots(Engine *engine, const char *app_or_null, gint64 made_before, GError **error)
{
    g_autoptr(GPtrArray) snapshots = store_snapshots(engine->store, app_or_null, error);
    for (guint i = 0; snapshots && i < snapshots->len; i++) {
        const StoreSnapshot *one = snapshots->pdata[i];
        if (one->made_at < made_before && (!volume_snapshot_drop(engine->volume, one->tree, error) ||
                                           !store_snapshot_remove(engine->store, one->id, error)))
            return FALSE;
    }
    return snapshots != NULL;
}
