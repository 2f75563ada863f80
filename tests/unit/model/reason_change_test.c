/* reason_change_test.c - a reason names the thing that is in the way: change that thing alone and the verdict is another.
 *
 * One row a code; a row changes one thing only, and no code may lack a row.
 */
#include "test.h"

#include <string.h>

/* Monday 2026-11-23. */
#define MORNING "2026-11-23T08:05:00Z"
#define NIGHT   "2026-11-23T03:00:00Z"
#define WINDOW  "02:00-05:00"
#define AUTO    "[updates]\nother = auto\n"
#define IN_2H   "[updates]\ndeadline_critical = 2h\n"

/* What is so, or not. */
enum {
    STALE = 1,
    OTHER_PUBLISHER = 2,
    HALT = 4,
    WITHDRAW = 8,
    PROBLEM = 16,
    OS = 32,
    HOLD = 64,
    SKIP = 128,
    FAILED = 256,
    LATER = 512, /* in its roll-out */
    BACK = 1024, /* the installed version is withdrawn, back to this one */
    STARTED = 2048,
    BACKUP = 4096,
    NEW = 8192, /* published just now */
    OTHER = 16384
};

typedef struct {
    UrgencyClass cls;
    const char *config, *timer, *blackout, *now;
    guint facts;
} State;

typedef struct {
    State state;  /* gives the code */
    State change; /* what is set in it is laid over state; facts are switched */
} Row;

static const Row rows[REASON_COUNT] = {
    [REASON_EMERGENCY] = {{CLASS_EMERGENCY, "", WINDOW, "", MORNING, 0},
                          {.config = "[updates]\nemergency = notify\n"}},
    [REASON_WINDOW_OPEN] = {{CLASS_CRITICAL, "", WINDOW, "", NIGHT, 0}, {.timer = "22:00-23:00"}},
    [REASON_DEADLINE] = {{CLASS_CRITICAL, IN_2H, WINDOW, "", "2026-11-23T11:00:00Z", 0},
                         {.config = "[updates]\ndeadline_critical = 48h\n"}},
    [REASON_WITHDRAWN_BACK] = {{CLASS_NORMAL, "", WINDOW, "", MORNING, BACK},
                               {.config = "[updates]\nwithdrawn = notify\n"}},
    [REASON_WINDOW] = {{CLASS_CRITICAL, "", WINDOW, "", MORNING, 0}, {.timer = "08:00-09:00"}},
    [REASON_BLACKOUT] = {{CLASS_CRITICAL, "", WINDOW, "2026-11-22..2026-11-24", NIGHT, 0},
                         {.blackout = "2026-11-24..2026-11-25"}},
    [REASON_MIN_AGE] = {{CLASS_NORMAL, AUTO, WINDOW, "", NIGHT, NEW}, {.config = AUTO "min_age = 0s\n"}},
    [REASON_STARTING] = {{CLASS_CRITICAL, "", WINDOW, "", NIGHT, STARTED}, {.facts = STARTED}},
    [REASON_INHIBITED] = {{CLASS_EMERGENCY, "", WINDOW, "", MORNING, BACKUP}, {.facts = BACKUP}},
    [REASON_METERED] = {{CLASS_CRITICAL, "[network]\nmetered = yes\n", WINDOW, "", NIGHT, 0},
                        {.config = "[network]\nmetered = no\n"}},
    [REASON_VETO] = {{CLASS_EMERGENCY, "", WINDOW, "", MORNING, FAILED}, {.facts = FAILED}},
    [REASON_PHASE] = {{CLASS_EMERGENCY, "", WINDOW, "", MORNING, LATER}, {.now = "2026-11-23T10:00:00Z"}},
    [REASON_NO_WINDOW] = {{CLASS_NORMAL, AUTO, "", "", MORNING, 0}, {.timer = WINDOW}},
    [REASON_HELD] = {{CLASS_EMERGENCY, "", WINDOW, "", MORNING, HOLD}, {.facts = HOLD}},
    [REASON_SKIPPED] = {{CLASS_EMERGENCY, "", WINDOW, "", MORNING, SKIP}, {.facts = SKIP}},
    [REASON_CONSENT_EMERGENCY] = {{CLASS_EMERGENCY, "[updates]\nemergency = notify\n", WINDOW, "", MORNING,
                                   0},
                                  {.config = "[updates]\nemergency = install\n"}},
    [REASON_CONSENT_SECURITY] = {{CLASS_IMPORTANT, "[updates]\nsecurity = off\n", WINDOW, "", NIGHT, 0},
                                 {.config = "[updates]\nsecurity = auto\n"}},
    [REASON_CONSENT_OTHER] = {{CLASS_NORMAL, "", WINDOW, "", NIGHT, 0}, {.config = AUTO}},
    [REASON_FEATURE] = {{CLASS_FEATURE, AUTO, WINDOW, "", NIGHT, 0}, {.cls = CLASS_NORMAL}},
    [REASON_WITHDRAWN_ASK] = {{CLASS_NORMAL, "[updates]\nwithdrawn = notify\n", WINDOW, "", NIGHT, BACK},
                              {.config = "[updates]\nwithdrawn = rollback\n"}},
    [REASON_HALTED] = {{CLASS_EMERGENCY, "", WINDOW, "", MORNING, HALT}, {.facts = HALT}},
    [REASON_WITHDRAWN] = {{CLASS_EMERGENCY, "", WINDOW, "", MORNING, WITHDRAW}, {.facts = WITHDRAW}},
    [REASON_DEPENDENCY] = {{CLASS_EMERGENCY, "", WINDOW, "", MORNING, PROBLEM}, {.facts = PROBLEM}},
    [REASON_OS] = {{CLASS_EMERGENCY, "", WINDOW, "", MORNING, OS}, {.facts = OS}},
    [REASON_PUBLISHER] = {{CLASS_EMERGENCY, "", WINDOW, "", MORNING, OTHER_PUBLISHER},
                          {.facts = OTHER_PUBLISHER}},
    [REASON_SUPERSEDED] = {{CLASS_EMERGENCY, "", WINDOW, "", MORNING, OTHER}, {.facts = OTHER}},
    [REASON_STALE] = {{CLASS_EMERGENCY, "", WINDOW, "", MORNING, STALE}, {.facts = STALE}},
};

static const BrakeEntry halt = {.action = BRAKE_HALT}, withdrawal = {.action = BRAKE_WITHDRAW},
                        back = {.action = BRAKE_WITHDRAW, .go_back_to = (char *)"2"};
static const Hold hold;

static Release *release_in(const State *state)
{
    const char *more =
        state->facts & LATER
            ? "'rollout':{'id':'r','start':'2026-11-23T08:00:00Z','curve':[[0,100],[7200,10000]]}"
            : NULL;
    Release *release = release_of("App", "2", more);
    release->published_at = at(state->facts & NEW ? NIGHT : "2026-10-01T00:00:00Z");
    return release;
}

static void decide(const State *state, PolicyVerdict *verdict)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Settings) settings = settings_new();
    g_assert_true(settings_apply_text(settings, "row", state->config, strlen(state->config), NULL, &error));
    g_autoptr(Window) window = window_parse(state->timer, "UTC", state->blackout, &error);
    g_assert_no_error(error);
    g_autoptr(Release) release = release_in(state);
    gint64 now = at(state->now);
    guint is = state->facts;
    BoxFacts box = {.quiet_until = is & STARTED ? now + 60 : 0,
                    .inhibited_until = is & BACKUP ? now + 60 : 0};
    OfferFacts facts = {.release = release,
                        .installed_version = is & BACK ? "3" : "1",
                        .cls = state->cls,
                        .urgent_at = urgency_class_is_security(state->cls) ? at("2026-11-23T02:30:00Z") : 0,
                        .hold = is & HOLD ? &hold : NULL,
                        .is_skipped = (is & SKIP) != 0,
                        .veto_until = is & FAILED ? now + 3600 : 0,
                        .brake = is & HALT       ? &halt
                                 : is & WITHDRAW ? &withdrawal
                                                 : NULL,
                        .installed_brake = is & BACK ? &back : NULL,
                        .problem = is & (PROBLEM | OS) ? "needs B" : NULL,
                        .problem_is_os = (is & OS) != 0,
                        .publisher_differs = (is & OTHER_PUBLISHER) != 0,
                        .cohort_permyriad = 5000,
                        .superseded_by = is & OTHER ? "3" : NULL,
                        .metadata_expired = (is & STALE) != 0,
                        .box = &box};
    policy_decide(&facts, settings_values(settings), window, now, verdict);
}

static State changed(const Row *row)
{
    State state = row->state;
    const State *change = &row->change;
    guint n_changes = 0;
    n_changes += change->cls != 0 && change->cls != state.cls;
    n_changes += change->config && strcmp(change->config, state.config) != 0;
    n_changes += change->timer && strcmp(change->timer, state.timer) != 0;
    n_changes += change->blackout && strcmp(change->blackout, state.blackout) != 0;
    n_changes += change->now && strcmp(change->now, state.now) != 0;
    n_changes += change->facts != 0;
    g_assert_cmpuint(n_changes, ==, 1);
    state.cls = change->cls ? change->cls : state.cls;
    state.config = change->config ? change->config : state.config;
    state.timer = change->timer ? change->timer : state.timer;
    state.blackout = change->blackout ? change->blackout : state.blackout;
    state.now = change->now ? change->now : state.now;
    state.facts ^= change->facts;
    return state;
}

static void changing_what_a_reason_names_changes_the_verdict(void)
{
    for (guint code = 0; code < REASON_COUNT; code++) {
        if (!rows[code].state.now)
            g_error("%s has no row", reason_code_name((ReasonCode)code));
        State after = changed(&rows[code]);
        g_auto(PolicyVerdict) was = {0}, is = {0}, again = {0};
        decide(&rows[code].state, &was);
        decide(&after, &is);
        decide(&rows[code].state, &again);
        g_assert_cmpstr(reason_code_name(was.code), ==, reason_code_name((ReasonCode)code));
        if (is.code == was.code)
            g_error("%s stays, whatever is done about it", reason_code_name((ReasonCode)code));
        g_assert_cmpstr(was.sentence, !=, is.sentence);
        g_assert_cmpstr(was.sentence, ==, again.sentence);
    }
}

/* ---- what the box is doing, in detail ---- */

static void assert_code(const State *state, ReasonCode code, Verdict verdict, const char *sentence)
{
    g_auto(PolicyVerdict) found = {0};
    decide(state, &found);
    g_assert_cmpstr(reason_code_name(found.code), ==, reason_code_name(code));
    g_assert_cmpstr(verdict_name(found.verdict), ==, verdict_name(verdict));
    g_assert_cmpstr(found.sentence, ==, sentence);
}

static void a_box_that_has_just_started_does_emergencies_only(void)
{
    State state = {CLASS_EMERGENCY, "", WINDOW, "", NIGHT, STARTED};
    assert_code(&state, REASON_EMERGENCY, VERDICT_NOW, "now: emergency fix; at the latest today 14:30");
    state.cls = CLASS_CRITICAL;
    assert_code(&state, REASON_STARTING, VERDICT_AT,
                "the NAS has just started; today 03:01; at the latest Thu 02:30");
    /* what would not happen now anyway has its own reason */
    state.now = MORNING;
    assert_code(&state, REASON_WINDOW, VERDICT_AT, "in the window, Tue 02:00; at the latest Thu 02:30");
    g_assert_cmpint(policy_quiet_until(0, 1000), ==, 1600);
    g_assert_cmpint(policy_quiet_until(599, 1000), ==, 1001);
    g_assert_cmpint(policy_quiet_until(600, 1000), ==, 0);
}

static void an_inhibitor_delays_to_the_deadline_at_the_latest(void)
{
    State state = {CLASS_EMERGENCY, "[updates]\ndeadline_emergency = 31m\n", WINDOW, "", NIGHT, BACKUP};
    assert_code(&state, REASON_INHIBITED, VERDICT_AT,
                "waits: something must not be disturbed; until today 03:01; at the latest today 03:01");
    state.config = "[updates]\ndeadline_emergency = 30m\n";
    assert_code(&state, REASON_EMERGENCY, VERDICT_NOW, "now: emergency fix; due since now");
}

static void a_metered_connection_delays_and_never_cancels_a_fix(void)
{
    State state = {CLASS_CRITICAL, "[network]\nmetered = yes\n", WINDOW, "", NIGHT, 0};
    assert_code(&state, REASON_METERED, VERDICT_AT, "at its deadline, Thu 02:30: metered = yes");
    state.now = "2026-11-26T02:30:00Z";
    assert_code(&state, REASON_WINDOW_OPEN, VERDICT_NOW, "now: the window is open until today 05:00");
    state.now = "2026-11-26T06:00:00Z";
    assert_code(&state, REASON_DEADLINE, VERDICT_NOW, "now: its deadline has come; due since today 02:30");
    /* no deadline: the window, as if nothing were metered */
    state.config = "[updates]\ndeadline_critical = never\n[network]\nmetered = yes\n";
    state.now = NIGHT;
    assert_code(&state, REASON_WINDOW_OPEN, VERDICT_NOW, "now: the window is open until today 05:00");
    state.cls = CLASS_EMERGENCY;
    assert_code(&state, REASON_EMERGENCY, VERDICT_NOW, "now: emergency fix; at the latest today 14:30");
    state.cls = CLASS_NORMAL;
    state.config = AUTO "[network]\nmetered = yes\n";
    assert_code(&state, REASON_METERED, VERDICT_WAIT, "waits for you: metered = yes");
}

void reason_change_tests(void)
{
    g_test_add_func("/reasons/changing_what_a_reason_names_changes_the_verdict",
                    changing_what_a_reason_names_changes_the_verdict);
    g_test_add_func("/reasons/a_box_that_has_just_started_does_emergencies_only",
                    a_box_that_has_just_started_does_emergencies_only);
    g_test_add_func("/reasons/an_inhibitor_delays_to_the_deadline_at_the_latest",
                    an_inhibitor_delays_to_the_deadline_at_the_latest);
    g_test_add_func("/reasons/a_metered_connection_delays_and_never_cancels_a_fix",
                    a_metered_connection_delays_and_never_cancels_a_fix);
}
