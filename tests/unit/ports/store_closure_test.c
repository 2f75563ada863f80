/* store_closure_test.c - thousands of small random catalogues: a plan made of the closure is the plan made of everything.
 *
 * The closure leaves most of a catalogue unread. Whatever it leaves out must not matter: not to whether a request can be
 * met, not to the plan, not to who stays behind. (Of two true reasons either may be the one that is told.)
 */
#include "ports/solve.h"
#include "store_tests.h"

#include <stdlib.h>
#include <string.h>

#define N_APPS      14
#define N_VERSIONS  3
#define CATALOGUES  150
#define ROUNDS_EACH 25

static const char *const operators[] = {"=", "!=", "<", "<=", ">", ">="};

static gboolean one_in(GRand *rand, int n)
{
    return g_rand_int_range(rand, 0, n) == 0;
}

static void append_term(GRand *rand, GString *text)
{
    int app = g_rand_int_range(rand, 0, N_APPS + 2); /* the last two are names that only others provide */
    g_string_append_printf(text, "%s%c", app < N_APPS ? "App" : "Virtual", 'A' + app);
    if (!one_in(rand, 3))
        g_string_append_printf(text, " %s %d.0", operators[g_rand_int_range(rand, 0, 6)],
                               g_rand_int_range(rand, 1, N_VERSIONS + 1));
}

/* "requires":["AppB >= 2.0 | VirtualJ"] */
static void append_items(GRand *rand, GString *members, const char *kind, int n, gboolean has_alternatives)
{
    g_string_append_printf(members, "%s\"%s\":[", members->len ? "," : "", kind);
    for (int i = 0; i < n; i++) {
        g_string_append(members, i ? ",\"" : "\"");
        append_term(rand, members);
        if (has_alternatives && one_in(rand, 3)) {
            g_string_append(members, " | ");
            append_term(rand, members);
        }
        g_string_append_c(members, '"');
    }
    g_string_append_c(members, ']');
}

static Release *random_release(GRand *rand, int app, int version)
{
    g_autoptr(GString) members = g_string_new(NULL);
    g_autofree char *name = g_strdup_printf("App%c", 'A' + app);
    g_autofree char *number = g_strdup_printf("%d.0", version);
    append_items(rand, members, "requires", MAX(0, g_rand_int_range(rand, -2, 4)), TRUE);
    append_items(rand, members, "conflicts", one_in(rand, 5), FALSE);
    append_items(rand, members, "obsoletes", one_in(rand, 12), FALSE);
    g_string_append_printf(members, ",\"provides\":[%s%c%s]", one_in(rand, 4) ? "\"Virtual" : "\"Other",
                           'A' + N_APPS + one_in(rand, 2), one_in(rand, 2) ? "\"" : " = 2.0\"");
    return make_release(name, number, members->str);
}

static GPtrArray *random_catalogue(GRand *rand)
{
    GPtrArray *all = g_ptr_array_new_with_free_func((GDestroyNotify)release_free);
    for (int app = 0; app < N_APPS; app++)
        for (int version = 1; version <= N_VERSIONS; version++)
            if (!one_in(rand, 4))
                g_ptr_array_add(all, random_release(rand, app, version));
    return all;
}

/* Some apps at some version, as the catalogue has it: they need not go together. */
static GPtrArray *random_box(GRand *rand, const GPtrArray *all)
{
    GPtrArray *installed = g_ptr_array_new_with_free_func((GDestroyNotify)installed_app_free);
    for (guint i = 0; i < all->len; i++) {
        const Release *release = g_ptr_array_index(all, i);
        if (!one_in(rand, 3) || installed_find(installed, release->name))
            continue;
        InstalledApp *app = g_new0(InstalledApp, 1);
        app->name = g_strdup(release->name);
        app->version = g_strdup(release->version);
        app->publisher = g_strdup(release->publisher);
        app->requires = g_strdupv(release->requires);
        app->conflicts = g_strdupv(release->conflicts);
        app->provides = g_strdupv(release->provides);
        g_ptr_array_add(installed, app);
    }
    return installed;
}

static Request *random_request(GRand *rand)
{
    Request *request = request_new(one_in(rand, 2) ? REQUEST_INSTALL : REQUEST_UPGRADE);
    int n_apps = request->kind == REQUEST_INSTALL ? 1 : g_rand_int_range(rand, 0, 3);
    for (int i = 0; i < n_apps; i++) {
        g_autofree char *app = g_strdup_printf("App%c", 'A' + g_rand_int_range(rand, 0, N_APPS));
        g_autofree char *version = g_strdup_printf("%d.0", g_rand_int_range(rand, 1, N_VERSIONS + 1));
        request_add_app(request, app, one_in(rand, 3) ? version : NULL);
    }
    request->allow_downgrade = one_in(rand, 2);
    return request;
}

/* The answer as one text: changes and how many were left out (of several causes of one problem, which is named may differ
 * with what else is in the pool), or the kind of refusal. */
static char *answer(GPtrArray *installed, GPtrArray *available, const Request *request, gboolean *is_plan)
{
    g_autoptr(GPtrArray) left_out = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    SolveInput input = {.installed = installed,
                        .available = available,
                        .os_version = "5.1.0",
                        .box_arch = "x86_64",
                        .request = request};
    g_autoptr(GPtrArray) changes = solve(&input, left_out, &error);
    for (guint i = 0; changes && i < changes->len; i++) {
        const PlanChange *change = g_ptr_array_index(changes, i);
        g_string_append_printf(text, "%s to %s (%s)\n", change->app,
                               change->to_version ? change->to_version : "nothing", change->reason);
    }
    g_string_append_printf(text, "%u left out\n", left_out->len);
    *is_plan = changes && changes->len > 0;
    return changes ? g_string_free(g_steal_pointer(&text), FALSE)
                   : g_strdup(error_code_name(error_kind(error)));
}

typedef struct {
    guint n_plans, n_refusals;
    gsize n_read, n_offered;
} Tally;

static void compare(Store *store, GRand *rand, GPtrArray *all, Tally *tally)
{
    g_autoptr(GPtrArray) installed = random_box(rand, all);
    g_autoptr(Request) request = random_request(rand);
    const char *asked[N_APPS + 1] = {NULL};
    for (guint i = 0; i < request->apps->len; i++)
        asked[i] = ((const RequestApp *)g_ptr_array_index(request->apps, i))->name;
    CatalogueReach reach = {.installed = installed, .asked = asked};
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) closure = store_catalogue_closure(store, &reach, &error);
    g_assert_no_error(error);
    gboolean is_plan, is_plan_of_all;
    g_autofree char *of_closure = answer(installed, closure, request, &is_plan);
    g_autofree char *of_all = answer(installed, all, request, &is_plan_of_all);
    g_assert_cmpstr(of_closure, ==, of_all);
    tally->n_plans += is_plan;
    tally->n_refusals += !is_plan;
    tally->n_read += closure->len;
    tally->n_offered += all->len;
}

static void try_catalogue(Store *store, guint seed, Tally *tally)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    g_autoptr(GPtrArray) all = random_catalogue(rand);
    must(store_catalogue_begin(store, "main", OR_FAIL));
    for (guint i = 0; i < all->len; i++)
        must(store_catalogue_add(store, g_ptr_array_index(all, i), OR_FAIL));
    must(store_catalogue_commit(store, OR_FAIL));
    for (guint i = 0; i < ROUNDS_EACH; i++)
        compare(store, rand, all, tally);
}

static void test_what_the_closure_leaves_out_changes_no_plan(void)
{
    const char *given = g_getenv("APPCENTER_SEED");
    guint seed = given ? (guint)strtoul(given, NULL, 10) : g_random_int();
    guint n_wanted = g_getenv("APPCENTER_TORTURE") ? 50 * CATALOGUES : CATALOGUES;
    g_auto(Scratch) scratch = {0};
    Tally tally = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    for (guint i = 0; i < n_wanted; i++) {
        g_test_message("catalogue %u (APPCENTER_SEED repeats it)", seed + i);
        try_catalogue(store, seed + i, &tally);
    }
    g_test_message("%u plans, %u refusals; %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT " releases read",
                   tally.n_plans, tally.n_refusals, tally.n_read, tally.n_offered);
    g_assert_cmpuint(tally.n_plans, >, n_wanted);
    g_assert_cmpuint(tally.n_refusals, >, n_wanted);
    g_assert_cmpuint(tally.n_read * 10, <, tally.n_offered * 9);
}

void store_closure_tests(void)
{
    g_test_add_func("/store_closure/what_the_closure_leaves_out_changes_no_plan",
                    test_what_the_closure_leaves_out_changes_no_plan);
}
