/* plan.c - the plan as a thing: making, freeing, showing; and the installed app as the planners see it. */
#include "model/plan.h"

#include <string.h>

#include "model/fields.h"

static const char *const op_names[] = {
    [CHANGE_INSTALL] = "install", [CHANGE_UPGRADE] = "upgrade", [CHANGE_DOWNGRADE] = "downgrade",
    [CHANGE_REMOVE] = "remove",   [CHANGE_RESTORE] = "restore", [CHANGE_RESTART] = "restart",
};

static const char *const snapshot_names[] = {
    [PLAN_SNAPSHOT_NONE] = "none",
    [PLAN_SNAPSHOT_NAMED] = "declared",
    [PLAN_SNAPSHOT_WHOLE] = "whole",
};

const char *change_op_name(ChangeOp op)
{
    return op_names[op];
}

gboolean change_op_from_name(const char *name, ChangeOp *op)
{
    for (guint i = 0; name && i < G_N_ELEMENTS(op_names); i++)
        if (strcmp(op_names[i], name) == 0) {
            *op = (ChangeOp)i;
            return TRUE;
        }
    return FALSE;
}

void plan_change_free(PlanChange *change)
{
    if (!change)
        return;
    g_free(change->app);
    g_free(change->from_version);
    g_free(change->to_version);
    release_free(change->release);
    g_strfreev(change->kept_requires);
    g_strfreev(change->kept_conflicts);
    g_free(change->keeps);
    g_free(change->reason);
    g_free(change);
}

PlanChange *plan_change_new_removal(const InstalledApp *app)
{
    PlanChange *change = g_new0(PlanChange, 1);
    change->op = CHANGE_REMOVE;
    change->app = g_strdup(app->name);
    change->from_version = g_strdup(app->version);
    change->cls = CLASS_NORMAL;
    return change;
}

static void plan_set_free(PlanSet *set)
{
    g_ptr_array_unref(set->changes);
    g_ptr_array_unref(set->restarts);
    g_free(set);
}

Plan *plan_new(void)
{
    Plan *plan = g_new0(Plan, 1);
    plan->sets = g_ptr_array_new_with_free_func((GDestroyNotify)plan_set_free);
    plan->left_out = g_ptr_array_new_with_free_func(g_free);
    return plan;
}

void plan_free(Plan *plan)
{
    if (!plan)
        return;
    g_ptr_array_unref(plan->sets);
    g_ptr_array_unref(plan->left_out);
    g_free(plan);
}

PlanSet *plan_add_set(Plan *plan)
{
    PlanSet *set = g_new0(PlanSet, 1);
    set->changes = g_ptr_array_new_with_free_func((GDestroyNotify)plan_change_free);
    set->restarts = g_ptr_array_new_with_free_func((GDestroyNotify)plan_restart_free);
    g_ptr_array_add(plan->sets, set);
    return set;
}

gboolean plan_is_empty(const Plan *plan)
{
    for (guint i = 0; i < plan->sets->len; i++) {
        const PlanSet *set = g_ptr_array_index(plan->sets, i);
        if (set->changes->len > 0)
            return FALSE;
    }
    return TRUE;
}

static json_t *change_to_json(const PlanChange *change)
{
    json_t *object = json_object();
    json_object_set_new(object, "op", json_string(change_op_name(change->op)));
    json_object_set_new(object, "app", json_string(change->app));
    json_object_set_new(object, "from", fields_json_string(change->from_version));
    json_object_set_new(object, "to", fields_json_string(change->to_version));
    json_object_set_new(object, "class", json_string(urgency_class_name(change->cls)));
    json_object_set_new(object, "download_size",
                        json_integer(change->release ? change->release->size_bytes : 0));
    json_object_set_new(object, "reason", fields_json_string(change->reason));
    json_object_set_new(object, "snapshot", json_string(snapshot_names[change->snapshot]));
    json_object_set_new(object, "content_goes_back", json_boolean(change->content_goes_back));
    json_object_set_new(object, "keeps", fields_json_string(change->keeps));
    return object;
}

static json_t *names_to_json(const GPtrArray *names)
{
    json_t *array = json_array();
    for (guint i = 0; i < names->len; i++)
        json_array_append_new(array, json_string(g_ptr_array_index(names, i)));
    return array;
}

static json_t *set_to_json(const PlanSet *set)
{
    json_t *changes = json_array(), *restarts = json_array();
    for (guint i = 0; i < set->changes->len; i++)
        json_array_append_new(changes, change_to_json(g_ptr_array_index(set->changes, i)));
    for (guint i = 0; i < set->restarts->len; i++) {
        const PlanRestart *restart = g_ptr_array_index(set->restarts, i);
        json_array_append_new(restarts, json_pack("{s:s, s:o}", "app", restart->app, "because",
                                                  names_to_json(restart->because)));
    }
    return json_pack("{s:o, s:o}", "changes", changes, "restarts", restarts);
}

json_t *plan_to_json(const Plan *plan)
{
    json_t *sets = json_array();
    for (guint i = 0; i < plan->sets->len; i++)
        json_array_append_new(sets, set_to_json(g_ptr_array_index(plan->sets, i)));
    json_t *left_out = names_to_json(plan->left_out);
    json_t *object = json_object();
    json_object_set_new(object, "schema", json_string("appctl.plan/1"));
    json_object_set_new(object, "sets", sets);
    json_object_set_new(object, "left_out", left_out);
    return object;
}

void installed_app_free(InstalledApp *app)
{
    if (!app)
        return;
    g_free(app->name);
    g_free(app->version);
    g_free(app->arch);
    g_free(app->publisher);
    g_free(app->repository);
    g_strfreev(app->requires);
    g_strfreev(app->conflicts);
    g_strfreev(app->provides);
    g_free(app->previous_version);
    g_free(app);
}

const InstalledApp *installed_find(GPtrArray *installed, const char *name)
{
    for (guint i = 0; installed && i < installed->len; i++) {
        const InstalledApp *app = g_ptr_array_index(installed, i);
        if (strcmp(app->name, name) == 0)
            return app;
    }
    return NULL;
}
