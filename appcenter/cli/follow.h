/* follow.h - a queued job, followed to its end: progress, Ctrl-C, time limit, result. */
#ifndef CLI_FOLLOW_H
#define CLI_FOLLOW_H

#include "cli/cli.h"

/* POSTs body to path (/v1/apps, /v1/plan, /v1/refresh) and follows the job as the options say. *result: what the job's
 * `result` is in docs/api.md, with "id" added; NULL with --no-wait (the id was printed). The caller looks at exit and code.
 * TIMEOUT names the job when --wait=DURATION ran out. show_progress FALSE for plans. */
gboolean follow_post(Cli *cli, const char *path, const json_t *body, gboolean show_progress, json_t **result,
                     GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
