/* solve_case.c - a question to the solver and its answer as a text that tests/solve replays: a bug report that runs.
 *
 * The grammar is the one of tests/solve/NAME.case (tests/unit/ports/solve_test.c reads it); what is as usual there is left
 * out. Nothing of a record gets out of its place: a value that could end its clause is written with "_" for what ends it.
 */
#include "ports/solve.h"

#include <string.h>

#define USUAL_ARCH       "x86_64"
#define USUAL_PUBLISHER  "vendor"
#define USUAL_REPOSITORY "qnap"

static void add_clause(GString *text, const char *key, const char *value, const char *usual)
{
    if (!value || g_strcmp0(value, usual) == 0)
        return;
    g_autofree char *safe = g_strdelimit(g_strdup(value), ";\n\r", '_');
    g_string_append_printf(text, "; %s %s", key, safe);
}

static void add_items(GString *text, const char *key, char **items)
{
    if (!items || !items[0])
        return;
    g_autofree char *value = g_strjoinv(", ", items);
    add_clause(text, key, value, NULL);
}

static void add_installed(GString *text, const InstalledApp *app)
{
    g_string_append_printf(text, "installed %s %s", app->name, app->version);
    add_clause(text, "arch", app->arch, USUAL_ARCH);
    add_clause(text, "publisher", app->publisher ? app->publisher : "", USUAL_PUBLISHER);
    add_items(text, "requires", app->requires);
    add_items(text, "conflicts", app->conflicts);
    add_items(text, "provides", app->provides);
    if (app->as_dependency)
        g_string_append(text, "; as_dependency");
    g_string_append_c(text, '\n');
}

static void add_available(GString *text, const Release *release)
{
    g_string_append_printf(text, "available %s %s", release->name, release->version);
    add_clause(text, "arch", release->arch, USUAL_ARCH);
    add_clause(text, "publisher", release->publisher ? release->publisher : "", USUAL_PUBLISHER);
    if (release->repository)
        add_clause(text, "repository", release->repository, USUAL_REPOSITORY);
    else
        g_string_append(text, "; file");
    add_items(text, "requires", release->requires);
    add_items(text, "conflicts", release->conflicts);
    add_items(text, "provides", release->provides);
    add_items(text, "obsoletes", release->obsoletes);
    add_clause(text, "os_min", release->os_min, NULL);
    add_clause(text, "os_max", release->os_max, NULL);
    g_string_append_c(text, '\n');
}

static const char *kind_word(RequestKind kind)
{
    switch (kind) {
    case REQUEST_INSTALL:
        return "install";
    case REQUEST_UPGRADE:
        return "upgrade";
    case REQUEST_REMOVE:
        return "remove";
    case REQUEST_AUTO:
        return "auto";
    case REQUEST_AUTOREMOVE:
        return "autoremove";
    case REQUEST_ROLLBACK:
    case REQUEST_UNDO:
    case REQUEST_REPAIR:
    case REQUEST_RESTORE:
        break;
    }
    return "nothing";
}

static void add_request(GString *text, const Request *request)
{
    g_string_append_printf(text, "request %s", kind_word(request->kind));
    for (guint i = 0; i < request->apps->len; i++) {
        const RequestApp *app = g_ptr_array_index(request->apps, i);
        g_string_append_printf(text, " %s%s%s", app->name, app->version ? "=" : "",
                               app->version ? app->version : "");
    }
    g_string_append(text, request->cascade ? "\noption cascade" : "");
    g_string_append(text, request->allow_downgrade ? "\noption allow_downgrade" : "");
    g_string_append(text, request->file ? "\noption file\n" : "\n");
}

char *solve_case_text(const SolveInput *input, const char *answer)
{
    GString *text =
        g_string_new("# App Center " APPCENTER_VERSION ": a question to the solver, and its answer\n");
    g_string_append_printf(text, "os %s\narch %s\n", input->os_version, input->box_arch);
    for (guint i = 0; i < input->installed->len; i++)
        add_installed(text, g_ptr_array_index(input->installed, i));
    for (guint i = 0; input->locked && i < input->locked->len; i++)
        g_string_append_printf(text, "locked %s\n", (const char *)g_ptr_array_index(input->locked, i));
    add_request(text, input->request);
    g_string_append(text, answer);
    for (guint i = 0; i < input->available->len; i++)
        add_available(text, g_ptr_array_index(input->available, i));
    return g_string_free(text, FALSE);
}

static void add_change(GString *text, const PlanChange *change)
{
    g_string_append_printf(text, "= %s %s %s%s%s (%s)\n", change_op_name(change->op), change->app,
                           change->from_version ? change->from_version : "",
                           change->from_version && change->to_version ? " -> " : "",
                           change->to_version ? change->to_version : "", change->reason);
}

char *solve_case_answer(const GPtrArray *changes, const GPtrArray *left_out, const GError *error)
{
    GString *text = g_string_new(NULL);
    if (!changes) {
        g_string_append_printf(text, "= %s: %s\n", error_code_name(error_kind(error)), error->message);
        return g_string_free(text, FALSE);
    }
    for (guint i = 0; i < changes->len; i++)
        add_change(text, g_ptr_array_index(changes, i));
    for (guint i = 0; i < left_out->len; i++)
        g_string_append_printf(text, "= left out: %s\n", (const char *)g_ptr_array_index(left_out, i));
    if (text->len == 0)
        g_string_append(text, "= nothing\n");
    return g_string_free(text, FALSE);
}
