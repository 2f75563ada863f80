/* config_test.c - qpkg.cfg: what a shell would read as the same letters, and every injection that is none of that. */
#include "test.h"

#include <string.h>

static QpkgConfig *parse(const char *text, GError **error)
{
    return qpkg_config_parse(text, strlen(text), error);
}

static void plain_assignments_are_read(void)
{
    static const struct {
        const char *line, *value;
    } cases[] = {
        {"QPKG_NAME=", ""},
        {"QPKG_NAME=\"\"", ""},
        {"QPKG_NAME=''", ""},
        {"QPKG_NAME=bare-Word_1.0/x:y@z%+,=", "bare-Word_1.0/x:y@z%+,="},
        {"QPKG_NAME=\"two words\"", "two words"},
        {"QPKG_NAME=\"A >= 1 | B; (x) & <y> #no comment\"", "A >= 1 | B; (x) & <y> #no comment"},
        {"QPKG_NAME=\"\\\" \\\\ \\$ \\`\"", "\" \\ $ `"},
        {"QPKG_NAME='$HOME `x` \\n \"q\"'", "$HOME `x` \\n \"q\""},
        {"QPKG_NAME=word # a comment", "word"},
        {"QPKG_NAME=\"word\"\t#a comment", "word"},
        {"QPKG_NAME=word   ", "word"},
        {"QPKG_NAME=\"\xc3\xa4\"", "\xc3\xa4"},
        {"QPKG_NAME=first\nQPKG_NAME=last", "last"},
        {"\n  # only a comment\n\nQPKG_NAME=x\n", "x"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(QpkgConfig) config = parse(cases[i].line, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(qpkg_config_get(config, "QPKG_NAME"), ==, cases[i].value);
        g_assert_null(qpkg_config_get(config, "QPKG_VER"));
    }
}

static void whatever_a_shell_would_run_is_refused(void)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"QPKG_NAME=$(reboot)", "qpkg.cfg:1: QPKG_NAME: wanted the end of the value"},
        {"QPKG_NAME=`reboot`", "found byte 0x60"},
        {"QPKG_NAME=\"$(reboot)\"", "an unescaped $"},
        {"QPKG_NAME=\"`reboot`\"", "an unescaped `"},
        {"QPKG_NAME=\"${IFS}\"", "an unescaped $"},
        {"QPKG_NAME=\"a\\nb\"", "found another escape"},
        {"QPKG_NAME=\"a\\", "found another escape"},
        {"QPKG_NAME=x;reboot", "found byte 0x3b"},
        {"QPKG_NAME=x reboot", "found byte 0x72"},
        {"QPKG_NAME=x&reboot", "found byte 0x26"},
        {"QPKG_NAME=x|reboot", "found byte 0x7c"},
        {"QPKG_NAME=x<y", "found byte 0x3c"},
        {"QPKG_NAME=x>y", "found byte 0x3e"},
        {"QPKG_NAME=(a b)", "found byte 0x28"},
        {"QPKG_NAME=~root", "found byte 0x7e"},
        {"QPKG_NAME=*", "found byte 0x2a"},
        {"QPKG_NAME=\\x", "found byte 0x5c"},
        {"QPKG_NAME=x#no comment", "found byte 0x23"},
        {"QPKG_NAME=\"a\"b", "found byte 0x62"},
        {"QPKG_NAME=\"a\"'b'", "found byte 0x27"},
        {"QPKG_NAME=\"a", "do not end"},
        {"QPKG_NAME=\"a\nb\"", "do not end"},
        {"QPKG_NAME='a", "do not end"},
        {"QPKG_NAME =x", "wanted KEY=VALUE"},
        {"QPKG_NAME= x", "found byte 0x78"},
        {" QPKG_NAME=x", "wanted KEY=VALUE"},
        {"QPKG_NAME+=x", "wanted KEY=VALUE"},
        {"qpkg_name=x", "wanted KEY=VALUE"},
        {"export QPKG_NAME=x", "wanted KEY=VALUE"},
        {"reboot", "wanted KEY=VALUE"},
        {"QPKG_NAME=x\nreboot", "qpkg.cfg:2: wanted KEY=VALUE"},
        {"PATH=/tmp", "found PATH"},
        {"IFS=x", "found IFS"},
        {"CMD_RM=x", "found CMD_RM"},
        {"SYS_QPKG_DIR=x", "found SYS_QPKG_DIR"},
        {"LD_PRELOAD=x", "found LD_PRELOAD"},
        {"QPKG_=x", "found QPKG_"},
        {"QPKG_NAME=x\r\n", "qpkg.cfg:1: control byte 0x0d"},
        {"QPKG_NAME=x\nQPKG_VER=\"\x1b[31m\"", "qpkg.cfg:2: control byte 0x1b"},
        {"QPKG_NAME=\"\xff\"", "not UTF-8"},
        {"# \xc3", "not UTF-8"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(parse(cases[i].text, &error));
        assert_error(&error, APPCENTER_ERROR_CORRUPT, cases[i].sentence);
    }
}

/* A package of the ecosystem says QPKG_Conflict where QDK knows QPKG_CONFLICT: it is another key, and the shell's names
 * of other programs stay out of reach. */
static void keys_that_nobody_knows_are_kept_and_mean_nothing(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(QpkgConfig) config = parse("QPKG_Conflict=\"Other\"\nQPKG_Name=y\nQPKG_NAME=x\n", &error);
    g_assert_no_error(error);
    g_assert_null(qpkg_config_get(config, "QPKG_CONFLICT"));
    g_assert_cmpstr(qpkg_config_get(config, "QPKG_NAME"), ==, "x");
    g_assert_cmpstr(qpkg_config_get(config, "QPKG_Conflict"), ==, "Other");
    g_assert_null(parse("Path=x\n", &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "wanted a key that starts with QPKG_");
}

static void zero_bytes_and_long_files_are_refused(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(qpkg_config_parse("QPKG_NAME=a\0b", 13, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "control byte 0x00");
    g_autofree char *comment = g_strnfill(65537, '#');
    g_assert_null(qpkg_config_parse(comment, 65537, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "at most 65536 bytes, found 65537");
    g_autoptr(QpkgConfig) config = qpkg_config_parse(comment, 65536, &error);
    g_assert_no_error(error);
    g_assert_null(qpkg_config_get(config, "QPKG_NAME"));
}

static void list_keys_are_gathered(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(QpkgConfig) config =
        parse("QPKG_CONFIG=a.conf\nQPKG_CONFIG=\"  b.conf\t/etc/c.conf \"\n", &error);
    g_assert_no_error(error);
    g_auto(GStrv) files = qpkg_config_get_list(config, "QPKG_CONFIG");
    g_autofree char *joined = g_strjoinv("|", files);
    g_assert_cmpstr(joined, ==, "a.conf|b.conf|/etc/c.conf");
    g_auto(GStrv) none = qpkg_config_get_list(config, "QDK_EXTRA_FILE");
    g_assert_cmpuint(g_strv_length(none), ==, 0);
}

static void timeouts_are_two_numbers_or_the_defaults(void)
{
    static const struct {
        const char *line;
        gint64 start_s, stop_s;
    } cases[] = {
        {"", 7, 8},
        {"QPKG_TIMEOUT=\"10,30\"", 10, 30},
        {"QPKG_TIMEOUT=\"10, 30\"", 10, 30},
        {"QPKG_TIMEOUT=\"10,99999\"", 10, 600},
        {"QPKG_TIMEOUT=\"10\"", 7, 8},
        {"QPKG_TIMEOUT=\"10,20,30\"", 7, 8},
        {"QPKG_TIMEOUT=\"-1,20\"", 7, 8},
        {"QPKG_TIMEOUT=\"0,20\"", 7, 8},
        {"QPKG_TIMEOUT=\"10,20s\"", 7, 8},
        {"QPKG_TIMEOUT=\"10,99999999999999999999\"", 7, 8},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        gint64 start_s = 7, stop_s = 8;
        g_autoptr(QpkgConfig) config = parse(cases[i].line, &error);
        g_assert_no_error(error);
        qpkg_config_timeouts(config, &start_s, &stop_s);
        g_assert_cmpint(start_s, ==, cases[i].start_s);
        g_assert_cmpint(stop_s, ==, cases[i].stop_s);
    }
}

static void the_canonical_text_reads_back_the_same(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(QpkgConfig) config = parse(
        "# c\nQPKG_NAME=x # d\nQPKG_CONFIG=a\nQPKG_SUMMARY='\"$(`\\' \nQPKG_CONFIG=b\nQPKG_NAME=y", &error);
    g_assert_no_error(error);
    g_autofree char *text = qpkg_config_to_text(config);
    g_assert_cmpstr(
        text, ==,
        "QPKG_NAME=\"x\"\nQPKG_CONFIG=\"a\"\nQPKG_SUMMARY=\"\\\"\\$(\\`\\\\\"\nQPKG_CONFIG=\"b\"\n"
        "QPKG_NAME=\"y\"\n");
    g_autoptr(QpkgConfig) again = parse(text, &error);
    g_assert_no_error(error);
    g_autofree char *same = qpkg_config_to_text(again);
    g_assert_cmpstr(same, ==, text);
    g_assert_cmpstr(qpkg_config_get(again, "QPKG_SUMMARY"), ==, "\"$(`\\");
}

void config_tests(void)
{
    g_test_add_func("/config/plain_assignments_are_read", plain_assignments_are_read);
    g_test_add_func("/config/whatever_a_shell_would_run_is_refused", whatever_a_shell_would_run_is_refused);
    g_test_add_func("/config/keys_that_nobody_knows_are_kept_and_mean_nothing",
                    keys_that_nobody_knows_are_kept_and_mean_nothing);
    g_test_add_func("/config/zero_bytes_and_long_files_are_refused", zero_bytes_and_long_files_are_refused);
    g_test_add_func("/config/list_keys_are_gathered", list_keys_are_gathered);
    g_test_add_func("/config/timeouts_are_two_numbers_or_the_defaults",
                    timeouts_are_two_numbers_or_the_defaults);
    g_test_add_func("/config/the_canonical_text_reads_back_the_same", the_canonical_text_reads_back_the_same);
}
