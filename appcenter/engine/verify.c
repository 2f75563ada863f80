/* verify.c - installed apps compared with what was recorded of them. */
#include "engine/internal.h"

#include <fcntl.h>

#define NAMED_MAX 200 /* of each app's findings; the rest is counted */

static const char *const finding_names[] = {[VOLUME_FOUND_MISSING] = "missing",
                                            [VOLUME_FOUND_CHANGED] = "changed",
                                            [VOLUME_FOUND_MODE] = "mode",
                                            [VOLUME_FOUND_CONFIG] = "config",
                                            [VOLUME_FOUND_EXTRA] = "extra"};

typedef struct {
    json_t *named; /* [{path, finding}] */
    gint64 counts[G_N_ELEMENTS(finding_names)];
} Findings;

static void note(VolumeFinding finding, const char *path, gpointer user_data)
{
    Findings *findings = user_data;
    findings->counts[finding]++;
    if (json_array_size(findings->named) < NAMED_MAX)
        json_array_append_new(findings->named,
                              json_pack("{s:s, s:s}", "path", path, "finding", finding_names[finding]));
}

/* Config files elsewhere: edited is the owner's right, gone is not. */
static void note_configs_elsewhere(const Engine *engine, const Manifest *manifest, Findings *findings)
{
    for (gsize i = 0; i < manifest_length(manifest); i++) {
        const ManifestEntry *entry = manifest_get(manifest, i);
        if (entry->path[0] != '/')
            continue;
        g_auto(Fd) fd = root_dir_openat(engine->root, entry->path, O_RDONLY | O_NONBLOCK, 0, NULL);
        g_autofree char *sha256 = fd < 0 ? NULL : digest_hex_of_fd(DIGEST_SHA256, fd, 0, -1, NULL);
        if (fd < 0)
            note(VOLUME_FOUND_MISSING, entry->path, findings);
        else if (g_strcmp0(sha256, entry->sha256) != 0)
            note(VOLUME_FOUND_CONFIG, entry->path, findings);
    }
}

/* What the package owns and is not there as it was. Edited config files and what users added are no damage. */
static gint64 damage(const Findings *findings)
{
    return findings->counts[VOLUME_FOUND_MISSING] + findings->counts[VOLUME_FOUND_CHANGED] +
           findings->counts[VOLUME_FOUND_MODE];
}

static json_t *describe(const StoreApp *app, const Manifest *manifest, Findings *findings)
{
    json_t *object = json_pack("{s:s, s:s, s:b, s:I, s:O}", "name", app->name, "version", app->version, "ok",
                               damage(findings) == 0, "owned", (json_int_t)manifest_length(manifest),
                               "findings", findings->named);
    for (gsize i = 0; i < G_N_ELEMENTS(finding_names); i++)
        json_object_set_new(object, finding_names[i], json_integer(findings->counts[i]));
    return object;
}

static json_t *verify_app(Engine *engine, const StoreApp *app, gboolean *is_ok, GError **error)
{
    g_autoptr(json_t) named = json_array();
    Findings findings = {.named = named};
    g_autoptr(GError) absent = NULL;
    g_autoptr(Manifest) manifest = store_app_manifest(engine->store, app->name, error);
    g_auto(Fd) tree = manifest ? volume_app_open(engine->volume, app->name, &absent) : -1;
    if (!manifest)
        return NULL;
    if (tree < 0)
        note(VOLUME_FOUND_MISSING, app->install_path, &findings);
    else if (!volume_verify(tree, manifest, note, &findings, error)) {
        g_prefix_error(error, "%s: ", app->name);
        return NULL;
    }
    note_configs_elsewhere(engine, manifest, &findings);
    *is_ok = damage(&findings) == 0;
    return describe(app, manifest, &findings);
}

static gboolean is_asked(char **names, const char *app)
{
    return !names || !*names || g_strv_contains((const char *const *)names, app);
}

static gboolean check_known(Engine *engine, char **names, GError **error)
{
    for (char **name = names; name && *name; name++) {
        g_autoptr(StoreApp) app = store_app_get(engine->store, *name, error);
        if (!app)
            return FALSE;
    }
    return TRUE;
}

gboolean engine_verify(Engine *engine, char **names, json_t **report, GError **error)
{
    g_autoptr(GPtrArray) apps = check_known(engine, names, error) ? store_apps(engine->store, error) : NULL;
    g_autoptr(GString) damaged = g_string_new(NULL);
    g_autoptr(json_t) list = json_array();
    for (guint i = 0; apps && i < apps->len; i++) {
        gboolean is_ok = TRUE;
        const StoreApp *app = apps->pdata[i];
        if (!is_asked(names, app->name))
            continue;
        if (engine_is_cancelled(engine))
            return error_set(error, APPCENTER_ERROR_CANCELLED, "cancelled");
        json_t *one = verify_app(engine, app, &is_ok, error);
        if (!one)
            return FALSE;
        json_array_append_new(list, one);
        if (!is_ok)
            g_string_append_printf(damaged, "%s%s", damaged->len ? ", " : "", app->name);
    }
    if (!apps)
        return FALSE;
    *report = json_pack("{s:s, s:O}", "schema", "appctl.verify/1", "apps", list);
    return damaged->len == 0 ||
           error_set(error, APPCENTER_ERROR_IO,
                     "not as installed: %s; appctl verify --repair installs what is recorded anew",
                     damaged->str);
}
