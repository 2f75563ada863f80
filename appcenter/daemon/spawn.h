/* spawn.h - starts a program beside the daemon and watches it by a pidfd. GSubprocess would add a thread and 2 MB. */
#ifndef DAEMON_SPAWN_H
#define DAEMON_SPAWN_H

#include <sys/types.h>

#include "base/base.h"

/* A memory file that holds text, at its start: as stdin it can be of any length without a writer that waits. IO. */
int spawn_input(const char *text, GError **error);
/* Starts argv[0], a path, in a session of its own with an empty signal mask. in_fd and out_fd become its stdin and stdout;
 * err_fd its stderr, -1: ours. envp NULL: ours. *pidfd tells its end and is the caller's to close. -1: IO, NOT_FOUND. */
pid_t spawn_start(const char *const *argv, const char *const *envp, int in_fd, int out_fd, int err_fd,
                  int *pidfd, GError **error);

#endif
