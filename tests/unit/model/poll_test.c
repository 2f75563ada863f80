/* poll_test.c - how polls lie in time, for one box and for a town of them. */
#include "test.h"

#define HOUR  3600
#define DAY   G_GINT64_CONSTANT(86400)
#define TOWN  5000
#define PARTS 12 /* of an interval: five minutes each */

static const SettingsValues hourly = {.poll_s = HOUR};

static gint64 today(void)
{
    return at("2026-11-23T00:00:00Z");
}

static PollFacts box(guint n)
{
    g_autofree char *id = g_strdup_printf("box-%u", n);
    return (PollFacts){.seed = poll_seed(id)};
}

/* Asserts that the town's next polls lie in the hour from `from` on, spread evenly. */
static void assert_spread(PollFacts facts, gint64 from, gint64 now)
{
    guint n_in[PARTS] = {0};
    for (guint i = 0; i < TOWN; i++) {
        facts.seed = box(i).seed;
        gint64 next = poll_next_at(&facts, &hourly, now);
        g_assert_true(next >= from && next < from + HOUR);
        n_in[(next - from) * PARTS / HOUR]++;
    }
    for (guint i = 0; i < PARTS; i++)
        g_assert_true(n_in[i] > TOWN / PARTS / 2 && n_in[i] < TOWN / PARTS * 3 / 2);
}

static void first_polls_are_spread_over_the_interval(void)
{
    assert_spread((PollFacts){.awake_since = today()}, today(), today());
}

static void a_town_that_comes_back_after_a_power_cut_does_not_ask_at_once(void)
{
    gint64 boot = today() + 5 * HOUR;
    PollFacts facts = {.last_at = today(), .awake_since = boot};
    assert_spread(facts, boot, boot);
    assert_spread(facts, boot, boot + 100);
    facts.quiet_until = boot + 600;
    assert_spread(facts, boot + 600, boot + 100);
    facts.n_failures = 3;
    facts.last_at = today() - DAY;
    assert_spread(facts, boot + 600, boot + 100);
}

static void a_server_that_asked_all_for_peace_is_not_asked_by_all_at_its_end(void)
{
    gint64 end = today() + 5 * HOUR;
    assert_spread((PollFacts){.last_at = today(), .awake_since = today() - DAY, .retry_after_at = end}, end,
                  today() + 100);
}

static void a_box_asks_about_once_an_interval_and_never_drifts_with_another(void)
{
    PollFacts one = box(1), other = box(2);
    gint64 earliest = G_MAXINT64, latest = 0;
    guint n_same = 0;
    one.awake_since = other.awake_since = one.last_at = other.last_at = today();
    for (guint i = 0; i < 2000; i++) {
        gint64 next = poll_next_at(&one, &hourly, one.last_at),
               next_other = poll_next_at(&other, &hourly, other.last_at);
        earliest = MIN(earliest, next - one.last_at);
        latest = MAX(latest, next - one.last_at);
        n_same += next - one.last_at == next_other - other.last_at;
        g_assert_cmpint(poll_next_at(&one, &hourly, next), ==, next); /* asked again: the same */
        one.last_at = next;
        other.last_at = next_other;
    }
    g_assert_true(earliest >= 3240 && earliest < 3260);
    g_assert_true(latest <= 3960 && latest > 3940);
    g_assert_cmpuint(n_same, <, 20);
}

static void failures_in_a_row_wait_longer_up_to_four_intervals(void)
{
    static const gint64 longest_s[] = {0, 2700, 8100, 14400, 14400};
    for (guint n = 1; n < G_N_ELEMENTS(longest_s); n++) {
        gint64 longest = 0;
        for (guint i = 0; i < 20000; i++) {
            PollFacts facts = box(i);
            facts.last_at = facts.awake_since = today();
            facts.n_failures = n;
            gint64 wait_s = poll_next_at(&facts, &hourly, today()) - today();
            g_assert_cmpint(wait_s, >=, 900);
            longest = MAX(longest, wait_s);
        }
        g_assert_true(longest <= longest_s[n] && longest > longest_s[n] * 99 / 100);
    }
    PollFacts facts = {
        .last_at = today(), .awake_since = today(), .n_failures = G_MAXUINT, .seed = G_MAXUINT64};
    gint64 next = poll_next_at(&facts, &hourly, today());
    g_assert_true(next >= today() + 900 && next <= today() + 14400);
}

/* Two boxes that fail together do not fail together again: each draw is another one. */
static void backoff_is_drawn_anew_after_each_failure(void)
{
    guint n_close = 0;
    for (guint i = 0; i < 1000; i++) {
        PollFacts facts = box(i);
        facts.last_at = facts.awake_since = today();
        facts.n_failures = 5;
        gint64 first = poll_next_at(&facts, &hourly, today()) - today();
        facts.last_at = today() + first;
        facts.n_failures = 6;
        gint64 second = poll_next_at(&facts, &hourly, facts.last_at) - facts.last_at;
        n_close += ABS(first - second) < 60;
    }
    g_assert_cmpuint(n_close, <, 50);
}

static void fast_polls_are_for_local_repositories(void)
{
    const SettingsValues fast = {.poll_s = 1};
    PollFacts facts = {.awake_since = today(), .all_local = TRUE, .seed = 77};
    g_assert_cmpint(poll_next_at(&facts, &fast, today()), ==, today());
    facts.last_at = today() + 5;
    g_assert_cmpint(poll_next_at(&facts, &fast, today() + 5), ==, today() + 6);
    facts.all_local = FALSE;
    gint64 next = poll_next_at(&facts, &fast, today() + 5);
    g_assert_true(next >= today() + 275 && next <= today() + 335);
}

/* Nobody else asks it, so what is overdue is due at once. */
static void a_local_repository_that_is_overdue_is_asked_at_once(void)
{
    PollFacts facts = {.last_at = today() - DAY, .awake_since = today(), .all_local = TRUE, .seed = 5};
    g_assert_cmpint(poll_next_at(&facts, &hourly, today() + 1), <=, today() + 1);
    facts.last_at = today() + DAY;
    g_assert_cmpint(poll_next_at(&facts, &hourly, today() + 1), <=, today() + 1);
}

static void retry_after_is_kept_within_a_day(void)
{
    PollFacts facts = {.last_at = today(), .awake_since = today() - DAY, .all_local = TRUE, .n_failures = 1};
    gint64 without = poll_next_at(&facts, &hourly, today());
    static const struct {
        gint64 ahead_s;
        gboolean is_kept;
    } rows[] = {{50000, TRUE}, {86400, TRUE}, {86401, FALSE}, {-5, FALSE}};
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        facts.retry_after_at = today() + rows[i].ahead_s;
        g_assert_cmpint(poll_next_at(&facts, &hourly, today()), ==,
                        rows[i].is_kept ? facts.retry_after_at : without);
    }
}

static void a_clock_that_was_set_back_silences_nobody_for_longer_than_an_interval(void)
{
    PollFacts facts = {
        .last_at = today() + 99 * DAY, .awake_since = today(), .retry_after_at = today() + 99 * DAY};
    assert_spread(facts, today(), today());
    facts.n_failures = 3;
    assert_spread(facts, today(), today());
    facts.awake_since = today() - DAY;
    for (guint i = 0; i < 100; i++) {
        facts.seed = box(i).seed;
        g_assert_cmpint(poll_next_at(&facts, &hourly, today()), <=, today());
    }
}

/* On for the same half an hour every day: within a fortnight it has asked. */
static void a_box_that_is_seldom_on_comes_to_its_turn(void)
{
    guint n_silent = 0;
    for (guint i = 0; i < 1000; i++) {
        PollFacts facts = box(i);
        gboolean has_asked = FALSE;
        facts.last_at = today() - 30 * DAY;
        for (guint day = 0; day < 14 && !has_asked; day++) {
            facts.awake_since = today() + day * DAY + 7 * HOUR;
            has_asked = poll_next_at(&facts, &hourly, facts.awake_since) < facts.awake_since + HOUR / 2;
        }
        n_silent += !has_asked;
    }
    g_assert_cmpuint(n_silent, <, 5);
}

void poll_tests(void)
{
    g_test_add_func("/poll/first_polls_are_spread_over_the_interval",
                    first_polls_are_spread_over_the_interval);
    g_test_add_func("/poll/a_town_that_comes_back_after_a_power_cut_does_not_ask_at_once",
                    a_town_that_comes_back_after_a_power_cut_does_not_ask_at_once);
    g_test_add_func("/poll/a_server_that_asked_all_for_peace_is_not_asked_by_all_at_its_end",
                    a_server_that_asked_all_for_peace_is_not_asked_by_all_at_its_end);
    g_test_add_func("/poll/a_box_asks_about_once_an_interval_and_never_drifts_with_another",
                    a_box_asks_about_once_an_interval_and_never_drifts_with_another);
    g_test_add_func("/poll/failures_in_a_row_wait_longer_up_to_four_intervals",
                    failures_in_a_row_wait_longer_up_to_four_intervals);
    g_test_add_func("/poll/backoff_is_drawn_anew_after_each_failure",
                    backoff_is_drawn_anew_after_each_failure);
    g_test_add_func("/poll/fast_polls_are_for_local_repositories", fast_polls_are_for_local_repositories);
    g_test_add_func("/poll/a_local_repository_that_is_overdue_is_asked_at_once",
                    a_local_repository_that_is_overdue_is_asked_at_once);
    g_test_add_func("/poll/retry_after_is_kept_within_a_day", retry_after_is_kept_within_a_day);
    g_test_add_func("/poll/a_clock_that_was_set_back_silences_nobody_for_longer_than_an_interval",
                    a_clock_that_was_set_back_silences_nobody_for_longer_than_an_interval);
    g_test_add_func("/poll/a_box_that_is_seldom_on_comes_to_its_turn",
                    a_box_that_is_seldom_on_comes_to_its_turn);
}
