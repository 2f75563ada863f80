/* tuf_sign.c - the vendor's side: sign metadata, and count who has signed.
 *
 * Counting reads whole metadata through the client's own parser and verify function, so the vendor's tool can never
 * call complete what a client would refuse. Source: TUF specification 1.0.34 section 4.2.
 */
#include "trust/tuf_internal.h"

#include <string.h>

#include "base/error.h"
#include "base/units.h"
#include "trust/canonical.h"

static int compare_keys(gconstpointer a, gconstpointer b)
{
    const PrivateKey *left = *(PrivateKey *const *)a;
    const PrivateKey *right = *(PrivateKey *const *)b;
    return strcmp(public_key_id(private_key_public(left)), public_key_id(private_key_public(right)));
}

static gboolean add_signature(json_t *signatures, const PrivateKey *key, GBytes *canonical, GError **error)
{
    const char *keyid = public_key_id(private_key_public(key));
    json_t *last = json_array_get(signatures, json_array_size(signatures) - 1);
    if (last && strcmp(json_string_value(json_object_get(last, "keyid")), keyid) == 0)
        return TRUE; /* the same key in two folders: one signature, or the metadata would be invalid */
    g_autoptr(GBytes) sig =
        private_key_sign(key, g_bytes_get_data(canonical, NULL), g_bytes_get_size(canonical), error);
    if (!sig)
        return FALSE;
    g_autofree char *hex = units_hex(g_bytes_get_data(sig, NULL), g_bytes_get_size(sig));
    json_array_append_new(signatures, json_pack("{s:s, s:s}", "keyid", keyid, "sig", hex));
    return TRUE;
}

static GBytes *bytes_of_json(json_t *value)
{
    char *text = json_to_text(value);
    return g_bytes_new_take(text, strlen(text));
}

GBytes *tuf_sign(json_t *signed_part, GPtrArray *private_keys, GError **error)
{
    g_autoptr(GBytes) canonical = canonical_json(signed_part, error);
    if (!canonical)
        return NULL;
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();
    for (guint i = 0; i < private_keys->len; i++)
        g_ptr_array_add(sorted, private_keys->pdata[i]);
    g_ptr_array_sort(sorted, compare_keys);

    g_autoptr(json_t) signatures = json_array();
    for (guint i = 0; i < sorted->len; i++)
        if (!add_signature(signatures, sorted->pdata[i], canonical, error))
            return NULL;
    g_autoptr(json_t) metadata = json_pack("{s:O, s:O}", "signatures", signatures, "signed", signed_part);
    return bytes_of_json(metadata);
}

/* Whom the delegator names for the role; NULL with NOT_FOUND. */
static const TufSigners *signers_of(const TufMetadata *delegator, const char *role, GError **error)
{
    const TufSigners *signers = NULL;
    if (delegator->top_roles)
        signers = tuf_metadata_signers(delegator, role);
    else {
        const TufDelegation *delegation = tuf_metadata_delegation(delegator, role);
        signers = delegation ? &delegation->signers : NULL;
    }
    if (!signers)
        error_set(error, APPCENTER_ERROR_NOT_FOUND, "the delegator does not name a role %s", role);
    return signers;
}

static TufMetadata *parse_tree(json_t *tree, const char *role, GError **error)
{
    g_autoptr(GBytes) bytes = bytes_of_json(tree);
    return tuf_metadata_parse(bytes, role, error);
}

gboolean tuf_count_signatures(json_t *metadata, json_t *delegator, const char *role, guint *n_valid,
                              guint *threshold, GError **error)
{
    const char *type = json_string_value(json_object_get(json_object_get(delegator, "signed"), "_type"));
    g_autoptr(TufMetadata) counted = parse_tree(metadata, role, error);
    g_autoptr(TufMetadata) counting =
        counted ? parse_tree(delegator, type && strcmp(type, "root") == 0 ? "root" : "targets", error) : NULL;
    const TufSigners *signers = counting ? signers_of(counting, role, error) : NULL;
    if (!signers)
        return FALSE;
    *n_valid = tuf_verify_count(counted, signers, G_MAXUINT);
    *threshold = signers->threshold;
    return TRUE;
}
