/* rotation_test.c - new keys and thresholds: of root, of the other three, and of delegated roles. */
#include "repo.h"

#include <string.h>

/* ---- root: signed by the old and by the new keys ---- */

static const struct {
    const char *chain; /* "keys/threshold/signers" of versions 1, 2, ...; digits are keys */
    gint64 ends_at;
} root_chains[] = {
    {"4/1/4 5/1/54 5/1/5", 3},
    {"4/1/647 5/1/6547 5/1/657", 3},
    {"45678/3/468 45678/3/485 45678/3/457", 3},
    {"45678/3/468 45789/3/4859", 2},
    {"456/3/456 789/3/456789 789/3/789", 3},
    {"456/1/4 456/2/45", 2},
    {"456/2/45 456/1/45 456/1/4", 3},
    {"4/1/4 5/1/56", 1},
    {"4/1/4 5/1/46", 1},
    {"45678/3/468 45789/3/468", 1},
    {"45678/3/468 45789/3/489", 1},
    {"456/1/4 456/2/5", 1},
    {"456/2/45 456/1/4", 1},
};

static void set_keys(Repo *repo, const char *role, const char *keys)
{
    g_auto(GStrv) fields = g_strsplit(keys, "/", 3);
    GPtrArray *signers = g_hash_table_lookup(repo->signers, role);
    json_array_clear(json_object_get(repo_role(repo, role), "keyids"));
    for (const char *digit = fields[0]; *digit; digit++)
        repo_add_key(repo, role, (guint)(*digit - '0'));
    json_object_set_new(repo_role(repo, role), "threshold", json_integer(*fields[1] - '0'));
    g_ptr_array_set_size(signers, 0);
    for (const char *digit = fields[2]; *digit; digit++)
        g_ptr_array_add(signers, pool_key((guint)(*digit - '0')));
}

static void test_root_chains(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(root_chains); i++) {
        g_autoptr(Repo) repo = repo_new();
        g_auto(GStrv) versions = g_strsplit(root_chains[i].chain, " ", -1);
        gboolean is_whole = root_chains[i].ends_at == (gint64)g_strv_length(versions);
        set_keys(repo, "root", versions[0]);
        repo_publish(repo, "root");
        g_autoptr(Box) box = box_new(repo);
        for (char **version = versions + 1; *version; version++) {
            set_keys(repo, "root", *version);
            repo_bump(repo, "root");
        }
        g_autoptr(GError) error = NULL;
        g_assert_cmpint(box_refresh(box, repo, &error), ==, is_whole);
        if (!is_whole)
            assert_error(&error, APPCENTER_ERROR_UNTRUSTED, "needed keys of");
        g_assert_cmpint(box_version(box, "root"), ==, root_chains[i].ends_at);
    }
}

/* CVE-2020-15163 (python-tuf): a refused root was kept and trusted in the next run. */
static void test_refused_root_is_not_kept(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    repo_rotate(repo, "root", 5); /* signed by the new key alone */
    repo_bump(repo, "root");
    for (int i = 0; i < 2; i++)
        assert_refused(box, repo, APPCENTER_ERROR_UNTRUSTED,
                       "root 2 is signed by 0 of 1 needed keys of root 1", "1 0 0 0");
}

/* CVE-2025-2885 (tough): a root of a later version under the name of the next one. */
static void test_root_skips_a_version(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    repo_set(repo, "root", "version", json_integer(3));
    repo_publish(repo, "root");
    g_hash_table_insert(repo->files, g_strdup("2.root.json"), g_bytes_ref(repo_file(repo, "root")));
    assert_refused(box, repo, APPCENTER_ERROR_UNTRUSTED, "root: wanted version 2, found 3", "1 0 0 0");
}

static void test_many_roots(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    for (int i = 0; i < TUF_MAX_ROOT_STEPS + 3; i++)
        repo_bump(repo, "root");
    assert_refreshes(box, repo);
    g_assert_cmpint(box_version(box, "root"), ==, TUF_MAX_ROOT_STEPS + 1);
    assert_refreshes(box, repo);
    g_assert_cmpint(box_version(box, "root"), ==, TUF_MAX_ROOT_STEPS + 4);
}

/* ---- the others: signed by the keys that the newest root names ---- */

static const struct {
    const char *keys; /* "keys/threshold/signers", as above */
    gboolean is_good;
} rotations[] = {
    {"5/1/5", TRUE},       {"4/1/647", TRUE},     {"5/1/467", FALSE},    {"45789/3/468", FALSE},
    {"45789/3/48", FALSE}, {"45678/3/468", TRUE}, {"45678/3/485", TRUE}, {"45678/3/457", TRUE},
    {"45678/3/567", TRUE}, {"45678/3/678", TRUE},
};

static void test_rotations(gconstpointer role)
{
    g_autofree char *refusal = g_strdup_printf("%s 2 is signed by ", (const char *)role);
    for (gsize i = 0; i < G_N_ELEMENTS(rotations); i++) {
        g_test_message("%s", rotations[i].keys);
        g_autoptr(Repo) repo = repo_new();
        g_autoptr(Box) box = box_new(repo);
        g_autoptr(GError) error = NULL;
        assert_refreshes(box, repo);
        set_keys(repo, role, rotations[i].keys);
        repo_bump_all(repo, "root targets snapshot timestamp");
        g_assert_cmpint(box_refresh(box, repo, &error), ==, rotations[i].is_good);
        if (!rotations[i].is_good)
            assert_error(&error, APPCENTER_ERROR_UNTRUSTED, refusal);
        g_assert_cmpint(box_version(box, "root"), ==, 2);
        g_assert_cmpint(box_version(box, "targets"), ==, rotations[i].is_good ? 2 : 1);
    }
}

/* The files stay as they are, only root names other keys: what is stored no longer counts, nor does what is served. */
static void test_revoked(gconstpointer role)
{
    g_autofree char *refusal = g_strdup_printf("%s 1 is signed by 0 of 1 needed keys", (const char *)role);
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    g_autoptr(GError) error = NULL;
    assert_refreshes(box, repo);
    repo_rotate(repo, role, 5);
    repo_bump(repo, "root");
    g_assert_false(box_refresh(box, repo, &error));
    assert_error(&error, APPCENTER_ERROR_UNTRUSTED, refusal);
}

static json_t *delegation_of(Repo *repo, const char *delegator)
{
    return json_array_get(
        json_object_get(json_object_get(repo_part(repo, delegator), "delegations"), "roles"), 0);
}

static Repo *repo_of_acme(void)
{
    Repo *repo = repo_new();
    repo_delegate(repo, "targets", "acme", 8, "{'paths':['acme/*']}");
    repo_add_target(repo, "acme", "acme/x", "content");
    repo_publish(repo, "acme");
    repo_bump_all(repo, "targets snapshot timestamp");
    return repo;
}

/* A publisher's stolen key is taken away by the delegator; what it signed before is over, stored or not. */
static void test_delegated_key(void)
{
    g_autoptr(Repo) repo = repo_of_acme();
    g_autoptr(Box) box = box_new(repo);
    g_autoptr(GError) error = NULL;
    assert_refreshes(box, repo);
    g_autoptr(TufTarget) before = box_search(box, repo, "acme/x", &error);
    g_assert_nonnull(before);

    json_array_clear(json_object_get(json_object_get(repo_part(repo, "targets"), "delegations"), "roles"));
    repo_delegate(repo, "targets", "acme", 9, "{'paths':['acme/*']}");
    repo_bump_all(repo, "targets snapshot timestamp");
    assert_refreshes(box, repo);
    g_assert_null(box_search(box, repo, "acme/x", &error));
    assert_error(&error, APPCENTER_ERROR_UNTRUSTED, "acme 1 is signed by 0 of 1 needed keys of targets");

    repo_bump_all(repo, "acme snapshot timestamp"); /* by both keys: repo_delegate added the second */
    assert_refreshes(box, repo);
    g_autoptr(TufTarget) after = box_search(box, repo, "acme/x", &error);
    g_assert_no_error(error);
    g_assert_cmpint(after->role_version, ==, 2);
}

static void test_delegated_threshold(void)
{
    g_autoptr(Repo) repo = repo_of_acme();
    g_autoptr(Box) box = box_new(repo);
    g_autoptr(GError) error = NULL;
    json_object_set_new(delegation_of(repo, "targets"), "threshold", json_integer(2));
    repo_bump_all(repo, "targets snapshot timestamp");
    assert_refreshes(box, repo);
    g_assert_null(box_search(box, repo, "acme/x", &error));
    assert_error(&error, APPCENTER_ERROR_UNTRUSTED, "acme 1 is signed by 1 of 2 needed keys of targets");
}

/* Keys of the delegator are not keys of the root: an id alone says nothing. */
static void test_key_of_the_wrong_delegator(void)
{
    g_autoptr(Repo) repo = repo_of_acme();
    g_autoptr(Box) box = box_new(repo);
    g_autoptr(GError) error = NULL;
    json_object_clear(json_object_get(json_object_get(repo_part(repo, "targets"), "delegations"), "keys"));
    repo_add_key(repo, "snapshot", 8); /* known to root, under the very same id */
    repo_bump_all(repo, "root targets snapshot timestamp");
    assert_refreshes(box, repo);
    g_assert_null(box_search(box, repo, "acme/x", &error));
    assert_error(&error, APPCENTER_ERROR_UNTRUSTED, "acme 1 is signed by 0 of 1 needed keys of targets");
}

/* keyid_hash_algorithms was a member once; as an unknown one it is part of the key, of whatever type. */
static void test_members_of_keys(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    g_autoptr(GError) error = NULL;
    const PublicKey *key = private_key_public(pool_key(1));
    g_autoptr(json_t) noted = json_deep_copy(public_key_json(key));
    json_object_set_new(noted, "keyid_hash_algorithms", json_string("md5"));
    g_autoptr(PublicKey) noted_key = public_key_from_json(noted, &error);
    g_assert_no_error(error);
    json_object_set(json_object_get(repo_part(repo, "root"), "keys"), public_key_id(noted_key), noted);
    json_array_set_new(json_object_get(repo_role(repo, "timestamp"), "keyids"), 0,
                       json_string(public_key_id(noted_key)));
    repo_bump_all(repo, "root timestamp");
    g_autoptr(json_t) served = repo_served(repo, "timestamp");
    json_object_set_new(json_array_get(json_object_get(served, "signatures"), 0), "keyid",
                        json_string(public_key_id(noted_key)));
    repo_serve_json(repo, "timestamp", served);
    assert_refreshes(box, repo);
}

void rotation_tests_add(void)
{
    g_test_add_func("/rotation/root_chains_end_where_they_must", test_root_chains);
    g_test_add_func("/rotation/cve_2020_15163_a_refused_root_is_not_kept", test_refused_root_is_not_kept);
    g_test_add_func("/rotation/cve_2025_2885_a_root_must_be_the_next_one", test_root_skips_a_version);
    g_test_add_func("/rotation/a_long_chain_of_roots_goes_on_next_time", test_many_roots);
    g_test_add_data_func("/rotation/a_timestamp_needs_the_keys_of_the_newest_root", "timestamp",
                         test_rotations);
    g_test_add_data_func("/rotation/a_snapshot_needs_the_keys_of_the_newest_root", "snapshot",
                         test_rotations);
    g_test_add_data_func("/rotation/targets_need_the_keys_of_the_newest_root", "targets", test_rotations);
    g_test_add_data_func("/rotation/a_timestamp_of_a_revoked_key_is_over", "timestamp", test_revoked);
    g_test_add_data_func("/rotation/a_snapshot_of_a_revoked_key_is_over", "snapshot", test_revoked);
    g_test_add_data_func("/rotation/targets_of_a_revoked_key_are_over", "targets", test_revoked);
    g_test_add_func("/rotation/a_delegated_role_of_a_revoked_key_is_over", test_delegated_key);
    g_test_add_func("/rotation/a_delegator_may_raise_the_threshold", test_delegated_threshold);
    g_test_add_func("/rotation/a_delegators_keys_are_its_own", test_key_of_the_wrong_delegator);
    g_test_add_func("/rotation/unknown_members_of_keys_are_kept_as_signed", test_members_of_keys);
}
