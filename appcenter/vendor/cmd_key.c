/* cmd_key.c - `appvendor key`: who holds which role, and the drafts of root and targets that change it.
 *
 * One table of what can be done; the options are shared, as most of it takes the same few.
 */
#include <stdio.h>
#include <string.h>

#include "vendor/cmd_draft.h"
#include "vendor/commands.h"
#include "vendor/draft.h"
#include "vendor/key_edit.h"
#include "vendor/metadata.h"

#define ROLE_NAME_BYTES 64

static gboolean need_role(const KeyRequest *request, GError **error)
{
    return request->role || error_set(error, APPCENTER_ERROR_INVALID, "--role ROLE is needed");
}

/* --- list --- */

static json_t *describe_key(json_t *delegator, const char *id)
{
    json_t *object = json_object_get(metadata_keys(delegator), id);
    return json_pack("{s:s, s:O, s:O}", "id", id, "type", json_object_get(object, "keytype"), "scheme",
                     json_object_get(object, "scheme"));
}

static json_t *describe_role(json_t *delegator, const char *role)
{
    json_t *entry = metadata_role_entry(delegator, role);
    json_t *ids = json_object_get(entry, "keyids"), *keys = json_array();
    for (gsize i = 0; i < json_array_size(ids); i++)
        json_array_append_new(keys, describe_key(delegator, json_string_value(json_array_get(ids, i))));
    return json_pack("{s:s, s:O, s:o}", "role", role, "threshold", json_object_get(entry, "threshold"),
                     "keys", keys);
}

static void print_role(json_t *role)
{
    json_t *keys = json_object_get(role, "keys");
    printf("%-10s %zu keys, %" JSON_INTEGER_FORMAT " needed\n",
           json_string_value(json_object_get(role, "role")), json_array_size(keys),
           json_integer_value(json_object_get(role, "threshold")));
    for (gsize i = 0; i < json_array_size(keys); i++) {
        json_t *key = json_array_get(keys, i);
        printf("  %s  %s\n", json_string_value(json_object_get(key, "id")),
               json_string_value(json_object_get(key, "scheme")));
    }
}

/* What is in force; drafts are told behind it. */
static gboolean run_list(KeyRequest *request, GError **error)
{
    g_auto(GStrv) publishers = repo_publishers(request->repo);
    g_autoptr(json_t) root = repo_metadata(request->repo, "root", error);
    g_autoptr(json_t) targets = root ? repo_targets(request->repo, error) : NULL;
    g_autoptr(json_t) roles = json_array();
    if (!targets || (request->role && !key_edit_delegator(request->repo, request->role, error)))
        return FALSE;
    for (const RoleDefault *role = metadata_roles; role->name; role++)
        if (!request->role || g_str_equal(role->name, request->role))
            json_array_append_new(roles, describe_role(role->paths[0] ? targets : root, role->name));
    for (char **name = publishers; *name; name++)
        if (metadata_role_entry(targets, *name) && (!request->role || g_str_equal(*name, request->role)))
            json_array_append_new(roles, describe_role(targets, *name));
    if (request->as_json) {
        g_autoptr(json_t) object = json_pack("{s:s, s:O}", "schema", "appvendor.keys/1", "roles", roles);
        g_autofree char *text = json_to_text(object);
        puts(text);
        return TRUE;
    }
    for (gsize i = 0; i < json_array_size(roles); i++)
        print_role(json_array_get(roles, i));
    return drafts_print(request->repo, error);
}

/* --- new keys --- */

static PublicKey *make_key(const KeyRequest *request, const RootDir *folder, GError **error)
{
    g_autoptr(PrivateKey) key = private_key_generate(request->kind, error);
    if (!key || !keys_save(folder, request->role, key, request->source.passphrase, error))
        return NULL;
    return public_key_from_json(public_key_json(private_key_public(key)), error);
}

static void say_saved(const KeyRequest *request, const PublicKey *key)
{
    printf("%s: new key %.16s, %s/%s/%.16s.pub\n", request->role, public_key_id(key), request->source.dirs[0],
           request->role, public_key_id(key));
}

/* The public halves that --key names; or n keys made in the first --keys. */
static GPtrArray *keys_to_add(KeyRequest *request, guint n, GError **error)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func((GDestroyNotify)public_key_free);
    for (char **file = request->keys; file && *file; file++) {
        PublicKey *key = keys_load_public(*file, error);
        if (!key)
            return NULL;
        g_ptr_array_add(keys, key);
    }
    if (keys->len > 0)
        return g_steal_pointer(&keys);
    if (!request->source.dirs) {
        error_set(error, APPCENTER_ERROR_INVALID,
                  "--key FILE.pub or --keys DIR (to make a key there) is needed");
        return NULL;
    }
    g_autoptr(RootDir) folder = keys_open_folder(request->source.dirs[0], request->path, error);
    for (guint i = 0; folder && i < n; i++) {
        PublicKey *key = make_key(request, folder, error);
        if (!key)
            return NULL;
        g_ptr_array_add(keys, key);
        say_saved(request, key);
    }
    return folder ? g_steal_pointer(&keys) : NULL;
}

/* A key for a role on a machine that has no repository; with --key its public half only, the other is elsewhere. */
static gboolean run_new(KeyRequest *request, GError **error)
{
    if (!need_role(request, error))
        return FALSE;
    if (!files_name_is_plain(request->role) || strlen(request->role) > ROLE_NAME_BYTES)
        return error_set(error, APPCENTER_ERROR_INVALID, "--role: \"%s\" is no role's name", request->role);
    if (!request->source.dirs)
        return error_set(error, APPCENTER_ERROR_INVALID, "--keys DIR is needed");
    g_autoptr(RootDir) folder = keys_open_folder(request->source.dirs[0], NULL, error);
    g_autoptr(GPtrArray) keys = folder ? keys_to_add(request, 1, error) : NULL;
    for (guint i = 0; keys && request->keys && i < keys->len; i++) {
        if (!keys_save_public(folder, request->role, keys->pdata[i], error))
            return FALSE;
        say_saved(request, keys->pdata[i]);
    }
    return keys != NULL;
}

/* --- changes --- */

/* Key ids, or files whose key's id is meant. */
static GPtrArray *ids_to_remove(char **words, GError **error)
{
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
    for (char **word = words; word && *word; word++) {
        if (!g_file_test(*word, G_FILE_TEST_IS_REGULAR)) {
            g_ptr_array_add(ids, g_strdup(*word));
            continue;
        }
        g_autoptr(PublicKey) key = keys_load_public(*word, error);
        if (!key)
            return NULL;
        g_ptr_array_add(ids, g_strdup(public_key_id(key)));
    }
    return g_steal_pointer(&ids);
}

/* The draft is signed with whatever keys are at hand, so that one person with all keys needs one command. */
static gboolean finish(KeyRequest *request, GError **error)
{
    if (request->source.dirs && !drafts_sign(request->repo, &request->source, error))
        return FALSE;
    return drafts_print(request->repo, error);
}

static gboolean apply(KeyRequest *request, GPtrArray *add, GPtrArray *remove, GError **error)
{
    const KeyEdit edit = {request->role, add, remove, request->threshold};
    return key_edit_apply(request->repo, &edit, request->now, error) && finish(request, error);
}

static gboolean run_add(KeyRequest *request, GError **error)
{
    g_autoptr(GPtrArray) nothing = g_ptr_array_new();
    if (!need_role(request, error) || !key_edit_delegator(request->repo, request->role, error))
        return FALSE;
    g_autoptr(GPtrArray) add = keys_to_add(request, 1, error);
    return add && apply(request, add, nothing, error);
}

static gboolean run_revoke(KeyRequest *request, GError **error)
{
    g_autoptr(GPtrArray) nothing = g_ptr_array_new();
    if (!need_role(request, error))
        return FALSE;
    if (!request->keys && !request->old)
        return error_set(error, APPCENTER_ERROR_INVALID, "--key ID (or its .pub file) is needed");
    g_autoptr(GPtrArray) remove = ids_to_remove(request->keys ? request->keys : request->old, error);
    return remove && apply(request, nothing, remove, error);
}

/* All key ids of the role, as its delegator's draft or what is in force has them. */
static GPtrArray *present_ids(KeyRequest *request, GError **error)
{
    const char *delegator = key_edit_delegator(request->repo, request->role, error);
    g_autoptr(json_t) metadata =
        delegator ? draft_begin(request->repo, delegator, request->now, error) : NULL;
    if (!metadata)
        return NULL;
    json_t *ids = json_object_get(metadata_role_entry(metadata, request->role), "keyids");
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    for (gsize i = 0; i < json_array_size(ids); i++)
        g_ptr_array_add(list, g_strdup(json_string_value(json_array_get(ids, i))));
    return list;
}

static gboolean run_rotate(KeyRequest *request, GError **error)
{
    if (!need_role(request, error))
        return FALSE;
    g_autoptr(GPtrArray) remove =
        request->old ? ids_to_remove(request->old, error) : present_ids(request, error);
    g_autoptr(GPtrArray) add = remove ? keys_to_add(request, remove->len, error) : NULL;
    return add && apply(request, add, remove, error);
}

static gboolean run_threshold(KeyRequest *request, GError **error)
{
    g_autoptr(GPtrArray) nothing = g_ptr_array_new();
    if (!need_role(request, error))
        return FALSE;
    if (request->threshold == 0)
        return error_set(error, APPCENTER_ERROR_INVALID, "--threshold N is needed");
    return apply(request, nothing, nothing, error);
}

static gboolean run_renew(KeyRequest *request, GError **error)
{
    if (!need_role(request, error))
        return FALSE;
    if (!g_str_equal(request->role, "root") && !g_str_equal(request->role, "targets"))
        return error_set(error, APPCENTER_ERROR_INVALID,
                         "--role: wanted root or targets; publish and refresh renew the others");
    return key_edit_renew(request->repo, request->role, request->now, error) && finish(request, error);
}

/* --- the verb --- */

typedef struct {
    const char *name;
    gboolean needs_repo;
    gboolean (*run)(KeyRequest *request, GError **error);
} KeyAction;

static const KeyAction actions[] = {
    {"list", TRUE, run_list},     {"new", FALSE, run_new},        {"add", TRUE, run_add},
    {"revoke", TRUE, run_revoke}, {"rotate", TRUE, run_rotate},   {"threshold", TRUE, run_threshold},
    {"renew", TRUE, run_renew},   {"export", TRUE, run_export},   {"sign", FALSE, run_sign},
    {"import", TRUE, run_import}, {"discard", TRUE, run_discard},
};

static const KeyAction *find_action(const char *name)
{
    for (gsize i = 0; name && i < G_N_ELEMENTS(actions); i++)
        if (g_str_equal(actions[i].name, name))
            return &actions[i];
    return NULL;
}

/* "REPO ACTION [FILE]", or "ACTION [FILE]" where no repository is needed. */
static const KeyAction *parse_action(KeyRequest *request, int argc, char **argv, GError **error)
{
    const KeyAction *first = find_action(argv[1]);
    gboolean is_alone = first && !first->needs_repo;
    const KeyAction *action = is_alone ? first : find_action(argc > 2 ? argv[2] : NULL);
    int next = is_alone ? 2 : 3;
    if (!action || argc > next + 1) {
        error_set(
            error, APPCENTER_ERROR_INVALID,
            "wanted: appvendor key [REPO] list|new|add|revoke|rotate|threshold|renew|export|sign|import|"
            "discard [FILE]");
        return NULL;
    }
    request->path = is_alone ? NULL : argv[1];
    request->file = argc > next ? argv[next] : NULL;
    return action;
}

static gboolean parse_threshold(const char *text, guint *threshold, GError **error)
{
    guint64 number = 0;
    if (text && !g_ascii_string_to_unsigned(text, 10, 1, KEY_THRESHOLD_MAX, &number, NULL))
        return error_set(error, APPCENTER_ERROR_INVALID,
                         "--threshold: wanted a number from 1 to %d, found \"%s\"", KEY_THRESHOLD_MAX, text);
    *threshold = (guint)number;
    return TRUE;
}

static gboolean run_action(const KeyAction *action, KeyRequest *request, char **dirs, const char *signer,
                           GError **error)
{
    g_autoptr(Repo) repo = NULL;
    if (dirs && !key_source_init(&request->source, dirs, signer, error))
        return FALSE;
    if (request->path)
        repo = action->run == run_list ? repo_open_to_read(request->path, error)
                                       : repo_open(request->path, error);
    if (request->path && !repo)
        return FALSE;
    request->repo = repo;
    return action->run(request, error);
}

gboolean cmd_key(int argc, char **argv, gint64 now, GError **error)
{
    g_autofree char *role = NULL, *kind = NULL, *threshold = NULL, *signer = NULL;
    g_auto(GStrv) keys = NULL, old = NULL, dirs = NULL;
    gboolean as_json = FALSE;
    const GOptionEntry entries[] = {
        {"role", 0, 0, G_OPTION_ARG_STRING, &role, "whose keys", "ROLE"},
        {"key", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &keys, "a public half, or (revoke) a key id", "FILE.pub"},
        {"old", 0, 0, G_OPTION_ARG_STRING_ARRAY, &old, "rotate: only this one is replaced", "ID"},
        {"threshold", 0, 0, G_OPTION_ARG_STRING, &threshold, "how many keys the role needs", "N"},
        {"keys", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &dirs, "key folder: new keys go there, its keys sign",
         "DIR"},
        {"signer", 0, 0, G_OPTION_ARG_STRING, &signer, "program for keys that are elsewhere", "CMD"},
        {"key-type", 0, 0, G_OPTION_ARG_STRING, &kind, "ed25519 (default), ecdsa or rsa", "TYPE"},
        {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "list: print JSON", NULL},
        {.long_name = NULL}};
    g_auto(KeyRequest) request = {.now = now};
    if (!parse_words("key", entries, 1, 3, &argc, &argv, error) ||
        !parse_key_kind(kind, &request.kind, error) || !parse_threshold(threshold, &request.threshold, error))
        return FALSE;
    const KeyAction *action = parse_action(&request, argc, argv, error);
    if (!action)
        return FALSE;
    request.role = role;
    request.keys = keys;
    request.old = old;
    request.as_json = as_json;
    return run_action(action, &request, dirs, signer, error);
}
