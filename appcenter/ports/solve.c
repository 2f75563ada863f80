/* solve.c - what is asked for as jobs for libsolv, and what is told about the answer.
 *
 * Hides the solver's habits: "upgrade all" says nothing of what it skips, so every app that stayed behind gets a probe of
 * its own for its sentence. What it finds first is made the best in solve_best.c.
 */
#include "ports/solve_world.h"

#include <string.h>

/* ---- jobs ---- */

static void add_target(const World *world, const Target *target, Queue *jobs)
{
    if (target->exact)
        queue_push2(jobs, SOLVER_INSTALL | SOLVER_SOLVABLE, world_release_id(world, target->exact));
    else if (target->old)
        queue_push2(jobs, SOLVER_UPDATE | SOLVER_SOLVABLE, world_installed_id(world, target->name));
    else
        queue_push2(jobs, SOLVER_INSTALL | SOLVER_SOLVABLE_NAME, pool_str2id(world->pool, target->name, 1));
}

static int compare_targets(gconstpointer a, gconstpointer b)
{
    return strcmp(((const Target *)a)->name, ((const Target *)b)->name);
}

/* ---- one release: could it be? ---- */

static char *probe(const World *world, const Release *release, gboolean *is_os, GPtrArray **changes)
{
    g_autoptr(GArray) targets = g_array_new(FALSE, TRUE, sizeof(Target));
    Target target = {release->name, installed_find(world->input->installed, release->name), release};
    g_array_append_val(targets, target);
    g_auto(Queue) jobs = QUEUE_EMPTY;
    solve_add_locks(world, targets, &jobs);
    add_target(world, &target, &jobs);
    char *problem = NULL;
    g_autoptr(GPtrArray) found = solve_attempt(world, &jobs, FALSE, &problem, is_os);
    if (!found)
        return problem;
    if (changes)
        *changes = solve_best(world, targets, g_steal_pointer(&found));
    return NULL;
}

char *solve_probe_here(const SolveInput *input, const Release *release, gboolean *is_os, GPtrArray *pulls_in)
{
    *is_os = FALSE;
    char *misfit = world_misfit(input, release);
    if (misfit)
        return misfit;
    g_autoptr(GPtrArray) extra = g_ptr_array_new();
    g_ptr_array_add(extra, (gpointer)release);
    g_autoptr(World) world = world_new(input, extra, TRUE);
    g_autoptr(GPtrArray) changes = NULL;
    char *problem = probe(world, release, is_os, &changes);
    for (guint i = 0; pulls_in && changes && i < changes->len; i++) {
        const PlanChange *change = g_ptr_array_index(changes, i);
        if (strcmp(change->app, release->name) != 0)
            g_ptr_array_add(pulls_in, g_strdup(change->app));
    }
    return problem;
}

struct ProbeWorld {
    const SolveInput *input;
    World *world; /* NULL: not asked yet */
};

ProbeWorld *probe_world_new(const SolveInput *input)
{
    ProbeWorld *prober = g_new0(ProbeWorld, 1);
    prober->input = input;
    return prober;
}

void probe_world_free(ProbeWorld *prober)
{
    if (!prober)
        return;
    world_free(prober->world);
    g_free(prober);
}

/* What the world does not hold (older, or nothing that may be chosen freely) needs one of its own. */
char *probe_world_ask(ProbeWorld *prober, const Release *release, gboolean *is_os)
{
    if (!prober->world)
        prober->world = world_new(prober->input, NULL, TRUE);
    Id id = world_release_id(prober->world, release);
    if (id == 0 || world_item(prober->world, id)->release != release)
        return solve_probe_here(prober->input, release, is_os, NULL);
    *is_os = FALSE;
    return probe(prober->world, release, is_os, NULL);
}

/* ---- what stayed behind ---- */

/* The newest release for this box's architecture that is newer than what is installed, or NULL. */
static const Release *find_newest(const SolveInput *input, const char *name, const InstalledApp *old)
{
    const Release *newest = NULL;
    for (guint i = 0; i < input->available->len; i++) {
        const Release *release = g_ptr_array_index(input->available, i);
        if (strcmp(release->name, name) != 0 || !arch_fits(release->arch, input->box_arch) ||
            (old && version_compare(release->version, old->version) <= 0))
            continue;
        if (!newest || version_compare(release->version, newest->version) > 0)
            newest = release;
    }
    return newest;
}

static char *why_not_newest(const World *world, const Release *newest)
{
    char *misfit = world_misfit(world->input, newest);
    char *problem = misfit ? misfit : probe(world, newest, NULL, NULL);
    return problem ? problem
                   : g_strdup_printf("%s %s does not go together with the other changes", newest->name,
                                     newest->version);
}

/* Who was to move and did not reach the newest. *stuck (may be NULL) gets the sentence of one that did not move at all. */
static void note_left_behind(const World *world, const GArray *targets, const GPtrArray *changes,
                             GPtrArray *left_out, char **stuck)
{
    for (guint i = 0; i < targets->len; i++) {
        const Target *target = &g_array_index(targets, Target, i);
        const Release *newest = target->exact ? NULL : find_newest(world->input, target->name, target->old);
        const PlanChange *change = solve_find_change(changes, target->name);
        if (!newest || (change && g_strcmp0(change->to_version, newest->version) == 0))
            continue;
        g_autofree char *sentence = why_not_newest(world, newest);
        if (!change && stuck && !*stuck)
            *stuck = g_strdup(sentence);
        if (left_out)
            g_ptr_array_add(left_out, g_steal_pointer(&sentence));
    }
}

/* ---- upgrade all ---- */

static GArray *target_all(const SolveInput *input)
{
    GArray *targets = g_array_new(FALSE, TRUE, sizeof(Target));
    for (guint i = 0; i < input->installed->len; i++) {
        const InstalledApp *app = g_ptr_array_index(input->installed, i);
        Target target = {app->name, app, NULL};
        if (!solve_is_locked(input, app->name))
            g_array_append_val(targets, target);
    }
    g_array_sort(targets, compare_targets);
    return targets;
}

static GPtrArray *solve_all(const SolveInput *input, GPtrArray *left_out, GError **error)
{
    g_autoptr(GArray) targets = target_all(input);
    g_autoptr(World) world = world_new(input, NULL, TRUE);
    g_auto(Queue) jobs = QUEUE_EMPTY;
    solve_add_locks(world, targets, &jobs);
    for (guint i = 0; i < targets->len; i++)
        add_target(world, &g_array_index(targets, Target, i), &jobs);
    g_autofree char *problem = NULL;
    GPtrArray *changes = solve_attempt(world, &jobs, FALSE, &problem, NULL);
    if (!changes) {
        error_set(error, APPCENTER_ERROR_CONFLICT, "%s", problem);
        return NULL;
    }
    changes = solve_best(world, targets, changes);
    note_left_behind(world, targets, changes, left_out, NULL);
    return solve_explain(input, changes, targets);
}

/* ---- named apps ---- */

/* Releases of exactly that version that fit this box go to extra; the sentence of one that does not fit otherwise. */
static const Release *find_exact(const SolveInput *input, const RequestApp *asked, GPtrArray *extra,
                                 char **misfit)
{
    const Release *found = NULL;
    for (guint i = 0; i < input->available->len; i++) {
        const Release *release = g_ptr_array_index(input->available, i);
        if (strcmp(release->name, asked->name) != 0 || version_compare(release->version, asked->version) != 0)
            continue;
        g_autofree char *sentence = world_misfit(input, release);
        if (!sentence) {
            g_ptr_array_add(extra, (gpointer)release);
            found = release;
        } else if (!*misfit) {
            *misfit = g_steal_pointer(&sentence);
        }
    }
    return found;
}

static void note(GPtrArray *left_out, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void note(GPtrArray *left_out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (left_out)
        g_ptr_array_add(left_out, g_strdup_vprintf(format, args));
    va_end(args);
}

static gboolean may_go_back(const Request *request)
{
    return request->allow_downgrade || request->kind == REQUEST_AUTO;
}

static gboolean target_exact(const SolveInput *input, const RequestApp *asked, Target *target,
                             GPtrArray *extra, GError **error)
{
    g_autofree char *misfit = NULL;
    target->exact = find_exact(input, asked, extra, &misfit);
    if (!target->exact && misfit)
        return error_set(error, APPCENTER_ERROR_CONFLICT, "%s", misfit);
    if (!target->exact)
        return error_set(error, APPCENTER_ERROR_NOT_FOUND, "no repository offers %s %s", asked->name,
                         asked->version);
    if (target->old && version_compare(asked->version, target->old->version) < 0 &&
        !may_go_back(input->request))
        return error_set(error, APPCENTER_ERROR_INVALID,
                         "%s %s would be a downgrade from %s, which was not allowed (--yes allows it)",
                         asked->name, asked->version, target->old->version);
    return TRUE;
}

/* Not installed and to be the newest: is there any at all? */
static gboolean target_new(const SolveInput *input, const RequestApp *asked, GError **error)
{
    g_autofree char *misfit = NULL;
    for (guint i = 0; i < input->available->len; i++) {
        const Release *release = g_ptr_array_index(input->available, i);
        if (strcmp(release->name, asked->name) != 0)
            continue;
        g_free(misfit);
        misfit = world_misfit(input, release);
        if (!misfit)
            return TRUE;
    }
    return misfit ? error_set(error, APPCENTER_ERROR_CONFLICT, "%s", misfit)
                  : error_set(error, APPCENTER_ERROR_NOT_FOUND, "no repository offers %s", asked->name);
}

/* One app that was asked for; *is_needless TRUE when it is as wanted already. */
static gboolean make_target(const SolveInput *input, const RequestApp *asked, Target *target,
                            GPtrArray *extra, gboolean *is_needless, GPtrArray *left_out, GError **error)
{
    *target = (Target){asked->name, installed_find(input->installed, asked->name), NULL};
    *is_needless = FALSE;
    gboolean is_install = input->request->kind == REQUEST_INSTALL;
    if (!target->old && input->request->kind == REQUEST_UPGRADE)
        return error_set(error, APPCENTER_ERROR_NOT_FOUND, "%s is not installed", asked->name);
    if (target->old &&
        (asked->version ? version_compare(asked->version, target->old->version) == 0 : is_install)) {
        note(left_out, "%s %s is installed already", asked->name, target->old->version);
        *is_needless = TRUE;
        return TRUE;
    }
    if (asked->version)
        return target_exact(input, asked, target, extra, error);
    if (!target->old)
        return target_new(input, asked, error);
    if (!find_newest(input, asked->name, target->old)) {
        note(left_out, "%s %s is the newest", asked->name, target->old->version);
        *is_needless = TRUE;
    }
    return TRUE;
}

static GArray *make_targets(const SolveInput *input, GPtrArray *extra, GPtrArray *left_out, GError **error)
{
    g_autoptr(GArray) targets = g_array_new(FALSE, TRUE, sizeof(Target));
    for (guint i = 0; i < input->request->apps->len; i++) {
        const RequestApp *asked = g_ptr_array_index(input->request->apps, i);
        Target target;
        gboolean is_needless;
        if (!make_target(input, asked, &target, extra, &is_needless, left_out, error))
            return NULL;
        const Target *twin = target_find(targets, asked->name);
        if (twin && twin->exact != target.exact) {
            error_set(error, APPCENTER_ERROR_INVALID, "%s is asked for twice, in different versions",
                      asked->name);
            return NULL;
        }
        if (!twin && !is_needless)
            g_array_append_val(targets, target);
    }
    g_array_sort(targets, compare_targets);
    return g_steal_pointer(&targets);
}

static GPtrArray *solve_named(const SolveInput *input, GPtrArray *left_out, GError **error)
{
    g_autoptr(GPtrArray) extra = g_ptr_array_new();
    g_autoptr(GArray) targets = make_targets(input, extra, left_out, error);
    if (!targets)
        return NULL;
    g_autoptr(World) world = world_new(input, extra, TRUE);
    g_auto(Queue) jobs = QUEUE_EMPTY;
    solve_add_locks(world, targets, &jobs);
    for (guint i = 0; i < targets->len; i++)
        add_target(world, &g_array_index(targets, Target, i), &jobs);
    g_autofree char *problem = NULL;
    g_autoptr(GPtrArray) changes = solve_attempt(world, &jobs, FALSE, &problem, NULL);
    if (changes) {
        changes = solve_best(world, targets, changes);
        note_left_behind(world, targets, changes, left_out, &problem);
    }
    if (!problem)
        return solve_explain(input, g_steal_pointer(&changes), targets);
    error_set(error, APPCENTER_ERROR_CONFLICT, "%s", problem);
    return NULL;
}

/* ---- removals ---- */

static gboolean target_removals(const SolveInput *input, GArray *targets, GError **error)
{
    for (guint i = 0; i < input->request->apps->len; i++) {
        const RequestApp *asked = g_ptr_array_index(input->request->apps, i);
        Target target = {asked->name, installed_find(input->installed, asked->name), NULL};
        if (!target.old)
            return error_set(error, APPCENTER_ERROR_NOT_FOUND, "%s is not installed", asked->name);
        if (!target_find(targets, asked->name))
            g_array_append_val(targets, target);
    }
    g_array_sort(targets, compare_targets);
    return TRUE;
}

/* Without its dependents (cascade) nothing is removed from under anybody. */
static gboolean check_dependents(const SolveInput *input, const GArray *targets, const GPtrArray *changes,
                                 GError **error)
{
    g_autoptr(GString) dependents = g_string_new(NULL);
    for (guint i = 0; i < changes->len; i++) {
        const PlanChange *change = g_ptr_array_index(changes, i);
        if (!target_find(targets, change->app))
            g_string_append_printf(dependents, "%s%s %s", dependents->len ? ", " : "", change->app,
                                   change->from_version);
    }
    if (dependents->len == 0 || input->request->cascade)
        return TRUE;
    g_autoptr(GString) names = g_string_new(NULL);
    for (guint i = 0; i < targets->len; i++)
        g_string_append_printf(names, "%s%s", names->len ? ", " : "", g_array_index(targets, Target, i).name);
    return error_set(error, APPCENTER_ERROR_CONFLICT, "%s %s needed by %s", names->str,
                     targets->len > 1 ? "are" : "is", dependents->str);
}

/* Only what is installed is looked at: an app that is removed is not to be replaced by another. */
static GPtrArray *solve_remove(const SolveInput *input, GError **error)
{
    g_autoptr(GArray) targets = g_array_new(FALSE, TRUE, sizeof(Target));
    if (!target_removals(input, targets, error))
        return NULL;
    g_autoptr(World) world = world_new(input, NULL, FALSE);
    g_auto(Queue) jobs = QUEUE_EMPTY;
    if (input->request->cascade)
        solve_add_locks(world, targets, &jobs);
    for (guint i = 0; i < targets->len; i++)
        queue_push2(&jobs, SOLVER_ERASE | SOLVER_SOLVABLE,
                    world_installed_id(world, g_array_index(targets, Target, i).name));
    g_autofree char *problem = NULL;
    g_autoptr(GPtrArray) changes = solve_attempt(world, &jobs, TRUE, &problem, NULL);
    if (!changes) {
        error_set(error, APPCENTER_ERROR_CONFLICT, "%s", problem);
        return NULL;
    }
    if (!check_dependents(input, targets, changes, error))
        return NULL;
    return solve_explain_removals(input, g_steal_pointer(&changes), targets);
}

GPtrArray *solve_here(const SolveInput *input, GPtrArray *left_out, GError **error)
{
    switch (input->request->kind) {
    case REQUEST_REMOVE:
        return solve_remove(input, error);
    case REQUEST_UPGRADE:
        return input->request->apps->len > 0 ? solve_named(input, left_out, error)
                                             : solve_all(input, left_out, error);
    case REQUEST_INSTALL:
    case REQUEST_AUTO:
        return solve_named(input, left_out, error);
    case REQUEST_AUTOREMOVE:
        return plan_orphans(input->installed, input->locked);
    case REQUEST_ROLLBACK:
    case REQUEST_UNDO:
    case REQUEST_REPAIR:
    case REQUEST_RESTORE:
        break;
    }
    error_set(error, APPCENTER_ERROR_INTERNAL,
              "wanted a request to solve, found one that the solver has no part in");
    return NULL;
}
