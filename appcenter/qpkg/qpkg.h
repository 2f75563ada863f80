/* qpkg.h - the QPKG container (qpkg-format.md): layout, qpkg.cfg, QDK area, tail, strong signature; reading and writing.
 *
 * Pure over bytes and descriptors; nothing in an archive is ever run or evaluated. What is inside the compressed parts is
 * ports/archive's work. All lengths are 64-bit, checked, and add up to the file size. CORRUPT says what and where.
 */
#ifndef QPKG_QPKG_H
#define QPKG_QPKG_H

#include "base/base.h"
#include "model/model.h"
#include "trust/trust.h"

#define QPKG_TAIL_BYTES       100
#define QPKG_MAX_HEADER_BYTES 65536
#define QPKG_RECORD_GPG       1
#define QPKG_RECORD_STRONG    65
#define QPKG_RECORD_CMS       254

typedef enum { QPKG_GZIP, QPKG_BZIP2, QPKG_XZ, QPKG_7Z, QPKG_ZSTD } QpkgCompression;
const char *qpkg_compression_extension(QpkgCompression compression); /* "gz", "bz2", "xz", "7z", "zst" */

typedef struct {
    gint64 file_bytes;
    gint64 script_bytes;  /* S */
    gint64 control_bytes; /* C, at S */
    gint64 data_bytes;    /* D, at S+C */
    gint64 extra_bytes;   /* E, at S+C+D; 0 when absent */
    gint64 content_bytes; /* N = S+C+D+E */
    gint64 area_bytes;    /* A, at N; 0 when absent */
    QpkgCompression compression;
    char *arch;      /* from the header's check; NULL when that is none of QDK's, "all" when it has none */
    GArray *records; /* QpkgRecord, in file order */
    char tail_model[11], tail_firmware[11], tail_name[21], tail_version[11]; /* trimmed */
    gboolean tail_size_matches; /* the encrypt field fits the file size */
} QpkgLayout;

typedef struct {
    guint8 type;
    gint64 offset; /* of the payload */
    gint64 length;
} QpkgRecord;

void qpkg_layout_free(QpkgLayout *layout);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QpkgLayout, qpkg_layout_free)
/* Header grammar, sums, area grammar to its exact end, tail. Uses pread on fd; bounded memory. */
QpkgLayout *qpkg_layout_read(int fd, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Does the file end as a QPKG ends? Tells one that was cut short from another whole one; looks at eight bytes and proves
 * nothing. */
gboolean qpkg_ends_whole(int fd);
/* First record of a type, or NULL. */
const QpkgRecord *qpkg_layout_record(const QpkgLayout *layout, guint8 type);

/* --- qpkg.cfg --- */
typedef struct QpkgConfig QpkgConfig;
/* Strict grammar (qpkg-format.md section 4), at most 64 KiB. Allowed prefixes QPKG_ QTS_ QDK_ QNAP_ APPCENTER_; other
 * names are refused. CORRUPT names line and cause. */
QpkgConfig *qpkg_config_parse(const void *data, gsize len, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void qpkg_config_free(QpkgConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QpkgConfig, qpkg_config_free)
/* Last value of a key, or NULL. Borrowed. */
const char *qpkg_config_get(const QpkgConfig *config, const char *key);
/* All values of a list key (QPKG_CONFIG, QDK_EXTRA_FILE), split at blanks; g_strfreev, never NULL. */
char **qpkg_config_get_list(const QpkgConfig *config, const char *key);
/* "KEY=value" of every key but ours (APPCENTER_...), for the environment of hooks; g_strfreev. */
char **qpkg_config_to_environment(const QpkgConfig *config);
/* Seconds of QPKG_TIMEOUT "start,stop"; the defaults given when absent or odd; capped at 600. */
void qpkg_config_timeouts(const QpkgConfig *config, gint64 *start_s, gint64 *stop_s);
/* Canonical text (KEY="VALUE" lines in file order, escapes) for the writer and for keeping it with an installed app. */
char *qpkg_config_to_text(const QpkgConfig *config);

/* Identity and dependencies out of a qpkg.cfg, checked: name, version, author required; requirement grammar. */
typedef struct {
    char *name, *version, *display_name, *author, *summary;
    char **requires, **conflicts;
    char *os_min, *os_max; /* or NULL */
    char **config_files;
    char **migrates;       /* APPCENTER_MIGRATES: paths in the app's folder whose content its hooks convert */
    char *service_program; /* or NULL */
    char *pid_file;        /* QPKG_SERVICE_PIDFILE or NULL */
    guint16 service_port;  /* 0: none */
    gint64 rc_num;
    gint64 start_timeout_s, stop_timeout_s;
    char *health; /* APPCENTER_HEALTH: "http:/PATH", "port", "exec:PROGRAM [ARG...]"; or NULL */
} QpkgIdentity;
void qpkg_identity_free(QpkgIdentity *identity);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QpkgIdentity, qpkg_identity_free)
QpkgIdentity *qpkg_identity_from_config(const QpkgConfig *config, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Tail name = first 20 bytes of the name, tail version = first 10 of the version. */
gboolean qpkg_tail_agrees(const QpkgLayout *layout, const QpkgIdentity *identity,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- strong signature (record 65): over [0, N) and the tail with its bytes 40..49 blank --- */
/* A source for cms_verify and cms_sign over an archive; free with qpkg_signed_source_free. layout may be that of the
 * archive before its area is added: only script..extra and the tail's text count. */
CmsSource *qpkg_signed_source_new(int fd, const QpkgLayout *layout);
/* The same for record 254: over [0, N) alone. */
CmsSource *qpkg_content_source_new(int fd, const QpkgLayout *layout);
void qpkg_signed_source_free(CmsSource *source);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CmsSource, qpkg_signed_source_free)
/* Verifies record 65 under the anchors (Certificate*), and that a record 254 beside it fits the content. UNTRUSTED "has
 * no strong signature" when it is not there. */
gboolean qpkg_verify_strong(int fd, const QpkgLayout *layout, GPtrArray *anchors, gint64 now,
                            CmsSigner *signer, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Does record 254, QDK's, fit the content? With anchors: and does its signer lead to one of them? Never a reason to trust. */
gboolean qpkg_verify_legacy(int fd, const QpkgLayout *layout, GPtrArray *anchors, gint64 now,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The record's payload; NULL with UNTRUSTED when absent, CORRUPT above 64 KiB. */
GBytes *qpkg_read_record(int fd, const QpkgLayout *layout, guint8 type,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- writing --- */
typedef struct {
    const QpkgIdentity *identity;
    const char *arch; /* QDK name or "all" */
    QpkgCompression compression;
    int control_fd;    /* complete control part: outer tar with the one member control.tar.gz */
    int data_fd;       /* compressed data archive */
    int extra_fd;      /* -1: none */
    const char *model; /* tail; NULL: any */
} QpkgParts;
/* Writes header, parts and tail (no area) to out_fd. The header follows QDK's shape so that QDK's reader finds the
 * lengths, and our installer stub says: install with appctl. Reproducible. */
gboolean qpkg_write(int out_fd, const QpkgParts *parts, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Copies an archive with one record of `type` in its area (a strong one first, others last; an old one of that type
 * replaced, others kept), and
 * the tail's size field renewed. */
gboolean qpkg_write_with_record(int in_fd, const QpkgLayout *layout, guint8 type, GBytes *payload, int out_fd,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
