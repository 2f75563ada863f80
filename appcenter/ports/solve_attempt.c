/* solve_attempt.c - one run of libsolv: jobs in, changes or a sentence out. */
#include "ports/solve_world.h"

#include <string.h>

/* old NULL: it is not installed. */
static PlanChange *new_change(const InstalledApp *old, const Release *release)
{
    PlanChange *change = g_new0(PlanChange, 1);
    change->op = CHANGE_INSTALL;
    change->app = g_strdup(release->name);
    change->to_version = g_strdup(release->version);
    change->release = release_copy(release);
    change->cls = release_class(release);
    if (old) {
        change->from_version = g_strdup(old->version);
        change->op = version_compare(release->version, old->version) < 0 ? CHANGE_DOWNGRADE : CHANGE_UPGRADE;
    }
    return change;
}

PlanChange *solve_find_change(const GPtrArray *changes, const char *app)
{
    for (guint i = 0; i < changes->len; i++) {
        PlanChange *change = g_ptr_array_index(changes, i);
        if (strcmp(change->app, app) == 0)
            return change;
    }
    return NULL;
}

static int compare_changes(gconstpointer a, gconstpointer b)
{
    return strcmp((*(PlanChange *const *)a)->app, (*(PlanChange *const *)b)->app);
}

static GPtrArray *collect_changes(const World *world, Solver *solver)
{
    GPtrArray *changes = g_ptr_array_new_with_free_func((GDestroyNotify)plan_change_free);
    for (Id id = 1; (guint)id < world->items->len; id++) {
        const WorldItem *item = world_item(world, id);
        if (item->release && solver_get_decisionlevel(solver, id) > 0)
            g_ptr_array_add(changes, new_change(installed_find(world->input->installed, item->release->name),
                                                item->release));
    }
    for (Id id = 1; (guint)id < world->items->len; id++) {
        const WorldItem *item = world_item(world, id);
        if (item->installed && solver_get_decisionlevel(solver, id) <= 0 &&
            !solve_find_change(changes, item->installed->name))
            g_ptr_array_add(changes, plan_change_new_removal(item->installed));
    }
    g_ptr_array_sort(changes, compare_changes);
    return changes;
}

GPtrArray *solve_attempt(const World *world, Queue *jobs, gboolean may_uninstall, char **problem,
                         gboolean *is_os)
{
    g_autoptr(Solver) solver = solver_create(world->pool);
    solver_set_flag(solver, SOLVER_FLAG_NO_UPDATEPROVIDE, 1);
    solver_set_flag(solver, SOLVER_FLAG_IGNORE_RECOMMENDED, 1);
    solver_set_flag(solver, SOLVER_FLAG_ALLOW_UNINSTALL, may_uninstall);
    if (solver_solve(solver, jobs) == 0)
        return collect_changes(world, solver);
    if (problem)
        *problem = solve_words(world, solver, jobs, is_os);
    return NULL;
}

gboolean solve_is_locked(const SolveInput *input, const char *name)
{
    for (guint i = 0; input->locked && i < input->locked->len; i++)
        if (strcmp(g_ptr_array_index(input->locked, i), name) == 0)
            return TRUE;
    return FALSE;
}

void solve_add_locks(const World *world, const GArray *targets, Queue *jobs)
{
    for (guint i = 0; i < world->items->len; i++) {
        const InstalledApp *app = world_item(world, (Id)i)->installed;
        if (app && solve_is_locked(world->input, app->name) && !target_find(targets, app->name))
            queue_push2(jobs, SOLVER_LOCK | SOLVER_SOLVABLE, (Id)i);
    }
}
