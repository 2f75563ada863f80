/* sse.c - event-stream parsing; see sse.h. Comments and unknown fields are passed over, as the format wants. */
#include "cli/sse.h"

#include <string.h>

#define SSE_MAX_EVENT_BYTES (16 * 1024 * 1024)

void sse_init(SseParser *parser)
{
    parser->line = g_string_new(NULL);
    parser->data = g_string_new(NULL);
    parser->id = parser->next_id = 0;
}

void sse_clear(SseParser *parser)
{
    g_string_free(parser->line, TRUE);
    g_string_free(parser->data, TRUE);
}

static void take_field(SseParser *parser, const char *line)
{
    if (g_str_has_prefix(line, "data:")) {
        if (parser->data->len)
            g_string_append_c(parser->data, '\n');
        g_string_append(parser->data, line + 5 + (line[5] == ' '));
    } else if (g_str_has_prefix(line, "id:")) {
        parser->next_id = g_ascii_strtoll(line + 3, NULL, 10);
    }
}

gboolean sse_feed(SseParser *parser, const char *bytes, gsize len,
                  gboolean (*on_data)(const char *data, gpointer user_data), gpointer user_data)
{
    for (gsize i = 0; i < len; i++) {
        if (bytes[i] != '\n') {
            if (parser->line->len + parser->data->len >= SSE_MAX_EVENT_BYTES)
                return FALSE;
            if (bytes[i] != '\r')
                g_string_append_c(parser->line, bytes[i]);
            continue;
        }
        gboolean is_end = parser->line->len == 0;
        take_field(parser, parser->line->str);
        g_string_truncate(parser->line, 0);
        if (!is_end)
            continue;
        parser->id = parser->next_id;
        if (parser->data->len == 0)
            continue;
        gboolean go_on = on_data(parser->data->str, user_data);
        g_string_truncate(parser->data, 0);
        if (!go_on)
            return FALSE;
    }
    return TRUE;
}
