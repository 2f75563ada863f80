/* sandbox.h - less power for a piece of work: own uid, no new privileges, Landlock, seccomp, limits; and the private
 * root in which package scripts run under --root.
 *
 * Both are applied in a child between fork and exec (or for the rest of a forked helper's life). Where the kernel
 * lacks a part, that part is skipped and named in `missing` so that it can be reported once; nothing is silently
 * weaker. Sources: landlock(7), seccomp(2), user_namespaces(7), pivot_root(2).
 */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include <glib.h>

/* AddressSanitizer reserves terabytes of addresses, so it cannot live with a limit of them. */
#if defined(__SANITIZE_ADDRESS__)
#define HAS_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ADDRESS_SANITIZER 1
#endif
#endif
#ifndef HAS_ADDRESS_SANITIZER
#define HAS_ADDRESS_SANITIZER 0
#endif

#include "base/files.h"

typedef struct {
    /* Directories below which files may be made; nothing else of the file system is reachable. */
    const int *writable_dir_fds;
    gsize n_writable_dir_fds;
    gint64 max_memory_bytes; /* RLIMIT_AS, 0: none */
    gint64 max_cpu_s;        /* RLIMIT_CPU, 0: none */
    gint64 max_file_bytes;   /* RLIMIT_FSIZE, 0: none */
    gboolean allow_network;  /* FALSE: seccomp refuses socket() too */
    uid_t run_as_uid;        /* used when we are root and it is not 0; groups are dropped */
    gid_t run_as_gid;
    gboolean die_with_parent; /* PR_SET_PDEATHSIG(SIGKILL); a change of uid clears one set before */
} SandboxSpec;

/* Confines the calling process for good. Opened descriptors stay usable. Returns FALSE on a failure that must stop the
 * work. *missing (may be NULL): bits of what the kernel lacks. */
enum { SANDBOX_MISSING_LANDLOCK = 1, SANDBOX_MISSING_SECCOMP = 2 };
gboolean sandbox_enter(const SandboxSpec *spec, guint *missing, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* What the kernel lacks, asked without confining anybody (for status and doctor). */
guint sandbox_probe(void);

/* A root of their own for scripts under --root: new mount namespace (user namespace when not root, own uid mapped to
 * 0), tmpfs and pivot_root; host folders recursively read-only; ROOT's /etc laid over the host's (a read-only union of
 * the host's entries and DIR/etc writable); /share /opt /var /run /tmp /dev/shm and /usr/local from DIR (made there if
 * absent); the volume bound whole and writable; /proc and /dev as the host has them. tools_path: a host folder, or NULL;
 * its programs stand in /sbin where the host has none of that name. To be called in a ProcessSpec child_setup; sets cwd to "/" of the new root. On FALSE a sentence was written to stderr.
 * Writes to anywhere else fail with EROFS, a new name directly in /etc too (what is in /etc/config, init.d, rcS.d, rcK.d
 * and in every other folder of DIR/etc lands there). Drops the power to mount and to reboot. Needs Linux 5.12. */
gboolean private_root_enter(const char *root_host_path, const char *volume_path, const char *tools_path);

/* Is private_root_enter permitted here? Asked by trying it in a forked child; the answer is kept. When not: *why gets
 * the sentence (free with g_free). */
gboolean private_root_is_permitted(const char *root_host_path, const char *volume_path, char **why);

#endif
