/* solve.h - requests to plans with libsolv (the only file that includes it; no Id leaves it).
 *
 * Records come over our own API from verified, bounded data only, never from files (libsolv 0.7.23 has published
 * memory errors in its file readers). Deterministic: same input, same plan, whatever the order of the records.
 * It runs in a child of ours with limited CPU time and memory; who comes to a limit fails with INTERNAL.
 */
#ifndef PORTS_SOLVE_H
#define PORTS_SOLVE_H

#include "model/model.h"

/* What one question may cost; 0: as usual (10 s, 256 MB beyond what the job has). */
typedef struct {
    guint cpu_s, memory_mb;
} SolveLimits;

/* One step of why something cannot be: a rule that libsolv could not keep, in our words. */
typedef struct {
    char *rule;    /* "absent", "os", "held", "conflict", "needs", "replaces" or "same-name" */
    char *message; /* "PhotoStation 6.1.2 needs MediaLibrary >= 2.0" */
    char *app;     /* whose rule it is */
    char *other;   /* the app that it meets, or NULL */
    char *wanted;  /* the dependency as its package has it, or NULL */
} SolveProblem;
void solve_problem_free(SolveProblem *problem);

typedef struct {
    GPtrArray *installed; /* InstalledApp* */
    GPtrArray *
        available; /* Release*: what may be chosen. Halted, withdrawn, skipped, vetoed ones are left out by the
                             * caller. One without a repository is the file that request->file names */
    const char *os_version;
    const char *box_arch;
    const Request *request; /* kind INSTALL, UPGRADE, AUTO or REMOVE; solve_probe does not need one */
    GPtrArray
        *locked; /* char*, may be NULL: apps that must not change (holds); those asked for by name may */
    GPtrArray *problems; /* SolveProblem*, may be NULL: gets the steps behind a CONFLICT, root cause first */
    SolveLimits limits;
} SolveInput;

/* The flat list of changes (PlanChange*), minimal: nothing that the request does not need. Upgrade all: every app to its
 * newest that can be; what cannot be is left out with its sentence in left_out (char*, may be NULL). CONFLICT with one
 * sentence when the request cannot be met, root cause first, with app names and versions as people know them; NOT_FOUND
 * for an app or version that is not there, REFUSED for a downgrade that nobody allowed. */
GPtrArray *solve(const SolveInput *input, GPtrArray *left_out, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Could this one release be installed or upgraded to now (with whatever else it takes)? NULL: yes; else the sentence why
 * not. *is_os: the OS version is the cause. *pulls_in (may be NULL): char* names of other apps that would change. */
char *solve_probe(const SolveInput *input, const Release *release, gboolean *is_os, GPtrArray *pulls_in);

/* The same question of many releases to one world, which is built once. What is told to be in `input` must outlive it, and
 * so must the releases: they are there before the first is asked about. */
typedef struct SolveProber SolveProber;
SolveProber *solve_prober_new(const SolveInput *input);
void solve_prober_free(SolveProber *prober);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SolveProber, solve_prober_free)
char *solve_prober_ask(SolveProber *prober, const Release *release, gboolean *is_os);

/* A question and its answer as a text of the grammar of tests/solve; the answer first, as it is known before the lists
 * that it was found in go. error: when changes is NULL. */
char *solve_case_answer(const GPtrArray *changes, const GPtrArray *left_out, const GError *error);
char *solve_case_text(const SolveInput *input, const char *answer);

#endif
