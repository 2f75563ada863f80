/* polls.c - a month of polls as the server sees them, minute by minute. */
#include <string.h>

#include "scenes.h"

#define MINUTES       (MONTH / 60)
#define START         G_GINT64_CONSTANT(1767225600) /* 2026-01-01, a midnight */
#define AT(day, hour) (START + (day)*DAY + (hour)*HOUR)
#define SHOWN_H       14 /* of the plot, from an hour before the power goes */

typedef struct {
    const char *name, *prose;
    Town town;
} PollScene;

static const PollScene scenes[] = {
    {"polls", "an ordinary month", {0}},
    {"polls-power-cut",
     "the whole town without power for 6 h, 10 min and 3 days",
     {.cuts = {{AT(5, 12), AT(5, 18)}, {AT(10, 3), AT(10, 3) + 600}, {AT(20, 0), AT(23, 0)}}, .n_cuts = 3}},
    {"polls-mornings", "all that are off at night are so from 23:00 to 07:00", {.same_night = TRUE}},
    {"polls-server-down", "the server does not answer for 6 h", {.server_down = {AT(5, 12), AT(5, 18)}}},
    {"polls-retry-after",
     "it asks all for peace until the same moment",
     {.server_down = {AT(5, 12), AT(5, 14)}, .says_when = TRUE}},
};

static void count_polls(const Town *town, const SettingsValues *settings, guint n, guint32 *per_minute)
{
    Box box;
    box_init(&box, town, settings, n);
    for (gint64 at = box_next_poll(&box, MAX(box.booted_at, town->start)); at < START + MONTH;
         at = box_next_poll(&box, at)) {
        if (at >= START)
            per_minute[(at - START) / 60]++;
        (void)box_ask(&box, at);
    }
}

static void tell(Report *report, const PollScene *scene, const guint32 *per_minute)
{
    guint64 total = 0;
    guint32 peak = 0;
    for (guint i = 0; i < MINUTES; i++) {
        total += per_minute[i];
        peak = MAX(peak, per_minute[i]);
    }
    double mean = (double)total / MINUTES;
    report_row(report, scene->name, scene->prose);
    report_figure(report, "mean", mean / 60, "polls/s");
    report_figure(report, "peak", (double)peak / 60, "polls/s");
    report_figure(report, "peak-to-mean", peak / mean, "times");
}

static void draw(Plot *plot, const PollScene *scene, const guint32 *per_minute)
{
    double x[SHOWN_H * 60], y[SHOWN_H * 60];
    const guint first = (guint)((AT(5, 11) - START) / 60);
    for (guint i = 0; i < SHOWN_H * 60; i++) {
        x[i] = i / 60.0;
        y[i] = per_minute[first + i] / 60.0;
    }
    plot_series(plot, scene->name, x, y, SHOWN_H * 60);
}

gboolean polls_run(Report *report, guint n_boxes, const char *folder, GError **error)
{
    g_autofree guint32 *per_minute = g_new(guint32, MINUTES);
    Plot *plot = plot_new("Polls after a power cut or an outage of 6 h, which begin at 1 h", "hours",
                          "polls/s", SHOWN_H, n_boxes / 1200.0);
    report_section(report, "What the server sees",
                   "A month with the default settings; 30 % of the boxes are off for 8 hours a day. The peak "
                   "is that of\n"
                   "the busiest minute.",
                   "scene;mean;peak;peak to mean");
    for (guint i = 0; i < G_N_ELEMENTS(scenes); i++) {
        Town town = scenes[i].town;
        town.start = START - DAY; /* what the first polls are like is forgotten by then */
        town.n_boxes = n_boxes;
        town.n_night = n_boxes * 3 / 10;
        g_autoptr(Settings) settings = town_settings(&town);
        memset(per_minute, 0, MINUTES * sizeof *per_minute);
        for (guint n = 0; n < n_boxes; n++)
            count_polls(&town, settings_values(settings), n, per_minute);
        tell(report, &scenes[i], per_minute);
        if (town.n_cuts > 0 || town.server_down.to != 0)
            draw(plot, &scenes[i], per_minute);
    }
    return report_plot(report, plot, folder, "scale-polls.svg", error);
}
