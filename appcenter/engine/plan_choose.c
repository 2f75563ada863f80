/* plan_choose.c - of several newer releases of an app, the one to take.
 *
 * Security first: of releases that fix something the lowest that brings all fixes; a feature release above it, marked for
 * the same or not, is nothing that a fix needs. Hides the ranks: free and possible, then waiting but possible, then
 * impossible, then stopped by the vendor, then another publisher's; within a rank the newest.
 */
#include "engine/plan_view.h"

#include <string.h>

#define PROBES_MAX 8

void choice_clear(Choice *choice)
{
    g_clear_pointer(&choice->problem, g_free);
}

/* Whom the solver asks, with what he may choose from: many releases are asked about with the same. */
typedef struct {
    GPtrArray *locked, *available;
    SolveProber *prober;
} Panel;

static void panel_free(Panel *panel)
{
    solve_prober_free(panel->prober);
    g_ptr_array_unref(panel->locked);
    g_ptr_array_unref(panel->available);
    g_free(panel);
}

static SolveProber *prober_for(const PlanView *view, Mark limit, gboolean is_emergency)
{
    gpointer key = GINT_TO_POINTER((int)limit * 2 + (is_emergency ? 1 : 0));
    Panel *panel = g_hash_table_lookup(view->panels, key);
    if (panel)
        return panel->prober;
    panel = g_new0(Panel, 1);
    panel->locked = plan_view_locked(view, is_emergency);
    panel->available = plan_view_available(view, limit, NULL);
    SolveInput input = {.installed = view->installed,
                        .available = panel->available,
                        .os_version = view->engine->os_version,
                        .box_arch = view->engine->arch,
                        .locked = panel->locked};
    panel->prober = solve_prober_new(&input);
    g_hash_table_insert(view->panels, key, panel);
    return panel->prober;
}

GHashTable *plan_panels_new(void)
{
    return g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)panel_free);
}

/* When a request cannot be met because of what was sifted out, what speaks against that: the root cause, and who needs it.
 * NULL: it is not that. worst: up to which mark the solver was shown releases. */
static char *blame_sifted(const PlanView *view, const Request *request, GPtrArray *locked, Mark worst)
{
    g_autoptr(GPtrArray) everything = plan_view_available(view, MARK_STALE, request);
    SolveInput input = {.installed = view->installed,
                        .available = everything,
                        .os_version = view->engine->os_version,
                        .box_arch = view->engine->arch,
                        .request = request,
                        .locked = locked};
    g_autoptr(GPtrArray) changes = solve(&input, NULL, NULL);
    for (guint i = 0; changes && i < changes->len; i++) {
        const PlanChange *change = g_ptr_array_index(changes, i);
        const Release *release = change->is_dependency && change->to_version
                                     ? plan_view_find(view, change->app, change->to_version)
                                     : NULL;
        if (!release || plan_view_mark(view, release) <= worst)
            continue;
        AppcenterError kind;
        g_autofree char *objection = plan_view_objection(view, release, &kind);
        return g_strdup_printf("%s; it is %s", objection, change->reason);
    }
    return NULL;
}

/* Would it be possible with all that was sifted out? Then it is that which is missing. */
static char *blame_for(const PlanView *view, const Release *release, gboolean is_emergency, Mark limit)
{
    gboolean is_os = FALSE;
    g_autofree char *still = solve_prober_ask(prober_for(view, MARK_STALE, is_emergency), release, &is_os);
    if (still)
        return NULL;
    g_autoptr(Request) request = request_new(REQUEST_AUTO);
    g_autoptr(GPtrArray) locked = plan_view_locked(view, is_emergency);
    request_add_app(request, release->name, release->version);
    return blame_sifted(view, request, locked, limit);
}

char *plan_probe(const PlanView *view, const Release *release, UrgencyClass cls, Mark worst, gboolean *is_os)
{
    /* what a fix pulls in does not wait for its own roll-out */
    Mark limit = urgency_class_is_security(cls) ? MAX(worst, MARK_PHASE) : worst;
    gboolean is_emergency = cls == CLASS_EMERGENCY;
    char *problem = solve_prober_ask(prober_for(view, limit, is_emergency), release, is_os);
    char *blame = problem && !*is_os ? blame_for(view, release, is_emergency, limit) : NULL;
    if (!blame)
        return problem;
    g_free(problem);
    return blame;
}

/* Does taking the chosen one bring what this one fixes? What the vendor stopped lends no urgency to others. */
static gboolean counts_towards(const PlanView *view, const Release *release, const Choice *choice)
{
    return release == choice->release || (version_compare(release->version, choice->release->version) <= 0 &&
                                          plan_view_mark(view, release) < MARK_HALTED &&
                                          g_strcmp0(release->publisher, choice->release->publisher) == 0);
}

/* The gravest class of the fixes between the installed version and the chosen one, and the mark that sets the clock. */
static void take_class(const PlanView *view, const InstalledApp *app, Choice *choice)
{
    g_autoptr(GPtrArray) newer = plan_view_newer(view, app);
    choice->cls = release_class(choice->release);
    for (guint i = 0; i < newer->len; i++) {
        const Release *release = g_ptr_array_index(newer, i);
        UrgencyClass cls = release_class(release);
        if (counts_towards(view, release, choice) && urgency_class_is_security(cls))
            choice->cls = MAX(choice->cls, cls);
    }
    for (guint i = newer->len; i-- > 0;) { /* oldest first: its clock has run longest */
        const Release *release = g_ptr_array_index(newer, i);
        if (release->urgency && release_class(release) == choice->cls && choice->urgent_at == 0 &&
            counts_towards(view, release, choice)) {
            choice->urgent_at = release->urgency->urgent_at;
            choice->install_within_s = release->urgency->install_within_s;
        }
    }
}

static gboolean is_foreign(const InstalledApp *app, const Release *release)
{
    return g_strcmp0(app->publisher, release->publisher) != 0;
}

/* The first of the list up to that mark that is possible; the first impossible one is remembered with its problem. */
static const Release *first_possible(const PlanView *view, const InstalledApp *app, const GPtrArray *list,
                                     Mark from, Mark to, Mark worst, Choice *impossible, guint *n_probes)
{
    for (guint i = 0; i < list->len && *n_probes < PROBES_MAX; i++) {
        const Release *release = g_ptr_array_index(list, i);
        Mark mark = plan_view_mark(view, release);
        if (mark < from || mark > to || is_foreign(app, release))
            continue;
        gboolean is_os = FALSE;
        (*n_probes)++;
        char *problem = plan_probe(view, release, release_class(release), worst, &is_os);
        if (!problem)
            return release;
        if (impossible->release) {
            g_free(problem);
            continue;
        }
        *impossible = (Choice){.release = release, .problem = problem, .problem_is_os = is_os};
    }
    return NULL;
}

static const Release *first_stopped(const PlanView *view, const InstalledApp *app, const GPtrArray *list,
                                    gboolean foreign)
{
    for (guint i = 0; i < list->len; i++) {
        const Release *release = g_ptr_array_index(list, i);
        if (is_foreign(app, release) == foreign && (foreign || plan_view_mark(view, release) >= MARK_HALTED))
            return release;
    }
    return NULL;
}

/* Fills release, problem and publisher_differs; no release when the list holds nothing at all. */
static void choose_from(const PlanView *view, const InstalledApp *app, const GPtrArray *list, Mark worst,
                        Choice *choice)
{
    guint n_probes = 0;
    g_auto(Choice) impossible = {0};
    choice->release = first_possible(view, app, list, MARK_FREE, worst, worst, &impossible, &n_probes);
    if (!choice->release)
        choice->release =
            first_possible(view, app, list, worst + 1, MARK_SKIPPED, worst, &impossible, &n_probes);
    if (!choice->release && impossible.release) {
        *choice = impossible;
        impossible = (Choice){0};
    }
    if (!choice->release)
        choice->release = first_stopped(view, app, list, FALSE);
    if (!choice->release) {
        choice->release = first_stopped(view, app, list, TRUE);
        choice->publisher_differs = choice->release != NULL;
    }
}

static GPtrArray *only_security(const GPtrArray *newer)
{
    GPtrArray *list = g_ptr_array_new();
    for (guint i = 0; i < newer->len; i++)
        if (urgency_class_is_security(release_class(g_ptr_array_index(newer, i))))
            g_ptr_array_add(list, g_ptr_array_index(newer, i));
    return list;
}

/* A release that names no advisory is a fix of its own. */
static gboolean fixes_anything_new(const Release *release, GHashTable *fixed)
{
    char **advisories = release->urgency ? release->urgency->advisories : NULL;
    gboolean is_new = !advisories || !advisories[0];
    for (guint i = 0; advisories && advisories[i]; i++)
        is_new |= g_hash_table_add(fixed, advisories[i]);
    return is_new;
}

/* The place in the list (newest first) of the lowest fix that brings all of them: what is above it is marked for the same
 * advisories once more, like the feature release that has the fix, too. What nobody may take brings nothing. */
static guint find_lowest_whole_fix(const PlanView *view, const InstalledApp *app, const GPtrArray *fixes)
{
    g_autoptr(GHashTable) fixed = g_hash_table_new(g_str_hash, g_str_equal);
    guint lowest = fixes->len;
    for (guint i = fixes->len; i-- > 0;) {
        const Release *release = g_ptr_array_index(fixes, i);
        if (plan_view_mark(view, release) < MARK_HALTED && !is_foreign(app, release) &&
            fixes_anything_new(release, fixed))
            lowest = i;
    }
    return lowest;
}

/* The lowest that brings all fixes, then upwards those that do so, too (it may need another system), then what is below. */
static GPtrArray *sort_fixes(const PlanView *view, const InstalledApp *app, const GPtrArray *fixes)
{
    GPtrArray *sorted = g_ptr_array_new();
    guint lowest = find_lowest_whole_fix(view, app, fixes);
    for (guint i = MIN(lowest + 1, fixes->len); i-- > 0;)
        g_ptr_array_add(sorted, g_ptr_array_index(fixes, i));
    for (guint i = lowest + 1; i < fixes->len; i++)
        g_ptr_array_add(sorted, g_ptr_array_index(fixes, i));
    return sorted;
}

static gboolean is_stopped(const PlanView *view, const Choice *choice)
{
    return !choice->release || choice->publisher_differs ||
           plan_view_mark(view, choice->release) >= MARK_HALTED;
}

void plan_choose(const PlanView *view, const InstalledApp *app, Mark worst, gboolean security_only,
                 Choice *choice)
{
    g_autoptr(GPtrArray) newer = plan_view_newer(view, app);
    g_autoptr(GPtrArray) marked = only_security(newer);
    g_autoptr(GPtrArray) fixes = sort_fixes(view, app, marked);
    g_auto(Choice) other = {0};
    *choice = (Choice){0};
    choose_from(view, app, fixes, worst, choice);
    if (is_stopped(view, choice) && !security_only)
        choose_from(view, app, newer, worst, &other);
    if (other.release && (!choice->release || !is_stopped(view, &other))) {
        choice_clear(choice);
        *choice = other;
        other = (Choice){0};
    }
    if (choice->release)
        take_class(view, app, choice);
}
