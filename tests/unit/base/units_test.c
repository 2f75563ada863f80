/* units_test.c - text forms and back; formatters and parsers agree. */
#include "test.h"

#include <string.h>

static void a_time_is_parsed_as_it_is_written(void)
{
    static const struct {
        const char *text;
        gint64 at;
    } rows[] = {{"1970-01-01T00:00:00Z", 0},
                {"2026-11-22T09:00:00Z", 1795338000},
                {"2000-02-29T23:59:59Z", 951868799},
                {"9999-12-31T23:59:59Z", 253402300799}};
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        gint64 at = -1;
        g_autofree char *text = units_format_time(rows[i].at);
        g_assert_cmpstr(text, ==, rows[i].text);
        g_assert_true(units_parse_time(rows[i].text, &at));
        g_assert_cmpint(at, ==, rows[i].at);
    }
}

static void a_time_in_another_form_is_refused(void)
{
    static const char *const texts[] = {
        "",
        "2026-11-22",
        "2026-11-22T09:00:00",
        "2026-11-22T09:00:00+00:00",
        "2026-11-22 09:00:00Z",
        "2026-11-22t09:00:00z",
        "2026-11-22T09:00:00.0Z",
        "2026-11-22T09:00:00Z ",
        " 2026-11-22T09:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-11-22T24:00:00Z",
        "2026-11-22T09:60:00Z",
        "2026-11-22T23:59:60Z",
        "1969-12-31T23:59:59Z",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "2026-11-2xT09:00:00Z",
        "-026-11-22T09:00:00Z",
    };
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        gint64 at = 4711;
        if (units_parse_time(texts[i], &at))
            g_error("accepted \"%s\"", texts[i]);
        g_assert_cmpint(at, ==, 4711);
    }
    g_assert_false(units_parse_time(NULL, NULL));
}

static void every_time_survives_the_round_trip(void)
{
    for (int i = 0; i < 2000; i++) {
        guint64 random = (guint64)(guint32)g_test_rand_int() << 32 | (guint32)g_test_rand_int();
        gint64 at = (gint64)(random % G_GUINT64_CONSTANT(253402300800));
        gint64 back = -1;
        g_autofree char *text = units_format_time(at);
        g_assert_true(units_parse_time(text, &back));
        g_assert_cmpint(back, ==, at);
    }
}

static void a_duration_is_a_number_and_a_unit(void)
{
    static const struct {
        const char *text;
        gint64 seconds;
        const char *shortest;
    } rows[] = {
        {"90", 90, "90s"},      {"90s", 90, "90s"},           {"5m", 300, "5m"},     {"300", 300, "5m"},
        {"12h", 43200, "12h"},  {"14d", 1209600, "2w"},       {"2w", 1209600, "2w"}, {"0", 0, "0s"},
        {"36h", 129600, "36h"}, {"3653d", 315619200, "3653d"}};
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        gint64 seconds = -1;
        g_autofree char *text = units_format_duration(rows[i].seconds);
        g_assert_cmpstr(text, ==, rows[i].shortest);
        g_assert_true(units_parse_duration(rows[i].text, &seconds));
        g_assert_cmpint(seconds, ==, rows[i].seconds);
    }
}

static void a_duration_that_is_none_is_refused(void)
{
    static const char *const texts[] = {"",     "d",  "-5m",  "+5m", " 5m", "5 m",   "5M",
                                        "5mm",  "5y", "1.5h", "0x5", "5m ", "3654d", "99999999999999999999",
                                        "1h30m"};
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        gint64 seconds;
        if (units_parse_duration(texts[i], &seconds))
            g_error("accepted \"%s\"", texts[i]);
    }
    gint64 ignored;
    g_assert_false(units_parse_duration(NULL, &ignored));
}

static void every_duration_survives_the_round_trip(void)
{
    for (int i = 0; i < 2000; i++) {
        gint64 seconds = g_test_rand_int_range(0, 3653 * 86400);
        seconds -= i % 3 ? seconds % 3600 : 0;
        gint64 back = -1;
        g_autofree char *text = units_format_duration(seconds);
        g_assert_true(units_parse_duration(text, &back));
        g_assert_cmpint(back, ==, seconds);
    }
}

static void a_size_counts_in_powers_of_1024(void)
{
    static const struct {
        const char *text;
        gint64 bytes;
    } rows[] = {{"4096", 4096},
                {"20k", 20480},
                {"20K", 20480},
                {"512M", 536870912},
                {"1G", 1073741824},
                {"2T", G_GINT64_CONSTANT(2199023255552)},
                {"0", 0}};
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        gint64 bytes = -1;
        g_assert_true(units_parse_size(rows[i].text, &bytes));
        g_assert_cmpint(bytes, ==, rows[i].bytes);
    }
    static const char *const bad[] = {"",    "k",    "-1",          "1m", "1g", "1MB",
                                      "1 M", "1.5G", "9999999999T", "1P", "1M "};
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        gint64 bytes;
        if (units_parse_size(bad[i], &bytes))
            g_error("accepted \"%s\"", bad[i]);
    }
}

static void a_size_is_shown_in_powers_of_1000(void)
{
    static const struct {
        gint64 bytes;
        const char *text;
    } rows[] = {{0, "0 B"},
                {7, "7 B"},
                {999, "999 B"},
                {1000, "1 kB"},
                {412300, "412 kB"},
                {999499, "999 kB"},
                {999500, "1.0 MB"},
                {31000000, "31.0 MB"},
                {999949999, "999.9 MB"},
                {999950000, "1.0 GB"},
                {-412300, "-412 kB"},
                {G_MAXINT64, "9.2 EB"},
                {G_MININT64, "-9.2 EB"}};
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = units_format_size(rows[i].bytes);
        g_assert_cmpstr(text, ==, rows[i].text);
    }
}

static void when_is_said_relative_to_now(void)
{
    static const struct {
        const char *at;
        const char *now;
        const char *zone;
        const char *text;
    } rows[] = {
        {"2026-11-22T09:00:30Z", "2026-11-22T09:00:00Z", "UTC", "now"},
        {"2026-11-22T08:59:30Z", "2026-11-22T09:00:00Z", "UTC", "now"},
        {"2026-11-22T20:05:00Z", "2026-11-22T09:00:00Z", "UTC", "today 20:05"},
        {"2026-11-22T02:05:00Z", "2026-11-22T09:00:00Z", "UTC", "today 02:05"},
        {"2026-11-23T02:00:00Z", "2026-11-22T09:00:00Z", "UTC", "Mon 02:00"},
        {"2026-11-28T02:00:00Z", "2026-11-22T09:00:00Z", "UTC", "Sat 02:00"},
        {"2026-11-29T02:00:00Z", "2026-11-22T09:00:00Z", "UTC", "2026-11-29 02:00"},
        {"2026-12-24T02:00:00Z", "2026-11-22T09:00:00Z", "UTC", "2026-12-24 02:00"},
        {"2026-11-21T02:00:00Z", "2026-11-22T09:00:00Z", "UTC", "2026-11-21 02:00"},
        {"2026-11-22T23:30:00Z", "2026-11-22T09:00:00Z", "+02:00", "Mon 01:30"},
        {"2026-11-22T20:05:00Z", "2026-11-22T09:00:00Z", "-09:00", "today 11:05"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        gint64 at, now;
        g_autoptr(GTimeZone) zone = g_time_zone_new_identifier(rows[i].zone);
        g_assert_nonnull(zone);
        g_assert_true(units_parse_time(rows[i].at, &at));
        g_assert_true(units_parse_time(rows[i].now, &now));
        g_autofree char *text = units_format_when(at, now, zone);
        g_assert_cmpstr(text, ==, rows[i].text);
    }
}

static void an_age_is_rough(void)
{
    static const struct {
        gint64 seconds;
        const char *text;
    } rows[] = {{-5, "0 s"},    {3, "3 s"},      {59, "59 s"},     {60, "1 min"},        {750, "12 min"},
                {14500, "4 h"}, {86399, "23 h"}, {86400, "1 day"}, {9 * 86400, "9 days"}};
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = units_format_age(rows[i].seconds);
        g_assert_cmpstr(text, ==, rows[i].text);
    }
}

static void hex_is_lower_case_and_of_exact_length(void)
{
    guint8 bytes[4] = {0};
    g_autofree char *text = units_hex((const guint8 *)"\x00\x1f\xa0\xff", 4);
    g_assert_cmpstr(text, ==, "001fa0ff");
    g_assert_true(units_unhex(text, bytes, 4));
    g_assert_cmpmem(bytes, 4, "\x00\x1f\xa0\xff", 4);
    g_assert_true(units_is_hex("", 0));
    static const char *const bad[] = {"", "001fa0f", "001fa0fff", "001FA0FF", "001fa0fg", "001fa0 f"};
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(units_is_hex(bad[i], 4));
        g_assert_false(units_unhex(bad[i], bytes, 4));
    }
    g_assert_false(units_is_hex(NULL, 0));
    g_autofree char *empty = units_hex(NULL, 0);
    g_assert_cmpstr(empty, ==, "");
}

void units_tests_add(void)
{
    g_test_add_func("/units/a_time_is_parsed_as_it_is_written", a_time_is_parsed_as_it_is_written);
    g_test_add_func("/units/a_time_in_another_form_is_refused", a_time_in_another_form_is_refused);
    g_test_add_func("/units/every_time_survives_the_round_trip", every_time_survives_the_round_trip);
    g_test_add_func("/units/a_duration_is_a_number_and_a_unit", a_duration_is_a_number_and_a_unit);
    g_test_add_func("/units/a_duration_that_is_none_is_refused", a_duration_that_is_none_is_refused);
    g_test_add_func("/units/every_duration_survives_the_round_trip", every_duration_survives_the_round_trip);
    g_test_add_func("/units/a_size_counts_in_powers_of_1024", a_size_counts_in_powers_of_1024);
    g_test_add_func("/units/a_size_is_shown_in_powers_of_1000", a_size_is_shown_in_powers_of_1000);
    g_test_add_func("/units/when_is_said_relative_to_now", when_is_said_relative_to_now);
    g_test_add_func("/units/an_age_is_rough", an_age_is_rough);
    g_test_add_func("/units/hex_is_lower_case_and_of_exact_length", hex_is_lower_case_and_of_exact_length);
}
