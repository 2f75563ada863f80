/* certificate_make.c - a publisher's CA and the signer below it, as cms.h promises and cms.c demands.
 *
 * Hides how OpenSSL builds certificates. Validity starts a day early, because the clocks of boxes differ.
 */
#include "trust/cms_internal.h"
#include "trust/key_internal.h"

#include <string.h>

#define SECONDS_A_DAY   86400
#define DAYS_MAX        36500
#define SERIAL_BITS     127
#define X509_VERSION_V3 2

typedef struct {
    EVP_PKEY *key;
    X509 *issuer; /* NULL: itself */
    EVP_PKEY *issuer_key;
    const char *organization;
    const char *common_name;
    gint64 now;
    gint64 days;
} Wish;

static gboolean add_extension(X509 *x509, const Wish *wish, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, wish->issuer ? wish->issuer : x509, x509, NULL, NULL, 0);
    g_autoptr(X509_EXTENSION) extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    return extension && X509_add_ext(x509, extension, -1) == 1;
}

static gboolean add_extensions(X509 *x509, const Wish *wish)
{
    if (!add_extension(x509, wish, NID_subject_key_identifier, "hash"))
        return FALSE;
    if (!wish->issuer)
        return add_extension(x509, wish, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
               add_extension(x509, wish, NID_key_usage, "critical,keyCertSign");
    return add_extension(x509, wish, NID_authority_key_identifier, "keyid") &&
           add_extension(x509, wish, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(x509, wish, NID_key_usage, "critical,digitalSignature") &&
           add_extension(x509, wish, NID_ext_key_usage, "codeSigning");
}

static gboolean set_serial(X509 *x509)
{
    g_autoptr(BIGNUM) serial = BN_new();
    return serial && BN_rand(serial, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
           BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x509));
}

static gboolean set_times(X509 *x509, const Wish *wish)
{
    return ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)(wish->now - SECONDS_A_DAY)) &&
           ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)(wish->now + wish->days * SECONDS_A_DAY));
}

static gboolean add_name(X509_NAME *name, const char *field, const char *text)
{
    return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const guint8 *)text, -1, -1, 0) == 1;
}

static gboolean set_names(X509 *x509, const Wish *wish)
{
    X509_NAME *name = X509_get_subject_name(x509);
    return add_name(name, "O", wish->organization) && add_name(name, "CN", wish->common_name) &&
           X509_set_issuer_name(x509, wish->issuer ? X509_get_subject_name(wish->issuer) : name) == 1;
}

static X509 *make(const Wish *wish, GError **error)
{
    g_autoptr(X509) x509 = X509_new();
    if (x509 && X509_set_version(x509, X509_VERSION_V3) == 1 && set_serial(x509) && set_times(x509, wish) &&
        X509_set_pubkey(x509, wish->key) == 1 && set_names(x509, wish) && add_extensions(x509, wish) &&
        X509_sign(x509, wish->issuer_key, EVP_sha256()) > 0)
        return g_steal_pointer(&x509);
    openssl_set_error(error, APPCENTER_ERROR_INTERNAL, "certificate: make one for \"%s\"",
                      wish->organization);
    return NULL;
}

static gboolean check_arguments(const char *organization, gint64 days, GError **error)
{
    if (!*organization || !g_utf8_validate(organization, -1, NULL) || g_utf8_strlen(organization, -1) > 64)
        return error_set(error, APPCENTER_ERROR_INVALID,
                         "certificate: wanted an organization of 1 to 64 characters, found \"%s\"",
                         organization);
    if (days < 1 || days > DAYS_MAX)
        return error_set(error, APPCENTER_ERROR_INVALID,
                         "certificate: wanted 1 to %d days, found %" G_GINT64_FORMAT, DAYS_MAX, days);
    return TRUE;
}

/* Makes the certificate of wish, and hands both texts out or neither. */
static gboolean make_texts(Wish *wish, const PrivateKey *key, const char *passphrase, char **pem,
                           char **key_pem, GError **error)
{
    g_autoptr(X509) x509 = make(wish, error);
    char *key_text = x509 ? private_key_to_pem(key, passphrase, error) : NULL;
    if (!key_text)
        return FALSE;
    *pem = certificate_x509_to_pem(x509);
    *key_pem = key_text;
    return TRUE;
}

gboolean cms_make_ca(const char *organization, gint64 now, gint64 days, const char *passphrase, char **ca_pem,
                     char **ca_key_pem, GError **error)
{
    if (!check_arguments(organization, days, error))
        return FALSE;
    g_autoptr(PrivateKey) key = private_key_generate(KEY_ECDSA, error);
    if (!key)
        return FALSE;
    EVP_PKEY *pkey = private_key_pkey(key);
    Wish wish = {pkey, NULL, pkey, organization, "App Signing CA", now, days};
    return make_texts(&wish, key, passphrase, ca_pem, ca_key_pem, error);
}

gboolean cms_make_signer(const char *ca_pem, const char *ca_key_pem, const char *organization, gint64 now,
                         gint64 days, const char *passphrase, char **signer_pem, char **signer_key_pem,
                         GError **error)
{
    if (!check_arguments(organization, days, error))
        return FALSE;
    g_autoptr(Certificate) ca = certificate_from_pem(ca_pem, strlen(ca_pem), error);
    if (!ca || !certificate_check_ca(ca->x509, error))
        return FALSE;
    g_autoptr(PrivateKey) ca_key = private_key_from_pem(ca_key_pem, strlen(ca_key_pem), passphrase, error);
    if (!ca_key)
        return FALSE;
    if (X509_check_private_key(ca->x509, private_key_pkey(ca_key)) != 1)
        return openssl_set_error(error, APPCENTER_ERROR_INVALID,
                                 "certificate: the ca's key is not the key of the ca");
    g_autoptr(PrivateKey) key = private_key_generate(KEY_ECDSA, error);
    if (!key)
        return FALSE;
    Wish wish = {
        private_key_pkey(key), ca->x509, private_key_pkey(ca_key), organization, "App Signer", now, days};
    return make_texts(&wish, key, passphrase, signer_pem, signer_key_pem, error);
}
