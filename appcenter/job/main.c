/* main.c - appcenter-job: options, signals, limits, stdin; the rest is job.c's. The protocol stands in job.h. */
#include "job/job.h"

#include <errno.h>
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ports/system.h"

#define REQUEST_BYTES_MAX (1024 * 1024)
#define EXIT_USAGE        2
#define HEAP_STEP_BYTES   (1024 * 1024)
#define HEAP_SLACK_BYTES  (4 * 1024 * 1024)

static void on_signal(int signal_number)
{
    (void)signal_number;
    job_cancel();
}

/* Without SA_RESTART, so that waiting ends and the flag is looked at. */
static void set_signals(void)
{
    struct sigaction cancel = {.sa_handler = on_signal};
    sigemptyset(&cancel.sa_mask);
    sigaction(SIGTERM, &cancel, NULL);
    sigaction(SIGINT, &cancel, NULL);
}

/* No core: memory may hold what is not ours to leave behind. */
static void set_limits(void)
{
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0)
        log_warning("job", "core limit: %s", g_strerror(errno));
}

/* A job's life is short: what it gives back to the system it fetches again at once, page by page. */
static void set_heap(void)
{
    mallopt(M_TOP_PAD, HEAP_STEP_BYTES);
    mallopt(M_TRIM_THRESHOLD, HEAP_SLACK_BYTES);
}

static int run_request(const char *root, gint64 wall_now)
{
    g_autoptr(GError) failure = NULL;
    g_auto(Job) job = {0};
    g_autoptr(GBytes) text = files_read_fd(STDIN_FILENO, REQUEST_BYTES_MAX, &failure);
    if (!text || !job_parse(g_bytes_get_data(text, NULL), g_bytes_get_size(text), &job, &failure))
        return job_refuse(failure, STDOUT_FILENO);
    return job_run(&job, root, wall_now, STDOUT_FILENO);
}

int main(int argc, char **argv)
{
    g_autofree char *root = NULL;
    gboolean show_version = FALSE;
    const GOptionEntry entries[] = {
        {"root", 0, 0, G_OPTION_ARG_FILENAME, &root, "Every path of the product is below DIR", "DIR"},
        {"version", 0, 0, G_OPTION_ARG_NONE, &show_version, "Print the version", NULL},
        {NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL}};
    g_autoptr(GError) error = NULL;
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    set_heap();
    process_begin();
    setlocale(LC_ALL, "");
    g_option_context_set_summary(context,
                                 "Does one job of App Center: a JSON request on stdin, progress on stdout.");
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || argc > 1) {
        g_printerr("appcenter-job: %s\n", error ? error->message : "no arguments are wanted");
        return EXIT_USAGE;
    }
    if (show_version) {
        g_print("appcenter-job " APPCENTER_VERSION "\n");
        return EXIT_SUCCESS;
    }
    set_signals();
    set_limits();
    return run_request(root ? root : g_getenv("APPCENTER_ROOT"), system_now());
}
