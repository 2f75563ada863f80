/* keys.h - key folders (formats.md): DIR/ROLE/<first 16 digits of the key id>.pem and .pub.
 *
 * A .pub without its .pem is a key whose private half is elsewhere. Folders 0700, private files 0600, encrypted when APPVENDOR_PASSPHRASE_FILE names a file with a passphrase.
 */
#ifndef VENDOR_KEYS_H
#define VENDOR_KEYS_H

#include "base/base.h"
#include "trust/trust.h"

/* A passphrase or a private key as text, wiped when it goes out of sight: g_auto(Secret) pem = NULL; */
typedef char *Secret;
G_DEFINE_AUTO_CLEANUP_FREE_FUNC(Secret, private_pem_free, NULL)

/* First line of the file that APPVENDOR_PASSPHRASE_FILE names; *passphrase NULL when the variable is not set. A pipe can
 * be read once: a verb reads it once and hands the passphrase on. */
gboolean keys_passphrase(Secret *passphrase, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Writes both halves. keys: the folder DIR. */
gboolean keys_save(const RootDir *keys, const char *role, const PrivateKey *key, const char *passphrase,
                   GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The public half alone, of a key whose private half is elsewhere. */
gboolean keys_save_public(const RootDir *keys, const char *role, const PublicKey *key,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* A public half from a file: a key object or PEM. */
PublicKey *keys_load_public(const char *file, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The folder DIR of new keys, made where it is missing. REFUSED when it lies inside repo (NULL: there is none). */
RootDir *keys_open_folder(const char *dir, const char *repo, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Where keys come from: folders, and a program for those whose private half is elsewhere. */
typedef struct {
    char **dirs;        /* borrowed */
    const char *signer; /* borrowed; NULL: none */
    Secret passphrase;
    GPtrArray *signers; /* Signer*, as long as keys are in use */
} KeySource;
/* Reads the passphrase. INVALID without a folder. */
gboolean key_source_init(KeySource *source, char **dirs, const char *signer,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
void key_source_clear(KeySource *source);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KeySource, key_source_clear)
/* All private keys of a role in the source's folders, in order of their names; PrivateKey*. A public half without a
 * private one counts when there is a signer. A publisher's keys may also lie in "releases", where it keeps a repository
 * of its own. Absent role folders are fine; the array may be empty. */
GPtrArray *keys_load(KeySource *source, const char *role, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* TRUE when DIR holds a role's or a publisher's folder: a ceremony would mix its keys with somebody else's. */
gboolean keys_are_there(const RootDir *keys);
/* Makes a publisher's CA and signer, and their folder (ca.pem, ca.key, sign.pem, sign.key). *ca_pem: owned. */
gboolean keys_make_publisher(const RootDir *keys, const char *name, const char *passphrase, gint64 now,
                             char **ca_pem, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* sign.pem and sign.key of a folder. */
gboolean keys_load_signer(const char *dir, char **sign_pem, Secret *sign_key,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
