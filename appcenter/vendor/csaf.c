/* csaf.c - one advisory as a CSAF 2.0 document (OASIS, profile 4: security advisory), for people's vulnerability tools.
 *
 * Every affected range is a product "PhotoStation <6.1.2", every fixed version a product "PhotoStation 6.1.2"; those of an OS
 * line are products of their own, related to that line by installed_on. Only what the record says is said.
 */
#include <string.h>

#include "vendor/advisories.h"

#define VENDOR_BRANCH "vendor"

typedef struct {
    json_t *branches;      /* app -> json array of its branches */
    json_t *systems;       /* OS line -> its branch */
    json_t *relationships; /* array */
    json_t *affected, *fixed;
    json_t *remediations;
} Products;

static void products_clear(Products *products)
{
    json_decref(products->branches);
    json_decref(products->systems);
    json_decref(products->relationships);
    json_decref(products->affected);
    json_decref(products->fixed);
    json_decref(products->remediations);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Products, products_clear)

static const char *text_of(const json_t *object, const char *member)
{
    return json_string_value(json_object_get(object, member));
}

static gboolean has_text(const json_t *array, const char *text)
{
    for (gsize i = 0; i < json_array_size(array); i++)
        if (g_strcmp0(json_string_value(json_array_get(array, i)), text) == 0)
            return TRUE;
    return FALSE;
}

static void add_text(json_t *array, const char *text)
{
    if (!has_text(array, text))
        json_array_append_new(array, json_string(text));
}

/* --- products --- */

static json_t *branch(const char *category, const char *name, const char *full_name, const char *id)
{
    return json_pack("{s:s, s:s, s:{s:s, s:s}}", "category", category, "name", name, "product", "name",
                     full_name, "product_id", id);
}

static json_t *branches_of(Products *products, const char *app)
{
    json_t *list = json_object_get(products->branches, app);
    if (!list) {
        list = json_array();
        json_object_set_new(products->branches, app, list);
    }
    return list;
}

static gboolean has_product(const json_t *branches, const char *id)
{
    for (gsize i = 0; i < json_array_size(branches); i++)
        if (g_strcmp0(text_of(json_object_get(json_array_get(branches, i), "product"), "product_id"), id) ==
            0)
            return TRUE;
    return FALSE;
}

/* The product of an app's version, or range of them, on an OS line or on any; its id. */
static char *product(Products *products, const char *app, const char *category, const char *version,
                     const char *os_line)
{
    g_autofree char *id = g_strdup_printf("%s:%s", app, version);
    g_autofree char *name = g_strdup_printf("%s %s", app, version);
    json_t *branches = branches_of(products, app);
    if (!has_product(branches, id))
        json_array_append_new(branches, branch(category, version, name, id));
    if (!os_line)
        return g_steal_pointer(&id);
    g_autofree char *system_id = g_strdup_printf("os:%s", os_line);
    g_autofree char *system_name = g_strdup_printf("NAS operating system %s", os_line);
    if (!json_object_get(products->systems, os_line))
        json_object_set_new(products->systems, os_line,
                            branch("product_version", os_line, system_name, system_id));
    g_autofree char *both = g_strdup_printf("%s@%s", id, system_id);
    g_autofree char *both_name = g_strdup_printf("%s on %s", name, system_name);
    for (gsize i = 0; i < json_array_size(products->relationships); i++) {
        const json_t *one = json_array_get(products->relationships, i);
        if (g_strcmp0(text_of(json_object_get(one, "full_product_name"), "product_id"), both) == 0)
            return g_steal_pointer(&both);
    }
    json_array_append_new(products->relationships,
                          json_pack("{s:s, s:s, s:s, s:{s:s, s:s}}", "category", "installed_on",
                                    "product_reference", id, "relates_to_product_reference", system_id,
                                    "full_product_name", "name", both_name, "product_id", both));
    return g_steal_pointer(&both);
}

/* ">=6.0|<6.1.2": CSAF's "vers-like specifier". */
static char *range_text(const AffectedRange *range)
{
    gboolean from_start = g_str_equal(range->introduced, "0");
    if (from_start && !range->fixed)
        return g_strdup(">=0");
    return g_strdup_printf("%s%s%s%s%s", from_start ? "" : ">=", from_start ? "" : range->introduced,
                           from_start || !range->fixed ? "" : "|", range->fixed ? "<" : "",
                           range->fixed ? range->fixed : "");
}

static void add_remedy(Products *products, const char *category, const char *details, const char *id)
{
    for (gsize i = 0; i < json_array_size(products->remediations); i++) {
        json_t *one = json_array_get(products->remediations, i);
        if (g_strcmp0(text_of(one, "details"), details) == 0) {
            add_text(json_object_get(one, "product_ids"), id);
            return;
        }
    }
    json_array_append_new(products->remediations, json_pack("{s:s, s:s, s:[s]}", "category", category,
                                                            "details", details, "product_ids", id));
}

static void add_line(Products *products, const AdvisoryLine *line)
{
    const AffectedRange *range = line->range;
    const char *app = line->advisory->app;
    g_autofree char *affected = range_text(range);
    g_autofree char *id = product(products, app, "product_version_range", affected, range->os_line);
    add_text(products->affected, id);
    if (!range->fixed) {
        add_remedy(products, "none_available", "There is no fixed version.", id);
        return;
    }
    g_autofree char *fixed = product(products, app, "product_version", range->fixed, range->os_line);
    g_autofree char *details = g_strdup_printf("Update %s to %s or later.", app, range->fixed);
    add_text(products->fixed, fixed);
    add_remedy(products, "vendor_fix", details, id);
}

/* Archives that are bad whatever their version: products of their own. */
static void add_archives(Products *products, const Advisory *advisory)
{
    for (char **digest = advisory->archive_sha256; *digest; digest++) {
        g_autofree char *id = g_strdup_printf("%s:sha256:%s", advisory->app, *digest);
        g_autofree char *name = g_strdup_printf("%s, the archive with SHA-256 %s", advisory->app, *digest);
        if (!has_text(products->affected, id))
            json_array_append_new(branches_of(products, advisory->app),
                                  branch("specification", *digest, name, id));
        add_text(products->affected, id);
        add_remedy(products, "none_available", "This archive is malicious: remove the app.", id);
    }
}

static json_t *product_tree(const Products *products, const char *publisher)
{
    const char *name;
    json_t *list;
    json_t *of_vendor = json_array();
    json_object_foreach(products->branches, name, list) json_array_append_new(
        of_vendor, json_pack("{s:s, s:s, s:O}", "category", "product_name", "name", name, "branches", list));
    if (json_object_size(products->systems) > 0) {
        json_t *versions = json_array();
        json_object_foreach(products->systems, name, list) json_array_append(versions, list);
        json_array_append_new(of_vendor, json_pack("{s:s, s:s, s:o}", "category", "product_name", "name",
                                                   "NAS operating system", "branches", versions));
    }
    json_t *tree = json_pack("{s:[{s:s, s:s, s:o}]}", "branches", "category", VENDOR_BRANCH, "name",
                             publisher, "branches", of_vendor);
    if (json_array_size(products->relationships) > 0)
        json_object_set(tree, "relationships", products->relationships);
    return tree;
}

/* --- the document --- */

static json_t *revision(const char *number, const char *date, const char *summary)
{
    return json_pack("{s:s, s:s, s:s}", "date", date, "number", number, "summary", summary);
}

static json_t *tracking(const json_t *record)
{
    const char *published = text_of(record, "published"), *modified = text_of(record, "modified");
    gboolean is_revised = modified && strcmp(modified, published) > 0;
    json_t *history = json_array();
    json_array_append_new(history, revision("1", published, "Published."));
    if (is_revised)
        json_array_append_new(
            history, revision("2", modified, text_of(record, "withdrawn") ? "Withdrawn." : "Revised."));
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "id", text_of(record, "id"), "initial_release_date",
                     published, "current_release_date", is_revised ? modified : published, "version",
                     is_revised ? "2" : "1", "status", "final", "revision_history", history);
}

static const char *title_of(const json_t *record)
{
    const char *summary = text_of(record, "summary");
    return summary && *summary ? summary : text_of(record, "id");
}

static json_t *document_part(const json_t *record, const char *publisher, const char *space)
{
    g_autofree char *title = g_strdup_printf("%s: %s", text_of(record, "id"), title_of(record));
    return json_pack("{s:s, s:s, s:s, s:{s:s, s:s, s:s}, s:s, s:o}", "category", "csaf_security_advisory",
                     "csaf_version", "2.0", "lang", "en", "publisher", "category", "vendor", "name",
                     publisher, "namespace", space, "title", title, "tracking", tracking(record));
}

static gboolean is_cve(const char *id)
{
    return g_regex_match_simple("^CVE-[0-9]{4}-[0-9]{4,}$", id, 0, 0);
}

/* The first CVE has a member of its own; every other name is an id of whoever gave it. */
static void add_names(json_t *vulnerability, const json_t *record, const char *publisher)
{
    const json_t *aliases = json_object_get(record, "aliases");
    json_t *ids = json_array();
    json_array_append_new(ids,
                          json_pack("{s:s, s:s}", "system_name", publisher, "text", text_of(record, "id")));
    for (gsize i = 0; i < json_array_size(aliases); i++) {
        const char *alias = json_string_value(json_array_get(aliases, i));
        if (is_cve(alias) && !json_object_get(vulnerability, "cve"))
            json_object_set_new(vulnerability, "cve", json_string(alias));
        else
            json_array_append_new(
                ids, json_pack("{s:s, s:s}", "system_name", is_cve(alias) ? "CVE" : "alias", "text", alias));
    }
    json_object_set_new(vulnerability, "ids", ids);
}

static json_t *vulnerability_of(const json_t *record, const Products *products, const char *publisher)
{
    const char *details = text_of(record, "details");
    json_t *vulnerability = json_object();
    json_t *notes = json_array();
    add_names(vulnerability, record, publisher);
    json_array_append_new(notes, json_pack("{s:s, s:s}", "category", "summary", "text", title_of(record)));
    if (details && *details)
        json_array_append_new(notes, json_pack("{s:s, s:s}", "category", "description", "text", details));
    json_object_set_new(vulnerability, "notes", notes);
    json_t *status = json_pack("{s:O}", "known_affected", products->affected);
    if (json_array_size(products->fixed) > 0)
        json_object_set(status, "fixed", products->fixed);
    json_object_set_new(vulnerability, "product_status", status);
    json_object_set(vulnerability, "remediations", products->remediations);
    return vulnerability;
}

static gboolean check_words(const char *publisher, const char *space, GError **error)
{
    if (!*publisher || !g_utf8_validate(publisher, -1, NULL))
        return error_set(error, APPCENTER_ERROR_INVALID, "--publisher: wanted a name");
    if (!g_uri_is_valid(space, G_URI_FLAGS_NONE, NULL))
        return error_set(error, APPCENTER_ERROR_INVALID, "--namespace: wanted a URI, found \"%s\"", space);
    return TRUE;
}

json_t *csaf_document(const Repo *repo, json_t *record, const char *publisher, const char *space,
                      GError **error)
{
    g_autoptr(GPtrArray) advisories = advisories_parse_record(record, error);
    if (!advisories || !check_words(publisher, space, error))
        return NULL;
    g_autoptr(GPtrArray) lines = advisories_lines(repo, advisories, NULL);
    g_auto(Products)
        products = {json_object(), json_object(), json_array(), json_array(), json_array(), json_array()};
    for (guint i = 0; i < lines->len; i++)
        add_line(&products, lines->pdata[i]);
    for (guint i = 0; i < advisories->len; i++)
        add_archives(&products, advisories->pdata[i]);
    if (json_array_size(products.affected) == 0) {
        error_set(error, APPCENTER_ERROR_INVALID, "it names no affected version, which CSAF wants");
        return NULL;
    }
    return json_pack("{s:o, s:o, s:[o]}", "document", document_part(record, publisher, space), "product_tree",
                     product_tree(&products, publisher), "vulnerabilities",
                     vulnerability_of(record, &products, publisher));
}
