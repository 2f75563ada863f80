/* repo.c - the repository folder; see repo.h. */
#include "vendor/repo.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "vendor/metadata.h"

#define REPO_WORLD           "/draft.json"
#define REPO_LOCK            "/draft.lock"
#define REPO_MAX_WORLD_BYTES (256 * 1024 * 1024)

void repo_free(Repo *repo)
{
    if (!repo)
        return;
    fd_close(repo->lock);
    root_dir_free(repo->dir);
    json_decref(repo->world);
    g_free(repo);
}

static json_t *read_json(const RootDir *dir, const char *path, gsize max_bytes, GError **error)
{
    g_autoptr(GBytes) bytes = root_dir_read(dir, path, max_bytes, error);
    if (!bytes)
        return NULL;
    json_t *value =
        json_parse_strict(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), 64, TRUE, error);
    if (!value)
        g_prefix_error(error, "%s%s: ", root_dir_path(dir), path);
    return value;
}

/* A timer's refresh beside a publish by hand would put an older snapshot under a newer timestamp. */
static gboolean lock(Repo *repo, GError **error)
{
    repo->lock = root_dir_openat(repo->dir, REPO_LOCK, O_RDWR | O_CREAT, 0644, error);
    if (repo->lock < 0)
        return FALSE;
    while (flock(repo->lock, LOCK_EX) != 0)
        if (errno != EINTR)
            return error_set_errno(error, "cannot lock %s", root_dir_path(repo->dir));
    return TRUE;
}

static Repo *open_repo(const char *path, gboolean to_write, GError **error)
{
    g_autoptr(Repo) repo = g_new0(Repo, 1);
    repo->lock = -1;
    repo->dir = root_dir_open(path, error);
    if (!repo->dir)
        return NULL;
    if (!root_dir_exists(repo->dir, REPO_WORLD)) {
        error_set(error, APPCENTER_ERROR_NOT_FOUND, "%s is no repository; make one with appvendor init",
                  path);
        return NULL;
    }
    if (to_write && !lock(repo, error))
        return NULL;
    repo->world = read_json(repo->dir, REPO_WORLD, REPO_MAX_WORLD_BYTES, error);
    return repo->world ? g_steal_pointer(&repo) : NULL;
}

Repo *repo_open(const char *path, GError **error)
{
    return open_repo(path, TRUE, error);
}

Repo *repo_open_to_read(const char *path, GError **error)
{
    return open_repo(path, FALSE, error);
}

static gboolean refuse_to_create(const Repo *repo, const char *path, GError **error)
{
    if (root_dir_exists(repo->dir, REPO_WORLD))
        return error_set(error, APPCENTER_ERROR_REFUSED,
                         "%s is a repository already; publish goes on with it", path);
    if (root_dir_exists(repo->dir, "/draft") || root_dir_exists(repo->dir, "/public"))
        return error_set(error, APPCENTER_ERROR_REFUSED,
                         "%s is from an init that did not finish; remove it and the keys that it made, then "
                         "run init again",
                         path);
    return error_set(error, APPCENTER_ERROR_REFUSED, "%s is not empty", path);
}

Repo *repo_create(const char *path, GError **error)
{
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        return error_set_errno(error, "cannot make %s", path), NULL;
    g_autoptr(Repo) repo = g_new0(Repo, 1);
    repo->lock = -1;
    repo->dir = root_dir_open(path, error);
    g_auto(GStrv) names = repo->dir ? root_dir_list(repo->dir, "/", error) : NULL;
    if (!names)
        return NULL;
    if (*names && !refuse_to_create(repo, path, error))
        return NULL;
    static const char *const folders[] = {"/draft/packages", "/draft/roles", "/public/metadata",
                                          "/public/targets", "/public/packages"};
    for (gsize i = 0; i < G_N_ELEMENTS(folders); i++)
        if (!root_dir_make_dirs(repo->dir, folders[i], 0755, error))
            return NULL;
    repo->world = json_object();
    return lock(repo, error) ? g_steal_pointer(&repo) : NULL;
}

gboolean repo_save_world(const Repo *repo, GError **error)
{
    g_autofree char *text = json_dumps(repo->world, JSON_INDENT(1) | JSON_SORT_KEYS);
    return root_dir_write_atomic(repo->dir, REPO_WORLD, text, strlen(text), 0644, error);
}

static const char *member(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

GPtrArray *repo_releases(const Repo *repo, const char *name, const char *version, GError **error)
{
    gsize i;
    json_t *release;
    const char *wanted = version;
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    json_t *releases = json_object_get(repo->world, "releases");
    if (!wanted) {
        json_array_foreach(releases, i,
                           release) if (g_strcmp0(member(release, "name"), name) == 0 &&
                                        (!wanted || version_compare(member(release, "version"), wanted) > 0))
            wanted = member(release, "version");
    }
    json_array_foreach(releases, i, release) if (wanted && g_strcmp0(member(release, "name"), name) == 0 &&
                                                 g_strcmp0(member(release, "version"), wanted) == 0)
        g_ptr_array_add(found, release);
    if (found->len > 0)
        return g_steal_pointer(&found);
    error_set(error, APPCENTER_ERROR_NOT_FOUND, "%s%s%s is not in this repository; add it first", name,
              version ? " " : "", version ? version : "");
    return NULL;
}

json_t *repo_publisher(const Repo *repo, const char *name)
{
    return json_object_get(json_object_get(repo->world, "publishers"), name);
}

const char *repo_publisher_of(const Repo *repo, const char *app)
{
    const char *name;
    json_t *binding;
    json_object_foreach(json_object_get(repo->world, "publishers"), name, binding)
    {
        json_t *apps = json_object_get(binding, "apps");
        for (gsize i = 0; i < json_array_size(apps); i++)
            if (g_strcmp0(json_string_value(json_array_get(apps, i)), app) == 0)
                return name;
    }
    return "vendor";
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char **repo_publishers(const Repo *repo)
{
    const char *name;
    json_t *binding;
    GPtrArray *names = g_ptr_array_new();
    json_object_foreach(json_object_get(repo->world, "publishers"), name, binding)
        g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, compare_texts);
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

const char *repo_ca_pem(const Repo *repo, const char *who)
{
    json_t *binding = g_str_equal(who, "vendor") ? repo->world : repo_publisher(repo, who);
    return member(binding, "ca_pem");
}

gint64 repo_life_s(const Repo *repo, const char *role)
{
    const RoleDefault *known = metadata_role(role);
    const char *name = known ? role : "releases";
    gint64 given = json_integer_value(json_object_get(json_object_get(repo->world, "expires"), name));
    return given > 0 ? given : metadata_role(name)->expires_s;
}

gboolean repo_put_immutable(const Repo *repo, const char *path, const void *data, gsize len, GError **error)
{
    if (!root_dir_exists(repo->dir, path)) {
        g_autofree char *folder = g_path_get_dirname(path);
        return root_dir_make_dirs(repo->dir, folder, 0755, error) &&
               root_dir_write_atomic(repo->dir, path, data, len, 0644, error);
    }
    g_autoptr(GError) cause = NULL;
    g_autoptr(GBytes) old = root_dir_read(repo->dir, path, len, &cause);
    if (!old && error_kind(cause) != APPCENTER_ERROR_CORRUPT) { /* CORRUPT: longer, so it is other content */
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }
    if (old && g_bytes_get_size(old) == len && memcmp(g_bytes_get_data(old, NULL), data, len) == 0)
        return TRUE;
    return error_set(error, APPCENTER_ERROR_REFUSED, "%s%s is there with other content and may never change",
                     root_dir_path(repo->dir), path);
}

char *repo_metadata_path(const char *role, gint64 version)
{
    g_autofree char *quoted = tuf_quote_role(role);
    if (version == 0)
        return g_strdup_printf("/public/metadata/%s.json", quoted);
    return g_strdup_printf("/public/metadata/%" G_GINT64_FORMAT ".%s.json", version, quoted);
}

static json_t *read_metadata(const Repo *repo, const char *role, gint64 version, GError **error)
{
    g_autofree char *path = repo_metadata_path(role, version);
    return read_json(repo->dir, path, TUF_MAX_TARGETS_BYTES, error);
}

static gint64 newest_root(const Repo *repo)
{
    for (gint64 version = 1;; version++) {
        g_autofree char *path = repo_metadata_path("root", version);
        if (!root_dir_exists(repo->dir, path))
            return version - 1;
    }
}

/* The version of `file` in the meta of timestamp or snapshot; 0 when it is not named. */
static gint64 version_in_meta(const json_t *metadata, const char *role)
{
    g_autofree char *file = g_strdup_printf("%s.json", role);
    json_t *meta = json_object_get(json_object_get(metadata, "signed"), "meta");
    return json_integer_value(json_object_get(json_object_get(meta, file), "version"));
}

json_t *repo_metadata(const Repo *repo, const char *role, GError **error)
{
    if (g_str_equal(role, "root")) {
        gint64 version = newest_root(repo);
        return version ? read_metadata(repo, role, version, error) : NULL;
    }
    g_autofree char *head = repo_metadata_path("timestamp", 0);
    if (!root_dir_exists(repo->dir, head))
        return NULL;
    g_autoptr(json_t) timestamp = read_metadata(repo, "timestamp", 0, error);
    if (!timestamp || g_str_equal(role, "timestamp"))
        return g_steal_pointer(&timestamp);
    g_autoptr(json_t) snapshot =
        read_metadata(repo, "snapshot", version_in_meta(timestamp, "snapshot"), error);
    if (!snapshot || g_str_equal(role, "snapshot"))
        return g_steal_pointer(&snapshot);
    gint64 version = version_in_meta(snapshot, role);
    return version ? read_metadata(repo, role, version, error) : NULL;
}

json_t *repo_targets(const Repo *repo, GError **error)
{
    g_autoptr(GError) broken = NULL;
    json_t *targets = repo_metadata(repo, "targets", &broken);
    if (!targets && !broken)
        return read_metadata(repo, "targets", 1, error);
    if (broken)
        g_propagate_error(error, g_steal_pointer(&broken));
    return targets;
}

gint64 repo_next_version(const Repo *repo, const char *role, const json_t *published)
{
    for (gint64 version = metadata_version(published) + 1;; version++) {
        g_autofree char *path = repo_metadata_path(role, version);
        if (!root_dir_exists(repo->dir, path))
            return version;
    }
}

json_t *repo_read_json(const Repo *repo, const char *path, gsize max_bytes, GError **error)
{
    return read_json(repo->dir, path, max_bytes, error);
}
