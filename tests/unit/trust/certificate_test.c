/* certificate_test.c - publishers' certificates: made, read, named. */
#include "forge.h"

#include <string.h>

static void test_ca_and_signer(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *ca_pem = NULL;
    char *ca_key = NULL;
    g_autofree char *signer_pem = NULL;
    char *signer_key = NULL;
    g_assert_true(cms_make_ca("Acme \xe4\xb8\xad", FORGE_NOW, 3650, "pass", &ca_pem, &ca_key, &error));
    g_assert_no_error(error);
    g_assert_true(g_str_has_prefix(ca_key, "-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    g_assert_true(cms_make_signer(ca_pem, ca_key, "Acme \xe4\xb8\xad", FORGE_NOW, 365, "pass", &signer_pem,
                                  &signer_key, &error));
    g_assert_no_error(error);
    g_autoptr(Certificate) ca = certificate_from_pem(ca_pem, strlen(ca_pem), &error);
    g_autoptr(Certificate) signer = certificate_from_pem(signer_pem, strlen(signer_pem), &error);
    g_assert_no_error(error);
    g_assert_cmpstr(certificate_organization(ca), ==, "Acme \xe4\xb8\xad");
    g_assert_cmpstr(certificate_organization(signer), ==, "Acme \xe4\xb8\xad");
    g_assert_cmpint(certificate_expires_at(ca), ==, FORGE_NOW + 3650 * (gint64)FORGE_DAY);
    g_assert_cmpint(certificate_expires_at(signer), ==, FORGE_NOW + 365 * (gint64)FORGE_DAY);
    g_assert_cmpstr(certificate_sha256(ca), !=, certificate_sha256(signer));

    g_assert_false(
        cms_make_signer(ca_pem, ca_key, "Acme", FORGE_NOW, 365, "wrong", &signer_pem, &signer_key, &error));
    assert_error(&error, APPCENTER_ERROR_UNTRUSTED, "the passphrase does not open it");
    g_assert_false(cms_make_signer(ca_pem, signer_key, "Acme", FORGE_NOW, 365, "pass", &signer_pem,
                                   &signer_key, &error));
    assert_error(&error, APPCENTER_ERROR_INVALID, "the ca's key is not the key of the ca");
    g_assert_false(
        cms_make_signer(signer_pem, signer_key, "Acme", FORGE_NOW, 365, "pass", &ca_pem, &ca_key, &error));
    assert_error(&error, APPCENTER_ERROR_UNTRUSTED, "lacks basicConstraints CA:TRUE");
    private_pem_free(ca_key);
    private_pem_free(signer_key);
}

static void test_arguments(void)
{
    static const struct {
        const char *organization;
        gint64 days;
        const char *refusal;
    } cases[] = {
        {"", 365, "wanted an organization of 1 to 64 characters"},
        {"\xff", 365, "wanted an organization"},
        {"0123456789012345678901234567890123456789012345678901234567890123456789", 365,
         "wanted an organization"},
        {"Acme", 0, "wanted 1 to 36500 days, found 0"},
        {"Acme", G_MAXINT64, "wanted 1 to 36500 days"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        char *pem = NULL;
        char *key = NULL;
        g_assert_false(
            cms_make_ca(cases[i].organization, FORGE_NOW, cases[i].days, NULL, &pem, &key, &error));
        assert_error(&error, APPCENTER_ERROR_INVALID, cases[i].refusal);
        g_assert_null(pem);
        g_assert_null(key);
    }
}

static void test_pem(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Forged) first = FORGE_CA("First");
    g_autoptr(Forged) second = FORGE_CA("Second");
    g_autofree char *first_pem = forged_pem(first);
    g_autofree char *second_pem = forged_pem(second);
    g_autofree char *both = g_strconcat("# for people\n", first_pem, "\n# and\n", second_pem, "\n", NULL);
    g_autoptr(GPtrArray) all = certificates_from_pem(both, strlen(both), &error);
    g_assert_no_error(error);
    g_assert_cmpuint(all->len, ==, 2);
    g_assert_cmpstr(certificate_organization(all->pdata[1]), ==, "Second");
    g_autofree char *again = certificate_to_pem(all->pdata[1]);
    g_assert_cmpstr(again, ==, second_pem);

    g_autofree char *damaged = g_strdup(both);
    memset(strstr(damaged, "# and") + 60, '!', 8);
    g_assert_null(certificates_from_pem(damaged, strlen(damaged), &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "certificate: number 2 is damaged");
    g_assert_null(certificates_from_pem("nothing", 7, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "wanted one in pem form, found none");
    g_assert_null(certificate_from_pem("", 0, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "wanted one in pem form, found none");
    g_autofree char *endless = g_strnfill(1024 * 1024 + 1, '#');
    g_assert_null(certificates_from_pem(endless, strlen(endless), &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "wanted at most 1048576 bytes");
}

/* The publisher's name decides what may be signed; where two readers could see two names, there is none. */
static void test_organizations(void)
{
    static const struct {
        const char *first;
        const char *second;
        const char *organization;
    } cases[] = {{"Acme", NULL, "Acme"},
                 {"Acme", "Evil", ""},
                 {"Acme", "Acme", ""},
                 {NULL, NULL, ""},
                 {"Ac\nme", NULL, ""}};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Forged) forged = FORGE_CA(cases[i].first, .second_name = cases[i].second);
        g_autoptr(GPtrArray) read = forged_anchor(forged);
        g_assert_cmpstr(certificate_organization(read->pdata[0]), ==, cases[i].organization);
    }
}

void certificate_tests_add(void)
{
    g_test_add_func("/certificate/a_ca_and_its_signer_are_made_under_a_passphrase", test_ca_and_signer);
    g_test_add_func("/certificate/arguments_out_of_range_are_refused", test_arguments);
    g_test_add_func("/certificate/all_of_a_pem_text_are_read_or_none", test_pem);
    g_test_add_func("/certificate/an_ambiguous_organization_is_none", test_organizations);
}
