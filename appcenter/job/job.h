/* job.h - one piece of work in a process of its own: a request on stdin, progress as lines on stdout, and an exit code.
 *
 * appcenter-job [--root DIR]. stdin, to its end, is one JSON object:
 *
 *     {"job":12,"action":"upgrade","request":{...}}
 *
 *     action                               request
 *     refresh                              {"force":true}: also without If-None-Match
 *     offers, recover, start-apps          nothing
 *     service                              {"verb":"start|stop|enable|disable","app":"NAME"}
 *     install upgrade remove rollback      as request_from_json reads it ("action" may be left out); "dry_run" in its
 *     undo auto autoremove repair restore  options: plan only
 *     verify                               {"apps":["NAME"]}: none for all
 *     plan                                 the same with its own "action"; plans only
 *
 * stdout is JSON, one object a line, one write(2) a line:
 *
 *     {"event":"step","app":..,"step":"SWAP","words":"Switching","phase":"do|undo","when":"begin|end","transaction":N}
 *     {"event":"bytes","app":..,"step":"FETCH","words":"Downloading","done":..,"total":..}     at most ten a second
 *     {"event":"note","text":..}
 *     {"event":"transaction","transaction":N,"result":"done"}
 *     {"event":"result","exit":0,"code":"ok","message":"","plan":{appctl.plan/1},"transactions":[appctl.transaction/1],
 *      "report":{appctl.verify/1},"explanation":{"problems":[..],"solutions":[..]},"solver_case":".."}
 *
 * The result is always the last line; plan is there when one was made, explanation when a request could not be planned
 * (engine_explain), solver_case when the request had debug_solver and the solver was asked. code is an error's code or
 * "ok", message its sentence; the exit code is the process's, too. SIGTERM and SIGINT cancel: the step in hand is undone and
 * the job ends with code "cancelled". SIGPIPE is ignored, so a daemon that dies does not stop a switch in the middle; a job that nobody hears
 * any more leaves its result in the store.
 */
#ifndef JOB_JOB_H
#define JOB_JOB_H

#include "engine/engine.h"

typedef struct {
    gint64 id;
    char *action;
    json_t *request; /* an object, never NULL */
} Job;

void job_clear(Job *job);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Job, job_clear)
/* INVALID or CORRUPT says what was wanted. */
gboolean job_parse(const void *data, gsize len, Job *job, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Does it, on an engine of its own below root, and writes the lines to out_fd; the exit code. wall_now: the clock as the
 * process's entry read it. */
int job_run(const Job *job, const char *root, gint64 wall_now, int out_fd);
/* Says why a job could not even begin; the exit code. */
int job_refuse(const GError *failure, int out_fd);

/* Asks job_run to stop; may be called from a signal handler. */
void job_cancel(void);

/* --- lines (lines.c) --- */
typedef struct {
    int fd;
    gboolean is_broken; /* nobody reads any more: nothing more is written */
    char *bytes_app;    /* the last "bytes" line's app, step and time, to write not too many */
    char *bytes_step;
    gint64 bytes_at_us;
} JobLines;
void job_lines_clear(JobLines *lines);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(JobLines, job_lines_clear)
/* Is there still somebody at the other end? */
gboolean job_lines_are_heard(const JobLines *lines);
/* Takes the object. */
void job_lines_write(JobLines *lines, json_t *object);
/* EngineOptions.on_event with a JobLines. */
void job_lines_on_event(const EngineEvent *event, gpointer lines);

#endif
