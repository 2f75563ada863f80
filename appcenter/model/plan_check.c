/* plan_check.c - an independent look at a plan before it is walked; it knows nothing of the solver.
 *
 * Here: may each change be by itself (true to what is installed, asked for, not locked, fit for this box).
 * The world after all changes is the second half's, plan_world.c.
 */
#include "model/plan_world.h"

#include <string.h>

#include "model/version.h"

typedef struct {
    const PlanChange *change;
    const InstalledApp *old; /* NULL: not installed */
    const RequestApp *asked; /* NULL: not asked for by name */
    const PlanContext *context;
} Case;

gboolean plan_broken(GError **error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *rule = g_strdup_vprintf(format, args);
    va_end(args);
    return error_set(error, APPCENTER_ERROR_INTERNAL, "the plan breaks a rule: %s", rule);
}

static gboolean check_op(const Case *c, GError **error)
{
    const PlanChange *change = c->change;
    if (change->op == CHANGE_INSTALL) {
        if (c->old)
            return plan_broken(error, "%s is installed already and would be installed", change->app);
        return change->to_version ? TRUE
                                  : plan_broken(error, "%s would be installed in no version", change->app);
    }
    if (!c->old)
        return plan_broken(error, "%s is not installed and would be changed", change->app);
    if (g_strcmp0(change->from_version, c->old->version) != 0)
        return plan_broken(error, "%s is installed as %s, the plan says %s", change->app, c->old->version,
                           change->from_version ? change->from_version : "nothing");
    if (change->op == CHANGE_REMOVE)
        return change->to_version ? plan_broken(error, "%s would be removed and be there", change->app)
                                  : TRUE;
    if (!change->to_version)
        return plan_broken(error, "%s would be changed to no version", change->app);
    if (change->op == CHANGE_RESTORE)
        return g_strcmp0(change->to_version, change->from_version) == 0 ||
               plan_broken(error, "%s from %s to %s is no restore", change->app, change->from_version,
                           change->to_version);
    gboolean is_older = version_compare(change->to_version, change->from_version) < 0;
    if (is_older != (change->op == CHANGE_DOWNGRADE))
        return plan_broken(error, "%s from %s to %s is no %s", change->app, change->from_version,
                           change->to_version, change_op_name(change->op));
    return TRUE;
}

/* Going back needs somebody's word: the admin's, or the vendor's go_back_to, which the scheduler names
 * exactly. */
static gboolean is_downgrade_asked(const Case *c)
{
    const Request *request = c->context->request;
    if (!request)
        return FALSE;
    if (request->allow_downgrade || request->kind == REQUEST_ROLLBACK || request->kind == REQUEST_UNDO)
        return TRUE;
    return request->kind == REQUEST_AUTO && c->asked &&
           g_strcmp0(c->asked->version, c->change->to_version) == 0;
}

static gboolean is_publisher_change_asked(const Case *c)
{
    const Request *request = c->context->request;
    return request && (request->kind == REQUEST_UNDO ||
                       (request->kind == REQUEST_INSTALL && (c->asked || request->file)));
}

static gboolean is_locked(const Case *c)
{
    const GPtrArray *locked = c->context->locked;
    for (guint i = 0; locked && i < locked->len; i++)
        if (strcmp(g_ptr_array_index(locked, i), c->change->app) == 0)
            return TRUE;
    return FALSE;
}

static gboolean check_asked(const Case *c, GError **error)
{
    const PlanChange *change = c->change;
    const Release *release = change->release;
    if (change->op == CHANGE_DOWNGRADE && !is_downgrade_asked(c))
        return plan_broken(error, "nobody asked to take %s back from %s to %s", change->app,
                           change->from_version, change->to_version);
    if (release && c->old && g_strcmp0(release->publisher, c->old->publisher) != 0 &&
        !is_publisher_change_asked(c))
        return plan_broken(error, "nobody asked to take %s from %s instead of %s", change->app,
                           release->publisher ? release->publisher : "nobody",
                           c->old->publisher ? c->old->publisher : "nobody");
    if (is_locked(c) && !c->asked)
        return plan_broken(error, "%s is held and was not asked for", change->app);
    return TRUE;
}

static gboolean check_fits_box(const Case *c, GError **error)
{
    const Release *release = c->change->release;
    const char *os = c->context->os_version;
    if (!release)
        return TRUE;
    if (strcmp(release->name, c->change->app) != 0 || g_strcmp0(release->version, c->change->to_version) != 0)
        return plan_broken(error, "%s %s comes with the archive of %s %s", c->change->app,
                           c->change->to_version ? c->change->to_version : "(removed)", release->name,
                           release->version);
    if (c->context->box_arch && !arch_fits(release->arch, c->context->box_arch))
        return plan_broken(error, "%s is built for %s, this NAS is %s", c->change->app, release->arch,
                           c->context->box_arch);
    if (os && release->os_min && version_compare(os, release->os_min) < 0)
        return plan_broken(error, "%s %s needs " PLAN_SYSTEM_NAME " >= %s (this NAS: %s)", release->name,
                           release->version, release->os_min, os);
    if (os && release->os_max && version_compare(os, release->os_max) > 0)
        return plan_broken(error, "%s %s needs " PLAN_SYSTEM_NAME " <= %s (this NAS: %s)", release->name,
                           release->version, release->os_max, os);
    return TRUE;
}

const RequestApp *request_find_app(const Request *request, const char *name)
{
    for (guint i = 0; request && i < request->apps->len; i++) {
        const RequestApp *asked = g_ptr_array_index(request->apps, i);
        if (strcmp(asked->name, name) == 0)
            return asked;
    }
    return NULL;
}

static gboolean check_change(const PlanContext *context, PlanChange *change, GHashTable *changes,
                             GError **error)
{
    if (!g_hash_table_insert(changes, change->app, change))
        return plan_broken(error, "%s would be changed twice", change->app);
    Case c = {.change = change,
              .old = installed_find(context->installed, change->app),
              .asked = request_find_app(context->request, change->app),
              .context = context};
    return check_op(&c, error) && check_asked(&c, error) && check_fits_box(&c, error);
}

static gboolean is_of_name(char c)
{
    return g_ascii_isalnum(c) || c == '_' || c == '-';
}

/* As a word: "A" is not told of by a sentence about "MediaLibrary". */
static gboolean tells_of(const char *sentence, const char *app)
{
    for (const char *at = strstr(sentence, app); at; at = strstr(at + 1, app))
        if ((at == sentence || !is_of_name(at[-1])) && !is_of_name(at[strlen(app)]))
            return TRUE;
    return FALSE;
}

static gboolean is_left_out(const Plan *plan, const char *app)
{
    for (guint i = 0; i < plan->left_out->len; i++)
        if (tells_of(g_ptr_array_index(plan->left_out, i), app))
            return TRUE;
    return FALSE;
}

/* Who named a version (as "security only" does of every fix) gets it, or a sentence why not. */
static gboolean check_covered(const Plan *plan, const PlanContext *context, GHashTable *changes,
                              GError **error)
{
    const Request *request = context->request;
    if (!request || (request->kind != REQUEST_INSTALL && request->kind != REQUEST_UPGRADE &&
                     request->kind != REQUEST_AUTO))
        return TRUE;
    for (guint i = 0; i < request->apps->len; i++) {
        const RequestApp *asked = g_ptr_array_index(request->apps, i);
        const PlanChange *change = g_hash_table_lookup(changes, asked->name);
        const InstalledApp *old = installed_find(context->installed, asked->name);
        const char *after = change ? change->to_version : old ? old->version : NULL;
        gboolean is_there = asked->version && after && version_compare(after, asked->version) == 0;
        if (asked->version && !is_there && !is_left_out(plan, asked->name))
            return plan_broken(error, "%s %s was asked for, is not in it, and nothing says why", asked->name,
                               asked->version);
    }
    return TRUE;
}

gboolean plan_check(const Plan *plan, const PlanContext *context, GError **error)
{
    g_autoptr(GHashTable) changes = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < plan->sets->len; i++) {
        const PlanSet *set = g_ptr_array_index(plan->sets, i);
        for (guint j = 0; j < set->changes->len; j++)
            if (!check_change(context, g_ptr_array_index(set->changes, j), changes, error))
                return FALSE;
    }
    return check_covered(plan, context, changes, error) && plan_world_check(changes, context, error);
}
