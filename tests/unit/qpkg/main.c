/* main.c - runs the tests of room qpkg, and makes their archives. */
#include "test.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void assert_error(GError **error, AppcenterError kind, const char *part)
{
    g_assert_nonnull(*error);
    if (strstr((*error)->message, part) == NULL)
        g_error("wanted an error with \"%s\", found \"%s\"", part, (*error)->message);
    g_assert_true(g_error_matches(*error, APPCENTER_ERROR, (int)kind));
    g_clear_error(error);
}

int memory_file(const void *data, gsize len)
{
    g_autoptr(GError) error = NULL;
    int fd = memfd_create("test", MFD_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    g_assert_true(files_write_all(fd, data, len, &error));
    return fd;
}

GBytes *bytes_of(int fd)
{
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
    GBytes *bytes = files_read_fd(fd, 16 * 1024 * 1024, &error);
    g_assert_no_error(error);
    return bytes;
}

int sample_archive(const char *name, const char *version, const char *arch, QpkgCompression compression,
                   gboolean has_extra)
{
    g_autoptr(GError) error = NULL;
    const QpkgIdentity identity = {.name = (char *)name, .version = (char *)version};
    g_auto(Fd) control = memory_file("control part", 12);
    g_auto(Fd) data = memory_file("and the data", 12);
    g_auto(Fd) extra = memory_file("extra", 5);
    const QpkgParts parts = {.identity = &identity,
                             .arch = arch,
                             .compression = compression,
                             .control_fd = control,
                             .data_fd = data,
                             .extra_fd = has_extra ? extra : -1};
    int out = memory_file("", 0);
    g_assert_true(qpkg_write(out, &parts, &error));
    g_assert_no_error(error);
    return out;
}

int handmade_archive(const char *header, const void *area, gsize area_len)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) halves = g_strsplit(header, "@S@", 2);
    gsize length = strlen(header);
    if (halves[1])
        length = strlen(halves[0]) + strlen(halves[1]) + (strlen(header) > 102 ? 3 : 2);
    g_autofree char *digits = g_strdup_printf("%" G_GSIZE_FORMAT, length);
    g_autofree char *script = g_strconcat(halves[0], halves[1] ? digits : "", halves[1], NULL);
    int fd = memory_file(script, strlen(script));
    char tail[QPKG_TAIL_BYTES + 1];
    g_snprintf(tail, sizeof tail, "%-60s%-20s%-10s%-10s", "", "Hand", "1.0", "QNAPQPKG");
    g_assert_true(files_write_all(fd, "CCCCCCCCCCDDDDDDDDDDDDDDDDDDDD", 30, &error));
    g_assert_true(files_write_all(fd, area, area_len, &error));
    g_assert_true(files_write_all(fd, tail, QPKG_TAIL_BYTES, &error));
    return fd;
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    layout_tests();
    area_tests();
    config_tests();
    identity_tests();
    signature_tests();
    write_tests();
    return g_test_run();
}
