/* sign_test.c - the vendor's side: what is signed is what a client reads, and the count is the client's count. */
#include "repo.h"

#include <string.h>

static json_t *tree_of(GBytes *bytes)
{
    gsize len = 0;
    const char *data = g_bytes_get_data(bytes, &len);
    return json_loadb(data, len, JSON_REJECT_DUPLICATES, NULL);
}

static void test_signing(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    for (guint i = 0; i < 3; i++)
        g_ptr_array_add(keys, pool_key(i));
    g_ptr_array_add(keys, pool_key(1)); /* once more */
    g_autoptr(json_t) part = json_of("{'b':'line\\nfeed','a':1}");
    g_autoptr(GBytes) bytes = tuf_sign(part, keys, &error);
    g_assert_no_error(error);
    g_autoptr(json_t) metadata = tree_of(bytes);
    json_t *signatures = json_object_get(metadata, "signatures");
    g_assert_true(json_equal(json_object_get(metadata, "signed"), part));
    g_assert_cmpuint(json_array_size(signatures), ==, 3);
    for (gsize i = 1; i < 3; i++)
        g_assert_cmpstr(json_string_value(json_object_get(json_array_get(signatures, i - 1), "keyid")), <,
                        json_string_value(json_object_get(json_array_get(signatures, i), "keyid")));
    g_autoptr(json_t) real = json_of("{'a':1.5}");
    g_assert_null(tuf_sign(real, keys, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "real number");
}

static void assert_count(json_t *metadata, json_t *delegator, const char *role, guint valid, guint threshold)
{
    g_autoptr(GError) error = NULL;
    guint n_valid = 77;
    guint n_needed = 77;
    gboolean is_counted = tuf_count_signatures(metadata, delegator, role, &n_valid, &n_needed, &error);
    g_assert_no_error(error);
    g_assert_true(is_counted);
    g_assert_cmpuint(n_valid, ==, valid);
    g_assert_cmpuint(n_needed, ==, threshold);
}

static void test_counting(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(GError) error = NULL;
    repo_add_key(repo, "root", 4);
    repo_add_key(repo, "root", 5);
    json_object_set_new(repo_role(repo, "root"), "threshold", json_integer(2));
    g_autoptr(json_t) old_root = repo_served(repo, "root");
    repo_bump(repo, "root");
    g_autoptr(json_t) root = repo_served(repo, "root");
    g_autoptr(json_t) targets = repo_served(repo, "targets");
    assert_count(root, root, "root", 3, 2);
    assert_count(root, old_root, "root", 1, 1);
    assert_count(targets, root, "targets", 1, 1);
    assert_count(targets, root, "targets", 1, 1);
    json_array_clear(json_object_get(targets, "signatures"));
    assert_count(targets, root, "targets", 0, 1);
    guint n = 0;
    json_object_del(json_object_get(targets, "signed"), "version");
    g_assert_false(tuf_count_signatures(targets, root, "targets", &n, &n, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "targets: signed.version");
}

static void test_counting_delegated(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(GError) error = NULL;
    guint n = 0;
    repo_delegate(repo, "targets", "acme", 8, "{'paths':['acme/*'],'threshold':3}");
    repo_publish(repo, "acme");
    repo_bump(repo, "targets");
    g_autoptr(json_t) targets = repo_served(repo, "targets");
    g_autoptr(json_t) acme = repo_served(repo, "acme");
    assert_count(acme, targets, "acme", 1, 3);
    g_assert_false(tuf_count_signatures(acme, targets, "nobody", &n, &n, &error));
    assert_error(&error, APPCENTER_ERROR_NOT_FOUND, "the delegator does not name a role nobody");
}

static void test_counting_bins(void)
{
    static const struct {
        const char *role;
        gboolean is_bin;
    } cases[] = {{"bin-386", TRUE},  {"bin-000", TRUE},   {"bin-3ff", TRUE}, {"bin-400", FALSE},
                 {"bin-86", FALSE},  {"bin-0386", FALSE}, {"bin386", FALSE}, {"bin-38g", FALSE},
                 {"bin-38F", FALSE}, {"bim-386", FALSE}};
    g_autoptr(Repo) repo = repo_new();
    repo_delegate(repo, "targets", "bin-386", 8, "{}");
    repo_publish(repo, "bin-386");
    json_t *delegations = json_object_get(repo_part(repo, "targets"), "delegations");
    json_t *keyids = json_object_get(json_array_get(json_object_get(delegations, "roles"), 0), "keyids");
    json_object_set_new(delegations, "succinct_roles",
                        json_pack("{s:O, s:i, s:i, s:s}", "keyids", keyids, "threshold", 1, "bit_length", 10,
                                  "name_prefix", "bin"));
    json_object_del(delegations, "roles");
    repo_bump(repo, "targets");
    g_autoptr(json_t) targets = repo_served(repo, "targets");
    g_autoptr(json_t) bin = repo_served(repo, "bin-386");
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        guint n_valid = 0;
        guint threshold = 0;
        g_assert_cmpint(tuf_count_signatures(bin, targets, cases[i].role, &n_valid, &threshold, NULL), ==,
                        cases[i].is_bin);
        g_assert_cmpuint(n_valid, ==, cases[i].is_bin ? 1 : 0);
    }
}

void sign_tests_add(void)
{
    g_test_add_func("/sign/signatures_are_sorted_and_each_key_signs_once", test_signing);
    g_test_add_func("/sign/counting_is_the_clients_counting", test_counting);
    g_test_add_func("/sign/delegated_roles_are_counted_by_their_delegator", test_counting_delegated);
    g_test_add_func("/sign/bins_are_counted_by_name", test_counting_bins);
}
