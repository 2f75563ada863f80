/* draft.h - metadata on its way to be signed by people who are not here: the next root, the next targets, or a role whose
 * keys are on another machine. It lies in REPO/draft/roles/ROLE.json as whole metadata and becomes public when everybody
 * has signed who must: a root by the threshold of the one before it and by its own.
 *
 * The same metadata travels in a file (export, sign, import), with the delegators beside it, so that who signs needs no
 * repository to see what changes and which of the keys count.
 */
#ifndef VENDOR_DRAFT_H
#define VENDOR_DRAFT_H

#include "vendor/keys.h"
#include "vendor/repo.h"

#define DRAFT_MAX_FILE_BYTES (8 * 1024 * 1024)

/* The draft of a role, whole; NULL without error when there is none. One that is published already is none. */
json_t *draft_load(const Repo *repo, const char *role, GError **error);
gboolean draft_save(const Repo *repo, const char *role, const json_t *metadata,
                    GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean draft_drop(const Repo *repo, const char *role, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Roles that have a draft, "root" first, then "targets"; g_strfreev. */
char **draft_list(const Repo *repo, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* To change root or targets: the draft, or the published one with the next version and a new life; unsigned. */
json_t *draft_begin(const Repo *repo, const char *role, gint64 now, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Whose thresholds a draft must meet (whole metadata; json_t*): for root the root in force and the draft itself, for the
 * others the one that will be in force when it is published. metadata: the draft. */
GPtrArray *draft_delegators(const Repo *repo, const char *role, json_t *metadata,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* UNTRUSTED names role, version, how many signatures are wanted by whose keys, and how many are there. */
gboolean draft_check_signed(json_t *metadata, const char *role, GPtrArray *delegators,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Adds the signatures of the source's keys that count; how many were new. */
gboolean draft_sign(json_t *metadata, const char *role, GPtrArray *delegators, KeySource *source,
                    guint *n_new, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Takes over from `signatures` those that are good under a delegator and new. */
guint draft_merge(json_t *metadata, const char *role, GPtrArray *delegators, json_t *signatures);
/* "root 2: expires ..., signatures by the keys of root 1: 1 of 2, ...", and what differs from the first delegator. */
void draft_print(json_t *metadata, const char *role, GPtrArray *delegators);
/* [{"by","wanted","found"}] of each delegator. */
json_t *draft_progress(json_t *metadata, const char *role, GPtrArray *delegators);

#endif
