/* plan_solved.c - install, upgrade, remove and the scheduler's requests: what may be taken is sifted first (brakes, skips,
 * vetoes, holds, expired metadata), then the solver is asked, then the reasons are put into words.
 *
 * Hides that "security only" is a list of exact versions, tried together and then one by one, so that one app that
 * cannot be fixed does not keep the others from it.
 */
#include "engine/plan_internal.h"

#include <string.h>

static void leave_out(Planning *planning, char *sentence)
{
    g_ptr_array_add(planning->plan->left_out, sentence);
}

/* ---- the scheduler's requests are judged again here and now ---- */

static const StoreOffer *find_offer(const Planning *planning, const char *app)
{
    for (guint i = 0; planning->offers && i < planning->offers->len; i++) {
        const StoreOffer *offer = g_ptr_array_index(planning->offers, i);
        if (strcmp(offer->app, app) == 0)
            return offer;
    }
    return NULL;
}

static gboolean check_verdict(const Planning *planning, const RequestApp *asked, GError **error)
{
    const StoreOffer *offer = find_offer(planning, asked->name);
    if (!offer || (asked->version && version_compare(asked->version, offer->release->version) != 0))
        return error_set(error, APPCENTER_ERROR_REFUSED, "%s %s is not what is offered now", asked->name,
                         asked->version ? asked->version : "");
    return offer->verdict == VERDICT_NOW || error_set(error, APPCENTER_ERROR_REFUSED, "%s %s: %s",
                                                      asked->name, offer->release->version, offer->sentence);
}

/* Holds, window, brake, consent, inhibitors may have changed since the scheduler decided. */
static gboolean check_verdicts(Planning *planning, GError **error)
{
    gboolean is_emergency = FALSE;
    const Engine *engine = planning->engine;
    g_auto(BoxFacts) box = system_box_facts(engine->root, planning->view->now);
    planning->offers = store_ledger(engine->store, engine->settings, &box, planning->view->now, error);
    if (!planning->offers)
        return FALSE;
    planning->worst = MARK_FREE;
    for (guint i = 0; i < planning->request->apps->len; i++) {
        RequestApp *asked = g_ptr_array_index(planning->request->apps, i);
        if (!check_verdict(planning, asked, error))
            return FALSE;
        const StoreOffer *offer = find_offer(planning, asked->name);
        if (!asked->version)
            asked->version = g_strdup(offer->release->version);
        if (urgency_class_is_security(offer->cls))
            planning->worst = MARK_PHASE;
        is_emergency |= offer->cls == CLASS_EMERGENCY;
    }
    g_ptr_array_unref(planning->locked);
    planning->locked = plan_view_locked(planning->view, is_emergency);
    return TRUE;
}

/* ---- what speaks against apps that were named ---- */

static gboolean is_locked(const Planning *planning, const char *app)
{
    for (guint i = 0; i < planning->locked->len; i++)
        if (strcmp(g_ptr_array_index(planning->locked, i), app) == 0)
            return TRUE;
    return FALSE;
}

static char *hold_words(const Planning *planning, const char *app)
{
    g_autoptr(Hold) hold = store_hold_for(planning->engine->store, app, planning->view->now);
    g_autofree char *until =
        hold && hold->until ? units_format_when(hold->until, planning->view->now, NULL) : NULL;
    gboolean has_note = hold && hold->note && *hold->note;
    return g_strdup_printf("%s is held%s%s%s%s%s", app, until ? " until " : "", until ? until : "",
                           has_note ? " (\"" : "", has_note ? hold->note : "", has_note ? "\")" : "");
}

static gboolean is_takeable(const Planning *planning, const Release *release)
{
    return plan_view_mark(planning->view, release) <= planning->worst;
}

static gboolean object(const Planning *planning, const Release *release, GError **error)
{
    AppcenterError kind;
    g_autofree char *objection = plan_view_objection(planning->view, release, &kind);
    return error_set(error, kind, "%s", objection);
}

/* An exact version binds skips, vetoes and phases, but not the brake and not expired metadata. */
static gboolean check_exact(const Planning *planning, const RequestApp *asked, GError **error)
{
    const Release *release = plan_view_find(planning->view, asked->name, asked->version);
    if (planning->file || !release || plan_view_mark(planning->view, release) <= MARK_SKIPPED)
        return TRUE;
    return object(planning, release, error);
}

/* The newest of the app for this box, newer than the installed one, and whether any such may be taken. */
static const Release *newest_of(const Planning *planning, const char *app, gboolean *any_takeable)
{
    const Release *newest = NULL;
    const InstalledApp *old = installed_find(planning->view->installed, app);
    *any_takeable = FALSE;
    for (guint i = 0; i < planning->view->releases->len; i++) {
        const Release *release = g_ptr_array_index(planning->view->releases, i);
        if (strcmp(release->name, app) != 0 || !arch_fits(release->arch, planning->engine->arch) ||
            (old && (version_compare(release->version, old->version) <= 0 ||
                     g_strcmp0(release->publisher, old->publisher) != 0)))
            continue;
        *any_takeable |= is_takeable(planning, release);
        if (!newest || version_compare(release->version, newest->version) > 0)
            newest = release;
    }
    return newest;
}

static gboolean check_named(const Planning *planning, const RequestApp *asked, GError **error)
{
    RequestKind kind = planning->request->kind;
    gboolean any_takeable = FALSE;
    gboolean is_installed = installed_find(planning->view->installed, asked->name) != NULL;
    if (kind == REQUEST_UPGRADE && !is_installed)
        return error_set(error, APPCENTER_ERROR_NOT_FOUND, "%s is not installed", asked->name);
    if (asked->version)
        return check_exact(planning, asked, error);
    if (kind == REQUEST_UPGRADE && is_locked(planning, asked->name)) {
        g_autofree char *words = hold_words(planning, asked->name);
        return error_set(error, APPCENTER_ERROR_REFUSED, "%s: use unhold, or name the version", words);
    }
    if (kind == REQUEST_INSTALL && is_installed)
        return TRUE;
    const Release *newest = newest_of(planning, asked->name, &any_takeable);
    return !newest || any_takeable || object(planning, newest, error);
}

static gboolean check_all_named(const Planning *planning, GError **error)
{
    for (guint i = 0; i < planning->request->apps->len; i++)
        if (!check_named(planning, g_ptr_array_index(planning->request->apps, i), error))
            return FALSE;
    return TRUE;
}

/* ---- asking the solver ---- */

/* An archive that was brought by hand stands alone for its app. */
static GPtrArray *available(const Planning *planning, const Request *request)
{
    GPtrArray *list = plan_view_available(planning->view, planning->worst, request);
    if (!planning->file)
        return list;
    for (guint i = list->len; i-- > 0;)
        if (strcmp(((const Release *)g_ptr_array_index(list, i))->name, planning->file->name) == 0)
            g_ptr_array_remove_index(list, i);
    g_ptr_array_add(list, planning->file);
    return list;
}

/* What the solver did not find is offered, but was sifted out before it was asked: the newest such release, or NULL. */
static const Release *find_sifted(const Planning *planning, const SolveProblem *problem)
{
    const Release *found = NULL;
    g_autoptr(Requirement) wanted = problem->wanted ? requirement_parse(problem->wanted, NULL) : NULL;
    for (guint i = 0; i < planning->view->releases->len; i++) {
        const Release *release = g_ptr_array_index(planning->view->releases, i);
        if (!is_takeable(planning, release) && arch_fits(release->arch, planning->engine->arch) &&
            requirement_matches(wanted, release->name, release->version) &&
            (!found || version_compare(release->version, found->version) > 0))
            found = release;
    }
    return found;
}

/* The cause is a hold, a skip, a veto or the brake: not a fault of the packages, but somebody's word, whose and until when
 * is known here and not to the solver. */
static void tell_policy(const Planning *planning, GPtrArray *problems, GError **failure)
{
    SolveProblem *root = problems->len > 0 ? g_ptr_array_index(problems, 0) : NULL;
    AppcenterError kind = APPCENTER_ERROR_REFUSED;
    gboolean is_held = root && strcmp(root->rule, "held") == 0;
    const Release *sifted = root && strcmp(root->rule, "absent") == 0 ? find_sifted(planning, root) : NULL;
    if (!is_held && !sifted)
        return;
    g_autofree char *rest = g_strdup((*failure)->message + strlen(root->message));
    g_autofree char *objection = sifted ? plan_view_objection(planning->view, sifted, &kind) : NULL;
    g_free(root->message);
    root->message = is_held ? hold_words(planning, root->app)
                            : g_strdup_printf("%s; %s needs %s", objection, root->app, root->wanted);
    g_clear_error(failure);
    error_set(failure, kind, "%s%s", root->message, rest);
}

static GPtrArray *ask(Planning *planning, const Request *request, GPtrArray *left_out, GError **error)
{
    g_autoptr(GPtrArray) choices = available(planning, request);
    g_autoptr(GPtrArray) sentences = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func((GDestroyNotify)solve_problem_free);
    g_autoptr(GError) failure = NULL;
    SolveInput input = {.installed = planning->view->installed,
                        .available = choices,
                        .os_version = planning->engine->os_version,
                        .box_arch = planning->engine->arch,
                        .request = request,
                        .locked = planning->locked,
                        .problems = problems};
    GPtrArray *changes = solve(&input, sentences, &failure);
    plan_note_question(planning, request, choices, changes, sentences, failure); /* as the solver said it */
    if (left_out)
        g_ptr_array_extend_and_steal(left_out, g_steal_pointer(&sentences));
    if (changes)
        return changes;
    tell_policy(planning, problems, &failure);
    g_clear_pointer(&planning->engine->problems, g_ptr_array_unref);
    planning->engine->problems = g_steal_pointer(&problems);
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
}

/* ---- security only ---- */

typedef struct {
    const char *app;
    const Release *release;
    UrgencyClass cls;
} Fix;

static int compare_gravest_first(gconstpointer a, gconstpointer b)
{
    const Fix *fix_a = a, *fix_b = b;
    return fix_a->cls != fix_b->cls ? (int)fix_b->cls - (int)fix_a->cls : strcmp(fix_a->app, fix_b->app);
}

/* The fixes that are to be taken, into request, the gravest first: if not all can be, it is not the one to give way. Those
 * that cannot are left out with their sentence. */
static void add_fixes(Planning *planning, const Request *asked, Request *request, GArray *fixes)
{
    for (guint i = 0; i < planning->view->installed->len; i++) {
        const InstalledApp *app = g_ptr_array_index(planning->view->installed, i);
        gboolean is_wanted = asked->apps->len == 0;
        for (guint j = 0; j < asked->apps->len; j++)
            is_wanted |=
                strcmp(((const RequestApp *)g_ptr_array_index(asked->apps, j))->name, app->name) == 0;
        g_auto(Choice) choice = {0};
        if (!is_wanted || is_locked(planning, app->name))
            continue;
        plan_choose(planning->view, app, planning->worst, TRUE, &choice);
        if (!choice.release)
            continue;
        AppcenterError kind;
        if (choice.problem)
            leave_out(planning, g_steal_pointer(&choice.problem));
        else if (choice.publisher_differs)
            leave_out(planning, g_strdup_printf("%s %s comes from another publisher", app->name,
                                                choice.release->version));
        else if (!is_takeable(planning, choice.release))
            leave_out(planning, plan_view_objection(planning->view, choice.release, &kind));
        else
            g_array_append_vals(fixes, &(Fix){app->name, choice.release, choice.cls}, 1);
    }
    g_array_sort(fixes, compare_gravest_first);
    for (guint i = 0; i < fixes->len; i++) {
        const Fix *fix = &g_array_index(fixes, Fix, i);
        request_add_app(request, fix->app, fix->release->version);
    }
}

/* All at once; if that cannot be, one more at a time, objections into left_out. */
static GPtrArray *solve_fixes(Planning *planning, Request *fixes)
{
    GPtrArray *changes = ask(planning, fixes, NULL, NULL);
    if (changes)
        return changes;
    g_autoptr(Request) wanted = request_new(REQUEST_UPGRADE);
    g_autoptr(GPtrArray) good = g_ptr_array_new_with_free_func((GDestroyNotify)plan_change_free);
    for (guint i = 0; i < fixes->apps->len; i++) {
        const RequestApp *fix = g_ptr_array_index(fixes->apps, i);
        g_autoptr(GError) error = NULL;
        request_add_app(wanted, fix->name, fix->version);
        GPtrArray *more = ask(planning, wanted, NULL, &error);
        if (more) {
            g_ptr_array_unref(good);
            good = more;
            continue;
        }
        leave_out(planning, strstr(error->message, fix->name)
                                ? g_strdup(error->message)
                                : g_strdup_printf("%s %s: %s", fix->name, fix->version, error->message));
        g_ptr_array_remove_index(wanted->apps, wanted->apps->len - 1);
    }
    return g_steal_pointer(&good);
}

/* A fix brings those below it, too: it is as urgent as the gravest of them. */
static void take_classes(const GArray *fixes, const GPtrArray *changes)
{
    for (guint i = 0; i < changes->len; i++) {
        PlanChange *change = g_ptr_array_index(changes, i);
        for (guint j = 0; j < fixes->len; j++) {
            const Fix *fix = &g_array_index(fixes, Fix, j);
            if (strcmp(fix->app, change->app) == 0)
                change->cls = MAX(change->cls, fix->cls);
        }
    }
}

static GPtrArray *solve_security(Planning *planning)
{
    Request *fixes = request_new(REQUEST_UPGRADE);
    fixes->security_only = TRUE;
    g_autoptr(GArray) chosen = g_array_new(FALSE, FALSE, sizeof(Fix));
    add_fixes(planning, planning->request, fixes, chosen);
    g_free(fixes->trigger);
    fixes->trigger = g_strdup(planning->request->trigger);
    request_free(planning->request);
    planning->request = fixes;
    if (fixes->apps->len == 0)
        return g_ptr_array_new_with_free_func((GDestroyNotify)plan_change_free);
    GPtrArray *changes = solve_fixes(planning, fixes);
    take_classes(chosen, changes);
    return changes;
}

/* ---- words ---- */

/* "exploited, QSA-22-24", or NULL when the release is not marked. */
static char *urgency_words(const Release *release)
{
    if (!release || !release->urgency)
        return NULL;
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    if (release->urgency->reason && *release->urgency->reason)
        g_ptr_array_add(words, release->urgency->reason);
    for (guint i = 0; release->urgency->advisories[i]; i++)
        g_ptr_array_add(words, release->urgency->advisories[i]);
    if (words->len == 0)
        return NULL;
    g_ptr_array_add(words, NULL);
    return g_strjoinv(", ", (char **)words->pdata);
}

static void reword(const Planning *planning, PlanChange *change)
{
    const StoreOffer *offer = find_offer(planning, change->app);
    if (offer && change->to_version && version_compare(offer->release->version, change->to_version) == 0)
        change->cls = MAX(change->cls, offer->cls);
    if (change->is_dependency)
        return;
    char *words = urgency_words(change->release);
    if (!words && offer)
        words = g_strdup(offer->sentence);
    if (!words)
        return;
    g_free(change->reason);
    change->reason = words;
}

static const char *planned_version(const GPtrArray *changes, const InstalledApp *app)
{
    for (guint i = 0; i < changes->len; i++) {
        const PlanChange *change = g_ptr_array_index(changes, i);
        if (strcmp(change->app, app->name) == 0 && change->to_version)
            return change->to_version;
    }
    return app->version;
}

static gboolean is_targeted(const Planning *planning, const char *app)
{
    for (guint i = 0; i < planning->request->apps->len; i++)
        if (strcmp(((const RequestApp *)g_ptr_array_index(planning->request->apps, i))->name, app) == 0)
            return TRUE;
    return planning->request->apps->len == 0 && !planning->request->security_only;
}

/* Upgrades that are there but were not considered: held, skipped, vetoed, halted, expired. */
static void note_sifted(Planning *planning, const GPtrArray *changes)
{
    for (guint i = 0; i < planning->view->installed->len; i++) {
        const InstalledApp *app = g_ptr_array_index(planning->view->installed, i);
        gboolean any_takeable = FALSE;
        const Release *newest = newest_of(planning, app->name, &any_takeable);
        if (!newest || !is_targeted(planning, app->name) ||
            version_compare(newest->version, planned_version(changes, app)) <= 0)
            continue;
        AppcenterError kind;
        if (is_locked(planning, app->name)) {
            g_autofree char *words = hold_words(planning, app->name);
            leave_out(planning, g_strdup_printf("%s; %s waits", words, newest->version));
        } else if (!is_takeable(planning, newest)) {
            leave_out(planning, plan_view_objection(planning->view, newest, &kind));
        }
    }
}

/* Held apps with a fix are told, too, when only fixes were asked for. */
static void note_held_fixes(Planning *planning)
{
    for (guint i = 0; i < planning->view->installed->len; i++) {
        const InstalledApp *app = g_ptr_array_index(planning->view->installed, i);
        g_auto(Choice) choice = {0};
        if (!is_locked(planning, app->name))
            continue;
        plan_choose(planning->view, app, planning->worst, TRUE, &choice);
        if (!choice.release)
            continue;
        g_autofree char *words = hold_words(planning, app->name);
        leave_out(planning, g_strdup_printf("%s; %s waits", words, choice.release->version));
    }
}

static GPtrArray *solve_request(Planning *planning, GError **error)
{
    const Request *request = planning->request;
    if (request->kind == REQUEST_UPGRADE && request->security_only) {
        GPtrArray *changes = solve_security(planning);
        note_held_fixes(planning);
        return changes;
    }
    GPtrArray *changes = ask(planning, request, planning->plan->left_out, error);
    if (changes && request->kind == REQUEST_UPGRADE)
        note_sifted(planning, changes);
    return changes;
}

GPtrArray *plan_solved(Planning *planning, GError **error)
{
    RequestKind kind = planning->request->kind;
    if (kind == REQUEST_AUTO
            ? !check_verdicts(planning, error)
            : kind != REQUEST_REMOVE && kind != REQUEST_AUTOREMOVE && !check_all_named(planning, error))
        return NULL;
    GPtrArray *changes = solve_request(planning, error);
    for (guint i = 0; changes && i < changes->len; i++)
        reword(planning, g_ptr_array_index(changes, i));
    return changes;
}
