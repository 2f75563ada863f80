/* apply.c - the one walker: row by row over the fate group, forward to the commit, or back by the journal.
 *
 * Before each do its journal row is committed, so after a crash at any instant the journal names at least everything that
 * may have begun; every undo bears that it had not.
 */
#include <string.h>

#include "engine/walk.h"

static void emit_step(Walk *walk, const WalkApp *app, const Step *step, gboolean is_undo, gboolean is_end)
{
    engine_emit(walk->engine, &(EngineEvent){.kind = ENGINE_EVENT_STEP,
                                             .txn_id = walk->txn_id,
                                             .app = app->app,
                                             .step = step->name,
                                             .words = step->words,
                                             .is_undo = is_undo,
                                             .is_end = is_end});
}

static gboolean journal(Walk *walk, const WalkApp *app, const Step *step, const char *state, const char *data,
                        GError **error)
{
    return store_journal_put(walk->engine->store, walk->txn_id, app->app, step->name, state, data, error);
}

/* --- forward --- */

static gboolean do_step(Walk *walk, WalkApp *app, const Step *step, GError **error)
{
    g_autoptr(GError) failed = NULL;
    if (step->phase != PHASE_KEEP && engine_is_cancelled(walk->engine))
        return error_set(error, APPCENTER_ERROR_CANCELLED, "cancelled before '%s' of %s", step->words,
                         app->app);
    g_autofree char *data = walk_step_data(walk, app, step, &failed);
    if (failed) {
        g_propagate_error(error, g_steal_pointer(&failed));
        return FALSE;
    }
    if (!journal(walk, app, step, "doing", data, error))
        return FALSE;
    emit_step(walk, app, step, FALSE, FALSE);
    if (!step->run(walk, app, error)) {
        /* Steps state the fact; whose it is, is said here, once. */
        g_prefix_error(error, "%s %s: ", app->app, app->to_version ? app->to_version : app->from_version);
        return FALSE;
    }
    emit_step(walk, app, step, FALSE, TRUE);
    return journal(walk, app, step, "done", NULL, error);
}

/* One row over the whole group: dependencies first, or dependents first where the row says so. */
static gboolean do_row(Walk *walk, const Step *step, GError **error)
{
    for (guint i = 0; i < walk->apps->len; i++) {
        WalkApp *app = walk->apps->pdata[step->dependents_first ? walk->apps->len - 1 - i : i];
        if (step_applies(step, app) && !do_step(walk, app, step, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean do_phase(Walk *walk, StepPhase phase, GError **error)
{
    for (gsize i = 0; i < engine_n_steps; i++)
        if (engine_steps[i].phase == phase && !do_row(walk, &engine_steps[i], error))
            return FALSE;
    return TRUE;
}

/* --- back --- */

static const char *journal_state(GPtrArray *rows, const char *app, const char *step)
{
    for (guint i = 0; i < rows->len; i++) {
        const StoreJournal *row = rows->pdata[i];
        if (g_str_equal(row->app, app) && g_str_equal(row->step, step))
            return row->state;
    }
    return NULL;
}

/* The state of a row for all these apps: one commit. */
static gboolean journal_row(Walk *walk, const GPtrArray *apps, const Step *step, const char *state,
                            GError **error)
{
    if (!store_begin(walk->engine->store, error))
        return FALSE;
    for (guint i = 0; i < apps->len; i++)
        if (!journal(walk, apps->pdata[i], step, state, NULL, error)) {
            store_rollback(walk->engine->store);
            return FALSE;
        }
    if (store_commit(walk->engine->store, error))
        return TRUE;
    store_rollback(walk->engine->store);
    return FALSE;
}

/* A full disk that has no ballast left is no reason to leave an app down: every undo bears to be repeated, which is what
 * recovery then does. */
static gboolean journal_undo(Walk *walk, const GPtrArray *apps, const Step *step, const char *state,
                             GError **error)
{
    g_autoptr(GError) failed = NULL;
    if (apps->len == 0 || journal_row(walk, apps, step, state, &failed))
        return TRUE;
    if (error_kind(failed) != APPCENTER_ERROR_NO_SPACE) {
        g_propagate_error(error, g_steal_pointer(&failed));
        return FALSE;
    }
    log_warning("walk", "'%s' is %s, unrecorded: %s", step->words, state, failed->message);
    return TRUE;
}

/* A failed undo ends that app's walk: it is shown as failed, and start-up tries again. */
static void give_up(Walk *walk, const WalkApp *app, const Step *step, const GError *cause, GError **error)
{
    g_autoptr(GError) failed = g_error_copy(cause);
    g_prefix_error(&failed, "undo of '%s' of %s: ", step->words, app->app);
    log_error("walk", "%s", failed->message);
    (void)!journal(walk, app, step, "undo-failed", NULL, NULL);
    if (app->old)
        (void)!store_app_set_failed(walk->engine->store, app->app, failed->message, NULL);
    if (error && !*error)
        g_propagate_error(error, g_steal_pointer(&failed));
}

static gboolean undo_app(Walk *walk, WalkApp *app, const Step *step, GError **error)
{
    emit_step(walk, app, step, TRUE, FALSE);
    if (!step->undo(walk, app, error))
        return FALSE;
    emit_step(walk, app, step, TRUE, TRUE);
    return TRUE;
}

/* The undo of one row for these apps, in their order. Two commits and one flush for all of them: 50 apps would cost seconds
 * else. What is undone is on the disk before the journal says so: a later row deletes the staged trees on its word.
 * Returns those for whom it failed. */
static GPtrArray *undo_row(Walk *walk, const Step *step, const GPtrArray *apps, GError **error)
{
    g_autoptr(GPtrArray) failed = g_ptr_array_new();
    g_autoptr(GPtrArray) undone = g_ptr_array_new();
    g_autoptr(GError) common = NULL;
    gboolean is_announced = journal_undo(walk, apps, step, "undoing", &common);
    for (guint i = 0; is_announced && i < apps->len; i++) {
        g_autoptr(GError) own = NULL;
        gboolean ok = undo_app(walk, apps->pdata[i], step, &own);
        g_ptr_array_add(ok ? undone : failed, apps->pdata[i]);
        if (!ok)
            give_up(walk, apps->pdata[i], step, own, error);
    }
    if (is_announced &&
        (!step->syncs_undo || undone->len == 0 || volume_sync(walk->engine->volume, &common)) &&
        journal_undo(walk, undone, step, "undone", &common))
        return g_steal_pointer(&failed);
    const GPtrArray *rest = is_announced ? undone : apps;
    for (guint i = 0; i < rest->len; i++) {
        give_up(walk, rest->pdata[i], step, common, error);
        g_ptr_array_add(failed, rest->pdata[i]);
    }
    return g_steal_pointer(&failed);
}

/* A row that leaves nothing behind is only closed, so that no finished transaction has an open one. */
static void close_row(Walk *walk, const Step *step, const GPtrArray *apps)
{
    g_autoptr(GError) failed = NULL;
    if (apps->len > 0 && !journal_row(walk, apps, step, "undone", &failed))
        log_warning("walk", "%s", failed->message);
}

/* The first stop may have ended others of the group as well: from then on all of them are to be started. */
static gboolean is_stopping(GPtrArray *rows, const Step *step)
{
    for (guint i = 0; g_str_equal(step->name, "STOP") && i < rows->len; i++)
        if (g_str_equal(((StoreJournal *)rows->pdata[i])->step, "STOP"))
            return TRUE;
    return FALSE;
}

/* Whose row there is something to do for, the other way round than forward. */
static GPtrArray *apps_to_undo(Walk *walk, const Step *step, GPtrArray *rows, gboolean again,
                               GHashTable *given_up)
{
    GPtrArray *apps = g_ptr_array_new();
    const char *otherwise = is_stopping(rows, step) ? "doing" : NULL;
    for (guint i = 0; i < walk->apps->len; i++) {
        WalkApp *app = walk->apps->pdata[step->dependents_first ? i : walk->apps->len - 1 - i];
        const char *own = journal_state(rows, app->app, step->name);
        const char *state = own ? own : otherwise;
        if (!state || g_hash_table_contains(given_up, app))
            continue;
        if (step->undo ? again || !g_str_equal(state, "undone") : g_str_equal(state, "doing"))
            g_ptr_array_add(apps, app);
    }
    return apps;
}

/* Rows backwards, inside a row the other way round than forward; only what the journal says may have begun. again: also
 * what it says is undone (after a crash: the processes that an undo had started are gone). FALSE when an undo failed (the
 * other apps' are done all the same). */
static gboolean walk_back(Walk *walk, gboolean again, GError **error)
{
    g_autoptr(GHashTable) given_up = g_hash_table_new(g_direct_hash, g_direct_equal);
    g_autoptr(GPtrArray) rows = store_journal(walk->engine->store, walk->txn_id, error);
    if (!rows)
        return FALSE;
    for (gsize s = engine_n_steps; s-- > 0;) {
        const Step *step = &engine_steps[s];
        g_autoptr(GPtrArray) apps = apps_to_undo(walk, step, rows, again, given_up);
        if (!step->undo) {
            close_row(walk, step, apps);
            continue;
        }
        g_autoptr(GPtrArray) failed = undo_row(walk, step, apps, error);
        for (guint i = 0; i < failed->len; i++)
            g_hash_table_add(given_up, failed->pdata[i]);
    }
    return g_hash_table_size(given_up) == 0;
}

static gboolean reached_switch(Walk *walk)
{
    g_autoptr(GPtrArray) rows = store_journal(walk->engine->store, walk->txn_id, NULL);
    for (guint i = 0; rows && i < rows->len; i++) {
        const Step *step = engine_step(((StoreJournal *)rows->pdata[i])->step);
        if (step && step->phase == PHASE_SWITCH)
            return TRUE;
    }
    return FALSE;
}

static void finish(Walk *walk, const char *result, const char *code, const char *message)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) unfinished = NULL;
    if (!store_txn_finish(walk->engine->store, walk->txn_id, result, code, message, engine_now(walk->engine),
                          &unfinished))
        log_error("walk", "transaction %" G_GINT64_FORMAT ": %s", walk->txn_id, unfinished->message);
    engine_emit(walk->engine,
                &(EngineEvent){.kind = ENGINE_EVENT_TRANSACTION, .txn_id = walk->txn_id, .text = result});
    if (!store_backup(walk->engine->store, &error))
        log_warning("walk", "backup of the state: %s", error->message);
}

/* A version that made its app sick here waits, longer each time. One that is installed already (repair, restore) is no
 * offer that could wait. */
static void add_vetoes(Walk *walk, const char *cause)
{
    gint64 now = engine_now(walk->engine);
    walk_pass_blame(walk);
    for (guint i = 0; i < walk->apps->len; i++) {
        const WalkApp *app = walk->apps->pdata[i];
        g_autoptr(GError) error = NULL;
        if (!app->is_blamed || !app->to_version || app->kept_id ||
            g_strcmp0(app->from_version, app->to_version) == 0)
            continue;
        g_autoptr(StoreVeto) known = store_veto_get(walk->engine->store, app->app, app->to_version);
        gint64 until = now + policy_veto_backoff_s(known ? known->n_failures + 1 : 1);
        if (!store_veto_add(walk->engine->store, app->app, app->to_version, cause, until, &error))
            log_error("walk", "veto: %s", error->message);
    }
}

static void go_back(Walk *walk, const GError *cause)
{
    g_autoptr(GError) failed = NULL;
    gboolean was_switching = reached_switch(walk);
    if (!walk_back(walk, FALSE, &failed))
        return; /* stays open: recovery tries again */
    const char *result = error_kind(cause) == APPCENTER_ERROR_CANCELLED ? "cancelled"
                         : was_switching                                ? "rolled_back"
                                                                        : "failed";
    add_vetoes(walk, cause->message);
    finish(walk, result, error_code_name(error_kind(cause)), cause->message);
}

/* --- a whole walk --- */

/* Staged trees are on the disk before the first of the old world is touched; what the switch wrote before the commit. */
static gboolean walk_to_commit(Walk *walk, GError **error)
{
    return do_phase(walk, PHASE_STAGE, error) && volume_sync(walk->engine->volume, error) &&
           walk_run_snapshot_command(walk, error) && do_phase(walk, PHASE_SWITCH, error) &&
           volume_sync(walk->engine->volume, error) && walk_commit(walk, error);
}

static gboolean download_rows(Walk *walk, GError **error)
{
    static const char *const rows[] = {"SPACE", "FETCH", "VERIFY"};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        if (!do_row(walk, engine_step(rows[i]), error))
            return FALSE;
    return TRUE;
}

/* Behind the commit there is only forward; what cannot be tidied now is tidied by recovery. */
static void keep(Walk *walk)
{
    g_autoptr(GError) error = NULL;
    if (do_phase(walk, PHASE_KEEP, &error)) {
        finish(walk, "done", NULL, NULL);
        return;
    }
    g_autofree char *text = g_strdup_printf(
        "transaction %" G_GINT64_FORMAT " is done, tidying up behind it is not, and will be tried again: %s",
        walk->txn_id, error->message);
    log_error("walk", "%s", text);
    engine_emit(walk->engine,
                &(EngineEvent){.kind = ENGINE_EVENT_NOTE, .txn_id = walk->txn_id, .text = text});
}

gboolean walk_run(Engine *engine, Walk *walk, GError **error)
{
    g_autoptr(GError) failed = NULL;
    (void)engine;
    if (walk->download_only ? download_rows(walk, &failed) : walk_to_commit(walk, &failed)) {
        if (walk->download_only)
            finish(walk, "done", NULL, NULL);
        else
            keep(walk);
        return TRUE;
    }
    go_back(walk, failed);
    g_propagate_error(error, g_steal_pointer(&failed));
    return FALSE;
}

/* --- recovery --- */

/* Where it was when it ended, in words for people. */
static char *interrupted_at(GPtrArray *rows)
{
    const char *words = NULL;
    for (guint i = 0; i < rows->len; i++) {
        const StoreJournal *row = rows->pdata[i];
        const Step *step = engine_step(row->step);
        if (step && !g_str_equal(row->state, "undone"))
            words = step->words;
    }
    return g_strdup_printf("interrupted during '%s' (power loss or kill)", words ? words : "Getting ready");
}

/* Whatever a dead job has left running of an app that was being switched. */
static gboolean end_processes(Walk *walk, GPtrArray *rows, GError **error)
{
    for (guint i = 0; i < walk->apps->len; i++) {
        const WalkApp *app = walk->apps->pdata[i];
        if (journal_state(rows, app->app, "STOP") && !service_kill(walk->engine->root, app->app, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean load_journal(Walk *walk, GPtrArray *rows, GError **error)
{
    for (guint i = 0; i < walk->apps->len; i++)
        if (!walk_app_load_journal(walk, walk->apps->pdata[i], rows, error))
            return FALSE;
    return TRUE;
}

gboolean walk_recover(Engine *engine, StoreTxn *txn, GError **error)
{
    gboolean is_committed = store_txn_is_committed(engine->store, txn->id);
    g_autoptr(Walk) walk = walk_load(engine, txn, is_committed, error);
    g_autoptr(GPtrArray) rows = walk ? store_journal(engine->store, txn->id, error) : NULL;
    if (!rows)
        return FALSE;
    if (is_committed) {
        keep(walk);
        return TRUE;
    }
    g_autofree char *where = interrupted_at(rows);
    if (!load_journal(walk, rows, error) || !end_processes(walk, rows, error))
        return FALSE;
    for (guint i = 0; i < walk->apps->len; i++) /* what failed in an earlier try is no news */
        if (((WalkApp *)walk->apps->pdata[i])->old)
            (void)!store_app_set_failed(engine->store, ((WalkApp *)walk->apps->pdata[i])->app, NULL, NULL);
    if (!walk_back(walk, TRUE, error))
        return FALSE;
    finish(walk, "rolled_back", error_code_name(APPCENTER_ERROR_IO), where);
    return TRUE;
}
