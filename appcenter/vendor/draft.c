/* draft.c - drafts on disk, who must sign them, and who has; see draft.h. */
#include "vendor/draft.h"

#include <stdio.h>
#include <string.h>

#include "vendor/metadata.h"

#define DRAFTS "/draft/roles"

/* --- on disk --- */

static char *draft_path(const char *role)
{
    g_autofree char *quoted = tuf_quote_role(role);
    return g_strdup_printf(DRAFTS "/%s.json", quoted);
}

static json_t *in_force(const Repo *repo, const char *role, GError **error)
{
    return g_str_equal(role, "targets") ? repo_targets(repo, error) : repo_metadata(repo, role, error);
}

json_t *draft_load(const Repo *repo, const char *role, GError **error)
{
    g_autoptr(GError) broken = NULL;
    g_autofree char *path = draft_path(role);
    if (!root_dir_exists(repo->dir, path))
        return NULL;
    g_autoptr(json_t) draft = repo_read_json(repo, path, DRAFT_MAX_FILE_BYTES, error);
    g_autoptr(json_t) published = draft ? in_force(repo, role, &broken) : NULL;
    if (broken)
        g_propagate_error(error, g_steal_pointer(&broken));
    else if (draft && metadata_version(draft) > metadata_version(published))
        return g_steal_pointer(&draft);
    return NULL;
}

gboolean draft_save(const Repo *repo, const char *role, const json_t *metadata, GError **error)
{
    g_autofree char *path = draft_path(role);
    g_autofree char *text = json_to_text(metadata);
    return root_dir_make_dirs(repo->dir, DRAFTS, 0755, error) &&
           root_dir_write_atomic(repo->dir, path, text, strlen(text), 0644, error);
}

gboolean draft_drop(const Repo *repo, const char *role, GError **error)
{
    g_autofree char *path = draft_path(role);
    return root_dir_unlink(repo->dir, path, error);
}

static gboolean list_if_there(const Repo *repo, const char *role, GPtrArray *list, GError **error)
{
    g_autoptr(GError) broken = NULL;
    g_autoptr(json_t) draft = draft_load(repo, role, &broken);
    if (draft)
        g_ptr_array_add(list, g_strdup(role));
    if (!broken)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&broken));
    return FALSE;
}

char **draft_list(const Repo *repo, GError **error)
{
    static const char *const first[] = {"root", "targets", "releases", "brake"};
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) publishers = repo_publishers(repo);
    for (gsize i = 0; i < G_N_ELEMENTS(first); i++)
        if (!list_if_there(repo, first[i], list, error))
            return NULL;
    for (char **name = publishers; *name; name++)
        if (!list_if_there(repo, *name, list, error))
            return NULL;
    g_ptr_array_add(list, NULL);
    return (char **)g_ptr_array_steal(list, NULL);
}

json_t *draft_begin(const Repo *repo, const char *role, gint64 now, GError **error)
{
    g_autoptr(GError) broken = NULL;
    json_t *draft = draft_load(repo, role, &broken);
    if (broken) {
        g_propagate_error(error, g_steal_pointer(&broken));
        return NULL;
    }
    if (draft) { /* what is changed is no longer what was signed */
        json_object_set_new(draft, "signatures", json_array());
        return draft;
    }
    g_autoptr(json_t) published = in_force(repo, role, error);
    if (!published)
        return NULL;
    gint64 version = g_str_equal(role, "root") ? metadata_version(published) + 1 /* a chain has no gaps */
                                               : repo_next_version(repo, role, published);
    g_autofree char *expires = units_format_time(now + repo_life_s(repo, role));
    json_t *part = json_deep_copy(json_object_get(published, "signed"));
    json_object_set_new(part, "version", json_integer(version));
    json_object_set_new(part, "expires", json_string(expires));
    return json_pack("{s:[], s:o}", "signatures", "signed", part);
}

/* --- who must sign --- */

/* The draft of the delegator where there is one, or what is in force. */
static json_t *next_delegator(const Repo *repo, const char *role, GError **error)
{
    g_autoptr(GError) broken = NULL;
    json_t *draft = draft_load(repo, role, &broken);
    if (!broken)
        return draft ? draft : in_force(repo, role, error);
    g_propagate_error(error, g_steal_pointer(&broken));
    return NULL;
}

GPtrArray *draft_delegators(const Repo *repo, const char *role, json_t *metadata, GError **error)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)json_decref);
    json_t *first = NULL;
    if (g_str_equal(role, "root"))
        first = repo_metadata(repo, "root", error);
    else
        first = next_delegator(repo, g_str_equal(role, "targets") ? "root" : "targets", error);
    if (!first)
        return NULL;
    g_ptr_array_add(list, first);
    if (g_str_equal(role, "root"))
        g_ptr_array_add(list, json_incref(metadata));
    return g_steal_pointer(&list);
}

static const char *type_of(const json_t *metadata)
{
    const char *type = json_string_value(json_object_get(json_object_get(metadata, "signed"), "_type"));
    return type ? type : "metadata without a type";
}

gboolean draft_check_signed(json_t *metadata, const char *role, GPtrArray *delegators, GError **error)
{
    for (guint i = 0; i < delegators->len; i++) {
        guint found = 0, wanted = 0;
        json_t *delegator = delegators->pdata[i];
        if (!metadata_count(metadata, role, delegator, &found, &wanted, error))
            return FALSE;
        if (found < wanted)
            return error_set(error, APPCENTER_ERROR_UNTRUSTED,
                             "%s %" G_GINT64_FORMAT
                             ": wanted %u signatures by the keys of %s %" G_GINT64_FORMAT ", found %u",
                             role, metadata_version(metadata), wanted, type_of(delegator),
                             metadata_version(delegator), found);
    }
    return TRUE;
}

gboolean draft_sign(json_t *metadata, const char *role, GPtrArray *delegators, KeySource *source,
                    guint *n_new, GError **error)
{
    g_autoptr(GPtrArray) keys = keys_load(source, role, error);
    for (guint i = 0; keys && i < delegators->len; i++)
        if (!metadata_add_signatures(metadata, role, delegators->pdata[i], keys, n_new, error))
            return FALSE;
    return keys != NULL;
}

static gboolean is_good(json_t *metadata, json_t *signature, const char *role, GPtrArray *delegators)
{
    g_autoptr(json_t) alone =
        json_pack("{s:[O], s:O}", "signatures", signature, "signed", json_object_get(metadata, "signed"));
    for (guint i = 0; i < delegators->len; i++) {
        guint found = 0, wanted = 0;
        if (metadata_count(alone, role, delegators->pdata[i], &found, &wanted, NULL) && found == 1)
            return TRUE;
    }
    return FALSE;
}

guint draft_merge(json_t *metadata, const char *role, GPtrArray *delegators, json_t *signatures)
{
    guint n_new = 0;
    for (gsize i = 0; i < json_array_size(signatures); i++) {
        json_t *one = json_array_get(signatures, i);
        if (is_good(metadata, one, role, delegators))
            n_new += metadata_insert_signature(metadata, one);
    }
    return n_new;
}

/* --- for people --- */

json_t *draft_progress(json_t *metadata, const char *role, GPtrArray *delegators)
{
    json_t *list = json_array();
    for (guint i = 0; i < delegators->len; i++) {
        guint found = 0, wanted = 0;
        json_t *delegator = delegators->pdata[i];
        if (!metadata_count(metadata, role, delegator, &found, &wanted, NULL))
            continue;
        g_autofree char *by =
            g_strdup_printf("%s %" G_GINT64_FORMAT, type_of(delegator), metadata_version(delegator));
        json_array_append_new(list, json_pack("{s:s, s:I, s:I}", "by", by, "wanted", (json_int_t)wanted,
                                              "found", (json_int_t)found));
    }
    return list;
}

static void print_role_changes(const char *name, json_t *old, json_t *fresh)
{
    json_t *old_ids = json_object_get(old, "keyids"), *ids = json_object_get(fresh, "keyids");
    json_t *old_threshold = json_object_get(old, "threshold"),
           *threshold = json_object_get(fresh, "threshold");
    json_t *lists[] = {ids, old_ids}, *others[] = {old_ids, ids};
    for (gsize which = 0; which < G_N_ELEMENTS(lists); which++)
        for (gsize i = 0; i < json_array_size(lists[which]); i++) {
            json_t *id = json_array_get(lists[which], i);
            gboolean is_in_both = FALSE;
            for (gsize k = 0; k < json_array_size(others[which]); k++)
                is_in_both = is_in_both || json_equal(id, json_array_get(others[which], k));
            if (!is_in_both)
                printf("  %s: %s key %.16s\n", name, which ? "without" : "new", json_string_value(id));
        }
    if (!json_equal(old_threshold, threshold))
        printf("  %s: %" JSON_INTEGER_FORMAT " keys needed, was %" JSON_INTEGER_FORMAT "\n", name,
               json_integer_value(threshold), json_integer_value(old_threshold));
}

void draft_print(json_t *metadata, const char *role, GPtrArray *delegators)
{
    g_autofree char *expires = units_format_time(metadata_expires_at(metadata));
    g_autoptr(json_t) progress = draft_progress(metadata, role, delegators);
    printf("%s %" G_GINT64_FORMAT ": good until %s\n", role, metadata_version(metadata), expires);
    for (gsize i = 0; i < json_array_size(progress); i++) {
        json_t *one = json_array_get(progress, i);
        printf("  keys of %s: %" JSON_INTEGER_FORMAT " signed, %" JSON_INTEGER_FORMAT " needed\n",
               json_string_value(json_object_get(one, "by")),
               json_integer_value(json_object_get(one, "found")),
               json_integer_value(json_object_get(one, "wanted")));
    }
    const char *name;
    json_t *entry;
    if (g_str_equal(role, "root"))
        json_object_foreach(json_object_get(json_object_get(metadata, "signed"), "roles"), name, entry)
            print_role_changes(name, metadata_role_entry(delegators->pdata[0], name), entry);
}
