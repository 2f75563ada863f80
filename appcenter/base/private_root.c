/* private_root.c - the root file system that package scripts see under --root.
 *
 * Three kinds of folders: the host's, recursively read-only; the private NAS's (DIR), writable; and /etc,
 * where DIR's entries stand before the host's. All in a mount namespace of its own, so that nothing of it is
 * ever visible outside and all of it goes with the last process. Hides the mount calls (open_tree,
 * mount_setattr, move_mount: Linux 5.12).
 *
 * /etc is no overlay: each running app would have one over the same DIR/etc, which overlayfs calls undefined,
 * and DIR may itself lie on an overlay, which it refuses. Instead /etc is a directory of the new root's tmpfs
 * with a bind of every entry of DIR/etc and, for the names that DIR lacks, a link into the host's /etc, bound
 * at /.host-etc (the same depth, so that its relative links still lead where they should). What packages
 * write to on a NAS is always there (nas_folders). The tmpfs is read-only at the end: a write to anywhere
 * else fails aloud and is not lost.
 */
#include "base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/dir_stream.h"
#include "base/error.h"

#define WORK_POINT "/tmp" /* where the new root grows; never one of the host's folders that are shown */
#define HOST_ETC   ".host-etc"
#define HOST_SBIN  ".host-sbin"
#define SAYING_MAX 4096

/* Made below DIR if absent. The first N_TOP_FOLDERS stand at the top and take the place of the host's. */
static const struct {
    const char *path;
    mode_t mode;
} nas_folders[] = {
    {"/share", 0755},     {"/opt", 0755},        {"/var", 0755},        {"/run", 0755},
    {"/tmp", 01777},      {"/var/log", 0755},    {"/dev", 0755},        {"/dev/shm", 01777},
    {"/usr/local", 0755}, {"/etc/config", 0755}, {"/etc/init.d", 0755}, {"/etc/rcS.d", 0755},
    {"/etc/rcK.d", 0755},
};
#define N_TOP_FOLDERS 5

typedef struct {
    RootDir *nas;
    Fd tools_fd;      /* host folder of programs for /sbin, or -1 */
    Fd new_fd;        /* the new root */
    char *volume_top; /* first part of the volume's path: DIR's too, wherever the volume is */
} Build;

static void build_clear(Build *build)
{
    root_dir_free(build->nas);
    fd_close(build->tools_fd);
    fd_close(build->new_fd);
    g_free(build->volume_top);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Build, build_clear)

/* Always FALSE. Called with errno as the failed call left it. */
static gboolean complain(const char *format, ...) G_GNUC_PRINTF(1, 2);

static gboolean complain(const char *format, ...)
{
    int cause = errno;
    va_list args;
    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    dprintf(STDERR_FILENO, "private root: %s: %s\n", what, g_strerror(cause));
    return FALSE;
}

static gboolean complain_error(const GError *error)
{
    dprintf(STDERR_FILENO, "private root: %s\n", error->message);
    return FALSE;
}

/* ---- namespaces ---- */

static gboolean write_proc_file(const char *path, const char *text)
{
    g_auto(Fd) fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        return complain("write %s", path);
    return TRUE;
}

static gboolean enter_user_namespace(void)
{
    g_autofree char *uid_map = g_strdup_printf("0 %u 1\n", (guint)geteuid());
    g_autofree char *gid_map = g_strdup_printf("0 %u 1\n", (guint)getegid());
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return complain("new user and mount namespace");
    return write_proc_file("/proc/self/setgroups", "deny") &&
           write_proc_file("/proc/self/uid_map", uid_map) && write_proc_file("/proc/self/gid_map", gid_map);
}

static gboolean enter_namespaces(void)
{
    /* root of a container may lack CAP_SYS_ADMIN and still be allowed a user namespace */
    if ((geteuid() != 0 || unshare(CLONE_NEWNS) != 0) && !enter_user_namespace())
        return FALSE;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return complain("make mounts private");
    return TRUE;
}

/* ---- one tree to one place ---- */

/* Clones the mounts at from_fd/from ("" for from_fd itself) and attaches the copy at new_fd/to. Recursive
 * always: in a user namespace what is mounted below may not be uncovered. */
static gboolean attach(int from_fd, const char *from, int new_fd, const char *to, gboolean read_only)
{
    g_auto(Fd) tree =
        open_tree(from_fd, from,
                  OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
    if (tree < 0)
        return complain("copy the mounts for /%s", to);
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    if (read_only && mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) != 0)
        return complain("make /%s read-only", to);
    if (move_mount(tree, "", new_fd, to, MOVE_MOUNT_F_EMPTY_PATH) != 0)
        return complain("mount /%s", to);
    return TRUE;
}

/* An empty directory or file to mount on. */
static gboolean make_mount_point(int new_fd, const char *name, gboolean is_directory)
{
    if (is_directory)
        return mkdirat(new_fd, name, 0755) == 0 || complain("make /%s", name);
    g_auto(Fd) fd = openat(new_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    return fd >= 0 || complain("make /%s", name);
}

/* The link from_fd/name again as new_fd/to, with the same words. */
static gboolean copy_link(int from_fd, const char *name, int new_fd, const char *to)
{
    char target[PATH_MAX];
    ssize_t len = readlinkat(from_fd, name, target, sizeof target - 1);
    if (len < 0)
        return complain("read the link %s", name);
    target[len] = '\0';
    if (symlinkat(target, new_fd, to) != 0)
        return complain("make the link /%s", to);
    return TRUE;
}

/* Shows from_fd/name as new_fd/to: a link is copied, all else is mounted. */
static gboolean show(int from_fd, const char *name, int new_fd, const char *to, gboolean read_only)
{
    struct stat st;
    if (fstatat(from_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return complain("look at %s", name);
    if (S_ISLNK(st.st_mode))
        return copy_link(from_fd, name, new_fd, to);
    return make_mount_point(new_fd, to, S_ISDIR(st.st_mode)) && attach(from_fd, name, new_fd, to, read_only);
}

/* Calls visit for every entry of dir_fd that is no "." or ".."; stops at the first FALSE. */
static gboolean each_entry(int dir_fd, gboolean (*visit)(const Build *, int, const char *),
                           const Build *build)
{
    g_auto(Fd) own = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(DirStream) stream = own < 0 ? NULL : fdopendir(own);
    if (!stream)
        return complain("list a directory");
    fd_steal(&own);
    for (struct dirent *entry = readdir(stream); entry; entry = readdir(stream)) {
        gboolean is_dots = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (!is_dots && !visit(build, dir_fd, entry->d_name))
            return FALSE;
    }
    return TRUE;
}

/* ---- DIR's folders ---- */

static gboolean is_from_nas(const Build *build, const char *top_name)
{
    for (guint i = 0; i < N_TOP_FOLDERS; i++)
        if (strcmp(nas_folders[i].path + 1, top_name) == 0)
            return TRUE;
    return strcmp(build->volume_top, top_name) == 0;
}

static gboolean make_nas_folders(const Build *build, const char *volume_path)
{
    g_autoptr(GError) error = NULL;
    for (guint i = 0; i < G_N_ELEMENTS(nas_folders); i++)
        if (!root_dir_make_dirs(build->nas, nas_folders[i].path, nas_folders[i].mode, &error))
            return complain_error(error);
    if (!root_dir_make_dirs(build->nas, volume_path, 0755, &error))
        return complain_error(error);
    /* relative, so that it is the same file for who looks from outside; a plain directory made by others is
     * fine */
    g_auto(Fd) var_fd = root_dir_openat(build->nas, "/var", O_RDONLY | O_DIRECTORY, 0, &error);
    if (var_fd < 0)
        return complain_error(error);
    if (symlinkat("../run", var_fd, "run") != 0 && errno != EEXIST)
        return complain("make the link /var/run");
    return TRUE;
}

static gboolean show_nas_folders(const Build *build)
{
    int nas_fd = root_dir_fd(build->nas);
    for (guint i = 0; i < N_TOP_FOLDERS; i++)
        if (!show(nas_fd, nas_folders[i].path + 1, build->new_fd, nas_folders[i].path + 1, FALSE))
            return FALSE;
    if (faccessat(build->new_fd, build->volume_top, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return TRUE;
    return show(nas_fd, build->volume_top, build->new_fd, build->volume_top, FALSE);
}

/* DIR's folder over the host's of that name; where the host has none there is no place for it, and nothing is
 * lost: what is around it is read-only. */
static gboolean cover_with_nas(const Build *build, const char *path)
{
    struct stat st;
    g_autoptr(GError) error = NULL;
    if (fstatat(build->new_fd, path + 1, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode))
        return TRUE;
    g_auto(Fd) fd = root_dir_openat(build->nas, path, O_PATH | O_DIRECTORY, 0, &error);
    if (fd < 0)
        return complain_error(error);
    return attach(fd, "", build->new_fd, path + 1, FALSE);
}

/* ---- the host's folders ---- */

static gboolean show_host_entry(const Build *build, int host_fd, const char *name)
{
    struct stat st;
    if (is_from_nas(build, name) || strcmp(name, "etc") == 0 ||
        (build->tools_fd >= 0 && strcmp(name, "sbin") == 0))
        return TRUE;
    if (fstatat(host_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT || complain("look at /%s", name);
    if (!S_ISDIR(st.st_mode) && !S_ISLNK(st.st_mode))
        return TRUE; /* a swap file, a marker of a container: nothing that scripts need */
    /* /dev is read-only as well: no new names there, while what devices do does not depend on it */
    return show(host_fd, name, build->new_fd, name, strcmp(name, "proc") != 0);
}

/* ---- /etc ---- */

static gboolean show_nas_etc_entry(const Build *build, int nas_etc_fd, const char *name)
{
    g_autofree char *to = g_strconcat("etc/", name, NULL);
    return show(nas_etc_fd, name, build->new_fd, to, FALSE);
}

/* Where a link of the host's /etc ends, if that is a folder which shows DIR's content here; else NULL. The
 * usual case is /etc/resolv.conf, which leads to /run. */
static char *hidden_target(const Build *build, const char *name)
{
    g_autofree char *path = g_strconcat("/etc/", name, NULL);
    char *real = realpath(path, NULL);
    if (!real)
        return NULL;
    g_auto(GStrv) parts = g_strsplit(real + 1, "/", 2);
    char *target = is_from_nas(build, parts[0] ? parts[0] : "") ? g_strdup(real) : NULL;
    free(real);
    return target;
}

static gboolean show_host_etc_entry(const Build *build, int host_etc_fd, const char *name)
{
    struct stat st;
    g_autofree char *to = g_strconcat("etc/", name, NULL);
    if (faccessat(build->new_fd, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return TRUE; /* DIR's stands before it */
    if (fstatat(host_etc_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT || complain("look at /etc/%s", name);
    if (S_ISLNK(st.st_mode)) {
        g_autofree char *target = hidden_target(build, name);
        return target ? show(AT_FDCWD, target, build->new_fd, to, TRUE)
                      : copy_link(host_etc_fd, name, build->new_fd, to);
    }
    g_autofree char *link = g_strconcat("/" HOST_ETC "/", name, NULL);
    return symlinkat(link, build->new_fd, to) == 0 || complain("make the link /%s", to);
}

static gboolean show_etc(const Build *build)
{
    g_autoptr(GError) error = NULL;
    g_auto(Fd) nas_etc_fd = root_dir_openat(build->nas, "/etc", O_RDONLY | O_DIRECTORY, 0, &error);
    if (nas_etc_fd < 0)
        return complain_error(error);
    g_auto(Fd) host_etc_fd = open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (host_etc_fd < 0)
        return complain("open /etc");
    return make_mount_point(build->new_fd, "etc", TRUE) && make_mount_point(build->new_fd, HOST_ETC, TRUE) &&
           attach(host_etc_fd, "", build->new_fd, HOST_ETC, TRUE) &&
           each_entry(nas_etc_fd, show_nas_etc_entry, build) &&
           each_entry(host_etc_fd, show_host_etc_entry, build);
}

/* ---- /sbin ---- */

/* A program of ours (or a link among them) that the host does not have. */
static gboolean show_tool(const Build *build, int tools_fd, const char *name)
{
    g_autofree char *to = g_strconcat("sbin/", name, NULL);
    g_autofree char *hosts_own = g_strconcat("/sbin/", name, NULL);
    return access(hosts_own, F_OK) == 0 || show(tools_fd, name, build->new_fd, to, TRUE);
}

static gboolean show_host_sbin_entry(const Build *build, int host_sbin_fd, const char *name)
{
    (void)host_sbin_fd;
    g_autofree char *to = g_strconcat("sbin/", name, NULL);
    g_autofree char *link = g_strconcat("/" HOST_SBIN "/", name, NULL);
    return symlinkat(link, build->new_fd, to) == 0 || errno == EEXIST || complain("make the link /%s", to);
}

/* Scripts name /sbin/getcfg by its full path. The host's folder takes no new names, so ours stands in its place, with a
 * link to each program of the host's. */
static gboolean show_sbin(const Build *build)
{
    if (build->tools_fd < 0)
        return TRUE;
    g_auto(Fd) host_fd = open("/sbin", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (host_fd < 0)
        return complain("open /sbin");
    return make_mount_point(build->new_fd, "sbin", TRUE) &&
           make_mount_point(build->new_fd, HOST_SBIN, TRUE) &&
           attach(host_fd, "", build->new_fd, HOST_SBIN, TRUE) &&
           each_entry(build->tools_fd, show_tool, build) && each_entry(host_fd, show_host_sbin_entry, build);
}

/* ---- putting it together ---- */

static gboolean open_nas(Build *build, const char *root_host_path, const char *volume_path)
{
    static const char *const hosts_own[] = {"etc", "usr", "proc", "sys", "dev", NULL};
    g_autoptr(GError) error = NULL;
    build->nas = root_dir_open(root_host_path, &error);
    if (!build->nas)
        return complain_error(error);
    if (!root_dir_is_private(build->nas) || *volume_path != '/') {
        errno = EINVAL;
        return complain("wanted a root other than / and an absolute volume path");
    }
    g_auto(GStrv) parts = g_strsplit(volume_path + 1, "/", 2);
    build->volume_top = g_strdup(parts[0] ? parts[0] : "");
    if (!files_name_is_plain(build->volume_top) || g_strv_contains(hosts_own, build->volume_top)) {
        errno = EINVAL;
        return complain("wanted a volume outside of the system's folders, found %s", volume_path);
    }
    return TRUE;
}

/* Before the new root covers where they may lie. */
static gboolean open_tools(Build *build, const char *tools_path)
{
    if (!tools_path)
        return TRUE;
    build->tools_fd = open(tools_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return build->tools_fd >= 0 || complain("open %s", tools_path);
}

static gboolean mount_new_root(Build *build)
{
    if (mount("tmpfs", WORK_POINT, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") != 0)
        return complain("mount a tmpfs");
    build->new_fd = open(WORK_POINT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return build->new_fd >= 0 || complain("open the new root");
}

static gboolean show_all(const Build *build)
{
    g_auto(Fd) host_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (host_fd < 0)
        return complain("open /");
    return each_entry(host_fd, show_host_entry, build) && show_nas_folders(build) && show_etc(build) &&
           show_sbin(build) && cover_with_nas(build, "/usr/local") && cover_with_nas(build, "/dev/shm");
}

static gboolean change_root(const Build *build)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    if (mount_setattr(build->new_fd, "", AT_EMPTY_PATH, &attr, sizeof attr) != 0)
        return complain("make the new root read-only");
    /* new root and place for the old one are the same: the old one lies on top and is taken off at once */
    if (fchdir(build->new_fd) != 0 || syscall(SYS_pivot_root, ".", ".") != 0)
        return complain("change the root");
    if (umount2(".", MNT_DETACH) != 0 || chdir("/") != 0)
        return complain("leave the old root");
    return TRUE;
}

/* A script must not make the host's folders writable again, and a "reboot" in it must not be the host's.
 * Takes effect at the exec that follows. */
static gboolean drop_powers(void)
{
    static const int powers[] = {CAP_SYS_ADMIN, CAP_SYS_BOOT, CAP_SYS_MODULE, CAP_SYS_TIME, CAP_SYS_RAWIO};
    for (guint i = 0; i < G_N_ELEMENTS(powers); i++)
        if (prctl(PR_CAPBSET_DROP, powers[i], 0, 0, 0) != 0)
            return complain("drop capability %d", powers[i]);
    return TRUE;
}

gboolean private_root_enter(const char *root_host_path, const char *volume_path, const char *tools_path)
{
    g_auto(Build) build = {.tools_fd = -1, .new_fd = -1};
    /* DIR is opened in the new namespace: mounts of another one cannot be copied from */
    return enter_namespaces() && open_nas(&build, root_host_path, volume_path) &&
           open_tools(&build, tools_path) && make_nas_folders(&build, volume_path) &&
           mount_new_root(&build) && show_all(&build) && change_root(&build) && drop_powers();
}

/* ---- asking first ---- */

/* "" when it worked, else the sentence that it wrote to stderr. */
static char *try_in_child(const char *root_host_path, const char *volume_path)
{
    int ends[2];
    int status = 0;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return g_strdup_printf("private root: pipe: %s", g_strerror(errno));
    pid_t pid = fork();
    if (pid == 0) {
        gboolean is_ready = dup2(ends[1], STDERR_FILENO) >= 0;
        _exit(is_ready && private_root_enter(root_host_path, volume_path, NULL) ? 0 : 1);
    }
    close(ends[1]);
    g_auto(Fd) read_end = ends[0];
    if (pid < 0)
        return g_strdup_printf("private root: fork: %s", g_strerror(errno));
    g_autoptr(GBytes) saying = files_read_fd(read_end, SAYING_MAX, NULL);
    TEMP_FAILURE_RETRY(waitpid(pid, &status, 0));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return g_strdup("");
    gsize len = saying ? g_bytes_get_size(saying) : 0;
    if (len == 0)
        return g_strdup("private root: the trial ended without a word");
    return g_strchomp(g_utf8_make_valid(g_bytes_get_data(saying, NULL), (gssize)len));
}

gboolean private_root_is_permitted(const char *root_host_path, const char *volume_path, char **why)
{
    static GHashTable *answers; /* root and volume -> sentence; kept for the life of the process */
    g_autofree char *key = g_strdup_printf("%s\n%s", root_host_path, volume_path);
    if (!answers)
        answers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    const char *answer = g_hash_table_lookup(answers, key);
    if (!answer) {
        char *fresh = try_in_child(root_host_path, volume_path);
        g_hash_table_insert(answers, g_steal_pointer(&key), fresh);
        answer = fresh;
    }
    if (*answer == '\0')
        return TRUE;
    if (why)
        *why = g_strdup(answer);
    return FALSE;
}
