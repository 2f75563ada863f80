/* volume_copy.c - copies what an app's folder holds: the user's part, the package's, or all of it.
 *
 * Blocks are shared where the file system can (FICLONE on btrfs and xfs), else bytes are copied, holes left out. Hard links
 * stay links, and mode, owner, times and extended attributes come along. Sockets, pipes and devices hold no content and are
 * passed over. One walk serves copying and measuring.
 */
#include "ports/volume_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

#define DEPTH_MAX      200 /* two descriptors a level */
#define BUFFER_BYTES   (256 * 1024)
#define BLOCK_BYTES    512 /* what st_blocks counts in */
#define LINK_MAX_BYTES 4096
#define PROBE_BYTES    4096

typedef struct {
    const VolumeCopySpec *spec;
    VolumeCopied *copied;
    GHashTable *links;  /* "DEVICE:INODE" of a file with several names -> the first one's path in the copy */
    int to_fd;          /* top of the copy; -1: only measured */
    gboolean may_share; /* until the file system says that it cannot */
} Copying;

/* What the walk stands on. */
typedef struct {
    int from_dir, to_dir;
    const char *name, *path;
    struct stat st;
} Place;

/* ---- what is wanted ---- */

/* In a measure the package's file is known by its size: reading it is the copy's work. */
static VolumeOwner owner_of(const Copying *copying, const Place *place)
{
    const Manifest *manifest = copying->spec->manifest;
    const ManifestEntry *entry = manifest ? manifest_find(manifest, place->path) : NULL;
    if (!manifest)
        return VOLUME_USERS;
    if (copying->to_fd >= 0 || !entry || entry->type != 'f')
        return volume_owner(place->from_dir, place->name, place->path, &place->st, manifest);
    return S_ISREG(place->st.st_mode) && place->st.st_size == entry->size_bytes ? VOLUME_SAME : VOLUME_EDITED;
}

static gboolean is_below(const char *path, const char *top)
{
    gsize len = strlen(top);
    return strncmp(path, top, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static gboolean is_named(const Copying *copying, const char *path)
{
    for (const char *const *one = copying->spec->paths; one && *one; one++)
        if (is_below(path, *one))
            return TRUE;
    return FALSE;
}

/* Folders are always descended; one that stays empty and was not wanted is taken away again. */
static gboolean is_wanted(const Copying *copying, const Place *place)
{
    if (is_named(copying, place->path))
        return TRUE;
    switch (copying->spec->what) {
    case VOLUME_COPY_USERS:
        return owner_of(copying, place) != VOLUME_SAME;
    case VOLUME_COPY_PACKAGE:
        return owner_of(copying, place) == VOLUME_SAME;
    case VOLUME_COPY_EDITED:
        return owner_of(copying, place) == VOLUME_EDITED;
    case VOLUME_COPY_ALL:
        return TRUE;
    case VOLUME_COPY_NAMED:
        break;
    }
    return FALSE;
}

/* ---- attributes ---- */

/* What only the system may set is left to it; where there are no attributes there is nothing to copy. */
static gboolean copy_attribute(int from_fd, int to_fd, const char *name, const char *path, GError **error)
{
    ssize_t len = fgetxattr(from_fd, name, NULL, 0);
    g_autofree char *value = g_malloc0((gsize)MAX(len, 0) + 1);
    if (len > 0)
        len = fgetxattr(from_fd, name, value, (gsize)len);
    if (len < 0 || fsetxattr(to_fd, name, value, (gsize)len, 0) == 0)
        return TRUE;
    gboolean is_users = g_str_has_prefix(name, "user.") || g_str_has_prefix(name, "system.posix_acl");
    if (!is_users && (errno == EPERM || errno == ENOTSUP))
        return TRUE;
    return error_set_errno(error, "attribute %s of %s", name, path);
}

static gboolean copy_attributes(int from_fd, int to_fd, const char *path, GError **error)
{
    ssize_t len = flistxattr(from_fd, NULL, 0);
    g_autofree char *names = g_malloc0((gsize)MAX(len, 0) + 1);
    if (len > 0)
        len = flistxattr(from_fd, names, (gsize)len);
    for (const char *name = names; len > 0 && name < names + len; name += strlen(name) + 1)
        if (!copy_attribute(from_fd, to_fd, name, path, error))
            return FALSE;
    return TRUE;
}

/* In this order: a new owner clears bits of the mode, and every change the times. */
static gboolean copy_nature(int from_fd, int to_fd, const struct stat *st, const char *path, GError **error)
{
    const struct timespec times[] = {st->st_atim, st->st_mtim};
    if ((geteuid() == 0 && fchown(to_fd, st->st_uid, st->st_gid) != 0) ||
        fchmod(to_fd, st->st_mode & 07777) != 0)
        return error_set_errno(error, "owner and mode of %s", path);
    if (!copy_attributes(from_fd, to_fd, path, error))
        return FALSE;
    return futimens(to_fd, times) == 0 || error_set_errno(error, "times of %s", path);
}

/* ---- one entry ---- */

static gboolean copy_range(int from_fd, int to_fd, off_t at, off_t end, char *buffer, const char *path,
                           GError **error)
{
    while (at < end) {
        ssize_t n = pread(from_fd, buffer, (gsize)MIN(end - at, BUFFER_BYTES), at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set_errno(error, "read %s", path);
        if (n == 0)
            return TRUE; /* it became shorter */
        for (ssize_t done = 0; done < n;) {
            ssize_t written = pwrite(to_fd, buffer + done, (gsize)(n - done), at + done);
            if (written < 0 && errno == EINTR)
                continue;
            if (written < 0)
                return error_set_errno(error, "copy %s", path);
            done += written;
        }
        at += n;
    }
    return TRUE;
}

static gboolean copy_bytes(int from_fd, int to_fd, off_t size, const char *path, GError **error)
{
    g_autofree char *buffer = g_malloc(BUFFER_BYTES);
    off_t at = 0;
    while (at < size) {
        off_t data = lseek(from_fd, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            break; /* a hole to its end */
        off_t hole = data < 0 ? -1 : lseek(from_fd, data, SEEK_HOLE);
        if (hole < 0) { /* the file system tells no holes */
            data = at;
            hole = size;
        }
        if (!copy_range(from_fd, to_fd, data, hole, buffer, path, error))
            return FALSE;
        at = hole;
    }
    return ftruncate(to_fd, size) == 0 || error_set_errno(error, "copy %s", path);
}

static gboolean fill_file(Copying *copying, int from_fd, int to_fd, const Place *place, GError **error)
{
    if (copying->may_share && ioctl(to_fd, FICLONE, from_fd) == 0)
        return TRUE;
    if (copying->may_share && errno == ENOSPC)
        return error_set_errno(error, "copy %s", place->path);
    copying->may_share = FALSE;
    copying->copied->copied_bytes += (gint64)place->st.st_blocks * BLOCK_BYTES;
    return copy_bytes(from_fd, to_fd, place->st.st_size, place->path, error);
}

/* TRUE: it is there now as another name of a file that was copied before. */
static gboolean linked_again(Copying *copying, const Place *place)
{
    if (place->st.st_nlink < 2)
        return FALSE;
    char *key = g_strdup_printf("%lx:%lx", (unsigned long)place->st.st_dev, (unsigned long)place->st.st_ino);
    const char *first = g_hash_table_lookup(copying->links, key);
    if (!first) {
        g_hash_table_insert(copying->links, key, g_strdup(place->path));
        return FALSE;
    }
    g_free(key);
    return copying->to_fd < 0 || linkat(copying->to_fd, first, place->to_dir, place->name, 0) == 0;
}

static void count(Copying *copying, const Place *place)
{
    copying->copied->files++;
    copying->copied->bytes += (gint64)place->st.st_blocks * BLOCK_BYTES;
}

static gboolean copy_file(Copying *copying, const Place *place, GError **error)
{
    if (linked_again(copying, place))
        return TRUE;
    count(copying, place);
    if (copying->to_fd < 0)
        return TRUE;
    g_auto(Fd) from =
        openat(place->from_dir, place->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (from < 0)
        return error_set_errno(error, "open %s", place->path);
    g_auto(Fd) to =
        openat(place->to_dir, place->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0 && errno == EEXIST && copying->spec->what == VOLUME_COPY_EDITED)
        return TRUE;
    if (to < 0)
        return error_set_errno(error, "make the copy of %s", place->path);
    return fill_file(copying, from, to, place, error) &&
           copy_nature(from, to, &place->st, place->path, error);
}

static gboolean copy_link(Copying *copying, const Place *place, GError **error)
{
    char target[LINK_MAX_BYTES];
    const struct timespec times[] = {place->st.st_atim, place->st.st_mtim};
    count(copying, place);
    if (copying->to_fd < 0)
        return TRUE;
    ssize_t len = readlinkat(place->from_dir, place->name, target, sizeof target - 1);
    if (len < 0 || len == sizeof target - 1)
        return error_set(error, APPCENTER_ERROR_IO, "%s: the link cannot be read", place->path);
    target[len] = '\0';
    if (symlinkat(target, place->to_dir, place->name) != 0)
        return (errno == EEXIST && copying->spec->what == VOLUME_COPY_EDITED) ||
               error_set_errno(error, "make the copy of %s", place->path);
    if (geteuid() == 0 &&
        fchownat(place->to_dir, place->name, place->st.st_uid, place->st.st_gid, AT_SYMLINK_NOFOLLOW) != 0)
        return error_set_errno(error, "owner of %s", place->path);
    return utimensat(place->to_dir, place->name, times, AT_SYMLINK_NOFOLLOW) == 0 ||
           error_set_errno(error, "times of %s", place->path);
}

/* ---- the walk ---- */

static gboolean copy_dir(Copying *copying, int from_fd, int to_fd, const char *path, guint depth,
                         GError **error);

static gboolean copy_folder(Copying *copying, const Place *place, gboolean wanted, guint depth,
                            GError **error)
{
    g_auto(Fd) from = volume_open_dir(place->from_dir, place->name);
    if (from < 0)
        return error_set_errno(error, "open %s", place->path);
    if (copying->to_fd < 0)
        return copy_dir(copying, from, -1, place->path, depth + 1, error);
    gboolean is_new = mkdirat(place->to_dir, place->name, 0700) == 0;
    if (!is_new && errno != EEXIST)
        return error_set_errno(error, "make the copy of %s", place->path);
    g_auto(Fd) to = volume_open_dir(place->to_dir, place->name);
    if (to < 0)
        return copying->spec->what == VOLUME_COPY_EDITED || error_set_errno(error, "open %s", place->path);
    if (!copy_dir(copying, from, to, place->path, depth + 1, error))
        return FALSE;
    if (is_new && !wanted && unlinkat(place->to_dir, place->name, AT_REMOVEDIR) == 0)
        return TRUE;
    return !is_new || copy_nature(from, to, &place->st, place->path, error);
}

static gboolean copy_entry(Copying *copying, const Place *place, guint depth, GError **error)
{
    gboolean wanted = is_wanted(copying, place);
    if (S_ISDIR(place->st.st_mode))
        return copy_folder(copying, place, wanted, depth, error);
    if (!wanted)
        return TRUE;
    if (S_ISREG(place->st.st_mode))
        return copy_file(copying, place, error);
    return !S_ISLNK(place->st.st_mode) || copy_link(copying, place, error);
}

static gboolean copy_dir(Copying *copying, int from_fd, int to_fd, const char *path, guint depth,
                         GError **error)
{
    g_auto(GStrv) names = volume_names_in(from_fd, error);
    if (!names)
        return FALSE;
    if (depth > DEPTH_MAX)
        return error_set(error, APPCENTER_ERROR_IO, "%s: folders lie more than %d deep", path, DEPTH_MAX);
    for (char **name = names; *name; name++) {
        g_autofree char *entry_path = volume_join(path, *name);
        Place place = {.from_dir = from_fd, .to_dir = to_fd, .name = *name, .path = entry_path};
        if (fstatat(from_fd, *name, &place.st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
            continue; /* gone meanwhile: a measure looks at an app that runs */
        if (!copy_entry(copying, &place, depth, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean walk(int from_fd, int to_fd, const VolumeCopySpec *spec, VolumeCopied *copied, GError **error)
{
    g_autoptr(GHashTable) links = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    Copying copying = {.spec = spec, .copied = copied, .links = links, .to_fd = to_fd, .may_share = TRUE};
    *copied = (VolumeCopied){0};
    return copy_dir(&copying, from_fd, to_fd, "", 0, error);
}

gboolean volume_copy(int from_fd, int to_fd, const VolumeCopySpec *spec, VolumeCopied *copied, GError **error)
{
    struct stat st;
    if (fstat(from_fd, &st) != 0)
        return error_set_errno(error, "look at the folder");
    return walk(from_fd, to_fd, spec, copied, error) &&
           (spec->what == VOLUME_COPY_EDITED || copy_nature(from_fd, to_fd, &st, "the folder", error));
}

gboolean volume_measure(int from_fd, const VolumeCopySpec *spec, VolumeCopied *found, GError **error)
{
    return walk(from_fd, -1, spec, found, error);
}

gboolean volume_can_share(const Volume *volume)
{
    char block[PROBE_BYTES] = {0};
    g_auto(Fd) from = openat(volume->snapshot_fd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    g_auto(Fd) to = openat(volume->snapshot_fd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    return from >= 0 && to >= 0 && write(from, block, sizeof block) == sizeof block &&
           ioctl(to, FICLONE, from) == 0;
}
