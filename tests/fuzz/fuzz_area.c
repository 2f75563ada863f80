/* fuzz_area.c - the QDK area: good content, the input, a good tail. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len)
{
    const FuzzPiece pieces[] = {fuzz_good_content, {data, len}, fuzz_good_tail, {NULL, 0}};
    fuzz_layout(fuzz_file(pieces));
    return 0;
}
