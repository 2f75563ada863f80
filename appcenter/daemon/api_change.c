/* api_change.c - handlers that queue jobs: changes, dry runs, refresh, files, cancel. */
#include <string.h>

#include "daemon/api.h"
#include "daemon/spool.h"

#define VERIFY_APPS_MAX   1000
#define VERIFY_NAME_BYTES 64

static gboolean queued(Daemon *daemon, const char *action, json_t *body, const ApiRequest *request,
                       ApiReply *reply, GError **error)
{
    gint64 id = jobs_queue(daemon->jobs, action, body, request->idempotency_key, request->peer.uid, error);
    if (!id)
        return FALSE;
    reply->status = 202;
    reply->json = json_pack("{s:I}", "job", (json_int_t)id);
    return TRUE;
}

static gboolean is_service_action(const char *action)
{
    static const char *const actions[] = {"start", "stop", "enable", "disable", NULL};
    return g_strv_contains(actions, action);
}

/* start, stop, enable, disable: exactly one app, known to us. */
static gboolean queue_service(Daemon *daemon, const char *action, const ApiRequest *request, ApiReply *reply,
                              GError **error)
{
    json_t *first = json_array_get(json_object_get(request->body, "apps"), 0);
    const char *name = json_string_value(json_object_get(first, "name"));
    if (!name || json_array_size(json_object_get(request->body, "apps")) != 1)
        return error_set(error, APPCENTER_ERROR_INVALID, "%s: wanted exactly one app", action);
    g_autoptr(StoreApp) app = store_app_get(daemon->store, name, error);
    if (!app)
        return FALSE;
    g_autoptr(json_t) body = json_pack("{s:s, s:s}", "verb", action, "app", name);
    return queued(daemon, "service", body, request, reply, error);
}

/* What only root may ask is asked for here, on the parsed request, so that nothing can change between right
 * and deed. */
static gboolean check_rights(Request *change, const Peer *peer, GError **error)
{
    if (peer->level >= PEER_ROOT)
        return TRUE;
    if (change->file || change->trust_sha256)
        return error_set(error, APPCENTER_ERROR_DENIED, "installing a local file is for root");
    if (change->purge)
        return error_set(error, APPCENTER_ERROR_DENIED, "--purge is for root");
    return TRUE;
}

/* A spooled file is named by its token outside and by its path inside: the body with the one in place of
 * the other. A path that a client names is no token. */
static json_t *body_with_path(const json_t *body, GError **error)
{
    g_autoptr(json_t) copy = json_deep_copy(body);
    json_t *options = json_object_get(copy, "options");
    const char *token = json_string_value(json_object_get(options, "file"));
    g_autofree char *path = spool_path(token);
    if (token && !path) {
        error_set(error, APPCENTER_ERROR_INVALID, "options.file: wanted the token that POST /v1/files gave");
        return NULL;
    }
    if (path)
        json_object_set_new(options, "file", json_string(path));
    return g_steal_pointer(&copy);
}

static Request *parse_change(Daemon *daemon, const ApiRequest *request, GError **error)
{
    g_autoptr(json_t) body = body_with_path(request->body, error);
    g_autoptr(Request) change = body ? request_from_json(body, error) : NULL;
    if (!change || !check_rights(change, &request->peer, error))
        return NULL;
    if (change->kind == REQUEST_AUTO) {
        error_set(error, APPCENTER_ERROR_INVALID, "action: auto is the scheduler's own");
        return NULL;
    }
    if (change->file && !root_dir_exists(daemon->root, change->file)) {
        error_set(error, APPCENTER_ERROR_NOT_FOUND, "options.file: no such file was sent, or it is used up");
        return NULL;
    }
    g_free(change->trigger);
    change->trigger = g_strdup("admin"); /* whatever a client says of itself */
    return g_steal_pointer(&change);
}

gboolean api_post_apps(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    const char *action = json_string_value(json_object_get(request->body, "action"));
    if (action && is_service_action(action))
        return queue_service(daemon, action, request, reply, error);
    g_autoptr(Request) change = parse_change(daemon, request, error);
    if (!change)
        return FALSE;
    g_autoptr(json_t) body = request_to_json(change);
    return queued(daemon, change->dry_run ? "plan" : action, body, request, reply, error);
}

gboolean api_post_plan(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    g_autoptr(Request) change = parse_change(daemon, request, error);
    if (!change)
        return FALSE;
    change->dry_run = TRUE;
    g_autoptr(json_t) body = request_to_json(change);
    return queued(daemon, "plan", body, request, reply, error);
}

gboolean api_post_verify(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    g_autoptr(JsonReader) reader = json_reader_new(request->body, "request");
    g_auto(GStrv) names = json_reader_strings_or_empty(reader, "apps", VERIFY_APPS_MAX, VERIFY_NAME_BYTES);
    if (!json_reader_finish(reader, error))
        return FALSE;
    for (char **name = names; *name; name++) {
        g_autoptr(StoreApp) app = store_app_get(daemon->store, *name, error);
        if (!app)
            return FALSE;
    }
    return queued(daemon, "verify", request->body, request, reply, error);
}

gboolean api_post_refresh(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    /* who asks by hand wants the server's files, not its word that nothing changed */
    g_autoptr(json_t) body = json_pack("{s:b}", "force", 1);
    return queued(daemon, "refresh", body, request, reply, error);
}

gboolean api_post_files(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    (void)daemon;
    (void)error;
    reply->status = 201;
    reply->json = json_pack("{s:s}", "file", request->file_token);
    return TRUE;
}

gboolean api_delete_job(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    guint64 id = 0;
    if (!g_ascii_string_to_unsigned(request->name, 10, 1, G_MAXINT64, &id, NULL))
        return error_set(error, APPCENTER_ERROR_NOT_FOUND, "no job \"%s\"", request->name);
    if (!jobs_cancel(daemon->jobs, (gint64)id, error))
        return FALSE;
    reply->status = 202;
    reply->json = json_pack("{s:I}", "job", (json_int_t)id);
    return TRUE;
}
