/* key_edit.h - changes of who signs what, in the drafts of root and targets. Nothing is signed here. */
#ifndef VENDOR_KEY_EDIT_H
#define VENDOR_KEY_EDIT_H

#include "vendor/repo.h"

#define KEY_THRESHOLD_MAX 20

typedef struct {
    const char *role;
    GPtrArray *add;    /* PublicKey* */
    GPtrArray *remove; /* beginnings of key ids, 8 digits at least */
    guint threshold;   /* 0: as it is */
} KeyEdit;

/* "root" for a top-level role, "targets" for a delegated one. NOT_FOUND when nobody names the role. */
const char *key_edit_delegator(const Repo *repo, const char *role, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Applies it to the draft of the role's delegator (begun where there is none), unsigned from then on. Where the keys of
 * targets change, targets gets a draft, too: the new keys must sign it. CONFLICT for a key that is there already,
 * NOT_FOUND for one that is not, REFUSED when fewer keys would be left than are needed. */
gboolean key_edit_apply(const Repo *repo, const KeyEdit *edit, gint64 now,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* A new life for root or targets, which nobody signs daily. */
gboolean key_edit_renew(const Repo *repo, const char *role, gint64 now,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
