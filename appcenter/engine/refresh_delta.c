/* refresh_delta.c - a catalogue that changed a little costs a little: the last one is kept packed below
 * /var/cache/appcenter/catalogues, and a signed patch from it to the wanted one is fetched in place of the whole.
 *
 * Nothing here is needed and nothing is trusted: whatever is missing, odd or too long leads to the whole catalogue, and a
 * result counts only if it has the length and digest that the catalogue's own target announces.
 */
#include "engine/refresh_internal.h"

#include <string.h>

#include "ports/delta.h"

#define CACHE_DIR  "/var/cache/appcenter/catalogues"
#define DELTA_KIND "catalogue-delta"

static char *cache_folder(const char *repository)
{
    return g_strdup_printf(CACHE_DIR "/%s", repository);
}

static char *cache_path(const Refresh *refresh, const char *publisher)
{
    return g_strdup_printf(CACHE_DIR "/%s/%s.jsonl.zst", refresh->config->name, publisher);
}

static gboolean collect(const void *data, gsize len, gpointer user_data, GError **error)
{
    (void)error;
    g_byte_array_append(user_data, data, (guint)len);
    return TRUE;
}

/* The lines of a packed catalogue; NULL when it is damaged or too long to be patched. */
static GBytes *unpack(GBytes *packed)
{
    g_autoptr(GByteArray) lines = g_byte_array_new();
    if (!archive_zstd_decompress(g_bytes_get_data(packed, NULL), g_bytes_get_size(packed), DELTA_MAX_BYTES,
                                 collect, lines, NULL))
        return NULL;
    return g_byte_array_free_to_bytes(g_steal_pointer(&lines));
}

static char *sha256_of(GBytes *bytes)
{
    return digest_hex_of(DIGEST_SHA256, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
}

static const char *text_of(const TufTarget *target, const char *member)
{
    return json_string_value(json_object_get(target->custom, member));
}

static gboolean is_delta(const TufTarget *delta, const char *from, const char *to, GError **error)
{
    if (g_strcmp0(text_of(delta, "kind"), DELTA_KIND) == 0 && g_strcmp0(text_of(delta, "from"), from) == 0 &&
        g_strcmp0(text_of(delta, "to"), to) == 0)
        return TRUE;
    return error_set(error, APPCENTER_ERROR_CORRUPT,
                     "%s: wanted a " DELTA_KIND " from %.16s to %.16s, found another", delta->path, from, to);
}

static GBytes *patch(GBytes *base, GBytes *delta, gint64 raw_length, const char *raw_sha256, GError **error)
{
    g_autoptr(GBytes) lines = delta_apply(base, delta, raw_length, error);
    if (!lines)
        return NULL;
    g_autofree char *found = sha256_of(lines);
    if (!digest_equal(found, raw_sha256)) {
        error_set(error, APPCENTER_ERROR_UNTRUSTED, "delta: wanted a result of sha256 %s, found %s",
                  raw_sha256, found);
        return NULL;
    }
    return archive_zstd_compress(g_bytes_get_data(lines, NULL), g_bytes_get_size(lines), error);
}

/* NULL without error: nobody offers a patch from what we have, or it would cost more than the whole. */
static GBytes *fetch_patched(Refresh *refresh, const char *publisher, const TufTarget *catalogue,
                             GBytes *base, const char *base_sha256, GError **error)
{
    const char *raw_sha256 = NULL;
    gint64 raw_length = 0;
    g_autoptr(GError) failure = NULL;
    if (!refresh_raw_of(catalogue, "catalogue", &raw_sha256, &raw_length, error))
        return NULL;
    g_autofree char *path = g_strdup_printf("deltas/%s/%.16s-%.16s.zst", publisher, base_sha256, raw_sha256);
    g_autoptr(TufTarget) delta = refresh_search(refresh, path, catalogue->role, &failure);
    if (failure)
        g_propagate_error(error, g_steal_pointer(&failure));
    if (!delta || delta->length >= catalogue->length || !is_delta(delta, base_sha256, raw_sha256, error))
        return NULL;
    g_autoptr(GBytes) bytes = refresh_download(refresh, delta, error);
    return bytes ? patch(base, bytes, raw_length, raw_sha256, error) : NULL;
}

GBytes *refresh_catalogue_from_cache(Refresh *refresh, const char *publisher, const TufTarget *catalogue)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *path = cache_path(refresh, publisher);
    g_autoptr(GBytes) packed = root_dir_read(refresh->engine->root, path, DELTA_MAX_BYTES, NULL);
    g_autoptr(GBytes) base = packed ? unpack(packed) : NULL;
    if (!base)
        return NULL;
    g_autofree char *base_sha256 = sha256_of(base);
    const char *wanted = text_of(catalogue, "raw_sha256");
    if (wanted && digest_equal(base_sha256, wanted))
        return g_steal_pointer(&packed);
    GBytes *patched = fetch_patched(refresh, publisher, catalogue, base, base_sha256, &failure);
    if (failure)
        log_info("refresh", "%s: the whole catalogue of %s instead of a patch: %s", refresh->config->name,
                 publisher, failure->message);
    return patched;
}

void refresh_keep_catalogue(Refresh *refresh, const char *publisher, GBytes *packed)
{
    const RootDir *root = refresh->engine->root;
    g_autoptr(GError) failure = NULL;
    g_autofree char *folder = cache_folder(refresh->config->name);
    g_autofree char *path = cache_path(refresh, publisher);
    g_autoptr(GBytes) old = root_dir_read(root, path, DELTA_MAX_BYTES, NULL);
    if (old && g_bytes_equal(old, packed))
        return;
    if (!root_dir_make_dirs(root, folder, 0700, &failure) ||
        !root_dir_write_atomic(root, path, g_bytes_get_data(packed, NULL), g_bytes_get_size(packed), 0600,
                               &failure))
        log_warning("refresh", "%s: catalogue of %s is not kept: %s", refresh->config->name, publisher,
                    failure->message);
}

void refresh_forget_catalogues(Engine *engine, const char *repository)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *folder = cache_folder(repository);
    if (!root_dir_remove_tree(engine->root, folder, &failure))
        log_warning("refresh", "%s: %s", repository, failure->message);
}
