/* explain.c - a request that could not be planned: what stands in the way, step by step, and the choices there are.
 *
 * A choice is never guessed: each is planned in the world as it would be then (WhatIf), and only what comes to a plan
 * that does what was asked for is offered. Hides which choices are worth a try for which kind of problem.
 */
#include "engine/plan_view.h"

#include <string.h>

#define TRIALS_MAX    24
#define SOLUTIONS_MAX 4
#define VERSIONS_MAX  5

/* ---- the world as it would be ---- */

static gboolean is_lifted(const WhatIf *what_if, const Hold *hold)
{
    const char *name = hold->app ? hold->app : WHAT_IF_ALL;
    return what_if->unheld && g_strv_contains(what_if->unheld, name);
}

void what_if_apply(const WhatIf *what_if, PlanView *view)
{
    for (guint i = view->holds->len; i-- > 0;)
        if (is_lifted(what_if, g_ptr_array_index(view->holds, i)))
            g_ptr_array_remove_index(view->holds, i);
    for (guint i = view->installed->len; what_if->removed && i-- > 0;)
        if (strcmp(((const InstalledApp *)g_ptr_array_index(view->installed, i))->name, what_if->removed) ==
            0)
            g_ptr_array_remove_index(view->installed, i);
}

/* ---- trying ---- */

typedef struct {
    Engine *engine;
    const Request *request;
    const PlanView *view;
    GPtrArray *problems; /* SolveProblem* */
    json_t *solutions;
    guint n_trials;
} Explaining;

static gboolean is_asked(const Request *request, const char *name)
{
    for (guint i = 0; i < request->apps->len; i++)
        if (strcmp(((const RequestApp *)g_ptr_array_index(request->apps, i))->name, name) == 0)
            return TRUE;
    return FALSE;
}

static const PlanChange *find_change(const Plan *plan, const char *app)
{
    for (guint i = 0; i < plan->sets->len; i++) {
        const PlanSet *set = g_ptr_array_index(plan->sets, i);
        for (guint k = 0; k < set->changes->len; k++)
            if (strcmp(((const PlanChange *)g_ptr_array_index(set->changes, k))->app, app) == 0)
                return g_ptr_array_index(set->changes, k);
    }
    return NULL;
}

/* Every app that was named moves, and to its version. */
static gboolean does_it(const Plan *plan, const Request *request)
{
    for (guint i = 0; i < request->apps->len; i++) {
        const RequestApp *asked = g_ptr_array_index(request->apps, i);
        const PlanChange *change = find_change(plan, asked->name);
        if (!change || (asked->version && g_strcmp0(change->to_version, asked->version) != 0))
            return FALSE;
    }
    return !plan_is_empty(plan);
}

static gboolean is_over(const Explaining *explaining)
{
    return explaining->n_trials >= TRIALS_MAX || json_array_size(explaining->solutions) >= SOLUTIONS_MAX;
}

/* Would this request do in that world? os_version NULL: this NAS's. */
static gboolean would_do(Explaining *explaining, const Request *request, const WhatIf *what_if,
                         const char *os_version)
{
    if (is_over(explaining))
        return FALSE;
    explaining->n_trials++;
    Engine other = *explaining->engine;
    other.what_if = what_if;
    other.solver_case = NULL;
    other.problems = NULL;
    g_autofree char *version = g_strdup(os_version ? os_version : other.os_version);
    other.os_version = version;
    g_autoptr(Plan) plan = engine_plan(&other, request, NULL);
    g_clear_pointer(&other.problems, g_ptr_array_unref);
    g_free(other.solver_case);
    return plan && does_it(plan, request);
}

/* ---- words ---- */

/* What would be typed; a file's own name is not known here. */
static char *command_of(const Request *request)
{
    static const char *const verbs[] = {
        [REQUEST_INSTALL] = "install",        [REQUEST_UPGRADE] = "upgrade",
        [REQUEST_REMOVE] = "remove",          [REQUEST_ROLLBACK] = "rollback",
        [REQUEST_AUTO] = "upgrade",           [REQUEST_UNDO] = "undo",
        [REQUEST_REPAIR] = "verify --repair", [REQUEST_RESTORE] = "snapshot restore",
        [REQUEST_AUTOREMOVE] = "autoremove"};
    GString *text = g_string_new("appctl ");
    g_string_append(text, verbs[request->kind]);
    for (guint i = 0; !request->file && i < request->apps->len; i++) {
        const RequestApp *asked = g_ptr_array_index(request->apps, i);
        g_string_append_printf(text, " %s%s%s", asked->name, asked->version ? "=" : "",
                               asked->version ? asked->version : "");
    }
    if (request->file)
        g_string_append(text, " FILE");
    if (request->kind == REQUEST_UNDO)
        g_string_append_printf(text, " %" G_GINT64_FORMAT, request->undo_id);
    if (request->kind == REQUEST_RESTORE)
        g_string_append_printf(text, " %" G_GINT64_FORMAT, request->snapshot_id);
    const struct {
        gboolean is_given;
        const char *option;
    } options[] = {{request->cascade, " --cascade"},
                   {request->purge, " --purge"},
                   {request->security_only, " --security"},
                   {request->download_only, " --download-only"}};
    for (gsize i = 0; i < G_N_ELEMENTS(options); i++)
        g_string_append(text, options[i].is_given ? options[i].option : "");
    return g_string_free(text, FALSE);
}

/* first (may be NULL), then the request. */
static void offer(Explaining *explaining, const char *first, const Request *request)
{
    g_autofree char *command = command_of(request);
    json_t *steps = json_array();
    if (first)
        json_array_append_new(steps, json_string(first));
    json_array_append_new(steps, json_string(command));
    json_array_append_new(explaining->solutions, steps);
}

/* ---- choices: lift a hold ---- */

static const Hold *own_hold(const Explaining *explaining, const char *app)
{
    for (guint i = 0; i < explaining->view->holds->len; i++) {
        const Hold *hold = g_ptr_array_index(explaining->view->holds, i);
        if (g_strcmp0(hold->app, app) == 0)
            return hold;
    }
    return NULL;
}

static gboolean is_in(const GPtrArray *names, const char *name)
{
    return g_ptr_array_find_with_equal_func((GPtrArray *)names, name, g_str_equal, NULL);
}

static void try_unhold(Explaining *explaining, const GPtrArray *names)
{
    g_autoptr(GPtrArray) unheld = g_ptr_array_new();
    g_autoptr(GString) first = g_string_new("appctl unhold");
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        g_ptr_array_add(unheld, (gpointer)name);
        if (strcmp(name, WHAT_IF_ALL) != 0)
            g_string_append_printf(first, " %s", name);
    }
    g_ptr_array_add(unheld, NULL);
    WhatIf what_if = {.unheld = (const char *const *)unheld->pdata};
    if (would_do(explaining, explaining->request, &what_if, NULL))
        offer(explaining, first->str, explaining->request);
}

/* One hold at a time; if no single one is the cause, all that are in play. */
static void try_holds(Explaining *explaining, const GPtrArray *in_play)
{
    g_autoptr(GPtrArray) held = g_ptr_array_new();
    g_autoptr(GPtrArray) locked = plan_view_locked(explaining->view, FALSE);
    for (guint i = 0; i < in_play->len; i++) {
        const char *name = g_ptr_array_index(in_play, i);
        const char *holder = own_hold(explaining, name) ? name : WHAT_IF_ALL;
        if (is_in(locked, name) && !is_in(held, holder))
            g_ptr_array_add(held, (gpointer)holder);
    }
    gsize n_before = json_array_size(explaining->solutions);
    for (guint i = 0; i < held->len; i++) {
        g_autoptr(GPtrArray) one = g_ptr_array_new();
        g_ptr_array_add(one, g_ptr_array_index(held, i));
        try_unhold(explaining, one);
    }
    if (held->len > 1 && json_array_size(explaining->solutions) == n_before && !is_in(held, WHAT_IF_ALL))
        try_unhold(explaining, held);
}

/* ---- choices: ask for something else ---- */

static void try_cascade(Explaining *explaining)
{
    if (explaining->request->kind != REQUEST_REMOVE || explaining->request->cascade)
        return;
    g_autoptr(Request) more = request_copy(explaining->request, NULL);
    more->cascade = TRUE;
    if (would_do(explaining, more, NULL, NULL))
        offer(explaining, NULL, more);
}

/* Another version of the one app that was asked for: the newest that can be, never one older than what is installed. */
static void try_versions(Explaining *explaining)
{
    const Request *request = explaining->request;
    if ((request->kind != REQUEST_INSTALL && request->kind != REQUEST_UPGRADE) || request->apps->len != 1 ||
        request->file)
        return;
    const RequestApp *asked = g_ptr_array_index(request->apps, 0);
    const InstalledApp *old = installed_find(explaining->view->installed, asked->name);
    const InstalledApp none = {.name = asked->name, .version = (char *)"0"};
    g_autoptr(GPtrArray) newer = plan_view_newer(explaining->view, old ? old : &none);
    for (guint i = 0; i < newer->len && i < VERSIONS_MAX; i++) {
        const Release *release = g_ptr_array_index(newer, i);
        g_autoptr(Request) other = request_new(request->kind);
        if (g_strcmp0(asked->version, release->version) == 0)
            continue;
        request_add_app(other, asked->name, release->version);
        if (would_do(explaining, other, NULL, NULL)) {
            offer(explaining, NULL, other);
            return;
        }
    }
}

/* A slip of the finger in one name. */
static void try_nearest(Explaining *explaining)
{
    const Request *request = explaining->request;
    g_autoptr(GPtrArray) offered =
        request->kind == REQUEST_INSTALL ? store_catalogue_names(explaining->engine->store, NULL) : NULL;
    for (guint i = 0; i < request->apps->len; i++) {
        const RequestApp *asked = g_ptr_array_index(request->apps, i);
        Nearest nearest = {.word = asked->name};
        for (guint k = 0; offered && k < offered->len; k++)
            nearest_consider(&nearest, g_ptr_array_index(offered, k));
        for (guint k = 0; !offered && k < explaining->view->installed->len; k++)
            nearest_consider(&nearest,
                             ((const InstalledApp *)g_ptr_array_index(explaining->view->installed, k))->name);
        if (!nearest.best || strcmp(nearest.best, asked->name) == 0)
            continue;
        g_autoptr(Request) other = request_copy(request, NULL);
        RequestApp *renamed = g_ptr_array_index(other->apps, i);
        g_free(renamed->name);
        renamed->name = g_strdup(nearest.best);
        if (would_do(explaining, other, NULL, NULL))
            offer(explaining, NULL, other);
    }
}

/* A version that is there but skipped, vetoed or not yet rolled out here is taken when it is named. */
static void try_naming(Explaining *explaining, const GPtrArray *in_play)
{
    const Request *request = explaining->request;
    for (guint i = 0;
         i < in_play->len && (request->kind == REQUEST_INSTALL || request->kind == REQUEST_UPGRADE); i++) {
        const char *name = g_ptr_array_index(in_play, i);
        const InstalledApp *old = installed_find(explaining->view->installed, name);
        g_autoptr(GPtrArray) newer = old ? plan_view_newer(explaining->view, old) : NULL;
        const Release *newest = newer && newer->len > 0 ? g_ptr_array_index(newer, 0) : NULL;
        if (!newest || plan_view_mark(explaining->view, newest) == MARK_FREE)
            continue;
        g_autoptr(Request) more = request_new(request->kind);
        for (guint k = 0; k < request->apps->len; k++) {
            const RequestApp *asked = g_ptr_array_index(request->apps, k);
            if (strcmp(asked->name, name) != 0)
                request_add_app(more, asked->name, asked->version);
        }
        request_add_app(more, name, newest->version);
        if (would_do(explaining, more, NULL, NULL))
            offer(explaining, NULL, more);
    }
}

/* Those that need the one that goes back go back with it. */
static void try_together(Explaining *explaining, const GPtrArray *in_play)
{
    const Request *request = explaining->request;
    if (request->kind != REQUEST_ROLLBACK)
        return;
    g_autoptr(Request) more = request_copy(request, NULL);
    for (guint i = 0; i < in_play->len; i++) {
        const char *name = g_ptr_array_index(in_play, i);
        if (!is_asked(request, name) && installed_find(explaining->view->installed, name))
            request_add_app(more, name, NULL);
    }
    if (more->apps->len > request->apps->len && would_do(explaining, more, NULL, NULL))
        offer(explaining, NULL, more);
}

/* ---- choices: something else first ---- */

/* An app in the way that nobody else needs. */
static void try_removals(Explaining *explaining, const GPtrArray *in_play)
{
    for (guint i = 0; i < in_play->len && explaining->request->kind != REQUEST_REMOVE; i++) {
        const char *name = g_ptr_array_index(in_play, i);
        if (is_asked(explaining->request, name) || !installed_find(explaining->view->installed, name))
            continue;
        WhatIf what_if = {.removed = name};
        g_autoptr(Request) removal = request_new(REQUEST_REMOVE);
        request_add_app(removal, name, NULL);
        g_autofree char *first = command_of(removal);
        if (would_do(explaining, explaining->request, &what_if, NULL) &&
            would_do(explaining, removal, NULL, NULL))
            offer(explaining, first, explaining->request);
    }
}

/* The operating system that a package wants; the oldest that will do is what its requirement names. */
static void try_os(Explaining *explaining)
{
    for (guint i = 0; i < explaining->problems->len; i++) {
        const SolveProblem *problem = g_ptr_array_index(explaining->problems, i);
        if (strcmp(problem->rule, "os") != 0 || !problem->wanted)
            continue;
        g_autoptr(Requirement) wanted = requirement_parse(problem->wanted, NULL);
        const RequireTerm *term = wanted ? g_ptr_array_index(wanted->terms, 0) : NULL;
        if (!term || !term->version || !would_do(explaining, explaining->request, NULL, term->version))
            continue;
        g_autofree char *first = g_strdup_printf("update the operating system (%s)", problem->wanted);
        offer(explaining, first, explaining->request);
        return;
    }
}

/* ---- what is in play ---- */

static void add_name(GPtrArray *names, const char *name)
{
    if (name && !is_in(names, name))
        g_ptr_array_add(names, g_strdup(name));
}

static void add_wanted(GPtrArray *names, const char *item)
{
    g_autoptr(Requirement) wanted = item ? requirement_parse(item, NULL) : NULL;
    for (guint i = 0; wanted && i < wanted->terms->len; i++)
        add_name(names, ((const RequireTerm *)g_ptr_array_index(wanted->terms, i))->name);
}

/* Whose rules the problem is made of, what they name, what was asked for, and who needs that. */
static GPtrArray *names_in_play(const Explaining *explaining)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < explaining->problems->len; i++) {
        const SolveProblem *problem = g_ptr_array_index(explaining->problems, i);
        add_name(names, problem->app);
        add_name(names, problem->other);
        add_wanted(names, problem->wanted);
    }
    for (guint i = 0; i < explaining->request->apps->len; i++) {
        const RequestApp *asked = g_ptr_array_index(explaining->request->apps, i);
        add_name(names, asked->name);
        for (guint k = 0; k < explaining->view->installed->len; k++) {
            const InstalledApp *app = g_ptr_array_index(explaining->view->installed, k);
            if (installed_need(app, asked->name))
                add_name(names, app->name);
        }
    }
    return names;
}

/* ---- the answer ---- */

static json_t *problems_to_json(const GPtrArray *problems, const GError *failure)
{
    json_t *list = json_array();
    for (guint i = 0; i < problems->len; i++) {
        const SolveProblem *problem = g_ptr_array_index(problems, i);
        json_array_append_new(list,
                              json_pack("{s:s, s:s}", "rule", problem->rule, "message", problem->message));
    }
    if (problems->len == 0)
        json_array_append_new(list, json_pack("{s:s, s:s}", "rule", error_code_name(error_kind(failure)),
                                              "message", failure->message));
    return list;
}

json_t *engine_explain(Engine *engine, const Request *request, const GError *failure)
{
    AppcenterError kind = error_kind(failure);
    gboolean is_unknown = kind == APPCENTER_ERROR_NOT_FOUND;
    if (!is_unknown && kind != APPCENTER_ERROR_CONFLICT && kind != APPCENTER_ERROR_REFUSED)
        return NULL;
    g_autoptr(GPtrArray) problems = engine->problems ? g_steal_pointer(&engine->problems) : g_ptr_array_new();
    g_autoptr(GPtrArray) asked = g_ptr_array_new();
    for (guint i = 0; i < request->apps->len; i++)
        g_ptr_array_add(asked, ((const RequestApp *)g_ptr_array_index(request->apps, i))->name);
    g_ptr_array_add(asked, NULL);
    g_autoptr(PlanView) view = plan_view_new(engine, (const char *const *)asked->pdata, NULL);
    Explaining explaining = {engine, request, view, problems, json_array(), 0};
    if (view && is_unknown) {
        try_nearest(&explaining);
        try_versions(&explaining);
    } else if (view) {
        g_autoptr(GPtrArray) in_play = names_in_play(&explaining);
        try_holds(&explaining, in_play);
        try_cascade(&explaining);
        try_naming(&explaining, in_play);
        try_versions(&explaining);
        try_together(&explaining, in_play);
        try_removals(&explaining, in_play);
        try_os(&explaining);
    }
    return json_pack("{s:o, s:o}", "problems", problems_to_json(problems, failure), "solutions",
                     explaining.solutions);
}
