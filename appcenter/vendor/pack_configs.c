/* pack_configs.c - the config files of a QDK source tree on their way into an archive.
 *
 * Those of the app's own folder go into the data archive, those with absolute places (QPKG_CONFIG="/etc/config/x", kept
 * as config/etc/config/x) into conf.tar.gz of the control archive: unpacked with the app they would lie in its folder,
 * where nobody looks for them. md5sum is QDK's list of both; our own client has SHA-256 of what it finds.
 */
#include "vendor/pack_configs.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG_BYTES_MAX (16 * 1024 * 1024) /* what the client takes of all with absolute places */

void pack_configs_clear(PackConfigs *configs)
{
    g_bytes_unref(configs->conf_tar_gz);
    if (configs->md5sum)
        g_string_free(configs->md5sum, TRUE);
}

/* A plain file of the source tree and its mode. */
static GBytes *read_file(const RootDir *source, const char *path, mode_t *mode, GError **error)
{
    struct stat st;
    g_auto(Fd) fd = root_dir_openat(source, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, error);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) != 0)
        error_set_errno(error, "look at %s", path + 1);
    else if (!S_ISREG(st.st_mode))
        error_set(error, APPCENTER_ERROR_INVALID, "%s: wanted a plain file", path + 1);
    else {
        *mode = st.st_mode & 0777;
        return files_read_fd(fd, CONFIG_BYTES_MAX, error);
    }
    return NULL;
}

/* place: where it goes below into, from the root. */
static GBytes *copy_file(const RootDir *source, const char *place, const RootDir *into, GError **error)
{
    mode_t mode = 0;
    g_autofree char *from = g_strconcat("/config", place, NULL), *folder = g_path_get_dirname(place);
    if (!root_dir_exists(source, from)) {
        error_set(error, APPCENTER_ERROR_INVALID, "wanted it as %s in the source tree, found nothing",
                  from + 1);
        return NULL;
    }
    g_autoptr(GBytes) bytes = read_file(source, from, &mode, error);
    if (!bytes || !root_dir_make_dirs(into, folder, 0755, error) ||
        !root_dir_write_atomic(into, place, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), mode,
                               error))
        return NULL;
    return g_steal_pointer(&bytes);
}

/* QDK writes 0 for a file that is not there yet. */
static void add_md5(GString *md5sum, const char *named, GBytes *bytes)
{
    g_autofree char *digest = bytes ? g_compute_checksum_for_bytes(G_CHECKSUM_MD5, bytes) : g_strdup("0");
    g_string_append_printf(md5sum, "%s = %s\n", named, digest);
}

static gboolean collect_own(const RootDir *source, const char *named, const char *arch, const RootDir *app,
                            PackConfigs *configs, GError **error)
{
    const char *const layers[] = {"config", arch, "shared"}; /* the first one wins in the archive, too */
    for (gsize i = 0; i < G_N_ELEMENTS(layers); i++) {
        mode_t mode = 0;
        g_autofree char *path = g_strconcat("/", layers[i], "/", named, NULL);
        if (!root_dir_exists(source, path))
            continue;
        g_autoptr(GBytes) bytes = i == 0 ? copy_file(source, path + strlen("/config"), app, error)
                                         : read_file(source, path, &mode, error);
        if (bytes)
            add_md5(configs->md5sum, named, bytes);
        return bytes != NULL;
    }
    add_md5(configs->md5sum, named, NULL);
    return TRUE;
}

static gboolean pack_elsewhere(const RootDir *elsewhere, gint64 mtime, PackConfigs *configs, GError **error)
{
    const ArchiveLayer layer = {root_dir_fd(elsewhere), ""};
    g_auto(Fd) fd = open(g_get_tmp_dir(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set_errno(error, "cannot make a temporary file in %s", g_get_tmp_dir());
    if (!archive_pack_data(fd, QPKG_GZIP, &layer, 1, mtime, error))
        return FALSE;
    if (lseek(fd, 0, SEEK_SET) != 0)
        return error_set_errno(error, "cannot rewind");
    configs->conf_tar_gz = files_read_fd(fd, 2 * CONFIG_BYTES_MAX, error);
    return configs->conf_tar_gz != NULL;
}

gboolean pack_configs_collect(const RootDir *source, const QpkgIdentity *identity, const char *arch,
                              const RootDir *app, const RootDir *elsewhere, gint64 mtime,
                              PackConfigs *configs, GError **error)
{
    gsize elsewhere_bytes = 0;
    gboolean has_elsewhere = FALSE;
    configs->md5sum = g_string_new(NULL);
    for (char **named = identity->config_files; *named; named++) {
        if (**named != '/') {
            if (!collect_own(source, *named, arch, app, configs, error))
                return FALSE;
            continue;
        }
        g_autoptr(GBytes) bytes = copy_file(source, *named, elsewhere, error);
        if (!bytes) {
            g_prefix_error(error, "QPKG_CONFIG names %s: ", *named);
            return FALSE;
        }
        add_md5(configs->md5sum, *named, bytes);
        has_elsewhere = TRUE;
        elsewhere_bytes += g_bytes_get_size(bytes);
        if (elsewhere_bytes > CONFIG_BYTES_MAX)
            return error_set(error, APPCENTER_ERROR_INVALID,
                             "QPKG_CONFIG: wanted at most %d MiB in absolute places together",
                             CONFIG_BYTES_MAX / (1024 * 1024));
    }
    return !has_elsewhere || pack_elsewhere(elsewhere, mtime, configs, error);
}
