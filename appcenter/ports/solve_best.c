/* solve_best.c - from the first answer that libsolv finds to the best one.
 *
 * libsolv guesses the newest of each app first and takes what is left of that; it gives up an app's update although a
 * version in between would do, and it does not count what it changes on the way. So newer versions are tried one by one
 * with everything else at least as new as it is already (one pass is enough: what cannot be under these conditions cannot
 * be under harder ones), and then ways with fewer changes: any such way leaves alone at least one app that the present
 * one changes without being asked, so each is forbidden in turn, and what is found so is searched in the same way.
 */
#include "ports/solve_world.h"

#include <string.h>

#define ATTEMPTS_MAX 300 /* of the search for fewer changes; a plan is never worse for ending it */

typedef struct {
    const World *world;
    const GArray *targets;
    Queue
        jobs; /* that every way must do: the locks of held apps, and the targets' versions once they are settled */
    GPtrArray *best;
    GHashTable *forced; /* names of apps that every way must change */
    guint n_attempts;
} Search;

static void search_clear(Search *search)
{
    queue_free(&search->jobs);
    g_hash_table_unref(search->forced);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Search, search_clear)

/* ---- the newest ---- */

static const char *version_after(const Target *target, const GPtrArray *changes)
{
    const PlanChange *change = solve_find_change(changes, target->name);
    return change ? change->to_version : target->old ? target->old->version : NULL;
}

/* One of the versions that are at least as new: "what has been reached stays". Nothing for an app that is not there. */
static void keep_at_least(const World *world, const Target *target, const char *version, Queue *jobs)
{
    g_auto(Queue) ids = QUEUE_EMPTY;
    queue_init(&ids);
    for (Id id = 1; version && (guint)id < world->items->len; id++) {
        if (strcmp(world_name(world, id), target->name) == 0 &&
            version_compare(world_version(world, id), version) >= 0)
            queue_push(&ids, id);
    }
    if (ids.count > 0)
        queue_push2(jobs, SOLVER_INSTALL | SOLVER_SOLVABLE_ONE_OF,
                    pool_queuetowhatprovides(world->pool, &ids));
}

/* Releases of the target that are newer than that, newest first. */
static void collect_newer(const World *world, const Target *target, const char *version, Queue *ids)
{
    for (Id id = (Id)world->items->len - 1; id > 0; id--) { /* ascending by name and version */
        const Release *release = world_item(world, id)->release;
        if (release && strcmp(release->name, target->name) == 0 &&
            (!version || version_compare(release->version, version) > 0))
            queue_push(ids, id);
    }
}

static gboolean try_newer(Search *search, const Target *target, Id id)
{
    g_auto(Queue) jobs = QUEUE_EMPTY;
    queue_init_clone(&jobs, &search->jobs);
    for (guint i = 0; i < search->targets->len; i++) {
        const Target *other = &g_array_index(search->targets, Target, i);
        if (other != target)
            keep_at_least(search->world, other, version_after(other, search->best), &jobs);
    }
    queue_push2(&jobs, SOLVER_INSTALL | SOLVER_SOLVABLE, id);
    GPtrArray *found = solve_attempt(search->world, &jobs, FALSE, NULL, NULL);
    if (!found)
        return FALSE;
    g_ptr_array_unref(search->best);
    search->best = found;
    return TRUE;
}

static void make_newest(Search *search)
{
    for (guint i = 0; i < search->targets->len; i++) {
        const Target *target = &g_array_index(search->targets, Target, i);
        g_auto(Queue) newer = QUEUE_EMPTY;
        queue_init(&newer);
        if (!target->exact)
            collect_newer(search->world, target, version_after(target, search->best), &newer);
        for (int k = 0; k < newer.count && !try_newer(search, target, newer.elements[k]); k++)
            ;
    }
}

/* From here on every target stays at the version that it has reached. Those that change go to releases. */
static void settle(Search *search, Queue *releases)
{
    for (guint i = 0; i < search->targets->len; i++) {
        const Target *target = &g_array_index(search->targets, Target, i);
        const PlanChange *change = solve_find_change(search->best, target->name);
        Id id = change && change->release ? world_release_id(search->world, change->release)
                                          : world_installed_id(search->world, target->name);
        if (id)
            queue_push2(&search->jobs, SOLVER_INSTALL | SOLVER_SOLVABLE, id);
        if (id && change)
            queue_push(releases, id);
    }
}

/* ---- the fewest ---- */

/* What meets this dependency, if only releases of one app do and nothing that is installed: its name, and the one release
 * if there is no choice (else 0). */
static const char *only_provider(const World *world, Id dependency, Id *only)
{
    const char *name = NULL;
    Pool *pool = world->pool; /* FOR_PROVIDES wants it by this name */
    Id provider, next;
    *only = 0;
    FOR_PROVIDES(provider, next, dependency)
    {
        const Release *release = world_item(world, provider)->release;
        if (!release || (name && strcmp(name, release->name) != 0))
            return NULL;
        *only = name ? 0 : provider;
        name = release->name;
    }
    return name;
}

/* Follows from the settled targets what has no alternative: most of a large plan, which need not be searched then. */
static void find_forced(Search *search, Queue *releases)
{
    Pool *pool = search->world->pool;
    for (int i = 0; i < releases->count; i++) {
        g_auto(Queue) needs = QUEUE_EMPTY;
        queue_init(&needs);
        solvable_lookup_deparray(pool_id2solvable(pool, releases->elements[i]), SOLVABLE_REQUIRES, &needs, 0);
        for (int k = 0; k < needs.count; k++) {
            Id only;
            const char *name = only_provider(search->world, needs.elements[k], &only);
            if (name && g_hash_table_add(search->forced, (gpointer)name) && only)
                queue_push(releases, only);
        }
    }
}

static void search_fewer(Search *search, const Queue *locks, const GPtrArray *way)
{
    for (guint i = 0; i < way->len && search->n_attempts < ATTEMPTS_MAX; i++) {
        const char *app = ((const PlanChange *)g_ptr_array_index(way, i))->app;
        if (target_find(search->targets, app) || g_hash_table_contains(search->forced, app))
            continue;
        g_auto(Queue) more_locks = QUEUE_EMPTY;
        queue_init_clone(&more_locks, locks);
        queue_push2(&more_locks, SOLVER_LOCK | SOLVER_SOLVABLE_NAME,
                    pool_str2id(search->world->pool, app, 1));
        g_auto(Queue) jobs = QUEUE_EMPTY;
        queue_init_clone(&jobs, &search->jobs);
        for (int k = 0; k < more_locks.count; k++)
            queue_push(&jobs, more_locks.elements[k]);
        search->n_attempts++;
        g_autoptr(GPtrArray) other = solve_attempt(search->world, &jobs, FALSE, NULL, NULL);
        if (!other)
            continue;
        search_fewer(search, &more_locks, other);
        if (other->len < search->best->len) {
            g_ptr_array_unref(search->best);
            search->best = g_steal_pointer(&other);
        }
    }
}

GPtrArray *solve_best(const World *world, const GArray *targets, GPtrArray *changes)
{
    g_auto(Search) search = {.world = world,
                             .targets = targets,
                             .best = changes,
                             .forced = g_hash_table_new(g_str_hash, g_str_equal)};
    g_auto(Queue) releases = QUEUE_EMPTY;
    g_auto(Queue) locks = QUEUE_EMPTY;
    queue_init(&search.jobs);
    queue_init(&releases);
    queue_init(&locks);
    solve_add_locks(world, targets, &search.jobs);
    make_newest(&search);
    settle(&search, &releases);
    find_forced(&search, &releases);
    g_autoptr(GPtrArray) first = g_ptr_array_ref(search.best);
    search_fewer(&search, &locks, first);
    return search.best;
}
