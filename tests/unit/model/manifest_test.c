/* manifest_test.c - the set of a package's paths. */
#include "test.h"

static void entries_are_found_and_sorted(void)
{
    g_autoptr(Manifest) manifest = manifest_new();
    g_assert_null(manifest_get(manifest, 0));
    manifest_add(manifest, manifest_entry_new("b/c", 'f', 0644, 3, SHA, NULL));
    manifest_add(manifest, manifest_entry_new("b", 'd', 0755, 0, NULL, NULL));
    manifest_add(manifest, manifest_entry_new("a", 'l', 0777, 0, NULL, "b/c"));
    g_assert_cmpuint(manifest_length(manifest), ==, 3);
    g_assert_cmpstr(manifest_get(manifest, 0)->path, ==, "a");
    g_assert_cmpstr(manifest_get(manifest, 1)->path, ==, "b");
    g_assert_cmpstr(manifest_get(manifest, 2)->path, ==, "b/c");
    g_assert_null(manifest_get(manifest, 3));
    g_assert_cmpstr(manifest_find(manifest, "a")->target, ==, "b/c");
    g_assert_null(manifest_find(manifest, "c"));
}

static void a_second_entry_of_one_path_replaces_the_first(void)
{
    g_autoptr(Manifest) manifest = manifest_new();
    manifest_add(manifest, manifest_entry_new("a", 'f', 0644, 1, SHA, NULL));
    manifest_add(manifest, manifest_entry_new("b", 'f', 0644, 2, SHA, NULL));
    manifest_add(manifest, manifest_entry_new("a", 'd', 0755, 0, NULL, NULL));
    g_assert_cmpuint(manifest_length(manifest), ==, 2);
    g_assert_cmpint(manifest_find(manifest, "a")->type, ==, 'd');
    g_assert_cmpint(manifest_get(manifest, 0)->type, ==, 'd');
}

void manifest_tests(void)
{
    g_test_add_func("/manifest/entries_are_found_and_sorted", entries_are_found_and_sorted);
    g_test_add_func("/manifest/a_second_entry_of_one_path_replaces_the_first",
                    a_second_entry_of_one_path_replaces_the_first);
}
