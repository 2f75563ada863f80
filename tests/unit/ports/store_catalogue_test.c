/* store_catalogue_test.c - the catalogue cache: import, closure, search, and that nothing odd about it is ever fatal. */
#include "store_tests.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static void import(Store *store, const char *const (*releases)[3], gsize n)
{
    must(store_catalogue_begin(store, "main", OR_FAIL));
    for (gsize i = 0; i < n; i++) {
        g_autoptr(Release) release = make_release(releases[i][0], releases[i][1], releases[i][2]);
        must(store_catalogue_add(store, release, OR_FAIL));
    }
    must(store_catalogue_commit(store, OR_FAIL));
}

/* "One-1.0 One-2.0" */
static char *names_of(GPtrArray *releases)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < releases->len; i++) {
        const Release *release = g_ptr_array_index(releases, i);
        g_string_append_printf(text, "%s%s-%s", i > 0 ? " " : "", release->name, release->version);
    }
    return g_string_free(text, FALSE);
}

static char *releases_of(Store *store, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) releases = store_catalogue_app(store, name, &error);
    g_assert_no_error(error);
    return names_of(releases);
}

static void test_releases_come_back_in_version_order(void)
{
    static const char *const table[][3] = {{"One", "1.10", ""}, {"One", "1.9", ""}, {"One", "1.9rc1", ""}};
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    import(store, table, G_N_ELEMENTS(table));
    g_autofree char *names = releases_of(store, "One");
    g_assert_cmpstr(names, ==, "One-1.9rc1 One-1.9 One-1.10");
    g_autoptr(GPtrArray) releases = store_catalogue_app(store, "One", NULL);
    const Release *first = g_ptr_array_index(releases, 0);
    g_assert_cmpstr(first->repository, ==, "main");
    g_assert_cmpstr(first->publisher, ==, "vendor");
    g_assert_cmpint(first->installed_bytes, ==, 200);
}

static void test_an_import_replaces_the_one_before(void)
{
    static const char *const before[][3] = {{"One", "1.0", ""}, {"Two", "1.0", "\"requires\":[\"Three\"]"}};
    static const char *const after[][3] = {{"One", "2.0", ""}};
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    import(store, before, G_N_ELEMENTS(before));
    import(store, after, G_N_ELEMENTS(after));
    g_autofree char *one = releases_of(store, "One");
    g_autofree char *two = releases_of(store, "Two");
    g_assert_cmpstr(one, ==, "One-2.0");
    g_assert_cmpstr(two, ==, "");
}

static void test_a_broken_off_import_leaves_the_old_releases(void)
{
    static const char *const before[][3] = {{"One", "1.0", ""}};
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    import(store, before, G_N_ELEMENTS(before));
    must(store_catalogue_begin(store, "main", OR_FAIL));
    store_catalogue_rollback(store);
    g_autofree char *one = releases_of(store, "One");
    g_assert_cmpstr(one, ==, "One-1.0");
}

static void test_a_closure_follows_what_can_be_part_of_a_plan(void)
{
    static const char *const table[][3] = {
        {"Needs", "1.0", "\"requires\":[\"Lib >= 2 | Other\"]"},
        {"Lib", "2.0", "\"requires\":[\"Deep\"]"},
        {"Other", "1.0", ""},
        {"Deep", "1.0", "\"requires\":[\"Virtual\"]"},
        {"Maker", "1.0", "\"provides\":[\"Virtual\"],\"conflicts\":[\"Foe < 3\"]"},
        {"Foe", "1.0", ""},
        {"Heir", "1.0", "\"obsoletes\":[\"Foe\"]"},
        {"Loop", "1.0", "\"requires\":[\"Loop\"]"},
        {"Stranger", "1.0", "\"requires\":[\"Needs\"],\"conflicts\":[\"Lib\"]"},
    };
    static const struct {
        const char *name;
        const char *wanted;
    } cases[] = {
        {"Needs", "Deep-1.0 Lib-2.0 Maker-1.0 Needs-1.0 Other-1.0"}, /* a conflict leads nowhere */
        {"Other", "Other-1.0"},
        {"Foe", "Foe-1.0"}, /* not installed: nobody replaces it */
        {"Virtual", "Maker-1.0"},
        {"Loop", "Loop-1.0"},
        {"Absent", ""},
    };
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    import(store, table, G_N_ELEMENTS(table));
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *names[] = {cases[i].name, NULL};
        CatalogueReach reach = {.asked = names};
        g_autoptr(GPtrArray) releases = store_catalogue_closure(store, &reach, NULL);
        g_autofree char *found = names_of(releases);
        g_assert_cmpstr(found, ==, cases[i].wanted);
    }
    const char *two[] = {"Other", "Loop", NULL};
    CatalogueReach reach = {.asked = two};
    g_autoptr(GPtrArray) releases = store_catalogue_closure(store, &reach, NULL);
    g_autofree char *found = names_of(releases);
    g_assert_cmpstr(found, ==, "Loop-1.0 Other-1.0");
}

/* "Name=version", "Name=version:requirement" */
static GPtrArray *make_installed(const char *const *apps)
{
    GPtrArray *installed = g_ptr_array_new_with_free_func((GDestroyNotify)installed_app_free);
    for (gsize i = 0; apps[i]; i++) {
        g_auto(GStrv) parts = g_strsplit_set(apps[i], "=:", 3);
        InstalledApp *app = g_new0(InstalledApp, 1);
        app->name = g_strdup(parts[0]);
        app->version = g_strdup(parts[1]);
        app->requires = g_strsplit(parts[2] ? parts[2] : "", ",", -1);
        g_ptr_array_add(installed, app);
    }
    return installed;
}

static void test_a_closure_ends_at_what_stays_as_it_is(void)
{
    static const char *const table[][3] = {
        {"App", "1.0", "\"requires\":[\"Lib\"]"},
        {"App", "2.0", "\"requires\":[\"Lib >= 2 | Spare\",\"Base\"]"},
        {"Base", "1.0", "\"requires\":[\"Deep\"]"},
        {"Deep", "1.0", ""},
        {"Lib", "2.0", ""},
        {"Lib", "3.0", "\"requires\":[\"Deep\"]"},
        {"Spare", "1.0", ""},
        {"Maker", "1.0", "\"provides\":[\"Virtual\"]"},
        {"Heir", "1.0", "\"obsoletes\":[\"Base\"]"},
    };
    static const struct {
        const char *installed[4], *asked[2], *wanted;
    } cases[] = {
        /* installed releases, older ones, and what they require are left unread */
        {{"App=2.0:Base", "Base=2.0", NULL}, {NULL}, "Heir-1.0"},
        {{"Deep=1.0", "Lib=3.0", NULL}, {NULL}, ""},
        /* a newer one is followed, but not behind what meets it now and later */
        {{"App=1.0", "Lib=2.0", "Deep=1.0", NULL}, {NULL}, "App-2.0 Base-1.0 Lib-3.0"},
        {{"App=1.0", "Lib=1.0", "Deep=1.0", NULL}, {NULL}, "App-2.0 Base-1.0 Lib-2.0 Lib-3.0 Spare-1.0"},
        /* what an installed app requires may need something new once its bearer moves */
        {{"Old=1:Lib < 3 | Spare", "Lib=2.0", "Deep=1.0", NULL}, {NULL}, "Lib-3.0 Spare-1.0"},
        {{"Old=1:Lib < 4 | Spare", "Lib=2.0", "Deep=1.0", NULL}, {NULL}, "Lib-3.0"},
        /* who is asked for may go back: then nothing rests on it */
        {{"Old=1:Lib >= 3 | Spare", "Lib=3.0", "Deep=1.0", NULL}, {"Lib"}, "Lib-2.0 Lib-3.0 Spare-1.0"},
        /* who may be replaced holds nobody up */
        {{"Old=1:Base | Spare", "Base=1.0", NULL}, {NULL}, "Heir-1.0 Spare-1.0"},
        /* an installed release that provides something is read */
        {{"Maker=1.0", NULL}, {NULL}, "Maker-1.0"},
    };
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    import(store, table, G_N_ELEMENTS(table));
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GPtrArray) installed = make_installed(cases[i].installed);
        CatalogueReach reach = {.installed = installed, .asked = cases[i].asked};
        g_autoptr(GPtrArray) releases = store_catalogue_closure(store, &reach, NULL);
        g_autofree char *found = names_of(releases);
        g_assert_cmpstr(found, ==, cases[i].wanted);
    }
}

static void test_a_search_looks_at_names_and_summaries(void)
{
    static const char *const table[][3] = {
        {"PhotoStation", "1.0",
         "\"summary\":{\"en\":\"Gallery for pictures\",\"de\":\"Zeigt \xc3\x84lbum\"}"},
        {"PhotoStation", "2.0", ""},
        {"MusicStation", "1.0", "\"summary\":{\"en\":\"Plays 100% of songs\"}"},
    };
    static const struct {
        const char *word;
        const char *wanted;
    } cases[] = {
        {"photo", "PhotoStation-2.0"},
        {"STATION", "MusicStation-1.0 PhotoStation-2.0"},
        {"gallery", "PhotoStation-2.0"},
        {"\xc3\xa4lbum", "PhotoStation-2.0"},
        {"%", "MusicStation-1.0"},
        {"nothing", ""},
        {"", "MusicStation-1.0 PhotoStation-2.0"},
    };
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    import(store, table, G_N_ELEMENTS(table));
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GPtrArray) releases = store_catalogue_search(store, cases[i].word, 10, NULL);
        g_autofree char *found = names_of(releases);
        g_assert_cmpstr(found, ==, cases[i].wanted);
    }
    g_autoptr(GPtrArray) one = store_catalogue_search(store, "station", 1, NULL);
    g_assert_cmpuint(one->len, ==, 1);
}

static void test_a_header_is_kept_for_each_publisher(void)
{
    static const char line[] = "{\"format\":1,\"publisher\":\"vendor\",\"serial\":42,\"releases\":0,"
                               "\"published\":\"2026-11-22T09:00:00Z\",\"publishers\":{\"acme\":{\"apps\":"
                               "[\"AcmeMedia\"],\"ca_sha256\":"
                               "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}}}";
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) json = json_parse_strict(line, strlen(line), 16, TRUE, &error);
    g_autoptr(CatalogueHeader) header = catalogue_header_from_json(json, "test", &error);
    g_assert_no_error(error);
    must(store_catalogue_begin(store, "main", OR_FAIL));
    must(store_catalogue_add_header(store, "main", header, OR_FAIL));
    must(store_catalogue_commit(store, OR_FAIL));
    g_autoptr(CatalogueHeader) read = store_catalogue_header(store, "main", "vendor", &error);
    g_assert_no_error(error);
    g_assert_cmpint(read->serial, ==, 42);
    g_assert_cmpstr(catalogue_header_publisher(read, "acme")->apps[0], ==, "AcmeMedia");
    g_assert_null(store_catalogue_header(store, "main", "acme", &error));
    g_assert_no_error(error);
}

/* --- nothing odd is fatal --- */

static void remember_import(Store *store)
{
    static const char *const table[][3] = {{"One", "1.0", ""}};
    g_autoptr(StoreRepo) repo = store_repo_get(store, "main", NULL);
    g_free(repo->catalogue_sha256);
    repo->catalogue_sha256 = g_strdup("abc");
    g_free(repo->timestamp_etag);
    repo->timestamp_etag = g_strdup("e");
    must(store_repo_put(store, repo, OR_FAIL));
    import(store, table, G_N_ELEMENTS(table));
}

static void expect_forgotten(Store *store)
{
    g_autofree char *one = releases_of(store, "One");
    g_assert_cmpstr(one, ==, "");
    g_autoptr(StoreRepo) repo = store_repo_get(store, "main", NULL);
    g_assert_null(repo->catalogue_sha256);
    g_assert_null(repo->timestamp_etag);
    remember_import(store);
    g_autofree char *again = releases_of(store, "One");
    g_assert_cmpstr(again, ==, "One-1.0");
}

static void test_a_sound_cache_is_kept(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) first = open_store(&scratch);
    remember_import(first);
    store_close(g_steal_pointer(&first));
    g_autoptr(Store) store = open_store(&scratch);
    g_autofree char *one = releases_of(store, "One");
    g_assert_cmpstr(one, ==, "One-1.0");
    g_autoptr(StoreRepo) repo = store_repo_get(store, "main", NULL);
    g_assert_cmpstr(repo->catalogue_sha256, ==, "abc");
}

static void spoil_by_garbage(const Scratch *scratch)
{
    g_autofree char *text = g_strnfill(9000, 'x');
    g_autofree char *path = scratch_path(scratch, STORE_CACHE_DIR "/catalogue.db");
    scratch_write(scratch, STORE_CACHE_DIR "/catalogue.db", text);
    g_assert_cmpint(g_chmod(path, 0600), ==, 0);
}

static void spoil_by_sql(const Scratch *scratch, const char *sql)
{
    sqlite3 *handle = NULL;
    g_autofree char *path = scratch_path(scratch, STORE_CACHE_DIR "/catalogue.db");
    g_assert_cmpint(sqlite3_open(path, &handle), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_exec(handle, sql, NULL, NULL, NULL), ==, SQLITE_OK);
    sqlite3_close(handle);
}

static void spoil_by_another_schema(const Scratch *scratch)
{
    spoil_by_sql(scratch, "PRAGMA user_version = 9");
}

static void spoil_by_a_lost_table(const Scratch *scratch)
{
    spoil_by_sql(scratch, "DROP TABLE relation");
}

static void spoil_by_removal(const Scratch *scratch)
{
    g_autofree char *path = scratch_path(scratch, STORE_CACHE_DIR "/catalogue.db");
    g_assert_cmpint(g_unlink(path), ==, 0);
}

static void spoil_by_a_bad_row(const Scratch *scratch)
{
    spoil_by_sql(scratch, "UPDATE release SET json = '{}'");
}

/* A digit of a release's digest: still a release, and not the one that was imported. */
static void spoil_by_a_flipped_byte(const Scratch *scratch)
{
    g_autofree char *path = scratch_path(scratch, STORE_CACHE_DIR "/catalogue.db");
    g_autofree char *bytes = NULL;
    gsize len = 0, n_flipped = 0;
    g_assert_true(g_file_get_contents(path, &bytes, &len, NULL));
    for (gsize i = 0; i + 20 < len; i++)
        if (memcmp(bytes + i, "\"sha256\": \"", 11) == 0 || memcmp(bytes + i, "\"sha256\":\"", 10) == 0) {
            bytes[i + 15] = bytes[i + 15] == '0' ? '1' : '0';
            n_flipped++;
        }
    g_assert_cmpuint(n_flipped, >, 0);
    g_assert_cmpint(g_chmod(path, 0600), ==, 0);
    FILE *file = fopen(path, "r+");
    g_assert_nonnull(file);
    g_assert_cmpuint(fwrite(bytes, 1, len, file), ==, len);
    g_assert_cmpint(fclose(file), ==, 0);
}

static void spoil_by_truncation(const Scratch *scratch)
{
    g_autofree char *path = scratch_path(scratch, STORE_CACHE_DIR "/catalogue.db");
    g_assert_cmpint(truncate(path, 5000), ==, 0);
}

static void spoil_by_its_mode(const Scratch *scratch)
{
    g_autofree char *path = scratch_path(scratch, STORE_CACHE_DIR "/catalogue.db");
    g_assert_cmpint(g_chmod(path, 0644), ==, 0);
}

static void spoil_by_its_owner(const Scratch *scratch)
{
    g_autofree char *path = scratch_path(scratch, STORE_CACHE_DIR "/catalogue.db");
    if (geteuid() == 0)
        g_assert_cmpint(chown(path, 65534, 65534), ==, 0);
    else
        spoil_by_its_mode(scratch); /* only root can give a file away */
}

static void spoil_by_a_second_name(const Scratch *scratch)
{
    g_autofree char *path = scratch_path(scratch, STORE_CACHE_DIR "/catalogue.db");
    g_autofree char *other = g_strconcat(path, ".other", NULL);
    g_unlink(other);
    g_assert_cmpint(link(path, other), ==, 0);
}

static void spoil_by_a_link(const Scratch *scratch)
{
    g_autofree char *path = scratch_path(scratch, STORE_CACHE_DIR "/catalogue.db");
    g_autofree char *moved = g_strconcat(path, ".moved", NULL);
    g_assert_cmpint(g_rename(path, moved), ==, 0);
    g_assert_cmpint(symlink(moved, path), ==, 0);
}

static void test_an_odd_cache_is_made_anew(void)
{
    static void (*const spoilers[])(const Scratch *) = {
        spoil_by_garbage,   spoil_by_another_schema, spoil_by_a_lost_table, spoil_by_removal,
        spoil_by_a_bad_row, spoil_by_a_flipped_byte, spoil_by_truncation,   spoil_by_its_mode,
        spoil_by_its_owner, spoil_by_a_second_name,  spoil_by_a_link};
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    for (gsize i = 0; i < G_N_ELEMENTS(spoilers); i++) {
        g_autoptr(Store) first = open_store(&scratch);
        remember_import(first);
        store_close(g_steal_pointer(&first));
        spoilers[i](&scratch);
        g_autoptr(Store) store = open_store(&scratch);
        expect_forgotten(store);
    }
}

static void test_a_cache_of_another_catalogue_is_made_anew(void)
{
    static const char *const table[][3] = {{"One", "1.0", ""}};
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    remember_import(store);
    must(store_catalogue_begin(store, "main", OR_FAIL));
    must(store_catalogue_name_source(store, "main", "abc", OR_FAIL));
    must(store_catalogue_commit(store, OR_FAIL));
    import(store, table, G_N_ELEMENTS(table)); /* clears the source with the releases */
    g_assert_true(store_catalogue_is_of(store, "main", NULL));
    must(store_catalogue_begin(store, "main", OR_FAIL));
    must(store_catalogue_name_source(store, "main", "abc", OR_FAIL));
    must(store_catalogue_commit(store, OR_FAIL));
    g_assert_true(store_catalogue_is_of(store, "main", "abc"));
    g_assert_true(store_catalogue_is_of(store, "other", NULL));
    remember_import(store);
    g_assert_false(store_catalogue_is_of(store, "main", "abd"));
    expect_forgotten(store);
}

static void test_a_new_file_of_another_process_is_seen(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) daemon = open_store(&scratch);
    remember_import(daemon);
    spoil_by_removal(&scratch);
    g_autoptr(Store) job = open_store(&scratch);
    expect_forgotten(job);
    static const char *const table[][3] = {{"One", "3.0", ""}};
    import(job, table, G_N_ELEMENTS(table));
    g_autofree char *one = releases_of(daemon, "One");
    g_assert_cmpstr(one, ==, "One-3.0");
}

static void test_without_a_cache_directory_it_lives_in_memory(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    scratch_write(&scratch, STORE_CACHE_DIR, "a file where the directory should be");
    g_autoptr(Store) store = open_store(&scratch);
    remember_import(store);
    g_autofree char *one = releases_of(store, "One");
    g_assert_cmpstr(one, ==, "One-1.0");
}

void store_catalogue_tests(void)
{
    g_test_add_func("/store_catalogue/releases_come_back_in_version_order",
                    test_releases_come_back_in_version_order);
    g_test_add_func("/store_catalogue/an_import_replaces_the_one_before",
                    test_an_import_replaces_the_one_before);
    g_test_add_func("/store_catalogue/a_broken_off_import_leaves_the_old_releases",
                    test_a_broken_off_import_leaves_the_old_releases);
    g_test_add_func("/store_catalogue/a_closure_follows_what_can_be_part_of_a_plan",
                    test_a_closure_follows_what_can_be_part_of_a_plan);
    g_test_add_func("/store_catalogue/a_closure_ends_at_what_stays_as_it_is",
                    test_a_closure_ends_at_what_stays_as_it_is);
    g_test_add_func("/store_catalogue/a_search_looks_at_names_and_summaries",
                    test_a_search_looks_at_names_and_summaries);
    g_test_add_func("/store_catalogue/a_header_is_kept_for_each_publisher",
                    test_a_header_is_kept_for_each_publisher);
    g_test_add_func("/store_catalogue/a_sound_cache_is_kept", test_a_sound_cache_is_kept);
    g_test_add_func("/store_catalogue/an_odd_cache_is_made_anew", test_an_odd_cache_is_made_anew);
    g_test_add_func("/store_catalogue/a_cache_of_another_catalogue_is_made_anew",
                    test_a_cache_of_another_catalogue_is_made_anew);
    g_test_add_func("/store_catalogue/a_new_file_of_another_process_is_seen",
                    test_a_new_file_of_another_process_is_seen);
    g_test_add_func("/store_catalogue/without_a_cache_directory_it_lives_in_memory",
                    test_without_a_cache_directory_it_lives_in_memory);
}
