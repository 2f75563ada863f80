/* plan_restarts.c - who is stopped and started around a set, though nothing of it changes: the installed apps that need one
 * of the set's, directly or through others. They would go on with what they hold of the old version, or fail meanwhile.
 */
#include <string.h>

#include "model/plan.h"
#include "model/requirement.h"

typedef struct {
    GHashTable *named_by; /* a name -> GPtrArray of InstalledApp* whose requirements have it */
    GHashTable *changed;  /* names of the set's apps */
    GHashTable *restarts; /* name -> PlanRestart*, borrowed of found */
    GPtrArray *found;
} Search;

void plan_restart_free(PlanRestart *restart)
{
    g_free(restart->app);
    g_ptr_array_unref(restart->because);
    g_ptr_array_unref(restart->needs);
    g_free(restart);
}

static GHashTable *index_needs(const GPtrArray *installed)
{
    GHashTable *named_by =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    for (guint i = 0; i < installed->len; i++) {
        InstalledApp *app = g_ptr_array_index(installed, i);
        for (char **item = app->requires; item && *item; item++) {
            g_autoptr(Requirement) requirement = requirement_parse(*item, NULL);
            for (guint j = 0; requirement && j < requirement->terms->len; j++) {
                const char *name = ((RequireTerm *)g_ptr_array_index(requirement->terms, j))->name;
                GPtrArray *apps = g_hash_table_lookup(named_by, name);
                if (!apps)
                    g_hash_table_insert(named_by, g_strdup(name), apps = g_ptr_array_new());
                g_ptr_array_add(apps, app);
            }
        }
    }
    return named_by;
}

static void add_name(GPtrArray *names, const char *name)
{
    if (!g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL))
        g_ptr_array_add(names, g_strdup(name));
}

static PlanRestart *restart_of(Search *search, const char *app)
{
    PlanRestart *restart = g_hash_table_lookup(search->restarts, app);
    if (restart)
        return restart;
    restart = g_new0(PlanRestart, 1);
    restart->app = g_strdup(app);
    restart->because = g_ptr_array_new_with_free_func(g_free);
    restart->needs = g_ptr_array_new_with_free_func(g_free);
    g_hash_table_insert(search->restarts, restart->app, restart);
    g_ptr_array_add(search->found, restart);
    return restart;
}

/* Those who name `name`, which `app` bears, are to be restarted because of `change`; whoever is new goes to the queue. */
static void take_dependents(Search *search, const char *change, const InstalledApp *app, const char *name,
                            GPtrArray *queue)
{
    const GPtrArray *dependents = g_hash_table_lookup(search->named_by, name);
    for (guint i = 0; dependents && i < dependents->len; i++) {
        InstalledApp *dependent = g_ptr_array_index(dependents, i);
        if (dependent == app || g_hash_table_contains(search->changed, dependent->name))
            continue;
        PlanRestart *restart = restart_of(search, dependent->name);
        add_name(restart->because, change);
        add_name(restart->needs, app->name);
        if (!g_ptr_array_find(queue, dependent, NULL))
            g_ptr_array_add(queue, dependent);
    }
}

static void search_from(Search *search, InstalledApp *changed)
{
    g_autoptr(GPtrArray) queue = g_ptr_array_new(); /* grows while it is walked */
    g_ptr_array_add(queue, changed);
    for (guint i = 0; i < queue->len; i++) {
        const InstalledApp *app = g_ptr_array_index(queue, i);
        take_dependents(search, changed->name, app, app->name, queue);
        for (char **item = app->provides; item && *item; item++) {
            g_autoptr(Requirement) provided = requirement_parse(*item, NULL);
            if (provided)
                take_dependents(search, changed->name, app,
                                ((RequireTerm *)g_ptr_array_index(provided->terms, 0))->name, queue);
        }
    }
}

/* --- order --- */

static int compare_restarts(gconstpointer a, gconstpointer b)
{
    return strcmp((*(PlanRestart *const *)a)->app, (*(PlanRestart *const *)b)->app);
}

static gboolean is_ready(const PlanRestart *restart, GHashTable *waiting)
{
    for (guint i = 0; i < restart->needs->len; i++)
        if (g_hash_table_contains(waiting, g_ptr_array_index(restart->needs, i)))
            return FALSE;
    return TRUE;
}

/* Dependencies first, else by name; in a circle the first that is left. */
static void place(GPtrArray *found, GPtrArray *restarts)
{
    g_autoptr(GHashTable) waiting = g_hash_table_new(g_str_hash, g_str_equal);
    g_ptr_array_sort(found, compare_restarts);
    for (guint i = 0; i < found->len; i++)
        g_hash_table_add(waiting, ((PlanRestart *)g_ptr_array_index(found, i))->app);
    while (found->len > 0) {
        guint next = 0;
        for (guint i = found->len; i-- > 0;)
            if (is_ready(g_ptr_array_index(found, i), waiting))
                next = i;
        PlanRestart *restart = g_ptr_array_index(found, next);
        g_ptr_array_remove_index(found, next);
        g_hash_table_remove(waiting, restart->app);
        g_ptr_array_add(restarts, restart);
    }
}

static void find_restarts(PlanSet *set, GPtrArray *installed, GHashTable *named_by)
{
    g_autoptr(GHashTable) changed = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) restarts = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    Search search = {named_by, changed, restarts, found};
    for (guint i = 0; i < set->changes->len; i++)
        g_hash_table_add(changed, ((PlanChange *)g_ptr_array_index(set->changes, i))->app);
    for (guint i = 0; i < set->changes->len; i++) {
        const PlanChange *change = g_ptr_array_index(set->changes, i);
        InstalledApp *app = (InstalledApp *)installed_find(installed, change->app);
        if (app)
            search_from(&search, app);
    }
    place(found, set->restarts);
}

void plan_find_restarts(Plan *plan, GPtrArray *installed)
{
    g_autoptr(GHashTable) named_by = index_needs(installed);
    for (guint i = 0; i < plan->sets->len; i++)
        find_restarts(g_ptr_array_index(plan->sets, i), installed, named_by);
}
