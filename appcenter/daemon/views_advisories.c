/* views_advisories.c - advisories of all repositories and what they say of the installed apps. */
#include <string.h>

#include "daemon/views_internal.h"

#define AUDIT_FIX         "fix-available"
#define AUDIT_NOT_OFFERED "fix-not-offered" /* the advisory names one, no repository has it yet */
#define AUDIT_NO_FIX      "no-fix"
#define AUDIT_MALICIOUS   "malicious"

/* All advisories of all repositories; Advisory*. One repository's broken file is a warning, not the end of
 * the view. */
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

/* Entries of one record (one for each affected app) become one element; by_id finds it again. */
static json_t *element_of(json_t *list, GHashTable *by_id, const Advisory *advisory)
{
    json_t *one = g_hash_table_lookup(by_id, advisory->id);
    if (one)
        return one;
    one = json_pack("{s:s, s:o, s:s, s:o, s:o, s:b, s:[]}", "id", advisory->id, "aliases",
                    view_strings(advisory->aliases), "class", urgency_class_name(advisory->cls), "summary",
                    view_string(advisory->summary), "published", view_time(advisory->published_at),
                    "withdrawn", advisory->withdrawn, "affects_installed");
    json_array_append_new(list, one);
    g_hash_table_insert(by_id, advisory->id, one);
    return one;
}

json_t *view_advisories(Daemon *daemon, GError **error)
{
    g_autoptr(GPtrArray) all = load_advisories(daemon, error);
    g_autoptr(GPtrArray) apps = all ? store_apps(daemon->store, error) : NULL;
    if (!apps)
        return NULL;
    g_autofree char *os_version = system_os_version(daemon->root, settings_values(daemon->settings));
    g_autoptr(GHashTable) by_id = g_hash_table_new(g_str_hash, g_str_equal);
    json_t *list = json_array();
    for (guint i = 0; i < all->len; i++) {
        const Advisory *advisory = all->pdata[i];
        json_t *one = element_of(list, by_id, advisory);
        for (guint j = 0; j < apps->len; j++) {
            const StoreApp *app = apps->pdata[j];
            if (advisory_affects(advisory, app->name, app->version, os_version, NULL) ||
                advisory_names_archive(advisory, app->name, app->archive_sha256))
                json_array_append_new(json_object_get(one, "affects_installed"), json_string(app->name));
        }
    }
    return json_pack("{s:s, s:o}", "schema", "appctl.advisories/1", "advisories", list);
}

static gboolean is_member(json_t *object, const char *member, const char *text)
{
    return g_strcmp0(json_string_value(json_object_get(object, member)), text) == 0;
}

static gboolean has_finding(json_t *findings, const char *app, const char *advisory)
{
    for (gsize i = 0; i < json_array_size(findings); i++) {
        json_t *one = json_array_get(findings, i);
        if (is_member(one, "app", app) && is_member(one, "advisory", advisory))
            return TRUE;
    }
    return FALSE;
}

static void add_finding(json_t *findings, const char *app, const char *version, const char *advisory,
                        const char *fixed, const char *status, UrgencyClass cls)
{
    if (has_finding(findings, app, advisory))
        return;
    json_array_append_new(findings,
                          json_pack("{s:s, s:s, s:o, s:o, s:s, s:s}", "app", app, "version", version,
                                    "advisory", view_string(advisory), "fixed_version", view_string(fixed),
                                    "status", status, "class", urgency_class_name(cls)));
}

typedef struct {
    Store *store;
    GPtrArray *offers; /* StoreOffer* */
    json_t *findings;
} Audit;

/* By the ledger or by the catalogue, of which the ledger outlives a cache that is made anew. */
static gboolean is_offered(const Audit *audit, const char *app, const char *fixed)
{
    for (guint i = 0; i < audit->offers->len; i++) {
        const StoreOffer *offer = audit->offers->pdata[i];
        if (strcmp(offer->app, app) == 0 && version_compare(offer->release->version, fixed) >= 0)
            return TRUE;
    }
    g_autoptr(GPtrArray) releases = store_catalogue_app(audit->store, app, NULL);
    for (guint i = 0; releases && i < releases->len; i++)
        if (version_compare(((const Release *)releases->pdata[i])->version, fixed) >= 0)
            return TRUE;
    return FALSE;
}

/* fixed: the version that the advisory names, or NULL. */
static const char *status_of_fix(const Audit *audit, const char *app, const char *fixed)
{
    if (!fixed)
        return AUDIT_NO_FIX;
    return is_offered(audit, app, fixed) ? AUDIT_FIX : AUDIT_NOT_OFFERED;
}

/* What the advisories say of the installed apps; an archive that one of them names is malicious, whatever
 * its version. */
static void audit_advisories(const Audit *audit, GPtrArray *advisories, GPtrArray *apps,
                             const char *os_version)
{
    for (guint i = 0; i < advisories->len; i++) {
        const Advisory *advisory = advisories->pdata[i];
        for (guint j = 0; j < apps->len && !advisory->withdrawn; j++) {
            const StoreApp *app = apps->pdata[j];
            const char *fixed = NULL;
            if (advisory_names_archive(advisory, app->name, app->archive_sha256))
                add_finding(audit->findings, app->name, app->version, advisory->id, NULL, AUDIT_MALICIOUS,
                            CLASS_EMERGENCY);
            else if (advisory_affects(advisory, app->name, app->version, os_version, &fixed))
                add_finding(audit->findings, app->name, app->version, advisory->id, fixed,
                            status_of_fix(audit, app->name, fixed), advisory->cls);
        }
    }
}

/* A security mark without an advisory record still is a finding: the vendor said that the fix is urgent. */
static void audit_offers(const Audit *audit)
{
    for (guint i = 0; i < audit->offers->len; i++) {
        const StoreOffer *offer = audit->offers->pdata[i];
        const Urgency *urgency = offer->release->urgency;
        if (!urgency_class_is_security(offer->cls) || !urgency)
            continue;
        for (char **id = urgency->advisories; *id; id++)
            add_finding(audit->findings, offer->app, offer->installed_version, *id, offer->release->version,
                        AUDIT_FIX, offer->cls);
        if (!*urgency->advisories)
            add_finding(audit->findings, offer->app, offer->installed_version, NULL, offer->release->version,
                        AUDIT_FIX, offer->cls);
    }
}

json_t *view_audit(Daemon *daemon, GError **error)
{
    g_autoptr(GPtrArray) advisories = load_advisories(daemon, error);
    g_autoptr(GPtrArray) apps = advisories ? store_apps(daemon->store, error) : NULL;
    g_autoptr(GPtrArray) offers = apps ? daemon_ledger(daemon, daemon_now(daemon), error) : NULL;
    if (!offers)
        return NULL;
    g_autofree char *os_version = system_os_version(daemon->root, settings_values(daemon->settings));
    const Audit audit = {daemon->store, offers, json_array()};
    audit_advisories(&audit, advisories, apps, os_version);
    audit_offers(&audit);
    return json_pack("{s:s, s:o}", "schema", "appctl.audit/1", "findings", audit.findings);
}

gboolean view_audit_has_emergency(json_t *audit)
{
    json_t *findings = json_object_get(audit, "findings");
    for (gsize i = 0; i < json_array_size(findings); i++)
        if (is_member(json_array_get(findings, i), "class", urgency_class_name(CLASS_EMERGENCY)))
            return TRUE;
    return FALSE;
}
