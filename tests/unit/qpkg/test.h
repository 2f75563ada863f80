/* test.h - what the tests of room qpkg share: archives in memory files. */
#ifndef TESTS_UNIT_QPKG_TEST_H
#define TESTS_UNIT_QPKG_TEST_H

#include "qpkg/qpkg.h"

void layout_tests(void);
void area_tests(void);
void config_tests(void);
void identity_tests(void);
void signature_tests(void);
void write_tests(void);

/* A memory file with these bytes. */
int memory_file(const void *data, gsize len);
GBytes *bytes_of(int fd);
/* A whole archive that qpkg_write has made, of small odd parts (they are not looked into). */
int sample_archive(const char *name, const char *version, const char *arch, QpkgCompression compression,
                   gboolean has_extra);
/* Header lines with @S@ where the script's length goes, 10 bytes of control, 20 of data, the given area, a good tail. */
int handmade_archive(const char *header, const void *area, gsize area_len);
/* A header that is good for handmade_archive. */
#define GOOD_HEADER                                                                                          \
    "#!/bin/sh\nscript_len=@S@\noffset=$(/usr/bin/expr $script_len + 10)\n/bin/dd of=$D/data.tar.gz\n"       \
    "offset=$(/usr/bin/expr $offset + 20)\nexit 1\n"

void assert_error(GError **error, AppcenterError kind, const char *part);

#endif
