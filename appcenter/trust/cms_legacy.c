/* cms_legacy.c - QDK's signature (record 254): does it fit the archive that it stands in?
 *
 * It is S/MIME text around a CMS that holds the content's SHA-1, so it can make nobody trust an archive; but one that does
 * not fit shows that somebody has changed the archive, whatever other signature is there. Who signed is only asked when
 * anchors are given. Sources: qpkg-format.md 2.3, RFC 8551.
 */
#include "trust/cms_internal.h"

#include <openssl/err.h>
#include <openssl/sha.h>
#include <string.h>

#define SMIME_MAX_BYTES    65536
#define READ_CHUNK_BYTES   (64 * 1024)
#define HELD_MAX_BYTES     64 /* more than any digest */
#define CHAIN_LEGACY_LEVEL 1  /* 80 bits: QNAP's own CAs are RSA 2048 with SHA-1 links */

static CMS_ContentInfo *read_smime(const void *smime, gsize len, GError **error)
{
    if (len == 0 || len > SMIME_MAX_BYTES) {
        error_set(error, APPCENTER_ERROR_CORRUPT,
                  "legacy signature: wanted 1 to %d bytes, found %" G_GSIZE_FORMAT, SMIME_MAX_BYTES, len);
        return NULL;
    }
    g_autoptr(BIO) in = openssl_bio_over(smime, len);
    g_autoptr(BIO) detached = NULL;
    CMS_ContentInfo *cms = SMIME_read_CMS(in, &detached);
    if (cms && OBJ_obj2nid(CMS_get0_type(cms)) == NID_pkcs7_signed && !detached && CMS_is_detached(cms) == 0)
        return cms;
    CMS_ContentInfo_free(cms);
    openssl_set_error(error, APPCENTER_ERROR_CORRUPT,
                      "legacy signature: wanted s/mime signed data that holds a digest");
    return NULL;
}

gboolean cms_sha1_of(CmsSource *content, guint8 sha1[SHA_DIGEST_LENGTH], GError **error)
{
    g_autoptr(EVP_MD_CTX) ctx = EVP_MD_CTX_new();
    g_autofree guint8 *chunk = g_malloc(READ_CHUNK_BYTES);
    gssize n = 0;
    if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha1(), NULL) != 1)
        return openssl_set_error(error, APPCENTER_ERROR_INTERNAL, "legacy signature: sha-1");
    do {
        n = content->read(content->user_data, chunk, READ_CHUNK_BYTES);
        if (n < 0)
            return error_set(error, APPCENTER_ERROR_IO, "legacy signature: read what is signed");
        if (EVP_DigestUpdate(ctx, chunk, (gsize)n) != 1)
            return openssl_set_error(error, APPCENTER_ERROR_INTERNAL, "legacy signature: sha-1");
    } while (n > 0);
    return EVP_DigestFinal_ex(ctx, sha1, NULL) == 1 ||
           openssl_set_error(error, APPCENTER_ERROR_INTERNAL, "legacy signature: sha-1");
}

/* The chain is asked for as of today, as QDK does it; the purpose is any, because QDK's signers have none. */
static X509_STORE *store_of(GPtrArray *anchors, gint64 now)
{
    X509_STORE *store = X509_STORE_new();
    if (!store)
        g_error("openssl: out of memory");
    for (guint i = 0; i < anchors->len; i++)
        X509_STORE_add_cert(store, ((Certificate *)anchors->pdata[i])->x509);
    X509_VERIFY_PARAM *param = X509_STORE_get0_param(store);
    X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_ANY);
    X509_VERIFY_PARAM_set_time(param, (time_t)now);
    X509_VERIFY_PARAM_set_auth_level(param, CHAIN_LEGACY_LEVEL);
    return store;
}

/* What the CMS holds, when its signature is good. */
static gboolean held_bytes(CMS_ContentInfo *cms, GPtrArray *anchors, gint64 now, guint8 held[HELD_MAX_BYTES],
                           int *n_held, GError **error)
{
    g_autoptr(X509_STORE) store = anchors ? store_of(anchors, now) : NULL;
    g_autoptr(BIO) out = BIO_new(BIO_s_mem());
    guint flags = CMS_BINARY | (store ? 0 : CMS_NO_SIGNER_CERT_VERIFY);
    if (!out || CMS_verify(cms, NULL, store, NULL, out, flags) != 1)
        return openssl_set_error(error, APPCENTER_ERROR_UNTRUSTED, "legacy signature: it does not hold");
    *n_held = BIO_read(out, held, HELD_MAX_BYTES);
    return TRUE;
}

gboolean cms_verify_legacy(const void *smime, gsize len, CmsSource *content, GPtrArray *anchors, gint64 now,
                           GError **error)
{
    guint8 held[HELD_MAX_BYTES], sha1[SHA_DIGEST_LENGTH];
    int n_held = 0;
    g_autoptr(CMS_ContentInfo) cms = read_smime(smime, len, error);
    if (!cms || !held_bytes(cms, anchors, now, held, &n_held, error) || !cms_sha1_of(content, sha1, error))
        return FALSE;
    return (n_held == (int)sizeof sha1 && memcmp(held, sha1, sizeof sha1) == 0) ||
           error_set(error, APPCENTER_ERROR_UNTRUSTED, "legacy signature: it does not fit the content");
}
