/* scenes.h - what is simulated: months of polls, and fixes on their way to all boxes. */
#ifndef TESTS_SIM_SCENES_H
#define TESTS_SIM_SCENES_H

#include "report.h"
#include "town.h"

/* Each adds its section to the report; scenes are named in tables of theirs. A plot comes to folder, if there is one. */
gboolean polls_run(Report *report, guint n_boxes, const char *folder, GError **error);
gboolean fixes_run(Report *report, guint n_boxes, const char *folder, GError **error);

/* The settings of a town's boxes; ends the program if they are none. */
Settings *town_settings(const Town *town);

#endif
