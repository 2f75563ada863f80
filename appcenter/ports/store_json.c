/* store_json.c - a transaction as people's programs see it (appctl.transaction/1): the same at the job and at the daemon. */
#include "ports/store.h"

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

static json_t *time_or_null(gint64 at)
{
    g_autofree char *text = at > 0 ? units_format_time(at) : NULL;
    return text_or_null(text);
}

static json_t *change_to_json(const StoreChange *change)
{
    json_t *object = json_object();
    json_object_set_new(object, "op", text_or_null(change->op));
    json_object_set_new(object, "app", text_or_null(change->app));
    json_object_set_new(object, "from", text_or_null(change->from_version));
    json_object_set_new(object, "to", text_or_null(change->to_version));
    json_object_set_new(object, "reason", text_or_null(change->reason));
    return object;
}

static json_t *error_to_json(const StoreTxn *txn)
{
    if (!txn->error_code)
        return json_null();
    json_t *object = json_object();
    json_object_set_new(object, "code", json_string(txn->error_code));
    json_object_set_new(object, "message", json_string(txn->error ? txn->error : ""));
    return object;
}

json_t *store_txn_to_json(const StoreTxn *txn)
{
    json_t *changes = json_array();
    for (guint i = 0; txn->changes && i < txn->changes->len; i++)
        json_array_append_new(changes, change_to_json(g_ptr_array_index(txn->changes, i)));
    json_t *object = json_object();
    json_object_set_new(object, "schema", json_string("appctl.transaction/1"));
    json_object_set_new(object, "id", json_integer(txn->id));
    json_object_set_new(object, "trigger", text_or_null(txn->trigger));
    json_object_set_new(object, "result", text_or_null(txn->result));
    json_object_set_new(object, "started_at", time_or_null(txn->started_at));
    json_object_set_new(object, "finished_at", time_or_null(txn->finished_at));
    json_object_set_new(object, "changes", changes);
    json_object_set_new(object, "error", error_to_json(txn));
    return object;
}
