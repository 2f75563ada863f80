/* api_admin.c - handlers of holds, skips and repositories: done at once, no job needed. */
#include <string.h>

#include "daemon/api.h"
#include "daemon/run.h"

#define API_MAX_ROOT_BYTES 512000

static gboolean done(Daemon *daemon, ApiReply *reply)
{
    reply->status = 204;
    daemon_kick(daemon);
    return TRUE;
}

/* A hold on an app that is neither installed nor in a catalogue is a slip of the finger. */
static gboolean app_is_known(Daemon *daemon, const char *name, GError **error)
{
    if (!app_name_is_valid(name))
        return error_set(error, APPCENTER_ERROR_INVALID, "\"%s\" is no app name", name);
    g_autoptr(StoreApp) app = store_app_get(daemon->store, name, NULL);
    if (app)
        return TRUE;
    g_autoptr(GPtrArray) releases = store_catalogue_app(daemon->store, name, error);
    if (!releases)
        return FALSE;
    return releases->len > 0 || error_set(error, APPCENTER_ERROR_NOT_FOUND,
                                          "%s is neither installed nor offered by a repository", name);
}

gboolean api_put_setting(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    g_autoptr(JsonReader) reader = json_reader_new(request->body, "setting");
    const char *name = json_reader_string(reader, "name", 100);
    const char *value = json_reader_string(reader, "value", 4000);
    if (!api_body_finish(reader, error) || !system_set_setting(daemon->root, name, value, error))
        return FALSE;
    daemon_reload(daemon);
    return done(daemon, reply);
}

/* An admin has looked at what the restored state says. */
gboolean api_accept_damage(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    (void)request;
    return store_damage_set(daemon->store, NULL, error) && done(daemon, reply);
}

gboolean api_put_hold(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    g_autoptr(JsonReader) reader = json_reader_new(request->body, "hold");
    gint64 now = daemon_now(daemon);
    Hold hold = {.app = (char *)json_reader_string_or(reader, "app", 40, NULL),
                 .until = json_reader_time_or(reader, "until", 0),
                 .note = (char *)json_reader_string_or(reader, "note", 500, NULL),
                 .except_emergency = json_reader_boolean_or(reader, "except_emergency", FALSE),
                 .created_at = now};
    if (!api_body_finish(reader, error))
        return FALSE;
    if (hold.app && !app_is_known(daemon, hold.app, error))
        return FALSE;
    if (hold.until && hold.until <= now)
        return error_set(error, APPCENTER_ERROR_INVALID, "until: wanted a time to come");
    return store_hold_put(daemon->store, &hold, error) && done(daemon, reply);
}

gboolean api_delete_hold(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    return store_hold_remove(daemon->store, g_hash_table_lookup(request->query, "app"), error) &&
           done(daemon, reply);
}

gboolean api_put_skip(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    g_autoptr(JsonReader) reader = json_reader_new(request->body, "skip");
    const char *app = json_reader_string(reader, "app", 40);
    const char *version = json_reader_string(reader, "version", 64);
    if (!api_body_finish(reader, error) || !app_is_known(daemon, app, error))
        return FALSE;
    if (!version_is_valid(version))
        return error_set(error, APPCENTER_ERROR_INVALID, "\"%s\" is no version", version);
    return store_skip_add(daemon->store, app, version, daemon_now(daemon), error) && done(daemon, reply);
}

gboolean api_delete_skip(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    const char *app = g_hash_table_lookup(request->query, "app");
    const char *version = g_hash_table_lookup(request->query, "version");
    if (!app || !version)
        return error_set(error, APPCENTER_ERROR_INVALID, "wanted app and version in the query");
    return store_skip_remove(daemon->store, app, version, error) && done(daemon, reply);
}

/* Another first root under an old name is another repository: what the old one trusted is forgotten. */
static gboolean forget_other_root(Daemon *daemon, const char *name, GBytes *first_root, GError **error)
{
    g_autoptr(GPtrArray) configs = system_load_repositories(daemon->root, NULL);
    for (guint i = 0; configs && i < configs->len; i++) {
        const RepositoryConfig *config = configs->pdata[i];
        if (!g_str_equal(config->name, name))
            continue;
        g_autoptr(GBytes) old_root = root_dir_read(daemon->root, config->root_path, API_MAX_ROOT_BYTES, NULL);
        if (!old_root || !g_bytes_equal(old_root, first_root))
            return store_repo_remove(daemon->store, name, error);
    }
    return TRUE;
}

gboolean api_put_repository(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    g_autoptr(JsonReader) reader = json_reader_new(request->body, "repository");
    g_autoptr(RepositoryConfig) config = g_new0(RepositoryConfig, 1);
    config->name = g_strdup(json_reader_string(reader, "name", 40));
    config->url = g_strdup(json_reader_string(reader, "url", 2000));
    config->mirrors = json_reader_strings_or_empty(reader, "mirrors", 16, 2000);
    config->priority = json_reader_integer_or(reader, "priority", 0, 1000, 50);
    config->enabled = TRUE;
    const char *root = json_reader_string(reader, "root", API_MAX_ROOT_BYTES);
    if (!api_body_finish(reader, error))
        return FALSE;
    g_autoptr(json_t) document = json_parse_strict(root, strlen(root), 32, TRUE, NULL);
    if (!json_is_object(document))
        return error_set(error, APPCENTER_ERROR_INVALID, "root: wanted the text of a root.json");
    g_autoptr(GBytes) first_root = g_bytes_new(root, strlen(root));
    return forget_other_root(daemon, config->name, first_root, error) &&
           system_save_repository(daemon->root, config, first_root, error) && done(daemon, reply);
}

gboolean api_delete_repository(Daemon *daemon, const ApiRequest *request, ApiReply *reply, GError **error)
{
    if (!system_remove_repository(daemon->root, request->name, error))
        return FALSE;
    return store_repo_remove(daemon->store, request->name, error) && done(daemon, reply);
}
