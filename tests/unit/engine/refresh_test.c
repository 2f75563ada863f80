/* refresh_test.c - a repository of real signed metadata comes in, and every lie in it is refused by its name. */
#include "vendor.h"

#include <string.h>
#include <utime.h>

static StoreRepo *repo_of(Engine *engine)
{
    g_autoptr(GError) error = NULL;
    StoreRepo *repo = store_repo_get(engine->store, "qnap", &error);
    g_assert_no_error(error);
    return repo;
}

static guint n_releases(Engine *engine, const char *app)
{
    g_autoptr(GPtrArray) releases = store_catalogue_app(engine->store, app, NULL);
    return releases->len;
}

/* One that must fail, with this kind and these words. */
static void refresh_fails(Engine *engine, AppcenterError kind, const char *part)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(engine_refresh(engine, FALSE, &error));
    assert_error(&error, kind, part);
}

static void test_a_catalogue_comes_in(void)
{
    g_auto(Vendor) vendor = {0};
    vendor_init(&vendor);
    vendor_add(&vendor, "PhotoStation", "6.1.1", "");
    vendor_add(&vendor, "PhotoStation", "6.1.2", "");
    vendor_publish(&vendor);
    g_autoptr(Engine) engine = vendor_engine(&vendor);
    vendor_refresh(engine);
    g_assert_cmpuint(n_releases(engine, "PhotoStation"), ==, 2);
    g_autoptr(StoreRepo) repo = repo_of(engine);
    g_assert_null(repo->error);
    g_assert_cmpint(repo->last_success_at, >=, NOW);
    g_assert_cmpint(repo->expires_at, ==, NOW + 86400);
    g_assert_cmpint(repo->signed_at, ==, NOW);
    g_assert_cmpint(store_time_floor(engine->store), ==, NOW);
    g_assert_true(g_str_has_prefix(repo->catalogue_sha256, "vendor="));
}

static void test_an_unchanged_catalogue_is_not_fetched_again(void)
{
    g_auto(Vendor) vendor = {0};
    vendor_init(&vendor);
    vendor_add(&vendor, "PhotoStation", "6.1.2", "");
    vendor_publish(&vendor);
    g_autoptr(Engine) engine = vendor_engine(&vendor);
    vendor_refresh(engine);
    g_autofree char *targets = g_build_filename(vendor.dir, "public", "targets", NULL);
    g_autofree char *away = g_build_filename(vendor.dir, "away", NULL);
    g_assert_cmpint(rename(targets, away), ==, 0);
    vendor_refresh(engine);
    g_assert_cmpuint(n_releases(engine, "PhotoStation"), ==, 1);
    /* but a lost cache is filled again, which now cannot be: what was kept packed is lost, too */
    g_assert_true(root_dir_remove_tree(engine->root, "/var/cache/appcenter/catalogues", NULL));
    g_assert_true(store_catalogue_begin(engine->store, "qnap", NULL));
    g_assert_true(store_catalogue_commit(engine->store, NULL));
    g_autoptr(StoreRepo) repo = repo_of(engine);
    g_clear_pointer(&repo->catalogue_sha256, g_free);
    g_assert_true(store_repo_put(engine->store, repo, NULL));
    g_autoptr(GError) error = NULL;
    g_assert_false(engine_refresh(engine, FALSE, &error));
    g_assert_true(g_str_has_prefix(error->message, "refresh qnap: "));
}

static void test_a_new_catalogue_replaces_the_old_one(void)
{
    g_auto(Vendor) vendor = {0};
    vendor_init(&vendor);
    vendor_add(&vendor, "Old", "1.0", "");
    vendor_publish(&vendor);
    g_autoptr(Engine) engine = vendor_engine(&vendor);
    vendor_refresh(engine);
    vendor_forget(&vendor);
    vendor_add(&vendor, "New", "1.0", "");
    vendor_publish(&vendor);
    vendor_refresh(engine);
    g_assert_cmpuint(n_releases(engine, "Old"), ==, 0);
    g_assert_cmpuint(n_releases(engine, "New"), ==, 1);
}

static void test_brake_and_advisories_come_in(void)
{
    g_auto(Vendor) vendor = {0};
    vendor_init(&vendor);
    vendor.brake =
        "{\"name\":\"A\",\"version\":\"1.0\",\"arch\":null,\"action\":\"halt\",\"go_back_to\":null,"
        "\"reason\":\"crashes\",\"at\":\"2030-03-01T00:00:00Z\"}";
    vendor_publish(&vendor);
    g_autoptr(Engine) engine = vendor_engine(&vendor);
    vendor_refresh(engine);
    g_autoptr(StoreRepo) repo = repo_of(engine);
    g_assert_nonnull(strstr(repo->brake_json, "crashes"));
    g_assert_null(repo->advisories);
    vendor.brake = NULL;
    vendor_publish(&vendor);
    vendor_refresh(engine);
    g_autoptr(StoreRepo) later = repo_of(engine);
    g_assert_null(later->brake_json);
}

static void test_a_publisher_speaks_for_its_apps(void)
{
    g_auto(Vendor) vendor = {0};
    vendor_init(&vendor);
    vendor.has_acme = TRUE;
    vendor_add(&vendor, "PhotoStation", "6.1.2", "");
    vendor_add_acme(&vendor, "AcmeMedia", "1.0");
    vendor_publish(&vendor);
    g_autoptr(Engine) engine = vendor_engine(&vendor);
    vendor_refresh(engine);
    g_autoptr(GPtrArray) releases = store_catalogue_app(engine->store, "AcmeMedia", NULL);
    g_assert_cmpuint(releases->len, ==, 1);
    g_assert_cmpstr(((Release *)g_ptr_array_index(releases, 0))->publisher, ==, "acme");
}

static void test_a_publisher_that_speaks_for_others_is_refused_alone(void)
{
    g_auto(Vendor) vendor = {0};
    vendor_init(&vendor);
    vendor.has_acme = TRUE;
    vendor_add(&vendor, "PhotoStation", "6.1.2", "");
    vendor_add_acme(&vendor, "PhotoStation", "9.0");
    vendor_publish(&vendor);
    g_autoptr(Engine) engine = vendor_engine(&vendor);
    refresh_fails(engine, APPCENTER_ERROR_UNTRUSTED, "acme may not speak for PhotoStation");
    g_assert_cmpuint(n_releases(engine, "PhotoStation"), ==, 1);
    g_autoptr(StoreRepo) repo = repo_of(engine);
    g_assert_cmpstr(repo->error_code, ==, "untrusted");
    g_assert_cmpuint(repo->n_failures, ==, 0); /* the repository itself is well */
}

static void test_only_the_releases_role_gives_the_vendors_catalogue(void)
{
    g_auto(Vendor) vendor = {0};
    vendor_init(&vendor);
    vendor.acme_vouches_for_all = TRUE;
    vendor_add(&vendor, "PhotoStation", "6.1.2", "");
    vendor_publish(&vendor);
    g_autoptr(Engine) engine = vendor_engine(&vendor);
    refresh_fails(engine, APPCENTER_ERROR_UNTRUSTED, "wanted role releases to vouch for it, found acme");
    g_assert_cmpuint(n_releases(engine, "PhotoStation"), ==, 0);
}

static void test_a_swapped_catalogue_is_refused_and_the_old_stays(void)
{
    g_auto(Vendor) vendor = {0};
    vendor_init(&vendor);
    vendor_add(&vendor, "PhotoStation", "6.1.2", "");
    vendor_publish(&vendor);
    g_autoptr(Engine) engine = vendor_engine(&vendor);
    vendor_refresh(engine);
    vendor_add(&vendor, "PhotoStation", "6.1.3", "");
    vendor.swaps_catalogue = TRUE;
    vendor_publish(&vendor);
    refresh_fails(engine, APPCENTER_ERROR_UNTRUSTED, "catalogue/vendor.jsonl.zst");
    g_assert_cmpuint(n_releases(engine, "PhotoStation"), ==, 1);
    g_autoptr(StoreRepo) repo = repo_of(engine);
    g_assert_cmpuint(repo->n_failures, ==, 1);
}

static void test_a_catalogue_longer_than_signed_is_refused(void)
{
    g_auto(Vendor) vendor = {0};
    vendor_init(&vendor);
    vendor.lies_about_length = TRUE;
    vendor_add(&vendor, "PhotoStation", "6.1.2", "");
    vendor_publish(&vendor);
    g_autoptr(Engine) engine = vendor_engine(&vendor);
    g_autoptr(GError) error = NULL;
    g_assert_false(engine_refresh(engine, FALSE, &error));
    g_assert_nonnull(strstr(error->message, "catalogue/vendor.jsonl.zst"));
    g_assert_cmpuint(n_releases(engine, "PhotoStation"), ==, 0);
}

static void test_expired_metadata_is_recorded_with_the_repository(void)
{
    g_auto(Vendor) vendor = {0};
    vendor_init(&vendor);
    vendor_add(&vendor, "PhotoStation", "6.1.2", "");
    vendor_publish(&vendor);
    vendor.now += 2 * 86400;
    g_autoptr(Engine) engine = vendor_engine(&vendor);
    refresh_fails(engine, APPCENTER_ERROR_EXPIRED, "timestamp");
    g_autoptr(StoreRepo) repo = repo_of(engine);
    g_assert_cmpstr(repo->error_code, ==, "expired");
    g_assert_cmpuint(repo->n_failures, ==, 1);
    g_assert_cmpint(repo->last_success_at, ==, 0);
}

static void test_a_clock_that_is_behind_is_lifted_to_the_signed_time(void)
{
    g_auto(Vendor) vendor = {0};
    vendor_init(&vendor);
    vendor_publish(&vendor);
    vendor.now -= 40000;
    g_autoptr(Engine) engine = vendor_engine(&vendor);
    g_assert_cmpint(engine_now(engine), <, NOW);
    vendor_refresh(engine);
    g_assert_cmpint(engine_now(engine), >=, NOW);
}

static void test_a_young_timestamp_is_not_asked_for_again(void)
{
    g_auto(Vendor) vendor = {0};
    g_autoptr(GError) error = NULL;
    vendor_init(&vendor);
    vendor_add(&vendor, "A", "1.0", "");
    vendor_publish(&vendor);
    {
        g_autoptr(Engine) engine = vendor_engine(&vendor);
        vendor_refresh(engine);
        vendor_add(&vendor, "B", "1.0", "");
        vendor_publish(&vendor);
        g_assert_true(engine_refresh_if_older(engine, 600, &error));
        g_assert_cmpuint(n_releases(engine, "B"), ==, 0);
    }
    vendor.now += 601;
    g_autoptr(Engine) later = vendor_engine(&vendor);
    g_assert_true(engine_refresh_if_older(later, 600, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(n_releases(later, "B"), ==, 1);
}

/* Who asked for peace has it from the clock, but not from an admin. */
static void test_the_clock_leaves_in_peace_who_asked_for_it(void)
{
    g_auto(Vendor) vendor = {0};
    g_autoptr(GError) error = NULL;
    vendor_init(&vendor);
    vendor_add(&vendor, "A", "1.0", "");
    vendor_publish(&vendor);
    g_autoptr(Engine) engine = vendor_engine(&vendor);
    g_autoptr(StoreRepo) repo = repo_of(engine);
    repo->retry_after_at = NOW + 5000;
    g_assert_true(store_repo_put(engine->store, repo, &error));
    g_assert_true(engine_refresh_by_clock(engine, &error));
    g_assert_cmpuint(n_releases(engine, "A"), ==, 0);
    vendor_refresh(engine);
    g_assert_cmpuint(n_releases(engine, "A"), ==, 1);
    vendor_add(&vendor, "B", "1.0", "");
    vendor_publish(&vendor);
    g_assert_true(engine_refresh_by_clock(engine, &error)); /* it answered: peace is over */
    g_assert_no_error(error);
    g_assert_cmpuint(n_releases(engine, "B"), ==, 1);
}

/* Half a download is kept for the next job, and for a month. */
static void test_downloads_that_nobody_came_for_go_after_a_month(void)
{
    static const struct {
        const char *name;
        gint64 age_s;
        gboolean is_kept;
    } cases[] = {{"new.qpkg.part", 0, TRUE},           {"month.qpkg.part", 29 * 86400, TRUE},
                 {"old.qpkg.part", 31 * 86400, FALSE}, {"old.qpkg.part.tag", 31 * 86400, FALSE},
                 {"old.qpkg", 31 * 86400, FALSE},      {"local-new.qpkg", 0, FALSE}};
    g_auto(Vendor) vendor = {0};
    vendor_init(&vendor);
    vendor_publish(&vendor);
    g_autofree char *folder = g_build_filename(vendor.root, "var/cache/appcenter/packages", NULL);
    g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_build_filename(folder, cases[i].name, NULL);
        struct utimbuf times = {.actime = NOW, .modtime = NOW - cases[i].age_s};
        g_assert_true(g_file_set_contents(path, "x", 1, NULL));
        g_assert_cmpint(utime(path, &times), ==, 0);
    }
    engine_close(vendor_engine(&vendor)); /* tidies up as it opens */
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_build_filename(folder, cases[i].name, NULL);
        g_test_message("%s", cases[i].name);
        g_assert_cmpint(g_file_test(path, G_FILE_TEST_EXISTS), ==, cases[i].is_kept);
    }
}

static void test_a_bad_configuration_leaves_the_last_good_one(void)
{
    g_auto(Vendor) vendor = {0};
    vendor_init(&vendor);
    vendor_configure(&vendor, "security = download");
    engine_close(vendor_engine(&vendor));
    vendor_configure(&vendor, "security = maybe");
    g_autoptr(Engine) engine = vendor_engine(&vendor);
    g_assert_cmpint(settings_values(engine_settings(engine))->security, ==, CONSENT_DOWNLOAD);
}

/* formats.md: SHA-256("appcenter-rollout-1" NUL id NUL cohort), first 8 bytes big-endian, mod 10000. */
static void test_the_cohort_follows_the_format(void)
{
    g_auto(Vendor) vendor = {0};
    vendor_init(&vendor);
    g_autoptr(Engine) engine = vendor_engine(&vendor);
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(checksum, (const guchar *)"appcenter-rollout-1\0r-118\0test", 30);
    guint8 digest[32];
    gsize len = sizeof digest;
    g_checksum_get_digest(checksum, digest, &len);
    guint64 number = 0;
    for (guint i = 0; i < 8; i++)
        number = number << 8 | digest[i];
    Rollout rollout = {.id = (char *)"r-118"};
    g_assert_cmpuint(engine_permyriad(engine, &rollout), ==, (guint)(number % 10000));
}

void refresh_tests(void)
{
    g_test_add_func("/refresh/a_catalogue_comes_in", test_a_catalogue_comes_in);
    g_test_add_func("/refresh/an_unchanged_catalogue_is_not_fetched_again",
                    test_an_unchanged_catalogue_is_not_fetched_again);
    g_test_add_func("/refresh/a_new_catalogue_replaces_the_old_one",
                    test_a_new_catalogue_replaces_the_old_one);
    g_test_add_func("/refresh/brake_and_advisories_come_in", test_brake_and_advisories_come_in);
    g_test_add_func("/refresh/a_publisher_speaks_for_its_apps", test_a_publisher_speaks_for_its_apps);
    g_test_add_func("/refresh/a_publisher_that_speaks_for_others_is_refused_alone",
                    test_a_publisher_that_speaks_for_others_is_refused_alone);
    g_test_add_func("/refresh/only_the_releases_role_gives_the_vendors_catalogue",
                    test_only_the_releases_role_gives_the_vendors_catalogue);
    g_test_add_func("/refresh/a_swapped_catalogue_is_refused_and_the_old_stays",
                    test_a_swapped_catalogue_is_refused_and_the_old_stays);
    g_test_add_func("/refresh/a_catalogue_longer_than_signed_is_refused",
                    test_a_catalogue_longer_than_signed_is_refused);
    g_test_add_func("/refresh/expired_metadata_is_recorded_with_the_repository",
                    test_expired_metadata_is_recorded_with_the_repository);
    g_test_add_func("/refresh/a_clock_that_is_behind_is_lifted_to_the_signed_time",
                    test_a_clock_that_is_behind_is_lifted_to_the_signed_time);
    g_test_add_func("/refresh/a_young_timestamp_is_not_asked_for_again",
                    test_a_young_timestamp_is_not_asked_for_again);
    g_test_add_func("/refresh/the_clock_leaves_in_peace_who_asked_for_it",
                    test_the_clock_leaves_in_peace_who_asked_for_it);
    g_test_add_func("/refresh/downloads_that_nobody_came_for_go_after_a_month",
                    test_downloads_that_nobody_came_for_go_after_a_month);
    g_test_add_func("/refresh/a_bad_configuration_leaves_the_last_good_one",
                    test_a_bad_configuration_leaves_the_last_good_one);
    g_test_add_func("/refresh/the_cohort_follows_the_format", test_the_cohort_follows_the_format);
}
