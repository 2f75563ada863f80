/* publish.c - from draft to public/: what changed is signed, what is immutable is put, timestamp.json last by rename. */
#include "vendor/publish.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ports/archive.h"
#include "vendor/commands.h"
#include "vendor/keys.h"
#include "vendor/metadata.h"

#define CATALOGUE_TARGET "catalogue/vendor.jsonl.zst"
#define BRAKE_TARGET     "brake/brake.json"

GHashTable *publish_keys(char **dirs, GError **error)
{
    g_autoptr(GHashTable) keys =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    static const char *const roles[] = {"releases", "brake", "snapshot", "timestamp"};
    for (gsize i = 0; i < G_N_ELEMENTS(roles); i++) {
        GPtrArray *loaded = keys_load(dirs, roles[i], error);
        if (!loaded)
            return NULL;
        g_hash_table_insert(keys, g_strdup(roles[i]), loaded);
    }
    return g_steal_pointer(&keys);
}

static gint64 life_of(const Repo *repo, const char *role)
{
    gint64 given = json_integer_value(json_object_get(json_object_get(repo->world, "expires"), role));
    return given > 0 ? given : metadata_role(role)->expires_s;
}

/* Signed anew when less than half of its life is left, so that a box that polls rarely never meets its end. */
static gboolean is_ageing(const Repo *repo, const json_t *metadata, const char *role, gint64 now)
{
    return metadata_expires_at(metadata) - now < life_of(repo, role) / 2;
}

static json_t *target_entry(const json_t *metadata, const char *path)
{
    return json_object_get(json_object_get(json_object_get(metadata, "signed"), "targets"), path);
}

/* A publication that was cut short, or lacked a key, may have left the next numbers behind. Somebody may have seen them:
 * they are passed over, so that no number ever means two contents and the next publish still works. */
static gint64 next_version(const Repo *repo, const char *role, const json_t *published)
{
    for (gint64 version = metadata_version(published) + 1;; version++) {
        g_autofree char *path = repo_metadata_path(role, version);
        if (!root_dir_exists(repo->dir, path))
            return version;
    }
}

/* Signs and writes N.ROLE.json; 0 on failure, else its version. */
static gint64 put_role(Repo *repo, const char *role, json_t *signed_part, json_t *delegator, GHashTable *keys,
                       GError **error)
{
    gint64 version = json_integer_value(json_object_get(signed_part, "version"));
    g_autoptr(GBytes) bytes =
        metadata_sign(signed_part, role, delegator, g_hash_table_lookup(keys, role), error);
    g_autofree char *path = repo_metadata_path(role, version);
    if (!bytes ||
        !repo_put_immutable(repo, path, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), error))
        return 0;
    return version;
}

/* What tells one content from another: the uncompressed digest where there is one, as a compressor may change. */
static const char *fingerprint(const json_t *custom, const char *file_sha256)
{
    const char *raw_sha256 = json_string_value(json_object_get(custom, "raw_sha256"));
    return raw_sha256 ? raw_sha256 : file_sha256;
}

/* The content stands. An old signature over it is worth a new one, but only a change makes the keys a must: the brake is
 * published by who has no releases keys. */
static gboolean may_stay(const Repo *repo, const char *role, const json_t *published, json_t *targets,
                         GHashTable *keys, gint64 now)
{
    if (!is_ageing(repo, published, role, now))
        return TRUE;
    if (metadata_can_sign(targets, role, g_hash_table_lookup(keys, role)))
        return FALSE;
    g_autofree char *until = units_format_time(metadata_expires_at(published));
    fprintf(stderr, "appvendor: %s is good until %s; publish with its keys before\n", role, until);
    return TRUE;
}

/* One target of a role of its own: nothing to do when the content is the published one's and the role is young. file:
 * what is served; custom: taken. Sets *version to the role's current version. */
static gboolean put_target_role(Repo *repo, const char *role, const char *target, GBytes *file,
                                json_t *custom, json_t *targets, GHashTable *keys, gint64 now,
                                gint64 *version, GError **error)
{
    g_autoptr(json_t) taken = custom;
    g_autoptr(GError) broken = NULL;
    g_autoptr(json_t) published = repo_metadata(repo, role, &broken);
    if (broken) {
        g_propagate_error(error, g_steal_pointer(&broken));
        return FALSE;
    }
    json_t *entry = published ? target_entry(published, target) : NULL;
    g_autofree char *sha256 =
        digest_hex_of(DIGEST_SHA256, g_bytes_get_data(file, NULL), g_bytes_get_size(file));
    const char *old =
        fingerprint(json_object_get(entry, "custom"),
                    json_string_value(json_object_get(json_object_get(entry, "hashes"), "sha256")));
    *version = metadata_version(published);
    if (g_strcmp0(old, fingerprint(taken, sha256)) == 0 &&
        may_stay(repo, role, published, targets, keys, now))
        return TRUE;
    g_autofree char *folder = g_path_get_dirname(target);
    g_autofree char *base = g_path_get_basename(target);
    g_autofree char *path = g_strdup_printf("/public/targets/%s/%s.%s", folder, sha256, base);
    if (!repo_put_immutable(repo, path, g_bytes_get_data(file, NULL), g_bytes_get_size(file), error))
        return FALSE;
    g_autoptr(json_t) part =
        metadata_signed("targets", next_version(repo, role, published), now + life_of(repo, role));
    json_object_set_new(
        part, "targets",
        json_pack("{s:o}", target, metadata_target(sha256, g_bytes_get_size(file), json_incref(taken))));
    *version = put_role(repo, role, part, targets, keys, error);
    return *version != 0;
}

/* Does the world differ from what is published, times and serial apart? The header's time and serial move with every
 * catalogue, so they are given a new value only when a release changed. */
static gboolean world_changed(Repo *repo)
{
    g_autofree char *text = json_to_text(json_object_get(repo->world, "releases"));
    g_autofree char *sha256 = digest_hex_of(DIGEST_SHA256, text, strlen(text));
    const char *old = json_string_value(json_object_get(repo->world, "published_releases"));
    if (g_strcmp0(old, sha256) == 0)
        return FALSE;
    json_object_set_new(repo->world, "serial",
                        json_integer(json_integer_value(json_object_get(repo->world, "serial")) + 1));
    return TRUE;
}

/* Remembered after fill_times, so that the next publish sees no change. */
static void remember_world(Repo *repo, gint64 now)
{
    g_autofree char *text = json_to_text(json_object_get(repo->world, "releases"));
    g_autofree char *sha256 = digest_hex_of(DIGEST_SHA256, text, strlen(text));
    json_object_set_new(repo->world, "published_releases", json_string(sha256));
    json_object_set_new(repo->world, "published_at", json_integer(now));
}

static gboolean put_catalogue(Repo *repo, json_t *targets, GHashTable *keys, gint64 now, gint64 *version,
                              GError **error)
{
    gboolean changed = world_changed(repo);
    gint64 at = changed ? now : json_integer_value(json_object_get(repo->world, "published_at"));
    g_autoptr(GBytes) raw = publish_catalogue(repo, at, error);
    if (!raw)
        return FALSE;
    g_autofree char *raw_sha256 =
        digest_hex_of(DIGEST_SHA256, g_bytes_get_data(raw, NULL), g_bytes_get_size(raw));
    g_autoptr(GBytes) file = archive_zstd_compress(g_bytes_get_data(raw, NULL), g_bytes_get_size(raw), error);
    if (!file)
        return FALSE;
    json_t *custom = json_pack("{s:s, s:i, s:s, s:I, s:O}", "kind", "catalogue", "format", 1, "raw_sha256",
                               raw_sha256, "raw_length", (json_int_t)g_bytes_get_size(raw), "urgent_epoch",
                               json_object_get(repo->world, "urgent_epoch"));
    if (!put_target_role(repo, "releases", CATALOGUE_TARGET, file, custom, targets, keys, now, version,
                         error))
        return FALSE;
    if (changed)
        remember_world(repo, at);
    return TRUE;
}

static gboolean put_brake(Repo *repo, json_t *targets, GHashTable *keys, gint64 now, gint64 *version,
                          GError **error)
{
    g_autoptr(GBytes) file = publish_brake(repo, now, error);
    json_t *custom = file ? json_pack("{s:s, s:i}", "kind", "brake", "format", 1) : NULL;
    return custom &&
           put_target_role(repo, "brake", BRAKE_TARGET, file, custom, targets, keys, now, version, error);
}

/* --- archives --- */

static gboolean move_package(Repo *repo, const char *path, GError **error)
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

static gboolean put_packages(Repo *repo, GError **error)
{
    gsize i;
    json_t *release;
    json_array_foreach(json_object_get(repo->world, "releases"), i,
                       release) if (!move_package(repo, json_string_value(json_object_get(release, "path")),
                                                  error)) return FALSE;
    return TRUE;
}

/* --- snapshot and timestamp --- */

static void name_version(json_t *meta, const char *role, gint64 version)
{
    g_autofree char *file = g_strdup_printf("%s.json", role);
    json_object_set_new(meta, file, json_pack("{s:I}", "version", (json_int_t)version));
}

static json_t *put_snapshot(Repo *repo, json_t *root, json_t *meta, GHashTable *keys, gint64 now,
                            GError **error)
{
    g_autoptr(json_t) wanted = meta;
    g_autoptr(GError) broken = NULL;
    g_autoptr(json_t) published = repo_metadata(repo, "snapshot", &broken);
    if (broken) {
        g_propagate_error(error, g_steal_pointer(&broken));
        return NULL;
    }
    json_t *old = json_object_get(json_object_get(published, "signed"), "meta");
    gint64 version = metadata_version(published);
    if (!published || !json_equal(old, wanted) || is_ageing(repo, published, "snapshot", now)) {
        g_autoptr(json_t) part = metadata_signed("snapshot", next_version(repo, "snapshot", published),
                                                 now + life_of(repo, "snapshot"));
        json_object_set(part, "meta", wanted);
        version = put_role(repo, "snapshot", part, root, keys, error);
    }
    if (!version)
        return NULL;
    return json_pack("{s:{s:I}}", "snapshot.json", "version", (json_int_t)version);
}

/* Web servers make an ETag of size and whole seconds: a second timestamp in the same second would look unchanged to a
 * conditional request. So each one is at least a second younger than the one before. */
static gboolean write_head(Repo *repo, GBytes *bytes, GError **error)
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
static GBytes *sign_timestamp(const Repo *repo, json_t *root, json_t *meta, GHashTable *keys, gint64 now,
                              GError **error)
{
    g_autoptr(json_t) taken = meta;
    g_autoptr(GError) broken = NULL;
    g_autoptr(json_t) published = repo_metadata(repo, "timestamp", &broken);
    if (broken) {
        g_propagate_error(error, g_steal_pointer(&broken));
        return NULL;
    }
    g_autofree char *signed_at = units_format_time(now);
    g_autoptr(json_t) part =
        metadata_signed("timestamp", metadata_version(published) + 1, now + life_of(repo, "timestamp"));
    json_object_set(part, "meta", taken);
    json_object_set_new(part, "signed_at", json_string(signed_at));
    return metadata_sign(part, "timestamp", root, g_hash_table_lookup(keys, "timestamp"), error);
}

/* The top-level targets that is in force: what the snapshot names, or the first one, right after the ceremony. */
static json_t *current_targets(const Repo *repo, GError **error)
{
    g_autoptr(GError) broken = NULL;
    json_t *targets = repo_metadata(repo, "targets", &broken);
    if (targets || broken) {
        if (broken)
            g_propagate_error(error, g_steal_pointer(&broken));
        return targets;
    }
    g_autofree char *path = repo_metadata_path("targets", 1);
    g_autoptr(GBytes) bytes = root_dir_read(repo->dir, path, TUF_MAX_TARGETS_BYTES, error);
    return bytes ? json_parse_strict(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), 64, TRUE, error)
                 : NULL;
}

/* No archive is shown before every signature is there. The world is saved before the head: a crash between the two leaves
 * the old repository and a world whose times are settled, and the next publish brings out exactly that. */
gboolean publish_all(Repo *repo, GHashTable *keys, gint64 now, GError **error)
{
    gint64 releases_version = 0, brake_version = 0;
    g_autoptr(json_t) root = repo_metadata(repo, "root", error);
    g_autoptr(json_t) targets = root ? current_targets(repo, error) : NULL;
    if (!targets || !put_catalogue(repo, targets, keys, now, &releases_version, error) ||
        !put_brake(repo, targets, keys, now, &brake_version, error))
        return FALSE;
    json_t *meta = json_object();
    name_version(meta, "targets", metadata_version(targets));
    name_version(meta, "releases", releases_version);
    name_version(meta, "brake", brake_version);
    json_t *snapshot = put_snapshot(repo, root, meta, keys, now, error);
    g_autoptr(GBytes) head = snapshot ? sign_timestamp(repo, root, snapshot, keys, now, error) : NULL;
    return head && put_packages(repo, error) && repo_save_world(repo, error) && write_head(repo, head, error);
}

gboolean publish_heads(Repo *repo, GHashTable *keys, gint64 now, GError **error)
{
    g_autoptr(GError) broken = NULL;
    g_autoptr(json_t) root = repo_metadata(repo, "root", &broken);
    g_autoptr(json_t) published = root ? repo_metadata(repo, "snapshot", &broken) : NULL;
    if (broken) {
        g_propagate_error(error, g_steal_pointer(&broken));
        return FALSE;
    }
    if (!published)
        return error_set(error, APPCENTER_ERROR_NOT_FOUND, "nothing is published yet; run publish first");
    json_t *meta = json_incref(json_object_get(json_object_get(published, "signed"), "meta"));
    json_t *snapshot = put_snapshot(repo, root, meta, keys, now, error);
    g_autoptr(GBytes) head = snapshot ? sign_timestamp(repo, root, snapshot, keys, now, error) : NULL;
    return head && write_head(repo, head, error);
}
