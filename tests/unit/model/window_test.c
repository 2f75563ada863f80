/* window_test.c - windows over nights with clock changes, over weekdays, beside and inside blackouts. */
#include "test.h"

#include <string.h>
#include <unistd.h>

static Window *window_of(const char *timer, const char *zone, const char *blackout)
{
    g_autoptr(GError) error = NULL;
    Window *window = window_parse(timer, zone, blackout, &error);
    g_assert_no_error(error);
    return window;
}

/* Asserts which window a moment sees: "-" for none. */
static void assert_next(const char *timer, const char *zone, const char *blackout, const char *now,
                        const char *start, const char *end)
{
    g_autoptr(Window) window = window_of(timer, zone, blackout);
    gint64 found_start = 0, found_end = 0;
    gboolean is_found = window_next(window, at(now), &found_start, &found_end);
    g_autofree char *shown_start = is_found ? units_format_time(found_start) : g_strdup("-");
    g_autofree char *shown_end = is_found ? units_format_time(found_end) : g_strdup("-");
    if (strcmp(shown_start, start) != 0 || strcmp(shown_end, end) != 0)
        g_error("%s in %s without %s, at %s: wanted %s to %s, found %s to %s", timer, zone, blackout, now,
                start, end, shown_start, shown_end);
    gint64 open_end = 0;
    gboolean is_open = window_is_open(window, at(now), &open_end);
    g_assert_cmpint(is_open, ==, is_found && found_start <= at(now));
    if (is_open)
        g_assert_cmpint(open_end, ==, found_end);
}

static void the_next_window_is_found(void)
{
    static const struct {
        const char *timer, *zone, *blackout, *now, *start, *end;
    } rows[] = {
        /* 2026-11-23 is a Monday */
        {"02:00-05:00", "UTC", "", "2026-11-23T01:00:00Z", "2026-11-23T02:00:00Z", "2026-11-23T05:00:00Z"},
        {"02:00-05:00", "UTC", "", "2026-11-23T02:00:00Z", "2026-11-23T02:00:00Z", "2026-11-23T05:00:00Z"},
        {"02:00-05:00", "UTC", "", "2026-11-23T04:59:59Z", "2026-11-23T02:00:00Z", "2026-11-23T05:00:00Z"},
        {"02:00-05:00", "UTC", "", "2026-11-23T05:00:00Z", "2026-11-24T02:00:00Z", "2026-11-24T05:00:00Z"},
        {"02:00-05:00", "Asia/Taipei", "", "2026-11-22T17:00:00Z", "2026-11-22T18:00:00Z",
         "2026-11-22T21:00:00Z"},
        {"23:00-01:00", "UTC", "", "2026-11-23T00:30:00Z", "2026-11-22T23:00:00Z", "2026-11-23T01:00:00Z"},
        {"mon-fri,01:00-05:00", "UTC", "", "2026-11-27T06:00:00Z", "2026-11-30T01:00:00Z",
         "2026-11-30T05:00:00Z"},
        {"mon-fri,01:00-05:00;sat,sun,00:00-08:00", "UTC", "", "2026-11-27T06:00:00Z", "2026-11-28T00:00:00Z",
         "2026-11-28T08:00:00Z"},
        {"Sat-Mon, 01:00-02:00", "UTC", "", "2026-11-23T03:00:00Z", "2026-11-28T01:00:00Z",
         "2026-11-28T02:00:00Z"},
        {"fri,23:00-01:00", "UTC", "", "2026-11-28T00:30:00Z", "2026-11-27T23:00:00Z",
         "2026-11-28T01:00:00Z"},
        {"fri,23:00-01:00", "UTC", "", "2026-11-29T00:30:00Z", "2026-12-04T23:00:00Z",
         "2026-12-05T01:00:00Z"},
        {"01:00-02:00;02:00-03:00", "UTC", "", "2026-11-23T00:00:00Z", "2026-11-23T01:00:00Z",
         "2026-11-23T03:00:00Z"},
        {"01:00-03:00;02:00-05:00", "UTC", "", "2026-11-23T01:30:00Z", "2026-11-23T01:00:00Z",
         "2026-11-23T05:00:00Z"},
        {"", "UTC", "", "2026-11-23T01:30:00Z", "-", "-"},
        {" ; ", "UTC", "", "2026-11-23T01:30:00Z", "-", "-"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        assert_next(rows[i].timer, rows[i].zone, rows[i].blackout, rows[i].now, rows[i].start, rows[i].end);
}

static void clock_changes_neither_lose_nor_double_a_window(void)
{
    static const struct {
        const char *timer, *zone, *now, *start, *end;
    } rows[] = {
        /* the gap: 02:30 does not exist, the first instant after it is 03:00 CEST */
        {"02:30-03:30", "Europe/Berlin", "2027-03-27T12:00:00Z", "2027-03-28T01:00:00Z",
         "2027-03-28T02:00:00Z"},
        /* the fold: 02:30 is twice, the first counts */
        {"02:30-03:30", "Europe/Berlin", "2027-10-30T12:00:00Z", "2027-10-31T00:30:00Z",
         "2027-10-31T01:30:00Z"},
        {"02:30-03:30", "Europe/Berlin", "2027-10-31T01:30:00Z", "2027-11-01T01:30:00Z",
         "2027-11-01T02:30:00Z"},
        /* a night around the change keeps its length */
        {"01:00-05:00", "Europe/Berlin", "2027-03-27T12:00:00Z", "2027-03-28T00:00:00Z",
         "2027-03-28T04:00:00Z"},
        {"01:00-05:00", "Europe/Berlin", "2027-10-30T12:00:00Z", "2027-10-30T23:00:00Z",
         "2027-10-31T03:00:00Z"},
        /* half an hour at Lord Howe: 02:00 becomes 02:30 on 2027-10-03, 02:00 becomes 01:30 on 2027-04-04 */
        {"02:15-03:15", "Australia/Lord_Howe", "2027-10-02T00:00:00Z", "2027-10-02T15:30:00Z",
         "2027-10-02T16:30:00Z"},
        {"01:45-02:45", "Australia/Lord_Howe", "2027-04-03T00:00:00Z", "2027-04-03T14:45:00Z",
         "2027-04-03T15:45:00Z"},
        {"02:30-03:30", "Asia/Taipei", "2027-03-27T20:00:00Z", "2027-03-28T18:30:00Z",
         "2027-03-28T19:30:00Z"},
        /* Samoa left 2011-12-30 out altogether: both its window and the next day's are there, from the change
  on */
        {"00:00-01:00", "Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-30T10:00:00Z",
         "2011-12-30T11:00:00Z"},
        /* midnight itself in the gap */
        {"00:00-01:00", "America/Santiago", "2027-09-04T12:00:00Z", "2027-09-05T04:00:00Z",
         "2027-09-05T05:00:00Z"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        assert_next(rows[i].timer, rows[i].zone, "", rows[i].now, rows[i].start, rows[i].end);
}

static void blackouts_cut_windows(void)
{
    static const struct {
        const char *timer, *blackout, *now, *start, *end;
    } rows[] = {
        {"02:00-05:00", "2026-12-20..2027-01-04", "2026-12-19T12:00:00Z", "2027-01-05T02:00:00Z",
         "2027-01-05T05:00:00Z"},
        {"02:00-05:00", "2026-12-20..2027-01-04", "2026-12-25T03:00:00Z", "2027-01-05T02:00:00Z",
         "2027-01-05T05:00:00Z"},
        {"23:00-01:00", "2026-12-20..2026-12-21", "2026-12-19T12:00:00Z", "2026-12-19T23:00:00Z",
         "2026-12-20T00:00:00Z"},
        {"23:00-01:00", "2026-12-20..2026-12-21", "2026-12-20T00:30:00Z", "2026-12-22T00:00:00Z",
         "2026-12-22T01:00:00Z"},
        {"23:00-01:00", "2026-12-20..2026-12-21", "2026-12-22T00:30:00Z", "2026-12-22T00:00:00Z",
         "2026-12-22T01:00:00Z"},
        {"02:00-05:00", "2026-12-20..2026-12-20;2026-12-21..2026-12-22;2026-12-21..2026-12-21",
         "2026-12-20T03:00:00Z", "2026-12-23T02:00:00Z", "2026-12-23T05:00:00Z"},
        {"02:00-05:00", "2026-01-01..2028-12-31", "2026-12-20T03:00:00Z", "-", "-"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        assert_next(rows[i].timer, "UTC", rows[i].blackout, rows[i].now, rows[i].start, rows[i].end);
}

static void a_blackout_is_whole_local_days(void)
{
    g_autoptr(Window) window = window_of("02:00-05:00", "Asia/Taipei", "2026-12-20..2026-12-21");
    g_assert_false(window_in_blackout(window, at("2026-12-19T15:59:59Z")));
    g_assert_true(window_in_blackout(window, at("2026-12-19T16:00:00Z")));
    g_assert_true(window_in_blackout(window, at("2026-12-21T15:59:59Z")));
    g_assert_false(window_in_blackout(window, at("2026-12-21T16:00:00Z")));
    g_assert_cmpint(window_after_blackout(window, at("2026-12-20T00:00:00Z")), ==,
                    at("2026-12-21T16:00:00Z"));
    g_assert_cmpint(window_after_blackout(window, at("2026-12-22T00:00:00Z")), ==,
                    at("2026-12-22T00:00:00Z"));
}

static void round_the_clock_is_always_open(void)
{
    g_autoptr(Window) window = window_of("00:00-00:00", "Europe/Berlin", "");
    for (gint64 now = at("2027-03-20T00:00:00Z"); now < at("2027-04-05T00:00:00Z"); now += 1801) {
        gint64 end = 0;
        g_assert_true(window_is_open(window, now, &end));
        g_assert_cmpint(end, >, now);
    }
}

static void what_is_no_window_is_refused(void)
{
    static const struct {
        const char *timer, *zone, *blackout, *part;
    } rows[] = {
        {"02:00", "UTC", "", "wanted [days,]HH:MM-HH:MM"},
        {"2:00-5:00", "UTC", "", "found \"2:00-5:00\""},
        {"24:00-05:00", "UTC", "", "wanted [days,]"},
        {"02:60-05:00", "UTC", "", "wanted [days,]"},
        {"02:00-05:00x", "UTC", "", "wanted [days,]"},
        {"someday,02:00-05:00", "UTC", "", "wanted [days,]"},
        {"mon-,02:00-05:00", "UTC", "", "wanted [days,]"},
        {"mon", "UTC", "", "wanted [days,]"},
        {",02:00-05:00", "UTC", "", "wanted [days,]"},
        {"", "Mars/Olympus", "", "wanted local or an IANA zone"},
        {"", "", "", "wanted local or an IANA zone"},
        {"", "../../etc/passwd", "", "wanted local or an IANA zone"},
        {"", "/etc/localtime", "", "wanted local or an IANA zone"},
        {"", "UTC", "2026-12-20", "wanted FROM..TO"},
        {"", "UTC", "2026-12-20..2026-12-19", "wanted FROM..TO"},
        {"", "UTC", "2026-02-30..2026-03-01", "wanted FROM..TO"},
        {"", "UTC", "2026-00-01..2026-03-01", "wanted FROM..TO"},
        {"", "UTC", "2026-12-20...2026-12-21", "wanted FROM..TO"},
        {"", "UTC", "2026-12-20..2026-12-21 x", "wanted FROM..TO"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(window_parse(rows[i].timer, rows[i].zone, rows[i].blackout, &error));
        assert_refused(&error, APPCENTER_ERROR_CORRUPT, rows[i].part);
    }
    GString *many = g_string_new(NULL);
    for (int i = 0; i < 65; i++)
        g_string_append(many, "02:00-03:00;");
    g_autoptr(GError) error = NULL;
    g_assert_null(window_parse(many->str, "UTC", "", &error));
    assert_refused(&error, APPCENTER_ERROR_CORRUPT, "wanted at most 64");
    g_string_free(many, TRUE);
}

/* A time zone database of our own, with one zone that is what Berlin or Taipei is. */
static void put_zone(const char *folder, const char *like)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *from = g_build_filename("/usr/share/zoneinfo", like, NULL);
    g_autofree char *to = g_build_filename(folder, "Our", "Zone", NULL);
    g_autofree char *parent = g_path_get_dirname(to);
    g_autofree char *bytes = NULL;
    gsize len = 0;
    g_assert_cmpint(g_mkdir_with_parents(parent, 0755), ==, 0);
    g_assert_true(g_file_get_contents(from, &bytes, &len, &error));
    g_assert_true(g_file_set_contents(to, bytes, (gssize)len,
                                      &error)); /* a new file in its place, as a package does it */
}

static void a_zone_file_that_is_replaced_counts_from_then_on(void)
{
    static const char *const names[] = {"Our/Zone", "local"};
    g_autofree char *folder = g_dir_make_tmp("zones-XXXXXX", NULL);
    g_setenv("TZDIR", folder, TRUE);
    g_setenv("TZ", "Our/Zone", TRUE);
    put_zone(folder, "Europe/Berlin");
    g_autoptr(GTimeZone) held = g_time_zone_new_local(); /* by the log, for one */
    g_assert_nonnull(held);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        put_zone(folder, "Europe/Berlin");
        assert_next("02:00-05:00", names[i], "", "2026-11-23T12:00:00Z", "2026-11-24T01:00:00Z",
                    "2026-11-24T04:00:00Z");
        put_zone(folder, "Asia/Taipei");
        assert_next("02:00-05:00", names[i], "", "2026-11-23T12:00:00Z", "2026-11-23T18:00:00Z",
                    "2026-11-23T21:00:00Z");
    }
    g_unsetenv("TZDIR");
    g_unsetenv("TZ");
    g_autoptr(GError) error = NULL;
    g_autoptr(RootDir) root = root_dir_open(folder, &error);
    g_assert_true(root_dir_remove_tree(root, "/Our", &error));
    g_assert_cmpint(rmdir(folder), ==, 0);
}

/* A clock that is set by a day, to and fro: each answer follows from now alone. */
static void clock_steps_of_a_day_leave_nothing_behind(void)
{
    static const char *const rows[][3] = {
        {"2026-11-23T03:00:00Z", "2026-11-23T02:00:00Z", "2026-11-23T05:00:00Z"},
        {"2026-11-24T03:00:00Z", "2026-11-24T02:00:00Z", "2026-11-24T05:00:00Z"},
        {"2026-11-22T03:00:00Z", "2026-11-22T02:00:00Z", "2026-11-22T05:00:00Z"},
        {"2026-11-23T03:00:00Z", "2026-11-23T02:00:00Z", "2026-11-23T05:00:00Z"},
    };
    g_autoptr(Window) window = window_of("02:00-05:00", "UTC", "");
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        gint64 start = 0, end = 0;
        g_assert_true(window_next(window, at(rows[i][0]), &start, &end));
        g_assert_cmpint(start, ==, at(rows[i][1]));
        g_assert_cmpint(end, ==, at(rows[i][2]));
    }
}

void window_tests(void)
{
    g_test_add_func("/window/a_zone_file_that_is_replaced_counts_from_then_on",
                    a_zone_file_that_is_replaced_counts_from_then_on);
    g_test_add_func("/window/clock_steps_of_a_day_leave_nothing_behind",
                    clock_steps_of_a_day_leave_nothing_behind);
    g_test_add_func("/window/the_next_window_is_found", the_next_window_is_found);
    g_test_add_func("/window/clock_changes_neither_lose_nor_double_a_window",
                    clock_changes_neither_lose_nor_double_a_window);
    g_test_add_func("/window/blackouts_cut_windows", blackouts_cut_windows);
    g_test_add_func("/window/a_blackout_is_whole_local_days", a_blackout_is_whole_local_days);
    g_test_add_func("/window/round_the_clock_is_always_open", round_the_clock_is_always_open);
    g_test_add_func("/window/what_is_no_window_is_refused", what_is_no_window_is_refused);
}
