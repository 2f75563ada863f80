/* archive_write.c - the vendor's side: the data archive and the control part of a package.
 *
 * The same tree gives the same bytes wherever and whenever it is packed: members sorted, owner root, one time for all,
 * no name or time in gzip's header, modes cut to what an unpacker would leave of them. What could not be unpacked again
 * (devices, setuid files, odd names) is refused here already.
 */
#include "ports/archive_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define RECORD_BYTES     10240 /* what tar pads to, and what QDK's control part looks like */
#define COPY_CHUNK_BYTES (256 * 1024)
#define IMPLIED_DIR_MODE 0755

typedef struct archive ArchiveWriter;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ArchiveWriter, archive_write_free)
typedef struct archive_entry ArchiveEntry;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ArchiveEntry, archive_entry_free)
typedef DIR DirStream;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DirStream, closedir)

/* ---- where the bytes go ---- */

typedef struct {
    int fd;             /* or */
    GByteArray *buffer; /* NULL: to fd */
    GError *failure;
} Output;

static void output_clear(Output *output)
{
    g_clear_error(&output->failure);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Output, output_clear)

static la_ssize_t write_out(struct archive *writer, void *user_data, const void *bytes, size_t len)
{
    Output *output = user_data;
    if (output->buffer) {
        g_byte_array_append(output->buffer, bytes, (guint)len);
        return (la_ssize_t)len;
    }
    if (output->failure || files_write_all(output->fd, bytes, len, &output->failure))
        return output->failure ? -1 : (la_ssize_t)len;
    archive_set_error(writer, EIO, "write");
    return -1;
}

static gboolean fail_from(const Output *output, ArchiveWriter *writer, GError **error)
{
    if (output->failure) {
        g_propagate_error(error, g_error_copy(output->failure));
        return FALSE;
    }
    const char *text = archive_error_string(writer);
    return error_set(error, APPCENTER_ERROR_INTERNAL, "tar: %s", text ? text : "could not be written");
}

static int add_filter(ArchiveWriter *writer, int compression)
{
    switch (compression) {
    case TAR_PLAIN:
        return archive_write_add_filter_none(writer);
    case QPKG_GZIP:
        archive_write_add_filter_gzip(writer);
        archive_write_set_filter_option(writer, "gzip", "timestamp", NULL);
        return archive_write_set_filter_option(writer, "gzip", "compression-level", "9");
    case QPKG_BZIP2:
        return archive_write_add_filter_bzip2(writer);
    case QPKG_XZ:
        return archive_write_add_filter_xz(writer);
    case QPKG_ZSTD:
        archive_write_add_filter_zstd(writer);
        return archive_write_set_filter_option(writer, "zstd", "compression-level", "12");
    default:
        return ARCHIVE_FATAL;
    }
}

/* GNU tar, as QDK builds it. A plain tar is padded to whole records; behind compressed data nothing may stand. */
static ArchiveWriter *writer_open(Output *output, int compression, GError **error)
{
    g_autoptr(ArchiveWriter) writer = archive_write_new();
    if (compression == QPKG_7Z) {
        error_set(error, APPCENTER_ERROR_INVALID, "wanted gzip, bzip2, xz or zstd, found 7-Zip");
        return NULL;
    }
    if (add_filter(writer, compression) != ARCHIVE_OK ||
        archive_write_set_format_gnutar(writer) != ARCHIVE_OK ||
        archive_write_set_bytes_per_block(writer, RECORD_BYTES) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(writer, compression == TAR_PLAIN ? RECORD_BYTES : 1) !=
            ARCHIVE_OK ||
        archive_write_open(writer, output, NULL, write_out, NULL) != ARCHIVE_OK) {
        fail_from(output, writer, error);
        return NULL;
    }
    return g_steal_pointer(&writer);
}

static gboolean writer_close(ArchiveWriter *writer, const Output *output, GError **error)
{
    return archive_write_close(writer) == ARCHIVE_OK || fail_from(output, writer, error);
}

static ArchiveEntry *entry_new(const char *name, mode_t type, mode_t mode, gint64 size, gint64 mtime)
{
    ArchiveEntry *entry = archive_entry_new();
    archive_entry_copy_pathname(entry, name);
    archive_entry_set_filetype(entry, type);
    archive_entry_set_perm(entry, mode);
    archive_entry_set_size(entry, size);
    archive_entry_set_mtime(entry, mtime, 0);
    archive_entry_set_uid(entry, 0);
    archive_entry_set_gid(entry, 0);
    return entry;
}

static gboolean write_header(ArchiveWriter *writer, const Output *output, ArchiveEntry *entry, GError **error)
{
    return archive_write_header(writer, entry) == ARCHIVE_OK || fail_from(output, writer, error);
}

static gboolean write_content(ArchiveWriter *writer, const Output *output, const void *data, gsize len,
                              GError **error)
{
    return len == 0 || archive_write_data(writer, data, len) == (la_ssize_t)len ||
           fail_from(output, writer, error);
}

/* ---- what the layers hold ---- */

typedef struct {
    int layer_fd;
    char *source_path; /* in the layer */
    char *path;        /* in the package */
    char *target;      /* of a symlink */
    mode_t type;       /* S_IFDIR, S_IFREG, S_IFLNK */
    mode_t mode;
    gint64 size_bytes;
} Item;

static void item_free(Item *item)
{
    g_free(item->source_path);
    g_free(item->path);
    g_free(item->target);
    g_free(item);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Item, item_free)

/* Takes the item. A later layer replaces a file by a file and a folder by a folder. */
static gboolean add_item(GTree *items, Item *item, GError **error)
{
    g_autoptr(Item) taken = item;
    const Item *old = g_tree_lookup(items, item->path);
    if (old && (old->type == S_IFDIR) != (item->type == S_IFDIR))
        return error_set(error, APPCENTER_ERROR_INVALID, "%s is a folder in one layer and a file in another",
                         item->path);
    g_tree_replace(items, item->path, g_steal_pointer(&taken));
    return TRUE;
}

static char *read_target(int dir_fd, const char *name, GError **error)
{
    char target[ARCHIVE_MAX_PATH_BYTES];
    ssize_t n = readlinkat(dir_fd, name, target, sizeof target);
    if (n >= 0 && n < (ssize_t)sizeof target)
        return g_strndup(target, (gsize)n);
    error_set_errno_value(error, n < 0 ? errno : ENAMETOOLONG, "read a link");
    return NULL;
}

/* Fills kind, mode and size from the file system, or says why it cannot be packed. */
static gboolean describe(Item *item, int dir_fd, const char *name, GError **error)
{
    struct stat st;
    if (!archive_path_check(item->path, error))
        return FALSE;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return error_set_errno(error, "look at it");
    item->type = st.st_mode & S_IFMT;
    item->mode = (st.st_mode & ARCHIVE_SAFE_MODE_BITS) | (S_ISDIR(st.st_mode) ? 0700 : 0400);
    switch (item->type) {
    case S_IFDIR:
        return TRUE;
    case S_IFREG:
        item->size_bytes = st.st_size;
        if (st.st_mode & 07000)
            return error_set(error, APPCENTER_ERROR_INVALID, "is setuid, setgid or sticky");
        return TRUE;
    case S_IFLNK:
        item->target = read_target(dir_fd, name, error);
        return item->target != NULL;
    default:
        return error_set(error, APPCENTER_ERROR_INVALID, "is neither a file nor a folder nor a link");
    }
}

/* Takes dir_fd's file NAME, at source_path in the layer, into items. */
static gboolean collect_one(GTree *items, const ArchiveLayer *layer, int dir_fd, const char *name,
                            const char *source_path, gboolean *is_folder, GError **error)
{
    g_autoptr(Item) item = g_new0(Item, 1);
    item->layer_fd = layer->dir_fd;
    item->source_path = g_strdup(source_path);
    item->path = g_strconcat(layer->prefix, source_path, NULL);
    if (!describe(item, dir_fd, name, error)) {
        g_prefix_error(error, "\"%.200s\": ", source_path);
        return FALSE;
    }
    *is_folder = item->type == S_IFDIR;
    return add_item(items, g_steal_pointer(&item), error);
}

static gboolean collect_below(GTree *items, const ArchiveLayer *layer, const char *folder, GError **error)
{
    g_auto(Fd) fd = archive_open_beneath(layer->dir_fd, folder, O_RDONLY | O_DIRECTORY);
    g_autoptr(DirStream) stream = fd < 0 ? NULL : fdopendir(fd);
    if (!stream)
        return error_set_errno(error, "read the folder \"%s\"", folder);
    int dir_fd = fd_steal(&fd);
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (!entry)
            return errno == 0 || error_set_errno(error, "read the folder \"%s\"", folder);
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        gboolean is_folder = FALSE;
        g_autofree char *path = g_strdup_printf("%s%s%s", folder, *folder ? "/" : "", entry->d_name);
        if (!collect_one(items, layer, dir_fd, entry->d_name, path, &is_folder, error) ||
            (is_folder && !collect_below(items, layer, path, error)))
            return FALSE;
    }
}

/* The folders of a prefix, "config/" or "a/b/", or those that a file is in; where no layer has them. */
static gboolean add_prefix(GTree *items, const char *prefix, GError **error)
{
    for (const char *slash = strchr(prefix, '/'); slash; slash = strchr(slash + 1, '/')) {
        g_autofree char *path = g_strndup(prefix, (gsize)(slash - prefix));
        if (g_tree_lookup(items, path))
            continue;
        Item *item = g_new0(Item, 1);
        item->path = g_steal_pointer(&path);
        item->type = S_IFDIR;
        item->mode = IMPLIED_DIR_MODE;
        if (!add_item(items, item, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean collect_named(GTree *items, const ArchiveLayer *layer, GError **error)
{
    for (const char *const *path = layer->only; *path; path++) {
        gboolean is_folder = FALSE;
        g_auto(Fd) fd = archive_open_beneath(layer->dir_fd, *path, O_PATH | O_NOFOLLOW);
        if (fd < 0 && errno == ENOENT)
            continue;
        if (fd < 0)
            return error_set_errno(error, "look at %s", *path);
        g_autofree char *whole = g_strconcat(layer->prefix, *path, NULL);
        if (!add_prefix(items, whole, error) ||
            !collect_one(items, layer, layer->dir_fd, *path, *path, &is_folder, error))
            return FALSE;
        if (is_folder)
            return error_set(error, APPCENTER_ERROR_INVALID, "%s: wanted a file, found a folder", *path);
    }
    return TRUE;
}

static gboolean collect_layer(GTree *items, const ArchiveLayer *layer, GError **error)
{
    return layer->only ? collect_named(items, layer, error)
                       : add_prefix(items, layer->prefix, error) && collect_below(items, layer, "", error);
}

/* ---- the data archive ---- */

typedef struct {
    ArchiveWriter *writer;
    Output *output;
    gint64 mtime;
    guint8 *chunk;
    GError *failure;
} Packing;

static gboolean pack_file(const Packing *packing, const Item *item, GError **error)
{
    gint64 left = item->size_bytes;
    g_auto(Fd) fd = archive_open_beneath(item->layer_fd, item->source_path, O_RDONLY);
    if (fd < 0)
        return error_set_errno(error, "open");
    for (;;) {
        ssize_t n = TEMP_FAILURE_RETRY(read(fd, packing->chunk, COPY_CHUNK_BYTES));
        if (n < 0)
            return error_set_errno(error, "read");
        if (n > left || (n == 0 && left > 0))
            return error_set(error, APPCENTER_ERROR_IO, "its size changed while it was read");
        if (n == 0)
            return TRUE;
        if (!write_content(packing->writer, packing->output, packing->chunk, (gsize)n, error))
            return FALSE;
        left -= n;
    }
}

static gboolean pack_item(const Packing *packing, const Item *item, GError **error)
{
    g_autofree char *name = g_strconcat("./", item->path, NULL);
    g_autoptr(ArchiveEntry) entry = entry_new(name, item->type, item->mode, item->size_bytes, packing->mtime);
    if (item->target)
        archive_entry_copy_symlink(entry, item->target);
    if (!write_header(packing->writer, packing->output, entry, error))
        return FALSE;
    return item->type != S_IFREG || pack_file(packing, item, error);
}

static gboolean pack_next(gpointer path, gpointer item, gpointer user_data)
{
    Packing *packing = user_data;
    if (pack_item(packing, item, &packing->failure))
        return FALSE;
    g_prefix_error(&packing->failure, "\"%.200s\": ", (const char *)path);
    return TRUE; /* ends the walk */
}

static gint compare_paths(gconstpointer a, gconstpointer b, gpointer user_data)
{
    (void)user_data;
    return strcmp(a, b);
}

static gboolean pack_items(GTree *items, ArchiveWriter *writer, Output *output, gint64 mtime, GError **error)
{
    g_autofree guint8 *chunk = g_malloc(COPY_CHUNK_BYTES);
    Packing packing = {.writer = writer, .output = output, .mtime = mtime, .chunk = chunk};
    g_autoptr(ArchiveEntry) top = entry_new("./", S_IFDIR, IMPLIED_DIR_MODE, 0, mtime);
    if (!write_header(writer, output, top, error))
        return FALSE;
    g_tree_foreach(items, pack_next, &packing);
    if (!packing.failure)
        return TRUE;
    g_propagate_error(error, packing.failure);
    return FALSE;
}

gboolean archive_pack_data(int out_fd, QpkgCompression compression, const ArchiveLayer *layers,
                           gsize n_layers, gint64 mtime, GError **error)
{
    g_autoptr(GTree) items = g_tree_new_full(compare_paths, NULL, NULL, (GDestroyNotify)item_free);
    g_auto(Output) output = {.fd = out_fd};
    for (gsize i = 0; i < n_layers && layers[i].prefix; i++)
        if (!collect_layer(items, &layers[i], error))
            return FALSE;
    g_autoptr(ArchiveWriter) writer = writer_open(&output, (int)compression, error);
    return writer && pack_items(items, writer, &output, mtime, error) && writer_close(writer, &output, error);
}

/* ---- the control part ---- */

static gboolean pack_member(ArchiveWriter *writer, const Output *output, const char *name,
                            const ArchiveMember *member, gint64 mtime, GError **error)
{
    g_autoptr(ArchiveEntry) entry = entry_new(name, S_IFREG, member->mode & 0777, (gint64)member->len, mtime);
    return write_header(writer, output, entry, error) &&
           write_content(writer, output, member->data, member->len, error);
}

static gboolean pack_inner(GByteArray *inner, const ArchiveMember *members, gsize n_members, gint64 mtime,
                           GError **error)
{
    g_auto(Output) output = {.fd = -1, .buffer = inner};
    g_autoptr(ArchiveWriter) writer = writer_open(&output, QPKG_GZIP, error);
    if (!writer)
        return FALSE;
    for (gsize i = 0; i < n_members; i++) {
        g_autofree char *name = g_strconcat("./", members[i].name, NULL);
        if (!archive_path_check(members[i].name, error) ||
            !pack_member(writer, &output, name, &members[i], mtime, error))
            return FALSE;
    }
    return writer_close(writer, &output, error);
}

gboolean archive_pack_control(int out_fd, const ArchiveMember *members, gsize n_members, gint64 mtime,
                              GError **error)
{
    g_autoptr(GByteArray) inner = g_byte_array_new();
    g_auto(Output) output = {.fd = out_fd};
    if (!pack_inner(inner, members, n_members, mtime, error))
        return FALSE;
    const ArchiveMember outer = {
        .name = "control.tar.gz", .data = inner->data, .len = inner->len, .mode = 0644};
    g_autoptr(ArchiveWriter) writer = writer_open(&output, TAR_PLAIN, error);
    return writer && pack_member(writer, &output, outer.name, &outer, mtime, error) &&
           writer_close(writer, &output, error);
}
