/* refresh.c - asks every repository what is new, records how that went, and makes the offers anew.
 *
 * One repository's failure is that repository's: it is recorded with it, and the others are asked all the same.
 */
#include "engine/refresh_internal.h"

#include <string.h>

#define BRAKE_FOLDER    "brake/"
#define BRAKE_PATH      BRAKE_FOLDER "brake.json"
#define BRAKE_ROLE      "brake"
#define BRAKE_KIND      "brake"
#define ADVISORIES_PATH "advisories/vendor.jsonl.zst"
#define ADVISORIES_ROLE "releases"
#define ADVISORIES_KIND "advisories"
#define KIND_BYTES_MAX  64

static void refresh_clear(Refresh *refresh)
{
    g_clear_pointer(&refresh->fetcher, fetcher_free);
    g_clear_pointer(&refresh->urls, g_strfreev);
    g_clear_pointer(&refresh->repo, store_repo_free);
    g_clear_pointer(&refresh->tuf, tuf_client_free);
    g_clear_pointer(&refresh->old_timestamp, g_bytes_unref);
    g_clear_error(&refresh->publisher_error);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Refresh, refresh_clear)

static void replace_text(char **place, char *text)
{
    g_free(*place);
    *place = text;
}

/* ---- brake ---- */

static gboolean is_known(const TufTarget *target, const char *text)
{
    g_autofree char *sha256 = text ? digest_hex_of(DIGEST_SHA256, text, strlen(text)) : NULL;
    return sha256 && target->sha256 && digest_equal(sha256, target->sha256) &&
           target->length == (gint64)strlen(text);
}

/* Who may only deny vouches for brakes only: anything else that its keys signed is an attempt to offer something. */
static gboolean check_brake_role(Refresh *refresh, GError **error)
{
    g_auto(GStrv) paths = tuf_client_targets_of(refresh->tuf, BRAKE_ROLE);
    for (char **path = paths; *path; path++) {
        g_autofree char *shown = g_uri_escape_string(*path, "/", FALSE);
        if (!g_str_has_prefix(*path, BRAKE_FOLDER))
            return error_set(error, APPCENTER_ERROR_UNTRUSTED,
                             "role " BRAKE_ROLE " vouches for %s, wanted nothing beyond " BRAKE_FOLDER,
                             shown);
    }
    return TRUE;
}

static gboolean check_brake_kind(const TufTarget *target, GError **error)
{
    g_autoptr(json_t) empty = json_object();
    g_autoptr(JsonReader) reader = json_reader_new(target->custom ? target->custom : empty, BRAKE_PATH);
    const char *kind = json_reader_string(reader, "kind", KIND_BYTES_MAX);
    g_autofree char *shown = kind ? g_uri_escape_string(kind, NULL, FALSE) : NULL;
    if (kind && strcmp(kind, BRAKE_KIND) != 0)
        json_reader_fail(reader, "kind", "wanted " BRAKE_KIND ", found %s", shown);
    return json_reader_finish(reader, error);
}

/* Into repo->brake_json, once it is read down to its last entry. */
static gboolean take_brake(Refresh *refresh, const TufTarget *target, GError **error)
{
    if (!check_brake_kind(target, error))
        return FALSE;
    if (is_known(target, refresh->repo->brake_json))
        return TRUE;
    g_autoptr(GBytes) bytes = refresh_download(refresh, target, error);
    if (!bytes)
        return FALSE;
    g_autoptr(Brake) brake = brake_parse(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), error);
    if (!brake)
        return FALSE;
    replace_text(&refresh->repo->brake_json,
                 g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes)));
    log_info("refresh", "%s: brake %" G_GINT64_FORMAT ": %u entries", refresh->config->name, brake->serial,
             brake->entries->len);
    return TRUE;
}

static gboolean refresh_brake(Refresh *refresh, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(TufTarget) target = refresh_search(refresh, BRAKE_PATH, BRAKE_ROLE, &failure);
    gboolean is_right = !failure && check_brake_role(refresh, &failure);
    if (is_right && !target)
        replace_text(&refresh->repo->brake_json, NULL);
    if (is_right && (!target || take_brake(refresh, target, &failure)))
        return TRUE;
    refresh_distrust(failure);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

/* ---- advisories ---- */

static gboolean collect(const void *data, gsize len, gpointer user_data, GError **error)
{
    (void)error;
    g_string_append_len(user_data, data, (gssize)len);
    return TRUE;
}

static gboolean are_advisories_known(const TufTarget *target, const char *text)
{
    const char *raw_sha256 = NULL;
    gint64 raw_length = 0;
    g_autofree char *sha256 = text ? digest_hex_of(DIGEST_SHA256, text, strlen(text)) : NULL;
    return sha256 && refresh_raw_of(target, ADVISORIES_KIND, &raw_sha256, &raw_length, NULL) &&
           digest_equal(sha256, raw_sha256);
}

static gboolean refresh_advisories(Refresh *refresh, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(TufTarget) target = refresh_search(refresh, ADVISORIES_PATH, ADVISORIES_ROLE, &failure);
    if (failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (!target) {
        replace_text(&refresh->repo->advisories, NULL);
        return TRUE;
    }
    if (are_advisories_known(target, refresh->repo->advisories))
        return TRUE;
    g_autoptr(GBytes) packed = refresh_download(refresh, target, error);
    g_autoptr(GString) text = g_string_new(NULL);
    if (!packed || !refresh_unpack(target, ADVISORIES_KIND, packed, collect, text, error))
        return FALSE;
    g_autoptr(GPtrArray) advisories = advisories_parse(text->str, text->len, error);
    if (!advisories) {
        g_prefix_error(error, ADVISORIES_PATH ": ");
        return FALSE;
    }
    replace_text(&refresh->repo->advisories, g_strdup(text->str));
    return TRUE;
}

/* ---- one repository ---- */

static void note_timestamp(Refresh *refresh)
{
    TufRoleInfo info;
    if (!tuf_client_role(refresh->tuf, "timestamp", &info))
        return;
    gboolean is_new = info.expires_at != refresh->repo->expires_at;
    if (info.signed_at > 0)
        refresh->repo->signed_at = info.signed_at;
    else if (is_new)
        refresh->repo->signed_at = refresh->now;
    refresh->repo->expires_at = info.expires_at;
    refresh_raise_floor(refresh, info.signed_at);
}

static gboolean refresh_parts(Refresh *refresh, GError **error)
{
    gboolean is_trusted = refresh_metadata(refresh, error);
    if (refresh->tuf)
        note_timestamp(refresh);
    /* the brake first: to stop must never wait for a catalogue that does not come */
    return is_trusted && refresh_brake(refresh, error) && refresh_catalogues(refresh, error) &&
           refresh_advisories(refresh, error);
}

static void note_outcome(Refresh *refresh, const GError *failure)
{
    StoreRepo *repo = refresh->repo;
    const GError *told = failure ? failure : refresh->publisher_error;
    replace_text(&repo->error_code, told ? g_strdup(error_code_name(error_kind(told))) : NULL);
    replace_text(&repo->error, told ? g_strdup(told->message) : NULL);
    repo->n_failures = failure ? repo->n_failures + 1 : 0;
    if (!failure) {
        repo->last_success_at = refresh->now;
        repo->retry_after_at = 0;
    }
}

static gboolean refresh_one(Engine *engine, const RepositoryConfig *config, gboolean is_forced,
                            GError **error)
{
    g_auto(Refresh)
        refresh = {.engine = engine, .config = config, .is_forced = is_forced, .now = engine_now(engine)};
    g_autoptr(GError) failure = NULL, not_kept = NULL;
    refresh.urls = engine_urls(config);
    refresh.repo = store_repo_get(engine->store, config->name, error);
    refresh.fetcher = refresh.repo ? engine_fetcher(engine, error) : NULL;
    if (!refresh.fetcher)
        return FALSE;
    refresh.repo->last_refresh_at = refresh.now;
    gboolean is_done = refresh_parts(&refresh, &failure);
    if (!is_done && error_kind(failure) == APPCENTER_ERROR_CANCELLED) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    note_outcome(&refresh, failure);
    if (!store_repo_put(engine->store, refresh.repo, &not_kept) && !failure)
        failure = g_steal_pointer(&not_kept);
    if (!failure && refresh.publisher_error)
        failure = g_steal_pointer(&refresh.publisher_error);
    if (!failure)
        return TRUE;
    g_propagate_prefixed_error(error, g_steal_pointer(&failure), "refresh %s: ", config->name);
    return FALSE;
}

/* ---- all of them ---- */

static gboolean is_configured(const Engine *engine, const char *name)
{
    for (guint i = 0; i < engine->repositories->len; i++)
        if (strcmp(((const RepositoryConfig *)g_ptr_array_index(engine->repositories, i))->name, name) == 0)
            return TRUE;
    return FALSE;
}

/* What a repository said is forgotten with its configuration. */
static gboolean forget_removed(Engine *engine, GError **error)
{
    g_autoptr(GPtrArray) known = store_repos(engine->store, error);
    for (guint i = 0; known && i < known->len; i++) {
        const StoreRepo *repo = g_ptr_array_index(known, i);
        if (is_configured(engine, repo->name))
            continue;
        if (!store_repo_remove(engine->store, repo->name, error))
            return FALSE;
        refresh_forget_catalogues(engine, repo->name);
    }
    return known != NULL;
}

/* The floor may have risen: what is decided next is decided by the newer time. */
static void take_time(Engine *engine)
{
    gint64 floor = store_time_floor(engine->store);
    gint64 now = engine_now(engine);
    if (floor > now)
        engine->now += floor - now;
}

/* Who is asked, and how. */
typedef struct {
    gint64 max_age_s; /* those whose last success is older than that; 0: all */
    gboolean is_forced;
    gboolean is_by_clock;
} Round;

static gboolean is_left_out(const Engine *engine, const StoreRepo *repo, const Round *round)
{
    gint64 now = engine_now(engine);
    return (round->max_age_s > 0 && now - repo->last_success_at < round->max_age_s) ||
           (round->is_by_clock && poll_retry_after(repo->retry_after_at, now) > 0);
}

static gboolean refresh_repositories(Engine *engine, const Round *round, guint *n, GError **error)
{
    g_autoptr(GError) first = NULL;
    for (guint i = 0; i < engine->repositories->len && !engine_is_cancelled(engine); i++) {
        const RepositoryConfig *config = g_ptr_array_index(engine->repositories, i);
        g_autoptr(GError) failure = NULL;
        g_autoptr(StoreRepo) repo = store_repo_get(engine->store, config->name, &failure);
        if (!config->enabled || (repo && is_left_out(engine, repo, round)))
            continue;
        (*n)++;
        if ((!repo || !refresh_one(engine, config, round->is_forced, &failure)) && !first)
            first = g_steal_pointer(&failure);
    }
    take_time(engine);
    if (engine_is_cancelled(engine))
        return error_set(error, APPCENTER_ERROR_CANCELLED, "refresh: cancelled");
    if (!first)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&first));
    return FALSE;
}

static gboolean refresh_and_offer(Engine *engine, const Round *round, GError **error)
{
    g_autoptr(GError) failure = NULL;
    guint n = 0;
    gboolean is_done = refresh_repositories(engine, round, &n, &failure);
    if (!is_done && error_kind(failure) == APPCENTER_ERROR_CANCELLED) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (n > 0 && !engine_make_offers(engine, is_done ? error : NULL) && is_done)
        return FALSE;
    if (!is_done)
        g_propagate_error(error, g_steal_pointer(&failure));
    return is_done;
}

gboolean engine_refresh(Engine *engine, gboolean force, GError **error)
{
    return forget_removed(engine, error) && refresh_and_offer(engine, &(Round){.is_forced = force}, error);
}

gboolean engine_refresh_by_clock(Engine *engine, GError **error)
{
    return forget_removed(engine, error) && refresh_and_offer(engine, &(Round){.is_by_clock = TRUE}, error);
}

gboolean engine_refresh_if_older(Engine *engine, gint64 max_age_s, GError **error)
{
    return refresh_and_offer(engine, &(Round){.max_age_s = MAX(max_age_s, 1)}, error);
}
