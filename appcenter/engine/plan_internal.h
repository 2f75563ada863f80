/* plan_internal.h - what the files of planning share: one request on its way to a plan. Private to engine/plan*.c. */
#ifndef ENGINE_PLAN_INTERNAL_H
#define ENGINE_PLAN_INTERNAL_H

#include "engine/plan_view.h"

typedef struct {
    Engine *engine;
    Request
        *request; /* the effective one: what was asked for, with what the settings and the file add to it */
    PlanView *view;
    GPtrArray *locked; /* char*: held apps */
    GPtrArray *offers; /* StoreOffer*, for what the scheduler asks; else NULL */
    Release *file;     /* of request->file, or NULL */
    Mark worst;        /* up to which mark releases may be taken without being named with their version */
    Plan *plan;
} Planning;

/* Reads the archive that request->file names: identity, dependencies, digests, and whether it is to be trusted. */
Release *plan_read_file(Engine *engine, const Request *request, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Rollback and undo: flat lists of changes that go back to kept trees. */
GPtrArray *plan_rollback(Planning *planning, GError **error) G_GNUC_WARN_UNUSED_RESULT;
GPtrArray *plan_undo(Planning *planning, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* One change for each app that is asked for; NOT_FOUND when one is not installed. version: the one asked for, or NULL. */
typedef PlanChange *(*PlanOfApp)(Planning *planning, const InstalledApp *app, const char *version,
                                 GError **error);
GPtrArray *plan_of_installed(Planning *planning, PlanOfApp make, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The archives that are installed, once more. */
GPtrArray *plan_repair(Planning *planning, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The content of a snapshot comes back into the version that is installed. */
GPtrArray *plan_restore(Planning *planning, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* What becomes of each app's content, for the plan (plan_keeps.c). */
void plan_tell_keeps(Planning *planning);
/* Install, upgrade, remove, auto: what the solver says, after what speaks against it was asked. */
GPtrArray *plan_solved(Planning *planning, GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
