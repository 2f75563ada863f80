/* area_test.c - the QDK area's grammar and the tail. */
#include "test.h"

#include <string.h>
#include <unistd.h>

#define BYTES(text) text, sizeof(text) - 1

static void the_records_of_a_good_area_are_found(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Fd) fd = handmade_archive(GOOD_HEADER, BYTES("QDK\x41\0\0\0\2ab\xfe\0\0\0\0\xff"));
    g_autoptr(QpkgLayout) layout = qpkg_layout_read(fd, &error);
    g_assert_no_error(error);
    g_assert_cmpint(layout->area_bytes, ==, 16);
    g_assert_cmpuint(layout->records->len, ==, 2);
    g_autoptr(GBytes) strong = qpkg_read_record(fd, layout, QPKG_RECORD_STRONG, &error);
    g_assert_no_error(error);
    g_assert_cmpmem(g_bytes_get_data(strong, NULL), g_bytes_get_size(strong), "ab", 2);
    g_autoptr(GBytes) legacy = qpkg_read_record(fd, layout, QPKG_RECORD_CMS, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(g_bytes_get_size(legacy), ==, 0);
    g_assert_null(qpkg_read_record(fd, layout, QPKG_RECORD_GPG, &error));
    assert_error(&error, APPCENTER_ERROR_UNTRUSTED, "no record of type 1");
}

static const struct {
    const char *area;
    gsize len;
    const char *sentence;
} bad_areas[] = {
    {BYTES("QDK"), "wanted 4 bytes"},
    {BYTES("qdk\xff"), "wanted \"QDK\""},
    {BYTES("QDK\xff\xff"), "1 bytes behind its end mark"},
    {BYTES("QDK\x41\0\0\0\1"), "wanted at most 0 bytes, found 1"},
    {BYTES("QDK\x41\0\0\0\1\xff"), "wanted an end mark"},
    {BYTES("QDK\x41\0\0\0\2\xff"), "wanted at most 1 bytes, found 2"},
    {BYTES("QDK\x41\xff\xff\xff\xff\xff"), "found 4294967295"},
    {BYTES("QDK\x41\0\0\0"), "5 bytes or more, found 4"},
    {BYTES("QDK\x41\0\0\0\0\x41\0\0\0\0\xff"), "two records of type 65"},
    {BYTES("QDK\x41\0\0\0\0\xff garbage"), "behind its end mark"},
};

static void an_area_that_does_not_add_up_is_refused(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(bad_areas); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(Fd) fd = handmade_archive(GOOD_HEADER, bad_areas[i].area, bad_areas[i].len);
        g_autoptr(QpkgLayout) layout = qpkg_layout_read(fd, &error);
        g_assert_null(layout);
        assert_error(&error, APPCENTER_ERROR_CORRUPT, bad_areas[i].sentence);
    }
}

static void a_record_above_64_kib_is_not_read(void)
{
    g_autoptr(GError) error = NULL;
    gsize len = 3 + 5 + 65537 + 1;
    g_autofree char *area = g_malloc0(len);
    memcpy(area, "QDK\x41\0\1\0\1", 8);
    area[len - 1] = '\xff';
    g_auto(Fd) fd = handmade_archive(GOOD_HEADER, area, len);
    g_autoptr(QpkgLayout) layout = qpkg_layout_read(fd, &error);
    g_assert_no_error(error);
    g_assert_null(qpkg_read_record(fd, layout, QPKG_RECORD_STRONG, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "at most 65536 bytes, found 65537");
}

/* Puts text at a place in the tail (counted from its start) and reads the archive. */
static QpkgLayout *read_with_tail(const char *text, int at, GError **error)
{
    g_auto(Fd) fd = handmade_archive(GOOD_HEADER, "", 0);
    off_t end = lseek(fd, 0, SEEK_END);
    g_assert_cmpint(pwrite(fd, text, strlen(text), end - 100 + at), ==, (int)strlen(text));
    return qpkg_layout_read(fd, error);
}

static void a_tail_must_be_that_of_a_package(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(read_with_tail("QNAPQFIX", 90, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "firmware patch");
    g_assert_null(read_with_tail("qnapqpkg", 90, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "wanted \"QNAPQPKG\"");
    g_assert_null(read_with_tail("a\nb", 60, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "name: wanted printable");
    g_autoptr(QpkgLayout) layout = read_with_tail("TS-453", 0, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(layout->tail_model, ==, "TS-453");
}

static void the_tail_agrees_with_the_identity_or_not(void)
{
    static const struct {
        const char *tail_name, *tail_version, *name, *version;
        gboolean agrees;
    } cases[] = {
        {"App", "1.0", "App", "1.0", TRUE},
        {"ABCDEFGHIJKLMNOPQRST", "1.2.3-beta", "ABCDEFGHIJKLMNOPQRSTU", "1.2.3-beta.45", TRUE},
        {"App", "1.0", "Other", "1.0", FALSE},
        {"App", "1.0", "App2", "1.0", FALSE},
        {"App2", "1.0", "App", "1.0", FALSE},
        {"ABCDEFGHIJKLMNOPQRS", "1.0", "ABCDEFGHIJKLMNOPQRST", "1.0", FALSE},
        {"App", "1.0", "App", "1.0.1", FALSE},
        {"App", "1.2.3-beta", "App", "1.2.3-betb", FALSE},
        {"", "1.0", "App", "1.0", FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        QpkgLayout layout = {0};
        const QpkgIdentity identity = {.name = (char *)cases[i].name, .version = (char *)cases[i].version};
        g_strlcpy(layout.tail_name, cases[i].tail_name, sizeof layout.tail_name);
        g_strlcpy(layout.tail_version, cases[i].tail_version, sizeof layout.tail_version);
        g_assert_cmpint(qpkg_tail_agrees(&layout, &identity, &error), ==, cases[i].agrees);
        if (!cases[i].agrees)
            assert_error(&error, APPCENTER_ERROR_CORRUPT, "the tail says");
    }
}

void area_tests(void)
{
    g_test_add_func("/area/the_records_of_a_good_area_are_found", the_records_of_a_good_area_are_found);
    g_test_add_func("/area/an_area_that_does_not_add_up_is_refused", an_area_that_does_not_add_up_is_refused);
    g_test_add_func("/area/a_record_above_64_kib_is_not_read", a_record_above_64_kib_is_not_read);
    g_test_add_func("/tail/must_be_that_of_a_package", a_tail_must_be_that_of_a_package);
    g_test_add_func("/tail/agrees_with_the_identity_or_not", the_tail_agrees_with_the_identity_or_not);
}
