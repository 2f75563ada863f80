/* sandbox.c - takes away from a forked helper what unpacking does not need.
 *
 * Hides the Landlock system calls (their rights by ABI version), the list of system calls that a
 * single-threaded unpacker uses, and the order: limits, no_new_privs, Landlock, own uid, the tie to the
 * parent, and the filter last, because the steps before it need calls that it refuses.
 */
#include "base/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/error.h"

/* Rights and fields that came after the kernel headers of Debian 12 (linux/landlock.h of Linux 6.12). The
 * struct is extensible by contract: the kernel takes a longer one than it knows if the rest is zero. */
#define RIGHTS_ABI_1         ((1ULL << 13) - 1)
#define RIGHT_REFER          (1ULL << 13) /* ABI 2 */
#define RIGHT_TRUNCATE       (1ULL << 14) /* ABI 3 */
#define RIGHT_IOCTL_DEV      (1ULL << 15) /* ABI 5 */
#define NET_BIND_CONNECT_TCP 3ULL         /* ABI 4 */
#define SCOPE_SOCKET_SIGNAL  3ULL         /* ABI 6: abstract Unix sockets, signals */

#define LOAD_CPU_S 2 /* making the filter takes milliseconds */

typedef struct {
    guint64 handled_fs;
    guint64 handled_net;
    guint64 scoped;
} RulesetAttr;

/* ---- Landlock ---- */

static long landlock_abi(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

static guint64 rights_of_abi(long abi)
{
    guint64 rights = RIGHTS_ABI_1;
    if (abi >= 2)
        rights |= RIGHT_REFER;
    if (abi >= 3)
        rights |= RIGHT_TRUNCATE;
    if (abi >= 5)
        rights |= RIGHT_IOCTL_DEV;
    return rights;
}

static gboolean enter_landlock(const SandboxSpec *spec, guint *missing, GError **error)
{
    long abi = landlock_abi();
    if (abi < 1) {
        *missing |= SANDBOX_MISSING_LANDLOCK;
        return TRUE;
    }
    RulesetAttr attr = {.handled_fs = rights_of_abi(abi)};
    if (abi >= 4 && !spec->allow_network)
        attr.handled_net = NET_BIND_CONNECT_TCP;
    if (abi >= 6)
        attr.scoped = SCOPE_SOCKET_SIGNAL;
    g_auto(Fd) ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (ruleset < 0)
        return error_set_errno(error, "landlock ruleset");
    for (gsize i = 0; i < spec->n_writable_dir_fds; i++) {
        struct landlock_path_beneath_attr beneath = {.allowed_access = attr.handled_fs,
                                                     .parent_fd = spec->writable_dir_fds[i]};
        if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) != 0)
            return error_set_errno(error, "landlock rule for descriptor %d", spec->writable_dir_fds[i]);
    }
    if (syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
        return error_set_errno(error, "landlock");
    return TRUE;
}

/* ---- limits and uid ---- */

/* A lower limit that is there already stays: to raise it would need a privilege, and it is tight enough. */
static gboolean set_limit(__rlimit_resource_t resource, gint64 value, const char *name, GError **error)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0)
        return error_set_errno(error, "limit of %s", name);
    limit.rlim_max = MIN(limit.rlim_max, (rlim_t)value); /* RLIM_INFINITY is the largest */
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(resource, &limit) != 0)
        return error_set_errno(error, "limit of %s to %" G_GINT64_FORMAT, name, value);
    return TRUE;
}

static gboolean set_limits(const SandboxSpec *spec, GError **error)
{
    if (spec->max_memory_bytes > 0 && !set_limit(RLIMIT_AS, spec->max_memory_bytes, "memory", error))
        return FALSE;
    if (spec->max_cpu_s > 0 && !set_limit(RLIMIT_CPU, spec->max_cpu_s, "cpu seconds", error))
        return FALSE;
    if (spec->max_file_bytes > 0 && !set_limit(RLIMIT_FSIZE, spec->max_file_bytes, "file bytes", error))
        return FALSE;
    return set_limit(RLIMIT_CORE, 0, "core bytes", error); /* no untrusted bytes where a core file would go */
}

/* Late, because a change of uid takes such a tie away again. */
static gboolean tie_to_parent(const SandboxSpec *spec, pid_t parent, GError **error)
{
    if (!spec->die_with_parent)
        return TRUE;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return error_set_errno(error, "die with the parent");
    if (getppid() != parent) /* it was faster */
        return error_set(error, APPCENTER_ERROR_CANCELLED, "the parent is gone");
    return TRUE;
}

static gboolean drop_uid(const SandboxSpec *spec, GError **error)
{
    uid_t uid = spec->run_as_uid;
    gid_t gid = spec->run_as_gid;
    if (geteuid() != 0 || uid == 0)
        return TRUE;
    if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
        return error_set_errno(error, "become uid %u", (guint)uid);
    if (setuid(0) == 0)
        return error_set(error, APPCENTER_ERROR_INTERNAL, "become uid %u: root can still be had back",
                         (guint)uid);
    return TRUE;
}

/* ---- seccomp ---- */

/* Names, so that one list serves every architecture: what an architecture lacks is skipped. Files are bounded
 * by Landlock, not here; missing on purpose: exec, fork, sockets, ptrace, mount, mknod, keys, other
 * processes. */
/* clang-format off */
static const char *const allowed_calls[] = {
    /* reading and writing */
    "read", "readv", "pread64", "preadv", "preadv2", "write", "writev", "pwrite64", "pwritev", "pwritev2",
    "lseek", "_llseek", "sendfile", "sendfile64", "copy_file_range", "splice", "fsync", "fdatasync", "syncfs",
    "fallocate", "fadvise64", "fadvise64_64", "arm_fadvise64_64", "ftruncate", "ftruncate64", "truncate",
    "truncate64",
    /* descriptors */
    "open", "openat", "openat2", "creat", "close", "close_range", "dup", "dup2", "dup3", "fcntl", "fcntl64",
    "flock", "pipe", "pipe2", "poll", "ppoll", "ppoll_time64", "select", "_newselect", "pselect6",
    "pselect6_time64",
    /* what is where */
    "stat", "stat64", "lstat", "lstat64", "fstat", "fstat64", "newfstatat", "fstatat64", "statx", "statfs",
    "statfs64", "fstatfs", "fstatfs64", "access", "faccessat", "faccessat2", "getcwd", "readlink",
    "readlinkat", "getdents", "getdents64", "listxattr", "llistxattr", "flistxattr", "getxattr", "lgetxattr",
    "fgetxattr",
    /* making and changing files */
    "mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat",
    "symlink", "symlinkat", "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "chown32", "lchown",
    "lchown32", "fchown", "fchown32", "fchownat", "utime", "utimes", "futimesat", "utimensat",
    "utimensat_time64", "umask", "chdir", "fchdir", "setxattr", "lsetxattr", "fsetxattr", "removexattr",
    "lremovexattr", "fremovexattr",
    /* memory */
    "brk", "mmap", "mmap2", "munmap", "mremap", "mprotect", "madvise", "membarrier",
    /* itself */
    "getpid", "gettid", "getppid", "getuid", "getuid32", "geteuid", "geteuid32", "getgid", "getgid32",
    "getegid", "getegid32", "getrlimit", "ugetrlimit", "getrusage", "sysinfo", "uname", "getrandom",
    "sched_yield", "sched_getaffinity", "set_robust_list", "rseq", "futex", "futex_time64", "restart_syscall",
    "exit", "exit_group",
    /* signals to itself (tgkill: see below) */
    "rt_sigaction", "sigaction", "rt_sigprocmask", "sigprocmask", "rt_sigreturn", "sigreturn", "sigaltstack",
    /* time */
    "clock_gettime", "clock_gettime64", "clock_getres", "clock_getres_time64", "gettimeofday", "time",
    "nanosleep", "clock_nanosleep", "clock_nanosleep_time64",
};

static const char *const network_calls[] = {
    "socket", "socketpair", "connect", "bind", "getsockname", "getpeername", "setsockopt", "getsockopt",
    "sendto", "recvfrom", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg", "shutdown", "socketcall",
};
/* clang-format on */

/* A terminal question by stdio, bytes waiting in a pipe, and the reflink and map of holes of a file. */
static const guint32 allowed_ioctls[] = {TCGETS, FIONREAD, FICLONE, FICLONERANGE, FS_IOC_FIEMAP};

typedef void *Filter; /* scmp_filter_ctx under a name that can have a cleanup */
G_DEFINE_AUTO_CLEANUP_FREE_FUNC(Filter, seccomp_release, NULL)

static int allow_calls(Filter filter, const char *const *names, gsize n_names)
{
    for (gsize i = 0; i < n_names; i++) {
        int number = seccomp_syscall_resolve_name(names[i]);
        if (number == __NR_SCMP_ERROR)
            continue; /* libseccomp has not heard of it yet */
        int failure = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
        if (failure != 0)
            return failure;
    }
    return 0;
}

/* Compares the low half only: the kernel takes these arguments as 32 bits. */
static int allow_if(Filter filter, int number, guint argument, guint32 value)
{
    struct scmp_arg_cmp condition = {
        .arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = G_MAXUINT32, .datum_b = value};
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, 1, &condition);
}

static int allow_bounded_calls(Filter filter)
{
    int failure = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(allowed_ioctls) && failure == 0; i++)
        failure = allow_if(filter, SCMP_SYS(ioctl), 1, allowed_ioctls[i]);
    if (failure == 0) /* abort() */
        failure = allow_if(filter, SCMP_SYS(tgkill), 0, (guint32)getpid());
    if (failure == 0) /* pid 0: the caller; new limits can only be lower */
        failure = allow_if(filter, SCMP_SYS(prlimit64), 0, 0);
    return failure;
}

static gboolean seccomp_is_there(void)
{
    guint32 action = SECCOMP_RET_ERRNO;
    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

/* Without memory libseccomp may go round for ever where it makes the program (2.5.4): a process that does is ended by the
 * timer, which nobody hears any more once the filter stands. */
static int load_in_time(Filter filter)
{
    const struct itimerval limit = {.it_value = {.tv_sec = LOAD_CPU_S}};
    if (signal(SIGVTALRM, SIG_DFL) == SIG_ERR || setitimer(ITIMER_VIRTUAL, &limit, NULL) != 0)
        return -errno;
    int failure = seccomp_load(filter);
    return signal(SIGVTALRM, SIG_IGN) == SIG_ERR ? -errno : failure;
}

static gboolean enter_seccomp(const SandboxSpec *spec, guint *missing, GError **error)
{
    if (!seccomp_is_there()) {
        *missing |= SANDBOX_MISSING_SECCOMP;
        return TRUE;
    }
    /* an error rather than a kill: libraries probe for calls that they can do without */
    g_auto(Filter) filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter)
        return error_set(error, APPCENTER_ERROR_INTERNAL, "system call filter: out of memory");
    int failure = allow_calls(filter, allowed_calls, G_N_ELEMENTS(allowed_calls));
    if (failure == 0)
        failure = allow_bounded_calls(filter);
    if (failure == 0 && spec->allow_network)
        failure = allow_calls(filter, network_calls, G_N_ELEMENTS(network_calls));
    if (failure == 0)
        failure = load_in_time(filter);
    if (failure != 0)
        return error_set_errno_value(error, -failure, "system call filter");
    return TRUE;
}

/* ---- the doors ---- */

gboolean sandbox_enter(const SandboxSpec *spec, guint *missing, GError **error)
{
    guint lacking = 0;
    pid_t parent = getppid();
    if (!set_limits(spec, error))
        return FALSE;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return error_set_errno(error, "no new privileges");
    if (!enter_landlock(spec, &lacking, error) || !drop_uid(spec, error))
        return FALSE;
    if (!tie_to_parent(spec, parent, error) || !enter_seccomp(spec, &lacking, error))
        return FALSE;
    if (missing)
        *missing = lacking;
    return TRUE;
}

guint sandbox_probe(void)
{
    guint missing = 0;
    if (landlock_abi() < 1)
        missing |= SANDBOX_MISSING_LANDLOCK;
    if (!seccomp_is_there())
        missing |= SANDBOX_MISSING_SECCOMP;
    return missing;
}
