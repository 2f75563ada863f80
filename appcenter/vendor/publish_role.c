/* publish_role.c - what a role below targets lists, and when it is signed anew; see publish_role.h. */
#include "vendor/publish_role.h"

#include <stdio.h>
#include <string.h>

#include "ports/archive.h"
#include "vendor/advisories.h"
#include "vendor/bins.h"
#include "vendor/draft.h"
#include "vendor/metadata.h"
#include "vendor/publish.h"

#define BRAKE_TARGET "brake/brake.json"

void role_content_clear(RoleContent *content)
{
    g_clear_pointer(&content->targets, json_decref);
    g_clear_pointer(&content->delegations, json_decref);
    g_clear_pointer(&content->names, g_ptr_array_unref);
    g_clear_pointer(&content->paths, g_ptr_array_unref);
    g_clear_pointer(&content->files, g_ptr_array_unref);
}

void role_content_add(RoleContent *content, const char *target, GBytes *file, json_t *custom)
{
    gsize len = 0;
    const void *data = g_bytes_get_data(file, &len);
    g_autofree char *sha256 = digest_hex_of(DIGEST_SHA256, data, len);
    g_autofree char *folder = g_path_get_dirname(target);
    g_autofree char *base = g_path_get_basename(target);
    g_ptr_array_add(content->names, g_strdup(target));
    json_object_set_new(content->targets, target, metadata_target(sha256, len, custom));
    g_ptr_array_add(content->paths, g_strdup_printf("%s/%s.%s", folder, sha256, base));
    g_ptr_array_add(content->files, g_bytes_ref(file));
}

void role_content_drop_last(RoleContent *content)
{
    guint last = content->names->len - 1;
    json_object_del(content->targets, content->names->pdata[last]);
    g_ptr_array_set_size(content->names, (int)last);
    g_ptr_array_set_size(content->paths, (int)last);
    g_ptr_array_set_size(content->files, (int)last);
}

static json_t *targets_of(const json_t *metadata)
{
    return json_object_get(json_object_get(metadata, "signed"), "targets");
}

static json_t *delegations_of(const json_t *metadata)
{
    return json_object_get(json_object_get(metadata, "signed"), "delegations");
}

/* json_equal, where nothing equals nothing. */
static gboolean is_same(const json_t *one, const json_t *other)
{
    return (!one && !other) || json_equal(one, other);
}

/* --- the brake --- */

static gboolean make_brake(const Publication *publication, const json_t *published, RoleContent *content,
                           GError **error)
{
    g_autoptr(GBytes) file = publish_brake(publication->repo, publication->now, error);
    if (!file)
        return FALSE;
    content->targets = json_object();
    role_content_add(content, BRAKE_TARGET, file, json_pack("{s:s, s:i}", "kind", "brake", "format", 1));
    content->is_changed = !json_equal(content->targets, targets_of(published));
    return TRUE;
}

/* --- catalogues --- */

json_t *world_catalogue(Repo *repo, const char *who)
{
    json_t *catalogues = json_object_get(repo->world, "catalogues");
    if (!catalogues) {
        catalogues = json_object();
        json_object_set_new(repo->world, "catalogues", catalogues);
    }
    json_t *catalogue = json_object_get(catalogues, who);
    if (!catalogue) {
        catalogue = json_pack("{s:i, s:i, s:[]}", "serial", 0, "settled_at", 0, "bases");
        json_object_set_new(catalogues, who, catalogue);
    }
    return catalogue;
}

static char *digest_lines(GBytes *raw)
{
    return digest_hex_of(DIGEST_SHA256, g_bytes_get_data(raw, NULL), g_bytes_get_size(raw));
}

/* The header's time and serial move with every catalogue, so they get new values only when anything else in it changed:
 * the lines are made with the old values first. Then those values stay, however often it takes to publish them. */
static GBytes *settle(const Publication *publication, const char *who, GError **error)
{
    json_t *catalogue = world_catalogue(publication->repo, who);
    gint64 at = json_integer_value(json_object_get(catalogue, "settled_at"));
    if (at > 0) {
        g_autoptr(GBytes) same =
            publish_catalogue(publication->repo, who, publication->bound, publication->now, error);
        g_autofree char *sha256 = same ? digest_lines(same) : NULL;
        if (!same)
            return NULL;
        if (g_strcmp0(sha256, json_string_value(json_object_get(catalogue, "settled"))) == 0)
            return g_steal_pointer(&same);
    }
    json_object_set_new(catalogue, "serial",
                        json_integer(json_integer_value(json_object_get(catalogue, "serial")) + 1));
    json_object_set_new(catalogue, "settled_at", json_integer(publication->now));
    g_autoptr(GBytes) raw =
        publish_catalogue(publication->repo, who, publication->bound, publication->now, error);
    g_autofree char *sha256 = raw ? digest_lines(raw) : NULL;
    if (raw)
        json_object_set_new(catalogue, "settled", json_string(sha256));
    return g_steal_pointer(&raw);
}

/* What the role lists besides its catalogue and deltas stays as it is published. */
static json_t *other_targets(const json_t *published, const char *catalogue)
{
    const char *path;
    json_t *entry;
    json_t *others = json_object();
    json_object_foreach(targets_of(published), path,
                        entry) if (!g_str_equal(path, catalogue) && !g_str_has_prefix(path, "deltas/"))
        json_object_set(others, path, entry);
    return others;
}

static gboolean make_catalogue(const Publication *publication, const char *who, const json_t *published,
                               RoleContent *content, GError **error)
{
    const Repo *repo = publication->repo;
    g_autofree char *target = g_strdup_printf("catalogue/%s.jsonl.zst", who);
    g_autoptr(GBytes) raw = settle(publication, who, error);
    if (!raw)
        return FALSE;
    g_autofree char *raw_sha256 = digest_lines(raw);
    json_t *old = json_object_get(json_object_get(targets_of(published), target), "custom");
    if (g_strcmp0(json_string_value(json_object_get(old, "raw_sha256")), raw_sha256) == 0) {
        content->targets = json_deep_copy(targets_of(published));
        return TRUE;
    }
    g_autoptr(GBytes) file = archive_zstd_compress(g_bytes_get_data(raw, NULL), g_bytes_get_size(raw), error);
    if (!file)
        return FALSE;
    content->is_changed = TRUE;
    content->targets = other_targets(published, target);
    role_content_add(content, target, file,
                     json_pack("{s:s, s:i, s:s, s:I, s:O}", "kind", "catalogue", "format", 1, "raw_sha256",
                               raw_sha256, "raw_length", (json_int_t)g_bytes_get_size(raw), "urgent_epoch",
                               json_object_get(repo->world, "urgent_epoch")));
    deltas_add(repo, who, raw, raw_sha256, g_bytes_get_size(file), content);
    return TRUE;
}

/* --- advisories --- */

/* Beside the catalogue, whose targets are in content already: what is published stays while it says the same. */
static gboolean make_advisories(const Publication *publication, RoleContent *content, GError **error)
{
    g_autoptr(GError) broken = NULL;
    g_autoptr(GBytes) raw = advisories_file(publication->repo, &broken);
    if (!raw) {
        if (broken)
            g_propagate_prefixed_error(error, g_steal_pointer(&broken), "advisories: ");
        return broken == NULL;
    }
    g_autofree char *raw_sha256 = digest_lines(raw);
    json_t *old = json_object_get(json_object_get(content->targets, ADVISORIES_TARGET), "custom");
    if (g_strcmp0(json_string_value(json_object_get(old, "raw_sha256")), raw_sha256) == 0)
        return TRUE;
    g_autoptr(GBytes) file = archive_zstd_compress(g_bytes_get_data(raw, NULL), g_bytes_get_size(raw), error);
    if (!file)
        return FALSE;
    content->is_changed = TRUE;
    role_content_add(content, ADVISORIES_TARGET, file,
                     json_pack("{s:s, s:i, s:s, s:I}", "kind", "advisories", "format", 1, "raw_sha256",
                               raw_sha256, "raw_length", (json_int_t)g_bytes_get_size(raw)));
    return TRUE;
}

/* --- any of them --- */

gboolean role_content_make(const Publication *publication, const char *role, RoleContent *content,
                           GError **error)
{
    g_autoptr(GError) broken = NULL;
    g_autoptr(json_t) published = repo_metadata(publication->repo, role, &broken);
    if (broken) {
        g_propagate_error(error, g_steal_pointer(&broken));
        return FALSE;
    }
    *content = (RoleContent){.names = g_ptr_array_new_with_free_func(g_free),
                             .paths = g_ptr_array_new_with_free_func(g_free),
                             .files = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref)};
    if (g_str_equal(role, "brake"))
        return make_brake(publication, published, content, error);
    if (!g_str_equal(role, "releases"))
        return make_catalogue(publication, role, published, content, error);
    content->delegations = bins_delegations(publication->repo, publication->targets);
    if (!make_catalogue(publication, "vendor", published, content, error) ||
        !make_advisories(publication, content, error))
        return FALSE;
    content->is_changed = content->is_changed || !is_same(delegations_of(published), content->delegations);
    return TRUE;
}

gboolean role_is_ageing(const Repo *repo, const json_t *metadata, const char *role, gint64 now)
{
    return metadata_expires_at(metadata) - now < repo_life_s(repo, role) / 2;
}

/* The content stands. An old signature over it is worth a new one, but only a change makes the keys a must: the brake is
 * published by who has no releases keys. */
static gboolean may_stay(const Publication *publication, const char *role, json_t *published)
{
    if (!metadata_is_signed(published, role, publication->targets))
        return FALSE; /* the keys were replaced */
    if (!role_is_ageing(publication->repo, published, role, publication->now))
        return TRUE;
    if (metadata_can_sign(publication->targets, role, g_hash_table_lookup(publication->keys, role)))
        return FALSE;
    g_autofree char *until = units_format_time(metadata_expires_at(published));
    fprintf(stderr, "appvendor: %s is good until %s; publish with its keys before\n", role, until);
    return TRUE;
}

gboolean role_write(const Publication *publication, const char *role, json_t *part, json_t *signatures,
                    json_t *delegator, GError **error)
{
    gint64 version = json_integer_value(json_object_get(part, "version"));
    g_autoptr(GBytes) bytes =
        metadata_sign(part, signatures, role, delegator, g_hash_table_lookup(publication->keys, role), error);
    g_autofree char *path = repo_metadata_path(role, version);
    return bytes && repo_put_immutable(publication->repo, path, g_bytes_get_data(bytes, NULL),
                                       g_bytes_get_size(bytes), error);
}

json_t *role_part(const Publication *publication, const char *role, const RoleContent *content,
                  const json_t *published)
{
    json_t *part = metadata_signed("targets", repo_next_version(publication->repo, role, published),
                                   publication->now + repo_life_s(publication->repo, role));
    json_object_set(part, "targets", content->targets);
    if (content->delegations)
        json_object_set(part, "delegations", content->delegations);
    return part;
}

/* What others signed elsewhere, if it says what we would say and its number is free; NULL otherwise. */
static json_t *matching_draft(const Publication *publication, const char *role, const RoleContent *content)
{
    g_autoptr(json_t) draft = draft_load(publication->repo, role, NULL);
    g_autofree char *path = repo_metadata_path(role, metadata_version(draft));
    if (!draft || !json_equal(targets_of(draft), content->targets) ||
        !is_same(delegations_of(draft), content->delegations) ||
        root_dir_exists(publication->repo->dir, path))
        return NULL;
    return g_steal_pointer(&draft);
}

static gboolean put_files(const Publication *publication, const RoleContent *content, GError **error)
{
    for (guint i = 0; i < content->paths->len; i++) {
        gsize len = 0;
        const void *data = g_bytes_get_data(content->files->pdata[i], &len);
        g_autofree char *path = g_strconcat("/public/targets/", content->paths->pdata[i], NULL);
        if (!repo_put_immutable(publication->repo, path, data, len, error))
            return FALSE;
    }
    return TRUE;
}

/* Only what is put counts as a base: a draft that is made again must come out the same. */
static void remember_catalogue(const Publication *publication, const char *role, const RoleContent *content)
{
    const char *who = g_str_equal(role, "releases") ? "vendor" : role;
    g_autofree char *target = g_strdup_printf("catalogue/%s.jsonl.zst", who);
    json_t *custom = json_object_get(json_object_get(content->targets, target), "custom");
    if (content->paths->len > 0 && g_str_equal(content->names->pdata[0], target) && custom)
        deltas_remember(publication->repo, who, json_string_value(json_object_get(custom, "raw_sha256")),
                        content->paths->pdata[0]);
}

gboolean role_put(const Publication *publication, const char *role, gint64 *version, GError **error)
{
    g_auto(RoleContent) content = {0};
    if (!role_content_make(publication, role, &content, error))
        return FALSE;
    g_autoptr(json_t) published = repo_metadata(publication->repo, role, NULL);
    *version = metadata_version(published);
    if (!content.is_changed && published && may_stay(publication, role, published))
        return TRUE;
    g_autoptr(json_t) draft = matching_draft(publication, role, &content);
    g_autoptr(json_t) part = draft ? json_incref(json_object_get(draft, "signed"))
                                   : role_part(publication, role, &content, published);
    *version = json_integer_value(json_object_get(part, "version"));
    if (!put_files(publication, &content, error) ||
        !role_write(publication, role, part, json_object_get(draft, "signatures"), publication->targets,
                    error))
        return FALSE;
    remember_catalogue(publication, role, &content);
    return TRUE;
}
