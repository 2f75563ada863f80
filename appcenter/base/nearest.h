/* nearest.h - which of many names was meant by a misspelt one. */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <glib.h>

/* = {.word = what was typed}; best is NULL until a candidate is near enough: two slips of the finger, and not as many as the
 * word has letters; the case of letters is none. Borrows both. */
typedef struct {
    const char *word;
    const char *best;
    guint distance;
} Nearest;
void nearest_consider(Nearest *nearest, const char *candidate);

#endif
