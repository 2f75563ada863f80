/* jobs_limit.c - the clocks that run beside a child; see jobs_limit.h. */
#include "daemon/jobs_limit.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SILENCE_S   (15 * 60)
#define GRACE_S_MAX (10 * 60)

static void clear_source(guint *source)
{
    if (*source)
        g_source_remove(*source);
    *source = 0;
}

static void end(const JobsLimit *limit, int signal_number)
{
    (void)syscall(SYS_pidfd_send_signal, limit->pidfd, signal_number, NULL, 0);
}

static gboolean on_silence(gpointer user_data)
{
    JobsLimit *limit = user_data;
    limit->silence_source = 0;
    g_free(limit->reason);
    limit->reason = g_strdup_printf("the job was silent for %d minutes and was ended", SILENCE_S / 60);
    end(limit, SIGKILL);
    return G_SOURCE_REMOVE;
}

static gboolean on_grace(gpointer user_data)
{
    JobsLimit *limit = user_data;
    limit->kill_source = 0;
    end(limit, SIGKILL);
    return G_SOURCE_REMOVE;
}

static gboolean on_total(gpointer user_data)
{
    JobsLimit *limit = user_data;
    g_autofree char *total = units_format_duration(limit->total_s);
    limit->total_source = 0;
    g_free(limit->reason);
    limit->reason = g_strdup_printf("the job took longer than %s and was ended", total);
    log_error("jobs", "%s", limit->reason);
    limit->kill_source = g_timeout_add_seconds((guint)MIN(limit->total_s, GRACE_S_MAX), on_grace, limit);
    end(limit, SIGTERM);
    return G_SOURCE_REMOVE;
}

void jobs_limit_start(JobsLimit *limit, int pidfd, gint64 total_s)
{
    jobs_limit_clear(limit);
    limit->pidfd = pidfd;
    limit->total_s = total_s;
    limit->silence_source = g_timeout_add_seconds(SILENCE_S, on_silence, limit);
    if (total_s > 0)
        limit->total_source = g_timeout_add_seconds((guint)total_s, on_total, limit);
}

void jobs_limit_heard(JobsLimit *limit)
{
    clear_source(&limit->silence_source);
    limit->silence_source = g_timeout_add_seconds(SILENCE_S, on_silence, limit);
}

void jobs_limit_clear(JobsLimit *limit)
{
    clear_source(&limit->silence_source);
    clear_source(&limit->total_source);
    clear_source(&limit->kill_source);
    g_clear_pointer(&limit->reason, g_free);
}

void jobs_limit_judge(const JobsLimit *limit, json_t *result)
{
    const char *code = json_string_value(json_object_get(result, "code"));
    if (!limit->reason || g_strcmp0(code, error_code_name(APPCENTER_ERROR_CANCELLED)) != 0)
        return;
    const char *said = json_string_value(json_object_get(result, "message"));
    g_autofree char *message = g_strdup_printf("%s; %s", limit->reason, said ? said : "");
    json_object_set_new(result, "exit", json_integer(error_exit_code(APPCENTER_ERROR_INTERNAL)));
    json_object_set_new(result, "code", json_string(error_code_name(APPCENTER_ERROR_INTERNAL)));
    json_object_set_new(result, "message", json_string(message));
}
