/* courier.h - takes notices that wait in the store to people: syslog, then the admin's command, then mail.
 *
 * One program at a time, none longer than COURIER_LIMIT_S: whoever hangs is ended with all that it started in its session,
 * and holds up nothing but the notices behind it. A notice counts as told when its last program has ended, however; so a
 * crash before that tells it again, and nothing else does.
 */
#ifndef DAEMON_COURIER_H
#define DAEMON_COURIER_H

#include "base/base.h"
#include "model/model.h"
#include "ports/store.h"

#define COURIER_LIMIT_S 30

typedef struct Courier Courier;

/* limit_s: how long one program may take. */
Courier *courier_new(RootDir *root, Store *store, guint limit_s);
/* Ends what runs; its notice is told by the next daemon. */
void courier_free(Courier *courier);
/* Goes on with what waits, if nothing is under way. The settings are read now and not kept. */
void courier_go(Courier *courier, const SettingsValues *settings);
/* Nothing is under way. */
gboolean courier_is_idle(const Courier *courier);

#endif
