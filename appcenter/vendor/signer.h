/* signer.h - signatures by a program: a hardware token's tool, a signing service's client. Private to vendor/.
 *
 * The program is started once a signature, without a shell. Its stdin is a file that holds the bytes to be signed; its
 * environment is ours and APPVENDOR_ROLE, APPVENDOR_KEY_ID, APPVENDOR_SCHEME and APPVENDOR_SHA256 (of those bytes, for
 * tools that take a digest). It answers on stdout with the signature: as it is, in hex or in base64.
 */
#ifndef VENDOR_SIGNER_H
#define VENDOR_SIGNER_H

#include "base/base.h"
#include "trust/trust.h"

typedef struct Signer Signer;

/* command: words as in a shell, quotes included. INVALID when it has none or its program is not found. */
Signer *signer_new(const char *command, const char *role, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void signer_free(Signer *signer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Signer, signer_free)
/* A PrivateKeySigner; user_data: the Signer. SCRIPT says how the program ended. */
GBytes *signer_sign(const PublicKey *key, const void *data, gsize len, gpointer user_data, GError **error);

#endif
