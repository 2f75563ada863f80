/* service_internal.h - what the files of the service port share: running a program of an app, and what is registered. */
#ifndef PORTS_SERVICE_INTERNAL_H
#define PORTS_SERVICE_INTERNAL_H

#include "ports/service.h"

/* Shell text that gives a package's hooks the names that they know from QTS, then runs one of them. */
extern const char service_prelude[];

typedef struct {
    const char *what;             /* for messages and the log: "start", "pkg_install" */
    const char *program;          /* host-independent path to execute, as the script sees it */
    const char *const *arguments; /* behind the program, NULL-terminated; or NULL */
    const char *const *extra_env; /* or NULL */
    const char *cwd;              /* product path; NULL: the app's folder */
    const int *pass_fds;
    gsize n_pass_fds;
    gint64 timeout_s;
    gboolean may_be_cancelled;
} ServiceRun;

/* Runs a program as the app, with its marker, in its private root, to its end: SCRIPT unless it exits with 0. */
gboolean service_run(const ServiceContext *context, const ServiceRun *run,
                     GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Path of a file of the app's folder as its scripts see it; free. */
char *service_path_seen(const ServiceContext *context, const char *path_in_app);
/* What stands before product paths as the scripts see them: "" unless they run unconfined below a root. */
const char *service_seen_prefix(const ServiceContext *context);
/* Host folder of our getcfg and setcfg, or NULL: not installed. Kept for the life of the process. */
const char *service_tools_path(void);

/* --- the registration view and its links --- */
typedef struct {
    const RootDir *root;
    const ServiceRegistration *apps;
    gsize n_apps;
    const char *const *removed_names; /* or NULL */
} ServiceView;
/* The registered app of that name, or NULL. */
const ServiceRegistration *service_view_find(const ServiceView *view, const char *name);
/* Registered, or removed: what bears its name is ours to change. */
gboolean service_view_is_ours(const ServiceView *view, const char *name);
gboolean service_write_links(const ServiceView *view, GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
