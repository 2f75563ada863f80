/* volume_snapshot_test.c - what a snapshot holds, and what it brings back from wherever a crash has left it. */
#include "volume_tests.h"

#include <fcntl.h>
#include <unistd.h>

#define VOLUME_PATH "/share/CACHEDEV1_DATA"
#define LIVE        VOLUME_PATH "/.qpkg/Photo"
#define SNAPSHOTS   VOLUME_PATH "/.qpkg/.appcenter/snapshots"
#define NAME        "7-Photo"

typedef struct {
    Scratch scratch;
    Volume *volume;
    Manifest *manifest;
    char *live, *snapshot, *partial;
} Box;

/* shipped, then what the user did to it. */
static void box_init(Box *box, const char *shipped, const char *users)
{
    g_autoptr(GError) error = NULL;
    scratch_init(&box->scratch);
    box->volume = volume_open(box->scratch.root, VOLUME_PATH, &error);
    g_assert_no_error(error);
    box->live = scratch_path(&box->scratch, LIVE);
    box->snapshot = scratch_path(&box->scratch, SNAPSHOTS "/" NAME);
    box->partial = g_strconcat(box->snapshot, "~", NULL);
    tree_make(box->live, shipped);
    g_auto(Fd) fd = tree_open(box->live);
    box->manifest = volume_scan(fd, NULL, &error);
    g_assert_no_error(error);
    tree_make(box->live, users);
}

static void box_clear(Box *box)
{
    volume_free(box->volume);
    manifest_free(box->manifest);
    g_free(box->live);
    g_free(box->snapshot);
    g_free(box->partial);
    scratch_clear(&box->scratch);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Box, box_clear)

static void take(Box *box, VolumeCopyWhat what, const char *const *paths)
{
    VolumeCopied copied;
    g_autoptr(GError) error = NULL;
    VolumeCopySpec spec = {.what = what, .manifest = box->manifest, .paths = paths};
    g_assert_true(volume_snapshot_take(box->volume, "Photo", NAME, &spec, TRUE, &copied, &error));
    g_assert_no_error(error);
    g_assert_false(g_file_test(box->partial, G_FILE_TEST_EXISTS));
}

static void put_back(Box *box, const char *const *paths)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
    g_auto(Fd) live = tree_open(box->live);
    g_assert_true(volume_snapshot_put_back(box->volume, live, NAME, paths, notes, &error));
    g_assert_no_error(error);
}

static const struct {
    const char *name;
    VolumeCopyWhat what;
    const char *paths[3];
    const char *shipped, *users, *snapshot;
} copies[] = {
    {"only what is the user's",
     VOLUME_COPY_USERS,
     {NULL},
     "a=1 d/b=2 l->a",
     "d/mine=3 p/q=4 a=mine",
     "a=mine d/mine=3 p/q=4"},
    {"folders of the package are not left empty", VOLUME_COPY_USERS, {NULL}, "d/e/f=1", "", ""},
    {"the user's empty folder is kept", VOLUME_COPY_USERS, {NULL}, "a=1", "in/box/", "in/box/"},
    {"a link of the user's", VOLUME_COPY_USERS, {NULL}, "a=1", "l->/elsewhere", "l->/elsewhere"},
    {"named paths alone, whoever owns them",
     VOLUME_COPY_NAMED,
     {"db", "d/e", NULL},
     "a=1 db=2 d/e/f=3",
     "mine=4 d/e/g=5 dbx=6",
     "d/e/f=3 d/e/g=5 db=2"},
    {"the user's and what is named", VOLUME_COPY_USERS, {"db", NULL}, "a=1 db=2", "mine=4", "db=2 mine=4"},
    {"the package's alone",
     VOLUME_COPY_PACKAGE,
     {NULL},
     "a=1 b=2 d/c=3",
     "b=mine d/mine=4 p/q=5",
     "a=1 d/c=3"},
    {"all of it", VOLUME_COPY_ALL, {NULL}, "a=1", "b=2 c/", "a=1 b=2 c/"},
};

static void a_copy_holds_what_was_wanted(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(copies); i++) {
        g_auto(Box) box = {0};
        g_test_message("%s", copies[i].name);
        box_init(&box, copies[i].shipped, copies[i].users);
        take(&box, copies[i].what, copies[i].paths);
        assert_tree(box.snapshot, copies[i].snapshot);
    }
}

static void a_measure_counts_what_a_copy_takes(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(copies); i++) {
        g_auto(Box) box = {0};
        VolumeCopied found, copied;
        g_autoptr(GError) error = NULL;
        box_init(&box, copies[i].shipped, "");
        VolumeCopySpec spec = {copies[i].what, box.manifest, copies[i].paths};
        g_auto(Fd) live = tree_open(box.live);
        g_assert_true(volume_measure(live, &spec, &found, &error));
        g_assert_true(volume_snapshot_take(box.volume, "Photo", NAME, &spec, FALSE, &copied, &error));
        g_assert_cmpint(found.files, ==, copied.files);
        g_assert_cmpint(found.bytes, ==, copied.bytes);
    }
}

static void what_was_converted_comes_back_and_the_newer_is_beside(void)
{
    static const char *const paths[] = {"db", "albums", "never/there", NULL};
    g_auto(Box) box = {0};
    box_init(&box, "a=1", "db=old albums/i=old x/y=same");
    take(&box, VOLUME_COPY_NAMED, paths);
    tree_make(box.live, "db=new db.newer=taken albums/i=new albums/j=new never/there=made");
    for (int twice = 0; twice < 2; twice++) {
        put_back(&box, paths);
        assert_tree(box.live, "a=1 albums/i=old albums.newer/i=new albums.newer/j=new db=old db.newer=taken "
                              "db.newer.2=new never/there=made x/y=same");
    }
}

static void what_is_unchanged_stays_where_it_is(void)
{
    static const char *const paths[] = {"db", "albums", NULL};
    g_auto(Box) box = {0};
    box_init(&box, "a=1", "db=old albums/i=old albums/l->i");
    take(&box, VOLUME_COPY_NAMED, paths);
    put_back(&box, paths);
    assert_tree(box.live, "a=1 albums/i=old albums/l->i db=old");
    assert_tree(box.snapshot, "albums/i=old albums/l->i db=old");
}

static void a_putting_back_that_was_cut_off_is_finished(void)
{
    static const char *const paths[] = {"deep/db", NULL};
    g_auto(Box) box = {0};
    box_init(&box, "a=1", "deep/db=old");
    take(&box, VOLUME_COPY_NAMED, paths);
    tree_make(box.live, "-deep/db deep/db.newer=new"); /* the first rename was done, the second not */
    put_back(&box, paths);
    assert_tree(box.live, "a=1 deep/db=old deep/db.newer=new");
    tree_make(box.live, "-deep/db -deep/db.newer -deep");
    put_back(&box, paths); /* and when it was moved out already, nothing is done again */
    assert_tree(box.live, "a=1");
}

static void a_folder_that_went_away_is_made_again(void)
{
    static const char *const paths[] = {"deep/er/db", NULL};
    g_auto(Box) box = {0};
    box_init(&box, "a=1", "deep/er/db=old");
    take(&box, VOLUME_COPY_NAMED, paths);
    tree_make(box.live, "-deep/er/db -deep/er -deep");
    put_back(&box, paths);
    assert_tree(box.live, "a=1 deep/er/db=old");
}

static void half_a_snapshot_brings_nothing_back(void)
{
    static const char *const paths[] = {"db", NULL};
    g_auto(Box) box = {0};
    g_autoptr(GError) error = NULL;
    box_init(&box, "a=1", "db=old");
    tree_make(box.partial, "db=ol");
    put_back(&box, paths);
    assert_tree(box.live, "a=1 db=old");
    g_assert_true(volume_snapshot_drop(box.volume, NAME, &error));
    g_assert_false(g_file_test(box.partial, G_FILE_TEST_EXISTS));
    g_assert_true(volume_snapshot_drop(box.volume, NAME, &error)); /* twice is once */
}

static void a_snapshot_is_made_anew_over_what_was_left(void)
{
    g_auto(Box) box = {0};
    box_init(&box, "a=1", "mine=2");
    tree_make(box.partial, "rest=1");
    tree_make(box.snapshot, "older=1");
    take(&box, VOLUME_COPY_USERS, NULL);
    assert_tree(box.snapshot, "mine=2");
}

#define ADD(name) g_test_add_func("/volume/snapshot/" #name, name)

void volume_snapshot_tests(void)
{
    ADD(a_copy_holds_what_was_wanted);
    ADD(a_measure_counts_what_a_copy_takes);
    ADD(what_was_converted_comes_back_and_the_newer_is_beside);
    ADD(what_is_unchanged_stays_where_it_is);
    ADD(a_putting_back_that_was_cut_off_is_finished);
    ADD(a_folder_that_went_away_is_made_again);
    ADD(half_a_snapshot_brings_nothing_back);
    ADD(a_snapshot_is_made_anew_over_what_was_left);
}
