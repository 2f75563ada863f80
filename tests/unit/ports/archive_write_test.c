/* archive_write_test.c - what the vendor packs: layers, order, the same bytes each time, and what is refused. */
#include "archive_fixture.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    Scratch scratch;
    ArchiveLayer layers[3];
} Source;

static int open_folder(const Scratch *scratch, const char *path)
{
    g_autofree char *full = scratch_path(scratch, path);
    int fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    return fd;
}

static void source_init(Source *source)
{
    scratch_init(&source->scratch);
    scratch_write(&source->scratch, "/shared/app.sh", "shared script");
    scratch_write(&source->scratch, "/shared/bin/tool", "generic");
    scratch_write(&source->scratch, "/shared/bin/gr\xc3\xbcn", "utf-8");
    scratch_write(&source->scratch, "/arch/bin/tool", "for this machine");
    scratch_write(&source->scratch, "/config/app.conf", "setting");
    g_autofree char *long_name = g_strnfill(200, 'l');
    g_autofree char *long_path = g_strconcat("/shared/", long_name, NULL);
    scratch_write(&source->scratch, long_path, "long");
    g_autofree char *link = scratch_path(&source->scratch, "/shared/link");
    g_autofree char *script = scratch_path(&source->scratch, "/shared/app.sh");
    g_assert_cmpint(symlink("app.sh", link), ==, 0);
    g_assert_cmpint(chmod(script, 0775), ==, 0);
    source->layers[0] = (ArchiveLayer){open_folder(&source->scratch, "/shared"), "", NULL};
    source->layers[1] = (ArchiveLayer){open_folder(&source->scratch, "/arch"), "", NULL};
    source->layers[2] = (ArchiveLayer){open_folder(&source->scratch, "/config"), "conf/d/", NULL};
}

static void source_clear(Source *source)
{
    for (gsize i = 0; i < G_N_ELEMENTS(source->layers); i++)
        fd_close(source->layers[i].dir_fd);
    scratch_clear(&source->scratch);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Source, source_clear)

static GBytes *pack(const Source *source, QpkgCompression compression, GError **error)
{
    g_auto(Fd) out = memory_file("", 0);
    if (!archive_pack_data(out, compression, source->layers, G_N_ELEMENTS(source->layers), 1700000000, error))
        return NULL;
    return bytes_of(out);
}

static void assert_content(const Yard *yard, const char *path, const char *wanted, guint mode)
{
    struct stat st;
    g_autofree char *full = yard_stage_path(yard, path);
    g_autofree char *content = NULL;
    g_assert_true(g_file_get_contents(full, &content, NULL, NULL));
    g_assert_cmpstr(content, ==, wanted);
    g_assert_cmpint(lstat(full, &st), ==, 0);
    g_assert_cmpint(st.st_mode & 07777, ==, mode);
    g_assert_cmpint(st.st_mtime, ==, 1700000000);
}

static void layers_lie_over_each_other(void)
{
    static const QpkgCompression compressions[] = {QPKG_GZIP, QPKG_BZIP2, QPKG_XZ, QPKG_ZSTD};
    g_auto(Source) source = {0};
    source_init(&source);
    for (gsize i = 0; i < G_N_ELEMENTS(compressions); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(Yard) yard = {0};
        yard_init(&yard);
        g_autoptr(GBytes) data = pack(&source, compressions[i], &error);
        g_assert_no_error(error);
        g_autoptr(Package) package = package_opened(package_file(SAMPLE_CONFIG, data, compressions[i]));
        gboolean is_done = archive_unpack(package, yard.stage_fd, &wide_limits, NULL, NULL, &error);
        g_assert_no_error(error);
        g_assert_true(is_done);
        g_autofree char *long_name = g_strnfill(200, 'l');
        assert_content(&yard, "app.sh", "shared script", 0755);
        assert_content(&yard, "bin/tool", "for this machine", 0644);
        assert_content(&yard, "bin/gr\xc3\xbcn", "utf-8", 0644);
        assert_content(&yard, "conf/d/app.conf", "setting", 0644);
        assert_content(&yard, long_name, "long", 0644);
        g_autofree char *link = yard_stage_path(&yard, "link");
        g_autofree char *target = g_file_read_link(link, NULL);
        g_assert_cmpstr(target, ==, "app.sh");
    }
}

static void the_same_tree_gives_the_same_bytes(void)
{
    static const QpkgCompression compressions[] = {QPKG_GZIP, QPKG_BZIP2, QPKG_XZ, QPKG_ZSTD};
    for (gsize i = 0; i < G_N_ELEMENTS(compressions); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(Source) one = {0};
        g_auto(Source) two = {0};
        source_init(&one);
        source_init(&two);
        g_autofree char *touched = scratch_path(&two.scratch, "/shared/app.sh");
        const struct timespec times[2] = {{1, 0}, {1, 0}};
        g_assert_cmpint(utimensat(AT_FDCWD, touched, times, 0), ==, 0);
        g_autoptr(GBytes) first = pack(&one, compressions[i], &error);
        g_autoptr(GBytes) second = pack(&two, compressions[i], &error);
        g_assert_no_error(error);
        g_assert_true(g_bytes_equal(first, second));
    }
}

static void a_control_part_has_qdks_shape(void)
{
    g_autoptr(GError) error = NULL;
    const ArchiveMember members[] = {{"qpkg.cfg", "x", 1, 0644}, {"package_routines", NULL, 0, 0644}};
    g_auto(Fd) one = memory_file("", 0);
    g_auto(Fd) two = memory_file("", 0);
    g_assert_true(archive_pack_control(one, members, 2, 0, &error));
    g_assert_true(archive_pack_control(two, members, 2, 0, &error));
    g_autoptr(GBytes) first = bytes_of(one);
    g_autoptr(GBytes) second = bytes_of(two);
    g_assert_true(g_bytes_equal(first, second));
    g_assert_cmpuint(g_bytes_get_size(first) % 10240, ==, 0);
    g_assert_cmpstr(g_bytes_get_data(first, NULL), ==, "control.tar.gz");
}

static void what_could_not_be_unpacked_is_not_packed(void)
{
    static const struct {
        const char *path;
        int kind; /* 0 setuid file, 1 fifo, 2 a name with a newline, 3 a file where another layer has a folder */
        const char *sentence;
    } cases[] = {
        {"/shared/suid", 0, "is setuid"},
        {"/shared/fifo", 1, "neither a file nor a folder nor a link"},
        {"/shared/a\nb", 2, "control bytes"},
        {"/arch/app.sh/x", 2, "app.sh is a folder in one layer and a file in another"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(Source) source = {0};
        source_init(&source);
        g_autofree char *full = scratch_path(&source.scratch, cases[i].path);
        if (cases[i].kind == 1)
            g_assert_cmpint(mkfifo(full, 0644), ==, 0);
        else
            scratch_write(&source.scratch, cases[i].path, "x");
        if (cases[i].kind == 0)
            g_assert_cmpint(chmod(full, 04755), ==, 0);
        g_assert_null(pack(&source, QPKG_GZIP, &error));
        g_assert_nonnull(strstr(error->message, cases[i].sentence));
    }
}

static void a_full_output_is_an_error(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Source) source = {0};
    source_init(&source);
    g_auto(Fd) full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    g_assert_false(archive_pack_data(full, QPKG_GZIP, source.layers, 3, 0, &error));
    assert_error(&error, APPCENTER_ERROR_NO_SPACE, "write");
    g_assert_false(archive_pack_data(full, QPKG_7Z, source.layers, 3, 0, &error));
    assert_error(&error, APPCENTER_ERROR_INVALID, "found 7-Zip");
}

void archive_write_tests(void)
{
    g_test_add_func("/archive/write/layers_lie_over_each_other", layers_lie_over_each_other);
    g_test_add_func("/archive/write/the_same_tree_gives_the_same_bytes", the_same_tree_gives_the_same_bytes);
    g_test_add_func("/archive/write/a_control_part_has_qdks_shape", a_control_part_has_qdks_shape);
    g_test_add_func("/archive/write/what_could_not_be_unpacked_is_not_packed",
                    what_could_not_be_unpacked_is_not_packed);
    g_test_add_func("/archive/write/a_full_output_is_an_error", a_full_output_is_an_error);
}
