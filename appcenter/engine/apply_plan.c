/* apply_plan.c - a plan's sets, one transaction each; one set's failure does not keep the next from being tried. */
#include <string.h>

#include "engine/walk.h"

static gboolean set_changes(const PlanSet *set, const char *app)
{
    for (guint i = 0; i < set->changes->len; i++)
        if (strcmp(((PlanChange *)set->changes->pdata[i])->app, app) == 0)
            return TRUE;
    return FALSE;
}

/* Nothing is changed on top of a transaction whose way back has failed; other apps go on. */
static gboolean check_open(Engine *engine, const PlanSet *set, GError **error)
{
    g_autoptr(GPtrArray) open = store_txn_open_list(engine->store, error);
    for (guint i = 0; open && i < open->len; i++) {
        const StoreTxn *txn = open->pdata[i];
        for (guint k = 0; k < txn->changes->len; k++) {
            const char *app = ((StoreChange *)txn->changes->pdata[k])->app;
            if (set_changes(set, app))
                return error_set(
                    error, APPCENTER_ERROR_REFUSED,
                    "%s: transaction %" G_GINT64_FORMAT " is not finished and could not be %s; see its log",
                    app, txn->id, store_txn_is_committed(engine->store, txn->id) ? "tidied up" : "undone");
        }
    }
    return open != NULL;
}

static gboolean apply_set(Engine *engine, const PlanSet *set, const Request *request, GPtrArray *results,
                          GError **error)
{
    g_autoptr(Walk) walk = check_open(engine, set, error) ? walk_new(engine, set, request, error) : NULL;
    if (!walk || !walk_begin(walk, set, error))
        return FALSE;
    gboolean ok = walk_run(engine, walk, error);
    StoreTxn *txn = store_txn_get(engine->store, walk->txn_id, ok ? error : NULL);
    if (txn)
        g_ptr_array_add(results, txn);
    return ok && txn;
}

gboolean engine_apply(Engine *engine, const Plan *plan, const Request *request, GPtrArray **results,
                      GError **error)
{
    guint n_done = 0;
    g_autoptr(GError) first = NULL;
    *results = g_ptr_array_new_with_free_func((GDestroyNotify)store_txn_free);
    for (guint i = 0; i < plan->sets->len; i++) {
        g_autoptr(GError) failed = NULL;
        if (apply_set(engine, plan->sets->pdata[i], request, *results, &failed)) {
            n_done++;
            continue;
        }
        gboolean is_cancelled = error_kind(failed) == APPCENTER_ERROR_CANCELLED;
        if (!first)
            first = g_steal_pointer(&failed);
        if (is_cancelled)
            break; /* whoever cancels means all of it */
    }
    if (!first)
        return TRUE;
    if (n_done == 0 || plan->sets->len == 1) {
        g_propagate_error(error, g_steal_pointer(&first));
        return FALSE;
    }
    return error_set(error, APPCENTER_ERROR_PARTLY, "%u of %u done; %s", n_done, plan->sets->len,
                     first->message);
}
