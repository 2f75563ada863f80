/* work.c - BrokenStart's work: tells how busy the machine is. This version is well. */
#include <stdio.h>
#include <stdlib.h>

#include "tinyd.h"

bool app_work(char *saying, size_t size)
{
    double load;
    if (getloadavg(&load, 1) != 1) {
        snprintf(saying, size, "the load of the machine cannot be read");
        return false;
    }
    snprintf(saying, size, "load: %.2f", load);
    return true;
}
