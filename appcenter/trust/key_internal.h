/* key_internal.h - internal to the room: how keytype and scheme map to OpenSSL, shared by both halves of a key. */
#ifndef TRUST_KEY_INTERNAL_H
#define TRUST_KEY_INTERNAL_H

#include "trust/key.h"
#include "trust/openssl.h"

#define KEY_RSA_MIN_BITS 2048
#define KEY_RSA_MAX_BITS 8192 /* a larger one costs more to check than any repository needs */

typedef struct {
    const char *keytype;
    const char *scheme;
    int type;           /* EVP_PKEY_ED25519, EVP_PKEY_EC, EVP_PKEY_RSA */
    const char *group;  /* of EC */
    const char *digest; /* NULL: the scheme hashes by itself */
    int rsa_padding;    /* 0: not RSA */
} KeyScheme;

/* NULL when we do not know the pair. */
const KeyScheme *key_scheme_find(const char *keytype, const char *scheme);
/* The scheme that new keys of this type get; NULL for a type that we do not sign with. */
const KeyScheme *key_scheme_for_signing(const EVP_PKEY *pkey);
/* TRUE when the key is what the scheme says, strong enough, and written in the usual way. */
gboolean key_scheme_check(const KeyScheme *scheme, EVP_PKEY *pkey, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Padding and salt length of a fresh signing or verifying context. */
gboolean key_scheme_prepare(const KeyScheme *scheme, EVP_PKEY_CTX *ctx, int pss_salt_len);
/* The key object of a key that we made. */
json_t *key_scheme_to_json(const KeyScheme *scheme, EVP_PKEY *pkey, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Borrowed. */
EVP_PKEY *private_key_pkey(const PrivateKey *key);

#endif
