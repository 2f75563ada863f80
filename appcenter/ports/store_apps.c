/* store_apps.c - installed apps, what each owns, what of older ones is kept, and config files as shipped. */
#include <string.h>

#include "ports/store_internal.h"

void store_app_free(StoreApp *app)
{
    if (app == NULL)
        return;
    g_free(app->name);
    g_free(app->version);
    g_free(app->arch);
    g_free(app->publisher);
    g_free(app->repository);
    g_free(app->display_name);
    g_strfreev(app->requires);
    g_strfreev(app->conflicts);
    g_free(app->failed_reason);
    g_free(app->install_path);
    g_free(app->archive_sha256);
    g_free(app->config_text);
    g_free(app->routines);
    g_free(app->pid_file);
    g_free(app->service_program);
    g_free(app);
}

StoreApp *store_app_copy(const StoreApp *app)
{
    StoreApp *copy = g_new0(StoreApp, 1);
    *copy = *app;
    copy->name = g_strdup(app->name);
    copy->version = g_strdup(app->version);
    copy->arch = g_strdup(app->arch);
    copy->publisher = g_strdup(app->publisher);
    copy->repository = g_strdup(app->repository);
    copy->display_name = g_strdup(app->display_name);
    copy->requires = g_strdupv(app->requires);
    copy->conflicts = g_strdupv(app->conflicts);
    copy->failed_reason = g_strdup(app->failed_reason);
    copy->install_path = g_strdup(app->install_path);
    copy->archive_sha256 = g_strdup(app->archive_sha256);
    copy->config_text = g_strdup(app->config_text);
    copy->routines = g_strdup(app->routines);
    copy->pid_file = g_strdup(app->pid_file);
    copy->service_program = g_strdup(app->service_program);
    return copy;
}

static gpointer row_app(Query *query)
{
    StoreApp *app = g_new0(StoreApp, 1);
    app->name = query_text(query);
    app->version = query_text(query);
    app->arch = query_text(query);
    app->publisher = query_text(query);
    app->repository = query_text(query);
    app->display_name = query_text(query);
    app->requires = query_strings(query);
    app->conflicts = query_strings(query);
    app->enabled = query_boolean(query);
    app->as_dependency = query_boolean(query);
    app->failed_reason = query_text(query);
    app->has_failed = app->failed_reason != NULL;
    app->install_path = query_text(query);
    app->archive_sha256 = query_text(query);
    app->config_text = query_text(query);
    app->routines = query_text(query);
    app->pid_file = query_text(query);
    app->service_program = query_text(query);
    app->service_port = (guint16)query_integer(query);
    app->rc_num = query_integer(query);
    app->installed_at = query_integer(query);
    return app;
}

static void bind_app(Query *query, const StoreApp *app)
{
    query_bind_text(query, ":name", app->name);
    query_bind_text(query, ":version", app->version);
    query_bind_text(query, ":arch", app->arch);
    query_bind_text(query, ":publisher", app->publisher);
    query_bind_text(query, ":repository", app->repository);
    query_bind_text(query, ":display_name", app->display_name);
    query_bind_strings(query, ":requires", app->requires);
    query_bind_strings(query, ":conflicts", app->conflicts);
    query_bind_boolean(query, ":enabled", app->enabled);
    query_bind_boolean(query, ":as_dependency", app->as_dependency);
    const char *reason = app->failed_reason != NULL ? app->failed_reason : "unknown";
    query_bind_text(query, ":failed_reason", app->has_failed ? reason : NULL);
    query_bind_text(query, ":install_path", app->install_path);
    query_bind_text(query, ":archive_sha256", app->archive_sha256);
    query_bind_text(query, ":config_text", app->config_text);
    query_bind_text(query, ":routines", app->routines);
    query_bind_text(query, ":pid_file", app->pid_file);
    query_bind_text(query, ":service_program", app->service_program);
    query_bind_integer(query, ":service_port", app->service_port);
    query_bind_integer(query, ":rc_num", app->rc_num);
    query_bind_integer(query, ":installed_at", app->installed_at);
}

/* --- manifests --- */

static Manifest *read_manifest(Query *query, GError **error)
{
    g_autoptr(Manifest) manifest = manifest_new();
    while (query_next(query)) {
        g_autofree char *path = query_text(query);
        g_autofree char *type = query_text(query);
        guint mode = (guint)query_integer(query);
        gint64 size_bytes = query_integer(query);
        g_autofree char *sha256 = query_text(query);
        g_autofree char *target = query_text(query);
        if (path == NULL || type == NULL)
            break;
        ManifestEntry *entry = manifest_entry_new(path, type[0], mode, size_bytes, sha256, target);
        entry->is_config = query_boolean(query);
        manifest_add(manifest, entry);
    }
    return query_finish(query, error) ? g_steal_pointer(&manifest) : NULL;
}

static void bind_entry(Query *query, const ManifestEntry *entry)
{
    char type[] = {entry->type, '\0'};
    query_bind_text(query, ":path", entry->path);
    query_bind_text(query, ":type", type);
    query_bind_integer(query, ":mode", entry->mode);
    query_bind_integer(query, ":size_bytes", entry->size_bytes);
    query_bind_text(query, ":sha256", entry->sha256);
    query_bind_text(query, ":target", entry->target);
    query_bind_boolean(query, ":is_config", entry->is_config);
}

static gboolean write_app_manifest(Store *store, const char *app, const Manifest *manifest, GError **error)
{
    g_auto(Query) clear = query_open(&store->state, "app_file_clear");
    query_bind_text(&clear, ":app", app);
    if (!query_run(&clear, error))
        return FALSE;
    for (gsize i = 0; i < manifest_length(manifest); i++) {
        g_auto(Query) query = query_open(&store->state, "app_file_add");
        query_bind_text(&query, ":owner", app);
        bind_entry(&query, manifest_get(manifest, i));
        if (!query_run(&query, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean write_kept_manifest(Store *store, gint64 id, const Manifest *manifest, GError **error)
{
    for (gsize i = 0; manifest != NULL && i < manifest_length(manifest); i++) {
        g_auto(Query) query = query_open(&store->state, "kept_file_add");
        query_bind_integer(&query, ":owner", id);
        bind_entry(&query, manifest_get(manifest, i));
        if (!query_run(&query, error))
            return FALSE;
    }
    return TRUE;
}

/* --- installed apps --- */

GPtrArray *store_apps(Store *store, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "app_list");
    return query_rows(&query, row_app, (GDestroyNotify)store_app_free, error);
}

static gboolean app_not_found(GError **error, const char *name)
{
    return error_set(error, APPCENTER_ERROR_NOT_FOUND, "%s is not installed", name);
}

StoreApp *store_app_get(Store *store, const char *name, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "app_get");
    query_bind_text(&query, ":name", name);
    g_autoptr(StoreApp) app = query_next(&query) ? row_app(&query) : NULL;
    if (!query_finish(&query, error))
        return NULL;
    if (app == NULL)
        app_not_found(error, name);
    return g_steal_pointer(&app);
}

gboolean store_app_put(Store *store, const StoreApp *app, const Manifest *manifest, GError **error)
{
    g_auto(StoreScope) scope = {0};
    if (!store_scope_enter(&scope, store, error))
        return FALSE;
    g_auto(Query) query = query_open(&store->state, "app_put");
    bind_app(&query, app);
    return query_run(&query, error) &&
           (manifest == NULL || write_app_manifest(store, app->name, manifest, error)) &&
           store_scope_leave(&scope, error);
}

gboolean store_app_remove(Store *store, const char *name, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "app_remove");
    query_bind_text(&query, ":name", name);
    return query_run_on_row(&query, error, "%s is not installed", name);
}

gboolean store_app_set_enabled(Store *store, const char *name, gboolean enabled, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "app_set_enabled");
    query_bind_text(&query, ":name", name);
    query_bind_boolean(&query, ":enabled", enabled);
    return query_run_on_row(&query, error, "%s is not installed", name);
}

gboolean store_app_set_failed(Store *store, const char *name, const char *reason, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "app_set_failed");
    query_bind_text(&query, ":name", name);
    query_bind_text(&query, ":reason", reason);
    return query_run_on_row(&query, error, "%s is not installed", name);
}

Manifest *store_app_manifest(Store *store, const char *name, GError **error)
{
    g_autoptr(StoreApp) app = store_app_get(store, name, error);
    if (app == NULL)
        return NULL;
    g_auto(Query) query = query_open(&store->state, "app_file_list");
    query_bind_text(&query, ":app", name);
    return read_manifest(&query, error);
}

static gpointer row_installed(Query *query)
{
    InstalledApp *app = g_new0(InstalledApp, 1);
    app->name = query_text(query);
    app->version = query_text(query);
    app->arch = query_text(query);
    app->publisher = query_text(query);
    app->repository = query_text(query);
    app->requires = query_strings(query);
    app->conflicts = query_strings(query);
    app->enabled = query_boolean(query);
    app->as_dependency = query_boolean(query);
    app->previous_version = query_text(query);
    return app;
}

GPtrArray *store_installed(Store *store, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "app_installed");
    return query_rows(&query, row_installed, (GDestroyNotify)installed_app_free, error);
}

/* --- kept trees --- */

void store_kept_free(StoreKept *kept)
{
    if (kept == NULL)
        return;
    g_free(kept->kind);
    store_app_free(kept->app);
    g_free(kept->tree);
    g_free(kept);
}

static gpointer row_kept(Query *query)
{
    StoreKept *kept = g_new0(StoreKept, 1);
    kept->id = query_integer(query);
    kept->kind = query_text(query);
    kept->tree = query_text(query);
    kept->txn_id = query_integer(query);
    kept->kept_at = query_integer(query);
    kept->app = row_app(query);
    return kept;
}

gboolean store_kept_add(Store *store, StoreKept *kept, const Manifest *manifest, GError **error)
{
    g_auto(StoreScope) scope = {0};
    if (!store_scope_enter(&scope, store, error))
        return FALSE;
    g_auto(Query) query = query_open(&store->state, "kept_add");
    query_bind_text(&query, ":kind", kept->kind);
    query_bind_text(&query, ":tree", kept->tree);
    query_bind_integer(&query, ":txn_id", kept->txn_id);
    query_bind_integer(&query, ":kept_at", kept->kept_at);
    bind_app(&query, kept->app);
    if (!query_run(&query, error))
        return FALSE;
    kept->id = sqlite3_last_insert_rowid(store->state.handle);
    return write_kept_manifest(store, kept->id, manifest, error) && store_scope_leave(&scope, error);
}

GPtrArray *store_kept_list(Store *store, const char *app_or_null, const char *kind_or_null, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "kept_list");
    query_bind_text(&query, ":app", app_or_null);
    query_bind_text(&query, ":kind", kind_or_null);
    return query_rows(&query, row_kept, (GDestroyNotify)store_kept_free, error);
}

static gboolean kept_exists(Store *store, gint64 id, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "kept_exists");
    query_bind_integer(&query, ":id", id);
    gboolean is_there = query_next(&query);
    if (!query_finish(&query, error))
        return FALSE;
    return is_there || error_set(error, APPCENTER_ERROR_NOT_FOUND, "no kept tree %" G_GINT64_FORMAT, id);
}

Manifest *store_kept_manifest(Store *store, gint64 id, GError **error)
{
    if (!kept_exists(store, id, error))
        return NULL;
    g_auto(Query) query = query_open(&store->state, "kept_file_list");
    query_bind_integer(&query, ":id", id);
    return read_manifest(&query, error);
}

gboolean store_kept_remove(Store *store, gint64 id, GError **error)
{
    g_auto(Query) query = query_open(&store->state, "kept_remove");
    query_bind_integer(&query, ":id", id);
    return query_run_on_row(&query, error, "no kept tree %" G_GINT64_FORMAT, id);
}

/* --- config files --- */
