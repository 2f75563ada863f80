/* plan_keeps.c - what becomes of an app's content, told with the plan: what is kept as it is now, for how long, and whether
 * a failed change brings converted content back.
 */
#include "engine/plan_internal.h"
#include "engine/walk.h"

static char *snapshot_words(const SnapshotChoice *choice, const char *until)
{
    g_autofree char *size = units_format_size(choice->bytes);
    if (choice->scope == PLAN_SNAPSHOT_NONE)
        return choice->why_not ? g_strdup_printf("no snapshot: %s", choice->why_not)
                               : g_strdup("no snapshot (snapshot = off)");
    return g_strdup_printf("a snapshot of %s (%s%s) is kept for %s",
                           choice->scope == PLAN_SNAPSHOT_WHOLE ? "it" : "what the package converts", size,
                           choice->is_shared ? ", blocks shared" : "", until);
}

/* Nothing is asked of who cannot answer: what goes wrong here goes wrong again in SPACE, and is told there. */
static void tell_change(Engine *engine, PlanChange *change)
{
    g_auto(SnapshotChoice) choice = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(Manifest) manifest = store_app_manifest(engine->store, change->app, &error);
    char **migrates = change->release ? change->release->migrates : NULL;
    SnapshotSubject subject = {engine, change->app, manifest, migrates, -1};
    if (!manifest || !snapshot_choose(&subject, &choice, &error)) {
        change->keeps = g_strdup(error->message);
        return;
    }
    g_autofree char *until = units_format_duration(settings_values(engine->settings)->keep_snapshots_s);
    g_autofree char *snapshot = snapshot_words(&choice, until);
    change->snapshot = choice.scope;
    /* a version that comes back runs no hooks: nothing is converted */
    change->content_goes_back = (migrates && *migrates) || !change->release;
    change->keeps = g_strdup_printf(
        "its data moves along; %s; %s", snapshot,
        !change->release            ? "nothing is converted"
        : change->content_goes_back ? "what the new version converts comes back if it fails"
                                    : "if the new version converts data and fails, that is not taken back");
}

static void tell_restore(Engine *engine, PlanChange *change)
{
    g_autoptr(StoreSnapshot) snapshot = store_snapshot_get(engine->store, change->snapshot_id, NULL);
    if (!snapshot)
        return;
    g_autofree char *made = units_format_time(snapshot->made_at);
    change->snapshot = PLAN_SNAPSHOT_WHOLE;
    change->content_goes_back = TRUE;
    change->keeps =
        g_strdup_printf("its data is again as it was with %s at %s; what it has now becomes a snapshot",
                        snapshot->version, made);
}

void plan_tell_keeps(Planning *planning)
{
    for (guint i = 0; i < planning->plan->sets->len; i++) {
        const PlanSet *set = g_ptr_array_index(planning->plan->sets, i);
        for (guint j = 0; j < set->changes->len; j++) {
            PlanChange *change = g_ptr_array_index(set->changes, j);
            if (change->op == CHANGE_RESTORE)
                tell_restore(planning->engine, change);
            else if (change->op == CHANGE_UPGRADE || change->op == CHANGE_DOWNGRADE)
                tell_change(planning->engine, change);
        }
    }
}
