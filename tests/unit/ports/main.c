/* main.c - runs the tests of room ports. */
#include "tests.h"

#include <fcntl.h>
#include <string.h>

void scratch_init(Scratch *scratch)
{
    g_autoptr(GError) error = NULL;
    scratch->path = g_dir_make_tmp("appcenter-ports-XXXXXX", &error);
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

char *scratch_path(const Scratch *scratch, const char *product_path)
{
    return g_build_filename(scratch->path, product_path, NULL);
}

void scratch_write(const Scratch *scratch, const char *product_path, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = scratch_path(scratch, product_path);
    g_autofree char *dir = g_path_get_dirname(path);
    g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
    g_file_set_contents(path, text, -1, &error);
    g_assert_no_error(error);
}

void assert_error(GError **error, AppcenterError kind, const char *part)
{
    g_assert_nonnull(*error);
    g_assert_true((*error)->domain == APPCENTER_ERROR);
    if (strstr((*error)->message, part) == NULL)
        g_error("wanted an error with \"%s\", found \"%s\"", part, (*error)->message);
    g_assert_cmpstr(error_code_name((AppcenterError)(*error)->code), ==, error_code_name(kind));
    g_clear_error(error);
}

int main(int argc, char **argv)
{
    static void (*const groups[])(void) = {
        store_tests, system_tests,       fetch_tests,       archive_tests,      volume_tests, service_tests,
        solve_tests, solve_random_tests, solve_order_tests, solve_limits_tests, delta_tests};
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(groups); i++)
        if (groups[i] != NULL)
            groups[i]();
    return g_test_run();
}
