/* server_test.c - the door with raw bytes: requests, refusals, files, limits, and another user. */
#include "tests.h"

#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/spool.h"

#define NOBODY 65534

static void assert_problem(json_t *document, int status, const char *code, const char *part)
{
    g_assert_cmpint(json_integer_value(json_at(document, "status")), ==, status);
    g_assert_cmpstr(text_at(document, "code"), ==, code);
    g_assert_cmpstr(text_at(document, "type"), ==, "about:blank");
    if (!strstr(text_at(document, "detail"), part))
        g_error("wanted \"%s\", found \"%s\"", part, text_at(document, "detail"));
}

static void test_what_is_asked_is_answered(void)
{
    static const char *const cases[][2] = {
        {"/v1/system", "appctl.status/1"},
        {"/v1/apps", "appctl.apps/1"},
        {"/v1/apps/One/why", "appctl.explanation/1"},
        {"/v1/search?q=on", "appctl.search/1"},
        {"/v1/jobs", "appctl.jobs/1"},
        {"/v1/history", "appctl.history/1"},
        {"/v1/history?limit=3", "appctl.history/1"},
        {"/v1/advisories", "appctl.advisories/1"},
        {"/v1/audit", "appctl.audit/1"},
        {"/v1/holds", "appctl.holds/1"},
        {"/v1/config", "appctl.config/1"},
        {"/v1/repositories", "appctl.repositories/1"},
    };
    g_auto(Box) box = {0};
    box_init(&box);
    put_app(&box, "One", "1.0");
    box_serve(&box, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(json_t) answer = NULL;
        g_assert_cmpint(ask(&box, "GET", cases[i][0], NULL, &answer), ==, 200);
        g_assert_cmpstr(text_at(answer, "schema"), ==, cases[i][1]);
    }
    g_autoptr(json_t) one = NULL;
    g_assert_cmpint(ask(&box, "GET", "/v1/apps/One", NULL, &one), ==, 200);
    g_assert_cmpstr(text_at(one, "name"), ==, "One");
    g_autoptr(json_t) metrics = NULL;
    g_assert_cmpint(ask(&box, "GET", "/metrics", NULL, &metrics), ==, 200);
    g_assert_nonnull(strstr(json_string_value(metrics), "appcenter_protected 1"));
}

static void test_what_makes_no_sense_is_refused(void)
{
    static const struct {
        const char *method, *path, *body;
        int status;
        const char *code, *part;
    } cases[] = {
        {"GET", "/v1/nothing", NULL, 404, "not-found", "no such path"},
        {"GET", "/v1/apps/Nobody", NULL, 404, "not-found", "Nobody"},
        {"GET", "/v1/apps/%FF", NULL, 404, "not-found", "no app"},
        {"GET", "/v1/jobs/%FF", NULL, 404, "not-found", "no job"},
        {"GET", "/v1/jobs/7", NULL, 404, "not-found", "no job 7"},
        {"GET", "/v1/jobs/-1", NULL, 404, "not-found", "no job"},
        {"DELETE", "/v1/jobs/7", NULL, 404, "not-found", "no job 7"},
        {"GET", "/v1/history/99999999999999999999", NULL, 404, "not-found", "no transaction"},
        {"PATCH", "/v1/apps", "{}", 405, "invalid", "no such method"},
        {"POST", "/v1/system", "{}", 405, "invalid", "no such method"},
        {"GET", "/v1/search", NULL, 400, "invalid", "q:"},
        {"GET", "/v1/search?q=%FF", NULL, 400, "invalid", "q:"},
        {"GET", "/v1/history?limit=0", NULL, 400, "invalid", "limit:"},
        {"GET", "/v1/history?limit", NULL, 200, NULL, NULL},
        {"GET", "/v1/events?job=x", NULL, 400, "invalid", "job:"},
        {"GET", "/v1/events?job", NULL, 400, "invalid", "job:"},
        {"GET", "/v1/events?job=7", NULL, 404, "not-found", "no job 7"},
        {"POST", "/v1/apps", "{\"action\":", 400, "invalid", "the body"},
        {"POST", "/v1/apps", "[]", 400, "invalid", "wanted an object"},
        {"POST", "/v1/apps", "{\"a\":1,\"a\":2}", 400, "invalid", "the body"},
        {"POST", "/v1/apps", "", 400, "invalid", "action"},
        {"POST", "/v1/apps", "{\"action\":\"format\"}", 400, "invalid", "action"},
        {"POST", "/v1/apps", "{\"action\":\"remove\"}", 400, "invalid", "at least one app"},
        {"POST", "/v1/apps", "{\"action\":\"auto\",\"apps\":[{\"name\":\"A\"}]}", 400, "invalid",
         "the scheduler's own"},
        {"POST", "/v1/apps", "{\"action\":\"start\"}", 400, "invalid", "exactly one app"},
        {"POST", "/v1/apps", "{\"action\":\"start\",\"apps\":[{\"name\":\"Nobody\"}]}", 404, "not-found",
         "Nobody"},
        {"PUT", "/v1/holds", "{\"app\":7}", 400, "invalid", "app"},
        {"PUT", "/v1/holds", "{\"app\":\"Nobody\"}", 404, "not-found", "Nobody"},
        {"PUT", "/v1/holds", "{\"app\":\"../x\"}", 400, "invalid", "no app name"},
        {"PUT", "/v1/holds", "{\"until\":\"2001-01-01T00:00:00Z\"}", 400, "invalid", "a time to come"},
        {"DELETE", "/v1/holds", NULL, 404, "not-found", ""},
        {"PUT", "/v1/skips", "{\"app\":\"One\"}", 400, "invalid", "version"},
        {"PUT", "/v1/skips", "{\"app\":\"One\",\"version\":\"!\"}", 400, "invalid", "no version"},
        {"DELETE", "/v1/skips", NULL, 400, "invalid", "app and version"},
        {"PUT", "/v1/repositories", "{\"name\":\"m\"}", 400, "invalid", "url"},
        {"PUT", "/v1/repositories", "{\"name\":\"m\",\"url\":\"https://x/\",\"root\":\"\"}", 400, "invalid",
         "root.json"},
        {"PUT", "/v1/repositories", "{\"name\":\"../m\",\"url\":\"https://x/\",\"root\":\"{}\"}", 400,
         "invalid", "name"},
        {"PUT", "/v1/repositories", "{\"name\":\"m\",\"url\":\"ftp://x/\",\"root\":\"{}\"}", 400, "invalid",
         "url"},
        {"DELETE", "/v1/repositories/none", NULL, 404, "not-found", "none"},
    };
    g_auto(Box) box = {0};
    box_init(&box);
    put_app(&box, "One", "1.0");
    box_serve(&box, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(json_t) answer = NULL;
        int status = ask(&box, cases[i].method, cases[i].path, cases[i].body, &answer);
        if (status != cases[i].status)
            g_error("%s %s %s: %d", cases[i].method, cases[i].path, cases[i].body ? cases[i].body : "",
                    status);
        if (cases[i].code)
            assert_problem(answer, cases[i].status, cases[i].code, cases[i].part);
    }
    g_assert_true(jobs_is_idle(box.daemon.jobs));
}

/* Not one of them may end the daemon or be taken for a request. */
static void test_what_is_no_http_ends_the_connection_and_no_more(void)
{
    static const struct {
        const char *bytes;
        gsize len;
    } cases[] = {
#define BYTES(text) {text, sizeof text - 1}
        BYTES("\r\n\r\n\r\n"),
        BYTES("HELLO\r\n\r\n"),
        BYTES("GET\r\n\r\n"),
        BYTES("GET /v1/system HTTP/9.9\r\n\r\n"),
        BYTES("GET /v1/system\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
        BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        BYTES("POST /v1/apps HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n"),
        BYTES("POST /v1/apps HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n"),
        BYTES("POST /v1/apps HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n"),
        BYTES("POST /v1/apps HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n{\"action\":"),
        BYTES("GET /v1/sys"),
#undef BYTES
    };
    g_auto(Box) box = {0};
    ServerLimits limits = server_limits;
    limits.deadline_s = 1; /* of nothing but empty lines libmicrohttpd does not see the end by itself */
    box_init(&box);
    box_serve(&box, &limits);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Client) client = {.fd = -1};
        client_open(&client, &box);
        client_send(&client, cases[i].bytes, cases[i].len);
        shutdown(client.fd, SHUT_WR);
        loop_until(client_is_over(&client));
        g_assert_false(client_has(&client, "HTTP/1.1 202"));
        g_assert_cmpint(ask(&box, "GET", "/v1/system", NULL, NULL), ==, 200);
    }
    g_assert_true(jobs_is_idle(box.daemon.jobs));
}

static void test_a_body_that_is_too_large_is_refused(void)
{
    g_auto(Box) box = {0};
    ServerLimits limits = server_limits;
    limits.max_body_bytes = 100;
    box_init(&box);
    box_serve(&box, &limits);
    g_autofree char *letters = g_strnfill(101, ' ');
    g_autoptr(json_t) answer = NULL;
    g_assert_cmpint(ask(&box, "POST", "/v1/apps", letters, &answer), ==, 413);
    assert_problem(answer, 413, "invalid", "too large");
    letters[100] = '\0';
    letters[0] = '{', letters[1] = '}';
    g_assert_cmpint(ask(&box, "POST", "/v1/refresh", letters, NULL), ==, 202);
    /* without a length beforehand it is counted, and told when all of it was heard */
    g_autofree char *blanks = g_strnfill(0x5000, ' ');
    g_autofree char *chunked =
        g_strdup_printf("POST /v1/apps HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "5000\r\n%s\r\n5000\r\n%s\r\n0\r\n\r\n",
                        blanks, blanks);
    g_autoptr(json_t) late = NULL;
    g_assert_cmpint(ask_raw(&box, chunked, strlen(chunked), &late), ==, 413);
    assert_problem(late, 413, "invalid", "too large");
    loop_until(jobs_is_idle(box.daemon.jobs));
}

static void test_the_products_own_limit_is_a_megabyte(void)
{
    g_auto(Box) box = {0};
    box_init(&box);
    box_serve(&box, NULL);
    g_autofree char *body = g_strnfill(1024 * 1024 + 1, ' ');
    g_assert_cmpint(ask(&box, "POST", "/v1/apps", body, NULL), ==, 413);
    body[1024 * 1024] = '\0';
    g_assert_cmpint(ask(&box, "POST", "/v1/apps", body, NULL), ==, 400);
}

/* --- changes --- */

static void test_a_change_becomes_a_job_of_the_admin(void)
{
    g_auto(Box) box = {0};
    box_init(&box);
    box_serve(&box, NULL);
    g_autoptr(json_t) answer = NULL;
    g_autoptr(json_t) job = NULL;
    g_assert_cmpint(ask(&box, "POST", "/v1/apps",
                        "{\"action\":\"upgrade\",\"apps\":[{\"name\":\"One\",\"version\":\"2.0\"}],"
                        "\"trigger\":\"emergency\",\"options\":{\"security_only\":true}}",
                        &answer),
                    ==, 202);
    g_assert_cmpint(json_integer_value(json_at(answer, "job")), ==, 1);
    loop_until(jobs_is_idle(box.daemon.jobs));
    g_auto(GStrv) requests = script_requests(&box);
    g_assert_nonnull(strstr(requests[0], "\"apps\":[{\"name\":\"One\",\"version\":\"2.0\"}]"));
    g_assert_nonnull(strstr(requests[0], "\"security_only\":true"));
    g_assert_nonnull(strstr(requests[0], "\"trigger\":\"admin\"")); /* whatever it says of itself */
    g_assert_cmpint(ask(&box, "GET", "/v1/jobs/1", NULL, &job), ==, 200);
    g_assert_cmpstr(text_at(job, "action"), ==, "upgrade");
    g_assert_cmpstr(text_at(job, "state"), ==, "done");
    g_assert_nonnull(text_at(job, "created_at"));
    g_assert_nonnull(text_at(job, "started_at"));
    g_assert_nonnull(text_at(job, "finished_at"));
    g_assert_true(json_is_null(json_at(job, "progress")));
    g_assert_cmpstr(text_at(job, "result.code"), ==, "ok");
}

static void test_a_dry_run_is_a_plan(void)
{
    static const char *const cases[][2] = {
        {"/v1/plan", "{\"action\":\"upgrade\"}"},
        {"/v1/apps", "{\"action\":\"upgrade\",\"options\":{\"dry_run\":true}}"},
    };
    g_auto(Box) box = {0};
    box_init(&box);
    box_serve(&box, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpint(ask(&box, "POST", cases[i][0], cases[i][1], NULL), ==, 202);
    loop_until(jobs_is_idle(box.daemon.jobs));
    g_assert_cmpuint(script_count(&box, "plan"), ==, 2);
    g_assert_cmpuint(script_count(&box, "upgrade"), ==, 0);
}

static void test_a_service_verb_names_one_installed_app(void)
{
    g_auto(Box) box = {0};
    box_init(&box);
    put_app(&box, "One", "1.0");
    box_serve(&box, NULL);
    g_assert_cmpint(
        ask(&box, "POST", "/v1/apps", "{\"action\":\"stop\",\"apps\":[{\"name\":\"One\"}]}", NULL), ==, 202);
    loop_until(jobs_is_idle(box.daemon.jobs));
    g_auto(GStrv) requests = script_requests(&box);
    g_assert_cmpstr(requests[0], ==,
                    "{\"action\":\"service\",\"job\":1,\"request\":{\"app\":\"One\",\"verb\":\"stop\"}}");
}

static void test_a_repeated_post_gives_the_first_ones_job(void)
{
    static const char request[] =
        "POST /v1/refresh HTTP/1.1\r\nHost: a\r\nIdempotency-Key: k1\r\nContent-Length: 0\r\n\r\n";
    g_auto(Box) box = {0};
    box_init(&box);
    box_serve(&box, NULL);
    for (int i = 0; i < 2; i++) {
        g_autoptr(json_t) answer = NULL;
        g_assert_cmpint(ask_raw(&box, request, strlen(request), &answer), ==, 202);
        g_assert_cmpint(json_integer_value(json_at(answer, "job")), ==, 1);
        loop_until(jobs_is_idle(box.daemon.jobs));
    }
    g_autofree char *long_key = g_strnfill(201, 'k');
    g_autofree char *bad = g_strdup_printf("POST /v1/refresh HTTP/1.1\r\nHost: a\r\nIdempotency-Key: %s\r\n"
                                           "Content-Length: 0\r\n\r\n",
                                           long_key);
    g_assert_cmpint(ask_raw(&box, bad, strlen(bad), NULL), ==, 400);
    g_assert_cmpuint(script_count(&box, "refresh"), ==, 1);
}

static void test_a_running_job_is_cancelled_over_the_wire(void)
{
    g_auto(Box) box = {0};
    g_autoptr(json_t) request = json_object();
    box_init(&box);
    box_serve(&box, NULL);
    must(jobs_queue(box.daemon.jobs, "wait", request, NULL, 0, OR_FAIL));
    loop_until(jobs_progress(box.daemon.jobs) &&
               json_integer_value(json_object_get(jobs_progress(box.daemon.jobs), "done")) == 3);
    g_autoptr(json_t) job = NULL;
    g_autoptr(json_t) status = NULL;
    g_assert_cmpint(ask(&box, "GET", "/v1/jobs/1", NULL, &job), ==, 200);
    g_assert_cmpstr(text_at(job, "progress.words"), ==, "Downloading");
    g_assert_true(json_is_null(json_at(job, "result")));
    g_assert_cmpint(ask(&box, "GET", "/v1/system", NULL, &status), ==, 200);
    g_assert_cmpint(json_integer_value(json_at(status, "job")), ==, 1);
    g_assert_cmpint(ask(&box, "DELETE", "/v1/jobs/1", NULL, NULL), ==, 202);
    loop_until(jobs_is_idle(box.daemon.jobs));
    g_assert_cmpint(ask(&box, "DELETE", "/v1/jobs/1", NULL, NULL), ==, 403);
}

static void test_holds_and_skips_come_and_go(void)
{
    g_auto(Box) box = {0};
    box_init(&box);
    put_app(&box, "One", "1.0");
    box_serve(&box, NULL);
    g_assert_cmpint(ask(&box, "PUT", "/v1/holds",
                        "{\"app\":\"One\",\"until\":\"2999-01-01T00:00:00Z\",\"note\":\"n\"}", NULL),
                    ==, 204);
    g_assert_cmpint(ask(&box, "PUT", "/v1/holds", "{\"app\":null,\"except_emergency\":true}", NULL), ==, 204);
    g_autoptr(json_t) holds = NULL;
    g_assert_cmpint(ask(&box, "GET", "/v1/holds", NULL, &holds), ==, 200);
    g_assert_cmpuint(json_array_size(json_at(holds, "holds")), ==, 2);
    g_assert_cmpint(ask(&box, "DELETE", "/v1/holds?app=One", NULL, NULL), ==, 204);
    g_assert_cmpint(ask(&box, "DELETE", "/v1/holds?app=One", NULL, NULL), ==, 404);
    g_assert_cmpint(ask(&box, "DELETE", "/v1/holds", NULL, NULL), ==, 204);
    g_assert_cmpint(ask(&box, "PUT", "/v1/skips", "{\"app\":\"One\",\"version\":\"2.0\"}", NULL), ==, 204);
    g_assert_true(store_is_skipped(box.daemon.store, "One", "2.0"));
    g_assert_cmpint(ask(&box, "DELETE", "/v1/skips?app=One&version=2.0", NULL, NULL), ==, 204);
    g_assert_false(store_is_skipped(box.daemon.store, "One", "2.0"));
}

static void put_repository(const Box *box, const char *root)
{
    g_autofree char *body = g_strdup_printf("{\"name\":\"main\",\"url\":\"https://u:secret@repo.example/"
                                            "\",\"priority\":60,\"root\":\"{\\\"n\\\":%s}\"}",
                                            root);
    g_assert_cmpint(ask(box, "PUT", "/v1/repositories", body, NULL), ==, 204);
}

static void test_another_first_root_forgets_what_the_old_one_trusted(void)
{
    g_auto(Box) box = {0};
    box_init(&box);
    box_serve(&box, NULL);
    put_repository(&box, "1");
    g_autoptr(GBytes) bytes = g_bytes_new_static("{}", 2);
    must(store_tuf_save(box.daemon.store, "main", "root", bytes, OR_FAIL));
    put_repository(&box, "1"); /* the same again: a new url or priority keeps the trust */
    g_autoptr(GHashTable) kept = store_tuf_load(box.daemon.store, "main", NULL);
    g_assert_cmpuint(g_hash_table_size(kept), ==, 1);
    put_repository(&box, "2");
    g_autoptr(GHashTable) forgotten = store_tuf_load(box.daemon.store, "main", NULL);
    g_assert_cmpuint(g_hash_table_size(forgotten), ==, 0);
    g_autoptr(json_t) shown = NULL;
    g_assert_cmpint(ask(&box, "GET", "/v1/repositories", NULL, &shown), ==, 200);
    g_assert_cmpstr(text_at(shown, "repositories.0.url"), ==, "https://***@repo.example/");
    g_assert_cmpint(ask(&box, "DELETE", "/v1/repositories/main", NULL, NULL), ==, 204);
    g_assert_cmpint(ask(&box, "DELETE", "/v1/repositories/main", NULL, NULL), ==, 404);
}

/* --- files --- */

static char *upload(const Box *box, const char *bytes)
{
    g_autoptr(json_t) answer = NULL;
    g_assert_cmpint(ask(box, "POST", "/v1/files", bytes, &answer), ==, 201);
    return g_strdup(text_at(answer, "file"));
}

static guint n_spooled(const Box *box)
{
    g_autofree char *path = box_path(box, "var/lib/appcenter/incoming");
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    guint n = 0;
    while (dir && g_dir_read_name(dir))
        n++;
    return n;
}

static int install_file(const Box *box, const char *path, const char *token)
{
    g_autofree char *body = g_strdup_printf("{\"action\":\"install\",\"options\":{\"file\":\"%s\"}}", token);
    return ask(box, "POST", path, body, NULL);
}

static void test_a_file_is_sent_named_and_used_up(void)
{
    g_auto(Box) box = {0};
    box_init(&box);
    box_serve(&box, NULL);
    g_autofree char *token = upload(&box, "the archive's bytes");
    g_autofree char *path = spool_path(token);
    g_autoptr(GBytes) bytes = root_dir_read(box.daemon.root, path, 100, NULL);
    g_assert_cmpmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), "the archive's bytes", 19);
    g_assert_cmpint(install_file(&box, "/v1/plan", token), ==, 202);
    loop_until(jobs_is_idle(box.daemon.jobs));
    g_assert_true(root_dir_exists(box.daemon.root, path)); /* a dry run is not the last word */
    g_assert_cmpint(install_file(&box, "/v1/apps", token), ==, 202);
    loop_until(jobs_is_idle(box.daemon.jobs));
    g_auto(GStrv) requests = script_requests(&box);
    g_autofree char *member = g_strdup_printf("\"file\":\"%s\"", path);
    g_assert_nonnull(strstr(requests[1], member));
    g_assert_false(root_dir_exists(box.daemon.root, path));
    g_assert_cmpint(install_file(&box, "/v1/apps", token), ==, 404);
    g_assert_cmpint(install_file(&box, "/v1/apps", path), ==, 400); /* a path is no token */
    g_assert_cmpint(install_file(&box, "/v1/apps", "/etc/passwd"), ==, 400);
}

static void test_a_file_that_is_too_large_or_breaks_off_leaves_nothing(void)
{
    g_auto(Box) box = {0};
    ServerLimits limits = server_limits;
    limits.max_file_bytes = 100000;
    box_init(&box);
    box_serve(&box, &limits);
    g_autofree char *large = g_strnfill(100001, 'x');
    g_assert_cmpint(ask(&box, "POST", "/v1/files", large, NULL), ==, 413);
    g_autofree char *chunked =
        g_strdup_printf("POST /v1/files HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "186a1\r\n%s\r\n0\r\n\r\n",
                        large);
    g_assert_cmpint(ask_raw(&box, chunked, strlen(chunked), NULL), ==, 413);
    g_assert_cmpuint(n_spooled(&box), ==, 0);
    Client client = {.fd = -1};
    client_open(&client, &box);
    client_send_text(&client, "POST /v1/files HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\nhalf of it");
    loop_until(n_spooled(&box) == 1);
    client_close(&client);
    loop_until(n_spooled(&box) == 0);
    large[100000] = '\0';
    g_autofree char *token = upload(&box, large);
    g_assert_nonnull(token);
    g_assert_cmpuint(n_spooled(&box), ==, 1);
}

/* --- limits --- */

/* Bytes that keep coming are not enough: libmicrohttpd's own limit is one of inactivity. */
static void test_a_client_that_drips_is_cut_off(void)
{
    g_auto(Box) box = {0};
    ServerLimits limits = server_limits;
    limits.deadline_s = 1;
    box_init(&box);
    box_serve(&box, &limits);
    g_auto(Client) client = {.fd = -1};
    client_open(&client, &box);
    client_send_text(&client, "GET /v1/system HTTP/1.1\r\nX-Drip: ");
    gint64 start_us = g_get_monotonic_time();
    while (!client_is_over(&client) && g_get_monotonic_time() - start_us < 10 * G_USEC_PER_SEC) {
        client_send_text(&client, "x");
        g_usleep(20000);
    }
    g_assert_true(client_is_over(&client));
    g_assert_cmpint(g_get_monotonic_time() - start_us, <, 4 * G_USEC_PER_SEC);
    g_assert_cmpuint(client.got->len, ==, 0);
    g_assert_cmpint(ask(&box, "GET", "/v1/system", NULL, NULL), ==, 200);
}

static void test_more_clients_than_it_serves_wait_their_turn(void)
{
    g_auto(Box) box = {0};
    ServerLimits limits = server_limits;
    limits.max_clients = 2;
    box_init(&box);
    box_serve(&box, &limits);
    Client busy[2] = {{.fd = -1}, {.fd = -1}};
    g_auto(Client) third = {.fd = -1};
    for (int i = 0; i < 2; i++) {
        client_open(&busy[i], &box);
        client_send_text(&busy[i], "GET /v1/sys");
    }
    client_open(&third, &box);
    client_send_text(&third, "GET /v1/system HTTP/1.1\r\nHost: a\r\n\r\n");
    gint64 end_us = g_get_monotonic_time() + G_USEC_PER_SEC / 5;
    while (g_get_monotonic_time() < end_us)
        g_main_context_iteration(NULL, FALSE);
    g_assert_cmpuint((client_is_over(&third), third.got->len), ==, 0);
    client_close(&busy[0]);
    loop_until(client_has(&third, "HTTP/1.1 200"));
    client_close(&busy[1]);
}

/* --- somebody else --- */

/* Credentials are those of the moment of connecting, so one thread can play both. */
static void client_open_as_nobody(Client *client, const Box *box)
{
    g_assert_true(setgroups(0, NULL) == 0 && setegid(NOBODY) == 0 && seteuid(NOBODY) == 0);
    client_open(client, box);
    g_assert_true(seteuid(0) == 0 && setegid(0) == 0);
}

static int ask_as_nobody(const Box *box, const char *method, const char *path)
{
    g_auto(Client) client = {.fd = -1};
    g_autofree char *request =
        g_strdup_printf("%s %s HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", method, path);
    client_open_as_nobody(&client, box);
    client_send_text(&client, request);
    loop_until(client_is_over(&client));
    const char *status = client.got->str + strlen("HTTP/1.1 ");
    if (g_str_has_prefix(status, "403"))
        g_assert_true(client_has(&client, "\"code\":\"denied\"") && client_has(&client, "\"exit\":13"));
    return (int)g_ascii_strtoll(status, NULL, 10);
}

static void try_every_route_as_nobody(void)
{
    g_auto(Box) box = {0};
    box_init(&box);
    put_app(&box, "One", "1.0");
    box_serve(&box, NULL);
    for (gsize i = 0; i < api_n_routes; i++) {
        g_auto(GStrv) parts = g_regex_split_simple("\\{[a-z]+\\}", api_routes[i].pattern, 0, 0);
        g_autofree char *path = g_strjoinv("One", parts);
        g_autofree char *with_query = g_strconcat(path, g_str_equal(path, "/v1/search") ? "?q=x" : "", NULL);
        g_assert_cmpint(ask_as_nobody(&box, api_routes[i].method, with_query), ==,
                        api_routes[i].level == PEER_ANY ? 200 : 403);
    }
    g_assert_true(jobs_is_idle(box.daemon.jobs));
    g_assert_cmpuint(n_spooled(&box), ==, 0);
}

static void fill_the_door_as_nobody(void)
{
    g_auto(Box) box = {0};
    ServerLimits limits = server_limits;
    limits.max_of_one_user = 2;
    box_init(&box);
    box_serve(&box, &limits);
    Client idle[2] = {{.fd = -1}, {.fd = -1}};
    for (int i = 0; i < 2; i++)
        client_open_as_nobody(&idle[i], &box);
    for (int i = 0; i < 10; i++) { /* however often: each is told why, and holds nothing */
        g_auto(Client) third = {.fd = -1};
        client_open_as_nobody(&third, &box);
        loop_until(client_is_over(&third));
        g_assert_true(g_str_has_prefix(third.got->str, "HTTP/1.1 429 Too Many Requests\r\n"));
        g_assert_true(client_has(&third, "\"code\":\"busy\"") && client_has(&third, "\"status\":429"));
    }
    g_assert_cmpint(ask(&box, "GET", "/v1/system", NULL, NULL), ==, 200);
    client_close(&idle[0]);
    g_assert_cmpint(ask(&box, "GET", "/v1/system", NULL, NULL), ==, 200); /* the loop sees it gone */
    g_assert_cmpint(ask_as_nobody(&box, "GET", "/v1/system"), ==, 200);
    client_close(&idle[1]);
}

static void test_one_user_cannot_hold_all_places(void)
{
    if (geteuid() == 0)
        fill_the_door_as_nobody();
    else
        g_test_skip("needs root to be somebody else");
}

static void keep_places_for_root(void)
{
    g_auto(Box) box = {0};
    ServerLimits limits = server_limits;
    limits.max_clients = 3;
    limits.kept_for_root = 2;
    box_init(&box);
    box_serve(&box, &limits);
    g_auto(Client) first = {.fd = -1};
    g_auto(Client) second = {.fd = -1};
    client_open_as_nobody(&first, &box);
    client_open_as_nobody(&second, &box);
    loop_until(client_is_over(&second));
    g_assert_true(client_has(&second, "HTTP/1.1 429"));
    g_assert_cmpint(ask(&box, "GET", "/v1/system", NULL, NULL), ==, 200);
}

static void test_root_always_finds_a_place(void)
{
    if (geteuid() == 0)
        keep_places_for_root();
    else
        g_test_skip("needs root to be somebody else");
}

static void test_a_stranger_may_look_at_status_and_apps_only(void)
{
    if (geteuid() == 0)
        try_every_route_as_nobody();
    else
        g_test_skip("needs root to be somebody else");
}

static void test_members_of_the_group_may_not_ask_for_what_is_roots(void)
{
    static const char *const options[] = {"\"purge\":true", "\"trust_sha256\":\"HEX\"", "\"file\":\"TOKEN\""};
    g_auto(Box) box = {0};
    box_init(&box);
    box_serve(&box, NULL);
    g_autofree char *token = upload(&box, "x");
    g_autofree char *digest = g_strnfill(64, 'a');
    for (gsize i = 0; i < G_N_ELEMENTS(options); i++) {
        g_autofree char *text =
            g_strdup_printf("{\"action\":\"install\",\"apps\":[\"One\"],\"options\":{%s}}", options[i]);
        g_autoptr(GString) body = g_string_new(text);
        g_string_replace(body, "HEX", digest, 0);
        g_string_replace(body, "TOKEN", token, 0);
        g_autoptr(json_t) json = json_loads(body->str, 0, NULL);
        for (int level = PEER_GROUP; level <= PEER_ROOT; level++) {
            g_autoptr(GError) error = NULL;
            ApiReply reply = {0};
            ApiRequest request = {.body = json, .peer = {(PeerLevel)level, 1000}};
            gboolean is_done = api_post_plan(&box.daemon, &request, &reply, &error);
            g_assert_cmpint(is_done, ==, level == PEER_ROOT);
            if (!is_done)
                assert_error(&error, APPCENTER_ERROR_DENIED, "is for root");
            api_reply_clear(&reply);
        }
    }
    loop_until(jobs_is_idle(box.daemon.jobs));
}

static void test_the_door_is_open_to_everybody_and_goes_with_the_daemon(void)
{
    g_auto(Box) box = {0};
    struct stat info;
    box_init(&box);
    box_serve(&box, NULL);
    g_autofree char *path = box_path(&box, SERVER_RUN_DIR "/" SERVER_SOCKET_NAME);
    g_assert_cmpint(lstat(path, &info), ==, 0);
    g_assert_true(S_ISSOCK(info.st_mode));
    g_assert_cmpint(info.st_mode & 0777, ==, 0666);
    server_stop(g_steal_pointer(&box.daemon.server));
    g_assert_cmpint(lstat(path, &info), ==, -1);
    box_serve(&box, NULL); /* and it opens again, over a dead one's socket, too */
    g_assert_cmpint(ask(&box, "GET", "/v1/system", NULL, NULL), ==, 200);
}

void server_tests(void)
{
    g_test_add_func("/server/what_is_asked_is_answered", test_what_is_asked_is_answered);
    g_test_add_func("/server/what_makes_no_sense_is_refused", test_what_makes_no_sense_is_refused);
    g_test_add_func("/server/what_is_no_http_ends_the_connection_and_no_more",
                    test_what_is_no_http_ends_the_connection_and_no_more);
    g_test_add_func("/server/a_body_that_is_too_large_is_refused", test_a_body_that_is_too_large_is_refused);
    g_test_add_func("/server/the_products_own_limit_is_a_megabyte",
                    test_the_products_own_limit_is_a_megabyte);
    g_test_add_func("/server/a_change_becomes_a_job_of_the_admin", test_a_change_becomes_a_job_of_the_admin);
    g_test_add_func("/server/a_dry_run_is_a_plan", test_a_dry_run_is_a_plan);
    g_test_add_func("/server/a_service_verb_names_one_installed_app",
                    test_a_service_verb_names_one_installed_app);
    g_test_add_func("/server/a_repeated_post_gives_the_first_ones_job",
                    test_a_repeated_post_gives_the_first_ones_job);
    g_test_add_func("/server/a_running_job_is_cancelled_over_the_wire",
                    test_a_running_job_is_cancelled_over_the_wire);
    g_test_add_func("/server/holds_and_skips_come_and_go", test_holds_and_skips_come_and_go);
    g_test_add_func("/server/another_first_root_forgets_what_the_old_one_trusted",
                    test_another_first_root_forgets_what_the_old_one_trusted);
    g_test_add_func("/server/a_file_is_sent_named_and_used_up", test_a_file_is_sent_named_and_used_up);
    g_test_add_func("/server/a_file_that_is_too_large_or_breaks_off_leaves_nothing",
                    test_a_file_that_is_too_large_or_breaks_off_leaves_nothing);
    g_test_add_func("/server/a_client_that_drips_is_cut_off", test_a_client_that_drips_is_cut_off);
    g_test_add_func("/server/more_clients_than_it_serves_wait_their_turn",
                    test_more_clients_than_it_serves_wait_their_turn);
    g_test_add_func("/server/one_user_cannot_hold_all_places", test_one_user_cannot_hold_all_places);
    g_test_add_func("/server/root_always_finds_a_place", test_root_always_finds_a_place);
    g_test_add_func("/server/a_stranger_may_look_at_status_and_apps_only",
                    test_a_stranger_may_look_at_status_and_apps_only);
    g_test_add_func("/server/members_of_the_group_may_not_ask_for_what_is_roots",
                    test_members_of_the_group_may_not_ask_for_what_is_roots);
    g_test_add_func("/server/the_door_is_open_to_everybody_and_goes_with_the_daemon",
                    test_the_door_is_open_to_everybody_and_goes_with_the_daemon);
}
