/* api.c - the route table, rights, and the handlers that only look. */
#include "daemon/api.h"

#include <string.h>

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

static gboolean get_metrics(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    (void)request;
    reply->status = 200;
    reply->text = view_metrics(daemon, error);
    return reply->text != NULL;
}

const ApiRoute api_routes[] = {
    {"GET", "/v1/system", PEER_ANY, API_BODY_NONE, get_system},
    {"GET", "/v1/apps", PEER_ANY, API_BODY_NONE, get_apps},
    {"GET", "/v1/apps/{name}", PEER_GROUP, API_BODY_NONE, get_app},
    {"GET", "/v1/apps/{name}/why", PEER_GROUP, API_BODY_NONE, get_why},
    {"GET", "/v1/search", PEER_GROUP, API_BODY_NONE, get_search},
    {"POST", "/v1/apps", PEER_GROUP, API_BODY_JSON, api_post_apps},
    {"POST", "/v1/plan", PEER_GROUP, API_BODY_JSON, api_post_plan},
    {"POST", "/v1/refresh", PEER_GROUP, API_BODY_JSON, api_post_refresh},
    {"POST", "/v1/verify", PEER_GROUP, API_BODY_JSON, api_post_verify},
    {"POST", "/v1/files", PEER_ROOT, API_BODY_FILE, api_post_files},
    {"GET", "/v1/jobs", PEER_GROUP, API_BODY_NONE, get_jobs},
    {"GET", "/v1/jobs/{id}", PEER_GROUP, API_BODY_NONE, get_job},
    {"DELETE", "/v1/jobs/{id}", PEER_GROUP, API_BODY_NONE, api_delete_job},
    {"GET", "/v1/events", PEER_GROUP, API_BODY_STREAM, get_events},
    {"GET", "/v1/history", PEER_GROUP, API_BODY_NONE, get_history},
    {"GET", "/v1/history/{id}", PEER_GROUP, API_BODY_NONE, get_transaction},
    {"GET", "/v1/advisories", PEER_GROUP, API_BODY_NONE, get_advisories},
    {"GET", "/v1/audit", PEER_GROUP, API_BODY_NONE, get_audit},
    {"GET", "/v1/holds", PEER_GROUP, API_BODY_NONE, get_holds},
    {"PUT", "/v1/holds", PEER_GROUP, API_BODY_JSON, api_put_hold},
    {"DELETE", "/v1/holds", PEER_GROUP, API_BODY_NONE, api_delete_hold},
    {"PUT", "/v1/skips", PEER_GROUP, API_BODY_JSON, api_put_skip},
    {"DELETE", "/v1/skips", PEER_GROUP, API_BODY_NONE, api_delete_skip},
    {"GET", "/v1/snapshots", PEER_GROUP, API_BODY_NONE, get_snapshots},
    {"GET", "/v1/config", PEER_GROUP, API_BODY_NONE, get_config},
    {"PUT", "/v1/config", PEER_ROOT, API_BODY_JSON, api_put_setting},
    {"GET", "/v1/repositories", PEER_GROUP, API_BODY_NONE, get_repositories},
    {"PUT", "/v1/repositories", PEER_ROOT, API_BODY_JSON, api_put_repository},
    {"DELETE", "/v1/repositories/{name}", PEER_ROOT, API_BODY_NONE, api_delete_repository},
    {"GET", "/v1/doctor", PEER_GROUP, API_BODY_NONE, get_doctor},
    {"POST", "/v1/doctor/accept", PEER_ROOT, API_BODY_JSON, api_accept_damage},
    {"GET", "/metrics", PEER_GROUP, API_BODY_NONE, get_metrics},
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
