/* process.h - runs one program to its end, bounded in time and output.
 *
 * argv only, never a shell string. The child gets a process group of its own (killed as a whole at the time limit),
 * /dev/null or the given descriptor as stdin, a clean environment, default signals and no inherited descriptors but
 * those named. It is over when its pid is, not at end of file: daemons that it starts may keep the pipe. For
 * single-threaded callers (the job and appvendor); the daemon spawns by its own small way.
 */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include <glib.h>
#include <sys/types.h>

typedef struct {
    const char *const *argv; /* argv[0] is the path to execute, looked up by nobody */
    const char *const *envp; /* NULL: PATH and LANG=C only */
    int cwd_fd;              /* -1: "/"; entered before child_setup */
    int stdin_fd;            /* -1: /dev/null */
    const int *pass_fds;     /* descriptors kept under the same number; n_pass_fds of them */
    gsize n_pass_fds;
    gint64 timeout_s;         /* 0: no limit */
    gsize max_output_bytes;   /* stdout and stderr together; the rest is read and dropped. 0: 64 KiB */
    gboolean die_with_parent; /* PR_SET_PDEATHSIG(SIGKILL) */
    /* Runs in the child after fork and before exec; must be async-signal-safe in spirit (we are single-threaded).
     * On failure it writes a sentence to stderr and returns FALSE; the child then exits 126. */
    gboolean (*child_setup)(gpointer user_data);
    gpointer child_setup_data;
    /* Asked about every 100 ms; TRUE ends the child as the time limit does and the call fails with CANCELLED. */
    gboolean (*is_cancelled)(gpointer user_data);
    gpointer is_cancelled_data;
    /* Told the process group right after the fork (for a journal); may be NULL. */
    void (*on_started)(pid_t pgid, gpointer user_data);
    gpointer on_started_data;
} ProcessSpec;

/* clang-format off */
#define PROCESS_SPEC_INIT {.cwd_fd = -1, .stdin_fd = -1}
/* clang-format on */

typedef struct {
    int exit_code;   /* -1 when ended by a signal or the limit */
    int term_signal; /* 0 when it exited */
    gboolean timed_out;
    char *output; /* what it printed, valid UTF-8, never NULL */
} ProcessResult;

void process_result_clear(ProcessResult *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ProcessResult, process_result_clear)

/* TRUE when it ran, whatever its exit code: the three outcomes (exit, signal, time-out) are in result.
 * FALSE (IO, CANCELLED) when it could not be started or was cancelled. Blocks. */
gboolean process_run(const ProcessSpec *spec, ProcessResult *result,
                     GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* As process_run, and anything but exit code 0 is a SCRIPT error that names how it ended and its last output line. */
gboolean process_run_checked(const ProcessSpec *spec, ProcessResult *result,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* First call of each of our programs: makes what a careless parent left behind harmless. Descriptors 0 to 2 are open
 * (/dev/null where they were not), no signal is blocked, a child's end can be waited for, writing to a closed pipe is
 * an error and not a death, files are made 0644 and 0755 at most. */
void process_begin(void);

#endif
