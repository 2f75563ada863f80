/* system.c - the box: clock, identity, space, the lock between processes, and whether an app runs.
 *
 * Hides where QTS and Debian keep their version, what uname says in QDK's words, and flock(2).
 */
#include "ports/system.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#define STATE_DIR          "/var/lib/appcenter"
#define INI_BYTES_MAX      (1024 * 1024)
#define PID_FILE_BYTES_MAX 64
#define PORT_TIMEOUT_MS    200
#define DAY_S              86400

gint64 system_now(void)
{
    return g_get_real_time() / G_USEC_PER_SEC;
}

/* Without a time given by the build: the day before the compiler's date, which is in some zone's local time, so that it is
 * past in every zone. */
gint64 system_build_time(void)
{
#ifdef APPCENTER_BUILD_TIME
    return APPCENTER_BUILD_TIME;
#else
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char month[4] = "";
    int day = 0, year = 0;
    const char *found = sscanf(__DATE__, "%3s %d %d", month, &day, &year) == 3 ? strstr(months, month) : NULL;
    g_autoptr(GDateTime) date =
        found != NULL ? g_date_time_new_utc(year, (int)(found - months) / 3 + 1, day, 0, 0, 0) : NULL;
    return date != NULL ? g_date_time_to_unix(date) - DAY_S : 0;
#endif
}

/* The value of a key in one section ("": before the first) of somebody else's INI file: nothing in it is an error. Quotes
 * around it are dropped. NULL when it is not there. */
static char *ini_value(const RootDir *root, const char *path, const char *section, const char *key)
{
    g_autoptr(GBytes) bytes = root_dir_read(root, path, INI_BYTES_MAX, NULL);
    if (bytes == NULL)
        return NULL;
    gsize len = 0;
    const char *data = g_bytes_get_data(bytes, &len);
    g_autofree char *text = g_strndup(data, len);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autofree char *heading = *section != '\0' ? g_strdup_printf("[%s]", section) : NULL;
    gboolean is_inside = heading == NULL;
    for (gsize i = 0; lines[i] != NULL; i++) {
        char *line = g_strstrip(lines[i]);
        char *equals = strchr(line, '=');
        if (*line == '[')
            is_inside = g_strcmp0(line, heading) == 0;
        if (!is_inside || equals == NULL)
            continue;
        *equals = '\0';
        if (strcmp(g_strchomp(line), key) != 0)
            continue;
        char *value = g_strstrip(equals + 1);
        gsize value_len = strlen(value);
        gboolean is_quoted = value_len >= 2 && *value == '"' && value[value_len - 1] == '"';
        return is_quoted ? g_strndup(value + 1, value_len - 2) : g_strdup(value);
    }
    return NULL;
}

char *system_os_version(const RootDir *root, const SettingsValues *settings)
{
    static const struct {
        const char *path, *section, *key;
    } sources[] = {{"/etc/config/uLinux.conf", "System", "Version"}, {"/etc/os-release", "", "VERSION_ID"}};
    if (settings->os_version != NULL && *settings->os_version != '\0')
        return g_strdup(settings->os_version);
    for (gsize i = 0; i < G_N_ELEMENTS(sources); i++) {
        g_autofree char *value = ini_value(root, sources[i].path, sources[i].section, sources[i].key);
        if (value != NULL && version_is_valid(value))
            return g_steal_pointer(&value);
    }
    return g_strdup("0");
}

char *system_arch(const SettingsValues *settings)
{
    static const struct {
        const char *machine, *arch;
    } names[] = {{"x86_64", "x86_64"},    {"aarch64", "arm_64"}, {"armv7l", "arm-x41"},
                 {"armv5tel", "arm-x19"}, {"i686", "x86"},       {"i586", "x86"}};
    struct utsname box;
    if (settings->arch != NULL && *settings->arch != '\0')
        return g_strdup(settings->arch);
    if (uname(&box) != 0)
        return g_strdup("unknown");
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (strcmp(box.machine, names[i].machine) == 0)
            return g_strdup(names[i].arch);
    return g_strdup(box.machine);
}

gboolean system_space(int fd, SystemSpace *space, GError **error)
{
    struct statvfs info;
    if (fstatvfs(fd, &info) != 0)
        return error_set_errno(error, "ask for free space");
    space->free_bytes = (gint64)info.f_bavail * (gint64)info.f_frsize;
    space->free_inodes = info.f_files == 0 ? -1 : (gint64)info.f_favail;
    return TRUE;
}

int system_lock(const RootDir *root, const char *name, gboolean wait, GError **error)
{
    if (!files_name_is_plain(name)) {
        error_set(error, APPCENTER_ERROR_INVALID, "wanted the plain name of a lock, found \"%s\"", name);
        return -1;
    }
    if (!root_dir_make_dirs(root, "/var/lib", 0755, error) ||
        !root_dir_make_dirs(root, STATE_DIR, 0700, error))
        return -1;
    g_autofree char *path = g_strdup_printf(STATE_DIR "/%s.lock", name);
    g_auto(Fd) fd = root_dir_openat(root, path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600, error);
    if (fd < 0)
        return -1;
    if (flock(fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB) == 0)
        return fd_steal(&fd);
    if (errno == EWOULDBLOCK)
        error_set(error, APPCENTER_ERROR_BUSY, "%s is held by another process", path);
    else if (errno == EINTR) /* a signal ends the wait: that is how a waiting job is cancelled */
        error_set(error, APPCENTER_ERROR_CANCELLED, "waiting for %s was interrupted", path);
    else
        error_set_errno(error, "lock %s", path);
    return -1;
}

/* The pid in a pid file; 0: no such file, or nothing usable in it. */
static pid_t read_pid(const RootDir *root, const char *pid_file)
{
    g_autoptr(GBytes) bytes = root_dir_read(root, pid_file, PID_FILE_BYTES_MAX, NULL);
    if (bytes == NULL)
        return 0;
    gsize len = 0;
    const char *data = g_bytes_get_data(bytes, &len);
    g_autofree char *text = g_strstrip(g_strndup(data, len));
    guint64 pid = 0;
    return g_ascii_string_to_unsigned(text, 10, 1, G_MAXINT32, &pid, NULL) ? (pid_t)pid : 0;
}

gboolean system_app_is_running(const RootDir *root, const char *app, const char *pid_file, guint16 port)
{
    pid_t pid = pid_file != NULL ? read_pid(root, pid_file) : 0;
    if (pid != 0)
        return marker_pid_is_of(root, app, pid);
    g_autoptr(GArray) pids = marker_pids(root, app);
    return pids->len > 0 || (port != 0 && system_port_answers(port));
}

gboolean system_port_answers(guint16 port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    g_auto(Fd) fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return FALSE;
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return TRUE;
    if (errno != EINPROGRESS)
        return FALSE;
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    int failure = 0;
    socklen_t failure_len = sizeof failure;
    return TEMP_FAILURE_RETRY(poll(&wait, 1, PORT_TIMEOUT_MS)) == 1 &&
           getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &failure_len) == 0 && failure == 0;
}
