/* deltas.c - a box that has an older catalogue fetches what changed: zstd patches from the last catalogues to the newest.
 *
 * The bases are the files that were published; the world remembers which. Each patch leads to the newest catalogue at
 * once, so a box fetches one, however many publications it missed.
 */
#include "ports/archive.h"
#include "ports/delta.h"
#include "vendor/publish_role.h"

#include <string.h>

/* Every box reads the whole list to find its own patch. So the last few of the 16 are listed only where that leaves the
 * usual price of news, heads and signatures included, at 8 kB. */
#define BASES_SURE       12
#define PRICE_GOAL_BYTES 6200

static gboolean collect(const void *data, gsize len, gpointer user_data, GError **error)
{
    (void)error;
    g_byte_array_append(user_data, data, (guint)len);
    return TRUE;
}

/* The lines of a catalogue that was published; NULL when its file is gone, damaged or too long. */
static GBytes *read_base(const Repo *repo, const char *path, const char *raw_sha256)
{
    g_autofree char *file = g_strconcat("/public/targets/", path, NULL);
    g_autoptr(GBytes) packed = root_dir_read(repo->dir, file, DELTA_MAX_BYTES, NULL);
    g_autoptr(GByteArray) lines = g_byte_array_new();
    if (!packed || !archive_zstd_decompress(g_bytes_get_data(packed, NULL), g_bytes_get_size(packed),
                                            DELTA_MAX_BYTES, collect, lines, NULL))
        return NULL;
    g_autofree char *found = digest_hex_of(DIGEST_SHA256, lines->data, lines->len);
    return digest_equal(found, raw_sha256) ? g_byte_array_free_to_bytes(g_steal_pointer(&lines)) : NULL;
}

/* TRUE when it was worth it. */
static gboolean add_one(const Repo *repo, const char *who, json_t *base, GBytes *raw, const char *raw_sha256,
                        gsize packed_bytes, RoleContent *content)
{
    const char *from = json_string_value(json_object_get(base, "raw_sha256"));
    const char *path = json_string_value(json_object_get(base, "path"));
    if (!from || !path || g_str_equal(from, raw_sha256))
        return FALSE;
    g_autoptr(GBytes) old = read_base(repo, path, from);
    g_autoptr(GBytes) delta = old ? delta_make(old, raw, NULL) : NULL;
    if (!delta || g_bytes_get_size(delta) > packed_bytes / 2)
        return FALSE;
    g_autofree char *target = g_strdup_printf("deltas/%s/%.16s-%.16s.zst", who, from, raw_sha256);
    role_content_add(content, target, delta,
                     json_pack("{s:s, s:s, s:s}", "kind", "catalogue-delta", "from", from, "to", raw_sha256));
    return TRUE;
}

/* What a box pays that is one catalogue behind, heads and signatures apart. */
static gsize price(const RoleContent *content, guint first)
{
    g_autofree char *list = json_to_text(content->targets);
    return strlen(list) + (content->files->len > first ? g_bytes_get_size(content->files->pdata[first]) : 0);
}

void deltas_add(const Repo *repo, const char *who, GBytes *raw, const char *raw_sha256, gsize packed_bytes,
                RoleContent *content)
{
    json_t *catalogue = json_object_get(json_object_get(repo->world, "catalogues"), who);
    json_t *bases = json_object_get(catalogue, "bases");
    guint first = content->files->len, n = 0;
    for (gsize i = json_array_size(bases); i-- > 0;) { /* the newest first: most boxes have it */
        if (!add_one(repo, who, json_array_get(bases, i), raw, raw_sha256, packed_bytes, content))
            continue;
        if (++n <= BASES_SURE || price(content, first) <= PRICE_GOAL_BYTES)
            continue;
        role_content_drop_last(content);
        return;
    }
}

void deltas_remember(Repo *repo, const char *who, const char *raw_sha256, const char *path)
{
    json_t *catalogue = world_catalogue(repo, who);
    json_t *bases = json_object_get(catalogue, "bases");
    for (gsize i = json_array_size(bases); i-- > 0;)
        if (g_strcmp0(json_string_value(json_object_get(json_array_get(bases, i), "raw_sha256")),
                      raw_sha256) == 0)
            json_array_remove(bases, i);
    while (json_array_size(bases) > CATALOGUE_BASES_MAX - 1)
        json_array_remove(bases, 0);
    json_array_append_new(bases, json_pack("{s:s, s:s}", "raw_sha256", raw_sha256, "path", path));
}
