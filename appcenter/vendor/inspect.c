/* inspect.c - `inspect` and `add`: archives seen by the client's own parser. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vendor/commands.h"
#include "vendor/package_info.h"
#include "vendor/publish.h"

#define ARCH_HELP "of archives whose header checks for none; default: as the file name says"

void package_info_clear(PackageInfo *info)
{
    g_clear_pointer(&info->package, package_free);
    g_clear_pointer(&info->sha256, g_free);
    g_clear_pointer(&info->data_sha256, g_free);
}

static gboolean check_told(const Package *package, const char *arch, GError **error)
{
    return !arch || g_str_equal(package->arch, arch) ||
           error_set(error, APPCENTER_ERROR_INVALID, "--arch %s: the archive is for %s", arch, package->arch);
}

static gboolean read_fd(int taken, const char *arch, const char *hint, PackageInfo *info, GError **error)
{
    g_auto(Fd) fd = taken;
    if (arch && !arch_is_valid(arch))
        return error_set(error, APPCENTER_ERROR_INVALID, "--arch: \"%s\" is no QDK architecture", arch);
    info->sha256 = digest_hex_of_fd(DIGEST_SHA256, fd, 0, -1, error);
    info->package = info->sha256 ? package_open(fd_steal(&fd), arch ? arch : hint, error) : NULL;
    if (!info->package || !check_told(info->package, arch, error) ||
        !archive_measure(info->package, &archive_vendor_limits, &info->files, &info->installed_bytes,
                         &info->data_sha256, error))
        return FALSE;
    info->size_bytes = info->package->layout->file_bytes;
    return TRUE;
}

gboolean package_info_read_fd(int fd, const char *arch, PackageInfo *info, GError **error)
{
    return read_fd(fd, arch, NULL, info, error);
}

gboolean package_info_read(const char *file, const char *arch, PackageInfo *info, GError **error)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, "cannot read %s", file);
    if (read_fd(fd, arch, arch_of_file_name(file), info, error))
        return TRUE;
    g_prefix_error(error, "%s: ", file);
    return FALSE;
}

static json_t *strings(char **list)
{
    json_t *array = json_array();
    for (char **text = list; text && *text; text++)
        json_array_append_new(array, json_string(*text));
    return array;
}

static json_t *string_or_null(const char *text)
{
    return text && *text ? json_string(text) : json_null();
}

/* Whether a signature holds: null where that cannot be said (no --ca, or a kind that we do not check). */
static json_t *validity(const Package *package, guint8 type, GPtrArray *anchors, gint64 now)
{
    g_auto(CmsSigner) verified = {0};
    if (type == QPKG_RECORD_STRONG && anchors)
        return json_boolean(qpkg_verify_strong(package->fd, package->layout, anchors, now, &verified, NULL));
    if (type == QPKG_RECORD_CMS && !qpkg_verify_legacy(package->fd, package->layout, anchors, now, NULL))
        return json_false();
    return type == QPKG_RECORD_CMS && anchors ? json_true() : json_null();
}

static const char *record_name(guint8 type)
{
    return type == QPKG_RECORD_STRONG ? "strong"
           : type == QPKG_RECORD_CMS  ? "cms-legacy"
           : type == QPKG_RECORD_GPG  ? "gpg"
                                      : "unknown";
}

/* Who claims to have signed; valid only for a signature under the CA given with --ca. */
static json_t *signatures(const Package *package, GPtrArray *anchors, gint64 now)
{
    json_t *list = json_array();
    for (guint i = 0; i < package->layout->records->len; i++) {
        const QpkgRecord *record = &g_array_index(package->layout->records, QpkgRecord, i);
        g_auto(CmsSigner) signer = {0};
        g_autoptr(GBytes) payload = record->type == QPKG_RECORD_STRONG
                                        ? qpkg_read_record(package->fd, package->layout, record->type, NULL)
                                        : NULL;
        gboolean known = payload && cms_describe(g_bytes_get_data(payload, NULL), g_bytes_get_size(payload),
                                                 &signer, NULL);
        json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "type", record_name(record->type), "signer",
                                              known ? string_or_null(signer.subject) : json_null(), "valid",
                                              validity(package, record->type, anchors, now)));
    }
    return list;
}

static json_t *describe(const PackageInfo *info, GPtrArray *anchors, gint64 now)
{
    const QpkgIdentity *id = info->package->identity;
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:s}",
        "schema", "appvendor.package/1", "name", id->name, "version", id->version, "arch",
        info->package->arch, "author", id->author, "summary", string_or_null(id->summary), "display_name",
        string_or_null(id->display_name), "size", (json_int_t)info->size_bytes, "sha256", info->sha256,
        "requires", strings(id->requires), "conflicts", strings(id->conflicts), "os_min",
        string_or_null(id->os_min), "os_max", string_or_null(id->os_max), "config_files",
        strings(id->config_files), "service_program", string_or_null(id->service_program), "signatures",
        signatures(info->package, anchors, now), "files", (json_int_t)info->files, "installed_size",
        (json_int_t)info->installed_bytes, "data_sha256", info->data_sha256);
}

static void print_value(const char *key, const json_t *value)
{
    if (json_is_null(value) || (json_is_array(value) && json_array_size(value) == 0))
        return;
    g_autofree char *text = json_is_string(value) ? g_strdup(json_string_value(value)) : json_to_text(value);
    printf("%-16s %s\n", key, text);
}

static GPtrArray *load_anchors(const char *file, GError **error)
{
    g_autofree char *pem = NULL;
    gsize len = 0;
    g_autoptr(GError) wrong = NULL;
    if (!g_file_get_contents(file, &pem, &len, &wrong)) {
        error_set(error, APPCENTER_ERROR_NOT_FOUND, "--ca: %s", wrong->message);
        return NULL;
    }
    return certificates_from_pem(pem, len, error);
}

gboolean cmd_inspect(int argc, char **argv, gint64 now, GError **error)
{
    gboolean as_json = FALSE;
    g_autofree char *ca = NULL, *arch = NULL;
    const GOptionEntry entries[] = {
        {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "print JSON (appvendor.package/1)", NULL},
        {"ca", 0, 0, G_OPTION_ARG_FILENAME, &ca, "check the strong signature under this CA", "FILE.pem"},
        {"arch", 0, 0, G_OPTION_ARG_STRING, &arch, ARCH_HELP, "ARCH"},
        {.long_name = NULL}};
    if (!parse_words("inspect", entries, 1, 1, &argc, &argv, error))
        return FALSE;
    g_autoptr(GPtrArray) anchors = ca ? load_anchors(ca, error) : NULL;
    if (ca && !anchors)
        return FALSE;
    g_auto(PackageInfo) info = {0};
    if (!package_info_read(argv[1], arch, &info, error))
        return FALSE;
    g_autoptr(json_t) description = describe(&info, anchors, now);
    if (as_json) {
        g_autofree char *text = json_to_text(description);
        puts(text);
        return TRUE;
    }
    const char *key;
    json_t *value;
    json_object_foreach(description, key, value) if (!g_str_equal(key, "schema")) print_value(key, value);
    return TRUE;
}

/* --- add --- */

static json_t *release_object(const PackageInfo *info, const char *path)
{
    const QpkgIdentity *id = info->package->identity;
    json_t *summary = id->summary && *id->summary ? json_pack("{s:s}", "en", id->summary) : json_null();
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:I, s:I, s:o, s:o, s:[], s:[], s:o, s:o, s:o, "
                  "s:n, s:n, s:n, s:n}",
                  "name", id->name, "version", id->version, "arch", info->package->arch, "path", path, "size",
                  (json_int_t)info->size_bytes, "sha256", info->sha256, "data_sha256", info->data_sha256,
                  "installed_size", (json_int_t)info->installed_bytes, "files", (json_int_t)info->files,
                  "requires", strings(id->requires), "conflicts", strings(id->conflicts), "provides",
                  "obsoletes", "os_min", string_or_null(id->os_min), "os_max", string_or_null(id->os_max),
                  "summary", summary, "published", "urgency", "rollout", "changes");
    if (*id->migrates)
        json_object_set_new(object, "migrates", strings(id->migrates));
    return object;
}

/* The same name, version and architecture may never mean two archives. */
static gboolean is_new(const Repo *repo, const PackageInfo *info, gboolean *is_same, GError **error)
{
    gsize i;
    json_t *release;
    *is_same = FALSE;
    json_array_foreach(json_object_get(repo->world, "releases"), i, release)
    {
        if (g_strcmp0(json_string_value(json_object_get(release, "name")), info->package->identity->name) !=
                0 ||
            version_compare(json_string_value(json_object_get(release, "version")),
                            info->package->identity->version) != 0 ||
            g_strcmp0(json_string_value(json_object_get(release, "arch")), info->package->arch) != 0)
            continue;
        *is_same = g_strcmp0(json_string_value(json_object_get(release, "sha256")), info->sha256) == 0;
        return *is_same ||
               error_set(error, APPCENTER_ERROR_CONFLICT,
                         "%s %s %s is in the repository with other content; give it a new version",
                         info->package->identity->name, info->package->identity->version,
                         info->package->arch);
    }
    return TRUE;
}

/* Durable, name and all, before the world speaks of it; and what was checked is what was copied. */
static gboolean copy_package(const Repo *repo, const PackageInfo *info, const char *path, GError **error)
{
    g_autofree char *draft_path = g_strconcat("/draft/", path, NULL);
    g_autofree char *temp_path = g_strconcat(draft_path, ".new", NULL);
    if (!root_dir_unlink(repo->dir, temp_path, error))
        return FALSE;
    g_auto(Fd) out = root_dir_openat(repo->dir, temp_path, O_RDWR | O_CREAT | O_EXCL, 0644, error);
    if (out < 0)
        return FALSE;
    if (lseek(info->package->fd, 0, SEEK_SET) != 0)
        return error_set_errno(error, "cannot rewind");
    if (files_copy_fd(info->package->fd, out, info->size_bytes, error) < 0 || !files_fsync(out, path, error))
        return FALSE;
    g_autofree char *sha256 = digest_hex_of_fd(DIGEST_SHA256, out, 0, -1, error);
    if (!sha256)
        return FALSE;
    if (!digest_equal(sha256, info->sha256))
        return error_set(error, APPCENTER_ERROR_CORRUPT, "the file changed while it was read");
    g_autofree char *from = root_dir_host_path(repo->dir, temp_path);
    g_autofree char *to = root_dir_host_path(repo->dir, draft_path);
    if (rename(from, to) != 0)
        return error_set_errno(error, "cannot write %s", to);
    g_auto(Fd) folder = root_dir_openat(repo->dir, "/draft/packages", O_RDONLY | O_DIRECTORY, 0, error);
    return folder >= 0 && files_fsync(folder, "draft/packages", error);
}

/* Who speaks for the app must have signed, as a box will ask. */
static gboolean check_publisher(const Repo *repo, const PackageInfo *info, gint64 now, GError **error)
{
    g_auto(CmsSigner) signer = {0};
    const char *who = repo_publisher_of(repo, info->package->identity->name);
    const char *ca = repo_ca_pem(repo, who);
    g_autoptr(GPtrArray) anchors = ca ? certificates_from_pem(ca, strlen(ca), error) : NULL;
    if (!anchors ||
        !qpkg_verify_strong(info->package->fd, info->package->layout, anchors, now, &signer, error))
        return FALSE;
    return g_strcmp0(signer.publisher, who) == 0 ||
           error_set(error, APPCENTER_ERROR_UNTRUSTED, "wanted a signature of publisher \"%s\", found \"%s\"",
                     who, signer.publisher);
}

static gboolean add_one(Repo *repo, const char *file, const char *arch, gint64 now, GError **error)
{
    g_auto(PackageInfo) info = {0};
    gboolean is_same;
    if (!package_info_read(file, arch, &info, error))
        return FALSE;
    if (!check_publisher(repo, &info, now, error)) {
        g_prefix_error(error, "%s: ", file);
        return FALSE;
    }
    if (!is_new(repo, &info, &is_same, error))
        return FALSE;
    const QpkgIdentity *id = info.package->identity;
    if (is_same) {
        printf("%s %s %s is there already\n", id->name, id->version, info.package->arch);
        return TRUE;
    }
    g_autofree char *path =
        g_strdup_printf("packages/%s.%s_%s_%s.qpkg", info.sha256, id->name, id->version, info.package->arch);
    if (!copy_package(repo, &info, path, error))
        return FALSE;
    json_array_append_new(json_object_get(repo->world, "releases"), release_object(&info, path));
    g_autofree char *size = units_format_size(info.size_bytes);
    printf("%s %s %s  %s  into the draft\n", id->name, id->version, info.package->arch, size);
    return TRUE;
}

gboolean cmd_add(int argc, char **argv, gint64 now, GError **error)
{
    g_autofree char *arch = NULL;
    const GOptionEntry entries[] = {{"arch", 0, 0, G_OPTION_ARG_STRING, &arch, ARCH_HELP, "ARCH"},
                                    {.long_name = NULL}};
    if (!parse_words("add", entries, 2, 1000, &argc, &argv, error))
        return FALSE;
    g_autoptr(Repo) repo = repo_open(argv[1], error);
    if (!repo)
        return FALSE;
    for (int i = 2; i < argc; i++)
        if (!add_one(repo, argv[i], arch, now, error))
            return FALSE; /* the draft on disk is as it was: all or none of the files are taken */
    return publish_check(repo, now, error) && repo_save_world(repo, error);
}
