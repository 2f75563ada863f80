/* key_scheme.c - which keytype and scheme stand for which OpenSSL key, and what a key must be to count as one.
 *
 * The one table of algorithms. It hides OpenSSL's many ways to write one key (compressed points, spelled-out curves, the
 * RSA-PSS object id): each would give one key two faces, and a threshold counts faces.
 */
#include "trust/key_internal.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <string.h>

#include "base/units.h"

#define ED25519_BYTES 32

static const KeyScheme schemes[] = {
    /* the first of each type is what we sign with */
    {"ed25519", "ed25519", EVP_PKEY_ED25519, NULL, NULL, 0},
    {"ecdsa", "ecdsa-sha2-nistp256", EVP_PKEY_EC, SN_X9_62_prime256v1, "SHA256", 0},
    {"rsa", "rsassa-pss-sha256", EVP_PKEY_RSA, NULL, "SHA256", RSA_PKCS1_PSS_PADDING},
    {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", EVP_PKEY_EC, SN_X9_62_prime256v1, "SHA256", 0},
    {"rsa", "rsassa-pss-sha384", EVP_PKEY_RSA, NULL, "SHA384", RSA_PKCS1_PSS_PADDING},
    {"rsa", "rsassa-pss-sha512", EVP_PKEY_RSA, NULL, "SHA512", RSA_PKCS1_PSS_PADDING},
    {"rsa", "rsa-pkcs1v15-sha256", EVP_PKEY_RSA, NULL, "SHA256", RSA_PKCS1_PADDING},
    {"rsa", "rsa-pkcs1v15-sha384", EVP_PKEY_RSA, NULL, "SHA384", RSA_PKCS1_PADDING},
    {"rsa", "rsa-pkcs1v15-sha512", EVP_PKEY_RSA, NULL, "SHA512", RSA_PKCS1_PADDING},
};

const KeyScheme *key_scheme_find(const char *keytype, const char *scheme)
{
    for (gsize i = 0; i < G_N_ELEMENTS(schemes); i++)
        if (strcmp(schemes[i].keytype, keytype) == 0 && strcmp(schemes[i].scheme, scheme) == 0)
            return &schemes[i];
    return NULL;
}

const KeyScheme *key_scheme_for_signing(const EVP_PKEY *pkey)
{
    for (gsize i = 0; i < G_N_ELEMENTS(schemes); i++)
        if (EVP_PKEY_get_base_id(pkey) == schemes[i].type)
            return &schemes[i];
    return NULL;
}

static gboolean check_curve(const KeyScheme *scheme, EVP_PKEY *pkey, GError **error)
{
    char group[64] = "";
    int is_spelled_out = 0;
    EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL);
    EVP_PKEY_get_int_param(pkey, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_spelled_out);
    if (is_spelled_out || strcmp(group, scheme->group) != 0)
        return openssl_set_error(error, APPCENTER_ERROR_CORRUPT, "key: wanted curve %s, found %s",
                                 scheme->group, is_spelled_out || !*group ? "one without a name" : group);
    if (EVP_PKEY_set_utf8_string_param(pkey, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed") != 1)
        return openssl_set_error(error, APPCENTER_ERROR_INTERNAL, "key: point format");
    return TRUE;
}

/* With an exponent of 1 every message is its own signature. */
static gboolean has_sound_exponent(EVP_PKEY *pkey)
{
    BIGNUM *exponent = NULL;
    gboolean is_sound = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1 &&
                        BN_is_odd(exponent) && !BN_is_one(exponent);
    BN_free(exponent);
    return is_sound;
}

static gboolean check_rsa(EVP_PKEY *pkey, GError **error)
{
    int bits = EVP_PKEY_get_bits(pkey);
    if (bits < KEY_RSA_MIN_BITS || bits > KEY_RSA_MAX_BITS)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "key: wanted rsa of %d to %d bits, found %d",
                         KEY_RSA_MIN_BITS, KEY_RSA_MAX_BITS, bits);
    if (!has_sound_exponent(pkey))
        return openssl_set_error(error, APPCENTER_ERROR_CORRUPT, "key: wanted an odd rsa exponent above 1");
    return TRUE;
}

gboolean key_scheme_check(const KeyScheme *scheme, EVP_PKEY *pkey, GError **error)
{
    if (EVP_PKEY_get_base_id(pkey) != scheme->type)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "key: wanted a key for %s, found one of type %s",
                         scheme->scheme, EVP_PKEY_get0_type_name(pkey));
    if (scheme->type == EVP_PKEY_EC)
        return check_curve(scheme, pkey, error);
    if (scheme->type == EVP_PKEY_RSA)
        return check_rsa(pkey, error);
    return TRUE;
}

gboolean key_scheme_prepare(const KeyScheme *scheme, EVP_PKEY_CTX *ctx, int pss_salt_len)
{
    if (scheme->rsa_padding == 0)
        return TRUE;
    if (EVP_PKEY_CTX_set_rsa_padding(ctx, scheme->rsa_padding) != 1)
        return FALSE;
    return scheme->rsa_padding != RSA_PKCS1_PSS_PADDING ||
           (EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, pss_salt_len) == 1 &&
            EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, scheme->digest, NULL) == 1);
}

/* What stands in keyval.public: raw hex for ed25519, PEM of the SubjectPublicKeyInfo for the others. */
static char *public_text(const KeyScheme *scheme, EVP_PKEY *pkey, GError **error)
{
    if (scheme->type == EVP_PKEY_ED25519) {
        guint8 raw[ED25519_BYTES];
        gsize len = sizeof raw;
        if (EVP_PKEY_get_raw_public_key(pkey, raw, &len) != 1) {
            openssl_set_error(error, APPCENTER_ERROR_INTERNAL, "key: write the public half");
            return NULL;
        }
        return units_hex(raw, len);
    }
    g_autoptr(BIO) out = openssl_bio_secret();
    if (PEM_write_bio_PUBKEY(out, pkey) != 1) {
        openssl_set_error(error, APPCENTER_ERROR_INTERNAL, "key: write the public half");
        return NULL;
    }
    return openssl_bio_text(out);
}

json_t *key_scheme_to_json(const KeyScheme *scheme, EVP_PKEY *pkey, GError **error)
{
    g_autofree char *text = public_text(scheme, pkey, error);
    if (!text)
        return NULL;
    return json_pack("{s:s, s:s, s:{s:s}}", "keytype", scheme->keytype, "scheme", scheme->scheme, "keyval",
                     "public", text);
}
