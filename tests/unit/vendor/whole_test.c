/* whole_test.c - the verbs one after another on a repository in a folder of its own, told the time; cut short on the way. */
#include "whole_test.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "vendor/commands.h"
#include "vendor/metadata.h"
#include "vendor/publish.h"

#define NOW   1790000000
#define DAY_S 86400

typedef struct {
    char *folder, *repo, *keys, *archive;
} Place;

static char *in(const Place *place, const char *path)
{
    return g_build_filename(place->folder, path, NULL);
}

typedef gboolean (*Verb)(int argc, char **argv, gint64 now, GError **error);

/* Runs a verb with the words after its name; what it prints is not looked at. */
G_GNUC_NULL_TERMINATED
static gboolean run(Verb verb, gint64 now, GError **error, ...)
{
    va_list words;
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    va_start(words, error);
    for (char *word = va_arg(words, char *); word; word = va_arg(words, char *))
        g_ptr_array_add(argv, word);
    va_end(words);
    int argc = (int)argv->len;
    g_ptr_array_add(argv, NULL);
    fflush(stdout);
    g_auto(Fd) out = dup(STDOUT_FILENO);
    g_auto(Fd) nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(nowhere, STDOUT_FILENO);
    gboolean ok = verb(argc, (char **)argv->pdata, now, error);
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    return ok;
}

static void write_text(const Place *place, const char *path, const char *text)
{
    g_autofree char *file = in(place, path);
    g_autofree char *folder = g_path_get_dirname(file);
    g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
    g_assert_true(g_file_set_contents(file, text, -1, NULL));
}

static char *read_text(const Place *place, const char *path)
{
    g_autofree char *file = in(place, path);
    char *text = NULL;
    g_assert_true(g_file_get_contents(file, &text, NULL, NULL));
    return text;
}

static void move(const Place *place, const char *from, const char *to)
{
    g_autofree char *from_path = in(place, from);
    g_autofree char *to_path = in(place, to);
    g_assert_cmpint(g_rename(from_path, to_path), ==, 0);
}

static Place place_new(void)
{
    Place place = {.folder = g_dir_make_tmp("appcenter-vendor-XXXXXX", NULL)};
    place.repo = in(&place, "repo");
    place.keys = in(&place, "keys");
    place.archive = in(&place, "QVPN.qpkg");
    return place;
}

static void place_clear(Place *place)
{
    g_autofree char *base = g_path_get_basename(place->folder);
    g_autoptr(RootDir) temp = root_dir_open(g_get_tmp_dir(), NULL);
    g_assert_true(files_remove_tree_at(root_dir_fd(temp), base, NULL));
    g_free(place->folder);
    g_free(place->repo);
    g_free(place->keys);
    g_free(place->archive);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Place, place_clear)

static void init(const Place *place)
{
    g_autoptr(GError) error = NULL;
    run(cmd_init, NOW, &error, "init", place->repo, "--keys", place->keys, NULL);
    g_assert_no_error(error);
}

/* QVPN 3.0, packed, signed and in the draft. */
static void add(const Place *place, gint64 now)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *source = in(place, "src");
    g_autofree char *publisher = in(place, "keys/publisher");
    write_text(
        place, "src/qpkg.cfg",
        "QPKG_NAME=\"QVPN\"\nQPKG_VER=\"3.0\"\nQPKG_AUTHOR=\"us\"\nQPKG_SERVICE_PROGRAM=\"QVPN.sh\"\n");
    write_text(place, "src/package_routines", "#\n");
    write_text(place, "src/shared/QVPN.sh", "#!/bin/sh\n");
    run(cmd_pack, now, &error, "pack", source, "-o", place->archive, "--sign", publisher, NULL);
    g_assert_no_error(error);
    run(cmd_add, now, &error, "add", place->repo, place->archive, NULL);
    g_assert_no_error(error);
}

static gboolean publish(const Place *place, gint64 now, GError **error)
{
    return run(cmd_publish, now, error, "publish", place->repo, "--keys", place->keys, NULL);
}

static void publish_well(const Place *place, gint64 now)
{
    g_autoptr(GError) error = NULL;
    publish(place, now, &error);
    g_assert_no_error(error);
}

static void verify_well(const Place *place, gint64 now)
{
    g_autoptr(GError) error = NULL;
    run(cmd_verify, now, &error, "verify", place->repo, NULL);
    g_assert_no_error(error);
}

static gint64 version_of(const Place *place, const char *role)
{
    g_autoptr(Repo) repo = repo_open_to_read(place->repo, NULL);
    g_autoptr(json_t) metadata = repo_metadata(repo, role, NULL);
    return metadata_version(metadata);
}

typedef void (*Visitor)(const char *path, const struct stat *st, gpointer user_data);

static void visit(const char *folder, Visitor visitor, gpointer user_data)
{
    const char *name;
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    g_assert_nonnull(dir);
    while ((name = g_dir_read_name(dir))) {
        struct stat st;
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_assert_cmpint(lstat(path, &st), ==, 0);
        visitor(path, &st, user_data);
        if (S_ISDIR(st.st_mode))
            visit(path, visitor, user_data);
    }
}

static gboolean holds(const char *path, const char *text)
{
    char *content = NULL;
    gsize len = 0;
    g_assert_true(g_file_get_contents(path, &content, &len, NULL));
    gboolean found = memmem(content, len, text, strlen(text)) != NULL;
    g_free(content);
    return found;
}

/* --- the ceremony --- */

static void check_key_file(const char *path, const struct stat *st, gpointer n_private)
{
    if (S_ISDIR(st->st_mode)) {
        g_assert_cmpint(st->st_mode & 07777, ==, 0700);
        return;
    }
    if (!holds(path, "PRIVATE KEY"))
        return;
    ++*(guint *)n_private;
    g_test_message("%s", path);
    g_assert_cmpint(st->st_mode & 07777, ==, 0600);
    g_assert_true(holds(path, "BEGIN ENCRYPTED PRIVATE KEY"));
}

static void check_no_key(const char *path, const struct stat *st, gpointer user_data)
{
    (void)user_data;
    g_assert_false(S_ISREG(st->st_mode) && holds(path, "PRIVATE KEY"));
}

static void keys_are_private_and_locked(void)
{
    g_auto(Place) place = place_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *passphrase = in(&place, "passphrase");
    guint n_private = 0;
    write_text(&place, "passphrase", "open sesame\n");
    g_setenv("APPVENDOR_PASSPHRASE_FILE", passphrase, TRUE);
    init(&place);
    add(&place, NOW);
    publish_well(&place, NOW);
    verify_well(&place, NOW);
    visit(place.keys, check_key_file, &n_private);
    g_assert_cmpuint(n_private, ==, 3 + 1 + 2 + 1 + 1 + 1 + 2);
    visit(place.repo, check_no_key, NULL);
    write_text(&place, "passphrase", "something else");
    g_assert_false(publish(&place, NOW, &error));
    g_assert_cmpint(error_kind(error), ==, APPCENTER_ERROR_UNTRUSTED);
    g_clear_error(&error);
    write_text(&place, "passphrase", "\n");
    g_assert_false(publish(&place, NOW, &error));
    g_assert_cmpint(error_kind(error), ==, APPCENTER_ERROR_INVALID);
    g_unsetenv("APPVENDOR_PASSPHRASE_FILE");
}

static void refuse_init(const Place *place, const char *keys, const char *sentence)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(run(cmd_init, NOW, &error, "init", place->repo, "--keys", keys, NULL));
    g_test_message("%s", error->message);
    g_assert_cmpint(error_kind(error), ==, APPCENTER_ERROR_REFUSED);
    g_assert_nonnull(strstr(error->message, sentence));
}

static void init_says_what_is_in_its_way(void)
{
    g_auto(Place) place = place_new();
    g_autofree char *half = in(&place, "repo/public/metadata");
    g_autofree char *link = in(&place, "link");
    g_autofree char *through_link = in(&place, "link/keys");
    g_autofree char *other_keys = in(&place, "other");
    g_assert_cmpint(g_mkdir_with_parents(half, 0755), ==, 0);
    refuse_init(&place, place.keys, "did not finish");
    g_assert_cmpint(symlink(place.repo, link), ==, 0);
    refuse_init(&place, through_link, "never lie inside");
    write_text(&place, "keys/publisher/ca.key", "somebody's");
    refuse_init(&place, place.keys, "holds keys already");
    g_autofree char *kept = read_text(&place, "keys/publisher/ca.key");
    g_assert_cmpstr(kept, ==, "somebody's");
    move(&place, "repo", "half");
    move(&place, "keys", "old");
    init(&place);
    refuse_init(&place, other_keys, "is a repository already");
    verify_well(&place, NOW);
}

/* The keys are made, the world is saved, and then the power goes: there is no head yet. */
static void publish_finishes_what_init_began(void)
{
    g_auto(Place) place = place_new();
    g_autoptr(GError) error = NULL;
    init(&place);
    move(&place, "repo/public/metadata/timestamp.json", "gone");
    g_assert_false(run(cmd_refresh, NOW, &error, "refresh", place.repo, "--keys", place.keys, NULL));
    g_assert_cmpint(error_kind(error), ==, APPCENTER_ERROR_NOT_FOUND);
    publish_well(&place, NOW);
    verify_well(&place, NOW);
}

/* --- publishing --- */

static void digest_file(const char *path, const struct stat *st, gpointer files)
{
    gsize len = 0;
    g_autofree char *content = NULL;
    if (S_ISDIR(st->st_mode))
        return;
    g_assert_true(g_file_get_contents(path, &content, &len, NULL));
    g_hash_table_insert(files, g_strdup(path), digest_hex_of(DIGEST_SHA256, content, len));
}

static GHashTable *public_files(const Place *place)
{
    GHashTable *files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autofree char *public = in(place, "repo/public");
    visit(public, digest_file, files);
    return files;
}

static void publishing_twice_changes_only_the_timestamp(void)
{
    g_auto(Place) place = place_new();
    gpointer path, digest;
    GHashTableIter iter;
    init(&place);
    add(&place, NOW);
    publish_well(&place, NOW);
    g_autoptr(GHashTable) before = public_files(&place);
    publish_well(&place, NOW + 60);
    g_autoptr(GHashTable) after = public_files(&place);
    g_assert_cmpuint(g_hash_table_size(after), ==, g_hash_table_size(before));
    g_hash_table_iter_init(&iter, before);
    while (g_hash_table_iter_next(&iter, &path, &digest)) {
        gboolean is_same = g_strcmp0(digest, g_hash_table_lookup(after, path)) == 0;
        g_assert_cmpint(is_same, ==, !g_str_has_suffix(path, "/timestamp.json"));
    }
}

/* Also when the releases role is past the half of its life and would be signed anew by who has its keys. */
static void the_brake_needs_no_releases_keys(void)
{
    g_auto(Place) place = place_new();
    g_autoptr(GError) error = NULL;
    gint64 later = NOW + 60 * DAY_S;
    init(&place);
    add(&place, NOW);
    publish_well(&place, NOW);
    gint64 releases = version_of(&place, "releases"), brake = version_of(&place, "brake");
    move(&place, "keys/releases", "releases");
    run(cmd_halt, later, &error, "halt", place.repo, "QVPN=3.0", NULL);
    g_assert_no_error(error);
    publish_well(&place, later);
    verify_well(&place, later);
    g_assert_cmpint(version_of(&place, "releases"), ==, releases);
    g_assert_cmpint(version_of(&place, "brake"), ==, brake + 1);
    move(&place, "releases", "keys/releases");
    publish_well(&place, later);
    g_assert_cmpint(version_of(&place, "releases"), ==, releases + 1);
}

/* The releases role is written, the next one is not: its number is spent, nobody sees the archive, and the next publish
 * works. */
static void a_missing_key_does_not_spoil_the_next_publish(void)
{
    g_auto(Place) place = place_new();
    g_autoptr(GError) error = NULL;
    init(&place);
    add(&place, NOW);
    g_autofree char *head = read_text(&place, "repo/public/metadata/timestamp.json");
    move(&place, "keys/snapshot", "snapshot");
    g_assert_false(publish(&place, NOW + 1, &error));
    g_assert_cmpint(error_kind(error), ==, APPCENTER_ERROR_UNTRUSTED);
    g_autofree char *same = read_text(&place, "repo/public/metadata/timestamp.json");
    g_assert_cmpstr(same, ==, head);
    g_autofree char *packages = in(&place, "repo/public/packages");
    g_assert_cmpint(g_rmdir(packages), ==, 0); /* it is empty */
    g_assert_cmpint(g_mkdir(packages, 0755), ==, 0);
    verify_well(&place, NOW + 1);
    move(&place, "snapshot", "keys/snapshot");
    publish_well(&place, NOW + 2);
    verify_well(&place, NOW + 2);
    g_assert_cmpint(version_of(&place, "releases"), ==, 3);
}

/* Power loss just before the head (world saved), and before the world was saved (old draft): both are published well by
 * the next attempt, and a file once written keeps its content. */
static void a_cut_publication_is_followed_by_a_good_one(void)
{
    g_auto(Place) place = place_new();
    init(&place);
    add(&place, NOW);
    g_autofree char *head = read_text(&place, "repo/public/metadata/timestamp.json");
    g_autofree char *draft = read_text(&place, "repo/draft.json");
    for (int keeps_world = 0; keeps_world < 2; keeps_world++) {
        publish_well(&place, NOW + 10 + keeps_world);
        write_text(&place, "repo/public/metadata/timestamp.json", head);
        if (!keeps_world)
            write_text(&place, "repo/draft.json", draft);
        verify_well(&place, NOW + 20);
        g_assert_cmpint(version_of(&place, "releases"), ==, 1);
    }
    publish_well(&place, NOW + 30);
    verify_well(&place, NOW + 30);
    g_assert_cmpint(version_of(&place, "releases"), >, 1);
    g_autofree char *world = read_text(&place, "repo/draft.json");
    g_assert_nonnull(
        strstr(world, "\"published\": \"2026-09-21T14:13:31Z\"")); /* NOW + 11: settled by then */
}

/* Were the head first, a crash would leave times in public that the next publish settles anew. */
static void the_world_is_saved_before_the_head(void)
{
    g_auto(Place) place = place_new();
    g_autoptr(GError) error = NULL;
    init(&place);
    add(&place, NOW);
    char *dirs[] = {place.keys, NULL};
    g_autofree char *head = read_text(&place, "repo/public/metadata/timestamp.json");
    g_autofree char *in_the_way = in(&place, "repo/draft.json");
    g_autofree char *held_back = NULL;
    g_auto(KeySource) source = {0};
    g_assert_true(key_source_init(&source, dirs, NULL, &error));
    g_autoptr(Repo) repo = repo_open(place.repo, &error);
    g_assert_no_error(error);
    g_autoptr(GHashTable) keys = publish_keys(repo, &source, &error);
    g_assert_no_error(error);
    move(&place, "repo/draft.json", "draft.json");
    g_assert_cmpint(g_mkdir(in_the_way, 0755), ==, 0);
    g_assert_false(publish_all(repo, keys, NOW + 1, &held_back, &error));
    g_autofree char *same = read_text(&place, "repo/public/metadata/timestamp.json");
    g_assert_cmpstr(same, ==, head);
    g_clear_pointer(&repo, repo_free);
    g_assert_cmpint(g_rmdir(in_the_way), ==, 0);
    move(&place, "draft.json", "repo/draft.json");
    publish_well(&place, NOW + 2);
    verify_well(&place, NOW + 2);
}

static void what_boxes_would_refuse_never_enters_the_draft(void)
{
    g_auto(Place) place = place_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *reason = g_strnfill(70000, 'x');
    init(&place);
    add(&place, NOW);
    g_autofree char *draft = read_text(&place, "repo/draft.json");
    g_assert_false(run(cmd_urgent, NOW, &error, "urgent", place.repo, "QVPN", "--reason", reason, NULL));
    g_clear_error(&error);
    g_assert_false(run(cmd_halt, NOW, &error, "halt", place.repo, "QVPN=3.0", "--reason", reason, NULL));
    g_assert_nonnull(strstr(error->message, "brake: boxes would refuse it"));
    g_autofree char *same = read_text(&place, "repo/draft.json");
    g_assert_cmpstr(same, ==, draft);
    publish_well(&place, NOW);
}

static void remove_file(const char *path, const struct stat *st, gpointer user_data)
{
    (void)user_data;
    g_assert_true(S_ISREG(st->st_mode));
    g_assert_cmpint(g_unlink(path), ==, 0);
}

static void verify_does_not_trust_what_is_missing(void)
{
    static const char *const folders[] = {"repo/public/packages", "repo/public/targets/catalogue",
                                          "repo/public/targets/brake"};
    for (gsize i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_auto(Place) place = place_new();
        g_autoptr(GError) error = NULL;
        g_autofree char *folder = in(&place, folders[i]);
        init(&place);
        add(&place, NOW);
        publish_well(&place, NOW);
        visit(folder, remove_file, NULL);
        g_assert_false(run(cmd_verify, NOW, &error, "verify", place.repo, NULL));
        g_test_message("%s", error->message);
        g_assert_cmpint(error_kind(error), ==, APPCENTER_ERROR_UNTRUSTED);
    }
}

static void there_is_one_writer_at_a_time(void)
{
    g_auto(Place) place = place_new();
    init(&place);
    g_autofree char *file = in(&place, "repo/draft.lock");
    g_auto(Fd) other = open(file, O_RDWR | O_CLOEXEC);
    g_assert_cmpint(other, >=, 0);
    g_autoptr(Repo) writer = repo_open(place.repo, NULL);
    g_assert_nonnull(writer);
    g_assert_cmpint(flock(other, LOCK_EX | LOCK_NB), !=, 0);
    g_autoptr(Repo) reader = repo_open_to_read(place.repo, NULL);
    g_assert_nonnull(reader);
    g_clear_pointer(&writer, repo_free);
    g_assert_cmpint(flock(other, LOCK_EX | LOCK_NB), ==, 0);
}

void add_whole_tests(void)
{
    g_test_add_func("/init/keys_are_private_and_locked", keys_are_private_and_locked);
    g_test_add_func("/init/says_what_is_in_its_way", init_says_what_is_in_its_way);
    g_test_add_func("/init/publish_finishes_what_it_began", publish_finishes_what_init_began);
    g_test_add_func("/publish/twice_changes_only_the_timestamp", publishing_twice_changes_only_the_timestamp);
    g_test_add_func("/publish/the_brake_needs_no_releases_keys", the_brake_needs_no_releases_keys);
    g_test_add_func("/publish/a_missing_key_does_not_spoil_the_next_one",
                    a_missing_key_does_not_spoil_the_next_publish);
    g_test_add_func("/publish/a_cut_one_is_followed_by_a_good_one",
                    a_cut_publication_is_followed_by_a_good_one);
    g_test_add_func("/publish/the_world_is_saved_before_the_head", the_world_is_saved_before_the_head);
    g_test_add_func("/draft/what_boxes_would_refuse_never_enters",
                    what_boxes_would_refuse_never_enters_the_draft);
    g_test_add_func("/verify/does_not_trust_what_is_missing", verify_does_not_trust_what_is_missing);
    g_test_add_func("/repo/there_is_one_writer_at_a_time", there_is_one_writer_at_a_time);
}
