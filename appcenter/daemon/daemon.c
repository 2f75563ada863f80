/* daemon.c - wiring: jobs tell events and the clock tells the scheduler; see daemon.h and daemon_run in
 * main.c's order. */
#include "daemon/daemon.h"

#include <malloc.h>
#include <string.h>

#include "daemon/notify.h"
#include "daemon/run.h"
#include "daemon/server.h"
#include "daemon/spool.h"
#include "daemon/views.h"

#define DAEMON_SPOOL_AGE_S (24 * 3600)
#define DAEMON_REST_S      2

static gint64 time_floor(const Daemon *daemon)
{
    return MAX(store_time_floor(daemon->store), system_build_time());
}

gint64 daemon_now(const Daemon *daemon)
{
    ClockReading reading = system_read_clocks();
    return clock_now(&daemon->clock, &reading, time_floor(daemon));
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
    if (daemon->jobs)
        jobs_set_limit(daemon->jobs, settings_values(settings)->job_timeout_s);
}

/* The last configuration that was good, kept in the store: a bad file at boot does not leave a box without
 * emergency fixes. */
static Settings *last_good_settings(Store *store)
{
    g_autofree char *text = store_meta_get(store, "config_last_good", NULL);
    g_autoptr(Settings) settings = settings_new();
    if (text && !settings_apply_text(settings, "last good configuration", text, strlen(text), NULL, NULL))
        return NULL;
    return g_steal_pointer(&settings);
}

/* One such line in status, however often a bad file is read. */
static void show_refusal(GPtrArray *warnings, const GError *broken)
{
    static const char prefix[] = "configuration refused: ";
    for (guint i = warnings->len; i > 0; i--)
        if (g_str_has_prefix(warnings->pdata[i - 1], prefix))
            g_ptr_array_remove_index(warnings, i - 1);
    g_ptr_array_add(warnings, g_strdup_printf("%s%s", prefix, broken->message));
}

static gboolean load_settings(Daemon *daemon, GError **error)
{
    g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) broken = NULL;
    Settings *settings = system_load_settings(daemon->root, warnings, &broken);
    if (!settings && daemon->settings) {
        log_error("config", "%s; the last good configuration stays", broken->message);
        show_refusal(daemon->warnings, broken);
        return TRUE;
    }
    if (!settings) {
        log_error("config", "%s; starting with the last good configuration", broken->message);
        show_refusal(warnings, broken);
        settings = last_good_settings(daemon->store);
    }
    if (!settings) {
        g_propagate_error(error, g_steal_pointer(&broken));
        return FALSE;
    }
    take_settings(daemon, settings, warnings);
    return TRUE;
}

void daemon_reload(Daemon *daemon)
{
    const Settings *before = daemon->settings;
    g_autoptr(GError) error = NULL;
    notify_look_at_ends(daemon->store, settings_values(before), daemon_now(daemon));
    if (!load_settings(daemon, &error))
        log_error("config", "%s", error->message);
    else if (daemon->settings != before)
        log_info("config", "read again");
    daemon_kick(daemon);
}

/* --- what jobs tell --- */

static void on_job_event(gint64 job_id, json_t *event, gboolean keep, gpointer user_data)
{
    Daemon *daemon = user_data;
    events_publish(daemon->events, job_id, event, keep);
}

/* What was tried is not tried again at once: it failed, or it did not change what the decision stands on. */
static void cool_down(Daemon *daemon, const char *action, json_t *request, int exit_code)
{
    gint64 now = daemon_now(daemon);
    gint64 until = now + schedule_cooldown_s(settings_values(daemon->settings));
    if (g_str_equal(action, "refresh")) {
        daemon->cooldown.refreshed_at = now;
        daemon->cooldown.refresh_until = exit_code == 0 ? now + 1 : until;
    }
    g_autoptr(Request) tried = g_str_equal(action, "auto") ? request_from_json(request, NULL) : NULL;
    if (tried)
        schedule_cooldown_add(&daemon->cooldown, tried, until, now);
}

/* An archive that a finished change was about is used up; a dry run is not the last word about it. */
static void drop_used_file(Daemon *daemon, const char *action, json_t *request)
{
    const char *path = json_string_value(json_object_get(json_object_get(request, "options"), "file"));
    if (path && !g_str_equal(action, "plan") && !jobs_need_file(daemon->jobs, path))
        (void)!root_dir_unlink(daemon->root, path, NULL);
    spool_clean(daemon->root, daemon->jobs, system_now() - DAEMON_SPOOL_AGE_S);
}

/* A finished poll is told to who watches. */
static void on_job_done(gint64 job_id, const char *action, json_t *request, json_t *result,
                        gpointer user_data)
{
    Daemon *daemon = user_data;
    int exit_code = (int)json_integer_value(json_object_get(result, "exit"));
    const char *message = json_string_value(json_object_get(result, "message"));
    if (exit_code != 0)
        log_warning(action, "%s", message ? message : "failed");
    else
        log_debug(action, "done");
    cool_down(daemon, action, request, exit_code);
    drop_used_file(daemon, action, request);
    if (g_str_equal(action, "refresh")) {
        g_autoptr(json_t) event = json_pack("{s:s, s:i}", "event", "refresh", "exit", exit_code);
        events_publish(daemon->events, job_id, event, FALSE);
    }
    if (g_str_equal(action, "recover"))
        daemon->recovery_exit_code = exit_code;
    else
        daemon->exit_code = MAX(daemon->exit_code, exit_code);
    if (daemon->is_stopping)
        g_main_loop_quit(daemon->loop);
    else
        daemon_kick(daemon);
}

/* --- rest --- */

static gboolean on_rest(gpointer user_data)
{
    Daemon *daemon = user_data;
    daemon->rest_source = 0;
    store_shrink(daemon->store);
    malloc_trim(0);
    return G_SOURCE_REMOVE;
}

void daemon_rest_soon(Daemon *daemon)
{
    if (!daemon->rest_source)
        daemon->rest_source = g_timeout_add_seconds(DAEMON_REST_S, on_rest, daemon);
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

GPtrArray *daemon_ledger(const Daemon *daemon, gint64 now, GError **error)
{
    g_auto(BoxFacts) box = system_box_facts(daemon->root, now);
    return store_ledger(daemon->store, daemon->settings, &box, now, error);
}

GPtrArray *daemon_ledger_all(const Daemon *daemon, gint64 now, GError **error)
{
    g_auto(BoxFacts) box = system_box_facts(daemon->root, now);
    return store_ledger_all(daemon->store, daemon->settings, &box, now, error);
}

static ScheduleFacts schedule_facts(const Daemon *daemon, GPtrArray *configs)
{
    ClockReading reading = system_read_clocks();
    return (ScheduleFacts){.settings = settings_values(daemon->settings),
                           .configs = configs,
                           .cooldown = &daemon->cooldown,
                           .seed = daemon->seed,
                           .awake_since = clock_awake_since(&daemon->clock, &reading, time_floor(daemon)),
                           .quiet_until = system_quiet_until(daemon->root, daemon_now(daemon))};
}

gint64 daemon_refresh_at(const Daemon *daemon, GPtrArray *configs, const StoreRepo *repo)
{
    ScheduleFacts facts = schedule_facts(daemon, configs);
    return schedule_refresh_at(&facts, repo, daemon_now(daemon));
}

gboolean daemon_decide(Daemon *daemon, ScheduleDecision *decision, GError **error)
{
    gint64 now = daemon_now(daemon);
    g_autoptr(GPtrArray) configs = system_load_repositories(daemon->root, error);
    g_autoptr(GPtrArray) offers = configs ? daemon_ledger(daemon, now, error) : NULL;
    if (!offers)
        return FALSE;
    g_autoptr(GPtrArray) repos = enabled_repos(daemon, configs);
    ScheduleFacts facts = schedule_facts(daemon, configs);
    facts.repos = repos;
    facts.offers = offers;
    notify_look(daemon->store, facts.settings, offers, repos, now);
    courier_go(daemon->courier, facts.settings);
    schedule_decide(&facts, now, decision);
    if (decision->request && !store_refuse_if_damaged(daemon->store, NULL)) {
        g_clear_pointer(&decision->request, request_free); /* nothing by itself before an admin has looked */
        decision->wake_at = now + SCHEDULE_MAX_SLEEP_S;
    }
    return TRUE;
}

void daemon_queue_poll(Daemon *daemon)
{
    g_autoptr(json_t) request = json_pack("{s:b}", "by_clock", TRUE);
    jobs_queue_own(daemon->jobs, "refresh", request, FALSE);
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

/* For a node exporter, which reads whole files only: written anew whenever something could have changed. */
static void write_textfile(Daemon *daemon)
{
    const char *path = settings_values(daemon->settings)->metrics_textfile;
    g_autoptr(GError) error = NULL;
    if (!path || !*path)
        return;
    g_autofree char *text = view_metrics(daemon, &error);
    if (!text || !root_dir_write_atomic(daemon->root, path, text, strlen(text), 0644, &error))
        log_warning("metrics", "%s: %s", path, error->message);
}

/* After a sleep, or when the clock was set, the polls are spread anew. */
static void look_at_clock(Daemon *daemon)
{
    ClockReading reading = system_read_clocks();
    if (clock_look(&daemon->clock, &reading, time_floor(daemon)))
        log_info("schedule", "the box slept or its clock was set");
}

static gboolean on_wake(gpointer user_data)
{
    Daemon *daemon = user_data;
    g_autoptr(GError) error = NULL;
    ScheduleDecision decision;
    daemon->wake_source = 0;
    look_at_clock(daemon);
    daemon_rest_soon(daemon);
    if (daemon->is_stopping || !jobs_is_idle(daemon->jobs)) /* asked again when the job is done */
        return G_SOURCE_REMOVE;
    write_textfile(daemon);
    if (!daemon_decide(daemon, &decision, &error)) {
        log_error("schedule", "%s", error->message);
        daemon->wake_source = g_timeout_add_seconds(SCHEDULE_MAX_SLEEP_S, on_wake, daemon);
        return G_SOURCE_REMOVE;
    }
    if (decision.request)
        daemon_queue_auto(daemon, decision.request);
    else if (decision.refresh_is_due)
        daemon_queue_poll(daemon);
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

/* Spreads the polls. An id of its own: boxes may share a cohort and a host name. */
static guint64 box_seed(Store *store)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *id = store_meta_get(store, "poll_id", NULL);
    if (id)
        return poll_seed(id);
    id = g_uuid_string_random();
    if (!store_meta_set(store, "poll_id", id, &error))
        log_warning("schedule", "%s",
                    error->message); /* another one after the next start: it spreads as well */
    return poll_seed(id);
}

static void start_clock(Daemon *daemon)
{
    ClockReading reading = system_read_clocks();
    clock_start(&daemon->clock, &reading, time_floor(daemon));
}

/* Told once a start, here and not by each job that unpacks. */
static void tell_weaknesses(void)
{
    guint missing = sandbox_probe();
    if (missing & SANDBOX_MISSING_LANDLOCK)
        log_warning("sandbox", "this kernel has no Landlock: archives are unpacked without it");
    if (missing & SANDBOX_MISSING_SECCOMP)
        log_warning("sandbox", "this kernel has no seccomp filters: archives are unpacked without them");
}

gboolean daemon_open(Daemon *daemon, const char *root_path, GError **error)
{
    schedule_cooldown_init(&daemon->cooldown);
    daemon->loop = g_main_loop_new(NULL, FALSE);
    daemon->warnings = g_ptr_array_new_with_free_func(g_free);
    daemon->root = root_dir_open(root_path, error);
    daemon->store = daemon->root ? store_open_or_restore(daemon->root, system_now(), error) : NULL;
    if (!daemon->store || !load_settings(daemon, error))
        return FALSE;
    tell_weaknesses();
    start_clock(daemon);
    daemon->events = events_new(daemon->store, run_server, daemon);
    daemon->courier = courier_new(daemon->root, daemon->store, COURIER_LIMIT_S);
    JobsListener listener = {on_job_event, on_job_done, daemon};
    daemon->jobs = jobs_new(daemon->store, root_dir_path(daemon->root), &listener, error);
    daemon->seed = box_seed(daemon->store);
    daemon->started_at = system_now();
    if (daemon->jobs)
        jobs_set_limit(daemon->jobs, settings_values(daemon->settings)->job_timeout_s);
    return daemon->jobs != NULL;
}

void daemon_close(Daemon *daemon)
{
    if (daemon->wake_source)
        g_source_remove(daemon->wake_source);
    server_stop(daemon->server);
    if (daemon->rest_source)
        g_source_remove(daemon->rest_source);
    jobs_free(daemon->jobs);
    courier_free(daemon->courier);
    events_free(daemon->events);
    schedule_cooldown_clear(&daemon->cooldown);
    g_clear_pointer(&daemon->warnings, g_ptr_array_unref);
    settings_free(daemon->settings);
    store_close(daemon->store);
    root_dir_free(daemon->root);
    g_main_loop_unref(daemon->loop);
}
