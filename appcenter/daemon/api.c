/* api.c - the route table, rights, and the handlers that only look. */
#include "daemon/api.h"

#include <string.h>

#include "daemon/openapi.h"
#include "daemon/views.h"

void api_reply_clear(ApiReply *reply)
{
    g_clear_pointer(&reply->json, json_decref);
    g_clear_pointer(&reply->text, g_free);
}

static gboolean answer(ApiReply *reply, json_t *json)
{
    reply->status = 200;
    reply->json = json;
    return json != NULL;
}

static gboolean get_system(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    (void)request;
    return answer(reply, view_status(daemon, error));
}

static gboolean get_apps(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    (void)request;
    return answer(reply, view_apps(daemon, error));
}

static gboolean get_app(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    return answer(reply, view_app(daemon, request->name, error));
}

static gboolean get_why(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    return answer(reply, view_why(daemon, request->name, error));
}

static gboolean get_search(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    const char *word = g_hash_table_lookup(request->query, "q");
    if (!word || !*word || strlen(word) > 100 || !g_utf8_validate(word, -1, NULL))
        return error_set(error, APPCENTER_ERROR_INVALID, "q: wanted a word of 1 to 100 bytes");
    return answer(reply, view_search(daemon, word, error));
}

static gboolean parse_number(const char *text, gint64 max, gint64 *value)
{
    guint64 number = 0;
    if (!text || !g_ascii_string_to_unsigned(text, 10, 1, (guint64)max, &number, NULL))
        return FALSE;
    *value = (gint64)number;
    return TRUE;
}

static gboolean get_jobs(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    (void)request;
    g_autoptr(GPtrArray) jobs = store_jobs(daemon->store, NULL, 100, error);
    if (!jobs)
        return FALSE;
    json_t *list = json_array();
    for (guint i = 0; i < jobs->len; i++) {
        jobs_overlay(daemon->jobs, jobs->pdata[i]);
        json_array_append_new(list, view_job(daemon, jobs->pdata[i]));
    }
    return answer(reply, json_pack("{s:s, s:o}", "schema", "appctl.jobs/1", "jobs", list));
}

static gboolean get_job(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    gint64 id;
    if (!parse_number(request->name, G_MAXINT64, &id))
        return error_set(error, APPCENTER_ERROR_NOT_FOUND, "no job \"%s\"", request->name);
    g_autoptr(StoreJob) job = store_job_get(daemon->store, id, error);
    if (!job)
        return FALSE;
    jobs_overlay(daemon->jobs, job);
    return answer(reply, view_job(daemon, job));
}

static gboolean get_events(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    const char *text = g_hash_table_lookup(request->query, "job");
    reply->status = 200;
    if (!g_hash_table_contains(request->query, "job"))
        return TRUE;
    if (!parse_number(text, G_MAXINT64, &reply->stream_job))
        return error_set(error, APPCENTER_ERROR_INVALID, "job: wanted a job's number");
    g_autoptr(StoreJob) job = store_job_get(daemon->store, reply->stream_job, error);
    if (!job)
        return FALSE;
    jobs_overlay(daemon->jobs, job);
    reply->stream_is_over = job->finished_at != 0;
    return TRUE;
}

static gboolean get_history(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    const char *text = g_hash_table_lookup(request->query, "limit");
    gint64 limit = 50;
    if (text && !parse_number(text, 1000, &limit))
        return error_set(error, APPCENTER_ERROR_INVALID, "limit: wanted a number from 1 to 1000");
    return answer(reply, view_history(daemon, (gsize)limit, error));
}

static gboolean get_transaction(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    gint64 id;
    if (!parse_number(request->name, G_MAXINT64, &id))
        return error_set(error, APPCENTER_ERROR_NOT_FOUND, "no transaction \"%s\"", request->name);
    g_autoptr(StoreTxn) txn = store_txn_get(daemon->store, id, error);
    return txn && answer(reply, store_txn_to_json(txn));
}

static gboolean get_advisories(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    (void)request;
    return answer(reply, view_advisories(daemon, error));
}

static gboolean get_audit(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    (void)request;
    return answer(reply, view_audit(daemon, error));
}

static gboolean get_holds(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    (void)request;
    return answer(reply, view_holds(daemon, error));
}

static gboolean get_snapshots(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    return answer(reply, view_snapshots(daemon, g_hash_table_lookup(request->query, "app"), error));
}

static gboolean get_config(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    (void)request;
    (void)error;
    return answer(reply, view_config(daemon));
}

static gboolean get_repositories(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    (void)request;
    return answer(reply, view_repositories(daemon, error));
}

static gboolean get_doctor(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    (void)request;
    return answer(reply, view_doctor(daemon, error));
}

static gboolean get_openapi(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    (void)daemon;
    (void)request;
    (void)error;
    return answer(reply, openapi_document());
}

static gboolean get_metrics(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    (void)request;
    reply->status = 200;
    reply->text = view_metrics(daemon, error);
    return reply->text != NULL;
}

const ApiRoute api_routes[] = {
    {"GET", "/v1/system", PEER_ANY, API_BODY_NONE, get_system,
     "is this NAS protected, what waits, when, with which clock and metadata", NULL, 200, "appctl.status/1"},
    {"GET", "/v1/apps", PEER_ANY, API_BODY_NONE, get_apps,
     "installed apps with their candidates and the reason of each", NULL, 200, "appctl.apps/1"},
    {"GET", "/v1/apps/{name}", PEER_GROUP, API_BODY_NONE, get_app,
     "one app, installed or only in the catalogue", NULL, 200, "object"},
    {"GET", "/v1/apps/{name}/why", PEER_GROUP, API_BODY_NONE, get_why,
     "why the pending release is not installed yet", NULL, 200, "appctl.explanation/1"},
    {"GET", "/v1/search", PEER_GROUP, API_BODY_NONE, get_search,
     "apps of the catalogue whose name or summary has a word", "q", 200, "appctl.search/1"},
    {"POST", "/v1/apps", PEER_GROUP, API_BODY_JSON, api_post_apps, "queues a change", NULL, 202, "job"},
    {"POST", "/v1/plan", PEER_GROUP, API_BODY_JSON, api_post_plan, "queues a dry run of a change", NULL, 202,
     "job"},
    {"POST", "/v1/refresh", PEER_GROUP, API_BODY_JSON, api_post_refresh,
     "queues a refresh of all repositories", NULL, 202, "job"},
    {"POST", "/v1/verify", PEER_GROUP, API_BODY_JSON, api_post_verify,
     "queues a comparison of files with what was recorded", NULL, 202, "job"},
    {"POST", "/v1/files", PEER_ROOT, API_BODY_FILE, api_post_files,
     "sends an archive, to be named in a change", NULL, 201, "file"},
    {"GET", "/v1/jobs", PEER_GROUP, API_BODY_NONE, get_jobs, "jobs, newest first", NULL, 200,
     "appctl.jobs/1"},
    {"GET", "/v1/jobs/{id}", PEER_GROUP, API_BODY_NONE, get_job, "one job", NULL, 200, "object"},
    {"DELETE", "/v1/jobs/{id}", PEER_GROUP, API_BODY_NONE, api_delete_job, "cancels a job", NULL, 202, NULL},
    {"GET", "/v1/events", PEER_GROUP, API_BODY_STREAM, get_events, "what happens, as it happens", "job", 200,
     "stream"},
    {"GET", "/v1/history", PEER_GROUP, API_BODY_NONE, get_history, "transactions, newest first", "limit", 200,
     "appctl.history/1"},
    {"GET", "/v1/history/{id}", PEER_GROUP, API_BODY_NONE, get_transaction, "one transaction", NULL, 200,
     "appctl.transaction/1"},
    {"GET", "/v1/advisories", PEER_GROUP, API_BODY_NONE, get_advisories,
     "security advisories and whom they affect here", NULL, 200, "appctl.advisories/1"},
    {"GET", "/v1/audit", PEER_GROUP, API_BODY_NONE, get_audit, "installed apps against the advisories", NULL,
     200, "appctl.audit/1"},
    {"GET", "/v1/holds", PEER_GROUP, API_BODY_NONE, get_holds, "holds", NULL, 200, "appctl.holds/1"},
    {"PUT", "/v1/holds", PEER_GROUP, API_BODY_JSON, api_put_hold, "makes or replaces a hold", NULL, 204,
     NULL},
    {"DELETE", "/v1/holds", PEER_GROUP, API_BODY_NONE, api_delete_hold, "takes a hold away", "app", 204,
     NULL},
    {"PUT", "/v1/skips", PEER_GROUP, API_BODY_JSON, api_put_skip, "skips one version of an app", NULL, 204,
     NULL},
    {"DELETE", "/v1/skips", PEER_GROUP, API_BODY_NONE, api_delete_skip, "skips it no longer", "app,version",
     204, NULL},
    {"GET", "/v1/snapshots", PEER_GROUP, API_BODY_NONE, get_snapshots, "copies of users' content", "app", 200,
     "appctl.snapshots/1"},
    {"GET", "/v1/config", PEER_GROUP, API_BODY_NONE, get_config,
     "every setting, where it comes from and what is allowed", NULL, 200, "appctl.config/1"},
    {"PUT", "/v1/config", PEER_ROOT, API_BODY_JSON, api_put_setting, "changes one setting", NULL, 204, NULL},
    {"GET", "/v1/repositories", PEER_GROUP, API_BODY_NONE, get_repositories,
     "repositories and how their last refresh went", NULL, 200, "appctl.repositories/1"},
    {"PUT", "/v1/repositories", PEER_ROOT, API_BODY_JSON, api_put_repository, "adds or replaces a repository",
     NULL, 204, NULL},
    {"DELETE", "/v1/repositories/{name}", PEER_ROOT, API_BODY_NONE, api_delete_repository,
     "takes a repository away", NULL, 204, NULL},
    {"GET", "/v1/doctor", PEER_GROUP, API_BODY_NONE, get_doctor,
     "what is wrong with this NAS, and what to do", NULL, 200, "appctl.doctor/1"},
    {"POST", "/v1/doctor/accept", PEER_ROOT, API_BODY_JSON, api_accept_damage,
     "an admin has looked at a damaged state", NULL, 204, NULL},
    {"GET", "/v1/openapi.json", PEER_GROUP, API_BODY_NONE, get_openapi, "this table, as OpenAPI 3.1", NULL,
     200, "object"},
    {"GET", "/metrics", PEER_GROUP, API_BODY_NONE, get_metrics, "numbers for Prometheus", NULL, 200, "text"},
};
const gsize api_n_routes = G_N_ELEMENTS(api_routes);

/* One placeholder a pattern at most; it matches one segment that is not empty. */
static gboolean matches(const char *pattern, const char *path, char **name)
{
    const char *open = strchr(pattern, '{');
    if (!open)
        return g_str_equal(pattern, path);
    gsize before = (gsize)(open - pattern);
    const char *after = strchr(open, '}') + 1;
    if (strncmp(pattern, path, before) != 0)
        return FALSE;
    gsize len = strcspn(path + before, "/");
    if (len == 0 || len > 100 || !g_str_equal(path + before + len, after))
        return FALSE;
    *name = g_strndup(path + before, len);
    return TRUE;
}

const ApiRoute *api_find(const char *method, const char *path, char **name, int *status)
{
    *status = 404;
    for (gsize i = 0; i < api_n_routes; i++) {
        g_autofree char *found = NULL;
        if (!matches(api_routes[i].pattern, path, &found))
            continue;
        *status = 405;
        if (!g_str_equal(api_routes[i].method, method))
            continue;
        *status = 200;
        if (name)
            *name = g_steal_pointer(&found);
        return &api_routes[i];
    }
    return NULL;
}

/* What must go on while a damaged state waits for an admin: looking, asking, and agreeing. */
static gboolean changes_state(const ApiRoute *route)
{
    static const char *const harmless[] = {"/v1/plan",      "/v1/refresh",       "/v1/verify",
                                           "/v1/jobs/{id}", "/v1/doctor/accept", NULL};
    return !g_str_equal(route->method, "GET") && !g_strv_contains(harmless, route->pattern);
}

gboolean api_may_change(Daemon *daemon, const ApiRoute *route, GError **error)
{
    return !changes_state(route) || store_refuse_if_damaged(daemon->store, error);
}

gboolean api_is_permitted(const ApiRoute *route, const Peer *peer, GError **error)
{
    if (peer->level >= route->level)
        return TRUE;
    if (route->level == PEER_ROOT)
        return error_set(error, APPCENTER_ERROR_DENIED, "%s %s is for root", route->method, route->pattern);
    return error_set(error, APPCENTER_ERROR_DENIED, "%s %s is for root and members of the group appcenter",
                     route->method, route->pattern);
}

gboolean api_body_finish(const JsonReader *reader, GError **error)
{
    g_autoptr(GError) cause = NULL;
    return json_reader_finish(reader, &cause) ||
           error_set(error, APPCENTER_ERROR_INVALID, "%s", cause->message);
}
