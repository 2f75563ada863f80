/* run.h - the daemon's life, for main.c: open, run or once, close. Private to daemon/. */
#ifndef DAEMON_RUN_H
#define DAEMON_RUN_H

#include "daemon/daemon.h"

/* Store, settings (the last good ones if the file is bad), jobs. root_path NULL: the real system.
 * daemon_close also after a failure. */
gboolean daemon_open(Daemon *daemon, const char *root_path, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void daemon_close(Daemon *daemon);
/* SIGHUP: reads the configuration again; a bad one is refused. */
void daemon_reload(Daemon *daemon);
/* What is due now. The request is the caller's. */
gboolean daemon_decide(Daemon *daemon, ScheduleDecision *decision, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void daemon_queue_auto(Daemon *daemon, Request *request);
/* Asks the repositories by the clock: who asked for peace is left in peace. */
void daemon_queue_poll(Daemon *daemon);

#endif
