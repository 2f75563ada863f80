/* system.h - the box: OS version, architecture, clock, space, configuration files, lock, running processes of an app. */
#ifndef PORTS_SYSTEM_H
#define PORTS_SYSTEM_H

#include "base/base.h"
#include "model/model.h"

/* Wall clock, seconds UTC. Only mains, the job's entry and the scheduler call it. */
gint64 system_now(void);
ClockReading system_read_clocks(void);
/* Until when only what cannot wait is done, as the machine has just started; 0: it has not. A private NAS does not start with
 * the machine. */
gint64 system_quiet_until(const RootDir *root, gint64 now);
/* The same, and who asked not to be disturbed: files in /run/appcenter/inhibit.d, "LIMIT REASON" (limit: as 4h, at most a day,
 * counted from the file's last change; without one an hour). Unusable files inhibit nothing. now: trusted now. */
BoxFacts system_box_facts(const RootDir *root, gint64 now);
/* Newest time that this binary can vouch for (build date; SOURCE_DATE_EPOCH when built with it). */
gint64 system_build_time(void);

/* OS version: settings.os_version, else ROOT/etc/config/uLinux.conf or /etc/os-release VERSION_ID, else "0". free */
char *system_os_version(const RootDir *root, const SettingsValues *settings);
/* QDK architecture name: settings.arch, else from uname -m (x86_64, aarch64 -> arm_64, armv7l -> arm-x41, i686 -> x86). */
char *system_arch(const SettingsValues *settings);

typedef struct {
    gint64 free_bytes;
    gint64 free_inodes; /* -1: the file system does not count them */
} SystemSpace;
gboolean system_space(int fd, SystemSpace *space, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Reads /etc/appcenter/appcenter.conf and its drop-ins appcenter.conf.d/NAME.conf, by name; absent is all defaults. CORRUPT
 * names file and line. warnings: char*, may be NULL. */
Settings *system_load_settings(const RootDir *root, GPtrArray *warnings,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Sets one value in appcenter.conf; comments stay. name: "updates.security", or the key alone where it is in one section only.
 * INVALID for no such setting, CORRUPT for a value that it cannot have, REFUSED when a drop-in sets it later. */
gboolean system_set_setting(const RootDir *root, const char *name, const char *value,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;

typedef struct {
    char *name;
    char *url;
    char **mirrors;  /* never NULL */
    char *root_path; /* product path of the first trusted root.json */
    gboolean enabled;
    gint64 priority; /* higher wins; default 50 */
} RepositoryConfig;
void repository_config_free(RepositoryConfig *repository);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RepositoryConfig, repository_config_free)
/* All of /etc/appcenter/repos.d/NAME.conf, by name. A bad file is CORRUPT with file, line, key. */
GPtrArray *system_load_repositories(const RootDir *root, GError **error);
gboolean system_save_repository(const RootDir *root, const RepositoryConfig *repository, GBytes *first_root,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean system_remove_repository(const RootDir *root, const char *name,
                                  GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* /var/lib/appcenter/NAME.lock, flock, held until the descriptor is closed (also by death). BUSY when another has it and
 * wait is FALSE. Returns the descriptor or -1. */
int system_lock(const RootDir *root, const char *name, gboolean wait,
                GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Alive by pid file (product path below root; the pid must carry the app's marker, base/marker.h). Where there is no pid
 * file: any marked process, or else that the port (0: none) answers. What an app without a service program counts as is
 * the caller's to say. */
gboolean system_app_is_running(const RootDir *root, const char *app, const char *pid_file, guint16 port);
/* Something listens on 127.0.0.1:port (connect succeeds within 200 ms). */
gboolean system_port_answers(guint16 port);

#endif
