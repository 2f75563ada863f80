/* fixes.c - a fix on its way to all boxes: when it is on how many. */
#include <stdlib.h>
#include <string.h>

#include "scenes.h"
#include "vendor/curve.h"

#define START    G_GINT64_CONSTANT(1767225600) /* 2026-01-01, a midnight */
#define DAYS     7
#define URGENT_H 33 /* after START, if a scene says nothing else: 09:00 */
#define POINTS   240
#define SHOWN_H  24

typedef struct {
    const char *name, *prose;
    const char *cls, *curve; /* curve NULL: all at once */
    guint night_percent;
    gint64 urgent_h;   /* hours after START; 0: URGENT_H */
    gint64 halted_s;   /* after the mark the vendor stops it; 0: never */
    gboolean is_shown; /* in the plot */
    Town town;
} FixScene;

static const FixScene scenes[] = {
    {"default", "30 % are off for 8 h a day", "emergency", CURVE_EMERGENCY, 30, 0, 0, TRUE, {0}},
    {"always-on", "all boxes are on", "emergency", CURVE_EMERGENCY, 0, 0, 0, TRUE, {0}},
    {"night",
     "30 % are off from 23:00 to 07:00, the mark comes at 23:00",
     "emergency",
     CURVE_EMERGENCY,
     30,
     47,
     0,
     TRUE,
     {.same_night = TRUE}},
    {"no-phases", "the same as default, to all at once", "emergency", NULL, 30, 0, 0, FALSE, {0}},
    {"poll-15m",
     "poll = 15m",
     "emergency",
     CURVE_EMERGENCY,
     30,
     0,
     0,
     FALSE,
     {.settings = "[network]\npoll = 15m\n"}},
    {"poll-4h",
     "poll = 4h",
     "emergency",
     CURVE_EMERGENCY,
     30,
     0,
     0,
     FALSE,
     {.settings = "[network]\npoll = 4h\n"}},
    {"power-cut",
     "the town loses its power for 6 h, ten minutes after the mark",
     "emergency",
     CURVE_EMERGENCY,
     30,
     0,
     0,
     TRUE,
     {.cuts = {{START + URGENT_H * HOUR + 600, START + (URGENT_H + 6) * HOUR}}, .n_cuts = 1}},
    {"critical",
     "a critical fix: window 02:00-05:00, at the latest after 72 h",
     "critical",
     NULL,
     30,
     0,
     0,
     TRUE,
     {0}},
    {"critical-no-window",
     "the same without a window: its deadline alone",
     "critical",
     NULL,
     30,
     0,
     0,
     FALSE,
     {.settings = "[window]\ntimer =\n"}},
    {"critical-metered",
     "the same on a metered connection",
     "critical",
     NULL,
     30,
     0,
     0,
     FALSE,
     {.settings = "[network]\nmetered = yes\n"}},
    {"halted",
     "an emergency fix that the vendor stops after 20 min; boxes that take it once it is stopped",
     "emergency",
     CURVE_EMERGENCY,
     30,
     0,
     1200,
     FALSE,
     {0}},
    {"notify",
     "emergency = notify",
     "emergency",
     CURVE_EMERGENCY,
     30,
     0,
     0,
     FALSE,
     {.settings = "[updates]\nemergency = notify\n"}},
};

typedef struct {
    const FixScene *scene;
    Town town;
    Settings *settings;
    Window *window;
    Release *release;
    gint64 urgent_at, halted_at;
} Stage;

static gint64 stage_end(const Stage *stage)
{
    return stage->urgent_at + DAYS * DAY;
}

/* ---- one box ---- */

static void decide(const Stage *stage, const Box *box, gint64 now, PolicyVerdict *verdict)
{
    static const BrakeEntry halt = {.action = BRAKE_HALT};
    BoxFacts held_back = box_facts(box, now);
    OfferFacts facts = {.release = stage->release,
                        .installed_version = "1",
                        .cls = release_class(stage->release),
                        .urgent_at = stage->release->urgency->urgent_at,
                        .install_within_s = stage->release->urgency->install_within_s,
                        .brake = box->poll.last_at >= stage->halted_at ? &halt : NULL,
                        .cohort_permyriad = box->permyriad,
                        .box = &held_back};
    policy_decide(&facts, settings_values(stage->settings), stage->window, now, verdict);
}

/* When the box does next what it has decided, NEVER if nothing is due; *is_done when that is now. */
static gint64 act(const Stage *stage, Box *box, gint64 now, gboolean *is_done)
{
    g_auto(PolicyVerdict) verdict = {0};
    if (box->poll.last_at < stage->urgent_at)
        return NEVER;
    decide(stage, box, now, &verdict);
    if (verdict.verdict == VERDICT_NOW && now - box->poll.last_at > POLL_FRESH_S) {
        if (!box_ask(box, now))
            return NEVER;
        policy_verdict_clear(&verdict);
        decide(stage, box, now, &verdict);
    }
    *is_done = verdict.verdict == VERDICT_NOW;
    return verdict.at > now ? verdict.at : NEVER;
}

/* When the fix is on the n-th box; NEVER: not before the end. */
static gint64 fixed_at(const Stage *stage, guint n)
{
    Box box;
    gboolean is_done = FALSE;
    gint64 act_at = NEVER;
    box_init(&box, &stage->town, settings_values(stage->settings), n);
    for (gint64 now = MAX(box.booted_at, stage->town.start); now < stage_end(stage);) {
        Box ahead = box;
        gint64 poll_at = box_next_poll(&ahead, now);
        gint64 heard_at = box.poll.last_at;
        if (act_at < poll_at) {
            now = box_wake_at(&box, now, act_at);
        } else {
            box = ahead;
            now = poll_at;
            (void)box_ask(&box, now);
            if ((heard_at >= stage->halted_at) == (now >= stage->halted_at) &&
                (heard_at >= stage->urgent_at) == (now >= stage->urgent_at))
                continue; /* no news */
        }
        act_at = act(stage, &box, now, &is_done);
        if (is_done)
            return now;
    }
    return NEVER;
}

/* ---- a scene ---- */

static Release *make_release(const FixScene *scene, gint64 urgent_at)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *when = units_format_time(urgent_at);
    json_t *rollout = scene->curve ? curve_to_rollout(scene->curve, &error) : json_null();
    if (rollout && !json_is_null(rollout))
        json_object_set_new(rollout, "start", json_string(when));
    g_autofree char *sha256 = g_strnfill(64, '0');
    g_autofree char *path = g_strdup_printf("packages/%s.App_2_all.qpkg", sha256);
    g_autoptr(json_t) line =
        json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:i, s:i, s:s, s:{s:s, s:s, s:[]}, s:o}", "name", "App",
                  "version", "2", "arch", "all", "path", path, "size", 1, "sha256", sha256, "installed_size",
                  1, "files", 1, "published", when, "urgency", "class", scene->cls, "urgent_at", when,
                  "advisories", "rollout", rollout);
    Release *release = line ? release_from_json(line, "the release", &error) : NULL;
    if (!release)
        g_error("%s: %s", scene->name, error ? error->message : "no release");
    release->publisher = g_strdup("vendor");
    return release;
}

static void stage_init(Stage *stage, const FixScene *scene, guint n_boxes)
{
    g_autoptr(GError) error = NULL;
    *stage = (Stage){.scene = scene, .town = scene->town};
    stage->town.start = START;
    stage->town.n_boxes = n_boxes;
    stage->town.n_night = n_boxes * scene->night_percent / 100;
    stage->settings = town_settings(&stage->town);
    const SettingsValues *settings = settings_values(stage->settings);
    stage->window = window_parse(settings->timer, "UTC", settings->blackout, &error);
    if (!stage->window)
        g_error("%s: %s", scene->name, error->message);
    stage->urgent_at = START + (scene->urgent_h ? scene->urgent_h : URGENT_H) * HOUR;
    stage->halted_at = scene->halted_s ? stage->urgent_at + scene->halted_s : NEVER;
    stage->release = make_release(scene, stage->urgent_at);
}

static void stage_clear(Stage *stage)
{
    settings_free(stage->settings);
    window_free(stage->window);
    release_free(stage->release);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Stage, stage_clear)

static int by_time(const void *a, const void *b)
{
    const gint64 *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static double hours_of(const Stage *stage, gint64 at)
{
    return (double)(MIN(at, stage_end(stage)) - stage->urgent_at) / (double)HOUR;
}

/* How many boxes took what was stopped; what they were told up to POLL_FRESH_S before they still believed. */
static guint taken_after_halt(const Stage *stage, const gint64 *times)
{
    guint n_taken = 0;
    for (guint i = 0; i < stage->town.n_boxes; i++)
        n_taken += times[i] != NEVER && times[i] > stage->halted_at + POLL_FRESH_S;
    return n_taken;
}

static void tell(Report *report, const Stage *stage, const gint64 *sorted)
{
    guint n = stage->town.n_boxes, n_fixed = 0;
    while (n_fixed < n && sorted[n_fixed] != NEVER)
        n_fixed++;
    report_row(report, stage->scene->name, stage->scene->prose);
    report_figure(report, "share", 100.0 * n_fixed / n, "%");
    if (stage->halted_at != NEVER)
        report_figure(report, "taken-after-halt", taken_after_halt(stage, sorted), "boxes");
    else if (n_fixed == n) {
        report_figure(report, "p50", hours_of(stage, sorted[n / 2]), "h");
        report_figure(report, "p95", hours_of(stage, sorted[(guint64)n * 95 / 100]), "h");
        report_figure(report, "p99", hours_of(stage, sorted[(guint64)n * 99 / 100]), "h");
    }
}

static void draw(Plot *plot, const Stage *stage, const gint64 *sorted)
{
    double x[POINTS + 1], y[POINTS + 1];
    guint n_fixed = 0;
    for (guint i = 0; i <= POINTS; i++) {
        x[i] = (double)i * SHOWN_H / POINTS;
        while (n_fixed < stage->town.n_boxes && sorted[n_fixed] != NEVER &&
               hours_of(stage, sorted[n_fixed]) <= x[i])
            n_fixed++;
        y[i] = 100.0 * n_fixed / stage->town.n_boxes;
    }
    plot_series(plot, stage->scene->name, x, y, POINTS + 1);
}

gboolean fixes_run(Report *report, guint n_boxes, const char *folder, GError **error)
{
    g_autofree gint64 *times = g_new(gint64, n_boxes);
    Plot *plot = plot_new("Boxes with the fix", "hours after the vendor's mark", "%", SHOWN_H, 100);
    report_section(
        report, "Until a fix is on the boxes",
        "From the vendor's mark (its publication) to the moment in which a box begins to install it; within "
        "a week.\n"
        "Default settings where nothing else is said; an emergency has the default phases, " CURVE_EMERGENCY
        ".",
        "scene;boxes with it;half of them;95 %;99 %");
    for (guint i = 0; i < G_N_ELEMENTS(scenes); i++) {
        g_auto(Stage) stage;
        stage_init(&stage, &scenes[i], n_boxes);
        for (guint n = 0; n < n_boxes; n++)
            times[n] = fixed_at(&stage, n);
        qsort(times, n_boxes, sizeof *times, by_time);
        tell(report, &stage, times);
        if (scenes[i].is_shown)
            draw(plot, &stage, times);
    }
    return report_plot(report, plot, folder, "scale.svg", error);
}
