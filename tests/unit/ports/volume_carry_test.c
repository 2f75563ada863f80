/* volume_carry_test.c - the table of user data, row by row: what the user has after an upgrade, and after its undo. */
#include "volume_tests.h"

#include <string.h>

/* `c` is a config file in every case. */
typedef struct {
    const char *name;
    const char *old, *user, *new; /* shipped, then what the user did to it, shipped by the new version */
    const char *live;             /* the new tree after the carry */
    const char *while_live;       /* what happens to it before the undo */
    const char *back;             /* the old tree after the carry back */
} Case;

static const Case cases[] = {
    {"nothing of the user, nothing is carried", "a=1 c=1", "", "a=2 c=2", "a=2 c=2", "", "a=1 c=1"},
    {"a folder of the user's moves whole", "a=1", "photos/p=1 photos/q/r=2", "a=2",
     "a=2 photos/p=1 photos/q/r=2", "photos/n=3", "a=1 photos/n=3 photos/p=1 photos/q/r=2"},
    {"files in a shared folder move one by one", "web/a=1", "web/u=9 web/d/v=8", "web/a=2",
     "web/a=2 web/d/v=8 web/u=9", "web/d/w=7", "web/a=1 web/d/v=8 web/d/w=7 web/u=9"},
    {"a folder that is no longer shipped is made for the user's files", "x/y/a=1", "x/y/u=5", "b=2",
     "b=2 x/y/u=5", "", "x/y/a=1 x/y/u=5"},
    {"edited, no longer shipped: carried", "a=1 b=1", "b=mine", "a=2", "a=2 b=mine", "", "a=1 b=mine"},
    {"edited, both ship it: beside, and back in place", "a=1", "a=mine", "a=2", "a=2 a.local=mine", "",
     "a=mine"},
    {"the user's file where the new package ships one", "a=1", "n=mine", "a=2 n=2", "a=2 n=2 n.local=mine",
     "", "a=1 n=mine"},
    {"the user's folder where the new package ships a file", "a=1", "n/p=1", "a=2 n=2", "a=2 n=2 n.local/p=1",
     "n.local/q=2", "a=1 n/p=1 n/q=2"},
    {"the user's file where the new package ships a folder", "a=1", "n=mine", "a=2 n/x=2",
     "a=2 n/x=2 n.local=mine", "", "a=1 n=mine"},
    {"the package's folder becomes a file, the user's files in it", "d/a=1", "d/u=1", "d=2",
     "d=2 d.local/u=1", "d.local/v=2", "d/a=1 d/u=1 d/v=2"},
    {"the package's folder became the user's link", "d/a=1", "-d/a -d d->/big", "d/a=2",
     "d/a=2 d.local->/big", "", "d->/big"},
    {"a name that is taken twice", "a=1", "a=mine a.local=other", "a=2 a.local=2",
     "a=2 a.local=2 a.local.2=mine a.local.local=other", "", "a=mine a.local=other"},
    {"the user's own NAME.local stays one", "a=1", "n.local=mine", "a=2 n=2", "a=2 n=2 n.local=mine", "",
     "a=1 n.local=mine"},
    {"edited to what the new one ships", "a=1", "a=2", "a=2", "a=2", "", "a=2"},
    {"config: user unchanged, take new", "c=1", "", "c=2", "c=2", "", "c=1"},
    {"config: shipped unchanged, keep the user's", "c=1", "c=mine", "c=1", "c=mine", "", "c=mine"},
    {"config: both changed, the user's stays, new beside", "c=1", "c=mine", "c=2", "c=mine c.new=2", "",
     "c=mine"},
    {"config: no longer shipped, touched", "a=1 c=1", "c=mine", "a=2", "a=2 c=mine", "", "a=1 c=mine"},
    {"config: no longer shipped, untouched", "a=1 c=1", "", "a=2", "a=2", "", "a=1 c=1"},
    {"config: newly shipped, the user has one", "a=1", "c=mine", "a=2 c=2", "a=2 c=mine c.new=2", "",
     "a=1 c=mine"},
    {"config: an old NAME.new that nobody touched is left", "c=1", "c=mine c.new=1", "c=2", "c=mine c.new=2",
     "", "c=mine c.new=1"},
    {"config: edited again while the new one was live", "c=1", "c=mine", "c=1", "c=mine", "c=later",
     "c=later"},
    {"config: edited only while the new one was live", "c=1", "", "c=1", "c=1", "c=later", "c=later"},
    {"config: other versions, edited only while the new one was live", "c=1", "", "c=2", "c=2", "c=later",
     "c=1 c.local=later"},
    {"made by the new app, then undo: carried", "a=1", "", "a=2", "a=2", "log=x cache/y=1",
     "a=1 cache/y=1 log=x"},
    {"made by the new app at a path of the old package", "a=1 b=1", "", "a=2", "a=2", "b=hook",
     "a=1 b=1 b.local=hook"},
    {"the new app edited what it ships, the old one has its own", "a=1", "", "a=2", "a=2", "a=run",
     "a=1 a.local=run"},
};

/* Old and new tree of a case, what was journalled of collisions. */
typedef struct {
    Scratch scratch;
    char *old_dir, *new_dir;
    Fd old_fd, new_fd;
    Manifest *old_manifest, *new_manifest;
    GHashTable *beside;
} Trees;

static void trees_init(Trees *trees, const Case *test)
{
    static const char *const config_files[] = {"c", NULL};
    g_autoptr(GError) error = NULL;
    scratch_init(&trees->scratch);
    trees->old_dir = scratch_path(&trees->scratch, "/old");
    trees->new_dir = scratch_path(&trees->scratch, "/new");
    tree_make(trees->old_dir, test->old);
    tree_make(trees->new_dir, test->new);
    trees->old_fd = tree_open(trees->old_dir);
    trees->new_fd = tree_open(trees->new_dir);
    trees->old_manifest = volume_scan(trees->old_fd, config_files, &error);
    trees->new_manifest = volume_scan(trees->new_fd, config_files, &error);
    g_assert_no_error(error);
    tree_make(trees->old_dir, test->user);
    trees->beside = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

static void trees_clear(Trees *trees)
{
    fd_close(trees->old_fd);
    fd_close(trees->new_fd);
    manifest_free(trees->old_manifest);
    manifest_free(trees->new_manifest);
    g_hash_table_unref(trees->beside);
    g_free(trees->old_dir);
    g_free(trees->new_dir);
    scratch_clear(&trees->scratch);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Trees, trees_clear)

static gboolean note_beside(const char *path, const char *beside, gpointer user_data, GError **error)
{
    (void)error;
    g_hash_table_insert(user_data, g_strdup(beside), g_strdup(path));
    return TRUE;
}

static gint64 carry_forward(const Trees *trees)
{
    g_autoptr(GError) error = NULL;
    g_auto(VolumeCarry) carry = {.on_beside = note_beside, .user_data = trees->beside};
    g_assert_true(volume_carry(trees->old_fd, trees->new_fd, trees->old_manifest, trees->new_manifest, TRUE,
                               &carry, &error));
    g_assert_no_error(error);
    return carry.moved;
}

static gint64 carry_back(const Trees *trees)
{
    g_autoptr(GError) error = NULL;
    g_auto(VolumeCarry) carry = {.beside = trees->beside};
    g_assert_true(volume_carry(trees->new_fd, trees->old_fd, trees->new_manifest, trees->old_manifest, FALSE,
                               &carry, &error));
    g_assert_no_error(error);
    return carry.moved;
}

static void every_row_of_the_table_forward_and_back(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Trees) trees = {0};
        g_test_message("%s", cases[i].name);
        trees_init(&trees, &cases[i]);
        carry_forward(&trees);
        assert_tree(trees.new_dir, cases[i].live);
        g_assert_cmpint(carry_forward(&trees), ==, 0); /* again: nothing is left to do */
        assert_tree(trees.new_dir, cases[i].live);
        tree_make(trees.new_dir, cases[i].while_live);
        carry_back(&trees);
        assert_tree(trees.old_dir, cases[i].back);
        g_assert_cmpint(carry_back(&trees), ==, 0);
        assert_tree(trees.old_dir, cases[i].back);
    }
}

/* A carry that ended at any of its collisions, as a crash would end it, is undone as if it had been whole. */
static gboolean stop_at(const char *path, const char *beside, gpointer user_data, GError **error)
{
    Trees *trees = user_data;
    note_beside(path, beside, trees->beside, NULL);
    return error_set(error, APPCENTER_ERROR_IO, "the power fails at %s", path);
}

static void a_carry_that_ended_half_way_is_undone(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Trees) trees = {0};
        g_autoptr(GError) error = NULL;
        g_auto(VolumeCarry) carry = {.on_beside = stop_at, .user_data = &trees};
        trees_init(&trees, &cases[i]);
        g_autofree char *before = tree_text(trees.old_dir);
        g_test_message("%s", cases[i].name);
        if (volume_carry(trees.old_fd, trees.new_fd, trees.old_manifest, trees.new_manifest, TRUE, &carry,
                         &error))
            continue;
        assert_error(&error, APPCENTER_ERROR_IO, "carry data over: the power fails");
        carry_back(&trees);
        assert_tree(trees.old_dir, before);
    }
}

static void a_carry_that_ended_half_way_is_finished(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Trees) trees = {0};
        g_autoptr(GError) error = NULL;
        g_auto(VolumeCarry) carry = {.on_beside = stop_at, .user_data = &trees};
        trees_init(&trees, &cases[i]);
        if (volume_carry(trees.old_fd, trees.new_fd, trees.old_manifest, trees.new_manifest, TRUE, &carry,
                         &error))
            continue;
        g_test_message("%s", cases[i].name);
        g_clear_error(&error);
        carry_forward(&trees);
        assert_tree(trees.new_dir, cases[i].live);
    }
}

/* Between the two renames of "the new one beside": the shipped file has stepped aside, the user's has not come. */
static void the_gap_between_two_renames_of_a_config_file_is_bridged(void)
{
    static const Case test = {"", "c=1", "c=mine", "c=2", "", "", ""};
    for (int forward = 0; forward < 2; forward++) {
        g_auto(Trees) trees = {0};
        trees_init(&trees, &test);
        tree_make(trees.new_dir, "-c c.new=2");
        if (forward) {
            carry_forward(&trees);
            assert_tree(trees.new_dir, "c=mine c.new=2");
        }
        carry_back(&trees);
        assert_tree(trees.old_dir, "c=mine");
    }
}

/* A rollback days later is a way forward to an older tree; a second one back again puts it beside once more. */
static void forward_to_a_version_that_was_live_returns_what_was_put_beside(void)
{
    static const Case test = {"", "a=1 d/b=1", "a=mine n=mine d/b=mine", "a=2 d/b=2 n=2 s=2", "", "", ""};
    g_auto(Trees) trees = {0};
    g_autoptr(GError) error = NULL;
    trees_init(&trees, &test);
    carry_forward(&trees);
    assert_tree(trees.new_dir, "a=2 a.local=mine d/b=2 d/b.local=mine n=2 n.local=mine s=2");
    for (int twice = 0; twice < 2; twice++) {
        g_auto(VolumeCarry) carry = {.beside = trees.beside};
        g_assert_true(volume_carry(trees.new_fd, trees.old_fd, trees.new_manifest, trees.old_manifest, TRUE,
                                   &carry, &error));
        g_assert_no_error(error);
        g_assert_cmpint(carry.moved, ==, twice ? 0 : 3);
        assert_tree(trees.old_dir, "a=mine d/b=mine n=mine");
    }
    carry_forward(&trees);
    assert_tree(trees.new_dir, "a=2 a.local=mine d/b=2 d/b.local=mine n=2 n.local=mine s=2");
}

/* Somebody else's file may have that name by now: a version between brought it. */
static void a_name_that_a_package_has_taken_since_does_not_return(void)
{
    static const Case test = {"", "a=1", "", "a=3 a.local=3", "", "", ""};
    g_auto(Trees) trees = {0};
    g_autoptr(GError) error = NULL;
    trees_init(&trees, &test);
    g_hash_table_insert(trees.beside, g_strdup("a.local"), g_strdup("a"));
    g_auto(VolumeCarry) carry = {.beside = trees.beside};
    g_assert_true(volume_carry(trees.new_fd, trees.old_fd, trees.new_manifest, trees.old_manifest, TRUE,
                               &carry, &error));
    assert_tree(trees.old_dir, "a=1");
    assert_tree(trees.new_dir, "a=3 a.local=3");
}

static void two_thousand_photos_move_with_the_app(void)
{
    static const Case test = {"", "photos/readme=1", "", "photos/readme=2", "", "", ""};
    g_auto(Trees) trees = {0};
    trees_init(&trees, &test);
    for (int i = 0; i < 2000; i++) {
        g_autofree char *photo = g_strdup_printf("photos/%04d=%d", i, i);
        tree_make(trees.old_dir, photo);
    }
    g_assert_cmpint(carry_forward(&trees), ==, 2000);
    assert_tree(trees.old_dir, "photos/readme=1");
    tree_make(trees.new_dir, "photos/2000=uploaded");
    g_assert_cmpint(carry_back(&trees), ==, 2001);
    assert_tree(trees.new_dir, "photos/readme=2");
}

static void mode_of_a_remade_folder_is_kept(void)
{
    static const Case test = {"", "x/a=1", "x/u=1", "b=1", "", "", ""};
    struct stat st;
    g_auto(Trees) trees = {0};
    trees_init(&trees, &test);
    g_assert_cmpint(fchmodat(trees.old_fd, "x", 0711, 0), ==, 0);
    carry_forward(&trees);
    g_assert_cmpint(fstatat(trees.new_fd, "x", &st, 0), ==, 0);
    g_assert_cmpuint(st.st_mode & 07777, ==, 0711);
}

#define ADD(name) g_test_add_func("/volume/carry/" #name, name)

void volume_carry_tests(void)
{
    ADD(every_row_of_the_table_forward_and_back);
    ADD(a_carry_that_ended_half_way_is_undone);
    ADD(a_carry_that_ended_half_way_is_finished);
    ADD(the_gap_between_two_renames_of_a_config_file_is_bridged);
    ADD(forward_to_a_version_that_was_live_returns_what_was_put_beside);
    ADD(a_name_that_a_package_has_taken_since_does_not_return);
    ADD(two_thousand_photos_move_with_the_app);
    ADD(mode_of_a_remade_folder_is_kept);
}
