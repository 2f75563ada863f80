/* store_open_test.c - opening, migrating, damage, two writers, transactions, backups, the full disk. */
#include "store_tests.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

Store *open_store(const Scratch *scratch)
{
    g_autoptr(GError) error = NULL;
    Store *store = store_open(scratch->root, &error);
    g_assert_no_error(error);
    g_assert_nonnull(store);
    return store;
}

Release *make_release(const char *name, const char *version, const char *members)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *sha256 = g_strnfill(64, 'a');
    g_autofree char *line = g_strdup_printf(
        "{\"name\":\"%s\",\"version\":\"%s\",\"arch\":\"x86_64\",\"path\":\"packages/%s.%s_%s_x86_64.qpkg\","
        "\"size\":100,\"sha256\":\"%s\",\"installed_size\":200,\"files\":3,"
        "\"published\":\"2026-11-01T00:00:00Z\"%s%s}",
        name, version, sha256, name, version, sha256, *members != '\0' ? "," : "", members);
    g_autoptr(json_t) json = json_parse_strict(line, strlen(line), 16, TRUE, &error);
    g_assert_no_error(error);
    Release *release = release_from_json(json, "test", &error);
    g_assert_no_error(error);
    g_free(release->repository);
    release->repository = g_strdup("main");
    g_free(release->publisher);
    release->publisher = g_strdup("vendor");
    return release;
}

StoreApp *make_app(const char *name, const char *version)
{
    StoreApp *app = g_new0(StoreApp, 1);
    app->name = g_strdup(name);
    app->version = g_strdup(version);
    app->arch = g_strdup("x86_64");
    app->publisher = g_strdup("vendor");
    app->repository = g_strdup("main");
    app->display_name = g_strdup_printf("The %s", name);
    app->requires = g_strsplit("MediaLibrary >= 2.0;A | B", ";", -1);
    app->conflicts = g_strsplit("Old < 3", ";", -1);
    app->enabled = TRUE;
    app->install_path = g_strdup_printf("/share/CACHEDEV1_DATA/.qpkg/%s", name);
    app->archive_sha256 = g_strnfill(64, 'b');
    app->config_text = g_strdup("QPKG_NAME=x\n");
    app->pid_file = g_strdup("/var/run/x.pid");
    app->service_program = g_strdup("x.sh");
    app->service_port = 65535;
    app->rc_num = 101;
    app->installed_at = 1700000000;
    return app;
}

static void test_every_statement_fits_the_schema(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    must(database_prepare_all(&store->state, OR_FAIL));
    must(database_prepare_all(&store->catalogue, OR_FAIL));
    g_assert_cmpuint(g_hash_table_size(store->state.statements), >, 50);
    g_assert_cmpuint(g_hash_table_size(store->state.statements), ==, g_hash_table_size(store->state.texts));
}

static void test_an_empty_root_gets_both_databases(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    struct stat info;
    g_autofree char *state = scratch_path(&scratch, STORE_STATE_DIR "/state.db");
    g_autofree char *cache = scratch_path(&scratch, STORE_CACHE_DIR "/catalogue.db");
    g_assert_cmpint(stat(state, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 0777, ==, 0600);
    g_assert_cmpint(stat(cache, &info), ==, 0);
    gint64 version = 0;
    must(database_ask_integer(&store->state, "user_version", &version, OR_FAIL));
    g_assert_cmpint(version, ==, 3);
}

static void test_an_empty_file_is_migrated(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    scratch_write(&scratch, STORE_STATE_DIR "/state.db", "");
    g_autoptr(Store) store = open_store(&scratch);
    must(store_meta_set(store, "key", "value", OR_FAIL));
}

static void test_the_settings_of_the_house_hold(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    static const struct {
        const char *pragma;
        const char *value;
    } table[] = {{"PRAGMA journal_mode", "wal"},         {"PRAGMA synchronous", "2"},
                 {"PRAGMA foreign_keys", "1"},           {"PRAGMA trusted_schema", "0"},
                 {"PRAGMA cell_size_check", "1"},        {"PRAGMA busy_timeout", "10000"},
                 {"PRAGMA application_id", "1095779156"}};
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
        sqlite3_stmt *statement = NULL;
        g_assert_cmpint(sqlite3_prepare_v2(store->state.handle, table[i].pragma, -1, &statement, NULL), ==,
                        SQLITE_OK);
        g_assert_cmpint(sqlite3_step(statement), ==, SQLITE_ROW);
        g_assert_cmpstr((const char *)sqlite3_column_text(statement, 0), ==, table[i].value);
        sqlite3_finalize(statement);
    }
    int is_defensive = 0;
    sqlite3_db_config(store->state.handle, SQLITE_DBCONFIG_DEFENSIVE, -1, &is_defensive);
    g_assert_cmpint(is_defensive, ==, 1);
}

static void expect_kind(const Scratch *scratch, AppcenterError kind, const char *part)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Store) store = store_open(scratch->root, &error);
    g_assert_null(store);
    assert_error(&error, kind, part);
}

static void expect_refusal(const Scratch *scratch, const char *part)
{
    expect_kind(scratch, APPCENTER_ERROR_CORRUPT, part);
}

static void test_what_is_no_database_is_corrupt(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autofree char *text = g_strnfill(5000, 'x');
    scratch_write(&scratch, STORE_STATE_DIR "/state.db", text);
    expect_refusal(&scratch, "state.db: ");
}

/* Overwrites every page behind the first. */
static void damage(const Scratch *scratch, const char *product_path)
{
    g_autofree char *path = scratch_path(scratch, product_path);
    g_autofree char *page = g_strnfill(4096, 'x');
    g_auto(Fd) fd = open(path, O_RDWR | O_CLOEXEC);
    struct stat info;
    g_assert_cmpint(fstat(fd, &info), ==, 0);
    for (off_t at = 4096; at < info.st_size; at += 4096)
        g_assert_cmpint(pwrite(fd, page, 4096, at), ==, 4096);
}

static void test_a_damaged_state_is_corrupt(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    store_close(open_store(&scratch));
    damage(&scratch, STORE_STATE_DIR "/state.db");
    expect_refusal(&scratch, "state.db: ");
}

static void run_sql(const Scratch *scratch, const char *product_path, const char *sql)
{
    sqlite3 *handle = NULL;
    g_autofree char *path = scratch_path(scratch, product_path);
    g_assert_cmpint(sqlite3_open(path, &handle), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_exec(handle, sql, NULL, NULL, NULL), ==, SQLITE_OK);
    sqlite3_close(handle);
}

static void test_a_newer_schema_is_refused(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    store_close(open_store(&scratch));
    run_sql(&scratch, STORE_STATE_DIR "/state.db", "PRAGMA user_version = 77");
    expect_kind(&scratch, APPCENTER_ERROR_REFUSED, "found 77"); /* no damage: nothing replaces it */
}

static void test_another_programs_database_is_refused(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    store_close(open_store(&scratch));
    run_sql(&scratch, STORE_STATE_DIR "/state.db", "PRAGMA application_id = 5");
    expect_refusal(&scratch, "found 0x5");
}

static void test_a_rollback_takes_all_back(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    g_autoptr(StoreApp) app = make_app("One", "1.0");
    must(store_begin(store, OR_FAIL));
    must(store_app_put(store, app, NULL, OR_FAIL));
    must(store_meta_set(store, "key", "value", OR_FAIL));
    store_rollback(store);
    store_rollback(store);
    g_autoptr(GError) error = NULL;
    g_assert_null(store_meta_get(store, "key", &error));
    g_assert_no_error(error);
    g_autoptr(StoreApp) gone = store_app_get(store, "One", &error);
    g_assert_null(gone);
    assert_error(&error, APPCENTER_ERROR_NOT_FOUND, "One is not installed");
}

static void test_a_failed_part_leaves_the_transaction_whole(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    g_autoptr(GError) error = NULL;
    must(store_begin(store, OR_FAIL));
    must(store_meta_set(store, "before", "1", OR_FAIL));
    StoreTxn txn = {.trigger = (char *)"admin", .started_at = 5};
    StoreChange bad = {.op = (char *)"explode", .app = (char *)"One"};
    txn.changes = g_ptr_array_new();
    g_ptr_array_add(txn.changes, &bad);
    g_assert_false(store_txn_start(store, &txn, &error));
    g_ptr_array_unref(txn.changes);
    assert_error(&error, APPCENTER_ERROR_INTERNAL, "change_add");
    must(store_commit(store, OR_FAIL));
    g_autofree char *before = store_meta_get(store, "before", &error);
    g_assert_cmpstr(before, ==, "1");
    g_autoptr(GPtrArray) txns = store_txn_list(store, 10, &error);
    g_assert_cmpuint(txns->len, ==, 0);
}

static void test_a_held_lock_is_busy(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) first = open_store(&scratch);
    g_autoptr(Store) second = open_store(&scratch);
    g_autoptr(GError) error = NULL;
    sqlite3_busy_timeout(second->state.handle, 20);
    must(store_begin(first, OR_FAIL));
    g_assert_false(store_begin(second, &error));
    assert_error(&error, APPCENTER_ERROR_BUSY, "locked");
    g_assert_false(store_meta_set(second, "key", "value", &error));
    assert_error(&error, APPCENTER_ERROR_BUSY, "locked");
    must(store_commit(first, OR_FAIL));
    must(store_meta_set(second, "key", "value", OR_FAIL));
}

#define EVENTS_EACH 60

static void write_events(const Scratch *scratch)
{
    g_autoptr(Store) store = open_store(scratch);
    for (int i = 0; i < EVENTS_EACH; i++)
        g_assert_cmpint(store_event_add(store, i, "{}", NULL), >, 0);
}

static void test_two_processes_write_at_once(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    pid_t child = fork();
    g_assert_cmpint(child, >=, 0);
    if (child == 0) {
        write_events(&scratch);
        _exit(0);
    }
    write_events(&scratch);
    int status = 0;
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_cmpint(status, ==, 0);
    g_autoptr(Store) store = open_store(&scratch);
    g_autoptr(GPtrArray) events = store_events_after(store, 0, 1000, NULL);
    g_assert_cmpuint(events->len, ==, 2 * EVENTS_EACH);
}

static char *backed_up_value(const Scratch *scratch, const char *file)
{
    sqlite3 *handle = NULL;
    sqlite3_stmt *statement = NULL;
    char *value = NULL;
    g_autofree char *path = scratch_path(scratch, file);
    g_assert_cmpint(sqlite3_open_v2(path, &handle, SQLITE_OPEN_READONLY, NULL), ==, SQLITE_OK);
    g_assert_cmpint(
        sqlite3_prepare_v2(handle, "SELECT value FROM meta WHERE key = 'key'", -1, &statement, NULL), ==,
        SQLITE_OK);
    if (sqlite3_step(statement) == SQLITE_ROW)
        value = g_strdup((const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    sqlite3_close(handle);
    return value;
}

static void test_two_backups_are_kept(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    for (int i = 1; i <= 3; i++) {
        g_autofree char *value = g_strdup_printf("%d", i);
        must(store_meta_set(store, "key", value, OR_FAIL));
        must(store_backup(store, OR_FAIL));
    }
    g_autofree char *newest = backed_up_value(&scratch, STORE_STATE_DIR "/state.db.bak1");
    g_autofree char *older = backed_up_value(&scratch, STORE_STATE_DIR "/state.db.bak2");
    g_assert_cmpstr(newest, ==, "3");
    g_assert_cmpstr(older, ==, "2");
    struct stat info;
    g_autofree char *path = scratch_path(&scratch, STORE_STATE_DIR "/state.db.bak1");
    g_assert_cmpint(stat(path, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 0777, ==, 0600);
}

static gint64 ballast_size(const Scratch *scratch)
{
    struct stat info;
    g_autofree char *path = scratch_path(scratch, STORE_STATE_DIR "/ballast");
    g_assert_cmpint(stat(path, &info), ==, 0);
    return info.st_size;
}

static void test_a_full_disk_costs_the_ballast(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    g_autoptr(GError) error = NULL;
    if (ballast_size(&scratch) == 0) {
        g_test_skip("too little space here for a ballast");
        return;
    }
    g_assert_cmpint(ballast_size(&scratch), ==, STORE_BALLAST_BYTES);
    g_assert_cmpint(sqlite3_exec(store->state.handle, "PRAGMA max_page_count = 1", NULL, NULL, NULL), ==,
                    SQLITE_OK);
    g_autofree char *much = g_strnfill(100000, 'x');
    g_assert_false(store_meta_set(store, "key", much, &error));
    assert_error(&error, APPCENTER_ERROR_NO_SPACE, "state.db: meta_set: ");
    g_assert_cmpint(ballast_size(&scratch), ==, 0);
    store_close(g_steal_pointer(&store));
    store = open_store(&scratch);
    g_assert_cmpint(ballast_size(&scratch), ==, STORE_BALLAST_BYTES);
}

static void test_the_time_floor_only_rises(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(store_time_floor(store), ==, 0);
    must(store_raise_time_floor(store, 2000, OR_FAIL));
    must(store_raise_time_floor(store, 1000, OR_FAIL));
    g_assert_cmpint(store_time_floor(store), ==, 2000);
    must(store_raise_time_floor(store, 10000000000, OR_FAIL));
    g_assert_cmpint(store_time_floor(store), ==, 10000000000);
    g_assert_false(store_meta_set(store, "time_floor", "1", &error));
    assert_error(&error, APPCENTER_ERROR_INVALID, "only be raised");
}

void store_tests(void)
{
    g_test_add_func("/store/every_statement_fits_the_schema", test_every_statement_fits_the_schema);
    g_test_add_func("/store/an_empty_root_gets_both_databases", test_an_empty_root_gets_both_databases);
    g_test_add_func("/store/an_empty_file_is_migrated", test_an_empty_file_is_migrated);
    g_test_add_func("/store/the_settings_of_the_house_hold", test_the_settings_of_the_house_hold);
    g_test_add_func("/store/what_is_no_database_is_corrupt", test_what_is_no_database_is_corrupt);
    g_test_add_func("/store/a_damaged_state_is_corrupt", test_a_damaged_state_is_corrupt);
    g_test_add_func("/store/a_newer_schema_is_refused", test_a_newer_schema_is_refused);
    g_test_add_func("/store/another_programs_database_is_refused", test_another_programs_database_is_refused);
    g_test_add_func("/store/a_rollback_takes_all_back", test_a_rollback_takes_all_back);
    g_test_add_func("/store/a_failed_part_leaves_the_transaction_whole",
                    test_a_failed_part_leaves_the_transaction_whole);
    g_test_add_func("/store/a_held_lock_is_busy", test_a_held_lock_is_busy);
    g_test_add_func("/store/two_processes_write_at_once", test_two_processes_write_at_once);
    g_test_add_func("/store/two_backups_are_kept", test_two_backups_are_kept);
    g_test_add_func("/store/a_full_disk_costs_the_ballast", test_a_full_disk_costs_the_ballast);
    g_test_add_func("/store/the_time_floor_only_rises", test_the_time_floor_only_rises);
    store_noun_tests();
    store_catalogue_tests();
    store_ledger_tests();
    store_closure_tests();
}
