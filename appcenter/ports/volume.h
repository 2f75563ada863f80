/* volume.h - app folders on the volume: staging, exchange, user data, kept trees.
 *
 * VOLUME/.qpkg/NAME is an app's folder, VOLUME/.qpkg/.appcenter/{stage,kept,snapshots}/ are ours, on the same file system. All is
 * relative to descriptors. What the manifest of a tree does not own is the user's: it moves with the live app, forward
 * and back, and is never deleted or overwritten. Every undo bears that its do never ran or ran half.
 */
#ifndef PORTS_VOLUME_H
#define PORTS_VOLUME_H

#include "base/base.h"
#include "model/model.h"
#include "trust/digest.h"

typedef struct Volume Volume;

/* volume_path: product path (settings.volume). Makes .qpkg/.appcenter/... where absent. */
Volume *volume_open(const RootDir *root, const char *volume_path, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void volume_free(Volume *volume);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Volume, volume_free)
int volume_fd(const Volume *volume);
/* Product path of an app's folder; free. */
char *volume_app_path(const Volume *volume, const char *app);
gboolean volume_app_exists(const Volume *volume, const char *app);
/* Descriptor of the app's live folder, or -1 (NOT_FOUND). */
int volume_app_open(const Volume *volume, const char *app, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- staging: one tree per (transaction, app), named "TXN-APP" --- */
char *volume_stage_name(gint64 txn_id, const char *app);
/* Product path of a staged tree; free. */
char *volume_stage_path(const Volume *volume, const char *stage);
/* Empty and fresh (an old one of that name is removed). Returns its descriptor. */
int volume_stage_create(const Volume *volume, const char *stage, GError **error) G_GNUC_WARN_UNUSED_RESULT;
int volume_stage_open(const Volume *volume, const char *stage, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* rm -rf of a staged tree; idempotent. Never to be called with user data in it: volume_carry first. */
gboolean volume_stage_drop(const Volume *volume, const char *stage, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Nothing may be mounted in the app's folder, and it must lie on the volume itself: REFUSED names what is in the way. */
gboolean volume_app_is_movable(const Volume *volume, const char *app,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Names of staged trees (leftovers). */
char **volume_stage_list(const Volume *volume, GError **error);

/* Walks a tree on disk and records what is there (hashes from the bytes). config_files: paths marked is_config. */
Manifest *volume_scan(int tree_fd, const char *const *config_files, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- verifying --- */
typedef enum {
    VOLUME_FOUND_MISSING,
    VOLUME_FOUND_CHANGED, /* another content, or another kind of thing */
    VOLUME_FOUND_MODE,    /* other permissions */
    VOLUME_FOUND_CONFIG,  /* a config file that was edited */
    VOLUME_FOUND_EXTRA    /* not the package's; a folder of these is told once */
} VolumeFinding;
typedef void (*VolumeFound)(VolumeFinding finding, const char *path, gpointer user_data);
/* Compares a tree with what was recorded of it; what differs is told, nothing is changed. Entries with absolute paths are
 * not looked at. */
gboolean volume_verify(int tree_fd, const Manifest *manifest, VolumeFound found, gpointer user_data,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- records: what a tree is, beside the database (for the day when that is lost) --- */
/* Of a staged tree; it stays with the tree wherever that is moved. */
gboolean volume_record_write(const Volume *volume, const char *stage, const char *text,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Of the live tree. NOT_FOUND: nobody wrote one, or that tree is not it. */
GBytes *volume_record_read(const Volume *volume, const char *app, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Drops the records of trees that are neither live nor staged nor kept. */
gboolean volume_records_clear(const Volume *volume, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Names of all live folders that could be an app's; g_strfreev. */
char **volume_apps(const Volume *volume, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- the switch --- */
typedef struct {
    guint64 live_ino;   /* inode of VOLUME/.qpkg/NAME, 0: absent */
    guint64 staged_ino; /* inode of the staged tree, 0: absent */
} VolumeInodes;
/* Looks; taken before the exchange and kept in the journal. */
gboolean volume_inodes(const Volume *volume, const char *app, const char *stage, VolumeInodes *inodes,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Brings the tree that was staged (by its inode) live, the old one into the stage's place: RENAME_EXCHANGE, or
 * RENAME_NOREPLACE at a first install, or two renames where the file system lacks them (also forced by
 * APPCENTER_TEST_TWO_RENAMES=1). Looks first which tree is live: already done is success. fsyncs the directories. */
gboolean volume_swap(const Volume *volume, const char *app, const char *stage, const VolumeInodes *before,
                     GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The inverse, idempotent, also after a half-done pair of renames or when swap never ran. */
gboolean volume_swap_back(const Volume *volume, const char *app, const char *stage,
                          const VolumeInodes *before, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* For a removal: the live tree goes to the stage's place (and back by volume_swap_back with staged_ino 0). */
gboolean volume_take_away(const Volume *volume, const char *app, const char *stage,
                          const VolumeInodes *before, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- user data --- */
typedef struct {
    gint64 moved;     /* renames done */
    GPtrArray *notes; /* char*: "etc/x.conf: yours is kept, the new one is beside it as etc/x.conf.new" */
    /* Told before something is put beside a path that is taken, so that it can be journalled ("a/x", "a/x.local"); FALSE
     * ends the carry. NULL: nobody asks. */
    gboolean (*on_beside)(const char *path, const char *beside, gpointer user_data, GError **error);
    gpointer user_data;
    /* Going back, or forward to a version that was live before: what was told on the way from there, beside -> path; it
     * returns there. Borrowed; NULL: nothing. */
    GHashTable *beside;
} VolumeCarry;
void volume_carry_clear(VolumeCarry *carry);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(VolumeCarry, volume_carry_clear)
/* Moves what from_manifest does not own (and owned files that the user edited, per the table of architecture.md section
 * 6) from one tree to the other. Wholly unowned folders are renamed whole, shared folders are descended. Idempotent: run
 * again after a crash it finishes. forward FALSE: going back (an undo): a path that the destination owns wins and a
 * NAME.local made on the way forward returns to its place. Config files (is_config) by the three-way rule: user unchanged
 * -> new; shipped unchanged -> user's; both changed -> user's stays, new beside as .new. */
gboolean volume_carry(int from_fd, int to_fd, const Manifest *from_manifest, const Manifest *to_manifest,
                      gboolean forward, VolumeCarry *carry, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Anything in the tree that the manifest does not own? */
gboolean volume_has_user_data(int tree_fd, const Manifest *manifest);
/* Deletes what the package owns and nobody changed, and folders that are empty then (users_folders_stay: the package's
 * only); what is left is the user's. *is_empty: nothing is. Idempotent. */
gboolean volume_prune(int tree_fd, const Manifest *manifest, gboolean users_folders_stay, gboolean *is_empty,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- kept trees: previous versions, removed apps --- */
/* Renames a staged tree to kept/NAME; idempotent (already there and stage gone: success). */
gboolean volume_keep(const Volume *volume, const char *stage, const char *kept_name,
                     GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The way back: kept/NAME becomes the staged tree (for rollback and undo); idempotent. */
gboolean volume_unkeep(const Volume *volume, const char *kept_name, const char *stage,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean volume_kept_drop(const Volume *volume, const char *kept_name,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Names of all kept trees. */
char **volume_kept_names(const Volume *volume, GError **error);
int volume_kept_open(const Volume *volume, const char *kept_name, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- copies (volume_copy.c), snapshots (volume_snapshot.c) --- */
typedef enum {
    VOLUME_COPY_USERS,   /* what the manifest does not own, or owns with other content */
    VOLUME_COPY_PACKAGE, /* what it owns, as shipped */
    VOLUME_COPY_EDITED,  /* what it owns with other content; what is at the destination already stays */
    VOLUME_COPY_ALL,
    VOLUME_COPY_NAMED /* paths alone */
} VolumeCopyWhat;
typedef struct {
    VolumeCopyWhat what;
    const Manifest *manifest; /* NULL: all is the user's */
    const char *const *paths; /* copied with all below them whoever owns them; NULL: none */
} VolumeCopySpec;
typedef struct {
    gint64 files, bytes; /* bytes: on the disk */
    gint64 copied_bytes; /* of them really copied; the rest shares its blocks */
} VolumeCopied;
/* Into a folder that has nothing in the way. IO, NO_SPACE. */
gboolean volume_copy(int from_fd, int to_fd, const VolumeCopySpec *spec, VolumeCopied *copied,
                     GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* What volume_copy would take, without reading files: the package's own are known by their size. */
gboolean volume_measure(int from_fd, const VolumeCopySpec *spec, VolumeCopied *found,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Can this volume's file system let two files share blocks? Tries. */
gboolean volume_can_share(const Volume *volume);

/* A copy out of the app's live folder, there under its name only when it is whole. is_durable: and on the disk. */
gboolean volume_snapshot_take(const Volume *volume, const char *app, const char *name,
                              const VolumeCopySpec *spec, gboolean is_durable, VolumeCopied *copied,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* A staged tree becomes a snapshot; idempotent. */
gboolean volume_snapshot_adopt(const Volume *volume, const char *stage, const char *name,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;
int volume_snapshot_open(const Volume *volume, const char *name, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* rm -rf, of one that is not whole, too; idempotent. */
gboolean volume_snapshot_drop(const Volume *volume, const char *name,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean volume_snapshot_drop_partial(const Volume *volume, const char *name,
                                      GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Of all, "NAME~" of those that never became whole included. */
char **volume_snapshot_names(const Volume *volume, GError **error);
/* Moves these paths out of the snapshot into the tree; what lies there with other content goes beside as NAME.newer.
 * notes: char*. Idempotent. */
gboolean volume_snapshot_put_back(const Volume *volume, int live_fd, const char *name,
                                  const char *const *paths, GPtrArray *notes,
                                  GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* syncfs of the volume, fsync of .qpkg. A failure is a failed step. */
gboolean volume_sync(const Volume *volume, GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
