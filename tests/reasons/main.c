/* main.c - prints docs/reasons.md from the product's table of reasons (`make reasons`; a test holds it current). */
#include <stdio.h>
#include <string.h>

#include "model/model.h"

/* Both verdicts where a reason has one with a time in it and one without. */
static void print_verdict(const ReasonView *view)
{
    printf("| %s", verdict_name(view->verdict));
    if (view->verdict != view->verdict_untimed)
        printf(", %s", verdict_name(view->verdict_untimed));
}

static void print_row(ReasonCode code)
{
    ReasonView view;
    reason_view(code, &view);
    printf("| `%s` ", view.code);
    print_verdict(&view);
    printf(" | %s", view.sentence);
    if (strcmp(view.sentence, view.sentence_untimed) != 0)
        printf("<br>%s", view.sentence_untimed);
    printf(" | %s | %s |\n", view.stands_on, view.changed_by);
}

int main(void)
{
    puts("# Reasons\n\n"
         "For each release that waits there is exactly one reason why it is not installed yet. This is the "
         "whole list, made\n"
         "from the table in `appcenter/model/reasons.c` by `make reasons`. Codes are stable; sentences may "
         "change. Words in\n"
         "braces are filled in. A verdict is `now` (it is begun), `at` (at that time), `wait` (for "
         "something), `ask` (for\n"
         "you) or `refuse`; where two are given, the second one is without a time.\n\n"
         "| code | verdict | sentence | stands on | changed by |\n|---|---|---|---|---|");
    for (guint code = 0; code < REASON_COUNT; code++)
        print_row((ReasonCode)code);
    return 0;
}
