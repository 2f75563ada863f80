/* solve_ask.c - the public face of the noun: every question goes to a child of limited means and comes back from there.
 *
 * Hides how an answer travels: releases by name, version, architecture and repository, to be found again among what was
 * given to choose from.
 */
#include "ports/solve_child.h"
#include "ports/solve_world.h"

#include <string.h>

#define TEXT_BYTES_MAX (64 * 1024)
#define LIST_MAX       100000
#define PROBE_DEATHS_MAX                                                                                     \
    3 /* each may have taken all its CPU time: after so many the rest is not asked any more */

/* ---- in the child ---- */

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

static json_t *change_to_answer(const PlanChange *change)
{
    const Release *release = change->release;
    return json_pack("{s:i, s:s, s:o, s:o, s:o, s:o, s:b, s:b, s:i, s:o}", "op", (int)change->op, "app",
                     change->app, "from", text_or_null(change->from_version), "to",
                     text_or_null(change->to_version), "arch", text_or_null(release ? release->arch : NULL),
                     "repository", text_or_null(release ? release->repository : NULL), "is_dependency",
                     change->is_dependency, "purge", change->purge, "class", (int)change->cls, "reason",
                     text_or_null(change->reason));
}

static json_t *texts_to_answer(const GPtrArray *texts)
{
    json_t *array = json_array();
    for (guint i = 0; texts && i < texts->len; i++)
        json_array_append_new(array, json_string(g_ptr_array_index(texts, i)));
    return array;
}

static json_t *problems_to_answer(const GPtrArray *problems)
{
    json_t *array = json_array();
    for (guint i = 0; problems && i < problems->len; i++) {
        const SolveProblem *problem = g_ptr_array_index(problems, i);
        json_array_append_new(array, json_pack("{s:s, s:s, s:s, s:o, s:o}", "rule", problem->rule, "message",
                                               problem->message, "app", problem->app, "other",
                                               text_or_null(problem->other), "wanted",
                                               text_or_null(problem->wanted)));
    }
    return array;
}

static json_t *answer_solve(gconstpointer question, gpointer user_data)
{
    (void)user_data;
    const SolveInput *input = question;
    g_autoptr(GPtrArray) left_out = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) changes = solve_here(input, left_out, &error);
    json_t *answer = json_object();
    json_object_set_new(answer, "left_out", texts_to_answer(left_out));
    if (!changes) {
        json_object_set_new(answer, "code", json_string(error_code_name(error_kind(error))));
        json_object_set_new(answer, "message", json_string(error->message));
        json_object_set_new(answer, "problems", problems_to_answer(input->problems));
        return answer;
    }
    json_t *list = json_array();
    for (guint i = 0; i < changes->len; i++)
        json_array_append_new(list, change_to_answer(g_ptr_array_index(changes, i)));
    json_object_set_new(answer, "changes", list);
    return answer;
}

static json_t *answer_of_probe(const char *problem, gboolean is_os, const GPtrArray *pulls_in)
{
    return json_pack("{s:o, s:b, s:o}", "problem", text_or_null(problem), "is_os", is_os, "pulls_in",
                     texts_to_answer(pulls_in));
}

typedef struct {
    const SolveInput *input;
    const Release *release;
} ProbeQuestion;

static json_t *answer_probe(gconstpointer question, gpointer user_data)
{
    (void)user_data;
    const ProbeQuestion *asked = question;
    gboolean is_os = FALSE;
    g_autoptr(GPtrArray) pulls_in = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *problem = solve_probe_here(asked->input, asked->release, &is_os, pulls_in);
    return answer_of_probe(problem, is_os, pulls_in);
}

/* user_data: a ProbeWorld*, which fills in the child. */
static json_t *answer_prober(gconstpointer question, gpointer user_data)
{
    gboolean is_os = FALSE;
    g_autofree char *problem = probe_world_ask(user_data, question, &is_os);
    return answer_of_probe(problem, is_os, NULL);
}

/* ---- in the parent ---- */

static const Release *find_release(const SolveInput *input, const char *name, const char *version,
                                   const char *arch, const char *repository)
{
    for (guint i = 0; i < input->available->len; i++) {
        const Release *release = g_ptr_array_index(input->available, i);
        if (strcmp(release->name, name) == 0 && strcmp(release->version, version) == 0 &&
            strcmp(release->arch, arch) == 0 && g_strcmp0(release->repository, repository) == 0)
            return release;
    }
    return NULL;
}

static PlanChange *read_change(JsonReader *reader, const SolveInput *input)
{
    PlanChange *change = g_new0(PlanChange, 1);
    change->op = (ChangeOp)json_reader_integer(reader, "op", CHANGE_INSTALL, CHANGE_RESTORE);
    change->app = g_strdup(json_reader_string(reader, "app", TEXT_BYTES_MAX));
    change->from_version = g_strdup(json_reader_string_or(reader, "from", TEXT_BYTES_MAX, NULL));
    change->to_version = g_strdup(json_reader_string_or(reader, "to", TEXT_BYTES_MAX, NULL));
    change->is_dependency = json_reader_boolean(reader, "is_dependency");
    change->purge = json_reader_boolean(reader, "purge");
    change->cls = (UrgencyClass)json_reader_integer(reader, "class", 0, G_MAXINT);
    change->reason = g_strdup(json_reader_string_or(reader, "reason", TEXT_BYTES_MAX, NULL));
    const char *arch = json_reader_string_or(reader, "arch", TEXT_BYTES_MAX, NULL);
    const char *repository = json_reader_string_or(reader, "repository", TEXT_BYTES_MAX, NULL);
    if (!json_reader_ok(reader) || !arch || !change->to_version)
        return change; /* a removal has no release */
    const Release *release = find_release(input, change->app, change->to_version, arch, repository);
    if (release)
        change->release = release_copy(release);
    else
        json_reader_fail(reader, "to", "wanted a release that was given to choose from");
    return change;
}

static GPtrArray *read_changes(JsonReader *reader, const SolveInput *input)
{
    GPtrArray *changes = g_ptr_array_new_with_free_func((GDestroyNotify)plan_change_free);
    if (!json_reader_enter(reader, "changes"))
        return changes;
    gsize n = json_reader_length(reader, LIST_MAX);
    for (gsize i = 0; i < n && json_reader_enter_index(reader, i); i++) {
        g_ptr_array_add(changes, read_change(reader, input));
        json_reader_leave(reader);
    }
    json_reader_leave(reader);
    return changes;
}

static void read_texts(JsonReader *reader, const char *member, GPtrArray *texts)
{
    g_auto(GStrv) items = json_reader_strings_or_empty(reader, member, LIST_MAX, TEXT_BYTES_MAX);
    for (guint i = 0; texts && items && items[i]; i++)
        g_ptr_array_add(texts, g_strdup(items[i]));
}

void solve_problem_free(SolveProblem *problem)
{
    g_free(problem->rule);
    g_free(problem->message);
    g_free(problem->app);
    g_free(problem->other);
    g_free(problem->wanted);
    g_free(problem);
}

static void read_problem(JsonReader *reader, GPtrArray *problems)
{
    SolveProblem *problem = g_new0(SolveProblem, 1);
    problem->rule = g_strdup(json_reader_string(reader, "rule", TEXT_BYTES_MAX));
    problem->message = g_strdup(json_reader_string(reader, "message", TEXT_BYTES_MAX));
    problem->app = g_strdup(json_reader_string(reader, "app", TEXT_BYTES_MAX));
    problem->other = g_strdup(json_reader_string_or(reader, "other", TEXT_BYTES_MAX, NULL));
    problem->wanted = g_strdup(json_reader_string_or(reader, "wanted", TEXT_BYTES_MAX, NULL));
    g_ptr_array_add(problems, problem);
}

/* What it met on the way to another sentence (a version of the wrong architecture, say) is not behind that one. */
static void read_problems(JsonReader *reader, GPtrArray *problems, const char *message)
{
    if (!problems || !json_reader_enter(reader, "problems"))
        return;
    gsize n = json_reader_length(reader, LIST_MAX);
    for (gsize i = 0; i < n && json_reader_enter_index(reader, i); i++) {
        read_problem(reader, problems);
        json_reader_leave(reader);
    }
    json_reader_leave(reader);
    const SolveProblem *root = problems->len > 0 ? g_ptr_array_index(problems, 0) : NULL;
    if (!json_reader_ok(reader) || !root || !message || !g_str_has_prefix(message, root->message))
        g_ptr_array_set_size(problems, 0);
}

/* One question to a child of its own. */
static json_t *ask_once(const SolveInput *input, SolveAnswer answer, gconstpointer question, GError **error)
{
    g_autoptr(SolveChild) child = solve_child_new(&input->limits, answer, NULL, error);
    return child ? solve_child_ask(child, question, error) : NULL;
}

GPtrArray *solve(const SolveInput *input, GPtrArray *left_out, GError **error)
{
    g_autoptr(json_t) answer = ask_once(input, answer_solve, input, error);
    if (!answer)
        return NULL;
    g_autoptr(JsonReader) reader = json_reader_new(answer, "solver");
    read_texts(reader, "left_out", left_out);
    const char *code = json_reader_string_or(reader, "code", TEXT_BYTES_MAX, NULL);
    if (code) {
        const char *message = json_reader_string(reader, "message", TEXT_BYTES_MAX);
        read_problems(reader, input->problems, message);
        error_set(error, error_kind_from_code(code), "%s", message ? message : "no sentence");
        return NULL;
    }
    g_autoptr(GPtrArray) changes = read_changes(reader, input);
    return json_reader_finish(reader, error) ? g_steal_pointer(&changes) : NULL;
}

static char *read_probe(json_t *answer, gboolean *is_os, GPtrArray *pulls_in)
{
    g_autoptr(JsonReader) reader = json_reader_new(answer, "solver");
    g_autoptr(GError) error = NULL;
    char *problem = g_strdup(json_reader_string_or(reader, "problem", TEXT_BYTES_MAX, NULL));
    *is_os = json_reader_boolean(reader, "is_os");
    read_texts(reader, "pulls_in", pulls_in);
    if (json_reader_finish(reader, &error))
        return problem;
    g_free(problem);
    return g_strdup(error->message);
}

/* Nobody knows whether it could be: then it is not tried. */
static char *unknown_words(const Release *release, const GError *error)
{
    return g_strdup_printf("%s %s: %s", release->name, release->version, error->message);
}

char *solve_probe(const SolveInput *input, const Release *release, gboolean *is_os, GPtrArray *pulls_in)
{
    *is_os = FALSE;
    const ProbeQuestion question = {input, release};
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) answer = ask_once(input, answer_probe, &question, &error);
    return answer ? read_probe(answer, is_os, pulls_in) : unknown_words(release, error);
}

/* ---- many questions to one world ---- */

struct SolveProber {
    SolveInput input;
    ProbeWorld *world; /* stays empty here: it is the child that fills its copy */
    SolveChild *child; /* or NULL: not asked yet, or dead */
    guint n_deaths;
};

SolveProber *solve_prober_new(const SolveInput *input)
{
    SolveProber *prober = g_new0(SolveProber, 1);
    prober->input = *input;
    prober->world = probe_world_new(&prober->input);
    return prober;
}

void solve_prober_free(SolveProber *prober)
{
    if (!prober)
        return;
    solve_child_free(prober->child);
    probe_world_free(prober->world);
    g_free(prober);
}

static json_t *ask_prober(SolveProber *prober, const Release *release, GError **error)
{
    if (!prober->child)
        prober->child = solve_child_new(&prober->input.limits, answer_prober, prober->world, error);
    if (!prober->child)
        return NULL;
    json_t *answer = solve_child_ask(prober->child, release, error);
    if (!answer)
        g_clear_pointer(&prober->child, solve_child_free);
    return answer;
}

/* Its CPU time may have gone to the questions before: only who takes a fresh child's is what cannot be answered. */
char *solve_prober_ask(SolveProber *prober, const Release *release, gboolean *is_os)
{
    *is_os = FALSE;
    if (prober->n_deaths >= PROBE_DEATHS_MAX)
        return g_strdup_printf("%s %s: the search for a plan was given up for other apps too often",
                               release->name, release->version);
    gboolean is_fresh = prober->child == NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) answer = ask_prober(prober, release, &error);
    if (!answer && !is_fresh) {
        g_clear_error(&error);
        answer = ask_prober(prober, release, &error);
    }
    if (answer)
        return read_probe(answer, is_os, NULL);
    prober->n_deaths++;
    return unknown_words(release, error);
}
