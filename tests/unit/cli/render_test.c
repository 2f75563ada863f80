/* render_test.c - widths, tables, JSON values as text, the progress bar. */
#include "tests.h"

#include <string.h>

#include "cli/progress.h"
#include "cli/render.h"

static void test_width(void)
{
    g_assert_cmpuint(render_width(""), ==, 0);
    g_assert_cmpuint(render_width("abc"), ==, 3);
    g_assert_cmpuint(render_width("写真"), ==, 4);
    g_assert_cmpuint(render_width("e\u0301"), ==, 1);
    g_assert_cmpuint(render_width("a\u200b"), ==, 1);
    g_assert_cmpuint(render_width("\xff\xfe"), ==, 2);
}

static void test_table(void)
{
    static const char *const headers[] = {"APP", ">SIZE", "WHY", NULL};
    if (g_test_subprocess()) {
        Table *table = table_new(headers);
        table_add(table, (const char *[]){"写真", "7 B", "now"});
        table_add(table, (const char *[]){"Plex", "412 kB", NULL});
        table_add(table, (const char *[]){"e\u0301", NULL, "a\nb\033[2J"});
        table_print(table);
        table_print(table_new(headers));
        return;
    }
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_passed();
    g_test_trap_assert_stdout(
        "*APP     SIZE  WHY\n写真     7 B  now\nPlex  412 kB\ne\u0301             a b ?2J\n*");
    g_test_trap_assert_stdout_unmatched("*APP*APP*");
}

static void test_values(void)
{
    g_autoptr(json_t) at = json_string("2026-11-22T09:00:00Z"), null = json_null(),
                      size = json_integer(31000000);
    g_autoptr(json_t) list = json_pack("[s, s]", "a", "b"),
                      object = json_pack("{s:s, s:n, s:i}", "s", "x", "n", "i", 3);
    gint64 now = 0;
    g_assert_true(units_parse_time("2026-11-22T09:12:00Z", &now));
    g_autofree char *age = render_age(at, now), *no_age = render_age(null, now), *text = render_size(size);
    g_autofree char *joined = render_list(list), *none = render_list(NULL), *no_time = render_time(size, now);
    g_autofree char *future = render_age(at, 0), *when = render_time(at, now);
    g_assert_cmpstr(age, ==, "12 min");
    g_assert_cmpstr(no_age, ==, "");
    g_assert_cmpstr(future, ==, "0 s");
    g_assert_true(g_str_has_prefix(when, "today "));
    g_assert_cmpstr(no_time, ==, "");
    g_assert_cmpstr(text, ==, "31.0 MB");
    g_assert_cmpstr(joined, ==, "a, b");
    g_assert_cmpstr(none, ==, "");
    g_assert_cmpstr(render_string(object, "s"), ==, "x");
    g_assert_cmpstr(render_string(object, "n"), ==, "");
    g_assert_cmpstr(render_string(object, "i"), ==, "");
    g_assert_cmpstr(render_string(NULL, "s"), ==, "");
}

static void test_bar(void)
{
    g_autofree char *full = progress_bar("PhotoStation", "Downloading", 31000000, 31000000, 3000000, 100);
    g_assert_cmpstr(full, ==, "PhotoStation  Downloading  ██████████████████  31.0 MB  100 %  10.3 MB/s");
    g_autofree char *half = progress_bar("A", "B", 500, 1000, 0, 80);
    g_assert_cmpstr(half, ==, "A  B  █████████░░░░░░░░░  500 B  50 %");
    g_autofree char *plain = progress_bar("A", "B", 500, 1000, 0, 0);
    g_assert_cmpstr(plain, ==, "A  B  500 B  50 %");
    g_autofree char *unknown = progress_bar("A", "B", 500, 0, 0, 0);
    g_assert_cmpstr(unknown, ==, "A  B  500 B  0 %");
    g_autofree char *too_much = progress_bar("A", "B", 2000, 1000, 0, 0);
    g_assert_nonnull(strstr(too_much, " 100 %"));
    for (gsize columns = 20; columns < 120; columns++) {
        g_autofree char *bar =
            progress_bar("PhotoStation", "Downloading 写真", 31000000, 62000000, 3000000, columns);
        g_assert_cmpuint(render_width(bar), <, columns);
        g_assert_true(g_utf8_validate(bar, -1, NULL));
    }
}

void render_tests(void)
{
    g_test_add_func("/render/wide_and_zero_width_characters_count_as_a_terminal_shows_them", test_width);
    g_test_add_func("/render/a_table_lines_up_and_passes_no_control_characters", test_table);
    g_test_add_func("/render/absent_values_are_empty_text", test_values);
    g_test_add_func("/render/a_progress_bar_never_wraps", test_bar);
}
