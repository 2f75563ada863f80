/* main.c - runs the tests of room model. */
#include "test.h"

#include <string.h>

void assert_refused(GError **error, AppcenterError kind, const char *part)
{
    g_assert_nonnull(*error);
    if ((*error)->domain != APPCENTER_ERROR || (*error)->code != (int)kind ||
        !strstr((*error)->message, part))
        g_error("wanted %s with \"%s\", found %s: %s", error_code_name(kind), part,
                error_code_name((AppcenterError)(*error)->code), (*error)->message);
    g_clear_error(error);
}

char *json_text(const char *text)
{
    return g_strdelimit(g_strdup(text), "'", '"');
}

json_t *json_value(const char *text)
{
    g_autofree char *quoted = json_text(text);
    g_autoptr(GError) error = NULL;
    json_t *value = json_parse_strict(quoted, strlen(quoted), 16, TRUE, &error);
    g_assert_no_error(error);
    return value;
}

gint64 at(const char *text)
{
    gint64 seconds = 0;
    if (!units_parse_time(text, &seconds))
        g_error("no time: %s", text);
    return seconds;
}

Release *release_of(const char *name, const char *version, const char *more)
{
    g_autofree char *text = g_strdup_printf(
        "{'name':'%s','version':'%s','arch':'x86_64','path':'packages/" SHA ".%s_%s_x86_64.qpkg',"
        "'size':1000,'sha256':'" SHA "','published':'2026-11-20T09:00:00Z'%s%s}",
        name, version, name, version, more ? "," : "", more ? more : "");
    g_autoptr(json_t) value = json_value(text);
    g_autoptr(GError) error = NULL;
    Release *release = release_from_json(value, "release", &error);
    g_assert_no_error(error);
    return release;
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    version_tests();
    requirement_tests();
    release_tests();
    catalogue_tests();
    brake_tests();
    advisory_tests();
    settings_tests();
    window_tests();
    policy_tests();
    reason_tests();
    reason_change_tests();
    poll_tests();
    clock_tests();
    plan_tests();
    plan_check_tests();
    request_tests();
    manifest_tests();
    return g_test_run();
}
