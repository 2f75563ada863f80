/* tuf_search.c - who vouches for a target path: the walk over the delegations.
 *
 * Pre-order, in the order in which delegators list; each role once in a search; a terminating delegation that matches
 * forgets all that was still to be asked. A role that was loaded on another way is verified again with the keys of the
 * delegator at hand: authority comes from the path of the search, not from a cache. Source: TUF specification 5.6.7.
 */
#include "trust/tuf_client_internal.h"

#include "base/error.h"
#include "base/files.h"

void tuf_visit_free(TufVisit *visit)
{
    if (!visit)
        return;
    g_free(visit->role);
    g_free(visit->delegator);
    g_free(visit);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TufVisit, tuf_visit_free)

static TufVisit *visit_new(const char *role, const char *delegator, const TufSigners *signers)
{
    TufVisit *visit = g_new0(TufVisit, 1);
    visit->role = g_strdup(role);
    visit->delegator = g_strdup(delegator);
    visit->signers = signers;
    return visit;
}

/* Nothing of the last search is left. */
static void search_clear(TufClient *client)
{
    g_clear_pointer(&client->search_path, g_free);
    g_clear_pointer(&client->why_not, g_free);
    g_clear_pointer(&client->found, tuf_target_free);
    g_clear_pointer(&client->visit, tuf_visit_free);
    g_ptr_array_set_size(client->pending, 0);
    g_hash_table_remove_all(client->visited);
}

void tuf_search_stop(TufClient *client, const char *why)
{
    g_free(client->why_not);
    client->why_not = g_strdup(why);
    g_ptr_array_set_size(client->pending, 0);
    if (client->stage == TUF_STAGE_DELEGATED)
        client->stage = TUF_STAGE_READY;
}

/* The children that this path goes to, so that the first listed comes next. */
static void push_children(TufClient *client, const char *role, const TufMetadata *metadata)
{
    g_autoptr(GPtrArray) children = g_ptr_array_new();
    for (guint i = 0; i < metadata->delegations->len; i++) {
        const TufDelegation *delegation = metadata->delegations->pdata[i];
        g_autofree char *child = tuf_delegation_role_for(delegation, client->search_path);
        if (!child)
            continue;
        g_ptr_array_add(children, visit_new(child, role, &delegation->signers));
        if (delegation->is_terminating) {
            g_ptr_array_set_size(client->pending, 0);
            break;
        }
    }
    for (guint i = children->len; i > 0; i--)
        g_ptr_array_add(client->pending, children->pdata[i - 1]);
}

static void visit_role(TufClient *client, const char *role, const TufMetadata *metadata)
{
    g_autoptr(GError) error = NULL;
    g_hash_table_add(client->visited, g_strdup(role));
    client->found =
        tuf_metadata_target(metadata, role, client->search_path, client->root->is_consistent, &error);
    if (client->found)
        return;
    if (error->code == APPCENTER_ERROR_NOT_FOUND)
        push_children(client, role, metadata);
    else
        tuf_search_stop(client, error->message);
}

static char *keys_of(const TufVisit *visit)
{
    g_autofree char *delegator = tuf_quote_role(visit->delegator);
    return g_strdup_printf(" of %s", delegator);
}

/* The role as loaded before in this run, or as stored; NULL without an error when it must be fetched. */
static const TufMetadata *role_at_hand(TufClient *client, const TufVisit *visit, GError **error)
{
    const TufMetadata *loaded = g_hash_table_lookup(client->targets, visit->role);
    g_autofree char *whose = keys_of(visit);
    if (loaded)
        return tuf_verify(loaded, visit->role, visit->signers, whose, error) ? loaded : NULL;
    if (!tuf_metadata_file(client->snapshot, visit->role)) {
        g_autofree char *label = tuf_quote_role(visit->role);
        error_set(error, APPCENTER_ERROR_UNTRUSTED, "snapshot %" G_GINT64_FORMAT " does not list %s",
                  client->snapshot->version, label);
        return NULL;
    }
    TufMetadata *stored = tuf_client_stored_targets(client, visit->role, visit->signers);
    if (stored)
        g_hash_table_insert(client->targets, g_strdup(visit->role), stored);
    return stored;
}

/* FALSE when the search must wait for bytes or is over. */
static gboolean search_step(TufClient *client, TufVisit *visit)
{
    g_autoptr(TufVisit) owned = visit;
    g_autoptr(GError) error = NULL;
    if (g_hash_table_contains(client->visited, visit->role))
        return TRUE;
    if (g_hash_table_size(client->visited) > TUF_MAX_DELEGATIONS) {
        g_autofree char *why = g_strdup_printf("more than %d delegations lead to it", TUF_MAX_DELEGATIONS);
        tuf_search_stop(client, why);
        return FALSE;
    }
    const TufMetadata *metadata = role_at_hand(client, visit, &error);
    if (error) {
        tuf_search_stop(client, error->message);
        return FALSE;
    }
    if (!metadata) {
        client->visit = g_steal_pointer(&owned);
        client->stage = TUF_STAGE_DELEGATED;
        return FALSE;
    }
    visit_role(client, visit->role, metadata);
    return TRUE;
}

static void search_go_on(TufClient *client)
{
    client->stage = TUF_STAGE_READY;
    while (!client->found && client->pending->len > 0)
        if (!search_step(client, g_ptr_array_steal_index(client->pending, client->pending->len - 1)))
            return;
}

void tuf_client_search(TufClient *client, const char *target_path)
{
    search_clear(client);
    if (client->stage != TUF_STAGE_READY && client->stage != TUF_STAGE_DELEGATED) {
        tuf_search_stop(client, "the metadata is not fresh");
        return;
    }
    client->stage = TUF_STAGE_READY;
    if (!files_path_is_inside(target_path)) {
        tuf_search_stop(client, "no path of a target: it would leave the folder of targets");
        return;
    }
    client->search_path = g_strdup(target_path);
    visit_role(client, "targets", g_hash_table_lookup(client->targets, "targets"));
    search_go_on(client);
}

gboolean tuf_search_feed(TufClient *client, GBytes *bytes, GError **error)
{
    const TufVisit *visit = client->visit;
    g_autofree char *whose = keys_of(visit);
    TufMetadata *metadata =
        tuf_client_check_targets(client, bytes, visit->role, visit->signers, whose, error);
    if (!metadata)
        return FALSE;
    g_autoptr(TufVisit) done = g_steal_pointer(&client->visit);
    g_hash_table_insert(client->targets, g_strdup(done->role), metadata);
    tuf_client_hand_out(client, done->role, bytes);
    visit_role(client, done->role, metadata);
    search_go_on(client);
    return TRUE;
}

TufTarget *tuf_client_found(const TufClient *client)
{
    const TufTarget *found = client->found;
    if (!found)
        return NULL;
    TufTarget *copy = g_new0(TufTarget, 1);
    copy->path = g_strdup(found->path);
    copy->file_path = g_strdup(found->file_path);
    copy->role = g_strdup(found->role);
    copy->role_version = found->role_version;
    copy->length = found->length;
    copy->sha256 = g_strdup(found->sha256);
    copy->sha512 = g_strdup(found->sha512);
    copy->custom = json_incref(found->custom);
    return copy;
}

const char *tuf_client_why_not_found(const TufClient *client)
{
    return client->found ? NULL : client->why_not;
}

char **tuf_client_targets_of(const TufClient *client, const char *role)
{
    g_autoptr(GStrvBuilder) paths = g_strv_builder_new();
    const TufMetadata *metadata = g_hash_table_lookup(client->targets, role);
    json_t *targets = metadata ? metadata->targets : NULL;
    for (void *i = json_object_iter(targets); i; i = json_object_iter_next(targets, i))
        g_strv_builder_add(paths, json_object_iter_key(i));
    return g_strv_builder_end(paths);
}

char **tuf_client_delegations(const TufClient *client)
{
    g_autoptr(GStrvBuilder) names = g_strv_builder_new();
    const TufMetadata *targets = g_hash_table_lookup(client->targets, "targets");
    for (guint i = 0; targets && i < targets->delegations->len; i++) {
        const TufDelegation *delegation = targets->delegations->pdata[i];
        if (delegation->name)
            g_strv_builder_add(names, delegation->name);
    }
    return g_strv_builder_end(names);
}
