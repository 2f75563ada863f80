/* views_apps.c - apps and their candidates, search, and why something waits. */
#include <string.h>

#include "daemon/views_internal.h"

#define HISTORY_LOOK_BACK 200 /* transactions */

static json_t *view_candidate(const StoreOffer *offer)
{
    char **advisories = offer->release->urgency ? offer->release->urgency->advisories : NULL;
    return json_pack("{s:s, s:s, s:o, s:I, s:o, s:s, s:o, s:o, s:{s:s, s:s}}", "version",
                     offer->release->version, "class", urgency_class_name(offer->cls), "advisories",
                     view_strings(advisories), "size", (json_int_t)offer->release->size_bytes, "offered",
                     view_time(offer->offered_at), "verdict", verdict_name(offer->verdict), "at",
                     view_time(offer->at), "deadline", view_time(offer->deadline), "reason", "code",
                     reason_code_name(offer->code), "message", offer->sentence ? offer->sentence : "");
}

static const StoreOffer *find_offer(GPtrArray *offers, const char *app)
{
    for (guint i = 0; i < offers->len; i++)
        if (g_str_equal(((StoreOffer *)offers->pdata[i])->app, app))
            return offers->pdata[i];
    return NULL;
}

static const char *app_state(const Daemon *daemon, const StoreApp *app)
{
    if (app->has_failed)
        return "failed";
    if (!app->enabled)
        return "disabled";
    if (!app->service_program || (!app->pid_file && !app->service_port))
        return "running"; /* nothing that could be seen to run: it is there */
    return system_app_is_running(daemon->root, app->name, app->pid_file, app->service_port) ? "running"
                                                                                            : "stopped";
}

static json_t *view_installed(Daemon *daemon, const StoreApp *app, const StoreOffer *offer, gint64 now)
{
    g_autoptr(GPtrArray) kept = store_kept_list(daemon->store, app->name, "previous", NULL);
    const char *previous = kept && kept->len ? ((StoreKept *)kept->pdata[0])->app->version : NULL;
    Hold *hold = store_hold_for(daemon->store, app->name, now);
    json_t *one = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:o, s:o, s:o, s:o}", "name", app->name, "version", app->version,
        "arch", app->arch, "publisher", app->publisher ? app->publisher : "", "state", app_state(daemon, app),
        "enabled", app->enabled, "install_path", app->install_path, "previous", view_string(previous), "hold",
        hold ? view_hold(hold) : json_null(), "candidate", offer ? view_candidate(offer) : json_null(),
        "failure", view_string(app->failed_reason));
    if (hold)
        hold_free(hold);
    return one;
}

json_t *view_apps(Daemon *daemon, GError **error)
{
    gint64 now = daemon_now(daemon);
    g_autoptr(GPtrArray) offers = daemon_ledger(daemon, now, error);
    g_autoptr(GPtrArray) apps = offers ? store_apps(daemon->store, error) : NULL;
    if (!apps)
        return NULL;
    json_t *list = json_array();
    for (guint i = 0; i < apps->len; i++) {
        const StoreApp *app = apps->pdata[i];
        json_array_append_new(list, view_installed(daemon, app, find_offer(offers, app->name), now));
    }
    return json_pack("{s:s, s:o}", "schema", "appctl.apps/1", "apps", list);
}

static void add_releases(json_t *one, GPtrArray *releases)
{
    json_t *list = json_array();
    for (guint i = 0; i < releases->len; i++) {
        const Release *release = releases->pdata[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:s, s:o}", "version", release->version,
                                              "arch", release->arch, "size", (json_int_t)release->size_bytes,
                                              "class", urgency_class_name(release_class(release)),
                                              "published", view_time(release->published_at)));
    }
    json_object_set_new(one, "releases", list);
}

/* Of an installed app every newer release with the one reason why it is not installed yet; the one to take first. */
static void add_waiting(json_t *one, GPtrArray *offers, const char *app)
{
    json_t *list = json_array();
    for (guint i = 0; i < offers->len; i++)
        if (g_str_equal(((StoreOffer *)offers->pdata[i])->app, app))
            json_array_append_new(list, view_candidate(offers->pdata[i]));
    json_object_set_new(one, "waiting", list);
}

/* An app that is only in the catalogue, by its newest release. */
static json_t *view_available(GPtrArray *releases)
{
    const Release *newest = releases->pdata[releases->len - 1];
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:n, s:n, s:n, s:n, s:n, s:o, s:o, s:n, s:n, s:n, s:s}",
                     "name", newest->name, "version", newest->version, "arch", newest->arch, "publisher",
                     newest->publisher ? newest->publisher : "", "state", "available", "enabled", FALSE,
                     "install_path", "previous", "hold", "candidate", "failure", "requires",
                     view_strings(newest->requires), "conflicts", view_strings(newest->conflicts),
                     "display_name", "archive_sha256", "installed_at", "summary",
                     localized_text(newest->summary, "en"));
}

json_t *view_app(Daemon *daemon, const char *name, GError **error)
{
    if (!app_name_is_valid(name))
        return error_set(error, APPCENTER_ERROR_NOT_FOUND, "no app of that name"), NULL;
    g_autoptr(GError) absent = NULL;
    g_autoptr(GPtrArray) releases = store_catalogue_app(daemon->store, name, error);
    if (!releases)
        return NULL;
    g_autoptr(StoreApp) app = store_app_get(daemon->store, name, &absent);
    json_t *one;
    if (app) {
        gint64 now = daemon_now(daemon);
        g_autoptr(GPtrArray) offers = daemon_ledger_all(daemon, now, error);
        if (!offers)
            return NULL;
        one = view_installed(daemon, app, find_offer(offers, name), now);
        add_waiting(one, offers, name);
        json_object_set_new(one, "display_name", view_string(app->display_name));
        json_object_set_new(one, "requires", view_strings(app->requires));
        json_object_set_new(one, "conflicts", view_strings(app->conflicts));
        json_object_set_new(one, "archive_sha256", view_string(app->archive_sha256));
        json_object_set_new(one, "installed_at", view_time(app->installed_at));
    } else if (releases->len > 0) {
        one = view_available(releases);
    } else {
        return error_set(error, APPCENTER_ERROR_NOT_FOUND,
                         "%s is neither installed nor offered by a repository", name),
               NULL;
    }
    add_releases(one, releases);
    return one;
}

/* What an admin can do about a reason: commands to be typed, in the order of preference. */
static json_t *choices(const StoreOffer *offer)
{
    json_t *list = json_array();
    const char *version = offer->release->version;
    switch (offer->code) {
    case REASON_HELD:
        json_array_append_new(list, json_pack("[o]", json_sprintf("appctl unhold %s", offer->app)));
        json_array_append_new(list,
                              json_pack("[o]", json_sprintf("appctl upgrade %s=%s", offer->app, version)));
        break;
    case REASON_HALTED:
    case REASON_WITHDRAWN:
    case REASON_DEPENDENCY:
    case REASON_OS:
    case REASON_PUBLISHER:
        break; /* nothing that a command changes */
    case REASON_SKIPPED:
        json_array_append_new(list,
                              json_pack("[o]", json_sprintf("appctl unskip %s=%s", offer->app, version)));
        json_array_append_new(list,
                              json_pack("[o]", json_sprintf("appctl upgrade %s=%s", offer->app, version)));
        break;
    case REASON_VETO:
        json_array_append_new(list,
                              json_pack("[o]", json_sprintf("appctl upgrade %s=%s", offer->app, version)));
        break;
    case REASON_STALE:
        json_array_append_new(list, json_pack("[s]", "appctl refresh"));
        break;
    default:
        json_array_append_new(list, json_pack("[o]", json_sprintf("appctl upgrade %s", offer->app)));
    }
    return list;
}

/* How this version came: the newest change that brought it, as far back as history is looked at. */
static char *how_it_came(Daemon *daemon, const StoreApp *app, GError **error)
{
    g_autoptr(GPtrArray) transactions = store_txn_list(daemon->store, HISTORY_LOOK_BACK, error);
    for (guint i = 0; transactions && i < transactions->len; i++) {
        const StoreTxn *txn = transactions->pdata[i];
        for (guint k = 0; g_strcmp0(txn->result, "done") == 0 && k < txn->changes->len; k++) {
            const StoreChange *change = txn->changes->pdata[k];
            if (!g_str_equal(change->app, app->name) || g_strcmp0(change->to_version, app->version) != 0)
                continue;
            g_autofree char *time = units_format_time(txn->finished_at);
            return g_strdup_printf("%s %s came by %s (transaction %" G_GINT64_FORMAT ", %s, %s): %s",
                                   app->name, app->version, change->op, txn->id, txn->trigger, time,
                                   change->reason && *change->reason ? change->reason : "asked for");
        }
    }
    return NULL;
}

/* Why it is here, and here in this version. */
static json_t *because(Daemon *daemon, const StoreApp *app, GError **error)
{
    g_autoptr(GPtrArray) installed = store_installed(daemon->store, error);
    if (!installed)
        return NULL;
    g_autoptr(GPtrArray) sentences = installed_because(installed, app->name);
    g_autoptr(GError) unread = NULL;
    g_autofree char *came = how_it_came(daemon, app, &unread);
    if (unread)
        log_warning("why", "%s", unread->message);
    json_t *list = json_array();
    for (guint i = 0; i < sentences->len; i++)
        json_array_append_new(list, json_string(sentences->pdata[i]));
    if (came)
        json_array_append_new(list, json_string(came));
    return list;
}

json_t *view_why(Daemon *daemon, const char *name, GError **error)
{
    g_autoptr(StoreApp) app = app_name_is_valid(name) ? store_app_get(daemon->store, name, error) : NULL;
    if (!app) {
        if (error && !*error)
            error_set(error, APPCENTER_ERROR_NOT_FOUND, "no app of that name");
        return NULL;
    }
    g_autoptr(GPtrArray) offers = daemon_ledger(daemon, daemon_now(daemon), error);
    if (!offers)
        return NULL;
    json_t *here = because(daemon, app, error);
    if (!here)
        return NULL;
    const StoreOffer *offer = find_offer(offers, name);
    if (!offer)
        return json_pack("{s:s, s:s, s:s, s:o, s:n, s:[], s:[]}", "schema", "appctl.explanation/1", "app",
                         name, "installed", app->version, "because", here, "version", "problems",
                         "solutions");
    return json_pack("{s:s, s:s, s:s, s:o, s:s, s:s, s:[{s:s, s:s}], s:o}", "schema", "appctl.explanation/1",
                     "app", name, "installed", app->version, "because", here, "version",
                     offer->release->version, "verdict", verdict_name(offer->verdict), "problems", "rule",
                     reason_code_name(offer->code), "message", offer->sentence ? offer->sentence : "",
                     "solutions", choices(offer));
}

json_t *view_search(Daemon *daemon, const char *word, GError **error)
{
    g_autoptr(GPtrArray) found = store_catalogue_search(daemon->store, word, 1000, error);
    g_autoptr(GPtrArray) installed = found ? store_installed(daemon->store, error) : NULL;
    if (!installed)
        return NULL;
    json_t *list = json_array();
    for (guint i = 0; i < found->len; i++) {
        const Release *release = found->pdata[i];
        const InstalledApp *app = installed_find(installed, release->name);
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:I, s:o}", "name", release->name,
                                              "version", release->version, "publisher",
                                              release->publisher ? release->publisher : "", "summary",
                                              localized_text(release->summary, "en"), "size",
                                              (json_int_t)release->size_bytes, "installed",
                                              view_string(app ? app->version : NULL)));
    }
    return json_pack("{s:s, s:o}", "schema", "appctl.search/1", "apps", list);
}
