/* policy.h - what, when, why: one pure, total function from (offer, facts, settings, now) to a verdict with a reason.
 *
 * The reason ledger: for every release that is newer than what is installed there is exactly one reason why it is not
 * installed yet. The table of reasons (reasons.c) holds code, sentence and the consequence of each.
 */
#ifndef MODEL_POLICY_H
#define MODEL_POLICY_H

#include "model/release.h"
#include "model/settings.h"
#include "model/window.h"

typedef enum { VERDICT_NOW, VERDICT_AT, VERDICT_WAIT, VERDICT_ASK, VERDICT_REFUSE } Verdict;
const char *verdict_name(Verdict verdict); /* "now", "at", "wait", "ask", "refuse" */

typedef enum {
    REASON_EMERGENCY,         /* now: an emergency fix with consent */
    REASON_WINDOW_OPEN,       /* now: the window is open */
    REASON_DEADLINE,          /* now: its deadline has come; at: it comes before the next window */
    REASON_WITHDRAWN_BACK,    /* now: the installed version was withdrawn, back to the vendor's go_back_to */
    REASON_WINDOW,            /* at: next window */
    REASON_BLACKOUT,          /* at: after the blackout */
    REASON_MIN_AGE,           /* at: let others try it first */
    REASON_STARTING,          /* at: the NAS has just started */
    REASON_INHIBITED,         /* at: something that must not be disturbed is running */
    REASON_METERED,           /* at its deadline, or wait: the connection is paid by volume */
    REASON_VETO,              /* at: failed here before; next try */
    REASON_PHASE,             /* wait/at: this box's phase of the roll-out */
    REASON_NO_WINDOW,         /* wait: automatic, but no window is ever open and no deadline */
    REASON_HELD,              /* wait: a hold */
    REASON_SKIPPED,           /* wait: the admin skipped this version */
    REASON_CONSENT_EMERGENCY, /* ask: emergency = notify */
    REASON_CONSENT_SECURITY,  /* ask: security = notify | download | off */
    REASON_CONSENT_OTHER,     /* ask: other = notify | download | off */
    REASON_FEATURE,           /* ask: features are never automatic */
    REASON_WITHDRAWN_ASK, /* ask: the installed version was withdrawn, withdrawn = notify or nowhere to go */
    REASON_HALTED,        /* refuse: the vendor halted this release */
    REASON_WITHDRAWN,     /* refuse: this release was withdrawn */
    REASON_DEPENDENCY,    /* refuse: the solver's sentence */
    REASON_OS,            /* refuse: wants another OS version */
    REASON_PUBLISHER,     /* refuse: another publisher than the installed app's */
    REASON_STALE,         /* wait: the metadata has expired, nothing new is believed */
    REASON_SUPERSEDED,    /* wait: another version is the one to take */
} ReasonCode;
#define REASON_COUNT (REASON_SUPERSEDED + 1)
const char *reason_code_name(ReasonCode code); /* "emergency", "window-open", ... stable in JSON */
gboolean reason_code_from_name(const char *name, ReasonCode *code);

/* A row of the table of reasons, for docs/reasons.md. Sentences with {words} to be filled in. */
typedef struct {
    const char *code;
    Verdict verdict, verdict_untimed; /* with and without a time in it */
    const char *sentence, *sentence_untimed;
    const char *stands_on, *changed_by; /* Markdown */
} ReasonView;
void reason_view(ReasonCode code, ReasonView *view);

typedef struct {
    char *app;    /* NULL: all apps */
    gint64 until; /* 0: without end */
    char *note;
    gboolean except_emergency;
    gint64 created_at;
} Hold;

/* What is true of the box at this moment, whatever the release. */
typedef struct {
    gint64 quiet_until;     /* it has just started; 0: it has not */
    gint64 inhibited_until; /* something must not be disturbed; 0: nothing */
    char *inhibited_by;     /* its reason, or NULL */
} BoxFacts;
void box_facts_clear(BoxFacts *box);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(BoxFacts, box_facts_clear)

/* What is known of one pending release; strings are borrowed from the caller. */
typedef struct {
    const Release *release;
    const char *installed_version;
    UrgencyClass cls;         /* effective class: the release's, or inherited from the fix that pulls it in */
    gint64 urgent_at;         /* of the mark that counts; 0: none */
    gint64 install_within_s;  /* the vendor's, 0: none */
    const char *pulled_in_by; /* the app whose fix needs it, or NULL */
    const Hold *hold; /* an active hold that covers it, or NULL (expiry is checked against now, too) */
    gboolean is_skipped;
    gint64 veto_until; /* 0: no veto */
    const char *veto_cause;
    const BrakeEntry *brake;           /* for this release, or NULL */
    const BrakeEntry *installed_brake; /* a withdrawal of what is installed, or NULL */
    const char *problem;               /* the solver's sentence why it cannot be, or NULL */
    gboolean problem_is_os;            /* the problem is the OS version */
    gboolean publisher_differs;
    guint cohort_permyriad; /* this box's place in this roll-out, 0..9999 */
    gboolean metadata_expired;
    const char *superseded_by; /* the version to take instead, where this is not the one; else NULL */
    const BoxFacts *box;       /* or NULL: at peace */
} OfferFacts;

typedef struct {
    Verdict verdict;
    ReasonCode code;
    gint64 at;         /* when it will be looked at again or done; 0: unknown */
    gint64 deadline;   /* absolute, 0: none */
    gint64 offered_at; /* from when it is offered to this box (phase); 0: not offered */
    char *sentence;    /* "now: exploited, QSA-22-24; at the latest today 20:05" */
} PolicyVerdict;
void policy_verdict_clear(PolicyVerdict *verdict);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PolicyVerdict, policy_verdict_clear)

/* Never fails. window: parsed from the same settings. */
void policy_decide(const OfferFacts *facts, const SettingsValues *settings, const Window *window, gint64 now,
                   PolicyVerdict *verdict);

/* Absolute deadline of a class: urgent_at + min(vendor's, owner's), 0 when there is none. */
gint64 policy_deadline(const OfferFacts *facts, const SettingsValues *settings);
/* When does a box at this permyriad take part? 0: never (curve ends below it). NULL rollout: start of time (1). */
gint64 rollout_opens_at(const Rollout *rollout, guint permyriad);

/* Back-off of the n-th failure of a version (n from 1): 8 h, 12 h, 1 d, 2 d, 4 d, 7 d, 14 d, then 14 d. */
gint64 policy_veto_backoff_s(guint n_failures);

/* Until when a machine that has been up for uptime_s does only what cannot wait (recovery, emergencies); 0: it is over. */
gint64 policy_quiet_until(gint64 uptime_s, gint64 now);
/* Trusted now: never below the floor. */
gint64 policy_trusted_now(gint64 wall_now, gint64 floor);
/* How far a signed time may raise the floor, which never falls again. Who steals an online key may sign any time: so at
 * most a day ahead of a clock that can be right, and with a clock that is wrong for certain (before built_at) at most
 * to the end of the root that the offline keys signed; never beyond the end of what carries it. */
gint64 policy_floor_from(gint64 signed_at, gint64 expires_at, gint64 root_expires_at, gint64 wall_now,
                         gint64 built_at);

#endif
