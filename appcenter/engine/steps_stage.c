/* steps_stage.c - SPACE to READY: nothing of the old world is touched. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/walk.h"

#define MAX_LOCAL_FILES      1000000
#define PART_SUFFIX          ".part"
#define TAG_SUFFIX           ".part.tag"
#define TAG_BYTES_MAX        1024
#define STATE_BYTES          (1024 * 1024)
#define STATE_BYTES_PER_FILE 1024

/* --- SPACE --- */

/* What is there of it already takes no more room. */
static gint64 download_need(Walk *walk, const WalkApp *app)
{
    struct stat st;
    g_autofree char *path = engine_download_path(app->release);
    g_autofree char *part = g_strconcat(path, PART_SUFFIX, NULL);
    if (root_dir_exists(walk->engine->root, path))
        return 0;
    g_auto(Fd) fd = root_dir_openat(walk->engine->root, part, O_RDONLY | O_NOFOLLOW, 0, NULL);
    gint64 there = fd >= 0 && fstat(fd, &st) == 0 ? st.st_size : 0;
    return MAX(app->release->size_bytes - there, 0);
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
        if (one->op == CHANGE_RESTORE && !walk_restore_need(walk, one, &unpacked, &files, error))
            return FALSE;
        if (!one->release || one->kept_id)
            continue;
        download += download_need(walk, one);
        unpacked += one->release->installed_bytes;
        files += one->release->files + 16;
    }
    if (!walk_snapshot_need(walk, &unpacked, &files, error))
        return FALSE;
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

/* Takes away the part of a download and its tag; idempotent. */
static gboolean drop_part(Walk *walk, const char *path, GError **error)
{
    g_autofree char *part = g_strconcat(path, PART_SUFFIX, NULL);
    g_autofree char *tag = g_strconcat(path, TAG_SUFFIX, NULL);
    return root_dir_unlink(walk->engine->root, part, error) &&
           root_dir_unlink(walk->engine->root, tag, error);
}

static char *read_tag(Walk *walk, const char *path)
{
    g_autofree char *tag = g_strconcat(path, TAG_SUFFIX, NULL);
    g_autoptr(GBytes) bytes = root_dir_read(walk->engine->root, tag, TAG_BYTES_MAX, NULL);
    return bytes ? g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes)) : NULL;
}

/* Without its tag a part is resumed all the same: the digest has the last word. */
static void keep_part(Walk *walk, const char *path, const FetchOutcome *outcome)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *tag = g_strconcat(path, TAG_SUFFIX, NULL);
    walk->may_resume = TRUE;
    if (!(outcome->resume_tag ? root_dir_write_atomic(walk->engine->root, tag, outcome->resume_tag,
                                                      strlen(outcome->resume_tag), 0600, &error)
                              : root_dir_unlink(walk->engine->root, tag, &error)))
        log_warning("walk", "%s", error->message);
}

static void note_retry_after(Walk *walk, const char *repository, gint64 retry_after_s)
{
    g_autoptr(GError) error = NULL;
    if (retry_after_s <= 0)
        return;
    g_autoptr(StoreRepo) repo = store_repo_get(walk->engine->store, repository, &error);
    if (repo)
        repo->retry_after_at = engine_now(walk->engine) + retry_after_s;
    if (!repo || !store_repo_put(walk->engine->store, repo, &error))
        log_warning("walk", "%s: %s", repository, error->message);
}

/* The bytes into fd, whatever they are worth. */
static gboolean transfer(Walk *walk, WalkApp *app, const char *path, const char *const *urls, int fd,
                         FetchOutcome *outcome, GError **error)
{
    const Release *release = app->release;
    Meter meter = {walk, app, "FETCH"};
    g_autoptr(GError) failure = NULL;
    g_autofree char *tag = read_tag(walk, path);
    g_autoptr(Fetcher) fetcher = engine_fetcher(walk->engine, error);
    if (!fetcher)
        return FALSE;
    if (fetch_to_fd(fetcher, urls, release->path, release->size_bytes, fd, tag, on_bytes, &meter, outcome,
                    &failure))
        return TRUE;
    gint64 there = lseek(fd, 0, SEEK_END);
    note_retry_after(walk, release->repository, outcome->retry_after_s);
    /* cut short, or another archive, whole, that is smaller: the last is no matter of the network */
    if (error_kind(failure) == APPCENTER_ERROR_NETWORK && there < release->size_bytes && qpkg_ends_whole(fd))
        return error_set(error, APPCENTER_ERROR_UNTRUSTED,
                         "an archive of %" G_GINT64_FORMAT " bytes was announced, one of %" G_GINT64_FORMAT
                         " found",
                         release->size_bytes, there);
    if (error_kind(failure) == APPCENTER_ERROR_NETWORK)
        keep_part(walk, path, outcome);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

/* The archive from these places, if it is the right one; a wrong one is dropped. */
static gboolean fetch_from(Walk *walk, WalkApp *app, const char *path, const char *const *urls,
                           gboolean *is_pieced, GError **error)
{
    g_auto(FetchOutcome) outcome = {0};
    g_autofree char *part = g_strconcat(path, PART_SUFFIX, NULL);
    g_auto(Fd) fd = root_dir_openat(walk->engine->root, part, O_RDWR | O_CREAT | O_NOFOLLOW, 0600, error);
    if (fd < 0 || !transfer(walk, app, path, urls, fd, &outcome, error))
        return FALSE;
    *is_pieced = outcome.is_pieced;
    if (check_digest(app->release, fd, error))
        return rename_download(walk, part, path, error) && drop_part(walk, path, error);
    (void)!drop_part(walk, path, NULL);
    return FALSE;
}

/* What came is wrong. Pieces that do not fit together are no proof against anybody, and one mirror's lie is none against
 * the others: each is asked for all of it. TRUE: one had it; else *failure stays what it was, unless nobody is to be asked
 * any more. */
static gboolean fetch_from_each(Walk *walk, WalkApp *app, const char *path, char **urls, GError **failure)
{
    for (guint i = 0; urls[i]; i++) {
        const char *const one[] = {urls[i], NULL};
        gboolean is_pieced = FALSE;
        g_autoptr(GError) again = NULL;
        if (drop_part(walk, path, &again) && fetch_from(walk, app, path, one, &is_pieced, &again))
            return TRUE;
        if (error_kind(again) != APPCENTER_ERROR_UNTRUSTED && error_kind(again) != APPCENTER_ERROR_NETWORK) {
            g_clear_error(failure);
            *failure = g_steal_pointer(&again);
            break;
        }
    }
    walk->may_resume = FALSE;
    return FALSE;
}

static gboolean download(Walk *walk, WalkApp *app, const char *path, GError **error)
{
    gboolean is_pieced = FALSE;
    g_autoptr(GError) failure = NULL;
    g_auto(GStrv) urls = engine_repository_urls(walk->engine, app->release->repository, error);
    if (!urls)
        return FALSE;
    if (fetch_from(walk, app, path, (const char *const *)urls, &is_pieced, &failure))
        return TRUE;
    gboolean may_be_right_elsewhere =
        error_kind(failure) == APPCENTER_ERROR_UNTRUSTED && (is_pieced || g_strv_length(urls) > 1);
    if (may_be_right_elsewhere && fetch_from_each(walk, app, path, urls, &failure))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

gboolean step_fetch(Walk *walk, WalkApp *app, GError **error)
{
    g_autofree char *path = engine_download_path(app->release);
    if (!app->release->repository || have_download(walk, app->release, path))
        return TRUE; /* a spooled local file is where it is */
    return download(walk, app, path, error);
}

/* What the network left us with is kept for the next try; it ends with its time (engine.c). */
gboolean step_drop_download(Walk *walk, WalkApp *app, GError **error)
{
    g_autofree char *path = engine_download_path(app->release);
    return walk->may_resume ||
           (root_dir_unlink(walk->engine->root, path, error) && drop_part(walk, path, error));
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

/* Whatever vouches for it: a file of the admin's own is looked up, too. */
static gboolean check_not_malicious(const Walk *walk, const Release *release, GError **error)
{
    g_autoptr(GPtrArray) repos = store_repos(walk->engine->store, error);
    for (guint i = 0; repos && i < repos->len; i++) {
        const StoreRepo *repo = repos->pdata[i];
        const char *text = repo->advisories ? repo->advisories : "";
        g_autoptr(GPtrArray) advisories = *text ? advisories_parse(text, strlen(text), NULL) : NULL;
        for (guint j = 0; advisories && j < advisories->len; j++)
            if (advisory_names_archive(advisories->pdata[j], release->name, release->sha256))
                return error_set(error, APPCENTER_ERROR_UNTRUSTED, "%s of %s calls this archive malicious",
                                 ((const Advisory *)advisories->pdata[j])->id, repo->name);
    }
    return repos != NULL;
}

gboolean step_verify(Walk *walk, WalkApp *app, GError **error)
{
    g_autofree char *path = engine_download_path(app->release);
    g_auto(Fd) fd = root_dir_openat(walk->engine->root, path, O_RDONLY | O_NOFOLLOW, 0, error);
    if (fd < 0 || !check_digest(app->release, fd, error))
        return FALSE;
    g_clear_pointer(&app->package, package_free);
    app->package = package_open(fd_steal(&fd), app->release->arch, error);
    return app->package && check_identity(app->release, app->package, error) &&
           check_not_malicious(walk, app->release, error) && check_signature(walk, app, error);
}

/* --- UNPACK --- */

static char *bytes_to_text(GBytes *bytes)
{
    return bytes ? g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes)) : NULL;
}

/* QTS does so, too: scripts call themselves ("$0 stop"), and others call them by their link in init.d. */
static gboolean make_executable(const QpkgIdentity *identity, int stage_fd, GError **error)
{
    struct stat st;
    if (!identity->service_program ||
        fstatat(stage_fd, identity->service_program, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
        return TRUE; /* START will say that it is not there */
    return fchmodat(stage_fd, identity->service_program, (st.st_mode & 07777) | 0111, 0) == 0 ||
           error_set_errno(error, "make %s executable", identity->service_program);
}

static gboolean unpack_data(Walk *walk, const WalkApp *app, const Package *package, int dir_fd,
                            GError **error)
{
    const Release *release = app->release;
    Meter meter = {walk, app, "UNPACK"};
    UnpackLimits limits = {.max_bytes = release->installed_bytes,
                           .max_files = release->files ? release->files : MAX_LOCAL_FILES,
                           .links_may_leave = app->is_signed};
    UnpackWatch watch = {on_bytes, meter_is_cancelled, &meter};
    /* not release->data_sha256 again: VERIFY has bound the compressed bytes, and so what comes out of them */
    return archive_unpack(package, dir_fd, &limits, &watch, NULL, error);
}

gboolean walk_unpack_data(Walk *walk, WalkApp *app, int dir_fd, GError **error)
{
    g_autofree char *path = engine_download_path(app->release);
    g_auto(Fd) fd = root_dir_openat(walk->engine->root, path, O_RDONLY | O_NOFOLLOW, 0, error);
    if (fd < 0 || !check_digest(app->release, fd, error))
        return FALSE;
    g_autoptr(Package) package = package_open(fd_steal(&fd), app->release->arch, error);
    return package && unpack_data(walk, app, package, dir_fd, error);
}

/* For the day when the database is lost; it belongs to the tree before that can be switched in. */
static gboolean write_record(Walk *walk, const WalkApp *app, GError **error)
{
    g_autofree char *text = walk_app_record_to_text(app);
    return volume_record_write(walk->engine->volume, app->stage, text, error);
}

static gboolean unpack_archive(Walk *walk, WalkApp *app, GError **error)
{
    g_autofree char *routines = bytes_to_text(app->package->routines);
    g_autofree char *config = qpkg_config_to_text(app->package->config);
    g_auto(Fd) stage = volume_stage_create(walk->engine->volume, app->stage, error);
    if (stage < 0 || !unpack_data(walk, app, app->package, stage, error) ||
        !walk_app_set_new(walk, app, config, routines, error) ||
        !walk_unpack_beside(walk, app, stage, error) || !make_executable(app->new_identity, stage, error))
        return FALSE;
    g_clear_pointer(&app->new_manifest, manifest_free);
    app->new_manifest = volume_scan(stage, (const char *const *)app->new_identity->config_files, error);
    g_clear_pointer(&app->package, package_free);
    return app->new_manifest && walk_record_configs(app, error) && write_record(walk, app, error);
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
    if (app->op == CHANGE_RESTORE)
        return walk_restore_unpack(walk, app, error);
    return app->kept_id ? unpack_kept(walk, app, error) : unpack_archive(walk, app, error);
}

/* As if the app had been removed: its next install gets what was written, `--purge` takes it away. A row without a tree is
 * found when this is repeated, a tree without a row would never be. */
static gboolean record_user_data(Walk *walk, const WalkApp *app, GError **error)
{
    g_autoptr(GPtrArray) kept = store_kept_list(walk->engine->store, app->app, "removed", error);
    g_autoptr(Manifest) nothing = manifest_new();
    for (guint i = 0; kept && i < kept->len; i++)
        if (g_str_equal(((StoreKept *)kept->pdata[i])->tree, app->stage))
            return TRUE;
    StoreKept row = {.kind = (char *)"removed",
                     .app = app->new,
                     .tree = app->stage,
                     .txn_id = walk->txn_id,
                     .kept_at = engine_now(walk->engine)};
    return kept && store_kept_add(walk->engine->store, &row, nothing, error);
}

/* A first install that was live for a moment has no older tree to which its user's data could return: that stays, in a
 * kept tree, and only the package's files go. */
static gboolean drop_but_user_data(Walk *walk, const WalkApp *app, GError **error)
{
    gboolean is_empty = TRUE;
    const Volume *volume = walk->engine->volume;
    g_autoptr(GError) absent = NULL;
    g_auto(Fd) stage = volume_stage_open(volume, app->stage, &absent);
    if (stage < 0)
        return volume_stage_drop(volume, app->stage, error);
    if (!volume_prune(stage, app->new_manifest, FALSE, &is_empty, error))
        return FALSE;
    if (is_empty)
        return volume_stage_drop(volume, app->stage, error);
    log_warning("walk", "%s: what was written while it was live is kept for its next install, as %s",
                app->app, app->stage);
    return record_user_data(walk, app, error) && volume_keep(volume, app->stage, app->stage, error);
}

gboolean step_drop_staging(Walk *walk, WalkApp *app, GError **error)
{
    gboolean was_live = app->inodes.staged_ino != 0 && app->new_manifest;
    if (!volume_stage_drop(walk->engine->volume, app->extract, error))
        return FALSE;
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
    if (!engine_refresh_if_older(walk->engine, POLL_FRESH_S, error))
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
           walk_snapshot_ready(walk, app, error) && check_brake(walk, app, error);
}
