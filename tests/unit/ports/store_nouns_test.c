/* store_nouns_test.c - what goes into each table comes out of it again. */
#include "store_tests.h"

#include <string.h>

static void test_meta_values_are_replaced(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    g_autoptr(GError) error = NULL;
    g_assert_null(store_meta_get(store, "cohort", &error));
    g_assert_no_error(error);
    must(store_meta_set(store, "cohort", "old", OR_FAIL));
    must(store_meta_set(store, "cohort", "caf\xc3\xa9", OR_FAIL));
    g_autofree char *value = store_meta_get(store, "cohort", &error);
    g_assert_cmpstr(value, ==, "caf\xc3\xa9");
}

static void test_tuf_roles_are_kept_byte_for_byte(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    g_autoptr(GBytes) bytes = g_bytes_new_static("a\0b\xff", 4);
    g_autoptr(GBytes) empty = g_bytes_new_static("", 0);
    must(store_tuf_save(store, "main", "root", empty, OR_FAIL));
    must(store_tuf_save(store, "main", "root", bytes, OR_FAIL));
    must(store_tuf_save(store, "main", "snapshot", empty, OR_FAIL));
    must(store_tuf_save(store, "other", "root", empty, OR_FAIL));
    g_autoptr(GHashTable) roles = store_tuf_load(store, "main", NULL);
    g_assert_cmpuint(g_hash_table_size(roles), ==, 2);
    g_assert_true(g_bytes_equal(g_hash_table_lookup(roles, "root"), bytes));
    g_assert_true(g_bytes_equal(g_hash_table_lookup(roles, "snapshot"), empty));
    must(store_tuf_save(store, "main", "root", NULL, OR_FAIL));
    g_autoptr(GHashTable) fewer = store_tuf_load(store, "main", NULL);
    g_assert_null(g_hash_table_lookup(fewer, "root"));
    g_assert_cmpuint(g_hash_table_size(fewer), ==, 1);
}

static void test_a_repository_comes_back_whole(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    g_autoptr(StoreRepo) repo = store_repo_get(store, "main", NULL);
    g_assert_cmpstr(repo->name, ==, "main");
    g_assert_cmpint(repo->last_refresh_at, ==, 0);
    repo->last_refresh_at = 1;
    repo->last_success_at = 2;
    repo->expires_at = 3;
    repo->signed_at = 4;
    repo->error_code = g_strdup("network");
    repo->error = g_strdup("host answered 503");
    repo->catalogue_sha256 = g_strdup("abc");
    repo->brake_json = g_strdup("{}");
    repo->advisories = g_strdup("lines");
    repo->timestamp_etag = g_strdup("\"e\"");
    repo->retry_after_at = 5;
    repo->n_failures = 6;
    must(store_repo_put(store, repo, OR_FAIL));
    g_autoptr(StoreRepo) read = store_repo_get(store, "main", NULL);
    g_assert_cmpint(read->last_refresh_at, ==, 1);
    g_assert_cmpint(read->last_success_at, ==, 2);
    g_assert_cmpint(read->expires_at, ==, 3);
    g_assert_cmpint(read->signed_at, ==, 4);
    g_assert_cmpstr(read->error_code, ==, "network");
    g_assert_cmpstr(read->error, ==, "host answered 503");
    g_assert_cmpstr(read->catalogue_sha256, ==, "abc");
    g_assert_cmpstr(read->brake_json, ==, "{}");
    g_assert_cmpstr(read->advisories, ==, "lines");
    g_assert_cmpstr(read->timestamp_etag, ==, "\"e\"");
    g_assert_cmpint(read->retry_after_at, ==, 5);
    g_assert_cmpuint(read->n_failures, ==, 6);
    g_clear_pointer(&read->error, g_free);
    must(store_repo_put(store, read, OR_FAIL));
    g_autoptr(GPtrArray) all = store_repos(store, NULL);
    g_assert_cmpuint(all->len, ==, 1);
    g_assert_null(((StoreRepo *)g_ptr_array_index(all, 0))->error);
}

static void test_a_removed_repository_leaves_nothing(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    g_autoptr(StoreRepo) repo = store_repo_get(store, "main", NULL);
    g_autoptr(GBytes) bytes = g_bytes_new_static("x", 1);
    g_autoptr(Release) release = make_release("One", "1.0", "");
    must(store_repo_put(store, repo, OR_FAIL));
    must(store_tuf_save(store, "main", "root", bytes, OR_FAIL));
    must(store_catalogue_begin(store, "main", OR_FAIL));
    must(store_catalogue_add(store, release, OR_FAIL));
    must(store_catalogue_commit(store, OR_FAIL));
    must(store_repo_remove(store, "main", OR_FAIL));
    g_autoptr(GPtrArray) repos = store_repos(store, NULL);
    g_autoptr(GHashTable) roles = store_tuf_load(store, "main", NULL);
    g_autoptr(GPtrArray) releases = store_catalogue_app(store, "One", NULL);
    g_assert_cmpuint(repos->len, ==, 0);
    g_assert_cmpuint(g_hash_table_size(roles), ==, 0);
    g_assert_cmpuint(releases->len, ==, 0);
}

static void assert_same_app(const StoreApp *a, const StoreApp *b)
{
    g_assert_cmpstr(a->name, ==, b->name);
    g_assert_cmpstr(a->version, ==, b->version);
    g_assert_cmpstr(a->arch, ==, b->arch);
    g_assert_cmpstr(a->publisher, ==, b->publisher);
    g_assert_cmpstr(a->repository, ==, b->repository);
    g_assert_cmpstr(a->display_name, ==, b->display_name);
    g_assert_cmpstrv(a->requires, b->requires);
    g_assert_cmpstrv(a->conflicts, b->conflicts);
    g_assert_cmpint(a->enabled, ==, b->enabled);
    g_assert_cmpint(a->as_dependency, ==, b->as_dependency);
    g_assert_cmpint(a->has_failed, ==, b->has_failed);
    g_assert_cmpstr(a->failed_reason, ==, b->failed_reason);
    g_assert_cmpstr(a->install_path, ==, b->install_path);
    g_assert_cmpstr(a->archive_sha256, ==, b->archive_sha256);
    g_assert_cmpstr(a->config_text, ==, b->config_text);
    g_assert_cmpstr(a->routines, ==, b->routines);
    g_assert_cmpstr(a->pid_file, ==, b->pid_file);
    g_assert_cmpstr(a->service_program, ==, b->service_program);
    g_assert_cmpint(a->service_port, ==, b->service_port);
    g_assert_cmpint(a->rc_num, ==, b->rc_num);
    g_assert_cmpint(a->installed_at, ==, b->installed_at);
}

static Manifest *make_manifest(void)
{
    Manifest *manifest = manifest_new();
    g_autofree char *sha256 = g_strnfill(64, 'c');
    manifest_add(manifest, manifest_entry_new("bin", 'd', 0755, 0, NULL, NULL));
    manifest_add(manifest, manifest_entry_new("bin/tool", 'f', 0700, 12, sha256, NULL));
    manifest_add(manifest, manifest_entry_new("link", 'l', 0777, 0, NULL, "../outside"));
    ManifestEntry *config = manifest_entry_new("etc.conf", 'f', 0644, 3, sha256, NULL);
    config->is_config = TRUE;
    manifest_add(manifest, config);
    return manifest;
}

static void assert_same_manifest(const Manifest *a, const Manifest *b)
{
    g_assert_cmpuint(manifest_length(a), ==, manifest_length(b));
    for (gsize i = 0; i < manifest_length(a); i++) {
        const ManifestEntry *x = manifest_get(a, i), *y = manifest_get(b, i);
        g_assert_cmpstr(x->path, ==, y->path);
        g_assert_cmpint(x->type, ==, y->type);
        g_assert_cmpuint(x->mode, ==, y->mode);
        g_assert_cmpint(x->size_bytes, ==, y->size_bytes);
        g_assert_cmpstr(x->sha256, ==, y->sha256);
        g_assert_cmpstr(x->target, ==, y->target);
        g_assert_cmpint(x->is_config, ==, y->is_config);
    }
}

static void test_an_app_and_its_manifest_come_back_whole(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    g_autoptr(StoreApp) app = make_app("One", "1.0");
    g_autoptr(StoreApp) copy = store_app_copy(app);
    g_autoptr(Manifest) manifest = make_manifest();
    assert_same_app(app, copy);
    must(store_app_put(store, app, manifest, OR_FAIL));
    g_autoptr(StoreApp) read = store_app_get(store, "One", NULL);
    g_autoptr(Manifest) read_manifest = store_app_manifest(store, "One", NULL);
    assert_same_app(app, read);
    assert_same_manifest(manifest, read_manifest);
}

static void test_an_upgrade_replaces_app_and_manifest(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    g_autoptr(StoreApp) old = make_app("One", "1.0");
    g_autoptr(StoreApp) new = make_app("One", "2.0");
    g_autoptr(Manifest) manifest = make_manifest();
    g_autoptr(Manifest) smaller = manifest_new();
    manifest_add(smaller, manifest_entry_new("only", 'd', 0755, 0, NULL, NULL));
    must(store_app_put(store, old, manifest, OR_FAIL));
    must(store_app_put(store, new, smaller, OR_FAIL));
    g_autoptr(GPtrArray) all = store_apps(store, NULL);
    g_assert_cmpuint(all->len, ==, 1);
    assert_same_app(g_ptr_array_index(all, 0), new);
    g_autoptr(Manifest) read = store_app_manifest(store, "One", NULL);
    assert_same_manifest(read, smaller);
}

static void test_flags_of_an_app_are_set_alone(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    g_autoptr(GError) error = NULL;
    g_autoptr(StoreApp) app = make_app("One", "1.0");
    must(store_app_put(store, app, NULL, OR_FAIL));
    must(store_app_set_enabled(store, "One", FALSE, OR_FAIL));
    must(store_app_set_failed(store, "One", "swap_back: device gone", OR_FAIL));
    g_autoptr(StoreApp) failed = store_app_get(store, "One", NULL);
    g_assert_false(failed->enabled);
    g_assert_true(failed->has_failed);
    g_assert_cmpstr(failed->failed_reason, ==, "swap_back: device gone");
    must(store_app_set_failed(store, "One", NULL, OR_FAIL));
    g_autoptr(StoreApp) well = store_app_get(store, "One", NULL);
    g_assert_false(well->has_failed);
    g_assert_false(store_app_set_enabled(store, "Two", TRUE, &error));
    assert_error(&error, APPCENTER_ERROR_NOT_FOUND, "Two is not installed");
}

static void test_a_removed_app_takes_its_rows_along(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    g_autoptr(GError) error = NULL;
    g_autoptr(StoreApp) app = make_app("One", "1.0");
    g_autoptr(Manifest) manifest = make_manifest();
    must(store_app_put(store, app, manifest, OR_FAIL));
    must(store_app_remove(store, "One", OR_FAIL));
    g_assert_null(store_app_manifest(store, "One", &error));
    assert_error(&error, APPCENTER_ERROR_NOT_FOUND, "One is not installed");
    must(store_app_put(store, app, NULL, OR_FAIL));
    g_autoptr(Manifest) empty = store_app_manifest(store, "One", NULL);
    g_assert_cmpuint(manifest_length(empty), ==, 0);
    g_assert_false(store_app_remove(store, "Two", &error));
    assert_error(&error, APPCENTER_ERROR_NOT_FOUND, "Two is not installed");
}

static void test_kept_trees_are_found_newest_first(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    g_autoptr(GError) error = NULL;
    g_autoptr(Manifest) manifest = make_manifest();
    g_autoptr(StoreApp) old = make_app("One", "0.9");
    g_autoptr(StoreApp) older = make_app("One", "0.8");
    g_autoptr(StoreApp) now = make_app("One", "1.0");
    StoreKept first = {
        .kind = (char *)"previous", .app = older, .tree = (char *)"One-1", .txn_id = 1, .kept_at = 10};
    StoreKept second = {
        .kind = (char *)"previous", .app = old, .tree = (char *)"One-2", .txn_id = 2, .kept_at = 20};
    StoreKept third = {
        .kind = (char *)"removed", .app = old, .tree = (char *)"One-3", .txn_id = 3, .kept_at = 30};
    must(store_app_put(store, now, NULL, OR_FAIL));
    must(store_kept_add(store, &first, NULL, OR_FAIL));
    must(store_kept_add(store, &second, manifest, OR_FAIL));
    must(store_kept_add(store, &third, NULL, OR_FAIL));
    g_assert_cmpint(second.id, >, first.id);

    g_autoptr(GPtrArray) all = store_kept_list(store, NULL, NULL, NULL);
    g_autoptr(GPtrArray) previous = store_kept_list(store, "One", "previous", NULL);
    g_assert_cmpuint(all->len, ==, 3);
    g_assert_cmpuint(previous->len, ==, 2);
    const StoreKept *newest = g_ptr_array_index(previous, 0);
    g_assert_cmpint(newest->id, ==, second.id);
    g_assert_cmpstr(newest->tree, ==, "One-2");
    g_assert_cmpint(newest->txn_id, ==, 2);
    g_assert_cmpint(newest->kept_at, ==, 20);
    assert_same_app(newest->app, old);
    g_autoptr(Manifest) kept = store_kept_manifest(store, second.id, NULL);
    assert_same_manifest(kept, manifest);

    g_autoptr(GPtrArray) installed = store_installed(store, NULL);
    const InstalledApp *one = installed_find(installed, "One");
    g_assert_cmpstr(one->previous_version, ==, "0.9");
    g_assert_cmpstr(one->requires[1], ==, "A | B");

    must(store_kept_remove(store, second.id, OR_FAIL));
    g_assert_null(store_kept_manifest(store, second.id, &error));
    assert_error(&error, APPCENTER_ERROR_NOT_FOUND, "no kept tree");
    g_assert_false(store_kept_remove(store, second.id, &error));
    assert_error(&error, APPCENTER_ERROR_NOT_FOUND, "no kept tree");
}

static StoreTxn *make_txn(const char *trigger)
{
    StoreTxn *txn = g_new0(StoreTxn, 1);
    txn->job_id = 7;
    txn->trigger = g_strdup(trigger);
    txn->started_at = 100;
    txn->plan_json = g_strdup("{\"x\":1}");
    return txn;
}

static void test_a_transaction_comes_back_with_its_changes(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    g_autoptr(GError) error = NULL;
    StoreChange up = {(char *)"upgrade", (char *)"One", (char *)"1.0", (char *)"2.0", (char *)"asked for"};
    StoreChange in = {(char *)"install", (char *)"Two", NULL, (char *)"1.0", (char *)"needed by One 2.0"};
    g_autoptr(StoreTxn) txn = make_txn("deadline");
    txn->changes = g_ptr_array_new();
    g_ptr_array_add(txn->changes, &up);
    g_ptr_array_add(txn->changes, &in);
    must(store_txn_start(store, txn, OR_FAIL));
    g_autoptr(StoreTxn) second = make_txn("admin");
    must(store_txn_start(store, second, OR_FAIL));

    g_autoptr(GPtrArray) open = store_txn_open_list(store, NULL);
    g_assert_cmpuint(open->len, ==, 2);
    g_assert_cmpint(((StoreTxn *)g_ptr_array_index(open, 0))->id, ==, txn->id);
    g_assert_false(store_txn_is_committed(store, txn->id));
    must(store_txn_mark_committed(store, txn->id, OR_FAIL));
    g_assert_true(store_txn_is_committed(store, txn->id));
    g_assert_false(store_txn_is_committed(store, second->id));
    must(store_txn_finish(store, txn->id, "rolled_back", "health", "no answer on port 80", 200, OR_FAIL));

    g_autoptr(StoreTxn) read = store_txn_get(store, txn->id, NULL);
    g_assert_cmpint(read->job_id, ==, 7);
    g_assert_cmpstr(read->trigger, ==, "deadline");
    g_assert_cmpstr(read->result, ==, "rolled_back");
    g_assert_cmpstr(read->error_code, ==, "health");
    g_assert_cmpstr(read->error, ==, "no answer on port 80");
    g_assert_cmpint(read->started_at, ==, 100);
    g_assert_cmpint(read->finished_at, ==, 200);
    g_assert_cmpstr(read->plan_json, ==, "{\"x\":1}");
    g_assert_cmpuint(read->changes->len, ==, 2);
    const StoreChange *change = g_ptr_array_index(read->changes, 1);
    g_assert_cmpstr(change->op, ==, "install");
    g_assert_cmpstr(change->app, ==, "Two");
    g_assert_null(change->from_version);
    g_assert_cmpstr(change->to_version, ==, "1.0");
    g_assert_cmpstr(change->reason, ==, "needed by One 2.0");

    g_autoptr(GPtrArray) still_open = store_txn_open_list(store, NULL);
    g_assert_cmpuint(still_open->len, ==, 1);
    g_autoptr(GPtrArray) history = store_txn_list(store, 1, NULL);
    g_assert_cmpuint(history->len, ==, 1);
    g_assert_cmpint(((StoreTxn *)g_ptr_array_index(history, 0))->id, ==, second->id);
    g_autoptr(StoreTxn) none = store_txn_get(store, 999, &error);
    g_assert_null(none);
    assert_error(&error, APPCENTER_ERROR_NOT_FOUND, "no transaction 999");
    g_assert_false(store_txn_finish(store, 999, "done", NULL, NULL, 1, &error));
    assert_error(&error, APPCENTER_ERROR_NOT_FOUND, "no transaction 999");
    g_assert_false(store_txn_finish(store, second->id, "perhaps", NULL, NULL, 1, &error));
    assert_error(&error, APPCENTER_ERROR_INTERNAL, "CHECK");
}

static void test_the_journal_keeps_the_order_of_first_writing(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    g_autoptr(GError) error = NULL;
    g_autoptr(StoreTxn) txn = make_txn("admin");
    must(store_txn_start(store, txn, OR_FAIL));
    must(store_journal_put(store, txn->id, "Two", "SPACE", "doing", NULL, OR_FAIL));
    must(store_journal_put(store, txn->id, "One", "SPACE", "doing", "{\"inode\":1}", OR_FAIL));
    must(store_journal_put(store, txn->id, "Two", "SPACE", "done", "{\"a\":2}", OR_FAIL));
    must(store_journal_put(store, txn->id, "Two", "FETCH", "doing", NULL, OR_FAIL));
    must(store_journal_put(store, txn->id, "One", "SPACE", "undoing", NULL, OR_FAIL));
    static const struct {
        const char *app, *step, *state, *data;
    } wanted[] = {{"Two", "SPACE", "done", "{\"a\":2}"},
                  {"One", "SPACE", "undoing", "{\"inode\":1}"},
                  {"Two", "FETCH", "doing", NULL}};
    g_autoptr(GPtrArray) rows = store_journal(store, txn->id, NULL);
    g_assert_cmpuint(rows->len, ==, G_N_ELEMENTS(wanted));
    for (guint i = 0; i < rows->len; i++) {
        const StoreJournal *row = g_ptr_array_index(rows, i);
        g_assert_cmpint(row->txn_id, ==, txn->id);
        g_assert_cmpstr(row->app, ==, wanted[i].app);
        g_assert_cmpstr(row->step, ==, wanted[i].step);
        g_assert_cmpstr(row->state, ==, wanted[i].state);
        g_assert_cmpstr(row->data, ==, wanted[i].data);
    }
    g_assert_false(store_journal_put(store, 999, "One", "SPACE", "doing", NULL, &error));
    assert_error(&error, APPCENTER_ERROR_INTERNAL, "FOREIGN KEY");
}

static void test_an_apps_own_hold_comes_before_the_one_on_all(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    g_autoptr(GError) error = NULL;
    Hold all = {
        .app = NULL, .until = 0, .note = (char *)"holiday", .except_emergency = TRUE, .created_at = 5};
    Hold own = {.app = (char *)"One", .until = 1000, .note = NULL, .created_at = 6};
    must(store_hold_put(store, &all, OR_FAIL));
    must(store_hold_put(store, &own, OR_FAIL));
    g_autoptr(Hold) of_one = store_hold_for(store, "One", 999);
    g_assert_cmpstr(of_one->app, ==, "One");
    g_assert_cmpint(of_one->until, ==, 1000);
    g_autoptr(Hold) expired = store_hold_for(store, "One", 1000);
    g_assert_null(expired->app);
    g_assert_cmpstr(expired->note, ==, "holiday");
    g_assert_true(expired->except_emergency);
    g_assert_cmpint(expired->created_at, ==, 5);
    g_autoptr(GPtrArray) both = store_holds(store, 999, NULL);
    g_autoptr(GPtrArray) one = store_holds(store, 1000, NULL);
    g_assert_cmpuint(both->len, ==, 2);
    g_assert_cmpuint(one->len, ==, 1);
    must(store_hold_remove(store, NULL, OR_FAIL));
    g_assert_false(store_hold_remove(store, NULL, &error));
    assert_error(&error, APPCENTER_ERROR_NOT_FOUND, "no hold on all apps");
    g_assert_null(store_hold_for(store, "Two", 1));
}

static void test_skips_and_vetoes_name_one_version(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    g_autoptr(GError) error = NULL;
    must(store_skip_add(store, "One", "2.0", 5, OR_FAIL));
    must(store_skip_add(store, "One", "2.0", 6, OR_FAIL));
    g_assert_true(store_is_skipped(store, "One", "2.0"));
    g_assert_false(store_is_skipped(store, "One", "2.1"));
    must(store_skip_remove(store, "One", "2.0", OR_FAIL));
    g_assert_false(store_skip_remove(store, "One", "2.0", &error));
    assert_error(&error, APPCENTER_ERROR_NOT_FOUND, "One 2.0 is not skipped");

    must(store_veto_add(store, "One", "2.0", "health: port 80", 100, OR_FAIL));
    must(store_veto_add(store, "One", "2.0", "health: port 81", 300, OR_FAIL));
    g_autoptr(StoreVeto) veto = store_veto_get(store, "One", "2.0");
    g_assert_cmpuint(veto->n_failures, ==, 2);
    g_assert_cmpint(veto->until, ==, 300);
    g_assert_cmpstr(veto->cause, ==, "health: port 81");
    g_assert_null(store_veto_get(store, "One", "2.1"));
    must(store_veto_clear(store, "One", OR_FAIL));
    g_assert_null(store_veto_get(store, "One", "2.0"));
}

static gint64 add_job(Store *store, const char *key, gint64 uid, gboolean *is_old)
{
    StoreJob job = {.action = (char *)"upgrade",
                    .request_json = (char *)"{}",
                    .state = (char *)"queued",
                    .idempotency_key = (char *)key,
                    .uid = uid,
                    .created_at = 10};
    must(store_job_add(store, &job, is_old, OR_FAIL));
    return job.id;
}

static void test_an_idempotency_key_finds_the_old_job(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    gboolean is_old = TRUE;
    gint64 first = add_job(store, "k", 1000, &is_old);
    g_assert_false(is_old);
    g_assert_cmpint(add_job(store, "k", 1000, &is_old), ==, first);
    g_assert_true(is_old);
    g_assert_cmpint(add_job(store, "k", 1001, &is_old), !=, first);
    g_assert_false(is_old);
    g_assert_cmpint(add_job(store, NULL, 1000, NULL), !=, add_job(store, NULL, 1000, NULL));
}

static void test_a_job_goes_through_its_states(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    g_autoptr(GError) error = NULL;
    gint64 id = add_job(store, NULL, 1, NULL);
    gint64 other = add_job(store, NULL, 1, NULL);
    must(store_job_set(store, id, "running", NULL, 20, OR_FAIL));
    must(store_job_set(store, id, "done", "{\"ok\":true}", 30, OR_FAIL));
    g_autoptr(StoreJob) job = store_job_get(store, id, NULL);
    g_assert_cmpstr(job->action, ==, "upgrade");
    g_assert_cmpstr(job->request_json, ==, "{}");
    g_assert_cmpstr(job->state, ==, "done");
    g_assert_cmpstr(job->result_json, ==, "{\"ok\":true}");
    g_assert_cmpint(job->created_at, ==, 10);
    g_assert_cmpint(job->started_at, ==, 20);
    g_assert_cmpint(job->finished_at, ==, 30);
    g_autoptr(GPtrArray) queued = store_jobs(store, "queued", 10, NULL);
    g_autoptr(GPtrArray) all = store_jobs(store, NULL, 10, NULL);
    g_assert_cmpuint(queued->len, ==, 1);
    g_assert_cmpuint(all->len, ==, 2);
    g_assert_cmpint(((StoreJob *)g_ptr_array_index(all, 0))->id, ==, other);
    g_assert_false(store_job_set(store, 99, "done", NULL, 1, &error));
    assert_error(&error, APPCENTER_ERROR_NOT_FOUND, "no job 99");
    g_assert_null(store_job_get(store, 99, &error));
    assert_error(&error, APPCENTER_ERROR_NOT_FOUND, "no job 99");
}

static void test_only_the_newest_events_stay(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    must(store_begin(store, OR_FAIL));
    for (int i = 1; i <= 10003; i++)
        g_assert_cmpint(store_event_add(store, i, "{\"n\":1}", NULL), ==, i);
    must(store_commit(store, OR_FAIL));
    g_autoptr(GPtrArray) first = store_events_after(store, 0, 1, NULL);
    const StoreEvent *oldest = g_ptr_array_index(first, 0);
    g_assert_cmpint(oldest->id, ==, 4);
    g_assert_cmpint(oldest->at, ==, 4);
    g_assert_cmpstr(oldest->json_text, ==, "{\"n\":1}");
    g_autoptr(GPtrArray) last = store_events_after(store, 10001, 100, NULL);
    g_assert_cmpuint(last->len, ==, 2);
}

void store_noun_tests(void)
{
    g_test_add_func("/store/meta_values_are_replaced", test_meta_values_are_replaced);
    g_test_add_func("/store/tuf_roles_are_kept_byte_for_byte", test_tuf_roles_are_kept_byte_for_byte);
    g_test_add_func("/store/a_repository_comes_back_whole", test_a_repository_comes_back_whole);
    g_test_add_func("/store/a_removed_repository_leaves_nothing", test_a_removed_repository_leaves_nothing);
    g_test_add_func("/store/an_app_and_its_manifest_come_back_whole",
                    test_an_app_and_its_manifest_come_back_whole);
    g_test_add_func("/store/an_upgrade_replaces_app_and_manifest", test_an_upgrade_replaces_app_and_manifest);
    g_test_add_func("/store/flags_of_an_app_are_set_alone", test_flags_of_an_app_are_set_alone);
    g_test_add_func("/store/a_removed_app_takes_its_rows_along", test_a_removed_app_takes_its_rows_along);
    g_test_add_func("/store/kept_trees_are_found_newest_first", test_kept_trees_are_found_newest_first);
    g_test_add_func("/store/a_transaction_comes_back_with_its_changes",
                    test_a_transaction_comes_back_with_its_changes);
    g_test_add_func("/store/the_journal_keeps_the_order_of_first_writing",
                    test_the_journal_keeps_the_order_of_first_writing);
    g_test_add_func("/store/an_apps_own_hold_comes_before_the_one_on_all",
                    test_an_apps_own_hold_comes_before_the_one_on_all);
    g_test_add_func("/store/skips_and_vetoes_name_one_version", test_skips_and_vetoes_name_one_version);
    g_test_add_func("/store/an_idempotency_key_finds_the_old_job", test_an_idempotency_key_finds_the_old_job);
    g_test_add_func("/store/a_job_goes_through_its_states", test_a_job_goes_through_its_states);
    g_test_add_func("/store/only_the_newest_events_stay", test_only_the_newest_events_stay);
}
