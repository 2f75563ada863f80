/* forge.c - see forge.h. */
#include "forge.h"

#include <string.h>

static EVP_PKEY *make_key(const char *type)
{
    if (type && g_str_has_prefix(type, "RSA-"))
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)g_ascii_strtoull(type + 4, NULL, 10));
    return EVP_PKEY_Q_keygen(NULL, NULL, "EC", type ? type : "P-256");
}

static void add_extension(X509 *x509, int nid, const char *value)
{
    if (!value)
        return;
    g_autoptr(X509_EXTENSION) extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    g_assert_nonnull(extension);
    g_assert_cmpint(X509_add_ext(x509, extension, -1), ==, 1);
}

static void add_name(X509_NAME *name, const char *field, const char *text)
{
    if (text)
        g_assert_cmpint(
            X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const guint8 *)text, -1, -1, 0), ==, 1);
}

Forged *forge(ForgeSpec spec)
{
    static int serial;
    Forged *forged = g_new0(Forged, 1);
    X509 *x509 = forged->x509 = X509_new();
    forged->key = make_key(spec.key_type);
    g_assert_nonnull(forged->key);
    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial);
    ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)(spec.from ? spec.from : FORGE_NOW - 180 * FORGE_DAY));
    ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)(spec.until ? spec.until : FORGE_NOW + 180 * FORGE_DAY));
    X509_set_pubkey(x509, forged->key);
    add_name(X509_get_subject_name(x509), "O", spec.name);
    add_name(X509_get_subject_name(x509), "O", spec.second_name);
    add_name(X509_get_subject_name(x509), "CN", spec.name);
    X509_set_issuer_name(x509, X509_get_subject_name(spec.issuer ? spec.issuer->x509 : x509));
    add_extension(x509, NID_basic_constraints, spec.basic);
    add_extension(x509, NID_key_usage, spec.usage);
    add_extension(x509, NID_ext_key_usage, spec.extended);
    g_assert_cmpint(X509_sign(x509, spec.issuer ? spec.issuer->key : forged->key, EVP_sha256()), >, 0);
    return forged;
}

void forged_free(Forged *forged)
{
    if (!forged)
        return;
    X509_free(forged->x509);
    EVP_PKEY_free(forged->key);
    g_free(forged);
}

char *forged_pem(const Forged *forged)
{
    g_autoptr(BIO) out = openssl_bio_secret();
    PEM_write_bio_X509(out, forged->x509);
    return openssl_bio_text(out);
}

char *forged_key_pem(const Forged *forged)
{
    g_autoptr(BIO) out = openssl_bio_secret();
    PEM_write_bio_PKCS8PrivateKey(out, forged->key, NULL, NULL, 0, NULL, NULL);
    return openssl_bio_text(out);
}

GPtrArray *forged_anchor(const Forged *forged)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *pem = forged_pem(forged);
    GPtrArray *anchors = certificates_from_pem(pem, strlen(pem), &error);
    g_assert_no_error(error);
    return anchors;
}

static void add_signer(CMS_ContentInfo *cms, const ForgeCms *spec, const Forged *signer)
{
    const EVP_MD *md = EVP_get_digestbyname(spec->digest ? spec->digest : "SHA256");
    unsigned int flags =
        CMS_BINARY | CMS_PARTIAL | CMS_NOSMIMECAP | (spec->has_no_attributes ? CMS_NOATTR : 0);
    gint64 at = spec->signed_at == 0 ? FORGE_NOW : spec->signed_at;
    CMS_SignerInfo *info = CMS_add1_signer(cms, signer->x509, signer->key, md, flags);
    g_assert_nonnull(info);
    if (spec->has_no_attributes)
        return;
    g_autoptr(ASN1_TIME) time = ASN1_TIME_set(NULL, (time_t)at);
    /* "no time" in the form of a time attribute that holds none: OpenSSL adds one by itself where there is none */
    if (at > 0)
        CMS_signed_add1_attr_by_NID(info, NID_pkcs9_signingTime, ASN1_STRING_type(time), time, -1);
    else
        CMS_signed_add1_attr_by_NID(info, NID_pkcs9_signingTime, V_ASN1_UTF8STRING, "now", 3);
}

GBytes *forge_cms(const ForgeCms *spec, const char *content)
{
    guint8 *der = NULL;
    unsigned int flags = CMS_BINARY | (spec->is_attached ? 0 : CMS_DETACHED);
    g_autoptr(BIO) in = openssl_bio_over(content, strlen(content));
    g_autoptr(CMS_ContentInfo) cms = CMS_sign(NULL, NULL, NULL, NULL, flags | CMS_PARTIAL | CMS_STREAM);
    g_assert_nonnull(cms);
    for (gsize i = 0; i < G_N_ELEMENTS(spec->signers) && spec->signers[i]; i++)
        add_signer(cms, spec, spec->signers[i]);
    for (gsize i = 0; i < G_N_ELEMENTS(spec->embedded) && spec->embedded[i]; i++)
        g_assert_cmpint(CMS_add1_cert(cms, spec->embedded[i]->x509), ==, 1);
    g_assert_cmpint(CMS_final(cms, in, NULL, flags), ==, 1);
    int len = i2d_CMS_ContentInfo(cms, &der);
    g_assert_cmpint(len, >, 0);
    GBytes *bytes = g_bytes_new(der, (gsize)len);
    OPENSSL_free(der);
    return bytes;
}
