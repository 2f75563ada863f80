/* plan_file.c - a local file as a release: read in the sandbox, hashed, and believed only under a trusted publisher's
 * strong signature or when the admin names its digest. There is no way to allow unsigned files in general.
 *
 * From then on it lies where downloads lie (engine_download_path), so that what walks the plan knows one place only.
 */
#include "engine/plan_internal.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define LOCAL_PUBLISHER "local"
#define COPY_BYTES_MAX  (G_GINT64_CONSTANT(1) << 40)

/* Who claims to have signed it; whether that is so is asked later. */
static char *claimed_publisher(const Package *package)
{
    g_auto(CmsSigner) signer = {0};
    g_autoptr(GBytes) der = qpkg_read_record(package->fd, package->layout, QPKG_RECORD_STRONG, NULL);
    if (!der || !cms_describe(g_bytes_get_data(der, NULL), g_bytes_get_size(der), &signer, NULL) ||
        !signer.publisher || !*signer.publisher)
        return g_strdup(LOCAL_PUBLISHER);
    return g_strdup(signer.publisher);
}

/* Says what is wrong with a signature that nobody can be seen in, rather than that nobody is trusted. */
static gboolean check_readable(const Package *package, GError **error)
{
    g_auto(CmsSigner) signer = {0};
    g_autoptr(GBytes) der = qpkg_read_record(package->fd, package->layout, QPKG_RECORD_STRONG, error);
    return der && cms_describe(g_bytes_get_data(der, NULL), g_bytes_get_size(der), &signer, error);
}

static gboolean check_signature(Engine *engine, const Package *package, const Release *release,
                                GError **error)
{
    g_autoptr(GPtrArray) anchors = NULL;
    g_autofree char *publisher = NULL;
    g_auto(CmsSigner) signer = {0};
    if (!qpkg_layout_record(package->layout, QPKG_RECORD_STRONG))
        return error_set(
            error, APPCENTER_ERROR_UNTRUSTED,
            "%s %s has no strong signature; its digest is %s (--trust-sha256 would vouch for it)",
            release->name, release->version, release->sha256);
    return check_readable(package, error) &&
           engine_publisher_anchors(engine, release, &anchors, &publisher, error) &&
           qpkg_verify_strong(package->fd, package->layout, anchors, engine_now(engine), &signer, error);
}

static gboolean check_trust(Engine *engine, const Request *request, const Package *package,
                            const Release *release, GError **error)
{
    if (!request->trust_sha256)
        return check_signature(engine, package, release, error);
    if (digest_equal(request->trust_sha256, release->sha256))
        return TRUE;
    return error_set(error, APPCENTER_ERROR_UNTRUSTED, "%s %s: wanted sha256 %s, found %s", release->name,
                     release->version, request->trust_sha256, release->sha256);
}

static Release *release_of(const Package *package, GError **error)
{
    const QpkgIdentity *identity = package->identity;
    g_autoptr(Release) release = g_new0(Release, 1);
    release->publisher = claimed_publisher(package);
    release->name = g_strdup(identity->name);
    release->version = g_strdup(identity->version);
    release->arch = g_strdup(package->arch);
    release->size_bytes = package->layout->file_bytes;
    release->requires = g_strdupv(identity->requires);
    release->conflicts = g_strdupv(identity->conflicts);
    release->provides = g_new0(char *, 1);
    release->obsoletes = g_new0(char *, 1);
    release->os_min = g_strdup(identity->os_min);
    release->os_max = g_strdup(identity->os_max);
    release->migrates = g_strdupv(identity->migrates);
    release->sha256 = digest_hex_of_fd(DIGEST_SHA256, package->fd, 0, -1, error);
    if (!release->sha256)
        return NULL;
    release->path = g_strdup_printf("packages/%s.%s_%s_%s.qpkg", release->sha256, release->name,
                                    release->version, release->arch);
    return g_steal_pointer(&release);
}

/* ---- into the place of downloads ---- */

static gboolean copy_to(Engine *engine, const Package *package, const char *path, GError **error)
{
    g_auto(Fd) out = root_dir_openat(engine->root, path, O_WRONLY | O_CREAT | O_EXCL, 0600, error);
    if (out < 0)
        return FALSE;
    if (lseek(package->fd, 0, SEEK_SET) != 0)
        return error_set_errno(error, "cannot rewind the file");
    return files_copy_fd(package->fd, out, COPY_BYTES_MAX, error) >= 0;
}

/* A second name of the same file; a copy where the two places are on different file systems. */
static gboolean put_file(Engine *engine, const Package *package, const Release *release, GError **error)
{
    g_autofree char *path = engine_download_path(release);
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *file = g_strdup_printf("/proc/self/fd/%d", package->fd);
    if (!root_dir_unlink(engine->root, path, error))
        return FALSE;
    g_auto(Fd) dir = root_dir_openat(engine->root, folder, O_RDONLY | O_DIRECTORY, 0, error);
    if (dir < 0)
        return FALSE;
    return linkat(AT_FDCWD, file, dir, name, AT_SYMLINK_FOLLOW) == 0 || copy_to(engine, package, path, error);
}

Release *plan_read_file(Engine *engine, const Request *request, GError **error)
{
    int fd = root_dir_openat(engine->root, request->file, O_RDONLY | O_NOFOLLOW, 0, error);
    g_autoptr(Package) package = fd >= 0 ? package_open(fd, request->arch, error) : NULL;
    g_autoptr(Release) release = package ? release_of(package, error) : NULL;
    if (!release) {
        g_prefix_error(error, "local file: ");
        return NULL;
    }
    const SettingsValues *settings = settings_values(engine->settings);
    const UnpackLimits limits = {.max_bytes = settings->local_max_bytes,
                                 .max_files = settings->local_max_files,
                                 .links_may_leave = request->trust_sha256 == NULL,
                                 .max_ratio = settings->local_max_ratio};
    /* what is inside is counted only after somebody vouched for it */
    if (!check_trust(engine, request, package, release, error) ||
        !archive_measure(package, &limits, &release->files, &release->installed_bytes, &release->data_sha256,
                         error) ||
        !put_file(engine, package, release, error))
        return NULL;
    return g_steal_pointer(&release);
}
