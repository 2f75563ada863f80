/* dir_stream.h - an open directory that closes itself: g_autoptr(DirStream) stream = fdopendir(fd); within
 * this room. */
#ifndef BASE_DIR_STREAM_H
#define BASE_DIR_STREAM_H

#include <dirent.h>
#include <glib.h>

typedef DIR DirStream;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DirStream, closedir)

#endif
