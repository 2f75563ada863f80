/* signature_test.c - the strong signature: what it covers, byte by byte, and what it leaves open. */
#include "test.h"

#include <openssl/cms.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <string.h>
#include <unistd.h>

#define NOW ((gint64)1800000000)
#define DAY ((gint64)86400)

typedef struct {
    GPtrArray *anchors;
    char *signer_pem;
    char *signer_key;
    GBytes *archive; /* signed */
} Signed;

static GBytes *sign_archive(int fd, const char *signer_pem, const char *signer_key)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(QpkgLayout) layout = qpkg_layout_read(fd, &error);
    g_autoptr(CmsSource) source = qpkg_signed_source_new(fd, layout);
    g_autoptr(GBytes) der = cms_sign(source, signer_pem, signer_key, NULL, NOW, &error);
    g_assert_no_error(error);
    g_auto(Fd) out = memory_file("", 0);
    g_assert_true(qpkg_write_with_record(fd, layout, QPKG_RECORD_STRONG, der, out, &error));
    return bytes_of(out);
}

static void signed_init(Signed *self)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *ca_pem = NULL;
    g_autofree char *ca_key = NULL;
    g_assert_true(cms_make_ca("Vendor", NOW - DAY, 100, NULL, &ca_pem, &ca_key, &error));
    g_assert_true(cms_make_signer(ca_pem, ca_key, "Vendor", NOW - DAY, 50, NULL, &self->signer_pem,
                                  &self->signer_key, &error));
    self->anchors = certificates_from_pem(ca_pem, strlen(ca_pem), &error);
    g_assert_no_error(error);
    g_auto(Fd) fd = sample_archive("Signed", "1.0", "x86_64", QPKG_ZSTD, TRUE);
    self->archive = sign_archive(fd, self->signer_pem, self->signer_key);
}

static void signed_clear(Signed *self)
{
    g_ptr_array_unref(self->anchors);
    g_free(self->signer_pem);
    g_free(self->signer_key);
    g_bytes_unref(self->archive);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Signed, signed_clear)

/* Verifies the archive with byte `at` (-1: none) flipped, under the layout of the unchanged one. */
static gboolean verify_flipped(const Signed *self, gssize at, GError **error)
{
    gsize len;
    const guint8 *data = g_bytes_get_data(self->archive, &len);
    g_autofree guint8 *copy = g_memdup2(data, len);
    g_auto(CmsSigner) signer = {0};
    g_auto(Fd) good = memory_file(data, len);
    g_autoptr(QpkgLayout) layout = qpkg_layout_read(good, error);
    g_assert_no_error(*error);
    if (at >= 0)
        copy[at] ^= 1;
    g_auto(Fd) fd = memory_file(copy, len);
    return qpkg_verify_strong(fd, layout, self->anchors, NOW, &signer, error);
}

static void a_signed_archive_verifies_and_names_its_signer(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Signed) self = {0};
    signed_init(&self);
    g_auto(CmsSigner) signer = {0};
    g_auto(Fd) fd = memory_file(g_bytes_get_data(self.archive, NULL), g_bytes_get_size(self.archive));
    g_autoptr(QpkgLayout) layout = qpkg_layout_read(fd, &error);
    gboolean holds = qpkg_verify_strong(fd, layout, self.anchors, NOW, &signer, &error);
    g_assert_no_error(error);
    g_assert_true(holds);
    g_assert_cmpstr(signer.publisher, ==, "Vendor");
    g_assert_cmpint(signer.signed_at, ==, NOW);
}

static void a_flipped_byte_is_seen_everywhere_but_in_the_size_field(void)
{
    g_auto(Signed) self = {0};
    signed_init(&self);
    g_autoptr(GError) error = NULL;
    gssize len = (gssize)g_bytes_get_size(self.archive);
    g_auto(Fd) fd = memory_file(g_bytes_get_data(self.archive, NULL), (gsize)len);
    g_autoptr(QpkgLayout) layout = qpkg_layout_read(fd, &error);
    for (gssize at = 0; at < len; at++) {
        gssize in_tail = at - (len - 100);
        if (at >= layout->content_bytes && in_tail < 0)
            continue; /* the area itself: the next test's */
        gboolean is_size_field = in_tail >= 40 && in_tail < 50;
        gboolean holds = verify_flipped(&self, at, &error);
        g_assert_cmpint(holds, ==, is_size_field);
        if (!holds)
            g_assert_true(g_error_matches(error, APPCENTER_ERROR, APPCENTER_ERROR_UNTRUSTED));
        g_clear_error(&error);
    }
}

static void a_flipped_byte_of_the_signature_never_verifies_as_somebody_else(void)
{
    g_auto(Signed) self = {0};
    signed_init(&self);
    g_autoptr(GError) error = NULL;
    g_auto(Fd) fd = memory_file(g_bytes_get_data(self.archive, NULL), g_bytes_get_size(self.archive));
    g_autoptr(QpkgLayout) layout = qpkg_layout_read(fd, &error);
    const QpkgRecord *record = qpkg_layout_record(layout, QPKG_RECORD_STRONG);
    guint refused = 0;
    for (gint64 i = 0; i < record->length; i++) {
        refused += !verify_flipped(&self, record->offset + i, &error);
        g_clear_error(&error);
    }
    /* a few bytes of DER (a NULL parameter, an unsigned attribute's tag) may be without meaning */
    g_assert_cmpint(refused, >, record->length * 95 / 100);
}

/* QDK's record over these bytes, as `openssl cms -sign -nodetach` makes it: S/MIME text that holds their SHA-1. */
static GBytes *legacy_record(const Signed *self, const void *content, gsize len)
{
    guint8 sha1[SHA_DIGEST_LENGTH];
    char *text;
    SHA1(content, len, sha1);
    BIO *pem = BIO_new_mem_buf(self->signer_pem, -1), *key_pem = BIO_new_mem_buf(self->signer_key, -1);
    BIO *held = BIO_new_mem_buf(sha1, sizeof sha1), *out = BIO_new(BIO_s_mem());
    X509 *leaf = PEM_read_bio_X509(pem, NULL, NULL, NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(key_pem, NULL, NULL, NULL);
    CMS_ContentInfo *cms = CMS_sign(leaf, key, NULL, held, CMS_BINARY);
    g_assert_cmpint(SMIME_write_CMS(out, cms, NULL, CMS_BINARY), ==, 1);
    long n = BIO_get_mem_data(out, &text);
    GBytes *record = g_bytes_new(text, (gsize)n);
    CMS_ContentInfo_free(cms);
    X509_free(leaf);
    EVP_PKEY_free(key);
    BIO *const bios[] = {pem, key_pem, held, out};
    for (gsize i = 0; i < G_N_ELEMENTS(bios); i++)
        BIO_free(bios[i]);
    return record;
}

/* The strong signature's verdict on its archive with this legacy record put into it. */
static gboolean verify_with_legacy(const Signed *self, GBytes *legacy, GError **error)
{
    g_auto(CmsSigner) signer = {0};
    g_auto(Fd) fd = memory_file(g_bytes_get_data(self->archive, NULL), g_bytes_get_size(self->archive));
    g_auto(Fd) out = memory_file("", 0);
    g_autoptr(QpkgLayout) layout = qpkg_layout_read(fd, error);
    g_assert_true(qpkg_write_with_record(fd, layout, QPKG_RECORD_CMS, legacy, out, error));
    g_autoptr(QpkgLayout) both = qpkg_layout_read(out, error);
    g_assert_nonnull(both);
    gboolean is_good = qpkg_verify_strong(out, both, self->anchors, NOW, &signer, error);
    g_assert_true(is_good == (signer.publisher != NULL));
    return is_good;
}

static void a_legacy_record_that_does_not_fit_spoils_a_good_signature(void)
{
    g_auto(Signed) self = {0};
    signed_init(&self);
    g_autoptr(GError) error = NULL;
    g_auto(Fd) fd = memory_file(g_bytes_get_data(self.archive, NULL), g_bytes_get_size(self.archive));
    g_autoptr(QpkgLayout) layout = qpkg_layout_read(fd, &error);
    gsize content_bytes = (gsize)layout->content_bytes;
    g_autoptr(GBytes) other = legacy_record(&self, g_bytes_get_data(self.archive, NULL), content_bytes - 1);
    g_assert_false(verify_with_legacy(&self, other, &error));
    assert_error(&error, APPCENTER_ERROR_UNTRUSTED, "legacy signature: it does not fit the content");
    g_autoptr(GBytes) garbage = g_bytes_new("legacy", 6);
    g_assert_false(verify_with_legacy(&self, garbage, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "legacy signature: wanted s/mime");
    gsize len;
    g_autoptr(GBytes) good = legacy_record(&self, g_bytes_get_data(self.archive, NULL), content_bytes);
    char *forged = g_strndup(g_bytes_get_data(good, &len), g_bytes_get_size(good));
    for (char *c = forged + strlen(forged) / 2; *c; c++) /* in the signature's base64 */
        if (*c == 'A' || *c == 'B')
            *c = *c == 'A' ? 'B' : 'A';
    g_autoptr(GBytes) damaged = g_bytes_new_take(forged, strlen(forged));
    g_assert_false(verify_with_legacy(&self, damaged, &error));
    g_clear_error(&error);
}

static void adding_a_legacy_record_afterwards_leaves_it_good(void)
{
    g_auto(Signed) self = {0};
    signed_init(&self);
    g_autoptr(GError) error = NULL;
    g_auto(CmsSigner) signer = {0};
    g_auto(Fd) fd = memory_file(g_bytes_get_data(self.archive, NULL), g_bytes_get_size(self.archive));
    g_auto(Fd) out = memory_file("", 0);
    g_autoptr(QpkgLayout) layout = qpkg_layout_read(fd, &error);
    g_autoptr(GBytes) legacy =
        legacy_record(&self, g_bytes_get_data(self.archive, NULL), (gsize)layout->content_bytes);
    g_assert_true(qpkg_write_with_record(fd, layout, QPKG_RECORD_CMS, legacy, out, &error));
    g_autoptr(QpkgLayout) both = qpkg_layout_read(out, &error);
    g_assert_no_error(error);
    g_assert_true(qpkg_verify_strong(out, both, self.anchors, NOW, &signer, &error));
    g_assert_no_error(error);
}

static void an_unsigned_archive_is_untrusted(void)
{
    g_auto(Signed) self = {0};
    signed_init(&self);
    g_autoptr(GError) error = NULL;
    g_auto(CmsSigner) signer = {0};
    g_auto(Fd) fd = sample_archive("Signed", "1.0", "x86_64", QPKG_ZSTD, TRUE);
    g_autoptr(QpkgLayout) layout = qpkg_layout_read(fd, &error);
    g_assert_false(qpkg_verify_strong(fd, layout, self.anchors, NOW, &signer, &error));
    assert_error(&error, APPCENTER_ERROR_UNTRUSTED, "has no strong signature");
}

static void a_signature_of_another_vendor_is_untrusted(void)
{
    g_auto(Signed) self = {0};
    g_auto(Signed) other = {0};
    signed_init(&self);
    signed_init(&other);
    g_autoptr(GError) error = NULL;
    g_auto(CmsSigner) signer = {0};
    g_auto(Fd) fd = memory_file(g_bytes_get_data(self.archive, NULL), g_bytes_get_size(self.archive));
    g_autoptr(QpkgLayout) layout = qpkg_layout_read(fd, &error);
    g_assert_false(qpkg_verify_strong(fd, layout, other.anchors, NOW, &signer, &error));
    g_assert_true(g_error_matches(error, APPCENTER_ERROR, APPCENTER_ERROR_UNTRUSTED));
}

static void a_source_that_ends_early_is_a_failure(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Fd) fd = sample_archive("Short", "1", "all", QPKG_GZIP, FALSE);
    g_autoptr(QpkgLayout) layout = qpkg_layout_read(fd, &error);
    g_autoptr(CmsSource) source = qpkg_signed_source_new(fd, layout);
    char buffer[64];
    gssize n;
    g_assert_cmpint(ftruncate(fd, layout->content_bytes), ==, 0);
    do {
        n = source->read(source->user_data, buffer, sizeof buffer);
    } while (n > 0);
    g_assert_cmpint(n, ==, -1);
}

void signature_tests(void)
{
    g_test_add_func("/signature/a_signed_archive_verifies_and_names_its_signer",
                    a_signed_archive_verifies_and_names_its_signer);
    g_test_add_func("/signature/a_flipped_byte_is_seen_everywhere_but_in_the_size_field",
                    a_flipped_byte_is_seen_everywhere_but_in_the_size_field);
    g_test_add_func("/signature/a_flipped_byte_of_the_signature_never_verifies",
                    a_flipped_byte_of_the_signature_never_verifies_as_somebody_else);
    g_test_add_func("/signature/adding_a_legacy_record_afterwards_leaves_it_good",
                    adding_a_legacy_record_afterwards_leaves_it_good);
    g_test_add_func("/signature/a_legacy_record_that_does_not_fit_spoils_a_good_signature",
                    a_legacy_record_that_does_not_fit_spoils_a_good_signature);
    g_test_add_func("/signature/an_unsigned_archive_is_untrusted", an_unsigned_archive_is_untrusted);
    g_test_add_func("/signature/a_signature_of_another_vendor_is_untrusted",
                    a_signature_of_another_vendor_is_untrusted);
    g_test_add_func("/signature/a_source_that_ends_early_is_a_failure",
                    a_source_that_ends_early_is_a_failure);
}
