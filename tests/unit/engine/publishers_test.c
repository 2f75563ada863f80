/* publishers_test.c - whose CA counts for a release, and who may not speak for it. */
#include "vendor.h"

#include <string.h>

typedef struct {
    Vendor vendor;
    Engine *engine;
    char *ca_pem;
    char *ca_sha256;
} Nas;

static void nas_init(Nas *nas)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *key = NULL;
    vendor_init(&nas->vendor);
    nas->engine = vendor_engine(&nas->vendor);
    g_assert_true(cms_make_ca("acme", NOW - 86400, 3650, NULL, &nas->ca_pem, &key, &error));
    g_assert_no_error(error);
    g_autoptr(Certificate) ca = certificate_from_pem(nas->ca_pem, strlen(nas->ca_pem), &error);
    g_assert_no_error(error);
    nas->ca_sha256 = g_strdup(certificate_sha256(ca));
}

static void nas_clear(Nas *nas)
{
    engine_close(nas->engine);
    vendor_clear(&nas->vendor);
    g_free(nas->ca_pem);
    g_free(nas->ca_sha256);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Nas, nas_clear)

/* The vendor binds acme to AcmeMedia under that CA. */
static void bind(Nas *nas, const char *sha256, const char *pem)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) json =
        json_pack("{s:i, s:s, s:i, s:i, s:s, s:{s:{s:[s], s:s, s:s?}, s:{s:[], s:s, s:s?}}}", "format", 1,
                  "publisher", "vendor", "serial", 1, "releases", 0, "published", "2030-03-01T00:00:00Z",
                  "publishers", "acme", "apps", "AcmeMedia", "ca_sha256", sha256, "ca_pem", pem, "vendor",
                  "apps", "ca_sha256", sha256, "ca_pem", pem);
    g_autoptr(CatalogueHeader) header = catalogue_header_from_json(json, "header", &error);
    g_assert_no_error(error);
    g_assert_true(store_catalogue_begin(nas->engine->store, "qnap", &error));
    g_assert_true(store_catalogue_add_header(nas->engine->store, "qnap", header, &error));
    g_assert_true(store_catalogue_commit(nas->engine->store, &error));
    g_assert_no_error(error);
}

static void trust_by_hand(Nas *nas)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(root_dir_make_dirs(nas->engine->root, "/etc/appcenter/publishers.d", 0755, &error));
    g_assert_true(root_dir_write_atomic(nas->engine->root, "/etc/appcenter/publishers.d/acme.pem",
                                        nas->ca_pem, strlen(nas->ca_pem), 0644, &error));
    g_assert_no_error(error);
}

static gboolean ask_as(Nas *nas, const char *who, const char *app, const char *repository, GError **error)
{
    Release release = {.name = (char *)app,
                       .version = (char *)"1.0",
                       .publisher = (char *)who,
                       .repository = (char *)repository};
    g_autoptr(GPtrArray) anchors = NULL;
    g_autofree char *publisher = NULL;
    if (!engine_publisher_anchors(nas->engine, &release, &anchors, &publisher, error))
        return FALSE;
    g_assert_cmpuint(anchors->len, ==, 1);
    g_assert_cmpstr(certificate_sha256(g_ptr_array_index(anchors, 0)), ==, nas->ca_sha256);
    g_assert_cmpstr(publisher, ==, who);
    return TRUE;
}

static gboolean ask(Nas *nas, const char *app, const char *repository, GError **error)
{
    return ask_as(nas, "acme", app, repository, error);
}

static void test_the_vendor_speaks_for_the_rest(void)
{
    g_auto(Nas) nas = {0};
    g_autoptr(GError) error = NULL;
    nas_init(&nas);
    bind(&nas, nas.ca_sha256, nas.ca_pem);
    g_assert_true(ask_as(&nas, "vendor", "PhotoStation", "qnap", &error));
    g_assert_no_error(error);
    g_assert_false(ask_as(&nas, "vendor", "AcmeMedia", "qnap", &error));
    assert_error(&error, APPCENTER_ERROR_UNTRUSTED, "AcmeMedia: vendor may not speak for it in qnap");
}

static void test_the_bound_ca_counts(void)
{
    g_auto(Nas) nas = {0};
    g_autoptr(GError) error = NULL;
    nas_init(&nas);
    bind(&nas, nas.ca_sha256, nas.ca_pem);
    g_assert_true(ask(&nas, "AcmeMedia", "qnap", &error));
    g_assert_no_error(error);
}

static void test_a_bound_publisher_does_not_speak_for_others(void)
{
    g_auto(Nas) nas = {0};
    g_autoptr(GError) error = NULL;
    nas_init(&nas);
    trust_by_hand(&nas);
    bind(&nas, nas.ca_sha256, nas.ca_pem);
    g_assert_false(ask(&nas, "PhotoStation", "qnap", &error));
    assert_error(&error, APPCENTER_ERROR_UNTRUSTED, "PhotoStation: acme may not speak for it in qnap");
}

static void test_a_publisher_without_a_binding_is_nobody(void)
{
    g_auto(Nas) nas = {0};
    g_autoptr(GError) error = NULL;
    nas_init(&nas);
    trust_by_hand(&nas);
    g_assert_false(ask(&nas, "AcmeMedia", "qnap", &error));
    assert_error(&error, APPCENTER_ERROR_UNTRUSTED, "binds no publisher \"acme\"");
}

static void test_another_ca_than_the_fingerprint_is_refused(void)
{
    g_auto(Nas) nas = {0};
    g_autoptr(GError) error = NULL;
    nas_init(&nas);
    bind(&nas, "00000000000000000000000000000000000000000000000000000000000000aa", nas.ca_pem);
    g_assert_false(ask(&nas, "AcmeMedia", "qnap", &error));
    assert_error(&error, APPCENTER_ERROR_UNTRUSTED, "wanted fingerprint 0000");
}

static void test_a_bound_fingerprint_is_looked_up_here(void)
{
    g_auto(Nas) nas = {0};
    g_autoptr(GError) error = NULL;
    nas_init(&nas);
    bind(&nas, nas.ca_sha256, NULL);
    g_assert_false(ask(&nas, "AcmeMedia", "qnap", &error));
    assert_error(&error, APPCENTER_ERROR_UNTRUSTED, "no certificate of publisher \"acme\" is trusted here");
    trust_by_hand(&nas);
    g_assert_true(ask(&nas, "AcmeMedia", "qnap", &error));
}

static void test_a_local_file_needs_a_certificate_of_its_publisher(void)
{
    g_auto(Nas) nas = {0};
    g_autoptr(GError) error = NULL;
    nas_init(&nas);
    g_assert_false(ask(&nas, "Anything", NULL, &error));
    assert_error(&error, APPCENTER_ERROR_UNTRUSTED, "no certificate of publisher \"acme\" is trusted here");
    trust_by_hand(&nas);
    g_assert_true(ask(&nas, "Anything", NULL, &error));
}

void publishers_tests(void)
{
    g_test_add_func("/publishers/the_vendor_speaks_for_the_rest", test_the_vendor_speaks_for_the_rest);
    g_test_add_func("/publishers/the_bound_ca_counts", test_the_bound_ca_counts);
    g_test_add_func("/publishers/a_bound_publisher_does_not_speak_for_others",
                    test_a_bound_publisher_does_not_speak_for_others);
    g_test_add_func("/publishers/a_publisher_without_a_binding_is_nobody",
                    test_a_publisher_without_a_binding_is_nobody);
    g_test_add_func("/publishers/another_ca_than_the_fingerprint_is_refused",
                    test_another_ca_than_the_fingerprint_is_refused);
    g_test_add_func("/publishers/a_bound_fingerprint_is_looked_up_here",
                    test_a_bound_fingerprint_is_looked_up_here);
    g_test_add_func("/publishers/a_local_file_needs_a_certificate_of_its_publisher",
                    test_a_local_file_needs_a_certificate_of_its_publisher);
}
