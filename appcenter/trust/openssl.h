/* openssl.h - internal to the room: handles of OpenSSL that free themselves, and its error queue as one sentence.
 *
 * OpenSSL's errors pile up in a queue of the thread; whoever sees a call fail empties it here, so that a later failure
 * never shows an older cause.
 */
#ifndef TRUST_OPENSSL_H
#define TRUST_OPENSSL_H

#include <glib.h>
#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>

#include "base/error.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ASN1_TIME, ASN1_TIME_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIGNUM, BN_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIO, BIO_free_all)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CMS_ContentInfo, CMS_ContentInfo_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_MD_CTX, EVP_MD_CTX_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509, X509_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509_ALGOR, X509_ALGOR_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509_EXTENSION, X509_EXTENSION_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509_SIG, X509_SIG_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509_STORE, X509_STORE_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509_STORE_CTX, X509_STORE_CTX_free)

/* The sentence, then ": " and OpenSSL's own reason where it gave one; empties the queue. Always FALSE. */
gboolean openssl_set_error(GError **error, AppcenterError kind, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* A read-only memory BIO over bytes of the caller's. Aborts only when there is no memory. */
BIO *openssl_bio_over(const void *data, gsize len);
/* A BIO whose memory is wiped when it is freed. */
BIO *openssl_bio_secret(void);
/* What was written to a memory BIO, as a text; free with g_free. */
char *openssl_bio_text(BIO *bio);

/* A pem_password_cb that never asks on a terminal. user_data is an OpensslPassphrase. */
typedef struct {
    const char *passphrase; /* NULL: none was given */
    gboolean was_asked;
} OpensslPassphrase;
int openssl_answer_passphrase(char *buffer, int size, int is_writing, void *user_data);

#endif
