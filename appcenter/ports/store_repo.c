/* store_repo.c - what is known of each repository: its state, and the TUF metadata that is trusted of it. */
#include "ports/store_internal.h"

GHashTable *store_tuf_load(Store *store, const char *repository, GError **error)
{
    g_autoptr(GHashTable) roles =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
    g_auto(Query) query = query_open(&store->state, "tuf_load");
    query_bind_text(&query, ":repository", repository);
    while (query_next(&query)) {
        char *role = query_text(&query);
        g_hash_table_insert(roles, role, query_bytes(&query));
    }
    return query_finish(&query, error) ? g_steal_pointer(&roles) : NULL;
}

gboolean store_tuf_save(Store *store, const char *repository, const char *role, GBytes *bytes, GError **error)
{
    g_auto(Query) query = query_open(&store->state, bytes != NULL ? "tuf_save" : "tuf_forget");
    query_bind_text(&query, ":repository", repository);
    query_bind_text(&query, ":role", role);
    if (bytes != NULL)
        query_bind_bytes(&query, ":bytes", bytes);
    return query_run(&query, error);
}

void store_repo_free(StoreRepo *repo)
{
    if (repo == NULL)
        return;
    g_free(repo->name);
    g_free(repo->error_code);
    g_free(repo->error);
    g_free(repo->catalogue_sha256);
    g_free(repo->brake_json);
    g_free(repo->advisories);
    g_free(repo->timestamp_etag);
    g_free(repo);
}

static gpointer row_repo(Query *query)
{
    StoreRepo *repo = g_new0(StoreRepo, 1);
    repo->name = query_text(query);
    repo->last_refresh_at = query_integer(query);
    repo->last_success_at = query_integer(query);
    repo->expires_at = query_integer(query);
    repo->signed_at = query_integer(query);
    repo->error_code = query_text(query);
    repo->error = query_text(query);
    repo->catalogue_sha256 = query_text(query);
    repo->brake_json = query_text(query);
    repo->advisories = query_text(query);
    repo->timestamp_etag = query_text(query);
    repo->retry_after_at = query_integer(query);
    repo->n_failures = (guint)query_integer(query);
    return repo;
}

StoreRepo *store_repo_get(Store *store, const char *name, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "repo_get");
    query_bind_text(&query, ":name", name);
    g_autoptr(StoreRepo) repo = query_next(&query) ? row_repo(&query) : NULL;
    if (!query_finish(&query, error))
        return NULL;
    if (repo == NULL) {
        repo = g_new0(StoreRepo, 1);
        repo->name = g_strdup(name);
    }
    return g_steal_pointer(&repo);
}

gboolean store_repo_put(Store *store, const StoreRepo *repo, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "repo_put");
    query_bind_text(&query, ":name", repo->name);
    query_bind_integer(&query, ":last_refresh_at", repo->last_refresh_at);
    query_bind_integer(&query, ":last_success_at", repo->last_success_at);
    query_bind_integer(&query, ":expires_at", repo->expires_at);
    query_bind_integer(&query, ":signed_at", repo->signed_at);
    query_bind_text(&query, ":error_code", repo->error_code);
    query_bind_text(&query, ":error", repo->error);
    query_bind_text(&query, ":catalogue_sha256", repo->catalogue_sha256);
    query_bind_text(&query, ":brake_json", repo->brake_json);
    query_bind_text(&query, ":advisories", repo->advisories);
    query_bind_text(&query, ":timestamp_etag", repo->timestamp_etag);
    query_bind_integer(&query, ":retry_after_at", repo->retry_after_at);
    query_bind_integer(&query, ":n_failures", repo->n_failures);
    return query_run(&query, error);
}

GPtrArray *store_repos(Store *store, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "repo_list");
    return query_rows(&query, row_repo, (GDestroyNotify)store_repo_free, error);
}

static gboolean run_on_repository(Store *store, const char *statement, const char *parameter,
                                  const char *name, GError **error)
{
    g_auto(Query) query = query_open(&store->state, statement);
    query_bind_text(&query, parameter, name);
    return query_run(&query, error);
}

/* The cache first: should the power fail between the two, the repository is still known and can be removed again. */
gboolean store_repo_remove(Store *store, const char *name, GError **error)
{
    if (!store_catalogue_begin(store, name, error))
        return FALSE;
    if (!store_catalogue_commit(store, error)) {
        store_catalogue_rollback(store);
        return FALSE;
    }
    g_auto(StoreScope) scope = {0};
    return store_scope_enter(&scope, store, error) &&
           run_on_repository(store, "repo_remove", ":name", name, error) &&
           run_on_repository(store, "tuf_forget_all", ":repository", name, error) &&
           run_on_repository(store, "offer_clear_repository", ":repository", name, error) &&
           store_scope_leave(&scope, error);
}
