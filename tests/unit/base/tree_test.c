/* tree_test.c - removing trees that resist. */
#include "test.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOBODY 65534

static void a_tree_goes_and_what_its_links_name_stays(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    scratch_write(&scratch, "outside/file", "stays");
    scratch_write(&scratch, "tree/a/b/file", "x");
    scratch_write(&scratch, "tree/a/other", "x");
    scratch_symlink(&scratch, "../outside", "tree/to_dir");
    scratch_symlink(&scratch, "../../outside/file", "tree/a/to_file");
    scratch_symlink(&scratch, "outside", "link");
    g_assert_true(root_dir_remove_tree(scratch.root, "/tree", &error));
    g_assert_true(root_dir_remove_tree(scratch.root, "/tree", &error));
    g_assert_true(root_dir_remove_tree(scratch.root, "/none/tree", &error));
    g_assert_true(root_dir_remove_tree(scratch.root, "/link", &error));
    g_assert_no_error(error);
    g_auto(GStrv) names = root_dir_list(scratch.root, "/", &error);
    g_autofree char *joined = g_strjoinv(" ", names);
    g_assert_cmpstr(joined, ==, "outside");
    g_autofree char *content = scratch_read(&scratch, "outside/file");
    g_assert_cmpstr(content, ==, "stays");
}

static void a_tree_deeper_than_the_descriptor_limit_goes(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_assert_true(root_dir_make_dirs(scratch.root, "/deep", 0755, &error));
    g_auto(Fd) fd = root_dir_openat(scratch.root, "/deep", O_RDONLY | O_DIRECTORY, 0, &error);
    for (int i = 0; i < 3000; i++) {
        g_assert_cmpint(mkdirat(fd, "d", 0755), ==, 0);
        g_auto(Fd) file = openat(fd, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        g_assert_cmpint(file, >=, 0);
        int next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        g_assert_cmpint(next, >=, 0);
        fd_close(fd);
        fd = next;
    }
    g_assert_true(root_dir_remove_tree(scratch.root, "/deep", &error));
    g_assert_no_error(error);
    g_assert_false(root_dir_exists(scratch.root, "/deep"));
}

static void a_tree_with_many_entries_goes(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    for (int i = 0; i < 1500; i++) {
        g_autofree char *name = g_strdup_printf("wide/%s%d", i % 3 ? "file" : "dir/file", i);
        g_autofree char *path = scratch_path(&scratch, name);
        g_autofree char *dir = g_path_get_dirname(path);
        g_mkdir_with_parents(dir, 0755);
        g_auto(Fd) fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        g_assert_cmpint(fd, >=, 0);
    }
    g_assert_true(root_dir_remove_tree(scratch.root, "/wide", &error));
    g_assert_no_error(error);
    g_assert_false(root_dir_exists(scratch.root, "/wide"));
}

static int remove_locked_tree(gpointer data)
{
    const Scratch *scratch = data;
    g_autoptr(GError) error = NULL;
    if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
        return 2;
    scratch_write(scratch, "tree/unreadable/inner/file", "x");
    scratch_write(scratch, "tree/readonly/file", "x");
    scratch_write(scratch, "tree/none/file", "x");
    static const struct {
        const char *name;
        mode_t mode;
    } locks[] = {{"tree/unreadable/inner", 0},
                 {"tree/unreadable", 0311},
                 {"tree/readonly", 0555},
                 {"tree/none", 0},
                 {"tree", 0444}};
    for (guint i = 0; i < G_N_ELEMENTS(locks); i++) {
        g_autofree char *path = scratch_path(scratch, locks[i].name);
        if (chmod(path, locks[i].mode) != 0)
            return 3;
    }
    if (!root_dir_remove_tree(scratch->root, "/tree", &error)) {
        g_printerr("%s\n", error->message);
        return 4;
    }
    return root_dir_exists(scratch->root, "/tree") ? 5 : 0;
}

static void a_tree_without_permissions_goes(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    if (geteuid() == 0)
        g_assert_cmpint(chown(scratch.path, NOBODY, NOBODY), ==, 0);
    g_assert_cmpint(exit_code_of_child(remove_locked_tree, &scratch), ==, 0);
}

static int remove_tree_with_a_mount(gpointer data)
{
    const Scratch *scratch = data;
    g_autoptr(GError) error = NULL;
    g_autofree char *from = scratch_path(scratch, "kept");
    g_autofree char *to = scratch_path(scratch, "tree/mounted");
    int flags = geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS;
    if (unshare(flags) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return 77;
    if (mount(from, to, NULL, MS_BIND, NULL) != 0) /* the same st_dev on both sides */
        return 77;
    /* a root opened before sees the mounts of before */
    g_autoptr(RootDir) root = root_dir_open(scratch->path, &error);
    if (root_dir_remove_tree(root, "/tree", &error))
        return 1;
    if (g_strrstr(error->message, "mounted: is a mount point"))
        return 0;
    g_printerr("%s\n", error->message);
    return 2;
}

static void a_mount_is_not_crossed(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    scratch_write(&scratch, "kept/file", "stays");
    scratch_write(&scratch, "tree/mounted/x", "x");
    int code = exit_code_of_child(remove_tree_with_a_mount, &scratch);
    if (code == 77) {
        g_test_skip("mounts are not permitted here");
        return;
    }
    g_assert_cmpint(code, ==, 0);
    g_autofree char *content = scratch_read(&scratch, "kept/file");
    g_assert_cmpstr(content, ==, "stays");
}

static void names_that_are_no_entry_are_refused(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    scratch_write(&scratch, "a/b", "x");
    static const char *const names[] = {"", ".", "..", "a/b", "/"};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(files_remove_tree_at(root_dir_fd(scratch.root), names[i], &error));
        assert_error(&error, APPCENTER_ERROR_INVALID, "without slashes");
    }
    g_assert_true(root_dir_exists(scratch.root, "/a/b"));
}

void tree_tests_add(void)
{
    g_test_add_func("/tree/a_tree_goes_and_what_its_links_name_stays",
                    a_tree_goes_and_what_its_links_name_stays);
    g_test_add_func("/tree/a_tree_deeper_than_the_descriptor_limit_goes",
                    a_tree_deeper_than_the_descriptor_limit_goes);
    g_test_add_func("/tree/a_tree_with_many_entries_goes", a_tree_with_many_entries_goes);
    g_test_add_func("/tree/a_tree_without_permissions_goes", a_tree_without_permissions_goes);
    g_test_add_func("/tree/a_mount_is_not_crossed", a_mount_is_not_crossed);
    g_test_add_func("/tree/names_that_are_no_entry_are_refused", names_that_are_no_entry_are_refused);
}
