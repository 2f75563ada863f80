/* views_advisories.c - advisories of all repositories and what they say of the installed apps. */
#include <string.h>

#include "daemon/views_internal.h"

/* All advisories of all repositories; Advisory*. One repository's broken file is a warning, not the end of the view. */
static GPtrArray *load_advisories(Daemon *daemon, GError **error)
{
    g_autoptr(GPtrArray) repos = store_repos(daemon->store, error);
    if (!repos)
        return NULL;
    GPtrArray *all = g_ptr_array_new_with_free_func((GDestroyNotify)advisory_free);
    for (guint i = 0; i < repos->len; i++) {
        const StoreRepo *repo = repos->pdata[i];
        g_autoptr(GError) broken = NULL;
        if (!repo->advisories)
            continue;
        GPtrArray *some = advisories_parse(repo->advisories, strlen(repo->advisories), &broken);
        if (some)
            g_ptr_array_extend_and_steal(all, some);
        else
            log_warning("advisories", "%s: %s", repo->name, broken->message);
    }
    return all;
}

static json_t *find_by_id(json_t *list, const char *id)
{
    gsize i;
    json_t *one;
    json_array_foreach(list, i, one)
        if (g_strcmp0(json_string_value(json_object_get(one, "id")), id) == 0)
            return one;
    return NULL;
}

/* Entries of one record (one for each affected app) become one element. */
static json_t *element_of(json_t *list, const Advisory *advisory)
{
    json_t *one = find_by_id(list, advisory->id);
    if (one)
        return one;
    one = json_pack("{s:s, s:o, s:s, s:o, s:o, s:b, s:[]}", "id", advisory->id, "aliases", view_strings(advisory->aliases),
                    "class", urgency_class_name(advisory->cls), "summary", view_string(advisory->summary), "published",
                    view_time(advisory->published_at), "withdrawn", advisory->withdrawn, "affects_installed");
    json_array_append_new(list, one);
    return one;
}

json_t *view_advisories(Daemon *daemon, GError **error)
{
    g_autoptr(GPtrArray) all = load_advisories(daemon, error);
    g_autoptr(GPtrArray) installed = all ? store_installed(daemon->store, error) : NULL;
    if (!installed)
        return NULL;
    g_autofree char *os_version = system_os_version(daemon->root, settings_values(daemon->settings));
    json_t *list = json_array();
    for (guint i = 0; i < all->len; i++) {
        const Advisory *advisory = all->pdata[i];
        json_t *one = element_of(list, advisory);
        const InstalledApp *app = installed_find(installed, advisory->app);
        if (app && advisory_affects(advisory, app->name, app->version, os_version, NULL))
            json_array_append_new(json_object_get(one, "affects_installed"), json_string(app->name));
    }
    return json_pack("{s:s, s:o}", "schema", "appctl.advisories/1", "advisories", list);
}

static gboolean has_finding(json_t *findings, const char *app, const char *advisory)
{
    gsize i;
    json_t *one;
    json_array_foreach(findings, i, one)
        if (g_strcmp0(json_string_value(json_object_get(one, "app")), app) == 0 &&
            g_strcmp0(json_string_value(json_object_get(one, "advisory")), advisory) == 0)
            return TRUE;
    return FALSE;
}

static void add_finding(json_t *findings, const char *app, const char *version, const char *advisory, const char *fixed,
                        UrgencyClass cls)
{
    if (has_finding(findings, app, advisory))
        return;
    json_array_append_new(findings, json_pack("{s:s, s:s, s:o, s:o, s:s, s:s}", "app", app, "version", version, "advisory",
                                              view_string(advisory), "fixed_version", view_string(fixed), "status",
                                              fixed ? "fix-available" : "no-fix", "class", urgency_class_name(cls)));
}

json_t *view_audit(Daemon *daemon, GError **error)
{
    g_autoptr(GPtrArray) all = load_advisories(daemon, error);
    g_autoptr(GPtrArray) installed = all ? store_installed(daemon->store, error) : NULL;
    g_autoptr(GPtrArray) offers =
        installed ? store_ledger(daemon->store, daemon->settings, daemon_now(daemon), error) : NULL;
    if (!offers)
        return NULL;
    g_autofree char *os_version = system_os_version(daemon->root, settings_values(daemon->settings));
    json_t *findings = json_array();
    for (guint i = 0; i < all->len; i++) {
        const Advisory *advisory = all->pdata[i];
        const InstalledApp *app = installed_find(installed, advisory->app);
        const char *fixed = NULL;
        if (app && !advisory->withdrawn && advisory_affects(advisory, app->name, app->version, os_version, &fixed))
            add_finding(findings, app->name, app->version, advisory->id, fixed, advisory->cls);
    }
    /* A security mark without an advisory record still is a finding: the vendor said that the fix is urgent. */
    for (guint i = 0; i < offers->len; i++) {
        const StoreOffer *offer = offers->pdata[i];
        const Urgency *urgency = offer->release->urgency;
        if (!urgency_class_is_security(offer->cls) || !urgency)
            continue;
        for (char **id = urgency->advisories; *id; id++)
            add_finding(findings, offer->app, offer->installed_version, *id, offer->release->version, offer->cls);
        if (!*urgency->advisories)
            add_finding(findings, offer->app, offer->installed_version, NULL, offer->release->version, offer->cls);
    }
    return json_pack("{s:s, s:o}", "schema", "appctl.audit/1", "findings", findings);
}

gboolean view_audit_has_emergency(json_t *audit)
{
    gsize i;
    json_t *one;
    json_array_foreach(json_object_get(audit, "findings"), i, one)
        if (g_strcmp0(json_string_value(json_object_get(one, "class")), urgency_class_name(CLASS_EMERGENCY)) == 0)
            return TRUE;
    return FALSE;
}
