/* request.c - what somebody asked for: its JSON in and out, and what makes sense to ask.
 *
 * Comes from the socket, so everything is bounded and a bad request is INVALID (the asker's mistake), never
 * CORRUPT.
 */
#include "model/plan.h"

#include <string.h>

#include "model/fields.h"
#include "model/version.h"

#define APPS_MAX       1000
#define TEXT_BYTES_MAX 256
#define SHA256_BYTES   32
#define TRIGGER_ADMIN  "admin"

static const char *const action_names[] = {
    [REQUEST_INSTALL] = "install",   [REQUEST_UPGRADE] = "upgrade", [REQUEST_REMOVE] = "remove",
    [REQUEST_ROLLBACK] = "rollback", [REQUEST_AUTO] = "auto",       [REQUEST_UNDO] = "undo",
    [REQUEST_REPAIR] = "repair",     [REQUEST_RESTORE] = "restore", [REQUEST_AUTOREMOVE] = "autoremove",
};

static void request_app_free(RequestApp *app)
{
    if (!app)
        return;
    g_free(app->name);
    g_free(app->version);
    g_free(app);
}

Request *request_new(RequestKind kind)
{
    Request *request = g_new0(Request, 1);
    request->kind = kind;
    request->apps = g_ptr_array_new_with_free_func((GDestroyNotify)request_app_free);
    request->trigger = g_strdup(TRIGGER_ADMIN);
    return request;
}

void request_free(Request *request)
{
    if (!request)
        return;
    g_ptr_array_unref(request->apps);
    g_free(request->trigger);
    g_free(request->file);
    g_free(request->trust_sha256);
    g_free(request->arch);
    g_free(request);
}

void request_add_app(Request *request, const char *name, const char *version)
{
    RequestApp *app = g_new0(RequestApp, 1);
    app->name = g_strdup(name);
    app->version = g_strdup(version);
    g_ptr_array_add(request->apps, app);
}

static RequestKind read_action(JsonReader *reader)
{
    const char *name = json_reader_string(reader, "action", TEXT_BYTES_MAX);
    for (guint i = 0; name && i < G_N_ELEMENTS(action_names); i++)
        if (strcmp(name, action_names[i]) == 0)
            return (RequestKind)i;
    json_reader_fail(reader, "action",
                     "wanted install, upgrade, remove, autoremove, rollback, undo, repair, restore or auto");
    return REQUEST_INSTALL;
}

static void read_app(JsonReader *reader, Request *request)
{
    const char *name = fields_app_name(reader, "name");
    const char *version = fields_version_or_null(reader, "version");
    if (json_reader_ok(reader))
        request_add_app(request, name, version);
}

/* A bare string is an app's name; the reader cannot enter one, so it is looked at from the array. */
static void read_bare_app(JsonReader *reader, gsize i, const char *name, Request *request)
{
    if (app_name_is_valid(name))
        request_add_app(request, name, NULL);
    else
        json_reader_fail(reader, NULL, "wanted app names, element %" G_GSIZE_FORMAT " is none", i);
}

static void read_apps(JsonReader *reader, Request *request)
{
    if (!json_reader_enter_optional(reader, "apps"))
        return;
    gsize length = json_reader_length(reader, APPS_MAX);
    for (gsize i = 0; i < length && json_reader_ok(reader); i++) {
        const json_t *element = json_array_get(json_reader_value(reader), i);
        if (json_is_string(element)) {
            read_bare_app(reader, i, json_string_value(element), request);
        } else if (json_reader_enter_index(reader, i)) {
            read_app(reader, request);
            json_reader_leave(reader);
        }
    }
    json_reader_leave(reader);
}

static void read_file(JsonReader *reader, Request *request)
{
    const char *file = json_reader_string_or(reader, "file", TEXT_BYTES_MAX, NULL);
    if (file && (file[0] != '/' || !files_path_is_inside(file + 1)))
        json_reader_fail(reader, "file", "wanted an absolute normal path");
    request->file = g_strdup(file);
    const char *arch = json_reader_string_or(reader, "arch", TEXT_BYTES_MAX, NULL);
    if (arch && !arch_is_valid(arch))
        json_reader_fail(reader, "arch", "wanted an architecture's name");
    request->arch = g_strdup(arch);
    if (json_reader_string_or(reader, "trust_sha256", TEXT_BYTES_MAX, NULL))
        request->trust_sha256 = g_strdup(json_reader_hex(reader, "trust_sha256", SHA256_BYTES));
}

static void read_options(JsonReader *reader, Request *request)
{
    if (!json_reader_enter_optional(reader, "options"))
        return;
    request->security_only = json_reader_boolean_or(reader, "security_only", FALSE);
    request->download_only = json_reader_boolean_or(reader, "download_only", FALSE);
    request->dry_run = json_reader_boolean_or(reader, "dry_run", FALSE);
    request->cascade = json_reader_boolean_or(reader, "cascade", FALSE);
    request->purge = json_reader_boolean_or(reader, "purge", FALSE);
    request->allow_downgrade = json_reader_boolean_or(reader, "allow_downgrade", FALSE);
    request->debug_solver = json_reader_boolean_or(reader, "debug_solver", FALSE);
    request->undo_id = json_reader_integer_or(reader, "undo_id", 1, G_MAXINT64, 0);
    request->snapshot_id = json_reader_integer_or(reader, "snapshot_id", 1, G_MAXINT64, 0);
    read_file(reader, request);
    json_reader_leave(reader);
}

static void read_trigger(JsonReader *reader, Request *request)
{
    static const char *const triggers[] = {TRIGGER_ADMIN, "window",   "deadline",
                                           "emergency",   "recovery", NULL};
    const char *trigger = json_reader_string_or(reader, "trigger", TEXT_BYTES_MAX, TRIGGER_ADMIN);
    if (trigger && !g_strv_contains(triggers, trigger))
        json_reader_fail(reader, "trigger", "wanted admin, window, deadline, emergency or recovery");
    g_free(request->trigger);
    request->trigger = g_strdup(trigger);
}

static void check_sense(JsonReader *reader, const Request *request)
{
    gboolean wants_apps = request->kind == REQUEST_REMOVE || request->kind == REQUEST_ROLLBACK ||
                          request->kind == REQUEST_AUTO || request->kind == REQUEST_REPAIR ||
                          (request->kind == REQUEST_INSTALL && !request->file);
    if (wants_apps && request->apps->len == 0)
        json_reader_fail(reader, "apps", "wanted at least one app to %s, found none",
                         action_names[request->kind]);
    if (request->kind == REQUEST_AUTOREMOVE && request->apps->len > 0)
        json_reader_fail(reader, "apps", "wanted none: autoremove finds them itself");
    if (request->file && request->kind != REQUEST_INSTALL)
        json_reader_fail(reader, "options", "a file can only be installed");
    if (request->kind == REQUEST_UNDO && request->undo_id == 0)
        json_reader_fail(reader, "options", "wanted undo_id, found none");
    if (request->kind == REQUEST_RESTORE && request->snapshot_id == 0)
        json_reader_fail(reader, "options", "wanted snapshot_id, found none");
}

Request *request_from_json(json_t *value, GError **error)
{
    g_autoptr(JsonReader) reader = json_reader_new(value, "request");
    g_autoptr(Request) request = request_new(read_action(reader));
    read_apps(reader, request);
    read_options(reader, request);
    read_trigger(reader, request);
    check_sense(reader, request);
    g_autoptr(GError) cause = NULL;
    if (json_reader_finish(reader, &cause))
        return g_steal_pointer(&request);
    error_set(error, APPCENTER_ERROR_INVALID, "%s", cause->message);
    return NULL;
}

static json_t *options_to_json(const Request *request)
{
    json_t *options = json_object();
    json_object_set_new(options, "security_only", json_boolean(request->security_only));
    json_object_set_new(options, "download_only", json_boolean(request->download_only));
    json_object_set_new(options, "dry_run", json_boolean(request->dry_run));
    json_object_set_new(options, "cascade", json_boolean(request->cascade));
    json_object_set_new(options, "purge", json_boolean(request->purge));
    json_object_set_new(options, "allow_downgrade", json_boolean(request->allow_downgrade));
    if (request->debug_solver)
        json_object_set_new(options, "debug_solver", json_true());
    if (request->file)
        json_object_set_new(options, "file", json_string(request->file));
    if (request->arch)
        json_object_set_new(options, "arch", json_string(request->arch));
    if (request->trust_sha256)
        json_object_set_new(options, "trust_sha256", json_string(request->trust_sha256));
    if (request->undo_id)
        json_object_set_new(options, "undo_id", json_integer(request->undo_id));
    if (request->snapshot_id)
        json_object_set_new(options, "snapshot_id", json_integer(request->snapshot_id));
    return options;
}

json_t *request_to_json(const Request *request)
{
    json_t *apps = json_array();
    for (guint i = 0; i < request->apps->len; i++) {
        const RequestApp *app = g_ptr_array_index(request->apps, i);
        json_t *object = json_object();
        json_object_set_new(object, "name", json_string(app->name));
        json_object_set_new(object, "version", fields_json_string(app->version));
        json_array_append_new(apps, object);
    }
    json_t *object = json_object();
    json_object_set_new(object, "action", json_string(action_names[request->kind]));
    json_object_set_new(object, "apps", apps);
    json_object_set_new(object, "options", options_to_json(request));
    json_object_set_new(object, "trigger", json_string(request->trigger));
    return object;
}

Request *request_copy(const Request *request, GError **error)
{
    g_autoptr(json_t) json = request_to_json(request);
    return request_from_json(json, error);
}
