/* layout_test.c - header grammar and sums: every way to lie about a length. */
#include "test.h"

#include <string.h>
#include <unistd.h>

static void the_lengths_of_a_good_header_are_read(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Fd) fd = handmade_archive(GOOD_HEADER, "", 0);
    g_autoptr(QpkgLayout) layout = qpkg_layout_read(fd, &error);
    g_assert_no_error(error);
    g_assert_cmpint(layout->control_bytes, ==, 10);
    g_assert_cmpint(layout->data_bytes, ==, 20);
    g_assert_cmpint(layout->extra_bytes, ==, 0);
    g_assert_cmpint(layout->area_bytes, ==, 0);
    g_assert_cmpint(layout->content_bytes + 100, ==, layout->file_bytes);
    g_assert_cmpint(layout->compression, ==, QPKG_GZIP);
    g_assert_cmpstr(layout->arch, ==, "all");
    g_assert_cmpstr(layout->tail_name, ==, "Hand");
    g_assert_cmpstr(layout->tail_version, ==, "1.0");
    g_assert_false(layout->tail_size_matches);
}

static void what_is_cut_short_does_not_end_as_an_archive_ends(void)
{
    g_auto(Fd) fd = handmade_archive(GOOD_HEADER, "", 0);
    g_assert_true(qpkg_ends_whole(fd));
    for (gint64 end = lseek(fd, 0, SEEK_END) - 1; end >= 0; end--) {
        g_assert_cmpint(ftruncate(fd, end), ==, 0);
        g_assert_false(qpkg_ends_whole(fd));
    }
}

#define SCRIPT "script_len=@S@\n"
#define FIRST  "offset=$(/usr/bin/expr $script_len + 10)\n"
#define DATA   "/bin/dd of=$D/data.tar.gz\n"
#define SECOND "offset=$(/usr/bin/expr $offset + 20)\n"
#define SH     "#!/bin/sh\n"
#define END    "exit 1\n"

static const struct {
    const char *header;
    const char *sentence;
} bad_headers[] = {
    {"#!/bin/bash\n" SCRIPT FIRST DATA SECOND END, "wanted #!/bin/sh"},
    {SH FIRST DATA SECOND END, "before the script_len"},
    {SH SCRIPT SCRIPT FIRST DATA SECOND END, "second script_len"},
    {SH "script_len=0@S@\n" FIRST DATA SECOND END, "at most 9 digits"},
    {SH "script_len= @S@\n" FIRST DATA SECOND END, "at most 9 digits"},
    {SH "script_len=@S@ \n" FIRST DATA SECOND END, "at most 9 digits"},
    {SH "script_len=@S@;reboot\n" FIRST DATA SECOND END, "at most 9 digits"},
    {SH "script_len=1234567890\n" FIRST DATA SECOND END, "at most 9 digits"},
    {SH "script_len=-1\n" FIRST DATA SECOND END, "at most 9 digits"},
    {SH "script_len=\n" FIRST DATA SECOND END, "at most 9 digits"},
    {SH "script_len=99\n" FIRST DATA SECOND END, "script_len is 99, but the script ends"},
    {SH "script_length=@S@\n" FIRST DATA SECOND END, "script_len="},
    {SH SCRIPT "offset=$(/usr/bin/expr $offset + 10)\n" DATA SECOND END, "$script_len + LENGTH"},
    {SH SCRIPT FIRST DATA "offset=$(/usr/bin/expr $script_len + 20)\n" END, "$offset + LENGTH"},
    {SH SCRIPT FIRST DATA "offset=$(/usr/bin/expr $offset + 020)\n" END, "$offset + LENGTH"},
    {SH SCRIPT FIRST DATA "offset=$(/usr/bin/expr $offset + 0)\n" END, "$offset + LENGTH"},
    {SH SCRIPT FIRST DATA "offset=$(/usr/bin/expr $offset + 20)1\n" END, "$offset + LENGTH"},
    {SH SCRIPT FIRST DATA "offset=$(/usr/bin/expr $offset + 9999999999999999)\n" END, "$offset + LENGTH"},
    {SH SCRIPT FIRST DATA "offset=$(/usr/bin/expr $offset + 20; reboot)\n" END, "$offset + LENGTH"},
    {SH SCRIPT FIRST DATA "offset=30\n" END, "$offset + LENGTH"},
    {SH SCRIPT FIRST DATA "offsets=0\n" SECOND END, "$offset + LENGTH"},
    {SH SCRIPT FIRST DATA END, "wanted two offset lines"},
    {SH SCRIPT FIRST DATA SECOND SECOND SECOND END, "fourth offset"},
    {SH SCRIPT FIRST DATA SECOND SECOND END, "want a file of"},
    {SH SCRIPT FIRST DATA SECOND " offset=7\n" END, "does not stand at the start"},
    {SH SCRIPT FIRST DATA SECOND "#script_len=7\n" END, "does not stand at the start"},
    {SH SCRIPT FIRST DATA SECOND "control.tar.gz\n" END, "starts with control.tar.gz"},
    {SH SCRIPT FIRST DATA SECOND "exit 10\n" END, "\"exit 1\" alone"},
    {SH SCRIPT FIRST "exit 1\n" DATA SECOND END, "but the script ends"},
    {SH SCRIPT FIRST DATA SECOND, "no \"exit 1\" line"},
    {SH SCRIPT FIRST SECOND END, "names no data.tar"},
    {SH SCRIPT FIRST "data.tar.zip\n" SECOND END, "found data.tar.zip"},
    {SH SCRIPT FIRST "data.tar.\n" SECOND END, "found data.tar."},
    {SH SCRIPT FIRST DATA "data.tar.xz\n" SECOND END, "both data.tar.gz and data.tar.xz"},
    {SH "[ $(/usr/bin/expr match \"$cpu_arch\" \"x86_64) ]\n" SCRIPT FIRST DATA SECOND END, "does not end"},
};

static void a_header_that_lies_is_refused(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(bad_headers); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(Fd) fd = handmade_archive(bad_headers[i].header, "", 0);
        g_autoptr(QpkgLayout) layout = qpkg_layout_read(fd, &error);
        g_assert_null(layout);
        assert_error(&error, APPCENTER_ERROR_CORRUPT, bad_headers[i].sentence);
    }
}

static void a_check_that_is_none_of_qdks_names_no_architecture(void)
{
    static const char *const headers[] = {
        SH "[ $(/usr/bin/expr match \"$cpu_arch\" \"mips\") ]\n" SCRIPT FIRST DATA SECOND END,
        SH "[ $(/usr/bin/expr match \"$cpu_arch\" \"x86_64\") ]\n" SCRIPT FIRST DATA SECOND END,
    };
    for (gsize i = 0; i < G_N_ELEMENTS(headers); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(Fd) fd = handmade_archive(headers[i], "", 0);
        g_autoptr(QpkgLayout) layout = qpkg_layout_read(fd, &error);
        g_assert_no_error(error);
        g_assert_null(layout->arch);
    }
}

static void a_header_without_an_end_is_given_up_at_64_kib(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) header = g_string_new(SH);
    while (header->len < 100000)
        g_string_append(header, "#\n");
    g_string_append(header, SCRIPT FIRST DATA SECOND END);
    g_auto(Fd) fd = handmade_archive(header->str, "", 0);
    g_assert_null(qpkg_layout_read(fd, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "no \"exit 1\" line in its first 65536 bytes");
}

static void a_zero_byte_in_the_header_is_refused(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Fd) fd = handmade_archive(GOOD_HEADER, "", 0);
    g_assert_cmpint(pwrite(fd, "", 1, 12), ==, 1);
    g_assert_null(qpkg_layout_read(fd, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "a zero byte");
}

static void an_archive_cut_anywhere_is_refused(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Fd) whole = sample_archive("Cut", "1.0", "x86_64", QPKG_XZ, TRUE);
    g_autoptr(GBytes) bytes = bytes_of(whole);
    for (gsize len = 0; len < g_bytes_get_size(bytes); len++) {
        g_auto(Fd) fd = memory_file(g_bytes_get_data(bytes, NULL), len);
        g_assert_null(qpkg_layout_read(fd, &error));
        g_assert_cmpint(error->code, ==, APPCENTER_ERROR_CORRUPT);
        g_clear_error(&error);
    }
}

static void bytes_too_many_are_refused(void)
{
    g_autoptr(GError) error = NULL;
    for (gsize extra = 1; extra < 8; extra++) {
        g_auto(Fd) fd = handmade_archive(GOOD_HEADER, "ZZZZZZZZ", extra);
        g_assert_null(qpkg_layout_read(fd, &error));
        assert_error(&error, APPCENTER_ERROR_CORRUPT, "signature area");
    }
}

static void a_pipe_is_no_archive(void)
{
    g_autoptr(GError) error = NULL;
    int ends[2];
    g_assert_cmpint(pipe(ends), ==, 0);
    g_assert_null(qpkg_layout_read(ends[0], &error));
    assert_error(&error, APPCENTER_ERROR_INVALID, "plain file");
    fd_close(ends[0]);
    fd_close(ends[1]);
}

void layout_tests(void)
{
    g_test_add_func("/layout/the_lengths_of_a_good_header_are_read", the_lengths_of_a_good_header_are_read);
    g_test_add_func("/layout/what_is_cut_short_does_not_end_as_an_archive_ends",
                    what_is_cut_short_does_not_end_as_an_archive_ends);
    g_test_add_func("/layout/a_header_that_lies_is_refused", a_header_that_lies_is_refused);
    g_test_add_func("/layout/a_check_that_is_none_of_qdks_names_no_architecture",
                    a_check_that_is_none_of_qdks_names_no_architecture);
    g_test_add_func("/layout/a_header_without_an_end_is_given_up_at_64_kib",
                    a_header_without_an_end_is_given_up_at_64_kib);
    g_test_add_func("/layout/a_zero_byte_in_the_header_is_refused", a_zero_byte_in_the_header_is_refused);
    g_test_add_func("/layout/an_archive_cut_anywhere_is_refused", an_archive_cut_anywhere_is_refused);
    g_test_add_func("/layout/bytes_too_many_are_refused", bytes_too_many_are_refused);
    g_test_add_func("/layout/a_pipe_is_no_archive", a_pipe_is_no_archive);
}
