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

gint64 metadata_version(const json_t *metadata); /* 0 for NULL */
gint64 metadata_expires_at(const json_t *metadata);

/* {_type, spec_version, version, expires}: the start of every signed part. type: "targets" for delegated roles. */
json_t *metadata_signed(const char *type, gint64 version, gint64 expires_at);
/* keys: role name -> GPtrArray of PrivateKey*; thresholds: role name -> GUINT. */
json_t *metadata_root(gint64 version, gint64 expires_at, GHashTable *keys, GHashTable *thresholds);
/* The top-level targets: delegations to brake, releases (in this order), no targets of its own.
 * bins: the path pattern of archives in bins, or NULL. */
json_t *metadata_targets(gint64 version, gint64 expires_at, GHashTable *keys, GHashTable *thresholds,
                         const char *bins);
/* {"length","hashes":{"sha256"},"custom"}; custom is taken. */
json_t *metadata_target(const char *sha256, gsize len, json_t *custom);

/* A delegation by the top-level targets: {name, keyids, threshold, terminating, paths}, its keys added to `targets`
 * (whole metadata). keys: PublicKey*. */
void metadata_add_delegation(json_t *targets, const char *role, const char *const *paths, GPtrArray *keys,
                             guint threshold);
void metadata_remove_delegation(json_t *targets, const char *role);

/* What a delegator (whole metadata: a root, or a targets that delegates) says of a role: {"keyids":[],"threshold":N,...};
 * borrowed, NULL when it does not name the role. */
json_t *metadata_role_entry(json_t *delegator, const char *role);
/* The key objects by id that a root, or the delegations of a targets, holds; borrowed. */
json_t *metadata_keys(json_t *delegator);
/* Takes away what no role names any more. */
void metadata_prune_keys(json_t *delegator);

/* Distinct keys of the role in the delegator that signed, and how many it wants. */
gboolean metadata_count(json_t *metadata, const char *role, json_t *delegator, guint *n_valid,
                        guint *threshold, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* TRUE when the delegator's threshold is met. */
gboolean metadata_is_signed(json_t *metadata, const char *role, json_t *delegator);
/* TRUE when the delegator knows this key for the role. */
gboolean metadata_knows_key(json_t *delegator, const char *role, const char *key_id);
/* How many of the keys at hand the delegator knows for the role. */
guint metadata_usable(json_t *delegator, const char *role, GPtrArray *keys);
/* TRUE when they reach its threshold. */
gboolean metadata_can_sign(json_t *delegator, const char *role, GPtrArray *keys);
/* Adds signatures of those of the keys that the delegator knows and that have not signed yet; counts them. metadata: whole,
 * its signatures stay sorted by key id. */
gboolean metadata_add_signatures(json_t *metadata, const char *role, json_t *delegator, GPtrArray *keys,
                                 guint *n_new, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Puts one signature in its place; 0 when its key has signed already, else 1. */
guint metadata_insert_signature(json_t *metadata, json_t *signature);
/* Signs with those of the keys that the delegator ("root" metadata, or "targets" for delegated roles) knows for the role,
 * and refuses (UNTRUSTED) when its threshold is not met: nothing unsigned is ever published. signatures: others' that are
 * there already, or NULL. */
GBytes *metadata_sign(json_t *signed_part, json_t *signatures, const char *role, json_t *delegator,
                      GPtrArray *keys, GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
