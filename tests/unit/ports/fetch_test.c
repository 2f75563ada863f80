/* fetch_test.c - transfers from a small server of our own that behaves as badly as it is asked to. */
#include "ports/fetch_internal.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fetch_server.h"
#include "tests.h"

/* --- what every test has --- */

typedef struct {
    pid_t server;
    int port;
    Fetcher *fetcher;
    char *base;
    const char *bases[3];
    FetchOutcome outcome;
    int fd; /* an empty temporary file */
    gboolean must_cancel;
} Fixture;

static gboolean is_cancelled(gpointer user_data)
{
    return ((Fixture *)user_data)->must_cancel;
}

static void set_up(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(GError) error = NULL;
    FetchConfig config = {.stall_s = 1, .is_cancelled = is_cancelled, .user_data = fixture};
    fixture->server = fetch_server_start(&fixture->port);
    fixture->fetcher = fetcher_new(&config, &error);
    g_assert_no_error(error);
    fixture->base = g_strdup_printf("http://127.0.0.1:%d/", fixture->port);
    fixture->bases[0] = fixture->base;
    FILE *file = tmpfile();
    fixture->fd = dup(fileno(file));
    fclose(file);
}

static void tear_down(Fixture *fixture, gconstpointer data)
{
    (void)data;
    kill(fixture->server, SIGKILL);
    g_assert_cmpint(waitpid(fixture->server, NULL, 0), ==, fixture->server);
    fetcher_free(fixture->fetcher);
    fetch_outcome_clear(&fixture->outcome);
    g_free(fixture->base);
    close(fixture->fd);
}

static char *get(Fixture *fixture, const char *path, gint64 max_bytes, GError **error)
{
    g_autoptr(GBytes) bytes =
        fetch_bytes(fixture->fetcher, fixture->bases, path, max_bytes, FALSE, NULL, &fixture->outcome, error);
    if (bytes == NULL)
        return NULL;
    gsize len = 0;
    const char *text = g_bytes_get_data(bytes, &len);
    return g_strndup(text != NULL ? text : "", len);
}

static gboolean get_file(Fixture *fixture, const char *path, GError **error)
{
    return fetch_to_fd(fixture->fetcher, fixture->bases, path, 10, fixture->fd, NULL, NULL, NULL,
                       &fixture->outcome, error);
}

static void expect_file(const Fixture *fixture, const char *wanted)
{
    char found[100] = "";
    ssize_t n = pread(fixture->fd, found, sizeof found - 1, 0);
    g_assert_cmpint(n, ==, (ssize_t)strlen(wanted));
    g_assert_cmpstr(found, ==, wanted);
}

static void fill_file(const Fixture *fixture, const char *text)
{
    g_assert_cmpint(ftruncate(fixture->fd, 0), ==, 0);
    g_assert_cmpint(pwrite(fixture->fd, text, strlen(text), 0), ==, (ssize_t)strlen(text));
}

/* --- small files --- */

static void test_a_small_file_comes_with_its_tag(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(GError) error = NULL;
    g_autofree char *text = get(fixture, "plain", 10, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(text, ==, BODY);
    g_assert_cmpstr(fixture->outcome.etag, ==, "\"v1\"");
    g_assert_cmpint(fixture->outcome.bytes, ==, 10);
    g_autofree char *empty = get(fixture, "empty", 10, &error);
    g_assert_cmpstr(empty, ==, "");
    g_assert_null(fixture->outcome.etag);
    g_autofree char *escaped = get(fixture, "a+b/c~d", 10, &error);
    g_assert_cmpstr(escaped, ==, "ok");
    g_autofree char *moved = get(fixture, "moved", 10, &error);
    g_assert_cmpstr(moved, ==, BODY);
    g_autofree char *odd = get(fixture, "odd-etag", 10, &error);
    g_assert_cmpstr(odd, ==, "ok");
    g_assert_null(fixture->outcome.etag);
}

static void test_we_say_who_we_are_and_no_more(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(GError) error = NULL;
    g_autofree char *text = get(fixture, "agent", 100, &error);
    g_assert_cmpstr(text, ==, "appcenter/" APPCENTER_VERSION " bare");
}

static void test_bad_answers_are_named(Fixture *fixture, gconstpointer data)
{
    (void)data;
    static const struct {
        const char *path;
        AppcenterError kind;
        const char *part;
    } cases[] = {
        {"broken", APPCENTER_ERROR_NETWORK, " answered 500 to broken"},
        {"meta/none.json", APPCENTER_ERROR_NETWORK, " answered 404 to none.json"},
        {"unasked-part", APPCENTER_ERROR_NETWORK, " answered 206 to unasked-part"},
        {"loop", APPCENTER_ERROR_NETWORK, "more than 5 redirects"},
        {"to-file", APPCENTER_ERROR_NETWORK, "refused: to a file: url"},
        {"to-elsewhere", APPCENTER_ERROR_NETWORK, "plain http to 192.0.2.1"},
        {"to-hidden", APPCENTER_ERROR_NETWORK, "refused: not a plain url"},
        {"to-nowhere", APPCENTER_ERROR_NETWORK, "redirects to-nowhere to nowhere"},
        {"short", APPCENTER_ERROR_NETWORK, "ended short after 10 bytes, shorter than announced"},
        {"html-type", APPCENTER_ERROR_NETWORK, "answered with a web page to html-type (captive portal?)"},
        {"html-body", APPCENTER_ERROR_NETWORK, "answered with a web page to html-body (captive portal?)"},
        {"endless", APPCENTER_ERROR_NETWORK,
         "sent more of endless than the 100 bytes allowed, without an end"},
        {"absurd", APPCENTER_ERROR_NETWORK, "sent more of absurd than the 100 bytes allowed, without an end"},
        {"marked-page", APPCENTER_ERROR_NETWORK, "answered with a web page to marked-page"},
        {"squeezed", APPCENTER_ERROR_NETWORK,
         "answered with squeezed encoded as gzip, which nobody asked for"},
        {"too-long-and-short", APPCENTER_ERROR_NETWORK, "shorter than announced"},
        {"garbage", APPCENTER_ERROR_NETWORK, "garbage: "},
        {"../up", APPCENTER_ERROR_INVALID, "wanted a path below the repository"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(get(fixture, cases[i].path, 100, &error));
        g_assert_nonnull(error);
        g_test_message("%s", error->message);
        if (cases[i].kind == APPCENTER_ERROR_NETWORK)
            g_assert_nonnull(strstr(error->message, "127.0.0.1:"));
        assert_error(&error, cases[i].kind, cases[i].part);
    }
}

static void test_one_byte_more_than_allowed_is_refused(Fixture *fixture, gconstpointer data)
{
    (void)data;
    static const struct {
        const char *path;
        AppcenterError kind;
        const char *part;
    } cases[] = {
        {"plain", APPCENTER_ERROR_UNTRUSTED, "plain is longer than the 9 bytes allowed"},
        {"long-unannounced", APPCENTER_ERROR_NETWORK, "more of long-unannounced than the 11 bytes allowed"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *whole = get(fixture, cases[i].path, 12, &error);
        g_assert_no_error(error);
        g_assert_null(get(fixture, cases[i].path, (gint64)strlen(whole) - 1, &error));
        assert_error(&error, cases[i].kind, cases[i].part);
    }
}

static void test_absence_is_an_answer_where_it_is_allowed(Fixture *fixture, gconstpointer data)
{
    (void)data;
    static const char *const paths[] = {"none", "forbidden"};
    for (gsize i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(fetch_bytes(fixture->fetcher, fixture->bases, paths[i], 10, TRUE, NULL,
                                  &fixture->outcome, &error));
        g_assert_no_error(error);
        g_assert_true(fixture->outcome.is_absent);
    }
    g_autoptr(GError) error = NULL;
    g_assert_null(
        fetch_bytes(fixture->fetcher, fixture->bases, "broken", 10, TRUE, NULL, &fixture->outcome, &error));
    g_assert_false(fixture->outcome.is_absent);
    assert_error(&error, APPCENTER_ERROR_NETWORK, "answered 500");
}

static void test_a_known_tag_spares_the_body(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) same =
        fetch_bytes(fixture->fetcher, fixture->bases, "etag", 10, FALSE, "\"v1\"", &fixture->outcome, &error);
    g_assert_no_error(error);
    g_assert_null(same);
    g_assert_true(fixture->outcome.is_not_modified);
    g_autoptr(GBytes) other =
        fetch_bytes(fixture->fetcher, fixture->bases, "etag", 10, FALSE, "\"v0\"", &fixture->outcome, &error);
    g_assert_nonnull(other);
    g_assert_false(fixture->outcome.is_not_modified);
    g_assert_cmpstr(fixture->outcome.etag, ==, "\"v1\"");
}

static void test_retry_after_is_told_in_seconds(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(GError) error = NULL;
    g_assert_null(get(fixture, "busy", 10, &error));
    assert_error(&error, APPCENTER_ERROR_NETWORK, "answered 503 to busy");
    g_assert_cmpint(fixture->outcome.retry_after_s, ==, 120);
    g_assert_null(get(fixture, "busy-date", 10, &error));
    assert_error(&error, APPCENTER_ERROR_NETWORK, "answered 503");
    g_assert_cmpint(fixture->outcome.retry_after_s, ==, 86400); /* as long as we ever believe */
    g_assert_null(get(fixture, "broken", 10, &error));
    g_assert_cmpint(fixture->outcome.retry_after_s, ==, 0);
}

static void test_a_stalled_server_is_given_up(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(GError) error = NULL;
    gint64 start_us = g_get_monotonic_time();
    g_assert_null(get(fixture, "stall", 10, &error));
    assert_error(&error, APPCENTER_ERROR_NETWORK, "was too slow with stall");
    g_assert_cmpint(g_get_monotonic_time() - start_us, <, 6 * G_USEC_PER_SEC);
}

static void test_a_cancel_ends_the_transfer(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(GError) error = NULL;
    fixture->must_cancel = TRUE;
    g_assert_null(get(fixture, "stall", 10, &error));
    assert_error(&error, APPCENTER_ERROR_CANCELLED, "cancelled while fetching stall");
}

static void test_the_next_mirror_is_tried(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(GError) error = NULL;
    g_autofree char *bad = g_strdup_printf("http://127.0.0.1:%d/nowhere", fixture->port);
    fixture->bases[0] = bad;
    fixture->bases[1] = fixture->base;
    g_autofree char *text = get(fixture, "plain", 10, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(text, ==, BODY);
    g_assert_false(fixture->outcome.is_absent);
    fixture->bases[0] = "http://127.0.0.1:1";
    g_autofree char *again = get(fixture, "plain", 10, &error);
    g_assert_cmpstr(again, ==, BODY);
    g_assert_null(get(fixture, "broken", 10, &error));
    assert_error(&error, APPCENTER_ERROR_NETWORK, "127.0.0.1:1: broken: ");
    fixture->bases[0] = NULL;
    g_assert_null(get(fixture, "plain", 10, &error));
    assert_error(&error, APPCENTER_ERROR_INVALID, "wanted a url");
}

static void test_half_a_file_of_one_mirror_is_no_start_for_another(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(GError) error = NULL;
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    scratch_write(&scratch, "/short", "whole");
    g_autofree char *local = g_strdup_printf("file://%s", scratch.path);
    fixture->bases[1] = local;
    g_autofree char *text = get(fixture, "short", 100, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(text, ==, "whole");
}

/* --- large files --- */

static void note_progress(gint64 done_bytes, gint64 total_bytes, gpointer user_data)
{
    g_assert_cmpint(total_bytes, ==, 10);
    *(gint64 *)user_data = done_bytes;
}

static void test_a_file_is_resumed_where_it_broke_off(Fixture *fixture, gconstpointer data)
{
    (void)data;
    static const struct {
        const char *name, *path, *there;
        gint64 received;
    } cases[] = {
        {"nothing there", "range", "", 10},
        {"a part there", "range", "0123", 6},
        {"all there", "range", BODY, 0},
        {"too much there", "range", "0123456789abc", 10},
        {"ranges are not known", "plain", "xxxx", 10},
        {"another range comes", "wrong-range", "xxxx", 10},
        {"ranges are refused", "no-range", "xxxx", 10},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        gint64 told = -1;
        g_test_message("%s", cases[i].name);
        fill_file(fixture, cases[i].there);
        g_assert_true(fetch_to_fd(fixture->fetcher, fixture->bases, cases[i].path, 10, fixture->fd, NULL,
                                  note_progress, &told, &fixture->outcome, &error));
        g_assert_no_error(error);
        expect_file(fixture, BODY);
        g_assert_cmpint(told, ==, 10);
        g_assert_cmpint(fixture->outcome.bytes, ==, cases[i].received);
    }
}

static void test_a_file_of_another_size_is_refused(Fixture *fixture, gconstpointer data)
{
    (void)data;
    static const struct {
        const char *path;
        AppcenterError kind;
        const char *part;
    } cases[] = {
        {"long", APPCENTER_ERROR_UNTRUSTED, "long has 12 bytes, wanted 10"},
        {"long-unannounced", APPCENTER_ERROR_NETWORK, "more of long-unannounced than the 10 bytes allowed"},
        {"endless", APPCENTER_ERROR_NETWORK, "without an end"},
        {"too-long-and-short", APPCENTER_ERROR_NETWORK, "shorter than announced"},
        {"empty", APPCENTER_ERROR_NETWORK, "ended empty after 0 of 10 bytes"},
        {"unannounced", APPCENTER_ERROR_NETWORK, "ended unannounced after 4 of 10 bytes"},
        {"stall", APPCENTER_ERROR_NETWORK, "too slow"},
        {"html-body", APPCENTER_ERROR_NETWORK, "answered with a web page to html-body"},
        {"none", APPCENTER_ERROR_NETWORK, "answered 404 to none"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        fill_file(fixture, "");
        g_assert_false(get_file(fixture, cases[i].path, &error));
        assert_error(&error, cases[i].kind, cases[i].part);
    }
}

/* Each answer of this server breaks off after three bytes more. */
static void test_a_connection_that_breaks_is_resumed_at_once(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(GError) error = NULL;
    g_assert_true(get_file(fixture, "breaks", &error));
    g_assert_no_error(error);
    expect_file(fixture, BODY);
    g_assert_true(fixture->outcome.is_pieced);
    g_assert_cmpint(fixture->outcome.bytes, ==, 10);
}

static void test_a_part_goes_on_only_as_what_it_was(Fixture *fixture, gconstpointer data)
{
    (void)data;
    static const struct {
        const char *name, *path, *tag;
        gint64 received;
        gboolean is_pieced;
    } cases[] = {
        {"the same", "tagged", "\"v1\"", 6, TRUE},
        {"another one by now", "tagged", "\"v0\"", 10, FALSE},
        {"no name", "tagged", NULL, 6, TRUE},
        {"another one, but sent as a part", "tagged-blindly", "\"v0\"", 10, FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *tag =
            cases[i].tag ? g_strdup_printf("127.0.0.1:%d %s", fixture->port, cases[i].tag) : NULL;
        g_test_message("%s", cases[i].name);
        fill_file(fixture, "0123");
        g_assert_true(fetch_to_fd(fixture->fetcher, fixture->bases, cases[i].path, 10, fixture->fd, tag, NULL,
                                  NULL, &fixture->outcome, &error));
        g_assert_no_error(error);
        expect_file(fixture, BODY);
        g_assert_cmpint(fixture->outcome.bytes, ==, cases[i].received);
        g_assert_cmpint(fixture->outcome.is_pieced, ==, cases[i].is_pieced);
    }
    /* the tag of another place says nothing here */
    g_autoptr(GError) error = NULL;
    fill_file(fixture, "0123");
    g_assert_true(fetch_to_fd(fixture->fetcher, fixture->bases, "tagged", 10, fixture->fd,
                              "127.0.0.1:1 \"v0\"", NULL, NULL, &fixture->outcome, &error));
    g_assert_cmpint(fixture->outcome.bytes, ==, 6);
}

static void test_a_part_is_left_with_its_tag(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(GError) error = NULL;
    g_autofree char *tag = g_strdup_printf("127.0.0.1:%d \"v1\"", fixture->port);
    g_assert_false(get_file(fixture, "stall-tagged", &error));
    assert_error(&error, APPCENTER_ERROR_NETWORK, "too slow");
    g_assert_cmpstr(fixture->outcome.resume_tag, ==, tag);
    expect_file(fixture, "0123");
    /* a web page in between changes neither the part nor its tag */
    g_assert_false(fetch_to_fd(fixture->fetcher, fixture->bases, "html-type", 10, fixture->fd, tag, NULL,
                               NULL, &fixture->outcome, &error));
    assert_error(&error, APPCENTER_ERROR_NETWORK, "web page");
    g_assert_cmpstr(fixture->outcome.resume_tag, ==, tag);
    expect_file(fixture, "0123");
}

static void test_another_mirror_goes_on_where_one_broke_off(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(GError) error = NULL;
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    scratch_write(&scratch, "/unannounced", BODY);
    g_autofree char *local = g_strdup_printf("file://%s", scratch.path);
    fixture->bases[1] = local;
    g_assert_true(get_file(fixture, "unannounced", &error));
    g_assert_no_error(error);
    expect_file(fixture, BODY);
    g_assert_cmpint(fixture->outcome.bytes, ==,
                    14); /* the first mirror was asked twice: it knows no ranges */
}

/* TUF's names of files come quoted: "?" is asked for as %3F, and not as %253F. */
static void test_a_quoted_path_is_not_quoted_twice(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = fetch_bytes_quoted(fixture->fetcher, fixture->bases, "a%2Bb/c~d", 10, FALSE,
                                                 NULL, &fixture->outcome, &error);
    g_assert_no_error(error);
    g_assert_cmpmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), "ok", 2);
}

/* --- file: --- */

/* In a folder "..%2Fx" would be another folder. */
static void test_a_quoted_path_cannot_leave_a_folder(Fixture *fixture, gconstpointer data)
{
    (void)data;
    static const char *const bad[] = {"..%2Fx", "%2e%2e/x", "a%2F..%2F..%2Fx", "a/%00", "%2Fx"};
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    scratch_write(&scratch, "/x", BODY);
    scratch_write(&scratch, "/repo/a?", BODY);
    g_autofree char *base = g_strdup_printf("file://%s/repo", scratch.path);
    fixture->bases[0] = base;
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(fetch_bytes_quoted(fixture->fetcher, fixture->bases, bad[i], 10, TRUE, NULL,
                                         &fixture->outcome, &error));
        assert_error(&error, APPCENTER_ERROR_INVALID, "wanted a path below the repository");
    }
    g_autoptr(GBytes) bytes = fetch_bytes_quoted(fixture->fetcher, fixture->bases, "a%3F", 10, FALSE, NULL,
                                                 &fixture->outcome, NULL);
    g_assert_nonnull(bytes);
}

static void test_a_folder_is_a_repository_too(Fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(GError) error = NULL;
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    scratch_write(&scratch, "/a b/x+y", BODY);
    g_autofree char *base = g_strdup_printf("file://%s/a%%20b/", scratch.path);
    fixture->bases[0] = base;
    g_autofree char *text = get(fixture, "x+y", 10, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(text, ==, BODY);
    g_assert_null(get(fixture, "x+y", 9, &error));
    assert_error(&error, APPCENTER_ERROR_UNTRUSTED, "longer than the 9 bytes");
    g_assert_null(get(fixture, "none", 9, &error));
    assert_error(&error, APPCENTER_ERROR_NETWORK, "No such file");
    g_assert_null(
        fetch_bytes(fixture->fetcher, fixture->bases, "none", 10, TRUE, NULL, &fixture->outcome, &error));
    g_assert_no_error(error);
    g_assert_true(fixture->outcome.is_absent);
    fill_file(fixture, "0123");
    g_assert_true(get_file(fixture, "x+y", &error));
    expect_file(fixture, BODY);
    g_assert_cmpint(fixture->outcome.bytes, ==, 6);
    g_autofree char *up = g_strdup_printf("file://%s", scratch.path);
    fixture->bases[0] = up;
    g_assert_null(get(fixture, "a b", 10, &error));
    assert_error(&error, APPCENTER_ERROR_NETWORK, "wanted a regular file");
}

/* --- urls --- */

static void test_only_safe_urls_are_allowed(void)
{
    static const struct {
        const char *url;
        gboolean is_allowed, is_allowed_with_http;
    } cases[] = {
        {"https://updates.example/repo", TRUE, TRUE},
        {"HTTPS://updates.example", TRUE, TRUE},
        {"https://127.0.0.1/", TRUE, TRUE},
        {"http://127.0.0.1:8080/x", TRUE, TRUE},
        {"http://127.9.9.9/x", TRUE, TRUE},
        {"http://localhost/x", TRUE, TRUE},
        {"http://[::1]:80/x", TRUE, TRUE},
        {"http://updates.example", FALSE, TRUE},
        {"http://127.0.0.1.example/", FALSE, TRUE},
        {"http://127.0.0.1@evil.example/", FALSE, TRUE},
        {"http://localhost.example/", FALSE, TRUE},
        {"file:///srv/repo", TRUE, TRUE},
        {"ftp://x/", FALSE, FALSE},
        {"gopher://127.0.0.1/", FALSE, FALSE},
        {"file://server/share", FALSE, FALSE},
        {"https://a b/", FALSE, FALSE},
        {"https://a/\r\nX: y", FALSE, FALSE},
        {"https://a/%0d%0aX", FALSE, FALSE},
        {"relative/path", FALSE, FALSE},
        {"", FALSE, FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_test_message("%s", cases[i].url);
        g_assert_cmpint(fetch_url_is_allowed(cases[i].url, FALSE, &error), ==, cases[i].is_allowed);
        if (!cases[i].is_allowed)
            assert_error(&error, APPCENTER_ERROR_REFUSED, "");
        g_assert_cmpint(fetch_url_is_allowed(cases[i].url, TRUE, NULL), ==, cases[i].is_allowed_with_http);
    }
}

static void test_redirects_lead_to_the_same_or_a_safer_place(void)
{
    static const struct {
        const char *from, *to;
        gboolean allow_http, is_allowed;
    } cases[] = {
        {"https://a.example/x", "https://b.example/y", FALSE, TRUE},
        {"https://a.example/x", "http://a.example/x", TRUE, FALSE},
        {"https://a.example/x", "http://127.0.0.1/x", FALSE, FALSE},
        {"https://a.example/x", "https://127.0.0.1/x", FALSE, FALSE},
        {"https://a.example/x", "file:///etc/passwd", FALSE, FALSE},
        {"http://127.0.0.1/x", "http://127.0.0.1:90/y", FALSE, TRUE},
        {"http://127.0.0.1/x", "https://a.example/y", FALSE, TRUE},
        {"http://127.0.0.1/x", "http://a.example/y", TRUE, FALSE},
        {"http://127.0.0.1/x", "http://a.example/y", FALSE, FALSE},
        {"http://a.example/x", "http://b.example/y", TRUE, TRUE},
        {"http://a.example/x", "https://b.example/y", TRUE, TRUE},
        {"http://127.0.0.1/x", "ftp://127.0.0.1/y", TRUE, FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_test_message("%s -> %s", cases[i].from, cases[i].to);
        g_assert_cmpint(fetch_redirect_is_allowed(cases[i].from, cases[i].to, cases[i].allow_http, &error),
                        ==, cases[i].is_allowed);
        if (!cases[i].is_allowed)
            assert_error(&error, APPCENTER_ERROR_NETWORK, "");
    }
}

static void test_messages_never_show_credentials(void)
{
    g_autofree char *place = fetch_url_place("https://user:secret@updates.example:8443/repo?token=1");
    g_assert_cmpstr(place, ==, "updates.example:8443");
}

#define ADD(path, test) g_test_add("/fetch/" path, Fixture, NULL, set_up, test, tear_down)

void fetch_tests(void)
{
    ADD("a_small_file_comes_with_its_tag", test_a_small_file_comes_with_its_tag);
    ADD("we_say_who_we_are_and_no_more", test_we_say_who_we_are_and_no_more);
    ADD("bad_answers_are_named", test_bad_answers_are_named);
    ADD("one_byte_more_than_allowed_is_refused", test_one_byte_more_than_allowed_is_refused);
    ADD("absence_is_an_answer_where_it_is_allowed", test_absence_is_an_answer_where_it_is_allowed);
    ADD("a_known_tag_spares_the_body", test_a_known_tag_spares_the_body);
    ADD("retry_after_is_told_in_seconds", test_retry_after_is_told_in_seconds);
    ADD("a_stalled_server_is_given_up", test_a_stalled_server_is_given_up);
    ADD("a_cancel_ends_the_transfer", test_a_cancel_ends_the_transfer);
    ADD("the_next_mirror_is_tried", test_the_next_mirror_is_tried);
    ADD("half_a_file_of_one_mirror_is_no_start_for_another",
        test_half_a_file_of_one_mirror_is_no_start_for_another);
    ADD("a_file_is_resumed_where_it_broke_off", test_a_file_is_resumed_where_it_broke_off);
    ADD("a_file_of_another_size_is_refused", test_a_file_of_another_size_is_refused);
    ADD("another_mirror_goes_on_where_one_broke_off", test_another_mirror_goes_on_where_one_broke_off);
    ADD("a_quoted_path_is_not_quoted_twice", test_a_quoted_path_is_not_quoted_twice);
    ADD("a_quoted_path_cannot_leave_a_folder", test_a_quoted_path_cannot_leave_a_folder);
    ADD("a_connection_that_breaks_is_resumed_at_once", test_a_connection_that_breaks_is_resumed_at_once);
    ADD("a_part_goes_on_only_as_what_it_was", test_a_part_goes_on_only_as_what_it_was);
    ADD("a_part_is_left_with_its_tag", test_a_part_is_left_with_its_tag);
    ADD("a_folder_is_a_repository_too", test_a_folder_is_a_repository_too);
    g_test_add_func("/fetch/only_safe_urls_are_allowed", test_only_safe_urls_are_allowed);
    g_test_add_func("/fetch/redirects_lead_to_the_same_or_a_safer_place",
                    test_redirects_lead_to_the_same_or_a_safer_place);
    g_test_add_func("/fetch/messages_never_show_credentials", test_messages_never_show_credentials);
}
