/* notify.c - what is worth telling; see notify.h. */
#include "daemon/notify.h"

#include <string.h>

#include "daemon/views_internal.h"

#define HOUR_S     3600
#define DAY_S      (24 * HOUR_S)
#define FRESH_S    (7 * DAY_S)  /* what is older is no news, whenever it is found */
#define REMEMBER_S (90 * DAY_S) /* longer than any of it can be found anew */
#define NEW_MAX    50           /* at one look; the next one goes on */

typedef struct {
    Store *store;
    const SettingsValues *settings;
    gint64 now;
} Look;

/* "deadline-24h" is wanted by "deadline". */
static gboolean is_wanted(const Look *look, const char *event)
{
    g_auto(GStrv) wanted = g_strsplit(look->settings->notify_on, ",", -1);
    for (char **one = wanted; *one; one++) {
        const char *word = g_strstrip(*one);
        gsize len = strlen(word);
        if (len > 0 && strncmp(event, word, len) == 0 && (event[len] == '\0' || event[len] == '-'))
            return TRUE;
    }
    return FALSE;
}

/* details: taken. */
static void tell(const Look *look, const char *key, const char *event, const char *message, json_t *details)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *at = units_format_time(look->now);
    g_autoptr(json_t) notice =
        json_pack("{s:s, s:s, s:s, s:s, s:o}", "schema", "appctl.notice/1", "event", event, "at", at, "host",
                  g_get_host_name(), "message", view_string(message));
    json_object_update(notice, details);
    json_decref(details);
    g_autofree char *text = json_to_text(notice);
    if (!store_notice_add(look->store, key, event, look->now, text, !is_wanted(look, event), &error))
        log_error("notify", "%s", error->message);
}

/* --- transactions and jobs --- */

static char *change_words(const StoreTxn *txn)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; txn->changes && i < txn->changes->len; i++) {
        const StoreChange *change = g_ptr_array_index(txn->changes, i);
        g_string_append_printf(text, "%s%s %s", text->len ? ", " : "", change->op, change->app);
        if (change->from_version)
            g_string_append_printf(text, " %s", change->from_version);
        if (change->to_version && change->from_version)
            g_string_append(text, " ->");
        if (change->to_version)
            g_string_append_printf(text, " %s", change->to_version);
    }
    return g_string_free(text, FALSE);
}

/* What was cancelled somebody wanted so; it is remembered, and nobody told. */
static void tell_transaction(const Look *look, const char *key, const StoreTxn *txn)
{
    g_autoptr(GError) error = NULL;
    if (g_str_equal(txn->result, "cancelled")) {
        if (!store_notice_add(look->store, key, "change", look->now, "{}", TRUE, &error))
            log_error("notify", "%s", error->message);
        return;
    }
    gboolean is_done = g_str_equal(txn->result, "done");
    g_autofree char *words = change_words(txn);
    g_autofree char *masked = txn->error ? view_mask_url(txn->error) : NULL;
    g_autofree char *message =
        is_done ? g_strdup_printf("done: %s", words)
                : g_strdup_printf("%s: %s: %s",
                                  g_str_equal(txn->result, "rolled_back") ? "rolled back" : "failed", words,
                                  masked ? masked : "no reason is known");
    tell(look, key, is_done ? "change" : "failure", message,
         json_pack("{s:o}", "transaction", store_txn_to_json(txn)));
}

static void tell_job(const Look *look, const char *key, const StoreJob *job)
{
    g_autoptr(json_t) result = job->result_json ? json_loads(job->result_json, 0, NULL) : NULL;
    const char *why = json_string_value(json_object_get(result, "message"));
    g_autofree char *masked = view_mask_url(why ? why : "no reason is known");
    g_autofree char *message = g_strdup_printf("an automatic update failed: %s", masked);
    tell(look, key, "failure", message, json_pack("{s:I}", "job", (json_int_t)job->id));
}

static void look_at(const Look *look, StoreNoticeSource source)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GArray) ids = store_notice_new_ids(look->store, source, look->now - FRESH_S, NEW_MAX, &error);
    for (guint i = 0; ids && i < ids->len; i++) {
        gint64 id = g_array_index(ids, gint64, i);
        gboolean is_txn = source == STORE_NOTICE_TRANSACTIONS;
        g_autofree char *key = g_strdup_printf("%s:%" G_GINT64_FORMAT, is_txn ? "txn" : "job", id);
        g_autoptr(StoreTxn) txn = is_txn ? store_txn_get(look->store, id, &error) : NULL;
        g_autoptr(StoreJob) job = is_txn ? NULL : store_job_get(look->store, id, &error);
        if (txn && txn->result)
            tell_transaction(look, key, txn);
        else if (job)
            tell_job(look, key, job);
    }
    if (error)
        log_error("notify", "%s", error->message);
}

/* --- deadlines --- */

static void tell_deadline(const Look *look, const StoreOffer *offer, const char *event, const char *key)
{
    gint64 left_s = offer->deadline - look->now;
    g_autofree char *age = units_format_age(ABS(left_s));
    g_autofree char *deadline = units_format_time(offer->deadline);
    g_autofree char *message = g_strdup_printf(
        "%s %s (%s) %s %s, at %s: %s", offer->app, offer->release->version, urgency_class_name(offer->cls),
        left_s > 0 ? "reaches its deadline in" : "is past its deadline since", age, deadline,
        offer->sentence ? offer->sentence : "");
    tell(look, key, event, message,
         json_pack("{s:s, s:s, s:s, s:s, s:s}", "app", offer->app, "version", offer->release->version,
                   "installed_version", offer->installed_version, "class", urgency_class_name(offer->cls),
                   "deadline", deadline));
}

/* The nearer one says all that the farther one would: who hears of it late is told once. What is about to be installed is
 * not waiting for anybody. */
static void look_at_deadline(const Look *look, const StoreOffer *offer)
{
    gint64 left_s = offer->deadline - look->now;
    if (offer->deadline <= 0 || offer->deadline == SETTINGS_NEVER || left_s > DAY_S ||
        offer->verdict == VERDICT_NOW)
        return;
    const char *event = left_s > HOUR_S ? "deadline-24h" : "deadline-1h";
    g_autofree char *key = g_strdup_printf("%s:%s:%s:%" G_GINT64_FORMAT, event, offer->app,
                                           offer->release->version, offer->deadline);
    if (!store_notice_is_known(look->store, key))
        tell_deadline(look, offer, event, key);
}

/* --- repositories --- */

static void look_at_repo(const Look *look, const StoreRepo *repo)
{
    if (!view_repo_is_stale(repo, look->now))
        return;
    g_autofree char *key = g_strdup_printf("stale:%s:%" G_GINT64_FORMAT, repo->name, repo->expires_at);
    if (store_notice_is_known(look->store, key))
        return;
    g_autofree char *ended = units_format_time(repo->expires_at);
    g_autofree char *message = g_strdup_printf(
        "repository %s: no fresh news for twice the time that it promised (the last was good until "
        "%s); somebody may be keeping updates from this NAS",
        repo->name, ended);
    tell(look, key, "stale", message,
         json_pack("{s:s, s:s, s:o}", "repository", repo->name, "expires_at", ended, "last_success",
                   view_time(repo->last_success_at)));
}

void notify_look_at_ends(Store *store, const SettingsValues *settings, gint64 now)
{
    const Look look = {store, settings, now};
    look_at(&look, STORE_NOTICE_TRANSACTIONS);
    look_at(&look, STORE_NOTICE_JOBS);
}

void notify_look(Store *store, const SettingsValues *settings, GPtrArray *offers, GPtrArray *repos,
                 gint64 now)
{
    g_autoptr(GError) error = NULL;
    const Look look = {store, settings, now};
    notify_look_at_ends(store, settings, now);
    for (guint i = 0; i < offers->len; i++)
        look_at_deadline(&look, g_ptr_array_index(offers, i));
    for (guint i = 0; i < repos->len; i++)
        look_at_repo(&look, g_ptr_array_index(repos, i));
    if (!store_notices_trim(store, now - REMEMBER_S, &error))
        log_error("notify", "%s", error->message);
}
