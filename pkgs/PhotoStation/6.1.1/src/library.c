/* library.c - MediaLibrary as this version uses it: any 1.0 or newer, asked for lines `TYPE WIDTHxHEIGHT FILE`. */
#include "gallery.h"

#include <stdlib.h>
#include <string.h>

#include "service.h"

#define LIBRARY_CONF "../MediaLibrary/lib/media.conf"

bool library_check(char *version, size_t size)
{
    if (service_read_setting(LIBRARY_CONF, "version", version, size))
        return true;
    service_say("wanted MediaLibrary 1.0 or newer beside it, found none (" LIBRARY_CONF ")");
    return false;
}

void library_measure(const char *folder, char *const *names, size_t n_names, Measure *measures)
{
    char *cursor = NULL;
    char *output = mediainfo_run(NULL, folder, names, n_names);
    char *line = output ? strtok_r(output, "\n", &cursor) : NULL;
    for (size_t i = 0; line && i < n_names; i++, line = strtok_r(NULL, "\n", &cursor)) {
        Measure measure;
        if (sscanf(line, "%7[A-Z] %9ux%9u ", measure.type, &measure.width, &measure.height) == 3)
            measures[i] = measure;
    }
    free(output);
}
