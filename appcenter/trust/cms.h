/* cms.h - X.509 and CMS for archives: publisher CAs, signer certificates, detached strong signatures.
 *
 * DER CMS SignedData, detached, SHA-256, one signer, RSA >= 2048 or ECDSA P-256, signing time, chain without the root
 * (formats.md). Verification uses purpose ANY and then requires itself: EKU codeSigning, CA:FALSE, keyUsage
 * digitalSignature, validity at signing time, chain up to exactly one of the given anchors (no partial chains, no
 * system store), and reports who signed; whether that publisher may sign that app is the caller's question.
 */
#ifndef TRUST_CMS_H
#define TRUST_CMS_H

#include <glib.h>

/* Bytes to be signed or checked, read once from the start. read returns bytes read, 0 at the end, -1 on failure. */
typedef struct {
    gssize (*read)(gpointer user_data, void *buffer, gsize len);
    gpointer user_data;
} CmsSource;

typedef struct Certificate Certificate;

Certificate *certificate_from_pem(const void *pem, gsize len, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void certificate_free(Certificate *certificate);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Certificate, certificate_free)
char *certificate_to_pem(const Certificate *certificate);
/* SHA-256 over the DER form, hex; owned by the certificate. The catalogue's `ca_sha256`. */
const char *certificate_sha256(const Certificate *certificate);
/* Subject's O, "" when it has none; owned. */
const char *certificate_organization(const Certificate *certificate);
gint64 certificate_expires_at(const Certificate *certificate);
/* All certificates in a PEM text (a file of publishers.d); array of Certificate*. CORRUPT when there is none. */
GPtrArray *certificates_from_pem(const void *pem, gsize len, GError **error) G_GNUC_WARN_UNUSED_RESULT;

typedef struct {
    char *publisher; /* the leaf's subject O */
    char *subject;   /* the leaf's whole subject, one line, for people */
    char *leaf_sha256;
    char *ca_sha256; /* the anchor that the chain ends in */
    gint64 signed_at;
} CmsSigner;

void cms_signer_clear(CmsSigner *signer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CmsSigner, cms_signer_clear)

/* anchors: array of Certificate*. UNTRUSTED names what did not hold; CORRUPT when the DER is no such CMS. now: to refuse
 * a signing time in the future (one day of grace). */
gboolean cms_verify(const void *der, gsize len, CmsSource *content, GPtrArray *anchors, gint64 now,
                    CmsSigner *signer, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* QDK's record 254: S/MIME text that holds the SHA-1 of content. CORRUPT when it is no such text, UNTRUSTED when it does not
 * hold or does not fit. anchors NULL: who signed is not asked; else the signer must lead to one of them at now. Nobody may
 * take it for a reason to trust an archive. */
gboolean cms_verify_legacy(const void *smime, gsize len, CmsSource *content, GPtrArray *anchors, gint64 now,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Who claims to have signed, unverified, for `inspect`. */
gboolean cms_describe(const void *der, gsize len, CmsSigner *signer,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* signer_pem may hold the leaf followed by intermediates; key_pem PKCS#8, passphrase or NULL. */
GBytes *cms_sign(CmsSource *content, const char *signer_pem, const char *key_pem, const char *passphrase,
                 gint64 now, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* QDK's record 254 over content: S/MIME text around a CMS that holds its SHA-1. For boxes that know no other; nobody here
 * trusts it. The signer needs no purpose; REFUSED when the text is longer than QNAP's tool reads. */
GBytes *cms_sign_legacy(CmsSource *content, const char *signer_pem, const char *key_pem,
                        const char *passphrase, gint64 now, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* A publisher's CA (self-signed, CA:TRUE pathlen 0, keyCertSign) and a signer below it (EKU codeSigning, CA:FALSE,
 * digitalSignature), ECDSA P-256. organization: the publisher's name, subject O of both. Texts out: PEM. */
gboolean cms_make_ca(const char *organization, gint64 now, gint64 days, const char *passphrase, char **ca_pem,
                     char **ca_key_pem, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean cms_make_signer(const char *ca_pem, const char *ca_key_pem, const char *organization, gint64 now,
                         gint64 days, const char *passphrase, char **signer_pem, char **signer_key_pem,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
