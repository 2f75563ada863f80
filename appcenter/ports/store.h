/* store.h - all state, in SQLite: state.db (small, precious) and the catalogue cache (can always be rebuilt).
 *
 * WAL, synchronous=FULL, STRICT tables, defensive mode; every statement stands in a file of sql/ under a name and is
 * prepared when it is first wanted; a unit test prepares all. Readers and one writer per process; writers of different
 * processes wait for each other (busy timeout 10 s, then BUSY). Rows come out as structs by one row_* function each.
 * Used by the job and by the daemon, so it needs model and base only.
 */
#ifndef PORTS_STORE_H
#define PORTS_STORE_H

#include "base/base.h"
#include "model/model.h"

#define STORE_STATE_DIR "/var/lib/appcenter"
#define STORE_CACHE_DIR "/var/cache/appcenter"

typedef struct Store Store;

/* Opens (and creates, migrates, quick_checks) both databases below root. CORRUPT names the file and what is wrong. */
Store *store_open(const RootDir *root, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The same for the daemon's start: a state that is not whole is set aside (state.db.damaged-N) and the last good backup
 * taken, or an empty one where there is none; store_damage tells then. Nobody else may have it open. */
Store *store_open_or_restore(const RootDir *root, gint64 now, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* *damage: {at, why, restored_from, is_rebuilt, notes[]}, new; NULL where all is well. */
gboolean store_damage(Store *store, json_t **damage, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* NULL: an admin has looked. */
gboolean store_damage_set(Store *store, json_t *damage, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* REFUSED says what happened and what to do. */
gboolean store_refuse_if_damaged(Store *store, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void store_close(Store *store);
/* Gives the memory of pages back that SQLite keeps for the next question. */
void store_shrink(Store *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Store, store_close)
/* Bytes that the state can still grow by: what is free, and the ballast. -1: the system does not say. */
gint64 store_room_bytes(const Store *store);
/* BEGIN IMMEDIATE ... COMMIT of state.db; do not nest. rollback never fails visibly. */
gboolean store_begin(Store *store, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean store_commit(Store *store, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void store_rollback(Store *store);
/* VACUUM INTO state.db.bak1 (the older one becomes .bak2). */
gboolean store_backup(Store *store, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- meta: small named values (time floor, cohort, last good config, last poll ...) --- */
/* NULL without error when absent. */
char *store_meta_get(Store *store, const char *key, GError **error);
gboolean store_meta_set(Store *store, const char *key, const char *value,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The time floor only ever rises. */
gint64 store_time_floor(Store *store);
gboolean store_raise_time_floor(Store *store, gint64 at, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- trusted TUF roles as served bytes --- */
GHashTable *store_tuf_load(Store *store, const char *repository, GError **error); /* role -> GBytes */
/* bytes NULL: forget the role. */
gboolean store_tuf_save(Store *store, const char *repository, const char *role, GBytes *bytes,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- repositories' state --- */
typedef struct {
    char *name;
    gint64 last_refresh_at; /* last try */
    gint64 last_success_at;
    gint64 expires_at;        /* of the trusted timestamp */
    gint64 signed_at;         /* when it was made, or first seen */
    char *error_code, *error; /* of the last try; NULL when it went well */
    char *catalogue_sha256;   /* raw_sha256s of the imported catalogues, one text; NULL: nothing imported */
    char *brake_json;         /* newest brake, or NULL */
    char *advisories;         /* advisories file's text, or NULL */
    char *timestamp_etag;
    gint64 retry_after_at;
    guint n_failures;
} StoreRepo;
void store_repo_free(StoreRepo *repo);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoreRepo, store_repo_free)
/* Never NULL but on error: an unknown repository gives an empty record of that name. */
StoreRepo *store_repo_get(Store *store, const char *name, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean store_repo_put(Store *store, const StoreRepo *repo, GError **error) G_GNUC_WARN_UNUSED_RESULT;
GPtrArray *store_repos(Store *store, GError **error); /* StoreRepo*, by name */
/* Forgets a repository wholly: state, TUF roles, its releases. */
gboolean store_repo_remove(Store *store, const char *name, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- catalogue cache --- */
/* One import replaces all releases (and headers) of that repository, atomically. */
gboolean store_catalogue_begin(Store *store, const char *repository,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean store_catalogue_add(Store *store, const Release *release, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Header of one publisher's catalogue, kept as text for its publisher bindings. */
gboolean store_catalogue_add_header(Store *store, const char *repository, const CatalogueHeader *header,
                                    GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* What this import is made of. */
gboolean store_catalogue_name_source(Store *store, const char *repository, const char *sha256,
                                     GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Was the repository's part made of that (NULL: of nothing)? If not, the whole cache is thrown away, and is to be imported
 * anew. */
gboolean store_catalogue_is_of(Store *store, const char *repository, const char *sha256);
gboolean store_catalogue_commit(Store *store, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void store_catalogue_rollback(Store *store);
/* All releases of one app, ascending; Release*. */
GPtrArray *store_catalogue_app(Store *store, const char *name, GError **error);
/* From where a closure sets out. */
typedef struct {
    GPtrArray *installed; /* InstalledApp*; may be NULL */
    const char *const
        *asked; /* names of which every release counts, older ones too, and their providers; may be NULL */
} CatalogueReach;
/* The releases (Release*, in catalogue order) that a change of what is installed or asked for can reach: newer ones of
 * installed apps, what they require, who provides that, who replaces what is installed; and installed releases that provide
 * something. What cannot be part of any plan is left out. */
GPtrArray *store_catalogue_closure(Store *store, const CatalogueReach *reach, GError **error);
/* Names with a release whose name or summary contains the word (case-insensitive); newest release of each; Release*. */
GPtrArray *store_catalogue_search(Store *store, const char *word, gsize max, GError **error);
/* The vendor catalogue's header of a repository, or NULL without error. */
CatalogueHeader *store_catalogue_header(Store *store, const char *repository, const char *publisher,
                                        GError **error);

/* --- installed apps --- */
typedef struct {
    char *name, *version, *arch, *publisher, *repository, *display_name;
    char **requires, **conflicts;
    gboolean enabled; /* the admin wants it running */
    gboolean as_dependency;
    gboolean has_failed; /* an undo failed; failed_reason says why */
    char *failed_reason;
    char *install_path; /* product path */
    char *archive_sha256;
    char *config_text;     /* its qpkg.cfg */
    char *routines;        /* its package_routines or NULL */
    char *pid_file;        /* product path or NULL */
    char *service_program; /* or NULL */
    guint16 service_port;
    gint64 rc_num;
    gint64 installed_at;
} StoreApp;
void store_app_free(StoreApp *app);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoreApp, store_app_free)
StoreApp *store_app_copy(const StoreApp *app);
GPtrArray *store_apps(Store *store, GError **error); /* StoreApp*, by name */
/* NULL with NOT_FOUND. */
StoreApp *store_app_get(Store *store, const char *name, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Insert or replace, with its manifest. */
gboolean store_app_put(Store *store, const StoreApp *app, const Manifest *manifest,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean store_app_remove(Store *store, const char *name, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean store_app_set_enabled(Store *store, const char *name, gboolean enabled,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean store_app_set_failed(Store *store, const char *name, const char *reason /* NULL: not failed */,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;
Manifest *store_app_manifest(Store *store, const char *name, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* As solver and checker want them; InstalledApp*. */
GPtrArray *store_installed(Store *store, GError **error);

/* Trees that are kept: the previous version of an app (for rollback), a removed app (for undo). */
typedef struct {
    gint64 id;
    char *kind;    /* "previous", "removed" */
    StoreApp *app; /* as it was recorded */
    char *tree;    /* name below VOLUME/.qpkg/.appcenter/kept/ */
    gint64 txn_id; /* the transaction that put it away */
    gint64 kept_at;
} StoreKept;
void store_kept_free(StoreKept *kept);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoreKept, store_kept_free)
gboolean store_kept_add(Store *store, StoreKept *kept /* id is set */, const Manifest *manifest,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
GPtrArray *store_kept_list(Store *store, const char *app_or_null, const char *kind_or_null,
                           GError **error); /* newest first */
Manifest *store_kept_manifest(Store *store, gint64 id, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean store_kept_remove(Store *store, gint64 id, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- snapshots of users' content --- */
typedef struct {
    gint64 id;
    char *app, *version; /* that was installed when it was made */
    char *tree;          /* name below VOLUME/.qpkg/.appcenter/snapshots/ */
    gint64 txn_id;       /* the transaction that made it */
    gint64 made_at;
    gint64 size_bytes, files;
    gboolean is_shared; /* blocks shared with the app's own folder */
    gboolean is_whole;  /* else only what the package said that it converts */
} StoreSnapshot;
void store_snapshot_free(StoreSnapshot *snapshot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoreSnapshot, store_snapshot_free)
gboolean store_snapshot_add(Store *store, StoreSnapshot *snapshot /* id is set */,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;
GPtrArray *store_snapshots(Store *store, const char *app_or_null, GError **error); /* newest first */
/* NULL with NOT_FOUND. */
StoreSnapshot *store_snapshot_get(Store *store, gint64 id, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean store_snapshot_remove(Store *store, gint64 id, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- transactions and journal --- */
typedef struct {
    gint64 id;
    gint64 job_id;
    char *trigger;
    char *result;             /* NULL while open; done, failed, rolled_back, cancelled */
    char *error_code, *error; /* or NULL */
    gint64 started_at, finished_at;
    char *plan_json;    /* the set being walked, all that recovery needs; engine's own format */
    GPtrArray *changes; /* StoreChange* */
} StoreTxn;
typedef struct {
    char *op, *app, *from_version, *to_version, *reason;
} StoreChange;
void store_txn_free(StoreTxn *txn);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoreTxn, store_txn_free)
/* Records it and its changes; sets id. */
gboolean store_txn_start(Store *store, StoreTxn *txn, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean store_txn_finish(Store *store, gint64 id, const char *result, const char *error_code,
                          const char *error_text, gint64 at, GError **error) G_GNUC_WARN_UNUSED_RESULT;
GPtrArray *store_txn_open_list(Store *store, GError **error);       /* unfinished ones, oldest first */
GPtrArray *store_txn_list(Store *store, gsize max, GError **error); /* newest first */
StoreTxn *store_txn_get(Store *store, gint64 id, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* appctl.transaction/1; a new reference. */
json_t *store_txn_to_json(const StoreTxn *txn);
/* The moment of truth, inside the commit's SQL transaction: the new world is recorded. */
gboolean store_txn_mark_committed(Store *store, gint64 id, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean store_txn_is_committed(Store *store, gint64 id);

typedef struct {
    gint64 txn_id;
    char *app;
    char *step;  /* "SPACE" ... */
    char *state; /* "doing", "done", "undoing", "undone", "undo-failed" */
    char *data;  /* JSON of the step's own: inodes, direction, running set; or NULL */
} StoreJournal;
void store_journal_free(StoreJournal *row);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoreJournal, store_journal_free)
/* One committed write: insert or update of (txn, app, step). data NULL keeps what is there. */
gboolean store_journal_put(Store *store, gint64 txn_id, const char *app, const char *step, const char *state,
                           const char *data, GError **error) G_GNUC_WARN_UNUSED_RESULT;
GPtrArray *store_journal(Store *store, gint64 txn_id,
                         GError **error); /* StoreJournal*, in the order of first writing */

/* --- holds, skips, vetoes --- */
GPtrArray *store_holds(Store *store, gint64 now,
                       GError **error); /* Hold*, expired ones left out; free with hold_free */
void hold_free(Hold *hold);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Hold, hold_free)
gboolean store_hold_put(Store *store, const Hold *hold, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* app NULL: the hold on all. NOT_FOUND if there is none. */
gboolean store_hold_remove(Store *store, const char *app, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The hold that covers app (its own before the one on all), or NULL; free with hold_free. */
Hold *store_hold_for(Store *store, const char *app, gint64 now);
gboolean store_skip_add(Store *store, const char *app, const char *version, gint64 at,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean store_skip_remove(Store *store, const char *app, const char *version,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean store_is_skipped(Store *store, const char *app, const char *version);
typedef struct {
    char *app, *version, *cause;
    guint n_failures;
    gint64 until;
} StoreVeto;
void store_veto_free(StoreVeto *veto);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoreVeto, store_veto_free)
/* One more failure of this version: the back-off is the caller's (policy_veto_backoff_s). */
gboolean store_veto_add(Store *store, const char *app, const char *version, const char *cause, gint64 until,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
StoreVeto *store_veto_get(Store *store, const char *app, const char *version); /* NULL: none */
gboolean store_veto_clear(Store *store, const char *app, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- offers and the reason ledger --- */
typedef struct {
    char *app;
    char *installed_version;
    Release *release;   /* the candidate */
    UrgencyClass cls;   /* effective */
    char *pulled_in_by; /* or NULL */
    gint64 urgent_at, install_within_s;
    char *problem; /* solver's sentence or NULL */
    gboolean problem_is_os;
    gboolean publisher_differs;
    guint cohort_permyriad;
    /* filled by store_ledger: */
    Verdict verdict;
    ReasonCode code;
    gint64 at, deadline, offered_at;
    char *sentence;
    gboolean is_other; /* another release of the app is the one to take */
} StoreOffer;
void store_offer_free(StoreOffer *offer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoreOffer, store_offer_free)
/* Replaces all offers (a refresh or a finished change made them anew). StoreOffer*; of an app's several the first is the one to
 * take. */
gboolean store_offers_replace(Store *store, GPtrArray *offers, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Decides every row afresh (policy_decide over holds, skips, vetoes, brakes, settings, now), writes those whose verdict
 * changed, returns all: of each installed app the release to take and behind it its other newer ones; StoreOffer*, by app.
 * box: what holds the box back. now: trusted now. */
GPtrArray *store_ledger_all(Store *store, const Settings *settings, const BoxFacts *box, gint64 now,
                            GError **error);
/* The same, and returns of each app the release to take alone. */
GPtrArray *store_ledger(Store *store, const Settings *settings, const BoxFacts *box, gint64 now,
                        GError **error);

/* --- jobs and events --- */
typedef struct {
    gint64 id;
    char *action; /* "refresh", "upgrade", "install", ... */
    char *request_json;
    char *state;           /* queued, running, done, failed, cancelled */
    char *result_json;     /* the job's result line, NULL before */
    char *idempotency_key; /* or NULL */
    gint64 uid;
    gint64 created_at, started_at, finished_at;
} StoreJob;
void store_job_free(StoreJob *job);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoreJob, store_job_free)
/* Sets id. An idempotency key already used by that uid gives the old job's id and *is_old TRUE. */
gboolean store_job_add(Store *store, StoreJob *job, gboolean *is_old,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean store_job_set(Store *store, gint64 id, const char *state, const char *result_json, gint64 at,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;
StoreJob *store_job_get(Store *store, gint64 id, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* state NULL: every; newest first. */
GPtrArray *store_jobs(Store *store, const char *state, gsize max, GError **error);
/* Jobs that are over and of whose end no kept event tells; StoreJob*, oldest first. */
GPtrArray *store_jobs_untold(Store *store, GError **error);
/* Appends an event and keeps the newest 10,000; returns its id, 0 on failure. */
gint64 store_event_add(Store *store, gint64 at, const char *json_text, GError **error);
typedef struct {
    gint64 id, at;
    char *json_text;
} StoreEvent;
void store_event_free(StoreEvent *event);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoreEvent, store_event_free)
GPtrArray *store_events_after(Store *store, gint64 id, gsize max,
                              GError **error); /* StoreEvent*, ascending */

/* --- notices: what people are told, each thing once --- */
typedef struct {
    gint64 id;
    char *event; /* change, failure, deadline-24h, deadline-1h, stale */
    gint64 at;
    char *json_text;
} StoreNotice;
void store_notice_free(StoreNotice *notice);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StoreNotice, store_notice_free)
/* Was this thing told, or waits to be? TRUE also when that cannot be read. */
gboolean store_notice_is_known(Store *store, const char *key);
/* Does nothing when the key is known. is_told: it is only remembered. */
gboolean store_notice_add(Store *store, const char *key, const char *event, gint64 at, const char *json_text,
                          gboolean is_told, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The oldest that waits; NULL without error: none. */
StoreNotice *store_notice_waiting(Store *store, GError **error);
gboolean store_notice_told(Store *store, gint64 id, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Forgets what was told before that time. */
gboolean store_notices_trim(Store *store, gint64 before, GError **error) G_GNUC_WARN_UNUSED_RESULT;
typedef enum {
    STORE_NOTICE_TRANSACTIONS, /* that are over, or in effect; key "txn:ID" */
    STORE_NOTICE_JOBS,         /* automatic ones that failed without a transaction; key "job:ID" */
} StoreNoticeSource;
/* Ids (gint64) of what has no notice yet, not older than that, oldest first. */
GArray *store_notice_new_ids(Store *store, StoreNoticeSource source, gint64 since, gsize max, GError **error);

#endif
