/* files_test.c - paths below a root, whole reads, atomic writes. */
#include "test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void the_real_root_has_an_empty_path(void)
{
    static const char *const names[] = {NULL, "", "/", "/usr/.."};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(RootDir) root = root_dir_open(names[i], &error);
        g_assert_no_error(error);
        g_assert_cmpstr(root_dir_path(root), ==, "");
        g_assert_false(root_dir_is_private(root));
        g_autofree char *path = root_dir_host_path(root, "/etc/hosts");
        g_assert_cmpstr(path, ==, "/etc/hosts");
        g_autofree char *top = root_dir_host_path(root, "/");
        g_assert_cmpstr(top, ==, "/");
    }
}

static void a_private_root_has_a_canonical_path(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autofree char *real = realpath(scratch.path, NULL);
    g_autofree char *odd = g_strconcat(scratch.path, "/./", NULL);
    g_autoptr(RootDir) root = root_dir_open(odd, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(root_dir_path(root), ==, real);
    g_assert_true(root_dir_is_private(root));
    g_autofree char *path = root_dir_host_path(root, "/etc/x");
    g_autofree char *wanted = g_strconcat(real, "/etc/x", NULL);
    g_assert_cmpstr(path, ==, wanted);
    g_autofree char *top = root_dir_host_path(root, "/");
    g_assert_cmpstr(top, ==, real);
    struct stat by_fd, by_path;
    g_assert_cmpint(fstat(root_dir_fd(root), &by_fd), ==, 0);
    g_assert_cmpint(stat(real, &by_path), ==, 0);
    g_assert_cmpuint(by_fd.st_ino, ==, by_path.st_ino);
}

static void a_root_that_is_no_directory_is_refused(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    scratch_write(&scratch, "file", "x");
    g_autofree char *file = scratch_path(&scratch, "file");
    g_autofree char *none = scratch_path(&scratch, "none");
    g_assert_null(root_dir_open(none, &error));
    assert_error(&error, APPCENTER_ERROR_NOT_FOUND, "none");
    g_assert_null(root_dir_open(file, &error));
    assert_error(&error, APPCENTER_ERROR_IO, "file");
}

static void no_link_leads_out_of_the_root(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    scratch_write(&scratch, "etc/passwd", "private");
    scratch_symlink(&scratch, "/etc/passwd", "absolute");
    scratch_symlink(&scratch, "../../../../../../etc/passwd", "relative");
    scratch_symlink(&scratch, "/", "top");
    static const char *const paths[] = {"/absolute", "/relative", "/top/etc/passwd", "/../../etc/passwd",
                                        "/top/top/../../etc/passwd"};
    for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) content = root_dir_read(scratch.root, paths[i], 100, &error);
        g_assert_no_error(error);
        g_assert_cmpmem(g_bytes_get_data(content, NULL), g_bytes_get_size(content), "private", 7);
        g_assert_true(root_dir_exists(scratch.root, paths[i]));
    }
    scratch_symlink(&scratch, "/proc/self/cwd", "magic");
    g_assert_false(root_dir_exists(scratch.root, "/magic"));
    scratch_symlink(&scratch, "loop", "loop");
    g_autoptr(GError) error = NULL;
    g_assert_null(root_dir_read(scratch.root, "/loop", 100, &error));
    assert_error(&error, APPCENTER_ERROR_IO, "open /loop");
}

static void magic_links_are_refused_on_the_real_system(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RootDir) root = root_dir_open(NULL, &error);
    g_assert_no_error(error);
    g_assert_true(root_dir_exists(root, "/proc/self/status"));
    g_assert_false(root_dir_exists(root, "/proc/self/cwd/."));
}

static void a_path_must_be_absolute_and_end_in_a_name(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_assert_cmpint(root_dir_openat(scratch.root, "etc", O_RDONLY, 0, &error), ==, -1);
    assert_error(&error, APPCENTER_ERROR_INVALID, "wanted an absolute path, found etc");
    g_assert_false(root_dir_exists(scratch.root, "etc"));
    g_assert_false(root_dir_make_dirs(scratch.root, "etc", 0755, &error));
    assert_error(&error, APPCENTER_ERROR_INVALID, "absolute");
    static const char *const paths[] = {"/", "/etc/", "/etc/..", "/."};
    for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_assert_false(root_dir_write_atomic(scratch.root, paths[i], "x", 1, 0600, &error));
        assert_error(&error, APPCENTER_ERROR_INVALID, "ends in a name");
        g_assert_false(root_dir_remove_tree(scratch.root, paths[i], &error));
        assert_error(&error, APPCENTER_ERROR_INVALID, "ends in a name");
        g_assert_false(root_dir_unlink(scratch.root, paths[i], &error));
        assert_error(&error, APPCENTER_ERROR_INVALID, "ends in a name");
    }
}

static void directories_are_made_with_their_mode(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Scratch) scratch = {0};
    struct stat st;
    scratch_init(&scratch);
    scratch_write(&scratch, "old/file", "x");
    scratch_symlink(&scratch, "/old", "link");
    mode_t before = umask(077);
    g_assert_true(root_dir_make_dirs(scratch.root, "/a//b/c/", 0755, &error));
    g_assert_true(root_dir_make_dirs(scratch.root, "/a/b/c", 0700, &error));
    g_assert_true(root_dir_make_dirs(scratch.root, "/link/new", 0750, &error));
    g_assert_true(root_dir_make_dirs(scratch.root, "/", 0750, &error));
    umask(before);
    g_assert_no_error(error);
    g_autofree char *deep = scratch_path(&scratch, "a/b/c");
    g_autofree char *linked = scratch_path(&scratch, "old/new");
    g_assert_cmpint(stat(deep, &st), ==, 0);
    g_assert_cmpuint(st.st_mode & 07777, ==, 0755);
    g_assert_cmpint(stat(linked, &st), ==, 0);
    g_assert_cmpuint(st.st_mode & 07777, ==, 0750);

    g_assert_false(root_dir_make_dirs(scratch.root, "/old/file/x", 0755, &error));
    assert_error(&error, APPCENTER_ERROR_IO, "make directory /old/file");
    scratch_symlink(&scratch, "/nowhere", "dangling");
    g_assert_false(root_dir_make_dirs(scratch.root, "/dangling/x", 0755, &error));
    assert_error(&error, APPCENTER_ERROR_NOT_FOUND, "make directory /dangling");
}

static void a_read_is_bounded_and_of_a_regular_file(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    scratch_write(&scratch, "five", "12345");
    g_assert_true(root_dir_write_atomic(scratch.root, "/empty", "", 0, 0600, &error));
    g_autoptr(GBytes) nothing = root_dir_read(scratch.root, "/empty", 5, &error);
    g_assert_nonnull(g_bytes_get_data(nothing, NULL)); /* "", so that a text can be made of it */
    g_autoptr(GBytes) all = root_dir_read(scratch.root, "/five", 5, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(g_bytes_get_size(all), ==, 5);
    g_assert_null(root_dir_read(scratch.root, "/five", 4, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "/five: wanted at most 4 bytes, found more");
    g_assert_null(root_dir_read(scratch.root, "/none", 4, &error));
    assert_error(&error, APPCENTER_ERROR_NOT_FOUND, "open /none");
    g_autofree char *fifo = scratch_path(&scratch, "fifo");
    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    g_assert_null(root_dir_read(scratch.root, "/fifo", 4, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "/fifo: wanted a regular file");
    g_assert_null(root_dir_read(scratch.root, "/", 4, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "wanted a regular file");
}

static void a_write_replaces_the_file_and_sets_its_mode(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Scratch) scratch = {0};
    struct stat st;
    scratch_init(&scratch);
    scratch_write(&scratch, "dir/file", "old content");
    scratch_write(&scratch, "dir/target", "untouched");
    scratch_symlink(&scratch, "target", "dir/link");
    mode_t before = umask(077);
    g_assert_true(root_dir_write_atomic(scratch.root, "/dir/file", "new", 3, 0644, &error));
    g_assert_true(root_dir_write_atomic(scratch.root, "/dir/link", "new", 3, 0600, &error));
    umask(before);
    g_assert_no_error(error);
    g_autofree char *path = scratch_path(&scratch, "dir/file");
    g_assert_cmpint(stat(path, &st), ==, 0);
    g_assert_cmpuint(st.st_mode & 07777, ==, 0644);
    g_autofree char *content = scratch_read(&scratch, "dir/file");
    g_assert_cmpstr(content, ==, "new");
    g_autofree char *target = scratch_read(&scratch, "dir/target");
    g_assert_cmpstr(target, ==, "untouched");
    g_auto(GStrv) names = root_dir_list(scratch.root, "/dir", &error);
    g_autofree char *joined = g_strjoinv(" ", names);
    g_assert_cmpstr(joined, ==, "file link target");
}

static void a_failed_write_leaves_no_temporary_file(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    scratch_write(&scratch, "dir/occupied/x", "keeps the directory");
    g_assert_false(root_dir_write_atomic(scratch.root, "/dir/occupied", "new", 3, 0644, &error));
    assert_error(&error, APPCENTER_ERROR_IO, "write occupied: rename");
    g_assert_false(root_dir_write_atomic(scratch.root, "/none/file", "new", 3, 0644, &error));
    assert_error(&error, APPCENTER_ERROR_NOT_FOUND, "write /none/file: open /none");
    g_auto(GStrv) names = root_dir_list(scratch.root, "/dir", &error);
    g_assert_cmpuint(g_strv_length(names), ==, 1);
    g_assert_false(files_write_atomic_at(root_dir_fd(scratch.root), "a/b", "x", 1, 0600, &error));
    assert_error(&error, APPCENTER_ERROR_INVALID, "plain file name");
}

static int write_with_a_full_disk(gpointer data)
{
    const Scratch *scratch = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(RootDir) full = root_dir_open("/dev", NULL);
    g_auto(Fd) fd = root_dir_openat(full, "/full", O_WRONLY, 0, &error);
    if (fd < 0 || files_write_all(fd, "x", 1, &error) || error_kind(error) != APPCENTER_ERROR_NO_SPACE)
        return 1;
    g_clear_error(&error);
    SandboxSpec spec = {.max_file_bytes = 2,
                        .writable_dir_fds = (int[]){root_dir_fd(scratch->root)},
                        .n_writable_dir_fds = 1,
                        .allow_network = TRUE};
    signal(SIGXFSZ, SIG_IGN);
    if (!sandbox_enter(&spec, NULL, NULL))
        return 2;
    return files_write_atomic_at(root_dir_fd(scratch->root), "file", "too much", 8, 0600, &error) ? 3 : 0;
}

static void a_write_that_does_not_fit_keeps_the_old_file(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    scratch_write(&scratch, "file", "old");
    g_assert_cmpint(exit_code_of_child(write_with_a_full_disk, &scratch), ==, 0);
    g_autofree char *content = scratch_read(&scratch, "file");
    g_assert_cmpstr(content, ==, "old");
    g_auto(GStrv) names = root_dir_list(scratch.root, "/", &error);
    g_assert_cmpuint(g_strv_length(names), ==, 1);
}

static void to_unlink_what_is_absent_is_success(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    scratch_write(&scratch, "dir/file", "x");
    g_assert_true(root_dir_unlink(scratch.root, "/dir/file", &error));
    g_assert_true(root_dir_unlink(scratch.root, "/dir/file", &error));
    g_assert_true(root_dir_unlink(scratch.root, "/none/file", &error));
    g_assert_no_error(error);
    g_assert_false(root_dir_exists(scratch.root, "/dir/file"));
    g_assert_false(root_dir_unlink(scratch.root, "/dir", &error));
    assert_error(&error, APPCENTER_ERROR_IO, "unlink /dir");
}

static void a_list_is_sorted_by_bytes(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    static const char *const names[] = {"d/b", "d/B", "d/a", "d/.hidden", "d/\xc3\xa9"};
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        scratch_write(&scratch, names[i], "");
    g_auto(GStrv) list = root_dir_list(scratch.root, "/d", &error);
    g_assert_no_error(error);
    g_autofree char *joined = g_strjoinv(" ", list);
    g_assert_cmpstr(joined, ==, ".hidden B a b \xc3\xa9");
    g_assert_null(root_dir_list(scratch.root, "/none", &error));
    assert_error(&error, APPCENTER_ERROR_NOT_FOUND, "/none");
}

static void a_descriptor_is_copied_from_where_it_stands(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autofree char *long_text = g_strnfill(700 * 1000, 'y');
    scratch_write(&scratch, "in", long_text);
    g_auto(Fd) in = root_dir_openat(scratch.root, "/in", O_RDONLY, 0, &error);
    g_auto(Fd) out = root_dir_openat(scratch.root, "/out", O_WRONLY | O_CREAT, 0600, &error);
    g_assert_no_error(error);
    g_assert_cmpint(lseek(in, 100, SEEK_SET), ==, 100);
    g_assert_cmpint(files_copy_fd(in, out, 699900, &error), ==, 699900);
    g_assert_no_error(error);
    g_autofree char *copy = scratch_read(&scratch, "out");
    g_assert_cmpstr(copy, ==, long_text + 100);
    g_assert_cmpint(lseek(in, 0, SEEK_SET), ==, 0);
    g_assert_cmpint(files_copy_fd(in, out, 699999, &error), ==, -1);
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "wanted at most 699999 bytes");
    g_assert_cmpint(files_copy_fd(-1, out, 1, &error), ==, -1);
    assert_error(&error, APPCENTER_ERROR_IO, "read");
    g_assert_true(files_sync_filesystem(out, &error) && files_fsync(out, "out", &error));
    g_assert_no_error(error);
    g_assert_false(files_fsync(-1, "nothing", &error));
    assert_error(&error, APPCENTER_ERROR_IO, "fsync nothing");
    g_assert_false(files_sync_filesystem(-1, &error));
    assert_error(&error, APPCENTER_ERROR_IO, "syncfs");
}

static void a_stolen_descriptor_stays_open(void)
{
    int kept;
    {
        g_auto(Fd) fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        kept = fd_steal(&fd);
        g_assert_cmpint(fd, ==, -1);
    }
    g_assert_cmpint(fcntl(kept, F_GETFD), >=, 0);
    fd_close(kept);
    g_assert_cmpint(fcntl(kept, F_GETFD), ==, -1);
    fd_close(-1);
}

static void only_one_component_is_a_plain_name(void)
{
    g_autofree char *longest = g_strnfill(255, 'x');
    g_autofree char *too_long = g_strnfill(256, 'x');
    const char *good[] = {"a", "...", ".x", "a b", "\xc3\xa9", "a..b", longest};
    const char *bad[] = {NULL, "", ".", "..", "a/b", "/", "a\nb", "a\x7f", too_long};
    for (guint i = 0; i < G_N_ELEMENTS(good); i++)
        g_assert_true(files_name_is_plain(good[i]));
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(files_name_is_plain(bad[i]));
}

static void a_path_inside_is_relative_and_normal(void)
{
    static const char *const good[] = {"a", "a/b/c", ".a/..b", "a b/c"};
    static const char *const bad[] = {NULL, "",     "/",    "/a",     "a/",    "a//b", ".",     "./a",
                                      "..", "../a", "a/..", "a/../b", "a/./b", "a\nb", "a/\x01"};
    for (guint i = 0; i < G_N_ELEMENTS(good); i++)
        g_assert_true(files_path_is_inside(good[i]));
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(files_path_is_inside(bad[i]));
}

void files_tests_add(void)
{
    g_test_add_func("/files/the_real_root_has_an_empty_path", the_real_root_has_an_empty_path);
    g_test_add_func("/files/a_private_root_has_a_canonical_path", a_private_root_has_a_canonical_path);
    g_test_add_func("/files/a_root_that_is_no_directory_is_refused", a_root_that_is_no_directory_is_refused);
    g_test_add_func("/files/no_link_leads_out_of_the_root", no_link_leads_out_of_the_root);
    g_test_add_func("/files/magic_links_are_refused_on_the_real_system",
                    magic_links_are_refused_on_the_real_system);
    g_test_add_func("/files/a_path_must_be_absolute_and_end_in_a_name",
                    a_path_must_be_absolute_and_end_in_a_name);
    g_test_add_func("/files/directories_are_made_with_their_mode", directories_are_made_with_their_mode);
    g_test_add_func("/files/a_read_is_bounded_and_of_a_regular_file",
                    a_read_is_bounded_and_of_a_regular_file);
    g_test_add_func("/files/a_write_replaces_the_file_and_sets_its_mode",
                    a_write_replaces_the_file_and_sets_its_mode);
    g_test_add_func("/files/a_failed_write_leaves_no_temporary_file",
                    a_failed_write_leaves_no_temporary_file);
    g_test_add_func("/files/a_write_that_does_not_fit_keeps_the_old_file",
                    a_write_that_does_not_fit_keeps_the_old_file);
    g_test_add_func("/files/to_unlink_what_is_absent_is_success", to_unlink_what_is_absent_is_success);
    g_test_add_func("/files/a_list_is_sorted_by_bytes", a_list_is_sorted_by_bytes);
    g_test_add_func("/files/a_descriptor_is_copied_from_where_it_stands",
                    a_descriptor_is_copied_from_where_it_stands);
    g_test_add_func("/files/a_stolen_descriptor_stays_open", a_stolen_descriptor_stays_open);
    g_test_add_func("/files/only_one_component_is_a_plain_name", only_one_component_is_a_plain_name);
    g_test_add_func("/files/a_path_inside_is_relative_and_normal", a_path_inside_is_relative_and_normal);
}
