/* http.c - reading requests and sending answers; see http.h.
 *
 * Hides the buffer that holds a head and the first bytes of a body, and the slow close that lets a client read its
 * refusal although it was still sending.
 */
#include "http.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service.h"

#define HEAD_TIMEOUT_MS   3000
#define BODY_TIMEOUT_MS   20000
#define REPLY_TIMEOUT_MS  20000
#define STOP_GRACE_MS     2000
#define DRAIN_MS          300
#define LENGTH_MAX_DIGITS 15

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {200, "OK"                             },
    {201, "Created"                        },
    {400, "Bad Request"                    },
    {403, "Forbidden"                      },
    {404, "Not Found"                      },
    {405, "Method Not Allowed"             },
    {408, "Request Timeout"                },
    {411, "Length Required"                },
    {413, "Content Too Large"              },
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"          },
    {503, "Service Unavailable"            },
};

static const char *reason_of(int status)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown";
}

/* ---- the socket ---- */

/* Bytes read, 0 at the end of the stream, -1 on failure or when the deadline has passed (ETIMEDOUT). */
static ssize_t receive(HttpRequest *request, char *buffer, size_t size)
{
    for (;;) {
        ssize_t got = recv(request->fd, buffer, size, 0);
        if (got >= 0 || (errno != EAGAIN && errno != EINTR))
            return got;
        if (!service_wait(request->fd, POLLIN, request->deadline_ms, STOP_GRACE_MS)) {
            errno = ETIMEDOUT;
            return -1;
        }
    }
}

static bool send_all(HttpRequest *request, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(request->fd, data, length, MSG_NOSIGNAL);
        if (sent > 0) {
            data += sent;
            length -= (size_t)sent;
        } else if (errno != EAGAIN && errno != EINTR) {
            return false;
        } else if (!service_wait(request->fd, POLLOUT, request->deadline_ms, STOP_GRACE_MS)) {
            return false;
        }
    }
    return true;
}

/* ---- the head ---- */

/* The head's length with its empty line; 0 when it is not complete yet. */
static size_t head_length(const HttpRequest *request)
{
    const char *end = memmem(request->head, request->have_bytes, "\r\n\r\n", 4);
    return end ? (size_t)(end - request->head) + 4 : 0;
}

static int read_head(HttpRequest *request)
{
    while ((request->body_at = head_length(request)) == 0) {
        size_t room = HTTP_HEAD_MAX_BYTES - request->have_bytes;
        if (room == 0)
            return 431;
        ssize_t got = receive(request, request->head + request->have_bytes, room);
        if (got < 0)
            return errno == ETIMEDOUT ? 408 : -1;
        if (got == 0)
            return -1;
        request->have_bytes += (size_t)got;
    }
    return memchr(request->head, '\0', request->body_at) ? 400 : 0;
}

static bool parse_length(HttpRequest *request, const char *value)
{
    size_t digits = strspn(value, "0123456789");
    if (request->has_length || digits == 0 || digits > LENGTH_MAX_DIGITS || value[digits] != '\0')
        return false;
    request->has_length = true;
    request->body_left_bytes = strtoll(value, NULL, 10);
    return true;
}

static int parse_header(HttpRequest *request, char *line)
{
    char *value = strchr(line, ':');
    if (!value)
        return 400;
    *value++ = '\0';
    value += strspn(value, " \t");
    if (strcasecmp(line, "Content-Length") == 0)
        return parse_length(request, value) ? 0 : 400;
    if (strcasecmp(line, "Transfer-Encoding") == 0)
        return 411;
    if (strcasecmp(line, "Expect") == 0)
        request->wants_continue = strcasecmp(value, "100-continue") == 0;
    return 0;
}

/* Next line without its line end; NULL at the empty line that closes the head. */
static char *next_line(char **cursor)
{
    char *line = *cursor;
    char *end = strstr(line, "\r\n");
    *end = '\0';
    *cursor = end + 2;
    return *line ? line : NULL;
}

static int parse_head(HttpRequest *request)
{
    char *cursor = request->head;
    char *line = next_line(&cursor);
    char *path = line ? strchr(line, ' ') : NULL;
    char *version = path ? strchr(path + 1, ' ') : NULL;
    if (!version || path[1] != '/' || strncmp(version + 1, "HTTP/1.", 7) != 0)
        return 400;
    *path++ = '\0';
    *version = '\0';
    char *query = strchr(path, '?');
    if (query)
        *query++ = '\0';
    request->method = line;
    request->path = path;
    request->query = query ? query : "";
    int refusal = 0;
    while (refusal == 0 && (line = next_line(&cursor)))
        refusal = parse_header(request, line);
    return refusal;
}

int http_read_request(HttpRequest *request, int fd)
{
    *request =
        (HttpRequest){.fd = fd, .body_left_bytes = -1, .deadline_ms = service_now_ms() + HEAD_TIMEOUT_MS};
    int refusal = read_head(request);
    if (refusal == 0)
        refusal = parse_head(request);
    request->deadline_ms = service_now_ms() + BODY_TIMEOUT_MS;
    return refusal;
}

ssize_t http_read_body(HttpRequest *request, char *buffer, size_t size)
{
    if (request->body_left_bytes <= 0)
        return 0;
    if ((int64_t)size > request->body_left_bytes)
        size = (size_t)request->body_left_bytes;
    size_t at_hand = request->have_bytes - request->body_at;
    ssize_t got;
    if (at_hand > 0) {
        got = (ssize_t)(at_hand < size ? at_hand : size);
        memcpy(buffer, request->head + request->body_at, (size_t)got);
        request->body_at += (size_t)got;
    } else {
        if (request->wants_continue && !send_all(request, "HTTP/1.1 100 Continue\r\n\r\n", 25))
            return -1;
        request->wants_continue = false;
        got = receive(request, buffer, size);
        if (got <= 0)
            return -1;
    }
    request->body_left_bytes -= got;
    return got;
}

/* ---- the query ---- */

static int hex_value(char digit)
{
    if (!isxdigit((unsigned char)digit))
        return -1;
    return isdigit((unsigned char)digit) ? digit - '0' : (digit | 0x20) - 'a' + 10;
}

/* One byte of an encoded value, -1 when it is wrongly encoded; moves on to the next. */
static int decode_byte(const char **cursor)
{
    const char *at = *cursor;
    if (*at != '%') {
        *cursor = at + 1;
        return *at == '+' ? ' ' : (unsigned char)*at;
    }
    int high = hex_value(at[1]);
    int low = high >= 0 ? hex_value(at[2]) : -1;
    *cursor = at + 3;
    return low < 0 ? -1 : high * 16 + low;
}

ssize_t http_query_value(const HttpRequest *request, const char *key, char *value, size_t size)
{
    size_t key_length = strlen(key);
    const char *at = request->query;
    while (strncmp(at, key, key_length) != 0 || at[key_length] != '=') {
        at += strcspn(at, "&");
        if (*at++ == '\0')
            return -1;
    }
    size_t length = 0;
    for (at += key_length + 1; *at && *at != '&';) {
        int byte = decode_byte(&at);
        if (byte < 0 || length + 1 >= size)
            return -1;
        value[length++] = (char)byte;
    }
    value[length] = '\0';
    return (ssize_t)length;
}

/* ---- answers ---- */

static bool send_head(HttpRequest *request, int status, const char *type, int64_t length)
{
    char head[512];
    int head_bytes = snprintf(head, sizeof head,
                              "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %lld\r\n"
                              "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
                              status, reason_of(status), type, (long long)length);
    request->deadline_ms = service_now_ms() + REPLY_TIMEOUT_MS;
    return send_all(request, head, (size_t)head_bytes);
}

void http_send(HttpRequest *request, int status, const char *type, const char *body, size_t length)
{
    if (send_head(request, status, type, (int64_t)length))
        send_all(request, body, length);
}

void http_send_text(HttpRequest *request, int status, const char *text)
{
    char line[512];
    int length = snprintf(line, sizeof line, "%s\n", text);
    http_send(request, status, "text/plain; charset=utf-8", line,
              (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
}

void http_send_file(HttpRequest *request, int file_fd, const char *type)
{
    struct stat st;
    if (fstat(file_fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        http_send_text(request, 404, "not a file");
        return;
    }
    off_t at = 0;
    if (!send_head(request, 200, type, st.st_size))
        return;
    while (at < st.st_size) {
        ssize_t sent = sendfile(request->fd, file_fd, &at, (size_t)(st.st_size - at));
        if (sent > 0 || (sent < 0 && errno == EINTR))
            continue;
        if (sent == 0 || errno != EAGAIN ||
            !service_wait(request->fd, POLLOUT, request->deadline_ms, STOP_GRACE_MS))
            return;
    }
}

/* ---- the loop ---- */

/* A close with unread bytes resets the connection and may take the answer with it: read on for a moment. */
static void close_request(HttpRequest *request, bool has_unread)
{
    char bin[4096];
    shutdown(request->fd, SHUT_WR);
    request->deadline_ms = service_now_ms() + DRAIN_MS;
    while (has_unread && service_now_ms() < request->deadline_ms && receive(request, bin, sizeof bin) > 0)
        continue;
    close(request->fd);
}

static void serve_client(int fd, void (*answer)(HttpRequest *request))
{
    static HttpRequest request;
    int refusal = http_read_request(&request, fd);
    if (refusal > 0)
        http_send_text(&request, refusal, reason_of(refusal));
    else if (refusal == 0)
        answer(&request);
    close_request(&request, refusal != 0 || request.body_left_bytes > 0);
}

bool http_serve(int listen_fd, void (*answer)(HttpRequest *request), bool (*round)(void), int64_t round_ms)
{
    while (!service_is_stopping()) {
        if (service_wait(listen_fd, POLLIN, service_now_ms() + round_ms, 0)) {
            int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
            if (fd >= 0)
                serve_client(fd, answer);
        }
        if (round && !service_is_stopping() && !round())
            return false;
    }
    return true;
}
