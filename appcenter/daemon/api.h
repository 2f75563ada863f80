/* api.h - the route table of the HTTP API (docs/api.md): method, path, level, handler. No HTTP library in
 * sight.
 *
 * server.c brings requests here whole (body parsed, peer known) and sends what comes out; a handler's
 * GError becomes a problem document. Every right is checked here, by the table, before a handler runs.
 */
#ifndef DAEMON_API_H
#define DAEMON_API_H

#include "daemon/daemon.h"
#include "daemon/peer.h"

typedef enum {
    API_BODY_NONE,
    API_BODY_JSON,
    API_BODY_FILE,   /* streamed to a spool file by the server */
    API_BODY_STREAM, /* no body; the answer is an event stream */
} ApiBody;

typedef struct {
    const char *path;
    char *name;        /* what {name} or {id} of the pattern matched, or NULL */
    json_t *body;      /* an object, for API_BODY_JSON */
    GHashTable *query; /* char* -> char*; values may be NULL */
    const char *idempotency_key;
    const char *file_token; /* of the spooled file, for API_BODY_FILE */
    gint64 last_event_id;
    Peer peer;
} ApiRequest;

typedef struct {
    int status;
    json_t *json;            /* or: */
    char *text;              /* text/plain */
    gint64 stream_job;       /* API_BODY_STREAM: which job, 0 for all */
    gboolean stream_is_over; /* nothing will come after what is kept */
} ApiReply;
void api_reply_clear(ApiReply *reply);

typedef gboolean (*ApiHandler)(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error);

typedef struct {
    const char *method;
    const char *pattern; /* "/v1/apps/{name}/why" */
    PeerLevel level;
    ApiBody body;
    ApiHandler handler;
    /* for GET /v1/openapi.json: */
    const char *summary;
    const char *query; /* names of its query parameters, "app,version", or NULL */
    int status;        /* of a good answer */
    const char *
        answer; /* "schema/1" of its object, "object" without one, "job", "file", "stream", "text"; NULL: empty */
} ApiRoute;

extern const ApiRoute api_routes[];
extern const gsize api_n_routes;

/* The route of a request. NULL with *status 404 or 405. *name (may be NULL) gets the placeholder's value,
 * g_free. */
const ApiRoute *api_find(const char *method, const char *path, char **name, int *status);
/* REFUSED: the route changes something, and the state was damaged. */
gboolean api_may_change(Daemon *daemon, const ApiRoute *route, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean api_is_permitted(const ApiRoute *route, const Peer *peer, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* What the reader of a body found wrong is the asker's mistake: INVALID, not CORRUPT. */
gboolean api_body_finish(const JsonReader *reader, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Handlers that change something (api_change.c) and those of the admin's seat (api_admin.c). */
gboolean api_post_apps(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error);
gboolean api_post_plan(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error);
gboolean api_post_refresh(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error);
gboolean api_post_verify(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error);
gboolean api_post_files(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error);
gboolean api_delete_job(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error);
gboolean api_put_hold(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error);
gboolean api_delete_hold(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error);
gboolean api_put_setting(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error);
gboolean api_accept_damage(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error);
gboolean api_put_skip(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error);
gboolean api_delete_skip(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error);
gboolean api_put_repository(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error);
gboolean api_delete_repository(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error);

#endif
