/* cms_test.c - signatures over archives: who may sign, when, what, and how many. */
#include "forge.h"

#include <string.h>

#define TEXT "the archive's bytes"

/* ---- sources ---- */

typedef struct {
    const char *text;
    gsize len;
    gsize at;
    gsize chunk;    /* at most so many bytes a call; 0: as many as asked for */
    gsize fails_at; /* 0: never */
} Text;

static gssize read_text(gpointer user_data, void *buffer, gsize len)
{
    Text *text = user_data;
    gsize n = MIN(len, text->len - text->at);
    if (text->chunk > 0)
        n = MIN(n, text->chunk);
    if (text->fails_at > 0 && text->at >= text->fails_at)
        return -1;
    memcpy(buffer, text->text + text->at, n);
    text->at += n;
    return (gssize)n;
}

/* As many bytes as wished, made up on the way. */
static gssize read_made_up(gpointer user_data, void *buffer, gsize len)
{
    gint64 *left = user_data;
    gsize n = (gsize)MIN((gint64)len, *left);
    memset(buffer, 'x', n);
    *left -= (gint64)n;
    return (gssize)n;
}

static gboolean verify_text(GBytes *der, const char *text, GPtrArray *anchors, CmsSigner *signer,
                            GError **error)
{
    Text state = {.text = text, .len = strlen(text)};
    CmsSource source = {read_text, &state};
    return cms_verify(g_bytes_get_data(der, NULL), g_bytes_get_size(der), &source, anchors,
                      FORGE_NOW + FORGE_DAY, signer, error);
}

static void assert_good(GBytes *der, GPtrArray *anchors)
{
    g_autoptr(GError) error = NULL;
    g_auto(CmsSigner) signer = {0};
    gboolean is_good = verify_text(der, TEXT, anchors, &signer, &error);
    g_assert_no_error(error);
    g_assert_true(is_good);
    g_assert_nonnull(signer.publisher);
}

static void assert_bad(GBytes *der, const char *text, GPtrArray *anchors, AppcenterError kind,
                       const char *part)
{
    g_autoptr(GError) error = NULL;
    g_auto(CmsSigner) signer = {0};
    g_assert_false(verify_text(der, text, anchors, &signer, &error));
    assert_error(&error, kind, part);
    g_assert_null(signer.publisher);
    g_assert_null(signer.ca_sha256);
}

/* ---- what our own tools make ---- */

typedef struct {
    char *ca_pem;
    char *ca_key;
    char *signer_pem;
    char *signer_key;
    GPtrArray *anchors;
} Publisher;

static void publisher_init(Publisher *publisher)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(cms_make_ca("Acme", FORGE_NOW, 3650, NULL, &publisher->ca_pem, &publisher->ca_key, &error));
    g_assert_true(cms_make_signer(publisher->ca_pem, publisher->ca_key, "Acme", FORGE_NOW, 365, NULL,
                                  &publisher->signer_pem, &publisher->signer_key, &error));
    g_assert_no_error(error);
    publisher->anchors = certificates_from_pem(publisher->ca_pem, strlen(publisher->ca_pem), &error);
    g_assert_no_error(error);
}

static void publisher_clear(Publisher *publisher)
{
    g_free(publisher->ca_pem);
    g_free(publisher->signer_pem);
    private_pem_free(publisher->ca_key);
    private_pem_free(publisher->signer_key);
    g_ptr_array_unref(publisher->anchors);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Publisher, publisher_clear)

static GBytes *sign_text(const Publisher *publisher, const char *text)
{
    g_autoptr(GError) error = NULL;
    Text state = {.text = text, .len = strlen(text)};
    CmsSource source = {read_text, &state};
    GBytes *der = cms_sign(&source, publisher->signer_pem, publisher->signer_key, NULL, FORGE_NOW, &error);
    g_assert_no_error(error);
    return der;
}

static void test_good(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Publisher) publisher = {0};
    publisher_init(&publisher);
    g_autoptr(GBytes) der = sign_text(&publisher, TEXT);
    g_auto(CmsSigner) signer = {0};
    g_assert_true(verify_text(der, TEXT, publisher.anchors, &signer, &error));
    g_assert_no_error(error);
    g_autoptr(Certificate) leaf =
        certificate_from_pem(publisher.signer_pem, strlen(publisher.signer_pem), &error);
    g_assert_cmpstr(signer.publisher, ==, "Acme");
    g_assert_cmpstr(signer.subject, ==, "O = Acme, CN = App Signer");
    g_assert_cmpstr(signer.leaf_sha256, ==, certificate_sha256(leaf));
    g_assert_cmpstr(signer.ca_sha256, ==, certificate_sha256(publisher.anchors->pdata[0]));
    g_assert_cmpint(signer.signed_at, ==, FORGE_NOW);
}

static void test_describe(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(CmsSigner) signer = {0};
    g_auto(Publisher) publisher = {0};
    publisher_init(&publisher);
    g_autoptr(GBytes) der = sign_text(&publisher, TEXT);
    g_assert_true(cms_describe(g_bytes_get_data(der, NULL), g_bytes_get_size(der), &signer, &error));
    g_assert_cmpstr(signer.publisher, ==, "Acme");
    g_assert_cmpint(signer.signed_at, ==, FORGE_NOW);
    g_assert_null(signer.ca_sha256);
    g_auto(CmsSigner) nobody = {0};
    g_assert_false(cms_describe("x", 1, &nobody, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "wanted cms signed data in der form");
}

static void test_content(void)
{
    static const char *const others[] = {"the archive's bytez", "the archive's byte", "the archive's bytes ",
                                         ""};
    g_auto(Publisher) publisher = {0};
    publisher_init(&publisher);
    g_autoptr(GBytes) der = sign_text(&publisher, TEXT);
    assert_good(der, publisher.anchors);
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++)
        assert_bad(der, others[i], publisher.anchors, APPCENTER_ERROR_UNTRUSTED,
                   "it does not fit the content");
}

static void test_chunks(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strnfill(3 * 1024 * 1024 + 17, 'y');
    static const gsize chunks[] = {0, 4096, 1000, 7};
    g_auto(Publisher) publisher = {0};
    publisher_init(&publisher);
    for (gsize i = 0; i < G_N_ELEMENTS(chunks); i++) {
        Text signing = {.text = text, .len = strlen(text), .chunk = chunks[i]};
        Text checking = {.text = text, .len = strlen(text), .chunk = chunks[G_N_ELEMENTS(chunks) - 1 - i]};
        CmsSource to_sign = {read_text, &signing};
        CmsSource to_check = {read_text, &checking};
        g_autoptr(GBytes) der =
            cms_sign(&to_sign, publisher.signer_pem, publisher.signer_key, NULL, FORGE_NOW, &error);
        g_assert_no_error(error);
        g_auto(CmsSigner) signer = {0};
        g_assert_true(cms_verify(g_bytes_get_data(der, NULL), g_bytes_get_size(der), &to_check,
                                 publisher.anchors, FORGE_NOW, &signer, &error));
        g_assert_no_error(error);
    }
}

static void test_over_2_gib(void)
{
    if (!g_test_slow()) {
        g_test_skip("hashes 4 GiB; runs with -m slow");
        return;
    }
    g_autoptr(GError) error = NULL;
    const gint64 size = G_GINT64_CONSTANT(2200000000);
    gint64 left = size;
    CmsSource source = {read_made_up, &left};
    g_auto(Publisher) publisher = {0};
    publisher_init(&publisher);
    g_autoptr(GBytes) der =
        cms_sign(&source, publisher.signer_pem, publisher.signer_key, NULL, FORGE_NOW, &error);
    g_assert_no_error(error);
    g_auto(CmsSigner) signer = {0};
    left = size;
    g_assert_true(cms_verify(g_bytes_get_data(der, NULL), g_bytes_get_size(der), &source, publisher.anchors,
                             FORGE_NOW, &signer, &error));
    g_assert_no_error(error);
    g_assert_cmpint(left, ==, 0);
    left = size - 1;
    g_assert_false(cms_verify(g_bytes_get_data(der, NULL), g_bytes_get_size(der), &source, publisher.anchors,
                              FORGE_NOW, &signer, &error));
    assert_error(&error, APPCENTER_ERROR_UNTRUSTED, "it does not fit the content");
}

/* OpenSSL takes a failed read for the end: had the rest been appended behind what was signed, it would pass. */
static void test_read_failure(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Publisher) publisher = {0};
    publisher_init(&publisher);
    g_autoptr(GBytes) der = sign_text(&publisher, TEXT);
    Text state = {
        .text = TEXT "and more", .len = strlen(TEXT "and more"), .chunk = 1, .fails_at = strlen(TEXT)};
    CmsSource source = {read_text, &state};
    g_auto(CmsSigner) signer = {0};
    g_assert_false(cms_verify(g_bytes_get_data(der, NULL), g_bytes_get_size(der), &source, publisher.anchors,
                              FORGE_NOW, &signer, &error));
    assert_error(&error, APPCENTER_ERROR_IO, "read what is signed");
    state.at = 0;
    g_assert_null(cms_sign(&source, publisher.signer_pem, publisher.signer_key, NULL, FORGE_NOW, &error));
    assert_error(&error, APPCENTER_ERROR_IO, "read what is to be signed");
}

/* Whatever byte of the signature changes: it is refused, or it says the same of the same signer. */
static void test_changed_signature(void)
{
    g_auto(Publisher) publisher = {0};
    publisher_init(&publisher);
    g_autoptr(GBytes) der = sign_text(&publisher, TEXT);
    gsize len = g_bytes_get_size(der);
    g_autofree guint8 *bytes = g_memdup2(g_bytes_get_data(der, NULL), len);
    guint n_refused = 0;
    for (gsize i = 0; i < len; i++) {
        g_autoptr(GError) error = NULL;
        g_auto(CmsSigner) signer = {0};
        bytes[i] ^= 1;
        g_autoptr(GBytes) changed = g_bytes_new(bytes, len);
        bytes[i] ^= 1;
        if (verify_text(changed, TEXT, publisher.anchors, &signer, &error)) {
            g_assert_cmpstr(signer.publisher, ==, "Acme");
            g_assert_cmpint(signer.signed_at, ==, FORGE_NOW);
        } else {
            n_refused++;
        }
    }
    g_assert_cmpuint(n_refused, >, len * 9 / 10);
}

static void test_sign_refuses(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Forged) ca = FORGE_CA("Acme");
    g_autoptr(Forged) web = forge((ForgeSpec){.name = "Web",
                                              .basic = "CA:FALSE",
                                              .usage = "digitalSignature",
                                              .extended = "serverAuth",
                                              .issuer = ca});
    g_autofree char *web_pem = forged_pem(web);
    g_autofree char *web_key = forged_key_pem(web);
    g_auto(Publisher) publisher = {0};
    publisher_init(&publisher);
    Text state = {.text = TEXT, .len = strlen(TEXT)};
    CmsSource source = {read_text, &state};
    g_assert_null(cms_sign(&source, web_pem, web_key, NULL, FORGE_NOW, &error));
    assert_error(&error, APPCENTER_ERROR_UNTRUSTED, "lacks extendedKeyUsage codeSigning");
    g_assert_null(cms_sign(&source, publisher.signer_pem, publisher.ca_key, NULL, FORGE_NOW, &error));
    assert_error(&error, APPCENTER_ERROR_INVALID, "the key is not the certificate's key");
    g_assert_null(cms_sign(&source, "none", publisher.signer_key, NULL, FORGE_NOW, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "wanted one in pem form");
}

/* ---- who may sign ---- */

static void test_wrong_ca(void)
{
    g_autoptr(Forged) ca = FORGE_CA("Acme");
    g_autoptr(Forged) twin = FORGE_CA("Acme"); /* the same name, another key */
    g_autoptr(Forged) signer = FORGE_SIGNER("Acme signer", .issuer = ca);
    g_autoptr(GPtrArray) anchors = forged_anchor(twin);
    g_autoptr(GPtrArray) nobody = g_ptr_array_new();
    g_autoptr(GPtrArray) right = forged_anchor(ca);
    g_autoptr(GBytes) der = forge_cms(&(ForgeCms){.signers = {signer}}, TEXT);
    assert_bad(der, TEXT, anchors, APPCENTER_ERROR_UNTRUSTED, "does not lead to a trusted ca");
    assert_bad(der, TEXT, nobody, APPCENTER_ERROR_UNTRUSTED, "does not lead to a trusted ca");
    assert_good(der, right);
}

static const struct {
    const char *basic;
    const char *usage;
    const char *extended;
    const char *key_type;
    const char *refusal; /* NULL: good */
} leaves[] = {
    {"critical,CA:FALSE", "digitalSignature", "codeSigning", NULL, NULL},
    {"CA:FALSE", "digitalSignature,keyEncipherment", "codeSigning,timeStamping", "RSA-2048", NULL},
    {"critical,CA:FALSE", "digitalSignature", "serverAuth", NULL, "extendedKeyUsage codeSigning"},
    {"critical,CA:FALSE", "digitalSignature", "anyExtendedKeyUsage", NULL, "extendedKeyUsage codeSigning"},
    {"critical,CA:FALSE", "digitalSignature", NULL, NULL, "extendedKeyUsage codeSigning"},
    {"critical,CA:TRUE", "digitalSignature", "codeSigning", NULL, "basicConstraints CA:FALSE"},
    {NULL, "digitalSignature", "codeSigning", NULL, "basicConstraints CA:FALSE"},
    {"critical,CA:FALSE", "keyEncipherment", "codeSigning", NULL, "keyUsage digitalSignature"},
    {"critical,CA:FALSE", NULL, "codeSigning", NULL, "keyUsage digitalSignature"},
    {"critical,CA:FALSE", "digitalSignature", "codeSigning", "RSA-1024", "a key of rsa 2048"},
    {"critical,CA:FALSE", "digitalSignature", "codeSigning", "P-384", "a key of rsa 2048"},
};

static void test_leaves(void)
{
    g_autoptr(Forged) ca = FORGE_CA("Acme");
    g_autoptr(GPtrArray) anchors = forged_anchor(ca);
    for (gsize i = 0; i < G_N_ELEMENTS(leaves); i++) {
        g_autoptr(Forged) signer = forge((ForgeSpec){.name = "Signer",
                                                     .basic = leaves[i].basic,
                                                     .usage = leaves[i].usage,
                                                     .extended = leaves[i].extended,
                                                     .key_type = leaves[i].key_type,
                                                     .issuer = ca});
        g_autoptr(GBytes) der = forge_cms(&(ForgeCms){.signers = {signer}}, TEXT);
        if (leaves[i].refusal)
            assert_bad(der, TEXT, anchors, APPCENTER_ERROR_UNTRUSTED, leaves[i].refusal);
        else
            assert_good(der, anchors);
    }
}

static void test_validity(void)
{
    static const struct {
        gint64 ca_until, from, until;
        const char *refusal; /* NULL: good */
    } cases[] = {
        {0, FORGE_NOW - 10, FORGE_NOW + 10, NULL}, /* expired by now, valid when it signed */
        {0, FORGE_NOW - 20, FORGE_NOW - 10, "certificate has expired"},
        {0, FORGE_NOW + 10, FORGE_NOW + 20, "certificate is not yet valid"},
        {FORGE_NOW - 10, 0, 0, "certificate has expired"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Forged) ca = FORGE_CA("Acme", .until = cases[i].ca_until);
        g_autoptr(Forged) signer =
            FORGE_SIGNER("Acme signer", .from = cases[i].from, .until = cases[i].until, .issuer = ca);
        g_autoptr(GPtrArray) anchors = forged_anchor(ca);
        g_autoptr(GBytes) der = forge_cms(&(ForgeCms){.signers = {signer}}, TEXT);
        if (cases[i].refusal)
            assert_bad(der, TEXT, anchors, APPCENTER_ERROR_UNTRUSTED, cases[i].refusal);
        else
            assert_good(der, anchors);
    }
}

static void test_intermediates(void)
{
    g_autoptr(Forged) root = FORGE_CA("Root");
    g_autoptr(Forged) middle = FORGE_CA("Middle", .issuer = root);
    g_autoptr(Forged) signer = FORGE_SIGNER("Acme signer", .issuer = middle);
    g_autoptr(GPtrArray) anchors = forged_anchor(root);
    g_autoptr(GPtrArray) partial = forged_anchor(middle);
    g_autoptr(GBytes) whole = forge_cms(&(ForgeCms){.signers = {signer}, .embedded = {middle}}, TEXT);
    g_autoptr(GBytes) gap = forge_cms(&(ForgeCms){.signers = {signer}}, TEXT);
    assert_good(whole, anchors);
    assert_bad(gap, TEXT, anchors, APPCENTER_ERROR_UNTRUSTED, "does not lead to a trusted ca");
    assert_bad(whole, TEXT, partial, APPCENTER_ERROR_UNTRUSTED, "does not lead to a trusted ca");

    /* a signer that issues a signer; a CA that may not have others below it */
    g_autoptr(Forged) nephew = FORGE_SIGNER("Nephew", .issuer = signer);
    g_autoptr(GBytes) by_nephew =
        forge_cms(&(ForgeCms){.signers = {nephew}, .embedded = {signer, middle}}, TEXT);
    assert_bad(by_nephew, TEXT, anchors, APPCENTER_ERROR_UNTRUSTED, "does not lead to a trusted ca");
    g_autoptr(Forged) narrow =
        forge((ForgeSpec){.name = "Narrow", .basic = "critical,CA:TRUE,pathlen:0", .usage = "keyCertSign"});
    g_autoptr(Forged) below = FORGE_CA("Below", .issuer = narrow);
    g_autoptr(Forged) deep = FORGE_SIGNER("Deep", .issuer = below);
    g_autoptr(GPtrArray) narrow_anchor = forged_anchor(narrow);
    g_autoptr(GBytes) by_deep = forge_cms(&(ForgeCms){.signers = {deep}, .embedded = {below}}, TEXT);
    assert_bad(by_deep, TEXT, narrow_anchor, APPCENTER_ERROR_UNTRUSTED, "path length constraint exceeded");
}

/* A certificate that never said it was a CA is no anchor, even when somebody put it among them. */
static void test_anchor_without_ca(void)
{
    g_autoptr(Forged) self = forge((ForgeSpec){.name = "Self"});
    g_autoptr(Forged) signer = FORGE_SIGNER("Acme signer", .issuer = self);
    g_autoptr(GPtrArray) anchors = forged_anchor(self);
    g_autoptr(GBytes) der = forge_cms(&(ForgeCms){.signers = {signer}}, TEXT);
    assert_bad(der, TEXT, anchors, APPCENTER_ERROR_UNTRUSTED, "invalid CA certificate");
}

static void test_self_signed_leaf(void)
{
    g_autoptr(Forged) ca = FORGE_CA("Acme");
    g_autoptr(Forged) alone = FORGE_SIGNER("Acme");
    g_autoptr(GPtrArray) anchors = forged_anchor(ca);
    g_autoptr(GBytes) der = forge_cms(&(ForgeCms){.signers = {alone}}, TEXT);
    assert_bad(der, TEXT, anchors, APPCENTER_ERROR_UNTRUSTED, "does not lead to a trusted ca");
}

/* An attacker's own root, sent along: it may be shown, and pinned by its digest, but never trusts itself. */
static void test_embedded_root(void)
{
    g_autoptr(Forged) ca = FORGE_CA("Acme");
    g_autoptr(Forged) evil = FORGE_CA("Evil");
    g_autoptr(Forged) signer = FORGE_SIGNER("Acme", .issuer = evil);
    g_autoptr(GPtrArray) anchors = forged_anchor(ca);
    g_autoptr(GPtrArray) nobody = g_ptr_array_new();
    g_autoptr(GBytes) der = forge_cms(&(ForgeCms){.signers = {signer}, .embedded = {evil}}, TEXT);
    assert_bad(der, TEXT, anchors, APPCENTER_ERROR_UNTRUSTED, "self-signed certificate in certificate chain");
    assert_bad(der, TEXT, nobody, APPCENTER_ERROR_UNTRUSTED, "self-signed certificate in certificate chain");
    g_autoptr(GPtrArray) pinned = forged_anchor(evil);
    assert_good(der, pinned); /* the caller compared its digest with the signed catalogue */
}

/* ---- what a signature must be ---- */

static void test_two_signers(void)
{
    g_autoptr(Forged) ca = FORGE_CA("Acme");
    g_autoptr(Forged) first = FORGE_SIGNER("Acme signer", .issuer = ca);
    g_autoptr(Forged) second = FORGE_SIGNER("Other", .issuer = ca);
    g_autoptr(GPtrArray) anchors = forged_anchor(ca);
    g_autoptr(GBytes) two = forge_cms(&(ForgeCms){.signers = {first, second}}, TEXT);
    assert_bad(two, TEXT, anchors, APPCENTER_ERROR_UNTRUSTED, "wanted one signer, found 2");
}

static void test_digests(void)
{
    static const char *const digests[] = {"SHA1", "SHA512", "SHA384"};
    g_autoptr(Forged) ca = FORGE_CA("Acme");
    g_autoptr(Forged) signer = FORGE_SIGNER("Acme signer", .issuer = ca);
    g_autoptr(GPtrArray) anchors = forged_anchor(ca);
    for (gsize i = 0; i < G_N_ELEMENTS(digests); i++) {
        g_autofree char *refusal = g_strdup_printf("wanted digest SHA256, found %s", digests[i]);
        g_autoptr(GBytes) der = forge_cms(&(ForgeCms){.signers = {signer}, .digest = digests[i]}, TEXT);
        assert_bad(der, TEXT, anchors, APPCENTER_ERROR_UNTRUSTED, refusal);
    }
}

static void test_attributes(void)
{
    g_autoptr(Forged) ca = FORGE_CA("Acme");
    g_autoptr(Forged) signer = FORGE_SIGNER("Acme signer", .issuer = ca);
    g_autoptr(GPtrArray) anchors = forged_anchor(ca);
    g_autoptr(GBytes) bare = forge_cms(&(ForgeCms){.signers = {signer}, .has_no_attributes = TRUE}, TEXT);
    g_autoptr(GBytes) timeless = forge_cms(&(ForgeCms){.signers = {signer}, .signed_at = -1}, TEXT);
    g_autoptr(GBytes) future =
        forge_cms(&(ForgeCms){.signers = {signer}, .signed_at = FORGE_NOW + 3 * FORGE_DAY}, TEXT);
    g_autoptr(GBytes) fast_clock =
        forge_cms(&(ForgeCms){.signers = {signer}, .signed_at = FORGE_NOW + 2 * FORGE_DAY}, TEXT);
    assert_bad(bare, TEXT, anchors, APPCENTER_ERROR_UNTRUSTED,
               "wanted a digest and a signing time that are signed");
    assert_bad(timeless, TEXT, anchors, APPCENTER_ERROR_UNTRUSTED,
               "wanted a digest and a signing time that are signed");
    assert_bad(future, TEXT, anchors, APPCENTER_ERROR_UNTRUSTED, "it was made in the future");
    assert_good(fast_clock, anchors); /* a day of grace; verify_text's now is a day later than FORGE_NOW */
}

static void test_shapes(void)
{
    g_autoptr(Forged) ca = FORGE_CA("Acme");
    g_autoptr(Forged) signer = FORGE_SIGNER("Acme signer", .issuer = ca);
    g_autoptr(GPtrArray) anchors = forged_anchor(ca);
    g_autoptr(GBytes) attached = forge_cms(&(ForgeCms){.signers = {signer}, .is_attached = TRUE}, TEXT);
    g_autoptr(GBytes) der = forge_cms(&(ForgeCms){.signers = {signer}}, TEXT);
    gsize len = g_bytes_get_size(der);
    g_autofree guint8 *longer = g_malloc0(len + 1);
    memcpy(longer, g_bytes_get_data(der, NULL), len);
    g_autoptr(GBytes) trailing = g_bytes_new(longer, len + 1);
    g_autoptr(GBytes) cut = g_bytes_new_from_bytes(der, 0, len - 1);
    g_autoptr(GBytes) empty = g_bytes_new(NULL, 0);
    g_autoptr(GBytes) endless = g_bytes_new_take(g_malloc0(65537), 65537);
    assert_good(der, anchors);
    assert_bad(attached, TEXT, anchors, APPCENTER_ERROR_CORRUPT, "wanted a detached one");
    assert_bad(trailing, TEXT, anchors, APPCENTER_ERROR_CORRUPT, "wanted cms signed data in der form");
    assert_bad(cut, TEXT, anchors, APPCENTER_ERROR_CORRUPT, "wanted cms signed data in der form");
    assert_bad(empty, TEXT, anchors, APPCENTER_ERROR_CORRUPT, "wanted 1 to 65536 bytes, found 0");
    assert_bad(endless, TEXT, anchors, APPCENTER_ERROR_CORRUPT, "wanted 1 to 65536 bytes, found 65537");
}

void cms_tests_add(void)
{
    g_test_add_func("/cms/a_signature_of_our_tools_says_who_and_when", test_good);
    g_test_add_func("/cms/describe_says_who_claims_it", test_describe);
    g_test_add_func("/cms/other_content_is_refused", test_content);
    g_test_add_func("/cms/content_comes_in_chunks_of_any_size", test_chunks);
    g_test_add_func("/cms/content_may_be_over_2_gib", test_over_2_gib);
    g_test_add_func("/cms/a_failed_read_is_not_the_end", test_read_failure);
    g_test_add_func("/cms/a_changed_byte_never_says_something_else", test_changed_signature);
    g_test_add_func("/cms/what_boxes_would_refuse_is_not_signed", test_sign_refuses);
    g_test_add_func("/cms/a_signer_of_another_ca_is_refused", test_wrong_ca);
    g_test_add_func("/cms/a_certificate_must_say_that_it_may_sign", test_leaves);
    g_test_add_func("/cms/validity_is_asked_at_signing_time", test_validity);
    g_test_add_func("/cms/a_chain_must_be_whole", test_intermediates);
    g_test_add_func("/cms/an_anchor_must_be_a_ca", test_anchor_without_ca);
    g_test_add_func("/cms/a_self_signed_signer_is_refused", test_self_signed_leaf);
    g_test_add_func("/cms/an_embedded_root_is_no_anchor", test_embedded_root);
    g_test_add_func("/cms/two_signers_are_refused", test_two_signers);
    g_test_add_func("/cms/other_digests_are_refused", test_digests);
    g_test_add_func("/cms/digest_and_time_must_be_signed_and_past", test_attributes);
    g_test_add_func("/cms/other_shapes_are_refused", test_shapes);
}
