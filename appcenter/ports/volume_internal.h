/* volume_internal.h - what the files of the volume share: its descriptors, and names below them. */
#ifndef PORTS_VOLUME_INTERNAL_H
#define PORTS_VOLUME_INTERNAL_H

#include <dirent.h>
#include <sys/stat.h>

#include "ports/volume.h"

typedef DIR DirStream;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DirStream, closedir)

struct Volume {
    char *path;      /* product path of the volume */
    int fd;          /* VOLUME */
    int qpkg_fd;     /* VOLUME/.qpkg: the live folders */
    int stage_fd;    /* VOLUME/.qpkg/.appcenter/stage */
    int kept_fd;     /* VOLUME/.qpkg/.appcenter/kept */
    int snapshot_fd; /* VOLUME/.qpkg/.appcenter/snapshots */
};

/* Both end with 0 and errno like the system call. Never replaces: EEXIST, also where the file system lacks the flag. */
int volume_rename_new(int from_dir, const char *from, int to_dir, const char *to);
/* Renames a tree, on the disk; there already and gone from its old place is success. */
gboolean volume_move_tree(int from_dir, const char *from, int to_dir, const char *to,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* INVALID unless it is one path component. */
gboolean volume_name_is_plain(const char *name, GError **error);
/* Opens a folder, not through a link; -1 and errno. */
int volume_open_dir(int dir_fd, const char *name);
/* Names in a directory, sorted by bytes; free with g_strfreev. */
char **volume_names_in(int dir_fd, GError **error);

/* What lies at a name, compared with what the package put there. */
typedef enum {
    VOLUME_SAME,   /* the package's, as it was */
    VOLUME_EDITED, /* the package's once, changed since */
    VOLUME_USERS   /* not the package's at all */
} VolumeOwner;
/* st: of the entry itself, not through a link. A folder in the manifest that is one is SAME, whatever is in it. */
VolumeOwner volume_owner(int dir_fd, const char *name, const char *path, const struct stat *st,
                         const Manifest *manifest);
/* SHA-256 of a regular file; NULL when it cannot be read to its end. */
char *volume_hash_file(int dir_fd, const char *name);
/* "dir/name", or "name" for the top (""). */
char *volume_join(const char *dir, const char *name);

#endif
