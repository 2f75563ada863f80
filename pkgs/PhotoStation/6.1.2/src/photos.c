/* photos.c - which file a name from outside names: a plain file right in the folder, and nothing else.
 *
 * Two locks that need each other. A name with anything of a path in it is refused before a file is touched, so it is
 * one component. And that component is opened relative to the folder's descriptor, without following a link, and must
 * be a regular file.
 */
#include "gallery.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MAX_BYTES 200

/* What is wrong with a name, or NULL. */
static const char *complaint_about(const char *name, size_t length)
{
    if (length == 0)
        return "refused: wanted the name of a photo, found an empty one";
    if (length > NAME_MAX_BYTES)
        return "refused: wanted a name of at most 200 bytes, found a longer one";
    if (name[0] == '.')
        return "refused: wanted the name of a photo, found one that begins with a dot";
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)name[i];
        if (byte == '/' || byte == '\\')
            return "refused: wanted the name of a photo in the album, found a path";
        if (byte < 0x20 || byte == 0x7f)
            return "refused: wanted the name of a photo, found control characters in it";
    }
    return NULL;
}

/* The descriptor if it is a regular file, else closes it. */
static int keep_regular_file(int fd, const char **why)
{
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return fd;
    close(fd);
    *why = "refused: wanted a photo, found something that is no file";
    return -403;
}

int photos_open(const char *folder, const char *name, size_t length, const char **why)
{
    *why = complaint_about(name, length);
    if (*why)
        return -403;
    *why = "no such photo";
    int folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd < 0)
        return -404;
    /* not blocking: a pipe with nobody at its other end must not hang us */
    int fd = openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int cause = errno;
    close(folder_fd);
    if (fd >= 0)
        return keep_regular_file(fd, why);
    if (cause == ENOENT)
        return -404;
    *why = cause == ELOOP ? "refused: wanted a photo, found a link" : "refused: the photo cannot be opened";
    return -403;
}

const char *photos_upload_name(const char *name, size_t length, const char **why)
{
    *why = complaint_about(name, length);
    return *why ? NULL : name;
}
