/* internal.h - what the files of this room share: the opened engine and the step table. Private to engine/. */
#ifndef ENGINE_INTERNAL_H
#define ENGINE_INTERNAL_H

#include "engine/engine.h"
#include "ports/archive.h"
#include "ports/fetch.h"
#include "ports/service.h"
#include "ports/solve.h"
#include "ports/system.h"
#include "ports/volume.h"

/* The world as it would be after something else was done first (explain.c). */
#define WHAT_IF_ALL "*"
typedef struct {
    const char *const *unheld; /* apps whose holds are lifted, WHAT_IF_ALL for the hold on all; or NULL */
    const char *removed;       /* an app that is not there any more; or NULL */
} WhatIf;

struct Engine {
    EngineOptions options;
    RootDir *root;
    Store *store;
    Settings *settings;
    Volume *volume;
    GPtrArray *repositories; /* RepositoryConfig* */
    char *os_version, *arch;
    char *cohort; /* this box's lasting id, for roll-outs */
    gint64 now;   /* trusted, as it was at the start; engine_now runs on from it */
    gint64 opened_at_us;
    int lock_fd;
    char *solver_case; /* of the last plan that asked for it, or NULL */
    GPtrArray *
        problems; /* SolveProblem*: why the last plan could not be made, as far as the solver knows; or NULL */
    const WhatIf *what_if; /* NULL: plans are made in the world as it is */
};

/* Where archives wait between FETCH and UNPACK: product path of the download of a release, or of the local file that
 * engine_plan put there. */
char *engine_download_path(const Release *release);
/* base URL list (url, mirrors...) of a release's repository, NULL-terminated; free with g_strfreev. */
char **engine_repository_urls(const Engine *engine, const char *repository, GError **error);
/* The publisher's binding for a release: CA fingerprint, CA, whether it may speak for this app. UNTRUSTED otherwise. */
gboolean engine_publisher_anchors(Engine *engine, const Release *release,
                                  GPtrArray **anchors /* Certificate* */, char **publisher,
                                  GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The enabled repository of that name, or NULL; its URLs (g_strfreev). */
const RepositoryConfig *engine_repository(const Engine *engine, const char *name);
char **engine_urls(const RepositoryConfig *config);
/* This box's place in a roll-out, 0 to 9999 (formats.md); 0 when there is none. */
guint engine_permyriad(const Engine *engine, const Rollout *rollout);
Fetcher *engine_fetcher(Engine *engine, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Can that kept tree be brought back? One that owns no file holds only what users wrote (a first install, undone). */
gboolean engine_kept_is_whole(Engine *engine, const StoreKept *kept);
/* Snapshots made before then go, of one app or of all. */
gboolean engine_drop_snapshots(Engine *engine, const char *app_or_null, gint64 made_before,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* After a damage of the state, once: what is installed, by the records of the trees (rebuild.c). */
gboolean engine_rebuild(Engine *engine, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void engine_emit(Engine *engine, const EngineEvent *event);
gboolean engine_is_cancelled(const Engine *engine);

/* One fate group on its way: the plan's set plus what the steps need; rebuilt from StoreTxn.plan_json in recovery. */
typedef struct Walk Walk;

/* A row of the step table. do and undo work on one app of the group. Every undo bears that its do never ran or ran half. */
typedef enum { PHASE_STAGE, PHASE_SWITCH, PHASE_KEEP } StepPhase;
typedef struct WalkApp WalkApp;
typedef struct {
    const char *name; /* "SPACE" */
    StepPhase phase;
    gboolean (*run)(Walk *walk, WalkApp *app, GError **error);
    gboolean (*undo)(Walk *walk, WalkApp *app, GError **error); /* NULL: nothing to undo */
    const char *words;                                          /* "Checking space" */
    gboolean (*applies)(const WalkApp *app);                    /* NULL: to every op */
    gboolean dependents_first; /* STOP: dependents before dependencies; others dependencies first */
    gboolean syncs_undo;       /* the volume is flushed before the journal says "undone" */
} Step;
extern const Step engine_steps[];
extern const gsize engine_n_steps;

/* The one walker (apply.c). walk_forward: from the journal's position; walk_back: undoes in reverse. */
gboolean walk_run(Engine *engine, Walk *walk, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean walk_recover(Engine *engine, StoreTxn *txn, GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
