/* files.h - files below a root directory, durably.
 *
 * RootDir is the door to the file system: all absolute paths of the product ("/etc/appcenter/appcenter.conf") are
 * opened below it with openat2(RESOLVE_IN_ROOT), so `--root DIR` makes a private NAS and a symlink cannot lead out.
 * Writing is always temp, fsync, rename, fsync of the directory. A failed fsync is a failure and is not retried.
 * The files_* functions work on descriptors, for trees that are not named from the root.
 */
#ifndef BASE_FILES_H
#define BASE_FILES_H

#include <glib.h>
#include <sys/stat.h>
#include <sys/types.h>

typedef struct RootDir RootDir;

/* dir: NULL, "" or "/" for the real system, else an existing directory. */
RootDir *root_dir_open(const char *dir, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void root_dir_free(RootDir *root);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RootDir, root_dir_free)

/* Canonical host path without a trailing slash; "" for the real system. */
const char *root_dir_path(const RootDir *root);
/* TRUE when it is not the real system's root. */
gboolean root_dir_is_private(const RootDir *root);
int root_dir_fd(const RootDir *root);
/* Host path of a product path, for messages and for handing to other programs; free with g_free. */
char *root_dir_host_path(const RootDir *root, const char *path);

/* openat2(RESOLVE_IN_ROOT) of an absolute product path; adds O_CLOEXEC. Returns a descriptor or -1. */
int root_dir_openat(const RootDir *root, const char *path, int flags, mode_t mode,
                    GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* TRUE if path exists (links followed within the root). */
gboolean root_dir_exists(const RootDir *root, const char *path);
/* mkdir -p; existing directories are left as they are. New ones get mode and are fsynced into their parent. */
gboolean root_dir_make_dirs(const RootDir *root, const char *path, mode_t mode,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Whole file, refused (CORRUPT) above max_bytes. NOT_FOUND if absent. */
GBytes *root_dir_read(const RootDir *root, const char *path, gsize max_bytes,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Old or new, never between: temp in the same directory, fsync, rename, fsync of the directory. */
gboolean root_dir_write_atomic(const RootDir *root, const char *path, const void *data, gsize len,
                               mode_t mode, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* unlink; absent is success. The directory is fsynced. */
gboolean root_dir_unlink(const RootDir *root, const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* rm -rf without following links or crossing mounts; absent is success (idempotent). */
gboolean root_dir_remove_tree(const RootDir *root, const char *path,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Names in a directory, sorted by bytes, without "." and ".."; NOT_FOUND if absent. free with g_strfreev. */
char **root_dir_list(const RootDir *root, const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* A descriptor that closes itself: g_auto(Fd) fd = -1; */
typedef int Fd;
void fd_close(Fd fd); /* -1 is fine */
G_DEFINE_AUTO_CLEANUP_FREE_FUNC(Fd, fd_close, -1)
/* Hands the descriptor on: returns it and leaves -1. */
int fd_steal(Fd *fd);

gboolean files_write_all(int fd, const void *data, gsize len, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Reads to end of file, refused above max_bytes. */
GBytes *files_read_fd(int fd, gsize max_bytes, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* As root_dir_write_atomic, name relative to a directory descriptor, no slash in it. */
gboolean files_write_atomic_at(int dir_fd, const char *name, const void *data, gsize len, mode_t mode,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean files_fsync(int fd, const char *name_for_message, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* rm -rf of dir_fd/name without following links or crossing a mount; absent is success. */
gboolean files_remove_tree_at(int dir_fd, const char *name, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* syncfs of the file system that fd lies on. */
gboolean files_sync_filesystem(int fd, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Copies all of in_fd from its current position to out_fd; returns the bytes copied, or -1. Refused above max_bytes. */
gint64 files_copy_fd(int in_fd, int out_fd, gint64 max_bytes, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* TRUE when name is one path component: not empty, no slash, not "." or "..", no control bytes, at most 255 bytes. */
gboolean files_name_is_plain(const char *name);
/* TRUE when path is relative, normal and stays below its start: no empty, "." or ".." parts, no control bytes. */
gboolean files_path_is_inside(const char *path);

#endif
