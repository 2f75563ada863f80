/* tuf_verify.c - the one verify function: who signed, do the bytes match their announcement, is it still valid.
 *
 * All roles, top-level and delegated, served and stored, pass through here; the faults of other clients came from
 * checking some roles less than others. It hides how signers are counted. Source: TUF specification 1.0.34 section 5.
 */
#include "trust/tuf_internal.h"

#include "base/error.h"
#include "base/units.h"
#include "trust/digest.h"

static gboolean signature_is_good(const TufMetadata *metadata, const PublicKey *key, GBytes *sig)
{
    return public_key_verify(key, g_bytes_get_data(metadata->canonical, NULL),
                             g_bytes_get_size(metadata->canonical), g_bytes_get_data(sig, NULL),
                             g_bytes_get_size(sig));
}

guint tuf_verify_count(const TufMetadata *metadata, const TufSigners *signers, guint enough)
{
    g_autoptr(GHashTable) tried = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) counted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (gsize i = 0; i < json_array_size(signers->keyids) && g_hash_table_size(counted) < enough; i++) {
        const char *keyid = json_string_value(json_array_get(signers->keyids, i));
        GBytes *sig = g_hash_table_lookup(metadata->signatures, keyid);
        json_t *object = json_object_get(signers->keys, keyid);
        if (!sig || !object || !g_hash_table_add(tried, (gpointer)keyid))
            continue;
        /* a key of a kind that we do not know, or a weak one, is one that never signs */
        g_autoptr(PublicKey) key = public_key_from_json(object, NULL);
        if (key && signature_is_good(metadata, key, sig))
            g_hash_table_add(counted, g_strdup(public_key_material(key)));
    }
    return g_hash_table_size(counted);
}

gboolean tuf_verify(const TufMetadata *metadata, const char *role, const TufSigners *signers,
                    const char *whose, GError **error)
{
    guint n_valid = tuf_verify_count(metadata, signers, signers->threshold);
    if (n_valid >= signers->threshold)
        return TRUE;
    g_autofree char *label = tuf_quote_role(role);
    return error_set(error, APPCENTER_ERROR_UNTRUSTED,
                     "%s %" G_GINT64_FORMAT " is signed by %u of %u needed keys%s", label, metadata->version,
                     n_valid, signers->threshold, whose);
}

static gboolean verify_hash(GBytes *bytes, const char *label, DigestKind kind, const char *wanted,
                            const char *announcer, GError **error)
{
    if (!wanted)
        return TRUE;
    g_autofree char *found = digest_hex_of(kind, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    if (digest_equal(wanted, found))
        return TRUE;
    return error_set(error, APPCENTER_ERROR_UNTRUSTED, "%s: %s %s announced by %s, found %s", label,
                     kind == DIGEST_SHA256 ? "sha256" : "sha512", wanted, announcer, found);
}

gboolean tuf_verify_bytes(GBytes *bytes, const char *role, const TufFileInfo *info, const char *announcer,
                          GError **error)
{
    g_autofree char *quoted = tuf_quote_role(role);
    g_autofree char *label = g_strdup_printf("%s %" G_GINT64_FORMAT, quoted, info->version);
    if (info->length >= 0 && (gsize)info->length != g_bytes_get_size(bytes))
        return error_set(error, APPCENTER_ERROR_UNTRUSTED,
                         "%s: %" G_GINT64_FORMAT " bytes announced by %s, found %" G_GSIZE_FORMAT, label,
                         info->length, announcer, g_bytes_get_size(bytes));
    return verify_hash(bytes, label, DIGEST_SHA256, info->sha256, announcer, error) &&
           verify_hash(bytes, label, DIGEST_SHA512, info->sha512, announcer, error);
}

gboolean tuf_verify_not_expired(const TufMetadata *metadata, const char *role, gint64 now, GError **error)
{
    if (now < metadata->expires_at)
        return TRUE;
    g_autofree char *label = tuf_quote_role(role);
    g_autofree char *expired = units_format_time(metadata->expires_at);
    g_autofree char *is = units_format_time(now);
    return error_set(error, APPCENTER_ERROR_EXPIRED, "%s %" G_GINT64_FORMAT " expired at %s, it is %s", label,
                     metadata->version, expired, is);
}
