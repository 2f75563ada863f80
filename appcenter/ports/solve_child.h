/* solve_child.h - where libsolv runs: in a process of its own, with a limit of CPU time and memory.
 *
 * Private to ports/solve*.c. The child is a copy of us, so a question is a pointer to what was there when it began, and
 * only the answer travels, as JSON. Hides the limits and what the end of a child means.
 */
#ifndef PORTS_SOLVE_CHILD_H
#define PORTS_SOLVE_CHILD_H

#include "ports/solve.h"

/* In the child: the answer, a new reference. */
typedef json_t *(*SolveAnswer)(gconstpointer question, gpointer user_data);

typedef struct SolveChild SolveChild;
/* Starts it; user_data and whatever will be asked about must be there already, and outlive it. */
SolveChild *solve_child_new(const SolveLimits *limits, SolveAnswer answer, gpointer user_data,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Blocks until it has answered. INTERNAL says which limit it came to; such a child is dead and answers nothing more. */
json_t *solve_child_ask(SolveChild *child, gconstpointer question, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Ends it, too. */
void solve_child_free(SolveChild *child);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SolveChild, solve_child_free)

#endif
