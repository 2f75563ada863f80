/* plan_view.c - loads what plans and offers look at: installed apps, the releases they can reach, brakes, advisories.
 *
 * Hides the priority of repositories (the highest that offers an app offers it alone) and how the one objection to a
 * release is found.
 */
#include "engine/plan_view.h"

#include <string.h>

typedef struct {
    Brake *brake; /* or NULL */
    gint64 expires_at;
    gboolean is_stale;
    gint64 priority;
} ViewRepository;

static void view_repository_free(ViewRepository *repository)
{
    brake_free(repository->brake);
    g_free(repository);
}

void plan_view_free(PlanView *view)
{
    if (!view)
        return;
    g_clear_pointer(&view->panels, g_hash_table_unref); /* it borrows from what follows */
    g_clear_pointer(&view->installed, g_ptr_array_unref);
    g_clear_pointer(&view->holds, g_ptr_array_unref);
    g_clear_pointer(&view->marks, g_hash_table_unref);
    g_clear_pointer(&view->malicious, g_hash_table_unref);
    g_clear_pointer(&view->releases, g_ptr_array_unref);
    g_clear_pointer(&view->repositories, g_hash_table_unref);
    g_clear_pointer(&view->advisories, g_ptr_array_unref);
    g_free(view);
}

static const ViewRepository *repository_of(const PlanView *view, const Release *release)
{
    return release->repository ? g_hash_table_lookup(view->repositories, release->repository) : NULL;
}

/* ---- repositories ---- */

/* A brake that cannot be read could have said stop: nothing new is believed then. */
static ViewRepository *load_repository(const PlanView *view, const RepositoryConfig *config,
                                       const StoreRepo *repo)
{
    ViewRepository *repository = g_new0(ViewRepository, 1);
    repository->priority = config->priority;
    repository->expires_at = repo->expires_at;
    repository->is_stale = repo->expires_at != 0 && repo->expires_at <= view->now;
    g_autoptr(GError) error = NULL;
    if (repo->brake_json)
        repository->brake = brake_parse(repo->brake_json, strlen(repo->brake_json), &error);
    if (error) {
        log_warning("plan", "%s: %s", config->name, error->message);
        repository->is_stale = TRUE;
    }
    return repository;
}

static void load_advisories(PlanView *view, const StoreRepo *repo)
{
    g_autoptr(GError) error = NULL;
    if (!repo->advisories)
        return;
    g_autoptr(GPtrArray) advisories = advisories_parse(repo->advisories, strlen(repo->advisories), &error);
    if (!advisories) {
        log_warning("plan", "%s: %s", repo->name, error->message);
        return;
    }
    for (guint i = 0; i < advisories->len; i++) {
        Advisory *advisory = g_ptr_array_index(advisories, i);
        advisory->repository = g_strdup(repo->name);
        for (char **digest = advisory->archive_sha256; *digest && !advisory->withdrawn; digest++)
            g_hash_table_insert(view->malicious, g_strconcat(advisory->app, "=", *digest, NULL), advisory);
    }
    g_ptr_array_extend_and_steal(view->advisories, g_steal_pointer(&advisories));
}

static gboolean load_repositories(PlanView *view, GError **error)
{
    for (guint i = 0; i < view->engine->repositories->len; i++) {
        const RepositoryConfig *config = g_ptr_array_index(view->engine->repositories, i);
        if (!config->enabled)
            continue;
        g_autoptr(StoreRepo) repo = store_repo_get(view->engine->store, config->name, error);
        if (!repo)
            return FALSE;
        g_hash_table_insert(view->repositories, g_strdup(config->name), load_repository(view, config, repo));
        load_advisories(view, repo);
    }
    return TRUE;
}

/* ---- releases ---- */

static gboolean is_withdrawn_somewhere(const PlanView *view, const InstalledApp *app)
{
    GHashTableIter iter;
    gpointer repository;
    g_hash_table_iter_init(&iter, view->repositories);
    while (g_hash_table_iter_next(&iter, NULL, &repository)) {
        const BrakeEntry *entry =
            brake_find(((const ViewRepository *)repository)->brake, app->name, app->version, app->arch);
        if (entry && entry->action == BRAKE_WITHDRAW)
            return TRUE;
    }
    return FALSE;
}

/* Beside the names asked for: what may have to go back. */
static GPtrArray *load_closure(const PlanView *view, const char *const *names, GError **error)
{
    g_autoptr(GPtrArray) asked = g_ptr_array_new();
    for (guint i = 0; names && names[i]; i++)
        g_ptr_array_add(asked, (gpointer)names[i]);
    for (guint i = 0; i < view->installed->len; i++) {
        InstalledApp *app = g_ptr_array_index(view->installed, i);
        if (is_withdrawn_somewhere(view, app))
            g_ptr_array_add(asked, app->name);
    }
    g_ptr_array_add(asked, NULL);
    CatalogueReach reach = {.installed = view->installed, .asked = (const char *const *)asked->pdata};
    return store_catalogue_closure(view->engine->store, &reach, error);
}

static gboolean is_own_publisher(const PlanView *view, const Release *release)
{
    const InstalledApp *app = installed_find(view->installed, release->name);
    return !app || g_strcmp0(app->publisher, release->publisher) == 0;
}

/* name -> the highest priority among repositories that offer it (of its own publisher, if it is installed). */
static GHashTable *best_priorities(const PlanView *view, const GPtrArray *closure)
{
    GHashTable *best = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (guint i = 0; i < closure->len; i++) {
        const Release *release = g_ptr_array_index(closure, i);
        const ViewRepository *repository = repository_of(view, release);
        const gint64 *known = g_hash_table_lookup(best, release->name);
        if (repository && is_own_publisher(view, release) && (!known || repository->priority > *known))
            g_hash_table_insert(best, g_strdup(release->name),
                                g_memdup2(&repository->priority, sizeof repository->priority));
    }
    return best;
}

/* The advisory that calls the very archive malicious, or NULL. */
static const Advisory *advisory_of_archive(const PlanView *view, const Release *release)
{
    if (g_hash_table_size(view->malicious) == 0)
        return NULL;
    g_autofree char *key = g_strconcat(release->name, "=", release->sha256, NULL);
    return g_hash_table_lookup(view->malicious, key);
}

static Mark mark_of(const PlanView *view, const Release *release)
{
    Store *store = view->engine->store;
    const ViewRepository *repository = repository_of(view, release);
    const BrakeEntry *entry = brake_find(repository->brake, release->name, release->version, release->arch);
    if (repository->is_stale)
        return MARK_STALE;
    if (advisory_of_archive(view, release))
        return MARK_WITHDRAWN;
    if (entry)
        return entry->action == BRAKE_WITHDRAW ? MARK_WITHDRAWN : MARK_HALTED;
    if (store_is_skipped(store, release->name, release->version))
        return MARK_SKIPPED;
    g_autoptr(StoreVeto) veto = store_veto_get(store, release->name, release->version);
    if (veto && veto->until > view->now)
        return MARK_VETOED;
    gint64 opens_at = rollout_opens_at(release->rollout, engine_permyriad(view->engine, release->rollout));
    return opens_at != 0 && opens_at <= view->now ? MARK_FREE : MARK_PHASE;
}

static gboolean load_releases(PlanView *view, const char *const *names, GError **error)
{
    g_autoptr(GPtrArray) closure = load_closure(view, names, error);
    if (!closure)
        return FALSE;
    g_autoptr(GHashTable) best = best_priorities(view, closure);
    g_ptr_array_set_free_func(closure, NULL); /* they go to the view, or here */
    for (guint i = 0; i < closure->len; i++) {
        Release *release = g_ptr_array_index(closure, i);
        const ViewRepository *repository = repository_of(view, release);
        const gint64 *priority = g_hash_table_lookup(best, release->name);
        if (!repository || (priority && repository->priority < *priority)) {
            release_free(release);
            continue;
        }
        g_ptr_array_add(view->releases, release);
        g_hash_table_insert(view->marks, release, GINT_TO_POINTER(mark_of(view, release)));
    }
    return TRUE;
}

/* What an installed app provides stands in the catalogue only. */
static void fill_provides(PlanView *view)
{
    for (guint i = 0; i < view->installed->len; i++) {
        InstalledApp *app = g_ptr_array_index(view->installed, i);
        const Release *release = plan_view_find(view, app->name, app->version);
        if (release && !app->provides)
            app->provides = g_strdupv(release->provides);
    }
}

PlanView *plan_view_new(Engine *engine, const char *const *names, GError **error)
{
    g_autoptr(PlanView) view = g_new0(PlanView, 1);
    view->engine = engine;
    view->now = engine_now(engine);
    view->releases = g_ptr_array_new_with_free_func((GDestroyNotify)release_free);
    view->marks = g_hash_table_new(NULL, NULL);
    view->malicious = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    view->panels = plan_panels_new();
    view->repositories =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)view_repository_free);
    view->advisories = g_ptr_array_new_with_free_func((GDestroyNotify)advisory_free);
    view->installed = store_installed(engine->store, error);
    view->holds = view->installed ? store_holds(engine->store, view->now, error) : NULL;
    if (view->holds && engine->what_if)
        what_if_apply(engine->what_if, view);
    if (!view->holds || !load_repositories(view, error) || !load_releases(view, names, error))
        return NULL;
    fill_provides(view);
    plan_view_lend_urgency(view);
    return g_steal_pointer(&view);
}

/* ---- questions ---- */

Mark plan_view_mark(const PlanView *view, const Release *release)
{
    return (Mark)GPOINTER_TO_INT(g_hash_table_lookup(view->marks, release));
}

static char *veto_words(const PlanView *view, const Release *release)
{
    g_autoptr(StoreVeto) veto = store_veto_get(view->engine->store, release->name, release->version);
    g_autofree char *when = units_format_when(veto ? veto->until : 0, view->now, NULL);
    return g_strdup_printf("%s %s failed here before (%s), next try %s: name the version to try it now",
                           release->name, release->version,
                           veto && veto->cause ? veto->cause : "cause unknown", when);
}

static char *brake_words(const PlanView *view, const Release *release, const char *verb)
{
    const BrakeEntry *entry =
        brake_find(repository_of(view, release)->brake, release->name, release->version, release->arch);
    gboolean has_reason = entry && entry->reason && *entry->reason;
    return g_strdup_printf("the vendor %s %s %s%s%s", verb, release->name, release->version,
                           has_reason ? ": " : "", has_reason ? entry->reason : "");
}

char *plan_view_objection(const PlanView *view, const Release *release, AppcenterError *kind)
{
    *kind = APPCENTER_ERROR_REFUSED;
    switch (plan_view_mark(view, release)) {
    case MARK_PHASE:
        return g_strdup_printf("%s %s: its roll-out has not reached this NAS yet", release->name,
                               release->version);
    case MARK_VETOED:
        return veto_words(view, release);
    case MARK_SKIPPED:
        return g_strdup_printf("%s %s is skipped: name the version to take it all the same", release->name,
                               release->version);
    case MARK_HALTED:
        return brake_words(view, release, "halted");
    case MARK_WITHDRAWN:
        if (advisory_of_archive(view, release))
            return g_strdup_printf("%s calls the archive of %s %s malicious",
                                   advisory_of_archive(view, release)->id, release->name, release->version);
        return brake_words(view, release, "withdrew");
    case MARK_STALE:
    case MARK_FREE:
        break;
    }
    g_autofree char *ended = units_format_time(repository_of(view, release)->expires_at);
    *kind = APPCENTER_ERROR_EXPIRED;
    return g_strdup_printf("%s %s: what %s says is out of date (good until %s): refresh first", release->name,
                           release->version, release->repository, ended);
}

const BrakeEntry *plan_view_withdrawal(const PlanView *view, const InstalledApp *app)
{
    const Release *release = plan_view_find(view, app->name, app->version);
    const char *name = app->repository ? app->repository : release ? release->repository : NULL;
    const ViewRepository *repository = name ? g_hash_table_lookup(view->repositories, name) : NULL;
    const BrakeEntry *entry =
        repository ? brake_find(repository->brake, app->name, app->version, app->arch) : NULL;
    return entry && entry->action == BRAKE_WITHDRAW ? entry : NULL;
}

const Release *plan_view_find(const PlanView *view, const char *app, const char *version)
{
    for (guint i = 0; i < view->releases->len; i++) {
        const Release *release = g_ptr_array_index(view->releases, i);
        if (strcmp(release->name, app) == 0 && version_compare(release->version, version) == 0 &&
            arch_fits(release->arch, view->engine->arch) && is_own_publisher(view, release))
            return release;
    }
    return NULL;
}

gboolean plan_view_is_affected(const PlanView *view, const char *app, const char *version)
{
    for (guint i = 0; i < view->advisories->len; i++) {
        const Advisory *advisory = g_ptr_array_index(view->advisories, i);
        if (!advisory->withdrawn && advisory_affects(advisory, app, version, view->engine->os_version, NULL))
            return TRUE;
    }
    return FALSE;
}

static int compare_newest_first(gconstpointer a, gconstpointer b)
{
    const Release *release_a = *(Release *const *)a;
    const Release *release_b = *(Release *const *)b;
    int order = version_compare(release_b->version, release_a->version);
    return order != 0 ? order : g_strcmp0(release_a->repository, release_b->repository);
}

GPtrArray *plan_view_newer(const PlanView *view, const InstalledApp *app)
{
    GPtrArray *newer = g_ptr_array_new();
    for (guint i = 0; i < view->releases->len; i++) {
        Release *release = g_ptr_array_index(view->releases, i);
        if (strcmp(release->name, app->name) == 0 && arch_fits(release->arch, view->engine->arch) &&
            version_compare(release->version, app->version) > 0)
            g_ptr_array_add(newer, release);
    }
    g_ptr_array_sort(newer, compare_newest_first);
    return newer;
}

static gboolean is_named(const Request *request, const Release *release)
{
    for (guint i = 0; request && i < request->apps->len; i++) {
        const RequestApp *asked = g_ptr_array_index(request->apps, i);
        if (asked->version && strcmp(asked->name, release->name) == 0 &&
            version_compare(asked->version, release->version) == 0)
            return TRUE;
    }
    return FALSE;
}

GPtrArray *plan_view_available(const PlanView *view, Mark worst, const Request *request)
{
    GPtrArray *available = g_ptr_array_new();
    for (guint i = 0; i < view->releases->len; i++) {
        Release *release = g_ptr_array_index(view->releases, i);
        Mark mark = plan_view_mark(view, release);
        if (mark <= worst || (mark <= MARK_SKIPPED && is_named(request, release)))
            g_ptr_array_add(available, release);
    }
    return available;
}

/* The hold that covers the app: its own, else the one on all. */
static const Hold *find_hold(const GPtrArray *holds, const char *app)
{
    const Hold *on_all = NULL;
    for (guint i = 0; holds && i < holds->len; i++) {
        const Hold *hold = g_ptr_array_index(holds, i);
        if (!hold->app)
            on_all = hold;
        else if (strcmp(hold->app, app) == 0)
            return hold;
    }
    return on_all;
}

GPtrArray *plan_view_locked(const PlanView *view, gboolean is_emergency)
{
    GPtrArray *locked = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < view->installed->len; i++) {
        const InstalledApp *app = g_ptr_array_index(view->installed, i);
        const Hold *hold = find_hold(view->holds, app->name);
        if (hold && !(is_emergency && hold->except_emergency))
            g_ptr_array_add(locked, g_strdup(app->name));
    }
    return locked;
}
