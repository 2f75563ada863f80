/* picture.c - see picture.h.
 *
 * Reads headers only and allocates nothing: what it is given may be anything. A JPEG is walked from segment to
 * segment up to its frame header, at most SEGMENTS_MAX of them.
 */
#include "picture.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEGMENTS_MAX      1000
#define DIMENSION_MAX     1000000
#define PNG_HEAD_BYTES    24
#define GIF_HEAD_BYTES    10
#define JPEG_SEGMENT_HEAD 4
#define JPEG_FRAME_BYTES  9

static uint32_t read_be(const uint8_t *bytes, int count)
{
    uint32_t value = 0;
    for (int i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

static bool read_at(int fd, off_t at, uint8_t *bytes, size_t count)
{
    return pread(fd, bytes, count, at) == (ssize_t)count;
}

static bool read_png(int fd, Picture *picture)
{
    uint8_t head[PNG_HEAD_BYTES];
    if (!read_at(fd, 0, head, sizeof head) || memcmp(head, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16) != 0)
        return false;
    *picture = (Picture){"PNG", read_be(head + 16, 4), read_be(head + 20, 4)};
    return true;
}

static bool read_gif(int fd, Picture *picture)
{
    uint8_t head[GIF_HEAD_BYTES];
    if (!read_at(fd, 0, head, sizeof head) ||
        (memcmp(head, "GIF87a", 6) != 0 && memcmp(head, "GIF89a", 6) != 0))
        return false;
    *picture = (Picture){"GIF", (uint32_t)(head[6] | head[7] << 8), (uint32_t)(head[8] | head[9] << 8)};
    return true;
}

/* Frame headers are C0 to CF but for three that are other tables. */
static bool is_frame(uint8_t marker)
{
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

static bool read_jpeg(int fd, Picture *picture)
{
    uint8_t bytes[JPEG_FRAME_BYTES];
    off_t at = 2;
    if (!read_at(fd, 0, bytes, 3) || memcmp(bytes, "\xff\xd8\xff", 3) != 0)
        return false;
    for (int i = 0; i < SEGMENTS_MAX; i++) {
        if (!read_at(fd, at, bytes, JPEG_SEGMENT_HEAD) || bytes[0] != 0xff)
            return false;
        if (bytes[1] == 0xff) { /* padding before a marker */
            at++;
            continue;
        }
        if (is_frame(bytes[1])) {
            if (!read_at(fd, at, bytes, JPEG_FRAME_BYTES))
                return false;
            *picture = (Picture){"JPEG", read_be(bytes + 7, 2), read_be(bytes + 5, 2)};
            return true;
        }
        uint32_t length = read_be(bytes + 2, 2);
        if (length < 2)
            return false;
        at += 2 + (off_t)length;
    }
    return false;
}

bool picture_read(const char *path, Picture *picture, const char **why)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        *why = strerror(errno);
        return false;
    }
    bool is_file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    bool is_known = is_file && (read_png(fd, picture) || read_gif(fd, picture) || read_jpeg(fd, picture));
    close(fd);
    *why = is_file ? "wanted a PNG, GIF or JPEG picture, found something else" : "wanted a file, found none";
    if (is_known && (picture->width == 0 || picture->width > DIMENSION_MAX || picture->height == 0 ||
                     picture->height > DIMENSION_MAX)) {
        *why = "wanted dimensions from 1 to 1000000, found others";
        return false;
    }
    return is_known;
}
