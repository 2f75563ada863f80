/* report.h - what the simulator says: lines on the terminal, the table and the plots of docs/scale.md. */
#ifndef TESTS_SIM_REPORT_H
#define TESTS_SIM_REPORT_H

#include <glib.h>

typedef struct Report Report;

Report *report_new(void);
/* A heading, what is done below it, and the columns' names with ';' between them. */
void report_section(Report *report, const char *title, const char *prose, const char *columns);
void report_row(Report *report, const char *name, const char *prose);
/* A cell of the row, and `sim: ROW-NAME VALUE UNIT`. Values are shown with one decimal where they are below 100. */
void report_figure(Report *report, const char *name, double value, const char *unit);

/* A plot: series of points in its axes; y from 0 on. */
typedef struct Plot Plot;
Plot *plot_new(const char *title, const char *x_unit, const char *y_unit, double x_max, double y_max);
void plot_series(Plot *plot, const char *label, const double *x, const double *y, guint n);
/* Frees it. The report shows it at this place, as FOLDER/NAME. */
gboolean report_plot(Report *report, Plot *plot, const char *folder, const char *name, GError **error);

/* Writes FOLDER/scale.md and frees all. */
gboolean report_write(Report *report, const char *folder, GError **error);

#endif
