/* jobs_child.c - finds and starts appcenter-job; see jobs_child.h. */
#include "daemon/jobs_child.h"

#include <fcntl.h>
#include <unistd.h>

#include "daemon/spawn.h"

/* build/bin/appcenterd finds build/libexec/appcenter-job; PREFIX/sbin finds
 * PREFIX/libexec/appcenter/appcenter-job. */
char *jobs_child_program(void)
{
    const char *override = g_getenv("APPCENTER_JOB");
    if (override)
        return g_strdup(override);
    char self[4096];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len <= 0)
        return g_strdup("/usr/libexec/appcenter/appcenter-job");
    self[len] = '\0';
    g_autofree char *bin = g_path_get_dirname(self);
    g_autofree char *prefix = g_path_get_dirname(bin);
    char *beside = g_build_filename(prefix, "libexec", "appcenter-job", NULL);
    if (access(beside, X_OK) == 0)
        return beside;
    g_free(beside);
    return g_build_filename(prefix, "libexec", "appcenter", "appcenter-job", NULL);
}

static int request_fd(gint64 id, const char *action, json_t *request, GError **error)
{
    g_autoptr(json_t) body =
        json_pack("{s:I, s:s, s:O}", "job", (json_int_t)id, "action", action, "request", request);
    g_autofree char *text = json_to_text(body);
    return spawn_input(text, error);
}

gboolean jobs_child_start(const char *program, const char *root_path, gint64 id, const char *action,
                          json_t *request, int *pidfd, int *out_fd, GError **error)
{
    g_auto(Fd) in_fd = request_fd(id, action, request, error);
    const char *argv[] = {program, *root_path ? "--root" : NULL, root_path, NULL};
    int ends[2];
    if (in_fd < 0)
        return FALSE;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set_errno(error, "cannot make a pipe");
    g_auto(Fd) read_end = ends[0];
    g_auto(Fd) write_end = ends[1];
    if (fcntl(read_end, F_SETFL, O_NONBLOCK) != 0)
        return error_set_errno(error, "cannot make a pipe non-blocking");
    if (spawn_start(argv, NULL, in_fd, write_end, -1, pidfd, error) < 0)
        return FALSE;
    *out_fd = fd_steal(&read_end);
    return TRUE;
}
