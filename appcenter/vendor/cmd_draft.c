/* cmd_draft.c - drafts travel: export to a file, sign it elsewhere, import what others signed.
 *
 * The file: {"schema":"appvendor.drafts/1","drafts":[{"role","metadata","delegators":[...]}]}, metadata and delegators
 * whole as in TUF, so that anybody can read what he signs, and sign it with other tools.
 */
#include "vendor/cmd_draft.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vendor/commands.h"
#include "vendor/draft.h"
#include "vendor/metadata.h"
#include "vendor/publish.h"

#define SCHEMA         "appvendor.drafts/1"
#define DRAFTS_MAX     64
#define DELEGATORS_MAX 4
#define FILE_MAX_BYTES (4 * DRAFT_MAX_FILE_BYTES)

void key_request_clear(KeyRequest *request)
{
    key_source_clear(&request->source);
}

typedef gboolean (*DraftVisitor)(const Repo *repo, const char *role, json_t *draft, GPtrArray *delegators,
                                 gpointer user_data, GError **error);

/* only: one role, or NULL for all. */
static gboolean visit_drafts(const Repo *repo, const char *only, DraftVisitor visit, gpointer user_data,
                             GError **error)
{
    g_auto(GStrv) roles = draft_list(repo, error);
    for (char **role = roles; role && *role; role++) {
        if (only && !g_str_equal(only, *role))
            continue;
        g_autoptr(json_t) draft = draft_load(repo, *role, error);
        g_autoptr(GPtrArray) delegators = draft ? draft_delegators(repo, *role, draft, error) : NULL;
        if (!delegators || !visit(repo, *role, draft, delegators, user_data, error))
            return FALSE;
    }
    return roles != NULL;
}

static gboolean print_one(const Repo *repo, const char *role, json_t *draft, GPtrArray *delegators,
                          gpointer user_data, GError **error)
{
    (void)repo;
    (void)user_data;
    (void)error;
    printf("draft of ");
    draft_print(draft, role, delegators);
    return TRUE;
}

gboolean drafts_print(const Repo *repo, GError **error)
{
    return visit_drafts(repo, NULL, print_one, NULL, error);
}

static gboolean sign_one(const Repo *repo, const char *role, json_t *draft, GPtrArray *delegators,
                         gpointer source, GError **error)
{
    guint n_new = 0;
    return draft_sign(draft, role, delegators, source, &n_new, error) &&
           (n_new == 0 || draft_save(repo, role, draft, error));
}

gboolean drafts_sign(const Repo *repo, KeySource *source, GError **error)
{
    return visit_drafts(repo, NULL, sign_one, source, error);
}

/* --- export --- */

static gboolean pack_one(const Repo *repo, const char *role, json_t *draft, GPtrArray *delegators,
                         gpointer drafts, GError **error)
{
    (void)repo;
    (void)error;
    json_t *list = json_array();
    for (guint i = 0; i < delegators->len; i++)
        if (delegators->pdata[i] != draft) /* who vouches for itself is there already */
            json_array_append(list, delegators->pdata[i]);
    json_array_append_new(drafts,
                          json_pack("{s:s, s:O, s:o}", "role", role, "metadata", draft, "delegators", list));
    return TRUE;
}

/* Roles whose content is the world's: what others may sign for us besides root and targets. */
static gboolean is_signed_daily(const Repo *repo, const char *role, GError **error)
{
    return g_str_equal(role, "releases") || g_str_equal(role, "brake") || repo_publisher(repo, role) ||
           error_set(error, APPCENTER_ERROR_NOT_FOUND,
                     "--role: wanted root, targets, releases, brake or a publisher, found \"%s\"", role);
}

gboolean run_export(KeyRequest *request, GError **error)
{
    g_autoptr(json_t) drafts = json_array();
    if (!request->file)
        return error_set(error, APPCENTER_ERROR_INVALID,
                         "wanted: appvendor key REPO export FILE [--role ROLE]");
    if (request->role && !g_str_equal(request->role, "root") && !g_str_equal(request->role, "targets") &&
        (!is_signed_daily(request->repo, request->role, error) ||
         !publish_prepare(request->repo, request->role, request->now, error)))
        return FALSE;
    if (!visit_drafts(request->repo, request->role, pack_one, drafts, error))
        return FALSE;
    if (json_array_size(drafts) == 0)
        return error_set(error, APPCENTER_ERROR_NOT_FOUND, "there is no draft%s%s to export",
                         request->role ? " of " : "", request->role ? request->role : "");
    g_autoptr(json_t) value = json_pack("{s:s, s:O}", "schema", SCHEMA, "drafts", drafts);
    if (!write_json_file(request->file, value, error))
        return FALSE;
    printf("%s: %zu drafts; sign with: appvendor sign %s --keys DIR\n", request->file,
           json_array_size(drafts), request->file);
    return TRUE;
}

/* --- a file --- */

static json_t *read_file(const char *file, GError **error)
{
    g_auto(Fd) fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, "cannot read %s", file), NULL;
    g_autoptr(GBytes) bytes = files_read_fd(fd, FILE_MAX_BYTES, error);
    g_autoptr(json_t) value =
        bytes ? json_parse_strict(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), 64, TRUE, error)
              : NULL;
    if (!value) {
        g_prefix_error(error, "%s: ", file);
        return NULL;
    }
    const char *schema = json_string_value(json_object_get(value, "schema"));
    if (g_strcmp0(schema, SCHEMA) == 0)
        return g_steal_pointer(&value);
    error_set(error, APPCENTER_ERROR_CORRUPT, "%s: wanted schema " SCHEMA ", found %s", file,
              schema ? schema : "none");
    return NULL;
}

static gboolean is_whole(const json_t *metadata)
{
    return json_is_array(json_object_get(metadata, "signatures")) &&
           json_is_object(json_object_get(metadata, "signed"));
}

/* One draft of the file, its shape checked; delegators: with the draft itself for a root. */
static gboolean take_one(json_t *one, const char **role, json_t **metadata, GPtrArray **delegators,
                         GError **error)
{
    *role = json_string_value(json_object_get(one, "role"));
    *metadata = json_object_get(one, "metadata");
    json_t *list = json_object_get(one, "delegators");
    if (!*role || !files_name_is_plain(*role) || !is_whole(*metadata) ||
        json_array_size(list) > DELEGATORS_MAX)
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "a draft: wanted its role, metadata with signatures, and delegators");
    *delegators = g_ptr_array_new();
    for (gsize i = 0; i < json_array_size(list); i++)
        g_ptr_array_add(*delegators, json_array_get(list, i));
    if (g_str_equal(*role, "root"))
        g_ptr_array_add(*delegators, *metadata);
    return TRUE;
}

static gboolean sign_in_file(json_t *one, KeySource *source, guint *n_new, GError **error)
{
    const char *role = NULL;
    json_t *metadata = NULL;
    g_autoptr(GPtrArray) delegators = NULL;
    if (!take_one(one, &role, &metadata, &delegators, error))
        return FALSE;
    for (guint i = 0; i < delegators->len; i++) {
        guint found = 0, wanted = 0;
        if (!metadata_count(metadata, role, delegators->pdata[i], &found, &wanted, error))
            return FALSE;
    }
    if (delegators->len == 0 || !draft_sign(metadata, role, delegators, source, n_new, error))
        return FALSE;
    draft_print(metadata, role, delegators);
    return TRUE;
}

gboolean drafts_sign_file(const char *file, KeySource *source, GError **error)
{
    guint n_new = 0;
    g_autoptr(json_t) value = read_file(file, error);
    json_t *drafts = json_object_get(value, "drafts");
    if (!value)
        return FALSE;
    if (json_array_size(drafts) == 0 || json_array_size(drafts) > DRAFTS_MAX)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "%s: wanted 1 to %d drafts, found %zu", file,
                         DRAFTS_MAX, json_array_size(drafts));
    for (gsize i = 0; i < json_array_size(drafts); i++)
        if (!sign_in_file(json_array_get(drafts, i), source, &n_new, error)) {
            g_prefix_error(error, "%s: ", file);
            return FALSE;
        }
    if (n_new == 0)
        return error_set(
            error, APPCENTER_ERROR_UNTRUSTED,
            "%s: wanted a key that counts and has not signed yet, found none in the key folders given", file);
    if (!write_json_file(file, value, error))
        return FALSE;
    printf("%s: %u signatures added\n", file, n_new);
    return TRUE;
}

gboolean run_sign(KeyRequest *request, GError **error)
{
    if (!request->source.dirs)
        return error_set(error, APPCENTER_ERROR_INVALID, "--keys DIR is needed");
    if (request->file)
        return drafts_sign_file(request->file, &request->source, error);
    if (!request->repo)
        return error_set(error, APPCENTER_ERROR_INVALID,
                         "wanted a file, or the repository whose drafts are meant");
    return drafts_sign(request->repo, &request->source, error) && drafts_print(request->repo, error);
}

/* --- import --- */

static char *digest_of(const json_t *value)
{
    g_autofree char *text = json_to_text(value);
    return digest_hex_of(DIGEST_SHA256, text, strlen(text));
}

/* Signatures over anything else than our own draft are worth nothing here. */
static gboolean check_same(const char *role, json_t *ours, json_t *theirs, GError **error)
{
    json_t *our_part = json_object_get(ours, "signed"), *their_part = json_object_get(theirs, "signed");
    if (json_equal(our_part, their_part))
        return TRUE;
    g_autofree char *wanted = digest_of(our_part);
    g_autofree char *found = digest_of(their_part);
    return error_set(error, APPCENTER_ERROR_UNTRUSTED,
                     "%s %" G_GINT64_FORMAT
                     ": wanted signatures over the draft of this repository (sha256 %.16s), "
                     "found some over %s %" G_GINT64_FORMAT " (%.16s)",
                     role, metadata_version(ours), wanted, role, metadata_version(theirs), found);
}

static gboolean import_one(const Repo *repo, json_t *one, guint *n_new, GError **error)
{
    const char *role = NULL;
    json_t *theirs = NULL;
    g_autoptr(GPtrArray) ignored = NULL;
    if (!take_one(one, &role, &theirs, &ignored, error))
        return FALSE;
    g_autoptr(GError) broken = NULL;
    g_autoptr(json_t) ours = draft_load(repo, role, &broken);
    if (broken) {
        g_propagate_error(error, g_steal_pointer(&broken));
        return FALSE;
    }
    if (!ours)
        return error_set(error, APPCENTER_ERROR_NOT_FOUND,
                         "%s %" G_GINT64_FORMAT ": there is no draft of it here, or it is published already",
                         role, metadata_version(theirs));
    g_autoptr(GPtrArray) delegators = draft_delegators(repo, role, ours, error);
    if (!delegators || !check_same(role, ours, theirs, error))
        return FALSE;
    *n_new += draft_merge(ours, role, delegators, json_object_get(theirs, "signatures"));
    return draft_save(repo, role, ours, error);
}

gboolean run_import(KeyRequest *request, GError **error)
{
    guint n_new = 0;
    if (!request->file)
        return error_set(error, APPCENTER_ERROR_INVALID, "wanted: appvendor key REPO import FILE");
    g_autoptr(json_t) value = read_file(request->file, error);
    if (!value)
        return FALSE;
    json_t *drafts = json_object_get(value, "drafts");
    for (gsize i = 0; i < MIN(json_array_size(drafts), DRAFTS_MAX); i++)
        if (!import_one(request->repo, json_array_get(drafts, i), &n_new, error)) {
            g_prefix_error(error, "%s: ", request->file);
            return FALSE;
        }
    if (n_new == 0)
        return error_set(error, APPCENTER_ERROR_UNTRUSTED,
                         "%s: wanted new signatures by keys that count, found none", request->file);
    printf("%s: %u new signatures\n", request->file, n_new);
    return drafts_print(request->repo, error);
}

gboolean run_discard(KeyRequest *request, GError **error)
{
    g_auto(GStrv) roles = draft_list(request->repo, error);
    guint n = 0;
    for (char **role = roles; role && *role; role++) {
        if (request->role && !g_str_equal(request->role, *role))
            continue;
        if (!draft_drop(request->repo, *role, error))
            return FALSE;
        printf("the draft of %s is gone\n", *role);
        n++;
    }
    if (roles && n == 0)
        return error_set(error, APPCENTER_ERROR_NOT_FOUND, "there is no draft%s%s",
                         request->role ? " of " : "", request->role ? request->role : "");
    return roles != NULL;
}
