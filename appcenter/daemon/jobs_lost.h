/* jobs_lost.h - the end of a job that died, or whose daemon died, before it said how it went: known only when recovery
 * has undone or finished what it began. Hides how that is read from the transactions. */
#ifndef DAEMON_JOBS_LOST_H
#define DAEMON_JOBS_LOST_H

#include "base/base.h"
#include "base/json.h"
#include "ports/store.h"

/* The result of job id, to be asked for behind recovery. how: the result as far as it is known without, in a result's
 * shape (borrowed). *state: the job's, static. A job that nobody heard has left its own result in the store; else the
 * message says what became of what it began. A new reference, never NULL. */
json_t *jobs_lost_result(Store *store, gint64 id, json_t *how, const char **state);
/* "done", "cancelled" or "failed", as a result says; static. */
const char *jobs_state_of_result(json_t *result);

#endif
