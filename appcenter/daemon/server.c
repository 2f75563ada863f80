/* server.c - requests in, replies out; see server.h. Lifecycle of a request: on_connection makes a Client
 * (peer, deadline), on_request is called by MHD with headers, then with pieces of the body, then with none:
 * then the handler runs. */
#include "daemon/server.h"

#include <fcntl.h>
#include <glib-unix.h>
#include <microhttpd.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/api.h"
#include "daemon/problem.h"
#include "daemon/spool.h"

#define SERVER_IDLE_S 60

const ServerLimits server_limits = {
    .max_clients = 64,
    .max_of_one_user = 24,
    .kept_for_root = 16,
    .max_body_bytes = 1024 * 1024,
    .max_file_bytes = G_GINT64_CONSTANT(4) << 30,
    .deadline_s = 30,
    .file_deadline_s = 3600,
};

struct Server {
    Daemon *daemon;
    ServerLimits limits;
    struct MHD_Daemon *http;
    GPtrArray *clients; /* Client*, not owned */
    int run_dir_fd;
    guint epoll_source, timeout_source;
    gboolean is_in_run, run_again; /* MHD_run must not be entered twice */
};

/* A connection, from accept to close. */
typedef struct {
    Peer peer;
    int fd;
    guint deadline_source;
} Client;

/* One request on it. */
typedef struct {
    const ApiRoute *route;
    char *name;
    GByteArray *body;
    char *file_token;
    int file_fd;
    gint64 n_bytes; /* of the body so far */
    GError
        *refusal; /* why the rest of the body is dropped; told when it has arrived, MHD allows it no sooner */
    int refusal_status; /* 0: the error's own */
    gboolean is_answered;
} Pending;

static gboolean on_deadline(gpointer user_data)
{
    Client *client = user_data;
    client->deadline_source = 0;
    shutdown(client->fd, SHUT_RDWR);
    return G_SOURCE_REMOVE;
}

static void client_set_deadline(Client *client, guint seconds)
{
    if (client->deadline_source)
        g_source_remove(client->deadline_source);
    client->deadline_source = seconds ? g_timeout_add_seconds(seconds, on_deadline, client) : 0;
}

/* Who connects and says nothing holds a place for as long as a request may take: nobody but root may hold all. */
static gboolean is_one_too_many(const Server *server, const Client *client)
{
    guint of_user = 0, of_all = 0;
    if (client->peer.level == PEER_ROOT)
        return FALSE;
    for (guint i = 0; i < server->clients->len; i++) {
        const Client *other = server->clients->pdata[i];
        of_user += other->peer.level != PEER_ROOT && other->peer.uid == client->peer.uid;
        of_all += other->peer.level != PEER_ROOT;
    }
    return of_user >= server->limits.max_of_one_user ||
           of_all + server->limits.kept_for_root >= server->limits.max_clients;
}

/* Before anything is read, so past libmicrohttpd; whoever does not read it is closed all the same. */
static void turn_away(const Client *client)
{
    int status;
    g_autoptr(GError) error = NULL;
    error_set(&error, APPCENTER_ERROR_BUSY, "too many connections of this user");
    g_autoptr(json_t) document = problem_document(error, MHD_HTTP_TOO_MANY_REQUESTS, &status);
    g_autofree char *body = json_to_text(document);
    g_autofree char *answer = g_strdup_printf("HTTP/1.1 %d %s\r\nContent-Type: application/problem+json\r\n"
                                              "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
                                              status, problem_title(status), strlen(body), body);
    (void)!send(client->fd, answer, strlen(answer), MSG_DONTWAIT | MSG_NOSIGNAL);
    shutdown(client->fd, SHUT_RDWR);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    Server *server = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        Client *client = g_new0(Client, 1);
        client->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        client->peer = peer_of_socket(client->fd, root_dir_is_private(server->daemon->root));
        client_set_deadline(client, server->limits.deadline_s);
        *socket_context = client;
        if (is_one_too_many(server, client))
            turn_away(client);
        else
            g_ptr_array_add(server->clients, client);
    } else if (*socket_context) {
        g_ptr_array_remove_fast(server->clients, *socket_context);
        client_set_deadline(*socket_context, 0);
        g_clear_pointer(socket_context, g_free);
        server->run_again = TRUE; /* at its limit MHD listens again no sooner than in its next run */
    }
}

static Client *client_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* --- answers --- */

static enum MHD_Result send_response(struct MHD_Connection *connection, int status,
                                     struct MHD_Response *response, const char *content_type)
{
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_text(struct MHD_Connection *connection, int status, const char *text,
                                 const char *content_type)
{
    return send_response(connection, status,
                         MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_MUST_COPY),
                         content_type);
}

static enum MHD_Result send_json(struct MHD_Connection *connection, int status, const json_t *json,
                                 const char *content_type)
{
    g_autofree char *text = json ? json_to_text(json) : g_strdup("");
    return send_text(connection, status, text, content_type);
}

static enum MHD_Result send_problem(struct MHD_Connection *connection, const GError *error, int http_status)
{
    int status;
    g_autoptr(json_t) document = problem_document(error, http_status, &status);
    return send_json(connection, status, document, "application/problem+json");
}

static enum MHD_Result send_error(struct MHD_Connection *connection, const GError *error)
{
    return send_problem(connection, error, 0);
}

static enum MHD_Result send_refusal(struct MHD_Connection *connection, int status, const char *detail)
{
    AppcenterError kind = status == 404   ? APPCENTER_ERROR_NOT_FOUND
                          : status == 429 ? APPCENTER_ERROR_BUSY
                                          : APPCENTER_ERROR_INVALID;
    g_autoptr(GError) error = g_error_new_literal(APPCENTER_ERROR, kind, detail);
    return send_problem(connection, error, status);
}

/* --- requests --- */

static void drop_spool(Server *server, Pending *pending)
{
    fd_close(pending->file_fd);
    pending->file_fd = -1;
    if (pending->file_token)
        spool_remove(server->daemon->root, pending->file_token);
    g_clear_pointer(&pending->file_token, g_free);
}

static gint64 max_bytes_of(const Server *server, const ApiRoute *route)
{
    return route->body == API_BODY_FILE ? server->limits.max_file_bytes
                                        : (gint64)server->limits.max_body_bytes;
}

/* What the client says itself of the length; what it then sends is counted, too. */
static gboolean says_too_much(const Server *server, struct MHD_Connection *connection, const ApiRoute *route)
{
    const char *text =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return text && g_ascii_strtoull(text, NULL, 10) > (guint64)max_bytes_of(server, route);
}

static enum MHD_Result begin_request(Server *server, struct MHD_Connection *connection, const char *url,
                                     const char *method, Pending *pending)
{
    int status;
    g_autoptr(GError) error = NULL;
    Client *client = client_of(connection);
    pending->route = api_find(method, url, &pending->name, &status);
    pending->is_answered = TRUE;
    if (!pending->route)
        return send_refusal(connection, status,
                            status == 405 ? "this path has no such method" : "no such path");
    if (!api_is_permitted(pending->route, &client->peer, &error) ||
        !api_may_change(server->daemon, pending->route, &error))
        return send_error(connection, error);
    if (says_too_much(server, connection, pending->route))
        return send_refusal(connection, 413, "the body is too large");
    if (pending->route->body == API_BODY_FILE) {
        client_set_deadline(client, server->limits.file_deadline_s);
        pending->file_fd = spool_create(server->daemon->root, &pending->file_token, &error);
        if (pending->file_fd < 0)
            return send_error(connection, error);
    }
    pending->is_answered = FALSE;
    return MHD_YES;
}

static void take_body(Server *server, Pending *pending, const char *data, size_t len)
{
    if (pending->refusal)
        return;
    pending->n_bytes += (gint64)len;
    if (pending->n_bytes > max_bytes_of(server, pending->route)) {
        error_set(&pending->refusal, APPCENTER_ERROR_INVALID, "the body is too large");
        pending->refusal_status = 413;
    } else if (pending->route->body == API_BODY_FILE) {
        (void)!files_write_all(pending->file_fd, data, len, &pending->refusal);
    } else {
        g_byte_array_append(pending->body, (const guint8 *)data, (guint)len);
    }
    if (pending->refusal && pending->route->body == API_BODY_FILE)
        drop_spool(server, pending);
}

static enum MHD_Result add_query(void *cls, enum MHD_ValueKind kind, const char *key, const char *value)
{
    (void)kind;
    g_hash_table_insert(cls, g_strdup(key), g_strdup(value));
    return MHD_YES;
}

static enum MHD_Result open_stream(Server *server, struct MHD_Connection *connection,
                                   const ApiRequest *request, const ApiReply *reply)
{
    struct MHD_Response *response =
        events_open(server->daemon->events, connection, request->peer.uid, request->last_event_id,
                    reply->stream_job, reply->stream_is_over);
    if (!response)
        return send_refusal(connection, 429, "too many event streams of this user");
    return send_response(connection, 200, response, "text/event-stream");
}

static enum MHD_Result run_handler(Server *server, struct MHD_Connection *connection, const Pending *pending,
                                   const ApiRequest *request)
{
    g_autoptr(GError) error = NULL;
    ApiReply reply = {0};
    enum MHD_Result result;
    if (!pending->route->handler(server->daemon, request, &reply, &error)) {
        if (!error)
            error_set(&error, APPCENTER_ERROR_INTERNAL, "%s %s failed without a reason",
                      pending->route->method, pending->route->pattern);
        if (error_kind(error) == APPCENTER_ERROR_INTERNAL)
            log_error("api", "%s", error->message);
        result = send_error(connection, error);
    } else if (pending->route->body == API_BODY_STREAM) {
        result = open_stream(server, connection, request, &reply);
    } else if (reply.text) {
        result = send_text(connection, reply.status, reply.text, "text/plain; version=0.0.4; charset=utf-8");
    } else {
        result = send_json(connection, reply.status, reply.json, "application/json");
    }
    api_reply_clear(&reply);
    return result;
}

/* The body as an object: 400 says what was wrong. An empty one is an empty object: POST /v1/refresh needs
 * to say nothing. */
static json_t *parse_body(const Pending *pending, GError **error)
{
    g_autoptr(GError) cause = NULL;
    if (pending->body->len == 0)
        return json_object();
    g_autoptr(json_t) body = json_parse_strict(pending->body->data, pending->body->len, 32, TRUE, &cause);
    if (json_is_object(body))
        return g_steal_pointer(&body);
    error_set(error, APPCENTER_ERROR_INVALID, "the body: %s", cause ? cause->message : "wanted an object");
    return NULL;
}

static gint64 last_event_id(struct MHD_Connection *connection)
{
    gint64 id = 0;
    const char *text = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Last-Event-ID");
    return text && g_ascii_string_to_signed(text, 10, 0, G_MAXINT64, &id, NULL) ? id : 0;
}

static enum MHD_Result finish_request(Server *server, struct MHD_Connection *connection, const char *url,
                                      Pending *pending)
{
    g_autoptr(GError) error = NULL;
    Client *client = client_of(connection);
    client_set_deadline(client, pending->route->body == API_BODY_STREAM ? 0 : server->limits.deadline_s);
    if (pending->refusal)
        return send_problem(connection, pending->refusal, pending->refusal_status);
    g_autoptr(GHashTable) query = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, add_query, query);
    ApiRequest request = {.path = url,
                          .name = pending->name,
                          .query = query,
                          .idempotency_key =
                              MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Idempotency-Key"),
                          .file_token = pending->file_token,
                          .last_event_id = last_event_id(connection),
                          .peer = client->peer};
    g_autoptr(json_t) body = NULL;
    if (request.idempotency_key &&
        (strlen(request.idempotency_key) > 200 || !g_str_is_ascii(request.idempotency_key)))
        return send_refusal(connection, 400, "Idempotency-Key: wanted at most 200 ASCII characters");
    if (pending->route->body == API_BODY_JSON) {
        body = parse_body(pending, &error);
        if (!body)
            return send_error(connection, error);
        request.body = body;
    } else if (pending->route->body == API_BODY_FILE) {
        fd_close(pending->file_fd);
        pending->file_fd = -1;
    }
    return run_handler(server, connection, pending, &request);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload_data,
                                  size_t *upload_len, void **context)
{
    (void)version;
    Server *server = cls;
    Pending *pending = *context;
    if (!pending) {
        *context = pending = g_new0(Pending, 1);
        pending->body = g_byte_array_new();
        pending->file_fd = -1;
        return begin_request(server, connection, url, method, pending);
    }
    if (pending->is_answered) {
        *upload_len = 0;
        return MHD_YES;
    }
    if (*upload_len > 0) {
        take_body(server, pending, upload_data, *upload_len);
        *upload_len = 0;
        return MHD_YES;
    }
    pending->is_answered = TRUE;
    return finish_request(server, connection, url, pending);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code)
{
    (void)connection;
    (void)code;
    Server *server = cls;
    Pending *pending = *context;
    *context = NULL;
    daemon_rest_soon(server->daemon);
    if (!pending)
        return;
    if (pending->file_fd >= 0) /* it never arrived whole */
        drop_spool(server, pending);
    g_clear_error(&pending->refusal);
    g_free(pending->name);
    g_free(pending->file_token);
    g_byte_array_unref(pending->body);
    g_free(pending);
}

/* --- the loop --- */

static gboolean on_timeout(gpointer user_data)
{
    Server *server = user_data;
    server->timeout_source = 0;
    server_run(server);
    return G_SOURCE_REMOVE;
}

void server_run(Server *server)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;
    server->run_again = TRUE;
    if (server->is_in_run) /* a handler published an event: the loop below sees it */
        return;
    server->is_in_run = TRUE;
    while (server->run_again) {
        server->run_again = FALSE;
        MHD_run(server->http);
    }
    server->is_in_run = FALSE;
    if (server->timeout_source)
        g_source_remove(server->timeout_source);
    server->timeout_source = 0;
    if (MHD_get_timeout(server->http, &wait_ms) == MHD_YES)
        server->timeout_source = g_timeout_add((guint)MIN(wait_ms, G_MAXINT), on_timeout, server);
}

static gboolean on_epoll(gint fd, GIOCondition condition, gpointer user_data)
{
    (void)fd;
    (void)condition;
    server_run(user_data);
    return G_SOURCE_CONTINUE;
}

/* Bound through /proc/self/fd/N: sun_path has 108 bytes, and a root may lie deep. */
static int listen_socket(Server *server, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", server->run_dir_fd,
               SERVER_SOCKET_NAME);
    g_auto(Fd) fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_set_errno(error, "cannot make a socket"), -1;
    /* The daemon's lock is held: a socket that is there is a dead daemon's. */
    unlinkat(server->run_dir_fd, SERVER_SOCKET_NAME, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0)
        return error_set_errno(error, "cannot bind " SERVER_RUN_DIR "/" SERVER_SOCKET_NAME), -1;
    if (fchmodat(server->run_dir_fd, SERVER_SOCKET_NAME, 0666, 0) != 0)
        return error_set_errno(error, "cannot open the socket to everybody"), -1;
    /* A client that does not want to block is turned away by the kernel when the queue is full. */
    if (listen(fd, SOMAXCONN) != 0)
        return error_set_errno(error, "cannot listen"), -1;
    return fd_steal(&fd);
}

static void on_http_log(void *cls, const char *format, va_list arguments) G_GNUC_PRINTF(2, 0);
static void on_http_log(void *cls, const char *format, va_list arguments)
{
    (void)cls;
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    log_debug("http", "%s", g_strchomp(text));
}

/* A NUL would end a path or a value early, and what is asked for would be something else: it becomes a control character,
 * which nothing is named by. */
static size_t unescape(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls;
    (void)connection;
    for (char *nul = text; (nul = strstr(nul, "%00")) != NULL; nul += 3)
        nul[2] = '1';
    return MHD_http_unescape(text);
}

static struct MHD_Daemon *start_http(Server *server, int listen_fd, GError **error)
{
    struct MHD_Daemon *http = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, server,
        MHD_OPTION_EXTERNAL_LOGGER, on_http_log, NULL, MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL,
        MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_CONNECTION_LIMIT, server->limits.max_clients,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SERVER_IDLE_S, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)65536, MHD_OPTION_END);
    if (!http)
        error_set(error, APPCENTER_ERROR_INTERNAL, "the HTTP server does not start");
    return http;
}

Server *server_start(Daemon *daemon, const ServerLimits *limits, GError **error)
{
    if (!root_dir_make_dirs(daemon->root, SERVER_RUN_DIR, 0755, error))
        return NULL;
    Server *server = g_new0(Server, 1);
    server->daemon = daemon;
    server->limits = *limits;
    server->clients = g_ptr_array_new();
    server->run_dir_fd = root_dir_openat(daemon->root, SERVER_RUN_DIR, O_RDONLY | O_DIRECTORY, 0, error);
    int fd = server->run_dir_fd < 0 ? -1 : listen_socket(server, error);
    if (fd >= 0)
        server->http = start_http(server, fd, error);
    if (!server->http) {
        fd_close(fd);
        fd_close(server->run_dir_fd);
        g_ptr_array_unref(server->clients);
        g_free(server);
        return NULL;
    }
    int epoll_fd = MHD_get_daemon_info(server->http, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    server->epoll_source = g_unix_fd_add(epoll_fd, G_IO_IN, on_epoll, server);
    server_run(server);
    return server;
}

void server_stop(Server *server)
{
    if (!server)
        return;
    if (server->timeout_source)
        g_source_remove(server->timeout_source);
    g_source_remove(server->epoll_source);
    unlinkat(server->run_dir_fd, SERVER_SOCKET_NAME, 0);
    /* Suspended connections may not be left to MHD_stop_daemon: end the streams, let them be sent. */
    events_end_all(server->daemon->events);
    server->is_in_run = TRUE; /* what is published from here on stays unsent */
    MHD_run(server->http);
    MHD_stop_daemon(server->http);
    fd_close(server->run_dir_fd);
    g_ptr_array_unref(server->clients);
    g_free(server);
}
