/* policy_test.c - the order of judgement as a table, the clocks, and that every fact gets one verdict. */
#include "test.h"

#include <string.h>

/* Monday 2026-11-23; the window of all cases is 02:00-05:00 UTC, with a blackout on the 25th and 26th. */
#define MORNING  "2026-11-23T08:05:00Z"
#define NIGHT    "2026-11-23T03:00:00Z"
#define BLACKOUT "2026-11-25T12:00:00Z"

typedef struct {
    OfferFacts facts;
    Settings *settings;
    Window *window;
    const char *timer;
} Bench;

static void bench_init(Bench *bench, UrgencyClass cls, const char *config, const char *timer)
{
    g_autoptr(GError) error = NULL;
    *bench = (Bench){.settings = settings_new(), .timer = timer};
    g_assert_true(settings_apply_text(bench->settings, "test", config, strlen(config), NULL, &error));
    g_assert_no_error(error);
    bench->window = window_parse(timer, "UTC", "2026-11-25..2026-11-26", &error);
    g_assert_no_error(error);
    bench->facts.release = release_of("PhotoStation", "6.1.2", NULL);
    bench->facts.installed_version = "6.1.1";
    bench->facts.cls = cls;
    bench->facts.urgent_at = cls >= CLASS_IMPORTANT ? at("2026-11-23T08:00:00Z") : 0;
}

static void bench_clear(Bench *bench)
{
    release_free((Release *)bench->facts.release);
    settings_free(bench->settings);
    window_free(bench->window);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Bench, bench_clear)

static void assert_decision(const Bench *bench, const char *now, ReasonCode code, Verdict verdict,
                            const char *when, const char *sentence)
{
    g_auto(PolicyVerdict) found = {0};
    policy_decide(&bench->facts, settings_values(bench->settings), bench->window, at(now), &found);
    g_assert_cmpstr(reason_code_name(found.code), ==, reason_code_name(code));
    g_assert_cmpstr(verdict_name(found.verdict), ==, verdict_name(verdict));
    g_autofree char *shown = found.at ? units_format_time(found.at) : g_strdup("-");
    g_assert_cmpstr(shown, ==, when);
    g_assert_cmpstr(found.sentence, ==, sentence);
}

/* ---- consent, window, deadline by class ---- */

static void each_class_has_its_timing(void)
{
    static const struct {
        UrgencyClass cls;
        const char *config, *timer, *now;
        ReasonCode code;
        Verdict verdict;
        const char *at, *sentence;
    } rows[] = {
        {CLASS_EMERGENCY, "", "02:00-05:00", MORNING, REASON_EMERGENCY, VERDICT_NOW, "-",
         "now: emergency fix; at the latest today 20:00"},
        {CLASS_EMERGENCY, "", "", BLACKOUT, REASON_EMERGENCY, VERDICT_NOW, "-",
         "now: emergency fix; due since 2026-11-23 20:00"},
        {CLASS_EMERGENCY, "[updates]\nemergency = notify", "02:00-05:00", NIGHT, REASON_CONSENT_EMERGENCY,
         VERDICT_ASK, "-", "asks you: emergency fix; emergency = notify"},
        {CLASS_CRITICAL, "", "02:00-05:00", NIGHT, REASON_WINDOW_OPEN, VERDICT_NOW, "-",
         "now: the window is open until today 05:00"},
        {CLASS_CRITICAL, "", "02:00-05:00", MORNING, REASON_WINDOW, VERDICT_AT, "2026-11-24T02:00:00Z",
         "in the window, Tue 02:00; at the latest Thu 08:00"},
        {CLASS_CRITICAL, "[updates]\ndeadline_critical = 2h", "02:00-05:00", MORNING, REASON_DEADLINE,
         VERDICT_AT, "2026-11-23T10:00:00Z", "at its deadline, today 10:00"},
        {CLASS_CRITICAL, "[updates]\ndeadline_critical = 2h", "02:00-05:00", "2026-11-23T10:00:00Z",
         REASON_DEADLINE, VERDICT_NOW, "-", "now: its deadline has come; due since now"},
        {CLASS_CRITICAL, "[updates]\ndeadline_critical = 2h", "02:00-05:00", BLACKOUT, REASON_BLACKOUT,
         VERDICT_AT, "2026-11-27T00:00:00Z", "after the blackout, Fri 00:00; due since 2026-11-23 10:00"},
        {CLASS_CRITICAL, "[updates]\ndeadline_critical = never", "02:00-05:00", BLACKOUT, REASON_BLACKOUT,
         VERDICT_AT, "2026-11-27T02:00:00Z", "after the blackout, Fri 02:00"},
        {CLASS_IMPORTANT, "[updates]\ndeadline_important = never", "", MORNING, REASON_NO_WINDOW,
         VERDICT_WAIT, "-", "waits for you: no window is ever open"},
        {CLASS_IMPORTANT, "", "", MORNING, REASON_DEADLINE, VERDICT_AT, "2026-12-07T08:00:00Z",
         "at its deadline, 2026-12-07 08:00"},
        {CLASS_IMPORTANT, "[updates]\nsecurity = download", "02:00-05:00", NIGHT, REASON_CONSENT_SECURITY,
         VERDICT_ASK, "-", "asks you: security = download"},
        {CLASS_CRITICAL, "[updates]\nsecurity = off", "02:00-05:00", NIGHT, REASON_CONSENT_SECURITY,
         VERDICT_ASK, "-", "asks you: security = off"},
        {CLASS_NORMAL, "", "02:00-05:00", NIGHT, REASON_CONSENT_OTHER, VERDICT_ASK, "-",
         "asks you: other = notify"},
        {CLASS_NORMAL, "[updates]\nother = off", "02:00-05:00", NIGHT, REASON_CONSENT_OTHER, VERDICT_ASK, "-",
         "asks you: other = off"},
        {CLASS_NORMAL, "[updates]\nother = auto", "02:00-05:00", NIGHT, REASON_WINDOW_OPEN, VERDICT_NOW, "-",
         "now: the window is open until today 05:00"},
        {CLASS_NORMAL, "[updates]\nother = auto", "02:00-05:00", MORNING, REASON_WINDOW, VERDICT_AT,
         "2026-11-24T02:00:00Z", "in the window, Tue 02:00"},
        {CLASS_NORMAL, "[updates]\nother = auto\nmin_age = 4d", "02:00-05:00", NIGHT, REASON_MIN_AGE,
         VERDICT_AT, "2026-11-27T02:00:00Z", "once it has been out for 4d, Fri 02:00"},
        {CLASS_NORMAL, "[updates]\nother = auto\nmin_age = 7d", "", NIGHT, REASON_NO_WINDOW, VERDICT_WAIT,
         "-", "waits for you: no window is ever open"},
        {CLASS_FEATURE, "", "02:00-05:00", NIGHT, REASON_FEATURE, VERDICT_ASK, "-",
         "asks you: other = notify"},
        {CLASS_FEATURE, "[updates]\nother = auto", "02:00-05:00", NIGHT, REASON_FEATURE, VERDICT_ASK, "-",
         "asks you: new features are never automatic"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(Bench) bench;
        bench_init(&bench, rows[i].cls, rows[i].config, rows[i].timer);
        assert_decision(&bench, rows[i].now, rows[i].code, rows[i].verdict, rows[i].at, rows[i].sentence);
    }
}

static void the_sentence_says_what_the_vendor_said(void)
{
    g_auto(Bench) bench;
    bench_init(&bench, CLASS_EMERGENCY, "", "02:00-05:00");
    release_free((Release *)bench.facts.release);
    bench.facts.release =
        release_of("PhotoStation", "6.1.2",
                   "'urgency':{'class':'emergency','urgent_at':'2026-11-23T08:05:00Z','reason':"
                   "'exploited','advisories':['QSA-22-24']}");
    bench.facts.urgent_at = at(MORNING);
    assert_decision(&bench, "2026-11-23T08:06:00Z", REASON_EMERGENCY, VERDICT_NOW, "-",
                    "now: exploited, QSA-22-24; at the latest today 20:05");
    bench.facts.pulled_in_by = "VideoStation";
    assert_decision(&bench, "2026-11-23T08:06:00Z", REASON_EMERGENCY, VERDICT_NOW, "-",
                    "now: needed by VideoStation; at the latest today 20:05");
}

/* ---- what stands before consent, in its order ---- */

typedef enum {
    STALE = 1,
    PUBLISHER = 2,
    HALTED = 4,
    WITHDRAWN = 8,
    PROBLEM = 16,
    OS = 32,
    HELD = 64,
    SKIPPED = 128,
    VETO = 256,
    PHASE = 512,
    NEVER_PHASE = 1024
} Fact;

static const Hold hold = {.until = G_GINT64_CONSTANT(1796083200),
                          .note = (char *)"library rescan"}; /* 2026-12-01 */
static const BrakeEntry halt = {.action = BRAKE_HALT, .reason = (char *)"breaks logins"};
static const BrakeEntry withdrawal = {.action = BRAKE_WITHDRAW};

static void set_facts(Bench *bench, guint facts)
{
    if (facts & HALTED)
        bench->facts.brake = &halt;
    if (facts & WITHDRAWN)
        bench->facts.brake = &withdrawal;
    if (facts & (PROBLEM | OS))
        bench->facts.problem = "needs QNAP_FW >= 5.1 (this NAS: 5.0.0)";
    if (facts & HELD)
        bench->facts.hold = &hold;
    if (facts & (PHASE | NEVER_PHASE)) {
        release_free((Release *)bench->facts.release);
        bench->facts.release =
            release_of("PhotoStation", "6.1.2",
                       "'rollout':{'id':'r','start':'2026-11-23T08:00:00Z','curve':[[0,100],[7200,5000]]}");
        bench->facts.cohort_permyriad = facts & PHASE ? 4999 : 5000;
    }
    bench->facts.metadata_expired = facts & STALE ? TRUE : FALSE;
    bench->facts.publisher_differs = facts & PUBLISHER ? TRUE : FALSE;
    bench->facts.problem_is_os = facts & OS ? TRUE : FALSE;
    bench->facts.is_skipped = facts & SKIPPED ? TRUE : FALSE;
    bench->facts.veto_until = facts & VETO ? at("2026-11-23T16:00:00Z") : 0;
    bench->facts.veto_cause = "health check failed";
}

static void the_first_rule_that_applies_decides(void)
{
    static const struct {
        guint facts;
        ReasonCode code;
        Verdict verdict;
        const char *at, *sentence;
    } rows[] = {
        {0x3ff, REASON_STALE, VERDICT_WAIT, "-", "waits: the repository's metadata has expired"},
        {0x3fe, REASON_PUBLISHER, VERDICT_REFUSE, "-", "comes from another publisher"},
        {0x3fc, REASON_WITHDRAWN, VERDICT_REFUSE, "-", "the vendor withdrew it"},
        {0x3f4, REASON_HALTED, VERDICT_REFUSE, "-", "the vendor stopped it: breaks logins"},
        {0x3f0, REASON_SKIPPED, VERDICT_WAIT, "-", "you skipped this version"},
        {0x370, REASON_OS, VERDICT_REFUSE, "-", "needs QNAP_FW >= 5.1 (this NAS: 5.0.0)"},
        {0x350, REASON_DEPENDENCY, VERDICT_REFUSE, "-", "needs QNAP_FW >= 5.1 (this NAS: 5.0.0)"},
        {0x340, REASON_HELD, VERDICT_WAIT, "2026-12-01T00:00:00Z",
         "held until 2026-12-01 (\"library rescan\")"},
        {0x300, REASON_VETO, VERDICT_AT, "2026-11-23T16:00:00Z",
         "rolled back: health check failed; next try today 16:00"},
        {0x200, REASON_PHASE, VERDICT_AT, "2026-11-23T10:00:00Z", "offered to this NAS from today 10:00"},
        {0x400, REASON_PHASE, VERDICT_WAIT, "-", "not offered to this NAS yet"},
        {0x000, REASON_EMERGENCY, VERDICT_NOW, "-", "now: emergency fix; at the latest today 20:00"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(Bench) bench;
        bench_init(&bench, CLASS_EMERGENCY, "", "02:00-05:00");
        set_facts(&bench, rows[i].facts);
        assert_decision(&bench, MORNING, rows[i].code, rows[i].verdict, rows[i].at, rows[i].sentence);
    }
}

static void a_hold_ends_and_may_let_emergencies_pass(void)
{
    g_auto(Bench) bench;
    bench_init(&bench, CLASS_EMERGENCY, "", "02:00-05:00");
    Hold held = {.until = at(MORNING)};
    bench.facts.hold = &held;
    assert_decision(&bench, MORNING, REASON_EMERGENCY, VERDICT_NOW, "-",
                    "now: emergency fix; at the latest today 20:00");
    held.until = at(MORNING) + 3600;
    assert_decision(&bench, MORNING, REASON_HELD, VERDICT_WAIT, "2026-11-23T09:05:00Z",
                    "held until today 09:05");
    held.until = 0;
    assert_decision(&bench, MORNING, REASON_HELD, VERDICT_WAIT, "-", "held");
    held.except_emergency = TRUE;
    assert_decision(&bench, MORNING, REASON_EMERGENCY, VERDICT_NOW, "-",
                    "now: emergency fix; at the latest today 20:00");
    bench.facts.cls = CLASS_CRITICAL;
    assert_decision(&bench, NIGHT, REASON_HELD, VERDICT_WAIT, "-", "held");
}

static void a_veto_delays_automatic_tries_only(void)
{
    g_auto(Bench) bench;
    bench_init(&bench, CLASS_CRITICAL, "", "02:00-05:00");
    bench.facts.veto_until = at("2026-11-23T16:00:00Z");
    assert_decision(&bench, MORNING, REASON_VETO, VERDICT_AT, "2026-11-24T02:00:00Z",
                    "rolled back: it did not become healthy; next try Tue 02:00");
    assert_decision(&bench, "2026-11-23T16:00:00Z", REASON_WINDOW, VERDICT_AT, "2026-11-24T02:00:00Z",
                    "in the window, Tue 02:00; at the latest Thu 08:00");
    bench.facts.cls = CLASS_FEATURE;
    assert_decision(&bench, MORNING, REASON_FEATURE, VERDICT_ASK, "-", "asks you: other = notify");
}

static void what_a_fix_pulls_in_does_not_wait_for_its_own_rollout(void)
{
    g_auto(Bench) bench;
    bench_init(&bench, CLASS_EMERGENCY, "", "02:00-05:00");
    set_facts(&bench, NEVER_PHASE);
    bench.facts.pulled_in_by = "VideoStation";
    assert_decision(&bench, MORNING, REASON_EMERGENCY, VERDICT_NOW, "-",
                    "now: needed by VideoStation; at the latest today 20:00");
    bench.facts.brake = &halt;
    assert_decision(&bench, MORNING, REASON_HALTED, VERDICT_REFUSE, "-",
                    "the vendor stopped it: breaks logins");
}

static void a_withdrawn_version_goes_where_the_vendor_says(void)
{
    BrakeEntry back = {.action = BRAKE_WITHDRAW, .go_back_to = (char *)"6.1.2"};
    g_auto(Bench) bench;
    bench_init(&bench, CLASS_NORMAL, "", "02:00-05:00");
    bench.facts.installed_version = "6.2.0";
    bench.facts.installed_brake = &back;
    assert_decision(&bench, MORNING, REASON_WITHDRAWN_BACK, VERDICT_NOW, "-",
                    "now: the vendor withdrew 6.2.0, back to 6.1.2");
    bench.facts.hold = &hold;
    assert_decision(&bench, MORNING, REASON_HELD, VERDICT_WAIT, "2026-12-01T00:00:00Z",
                    "held until 2026-12-01 (\"library rescan\")");
    bench.facts.hold = NULL;
    bench.facts.brake = &halt;
    assert_decision(&bench, MORNING, REASON_HALTED, VERDICT_REFUSE, "-",
                    "the vendor stopped it: breaks logins");
    bench.facts.brake = NULL;
    g_autoptr(GError) error = NULL;
    const char *notify = "[updates]\nwithdrawn = notify";
    g_assert_true(settings_apply_text(bench.settings, "x", notify, strlen(notify), NULL, &error));
    assert_decision(&bench, MORNING, REASON_WITHDRAWN_ASK, VERDICT_ASK, "-",
                    "asks you: the vendor withdrew 6.2.0, back to 6.1.2");
}

static void a_withdrawn_version_with_nowhere_to_go_asks(void)
{
    g_auto(Bench) bench;
    bench_init(&bench, CLASS_NORMAL, "", "02:00-05:00");
    bench.facts.installed_brake = &withdrawal;
    bench.facts.installed_version = "6.1.2";
    bench.facts.brake = &withdrawal; /* the candidate is what is installed */
    assert_decision(&bench, MORNING, REASON_WITHDRAWN_ASK, VERDICT_ASK, "-",
                    "asks you: the vendor withdrew 6.1.2");
    bench.facts.brake = NULL;
    bench.facts.installed_version = "6.1.1";
    assert_decision(&bench, MORNING, REASON_WITHDRAWN_ASK, VERDICT_ASK, "-",
                    "asks you: the vendor withdrew 6.1.1, there is 6.1.2");
    bench.facts.cls = CLASS_EMERGENCY;
    bench.facts.urgent_at = 0;
    assert_decision(&bench, MORNING, REASON_EMERGENCY, VERDICT_NOW, "-", "now: emergency fix");
}

/* ---- totality ---- */

static Release *random_release(GRand *rand)
{
    static const char *const more[] = {
        NULL,
        "'rollout':{'id':'r','start':'2026-11-22T08:00:00Z','curve':[[0,100],[86400,5000],[172800,9000]]}",
        "'urgency':{'class':'critical','urgent_at':'2026-11-22T08:00:00Z','advisories':['A-1','A-2']}",
    };
    Release *release = release_of("A", g_rand_boolean(rand) ? "2" : "1", more[g_rand_int_range(rand, 0, 3)]);
    release->publisher = g_rand_boolean(rand) ? g_strdup("vendor") : NULL;
    return release;
}

static void random_facts(GRand *rand, OfferFacts *facts, Hold *held, BrakeEntry *brake, gint64 now)
{
    static const char *const installed[] = {NULL, "1", "2"};
    guint bits = g_rand_int(rand);
    *held = (Hold){.until = bits & 1 ? 0 : now + g_rand_int_range(rand, -9999, 9999),
                   .except_emergency = bits >> 1 & 1};
    *brake = (BrakeEntry){.action = bits >> 2 & 1 ? BRAKE_HALT : BRAKE_WITHDRAW,
                          .go_back_to = bits >> 3 & 1 ? (char *)"1" : NULL};
    facts->installed_version = installed[bits % 3];
    facts->cls = (UrgencyClass)g_rand_int_range(rand, 0, CLASS_EMERGENCY + 1);
    facts->urgent_at = bits >> 4 & 1 ? now + g_rand_int_range(rand, -2000000, 1000) : 0;
    facts->install_within_s = bits >> 5 & 1 ? g_rand_int_range(rand, 0, 1000000) : 0;
    facts->pulled_in_by = (bits >> 6 & 7) == 0 ? "B" : NULL;
    facts->hold = (bits >> 9 & 7) == 0 ? held : NULL;
    facts->is_skipped = (bits >> 12 & 7) == 0;
    facts->veto_until = (bits >> 15 & 3) == 0 ? now + g_rand_int_range(rand, -9999, 99999) : 0;
    facts->brake = (bits >> 17 & 7) == 0 ? brake : NULL;
    facts->installed_brake = (bits >> 20 & 3) == 0 ? brake : NULL;
    facts->problem = (bits >> 22 & 7) == 0 ? "needs B" : NULL;
    facts->problem_is_os = bits >> 25 & 1;
    facts->publisher_differs = (bits >> 26 & 7) == 0;
    facts->metadata_expired = (bits >> 29 & 7) == 0;
    facts->cohort_permyriad = (guint)g_rand_int_range(rand, 0, 10000);
}

static Settings *random_settings(GRand *rand)
{
    static const char *const consents[] = {"auto", "download", "notify", "off"};
    g_autofree char *text =
        g_strdup_printf("[updates]\nemergency = %s\nsecurity = %s\nother = %s\nwithdrawn = "
                        "%s\ndeadline_critical = %s\nmin_age = %dh\n[network]\nmetered = %s\n",
                        g_rand_boolean(rand) ? "install" : "notify", consents[g_rand_int_range(rand, 0, 4)],
                        consents[g_rand_int_range(rand, 0, 4)], g_rand_boolean(rand) ? "rollback" : "notify",
                        g_rand_boolean(rand) ? "never" : "72h", g_rand_int_range(rand, 0, 200),
                        g_rand_int_range(rand, 0, 4) == 0 ? "yes" : "no");
    Settings *settings = settings_new();
    g_autoptr(GError) error = NULL;
    g_assert_true(settings_apply_text(settings, "random", text, strlen(text), NULL, &error));
    g_assert_no_error(error);
    return settings;
}

/* What the contract says of each code; DEADLINE, PHASE and the like have a time or have none. */
static gboolean verdict_fits(const PolicyVerdict *verdict)
{
    switch (verdict->code) {
    case REASON_EMERGENCY:
    case REASON_WINDOW_OPEN:
    case REASON_WITHDRAWN_BACK:
        return verdict->verdict == VERDICT_NOW;
    case REASON_DEADLINE:
        return verdict->verdict == (verdict->at ? VERDICT_AT : VERDICT_NOW);
    case REASON_WINDOW:
    case REASON_BLACKOUT:
    case REASON_MIN_AGE:
    case REASON_VETO:
    case REASON_STARTING:
    case REASON_INHIBITED:
        return verdict->verdict == VERDICT_AT && verdict->at != 0;
    case REASON_PHASE:
    case REASON_METERED:
        return verdict->verdict == (verdict->at ? VERDICT_AT : VERDICT_WAIT);
    case REASON_NO_WINDOW:
    case REASON_HELD:
    case REASON_SKIPPED:
    case REASON_STALE:
    case REASON_SUPERSEDED:
        return verdict->verdict == VERDICT_WAIT;
    case REASON_CONSENT_EMERGENCY:
    case REASON_CONSENT_SECURITY:
    case REASON_CONSENT_OTHER:
    case REASON_FEATURE:
    case REASON_WITHDRAWN_ASK:
        return verdict->verdict == VERDICT_ASK;
    case REASON_HALTED:
    case REASON_WITHDRAWN:
    case REASON_DEPENDENCY:
    case REASON_OS:
    case REASON_PUBLISHER:
        return verdict->verdict == VERDICT_REFUSE;
    }
    return FALSE;
}

static void every_fact_gets_one_verdict_with_a_sentence(void)
{
    static const char *const timers[] = {"", "02:00-05:00", "mon,00:00-00:00", "22:00-21:00"};
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    gboolean is_seen[REASON_COUNT] = {FALSE};
    for (int i = 0; i < 5000; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Window) window = window_parse(timers[g_rand_int_range(rand, 0, 4)], "Europe/Berlin",
                                                g_rand_boolean(rand) ? "" : "2026-11-20..2026-11-24", &error);
        g_assert_no_error(error);
        g_autoptr(Settings) settings = random_settings(rand);
        g_autoptr(Release) release = random_release(rand);
        gint64 now = at("2026-11-22T00:00:00Z") + g_rand_int_range(rand, 0, 5 * 86400);
        OfferFacts facts = {.release = release};
        Hold held;
        BrakeEntry brake;
        random_facts(rand, &facts, &held, &brake, now);
        BoxFacts box = {.quiet_until = now + g_rand_int_range(rand, -2000, 600),
                        .inhibited_until = now + g_rand_int_range(rand, -9999, 9999)};
        facts.box = g_rand_boolean(rand) ? &box : NULL;
        facts.superseded_by = g_rand_int_range(rand, 0, 8) == 0 ? "1.5" : NULL;
        g_auto(PolicyVerdict) verdict = {0};
        policy_decide(&facts, settings_values(settings), window, now, &verdict);
        g_assert_true(verdict_fits(&verdict));
        g_assert_true(verdict.sentence && *verdict.sentence && !strchr(verdict.sentence, '{'));
        g_assert_true(verdict.verdict != VERDICT_AT || verdict.at > now);
        is_seen[verdict.code] = TRUE;
    }
    for (guint code = 0; code < REASON_COUNT; code++)
        if (!is_seen[code])
            g_error("no random fact led to %s", reason_code_name((ReasonCode)code));
}

void policy_tests(void)
{
    g_test_add_func("/policy/each_class_has_its_timing", each_class_has_its_timing);
    g_test_add_func("/policy/the_sentence_says_what_the_vendor_said", the_sentence_says_what_the_vendor_said);
    g_test_add_func("/policy/the_first_rule_that_applies_decides", the_first_rule_that_applies_decides);
    g_test_add_func("/policy/a_hold_ends_and_may_let_emergencies_pass",
                    a_hold_ends_and_may_let_emergencies_pass);
    g_test_add_func("/policy/a_veto_delays_automatic_tries_only", a_veto_delays_automatic_tries_only);
    g_test_add_func("/policy/what_a_fix_pulls_in_does_not_wait_for_its_own_rollout",
                    what_a_fix_pulls_in_does_not_wait_for_its_own_rollout);
    g_test_add_func("/policy/a_withdrawn_version_goes_where_the_vendor_says",
                    a_withdrawn_version_goes_where_the_vendor_says);
    g_test_add_func("/policy/a_withdrawn_version_with_nowhere_to_go_asks",
                    a_withdrawn_version_with_nowhere_to_go_asks);
    g_test_add_func("/policy/every_fact_gets_one_verdict_with_a_sentence",
                    every_fact_gets_one_verdict_with_a_sentence);
}
