/* publish_role.h - the roles below targets: releases, brake, publishers. Private to publish*.c.
 *
 * A role is signed anew when what it lists changed, when it ages, or when its delegator now names other keys.
 */
#ifndef VENDOR_PUBLISH_ROLE_H
#define VENDOR_PUBLISH_ROLE_H

#include "vendor/repo.h"

#define CATALOGUE_BASES_MAX 16

typedef struct {
    Repo *repo;
    json_t *root;     /* that will be in force, whole */
    json_t *targets;  /* the same */
    GHashTable *keys; /* role -> GPtrArray of PrivateKey*; NULL: none */
    char **bound;     /* publishers that the vendor's header names */
    gint64 now;
} Publication;

/* A role's targets as they shall be, and the files that they speak of. */
typedef struct {
    json_t *targets;
    json_t *delegations; /* to bins of archives; NULL: none */
    GPtrArray *names;    /* of those targets that have a file here */
    GPtrArray *paths;    /* below public/targets/ */
    GPtrArray *files;    /* GBytes*, one a name */
    gboolean is_changed;
} RoleContent;

void role_content_clear(RoleContent *content);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RoleContent, role_content_clear)
/* What the world wants of "brake", "releases" or a publisher's role. Settles times and serial of a changed catalogue. */
gboolean role_content_make(const Publication *publication, const char *role, RoleContent *content,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Adds a file to be served, and its entry in targets; custom is taken. */
void role_content_add(RoleContent *content, const char *target, GBytes *file, json_t *custom);

/* Takes back what was added last. */
void role_content_drop_last(RoleContent *content);

/* Signs and writes the role where it must be; *version is then the current one. */
gboolean role_put(const Publication *publication, const char *role, gint64 *version,
                  GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* {version, expires, targets, delegations} of the role's next metadata: "signed", nothing written. */
json_t *role_part(const Publication *publication, const char *role, const RoleContent *content,
                  const json_t *published);

/* Signed anew when less than half of its life is left, so that a box that polls rarely never meets its end. */
gboolean role_is_ageing(const Repo *repo, const json_t *metadata, const char *role, gint64 now);
/* Signs and writes N.ROLE.json. signatures: others' or NULL. */
gboolean role_write(const Publication *publication, const char *role, json_t *part, json_t *signatures,
                    json_t *delegator, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- publish.c --- */

/* Names a role's version in the snapshot's meta. */
void publish_name_version(json_t *meta, const char *role, gint64 version);

/* --- deltas.c --- */

/* Patches to this catalogue from those before it that the world remembers, as targets of the role. What cannot be made, or
 * would not save anything, is left out: a delta is never needed. */
void deltas_add(const Repo *repo, const char *who, GBytes *raw, const char *raw_sha256, gsize packed_bytes,
                RoleContent *content);
/* From now on this catalogue is one that boxes may have. path: below public/targets/. */
void deltas_remember(Repo *repo, const char *who, const char *raw_sha256, const char *path);

/* {serial, settled, settled_at, bases[]} of WHO in the world, made when it is not there; borrowed. */
json_t *world_catalogue(Repo *repo, const char *who);

#endif
