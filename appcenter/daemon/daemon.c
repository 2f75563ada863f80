/* daemon.c - wiring: jobs tell events and the clock tells the scheduler; see daemon.h and daemon_run in main.c's order. */
#include "daemon/daemon.h"

#include <string.h>

#include "daemon/run.h"
#include "daemon/server.h"

gint64 daemon_now(const Daemon *daemon)
{
    return policy_trusted_now(system_now(), MAX(store_time_floor(daemon->store), system_build_time()));
}

/* --- configuration --- */

static void take_settings(Daemon *daemon, Settings *settings, GPtrArray *warnings)
{
    g_clear_pointer(&daemon->settings, settings_free);
    daemon->settings = settings;
    g_clear_pointer(&daemon->warnings, g_ptr_array_unref);
    daemon->warnings = g_ptr_array_ref(warnings);
    for (guint i = 0; i < warnings->len; i++)
        log_warning("config", "%s", (const char *)warnings->pdata[i]);
}

/* The last configuration that was good, kept in the store: a bad file at boot does not leave a box without emergency
 * fixes. */
static Settings *last_good_settings(Store *store)
{
    g_autofree char *text = store_meta_get(store, "config_last_good", NULL);
    g_autoptr(Settings) settings = settings_new();
    if (text && !settings_apply_text(settings, "last good configuration", text, strlen(text), NULL, NULL))
        return NULL;
    return g_steal_pointer(&settings);
}

static gboolean load_settings(Daemon *daemon, GError **error)
{
    g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) broken = NULL;
    Settings *settings = system_load_settings(daemon->root, warnings, &broken);
    if (!settings && daemon->settings) {
        log_error("config", "%s; the last good configuration stays", broken->message);
        g_ptr_array_add(daemon->warnings, g_strdup_printf("configuration refused: %s", broken->message));
        return TRUE;
    }
    if (!settings) {
        log_error("config", "%s; starting with the last good configuration", broken->message);
        g_ptr_array_add(warnings, g_strdup_printf("configuration refused: %s", broken->message));
        settings = last_good_settings(daemon->store);
    }
    if (!settings) {
        g_propagate_error(error, g_steal_pointer(&broken));
        return FALSE;
    }
    take_settings(daemon, settings, warnings);
    return TRUE;
}

gboolean daemon_reload(Daemon *daemon)
{
    g_autoptr(GError) error = NULL;
    if (load_settings(daemon, &error))
        log_info("config", "read again");
    daemon_kick(daemon);
    return TRUE;
}

/* --- what jobs tell --- */

static void on_job_event(gint64 job_id, json_t *event, gboolean keep, gpointer user_data)
{
    Daemon *daemon = user_data;
    events_publish(daemon->events, job_id, event, keep);
}

/* An automatic job that failed is not tried again at once; a finished poll is told to who watches. */
static void on_job_done(gint64 job_id, const char *action, json_t *request, json_t *result, gpointer user_data)
{
    Daemon *daemon = user_data;
    int exit_code = (int)json_integer_value(json_object_get(result, "exit"));
    const char *message = json_string_value(json_object_get(result, "message"));
    if (exit_code != 0)
        log_warning(action, "%s", message ? message : "failed");
    else
        log_debug(action, "done");
    if (exit_code != 0 && g_str_equal(action, "auto")) {
        g_autoptr(Request) tried = request_from_json(request, NULL);
        if (tried)
            schedule_cooldown_add(&daemon->cooldown, tried,
                                  daemon_now(daemon) + schedule_cooldown_s(settings_values(daemon->settings)));
    }
    if (g_str_equal(action, "refresh") && daemon->events) {
        g_autoptr(json_t) event = json_pack("{s:s, s:i}", "event", "refresh", "exit", exit_code);
        events_publish(daemon->events, job_id, event, FALSE);
    }
    daemon->exit_code = MAX(daemon->exit_code, exit_code);
    if (daemon->is_stopping)
        g_main_loop_quit(daemon->loop);
    else
        daemon_kick(daemon);
}

/* --- when --- */

static GPtrArray *enabled_repos(Daemon *daemon, GPtrArray *configs)
{
    GPtrArray *repos = g_ptr_array_new_with_free_func((GDestroyNotify)store_repo_free);
    for (guint i = 0; i < configs->len; i++) {
        const RepositoryConfig *config = configs->pdata[i];
        StoreRepo *repo = config->enabled ? store_repo_get(daemon->store, config->name, NULL) : NULL;
        if (repo)
            g_ptr_array_add(repos, repo);
    }
    return repos;
}

gboolean daemon_decide(Daemon *daemon, ScheduleDecision *decision, GError **error)
{
    gint64 now = daemon_now(daemon);
    g_autoptr(GPtrArray) configs = system_load_repositories(daemon->root, error);
    g_autoptr(GPtrArray) offers = configs ? store_ledger(daemon->store, daemon->settings, now, error) : NULL;
    if (!offers)
        return FALSE;
    g_autoptr(GPtrArray) repos = enabled_repos(daemon, configs);
    schedule_decide(settings_values(daemon->settings), configs, repos, offers, &daemon->cooldown, daemon->seed, now, decision);
    return TRUE;
}

void daemon_queue_auto(Daemon *daemon, Request *request)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) body = request_to_json(request);
    for (guint i = 0; i < request->apps->len; i++) {
        const RequestApp *app = request->apps->pdata[i];
        log_info("schedule", "%s %s now (%s)", app->name, app->version, request->trigger);
    }
    if (!jobs_queue(daemon->jobs, "auto", body, NULL, 0, &error))
        log_error("schedule", "%s", error->message);
}

static gboolean on_wake(gpointer user_data)
{
    Daemon *daemon = user_data;
    g_autoptr(GError) error = NULL;
    ScheduleDecision decision;
    daemon->wake_source = 0;
    if (daemon->is_stopping || !jobs_is_idle(daemon->jobs)) /* asked again when the job is done */
        return G_SOURCE_REMOVE;
    if (!daemon_decide(daemon, &decision, &error)) {
        log_error("schedule", "%s", error->message);
        daemon->wake_source = g_timeout_add_seconds(SCHEDULE_MAX_SLEEP_S, on_wake, daemon);
        return G_SOURCE_REMOVE;
    }
    if (decision.request)
        daemon_queue_auto(daemon, decision.request);
    else if (decision.refresh_is_due)
        jobs_queue_own(daemon->jobs, "refresh", NULL, FALSE);
    g_clear_pointer(&decision.request, request_free);
    if (jobs_is_idle(daemon->jobs) && !daemon->wake_source) {
        gint64 sleep_s = CLAMP(decision.wake_at - daemon_now(daemon), 1, SCHEDULE_MAX_SLEEP_S);
        daemon->wake_source = g_timeout_add_seconds((guint)sleep_s, on_wake, daemon);
    }
    return G_SOURCE_REMOVE;
}

void daemon_kick(Daemon *daemon)
{
    if (daemon->wake_source)
        g_source_remove(daemon->wake_source);
    daemon->wake_source = g_timeout_add(10, on_wake, daemon);
}

/* --- life --- */

static void run_server(gpointer user_data)
{
    Daemon *daemon = user_data;
    if (daemon->server)
        server_run(daemon->server);
}

/* Where this box lies in the poll interval: from its cohort, not from its boot time (a town after a power cut). */
static guint64 poll_seed(Store *store)
{
    g_autofree char *cohort = store_meta_get(store, "cohort", NULL);
    return (guint64)g_str_hash(cohort ? cohort : g_get_host_name()) * G_GUINT64_CONSTANT(0x9E3779B97F4A7C15);
}

gboolean daemon_open(Daemon *daemon, const char *root_path, GError **error)
{
    schedule_cooldown_init(&daemon->cooldown);
    daemon->loop = g_main_loop_new(NULL, FALSE);
    daemon->warnings = g_ptr_array_new_with_free_func(g_free);
    daemon->root = root_dir_open(root_path, error);
    daemon->store = daemon->root ? store_open(daemon->root, error) : NULL;
    if (!daemon->store || !load_settings(daemon, error))
        return FALSE;
    JobsListener listener = {on_job_event, on_job_done, daemon};
    daemon->jobs = jobs_new(daemon->store, root_dir_path(daemon->root), &listener, error);
    daemon->events = events_new(daemon->store, run_server, daemon);
    daemon->seed = poll_seed(daemon->store);
    daemon->started_at = system_now();
    return daemon->jobs != NULL;
}

void daemon_close(Daemon *daemon)
{
    if (daemon->wake_source)
        g_source_remove(daemon->wake_source);
    server_stop(daemon->server);
    jobs_free(daemon->jobs);
    events_free(daemon->events);
    schedule_cooldown_clear(&daemon->cooldown);
    g_clear_pointer(&daemon->warnings, g_ptr_array_unref);
    settings_free(daemon->settings);
    store_close(daemon->store);
    root_dir_free(daemon->root);
    g_main_loop_unref(daemon->loop);
}
