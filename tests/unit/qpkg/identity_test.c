/* identity_test.c - who a package says it is: what passes, and what would have become a path or a word elsewhere. */
#include "test.h"

#include <string.h>

#define BASE "QPKG_NAME=App\nQPKG_VER=1.0\nQPKG_AUTHOR=Vendor\n"

static QpkgIdentity *identify(const char *text, GError **error)
{
    g_autoptr(QpkgConfig) config = qpkg_config_parse(text, strlen(text), error);
    g_assert_no_error(*error);
    return qpkg_identity_from_config(config, error);
}

static void all_fields_are_taken(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(QpkgIdentity) identity = identify(
        BASE "QPKG_DISPLAY_NAME=\"The App\"\nQPKG_SUMMARY=\"It does\"\nQPKG_REQUIRE=\"A >= 1 | B, C\"\n"
             "QPKG_CONFLICT=\"D < 2\"\nQTS_MINI_VERSION=5.0.0\nQTS_MAX_VERSION=5.2\nQPKG_CONFIG=app.conf\n"
             "QPKG_CONFIG=/etc/config/app.conf\nQPKG_SERVICE_PROGRAM=app.sh\nQPKG_SERVICE_PIDFILE=/var/run/"
             "app.pid\n"
             "QPKG_SERVICE_PORT=8080\nQPKG_RC_NUM=150\nQPKG_TIMEOUT=\"5,6\"\nAPPCENTER_HEALTH=\"http:/ok\"\n",
        &error);
    g_assert_no_error(error);
    g_assert_cmpstr(identity->name, ==, "App");
    g_assert_cmpstr(identity->version, ==, "1.0");
    g_assert_cmpstr(identity->author, ==, "Vendor");
    g_assert_cmpstr(identity->display_name, ==, "The App");
    g_assert_cmpstr(identity->summary, ==, "It does");
    g_assert_cmpuint(g_strv_length(identity->requires), ==, 2);
    g_assert_cmpuint(g_strv_length(identity->conflicts), ==, 1);
    g_assert_cmpstr(identity->os_min, ==, "5.0.0");
    g_assert_cmpstr(identity->os_max, ==, "5.2");
    g_assert_cmpstr(identity->config_files[1], ==, "/etc/config/app.conf");
    g_assert_cmpstr(identity->service_program, ==, "app.sh");
    g_assert_cmpstr(identity->pid_file, ==, "/var/run/app.pid");
    g_assert_cmpint(identity->service_port, ==, 8080);
    g_assert_cmpint(identity->rc_num, ==, 150);
    g_assert_cmpint(identity->start_timeout_s, ==, 5);
    g_assert_cmpint(identity->stop_timeout_s, ==, 6);
    g_assert_cmpstr(identity->health, ==, "http:/ok");
}

static void absent_and_empty_are_the_same(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(QpkgIdentity) identity = identify(
        BASE "QPKG_DISPLAY_NAME=\nQTS_MINI_VERSION=\"\"\nQPKG_SERVICE_PORT=\nQPKG_SERVICE_PROGRAM=\"\"\n",
        &error);
    g_assert_no_error(error);
    g_assert_cmpstr(identity->display_name, ==, "App");
    g_assert_null(identity->os_min);
    g_assert_null(identity->service_program);
    g_assert_null(identity->health);
    g_assert_cmpint(identity->service_port, ==, 0);
    g_assert_cmpuint(g_strv_length(identity->requires), ==, 0);
    g_assert_cmpuint(g_strv_length(identity->config_files), ==, 0);
    g_assert_cmpint(identity->start_timeout_s, >, 0);
}

static void bad_values_are_refused_by_key(void)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"QPKG_VER=1\nQPKG_AUTHOR=x\n", "QPKG_NAME: wanted"},
        {"QPKG_NAME=a\nQPKG_AUTHOR=x\n", "QPKG_VER: wanted"},
        {"QPKG_NAME=a\nQPKG_VER=1\n", "QPKG_AUTHOR: wanted"},
        {BASE "QPKG_NAME=../etc\n", "found \"../etc\""},
        {BASE "QPKG_NAME=.hidden\n", "QPKG_NAME: wanted"},
        {BASE "QPKG_NAME=\"a b\"\n", "QPKG_NAME: wanted"},
        {BASE "QPKG_VER=\"1.0 beta\"\n", "QPKG_VER: wanted"},
        {BASE "QPKG_VER=../1\n", "QPKG_VER: wanted"},
        {BASE "QTS_MINI_VERSION=\"5 0\"\n", "QTS_MINI_VERSION: wanted a version"},
        {BASE "QPKG_CONFIG=../../etc/passwd\n", "QPKG_CONFIG: wanted plain paths"},
        {BASE "QPKG_CONFIG=/etc/../etc/shadow\n", "QPKG_CONFIG: wanted plain paths"},
        {BASE "QPKG_CONFIG=//etc\n", "QPKG_CONFIG: wanted plain paths"},
        {BASE "QPKG_SERVICE_PROGRAM=/bin/sh\n", "a path in the package"},
        {BASE "QPKG_SERVICE_PROGRAM=../x\n", "a path in the package"},
        {BASE "QPKG_SERVICE_PIDFILE=run/x\n", "an absolute path"},
        {BASE "QPKG_SERVICE_PORT=65536\n", "a number from 0 to 65535"},
        {BASE "QPKG_SERVICE_PORT=http\n", "a number from 0 to 65535"},
        {BASE "QPKG_RC_NUM=1000\n", "a number from 0 to 999"},
        {BASE "QPKG_RC_NUM=99999999999999999999\n", "a number from 0 to 999"},
        {BASE "QPKG_REQUIRE=\"A => 1\"\n", "QPKG_REQUIRE: "},
        {BASE "QPKG_CONFLICT=\"A | B\"\n", "QPKG_CONFLICT: "},
        {BASE "APPCENTER_HEALTH=maybe\n", "wanted http:/PATH, port or exec:PROGRAM"},
        {BASE "APPCENTER_HEALTH=exec:\n", "wanted http:/PATH, port or exec:PROGRAM"},
        {BASE "APPCENTER_HEALTH=port\n", "needs QPKG_SERVICE_PORT"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(identify(cases[i].text, &error));
        assert_error(&error, APPCENTER_ERROR_CORRUPT, cases[i].sentence);
    }
}

void identity_tests(void)
{
    g_test_add_func("/identity/all_fields_are_taken", all_fields_are_taken);
    g_test_add_func("/identity/absent_and_empty_are_the_same", absent_and_empty_are_the_same);
    g_test_add_func("/identity/bad_values_are_refused_by_key", bad_values_are_refused_by_key);
}
