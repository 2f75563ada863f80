/* fuzz_inspect.c - the whole of inspect, in one process: header, control archive, qpkg.cfg, tail, data archive, rules.
 *
 * The helper's functions are replaced here, so that its work runs without a fork and under the sanitizers. An input that
 * does not begin like a package is taken for the tar of a data archive (its first byte says how it is compressed), or with
 * an odd second byte for that of a control archive: a mutation of compressed bytes would hardly ever get past the
 * decompressor.
 */
#include "fuzz.h"
#include "ports/archive_internal.h"

#include <locale.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CONFIG "QPKG_NAME=\"Fuzz\"\nQPKG_VER=\"1.0\"\nQPKG_AUTHOR=\"x\"\n"

/* ---- the helper without a process ---- */

struct Helper {
    const HelperSpec *spec;
};

/* The sentence of a failure is made safe to show, as the parent of a real helper does. */
gboolean helper_run(const HelperSpec *spec, GError **error)
{
    Helper helper = {spec};
    g_autoptr(GError) failure = NULL;
    if (spec->work(&helper, spec->user_data, &failure))
        return TRUE;
    g_autofree char *sentence = g_utf8_make_valid(failure->message, -1);
    for (char *c = sentence; *c; c++)
        *c = (guint8)*c < 0x20 ? '?' : *c;
    return error_set(error, (AppcenterError)failure->code, "%s", sentence);
}

gboolean helper_send(Helper *helper, guint8 type, const void *data, gsize len, GError **error)
{
    return helper->spec->on_frame(type, data, len, helper->spec->user_data, error);
}

gboolean helper_progress(Helper *helper, gint64 done_bytes, GError **error)
{
    (void)helper, (void)done_bytes, (void)error;
    return TRUE;
}

uid_t helper_uid(void)
{
    return geteuid();
}

/* ---- packages around an input ---- */

static int memory_file(const void *data, gsize len)
{
    g_autoptr(GError) error = NULL;
    int fd = memfd_create("part", MFD_CLOEXEC);
    g_assert_true(fd >= 0 && files_write_all(fd, data, len, &error));
    return fd;
}

/* In one stream of the compression; 7-Zip stays out: libarchive would write it through a temporary file. */
static int compressed(const void *data, gsize len, QpkgCompression compression)
{
    int out = memfd_create("data", MFD_CLOEXEC);
    struct archive *writer = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    archive_write_set_format_raw(writer);
    int status = compression == QPKG_BZIP2  ? archive_write_add_filter_bzip2(writer)
                 : compression == QPKG_XZ   ? archive_write_add_filter_xz(writer)
                 : compression == QPKG_ZSTD ? archive_write_add_filter_zstd(writer)
                                            : archive_write_add_filter_gzip(writer);
    g_assert_cmpint(status, ==, ARCHIVE_OK);
    if (compression != QPKG_BZIP2)
        archive_write_set_filter_option(writer, NULL, "compression-level", "1");
    archive_write_set_bytes_in_last_block(writer, 1);
    archive_write_open_fd(writer, out);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_write_header(writer, entry);
    archive_write_data(writer, data, len);
    archive_write_close(writer);
    archive_entry_free(entry);
    archive_write_free(writer);
    return out;
}

static GBytes *bytes_of(int fd)
{
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
    GBytes *bytes = files_read_fd(fd, 64 * 1024 * 1024, &error);
    g_assert_no_error(error);
    return bytes;
}

/* The outer tar around a control.tar.gz of any bytes. */
static int control_around(GBytes *inner)
{
    int fd = memfd_create("control", MFD_CLOEXEC);
    struct archive *writer = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    archive_write_set_format_gnutar(writer);
    archive_write_open_fd(writer, fd);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_copy_pathname(entry, "control.tar.gz");
    archive_entry_set_size(entry, (gint64)g_bytes_get_size(inner));
    archive_write_header(writer, entry);
    archive_write_data(writer, g_bytes_get_data(inner, NULL), g_bytes_get_size(inner));
    archive_write_close(writer);
    archive_entry_free(entry);
    archive_write_free(writer);
    return fd;
}

static int package_around(const guint8 *tar, gsize len, QpkgCompression compression, gboolean is_control)
{
    g_autoptr(GError) error = NULL;
    const QpkgIdentity identity = {.name = (char *)"Fuzz", .version = (char *)"1.0"};
    const ArchiveMember members[] = {{"qpkg.cfg", CONFIG, strlen(CONFIG), 0644}};
    g_auto(Fd) data = compressed(tar, len, is_control ? QPKG_GZIP : compression);
    g_auto(Fd) control = -1;
    if (is_control) {
        g_autoptr(GBytes) inner = bytes_of(data);
        control = control_around(inner);
    } else {
        control = memory_file("", 0);
        g_assert_true(archive_pack_control(control, members, G_N_ELEMENTS(members), 0, &error));
    }
    const QpkgParts parts = {&identity, "all", is_control ? QPKG_GZIP : compression, control, data, -1, NULL};
    int out = memory_file("", 0);
    g_assert_true(qpkg_write(out, &parts, &error));
    return out;
}

/* ---- the target ---- */

static void inspect(int fd)
{
    const UnpackLimits limits = {.max_bytes = 1 << 20, .max_files = 200, .max_ratio = 100};
    g_autoptr(GError) error = NULL;
    g_autofree char *sha256 = NULL;
    gint64 files = 0, bytes = 0;
    g_autoptr(Package) package = package_open(fd, NULL, &error);
    if (!package || !archive_measure(package, &limits, &files, &bytes, &sha256, &error)) {
        fuzz_check_refusal(error);
        return;
    }
    g_assert_true(files <= limits.max_files && bytes <= limits.max_bytes);
    g_assert_true(units_is_hex(sha256, 32));
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len)
{
    static const QpkgCompression compressions[] = {QPKG_ZSTD, QPKG_GZIP, QPKG_BZIP2, QPKG_XZ};
    setlocale(LC_CTYPE, "C.UTF-8");
    if (len > 2 && memcmp(data, "#!", 2) == 0)
        inspect(memory_file(data, len));
    else if (len > 2)
        inspect(package_around(data + 2, len - 2, compressions[data[0] % G_N_ELEMENTS(compressions)],
                               data[1] % 2));
    return 0;
}
