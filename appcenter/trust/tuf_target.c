/* tuf_target.c - one target: what is signed about it, where it lies, and whether a download is it.
 *
 * Hides how names become paths: everything but unreserved characters is percent-quoted, so no name of others leaves its
 * folder, neither on a server nor on our disk. Source: TUF specification 1.0.34 sections 4.5, 5.7 and 6.2.
 */
#include "trust/tuf_internal.h"

#include <string.h>

#include "base/error.h"
#include "trust/digest.h"

/* What RFC 3986 leaves unreserved beyond letters and digits is what GLib leaves, too: - . _ ~ */
char *tuf_quote_role(const char *role)
{
    return g_uri_escape_string(role, NULL, FALSE);
}

/* DIR/[HASH.]NAME, quoted segment by segment. */
static char *file_path_of(const char *path, const char *hash)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    g_autofree char *dir = g_strndup(path, (gsize)(name - path));
    g_autofree char *quoted_dir = g_uri_escape_string(dir, "/", FALSE);
    g_autofree char *quoted_name = g_uri_escape_string(name, NULL, FALSE);
    return g_strconcat(quoted_dir, hash ? hash : "", hash ? "." : "", quoted_name, NULL);
}

TufTarget *tuf_metadata_target(const TufMetadata *targets, const char *role, const char *target_path,
                               gboolean is_consistent, GError **error)
{
    json_t *entry = json_object_get(targets->targets, target_path);
    if (!entry) {
        error_set(error, APPCENTER_ERROR_NOT_FOUND, "%s is not listed", target_path);
        return NULL;
    }
    json_t *hashes = json_object_get(entry, "hashes");
    const char *sha256 = json_string_value(json_object_get(hashes, "sha256"));
    const char *sha512 = json_string_value(json_object_get(hashes, "sha512"));
    if (!sha256 && !sha512) {
        error_set(error, APPCENTER_ERROR_CORRUPT, "%s: wanted a sha256 or sha512 hash, found neither",
                  target_path);
        return NULL;
    }
    TufTarget *target = g_new0(TufTarget, 1);
    target->path = g_strdup(target_path);
    target->file_path = file_path_of(target_path, !is_consistent ? NULL : sha256 ? sha256 : sha512);
    target->role = g_strdup(role);
    target->role_version = targets->version;
    target->length = json_integer_value(json_object_get(entry, "length"));
    target->sha256 = g_strdup(sha256);
    target->sha512 = g_strdup(sha512);
    target->custom = json_incref(json_object_get(entry, "custom"));
    return target;
}

void tuf_target_free(TufTarget *target)
{
    if (!target)
        return;
    g_free(target->path);
    g_free(target->file_path);
    g_free(target->role);
    g_free(target->sha256);
    g_free(target->sha512);
    json_decref(target->custom);
    g_free(target);
}

/* "releases 3": who announced what a download must be. */
static char *announcer_of(const TufTarget *target)
{
    g_autofree char *quoted = tuf_quote_role(target->role);
    return g_strdup_printf("%s %" G_GINT64_FORMAT, quoted, target->role_version);
}

static gboolean check_hash(const TufTarget *target, const char *announcer, const char *name,
                           const char *wanted, const char *found, GError **error)
{
    if (!wanted || (found && digest_equal(wanted, found)))
        return TRUE;
    return error_set(error, APPCENTER_ERROR_UNTRUSTED, "%s: %s %s announced by %s, found %s", target->path,
                     name, wanted, announcer, found ? found : "none");
}

gboolean tuf_target_check(const TufTarget *target, gint64 length, const char *sha256, const char *sha512,
                          GError **error)
{
    g_autofree char *announcer = announcer_of(target);
    if (length != target->length)
        return error_set(error, APPCENTER_ERROR_UNTRUSTED,
                         "%s: %" G_GINT64_FORMAT " bytes announced by %s, found %" G_GINT64_FORMAT,
                         target->path, target->length, announcer, length);
    return check_hash(target, announcer, "sha256", target->sha256, sha256, error) &&
           check_hash(target, announcer, "sha512", target->sha512, sha512, error);
}
