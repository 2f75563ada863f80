/* http.h - one HTTP request at a time over a socket, with a deadline for each part of it.
 *
 * Enough of HTTP/1.1 for a browser, curl and a health probe: a request line, headers, a body of a length told
 * before. Every answer ends the connection. Heads are bounded, and a client that drips bytes meets the deadline.
 */
#ifndef COMMON_HTTP_H
#define COMMON_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HTTP_HEAD_MAX_BYTES 8192

typedef struct {
    int fd;
    int64_t deadline_ms;
    char head[HTTP_HEAD_MAX_BYTES + 1];
    size_t have_bytes;         /* of head[]: the head, and what of the body came with it */
    size_t body_at;            /* where the body begins in head[] */
    const char *method, *path; /* the path is as it was sent: not decoded */
    const char *query;         /* after the "?"; "" when there is none */
    int64_t body_left_bytes;   /* -1: no length was told */
    bool has_length, wants_continue;
} HttpRequest;

/* Reads the head. 0, or the status that it is to be refused with; -1 when the client is gone. */
int http_read_request(HttpRequest *request, int fd);
/* Next bytes of the body; 0 at its end, -1 when the client is gone or too slow. */
ssize_t http_read_body(HttpRequest *request, char *buffer, size_t size);
/* A parameter of the query, percent-decoded and closed with a NUL; its length (it may hold NULs: compare with
 * strlen), or -1 when it is absent, does not fit, or is wrongly encoded. */
ssize_t http_query_value(const HttpRequest *request, const char *key, char *value, size_t size);

void http_send(HttpRequest *request, int status, const char *type, const char *body, size_t length);
/* Text with a line end added. */
void http_send_text(HttpRequest *request, int status, const char *text);
/* A regular file from its beginning to the length that it has now. */
void http_send_file(HttpRequest *request, int file_fd, const char *type);

/* The loop of a server: hands one request after the other to `answer` until a stop is asked for. `round` is called
 * between requests, at least every round_ms; it ends the loop when it returns false. May be NULL. */
bool http_serve(int listen_fd, void (*answer)(HttpRequest *request), bool (*round)(void), int64_t round_ms);

#endif
