/* steps_setup.c - SETUP: hooks in QTS's order, config files elsewhere, registration; and the way back.
 *
 * QTS's order is pkg_init, pkg_check_requirement, pkg_pre_install, then files and config files are put, pkg_install,
 * links and registration, pkg_post_install. Here the files are in place by then (SWAP, DATA), so what the first three do
 * to the package's own files is put right behind them.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "engine/walk.h"

#define RC_MAX 999

gboolean walk_blame(WalkApp *app, GError **error)
{
    app->is_blamed = !error || !*error || error_kind(*error) != APPCENTER_ERROR_CANCELLED;
    return FALSE;
}

void walk_note(Walk *walk, const WalkApp *app, const char *text)
{
    g_autofree char *whole = g_strdup_printf("%s: %s", app->app, text);
    engine_emit(
        walk->engine,
        &(EngineEvent){.kind = ENGINE_EVENT_NOTE, .txn_id = walk->txn_id, .app = app->app, .text = whole});
}

/* --- hooks --- */

static gboolean run_hooks(Walk *walk, WalkApp *app, const char *const *hooks, GError **error)
{
    gboolean is_new = app->op != CHANGE_REMOVE;
    ServiceContext context = walk_context(walk, app, is_new);
    g_autofree char *extract = is_new ? volume_stage_path(walk->engine->volume, app->extract) : NULL;
    context.extract_path = extract;
    for (; *hooks; hooks++)
        if (!service_run_hook(&context, *hooks, error))
            return FALSE;
    return TRUE;
}

/* --- start order --- */

static gint64 rc_of(const Walk *walk, GPtrArray *installed, const char *name)
{
    for (guint i = 0; i < walk->apps->len; i++) {
        const WalkApp *app = walk->apps->pdata[i];
        if (app->new &&g_str_equal(app->app, name))
            return app->new->rc_num;
    }
    for (guint i = 0; i < installed->len; i++)
        if (g_str_equal(((StoreApp *)installed->pdata[i])->name, name))
            return ((StoreApp *)installed->pdata[i])->rc_num;
    return -1;
}

/* An app starts behind those that it requires, whatever number it asked for (QDK: adjusts QPKG_RC_NUM so). Dependencies
 * come first in a row, so theirs are settled. */
static gboolean raise_rc_num(Walk *walk, WalkApp *app, GError **error)
{
    g_autoptr(GPtrArray) installed = store_apps(walk->engine->store, error);
    for (char **item = app->new->requires; installed &&item &&*item; item++) {
        g_autoptr(Requirement) requirement = requirement_parse(*item, error);
        if (!requirement)
            return FALSE;
        for (guint i = 0; i < requirement->terms->len; i++) {
            const RequireTerm *term = requirement->terms->pdata[i];
            gint64 rc_num = rc_of(walk, installed, term->name);
            app->new->rc_num = MIN(MAX(app->new->rc_num, rc_num + 1), RC_MAX);
        }
    }
    return installed != NULL;
}

/* --- SETUP --- */

/* A tree that comes back was set up when it was installed. */
static gboolean set_up_again(Walk *walk, WalkApp *app, GError **error)
{
    return walk_apply_configs(walk, app, error) && engine_write_registration(walk->engine, walk, TRUE, error);
}

static gboolean run_first_hooks(Walk *walk, WalkApp *app, GError **error)
{
    static const char *const hooks[] = {"pkg_init", "pkg_check_requirement", "pkg_pre_install", NULL};
    g_autoptr(GHashTable) stamps = walk_guard_files(walk, app, error);
    return stamps && run_hooks(walk, app, hooks, error) && walk_repair_files(walk, app, stamps, error);
}

static gboolean set_up(Walk *walk, WalkApp *app, GError **error)
{
    static const char *const install[] = {"pkg_install", NULL};
    static const char *const after[] = {"pkg_post_install", NULL};
    return run_first_hooks(walk, app, error) && walk_apply_configs(walk, app, error) &&
           run_hooks(walk, app, install, error) && raise_rc_num(walk, app, error) &&
           engine_write_registration(walk->engine, walk, TRUE, error) && run_hooks(walk, app, after, error);
}

/* The folder is away, so a text that deletes it (many do) deletes nothing of the user's; the app is still registered. */
static gboolean set_down(Walk *walk, WalkApp *app, GError **error)
{
    static const char *const hooks[] = {"PKG_MAIN_REMOVE", "PKG_POST_REMOVE", NULL};
    return run_hooks(walk, app, hooks, error) && walk_apply_configs(walk, app, error) &&
           engine_write_registration(walk->engine, walk, TRUE, error);
}

gboolean step_configure(Walk *walk, WalkApp *app, GError **error)
{
    if (app->op == CHANGE_REMOVE)
        return set_down(walk, app, error);
    if (app->kept_id)
        return set_up_again(walk, app, error);
    return set_up(walk, app, error) || walk_blame(app, error);
}

/* What the hooks left running goes, too: nothing may write while the trees are exchanged back. */
gboolean step_unconfigure(Walk *walk, WalkApp *app, GError **error)
{
    return service_kill(walk->engine->root, app->app, error) && walk_undo_configs(walk, app, error) &&
           engine_write_registration(walk->engine, walk, FALSE, error);
}
