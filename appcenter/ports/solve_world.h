/* solve_world.h - what the files of the noun solve share: one pool with all that is installed and may be chosen.
 *
 * Private to ports/solve*.c, which alone know libsolv. A World is built once and asked many times.
 */
#ifndef PORTS_SOLVE_WORLD_H
#define PORTS_SOLVE_WORLD_H

#include <solv/pool.h>
#include <solv/queue.h>
#include <solv/solver.h>

#include "ports/solve.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Solver, solver_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Queue, queue_free)
/* A queue that needs no queue_init and frees itself: g_auto(Queue) q = QUEUE_EMPTY; */
#define QUEUE_EMPTY                                                                                          \
    {                                                                                                        \
        0                                                                                                    \
    }

/* What a solvable stands for: one of the two, or neither (the system itself). */
typedef struct {
    const InstalledApp *installed;
    const Release *release;
} WorldItem;

typedef struct {
    const SolveInput *input;
    Pool *pool;
    Id system;         /* the solvable that provides the OS version */
    GArray *items;     /* WorldItem by solvable id; ascending by (installed first, name, version) */
    GHashTable *words; /* id of a dependency -> Requirement* as people wrote it */
} World;

/* extra (may be NULL): a release that is to be there even if it is older than what is installed. with_available FALSE:
 * only what is installed (removals). */
World *world_new(const SolveInput *input, const GPtrArray *extra, gboolean with_available);
void world_free(World *world);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(World, world_free)

const WorldItem *world_item(const World *world, Id id);
const char *world_name(const World *world, Id id);
const char *world_version(const World *world, Id id);
Id world_installed_id(const World *world, const char *name);     /* 0: not installed */
Id world_release_id(const World *world, const Release *release); /* 0: not in the pool */

/* Why this release is nothing for this box whatever else happens (architecture, publisher, a conflict with the installed
 * version of itself), or NULL. */
char *world_misfit(const SolveInput *input, const Release *release);

/* An app that was asked for. */
typedef struct {
    const char *name;
    const InstalledApp *old; /* NULL: not installed */
    const Release *exact;    /* NULL: the newest that can be */
} Target;
const Target *target_find(const GArray *targets, const char *name);

gboolean solve_is_locked(const SolveInput *input, const char *name); /* held */
/* Locks for what is held and not asked for. */
void solve_add_locks(const World *world, const GArray *targets, Queue *jobs);
/* The changes, by app; or NULL and the sentence why not (problem and is_os may be NULL). */
GPtrArray *solve_attempt(const World *world, Queue *jobs, gboolean may_uninstall, char **problem,
                         gboolean *is_os);
PlanChange *solve_find_change(const GPtrArray *changes, const char *app); /* NULL: that app stays as it is */
/* The best way to do what `changes` do: takes them and returns them or better ones. First no target can be newer without
 * another being older, then of all ways to these versions the one with the fewest changes. */
GPtrArray *solve_best(const World *world, const GArray *targets, GPtrArray *changes);

/* Fill in reason and is_dependency (and purge) of every change; return the changes. */
GPtrArray *solve_explain(const SolveInput *input, GPtrArray *changes, const GArray *targets);
GPtrArray *solve_explain_removals(const SolveInput *input, GPtrArray *changes, const GArray *targets);

/* --- what solve.h promises, without limits and in this process (solve.c) --- */
GPtrArray *solve_here(const SolveInput *input, GPtrArray *left_out, GError **error) G_GNUC_WARN_UNUSED_RESULT;
char *solve_probe_here(const SolveInput *input, const Release *release, gboolean *is_os, GPtrArray *pulls_in);
typedef struct ProbeWorld ProbeWorld; /* built when it is first asked */
ProbeWorld *probe_world_new(const SolveInput *input);
void probe_world_free(ProbeWorld *prober);
char *probe_world_ask(ProbeWorld *prober, const Release *release, gboolean *is_os);

/* The sentence for what a solver could not do, root cause first. */
char *solve_words(const World *world, Solver *solver, const Queue *jobs, gboolean *is_os);

#endif
