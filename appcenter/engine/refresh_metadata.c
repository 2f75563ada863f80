/* refresh_metadata.c - TUF over the wire: asks for what the trust room wants, keeps what it came to trust, and fetches
 * targets that somebody vouches for.
 *
 * Hides the conditional request for timestamp.json: "not modified" means that the stored bytes are the served ones.
 */
#include "engine/refresh_internal.h"

#include <string.h>

#define FORMAT           1
#define TARGET_BYTES_MAX (G_GINT64_CONSTANT(64) << 20)
#define RAW_BYTES_MAX    (G_GINT64_CONSTANT(512) << 20)

/* Kept in the order in which it became trusted, also after a failure: what was verified before it stays. */
static gboolean keep_trusted(Refresh *refresh, GError **error)
{
    for (;;) {
        g_autofree char *role = NULL;
        g_autoptr(GBytes) bytes = NULL;
        if (!tuf_client_take_trusted(refresh->tuf, &role, &bytes))
            return TRUE;
        if (!store_tuf_save(refresh->engine->store, refresh->config->name, role, bytes, error))
            return FALSE;
    }
}

/* "Not modified" is believed of a timestamp that is still valid; a later one is the only use of an expired one. */
static gboolean may_be_conditional(const Refresh *refresh, const TufWant *want)
{
    return strcmp(want->role, "timestamp") == 0 && refresh->old_timestamp && !refresh->is_forced &&
           refresh->repo->expires_at > refresh->now;
}

static void note_retry_after(Refresh *refresh, const FetchOutcome *outcome)
{
    if (outcome->retry_after_s > 0)
        refresh->repo->retry_after_at = engine_now(refresh->engine) + outcome->retry_after_s;
}

static GBytes *ask(Refresh *refresh, const TufWant *want, FetchOutcome *outcome, GError **error)
{
    g_autofree char *path = g_strdup_printf("metadata/%s", want->file_name);
    gboolean is_conditional = may_be_conditional(refresh, want);
    GBytes *bytes = fetch_bytes_quoted(refresh->fetcher, (const char *const *)refresh->urls, path,
                                       want->max_bytes, want->may_be_absent,
                                       is_conditional ? refresh->repo->timestamp_etag : NULL, outcome, error);
    note_retry_after(refresh, outcome);
    if (outcome->is_not_modified && is_conditional)
        return g_bytes_ref(refresh->old_timestamp);
    return bytes;
}

/* The tag of a timestamp that was refused would hide the honest one behind "not modified". */
static void keep_etag(Refresh *refresh, const TufWant *want, const FetchOutcome *outcome)
{
    if (strcmp(want->role, "timestamp") != 0 || outcome->is_not_modified)
        return;
    g_free(refresh->repo->timestamp_etag);
    refresh->repo->timestamp_etag = g_strdup(outcome->etag);
}

/* What is served as signed and cannot even be read as such is as little trusted as what is signed by nobody. */
void refresh_distrust(GError *failure)
{
    if (g_error_matches(failure, APPCENTER_ERROR, APPCENTER_ERROR_CORRUPT))
        failure->code = APPCENTER_ERROR_UNTRUSTED;
}

/* A transfer that ended early without saying so is the network's fault: what came is shorter than signed metadata announces
 * and not whole in its own form. A whole file of another size is somebody's doing. */
static gboolean blame_network(const Refresh *refresh, const char *what, gsize len, gint64 announced,
                              GError **error)
{
    g_autoptr(GUri) uri = g_uri_parse(refresh->urls[0], G_URI_FLAGS_NONE, NULL);
    const char *host = uri ? g_uri_get_host(uri) : NULL;
    return error_set(error, APPCENTER_ERROR_NETWORK,
                     "%s ended %s after %" G_GSIZE_FORMAT " of %" G_GINT64_FORMAT
                     " bytes, shorter than announced",
                     host && *host ? host : refresh->urls[0], what, len, announced);
}

static gboolean drop_raw(const void *data G_GNUC_UNUSED, gsize len G_GNUC_UNUSED,
                         gpointer user_data G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    return TRUE;
}

static gboolean is_whole_zstd(GBytes *bytes)
{
    gsize len = 0;
    const void *data = g_bytes_get_data(bytes, &len);
    return archive_zstd_decompress(data, len, RAW_BYTES_MAX, drop_raw, NULL, NULL);
}

static gboolean answer(Refresh *refresh, const TufWant *want, GError **error)
{
    g_auto(FetchOutcome) outcome = {0};
    g_autoptr(GError) failure = NULL;
    g_autoptr(GBytes) bytes = ask(refresh, want, &outcome, &failure);
    if (failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (!bytes)
        return tuf_client_feed_absent(refresh->tuf, error);
    if (!tuf_client_feed(refresh->tuf, bytes, &failure)) {
        refresh_distrust(failure);
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    keep_etag(refresh, want, &outcome);
    return TRUE;
}

static gboolean drive(Refresh *refresh, GError **error)
{
    g_auto(TufWant) want = {0};
    while (tuf_client_next(refresh->tuf, &want)) {
        g_autoptr(GError) failure = NULL;
        gboolean is_fed = answer(refresh, &want, &failure);
        if (!keep_trusted(refresh, is_fed ? error : NULL) && is_fed)
            return FALSE;
        if (!is_fed) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean open_client(Refresh *refresh, GError **error)
{
    const RepositoryConfig *config = refresh->config;
    g_autoptr(GHashTable) stored = store_tuf_load(refresh->engine->store, config->name, error);
    if (!stored)
        return FALSE;
    g_autoptr(GBytes) first_root =
        root_dir_read(refresh->engine->root, config->root_path, TUF_MAX_ROOT_BYTES, error);
    if (!first_root) {
        g_prefix_error(error, "first root: ");
        return FALSE;
    }
    GBytes *timestamp = g_hash_table_lookup(stored, "timestamp");
    refresh->old_timestamp = timestamp ? g_bytes_ref(timestamp) : NULL;
    refresh->tuf = tuf_client_new(stored, first_root, refresh->now, error);
    return refresh->tuf && keep_trusted(refresh, error);
}

gboolean refresh_metadata(Refresh *refresh, GError **error)
{
    return open_client(refresh, error) && drive(refresh, error);
}

void refresh_raise_floor(Refresh *refresh, gint64 signed_at)
{
    g_autoptr(GError) error = NULL;
    TufRoleInfo timestamp, root;
    if (!tuf_client_role(refresh->tuf, "timestamp", &timestamp) ||
        !tuf_client_role(refresh->tuf, "root", &root))
        return;
    gint64 at = policy_floor_from(signed_at, timestamp.expires_at, root.expires_at,
                                  refresh->engine->options.wall_now, system_build_time());
    if (!store_raise_time_floor(refresh->engine->store, at, &error))
        log_warning("refresh", "%s: %s", refresh->config->name, error->message);
}

/* ---- targets ---- */

TufTarget *refresh_search(Refresh *refresh, const char *path, const char *role, GError **error)
{
    tuf_client_search(refresh->tuf, path);
    if (!drive(refresh, error)) {
        g_prefix_error(error, "%s: ", path);
        return NULL;
    }
    g_autoptr(TufTarget) target = tuf_client_found(refresh->tuf);
    const char *why_not = tuf_client_why_not_found(refresh->tuf);
    if (why_not) {
        error_set(error, APPCENTER_ERROR_UNTRUSTED, "%s: %s", path, why_not);
        return NULL;
    }
    if (target && strcmp(target->role, role) != 0) {
        error_set(error, APPCENTER_ERROR_UNTRUSTED, "%s: wanted role %s to vouch for it, found %s", path,
                  role, target->role);
        return NULL;
    }
    return g_steal_pointer(&target);
}

GBytes *refresh_download(Refresh *refresh, const TufTarget *target, GError **error)
{
    g_auto(FetchOutcome) outcome = {0};
    g_autofree char *path = g_strdup_printf("targets/%s", target->file_path);
    if (target->length > TARGET_BYTES_MAX) {
        error_set(error, APPCENTER_ERROR_UNTRUSTED,
                  "%s: wanted at most %" G_GINT64_FORMAT " bytes, found %" G_GINT64_FORMAT, target->path,
                  TARGET_BYTES_MAX, target->length);
        return NULL;
    }
    g_autoptr(GBytes) bytes = fetch_bytes_quoted(refresh->fetcher, (const char *const *)refresh->urls, path,
                                                 target->length, FALSE, NULL, &outcome, error);
    note_retry_after(refresh, &outcome);
    if (!bytes)
        return NULL;
    gsize len = 0;
    const void *data = g_bytes_get_data(bytes, &len);
    if ((gint64)len < target->length && !is_whole_zstd(bytes)) {
        blame_network(refresh, target->path, len, target->length, error);
        return NULL;
    }
    g_autofree char *sha256 = digest_hex_of(DIGEST_SHA256, data, len);
    g_autofree char *sha512 = digest_hex_of(DIGEST_SHA512, data, len);
    return tuf_target_check(target, (gint64)len, sha256, sha512, error) ? g_steal_pointer(&bytes) : NULL;
}

/* Members that we do not know are left alone; another kind or format is not what we came for. */
gboolean refresh_raw_of(const TufTarget *target, const char *kind, const char **raw_sha256,
                        gint64 *raw_length, GError **error)
{
    g_autoptr(json_t) empty = json_object();
    g_autoptr(JsonReader) reader = json_reader_new(target->custom ? target->custom : empty, target->path);
    const char *found = json_reader_string(reader, "kind", 64);
    gint64 format = json_reader_integer(reader, "format", 0, G_MAXINT64);
    if (found && strcmp(found, kind) != 0)
        json_reader_fail(reader, "kind", "wanted %s", kind);
    if (json_reader_ok(reader) && format != FORMAT)
        json_reader_fail(reader, "format", "wanted %d, found %" G_GINT64_FORMAT, FORMAT, format);
    *raw_sha256 = json_reader_hex(reader, "raw_sha256", 32);
    *raw_length = json_reader_integer(reader, "raw_length", 0, RAW_BYTES_MAX);
    return json_reader_finish(reader, error);
}

typedef struct {
    Digest *digest;
    gint64 length;
    ArchiveSink sink;
    gpointer user_data;
} Unpacking;

static gboolean take_raw(const void *data, gsize len, gpointer user_data, GError **error)
{
    Unpacking *unpacking = user_data;
    digest_update(unpacking->digest, data, len);
    unpacking->length += (gint64)len;
    return unpacking->sink(data, len, unpacking->user_data, error);
}

gboolean refresh_unpack(const TufTarget *target, const char *kind, GBytes *packed, ArchiveSink sink,
                        gpointer user_data, GError **error)
{
    const char *raw_sha256 = NULL;
    gint64 raw_length = 0;
    if (!refresh_raw_of(target, kind, &raw_sha256, &raw_length, error))
        return FALSE;
    g_autoptr(Digest) digest = digest_new(DIGEST_SHA256);
    Unpacking unpacking = {digest, 0, sink, user_data};
    gsize len = 0;
    const void *data = g_bytes_get_data(packed, &len);
    if (!archive_zstd_decompress(data, len, raw_length, take_raw, &unpacking, error)) {
        g_prefix_error(error, "%s: ", target->path);
        return FALSE;
    }
    g_autofree char *sha256 = digest_finish_hex(digest);
    if (unpacking.length != raw_length || !digest_equal(sha256, raw_sha256))
        return error_set(error, APPCENTER_ERROR_UNTRUSTED,
                         "%s: wanted %" G_GINT64_FORMAT
                         " bytes of sha256 %s unpacked, found %" G_GINT64_FORMAT " bytes of %s",
                         target->path, raw_length, raw_sha256, unpacking.length, sha256);
    return TRUE;
}
