/* tuf_client.c - the refresh: root, timestamp, snapshot and targets, one after the other.
 *
 * A state machine without I/O and without a clock. It hides the traps of the order: nothing is handed out before its
 * last check, each new root is handed out at once (even an expired one, or the next run could not follow the chain), and
 * whatever a run leaves behind is a state from which the next run works. Source: TUF specification 1.0.34, 5.1 to 5.6.
 */
#include "trust/tuf_client_internal.h"

#include <string.h>

#include "base/error.h"

typedef struct {
    char *role;
    GBytes *bytes; /* NULL: forget it */
} Trusted;

static void trusted_free(Trusted *trusted)
{
    g_free(trusted->role);
    if (trusted->bytes)
        g_bytes_unref(trusted->bytes);
    g_free(trusted);
}

void tuf_client_hand_out(TufClient *client, const char *role, GBytes *bytes)
{
    Trusted *trusted = g_new0(Trusted, 1);
    trusted->role = g_strdup(role);
    trusted->bytes = bytes ? g_bytes_ref(bytes) : NULL;
    g_queue_push_tail(&client->trusted, trusted);
}

gboolean tuf_client_take_trusted(TufClient *client, char **role, GBytes **bytes)
{
    Trusted *trusted = g_queue_pop_head(&client->trusted);
    if (!trusted)
        return FALSE;
    *role = g_steal_pointer(&trusted->role);
    *bytes = g_steal_pointer(&trusted->bytes);
    trusted_free(trusted);
    return TRUE;
}

/* ---- targets, top-level and delegated ---- */

static char *name_version(const char *role, const TufMetadata *metadata)
{
    return g_strdup_printf("%s %" G_GINT64_FORMAT, role, metadata->version);
}

static gboolean check_announced_version(const TufMetadata *metadata, const char *role,
                                        const TufFileInfo *info, const char *announcer, GError **error)
{
    if (metadata->version == info->version)
        return TRUE;
    g_autofree char *label = tuf_quote_role(role);
    return error_set(error, APPCENTER_ERROR_UNTRUSTED,
                     "%s: version %" G_GINT64_FORMAT " announced by %s, found %" G_GINT64_FORMAT, label,
                     info->version, announcer, metadata->version);
}

TufMetadata *tuf_client_check_targets(const TufClient *client, GBytes *bytes, const char *role,
                                      const TufSigners *signers, const char *whose, GError **error)
{
    const TufFileInfo *info = tuf_metadata_file(client->snapshot, role);
    g_autofree char *announcer = name_version("snapshot", client->snapshot);
    if (!tuf_verify_bytes(bytes, role, info, announcer, error))
        return NULL;
    g_autoptr(TufMetadata) metadata = tuf_metadata_parse(bytes, role, error);
    if (!metadata || !tuf_verify(metadata, role, signers, whose, error) ||
        !check_announced_version(metadata, role, info, announcer, error) ||
        !tuf_verify_not_expired(metadata, role, client->now, error))
        return NULL;
    return g_steal_pointer(&metadata);
}

TufMetadata *tuf_client_stored_targets(const TufClient *client, const char *role, const TufSigners *signers)
{
    GBytes *bytes = g_hash_table_lookup(client->stored, role);
    return bytes ? tuf_client_check_targets(client, bytes, role, signers, "", NULL) : NULL;
}

static gboolean start_targets(TufClient *client, GError **error)
{
    if (!tuf_metadata_file(client->snapshot, "targets"))
        return error_set(error, APPCENTER_ERROR_UNTRUSTED,
                         "snapshot %" G_GINT64_FORMAT " does not list targets", client->snapshot->version);
    TufMetadata *stored =
        tuf_client_stored_targets(client, "targets", tuf_metadata_signers(client->root, "targets"));
    if (stored)
        g_hash_table_insert(client->targets, g_strdup("targets"), stored);
    client->stage = stored ? TUF_STAGE_READY : TUF_STAGE_TARGETS;
    return TRUE;
}

static gboolean feed_targets(TufClient *client, GBytes *bytes, GError **error)
{
    const TufSigners *signers = tuf_metadata_signers(client->root, "targets");
    TufMetadata *targets = tuf_client_check_targets(client, bytes, "targets", signers, "", error);
    if (!targets)
        return FALSE;
    g_hash_table_insert(client->targets, g_strdup("targets"), targets);
    tuf_client_hand_out(client, "targets", bytes);
    client->stage = TUF_STAGE_READY;
    return TRUE;
}

/* ---- snapshot ---- */

/* 5.5.5: no role may vanish or fall behind. */
static gboolean check_snapshot_rollback(const TufMetadata *old, const TufMetadata *fresh, GError **error)
{
    GHashTableIter iter;
    gpointer name;
    gpointer value;
    g_hash_table_iter_init(&iter, old->files);
    while (g_hash_table_iter_next(&iter, &name, &value)) {
        const TufFileInfo *before = value;
        const TufFileInfo *after = g_hash_table_lookup(fresh->files, name);
        g_autofree char *label = tuf_quote_role(name);
        if (!after)
            return error_set(error, APPCENTER_ERROR_UNTRUSTED,
                             "snapshot %" G_GINT64_FORMAT
                             " no longer lists %s, the trusted snapshot %" G_GINT64_FORMAT " does",
                             fresh->version, label, old->version);
        if (after->version < before->version)
            return error_set(error, APPCENTER_ERROR_UNTRUSTED,
                             "snapshot %" G_GINT64_FORMAT " lists %s with version %" G_GINT64_FORMAT
                             ", the trusted snapshot %" G_GINT64_FORMAT " with %" G_GINT64_FORMAT,
                             fresh->version, label, after->version, old->version, before->version);
    }
    return TRUE;
}

/* Signatures are checked by the caller: at a stored one when it was loaded. */
static gboolean check_snapshot(const TufClient *client, const TufMetadata *snapshot, GError **error)
{
    const TufFileInfo *info = tuf_metadata_file(client->timestamp, "snapshot");
    g_autofree char *announcer = name_version("timestamp", client->timestamp);
    return check_announced_version(snapshot, "snapshot", info, announcer, error) &&
           (!client->old_snapshot || check_snapshot_rollback(client->old_snapshot, snapshot, error)) &&
           tuf_verify_not_expired(snapshot, "snapshot", client->now, error);
}

static gboolean check_snapshot_bytes(const TufClient *client, GBytes *bytes, GError **error)
{
    g_autofree char *announcer = name_version("timestamp", client->timestamp);
    return tuf_verify_bytes(bytes, "snapshot", tuf_metadata_file(client->timestamp, "snapshot"), announcer,
                            error);
}

/* The stored snapshot serves as it is when timestamp still means it, and as the mark for rollback in any case. */
static gboolean start_snapshot(TufClient *client, GError **error)
{
    TufMetadata *old = client->old_snapshot;
    if (old && check_snapshot_bytes(client, old->bytes, NULL) && check_snapshot(client, old, NULL)) {
        client->snapshot = g_steal_pointer(&client->old_snapshot);
        return start_targets(client, error);
    }
    client->stage = TUF_STAGE_SNAPSHOT;
    return TRUE;
}

static gboolean feed_snapshot(TufClient *client, GBytes *bytes, GError **error)
{
    if (!check_snapshot_bytes(client, bytes, error))
        return FALSE;
    g_autoptr(TufMetadata) snapshot = tuf_metadata_parse(bytes, "snapshot", error);
    if (!snapshot ||
        !tuf_verify(snapshot, "snapshot", tuf_metadata_signers(client->root, "snapshot"), "", error) ||
        !check_snapshot(client, snapshot, error))
        return FALSE;
    client->snapshot = g_steal_pointer(&snapshot);
    tuf_client_hand_out(client, "snapshot", bytes);
    return start_targets(client, error);
}

/* ---- timestamp ---- */

static gboolean check_timestamp_rollback(const TufMetadata *old, const TufMetadata *fresh, GError **error)
{
    gint64 old_snapshot = tuf_metadata_file(old, "snapshot")->version;
    gint64 fresh_snapshot = tuf_metadata_file(fresh, "snapshot")->version;
    if (fresh->version < old->version)
        return error_set(error, APPCENTER_ERROR_UNTRUSTED,
                         "timestamp: wanted version %" G_GINT64_FORMAT " or later, found %" G_GINT64_FORMAT,
                         old->version, fresh->version);
    if (fresh->version > old->version && fresh_snapshot < old_snapshot)
        return error_set(error, APPCENTER_ERROR_UNTRUSTED,
                         "timestamp %" G_GINT64_FORMAT " announces snapshot %" G_GINT64_FORMAT
                         ", the trusted timestamp %" G_GINT64_FORMAT " announced %" G_GINT64_FORMAT,
                         fresh->version, fresh_snapshot, old->version, old_snapshot);
    return TRUE;
}

static gboolean feed_timestamp(TufClient *client, GBytes *bytes, GError **error)
{
    g_autoptr(TufMetadata) fresh = tuf_metadata_parse(bytes, "timestamp", error);
    TufMetadata *old = client->timestamp;
    if (!fresh ||
        !tuf_verify(fresh, "timestamp", tuf_metadata_signers(client->root, "timestamp"), "", error) ||
        (old && !check_timestamp_rollback(old, fresh, error)))
        return FALSE;
    /* the same version is the same timestamp, whatever else it says: the old one stays, and its expiry counts */
    gboolean is_new = !old || fresh->version > old->version;
    if (!tuf_verify_not_expired(is_new ? fresh : old, "timestamp", client->now, error))
        return FALSE;
    if (is_new) {
        tuf_metadata_free(client->timestamp);
        client->timestamp = g_steal_pointer(&fresh);
        tuf_client_hand_out(client, "timestamp", bytes);
    }
    return start_snapshot(client, error);
}

/* ---- root ---- */

/* A stored timestamp or snapshot under the newest root; NULL when there is none or it is damaged. is_revoked: it is
 * whole, but its keys are no longer those of the role. */
static TufMetadata *load_stored(const TufClient *client, const char *role, gboolean *is_revoked)
{
    GBytes *bytes = g_hash_table_lookup(client->stored, role);
    g_autoptr(TufMetadata) metadata = bytes ? tuf_metadata_parse(bytes, role, NULL) : NULL;
    if (!metadata)
        return NULL;
    if (!tuf_verify(metadata, role, tuf_metadata_signers(client->root, role), "", NULL)) {
        *is_revoked = TRUE;
        return NULL;
    }
    return g_steal_pointer(&metadata);
}

static void forget(TufClient *client, const char *role)
{
    if (g_hash_table_contains(client->stored, role))
        tuf_client_hand_out(client, role, NULL);
}

/* 5.3.11: when the keys of one of the two were rotated, both are forgotten (recovery from fast-forward). Asking the
 * newest root about the stored files, instead of comparing roots, holds even after a crash between two runs. */
static void load_stored_pair(TufClient *client)
{
    gboolean is_revoked = FALSE;
    client->timestamp = load_stored(client, "timestamp", &is_revoked);
    client->old_snapshot = load_stored(client, "snapshot", &is_revoked);
    if (!is_revoked)
        return;
    g_clear_pointer(&client->timestamp, tuf_metadata_free);
    g_clear_pointer(&client->old_snapshot, tuf_metadata_free);
    forget(client, "timestamp");
    forget(client, "snapshot");
}

static gboolean finish_roots(TufClient *client, GError **error)
{
    if (!tuf_verify_not_expired(client->root, "root", client->now, error))
        return FALSE;
    load_stored_pair(client);
    client->stage = TUF_STAGE_TIMESTAMP;
    return TRUE;
}

static gboolean check_root(const TufMetadata *old, const TufMetadata *fresh, GError **error)
{
    g_autofree char *whose = g_strdup_printf(" of root %" G_GINT64_FORMAT, old->version);
    if (!tuf_verify(fresh, "root", tuf_metadata_signers(old, "root"), whose, error) ||
        !tuf_verify(fresh, "root", tuf_metadata_signers(fresh, "root"), " of its own", error))
        return FALSE;
    if (fresh->version != old->version + 1)
        return error_set(error, APPCENTER_ERROR_UNTRUSTED,
                         "root: wanted version %" G_GINT64_FORMAT ", found %" G_GINT64_FORMAT,
                         old->version + 1, fresh->version);
    return TRUE;
}

static gboolean feed_root(TufClient *client, GBytes *bytes, GError **error)
{
    g_autoptr(TufMetadata) fresh = tuf_metadata_parse(bytes, "root", error);
    if (!fresh || !check_root(client->root, fresh, error))
        return FALSE;
    tuf_metadata_free(client->root);
    client->root = g_steal_pointer(&fresh);
    tuf_client_hand_out(client, "root", bytes);
    /* the rest of a longer chain follows with the next refresh */
    return ++client->root_steps < TUF_MAX_ROOT_STEPS || finish_roots(client, error);
}

/* ---- life ---- */

static TufMetadata *load_root(GBytes *bytes, gboolean is_stored, GError **error)
{
    if (!bytes) {
        error_set(error, APPCENTER_ERROR_INVALID, "no root to start from, neither stored nor shipped");
        return NULL;
    }
    g_autoptr(TufMetadata) root = tuf_metadata_parse(bytes, "root", error);
    if (!root || !tuf_verify(root, "root", tuf_metadata_signers(root, "root"), " of its own", error)) {
        g_prefix_error(error, is_stored ? "the stored root: " : "the shipped root: ");
        return NULL;
    }
    return g_steal_pointer(&root);
}

TufClient *tuf_client_new(GHashTable *stored, GBytes *first_root, gint64 now, GError **error)
{
    GBytes *stored_root = stored ? g_hash_table_lookup(stored, "root") : NULL;
    TufMetadata *root = load_root(stored_root ? stored_root : first_root, stored_root != NULL, error);
    if (!root)
        return NULL;
    TufClient *client = g_new0(TufClient, 1);
    client->now = now;
    client->root = root;
    client->stored = stored ? g_hash_table_ref(stored) : g_hash_table_new(g_str_hash, g_str_equal);
    client->targets =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)tuf_metadata_free);
    client->pending = g_ptr_array_new_with_free_func((GDestroyNotify)tuf_visit_free);
    client->visited = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_queue_init(&client->trusted);
    if (!stored_root)
        tuf_client_hand_out(client, "root", root->bytes);
    return client;
}

void tuf_client_free(TufClient *client)
{
    if (!client)
        return;
    g_free(client->search_path);
    g_free(client->why_not);
    tuf_target_free(client->found);
    tuf_visit_free(client->visit);
    g_ptr_array_unref(client->pending);
    g_hash_table_unref(client->visited);
    g_hash_table_unref(client->targets);
    g_hash_table_unref(client->stored);
    tuf_metadata_free(client->root);
    tuf_metadata_free(client->timestamp);
    tuf_metadata_free(client->old_snapshot);
    tuf_metadata_free(client->snapshot);
    g_queue_clear_full(&client->trusted, (GDestroyNotify)trusted_free);
    g_free(client);
}

/* ---- the loop's two ends ---- */

void tuf_want_clear(TufWant *want)
{
    g_clear_pointer(&want->role, g_free);
    g_clear_pointer(&want->file_name, g_free);
    want->max_bytes = 0;
    want->may_be_absent = FALSE;
}

/* [VERSION.]ROLE.json as announced, and how much of it to read. */
static void want_announced(const TufClient *client, const TufMetadata *announcer, const char *role,
                           gint64 max_bytes, TufWant *want)
{
    const TufFileInfo *info = tuf_metadata_file(announcer, role);
    g_autofree char *quoted = tuf_quote_role(role);
    want->role = g_strdup(role);
    want->file_name = client->root->is_consistent
                          ? g_strdup_printf("%" G_GINT64_FORMAT ".%s.json", info->version, quoted)
                          : g_strconcat(quoted, ".json", NULL);
    want->max_bytes = info->length >= 0 ? info->length : max_bytes;
}

gboolean tuf_client_next(TufClient *client, TufWant *want)
{
    tuf_want_clear(want);
    switch (client->stage) {
    case TUF_STAGE_ROOT:
        want->role = g_strdup("root");
        want->file_name = g_strdup_printf("%" G_GINT64_FORMAT ".root.json", client->root->version + 1);
        want->max_bytes = TUF_MAX_ROOT_BYTES;
        want->may_be_absent = TRUE;
        return TRUE;
    case TUF_STAGE_TIMESTAMP:
        want->role = g_strdup("timestamp");
        want->file_name = g_strdup("timestamp.json");
        want->max_bytes = TUF_MAX_TIMESTAMP_BYTES;
        return TRUE;
    case TUF_STAGE_SNAPSHOT:
        want_announced(client, client->timestamp, "snapshot", TUF_MAX_SNAPSHOT_BYTES, want);
        return TRUE;
    case TUF_STAGE_TARGETS:
        want_announced(client, client->snapshot, "targets", TUF_MAX_TARGETS_BYTES, want);
        return TRUE;
    case TUF_STAGE_DELEGATED:
        want_announced(client, client->snapshot, client->visit->role, TUF_MAX_TARGETS_BYTES, want);
        return TRUE;
    case TUF_STAGE_READY:
    case TUF_STAGE_FAILED:
        break;
    }
    return FALSE;
}

static gboolean feed_wanted(TufClient *client, GBytes *bytes, GError **error)
{
    switch (client->stage) {
    case TUF_STAGE_ROOT:
        return feed_root(client, bytes, error);
    case TUF_STAGE_TIMESTAMP:
        return feed_timestamp(client, bytes, error);
    case TUF_STAGE_SNAPSHOT:
        return feed_snapshot(client, bytes, error);
    case TUF_STAGE_TARGETS:
        return feed_targets(client, bytes, error);
    case TUF_STAGE_DELEGATED:
        return tuf_search_feed(client, bytes, error);
    case TUF_STAGE_READY:
    case TUF_STAGE_FAILED:
        break;
    }
    return error_set(error, APPCENTER_ERROR_INTERNAL, "metadata was fed that nobody asked for");
}

/* A refused file ends what it was wanted for: the refresh and with it the client, or one search. */
static gboolean refuse(TufClient *client, GError *cause, GError **error)
{
    if (client->stage == TUF_STAGE_DELEGATED)
        tuf_search_stop(client, cause->message);
    else if (client->stage != TUF_STAGE_READY)
        client->stage = TUF_STAGE_FAILED;
    g_propagate_error(error, cause);
    return FALSE;
}

gboolean tuf_client_feed(TufClient *client, GBytes *bytes, GError **error)
{
    GError *cause = NULL;
    g_auto(TufWant) want = {0};
    if (tuf_client_next(client, &want) && g_bytes_get_size(bytes) > (gsize)want.max_bytes) {
        error_set(&cause, APPCENTER_ERROR_UNTRUSTED,
                  "%s: wanted at most %" G_GINT64_FORMAT " bytes, found %" G_GSIZE_FORMAT, want.file_name,
                  want.max_bytes, g_bytes_get_size(bytes));
        return refuse(client, cause, error);
    }
    return feed_wanted(client, bytes, &cause) || refuse(client, cause, error);
}

gboolean tuf_client_feed_absent(TufClient *client, GError **error)
{
    GError *cause = NULL;
    g_auto(TufWant) want = {0};
    if (client->stage == TUF_STAGE_ROOT)
        return finish_roots(client, &cause) || refuse(client, cause, error);
    if (tuf_client_next(client, &want))
        error_set(&cause, APPCENTER_ERROR_NETWORK, "the repository has no %s", want.file_name);
    else
        error_set(&cause, APPCENTER_ERROR_INTERNAL, "nothing was asked for that could be absent");
    return refuse(client, cause, error);
}

gboolean tuf_client_role(const TufClient *client, const char *role, TufRoleInfo *info)
{
    const TufMetadata *metadata = strcmp(role, "root") == 0        ? client->root
                                  : strcmp(role, "timestamp") == 0 ? client->timestamp
                                  : strcmp(role, "snapshot") == 0
                                      ? client->snapshot
                                      : g_hash_table_lookup(client->targets, role);
    if (!metadata)
        return FALSE;
    info->version = metadata->version;
    info->expires_at = metadata->expires_at;
    info->signed_at = metadata->signed_at;
    return TRUE;
}
