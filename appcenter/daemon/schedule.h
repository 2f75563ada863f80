/* schedule.h - when is what due: a pure question over the store's facts. The timer that asks it is the
 * daemon's.
 *
 * Polls by model/poll, installs by the ledger's verdicts. Nothing is started twice:
 * an app whose automatic job just failed waits for its veto, or a while.
 */
#ifndef DAEMON_SCHEDULE_H
#define DAEMON_SCHEDULE_H

#include "base/base.h"
#include "model/model.h"
#include "ports/store.h"
#include "ports/system.h"

#define SCHEDULE_MAX_SLEEP_S 300 /* clock steps and suspends are noticed this soon */

/* What must not be tried again before a time (seconds on the clock of now). */
typedef struct {
    GHashTable *until;    /* "APP=VERSION" -> gint64* */
    gint64 refresh_until; /* the polls */
    gint64
        refreshed_at; /* the last poll as we saw it: with a lost clock jobs know only the floor; 0: none yet */
} ScheduleCooldown;

/* What the decision stands on; all borrowed. */
typedef struct {
    const SettingsValues *settings;
    GPtrArray *configs; /* RepositoryConfig* */
    GPtrArray *repos;   /* StoreRepo* of the enabled ones */
    GPtrArray *offers;  /* the ledger, StoreOffer* */
    const ScheduleCooldown *cooldown;
    guint64 seed;       /* poll_seed of this box */
    gint64 awake_since; /* the daemon's start or the end of a sleep */
    gint64 quiet_until; /* the machine has just started: nothing is asked before; 0: it has not */
} ScheduleFacts;

typedef struct {
    gboolean refresh_is_due;
    Request *request; /* what to install now, kind AUTO, or NULL; owned by the caller */
    gint64 wake_at;   /* when to ask again, seconds on the clock of now */
} ScheduleDecision;

/* Is this URL served from this machine (file:, loopback)? Such repositories may be polled every second. */
gboolean schedule_url_is_local(const char *url);

/* When this repository is asked by the clock; of the facts all but repos and offers. Pure. */
gint64 schedule_refresh_at(const ScheduleFacts *facts, const StoreRepo *repo, gint64 now);

/* Pure. */
void schedule_decide(const ScheduleFacts *facts, gint64 now, ScheduleDecision *decision);

void schedule_cooldown_init(ScheduleCooldown *cooldown);
void schedule_cooldown_clear(ScheduleCooldown *cooldown);
/* The apps of a request that was tried wait until `until`; what waited until before now is forgotten. */
void schedule_cooldown_add(ScheduleCooldown *cooldown, const Request *request, gint64 until, gint64 now);
/* How long: the poll interval, between 5 s and 10 min. */
gint64 schedule_cooldown_s(const SettingsValues *settings);

#endif
