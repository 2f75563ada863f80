/* metadata.c - building and signing TUF roles; see metadata.h. */
#include "vendor/metadata.h"

#include <string.h>

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

gint64 metadata_version(const json_t *metadata)
{
    return json_integer_value(json_object_get(json_object_get(metadata, "signed"), "version"));
}

gint64 metadata_expires_at(const json_t *metadata)
{
    gint64 at = 0;
    const char *text = json_string_value(json_object_get(json_object_get(metadata, "signed"), "expires"));
    return text && units_parse_time(text, &at) ? at : 0;
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

static json_t *delegations_of(json_t *targets)
{
    return json_object_get(json_object_get(targets, "signed"), "delegations");
}

void metadata_add_delegation(json_t *targets, const char *role, const char *const *paths, GPtrArray *keys,
                             guint threshold)
{
    json_t *ids = json_array(), *patterns = json_array();
    for (guint i = 0; i < keys->len; i++) {
        const PublicKey *key = keys->pdata[i];
        json_array_append_new(ids, json_string(public_key_id(key)));
        json_object_set_new(metadata_keys(targets), public_key_id(key), json_deep_copy(public_key_json(key)));
    }
    for (; *paths; paths++)
        json_array_append_new(patterns, json_string(*paths));
    json_array_append_new(json_object_get(delegations_of(targets), "roles"),
                          json_pack("{s:s, s:o, s:I, s:b, s:o}", "name", role, "keyids", ids, "threshold",
                                    (json_int_t)threshold, "terminating", 1, "paths", patterns));
}

void metadata_remove_delegation(json_t *targets, const char *role)
{
    json_t *roles = json_object_get(delegations_of(targets), "roles");
    for (gsize i = json_array_size(roles); i-- > 0;)
        if (g_strcmp0(json_string_value(json_object_get(json_array_get(roles, i), "name")), role) == 0)
            json_array_remove(roles, i);
    metadata_prune_keys(targets);
}

/* What releases may sign besides: the bins of archives. */
static const char *const *paths_of(const RoleDefault *role, const char *bins, const char **with_bins)
{
    if (!bins || !g_str_equal(role->name, "releases"))
        return role->paths;
    gsize n = 0;
    for (; role->paths[n]; n++)
        with_bins[n] = role->paths[n];
    with_bins[n] = bins;
    with_bins[n + 1] = NULL;
    return with_bins;
}

json_t *metadata_targets(gint64 version, gint64 expires_at, GHashTable *keys, GHashTable *thresholds,
                         const char *bins)
{
    json_t *signed_part = metadata_signed("targets", version, expires_at);
    json_object_set_new(signed_part, "targets", json_object());
    json_object_set_new(signed_part, "delegations", json_pack("{s:{}, s:[]}", "keys", "roles"));
    g_autoptr(json_t) whole = json_pack("{s:[], s:O}", "signatures", "signed", signed_part);
    for (const RoleDefault *role = metadata_roles; role->name; role++) {
        if (!role->paths[0])
            continue;
        GPtrArray *list = g_hash_table_lookup(keys, role->name);
        g_autoptr(GPtrArray) halves = g_ptr_array_new();
        for (guint i = 0; i < list->len; i++)
            g_ptr_array_add(halves, (gpointer)private_key_public(list->pdata[i]));
        const char *with_bins[G_N_ELEMENTS(role->paths) + 1];
        metadata_add_delegation(whole, role->name, paths_of(role, bins, with_bins), halves,
                                GPOINTER_TO_UINT(g_hash_table_lookup(thresholds, role->name)));
    }
    return signed_part;
}

json_t *metadata_target(const char *sha256, gsize len, json_t *custom)
{
    return json_pack("{s:I, s:{s:s}, s:o}", "length", (json_int_t)len, "hashes", "sha256", sha256, "custom",
                     custom);
}

json_t *metadata_role_entry(json_t *delegator, const char *role)
{
    json_t *body = json_object_get(delegator, "signed");
    json_t *top = json_object_get(json_object_get(body, "roles"), role);
    json_t *delegations = json_object_get(body, "delegations");
    json_t *delegated = json_object_get(delegations, "roles");
    json_t *bins = json_object_get(delegations, "succinct_roles");
    if (bins && g_str_has_prefix(role, json_string_value(json_object_get(bins, "name_prefix"))))
        return bins;
    for (gsize i = 0; !top && i < json_array_size(delegated); i++) {
        json_t *one = json_array_get(delegated, i);
        if (g_strcmp0(json_string_value(json_object_get(one, "name")), role) == 0)
            top = one;
    }
    return top;
}

json_t *metadata_keys(json_t *delegator)
{
    json_t *body = json_object_get(delegator, "signed");
    json_t *keys = json_object_get(body, "keys");
    return keys ? keys : json_object_get(json_object_get(body, "delegations"), "keys");
}

static gboolean is_known(json_t *ids, const char *id)
{
    for (gsize i = 0; i < json_array_size(ids); i++)
        if (g_strcmp0(json_string_value(json_array_get(ids, i)), id) == 0)
            return TRUE;
    return FALSE;
}

gboolean metadata_knows_key(json_t *delegator, const char *role, const char *key_id)
{
    return is_known(json_object_get(metadata_role_entry(delegator, role), "keyids"), key_id);
}

static gboolean is_named(json_t *delegator, const char *key_id)
{
    json_t *body = json_object_get(delegator, "signed");
    json_t *delegated = json_object_get(json_object_get(body, "delegations"), "roles");
    const char *name;
    json_t *one;
    json_object_foreach(json_object_get(body, "roles"), name,
                        one) if (is_known(json_object_get(one, "keyids"), key_id)) return TRUE;
    for (gsize i = 0; i < json_array_size(delegated); i++)
        if (is_known(json_object_get(json_array_get(delegated, i), "keyids"), key_id))
            return TRUE;
    return FALSE;
}

void metadata_prune_keys(json_t *delegator)
{
    const char *id;
    json_t *key;
    void *next;
    json_t *keys = metadata_keys(delegator);
    json_object_foreach_safe(keys, next, id, key) if (!is_named(delegator, id)) json_object_del(keys, id);
}

/* Those of the keys that the delegator knows for the role, each once however many folders hold it. */
static GPtrArray *usable_keys(json_t *delegator, const char *role, GPtrArray *keys)
{
    GPtrArray *usable = g_ptr_array_new();
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; keys && i < keys->len; i++) {
        const char *id = public_key_id(private_key_public(keys->pdata[i]));
        if (metadata_knows_key(delegator, role, id) && g_hash_table_add(seen, (gpointer)id))
            g_ptr_array_add(usable, keys->pdata[i]);
    }
    return usable;
}

guint metadata_usable(json_t *delegator, const char *role, GPtrArray *keys)
{
    g_autoptr(GPtrArray) usable = usable_keys(delegator, role, keys);
    return usable->len;
}

gboolean metadata_can_sign(json_t *delegator, const char *role, GPtrArray *keys)
{
    guint n = metadata_usable(delegator, role, keys);
    return n > 0 &&
           n >= json_integer_value(json_object_get(metadata_role_entry(delegator, role), "threshold"));
}

/* --- signatures --- */

gboolean metadata_count(json_t *metadata, const char *role, json_t *delegator, guint *n_valid,
                        guint *threshold, GError **error)
{
    return tuf_count_signatures(metadata, delegator, role, n_valid, threshold, error);
}

gboolean metadata_is_signed(json_t *metadata, const char *role, json_t *delegator)
{
    guint n_valid = 0, threshold = 0;
    return metadata && metadata_count(metadata, role, delegator, &n_valid, &threshold, NULL) &&
           n_valid >= threshold;
}

static const char *signer_of(const json_t *signature)
{
    return json_string_value(json_object_get(signature, "keyid"));
}

static gboolean has_signed(json_t *signatures, const char *key_id)
{
    for (gsize i = 0; i < json_array_size(signatures); i++)
        if (g_strcmp0(signer_of(json_array_get(signatures, i)), key_id) == 0)
            return TRUE;
    return FALSE;
}

guint metadata_insert_signature(json_t *metadata, json_t *signature)
{
    gsize i = 0;
    json_t *signatures = json_object_get(metadata, "signatures");
    if (has_signed(signatures, signer_of(signature)))
        return 0; /* the same key twice, and the metadata would be invalid */
    while (i < json_array_size(signatures) &&
           g_strcmp0(signer_of(json_array_get(signatures, i)), signer_of(signature)) < 0)
        i++;
    json_array_insert(signatures, i, signature);
    return 1;
}

gboolean metadata_add_signatures(json_t *metadata, const char *role, json_t *delegator, GPtrArray *keys,
                                 guint *n_new, GError **error)
{
    json_t *signatures = json_object_get(metadata, "signatures");
    g_autoptr(GPtrArray) ours = usable_keys(delegator, role, keys);
    for (guint i = ours->len; i-- > 0;)
        if (has_signed(signatures, public_key_id(private_key_public(ours->pdata[i]))))
            g_ptr_array_remove_index(ours, i);
    g_autoptr(GBytes) bytes = tuf_sign(json_object_get(metadata, "signed"), ours, error);
    g_autoptr(json_t) fresh =
        bytes ? json_parse_strict(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), 64, TRUE, error)
              : NULL;
    if (!fresh) {
        g_prefix_error(error, "%s: ", role);
        return FALSE;
    }
    json_t *made = json_object_get(fresh, "signatures");
    for (gsize i = 0; i < json_array_size(made); i++)
        *n_new += metadata_insert_signature(metadata, json_array_get(made, i));
    return TRUE;
}

static gboolean refuse_unsigned(json_t *metadata, const char *role, json_t *delegator, guint n_valid,
                                guint threshold, GError **error)
{
    const char *by = json_string_value(json_object_get(json_object_get(delegator, "signed"), "_type"));
    g_autoptr(GString) missing = g_string_new(NULL);
    json_t *ids = json_object_get(metadata_role_entry(delegator, role), "keyids");
    for (gsize i = 0; i < json_array_size(ids); i++) {
        const char *id = json_string_value(json_array_get(ids, i));
        if (!has_signed(json_object_get(metadata, "signatures"), id))
            g_string_append_printf(missing, "%s%.16s", missing->len ? ", " : "", id);
    }
    return error_set(error, APPCENTER_ERROR_UNTRUSTED,
                     "%s %" G_GINT64_FORMAT ": wanted %u keys to sign (of %s %" G_GINT64_FORMAT
                     "), found %u in the key folders given; not there: %s",
                     role, metadata_version(metadata), threshold, by, metadata_version(delegator), n_valid,
                     missing->str);
}

GBytes *metadata_sign(json_t *signed_part, json_t *signatures, const char *role, json_t *delegator,
                      GPtrArray *keys, GError **error)
{
    guint n_new = 0, n_valid = 0, threshold = 0;
    g_autoptr(json_t) metadata = json_pack(
        "{s:o, s:O}", "signatures", signatures ? json_copy(signatures) : json_array(), "signed", signed_part);
    if (!metadata_add_signatures(metadata, role, delegator, keys, &n_new, error) ||
        !metadata_count(metadata, role, delegator, &n_valid, &threshold, error))
        return NULL;
    if (n_valid < threshold && !refuse_unsigned(metadata, role, delegator, n_valid, threshold, error))
        return NULL;
    char *text = json_to_text(metadata);
    return g_bytes_new_take(text, strlen(text));
}
