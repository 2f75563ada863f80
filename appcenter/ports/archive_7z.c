/* archive_7z.c - the compressed tar inside a 7-Zip archive, as QDK's --7zip makes it.
 *
 * Such data is no stream: its directory stands at the end, so libarchive must seek, and there could be other bytes or
 * members beside the one tar. Here is what makes it as strict as a stream: packed bytes and directory fill the part to
 * its last byte, and there is one member. 7-Zip writes the directory of one member plain, so it can be looked at here.
 * libarchive checks the member's check sum itself. Source: 7zFormat.txt of 7-Zip.
 */
#include "ports/archive_internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define START_HEADER_BYTES 32
#define DIRECTORY_AT       12 /* offset, then length, both behind the start header and little endian */
#define LOOKED_AT_BYTES    512
#define PACKED_STREAMS_MAX 32
#define MARK_HEADER        0x01
#define MARK_MAIN_STREAMS  0x04
#define MARK_PACK_INFO     0x06
#define MARK_SIZE          0x09
#define CORRUPT_7Z(...)    error_set(error, APPCENTER_ERROR_CORRUPT, __VA_ARGS__)

typedef struct {
    const guint8 *at;
    const guint8 *end;
    gboolean is_broken;
} Cursor;

static guint8 next_byte(Cursor *cursor)
{
    if (cursor->at < cursor->end)
        return *cursor->at++;
    cursor->is_broken = TRUE;
    return 0;
}

/* The ones at the top of the first byte say how many bytes follow; the rest of it is the number's highest part. */
static guint64 next_number(Cursor *cursor)
{
    guint8 first = next_byte(cursor);
    guint64 value = 0;
    guint8 mask = 0x80;
    for (guint i = 0; i < 8; i++, mask >>= 1) {
        if ((first & mask) == 0)
            return value | ((guint64)(first & (mask - 1)) << (8 * i));
        value |= (guint64)next_byte(cursor) << (8 * i);
    }
    return value;
}

/* How many packed bytes the directory speaks of. FALSE when it does not begin as a plain one does. */
static gboolean packed_bytes(Cursor *cursor, guint64 *total)
{
    *total = 0;
    if (next_byte(cursor) != MARK_HEADER || next_byte(cursor) != MARK_MAIN_STREAMS ||
        next_byte(cursor) != MARK_PACK_INFO || next_number(cursor) != 0)
        return FALSE;
    guint64 streams = next_number(cursor);
    if (streams == 0 || streams > PACKED_STREAMS_MAX || next_byte(cursor) != MARK_SIZE)
        return FALSE;
    for (guint64 i = 0; i < streams; i++) {
        guint64 bytes = next_number(cursor);
        if (bytes > G_MAXINT64)
            return FALSE;
        *total += bytes; /* 32 times 2^63 at most: checked below by not being what is there */
        if (*total > G_MAXINT64)
            return FALSE;
    }
    return !cursor->is_broken;
}

static gboolean read_exactly(int fd, void *buffer, gsize len, gint64 offset, GError **error)
{
    return TEMP_FAILURE_RETRY(pread(fd, buffer, len, offset)) == (ssize_t)len ||
           error_set_errno(error, "read the directory");
}

gboolean archive_7z_check_whole(int fd, gint64 offset, gint64 length, GError **error)
{
    guint8 start[START_HEADER_BYTES], directory[LOOKED_AT_BYTES];
    guint64 at, bytes, packed;
    if (length < (gint64)sizeof start)
        return CORRUPT_7Z("wanted 7z data, found %" G_GINT64_FORMAT " bytes", length);
    if (!read_exactly(fd, start, sizeof start, offset, error))
        return FALSE;
    if (memcmp(start, "7z\xbc\xaf\x27\x1c", 6) != 0)
        return CORRUPT_7Z("wanted 7z data, found something else");
    memcpy(&at, start + DIRECTORY_AT, sizeof at);
    memcpy(&bytes, start + DIRECTORY_AT + sizeof at, sizeof bytes);
    at = GUINT64_FROM_LE(at);
    bytes = GUINT64_FROM_LE(bytes);
    guint64 room = (guint64)(length - (gint64)sizeof start);
    if (at > room || bytes != room - at)
        return CORRUPT_7Z("7-Zip's directory does not end with the data's last byte");
    gsize looked_at = (gsize)MIN(bytes, sizeof directory);
    if (!read_exactly(fd, directory, looked_at, offset + (gint64)sizeof start + (gint64)at, error))
        return FALSE;
    Cursor cursor = {directory, directory + looked_at, FALSE};
    if (!packed_bytes(&cursor, &packed))
        return CORRUPT_7Z("wanted 7-Zip's plain directory of one member, found another");
    return packed == at || CORRUPT_7Z("7-Zip's directory speaks of %" G_GUINT64_FORMAT
                                      " packed bytes, found %" G_GUINT64_FORMAT,
                                      packed, at);
}

gboolean archive_7z_check_alone(struct archive *reader, GError **error)
{
    struct archive_entry *entry;
    return archive_read_next_header(reader, &entry) == ARCHIVE_EOF ||
           CORRUPT_7Z("wanted one member in the 7-Zip archive, found more");
}
