/* key.c - public keys: from their JSON object to an answer whether a signature is good.
 *
 * Hides OpenSSL. A key carries two names: its id (of the object as written, which others choose) and its material (of
 * the key itself); whoever counts signers counts the second. Source: TUF specification 4.2.
 */
#include "trust/key_internal.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

#include "base/units.h"
#include "trust/canonical.h"
#include "trust/digest.h"

#define ED25519_BYTES       32
#define NAME_MAX_BYTES      64
#define PUBLIC_MAX_BYTES    16384
#define SIGNATURE_MAX_BYTES 2048

struct PublicKey {
    json_t *object;
    char *id;
    char *material;
    const KeyScheme *scheme;
    EVP_PKEY *pkey;
};

static EVP_PKEY *pkey_from_hex(const char *text, GError **error)
{
    guint8 raw[ED25519_BYTES];
    g_autofree char *lower = g_ascii_strdown(text, -1);
    if (!units_unhex(lower, raw, sizeof raw)) {
        error_set(error, APPCENTER_ERROR_CORRUPT, "key: wanted %d hex digits, found something else",
                  2 * ED25519_BYTES);
        return NULL;
    }
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, raw, sizeof raw);
    if (!pkey)
        openssl_set_error(error, APPCENTER_ERROR_CORRUPT, "key: no ed25519 key");
    return pkey;
}

static EVP_PKEY *pkey_from_pem(const char *text, GError **error)
{
    OpensslPassphrase none = {
        0}; /* a hostile "public key" that is an encrypted one must not ask on our terminal */
    g_autoptr(BIO) in = openssl_bio_over(text, strlen(text));
    EVP_PKEY *pkey = PEM_read_bio_PUBKEY(in, NULL, openssl_answer_passphrase, &none);
    if (!pkey)
        openssl_set_error(error, APPCENTER_ERROR_CORRUPT, "key: wanted a public key in pem form");
    return pkey;
}

static char *material_of(EVP_PKEY *pkey, GError **error)
{
    guint8 *der = NULL;
    int len = i2d_PUBKEY(pkey, &der);
    if (len <= 0) {
        openssl_set_error(error, APPCENTER_ERROR_CORRUPT, "key: write the public half");
        return NULL;
    }
    char *material = digest_hex_of(DIGEST_SHA256, der, (gsize)len);
    OPENSSL_free(der);
    return material;
}

/* The three members that make a key; the strings belong to the object. */
static gboolean read_members(const json_t *object, const KeyScheme **scheme, const char **public_text,
                             GError **error)
{
    g_autoptr(JsonReader) reader = json_reader_new((json_t *)object, "key");
    const char *keytype = json_reader_string(reader, "keytype", NAME_MAX_BYTES);
    const char *name = json_reader_string(reader, "scheme", NAME_MAX_BYTES);
    if (json_reader_enter(reader, "keyval")) {
        *public_text = json_reader_string(reader, "public", PUBLIC_MAX_BYTES);
        json_reader_leave(reader);
    }
    if (!json_reader_finish(reader, error))
        return FALSE;
    *scheme = key_scheme_find(keytype, name);
    if (!*scheme)
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "key: no support for keytype \"%s\" with scheme \"%s\"", keytype, name);
    return TRUE;
}

PublicKey *public_key_from_json(const json_t *key_object, GError **error)
{
    const char *public_text = "";
    g_autoptr(PublicKey) key = g_new0(PublicKey, 1);
    if (!read_members(key_object, &key->scheme, &public_text, error))
        return NULL;
    key->pkey = key->scheme->type == EVP_PKEY_ED25519 ? pkey_from_hex(public_text, error)
                                                      : pkey_from_pem(public_text, error);
    if (!key->pkey || !key_scheme_check(key->scheme, key->pkey, error))
        return NULL;
    key->material = material_of(key->pkey, error);
    if (!key->material)
        return NULL;
    g_autoptr(GBytes) canonical = canonical_json(key_object, error);
    if (!canonical)
        return NULL;
    key->id = digest_hex_of(DIGEST_SHA256, g_bytes_get_data(canonical, NULL), g_bytes_get_size(canonical));
    key->object = json_deep_copy(key_object); /* the id stays true whatever the caller does to its own */
    return g_steal_pointer(&key);
}

PublicKey *public_key_from_text(const void *text, gsize len, GError **error)
{
    g_autofree char *copy = g_strndup(text, len);
    g_autoptr(json_t) object = NULL;
    g_strchug(copy);
    if (*copy == '{') { /* its public half may be PEM, too */
        object = json_parse_strict(text, len, 16, TRUE, error);
    } else {
        EVP_PKEY *pkey = pkey_from_pem(copy, error);
        const KeyScheme *scheme = pkey ? key_scheme_for_signing(pkey) : NULL;
        if (pkey && !scheme)
            error_set(error, APPCENTER_ERROR_CORRUPT, "key: wanted ed25519, ecdsa or rsa, found %s",
                      EVP_PKEY_get0_type_name(pkey));
        if (scheme && key_scheme_check(scheme, pkey, error))
            object = key_scheme_to_json(scheme, pkey, error);
        EVP_PKEY_free(pkey);
    }
    return object ? public_key_from_json(object, error) : NULL;
}

void public_key_free(PublicKey *key)
{
    if (!key)
        return;
    json_decref(key->object);
    EVP_PKEY_free(key->pkey);
    g_free(key->id);
    g_free(key->material);
    g_free(key);
}

const char *public_key_id(const PublicKey *key)
{
    return key->id;
}

const char *public_key_scheme(const PublicKey *key)
{
    return key->scheme->scheme;
}

const json_t *public_key_json(const PublicKey *key)
{
    return key->object;
}

const char *public_key_material(const PublicKey *key)
{
    return key->material;
}

gboolean public_key_verify(const PublicKey *key, const void *data, gsize len, const guint8 *sig,
                           gsize sig_len)
{
    EVP_PKEY_CTX *pkey_ctx = NULL; /* belongs to ctx */
    if (sig_len == 0 || sig_len > SIGNATURE_MAX_BYTES)
        return FALSE;
    g_autoptr(EVP_MD_CTX) ctx = EVP_MD_CTX_new();
    gboolean is_good =
        ctx &&
        EVP_DigestVerifyInit_ex(ctx, &pkey_ctx, key->scheme->digest, NULL, NULL, key->pkey, NULL) == 1 &&
        key_scheme_prepare(key->scheme, pkey_ctx, RSA_PSS_SALTLEN_AUTO) &&
        EVP_DigestVerify(ctx, sig, sig_len, data, len) == 1;
    ERR_clear_error();
    return is_good;
}
