/* events.h - event streams (text/event-stream) over suspended connections.
 *
 * Events with an id are in state.db, so a stream resumes after a restart; progress in bytes is only pushed.
 * A stream that does not read is dropped when 256 kB wait for it.
 */
#ifndef DAEMON_EVENTS_H
#define DAEMON_EVENTS_H

#include <microhttpd.h>

#include "base/base.h"
#include "ports/store.h"

#define EVENTS_MAX_PER_UID 16

typedef struct Events Events;

/* after_resume is called after connections were resumed: libmicrohttpd must be run at once or the stream
 * stalls. */
Events *events_new(Store *store, void (*after_resume)(gpointer user_data), gpointer user_data);
void events_free(Events *events);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Events, events_free)

/* To the store (keep) and to every stream that wants it. */
void events_publish(Events *events, gint64 job_id, json_t *event, gboolean keep);
/* Every stream ends when what waits for it is sent, and no new one is opened (shutdown: libmicrohttpd
 * aborts when it is stopped with a suspended connection). The caller runs libmicrohttpd after. */
void events_end_all(Events *events);
/* A response that streams events after last_id (0: from now on; with a job: from that job's first), of one
 * job or of all (job_id 0). is_over: the stream ends with what is kept. NULL when this uid has too many. */
struct MHD_Response *events_open(Events *events, struct MHD_Connection *connection, uid_t uid, gint64 last_id,
                                 gint64 job_id, gboolean is_over);

#endif
