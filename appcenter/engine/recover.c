/* recover.c - what start-up does before anything else: the walker again for every open transaction, then what was left
 * over; and the apps' services. Itself crash-safe: it only repeats undos and KEEP, which are idempotent. */
#include <string.h>

#include "engine/walk.h"

/* ---- what was left over ---- */

/* The transaction in "TXN-APP"; 0: a name that is not ours. */
static gint64 txn_of_stage(const char *name)
{
    char *end;
    gint64 id = g_ascii_isdigit(*name) ? g_ascii_strtoll(name, &end, 10) : 0;
    return id > 0 && *end == '-' ? id : 0;
}

static gboolean is_open(const GPtrArray *open, gint64 id)
{
    for (guint i = 0; i < open->len; i++)
        if (((StoreTxn *)open->pdata[i])->id == id)
            return TRUE;
    return FALSE;
}

/* Was a tree of that transaction ever exchanged? Only then can it hold anything of the user's. */
static gboolean was_switched(Engine *engine, gint64 id)
{
    g_autoptr(GPtrArray) rows = store_journal(engine->store, id, NULL);
    for (guint i = 0; rows && i < rows->len; i++)
        if (g_str_equal(((StoreJournal *)rows->pdata[i])->step, "SWAP"))
            return TRUE;
    return !rows || rows->len == 0; /* unknown: it might have been */
}

static gboolean clear_stage(Engine *engine, const char *name, GError **error)
{
    if (!was_switched(engine, txn_of_stage(name)))
        return volume_stage_drop(engine->volume, name, error);
    g_autofree char *kept = g_strdup_printf("orphan-%" G_GINT64_FORMAT "-%s", engine_now(engine), name);
    log_warning("recover", "staged tree %s belongs to no open transaction; kept as %s", name, kept);
    return volume_keep(engine->volume, name, kept, error);
}

/* Staged trees of transactions that are still open are theirs. */
static gboolean clear_staging(Engine *engine, GError **error)
{
    g_autoptr(GPtrArray) open = store_txn_open_list(engine->store, error);
    g_auto(GStrv) names = open ? volume_stage_list(engine->volume, error) : NULL;
    for (char **name = names; name && *name; name++)
        if (!is_open(open, txn_of_stage(*name)) && !clear_stage(engine, *name, error))
            return FALSE;
    return names != NULL;
}

/* The retention of a removed app ends; the user's files in it have none. */
static gboolean drop_expired(Engine *engine, const StoreKept *kept, GError **error)
{
    g_autoptr(GError) absent = NULL;
    gint64 good_until = kept->kept_at + settings_values(engine->settings)->keep_removed_s;
    if (engine_now(engine) < good_until)
        return TRUE;
    g_autoptr(Manifest) manifest = store_kept_manifest(engine->store, kept->id, error);
    if (!manifest)
        return FALSE;
    g_auto(Fd) tree = volume_kept_open(engine->volume, kept->tree, &absent);
    if (tree < 0 ? error_kind(absent) != APPCENTER_ERROR_NOT_FOUND : volume_has_user_data(tree, manifest))
        return TRUE;
    return volume_kept_drop(engine->volume, kept->tree, error) &&
           store_kept_remove(engine->store, kept->id, error);
}

static gboolean clear_removed(Engine *engine, GError **error)
{
    g_autoptr(GPtrArray) kept = store_kept_list(engine->store, NULL, "removed", error);
    for (guint i = 0; kept && i < kept->len; i++)
        if (!drop_expired(engine, kept->pdata[i], error))
            return FALSE;
    return kept != NULL;
}

static gboolean is_known(const GPtrArray *snapshots, const char *tree)
{
    for (guint i = 0; i < snapshots->len; i++)
        if (g_str_equal(((StoreSnapshot *)snapshots->pdata[i])->tree, tree))
            return TRUE;
    return FALSE;
}

/* An older state.db was put back: what it does not know may hold what is nowhere else, and gets its time from now on. */
static gboolean record_snapshot(Engine *engine, const char *tree, GError **error)
{
    VolumeCopied found;
    const char *app = strchr(tree, '-');
    VolumeCopySpec all = {.what = VOLUME_COPY_ALL};
    if (txn_of_stage(tree) == 0 || !app_name_is_valid(app + 1))
        return TRUE; /* not ours */
    g_auto(Fd) fd = volume_snapshot_open(engine->volume, tree, error);
    if (fd < 0 || !volume_measure(fd, &all, &found, error))
        return FALSE;
    StoreSnapshot row = {.app = (char *)app + 1,
                         .version = (char *)"unknown",
                         .tree = (char *)tree,
                         .txn_id = txn_of_stage(tree),
                         .made_at = engine_now(engine),
                         .size_bytes = found.bytes,
                         .files = found.files,
                         .is_whole = TRUE};
    log_warning("recover", "snapshot %s was not recorded, and is now", tree);
    return store_snapshot_add(engine->store, &row, error);
}

/* Those that never became whole go. */
static gboolean settle_snapshots(Engine *engine, GError **error)
{
    g_autoptr(GPtrArray) open = store_txn_open_list(engine->store, error);
    g_autoptr(GPtrArray) known = open ? store_snapshots(engine->store, NULL, error) : NULL;
    g_auto(GStrv) names = known ? volume_snapshot_names(engine->volume, error) : NULL;
    for (char **name = names; name && *name; name++) {
        gsize len = strlen(*name);
        gboolean is_partial = (*name)[len - 1] == '~';
        if (is_open(open, txn_of_stage(*name)) || (!is_partial && is_known(known, *name)))
            continue;
        if (is_partial)
            (*name)[len - 1] = '\0';
        if (!(is_partial ? volume_snapshot_drop_partial(engine->volume, *name, error)
                         : record_snapshot(engine, *name, error)))
            return FALSE;
    }
    return names != NULL;
}

gboolean engine_tidy(Engine *engine, GError **error)
{
    gint64 oldest = engine_now(engine) - settings_values(engine->settings)->keep_snapshots_s;
    return clear_removed(engine, error) && engine_drop_snapshots(engine, NULL, oldest, error);
}

/* A transaction that cannot be finished now stays open and its apps are shown as failed: no reason to keep the others from
 * being updated. */
gboolean engine_recover(Engine *engine, guint *n_open, GError **error)
{
    guint n_failed = 0;
    g_autoptr(GPtrArray) open =
        engine_rebuild(engine, error) ? store_txn_open_list(engine->store, error) : NULL;
    if (!open)
        return FALSE;
    for (guint i = open->len; i-- > 0;) { /* the newest first: each one's old world is the one before it */
        StoreTxn *txn = open->pdata[i];
        g_autoptr(GError) failed = NULL;
        if (walk_recover(engine, txn, &failed)) {
            log_info("recover", "transaction %" G_GINT64_FORMAT " recovered", txn->id);
        } else {
            n_failed++;
            log_error("recover", "transaction %" G_GINT64_FORMAT ": %s", txn->id, failed->message);
        }
    }
    if (n_open)
        *n_open = n_failed;
    return clear_staging(engine, error) && volume_records_clear(engine->volume, error) &&
           settle_snapshots(engine, error) && engine_tidy(engine, error) &&
           engine_write_registration(engine, NULL, FALSE, error);
}

/* --- services --- */

static gint compare_start_order(gconstpointer a, gconstpointer b)
{
    const StoreApp *first = *(StoreApp *const *)a, *second = *(StoreApp *const *)b;
    if (first->rc_num != second->rc_num)
        return first->rc_num < second->rc_num ? -1 : 1;
    return strcmp(first->name, second->name);
}

static gboolean waits_for(const StoreApp *app, const GPtrArray *waiting)
{
    for (char **item = app->requires; item && *item; item++) {
        g_autoptr(Requirement) requirement = requirement_parse(*item, NULL);
        for (guint i = 0; i < waiting->len; i++) {
            const StoreApp *other = waiting->pdata[i];
            if (other != app && requirement_matches(requirement, other->name, other->version))
                return TRUE;
        }
    }
    return FALSE;
}

/* By QTS's numbers, but nobody before what it needs; in a circle the first that is left. Borrows the apps. */
static GPtrArray *start_order(const GPtrArray *apps)
{
    GPtrArray *order = g_ptr_array_sized_new(apps->len);
    g_autoptr(GPtrArray) waiting = g_ptr_array_new();
    for (guint i = 0; i < apps->len; i++)
        g_ptr_array_add(waiting, apps->pdata[i]);
    g_ptr_array_sort(waiting, compare_start_order);
    while (waiting->len > 0) {
        guint next = 0;
        while (next < waiting->len && waits_for(waiting->pdata[next], waiting))
            next++;
        g_ptr_array_add(order, g_ptr_array_remove_index(waiting, next < waiting->len ? next : 0));
    }
    return order;
}

static gboolean start_app(Engine *engine, const StoreApp *app, GError **error)
{
    g_autoptr(QpkgIdentity) identity = engine_identity(app, error);
    if (!identity)
        return FALSE;
    ServiceContext context = engine_service_context(engine, app, identity);
    return service_is_running(&context) || service_start(&context, error);
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
    g_autoptr(GPtrArray) order = start_order(apps);
    for (guint i = 0; i < order->len; i++) {
        const StoreApp *app = order->pdata[i];
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
        return error_set(error, APPCENTER_ERROR_INVALID, "\"%s\": wanted start, stop, enable or disable",
                         action);
    if ((is_enable || is_disable) &&
        (!store_app_set_enabled(engine->store, name, is_enable, error) ||
         !engine_write_registration(engine, NULL, FALSE, error))) /* scripts ask it whether they may start */
        return FALSE;
    gboolean ok = is_disable || g_str_equal(action, "stop") ? stop_app(engine, app, error)
                                                            : start_app(engine, app, error);
    if (ok && app->has_failed)
        ok = store_app_set_failed(engine->store, name, NULL, error);
    return ok; /* enabled is so, running or not */
}
