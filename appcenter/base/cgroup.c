/* cgroup.c - groups are folders: OURS/appcenter-INSTANCE/APP; see cgroup.h. */
#include "base/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/dir_stream.h"
#include "base/files.h"

#define PROC_BYTES_MAX    (64 * 1024)
#define MEMBERS_BYTES_MAX (1024 * 1024)
#define DEPTH_MAX         8
#define V2_PREFIX         "0::"

/* Where v2 is mounted: alone, or beside v1. NULL: nowhere. */
static const char *mount_point(void)
{
    static const char *const places[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    struct statfs info;
    for (gsize i = 0; i < G_N_ELEMENTS(places); i++)
        if (statfs(places[i], &info) == 0 && info.f_type == CGROUP2_SUPER_MAGIC)
            return places[i];
    return NULL;
}

/* The process's group, as /PATH below the mount point; NULL when there is none to see. */
static char *group_of(pid_t pid)
{
    char path[64];
    g_snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
    g_auto(Fd) fd = open(path, O_RDONLY | O_CLOEXEC);
    g_autoptr(GBytes) bytes = fd < 0 ? NULL : files_read_fd(fd, PROC_BYTES_MAX, NULL);
    if (!bytes)
        return NULL;
    g_autofree char *text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++)
        if (g_str_has_prefix(*line, V2_PREFIX))
            return g_strdup(*line + strlen(V2_PREFIX));
    return NULL;
}

/* The folder of all apps' groups of this instance; NULL where there is no v2. */
static char *instance_folder(const char *instance)
{
    const char *mount = mount_point();
    g_autofree char *own = mount ? group_of(getpid()) : NULL;
    return own ? g_strdup_printf("%s%s/appcenter-%s", mount, g_str_equal(own, "/") ? "" : own, instance)
               : NULL;
}

static gboolean make_folder(const char *path)
{
    return mkdir(path, 0755) == 0 || errno == EEXIST;
}

int cgroup_open(const char *instance, const char *app)
{
    g_autofree char *all = instance_folder(instance);
    g_autofree char *own = all ? g_build_filename(all, app, NULL) : NULL;
    if (!own || !make_folder(all) || !make_folder(own))
        return -1;
    g_autofree char *procs = g_build_filename(own, "cgroup.procs", NULL);
    return open(procs, O_WRONLY | O_CLOEXEC);
}

static gboolean has_pid(const GArray *pids, pid_t pid)
{
    for (guint i = 0; i < pids->len; i++)
        if (g_array_index(pids, pid_t, i) == pid)
            return TRUE;
    return FALSE;
}

static void add_members(const char *folder, GArray *pids)
{
    g_autofree char *procs = g_build_filename(folder, "cgroup.procs", NULL);
    g_auto(Fd) fd = open(procs, O_RDONLY | O_CLOEXEC);
    g_autoptr(GBytes) bytes = fd < 0 ? NULL : files_read_fd(fd, MEMBERS_BYTES_MAX, NULL);
    if (!bytes)
        return;
    g_autofree char *text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        pid_t pid = (pid_t)g_ascii_strtoll(*line, NULL, 10);
        if (pid > 0 && !has_pid(pids, pid)) /* 0: somebody of another pid namespace */
            g_array_append_val(pids, pid);
    }
}

static void add_tree(const char *folder, guint depth, GArray *pids)
{
    g_autoptr(DirStream) stream = opendir(folder);
    if (!stream)
        return;
    add_members(folder, pids);
    for (struct dirent *entry = readdir(stream); entry && depth > 0; entry = readdir(stream)) {
        if (entry->d_type != DT_DIR || *entry->d_name == '.')
            continue;
        g_autofree char *below = g_build_filename(folder, entry->d_name, NULL);
        add_tree(below, depth - 1, pids);
    }
}

void cgroup_add_pids(const char *instance, const char *app, GArray *pids)
{
    g_autofree char *all = instance_folder(instance);
    g_autofree char *folder = all ? g_build_filename(all, app, NULL) : NULL; /* app NULL ends the path */
    if (folder)
        add_tree(folder, DEPTH_MAX, pids);
}

gboolean cgroup_holds(const char *instance, const char *app, pid_t pid)
{
    g_autofree char *group = group_of(pid);
    g_autofree char *wanted =
        app ? g_strdup_printf("/appcenter-%s/%s", instance, app) : g_strdup_printf("/appcenter-%s", instance);
    const char *found = group ? strstr(group, wanted) : NULL;
    if (!found)
        return FALSE;
    char next = found[strlen(wanted)];
    return next == '\0' || next == '/';
}

void cgroup_drop(const char *instance, const char *app)
{
    g_autofree char *all = instance_folder(instance);
    g_autofree char *own = all ? g_build_filename(all, app, NULL) : NULL;
    if (own && (rmdir(own) == 0 || errno == ENOENT))
        (void)rmdir(all); /* the last one's */
}
