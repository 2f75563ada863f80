/* spool.h - archives that clients send as bytes, until a job has used them.
 *
 * A spooled file is named outside by a random token and inside by its product path; nobody else's path is
 * ever opened. Files that no job names are removed when they are a day old, and all of them when the daemon
 * starts.
 */
#ifndef DAEMON_SPOOL_H
#define DAEMON_SPOOL_H

#include "base/base.h"
#include "daemon/jobs.h"

/* Product path of a token's file, NULL for what is no token; free with g_free. */
char *spool_path(const char *token);
/* A new empty file, open for writing; *token is g_free'd by the caller. -1 with error. */
int spool_create(const RootDir *root, char **token, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void spool_remove(const RootDir *root, const char *token);
/* Removes what was written before `before` (wall seconds) and is named by no job that runs or waits. */
void spool_clean(const RootDir *root, const Jobs *jobs, gint64 before);

#endif
