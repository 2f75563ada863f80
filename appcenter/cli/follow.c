/* follow.c - following a job by its event stream; see follow.h. Ctrl-C asks the daemon to cancel and goes on following
 * until the job is undone; a second Ctrl-C leaves it to the daemon. */
#include "cli/follow.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/progress.h"
#include "cli/render.h"

#define FOLLOW_RETRIES 30

static volatile sig_atomic_t interrupts;

typedef struct {
    Progress *progress; /* NULL: silent */
    gint64 deadline_us; /* 0: none */
    int seen_interrupts;
    gboolean is_over;
    json_t *last_words; /* the stream's result event: exit, code, message */
} Follow;

static void follow_clear(Follow *follow)
{
    g_clear_pointer(&follow->progress, progress_free);
    g_clear_pointer(&follow->last_words, json_decref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Follow, follow_clear)

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupts++;
}

static gboolean on_event(json_t *event, gpointer user_data)
{
    Follow *follow = user_data;
    if (g_str_equal(render_string(event, "event"), "result")) {
        follow->is_over = TRUE;
        follow->last_words = json_incref(event);
        return FALSE;
    }
    if (follow->progress)
        progress_event(follow->progress, event, g_get_monotonic_time());
    return TRUE;
}

static gboolean go_on(gpointer user_data)
{
    const Follow *follow = user_data;
    return interrupts == follow->seen_interrupts &&
           (follow->deadline_us == 0 || g_get_monotonic_time() < follow->deadline_us);
}

static json_t *job_result(Cli *cli, gint64 id, GError **error)
{
    g_autofree char *path = g_strdup_printf("/v1/jobs/%" G_GINT64_FORMAT, id);
    g_autoptr(json_t) job = client_request(cli->client, "GET", path, NULL, error);
    if (!job)
        return NULL;
    json_t *result = json_object_get(job, "result");
    if (!json_is_object(result))
        return json_null();
    json_object_set(result, "id", json_object_get(job, "id"));
    json_object_set(result, "state", json_object_get(job, "state"));
    return json_incref(result);
}

static gboolean cancel(Cli *cli, gint64 id, Follow *follow, GError **error)
{
    g_autofree char *path = g_strdup_printf("/v1/jobs/%" G_GINT64_FORMAT, id);
    g_autoptr(GError) refused = NULL;
    follow->seen_interrupts = interrupts;
    if (follow->seen_interrupts > 1)
        return error_set(error, APPCENTER_ERROR_CANCELLED,
                         "job %" G_GINT64_FORMAT " is left to the daemon; it is being undone", id);
    g_autoptr(json_t) answer = client_request(cli->client, "DELETE", path, NULL, &refused);
    if (follow->progress)
        progress_end(follow->progress);
    fprintf(stderr, "%s\n",
            answer ? "asked the daemon to cancel; what was begun is undone" : refused->message);
    return TRUE;
}

/* The stream until the job's result; a broken stream (the daemon restarts) is taken up again where it ended. */
static gboolean follow_job(Cli *cli, gint64 id, Follow *follow, GError **error)
{
    g_autofree char *path = g_strdup_printf("/v1/events?job=%" G_GINT64_FORMAT, id);
    gint64 last_id = 0;
    for (int failures = 0; !follow->is_over;) {
        g_autoptr(GError) broken = NULL;
        gboolean ok = client_stream(cli->client, path, &last_id, on_event, go_on, follow, &broken);
        if (follow->is_over)
            break;
        if (interrupts > follow->seen_interrupts) {
            if (!cancel(cli, id, follow, error))
                return FALSE;
        } else if (follow->deadline_us && g_get_monotonic_time() >= follow->deadline_us) {
            return error_set(
                error, APPCENTER_ERROR_TIMEOUT,
                "job %" G_GINT64_FORMAT " goes on; follow it with: appctl watch %" G_GINT64_FORMAT, id, id);
        } else if (!ok && ++failures > FOLLOW_RETRIES) {
            g_propagate_prefixed_error(error, g_steal_pointer(&broken), "job %" G_GINT64_FORMAT ": ", id);
            return FALSE;
        } else {
            g_usleep(G_USEC_PER_SEC / 2);
            g_autoptr(json_t) result = job_result(cli, id, NULL);
            follow->is_over = json_is_object(result);
        }
    }
    return TRUE;
}

static gboolean is_plain_terminal(void)
{
    const char *term = g_getenv("TERM");
    return !isatty(STDOUT_FILENO) || g_getenv("NO_COLOR") || !term || g_str_equal(term, "dumb");
}

static gboolean set_deadline(Cli *cli, Follow *follow, GError **error)
{
    gint64 seconds;
    const char *text = cli_value(cli, "wait");
    if (!text || !*text)
        return TRUE;
    if (!units_parse_duration(text, &seconds))
        return error_set(error, APPCENTER_ERROR_INVALID,
                         "--wait: wanted a time such as 90s or 5m, found \"%s\"", text);
    follow->deadline_us = g_get_monotonic_time() + MAX(seconds, 1) * G_USEC_PER_SEC;
    return TRUE;
}

static gboolean refuse_when_busy(Cli *cli, GError **error)
{
    g_autoptr(json_t) status = client_request(cli->client, "GET", "/v1/system", NULL, error);
    if (!status)
        return FALSE;
    gint64 job = json_integer_value(json_object_get(status, "job"));
    return job == 0 ||
           error_set(error, APPCENTER_ERROR_BUSY,
                     "job %" G_GINT64_FORMAT " is running; without --no-wait this would wait", job);
}

/* The job as recorded; a daemon that ends with its job (SIGTERM) has said the most important things before. A job without
 * a result is not one that is done. */
static json_t *final_result(Cli *cli, gint64 id, const Follow *follow, GError **error)
{
    g_autoptr(GError) gone = NULL;
    json_t *result = job_result(cli, id, &gone);
    if (json_is_object(result))
        return result;
    if (result)
        error_set(&gone, APPCENTER_ERROR_INTERNAL,
                  "job %" G_GINT64_FORMAT " is over, its result is not known", id);
    gboolean may_be_told = result || error_kind(gone) == APPCENTER_ERROR_NO_DAEMON;
    if (!follow->last_words || !may_be_told) {
        g_propagate_error(error, g_steal_pointer(&gone));
        return NULL;
    }
    result = json_copy(follow->last_words);
    json_object_set_new(result, "id", json_integer(id));
    json_object_set_new(result, "transactions", json_array());
    return result;
}

gboolean follow_post(Cli *cli, const char *path, const json_t *body, gboolean show_progress, json_t **result,
                     GError **error)
{
    g_auto(Follow) follow = {0};
    *result = NULL;
    if (!set_deadline(cli, &follow, error) || (cli_has(cli, "no-wait") && !refuse_when_busy(cli, error)))
        return FALSE;
    g_autoptr(json_t) answer = client_request(cli->client, "POST", path, body, error);
    if (!answer)
        return FALSE;
    gint64 id = json_integer_value(json_object_get(answer, "job"));
    if (id <= 0)
        return error_set(error, APPCENTER_ERROR_INTERNAL, "the daemon took the request but named no job");
    if (cli_has(cli, "no-wait") && show_progress) {
        if (cli_has(cli, "json"))
            render_json(answer);
        else
            printf("queued as job %" G_GINT64_FORMAT "; follow it with: appctl watch %" G_GINT64_FORMAT "\n",
                   id, id);
        return TRUE;
    }
    show_progress =
        show_progress && !cli_has(cli, "json") && !cli_has(cli, "quiet") && !cli_has(cli, "no-progress");
    follow.progress = show_progress ? progress_new(!is_plain_terminal()) : NULL;
    struct sigaction action = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &action, NULL);
    if (!follow_job(cli, id, &follow, error))
        return FALSE;
    *result = final_result(cli, id, &follow, error);
    return *result != NULL;
}
