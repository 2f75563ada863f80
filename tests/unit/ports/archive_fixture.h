/* archive_fixture.h - tars byte by byte, packages around them, and a place to unpack that notices every escape. */
#ifndef TESTS_UNIT_PORTS_ARCHIVE_FIXTURE_H
#define TESTS_UNIT_PORTS_ARCHIVE_FIXTURE_H

#include "ports/archive_internal.h"
#include "tests.h"

void archive_read_tests(void);
void archive_hostile_tests(void);
void archive_helper_tests(void);
void archive_write_tests(void);
void archive_zstd_tests(void);

#define SAMPLE_CONFIG "QPKG_NAME=Sample\nQPKG_VER=1.0\nQPKG_AUTHOR=Vendor\n"

int memory_file(const void *data, gsize len);
GBytes *bytes_of(int fd);

/* One header of 512 bytes and the content, padded. name and link may be longer than their fields: then they are cut. */
typedef struct {
    const char *name;
    char type; /* '0' file, '1' hard link, '2' symlink, '3' '4' devices, '5' folder, '6' fifo */
    int mode;
    const char *link;
    const char *content;
} TarEntry;
void tar_add(GByteArray *tar, const TarEntry *entry);
void tar_add_bytes(GByteArray *tar, const TarEntry *entry, const void *content, gsize len);
void tar_end(GByteArray *tar); /* two blocks of zeros */

/* Through libarchive's filter. */
GBytes *compressed(const void *data, gsize len, QpkgCompression compression);
/* A package of a config and ready compressed data. */
int package_file(const char *config, GBytes *data, QpkgCompression compression);
/* The same out of a tar, compressed with gzip. */
int package_of_tar(const GByteArray *tar);
Package *package_opened(int fd); /* takes fd; must succeed */

/* "stage" is where to unpack, everything beside it must stay as it is. */
typedef struct {
    Scratch scratch;
    Fd stage_fd;
    char *before; /* what lies beside */
} Yard;
void yard_init(Yard *yard);
/* Fails the test when something beside the stage has changed. */
void yard_clear(Yard *yard);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Yard, yard_clear)
char *yard_stage_path(const Yard *yard, const char *path);
/* Every path below a folder with kind, mode, size, time, owner and content, sorted, one a line. */
char *tree_listing(const char *path);

extern const UnpackLimits wide_limits;

#endif
