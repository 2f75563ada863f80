/* metadata.c - building and signing TUF roles; see metadata.h. */
#include "vendor/metadata.h"

#define SPEC_VERSION "1.0.31"
#define DAY_S        86400

/* Offline roles live long, online ones short (trust.md: timestamp a day, snapshot a week). */
const RoleDefault metadata_roles[] = {
    {"root", {NULL}, 3, 2, 365 * DAY_S},
    {"targets", {NULL}, 1, 1, 365 * DAY_S},
    {"brake", {"brake/*", NULL}, 1, 1, 90 * DAY_S},
    {"releases",
     {"catalogue/vendor.jsonl.zst", "advisories/vendor.jsonl.zst", "deltas/vendor/*", NULL},
     2,
     2,
     90 * DAY_S},
    {"snapshot", {NULL}, 1, 1, 7 * DAY_S},
    {"timestamp", {NULL}, 1, 1, DAY_S},
    {NULL, {NULL}, 0, 0, 0},
};

const RoleDefault *metadata_role(const char *name)
{
    for (const RoleDefault *role = metadata_roles; role->name; role++)
        if (g_strcmp0(role->name, name) == 0)
            return role;
    return NULL;
}

json_t *metadata_signed(const char *type, gint64 version, gint64 expires_at)
{
    g_autofree char *expires = units_format_time(expires_at);
    return json_pack("{s:s, s:s, s:I, s:s}", "_type", type, "spec_version", SPEC_VERSION, "version",
                     (json_int_t)version, "expires", expires);
}

/* {"keyids":[...],"threshold":N}, the keys themselves added to `all`. */
static json_t *role_keys(const char *role, GHashTable *keys, GHashTable *thresholds, json_t *all)
{
    GPtrArray *list = g_hash_table_lookup(keys, role);
    json_t *ids = json_array();
    for (guint i = 0; i < list->len; i++) {
        const PublicKey *key = private_key_public(list->pdata[i]);
        json_array_append_new(ids, json_string(public_key_id(key)));
        json_object_set_new(all, public_key_id(key), json_deep_copy(public_key_json(key)));
    }
    return json_pack("{s:o, s:i}", "keyids", ids, "threshold",
                     GPOINTER_TO_INT(g_hash_table_lookup(thresholds, role)));
}

json_t *metadata_root(gint64 version, gint64 expires_at, GHashTable *keys, GHashTable *thresholds)
{
    static const char *const top[] = {"root", "targets", "snapshot", "timestamp"};
    json_t *signed_part = metadata_signed("root", version, expires_at);
    json_t *all = json_object(), *roles = json_object();
    for (gsize i = 0; i < G_N_ELEMENTS(top); i++)
        json_object_set_new(roles, top[i], role_keys(top[i], keys, thresholds, all));
    json_object_set_new(signed_part, "consistent_snapshot", json_true());
    json_object_set_new(signed_part, "keys", all);
    json_object_set_new(signed_part, "roles", roles);
    return signed_part;
}

json_t *metadata_targets(gint64 version, gint64 expires_at, GHashTable *keys, GHashTable *thresholds)
{
    json_t *signed_part = metadata_signed("targets", version, expires_at);
    json_t *all = json_object(), *roles = json_array();
    for (const RoleDefault *role = metadata_roles; role->name; role++) {
        if (!role->paths[0])
            continue;
        json_t *one = role_keys(role->name, keys, thresholds, all);
        json_t *paths = json_array();
        for (const char *const *path = role->paths; *path; path++)
            json_array_append_new(paths, json_string(*path));
        json_object_set_new(one, "name", json_string(role->name));
        json_object_set_new(one, "terminating", json_true());
        json_object_set_new(one, "paths", paths);
        json_array_append_new(roles, one);
    }
    json_object_set_new(signed_part, "targets", json_object());
    json_object_set_new(signed_part, "delegations", json_pack("{s:o, s:o}", "keys", all, "roles", roles));
    return signed_part;
}

json_t *metadata_target(const char *sha256, gsize len, json_t *custom)
{
    return json_pack("{s:I, s:{s:s}, s:o}", "length", (json_int_t)len, "hashes", "sha256", sha256, "custom",
                     custom);
}

/* What the delegator says of the role, {"keyids":[...],"threshold":N,...}; borrowed or NULL. */
static json_t *role_entry(json_t *delegator, const char *role)
{
    json_t *body = json_object_get(delegator, "signed");
    json_t *top = json_object_get(json_object_get(body, "roles"), role);
    json_t *delegated = json_object_get(json_object_get(body, "delegations"), "roles");
    for (gsize i = 0; !top && i < json_array_size(delegated); i++) {
        json_t *one = json_array_get(delegated, i);
        if (g_strcmp0(json_string_value(json_object_get(one, "name")), role) == 0)
            top = one;
    }
    return top;
}

static gboolean is_known(json_t *ids, const char *id)
{
    for (gsize i = 0; i < json_array_size(ids); i++)
        if (g_strcmp0(json_string_value(json_array_get(ids, i)), id) == 0)
            return TRUE;
    return FALSE;
}

/* Those of the keys that the delegator knows for the role, each once however many folders hold it. */
static GPtrArray *usable_keys(json_t *delegator, const char *role, GPtrArray *keys)
{
    GPtrArray *usable = g_ptr_array_new();
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    json_t *ids = json_object_get(role_entry(delegator, role), "keyids");
    for (guint i = 0; i < keys->len; i++) {
        const char *id = public_key_id(private_key_public(keys->pdata[i]));
        if (is_known(ids, id) && g_hash_table_add(seen, (gpointer)id))
            g_ptr_array_add(usable, keys->pdata[i]);
    }
    return usable;
}

gboolean metadata_can_sign(json_t *delegator, const char *role, GPtrArray *keys)
{
    g_autoptr(GPtrArray) usable = usable_keys(delegator, role, keys);
    return usable->len > 0 &&
           usable->len >= json_integer_value(json_object_get(role_entry(delegator, role), "threshold"));
}

GBytes *metadata_sign(json_t *signed_part, const char *role, json_t *delegator, GPtrArray *keys,
                      GError **error)
{
    g_autoptr(GPtrArray) ours = usable_keys(delegator, role, keys);
    g_autoptr(GBytes) bytes = tuf_sign(signed_part, ours, error);
    if (!bytes)
        return NULL;
    guint n_valid = 0, threshold = 0;
    g_autoptr(json_t) metadata =
        json_parse_strict(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), 64, TRUE, error);
    if (!metadata || !tuf_count_signatures(metadata, delegator, role, &n_valid, &threshold, error))
        return NULL;
    if (n_valid < threshold) {
        error_set(error, APPCENTER_ERROR_UNTRUSTED,
                  "%s: wanted %u keys to sign, found %u in the key folders given", role, threshold, n_valid);
        return NULL;
    }
    return g_steal_pointer(&bytes);
}
