/* sandbox_test.c - what a confined helper can still do, and what not. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOBODY 65534

/* Each question has its number: a child that exits with it has been caught there. */
static int try_everything(gpointer data)
{
    const Scratch *scratch = data;
    g_autoptr(GError) error = NULL;
    g_auto(Fd) dir = root_dir_openat(scratch->root, "/dir", O_RDONLY | O_DIRECTORY, 0, NULL);
    g_auto(Fd) opened = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    g_autofree char *outside = scratch_path(scratch, "outside");
    char byte;
    SandboxSpec spec = {.writable_dir_fds = &dir,
                        .n_writable_dir_fds = 1,
                        .max_cpu_s = 30,
                        .max_file_bytes = 1000,
                        .run_as_uid = NOBODY,
                        .run_as_gid = NOBODY};
    guint missing = 4711;
    guint wanted_missing = sandbox_probe();
    gboolean was_root = geteuid() == 0;
    if (!sandbox_enter(&spec, &missing, &error)) {
        g_printerr("%s\n", error->message);
        return 1;
    }
    if (missing != wanted_missing)
        return 2;
    if (was_root && (getuid() != NOBODY || getegid() != NOBODY || setuid(0) == 0))
        return 3;
    if (mkdirat(dir, "sub", 0755) != 0 || !files_write_atomic_at(dir, "file", "written", 7, 0644, &error) ||
        symlinkat("/etc/passwd", dir, "link") != 0 || renameat(dir, "file", dir, "sub/renamed") != 0)
        return 4;
    if (read(opened, &byte, 1) != 1)
        return 5;
    if (!(missing & SANDBOX_MISSING_LANDLOCK)) {
        if (open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES)
            return 6;
        if (openat(dir, "link", O_RDONLY) >= 0 || openat(dir, "../outside", O_RDONLY) >= 0)
            return 7;
        if (open(outside, O_WRONLY) >= 0 || unlink(outside) == 0 ||
            linkat(dir, "sub/renamed", AT_FDCWD, outside, 0) == 0)
            return 8;
    }
    if (!(missing & SANDBOX_MISSING_SECCOMP)) {
        if (socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || errno != EPERM || socket(AF_INET, SOCK_STREAM, 0) >= 0)
            return 9;
        if (fork() >= 0 || errno != EPERM)
            return 10;
        if (execl("/bin/true", "true", NULL) == 0 || kill(getppid(), 0) == 0)
            return 11;
    }
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur != 1000 ||
        getrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_max != 0 || getrlimit(RLIMIT_CPU, &limit) != 0 ||
        limit.rlim_cur != 30)
        return 12;
    return 0;
}

static void a_confined_helper_writes_below_its_directory_only(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    scratch_write(&scratch, "outside", "x");
    g_assert_true(root_dir_make_dirs(scratch.root, "/dir", 0777, &error));
    if (geteuid() == 0)
        g_assert_cmpint(chmod(scratch.path, 0711), ==, 0);
    g_assert_cmpint(exit_code_of_child(try_everything, &scratch), ==, 0);
    g_autofree char *content = scratch_read(&scratch, "dir/sub/renamed");
    g_assert_cmpstr(content, ==, "written");
}

static int try_network(gpointer data G_GNUC_UNUSED)
{
    SandboxSpec spec = {.allow_network = TRUE};
    if (!sandbox_enter(&spec, NULL, NULL))
        return 1;
    return socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ? 0 : 2;
}

static void the_network_is_there_when_it_is_allowed(void)
{
    g_assert_cmpint(exit_code_of_child(try_network, NULL), ==, 0);
}

static int try_memory(gpointer data G_GNUC_UNUSED)
{
    /* more than the address sanitizer reserves for itself, so that this test runs with it too */
    gint64 wanted = G_GINT64_CONSTANT(1) << 45;
    struct rlimit limit;
    SandboxSpec spec = {.max_memory_bytes = wanted};
    if (!sandbox_enter(&spec, NULL, NULL))
        return 1;
    return getrlimit(RLIMIT_AS, &limit) == 0 && (gint64)limit.rlim_max == wanted ? 0 : 2;
}

static void memory_is_bounded(void)
{
    g_assert_cmpint(exit_code_of_child(try_memory, NULL), ==, 0);
}

static int abort_confined(gpointer data G_GNUC_UNUSED)
{
    SandboxSpec spec = {.max_cpu_s = 30};
    signal(SIGABRT, SIG_DFL);
    if (!sandbox_enter(&spec, NULL, NULL))
        return 1;
    abort();
}

static void a_confined_helper_can_still_abort(void)
{
    g_assert_cmpint(exit_code_of_child(abort_confined, NULL), ==, -1);
}

static int wait_confined(gpointer data)
{
    SandboxSpec spec = {.die_with_parent = TRUE, .run_as_uid = NOBODY, .run_as_gid = NOBODY};
    const int *ends = data;
    char byte = sandbox_enter(&spec, NULL, NULL) ? 'y' : 'n';
    if (write(ends[1], &byte, 1) != 1)
        return 1;
    for (;;)
        g_usleep(G_USEC_PER_SEC);
}

static int leave_a_confined_child(gpointer data)
{
    const int *ends = data;
    char byte = '?';
    pid_t pid = fork();
    if (pid == 0)
        _exit(wait_confined(data));
    /* only a child that is ready may lose its parent */
    return pid > 0 && read(ends[0], &byte, 1) == 1 && byte == 'y' ? 0 : 1;
}

static void a_confined_helper_dies_with_its_parent(void)
{
    int ends[2];
    char byte;
    g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
    g_assert_cmpint(exit_code_of_child(leave_a_confined_child, ends), ==, 0);
    close(ends[1]);
    /* the helper has the only other writing end: the end of the file is its end */
    struct pollfd end = {.fd = ends[0], .events = POLLIN};
    g_assert_cmpint(poll(&end, 1, 10 * 1000), ==, 1);
    g_assert_cmpint(read(ends[0], &byte, 1), ==, 0);
    close(ends[0]);
}

static int use_a_bad_descriptor(gpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    int none = 12345;
    SandboxSpec spec = {.writable_dir_fds = &none, .n_writable_dir_fds = 1};
    return sandbox_enter(&spec, NULL, &error) ? 1 : g_strrstr(error->message, "descriptor 12345") ? 0 : 2;
}

static void a_sandbox_that_cannot_be_made_is_an_error(void)
{
    if (sandbox_probe() & SANDBOX_MISSING_LANDLOCK) {
        g_test_skip("this kernel has no landlock");
        return;
    }
    g_assert_cmpint(exit_code_of_child(use_a_bad_descriptor, NULL), ==, 0);
}

void sandbox_tests_add(void)
{
    g_test_add_func("/sandbox/a_confined_helper_writes_below_its_directory_only",
                    a_confined_helper_writes_below_its_directory_only);
    g_test_add_func("/sandbox/the_network_is_there_when_it_is_allowed",
                    the_network_is_there_when_it_is_allowed);
    g_test_add_func("/sandbox/memory_is_bounded", memory_is_bounded);
    g_test_add_func("/sandbox/a_confined_helper_can_still_abort", a_confined_helper_can_still_abort);
    g_test_add_func("/sandbox/a_confined_helper_dies_with_its_parent",
                    a_confined_helper_dies_with_its_parent);
    g_test_add_func("/sandbox/a_sandbox_that_cannot_be_made_is_an_error",
                    a_sandbox_that_cannot_be_made_is_an_error);
}
