/* fuzz.h - what the fuzz targets share: one memory file that is filled anew for every input.
 *
 * Each target is one libFuzzer program over a parser of packages (`make fuzz`); seeds.py makes what they start from. An
 * input is accepted, or refused with a sentence; a target aborts when neither is so, or when a promise is broken.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "qpkg/qpkg.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len);

/* The memory file with these pieces in it, one after the other; ends with a piece whose data is NULL. */
typedef struct {
    const void *data;
    gsize len;
} FuzzPiece;
int fuzz_file(const FuzzPiece *pieces);

/* A refusal is CORRUPT or UNTRUSTED and says something in lower-case words on one line; anything else is a bug. */
void fuzz_check_refusal(const GError *error);
/* Reads the layout of fd and checks that its lengths add up, or that the refusal is one. */
void fuzz_layout(int fd);

/* A header for 10 bytes of control and 20 of data, those bytes, and a tail. */
extern const FuzzPiece fuzz_good_content;
extern const FuzzPiece fuzz_good_tail;

#endif
