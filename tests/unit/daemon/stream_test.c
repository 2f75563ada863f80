/* stream_test.c - event streams: what they carry, how they resume and end, and how many one user may have. */
#include "tests.h"

#include <string.h>

static void open_stream(Client *client, const Box *box, const char *query, const char *last_id)
{
    g_autofree char *header = last_id ? g_strdup_printf("Last-Event-ID: %s\r\n", last_id) : g_strdup("");
    g_autofree char *request =
        g_strdup_printf("GET /v1/events%s HTTP/1.1\r\nHost: a\r\n%s\r\n", query, header);
    client_open(client, box);
    client_send_text(client, request);
    loop_until(client_has(client, "\r\n\r\n"));
}

static void publish(Box *box, gint64 job_id, const char *kind, gboolean keep)
{
    g_autoptr(json_t) event = json_pack("{s:s, s:I}", "event", kind, "job", (json_int_t)job_id);
    events_publish(box->daemon.events, job_id, event, keep);
}

static void run_job(Box *box, const char *action)
{
    g_autoptr(json_t) request = json_object();
    must(jobs_queue(box->daemon.jobs, action, request, NULL, 0, OR_FAIL));
    loop_until(jobs_is_idle(box->daemon.jobs));
}

static void test_a_stream_carries_a_job_from_its_first_event_to_its_result(void)
{
    g_auto(Box) box = {0};
    g_auto(Client) all = {.fd = -1};
    box_init(&box);
    box_serve(&box, NULL);
    open_stream(&all, &box, "", NULL);
    g_assert_true(client_has(&all, "HTTP/1.1 200") && client_has(&all, "text/event-stream"));
    /* over the wire: the handler publishes while libmicrohttpd runs */
    g_assert_cmpint(ask(&box, "POST", "/v1/apps", "{\"action\":\"upgrade\"}", NULL), ==, 202);
    loop_until(client_has(&all, "\"event\":\"result\""));
    g_assert_true(client_has(&all, "id: 1\ndata: {\"event\":\"job\",\"job\":1,\"state\":\"queued\"}\n\n"));
    g_assert_true(client_has(&all, "id: 3\ndata: {\"app\":\"One\",\"event\":\"step\""));
    g_assert_true(client_has(&all, "\ndata: {\"app\":\"One\",\"done\":1,\"event\":\"bytes\""));
    g_assert_false(client_has(&all, "id: 4\ndata: {\"app\":\"One\",\"done\":1")); /* bytes are not kept */
    g_assert_true(client_has(&all, "\"state\":\"done\"}"));
    g_assert_false(client_is_over(&all)); /* a stream of all goes on */
}

static void test_a_stream_resumes_after_the_last_event_it_had(void)
{
    g_auto(Box) box = {0};
    g_auto(Client) client = {.fd = -1};
    g_auto(Client) fresh = {.fd = -1};
    box_init(&box);
    box_serve(&box, NULL);
    for (int i = 0; i < 5; i++)
        publish(&box, 7, "note", TRUE);
    open_stream(&client, &box, "", "3");
    loop_until(client_has(&client, "id: 5\n"));
    g_assert_true(client_has(&client, "id: 4\n"));
    g_assert_false(client_has(&client, "id: 3\n"));
    open_stream(&fresh, &box, "", NULL); /* from now on */
    publish(&box, 7, "note", TRUE);
    loop_until(client_has(&fresh, "id: 6\n") && client_has(&client, "id: 6\n"));
    g_assert_false(client_has(&fresh, "id: 5\n"));
}

/* Also across the daemon's death: ids are in the store. */
static void test_a_stream_resumes_after_a_restart(void)
{
    g_auto(Box) box = {0};
    g_auto(Client) client = {.fd = -1};
    box_init(&box);
    publish(&box, 7, "note", TRUE);
    publish(&box, 7, "note", TRUE);
    box_restart(&box);
    box_serve(&box, NULL);
    open_stream(&client, &box, "", "1");
    loop_until(client_has(&client, "id: 2\n"));
    publish(&box, 7, "note", TRUE);
    loop_until(client_has(&client, "id: 3\n"));
}

static void test_a_last_event_id_that_is_none_is_passed_over(void)
{
    static const char *const ids[] = {"-5", "x", "1x", "99999999999999999999", ""};
    g_auto(Box) box = {0};
    box_init(&box);
    box_serve(&box, NULL);
    publish(&box, 7, "old", TRUE);
    for (gsize i = 0; i < G_N_ELEMENTS(ids); i++) {
        g_auto(Client) client = {.fd = -1};
        open_stream(&client, &box, "", ids[i]);
        publish(&box, 7, "new", TRUE);
        loop_until(client_has(&client, "\"new\""));
        g_assert_false(client_has(&client, "\"old\""));
    }
}

static void test_a_stream_of_one_job_ends_with_its_result(void)
{
    g_auto(Box) box = {0};
    g_auto(Client) early = {.fd = -1};
    g_auto(Client) late = {.fd = -1};
    g_autoptr(json_t) request = json_object();
    box_init(&box);
    box_serve(&box, NULL);
    must(jobs_queue(box.daemon.jobs, "upgrade", request, NULL, 0, OR_FAIL));
    open_stream(&early, &box, "?job=1", NULL);
    run_job(&box, "fail"); /* another one's events are not its */
    loop_until(client_is_over(&early));
    open_stream(&late, &box, "?job=1", NULL);
    loop_until(client_is_over(&late));
    Client *const both[] = {&early, &late};
    for (gsize i = 0; i < G_N_ELEMENTS(both); i++) {
        g_assert_true(client_has(both[i], "\"state\":\"queued\"")); /* from its first event */
        g_assert_true(client_has(both[i], "\"event\":\"result\""));
        g_assert_false(client_has(both[i], "\"job\":2"));
        g_assert_true(g_str_has_suffix(both[i]->got->str, "0\r\n\r\n")); /* ended, not broken off */
    }
}

/* However it ended, and even if its events are no longer kept. */
static void test_a_stream_of_a_job_that_is_over_ends(void)
{
    g_auto(Box) box = {0};
    box_init(&box);
    box_serve(&box, NULL);
    g_autoptr(json_t) request = json_object();
    must(jobs_queue(box.daemon.jobs, "deaf", request, NULL, 0, OR_FAIL));
    must(jobs_queue(box.daemon.jobs, "upgrade", request, NULL, 0, OR_FAIL));
    must(jobs_cancel(box.daemon.jobs, 2, OR_FAIL)); /* dropped from the queue */
    must(jobs_cancel(box.daemon.jobs, 1, OR_FAIL));
    loop_until(jobs_is_idle(box.daemon.jobs));
    StoreJob silent = {.action = (char *)"upgrade", .request_json = (char *)"{}", .state = (char *)"queued"};
    must(store_job_add(box.daemon.store, &silent, NULL, OR_FAIL));
    must(store_job_set(box.daemon.store, silent.id, "done", "{}", 1795000000, OR_FAIL));
    for (int job = 1; job <= 3; job++) {
        g_auto(Client) client = {.fd = -1};
        g_autofree char *query = g_strdup_printf("?job=%d", job);
        open_stream(&client, &box, query, NULL);
        loop_until(client_is_over(&client));
        g_assert_true(job == 3 || client_has(&client, "\"code\":\"cancelled\""));
    }
}

static void test_a_seventeenth_stream_of_one_user_is_refused(void)
{
    g_auto(Box) box = {0};
    Client clients[EVENTS_MAX_PER_UID];
    g_auto(Client) one_more = {.fd = -1};
    g_auto(Client) next = {.fd = -1};
    box_init(&box);
    box_serve(&box, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(clients); i++) {
        open_stream(&clients[i], &box, "", NULL);
        g_assert_true(client_has(&clients[i], "HTTP/1.1 200"));
    }
    g_assert_cmpuint(G_N_ELEMENTS(clients), ==, 16);
    open_stream(&one_more, &box, "", NULL);
    loop_until(client_is_over(&one_more));
    g_assert_true(client_has(&one_more, "HTTP/1.1 429") && client_has(&one_more, "\"code\":\"busy\""));
    publish(&box, 7, "note", TRUE);
    for (gsize i = 0; i < G_N_ELEMENTS(clients); i++)
        loop_until(client_has(&clients[i], "id: 1\n"));
    client_close(&clients[0]); /* seen at the next event */
    publish(&box, 7, "note", TRUE);
    publish(&box, 7, "note", TRUE);
    open_stream(&next, &box, "", NULL);
    g_assert_true(client_has(&next, "HTTP/1.1 200"));
    for (gsize i = 1; i < G_N_ELEMENTS(clients); i++)
        client_close(&clients[i]);
}

/* It reads nothing; what waits for it is bounded, the rest is dropped with it, and the others go on. */
static void test_a_stream_that_does_not_read_is_dropped(void)
{
    g_auto(Box) box = {0};
    g_auto(Client) slow = {.fd = -1};
    g_auto(Client) other = {.fd = -1};
    box_init(&box);
    box_serve(&box, NULL);
    open_stream(&slow, &box, "", NULL);
    open_stream(&other, &box, "", NULL);
    g_autofree char *words = g_strnfill(20000, 'w');
    g_autoptr(json_t) event = json_pack("{s:s, s:s, s:i}", "event", "note", "text", words, "job", 7);
    for (int i = 0; i < 100; i++) {
        events_publish(box.daemon.events, 7, event, FALSE);
        while (g_main_context_iteration(NULL, FALSE))
            client_is_over(&other);
        client_is_over(&other);
    }
    loop_until(other.got->len > 100 * 20000);
    g_assert_false(client_is_over(&other));
    loop_until(client_is_over(&slow));
    g_assert_cmpuint(slow.got->len, <, 100 * 20000);
}

/* libmicrohttpd aborts when it is stopped with a suspended connection. */
static void test_the_end_of_the_daemon_ends_open_streams(void)
{
    g_auto(Box) box = {0};
    Client clients[5];
    g_auto(Client) half = {.fd = -1};
    box_init(&box);
    box_serve(&box, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(clients); i++)
        open_stream(&clients[i], &box, "", NULL);
    client_open(&half, &box);
    client_send_text(&half, "POST /v1/apps HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{");
    Client unseen = {.fd = -1}; /* a stream that is asked for in the last moment */
    client_open(&unseen, &box);
    g_assert_cmpint(write(unseen.fd, "GET /v1/events HTTP/1.1\r\nHost: a\r\n\r\n", 37), ==, 37);
    publish(&box, 7, "note", TRUE);
    server_stop(g_steal_pointer(&box.daemon.server));
    for (gsize i = 0; i < G_N_ELEMENTS(clients); i++) {
        g_assert_true(client_is_over(&clients[i]));
        g_assert_true(client_has(&clients[i], "id: 1\n")); /* what waited was sent */
        client_close(&clients[i]);
    }
    g_assert_true(client_is_over(&unseen));
    client_close(&unseen);
}

void stream_tests(void)
{
    g_test_add_func("/stream/one_carries_a_job_from_its_first_event_to_its_result",
                    test_a_stream_carries_a_job_from_its_first_event_to_its_result);
    g_test_add_func("/stream/one_resumes_after_the_last_event_it_had",
                    test_a_stream_resumes_after_the_last_event_it_had);
    g_test_add_func("/stream/one_resumes_after_a_restart", test_a_stream_resumes_after_a_restart);
    g_test_add_func("/stream/a_last_event_id_that_is_none_is_passed_over",
                    test_a_last_event_id_that_is_none_is_passed_over);
    g_test_add_func("/stream/one_of_one_job_ends_with_its_result",
                    test_a_stream_of_one_job_ends_with_its_result);
    g_test_add_func("/stream/one_of_a_job_that_is_over_ends", test_a_stream_of_a_job_that_is_over_ends);
    g_test_add_func("/stream/a_seventeenth_of_one_user_is_refused",
                    test_a_seventeenth_stream_of_one_user_is_refused);
    g_test_add_func("/stream/one_that_does_not_read_is_dropped", test_a_stream_that_does_not_read_is_dropped);
    g_test_add_func("/stream/the_end_of_the_daemon_ends_open_streams",
                    test_the_end_of_the_daemon_ends_open_streams);
}
