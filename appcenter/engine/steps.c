/* steps.c - the step table: the one list that progress names, undo, cancel, crash recovery and the fault tests share. */
#include "engine/walk.h"

static gboolean has_archive(const WalkApp *app)
{
    return app->release && !app->kept_id;
}

static gboolean takes_room(const WalkApp *app)
{
    return has_archive(app) || app->op == CHANGE_RESTORE;
}

static gboolean changes_version(const WalkApp *app)
{
    return app->op == CHANGE_UPGRADE || app->op == CHANGE_DOWNGRADE;
}

static gboolean is_changed(const WalkApp *app)
{
    return app->op != CHANGE_RESTART;
}

static gboolean is_set_up(const WalkApp *app)
{
    return is_changed(app) && app->op != CHANGE_RESTORE;
}

static gboolean stays(const WalkApp *app)
{
    return app->op != CHANGE_REMOVE;
}

static gboolean brings_tree(const WalkApp *app)
{
    return is_changed(app) && stays(app);
}

/* clang-format off */
const Step engine_steps[] = {
    {"SPACE",  PHASE_STAGE,  step_space,     NULL,               "Checking space",     takes_room, FALSE, FALSE},
    {"FETCH",  PHASE_STAGE,  step_fetch,     step_drop_download, "Downloading",        has_archive, FALSE, FALSE},
    {"VERIFY", PHASE_STAGE,  step_verify,    NULL,               "Checking signature", has_archive, FALSE, FALSE},
    {"UNPACK", PHASE_STAGE,  step_unpack,    step_drop_staging,  "Unpacking",          brings_tree, FALSE, FALSE},
    {"READY",  PHASE_STAGE,  step_ready,     NULL,               "Getting ready",      is_changed,  FALSE, FALSE},
    {"STOP",   PHASE_SWITCH, step_stop,      step_start_old,     "Stopping",           NULL,        TRUE, FALSE},
    {"SNAP",   PHASE_SWITCH, step_snapshot,  step_snapshot_back, "Taking a snapshot",  changes_version, FALSE, FALSE},
    {"SWAP",   PHASE_SWITCH, step_swap,      step_swap_back,     "Switching",          is_changed,  FALSE, TRUE},
    {"DATA",   PHASE_SWITCH, step_carry,     step_carry_back,    "Carrying data over", brings_tree, FALSE, TRUE},
    {"SETUP",  PHASE_SWITCH, step_configure, step_unconfigure,   "Configuring",        is_set_up,        FALSE, FALSE},
    {"START",  PHASE_SWITCH, step_start,     step_stop_new,      "Starting",           stays,       FALSE, FALSE},
    {"HEALTH", PHASE_SWITCH, step_health,    NULL,               "Checking health",    stays,       FALSE, FALSE},
    {"KEEP",   PHASE_KEEP,   step_keep,      NULL,               "Tidying up",         is_changed,  FALSE, FALSE},
};
/* clang-format on */
const gsize engine_n_steps = G_N_ELEMENTS(engine_steps);

const Step *engine_step(const char *name)
{
    for (gsize i = 0; i < engine_n_steps; i++)
        if (g_str_equal(engine_steps[i].name, name))
            return &engine_steps[i];
    return NULL;
}

gboolean step_applies(const Step *step, const WalkApp *app)
{
    return !step->applies || step->applies(app);
}

/* One that is shown as failed ought to run: the new version may be its cure. Where nothing of it changes, its trouble is not
 * the group's. */
static gboolean was_running(Walk *walk, WalkApp *app)
{
    if (!app->old)
        return FALSE;
    gboolean ought_to_run = is_changed(app) && app->old->enabled && app->old->has_failed;
    return ought_to_run || engine_app_runs(walk->engine, app->old, app->old_identity);
}

/* Before the first stop, for all of the group: an app may end with the one that needs it. */
static json_t *running_set(Walk *walk)
{
    json_t *names = json_array();
    for (guint i = 0; i < walk->apps->len; i++) {
        WalkApp *app = walk->apps->pdata[i];
        if (!walk->has_running_set)
            app->was_running = was_running(walk, app);
        if (app->was_running)
            json_array_append_new(names, json_string(app->app));
    }
    walk->has_running_set = TRUE;
    return json_pack("{s:o}", "running", names);
}

/* What the undo of a step will need is written with the row that announces it. */
char *walk_step_data(Walk *walk, WalkApp *app, const Step *step, GError **error)
{
    g_autoptr(json_t) data = NULL;
    if (g_str_equal(step->name, "READY") && app->new && app->new_manifest)
        return walk_app_tree_to_text(app);
    if (g_str_equal(step->name, "STOP")) {
        data = running_set(walk);
    } else if (g_str_equal(step->name, "SETUP")) {
        return walk_decide_configs(walk, app);
    } else if (g_str_equal(step->name, "SWAP")) {
        if (!volume_inodes(walk->engine->volume, app->app, app->stage, &app->inodes, error))
            return NULL;
        data = json_pack("{s:I, s:I}", "live", (json_int_t)app->inodes.live_ino, "staged",
                         (json_int_t)app->inodes.staged_ino);
    }
    return data ? json_to_text(data) : NULL;
}
