/* key.h - TUF keys: ed25519, ecdsa P-256, rsa (pss and pkcs1v15). Hides OpenSSL.
 *
 * A key object is the JSON {"keytype","scheme","keyval":{"public"}} with unknown members kept; its id is the SHA-256
 * of its canonical form (specification 4.2). ed25519 and ecdsa keys sign as the specification says; RSA from 2048 bits.
 */
#ifndef TRUST_KEY_H
#define TRUST_KEY_H

#include "base/json.h"

typedef struct PublicKey PublicKey;
typedef struct PrivateKey PrivateKey;
typedef enum { KEY_ED25519, KEY_ECDSA, KEY_RSA } KeyKind;

/* Checks that the material fits keytype and scheme. CORRUPT otherwise. */
PublicKey *public_key_from_json(const json_t *key_object, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* A key object as text, or a SubjectPublicKeyInfo in PEM form (what a token exports). CORRUPT otherwise. */
PublicKey *public_key_from_text(const void *text, gsize len, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void public_key_free(PublicKey *key);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PublicKey, public_key_free)
/* SHA-256 of the canonical key object, lower-case hex; owned by the key. */
const char *public_key_id(const PublicKey *key);
/* "ed25519", "ecdsa-sha2-nistp256", "rsassa-pss-sha256", ...; static. */
const char *public_key_scheme(const PublicKey *key);
/* The key object; borrowed. */
const json_t *public_key_json(const PublicKey *key);
/* SHA-256 of the public key itself (SubjectPublicKeyInfo): equal for two ids of one key. Owned by the key. */
const char *public_key_material(const PublicKey *key);
/* TRUE only for a good signature; malformed ones are FALSE, never an error. */
gboolean public_key_verify(const PublicKey *key, const void *data, gsize len, const guint8 *sig,
                           gsize sig_len);

PrivateKey *private_key_generate(KeyKind kind, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* A key whose private half is elsewhere (a token, a signing service): `sign` is asked for every signature, and what it
 * answers is checked. public_half is taken; user_data must outlive the key. It has no PEM form. */
typedef GBytes *(*PrivateKeySigner)(const PublicKey *key, const void *data, gsize len, gpointer user_data,
                                    GError **error);
PrivateKey *private_key_external(PublicKey *public_half, PrivateKeySigner sign, gpointer user_data);
/* PKCS#8 PEM, encrypted or not; passphrase NULL: none. UNTRUSTED on a wrong passphrase, CORRUPT on bad PEM. */
PrivateKey *private_key_from_pem(const void *pem, gsize len, const char *passphrase,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* passphrase NULL: not encrypted; else PBES2 with scrypt or PBKDF2. Wiped on free by the caller with private_pem_free. */
char *private_key_to_pem(const PrivateKey *key, const char *passphrase,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
void private_pem_free(char *pem);
void private_key_free(PrivateKey *key);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PrivateKey, private_key_free)
/* The public half; borrowed. */
const PublicKey *private_key_public(const PrivateKey *key);
/* UNTRUSTED when an external signer answers with something that is no signature of this key. */
GBytes *private_key_sign(const PrivateKey *key, const void *data, gsize len,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
