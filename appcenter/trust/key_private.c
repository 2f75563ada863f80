/* key_private.c - private keys of the vendor's tool: make, store under a passphrase, sign.
 *
 * Hides OpenSSL and PKCS#8. Private bytes live in wiped memory; the only copy that leaves is the PEM text, which its
 * owner wipes with private_pem_free. A passphrase is stretched with scrypt (PBES2, AES-256-CBC).
 */
#include "trust/key_internal.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

#define RSA_NEW_BITS 3072

/* scrypt as OWASP advises for 16 MiB of memory; OpenSSL refuses more than 32 MiB when it reads the key back */
#define SCRYPT_N          16384
#define SCRYPT_R          8
#define SCRYPT_P          5
#define SCRYPT_SALT_BYTES 16

struct PrivateKey {
    EVP_PKEY *pkey; /* NULL: elsewhere */
    const KeyScheme *scheme;
    PublicKey *public_half;
    PrivateKeySigner signer; /* of a key that is elsewhere */
    gpointer signer_data;
};

/* Takes pkey. */
static PrivateKey *private_key_new(EVP_PKEY *pkey, GError **error)
{
    g_autoptr(PrivateKey) key = g_new0(PrivateKey, 1);
    key->pkey = pkey;
    key->scheme = key_scheme_for_signing(pkey);
    if (!key->scheme) {
        error_set(error, APPCENTER_ERROR_CORRUPT, "key: wanted ed25519, ecdsa or rsa, found %s",
                  EVP_PKEY_get0_type_name(pkey));
        return NULL;
    }
    if (!key_scheme_check(key->scheme, pkey, error))
        return NULL;
    g_autoptr(json_t) object = key_scheme_to_json(key->scheme, pkey, error);
    if (!object)
        return NULL;
    key->public_half = public_key_from_json(object, error);
    return key->public_half ? g_steal_pointer(&key) : NULL;
}

PrivateKey *private_key_generate(KeyKind kind, GError **error)
{
    EVP_PKEY *pkey = NULL;
    switch (kind) {
    case KEY_ED25519:
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        break;
    case KEY_ECDSA:
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
        break;
    case KEY_RSA:
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)RSA_NEW_BITS);
        break;
    }
    if (!pkey) {
        openssl_set_error(error, APPCENTER_ERROR_INTERNAL, "key: make a new one");
        return NULL;
    }
    return private_key_new(pkey, error);
}

PrivateKey *private_key_external(PublicKey *public_half, PrivateKeySigner sign, gpointer user_data)
{
    PrivateKey *key = g_new0(PrivateKey, 1);
    key->public_half = public_half;
    key->signer = sign;
    key->signer_data = user_data;
    return key;
}

PrivateKey *private_key_from_pem(const void *pem, gsize len, const char *passphrase, GError **error)
{
    OpensslPassphrase answer = {.passphrase = passphrase};
    g_autoptr(BIO) in = openssl_bio_over(pem, len);
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(in, NULL, openssl_answer_passphrase, &answer);
    if (pkey)
        return private_key_new(pkey, error);
    ERR_clear_error(); /* its reasons ("bad decrypt", "no start line") say less than these */
    if (!answer.was_asked)
        error_set(error, APPCENTER_ERROR_CORRUPT,
                  "key: wanted a private key in pem form, found something else");
    else if (!passphrase || !*passphrase)
        error_set(error, APPCENTER_ERROR_UNTRUSTED, "key: it is locked with a passphrase and none was given");
    else
        error_set(error, APPCENTER_ERROR_UNTRUSTED, "key: the passphrase does not open it");
    return NULL;
}

/* Takes algorithm. */
static X509_SIG *encrypt(PKCS8_PRIV_KEY_INFO *info, X509_ALGOR *algorithm, const char *passphrase)
{
    X509_SIG *locked = PKCS8_set0_pbe(passphrase, (int)strlen(passphrase), info, algorithm);
    if (!locked)
        X509_ALGOR_free(algorithm);
    return locked;
}

static gboolean write_pem(BIO *out, EVP_PKEY *pkey, const char *passphrase)
{
    g_autoptr(PKCS8_PRIV_KEY_INFO) info = EVP_PKEY2PKCS8(pkey);
    if (!info)
        return FALSE;
    if (!passphrase)
        return PEM_write_bio_PKCS8_PRIV_KEY_INFO(out, info) == 1;
    X509_ALGOR *algorithm =
        PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), NULL, SCRYPT_SALT_BYTES, NULL, SCRYPT_N, SCRYPT_R, SCRYPT_P);
    if (!algorithm)
        return FALSE;
    g_autoptr(X509_SIG) locked = encrypt(info, algorithm, passphrase);
    return locked && PEM_write_bio_PKCS8(out, locked) == 1;
}

char *private_key_to_pem(const PrivateKey *key, const char *passphrase, GError **error)
{
    if (passphrase && !*passphrase) {
        error_set(error, APPCENTER_ERROR_INVALID,
                  "key: wanted a passphrase of at least one character, found none");
        return NULL;
    }
    if (!key->pkey) {
        error_set(error, APPCENTER_ERROR_INVALID, "key: %.16s is not held here",
                  public_key_id(key->public_half));
        return NULL;
    }
    g_autoptr(BIO) out = openssl_bio_secret();
    if (!write_pem(out, key->pkey, passphrase)) {
        openssl_set_error(error, APPCENTER_ERROR_INTERNAL, "key: write it in pem form");
        return NULL;
    }
    return openssl_bio_text(out);
}

void private_pem_free(char *pem)
{
    if (!pem)
        return;
    OPENSSL_cleanse(pem, strlen(pem));
    g_free(pem);
}

void private_key_free(PrivateKey *key)
{
    if (!key)
        return;
    EVP_PKEY_free(key->pkey);
    public_key_free(key->public_half);
    g_free(key);
}

const PublicKey *private_key_public(const PrivateKey *key)
{
    return key->public_half;
}

EVP_PKEY *private_key_pkey(const PrivateKey *key)
{
    return key->pkey;
}

/* Whatever came back is looked at before anybody relies on it: a token with another key in it answers, too. */
static GBytes *sign_elsewhere(const PrivateKey *key, const void *data, gsize len, GError **error)
{
    g_autoptr(GBytes) sig = key->signer(key->public_half, data, len, key->signer_data, error);
    if (!sig)
        return NULL;
    if (public_key_verify(key->public_half, data, len, g_bytes_get_data(sig, NULL), g_bytes_get_size(sig)))
        return g_steal_pointer(&sig);
    error_set(error, APPCENTER_ERROR_UNTRUSTED,
              "key: wanted a signature of key %.16s (%s), found %" G_GSIZE_FORMAT " bytes that are none",
              public_key_id(key->public_half), public_key_scheme(key->public_half), g_bytes_get_size(sig));
    return NULL;
}

GBytes *private_key_sign(const PrivateKey *key, const void *data, gsize len, GError **error)
{
    if (!key->pkey)
        return sign_elsewhere(key, data, len, error);
    EVP_PKEY_CTX *pkey_ctx = NULL; /* belongs to ctx */
    gsize sig_len = 0;
    g_autofree guint8 *sig = NULL;
    g_autoptr(EVP_MD_CTX) ctx = EVP_MD_CTX_new();
    gboolean is_ready =
        ctx && EVP_DigestSignInit_ex(ctx, &pkey_ctx, key->scheme->digest, NULL, NULL, key->pkey, NULL) == 1 &&
        key_scheme_prepare(key->scheme, pkey_ctx, RSA_PSS_SALTLEN_DIGEST) &&
        EVP_DigestSign(ctx, NULL, &sig_len, data, len) == 1;
    if (is_ready)
        sig = g_malloc(sig_len);
    if (!is_ready || EVP_DigestSign(ctx, sig, &sig_len, data, len) != 1) {
        openssl_set_error(error, APPCENTER_ERROR_INTERNAL, "key: sign with %s", key->scheme->scheme);
        return NULL;
    }
    return g_bytes_new_take(g_steal_pointer(&sig), sig_len);
}
