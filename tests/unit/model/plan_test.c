/* plan_test.c - plans as JSON, and how a flat list of changes falls into fate groups. */
#include "test.h"

#include <string.h>

static PlanChange *change_of(ChangeOp op, const char *app, const char *from, const char *to, UrgencyClass cls,
                             const char *more)
{
    PlanChange *change = g_new0(PlanChange, 1);
    change->op = op;
    change->app = g_strdup(app);
    change->from_version = g_strdup(from);
    change->to_version = g_strdup(to);
    change->release = op == CHANGE_REMOVE ? NULL : release_of(app, to, more);
    change->cls = cls;
    change->reason = g_strdup("asked for");
    return change;
}

static void a_plan_is_shown_as_the_manual_says(void)
{
    g_autoptr(Plan) plan = plan_new();
    g_assert_true(plan_is_empty(plan));
    PlanSet *set = plan_add_set(plan);
    g_assert_true(plan_is_empty(plan));
    g_ptr_array_add(set->changes, change_of(CHANGE_UPGRADE, "A", "1", "2", CLASS_EMERGENCY, NULL));
    g_ptr_array_add(set->changes, change_of(CHANGE_REMOVE, "B", "1", NULL, CLASS_NORMAL, NULL));
    g_ptr_array_add(plan->left_out, g_strdup("C 2 needs D"));
    g_assert_false(plan_is_empty(plan));
    g_autoptr(json_t) wanted =
        json_value("{'schema':'appctl.plan/"
                   "1','sets':[{'changes':[{'op':'upgrade','app':'A','from':'1','to':'2','class':'emergency',"
                   "'download_size':1000,'reason':'asked "
                   "for','snapshot':'none','content_goes_back':false,'keeps':null},{'op':'remove','app':'B','"
                   "from':'1','to':null,'class':'normal',"
                   "'download_size':0,'reason':'asked for','snapshot':'none','content_goes_back':false,"
                   "'keeps':null}],'restarts':[]}],'left_out':['C 2 needs D']}");
    g_autoptr(json_t) shown = plan_to_json(plan);
    g_assert_true(json_equal(wanted, shown));
}

static void operations_have_names(void)
{
    for (ChangeOp op = CHANGE_INSTALL; op <= CHANGE_RESTART; op++) {
        ChangeOp found;
        g_assert_true(change_op_from_name(change_op_name(op), &found));
        g_assert_cmpint(found, ==, op);
    }
    ChangeOp none;
    g_assert_false(change_op_from_name("explode", &none));
}

/* ---- fate groups ---- */

/* "A B | C": the sets and their order. */
static char *split(GPtrArray *changes, GPtrArray *installed)
{
    g_autoptr(Plan) plan = plan_new();
    GString *text = g_string_new(NULL);
    plan_split_into_sets(plan, changes, installed);
    g_assert_cmpuint(changes->len, ==, 0);
    for (guint i = 0; i < plan->sets->len; i++) {
        const PlanSet *set = g_ptr_array_index(plan->sets, i);
        g_string_append(text, i ? " |" : "");
        for (guint j = 0; j < set->changes->len; j++) {
            const PlanChange *change = g_ptr_array_index(set->changes, j);
            g_string_append_printf(text, "%s%s", text->len ? " " : "", change->app);
        }
    }
    return g_string_free(text, FALSE);
}

/* "C<A> D<A,B>": who is restarted around a change of these, and because of whom. */
static char *restarts(const char *const *changed, GPtrArray *installed)
{
    g_autoptr(Plan) plan = plan_new();
    PlanSet *set = plan_add_set(plan);
    GString *text = g_string_new(NULL);
    for (; *changed; changed++)
        g_ptr_array_add(set->changes, change_of(CHANGE_UPGRADE, *changed, "1", "2", CLASS_NORMAL, NULL));
    plan_find_restarts(plan, installed);
    for (guint i = 0; i < set->restarts->len; i++) {
        const PlanRestart *restart = g_ptr_array_index(set->restarts, i);
        g_string_append_printf(text, "%s%s<", i ? " " : "", restart->app);
        for (guint j = 0; j < restart->because->len; j++)
            g_string_append_printf(text, "%s%s", j ? "," : "",
                                   (char *)g_ptr_array_index(restart->because, j));
        g_string_append_c(text, '>');
    }
    return g_string_free(text, FALSE);
}

static InstalledApp *needing(const char *name, const char *requires)
{
    InstalledApp *app = g_new0(InstalledApp, 1);
    app->name = g_strdup(name);
    app->version = g_strdup("1");
    app->requires = g_strsplit(requires, ",", -1);
    return app;
}

static void who_needs_what_changes_is_restarted_in_order(void)
{
    g_autoptr(GPtrArray) installed = g_ptr_array_new_with_free_func((GDestroyNotify)installed_app_free);
    InstalledApp *base = needing("Base", "");
    base->provides = g_strsplit("libbase = 3", ",", -1);
    g_ptr_array_add(installed, needing("Album", "Player,Frame | Base"));
    g_ptr_array_add(installed, base);
    g_ptr_array_add(installed, needing("Frame", "libbase >= 2"));
    g_ptr_array_add(installed, needing("Player", "Base >= 1"));
    g_ptr_array_add(installed, needing("Stranger", "QNAP_FW >= 5,Other"));
    g_ptr_array_add(installed, needing("Ring", "Circle,Player"));
    g_ptr_array_add(installed, needing("Circle", "Ring"));
    g_autofree char *of_base = restarts((const char *const[]){"Base", NULL}, installed);
    g_autofree char *of_frame = restarts((const char *const[]){"Frame", NULL}, installed);
    g_autofree char *of_two = restarts((const char *const[]){"Player", "Base", NULL}, installed);
    g_autofree char *of_other = restarts((const char *const[]){"Stranger", "New", NULL}, installed);
    g_assert_cmpstr(of_base, ==, "Frame<Base> Player<Base> Album<Base> Circle<Base> Ring<Base>");
    g_assert_cmpstr(of_frame, ==, "Album<Frame>");
    g_assert_cmpstr(of_two, ==, "Frame<Base> Album<Player,Base> Circle<Player> Ring<Player>");
    g_assert_cmpstr(of_other, ==, "");
}

typedef struct {
    const char *app, *more;
    UrgencyClass cls;
} Row;

static GPtrArray *changes_of(const Row *rows, gsize n_rows, gboolean is_backwards)
{
    GPtrArray *changes = g_ptr_array_new_with_free_func((GDestroyNotify)plan_change_free);
    for (gsize i = 0; i < n_rows; i++) {
        const Row *row = &rows[is_backwards ? n_rows - 1 - i : i];
        g_ptr_array_add(changes, change_of(CHANGE_UPGRADE, row->app, "1", "2", row->cls, row->more));
    }
    return changes;
}

static void assert_split(const Row *rows, gsize n_rows, const char *wanted)
{
    for (int is_backwards = 0; is_backwards <= 1; is_backwards++) {
        g_autoptr(GPtrArray) changes = changes_of(rows, n_rows, is_backwards);
        g_autofree char *found = split(changes, NULL);
        g_assert_cmpstr(found, ==, wanted);
    }
}

static void kin_share_a_set_and_dependencies_come_first(void)
{
    static const Row strangers[] = {
        {"C", NULL, CLASS_NORMAL}, {"A", NULL, CLASS_FEATURE}, {"B", NULL, CLASS_NORMAL}};
    static const Row chain[] = {{"A", "'requires':['B']", CLASS_NORMAL},
                                {"B", "'requires':['C >= 2']", CLASS_NORMAL},
                                {"C", NULL, CLASS_NORMAL},
                                {"D", NULL, CLASS_NORMAL}};
    static const Row by_provides[] = {{"A", "'requires':['Photos']", CLASS_NORMAL},
                                      {"B", "'provides':['Photos = 2']", CLASS_NORMAL}};
    static const Row by_conflict[] = {{"A", "'conflicts':['B < 2']", CLASS_NORMAL},
                                      {"B", NULL, CLASS_NORMAL}};
    static const Row alternatives[] = {{"A", "'requires':['X | B']", CLASS_NORMAL},
                                       {"B", NULL, CLASS_NORMAL}};
    static const Row circle[] = {{"A", "'requires':['B']", CLASS_NORMAL},
                                 {"B", "'requires':['A']", CLASS_NORMAL}};
    assert_split(strangers, 3, "A | B | C");
    assert_split(chain, 4, "C B A | D");
    assert_split(by_provides, 2, "B A");
    assert_split(by_conflict, 2, "A B");
    assert_split(alternatives, 2, "B A");
    assert_split(circle, 2, "A B");
}

static void security_goes_first(void)
{
    static const Row rows[] = {{"A", NULL, CLASS_NORMAL},
                               {"B", "'requires':['Z']", CLASS_NORMAL},
                               {"C", NULL, CLASS_IMPORTANT},
                               {"D", NULL, CLASS_FEATURE},
                               {"Z", NULL, CLASS_EMERGENCY}};
    assert_split(rows, 5, "Z B | C | A | D");
}

static void what_the_old_version_needs_ties_too(void)
{
    g_autoptr(GPtrArray) installed = g_ptr_array_new_with_free_func((GDestroyNotify)installed_app_free);
    InstalledApp *old = g_new0(InstalledApp, 1);
    old->name = g_strdup("B");
    old->requires = g_strsplit("A < 2", ",", -1);
    g_ptr_array_add(installed, old);
    g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func((GDestroyNotify)plan_change_free);
    g_ptr_array_add(changes, change_of(CHANGE_REMOVE, "B", "1", NULL, CLASS_NORMAL, NULL));
    g_ptr_array_add(changes, change_of(CHANGE_UPGRADE, "A", "1", "2", CLASS_NORMAL, NULL));
    g_autofree char *found = split(changes, installed);
    g_assert_cmpstr(found, ==, "A B");
}

static void add_installed(GPtrArray *installed, const char *name, const char *requires,
                          gboolean as_dependency)
{
    InstalledApp *app = g_new0(InstalledApp, 1);
    app->name = g_strdup(name);
    app->version = g_strdup("1");
    app->requires = g_strsplit(requires, ",", -1);
    app->as_dependency = as_dependency;
    g_ptr_array_add(installed, app);
}

static void assert_because(GPtrArray *installed, const char *name, const char *wanted)
{
    g_autoptr(GPtrArray) sentences = installed_because(installed, name);
    g_ptr_array_add(sentences, NULL);
    g_autofree char *text = g_strjoinv(" / ", (char **)sentences->pdata);
    g_assert_cmpstr(text, ==, wanted);
}

/* Also where apps need each other in a circle. */
static void an_app_is_here_because_of_one_that_was_asked_for(void)
{
    g_autoptr(GPtrArray) installed = g_ptr_array_new_with_free_func((GDestroyNotify)installed_app_free);
    add_installed(installed, "App", "Lib >= 1", FALSE);
    add_installed(installed, "Base", "Other", TRUE);
    add_installed(installed, "Left", "Right", TRUE);
    add_installed(installed, "Lib", "Gone | Base", TRUE);
    add_installed(installed, "Other", "Base", TRUE);
    add_installed(installed, "Right", "Left", TRUE);
    assert_because(installed, "App", "App was asked for");
    assert_because(installed, "Base",
                   "Base came as a dependency; Lib 1 needs Gone | Base / Lib came as a dependency; App 1 "
                   "needs Lib >= 1 / "
                   "App was asked for");
    assert_because(installed, "Left",
                   "Left came as a dependency; Right 1 needs Left / "
                   "Right came with an app that needed it; nobody needs it any more");
    assert_because(installed, "Nobody", "");
}

void plan_tests(void)
{
    g_test_add_func("/plan/an_app_is_here_because_of_one_that_was_asked_for",
                    an_app_is_here_because_of_one_that_was_asked_for);
    g_test_add_func("/plan/a_plan_is_shown_as_the_manual_says", a_plan_is_shown_as_the_manual_says);
    g_test_add_func("/plan/operations_have_names", operations_have_names);
    g_test_add_func("/plan_sets/kin_share_a_set_and_dependencies_come_first",
                    kin_share_a_set_and_dependencies_come_first);
    g_test_add_func("/plan_restarts/who_needs_what_changes_is_restarted_in_order",
                    who_needs_what_changes_is_restarted_in_order);
    g_test_add_func("/plan_sets/security_goes_first", security_goes_first);
    g_test_add_func("/plan_sets/what_the_old_version_needs_ties_too", what_the_old_version_needs_ties_too);
}
