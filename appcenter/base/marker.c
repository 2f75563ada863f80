/* marker.c - finds an app's processes by the two words that their environment carries, or by their control group where
 * there is one, and ends them.
 *
 * Hides /proc and the race between looking at a pid and signalling it: a process is held by a pidfd before it is judged,
 * so that a recycled pid is never hit, and it counts as gone only when the pidfd says so (its memory goes before its
 * open files do). What forks while we look is found by looking again until nobody is left.
 */
#include "base/marker.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/dir_stream.h"
#include "base/error.h"

#define ENVIRON_BYTES_MAX (1024 * 1024)
#define EXEC_WAIT_US      (2 * G_USEC_PER_SEC) /* a program may have to come from a slow disk */
#define EMPTY_WAIT_US     (G_USEC_PER_SEC / 10)
#define EXEC_TICK_US      500
#define STAT_ENV_START    50 /* proc(5): fields of /proc/PID/stat count from 1 */
#define STAT_ENV_END      51
#define KILL_WAIT_S       5
#define LOOK_EVERY_MS     20

typedef struct {
    pid_t pid;
    int pid_fd;
} Target;

static void target_clear(gpointer data)
{
    fd_close(((Target *)data)->pid_fd);
}

char *marker_instance(const RootDir *root)
{
    struct stat st;
    if (fstat(root_dir_fd(root), &st) != 0)
        return g_strdup("unknown");
    return g_strdup_printf("%" G_GINT64_MODIFIER "x-%" G_GINT64_MODIFIER "x", (guint64)st.st_dev,
                           (guint64)st.st_ino);
}

/* ---- whose is a process ---- */

/* How long nothing read may still become something. 0: a kernel thread, a dead process, or one that we may not look at.
 * In the middle of an exec the kernel does not know yet where the new environment is, and for a moment calls it empty. */
static gint64 environment_wait_us(pid_t pid)
{
    char path[64], target[8];
    g_autofree char *stat = NULL;
    g_snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    if (readlink(path, target, sizeof target) <= 0)
        return 0;
    g_snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (!g_file_get_contents(path, &stat, NULL, NULL))
        return 0;
    const char *rest = strrchr(stat, ')'); /* field 2, the name, may hold anything */
    g_auto(GStrv) fields = g_strsplit(rest ? rest : "", " ", -1);
    if (g_strv_length(fields) <= STAT_ENV_END - 2)
        return 0;
    const char *start = fields[STAT_ENV_START - 2];
    gboolean seems_empty = !g_str_equal(start, "0") && g_str_equal(start, fields[STAT_ENV_END - 2]);
    return seems_empty ? EMPTY_WAIT_US : EXEC_WAIT_US;
}

/* The environment that a process was started with, its entries ended by NUL; NULL when there is none to see. An exec on
 * its way must not look like an app's end. */
static GBytes *read_environment(pid_t pid)
{
    char path[64];
    gint64 begin_us = 0;
    g_snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    for (;;) {
        g_auto(Fd) fd = open(path, O_RDONLY | O_CLOEXEC);
        g_autoptr(GBytes) environment = fd < 0 ? NULL : files_read_fd(fd, ENVIRON_BYTES_MAX, NULL);
        if (environment && g_bytes_get_size(environment) > 0)
            return g_steal_pointer(&environment);
        gint64 now_us = g_get_monotonic_time();
        begin_us = begin_us ? begin_us : now_us;
        if (now_us - begin_us >= environment_wait_us(pid))
            return g_steal_pointer(&environment);
        g_usleep(EXEC_TICK_US);
    }
}

static gboolean has_entry(const char *environment, gsize len, const char *wanted)
{
    const char *end = environment + len;
    for (const char *entry = environment; entry < end;) {
        gsize entry_len = strnlen(entry, (gsize)(end - entry));
        if (entry_len == strlen(wanted) && memcmp(entry, wanted, entry_len) == 0)
            return TRUE;
        entry += entry_len + 1;
    }
    return FALSE;
}

/* The two entries to look for; app may be NULL. */
typedef struct {
    char *instance, *app;
    char *instance_name;
} Marks;

static void marks_clear(Marks *marks)
{
    g_free(marks->instance);
    g_free(marks->app);
    g_free(marks->instance_name);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Marks, marks_clear)

static void marks_init(Marks *marks, const RootDir *root, const char *app)
{
    marks->instance_name = marker_instance(root);
    marks->instance = g_strconcat("APPCENTER_INSTANCE=", marks->instance_name, NULL);
    marks->app = app ? g_strconcat("APPCENTER_APP=", app, NULL) : NULL;
}

static gboolean carries(pid_t pid, const Marks *marks)
{
    g_autoptr(GBytes) environment = read_environment(pid);
    if (!environment)
        return FALSE;
    gsize len;
    const char *text = g_bytes_get_data(environment, &len);
    return has_entry(text, len, marks->instance) && (!marks->app || has_entry(text, len, marks->app));
}

gboolean marker_pid_is_of(const RootDir *root, const char *app, pid_t pid)
{
    g_auto(Marks) marks = {0};
    marks_init(&marks, root, app);
    return pid > 0 && (carries(pid, &marks) || cgroup_holds(marks.instance_name, app, pid));
}

/* 0 for a name that is no pid. */
static pid_t pid_from_name(const char *name)
{
    char *end;
    if (!g_ascii_isdigit(*name))
        return 0;
    gint64 number = g_ascii_strtoll(name, &end, 10);
    return *end == '\0' && number <= G_MAXINT ? (pid_t)number : 0;
}

GArray *marker_pids(const RootDir *root, const char *app)
{
    GArray *pids = g_array_new(FALSE, FALSE, sizeof(pid_t));
    g_auto(Marks) marks = {0};
    g_autoptr(DirStream) stream = opendir("/proc");
    marks_init(&marks, root, app);
    for (struct dirent *entry = stream ? readdir(stream) : NULL; entry; entry = readdir(stream)) {
        pid_t pid = pid_from_name(entry->d_name);
        if (pid > 0 && pid != getpid() && carries(pid, &marks))
            g_array_append_val(pids, pid);
    }
    cgroup_add_pids(marks.instance_name, app, pids);
    return pids;
}

/* ---- their group ---- */

int marker_group_open(const RootDir *root, const char *app)
{
    g_autofree char *instance = marker_instance(root);
    return cgroup_open(instance, app);
}

void marker_group_join(int group)
{
    if (group >= 0 && write(group, "0", 1) != 1)
        return; /* not permitted: the environment has to do */
}

void marker_tidy(const RootDir *root, const char *app)
{
    g_autofree char *instance = marker_instance(root);
    if (app)
        cgroup_drop(instance, app);
}

/* ---- ending them ---- */

static gboolean is_known(const GArray *targets, pid_t pid)
{
    for (guint i = 0; i < targets->len; i++)
        if (g_array_index(targets, Target, i).pid == pid)
            return TRUE;
    return FALSE;
}

static gboolean is_gone(const Target *target)
{
    struct pollfd fd = {.fd = target->pid_fd, .events = POLLIN};
    return poll(&fd, 1, 0) == 1;
}

static void drop_the_dead(GArray *targets)
{
    for (guint i = targets->len; i-- > 0;)
        if (is_gone(&g_array_index(targets, Target, i)))
            g_array_remove_index_fast(targets, i);
}

/* Holds every process of the app that is not held yet, and signals it. Returns how many. */
static guint find_and_signal(const RootDir *root, const char *app, GArray *targets, int signal_number)
{
    guint n_new = 0;
    g_autoptr(GArray) pids = marker_pids(root, app);
    for (guint i = 0; i < pids->len; i++) {
        Target target = {.pid = g_array_index(pids, pid_t, i)};
        if (is_known(targets, target.pid))
            continue;
        target.pid_fd = pidfd_open(target.pid, 0);
        if (target.pid_fd < 0)
            continue;
        if (!marker_pid_is_of(root, app, target.pid)) { /* the pid was given to somebody else meanwhile */
            fd_close(target.pid_fd);
            continue;
        }
        g_array_append_val(targets, target);
        (void)pidfd_send_signal(target.pid_fd, signal_number, NULL, 0);
        n_new++;
    }
    return n_new;
}

/* TRUE when none was left within the time. */
static gboolean end_with(const RootDir *root, const char *app, GArray *targets, int signal_number,
                         gint64 wait_s)
{
    gint64 until_us = g_get_monotonic_time() + wait_s * G_USEC_PER_SEC;
    for (guint i = 0; i < targets->len; i++)
        (void)pidfd_send_signal(g_array_index(targets, Target, i).pid_fd, signal_number, NULL, 0);
    for (;;) {
        guint n_new = find_and_signal(root, app, targets, signal_number);
        drop_the_dead(targets);
        if (n_new == 0 && targets->len == 0) /* who died just now may have forked before */
            return TRUE;
        if (g_get_monotonic_time() >= until_us)
            return FALSE;
        g_usleep(LOOK_EVERY_MS * 1000);
    }
}

static char *name_of(pid_t pid)
{
    char path[64];
    char *text = NULL;
    g_snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return g_strdup("?");
    return g_strchomp(text);
}

/* Without it nobody would be found, and a live app would be taken for a dead one. */
static gboolean check_proc(GError **error)
{
    char target[16] = "";
    if (readlink("/proc/self", target, sizeof target - 1) > 0 && pid_from_name(target) == getpid())
        return TRUE;
    return error_set(
        error, APPCENTER_ERROR_IO,
        "/proc: wanted this system's processes, found %s; mount a proc file system of this pid namespace",
        *target ? "those of another pid namespace" : "nothing");
}

gboolean marker_kill(const RootDir *root, const char *app, gint64 term_wait_s, GError **error)
{
    g_autoptr(GArray) targets = g_array_new(FALSE, FALSE, sizeof(Target));
    g_array_set_clear_func(targets, target_clear);
    if (!check_proc(error))
        return FALSE;
    if (end_with(root, app, targets, SIGTERM, term_wait_s) ||
        end_with(root, app, targets, SIGKILL, KILL_WAIT_S)) {
        marker_tidy(root, app);
        return TRUE;
    }
    pid_t survivor = g_array_index(targets, Target, 0).pid;
    g_autofree char *name = name_of(survivor);
    return error_set(error, APPCENTER_ERROR_SCRIPT, "process %d (%s) does not end, not even killed",
                     (int)survivor, name);
}
