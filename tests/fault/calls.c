/* calls.c - preloaded by tests: the N-th system call of a kind kills appcenter-job, fails, or is cut short.
 *
 * tests/fault/calls.py compiles it and holds the other end of the page that TEST_CALLS names: calls are counted there, of
 * the job itself and of what it forks apart, so that a point (who, which call, the how-manieth) is the same in every run.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* clang-format off */
#define CALLS(X) \
    X(open) X(create) X(write) X(pwrite) X(writev) X(fsync) X(fdatasync) X(syncfs) X(rename) X(mkdir) X(unlink) \
    X(symlink) X(link) X(truncate) X(fallocate) X(chmod) X(chown) X(utime) X(xattr) X(copy) X(fork)
/* clang-format on */

enum { ACT_NONE, ACT_KILL, ACT_FAIL, ACT_SHORT };
enum { ROLE_JOB, ROLE_CHILD, N_ROLES };
#define X(name) CALL_##name,
enum { CALLS(X) N_CALLS };
#undef X
#define NAME_MAX_LEN 16

typedef struct {
    uint64_t counts[N_ROLES][N_CALLS];
    uint64_t action, role, call, number, for_ever, error, hits;
    char names[N_CALLS][NAME_MAX_LEN];
} Page;

static Page *page;
static pid_t job_pid;

__attribute__((constructor)) static void begin(void)
{
    static const char *const names[] = {
#define X(name) #name,
        CALLS(X)
#undef X
    };
    const char *path = getenv("TEST_CALLS");
    if (!path || strcmp(program_invocation_short_name, "appcenter-job") != 0)
        return;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    if (map == MAP_FAILED)
        return;
    job_pid = getpid();
    page = map;
    memset(page->counts, 0, sizeof page->counts);
    for (int i = 0; i < N_CALLS; i++)
        snprintf(page->names[i], NAME_MAX_LEN, "%s", names[i]);
}

/* ACT_NONE, or what is to become of this call; a kill does not return. */
static int strike(int call)
{
    if (!page)
        return ACT_NONE;
    int role = getpid() == job_pid ? ROLE_JOB : ROLE_CHILD;
    uint64_t number = __atomic_add_fetch(&page->counts[role][call], 1, __ATOMIC_SEQ_CST);
    if (page->action == ACT_NONE || page->role != (uint64_t)role || page->call != (uint64_t)call ||
        (page->for_ever ? number < page->number : number != page->number))
        return ACT_NONE;
    __atomic_add_fetch(&page->hits, 1, __ATOMIC_SEQ_CST);
    if (page->action == ACT_KILL) {
        kill(getpid(), SIGKILL);
        _exit(128 + SIGKILL); /* the first of a namespace of its own does not die of its own signal */
    }
    if (page->action == ACT_FAIL)
        errno = (int)page->error;
    return (int)page->action;
}

#define REAL(name)                                                                                           \
    __extension__({                                                                                          \
        static __typeof__(&name) real;                                                                       \
        if (!real)                                                                                           \
            *(void **)&real = dlsym(RTLD_NEXT, #name);                                                       \
        real;                                                                                                \
    })

/* name(parameters), which is of that kind, returns -1 when it fails. */
#define WRAP(call, type, name, parameters, arguments)                                                        \
    type name parameters                                                                                     \
    {                                                                                                        \
        return strike(CALL_##call) == ACT_FAIL ? -1 : REAL(name) arguments;                                  \
    }

WRAP(fsync, int, fsync, (int fd), (fd))
WRAP(fdatasync, int, fdatasync, (int fd), (fd))
WRAP(syncfs, int, syncfs, (int fd), (fd))
WRAP(rename, int, rename, (const char *a, const char *b), (a, b))
WRAP(rename, int, renameat, (int da, const char *a, int db, const char *b), (da, a, db, b))
WRAP(rename, int, renameat2, (int da, const char *a, int db, const char *b, unsigned f), (da, a, db, b, f))
WRAP(mkdir, int, mkdir, (const char *p, mode_t m), (p, m))
WRAP(mkdir, int, mkdirat, (int d, const char *p, mode_t m), (d, p, m))
WRAP(unlink, int, unlink, (const char *p), (p))
WRAP(unlink, int, rmdir, (const char *p), (p))
WRAP(unlink, int, unlinkat, (int d, const char *p, int f), (d, p, f))
WRAP(symlink, int, symlink, (const char *t, const char *p), (t, p))
WRAP(symlink, int, symlinkat, (const char *t, int d, const char *p), (t, d, p))
WRAP(link, int, link, (const char *a, const char *b), (a, b))
WRAP(link, int, linkat, (int da, const char *a, int db, const char *b, int f), (da, a, db, b, f))
WRAP(truncate, int, ftruncate, (int fd, off_t n), (fd, n))
WRAP(truncate, int, ftruncate64, (int fd, off64_t n), (fd, n))
WRAP(fallocate, int, fallocate, (int fd, int m, off_t o, off_t n), (fd, m, o, n))
WRAP(fallocate, int, fallocate64, (int fd, int m, off64_t o, off64_t n), (fd, m, o, n))
WRAP(chmod, int, chmod, (const char *p, mode_t m), (p, m))
WRAP(chmod, int, fchmod, (int fd, mode_t m), (fd, m))
WRAP(chmod, int, fchmodat, (int d, const char *p, mode_t m, int f), (d, p, m, f))
WRAP(chown, int, fchown, (int fd, uid_t u, gid_t g), (fd, u, g))
WRAP(chown, int, lchown, (const char *p, uid_t u, gid_t g), (p, u, g))
WRAP(chown, int, fchownat, (int d, const char *p, uid_t u, gid_t g, int f), (d, p, u, g, f))
WRAP(utime, int, futimens, (int fd, const struct timespec t[2]), (fd, t))
WRAP(utime, int, utimensat, (int d, const char *p, const struct timespec t[2], int f), (d, p, t, f))
WRAP(copy, ssize_t, copy_file_range, (int a, off64_t *oa, int b, off64_t *ob, size_t n, unsigned f),
     (a, oa, b, ob, n, f))
WRAP(fork, pid_t, fork, (void), ())

extern int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags);
WRAP(xattr, int, fsetxattr, (int fd, const char *n, const void *v, size_t s, int f), (fd, n, v, s, f))

/* A short write does half of it, one byte at least. */
static size_t shortened(int act, size_t length)
{
    return act == ACT_SHORT && length > 1 ? length / 2 : length;
}

ssize_t write(int fd, const void *data, size_t length)
{
    int act = strike(CALL_write);
    return act == ACT_FAIL ? -1 : REAL(write)(fd, data, shortened(act, length));
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset)
{
    int act = strike(CALL_pwrite);
    return act == ACT_FAIL ? -1 : REAL(pwrite)(fd, data, shortened(act, length), offset);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset)
{
    int act = strike(CALL_pwrite);
    return act == ACT_FAIL ? -1 : REAL(pwrite64)(fd, data, shortened(act, length), offset);
}

ssize_t writev(int fd, const struct iovec *parts, int n)
{
    int act = strike(CALL_writev);
    if (act == ACT_SHORT)
        return REAL(write)(fd, parts[0].iov_base, shortened(act, parts[0].iov_len));
    return act == ACT_FAIL ? -1 : REAL(writev)(fd, parts, n);
}

/* To open what is there, and to make or cut a file, are different points. */
static int call_of_flags(int flags)
{
    return flags & (O_CREAT | O_TRUNC) ? CALL_create : CALL_open;
}

static mode_t mode_of(int flags, va_list rest)
{
    return flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;
}

#define WRAP_OPEN(name, parameters, ...)                                                                     \
    int name parameters                                                                                      \
    {                                                                                                        \
        va_list rest;                                                                                        \
        va_start(rest, flags);                                                                               \
        mode_t mode = mode_of(flags, rest);                                                                  \
        va_end(rest);                                                                                        \
        return strike(call_of_flags(flags)) == ACT_FAIL ? -1 : REAL(name)(__VA_ARGS__, mode);                \
    }

WRAP_OPEN(open, (const char *path, int flags, ...), path, flags)
WRAP_OPEN(open64, (const char *path, int flags, ...), path, flags)
WRAP_OPEN(openat, (int dir_fd, const char *path, int flags, ...), dir_fd, path, flags)
WRAP_OPEN(openat64, (int dir_fd, const char *path, int flags, ...), dir_fd, path, flags)

/* openat2 has no function of its own. */
long syscall(long number, ...)
{
    long a[6];
    va_list rest;
    va_start(rest, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(rest, long);
    va_end(rest);
    if (number == SYS_openat2 &&
        strike(call_of_flags((int)((const struct open_how *)(uintptr_t)a[2])->flags)) == ACT_FAIL)
        return -1;
    return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
