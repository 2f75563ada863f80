/* tuf_internal.h - internal to the room: one parsed piece of TUF metadata, and the questions the client asks it.
 *
 * Parsing checks every shape that anybody reads later, so that no signature is looked at before the whole is known to be
 * metadata, and no reader behind it can meet a wrong type. What it borrows, it borrows from the JSON tree that it keeps.
 */
#ifndef TRUST_TUF_INTERNAL_H
#define TRUST_TUF_INTERNAL_H

#include "trust/tuf.h"

/* Generous bounds; the caps on bytes are what really limits. */
#define TUF_MAX_DEPTH      64
#define TUF_MAX_VERSION    G_GINT64_CONSTANT(9007199254740991) /* 2^53 - 1: what every JSON reader can hold */
#define TUF_MAX_KEYS       4096
#define TUF_MAX_SIGNATURES 1024
#define TUF_MAX_ROLE_KEYS  1024
#define TUF_MAX_ROLES      65536
#define TUF_MAX_TARGETS    200000
#define TUF_MAX_PATTERNS   65536
#define TUF_MAX_FILE_BYTES (64 * 1024 * 1024) /* of one metadata file, whatever its announcement says */
#define TUF_MAX_NAME_BYTES 255
#define TUF_MAX_PATH_BYTES 4096
#define TUF_MAX_HASHES     16
#define TUF_MAX_BIN_BITS   32

/* Keys and threshold that a role must be signed with, as its delegator says. */
typedef struct {
    json_t *keys;   /* borrowed: the delegator's key id -> key object */
    json_t *keyids; /* borrowed: array of key ids */
    guint threshold;
} TufSigners;

/* What timestamp and snapshot announce of a file. */
typedef struct {
    gint64 version;
    gint64 length;      /* -1: not announced */
    const char *sha256; /* borrowed; NULL: not announced */
    const char *sha512;
} TufFileInfo;

/* One entry of delegations.roles, or the whole of succinct_roles. */
typedef struct {
    const char *name; /* borrowed; NULL for succinct roles, whose name depends on the path */
    TufSigners signers;
    gboolean is_terminating;
    json_t *paths;          /* borrowed array of patterns, or NULL */
    json_t *hash_prefixes;  /* borrowed array, or NULL */
    const char *bin_prefix; /* succinct roles only */
    guint bin_bits;
} TufDelegation;

typedef struct {
    GBytes *bytes;     /* as served */
    GBytes *canonical; /* what the signatures are over */
    json_t *tree;
    json_t *part;           /* borrowed: the member "signed" */
    GHashTable *signatures; /* key id (borrowed) -> GBytes; without those that are no hex */
    gint64 version;
    gint64 expires_at;
    gint64 signed_at;

    /* root */
    gboolean is_consistent;
    GHashTable *top_roles; /* name -> TufSigners */
    /* timestamp and snapshot */
    GHashTable *files; /* file name (borrowed) -> TufFileInfo */
    /* targets */
    json_t *targets;        /* borrowed */
    GPtrArray *delegations; /* of TufDelegation, in order */
} TufMetadata;

/* role: a top-level name, or any other for a delegated one. Errors start with the role's name. */
TufMetadata *tuf_metadata_parse(GBytes *bytes, const char *role, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void tuf_metadata_free(TufMetadata *metadata);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TufMetadata, tuf_metadata_free)

/* Parts of the parser that live in files of their own; each marks the reader. tuf_read_keys and tuf_read_signers are for
 * roots and delegators alike. */
json_t *tuf_read_keys(JsonReader *reader);
void tuf_read_signers(JsonReader *reader, json_t *keys, TufSigners *signers);
/* The member "hashes" of the current object: only known algorithms are kept. */
void tuf_read_hashes(JsonReader *reader, const char **sha256, const char **sha512);
void tuf_read_targets(JsonReader *reader, TufMetadata *metadata);

/* The four that root speaks for; all other names are delegated. */
gboolean tuf_role_is_top_level(const char *role);
/* Signers of a top-level role in a root; never NULL for a parsed root. */
const TufSigners *tuf_metadata_signers(const TufMetadata *root, const char *role);
/* What is announced of a role's file; NULL when it is not. */
const TufFileInfo *tuf_metadata_file(const TufMetadata *metadata, const char *role);
/* The role that a delegation sends this target path to; NULL when it does not. free with g_free. */
char *tuf_delegation_role_for(const TufDelegation *delegation, const char *target_path);
/* The delegation to a role by that name (bins by their computed names); NULL when there is none. */
const TufDelegation *tuf_metadata_delegation(const TufMetadata *targets, const char *role);
/* The target of that path; NULL with NOT_FOUND when it is not listed, CORRUPT when no hash of it is known to us. */
TufTarget *tuf_metadata_target(const TufMetadata *targets, const char *role, const char *target_path,
                               gboolean is_consistent, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- the one verify function --- */

/* Distinct keys (by id and by material) of these signers that signed; stops counting at enough. */
guint tuf_verify_count(const TufMetadata *metadata, const TufSigners *signers, guint enough);
/* UNTRUSTED when fewer than the threshold signed. whose: "" or " of ROLE" for the message. */
gboolean tuf_verify(const TufMetadata *metadata, const char *role, const TufSigners *signers,
                    const char *whose, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Length and hashes of raw bytes against their announcement. announcer: "timestamp 7", for the message. */
gboolean tuf_verify_bytes(GBytes *bytes, const char *role, const TufFileInfo *info, const char *announcer,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean tuf_verify_not_expired(const TufMetadata *metadata, const char *role, gint64 now,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
