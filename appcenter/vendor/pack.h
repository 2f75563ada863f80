/* pack.h - a QPKG from a source tree, for who wants to look at it before it is written anywhere. */
#ifndef VENDOR_PACK_H
#define VENDOR_PACK_H

#include "base/base.h"

/* The unsigned archive in a temporary file; arch NULL: the one that the tree has a folder for. -1 on failure, where CORRUPT
 * is about the tree's content. */
int pack_source(const char *dir, const char *arch, GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
