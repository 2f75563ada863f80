/* cms_internal.h - internal to the room: what reading, making and signing share. */
#ifndef TRUST_CMS_INTERNAL_H
#define TRUST_CMS_INTERNAL_H

#include "trust/cms.h"
#include "trust/openssl.h"

#define CERTIFICATES_MAX_BYTES (1024 * 1024) /* of a PEM text */

struct Certificate {
    X509 *x509;
    char *sha256;
    char *organization;
};

/* Takes a reference of its own. */
Certificate *certificate_from_x509(X509 *x509, GError **error) G_GNUC_WARN_UNUSED_RESULT;
char *certificate_x509_to_pem(X509 *x509);
/* The whole subject on one line, for people; control characters are escaped. */
char *certificate_subject_of(X509 *x509);
/* Seconds since 1970; FALSE for no time. */
gboolean certificate_read_time(const ASN1_TIME *time, gint64 *at);

/* May the owner of this certificate sign archives: CA:FALSE, EKU codeSigning, keyUsage digitalSignature, a strong key of
 * a kind that everybody can check? UNTRUSTED names what is missing. */
gboolean certificate_check_signer(X509 *leaf, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* May it be an anchor: basicConstraints CA:TRUE, and keyCertSign where it has a keyUsage? */
gboolean certificate_check_ca(X509 *ca, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* What QDK's signature is over. */
gboolean cms_sha1_of(CmsSource *content, guint8 sha1[20], GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* A CmsSource as a BIO. OpenSSL takes a failed read for the end of the data, so the failure is kept here: whoever used
 * the bio must ask for it. */
typedef struct {
    CmsSource *source;
    gboolean has_failed;
    BIO *bio;
} CmsSourceBio;

void cms_source_open(CmsSourceBio *opened, CmsSource *source);
void cms_source_close(CmsSourceBio *opened);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CmsSourceBio, cms_source_close)

#endif
