/* walk.h - one fate group on its way through the step table: what the steps know of each app. Private to engine/.
 *
 * A Walk is made from a plan's set, or again from StoreTxn.plan_json and the journal by recovery. Everything that an undo
 * needs is in the journal before the do that it undoes.
 */
#ifndef ENGINE_WALK_H
#define ENGINE_WALK_H

#include "engine/internal.h"

/* One decision about a config file outside of the app's folder (steps_configs.c). */
typedef struct WalkConfig WalkConfig;
void walk_config_free(WalkConfig *config);

struct WalkApp {
    /* from the plan; kept in plan_json */
    ChangeOp op;
    char *app, *from_version, *to_version;
    Release *release; /* NULL for remove and for going back to a kept tree */
    gint64 kept_id;   /* > 0: the kept tree that comes back instead of an archive */
    char *kept_tree;
    gint64 kept_txn_id;  /* that put it away: what it then put beside a path returns to its place */
    gint64 data_kept_id; /* > 0: a removed app's kept tree whose user data comes into a new install */
    char *data_kept_tree;
    gboolean purge, is_dependency;
    char *trust_sha256; /* the admin vouched for a local file */
    gint64 snapshot_id; /* restore: whose content comes back, and where it lies */
    char *snapshot_tree;

    /* found out on the way */
    char *stage;         /* name of its staged tree */
    char *extract;       /* of the one beside it: what QDK's installer and the hooks find in their folder */
    StoreApp *old, *new; /* as recorded; NULL: none */
    Manifest *old_manifest, *new_manifest;
    QpkgIdentity *old_identity, *new_identity;
    Package *package;    /* open from VERIFY to UNPACK: one descriptor from hash to install */
    VolumeInodes inodes; /* before the exchange */
    GHashTable *beside;  /* collisions of DATA: where it was put beside -> its own path */
    GHashTable
        *places; /* the same of the transaction that put away the tree which comes back; NULL: not read yet */
    gboolean is_signed; /* VERIFY found a publisher's signature */
    gboolean was_running;
    GPtrArray *because;      /* char*: a restart's causes, in this walk; after a crash nobody asks */
    gboolean is_blamed;      /* its SETUP, START or HEALTH failed: gets the veto */
    GString *hook_state;     /* variables, from one hook to the next */
    StoreSnapshot *made;     /* by SNAP, or by a restore: recorded with the commit; NULL: none */
    GPtrArray *configs;      /* WalkConfig*: what SETUP does to config files elsewhere */
    GPtrArray *config_notes; /* char*: and what the user is told of it */
};

struct Walk {
    Engine *engine;
    gint64 txn_id;
    char *trigger;
    gboolean download_only;
    gboolean is_way_back;     /* an admin's rollback or undo */
    gboolean has_running_set; /* each app's was_running is what was before the first stop */
    gboolean may_resume;      /* a FETCH failed for the network: what came is of use to the next try */
    GPtrArray *apps;          /* WalkApp*, dependencies first */
};

WalkApp *walk_app_new(void);
void walk_app_free(WalkApp *app);
void walk_free(Walk *walk);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Walk, walk_free)

/* From a plan's set; looks up what is installed and kept. No transaction yet. */
Walk *walk_new(Engine *engine, const PlanSet *set, const Request *request,
               GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Records the transaction (plan_json included) and names the staged trees. */
gboolean walk_begin(Walk *walk, const PlanSet *set, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The same again after a crash; committed: the store holds the new world already. */
Walk *walk_load(Engine *engine, const StoreTxn *txn, gboolean is_committed,
                GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Apps that do not change (walk_restart.c): those of the set, each behind what it needs; what one is, also after a crash; and
 * the blame of one that did not come up again, on the changed apps that it needs. */
gboolean walk_add_restarts(Walk *walk, const PlanSet *set, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean walk_load_restart(Engine *engine, WalkApp *app, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void walk_pass_blame(Walk *walk);
gboolean engine_app_runs(Engine *engine, const StoreApp *app, const QpkgIdentity *identity);
/* Fills an app from its journal rows (inodes, running set, manifest of the new tree). */
gboolean walk_app_load_journal(Walk *walk, WalkApp *app, GPtrArray *journal,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* What a step wants to have in the journal before it is done, as JSON; NULL: nothing. free with g_free. */
char *walk_step_data(Walk *walk, WalkApp *app, const Step *step, GError **error);
/* The new tree's manifest and record for the journal, and back. */
char *walk_app_tree_to_text(const WalkApp *app);
/* The same with what the catalogue said of it: the tree's record beside the database; and back, as the store has it. */
char *walk_app_record_to_text(const WalkApp *app);
gboolean walk_read_record(Engine *engine, const char *name, GBytes *text, StoreApp **app, Manifest **manifest,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The collisions of DATA, for the journal. */
char *walk_app_beside_to_text(const WalkApp *app);
/* Reads ->places, once. */
gboolean walk_app_load_places(Walk *walk, WalkApp *app, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Takes the identity and record of a package's text; used for archives and kept trees. */
gboolean walk_app_set_new(Walk *walk, WalkApp *app, const char *config_text, const char *routines,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Context for scripts of the old or the new version. */
ServiceContext walk_context(Walk *walk, const WalkApp *app, gboolean is_new);
ServiceContext engine_service_context(Engine *engine, const StoreApp *app, const QpkgIdentity *identity);
/* Identity out of a recorded qpkg.cfg. */
QpkgIdentity *engine_identity(const StoreApp *app, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Rebuilds the registration view from the store; with a walk (or NULL): its apps as they will be, or as they were. */
gboolean engine_write_registration(Engine *engine, const Walk *walk, gboolean as_will_be,
                                   GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The new version that failed here gets the veto, unless it was only cancelled. Always FALSE. */
gboolean walk_blame(WalkApp *app, GError **error);
/* Tells the admin something of an app. */
void walk_note(Walk *walk, const WalkApp *app, const char *text);
/* A removal text; one that fails fails the removal, but not a purge: an app must not be able to stay for ever. */
gboolean walk_run_removal_text(Walk *walk, const WalkApp *app, const ServiceContext *context,
                               const char *text, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The tree with this inode, wherever it is now: live or staged. NOT_FOUND when it is neither. */
int walk_open_tree(Walk *walk, const WalkApp *app, guint64 inode, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Config files outside of the app's folder (steps_configs.c). UNPACK: the folder for hooks, and what is shipped for those
 * files, into the staged tree; then into its manifest. */
gboolean walk_unpack_beside(Walk *walk, WalkApp *app, int stage_fd, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean walk_unpack_configs(Walk *walk, const WalkApp *app, int tree_fd,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean walk_record_configs(WalkApp *app, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* SETUP: decides, for the journal, and takes the decisions out of it again; does and undoes them. */
char *walk_decide_configs(Walk *walk, WalkApp *app);
void walk_load_configs(WalkApp *app, const json_t *data);
gboolean walk_apply_configs(Walk *walk, WalkApp *app, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean walk_undo_configs(Walk *walk, WalkApp *app, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean walk_purge_configs(Walk *walk, WalkApp *app, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* What the first hooks do to the package's own files (steps_repair.c): looks before, and puts right after. */
GHashTable *walk_guard_files(Walk *walk, const WalkApp *app, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean walk_repair_files(Walk *walk, WalkApp *app, GHashTable *stamps,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The data archive once more, out of the download, into an empty folder (steps_stage.c). */
gboolean walk_unpack_data(Walk *walk, WalkApp *app, int dir_fd, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* What of an app's content is kept before a change (snapshot_choice.c). */
typedef struct {
    Engine *engine;
    const char *app;
    const Manifest *manifest; /* of what is installed */
    char **migrates;          /* what the new version's hooks convert; NULL: nothing */
    gint64 room_bytes;        /* a copy may take so much; -1: not asked */
} SnapshotSubject;
typedef struct {
    PlanSnapshot scope;
    gboolean is_shared;              /* the file system shares blocks */
    gint64 bytes, copy_bytes, files; /* copy_bytes: of them really copied */
    char *why_not;                   /* not all of it: a sentence, or NULL when nobody wants it */
} SnapshotChoice;
void snapshot_choice_clear(SnapshotChoice *choice);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SnapshotChoice, snapshot_choice_clear)
/* REFUSED: required, and too large. NO_SPACE: required or to be converted, and there is no room. */
gboolean snapshot_choose(const SnapshotSubject *subject, SnapshotChoice *choice,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;
VolumeCopySpec snapshot_spec(PlanSnapshot scope, const Manifest *manifest, char **migrates);

/* Snapshots (steps_snapshot.c): what the group's take, for SPACE; can they be taken, for READY; a purge's end of them. */
gboolean walk_snapshot_need(Walk *walk, gint64 *bytes, gint64 *files,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean walk_snapshot_ready(Walk *walk, const WalkApp *app, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean walk_snapshot_purge(Walk *walk, const WalkApp *app, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The admin's command, before the first app stops (snapshot_command.c). */
gboolean walk_run_snapshot_command(Walk *walk, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* A snapshot's content comes back (steps_restore.c): the parts of SPACE, UNPACK, DATA and KEEP. */
gboolean walk_restore_need(Walk *walk, const WalkApp *app, gint64 *bytes, gint64 *files,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean walk_restore_unpack(Walk *walk, WalkApp *app, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean walk_restore_data(Walk *walk, WalkApp *app, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean walk_restore_keep(Walk *walk, WalkApp *app, GError **error) G_GNUC_WARN_UNUSED_RESULT;

const Step *engine_step(const char *name);
gboolean step_applies(const Step *step, const WalkApp *app);

/* The commit point: the new world in one SQL transaction (steps_commit.c). */
gboolean walk_commit(Walk *walk, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The rows' work, by phase: steps_stage.c, steps_switch.c, steps_setup.c, steps_commit.c. */
gboolean step_space(Walk *walk, WalkApp *app, GError **error);
gboolean step_fetch(Walk *walk, WalkApp *app, GError **error);
gboolean step_drop_download(Walk *walk, WalkApp *app, GError **error);
gboolean step_verify(Walk *walk, WalkApp *app, GError **error);
gboolean step_unpack(Walk *walk, WalkApp *app, GError **error);
gboolean step_drop_staging(Walk *walk, WalkApp *app, GError **error);
gboolean step_ready(Walk *walk, WalkApp *app, GError **error);
gboolean step_stop(Walk *walk, WalkApp *app, GError **error);
gboolean step_start_old(Walk *walk, WalkApp *app, GError **error);
gboolean step_snapshot(Walk *walk, WalkApp *app, GError **error);
gboolean step_snapshot_back(Walk *walk, WalkApp *app, GError **error);
gboolean step_swap(Walk *walk, WalkApp *app, GError **error);
gboolean step_swap_back(Walk *walk, WalkApp *app, GError **error);
gboolean step_carry(Walk *walk, WalkApp *app, GError **error);
gboolean step_carry_back(Walk *walk, WalkApp *app, GError **error);
gboolean step_configure(Walk *walk, WalkApp *app, GError **error);
gboolean step_unconfigure(Walk *walk, WalkApp *app, GError **error);
gboolean step_start(Walk *walk, WalkApp *app, GError **error);
gboolean step_stop_new(Walk *walk, WalkApp *app, GError **error);
gboolean step_health(Walk *walk, WalkApp *app, GError **error);
gboolean step_keep(Walk *walk, WalkApp *app, GError **error);

#endif
