/* library.c - MediaLibrary as this version uses it: its API 2, asked for one JSON object a line.
 *
 * MediaLibrary before 2.0 has no API file: that is API 1. The members come in a fixed order, `file` last, so a file
 * name can hold nothing that would be read as a measure.
 */
#include "gallery.h"

#include <stdlib.h>
#include <string.h>

#include "service.h"

#define LIBRARY_CONF "../MediaLibrary/lib/media.conf"
#define LIBRARY_API  "../MediaLibrary/lib/media.api"
#define API_WANTED   2

bool library_check(char *version, size_t size)
{
    char api[16];
    if (!service_read_setting(LIBRARY_CONF, "version", version, size)) {
        service_say("wanted MediaLibrary 2.0 or newer beside it, found none (" LIBRARY_CONF ")");
        return false;
    }
    long found = service_read_setting(LIBRARY_API, "api", api, sizeof api) ? strtol(api, NULL, 10) : 1;
    if (found >= API_WANTED)
        return true;
    service_say("wanted MediaLibrary with API %d or newer, found MediaLibrary %s with API %ld", API_WANTED,
                version, found);
    return false;
}

void library_measure(const char *folder, char *const *names, size_t n_names, Measure *measures)
{
    char *cursor = NULL;
    char *output = mediainfo_run("--json", folder, names, n_names);
    char *line = output ? strtok_r(output, "\n", &cursor) : NULL;
    for (size_t i = 0; line && i < n_names; i++, line = strtok_r(NULL, "\n", &cursor)) {
        Measure measure;
        if (sscanf(line, "{\"type\":\"%7[A-Z]\",\"width\":%9u,\"height\":%9u,", measure.type, &measure.width,
                   &measure.height) == 3)
            measures[i] = measure;
    }
    free(output);
}
