/* delta_test.c - patches between texts: small where little changed, exact, bounded, and never the wrong result. */
#include "tests.h"

#include <string.h>

#include "ports/delta.h"

/* n lines that differ, with one of them changed or none (-1). */
static GBytes *lines(int n, int changed)
{
    GString *text = g_string_new(NULL);
    for (int i = 0; i < n; i++)
        g_string_append_printf(text, "{\"name\":\"App%d\",\"sha256\":\"%08x%08x\",\"version\":\"%d.%s\"}\n",
                               i, (guint)i * 2654435761u, (guint)(i + 7) * 2246822519u, i % 9,
                               i == changed ? "changed" : "0");
    return g_string_free_to_bytes(text);
}

static void a_small_change_is_a_small_patch(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) base = lines(20000, -1);
    g_autoptr(GBytes) wanted = lines(20000, 12345);
    g_autoptr(GBytes) delta = delta_make(base, wanted, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(g_bytes_get_size(delta), <, 400);
    g_autoptr(GBytes) result = delta_apply(base, delta, (gint64)g_bytes_get_size(wanted), &error);
    g_assert_no_error(error);
    g_assert_true(g_bytes_equal(result, wanted));
}

static void texts_without_anything_in_common_are_patched_too(void)
{
    const struct {
        const char *base, *wanted;
    } rows[] = {{"", "a line\n"}, {"a line\n", ""}, {"", ""}, {"one", "another"}};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) base = g_bytes_new(rows[i].base, strlen(rows[i].base));
        g_autoptr(GBytes) wanted = g_bytes_new(rows[i].wanted, strlen(rows[i].wanted));
        g_autoptr(GBytes) delta = delta_make(base, wanted, &error);
        g_assert_no_error(error);
        g_autoptr(GBytes) result = delta_apply(base, delta, (gint64)g_bytes_get_size(wanted), &error);
        g_assert_no_error(error);
        g_assert_true(g_bytes_equal(result, wanted));
    }
}

static void another_base_another_length_and_damage_are_refused(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) base = lines(2000, -1);
    g_autoptr(GBytes) other = lines(2000, 77);
    g_autoptr(GBytes) wanted = lines(2000, 1234);
    g_autoptr(GBytes) delta = delta_make(base, wanted, &error);
    g_assert_no_error(error);
    gint64 len = (gint64)g_bytes_get_size(wanted);
    g_assert_null(delta_apply(other, delta, len, &error)); /* the frame carries a check sum */
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "delta: ");
    g_assert_null(delta_apply(base, delta, len - 1, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "delta: ");
    g_assert_null(delta_apply(base, delta, len + 1, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "wanted a result of");
    g_autoptr(GBytes) cut = g_bytes_new_from_bytes(delta, 0, g_bytes_get_size(delta) - 1);
    g_assert_null(delta_apply(base, cut, len, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "delta: ");
}

static void what_is_too_long_is_refused_before_any_work(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) small = g_bytes_new_static("x", 1);
    g_assert_null(delta_apply(small, small, DELTA_MAX_BYTES + 1, &error));
    assert_error(&error, APPCENTER_ERROR_REFUSED,
                 "wanted a result of at most 67108864 bytes, found 67108865");
    g_autoptr(GBytes) large = g_bytes_new_take(g_malloc0(DELTA_MAX_BYTES + 1), DELTA_MAX_BYTES + 1);
    g_assert_null(delta_make(large, small, &error));
    assert_error(&error, APPCENTER_ERROR_REFUSED, "wanted a base of at most");
    g_assert_null(delta_make(small, large, &error));
    assert_error(&error, APPCENTER_ERROR_REFUSED, "wanted a result of at most");
}

void delta_tests(void)
{
    g_test_add_func("/delta/a_small_change_is_a_small_patch", a_small_change_is_a_small_patch);
    g_test_add_func("/delta/texts_without_anything_in_common_are_patched_too",
                    texts_without_anything_in_common_are_patched_too);
    g_test_add_func("/delta/another_base_another_length_and_damage_are_refused",
                    another_base_another_length_and_damage_are_refused);
    g_test_add_func("/delta/what_is_too_long_is_refused_before_any_work",
                    what_is_too_long_is_refused_before_any_work);
}
