/* archive_tree.c - the unpacked tree on disk: made by the helper, looked over by the parent.
 *
 * libarchive's own disk writer has a history of being led through links, so files are made here: every folder is opened
 * with openat2 beneath the staging directory and through no link, every file is new (O_EXCL). No owner, no ACL, no
 * extended attribute is taken from the archive. Hard links become copies, as in what QDK builds: each file of a tree
 * has one name, which the parent checks.
 */
#include "ports/archive_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COPY_CHUNK_BYTES (256 * 1024)
#define DEFAULT_DIR_MODE 0755
/* One more than the rules let through: the helper that made the tree is not believed. */
#define WALK_MAX_DEPTH (ARCHIVE_MAX_DEPTH + 1)

typedef DIR DirStream;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DirStream, closedir)

typedef struct {
    char *path;
    mode_t mode;
    struct timespec mtime;
    gboolean has_mtime;
} Folder;

struct TreeWriter {
    int dir_fd;
    int parent_fd; /* of the last member: most have the same */
    char *parent_path;
    GArray *folders; /* Folder, in the order they were made */
};

static void folder_clear(Folder *folder)
{
    g_free(folder->path);
}

TreeWriter *tree_writer_new(int dir_fd)
{
    TreeWriter *writer = g_new0(TreeWriter, 1);
    writer->dir_fd = dir_fd;
    writer->parent_fd = -1;
    writer->folders = g_array_new(FALSE, FALSE, sizeof(Folder));
    g_array_set_clear_func(writer->folders, (GDestroyNotify)folder_clear);
    Folder top = {.path = g_strdup(""), .mode = DEFAULT_DIR_MODE};
    g_array_append_val(writer->folders, top);
    return writer;
}

void tree_writer_free(TreeWriter *writer)
{
    if (!writer)
        return;
    fd_close(writer->parent_fd);
    g_free(writer->parent_path);
    g_array_unref(writer->folders);
    g_free(writer);
}

/* ---- opening beneath ---- */

int archive_open_beneath(int dir_fd, const char *path, int flags)
{
    struct open_how how = {.flags = (guint64)(flags | O_NOFOLLOW | O_CLOEXEC),
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV};
    return (int)syscall(SYS_openat2, dir_fd, *path ? path : ".", &how, sizeof how);
}

static gboolean make_folder(TreeWriter *writer, int parent_fd, const char *name, const char *path,
                            const Member *member, GError **error)
{
    if (mkdirat(parent_fd, name, 0700) != 0)
        return error_set_errno(error, "make the folder \"%s\"", path);
    Folder folder = {.path = g_strdup(path), .mode = DEFAULT_DIR_MODE};
    if (member) {
        folder.mode = member->mode;
        folder.mtime = member->mtime;
        folder.has_mtime = TRUE;
    }
    g_array_append_val(writer->folders, folder);
    return TRUE;
}

/* Makes what is missing of a path that no entry has named as a folder. */
static gboolean make_implied(TreeWriter *writer, const char *path, GError **error)
{
    for (const char *slash = strchr(path, '/');; slash = strchr(slash + 1, '/')) {
        g_autofree char *part = slash ? g_strndup(path, (gsize)(slash - path)) : g_strdup(path);
        g_autofree char *above = g_path_get_dirname(part);
        g_autofree char *name = g_path_get_basename(part);
        g_auto(Fd) there = archive_open_beneath(writer->dir_fd, part, O_PATH | O_DIRECTORY);
        if (there < 0) {
            g_auto(Fd) parent = archive_open_beneath(writer->dir_fd, above, O_PATH | O_DIRECTORY);
            if (parent < 0)
                return error_set_errno(error, "open the folder \"%s\"", above);
            if (!make_folder(writer, parent, name, part, NULL, error))
                return FALSE;
        }
        if (!slash)
            return TRUE;
    }
}

/* Opens the folder that a member lies in, made where it is only implied. -1 with error set. */
static int open_parent(TreeWriter *writer, const char *path, GError **error)
{
    const char *slash = strrchr(path, '/');
    g_autofree char *parent = slash ? g_strndup(path, (gsize)(slash - path)) : g_strdup("");
    if (writer->parent_path && strcmp(writer->parent_path, parent) == 0)
        return writer->parent_fd;
    g_auto(Fd) fd = archive_open_beneath(writer->dir_fd, parent, O_PATH | O_DIRECTORY);
    if (fd < 0 && errno == ENOENT) {
        if (!make_implied(writer, parent, error))
            return -1;
        fd = archive_open_beneath(writer->dir_fd, parent, O_PATH | O_DIRECTORY);
    }
    if (fd < 0) {
        error_set_errno(error, "open the folder \"%s\"", parent);
        return -1;
    }
    fd_close(writer->parent_fd);
    g_free(writer->parent_path);
    writer->parent_fd = fd_steal(&fd);
    writer->parent_path = g_steal_pointer(&parent);
    return writer->parent_fd;
}

/* ---- members ---- */

static gboolean fill_file(int fd, const Member *member, TreeContent content, gpointer user_data,
                          GError **error)
{
    gint64 left = member->size_bytes;
    for (;;) {
        const void *bytes;
        gssize n = content(user_data, &bytes, error);
        if (n < 0)
            return FALSE;
        if (n > left)
            return error_set(error, APPCENTER_ERROR_CORRUPT,
                             "has more content than its %" G_GINT64_FORMAT " bytes", member->size_bytes);
        if (n == 0)
            break;
        if (!files_write_all(fd, bytes, (gsize)n, error))
            return FALSE;
        left -= n;
    }
    if (left > 0)
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "lacks %" G_GINT64_FORMAT " of its %" G_GINT64_FORMAT " bytes", left,
                         member->size_bytes);
    return TRUE;
}

static gboolean make_file(int parent_fd, const char *name, const Member *member, TreeContent content,
                          gpointer user_data, GError **error)
{
    const struct timespec times[2] = {member->mtime, member->mtime};
    g_auto(Fd) fd = openat(parent_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set_errno(error, "make it");
    if (!fill_file(fd, member, content, user_data, error))
        return FALSE;
    if (fchmod(fd, member->mode) != 0 || futimens(fd, times) != 0)
        return error_set_errno(error, "set its mode and time");
    return TRUE;
}

typedef struct {
    int fd;
    guint8 *chunk;
} Original;

static gssize content_of_original(gpointer user_data, const void **bytes, GError **error)
{
    const Original *original = user_data;
    ssize_t n = TEMP_FAILURE_RETRY(read(original->fd, original->chunk, COPY_CHUNK_BYTES));
    if (n < 0)
        error_set_errno(error, "read the file that it names");
    *bytes = original->chunk;
    return n;
}

static gboolean make_copy(TreeWriter *writer, int parent_fd, const char *name, const Member *member,
                          GError **error)
{
    g_auto(Fd) fd = archive_open_beneath(writer->dir_fd, member->target, O_RDONLY);
    if (fd < 0)
        return error_set_errno(error, "open the file that it names");
    g_autofree guint8 *chunk = g_malloc(COPY_CHUNK_BYTES);
    Original original = {fd, chunk};
    return make_file(parent_fd, name, member, content_of_original, &original, error);
}

static gboolean make_symlink(int parent_fd, const char *name, const Member *member, GError **error)
{
    const struct timespec times[2] = {member->mtime, member->mtime};
    if (symlinkat(member->target, parent_fd, name) != 0)
        return error_set_errno(error, "make the link");
    if (utimensat(parent_fd, name, times, AT_SYMLINK_NOFOLLOW) != 0)
        return error_set_errno(error, "set the link's time");
    return TRUE;
}

/* The tree itself, or a folder that an earlier path implied: only its mode and time are news. */
static gboolean update_folder(TreeWriter *writer, const Member *member)
{
    for (guint i = 0; i < writer->folders->len; i++) {
        Folder *folder = &g_array_index(writer->folders, Folder, i);
        if (strcmp(folder->path, member->path) != 0)
            continue;
        folder->mode = member->mode;
        folder->mtime = member->mtime;
        folder->has_mtime = TRUE;
        return TRUE;
    }
    return FALSE;
}

static gboolean add_folder(TreeWriter *writer, int parent_fd, const char *name, const Member *member,
                           GError **error)
{
    struct stat st;
    if (fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && update_folder(writer, member))
        return TRUE;
    return make_folder(writer, parent_fd, name, member->path, member, error);
}

gboolean tree_writer_add(TreeWriter *writer, const Member *member, TreeContent content, gpointer user_data,
                         GError **error)
{
    gboolean is_made = FALSE;
    if (!*member->path)
        return update_folder(writer, member);
    int parent_fd = open_parent(writer, member->path, error);
    if (parent_fd < 0)
        return FALSE;
    const char *slash = strrchr(member->path, '/');
    const char *name = slash ? slash + 1 : member->path;
    switch (member->kind) {
    case MEMBER_DIRECTORY:
        return add_folder(writer, parent_fd, name, member, error);
    case MEMBER_FILE:
        is_made = make_file(parent_fd, name, member, content, user_data, error);
        break;
    case MEMBER_HARDLINK:
        is_made = make_copy(writer, parent_fd, name, member, error);
        break;
    case MEMBER_SYMLINK:
        is_made = make_symlink(parent_fd, name, member, error);
        break;
    }
    if (!is_made)
        g_prefix_error(error, "\"%.200s\": ", member->path);
    return is_made;
}

gboolean tree_writer_finish(TreeWriter *writer, GError **error)
{
    for (guint i = writer->folders->len; i > 0; i--) { /* what lies deeper was made later */
        const Folder *folder = &g_array_index(writer->folders, Folder, i - 1);
        const struct timespec times[2] = {folder->mtime, folder->mtime};
        g_auto(Fd) fd = archive_open_beneath(writer->dir_fd, folder->path, O_RDONLY | O_DIRECTORY);
        if (fd < 0 || fchmod(fd, folder->mode) != 0 || (folder->has_mtime && futimens(fd, times) != 0))
            return error_set_errno(error, "set mode and time of the folder \"%s\"", folder->path);
    }
    return TRUE;
}

/* ---- the parent's look ---- */

typedef struct {
    const UnpackLimits *limits;
    gboolean is_root;
    dev_t device;
    gint64 files;
    gint64 bytes;
} Walk;

static gboolean adopt_entry(Walk *walk, int dir_fd, const char *name, struct stat *st, GError **error)
{
    if (fstatat(dir_fd, name, st, AT_SYMLINK_NOFOLLOW) != 0)
        return error_set_errno(error, "look at %s", name);
    if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode) && !S_ISLNK(st->st_mode))
        return error_set(error, APPCENTER_ERROR_CORRUPT, "%s: neither a file nor a folder nor a link", name);
    if (!S_ISLNK(st->st_mode) && (st->st_mode & (07777 & ~ARCHIVE_SAFE_MODE_BITS)))
        return error_set(error, APPCENTER_ERROR_CORRUPT, "%s: has mode %04o", name, st->st_mode & 07777);
    if ((!S_ISDIR(st->st_mode) && st->st_nlink != 1) || st->st_dev != walk->device)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "%s: is not of this tree alone", name);
    walk->files++;
    walk->bytes += S_ISREG(st->st_mode) ? st->st_size : 0;
    if (walk->files > walk->limits->max_files || walk->bytes > walk->limits->max_bytes)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "the tree is larger than what was announced");
    if (walk->is_root && fchownat(dir_fd, name, 0, 0, AT_SYMLINK_NOFOLLOW) != 0)
        return error_set_errno(error, "take over %s", name);
    return TRUE;
}

/* Takes dir_fd. */
static gboolean adopt_below(Walk *walk, int dir_fd, guint depth, GError **error)
{
    g_auto(Fd) fd = dir_fd;
    g_autoptr(DirStream) stream = fdopendir(fd);
    if (!stream)
        return error_set_errno(error, "read a folder");
    int stream_fd = fd_steal(&fd);
    if (depth > WALK_MAX_DEPTH)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "the tree is too deep");
    for (;;) {
        struct stat st;
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (!entry)
            return errno == 0 || error_set_errno(error, "read a folder");
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (!adopt_entry(walk, stream_fd, entry->d_name, &st, error))
            return FALSE;
        if (!S_ISDIR(st.st_mode))
            continue;
        int below = archive_open_beneath(stream_fd, entry->d_name, O_RDONLY | O_DIRECTORY);
        if (below < 0)
            return error_set_errno(error, "open %s", entry->d_name);
        if (!adopt_below(walk, below, depth + 1, error))
            return FALSE;
    }
}

gboolean tree_adopt(int dir_fd, const UnpackLimits *limits, GError **error)
{
    struct stat st;
    Walk walk = {.limits = limits, .is_root = geteuid() == 0};
    if (fstat(dir_fd, &st) != 0)
        return error_set_errno(error, "look at the unpacked tree");
    walk.device = st.st_dev;
    int again = archive_open_beneath(dir_fd, "", O_RDONLY | O_DIRECTORY); /* an offset of its own */
    if (again < 0)
        return error_set_errno(error, "open the unpacked tree");
    if (!adopt_below(&walk, again, 0, error)) {
        g_prefix_error(error, "unpacked tree: ");
        return FALSE;
    }
    return TRUE;
}
