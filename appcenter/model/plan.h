/* plan.h - what shall be done: request in, plan out; and the independent checker of plans.
 *
 * A Request is what somebody asked for. A Plan is a list of sets (fate groups), each a list of changes: what the engine
 * walks and what `--dry-run` shows. plan_check knows nothing of libsolv and verifies every plan before it is applied.
 */
#ifndef MODEL_PLAN_H
#define MODEL_PLAN_H

#include "model/release.h"

typedef enum {
    REQUEST_INSTALL, /* apps (with versions or a file) */
    REQUEST_UPGRADE, /* apps, or all when there are none */
    REQUEST_REMOVE,
    REQUEST_ROLLBACK, /* to the kept previous version */
    REQUEST_AUTO, /* the scheduler's: exactly the apps that policy_decide said NOW to, to their offered versions */
    REQUEST_UNDO,      /* a finished transaction, by id */
    REQUEST_REPAIR,    /* what is installed, once more */
    REQUEST_RESTORE,   /* a snapshot, by id */
    REQUEST_AUTOREMOVE /* what came as a dependency and is needed by nobody any more */
} RequestKind;

typedef struct {
    char *name;
    char *version; /* or NULL */
} RequestApp;

typedef struct {
    RequestKind kind;
    GPtrArray *apps; /* RequestApp* */
    gboolean security_only;
    gboolean download_only;
    gboolean dry_run;
    gboolean cascade;
    gboolean purge;
    gboolean allow_downgrade; /* the admin said --yes to it */
    gboolean debug_solver;    /* what the solver was asked is wanted as a text */
    char *trigger;            /* "admin", "window", "deadline", "emergency", "recovery" */
    char *file;               /* product path of a spooled FILE.qpkg, or NULL */
    char *arch;               /* told, of a file whose header checks for none; or NULL */
    char *trust_sha256;       /* or NULL */
    gint64 undo_id, snapshot_id;
} Request;
Request *request_new(RequestKind kind);
void request_free(Request *request);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Request, request_free)
void request_add_app(Request *request, const char *name, const char *version);
/* {"action","apps":[{"name","version"}],"options":{...},"trigger"}: the body of POST /v1/apps and the job's input. */
Request *request_from_json(json_t *value, GError **error) G_GNUC_WARN_UNUSED_RESULT;
json_t *request_to_json(const Request *request);
/* Read again as it would be from outside; INVALID as there. */
Request *request_copy(const Request *request, GError **error) G_GNUC_WARN_UNUSED_RESULT;

typedef enum {
    CHANGE_INSTALL,
    CHANGE_UPGRADE,
    CHANGE_DOWNGRADE,
    CHANGE_REMOVE,
    CHANGE_RESTORE,
    CHANGE_RESTART /* never in a plan's changes: what a PlanRestart becomes on its way */
} ChangeOp;
/* What of the app's content is kept as it is before the change. */
typedef enum { PLAN_SNAPSHOT_NONE, PLAN_SNAPSHOT_NAMED, PLAN_SNAPSHOT_WHOLE } PlanSnapshot;
const char *change_op_name(ChangeOp op);
gboolean change_op_from_name(const char *name, ChangeOp *op);

typedef struct {
    ChangeOp op;
    char *app;
    char *from_version;                     /* NULL for install */
    char *to_version;                       /* NULL for remove; for restore the same */
    Release *release;                       /* NULL for remove and for going back to a kept tree */
    gboolean use_previous;                  /* go back to the kept previous version instead of an archive */
    char **kept_requires, **kept_conflicts; /* the kept version's own words, with use_previous; or NULL */
    gboolean is_dependency;                 /* came in because another needed it */
    gboolean purge;
    gint64 snapshot_id; /* for restore */
    /* What becomes of the app's content, for people; NULL: nothing to say. */
    char *keeps;
    PlanSnapshot snapshot;
    gboolean content_goes_back; /* a failure before the end brings converted content back */
    char *reason;               /* "exploited, QSA-22-24", "needed by PhotoStation 6.1.2", "asked for" */
    UrgencyClass cls;
} PlanChange;
void plan_change_free(PlanChange *change);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PlanChange, plan_change_free)

/* An app that does not change, and is stopped before one that it needs and started behind it. */
typedef struct {
    char *app;
    GPtrArray *because; /* char*: the set's apps that it needs, directly or through apps that do not change */
    GPtrArray *needs;   /* char*: what it names itself of the set's changes and restarts */
} PlanRestart;
void plan_restart_free(PlanRestart *restart);

typedef struct {
    GPtrArray *changes;  /* PlanChange*, dependencies before their dependents */
    GPtrArray *restarts; /* PlanRestart*, the same */
} PlanSet;

typedef struct {
    GPtrArray *sets;     /* PlanSet*, security first */
    GPtrArray *left_out; /* char* sentences: what was asked for and is not in it, and why */
} Plan;
Plan *plan_new(void);
void plan_free(Plan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Plan, plan_free)
gboolean plan_is_empty(const Plan *plan);
PlanSet *plan_add_set(Plan *plan);
/* appctl.plan/1. */
json_t *plan_to_json(const Plan *plan);

/* An installed app, as solver, checker and policy see it. */
typedef struct {
    char *name, *version, *arch, *publisher, *repository;
    char **requires, **conflicts;
    char **provides; /* from its catalogue record, or NULL */
    gboolean enabled;
    gboolean as_dependency;
    char *previous_version; /* or NULL */
} InstalledApp;
void installed_app_free(InstalledApp *app);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(InstalledApp, installed_app_free)
const InstalledApp *installed_find(GPtrArray *installed, const char *name);
/* The item of its requirements that names the other app, or NULL; borrowed. */
const char *installed_need(const InstalledApp *app, const char *name);
/* Why it is here, from the app itself to one that was asked for: sentences (char*), none when it is not installed. */
GPtrArray *installed_because(GPtrArray *installed, const char *name);
PlanChange *plan_change_new_removal(const InstalledApp *app); /* without a reason yet */
/* The removals of apps that came as dependencies only and that no other app needs any more, through any number of steps
 * (PlanChange*). An alternative that is installed counts as needed. What is locked (char*, may be NULL) stays, and so
 * does what it needs. */
GPtrArray *plan_orphans(const GPtrArray *installed, const GPtrArray *locked);

/* All that a plan must respect; arrays may be NULL. */
typedef struct {
    GPtrArray *installed; /* InstalledApp* */
    const char *os_version;
    const char *box_arch;
    const Request *request;
    GPtrArray *locked; /* char*: apps that must not change (holds), unless asked for by name */
} PlanContext;

/* TRUE when after all sets every requirement of every app holds, no conflict, no app twice, no downgrade or publisher
 * change unasked, locks respected, OS and arch fit, and every version that was named is in it or left out with a sentence.
 * INTERNAL with the first broken rule. No libsolv here. */
gboolean plan_check(const Plan *plan, const PlanContext *context, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Splits a flat list of changes into fate groups: sets tied by a dependency between changed apps, one set each, security
 * first, then by name; inside a set dependencies first. Takes the changes; the array stays the caller's, empty. */
void plan_split_into_sets(Plan *plan, GPtrArray *changes, GPtrArray *installed);
/* Fills each set's restarts with every installed app that needs one of the set's, whether it runs or not. */
void plan_find_restarts(Plan *plan, GPtrArray *installed);

#endif
