/* plan_orphans.c - who came only because another app needed it, and is needed by nobody any more.
 *
 * What the admin asked for is kept, and then, step by step, everything that a kept app's requirements name.
 */
#include <string.h>

#include "model/plan.h"
#include "model/requirement.h"

static gboolean is_in(const GPtrArray *names, const char *name)
{
    for (guint i = 0; names && i < names->len; i++)
        if (strcmp(g_ptr_array_index(names, i), name) == 0)
            return TRUE;
    return FALSE;
}

static gboolean answers_to(const InstalledApp *app, const RequireTerm *term)
{
    if (require_term_matches(term, app->name, app->version))
        return TRUE;
    for (guint i = 0; app->provides && app->provides[i]; i++) {
        g_autoptr(Requirement) provided = requirement_parse(app->provides[i], NULL);
        const RequireTerm *name = provided ? g_ptr_array_index(provided->terms, 0) : NULL;
        if (name && require_term_matches(term, name->name, name->version))
            return TRUE;
    }
    return FALSE;
}

static gboolean is_named_by(const InstalledApp *app, const InstalledApp *keeper)
{
    for (guint i = 0; keeper->requires && keeper->requires[i]; i++) {
        g_autoptr(Requirement) requirement = requirement_parse(keeper->requires[i], NULL);
        for (guint j = 0; requirement && j < requirement->terms->len; j++)
            if (answers_to(app, g_ptr_array_index(requirement->terms, j)))
                return TRUE;
    }
    return FALSE;
}

static PlanChange *removal_of(const InstalledApp *app)
{
    PlanChange *change = plan_change_new_removal(app);
    change->is_dependency = TRUE;
    change->reason = g_strdup("came as a dependency; nothing needs it any more");
    return change;
}

static int compare_changes(gconstpointer a, gconstpointer b)
{
    return strcmp((*(PlanChange *const *)a)->app, (*(PlanChange *const *)b)->app);
}

GPtrArray *plan_orphans(const GPtrArray *installed, const GPtrArray *locked)
{
    g_autoptr(GHashTable) kept = g_hash_table_new(NULL, NULL);
    g_autoptr(GPtrArray) keepers = g_ptr_array_new(); /* grows while it is walked */
    for (guint i = 0; i < installed->len; i++) {
        InstalledApp *app = g_ptr_array_index(installed, i);
        if ((!app->as_dependency || is_in(locked, app->name)) && g_hash_table_add(kept, app))
            g_ptr_array_add(keepers, app);
    }
    for (guint k = 0; k < keepers->len; k++)
        for (guint i = 0; i < installed->len; i++) {
            InstalledApp *app = g_ptr_array_index(installed, i);
            if (!g_hash_table_contains(kept, app) && is_named_by(app, g_ptr_array_index(keepers, k)) &&
                g_hash_table_add(kept, app))
                g_ptr_array_add(keepers, app);
        }
    GPtrArray *removals = g_ptr_array_new_with_free_func((GDestroyNotify)plan_change_free);
    for (guint i = 0; i < installed->len; i++)
        if (!g_hash_table_contains(kept, g_ptr_array_index(installed, i)))
            g_ptr_array_add(removals, removal_of(g_ptr_array_index(installed, i)));
    g_ptr_array_sort(removals, compare_changes);
    return removals;
}
