/* ceremony.c - `appvendor init`: keys for every role, the first root, an empty published repository. */
#include <stdio.h>
#include <string.h>

#include "vendor/bins.h"
#include "vendor/commands.h"
#include "vendor/keys.h"
#include "vendor/metadata.h"
#include "vendor/publish.h"
#include "vendor/repo.h"

typedef struct {
    GHashTable *keys;       /* role -> GPtrArray of PrivateKey* */
    GHashTable *thresholds; /* role -> guint */
    GHashTable *expires;    /* role -> gint64* */
    KeyKind kind;
    guint n_bins; /* of archives; 0: none */
} Ceremony;

static gboolean parse_pairs(char **pairs, gboolean is_time, Ceremony *ceremony, GError **error)
{
    for (char **pair = pairs; pair && *pair; pair++) {
        g_auto(GStrv) parts = g_strsplit(*pair, "=", 2);
        const RoleDefault *role = metadata_role(parts[0]);
        gint64 seconds = 0;
        guint64 number = 0;
        if (!role || !parts[1])
            return error_set(error, APPCENTER_ERROR_INVALID, "\"%s\": wanted ROLE=VALUE", *pair);
        if (is_time && (!units_parse_duration(parts[1], &seconds) || seconds < 1))
            return error_set(error, APPCENTER_ERROR_INVALID, "\"%s\": wanted a time such as 7d", *pair);
        if (!is_time && !g_ascii_string_to_unsigned(parts[1], 10, 1, 20, &number, NULL))
            return error_set(error, APPCENTER_ERROR_INVALID, "\"%s\": wanted a number from 1 to 20", *pair);
        if (is_time)
            g_hash_table_insert(ceremony->expires, g_strdup(role->name), g_memdup2(&seconds, sizeof seconds));
        else
            g_hash_table_insert(ceremony->thresholds, g_strdup(role->name), GUINT_TO_POINTER((guint)number));
    }
    return TRUE;
}

/* Never fewer keys than the threshold asks for, and for root one spare: a lost key must not end a repository. */
static guint key_count(const RoleDefault *role, guint threshold)
{
    guint spare = g_str_equal(role->name, "root") ? 1 : 0;
    return MAX(role->n_keys, threshold + spare);
}

static gboolean make_keys(Ceremony *ceremony, const RootDir *folder, const char *passphrase, GError **error)
{
    for (const RoleDefault *role = metadata_roles; role->name; role++) {
        if (!g_hash_table_contains(ceremony->thresholds, role->name))
            g_hash_table_insert(ceremony->thresholds, g_strdup(role->name),
                                GUINT_TO_POINTER(role->threshold));
        guint threshold = GPOINTER_TO_UINT(g_hash_table_lookup(ceremony->thresholds, role->name));
        GPtrArray *keys = g_ptr_array_new_with_free_func((GDestroyNotify)private_key_free);
        g_hash_table_insert(ceremony->keys, g_strdup(role->name), keys);
        for (guint i = 0; i < key_count(role, threshold); i++) {
            PrivateKey *key = private_key_generate(ceremony->kind, error);
            if (!key)
                return FALSE;
            g_ptr_array_add(keys, key);
            if (!keys_save(folder, role->name, key, passphrase, error))
                return FALSE;
        }
        printf("%-10s %u keys, %u needed\n", role->name, keys->len, threshold);
    }
    return TRUE;
}

static gboolean make_publisher(Repo *repo, const RootDir *folder, const char *passphrase, gint64 now,
                               GError **error)
{
    g_autofree char *ca = NULL;
    if (!keys_make_publisher(folder, "vendor", passphrase, now, &ca, error))
        return FALSE;
    g_autoptr(Certificate) certificate = certificate_from_pem(ca, strlen(ca), error);
    if (!certificate)
        return FALSE;
    json_object_set_new(repo->world, "ca_pem", json_string(ca));
    json_object_set_new(repo->world, "ca_sha256", json_string(certificate_sha256(certificate)));
    printf("publisher  CA %.16s...\n", certificate_sha256(certificate));
    return TRUE;
}

static gint64 expiry_of(const Ceremony *ceremony, const RoleDefault *role)
{
    const gint64 *given = g_hash_table_lookup(ceremony->expires, role->name);
    return given ? *given : role->expires_s;
}

static void make_world(Repo *repo, const Ceremony *ceremony)
{
    json_t *expires = json_object();
    for (const RoleDefault *role = metadata_roles; role->name; role++)
        json_object_set_new(expires, role->name, json_integer(expiry_of(ceremony, role)));
    json_object_set_new(repo->world, "format", json_integer(1));
    json_object_set_new(repo->world, "publisher", json_string("vendor"));
    json_object_set_new(repo->world, "urgent_epoch", json_integer(0));
    json_object_set_new(repo->world, "expires", expires);
    if (ceremony->n_bins)
        json_object_set_new(repo->world, "bins", json_integer(ceremony->n_bins));
    json_object_set_new(repo->world, "releases", json_array());
    json_object_set_new(repo->world, "publishers", json_object());
    json_object_set_new(repo->world, "catalogues", json_object());
    json_object_set_new(repo->world, "brake",
                        json_pack("{s:i, s:i, s:[]}", "format", 1, "serial", 0, "entries"));
}

static gboolean write_offline_role(Repo *repo, const char *role, json_t *signed_part, json_t *delegator,
                                   const Ceremony *ceremony, GError **error)
{
    g_autoptr(json_t) part = signed_part;
    g_autoptr(GBytes) bytes =
        metadata_sign(part, NULL, role, delegator, g_hash_table_lookup(ceremony->keys, role), error);
    g_autofree char *path = repo_metadata_path(role, 1);
    return bytes &&
           repo_put_immutable(repo, path, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), error);
}

/* From the saved world on, publish can finish what a crash here leaves; before that there is nothing to keep. */
static gboolean hold_ceremony(Repo *repo, Ceremony *ceremony, const RootDir *folder, const char *passphrase,
                              gint64 now, GError **error)
{
    if (!make_keys(ceremony, folder, passphrase, error) ||
        !make_publisher(repo, folder, passphrase, now, error))
        return FALSE;
    make_world(repo, ceremony);
    json_t *root = metadata_root(1, now + expiry_of(ceremony, metadata_role("root")), ceremony->keys,
                                 ceremony->thresholds);
    json_t *targets = metadata_targets(1, now + expiry_of(ceremony, metadata_role("targets")), ceremony->keys,
                                       ceremony->thresholds, ceremony->n_bins ? BINS_PATHS : NULL);
    g_autoptr(json_t) delegator = json_pack("{s:[], s:O}", "signatures", "signed", root);
    g_autofree char *held_back = NULL;
    return write_offline_role(repo, "root", root, delegator, ceremony, error) &&
           write_offline_role(repo, "targets", targets, delegator, ceremony, error) &&
           repo_save_world(repo, error) && publish_all(repo, ceremony->keys, now, &held_back, error);
}

static gboolean parse_bins(const char *text, guint *n_bins, GError **error)
{
    guint64 number = 0;
    if (text && (!g_ascii_string_to_unsigned(text, 10, BINS_MIN, BINS_MAX, &number, NULL) ||
                 (number & (number - 1)) != 0))
        return error_set(error, APPCENTER_ERROR_INVALID,
                         "--bins: wanted a power of two from %d to %d, found \"%s\"", BINS_MIN, BINS_MAX,
                         text);
    *n_bins = (guint)number;
    return TRUE;
}

static RootDir *key_folder(const char *dir, const char *repo, GError **error)
{
    g_autoptr(RootDir) folder = keys_open_folder(dir, repo, error);
    if (folder && keys_are_there(folder)) {
        error_set(error, APPCENTER_ERROR_REFUSED,
                  "%s holds keys already; take a new folder, or remove it if it is from an init that did not "
                  "finish",
                  dir);
        return NULL;
    }
    return g_steal_pointer(&folder);
}

gboolean cmd_init(int argc, char **argv, gint64 now, GError **error)
{
    g_autofree char *keys = NULL, *kind = NULL, *bins = NULL;
    g_auto(GStrv) thresholds = NULL, expires = NULL;
    const GOptionEntry entries[] = {
        {"keys", 0, 0, G_OPTION_ARG_FILENAME, &keys, "where the keys go, a folder per role", "DIR"},
        {"threshold", 0, 0, G_OPTION_ARG_STRING_ARRAY, &thresholds, "how many keys a role needs", "ROLE=N"},
        {"expires", 0, 0, G_OPTION_ARG_STRING_ARRAY, &expires, "how long a role's metadata is good",
         "ROLE=T"},
        {"key-type", 0, 0, G_OPTION_ARG_STRING, &kind, "ed25519 (default), ecdsa or rsa", "TYPE"},
        {"bins", 0, 0, G_OPTION_ARG_STRING, &bins,
         "list archives as TUF targets, too, in N hashed bins (a power of two)", "N"},
        {.long_name = NULL}};
    if (!parse_words("init", entries, 1, 1, &argc, &argv, error))
        return FALSE;
    if (!keys)
        return error_set(error, APPCENTER_ERROR_INVALID, "--keys DIR is needed");
    g_autoptr(GHashTable) key_table =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    g_autoptr(GHashTable) threshold_table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) expires_table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    Ceremony ceremony = {key_table, threshold_table, expires_table, KEY_ED25519, 0};
    if (!parse_key_kind(kind, &ceremony.kind, error) || !parse_bins(bins, &ceremony.n_bins, error) ||
        !parse_pairs(thresholds, FALSE, &ceremony, error) || !parse_pairs(expires, TRUE, &ceremony, error))
        return FALSE;
    g_auto(Secret) passphrase = NULL; /* read before anything is made */
    if (!keys_passphrase(&passphrase, error))
        return FALSE;
    g_autoptr(RootDir) folder = key_folder(keys, argv[1], error);
    g_autoptr(Repo) repo = folder ? repo_create(argv[1], error) : NULL;
    if (!repo || !hold_ceremony(repo, &ceremony, folder, passphrase, now, error))
        return FALSE;
    printf("published an empty repository; the first trusted root is %s/public/metadata/1.root.json\n"
           "keep %s/root and %s/targets off line\n",
           argv[1], keys, keys);
    return TRUE;
}
