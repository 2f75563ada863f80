/* solve_order_test.c - libsolv orders our normal forms as we order the versions, and what it calls equal is equal.
 *
 * libsolv itself is asked, over every version of tests/data/versions.txt and as many random ones, each against each.
 */
#include <solv/evr.h>
#include <solv/pool.h>
#include <string.h>

#include "model/model.h"
#include "tests.h"

#define VERSIONS "tests/data/versions.txt"
#define N_RANDOM 300

static void add_written(GPtrArray *set)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    g_file_get_contents(VERSIONS, &text, NULL, &error);
    g_assert_no_error(error);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i]; i++) {
        g_auto(GStrv) words = g_strsplit(lines[i], " ", -1);
        if (*lines[i] == '#' || g_strv_length(words) != 3)
            continue;
        g_ptr_array_add(set, g_strdup(words[0]));
        g_ptr_array_add(set, g_strdup(words[2]));
    }
    g_assert_cmpuint(set->len, >=, 160);
}

static void add_random(GPtrArray *set, GRand *rand)
{
    static const char letters[] = "0123456789019abrcwzAB..-~+_";
    for (guint wanted = set->len + N_RANDOM; set->len < wanted;) {
        char text[12] = "";
        for (int i = 0, n = g_rand_int_range(rand, 1, (gint32)sizeof text); i < n; i++)
            text[i] = letters[g_rand_int_range(rand, 0, (gint32)sizeof letters - 1)];
        if (version_is_valid(text))
            g_ptr_array_add(set, g_strdup(text));
    }
}

static int sign(int number)
{
    return (number > 0) - (number < 0);
}

static void libsolv_has_our_order_of_versions(void)
{
    g_autoptr(GPtrArray) set = g_ptr_array_new_with_free_func(g_free);
    guint32 seed = g_random_int();
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    Pool *pool = pool_create();
    pool_setdisttype(pool, DISTTYPE_DEB);
    add_written(set);
    add_random(set, rand);
    g_test_message("seed %u", seed);
    for (guint i = 0; i < set->len; i++) {
        const char *a = g_ptr_array_index(set, i);
        g_autofree char *form_a = version_normal_form(a);
        for (guint j = 0; j < set->len; j++) {
            const char *b = g_ptr_array_index(set, j);
            g_autofree char *form_b = version_normal_form(b);
            int order = sign(version_compare(a, b));
            if (sign(pool_evrcmp_str(pool, form_a, form_b, EVRCMP_COMPARE)) != order ||
                (strcmp(form_a, form_b) == 0) != (order == 0))
                g_error("seed %u: %s to %s is %d, libsolv says otherwise of %s and %s", seed, a, b, order,
                        form_a, form_b);
        }
    }
    pool_free(pool);
}

void solve_order_tests(void)
{
    g_test_add_func("/solve_order/libsolv_has_our_order_of_versions", libsolv_has_our_order_of_versions);
}
