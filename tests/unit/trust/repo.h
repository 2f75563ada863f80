/* repo.h - a TUF repository in memory that can be bent out of shape, and a box that refreshes from it.
 *
 * The repository holds the signed parts as JSON that tests may change at will; publishing signs a part with whatever keys
 * stand in `signers` and puts the bytes under their file name. A box is what an engine would be: it keeps what the client
 * hands out, and notes what was asked for.
 */
#ifndef TRUST_TEST_REPO_H
#define TRUST_TEST_REPO_H

#include "test.h"

#define NOW     G_GINT64_CONSTANT(1795338000) /* 2026-11-22T09:00:00Z */
#define DAY     86400
#define EXPIRED "2026-11-21T09:00:00Z"
#define FRESH   "2027-11-22T09:00:00Z"

typedef struct {
    GHashTable *parts;   /* role -> json_t: the next "signed" */
    GHashTable *signers; /* role -> GPtrArray of PrivateKey (borrowed from the pool) */
    GHashTable *files;   /* file name -> GBytes */
    gboolean announces_hashes;
} Repo;

/* Keys that all tests share; making them costs. */
PrivateKey *pool_key(guint i);

/* Version 1 of all four roles is published; keys 0 to 3 sign root, timestamp, snapshot, targets. */
Repo *repo_new(void);
void repo_free(Repo *repo);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Repo, repo_free)

json_t *repo_part(Repo *repo, const char *role);
/* The role's entry in root.roles. */
json_t *repo_role(Repo *repo, const char *role);
gint64 repo_version(Repo *repo, const char *role);
/* The key becomes known to root, may sign for the role, and signs. */
void repo_add_key(Repo *repo, const char *role, guint key);
/* All keys of a top-level role are taken away, and this one put in their place. */
void repo_rotate(Repo *repo, const char *role, guint key);
void repo_set(Repo *repo, const char *role, const char *member, json_t *value);

/* Signs the part as it is, under its present version, and writes down its announcement in snapshot or timestamp. */
void repo_publish(Repo *repo, const char *role);
/* Raises the version, then publishes. */
void repo_bump(Repo *repo, const char *role);
/* Bumps all of these, separated by spaces. */
void repo_bump_all(Repo *repo, const char *roles);
/* File name of a role's present version. */
char *repo_file_name(Repo *repo, const char *role);
GBytes *repo_file(Repo *repo, const char *role);
/* Replaces the served bytes of a role's present version. */
void repo_serve(Repo *repo, const char *role, GBytes *bytes);
/* Parses the served bytes of a role, to be bent and served again. */
json_t *repo_served(Repo *repo, const char *role);
void repo_serve_json(Repo *repo, const char *role, json_t *metadata);

/* A delegated role with its own key; extra is merged into the delegation (paths, terminating, ...). */
void repo_delegate(Repo *repo, const char *delegator, const char *role, guint key, const char *extra);
void repo_add_target(Repo *repo, const char *role, const char *path, const char *content);

typedef struct {
    GHashTable *stored;
    GBytes *first_root;
    GString *asked;    /* file names, separated by spaces */
    GPtrArray *handed; /* "role" or "-role" in the order of take_trusted */
    TufClient *client; /* of the last refresh */
    gint64 now;
    guint stop_after; /* 0: never; else power fails after that many persisted files */
} Box;

Box *box_new(Repo *repo);
void box_free(Box *box);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Box, box_free)

gboolean box_refresh(Box *box, Repo *repo, GError **error);
/* A search in the client of the last refresh. */
TufTarget *box_search(Box *box, Repo *repo, const char *path, GError **error);
/* Version of a stored role, 0 when there is none. */
gint64 box_version(Box *box, const char *role);
/* Forgets what was asked so far. */
void box_clear_asked(Box *box);

void assert_refreshes(Box *box, Repo *repo);
/* Refused with this kind and text; the stored versions are "root timestamp snapshot targets" after it. */
void assert_refused(Box *box, Repo *repo, AppcenterError kind, const char *part, const char *versions);

#endif
