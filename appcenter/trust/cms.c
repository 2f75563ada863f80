/* cms.c - is this detached signature good, and who made it?
 *
 * OpenSSL checks digest and signature; who may sign is asked here, because OpenSSL 3.0 has no purpose for code signing
 * and its default one refuses such a leaf. Certificates inside the CMS are links of a chain at most, never its end.
 * Source: RFC 5652 sections 5 and 11, RFC 5280 section 6.
 */
#include "trust/cms_internal.h"

#include <openssl/err.h>

#define DER_MAX_BYTES    65536
#define CLOCK_GRACE_S    86400
#define CHAIN_MAX_DEPTH  4
#define CHAIN_AUTH_LEVEL 2 /* 112 bits: no SHA-1, no RSA below 2048 anywhere in the chain */

void cms_signer_clear(CmsSigner *signer)
{
    g_clear_pointer(&signer->publisher, g_free);
    g_clear_pointer(&signer->subject, g_free);
    g_clear_pointer(&signer->leaf_sha256, g_free);
    g_clear_pointer(&signer->ca_sha256, g_free);
    signer->signed_at = 0;
}

/* ---- shape ---- */

static CMS_ContentInfo *parse(const void *der, gsize len, GError **error)
{
    const guint8 *at = der;
    if (len == 0 || len > DER_MAX_BYTES) {
        error_set(error, APPCENTER_ERROR_CORRUPT, "signature: wanted 1 to %d bytes, found %" G_GSIZE_FORMAT,
                  DER_MAX_BYTES, len);
        return NULL;
    }
    g_autoptr(CMS_ContentInfo) cms = d2i_CMS_ContentInfo(NULL, &at, (long)len);
    if (!cms || at != (const guint8 *)der + len || OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed) {
        openssl_set_error(error, APPCENTER_ERROR_CORRUPT, "signature: wanted cms signed data in der form");
        return NULL;
    }
    if (CMS_is_detached(cms) != 1 || OBJ_obj2nid(CMS_get0_eContentType(cms)) != NID_pkcs7_data) {
        openssl_set_error(error, APPCENTER_ERROR_CORRUPT, "signature: wanted a detached one over plain data");
        return NULL;
    }
    return g_steal_pointer(&cms);
}

static int digest_of(CMS_SignerInfo *info)
{
    X509_ALGOR *digest = NULL;
    const ASN1_OBJECT *kind = NULL;
    CMS_SignerInfo_get0_algs(info, NULL, NULL, &digest, NULL);
    X509_ALGOR_get0(&kind, NULL, NULL, digest);
    return OBJ_obj2nid(kind);
}

static gboolean read_signing_time(CMS_SignerInfo *info, gint64 *at)
{
    int index = CMS_signed_get_attr_by_NID(info, NID_pkcs9_signingTime, -1);
    X509_ATTRIBUTE *attribute = index < 0 ? NULL : CMS_signed_get_attr(info, index);
    ASN1_TYPE *value = attribute ? X509_ATTRIBUTE_get0_type(attribute, 0) : NULL;
    if (!value || (value->type != V_ASN1_UTCTIME && value->type != V_ASN1_GENERALIZEDTIME))
        return FALSE;
    return certificate_read_time(value->value.asn1_string, at) && *at > 0;
}

/* One signer who signed, with SHA-256, attributes that hold the content's digest and the time. */
static CMS_SignerInfo *only_signer(CMS_ContentInfo *cms, gint64 *signed_at, GError **error)
{
    STACK_OF(CMS_SignerInfo) *infos = CMS_get0_SignerInfos(cms);
    int n = infos ? sk_CMS_SignerInfo_num(infos) : 0;
    if (n != 1) {
        error_set(error, APPCENTER_ERROR_UNTRUSTED, "signature: wanted one signer, found %d", n);
        return NULL;
    }
    CMS_SignerInfo *info = sk_CMS_SignerInfo_value(infos, 0);
    int digest = digest_of(info);
    if (digest != NID_sha256) {
        error_set(error, APPCENTER_ERROR_UNTRUSTED, "signature: wanted digest SHA256, found %s",
                  digest == NID_undef ? "an unknown one" : OBJ_nid2sn(digest));
        return NULL;
    }
    if (CMS_signed_get_attr_by_NID(info, NID_pkcs9_messageDigest, -1) < 0 ||
        !read_signing_time(info, signed_at)) {
        error_set(error, APPCENTER_ERROR_UNTRUSTED,
                  "signature: wanted a digest and a signing time that are signed");
        return NULL;
    }
    return info;
}

static X509 *leaf_of(CMS_ContentInfo *cms, CMS_SignerInfo *info, GError **error)
{
    X509 *leaf = NULL;
    CMS_set1_signers_certs(cms, NULL, 0);
    CMS_SignerInfo_get0_algs(info, NULL, &leaf, NULL, NULL);
    if (!leaf)
        openssl_set_error(error, APPCENTER_ERROR_UNTRUSTED, "signature: it lacks the signer's certificate");
    return leaf;
}

static gboolean describe_leaf(X509 *leaf, gint64 signed_at, CmsSigner *signer, GError **error)
{
    g_autoptr(Certificate) certificate = certificate_from_x509(leaf, error);
    if (!certificate)
        return FALSE;
    signer->publisher = g_strdup(certificate->organization);
    signer->subject = certificate_subject_of(leaf);
    signer->leaf_sha256 = g_strdup(certificate->sha256);
    signer->signed_at = signed_at;
    return TRUE;
}

/* ---- trust ---- */

static X509_STORE *store_of(GPtrArray *anchors, gint64 at)
{
    X509_STORE *store = X509_STORE_new();
    if (!store)
        g_error("openssl: out of memory");
    X509_VERIFY_PARAM *param = X509_STORE_get0_param(store);
    for (guint i = 0; i < anchors->len; i++)
        X509_STORE_add_cert(store, ((Certificate *)anchors->pdata[i])->x509);
    X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_ANY);
    X509_VERIFY_PARAM_set_time(param, (time_t)at);
    X509_VERIFY_PARAM_set_depth(param, CHAIN_MAX_DEPTH);
    X509_VERIFY_PARAM_set_auth_level(param, CHAIN_AUTH_LEVEL);
    return store;
}

static gboolean check_built_chain(X509_STORE_CTX *ctx, CmsSigner *signer, GError **error)
{
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
    X509 *anchor = sk_X509_value(chain, sk_X509_num(chain) - 1);
    for (int i = 1; i < sk_X509_num(chain); i++)
        if (!certificate_check_ca(sk_X509_value(chain, i), error))
            return FALSE;
    g_autoptr(Certificate) certificate = certificate_from_x509(anchor, error);
    if (!certificate)
        return FALSE;
    signer->ca_sha256 = g_strdup(certificate->sha256);
    return TRUE;
}

static gboolean check_chain(STACK_OF(X509) * links, X509 *leaf, GPtrArray *anchors, CmsSigner *signer,
                            GError **error)
{
    g_autoptr(X509_STORE) store = store_of(anchors, signer->signed_at);
    g_autoptr(X509_STORE_CTX) ctx = X509_STORE_CTX_new();
    if (!ctx || X509_STORE_CTX_init(ctx, store, leaf, links) != 1)
        return openssl_set_error(error, APPCENTER_ERROR_INTERNAL, "signature: build the signer's chain");
    if (X509_verify_cert(ctx) == 1)
        return check_built_chain(ctx, signer, error);
    ERR_clear_error();
    return error_set(error, APPCENTER_ERROR_UNTRUSTED,
                     "signature: the signer (%s) does not lead to a trusted ca: %s", signer->subject,
                     X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
}

static gboolean check_content(CMS_ContentInfo *cms, CmsSource *content, GError **error)
{
    g_auto(CmsSourceBio) in = {0};
    cms_source_open(&in, content);
    gboolean is_good = CMS_verify(cms, NULL, NULL, in.bio, NULL, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) == 1;
    if (in.has_failed)
        return openssl_set_error(error, APPCENTER_ERROR_IO, "signature: read what is signed");
    if (!is_good)
        return openssl_set_error(error, APPCENTER_ERROR_UNTRUSTED, "signature: it does not fit the content");
    return TRUE;
}

/* The cheap questions first, the content last. */
static gboolean verify(CMS_ContentInfo *cms, CmsSource *content, GPtrArray *anchors, gint64 now,
                       CmsSigner *signer, GError **error)
{
    gint64 signed_at = 0;
    CMS_SignerInfo *info = only_signer(cms, &signed_at, error);
    X509 *leaf = info ? leaf_of(cms, info, error) : NULL;
    if (!leaf || !describe_leaf(leaf, signed_at, signer, error))
        return FALSE;
    if (signed_at > now + CLOCK_GRACE_S)
        return error_set(error, APPCENTER_ERROR_UNTRUSTED,
                         "signature: it was made in the future; is the clock right?");
    if (!certificate_check_signer(leaf, error))
        return FALSE;
    STACK_OF(X509) *links = CMS_get1_certs(cms);
    gboolean is_trusted = check_chain(links, leaf, anchors, signer, error);
    sk_X509_pop_free(links, X509_free);
    return is_trusted && check_content(cms, content, error);
}

gboolean cms_verify(const void *der, gsize len, CmsSource *content, GPtrArray *anchors, gint64 now,
                    CmsSigner *signer, GError **error)
{
    g_auto(CmsSigner) found = {0};
    g_autoptr(CMS_ContentInfo) cms = parse(der, len, error);
    if (!cms || !verify(cms, content, anchors, now, &found, error))
        return FALSE;
    *signer = found;
    found = (CmsSigner){0};
    return TRUE;
}

gboolean cms_describe(const void *der, gsize len, CmsSigner *signer, GError **error)
{
    gint64 signed_at = 0;
    g_auto(CmsSigner) found = {0};
    g_autoptr(CMS_ContentInfo) cms = parse(der, len, error);
    CMS_SignerInfo *info = cms ? only_signer(cms, &signed_at, error) : NULL;
    X509 *leaf = info ? leaf_of(cms, info, error) : NULL;
    if (!leaf || !describe_leaf(leaf, signed_at, &found, error))
        return FALSE;
    *signer = found;
    found = (CmsSigner){0};
    return TRUE;
}
