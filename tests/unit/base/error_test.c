/* error_test.c - kinds, their numbers, and what errno values become. */
#include "test.h"

#include <errno.h>
#include <string.h>

static void every_kind_has_its_own_code_and_numbers(void)
{
    static const struct {
        AppcenterError kind;
        const char *code;
        int exit_code;
        int http_status;
    } rows[] = {
        {APPCENTER_ERROR_INVALID, "invalid", 2, 400},
        {APPCENTER_ERROR_NOT_FOUND, "not-found", 3, 404},
        {APPCENTER_ERROR_CONFLICT, "conflict", 4, 409},
        {APPCENTER_ERROR_UNTRUSTED, "untrusted", 5, 422},
        {APPCENTER_ERROR_EXPIRED, "expired", 5, 422},
        {APPCENTER_ERROR_NO_SPACE, "no-space", 6, 507},
        {APPCENTER_ERROR_BUSY, "busy", 7, 409},
        {APPCENTER_ERROR_NETWORK, "network", 8, 502},
        {APPCENTER_ERROR_REFUSED, "refused", 9, 403},
        {APPCENTER_ERROR_HEALTH, "health", 10, 500},
        {APPCENTER_ERROR_PARTLY, "partly", 11, 500},
        {APPCENTER_ERROR_NO_DAEMON, "no-daemon", 12, 503},
        {APPCENTER_ERROR_DENIED, "denied", 13, 403},
        {APPCENTER_ERROR_CORRUPT, "corrupt", 14, 422},
        {APPCENTER_ERROR_IO, "io", 1, 500},
        {APPCENTER_ERROR_SCRIPT, "script", 1, 500},
        {APPCENTER_ERROR_CANCELLED, "cancelled", 1, 500},
        {APPCENTER_ERROR_TIMEOUT, "timeout", 77, 504},
        {APPCENTER_ERROR_INTERNAL, "internal", 1, 500},
    };
    g_assert_cmpuint(G_N_ELEMENTS(rows), ==, APPCENTER_ERROR_INTERNAL + 1);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_cmpstr(error_code_name(rows[i].kind), ==, rows[i].code);
        g_assert_cmpint(error_kind_from_code(rows[i].code), ==, rows[i].kind);
        g_assert_cmpint(error_exit_code(rows[i].kind), ==, rows[i].exit_code);
        g_assert_cmpint(error_http_status(rows[i].kind), ==, rows[i].http_status);
    }
}

static void an_unknown_code_is_internal(void)
{
    g_assert_cmpint(error_kind_from_code("from-the-future"), ==, APPCENTER_ERROR_INTERNAL);
    g_assert_cmpint(error_kind_from_code(NULL), ==, APPCENTER_ERROR_INTERNAL);
    g_assert_cmpstr(error_code_name((AppcenterError)4711), ==, "internal");
    g_assert_cmpint(error_exit_code((AppcenterError)-1), ==, 1);
}

static void errno_becomes_a_kind_and_a_sentence(void)
{
    static const struct {
        int errno_value;
        AppcenterError kind;
    } rows[] = {{ENOSPC, APPCENTER_ERROR_NO_SPACE},  {EDQUOT, APPCENTER_ERROR_NO_SPACE},
                {EPERM, APPCENTER_ERROR_DENIED},     {EACCES, APPCENTER_ERROR_DENIED},
                {ENOENT, APPCENTER_ERROR_NOT_FOUND}, {EIO, APPCENTER_ERROR_IO},
                {EISDIR, APPCENTER_ERROR_IO}};
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = g_strdup_printf("open /a/b: %s", g_strerror(rows[i].errno_value));
        errno = rows[i].errno_value;
        g_assert_false(error_set_errno(&error, "open %s", "/a/b"));
        g_assert_cmpstr(error->message, ==, text);
        assert_error(&error, rows[i].kind, "open");
        g_assert_false(error_set_errno_value(&error, rows[i].errno_value, "open %s", "/a/b"));
        g_assert_cmpstr(error->message, ==, text);
    }
    g_assert_false(error_set(NULL, APPCENTER_ERROR_IO, "nobody listens"));
}

static void a_foreign_error_has_a_kind_too(void)
{
    g_autoptr(GError) file = g_error_new_literal(G_FILE_ERROR, G_FILE_ERROR_NOENT, "gone");
    g_autoptr(GError) other = g_error_new_literal(G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_PARSE, "odd");
    g_autoptr(GError) ours = NULL;
    error_set(&ours, APPCENTER_ERROR_BUSY, "wait");
    g_assert_cmpint(error_kind(file), ==, APPCENTER_ERROR_IO);
    g_assert_cmpint(error_kind(other), ==, APPCENTER_ERROR_INTERNAL);
    g_assert_cmpint(error_kind(ours), ==, APPCENTER_ERROR_BUSY);
}

void error_tests_add(void)
{
    g_test_add_func("/error/every_kind_has_its_own_code_and_numbers",
                    every_kind_has_its_own_code_and_numbers);
    g_test_add_func("/error/an_unknown_code_is_internal", an_unknown_code_is_internal);
    g_test_add_func("/error/errno_becomes_a_kind_and_a_sentence", errno_becomes_a_kind_and_a_sentence);
    g_test_add_func("/error/a_foreign_error_has_a_kind_too", a_foreign_error_has_a_kind_too);
}
