/* bins.c - see bins.h. */
#include "vendor/bins.h"

#include <stdio.h>
#include <string.h>

#include "vendor/metadata.h"
#include "vendor/publish.h"

#define SHA256_DIGITS 64
#define KIND          "archive"

guint bins_count(const Repo *repo)
{
    return (guint)json_integer_value(json_object_get(repo->world, "bins"));
}

static guint bits_of(guint n_bins)
{
    return g_bit_storage(n_bins - 1);
}

char *bins_role(guint n_bins, guint bin)
{
    return g_strdup_printf(BINS_PREFIX "-%0*x", (int)(bits_of(n_bins) + 3) / 4, bin);
}

gboolean bins_is_role(const char *name)
{
    return g_str_equal(name, BINS_PREFIX) || g_str_has_prefix(name, BINS_PREFIX "-");
}

json_t *bins_delegations(const Repo *repo, json_t *targets)
{
    gsize i;
    json_t *id;
    if (!bins_count(repo))
        return NULL;
    json_t *keys = json_object();
    json_t *ids = json_object_get(metadata_role_entry(targets, "releases"), "keyids");
    json_array_foreach(ids, i, id)
    {
        const char *name = json_string_value(id);
        json_object_set(keys, name, json_object_get(metadata_keys(targets), name));
    }
    return json_pack("{s:o, s:{s:O, s:i, s:i, s:s}}", "keys", keys, "succinct_roles", "keyids", ids,
                     "threshold", 1, "bit_length", (int)bits_of(bins_count(repo)), "name_prefix",
                     BINS_PREFIX);
}

char *bins_target_path(const char *path)
{
    const char *name = strchr(path, '/');
    if (!name || strlen(name) < 1 + SHA256_DIGITS + 2 || name[1 + SHA256_DIGITS] != '.')
        return NULL;
    return g_strconcat("packages/", name + 1 + SHA256_DIGITS + 1, NULL);
}

/* targets{} of each bin, as they shall be: an array of json_t*. */
static GPtrArray *wanted_targets(const Repo *repo)
{
    gsize i;
    json_t *release;
    guint n_bins = bins_count(repo);
    GPtrArray *bins = g_ptr_array_new_full(n_bins, (GDestroyNotify)json_decref);
    for (guint bin = 0; bin < n_bins; bin++)
        g_ptr_array_add(bins, json_object());
    json_array_foreach(json_object_get(repo->world, "releases"), i, release)
    {
        const char *app = json_string_value(json_object_get(release, "name"));
        g_autofree char *path = bins_target_path(json_string_value(json_object_get(release, "path")));
        if (!path || !g_str_equal(repo_publisher_of(repo, app), "vendor"))
            continue;
        guint bin = (guint)(digest_sha256_prefix64(path, strlen(path)) >> (64 - bits_of(n_bins)));
        json_object_set_new(bins->pdata[bin], path,
                            metadata_target(json_string_value(json_object_get(release, "sha256")),
                                            (gsize)json_integer_value(json_object_get(release, "size")),
                                            json_pack("{s:s}", "kind", KIND)));
    }
    return bins;
}

/* Whole metadata that delegates to the bins as the releases metadata does that is published with them. */
static json_t *make_delegator(const Publication *publication)
{
    json_t *part =
        metadata_signed("targets", 1, publication->now + repo_life_s(publication->repo, "releases"));
    json_object_set_new(part, "targets", json_object());
    json_object_set_new(part, "delegations", bins_delegations(publication->repo, publication->targets));
    return json_pack("{s:[], s:o}", "signatures", "signed", part);
}

static gboolean put_bin(const Publication *publication, const char *role, json_t *targets, json_t *delegator,
                        gint64 *version, GError **error)
{
    const Repo *repo = publication->repo;
    g_autoptr(GError) broken = NULL;
    g_autoptr(json_t) published = repo_metadata(repo, role, &broken);
    if (broken) {
        g_propagate_error(error, g_steal_pointer(&broken));
        return FALSE;
    }
    *version = metadata_version(published);
    if (published && json_equal(json_object_get(json_object_get(published, "signed"), "targets"), targets) &&
        metadata_is_signed(published, role, delegator) &&
        !role_is_ageing(repo, published, "releases", publication->now))
        return TRUE;
    *version = repo_next_version(repo, role, published);
    g_autoptr(json_t) part =
        metadata_signed("targets", *version, publication->now + repo_life_s(repo, "releases"));
    json_object_set(part, "targets", targets);
    g_autoptr(GBytes) bytes =
        metadata_sign(part, NULL, role, delegator, g_hash_table_lookup(publication->keys, "releases"), error);
    g_autofree char *path = repo_metadata_path(role, *version);
    return bytes &&
           repo_put_immutable(repo, path, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), error);
}

gboolean bins_put(const Publication *publication, json_t *meta, GError **error)
{
    guint n_bins = bins_count(publication->repo);
    if (!n_bins)
        return TRUE;
    if (!metadata_usable(publication->targets, "releases",
                         g_hash_table_lookup(publication->keys, "releases"))) {
        fprintf(stderr, "appvendor: the bins of archives stay as they are: no releases key is here\n");
        return TRUE;
    }
    g_autoptr(GPtrArray) wanted = wanted_targets(publication->repo);
    g_autoptr(json_t) delegator = make_delegator(publication);
    for (guint bin = 0; bin < n_bins; bin++) {
        gint64 version = 0;
        g_autofree char *role = bins_role(n_bins, bin);
        if (!put_bin(publication, role, wanted->pdata[bin], delegator, &version, error))
            return FALSE;
        publish_name_version(meta, role, version);
    }
    return TRUE;
}
