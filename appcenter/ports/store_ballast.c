/* store_ballast.c - up to 16 MiB that lie beside state.db, to be given back when the disk is full.
 *
 * So that the journal can still be written, and what is half done be undone. Hides the thresholds; nothing here is
 * fatal, a store without ballast is only less sure of itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "ports/store_internal.h"

#define LEAST_BYTES (1024 * 1024)
#define LOW_BYTES   (1024 * 1024)

static gint64 free_bytes(int dir_fd)
{
    struct statvfs space;
    return fstatvfs(dir_fd, &space) == 0 ? (gint64)space.f_bavail * (gint64)space.f_frsize : -1;
}

/* A quarter of what a small disk has left; less than a mebibyte helps nobody. */
static gint64 wanted_bytes(gint64 has_bytes, gint64 free_now)
{
    gint64 quarter = (has_bytes + free_now) / 4;
    return quarter < LEAST_BYTES ? 0 : MIN(quarter, STORE_BALLAST_BYTES);
}

void ballast_make(int dir_fd)
{
    g_auto(Fd) fd = openat(dir_fd, STORE_BALLAST_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    struct stat info;
    gint64 free_now = free_bytes(dir_fd);
    if (fd < 0 || fstat(fd, &info) != 0 || free_now < 0)
        return;
    gint64 wanted = wanted_bytes(info.st_size, free_now);
    if (info.st_size >= wanted)
        return;
    int failure = posix_fallocate(fd, 0, wanted);
    if (failure == 0)
        return;
    log_debug("store", "no ballast: %s", g_strerror(failure));
    if (ftruncate(fd, 0) != 0)
        log_debug("store", "ballast: %s", g_strerror(errno));
}

gint64 ballast_room_bytes(int dir_fd)
{
    struct stat info;
    gint64 free_now = free_bytes(dir_fd);
    gboolean has_ballast = fstatat(dir_fd, STORE_BALLAST_FILE, &info, AT_SYMLINK_NOFOLLOW) == 0;
    return free_now < 0 ? -1 : free_now + (has_ballast ? (gint64)info.st_size : 0);
}

void ballast_drop(int dir_fd)
{
    g_auto(Fd) fd = openat(dir_fd, STORE_BALLAST_FILE, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0 || info.st_size == 0 || ftruncate(fd, 0) != 0)
        return;
    log_warning("store", "the disk is full: %" G_GINT64_FORMAT " bytes of ballast dropped",
                (gint64)info.st_size);
}

void ballast_drop_if_low(int dir_fd)
{
    gint64 free_now = free_bytes(dir_fd);
    if (free_now >= 0 && free_now < LOW_BYTES)
        ballast_drop(dir_fd);
}
