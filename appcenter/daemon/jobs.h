/* jobs.h - the queue of jobs and the one child that runs.
 *
 * One job at a time; the child is appcenter-job, started with posix_spawn, reaped by pidfd, told its
 * request on stdin, heard as JSON lines on stdout. It lives on when we die (it ignores SIGPIPE), and a new
 * daemon's first job, recover, waits for its lock. When a child ends without a result, or is silent for 15
 * minutes or takes too long and is killed, a recover job runs before anything else, again when it fails; the lost job is
 * over behind that one, and its result says what became of what it had begun.
 */
#ifndef DAEMON_JOBS_H
#define DAEMON_JOBS_H

#include "base/base.h"
#include "ports/store.h"

typedef struct Jobs Jobs;

typedef struct {
    /* One line of the child with "job" added; borrowed. keep: to be kept for streams that come later. */
    void (*on_event)(gint64 job_id, json_t *event, gboolean keep, gpointer user_data);
    /* A job is over; result as docs/api.md says, borrowed. action: "refresh", "upgrade", ... */
    void (*on_done)(gint64 job_id, const char *action, json_t *request, json_t *result, gpointer user_data);
    gpointer user_data;
} JobsListener;

/* root_path: host path for --root, or "". Jobs that were queued when the last daemon ended are queued
 * again; one that was running is lost, and over behind the next recover job. Nothing is started yet. */
Jobs *jobs_new(Store *store, const char *root_path, const JobsListener *listener,
               GError **error) G_GNUC_WARN_UNUSED_RESULT;
void jobs_free(Jobs *jobs);
/* How long a job that is started from now on may take in all; 0: as long as it says something now and then. */
void jobs_set_limit(Jobs *jobs, gint64 limit_s);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Jobs, jobs_free)

/* Queues a recorded job; its id, 0 with error (BUSY when too many wait). request: what goes to the child
 * beside job and action; not taken. A key that this uid used before gives the old job. */
gint64 jobs_queue(Jobs *jobs, const char *action, json_t *request, const char *idempotency_key, uid_t uid,
                  GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* One of our own (recover, start-apps, a poll): not recorded, id 0. in_front: before all that is queued. */
void jobs_queue_own(Jobs *jobs, const char *action, json_t *request, gboolean in_front);
/* A queued one is dropped (state cancelled), the running one gets SIGTERM and undoes itself. REFUSED when
 * it is over. */
gboolean jobs_cancel(Jobs *jobs, gint64 id, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Nothing runs and nothing waits. */
gboolean jobs_is_idle(const Jobs *jobs);
gboolean jobs_is_running(const Jobs *jobs);
/* One of our own jobs (recover, start-apps, a poll) runs or waits. */
gboolean jobs_has_own(const Jobs *jobs);
/* A job that runs or waits names this spooled file (product path). */
gboolean jobs_need_file(const Jobs *jobs, const char *path);
/* Puts what a full disk did not take yet into a job that was read from the store. */
void jobs_overlay(const Jobs *jobs, StoreJob *job);
/* Id of the running recorded job, 0 when there is none. */
gint64 jobs_running_id(const Jobs *jobs);
/* {"app","step","words","done","total"} of the running job, or NULL; borrowed. */
json_t *jobs_progress(const Jobs *jobs);
/* No job is started any more; the running one is asked to end. */
void jobs_stop(Jobs *jobs);

#endif
