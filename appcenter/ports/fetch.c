/* fetch.c - files from the first mirror that gives them, whatever its scheme.
 *
 * Hides the order of mirrors, the limit on bytes, and where a resumed file goes on.
 */
#include "ports/fetch_internal.h"

#include <string.h>
#include <unistd.h>

#define STALL_DEFAULT_S      20
#define PROGRESS_INTERVAL_US 100000
#define RESUMES_MAX          5
#define RESUME_PAUSE_MS      1000
#define PAUSE_STEP_MS        100

Fetcher *fetcher_new(const FetchConfig *config, GError **error)
{
    static gsize is_initialized = 0;
    if (g_once_init_enter(&is_initialized))
        g_once_init_leave(&is_initialized, curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 1 : 2);
    CURL *curl = is_initialized == 1 ? curl_easy_init() : NULL;
    if (curl == NULL) {
        error_set(error, APPCENTER_ERROR_INTERNAL, "libcurl cannot be initialized");
        return NULL;
    }
    Fetcher *fetcher = g_new0(Fetcher, 1);
    fetcher->curl = curl;
    fetcher->proxy = g_strdup(config->proxy != NULL ? config->proxy : "");
    fetcher->rate_limit_bytes = config->rate_limit_bytes;
    fetcher->stall_s = config->stall_s > 0 ? config->stall_s : STALL_DEFAULT_S;
    fetcher->allow_http = config->allow_http;
    fetcher->is_cancelled = config->is_cancelled;
    fetcher->user_data = config->user_data;
    return fetcher;
}

void fetcher_free(Fetcher *fetcher)
{
    if (fetcher == NULL)
        return;
    curl_easy_cleanup(fetcher->curl);
    g_free(fetcher->proxy);
    g_free(fetcher);
}

void fetch_outcome_clear(FetchOutcome *outcome)
{
    g_free(outcome->etag);
    g_free(outcome->resume_tag);
    memset(outcome, 0, sizeof *outcome);
}

gboolean transfer_take(Transfer *transfer, const void *data, gsize len, GError **error)
{
    if ((gint64)len > transfer->max_bytes - transfer->done_bytes)
        return error_set(error, APPCENTER_ERROR_UNTRUSTED,
                         "%s is longer than the %" G_GINT64_FORMAT " bytes allowed", transfer->file,
                         transfer->max_bytes);
    if (transfer->memory != NULL)
        g_byte_array_append(transfer->memory, data, (guint)len);
    else if (!files_write_all(transfer->fd, data, len, error))
        return FALSE;
    transfer->done_bytes += (gint64)len;
    return TRUE;
}

gboolean transfer_restart(Transfer *transfer, GError **error)
{
    transfer->done_bytes = 0;
    transfer->outcome->is_pieced = FALSE;
    g_clear_pointer(&transfer->resume_tag, g_free);
    if (transfer->memory != NULL) {
        g_byte_array_set_size(transfer->memory, 0);
        return TRUE;
    }
    if (ftruncate(transfer->fd, 0) != 0 || lseek(transfer->fd, 0, SEEK_SET) != 0)
        return error_set_errno(error, "%s: empty the file", transfer->file);
    return TRUE;
}

gboolean transfer_tell(Transfer *transfer, gboolean is_end)
{
    gint64 now_us = g_get_monotonic_time();
    if (transfer->progress != NULL && (is_end || now_us - transfer->told_at_us >= PROGRESS_INTERVAL_US)) {
        transfer->told_at_us = now_us;
        transfer->progress(transfer->done_bytes, transfer->max_bytes, transfer->user_data);
    }
    const Fetcher *fetcher = transfer->fetcher;
    return fetcher->is_cancelled != NULL && fetcher->is_cancelled(fetcher->user_data);
}

static gboolean transfer_from(Transfer *transfer, const char *base_url, const char *path, GError **error)
{
    g_autofree char *url = fetch_url_join(base_url, path, transfer->is_quoted, error);
    if (url == NULL || !fetch_url_is_allowed(url, transfer->fetcher->allow_http, error))
        return FALSE;
    transfer->url = url;
    transfer->has_broken = transfer->has_excess = FALSE;
    transfer->outcome->is_absent = FALSE;
    gboolean is_file = g_ascii_strncasecmp(url, "file:", strlen("file:")) == 0;
    gboolean is_done = is_file ? transfer_by_file(transfer, error) : transfer_by_http(transfer, error);
    transfer->url = NULL;
    return is_done;
}

/* A moment's rest before a broken connection is made again; not when the work was cancelled. */
static void pause_before_resume(Transfer *transfer)
{
    for (int ms = 0; ms < RESUME_PAUSE_MS && !transfer_tell(transfer, FALSE); ms += PAUSE_STEP_MS)
        g_usleep(PAUSE_STEP_MS * 1000);
}

/* A file goes on where the connection broke, as long as each try brings it further. */
static gboolean transfer_from_mirror(Transfer *transfer, const char *base_url, const char *path,
                                     GError **error)
{
    for (int resumes = 0;; resumes++) {
        g_autoptr(GError) failure = NULL;
        gint64 had_bytes = transfer->done_bytes;
        if (transfer_from(transfer, base_url, path, &failure))
            return TRUE;
        gboolean may_resume = transfer->memory == NULL && transfer->has_broken &&
                              transfer->done_bytes > had_bytes &&
                              transfer->done_bytes < transfer->max_bytes && resumes < RESUMES_MAX;
        if (!may_resume) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
        pause_before_resume(transfer);
    }
}

/* What one mirror gave in part is no start for a small file from another; what it gave wrongly is none for any. */
static gboolean forget_part(Transfer *transfer, const GError *failure, GError **error)
{
    gboolean is_wrong = transfer->has_excess || error_kind(failure) == APPCENTER_ERROR_UNTRUSTED;
    gboolean is_kept = transfer->memory == NULL && !is_wrong;
    return is_kept || transfer->done_bytes == 0 || transfer_restart(transfer, error);
}

/* Mirrors in order until one gives it, or says that there is none where that is an answer, or we are cancelled. When all
 * fail, the first one's failure is told. */
static gboolean transfer_run(Transfer *transfer, const char *const *base_urls, const char *path,
                             gboolean allow_absent, GError **error)
{
    g_autoptr(GError) first = NULL;
    for (gsize i = 0; base_urls[i] != NULL; i++) {
        g_autoptr(GError) failure = NULL;
        if (transfer_from_mirror(transfer, base_urls[i], path, &failure))
            return TRUE;
        if (allow_absent && transfer->outcome->is_absent)
            return TRUE;
        if (!forget_part(transfer, failure, error))
            return FALSE;
        gboolean is_final = error_kind(failure) == APPCENTER_ERROR_CANCELLED ||
                            error_kind(failure) == APPCENTER_ERROR_NO_SPACE;
        if (first == NULL || is_final) {
            g_clear_error(&first);
            first = g_steal_pointer(&failure);
        }
        if (is_final)
            break;
    }
    if (first == NULL)
        return error_set(error, APPCENTER_ERROR_INVALID, "%s: wanted a url to fetch from, found none", path);
    g_propagate_error(error, g_steal_pointer(&first));
    return FALSE;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static GBytes *bytes_of(Fetcher *fetcher, const char *const *base_urls, const char *path, gboolean is_quoted,
                        gint64 max_bytes, gboolean allow_absent, const char *etag, FetchOutcome *outcome,
                        GError **error)
{
    g_autoptr(GByteArray) memory = g_byte_array_new();
    fetch_outcome_clear(outcome);
    Transfer transfer = {.fetcher = fetcher,
                         .file = last_part(path),
                         .is_quoted = is_quoted,
                         .max_bytes = max_bytes,
                         .etag = etag,
                         .memory = memory,
                         .fd = -1,
                         .outcome = outcome};
    if (!transfer_run(&transfer, base_urls, path, allow_absent, error))
        return NULL;
    if (outcome->is_absent || outcome->is_not_modified)
        return NULL;
    return g_byte_array_free_to_bytes(g_steal_pointer(&memory));
}

GBytes *fetch_bytes(Fetcher *fetcher, const char *const *base_urls, const char *path, gint64 max_bytes,
                    gboolean allow_absent, const char *etag, FetchOutcome *outcome, GError **error)
{
    return bytes_of(fetcher, base_urls, path, FALSE, max_bytes, allow_absent, etag, outcome, error);
}

GBytes *fetch_bytes_quoted(Fetcher *fetcher, const char *const *base_urls, const char *quoted_path,
                           gint64 max_bytes, gboolean allow_absent, const char *etag, FetchOutcome *outcome,
                           GError **error)
{
    return bytes_of(fetcher, base_urls, quoted_path, TRUE, max_bytes, allow_absent, etag, outcome, error);
}

gboolean fetch_to_fd(Fetcher *fetcher, const char *const *base_urls, const char *path, gint64 size_bytes,
                     int fd, const char *resume_tag, FetchProgress progress, gpointer user_data,
                     FetchOutcome *outcome, GError **error)
{
    fetch_outcome_clear(outcome);
    Transfer transfer = {.fetcher = fetcher,
                         .file = last_part(path),
                         .max_bytes = size_bytes,
                         .is_exact = TRUE,
                         .fd = fd,
                         .progress = progress,
                         .user_data = user_data,
                         .outcome = outcome};
    transfer.done_bytes = lseek(fd, 0, SEEK_END);
    if (transfer.done_bytes < 0)
        return error_set_errno(error, "%s: find the end of what is there", transfer.file);
    if (transfer.done_bytes > size_bytes && !transfer_restart(&transfer, error))
        return FALSE;
    outcome->is_pieced = transfer.done_bytes > 0;
    transfer.resume_tag = outcome->is_pieced ? g_strdup(resume_tag) : NULL;
    gboolean is_done =
        transfer.done_bytes >= size_bytes || transfer_run(&transfer, base_urls, path, FALSE, error);
    outcome->resume_tag = g_steal_pointer(&transfer.resume_tag);
    if (is_done)
        transfer_tell(&transfer, TRUE);
    return is_done;
}
