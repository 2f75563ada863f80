/* work.c - BrokenStart's work: tells how busy the machine is, against the limits in share/limits.
 *
 * The fault of this version is a common one: that file was forgotten when it was packed. So its start is fine, it
 * listens, and its first round of work ends it. Only who looks at its health after the start can know.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tinyd.h"

#define LIMITS_PATH "share/limits"

bool app_work(char *saying, size_t size)
{
    double load, limit;
    FILE *limits = fopen(LIMITS_PATH, "re");
    if (!limits) {
        snprintf(saying, size, LIMITS_PATH ": %s", strerror(errno));
        return false;
    }
    bool is_good = fscanf(limits, "%lf", &limit) == 1 && getloadavg(&load, 1) == 1;
    fclose(limits);
    if (is_good)
        snprintf(saying, size, "load: %.2f of %.2f", load, limit);
    else
        snprintf(saying, size, "the limits or the load of the machine cannot be read");
    return is_good;
}
