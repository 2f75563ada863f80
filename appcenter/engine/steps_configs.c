/* steps_configs.c - config files outside of the app's folder (QPKG_CONFIG="/etc/config/x"), by the three-way rule.
 *
 * What a version ships of them lies in its own tree, below CONFIGS_DIR, and its manifest names them by their absolute
 * path; so every version that is kept can bring its own back, and verify finds what was shipped. SETUP decides from three
 * hashes (shipped before, shipped now, on disk), and the decisions are in the journal before the first file is touched.
 * No content of the user's is ever overwritten or removed, forward or back, but by --purge behind the commit.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/walk.h"

#define CONFIGS_DIR    ".qpkg_config"
#define CONF_ARCHIVE   "conf.tar.gz"
#define NEW_SUFFIX     ".new"
#define FILE_BYTES_MAX (16 * 1024 * 1024)

typedef enum { CONFIG_CREATE, CONFIG_REPLACE, CONFIG_REMOVE, CONFIG_PURGE } ConfigAct;

static const char *const act_names[] = {"create", "replace", "remove", "purge"};

struct WalkConfig {
    ConfigAct act;
    char *path; /* what is written or removed: the config file, or PATH.new beside it */
    char *from; /* the config file whose shipped content counts */
    mode_t mode;
    uid_t uid;
    gid_t gid;
};

void walk_config_free(WalkConfig *config)
{
    g_free(config->path);
    g_free(config->from);
    g_free(config);
}

/* --- UNPACK: what a version ships --- */

static gboolean unpack_configs(int conf_fd, int stage_fd, GError **error)
{
    if (mkdirat(stage_fd, CONFIGS_DIR, 0755) != 0)
        return errno == EEXIST ? error_set(error, APPCENTER_ERROR_CORRUPT,
                                           "%s: the package has something of that name", CONFIGS_DIR)
                               : error_set_errno(error, "make %s", CONFIGS_DIR);
    g_auto(Fd) dir = openat(stage_fd, CONFIGS_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return error_set_errno(error, "open %s", CONFIGS_DIR);
    return archive_unpack_configs(conf_fd, dir, error);
}

gboolean walk_unpack_configs(Walk *walk, const WalkApp *app, int tree_fd, GError **error)
{
    g_auto(Fd) beside = volume_stage_open(walk->engine->volume, app->extract, error);
    if (beside < 0)
        return FALSE;
    g_auto(Fd) conf = openat(beside, CONF_ARCHIVE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    return conf < 0 || unpack_configs(conf, tree_fd, error);
}

gboolean walk_unpack_beside(Walk *walk, WalkApp *app, int stage_fd, GError **error)
{
    g_auto(Fd) beside = volume_stage_create(walk->engine->volume, app->extract, error);
    return beside >= 0 && archive_unpack_beside(app->package, beside, error) &&
           walk_unpack_configs(walk, app, stage_fd, error);
}

/* Never ours: a package's "config file" would be our own state or the view that we write. */
static gboolean is_forbidden(const char *path)
{
    static const char *const places[] = {"/etc/appcenter/",
                                         "/var/lib/appcenter/",
                                         "/var/cache/appcenter/",
                                         "/run/appcenter/",
                                         "/var/run/appcenter/",
                                         "/proc/",
                                         "/sys/",
                                         "/dev/"};
    for (gsize i = 0; i < G_N_ELEMENTS(places); i++)
        if (g_str_has_prefix(path, places[i]))
            return TRUE;
    return g_str_equal(path, "/etc/config/qpkg.conf");
}

static gboolean record_one(Manifest *manifest, const ManifestEntry *shipped, const char *const *named,
                           GError **error)
{
    const char *path = shipped->path + strlen(CONFIGS_DIR);
    if (shipped->type == 'd')
        return TRUE;
    if (shipped->type != 'f' || !g_strv_contains(named, path))
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "%s: wanted files that QPKG_CONFIG names, found \"%.200s\"", CONF_ARCHIVE, path);
    if (is_forbidden(path))
        return error_set(error, APPCENTER_ERROR_CORRUPT, "QPKG_CONFIG: %s is no package's to bring", path);
    ManifestEntry *entry =
        manifest_entry_new(path, 'f', shipped->mode, shipped->size_bytes, shipped->sha256, NULL);
    entry->is_config = TRUE;
    manifest_add(manifest, entry);
    return TRUE;
}

gboolean walk_record_configs(WalkApp *app, GError **error)
{
    g_autoptr(GPtrArray) shipped = g_ptr_array_new();
    for (gsize i = 0; i < manifest_length(app->new_manifest); i++) {
        const ManifestEntry *entry = manifest_get(app->new_manifest, i);
        if (g_str_has_prefix(entry->path, CONFIGS_DIR "/"))
            g_ptr_array_add(shipped, (gpointer)entry);
    }
    for (guint i = 0; i < shipped->len; i++)
        if (!record_one(app->new_manifest, shipped->pdata[i],
                        (const char *const *)app->new_identity->config_files, error))
            return FALSE;
    return TRUE;
}

/* --- what is on disk --- */

typedef struct {
    gboolean is_there;
    char *sha256; /* NULL: it is there and no plain file, or cannot be read */
    struct stat st;
} OnDisk;

static void on_disk_clear(OnDisk *on_disk)
{
    g_free(on_disk->sha256);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(OnDisk, on_disk_clear)

/* A link in a config file's place is the user's. */
static OnDisk look(const Engine *engine, const char *path)
{
    g_autoptr(GError) failure = NULL;
    OnDisk on_disk = {.is_there = TRUE};
    g_auto(Fd) fd =
        root_dir_openat(engine->root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0, &failure);
    if (fd < 0)
        on_disk.is_there = error_kind(failure) != APPCENTER_ERROR_NOT_FOUND;
    else if (fstat(fd, &on_disk.st) == 0 && S_ISREG(on_disk.st.st_mode))
        on_disk.sha256 = digest_hex_of_fd(DIGEST_SHA256, fd, 0, -1, NULL);
    return on_disk;
}

static const char *shipped_sha256(const Manifest *manifest, const char *path)
{
    const ManifestEntry *entry = manifest ? manifest_find(manifest, path) : NULL;
    return entry && entry->is_config ? entry->sha256 : NULL;
}

/* --- deciding --- */

static void decide(WalkApp *app, ConfigAct act, const char *path, const char *from, const struct stat *st,
                   mode_t mode)
{
    WalkConfig *config = g_new0(WalkConfig, 1);
    config->act = act;
    config->path = g_strdup(path);
    config->from = g_strdup(from);
    config->mode = st ? st->st_mode & 07777 : mode;
    config->uid = st ? st->st_uid : geteuid();
    config->gid = st ? st->st_gid : getegid();
    g_ptr_array_add(app->configs, config);
}

/* The new version's content at a path: where nothing is, or what an older version shipped and nobody touched. FALSE: what
 * is there is the user's. */
static gboolean decide_to_write(Walk *walk, WalkApp *app, const char *path, const ManifestEntry *entry,
                                const char *old_sha256)
{
    g_auto(OnDisk) now = look(walk->engine, path);
    if (!now.is_there)
        decide(app, CONFIG_CREATE, path, entry->path, NULL, entry->mode);
    else if (now.sha256 && g_strcmp0(now.sha256, entry->sha256) == 0)
        return TRUE;
    else if (now.sha256 && g_strcmp0(now.sha256, old_sha256) == 0)
        decide(app, CONFIG_REPLACE, path, entry->path, &now.st, 0);
    else
        return FALSE;
    return TRUE;
}

/* base: what the user's version was made from, as far as it matters: a version that comes back brings nothing newer. */
static void decide_shipped(Walk *walk, WalkApp *app, const ManifestEntry *entry, const Manifest *base)
{
    const char *old_sha256 = shipped_sha256(app->old_manifest, entry->path);
    if (decide_to_write(walk, app, entry->path, entry, old_sha256) ||
        g_strcmp0(shipped_sha256(base, entry->path), entry->sha256) == 0)
        return; /* the user's, and nothing newer is shipped */
    g_autofree char *beside = g_strconcat(entry->path, NEW_SUFFIX, NULL);
    g_autofree char *text =
        decide_to_write(walk, app, beside, entry, old_sha256)
            ? g_strdup_printf("%s: yours is kept, the new one is beside it as %s", entry->path, beside)
            : g_strdup_printf("%s: yours is kept; the new one is in the app's folder, in " CONFIGS_DIR,
                              entry->path);
    g_ptr_array_add(app->config_notes, g_steal_pointer(&text));
}

/* What lies there as that version shipped it goes; what was edited stays. */
static void decide_to_remove(Walk *walk, WalkApp *app, const char *path, const ManifestEntry *shipped)
{
    g_auto(OnDisk) now = look(walk->engine, path);
    if (now.sha256 && g_strcmp0(now.sha256, shipped->sha256) == 0)
        decide(app, CONFIG_REMOVE, path, shipped->path, &now.st, 0);
    else if (now.is_there && app->op == CHANGE_REMOVE && app->purge)
        decide(app, CONFIG_PURGE, path, shipped->path, NULL, 0);
}

/* The version that goes shipped it: what nobody touched goes with it, where the next one does not bring its own; what we
 * laid beside goes when nothing newer is to come. */
static void decide_shipped_before(Walk *walk, WalkApp *app, const ManifestEntry *entry, const Manifest *new)
{
    g_autofree char *beside = g_strconcat(entry->path, NEW_SUFFIX, NULL);
    gboolean is_shipped_on = shipped_sha256(new, entry->path) != NULL;
    if (!is_shipped_on)
        decide_to_remove(walk, app, entry->path, entry);
    if (!is_shipped_on || app->kept_id)
        decide_to_remove(walk, app, beside, entry);
}

static gboolean is_outside(const ManifestEntry *entry)
{
    return *entry->path == '/' && entry->is_config;
}

static json_t *configs_to_json(const WalkApp *app)
{
    json_t *rows = json_array();
    for (guint i = 0; i < app->configs->len; i++) {
        const WalkConfig *config = app->configs->pdata[i];
        json_array_append_new(rows, json_pack("[s, s, s, i, I, I]", act_names[config->act], config->path,
                                              config->from, (int)config->mode, (json_int_t)config->uid,
                                              (json_int_t)config->gid));
    }
    return json_pack("{s:o}", "configs", rows);
}

char *walk_decide_configs(Walk *walk, WalkApp *app)
{
    g_ptr_array_set_size(app->configs, 0);
    g_ptr_array_set_size(app->config_notes, 0);
    const Manifest *new = app->op == CHANGE_REMOVE ? NULL : app->new_manifest;
    /* of an app that was removed before, edited files are still there */
    g_autoptr(Manifest) removed =
        app->data_kept_id ? store_kept_manifest(walk->engine->store, app->data_kept_id, NULL) : NULL;
    const Manifest *base = app->kept_id ? new : app->old ? app->old_manifest : removed;
    for (gsize i = 0; new &&i < manifest_length(new); i++)
        if (is_outside(manifest_get(new, i)))
            decide_shipped(walk, app, manifest_get(new, i), base);
    for (gsize i = 0; i < manifest_length(app->old_manifest); i++) {
        const ManifestEntry *entry = manifest_get(app->old_manifest, i);
        if (is_outside(entry))
            decide_shipped_before(walk, app, entry, new);
    }
    g_autoptr(json_t) document = configs_to_json(app);
    return json_to_text(document);
}

void walk_load_configs(WalkApp *app, const json_t *data)
{
    gsize i;
    json_t *row;
    g_ptr_array_set_size(app->configs, 0);
    json_array_foreach(json_object_get(data, "configs"), i, row)
    {
        const char *act = json_string_value(json_array_get(row, 0));
        const char *path = json_string_value(json_array_get(row, 1));
        const char *from = json_string_value(json_array_get(row, 2));
        const struct stat st = {.st_mode = (mode_t)json_integer_value(json_array_get(row, 3)),
                                .st_uid = (uid_t)json_integer_value(json_array_get(row, 4)),
                                .st_gid = (gid_t)json_integer_value(json_array_get(row, 5))};
        for (gsize k = 0; act && path && from && k < G_N_ELEMENTS(act_names); k++)
            if (g_str_equal(act, act_names[k]))
                decide(app, (ConfigAct)k, path, from, &st, 0);
    }
}

/* --- doing --- */

/* The content as the version shipped it, out of its tree; what the app has changed there is not taken. */
static GBytes *read_shipped(int tree_fd, const char *from, const char *sha256, GError **error)
{
    g_autofree char *path = g_strconcat(CONFIGS_DIR, from, NULL);
    g_auto(Fd) fd = openat(tree_fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        error_set_errno(error, "open %s", path);
        return NULL;
    }
    g_autoptr(GBytes) bytes = files_read_fd(fd, FILE_BYTES_MAX, error);
    if (!bytes)
        return NULL;
    g_autofree char *found =
        digest_hex_of(DIGEST_SHA256, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    if (g_strcmp0(found, sha256) == 0)
        return g_steal_pointer(&bytes);
    error_set(error, APPCENTER_ERROR_CORRUPT, "%s: is not what was shipped", path);
    return NULL;
}

static gboolean give_to_owner(const Engine *engine, const WalkConfig *config, GError **error)
{
    if (geteuid() != 0)
        return TRUE;
    g_auto(Fd) fd = root_dir_openat(engine->root, config->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, error);
    if (fd < 0)
        return FALSE;
    return fchown(fd, config->uid, config->gid) == 0 ||
           error_set_errno(error, "give %s to its owner", config->path);
}

static gboolean write_shipped(const Engine *engine, const WalkConfig *config, int tree_fd, const char *sha256,
                              GError **error)
{
    g_autoptr(GBytes) bytes = read_shipped(tree_fd, config->from, sha256, error);
    g_autofree char *folder = g_path_get_dirname(config->path);
    return bytes && root_dir_make_dirs(engine->root, folder, 0755, error) &&
           root_dir_write_atomic(engine->root, config->path, g_bytes_get_data(bytes, NULL),
                                 g_bytes_get_size(bytes), config->mode, error) &&
           give_to_owner(engine, config, error);
}

/* Only if it is still what the decision was made on: the user may have been faster. */
static gboolean apply_one(Walk *walk, const WalkApp *app, const WalkConfig *config, int new_fd,
                          GError **error)
{
    const char *old_sha256 = shipped_sha256(app->old_manifest, config->from);
    g_auto(OnDisk) now = look(walk->engine, config->path);
    gboolean is_old = now.sha256 && g_strcmp0(now.sha256, old_sha256) == 0;
    switch (config->act) {
    case CONFIG_CREATE:
    case CONFIG_REPLACE:
        if (config->act == CONFIG_CREATE ? now.is_there : !is_old)
            return TRUE;
        return write_shipped(walk->engine, config, new_fd, shipped_sha256(app->new_manifest, config->from),
                             error);
    case CONFIG_REMOVE:
        return !is_old || root_dir_unlink(walk->engine->root, config->path, error);
    default:
        return TRUE; /* a purge waits for the commit */
    }
}

static gboolean needs_tree(const WalkApp *app, ConfigAct act)
{
    for (guint i = 0; i < app->configs->len; i++)
        if (((WalkConfig *)app->configs->pdata[i])->act == act)
            return TRUE;
    return FALSE;
}

gboolean walk_apply_configs(Walk *walk, WalkApp *app, GError **error)
{
    gboolean writes = needs_tree(app, CONFIG_CREATE) || needs_tree(app, CONFIG_REPLACE);
    g_auto(Fd) tree = writes ? volume_app_open(walk->engine->volume, app->app, error) : -1;
    if (writes && tree < 0)
        return FALSE;
    for (guint i = 0; i < app->configs->len; i++)
        if (!apply_one(walk, app, app->configs->pdata[i], tree, error)) {
            g_prefix_error(error, "config files: ");
            return FALSE;
        }
    for (guint i = 0; i < app->config_notes->len; i++)
        walk_note(walk, app, app->config_notes->pdata[i]);
    return TRUE;
}

/* --- and back --- */

/* What was edited since stays: then it is the user's. */
static gboolean undo_one(Walk *walk, const WalkApp *app, const WalkConfig *config, int old_fd, GError **error)
{
    const char *new_sha256 = shipped_sha256(app->new_manifest, config->from);
    const char *old_sha256 = shipped_sha256(app->old_manifest, config->from);
    g_auto(OnDisk) now = look(walk->engine, config->path);
    gboolean is_new = now.sha256 && g_strcmp0(now.sha256, new_sha256) == 0;
    switch (config->act) {
    case CONFIG_CREATE:
        return !is_new || root_dir_unlink(walk->engine->root, config->path, error);
    case CONFIG_REPLACE:
        return (now.is_there && !is_new) || write_shipped(walk->engine, config, old_fd, old_sha256, error);
    case CONFIG_REMOVE:
        return now.is_there || write_shipped(walk->engine, config, old_fd, old_sha256, error);
    default:
        return TRUE;
    }
}

gboolean walk_undo_configs(Walk *walk, WalkApp *app, GError **error)
{
    gboolean writes = needs_tree(app, CONFIG_REPLACE) || needs_tree(app, CONFIG_REMOVE);
    g_auto(Fd) tree = writes ? walk_open_tree(walk, app, app->inodes.live_ino, error) : -1;
    if (writes && tree < 0)
        return FALSE;
    for (guint i = 0; i < app->configs->len; i++)
        if (!undo_one(walk, app, app->configs->pdata[i], tree, error)) {
            g_prefix_error(error, "config files: ");
            return FALSE;
        }
    return TRUE;
}

/* Behind the commit: all of the app is to go, its edited config files, too. After a crash the journal knows which. */
gboolean walk_purge_configs(Walk *walk, WalkApp *app, GError **error)
{
    g_autoptr(GPtrArray) rows = store_journal(walk->engine->store, walk->txn_id, error);
    for (guint i = 0; rows && i < rows->len; i++) {
        const StoreJournal *row = rows->pdata[i];
        g_autoptr(json_t) data = row->data ? json_loads(row->data, 0, NULL) : NULL;
        if (data && g_str_equal(row->app, app->app) && g_str_equal(row->step, "SETUP"))
            walk_load_configs(app, data);
    }
    for (guint i = 0; rows && i < app->configs->len; i++) {
        const WalkConfig *config = app->configs->pdata[i];
        if (config->act == CONFIG_PURGE && !root_dir_unlink(walk->engine->root, config->path, error))
            return FALSE;
    }
    return rows != NULL;
}
