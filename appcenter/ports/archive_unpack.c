/* archive_unpack.c - unpacks the data archive into a staging directory, or only counts it.
 *
 * Both are the same walk in a helper: stream, rules, and (for unpacking) the tree. When we are root the helper works
 * under a uid that owns nothing but the staging directory, for as long as it works; then the tree becomes root's.
 */
#include "ports/archive_internal.h"

#include <string.h>
#include <unistd.h>

#define UNPACK_CPU_S        3600
#define LIMIT_MAX_BYTES     ((gint64)1 << 50)
#define LIMIT_MAX_FILES     10000000
#define TAR_OVERHEAD_BYTES  ((gint64)16 * 1024 * 1024)
#define TAR_PER_ENTRY_BYTES 16384 /* header, padding, and headers for long names */

const UnpackLimits archive_vendor_limits = {.max_bytes = (gint64)64 * 1024 * 1024 * 1024,
                                            .max_files = 1000000,
                                            .links_may_leave = TRUE,
                                            .max_ratio = 500};

typedef struct {
    const Package *package;
    UnpackLimits limits;
    int dir_fd;     /* -1: count only */
    Digest *digest; /* or NULL: nobody asks */
    Tally tally;    /* what the helper says */
    gboolean has_tally;
} DataWork;

/* ---- in the helper ---- */

typedef struct {
    Helper *helper;
    TarStream *stream;
} Content;

static gssize read_content(gpointer user_data, const void **bytes, GError **error)
{
    const Content *content = user_data;
    gssize n = tar_stream_read(content->stream, bytes, error);
    if (n < 0 || !helper_progress(content->helper, tar_stream_consumed(content->stream), error))
        return -1;
    return n;
}

/* Counting only: reads the content as a writer would, so that the same is refused. */
static gboolean skip_content(Content *content, const Member *member, GError **error)
{
    const void *ignored;
    gint64 bytes = 0;
    gssize n;
    do {
        n = read_content(content, &ignored, error);
        if (n < 0)
            return FALSE;
        bytes += n;
    } while (n > 0);
    if (bytes != member->size_bytes)
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "\"%.200s\": wanted %" G_GINT64_FORMAT " bytes, found %" G_GINT64_FORMAT,
                         member->path, member->size_bytes, bytes);
    return TRUE;
}

static gboolean take_member(int dir_fd, Content *content, const Member *member, TreeWriter *writer,
                            GError **error)
{
    if (dir_fd >= 0)
        return tree_writer_add(writer, member, read_content, content, error);
    return member->kind != MEMBER_FILE || skip_content(content, member, error);
}

static gboolean walk_entries(int dir_fd, Content *content, MemberRules *rules, TreeWriter *writer,
                             GError **error)
{
    for (;;) {
        struct archive_entry *entry;
        g_auto(Member) member = {0};
        if (!tar_stream_next(content->stream, &entry, error))
            return FALSE;
        if (!entry)
            return TRUE;
        if (!member_rules_admit(rules, entry, &member, error))
            return FALSE;
        if (!take_member(dir_fd, content, &member, writer, error))
            return FALSE;
        if (!helper_progress(content->helper, tar_stream_consumed(content->stream), error))
            return FALSE;
    }
}

gboolean helper_unpack(Helper *helper, const TarSource *source, MemberRules *rules, int dir_fd,
                       GError **error)
{
    g_autoptr(TarStream) stream = tar_stream_open(source, error);
    g_autoptr(TreeWriter) writer = tree_writer_new(dir_fd);
    Content content = {.helper = helper, .stream = stream};
    return stream && walk_entries(dir_fd, &content, rules, writer, error) &&
           (dir_fd < 0 || tree_writer_finish(writer, error));
}

static gboolean read_data(Helper *helper, const DataWork *work, GError **error)
{
    const QpkgLayout *layout = work->package->layout;
    const TarSource source = {.fd = work->package->fd,
                              .offset = layout->script_bytes + layout->control_bytes,
                              .length = layout->data_bytes,
                              .compression = (int)layout->compression,
                              .max_tar_bytes = work->limits.max_bytes + TAR_OVERHEAD_BYTES +
                                               work->limits.max_files * TAR_PER_ENTRY_BYTES,
                              .max_ratio = work->limits.max_ratio,
                              .digest = work->digest};
    g_autoptr(MemberRules) rules = member_rules_new(&work->limits);
    if (!helper_unpack(helper, &source, rules, work->dir_fd, error))
        return FALSE;
    Tally tally = {.files = member_rules_files(rules), .bytes = member_rules_bytes(rules)};
    if (work->digest) {
        g_autofree char *sha256 = digest_finish_hex(work->digest);
        g_strlcpy(tally.sha256, sha256, sizeof tally.sha256);
    }
    return helper_send(helper, FRAME_TALLY, &tally, sizeof tally, error);
}

static gboolean work_data(Helper *helper, gpointer user_data, GError **error)
{
    if (read_data(helper, user_data, error))
        return TRUE;
    g_prefix_error(error, "data archive: ");
    return FALSE;
}

/* ---- in the parent ---- */

static gboolean take_tally(guint8 type, const void *data, gsize len, gpointer user_data, GError **error)
{
    DataWork *work = user_data;
    if (type != FRAME_TALLY || work->has_tally || len != sizeof work->tally)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "the unpacking helper speaks nonsense");
    memcpy(&work->tally, data, sizeof work->tally);
    const Tally *tally = &work->tally;
    gboolean has_digest = tally->sha256[64] == '\0' && units_is_hex(tally->sha256, 32);
    if (has_digest != (work->digest != NULL) || tally->files < 0 || tally->bytes < 0)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "the unpacking helper speaks nonsense");
    work->has_tally = TRUE;
    return TRUE;
}

static gboolean run_data_helper(DataWork *work, const UnpackWatch *watch, gboolean wants_digest,
                                GError **error)
{
    /* made here, because OpenSSL reads its configuration, which the sandbox would not let it */
    g_autoptr(Digest) digest = wants_digest ? digest_new(DIGEST_SHA256) : NULL;
    const gint64 data_bytes = work->package->layout->data_bytes;
    const HelperSpec spec = {.archive_fd = work->package->fd,
                             .dir_fd = work->dir_fd,
                             .max_cpu_s = UNPACK_CPU_S,
                             .max_file_bytes = work->limits.max_bytes,
                             .total_bytes = data_bytes,
                             .watch = watch,
                             .work = work_data,
                             .on_frame = take_tally,
                             .user_data = work};
    work->digest = digest;
    if (!helper_run(&spec, error))
        return FALSE;
    if (!work->has_tally)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "the unpacking helper did not say what it has done");
    if (watch && watch->progress)
        watch->progress(data_bytes, data_bytes, watch->user_data);
    return TRUE;
}

gboolean archive_hand_over(int dir_fd, uid_t uid, GError **error)
{
    if (geteuid() != 0 || fchown(dir_fd, uid, uid) == 0)
        return TRUE;
    return error_set_errno(error, "give the staging directory to uid %u", (guint)uid);
}

/* So that no sum of limits overflows. */
static UnpackLimits sane_limits(const UnpackLimits *limits)
{
    UnpackLimits sane = *limits;
    sane.max_bytes = CLAMP(limits->max_bytes, 0, LIMIT_MAX_BYTES);
    sane.max_files = CLAMP(limits->max_files, 0, LIMIT_MAX_FILES);
    return sane;
}

gboolean archive_unpack(const Package *package, int dir_fd, const UnpackLimits *limits,
                        const UnpackWatch *watch, char **data_sha256, GError **error)
{
    DataWork work = {.package = package, .limits = sane_limits(limits), .dir_fd = dir_fd};
    if (!archive_hand_over(dir_fd, helper_uid(), error))
        return FALSE;
    gboolean is_done = run_data_helper(&work, watch, data_sha256 != NULL, error);
    if (!archive_hand_over(dir_fd, 0, is_done ? error : NULL) || !is_done ||
        !tree_adopt(dir_fd, &work.limits, error))
        return FALSE;
    if (data_sha256)
        *data_sha256 = g_strdup(work.tally.sha256);
    return TRUE;
}

gboolean archive_measure(const Package *package, const UnpackLimits *limits, gint64 *files, gint64 *bytes,
                         char **data_sha256, GError **error)
{
    DataWork work = {.package = package, .limits = sane_limits(limits), .dir_fd = -1};
    if (!run_data_helper(&work, NULL, data_sha256 != NULL, error))
        return FALSE;
    *files = work.tally.files;
    *bytes = work.tally.bytes;
    if (data_sha256)
        *data_sha256 = g_strdup(work.tally.sha256);
    return TRUE;
}
