/* problem.h - errors as problem documents (RFC 9457) with our code and exit. */
#ifndef DAEMON_PROBLEM_H
#define DAEMON_PROBLEM_H

#include "base/base.h"

/* {"type","title","status","detail","code","exit"}; new reference. *status is the HTTP status of the kind. */
json_t *problem_document(const GError *error, int *status);
/* Reason phrase of the statuses that we use. */
const char *problem_title(int status);

#endif
