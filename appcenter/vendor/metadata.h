/* metadata.h - the signed parts of our TUF roles, and signing them. Pure but for the keys that are handed in. */
#ifndef VENDOR_METADATA_H
#define VENDOR_METADATA_H

#include "base/base.h"
#include "trust/trust.h"

typedef struct {
    const char *name;
    const char *paths[4]; /* of the delegation, NULL-terminated; NULL for top-level roles */
    guint n_keys;         /* made at the ceremony */
    guint threshold;
    gint64 expires_s;
} RoleDefault;
/* root, targets, releases, brake, snapshot, timestamp; ends with a NULL name. */
extern const RoleDefault metadata_roles[];
const RoleDefault *metadata_role(const char *name);

/* {_type, spec_version, version, expires}: the start of every signed part. type: "targets" for delegated roles. */
json_t *metadata_signed(const char *type, gint64 version, gint64 expires_at);
/* keys: role name -> GPtrArray of PrivateKey*; thresholds: role name -> GUINT. */
json_t *metadata_root(gint64 version, gint64 expires_at, GHashTable *keys, GHashTable *thresholds);
/* The top-level targets: delegations to brake, releases (in this order), no targets of its own. */
json_t *metadata_targets(gint64 version, gint64 expires_at, GHashTable *keys, GHashTable *thresholds);
/* {"length","hashes":{"sha256"},"custom"}; custom is taken. */
json_t *metadata_target(const char *sha256, gsize len, json_t *custom);

/* TRUE when the keys at hand reach the role's threshold in the delegator. */
gboolean metadata_can_sign(json_t *delegator, const char *role, GPtrArray *keys);
/* Signs with those of the keys that the delegator ("root" metadata, or "targets" for delegated roles) knows for the role,
 * and refuses (UNTRUSTED) when its threshold is not met: nothing unsigned is ever published. */
GBytes *metadata_sign(json_t *signed_part, const char *role, json_t *delegator, GPtrArray *keys,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
