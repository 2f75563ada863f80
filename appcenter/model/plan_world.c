/* plan_world.c - the second half of the plan checker: does the world after all changes hold together.
 *
 * What was broken before the plan is not the plan's fault: between two apps that do not change nothing is
 * asked. Whether a required app is switched on is not asked either; that is the admin's to say and health's
 * to see.
 */
#include "model/plan_world.h"

#include <string.h>

#include "model/requirement.h"

/* An app as it will be after the plan; all borrowed. */
typedef struct {
    const char *name, *version;
    char *const *requires, *const *conflicts, *const *provides;
    const PlanChange *change; /* NULL: it stays as it is */
} Resident;

/* One name that a resident answers to. */
typedef struct {
    const Resident *resident;
    const char *name, *version; /* version NULL: answers to every one */
    Requirement *provided;      /* whose words these are; NULL: its own name */
} Bearing;

typedef struct {
    const PlanContext *context;
    GArray *residents;   /* of Resident */
    GHashTable *bearers; /* name -> GArray of Bearing */
    GHashTable *changes; /* app -> PlanChange*, borrowed */
} World;

static void add_unchanged(World *world)
{
    for (guint i = 0; world->context->installed && i < world->context->installed->len; i++) {
        const InstalledApp *app = g_ptr_array_index(world->context->installed, i);
        Resident resident = {app->name, app->version, app->requires, app->conflicts, app->provides, NULL};
        if (!g_hash_table_contains(world->changes, app->name))
            g_array_append_val(world->residents, resident);
    }
}

/* A kept tree comes without a release: what it requires was recorded, what it provides was not. */
static void add_changed(World *world)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, world->changes);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const PlanChange *change = value;
        const Release *release = change->release;
        Resident resident = {
            change->app, change->to_version, change->kept_requires, change->kept_conflicts, NULL, change};
        if (release) {
            resident.requires = release->requires;
            resident.conflicts = release->conflicts;
            resident.provides = release->provides;
        }
        if (change->op != CHANGE_REMOVE)
            g_array_append_val(world->residents, resident);
    }
}

static void bearing_clear(gpointer bearing)
{
    g_clear_pointer(&((Bearing *)bearing)->provided, requirement_free);
}

static void add_bearing(World *world, Bearing bearing)
{
    GArray *bearings = g_hash_table_lookup(world->bearers, bearing.name);
    if (!bearings) {
        bearings = g_array_new(FALSE, FALSE, sizeof(Bearing));
        g_array_set_clear_func(bearings, bearing_clear);
        g_hash_table_insert(world->bearers, g_strdup(bearing.name), bearings);
    }
    g_array_append_val(bearings, bearing);
}

/* By its own name, and by those that it provides. */
static void add_bearings(World *world)
{
    for (guint i = 0; i < world->residents->len; i++) {
        const Resident *resident = &g_array_index(world->residents, Resident, i);
        add_bearing(world, (Bearing){resident, resident->name, resident->version, NULL});
        for (guint j = 0; resident->provides && resident->provides[j]; j++) {
            Requirement *provided = requirement_parse(resident->provides[j], NULL);
            const RequireTerm *term = provided ? g_ptr_array_index(provided->terms, 0) : NULL;
            if (term)
                add_bearing(world, (Bearing){resident, term->name, term->version, provided});
        }
    }
}

static const GArray *bearings_of(const World *world, const char *name)
{
    static const GArray nobody = {NULL, 0};
    const GArray *bearings = g_hash_table_lookup(world->bearers, name);
    return bearings ? bearings : &nobody;
}

static gboolean bears(const Bearing *bearing, const RequireTerm *term)
{
    return require_term_matches(term, bearing->name, bearing->version);
}

static gboolean term_holds(const World *world, const RequireTerm *term)
{
    if (strcmp(term->name, PLAN_SYSTEM_NAME) == 0)
        return require_term_matches(term, PLAN_SYSTEM_NAME, world->context->os_version);
    const GArray *bearings = bearings_of(world, term->name);
    for (guint i = 0; i < bearings->len; i++)
        if (bears(&g_array_index(bearings, Bearing, i), term))
            return TRUE;
    return FALSE;
}

/* Did a change of this plan take away (or move) what the term names? */
static gboolean term_is_touched(const World *world, const RequireTerm *term)
{
    const InstalledApp *old = installed_find(world->context->installed, term->name);
    return old && g_hash_table_contains(world->changes, old->name) &&
           require_term_matches(term, old->name, old->version);
}

static gboolean check_requirement(const World *world, const Resident *resident, const char *item,
                                  GError **error)
{
    g_autoptr(Requirement) requirement = requirement_parse(item, error);
    if (!requirement) {
        g_prefix_error(error, "%s: ", resident->name);
        return FALSE;
    }
    gboolean is_our_fault = resident->change != NULL;
    for (guint i = 0; i < requirement->terms->len; i++) {
        const RequireTerm *term = g_ptr_array_index(requirement->terms, i);
        if (term_holds(world, term))
            return TRUE;
        is_our_fault |= term_is_touched(world, term);
    }
    return !is_our_fault || plan_broken(error, "%s %s needs %s", resident->name, resident->version, item);
}

/* A conflict with the own name forbids upgrades from the versions that it names. */
static gboolean conflicts_with(const Resident *resident, const RequireTerm *term, const Bearing *other)
{
    if (resident != other->resident)
        return (resident->change || other->resident->change) && bears(other, term);
    const PlanChange *change = resident->change;
    return change && change->from_version && require_term_matches(term, change->app, change->from_version);
}

static gboolean check_conflict(const World *world, const Resident *resident, const char *item, GError **error)
{
    g_autoptr(Requirement) conflict = requirement_parse(item, error);
    if (!conflict) {
        g_prefix_error(error, "%s: ", resident->name);
        return FALSE;
    }
    const RequireTerm *term = g_ptr_array_index(conflict->terms, 0);
    const char *os = world->context->os_version;
    if (resident->change && os && require_term_matches(term, PLAN_SYSTEM_NAME, os))
        return plan_broken(error, "%s %s does not go with %s (this NAS: %s)", resident->name,
                           resident->version, item, os);
    const GArray *bearings = bearings_of(world, term->name);
    for (guint i = 0; i < bearings->len; i++) {
        const Bearing *bearing = &g_array_index(bearings, Bearing, i);
        const Resident *other = bearing->resident;
        if (conflicts_with(resident, term, bearing))
            return plan_broken(error, "%s %s does not go with %s (found: %s %s)", resident->name,
                               resident->version, item, other->name,
                               resident == other ? resident->change->from_version : other->version);
    }
    return TRUE;
}

static gboolean check_words(const World *world, GError **error)
{
    for (guint i = 0; i < world->residents->len; i++) {
        const Resident *resident = &g_array_index(world->residents, Resident, i);
        for (guint j = 0; resident->requires && resident->requires[j]; j++)
            if (!check_requirement(world, resident, resident->requires[j], error))
                return FALSE;
        for (guint j = 0; resident->conflicts && resident->conflicts[j]; j++)
            if (!check_conflict(world, resident, resident->conflicts[j], error))
                return FALSE;
    }
    return TRUE;
}

/* An upgrade never takes an app away, unless what it brings obsoletes that app. */
static gboolean is_obsoleted(const World *world, const PlanChange *removal)
{
    for (guint i = 0; i < world->residents->len; i++) {
        const PlanChange *change = g_array_index(world->residents, Resident, i).change;
        char *const *items = change && change->release ? change->release->obsoletes : NULL;
        for (guint j = 0; items && items[j]; j++) {
            g_autoptr(Requirement) obsoleted = requirement_parse(items[j], NULL);
            if (obsoleted && require_term_matches(g_ptr_array_index(obsoleted->terms, 0), removal->app,
                                                  removal->from_version))
                return TRUE;
        }
    }
    return FALSE;
}

/* A removal is named, follows a named one (cascade), takes back an installation, or makes room for a
 * successor. */
static gboolean check_removals(const World *world, GError **error)
{
    const Request *request = world->context->request;
    if (!request || request->kind == REQUEST_UNDO || (request->kind == REQUEST_REMOVE && request->cascade))
        return TRUE;
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, world->changes);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const PlanChange *change = value;
        if (change->op == CHANGE_REMOVE && request->kind == REQUEST_AUTOREMOVE) {
            const InstalledApp *app = installed_find(world->context->installed, change->app);
            if (!app || !app->as_dependency)
                return plan_broken(error, "%s did not come as a dependency and would be removed",
                                   change->app);
            continue;
        }
        gboolean is_named = request->kind == REQUEST_REMOVE && request_find_app(request, change->app);
        if (change->op == CHANGE_REMOVE && !is_named && !is_obsoleted(world, change))
            return plan_broken(error, "nobody asked to remove %s", change->app);
    }
    return TRUE;
}

gboolean plan_world_check(GHashTable *changes, const PlanContext *context, GError **error)
{
    g_autoptr(GArray) residents = g_array_new(FALSE, FALSE, sizeof(Resident));
    g_autoptr(GHashTable) bearers =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_array_unref);
    World world = {.context = context, .residents = residents, .bearers = bearers, .changes = changes};
    add_unchanged(&world);
    add_changed(&world);
    add_bearings(&world);
    return check_words(&world, error) && check_removals(&world, error);
}
