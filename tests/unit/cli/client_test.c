/* client_test.c - the client against a tiny daemon: a forked child that gives one canned HTTP answer on a Unix socket
 * and writes down what it was asked. */
#include "tests.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
    char *folder, *socket_path, *asked_path;
    pid_t pid;
    Client *client;
} FakeDaemon;

/* In the child: one connection, the request's head and body as far as the answer needs it. */
static void serve(int listener, const char *answer, const char *asked_path)
{
    int fd = accept(listener, NULL, NULL);
    GString *asked = g_string_new(NULL);
    char buffer[4096];
    gsize wanted = G_MAXSIZE;
    while (fd >= 0 && asked->len < wanted) {
        ssize_t n = recv(fd, buffer, sizeof buffer, 0);
        if (n <= 0)
            break;
        g_string_append_len(asked, buffer, n);
        const char *end = strstr(asked->str, "\r\n\r\n"), *length = strstr(asked->str, "Content-Length: ");
        if (end)
            wanted = (gsize)(end - asked->str) + 4 + (length ? g_ascii_strtoull(length + 16, NULL, 10) : 0);
    }
    g_file_set_contents(asked_path, asked->str, (gssize)asked->len, NULL);
    if (send(fd, answer, strlen(answer), MSG_NOSIGNAL) < 0)
        _exit(1);
    close(fd);
    _exit(0);
}

static void fake_start(FakeDaemon *fake, const char *answer)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    fake->folder = g_dir_make_tmp("cli-XXXXXX", NULL);
    g_assert_nonnull(fake->folder);
    fake->socket_path = g_build_filename(fake->folder, "d.sock", NULL);
    fake->asked_path = g_build_filename(fake->folder, "asked", NULL);
    fake->client = client_new(NULL, fake->socket_path);
    fake->pid = 0;
    if (!answer)
        return;
    g_assert_cmpuint(g_strlcpy(address.sun_path, fake->socket_path, sizeof address.sun_path), <,
                     sizeof address.sun_path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(listener, (struct sockaddr *)&address, sizeof address), ==, 0);
    g_assert_cmpint(listen(listener, 4), ==, 0);
    fake->pid = fork();
    g_assert_cmpint(fake->pid, >=, 0);
    if (fake->pid == 0) {
        alarm(20); /* a client that never comes must not leave a child behind */
        serve(listener, answer, fake->asked_path);
    }
    close(listener);
}

/* What it was asked; free with g_free. */
static char *fake_stop(FakeDaemon *fake)
{
    char *asked = NULL;
    if (fake->pid > 0)
        waitpid(fake->pid, NULL, 0);
    g_file_get_contents(fake->asked_path, &asked, NULL, NULL);
    client_free(fake->client);
    g_unlink(fake->asked_path);
    g_unlink(fake->socket_path);
    g_assert_cmpint(g_rmdir(fake->folder), ==, 0);
    g_free(fake->asked_path);
    g_free(fake->socket_path);
    g_free(fake->folder);
    return asked;
}

static void test_answer(void)
{
    FakeDaemon fake;
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) body = json_pack("{s:s}", "action", "upgrade");
    fake_start(&fake, "HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\n{\"job\":7}");
    g_autoptr(json_t) answer = client_request(fake.client, "POST", "/v1/apps", body, &error);
    g_autofree char *asked = fake_stop(&fake);
    g_assert_no_error(error);
    g_assert_cmpint(json_integer_value(json_object_get(answer, "job")), ==, 7);
    g_assert_true(g_str_has_prefix(asked, "POST /v1/apps HTTP/1.1\r\n"));
    g_assert_nonnull(strstr(asked, "Content-Type: application/json\r\n"));
    g_assert_true(g_str_has_suffix(asked, "\r\n\r\n{\"action\":\"upgrade\"}"));
}

static void test_no_content(void)
{
    FakeDaemon fake;
    g_autoptr(GError) error = NULL;
    fake_start(&fake, "HTTP/1.1 204 No Content\r\n\r\n");
    g_autoptr(json_t) answer = client_request(fake.client, "DELETE", "/v1/holds", NULL, &error);
    g_autofree char *asked = fake_stop(&fake);
    g_assert_no_error(error);
    g_assert_true(json_is_object(answer));
    g_assert_cmpuint(json_object_size(answer), ==, 0);
    g_assert_true(g_str_has_prefix(asked, "DELETE /v1/holds HTTP/1.1\r\n"));
}

typedef struct {
    const char *answer;
    AppcenterError kind;
    const char *part;
} Refusal;

static const Refusal refusals[] = {
    {"HTTP/1.1 409 Conflict\r\nConnection: close\r\n\r\n"
     "{\"status\":409,\"detail\":\"PhotoStation needs more\",\"code\":\"conflict\",\"exit\":4}",
     APPCENTER_ERROR_CONFLICT, "PhotoStation needs more"},
    {"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n{\"detail\":\"not yours\",\"code\":\"denied\"}",
     APPCENTER_ERROR_DENIED, "not yours"},
    {"HTTP/1.1 500 Oops\r\nConnection: close\r\n\r\n{\"detail\":\"x\",\"code\":\"of-a-newer-daemon\"}",
     APPCENTER_ERROR_INTERNAL, "x"},
    {"HTTP/1.1 502 Bad\r\nConnection: close\r\n\r\n<html>", APPCENTER_ERROR_INTERNAL, "status 502"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"apps\":[", APPCENTER_ERROR_NO_DAEMON,
     "the daemon's answer"},
    {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"apps\":[", APPCENTER_ERROR_CORRUPT,
     "the daemon's answer"},
    {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"a\":1,\"a\":2}", APPCENTER_ERROR_CORRUPT,
     "the daemon's answer"},
    {"", APPCENTER_ERROR_NO_DAEMON, "the daemon's answer"},
};

static void test_refusals(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(refusals); i++) {
        FakeDaemon fake;
        g_autoptr(GError) error = NULL;
        fake_start(&fake, refusals[i].answer);
        g_autoptr(json_t) answer = client_request(fake.client, "GET", "/v1/apps", NULL, &error);
        g_free(fake_stop(&fake));
        g_assert_null(answer);
        g_assert_error(error, APPCENTER_ERROR, (int)refusals[i].kind);
        if (!strstr(error->message, refusals[i].part))
            g_error("wanted \"%s\", found \"%s\"", refusals[i].part, error->message);
    }
}

static void test_nobody(void)
{
    FakeDaemon fake;
    g_autoptr(GError) error = NULL, no_folder = NULL;
    fake_start(&fake, NULL);
    g_assert_null(client_request(fake.client, "GET", "/v1/system", NULL, &error));
    g_free(fake_stop(&fake));
    g_assert_error(error, APPCENTER_ERROR, APPCENTER_ERROR_NO_DAEMON);
    g_assert_cmpint(error_exit_code(error_kind(error)), ==, 12);
    g_assert_nonnull(strstr(error->message, "start it with"));
    g_autoptr(Client) client = client_new("/nowhere-at-all", NULL);
    g_assert_null(client_request(client, "GET", "/v1/system", NULL, &no_folder));
    g_assert_error(no_folder, APPCENTER_ERROR, APPCENTER_ERROR_NO_DAEMON);
}

static gboolean on_event(json_t *event, gpointer user_data)
{
    g_autofree char *text = json_to_text(event);
    g_string_append(user_data, text);
    return !json_is_true(json_object_get(event, "end"));
}

static gboolean always(gpointer user_data)
{
    return user_data != NULL;
}

static void test_stream(void)
{
    FakeDaemon fake;
    gint64 last_id = 3;
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) got = g_string_new(NULL);
    fake_start(&fake, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
                      "id: 4\ndata: {\"a\":1}\n\n: alive\n\ndata: no json\n\nid: 5\ndata: "
                      "{\"end\":true}\n\nid: 6\ndata: {\"late\":1}\n\n");
    gboolean ok = client_stream(fake.client, "/v1/events?job=7", &last_id, on_event, always, got, &error);
    g_autofree char *asked = fake_stop(&fake);
    g_assert_no_error(error);
    g_assert_true(ok);
    g_assert_cmpstr(got->str, ==, "{\"a\":1}{\"end\":true}");
    g_assert_cmpint(last_id, ==, 5);
    g_assert_nonnull(strstr(asked, "Last-Event-ID: 3\r\n"));
}

static void test_stream_refused(void)
{
    FakeDaemon fake;
    gint64 last_id = 0;
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) got = g_string_new(NULL);
    fake_start(&fake, "HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n{\"detail\":\"no job "
                      "7\",\"code\":\"not-found\"}");
    gboolean ok = client_stream(fake.client, "/v1/events?job=7", &last_id, on_event, always, got, &error);
    g_autofree char *asked = fake_stop(&fake);
    g_assert_false(ok);
    g_assert_error(error, APPCENTER_ERROR, APPCENTER_ERROR_NOT_FOUND);
    g_assert_cmpstr(error->message, ==, "no job 7");
    g_assert_null(strstr(asked, "Last-Event-ID"));
}

static void test_upload(void)
{
    FakeDaemon fake;
    g_autoptr(GError) error = NULL, refused = NULL;
    fake_start(&fake, "HTTP/1.1 201 Created\r\nContent-Length: 14\r\n\r\n{\"file\":\"TOK\"}");
    g_autofree char *file = g_build_filename(fake.folder, "a.qpkg", NULL);
    g_assert_true(g_file_set_contents(file, "bytes", 5, NULL));
    g_assert_null(client_upload(fake.client, fake.folder, &refused));
    g_assert_error(refused, APPCENTER_ERROR, APPCENTER_ERROR_INVALID);
    g_autofree char *token = client_upload(fake.client, file, &error);
    g_unlink(file);
    g_autofree char *asked = fake_stop(&fake);
    g_assert_no_error(error);
    g_assert_cmpstr(token, ==, "TOK");
    g_assert_true(g_str_has_prefix(asked, "POST /v1/files HTTP/1.1\r\n"));
    g_assert_true(g_str_has_suffix(asked, "\r\n\r\nbytes"));
}

static void test_escape(void)
{
    g_autofree char *escaped = client_escape("../a b?c#d&e%");
    g_assert_cmpstr(escaped, ==, "..%2Fa%20b%3Fc%23d%26e%25");
}

void client_tests(void)
{
    g_test_add_func("/client/a_json_answer_is_read", test_answer);
    g_test_add_func("/client/no_content_is_an_empty_object", test_no_content);
    g_test_add_func("/client/a_refusal_is_the_error_that_it_was", test_refusals);
    g_test_add_func("/client/nobody_on_the_socket_is_exit_12", test_nobody);
    g_test_add_func("/client/a_stream_gives_events_and_the_last_id", test_stream);
    g_test_add_func("/client/a_refused_stream_is_an_error", test_stream_refused);
    g_test_add_func("/client/a_file_is_sent_as_bytes_and_a_folder_is_not", test_upload);
    g_test_add_func("/client/a_word_cannot_leave_its_place_in_a_path", test_escape);
}
