/* archive_read_test.c - packages opened and unpacked, and every way for a stream to end wrongly. */
#include "archive_fixture.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static const QpkgCompression compressions[] = {QPKG_GZIP, QPKG_BZIP2, QPKG_XZ, QPKG_7Z, QPKG_ZSTD};

static GByteArray *small_tar(void)
{
    GByteArray *tar = g_byte_array_new();
    tar_add(tar, &(TarEntry){"./", '5', 0755, NULL, NULL});
    tar_add(tar, &(TarEntry){"./app.sh", '0', 0775, NULL, "#!/bin/sh\n"});
    tar_add(tar, &(TarEntry){"./lib/", '5', 0555, NULL, NULL});
    tar_add(tar, &(TarEntry){"./lib/a", '0', 0600, NULL, "aaa"});
    tar_add(tar, &(TarEntry){"./lib/b", '2', 0777, "a", NULL});
    tar_add(tar, &(TarEntry){"./lib/up", '2', 0777, "../app.sh", NULL});
    tar_add(tar, &(TarEntry){"./lib/same", '1', 0644, "./lib/a", NULL});
    tar_add(tar, &(TarEntry){"./implied/deep/c", '0', 0644, NULL, "cc"});
    tar_end(tar);
    return tar;
}

static void a_package_is_unpacked_as_it_was_packed(void)
{
    g_autoptr(GByteArray) tar = small_tar();
    g_autofree char *expected_sha256 = digest_hex_of(DIGEST_SHA256, tar->data, tar->len);
    for (gsize i = 0; i < G_N_ELEMENTS(compressions); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(Yard) yard = {0};
        yard_init(&yard);
        g_autoptr(GBytes) data = compressed(tar->data, tar->len, compressions[i]);
        g_autoptr(Package) package = package_opened(package_file(SAMPLE_CONFIG, data, compressions[i]));
        g_autofree char *sha256 = NULL;
        gboolean is_done = archive_unpack(package, yard.stage_fd, &wide_limits, NULL, &sha256, &error);
        g_assert_no_error(error);
        g_assert_true(is_done);
        g_assert_cmpstr(sha256, ==, expected_sha256);
        g_autofree char *stage = yard_stage_path(&yard, "");
        g_autofree char *found = tree_listing(stage);
        const unsigned me = geteuid(), us = getegid();
        g_autofree char *wanted = g_strdup_printf(
            "app.sh 100755 10 %u:%u 1610612736 #!/bin/sh\n\nimplied 40755 0 %u:%u", me, us, me, us);
        g_assert_true(g_str_has_prefix(found, wanted));
        g_autofree char *rest = g_strdup_printf(
            "implied/deep/c 100644 2 %u:%u 1610612736 cc\nlib 40755 0 %u:%u 1610612736 \n"
            "lib/a 100600 3 %u:%u 1610612736 aaa\nlib/b 120777 1 %u:%u 1610612736 a\n"
            "lib/same 100644 3 %u:%u 1610612736 aaa\nlib/up 120777 9 %u:%u 1610612736 ../app.sh",
            me, us, me, us, me, us, me, us, me, us, me, us);
        g_assert_true(g_str_has_suffix(found, rest));
    }
}

static void measuring_counts_the_same_and_writes_nothing(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) tar = small_tar();
    g_autofree char *expected = digest_hex_of(DIGEST_SHA256, tar->data, tar->len);
    g_autofree char *sha256 = NULL;
    gint64 files, bytes;
    g_autoptr(Package) package = package_opened(package_of_tar(tar));
    g_assert_true(archive_measure(package, &wide_limits, &files, &bytes, &sha256, &error));
    g_assert_cmpint(files, ==,
                    9); /* app.sh lib lib/a lib/b lib/up lib/same implied implied/deep implied/deep/c */
    g_assert_cmpint(bytes, ==, 10 + 3 + 3 + 2);
    g_assert_cmpstr(sha256, ==, expected);
}

static void limits_that_fit_exactly_are_enough(void)
{
    g_autoptr(GByteArray) tar = small_tar();
    for (int less = 0; less < 3; less++) {
        g_autoptr(GError) error = NULL;
        g_auto(Yard) yard = {0};
        yard_init(&yard);
        const UnpackLimits limits = {.max_bytes = 18 - (less == 1), .max_files = 9 - (less == 2)};
        g_autoptr(Package) package = package_opened(package_of_tar(tar));
        g_assert_cmpint(archive_unpack(package, yard.stage_fd, &limits, NULL, NULL, &error), ==, less == 0);
        if (less > 0)
            assert_error(&error, APPCENTER_ERROR_CORRUPT, less == 1 ? "at most 17 bytes" : "at most 8 files");
    }
}

static void what_open_finds_is_what_was_packed(void)
{
    g_autoptr(GByteArray) tar = small_tar();
    g_autoptr(Package) package = package_opened(package_of_tar(tar));
    g_assert_cmpstr(package->identity->name, ==, "Sample");
    g_assert_cmpstr(package->identity->version, ==, "1.0");
    g_assert_cmpstr(package->arch, ==, "all");
    g_assert_cmpmem(g_bytes_get_data(package->routines, NULL), g_bytes_get_size(package->routines),
                    "pkg_init(){\n:\n}\n", 16);
}

/* The sentence with which this data archive is refused. */
static void assert_refused(const void *data, gsize len, QpkgCompression compression, const char *sentence)
{
    g_autoptr(GError) error = NULL;
    gint64 files, bytes;
    g_autoptr(GBytes) payload = g_bytes_new(data, len);
    g_autoptr(Package) package = package_opened(package_file(SAMPLE_CONFIG, payload, compression));
    g_assert_false(archive_measure(package, &archive_vendor_limits, &files, &bytes, NULL, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, sentence);
}

/* Reads a stream to its end, without a helper around it. */
static gboolean read_stream(const void *data, gsize len, QpkgCompression compression, GError **error)
{
    const void *content;
    struct archive_entry *entry = NULL;
    g_auto(Fd) fd = memory_file(data, len);
    const TarSource source = {
        .fd = fd, .length = (gint64)len, .compression = (int)compression, .max_tar_bytes = 1 << 20};
    g_autoptr(TarStream) stream = tar_stream_open(&source, error);
    if (!stream)
        return FALSE;
    do {
        gssize n = 1;
        if (!tar_stream_next(stream, &entry, error))
            return FALSE;
        while (entry && n > 0)
            n = tar_stream_read(stream, &content, error);
        if (n < 0)
            return FALSE;
    } while (entry);
    return TRUE;
}

static void a_stream_cut_anywhere_is_refused(void)
{
    g_autoptr(GByteArray) tar = small_tar();
    for (gsize i = 0; i < G_N_ELEMENTS(compressions); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) data = compressed(tar->data, tar->len, compressions[i]);
        const void *bytes = g_bytes_get_data(data, NULL);
        gsize whole = g_bytes_get_size(data);
        g_assert_true(read_stream(bytes, whole, compressions[i], &error));
        for (gsize len = whole - 1; len > 0; len--) {
            g_assert_false(read_stream(bytes, len, compressions[i], &error));
            g_assert_true(g_error_matches(error, APPCENTER_ERROR, APPCENTER_ERROR_CORRUPT));
            g_clear_error(&error);
        }
        assert_refused(bytes, whole - 1, compressions[i], "data archive: ");
    }
}

static void a_stream_with_something_behind_it_is_refused(void)
{
    static const char *const behind[] = {"x", "\n", "garbage that is longer than a header could be"};
    g_autoptr(GByteArray) tar = small_tar();
    for (gsize i = 0; i < G_N_ELEMENTS(compressions) * G_N_ELEMENTS(behind); i++) {
        QpkgCompression compression = compressions[i % G_N_ELEMENTS(compressions)];
        const char *garbage = behind[i / G_N_ELEMENTS(compressions)];
        g_autoptr(GBytes) data = compressed(tar->data, tar->len, compression);
        g_autoptr(GByteArray) longer = g_byte_array_new();
        g_byte_array_append(longer, g_bytes_get_data(data, NULL), (guint)g_bytes_get_size(data));
        g_byte_array_append(longer, (const guint8 *)garbage, (guint)strlen(garbage));
        assert_refused(longer->data, longer->len, compression, "data archive: ");
    }
}

static void two_gzip_streams_in_a_row_are_refused(void)
{
    g_autoptr(GByteArray) tar = small_tar();
    g_autoptr(GByteArray) both = g_byte_array_new();
    for (guint half = 0; half < 2; half++) {
        g_autoptr(GBytes) part =
            compressed(tar->data + half * 1024, half ? tar->len - 1024 : 1024, QPKG_GZIP);
        g_byte_array_append(both, g_bytes_get_data(part, NULL), (guint)g_bytes_get_size(part));
    }
    assert_refused(both->data, both->len, QPKG_GZIP, "gzip's check sum does not hold");
}

static void gzips_check_sum_and_length_must_hold(void)
{
    g_autoptr(GByteArray) tar = small_tar();
    g_autoptr(GBytes) data = compressed(tar->data, tar->len, QPKG_GZIP);
    gsize len = g_bytes_get_size(data);
    g_autofree guint8 *copy = g_memdup2(g_bytes_get_data(data, NULL), len);
    copy[len - 8] ^= 1;
    assert_refused(copy, len, QPKG_GZIP, "gzip's check sum does not hold");
    copy[len - 8] ^= 1;
    copy[len - 1] ^= 1;
    assert_refused(copy, len, QPKG_GZIP, "gzip's length is");
}

static void data_of_another_method_than_named_is_refused(void)
{
    g_autoptr(GByteArray) tar = small_tar();
    g_autoptr(GBytes) xz = compressed(tar->data, tar->len, QPKG_XZ);
    g_autoptr(GBytes) twice = compressed(g_bytes_get_data(xz, NULL), g_bytes_get_size(xz), QPKG_XZ);
    assert_refused(g_bytes_get_data(xz, NULL), g_bytes_get_size(xz), QPKG_GZIP, "wanted gz data");
    assert_refused(tar->data, tar->len, QPKG_ZSTD, "wanted zst data");
    assert_refused(g_bytes_get_data(twice, NULL), g_bytes_get_size(twice), QPKG_XZ, "wanted xz data");
    assert_refused(tar->data, tar->len, QPKG_7Z, "wanted 7z data");
    assert_refused("7z\xbc\xaf\x27\x1c", 6, QPKG_7Z, "wanted 7z data");
}

static void a_tar_must_end_and_nothing_may_follow(void)
{
    g_autoptr(GByteArray) tar = small_tar();
    g_autoptr(GBytes) no_end = compressed(tar->data, tar->len - 1024, QPKG_GZIP);
    assert_refused(g_bytes_get_data(no_end, NULL), g_bytes_get_size(no_end), QPKG_GZIP, "no end mark");
    tar_add(tar, &(TarEntry){"./hidden", '0', 0644, NULL, "x"});
    tar_end(tar);
    g_autoptr(GBytes) second = compressed(tar->data, tar->len, QPKG_GZIP);
    assert_refused(g_bytes_get_data(second, NULL), g_bytes_get_size(second), QPKG_GZIP,
                   "behind the tar's end mark");
    g_autoptr(GBytes) no_tar = compressed("hello", 5, QPKG_GZIP);
    assert_refused(g_bytes_get_data(no_tar, NULL), g_bytes_get_size(no_tar), QPKG_GZIP, "data archive: ");
}

/* ---- control archives ---- */

/* An archive with this as its control part. */
static int package_with_control(const void *control, gsize len)
{
    g_autoptr(GError) error = NULL;
    const QpkgIdentity identity = {.name = (char *)"Sample", .version = (char *)"1.0"};
    g_auto(Fd) control_fd = memory_file(control, len);
    g_auto(Fd) data = memory_file("data", 4);
    const QpkgParts parts = {&identity, "all", QPKG_GZIP, control_fd, data, -1, NULL};
    int out = memory_file("", 0);
    g_assert_true(qpkg_write(out, &parts, &error));
    return out;
}

static void assert_control_refused(const GByteArray *inner, const char *name, const char *sentence)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) outer = g_byte_array_new();
    g_autoptr(GBytes) gz = compressed(inner->data, inner->len, QPKG_GZIP);
    tar_add_bytes(outer, &(TarEntry){name, '0', 0644, NULL, NULL}, g_bytes_get_data(gz, NULL),
                  g_bytes_get_size(gz));
    tar_end(outer);
    g_assert_null(package_open(package_with_control(outer->data, outer->len), NULL, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, sentence);
}

static void a_control_archive_without_a_good_config_is_refused(void)
{
    g_autofree char *much = g_strnfill(300000, '#');
    const struct {
        TarEntry entries[3];
        const char *sentence;
    } cases[] = {
        {{{"./other", '0', 0644, NULL, "x"}}, "has no qpkg.cfg"},
        {{{"./qpkg.cfg", '2', 0644, "/etc/passwd", NULL}}, "has no qpkg.cfg"},
        {{{"./sub/qpkg.cfg", '0', 0644, NULL, SAMPLE_CONFIG}}, "has no qpkg.cfg"},
        {{{"./qpkg.cfg", '0', 0644, NULL, "reboot\n"}}, "qpkg.cfg:1: wanted KEY=VALUE"},
        {{{"./qpkg.cfg", '0', 0644, NULL, "QPKG_NAME=Sample\n"}}, "QPKG_VER: wanted"},
        {{{"./qpkg.cfg", '0', 0644, NULL, much}}, "qpkg.cfg: wanted at most 65536 bytes"},
        {{{"./qpkg.cfg", '0', 0644, NULL, SAMPLE_CONFIG}, {"./package_routines", '0', 0644, NULL, much}},
         "package_routines: wanted at most 262144 bytes"},
        {{{"./qpkg.cfg", '0', 0644, NULL, SAMPLE_CONFIG}, {"./qpkg.cfg", '0', 0644, NULL, SAMPLE_CONFIG}},
         "twice"},
        {{{"./qpkg.cfg", '0', 0644, NULL, SAMPLE_CONFIG}, {"qpkg.cfg", '0', 0644, NULL, SAMPLE_CONFIG}},
         "twice"},
        {{{"./qpkg.cfg", '0', 0644, NULL, SAMPLE_CONFIG}, {"../x", '0', 0644, NULL, ""}},
         "leaves the package"},
        {{{"./qpkg.cfg", '0', 0644, NULL, "QPKG_NAME=Other\nQPKG_VER=1.0\nQPKG_AUTHOR=x\n"}},
         "this is Other"},
        {{{"./qpkg.cfg", '0', 0644, NULL, "QPKG_NAME=Sample\nQPKG_VER=2.0\nQPKG_AUTHOR=x\n"}}, "version 2.0"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GByteArray) inner = g_byte_array_new();
        for (gsize j = 0; j < 3 && cases[i].entries[j].name; j++)
            tar_add(inner, &cases[i].entries[j]);
        tar_end(inner);
        assert_control_refused(inner, "control.tar.gz", cases[i].sentence);
    }
}

static void a_control_part_of_another_shape_is_refused(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) inner = g_byte_array_new();
    tar_add(inner, &(TarEntry){"./qpkg.cfg", '0', 0644, NULL, SAMPLE_CONFIG});
    tar_end(inner);
    assert_control_refused(inner, "./control.tar.gz", "wanted control.tar.gz");
    assert_control_refused(inner, "control.tar.xz", "wanted control.tar.gz");
    g_autoptr(GBytes) gz = compressed(inner->data, inner->len, QPKG_GZIP);
    g_autoptr(GByteArray) two = g_byte_array_new();
    tar_add_bytes(two, &(TarEntry){"control.tar.gz", '0', 0644, NULL, NULL}, g_bytes_get_data(gz, NULL),
                  g_bytes_get_size(gz));
    tar_add(two, &(TarEntry){"more", '0', 0644, NULL, "x"});
    tar_end(two);
    g_assert_null(package_open(package_with_control(two->data, two->len), NULL, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "alone, found more");
    g_assert_null(package_open(package_with_control("control.tar.gz", 14), NULL, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "control archive: ");
}

static void a_package_cut_anywhere_is_refused(void)
{
    g_autoptr(GByteArray) tar = small_tar();
    g_auto(Fd) whole = package_of_tar(tar);
    g_autoptr(GBytes) bytes = bytes_of(whole);
    for (gsize len = g_bytes_get_size(bytes) - 1; len > 0; len -= MIN(len, 97)) {
        g_autoptr(GError) error = NULL;
        g_assert_null(package_open(memory_file(g_bytes_get_data(bytes, NULL), len), NULL, &error));
        g_assert_cmpint(error->code, ==, APPCENTER_ERROR_CORRUPT);
    }
}

/* ---- the watch ---- */

typedef struct {
    gint64 last, total;
    guint calls;
    gboolean is_cancelled;
} Watched;

static void note_progress(gint64 done, gint64 total, gpointer user_data)
{
    Watched *watched = user_data;
    g_assert_cmpint(done, >=, watched->last);
    watched->last = done;
    watched->total = total;
    watched->calls++;
}

static gboolean ask_cancelled(gpointer user_data)
{
    return ((Watched *)user_data)->is_cancelled;
}

static void progress_ends_at_the_whole_and_a_cancel_stops(void)
{
    g_autoptr(GByteArray) tar = small_tar();
    for (int cancel = 0; cancel < 2; cancel++) {
        g_autoptr(GError) error = NULL;
        g_auto(Yard) yard = {0};
        yard_init(&yard);
        Watched watched = {.is_cancelled = cancel};
        const UnpackWatch watch = {note_progress, ask_cancelled, &watched};
        g_autoptr(Package) package = package_opened(package_of_tar(tar));
        g_assert_cmpint(archive_unpack(package, yard.stage_fd, &wide_limits, &watch, NULL, &error), ==,
                        !cancel);
        if (cancel) {
            assert_error(&error, APPCENTER_ERROR_CANCELLED, "cancelled");
        } else {
            g_assert_cmpint(watched.last, ==, package->layout->data_bytes);
            g_assert_cmpint(watched.total, ==, package->layout->data_bytes);
        }
    }
}

static void a_full_disk_is_no_space(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Yard) yard = {0};
    yard_init(&yard);
    g_autofree char *stage = yard_stage_path(&yard, "");
    if (mount("none", stage, "tmpfs", 0, "size=64k") != 0) {
        g_test_skip("may not mount a small file system");
        return;
    }
    g_auto(Fd) small = open(stage, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autofree char *content = g_strnfill(200000, 'x');
    g_autoptr(GByteArray) tar = g_byte_array_new();
    tar_add(tar, &(TarEntry){"./big", '0', 0644, NULL, content});
    tar_end(tar);
    g_autoptr(Package) package = package_opened(package_of_tar(tar));
    gboolean is_done = archive_unpack(package, small, &wide_limits, NULL, NULL, &error);
    umount2(stage, MNT_DETACH);
    g_assert_false(is_done);
    assert_error(&error, APPCENTER_ERROR_NO_SPACE, "\"big\": write");
}

void archive_read_tests(void)
{
    g_test_add_func("/archive/a_package_is_unpacked_as_it_was_packed",
                    a_package_is_unpacked_as_it_was_packed);
    g_test_add_func("/archive/measuring_counts_the_same_and_writes_nothing",
                    measuring_counts_the_same_and_writes_nothing);
    g_test_add_func("/archive/limits_that_fit_exactly_are_enough", limits_that_fit_exactly_are_enough);
    g_test_add_func("/archive/what_open_finds_is_what_was_packed", what_open_finds_is_what_was_packed);
    g_test_add_func("/archive/a_stream_cut_anywhere_is_refused", a_stream_cut_anywhere_is_refused);
    g_test_add_func("/archive/a_stream_with_something_behind_it_is_refused",
                    a_stream_with_something_behind_it_is_refused);
    g_test_add_func("/archive/two_gzip_streams_in_a_row_are_refused", two_gzip_streams_in_a_row_are_refused);
    g_test_add_func("/archive/gzips_check_sum_and_length_must_hold", gzips_check_sum_and_length_must_hold);
    g_test_add_func("/archive/data_of_another_method_than_named_is_refused",
                    data_of_another_method_than_named_is_refused);
    g_test_add_func("/archive/a_tar_must_end_and_nothing_may_follow", a_tar_must_end_and_nothing_may_follow);
    g_test_add_func("/archive/a_control_archive_without_a_good_config_is_refused",
                    a_control_archive_without_a_good_config_is_refused);
    g_test_add_func("/archive/a_control_part_of_another_shape_is_refused",
                    a_control_part_of_another_shape_is_refused);
    g_test_add_func("/archive/a_package_cut_anywhere_is_refused", a_package_cut_anywhere_is_refused);
    g_test_add_func("/archive/progress_ends_at_the_whole_and_a_cancel_stops",
                    progress_ends_at_the_whole_and_a_cancel_stops);
    g_test_add_func("/archive/a_full_disk_is_no_space", a_full_disk_is_no_space);
}
