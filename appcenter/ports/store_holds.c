/* store_holds.c - what must not happen: holds and skips of the admin, vetoes of versions that failed here.
 *
 * Hides that the hold on all apps is the row '*', which is no app's name.
 */
#include <string.h>

#include "ports/store_internal.h"

#define ALL_APPS "*"

void hold_free(Hold *hold)
{
    if (hold == NULL)
        return;
    g_free(hold->app);
    g_free(hold->note);
    g_free(hold);
}

static gpointer row_hold(Query *query)
{
    Hold *hold = g_new0(Hold, 1);
    g_autofree char *app = query_text(query);
    if (g_strcmp0(app, ALL_APPS) != 0)
        hold->app = g_steal_pointer(&app);
    hold->until = query_integer(query);
    hold->note = query_text(query);
    hold->except_emergency = query_boolean(query);
    hold->created_at = query_integer(query);
    return hold;
}

GPtrArray *store_holds(Store *store, gint64 now, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "hold_list");
    query_bind_integer(&query, ":now", now);
    return query_rows(&query, row_hold, (GDestroyNotify)hold_free, error);
}

gboolean store_hold_put(Store *store, const Hold *hold, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "hold_put");
    query_bind_text(&query, ":app", hold->app != NULL ? hold->app : ALL_APPS);
    query_bind_integer(&query, ":until", hold->until);
    query_bind_text(&query, ":note", hold->note);
    query_bind_boolean(&query, ":except_emergency", hold->except_emergency);
    query_bind_integer(&query, ":created_at", hold->created_at);
    return query_run(&query, error);
}

gboolean store_hold_remove(Store *store, const char *app, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "hold_remove");
    query_bind_text(&query, ":app", app != NULL ? app : ALL_APPS);
    return query_run_on_row(&query, error, "no hold on %s", app != NULL ? app : "all apps");
}

Hold *store_hold_for(Store *store, const char *app, gint64 now)
{
    g_autoptr(GError) error = NULL;
    g_auto(Query) query = query_open(&store->state, "hold_for");
    query_bind_text(&query, ":app", app);
    query_bind_integer(&query, ":now", now);
    g_autoptr(Hold) hold = query_next(&query) ? row_hold(&query) : NULL;
    if (query_finish(&query, &error))
        return g_steal_pointer(&hold);
    log_error("store", "hold of %s: %s", app, error->message);
    return NULL;
}

gboolean store_skip_add(Store *store, const char *app, const char *version, gint64 at, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "skip_add");
    query_bind_text(&query, ":app", app);
    query_bind_text(&query, ":version", version);
    query_bind_integer(&query, ":at", at);
    return query_run(&query, error);
}

gboolean store_skip_remove(Store *store, const char *app, const char *version, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "skip_remove");
    query_bind_text(&query, ":app", app);
    query_bind_text(&query, ":version", version);
    return query_run_on_row(&query, error, "%s %s is not skipped", app, version);
}

gboolean store_is_skipped(Store *store, const char *app, const char *version)
{
    g_autoptr(GError) error = NULL;
    g_auto(Query) query = query_open(&store->state, "skip_get");
    query_bind_text(&query, ":app", app);
    query_bind_text(&query, ":version", version);
    gboolean is_skipped = query_next(&query);
    if (!query_finish(&query, &error))
        log_error("store", "skip of %s: %s", app, error->message);
    return is_skipped;
}

void store_veto_free(StoreVeto *veto)
{
    if (veto == NULL)
        return;
    g_free(veto->app);
    g_free(veto->version);
    g_free(veto->cause);
    g_free(veto);
}

static StoreVeto *row_veto(Query *query)
{
    StoreVeto *veto = g_new0(StoreVeto, 1);
    veto->app = query_text(query);
    veto->version = query_text(query);
    veto->cause = query_text(query);
    veto->n_failures = (guint)query_integer(query);
    veto->until = query_integer(query);
    return veto;
}

gboolean store_veto_add(Store *store, const char *app, const char *version, const char *cause, gint64 until,
                        GError **error)
{
    g_auto(Query) query = query_open(&store->state, "veto_add");
    query_bind_text(&query, ":app", app);
    query_bind_text(&query, ":version", version);
    query_bind_text(&query, ":cause", cause);
    query_bind_integer(&query, ":until", until);
    return query_run(&query, error);
}

StoreVeto *store_veto_get(Store *store, const char *app, const char *version)
{
    g_autoptr(GError) error = NULL;
    g_auto(Query) query = query_open(&store->state, "veto_get");
    query_bind_text(&query, ":app", app);
    query_bind_text(&query, ":version", version);
    g_autoptr(StoreVeto) veto = query_next(&query) ? row_veto(&query) : NULL;
    if (query_finish(&query, &error))
        return g_steal_pointer(&veto);
    log_error("store", "veto of %s: %s", app, error->message);
    return NULL;
}

gboolean store_veto_clear(Store *store, const char *app, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "veto_clear");
    query_bind_text(&query, ":app", app);
    return query_run(&query, error);
}
