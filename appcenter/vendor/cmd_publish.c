/* cmd_publish.c - the verbs publish and refresh. */
#include <stdio.h>
#include <string.h>

#include "vendor/commands.h"
#include "vendor/explain.h"
#include "vendor/metadata.h"
#include "vendor/publish.h"

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
        return repo && explain_publish(repo, now, error);
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
