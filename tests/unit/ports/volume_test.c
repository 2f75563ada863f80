/* volume_test.c - trees go live and come back, from wherever a crash has left them; kept trees; the manifest on disk. */
#include "volume_tests.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define VOLUME_PATH "/share/CACHEDEV1_DATA"
#define LIVE        VOLUME_PATH "/.qpkg/Photo"
#define STAGE       VOLUME_PATH "/.qpkg/.appcenter/stage/7-Photo"

/* ---- trees as text ---- */

static void make_one(const char *dir, const char *word)
{
    g_auto(GStrv) link = g_strsplit(word, "->", 2);
    g_auto(GStrv) file = g_strsplit(word, "=", 2);
    g_autofree char *path = g_build_filename(dir,
                                             *word == '-' ? word + 1
                                             : link[1]    ? link[0]
                                                          : file[0],
                                             NULL);
    g_autofree char *parent = g_path_get_dirname(path);
    if (*word == '-') {
        g_assert_cmpint(remove(path), ==, 0);
        return;
    }
    g_assert_cmpint(g_mkdir_with_parents(parent, 0755), ==, 0);
    if (link[1]) {
        unlink(path);
        g_assert_cmpint(symlink(link[1], path), ==, 0);
    } else if (g_str_has_suffix(word, "/")) {
        g_assert_cmpint(g_mkdir_with_parents(path, 0755), ==, 0);
    } else {
        g_autoptr(GError) error = NULL;
        g_assert_true(g_file_set_contents(path, file[1], -1, &error));
    }
}

void tree_make(const char *dir, const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
    for (char **word = words; *word; word++)
        if (**word)
            make_one(dir, *word);
}

int tree_open(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    return fd;
}

static void add_text(const char *dir, const char *path, GString *text)
{
    g_autofree char *here = g_build_filename(dir, path, NULL);
    g_auto(Fd) fd = tree_open(here);
    g_auto(GStrv) names = volume_names_in(fd, NULL);
    if (!*names && *path)
        g_string_append_printf(text, " %s/", path);
    for (char **name = names; *name; name++) {
        struct stat st;
        g_autofree char *entry = volume_join(path, *name);
        g_autofree char *host = g_build_filename(dir, entry, NULL);
        g_autofree char *content = NULL;
        g_assert_cmpint(lstat(host, &st), ==, 0);
        if (S_ISDIR(st.st_mode)) {
            add_text(dir, entry, text);
        } else if (S_ISLNK(st.st_mode)) {
            content = g_file_read_link(host, NULL);
            g_string_append_printf(text, " %s->%s", entry, content);
        } else {
            g_assert_true(g_file_get_contents(host, &content, NULL, NULL));
            g_string_append_printf(text, " %s=%s", entry, content);
        }
    }
}

char *tree_text(const char *dir)
{
    GString *text = g_string_new(NULL);
    if (!g_file_test(dir, G_FILE_TEST_IS_DIR))
        return g_string_free(g_string_assign(text, "nothing"), FALSE);
    add_text(dir, "", text);
    if (text->len)
        g_string_erase(text, 0, 1);
    return g_string_free(text, FALSE);
}

void assert_tree(const char *dir, const char *wanted)
{
    g_autofree char *found = tree_text(dir);
    g_assert_cmpstr(found, ==, wanted);
}

/* ---- the switch ---- */

typedef struct {
    Scratch scratch;
    Volume *volume;
    char *live, *stage, *aside;
    VolumeInodes before;
} Nas;

static void nas_init(Nas *nas, const char *live, const char *staged)
{
    g_autoptr(GError) error = NULL;
    scratch_init(&nas->scratch);
    nas->volume = volume_open(nas->scratch.root, VOLUME_PATH, &error);
    g_assert_no_error(error);
    nas->live = scratch_path(&nas->scratch, LIVE);
    nas->stage = scratch_path(&nas->scratch, STAGE);
    nas->aside = g_strconcat(nas->stage, ".aside", NULL);
    if (live)
        tree_make(nas->live, live);
    if (staged)
        tree_make(nas->stage, staged);
    g_assert_true(volume_inodes(nas->volume, "Photo", "7-Photo", &nas->before, &error));
    g_assert_no_error(error);
}

static void nas_clear(Nas *nas)
{
    volume_free(nas->volume);
    g_free(nas->live);
    g_free(nas->stage);
    g_free(nas->aside);
    scratch_clear(&nas->scratch);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Nas, nas_clear)

typedef gboolean (*Change)(const Volume *, const char *, const char *, const VolumeInodes *, GError **);

static void do_change(const Nas *nas, Change change)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(change(nas->volume, "Photo", "7-Photo", &nas->before, &error));
    g_assert_no_error(error);
}

static void assert_places(const Nas *nas, const char *live, const char *staged)
{
    assert_tree(nas->live, live);
    assert_tree(nas->stage, staged);
    assert_tree(nas->aside, "nothing");
}

static void swap_and_back(void)
{
    g_auto(Nas) nas = {0};
    nas_init(&nas, "v=1", "v=2");
    do_change(&nas, volume_swap_back); /* swap never ran */
    assert_places(&nas, "v=1", "v=2");
    do_change(&nas, volume_swap);
    do_change(&nas, volume_swap); /* a second time does nothing */
    assert_places(&nas, "v=2", "v=1");
    do_change(&nas, volume_swap_back);
    do_change(&nas, volume_swap_back);
    assert_places(&nas, "v=1", "v=2");
}

static void swap_restores_whatever_the_file_system_can(void)
{
    swap_and_back();
    g_assert_cmpint(setenv("APPCENTER_TEST_TWO_RENAMES", "1", 1), ==, 0);
    swap_and_back();
    g_assert_cmpint(unsetenv("APPCENTER_TEST_TWO_RENAMES"), ==, 0);
}

/* Where the trees of version 1 and 2 may lie after a crash between plain renames. */
static const struct {
    const char *v1, *v2; /* l(ive), s(tage), a(side) */
} half_done[] = {
    {"l", "s"}, {"a", "s"}, {"a", "l"}, {"s", "l"}, {"s", "a"}, {"l", "a"},
};

static void put(const Nas *nas, const char *place, const char *text)
{
    tree_make(*place == 'l' ? nas->live : *place == 's' ? nas->stage : nas->aside, text);
}

static guint64 inode_of(const Nas *nas, const char *place)
{
    struct stat st;
    g_assert_cmpint(stat(*place == 'l' ? nas->live : *place == 's' ? nas->stage : nas->aside, &st), ==, 0);
    return st.st_ino;
}

static void every_half_done_exchange_is_finished_and_undone(void)
{
    g_assert_cmpint(setenv("APPCENTER_TEST_TWO_RENAMES", "1", 1), ==, 0);
    for (gsize i = 0; i < 2 * G_N_ELEMENTS(half_done); i++) {
        g_auto(Nas) nas = {0};
        gboolean forward = i % 2 == 0;
        nas_init(&nas, NULL, NULL);
        put(&nas, half_done[i / 2].v1, "v=1");
        put(&nas, half_done[i / 2].v2, "v=2");
        nas.before.live_ino = inode_of(&nas, half_done[i / 2].v1);
        nas.before.staged_ino = inode_of(&nas, half_done[i / 2].v2);
        do_change(&nas, forward ? volume_swap : volume_swap_back);
        assert_places(&nas, forward ? "v=2" : "v=1", forward ? "v=1" : "v=2");
    }
    g_assert_cmpint(unsetenv("APPCENTER_TEST_TWO_RENAMES"), ==, 0);
}

static void a_first_install_goes_live_and_back(void)
{
    g_auto(Nas) nas = {0};
    nas_init(&nas, NULL, "v=1");
    do_change(&nas, volume_swap);
    do_change(&nas, volume_swap);
    assert_places(&nas, "v=1", "nothing");
    do_change(&nas, volume_swap_back);
    do_change(&nas, volume_swap_back);
    assert_places(&nas, "nothing", "v=1");
}

static void a_removed_app_comes_back(void)
{
    g_auto(Nas) nas = {0};
    nas_init(&nas, "v=1 photos/p=1", NULL);
    do_change(&nas, volume_take_away);
    do_change(&nas, volume_take_away);
    assert_places(&nas, "nothing", "photos/p=1 v=1");
    do_change(&nas, volume_swap_back);
    assert_places(&nas, "photos/p=1 v=1", "nothing");
}

static void swap_back_bears_that_the_staged_tree_is_gone(void)
{
    g_auto(Nas) nas = {0};
    g_autoptr(GError) error = NULL;
    nas_init(&nas, "v=1", "v=2");
    g_assert_true(volume_stage_drop(nas.volume, "7-Photo", &error));
    do_change(&nas, volume_swap_back);
    assert_places(&nas, "v=1", "nothing");
    g_assert_false(volume_swap(nas.volume, "Photo", "7-Photo", &nas.before, &error));
    assert_error(&error, APPCENTER_ERROR_IO, "neither live nor staged");
}

static void a_strangers_folder_is_not_replaced(void)
{
    g_auto(Nas) nas = {0};
    g_autoptr(GError) error = NULL;
    nas_init(&nas, NULL, "v=2");
    tree_make(nas.live, "mine=1");
    g_assert_false(volume_swap(nas.volume, "Photo", "7-Photo", &nas.before, &error));
    assert_error(&error, APPCENTER_ERROR_IO, "rename 7-Photo to Photo");
    assert_places(&nas, "mine=1", "v=2");
}

static void a_link_in_the_place_of_the_folder_is_refused(void)
{
    g_auto(Nas) nas = {0};
    g_autoptr(GError) error = NULL;
    nas_init(&nas, NULL, "v=2");
    g_assert_cmpint(symlink("/tmp", nas.live), ==, 0);
    g_assert_false(volume_swap(nas.volume, "Photo", "7-Photo", &nas.before, &error));
    assert_error(&error, APPCENTER_ERROR_REFUSED, "found something else");
    g_assert_false(volume_app_is_movable(nas.volume, "Photo", &error));
    assert_error(&error, APPCENTER_ERROR_REFUSED, "no plain folder");
    g_assert_false(volume_app_exists(nas.volume, "Photo"));
}

static void a_mount_in_the_folder_is_seen(void)
{
    g_auto(Nas) nas = {0};
    g_autoptr(GError) error = NULL;
    nas_init(&nas, "data/x=1", NULL);
    g_assert_true(volume_app_is_movable(nas.volume, "Photo", &error));
    g_assert_true(volume_app_is_movable(nas.volume, "Other", &error));
    g_assert_no_error(error);
    g_autofree char *point = g_build_filename(nas.live, "data", NULL);
    if (mount("tmpfs", point, "tmpfs", 0, NULL) != 0) {
        g_test_skip("mounting is not permitted here");
        return;
    }
    gboolean is_movable = volume_app_is_movable(nas.volume, "Photo", &error);
    g_assert_cmpint(umount(point), ==, 0);
    g_assert_false(is_movable);
    assert_error(&error, APPCENTER_ERROR_REFUSED, "something is mounted in the folder of Photo");
}

/* ---- staged and kept ---- */

static void a_staged_tree_begins_empty(void)
{
    g_auto(Nas) nas = {0};
    g_autoptr(GError) error = NULL;
    nas_init(&nas, NULL, "left=1 over/x=2");
    g_auto(Fd) fd = volume_stage_create(nas.volume, "7-Photo", &error);
    g_assert_no_error(error);
    g_assert_cmpint(fd, >=, 0);
    assert_tree(nas.stage, "");
    g_auto(GStrv) names = volume_stage_list(nas.volume, &error);
    g_assert_cmpstr(names[0], ==, "7-Photo");
    g_assert_null(names[1]);
    g_assert_cmpint(volume_stage_create(nas.volume, "../x", &error), ==, -1);
    assert_error(&error, APPCENTER_ERROR_INVALID, "\"../x\"");
}

static void a_kept_tree_comes_back_and_both_ways_may_be_asked_twice(void)
{
    g_auto(Nas) nas = {0};
    g_autoptr(GError) error = NULL;
    nas_init(&nas, NULL, "v=1");
    for (int i = 0; i < 2; i++)
        g_assert_true(volume_keep(nas.volume, "7-Photo", "Photo-1-7", &error));
    assert_tree(nas.stage, "nothing");
    for (int i = 0; i < 2; i++)
        g_assert_true(volume_unkeep(nas.volume, "Photo-1-7", "7-Photo", &error));
    assert_tree(nas.stage, "v=1");
    g_assert_true(volume_keep(nas.volume, "7-Photo", "Photo-1-7", &error));
    g_assert_true(volume_kept_drop(nas.volume, "Photo-1-7", &error));
    g_assert_true(volume_kept_drop(nas.volume, "Photo-1-7", &error));
    g_assert_no_error(error);
    g_assert_false(volume_unkeep(nas.volume, "Photo-1-7", "7-Photo", &error));
    assert_error(&error, APPCENTER_ERROR_NOT_FOUND, "Photo-1-7");
}

/* ---- manifests ---- */

static void a_scan_records_what_is_there(void)
{
    static const char *const config_files[] = {"etc/photo.conf", NULL};
    g_auto(Nas) nas = {0};
    g_autoptr(GError) error = NULL;
    nas_init(&nas, NULL, "etc/photo.conf=a bin/photo=abc link->bin/photo empty/");
    g_auto(Fd) fd = tree_open(nas.stage);
    g_autoptr(Manifest) manifest = volume_scan(fd, config_files, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(manifest_length(manifest), ==, 6);
    const ManifestEntry *file = manifest_find(manifest, "bin/photo");
    g_assert_cmpstr(file->sha256, ==, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    g_assert_cmpint(file->size_bytes, ==, 3);
    g_assert_false(file->is_config);
    g_assert_true(manifest_find(manifest, "etc/photo.conf")->is_config);
    g_assert_cmpint(manifest_find(manifest, "empty")->type, ==, 'd');
    g_assert_cmpstr(manifest_find(manifest, "link")->target, ==, "bin/photo");
}

static void a_fifo_in_a_tree_is_refused(void)
{
    g_auto(Nas) nas = {0};
    g_autoptr(GError) error = NULL;
    nas_init(&nas, NULL, "a=1");
    g_autofree char *fifo = g_build_filename(nas.stage, "fifo", NULL);
    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    g_auto(Fd) fd = tree_open(nas.stage);
    g_assert_null(volume_scan(fd, NULL, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "fifo: wanted a file, a folder or a link");
}

static const struct {
    const char *change;
    gboolean is_users;
} user_changes[] = {
    {"", FALSE},           {"bin/a=1", FALSE}, /* the same again */
    {"-bin/b", FALSE},                         /* missing is not the user's */
    {"conf.new=k", FALSE},                     /* laid beside by us, untouched */
    {"conf.new=x", TRUE},  {"bin/a=2", TRUE},   {"bin/a=11", TRUE},
    {"bin/c=1", TRUE},     {"bin/deep/", TRUE}, {"link->bin/b", TRUE},
};

static void user_data_is_told_from_the_packages(void)
{
    static const char *const config_files[] = {"conf", NULL};
    for (gsize i = 0; i < G_N_ELEMENTS(user_changes); i++) {
        g_auto(Nas) nas = {0};
        g_autoptr(GError) error = NULL;
        nas_init(&nas, NULL, "bin/a=1 bin/b=2 conf=k link->bin/a");
        g_auto(Fd) fd = tree_open(nas.stage);
        g_autoptr(Manifest) manifest = volume_scan(fd, config_files, &error);
        tree_make(nas.stage, user_changes[i].change);
        g_test_message("%s", user_changes[i].change);
        g_assert_cmpint(volume_has_user_data(fd, manifest), ==, user_changes[i].is_users);
    }
}

static void a_pruned_tree_holds_only_the_users(void)
{
    for (int has_data = 0; has_data < 2; has_data++) {
        g_auto(Nas) nas = {0};
        g_autoptr(GError) error = NULL;
        gboolean is_empty;
        nas_init(&nas, NULL, "bin/a=1 bin/b=2 web/c/d=3 link->bin/a");
        g_auto(Fd) fd = tree_open(nas.stage);
        g_autoptr(Manifest) manifest = volume_scan(fd, NULL, &error);
        if (has_data)
            tree_make(nas.stage, "bin/a=edited web/c/mine=4 empty/");
        for (int twice = 0; twice < 2; twice++) {
            g_assert_true(volume_prune(fd, manifest, FALSE, &is_empty, &error));
            g_assert_no_error(error);
            g_assert_cmpint(is_empty, ==, !has_data);
            assert_tree(nas.stage, has_data ? "bin/a=edited web/c/mine=4" : "");
        }
    }
}

#define ADD(name) g_test_add_func("/volume/" #name, name)

void volume_tests(void)
{
    ADD(swap_restores_whatever_the_file_system_can);
    ADD(every_half_done_exchange_is_finished_and_undone);
    ADD(a_first_install_goes_live_and_back);
    ADD(a_removed_app_comes_back);
    ADD(swap_back_bears_that_the_staged_tree_is_gone);
    ADD(a_strangers_folder_is_not_replaced);
    ADD(a_link_in_the_place_of_the_folder_is_refused);
    ADD(a_mount_in_the_folder_is_seen);
    ADD(a_staged_tree_begins_empty);
    ADD(a_kept_tree_comes_back_and_both_ways_may_be_asked_twice);
    ADD(a_scan_records_what_is_there);
    ADD(a_fifo_in_a_tree_is_refused);
    ADD(user_data_is_told_from_the_packages);
    ADD(a_pruned_tree_holds_only_the_users);
    volume_carry_tests();
    volume_snapshot_tests();
}
