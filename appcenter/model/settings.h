/* settings.h - every setting in one table: section, name, type, bounds, default, unit, prose.
 *
 * The table drives parsing, refusal sentences ("appcenter.conf:12: updates.security: wanted auto, download, notify or
 * off, found \"maybe\""), `config show --origin`, and the man page's list. Pure: text in, settings out.
 */
#ifndef MODEL_SETTINGS_H
#define MODEL_SETTINGS_H

#include "base/base.h"

typedef enum {
    CONSENT_OFF,
    CONSENT_NOTIFY,
    CONSENT_DOWNLOAD,
    CONSENT_AUTO
} Consent; /* emergency: AUTO = "install" */
typedef enum { SNAPSHOT_OFF, SNAPSHOT_AUTO, SNAPSHOT_REQUIRED } SnapshotMode;

#define SETTINGS_NEVER G_MAXINT64 /* deadline_CLASS = never */

typedef struct {
    /* [updates] */
    Consent emergency, security, other;
    gint64 deadline_emergency_s, deadline_critical_s, deadline_important_s;
    gboolean allow_downgrade;
    gboolean withdrawn_rollback; /* withdrawn = rollback | notify */
    gint64 min_age_s;
    /* [window] */
    char *timer, *timezone, *blackout;
    /* [network] */
    gint64 poll_s;
    char *proxy;
    gboolean is_metered;
    gint64 rate_limit_bytes;
    gint64 stall_s;
    gboolean allow_http;
    /* [safety] */
    gint64 keep_previous;
    SnapshotMode snapshot;
    char *snapshot_command;
    gint64 keep_snapshots_s, keep_removed_s, health_timeout_s, health_settle_s, job_timeout_s;
    gint64 data_copy_max_bytes, reserve_bytes;
    gint64 local_max_bytes, local_max_files, local_max_ratio;
    /* [notify] */
    char *notify_on, *notify_mail, *notify_command;
    /* [metrics] */
    char *metrics_textfile;
    /* [host] */
    char *volume, *os_version, *arch, *cohort;
} SettingsValues;

typedef struct Settings Settings;

/* All defaults. */
Settings *settings_new(void);
Settings *settings_copy(const Settings *settings);
void settings_free(Settings *settings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Settings, settings_free)
const SettingsValues *settings_values(const Settings *settings);

/* Lays one file's text over what is there; file_name is for messages and origin. At most 64 KiB, UTF-8, no NUL.
 * Unknown keys and sections add a line to warnings (array of char*, may be NULL). A bad value: CORRUPT with file, line,
 * key and what is allowed; settings is then unchanged. */
gboolean settings_apply_text(Settings *settings, const char *file_name, const char *text, gsize len,
                             GPtrArray *warnings, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Checks across keys (window grammar, zone, blackout): CORRUPT names the key. */
gboolean settings_check(const Settings *settings, GError **error) G_GNUC_WARN_UNUSED_RESULT;

typedef struct {
    const char *section, *key, *value_now, *value_default, *allowed, *prose,
        *origin; /* origin: "file:line" or "default" */
} SettingView;
/* i from 0; FALSE past the end. Strings live as long as settings. */
gboolean settings_view(const Settings *settings, gsize i, SettingView *view);

/* A configuration file's text with one value changed: in its place, or at the end of its section. Nothing is checked; g_free. */
char *settings_edit_text(const char *text, const char *section, const char *key, const char *value);

#endif
