/* publish.c - from draft to public/: what changed is signed, what is immutable is put, timestamp.json last by rename. */
#include "vendor/publish.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "vendor/bins.h"
#include "vendor/draft.h"
#include "vendor/metadata.h"
#include "vendor/publish_role.h"

static gboolean load_keys(GHashTable *keys, KeySource *source, const char *role, GError **error)
{
    GPtrArray *loaded = keys_load(source, role, error);
    if (loaded)
        g_hash_table_insert(keys, g_strdup(role), loaded);
    return loaded != NULL;
}

GHashTable *publish_keys(const Repo *repo, KeySource *source, GError **error)
{
    static const char *const roles[] = {"releases", "brake", "snapshot", "timestamp"};
    g_autoptr(GHashTable) keys =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    for (gsize i = 0; i < G_N_ELEMENTS(roles); i++)
        if (!load_keys(keys, source, roles[i], error))
            return NULL;
    g_auto(GStrv) publishers = repo_publishers(repo);
    for (char **name = publishers; *name; name++)
        if (!load_keys(keys, source, *name, error))
            return NULL;
    return g_steal_pointer(&keys);
}

/* --- archives --- */

static gboolean move_package(const Repo *repo, const char *path, GError **error)
{
    g_autofree char *from = g_strdup_printf("/draft/%s", path);
    g_autofree char *to = g_strdup_printf("/public/%s", path);
    if (root_dir_exists(repo->dir, to)) /* a copy in the draft is left over from an add that was cut short */
        return root_dir_unlink(repo->dir, from, error);
    g_autofree char *from_host = root_dir_host_path(repo->dir, from);
    g_autofree char *to_host = root_dir_host_path(repo->dir, to);
    if (rename(from_host, to_host) != 0)
        return error_set_errno(error, "cannot publish %s", path);
    g_auto(Fd) folder = root_dir_openat(repo->dir, "/public/packages", O_RDONLY | O_DIRECTORY, 0, error);
    return folder >= 0 && files_fsync(folder, "public/packages", error);
}

static gboolean put_packages(const Repo *repo, GError **error)
{
    gsize i;
    json_t *release;
    json_array_foreach(json_object_get(repo->world, "releases"), i,
                       release) if (!move_package(repo, json_string_value(json_object_get(release, "path")),
                                                  error)) return FALSE;
    return TRUE;
}

/* --- snapshot and timestamp --- */

void publish_name_version(json_t *meta, const char *role, gint64 version)
{
    g_autofree char *file = g_strdup_printf("%s.json", role);
    json_object_set_new(meta, file, json_pack("{s:I}", "version", (json_int_t)version));
}

/* What the published snapshot lists: the start of the next one, as no role may ever vanish from it (5.5.5). */
static json_t *snapshot_meta(const Repo *repo, GError **error)
{
    g_autoptr(GError) broken = NULL;
    g_autoptr(json_t) published = repo_metadata(repo, "snapshot", &broken);
    if (broken) {
        g_propagate_error(error, g_steal_pointer(&broken));
        return NULL;
    }
    json_t *old = json_object_get(json_object_get(published, "signed"), "meta");
    return old ? json_deep_copy(old) : json_object();
}

/* The timestamp's meta; meta: taken. */
static json_t *put_snapshot(const Publication *publication, json_t *meta, GError **error)
{
    const Repo *repo = publication->repo;
    g_autoptr(json_t) wanted = meta;
    g_autoptr(GError) broken = NULL;
    g_autoptr(json_t) published = repo_metadata(repo, "snapshot", &broken);
    if (broken) {
        g_propagate_error(error, g_steal_pointer(&broken));
        return NULL;
    }
    json_t *old = json_object_get(json_object_get(published, "signed"), "meta");
    gint64 version = metadata_version(published);
    if (!published || !json_equal(old, wanted) ||
        !metadata_is_signed(published, "snapshot", publication->root) ||
        role_is_ageing(repo, published, "snapshot", publication->now)) {
        version = repo_next_version(repo, "snapshot", published);
        g_autoptr(json_t) part =
            metadata_signed("snapshot", version, publication->now + repo_life_s(repo, "snapshot"));
        json_object_set(part, "meta", wanted);
        if (!role_write(publication, "snapshot", part, NULL, publication->root, error))
            return NULL;
    }
    return json_pack("{s:{s:I}}", "snapshot.json", "version", (json_int_t)version);
}

/* Web servers make an ETag of size and whole seconds: a second timestamp in the same second would look unchanged to a
 * conditional request. So each one is at least a second younger than the one before. */
static gboolean write_head(const Repo *repo, GBytes *bytes, GError **error)
{
    struct stat st;
    g_autofree char *path = repo_metadata_path("timestamp", 0);
    g_auto(Fd) old = root_dir_openat(repo->dir, path, O_RDONLY, 0, NULL);
    time_t before = old >= 0 && fstat(old, &st) == 0 ? st.st_mtime : 0;
    if (!root_dir_write_atomic(repo->dir, path, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), 0644,
                               error))
        return FALSE;
    g_auto(Fd) fd = root_dir_openat(repo->dir, path, O_RDONLY, 0, error);
    if (fd < 0)
        return FALSE;
    if (fstat(fd, &st) != 0)
        return error_set_errno(error, "cannot look at %s", path);
    const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = before + 1}};
    return st.st_mtime > before || futimens(fd, times) == 0 ||
           error_set_errno(error, "cannot set the time of %s", path);
}

/* The head as it will be served; nothing is written yet. meta: taken. */
static GBytes *sign_timestamp(const Publication *publication, json_t *meta, GError **error)
{
    const Repo *repo = publication->repo;
    g_autoptr(json_t) taken = meta;
    g_autoptr(GError) broken = NULL;
    g_autoptr(json_t) published = repo_metadata(repo, "timestamp", &broken);
    if (broken) {
        g_propagate_error(error, g_steal_pointer(&broken));
        return NULL;
    }
    g_autofree char *signed_at = units_format_time(publication->now);
    g_autoptr(json_t) part = metadata_signed("timestamp", metadata_version(published) + 1,
                                             publication->now + repo_life_s(repo, "timestamp"));
    json_object_set(part, "meta", taken);
    json_object_set_new(part, "signed_at", json_string(signed_at));
    return metadata_sign(part, NULL, "timestamp", publication->root,
                         g_hash_table_lookup(publication->keys, "timestamp"), error);
}

/* meta: taken. */
static GBytes *sign_heads(const Publication *publication, json_t *meta, GError **error)
{
    json_t *snapshot = put_snapshot(publication, meta, error);
    return snapshot ? sign_timestamp(publication, snapshot, error) : NULL;
}

/* --- what is in force, and what will be --- */

static void publication_clear(Publication *publication)
{
    g_clear_pointer(&publication->root, json_decref);
    g_clear_pointer(&publication->targets, json_decref);
    g_clear_pointer(&publication->bound, g_strfreev);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Publication, publication_clear)

/* Replaces *place by the role's draft, which must be signed by all who must. */
static gboolean take_draft(const Repo *repo, const char *role, json_t **place, GError **error)
{
    g_autoptr(GError) broken = NULL;
    g_autoptr(json_t) draft = draft_load(repo, role, &broken);
    if (broken) {
        g_propagate_error(error, g_steal_pointer(&broken));
        return FALSE;
    }
    if (!draft)
        return TRUE;
    g_autoptr(GPtrArray) delegators = draft_delegators(repo, role, draft, error);
    if (!delegators || !draft_check_signed(draft, role, delegators, error))
        return FALSE;
    json_decref(*place);
    *place = g_steal_pointer(&draft);
    return TRUE;
}

/* A targets that the root in force does not vouch for would stop every box. */
static gboolean check_targets(const Publication *publication, GError **error)
{
    g_autoptr(GPtrArray) delegators = g_ptr_array_new();
    g_ptr_array_add(delegators, publication->root);
    return draft_check_signed(publication->targets, "targets", delegators, error);
}

static gboolean open_publication(Publication *publication, gboolean with_drafts, GError **error)
{
    const Repo *repo = publication->repo;
    publication->root = repo_metadata(repo, "root", error);
    publication->targets = publication->root ? repo_targets(repo, error) : NULL;
    if (!publication->targets)
        return FALSE;
    return !with_drafts ||
           (take_draft(repo, "root", &publication->root, error) &&
            take_draft(repo, "targets", &publication->targets, error) && check_targets(publication, error));
}

/* Who is published already under the keys that count, or can be now. The others are not named in the vendor's header, as
 * boxes would ask for a catalogue that nobody vouches for. */
static void find_bound(Publication *publication)
{
    g_auto(GStrv) publishers = repo_publishers(publication->repo);
    GPtrArray *bound = g_ptr_array_new();
    for (char **name = publishers; *name; name++) {
        g_autoptr(json_t) published = repo_metadata(publication->repo, *name, NULL);
        if (metadata_is_signed(published, *name, publication->targets))
            g_ptr_array_add(bound, g_strdup(*name));
    }
    g_ptr_array_add(bound, NULL);
    publication->bound = (char **)g_ptr_array_free(bound, FALSE);
}

/* --- putting it together --- */

/* A publisher who has not signed yet keeps nobody else waiting: what is published of it stays. */
static gboolean put_publishers(Publication *publication, json_t *meta, GError **error)
{
    g_auto(GStrv) publishers = repo_publishers(publication->repo);
    GPtrArray *bound = g_ptr_array_new_with_free_func(g_free);
    for (char **name = publishers; *name; name++) {
        gint64 version = 0;
        g_autoptr(GError) failure = NULL;
        g_autoptr(json_t) published = repo_metadata(publication->repo, *name, NULL);
        if (!metadata_role_entry(publication->targets, *name))
            continue;
        gboolean is_put = role_put(publication, *name, &version, &failure);
        if (is_put)
            publish_name_version(meta, *name, version);
        else if (error_kind(failure) != APPCENTER_ERROR_UNTRUSTED) {
            g_ptr_array_unref(bound);
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        } else
            fprintf(stderr, "appvendor: %s stays as it is: %s\n", *name, failure->message);
        if (is_put || metadata_is_signed(published, *name, publication->targets))
            g_ptr_array_add(bound, g_strdup(*name));
    }
    g_ptr_array_add(bound, NULL);
    publication->bound = (char **)g_ptr_array_steal(bound, NULL);
    g_ptr_array_unref(bound);
    return TRUE;
}

/* A root or targets that was a draft, as a file: it is signed by those who must. in_force: what is published. */
static gboolean put_offline(const Repo *repo, const char *role, const json_t *metadata,
                            const json_t *in_force, GError **error)
{
    if (metadata_version(metadata) == metadata_version(in_force))
        return TRUE;
    g_autofree char *path = repo_metadata_path(role, metadata_version(metadata));
    g_autofree char *text = json_to_text(metadata);
    return repo_put_immutable(repo, path, text, strlen(text), error);
}

static gboolean put_next_targets(const Publication *publication, GError **error)
{
    g_autoptr(json_t) in_force = repo_targets(publication->repo, error);
    return in_force && put_offline(publication->repo, "targets", publication->targets, in_force, error);
}

static gboolean put_next_root(const Publication *publication, GError **error)
{
    g_autoptr(json_t) in_force = repo_metadata(publication->repo, "root", error);
    return in_force && put_offline(publication->repo, "root", publication->root, in_force, error);
}

static gboolean drop_drafts(const Repo *repo, GError **error)
{
    static const char *const roles[] = {"root", "targets", "releases", "brake"};
    g_auto(GStrv) publishers = repo_publishers(repo);
    for (gsize i = 0; i < G_N_ELEMENTS(roles); i++) {
        g_autoptr(json_t) waiting = draft_load(repo, roles[i], NULL);
        if (!waiting && !draft_drop(repo, roles[i], error))
            return FALSE;
    }
    for (char **name = publishers; *name; name++) {
        g_autoptr(json_t) waiting = draft_load(repo, *name, NULL);
        if (!waiting && !draft_drop(repo, *name, error))
            return FALSE;
    }
    return TRUE;
}

/* No archive is shown before every signature is there. The world is saved before the head: a crash between the two leaves
 * the old repository and a world whose times are settled, and the next publish brings out exactly that. The root comes
 * just before the head, as boxes take it at once and then want a head that it vouches for. */
static gboolean publish_everything(Publication *publication, GError **error)
{
    Repo *repo = publication->repo;
    gint64 releases_version = 0, brake_version = 0;
    g_autoptr(json_t) meta = snapshot_meta(repo, error);
    if (!meta || !open_publication(publication, TRUE, error) || !put_publishers(publication, meta, error) ||
        !role_put(publication, "releases", &releases_version, error) || !bins_put(publication, meta, error) ||
        !role_put(publication, "brake", &brake_version, error) || !put_next_targets(publication, error))
        return FALSE;
    publish_name_version(meta, "targets", metadata_version(publication->targets));
    publish_name_version(meta, "releases", releases_version);
    publish_name_version(meta, "brake", brake_version);
    g_autoptr(GBytes) head = sign_heads(publication, json_incref(meta), error);
    return head && put_packages(repo, error) && repo_save_world(repo, error) &&
           put_next_root(publication, error) && write_head(repo, head, error) && drop_drafts(repo, error);
}

static gboolean publish_brake_alone(Publication *publication, GError **error)
{
    Repo *repo = publication->repo;
    gint64 version = 0;
    g_autoptr(json_t) meta = snapshot_meta(repo, error);
    if (!meta || !open_publication(publication, FALSE, error) ||
        !role_put(publication, "brake", &version, error))
        return FALSE;
    publish_name_version(meta, "brake", version);
    g_autoptr(GBytes) head = sign_heads(publication, json_incref(meta), error);
    return head && repo_save_world(repo, error) && write_head(repo, head, error) && drop_drafts(repo, error);
}

/* Is there a brake to be published, on a repository that is published at all? */
static gboolean brake_waits(const Repo *repo, gint64 now)
{
    g_auto(RoleContent) content = {0};
    g_autoptr(json_t) timestamp = repo_metadata(repo, "timestamp", NULL);
    g_autoptr(json_t) copy = json_deep_copy(repo->world);
    Repo draft = {repo->dir, -1, copy};
    const Publication publication = {.repo = &draft, .now = now};
    return timestamp && role_content_make(&publication, "brake", &content, NULL) && content.is_changed;
}

static gboolean has_releases_key(const Repo *repo, GHashTable *keys)
{
    g_autoptr(json_t) targets = repo_targets(repo, NULL);
    return metadata_usable(targets, "releases", g_hash_table_lookup(keys, "releases")) > 0;
}

gboolean publish_all(Repo *repo, GHashTable *keys, gint64 now, char **held_back, GError **error)
{
    g_autoptr(GError) failure = NULL, brake_failure = NULL;
    g_autoptr(json_t) world = json_deep_copy(repo->world);
    g_auto(Publication) all = {.repo = repo, .keys = keys, .now = now};
    g_auto(Publication) brake = {.repo = repo, .keys = keys, .now = now};
    if (publish_everything(&all, &failure))
        return TRUE;
    json_decref(repo->world); /* what was settled on the way was not published */
    repo->world = g_steal_pointer(&world);
    if (error_kind(failure) != APPCENTER_ERROR_UNTRUSTED || !brake_waits(repo, now) ||
        !publish_brake_alone(&brake, &brake_failure)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    *held_back = g_strdup(failure->message);
    if (!has_releases_key(repo, keys))
        return TRUE;
    g_propagate_prefixed_error(error, g_steal_pointer(&failure), "only the brake is published: ");
    return FALSE;
}

gboolean publish_heads(Repo *repo, GHashTable *keys, gint64 now, GError **error)
{
    g_autoptr(GError) broken = NULL;
    g_auto(Publication) publication = {.repo = repo, .keys = keys, .now = now};
    g_autoptr(json_t) published = repo_metadata(repo, "snapshot", &broken);
    if (broken) {
        g_propagate_error(error, g_steal_pointer(&broken));
        return FALSE;
    }
    if (!published)
        return error_set(error, APPCENTER_ERROR_NOT_FOUND, "nothing is published yet; run publish first");
    if (!open_publication(&publication, FALSE, error))
        return FALSE;
    json_t *meta = json_incref(json_object_get(json_object_get(published, "signed"), "meta"));
    g_autoptr(GBytes) head = sign_heads(&publication, meta, error);
    return head && write_head(repo, head, error);
}

gboolean publish_prepare(Repo *repo, const char *role, gint64 now, GError **error)
{
    g_auto(RoleContent) content = {0};
    g_auto(Publication) publication = {.repo = repo, .now = now};
    g_autoptr(GError) broken = NULL;
    g_autoptr(json_t) published = repo_metadata(repo, role, &broken);
    if (broken) {
        g_propagate_error(error, g_steal_pointer(&broken));
        return FALSE;
    }
    if (!open_publication(&publication, FALSE, error))
        return FALSE;
    find_bound(&publication);
    if (!role_content_make(&publication, role, &content, error))
        return FALSE;
    if (!content.is_changed && metadata_is_signed(published, role, publication.targets) &&
        !role_is_ageing(repo, published, role, now))
        return error_set(error, APPCENTER_ERROR_REFUSED,
                         "%s %" G_GINT64_FORMAT
                         ": nothing changed, and it is young; there is nothing to sign",
                         role, metadata_version(published));
    g_autoptr(json_t) part = role_part(&publication, role, &content, published);
    g_autoptr(json_t) metadata = json_pack("{s:[], s:O}", "signatures", "signed", part);
    return draft_save(repo, role, metadata, error) && repo_save_world(repo, error);
}
