/* report.c - see report.h. Hides Markdown and SVG. */
#include "report.h"

#include <stdio.h>

#define WIDTH  760
#define HEIGHT 360
#define LEFT   60
#define RIGHT  170
#define TOP    36
#define BOTTOM 46
#define TICKS  6

struct Report {
    GString *text;
    char *row;
    guint n_columns, n_cells; /* of the section; in the row so far */
};

struct Plot {
    GString *body;
    double x_max, y_max;
    guint n_series;
};

Report *report_new(void)
{
    Report *report = g_new0(Report, 1);
    report->text = g_string_new(
        "# Scale\n\nMade by `make sim`: virtual boxes that ask the product's own policy and scheduler "
        "(`tests/sim`), and\nnothing else, what to do and when.\n");
    return report;
}

/* Ends the row with the cells that it has not. */
static void end_row(Report *report)
{
    for (; report->row && report->n_cells < report->n_columns; report->n_cells++)
        g_string_append(report->text, " |");
    g_clear_pointer(&report->row, g_free);
}

void report_section(Report *report, const char *title, const char *prose, const char *columns)
{
    g_auto(GStrv) names = g_strsplit(columns, ";", -1);
    g_autofree char *head = g_strjoinv(" | ", names);
    g_string_append_printf(report->text, "\n## %s\n\n%s\n\n| %s |\n|%s", title, prose, head, "---|");
    for (guint i = 1; names[i]; i++)
        g_string_append(report->text, "---:|");
    report->n_columns = g_strv_length(names);
}

void report_row(Report *report, const char *name, const char *prose)
{
    end_row(report);
    report->row = g_strdup(name);
    report->n_cells = 1;
    g_string_append_printf(report->text, "\n| %s: %s |", name, prose);
}

void report_figure(Report *report, const char *name, double value, const char *unit)
{
    g_autofree char *shown = value < 100 ? g_strdup_printf("%.1f", value) : g_strdup_printf("%.0f", value);
    g_string_append_printf(report->text, " %s %s |", shown, unit);
    report->n_cells++;
    printf("sim: %s-%s %s %s\n", report->row, name, shown, unit);
}

/* ---- plots ---- */

static double x_of(const Plot *plot, double x)
{
    return LEFT + MIN(x / plot->x_max, 1) * (WIDTH - LEFT - RIGHT);
}

static double y_of(const Plot *plot, double y)
{
    return HEIGHT - BOTTOM - MIN(y / plot->y_max, 1) * (HEIGHT - TOP - BOTTOM);
}

static void draw_axes(Plot *plot, const char *x_unit, const char *y_unit)
{
    for (guint i = 0; i <= TICKS; i++) {
        double x = plot->x_max * i / TICKS, y = plot->y_max * i / TICKS;
        g_string_append_printf(plot->body,
                               "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"#ddd\"/>\n"
                               "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n",
                               x_of(plot, x), TOP, x_of(plot, x), HEIGHT - BOTTOM, x_of(plot, x),
                               HEIGHT - BOTTOM + 16, x);
        g_string_append_printf(plot->body,
                               "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#ddd\"/>\n"
                               "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.0f</text>\n",
                               LEFT, y_of(plot, y), WIDTH - RIGHT, y_of(plot, y), LEFT - 6, y_of(plot, y) + 4,
                               y);
    }
    g_string_append_printf(
        plot->body,
        "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n<text x=\"%d\" y=\"%d\">%s</text>\n",
        (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, x_unit, 8, TOP - 10, y_unit);
}

Plot *plot_new(const char *title, const char *x_unit, const char *y_unit, double x_max, double y_max)
{
    Plot *plot = g_new0(Plot, 1);
    *plot = (Plot){.body = g_string_new(NULL), .x_max = x_max, .y_max = y_max};
    g_string_append_printf(
        plot->body,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" "
        "font-size=\"12\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n"
        "<text x=\"%d\" y=\"16\" text-anchor=\"middle\" font-weight=\"bold\">%s</text>\n",
        WIDTH, HEIGHT, (LEFT + WIDTH - RIGHT) / 2, title);
    draw_axes(plot, x_unit, y_unit);
    return plot;
}

void plot_series(Plot *plot, const char *label, const double *x, const double *y, guint n)
{
    static const char *const colours[] = {"#1b6ca8", "#d1495b", "#2e8b57", "#edae49", "#6a4c93", "#333333"};
    const char *colour = colours[plot->n_series % G_N_ELEMENTS(colours)];
    int legend_y = TOP + 14 + 18 * (int)plot->n_series++;
    g_string_append_printf(plot->body, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.6\" points=\"",
                           colour);
    for (guint i = 0; i < n; i++)
        g_string_append_printf(plot->body, "%s%.1f,%.1f", i ? " " : "", x_of(plot, x[i]), y_of(plot, y[i]));
    g_string_append_printf(plot->body, "\"/>\n<text x=\"%d\" y=\"%d\" fill=\"%s\">%s</text>\n",
                           WIDTH - RIGHT + 10, legend_y, colour, label);
}

gboolean report_plot(Report *report, Plot *plot, const char *folder, const char *name, GError **error)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    end_row(report);
    g_string_append(plot->body, "</svg>\n");
    gboolean is_written = g_file_set_contents(path, plot->body->str, -1, error);
    g_string_append_printf(report->text, "\n\n![](%s)\n", name);
    g_string_free(plot->body, TRUE);
    g_free(plot);
    return is_written;
}

gboolean report_write(Report *report, const char *folder, GError **error)
{
    g_autofree char *path = g_build_filename(folder, "scale.md", NULL);
    gboolean is_written = g_file_set_contents(path, report->text->str, -1, error);
    g_string_free(report->text, TRUE);
    g_free(report);
    return is_written;
}
