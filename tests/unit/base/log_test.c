/* log_test.c - what a log line looks like, to people and to the journal. */
#include "test.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void say_something(void)
{
    log_error("refresh", "%d of %d", 1, 2);
    log_debug("refresh", "a detail");
    log_info("refresh", "two\nlines and \x1b[31mred\xff");
}

static void a_line_has_a_time_a_module_and_no_control_bytes(void)
{
    if (g_test_subprocess()) {
        g_unsetenv("JOURNAL_STREAM");
        log_set_level(LOG_LEVEL_INFO);
        say_something();
        return;
    }
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr(
        "2*-*-* *:*:* error: refresh: 1 of 2\n2*-*-* *:*:* refresh: two?lines and ?[31mred*\n");
    g_test_trap_assert_stderr_unmatched("*detail*");
    g_test_trap_assert_stderr_unmatched("*\x1b*");
}

static void the_journal_gets_priorities(void)
{
    if (g_test_subprocess()) {
        struct stat st;
        g_assert_cmpint(fstat(STDERR_FILENO, &st), ==, 0);
        g_autofree char *stream =
            g_strdup_printf("%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
        g_setenv("JOURNAL_STREAM", stream, TRUE);
        g_setenv("APPCENTER_DEBUG", "1", TRUE);
        say_something();
        return;
    }
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr("<3>refresh: 1 of 2\n<7>refresh: a detail\n<6>refresh: two*");
}

void log_tests_add(void)
{
    g_test_add_func("/log/a_line_has_a_time_a_module_and_no_control_bytes",
                    a_line_has_a_time_a_module_and_no_control_bytes);
    g_test_add_func("/log/the_journal_gets_priorities", the_journal_gets_priorities);
}
