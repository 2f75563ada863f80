/* brake_test.c - the deny-only list, and that nothing else can be said with it. */
#include "test.h"

#include <string.h>

#define ENTRY(version, arch, action, back)                                                                   \
    "{'name':'A','version':'" version "','arch':" arch ",'action':'" action "','go_back_to':" back           \
    ",'reason':'breaks logins','at':'2026-11-22T09:00:00Z'}"

static Brake *parse(const char *entries, GError **error)
{
    g_autofree char *whole = g_strdup_printf("{'format':1,'serial':7,'entries':[%s]}", entries);
    g_autofree char *text = json_text(whole);
    return brake_parse(text, strlen(text), error);
}

static void entries_stop_their_release_and_no_other(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Brake) brake =
        parse(ENTRY("2", "'x86_64'", "halt", "null") "," ENTRY("3.0", "null", "withdraw", "'2.9'"), &error);
    g_assert_no_error(error);
    g_assert_nonnull(brake_find(brake, "A", "2", "x86_64"));
    g_assert_nonnull(brake_find(brake, "A", "2.0", "x86_64"));
    g_assert_null(brake_find(brake, "A", "2", "arm_64"));
    g_assert_null(brake_find(brake, "A", "2.1", "x86_64"));
    g_assert_null(brake_find(brake, "B", "2", "x86_64"));
    g_assert_null(brake_find(NULL, "A", "2", "x86_64"));
    const BrakeEntry *withdrawn = brake_find(brake, "A", "3", "arm_64");
    g_assert_nonnull(withdrawn);
    g_assert_cmpint(withdrawn->action, ==, BRAKE_WITHDRAW);
    g_assert_cmpstr(withdrawn->go_back_to, ==, "2.9");
    g_assert_cmpstr(withdrawn->reason, ==, "breaks logins");
}

static void a_withdrawal_is_found_before_a_halt(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Brake) brake =
        parse(ENTRY("2", "null", "halt", "null") "," ENTRY("2", "null", "withdraw", "null"), &error);
    g_assert_no_error(error);
    g_assert_cmpint(brake_find(brake, "A", "2", "all")->action, ==, BRAKE_WITHDRAW);
}

static void what_it_cannot_say_is_ignored(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Brake) brake =
        parse(ENTRY("2", "null", "pause", "'1'") "," ENTRY("3", "null", "halt", "'2'"), &error);
    g_assert_no_error(error);
    g_assert_cmpuint(brake->entries->len, ==, 1);
    g_assert_null(((BrakeEntry *)g_ptr_array_index(brake->entries, 0))->go_back_to);
}

static void what_was_read_is_written_the_same(void)
{
    g_autoptr(GError) error = NULL;
    const char *entries =
        ENTRY("2", "'x86_64'", "halt", "null") "," ENTRY("3.0", "null", "withdraw", "'2.9'");
    g_autoptr(Brake) brake = parse(entries, &error);
    g_assert_no_error(error);
    g_autofree char *whole = g_strdup_printf("{'format':1,'serial':7,'entries':[%s]}", entries);
    g_autoptr(json_t) wanted = json_value(whole);
    g_autoptr(json_t) written = brake_to_json(brake);
    g_assert_true(json_equal(wanted, written));
}

static void a_bad_brake_is_refused(void)
{
    static const struct {
        const char *text, *part;
    } rows[] = {
        {"", "brake: json"},
        {"{'format':2,'serial':1,'entries':[]}", "brake: format"},
        {"{'format':1,'entries':[]}", "brake: serial"},
        {"{'format':1,'serial':1}", "brake: entries"},
        {"{'format':1,'serial':1,'entries':[{'name':'A'}]}", "brake: entries[0].action"},
        {"{'format':1,'serial':1,'entries':[{'action':'halt','name':'A','version':'x y'}]}",
         "entries[0].version"},
        {"{'format':1,'serial':1,'entries':[{'action':'halt','name':'A','version':'1'}]}", "entries[0].at"},
        {"{'format':1,'serial':1,'entries':[" ENTRY("2", "null", "install", "null") "]}",
         "entries[0].action: wanted halt or withdraw, found install"},
        {"{'format':1,'serial':1,'entries':[{'action':'pause','path':'packages/x'}]}",
         "entries[0].path: wanted a brake that only denies, found an offer"},
        {"{'format':1,'serial':1,'entries':[],'releases':[]}",
         "brake: releases: wanted a brake that only denies"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = json_text(rows[i].text);
        g_autoptr(GError) error = NULL;
        g_assert_null(brake_parse(text, strlen(text), &error));
        assert_refused(&error, APPCENTER_ERROR_CORRUPT, rows[i].part);
    }
}

void brake_tests(void)
{
    g_test_add_func("/brake/entries_stop_their_release_and_no_other",
                    entries_stop_their_release_and_no_other);
    g_test_add_func("/brake/a_withdrawal_is_found_before_a_halt", a_withdrawal_is_found_before_a_halt);
    g_test_add_func("/brake/what_it_cannot_say_is_ignored", what_it_cannot_say_is_ignored);
    g_test_add_func("/brake/what_was_read_is_written_the_same", what_was_read_is_written_the_same);
    g_test_add_func("/brake/a_bad_brake_is_refused", a_bad_brake_is_refused);
}
