/* main.c - runs the tests of room base. */
#include "test.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <fcntl.h>

void scratch_init(Scratch *scratch)
{
    g_autoptr(GError) error = NULL;
    scratch->path = g_dir_make_tmp("appcenter-base-XXXXXX", &error);
    g_assert_no_error(error);
    scratch->root = root_dir_open(scratch->path, &error);
    g_assert_no_error(error);
}

void scratch_clear(Scratch *scratch)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = g_path_get_dirname(scratch->path);
    g_autofree char *name = g_path_get_basename(scratch->path);
    g_auto(Fd) fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_true(files_remove_tree_at(fd, name, &error));
    g_assert_no_error(error);
    root_dir_free(scratch->root);
    g_free(scratch->path);
}

char *scratch_path(const Scratch *scratch, const char *name)
{
    return g_build_filename(scratch->path, name, NULL);
}

void scratch_write(const Scratch *scratch, const char *name, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = scratch_path(scratch, name);
    g_autofree char *dir = g_path_get_dirname(path);
    g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
    g_file_set_contents(path, text, -1, &error);
    g_assert_no_error(error);
}

char *scratch_read(const Scratch *scratch, const char *name)
{
    char *text = NULL;
    g_autofree char *path = scratch_path(scratch, name);
    g_file_get_contents(path, &text, NULL, NULL);
    return text;
}

void scratch_symlink(const Scratch *scratch, const char *target, const char *name)
{
    g_autofree char *path = scratch_path(scratch, name);
    g_assert_cmpint(symlink(target, path), ==, 0);
}

int exit_code_of_child(int (*body)(gpointer data), gpointer data)
{
    int status = 0;
    pid_t pid = fork();
    g_assert_cmpint(pid, >=, 0);
    if (pid == 0)
        _exit(body(data));
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void assert_error(GError **error, AppcenterError kind, const char *part)
{
    g_assert_nonnull(*error);
    g_assert_true((*error)->domain == APPCENTER_ERROR);
    if (!strstr((*error)->message, part))
        g_error("wanted an error with \"%s\", found \"%s\"", part, (*error)->message);
    g_assert_cmpstr(error_code_name((AppcenterError)(*error)->code), ==, error_code_name(kind));
    g_clear_error(error);
}

int main(int argc, char **argv)
{
    process_begin();
    g_test_init(&argc, &argv, NULL);
    error_tests_add();
    files_tests_add();
    json_tests_add();
    log_tests_add();
    marker_tests_add();
    private_root_tests_add();
    process_tests_add();
    sandbox_tests_add();
    tree_tests_add();
    units_tests_add();
    return g_test_run();
}
