/* main.c - unit tests of room vendor: what is pure or needs one folder. The verbs are driven by tests/e2e/test_vendor.py. */
#include <string.h>

#include "vendor/commands.h"
#include "vendor/curve.h"
#include "vendor/metadata.h"
#include "vendor/repo.h"

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
    g_assert_false(repo_put_immutable(repo, "/public/targets/a/1.x", "two", 3, &error));
    g_assert_cmpint(error_kind(error), ==, APPCENTER_ERROR_REFUSED);
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
    g_autoptr(GBytes) whole = metadata_sign(root, "root", delegator, two, &error);
    g_assert_no_error(error);
    g_assert_nonnull(whole);
    g_assert_null(metadata_sign(root, "root", delegator, one, &error));
    g_assert_cmpint(error_kind(error), ==, APPCENTER_ERROR_UNTRUSTED);
    g_assert_nonnull(strstr(error->message, "wanted 2 keys"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/curve/a_curve_rises_in_time_and_share", a_curve_rises_in_time_and_share);
    g_test_add_func("/commands/an_app_may_be_named_with_its_version", an_app_may_be_named_with_its_version);
    g_test_add_func("/repo/what_is_immutable_never_changes", what_is_immutable_never_changes);
    g_test_add_func("/metadata/nothing_is_signed_below_its_threshold", nothing_is_signed_below_its_threshold);
    return g_test_run();
}
