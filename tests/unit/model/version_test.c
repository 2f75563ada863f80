/* version_test.c - the order of versions against written statements, and against Debian's rule over the
 * normal form. */
#include "test.h"

#include <string.h>

#include "model/version.h"

/* ---- Debian's rule, written here from Debian Policy 5.6.12 and independent of the code under test ---- */

static int debian_rank(char c)
{
    if (c == '~')
        return -1;
    if (c == '\0' || g_ascii_isdigit(c))
        return 0;
    return g_ascii_isalpha(c) ? c : c + 256;
}

static int debian_compare(const char *a, const char *b)
{
    while (*a || *b) {
        while ((*a && !g_ascii_isdigit(*a)) || (*b && !g_ascii_isdigit(*b))) {
            int difference = debian_rank(*a) - debian_rank(*b);
            if (difference != 0)
                return difference;
            a++;
            b++;
        }
        gsize zeros_a = strspn(a, "0"), zeros_b = strspn(b, "0");
        a += zeros_a;
        b += zeros_b;
        gsize len_a = strspn(a, "0123456789"), len_b = strspn(b, "0123456789");
        if (len_a != len_b)
            return len_a < len_b ? -1 : 1;
        int difference = strncmp(a, b, len_a);
        if (difference != 0)
            return difference;
        a += len_a;
        b += len_b;
    }
    return 0;
}

static int sign(int order)
{
    return (order > 0) - (order < 0);
}

/* ---- the written statements ---- */

typedef void (*Statement)(const char *a, int order, const char *b, guint line, gpointer user_data);

static void each_statement(Statement check, gpointer user_data)
{
    g_autofree char *path =
        g_test_build_filename(G_TEST_DIST, "..", "..", "tests", "data", "versions.txt", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    guint n_statements = 0;
    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i]; i++) {
        g_auto(GStrv) words = g_strsplit(lines[i], " ", -1);
        if (*lines[i] == '\0' || *lines[i] == '#')
            continue;
        g_assert_cmpuint(g_strv_length(words), ==, 3);
        g_assert_true(strcmp(words[1], "<") == 0 || strcmp(words[1], "=") == 0);
        check(words[0], *words[1] == '<' ? -1 : 0, words[2], i + 1, user_data);
        n_statements++;
    }
    g_assert_cmpuint(n_statements, >=, 80);
}

static void check_order(const char *a, int order, const char *b, guint line, gpointer user_data)
{
    (void)user_data;
    if (!version_is_valid(a) || !version_is_valid(b))
        g_error("versions.txt:%u: no version", line);
    if (version_compare(a, b) != order || version_compare(b, a) != -order)
        g_error("versions.txt:%u: %s is %d to %s, wanted %d", line, a, version_compare(a, b), b, order);
}

static void the_written_statements_hold(void)
{
    each_statement(check_order, NULL);
}

/* ---- properties over a set ---- */

static void add_both(const char *a, int order, const char *b, guint line, gpointer user_data)
{
    (void)order;
    (void)line;
    g_ptr_array_add(user_data, g_strdup(a));
    g_ptr_array_add(user_data, g_strdup(b));
}

/* The written versions and some hundred made of the parts that are hard. */
static GPtrArray *version_set(void)
{
    static const char *const parts[] = {"0",     "1",    "9",   "10", "01",
                                        "00",    "a",    "b",   "aa", "A",
                                        "alpha", "beta", "pre", "rc", "RC",
                                        "dev",   "w",    "z",   ".",  "-",
                                        "~",     "+",    "_",   ".0", "99999999999999999999"};
    GPtrArray *set = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GRand) rand = g_rand_new_with_seed(42);
    each_statement(add_both, set);
    while (set->len < 420) {
        GString *text = g_string_new(NULL);
        for (int n = g_rand_int_range(rand, 1, 7); n > 0; n--)
            g_string_append(text, parts[g_rand_int_range(rand, 0, G_N_ELEMENTS(parts))]);
        if (version_is_valid(text->str))
            g_ptr_array_add(set, g_strdup(text->str));
        g_string_free(text, TRUE);
    }
    return set;
}

static void the_normal_form_has_the_same_order_under_debians_rule(void)
{
    g_autoptr(GPtrArray) set = version_set();
    g_autoptr(GPtrArray) forms = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < set->len; i++) {
        g_ptr_array_add(forms, version_normal_form(g_ptr_array_index(set, i)));
        g_assert_null(strpbrk(g_ptr_array_index(forms, i), "-: "));
    }
    for (guint i = 0; i < set->len; i++)
        for (guint j = 0; j < set->len; j++) {
            const char *a = g_ptr_array_index(set, i), *b = g_ptr_array_index(set, j);
            const char *form_a = g_ptr_array_index(forms, i), *form_b = g_ptr_array_index(forms, j);
            int order = version_compare(a, b);
            if (order != sign(debian_compare(form_a, form_b)) ||
                (order == 0) != (strcmp(form_a, form_b) == 0))
                g_error("%s to %s is %d, %s to %s is not", a, b, order, form_a, form_b);
        }
}

static void the_order_is_total_and_transitive(void)
{
    g_autoptr(GPtrArray) set = version_set();
    for (guint i = 0; i < set->len; i++)
        for (guint j = 0; j < set->len; j++) {
            int order = version_compare(g_ptr_array_index(set, i), g_ptr_array_index(set, j));
            g_assert_cmpint(order, ==,
                            -version_compare(g_ptr_array_index(set, j), g_ptr_array_index(set, i)));
            if (i == j)
                g_assert_cmpint(order, ==, 0);
        }
    /* every third one keeps the triple loop short */
    for (guint i = 0; i < set->len; i += 3)
        for (guint j = 0; j < set->len; j += 3)
            for (guint k = 0; k < set->len; k += 3) {
                const char *a = g_ptr_array_index(set, i), *b = g_ptr_array_index(set, j),
                           *c = g_ptr_array_index(set, k);
                if (version_compare(a, b) <= 0 && version_compare(b, c) <= 0)
                    g_assert_cmpint(version_compare(a, c), <=, 0);
            }
}

static void a_number_is_newer_than_a_word(void)
{
    g_assert_cmpint(version_compare("1.1", "1.a"), >, 0);
    g_assert_cmpint(version_compare("9", "1a"), >,
                    0); /* the circle 9 < 10 < 1a < 9 of "numeric where numeric" */
    g_assert_cmpint(version_compare("10", "1a"), >, 0);
}

/* ---- what is a version, a name, an architecture ---- */

static void versions_are_bounded(void)
{
    static const char *const good[] = {"1", "a", "1.0~beta+2_x-y", "0"};
    static const char *const bad[] = {"", ".", "-~+", "1 0", "1:0", "1/0", "1;rm", "\xc3\xa4", "$(x)", "1\n"};
    g_autofree char *longest = g_strnfill(64, '1');
    g_autofree char *too_long = g_strnfill(65, '1');
    for (guint i = 0; i < G_N_ELEMENTS(good); i++)
        g_assert_true(version_is_valid(good[i]));
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(version_is_valid(bad[i]));
    g_assert_true(version_is_valid(longest));
    g_assert_false(version_is_valid(too_long));
    g_assert_false(version_is_valid(NULL));
}

static void names_are_plain(void)
{
    static const char *const good[] = {"PhotoStation", "a", "7zip", "lib.c++_x-y", "QNAP_FW"};
    static const char *const bad[] = {"",    ".hidden", "-x",         "_x",    "a/b", "..",
                                      "a b", "a\nb",    "\xc3\xa4pp", "OPT/x", "a:b"};
    g_autofree char *longest = g_strnfill(40, 'n');
    g_autofree char *too_long = g_strnfill(41, 'n');
    for (guint i = 0; i < G_N_ELEMENTS(good); i++)
        g_assert_true(app_name_is_valid(good[i]));
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(app_name_is_valid(bad[i]));
    g_assert_true(app_name_is_valid(longest));
    g_assert_false(app_name_is_valid(too_long));
    g_assert_false(app_name_is_valid(NULL));
}

static void architectures_fit(void)
{
    g_assert_true(arch_fits("all", "arm_64"));
    g_assert_true(arch_fits("x86_64", "x86_64"));
    g_assert_true(arch_fits("x86", "x86_64"));
    g_assert_false(arch_fits("x86_64", "x86"));
    g_assert_false(arch_fits("arm_64", "x86_64"));
    g_assert_false(arch_fits("x86", "x86_ce53xx"));
    g_assert_true(arch_is_valid("arm-x41"));
    g_assert_true(arch_is_valid("all"));
    g_assert_false(arch_is_valid("amd64"));
    g_assert_false(arch_is_valid(NULL));
}

void version_tests(void)
{
    g_test_add_func("/version/the_written_statements_hold", the_written_statements_hold);
    g_test_add_func("/version/a_number_is_newer_than_a_word", a_number_is_newer_than_a_word);
    g_test_add_func("/version/the_order_is_total_and_transitive", the_order_is_total_and_transitive);
    g_test_add_func("/version/the_normal_form_has_the_same_order_under_debians_rule",
                    the_normal_form_has_the_same_order_under_debians_rule);
    g_test_add_func("/version/versions_are_bounded", versions_are_bounded);
    g_test_add_func("/version/names_are_plain", names_are_plain);
    g_test_add_func("/version/architectures_fit", architectures_fit);
}
