/* cmd_publish.c - the verbs publish, refresh and status. */
#include <stdio.h>
#include <string.h>

#include "vendor/commands.h"
#include "vendor/metadata.h"
#include "vendor/publish.h"

/* What somebody who reads the plan before signing wants to know of one release that is new or newly marked. */
static void explain_release(const Release *release, gint64 now)
{
    g_autofree char *size = units_format_size(release->size_bytes);
    printf("  %s %s %s  %s  class %s\n", release->name, release->version, release->arch, size,
           urgency_class_name(release_class(release)));
    if (release->urgency && urgency_class_is_security(release->urgency->cls)) {
        g_autofree char *ids = g_strjoinv(", ", release->urgency->advisories);
        g_autofree char *within = units_format_duration(release->urgency->install_within_s);
        printf("    fixes %s%s%s; boxes install it within %s of the mark\n",
               *ids ? ids : "(no advisory named)", release->urgency->reason ? ", " : "",
               release->urgency->reason ? release->urgency->reason : "",
               release->urgency->install_within_s ? within : "their own deadline");
    }
    for (guint i = 0; release->rollout && i < release->rollout->curve->len; i++) {
        const CurvePoint *point = &g_array_index(release->rollout->curve, CurvePoint, i);
        g_autofree char *when = units_format_time(MAX(release->rollout->start, now) + point->after_s);
        printf("    from %s: %u.%02u %% of the boxes\n", when, point->permyriad / 100,
               point->permyriad % 100);
    }
}

static gboolean was_published(json_t *release)
{
    json_t *urgency = json_object_get(release, "urgency"), *rollout = json_object_get(release, "rollout");
    return !json_is_null(json_object_get(release, "published")) &&
           !(json_is_object(urgency) && json_is_null(json_object_get(urgency, "urgent_at"))) &&
           !(json_is_object(rollout) && json_is_null(json_object_get(rollout, "start")));
}

/* Prints what is pending; the world in memory gets its times by that, but is not saved. */
static gboolean explain(Repo *repo, gint64 now, GError **error)
{
    gsize i, n = 0;
    json_t *object;
    g_autoptr(GPtrArray) pending = g_ptr_array_new();
    json_array_foreach(json_object_get(repo->world, "releases"), i, object) if (!was_published(object))
        g_ptr_array_add(pending, object);
    g_autoptr(GBytes) filled = publish_catalogue(repo, now, error);
    if (!filled)
        return FALSE;
    printf("would publish: %u releases that are new or newly marked\n", pending->len);
    for (n = 0; n < pending->len; n++) {
        g_autoptr(Release) release = release_from_json(pending->pdata[n], "draft", error);
        if (!release)
            return FALSE;
        release->publisher = g_strdup(json_string_value(json_object_get(repo->world, "publisher")));
        explain_release(release, now);
    }
    json_array_foreach(json_object_get(json_object_get(repo->world, "brake"), "entries"), i, object)
        printf("  brake: %s %s %s\n", json_string_value(json_object_get(object, "action")),
               json_string_value(json_object_get(object, "name")),
               json_string_value(json_object_get(object, "version")));
    return TRUE;
}

static gboolean load(const char *path, char **dirs, Repo **repo, GHashTable **keys, GError **error)
{
    if (!dirs || !*dirs)
        return error_set(error, APPCENTER_ERROR_INVALID, "--keys DIR is needed");
    *repo = repo_open(path, error);
    *keys = *repo ? publish_keys(dirs, error) : NULL;
    return *keys != NULL;
}

static void print_published(const Repo *repo)
{
    g_autoptr(json_t) timestamp = repo_metadata(repo, "timestamp", NULL);
    g_autoptr(json_t) snapshot = repo_metadata(repo, "snapshot", NULL);
    g_autofree char *until = units_format_time(metadata_expires_at(timestamp));
    printf("published: timestamp %" G_GINT64_FORMAT ", snapshot %" G_GINT64_FORMAT
           ", %zu releases; good until %s\n",
           metadata_version(timestamp), metadata_version(snapshot),
           json_array_size(json_object_get(repo->world, "releases")), until);
}

gboolean cmd_publish(int argc, char **argv, gint64 now, GError **error)
{
    g_auto(GStrv) dirs = NULL;
    gboolean is_dry = FALSE;
    const GOptionEntry entries[] = {
        {"keys", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &dirs, "key folder; several are searched in order",
         "DIR"},
        {"dry-run", 0, 0, G_OPTION_ARG_NONE, &is_dry, "say who will see what when; sign nothing", NULL},
        {.long_name = NULL}};
    if (!parse_words("publish", entries, 1, 1, &argc, &argv, error))
        return FALSE;
    g_autoptr(Repo) repo = NULL;
    g_autoptr(GHashTable) keys = NULL;
    if (is_dry) {
        repo = repo_open_to_read(argv[1], error);
        return repo && explain(repo, now, error);
    }
    if (!load(argv[1], dirs, &repo, &keys, error) || !publish_all(repo, keys, now, error))
        return FALSE;
    print_published(repo);
    return TRUE;
}

gboolean cmd_refresh(int argc, char **argv, gint64 now, GError **error)
{
    g_auto(GStrv) dirs = NULL;
    const GOptionEntry entries[] = {{"keys", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &dirs,
                                     "key folder; several are searched in order", "DIR"},
                                    {.long_name = NULL}};
    g_autoptr(Repo) repo = NULL;
    g_autoptr(GHashTable) keys = NULL;
    if (!parse_words("refresh", entries, 1, 1, &argc, &argv, error) ||
        !load(argv[1], dirs, &repo, &keys, error) || !publish_heads(repo, keys, now, error))
        return FALSE;
    print_published(repo);
    return TRUE;
}

static json_t *role_status(const Repo *repo, const char *role, gint64 now, GError **error)
{
    g_autoptr(GError) broken = NULL;
    g_autoptr(json_t) metadata = repo_metadata(repo, role, &broken);
    if (broken) {
        g_propagate_error(error, g_steal_pointer(&broken));
        return NULL;
    }
    g_autofree char *expires = units_format_time(metadata_expires_at(metadata));
    return json_pack("{s:s, s:I, s:s, s:I}", "role", role, "version", (json_int_t)metadata_version(metadata),
                     "expires_at", expires, "days_left",
                     (json_int_t)((metadata_expires_at(metadata) - now) / 86400));
}

gboolean cmd_status(int argc, char **argv, gint64 now, GError **error)
{
    gboolean as_json = FALSE;
    const GOptionEntry entries[] = {{"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "print JSON", NULL},
                                    {.long_name = NULL}};
    if (!parse_words("status", entries, 1, 1, &argc, &argv, error))
        return FALSE;
    g_autoptr(Repo) repo = repo_open_to_read(argv[1], error);
    if (!repo)
        return FALSE;
    g_autoptr(json_t) roles = json_array();
    for (const RoleDefault *role = metadata_roles; role->name; role++) {
        json_t *one = role_status(repo, role->name, now, error);
        if (!one)
            return FALSE;
        json_array_append_new(roles, one);
        if (!as_json)
            printf("%-10s version %-4" JSON_INTEGER_FORMAT " expires %s (%" JSON_INTEGER_FORMAT " days)\n",
                   role->name, json_integer_value(json_object_get(one, "version")),
                   json_string_value(json_object_get(one, "expires_at")),
                   json_integer_value(json_object_get(one, "days_left")));
    }
    if (as_json) {
        g_autoptr(json_t) status = json_pack("{s:s, s:O, s:O}", "schema", "appvendor.status/1", "roles",
                                             roles, "releases", json_object_get(repo->world, "releases"));
        g_autofree char *text = json_to_text(status);
        puts(text);
        return TRUE;
    }
    gsize i, n_pending = 0;
    json_t *release;
    json_array_foreach(json_object_get(repo->world, "releases"), i, release) n_pending +=
        !was_published(release);
    printf("releases: %zu, of which %zu wait for publish\n", i, n_pending);
    return TRUE;
}
