/* archive_fixture.c - makes the archives of the tests. */
#include "archive_fixture.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const UnpackLimits wide_limits = {.max_bytes = 1 << 30, .max_files = 10000, .links_may_leave = FALSE};

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
    GBytes *bytes = files_read_fd(fd, 256 * 1024 * 1024, &error);
    g_assert_no_error(error);
    return bytes;
}

/* ---- tar ---- */

void tar_add_bytes(GByteArray *tar, const TarEntry *entry, const void *content, gsize len)
{
    static const guint8 zeros[512];
    char header[512] = {0};
    unsigned sum = 0;
    strncpy(header, entry->name, 99);
    g_snprintf(header + 100, 8, "%07o", (unsigned)entry->mode);
    memcpy(header + 108,
           "0000000\0"
           "0000000\0",
           16);
    g_snprintf(header + 124, 12, "%011" G_GINT64_MODIFIER "o", (guint64)len);
    memcpy(header + 136, "14000000000", 11);
    memset(header + 148, ' ', 8);
    header[156] = entry->type;
    if (entry->link)
        strncpy(header + 157, entry->link, 99);
    memcpy(header + 257,
           "ustar\0"
           "00",
           8);
    for (gsize i = 0; i < sizeof header; i++)
        sum += (guint8)header[i];
    g_snprintf(header + 148, 8, "%06o", sum);
    g_byte_array_append(tar, (const guint8 *)header, sizeof header);
    g_byte_array_append(tar, content, (guint)len);
    if (len % 512)
        g_byte_array_append(tar, zeros, (guint)(512 - len % 512));
}

void tar_add(GByteArray *tar, const TarEntry *entry)
{
    const char *content = entry->content ? entry->content : "";
    tar_add_bytes(tar, entry, content, strlen(content));
}

void tar_end(GByteArray *tar)
{
    static const guint8 zeros[1024];
    g_byte_array_append(tar, zeros, sizeof zeros);
}

/* ---- packages ---- */

GBytes *compressed(const void *data, gsize len, QpkgCompression compression)
{
    int status = ARCHIVE_FATAL;
    g_auto(Fd) out = memory_file("", 0);
    struct archive *writer = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    g_assert_cmpint(compression == QPKG_7Z ? archive_write_set_format_7zip(writer)
                                           : archive_write_set_format_raw(writer),
                    ==, ARCHIVE_OK);
    if (compression == QPKG_7Z)
        archive_entry_copy_pathname(entry, "data.tar");
    archive_entry_set_size(entry, (gint64)len);
    switch (compression) {
    case QPKG_GZIP:
        status = archive_write_add_filter_gzip(writer);
        break;
    case QPKG_BZIP2:
        status = archive_write_add_filter_bzip2(writer);
        break;
    case QPKG_XZ:
        status = archive_write_add_filter_xz(writer);
        break;
    case QPKG_ZSTD:
        status = archive_write_add_filter_zstd(writer);
        break;
    case QPKG_7Z:
        status = ARCHIVE_OK;
        break;
    }
    g_assert_cmpint(status, ==, ARCHIVE_OK);
    archive_write_set_bytes_in_last_block(writer, 1);
    g_assert_cmpint(archive_write_open_fd(writer, out), ==, ARCHIVE_OK);
    archive_entry_set_filetype(entry, AE_IFREG);
    g_assert_cmpint(archive_write_header(writer, entry), ==, ARCHIVE_OK);
    g_assert_cmpint(archive_write_data(writer, data, len), ==, (gint64)len);
    g_assert_cmpint(archive_write_close(writer), ==, ARCHIVE_OK);
    archive_entry_free(entry);
    archive_write_free(writer);
    return bytes_of(out);
}

int package_file(const char *config, GBytes *data, QpkgCompression compression)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(QpkgConfig) parsed = qpkg_config_parse(config, strlen(config), &error);
    g_autoptr(QpkgIdentity) identity = qpkg_identity_from_config(parsed, &error);
    g_assert_no_error(error);
    const ArchiveMember members[] = {{"qpkg.cfg", config, strlen(config), 0644},
                                     {"package_routines", "pkg_init(){\n:\n}\n", 16, 0644}};
    g_auto(Fd) control = memory_file("", 0);
    g_assert_true(archive_pack_control(control, members, G_N_ELEMENTS(members), 0, &error));
    g_auto(Fd) payload = memory_file(g_bytes_get_data(data, NULL), g_bytes_get_size(data));
    const QpkgParts parts = {identity, "all", compression, control, payload, -1, NULL};
    int out = memory_file("", 0);
    g_assert_true(qpkg_write(out, &parts, &error));
    g_assert_no_error(error);
    return out;
}

int package_of_tar(const GByteArray *tar)
{
    g_autoptr(GBytes) data = compressed(tar->data, tar->len, QPKG_GZIP);
    return package_file(SAMPLE_CONFIG, data, QPKG_GZIP);
}

Package *package_opened(int fd)
{
    g_autoptr(GError) error = NULL;
    Package *package = package_open(fd, NULL, &error);
    g_assert_no_error(error);
    g_assert_nonnull(package);
    return package;
}

/* ---- the yard ---- */

static void list_below(const char *top, const char *path, const char *skip, GPtrArray *lines)
{
    g_autofree char *folder = g_build_filename(top, path, NULL);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    g_assert_nonnull(dir);
    for (const char *name = g_dir_read_name(dir); name; name = g_dir_read_name(dir)) {
        struct stat st;
        g_autofree char *below = g_build_filename(path, name, NULL);
        g_autofree char *full = g_build_filename(top, below, NULL);
        g_autofree char *content = NULL;
        if (g_strcmp0(below, skip) == 0)
            continue;
        g_assert_cmpint(lstat(full, &st), ==, 0);
        if (S_ISREG(st.st_mode))
            g_file_get_contents(full, &content, NULL, NULL);
        else if (S_ISLNK(st.st_mode))
            content = g_file_read_link(full, NULL);
        g_ptr_array_add(lines, g_strdup_printf("%s %o %ld %u:%u %ld %s", below, st.st_mode,
                                               S_ISDIR(st.st_mode) ? 0L : (long)st.st_size, st.st_uid,
                                               st.st_gid, (long)st.st_mtime, content ? content : ""));
        if (S_ISDIR(st.st_mode))
            list_below(top, below, skip, lines);
    }
}

static gint compare_lines(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static char *listing_without(const char *path, const char *skip)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    list_below(path, "", skip, lines);
    g_ptr_array_sort(lines, compare_lines);
    g_ptr_array_add(lines, NULL);
    return g_strjoinv("\n", (char **)lines->pdata);
}

char *tree_listing(const char *path)
{
    return listing_without(path, NULL);
}

void yard_init(Yard *yard)
{
    scratch_init(&yard->scratch);
    scratch_write(&yard->scratch, "/outside/file", "precious");
    g_autofree char *stage = scratch_path(&yard->scratch, "/stage");
    g_assert_cmpint(mkdir(stage, 0700), ==, 0);
    yard->stage_fd = open(stage, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(yard->stage_fd, >=, 0);
    yard->before = listing_without(yard->scratch.path, "stage");
}

void yard_clear(Yard *yard)
{
    g_autofree char *after = listing_without(yard->scratch.path, "stage");
    g_assert_cmpstr(after, ==, yard->before);
    fd_close(yard->stage_fd);
    scratch_clear(&yard->scratch);
    g_free(yard->before);
}

char *yard_stage_path(const Yard *yard, const char *path)
{
    return g_build_filename(yard->scratch.path, "stage", path, NULL);
}

void archive_tests(void)
{
    archive_read_tests();
    archive_hostile_tests();
    archive_helper_tests();
    archive_write_tests();
    archive_zstd_tests();
}
