/* marker.h - which processes belong to an app.
 *
 * Every script is started with APPCENTER_APP=NAME and APPCENTER_INSTANCE=<instance> in its environment, and daemons that
 * it starts keep the environment that they were started with. So /proc/PID/environ tells whose a process is, across
 * forks, sessions, mount namespaces and our own death. That is how STOP proves an app dead and how recovery finds what a
 * killed job left behind. A process that clears its environment is still in the app's control group, where the system lets
 * us make one (cgroup.h); elsewhere it escapes, and only its pid file names it.
 */
#ifndef BASE_MARKER_H
#define BASE_MARKER_H

#include "base/files.h"

/* Stable per root: device and inode of the root directory, hex. free with g_free. */
char *marker_instance(const RootDir *root);
/* Processes of the app, or of any app when NULL; array of pid_t, never NULL, without the caller itself. */
GArray *marker_pids(const RootDir *root, const char *app);
gboolean marker_pid_is_of(const RootDir *root, const char *app, pid_t pid);
/* The app's control group, to be joined by a child before it execs; -1 where there is none, which joins nothing. */
int marker_group_open(const RootDir *root, const char *app);
void marker_group_join(int group);
/* Takes away the group if nobody is left in it. */
void marker_tidy(const RootDir *root, const char *app);
/* TERM, up to term_wait_s, then KILL, up to 5 s more. TRUE when none is left; FALSE (SCRIPT) names the survivor. */
gboolean marker_kill(const RootDir *root, const char *app, gint64 term_wait_s,
                     GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
