/* main.c - the simulator: boxes in virtual time that ask the product's own policy and scheduler. See docs/scale.md. */
#include <stdio.h>
#include <string.h>

#include "scenes.h"

Settings *town_settings(const Town *town)
{
    g_autoptr(GError) error = NULL;
    Settings *settings = settings_new();
    const char *text = town->settings ? town->settings : "";
    if (!settings_apply_text(settings, "scene", text, strlen(text), NULL, &error))
        g_error("%s", error->message);
    return settings;
}

int main(int argc, char **argv)
{
    int n_boxes = 100000;
    g_autofree char *folder = NULL;
    g_autoptr(GError) error = NULL;
    const GOptionEntry entries[] = {
        {"boxes", 0, 0, G_OPTION_ARG_INT, &n_boxes, "how many (default 100000)", "N"},
        {"folder", 0, 0, G_OPTION_ARG_FILENAME, &folder, "where scale.md and its plots go", "DIR"},
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(GOptionContext) context = g_option_context_new("- the policy and the scheduler of many boxes");
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || n_boxes < 100 || n_boxes > 1000000 ||
        !folder) {
        fprintf(stderr, "sim: %s\n", error ? error->message : "wanted --folder and 100 to 1000000 boxes");
        return 2;
    }
    Report *report = report_new();
    if (!fixes_run(report, (guint)n_boxes, folder, &error) ||
        !polls_run(report, (guint)n_boxes, folder, &error) || !report_write(report, folder, &error)) {
        fprintf(stderr, "sim: %s\n", error->message);
        return 1;
    }
    return 0;
}
