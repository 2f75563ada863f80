/* process_test.c - one program to its end: outcomes, limits, inheritance. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHELL(script) ((const char *const[]){"/bin/sh", "-c", script, NULL})

static void the_exit_code_and_the_output_are_told(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(ProcessResult) result = {0};
    ProcessSpec spec = PROCESS_SPEC_INIT;
    spec.argv = SHELL("echo out; echo err >&2; printf 'a\\377\\000b'; exit 3");
    g_assert_true(process_run(&spec, &result, &error));
    g_assert_no_error(error);
    g_assert_cmpint(result.exit_code, ==, 3);
    g_assert_cmpint(result.term_signal, ==, 0);
    g_assert_false(result.timed_out);
    g_assert_true(g_utf8_validate(result.output, -1, NULL));
    g_assert_true(g_str_has_prefix(result.output, "out\nerr\na"));
}

static void a_signal_is_told(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(ProcessResult) result = {0};
    ProcessSpec spec = PROCESS_SPEC_INIT;
    spec.argv = SHELL("kill -9 $$");
    g_assert_true(process_run(&spec, &result, &error));
    g_assert_cmpint(result.exit_code, ==, -1);
    g_assert_cmpint(result.term_signal, ==, SIGKILL);
    g_assert_cmpstr(result.output, ==, "");
}

static void a_program_that_is_not_there_is_an_error(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(ProcessResult) result = {0};
    ProcessSpec spec = PROCESS_SPEC_INIT;
    spec.argv = (const char *const[]){"/no/such/program", NULL};
    g_assert_false(process_run(&spec, &result, &error));
    g_assert_nonnull(result.output);
    assert_error(&error, APPCENTER_ERROR_IO, "start /no/such/program: No such file");
    process_result_clear(&result);
    spec.argv = (const char *const[]){"/etc/passwd", NULL};
    g_assert_false(process_run(&spec, &result, &error));
    assert_error(&error, APPCENTER_ERROR_IO, "start /etc/passwd: Permission denied");
    process_result_clear(&result);
    spec.argv = (const char *const[]){NULL};
    g_assert_false(process_run(&spec, &result, &error));
    assert_error(&error, APPCENTER_ERROR_INVALID, "wanted its path");
}

static gboolean process_is_alive(int pid)
{
    g_autofree char *stat_path = g_strdup_printf("/proc/%d/stat", pid);
    g_autofree char *stat = NULL;
    if (pid <= 0 || !g_file_get_contents(stat_path, &stat, NULL, NULL))
        return FALSE;
    return strstr(stat, ") Z ") == NULL;
}

/* A killed grandchild is a moment away from being gone. */
static void assert_dies(const char *pid_text)
{
    int pid = (int)g_ascii_strtoll(pid_text, NULL, 10);
    g_assert_cmpint(pid, >, 0);
    for (int i = 0; i < 100 && process_is_alive(pid); i++)
        g_usleep(10 * 1000);
    g_assert_false(process_is_alive(pid));
}

static void the_time_limit_ends_the_whole_group(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(ProcessResult) result = {0};
    ProcessSpec spec = PROCESS_SPEC_INIT;
    gint64 start_us = g_get_monotonic_time();
    spec.argv = SHELL("trap '' TERM; sleep 300 & echo $!; wait; while :; do sleep 1; done");
    spec.timeout_s = 1;
    g_assert_true(process_run(&spec, &result, &error));
    gint64 took_us = g_get_monotonic_time() - start_us;
    g_assert_true(result.timed_out);
    g_assert_cmpint(result.exit_code, ==, -1);
    g_assert_cmpint(result.term_signal, ==, SIGKILL);
    g_assert_cmpint(took_us, >=, 2900 * 1000);
    g_assert_cmpint(took_us, <, 30 * G_USEC_PER_SEC);
    assert_dies(result.output);
}

static void the_polite_signal_comes_first(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(ProcessResult) result = {0};
    ProcessSpec spec = PROCESS_SPEC_INIT;
    spec.argv = SHELL("trap 'echo tidied; exit 0' TERM; echo ready; while :; do sleep 0.1; done");
    spec.timeout_s = 1;
    g_assert_true(process_run(&spec, &result, &error));
    g_assert_true(result.timed_out);
    g_assert_cmpint(result.exit_code, ==, -1);
    g_assert_cmpint(result.term_signal, ==, 0);
    g_assert_true(g_str_has_prefix(result.output, "ready\n") && g_str_has_suffix(result.output, "tidied\n"));
}

static gboolean third_time(gpointer data)
{
    return ++*(int *)data >= 3;
}

static void a_cancelled_program_is_ended(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(ProcessResult) result = {0};
    int asked = 0;
    ProcessSpec spec = PROCESS_SPEC_INIT;
    spec.argv = SHELL("echo $$; sleep 300");
    spec.is_cancelled = third_time;
    spec.is_cancelled_data = &asked;
    g_assert_false(process_run(&spec, &result, &error));
    assert_error(&error, APPCENTER_ERROR_CANCELLED, "/bin/sh: cancelled");
    g_assert_cmpint(asked, ==, 3);
    assert_dies(result.output);
}

static void a_daemon_that_keeps_the_pipe_does_not_hold_us(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(ProcessResult) result = {0};
    ProcessSpec spec = PROCESS_SPEC_INIT;
    gint64 start_us = g_get_monotonic_time();
    spec.argv = SHELL("sleep 30 & echo $!; exit 0");
    g_assert_true(process_run(&spec, &result, &error));
    g_assert_cmpint(g_get_monotonic_time() - start_us, <, 20 * G_USEC_PER_SEC);
    g_assert_cmpint(result.exit_code, ==, 0);
    int daemon_pid = (int)g_ascii_strtoll(result.output, NULL, 10);
    g_assert_true(process_is_alive(daemon_pid)); /* and is left alone */
    kill(daemon_pid, SIGKILL);
}

static void output_beyond_the_cap_is_dropped(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(ProcessResult) result = {0};
    ProcessSpec spec = PROCESS_SPEC_INIT;
    spec.argv = SHELL("head -c 300000 /dev/zero | tr '\\0' y; echo z >&2; exit 4");
    spec.max_output_bytes = 1000;
    g_assert_true(process_run(&spec, &result, &error));
    g_assert_cmpint(result.exit_code, ==, 4); /* it could write all of it */
    g_assert_cmpuint(strlen(result.output), ==, 1000);
    process_result_clear(&result);
    spec.max_output_bytes = 0;
    g_assert_true(process_run(&spec, &result, &error));
    g_assert_cmpuint(strlen(result.output), ==, 64 * 1024);
}

static void the_child_inherits_nothing_that_is_not_named(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(ProcessResult) result = {0};
    g_auto(Fd) passed = open("/dev/null", O_RDONLY | O_CLOEXEC);
    g_auto(Fd) kept = fcntl(passed, F_DUPFD, 200); /* no CLOEXEC on purpose */
    g_assert_cmpint(kept, >=, 200);
    g_setenv("APPCENTER_TEST_SECRET", "x", TRUE);
    signal(SIGPIPE, SIG_IGN);
    mode_t before = umask(077);
    ProcessSpec spec = PROCESS_SPEC_INIT;
    spec.argv = SHELL("echo fds: /proc/self/fd/*; env | grep -v ^PWD | sort; pwd; umask; grep SigIgn "
                      "/proc/self/status; readlink /proc/self/fd/0");
    spec.pass_fds = (int[]){passed};
    spec.n_pass_fds = 1;
    g_assert_true(process_run(&spec, &result, &error));
    umask(before);
    signal(SIGPIPE, SIG_DFL);
    g_unsetenv("APPCENTER_TEST_SECRET");
    g_assert_no_error(error);
    g_autofree char *passed_name = g_strdup_printf("/proc/self/fd/%d ", passed);
    g_autofree char *kept_name = g_strdup_printf("/proc/self/fd/%d", kept);
    g_auto(GStrv) lines = g_strsplit(result.output, "\n", 2);
    g_autofree char *fds = g_strconcat(lines[0], " ", NULL);
    g_assert_nonnull(strstr(fds, passed_name));
    g_assert_null(strstr(fds, kept_name));
    g_assert_null(strstr(result.output, "SECRET"));
    g_assert_nonnull(strstr(result.output, "LANG=C\n"));
    g_assert_nonnull(strstr(result.output, "PATH=/"));
    g_assert_nonnull(strstr(result.output, "\n/\n0022\n"));
    /* All signals that have a name have their default; the C library keeps two (32 and 33) that make ignores. */
    const char *ignored = strstr(result.output, "SigIgn:\t");
    g_assert_nonnull(ignored);
    guint64 mask = g_ascii_strtoull(ignored + strlen("SigIgn:\t"), NULL, 16);
    g_assert_cmphex(mask & ~G_GUINT64_CONSTANT(0x180000000), ==, 0);
    g_assert_nonnull(strstr(ignored, "\n/dev/null\n"));
}

static void stdin_environment_and_directory_can_be_given(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(ProcessResult) result = {0};
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    scratch_write(&scratch, "in", "typed\n");
    g_auto(Fd) in = root_dir_openat(scratch.root, "/in", O_RDONLY, 0, &error);
    ProcessSpec spec = PROCESS_SPEC_INIT;
    spec.argv = SHELL("read x; echo $x $GREETING; pwd -P");
    spec.envp = (const char *const[]){"GREETING=hello", NULL};
    spec.stdin_fd = in;
    spec.cwd_fd = root_dir_fd(scratch.root);
    g_assert_true(process_run(&spec, &result, &error));
    g_assert_no_error(error);
    g_autofree char *wanted = g_strdup_printf("typed hello\n%s\n", root_dir_path(scratch.root));
    g_assert_cmpstr(result.output, ==, wanted);
}

static void a_standard_descriptor_cannot_be_passed_on(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(ProcessResult) result = {0};
    ProcessSpec spec = PROCESS_SPEC_INIT;
    spec.argv = SHELL("true");
    spec.pass_fds = (int[]){1};
    spec.n_pass_fds = 1;
    g_assert_false(process_run(&spec, &result, &error));
    assert_error(&error, APPCENTER_ERROR_INVALID, "above 2");
}

static gboolean setup_fails(gpointer data)
{
    dprintf(STDERR_FILENO, "%s", (const char *)data);
    return FALSE;
}

static gboolean setup_sets_variable(gpointer data)
{
    return fchdir(*(int *)data) == 0;
}

static void the_setup_runs_before_the_program(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(ProcessResult) result = {0};
    g_auto(Fd) usr = open("/usr", O_PATH | O_DIRECTORY | O_CLOEXEC);
    ProcessSpec spec = PROCESS_SPEC_INIT;
    spec.argv = SHELL("pwd -P");
    spec.child_setup = setup_sets_variable;
    spec.child_setup_data = &usr;
    g_assert_true(process_run(&spec, &result, &error));
    g_assert_cmpstr(result.output, ==, "/usr\n");
    process_result_clear(&result);
    spec.child_setup = setup_fails;
    spec.child_setup_data = (gpointer) "no room\n";
    g_assert_true(process_run(&spec, &result, &error));
    g_assert_cmpint(result.exit_code, ==, 126);
    g_assert_cmpstr(result.output, ==, "no room\n");
}

static void remember_group(pid_t pgid, gpointer data)
{
    *(pid_t *)data = pgid;
}

static void the_group_is_told_at_the_start(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(ProcessResult) result = {0};
    pid_t pgid = 0;
    ProcessSpec spec = PROCESS_SPEC_INIT;
    spec.argv = SHELL("cut -d' ' -f5 /proc/self/stat");
    spec.on_started = remember_group;
    spec.on_started_data = &pgid;
    g_assert_true(process_run(&spec, &result, &error));
    g_assert_cmpint(pgid, >, 1);
    g_assert_cmpint(g_ascii_strtoll(result.output, NULL, 10), ==, pgid);
}

static void tell_pid(pid_t pgid, gpointer data)
{
    ssize_t n = write(*(int *)data, &pgid, sizeof pgid);
    g_assert_cmpint(n, ==, sizeof pgid);
}

static int run_and_tell(gpointer data)
{
    g_auto(ProcessResult) result = {0};
    ProcessSpec spec = PROCESS_SPEC_INIT;
    spec.argv = SHELL("exec sleep 300");
    spec.die_with_parent = TRUE;
    spec.on_started = tell_pid;
    spec.on_started_data = data;
    return process_run(&spec, &result, NULL) ? 0 : 1;
}

static void a_program_dies_with_its_parent(void)
{
    int ends[2];
    pid_t grandchild = 0;
    g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(run_and_tell(&ends[1]));
    g_assert_cmpint(read(ends[0], &grandchild, sizeof grandchild), ==, sizeof grandchild);
    g_usleep(100 * 1000);
    g_assert_true(process_is_alive(grandchild));
    kill(pid, SIGKILL);
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
    g_autofree char *text = g_strdup_printf("%d", (int)grandchild);
    assert_dies(text);
    close(ends[0]);
    close(ends[1]);
}

static void a_checked_run_says_how_it_ended(void)
{
    static const struct {
        const char *script;
        gint64 timeout_s;
        const char *message;
    } rows[] = {
        {"echo one; echo; echo ' cannot open x '; exit 7", 0, "sh: ended with exit code 7: cannot open x"},
        {"exit 1", 0, "sh: ended with exit code 1"},
        {"kill -15 $$", 0, "sh: was ended by signal 15 (Terminated)"},
        {"printf '\\033[31mred'; sleep 9", 1, "sh: did not end within 1 s: ?[31mred"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(ProcessResult) result = {0};
        ProcessSpec spec = PROCESS_SPEC_INIT;
        spec.argv = SHELL(rows[i].script);
        spec.timeout_s = rows[i].timeout_s;
        g_assert_false(process_run_checked(&spec, &result, &error));
        g_assert_cmpstr(error->message, ==, rows[i].message);
        assert_error(&error, APPCENTER_ERROR_SCRIPT, "sh: ");
    }
    g_autoptr(GError) error = NULL;
    g_auto(ProcessResult) result = {0};
    ProcessSpec spec = PROCESS_SPEC_INIT;
    spec.argv = SHELL("echo fine");
    g_assert_true(process_run_checked(&spec, &result, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(result.output, ==, "fine\n");
}

static int begin_badly(gpointer data G_GNUC_UNUSED)
{
    sigset_t all;
    g_auto(ProcessResult) result = {0};
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    signal(SIGCHLD, SIG_IGN);
    umask(0);
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    process_begin();
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            return 1;
    ProcessSpec spec = PROCESS_SPEC_INIT;
    spec.argv = SHELL("echo heard; exit 3");
    if (!process_run(&spec, &result, NULL) || result.exit_code != 3 || strcmp(result.output, "heard\n") != 0)
        return 2;
    if (umask(0) != 022 || sigprocmask(SIG_SETMASK, NULL, &all) != 0 || sigismember(&all, SIGTERM))
        return 3;
    return 0;
}

static void a_careless_parent_does_no_harm(void)
{
    g_assert_cmpint(exit_code_of_child(begin_badly, NULL), ==, 0);
}

void process_tests_add(void)
{
    g_test_add_func("/process/a_careless_parent_does_no_harm", a_careless_parent_does_no_harm);
    g_test_add_func("/process/the_exit_code_and_the_output_are_told", the_exit_code_and_the_output_are_told);
    g_test_add_func("/process/a_signal_is_told", a_signal_is_told);
    g_test_add_func("/process/a_program_that_is_not_there_is_an_error",
                    a_program_that_is_not_there_is_an_error);
    g_test_add_func("/process/the_time_limit_ends_the_whole_group", the_time_limit_ends_the_whole_group);
    g_test_add_func("/process/the_polite_signal_comes_first", the_polite_signal_comes_first);
    g_test_add_func("/process/a_cancelled_program_is_ended", a_cancelled_program_is_ended);
    g_test_add_func("/process/a_daemon_that_keeps_the_pipe_does_not_hold_us",
                    a_daemon_that_keeps_the_pipe_does_not_hold_us);
    g_test_add_func("/process/output_beyond_the_cap_is_dropped", output_beyond_the_cap_is_dropped);
    g_test_add_func("/process/the_child_inherits_nothing_that_is_not_named",
                    the_child_inherits_nothing_that_is_not_named);
    g_test_add_func("/process/stdin_environment_and_directory_can_be_given",
                    stdin_environment_and_directory_can_be_given);
    g_test_add_func("/process/a_standard_descriptor_cannot_be_passed_on",
                    a_standard_descriptor_cannot_be_passed_on);
    g_test_add_func("/process/the_setup_runs_before_the_program", the_setup_runs_before_the_program);
    g_test_add_func("/process/the_group_is_told_at_the_start", the_group_is_told_at_the_start);
    g_test_add_func("/process/a_program_dies_with_its_parent", a_program_dies_with_its_parent);
    g_test_add_func("/process/a_checked_run_says_how_it_ended", a_checked_run_says_how_it_ended);
}
