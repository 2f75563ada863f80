/* schedule.h - when is what due: a pure question over the store's facts. The timer that asks it is the daemon's.
 *
 * Polls by model/policy's policy_next_refresh, installs by the ledger's verdicts. Nothing is started twice: an app whose
 * automatic job just failed waits for its veto, or a while.
 */
#ifndef DAEMON_SCHEDULE_H
#define DAEMON_SCHEDULE_H

#include "base/base.h"
#include "model/model.h"
#include "ports/store.h"
#include "ports/system.h"

#define SCHEDULE_MAX_SLEEP_S 300 /* clock steps and suspends are noticed this soon */

/* Apps that must not be tried again before a time: "APP=VERSION" -> gint64* (wall seconds). */
typedef struct {
    GHashTable *until;
} ScheduleCooldown;

typedef struct {
    gboolean refresh_is_due;
    Request *request; /* what to install now, kind AUTO, or NULL; owned by the caller */
    gint64 wake_at;   /* when to ask again, seconds on the clock of now */
} ScheduleDecision;

/* Is this URL served from this machine (file:, loopback)? Such repositories may be polled every second. */
gboolean schedule_url_is_local(const char *url);

/* Pure but for its arguments. offers: the ledger (StoreOffer*); repos: StoreRepo* of the enabled repositories; configs:
 * RepositoryConfig*. seed: spreads boxes over the interval. */
void schedule_decide(const SettingsValues *settings, GPtrArray *configs, GPtrArray *repos, GPtrArray *offers,
                     const ScheduleCooldown *cooldown, guint64 seed, gint64 now, ScheduleDecision *decision);

void schedule_cooldown_init(ScheduleCooldown *cooldown);
void schedule_cooldown_clear(ScheduleCooldown *cooldown);
/* The apps of a request that failed wait until `until`. */
void schedule_cooldown_add(ScheduleCooldown *cooldown, const Request *request, gint64 until);
/* How long: the poll interval, between 5 s and 10 min. */
gint64 schedule_cooldown_s(const SettingsValues *settings);

#endif
