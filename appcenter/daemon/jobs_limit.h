/* jobs_limit.h - how long a child may be silent, and how long it may take in all.
 *
 * Who is silent for 15 minutes hangs, and is killed. Who takes longer than the limit is asked to end, which undoes what it
 * had begun, and is killed when it has not by then: after as long again, at most ten minutes. Hides timers and signals.
 */
#ifndef DAEMON_JOBS_LIMIT_H
#define DAEMON_JOBS_LIMIT_H

#include "base/base.h"

typedef struct {
    int pidfd; /* borrowed */
    gint64 total_s;
    guint silence_source, total_source, kill_source;
    char *reason; /* why it was ended, for people; NULL: it was not */
} JobsLimit;

/* total_s: 0 for no limit but silence. */
void jobs_limit_start(JobsLimit *limit, int pidfd, gint64 total_s);
/* It said something. */
void jobs_limit_heard(JobsLimit *limit);
void jobs_limit_clear(JobsLimit *limit);
/* What became of a child that was asked to end: a job that failed, for that reason, and not one that somebody cancelled. */
void jobs_limit_judge(const JobsLimit *limit, json_t *result);

#endif
