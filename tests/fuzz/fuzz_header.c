/* fuzz_header.c - the shell header: the input is the start of the file, behind it stand 40 bytes and a tail, so that small
 * lengths can add up. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len)
{
    const FuzzPiece pieces[] = {
        {data, len}, {"CCCCCCCCCCDDDDDDDDDDDDDDDDDDDDEEEEEEEEEE", 40}, fuzz_good_tail, {NULL, 0}};
    fuzz_layout(fuzz_file(pieces));
    return 0;
}
