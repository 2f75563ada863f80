/* publish.h - what goes out: catalogues, brake, snapshot, timestamp, in the order in which readers see all or nothing. */
#ifndef VENDOR_PUBLISH_H
#define VENDOR_PUBLISH_H

#include "vendor/keys.h"
#include "vendor/repo.h"

/* Publishes the world as the draft has it, signing what changed or is about to expire, and the drafts of root and targets
 * that are signed. keys: role -> GPtrArray of PrivateKey*; releases keys are needed only if the catalogue changes, brake
 * keys only if the brake does, root and targets keys never. Order: targets, roles, snapshot, then (all is signed)
 * archives, the world, the root, and the timestamp last. Cut short anywhere, readers see the old repository whole, and
 * another publish goes on.
 *
 * A changed brake waits for nobody: when all cannot go out because a signature is missing, the brake goes alone. Then
 * *held_back says why, and the result is TRUE only if no releases key is at hand at all (a machine that is there for the
 * brake). */
gboolean publish_all(Repo *repo, GHashTable *keys, gint64 now, char **held_back,
                     GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Timestamp (and the snapshot when it nears its end) only. */
gboolean publish_heads(Repo *repo, GHashTable *keys, gint64 now, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Private keys of every role that is not off line; role -> GPtrArray of PrivateKey*. */
GHashTable *publish_keys(const Repo *repo, KeySource *source, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The draft of releases, the brake or a publisher's role for signers elsewhere; it goes out with the next publish if the
 * world is then the same. The world's times are settled and saved. REFUSED when there is nothing to sign. */
gboolean publish_prepare(Repo *repo, const char *role, gint64 now, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* WHO's catalogue in the world ("vendor" or a publisher) at `now`: uncompressed lines. Times that are still null are filled
 * in the world itself. bound: the publishers that the vendor's header names; NULL: all. */
GBytes *publish_catalogue(Repo *repo, const char *who, char **bound, gint64 now,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* brake.json of the world at `now`; entries without a time get it. */
GBytes *publish_brake(Repo *repo, gint64 now, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* FALSE for a release of the world that is new or newly marked. */
gboolean release_was_published(const json_t *release);
/* Would boxes accept the world as it stands? Asked before a verb saves it, as there is no verb that mends a world which
 * cannot be published. Changes nothing. */
gboolean publish_check(const Repo *repo, gint64 now, GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
