/* tuf_parse.c - from served bytes to checked TUF metadata: the envelope, and root, timestamp and snapshot.
 *
 * Every shape is checked here, before any signature; unknown members are kept, for they are signed too. Keys are not
 * opened yet: a key of a kind that we do not know must not make a root unreadable, it just never counts.
 * Source: TUF specification 1.0.34, sections 4.2 to 4.5; TAP 15 for succinct roles.
 */
#include "trust/tuf_internal.h"

#include <string.h>

#include "base/error.h"
#include "base/units.h"
#include "trust/canonical.h"

#define KEY_MEMBER_MAX_BYTES 16384
#define SIG_HEX_MAX_BYTES    8192
#define SHA256_BYTES         32
#define SHA512_BYTES         64

static const char *const top_level_roles[] = {"root", "timestamp", "snapshot", "targets"};

gboolean tuf_role_is_top_level(const char *role)
{
    for (gsize i = 0; i < G_N_ELEMENTS(top_level_roles); i++)
        if (strcmp(top_level_roles[i], role) == 0)
            return TRUE;
    return FALSE;
}

/* ---- the envelope ---- */

/* NULL for what is no hex: such a signature is as good as none. */
static GBytes *bytes_of_hex(const char *text)
{
    gsize len = strlen(text) / 2;
    g_autofree char *lower = g_ascii_strdown(text, -1);
    g_autofree guint8 *raw = g_malloc(len + 1);
    if (len == 0 || !units_unhex(lower, raw, len))
        return NULL;
    return g_bytes_new_take(g_steal_pointer(&raw), len);
}

static void read_signature(JsonReader *reader, TufMetadata *metadata, GHashTable *seen)
{
    const char *keyid = json_reader_string(reader, "keyid", TUF_MAX_NAME_BYTES);
    const char *sig = json_reader_string(reader, "sig", SIG_HEX_MAX_BYTES);
    if (!json_reader_ok(reader))
        return;
    if (!g_hash_table_add(seen, (gpointer)keyid)) {
        json_reader_fail(reader, "keyid", "wanted each key once, found one twice");
        return;
    }
    GBytes *raw = bytes_of_hex(sig);
    if (raw)
        g_hash_table_insert(metadata->signatures, (gpointer)keyid, raw);
}

static void read_signatures(JsonReader *reader, TufMetadata *metadata)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    if (!json_reader_enter(reader, "signatures"))
        return;
    if (!json_is_array(json_reader_value(reader)))
        json_reader_fail(reader, NULL, "wanted an array, found an object");
    gsize length = json_reader_length(reader, TUF_MAX_SIGNATURES);
    for (gsize i = 0; i < length && json_reader_enter_index(reader, i); i++) {
        read_signature(reader, metadata, seen);
        json_reader_leave(reader);
    }
    json_reader_leave(reader);
}

/* "1.X" or "1.X.Y": other minor versions read the same, another major one may mean anything. */
static gboolean spec_version_is_ours(const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, ".", 4);
    guint n = g_strv_length(parts);
    for (guint i = 0; i < n; i++)
        if (!*parts[i] || strspn(parts[i], "0123456789") != strlen(parts[i]))
            return FALSE;
    return (n == 2 || n == 3) && strcmp(parts[0], "1") == 0;
}

static void read_common(JsonReader *reader, TufMetadata *metadata, const char *type)
{
    const char *found_type = json_reader_string(reader, "_type", TUF_MAX_NAME_BYTES);
    const char *spec_version = json_reader_string(reader, "spec_version", TUF_MAX_NAME_BYTES);
    g_autofree char *shown_type = found_type ? tuf_quote_role(found_type) : NULL;
    g_autofree char *shown_version = spec_version ? tuf_quote_role(spec_version) : NULL;
    if (found_type && strcmp(found_type, type) != 0)
        json_reader_fail(reader, "_type", "wanted \"%s\", found \"%s\"", type, shown_type);
    if (spec_version && !spec_version_is_ours(spec_version))
        json_reader_fail(reader, "spec_version", "wanted 1.x, found \"%s\"", shown_version);
    metadata->version = json_reader_integer(reader, "version", 1, TUF_MAX_VERSION);
    metadata->expires_at = json_reader_time(reader, "expires");
    /* ours alone: in others' metadata the name may mean something else, and must not hurt */
    const char *signed_at = json_string_value(json_object_get(json_reader_value(reader), "signed_at"));
    if (signed_at && !units_parse_time(signed_at, &metadata->signed_at))
        metadata->signed_at = 0;
}

/* ---- root ---- */

json_t *tuf_read_keys(JsonReader *reader)
{
    if (!json_reader_enter(reader, "keys"))
        return NULL;
    json_t *keys = json_reader_value(reader);
    g_auto(GStrv) ids = json_reader_members(reader, TUF_MAX_KEYS);
    for (char **id = ids; *id && json_reader_enter(reader, *id); id++) {
        (void)json_reader_string(reader, "keytype", TUF_MAX_NAME_BYTES);
        (void)json_reader_string(reader, "scheme", TUF_MAX_NAME_BYTES);
        if (json_reader_enter(reader, "keyval")) {
            (void)json_reader_string(reader, "public", KEY_MEMBER_MAX_BYTES);
            json_reader_leave(reader);
        }
        json_reader_leave(reader);
    }
    json_reader_leave(reader);
    return keys;
}

void tuf_read_signers(JsonReader *reader, json_t *keys, TufSigners *signers)
{
    /* read for its shape alone; the tree keeps the ids */
    g_strfreev(json_reader_strings_or_empty(reader, "keyids", TUF_MAX_ROLE_KEYS, TUF_MAX_NAME_BYTES));
    if (!json_reader_has(reader, "keyids"))
        json_reader_fail(reader, "keyids", "wanted an array of strings, found nothing");
    signers->keys = keys;
    signers->keyids = json_object_get(json_reader_value(reader), "keyids");
    signers->threshold = (guint)json_reader_integer(reader, "threshold", 1, G_MAXINT32);
}

static void read_root(JsonReader *reader, TufMetadata *metadata)
{
    metadata->is_consistent = json_reader_boolean_or(reader, "consistent_snapshot", FALSE);
    metadata->top_roles = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    json_t *keys = tuf_read_keys(reader);
    if (!json_reader_enter(reader, "roles"))
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(top_level_roles) && json_reader_enter(reader, top_level_roles[i]);
         i++) {
        TufSigners *signers = g_new0(TufSigners, 1);
        g_hash_table_insert(metadata->top_roles, (gpointer)top_level_roles[i], signers);
        tuf_read_signers(reader, keys, signers);
        json_reader_leave(reader);
    }
    json_reader_leave(reader);
}

const TufSigners *tuf_metadata_signers(const TufMetadata *root, const char *role)
{
    return g_hash_table_lookup(root->top_roles, role);
}

/* ---- timestamp and snapshot ---- */

void tuf_read_hashes(JsonReader *reader, const char **sha256, const char **sha512)
{
    *sha256 = *sha512 = NULL;
    if (!json_reader_enter_optional(reader, "hashes"))
        return;
    g_auto(GStrv) names = json_reader_members(reader, TUF_MAX_HASHES);
    for (char **name = names; *name; name++) {
        /* a hash becomes part of a file name, so it must be one */
        if (strcmp(*name, "sha256") == 0)
            *sha256 = json_reader_hex(reader, *name, SHA256_BYTES);
        else if (strcmp(*name, "sha512") == 0)
            *sha512 = json_reader_hex(reader, *name, SHA512_BYTES);
        else
            (void)json_reader_string(reader, *name, TUF_MAX_PATH_BYTES);
    }
    json_reader_leave(reader);
}

static void read_files(JsonReader *reader, TufMetadata *metadata)
{
    metadata->files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    if (!json_reader_enter(reader, "meta"))
        return;
    g_auto(GStrv) names = json_reader_members(reader, TUF_MAX_ROLES);
    for (char **name = names; *name && json_reader_enter(reader, *name); name++) {
        TufFileInfo *info = g_new0(TufFileInfo, 1);
        g_hash_table_insert(metadata->files, g_strdup(*name), info);
        info->version = json_reader_integer(reader, "version", 1, TUF_MAX_VERSION);
        info->length = json_reader_integer_or(reader, "length", 0, TUF_MAX_FILE_BYTES, -1);
        tuf_read_hashes(reader, &info->sha256, &info->sha512);
        json_reader_leave(reader);
    }
    json_reader_leave(reader);
}

static void read_timestamp(JsonReader *reader, TufMetadata *metadata)
{
    read_files(reader, metadata);
    if (json_reader_ok(reader) && !g_hash_table_contains(metadata->files, "snapshot.json"))
        json_reader_fail(reader, "meta", "wanted snapshot.json in it, found nothing");
}

const TufFileInfo *tuf_metadata_file(const TufMetadata *metadata, const char *role)
{
    g_autofree char *name = g_strconcat(role, ".json", NULL);
    return g_hash_table_lookup(metadata->files, name);
}

/* ---- the whole ---- */

static void read_signed(JsonReader *reader, TufMetadata *metadata, const char *role)
{
    const char *type = tuf_role_is_top_level(role) ? role : "targets";
    if (!json_reader_enter(reader, "signed"))
        return;
    metadata->part = json_reader_value(reader);
    read_common(reader, metadata, type);
    if (strcmp(type, "root") == 0)
        read_root(reader, metadata);
    else if (strcmp(type, "timestamp") == 0)
        read_timestamp(reader, metadata);
    else if (strcmp(type, "snapshot") == 0)
        read_files(reader, metadata);
    else
        tuf_read_targets(reader, metadata);
    json_reader_leave(reader);
}

static gboolean parse_tree(TufMetadata *metadata, const char *role, const char *label, GError **error)
{
    g_autoptr(JsonReader) reader = json_reader_new(metadata->tree, label);
    read_signatures(reader, metadata);
    read_signed(reader, metadata, role);
    if (!json_reader_finish(reader, error))
        return FALSE;
    metadata->canonical = canonical_json(metadata->part, error);
    if (!metadata->canonical)
        g_prefix_error(error, "%s: ", label);
    return metadata->canonical != NULL;
}

TufMetadata *tuf_metadata_parse(GBytes *bytes, const char *role, GError **error)
{
    g_autofree char *label =
        tuf_quote_role(role); /* a delegated name may hold anything; messages are lines */
    g_autoptr(TufMetadata) metadata = g_new0(TufMetadata, 1);
    metadata->bytes = g_bytes_ref(bytes);
    metadata->signatures =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_bytes_unref);
    metadata->tree = json_parse_strict(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), TUF_MAX_DEPTH,
                                       FALSE, error);
    if (!metadata->tree) {
        g_prefix_error(error, "%s: ", label);
        return NULL;
    }
    return parse_tree(metadata, role, label, error) ? g_steal_pointer(&metadata) : NULL;
}

void tuf_metadata_free(TufMetadata *metadata)
{
    if (!metadata)
        return;
    g_clear_pointer(&metadata->signatures, g_hash_table_unref);
    g_clear_pointer(&metadata->top_roles, g_hash_table_unref);
    g_clear_pointer(&metadata->files, g_hash_table_unref);
    g_clear_pointer(&metadata->delegations, g_ptr_array_unref);
    g_clear_pointer(&metadata->canonical, g_bytes_unref);
    g_clear_pointer(&metadata->bytes, g_bytes_unref);
    json_decref(metadata->tree);
    g_free(metadata);
}
