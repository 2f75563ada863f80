/* settings_table.c - every setting, one row each: where it stands, what it may be, what it is for.
 *
 * Hides how each type is read and stored. The prose is what the manual and `config show` print, so it speaks
 * to the owner of a NAS.
 */
#include "model/settings_table.h"

#include <string.h>

#include "model/version.h"

#define HOUR_S       G_GINT64_CONSTANT(3600)
#define DAY_S        (24 * HOUR_S)
#define YEAR_S       (366 * DAY_S)
#define TERA         (G_GINT64_CONSTANT(1) << 40)
#define LINE_MAX_LEN 1024
#define COHORT_MAX   64

static const SettingChoice consent_emergency[] = {
    {"install", CONSENT_AUTO}, {"notify", CONSENT_NOTIFY}, {NULL, 0}};
static const SettingChoice consent[] = {{"auto", CONSENT_AUTO},
                                        {"download", CONSENT_DOWNLOAD},
                                        {"notify", CONSENT_NOTIFY},
                                        {"off", CONSENT_OFF},
                                        {NULL, 0}};
static const SettingChoice yes_no[] = {{"yes", TRUE}, {"no", FALSE}, {NULL, 0}};
static const SettingChoice withdrawn[] = {{"rollback", TRUE}, {"notify", FALSE}, {NULL, 0}};
static const SettingChoice snapshot[] = {
    {"auto", SNAPSHOT_AUTO}, {"off", SNAPSHOT_OFF}, {"required", SNAPSHOT_REQUIRED}, {NULL, 0}};

/* ---- judges of texts ---- */

static gboolean is_line(const char *text)
{
    gsize len = 0;
    for (; text[len]; len++)
        if (len == LINE_MAX_LEN || g_ascii_iscntrl(text[len]))
            return FALSE;
    return TRUE;
}

static gboolean is_absolute_path(const char *text)
{
    return is_line(text) && text[0] == '/' && files_path_is_inside(text + 1);
}

static gboolean is_path_or_empty(const char *text)
{
    return *text == '\0' || is_absolute_path(text);
}

static gboolean is_command_or_empty(const char *text)
{
    return is_line(text) && (*text == '\0' || *text == '/');
}

static gboolean is_proxy_or_empty(const char *text)
{
    static const char *const schemes[] = {"http://", "https://", "socks5://", "socks5h://"};
    if (*text == '\0')
        return TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(schemes); i++)
        if (g_str_has_prefix(text, schemes[i]))
            return is_line(text) && text[strlen(schemes[i])] != '\0' && !strpbrk(text, " \t\"<>\\");
    return FALSE;
}

static gboolean is_event_list(const char *text)
{
    static const char *const events[] = {"change", "failure", "deadline", "stale", NULL};
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);
    if (!parts[0])
        return TRUE;
    for (guint i = 0; parts[i]; i++)
        if (!g_strv_contains(events, g_strstrip(parts[i])))
            return FALSE;
    return TRUE;
}

static gboolean is_mail_or_empty(const char *text)
{
    return *text == '\0' ||
           (is_line(text) && *text != '-' && strchr(text, '@') && !strpbrk(text, " \t<>\"|;"));
}

static gboolean is_os_version_or_empty(const char *text)
{
    return *text == '\0' || version_is_valid(text);
}

static gboolean is_box_arch_or_empty(const char *text)
{
    return *text == '\0' || (arch_is_valid(text) && strcmp(text, "all") != 0);
}

static gboolean is_cohort_or_empty(const char *text)
{
    gsize len = 0;
    for (; text[len]; len++)
        if (len == COHORT_MAX || (!g_ascii_isalnum(text[len]) && !strchr("._-", text[len])))
            return FALSE;
    return TRUE;
}

/* ---- the table ---- */

#define AT(member) G_STRUCT_OFFSET(SettingsValues, member)
#define CHOICE(section, key, list, member, default_text, allowed, prose)                                     \
    {                                                                                                        \
        section, key, SETTING_CHOICE, AT(member), default_text, allowed, prose, 0, 0, list, NULL             \
    }
#define NUMBER(section, key, type, member, default_text, min, max, allowed, prose)                           \
    {                                                                                                        \
        section, key, type, AT(member), default_text, allowed, prose, min, max, NULL, NULL                   \
    }
#define TEXT(section, key, judge, member, default_text, allowed, prose)                                      \
    {                                                                                                        \
        section, key, SETTING_TEXT, AT(member), default_text, allowed, prose, 0, 0, NULL, judge              \
    }

const SettingRow settings_table[] = {
    CHOICE("updates", "emergency", consent_emergency, emergency, "install", "install or notify",
           "Fixes of holes that are being attacked: install them at once, or only say so. Asked once, never "
           "changed by an upgrade."),
    CHOICE("updates", "security", consent, security, "auto", "auto, download, notify or off",
           "Other security fixes: install in the window, only download, only say so, or nothing."),
    CHOICE("updates", "other", consent, other, "notify", "auto, download, notify or off",
           "Updates that fix no security hole. Features always ask."),
    NUMBER("updates", "deadline_emergency", SETTING_DEADLINE, deadline_emergency_s, "12h", 0, YEAR_S,
           "a time up to 366d, as 12h, or never",
           "An emergency fix counts as overdue so long after the vendor called it urgent."),
    NUMBER("updates", "deadline_critical", SETTING_DEADLINE, deadline_critical_s, "72h", 0, YEAR_S,
           "a time up to 366d, as 72h, or never",
           "A critical fix leaves the window and is installed so long after the vendor called it urgent."),
    NUMBER("updates", "deadline_important", SETTING_DEADLINE, deadline_important_s, "14d", 0, YEAR_S,
           "a time up to 366d, as 14d, or never", "The same for an important fix."),
    CHOICE("updates", "allow_downgrade", yes_no, allow_downgrade, "no", "yes or no",
           "Let a plan go back to an older version without asking each time."),
    CHOICE("updates", "withdrawn", withdrawn, withdrawn_rollback, "rollback", "rollback or notify",
           "An installed version that the vendor withdrew: go back to the version that the vendor names, or "
           "only say so."),
    NUMBER("updates", "min_age", SETTING_DURATION, min_age_s, "24h", 0, YEAR_S, "a time up to 366d, as 24h",
           "Let others try ordinary updates for so long first."),

    TEXT("window", "timer", is_line, timer, "02:00-05:00", "[days,]HH:MM-HH:MM, several separated by \";\"",
         "When apps may be changed without being asked for. Empty: never."),
    TEXT("window", "timezone", is_line, timezone, "local", "local or an IANA name, as Asia/Taipei",
         "The zone of timer and blackout."),
    TEXT("window", "blackout", is_line, blackout, "",
         "dates as 2026-12-20..2027-01-04, several separated by \";\"",
         "Days on which nothing but an emergency fix is installed."),

    NUMBER("network", "poll", SETTING_DURATION, poll_s, "60m", 1, DAY_S,
           "a time from 5m to 24h (from 1s when all repositories are loopback or file:)",
           "How often repositories are asked."),
    TEXT("network", "proxy", is_proxy_or_empty, proxy, "",
         "nothing, or an http://, https://, socks5:// or socks5h:// URL", "The proxy for all transfers."),
    CHOICE(
        "network", "metered", yes_no, is_metered, "no", "yes or no",
        "The connection is paid by volume: ordinary updates wait for you, security fixes for their deadline. "
        "Emergency fixes and fixes without a deadline are not delayed."),
    NUMBER("network", "rate_limit", SETTING_SIZE, rate_limit_bytes, "0", 0, TERA,
           "a size from 0 to 1T, as 512k", "Bytes per second of a download; 0: unlimited."),
    NUMBER("network", "stall", SETTING_DURATION, stall_s, "20s", 1, HOUR_S, "a time from 1s to 1h",
           "Below 8 kB/s for so long: the next mirror."),
    CHOICE("network", "allow_http", yes_no, allow_http, "no", "yes or no",
           "Plain http beyond loopback. What is fetched is verified either way."),

    NUMBER("safety", "keep_previous", SETTING_COUNT, keep_previous, "1", 0, 9, "a number from 0 to 9",
           "How many earlier versions of an app are kept for rollback."),
    CHOICE("safety", "snapshot", snapshot, snapshot, "auto", "auto, off or required",
           "Keep an app's data as of its upgrade: where that is cheap, never, or else do not upgrade."),
    NUMBER("safety", "keep_snapshots", SETTING_DURATION, keep_snapshots_s, "7d", 0, YEAR_S,
           "a time up to 366d, as 7d", "How long snapshots are kept."),
    TEXT("safety", "snapshot_command", is_command_or_empty, snapshot_command, "",
         "nothing, or the absolute path of a program, with its arguments",
         "A program that takes a snapshot of the whole volume, run once before a transaction stops its first "
         "app."),
    NUMBER("safety", "keep_removed", SETTING_DURATION, keep_removed_s, "7d", 0, YEAR_S,
           "a time up to 366d, as 7d", "How long a removed app can be undone."),
    NUMBER("safety", "health_timeout", SETTING_DURATION, health_timeout_s, "120s", 1, HOUR_S,
           "a time from 1s to 1h", "How long an upgraded app may take to become healthy."),
    NUMBER("safety", "health_settle", SETTING_DURATION, health_settle_s, "10s", 0, HOUR_S,
           "a time from 0s to 1h", "How long a started app is watched before it counts as healthy."),
    NUMBER("safety", "job_timeout", SETTING_DURATION, job_timeout_s, "12h", 1, 7 * DAY_S,
           "a time from 1s to 7d, as 12h",
           "A change that takes longer in all, its downloads too, is ended and undone."),
    NUMBER("safety", "data_copy_max", SETTING_SIZE, data_copy_max_bytes, "256M", 0, TERA,
           "a size from 0 to 1T, as 256M",
           "Above this, data is not copied for a snapshot where the file system cannot share blocks."),
    NUMBER("safety", "reserve", SETTING_SIZE, reserve_bytes, "512M", 0, TERA, "a size from 0 to 1T, as 512M",
           "Space on the volume that no upgrade touches."),
    NUMBER("safety", "local_max_size", SETTING_SIZE, local_max_bytes, "16G", 1, TERA,
           "a size from 1 to 1T, as 16G",
           "How large a package file of your own may become when it is unpacked. For packages of a "
           "repository the "
           "catalogue says it."),
    NUMBER("safety", "local_max_files", SETTING_COUNT, local_max_files, "200000", 1, 1000000,
           "a number from 1 to 1000000", "How many files, links and folders it may have."),
    NUMBER("safety", "local_max_ratio", SETTING_COUNT, local_max_ratio, "200", 1, 100000,
           "a number from 1 to 100000",
           "How many times larger than its compressed form it may be, once it is larger than 64M."),

    TEXT("notify", "on", is_event_list, notify_on, "failure,deadline,stale",
         "any of change, failure, deadline, stale, separated by \",\"", "What is told."),
    TEXT("notify", "mail", is_mail_or_empty, notify_mail, "", "nothing, or a mail address",
         "Who is told by mail."),
    TEXT("notify", "command", is_command_or_empty, notify_command, "",
         "nothing, or the absolute path of a program",
         "A program that gets one JSON object on its input for each thing told."),

    TEXT("metrics", "textfile", is_path_or_empty, metrics_textfile, "", "nothing, or an absolute normal path",
         "Prometheus text, for a node exporter's textfile collector."),

    TEXT("host", "volume", is_absolute_path, volume, "/share/CACHEDEV1_DATA", "an absolute normal path",
         "The volume that apps are installed on."),
    TEXT("host", "os_version", is_os_version_or_empty, os_version, "", "nothing, or a version",
         "The system's version. Empty: detected."),
    TEXT("host", "arch", is_box_arch_or_empty, arch, "",
         "nothing, or an architecture's name, as x86_64 or arm_64",
         "The NAS's architecture. Empty: detected."),
    TEXT("host", "cohort", is_cohort_or_empty, cohort, "",
         "nothing, or up to 64 letters, digits, \".\", \"_\" and \"-\"",
         "Decides this NAS's place in roll-outs. Empty: a local random id, never sent."),
};

const gsize settings_table_length = G_N_ELEMENTS(settings_table);

/* ---- reading one value ---- */

static gboolean read_choice(const SettingRow *row, const char *text, int *value)
{
    for (const SettingChoice *choice = row->choices; choice->name; choice++)
        if (strcmp(choice->name, text) == 0) {
            *value = choice->value;
            return TRUE;
        }
    return FALSE;
}

static gboolean read_number(const SettingRow *row, const char *text, gint64 *value)
{
    guint64 count = 0;
    gboolean is_read = FALSE;
    if (row->type == SETTING_DEADLINE && strcmp(text, "never") == 0) {
        *value = SETTINGS_NEVER;
        return TRUE;
    }
    if (row->type == SETTING_SIZE) {
        is_read = units_parse_size(text, value);
    } else if (row->type == SETTING_COUNT) {
        is_read = g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT64, &count, NULL);
        *value = (gint64)count;
    } else {
        is_read = units_parse_duration(text, value);
    }
    return is_read && *value >= row->min && *value <= row->max;
}

gboolean setting_read(const SettingRow *row, const char *text, SettingsValues *values)
{
    void *member = G_STRUCT_MEMBER_P(values, row->offset);
    gint64 number = 0;
    switch (row->type) {
    case SETTING_CHOICE:
        return read_choice(row, text, member);
    case SETTING_TEXT:
        if (!row->is_valid(text))
            return FALSE;
        g_free(*(char **)member);
        *(char **)member = g_strdup(text);
        return TRUE;
    case SETTING_DURATION:
    case SETTING_DEADLINE:
    case SETTING_SIZE:
    case SETTING_COUNT:
        if (!read_number(row, text, &number))
            return FALSE;
        *(gint64 *)member = number;
        return TRUE;
    }
    return FALSE;
}
