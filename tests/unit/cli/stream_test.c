/* stream_test.c - the event-stream parser, fed in pieces of every size. */
#include "tests.h"

#include <string.h>

#include "cli/sse.h"

#define STREAM                                                                                               \
    ": hello\nid: 7\ndata: {\"a\":1}\n\nevent: x\r\nid:8\r\ndata:one\r\ndata: two\r\n\r\n\n: alive\n\n"

static gboolean collect(const char *data, gpointer user_data)
{
    g_string_append_printf(user_data, "<%s>", data);
    return TRUE;
}

static gboolean collect_one(const char *data, gpointer user_data)
{
    collect(data, user_data);
    return FALSE;
}

static void test_pieces(void)
{
    const char *text = STREAM;
    for (gsize piece = 1; piece <= strlen(STREAM); piece++) {
        SseParser parser;
        g_autoptr(GString) got = g_string_new(NULL);
        sse_init(&parser);
        for (gsize at = 0; at < strlen(text); at += piece)
            g_assert_true(sse_feed(&parser, &text[at], MIN(piece, strlen(text) - at), collect, got));
        g_assert_cmpstr(got->str, ==, "<{\"a\":1}><one\ntwo>");
        g_assert_cmpint(parser.id, ==, 8);
        sse_clear(&parser);
    }
}

static void test_broken_off(void)
{
    SseParser parser;
    g_autoptr(GString) got = g_string_new(NULL);
    const char *text = "id: 7\ndata: a\n\nid: 8\ndata: b\n";
    sse_init(&parser);
    g_assert_true(sse_feed(&parser, text, strlen(text), collect, got));
    g_assert_cmpstr(got->str, ==, "<a>");
    g_assert_cmpint(parser.id, ==, 7);
    sse_clear(&parser);
}

static void test_stop(void)
{
    SseParser parser;
    g_autoptr(GString) got = g_string_new(NULL);
    sse_init(&parser);
    g_assert_false(sse_feed(&parser, STREAM, strlen(STREAM), collect_one, got));
    g_assert_cmpstr(got->str, ==, "<{\"a\":1}>");
    g_assert_cmpint(parser.id, ==, 7);
    sse_clear(&parser);
}

static void test_endless(void)
{
    SseParser parser;
    g_autoptr(GString) got = g_string_new(NULL);
    g_autofree char *piece = g_strnfill(1024 * 1024, 'x');
    gsize n = 0;
    sse_init(&parser);
    g_assert_true(sse_feed(&parser, "data:", 5, collect, got));
    while (n < 32 && sse_feed(&parser, piece, 1024 * 1024, collect, got))
        n++;
    g_assert_cmpuint(n, ==, 15);
    sse_clear(&parser);
}

void stream_tests(void)
{
    g_test_add_func("/stream/events_arrive_whole_from_pieces_of_any_size", test_pieces);
    g_test_add_func("/stream/an_event_that_breaks_off_is_asked_for_again", test_broken_off);
    g_test_add_func("/stream/the_callback_ends_it", test_stop);
    g_test_add_func("/stream/an_endless_line_is_refused", test_endless);
}
