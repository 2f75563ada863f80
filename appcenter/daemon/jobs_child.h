/* jobs_child.h - the process of a job: where its program is, and its start. Hides the request's way to its stdin. */
#ifndef DAEMON_JOBS_CHILD_H
#define DAEMON_JOBS_CHILD_H

#include "base/base.h"
#include "base/json.h"

/* Path of appcenter-job; free. */
char *jobs_child_program(void);
/* Starts it. *pidfd tells its end, *out_fd (non-blocking) is what it says; the caller's to close. IO, NOT_FOUND. */
gboolean jobs_child_start(const char *program, const char *root_path, gint64 id, const char *action,
                          json_t *request, int *pidfd, int *out_fd, GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
