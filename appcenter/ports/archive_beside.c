/* archive_beside.c - unpacks what is no payload: the members that QDK's installer and the hooks find beside themselves,
 * and the config files for places outside of the app's folder.
 *
 * The same helper and the same rules as for the data archive; only the limits differ, for nobody announces them.
 */
#include "ports/archive_internal.h"

#include <sys/stat.h>

#define BESIDE_MAX_BYTES  ((gint64)64 * 1024 * 1024)
#define BESIDE_MAX_FILES  1000
#define CONFIGS_MAX_BYTES ((gint64)16 * 1024 * 1024)
#define CONFIGS_MAX_FILES 1000
#define CPU_S             120

typedef struct {
    const Package *package; /* NULL: a tar.gz of its own */
    int fd;
    gint64 file_bytes;
    int dir_fd;
} BesideWork;

/* ---- in the helper ---- */

static gboolean unpack_part(Helper *helper, const BesideWork *work, const TarSource *source, GError **error)
{
    const UnpackLimits limits = {.max_bytes = source->max_tar_bytes, .max_files = BESIDE_MAX_FILES};
    g_autoptr(MemberRules) rules = member_rules_new(&limits);
    return helper_unpack(helper, source, rules, work->dir_fd, error);
}

static gboolean work_beside(Helper *helper, gpointer user_data, GError **error)
{
    const BesideWork *work = user_data;
    const QpkgLayout *layout = work->package->layout;
    TarSource control = {.fd = work->fd, .compression = QPKG_GZIP, .max_tar_bytes = BESIDE_MAX_BYTES};
    const TarSource extra = {.fd = work->fd,
                             .offset = layout->script_bytes + layout->control_bytes + layout->data_bytes,
                             .length = layout->extra_bytes,
                             .compression = TAR_PLAIN,
                             .max_tar_bytes = layout->extra_bytes};
    if (!package_find_control(work->package, &control.offset, &control.length, error) ||
        !unpack_part(helper, work, &control, error)) {
        g_prefix_error(error, "control archive: ");
        return FALSE;
    }
    if (layout->extra_bytes > 0 && !unpack_part(helper, work, &extra, error)) {
        g_prefix_error(error, "extra archive: ");
        return FALSE;
    }
    return TRUE;
}

static gboolean work_configs(Helper *helper, gpointer user_data, GError **error)
{
    const BesideWork *work = user_data;
    const UnpackLimits limits = {.max_bytes = CONFIGS_MAX_BYTES, .max_files = CONFIGS_MAX_FILES};
    const TarSource source = {.fd = work->fd,
                              .length = work->file_bytes,
                              .compression = QPKG_GZIP,
                              .max_tar_bytes = CONFIGS_MAX_BYTES};
    g_autoptr(MemberRules) rules = member_rules_new(&limits);
    if (helper_unpack(helper, &source, rules, work->dir_fd, error))
        return TRUE;
    g_prefix_error(error, "conf.tar.gz: ");
    return FALSE;
}

/* ---- in the parent ---- */

static gboolean take_nothing(guint8 type, const void *data, gsize len, gpointer user_data, GError **error)
{
    (void)type, (void)data, (void)len, (void)user_data;
    return error_set(error, APPCENTER_ERROR_CORRUPT, "the unpacking helper speaks nonsense");
}

static gboolean run(BesideWork *work, gint64 max_bytes,
                    gboolean (*do_work)(Helper *helper, gpointer user_data, GError **error), GError **error)
{
    const UnpackLimits adopted = {.max_bytes = max_bytes, .max_files = 2 * BESIDE_MAX_FILES};
    const HelperSpec spec = {.archive_fd = work->fd,
                             .dir_fd = work->dir_fd,
                             .max_cpu_s = CPU_S,
                             .max_file_bytes = max_bytes,
                             .work = do_work,
                             .on_frame = take_nothing,
                             .user_data = work};
    if (!archive_hand_over(work->dir_fd, helper_uid(), error))
        return FALSE;
    gboolean is_done = helper_run(&spec, error);
    return archive_hand_over(work->dir_fd, 0, is_done ? error : NULL) && is_done &&
           tree_adopt(work->dir_fd, &adopted, error);
}

gboolean archive_unpack_beside(const Package *package, int dir_fd, GError **error)
{
    BesideWork work = {.package = package, .fd = package->fd, .dir_fd = dir_fd};
    return run(&work, BESIDE_MAX_BYTES + package->layout->extra_bytes, work_beside, error);
}

gboolean archive_unpack_configs(int conf_fd, int dir_fd, GError **error)
{
    struct stat st;
    if (fstat(conf_fd, &st) != 0)
        return error_set_errno(error, "look at conf.tar.gz");
    BesideWork work = {.fd = conf_fd, .file_bytes = st.st_size, .dir_fd = dir_fd};
    return run(&work, CONFIGS_MAX_BYTES, work_configs, error);
}
