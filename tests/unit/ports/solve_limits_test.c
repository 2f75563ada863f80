/* solve_limits_test.c - what one question may cost: CPU time and memory, and that nobody else pays for it.
 *
 * The nasty question is the pigeons': an app that needs N others beside each other of which each can be met by any of N - 1
 * apps, but each of these in a version of its own. Nothing but trying finds out that it cannot be.
 */
#include "ports/solve.h"
#include "tests.h"

#include <string.h>

typedef struct {
    GPtrArray *installed, *available;
    Request *request;
    SolveInput input;
} Box;

static Release *add_release(Box *box, const char *name, const char *version)
{
    Release *release = g_new0(Release, 1);
    release->name = g_strdup(name);
    release->version = g_strdup(version);
    release->arch = g_strdup("all");
    release->publisher = g_strdup("vendor");
    release->repository = g_strdup("qnap");
    g_ptr_array_add(box->available, release);
    return release;
}

static void add_pigeons(Box *box, guint n)
{
    g_autoptr(GStrvBuilder) needs = g_strv_builder_new();
    Release *nasty = add_release(box, "Nasty", "1.0");
    for (guint pigeon = 1; pigeon <= n; pigeon++) {
        g_autoptr(GString) item = g_string_new(NULL);
        g_autofree char *version = g_strdup_printf("%u.0", pigeon);
        for (guint hole = 1; hole < n; hole++) {
            g_autofree char *name = g_strdup_printf("Hole%u", hole);
            g_string_append_printf(item, "%s%s = %s", hole > 1 ? " | " : "", name, version);
            add_release(box, name, version);
        }
        g_strv_builder_add(needs, item->str);
    }
    nasty->requires = g_strv_builder_end(needs);
}

static void box_init(Box *box, SolveLimits limits)
{
    box->installed = g_ptr_array_new_with_free_func((GDestroyNotify)installed_app_free);
    box->available = g_ptr_array_new_with_free_func((GDestroyNotify)release_free);
    box->request = request_new(REQUEST_INSTALL);
    box->input = (SolveInput){.installed = box->installed,
                              .available = box->available,
                              .os_version = "5.1.0",
                              .box_arch = "x86_64",
                              .request = box->request,
                              .limits = limits};
}

static void box_clear(Box *box)
{
    g_ptr_array_unref(box->installed);
    g_ptr_array_unref(box->available);
    request_free(box->request);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Box, box_clear)

static void a_search_without_end_is_given_up(void)
{
    g_auto(Box) box = {0};
    box_init(&box, (SolveLimits){.cpu_s = 1});
    add_pigeons(&box, 13);
    request_add_app(box.request, "Nasty", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) changes = solve(&box.input, NULL, &error);
    g_assert_null(changes);
    assert_error(&error, APPCENTER_ERROR_INTERNAL,
                 "the search for a plan took more than 1 s of CPU time and was given up");
}

static void a_search_that_takes_all_memory_is_given_up(void)
{
#ifdef __SANITIZE_ADDRESS__
    g_test_skip("AddressSanitizer reserves its address space beforehand");
    return;
#endif
    if (!g_test_subprocess()) { /* what earlier tests have freed is memory that the child has already */
        g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
        g_test_trap_assert_passed();
        return;
    }
    g_auto(Box) box = {0};
    box_init(&box, (SolveLimits){.memory_mb = 2});
    for (guint i = 0; i < 40000; i++) {
        g_autofree char *name = g_strdup_printf("App%u", i);
        add_release(&box, name, "1.0");
    }
    request_add_app(box.request, "App7", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) changes = solve(&box.input, NULL, &error);
    g_assert_null(changes);
    assert_error(&error, APPCENTER_ERROR_INTERNAL,
                 "the search for a plan was given up: it may use 2 MB of memory");
    box.input.limits.memory_mb = 0; /* the same within the usual limit */
    changes = solve(&box.input, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(changes->len, ==, 1);
}

static void one_nasty_release_does_not_keep_others_from_an_answer(void)
{
    g_auto(Box) box = {0};
    gboolean is_os = TRUE;
    box_init(&box, (SolveLimits){.cpu_s = 1});
    add_pigeons(&box, 13);
    const Release *nasty = g_ptr_array_index(box.available, 0);
    const Release *good = add_release(&box, "Good", "1.0");
    Release *bad = add_release(&box, "Bad", "1.0");
    bad->requires = g_strsplit("Ghost", ",", -1);
    g_autoptr(SolveProber) prober = solve_prober_new(&box.input);
    g_autofree char *first = solve_prober_ask(prober, good, &is_os);
    g_assert_null(first);
    g_autofree char *given_up = solve_prober_ask(prober, nasty, &is_os);
    g_assert_cmpstr(given_up, ==,
                    "Nasty 1.0: the search for a plan took more than 1 s of CPU time and was given up");
    g_assert_false(is_os);
    g_autofree char *second = solve_prober_ask(prober, good, &is_os);
    g_assert_null(second);
    g_autofree char *sentence = solve_prober_ask(prober, bad, &is_os);
    g_assert_cmpstr(sentence, ==, "Bad 1.0 needs Ghost, and no repository offers it");
}

static char *own_limits(void)
{
    char *limits = NULL;
    g_autoptr(GError) error = NULL;
    g_file_get_contents("/proc/self/limits", &limits, NULL, &error);
    g_assert_no_error(error);
    return limits;
}

static void what_the_search_may_use_is_no_limit_for_who_asks(void)
{
    g_auto(Box) box = {0};
    box_init(&box, (SolveLimits){.cpu_s = 1, .memory_mb = 16});
    add_release(&box, "App", "1.0");
    request_add_app(box.request, "App", NULL);
    g_autofree char *before = own_limits();
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) changes = solve(&box.input, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(changes->len, ==, 1);
    g_autofree char *after = own_limits();
    g_assert_cmpstr(before, ==, after);
}

void solve_limits_tests(void)
{
    g_test_add_func("/solve_limits/a_search_without_end_is_given_up", a_search_without_end_is_given_up);
    g_test_add_func("/solve_limits/a_search_that_takes_all_memory_is_given_up",
                    a_search_that_takes_all_memory_is_given_up);
    g_test_add_func("/solve_limits/one_nasty_release_does_not_keep_others_from_an_answer",
                    one_nasty_release_does_not_keep_others_from_an_answer);
    g_test_add_func("/solve_limits/what_the_search_may_use_is_no_limit_for_who_asks",
                    what_the_search_may_use_is_no_limit_for_who_asks);
}
