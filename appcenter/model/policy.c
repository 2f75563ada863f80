/* policy.c - the judgement: rules in order, the first that applies decides; and the clocks around it.
 *
 * Each rule looks at one thing and names a reason, perhaps with a time; verdict and sentence come from the
 * table in reasons.c. Hides the order of the rules and how window, deadline and blackout are weighed against
 * each other.
 */
#include "model/policy.h"

#include "model/reasons.h"
#include "model/version.h"

#define HOUR_S       G_GINT64_CONSTANT(3600)
#define BOOT_QUIET_S 600

typedef struct {
    const OfferFacts *facts;
    const SettingsValues *settings;
    const Window *window;
    gint64 now;
    gint64 deadline;
    gint64 opens_at; /* of this box's phase; 0: never */
} Case;

typedef struct {
    ReasonCode code;
    gint64 at;
} Decision;

static gboolean decided(Decision *decision, ReasonCode code, gint64 at)
{
    *decision = (Decision){code, at};
    return TRUE;
}

/* ---- deadline, phase ---- */

/* The owner's `never` wins over what the vendor wishes: consent is not reinterpreted. */
gint64 policy_deadline(const OfferFacts *facts, const SettingsValues *settings)
{
    gint64 within_s = 0;
    if (facts->cls == CLASS_EMERGENCY)
        within_s = settings->deadline_emergency_s;
    else if (facts->cls == CLASS_CRITICAL)
        within_s = settings->deadline_critical_s;
    else if (facts->cls == CLASS_IMPORTANT)
        within_s = settings->deadline_important_s;
    else
        return 0;
    if (within_s == SETTINGS_NEVER || facts->urgent_at <= 0)
        return 0;
    if (facts->install_within_s > 0)
        within_s = MIN(within_s, facts->install_within_s);
    return facts->urgent_at + within_s;
}

gint64 rollout_opens_at(const Rollout *rollout, guint permyriad)
{
    if (!rollout)
        return 1;
    for (guint i = 0; i < rollout->curve->len; i++) {
        const CurvePoint *point = &g_array_index(rollout->curve, CurvePoint, i);
        if (permyriad < point->permyriad)
            return rollout->start + point->after_s;
    }
    return 0;
}

/* ---- what is installed was withdrawn ---- */

static gboolean is_installed_withdrawn(const OfferFacts *facts)
{
    return facts->installed_brake && facts->installed_brake->action == BRAKE_WITHDRAW;
}

/* Is the release the one that the vendor sends those back to who have the withdrawn one? Forward is no way back: else the
 * brake, which only denies, could make a box install what its owner did not agree to. */
static gboolean is_way_back(const OfferFacts *facts)
{
    return is_installed_withdrawn(facts) && facts->installed_brake->go_back_to && facts->installed_version &&
           version_compare(facts->release->version, facts->installed_brake->go_back_to) == 0 &&
           version_compare(facts->release->version, facts->installed_version) < 0;
}

/* The withdrawn release itself stands as its own candidate when there is nowhere to go. */
static gboolean is_nowhere_to_go(const OfferFacts *facts)
{
    return is_installed_withdrawn(facts) && facts->installed_version &&
           version_compare(facts->release->version, facts->installed_version) == 0;
}

/* ---- timing: when would it happen by itself, seen from t ---- */

/* To somebody whose version was withdrawn that is the better reason to decide, unless a security fix waits.
 */
static Decision ask(const Case *c, ReasonCode code)
{
    gboolean is_withdrawn = is_installed_withdrawn(c->facts) && !urgency_class_is_security(c->facts->cls);
    return (Decision){is_withdrawn ? REASON_WITHDRAWN_ASK : code, 0};
}

/* Deadlines leave the window, never a blackout. deadline 0: none acts. */
static Decision time_in_window(const Case *c, gint64 t, gint64 deadline)
{
    gint64 start, end;
    if (window_is_open(c->window, t, NULL))
        return (Decision){REASON_WINDOW_OPEN, 0};
    gboolean is_blackout = window_in_blackout(c->window, t);
    if (deadline != 0 && deadline <= t && !is_blackout)
        return (Decision){REASON_DEADLINE, 0};
    gint64 at_window = window_next(c->window, t, &start, &end) ? start : 0;
    gint64 at_deadline = deadline != 0 ? window_after_blackout(c->window, MAX(deadline, t)) : 0;
    if (at_window == 0 && at_deadline == 0)
        return (Decision){REASON_NO_WINDOW, 0};
    gboolean is_deadline_first = at_deadline != 0 && (at_window == 0 || at_deadline < at_window);
    gint64 at = is_deadline_first ? at_deadline : at_window;
    if (is_blackout)
        return (Decision){REASON_BLACKOUT, at};
    return (Decision){is_deadline_first ? REASON_DEADLINE : REASON_WINDOW, at};
}

/* Where volume costs, a fix waits for its deadline instead of the window; without one it is not delayed at all. */
static Decision time_security(const Case *c, gint64 t)
{
    if (c->settings->security != CONSENT_AUTO)
        return ask(c, REASON_CONSENT_SECURITY);
    gint64 deadline_at = window_after_blackout(c->window, MAX(c->deadline, t));
    if (c->settings->is_metered && c->deadline != 0 && deadline_at > t)
        return (Decision){REASON_METERED, deadline_at};
    return time_in_window(c, t, c->deadline);
}

/* Ordinary updates wait until others have tried them. */
static Decision time_other(const Case *c, gint64 t)
{
    gint64 ripe_at = c->facts->release->published_at + c->settings->min_age_s;
    if (c->settings->other != CONSENT_AUTO)
        return ask(c, REASON_CONSENT_OTHER);
    if (c->settings->is_metered)
        return (Decision){REASON_METERED, 0};
    Decision then = time_in_window(c, MAX(t, ripe_at), 0);
    if (ripe_at <= t || then.code == REASON_NO_WINDOW)
        return then;
    return (Decision){REASON_MIN_AGE, then.at != 0 ? then.at : ripe_at};
}

static Decision time_by_class(const Case *c, gint64 t)
{
    switch (c->facts->cls) {
    case CLASS_EMERGENCY:
        if (c->settings->emergency != CONSENT_AUTO)
            return ask(c, REASON_CONSENT_EMERGENCY);
        return (Decision){REASON_EMERGENCY, 0};
    case CLASS_CRITICAL:
    case CLASS_IMPORTANT:
        return time_security(c, t);
    case CLASS_NORMAL:
        return time_other(c, t);
    case CLASS_FEATURE:
        break;
    }
    return ask(c, REASON_FEATURE);
}

static Decision time_from(const Case *c, gint64 t)
{
    if (!is_way_back(c->facts))
        return time_by_class(c, t);
    return (Decision){c->settings->withdrawn_rollback ? REASON_WITHDRAWN_BACK : REASON_WITHDRAWN_ASK, 0};
}

/* ---- the rules, in the order of judgement ---- */

static gboolean rule_stale(const Case *c, Decision *decision)
{
    return c->facts->metadata_expired && decided(decision, REASON_STALE, 0);
}

static gboolean rule_publisher(const Case *c, Decision *decision)
{
    return c->facts->publisher_differs && decided(decision, REASON_PUBLISHER, 0);
}

static gboolean rule_brake(const Case *c, Decision *decision)
{
    if (is_nowhere_to_go(c->facts))
        return decided(decision, REASON_WITHDRAWN_ASK, 0);
    if (!c->facts->brake)
        return FALSE;
    return decided(decision, c->facts->brake->action == BRAKE_WITHDRAW ? REASON_WITHDRAWN : REASON_HALTED, 0);
}

static gboolean rule_problem(const Case *c, Decision *decision)
{
    return c->facts->problem && decided(decision, c->facts->problem_is_os ? REASON_OS : REASON_DEPENDENCY, 0);
}

static gboolean rule_superseded(const Case *c, Decision *decision)
{
    return c->facts->superseded_by && decided(decision, REASON_SUPERSEDED, 0);
}

static gboolean rule_hold(const Case *c, Decision *decision)
{
    const Hold *hold = c->facts->hold;
    if (!hold || (hold->until != 0 && hold->until <= c->now))
        return FALSE;
    if (hold->except_emergency && c->facts->cls == CLASS_EMERGENCY)
        return FALSE;
    return decided(decision, REASON_HELD, hold->until);
}

static gboolean rule_skip(const Case *c, Decision *decision)
{
    return c->facts->is_skipped && decided(decision, REASON_SKIPPED, 0);
}

/* Delays what would happen by itself, until then or the first window after; what asks or never comes stays as
 * it is. */
static gboolean rule_veto(const Case *c, Decision *decision)
{
    if (c->facts->veto_until <= c->now)
        return FALSE;
    Decision then = time_from(c, c->facts->veto_until);
    Verdict verdict = reason_verdict(then.code, then.at);
    if (verdict != VERDICT_NOW && verdict != VERDICT_AT)
        return FALSE;
    return decided(decision, REASON_VETO, then.at != 0 ? then.at : c->facts->veto_until);
}

/* What an urgent fix pulls in has its timing, so the fix does not wait for another release's roll-out; nor
 * does the way back out of a withdrawn release. */
static gboolean rule_phase(const Case *c, Decision *decision)
{
    if (c->facts->pulled_in_by || is_way_back(c->facts) || (c->opens_at != 0 && c->opens_at <= c->now))
        return FALSE;
    return decided(decision, REASON_PHASE, c->opens_at);
}

/* What would happen now waits while the box is not ready for it: after its start, where it is no emergency; and while it
 * must not be disturbed, until its deadline at the latest. */
static gboolean rule_box(const Case *c, Decision *decision)
{
    const BoxFacts *box = c->facts->box;
    Decision now = time_from(c, c->now);
    if (!box || reason_verdict(now.code, now.at) != VERDICT_NOW)
        return FALSE;
    if (box->quiet_until > c->now && c->facts->cls != CLASS_EMERGENCY)
        return decided(decision, REASON_STARTING, box->quiet_until);
    if (box->inhibited_until <= c->now || (c->deadline != 0 && c->deadline <= c->now))
        return FALSE;
    gint64 until = c->deadline != 0 ? MIN(box->inhibited_until, c->deadline) : box->inhibited_until;
    return decided(decision, REASON_INHIBITED, until);
}

static gboolean rule_timing(const Case *c, Decision *decision)
{
    *decision = time_from(c, c->now);
    return TRUE;
}

static gboolean (*const rules[])(const Case *c, Decision *decision) = {
    /* skip before problem: an admin who undid a group has skipped what its members need of each other, too */
    rule_stale, rule_publisher, rule_brake, rule_skip, rule_problem, rule_superseded,
    rule_hold,  rule_veto,      rule_phase, rule_box,  rule_timing,
};

void box_facts_clear(BoxFacts *box)
{
    g_clear_pointer(&box->inhibited_by, g_free);
}

void policy_verdict_clear(PolicyVerdict *verdict)
{
    g_clear_pointer(&verdict->sentence, g_free);
}

void policy_decide(const OfferFacts *facts, const SettingsValues *settings, const Window *window, gint64 now,
                   PolicyVerdict *verdict)
{
    const Case c = {.facts = facts,
                    .settings = settings,
                    .window = window,
                    .now = now,
                    .deadline = policy_deadline(facts, settings),
                    .opens_at = rollout_opens_at(facts->release->rollout, facts->cohort_permyriad)};
    Decision decision;
    gboolean is_decided = FALSE;
    for (guint i = 0; !is_decided && i < G_N_ELEMENTS(rules); i++)
        is_decided = rules[i](&c, &decision);
    *verdict = (PolicyVerdict){.verdict = reason_verdict(decision.code, decision.at),
                               .code = decision.code,
                               .at = decision.at,
                               .deadline = c.deadline,
                               .offered_at = facts->pulled_in_by || is_way_back(facts) ? 1 : c.opens_at};
    verdict->sentence = reason_sentence(verdict, facts, settings, window, now);
}

/* ---- clocks ---- */

gint64 policy_veto_backoff_s(guint n_failures)
{
    static const gint64 hours[] = {8, 12, 24, 48, 96, 168, 336};
    guint index = n_failures == 0 ? 0 : n_failures - 1;
    return hours[MIN(index, G_N_ELEMENTS(hours) - 1)] * HOUR_S;
}

gint64 policy_quiet_until(gint64 uptime_s, gint64 now)
{
    return uptime_s < BOOT_QUIET_S ? now + BOOT_QUIET_S - uptime_s : 0;
}

gint64 policy_trusted_now(gint64 wall_now, gint64 floor)
{
    return MAX(wall_now, floor);
}

gint64 policy_floor_from(gint64 signed_at, gint64 expires_at, gint64 root_expires_at, gint64 wall_now,
                         gint64 built_at)
{
    gint64 limit = wall_now >= built_at ? wall_now + 24 * HOUR_S : root_expires_at;
    return MIN(MIN(signed_at, expires_at), limit);
}
