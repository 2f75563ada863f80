/* cmd_status.c - `appvendor status`: how old everything is, whose keys are missing, what waits; for people and monitors. */
#include <stdio.h>
#include <string.h>

#include "vendor/advisories.h"
#include "vendor/bins.h"
#include "vendor/cmd_draft.h"
#include "vendor/commands.h"
#include "vendor/draft.h"
#include "vendor/explain.h"
#include "vendor/metadata.h"
#include "vendor/publish.h"

#define DAY_S             86400
#define MARGIN_MAX_S      (30 * DAY_S)
#define MARGIN_PARTS_OF_1 4 /* a quarter of a role's life, at most 30 days */

typedef struct {
    const Repo *repo;
    json_t *root, *targets; /* in force, whole */
    json_t *releases;       /* the same, or NULL */
    GHashTable *margins;    /* role or "" for all -> gint64* */
    KeySource *source;      /* NULL: no --keys */
    gint64 now;
    GString *short_of; /* what is below its margin */
} Status;

static gboolean parse_margins(char **words, GHashTable *margins, GError **error)
{
    for (char **word = words; word && *word; word++) {
        gint64 seconds = 0;
        const char *equals = strchr(*word, '=');
        if (!units_parse_duration(equals ? equals + 1 : *word, &seconds))
            return error_set(error, APPCENTER_ERROR_INVALID,
                             "--margin: wanted [ROLE=]TIME such as 14d, found \"%s\"", *word);
        g_hash_table_insert(margins, equals ? g_strndup(*word, (gsize)(equals - *word)) : g_strdup(""),
                            g_memdup2(&seconds, sizeof seconds));
    }
    return TRUE;
}

static gint64 margin_of(const Status *status, const char *role)
{
    const gint64 *given = g_hash_table_lookup(status->margins, role);
    if (!given)
        given = g_hash_table_lookup(status->margins, "");
    return given ? *given : MIN(repo_life_s(status->repo, role) / MARGIN_PARTS_OF_1, MARGIN_MAX_S);
}

static gboolean holds(GPtrArray *keys, const char *id)
{
    for (guint i = 0; i < keys->len; i++)
        if (g_str_equal(public_key_id(private_key_public(keys->pdata[i])), id))
            return TRUE;
    return FALSE;
}

/* Key ids that no folder given holds. */
static json_t *missing_keys(const Status *status, const char *role, json_t *ids, GError **error)
{
    json_t *missing = json_array();
    g_autoptr(GPtrArray) keys = keys_load(status->source, role, error);
    if (!keys)
        return NULL;
    for (gsize i = 0; i < json_array_size(ids); i++)
        if (!holds(keys, json_string_value(json_array_get(ids, i))))
            json_array_append(missing, json_array_get(ids, i));
    return missing;
}

static void note_margin(const Status *status, const char *role, const json_t *metadata)
{
    gint64 left = metadata_expires_at(metadata) - status->now;
    gint64 margin = margin_of(status, role);
    if (left > 0 && left >= margin)
        return;
    g_autofree char *wanted = units_format_age(margin);
    g_autofree char *found = units_format_age(ABS(left));
    g_string_append_printf(status->short_of, "%s%s %" G_GINT64_FORMAT " %s %s (wanted at least %s left)",
                           status->short_of->len ? "; " : "", role, metadata_version(metadata),
                           left > 0 ? "runs out in" : "ran out before", found, wanted);
}

static json_t *describe_role(const Status *status, const char *role, json_t *delegator, GError **error)
{
    g_autoptr(GError) broken = NULL;
    g_autoptr(json_t) metadata = repo_metadata(status->repo, role, &broken);
    if (broken) {
        g_propagate_error(error, g_steal_pointer(&broken));
        return NULL;
    }
    json_t *entry = metadata_role_entry(delegator, role);
    json_t *ids = json_object_get(entry, "keyids");
    gint64 left = metadata_expires_at(metadata) - status->now;
    g_autofree char *expires = units_format_time(metadata_expires_at(metadata));
    json_t *object = json_pack("{s:s, s:I, s:s, s:I, s:I, s:I, s:o}", "role", role, "version",
                               (json_int_t)metadata_version(metadata), "expires_at", expires, "days_left",
                               (json_int_t)(left / DAY_S), "seconds_left", (json_int_t)left, "threshold",
                               (json_int_t)json_integer_value(json_object_get(entry, "threshold")), "keys",
                               json_incref(ids));
    if (status->source) {
        json_t *missing = missing_keys(status, role, ids, error);
        if (!missing) {
            json_decref(object);
            return NULL;
        }
        json_object_set_new(object, "missing_keys", missing);
    }
    note_margin(status, role, metadata);
    return object;
}

/* Of all the bins of archives the one that runs out first; NULL where there are none. */
static char *oldest_bin(const Status *status)
{
    gint64 soonest = G_MAXINT64;
    g_autofree char *oldest = NULL;
    guint n_bins = status->releases ? bins_count(status->repo) : 0;
    for (guint bin = 0; bin < n_bins; bin++) {
        g_autofree char *role = bins_role(n_bins, bin);
        g_autoptr(json_t) metadata = repo_metadata(status->repo, role, NULL);
        if (metadata_expires_at(metadata) >= soonest)
            continue;
        soonest = metadata_expires_at(metadata);
        g_free(oldest);
        oldest = g_steal_pointer(&role);
    }
    return g_steal_pointer(&oldest);
}

static gboolean describe_roles(const Status *status, json_t *roles, GError **error)
{
    g_autofree char *bin = oldest_bin(status);
    g_auto(GStrv) publishers = repo_publishers(status->repo);
    for (const RoleDefault *role = metadata_roles; role->name; role++) {
        json_t *one =
            describe_role(status, role->name, role->paths[0] ? status->targets : status->root, error);
        if (!one)
            return FALSE;
        json_array_append_new(roles, one);
    }
    for (char **name = publishers; *name; name++) {
        g_autoptr(json_t) published = repo_metadata(status->repo, *name, NULL);
        if (!published || !metadata_role_entry(status->targets, *name))
            continue;
        json_t *one = describe_role(status, *name, status->targets, error);
        if (!one)
            return FALSE;
        json_array_append_new(roles, one);
    }
    json_t *one = bin ? describe_role(status, bin, status->releases, error) : NULL;
    if (one)
        json_array_append_new(roles, one);
    return one || !bin;
}

static json_t *describe_drafts(const Repo *repo, GError **error)
{
    g_auto(GStrv) roles = draft_list(repo, error);
    g_autoptr(json_t) list = json_array();
    for (char **role = roles; role && *role; role++) {
        g_autoptr(json_t) draft = draft_load(repo, *role, error);
        g_autoptr(GPtrArray) delegators = draft ? draft_delegators(repo, *role, draft, error) : NULL;
        if (!delegators)
            return NULL;
        json_array_append_new(list, json_pack("{s:s, s:I, s:o}", "role", *role, "version",
                                              (json_int_t)metadata_version(draft), "signed",
                                              draft_progress(draft, *role, delegators)));
    }
    return roles ? g_steal_pointer(&list) : NULL;
}

static void print_role(json_t *role)
{
    gint64 left = json_integer_value(json_object_get(role, "seconds_left"));
    json_t *missing = json_object_get(role, "missing_keys");
    g_autofree char *age = units_format_age(ABS(left));
    printf("%-10s version %-4" JSON_INTEGER_FORMAT " expires %s (%s%s)  %zu keys, %" JSON_INTEGER_FORMAT
           " needed\n",
           json_string_value(json_object_get(role, "role")),
           json_integer_value(json_object_get(role, "version")),
           json_string_value(json_object_get(role, "expires_at")), left < 0 ? "over since " : "", age,
           json_array_size(json_object_get(role, "keys")),
           json_integer_value(json_object_get(role, "threshold")));
    for (gsize i = 0; i < json_array_size(missing); i++)
        printf("%-10s   not in the folders given: key %.16s\n", "",
               json_string_value(json_array_get(missing, i)));
}

static gboolean print_people(const Status *status, json_t *roles, GError **error)
{
    gsize i, n_pending = 0;
    json_t *release;
    for (i = 0; i < json_array_size(roles); i++)
        print_role(json_array_get(roles, i));
    json_array_foreach(json_object_get(status->repo->world, "releases"), i, release) n_pending +=
        !release_was_published(release);
    printf("releases: %zu, of which %zu wait for publish\n", i, n_pending);
    return explain_standing(status->repo, status->now, error) && drafts_print(status->repo, error);
}

static gboolean print_json(const Status *status, json_t *roles, GError **error)
{
    g_autoptr(json_t) drafts = describe_drafts(status->repo, error);
    g_autoptr(json_t) marks = drafts ? explain_marks(status->repo, status->now, error) : NULL;
    if (!marks)
        return FALSE;
    json_t *records = advisories_records(status->repo);
    json_t *world = status->repo->world;
    g_autoptr(json_t) value =
        json_pack("{s:s, s:O, s:O, s:O, s:O, s:O, s:o}", "schema", "appvendor.status/1", "roles", roles,
                  "drafts", drafts, "releases", json_object_get(world, "releases"), "marks", marks, "brake",
                  json_object_get(json_object_get(world, "brake"), "entries"), "advisories",
                  records ? json_incref(records) : json_array());
    g_autofree char *text = json_to_text(value);
    puts(text);
    return TRUE;
}

static gboolean tell(Status *status, gboolean as_json, GError **error)
{
    g_autoptr(json_t) root = repo_metadata(status->repo, "root", error);
    g_autoptr(json_t) targets = root ? repo_targets(status->repo, error) : NULL;
    g_autoptr(json_t) releases = repo_metadata(status->repo, "releases", NULL);
    g_autoptr(json_t) roles = json_array();
    status->root = root;
    status->releases = releases;
    status->targets = targets;
    if (!targets || !describe_roles(status, roles, error) ||
        !(as_json ? print_json(status, roles, error) : print_people(status, roles, error)))
        return FALSE;
    return status->short_of->len == 0 || error_set(error, APPCENTER_ERROR_IO, "%s", status->short_of->str);
}

gboolean cmd_status(int argc, char **argv, gint64 now, GError **error)
{
    gboolean as_json = FALSE;
    g_auto(GStrv) margins = NULL, dirs = NULL;
    g_autofree char *signer = NULL;
    const GOptionEntry entries[] = {
        {"margin", 0, 0, G_OPTION_ARG_STRING_ARRAY, &margins, "exit 1 when less time than this is left",
         "[ROLE=]T"},
        {"keys", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &dirs, "key folder: names the keys that are not there",
         "DIR"},
        {"signer", 0, 0, G_OPTION_ARG_STRING, &signer, "program for keys that are elsewhere", "CMD"},
        {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "print JSON", NULL},
        {.long_name = NULL}};
    g_autoptr(GHashTable) table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_auto(KeySource) source = {0};
    if (!parse_words("status", entries, 1, 1, &argc, &argv, error) || !parse_margins(margins, table, error) ||
        (dirs && !key_source_init(&source, dirs, signer, error)))
        return FALSE;
    g_autoptr(Repo) repo = repo_open_to_read(argv[1], error);
    g_autoptr(GString) short_of = g_string_new(NULL);
    Status status = {
        .repo = repo, .margins = table, .source = dirs ? &source : NULL, .now = now, .short_of = short_of};
    return repo && tell(&status, as_json, error);
}
