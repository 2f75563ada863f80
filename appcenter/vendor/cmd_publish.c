/* cmd_publish.c - the verbs publish and refresh. */
#include <stdio.h>
#include <string.h>

#include "vendor/cmd_draft.h"
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

static gboolean fill_all(Repo *repo, gint64 now, GError **error)
{
    g_auto(GStrv) publishers = repo_publishers(repo);
    g_autoptr(GBytes) own = publish_catalogue(repo, "vendor", NULL, now, error);
    for (char **name = publishers; own && *name; name++) {
        g_autoptr(GBytes) theirs = publish_catalogue(repo, *name, NULL, now, error);
        if (!theirs)
            return FALSE;
    }
    return own != NULL;
}

/* Prints what is pending; the world in memory gets its times by that, but is not saved. */
static gboolean explain(Repo *repo, gint64 now, GError **error)
{
    gsize i, n = 0;
    json_t *object;
    g_autoptr(GPtrArray) pending = g_ptr_array_new();
    json_array_foreach(json_object_get(repo->world, "releases"), i,
                       object) if (!release_was_published(object)) g_ptr_array_add(pending, object);
    if (!fill_all(repo, now, error))
        return FALSE;
    printf("would publish: %u releases that are new or newly marked\n", pending->len);
    for (n = 0; n < pending->len; n++) {
        g_autoptr(Release) release = release_from_json(pending->pdata[n], "draft", error);
        if (!release)
            return FALSE;
        release->publisher = g_strdup(repo_publisher_of(repo, release->name));
        explain_release(release, now);
    }
    json_array_foreach(json_object_get(json_object_get(repo->world, "brake"), "entries"), i, object)
        printf("  brake: %s %s %s\n", json_string_value(json_object_get(object, "action")),
               json_string_value(json_object_get(object, "name")),
               json_string_value(json_object_get(object, "version")));
    return drafts_print(repo, error);
}

typedef struct {
    Repo *repo;
    KeySource source;
    GHashTable *keys;
} Signing;

static void signing_clear(Signing *signing)
{
    g_clear_pointer(&signing->keys, g_hash_table_unref); /* before the signers that they use */
    g_clear_pointer(&signing->repo, repo_free);
    key_source_clear(&signing->source);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Signing, signing_clear)

static gboolean open_signing(Signing *signing, const char *path, char **dirs, const char *signer,
                             GError **error)
{
    if (!key_source_init(&signing->source, dirs, signer, error))
        return FALSE;
    signing->repo = repo_open(path, error);
    signing->keys = signing->repo ? publish_keys(signing->repo, &signing->source, error) : NULL;
    return signing->keys != NULL;
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
    g_autofree char *signer = NULL, *held_back = NULL;
    gboolean is_dry = FALSE;
    const GOptionEntry entries[] = {
        {"keys", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &dirs, "key folder; several are searched in order",
         "DIR"},
        {"signer", 0, 0, G_OPTION_ARG_STRING, &signer, "program for keys that are elsewhere", "CMD"},
        {"dry-run", 0, 0, G_OPTION_ARG_NONE, &is_dry, "say who will see what when; sign nothing", NULL},
        {.long_name = NULL}};
    if (!parse_words("publish", entries, 1, 1, &argc, &argv, error))
        return FALSE;
    if (is_dry) {
        g_autoptr(Repo) repo = repo_open_to_read(argv[1], error);
        return repo && explain(repo, now, error);
    }
    g_auto(Signing) signing = {0};
    if (!open_signing(&signing, argv[1], dirs, signer, error) ||
        !publish_all(signing.repo, signing.keys, now, &held_back, error))
        return FALSE;
    print_published(signing.repo);
    if (held_back)
        fprintf(stderr, "appvendor: only the brake went out; the rest waits: %s\n", held_back);
    return TRUE;
}

gboolean cmd_refresh(int argc, char **argv, gint64 now, GError **error)
{
    g_auto(GStrv) dirs = NULL;
    g_autofree char *signer = NULL;
    const GOptionEntry entries[] = {
        {"keys", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &dirs, "key folder; several are searched in order",
         "DIR"},
        {"signer", 0, 0, G_OPTION_ARG_STRING, &signer, "program for keys that are elsewhere", "CMD"},
        {.long_name = NULL}};
    g_auto(Signing) signing = {0};
    if (!parse_words("refresh", entries, 1, 1, &argc, &argv, error) ||
        !open_signing(&signing, argv[1], dirs, signer, error) ||
        !publish_heads(signing.repo, signing.keys, now, error))
        return FALSE;
    print_published(signing.repo);
    return TRUE;
}
