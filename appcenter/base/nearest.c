/* nearest.c - Levenshtein distance, for slips of the finger. */
#include "base/nearest.h"

#include <string.h>

#define SLIPS_MAX 2 /* further away it is another word */

static guint distance(const char *a, const char *b)
{
    gsize n = strlen(b);
    g_autofree guint *row = g_new(guint, n + 1);
    for (gsize j = 0; j <= n; j++)
        row[j] = (guint)j;
    for (gsize i = 1; a[i - 1]; i++) {
        guint diagonal = row[0];
        row[0] = (guint)i;
        for (gsize j = 1; j <= n; j++) {
            guint change = diagonal + (g_ascii_tolower(a[i - 1]) != g_ascii_tolower(b[j - 1]));
            diagonal = row[j];
            row[j] = MIN(change, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[n];
}

void nearest_consider(Nearest *nearest, const char *candidate)
{
    gsize len = strlen(nearest->word), other = strlen(candidate);
    if ((len > other ? len - other : other - len) > SLIPS_MAX)
        return;
    guint d = distance(nearest->word, candidate);
    if (d > SLIPS_MAX || d >= len || (nearest->best && d >= nearest->distance))
        return;
    nearest->best = candidate;
    nearest->distance = d;
}
