/* package_info.h - what a vendor's verbs want to know of an archive: identity, size, digests, who signed it. */
#ifndef VENDOR_PACKAGE_INFO_H
#define VENDOR_PACKAGE_INFO_H

#include "ports/archive.h"

typedef struct {
    Package *package;
    gint64 size_bytes, files, installed_bytes;
    char *sha256, *data_sha256;
} PackageInfo;
void package_info_clear(PackageInfo *info);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PackageInfo, package_info_clear)

/* Opens, parses and measures the file by the client's own code; runs nothing of it. arch: of an archive whose header checks
 * for none, NULL: as its name says; INVALID where it is none, or the header checks for another. */
gboolean package_info_read(const char *file, const char *arch, PackageInfo *info,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same of an open file; takes fd. */
gboolean package_info_read_fd(int fd, const char *arch, PackageInfo *info,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
