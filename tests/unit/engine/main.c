/* main.c - runs the tests of room engine. */
#include "tests.h"

#include <string.h>

void assert_error(GError **error, AppcenterError kind, const char *part)
{
    g_assert_nonnull(*error);
    if (strstr((*error)->message, part) == NULL)
        g_error("wanted an error with \"%s\", found \"%s\"", part, (*error)->message);
    g_assert_cmpstr(error_code_name(error_kind(*error)), ==, error_code_name(kind));
    g_clear_error(error);
}

int main(int argc, char **argv)
{
    static void (*const groups[])(void) = {refresh_tests,     publishers_tests, offers_tests, plan_tests,
                                           plan_broken_tests, plan_cases_tests, apply_tests,  walk_tests,
                                           recover_tests,     service_tests};
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(groups); i++)
        if (groups[i] != NULL)
            groups[i]();
    return g_test_run();
}
