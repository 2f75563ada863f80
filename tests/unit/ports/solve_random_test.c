/* solve_random_test.c - thousands of small random universes, each judged by trying out everything.
 *
 * The judge is written from the text of the requirement grammar (architecture and qpkg-format), with numbers of its own
 * for versions, and shares nothing with how the solver is told about it: it goes through every set of apps that could be
 * on the box after the request and asks of each whether it holds together. From that: can the request be met at all; is
 * what the solver says a set that holds together; does it touch nothing that it could have left alone; is what was asked
 * for as new as it can be. And then the same records once more in another order, for the same plan in the same words.
 */
#include "ports/solve_world.h"
#include "tests.h"

#include <stdlib.h>
#include <string.h>

#define N_APPS     5
#define N_VERSIONS 3
#define ITEMS_MAX  2
#define UNIVERSES  20000
#define OS_VERSION 2  /* of the box; releases may want 1 to 3 */
#define LIMITED    50 /* every so many-th universe is asked through the child with limits, too: a fork each */
#define NOBODY     (-1)
#define FIRMWARE   N_APPS /* stands for QNAP_FW in a term */

typedef enum { OP_ANY, OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE } Op;
static const char *const op_words[] = {"", " = ", " != ", " < ", " <= ", " > ", " >= "};

typedef struct {
    int app, version; /* NOBODY: no such term */
    Op op;
} Term;

typedef struct {
    Term any_of[2];
} Item;

typedef struct {
    gboolean is_offered;
    Item requires[ITEMS_MAX];
    guint n_requires;
    Term conflicts[ITEMS_MAX];
    guint n_conflicts;
} Maker;

typedef struct {
    Maker makers[N_APPS][N_VERSIONS + 1]; /* by app and version; version 0 is not used */
    int installed[N_APPS];                /* 0: not installed */
    gboolean is_locked[N_APPS];
    enum { ASK_INSTALL, ASK_INSTALL_EXACT, ASK_UPGRADE, ASK_UPGRADE_ALL, ASK_REMOVE, N_ASKS } ask;
    int app, version;
} Universe;

/* ---- making ---- */

/* From `low` (which may be negative: more often none) to below `high`. */
static int random_count(GRand *rand, int low, int high)
{
    int count = g_rand_int_range(rand, low, high);
    return MAX(count, 0);
}

static Term random_term(GRand *rand, int self)
{
    int app = g_rand_int_range(rand, 0, N_APPS + 1);
    if (app == self)
        app = (app + 1) % N_APPS;
    Op op = g_rand_int_range(rand, 0, OP_GE + 1);
    if (app == FIRMWARE && op == OP_ANY)
        op = OP_GE;
    return (Term){app, g_rand_int_range(rand, 1, N_VERSIONS + 1), op};
}

static void fill_maker(GRand *rand, Maker *maker, int self)
{
    maker->is_offered = g_rand_int_range(rand, 0, 10) < 7;
    maker->n_requires = (guint)random_count(rand, -1, ITEMS_MAX + 1);
    maker->n_conflicts = (guint)random_count(rand, -3, ITEMS_MAX + 1);
    for (guint i = 0; i < maker->n_requires; i++) {
        Item *item = &maker->requires[i];
        item->any_of[0] = random_term(rand, self);
        item->any_of[1] = g_rand_int_range(rand, 0, 3) == 0 ? random_term(rand, self) : (Term){.app = NOBODY};
    }
    for (guint i = 0; i < maker->n_conflicts; i++)
        maker->conflicts[i] = g_rand_int_range(rand, 0, 6) == 0
                                  ? (Term){self, g_rand_int_range(rand, 1, N_VERSIONS + 1), OP_LT}
                                  /* forbids an upgrade */
                                  : random_term(rand, self);
}

/* ---- the judge ---- */

static gboolean compares(int have, Op op, int want)
{
    switch (op) {
    case OP_ANY:
        return TRUE;
    case OP_EQ:
        return have == want;
    case OP_NE:
        return have != want;
    case OP_LT:
        return have < want;
    case OP_LE:
        return have <= want;
    case OP_GT:
        return have > want;
    case OP_GE:
        return have >= want;
    }
    return FALSE;
}

static gboolean is_met(const Term *term, const int box[N_APPS])
{
    if (term->app == NOBODY)
        return FALSE;
    int have = term->app == FIRMWARE ? OS_VERSION : box[term->app];
    return have != 0 && compares(have, term->op, term->version);
}

static gboolean holds_together(const Universe *universe, const int box[N_APPS])
{
    for (int app = 0; app < N_APPS; app++) {
        if (box[app] == 0)
            continue;
        const Maker *maker = &universe->makers[app][box[app]];
        for (guint i = 0; i < maker->n_requires; i++)
            if (!is_met(&maker->requires[i].any_of[0], box) && !is_met(&maker->requires[i].any_of[1], box))
                return FALSE;
        for (guint i = 0; i < maker->n_conflicts; i++)
            if (maker->conflicts[i].app != app && is_met(&maker->conflicts[i], box))
                return FALSE;
    }
    return TRUE;
}

/* May this app go from what is installed to that version? Never back, never away, and not past its own conflict. */
static gboolean may_become(const Universe *universe, int app, int version)
{
    int old = universe->installed[app];
    if (version == old)
        return TRUE;
    if (version < old || !universe->makers[app][version].is_offered)
        return FALSE;
    const Maker *maker = &universe->makers[app][version];
    for (guint i = 0; i < maker->n_conflicts; i++)
        if (maker->conflicts[i].app == app && old != 0 &&
            compares(old, maker->conflicts[i].op, maker->conflicts[i].version))
            return FALSE;
    return !universe->is_locked[app] || app == universe->app;
}

static gboolean is_reachable(const Universe *universe, const int box[N_APPS])
{
    for (int app = 0; app < N_APPS; app++)
        if (!may_become(universe, app, box[app]))
            return FALSE;
    return holds_together(universe, box);
}

/* Next of all boxes that one can think of; FALSE after the last. */
static gboolean next_box(int box[N_APPS])
{
    for (int app = 0; app < N_APPS; app++) {
        if (++box[app] <= N_VERSIONS)
            return TRUE;
        box[app] = 0;
    }
    return FALSE;
}

static gboolean serves(const Universe *universe, const int box[N_APPS])
{
    int now = box[universe->app];
    if (universe->ask == ASK_INSTALL_EXACT)
        return now == universe->version;
    return universe->ask == ASK_INSTALL ? now != 0 : now > universe->installed[universe->app];
}

static guint count_changes(const Universe *universe, const int box[N_APPS])
{
    guint n = 0;
    for (int app = 0; app < N_APPS; app++)
        n += box[app] != universe->installed[app];
    return n;
}

typedef struct {
    gboolean is_possible;
    int newest;           /* of what was asked for */
    guint fewest_changes; /* that reach `wanted` */
} Judgement;

/* wanted: the version that the solver chose, or 0. */
static Judgement judge(const Universe *universe, int wanted)
{
    Judgement all = {.fewest_changes = G_MAXUINT};
    int box[N_APPS] = {0};
    do {
        if (!serves(universe, box) || !is_reachable(universe, box))
            continue;
        all.is_possible = TRUE;
        all.newest = MAX(all.newest, box[universe->app]);
        if (box[universe->app] == wanted)
            all.fewest_changes = MIN(all.fewest_changes, count_changes(universe, box));
    } while (next_box(box));
    return all;
}

/* Is there a box with every installed app at least as new, and one newer? */
static gboolean can_be_newer(const Universe *universe, const int found[N_APPS])
{
    int box[N_APPS] = {0};
    do {
        gboolean is_newer = FALSE, is_older = FALSE;
        for (int app = 0; app < N_APPS; app++) {
            is_newer |= universe->installed[app] != 0 && box[app] > found[app];
            is_older |= universe->installed[app] != 0 && box[app] < found[app];
        }
        if (is_newer && !is_older && is_reachable(universe, box))
            return TRUE;
    } while (next_box(box));
    return FALSE;
}

/* ---- the same universe in the product's words ---- */

static char *app_name(int app)
{
    return app == FIRMWARE ? g_strdup("QNAP_FW") : g_strdup_printf("App%c", 'A' + app);
}

static void tell_term(GString *text, const Term *term)
{
    g_autofree char *name = app_name(term->app);
    g_string_append(text, name);
    if (term->op != OP_ANY)
        g_string_append_printf(text, "%s%d.0", op_words[term->op], term->version);
}

static char **tell_requires(const Maker *maker)
{
    g_autoptr(GStrvBuilder) items = g_strv_builder_new();
    for (guint i = 0; i < maker->n_requires; i++) {
        g_autoptr(GString) text = g_string_new(NULL);
        tell_term(text, &maker->requires[i].any_of[0]);
        if (maker->requires[i].any_of[1].app != NOBODY) {
            g_string_append(text, " | ");
            tell_term(text, &maker->requires[i].any_of[1]);
        }
        g_strv_builder_add(items, text->str);
    }
    return g_strv_builder_end(items);
}

static char **tell_conflicts(const Maker *maker)
{
    g_autoptr(GStrvBuilder) items = g_strv_builder_new();
    for (guint i = 0; i < maker->n_conflicts; i++) {
        g_autoptr(GString) text = g_string_new(NULL);
        tell_term(text, &maker->conflicts[i]);
        g_strv_builder_add(items, text->str);
    }
    return g_strv_builder_end(items);
}

static InstalledApp *tell_installed(const Universe *universe, int app)
{
    const Maker *maker = &universe->makers[app][universe->installed[app]];
    InstalledApp *told = g_new0(InstalledApp, 1);
    told->name = app_name(app);
    told->version = g_strdup_printf("%d.0", universe->installed[app]);
    told->arch = g_strdup("all");
    told->publisher = g_strdup("vendor");
    told->requires = tell_requires(maker);
    told->conflicts = tell_conflicts(maker);
    told->provides = g_new0(char *, 1);
    told->enabled = TRUE;
    return told;
}

static Release *tell_release(const Universe *universe, int app, int version)
{
    const Maker *maker = &universe->makers[app][version];
    Release *told = g_new0(Release, 1);
    told->name = app_name(app);
    told->version = g_strdup_printf("%d.0", version);
    told->arch = g_strdup("all");
    told->publisher = g_strdup("vendor");
    told->repository = g_strdup("qnap");
    told->requires = tell_requires(maker);
    told->conflicts = tell_conflicts(maker);
    told->provides = g_new0(char *, 1);
    told->obsoletes = g_new0(char *, 1);
    return told;
}

static Request *tell_request(const Universe *universe)
{
    static const RequestKind kinds[N_ASKS] = {REQUEST_INSTALL, REQUEST_INSTALL, REQUEST_UPGRADE,
                                              REQUEST_UPGRADE, REQUEST_REMOVE};
    Request *request = request_new(kinds[universe->ask]);
    g_autofree char *name = app_name(universe->app);
    g_autofree char *version = g_strdup_printf("%d.0", universe->version);
    if (universe->ask != ASK_UPGRADE_ALL)
        request_add_app(request, name, universe->ask == ASK_INSTALL_EXACT ? version : NULL);
    return request;
}

/* ---- making and asking ---- */

static gboolean fill_universe(GRand *rand, Universe *universe)
{
    memset(universe, 0, sizeof *universe);
    for (int app = 0; app < N_APPS; app++)
        for (int version = 1; version <= N_VERSIONS; version++)
            fill_maker(rand, &universe->makers[app][version], app);
    for (int app = 0; app < N_APPS; app++) {
        universe->installed[app] = random_count(rand, -1, N_VERSIONS);
        universe->is_locked[app] = universe->installed[app] && g_rand_int_range(rand, 0, 8) == 0;
    }
    universe->ask = (guint)g_rand_int_range(rand, 0, N_ASKS);
    universe->app = g_rand_int_range(rand, 0, N_APPS);
    universe->version = g_rand_int_range(rand, 1, N_VERSIONS + 1);
    int old = universe->installed[universe->app];
    gboolean wants_new = universe->ask == ASK_INSTALL || universe->ask == ASK_INSTALL_EXACT;
    if (universe->ask == ASK_UPGRADE_ALL)
        universe->app = NOBODY;
    else if (wants_new ? old != 0 : old == 0)
        return FALSE;
    return holds_together(universe, universe->installed);
}

static void take_changes(const Universe *universe, const GPtrArray *changes, int box[N_APPS])
{
    memcpy(box, universe->installed, sizeof universe->installed);
    for (guint i = 0; changes && i < changes->len; i++) {
        const PlanChange *change = g_ptr_array_index(changes, i);
        box[change->app[3] - 'A'] =
            change->to_version ? (int)g_ascii_strtoll(change->to_version, NULL, 10) : 0;
    }
}

typedef struct {
    guint n_possible, n_impossible;
} Tally;

static void check_named(const Universe *universe, const GPtrArray *changes, const GError *error, Tally *tally)
{
    int box[N_APPS];
    take_changes(universe, changes, box);
    Judgement judgement = judge(universe, box[universe->app]);
    if (!changes || changes->len == 0) { /* refused with a sentence, or: it is the newest already */
        if (judgement.is_possible)
            g_error("it can be done (newest %d), the solver says: %s", judgement.newest,
                    error ? error->message : "nothing to do");
        tally->n_impossible++;
        return;
    }
    g_assert_true(judgement.is_possible);
    g_assert_true(is_reachable(universe, box));
    g_assert_true(serves(universe, box));
    g_assert_cmpint(box[universe->app], ==, judgement.newest);
    g_assert_cmpuint(changes->len, ==, judgement.fewest_changes);
    tally->n_possible++;
}

static void check_all(const Universe *universe, const GPtrArray *changes, const GPtrArray *left_out,
                      Tally *tally)
{
    int box[N_APPS];
    g_assert_nonnull(changes);
    take_changes(universe, changes, box);
    g_assert_true(is_reachable(universe, box));
    for (int app = 0; app < N_APPS; app++)
        if (universe->installed[app] == 0 && box[app] != 0) { /* who came along must be needed */
            int without[N_APPS];
            memcpy(without, box, sizeof box);
            without[app] = 0;
            g_assert_false(holds_together(universe, without));
        }
    g_assert_false(can_be_newer(universe, box));
    if (left_out->len == 0)
        tally->n_possible++;
    else
        tally->n_impossible++;
}

static void check_removal(const Universe *universe, const GPtrArray *changes, Tally *tally)
{
    int box[N_APPS];
    memcpy(box, universe->installed, sizeof box);
    box[universe->app] = 0;
    gboolean is_possible = holds_together(universe, box);
    g_assert_cmpint(changes != NULL, ==, is_possible);
    if (changes)
        g_assert_cmpuint(changes->len, ==, 1);
    tally->n_possible += is_possible;
    tally->n_impossible += !is_possible;
}

static void check_independently(const SolveInput *input, GPtrArray *changes)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = plan_new();
    plan_split_into_sets(plan, changes, input->installed);
    PlanContext context = {input->installed, input->os_version, input->box_arch, input->request,
                           input->locked};
    gboolean is_fine = plan_check(plan, &context, &error);
    g_assert_no_error(error);
    g_assert_true(is_fine);
}

/* ---- the same answer whatever the order, and whoever is asked ---- */

static void shuffle(GPtrArray *array, GRand *rand)
{
    for (guint i = array->len; i > 1; i--) {
        guint j = (guint)g_rand_int_range(rand, 0, (gint32)i);
        gpointer kept = array->pdata[i - 1];
        array->pdata[i - 1] = array->pdata[j];
        array->pdata[j] = kept;
    }
}

static char *tell_answer(const GPtrArray *changes, const GPtrArray *left_out, const GError *error)
{
    GString *text = g_string_new(error ? error->message : "");
    for (guint i = 0; changes && i < changes->len; i++) {
        const PlanChange *change = g_ptr_array_index(changes, i);
        g_string_append_printf(text, "%s %s %s %s (%s)%s\n", change_op_name(change->op), change->app,
                               change->from_version ? change->from_version : "-",
                               change->to_version ? change->to_version : "-", change->reason,
                               change->is_dependency ? " dependency" : "");
    }
    for (guint i = 0; i < left_out->len; i++)
        g_string_append_printf(text, "left out: %s\n", (const char *)g_ptr_array_index(left_out, i));
    return g_string_free(text, FALSE);
}

static void check_other_order(const SolveInput *input, GRand *rand, const char *first)
{
    gboolean is_limited = g_rand_int_range(rand, 0, LIMITED) == 0;
    g_autoptr(GPtrArray) left_out = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;
    shuffle(input->installed, rand);
    shuffle(input->available, rand);
    shuffle(input->locked, rand);
    g_autoptr(GPtrArray) changes = (is_limited ? solve : solve_here)(input, left_out, &error);
    g_autofree char *second = tell_answer(changes, left_out, error);
    g_assert_cmpstr(first, ==, second);
}

static void solve_universe(const Universe *universe, GRand *rand, Tally *tally)
{
    g_autoptr(GPtrArray) installed = g_ptr_array_new_with_free_func((GDestroyNotify)installed_app_free);
    g_autoptr(GPtrArray) available = g_ptr_array_new_with_free_func((GDestroyNotify)release_free);
    g_autoptr(GPtrArray) locked = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) left_out = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(Request) request = tell_request(universe);
    g_autoptr(GError) error = NULL;
    for (int app = 0; app < N_APPS; app++) {
        if (universe->installed[app])
            g_ptr_array_add(installed, tell_installed(universe, app));
        if (universe->is_locked[app])
            g_ptr_array_add(locked, app_name(app));
        for (int version = 1; version <= N_VERSIONS; version++)
            if (universe->makers[app][version].is_offered)
                g_ptr_array_add(available, tell_release(universe, app, version));
    }
    SolveInput input = {.installed = installed,
                        .available = available,
                        .os_version = "2.0",
                        .box_arch = "x86_64",
                        .request = request,
                        .locked = locked};
    g_autoptr(GPtrArray) changes = solve_here(&input, left_out, &error);
    g_autofree char *told = tell_answer(changes, left_out, error);
    if (universe->ask == ASK_REMOVE)
        check_removal(universe, changes, tally);
    else if (universe->ask == ASK_UPGRADE_ALL)
        check_all(universe, changes, left_out, tally);
    else
        check_named(universe, changes, error, tally);
    if (changes)
        check_independently(&input, changes);
    check_other_order(&input, rand, told);
}

static void small_universes_agree_with_trying_everything(void)
{
    const char *given = g_getenv("APPCENTER_SEED");
    guint32 seed = given ? (guint32)strtoul(given, NULL, 10) : g_random_int();
    guint n_wanted = g_getenv("APPCENTER_TORTURE") ? 50 * UNIVERSES : UNIVERSES;
    Tally tally = {0, 0};
    for (guint n = 0; n < n_wanted; seed++) {
        Universe universe;
        g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
        if (!fill_universe(rand, &universe))
            continue;
        g_test_message("universe %u (APPCENTER_SEED repeats it)", seed);
        solve_universe(&universe, rand, &tally);
        n++;
    }
    g_test_message("%u universes: %u can be, %u cannot (%u %%)", n_wanted, tally.n_possible,
                   tally.n_impossible, tally.n_impossible * 100 / n_wanted);
    g_assert_cmpuint(tally.n_possible + tally.n_impossible, ==, n_wanted);
    g_assert_cmpuint(tally.n_impossible * 5, >=, n_wanted); /* between 20 and 80 % */
    g_assert_cmpuint(tally.n_impossible * 5, <=, 4 * n_wanted);
}

void solve_random_tests(void)
{
    g_test_add_func("/solve_random/small_universes_agree_with_trying_everything",
                    small_universes_agree_with_trying_everything);
}
