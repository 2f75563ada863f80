/* archive_package.c - opens a package file: its lengths, and the metadata out of its control archive.
 *
 * The parent reads only plain bytes (header, area, tail); control.tar.gz is decompressed in a helper, which hands back
 * qpkg.cfg and package_routines as bytes. All the other members, and those of the extra archive, are looked at by name
 * only.
 */
#include "ports/archive_internal.h"

#include <string.h>
#include <unistd.h>

#define CONTROL_MAX_BYTES ((gint64)64 * 1024 * 1024) /* with the xz that QDK puts there for old systems */
#define CONTROL_MAX_FILES 1000
#define EXTRA_MAX_FILES   1000
#define CONTROL_CPU_S     60
#define TAR_BLOCK_BYTES   512
#define TAR_TYPE_AT       156

typedef struct {
    const Package *package;
    GBytes *config;
    GBytes *routines;
} ControlWork;

static void control_work_clear(ControlWork *work)
{
    g_clear_pointer(&work->config, g_bytes_unref);
    g_clear_pointer(&work->routines, g_bytes_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ControlWork, control_work_clear)

/* ---- in the helper ---- */

/* Whole content of the current entry. */
static GBytes *read_member(TarStream *stream, const char *name, gsize max_bytes, GError **error)
{
    g_autoptr(GByteArray) content = g_byte_array_new();
    for (;;) {
        const void *bytes;
        gssize n = tar_stream_read(stream, &bytes, error);
        if (n < 0)
            return NULL;
        if (n == 0)
            return g_byte_array_free_to_bytes(g_steal_pointer(&content));
        if ((gsize)n > max_bytes - content->len) {
            error_set(error, APPCENTER_ERROR_CORRUPT,
                      "%s: wanted at most %" G_GSIZE_FORMAT " bytes, found more", name, max_bytes);
            return NULL;
        }
        g_byte_array_append(content, bytes, (guint)n);
    }
}

static gboolean send_member(Helper *helper, TarStream *stream, const char *name, guint8 type, gsize max_bytes,
                            GError **error)
{
    g_autoptr(GBytes) content = read_member(stream, name, max_bytes, error);
    return content &&
           helper_send(helper, type, g_bytes_get_data(content, NULL), g_bytes_get_size(content), error);
}

/* *entry NULL: the end. */
static gboolean next_member(TarStream *stream, MemberRules *rules, struct archive_entry **entry,
                            Member *member, GError **error)
{
    return tar_stream_next(stream, entry, error) &&
           (!*entry || member_rules_admit(rules, *entry, member, error));
}

/* The same rules as for data, so that no name is there twice. */
static gboolean send_members(Helper *helper, TarStream *stream, GError **error)
{
    const UnpackLimits limits = {CONTROL_MAX_BYTES, CONTROL_MAX_FILES, TRUE, 0};
    g_autoptr(MemberRules) rules = member_rules_new(&limits);
    for (;;) {
        struct archive_entry *entry;
        g_auto(Member) member = {0};
        gboolean is_sent = TRUE;
        if (!next_member(stream, rules, &entry, &member, error))
            return FALSE;
        if (!entry)
            return TRUE;
        if (member.kind == MEMBER_FILE && strcmp(member.path, "qpkg.cfg") == 0)
            is_sent = send_member(helper, stream, member.path, FRAME_CONFIG, ARCHIVE_MAX_CONFIG, error);
        else if (member.kind == MEMBER_FILE && strcmp(member.path, "package_routines") == 0)
            is_sent = send_member(helper, stream, member.path, FRAME_ROUTINES, ARCHIVE_MAX_ROUTINES, error);
        if (!is_sent)
            return FALSE;
    }
}

/* Others look for the name at the very start of the outer tar, so its first block must be that member's own header. */
static gboolean first_block_is_control(int fd, gint64 offset)
{
    static const char name[] = "control.tar.gz";
    char block[TAR_BLOCK_BYTES];
    return pread(fd, block, sizeof block, offset) == (ssize_t)sizeof block &&
           memcmp(block, name, sizeof name) == 0 && (block[TAR_TYPE_AT] == '0' || block[TAR_TYPE_AT] == '\0');
}

/* The plain tar around it has that one member. Its place in the file goes to offset and length. */
gboolean package_find_control(const Package *package, gint64 *offset, gint64 *length, GError **error)
{
    const TarSource source = {.fd = package->fd,
                              .offset = package->layout->script_bytes,
                              .length = package->layout->control_bytes,
                              .compression = TAR_PLAIN,
                              .max_tar_bytes = package->layout->control_bytes};
    struct archive_entry *entry;
    g_autoptr(TarStream) stream = tar_stream_open(&source, error);
    if (!stream || !tar_stream_next(stream, &entry, error))
        return FALSE;
    if (!entry || !first_block_is_control(package->fd, source.offset))
        return error_set(error, APPCENTER_ERROR_CORRUPT, "wanted control.tar.gz, found something else");
    *offset = source.offset + TAR_BLOCK_BYTES;
    *length = archive_entry_size(entry);
    if (!tar_stream_next(stream, &entry, error))
        return FALSE;
    return !entry || error_set(error, APPCENTER_ERROR_CORRUPT, "wanted control.tar.gz alone, found more");
}

static gboolean read_control(Helper *helper, gpointer user_data, GError **error)
{
    const ControlWork *work = user_data;
    TarSource source = {
        .fd = work->package->fd, .compression = QPKG_GZIP, .max_tar_bytes = CONTROL_MAX_BYTES};
    if (!package_find_control(work->package, &source.offset, &source.length, error))
        return FALSE;
    g_autoptr(TarStream) stream = tar_stream_open(&source, error);
    return stream && send_members(helper, stream, error);
}

/* The extra archive is for QDK's installer; we unpack nothing of it, but it must be a tar to its last byte, too. */
static gboolean read_extra(const Package *package, GError **error)
{
    const QpkgLayout *layout = package->layout;
    const UnpackLimits limits = {layout->extra_bytes, EXTRA_MAX_FILES, TRUE, 0};
    const TarSource source = {.fd = package->fd,
                              .offset = layout->script_bytes + layout->control_bytes + layout->data_bytes,
                              .length = layout->extra_bytes,
                              .compression = TAR_PLAIN,
                              .max_tar_bytes = layout->extra_bytes};
    g_autoptr(TarStream) stream = tar_stream_open(&source, error);
    g_autoptr(MemberRules) rules = member_rules_new(&limits);
    struct archive_entry *entry = NULL;
    while (stream) {
        g_auto(Member) member = {0};
        if (!next_member(stream, rules, &entry, &member, error))
            return FALSE;
        if (!entry)
            return TRUE;
    }
    return FALSE;
}

static gboolean work_control(Helper *helper, gpointer user_data, GError **error)
{
    const ControlWork *work = user_data;
    if (!read_control(helper, user_data, error)) {
        g_prefix_error(error, "control archive: ");
        return FALSE;
    }
    if (work->package->layout->extra_bytes > 0 && !read_extra(work->package, error)) {
        g_prefix_error(error, "extra archive: ");
        return FALSE;
    }
    return TRUE;
}

/* ---- in the parent ---- */

static gboolean take_control(guint8 type, const void *data, gsize len, gpointer user_data, GError **error)
{
    ControlWork *work = user_data;
    gboolean is_config = type == FRAME_CONFIG;
    GBytes **place = is_config ? &work->config : &work->routines;
    gsize max_bytes = is_config ? ARCHIVE_MAX_CONFIG : ARCHIVE_MAX_ROUTINES;
    if ((!is_config && type != FRAME_ROUTINES) || *place || len > max_bytes)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "the unpacking helper speaks nonsense");
    *place = g_bytes_new(data, len);
    return TRUE;
}

static gboolean open_control(Package *package, GError **error)
{
    g_auto(ControlWork) work = {.package = package};
    const HelperSpec spec = {.archive_fd = package->fd,
                             .dir_fd = -1,
                             .max_cpu_s = CONTROL_CPU_S,
                             .work = work_control,
                             .on_frame = take_control,
                             .user_data = &work};
    if (!helper_run(&spec, error))
        return FALSE;
    if (!work.config)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "control archive: has no qpkg.cfg");
    gsize len;
    const void *text = g_bytes_get_data(work.config, &len);
    package->config = qpkg_config_parse(text, len, error);
    package->routines = g_steal_pointer(&work.routines);
    return package->config != NULL;
}

/* What the header checks for; any machine, if it checks none; and only where nobody knows that check, what was told. */
static gboolean settle_arch(Package *package, const char *told, GError **error)
{
    package->arch = g_strdup(package->layout->arch ? package->layout->arch : told);
    return package->arch ||
           error_set(error, APPCENTER_ERROR_CORRUPT,
                     "header: a check of the machine that is none of QDK's; tell its architecture (--arch)");
}

Package *package_open(int fd, const char *told_arch, GError **error)
{
    g_autoptr(Package) package = g_new0(Package, 1);
    package->fd = fd;
    package->layout = qpkg_layout_read(fd, error);
    if (!package->layout || !open_control(package, error))
        return NULL;
    package->identity = qpkg_identity_from_config(package->config, error);
    if (!package->identity || !qpkg_tail_agrees(package->layout, package->identity, error))
        return NULL;
    return settle_arch(package, told_arch, error) ? g_steal_pointer(&package) : NULL;
}

void package_free(Package *package)
{
    if (!package)
        return;
    fd_close(package->fd);
    qpkg_layout_free(package->layout);
    qpkg_config_free(package->config);
    qpkg_identity_free(package->identity);
    g_clear_pointer(&package->routines, g_bytes_unref);
    g_free(package->arch);
    g_free(package);
}
