/* service.h - an app's own scripts: hooks of package_routines, the service script, health.
 *
 * Scripts run through our prelude with QTS's variables, in a process group of their own, with a clean environment, time
 * limit and captured output; under a private root in a mount namespace (base/sandbox.h), else refused with DENIED unless
 * APPCENTER_UNCONFINED_SCRIPTS=1. Failure is failure (SCRIPT); the three outcomes exit, signal, time-out are told apart.
 */
#ifndef PORTS_SERVICE_H
#define PORTS_SERVICE_H

#include "base/base.h"
#include "qpkg/qpkg.h"

typedef struct {
    const RootDir *root;
    const char *volume_path;
    const char *app;
    const char *version;
    const char *app_path; /* product path of its folder */
    const QpkgIdentity *identity;
    const char *config_text;  /* qpkg.cfg, whose keys hooks find as variables; or NULL */
    const char *routines;     /* text of package_routines or NULL */
    const char *extract_path; /* product path of the folder that hooks begin in; NULL: the app's own */
    GString *hook_state;      /* what one hook's shell hands to the next: variables; or NULL */
    gint64 health_timeout_s, health_settle_s;
    gboolean (*is_cancelled)(gpointer user_data); /* may be NULL */
    gpointer user_data;
    void (*log_output)(const char *app, const char *what, const char *output,
                       gpointer user_data); /* may be NULL */
} ServiceContext;

/* May scripts run at all here? DENIED says what is missing. For READY. */
gboolean service_may_run(const ServiceContext *context, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Runs the function `hook` of package_routines ("pkg_pre_install", ...), or expands and runs the text variable
 * ("PKG_PRE_REMOVE", ...); absent is success. It fails by err_log or exit; what it returns says nothing, as on QTS. */
gboolean service_run_hook(const ServiceContext *context, const char *hook,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Service script start; within the time limit. An app without one is success. */
gboolean service_start(const ServiceContext *context, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Service script stop, then proves the app's processes dead (markers, base/marker.h): TERM, 10 s, KILL; SCRIPT if
 * one will not die. Idempotent. */
gboolean service_stop(const ServiceContext *context, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Service script remove, as QTS calls it before an app goes. Whatever it says, the app goes. */
void service_say_remove(const ServiceContext *context);
/* Ends every marked process of the app without asking its script (recovery). */
gboolean service_kill(const RootDir *root, const char *app, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Alive by pid file or port for health_settle, and its APPCENTER_HEALTH probe passes within health_timeout. HEALTH says
 * what failed. */
gboolean service_health(const ServiceContext *context, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Is it running now? */
gboolean service_is_running(const ServiceContext *context);

/* Registration view /etc/config/qpkg.conf, start links (in the order of rc_num) and the links of init.d, rebuilt from the
 * given apps (atomic; a view, never state). Sections and links that are not ours are kept as they are, and so are the keys
 * that an app has put into its own section by setcfg. */
typedef struct {
    const char *name, *version, *display_name, *author, *install_path, *service_program, *pid_file, *date;
    const QpkgConfig *config; /* for the keys that only QTS's own programs look at; or NULL */
    gint64 rc_num;
    gboolean enabled;
    guint16 service_port;
} ServiceRegistration;
gboolean service_write_registration(const RootDir *root, const ServiceRegistration *apps, gsize n_apps,
                                    const char *const *removed_names,
                                    GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
