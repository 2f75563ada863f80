/* problem.h - errors as problem documents (RFC 9457) with our code and exit. */
#ifndef DAEMON_PROBLEM_H
#define DAEMON_PROBLEM_H

#include "base/base.h"

/* {"type","title","status","detail","code","exit"}; new reference. http_status 0: the one of the error's kind; *status: the
 * one that it became. */
json_t *problem_document(const GError *error, int http_status, int *status);
/* Reason phrase of the statuses that we use. */
const char *problem_title(int status);

#endif
