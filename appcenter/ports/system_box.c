/* system_box.c - what holds the box back at this moment: its start, and who asked not to be disturbed.
 *
 * A program that must not be disturbed (a backup) writes "LIMIT REASON" into a file of its own in INHIBIT_DIR and deletes
 * it when it is done: "4h a backup is running". Hides that what it forgets there ends by itself.
 */
#include "ports/system.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define INHIBIT_DIR       "/run/appcenter/inhibit.d"
#define INHIBIT_BYTES_MAX 256
#define INHIBIT_FILES_MAX 64
#define INHIBIT_DEFAULT_S 3600  /* of a line that begins with no time */
#define INHIBIT_MAX_S     86400 /* whoever is not done in a day has been forgotten */

static gint64 clock_seconds(clockid_t id)
{
    struct timespec now = {0};
    clock_gettime(id, &now);
    return now.tv_sec;
}

ClockReading system_read_clocks(void)
{
    return (ClockReading){.wall_at = system_now(),
                          .uptime_s = clock_seconds(CLOCK_BOOTTIME),
                          .running_s = clock_seconds(CLOCK_MONOTONIC)};
}

gint64 system_quiet_until(const RootDir *root, gint64 now)
{
    return root_dir_is_private(root) ? 0 : policy_quiet_until(clock_seconds(CLOCK_BOOTTIME), now);
}

/* The first line of a plain file, and the time of its last change; NULL for anything else. */
static char *read_line(const RootDir *root, const char *path, gint64 *changed_at)
{
    char text[INHIBIT_BYTES_MAX + 1];
    struct stat info;
    g_auto(Fd) fd = root_dir_openat(root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0, NULL);
    if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        return NULL;
    ssize_t n = TEMP_FAILURE_RETRY(read(fd, text, INHIBIT_BYTES_MAX));
    if (n < 0)
        return NULL;
    text[n] = '\0';
    text[strcspn(text, "\r\n")] = '\0';
    *changed_at = info.st_mtime;
    return g_utf8_make_valid(text, -1);
}

/* The time at the start of the line, which is cut off; without one the default. */
static gint64 take_limit_s(char *line)
{
    gint64 limit_s = 0;
    gsize len = strcspn(line, " \t");
    g_autofree char *word = g_strndup(line, len);
    if (!units_parse_duration(word, &limit_s))
        return INHIBIT_DEFAULT_S;
    memmove(line, line + len, strlen(line + len) + 1);
    return MIN(limit_s, INHIBIT_MAX_S);
}

/* The one that lasts longest. A file from the future was written by a clock that was set back since; it ends, too. */
static void add_inhibitor(BoxFacts *box, const RootDir *root, const char *name, gint64 now)
{
    gint64 changed_at = 0;
    g_autofree char *path = g_build_filename(INHIBIT_DIR, name, NULL);
    g_autofree char *line = read_line(root, path, &changed_at);
    if (line == NULL)
        return;
    gint64 until = changed_at + take_limit_s(line);
    if (until <= MAX(now, box->inhibited_until) || until > now + INHIBIT_MAX_S)
        return;
    g_strstrip(line);
    box->inhibited_until = until;
    g_free(box->inhibited_by);
    box->inhibited_by = g_strdup(*line != '\0' ? line : name);
    for (char *c = box->inhibited_by; *c != '\0'; c++)
        if (g_ascii_iscntrl(*c))
            *c = ' ';
}

BoxFacts system_box_facts(const RootDir *root, gint64 now)
{
    BoxFacts box = {.quiet_until = system_quiet_until(root, now)};
    g_auto(GStrv) names = root_dir_list(root, INHIBIT_DIR, NULL);
    for (guint i = 0; names != NULL && names[i] != NULL && i < INHIBIT_FILES_MAX; i++)
        add_inhibitor(&box, root, names[i], now);
    return box;
}
