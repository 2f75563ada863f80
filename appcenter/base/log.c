/* log.c - one line per event, one write(2) per line, so that lines of several processes do not mix.
 *
 * Hides whether the journal or a person reads stderr, and keeps untrusted text from forging lines: control
 * bytes and bad UTF-8 are shown as '?'.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static LogLevel level_wanted = LOG_LEVEL_INFO;
static gboolean is_level_known = FALSE;

void log_set_level(LogLevel level)
{
    level_wanted = level;
    is_level_known = TRUE;
}

static LogLevel current_level(void)
{
    if (!is_level_known)
        log_set_level(g_strcmp0(g_getenv("APPCENTER_DEBUG"), "1") == 0 ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
    return level_wanted;
}

/* systemd sets JOURNAL_STREAM to "device:inode" of the socket; it is inherited by children whose stderr is
 * elsewhere, so it counts only when it names our own stderr (systemd.exec(5)). */
static gboolean stderr_is_journal(void)
{
    const char *stream = g_getenv("JOURNAL_STREAM");
    struct stat st;
    if (!stream || fstat(STDERR_FILENO, &st) != 0)
        return FALSE;
    g_autofree char *own =
        g_strdup_printf("%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    return strcmp(stream, own) == 0;
}

static void append_prefix(GString *line, LogLevel level)
{
    static const int priorities[] = {
        [LOG_LEVEL_ERROR] = 3, [LOG_LEVEL_WARNING] = 4, [LOG_LEVEL_INFO] = 6, [LOG_LEVEL_DEBUG] = 7};
    static const char *const names[] = {[LOG_LEVEL_ERROR] = "error: ",
                                        [LOG_LEVEL_WARNING] = "warning: ",
                                        [LOG_LEVEL_INFO] = "",
                                        [LOG_LEVEL_DEBUG] = "debug: "};
    if (stderr_is_journal()) {
        g_string_append_printf(line, "<%d>", priorities[level]);
        return;
    }
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autofree char *stamp = g_date_time_format(now, "%Y-%m-%d %H:%M:%S ");
    g_string_append(line, stamp);
    g_string_append(line, names[level]);
}

static void append_clean(GString *line, const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    for (char *c = valid; *c; c++)
        if ((guchar)*c < 0x20 || *c == 0x7f)
            *c = '?';
    g_string_append(line, valid);
}

void log_line(LogLevel level, const char *module, const char *format, ...)
{
    if (level > current_level())
        return;
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);

    g_autoptr(GString) line = g_string_new(NULL);
    append_prefix(line, level);
    g_string_append_printf(line, "%s: ", module);
    append_clean(line, text);
    g_string_append_c(line, '\n');

    int saved_errno = errno;
    ssize_t written = write(STDERR_FILENO, line->str, line->len);
    (void)written; /* a log that cannot be written has nowhere to complain */
    errno = saved_errno;
}
