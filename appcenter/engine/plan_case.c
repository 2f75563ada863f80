/* plan_case.c - what the solver was asked on the way to a plan, kept and put into a text: for `--debug-solver`, and for the
 * report of a plan that its checker refuses.
 */
#include "engine/plan_internal.h"

#include <string.h>

#define REPORT_BYTES_MAX (16 * 1024) /* a message goes through logs and event streams */

void plan_question_clear(PlanQuestion *question)
{
    g_clear_pointer(&question->choices, g_ptr_array_unref);
    g_clear_pointer(&question->request, request_free);
    g_clear_pointer(&question->answer, g_free);
}

/* As far as the solver looks at it. */
static Request *copy_asked(const Request *request)
{
    Request *copy = request_new(request->kind);
    for (guint i = 0; i < request->apps->len; i++) {
        const RequestApp *app = g_ptr_array_index(request->apps, i);
        request_add_app(copy, app->name, app->version);
    }
    copy->cascade = request->cascade;
    copy->allow_downgrade = request->allow_downgrade;
    copy->file = g_strdup(request->file);
    return copy;
}

void plan_note_question(Planning *planning, const Request *request, GPtrArray *choices,
                        const GPtrArray *changes, const GPtrArray *left_out, const GError *error)
{
    PlanQuestion *question = changes ? &planning->answered : &planning->failed;
    plan_question_clear(question);
    question->choices = g_ptr_array_ref(choices);
    question->request = copy_asked(request);
    question->answer = solve_case_answer(changes, left_out, error);
}

char *plan_case_text(const Planning *planning, const PlanQuestion *question)
{
    if (!question->request)
        return NULL;
    SolveInput input = {.installed = planning->view->installed,
                        .available = question->choices,
                        .os_version = planning->engine->os_version,
                        .box_arch = planning->engine->arch,
                        .request = question->request,
                        .locked = planning->locked};
    return solve_case_text(&input, question->answer);
}

gboolean plan_report_broken(const Planning *planning, const GError *broken, GError **error)
{
    g_autofree char *text = plan_case_text(planning, &planning->answered);
    char *end = text && strlen(text) > REPORT_BYTES_MAX ? g_strrstr_len(text, REPORT_BYTES_MAX, "\n") : NULL;
    if (end)
        *end = '\0';
    return error_set(error, error_kind(broken),
                     "%s; nothing was changed. This is a bug of App Center: please report it with the "
                     "following text%s\n%s",
                     broken->message, end ? " (cut here; --debug-solver FILE writes all of it)" : "",
                     text ? text : "");
}
