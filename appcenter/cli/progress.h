/* progress.h - what a job does, for people: one line per app and step, a bar while bytes flow on a terminal. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "base/base.h"

typedef struct Progress Progress;

/* is_fancy: a terminal that understands a carriage return; else plain lines, and bytes at most every 3 s. */
Progress *progress_new(gboolean is_fancy);
void progress_free(Progress *progress);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Progress, progress_free)
/* An event of docs/api.md. now_us: monotonic. */
void progress_event(Progress *progress, const json_t *event, gint64 now_us);
/* Ends an open line. */
void progress_end(Progress *progress);
/* The bar's text: "PhotoStation  Downloading  ████░░  31.0 MB  100 %  9.8 MB/s", shorter than columns
 * (0: any length, no bar); pure. free with g_free. */
char *progress_bar(const char *app, const char *words, gint64 done, gint64 total, gint64 elapsed_us,
                   gsize columns);

#endif
