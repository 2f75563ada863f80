/* plan.c - from a request to a plan that has passed plan_check: the common frame of all kinds of requests. */
#include "engine/plan_internal.h"
#include "engine/walk.h"

#include <string.h>

static void planning_clear(Planning *planning)
{
    g_clear_pointer(&planning->request, request_free);
    g_clear_pointer(&planning->view, plan_view_free);
    g_clear_pointer(&planning->locked, g_ptr_array_unref);
    g_clear_pointer(&planning->offers, g_ptr_array_unref);
    g_clear_pointer(&planning->file, release_free);
    g_clear_pointer(&planning->plan, plan_free);
    plan_question_clear(&planning->answered);
    plan_question_clear(&planning->failed);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Planning, planning_clear)

/* The file's own name and version become what is asked for. */
static gboolean take_file(Planning *planning, GError **error)
{
    if (!planning->request->file)
        return TRUE;
    planning->file = plan_read_file(planning->engine, planning->request, error);
    if (!planning->file)
        return FALSE;
    g_ptr_array_set_size(planning->request->apps, 0);
    request_add_app(planning->request, planning->file->name, planning->file->version);
    return TRUE;
}

static void add_named_by(GStrvBuilder *names, char *const *items)
{
    for (guint i = 0; items && items[i]; i++) {
        g_autoptr(Requirement) requirement = requirement_parse(items[i], NULL);
        for (guint j = 0; requirement && j < requirement->terms->len; j++)
            g_strv_builder_add(names, ((const RequireTerm *)g_ptr_array_index(requirement->terms, j))->name);
    }
}

/* A file stands in no catalogue: what it requires and replaces is named here. */
static char **asked_names(const Planning *planning)
{
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    for (guint i = 0; i < planning->request->apps->len; i++)
        g_strv_builder_add(names, ((const RequestApp *)g_ptr_array_index(planning->request->apps, i))->name);
    if (planning->file) {
        add_named_by(names, planning->file->requires);
        add_named_by(names, planning->file->obsoletes);
    }
    return g_strv_builder_end(names);
}

static gboolean open_planning(Planning *planning, const Request *request, GError **error)
{
    planning->request = request_copy(request, error);
    if (!planning->request || !take_file(planning, error))
        return FALSE;
    planning->request->allow_downgrade |= settings_values(planning->engine->settings)->allow_downgrade;
    g_auto(GStrv) names = asked_names(planning);
    planning->view = plan_view_new(planning->engine, (const char *const *)names, error);
    if (!planning->view)
        return FALSE;
    planning->locked = plan_view_locked(planning->view, FALSE);
    planning->worst = MARK_PHASE; /* a roll-out's phase does not bind an admin */
    planning->plan = plan_new();
    return TRUE;
}

static GPtrArray *find_changes(Planning *planning, GError **error)
{
    switch (planning->request->kind) {
    case REQUEST_ROLLBACK:
        return plan_rollback(planning, error);
    case REQUEST_UNDO:
        return plan_undo(planning, error);
    case REQUEST_REPAIR:
        return plan_repair(planning, error);
    case REQUEST_RESTORE:
        return plan_restore(planning, error);
    default:
        return plan_solved(planning, error);
    }
}

/* What a fix pulls in is as urgent as the fix: the class of a fate group's asked-for apps covers its dependencies. */
static void inherit_class(const PlanSet *set)
{
    UrgencyClass gravest = CLASS_FEATURE;
    for (guint i = 0; i < set->changes->len; i++)
        gravest = MAX(gravest, ((const PlanChange *)g_ptr_array_index(set->changes, i))->cls);
    for (guint i = 0; i < set->changes->len; i++) {
        PlanChange *change = g_ptr_array_index(set->changes, i);
        if (change->is_dependency && urgency_class_is_security(gravest))
            change->cls = gravest;
    }
}

/* Of those who need what changes only who runs is stopped first and started last. */
static void keep_running(const Planning *planning, PlanSet *set)
{
    for (guint i = set->restarts->len; i-- > 0;) {
        const PlanRestart *restart = g_ptr_array_index(set->restarts, i);
        g_autoptr(StoreApp) app = store_app_get(planning->engine->store, restart->app, NULL);
        g_autoptr(QpkgIdentity) identity = app ? engine_identity(app, NULL) : NULL;
        if (!identity || !engine_app_runs(planning->engine, app, identity))
            g_ptr_array_remove_index(set->restarts, i);
    }
}

/* Going back or anew meets no solver: what does not hold together there is the request's fault, not ours. */
static gboolean check(const Planning *planning, GError **error)
{
    RequestKind kind = planning->request->kind;
    gboolean is_back =
        kind == REQUEST_ROLLBACK || kind == REQUEST_UNDO || kind == REQUEST_REPAIR || kind == REQUEST_RESTORE;
    PlanContext context = {.installed = planning->view->installed,
                           .os_version = planning->engine->os_version,
                           .box_arch = planning->engine->arch,
                           .request = planning->request,
                           .locked = is_back ? NULL : planning->locked};
    g_autoptr(GError) failure = NULL;
    if (plan_check(planning->plan, &context, &failure))
        return TRUE;
    if (!is_back)
        return plan_report_broken(planning, failure, error);
    const char *colon = strstr(failure->message, ": ");
    return error_set(error, APPCENTER_ERROR_CONFLICT, "%s", colon ? colon + 2 : failure->message);
}

static gboolean make_plan(Planning *planning, GError **error)
{
    g_autoptr(GPtrArray) changes = find_changes(planning, error);
    if (!changes)
        return FALSE;
    plan_split_into_sets(planning->plan, changes, planning->view->installed);
    if (!planning->request->download_only)
        plan_find_restarts(planning->plan, planning->view->installed);
    for (guint i = 0; i < planning->plan->sets->len; i++) {
        inherit_class(g_ptr_array_index(planning->plan->sets, i));
        keep_running(planning, g_ptr_array_index(planning->plan->sets, i));
    }
    return check(planning, error);
}

Plan *engine_plan(Engine *engine, const Request *request, GError **error)
{
    g_auto(Planning) planning = {.engine = engine};
    g_clear_pointer(&engine->solver_case, g_free);
    g_clear_pointer(&engine->problems, g_ptr_array_unref);
    if (!open_planning(&planning, request, error))
        return NULL;
    gboolean is_made = make_plan(&planning, error);
    if (request->debug_solver)
        engine->solver_case =
            plan_case_text(&planning, planning.failed.request ? &planning.failed : &planning.answered);
    if (!is_made)
        return NULL;
    plan_tell_keeps(&planning);
    return g_steal_pointer(&planning.plan);
}

const char *engine_solver_case(const Engine *engine)
{
    return engine->solver_case;
}
