/* walk.c - making a Walk from a plan, and making it again from what a crash has left; see walk.h. */
#include "engine/walk.h"

#include <string.h>

#define RECORD_FORMAT 1

void walk_app_free(WalkApp *app)
{
    g_free(app->app);
    g_free(app->from_version);
    g_free(app->to_version);
    release_free(app->release);
    g_free(app->kept_tree);
    g_free(app->data_kept_tree);
    g_free(app->trust_sha256);
    g_free(app->snapshot_tree);
    store_snapshot_free(app->made);
    g_free(app->stage);
    g_free(app->extract);
    store_app_free(app->old);
    store_app_free(app->new);
    manifest_free(app->old_manifest);
    manifest_free(app->new_manifest);
    qpkg_identity_free(app->old_identity);
    qpkg_identity_free(app->new_identity);
    package_free(app->package);
    g_hash_table_unref(app->beside);
    g_clear_pointer(&app->places, g_hash_table_unref);
    g_string_free(app->hook_state, TRUE);
    g_ptr_array_unref(app->because);
    g_ptr_array_unref(app->configs);
    g_ptr_array_unref(app->config_notes);
    g_free(app);
}

void walk_free(Walk *walk)
{
    if (!walk)
        return;
    g_ptr_array_unref(walk->apps);
    g_free(walk->trigger);
    g_free(walk);
}

QpkgIdentity *engine_identity(const StoreApp *app, GError **error)
{
    const char *text = app->config_text ? app->config_text : "";
    g_autoptr(QpkgConfig) config = qpkg_config_parse(text, strlen(text), error);
    QpkgIdentity *identity = config ? qpkg_identity_from_config(config, error) : NULL;
    if (!identity)
        g_prefix_error(error, "%s: recorded qpkg.cfg: ", app->name);
    return identity;
}

/* What is installed now is the old world of a change. */
static gboolean load_old(Engine *engine, WalkApp *app, GError **error)
{
    if (app->op == CHANGE_RESTART)
        return walk_load_restart(engine, app, error);
    if (!app->from_version) {
        app->old_manifest = manifest_new();
        return TRUE;
    }
    app->old = store_app_get(engine->store, app->app, error);
    app->old_manifest = app->old ? store_app_manifest(engine->store, app->app, error) : NULL;
    app->old_identity = app->old_manifest ? engine_identity(app->old, error) : NULL;
    return app->old_identity != NULL;
}

/* --- from a plan --- */

/* version: that one, whole; NULL: the newest, for the user's data in it. */
static const StoreKept *newest_kept(Engine *engine, GPtrArray *kept, const char *version)
{
    for (guint i = 0; i < kept->len; i++) {
        const StoreKept *one = kept->pdata[i];
        if (!version ||
            (version_compare(one->app->version, version) == 0 && engine_kept_is_whole(engine, one)))
            return one;
    }
    return NULL;
}

static gboolean find_kept(Engine *engine, WalkApp *app, const PlanChange *change, GError **error)
{
    const char *kind = app->op == CHANGE_INSTALL ? "removed" : "previous";
    g_autoptr(GPtrArray) kept = store_kept_list(engine->store, app->app, kind, error);
    if (!kept)
        return FALSE;
    const StoreKept *found = newest_kept(engine, kept, change->use_previous ? change->to_version : NULL);
    if (change->use_previous && !found)
        return error_set(error, APPCENTER_ERROR_NOT_FOUND, "%s %s is not kept here any more", app->app,
                         change->to_version);
    if (change->use_previous) {
        app->kept_id = found->id;
        app->kept_tree = g_strdup(found->tree);
        app->kept_txn_id = found->txn_id;
    } else if (found && app->op == CHANGE_INSTALL) {
        app->data_kept_id = found->id;
        app->data_kept_tree = g_strdup(found->tree);
    }
    return TRUE;
}

static gboolean find_snapshot(Engine *engine, WalkApp *app, const PlanChange *change, GError **error)
{
    if (app->op != CHANGE_RESTORE)
        return TRUE;
    g_autoptr(StoreSnapshot) snapshot = store_snapshot_get(engine->store, change->snapshot_id, error);
    if (!snapshot)
        return FALSE;
    app->snapshot_id = snapshot->id;
    app->snapshot_tree = g_strdup(snapshot->tree);
    return TRUE;
}

static GHashTable *new_places(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

WalkApp *walk_app_new(void)
{
    WalkApp *app = g_new0(WalkApp, 1);
    app->beside = new_places();
    app->hook_state = g_string_new(NULL);
    app->because = g_ptr_array_new_with_free_func(g_free);
    app->configs = g_ptr_array_new_with_free_func((GDestroyNotify)walk_config_free);
    app->config_notes = g_ptr_array_new_with_free_func(g_free);
    return app;
}

static WalkApp *new_app(Engine *engine, const PlanChange *change, const Request *request, GError **error)
{
    WalkApp *app = walk_app_new();
    app->op = change->op;
    app->app = g_strdup(change->app);
    app->from_version = g_strdup(change->from_version);
    app->to_version = g_strdup(change->to_version);
    app->release = change->release ? release_copy(change->release) : NULL;
    app->purge = change->purge || request->purge;
    app->is_dependency = change->is_dependency;
    /* The digest vouches for the one file of the request, not for what comes along from a repository. */
    if (app->release && !app->release->repository)
        app->trust_sha256 = g_strdup(request->trust_sha256);
    if (find_kept(engine, app, change, error) && find_snapshot(engine, app, change, error) &&
        load_old(engine, app, error))
        return app;
    walk_app_free(app);
    return NULL;
}

Walk *walk_new(Engine *engine, const PlanSet *set, const Request *request, GError **error)
{
    g_autoptr(Walk) walk = g_new0(Walk, 1);
    walk->engine = engine;
    walk->trigger = g_strdup(request->trigger ? request->trigger : "admin");
    walk->download_only = request->download_only;
    walk->is_way_back = request->kind == REQUEST_ROLLBACK || request->kind == REQUEST_UNDO;
    walk->apps = g_ptr_array_new_with_free_func((GDestroyNotify)walk_app_free);
    for (guint i = 0; i < set->changes->len; i++) {
        WalkApp *app = new_app(engine, set->changes->pdata[i], request, error);
        if (!app)
            return NULL;
        g_ptr_array_add(walk->apps, app);
    }
    return walk_add_restarts(walk, set, error) ? g_steal_pointer(&walk) : NULL;
}

/* --- plan_json --- */

static json_t *optional(const char *text)
{
    return text ? json_string(text) : json_null();
}

static json_t *app_to_json(const WalkApp *app)
{
    json_t *release = app->release ? release_to_json(app->release) : json_null();
    if (app->release)
        json_object_set_new(release, "repository", optional(app->release->repository));
    if (app->release)
        json_object_set_new(release, "publisher", optional(app->release->publisher));
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:I, s:o, s:I, s:I, s:o, s:b, s:b, s:o, s:I, s:o}", "op",
                     change_op_name(app->op), "app", app->app, "from", optional(app->from_version), "to",
                     optional(app->to_version), "release", release, "kept_id", (json_int_t)app->kept_id,
                     "kept_tree", optional(app->kept_tree), "kept_txn_id", (json_int_t)app->kept_txn_id,
                     "data_kept_id", (json_int_t)app->data_kept_id, "data_kept_tree",
                     optional(app->data_kept_tree), "purge", app->purge, "is_dependency", app->is_dependency,
                     "trust_sha256", optional(app->trust_sha256), "snapshot_id", (json_int_t)app->snapshot_id,
                     "snapshot_tree", optional(app->snapshot_tree));
}

static char *walk_to_text(const Walk *walk)
{
    g_autoptr(json_t) apps = json_array();
    for (guint i = 0; i < walk->apps->len; i++)
        json_array_append_new(apps, app_to_json(walk->apps->pdata[i]));
    g_autoptr(json_t) document =
        json_pack("{s:i, s:b, s:O}", "format", 1, "download_only", walk->download_only, "apps", apps);
    return json_to_text(document);
}

static StoreChange *new_change(const PlanChange *change)
{
    StoreChange *row = g_new0(StoreChange, 1);
    row->op = g_strdup(change_op_name(change->op));
    row->app = g_strdup(change->app);
    row->from_version = g_strdup(change->from_version);
    row->to_version = g_strdup(change->to_version);
    row->reason = g_strdup(change->reason);
    return row;
}

static void store_change_free(StoreChange *change)
{
    g_free(change->op);
    g_free(change->app);
    g_free(change->from_version);
    g_free(change->to_version);
    g_free(change->reason);
    g_free(change);
}

/* No app has a "~" in its name. */
static void name_stages(const Walk *walk, WalkApp *app)
{
    app->stage = volume_stage_name(walk->txn_id, app->app);
    app->extract = g_strconcat(app->stage, "~beside", NULL);
}

gboolean walk_begin(Walk *walk, const PlanSet *set, GError **error)
{
    g_autofree char *plan = walk_to_text(walk);
    g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func((GDestroyNotify)store_change_free);
    for (guint i = 0; i < set->changes->len; i++)
        g_ptr_array_add(changes, new_change(set->changes->pdata[i]));
    StoreTxn txn = {.job_id = walk->engine->options.job_id,
                    .trigger = walk->trigger,
                    .started_at = engine_now(walk->engine),
                    .plan_json = plan,
                    .changes = changes};
    if (!store_txn_start(walk->engine->store, &txn, error))
        return FALSE;
    walk->txn_id = txn.id;
    for (guint i = 0; i < walk->apps->len; i++) {
        WalkApp *app = walk->apps->pdata[i];
        name_stages(walk, app);
    }
    return TRUE;
}

/* --- after a crash --- */

static gboolean read_release(WalkApp *app, JsonReader *reader, GError **error)
{
    if (!json_reader_enter_optional(reader, "release"))
        return TRUE;
    json_t *object = json_reader_value(reader);
    app->release = release_from_json(object, "plan_json", error);
    if (app->release) {
        g_free(app->release->repository);
        g_free(app->release->publisher);
        app->release->repository = g_strdup(json_reader_string_or(reader, "repository", 100, NULL));
        app->release->publisher = g_strdup(json_reader_string_or(reader, "publisher", 100, NULL));
    }
    json_reader_leave(reader);
    return app->release != NULL;
}

static WalkApp *read_app(JsonReader *reader, GError **error)
{
    WalkApp *app = walk_app_new();
    const char *op = json_reader_string(reader, "op", 20);
    if (op && !change_op_from_name(op, &app->op))
        json_reader_fail(reader, "op", "unknown kind of change \"%s\"", op);
    app->app = g_strdup(json_reader_string(reader, "app", 40));
    app->from_version = g_strdup(json_reader_string_or(reader, "from", 64, NULL));
    app->to_version = g_strdup(json_reader_string_or(reader, "to", 64, NULL));
    app->kept_id = json_reader_integer(reader, "kept_id", 0, G_MAXINT64);
    app->kept_tree = g_strdup(json_reader_string_or(reader, "kept_tree", 255, NULL));
    app->kept_txn_id = json_reader_integer_or(reader, "kept_txn_id", 0, G_MAXINT64, 0);
    app->data_kept_id = json_reader_integer(reader, "data_kept_id", 0, G_MAXINT64);
    app->data_kept_tree = g_strdup(json_reader_string_or(reader, "data_kept_tree", 255, NULL));
    app->purge = json_reader_boolean(reader, "purge");
    app->is_dependency = json_reader_boolean(reader, "is_dependency");
    app->trust_sha256 = g_strdup(json_reader_string_or(reader, "trust_sha256", 64, NULL));
    app->snapshot_id = json_reader_integer_or(reader, "snapshot_id", 0, G_MAXINT64, 0);
    app->snapshot_tree = g_strdup(json_reader_string_or(reader, "snapshot_tree", 255, NULL));
    if (json_reader_finish(reader, error) && read_release(app, reader, error))
        return app;
    walk_app_free(app);
    return NULL;
}

/* After the commit the old world is the kept row of this transaction. */
static gboolean load_committed(Engine *engine, WalkApp *app, gint64 txn_id, GError **error)
{
    if (app->op == CHANGE_RESTART)
        return TRUE; /* it has no row behind the commit */
    g_autoptr(GPtrArray) kept = store_kept_list(engine->store, app->app, NULL, error);
    for (guint i = 0; kept && i < kept->len; i++) {
        const StoreKept *one = kept->pdata[i];
        if (one->txn_id != txn_id)
            continue;
        app->old = store_app_copy(one->app);
        app->old_manifest = store_kept_manifest(engine->store, one->id, error);
        break;
    }
    if (!kept || (app->old && !app->old_manifest))
        return FALSE;
    if (app->op == CHANGE_REMOVE)
        return TRUE;
    app->new = store_app_get(engine->store, app->app, error);
    app->new_manifest = app->new ? store_app_manifest(engine->store, app->app, error) : NULL;
    return app->new_manifest != NULL;
}

static gboolean load_apps(Walk *walk, JsonReader *reader, gboolean is_committed, GError **error)
{
    if (!json_reader_enter(reader, "apps"))
        return json_reader_finish(reader, error);
    gsize n = json_reader_length(reader, 10000);
    for (gsize i = 0; i < n && json_reader_enter_index(reader, i); i++) {
        WalkApp *app = read_app(reader, error);
        if (!app)
            return FALSE;
        g_ptr_array_add(walk->apps, app);
        name_stages(walk, app);
        if (!(is_committed ? load_committed(walk->engine, app, walk->txn_id, error)
                           : load_old(walk->engine, app, error)))
            return FALSE;
        json_reader_leave(reader);
    }
    return json_reader_finish(reader, error);
}

Walk *walk_load(Engine *engine, const StoreTxn *txn, gboolean is_committed, GError **error)
{
    g_autoptr(json_t) document = json_parse_strict(txn->plan_json, strlen(txn->plan_json), 32, TRUE, error);
    if (!document)
        return NULL;
    g_autoptr(JsonReader) reader = json_reader_new(document, "plan_json");
    g_autoptr(Walk) walk = g_new0(Walk, 1);
    walk->engine = engine;
    walk->txn_id = txn->id;
    walk->trigger = g_strdup(txn->trigger);
    walk->apps = g_ptr_array_new_with_free_func((GDestroyNotify)walk_app_free);
    walk->download_only = json_reader_boolean_or(reader, "download_only", FALSE);
    return load_apps(walk, reader, is_committed, error) ? g_steal_pointer(&walk) : NULL;
}

/* --- the new version, and what the journal holds of it --- */

gboolean walk_app_set_new(Walk *walk, WalkApp *app, const char *config_text, const char *routines,
                          GError **error)
{
    g_autoptr(QpkgConfig) config = qpkg_config_parse(config_text, strlen(config_text), error);
    g_clear_pointer(&app->new_identity, qpkg_identity_free);
    app->new_identity = config ? qpkg_identity_from_config(config, error) : NULL;
    if (!app->new_identity)
        return FALSE;
    const QpkgIdentity *id = app->new_identity;
    const Release *release = app->release;
    StoreApp *new = g_new0(StoreApp, 1);
    new->name = g_strdup(app->app);
    new->version = g_strdup(id->version);
    new->arch = g_strdup(release ? release->arch : app->old ? app->old->arch : "all");
    new->publisher = g_strdup(release ? release->publisher : app->old ? app->old->publisher : NULL);
    new->repository = g_strdup(release ? release->repository : app->old ? app->old->repository : NULL);
    new->display_name = g_strdup(id->display_name);
    new->requires = g_strdupv(id->requires);
    new->conflicts = g_strdupv(id->conflicts);
    new->enabled = app->old ? app->old->enabled : TRUE;
    new->as_dependency = app->old ? app->old->as_dependency : app->is_dependency;
    new->install_path = volume_app_path(walk->engine->volume, app->app);
    new->archive_sha256 = g_strdup(release ? release->sha256 : NULL);
    new->config_text = g_strdup(config_text);
    new->routines = g_strdup(routines);
    new->pid_file = g_strdup(id->pid_file);
    new->service_program = g_strdup(id->service_program);
    new->service_port = id->service_port;
    new->rc_num = id->rc_num;
    new->installed_at = engine_now(walk->engine);
    store_app_free(app->new);
    app->new = new;
    return TRUE;
}

static json_t *entry_to_json(const ManifestEntry *entry)
{
    char type[] = {entry->type, '\0'};
    return json_pack("[s, s, i, I, o, o, b]", entry->path, type, (int)entry->mode,
                     (json_int_t)entry->size_bytes, optional(entry->sha256), optional(entry->target),
                     entry->is_config);
}

static json_t *tree_to_json(const WalkApp *app)
{
    g_autoptr(json_t) files = json_array();
    for (gsize i = 0; i < manifest_length(app->new_manifest); i++)
        json_array_append_new(files, entry_to_json(manifest_get(app->new_manifest, i)));
    const char *routines = app->new->routines; /* a script may have any bytes, JSON may not */
    g_autofree char *encoded = routines ? g_base64_encode((const guint8 *)routines, strlen(routines)) : NULL;
    return json_pack("{s:s, s:o, s:O}", "config", app->new->config_text, "routines_base64", optional(encoded),
                     "files", files);
}

char *walk_app_tree_to_text(const WalkApp *app)
{
    g_autoptr(json_t) document = tree_to_json(app);
    return json_to_text(document);
}

char *walk_app_record_to_text(const WalkApp *app)
{
    g_autoptr(json_t) document =
        json_pack("{s:i, s:o, s:b, s:o}", "format", RECORD_FORMAT, "app", app_to_json(app), "as_dependency",
                  app->new->as_dependency, "tree", tree_to_json(app));
    return json_to_text(document);
}

/* Pairs of file names, which may have any bytes as well. */
char *walk_app_beside_to_text(const WalkApp *app)
{
    gpointer beside, path;
    GHashTableIter iter;
    g_autoptr(json_t) pairs = json_array();
    g_hash_table_iter_init(&iter, app->beside);
    while (g_hash_table_iter_next(&iter, &beside, &path)) {
        g_autofree char *encoded_beside = g_base64_encode(beside, strlen(beside));
        g_autofree char *encoded_path = g_base64_encode(path, strlen(path));
        json_array_append_new(pairs, json_pack("[s, s]", encoded_beside, encoded_path));
    }
    g_autoptr(json_t) document = json_pack("{s:O}", "beside_base64", pairs);
    return json_to_text(document);
}

static char *decode(const json_t *value)
{
    gsize len = 0;
    const char *encoded = json_string_value(value);
    g_autofree guchar *bytes = encoded ? g_base64_decode(encoded, &len) : NULL;
    return bytes ? g_strndup((const char *)bytes, len) : NULL;
}

static void load_beside(GHashTable *places, const json_t *data)
{
    gsize i;
    json_t *pair;
    json_array_foreach(json_object_get(data, "beside_base64"), i, pair)
    {
        char *beside = decode(json_array_get(pair, 0)), *path = decode(json_array_get(pair, 1));
        if (beside && path) {
            g_hash_table_insert(places, beside, path);
            continue;
        }
        g_free(beside);
        g_free(path);
    }
}

gboolean walk_app_load_places(Walk *walk, WalkApp *app, GError **error)
{
    if (app->places)
        return TRUE;
    g_autoptr(GHashTable) places = new_places();
    g_autoptr(GPtrArray) journal =
        app->kept_txn_id ? store_journal(walk->engine->store, app->kept_txn_id, error) : NULL;
    if (app->kept_txn_id && !journal)
        return FALSE;
    for (guint i = 0; journal && i < journal->len; i++) {
        const StoreJournal *row = journal->pdata[i];
        g_autoptr(json_t) data = row->data ? json_loads(row->data, 0, NULL) : NULL;
        if (data && g_str_equal(row->app, app->app) && g_str_equal(row->step, "DATA"))
            load_beside(places, data);
    }
    app->places = g_steal_pointer(&places);
    return TRUE;
}

static void entry_from_json(Manifest *manifest, const json_t *row)
{
    const char *path = json_string_value(json_array_get(row, 0)),
               *type = json_string_value(json_array_get(row, 1));
    if (!path || !type)
        return;
    ManifestEntry *entry = manifest_entry_new(path, *type, (guint)json_integer_value(json_array_get(row, 2)),
                                              json_integer_value(json_array_get(row, 3)),
                                              json_string_value(json_array_get(row, 4)),
                                              json_string_value(json_array_get(row, 5)));
    entry->is_config = json_is_true(json_array_get(row, 6));
    manifest_add(manifest, entry);
}

static gboolean load_tree(Walk *walk, WalkApp *app, const json_t *data, GError **error)
{
    gsize i;
    json_t *row;
    const char *config_text = json_string_value(json_object_get(data, "config"));
    g_autofree char *routines = decode(json_object_get(data, "routines_base64"));
    if (!config_text)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "a row of READY lacks \"config\"");
    manifest_free(app->new_manifest);
    app->new_manifest = manifest_new();
    json_array_foreach(json_object_get(data, "files"), i, row) entry_from_json(app->new_manifest, row);
    return walk_app_set_new(walk, app, config_text, routines, error);
}

/* Every STOP row has the running set of the whole group. */
static gboolean is_in_running_set(const json_t *data, const char *app)
{
    gsize i;
    json_t *name;
    gboolean is_in = FALSE;
    json_array_foreach(json_object_get(data, "running"), i, name)
    {
        is_in |= g_strcmp0(json_string_value(name), app) == 0;
    }
    return is_in;
}

gboolean walk_app_load_journal(Walk *walk, WalkApp *app, GPtrArray *journal, GError **error)
{
    for (guint i = 0; i < journal->len; i++) {
        const StoreJournal *row = journal->pdata[i];
        g_autoptr(json_t) data = row->data ? json_loads(row->data, 0, NULL) : NULL;
        if (data && g_str_equal(row->step, "STOP"))
            app->was_running = is_in_running_set(data, app->app);
        if (!data || !g_str_equal(row->app, app->app))
            continue;
        if (g_str_equal(row->step, "SWAP")) {
            app->inodes.live_ino = (guint64)json_integer_value(json_object_get(data, "live"));
            app->inodes.staged_ino = (guint64)json_integer_value(json_object_get(data, "staged"));
        } else if (g_str_equal(row->step, "DATA")) {
            load_beside(app->beside, data);
        } else if (g_str_equal(row->step, "SETUP")) {
            walk_load_configs(app, data);
        } else if (g_str_equal(row->step, "READY") && !load_tree(walk, app, data, error)) {
            g_prefix_error(error, "%s: journal: ", app->app);
            return FALSE;
        }
    }
    return TRUE;
}

/* --- records of trees --- */

static WalkApp *parse_record(const json_t *document, GError **error)
{
    g_autoptr(JsonReader) reader = json_reader_new((json_t *)document, "record");
    gboolean has_app = json_reader_integer(reader, "format", RECORD_FORMAT, RECORD_FORMAT) == RECORD_FORMAT &&
                       json_reader_enter(reader, "app");
    if (!json_reader_finish(reader, error) || !has_app)
        return NULL;
    return read_app(reader, error);
}

gboolean walk_read_record(Engine *engine, const char *name, GBytes *text, StoreApp **app, Manifest **manifest,
                          GError **error)
{
    Walk walk = {.engine = engine};
    g_autoptr(json_t) document =
        json_parse_strict(g_bytes_get_data(text, NULL), g_bytes_get_size(text), 32, TRUE, error);
    WalkApp *read = document ? parse_record(document, error) : NULL;
    if (!read)
        return FALSE;
    gboolean ok = g_str_equal(read->app, name) ||
                  error_set(error, APPCENTER_ERROR_CORRUPT, "wanted the record of %s, found that of %s", name,
                            read->app);
    ok = ok && load_tree(&walk, read, json_object_get(document, "tree"), error);
    if (ok) {
        *app = g_steal_pointer(&read->new);
        (*app)->as_dependency = json_is_true(json_object_get(document, "as_dependency"));
        *manifest = g_steal_pointer(&read->new_manifest);
    }
    walk_app_free(read);
    return ok;
}
