/* clock_test.c - lost clocks, set clocks and sleeps. */
#include "test.h"

#define UP   5000 /* seconds that the machine was up when we started */
#define DAY  G_GINT64_CONSTANT(86400)
#define HOUR 3600

static gint64 today(void)
{
    return at("2026-11-23T08:00:00Z");
}

/* The machine after ran_s awake and slept_s asleep, with its clock off by step_s. */
static ClockReading after(gint64 wall_at, gint64 ran_s, gint64 slept_s)
{
    return (ClockReading){
        .wall_at = wall_at, .uptime_s = UP + ran_s + slept_s, .running_s = UP - 100 + ran_s};
}

static Clock started(gint64 wall_at, gint64 floor_at)
{
    Clock clock;
    ClockReading start = after(wall_at, 0, 0);
    clock_start(&clock, &start, floor_at);
    return clock;
}

static void a_lost_clock_goes_on_from_the_floor(void)
{
    gint64 floor_at = today();
    Clock clock = started(0, floor_at);
    ClockReading later = after(HOUR, HOUR, 0);
    g_assert_cmpint(clock_now(&clock, &later, floor_at), ==, floor_at + HOUR);
    /* what was verified meanwhile raises the floor */
    g_assert_cmpint(clock_now(&clock, &later, floor_at + 2 * HOUR), ==, floor_at + 2 * HOUR);
    g_assert_cmpint(clock_now(&clock, &later, floor_at + HOUR / 2), ==, floor_at + HOUR);
}

/* A box that knew only its build date hears of today: time goes on from there, too. */
static void time_goes_on_from_a_floor_that_rises(void)
{
    gint64 built_at = today() - 90 * DAY;
    Clock clock = started(10, built_at);
    ClockReading heard = after(110, 100, 0), later = after(110 + HOUR, 100 + HOUR, 0);
    g_assert_false(clock_look(&clock, &heard, today()));
    g_assert_cmpint(clock_now(&clock, &heard, today()), ==, today());
    g_assert_cmpint(clock_now(&clock, &later, today()), ==, today() + HOUR);
    /* looking again at the same floor does not hold it up */
    g_assert_false(clock_look(&clock, &later, today()));
    g_assert_cmpint(clock_now(&clock, &later, today()), ==, today() + HOUR);
}

static void a_clock_that_was_ahead_is_believed_again_once_it_is_right(void)
{
    gint64 ahead = at("2038-01-19T03:14:08Z");
    Clock clock = started(ahead, today() - DAY);
    ClockReading wrong = after(ahead + 10, 10, 0), right = after(today(), 20, 0);
    g_assert_cmpint(clock_now(&clock, &wrong, today() - DAY), ==, ahead + 10);
    g_assert_cmpint(clock_now(&clock, &right, today() - DAY), ==, today());
}

static void a_clock_step_of_a_day_is_noticed_once(void)
{
    static const gint64 steps_s[] = {DAY, -DAY, 2 * HOUR, -HOUR};
    for (guint i = 0; i < G_N_ELEMENTS(steps_s); i++) {
        Clock clock = started(today(), 0);
        ClockReading before = after(today() + 100, 100, 0);
        ClockReading behind = after(today() + 200 + steps_s[i], 200, 0);
        ClockReading later = after(today() + 500 + steps_s[i], 500, 0);
        g_assert_false(clock_look(&clock, &before, 0));
        g_assert_cmpint(clock_awake_since(&clock, &before, 0), ==, today());
        g_assert_true(clock_look(&clock, &behind, 0));
        g_assert_false(clock_look(&clock, &later, 0));
        g_assert_cmpint(clock_awake_since(&clock, &later, 0), ==, today() + 200 + steps_s[i]);
    }
}

static void a_sleep_is_noticed_and_small_corrections_are_not(void)
{
    Clock clock = started(today(), 0);
    ClockReading nudged = after(today() + 130, 100, 0);
    ClockReading woken = after(today() + 8 * HOUR + 230, 200, 8 * HOUR);
    g_assert_false(clock_look(&clock, &nudged, 0));
    g_assert_true(clock_look(&clock, &woken, 0));
    g_assert_cmpint(clock_awake_since(&clock, &woken, 0), ==, woken.wall_at);
}

void clock_tests(void)
{
    g_test_add_func("/clock/a_lost_clock_goes_on_from_the_floor", a_lost_clock_goes_on_from_the_floor);
    g_test_add_func("/clock/time_goes_on_from_a_floor_that_rises", time_goes_on_from_a_floor_that_rises);
    g_test_add_func("/clock/a_clock_that_was_ahead_is_believed_again_once_it_is_right",
                    a_clock_that_was_ahead_is_believed_again_once_it_is_right);
    g_test_add_func("/clock/a_clock_step_of_a_day_is_noticed_once", a_clock_step_of_a_day_is_noticed_once);
    g_test_add_func("/clock/a_sleep_is_noticed_and_small_corrections_are_not",
                    a_sleep_is_noticed_and_small_corrections_are_not);
}
