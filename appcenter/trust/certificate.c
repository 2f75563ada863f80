/* certificate.c - X.509 certificates: reading, naming, and what one must say to sign archives.
 *
 * Hides OpenSSL's X.509. Names come out as UTF-8 without control characters, or empty: a certificate that says its
 * organization twice would let two readers see two publishers. Source: RFC 5280 section 4.2.1.
 */
#include "trust/cms_internal.h"

#include <openssl/err.h>
#include <string.h>

#include "trust/digest.h"

#define SIGNER_MIN_RSA_BITS 2048

/* ---- reading ---- */

static gboolean is_plain_text(const guint8 *text, int len)
{
    if (len <= 0 || !g_utf8_validate_len((const char *)text, (gsize)len, NULL))
        return FALSE;
    for (int i = 0; i < len; i++)
        if (text[i] < 0x20 || text[i] == 0x7f)
            return FALSE;
    return TRUE;
}

static char *organization_of(X509 *x509)
{
    X509_NAME *name = X509_get_subject_name(x509);
    int at = X509_NAME_get_index_by_NID(name, NID_organizationName, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(name, NID_organizationName, at) >= 0)
        return g_strdup("");
    guint8 *text = NULL;
    int len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    char *organization = is_plain_text(text, len) ? g_strndup((char *)text, (gsize)len) : g_strdup("");
    OPENSSL_free(text);
    ERR_clear_error();
    return organization;
}

char *certificate_subject_of(X509 *x509)
{
    g_autoptr(BIO) out = openssl_bio_secret();
    X509_NAME_print_ex(out, X509_get_subject_name(x509), 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
    g_autofree char *text = openssl_bio_text(out);
    return g_utf8_make_valid(text, -1);
}

gboolean certificate_read_time(const ASN1_TIME *time, gint64 *at)
{
    struct tm parts;
    if (!time || ASN1_TIME_to_tm(time, &parts) != 1) {
        ERR_clear_error();
        return FALSE;
    }
    g_autoptr(GDateTime) date = g_date_time_new_utc(parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                                                    parts.tm_hour, parts.tm_min, parts.tm_sec);
    *at = date ? g_date_time_to_unix(date) : 0;
    return date != NULL;
}

Certificate *certificate_from_x509(X509 *x509, GError **error)
{
    guint8 *der = NULL;
    int len = i2d_X509(x509, &der);
    if (len <= 0) {
        openssl_set_error(error, APPCENTER_ERROR_CORRUPT, "certificate: it cannot be written as der");
        return NULL;
    }
    Certificate *certificate = g_new0(Certificate, 1);
    X509_up_ref(x509);
    certificate->x509 = x509;
    certificate->sha256 = digest_hex_of(DIGEST_SHA256, der, (gsize)len);
    certificate->organization = organization_of(x509);
    OPENSSL_free(der);
    return certificate;
}

void certificate_free(Certificate *certificate)
{
    if (!certificate)
        return;
    X509_free(certificate->x509);
    g_free(certificate->sha256);
    g_free(certificate->organization);
    g_free(certificate);
}

/* TRUE when the text was read to its end, and not to a damaged certificate. */
static gboolean ended_well(void)
{
    unsigned long last = ERR_peek_last_error();
    return last == 0 || (ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE);
}

GPtrArray *certificates_from_pem(const void *pem, gsize len, GError **error)
{
    if (len > CERTIFICATES_MAX_BYTES) {
        error_set(error, APPCENTER_ERROR_CORRUPT,
                  "certificate: wanted at most %d bytes, found %" G_GSIZE_FORMAT, CERTIFICATES_MAX_BYTES,
                  len);
        return NULL;
    }
    OpensslPassphrase none = {0};
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func((GDestroyNotify)certificate_free);
    g_autoptr(BIO) in = openssl_bio_over(pem, len);
    ERR_clear_error();
    for (;;) {
        g_autoptr(X509) x509 = PEM_read_bio_X509(in, NULL, openssl_answer_passphrase, &none);
        if (!x509)
            break;
        Certificate *certificate = certificate_from_x509(x509, error);
        if (!certificate)
            return NULL;
        g_ptr_array_add(found, certificate);
    }
    if (!ended_well()) {
        openssl_set_error(error, APPCENTER_ERROR_CORRUPT, "certificate: number %u is damaged",
                          found->len + 1);
        return NULL;
    }
    ERR_clear_error();
    if (found->len > 0)
        return g_steal_pointer(&found);
    error_set(error, APPCENTER_ERROR_CORRUPT, "certificate: wanted one in pem form, found none");
    return NULL;
}

Certificate *certificate_from_pem(const void *pem, gsize len, GError **error)
{
    g_autoptr(GPtrArray) all = certificates_from_pem(pem, len, error);
    return all ? g_ptr_array_steal_index(all, 0) : NULL;
}

char *certificate_x509_to_pem(X509 *x509)
{
    g_autoptr(BIO) out = openssl_bio_secret();
    if (PEM_write_bio_X509(out, x509) != 1)
        g_error("openssl: out of memory");
    return openssl_bio_text(out);
}

char *certificate_to_pem(const Certificate *certificate)
{
    return certificate_x509_to_pem(certificate->x509);
}

const char *certificate_sha256(const Certificate *certificate)
{
    return certificate->sha256;
}

const char *certificate_organization(const Certificate *certificate)
{
    return certificate->organization;
}

gint64 certificate_expires_at(const Certificate *certificate)
{
    gint64 at = 0;
    return certificate_read_time(X509_get0_notAfter(certificate->x509), &at) ? at : 0;
}

/* ---- what it must say ---- */

static gboolean key_is_strong(X509 *x509)
{
    char group[64] = "";
    EVP_PKEY *key = X509_get0_pubkey(x509);
    if (!key)
        return FALSE;
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
        return EVP_PKEY_get_bits(key) >= SIGNER_MIN_RSA_BITS;
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
           EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 &&
           strcmp(group, SN_X9_62_prime256v1) == 0;
}

gboolean certificate_check_signer(X509 *leaf, GError **error)
{
    guint32 flags = X509_get_extension_flags(leaf);
    const char *missing = NULL;
    if (flags & EXFLAG_INVALID)
        missing = "extensions that can be read";
    else if (!(flags & EXFLAG_BCONS) || (flags & EXFLAG_CA) || X509_check_ca(leaf) != 0)
        missing = "basicConstraints CA:FALSE";
    else if (!(flags & EXFLAG_XKUSAGE) || !(X509_get_extended_key_usage(leaf) & XKU_CODE_SIGN))
        missing = "extendedKeyUsage codeSigning";
    else if (!(flags & EXFLAG_KUSAGE) || !(X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE))
        missing = "keyUsage digitalSignature";
    else if (!key_is_strong(leaf))
        missing = "a key of rsa 2048 bits or more, or ecdsa p-256";
    if (!missing)
        return TRUE;
    g_autofree char *subject = certificate_subject_of(leaf);
    return openssl_set_error(error, APPCENTER_ERROR_UNTRUSTED, "the signer's certificate (%s) lacks %s",
                             subject, missing);
}

gboolean certificate_check_ca(X509 *ca, GError **error)
{
    if (X509_check_ca(ca) == 1 && !(X509_get_extension_flags(ca) & EXFLAG_INVALID))
        return TRUE;
    g_autofree char *subject = certificate_subject_of(ca);
    return openssl_set_error(error, APPCENTER_ERROR_UNTRUSTED,
                             "the certificate above the signer's (%s) lacks basicConstraints CA:TRUE",
                             subject);
}
