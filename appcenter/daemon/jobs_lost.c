/* jobs_lost.c - what is told of a job that could not tell it itself; see jobs_lost.h. */
#include "daemon/jobs_lost.h"

#define JOBS_LOST_LOOK_BACK 1000 /* transactions: more than a job has sets */

/* What became of the transactions that a job began. */
typedef struct {
    guint n_done, n_undone, n_open;
    json_t *list; /* appctl.transaction/1, oldest first */
} Fate;

const char *jobs_state_of_result(json_t *result)
{
    const char *code = json_string_value(json_object_get(result, "code"));
    if (json_integer_value(json_object_get(result, "exit")) == 0)
        return "done";
    return g_strcmp0(code, error_code_name(APPCENTER_ERROR_CANCELLED)) == 0 ? "cancelled" : "failed";
}

static void count(Fate *fate, const StoreTxn *txn)
{
    if (!txn->result)
        fate->n_open++;
    else if (g_str_equal(txn->result, "done"))
        fate->n_done++;
    else
        fate->n_undone++;
    json_array_insert_new(fate->list, 0, store_txn_to_json(txn));
}

static gboolean read_fate(Store *store, gint64 id, Fate *fate, GError **error)
{
    g_autoptr(GPtrArray) txns = store_txn_list(store, JOBS_LOST_LOOK_BACK, error);
    for (guint i = 0; txns && i < txns->len; i++)
        if (((StoreTxn *)txns->pdata[i])->job_id == id)
            count(fate, txns->pdata[i]);
    return txns != NULL;
}

static const char *fate_words(const Fate *fate)
{
    if (fate->n_open)
        return "what it had begun could not be undone yet";
    if (fate->n_done && fate->n_undone)
        return "some of what it had begun is done, the rest is undone";
    if (fate->n_undone)
        return "what it had begun is undone";
    return fate->n_done ? "what it had begun is done" : "it had not begun to change anything";
}

/* Its own words, if it left some. */
static json_t *left_result(Store *store, gint64 id, const char **state)
{
    g_autoptr(StoreJob) job = store_job_get(store, id, NULL);
    if (!job || !job->result_json || g_str_equal(job->state, "running"))
        return NULL;
    json_t *result = json_loads(job->result_json, 0, NULL);
    *state = result ? jobs_state_of_result(result) : NULL;
    return result;
}

json_t *jobs_lost_result(Store *store, gint64 id, json_t *how, const char **state)
{
    g_autoptr(GError) error = NULL;
    json_t *left = left_result(store, id, state);
    if (left)
        return left;
    g_autoptr(json_t) list = json_array();
    Fate fate = {.list = list};
    json_t *result = json_copy(how);
    if (!read_fate(store, id, &fate, &error))
        log_error("jobs", "job %" G_GINT64_FORMAT ": %s", id, error->message);
    *state = jobs_state_of_result(result);
    if (json_array_size(list) == 0 && g_str_equal(*state, "cancelled"))
        return result; /* it says already that nothing was begun */
    /* Done as far as it came: whether it would have gone on, nobody knows. */
    if (fate.n_done) {
        json_object_set_new(result, "exit", json_integer(error_exit_code(APPCENTER_ERROR_PARTLY)));
        json_object_set_new(result, "code", json_string(error_code_name(APPCENTER_ERROR_PARTLY)));
    }
    g_autofree char *message = g_strdup_printf("%s; %s", json_string_value(json_object_get(how, "message")),
                                               error ? error->message : fate_words(&fate));
    json_object_set_new(result, "message", json_string(message));
    json_object_set(result, "transactions", list);
    *state = jobs_state_of_result(result);
    return result;
}
