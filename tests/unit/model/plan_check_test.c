/* plan_check_test.c - every rule that a plan can break, one after the other, against one small world. */
#include "test.h"

#include <string.h>

/* The world: Photos 1 (needs Media >= 1), Media 1, Held 1, Foreign 1 (of acme), Sad 1 (needs what is not
 * there and is at odds with Grumpy 1: broken before any plan). */
static void add_installed(GPtrArray *installed, const char *name, const char *publisher, const char *requires,
                          const char *conflicts)
{
    InstalledApp *app = g_new0(InstalledApp, 1);
    app->name = g_strdup(name);
    app->version = g_strdup("1");
    app->arch = g_strdup("x86_64");
    app->publisher = g_strdup(publisher);
    app->requires = g_strsplit(requires, ",", -1);
    app->conflicts = g_strsplit(conflicts, ",", -1);
    g_ptr_array_add(installed, app);
}

static GPtrArray *world(void)
{
    GPtrArray *installed = g_ptr_array_new_with_free_func((GDestroyNotify)installed_app_free);
    add_installed(installed, "Photos", "vendor", "Media >= 1", "");
    add_installed(installed, "Media", "vendor", "", "Enemy");
    add_installed(installed, "Held", "vendor", "", "");
    add_installed(installed, "Foreign", "acme", "", "");
    add_installed(installed, "Sad", "vendor", "Gone >= 3", "Grumpy");
    add_installed(installed, "Grumpy", "vendor", "", "");
    return installed;
}

typedef struct {
    ChangeOp op;
    const char *app, *from, *to; /* to with '!' before it: no release, a kept tree */
    const char *more;
} Change;

static void add_change(PlanSet *set, const Change *row)
{
    PlanChange *change = g_new0(PlanChange, 1);
    gboolean is_kept = row->to && *row->to == '!';
    change->op = row->op;
    change->app = g_strdup(row->app);
    change->from_version = g_strdup(row->from);
    change->to_version = g_strdup(is_kept ? row->to + 1 : row->to);
    change->use_previous = is_kept;
    if (row->to && !is_kept) {
        change->release = release_of(row->app, row->to, row->more);
        change->release->publisher = g_strdup("vendor");
    }
    g_ptr_array_add(set->changes, change);
}

/* Each change in a set of its own: the checker looks at the whole. */
static gboolean check(const Change *rows, gsize n_rows, const Request *request, GError **error)
{
    g_autoptr(GPtrArray) installed = world();
    g_autoptr(GPtrArray) locked = g_ptr_array_new();
    g_autoptr(Plan) plan = plan_new();
    g_ptr_array_add(locked, (gpointer) "Held");
    for (gsize i = 0; i < n_rows && rows[i].app; i++)
        add_change(plan_add_set(plan), &rows[i]);
    PlanContext context = {.installed = installed,
                           .os_version = "5.1.0",
                           .box_arch = "x86_64",
                           .request = request,
                           .locked = locked};
    return plan_check(plan, &context, error);
}

#define UP(app, to, more)                                                                                    \
    {                                                                                                        \
        CHANGE_UPGRADE, app, "1", to, more                                                                   \
    }
#define DOWN(app, to)                                                                                        \
    {                                                                                                        \
        CHANGE_DOWNGRADE, app, "1", to, NULL                                                                 \
    }
#define NEW(app, to, more)                                                                                   \
    {                                                                                                        \
        CHANGE_INSTALL, app, NULL, to, more                                                                  \
    }
#define REMOVE(app)                                                                                          \
    {                                                                                                        \
        CHANGE_REMOVE, app, "1", NULL, NULL                                                                  \
    }

static void good_plans_pass(void)
{
    static const Change plans[][3] = {
        {UP("Photos", "2", NULL)},
        {UP("Photos", "1", NULL)}, /* the same again: a repair */
        {UP("Photos", "2", "'requires':['Media >= 2']"), UP("Media", "2", NULL)},
        {NEW("New", "1", "'requires':['Photos = 1','QNAP_FW >= 5.0'],'os_min':'5.1','os_max':'5.1.0'")},
        {NEW("New", "1", "'requires':['Nothing | Media']")},
        {NEW("New", "1", "'requires':['Codec >= 2']"), NEW("Pack", "1", "'provides':['Codec = 3']")},
        {NEW("New", "1", "'conflicts':['Photos > 1','QNAP_FW < 5']")},
        {UP("Held", "2", "'conflicts':['Held = 0.9']")},
        {UP("Media", "2", "'conflicts':['Gone']")},
        {UP("Media", "2", "'obsoletes':['Held < 2']"), REMOVE("Held")},
    };
    for (guint i = 0; i < G_N_ELEMENTS(plans); i++) {
        g_autoptr(Request) request = request_new(REQUEST_UPGRADE);
        g_autoptr(GError) error = NULL;
        request_add_app(request, "Held", NULL);
        g_assert_true(check(plans[i], 3, request, &error));
        g_assert_no_error(error);
    }
}

static void each_broken_rule_is_found(void)
{
    static const struct {
        Change plan[3];
        const char *part;
    } rows[] = {
        {{NEW("Photos", "2", NULL)}, "Photos is installed already"},
        {{UP("New", "2", NULL)}, "New is not installed"},
        {{{CHANGE_UPGRADE, "Photos", "0.9", "2", NULL}}, "Photos is installed as 1, the plan says 0.9"},
        {{{CHANGE_UPGRADE, "Photos", NULL, "2", NULL}}, "the plan says nothing"},
        {{{CHANGE_INSTALL, "New", NULL, NULL, NULL}}, "New would be installed in no version"},
        {{{CHANGE_UPGRADE, "Photos", "1", NULL, NULL}}, "Photos would be changed to no version"},
        {{{CHANGE_REMOVE, "Held", "1", "2", NULL}}, "Held would be removed and be there"},
        {{UP("Photos", "0.9", NULL)}, "Photos from 1 to 0.9 is no upgrade"},
        {{DOWN("Photos", "2")}, "Photos from 1 to 2 is no downgrade"},
        {{DOWN("Photos", "0.9")}, "nobody asked to take Photos back from 1 to 0.9"},
        {{UP("Foreign", "2", NULL)}, "nobody asked to take Foreign from vendor instead of acme"},
        {{UP("Held", "2", NULL)}, "Held is held and was not asked for"},
        {{REMOVE("Photos")}, "nobody asked to remove Photos"},
        {{UP("Photos", "2", NULL), UP("Photos", "3", NULL)}, "Photos would be changed twice"},
        {{NEW("New", "1", "'os_min':'5.2'")}, "New 1 needs QNAP_FW >= 5.2 (this NAS: 5.1.0)"},
        {{NEW("New", "1", "'os_max':'5.0'")}, "New 1 needs QNAP_FW <= 5.0 (this NAS: 5.1.0)"},
        {{NEW("New", "1", "'requires':['QNAP_FW >= 6']")}, "New 1 needs QNAP_FW >= 6"},
        {{NEW("New", "1", "'requires':['Media >= 2']")}, "New 1 needs Media >= 2"},
        {{NEW("New", "1", "'requires':['OPT/perl']")}, "New 1 needs OPT/perl"},
        {{UP("Media", "2", "'conflicts':['Photos']")}, "Media 2 does not go with Photos (found: Photos 1)"},
        {{NEW("Enemy", "1", NULL)}, "Media 1 does not go with Enemy (found: Enemy 1)"},
        {{NEW("X", "1", "'provides':['Enemy']")}, "Media 1 does not go with Enemy (found: X 1)"},
        {{NEW("New", "1", "'conflicts':['QNAP_FW >= 5']")},
         "New 1 does not go with QNAP_FW >= 5 (this NAS: 5.1.0)"},
        {{UP("Photos", "2", "'conflicts':['Photos < 2']")},
         "Photos 2 does not go with Photos < 2 (found: Photos 1)"},
        {{UP("Sad", "2", "'requires':['Gone >= 3']")}, "Sad 2 needs Gone >= 3"},
        {{UP("Media", "2", NULL), UP("Photos", "2", "'requires':['Media = 1']")}, "Photos 2 needs Media = 1"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Request) request = request_new(REQUEST_UPGRADE);
        g_autoptr(GError) error = NULL;
        g_assert_false(check(rows[i].plan, 3, request, &error));
        assert_refused(&error, APPCENTER_ERROR_INTERNAL, rows[i].part);
    }
}

static void an_archive_for_another_box_is_found(void)
{
    g_autoptr(Plan) plan = plan_new();
    Change row = NEW("New", "1", NULL);
    PlanSet *set = plan_add_set(plan);
    add_change(set, &row);
    static const struct {
        const char *box;
        gboolean fits;
    } rows[] = {{"x86_64", TRUE}, {"arm_64", FALSE}, {NULL, TRUE}};
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        PlanContext context = {.box_arch = rows[i].box};
        g_autoptr(GError) error = NULL;
        g_assert_cmpint(plan_check(plan, &context, &error), ==, rows[i].fits);
        if (!rows[i].fits)
            assert_refused(&error, APPCENTER_ERROR_INTERNAL, "New is built for x86_64, this NAS is arm_64");
    }
}

static void a_wrong_archive_is_found(void)
{
    g_autoptr(GPtrArray) installed = world();
    g_autoptr(Plan) plan = plan_new();
    Change row = UP("Photos", "2", NULL);
    PlanSet *set = plan_add_set(plan);
    add_change(set, &row);
    PlanChange *change = g_ptr_array_index(set->changes, 0);
    release_free(change->release);
    change->release = release_of("Photos", "3", NULL);
    change->release->publisher = g_strdup("vendor");
    PlanContext context = {.installed = installed};
    g_autoptr(GError) error = NULL;
    g_assert_false(plan_check(plan, &context, &error));
    assert_refused(&error, APPCENTER_ERROR_INTERNAL, "Photos 2 comes with the archive of Photos 3");
}

static void removals_need_their_dependents_with_them(void)
{
    static const Change alone[] = {REMOVE("Media")};
    static const Change both[] = {REMOVE("Media"), REMOVE("Photos")};
    g_autoptr(Request) request = request_new(REQUEST_REMOVE);
    g_autoptr(GError) error = NULL;
    request_add_app(request, "Media", NULL);
    g_assert_false(check(alone, 1, request, &error));
    assert_refused(&error, APPCENTER_ERROR_INTERNAL, "Photos 1 needs Media >= 1");
    g_assert_false(check(both, 2, request, &error));
    assert_refused(&error, APPCENTER_ERROR_INTERNAL, "nobody asked to remove Photos");
    request->cascade = TRUE;
    g_assert_true(check(both, 2, request, &error));
    g_assert_no_error(error);
}

static void going_back_needs_somebodys_word(void)
{
    static const Change back[] = {DOWN("Photos", "0.9")};
    static const Change kept[] = {{CHANGE_DOWNGRADE, "Photos", "1", "!0.9", NULL}};
    g_autoptr(GError) error = NULL;
    g_autoptr(Request) yes = request_new(REQUEST_INSTALL);
    yes->allow_downgrade = TRUE;
    g_assert_true(check(back, 1, yes, &error));
    g_autoptr(Request) rollback = request_new(REQUEST_ROLLBACK);
    g_assert_true(check(kept, 1, rollback, &error));
    g_autoptr(Request) automatic = request_new(REQUEST_AUTO);
    request_add_app(automatic, "Photos", "0.9");
    g_assert_true(check(back, 1, automatic, &error));
    g_assert_no_error(error);
    g_autoptr(Request) other = request_new(REQUEST_AUTO);
    request_add_app(other, "Photos", "2");
    g_assert_false(check(back, 1, other, &error));
    assert_refused(&error, APPCENTER_ERROR_INTERNAL, "nobody asked to take Photos back");
}

static void another_publisher_needs_the_admins_word(void)
{
    static const Change row[] = {UP("Foreign", "2", NULL)};
    g_autoptr(Request) request = request_new(REQUEST_INSTALL);
    g_autoptr(GError) error = NULL;
    request_add_app(request, "Foreign", NULL);
    g_assert_true(check(row, 1, request, &error));
    g_assert_no_error(error);
}

static gboolean check_left_out(const char *version, const char *sentence, GError **error)
{
    g_autoptr(GPtrArray) installed = world();
    g_autoptr(Plan) plan = plan_new();
    g_autoptr(Request) request = request_new(REQUEST_UPGRADE);
    request_add_app(request, "Photos", version);
    if (sentence)
        g_ptr_array_add(plan->left_out, g_strdup(sentence));
    PlanContext context = {.installed = installed, .request = request};
    return plan_check(plan, &context, error);
}

/* So is every fix of "security only", which is a list of exact versions. */
static void a_version_that_was_named_is_in_it_or_left_out_with_a_sentence(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(check_left_out(NULL, NULL, &error));
    g_assert_true(check_left_out("1", NULL, &error)); /* it is there already */
    g_assert_true(check_left_out("2", "Lib is held; Photos 2 needs Lib", &error));
    g_assert_no_error(error);
    g_assert_false(check_left_out("2", NULL, &error));
    assert_refused(&error, APPCENTER_ERROR_INTERNAL,
                   "Photos 2 was asked for, is not in it, and nothing says why");
    g_assert_false(check_left_out("2", "Lib is held", &error));
    assert_refused(&error, APPCENTER_ERROR_INTERNAL, "Photos 2 was asked for");
}

void plan_check_tests(void)
{
    g_test_add_func("/plan_check/a_version_that_was_named_is_in_it_or_left_out_with_a_sentence",
                    a_version_that_was_named_is_in_it_or_left_out_with_a_sentence);
    g_test_add_func("/plan_check/good_plans_pass", good_plans_pass);
    g_test_add_func("/plan_check/each_broken_rule_is_found", each_broken_rule_is_found);
    g_test_add_func("/plan_check/a_wrong_archive_is_found", a_wrong_archive_is_found);
    g_test_add_func("/plan_check/an_archive_for_another_box_is_found", an_archive_for_another_box_is_found);
    g_test_add_func("/plan_check/removals_need_their_dependents_with_them",
                    removals_need_their_dependents_with_them);
    g_test_add_func("/plan_check/going_back_needs_somebodys_word", going_back_needs_somebodys_word);
    g_test_add_func("/plan_check/another_publisher_needs_the_admins_word",
                    another_publisher_needs_the_admins_word);
}
