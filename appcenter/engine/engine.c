/* engine.c - opens the engine: the root, the lock, the store, the settings, the volume, the time; and hands them out.
 *
 * Hides where the settings come from when the file is bad (the last good ones, kept in the store as text), how the box
 * gets its lasting random id, and that trusted time is fixed at the start and runs on monotonically.
 */
#include "engine/internal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define META_CONFIG   "config_last_good"
#define META_COHORT   "cohort"
#define COHORT_BYTES  16
#define LOCK_NAME     "engine"
#define LOCK_LOOK_US  (G_USEC_PER_SEC / 20)
#define LOCK_NOTE_US  (60 * G_USEC_PER_SEC) /* far below the silence that the daemon bears */
#define DOWNLOADS_DIR STORE_CACHE_DIR "/packages"
#define LOCAL_PREFIX  "local-"

#define DOWNLOAD_KEPT_S (30 * 86400)

/* ---- settings ---- */

/* All values as a configuration file's text: what is good now, kept for a day when the file is not. */
static char *settings_to_text(const Settings *settings)
{
    GString *text = g_string_new(NULL);
    const char *section = "";
    SettingView view;
    for (gsize i = 0; settings_view(settings, i, &view); i++) {
        if (strcmp(section, view.section) != 0)
            g_string_append_printf(text, "[%s]\n", view.section);
        section = view.section;
        g_string_append_printf(text, "%s = %s\n", view.key, view.value_now);
    }
    return g_string_free(text, FALSE);
}

static gboolean keep_settings(Engine *engine, GError **error)
{
    g_autofree char *text = settings_to_text(engine->settings);
    g_autofree char *kept = store_meta_get(engine->store, META_CONFIG, NULL);
    return g_strcmp0(text, kept) == 0 || store_meta_set(engine->store, META_CONFIG, text, error);
}

/* All defaults if none were ever good: a box without emergency fixes would be worse. */
static Settings *last_good_settings(Store *store, GError **error)
{
    g_autofree char *text = store_meta_get(store, META_CONFIG, NULL);
    g_autoptr(Settings) settings = settings_new();
    if (text && !settings_apply_text(settings, "last good configuration", text, strlen(text), NULL, error))
        return NULL;
    return g_steal_pointer(&settings);
}

static gboolean open_settings(Engine *engine, GError **error)
{
    g_autoptr(GError) refused = NULL;
    engine->settings = system_load_settings(engine->root, NULL, &refused);
    if (engine->settings)
        return keep_settings(engine, error);
    g_autofree char *warning = g_strdup_printf("%s; the last good configuration is used", refused->message);
    log_warning("config", "%s", warning);
    engine_emit(engine, &(EngineEvent){.kind = ENGINE_EVENT_NOTE, .text = warning});
    engine->settings = last_good_settings(engine->store, error);
    return engine->settings != NULL;
}

/* ---- identity and time ---- */

static char *new_cohort(GError **error)
{
    guint8 bytes[COHORT_BYTES];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        error_set_errno(error, "cannot make a random id");
        return NULL;
    }
    return units_hex(bytes, sizeof bytes);
}

/* The box's lasting id for roll-outs, never sent anywhere; made once. */
static gboolean open_cohort(Engine *engine, GError **error)
{
    const char *set = settings_values(engine->settings)->cohort;
    engine->cohort = set && *set ? g_strdup(set) : store_meta_get(engine->store, META_COHORT, NULL);
    if (engine->cohort)
        return TRUE;
    engine->cohort = new_cohort(error);
    return engine->cohort && store_meta_set(engine->store, META_COHORT, engine->cohort, error);
}

static void open_clock(Engine *engine)
{
    gint64 floor = MAX(store_time_floor(engine->store), system_build_time());
    engine->now = policy_trusted_now(engine->options.wall_now, floor);
    engine->opened_at_us = g_get_monotonic_time();
}

gint64 engine_now(const Engine *engine)
{
    return engine->now + (g_get_monotonic_time() - engine->opened_at_us) / G_USEC_PER_SEC;
}

/* ---- downloads ---- */

/* Half a download that nobody went on with, or a whole one that nobody came for. */
static gboolean is_stale(const Engine *engine, const char *path)
{
    struct stat st;
    g_auto(Fd) fd = root_dir_openat(engine->root, path, O_RDONLY | O_NOFOLLOW, 0, NULL);
    return fd >= 0 && fstat(fd, &st) == 0 && engine_now(engine) - st.st_mtime > DOWNLOAD_KEPT_S;
}

/* Local files are put there for one job only; what lies there while we hold the lock is a dead one's. */
static gboolean open_downloads(const Engine *engine, GError **error)
{
    if (!root_dir_make_dirs(engine->root, DOWNLOADS_DIR, 0700, error))
        return FALSE;
    g_auto(GStrv) names = root_dir_list(engine->root, DOWNLOADS_DIR, error);
    for (guint i = 0; names && names[i]; i++) {
        g_autofree char *path = g_build_filename(DOWNLOADS_DIR, names[i], NULL);
        gboolean is_left_over = g_str_has_prefix(names[i], LOCAL_PREFIX) || is_stale(engine, path);
        if (is_left_over && !root_dir_unlink(engine->root, path, error))
            return FALSE;
    }
    return names != NULL;
}

/* ---- life ---- */

/* The job of a daemon that died may still be at work, for hours if it downloads: whoever waits is not silent. */
static gboolean open_lock(Engine *engine, GError **error)
{
    for (gint64 told_us = 0;; g_usleep(LOCK_LOOK_US)) {
        g_autoptr(GError) busy = NULL;
        engine->lock_fd = system_lock(engine->root, LOCK_NAME, FALSE, &busy);
        if (engine->lock_fd >= 0)
            return TRUE;
        if (error_kind(busy) != APPCENTER_ERROR_BUSY) {
            g_propagate_error(error, g_steal_pointer(&busy));
            return FALSE;
        }
        if (engine_is_cancelled(engine))
            return error_set(error, APPCENTER_ERROR_CANCELLED, "cancelled while another job was at work");
        if (told_us && g_get_monotonic_time() - told_us < LOCK_NOTE_US)
            continue;
        told_us = g_get_monotonic_time();
        engine_emit(engine, &(EngineEvent){.kind = ENGINE_EVENT_NOTE,
                                           .text = "waits for a job that an earlier daemon began"});
    }
}

static gboolean open_parts(Engine *engine, GError **error)
{
    engine->root = root_dir_open(engine->options.root, error);
    if (!engine->root || !root_dir_make_dirs(engine->root, STORE_STATE_DIR, 0700, error))
        return FALSE;
    if (!open_lock(engine, error))
        return FALSE;
    engine->store = store_open(engine->root, error);
    if (!engine->store || !open_settings(engine, error) || !open_cohort(engine, error))
        return FALSE;
    open_clock(engine);
    const SettingsValues *settings = settings_values(engine->settings);
    engine->os_version = system_os_version(engine->root, settings);
    engine->arch = system_arch(settings);
    engine->repositories = system_load_repositories(engine->root, error);
    if (!engine->repositories || !open_downloads(engine, error))
        return FALSE;
    engine->volume = volume_open(engine->root, settings->volume, error);
    return engine->volume != NULL;
}

Engine *engine_open(const EngineOptions *options, GError **error)
{
    g_autoptr(Engine) engine = g_new0(Engine, 1);
    engine->options = *options;
    engine->lock_fd = -1;
    if (open_parts(engine, error))
        return g_steal_pointer(&engine);
    g_prefix_error(error, "open: ");
    return NULL;
}

void engine_close(Engine *engine)
{
    if (!engine)
        return;
    g_clear_pointer(&engine->volume, volume_free);
    g_clear_pointer(&engine->repositories, g_ptr_array_unref);
    g_clear_pointer(&engine->settings, settings_free);
    g_clear_pointer(&engine->store, store_close);
    g_free(engine->os_version);
    g_free(engine->arch);
    g_free(engine->cohort);
    g_free(engine->solver_case);
    g_clear_pointer(&engine->problems, g_ptr_array_unref);
    fd_close(engine->lock_fd);
    g_clear_pointer(&engine->root, root_dir_free);
    g_free(engine);
}

gboolean engine_leave_result(Engine *engine, const char *state, const char *result_json, GError **error)
{
    return store_job_set(engine->store, engine->options.job_id, state, result_json, engine_now(engine),
                         error);
}

const Settings *engine_settings(Engine *engine)
{
    return engine->settings;
}

/* ---- what the other files of this room need ---- */

void engine_emit(Engine *engine, const EngineEvent *event)
{
    if (engine->options.on_event)
        engine->options.on_event(event, engine->options.user_data);
}

gboolean engine_is_cancelled(const Engine *engine)
{
    return engine->options.is_cancelled && engine->options.is_cancelled(engine->options.user_data);
}

gboolean engine_kept_is_whole(Engine *engine, const StoreKept *kept)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Manifest) manifest = store_kept_manifest(engine->store, kept->id, &error);
    if (!manifest)
        log_warning("engine", "kept tree %s: %s", kept->tree, error->message);
    return manifest && manifest_length(manifest) > 0;
}

static gboolean is_cancelled(gpointer user_data)
{
    return engine_is_cancelled(user_data);
}

Fetcher *engine_fetcher(Engine *engine, GError **error)
{
    const SettingsValues *settings = settings_values(engine->settings);
    FetchConfig config = {.proxy = settings->proxy,
                          .rate_limit_bytes = settings->rate_limit_bytes,
                          .stall_s = settings->stall_s,
                          .allow_http = settings->allow_http,
                          .is_cancelled = is_cancelled,
                          .user_data = engine};
    return fetcher_new(&config, error);
}

/* A file that an admin brought (it has no repository) is put here by the planner, under a name that tells. */
char *engine_download_path(const Release *release)
{
    return g_strdup_printf(DOWNLOADS_DIR "/%s%s.qpkg", release->repository ? "" : LOCAL_PREFIX,
                           release->sha256);
}

const RepositoryConfig *engine_repository(const Engine *engine, const char *name)
{
    for (guint i = 0; i < engine->repositories->len; i++) {
        const RepositoryConfig *config = g_ptr_array_index(engine->repositories, i);
        if (g_strcmp0(config->name, name) == 0 && config->enabled)
            return config;
    }
    return NULL;
}

char **engine_urls(const RepositoryConfig *config)
{
    g_autoptr(GStrvBuilder) urls = g_strv_builder_new();
    g_strv_builder_add(urls, config->url);
    g_strv_builder_addv(urls, (const char **)config->mirrors);
    return g_strv_builder_end(urls);
}

char **engine_repository_urls(const Engine *engine, const char *repository, GError **error)
{
    const RepositoryConfig *config = engine_repository(engine, repository);
    if (config)
        return engine_urls(config);
    error_set(error, APPCENTER_ERROR_NOT_FOUND, "no repository \"%s\" is configured and enabled",
              repository ? repository : "");
    return NULL;
}

guint engine_permyriad(const Engine *engine, const Rollout *rollout)
{
    static const char label[] = "appcenter-rollout-1";
    if (!rollout)
        return 0;
    g_autoptr(GByteArray) text = g_byte_array_new();
    g_byte_array_append(text, (const guint8 *)label, sizeof label); /* with its NUL */
    g_byte_array_append(text, (const guint8 *)rollout->id, (guint)strlen(rollout->id) + 1);
    g_byte_array_append(text, (const guint8 *)engine->cohort, (guint)strlen(engine->cohort));
    return (guint)(digest_sha256_prefix64(text->data, text->len) % 10000);
}
