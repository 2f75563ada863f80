/* fuzz_requirement.c - requirements and conflicts: items that are accepted, written out and read again, are the same. */
#include "fuzz.h"
#include "model/requirement.h"

#include <string.h>

static void check_item(const char *item)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Requirement) requirement = requirement_parse(item, &error);
    g_assert_no_error(error);
    g_autofree char *text = requirement_to_text(requirement);
    g_autoptr(Requirement) again = requirement_parse(text, &error);
    if (!again) { /* written out it can be longer than an item may be, and nothing else */
        g_assert_true(strlen(text) > 1024);
        return;
    }
    g_autofree char *same = requirement_to_text(again);
    g_assert_cmpstr(text, ==, same);
    for (guint i = 0; i < requirement->terms->len; i++)
        (void)require_term_matches(g_ptr_array_index(requirement->terms, i), "QNAP_FW", "5.1.0");
}

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len)
{
    g_autofree char *text = g_strndup((const char *)data, len);
    for (int alternatives = 0; alternatives < 2; alternatives++) {
        g_autoptr(GError) error = NULL;
        g_auto(GStrv) items = requirement_split(text, alternatives, &error);
        if (!items)
            fuzz_check_refusal(error);
        for (char **item = items; item && *item; item++)
            check_item(*item);
    }
    return 0;
}
