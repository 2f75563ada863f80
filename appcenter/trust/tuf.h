/* tuf.h - the TUF client workflow (specification 1.0.34 section 5) as a pure object: bytes in, verdict out.
 *
 * No file, no socket, no clock: the caller gives it what it has stored and a fixed now; it says what it wants next;
 * it is fed the served bytes (or told that there are none) and hands out what has become trusted, raw bytes unchanged,
 * for the caller to persist at once and in that order. One verify function serves all roles.
 *
 *     g_autoptr(TufClient) tuf = tuf_client_new(stored, first_root, now, &error);
 *     while (tuf_client_next(tuf, &want)) { fetch want->file_name, cap want->max_bytes; tuf_client_feed(...); persist }
 *     tuf_client_search(tuf, "catalogue/vendor.jsonl.zst");  same loop for delegated roles;  tuf_client_found(tuf)
 *
 * Errors: UNTRUSTED names role, version, what was expected and what was found; EXPIRED names role and both times;
 * CORRUPT for bytes that are no metadata; NETWORK for a file that should be there. After an error in the refresh the
 * object only serves tuf_client_take_trusted and free; after one in a search that search is over, and another may begin.
 */
#ifndef TRUST_TUF_H
#define TRUST_TUF_H

#include "trust/key.h"

typedef struct TufClient TufClient;

/* Caps of the reference client (python-tuf). */
#define TUF_MAX_ROOT_BYTES      512000
#define TUF_MAX_TIMESTAMP_BYTES 16384
#define TUF_MAX_SNAPSHOT_BYTES  2000000
#define TUF_MAX_TARGETS_BYTES   5000000
#define TUF_MAX_ROOT_STEPS      256
#define TUF_MAX_DELEGATIONS     32

typedef struct {
    char *role; /* "root", "timestamp", "snapshot", "targets" or a delegated name; as signed, not quoted */
    char *file_name;        /* below metadata/: percent-quoted ("7.root.json", "3.%3F.json") */
    gint64 max_bytes;       /* stop the transfer at one more */
    gboolean may_be_absent; /* the root probe: 403 and 404 mean that there is no newer one */
} TufWant;

void tuf_want_clear(TufWant *want);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TufWant, tuf_want_clear)

/* stored: role name -> GBytes as once served; may be empty or NULL. Whatever in it no longer verifies is ignored, but
 * for root. first_root: the shipped root, used when stored has none (it must be signed by itself). */
TufClient *tuf_client_new(GHashTable *stored, GBytes *first_root, gint64 now,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
void tuf_client_free(TufClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TufClient, tuf_client_free)

/* TRUE: fetch *want and feed it. FALSE: the refresh or the search is finished. want is cleared and filled anew. */
gboolean tuf_client_next(TufClient *client, TufWant *want);
gboolean tuf_client_feed(TufClient *client, GBytes *bytes, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The server answered that there is no such file: ends the root loop, is an error otherwise. */
gboolean tuf_client_feed_absent(TufClient *client, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* What became trusted since the last call, oldest first: TRUE with role and bytes to persist, or with *bytes NULL for
 * a stored role to be forgotten (5.3.11). Also to be drained after a failed feed. */
gboolean tuf_client_take_trusted(TufClient *client, char **role, GBytes **bytes);

typedef struct {
    gint64 version;
    gint64 expires_at;
    gint64 signed_at; /* our own member "signed_at" in the signed part; 0 when the repository has none */
} TufRoleInfo;
/* Of a role trusted in this client: FALSE when it has none. */
gboolean tuf_client_role(const TufClient *client, const char *role, TufRoleInfo *info);

typedef struct {
    char *path; /* the target path that was asked for */
    char *
        file_path; /* below targets/: hash prefixed on the last segment when snapshots are consistent, percent-quoted */
    char *role;          /* who vouches for it */
    gint64 role_version; /* in which version */
    gint64 length;
    char *sha256; /* hex or NULL; at least one of the two is there */
    char *sha512;
    json_t *custom; /* or NULL */
} TufTarget;

void tuf_target_free(TufTarget *target);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TufTarget, tuf_target_free)

/* After a finished refresh: starts the pre-order search for a target (5.6.7); go on with tuf_client_next. */
void tuf_client_search(TufClient *client, const char *target_path);
/* After the search: the target, or NULL when nobody vouches for it. free with tuf_target_free. */
TufTarget *tuf_client_found(const TufClient *client);
/* Why a search ended before it had asked everybody ("snapshot 3 does not list acme"), or NULL when it had; owned. */
const char *tuf_client_why_not_found(const TufClient *client);
/* All target paths that a loaded role lists itself (to show, to enumerate publishers' catalogues); g_strfreev. */
char **tuf_client_targets_of(const TufClient *client, const char *role);
/* Names of the roles that the top-level targets delegates to, in order; g_strfreev. Only after a refresh. */
char **tuf_client_delegations(const TufClient *client);

/* Length and every known hash of what was downloaded. UNTRUSTED says which one and both values. */
gboolean tuf_target_check(const TufTarget *target, gint64 length, const char *sha256, const char *sha512,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- for the vendor: making metadata --- */

/* {"signatures":[...],"signed":signed} as compact bytes, signed by the given keys (array of PrivateKey*), sorted by key
 * id. signed is what canonical_json covers. */
GBytes *tuf_sign(json_t *signed_part, GPtrArray *private_keys, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* How many distinct keys of `role` in delegator ("root", or a targets metadata that delegates) signed this metadata, and
 * the threshold. Both arguments are whole metadata (with signatures). CORRUPT when a shape is wrong. */
gboolean tuf_count_signatures(json_t *metadata, json_t *delegator, const char *role, guint *n_valid,
                              guint *threshold, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Percent-quotes a role name for a file name: everything but unreserved characters. */
char *tuf_quote_role(const char *role);

#endif
