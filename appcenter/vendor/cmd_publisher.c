/* cmd_publisher.c - `appvendor publisher`: who else may speak for which apps, under which keys and which CA.
 *
 * A publisher is a delegated role of its name, terminating on its own catalogue and deltas, in the draft of targets; and a
 * binding of app names and CA in the vendor's catalogue, in the world.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "ports/archive.h"
#include "vendor/bins.h"
#include "vendor/cmd_draft.h"
#include "vendor/commands.h"
#include "vendor/draft.h"
#include "vendor/metadata.h"
#include "vendor/publish.h"

#define PEM_MAX_BYTES        16384
#define PUBLISHERS_MAX       28 /* a client asks at most 32 roles in one search */
#define PUBLISHER_NAME_BYTES 64

typedef struct {
    Repo *repo;
    const char *name, *apps, *ca, *threshold;
    char **keys;
    KeySource source; /* dirs NULL: no --keys */
    gboolean as_json;
    gint64 now;
} PublisherRequest;

static void publisher_request_clear(PublisherRequest *request)
{
    key_source_clear(&request->source);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PublisherRequest, publisher_request_clear)

/* A name that is no role of ours, and fits a file name, a target path and a certificate alike. */
static gboolean check_name(const char *name, GError **error)
{
    return (name && app_name_is_valid(name) && strlen(name) <= PUBLISHER_NAME_BYTES && !metadata_role(name) &&
            !bins_is_role(name) && !g_str_equal(name, "vendor") && !g_str_equal(name, "publisher")) ||
           error_set(error, APPCENTER_ERROR_INVALID, "\"%s\" can be no publisher's name", name ? name : "");
}

/* --- what is given --- */

static GPtrArray *load_keys(char **files, GError **error)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func((GDestroyNotify)public_key_free);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (char **file = files; file && *file; file++) {
        PublicKey *key = keys_load_public(*file, error);
        if (!key)
            return NULL;
        g_ptr_array_add(keys, key);
        if (!g_hash_table_add(seen, (gpointer)public_key_material(key))) {
            error_set(error, APPCENTER_ERROR_CONFLICT, "--key: %s is named twice", *file);
            return NULL;
        }
    }
    return g_steal_pointer(&keys);
}

static gboolean parse_threshold(const char *text, guint n_keys, guint *threshold, GError **error)
{
    guint64 number = 1;
    if (text && !g_ascii_string_to_unsigned(text, 10, 1, n_keys, &number, NULL))
        return error_set(error, APPCENTER_ERROR_INVALID,
                         "--threshold: wanted 1 to %u (the keys given), found \"%s\"", n_keys, text);
    *threshold = (guint)number;
    return TRUE;
}

static gboolean is_bound(const Repo *repo, const char *app)
{
    gsize i;
    json_t *release;
    json_array_foreach(json_object_get(repo->world, "releases"), i,
                       release) if (g_strcmp0(json_string_value(json_object_get(release, "name")), app) ==
                                    0) return TRUE;
    return !g_str_equal(repo_publisher_of(repo, app), "vendor");
}

static json_t *parse_apps(const Repo *repo, const char *text, GError **error)
{
    g_autoptr(json_t) apps = json_array();
    g_auto(GStrv) names = g_strsplit(text ? text : "", ",", -1);
    for (char **name = names; *name; name++) {
        if (!app_name_is_valid(*name)) {
            error_set(error, APPCENTER_ERROR_INVALID, "--apps: \"%s\" is no app name", *name);
            return NULL;
        }
        if (is_bound(repo, *name)) {
            error_set(error, APPCENTER_ERROR_CONFLICT, "--apps: %s is %s's", *name,
                      repo_publisher_of(repo, *name));
            return NULL;
        }
        json_array_append_new(apps, json_string(*name));
    }
    if (json_array_size(apps) > 0)
        return g_steal_pointer(&apps);
    error_set(error, APPCENTER_ERROR_INVALID, "--apps APP,... is needed");
    return NULL;
}

/* Puts ca_pem and ca_sha256 into the binding. */
static gboolean set_ca(json_t *binding, const char *name, const char *file, GError **error)
{
    g_auto(Fd) fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, "--ca: cannot read %s", file);
    g_autoptr(GBytes) bytes = files_read_fd(fd, PEM_MAX_BYTES, error);
    g_autoptr(Certificate) ca =
        bytes ? certificate_from_pem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), error) : NULL;
    if (!ca) {
        g_prefix_error(error, "--ca: %s: ", file);
        return FALSE;
    }
    if (g_strcmp0(certificate_organization(ca), name) != 0)
        return error_set(error, APPCENTER_ERROR_UNTRUSTED, "--ca: wanted a certificate with O=%s, found O=%s",
                         name, certificate_organization(ca));
    g_autofree char *pem = certificate_to_pem(ca);
    json_object_set_new(binding, "ca_pem", json_string(pem));
    json_object_set_new(binding, "ca_sha256", json_string(certificate_sha256(ca)));
    return TRUE;
}

static gboolean finish(PublisherRequest *request, GError **error)
{
    if (!publish_check(request->repo, request->now, error) || !repo_save_world(request->repo, error) ||
        (request->source.dirs && !drafts_sign(request->repo, &request->source, error)))
        return FALSE;
    return drafts_print(request->repo, error);
}

/* --- add, rekey, remove --- */

static gboolean delegate(const PublisherRequest *request, json_t *draft, GPtrArray *keys, guint threshold,
                         GError **error)
{
    g_autofree char *catalogue = g_strdup_printf("catalogue/%s.jsonl.zst", request->name);
    g_autofree char *deltas = g_strdup_printf("deltas/%s/*", request->name);
    const char *const paths[] = {catalogue, deltas, NULL};
    metadata_add_delegation(draft, request->name, paths, keys, threshold);
    return draft_save(request->repo, "targets", draft, error);
}

static gboolean run_add(PublisherRequest *request, GError **error)
{
    guint threshold = 1;
    g_autoptr(json_t) binding = json_object();
    if (repo_publisher(request->repo, request->name))
        return error_set(error, APPCENTER_ERROR_CONFLICT, "%s is a publisher already; see publisher rekey",
                         request->name);
    if (!request->keys || !request->ca)
        return error_set(error, APPCENTER_ERROR_INVALID, "--key FILE.pub and --ca CERT are needed");
    if (json_object_size(json_object_get(request->repo->world, "publishers")) >= PUBLISHERS_MAX)
        return error_set(error, APPCENTER_ERROR_REFUSED, "wanted at most %d publishers", PUBLISHERS_MAX);
    json_t *apps = parse_apps(request->repo, request->apps, error);
    g_autoptr(GPtrArray) keys = apps ? load_keys(request->keys, error) : NULL;
    json_object_set_new(binding, "apps", apps);
    if (!keys || !parse_threshold(request->threshold, keys->len, &threshold, error) ||
        !set_ca(binding, request->name, request->ca, error))
        return FALSE;
    g_autoptr(json_t) draft = draft_begin(request->repo, "targets", request->now, error);
    if (!draft || !delegate(request, draft, keys, threshold, error))
        return FALSE;
    if (!json_object_get(request->repo->world, "publishers"))
        json_object_set_new(request->repo->world, "publishers", json_object());
    json_object_set(json_object_get(request->repo->world, "publishers"), request->name, binding);
    return finish(request, error);
}

static gboolean is_signed_under(const Repo *repo, const char *path, const char *ca_pem, gint64 now,
                                GError **error)
{
    g_autofree char *waiting = g_strconcat("/draft/", path, NULL);
    g_autofree char *served = g_strconcat("/public/", path, NULL);
    g_autoptr(GPtrArray) anchors = certificates_from_pem(ca_pem, strlen(ca_pem), error);
    g_auto(Fd) fd = !anchors
                        ? -1
                        : root_dir_openat(repo->dir, root_dir_exists(repo->dir, served) ? served : waiting,
                                          O_RDONLY, 0, error);
    g_autoptr(Package) package = fd < 0 ? NULL : package_open(fd_steal(&fd), arch_of_file_name(path), error);
    g_auto(CmsSigner) signer = {0};
    return package && qpkg_verify_strong(package->fd, package->layout, anchors, now, &signer, error);
}

/* Boxes would refuse what the old CA signed, so it leaves the catalogue, and may come back signed anew. */
static void drop_releases(Repo *repo, const char *name, const char *ca_pem, gint64 now)
{
    json_t *releases = json_object_get(repo->world, "releases");
    for (gsize i = json_array_size(releases); i-- > 0;) {
        json_t *release = json_array_get(releases, i);
        const char *app = json_string_value(json_object_get(release, "name"));
        g_autoptr(GError) why = NULL;
        if (!g_str_equal(repo_publisher_of(repo, app), name) ||
            (ca_pem &&
             is_signed_under(repo, json_string_value(json_object_get(release, "path")), ca_pem, now, &why)))
            continue;
        printf("%s %s leaves the catalogue%s%s\n", app,
               json_string_value(json_object_get(release, "version")), why ? ": " : "",
               why ? why->message : "");
        json_array_remove(releases, i);
    }
}

static gboolean rekey_ca(PublisherRequest *request, GError **error)
{
    json_t *binding = g_str_equal(request->name, "vendor") ? request->repo->world
                                                           : repo_publisher(request->repo, request->name);
    if (!set_ca(binding, request->name, request->ca, error))
        return FALSE;
    drop_releases(request->repo, request->name, json_string_value(json_object_get(binding, "ca_pem")),
                  request->now);
    return TRUE;
}

static gboolean rekey_role(PublisherRequest *request, GError **error)
{
    guint threshold = 1;
    g_autoptr(GPtrArray) keys = load_keys(request->keys, error);
    if (!keys || !parse_threshold(request->threshold, keys->len, &threshold, error))
        return FALSE;
    g_autoptr(json_t) draft = draft_begin(request->repo, "targets", request->now, error);
    if (!draft)
        return FALSE;
    metadata_remove_delegation(draft, request->name);
    return delegate(request, draft, keys, threshold, error);
}

static gboolean need_publisher(const PublisherRequest *request, GError **error)
{
    return repo_publisher(request->repo, request->name) ||
           error_set(error, APPCENTER_ERROR_NOT_FOUND, "there is no publisher \"%s\"", request->name);
}

static gboolean run_rekey(PublisherRequest *request, GError **error)
{
    gboolean is_vendor = g_str_equal(request->name, "vendor");
    if (!request->keys && !request->ca)
        return error_set(error, APPCENTER_ERROR_INVALID, "--key FILE.pub or --ca CERT is needed");
    if (is_vendor && request->keys)
        return error_set(error, APPCENTER_ERROR_INVALID, "the vendor's keys: see appvendor key");
    if ((!is_vendor && !need_publisher(request, error)) || (request->keys && !rekey_role(request, error)) ||
        (request->ca && !rekey_ca(request, error)))
        return FALSE;
    return finish(request, error);
}

static gboolean run_remove(PublisherRequest *request, GError **error)
{
    if (!need_publisher(request, error))
        return FALSE;
    g_autoptr(json_t) draft = draft_begin(request->repo, "targets", request->now, error);
    if (!draft)
        return FALSE;
    metadata_remove_delegation(draft, request->name);
    if (!draft_save(request->repo, "targets", draft, error) ||
        !draft_drop(request->repo, request->name, error))
        return FALSE;
    drop_releases(request->repo, request->name, NULL, request->now);
    json_object_del(json_object_get(request->repo->world, "publishers"), request->name);
    return finish(request, error);
}

/* --- list, new --- */

static json_t *describe(const Repo *repo, json_t *targets, const char *name)
{
    json_t *binding = repo_publisher(repo, name);
    json_t *entry = metadata_role_entry(targets, name);
    g_autoptr(json_t) published = repo_metadata(repo, name, NULL);
    return json_pack("{s:s, s:O, s:O, s:o, s:I, s:I, s:b}", "name", name, "apps",
                     json_object_get(binding, "apps"), "ca_sha256", json_object_get(binding, "ca_sha256"),
                     "keys", entry ? json_incref(json_object_get(entry, "keyids")) : json_array(),
                     "threshold", json_integer_value(json_object_get(entry, "threshold")), "version",
                     (json_int_t)metadata_version(published), "delegated", entry != NULL);
}

static void print_publisher(json_t *publisher)
{
    json_t *apps = json_object_get(publisher, "apps");
    printf("%s: version %" JSON_INTEGER_FORMAT ", %zu keys, CA %.16s%s; apps:",
           json_string_value(json_object_get(publisher, "name")),
           json_integer_value(json_object_get(publisher, "version")),
           json_array_size(json_object_get(publisher, "keys")),
           json_string_value(json_object_get(publisher, "ca_sha256")),
           json_is_true(json_object_get(publisher, "delegated")) ? "" : ", waits for the draft of targets");
    for (gsize i = 0; i < json_array_size(apps); i++)
        printf(" %s", json_string_value(json_array_get(apps, i)));
    printf("\n");
}

static gboolean run_list(PublisherRequest *request, GError **error)
{
    g_auto(GStrv) names = repo_publishers(request->repo);
    g_autoptr(json_t) targets = repo_targets(request->repo, error);
    g_autoptr(json_t) list = json_array();
    if (!targets)
        return FALSE;
    for (char **name = names; *name; name++)
        json_array_append_new(list, describe(request->repo, targets, *name));
    if (request->as_json) {
        g_autoptr(json_t) value =
            json_pack("{s:s, s:O}", "schema", "appvendor.publishers/1", "publishers", list);
        g_autofree char *text = json_to_text(value);
        puts(text);
        return TRUE;
    }
    for (gsize i = 0; i < json_array_size(list); i++)
        print_publisher(json_array_get(list, i));
    return TRUE;
}

/* On the publisher's machine: its role key, its CA, its signer. */
static gboolean run_new(PublisherRequest *request, GError **error)
{
    g_autofree char *ca = NULL;
    if (!request->source.dirs)
        return error_set(error, APPCENTER_ERROR_INVALID, "--keys DIR is needed");
    g_autofree char *own = g_strconcat("/", request->name, NULL);
    const char *dir = request->source.dirs[0];
    g_autoptr(RootDir) folder = keys_open_folder(dir, NULL, error);
    if (!folder)
        return FALSE;
    if (root_dir_exists(folder, "/publisher") || root_dir_exists(folder, own))
        return error_set(error, APPCENTER_ERROR_REFUSED, "%s holds keys already; take a new folder", dir);
    g_autoptr(PrivateKey) key = private_key_generate(KEY_ED25519, error);
    if (!key || !keys_save(folder, request->name, key, request->source.passphrase, error) ||
        !keys_make_publisher(folder, request->name, request->source.passphrase, request->now, &ca, error))
        return FALSE;
    printf("for the vendor: %s/%s/%.16s.pub and %s/publisher/ca.pem\n", dir, request->name,
           public_key_id(private_key_public(key)), dir);
    return TRUE;
}

/* --- the verb --- */

static const struct {
    const char *name;
    gboolean needs_repo, needs_name;
    gboolean (*run)(PublisherRequest *request, GError **error);
} actions[] = {
    {"add", TRUE, TRUE, run_add},    {"rekey", TRUE, TRUE, run_rekey}, {"remove", TRUE, TRUE, run_remove},
    {"list", TRUE, FALSE, run_list}, {"new", FALSE, TRUE, run_new},
};

/* "REPO ACTION [NAME]", or "new NAME". */
static gboolean run_words(PublisherRequest *request, int argc, char **argv, GError **error)
{
    gboolean is_new = argc == 3 && g_str_equal(argv[1], "new");
    const char *wanted = is_new ? "new" : argc > 2 ? argv[2] : "";
    request->name = is_new ? argv[2] : argc > 3 ? argv[3] : NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(actions); i++) {
        if (!g_str_equal(actions[i].name, wanted) || actions[i].needs_repo == is_new ||
            actions[i].needs_name != (request->name != NULL))
            continue;
        if (request->name && !(g_str_equal(wanted, "rekey") && g_str_equal(request->name, "vendor")) &&
            !check_name(request->name, error))
            return FALSE;
        g_autoptr(Repo) repo = is_new ? NULL : repo_open(argv[1], error);
        request->repo = repo;
        return (is_new || repo) && actions[i].run(request, error);
    }
    return error_set(error, APPCENTER_ERROR_INVALID,
                     "wanted: appvendor publisher REPO add|rekey|remove NAME, REPO list, or new NAME");
}

gboolean cmd_publisher(int argc, char **argv, gint64 now, GError **error)
{
    g_autofree char *apps = NULL, *ca = NULL, *threshold = NULL, *signer = NULL;
    g_auto(GStrv) keys = NULL, dirs = NULL;
    gboolean as_json = FALSE;
    const GOptionEntry entries[] = {
        {"apps", 0, 0, G_OPTION_ARG_STRING, &apps, "add: the apps that it speaks for", "APP,..."},
        {"key", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &keys, "public half of a key of its role", "FILE.pub"},
        {"threshold", 0, 0, G_OPTION_ARG_STRING, &threshold, "how many of these must sign; default 1", "N"},
        {"ca", 0, 0, G_OPTION_ARG_FILENAME, &ca, "certificate that its archives are signed under", "CERT"},
        {"keys", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &dirs, "key folder; a targets key in it signs the draft",
         "DIR"},
        {"signer", 0, 0, G_OPTION_ARG_STRING, &signer, "program for keys that are elsewhere", "CMD"},
        {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "list: print JSON", NULL},
        {.long_name = NULL}};
    g_auto(PublisherRequest) request = {.now = now};
    if (!parse_words("publisher", entries, 2, 3, &argc, &argv, error) ||
        (dirs && !key_source_init(&request.source, dirs, signer, error)))
        return FALSE;
    request.apps = apps;
    request.ca = ca;
    request.threshold = threshold;
    request.keys = keys;
    request.as_json = as_json;
    return run_words(&request, argc, argv, error);
}
