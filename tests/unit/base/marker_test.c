/* marker_test.c - an app's processes are found by their environment and ended, others are left alone. */
#include "test.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A shell of that app; returns when it has begun. */
static pid_t start_marked(const Scratch *scratch, const char *app, const char *script)
{
    char byte;
    int ends[2];
    g_autofree char *instance = marker_instance(scratch->root);
    g_autofree char *app_entry = g_strconcat("APPCENTER_APP=", app, NULL);
    g_autofree char *instance_entry = g_strconcat("APPCENTER_INSTANCE=", instance, NULL);
    char *envp[] = {(char *)"PATH=/usr/bin:/bin", app_entry, instance_entry, NULL};
    char *argv[] = {(char *)"/bin/sh", (char *)"-c", (char *)script, NULL};
    g_assert_cmpint(pipe(ends), ==, 0);
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed assertion must not leave it behind */
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        execve(argv[0], argv, envp);
        _exit(127);
    }
    close(ends[1]);
    g_assert_cmpint(read(ends[0], &byte, 1), ==, 1);
    close(ends[0]);
    return pid;
}

static gboolean has_pid(GArray *pids, pid_t pid)
{
    for (guint i = 0; i < pids->len; i++)
        if (g_array_index(pids, pid_t, i) == pid)
            return TRUE;
    return FALSE;
}

static void only_processes_with_both_words_are_found(void)
{
    g_auto(Scratch) scratch = {0};
    g_auto(Scratch) other = {0};
    scratch_init(&scratch);
    scratch_init(&other);
    pid_t pid = start_marked(&scratch, "Photo", "echo; exec sleep 60");
    g_autoptr(GArray) of_app = marker_pids(scratch.root, "Photo");
    g_autoptr(GArray) of_all = marker_pids(scratch.root, NULL);
    g_autoptr(GArray) of_part = marker_pids(scratch.root, "Pho");
    g_autoptr(GArray) of_other_root = marker_pids(other.root, "Photo");
    g_assert_true(has_pid(of_app, pid));
    g_assert_true(has_pid(of_all, pid));
    g_assert_cmpuint(of_part->len, ==, 0);
    g_assert_cmpuint(of_other_root->len, ==, 0);
    g_assert_true(marker_pid_is_of(scratch.root, "Photo", pid));
    g_assert_false(marker_pid_is_of(scratch.root, "Photo", getpid()));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void a_polite_process_ends_by_sigterm(void)
{
    int status;
    g_auto(Scratch) scratch = {0};
    g_autoptr(GError) error = NULL;
    scratch_init(&scratch);
    pid_t pid = start_marked(&scratch, "Photo", "echo; exec sleep 60");
    g_assert_true(marker_kill(scratch.root, "Photo", 5, &error));
    g_assert_no_error(error);
    g_assert_cmpint(waitpid(pid, &status, WNOHANG), ==, pid);
    g_assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static void a_stubborn_process_and_its_children_are_killed(void)
{
    int status;
    g_auto(Scratch) scratch = {0};
    g_autoptr(GError) error = NULL;
    scratch_init(&scratch);
    pid_t pid =
        start_marked(&scratch, "Photo",
                     "trap '' TERM; setsid sh -c 'trap \"\" TERM; sleep 61' & echo; wait; wait; sleep 60");
    g_assert_true(marker_kill(scratch.root, "Photo", 1, &error));
    g_assert_no_error(error);
    g_assert_cmpint(waitpid(pid, &status, WNOHANG), ==, pid);
    g_assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    g_autoptr(GArray) left = marker_pids(scratch.root, NULL);
    g_assert_cmpuint(left->len, ==, 0);
}

/* Where groups are permitted nobody gets away. */
static void a_process_that_clears_its_environment_is_found_by_its_group(void)
{
    int status;
    char byte;
    int ends[2];
    g_auto(Scratch) scratch = {0};
    g_autoptr(GError) error = NULL;
    scratch_init(&scratch);
    g_auto(Fd) group = marker_group_open(scratch.root, "Photo");
    if (group < 0) {
        g_test_skip("this system lets us make no control group");
        return;
    }
    g_assert_cmpint(pipe(ends), ==, 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        marker_group_join(group);
        dup2(ends[1], 1);
        execle("/bin/sh", "sh", "-c", "echo; exec sleep 60", NULL, (char *[]){NULL});
        _exit(127);
    }
    g_assert_cmpint(read(ends[0], &byte, 1), ==, 1);
    close(ends[0]);
    close(ends[1]);
    g_autoptr(GArray) of_app = marker_pids(scratch.root, "Photo");
    g_autoptr(GArray) of_all = marker_pids(scratch.root, NULL);
    g_autoptr(GArray) of_part = marker_pids(scratch.root, "Pho");
    g_assert_true(has_pid(of_app, pid) && has_pid(of_all, pid));
    g_assert_cmpuint(of_part->len, ==, 0);
    g_assert_true(marker_kill(scratch.root, "Photo", 5, &error));
    g_assert_no_error(error);
    g_assert_cmpint(waitpid(pid, &status, WNOHANG), ==, pid);
    g_assert_cmpint(write(group, "0", 1), ==, -1); /* the group is gone */
}

static void other_apps_live_on(void)
{
    g_auto(Scratch) scratch = {0};
    g_autoptr(GError) error = NULL;
    scratch_init(&scratch);
    pid_t pid = start_marked(&scratch, "Music", "echo; exec sleep 60");
    g_assert_true(marker_kill(scratch.root, "Photo", 1, &error));
    g_assert_no_error(error);
    g_assert_cmpint(waitpid(pid, NULL, WNOHANG), ==, 0);
    g_assert_true(marker_kill(scratch.root, NULL, 1, &error)); /* all of this root */
    g_assert_cmpint(waitpid(pid, NULL, WNOHANG), ==, pid);
}

/* Its environment cannot be read for a moment at each exec: never may it seem to be gone. */
static void a_process_that_execs_again_and_again_stays_alive(void)
{
    g_auto(Scratch) scratch = {0};
    g_autoptr(GError) error = NULL;
    scratch_init(&scratch);
    scratch_write(&scratch, "again.sh", "exec /bin/sh $0\n");
    g_autofree char *path = scratch_path(&scratch, "again.sh");
    g_autofree char *script = g_strdup_printf("echo; exec /bin/sh %s", path);
    pid_t pid = start_marked(&scratch, "Photo", script);
    for (int i = 0; i < 3000; i++)
        g_assert_true(marker_pid_is_of(scratch.root, "Photo", pid));
    g_assert_true(marker_kill(scratch.root, "Photo", 5, &error));
    waitpid(pid, NULL, 0);
}

void marker_tests_add(void)
{
    g_test_add_func("/marker/a_process_that_execs_again_and_again_stays_alive",
                    a_process_that_execs_again_and_again_stays_alive);
    g_test_add_func("/marker/only_processes_with_both_words_are_found",
                    only_processes_with_both_words_are_found);
    g_test_add_func("/marker/a_polite_process_ends_by_sigterm", a_polite_process_ends_by_sigterm);
    g_test_add_func("/marker/a_stubborn_process_and_its_children_are_killed",
                    a_stubborn_process_and_its_children_are_killed);
    g_test_add_func("/marker/a_process_that_clears_its_environment_is_found_by_its_group",
                    a_process_that_clears_its_environment_is_found_by_its_group);
    g_test_add_func("/marker/other_apps_live_on", other_apps_live_on);
}
