/* steps_restore.c - a snapshot's content comes back into the version that is installed, as a transaction of its own.
 *
 * A new tree is made of the package's own files and the snapshot's, and takes the app's place by the exchange that every
 * change uses. The tree that was live keeps the newer content; behind the commit it becomes a snapshot itself, so going
 * back once more is the same again.
 */
#include "engine/walk.h"

#include <sys/stat.h>

/* What the app runs by: its files as they were shipped. Those that somebody edited come when it stands still (DATA). */
static gboolean copy_package(Walk *walk, const WalkApp *app, int stage_fd, GError **error)
{
    VolumeCopied copied;
    VolumeCopySpec spec = {.what = VOLUME_COPY_PACKAGE, .manifest = app->old_manifest};
    g_auto(Fd) live = volume_app_open(walk->engine->volume, app->app, error);
    return live >= 0 && volume_copy(live, stage_fd, &spec, &copied, error);
}

/* A copy of the snapshot's content, by the rules of an upgrade: config files are the user's, what the package ships
 * itself it keeps, the user's beside. */
static gboolean bring_content(Walk *walk, WalkApp *app, int stage_fd, GError **error)
{
    VolumeCopied copied;
    VolumeCopySpec spec = {.what = VOLUME_COPY_ALL};
    const Volume *volume = walk->engine->volume;
    g_auto(VolumeCarry) result = {0};
    g_auto(Fd) snapshot = volume_snapshot_open(volume, app->snapshot_tree, error);
    g_auto(Fd) extract = snapshot < 0 ? -1 : volume_stage_create(volume, app->extract, error);
    if (extract < 0 || !volume_copy(snapshot, extract, &spec, &copied, error) ||
        !volume_carry(extract, stage_fd, app->old_manifest, app->old_manifest, TRUE, &result, error))
        return FALSE;
    for (guint i = 0; i < result.notes->len; i++)
        walk_note(walk, app, result.notes->pdata[i]);
    return volume_stage_drop(volume, app->extract, error);
}

/* What is installed stays the same: what was written of the live tree beside the database holds for the new one. */
static gboolean hand_record_on(Walk *walk, const WalkApp *app, GError **error)
{
    const Volume *volume = walk->engine->volume;
    g_autoptr(GError) failed = NULL;
    g_autoptr(GBytes) record = volume_record_read(volume, app->app, &failed);
    if (!record && error_kind(failed) == APPCENTER_ERROR_NOT_FOUND)
        return TRUE; /* installed before there were records */
    if (!record) {
        g_propagate_error(error, g_steal_pointer(&failed));
        return FALSE;
    }
    g_autofree char *text = g_strndup(g_bytes_get_data(record, NULL), g_bytes_get_size(record));
    return volume_record_write(volume, app->stage, text, error);
}

/* The manifest of the new tree names all that is in it: the way back then carries only what was written meanwhile. */
gboolean walk_restore_unpack(Walk *walk, WalkApp *app, GError **error)
{
    g_auto(Fd) stage = volume_stage_create(walk->engine->volume, app->stage, error);
    if (stage < 0 || !copy_package(walk, app, stage, error) || !bring_content(walk, app, stage, error) ||
        !hand_record_on(walk, app, error) ||
        !walk_app_set_new(walk, app, app->old->config_text, app->old->routines, error))
        return FALSE;
    g_clear_pointer(&app->new_manifest, manifest_free);
    app->new_manifest = volume_scan(stage, NULL, error);
    return app->new_manifest != NULL;
}

gboolean walk_restore_need(Walk *walk, const WalkApp *app, gint64 *bytes, gint64 *files, GError **error)
{
    VolumeCopied package, content;
    const Volume *volume = walk->engine->volume;
    VolumeCopySpec owned = {.what = VOLUME_COPY_PACKAGE, .manifest = app->old_manifest};
    VolumeCopySpec all = {.what = VOLUME_COPY_ALL};
    g_auto(Fd) live = volume_app_open(volume, app->app, error);
    g_auto(Fd) snapshot = live < 0 ? -1 : volume_snapshot_open(volume, app->snapshot_tree, error);
    if (snapshot < 0 || !volume_measure(live, &owned, &package, error) ||
        !volume_measure(snapshot, &all, &content, error))
        return FALSE;
    *bytes += volume_can_share(volume) ? 0 : package.bytes + content.bytes;
    *files += package.files + content.files;
    return TRUE;
}

/* What the package owns and somebody edited since: no snapshot has the shipped one, so it stays as it is now. */
static gboolean copy_edited(const WalkApp *app, int old_fd, int new_fd, GError **error)
{
    VolumeCopied copied;
    VolumeCopySpec spec = {.what = VOLUME_COPY_EDITED, .manifest = app->old_manifest};
    return volume_copy(old_fd, new_fd, &spec, &copied, error);
}

gboolean walk_restore_data(Walk *walk, WalkApp *app, GError **error)
{
    VolumeCopied newer;
    VolumeCopySpec users = {.what = VOLUME_COPY_USERS, .manifest = app->old_manifest};
    g_auto(Fd) old = walk_open_tree(walk, app, app->inodes.live_ino, error);
    g_auto(Fd) new = old < 0 ? -1 : walk_open_tree(walk, app, app->inodes.staged_ino, error);
    if (new < 0 || !copy_edited(app, old, new, error) || !volume_measure(old, &users, &newer, error))
        return FALSE;
    app->made = g_new0(StoreSnapshot, 1);
    *app->made = (StoreSnapshot){.app = g_strdup(app->app),
                                 .version = g_strdup(app->from_version),
                                 .tree = g_strdup(app->stage),
                                 .txn_id = walk->txn_id,
                                 .made_at = engine_now(walk->engine),
                                 .size_bytes = newer.bytes,
                                 .files = newer.files,
                                 .is_whole = TRUE};
    return TRUE;
}

/* The package's files leave the tree that was live; what remains is the snapshot that the commit has recorded. */
gboolean walk_restore_keep(Walk *walk, WalkApp *app, GError **error)
{
    gboolean is_empty;
    const Volume *volume = walk->engine->volume;
    g_autoptr(GError) absent = NULL;
    g_autoptr(Manifest) manifest = store_app_manifest(walk->engine->store, app->app, error);
    if (!manifest)
        return FALSE;
    g_auto(Fd) tree = volume_stage_open(volume, app->stage, &absent);
    if (tree < 0 && error_kind(absent) == APPCENTER_ERROR_NOT_FOUND)
        return TRUE; /* put away before */
    if (tree < 0) {
        g_propagate_error(error, g_steal_pointer(&absent));
        return FALSE;
    }
    return volume_prune(tree, manifest, TRUE, &is_empty, error) &&
           volume_snapshot_adopt(volume, app->stage, app->stage, error);
}
