/* cgroup.h - a control group (v2) for each app's processes, below our own, where we may make one.
 *
 * Who clears his environment escapes the marker; nobody leaves his group unasked. Root has such groups on any system of
 * today, a service with Delegate=yes too; elsewhere the marker has to do. A group is empty again when the app is dead, and
 * goes then. Hides where the hierarchy is mounted and how /proc writes it.
 */
#ifndef BASE_CGROUP_H
#define BASE_CGROUP_H

#include <glib.h>
#include <sys/types.h>

/* Its cgroup.procs: who writes "0" there joins. -1 without an error where there can be none. */
int cgroup_open(const char *instance, const char *app);
/* Adds who is in it, or in one below it, to an array of pid_t; app NULL: of any app. */
void cgroup_add_pids(const char *instance, const char *app, GArray *pids);
/* Wherever the group is. app NULL: of any app. */
gboolean cgroup_holds(const char *instance, const char *app, pid_t pid);
/* Takes the group away if nobody is in it. */
void cgroup_drop(const char *instance, const char *app);

#endif
