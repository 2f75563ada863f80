/* fuzz_tail.c - the tail: good content, then the input; and what a tail that is accepted says of an identity. */
#include "fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len)
{
    const FuzzPiece pieces[] = {fuzz_good_content, {data, len}, {NULL, 0}};
    int fd = fuzz_file(pieces);
    fuzz_layout(fd);
    g_autoptr(QpkgLayout) layout = qpkg_layout_read(fd, NULL);
    if (!layout)
        return 0;
    g_autoptr(GError) error = NULL;
    QpkgIdentity identity = {.name = layout->tail_name, .version = layout->tail_version};
    g_assert_true(qpkg_tail_agrees(layout, &identity, &error)); /* with itself it does */
    identity.name = (char *)"Fuzz";
    if (!qpkg_tail_agrees(layout, &identity, &error))
        fuzz_check_refusal(error);
    else
        g_assert_cmpstr(layout->tail_name, ==, "Fuzz");
    return 0;
}
