/* fetch_server.c - the server of the fetch tests: one connection after the other, in a child of its own. */
#include "fetch_server.h"

#include <arpa/inet.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_BYTES_MAX 8192

static void say(int fd, const char *text)
{
    for (gsize done = 0, len = strlen(text); done < len;) {
        ssize_t n = send(fd, text + done, len - done, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        done += (gsize)n;
    }
}

static void serve_endless(int fd, const char *request)
{
    (void)request;
    g_autofree char *much = g_strnfill(65536, 'x');
    say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    while (send(fd, much, 65536, MSG_NOSIGNAL) > 0)
        continue;
}

static void serve_stall(int fd, const char *request)
{
    (void)request;
    struct pollfd peer = {.fd = fd, .events = POLLRDHUP};
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\n0123");
    poll(&peer, 1, 20000);
}

static void serve_stall_tagged(int fd, const char *request)
{
    (void)request;
    struct pollfd peer = {.fd = fd, .events = POLLRDHUP};
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nETag: \"v1\"\r\nConnection: close\r\n\r\n0123");
    poll(&peer, 1, 20000);
}

static void serve_range(int fd, const char *request)
{
    const char *range = strstr(request, "Range: bytes=");
    int from = 0;
    if (range == NULL || sscanf(range, "Range: bytes=%d-", &from) != 1) {
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\n" BODY);
        return;
    }
    g_autofree char *answer = g_strdup_printf("HTTP/1.1 206 Partial\r\nContent-Range: bytes %d-9/10\r\n"
                                              "Content-Length: %d\r\nConnection: close\r\n\r\n%s",
                                              from, 10 - from, &BODY[from]);
    say(fd, answer);
}

/* Three bytes of what was asked for, and an end that nobody announced. */
static void serve_breaks(int fd, const char *request)
{
    const char *range = strstr(request, "Range: bytes=");
    int from = 0;
    if (range != NULL && sscanf(range, "Range: bytes=%d-", &from) != 1)
        return;
    g_autofree char *part =
        range ? g_strdup_printf("HTTP/1.1 206 Part\r\nContent-Range: bytes %d-9/10\r\n", from)
              : g_strdup("HTTP/1.1 200 OK\r\n");
    g_autofree char *answer =
        g_strdup_printf("%sContent-Length: %d\r\n\r\n%.3s", part, 10 - from, &BODY[from]);
    say(fd, answer);
}

/* Is what it is now, v1; a part of it only for who has the same, or does not say. */
static void serve_tagged(int fd, const char *request)
{
    gboolean is_other =
        strstr(request, "If-Range:") != NULL && strstr(request, "If-Range: \"v1\"\r\n") == NULL;
    serve_range(fd, is_other ? "" : request);
}

static void serve_tagged_blindly(int fd, const char *request)
{
    if (strstr(request, "Range: bytes=4-") == NULL)
        serve_range(fd, request);
    else
        say(fd, "HTTP/1.1 206 Part\r\nETag: \"v1\"\r\nContent-Range: bytes 4-9/10\r\nContent-Length: 6\r\n"
                "Connection: close\r\n\r\n456789");
}

/* Ranges are answered, but not with what was asked for. */
static void serve_wrong_range(int fd, const char *request)
{
    if (strstr(request, "Range:") == NULL)
        serve_range(fd, request);
    else
        say(fd, "HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-9/10\r\nContent-Length: 10\r\n"
                "Connection: close\r\n\r\n" BODY);
}

static void serve_no_range(int fd, const char *request)
{
    if (strstr(request, "Range:") == NULL)
        serve_range(fd, request);
    else
        say(fd, "HTTP/1.1 416 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

static void serve_etag(int fd, const char *request)
{
    if (strstr(request, "If-None-Match: \"v1\"\r\n") != NULL)
        say(fd, "HTTP/1.1 304 Same\r\nETag: \"v1\"\r\nConnection: close\r\n\r\n");
    else
        say(fd, "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
}

static void serve_agent(int fd, const char *request)
{
    const char *agent = strstr(request, "User-Agent: ");
    g_autofree char *value =
        agent != NULL ? g_strndup(agent + 12, strcspn(agent + 12, "\r")) : g_strdup("none");
    gboolean is_bare = strstr(request, "Cookie:") == NULL && strstr(request, "Accept-Encoding:") == NULL;
    g_autofree char *answer = g_strdup_printf("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n%s %s", value,
                                              is_bare ? "bare" : "loaded");
    say(fd, answer);
}

#define TEN                "0123456789"
#define ANSWER(head, body) "HTTP/1.1 " head "\r\nConnection: close\r\n\r\n" body

/* A column for each part would be wider than any screen. */
/* clang-format off */
static const struct {
    const char *path;
    const char *answer;
    void (*serve)(int fd, const char *request);
} routes[] = {
    {"/plain", ANSWER("200 OK\r\nContent-Length: 10\r\nETag: \"v1\"", BODY), NULL},
    {"/a%2Bb/c~d", ANSWER("200 OK\r\nContent-Length: 2", "ok"), NULL},
    {"/empty", ANSWER("200 OK\r\nContent-Length: 0", ""), NULL},
    {"/forbidden", ANSWER("403 No\r\nContent-Type: text/html\r\nContent-Length: 6", "<html>"), NULL},
    {"/broken", ANSWER("500 Oh\r\nContent-Length: 0", ""), NULL},
    {"/busy", ANSWER("503 Later\r\nRetry-After: 120\r\nContent-Length: 0", ""), NULL},
    {"/busy-date", ANSWER("503 Later\r\nRetry-After: Fri, 31 Dec 2100 23:59:59 GMT\r\nContent-Length: 0", ""), NULL},
    {"/loop", ANSWER("302 On\r\nLocation: /loop\r\nContent-Length: 0", ""), NULL},
    {"/moved", ANSWER("301 On\r\nLocation: /plain\r\nContent-Length: 4", "gone"), NULL},
    {"/to-file", ANSWER("302 On\r\nLocation: file:///etc/passwd\r\nContent-Length: 0", ""), NULL},
    {"/to-elsewhere", ANSWER("302 On\r\nLocation: http://192.0.2.1/x\r\nContent-Length: 0", ""), NULL},
    {"/to-hidden", ANSWER("302 On\r\nLocation: /x%0d%0aSet-Cookie:a\r\nContent-Length: 0", ""), NULL},
    {"/to-nowhere", ANSWER("302 On\r\nContent-Length: 0", ""), NULL},
    {"/short", ANSWER("200 OK\r\nContent-Length: 100", BODY), NULL},
    {"/unannounced", ANSWER("200 OK", "0123"), NULL},
    {"/html-type", ANSWER("200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 2", "{}"), NULL},
    {"/html-body", ANSWER("200 OK\r\nContent-Length: 12", " \r\n\t<html>xx"), NULL},
    {"/unasked-part", ANSWER("206 Part\r\nContent-Range: bytes 0-9/10\r\nContent-Length: 10", BODY), NULL},
    {"/long", ANSWER("200 OK\r\nContent-Length: 12", "0123456789ab"), NULL},
    {"/long-unannounced", ANSWER("200 OK", "0123456789ab"), NULL},
    {"/odd-etag", ANSWER("200 OK\r\nETag: \"a b\"\r\nContent-Length: 2", "ok"), NULL},
    {"/garbage", "this is no http", NULL},
    {"/absurd", ANSWER("200 OK\r\nContent-Length: 999999999999999", TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN), NULL},
    {"/too-long-and-short", ANSWER("200 OK\r\nContent-Length: 1000", "012"), NULL},
    {"/marked-page", ANSWER("200 OK\r\nContent-Length: 9", "\xef\xbb\xbf<html>"), NULL},
    {"/squeezed", ANSWER("200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2", "ok"), NULL},
    {"/endless", NULL, serve_endless},
    {"/stall", NULL, serve_stall},
    {"/range", NULL, serve_range},
    {"/breaks", NULL, serve_breaks},
    {"/tagged", NULL, serve_tagged},
    {"/tagged-blindly", NULL, serve_tagged_blindly},
    {"/stall-tagged", NULL, serve_stall_tagged},
    {"/wrong-range", NULL, serve_wrong_range},
    {"/no-range", NULL, serve_no_range},
    {"/etag", NULL, serve_etag},
    {"/agent", NULL, serve_agent},
};
/* clang-format on */

static void answer_request(int fd, const char *request)
{
    g_auto(GStrv) words = g_strsplit(request, " ", 3);
    const char *path = words[0] != NULL && words[1] != NULL ? words[1] : "";
    for (gsize i = 0; i < G_N_ELEMENTS(routes); i++) {
        if (strcmp(routes[i].path, path) != 0)
            continue;
        if (routes[i].serve != NULL)
            routes[i].serve(fd, request);
        else
            say(fd, routes[i].answer);
        return;
    }
    say(fd, ANSWER("404 None\r\nContent-Length: 0", ""));
}

static void serve_one(int fd)
{
    char request[REQUEST_BYTES_MAX + 1];
    gsize len = 0;
    while (len < REQUEST_BYTES_MAX) {
        ssize_t n = recv(fd, request + len, REQUEST_BYTES_MAX - len, 0);
        if (n <= 0)
            return;
        len += (gsize)n;
        request[len] = '\0';
        if (strstr(request, "\r\n\r\n") != NULL) {
            answer_request(fd, request);
            return;
        }
    }
}

pid_t fetch_server_start(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(listener, (struct sockaddr *)&address, len), ==, 0);
    g_assert_cmpint(listen(listener, 8), ==, 0);
    g_assert_cmpint(getsockname(listener, (struct sockaddr *)&address, &len), ==, 0);
    *port = ntohs(address.sin_port);
    pid_t child = fork();
    g_assert_cmpint(child, >=, 0);
    if (child == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test must not leave a server behind */
    while (child == 0) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            _exit(0);
        serve_one(fd);
        close(fd);
    }
    close(listener);
    return child;
}
