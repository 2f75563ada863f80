/* store_closure.c - of all releases in the catalogue those that a request can reach, read one name at a time.
 *
 * What is installed and cannot get in the way of what requires it is a wall: behind it nothing is read. So the cost goes
 * with what can change, not with the size of the catalogue. Hides which releases of an installed app are left unread (older
 * ones, and the installed one unless it provides something), and that a release follows from names alone: what it
 * requires, who provides such a name, and who replaces an installed app. Conflicts lead nowhere: with whom something does
 * not go matters only if that one is there for another reason.
 */
#include <string.h>

#include "ports/store_internal.h"

typedef struct {
    Store *store;
    const CatalogueReach *reach;
    GHashTable *installed;   /* name -> InstalledApp* */
    GHashTable *reached;     /* names whose releases are read */
    GHashTable *asked;       /* names of apps that may go to any version */
    GHashTable *replaceable; /* names of installed apps that another may replace */
    GHashTable *newer;       /* name of an installed app -> GPtrArray of its newer releases (Release*) */
    GHashTable *provisions;  /* names whose providers have been looked up */
    GPtrArray *releases;     /* Release*: the answer */
    guint n_followed;        /* of the answer, whose requirements have been followed */
    GError *error;           /* the first failure; sticky */
} Closure;

static void closure_clear(Closure *closure)
{
    g_hash_table_unref(closure->installed);
    g_hash_table_unref(closure->reached);
    g_hash_table_unref(closure->asked);
    g_hash_table_unref(closure->replaceable);
    g_hash_table_unref(closure->newer);
    g_hash_table_unref(closure->provisions);
    g_ptr_array_unref(closure->releases);
    g_clear_error(&closure->error);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Closure, closure_clear)

static void closure_init(Closure *closure, Store *store, const CatalogueReach *reach)
{
    *closure = (Closure){.store = store, .reach = reach};
    closure->installed = g_hash_table_new(g_str_hash, g_str_equal);
    closure->reached = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    closure->asked = g_hash_table_new(g_str_hash, g_str_equal);
    closure->replaceable = g_hash_table_new(g_str_hash, g_str_equal);
    closure->newer = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_ptr_array_unref);
    closure->provisions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    closure->releases = g_ptr_array_new_with_free_func((GDestroyNotify)release_free);
    for (guint i = 0; reach->installed && i < reach->installed->len; i++) {
        InstalledApp *app = g_ptr_array_index(reach->installed, i);
        g_hash_table_insert(closure->installed, app->name, app);
    }
    for (gsize i = 0; reach->asked && reach->asked[i]; i++)
        g_hash_table_add(closure->asked, (gpointer)reach->asked[i]);
}

/* ---- one name ---- */

/* Ends a query; a failure sticks, and then nothing more is asked. */
static gboolean finish(Closure *closure, Query *query)
{
    return query_finish(query, &closure->error);
}

/* Is the row worth reading as a whole? Columns before the release itself: version, has_provides, is_shared. */
static gboolean is_wanted(const InstalledApp *app, gboolean is_asked, Query *query)
{
    g_autofree char *version = query_text(query);
    gboolean has_provides = query_boolean(query);
    gboolean is_shared = query_boolean(query);
    if (!app || is_asked || is_shared || !version)
        return TRUE;
    int order = version_compare(version, app->version);
    return order > 0 || (order == 0 && has_provides);
}

static void take(Closure *closure, const InstalledApp *app, Release *release)
{
    g_ptr_array_add(closure->releases, release);
    if (!app || version_compare(release->version, app->version) <= 0)
        return;
    GPtrArray *newer = g_hash_table_lookup(closure->newer, app->name);
    if (!newer) {
        newer = g_ptr_array_new();
        g_hash_table_insert(closure->newer, app->name, newer);
    }
    g_ptr_array_add(newer, release);
}

static void reach_name(Closure *closure, const char *name)
{
    if (closure->error || !g_hash_table_add(closure->reached, g_strdup(name)))
        return;
    const InstalledApp *app = g_hash_table_lookup(closure->installed, name);
    gboolean is_asked = g_hash_table_contains(closure->asked, name);
    g_auto(Query) query = query_open(store_catalogue_current(closure->store), "catalogue_reach");
    query_bind_text(&query, ":name", name);
    while (query_next(&query)) {
        Release *release = is_wanted(app, is_asked, &query) ? store_catalogue_row(&query) : NULL;
        if (release)
            take(closure, app, release);
    }
    finish(closure, &query);
}

/* Names of apps that have that relation to the name; the caller frees them. */
static GPtrArray *related(Closure *closure, const char *kind, const char *name)
{
    GPtrArray *apps = g_ptr_array_new_with_free_func(g_free);
    if (closure->error)
        return apps;
    g_auto(Query) query = query_open(store_catalogue_current(closure->store), "catalogue_related");
    query_bind_text(&query, ":kind", kind);
    query_bind_text(&query, ":name", name);
    while (query_next(&query))
        g_ptr_array_add(apps, query_text(&query));
    if (!finish(closure, &query))
        g_ptr_array_set_size(apps, 0);
    return apps;
}

static void reach_name_and_providers(Closure *closure, const char *name)
{
    reach_name(closure, name);
    if (!g_hash_table_add(closure->provisions, g_strdup(name)))
        return;
    g_autoptr(GPtrArray) apps = related(closure, "provides", name);
    for (guint i = 0; i < apps->len; i++)
        reach_name(closure, g_ptr_array_index(apps, i));
}

/* ---- what is installed ---- */

/* Who replaces an installed app is a way that it may go. */
static void reach_successors(Closure *closure, InstalledApp *app)
{
    g_autoptr(GPtrArray) apps = related(closure, "obsoletes", app->name);
    if (apps->len > 0)
        g_hash_table_add(closure->replaceable, app->name);
    for (guint i = 0; i < apps->len; i++)
        reach_name(closure, g_ptr_array_index(apps, i));
}

static void reach_installed(Closure *closure)
{
    for (guint i = 0; closure->reach->installed && i < closure->reach->installed->len; i++)
        reach_successors(closure, g_ptr_array_index(closure->reach->installed, i));
    for (guint i = 0; closure->reach->installed && i < closure->reach->installed->len; i++)
        reach_name(closure, ((const InstalledApp *)g_ptr_array_index(closure->reach->installed, i))->name);
}

/* Does an installed app meet the term now and whatever it may be changed to? Nothing but its successor takes it away. */
static gboolean is_met_for_good(const Closure *closure, const RequireTerm *term)
{
    const InstalledApp *app = g_hash_table_lookup(closure->installed, term->name);
    if (!app || g_hash_table_contains(closure->asked, app->name) ||
        g_hash_table_contains(closure->replaceable, app->name) ||
        !require_term_matches(term, app->name, app->version))
        return FALSE;
    const GPtrArray *newer = g_hash_table_lookup(closure->newer, app->name);
    for (guint i = 0; newer && i < newer->len; i++)
        if (!require_term_matches(term, app->name, ((const Release *)g_ptr_array_index(newer, i))->version))
            return FALSE;
    return TRUE;
}

/* ---- following ---- */

static void follow(Closure *closure, char *const *items)
{
    for (gsize i = 0; items && items[i] && !closure->error; i++) {
        g_autoptr(Requirement) requirement = requirement_parse(items[i], NULL);
        gboolean is_met = FALSE;
        for (guint j = 0; requirement && !is_met && j < requirement->terms->len; j++)
            is_met = is_met_for_good(closure, g_ptr_array_index(requirement->terms, j));
        for (guint j = 0; requirement && !is_met && j < requirement->terms->len; j++)
            reach_name_and_providers(closure,
                                     ((const RequireTerm *)g_ptr_array_index(requirement->terms, j))->name);
    }
}

/* An older release of an app that nobody asked for is never chosen: what it requires is nobody's. */
static gboolean may_be_chosen(const Closure *closure, const Release *release)
{
    const InstalledApp *app = g_hash_table_lookup(closure->installed, release->name);
    return !app || g_hash_table_contains(closure->asked, app->name) ||
           version_compare(release->version, app->version) > 0;
}

static void follow_all(Closure *closure)
{
    for (gsize i = 0; closure->reach->asked && closure->reach->asked[i]; i++)
        reach_name_and_providers(closure, closure->reach->asked[i]);
    for (guint i = 0; closure->reach->installed && i < closure->reach->installed->len; i++)
        follow(closure, ((const InstalledApp *)g_ptr_array_index(closure->reach->installed, i))->requires);
    while (closure->n_followed < closure->releases->len && !closure->error) {
        const Release *release = g_ptr_array_index(closure->releases, closure->n_followed++);
        if (may_be_chosen(closure, release))
            follow(closure, release->requires);
    }
}

static int compare_releases(gconstpointer a, gconstpointer b)
{
    return release_compare(*(const Release *const *)a, *(const Release *const *)b);
}

static GPtrArray *try_closure(Store *store, const CatalogueReach *reach, GError **error)
{
    g_auto(Closure) closure = {0};
    closure_init(&closure, store, reach);
    reach_installed(&closure);
    follow_all(&closure);
    if (closure.error) {
        g_propagate_error(error, g_steal_pointer(&closure.error));
        return NULL;
    }
    g_ptr_array_sort(closure.releases, compare_releases);
    return g_ptr_array_ref(closure.releases);
}

/* As one: to lock the file and to look at it for each of some hundred questions costs as much as to answer them. */
static GPtrArray *read_closure(Store *store, const CatalogueReach *reach, GError **error)
{
    Database *catalogue = store_catalogue_current(store);
    if (!database_run(catalogue, "begin_read", error))
        return NULL;
    GPtrArray *releases = try_closure(store, reach, error);
    database_rollback(catalogue);
    return releases;
}

GPtrArray *store_catalogue_closure(Store *store, const CatalogueReach *reach, GError **error)
{
    g_autoptr(GError) failure = NULL;
    GPtrArray *releases = read_closure(store, reach, &failure);
    if (!releases && store_catalogue_was_damage(store, &failure))
        releases = read_closure(store, reach, &failure);
    if (!releases)
        g_propagate_error(error, g_steal_pointer(&failure));
    return releases;
}
