/* solve_words.c - why something cannot be, as one sentence: the root cause first, then who asked for it.
 *
 * Built from libsolv's rule infos, never from its strings (they show normal forms of versions). Hides which of the many
 * rules of a problem is the cause: something that nobody offers, then a hold, then a conflict, then an installed app's
 * need.
 */
#include "ports/solve_world.h"

#include <string.h>
#include <solv/problems.h>
#include <solv/rules.h>

#define OS_REQUIREMENT "QNAP_FW"
#define CHAIN_MAX      4

/* In the order of how much they explain. */
typedef enum {
    CAUSE_ABSENT,
    CAUSE_HELD,
    CAUSE_CONFLICT,
    CAUSE_NEED_OF_INSTALLED,
    CAUSE_OBSOLETE,
    CAUSE_SAME_NAME,
    CAUSE_NEED,
    CAUSE_NONE
} Cause;

typedef struct {
    Cause cause;
    Id from, to, dependency;
} Fact;

static gboolean is_locked_installed(const World *world, Solver *solver, Id rule, Id *held)
{
    Id what = 0;
    Id how = solver_rule2job(solver, rule, &what);
    if ((how & SOLVER_JOBMASK) != SOLVER_LOCK || (how & SOLVER_SELECTMASK) != SOLVER_SOLVABLE)
        return FALSE;
    *held = what;
    return world_item(world, what)->installed != NULL;
}

static Cause cause_of_info(const World *world, SolverRuleinfo type, Id from)
{
    switch (type) {
    case SOLVER_RULE_PKG_NOTHING_PROVIDES_DEP:
        return CAUSE_ABSENT;
    case SOLVER_RULE_PKG_CONFLICTS:
        return CAUSE_CONFLICT;
    case SOLVER_RULE_PKG_REQUIRES:
        return world_item(world, from)->installed ? CAUSE_NEED_OF_INSTALLED : CAUSE_NEED;
    case SOLVER_RULE_PKG_OBSOLETES:
        return CAUSE_OBSOLETE;
    case SOLVER_RULE_PKG_SAME_NAME:
        return CAUSE_SAME_NAME;
    default:
        return CAUSE_NONE;
    }
}

static void collect_rule(const World *world, Solver *solver, Id rule, GArray *facts)
{
    Fact held = {.cause = CAUSE_HELD};
    if (is_locked_installed(world, solver, rule, &held.from)) {
        g_array_append_val(facts, held);
        return;
    }
    g_auto(Queue) infos = QUEUE_EMPTY;
    solver_allruleinfos(solver, rule, &infos);
    for (int i = 0; i + 3 < infos.count; i += 4) {
        const Id *info = infos.elements + i;
        Fact fact = {cause_of_info(world, (SolverRuleinfo)info[0], info[1]), info[1], info[2], info[3]};
        if (fact.cause != CAUSE_NONE)
            g_array_append_val(facts, fact);
    }
}

static GArray *collect(const World *world, Solver *solver)
{
    GArray *facts = g_array_new(FALSE, FALSE, sizeof(Fact));
    Id problem = 0;
    while ((problem = solver_next_problem(solver, problem)) != 0) {
        g_auto(Queue) rules = QUEUE_EMPTY;
        solver_findallproblemrules(solver, problem, &rules);
        for (int i = 0; i < rules.count; i++)
            collect_rule(world, solver, rules.elements[i], facts);
    }
    return facts;
}

static gboolean is_asked(const Queue *jobs, Id id)
{
    for (int i = 0; i + 1 < jobs->count; i += 2)
        if ((jobs->elements[i] & SOLVER_JOBMASK) == SOLVER_INSTALL && jobs->elements[i + 1] == id)
            return TRUE;
    return FALSE;
}

/* The better cause; of two alike the one of an app that was asked for, then the newest. */
static gboolean is_better(const Queue *jobs, const Fact *a, const Fact *b)
{
    if (a->cause != b->cause)
        return a->cause < b->cause;
    gboolean is_asked_a = is_asked(jobs, a->from);
    gboolean is_asked_b = is_asked(jobs, b->from);
    return is_asked_a != is_asked_b ? is_asked_a : a->from > b->from;
}

static const Fact *find_root(const GArray *facts, const Queue *jobs)
{
    const Fact *root = NULL;
    for (guint i = 0; i < facts->len; i++) {
        const Fact *fact = &g_array_index(facts, Fact, i);
        if (!root || is_better(jobs, fact, root))
            root = fact;
    }
    return root;
}

/* ---- words ---- */

static char *dependency_words(const World *world, Id dependency)
{
    const Requirement *requirement = g_hash_table_lookup(world->words, GINT_TO_POINTER(dependency));
    return requirement ? requirement_to_text(requirement) : g_strdup(pool_dep2str(world->pool, dependency));
}

static gboolean is_about_os(const World *world, Id dependency)
{
    const Requirement *requirement = g_hash_table_lookup(world->words, GINT_TO_POINTER(dependency));
    for (guint i = 0; requirement && i < requirement->terms->len; i++)
        if (strcmp(((RequireTerm *)g_ptr_array_index(requirement->terms, i))->name, OS_REQUIREMENT) != 0)
            return FALSE;
    return requirement != NULL;
}

/* An installed app that is newer than (or just what is not) wanted: "no repository offers it" would be beside the point. */
static const InstalledApp *find_too_new(const World *world, Id dependency)
{
    const Requirement *requirement = g_hash_table_lookup(world->words, GINT_TO_POINTER(dependency));
    for (guint i = 0; requirement && i < requirement->terms->len; i++) {
        const RequireTerm *term = g_ptr_array_index(requirement->terms, i);
        const InstalledApp *app = installed_find(world->input->installed, term->name);
        if (app && term->version && term->op != REQUIRE_GT && term->op != REQUIRE_GE &&
            version_compare(app->version, term->version) >= 0)
            return app;
    }
    return NULL;
}

/* What is offered and would do, but is nothing for this box: why the newest of those is not, or NULL. */
static char *find_misfit(const World *world, Id dependency)
{
    const Requirement *requirement = g_hash_table_lookup(world->words, GINT_TO_POINTER(dependency));
    const Release *newest = NULL;
    for (guint i = 0; i < world->input->available->len; i++) {
        const Release *release = g_ptr_array_index(world->input->available, i);
        if (requirement_matches(requirement, release->name, release->version) &&
            (!newest || release_compare(newest, release) < 0))
            newest = release;
    }
    return newest ? world_misfit(world->input, newest) : NULL;
}

static char *words_for_absent(const World *world, const Fact *fact)
{
    g_autofree char *wanted = dependency_words(world, fact->dependency);
    const char *name = world_name(world, fact->from);
    const char *version = world_version(world, fact->from);
    if (is_about_os(world, fact->dependency))
        return g_strdup_printf("%s %s needs %s (this NAS: %s)", name, version, wanted,
                               world->input->os_version);
    const InstalledApp *app = find_too_new(world, fact->dependency);
    if (app)
        return g_strdup_printf("%s %s needs %s, and %s %s is installed", name, version, wanted, app->name,
                               app->version);
    g_autofree char *misfit = find_misfit(world, fact->dependency);
    return g_strdup_printf("%s %s needs %s, and %s", name, version, wanted,
                           misfit ? misfit : "no repository offers it");
}

static const char *installed_remark(const World *world, Id id)
{
    return world_item(world, id)->installed ? ", which is installed," : "";
}

static char *words_for_conflict(const World *world, const Fact *fact)
{
    const char *name = world_name(world, fact->from);
    const char *version = world_version(world, fact->from);
    if (fact->to == world->system) {
        g_autofree char *unwanted = dependency_words(world, fact->dependency);
        return g_strdup_printf("%s %s conflicts with %s (this NAS: %s)", name, version, unwanted,
                               world->input->os_version);
    }
    return g_strdup_printf("%s %s%s conflicts with %s %s%s", name, version,
                           installed_remark(world, fact->from), world_name(world, fact->to),
                           world_version(world, fact->to),
                           world_item(world, fact->to)->installed ? ", which is installed" : "");
}

static char *words_for(const World *world, const Fact *fact)
{
    const char *name = world_name(world, fact->from);
    const char *version = world_version(world, fact->from);
    g_autofree char *wanted = fact->dependency ? dependency_words(world, fact->dependency) : NULL;
    switch (fact->cause) {
    case CAUSE_ABSENT:
        return words_for_absent(world, fact);
    case CAUSE_HELD:
        return g_strdup_printf("%s is held", name);
    case CAUSE_CONFLICT:
        return words_for_conflict(world, fact);
    case CAUSE_NEED_OF_INSTALLED:
    case CAUSE_NEED:
        return g_strdup_printf("%s %s%s needs %s", name, version, installed_remark(world, fact->from),
                               wanted);
    case CAUSE_OBSOLETE:
        return g_strdup_printf("%s %s replaces %s %s", name, version, world_name(world, fact->to),
                               world_version(world, fact->to));
    case CAUSE_SAME_NAME:
    case CAUSE_NONE:
        break;
    }
    return g_strdup_printf("%s %s and %s %s cannot be there together", name, version,
                           world_name(world, fact->to), world_version(world, fact->to));
}

/* ---- the steps, for who wants them apart ---- */

static const char *const rule_names[] = {
    [CAUSE_ABSENT] = "absent",     [CAUSE_HELD] = "held",
    [CAUSE_CONFLICT] = "conflict", [CAUSE_NEED_OF_INSTALLED] = "needs",
    [CAUSE_OBSOLETE] = "replaces", [CAUSE_SAME_NAME] = "same-name",
    [CAUSE_NEED] = "needs",        [CAUSE_NONE] = "conflict",
};

static char *name_of_other(const World *world, const Fact *fact)
{
    if (fact->to > 0 && fact->to != world->system)
        return g_strdup(world_name(world, fact->to));
    const InstalledApp *app = fact->cause == CAUSE_ABSENT ? find_too_new(world, fact->dependency) : NULL;
    return app ? g_strdup(app->name) : NULL;
}

/* Its sentence goes to text, too. */
static void tell(const World *world, const Fact *fact, GString *text)
{
    g_autofree char *words = words_for(world, fact);
    g_string_append_printf(text, "%s%s", text->len > 0 ? "; " : "", words);
    if (!world->input->problems)
        return;
    SolveProblem *problem = g_new0(SolveProblem, 1);
    problem->rule = g_strdup(is_about_os(world, fact->dependency) ? "os" : rule_names[fact->cause]);
    problem->message = g_steal_pointer(&words);
    problem->app = g_strdup(world_name(world, fact->from));
    problem->other = name_of_other(world, fact);
    problem->wanted = fact->dependency ? dependency_words(world, fact->dependency) : NULL;
    g_ptr_array_add(world->input->problems, problem);
}

/* ---- the chain from the root cause to what was asked for ---- */

static gboolean is_provided_by_name(const World *world, Id dependency, const char *name)
{
    for (Id *provider = pool_whatprovides_ptr(world->pool, dependency); *provider; provider++)
        if (strcmp(world_name(world, *provider), name) == 0)
            return TRUE;
    return FALSE;
}

/* A fact that says who (not told of yet) needs the app of that name. */
static const Fact *find_need_for(const World *world, const GArray *facts, const char *name, GHashTable *told)
{
    for (guint i = facts->len; i-- > 0;) {
        const Fact *fact = &g_array_index(facts, Fact, i);
        gboolean is_need = fact->cause == CAUSE_NEED || fact->cause == CAUSE_NEED_OF_INSTALLED;
        if (is_need && !g_hash_table_contains(told, world_name(world, fact->from)) &&
            is_provided_by_name(world, fact->dependency, name))
            return fact;
    }
    return NULL;
}

static void tell_chain(const World *world, const GArray *facts, const Fact *root, const Queue *jobs,
                       GString *text)
{
    g_autoptr(GHashTable) told = g_hash_table_new(g_str_hash, g_str_equal);
    const Fact *last = root;
    for (guint i = 0; i < CHAIN_MAX && !is_asked(jobs, last->from); i++) {
        const char *name = world_name(world, last->from);
        g_hash_table_add(told, (gpointer)name);
        last = find_need_for(world, facts, name, told);
        if (!last)
            return;
        tell(world, last, text);
    }
}

char *solve_words(const World *world, Solver *solver, const Queue *jobs, gboolean *is_os)
{
    g_autoptr(GArray) facts = collect(world, solver);
    const Fact *root = find_root(facts, jobs);
    if (world->input->problems)
        g_ptr_array_set_size(world->input->problems, 0);
    if (!root)
        return g_strdup("what is asked for does not go together");
    if (is_os)
        *is_os = is_about_os(world, root->dependency);
    GString *text = g_string_new(NULL);
    tell(world, root, text);
    tell_chain(world, facts, root, jobs, text);
    return g_string_free(text, FALSE);
}
