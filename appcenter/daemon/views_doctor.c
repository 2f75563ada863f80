/* views_doctor.c - what is wrong with this box, and what to do about each: looked up, never guessed, nothing changed. */
#include <fcntl.h>

#include "base/sandbox.h"
#include "daemon/views.h"
#include "daemon/views_internal.h"

static void find(json_t *list, const char *level, const char *check, const char *help, const char *format,
                 ...) G_GNUC_PRINTF(5, 6);
static void find(json_t *list, const char *level, const char *check, const char *help, const char *format,
                 ...)
{
    va_list words;
    va_start(words, format);
    g_autofree char *message = g_strdup_vprintf(format, words);
    va_end(words);
    json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:s}", "level", level, "check", check, "message",
                                          view_string(message), "help", help));
}

static gboolean look_at_database(Daemon *daemon, json_t *list, GError **error)
{
    gsize i;
    json_t *note, *found = NULL;
    if (!store_damage(daemon->store, &found, error))
        return FALSE;
    g_autoptr(json_t) damage = found;
    if (!damage) {
        find(list, "ok", "database", "", "the state is whole");
        return TRUE;
    }
    find(list, "error", "database",
         "look at what follows and at appctl list; agree with appctl doctor --accept, and changes are "
         "possible again",
         "the state was damaged (%s) and comes from %s since %s; nothing is changed until you agree",
         json_string_value(json_object_get(damage, "why")),
         json_string_value(json_object_get(damage, "restored_from")),
         json_string_value(json_object_get(damage, "at")));
    json_array_foreach(json_object_get(damage, "notes"), i, note)
        find(list, "warning", "database", "see that this is as you know it", "%s", json_string_value(note));
    return TRUE;
}

static void look_at_clock(const json_t *status, json_t *list)
{
    const json_t *clock = json_object_get(status, "clock");
    if (json_is_true(json_object_get(clock, "ok")))
        find(list, "ok", "clock", "", "the clock is not behind what was signed");
    else
        find(list, "error", "clock", "set the clock, or have it set by NTP",
             "the clock is behind %s, a time that was signed already",
             json_string_value(json_object_get(clock, "floor")));
}

static void look_at_space(Daemon *daemon, json_t *list)
{
    const SettingsValues *values = settings_values(daemon->settings);
    const char *const places[] = {values->volume, STORE_STATE_DIR};
    for (gsize i = 0; i < G_N_ELEMENTS(places); i++) {
        SystemSpace space;
        g_autoptr(GError) failure = NULL;
        g_auto(Fd) fd = root_dir_openat(daemon->root, places[i], O_RDONLY | O_DIRECTORY, 0, &failure);
        if (fd < 0 || !system_space(fd, &space, &failure)) {
            find(list, "error", "space", "is the volume mounted?", "%s", failure->message);
            continue;
        }
        g_autofree char *have = units_format_size(space.free_bytes);
        g_autofree char *want = units_format_size(values->reserve_bytes);
        gboolean is_enough = space.free_bytes >= values->reserve_bytes;
        find(list, is_enough ? "ok" : "error", "space", is_enough ? "" : "free some: no app can be updated",
             is_enough ? "%s: %s free" : "%s: %s free, %s is kept in reserve", places[i], have, want);
    }
}

static gint64 time_of(const json_t *repository, const char *member)
{
    gint64 at = 0;
    const char *text = json_string_value(json_object_get(repository, member));
    return text && units_parse_time(text, &at) ? at : 0;
}

static void look_at_repository(const json_t *repository, gint64 now, json_t *list)
{
    const char *name = json_string_value(json_object_get(repository, "name"));
    const json_t *failure = json_object_get(repository, "error");
    gint64 good_until = time_of(repository, "expires_at"), last = time_of(repository, "last_success");
    g_autofree char *age = units_format_age(MAX(now - last, 0));
    if (!json_is_true(json_object_get(repository, "enabled"))) {
        find(list, "warning", "repository", "set enabled = yes in its file, or remove it", "%s is not asked",
             name);
    } else if (json_is_true(json_object_get(repository, "stale"))) {
        find(list, "error", "repository",
             "ask its vendor by another way whether there are updates; somebody may be "
             "keeping them from this box",
             "%s: no news for twice the time that it promised, last %s ago", name, age);
    } else if (json_is_object(failure)) {
        find(list, "error", "repository",
             "look at the network, the proxy and the clock, then: appctl refresh", "%s: %s", name,
             json_string_value(json_object_get(failure, "message")));
    } else if (!last) {
        find(list, "warning", "repository", "ask it: appctl refresh", "%s was never asked", name);
    } else if (good_until && good_until <= now) {
        find(list, "error", "repository", "ask it: appctl refresh; if that does not help, its vendor",
             "%s: what it said ran out", name);
    } else {
        find(list, "ok", "repository", "", "%s answered %s ago", name, age);
    }
}

static void look_at_apps(json_t *apps, json_t *list)
{
    gsize i, n_failed = 0;
    json_t *app;
    json_array_foreach(json_object_get(apps, "apps"), i, app)
    {
        if (g_strcmp0(json_string_value(json_object_get(app, "state")), "failed") != 0)
            continue;
        const char *why = json_string_value(json_object_get(app, "failed_reason"));
        find(list, "error", "app", "try: appctl start APP, appctl verify APP, appctl rollback APP",
             "%s does not run%s%s", json_string_value(json_object_get(app, "name")), why ? ": " : "",
             why ? why : "");
        n_failed++;
    }
    if (n_failed == 0)
        find(list, "ok", "app", "", "%zu apps, none has failed", i);
}

static gboolean look_at_transactions(Daemon *daemon, json_t *list, GError **error)
{
    g_autoptr(GPtrArray) open = store_txn_open_list(daemon->store, error);
    if (!open)
        return FALSE;
    for (guint i = 0; i < open->len && jobs_is_idle(daemon->jobs); i++)
        find(list, "error", "transaction", "look at appctl history; the next start tries again",
             "transaction %" G_GINT64_FORMAT " could be neither finished nor undone",
             ((const StoreTxn *)open->pdata[i])->id);
    return TRUE;
}

static void look_at_kernel(json_t *list)
{
    guint missing = sandbox_probe();
    if (missing & SANDBOX_MISSING_LANDLOCK)
        find(list, "warning", "sandbox", "a kernel from 5.13 on has it",
             "no Landlock: archives are unpacked without it");
    if (missing & SANDBOX_MISSING_SECCOMP)
        find(list, "warning", "sandbox", "a kernel with CONFIG_SECCOMP_FILTER has it",
             "no seccomp filters: archives are unpacked without them");
    if (!missing)
        find(list, "ok", "sandbox", "", "archives are unpacked in Landlock and seccomp");
}

static void look_at_config(Daemon *daemon, json_t *list)
{
    for (guint i = 0; i < daemon->warnings->len; i++)
        find(list, "warning", "config", "mend it, then: appcenterd --check-config", "%s",
             (const char *)daemon->warnings->pdata[i]);
    if (daemon->warnings->len == 0)
        find(list, "ok", "config", "", "the configuration is understood");
}

static gboolean is_ok(const json_t *list)
{
    for (gsize i = 0; i < json_array_size(list); i++)
        if (g_str_equal(json_string_value(json_object_get(json_array_get(list, i), "level")), "error"))
            return FALSE;
    return TRUE;
}

json_t *view_doctor(Daemon *daemon, GError **error)
{
    gsize i;
    json_t *repository;
    g_autoptr(json_t) list = json_array();
    g_autoptr(json_t) status = view_status(daemon, error);
    g_autoptr(json_t) apps = status ? view_apps(daemon, error) : NULL;
    g_autoptr(json_t) repositories = apps ? view_repositories(daemon, error) : NULL;
    if (!repositories || !look_at_database(daemon, list, error) || !look_at_transactions(daemon, list, error))
        return NULL;
    look_at_clock(status, list);
    look_at_space(daemon, list);
    json_array_foreach(json_object_get(repositories, "repositories"), i, repository)
        look_at_repository(repository, daemon_now(daemon), list);
    if (i == 0)
        find(list, "warning", "repository", "add one: appctl repo add NAME URL --root-key FILE",
             "there is no repository: nothing will ever be updated");
    look_at_apps(apps, list);
    look_at_kernel(list);
    look_at_config(daemon, list);
    return json_pack("{s:s, s:b, s:O}", "schema", "appctl.doctor/1", "ok", is_ok(list), "findings", list);
}
