/* power_disk.c - disks that write down what reaches them, for the power-cut rig (tests/fault/power.py).
 *
 * A FUSE file system with one file a disk (`disk0`, `disk1`, ...) and the file `mark`. Every write and every flush of
 * every disk goes, in the order in which it was done, into one log; what is written to `mark` goes there, too, so that
 * the log also tells what the admin had been told by then. A loop device on such a file turns its barriers into fsync.
 *
 *   power_disk LOG MOUNTPOINT BACKING...
 */
#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_DISKS 4
#define MARK      MAX_DISKS

enum { KIND_WRITE, KIND_FLUSH, KIND_MARK };

/* All of a record but its data; native byte order, as the log is read on the machine that wrote it. */
typedef struct {
    uint32_t disk;
    uint32_t kind;
    uint64_t offset;
    uint64_t length;
} Record;

static int disks[MAX_DISKS];
static int n_disks;
static int log_fd;

static int log_put(int disk, uint32_t kind, const char *data, size_t length, off_t offset)
{
    Record record = {(uint32_t)disk, kind, (uint64_t)offset, length};
    struct iovec parts[] = {{&record, sizeof record}, {(void *)(uintptr_t)data, length}};
    ssize_t written = writev(log_fd, parts, 2);
    return written == (ssize_t)(sizeof record + length) ? 0 : -EIO;
}

/* Number of the disk (or MARK) that a path names; -ENOENT. */
static int disk_of_path(const char *path)
{
    if (strcmp(path, "/mark") == 0)
        return MARK;
    if (strncmp(path, "/disk", 5) == 0 && path[5] >= '0' && path[5] < '0' + n_disks && path[6] == '\0')
        return path[5] - '0';
    return -ENOENT;
}

static int on_getattr(const char *path, struct stat *st, struct fuse_file_info *info)
{
    (void)info;
    memset(st, 0, sizeof *st);
    if (strcmp(path, "/") == 0) {
        st->st_mode = S_IFDIR | 0700;
        st->st_nlink = 2;
        return 0;
    }
    int disk = disk_of_path(path);
    if (disk < 0)
        return disk;
    if (disk != MARK && fstat(disks[disk], st) != 0)
        return -errno;
    st->st_mode = S_IFREG | 0600;
    st->st_nlink = 1;
    return 0;
}

static int on_open(const char *path, struct fuse_file_info *info)
{
    int disk = disk_of_path(path);
    if (disk < 0)
        return disk;
    info->fh = (uint64_t)disk;
    return 0;
}

static int on_read(const char *path, char *data, size_t length, off_t offset, struct fuse_file_info *info)
{
    (void)path;
    ssize_t n = info->fh == MARK ? 0 : pread(disks[info->fh], data, length, offset);
    return n < 0 ? -errno : (int)n;
}

static int on_write(const char *path, const char *data, size_t length, off_t offset,
                    struct fuse_file_info *info)
{
    (void)path;
    int disk = (int)info->fh;
    if (log_put(disk, disk == MARK ? KIND_MARK : KIND_WRITE, data, length, offset) != 0)
        return -EIO;
    ssize_t n = disk == MARK ? (ssize_t)length : pwrite(disks[disk], data, length, offset);
    return n < 0 ? -errno : (int)n;
}

static int on_fsync(const char *path, int is_data, struct fuse_file_info *info)
{
    (void)path;
    (void)is_data;
    return info->fh == MARK ? 0 : log_put((int)info->fh, KIND_FLUSH, "", 0, 0);
}

static int on_truncate(const char *path, off_t size, struct fuse_file_info *info)
{
    (void)size;
    (void)info;
    return disk_of_path(path) == MARK ? 0 : -EPERM; /* a disk keeps its size */
}

static void *on_init(struct fuse_conn_info *connection, struct fuse_config *config)
{
    (void)connection;
    config->direct_io = 0;
    config->attr_timeout = 3600;
    return NULL;
}

static const struct fuse_operations operations = {
    .init = on_init,
    .getattr = on_getattr,
    .open = on_open,
    .read = on_read,
    .write = on_write,
    .fsync = on_fsync,
    .truncate = on_truncate,
};

int main(int argc, char **argv)
{
    if (argc < 4 || argc > 3 + MAX_DISKS) {
        fprintf(stderr, "usage: power_disk LOG MOUNTPOINT BACKING... (%d at most)\n", MAX_DISKS);
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* nothing is left behind by a test run that is killed */
    log_fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    n_disks = argc - 3;
    for (int i = 0; i < n_disks; i++)
        disks[i] = open(argv[3 + i], O_RDWR | O_CLOEXEC);
    for (int i = 0; i < n_disks; i++) {
        if (log_fd < 0 || disks[i] < 0) {
            perror("power_disk: cannot open its files");
            return 1;
        }
    }
    char *arguments[] = {argv[0], "-f", "-s", argv[2], NULL};
    return fuse_main(4, arguments, &operations, NULL);
}
