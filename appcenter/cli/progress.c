/* progress.c - rendering of job events; see progress.h. */
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/render.h"

#define PLAIN_INTERVAL_US (3 * G_USEC_PER_SEC)
#define BAR_CELLS         18

struct Progress {
    gboolean is_fancy;
    gboolean has_open_line;
    char *app, *step;
    char *words;
    gint64 step_since_us, last_plain_us;
};

Progress *progress_new(gboolean is_fancy)
{
    Progress *progress = g_new0(Progress, 1);
    progress->is_fancy = is_fancy;
    return progress;
}

void progress_free(Progress *progress)
{
    if (!progress)
        return;
    progress_end(progress);
    g_free(progress->app);
    g_free(progress->step);
    g_free(progress->words);
    g_free(progress);
}

void progress_end(Progress *progress)
{
    if (progress->has_open_line)
        putchar('\n');
    progress->has_open_line = FALSE;
    fflush(stdout);
}

static gsize terminal_columns(void)
{
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20 ? size.ws_col : 80;
}

char *progress_bar(const char *app, const char *words, gint64 done, gint64 total, gint64 elapsed_us,
                   gsize columns)
{
    GString *text = g_string_new(NULL);
    gint64 share = total > 0 ? CLAMP(done * 100 / total, 0, 100) : 0;
    g_string_append_printf(text, "%s  %s  ", app, words);
    gsize before_bar = text->len;
    g_autofree char *size = units_format_size(done);
    g_string_append_printf(text, "%s  %" G_GINT64_FORMAT " %%", size, share);
    if (elapsed_us > G_USEC_PER_SEC / 5) {
        g_autofree char *rate = units_format_size(done * G_USEC_PER_SEC / elapsed_us);
        g_string_append_printf(text, "  %s/s", rate);
    }
    if (render_width(text->str) + BAR_CELLS + 2 < columns) { /* a line that wraps cannot be drawn over */
        GString *bar = g_string_new(NULL);
        for (int i = 0; i < BAR_CELLS; i++)
            g_string_append(bar, i * 100 < share * BAR_CELLS ? "█" : "░");
        g_string_append(bar, "  ");
        g_string_insert(text, (gssize)before_bar, bar->str);
        g_string_free(bar, TRUE);
    }
    while (columns > 0 && render_width(text->str) >= columns)
        g_string_truncate(text, (gsize)(g_utf8_prev_char(text->str + text->len) - text->str));
    return g_string_free(text, FALSE);
}

static void begin_step(Progress *progress, const char *app, const char *step, const char *words,
                       gboolean is_undo, gint64 now_us)
{
    progress_end(progress);
    g_free(progress->app);
    g_free(progress->step);
    g_free(progress->words);
    progress->app = g_strdup(app);
    progress->step = g_strdup(step);
    progress->words = is_undo ? g_strconcat("Undoing: ", words, NULL) : g_strdup(words);
    progress->step_since_us = now_us;
    progress->last_plain_us = now_us;
    if (progress->is_fancy) {
        printf("%s  %s ...", app, progress->words);
        progress->has_open_line = TRUE;
    } else {
        printf("%s: %s\n", app, progress->words);
    }
    fflush(stdout);
}

static void end_step(Progress *progress, const char *app, const char *step)
{
    if (!progress->has_open_line || g_strcmp0(progress->app, app) != 0 ||
        g_strcmp0(progress->step, step) != 0)
        return;
    printf(" ok");
    progress_end(progress);
}

static void show_bytes(Progress *progress, const json_t *event, gint64 now_us)
{
    const char *app = render_string(event, "app");
    gint64 done = json_integer_value(json_object_get(event, "done")),
           total = json_integer_value(json_object_get(event, "total"));
    const char *words = progress->words ? progress->words : render_string(event, "step");
    if (progress->is_fancy) {
        g_autofree char *bar =
            progress_bar(app, words, done, total, now_us - progress->step_since_us, terminal_columns());
        printf("\r\033[K%s", bar);
        progress->has_open_line = TRUE;
        fflush(stdout);
    } else if (now_us - progress->last_plain_us >= PLAIN_INTERVAL_US) {
        g_autofree char *line = progress_bar(app, words, done, total, now_us - progress->step_since_us, 0);
        puts(line);
        progress->last_plain_us = now_us;
        fflush(stdout);
    }
}

void progress_event(Progress *progress, const json_t *event, gint64 now_us)
{
    const char *kind = render_string(event, "event");
    const char *app = render_string(event, "app"), *step = render_string(event, "step");
    if (g_str_equal(kind, "step") && g_str_equal(render_string(event, "when"), "begin"))
        begin_step(progress, app, step, render_string(event, "words"),
                   g_str_equal(render_string(event, "phase"), "undo"), now_us);
    else if (g_str_equal(kind, "step"))
        end_step(progress, app, step);
    else if (g_str_equal(kind, "bytes"))
        show_bytes(progress, event, now_us);
    else if (g_str_equal(kind, "note")) {
        progress_end(progress);
        puts(render_string(event, "text"));
        fflush(stdout);
    }
}
