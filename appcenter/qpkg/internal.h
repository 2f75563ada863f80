/* internal.h - what the files of this room tell each other: the header's texts and the tail's places.
 *
 * Reader and writer take them from here, so that they cannot drift apart. Sources: qpkg-format.md 1.1, 2 and 3.
 */
#ifndef QPKG_INTERNAL_H
#define QPKG_INTERNAL_H

#include "qpkg/qpkg.h"

/* --- the header's check of the machine --- */
typedef struct {
    const char *arch;
    const char *machine;           /* expr pattern for `uname -m` */
    const char *rejected_platform; /* expr pattern, "" for none */
} QpkgArchCheck;

/* NULL: "all", or an arch that QDK does not know. */
const QpkgArchCheck *qpkg_arch_check(const char *arch);
/* The arch that this pair of patterns stands for, or NULL. */
const char *qpkg_arch_of_check(const char *machine, const char *rejected_platform);

/* --- the tail --- */
#define TAIL_MODEL_AT    0
#define TAIL_TMP_AT      20
#define TAIL_ENCRYPT_AT  40
#define TAIL_FIRMWARE_AT 50
#define TAIL_NAME_AT     60
#define TAIL_VERSION_AT  80
#define TAIL_MAGIC_AT    90
#define TAIL_FIELD_BYTES 10 /* of all but the name */
#define TAIL_NAME_BYTES  20
#define TAIL_MAGIC       "QNAPQPKG"
#define AREA_MAGIC       "QDK"
#define AREA_MAGIC_BYTES 3
#define AREA_RECORD_HEAD 5 /* type and big-endian length */
#define AREA_END         0xff
#define AREA_MAX_RECORDS 64
#define RECORD_MAX_BYTES 65536

/* What the size field holds for a file of this many bytes; ten characters, not terminated. */
void qpkg_tail_encrypt(gint64 file_bytes, char out[TAIL_FIELD_BYTES]);
/* Both fill their part of the layout, whose lengths up to content_bytes are known. */
gboolean qpkg_area_read(int fd, QpkgLayout *layout, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean qpkg_tail_read(int fd, QpkgLayout *layout, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Exactly len bytes at offset; CORRUPT when the file ends before. */
gboolean qpkg_pread(int fd, void *buffer, gsize len, gint64 offset, GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
