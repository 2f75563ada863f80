/* plan_broken_test.c - a solver that is wrong: its plan is refused, and the refusal says enough to find out why. And one that
 * would search for ever: it costs the app that makes it do so, and no other.
 *
 * This program is linked with a door before the solver (Makefile: --wrap=solve); it is open unless a test says what is to be
 * done to the answer, or how long it may take.
 */
#include "ports/solve.h"
#include "vendor.h"

#include <string.h>

GPtrArray *__real_solve(const SolveInput *input, GPtrArray *left_out, GError **error);
GPtrArray *__wrap_solve(const SolveInput *input, GPtrArray *left_out, GError **error);
SolveProber *__real_solve_prober_new(const SolveInput *input);
SolveProber *__wrap_solve_prober_new(const SolveInput *input);

static void (*spoil)(GPtrArray *changes);
static guint cpu_s; /* 0: as usual */

SolveProber *__wrap_solve_prober_new(const SolveInput *input)
{
    SolveInput hurried = *input;
    hurried.limits.cpu_s = cpu_s;
    return __real_solve_prober_new(&hurried);
}

GPtrArray *__wrap_solve(const SolveInput *input, GPtrArray *left_out, GError **error)
{
    SolveInput hurried = *input;
    hurried.limits.cpu_s = cpu_s;
    GPtrArray *changes = __real_solve(&hurried, left_out, error);
    if (changes && spoil)
        spoil(changes);
    return changes;
}

typedef struct {
    Vendor vendor;
    Engine *engine;
} Nas;

/* MediaLibrary 1.0 (2.0), PhotoStation 1.0 (2.0 needs MediaLibrary 2.0). */
static void nas_init(Nas *nas)
{
    vendor_init(&nas->vendor);
    vendor_add(&nas->vendor, "MediaLibrary", "2.0", "");
    vendor_add(&nas->vendor, "PhotoStation", "2.0", ",\"requires\":[\"MediaLibrary >= 2.0\"]");
    vendor_publish(&nas->vendor);
    nas->engine = vendor_engine(&nas->vendor);
    vendor_install(nas->engine, "MediaLibrary", "1.0", NULL);
    vendor_install(nas->engine, "PhotoStation", "1.0", "MediaLibrary");
    vendor_refresh(nas->engine);
}

static void nas_clear(Nas *nas)
{
    spoil = NULL;
    cpu_s = 0;
    engine_close(nas->engine);
    vendor_clear(&nas->vendor);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Nas, nas_clear)

static void forget(GPtrArray *changes, const char *app)
{
    for (guint i = changes->len; i-- > 0;)
        if (strcmp(((const PlanChange *)g_ptr_array_index(changes, i))->app, app) == 0)
            g_ptr_array_remove_index(changes, i);
}

static void forget_the_dependency(GPtrArray *changes)
{
    forget(changes, "MediaLibrary");
}

static void remove_a_bystander(GPtrArray *changes)
{
    forget(changes, "MediaLibrary");
    forget(changes, "PhotoStation");
    InstalledApp app = {.name = (char *)"MediaLibrary", .version = (char *)"1.0"};
    PlanChange *removal = plan_change_new_removal(&app);
    removal->reason = g_strdup("for no reason");
    g_ptr_array_add(changes, removal);
}

#define THE_CASE                                                                                             \
    "installed MediaLibrary 1.0; arch all\n"                                                                 \
    "installed PhotoStation 1.0; arch all; requires MediaLibrary\n"                                          \
    "request upgrade PhotoStation\n"                                                                         \
    "= upgrade PhotoStation 1.0 -> 2.0 (asked for)\n"                                                        \
    "available MediaLibrary 2.0; arch all\n"                                                                 \
    "available PhotoStation 2.0; arch all; requires MediaLibrary >= 2.0\n"

/* Behind the first lines, which name version, OS and architecture. */
static const char *body_of(const char *text)
{
    const char *body = strstr(text, "installed MediaLibrary");
    g_assert_nonnull(body);
    return body;
}

static void test_a_plan_that_breaks_a_rule_is_refused_with_its_case(void)
{
    g_auto(Nas) nas = {0};
    nas_init(&nas);
    spoil = forget_the_dependency;
    g_autoptr(Request) request = request_new(REQUEST_UPGRADE);
    request_add_app(request, "PhotoStation", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = engine_plan(nas.engine, request, &error);
    g_assert_null(plan);
    g_assert_cmpint(error_exit_code(error_kind(error)), ==, 1);
    g_assert_true(g_str_has_prefix(
        error->message, "the plan breaks a rule: PhotoStation 2.0 needs MediaLibrary >= 2.0; nothing was "
                        "changed. This is a bug of App Center: please report it with the following text\n# "
                        "App Center "));
    g_assert_cmpstr(body_of(error->message), ==, THE_CASE);
    g_assert_null(engine_solver_case(nas.engine));
}

static void test_a_plan_that_removes_what_nobody_asked_for_is_refused(void)
{
    g_auto(Nas) nas = {0};
    nas_init(&nas);
    spoil = remove_a_bystander;
    g_autoptr(Request) request = request_new(REQUEST_UPGRADE);
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = engine_plan(nas.engine, request, &error);
    g_assert_null(plan);
    assert_error(&error, APPCENTER_ERROR_INTERNAL,
                 "the plan breaks a rule: PhotoStation 1.0 needs MediaLibrary");
}

static void forget_everything(GPtrArray *changes)
{
    g_ptr_array_set_size(changes, 0);
}

static void test_a_security_plan_that_forgets_a_fix_is_refused(void)
{
    g_auto(Nas) nas = {0};
    nas_init(&nas);
    vendor_add(
        &nas.vendor, "QVPN", "1.1",
        ",\"urgency\":{\"class\":\"critical\",\"urgent_at\":\"2030-03-16T00:00:00Z\",\"advisories\":[]}");
    vendor_publish(&nas.vendor);
    vendor_install(nas.engine, "QVPN", "1.0", NULL);
    vendor_refresh(nas.engine);
    spoil = forget_everything;
    g_autoptr(Request) request = request_new(REQUEST_UPGRADE);
    request->security_only = TRUE;
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = engine_plan(nas.engine, request, &error);
    g_assert_null(plan);
    assert_error(&error, APPCENTER_ERROR_INTERNAL,
                 "the plan breaks a rule: QVPN 1.1 was asked for, is not in it, and nothing says why");
}

#define CRITICAL                                                                                             \
    ",\"urgency\":{\"class\":\"critical\",\"urgent_at\":\"2030-03-16T00:00:00Z\",\"advisories\":[]}"
#define N_PIGEONS 13

/* Each hole in as many versions as there are pigeons. */
static void add_holes(Vendor *vendor)
{
    for (guint hole = 11; hole < 10 + N_PIGEONS; hole++) {
        g_autofree char *name = g_strdup_printf("Hole%u", hole);
        for (guint pigeon = 1; pigeon <= N_PIGEONS; pigeon++) {
            g_autofree char *version = g_strdup_printf("%u", pigeon);
            vendor_add(vendor, name, version, "");
        }
    }
}

/* It needs every pigeon in a hole of its own, and there is one hole too few: only trying finds that out. */
static void add_nasty(Vendor *vendor)
{
    g_autoptr(GString) members = g_string_new(CRITICAL ",\"requires\":[");
    for (guint pigeon = 1; pigeon <= N_PIGEONS; pigeon++) {
        g_string_append(members, pigeon > 1 ? ",\"" : "\"");
        for (guint hole = 11; hole < 10 + N_PIGEONS; hole++)
            g_string_append_printf(members, "%sHole%u = %u", hole > 11 ? " | " : "", hole, pigeon);
        g_string_append(members, "\"");
    }
    g_string_append(members, "]");
    vendor_add(vendor, "Nasty", "1.1", members->str);
}

#define GIVEN_UP "the search for a plan took more than 1 s of CPU time and was given up"

static void test_dependencies_without_end_cost_only_their_own_app(void)
{
    g_auto(Nas) nas = {0};
    nas_init(&nas);
    cpu_s = 1;
    vendor_forget(&nas.vendor);
    add_holes(&nas.vendor);
    add_nasty(&nas.vendor);
    vendor_add(&nas.vendor, "QVPN", "1.1", CRITICAL);
    vendor_publish(&nas.vendor);
    vendor_install(nas.engine, "Nasty", "1.0", NULL);
    vendor_install(nas.engine, "QVPN", "1.0", NULL);
    vendor_refresh(nas.engine);
    g_autofree char *offers = offer_words(nas.engine);
    g_assert_cmpstr(offers, ==, "Nasty 1.1 critical refuse dependency; QVPN 1.1 critical at window");
    g_autoptr(Request) fixes = request_new(REQUEST_UPGRADE);
    fixes->security_only = TRUE;
    g_autofree char *plan = plan_words(nas.engine, fixes);
    g_assert_cmpstr(plan, ==, "upgrade QVPN 1.0 -> 1.1 [critical, asked for] | Nasty 1.1: " GIVEN_UP);
    g_autoptr(Request) one = request_new(REQUEST_UPGRADE);
    request_add_app(one, "Nasty", NULL);
    g_autofree char *failed = plan_words(nas.engine, one);
    g_assert_cmpstr(failed, ==, "internal: " GIVEN_UP);
}

static void add_many_bystanders(Vendor *vendor)
{
    for (guint i = 0; i < 600; i++) {
        g_autofree char *version = g_strdup_printf("2.%u", i);
        vendor_add(vendor, "MediaLibrary", version, "");
    }
}

static void test_a_report_is_of_bounded_length(void)
{
    g_auto(Nas) nas = {0};
    nas_init(&nas);
    vendor_forget(&nas.vendor);
    add_many_bystanders(&nas.vendor);
    vendor_add(&nas.vendor, "PhotoStation", "2.0", ",\"requires\":[\"MediaLibrary >= 2.0\"]");
    vendor_publish(&nas.vendor);
    vendor_refresh(nas.engine);
    spoil = forget_the_dependency;
    g_autoptr(Request) request = request_new(REQUEST_UPGRADE);
    request_add_app(request, "PhotoStation", NULL);
    request->debug_solver = TRUE;
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = engine_plan(nas.engine, request, &error);
    g_assert_null(plan);
    g_assert_cmpuint(strlen(error->message), <, 17 * 1024);
    g_assert_nonnull(strstr(error->message, "(cut here; --debug-solver FILE writes all of it)"));
    g_assert_nonnull(strstr(error->message, "= upgrade PhotoStation 1.0 -> 2.0 (asked for)\n"));
    g_assert_cmpuint(strlen(engine_solver_case(nas.engine)), >, strlen(error->message));
}

static void test_what_the_solver_was_asked_is_told_when_it_is_wanted(void)
{
    g_auto(Nas) nas = {0};
    nas_init(&nas);
    g_autoptr(Request) request = request_new(REQUEST_INSTALL);
    request_add_app(request, "PhotoStation", "3.0");
    request->debug_solver = TRUE;
    g_autofree char *words = plan_words(nas.engine, request);
    g_assert_cmpstr(words, ==, "not-found: no repository offers PhotoStation 3.0");
    g_assert_cmpstr(body_of(engine_solver_case(nas.engine)), ==,
                    "installed MediaLibrary 1.0; arch all\n"
                    "installed PhotoStation 1.0; arch all; requires MediaLibrary\n"
                    "request install PhotoStation=3.0\n"
                    "= not-found: no repository offers PhotoStation 3.0\n"
                    "available MediaLibrary 2.0; arch all\n"
                    "available PhotoStation 2.0; arch all; requires MediaLibrary >= 2.0\n");
    request->debug_solver = FALSE;
    g_autofree char *again = plan_words(nas.engine, request);
    g_assert_cmpstr(again, ==, words);
    g_assert_null(engine_solver_case(nas.engine));
}

void plan_broken_tests(void)
{
    g_test_add_func("/plan_broken/a_plan_that_breaks_a_rule_is_refused_with_its_case",
                    test_a_plan_that_breaks_a_rule_is_refused_with_its_case);
    g_test_add_func("/plan_broken/a_plan_that_removes_what_nobody_asked_for_is_refused",
                    test_a_plan_that_removes_what_nobody_asked_for_is_refused);
    g_test_add_func("/plan_broken/a_security_plan_that_forgets_a_fix_is_refused",
                    test_a_security_plan_that_forgets_a_fix_is_refused);
    g_test_add_func("/plan_broken/dependencies_without_end_cost_only_their_own_app",
                    test_dependencies_without_end_cost_only_their_own_app);
    g_test_add_func("/plan_broken/a_report_is_of_bounded_length", test_a_report_is_of_bounded_length);
    g_test_add_func("/plan_broken/what_the_solver_was_asked_is_told_when_it_is_wanted",
                    test_what_the_solver_was_asked_is_told_when_it_is_wanted);
}
