/* main.c - runs the tests of room trust. */
#include "test.h"

#include <string.h>

#include "base/units.h"

void assert_error(GError **error, AppcenterError kind, const char *part)
{
    g_assert_nonnull(*error);
    g_assert_true((*error)->domain == APPCENTER_ERROR);
    if (!strstr((*error)->message, part))
        g_error("wanted an error with \"%s\", found \"%s\"", part, (*error)->message);
    if ((*error)->code != (int)kind)
        g_error("wanted kind %s, found %s: %s", error_code_name(kind), error_code_name((*error)->code),
                (*error)->message);
    g_clear_error(error);
}

json_t *json_of(const char *single_quoted)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strdelimit(g_strdup(single_quoted), "'", '"');
    json_t *value = json_parse_strict(text, strlen(text), 64, FALSE, &error);
    g_assert_no_error(error);
    return value;
}

GBytes *bytes_of(const char *text)
{
    return g_bytes_new(text, strlen(text));
}

GBytes *bytes_of_hex(const char *hex)
{
    gsize len = strlen(hex) / 2;
    guint8 *raw = g_malloc(len);
    g_assert_true(units_unhex(hex, raw, len));
    return g_bytes_new_take(raw, len);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    digest_tests_add();
    canonical_tests_add();
    key_tests_add();
    metadata_tests_add();
    refresh_tests_add();
    rollback_tests_add();
    rotation_tests_add();
    search_tests_add();
    sign_tests_add();
    certificate_tests_add();
    cms_tests_add();
    return g_test_run();
}
