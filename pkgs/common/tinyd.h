/* tinyd.h - what one app adds to the tiny daemon: its work, and a sentence about it. */
#ifndef COMMON_TINYD_H
#define COMMON_TINYD_H

#include <stdbool.h>
#include <stddef.h>

/* One round of the app's work: twice a second, and before each answer to /health. `saying` takes what there is to
 * tell, in plain words without quotes: how things stand, or, with false, why the app cannot go on. */
bool app_work(char *saying, size_t size);

#endif
