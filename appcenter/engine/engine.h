/* engine.h - the engine's public face: refresh, plan, apply, recover. It joins pure policy and the ports.
 *
 * One Engine per process, opened by the job (or appvendor's tests); everything blocks; progress goes to one callback.
 * Plan and apply are apart: what --dry-run shows is what is walked.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "base/base.h"
#include "model/model.h"
#include "ports/store.h"

/* What happens, as typed events; the job writes each as one line of JSON (one write(2)). */
typedef enum {
    ENGINE_EVENT_STEP,
    ENGINE_EVENT_BYTES,
    ENGINE_EVENT_NOTE,
    ENGINE_EVENT_TRANSACTION
} EngineEventKind;
typedef struct {
    EngineEventKind kind;
    gint64 txn_id;
    const char *app;
    const char *step;               /* "FETCH" */
    const char *words;              /* "Downloading" */
    gboolean is_undo;               /* STEP: do or undo */
    gboolean is_end;                /* STEP: before or after it */
    gint64 done_bytes, total_bytes; /* BYTES */
    const char *text; /* NOTE: a sentence; TRANSACTION: its result ("done", "rolled_back", ...) */
} EngineEvent;

typedef struct {
    const char *root; /* host path or NULL */
    gint64 wall_now;
    gint64 job_id;
    void (*on_event)(const EngineEvent *event, gpointer user_data);
    gboolean (*is_cancelled)(gpointer user_data);
    gpointer user_data;
} EngineOptions;

typedef struct Engine Engine;

/* Loads settings (falling back to the last good ones kept in the store, with a warning), opens store and volume, takes
 * the engine lock (waits as long as an earlier job takes, and says so with a note now and then; CANCELLED). */
Engine *engine_open(const EngineOptions *options, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void engine_close(Engine *engine);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Engine, engine_close)

/* Finishes or undoes every open transaction (the walker again), ends what a dead job left running, drops leftovers in
 * staging, rebuilds the registration view. Runs before anything else. *n_open (may be NULL): how many could not be finished
 * now; their apps are shown as failed. */
gboolean engine_recover(Engine *engine, guint *n_open, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Drops what is kept and whose time is over: removed apps, snapshots. Part of every recovery, and of the refresh by the
 * clock. */
gboolean engine_tidy(Engine *engine, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Starts enabled apps that are not running, in rc order (boot, and after recovery). Failures are recorded per app and do
 * not stop the others. */
gboolean engine_start_apps(Engine *engine, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* start|stop|enable|disable one app. */
gboolean engine_service(Engine *engine, const char *action, const char *app,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Every enabled repository: TUF, catalogue, brake, advisories, then offers and ledger. A repository's failure is
 * recorded with it; the first one is returned as error after all were tried. force: also without If-None-Match. */
gboolean engine_refresh(Engine *engine, gboolean force, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The same by the clock, without anybody asking: a repository that asked for peace (Retry-After) is left in peace. */
gboolean engine_refresh_by_clock(Engine *engine, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Offers and ledger anew from what is stored (after a change, a new hold, a new config). */
gboolean engine_make_offers(Engine *engine, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Is timestamp.json older than max_age_s? Then asks again; a brake pulled meanwhile is seen. */
gboolean engine_refresh_if_older(Engine *engine, gint64 max_age_s, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* REFUSED while the state was damaged and no admin has looked. */
gboolean engine_may_change(Engine *engine, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* What the request means here and now. Holds are respected unless the app is named with a version. CONFLICT, NOT_FOUND,
 * REFUSED, INVALID. The plan has passed plan_check; one that has not is INTERNAL, with a text for a bug report. */
Plan *engine_plan(Engine *engine, const Request *request, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Why engine_plan has just refused that request (CONFLICT, REFUSED, NOT_FOUND; NULL for others), and what else could be done:
 * {"problems": [{"rule", "message"}], "solutions": [[command, ...]]}, root cause first, every choice one that was planned.
 * New reference. */
json_t *engine_explain(Engine *engine, const Request *request, const GError *failure);
/* What the last engine_plan asked the solver (if the request had debug_solver), as a text that tests/solve replays: of
 * several questions the last that failed, or the last. NULL when the solver was not asked. */
const char *engine_solver_case(const Engine *engine);

/* Installed apps (names: those only; NULL or empty: all) compared with what was recorded of them. *report is
 * appctl.verify/1, also when the error (IO) says which are damaged. NOT_FOUND. */
gboolean engine_verify(Engine *engine, char **names, json_t **report,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Walks the plan, one transaction a set. *results: StoreTxn* of each set walked, in order. TRUE when all are done. Else
 * the error tells what a caller must know: the set's own error when there is one set (HEALTH for rolled back after a
 * failed health check), PARTLY when some were done. */
gboolean engine_apply(Engine *engine, const Plan *plan, const Request *request, GPtrArray **results,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* For a job whose daemon died: its state and result (docs/api.md) are left in the store, where the next daemon, which
 * waits for our lock, finds them. */
gboolean engine_leave_result(Engine *engine, const char *state, const char *result_json,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

const Settings *engine_settings(Engine *engine);
/* Trusted now: wall clock, never below the floor. */
gint64 engine_now(const Engine *engine);

#endif
