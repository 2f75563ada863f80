/* store_offers.c - the releases that wait, as the last refresh or change found them, with the verdict last given. */
#include "ports/store_internal.h"

void store_offer_free(StoreOffer *offer)
{
    if (offer == NULL)
        return;
    g_free(offer->app);
    g_free(offer->installed_version);
    release_free(offer->release);
    g_free(offer->pulled_in_by);
    g_free(offer->problem);
    g_free(offer->sentence);
    g_free(offer);
}

static gboolean add_offer(Store *store, const StoreOffer *offer, GError **error)
{
    g_autoptr(json_t) json = release_to_json(offer->release);
    g_autofree char *text = json_to_text(json);
    g_auto(Query) query = query_open(&store->state, "offer_add");
    query_bind_text(&query, ":app", offer->app);
    query_bind_text(&query, ":version", offer->release->version);
    query_bind_text(&query, ":installed_version", offer->installed_version);
    query_bind_text(&query, ":class", urgency_class_name(offer->cls));
    query_bind_text(&query, ":pulled_in_by", offer->pulled_in_by);
    query_bind_integer(&query, ":urgent_at", offer->urgent_at);
    query_bind_integer(&query, ":install_within_s", offer->install_within_s);
    query_bind_text(&query, ":problem", offer->problem);
    query_bind_boolean(&query, ":problem_is_os", offer->problem_is_os);
    query_bind_boolean(&query, ":publisher_differs", offer->publisher_differs);
    query_bind_integer(&query, ":cohort_permyriad", offer->cohort_permyriad);
    query_bind_text(&query, ":repository", offer->release->repository);
    query_bind_text(&query, ":publisher", offer->release->publisher);
    query_bind_text(&query, ":release", text);
    return query_run(&query, error);
}

gboolean store_offers_replace(Store *store, GPtrArray *offers, GError **error)
{
    g_auto(StoreScope) scope = {0};
    if (!store_scope_enter(&scope, store, error) || !database_run(&store->state, "offer_clear", error))
        return FALSE;
    for (guint i = 0; i < offers->len; i++)
        if (!add_offer(store, g_ptr_array_index(offers, i), error))
            return FALSE;
    return store_scope_leave(&scope, error);
}

static gboolean verdict_from_name(const char *name, Verdict *verdict)
{
    for (Verdict v = VERDICT_NOW; v <= VERDICT_REFUSE; v++)
        if (g_strcmp0(name, verdict_name(v)) == 0) {
            *verdict = v;
            return TRUE;
        }
    return FALSE;
}

static void read_class(Query *query, StoreOffer *offer)
{
    g_autofree char *name = query_text(query);
    if (name == NULL || !urgency_class_from_name(name, &offer->cls))
        query_mark_corrupt(query, "a class", name);
}

/* A row that was never decided, or by another program's words, has no sentence: the ledger decides and writes it. */
static void read_verdict(Query *query, StoreOffer *offer)
{
    g_autofree char *verdict = query_text(query);
    g_autofree char *reason = query_text(query);
    g_autofree char *sentence = query_text(query);
    offer->at = query_integer(query);
    offer->deadline = query_integer(query);
    offer->offered_at = query_integer(query);
    if (verdict == NULL || !verdict_from_name(verdict, &offer->verdict) ||
        !reason_code_from_name(reason, &offer->code))
        return;
    offer->sentence = g_steal_pointer(&sentence);
}

gpointer store_row_offer(Query *query)
{
    g_autoptr(StoreOffer) offer = g_new0(StoreOffer, 1);
    offer->app = query_text(query);
    offer->installed_version = query_text(query);
    read_class(query, offer);
    read_verdict(query, offer);
    offer->pulled_in_by = query_text(query);
    offer->urgent_at = query_integer(query);
    offer->install_within_s = query_integer(query);
    offer->problem = query_text(query);
    offer->problem_is_os = query_boolean(query);
    offer->publisher_differs = query_boolean(query);
    offer->cohort_permyriad = (guint)query_integer(query);
    offer->release = store_row_release(query);
    return offer->release != NULL ? g_steal_pointer(&offer) : NULL;
}
