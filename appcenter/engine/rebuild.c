/* rebuild.c - what is installed, after the state was damaged: the restored backup held against the records of the live trees.
 *
 * The tree is right: a version that the backup does not know of was switched in after it was made. A folder without a
 * record is told and left alone, an app without its folder is shown as failed; nothing is guessed and nothing deleted.
 */
#include "engine/walk.h"

static void tell(json_t *notes, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void tell(json_t *notes, const char *format, ...)
{
    va_list words;
    va_start(words, format);
    g_autofree char *text = g_strdup_vprintf(format, words);
    va_end(words);
    log_warning("rebuild", "%s", text);
    json_array_append_new(notes, json_string(text));
}

/* *tree: what the record says is live; NULL where there is none that can be read. */
static StoreApp *read_live(Engine *engine, const char *name, Manifest **manifest, json_t *notes)
{
    StoreApp *app = NULL;
    g_autoptr(GError) failure = NULL;
    g_autoptr(GBytes) text = volume_record_read(engine->volume, name, &failure);
    if (text && walk_read_record(engine, name, text, &app, manifest, &failure))
        return app;
    tell(notes, "the folder of %s has no record that can be read (%s)", name, failure->message);
    return NULL;
}

static gboolean settle_app(Engine *engine, const char *name, json_t *notes, GError **error)
{
    g_autoptr(Manifest) manifest = NULL;
    g_autoptr(GError) unknown = NULL;
    g_autoptr(StoreApp) known = store_app_get(engine->store, name, &unknown);
    g_autoptr(StoreApp) live = read_live(engine, name, &manifest, notes);
    if (!live && !known)
        tell(notes, "%s is in no backup either: its folder is left alone and counts as not installed", name);
    if (!live || (known && g_str_equal(known->version, live->version) &&
                  g_strcmp0(known->archive_sha256, live->archive_sha256) == 0))
        return TRUE;
    live->enabled = known ? known->enabled : TRUE;
    tell(notes, "%s %s is recorded as its folder says (the backup had %s)", name, live->version,
         known ? known->version : "it not installed");
    return store_app_put(engine->store, live, manifest, error);
}

static gboolean settle_live(Engine *engine, json_t *notes, GError **error)
{
    g_auto(GStrv) names = volume_apps(engine->volume, error);
    for (char **name = names; name && *name; name++)
        if (!settle_app(engine, *name, notes, error))
            return FALSE;
    return names != NULL;
}

static gboolean settle_absent(Engine *engine, json_t *notes, GError **error)
{
    g_autoptr(GPtrArray) apps = store_apps(engine->store, error);
    for (guint i = 0; apps && i < apps->len; i++) {
        const StoreApp *app = apps->pdata[i];
        if (volume_app_exists(engine->volume, app->name))
            continue;
        tell(notes, "%s %s is in the backup, but its folder is gone", app->name, app->version);
        if (!store_app_set_failed(engine->store, app->name, "its folder is gone", error))
            return FALSE;
    }
    return apps != NULL;
}

static gboolean is_recorded(GPtrArray *kept, const char *tree)
{
    for (guint i = 0; i < kept->len; i++)
        if (g_str_equal(((const StoreKept *)kept->pdata[i])->tree, tree))
            return TRUE;
    return FALSE;
}

/* A kept tree that the backup does not know of may have a name that a coming transaction wants. */
static gboolean settle_kept(Engine *engine, json_t *notes, GError **error)
{
    g_autoptr(GPtrArray) kept = store_kept_list(engine->store, NULL, NULL, error);
    g_auto(GStrv) names = kept ? volume_kept_names(engine->volume, error) : NULL;
    for (char **name = names; name && *name; name++) {
        g_autofree char *orphan =
            g_strdup_printf("orphan-%" G_GINT64_FORMAT "-%s", engine_now(engine), *name);
        if (is_recorded(kept, *name) || g_str_has_prefix(*name, "orphan-"))
            continue;
        tell(notes, "a kept tree that the backup does not know of lies at .qpkg/.appcenter/kept/%s", orphan);
        if (!volume_unkeep(engine->volume, *name, *name, error) ||
            !volume_keep(engine->volume, *name, orphan, error))
            return FALSE;
    }
    return names != NULL;
}

static gboolean rebuild(Engine *engine, json_t *damage, GError **error)
{
    json_t *notes = json_object_get(damage, "notes");
    if (!settle_live(engine, notes, error) || !settle_absent(engine, notes, error) ||
        !settle_kept(engine, notes, error))
        return FALSE;
    json_object_set_new(damage, "is_rebuilt", json_true());
    return store_damage_set(engine->store, damage, error);
}

static gboolean is_new(Engine *engine, gboolean *answer, GError **error)
{
    g_autoptr(GPtrArray) done = store_txn_list(engine->store, 1, error);
    g_autoptr(GPtrArray) apps = done ? store_apps(engine->store, error) : NULL;
    *answer = apps && done->len == 0 && apps->len == 0;
    return apps != NULL;
}

/* A state that never did anything, on a volume with trees that we made: it was lost without leaving a trace. */
static gboolean notice_loss(Engine *engine, json_t **damage, GError **error)
{
    gboolean is_fresh = FALSE;
    g_auto(GStrv) names = is_new(engine, &is_fresh, error) ? volume_apps(engine->volume, error) : NULL;
    for (char **name = names; is_fresh && names && *name && !*damage; name++) {
        g_autoptr(GBytes) record = volume_record_read(engine->volume, *name, NULL);
        g_autofree char *at = units_format_time(engine_now(engine));
        if (record)
            *damage = json_pack("{s:s, s:s, s:s, s:b, s:[]}", "at", at, "why",
                                "it was empty, though there are apps on the volume", "restored_from",
                                "nothing", "is_rebuilt", 0, "notes");
    }
    return names != NULL;
}

gboolean engine_rebuild(Engine *engine, GError **error)
{
    json_t *found = NULL;
    if (!store_damage(engine->store, &found, error) || (!found && !notice_loss(engine, &found, error)))
        return FALSE;
    g_autoptr(json_t) damage = found;
    if (!damage || json_is_true(json_object_get(damage, "is_rebuilt")))
        return TRUE;
    if (!store_begin(engine->store, error))
        return FALSE;
    if (rebuild(engine, damage, error) && store_commit(engine->store, error))
        return TRUE;
    store_rollback(engine->store);
    g_prefix_error(error, "rebuild what is installed: ");
    return FALSE;
}

gboolean engine_may_change(Engine *engine, GError **error)
{
    return store_refuse_if_damaged(engine->store, error);
}
