/* main.c - the public TUF conformance suite's client protocol, on the rooms that the product itself uses.
 *
 *     tuf-client --metadata-dir D init ROOT
 *     tuf-client --metadata-dir D --metadata-url U refresh
 *     tuf-client --metadata-dir D --metadata-url U --target-name T --target-base-url B --target-dir O download
 *
 * It holds arguments, files and transfers, and no rule of TUF: what to ask for, what to believe and what to keep is said
 * by room trust. Roles lie in D as they were served, targets in O, both under their percent-quoted names. Exit 0 or 1.
 */
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "ports/fetch.h"
#include "trust/trust.h"

#define SUFFIX         ".json"
#define FILE_BYTES_MAX (64 << 20)

static char *metadata_dir, *metadata_url, *target_dir, *target_url;
static char **target_names;
static char **words; /* the command and its operand */

typedef struct {
    RootDir *metadata;
    Fetcher *fetcher;
    TufClient *tuf;
} Session;

static void session_clear(Session *session)
{
    tuf_client_free(session->tuf);
    fetcher_free(session->fetcher);
    root_dir_free(session->metadata);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Session, session_clear)

/* ---- files ---- */

static GHashTable *load_stored(const RootDir *dir, GError **error)
{
    g_autoptr(GHashTable) stored =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
    g_auto(GStrv) names = root_dir_list(dir, "/", error);
    for (char **name = names; name && *name; name++) {
        g_autofree char *path = g_strconcat("/", *name, NULL);
        const char *suffix = g_strrstr(*name, SUFFIX);
        g_autofree char *role = suffix ? g_uri_unescape_segment(*name, suffix, NULL) : NULL;
        GBytes *bytes = role ? root_dir_read(dir, path, FILE_BYTES_MAX, NULL) : NULL;
        if (bytes)
            g_hash_table_insert(stored, g_steal_pointer(&role), bytes);
    }
    return names ? g_steal_pointer(&stored) : NULL;
}

/* What became trusted, at once and in that order. */
static gboolean keep_trusted(Session *session, GError **error)
{
    for (;;) {
        g_autofree char *role = NULL;
        g_autoptr(GBytes) bytes = NULL;
        if (!tuf_client_take_trusted(session->tuf, &role, &bytes))
            return TRUE;
        g_autofree char *quoted = tuf_quote_role(role);
        g_autofree char *path = g_strconcat("/", quoted, SUFFIX, NULL);
        gboolean is_kept = bytes
                               ? root_dir_write_atomic(session->metadata, path, g_bytes_get_data(bytes, NULL),
                                                       g_bytes_get_size(bytes), 0644, error)
                               : root_dir_unlink(session->metadata, path, error);
        if (!is_kept)
            return FALSE;
    }
}

/* ---- transfers ---- */

static gboolean answer(Session *session, const TufWant *want, GError **error)
{
    const char *urls[] = {metadata_url, NULL};
    g_auto(FetchOutcome) outcome = {0};
    g_autoptr(GBytes) bytes = fetch_bytes_quoted(session->fetcher, urls, want->file_name, want->max_bytes,
                                                 want->may_be_absent, NULL, &outcome, error);
    if (bytes)
        return tuf_client_feed(session->tuf, bytes, error);
    return want->may_be_absent && outcome.is_absent && tuf_client_feed_absent(session->tuf, error);
}

static gboolean drive(Session *session, GError **error)
{
    g_auto(TufWant) want = {0};
    while (tuf_client_next(session->tuf, &want)) {
        gboolean is_fed = answer(session, &want, error);
        if (!keep_trusted(session, is_fed ? error : NULL) || !is_fed)
            return FALSE;
    }
    return TRUE;
}

static gboolean is_target(const TufTarget *target, GBytes *bytes, GError **error)
{
    gsize len = 0;
    const void *data = g_bytes_get_data(bytes, &len);
    g_autofree char *sha256 = digest_hex_of(DIGEST_SHA256, data, len);
    g_autofree char *sha512 = digest_hex_of(DIGEST_SHA512, data, len);
    return tuf_target_check(target, (gint64)len, sha256, sha512, error);
}

static gboolean download_one(Session *session, const RootDir *dir, const char *name, GError **error)
{
    const char *urls[] = {target_url, NULL};
    g_auto(FetchOutcome) outcome = {0};
    tuf_client_search(session->tuf, name);
    if (!drive(session, error))
        return FALSE;
    g_autoptr(TufTarget) target = tuf_client_found(session->tuf);
    if (!target) {
        const char *why = tuf_client_why_not_found(session->tuf);
        return error_set(error, APPCENTER_ERROR_NOT_FOUND, "%s: %s", name, why ? why : "nobody lists it");
    }
    g_autofree char *quoted = tuf_quote_role(name);
    g_autofree char *path = g_strconcat("/", quoted, NULL);
    g_autoptr(GBytes) before = root_dir_read(dir, path, FILE_BYTES_MAX, NULL);
    if (before && is_target(target, before, NULL))
        return TRUE;
    g_autoptr(GBytes) bytes = fetch_bytes_quoted(session->fetcher, urls, target->file_path, target->length,
                                                 FALSE, NULL, &outcome, error);
    return bytes && is_target(target, bytes, error) &&
           root_dir_write_atomic(dir, path, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), 0644,
                                 error);
}

/* ---- commands ---- */

static gboolean init(const Session *session, GError **error)
{
    g_autofree char *text = NULL;
    gsize len = 0;
    if (!g_file_get_contents(words[1] ? words[1] : "", &text, &len, error))
        return FALSE;
    return root_dir_write_atomic(session->metadata, "/root.json", text, len, 0644, error);
}

static gboolean refresh(Session *session, GError **error)
{
    FetchConfig config = {.stall_s = 0};
    g_autoptr(GHashTable) stored = load_stored(session->metadata, error);
    session->fetcher = stored ? fetcher_new(&config, error) : NULL;
    if (!session->fetcher)
        return FALSE;
    session->tuf = tuf_client_new(stored, NULL, g_get_real_time() / G_USEC_PER_SEC, error);
    return session->tuf && drive(session, error);
}

static gboolean download(Session *session, GError **error)
{
    g_autoptr(RootDir) dir = root_dir_open(target_dir, error);
    if (!dir || !refresh(session, error))
        return FALSE;
    for (char **name = target_names; name && *name; name++)
        if (!download_one(session, dir, *name, error))
            return FALSE;
    return TRUE;
}

static gboolean run(const char *command, GError **error)
{
    g_auto(Session) session = {0};
    session.metadata = root_dir_open(metadata_dir, error);
    if (!session.metadata)
        return FALSE;
    if (strcmp(command, "init") == 0)
        return init(&session, error);
    if (strcmp(command, "refresh") == 0 && metadata_url)
        return refresh(&session, error);
    if (strcmp(command, "download") == 0 && metadata_url && target_url && target_dir)
        return download(&session, error);
    return error_set(error, APPCENTER_ERROR_INVALID, "wanted init, refresh or download with its options");
}

int main(int argc, char **argv)
{
    const GOptionEntry entries[] = {
        {"metadata-dir", 0, 0, G_OPTION_ARG_FILENAME, &metadata_dir, NULL, NULL},
        {"metadata-url", 0, 0, G_OPTION_ARG_STRING, &metadata_url, NULL, NULL},
        {"target-name", 0, 0, G_OPTION_ARG_STRING_ARRAY, &target_names, NULL, NULL},
        {"target-dir", 0, 0, G_OPTION_ARG_FILENAME, &target_dir, NULL, NULL},
        {"target-base-url", 0, 0, G_OPTION_ARG_STRING, &target_url, NULL, NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &words, NULL, NULL},
        {0}};
    g_autoptr(GError) error = NULL;
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_option_context_add_main_entries(context, entries, NULL);
    if (g_option_context_parse(context, &argc, &argv, &error) &&
        run(words && metadata_dir ? *words : "", &error))
        return 0;
    fprintf(stderr, "tuf-client: %s\n", error->message);
    return 1;
}
