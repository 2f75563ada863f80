/* rollback_test.c - time and order: no step back, no stale metadata, no state from which a box cannot go on. */
#include "repo.h"

#include <string.h>

static void test_timestamp_rollback(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    repo_bump(repo, "timestamp");
    assert_refreshes(box, repo);
    repo_set(repo, "timestamp", "version", json_integer(1));
    repo_publish(repo, "timestamp");
    assert_refused(box, repo, APPCENTER_ERROR_UNTRUSTED, "timestamp: wanted version 2 or later, found 1",
                   "1 2 1 1");
    g_assert_true(g_str_has_suffix(box->asked->str, "timestamp.json"));
}

/* CVE-2025-2888 (tough): the timestamp was stored although the snapshot that it names was refused as a rollback, and the
 * box was stuck for ever. */
static void test_snapshot_rollback(gconstpointer with_hashes)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    repo->announces_hashes = GPOINTER_TO_INT(with_hashes);
    repo_bump_all(repo, "snapshot timestamp");
    assert_refreshes(box, repo);
    repo_set(repo, "snapshot", "version", json_integer(1));
    repo_publish(repo, "snapshot");
    repo_bump(repo, "timestamp");
    assert_refused(box, repo, APPCENTER_ERROR_UNTRUSTED,
                   "timestamp 3 announces snapshot 1, the trusted timestamp 2 announced 2", "1 2 2 1");
    repo_set(repo, "snapshot", "version", json_integer(3));
    repo_publish(repo, "snapshot");
    repo_bump(repo, "timestamp");
    assert_refreshes(box, repo);
}

/* With hashes the stored snapshot no longer fits the new timestamp, and must be the mark all the same. */
static void test_targets_rollback(gconstpointer with_hashes)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    repo->announces_hashes = GPOINTER_TO_INT(with_hashes);
    repo_bump_all(repo, "targets snapshot timestamp");
    assert_refreshes(box, repo);
    repo_set(repo, "targets", "version", json_integer(1));
    repo_publish(repo, "targets");
    repo_bump_all(repo, "snapshot timestamp");
    assert_refused(box, repo, APPCENTER_ERROR_UNTRUSTED,
                   "snapshot 3 lists targets.json with version 1, the trusted snapshot 2 with 2", "1 3 2 2");
}

static void test_role_removed(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    repo_delegate(repo, "targets", "acme", 4, "{'paths':['acme/*']}");
    repo_publish(repo, "acme");
    repo_bump_all(repo, "targets snapshot timestamp");
    assert_refreshes(box, repo);
    json_object_del(json_object_get(repo_part(repo, "snapshot"), "meta"), "acme.json");
    repo_bump_all(repo, "snapshot timestamp");
    assert_refused(box, repo, APPCENTER_ERROR_UNTRUSTED,
                   "snapshot 3 no longer lists acme.json, the trusted snapshot 2 does", "1 3 2 2");
}

/* CVE-2025-2887 (tough): only top-level roles were protected from rollback. */
static void test_delegated_rollback(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    repo_delegate(repo, "targets", "acme", 4, "{'paths':['acme/*']}");
    repo_set(repo, "acme", "version", json_integer(5));
    repo_publish(repo, "acme");
    repo_bump_all(repo, "targets snapshot timestamp");
    assert_refreshes(box, repo);
    repo_set(repo, "acme", "version", json_integer(4));
    repo_publish(repo, "acme");
    repo_bump_all(repo, "snapshot timestamp");
    assert_refused(box, repo, APPCENTER_ERROR_UNTRUSTED,
                   "snapshot 3 lists acme.json with version 4, the trusted snapshot 2 with 5", "1 3 2 2");
}

/* CVE-2022-29173 (go-tuf): what was no root was stored as trusted before its version was checked. */
static void test_nothing_is_stored_before_its_version(void)
{
    static const struct {
        const char *role;
        const char *versions;
    } cases[] = {{"timestamp", "1 3 3 3"}, {"snapshot", "1 3 3 3"}, {"targets", "1 4 3 3"}};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Repo) repo = repo_new();
        g_autoptr(Box) box = box_new(repo);
        repo_bump_all(repo, "targets snapshot timestamp");
        repo_bump_all(repo, "targets snapshot timestamp");
        assert_refreshes(box, repo);
        g_autoptr(GBytes) before = g_bytes_ref(g_hash_table_lookup(box->stored, cases[i].role));
        repo_set(repo, cases[i].role, "version", json_integer(2));
        repo_publish(repo, cases[i].role);
        if (strcmp(cases[i].role, "targets") == 0)
            repo_bump(repo, "snapshot");
        if (strcmp(cases[i].role, "timestamp") != 0)
            repo_bump(repo, "timestamp");
        for (int run = 0; run < 2; run++)
            assert_refused(box, repo, APPCENTER_ERROR_UNTRUSTED, "", cases[i].versions);
        g_assert_true(g_bytes_equal(g_hash_table_lookup(box->stored, cases[i].role), before));
    }
}

static void test_same_version(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    assert_refreshes(box, repo);
    g_autoptr(GBytes) before = g_bytes_ref(g_hash_table_lookup(box->stored, "timestamp"));
    json_object_set_new(
        json_object_get(json_object_get(repo_part(repo, "timestamp"), "meta"), "snapshot.json"), "version",
        json_integer(100));
    repo_publish(repo, "timestamp");
    assert_refreshes(box, repo);
    g_assert_cmpstr(box->asked->str, ==, "2.root.json timestamp.json");
    g_assert_true(g_bytes_equal(g_hash_table_lookup(box->stored, "timestamp"), before));
}

/* Mix and match: a snapshot that was signed once, but not the one of this timestamp. */
static void test_mix_and_match(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    g_autoptr(GBytes) old = g_bytes_ref(repo_file(repo, "snapshot"));
    repo_bump_all(repo, "targets snapshot timestamp");
    repo_serve(repo, "snapshot", old);
    assert_refused(box, repo, APPCENTER_ERROR_UNTRUSTED,
                   "snapshot: version 2 announced by timestamp 2, found 1", "1 2 0 0");
}

/* ---- recovery from fast-forward ---- */

static void test_timestamp_recovery(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    repo_set(repo, "timestamp", "version", json_integer(100));
    repo_publish(repo, "timestamp");
    assert_refreshes(box, repo);
    repo_rotate(repo, "timestamp", 5);
    repo_set(repo, "timestamp", "version", json_integer(1));
    repo_publish(repo, "timestamp");
    repo_bump(repo, "root");
    assert_refreshes(box, repo);
    g_assert_cmpint(box_version(box, "timestamp"), ==, 1);
    g_assert_cmpstr(box->handed->pdata[0], ==, "root");
    g_assert_cmpstr(box->handed->pdata[1], ==, "-timestamp");
}

/* The snapshot key alone is rotated: the timestamp that knows of snapshot 100 must be forgotten with it. */
static void test_snapshot_recovery(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    repo_set(repo, "snapshot", "version", json_integer(100));
    repo_publish(repo, "snapshot");
    repo_bump(repo, "timestamp");
    assert_refreshes(box, repo);
    repo_rotate(repo, "snapshot", 5);
    repo_set(repo, "snapshot", "version", json_integer(1));
    repo_publish(repo, "snapshot");
    repo_bump_all(repo, "timestamp root");
    assert_refreshes(box, repo);
    g_assert_cmpint(box_version(box, "snapshot"), ==, 1);
}

static void test_targets_recovery(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    repo_delegate(repo, "targets", "acme", 4, "{'paths':['acme/*']}");
    repo_publish(repo, "acme");
    repo_set(repo, "targets", "version", json_integer(100));
    repo_publish(repo, "targets");
    repo_bump_all(repo, "snapshot timestamp");
    assert_refreshes(box, repo);
    repo_rotate(repo, "snapshot", 5);
    repo_set(repo, "targets", "version", json_integer(1));
    repo_publish(repo, "targets");
    json_object_del(json_object_get(repo_part(repo, "snapshot"), "meta"), "acme.json");
    repo_bump_all(repo, "snapshot timestamp root");
    assert_refreshes(box, repo);
    g_assert_cmpint(box_version(box, "targets"), ==, 1);
}

/* Without new keys, version 100 stays the mark. */
static void test_no_recovery_without_keys(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    repo_set(repo, "timestamp", "version", json_integer(100));
    repo_publish(repo, "timestamp");
    assert_refreshes(box, repo);
    repo_set(repo, "timestamp", "version", json_integer(1));
    repo_bump_all(repo, "timestamp root");
    assert_refused(box, repo, APPCENTER_ERROR_UNTRUSTED, "timestamp: wanted version 100 or later, found 2",
                   "2 100 1 1");
}

/* ---- expiry ---- */

static const struct {
    const char *role;
    const char *refusal;
    const char *versions;
} expired_cases[] = {
    {"root", "root 2 expired at 2026-11-21T09:00:00Z, it is 2026-11-22T09:00:00Z", "2 1 1 1"},
    {"timestamp", "timestamp 2 expired at 2026-11-21T09:00:00Z, it is 2026-11-22T09:00:00Z", "2 1 1 1"},
    {"snapshot", "snapshot 2 expired at 2026-11-21T09:00:00Z, it is 2026-11-22T09:00:00Z", "2 2 1 1"},
    {"targets", "targets 2 expired at 2026-11-21T09:00:00Z, it is 2026-11-22T09:00:00Z", "2 2 2 1"},
};

static void test_expired(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(expired_cases); i++) {
        g_autoptr(Repo) repo = repo_new();
        g_autoptr(Box) box = box_new(repo);
        assert_refreshes(box, repo);
        repo_set(repo, expired_cases[i].role, "expires", json_string(EXPIRED));
        repo_bump_all(repo, "root targets snapshot timestamp");
        assert_refused(box, repo, APPCENTER_ERROR_EXPIRED, expired_cases[i].refusal,
                       expired_cases[i].versions);
        repo_set(repo, expired_cases[i].role, "expires", json_string(FRESH));
        repo_bump_all(repo, "root targets snapshot timestamp");
        assert_refreshes(box, repo);
    }
}

static void test_expiry_is_exact(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    repo_set(repo, "timestamp", "expires", json_string("2026-11-22T09:00:00Z"));
    repo_bump(repo, "timestamp");
    box->now = NOW - 1;
    assert_refreshes(box, repo);
    box->now = NOW;
    assert_refused(box, repo, APPCENTER_ERROR_EXPIRED, "timestamp 2 expired", "1 2 1 1");
}

/* What expired in the store is a mark for rollback, and no hindrance. */
static void test_expired_in_the_store(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    static const char *const roles[] = {"root", "timestamp", "snapshot", "targets"};
    for (gsize i = 0; i < G_N_ELEMENTS(roles); i++)
        repo_set(repo, roles[i], "expires", json_string("2026-11-23T09:00:00Z"));
    repo_bump_all(repo, "root targets snapshot timestamp");
    assert_refreshes(box, repo);
    box->now = NOW + 10 * DAY;
    assert_refused(box, repo, APPCENTER_ERROR_EXPIRED, "root 2 expired", "2 2 2 2");
    for (gsize i = 0; i < G_N_ELEMENTS(roles); i++)
        repo_set(repo, roles[i], "expires", json_string(FRESH));
    repo_bump_all(repo, "root targets snapshot timestamp");
    assert_refreshes(box, repo);

    /* the mark: had the stored timestamp not counted, version 2 would pass */
    g_autoptr(Box) old = box_new(repo);
    repo_set(repo, "timestamp", "expires", json_string("2026-12-03T09:00:00Z"));
    repo_bump(repo, "timestamp");
    assert_refreshes(old, repo);
    old->now = NOW + 20 * DAY;
    repo_set(repo, "timestamp", "expires", json_string(FRESH));
    repo_set(repo, "timestamp", "version", json_integer(2));
    repo_publish(repo, "timestamp");
    assert_refused(old, repo, APPCENTER_ERROR_UNTRUSTED, "timestamp: wanted version 4 or later, found 2",
                   "3 4 3 3");
}

/* Indefinite freeze: the same timestamp for ever. */
static void test_freeze(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    repo_set(repo, "timestamp", "expires", json_string("2026-11-23T09:00:00Z"));
    repo_bump(repo, "timestamp");
    assert_refreshes(box, repo);
    box->now = NOW + 2 * DAY;
    assert_refused(box, repo, APPCENTER_ERROR_EXPIRED,
                   "timestamp 2 expired at 2026-11-23T09:00:00Z, it is 2026-11-24T09:00:00Z", "1 2 1 1");
}

/* The same version with a later date is the same timestamp, and that one is over. */
static void test_redated(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    repo_set(repo, "timestamp", "expires", json_string("2026-11-23T09:00:00Z"));
    repo_bump(repo, "timestamp");
    assert_refreshes(box, repo);
    box->now = NOW + 2 * DAY;
    repo_set(repo, "timestamp", "expires", json_string(FRESH));
    repo_publish(repo, "timestamp");
    assert_refused(box, repo, APPCENTER_ERROR_EXPIRED, "timestamp 2 expired at 2026-11-23T09:00:00Z",
                   "1 2 1 1");
}

/* ---- power ---- */

/* After each single persisted file the power fails; the next run must come through to the same end. */
static void test_power_failure(void)
{
    for (guint files = 1; files <= 8; files++) {
        g_autoptr(Repo) repo = repo_new();
        g_autoptr(Box) box = box_new(repo);
        g_autoptr(GError) error = NULL;
        assert_refreshes(box, repo);
        repo_rotate(repo, "snapshot", 5);
        repo_rotate(repo, "timestamp", 6);
        repo_bump(repo, "root");
        repo_set(repo, "timestamp", "version", json_integer(0));
        repo_bump_all(repo, "root targets snapshot timestamp");
        box->stop_after = files;
        if (!box_refresh(box, repo, &error))
            assert_error(&error, APPCENTER_ERROR_IO, "power failed");
        box->stop_after = 0;
        assert_refreshes(box, repo);
        g_assert_cmpint(box_version(box, "root"), ==, 3);
        g_assert_cmpint(box_version(box, "timestamp"), ==, 1);
        g_assert_cmpint(box_version(box, "snapshot"), ==, 2);
        g_assert_cmpint(box_version(box, "targets"), ==, 2);
        assert_refreshes(box, repo);
        g_assert_cmpstr(box->asked->str, ==, "4.root.json timestamp.json");
    }
}

void rollback_tests_add(void)
{
    g_test_add_func("/rollback/an_older_timestamp_is_refused", test_timestamp_rollback);
    g_test_add_data_func("/rollback/cve_2025_2888_a_timestamp_of_an_older_snapshot_is_not_stored",
                         GINT_TO_POINTER(FALSE), test_snapshot_rollback);
    g_test_add_data_func("/rollback/a_timestamp_of_an_older_snapshot_is_not_stored_with_hashes",
                         GINT_TO_POINTER(TRUE), test_snapshot_rollback);
    g_test_add_data_func("/rollback/older_targets_are_refused", GINT_TO_POINTER(FALSE),
                         test_targets_rollback);
    g_test_add_data_func("/rollback/older_targets_are_refused_with_hashes", GINT_TO_POINTER(TRUE),
                         test_targets_rollback);
    g_test_add_func("/rollback/a_role_may_not_vanish", test_role_removed);
    g_test_add_func("/rollback/cve_2025_2887_an_older_delegated_role_is_refused", test_delegated_rollback);
    g_test_add_func("/rollback/cve_2022_29173_nothing_is_stored_before_its_version_is_checked",
                    test_nothing_is_stored_before_its_version);
    g_test_add_func("/rollback/the_same_timestamp_version_keeps_the_old_one", test_same_version);
    g_test_add_func("/rollback/a_snapshot_of_another_timestamp_is_refused", test_mix_and_match);
    g_test_add_func("/recovery/a_new_timestamp_key_lets_the_timestamp_start_again", test_timestamp_recovery);
    g_test_add_func("/recovery/a_new_snapshot_key_lets_the_snapshot_start_again", test_snapshot_recovery);
    g_test_add_func("/recovery/a_new_snapshot_key_lets_targets_start_again", test_targets_recovery);
    g_test_add_func("/recovery/a_new_root_alone_does_not", test_no_recovery_without_keys);
    g_test_add_func("/expiry/a_new_root_is_kept_and_all_others_are_not", test_expired);
    g_test_add_func("/expiry/the_second_itself_is_too_late", test_expiry_is_exact);
    g_test_add_func("/expiry/what_expired_in_the_store_is_no_hindrance", test_expired_in_the_store);
    g_test_add_func("/expiry/a_frozen_repository_is_noticed", test_freeze);
    g_test_add_func("/expiry/the_same_version_with_a_later_date_is_refused", test_redated);
    g_test_add_func("/power/after_each_persisted_file_the_next_run_works", test_power_failure);
}
