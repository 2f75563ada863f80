/* notify.h - what people should be told: changes, failures, deadlines that come near, repositories without news.
 *
 * A look compares what is with what was told (ports/store's notices) and writes down what is new, each thing by a key of its
 * own, so a restart neither repeats nor loses anything. How it gets to people is the courier's.
 */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include "base/base.h"
#include "model/model.h"
#include "ports/store.h"

/* offers: the ledger, StoreOffer*; repos: StoreRepo* of the enabled repositories; both borrowed. What notify.on leaves out is
 * remembered as told. Never fails: what cannot be written now is found again by the next look. */
void notify_look(Store *store, const SettingsValues *settings, GPtrArray *offers, GPtrArray *repos,
                 gint64 now);
/* The part of it that looks at what has ended, before other settings count: it is told, or not, by those under which it ended. */
void notify_look_at_ends(Store *store, const SettingsValues *settings, gint64 now);

#endif
