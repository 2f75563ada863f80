/* plan_test.c - what requests mean here and now: holds, brakes, skips, vetoes, classes, ways back. */
#include "vendor.h"

#include <string.h>

#define EMERGENCY                                                                                            \
    ",\"urgency\":{\"class\":\"emergency\",\"urgent_at\":\"2030-03-16T00:00:00Z\",\"install_within_s\":"     \
    "43200,"                                                                                                 \
    "\"reason\":\"exploited\",\"advisories\":[\"QSA-22-24\"]}"
#define NEVER ",\"rollout\":{\"id\":\"r-1\",\"start\":\"2030-03-01T00:00:00Z\",\"curve\":[[0,0]]}"

/* HybridBackup 1.0 (1.1 is out), MediaLibrary 1.0 (2.0), PhotoStation 6.1.1 (6.1.2 is an emergency fix that needs
 * MediaLibrary 2.0; 7.0). */
typedef struct {
    Vendor vendor;
    Engine *engine;
} Nas;

static void nas_init(Nas *nas, const char *brake)
{
    Vendor *vendor = &nas->vendor;
    vendor_init(vendor);
    vendor->brake = brake;
    vendor_add(vendor, "HybridBackup", "1.1", "");
    vendor_add(vendor, "MediaLibrary", "2.0", NEVER);
    vendor_add(vendor, "PhotoStation", "6.1.2", EMERGENCY ",\"requires\":[\"MediaLibrary >= 2.0\"]");
    vendor_add(vendor, "PhotoStation", "7.0", "");
    vendor_publish(vendor);
    nas->engine = vendor_engine(vendor);
    vendor_install(nas->engine, "HybridBackup", "1.0", NULL);
    vendor_install(nas->engine, "MediaLibrary", "1.0", NULL);
    vendor_install(nas->engine, "PhotoStation", "6.1.1", "MediaLibrary");
    vendor_refresh(nas->engine);
}

static void nas_clear(Nas *nas)
{
    engine_close(nas->engine);
    vendor_clear(&nas->vendor);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Nas, nas_clear)

static void hold(Nas *nas, const char *app)
{
    g_autoptr(GError) error = NULL;
    Hold held = {.app = (char *)app, .note = (char *)"library rescan", .created_at = NOW};
    g_assert_true(store_hold_put(nas->engine->store, &held, &error));
    g_assert_no_error(error);
}

/* names: "A=1.0 B", or "" for all. */
static Request *request_of(RequestKind kind, const char *names)
{
    Request *request = request_new(kind);
    g_auto(GStrv) words = g_strsplit(names, " ", -1);
    for (guint i = 0; words[i] && *words[i]; i++) {
        g_auto(GStrv) parts = g_strsplit(words[i], "=", 2);
        request_add_app(request, parts[0], parts[1]);
    }
    return request;
}

static void expect(Nas *nas, RequestKind kind, const char *names, const char *wanted)
{
    g_autoptr(Request) request = request_of(kind, names);
    g_autofree char *found = plan_words(nas->engine, request);
    g_assert_cmpstr(found, ==, wanted);
}

static void test_upgrade_all_takes_the_newest_of_every_class(void)
{
    g_auto(Nas) nas = {0};
    nas_init(&nas, NULL);
    expect(&nas, REQUEST_UPGRADE, "",
           "upgrade HybridBackup 1.0 -> 1.1 [normal, asked for]; upgrade MediaLibrary 1.0 -> 2.0 [normal, "
           "asked for]; "
           "upgrade PhotoStation 6.1.1 -> 7.0 [normal, asked for]");
}

static void test_security_only_takes_the_fix_and_what_it_needs(void)
{
    g_auto(Nas) nas = {0};
    nas_init(&nas, NULL);
    g_autoptr(Request) request = request_new(REQUEST_UPGRADE);
    request->security_only = TRUE;
    g_autofree char *found = plan_words(nas.engine, request);
    g_assert_cmpstr(found, ==,
                    "upgrade MediaLibrary 1.0 -> 2.0 [emergency, needed by PhotoStation 6.1.2]; "
                    "upgrade PhotoStation 6.1.1 -> 6.1.2 [emergency, exploited, QSA-22-24]");
}

static void test_security_only_tells_of_a_held_fix(void)
{
    g_auto(Nas) nas = {0};
    nas_init(&nas, NULL);
    hold(&nas, "PhotoStation");
    g_autoptr(Request) request = request_new(REQUEST_UPGRADE);
    request->security_only = TRUE;
    g_autofree char *found = plan_words(nas.engine, request);
    g_assert_cmpstr(found, ==, " | PhotoStation is held (\"library rescan\"); 6.1.2 waits");
}

static void test_upgrade_all_tells_of_held_apps(void)
{
    g_auto(Nas) nas = {0};
    nas_init(&nas, NULL);
    hold(&nas, "HybridBackup");
    hold(&nas, "PhotoStation");
    expect(&nas, REQUEST_UPGRADE, "",
           "upgrade MediaLibrary 1.0 -> 2.0 [normal, asked for]"
           " | HybridBackup is held (\"library rescan\"); 1.1 waits | PhotoStation is held (\"library "
           "rescan\"); 7.0 waits");
}

static void test_a_held_app_named_without_a_version_is_refused(void)
{
    g_auto(Nas) nas = {0};
    nas_init(&nas, NULL);
    hold(&nas, "HybridBackup");
    expect(&nas, REQUEST_UPGRADE, "HybridBackup",
           "refused: HybridBackup is held (\"library rescan\"): use unhold, or name the version");
    expect(&nas, REQUEST_UPGRADE, "HybridBackup=1.1", "upgrade HybridBackup 1.0 -> 1.1 [normal, asked for]");
}

static const char halt[] = "{\"name\":\"HybridBackup\",\"version\":\"1.1\",\"arch\":null,\"action\":\"halt\","
                           "\"go_back_to\":null,\"reason\":\"crashes\",\"at\":\"2030-03-01T00:00:00Z\"}";

static void test_a_halted_release_binds_everybody(void)
{
    g_auto(Nas) nas = {0};
    nas_init(&nas, halt);
    expect(&nas, REQUEST_UPGRADE, "HybridBackup", "refused: the vendor halted HybridBackup 1.1: crashes");
    expect(&nas, REQUEST_UPGRADE, "HybridBackup=1.1", "refused: the vendor halted HybridBackup 1.1: crashes");
    expect(&nas, REQUEST_UPGRADE, "",
           "upgrade MediaLibrary 1.0 -> 2.0 [normal, asked for]; upgrade PhotoStation 6.1.1 -> 7.0 [normal, "
           "asked for]"
           " | the vendor halted HybridBackup 1.1: crashes");
}

static void test_a_skipped_version_is_taken_when_it_is_named(void)
{
    g_auto(Nas) nas = {0};
    nas_init(&nas, NULL);
    g_assert_true(store_skip_add(nas.engine->store, "PhotoStation", "7.0", NOW, NULL));
    expect(&nas, REQUEST_UPGRADE, "PhotoStation",
           "upgrade MediaLibrary 1.0 -> 2.0 [emergency, needed by PhotoStation 6.1.2]; "
           "upgrade PhotoStation 6.1.1 -> 6.1.2 [emergency, exploited, QSA-22-24]"
           " | PhotoStation 7.0 is skipped: name the version to take it all the same");
    expect(&nas, REQUEST_UPGRADE, "PhotoStation=7.0",
           "upgrade PhotoStation 6.1.1 -> 7.0 [normal, asked for]");
}

static void test_a_vetoed_version_is_taken_when_it_is_named(void)
{
    g_auto(Nas) nas = {0};
    nas_init(&nas, NULL);
    g_assert_true(store_veto_add(nas.engine->store, "HybridBackup", "1.1", "health: port 80 is silent",
                                 NOW + 3600, NULL));
    g_autoptr(Request) request = request_of(REQUEST_UPGRADE, "HybridBackup");
    g_autofree char *found = plan_words(nas.engine, request);
    g_assert_true(
        g_str_has_prefix(found, "refused: HybridBackup 1.1 failed here before (health: port 80 is silent)"));
    expect(&nas, REQUEST_UPGRADE, "HybridBackup=1.1", "upgrade HybridBackup 1.0 -> 1.1 [normal, asked for]");
}

static void test_auto_is_judged_again(void)
{
    g_auto(Nas) nas = {0};
    nas_init(&nas, NULL);
    expect(&nas, REQUEST_AUTO, "PhotoStation=6.1.2",
           "upgrade MediaLibrary 1.0 -> 2.0 [emergency, needed by PhotoStation 6.1.2]; "
           "upgrade PhotoStation 6.1.1 -> 6.1.2 [emergency, exploited, QSA-22-24]");
    expect(&nas, REQUEST_AUTO, "PhotoStation=7.0", "refused: PhotoStation 7.0 is not what is offered now");
    hold(&nas, "PhotoStation");
    g_autoptr(Request) request = request_of(REQUEST_AUTO, "PhotoStation=6.1.2");
    g_autofree char *found = plan_words(nas.engine, request);
    g_assert_true(g_str_has_prefix(found, "refused: PhotoStation 6.1.2: "));
    g_assert_nonnull(strstr(found, "held"));
}

static void test_expired_metadata_is_not_acted_upon(void)
{
    g_auto(Nas) nas = {0};
    nas_init(&nas, NULL);
    engine_close(nas.engine);
    nas.vendor.now += 2 * 86400;
    nas.engine = vendor_engine(&nas.vendor);
    g_autoptr(Request) request = request_of(REQUEST_UPGRADE, "HybridBackup");
    g_autofree char *found = plan_words(nas.engine, request);
    g_assert_true(g_str_has_prefix(found, "expired: HybridBackup 1.1: what qnap says is out of date"));
    expect(&nas, REQUEST_REMOVE, "PhotoStation", "remove PhotoStation 6.1.1 [normal, asked for]");
}

static void test_what_is_not_there(void)
{
    g_auto(Nas) nas = {0};
    nas_init(&nas, NULL);
    expect(&nas, REQUEST_UPGRADE, "Ghost", "not-found: Ghost is not installed");
    expect(&nas, REQUEST_INSTALL, "Ghost", "not-found: no repository offers Ghost");
    expect(&nas, REQUEST_ROLLBACK, "PhotoStation",
           "not-found: no previous version of PhotoStation is kept here");
    expect(&nas, REQUEST_REMOVE, "MediaLibrary", "conflict: MediaLibrary is needed by PhotoStation 6.1.1");
}

/* ---- ways back ---- */

static gint64 keep(Nas *nas, const char *kind, const char *app, const char *version)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(StoreApp) now = store_app_get(nas->engine->store, app, NULL);
    g_autoptr(Manifest) manifest = manifest_new();
    g_autoptr(StoreKept) kept = g_new0(StoreKept, 1);
    kept->kind = g_strdup(kind);
    kept->app = g_steal_pointer(&now);
    g_free(kept->app->version);
    kept->app->version = g_strdup(version);
    kept->tree = g_strdup_printf("%s-%s", app, version);
    kept->kept_at = NOW;
    manifest_add(manifest, manifest_entry_new("bin/app", 'f', 0755, 1, NULL, NULL));
    g_assert_true(store_kept_add(nas->engine->store, kept, manifest, &error));
    g_assert_no_error(error);
    return kept->id;
}

static gint64 record(Nas *nas, const char *result, const char *op, const char *app, const char *from,
                     const char *to)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) changes = g_ptr_array_new();
    StoreChange change = {(char *)op, (char *)app, (char *)from, (char *)to, (char *)"asked for"};
    g_ptr_array_add(changes, &change);
    StoreTxn txn = {
        .trigger = (char *)"admin", .started_at = NOW, .plan_json = (char *)"{}", .changes = changes};
    g_assert_true(store_txn_start(nas->engine->store, &txn, &error));
    g_assert_no_error(error);
    g_assert_true(store_txn_finish(nas->engine->store, txn.id, result, NULL, NULL, NOW, &error));
    return txn.id;
}

/* The # in wanted stands for the id. */
static void expect_undo(Nas *nas, gint64 id, const char *wanted)
{
    g_autoptr(Request) request = request_new(REQUEST_UNDO);
    request->undo_id = id;
    g_autofree char *found = plan_words(nas->engine, request);
    g_autofree char *number = g_strdup_printf("%" G_GINT64_FORMAT, id);
    g_auto(GStrv) parts = g_strsplit(wanted, "#", -1);
    g_autofree char *full = g_strjoinv(number, parts);
    g_assert_cmpstr(found, ==, full);
}

static void test_rollback_goes_to_the_kept_version(void)
{
    g_auto(Nas) nas = {0};
    nas_init(&nas, NULL);
    keep(&nas, "previous", "PhotoStation", "6.0");
    expect(&nas, REQUEST_ROLLBACK, "PhotoStation", "downgrade PhotoStation 6.1.1 -> 6.0 [normal, asked for]");
}

static void test_rollback_does_not_break_others(void)
{
    g_auto(Nas) nas = {0};
    nas_init(&nas, NULL);
    vendor_install(nas.engine, "PhotoStation", "6.1.1", "MediaLibrary >= 1.0");
    keep(&nas, "previous", "MediaLibrary", "0.9");
    expect(&nas, REQUEST_ROLLBACK, "MediaLibrary", "conflict: PhotoStation 6.1.1 needs MediaLibrary >= 1.0");
}

static void test_undo_is_the_inverse(void)
{
    g_auto(Nas) nas = {0};
    nas_init(&nas, NULL);
    keep(&nas, "previous", "PhotoStation", "6.0");
    gint64 upgrade = record(&nas, "done", "upgrade", "PhotoStation", "6.0", "6.1.1");
    expect_undo(&nas, upgrade, "downgrade PhotoStation 6.1.1 -> 6.0 [normal, undo of transaction #]");
    gint64 install = record(&nas, "done", "install", "HybridBackup", NULL, "1.0");
    expect_undo(&nas, install, "remove HybridBackup 1.0 [normal, undo of transaction #]");
    keep(&nas, "removed", "HybridBackup", "1.0");
    g_assert_true(store_app_remove(nas.engine->store, "HybridBackup", NULL));
    gint64 removal = record(&nas, "done", "remove", "HybridBackup", "1.0", NULL);
    expect_undo(&nas, removal, "install HybridBackup 1.0 [normal, undo of transaction #]");
}

static void test_undo_refuses_what_cannot_be_undone(void)
{
    g_auto(Nas) nas = {0};
    nas_init(&nas, NULL);
    gint64 failed = record(&nas, "rolled_back", "upgrade", "PhotoStation", "6.0", "6.1.1");
    expect_undo(&nas, failed, "refused: transaction # is not one that was done (rolled_back)");
    gint64 overtaken = record(&nas, "done", "upgrade", "PhotoStation", "5.0", "6.0");
    expect_undo(
        &nas, overtaken,
        "conflict: undo of transaction #: PhotoStation 6.0 was brought, found 6.1.1: something came after");
    gint64 gone = record(&nas, "done", "upgrade", "PhotoStation", "6.0", "6.1.1");
    expect_undo(&nas, gone, "not-found: undo of transaction #: PhotoStation 6.0 is not kept here any more");
}

/* PhotoStation needs MediaLibrary; both are removed and kept. The ids of the removals: of both at once, and of one. */
static gint64 remove_both(Nas *nas)
{
    keep(nas, "removed", "PhotoStation", "6.1.1");
    keep(nas, "removed", "MediaLibrary", "1.0");
    g_assert_true(store_app_remove(nas->engine->store, "PhotoStation", NULL));
    g_assert_true(store_app_remove(nas->engine->store, "MediaLibrary", NULL));
    StoreChange photo = {(char *)"remove", (char *)"PhotoStation", (char *)"6.1.1", NULL,
                         (char *)"asked for"};
    StoreChange media = {(char *)"remove", (char *)"MediaLibrary", (char *)"1.0", NULL, (char *)"asked for"};
    g_autoptr(GPtrArray) changes = g_ptr_array_new();
    g_ptr_array_add(changes, &media);
    g_ptr_array_add(changes, &photo);
    StoreTxn txn = {
        .trigger = (char *)"admin", .started_at = NOW, .plan_json = (char *)"{}", .changes = changes};
    g_assert_true(store_txn_start(nas->engine->store, &txn, NULL));
    g_assert_true(store_txn_finish(nas->engine->store, txn.id, "done", NULL, NULL, NOW, NULL));
    return txn.id;
}

/* Found by a power cut between the two: one app was back, the other was not. */
static void test_undo_of_a_group_is_one_group(void)
{
    g_auto(Nas) nas = {0};
    nas_init(&nas, NULL);
    g_autoptr(Request) request = request_new(REQUEST_UNDO);
    request->undo_id = remove_both(&nas);
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = engine_plan(nas.engine, request, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(plan->sets->len, ==, 1);
    const PlanSet *set = g_ptr_array_index(plan->sets, 0);
    g_assert_cmpuint(set->changes->len, ==, 2);
    g_assert_cmpstr(((const PlanChange *)g_ptr_array_index(set->changes, 0))->app, ==, "MediaLibrary");
}

static void test_undo_brings_nothing_back_that_lacks_what_it_needs(void)
{
    g_auto(Nas) nas = {0};
    nas_init(&nas, NULL);
    remove_both(&nas);
    gint64 one = record(&nas, "done", "remove", "PhotoStation", "6.1.1", NULL);
    expect_undo(&nas, one, "conflict: PhotoStation 6.1.1 needs MediaLibrary");
}

void plan_tests(void)
{
    g_test_add_func("/plan/upgrade_all_takes_the_newest_of_every_class",
                    test_upgrade_all_takes_the_newest_of_every_class);
    g_test_add_func("/plan/security_only_takes_the_fix_and_what_it_needs",
                    test_security_only_takes_the_fix_and_what_it_needs);
    g_test_add_func("/plan/security_only_tells_of_a_held_fix", test_security_only_tells_of_a_held_fix);
    g_test_add_func("/plan/upgrade_all_tells_of_held_apps", test_upgrade_all_tells_of_held_apps);
    g_test_add_func("/plan/a_held_app_named_without_a_version_is_refused",
                    test_a_held_app_named_without_a_version_is_refused);
    g_test_add_func("/plan/a_halted_release_binds_everybody", test_a_halted_release_binds_everybody);
    g_test_add_func("/plan/a_skipped_version_is_taken_when_it_is_named",
                    test_a_skipped_version_is_taken_when_it_is_named);
    g_test_add_func("/plan/a_vetoed_version_is_taken_when_it_is_named",
                    test_a_vetoed_version_is_taken_when_it_is_named);
    g_test_add_func("/plan/auto_is_judged_again", test_auto_is_judged_again);
    g_test_add_func("/plan/expired_metadata_is_not_acted_upon", test_expired_metadata_is_not_acted_upon);
    g_test_add_func("/plan/what_is_not_there", test_what_is_not_there);
    g_test_add_func("/plan/rollback_goes_to_the_kept_version", test_rollback_goes_to_the_kept_version);
    g_test_add_func("/plan/rollback_does_not_break_others", test_rollback_does_not_break_others);
    g_test_add_func("/plan/undo_is_the_inverse", test_undo_is_the_inverse);
    g_test_add_func("/plan/undo_refuses_what_cannot_be_undone", test_undo_refuses_what_cannot_be_undone);
    g_test_add_func("/plan/undo_of_a_group_is_one_group", test_undo_of_a_group_is_one_group);
    g_test_add_func("/plan/undo_brings_nothing_back_that_lacks_what_it_needs",
                    test_undo_brings_nothing_back_that_lacks_what_it_needs);
}
