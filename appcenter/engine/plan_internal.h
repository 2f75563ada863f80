/* plan_internal.h - what the files of planning share: one request on its way to a plan. Private to engine/plan*.c. */
#ifndef ENGINE_PLAN_INTERNAL_H
#define ENGINE_PLAN_INTERNAL_H

#include "engine/plan_view.h"

/* What the solver was asked, and what it said; kept for who wants to see it. */
typedef struct {
    GPtrArray *choices; /* Release*, borrowed from the view */
    Request *request;   /* a copy; NULL: there was no such question */
    char *answer;
} PlanQuestion;
void plan_question_clear(PlanQuestion *question);

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
    PlanQuestion answered, failed; /* the last of each */
} Planning;

/* --- questions to the solver as texts (plan_case.c) --- */
/* error: when there are no changes. */
void plan_note_question(Planning *planning, const Request *request, GPtrArray *choices,
                        const GPtrArray *changes, const GPtrArray *left_out, const GError *error);
/* NULL: the solver was not asked so. */
char *plan_case_text(const Planning *planning, const PlanQuestion *question);
/* The broken plan's rule and what its maker was asked, in one text of bounded length. */
gboolean plan_report_broken(const Planning *planning, const GError *broken, GError **error);

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
