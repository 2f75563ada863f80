/* main.c - unit tests of room vendor: what is pure or needs one folder. The verbs together are whole_test.c's. */
#include <string.h>

#include "vendor/commands.h"
#include "vendor/curve.h"
#include "vendor/metadata.h"
#include "vendor/publish.h"
#include "whole_test.h"

static void a_curve_rises_in_time_and_share(void)
{
    const struct {
        const char *text, *curve; /* curve NULL: refused */
    } rows[] = {
        {"0m:100%", "[[0,10000]]"},
        {"0m:1%,15m:20%,45m:100%", "[[0,100],[900,2000],[2700,10000]]"},
        {"0h:0.5%,1d:0.5%", "[[0,50],[86400,50]]"},
        {"15m:20%,0m:1%", NULL},
        {"0m:20%,15m:10%", NULL},
        {"0m:20%,0m:30%", NULL},
        {"0m:101%", NULL},
        {"0m:-1%", NULL},
        {"0m:20", NULL},
        {"0m:0x9%", NULL},
        {"0m:1e1%", NULL},
        {"0m:1.2.3%", NULL},
        {"0m:20%,", NULL},
        {"0m:20%,,1h:100%", NULL},
        {"20%", NULL},
        {"", NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(json_t) rollout = curve_to_rollout(rows[i].text, &error);
        g_test_message("%s", rows[i].text);
        g_assert_cmpint(rollout != NULL, ==, rows[i].curve != NULL);
        if (!rollout) {
            g_assert_cmpint(error_kind(error), ==, APPCENTER_ERROR_INVALID);
            continue;
        }
        g_autofree char *curve = json_to_text(json_object_get(rollout, "curve"));
        g_assert_cmpstr(curve, ==, rows[i].curve);
        g_assert_true(g_str_has_prefix(json_string_value(json_object_get(rollout, "id")), "r-"));
    }
}

static void an_app_may_be_named_with_its_version(void)
{
    const struct {
        const char *word, *name, *version;
    } rows[] = {
        {"PhotoStation", "PhotoStation", NULL},
        {"PhotoStation=6.1.2", "PhotoStation", "6.1.2"},
        {"../x=1", NULL, NULL},
        {"PhotoStation=", NULL, NULL},
        {"=1", NULL, NULL},
        {"", NULL, NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *name = NULL, *version = NULL;
        gboolean is_good = parse_app_version(rows[i].word, &name, &version, &error);
        g_assert_cmpint(is_good, ==, rows[i].name != NULL);
        g_assert_cmpstr(name, ==, rows[i].name);
        g_assert_cmpstr(version, ==, rows[i].version);
    }
}

static void what_is_immutable_never_changes(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_dir_make_tmp("appcenter-vendor-XXXXXX", NULL);
    g_autoptr(Repo) repo = repo_create(folder, &error);
    g_assert_no_error(error);
    g_assert_true(repo_put_immutable(repo, "/public/targets/a/1.x", "one", 3, &error));
    g_assert_true(repo_put_immutable(repo, "/public/targets/a/1.x", "one", 3, &error));
    static const char *const others[] = {"two", "on", "ones", ""};
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
        g_assert_false(
            repo_put_immutable(repo, "/public/targets/a/1.x", others[i], strlen(others[i]), &error));
        g_assert_cmpint(error_kind(error), ==, APPCENTER_ERROR_REFUSED);
        g_clear_error(&error);
    }
    g_autoptr(GBytes) content = root_dir_read(repo->dir, "/public/targets/a/1.x", 10, NULL);
    g_assert_cmpmem(g_bytes_get_data(content, NULL), g_bytes_get_size(content), "one", 3);
    g_autofree char *base = g_path_get_basename(folder);
    g_autoptr(RootDir) temp = root_dir_open(g_get_tmp_dir(), NULL);
    g_assert_true(files_remove_tree_at(root_dir_fd(temp), base, NULL));
}

/* A root of two keys with threshold 2 is signed by both or not at all. */
static void nothing_is_signed_below_its_threshold(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GHashTable) keys = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) thresholds = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) two = g_ptr_array_new_with_free_func((GDestroyNotify)private_key_free);
    g_autoptr(GPtrArray) one = g_ptr_array_new();
    for (int i = 0; i < 2; i++)
        g_ptr_array_add(two, private_key_generate(KEY_ED25519, NULL));
    g_ptr_array_add(one, two->pdata[0]);
    static const char *const roles[] = {"root", "targets", "snapshot", "timestamp"};
    for (gsize i = 0; i < G_N_ELEMENTS(roles); i++) {
        g_hash_table_insert(keys, (gpointer)roles[i], two);
        g_hash_table_insert(thresholds, (gpointer)roles[i], GUINT_TO_POINTER(2));
    }
    g_autoptr(json_t) root = metadata_root(1, 1900000000, keys, thresholds);
    g_autoptr(json_t) delegator = json_pack("{s:[], s:O}", "signatures", "signed", root);
    g_autoptr(GBytes) whole = metadata_sign(root, NULL, "root", delegator, two, &error);
    g_assert_no_error(error);
    g_assert_nonnull(whole);
    g_assert_null(metadata_sign(root, NULL, "root", delegator, one, &error));
    g_assert_cmpint(error_kind(error), ==, APPCENTER_ERROR_UNTRUSTED);
    g_assert_nonnull(strstr(error->message, "wanted 2 keys"));
    g_assert_true(metadata_can_sign(delegator, "root", two));
    g_assert_false(metadata_can_sign(delegator, "root", one));
    g_assert_false(metadata_can_sign(delegator, "brake", two));
}

/* Two --keys folders may hold the same key: it counts once and leaves one signature. */
static void a_key_found_twice_signs_once(void)
{
    static const char *const roles[] = {"root", "targets", "snapshot", "timestamp"};
    g_autoptr(PrivateKey) key = private_key_generate(KEY_ED25519, NULL);
    g_autoptr(GPtrArray) doubled = g_ptr_array_new();
    g_autoptr(GHashTable) keys = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) thresholds = g_hash_table_new(g_str_hash, g_str_equal);
    g_ptr_array_add(doubled, key);
    g_ptr_array_add(doubled, key);
    for (gsize i = 0; i < G_N_ELEMENTS(roles); i++) {
        g_hash_table_insert(keys, (gpointer)roles[i], doubled);
        g_hash_table_insert(thresholds, (gpointer)roles[i],
                            GUINT_TO_POINTER(g_str_equal(roles[i], "snapshot") ? 2 : 1));
    }
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) root = metadata_root(1, 1900000000, keys, thresholds);
    json_t *ids = json_object_get(json_object_get(json_object_get(root, "roles"), "timestamp"), "keyids");
    g_assert_true(json_array_remove(ids, 1) == 0 && json_array_size(ids) == 1);
    g_autoptr(json_t) delegator = json_pack("{s:[], s:O}", "signatures", "signed", root);
    g_autoptr(json_t) part = metadata_signed("timestamp", 1, 1900000000);
    json_object_set_new(part, "meta", json_pack("{s:{s:i}}", "snapshot.json", "version", 1));
    g_autoptr(GBytes) bytes = metadata_sign(part, NULL, "timestamp", delegator, doubled, &error);
    g_assert_no_error(error);
    g_autoptr(json_t) metadata =
        json_parse_strict(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), 64, TRUE, NULL);
    g_assert_cmpuint(json_array_size(json_object_get(metadata, "signatures")), ==, 1);
    g_assert_true(metadata_can_sign(delegator, "timestamp", doubled));
    g_assert_false(metadata_can_sign(delegator, "snapshot", doubled)); /* wants two */
}

static json_t *release_object(const char *name, const char *version, json_t *published)
{
    g_autofree char *sha256 = g_strnfill(64, 'a');
    g_autofree char *path = g_strdup_printf("packages/%s.%s_%s_all.qpkg", sha256, name, version);
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:i, s:i, s:[], s:[], s:[], s:[], s:n, s:n, s:n, s:o, "
        "s:{s:s, s:n, s:i, s:n, s:[]}, s:{s:s, s:n, s:[[i, i]]}, s:n}",
        "name", name, "version", version, "arch", "all", "path", path, "size", 1000, "sha256", sha256,
        "data_sha256", sha256, "installed_size", 10, "files", 1, "requires", "conflicts", "provides",
        "obsoletes", "os_min", "os_max", "summary", "published", published, "urgency", "class", "critical",
        "urgent_at", "install_within_s", 3600, "reason", "advisories", "rollout", "id", "r-1", "start",
        "curve", 0, 10000, "changes");
}

static void the_catalogue_is_sorted_and_its_times_are_filled(void)
{
    static const char *const order[] = {"A 1.0", "B 1.9", "B 1.10"};
    g_autoptr(GError) error = NULL;
    g_autofree char *sha256 = g_strnfill(64, 'b');
    g_autoptr(json_t) world =
        json_pack("{s:s, s:i, s:s, s:s, s:[o, o, o]}", "publisher", "vendor", "serial", 7, "ca_sha256",
                  sha256, "ca_pem", "PEM", "releases", release_object("B", "1.10", json_null()),
                  release_object("B", "1.9", json_string("2020-01-01T00:00:00Z")),
                  release_object("A", "1.0", json_null()));
    Repo repo = {NULL, -1, world};
    g_autoptr(GBytes) catalogue = publish_catalogue(&repo, "vendor", NULL, 1790000000, &error);
    g_assert_no_error(error);
    g_autofree char *text = g_strndup(g_bytes_get_data(catalogue, NULL), g_bytes_get_size(catalogue));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 1 + G_N_ELEMENTS(order) + 1);
    g_assert_nonnull(strstr(lines[0], "\"vendor\":{\"apps\":[],"));
    for (gsize i = 0; i < G_N_ELEMENTS(order); i++) {
        g_autoptr(json_t) line = json_parse_strict(lines[i + 1], strlen(lines[i + 1]), 16, TRUE, &error);
        g_assert_no_error(error);
        g_autoptr(Release) release = release_from_json(line, "line", &error);
        g_assert_no_error(error);
        g_autofree char *title = g_strdup_printf("%s %s", release->name, release->version);
        g_assert_cmpstr(title, ==, order[i]);
        g_assert_cmpint(release->published_at, ==, i == 1 ? 1577836800 : 1790000000);
        g_assert_cmpint(release->urgency->urgent_at, ==, 1790000000);
        g_assert_cmpint(release->rollout->start, ==, 1790000000);
    }
}

static void the_same_release_twice_is_no_catalogue(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *sha256 = g_strnfill(64, 'b');
    g_autoptr(json_t) world = json_pack(
        "{s:s, s:i, s:s, s:s, s:[o, o]}", "publisher", "vendor", "serial", 7, "ca_sha256", sha256, "ca_pem",
        "PEM", "releases", release_object("A", "1.0", json_null()), release_object("A", "1.0", json_null()));
    Repo repo = {NULL, -1, world};
    g_assert_null(publish_catalogue(&repo, "vendor", NULL, 1790000000, &error));
    g_assert_nonnull(strstr(error->message, "boxes would refuse it"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/curve/a_curve_rises_in_time_and_share", a_curve_rises_in_time_and_share);
    g_test_add_func("/commands/an_app_may_be_named_with_its_version", an_app_may_be_named_with_its_version);
    g_test_add_func("/repo/what_is_immutable_never_changes", what_is_immutable_never_changes);
    g_test_add_func("/metadata/nothing_is_signed_below_its_threshold", nothing_is_signed_below_its_threshold);
    g_test_add_func("/metadata/a_key_found_twice_signs_once", a_key_found_twice_signs_once);
    g_test_add_func("/catalogue/it_is_sorted_and_its_times_are_filled",
                    the_catalogue_is_sorted_and_its_times_are_filled);
    g_test_add_func("/catalogue/the_same_release_twice_is_none", the_same_release_twice_is_no_catalogue);
    add_whole_tests();
    return g_test_run();
}
