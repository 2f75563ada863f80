/* plan_view.h - what is installed and what the repositories offer, as plans and offers see it: every release that could
 * matter, with the one thing that speaks against it. Private to engine/{plan,offers}*.c.
 */
#ifndef ENGINE_PLAN_VIEW_H
#define ENGINE_PLAN_VIEW_H

#include "engine/internal.h"

/* What speaks against a release; the gravest one counts. */
typedef enum {
    MARK_FREE,
    MARK_PHASE,   /* its roll-out has not reached this box; does not bind an admin */
    MARK_VETOED,  /* failed here before; does not bind who names the version */
    MARK_SKIPPED, /* the admin skipped it; likewise */
    MARK_HALTED,  /* the vendor's brake; binds everybody, as do the next two */
    MARK_WITHDRAWN,
    MARK_STALE /* its repository's metadata has expired */
} Mark;

typedef struct {
    Engine *engine;
    gint64 now;
    GPtrArray *installed; /* InstalledApp*, by name, their provides filled in */
    GPtrArray *holds;     /* Hold*, those that count now */
    GPtrArray *releases;  /* Release*, of enabled repositories; lower priorities' of the same app left out */
    GHashTable *marks;    /* Release* -> Mark */
    GHashTable *repositories; /* name -> ViewRepository*, private to plan_view.c */
    GPtrArray *advisories;    /* Advisory* */
    GHashTable *malicious;    /* "APP=SHA256" of archives that they name -> Advisory* */
    GHashTable *panels;       /* what plan_probe keeps, private to plan_choose.c */
} PlanView;

/* names: apps asked for beside the installed ones; may be NULL. */
PlanView *plan_view_new(Engine *engine, const char *const *names, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void plan_view_free(PlanView *view);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PlanView, plan_view_free)

Mark plan_view_mark(const PlanView *view, const Release *release);
/* Why it is not taken: "the vendor halted PhotoStation 6.1.2: crashes"; not for MARK_FREE. And the kind of that refusal. */
char *plan_view_objection(const PlanView *view, const Release *release, AppcenterError *kind);
/* The brake's withdrawal of what is installed, or NULL. */
const BrakeEntry *plan_view_withdrawal(const PlanView *view, const InstalledApp *app);
/* Release of that app and version for this box (the own publisher's, if it is installed), or NULL. */
const Release *plan_view_find(const PlanView *view, const char *app, const char *version);
/* Is the version of the app named by an advisory that is not withdrawn? */
gboolean plan_view_is_affected(const PlanView *view, const char *app, const char *version);
/* Newer than what is installed, for this architecture; Release*, newest first; borrowed elements. */
GPtrArray *plan_view_newer(const PlanView *view, const InstalledApp *app);

/* What the solver may choose from: everything up to that mark, and exactly the versions that the request names up to
 * MARK_SKIPPED. Borrowed elements. request may be NULL. */
GPtrArray *plan_view_available(const PlanView *view, Mark worst, const Request *request);
/* Names of installed apps that a hold covers now; char*. is_emergency: those that let emergencies through do not count. */
GPtrArray *plan_view_locked(const PlanView *view, gboolean is_emergency);

/* The world as the engine's WhatIf supposes it (explain.c). */
void what_if_apply(const WhatIf *what_if, PlanView *view);

/* --- the rows of the ledger (offers.c, offers_other.c) --- */
/* A row for that release as its catalogue has it: class, place in the roll-out. */
StoreOffer *offer_new(const PlanView *view, const InstalledApp *app, const Release *release);
/* The offers, emptied into a new list, each with the app's other newer releases behind it. */
GPtrArray *offers_with_others(const PlanView *view, GPtrArray *offers);

/* Makes the releases that fix an advisory for what is installed here as urgent as it is (plan_fixes.c). */
void plan_view_lend_urgency(PlanView *view);

/* --- which newer release is the one to take (plan_choose.c) --- */
typedef struct {
    const Release *release;             /* NULL: there is none */
    UrgencyClass cls;                   /* of all fixes that it brings */
    gint64 urgent_at, install_within_s; /* of the gravest mark */
    char *problem;                      /* why it cannot be now, or NULL */
    gboolean problem_is_os;
    gboolean publisher_differs;
} Choice;
void choice_clear(Choice *choice);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Choice, choice_clear)
/* Security before everything: the lowest release that brings all fixes (by the advisories that they name); without one
 * the newest. What is free and possible comes before what is not. worst: up to which mark a release counts as free. */
void plan_choose(const PlanView *view, const InstalledApp *app, Mark worst, gboolean security_only,
                 Choice *choice);
GHashTable *plan_panels_new(void);
/* Could it be now? NULL: yes. */
char *plan_probe(const PlanView *view, const Release *release, UrgencyClass cls, Mark worst, gboolean *is_os);

#endif
