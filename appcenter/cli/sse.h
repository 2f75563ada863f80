/* sse.h - a text/event-stream parser: pieces of any size in, whole events out. Pure. */
#ifndef CLI_SSE_H
#define CLI_SSE_H

#include "base/base.h"

typedef struct {
    GString *line;
    GString *data;
    gint64 id;      /* of the last whole event; 0: none */
    gint64 next_id; /* of the event that is being read: one that breaks off must be sent again */
} SseParser;

void sse_init(SseParser *parser);
void sse_clear(SseParser *parser);
/* FALSE when the callback said so, or an event is longer than 16 MiB. */
gboolean sse_feed(SseParser *parser, const char *bytes, gsize len,
                  gboolean (*on_data)(const char *data, gpointer user_data), gpointer user_data);

#endif
