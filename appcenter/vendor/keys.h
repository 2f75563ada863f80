/* keys.h - key folders (formats.md): DIR/ROLE/<first 16 digits of the key id>.pem and .pub.
 *
 * Folders 0700, private files 0600, encrypted when APPVENDOR_PASSPHRASE_FILE names a file with a passphrase.
 */
#ifndef VENDOR_KEYS_H
#define VENDOR_KEYS_H

#include "base/base.h"
#include "trust/trust.h"

/* A passphrase or a private key as text, wiped when it goes out of sight: g_auto(Secret) pem = NULL; */
typedef char *Secret;
G_DEFINE_AUTO_CLEANUP_FREE_FUNC(Secret, private_pem_free, NULL)

/* First line of the file that APPVENDOR_PASSPHRASE_FILE names; *passphrase NULL when the variable is not set. */
gboolean keys_passphrase(Secret *passphrase, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Writes both halves. keys: the folder DIR. */
gboolean keys_save(const RootDir *keys, const char *role, const PrivateKey *key, const char *passphrase,
                   GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* All private keys of a role in several key folders, in order of their names; PrivateKey*. Absent folders are fine; the
 * array may be empty. */
GPtrArray *keys_load(char **dirs, const char *role, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* TRUE when DIR holds a role's or a publisher's folder: a ceremony would mix its keys with somebody else's. */
gboolean keys_are_there(const RootDir *keys);
/* A publisher's folder (ca.pem, ca.key, sign.pem, sign.key). */
gboolean keys_save_publisher(const RootDir *keys, const char *ca_pem, const char *ca_key,
                             const char *sign_pem, const char *sign_key,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* sign.pem and sign.key of a folder. */
gboolean keys_load_signer(const char *dir, char **sign_pem, Secret *sign_key,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
