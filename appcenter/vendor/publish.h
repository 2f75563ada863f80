/* publish.h - what goes out: catalogue, brake, snapshot, timestamp, in the order in which readers see all or nothing. */
#ifndef VENDOR_PUBLISH_H
#define VENDOR_PUBLISH_H

#include "vendor/repo.h"

/* Publishes the world as the draft has it, signing what changed or is about to expire. keys: role -> GPtrArray of
 * PrivateKey*; releases keys are needed only if the catalogue changes, brake keys only if the brake does, root and targets
 * keys never. Order: targets, roles, snapshot, then (all is signed) archives, the world, and the timestamp last. Cut short
 * anywhere, readers see the old repository whole, and another publish goes on. */
gboolean publish_all(Repo *repo, GHashTable *keys, gint64 now, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Timestamp (and the snapshot when it nears its end) only. */
gboolean publish_heads(Repo *repo, GHashTable *keys, gint64 now, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Private keys of every role in the folders; role -> GPtrArray of PrivateKey*. */
GHashTable *publish_keys(char **dirs, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The catalogue of the world at `now`: uncompressed lines. Times that are still null are filled in the world itself. */
GBytes *publish_catalogue(Repo *repo, gint64 now, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* brake.json of the world at `now`; entries without a time get it. */
GBytes *publish_brake(Repo *repo, gint64 now, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Would boxes accept the world as it stands? Asked before a verb saves it, as there is no verb that mends a world which
 * cannot be published. Changes nothing. */
gboolean publish_check(const Repo *repo, gint64 now, GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
