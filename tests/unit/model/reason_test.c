/* reason_test.c - names of reasons, and the pure clocks of policy: deadline, phase, back-off, next poll. */
#include "test.h"

#include <string.h>

static void reasons_have_stable_names(void)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < REASON_COUNT; i++) {
        const char *name = reason_code_name((ReasonCode)i);
        ReasonCode found;
        g_assert_true(reason_code_from_name(name, &found));
        g_assert_cmpuint(found, ==, i);
        g_assert_true(g_hash_table_add(seen, (gpointer)name));
        g_assert_cmpuint(strspn(name, "abcdefghijklmnopqrstuvwxyz-"), ==, strlen(name));
    }
    ReasonCode none;
    g_assert_false(reason_code_from_name("mood", &none));
    g_assert_cmpstr(reason_code_name(REASON_WINDOW_OPEN), ==, "window-open");
    g_assert_cmpstr(verdict_name(VERDICT_REFUSE), ==, "refuse");
}

static void the_smaller_of_vendors_and_owners_deadline_counts(void)
{
    static const struct {
        UrgencyClass cls;
        gint64 urgent_at, install_within_s, owner_s, deadline;
    } rows[] = {
        {CLASS_EMERGENCY, 1000, 50, 70, 1050}, {CLASS_EMERGENCY, 1000, 90, 70, 1070},
        {CLASS_EMERGENCY, 1000, 0, 70, 1070},  {CLASS_EMERGENCY, 1000, 50, SETTINGS_NEVER, 0},
        {CLASS_CRITICAL, 1000, 50, 70, 1050},  {CLASS_IMPORTANT, 1000, 0, 70, 1070},
        {CLASS_IMPORTANT, 0, 50, 70, 0},       {CLASS_NORMAL, 1000, 50, 70, 0},
        {CLASS_FEATURE, 1000, 50, 70, 0},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        SettingsValues settings = {.deadline_emergency_s = rows[i].owner_s,
                                   .deadline_critical_s = rows[i].owner_s,
                                   .deadline_important_s = rows[i].owner_s};
        OfferFacts facts = {
            .cls = rows[i].cls, .urgent_at = rows[i].urgent_at, .install_within_s = rows[i].install_within_s};
        g_assert_cmpint(policy_deadline(&facts, &settings), ==, rows[i].deadline);
    }
}

static void a_box_takes_part_once_the_curve_is_above_it(void)
{
    g_autoptr(Release) release = release_of(
        "A", "1",
        "'rollout':{'id':'r','start':'1970-01-01T00:16:40Z','curve':[[0,100],[900,2000],[2700,9999]]}");
    static const struct {
        guint permyriad;
        gint64 opens_at;
    } rows[] = {{0, 1000}, {99, 1000}, {100, 1900}, {1999, 1900}, {2000, 3700}, {9998, 3700}, {9999, 0}};
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpint(rollout_opens_at(release->rollout, rows[i].permyriad), ==, rows[i].opens_at);
    g_assert_cmpint(rollout_opens_at(NULL, 9999), ==, 1);
}

static void failures_back_off_to_a_fortnight(void)
{
    static const gint64 hours[] = {8, 8, 12, 24, 48, 96, 168, 336, 336, 336};
    for (guint n = 0; n < G_N_ELEMENTS(hours); n++)
        g_assert_cmpint(policy_veto_backoff_s(n), ==, hours[n] * 3600);
    g_assert_cmpint(policy_veto_backoff_s(G_MAXUINT), ==, 336 * 3600);
}

/* The floor never falls again, so a stolen online key must not move it far. */
static void a_signed_time_raises_the_floor_on_a_leash(void)
{
    enum { DAY = 86400, BUILT = 1000 * DAY, ROOT = 1400 * DAY };
    static const struct {
        gint64 signed_at, expires_at, wall_now, floor;
    } cases[] = {
        {1100 * DAY, 1101 * DAY, 1100 * DAY + 5, 1100 * DAY}, /* as it should be */
        {1100 * DAY, 1101 * DAY, 1099 * DAY, 1100 * DAY},     /* a clock a day behind */
        {9999 * DAY, 9999 * DAY, 1100 * DAY, 1101 * DAY},     /* a thief's, against a right clock */
        {1100 * DAY, 1101 * DAY, 5 * DAY, 1100 * DAY},        /* a clock from before the build */
        {9999 * DAY, 9999 * DAY, 5 * DAY, ROOT},              /* a thief's, against that clock */
        {1100 * DAY, 1090 * DAY, 1100 * DAY, 1090 * DAY},     /* signed after its own end */
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpint(
            policy_floor_from(cases[i].signed_at, cases[i].expires_at, ROOT, cases[i].wall_now, BUILT), ==,
            cases[i].floor);
}

static void trusted_now_is_never_below_the_floor(void)
{
    g_assert_cmpint(policy_trusted_now(10, 5), ==, 10);
    g_assert_cmpint(policy_trusted_now(5, 10), ==, 10);
}

void reason_tests(void)
{
    g_test_add_func("/reasons/reasons_have_stable_names", reasons_have_stable_names);
    g_test_add_func("/policy/the_smaller_of_vendors_and_owners_deadline_counts",
                    the_smaller_of_vendors_and_owners_deadline_counts);
    g_test_add_func("/policy/a_box_takes_part_once_the_curve_is_above_it",
                    a_box_takes_part_once_the_curve_is_above_it);
    g_test_add_func("/policy/failures_back_off_to_a_fortnight", failures_back_off_to_a_fortnight);
    g_test_add_func("/policy/trusted_now_is_never_below_the_floor", trusted_now_is_never_below_the_floor);
    g_test_add_func("/policy/a_signed_time_raises_the_floor_on_a_leash",
                    a_signed_time_raises_the_floor_on_a_leash);
}
