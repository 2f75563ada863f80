/* refresh_test.c - the refresh: what is asked for, what is kept, whose signatures count.
 *
 * Tests that are named after a CVE replay the fault of another client. Rollback, expiry and crashes: rollback_test.c;
 * new keys: rotation_test.c.
 */
#include "repo.h"

#include <string.h>

static void test_first_refresh(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    assert_refreshes(box, repo);
    g_assert_cmpstr(box->asked->str, ==, "2.root.json timestamp.json 1.snapshot.json 1.targets.json");
    g_autofree char *handed = g_strjoin(" ", (char *)box->handed->pdata[0], (char *)box->handed->pdata[1],
                                        (char *)box->handed->pdata[2], (char *)box->handed->pdata[3], NULL);
    g_assert_cmpstr(handed, ==, "root timestamp snapshot targets");
    assert_refreshes(box, repo);
    g_assert_cmpstr(box->asked->str, ==, "2.root.json timestamp.json");
    g_assert_cmpuint(box->handed->len, ==, 0);
}

static void test_served_bytes(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    GBytes *bytes = repo_file(repo, "timestamp");
    g_autofree char *text =
        g_strdup_printf("%.*s \n", (int)g_bytes_get_size(bytes), (const char *)g_bytes_get_data(bytes, NULL));
    g_autoptr(GBytes) longer = bytes_of(text);
    repo_serve(repo, "timestamp", longer);
    assert_refreshes(box, repo);
    g_assert_true(g_bytes_equal(g_hash_table_lookup(box->stored, "timestamp"), longer));
}

static void test_names_without_consistent_snapshots(void)
{
    g_autoptr(Repo) repo = repo_new();
    repo_set(repo, "root", "consistent_snapshot", json_false());
    repo_bump_all(repo, "root targets snapshot timestamp");
    g_autoptr(Box) box = box_new(repo);
    assert_refreshes(box, repo);
    g_assert_cmpstr(box->asked->str, ==, "2.root.json 3.root.json timestamp.json snapshot.json targets.json");
}

static void test_first_root(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(Box) box = box_new(repo);
    g_autoptr(json_t) root = repo_served(repo, "root");
    json_array_clear(json_object_get(root, "signatures"));
    repo_serve_json(repo, "root", root);
    g_autoptr(Box) unsigned_box = box_new(repo);
    g_assert_false(box_refresh(unsigned_box, repo, &error));
    assert_error(&error, APPCENTER_ERROR_UNTRUSTED,
                 "the shipped root: root 1 is signed by 0 of 1 needed keys of its own");
    g_assert_cmpstr(unsigned_box->asked->str, ==, "");
    g_assert_null(tuf_client_new(NULL, NULL, NOW, &error));
    assert_error(&error, APPCENTER_ERROR_INVALID, "no root to start from");
    g_hash_table_insert(box->stored, g_strdup("root"), bytes_of("damaged"));
    g_assert_false(box_refresh(box, repo, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "the stored root: root: json");
}

/* Damage and forgeries in the store are as if nothing were stored. */
static void test_stored_garbage(void)
{
    static const char *const roles[] = {"timestamp", "snapshot", "targets"};
    for (gsize i = 0; i < G_N_ELEMENTS(roles); i++) {
        g_autoptr(Repo) repo = repo_new();
        g_autoptr(Box) box = box_new(repo);
        assert_refreshes(box, repo);
        g_hash_table_insert(box->stored, g_strdup(roles[i]), bytes_of("damaged"));
        assert_refreshes(box, repo);
        g_assert_true(g_bytes_equal(g_hash_table_lookup(box->stored, roles[i]), repo_file(repo, roles[i])));
        g_assert_cmpuint(box->handed->len, ==, 1);

        /* a forged timestamp of version 99 must not block the box for ever */
        repo_set(repo, roles[i], "version", json_integer(99));
        g_autoptr(GPtrArray) nobody = g_ptr_array_new();
        g_autoptr(GBytes) forged = tuf_sign(repo_part(repo, roles[i]), nobody, NULL);
        g_hash_table_insert(box->stored, g_strdup(roles[i]), g_bytes_ref(forged));
        assert_refreshes(box, repo);
        g_assert_cmpint(box_version(box, roles[i]), ==, 1);
    }
}

/* ---- signatures ---- */

static const struct {
    const char *role;
    const char *refusal;
    const char *versions;
} unsigned_cases[] = {
    {"root", "root 2 is signed by 0 of 1 needed keys of root 1", "1 0 0 0"},
    {"timestamp", "timestamp 2 is signed by 0 of 1 needed keys", "2 0 0 0"},
    {"snapshot", "snapshot 2 is signed by 0 of 1 needed keys", "2 2 0 0"},
    {"targets", "targets 2 is signed by 0 of 1 needed keys", "2 2 2 0"},
};

static void test_unsigned(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(unsigned_cases); i++) {
        g_autoptr(Repo) repo = repo_new();
        g_autoptr(Box) box = box_new(repo);
        g_ptr_array_set_size(g_hash_table_lookup(repo->signers, unsigned_cases[i].role), 0);
        repo_bump_all(repo, "root targets snapshot timestamp");
        assert_refused(box, repo, APPCENTER_ERROR_UNTRUSTED, unsigned_cases[i].refusal,
                       unsigned_cases[i].versions);
    }
}

static void test_changed_after_signing(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    g_autoptr(json_t) served = repo_served(repo, "timestamp");
    json_object_set_new(json_object_get(served, "signed"), "expires", json_string("2099-01-01T00:00:00Z"));
    repo_serve_json(repo, "timestamp", served);
    assert_refused(box, repo, APPCENTER_ERROR_UNTRUSTED, "timestamp 1 is signed by 0 of 1", "1 0 0 0");
}

static void test_key_of_another_role(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    GPtrArray *signers = g_hash_table_lookup(repo->signers, "snapshot");
    g_ptr_array_set_size(signers, 0);
    g_ptr_array_add(signers, pool_key(1)); /* timestamp's */
    repo_bump_all(repo, "snapshot timestamp");
    assert_refused(box, repo, APPCENTER_ERROR_UNTRUSTED, "snapshot 2 is signed by 0 of 1", "1 2 0 0");
}

/* Names in messages; the keys are numbers in the pool. */
static void test_thresholds(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    repo_add_key(repo, "snapshot", 4);
    repo_add_key(repo, "snapshot", 5);
    json_object_set_new(repo_role(repo, "snapshot"), "threshold", json_integer(3));
    repo_bump_all(repo, "root snapshot timestamp");
    assert_refreshes(box, repo);
    g_ptr_array_set_size(g_hash_table_lookup(repo->signers, "snapshot"), 2);
    repo_bump_all(repo, "snapshot timestamp");
    assert_refused(box, repo, APPCENTER_ERROR_UNTRUSTED, "snapshot 3 is signed by 2 of 3 needed keys",
                   "2 3 2 1");
}

static void test_threshold_above_keys(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    json_object_set_new(repo_role(repo, "timestamp"), "threshold", json_integer(2));
    repo_bump_all(repo, "root timestamp");
    assert_refused(box, repo, APPCENTER_ERROR_UNTRUSTED, "timestamp 2 is signed by 1 of 2 needed keys",
                   "2 0 0 0");
}

/* CVE-2020-6174 (python-tuf), CVE-2020-15093 (tough): one key, counted again and again. */
static void test_repeated_keyid_in_role(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    json_t *keyids = json_object_get(repo_role(repo, "timestamp"), "keyids");
    for (int i = 0; i < 5; i++)
        json_array_append(keyids, json_array_get(keyids, 0));
    json_object_set_new(repo_role(repo, "timestamp"), "threshold", json_integer(2));
    repo_bump_all(repo, "root timestamp");
    assert_refused(box, repo, APPCENTER_ERROR_UNTRUSTED, "timestamp 2 is signed by 1 of 2 needed keys",
                   "2 0 0 0");
}

static void test_repeated_signature(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    g_autoptr(json_t) served = repo_served(repo, "timestamp");
    json_t *signatures = json_object_get(served, "signatures");
    json_array_append(signatures, json_array_get(signatures, 0));
    repo_serve_json(repo, "timestamp", served);
    assert_refused(box, repo, APPCENTER_ERROR_CORRUPT, "signatures[1].keyid: wanted each key once",
                   "1 0 0 0");
}

/* PR 1218 (python-tuf): the same fault in the check of a root by itself alone. */
static void test_repeated_keyid_in_new_root(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    json_t *keyids = json_object_get(repo_role(repo, "root"), "keyids");
    json_array_append(keyids, json_array_get(keyids, 0));
    json_object_set_new(repo_role(repo, "root"), "threshold", json_integer(2));
    repo_bump(repo, "root");
    assert_refused(box, repo, APPCENTER_ERROR_UNTRUSTED, "root 2 is signed by 1 of 2 needed keys of its own",
                   "1 0 0 0");
}

/* One key under two ids: an unknown member more, and it has another name. */
static void test_two_names_of_one_key(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    g_autoptr(GError) error = NULL;
    const PublicKey *key = private_key_public(pool_key(1));
    g_autoptr(json_t) twin = json_deep_copy(public_key_json(key));
    json_object_set_new(twin, "x-twin", json_true());
    g_autoptr(PublicKey) twin_key = public_key_from_json(twin, &error);
    g_assert_no_error(error);
    json_object_set(json_object_get(repo_part(repo, "root"), "keys"), public_key_id(twin_key), twin);
    json_array_append_new(json_object_get(repo_role(repo, "timestamp"), "keyids"),
                          json_string(public_key_id(twin_key)));
    json_object_set_new(repo_role(repo, "timestamp"), "threshold", json_integer(2));
    repo_bump_all(repo, "root timestamp");

    g_autoptr(json_t) served = repo_served(repo, "timestamp");
    json_t *signatures = json_object_get(served, "signatures");
    json_t *second = json_deep_copy(json_array_get(signatures, 0));
    json_object_set_new(second, "keyid", json_string(public_key_id(twin_key)));
    json_array_append_new(signatures, second);
    repo_serve_json(repo, "timestamp", served);
    assert_refused(box, repo, APPCENTER_ERROR_UNTRUSTED, "timestamp 2 is signed by 1 of 2 needed keys",
                   "2 0 0 0");
}

/* A key id is a name that the delegator chose; what counts is the key below it. */
static void test_opaque_keyid(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    json_t *keys = json_object_get(repo_part(repo, "root"), "keys");
    const char *id = public_key_id(private_key_public(pool_key(1)));
    json_object_set(keys, "the-clock", json_object_get(keys, id));
    json_object_del(keys, id);
    json_array_set_new(json_object_get(repo_role(repo, "timestamp"), "keyids"), 0, json_string("the-clock"));
    repo_bump_all(repo, "root timestamp");
    g_autoptr(json_t) served = repo_served(repo, "timestamp");
    json_object_set_new(json_array_get(json_object_get(served, "signatures"), 0), "keyid",
                        json_string("the-clock"));
    repo_serve_json(repo, "timestamp", served);
    assert_refreshes(box, repo);
}

static void test_useless_signatures(void)
{
    static const char *const useless[] = {"", "zz", "0", "00", "deadbeef"};
    for (gsize i = 0; i < G_N_ELEMENTS(useless); i++) {
        g_autoptr(Repo) repo = repo_new();
        g_autoptr(Box) box = box_new(repo);
        repo_add_key(repo, "timestamp", 4);
        repo_bump_all(repo, "root timestamp");
        g_autoptr(json_t) served = repo_served(repo, "timestamp");
        json_object_set_new(json_array_get(json_object_get(served, "signatures"), i % 2), "sig",
                            json_string(useless[i]));
        json_array_append_new(json_object_get(served, "signatures"),
                              json_pack("{s:s,s:s}", "keyid", "?", "sig", useless[i]));
        repo_serve_json(repo, "timestamp", served);
        assert_refreshes(box, repo);
    }
}

/* CVE-2020-6173 (python-tuf): thousands of signatures keep the box busy. */
static void test_thousands_of_signatures(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    repo_bump_all(repo, "root");
    g_autoptr(json_t) served = repo_served(repo, "root");
    for (int i = 0; i < 1500; i++) {
        g_autofree char *id = g_strdup_printf("%064x", i);
        json_array_append_new(json_object_get(served, "signatures"),
                              json_pack("{s:s,s:s}", "keyid", id, "sig", "00"));
    }
    repo_serve_json(repo, "root", served);
    assert_refused(box, repo, APPCENTER_ERROR_CORRUPT,
                   "root: signatures: wanted at most 1024 elements, found 1501", "1 0 0 0");
}

/* A root may hold keys of a kind that this box does not know yet. They just never count. */
static void test_unknown_key_kind(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    g_autoptr(json_t) strange = json_of("{'keytype':'lattice','scheme':'lattice-1','keyval':{'public':'x'}}");
    json_object_set(json_object_get(repo_part(repo, "root"), "keys"), "strange", strange);
    json_array_insert_new(json_object_get(repo_role(repo, "timestamp"), "keyids"), 0, json_string("strange"));
    repo_bump_all(repo, "root timestamp");
    g_autoptr(json_t) served = repo_served(repo, "timestamp");
    json_array_append_new(json_object_get(served, "signatures"),
                          json_pack("{s:s,s:s}", "keyid", "strange", "sig", "00"));
    repo_serve_json(repo, "timestamp", served);
    assert_refreshes(box, repo);
    json_object_set_new(repo_role(repo, "timestamp"), "threshold", json_integer(2));
    repo_bump_all(repo, "root timestamp");
    assert_refused(box, repo, APPCENTER_ERROR_UNTRUSTED, "timestamp 3 is signed by 1 of 2", "3 0 0 1");
}

static void test_mixed_key_kinds(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(PrivateKey) ecdsa = private_key_generate(KEY_ECDSA, &error);
    g_autoptr(PrivateKey) rsa = private_key_generate(KEY_RSA, &error);
    g_assert_no_error(error);
    PrivateKey *keys[] = {ecdsa, rsa};
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        const PublicKey *key = private_key_public(keys[i]);
        json_object_set_new(json_object_get(repo_part(repo, "root"), "keys"), public_key_id(key),
                            json_deep_copy(public_key_json(key)));
        json_array_append_new(json_object_get(repo_role(repo, "timestamp"), "keyids"),
                              json_string(public_key_id(key)));
        g_ptr_array_add(g_hash_table_lookup(repo->signers, "timestamp"), keys[i]);
    }
    json_object_set_new(repo_role(repo, "timestamp"), "threshold", json_integer(3));
    repo_bump_all(repo, "root timestamp");
    assert_refreshes(box, repo);
}

/* ---- what was announced ---- */

static const struct {
    const char *role;
    const char *refusal;
    const char *versions;
} mismatches[] = {
    {"snapshot", "snapshot: version 2 announced by timestamp 2, found 3", "1 2 0 0"},
    {"targets", "targets: version 2 announced by snapshot 2, found 3", "1 2 2 0"},
};

static void test_version_mismatch(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(mismatches); i++) {
        g_autoptr(Repo) repo = repo_new();
        g_autoptr(Box) box = box_new(repo);
        g_autoptr(GError) error = NULL;
        repo_bump_all(repo, "targets snapshot timestamp");
        g_autofree char *name = repo_file_name(repo, mismatches[i].role);
        repo_set(repo, mismatches[i].role, "version", json_integer(3));
        GBytes *bytes = tuf_sign(repo_part(repo, mismatches[i].role),
                                 g_hash_table_lookup(repo->signers, mismatches[i].role), &error);
        g_assert_no_error(error);
        g_hash_table_insert(repo->files, g_strdup(name), bytes);
        assert_refused(box, repo, APPCENTER_ERROR_UNTRUSTED, mismatches[i].refusal, mismatches[i].versions);
    }
}

static void test_hashes(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    repo->announces_hashes = TRUE;
    repo_bump_all(repo, "targets snapshot timestamp");
    assert_refreshes(box, repo);

    /* same version, same length, other content, rightly signed */
    repo_bump_all(repo, "targets snapshot timestamp");
    repo_set(repo, "targets", "expires", json_string("2028-11-22T09:00:00Z"));
    g_autoptr(GBytes) other =
        tuf_sign(repo_part(repo, "targets"), g_hash_table_lookup(repo->signers, "targets"), NULL);
    repo_serve(repo, "targets", other);
    assert_refused(box, repo, APPCENTER_ERROR_UNTRUSTED, "announced by snapshot 3, found", "1 3 3 2");
}

static void test_snapshot_hash(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    repo->announces_hashes = TRUE;
    repo_bump_all(repo, "targets snapshot timestamp");
    repo_set(repo, "snapshot", "expires", json_string("2028-11-22T09:00:00Z"));
    g_autoptr(GBytes) other =
        tuf_sign(repo_part(repo, "snapshot"), g_hash_table_lookup(repo->signers, "snapshot"), NULL);
    repo_serve(repo, "snapshot", other);
    assert_refused(box, repo, APPCENTER_ERROR_UNTRUSTED, "snapshot 2: sha256 ", "1 2 0 0");
}

/* (aktualizr) hashed what it had written anew from the parsed tree: a hash is over the bytes as served. */
static void test_hash_of_served_bytes(void)
{
    for (int is_of_canonical = 0; is_of_canonical < 2; is_of_canonical++) {
        g_autoptr(Repo) repo = repo_new();
        g_autoptr(Box) box = box_new(repo);
        g_autoptr(json_t) tree = repo_served(repo, "snapshot");
        g_autofree char *indented = json_dumps(tree, JSON_INDENT(4));
        g_autoptr(GBytes) served = bytes_of(indented);
        g_autoptr(GBytes) canonical = canonical_json(tree, NULL);
        GBytes *hashed = is_of_canonical ? canonical : served;
        g_autofree char *sum =
            digest_hex_of(DIGEST_SHA256, g_bytes_get_data(hashed, NULL), g_bytes_get_size(hashed));
        json_t *info =
            json_object_get(json_object_get(repo_part(repo, "timestamp"), "meta"), "snapshot.json");
        json_object_set_new(info, "hashes", json_pack("{s:s}", "sha256", sum));
        repo_serve(repo, "snapshot", served);
        repo_bump(repo, "timestamp");
        if (is_of_canonical)
            assert_refused(box, repo, APPCENTER_ERROR_UNTRUSTED, "snapshot 1: sha256", "1 2 0 0");
        else
            assert_refreshes(box, repo);
    }
}

static void test_sha512(void)
{
    for (int is_right = 0; is_right < 2; is_right++) {
        g_autoptr(Repo) repo = repo_new();
        g_autoptr(Box) box = box_new(repo);
        gsize len = 0;
        const void *data = g_bytes_get_data(repo_file(repo, "snapshot"), &len);
        g_autofree char *right = digest_hex_of(DIGEST_SHA512, data, len);
        g_autofree char *wrong = g_strdup_printf("%0128d", 0);
        json_t *info =
            json_object_get(json_object_get(repo_part(repo, "timestamp"), "meta"), "snapshot.json");
        json_object_set_new(info, "hashes", json_pack("{s:s}", "sha512", is_right ? right : wrong));
        repo_bump(repo, "timestamp");
        if (is_right)
            assert_refreshes(box, repo);
        else
            assert_refused(box, repo, APPCENTER_ERROR_UNTRUSTED, "snapshot 1: sha512 0000", "1 2 0 0");
    }
}

/* A stored snapshot of the right version, but not the announced one: it is fetched anew. */
static void test_stored_snapshot_of_other_hash(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    assert_refreshes(box, repo);
    repo->announces_hashes = TRUE;
    repo_set(repo, "snapshot", "expires", json_string("2028-11-22T09:00:00Z"));
    repo_publish(repo, "snapshot"); /* version 1 again, other content */
    repo_bump(repo, "timestamp");
    assert_refreshes(box, repo);
    g_assert_cmpstr(box->asked->str, ==, "2.root.json timestamp.json 1.snapshot.json");
    g_assert_true(g_bytes_equal(g_hash_table_lookup(box->stored, "snapshot"), repo_file(repo, "snapshot")));
}

static void test_length(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    repo->announces_hashes = TRUE;
    repo_bump_all(repo, "targets snapshot timestamp");
    gsize len = g_bytes_get_size(repo_file(repo, "snapshot"));
    g_autoptr(GBytes) shorter = g_bytes_new_from_bytes(repo_file(repo, "snapshot"), 0, len - 1);
    repo_serve(repo, "snapshot", shorter);
    assert_refused(box, repo, APPCENTER_ERROR_UNTRUSTED, "bytes announced by timestamp 2, found", "1 2 0 0");
}

/* A hash that we do not know is as none; the version still binds. */
static void test_unknown_hash(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    json_t *info = json_object_get(json_object_get(repo_part(repo, "timestamp"), "meta"), "snapshot.json");
    json_object_set_new(info, "hashes", json_pack("{s:s}", "blake9", "no hash at all"));
    repo_bump(repo, "timestamp");
    assert_refreshes(box, repo);
}

/* Endless data: the caller stops at one byte more, and this is what it is told. */
static void test_endless_data(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    g_autofree char *endless = g_strnfill(TUF_MAX_TIMESTAMP_BYTES + 1, ' ');
    g_autoptr(GBytes) bytes = bytes_of(endless);
    repo_serve(repo, "timestamp", bytes);
    assert_refused(box, repo, APPCENTER_ERROR_UNTRUSTED,
                   "timestamp.json: wanted at most 16384 bytes, found 16385", "1 0 0 0");
}

static void test_absent(void)
{
    static const struct {
        const char *name;
        const char *versions;
    } cases[] = {
        {"timestamp.json", "1 0 0 0"}, {"1.snapshot.json", "1 1 0 0"}, {"1.targets.json", "1 1 1 0"}};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Repo) repo = repo_new();
        g_autoptr(Box) box = box_new(repo);
        g_hash_table_remove(repo->files, cases[i].name);
        assert_refused(box, repo, APPCENTER_ERROR_NETWORK, cases[i].name, cases[i].versions);
    }
}

static void test_nothing_is_served_after_a_failure(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    g_autoptr(GError) error = NULL;
    g_auto(TufWant) want = {0};
    g_autoptr(GBytes) bytes = g_bytes_ref(repo_file(repo, "timestamp"));
    g_hash_table_remove(repo->files, "timestamp.json");
    assert_refused(box, repo, APPCENTER_ERROR_NETWORK, "the repository has no timestamp.json", "1 0 0 0");
    g_assert_false(tuf_client_next(box->client, &want));
    g_assert_false(tuf_client_feed(box->client, bytes, &error));
    assert_error(&error, APPCENTER_ERROR_INTERNAL, "nobody asked for");
    g_assert_false(tuf_client_feed_absent(box->client, &error));
    assert_error(&error, APPCENTER_ERROR_INTERNAL, "nothing was asked for");
    tuf_client_search(box->client, "a");
    g_assert_false(tuf_client_next(box->client, &want));
    g_assert_null(tuf_client_found(box->client));
    g_assert_cmpstr(tuf_client_why_not_found(box->client), ==, "the metadata is not fresh");
}

static void test_snapshot_without_targets(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    json_object_clear(json_object_get(repo_part(repo, "snapshot"), "meta"));
    repo_bump_all(repo, "snapshot timestamp");
    assert_refused(box, repo, APPCENTER_ERROR_UNTRUSTED, "snapshot 2 does not list targets", "1 2 2 0");
}

void refresh_tests_add(void)
{
    g_test_add_func("/refresh/a_fresh_box_asks_for_four_files_and_then_for_two", test_first_refresh);
    g_test_add_func("/refresh/served_bytes_are_kept_as_they_are", test_served_bytes);
    g_test_add_func("/refresh/names_have_no_versions_without_consistent_snapshots",
                    test_names_without_consistent_snapshots);
    g_test_add_func("/refresh/a_bad_first_root_is_refused_before_any_request", test_first_root);
    g_test_add_func("/refresh/damage_and_forgeries_in_the_store_are_ignored", test_stored_garbage);
    g_test_add_func("/refresh/an_unsigned_role_is_refused_and_those_before_it_stay", test_unsigned);
    g_test_add_func("/refresh/a_change_after_signing_is_refused", test_changed_after_signing);
    g_test_add_func("/refresh/the_key_of_another_role_does_not_count", test_key_of_another_role);
    g_test_add_func("/refresh/too_few_signatures_are_refused", test_thresholds);
    g_test_add_func("/refresh/a_threshold_above_the_number_of_keys_is_never_reached",
                    test_threshold_above_keys);
    g_test_add_func("/refresh/cve_2020_6174_a_repeated_keyid_counts_once", test_repeated_keyid_in_role);
    g_test_add_func("/refresh/cve_2020_15093_a_repeated_signature_is_refused", test_repeated_signature);
    g_test_add_func("/refresh/pr_1218_a_repeated_keyid_counts_once_in_a_new_root",
                    test_repeated_keyid_in_new_root);
    g_test_add_func("/refresh/one_key_under_two_ids_counts_once", test_two_names_of_one_key);
    g_test_add_func("/refresh/a_keyid_is_a_name_only", test_opaque_keyid);
    g_test_add_func("/refresh/useless_signatures_beside_good_ones_do_not_hurt", test_useless_signatures);
    g_test_add_func("/refresh/cve_2020_6173_thousands_of_signatures_are_refused",
                    test_thousands_of_signatures);
    g_test_add_func("/refresh/a_key_of_an_unknown_kind_never_counts_and_never_hurts", test_unknown_key_kind);
    g_test_add_func("/refresh/all_kinds_of_keys_count", test_mixed_key_kinds);
    g_test_add_func("/refresh/the_version_inside_must_be_the_announced_one", test_version_mismatch);
    g_test_add_func("/refresh/announced_hashes_are_checked", test_hashes);
    g_test_add_func("/refresh/the_snapshot_must_fit_its_hash", test_snapshot_hash);
    g_test_add_func("/refresh/a_hash_is_over_the_bytes_as_served", test_hash_of_served_bytes);
    g_test_add_func("/refresh/announced_sha512_hashes_are_checked", test_sha512);
    g_test_add_func("/refresh/a_stored_snapshot_must_fit_the_announced_hash",
                    test_stored_snapshot_of_other_hash);
    g_test_add_func("/refresh/announced_lengths_are_checked", test_length);
    g_test_add_func("/refresh/an_unknown_hash_is_as_none", test_unknown_hash);
    g_test_add_func("/refresh/endless_data_is_refused", test_endless_data);
    g_test_add_func("/refresh/an_absent_file_is_an_error_and_what_came_before_stays", test_absent);
    g_test_add_func("/refresh/after_a_failure_nothing_more_is_served",
                    test_nothing_is_served_after_a_failure);
    g_test_add_func("/refresh/a_snapshot_must_list_targets", test_snapshot_without_targets);
}
