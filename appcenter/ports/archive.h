/* archive.h - what is inside a QPKG's compressed parts, through libarchive (only the archive_* files include it).
 *
 * Readers enable tar and the one filter that the header names, drain to the end and require that exactly the announced
 * bytes were consumed. Untrusted unpacking runs in a forked helper (own uid when root, no new privileges, Landlock,
 * seccomp, limits); entries are made beneath the staging directory only, O_EXCL. CORRUPT says what and where.
 */
#ifndef PORTS_ARCHIVE_H
#define PORTS_ARCHIVE_H

#include "qpkg/qpkg.h"

/* A package file opened, its lengths checked and its control archive read (in a sandboxed helper). Nothing of it is
 * trusted by that. */
typedef struct {
    int fd;
    QpkgLayout *layout;
    QpkgConfig *config;
    QpkgIdentity *identity;
    GBytes *routines; /* package_routines or NULL, at most 256 KiB */
    char *arch;       /* what the header checks for, or else what was told */
} Package;

/* Takes fd (closes it at free, and on failure). Refuses an archive whose tail disagrees with its identity.
 * told_arch: of an archive whose header checks for none that QDK knows; NULL when nobody knows. */
Package *package_open(int fd, const char *told_arch, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void package_free(Package *package);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Package, package_free)

typedef struct {
    gint64 max_bytes; /* of all files together: the catalogue's installed_size, or the config's limit */
    gint64 max_files; /* files, links and folders together, those that are only implied by a path too */
    /* Publisher-signed: symlinks that point out of the tree are created as they are. */
    gboolean links_may_leave;
    gint64 max_ratio; /* of the tar to its compressed form, once it is above 64 MiB; 0: any */
} UnpackLimits;

typedef struct {
    /* About every 100 ms and at the end; bytes of the compressed data archive. May be NULL, as the other. */
    void (*progress)(gint64 done_bytes, gint64 total_bytes, gpointer user_data);
    gboolean (*is_cancelled)(gpointer user_data);
    gpointer user_data;
} UnpackWatch;

/* Unpacks the data archive into the empty directory dir_fd, in the sandboxed helper. *data_sha256 (may be NULL): over
 * the uncompressed tar. Ownership is the caller's own (root when root); setuid, setgid, devices, fifos, sockets, sparse
 * files, absolute or `..` paths, doubles, control bytes and names that are not UTF-8, hard links to what is no earlier
 * file of the archive are refused. Modes are cut to 0755; a hard link becomes a copy (and counts as one). watch may be
 * NULL. CORRUPT, NO_SPACE, IO, CANCELLED; on failure the directory may hold a part of the tree. */
gboolean archive_unpack(const Package *package, int dir_fd, const UnpackLimits *limits,
                        const UnpackWatch *watch, char **data_sha256,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Unpacks what QDK's installer finds beside itself (the members of the control and the extra archive) into the empty
 * directory dir_fd, as archive_unpack does: at most 64 MiB and what the extra archive has, 2000 files. */
gboolean archive_unpack_beside(const Package *package, int dir_fd, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Unpacks a conf.tar.gz of those into another empty directory: at most 16 MiB, 1000 files, no link may leave it. */
gboolean archive_unpack_configs(int conf_fd, int dir_fd, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* What a vendor's own package may be, for want of a catalogue that says it: 64 GiB, a million files, 500 times its
 * compressed form; links may leave. */
extern const UnpackLimits archive_vendor_limits;
/* Counts without unpacking: files (as max_files counts), bytes of all files, SHA-256 of the uncompressed tar. Same
 * refusals as archive_unpack. */
gboolean archive_measure(const Package *package, const UnpackLimits *limits, gint64 *files, gint64 *bytes,
                         char **data_sha256, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- for the vendor --- */
/* Deterministic compressed tar of a directory tree (members sorted, "./" prefix, owner root, fixed times `mtime`) into
 * out_fd. layers: directories laid over each other, later wins; every one an open directory descriptor. prefix: put
 * before every path of that layer ("" or "config/"); ends with NULL prefix = end. */
typedef struct {
    int dir_fd;
    const char *prefix;
    const char *const *only; /* these files of it, as far as they are there; NULL: everything */
} ArchiveLayer;
gboolean archive_pack_data(int out_fd, QpkgCompression compression, const ArchiveLayer *layers,
                           gsize n_layers, gint64 mtime, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The control part: control.tar.gz with these members inside the outer tar. */
typedef struct {
    const char *name; /* "qpkg.cfg" */
    const void *data;
    gsize len;
    mode_t mode;
} ArchiveMember;
gboolean archive_pack_control(int out_fd, const ArchiveMember *members, gsize n_members, gint64 mtime,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* zstd streams (catalogues): whole buffers, capped. */
GBytes *archive_zstd_compress(const void *data, gsize len, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Streams the decompressed bytes to the sink; refused above max_bytes; the frame must end exactly with the input. */
typedef gboolean (*ArchiveSink)(const void *data, gsize len, gpointer user_data, GError **error);
gboolean archive_zstd_decompress(const void *data, gsize len, gint64 max_bytes, ArchiveSink sink,
                                 gpointer user_data, GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
