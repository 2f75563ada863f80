/* job.c - the table of actions, and how each one's end becomes the result line.
 *
 * Every change starts with recovery (nothing is changed on top of what a dead job left) and ends with offers made anew, so
 * that what is shown afterwards is true.
 */
#include "job/job.h"

#include <signal.h>
#include <string.h>

#define JSON_DEPTH_MAX 64
#define TEXT_BYTES_MAX 256
#define APPS_MAX       1000

/* What a job has to tell at its end beside how it went. */
typedef struct {
    Plan *plan;          /* or NULL */
    GPtrArray *results;  /* StoreTxn*, or NULL */
    json_t *report;      /* or NULL */
    char *solver_case;   /* or NULL */
    json_t *explanation; /* of a request that could not be planned, or NULL */
} Outcome;

static void outcome_clear(Outcome *outcome)
{
    g_clear_pointer(&outcome->plan, plan_free);
    g_clear_pointer(&outcome->results, g_ptr_array_unref);
    g_clear_pointer(&outcome->report, json_decref);
    g_clear_pointer(&outcome->solver_case, g_free);
    g_clear_pointer(&outcome->explanation, json_decref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Outcome, outcome_clear)

static volatile sig_atomic_t cancel_flag;

void job_cancel(void)
{
    cancel_flag = 1;
}

static gboolean is_cancelled(gpointer user_data)
{
    (void)user_data;
    return cancel_flag != 0;
}

/* ---- reading ---- */

void job_clear(Job *job)
{
    g_clear_pointer(&job->action, g_free);
    g_clear_pointer(&job->request, json_decref);
}

gboolean job_parse(const void *data, gsize len, Job *job, GError **error)
{
    g_autoptr(json_t) value = json_parse_strict(data, len, JSON_DEPTH_MAX, TRUE, error);
    if (!value) {
        g_prefix_error(error, "job: ");
        return FALSE;
    }
    g_autoptr(JsonReader) reader = json_reader_new(value, "job");
    job->id = json_reader_integer_or(reader, "job", 0, G_MAXINT64, 0);
    job->action = g_strdup(json_reader_string(reader, "action", TEXT_BYTES_MAX));
    json_t *request = json_object_get(value, "request");
    if (request && !json_is_null(request) && !json_is_object(request))
        json_reader_fail(reader, "request", "wanted an object");
    job->request = json_is_object(request) ? json_incref(request) : json_object();
    return json_reader_finish(reader, error);
}

/* ---- actions ---- */

static gboolean do_refresh(Engine *engine, const Job *job, Outcome *outcome, GError **error)
{
    (void)outcome;
    g_autoptr(GError) untidy = NULL;
    if (!engine_tidy(engine, &untidy))
        log_warning("job", "%s", untidy->message);
    if (json_is_true(json_object_get(job->request, "by_clock")))
        return engine_refresh_by_clock(engine, error);
    return engine_refresh(engine, json_is_true(json_object_get(job->request, "force")), error);
}

static gboolean do_offers(Engine *engine, const Job *job, Outcome *outcome, GError **error)
{
    (void)job;
    (void)outcome;
    return engine_make_offers(engine, error);
}

static gboolean do_recover(Engine *engine, const Job *job, Outcome *outcome, GError **error)
{
    (void)job;
    (void)outcome;
    guint n_open = 0;
    if (!engine_recover(engine, &n_open, error) || !engine_make_offers(engine, error))
        return FALSE;
    /* what kept it from being finished may be over at the next try: memory, room, a file in the way */
    return n_open == 0 ||
           error_set(error, APPCENTER_ERROR_IO, "%u of the open transactions could not be finished", n_open);
}

static gboolean do_start_apps(Engine *engine, const Job *job, Outcome *outcome, GError **error)
{
    (void)job;
    (void)outcome;
    return engine_start_apps(engine, error);
}

static gboolean do_service(Engine *engine, const Job *job, Outcome *outcome, GError **error)
{
    (void)outcome;
    g_autoptr(JsonReader) reader = json_reader_new(job->request, "request");
    const char *verb = json_reader_string(reader, "verb", TEXT_BYTES_MAX);
    const char *app = json_reader_string(reader, "app", TEXT_BYTES_MAX);
    return json_reader_finish(reader, error) && engine_service(engine, verb, app, error);
}

static gboolean do_verify(Engine *engine, const Job *job, Outcome *outcome, GError **error)
{
    g_autoptr(JsonReader) reader = json_reader_new(job->request, "request");
    g_auto(GStrv) names = json_reader_strings_or_empty(reader, "apps", APPS_MAX, TEXT_BYTES_MAX);
    return json_reader_finish(reader, error) && engine_verify(engine, names, &outcome->report, error);
}

/* The request of a change verb; its own "action" is the job's unless the job only plans. */
static Request *read_request(const Job *job, GError **error)
{
    g_autoptr(json_t) value = json_deep_copy(job->request);
    if (!json_object_get(value, "action"))
        json_object_set_new(value, "action", json_string(job->action));
    const char *action = json_string_value(json_object_get(value, "action"));
    if (strcmp(job->action, "plan") != 0 && g_strcmp0(action, job->action) != 0) {
        error_set(error, APPCENTER_ERROR_INVALID, "wanted a request to %s, found one to %s", job->action,
                  action ? action : "nothing");
        return NULL;
    }
    return request_from_json(value, error);
}

static gboolean make_plan(Engine *engine, const Request *request, Outcome *outcome, GError **error)
{
    g_autoptr(GError) failure = NULL;
    outcome->plan = engine_plan(engine, request, &failure);
    if (outcome->plan)
        return TRUE;
    outcome->explanation = engine_explain(engine, request, failure);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

static gboolean do_plan(Engine *engine, const Job *job, Outcome *outcome, GError **error)
{
    g_autoptr(Request) request = read_request(job, error);
    return request && make_plan(engine, request, outcome, error);
}

static gboolean do_change(Engine *engine, const Job *job, Outcome *outcome, GError **error)
{
    g_autoptr(Request) request = read_request(job, error);
    if (!request || !engine_recover(engine, NULL, error) || !engine_may_change(engine, error) ||
        !make_plan(engine, request, outcome, error))
        return FALSE;
    if (request->dry_run || plan_is_empty(outcome->plan))
        return TRUE;
    g_autoptr(GError) not_offered = NULL;
    gboolean is_done = engine_apply(engine, outcome->plan, request, &outcome->results, error);
    if (!engine_make_offers(engine, &not_offered))
        log_warning("job", "offers: %s", not_offered->message);
    return is_done;
}

static const struct {
    const char *name;
    gboolean (*run)(Engine *engine, const Job *job, Outcome *outcome, GError **error);
} actions[] = {
    {"refresh", do_refresh},       {"offers", do_offers},   {"recover", do_recover},
    {"start-apps", do_start_apps}, {"service", do_service}, {"plan", do_plan},
    {"install", do_change},        {"upgrade", do_change},  {"remove", do_change},
    {"rollback", do_change},       {"undo", do_change},     {"auto", do_change},
    {"autoremove", do_change},     {"repair", do_change},   {"restore", do_change},
    {"verify", do_verify},
};

/* ---- the end ---- */

static json_t *make_result(const GError *failure, const Outcome *outcome)
{
    json_t *transactions = json_array();
    for (guint i = 0; outcome && outcome->results && i < outcome->results->len; i++)
        json_array_append_new(transactions, store_txn_to_json(g_ptr_array_index(outcome->results, i)));
    json_t *result = json_object();
    json_object_set_new(result, "exit", json_integer(failure ? error_exit_code(error_kind(failure)) : 0));
    json_object_set_new(result, "code", json_string(failure ? error_code_name(error_kind(failure)) : "ok"));
    json_object_set_new(result, "message", json_string(failure ? failure->message : ""));
    if (outcome && outcome->plan)
        json_object_set_new(result, "plan", plan_to_json(outcome->plan));
    if (outcome && outcome->report)
        json_object_set(result, "report", outcome->report);
    if (outcome && outcome->explanation)
        json_object_set(result, "explanation", outcome->explanation);
    if (outcome && outcome->solver_case)
        json_object_set_new(result, "solver_case", json_string(outcome->solver_case));
    json_object_set_new(result, "transactions", transactions);
    return result;
}

static int write_result(JobLines *lines, const GError *failure, const Outcome *outcome)
{
    json_t *line = make_result(failure, outcome);
    json_object_set_new(line, "event", json_string("result"));
    job_lines_write(lines, line);
    return failure ? error_exit_code(error_kind(failure)) : 0;
}

/* While we hold the lock: the next daemon's recovery comes behind us and finds it. */
static void leave_result(Engine *engine, const GError *failure, const Outcome *outcome)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) result = make_result(failure, outcome);
    g_autofree char *text = json_to_text(result);
    const char *state = !failure                                           ? "done"
                        : error_kind(failure) == APPCENTER_ERROR_CANCELLED ? "cancelled"
                                                                           : "failed";
    if (!engine_leave_result(engine, state, text, &error))
        log_warning("job", "nobody hears the result, and it cannot be left: %s", error->message);
}

static gboolean run_action(gboolean (*run)(Engine *, const Job *, Outcome *, GError **), const Job *job,
                           const EngineOptions *options, Outcome *outcome, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(Engine) engine = engine_open(options, error);
    if (!engine)
        return FALSE;
    if (!run(engine, job, outcome, &failure) && !failure)
        error_set(&failure, APPCENTER_ERROR_INTERNAL, "%s failed and did not say why", job->action);
    outcome->solver_case = g_strdup(engine_solver_case(engine));
    if (job->id > 0 && !job_lines_are_heard(options->user_data))
        leave_result(engine, failure, outcome);
    if (!failure)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

static gboolean act(const Job *job, const EngineOptions *options, Outcome *outcome, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(actions); i++)
        if (strcmp(actions[i].name, job->action) == 0)
            return run_action(actions[i].run, job, options, outcome, error);
    return error_set(error, APPCENTER_ERROR_INVALID, "no such action: %s", job->action);
}

int job_run(const Job *job, const char *root, gint64 wall_now, int out_fd)
{
    g_auto(JobLines) lines = {.fd = out_fd};
    g_auto(Outcome) outcome = {0};
    g_autoptr(GError) failure = NULL;
    EngineOptions options = {.root = root,
                             .wall_now = wall_now,
                             .job_id = job->id,
                             .on_event = job_lines_on_event,
                             .is_cancelled = is_cancelled,
                             .user_data = &lines};
    /* a failure is told in the result; whoever hears it logs it */
    (void)!act(job, &options, &outcome, &failure);
    return write_result(&lines, failure, &outcome);
}

int job_refuse(const GError *failure, int out_fd)
{
    g_auto(JobLines) lines = {.fd = out_fd};
    return write_result(&lines, failure, NULL);
}
