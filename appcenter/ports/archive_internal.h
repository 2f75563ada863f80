/* archive_internal.h - what the archive_* files tell each other.
 *
 * The bytes go one way: TarStream (decompress, check every byte of the stream) -> MemberRules (what an entry may be) ->
 * the unpacker or the counter, all inside a helper process (Helper), which talks back in small frames.
 */
#ifndef PORTS_ARCHIVE_INTERNAL_H
#define PORTS_ARCHIVE_INTERNAL_H

#include <archive.h>
#include <archive_entry.h>

#include "ports/archive.h"

#define ARCHIVE_MAX_PATH_BYTES 4096
#define ARCHIVE_MAX_DEPTH      64
#define ARCHIVE_MAX_ROUTINES   (256 * 1024)
#define ARCHIVE_MAX_CONFIG     (64 * 1024)
#define ARCHIVE_SAFE_MODE_BITS 0755 /* nobody but the owner writes, whatever the archive says */

/* --- archive_read.c: one compressed tar, read to the last byte --- */
#define TAR_PLAIN (-1) /* no compression; else a QpkgCompression */

typedef struct {
    int fd;
    gint64 offset;
    gint64 length;
    int compression;
    gint64 max_tar_bytes; /* uncompressed, padding included */
    gint64 max_ratio;     /* of that to length, above a size that no bomb is worth; 0: any */
    Digest *digest;       /* over the uncompressed tar, or NULL; the caller's */
} TarSource;

typedef struct TarStream TarStream;
TarStream *tar_stream_open(const TarSource *source, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void tar_stream_free(TarStream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TarStream, tar_stream_free)
/* The next entry (borrowed until the next call), or NULL at the end: then the compressed stream has ended with exactly
 * its last byte, and behind the tar's end mark there are only zeros. */
gboolean tar_stream_next(TarStream *stream, struct archive_entry **entry,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The next content of the current entry, borrowed until the next call: how many bytes, 0 at its end, -1 on failure. */
gssize tar_stream_read(TarStream *stream, const void **bytes, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Compressed bytes used so far. */
gint64 tar_stream_consumed(const TarStream *stream);

/* --- archive_7z.c: a tar that is the one member of a 7-Zip archive --- */
/* Packed bytes and directory fill these bytes to the last one. */
gboolean archive_7z_check_whole(int fd, gint64 offset, gint64 length,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Behind the member that the reader stands at comes none. */
gboolean archive_7z_check_alone(struct archive *reader, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- archive_rules.c: what an entry may be --- */
typedef enum { MEMBER_DIRECTORY, MEMBER_FILE, MEMBER_SYMLINK, MEMBER_HARDLINK } MemberKind;

typedef struct {
    MemberKind kind;
    char *path;   /* relative and normal; "" is the tree itself */
    char *target; /* of a symlink as it stands, of a hard link as a path in the tree */
    mode_t mode;
    gint64 size_bytes; /* of a file, and of the file that a hard link names */
    struct timespec mtime;
} Member;
void member_clear(Member *member);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Member, member_clear)

typedef struct MemberRules MemberRules;
MemberRules *member_rules_new(const UnpackLimits *limits);
void member_rules_free(MemberRules *rules);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MemberRules, member_rules_free)
/* Checks one entry against all that came before and counts it. *member is to be cleared. */
gboolean member_rules_admit(MemberRules *rules, struct archive_entry *entry, Member *member,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Entries made so far (files, links and folders, those that are only implied too) and bytes of all files. */
gint64 member_rules_files(const MemberRules *rules);
gint64 member_rules_bytes(const MemberRules *rules);
/* A name that we take from an archive or put into one: relative, normal, UTF-8, no control bytes, within the limits. */
gboolean archive_path_check(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- archive_tree.c: the tree on disk --- */
/* openat2 of a normal relative path ("": dir_fd again): beneath dir_fd, through no link, on its file system. -1, errno. */
int archive_open_beneath(int dir_fd, const char *path, int flags);
/* The writer, in the helper: makes one member beneath dir_fd, its content from the stream. */
typedef struct TreeWriter TreeWriter;
TreeWriter *tree_writer_new(int dir_fd);
void tree_writer_free(TreeWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TreeWriter, tree_writer_free)
/* content: called until it returns 0; -1 with error set. The bytes are borrowed until the next call. */
typedef gssize (*TreeContent)(gpointer user_data, const void **bytes, GError **error);
gboolean tree_writer_add(TreeWriter *writer, const Member *member, TreeContent content, gpointer user_data,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Modes and times of the folders, last, because filling them needs the one and changes the other. */
gboolean tree_writer_finish(TreeWriter *writer, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The parent's look at what the helper has made: plain files with one name, folders and symlinks only, within the
 * limits; when we are root it all becomes root's. */
gboolean tree_adopt(int dir_fd, const UnpackLimits *limits, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- archive_helper.c: the sandboxed process --- */
typedef struct Helper Helper; /* the helper's side */

enum { FRAME_CONFIG = 'C', FRAME_ROUTINES = 'R', FRAME_TALLY = 'T' };

typedef struct {
    gint64 files;
    gint64 bytes;
    char sha256[65];
} Tally;

typedef struct {
    int archive_fd;
    int dir_fd; /* where files may be made, or -1: nowhere */
    gint64 max_cpu_s;
    gint64 max_file_bytes;    /* 0: none */
    gint64 total_bytes;       /* for the watch */
    const UnpackWatch *watch; /* or NULL */
    /* In the helper: does the work. */
    gboolean (*work)(Helper *helper, gpointer user_data, GError **error);
    /* In the parent: takes one frame that the work has sent; the bytes are not to be trusted. */
    gboolean (*on_frame)(guint8 type, const void *data, gsize len, gpointer user_data, GError **error);
    gpointer user_data;
} HelperSpec;

/* Forks, confines, works, waits. Blocks. CANCELLED when the watch says so; a helper that crashes is CORRUPT. */
gboolean helper_run(const HelperSpec *spec, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean helper_send(Helper *helper, guint8 type, const void *data, gsize len,
                     GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Tells the parent how far we are, at most every 100 ms; fails when it is gone. */
gboolean helper_progress(Helper *helper, gint64 done_bytes, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* In the helper: all members of a tar, to beneath dir_fd, or (-1) only read and counted by the rules. archive_unpack.c */
gboolean helper_unpack(Helper *helper, const TarSource *source, MemberRules *rules, int dir_fd,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Gives the directory to the helper's uid before its work, or takes it back (0). */
gboolean archive_hand_over(int dir_fd, uid_t uid, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* In the helper: where control.tar.gz lies in the file; what is around it is checked. archive_package.c */
gboolean package_find_control(const Package *package, gint64 *offset, gint64 *length,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The uid that a helper of ours works under: 65534 when we are root and have it, else our own. */
uid_t helper_uid(void);

#endif
