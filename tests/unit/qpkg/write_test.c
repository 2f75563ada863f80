/* write_test.c - what we write is what we read, what QDK's readers look for, and harmless when it is run. */
#include "test.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void what_is_written_is_read_back(void)
{
    static const char *const arches[] = {"all",    "arm-x09", "arm-x19", "arm-x31",   "arm-x41",
                                         "arm_64", "x86",     "x86_64",  "x86_ce53xx"};
    for (gsize i = 0; i < G_N_ELEMENTS(arches) * 8; i++) {
        g_autoptr(GError) error = NULL;
        const char *arch = arches[i / 8];
        QpkgCompression compression = (i & 1) ? QPKG_ZSTD : (i & 4) ? QPKG_BZIP2 : QPKG_GZIP;
        gboolean has_extra = (i & 2) != 0;
        g_auto(Fd) fd =
            sample_archive("A-name-longer-than-twenty", "1.2.3-beta.45", arch, compression, has_extra);
        g_autoptr(QpkgLayout) layout = qpkg_layout_read(fd, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(layout->arch, ==, arch);
        g_assert_cmpint(layout->compression, ==, compression);
        g_assert_cmpint(layout->control_bytes, ==, 12);
        g_assert_cmpint(layout->data_bytes, ==, 12);
        g_assert_cmpint(layout->extra_bytes, ==, has_extra ? 5 : 0);
        g_assert_cmpint(layout->area_bytes, ==, 0);
        g_assert_cmpstr(layout->tail_name, ==, "A-name-longer-than-t");
        g_assert_cmpstr(layout->tail_version, ==, "1.2.3-beta");
        g_assert_true(layout->tail_size_matches);
    }
}

/* QDK's reader takes the data through a pipe in blocks of 1024, and loses bytes when it does not begin at one. */
static void data_begins_where_a_block_of_qdks_reader_does(void)
{
    static const gsize control_sizes[] = {1, 512, 1023, 1024, 10240, 20480, 20481};
    for (gsize i = 0; i < G_N_ELEMENTS(control_sizes); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *bytes = g_malloc0(control_sizes[i]);
        const QpkgIdentity identity = {.name = (char *)"N", .version = (char *)"1"};
        g_auto(Fd) control = memory_file(bytes, control_sizes[i]);
        g_auto(Fd) data = memory_file("d", 1);
        g_auto(Fd) out = memory_file("", 0);
        const QpkgParts parts = {&identity, "x86", QPKG_XZ, control, data, -1, "TS-1"};
        g_assert_true(qpkg_write(out, &parts, &error));
        g_autoptr(QpkgLayout) layout = qpkg_layout_read(out, &error);
        g_assert_no_error(error);
        g_assert_cmpint((layout->script_bytes + layout->control_bytes) % 1024, ==, 0);
        g_assert_cmpint(layout->control_bytes, ==, (gint64)control_sizes[i]);
        g_assert_cmpstr(layout->tail_model, ==, "TS-1");
    }
}

static char *header_of(int fd)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(QpkgLayout) layout = qpkg_layout_read(fd, &error);
    g_assert_no_error(error);
    g_autoptr(GBytes) bytes = bytes_of(fd);
    return g_strndup(g_bytes_get_data(bytes, NULL), (gsize)layout->script_bytes);
}

/* QDK evaluates every line that starts with script_len or offset up to the first that starts with exit 1; QNAP's tool
 * adds up the digits in those lines. Both must come to our content size. */
static void other_readers_come_to_the_same_sums(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Fd) fd = sample_archive("Sum", "1", "x86_ce53xx", QPKG_GZIP, TRUE);
    g_autoptr(QpkgLayout) layout = qpkg_layout_read(fd, &error);
    g_autofree char *header = header_of(fd);
    g_auto(GStrv) lines = g_strsplit(header, "\n", -1);
    g_autoptr(GString) evaluated = g_string_new(NULL);
    gint64 sum = 0;
    for (char **line = lines; *line && !g_str_has_prefix(*line, "exit 1"); line++) {
        if (!g_str_has_prefix(*line, "script_len") && !g_str_has_prefix(*line, "offset"))
            continue;
        g_string_append_printf(evaluated, "%s;", *line);
        g_autoptr(GString) digits = g_string_new(NULL);
        for (const char *c = *line; *c; c++) {
            if (g_ascii_isdigit(*c))
                g_string_append_c(digits, *c);
        }
        sum += g_ascii_strtoll(digits->str, NULL, 10);
    }
    g_assert_cmpint(sum, ==, layout->content_bytes);
    g_string_append(evaluated, "echo $offset");
    const char *argv[] = {"/bin/sh", "-c", evaluated->str, NULL};
    g_auto(ProcessResult) result = {0};
    const ProcessSpec spec = {.argv = argv, .cwd_fd = -1, .stdin_fd = -1, .timeout_s = 10};
    g_assert_true(process_run_checked(&spec, &result, &error));
    g_assert_no_error(error);
    g_assert_cmpint(g_ascii_strtoll(result.output, NULL, 10), ==, layout->content_bytes);
}

static void run_as_a_script_it_says_how_to_install_and_fails(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Fd) fd = sample_archive("Run", "1", "arm_64", QPKG_ZSTD, TRUE);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    const char *argv[] = {"/bin/sh", path, NULL};
    g_auto(ProcessResult) result = {0};
    const ProcessSpec spec = {
        .argv = argv, .cwd_fd = -1, .stdin_fd = -1, .pass_fds = &fd, .n_pass_fds = 1, .timeout_s = 10};
    g_assert_true(process_run(&spec, &result, &error));
    g_assert_no_error(error);
    g_assert_cmpint(result.exit_code, ==, 1);
    g_assert_cmpstr(result.output, ==, "install this package with: appctl install FILE\n");
}

static void the_same_parts_give_the_same_bytes(void)
{
    g_auto(Fd) a = sample_archive("Same", "1", "all", QPKG_ZSTD, FALSE);
    g_auto(Fd) b = sample_archive("Same", "1", "all", QPKG_ZSTD, FALSE);
    g_autoptr(GBytes) first = bytes_of(a);
    g_autoptr(GBytes) second = bytes_of(b);
    g_assert_true(g_bytes_equal(first, second));
}

static void what_could_not_be_read_is_not_written(void)
{
    g_autoptr(GError) error = NULL;
    const QpkgIdentity identity = {.name = (char *)"N", .version = (char *)"1"};
    g_auto(Fd) full = memory_file("x", 1);
    g_auto(Fd) empty = memory_file("", 0);
    g_auto(Fd) out = memory_file("", 0);
    QpkgParts parts = {&identity, "all", QPKG_XZ, full, empty, -1, NULL};
    g_assert_false(qpkg_write(out, &parts, &error));
    assert_error(&error, APPCENTER_ERROR_INVALID, "data archive: wanted a file that is not empty");
    parts.data_fd = full;
    parts.arch = "mips";
    g_assert_false(qpkg_write(out, &parts, &error));
    assert_error(&error, APPCENTER_ERROR_INVALID, "found \"mips\"");
    parts.arch = "all";
    parts.model = "much too long";
    g_assert_false(qpkg_write(out, &parts, &error));
    assert_error(&error, APPCENTER_ERROR_INVALID, "model: wanted at most 10");
}

static void a_new_record_comes_first_and_others_stay(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) legacy = g_bytes_new("legacy", 6);
    g_autoptr(GBytes) strong = g_bytes_new("strong!", 7);
    g_autoptr(GBytes) newer = g_bytes_new("newer", 5);
    const struct {
        guint8 type;
        GBytes *payload;
    } steps[] = {{QPKG_RECORD_CMS, legacy}, {QPKG_RECORD_STRONG, strong}, {QPKG_RECORD_STRONG, newer}};
    int fd = sample_archive("Rec", "1", "all", QPKG_GZIP, FALSE);
    for (gsize i = 0; i < G_N_ELEMENTS(steps); i++) {
        g_autoptr(QpkgLayout) before = qpkg_layout_read(fd, &error);
        g_assert_no_error(error);
        int out = memory_file("", 0);
        g_assert_true(qpkg_write_with_record(fd, before, steps[i].type, steps[i].payload, out, &error));
        g_assert_no_error(error);
        fd_close(fd);
        fd = out;
    }
    g_autoptr(QpkgLayout) layout = qpkg_layout_read(fd, &error);
    g_assert_no_error(error);
    g_assert_true(layout->tail_size_matches);
    g_assert_cmpuint(layout->records->len, ==, 2);
    g_assert_cmpint(g_array_index(layout->records, QpkgRecord, 0).type, ==, QPKG_RECORD_STRONG);
    g_autoptr(GBytes) read_strong = qpkg_read_record(fd, layout, QPKG_RECORD_STRONG, &error);
    g_autoptr(GBytes) read_legacy = qpkg_read_record(fd, layout, QPKG_RECORD_CMS, &error);
    g_assert_true(g_bytes_equal(read_strong, newer));
    g_assert_true(g_bytes_equal(read_legacy, legacy));
    fd_close(fd);
}

static void a_record_of_the_end_type_or_too_long_is_not_written(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Fd) fd = sample_archive("Rec", "1", "all", QPKG_GZIP, FALSE);
    g_auto(Fd) out = memory_file("", 0);
    g_autoptr(QpkgLayout) layout = qpkg_layout_read(fd, &error);
    g_autofree char *much = g_malloc0(65537);
    g_autoptr(GBytes) payload = g_bytes_new(much, 65537);
    g_autoptr(GBytes) small = g_bytes_new("x", 1);
    g_assert_false(qpkg_write_with_record(fd, layout, 255, small, out, &error));
    assert_error(&error, APPCENTER_ERROR_INVALID, "below 255");
    g_assert_false(qpkg_write_with_record(fd, layout, QPKG_RECORD_STRONG, payload, out, &error));
    assert_error(&error, APPCENTER_ERROR_INVALID, "at most 65536");
}

void write_tests(void)
{
    g_test_add_func("/write/what_is_written_is_read_back", what_is_written_is_read_back);
    g_test_add_func("/write/data_begins_where_a_block_of_qdks_reader_does",
                    data_begins_where_a_block_of_qdks_reader_does);
    g_test_add_func("/write/other_readers_come_to_the_same_sums", other_readers_come_to_the_same_sums);
    g_test_add_func("/write/run_as_a_script_it_says_how_to_install_and_fails",
                    run_as_a_script_it_says_how_to_install_and_fails);
    g_test_add_func("/write/the_same_parts_give_the_same_bytes", the_same_parts_give_the_same_bytes);
    g_test_add_func("/write/what_could_not_be_read_is_not_written", what_could_not_be_read_is_not_written);
    g_test_add_func("/write/a_new_record_comes_first_and_others_stay",
                    a_new_record_comes_first_and_others_stay);
    g_test_add_func("/write/a_record_of_the_end_type_or_too_long_is_not_written",
                    a_record_of_the_end_type_or_too_long_is_not_written);
}
