/* daemon.h - what the daemon holds open, for the files of this room. Private to daemon/.
 *
 * The API's handlers get it; the nouns beside it (jobs, events, schedule, server) know nothing of it.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "daemon/courier.h"
#include "daemon/events.h"
#include "daemon/jobs.h"
#include "daemon/schedule.h"
#include "ports/store.h"
#include "ports/system.h"

typedef struct Server Server;

typedef struct {
    RootDir *root;
    Store *store;
    Settings *settings;
    GPtrArray *warnings; /* char*: of the configuration, shown by status */
    Jobs *jobs;
    Events *events;
    Courier *courier;
    Server *server;
    GMainLoop *loop;
    ScheduleCooldown cooldown;
    guint wake_source;
    guint rest_source;
    gint64 started_at;
    Clock clock;
    guint64 seed; /* spreads this box's polls */
    gboolean is_stopping;
    int exit_code;          /* the worst of all jobs but recoveries */
    int recovery_exit_code; /* of the last one: a try before it that failed is over */
} Daemon;

/* Trusted now: the wall clock, but never below the floor; with a clock that is lost time goes on from there (model/clock.h).
 */
gint64 daemon_now(const Daemon *daemon);
/* The ledger (StoreOffer*), decided afresh for this moment: of each app the release to take; all: its other newer ones, too. */
GPtrArray *daemon_ledger(const Daemon *daemon, gint64 now, GError **error);
GPtrArray *daemon_ledger_all(const Daemon *daemon, gint64 now, GError **error);
/* When this repository is asked next by the clock. configs: RepositoryConfig*, all of them. */
gint64 daemon_refresh_at(const Daemon *daemon, GPtrArray *configs, const StoreRepo *repo);
/* What a request or a decision needed for a moment is given back once it is quiet: call it behind each. */
void daemon_rest_soon(Daemon *daemon);
/* Something changed (hold, config, finished job): decide again soon. */
void daemon_kick(Daemon *daemon);

#endif
