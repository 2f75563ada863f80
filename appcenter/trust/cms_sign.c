/* cms_sign.c - makes a detached signature over an archive, for the vendor and for publishers.
 *
 * What it makes, cms.c accepts: a signer that boxes would refuse is refused here, before anything is published.
 * Source: RFC 5652 section 5; formats.md of this project for what the record holds.
 */
#include "trust/cms_internal.h"
#include "trust/key_internal.h"

#include <openssl/sha.h>
#include <string.h>

static gboolean set_signing_time(CMS_SignerInfo *info, gint64 now)
{
    g_autoptr(ASN1_TIME) time = ASN1_TIME_set(NULL, (time_t)now);
    return time &&
           CMS_signed_add1_attr_by_NID(info, NID_pkcs9_signingTime, ASN1_STRING_type(time), time, -1) == 1;
}

static X509 *x509_at(GPtrArray *certificates, guint i)
{
    return ((Certificate *)certificates->pdata[i])->x509;
}

/* The signer's own certificate is in already; a root in it would prove nothing, so it stays out. */
static gboolean add_intermediates(CMS_ContentInfo *cms, GPtrArray *certificates)
{
    for (guint i = 1; i < certificates->len; i++)
        if (X509_self_signed(x509_at(certificates, i), 0) != 1 &&
            CMS_add1_cert(cms, x509_at(certificates, i)) != 1)
            return FALSE;
    return TRUE;
}

static gboolean build(CMS_ContentInfo *cms, GPtrArray *certificates, EVP_PKEY *key, BIO *content, gint64 now)
{
    CMS_SignerInfo *info = CMS_add1_signer(cms, x509_at(certificates, 0), key, EVP_sha256(),
                                           CMS_BINARY | CMS_DETACHED | CMS_PARTIAL | CMS_NOSMIMECAP);
    return info && set_signing_time(info, now) && add_intermediates(cms, certificates) &&
           CMS_final(cms, content, NULL, CMS_BINARY | CMS_DETACHED) == 1;
}

static GBytes *to_der(CMS_ContentInfo *cms, GError **error)
{
    guint8 *der = NULL;
    int len = i2d_CMS_ContentInfo(cms, &der);
    if (len <= 0) {
        openssl_set_error(error, APPCENTER_ERROR_INTERNAL, "signature: write it as der");
        return NULL;
    }
    GBytes *bytes = g_bytes_new(der, (gsize)len);
    OPENSSL_free(der);
    return bytes;
}

static gboolean check_key(X509 *leaf, const PrivateKey *key, GError **error)
{
    return X509_check_private_key(leaf, private_key_pkey(key)) == 1 ||
           openssl_set_error(error, APPCENTER_ERROR_INVALID,
                             "signature: the key is not the certificate's key");
}

GBytes *cms_sign(CmsSource *content, const char *signer_pem, const char *key_pem, const char *passphrase,
                 gint64 now, GError **error)
{
    g_autoptr(GPtrArray) certificates = certificates_from_pem(signer_pem, strlen(signer_pem), error);
    if (!certificates)
        return NULL;
    g_autoptr(PrivateKey) key = private_key_from_pem(key_pem, strlen(key_pem), passphrase, error);
    if (!key || !check_key(x509_at(certificates, 0), key, error) ||
        !certificate_check_signer(x509_at(certificates, 0), error))
        return NULL;
    g_auto(CmsSourceBio) in = {0};
    cms_source_open(&in, content);
    g_autoptr(CMS_ContentInfo) cms =
        CMS_sign(NULL, NULL, NULL, NULL, CMS_BINARY | CMS_DETACHED | CMS_PARTIAL | CMS_STREAM);
    gboolean is_built = cms && build(cms, certificates, private_key_pkey(key), in.bio, now);
    if (in.has_failed) {
        openssl_set_error(error, APPCENTER_ERROR_IO, "signature: read what is to be signed");
        return NULL;
    }
    if (!is_built) {
        openssl_set_error(error, APPCENTER_ERROR_INTERNAL, "signature: make it");
        return NULL;
    }
    return to_der(cms, error);
}

/* ---- QDK's own ---- */

#define LEGACY_MAX_BYTES 20479 /* QNAP's tool reads less than 20480 */

static GBytes *to_smime(CMS_ContentInfo *cms, BIO *content, GError **error)
{
    char *text = NULL;
    g_autoptr(BIO) out = BIO_new(BIO_s_mem());
    if (!out || SMIME_write_CMS(out, cms, content, CMS_BINARY) != 1) {
        openssl_set_error(error, APPCENTER_ERROR_INTERNAL, "legacy signature: write it as s/mime");
        return NULL;
    }
    long len = BIO_get_mem_data(out, &text);
    if (len > LEGACY_MAX_BYTES) {
        error_set(error, APPCENTER_ERROR_REFUSED,
                  "legacy signature: wanted at most %d bytes, found %ld; take fewer intermediates",
                  LEGACY_MAX_BYTES, len);
        return NULL;
    }
    return g_bytes_new(text, (gsize)len);
}

GBytes *cms_sign_legacy(CmsSource *content, const char *signer_pem, const char *key_pem,
                        const char *passphrase, gint64 now, GError **error)
{
    guint8 sha1[SHA_DIGEST_LENGTH];
    g_autoptr(GPtrArray) certificates = certificates_from_pem(signer_pem, strlen(signer_pem), error);
    g_autoptr(PrivateKey) key =
        certificates ? private_key_from_pem(key_pem, strlen(key_pem), passphrase, error) : NULL;
    if (!key || !check_key(x509_at(certificates, 0), key, error) || !cms_sha1_of(content, sha1, error))
        return NULL;
    g_autoptr(BIO) held = openssl_bio_over(sha1, sizeof sha1);
    g_autoptr(CMS_ContentInfo) cms = CMS_sign(NULL, NULL, NULL, NULL, CMS_BINARY | CMS_PARTIAL);
    CMS_SignerInfo *info = cms ? CMS_add1_signer(cms, x509_at(certificates, 0), private_key_pkey(key),
                                                 EVP_sha256(), CMS_BINARY | CMS_PARTIAL)
                               : NULL;
    if (!info || !set_signing_time(info, now) || !add_intermediates(cms, certificates) ||
        CMS_final(cms, held, NULL, CMS_BINARY) != 1) {
        openssl_set_error(error, APPCENTER_ERROR_INTERNAL, "legacy signature: make it");
        return NULL;
    }
    return to_smime(cms, NULL, error);
}
