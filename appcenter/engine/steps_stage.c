/* steps_stage.c - SPACE to READY: nothing of the old world is touched. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/walk.h"

#define MAX_LOCAL_FILES      1000000
#define FRESH_TIMESTAMP_S    600
#define STATE_BYTES          (1024 * 1024)
#define STATE_BYTES_PER_FILE 1024

/* --- SPACE --- */

static gint64 download_need(Walk *walk, const WalkApp *app)
{
    g_autofree char *path = engine_download_path(app->release);
    return root_dir_exists(walk->engine->root, path) ? 0 : app->release->size_bytes;
}

static gboolean enough(const char *where, const SystemSpace *have, gint64 need, gint64 files, gint64 reserve,
                       GError **error)
{
    if (have->free_inodes >= 0 && have->free_inodes < files)
        return error_set(error, APPCENTER_ERROR_NO_SPACE,
                         "%s: need %" G_GINT64_FORMAT " files, room for %" G_GINT64_FORMAT, where, files,
                         have->free_inodes);
    if (have->free_bytes >= need + reserve)
        return TRUE;
    g_autofree char *wanted = units_format_size(need), *kept = units_format_size(reserve);
    g_autofree char *found = units_format_size(have->free_bytes);
    return error_set(error, APPCENTER_ERROR_NO_SPACE, "%s: need %s%s%s%s, have %s free", where, wanted,
                     reserve ? " and " : "", reserve ? kept : "", reserve ? " in reserve" : "", found);
}

/* The journal holds the new tree's files, the commit those of both trees. */
static gboolean state_has_room(const Walk *walk, gint64 files, GError **error)
{
    gint64 room = store_room_bytes(walk->engine->store);
    SystemSpace state = {.free_bytes = room, .free_inodes = -1};
    return room < 0 ||
           enough(STORE_STATE_DIR, &state, STATE_BYTES + files * STATE_BYTES_PER_FILE, 0, 0, error);
}

/* The whole group's need, asked for at every app of it: all of them are unpacked before the first is switched. */
gboolean step_space(Walk *walk, WalkApp *app, GError **error)
{
    gint64 download = 0, unpacked = 0, files = 0;
    SystemSpace volume = {0}, cache = {0};
    struct stat on_volume, on_cache;
    const SettingsValues *settings = settings_values(walk->engine->settings);
    (void)app;
    for (guint i = 0; i < walk->apps->len; i++) {
        WalkApp *one = walk->apps->pdata[i];
        if (!one->release || one->kept_id)
            continue;
        download += download_need(walk, one);
        unpacked += one->release->installed_bytes;
        files += one->release->files + 16;
    }
    g_auto(Fd) cache_fd =
        root_dir_openat(walk->engine->root, STORE_CACHE_DIR, O_RDONLY | O_DIRECTORY, 0, error);
    if (cache_fd < 0 || !system_space(cache_fd, &cache, error) ||
        !system_space(volume_fd(walk->engine->volume), &volume, error))
        return FALSE;
    if (fstat(cache_fd, &on_cache) != 0 || fstat(volume_fd(walk->engine->volume), &on_volume) != 0)
        return error_set_errno(error, "cannot look at the volume");
    gboolean is_same = on_cache.st_dev == on_volume.st_dev;
    return enough(settings->volume, &volume, unpacked + (is_same ? download : 0), files,
                  settings->reserve_bytes, error) &&
           (is_same || enough(STORE_CACHE_DIR, &cache, download, 1, 0, error)) &&
           state_has_room(walk, files, error);
}

/* --- FETCH --- */

typedef struct {
    Walk *walk;
    const WalkApp *app;
    const char *step;
} Meter;

static void on_bytes(gint64 done, gint64 total, gpointer user_data)
{
    const Meter *meter = user_data;
    engine_emit(meter->walk->engine, &(EngineEvent){.kind = ENGINE_EVENT_BYTES,
                                                    .txn_id = meter->walk->txn_id,
                                                    .app = meter->app->app,
                                                    .step = meter->step,
                                                    .done_bytes = done,
                                                    .total_bytes = total});
}

static gboolean meter_is_cancelled(gpointer user_data)
{
    const Meter *meter = user_data;
    return engine_is_cancelled(meter->walk->engine);
}

static gboolean check_digest(const Release *release, int fd, GError **error)
{
    g_autofree char *sha256 = digest_hex_of_fd(DIGEST_SHA256, fd, 0, -1, error);
    if (!sha256)
        return FALSE;
    return digest_equal(sha256, release->sha256) ||
           error_set(error, APPCENTER_ERROR_UNTRUSTED, "sha256 %s announced, %s found", release->sha256,
                     sha256);
}

/* A finished download of that digest; a file that is there with other content is dropped. */
static gboolean have_download(Walk *walk, const Release *release, const char *path)
{
    struct stat st;
    g_auto(Fd) fd = root_dir_openat(walk->engine->root, path, O_RDONLY | O_NOFOLLOW, 0, NULL);
    if (fd < 0)
        return FALSE;
    if (fstat(fd, &st) == 0 && st.st_size == release->size_bytes && check_digest(release, fd, NULL))
        return TRUE;
    (void)!root_dir_unlink(walk->engine->root, path, NULL);
    return FALSE;
}

static gboolean rename_download(Walk *walk, const char *part, const char *path, GError **error)
{
    g_autofree char *from = root_dir_host_path(walk->engine->root, part);
    g_autofree char *to = root_dir_host_path(walk->engine->root, path);
    return rename(from, to) == 0 || error_set_errno(error, "cannot finish the download %s", path);
}

static gboolean download(Walk *walk, WalkApp *app, const char *path, GError **error)
{
    const Release *release = app->release;
    Meter meter = {walk, app, "FETCH"};
    g_auto(FetchOutcome) outcome = {0};
    g_autofree char *part = g_strconcat(path, ".part", NULL);
    g_auto(GStrv) urls = engine_repository_urls(walk->engine, release->repository, error);
    g_autoptr(Fetcher) fetcher = urls ? engine_fetcher(walk->engine, error) : NULL;
    g_auto(Fd) fd =
        fetcher ? root_dir_openat(walk->engine->root, part, O_RDWR | O_CREAT | O_NOFOLLOW, 0600, error) : -1;
    if (fd < 0 || !fetch_to_fd(fetcher, (const char *const *)urls, release->path, release->size_bytes, fd,
                               on_bytes, &meter, &outcome, error))
        return FALSE;
    if (!check_digest(release, fd, error)) {
        (void)!root_dir_unlink(walk->engine->root, part, NULL); /* a wrong one is not to be resumed */
        return FALSE;
    }
    return rename_download(walk, part, path, error);
}

gboolean step_fetch(Walk *walk, WalkApp *app, GError **error)
{
    g_autofree char *path = engine_download_path(app->release);
    if (!app->release->repository || have_download(walk, app->release, path))
        return TRUE; /* a spooled local file is where it is */
    return download(walk, app, path, error);
}

gboolean step_drop_download(Walk *walk, WalkApp *app, GError **error)
{
    g_autofree char *path = engine_download_path(app->release);
    g_autofree char *part = g_strconcat(path, ".part", NULL);
    return root_dir_unlink(walk->engine->root, path, error) &&
           root_dir_unlink(walk->engine->root, part, error);
}

/* --- VERIFY --- */

static gboolean check_identity(const Release *release, const Package *package, GError **error)
{
    const QpkgIdentity *id = package->identity;
    if (!g_str_equal(id->name, release->name) || version_compare(id->version, release->version) != 0)
        return error_set(error, APPCENTER_ERROR_UNTRUSTED,
                         "the archive announced is %s %s, the one found %s %s", release->name,
                         release->version, id->name, id->version);
    if (!g_str_equal(package->arch, release->arch))
        return error_set(error, APPCENTER_ERROR_UNTRUSTED,
                         "an archive for %s was announced, this one is for %s", release->arch, package->arch);
    return TRUE;
}

static gboolean check_signature(Walk *walk, WalkApp *app, GError **error)
{
    g_auto(CmsSigner) signer = {0};
    g_autoptr(GPtrArray) anchors = NULL;
    g_autofree char *publisher = NULL;
    const Release *release = app->release;
    app->is_signed = FALSE;
    if (app->trust_sha256 && digest_equal(app->trust_sha256, release->sha256))
        return TRUE; /* the admin vouches for these very bytes */
    if (!engine_publisher_anchors(walk->engine, release, &anchors, &publisher, error) ||
        !qpkg_verify_strong(app->package->fd, app->package->layout, anchors, engine_now(walk->engine),
                            &signer, error))
        return FALSE;
    app->is_signed = g_strcmp0(signer.publisher, publisher) == 0;
    return app->is_signed ||
           error_set(error, APPCENTER_ERROR_UNTRUSTED, "wanted a signature of publisher \"%s\", found \"%s\"",
                     publisher, signer.publisher);
}

gboolean step_verify(Walk *walk, WalkApp *app, GError **error)
{
    g_autofree char *path = engine_download_path(app->release);
    g_auto(Fd) fd = root_dir_openat(walk->engine->root, path, O_RDONLY | O_NOFOLLOW, 0, error);
    if (fd < 0 || !check_digest(app->release, fd, error))
        return FALSE;
    g_clear_pointer(&app->package, package_free);
    app->package = package_open(fd_steal(&fd), error);
    return app->package && check_identity(app->release, app->package, error) &&
           check_signature(walk, app, error);
}

/* --- UNPACK --- */

static char *bytes_to_text(GBytes *bytes)
{
    return bytes ? g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes)) : NULL;
}

static gboolean unpack_archive(Walk *walk, WalkApp *app, GError **error)
{
    const Release *release = app->release;
    Meter meter = {walk, app, "UNPACK"};
    UnpackLimits limits = {.max_bytes = release->installed_bytes,
                           .max_files = release->files ? release->files : MAX_LOCAL_FILES,
                           .links_may_leave = app->is_signed};
    UnpackWatch watch = {on_bytes, meter_is_cancelled, &meter};
    g_autofree char *data_sha256 = NULL, *routines = bytes_to_text(app->package->routines);
    g_autofree char *config = qpkg_config_to_text(app->package->config);
    g_auto(Fd) stage = volume_stage_create(walk->engine->volume, app->stage, error);
    if (stage < 0 || !archive_unpack(app->package, stage, &limits, &watch, &data_sha256, error))
        return FALSE;
    if (release->data_sha256 && !digest_equal(release->data_sha256, data_sha256))
        return error_set(error, APPCENTER_ERROR_UNTRUSTED, "content's sha256 %s announced, %s found",
                         release->data_sha256, data_sha256);
    if (!walk_app_set_new(walk, app, config, routines, error))
        return FALSE;
    g_clear_pointer(&app->new_manifest, manifest_free);
    app->new_manifest = volume_scan(stage, (const char *const *)app->new_identity->config_files, error);
    g_clear_pointer(&app->package, package_free);
    return app->new_manifest != NULL;
}

/* A kept tree comes back as it was recorded. */
static gboolean unpack_kept(Walk *walk, WalkApp *app, GError **error)
{
    g_autoptr(GPtrArray) kept = store_kept_list(walk->engine->store, app->app, NULL, error);
    const StoreKept *found = NULL;
    for (guint i = 0; kept && i < kept->len; i++)
        if (((StoreKept *)kept->pdata[i])->id == app->kept_id)
            found = kept->pdata[i];
    if (!found)
        return kept ? error_set(error, APPCENTER_ERROR_NOT_FOUND, "it is not kept here any more") : FALSE;
    if (!walk_app_set_new(walk, app, found->app->config_text, found->app->routines, error))
        return FALSE;
    gboolean enabled = app->old ? app->old->enabled : found->app->enabled;
    store_app_free(app->new);
    app->new = store_app_copy(found->app);
    app->new->enabled = enabled;
    app->new->has_failed = FALSE;
    g_clear_pointer(&app->new->failed_reason, g_free);
    g_clear_pointer(&app->new_manifest, manifest_free);
    app->new_manifest = store_kept_manifest(walk->engine->store, app->kept_id, error);
    return app->new_manifest && volume_unkeep(walk->engine->volume, app->kept_tree, app->stage, error);
}

gboolean step_unpack(Walk *walk, WalkApp *app, GError **error)
{
    return app->kept_id ? unpack_kept(walk, app, error) : unpack_archive(walk, app, error);
}

/* A first install that was live for a moment has no older tree to which its user's data could return: that stays, in a
 * tree of its own, and only the package's files go. */
static gboolean drop_but_user_data(Walk *walk, const WalkApp *app, GError **error)
{
    gboolean is_empty = TRUE;
    const Volume *volume = walk->engine->volume;
    g_autoptr(GError) absent = NULL;
    g_auto(Fd) stage = volume_stage_open(volume, app->stage, &absent);
    if (stage < 0)
        return volume_stage_drop(volume, app->stage, error);
    if (!volume_prune(stage, app->new_manifest, &is_empty, error))
        return FALSE;
    if (is_empty)
        return volume_stage_drop(volume, app->stage, error);
    g_autofree char *kept = g_strconcat("orphan-", app->stage, NULL);
    log_warning("walk", "%s: what was written while it was live is kept as %s", app->app, kept);
    return volume_keep(volume, app->stage, kept, error);
}

gboolean step_drop_staging(Walk *walk, WalkApp *app, GError **error)
{
    gboolean was_live = app->inodes.staged_ino != 0 && app->new_manifest;
    if (!app->kept_id && was_live && app->inodes.live_ino == 0)
        return drop_but_user_data(walk, app, error);
    if (!app->kept_id)
        return volume_stage_drop(walk->engine->volume, app->stage, error);
    g_autoptr(GError) absent = NULL;
    if (volume_keep(walk->engine->volume, app->stage, app->kept_tree, &absent) ||
        error_kind(absent) == APPCENTER_ERROR_NOT_FOUND)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&absent));
    return FALSE;
}

/* --- READY --- */

static gboolean is_automatic(const Walk *walk)
{
    return g_str_equal(walk->trigger, "emergency") || g_str_equal(walk->trigger, "window") ||
           g_str_equal(walk->trigger, "deadline");
}

/* A brake that was pulled while we downloaded is seen before anything stops. */
static gboolean check_brake(Walk *walk, const WalkApp *app, GError **error)
{
    const Release *release = app->release;
    if (!release || !release->repository || !is_automatic(walk))
        return TRUE;
    if (!engine_refresh_if_older(walk->engine, FRESH_TIMESTAMP_S, error))
        return FALSE;
    g_autoptr(StoreRepo) repo = store_repo_get(walk->engine->store, release->repository, error);
    if (!repo)
        return FALSE;
    g_autoptr(Brake) brake =
        repo->brake_json ? brake_parse(repo->brake_json, strlen(repo->brake_json), error) : NULL;
    if (repo->brake_json && !brake)
        return FALSE;
    const BrakeEntry *entry =
        brake ? brake_find(brake, release->name, release->version, release->arch) : NULL;
    return !entry || error_set(error, APPCENTER_ERROR_REFUSED, "the vendor halted this release");
}

gboolean step_ready(Walk *walk, WalkApp *app, GError **error)
{
    ServiceContext context = app->new ? walk_context(walk, app, TRUE) : walk_context(walk, app, FALSE);
    return service_may_run(&context, error) && volume_app_is_movable(walk->engine->volume, app->app, error) &&
           check_brake(walk, app, error);
}
