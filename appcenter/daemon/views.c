/* views.c - status, history, holds, configuration, repositories, metrics as JSON; apps are in views_apps.c,
 * advisories in views_advisories.c. */
#include "daemon/views.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "daemon/views_internal.h"

json_t *view_time(gint64 at)
{
    if (at <= 0 || at == SETTINGS_NEVER)
        return json_null();
    g_autofree char *text = units_format_time(at);
    return json_string(text);
}

json_t *view_string(const char *text)
{
    g_autofree char *valid =
        text ? g_utf8_make_valid(text, -1) : NULL; /* an old package may say it in Latin-1 */
    return valid ? json_string(valid) : json_null();
}

json_t *view_strings(char **strings)
{
    json_t *array = json_array();
    for (char **s = strings; s && *s; s++)
        json_array_append_new(array, view_string(*s));
    return array;
}

/* Where a URL's authority ends: also at what ends a URL in a sentence. */
#define AUTHORITY_END "/?# \t\"'<>,"

char *view_mask_url(const char *text)
{
    GString *masked = g_string_new(NULL);
    for (const char *host; (host = strstr(text, "://")) != NULL;) {
        host += 3;
        gsize len = strcspn(host, AUTHORITY_END);
        const char *at = g_strrstr_len(host, (gssize)len, "@");
        g_string_append_len(masked, text, host - text);
        if (at)
            g_string_append(masked, "***");
        text = at ? at : host;
    }
    g_string_append(masked, text);
    return g_string_free(masked, FALSE);
}

/* The life of a timestamp is what its maker gave it; where that is unknown, a day (reliability: timestamp
 * <= 1 day). */
gboolean view_repo_is_stale(const StoreRepo *repo, gint64 now)
{
    if (repo->expires_at <= 0)
        return FALSE;
    gint64 life = repo->signed_at > 0 && repo->signed_at < repo->expires_at
                      ? repo->expires_at - repo->signed_at
                      : 86400;
    return now > repo->expires_at - life + 2 * life;
}

static json_t *view_repository_state(Daemon *daemon, GPtrArray *configs, const RepositoryConfig *config,
                                     const StoreRepo *repo)
{
    gint64 now = daemon_now(daemon);
    gint64 next_at = config->enabled ? daemon_refresh_at(daemon, configs, repo) : 0;
    json_t *error = json_null();
    g_autofree char *message = repo->error ? view_mask_url(repo->error) : NULL;
    if (message)
        error = json_pack("{s:s, s:o}", "code", repo->error_code ? repo->error_code : "internal", "message",
                          view_string(message));
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:b}", "name", config->name, "last_refresh",
                     view_time(repo->last_refresh_at), "last_success", view_time(repo->last_success_at),
                     "next_refresh", view_time(next_at), "expires_at", view_time(repo->expires_at), "error",
                     error, "stale", config->enabled && view_repo_is_stale(repo, now));
}

json_t *view_repositories(Daemon *daemon, GError **error)
{
    g_autoptr(GPtrArray) configs = system_load_repositories(daemon->root, error);
    if (!configs)
        return NULL;
    g_autoptr(json_t) list = json_array();
    for (guint i = 0; i < configs->len; i++) {
        const RepositoryConfig *config = configs->pdata[i];
        g_autoptr(StoreRepo) repo = store_repo_get(daemon->store, config->name, error);
        if (!repo)
            return NULL;
        json_t *one = view_repository_state(daemon, configs, config, repo);
        g_autofree char *url = view_mask_url(config->url);
        g_autoptr(json_t) mirrors = json_array();
        for (char **mirror = config->mirrors; *mirror; mirror++) {
            g_autofree char *masked = view_mask_url(*mirror);
            json_array_append_new(mirrors, json_string(masked));
        }
        json_object_set_new(one, "url", json_string(url));
        json_object_set(one, "mirrors", mirrors);
        json_object_set_new(one, "enabled", json_boolean(config->enabled));
        json_object_set_new(one, "priority", json_integer(config->priority));
        json_array_append_new(list, one);
    }
    return json_pack("{s:s, s:O}", "schema", "appctl.repositories/1", "repositories", list);
}

static json_t *view_window(const Daemon *daemon, gint64 now)
{
    const SettingsValues *values = settings_values(daemon->settings);
    g_autoptr(Window) window = window_parse(values->timer, values->timezone, values->blackout, NULL);
    gint64 start = 0, end = 0;
    gboolean has_next = window && window_next(window, now, &start, &end);
    return json_pack("{s:s, s:s, s:o, s:o, s:b}", "text", values->timer, "timezone", values->timezone,
                     "next_start", view_time(has_next ? start : 0), "next_end", view_time(has_next ? end : 0),
                     "is_open", window && window_is_open(window, now, NULL));
}

static const char *consent_name(Consent consent)
{
    static const char *const names[] = {"off", "notify", "download", "auto"};
    return names[consent];
}

/* Counts of what waits and the list of emergencies, out of the ledger. */
static void count_offers(GPtrArray *offers, gint64 *security, gint64 *emergency, json_t *emergencies)
{
    *security = *emergency = 0;
    for (guint i = 0; i < offers->len; i++) {
        const StoreOffer *offer = offers->pdata[i];
        *security += urgency_class_is_security(offer->cls);
        if (offer->cls != CLASS_EMERGENCY)
            continue;
        (*emergency)++;
        json_array_append_new(
            emergencies,
            json_pack("{s:s, s:s, s:o, s:o}", "app", offer->app, "version", offer->release->version,
                      "advisories",
                      view_strings(offer->release->urgency ? offer->release->urgency->advisories : NULL),
                      "deadline", view_time(offer->deadline)));
    }
}

static json_t *view_clock(const Daemon *daemon, gint64 now)
{
    gint64 wall = system_now();
    gint64 floor = MAX(store_time_floor(daemon->store), system_build_time());
    return json_pack("{s:b, s:o, s:o}", "ok", wall >= floor, "now", view_time(now), "floor",
                     view_time(floor));
}

static json_t *view_space(const Daemon *daemon)
{
    SystemSpace space = {0};
    g_auto(Fd) fd = root_dir_openat(daemon->root, settings_values(daemon->settings)->volume,
                                    O_RDONLY | O_DIRECTORY, 0, NULL);
    if (fd < 0 || !system_space(fd, &space, NULL))
        return json_pack("{s:n}", "free");
    return json_pack("{s:I}", "free", (json_int_t)space.free_bytes);
}

json_t *view_status(Daemon *daemon, GError **error)
{
    gint64 now = daemon_now(daemon), security = 0, emergency = 0;
    const SettingsValues *values = settings_values(daemon->settings);
    g_autoptr(GPtrArray) offers = daemon_ledger(daemon, now, error);
    g_autoptr(GPtrArray) apps = offers ? store_apps(daemon->store, error) : NULL;
    g_autoptr(json_t) repositories = apps ? view_repositories(daemon, error) : NULL;
    g_autoptr(json_t) audit = repositories ? view_audit(daemon, error) : NULL;
    if (!audit)
        return NULL;
    g_autoptr(json_t) emergencies = json_array();
    count_offers(offers, &security, &emergency, emergencies);
    gboolean is_open = view_audit_has_emergency(audit);
    gint64 running = jobs_running_id(daemon->jobs);
    g_autoptr(json_t) warnings = json_array();
    for (guint i = 0; i < daemon->warnings->len; i++)
        json_array_append_new(warnings, json_string(daemon->warnings->pdata[i]));
    return json_pack("{s:s, s:s, s:b, s:O, s:{s:I, s:I, s:I}, s:i, s:{s:s, s:s, s:s}, s:o, s:O, s:o, s:o, "
                     "s:o, s:{s:i, s:o}, s:O, s:b}",
                     "schema", "appctl.status/1", "version", APPCENTER_VERSION, "protected",
                     emergency == 0 && !is_open, "emergencies", emergencies, "updates", "available",
                     (json_int_t)offers->len, "security", (json_int_t)security, "emergency",
                     (json_int_t)emergency, "installed", (int)apps->len, "consent", "emergency",
                     values->emergency == CONSENT_AUTO ? "install" : "notify", "security",
                     consent_name(values->security), "other", consent_name(values->other), "window",
                     view_window(daemon, now), "repositories", json_object_get(repositories, "repositories"),
                     "clock", view_clock(daemon, now), "space", view_space(daemon), "job",
                     running ? json_integer(running) : json_null(), "daemon", "pid", (int)getpid(),
                     "started_at", view_time(daemon->started_at), "warnings", warnings, "read_only",
                     !store_refuse_if_damaged(daemon->store, NULL));
}

json_t *view_job(Daemon *daemon, const StoreJob *job)
{
    json_t *progress = job->id == jobs_running_id(daemon->jobs) ? jobs_progress(daemon->jobs) : NULL;
    json_t *result = job->result_json ? json_loads(job->result_json, 0, NULL) : NULL;
    return json_pack("{s:I, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "id", (json_int_t)job->id, "action",
                     job->action, "state", job->state, "created_at", view_time(job->created_at), "started_at",
                     view_time(job->started_at), "finished_at", view_time(job->finished_at), "progress",
                     progress ? json_incref(progress) : json_null(), "result", result ? result : json_null());
}

json_t *view_history(Daemon *daemon, gsize limit, GError **error)
{
    g_autoptr(GPtrArray) transactions = store_txn_list(daemon->store, limit, error);
    if (!transactions)
        return NULL;
    json_t *list = json_array();
    for (guint i = 0; i < transactions->len; i++)
        json_array_append_new(list, store_txn_to_json(transactions->pdata[i]));
    return json_pack("{s:s, s:o}", "schema", "appctl.history/1", "transactions", list);
}

static json_t *view_snapshot(const StoreSnapshot *snapshot, gint64 keep_s)
{
    return json_pack("{s:I, s:s, s:s, s:I, s:o, s:o, s:I, s:I, s:b, s:b}", "id", (json_int_t)snapshot->id,
                     "app", snapshot->app, "version", snapshot->version, "transaction",
                     (json_int_t)snapshot->txn_id, "made_at", view_time(snapshot->made_at), "kept_until",
                     view_time(snapshot->made_at + keep_s), "size", (json_int_t)snapshot->size_bytes, "files",
                     (json_int_t)snapshot->files, "shared", snapshot->is_shared, "whole", snapshot->is_whole);
}

json_t *view_snapshots(Daemon *daemon, const char *app, GError **error)
{
    g_autoptr(GPtrArray) snapshots = store_snapshots(daemon->store, app, error);
    if (!snapshots)
        return NULL;
    json_t *list = json_array();
    for (guint i = 0; i < snapshots->len; i++)
        json_array_append_new(
            list, view_snapshot(snapshots->pdata[i], settings_values(daemon->settings)->keep_snapshots_s));
    return json_pack("{s:s, s:o}", "schema", "appctl.snapshots/1", "snapshots", list);
}

json_t *view_hold(const Hold *hold)
{
    return json_pack("{s:o, s:o, s:b}", "until", view_time(hold->until), "note", view_string(hold->note),
                     "except_emergency", hold->except_emergency);
}

json_t *view_holds(Daemon *daemon, GError **error)
{
    g_autoptr(GPtrArray) holds = store_holds(daemon->store, daemon_now(daemon), error);
    if (!holds)
        return NULL;
    json_t *list = json_array();
    for (guint i = 0; i < holds->len; i++) {
        const Hold *hold = holds->pdata[i];
        json_t *one = view_hold(hold);
        json_object_set_new(one, "app", view_string(hold->app));
        json_array_append_new(list, one);
    }
    return json_pack("{s:s, s:o}", "schema", "appctl.holds/1", "holds", list);
}

json_t *view_config(const Daemon *daemon)
{
    json_t *list = json_array();
    SettingView view;
    for (gsize i = 0; settings_view(daemon->settings, i, &view); i++) {
        g_autofree char *value = view_mask_url(view.value_now);
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "section", view.section,
                                              "key", view.key, "value", value, "default", view.value_default,
                                              "allowed", view.allowed, "origin", view.origin));
    }
    return json_pack("{s:s, s:o}", "schema", "appctl.config/1", "settings", list);
}

static void add_gauge(GString *text, const char *name, const char *help)
{
    g_string_append_printf(text, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

static void add_status_gauges(GString *text, json_t *status)
{
    static const char *const kinds[] = {"available", "security", "emergency"};
    json_t *updates = json_object_get(status, "updates");
    add_gauge(text, "appcenter_protected", "1 when no emergency fix waits.");
    g_string_append_printf(text, "appcenter_protected %d\n",
                           json_is_true(json_object_get(status, "protected")));
    add_gauge(text, "appcenter_apps_installed", "Installed apps.");
    g_string_append_printf(text, "appcenter_apps_installed %" JSON_INTEGER_FORMAT "\n",
                           json_integer_value(json_object_get(status, "installed")));
    add_gauge(text, "appcenter_updates", "Releases that wait, by kind.");
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
        g_string_append_printf(text, "appcenter_updates{kind=\"%s\"} %" JSON_INTEGER_FORMAT "\n", kinds[i],
                               json_integer_value(json_object_get(updates, kinds[i])));
    add_gauge(text, "appcenter_job_running", "1 while a job runs.");
    g_string_append_printf(text, "appcenter_job_running %d\n",
                           json_is_integer(json_object_get(status, "job")));
}

static const char *name_of(json_t *repository)
{
    return json_string_value(json_object_get(repository, "name"));
}

/* A repository that was never refreshed has no time of it. */
static void add_repository_gauges(GString *text, json_t *repositories)
{
    gint64 at;
    add_gauge(text, "appcenter_repository_stale", "1 when no fresh timestamp came for twice its life.");
    for (gsize i = 0; i < json_array_size(repositories); i++) {
        json_t *one = json_array_get(repositories, i);
        g_string_append_printf(text, "appcenter_repository_stale{name=\"%s\"} %d\n", name_of(one),
                               json_is_true(json_object_get(one, "stale")));
    }
    add_gauge(text, "appcenter_repository_last_success_seconds",
              "When its metadata was last refreshed, since 1970.");
    for (gsize i = 0; i < json_array_size(repositories); i++) {
        json_t *one = json_array_get(repositories, i);
        const char *last = json_string_value(json_object_get(one, "last_success"));
        if (last && units_parse_time(last, &at))
            g_string_append_printf(
                text, "appcenter_repository_last_success_seconds{name=\"%s\"} %" G_GINT64_FORMAT "\n",
                name_of(one), at);
    }
}

char *view_metrics(Daemon *daemon, GError **error)
{
    g_autoptr(json_t) status = view_status(daemon, error);
    if (!status)
        return NULL;
    GString *text = g_string_new(NULL);
    add_status_gauges(text, status);
    add_repository_gauges(text, json_object_get(status, "repositories"));
    return g_string_free(text, FALSE);
}
