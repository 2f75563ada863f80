/* key_edit.c - adds, removes and counts keys in drafts; see key_edit.h. */
#include "vendor/key_edit.h"

#include <string.h>

#include "vendor/draft.h"
#include "vendor/metadata.h"

#define ID_DIGITS_MIN 8

static gboolean is_top_level(const char *role)
{
    return g_str_equal(role, "root") || g_str_equal(role, "targets") || g_str_equal(role, "snapshot") ||
           g_str_equal(role, "timestamp");
}

const char *key_edit_delegator(const Repo *repo, const char *role, GError **error)
{
    if (is_top_level(role))
        return "root";
    g_autoptr(GError) broken = NULL;
    g_autoptr(json_t) draft = draft_load(repo, "targets", &broken);
    g_autoptr(json_t) targets = broken || draft ? NULL : repo_targets(repo, &broken);
    if (broken) {
        g_propagate_error(error, g_steal_pointer(&broken));
        return NULL;
    }
    if (metadata_role_entry(draft ? draft : targets, role))
        return "targets";
    error_set(error, APPCENTER_ERROR_NOT_FOUND, "there is no role \"%s\" in this repository", role);
    return NULL;
}

/* Two ids may name one key: a threshold counts keys. */
static gboolean refuse_double(json_t *metadata, const char *role, const PublicKey *key, GError **error)
{
    json_t *ids = json_object_get(metadata_role_entry(metadata, role), "keyids");
    for (gsize i = 0; i < json_array_size(ids); i++) {
        const char *id = json_string_value(json_array_get(ids, i));
        g_autoptr(PublicKey) there = public_key_from_json(json_object_get(metadata_keys(metadata), id), NULL);
        if (there && g_str_equal(public_key_material(there), public_key_material(key)))
            return error_set(error, APPCENTER_ERROR_CONFLICT, "%s: key %.16s is there already", role, id);
    }
    return TRUE;
}

static gboolean add_key(json_t *metadata, const char *role, const PublicKey *key, GError **error)
{
    if (!refuse_double(metadata, role, key, error))
        return FALSE;
    json_array_append_new(json_object_get(metadata_role_entry(metadata, role), "keyids"),
                          json_string(public_key_id(key)));
    json_object_set_new(metadata_keys(metadata), public_key_id(key), json_deep_copy(public_key_json(key)));
    return TRUE;
}

static gboolean remove_key(json_t *metadata, const char *role, const char *beginning, GError **error)
{
    json_t *ids = json_object_get(metadata_role_entry(metadata, role), "keyids");
    if (strlen(beginning) < ID_DIGITS_MIN)
        return error_set(error, APPCENTER_ERROR_INVALID,
                         "\"%s\": wanted at least %d digits of a key id, or its .pub file", beginning,
                         ID_DIGITS_MIN);
    for (gsize i = 0; i < json_array_size(ids); i++)
        if (g_str_has_prefix(json_string_value(json_array_get(ids, i)), beginning)) {
            json_array_remove(ids, i);
            return TRUE;
        }
    return error_set(error, APPCENTER_ERROR_NOT_FOUND, "%s: there is no key %.16s", role, beginning);
}

static gboolean change(json_t *metadata, const KeyEdit *edit, GError **error)
{
    json_t *entry = metadata_role_entry(metadata, edit->role);
    for (guint i = 0; i < edit->add->len; i++)
        if (!add_key(metadata, edit->role, edit->add->pdata[i], error))
            return FALSE;
    for (guint i = 0; i < edit->remove->len; i++)
        if (!remove_key(metadata, edit->role, edit->remove->pdata[i], error))
            return FALSE;
    if (edit->threshold > 0)
        json_object_set_new(entry, "threshold", json_integer(edit->threshold));
    gint64 wanted = json_integer_value(json_object_get(entry, "threshold"));
    gsize left = json_array_size(json_object_get(entry, "keyids"));
    if ((gint64)left < wanted)
        return error_set(error, APPCENTER_ERROR_REFUSED,
                         "%s: wanted at least %" G_GINT64_FORMAT " keys (its threshold), %zu would be left",
                         edit->role, wanted, left);
    metadata_prune_keys(metadata);
    return TRUE;
}

gboolean key_edit_renew(const Repo *repo, const char *role, gint64 now, GError **error)
{
    g_autoptr(json_t) draft = draft_begin(repo, role, now, error);
    if (!draft)
        return FALSE;
    g_autofree char *expires = units_format_time(now + repo_life_s(repo, role));
    json_object_set_new(json_object_get(draft, "signed"), "expires", json_string(expires));
    return draft_save(repo, role, draft, error);
}

gboolean key_edit_apply(const Repo *repo, const KeyEdit *edit, gint64 now, GError **error)
{
    const char *delegator = key_edit_delegator(repo, edit->role, error);
    g_autoptr(json_t) draft = delegator ? draft_begin(repo, delegator, now, error) : NULL;
    if (!draft || !change(draft, edit, error) || !draft_save(repo, delegator, draft, error))
        return FALSE;
    return !g_str_equal(edit->role, "targets") || key_edit_renew(repo, "targets", now, error);
}
