/* tuf_delegation.c - targets metadata: what a role lists, whom it delegates to, and which paths go where.
 *
 * Hides the three ways to delegate (path patterns, hash prefixes, succinct bins) behind one question: which role does
 * this path go to? Source: TUF specification 1.0.34 section 4.5, TAP 15.
 */
#include "trust/tuf_internal.h"

#include <string.h>

#include "base/error.h"
#include "base/units.h"
#include "trust/digest.h"

#define SHA256_HEX_DIGITS 64

/* ---- reading ---- */

static void read_target(JsonReader *reader)
{
    const char *sha256;
    const char *sha512;
    (void)json_reader_integer(reader, "length", 0, TUF_MAX_VERSION);
    tuf_read_hashes(reader, &sha256, &sha512);
    if (!json_reader_has(reader, "hashes"))
        json_reader_fail(reader, "hashes", "wanted an object, found nothing");
    json_t *custom = json_object_get(json_reader_value(reader), "custom");
    if (custom && !json_is_object(custom))
        json_reader_fail(reader, "custom", "wanted an object, found something else");
}

static gboolean is_hex_prefix(const char *text)
{
    return strlen(text) <= SHA256_HEX_DIGITS && strspn(text, "0123456789abcdef") == strlen(text);
}

static void read_patterns(JsonReader *reader, TufDelegation *delegation)
{
    json_t *entry = json_reader_value(reader);
    g_strfreev(json_reader_strings_or_empty(reader, "paths", TUF_MAX_PATTERNS, TUF_MAX_PATH_BYTES));
    g_auto(GStrv) prefixes =
        json_reader_strings_or_empty(reader, "path_hash_prefixes", TUF_MAX_PATTERNS, TUF_MAX_PATH_BYTES);
    if (!json_reader_ok(reader))
        return;
    delegation->paths = json_object_get(entry, "paths");
    delegation->hash_prefixes = json_object_get(entry, "path_hash_prefixes");
    if (delegation->paths && delegation->hash_prefixes)
        json_reader_fail(reader, "paths", "wanted either paths or path_hash_prefixes, found both");
    for (char **prefix = prefixes; *prefix; prefix++)
        if (!is_hex_prefix(*prefix))
            json_reader_fail(reader, "path_hash_prefixes", "wanted lower-case hex digits, found others");
}

static void read_delegation(JsonReader *reader, json_t *keys, TufDelegation *delegation, GHashTable *names)
{
    delegation->name = json_reader_string(reader, "name", TUF_MAX_NAME_BYTES);
    delegation->is_terminating = json_reader_boolean(reader, "terminating");
    tuf_read_signers(reader, keys, &delegation->signers);
    read_patterns(reader, delegation);
    if (!json_reader_ok(reader))
        return;
    /* files of delegated roles lie beside those of the four, under their names */
    if (!*delegation->name || tuf_role_is_top_level(delegation->name))
        json_reader_fail(reader, "name", "wanted the name of a delegated role, found \"%s\"",
                         delegation->name);
    if (!g_hash_table_add(names, (gpointer)delegation->name))
        json_reader_fail(reader, "name", "wanted each role once, found one twice");
}

static void read_roles(JsonReader *reader, json_t *keys, GPtrArray *delegations)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    if (!json_reader_enter(reader, "roles"))
        return;
    if (!json_is_array(json_reader_value(reader)))
        json_reader_fail(reader, NULL, "wanted an array, found an object");
    gsize length = json_reader_length(reader, TUF_MAX_ROLES);
    for (gsize i = 0; i < length && json_reader_enter_index(reader, i); i++) {
        TufDelegation *delegation = g_new0(TufDelegation, 1);
        g_ptr_array_add(delegations, delegation);
        read_delegation(reader, keys, delegation, names);
        json_reader_leave(reader);
    }
    json_reader_leave(reader);
}

static void read_succinct_roles(JsonReader *reader, json_t *keys, GPtrArray *delegations)
{
    if (!json_reader_enter(reader, "succinct_roles"))
        return;
    TufDelegation *delegation = g_new0(TufDelegation, 1);
    g_ptr_array_add(delegations, delegation);
    tuf_read_signers(reader, keys, &delegation->signers);
    delegation->bin_bits = (guint)json_reader_integer(reader, "bit_length", 1, TUF_MAX_BIN_BITS);
    delegation->bin_prefix = json_reader_string(reader, "name_prefix", TUF_MAX_NAME_BYTES);
    delegation->is_terminating = TRUE; /* nothing can stand beside the bins */
    json_reader_leave(reader);
}

static void read_delegations(JsonReader *reader, GPtrArray *delegations)
{
    json_t *keys = tuf_read_keys(reader);
    gboolean has_roles = json_reader_has(reader, "roles");
    if (has_roles && json_reader_has(reader, "succinct_roles"))
        json_reader_fail(reader, "roles", "wanted either roles or succinct_roles, found both");
    else if (json_reader_has(reader, "succinct_roles"))
        read_succinct_roles(reader, keys, delegations);
    else
        read_roles(reader, keys, delegations);
}

void tuf_read_targets(JsonReader *reader, TufMetadata *metadata)
{
    metadata->delegations = g_ptr_array_new_with_free_func(g_free);
    if (json_reader_enter(reader, "targets")) {
        metadata->targets = json_reader_value(reader);
        g_auto(GStrv) paths = json_reader_members(reader, TUF_MAX_TARGETS);
        for (char **path = paths; *path && json_reader_enter(reader, *path); path++) {
            read_target(reader);
            json_reader_leave(reader);
        }
        json_reader_leave(reader);
    }
    if (json_reader_enter_optional(reader, "delegations")) {
        read_delegations(reader, metadata->delegations);
        json_reader_leave(reader);
    }
}

/* ---- asking ---- */

/* Shell pattern with * and ? within one segment; both texts end at a slash or at their end. Backs up to the last star
 * only, so the cost is bounded by the product of the lengths. */
static gboolean segment_matches(const char *pattern, const char *pattern_end, const char *text,
                                const char *text_end)
{
    const char *star = NULL;
    const char *star_text = NULL;
    while (text < text_end) {
        if (pattern < pattern_end && *pattern == '*') {
            star = pattern++;
            star_text = text;
        } else if (pattern < pattern_end && *pattern == '?') {
            pattern++;
            text = g_utf8_next_char(text);
        } else if (pattern < pattern_end && *pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = star_text = g_utf8_next_char(star_text);
        } else {
            return FALSE;
        }
    }
    while (pattern < pattern_end && *pattern == '*')
        pattern++;
    return pattern == pattern_end;
}

static gboolean pattern_matches(const char *pattern, const char *path)
{
    for (;;) {
        const char *pattern_end = strchrnul(pattern, '/');
        const char *path_end = strchrnul(path, '/');
        if (!segment_matches(pattern, pattern_end, path, path_end) || *pattern_end != *path_end)
            return FALSE;
        if (!*pattern_end)
            return TRUE;
        pattern = pattern_end + 1;
        path = path_end + 1;
    }
}

static gboolean any_pattern_matches(json_t *patterns, const char *path)
{
    for (gsize i = 0; i < json_array_size(patterns); i++)
        if (pattern_matches(json_string_value(json_array_get(patterns, i)), path))
            return TRUE;
    return FALSE;
}

static gboolean any_prefix_matches(json_t *prefixes, const char *path)
{
    g_autofree char *hash = digest_hex_of(DIGEST_SHA256, path, strlen(path));
    for (gsize i = 0; i < json_array_size(prefixes); i++)
        if (g_str_has_prefix(hash, json_string_value(json_array_get(prefixes, i))))
            return TRUE;
    return FALSE;
}

static int bin_digits(const TufDelegation *delegation)
{
    return (int)(delegation->bin_bits + 3) / 4;
}

static char *bin_name(const TufDelegation *delegation, const char *path)
{
    guint64 bin = digest_sha256_prefix64(path, strlen(path)) >> (64 - delegation->bin_bits);
    return g_strdup_printf("%s-%0*" G_GINT64_MODIFIER "x", delegation->bin_prefix, bin_digits(delegation),
                           bin);
}

char *tuf_delegation_role_for(const TufDelegation *delegation, const char *target_path)
{
    if (delegation->bin_prefix)
        return bin_name(delegation, target_path);
    if (any_pattern_matches(delegation->paths, target_path) ||
        any_prefix_matches(delegation->hash_prefixes, target_path))
        return g_strdup(delegation->name);
    return NULL;
}

/* PREFIX-HEX with as many digits as bins need, and below their number. */
static gboolean is_bin_of(const TufDelegation *delegation, const char *role)
{
    g_autofree char *start = g_strconcat(delegation->bin_prefix, "-", NULL);
    if (!g_str_has_prefix(role, start))
        return FALSE;
    const char *digits = role + strlen(start);
    return strlen(digits) == (gsize)bin_digits(delegation) && is_hex_prefix(digits) &&
           g_ascii_strtoull(digits, NULL, 16) >> delegation->bin_bits == 0;
}

const TufDelegation *tuf_metadata_delegation(const TufMetadata *targets, const char *role)
{
    for (guint i = 0; i < targets->delegations->len; i++) {
        const TufDelegation *delegation = targets->delegations->pdata[i];
        if (delegation->bin_prefix ? is_bin_of(delegation, role) : strcmp(delegation->name, role) == 0)
            return delegation;
    }
    return NULL;
}
