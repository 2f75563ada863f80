/* pack_configs.h - the config files of a QDK source tree on their way into an archive. Private to vendor/. */
#ifndef VENDOR_PACK_CONFIGS_H
#define VENDOR_PACK_CONFIGS_H

#include "ports/archive.h"

/* What the control archive carries of them, as QDK's does. */
typedef struct {
    GBytes *conf_tar_gz; /* files for absolute places; NULL: none */
    GString *md5sum;     /* a line a file */
} PackConfigs;
void pack_configs_clear(PackConfigs *configs);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PackConfigs, pack_configs_clear)

/* Copies what QPKG_CONFIG names from config/: files of the app's folder into app, those with absolute places into
 * elsewhere (both empty, and the caller's), which becomes conf_tar_gz. An absolute one that config/ lacks is INVALID; one
 * of the app's folder may be in shared/ or arch instead, or be made by the app. */
gboolean pack_configs_collect(const RootDir *source, const QpkgIdentity *identity, const char *arch,
                              const RootDir *app, const RootDir *elsewhere, gint64 mtime,
                              PackConfigs *configs, GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
