/* solve_reasons.c - why each change is in the plan: asked for, or needed, replaced or driven by which other change.
 *
 * Found in the records themselves, not in libsolv's decisions, so that the words are those of the catalogue.
 */
#include "ports/solve_world.h"

#include <string.h>

#define ASKED_FOR "asked for"
#define UNTOLD    "goes with the other changes"

/* What an app answers to: its own name and version, and what it provides. */
typedef struct {
    const char *name, *version;
    char *const *provides;
} Bearer;

const Target *target_find(const GArray *targets, const char *name)
{
    for (guint i = 0; targets && i < targets->len; i++)
        if (strcmp(g_array_index(targets, Target, i).name, name) == 0)
            return &g_array_index(targets, Target, i);
    return NULL;
}

static gboolean term_names(const RequireTerm *term, const Bearer *bearer)
{
    if (require_term_matches(term, bearer->name, bearer->version))
        return TRUE;
    for (guint i = 0; bearer->provides && bearer->provides[i]; i++) {
        g_autoptr(Requirement) provided = requirement_parse(bearer->provides[i], NULL);
        const RequireTerm *name = provided ? g_ptr_array_index(provided->terms, 0) : NULL;
        if (name && require_term_matches(term, name->name, name->version))
            return TRUE;
    }
    return FALSE;
}

static gboolean items_name(char *const *items, const Bearer *bearer)
{
    for (guint i = 0; items && items[i]; i++) {
        g_autoptr(Requirement) item = requirement_parse(items[i], NULL);
        for (guint j = 0; item && j < item->terms->len; j++)
            if (term_names(g_ptr_array_index(item->terms, j), bearer))
                return TRUE;
    }
    return FALSE;
}

/* Does the new release of `cause` ask for this change: need it, conflict with what was there, replace it? */
static gboolean is_cause_of(const PlanChange *cause, const PlanChange *change)
{
    const Release *release = cause->release;
    const Bearer before = {change->app, change->from_version, NULL};
    if (!release || cause == change)
        return FALSE;
    if (change->op == CHANGE_REMOVE)
        return items_name(release->obsoletes, &before);
    const Bearer after = {change->app, change->to_version, change->release->provides};
    return items_name(release->requires, &after) ||
           (before.version && items_name(release->conflicts, &before));
}

/* Would the installed one not have borne that other change? */
static gboolean is_driver_of(const PlanChange *cause, const PlanChange *change, const InstalledApp *old)
{
    const Bearer before = {cause->app, cause->from_version, NULL};
    return old && cause != change && cause->release && before.version && items_name(old->requires, &before);
}

static char *words_for(const PlanChange *change, const GPtrArray *changes, const InstalledApp *old)
{
    const char *words = change->op == CHANGE_REMOVE ? "replaced by" : "needed by";
    for (guint i = 0; i < changes->len; i++) {
        const PlanChange *cause = g_ptr_array_index(changes, i);
        if (is_cause_of(cause, change))
            return g_strdup_printf("%s %s %s", words, cause->app, cause->to_version);
    }
    for (guint i = 0; i < changes->len; i++) {
        const PlanChange *cause = g_ptr_array_index(changes, i);
        if (is_driver_of(cause, change, old))
            return g_strdup_printf("goes with %s %s", cause->app, cause->to_version);
    }
    return g_strdup(UNTOLD);
}

GPtrArray *solve_explain(const SolveInput *input, GPtrArray *changes, const GArray *targets)
{
    for (guint i = 0; i < changes->len; i++) {
        PlanChange *change = g_ptr_array_index(changes, i);
        change->is_dependency = change->op == CHANGE_REMOVE || !target_find(targets, change->app);
        change->reason = change->is_dependency
                             ? words_for(change, changes, installed_find(input->installed, change->app))
                             : g_strdup(ASKED_FOR);
    }
    return changes;
}

static char *words_for_removal(const SolveInput *input, const PlanChange *change, const GPtrArray *changes)
{
    const InstalledApp *app = installed_find(input->installed, change->app);
    for (guint i = 0; i < changes->len; i++) {
        const PlanChange *other = g_ptr_array_index(changes, i);
        const InstalledApp *gone = installed_find(input->installed, other->app);
        const Bearer bearer = {gone->name, gone->version, gone->provides};
        if (other != change && items_name(app->requires, &bearer))
            return g_strdup_printf("needs %s", other->app);
    }
    return g_strdup(UNTOLD);
}

GPtrArray *solve_explain_removals(const SolveInput *input, GPtrArray *changes, const GArray *targets)
{
    for (guint i = 0; i < changes->len; i++) {
        PlanChange *change = g_ptr_array_index(changes, i);
        change->purge = input->request->purge;
        change->is_dependency = !target_find(targets, change->app);
        change->reason =
            change->is_dependency ? words_for_removal(input, change, changes) : g_strdup(ASKED_FOR);
    }
    return changes;
}
