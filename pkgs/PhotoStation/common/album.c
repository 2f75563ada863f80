/* album.c - the folder of photos: listing it and storing into it; see gallery.h.
 *
 * A photo gets its name only when it is complete and on the disk. Requests come one after the other, so one name is
 * enough for the photo that is being received.
 */
#include "gallery.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service.h"

#define PART_NAME       ".upload.part"
#define PHOTO_MAX_BYTES (32 * 1024 * 1024)

bool album_prepare(void)
{
    if (mkdir(ALBUM_FOLDER, 0755) != 0 && errno != EEXIST) {
        service_say("make the folder " ALBUM_FOLDER ": %s", strerror(errno));
        return false;
    }
    unlink(ALBUM_FOLDER "/" PART_NAME);
    return true;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_photo(DIR *dir, const char *name)
{
    struct stat st;
    return *name != '.' && fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

static bool append_name(PhotoList *list, const char *name)
{
    char **names = reallocarray(list->names, list->n_names + 1, sizeof *names);
    if (!names)
        return false;
    list->names = names;
    names[list->n_names] = strdup(name);
    return names[list->n_names] && ++list->n_names;
}

bool album_list(const char *folder, PhotoList *list)
{
    const struct dirent *entry;
    bool is_good = true;
    *list = (PhotoList){0};
    DIR *dir = opendir(folder);
    if (!dir) {
        service_say("open the folder %s: %s", folder, strerror(errno));
        return false;
    }
    while (is_good && (entry = readdir(dir)))
        is_good = !is_photo(dir, entry->d_name) || append_name(list, entry->d_name);
    closedir(dir);
    if (!is_good)
        album_list_clear(list);
    if (list->n_names > 0)
        qsort(list->names, list->n_names, sizeof *list->names, compare_names);
    return is_good;
}

void album_list_clear(PhotoList *list)
{
    for (size_t i = 0; i < list->n_names; i++)
        free(list->names[i]);
    free(list->names);
    *list = (PhotoList){0};
}

/* ---- storing ---- */

static bool write_all(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, data, length);
        if (written < 0 && errno != EINTR)
            return false;
        if (written > 0) {
            data += written;
            length -= (size_t)written;
        }
    }
    return true;
}

static int receive_photo(int fd, HttpRequest *request, const char **why)
{
    static char buffer[64 * 1024];
    ssize_t got;
    while ((got = http_read_body(request, buffer, sizeof buffer)) > 0) {
        if (!write_all(fd, buffer, (size_t)got)) {
            *why = strerror(errno);
            return 500;
        }
    }
    if (got == 0 && fsync(fd) == 0)
        return 0;
    *why = got < 0 ? "the photo did not arrive whole" : strerror(errno);
    return got < 0 ? 408 : 500;
}

static int store_in(int album_fd, const char *name, HttpRequest *request, const char **why)
{
    bool is_new = faccessat(album_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0;
    int fd = openat(album_fd, PART_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0) {
        *why = strerror(errno);
        return 500;
    }
    int status = receive_photo(fd, request, why);
    if (close(fd) != 0 && status == 0) {
        *why = strerror(errno);
        status = 500;
    }
    if (status == 0 && (renameat(album_fd, PART_NAME, album_fd, name) != 0 || fsync(album_fd) != 0)) {
        *why = strerror(errno);
        status = 500;
    }
    if (status != 0) {
        unlinkat(album_fd, PART_NAME, 0);
        return status;
    }
    *why = is_new ? "stored" : "stored again";
    return is_new ? 201 : 200;
}

int album_store(const char *name, HttpRequest *request, const char **why)
{
    *why = "wanted a photo of 1 byte to 32 MiB, with its length told before";
    if (!request->has_length)
        return 411;
    if (request->body_left_bytes == 0)
        return 400;
    if (request->body_left_bytes > PHOTO_MAX_BYTES)
        return 413;
    int album_fd = open(ALBUM_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (album_fd < 0) {
        *why = strerror(errno);
        return 500;
    }
    int status = store_in(album_fd, name, request, why);
    close(album_fd);
    return status;
}
