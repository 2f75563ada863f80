/* repo.c - see repo.h. */
#include "repo.h"

#include <string.h>

#include "trust/digest.h"

#define POOL_SIZE 24

PrivateKey *pool_key(guint i)
{
    static PrivateKey *pool[POOL_SIZE];
    g_autoptr(GError) error = NULL;
    g_assert_cmpuint(i, <, POOL_SIZE);
    if (!pool[i])
        pool[i] = private_key_generate(KEY_ED25519, &error);
    g_assert_no_error(error);
    return pool[i];
}

static const char *pool_id(guint i)
{
    return public_key_id(private_key_public(pool_key(i)));
}

static void set_json(json_t *object, const char *member, json_t *value)
{
    g_assert_cmpint(json_object_set_new(object, member, value), ==, 0);
}

/* ---- the repository ---- */

static void add_part(Repo *repo, const char *role, const char *type, json_t *rest)
{
    json_t *part = json_pack("{s:s, s:s, s:i, s:s}", "_type", type, "spec_version", "1.0.34", "version", 1,
                             "expires", FRESH);
    json_object_update(part, rest);
    json_decref(rest);
    g_hash_table_insert(repo->parts, g_strdup(role), part);
    g_hash_table_insert(repo->signers, g_strdup(role), g_ptr_array_new());
}

Repo *repo_new(void)
{
    static const char *const roles[] = {"root", "timestamp", "snapshot", "targets"};
    Repo *repo = g_new0(Repo, 1);
    repo->parts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)json_decref);
    repo->signers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    repo->files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
    add_part(repo, "root", "root", json_pack("{s:b, s:{}, s:{}}", "consistent_snapshot", 1, "keys", "roles"));
    add_part(repo, "timestamp", "timestamp", json_pack("{s:{}}", "meta"));
    add_part(repo, "snapshot", "snapshot", json_pack("{s:{}}", "meta"));
    add_part(repo, "targets", "targets", json_pack("{s:{}}", "targets"));
    for (guint i = 0; i < G_N_ELEMENTS(roles); i++) {
        set_json(json_object_get(repo_part(repo, "root"), "roles"), roles[i],
                 json_pack("{s:[], s:i}", "keyids", "threshold", 1));
        repo_add_key(repo, roles[i], i);
    }
    repo_publish(repo, "root");
    repo_publish(repo, "targets");
    repo_publish(repo, "snapshot");
    repo_publish(repo, "timestamp");
    return repo;
}

void repo_free(Repo *repo)
{
    if (!repo)
        return;
    g_hash_table_unref(repo->parts);
    g_hash_table_unref(repo->signers);
    g_hash_table_unref(repo->files);
    g_free(repo);
}

json_t *repo_part(Repo *repo, const char *role)
{
    return g_hash_table_lookup(repo->parts, role);
}

json_t *repo_role(Repo *repo, const char *role)
{
    return json_object_get(json_object_get(repo_part(repo, "root"), "roles"), role);
}

gint64 repo_version(Repo *repo, const char *role)
{
    return json_integer_value(json_object_get(repo_part(repo, role), "version"));
}

void repo_add_key(Repo *repo, const char *role, guint key)
{
    set_json(json_object_get(repo_part(repo, "root"), "keys"), pool_id(key),
             json_deep_copy(public_key_json(private_key_public(pool_key(key)))));
    json_array_append_new(json_object_get(repo_role(repo, role), "keyids"), json_string(pool_id(key)));
    g_ptr_array_add(g_hash_table_lookup(repo->signers, role), pool_key(key));
}

void repo_rotate(Repo *repo, const char *role, guint key)
{
    json_array_clear(json_object_get(repo_role(repo, role), "keyids"));
    g_ptr_array_set_size(g_hash_table_lookup(repo->signers, role), 0);
    repo_add_key(repo, role, key);
}

void repo_set(Repo *repo, const char *role, const char *member, json_t *value)
{
    set_json(repo_part(repo, role), member, value);
}

char *repo_file_name(Repo *repo, const char *role)
{
    g_autofree char *quoted = tuf_quote_role(role);
    gboolean has_version = strcmp(role, "timestamp") != 0 &&
                           (strcmp(role, "root") == 0 ||
                            json_is_true(json_object_get(repo_part(repo, "root"), "consistent_snapshot")));
    return has_version ? g_strdup_printf("%" G_GINT64_FORMAT ".%s.json", repo_version(repo, role), quoted)
                       : g_strconcat(quoted, ".json", NULL);
}

static void announce(Repo *repo, const char *role, GBytes *bytes)
{
    g_autofree char *name = g_strconcat(role, ".json", NULL);
    const char *announcer = strcmp(role, "snapshot") == 0 ? "timestamp" : "snapshot";
    json_t *info = json_pack("{s:I}", "version", (json_int_t)repo_version(repo, role));
    if (repo->announces_hashes) {
        gsize len = 0;
        const void *data = g_bytes_get_data(bytes, &len);
        g_autofree char *sum = digest_hex_of(DIGEST_SHA256, data, len);
        set_json(info, "length", json_integer((json_int_t)len));
        set_json(info, "hashes", json_pack("{s:s}", "sha256", sum));
    }
    set_json(json_object_get(repo_part(repo, announcer), "meta"), name, info);
}

void repo_publish(Repo *repo, const char *role)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes =
        tuf_sign(repo_part(repo, role), g_hash_table_lookup(repo->signers, role), &error);
    g_assert_no_error(error);
    repo_serve(repo, role, bytes);
    if (strcmp(role, "root") != 0 && strcmp(role, "timestamp") != 0)
        announce(repo, role, bytes);
}

void repo_bump(Repo *repo, const char *role)
{
    repo_set(repo, role, "version", json_integer(repo_version(repo, role) + 1));
    repo_publish(repo, role);
}

void repo_bump_all(Repo *repo, const char *roles)
{
    g_auto(GStrv) names = g_strsplit(roles, " ", -1);
    for (char **name = names; *name; name++)
        repo_bump(repo, *name);
}

GBytes *repo_file(Repo *repo, const char *role)
{
    g_autofree char *name = repo_file_name(repo, role);
    return g_hash_table_lookup(repo->files, name);
}

void repo_serve(Repo *repo, const char *role, GBytes *bytes)
{
    g_hash_table_insert(repo->files, repo_file_name(repo, role), g_bytes_ref(bytes));
}

json_t *repo_served(Repo *repo, const char *role)
{
    gsize len = 0;
    const char *data = g_bytes_get_data(repo_file(repo, role), &len);
    return json_loadb(data, len, 0, NULL);
}

void repo_serve_json(Repo *repo, const char *role, json_t *metadata)
{
    char *text = json_to_text(metadata);
    g_autoptr(GBytes) bytes = g_bytes_new_take(text, strlen(text));
    repo_serve(repo, role, bytes);
}

void repo_delegate(Repo *repo, const char *delegator, const char *role, guint key, const char *extra)
{
    json_t *part = repo_part(repo, delegator);
    if (!json_object_get(part, "delegations"))
        set_json(part, "delegations", json_pack("{s:{}, s:[]}", "keys", "roles"));
    json_t *delegations = json_object_get(part, "delegations");
    set_json(json_object_get(delegations, "keys"), pool_id(key),
             json_deep_copy(public_key_json(private_key_public(pool_key(key)))));
    json_t *entry = json_pack("{s:s, s:[s], s:i, s:b}", "name", role, "keyids", pool_id(key), "threshold", 1,
                              "terminating", 0);
    g_autoptr(json_t) more = json_of(extra);
    json_object_update(entry, more);
    json_array_append_new(json_object_get(delegations, "roles"), entry);
    if (!repo_part(repo, role))
        add_part(repo, role, "targets", json_pack("{s:{}}", "targets"));
    g_ptr_array_add(g_hash_table_lookup(repo->signers, role), pool_key(key));
}

void repo_add_target(Repo *repo, const char *role, const char *path, const char *content)
{
    g_autofree char *sum = digest_hex_of(DIGEST_SHA256, content, strlen(content));
    set_json(json_object_get(repo_part(repo, role), "targets"), path,
             json_pack("{s:I, s:{s:s}}", "length", (json_int_t)strlen(content), "hashes", "sha256", sum));
}

/* ---- the box ---- */

Box *box_new(Repo *repo)
{
    Box *box = g_new0(Box, 1);
    box->stored = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
    box->first_root = g_bytes_ref(g_hash_table_lookup(repo->files, "1.root.json"));
    box->asked = g_string_new(NULL);
    box->handed = g_ptr_array_new_with_free_func(g_free);
    box->now = NOW;
    return box;
}

void box_free(Box *box)
{
    if (!box)
        return;
    g_hash_table_unref(box->stored);
    g_bytes_unref(box->first_root);
    g_string_free(box->asked, TRUE);
    g_ptr_array_unref(box->handed);
    tuf_client_free(box->client);
    g_free(box);
}

/* FALSE when power has failed. */
static gboolean persist(Box *box)
{
    char *role = NULL;
    GBytes *bytes = NULL;
    gboolean is_alive = TRUE;
    while (tuf_client_take_trusted(box->client, &role, &bytes)) {
        is_alive = is_alive && (box->stop_after == 0 || box->handed->len < box->stop_after);
        if (is_alive)
            g_ptr_array_add(box->handed, g_strconcat(bytes ? "" : "-", role, NULL));
        if (is_alive && bytes)
            g_hash_table_insert(box->stored, g_strdup(role), g_bytes_ref(bytes));
        else if (is_alive)
            g_hash_table_remove(box->stored, role);
        g_free(role);
        if (bytes)
            g_bytes_unref(bytes);
    }
    return is_alive;
}

static gboolean run(Box *box, Repo *repo, GError **error)
{
    g_auto(TufWant) want = {0};
    while (tuf_client_next(box->client, &want)) {
        g_string_append_printf(box->asked, "%s%s", box->asked->len > 0 ? " " : "", want.file_name);
        GBytes *bytes = g_hash_table_lookup(repo->files, want.file_name);
        gboolean is_good =
            bytes ? tuf_client_feed(box->client, bytes, error) : tuf_client_feed_absent(box->client, error);
        gboolean is_alive = persist(box);
        if (!is_good)
            return FALSE;
        if (!is_alive)
            return error_set(error, APPCENTER_ERROR_IO, "power failed");
    }
    return persist(box);
}

/* A copy, as an engine would read it from its store: what is persisted meanwhile does not change it. */
static GHashTable *copy_of_stored(Box *box)
{
    GHashTableIter iter;
    gpointer role;
    gpointer bytes;
    GHashTable *copy = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
    g_hash_table_iter_init(&iter, box->stored);
    while (g_hash_table_iter_next(&iter, &role, &bytes))
        g_hash_table_insert(copy, g_strdup(role), g_bytes_ref(bytes));
    return copy;
}

gboolean box_refresh(Box *box, Repo *repo, GError **error)
{
    g_autoptr(GHashTable) stored = copy_of_stored(box);
    box_clear_asked(box);
    g_ptr_array_set_size(box->handed, 0);
    g_clear_pointer(&box->client, tuf_client_free);
    box->client = tuf_client_new(stored, box->first_root, box->now, error);
    return box->client && run(box, repo, error);
}

TufTarget *box_search(Box *box, Repo *repo, const char *path, GError **error)
{
    box_clear_asked(box);
    tuf_client_search(box->client, path);
    return run(box, repo, error) ? tuf_client_found(box->client) : NULL;
}

gint64 box_version(Box *box, const char *role)
{
    gsize len = 0;
    GBytes *bytes = g_hash_table_lookup(box->stored, role);
    const char *data = bytes ? g_bytes_get_data(bytes, &len) : NULL;
    g_autoptr(json_t) metadata = data ? json_loadb(data, len, 0, NULL) : NULL;
    return json_integer_value(json_object_get(json_object_get(metadata, "signed"), "version"));
}

void box_clear_asked(Box *box)
{
    g_string_truncate(box->asked, 0);
}

void assert_refreshes(Box *box, Repo *repo)
{
    g_autoptr(GError) error = NULL;
    gboolean is_fresh = box_refresh(box, repo, &error);
    g_assert_no_error(error);
    g_assert_true(is_fresh);
}

void assert_refused(Box *box, Repo *repo, AppcenterError kind, const char *part, const char *versions)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(box_refresh(box, repo, &error));
    assert_error(&error, kind, part);
    g_autofree char *found =
        g_strdup_printf("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT,
                        box_version(box, "root"), box_version(box, "timestamp"), box_version(box, "snapshot"),
                        box_version(box, "targets"));
    g_assert_cmpstr(found, ==, versions);
}
