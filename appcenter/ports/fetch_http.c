/* fetch_http.c - one transfer by http or https: libcurl does the protocol, we judge what came.
 *
 * Redirects are followed here and not by libcurl, so that each target is judged; the answer's head is judged before its
 * first byte is taken: status, web pages of captive portals, encodings, ranges that are not the ones asked for. Lengths
 * are judged by what comes: a server that announces too much and then ends is broken, one that keeps its word has another
 * file.
 */
#include <string.h>

#include "ports/fetch_internal.h"

#define REDIRECTS_MAX     5
#define CONNECT_TIMEOUT_S 15
#define STALL_BYTES_S     8192
#define EXTRA_S           60
#define TIMEOUT_MAX_S     (20 * 86400) /* libcurl counts in ms */
#define ERROR_BODY_MAX    (64 * 1024)
#define ETAG_BYTES_MAX    256
#define RETRY_AFTER_MAX_S 86400                        /* nobody silences us for longer */
#define ANY_BYTES_MAX     (G_GINT64_CONSTANT(1) << 40) /* no file of a repository is longer */

typedef struct curl_slist HeaderList;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HeaderList, curl_slist_free_all)

/* One request and its answer. */
typedef struct {
    Transfer *transfer;
    const char *url;
    char *place;       /* of url, for messages */
    gint64 asked_from; /* Range: from this byte; 0: all */
    long status;
    gboolean is_judged;      /* the head */
    gboolean is_first_known; /* the first byte that is no blank was seen */
    gboolean must_restart;   /* the range is not the one asked for */
    gsize dropped_bytes;     /* of a body that nobody wants */
    GError *error;           /* our own reason to end it */
    char said[CURL_ERROR_SIZE];
} Exchange;

static void exchange_clear(Exchange *exchange)
{
    g_free(exchange->place);
    g_clear_error(&exchange->error);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Exchange, exchange_clear)

static const char *header(const Exchange *exchange, const char *name)
{
    struct curl_header *found = NULL;
    if (curl_easy_header(exchange->transfer->fetcher->curl, name, 0, CURLH_HEADER, -1, &found) != CURLHE_OK)
        return NULL;
    return found->value;
}

static gint64 announced_bytes(const Exchange *exchange)
{
    curl_off_t length = -1;
    curl_easy_getinfo(exchange->transfer->fetcher->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    return length;
}

/* --- judging the head --- */

static gboolean refuse_page(Exchange *exchange)
{
    return error_set(&exchange->error, APPCENTER_ERROR_NETWORK,
                     "%s answered with a web page to %s (captive portal?)", exchange->place,
                     exchange->transfer->file);
}

static gboolean is_html(const Exchange *exchange)
{
    const char *type = header(exchange, "Content-Type");
    return type != NULL && g_ascii_strncasecmp(type, "text/html", strlen("text/html")) == 0;
}

/* We never ask for an encoding and undo none. A file that is compressed itself may be labelled so. */
static gboolean refuse_encoding(Exchange *exchange)
{
    const char *coding = header(exchange, "Content-Encoding");
    const Transfer *transfer = exchange->transfer;
    if (coding == NULL || g_ascii_strcasecmp(coding, "identity") == 0 ||
        (g_ascii_strcasecmp(coding, "zstd") == 0 && g_str_has_suffix(transfer->file, ".zst")))
        return FALSE;
    error_set(&exchange->error, APPCENTER_ERROR_NETWORK,
              "%s answered with %s encoded as %.20s, which nobody asked for", exchange->place, transfer->file,
              coding);
    return TRUE;
}

static gboolean refuse_type(Exchange *exchange)
{
    if (!is_html(exchange))
        return refuse_encoding(exchange);
    refuse_page(exchange);
    return TRUE;
}

/* All of it comes, whether or not a part was asked for. */
static gboolean judge_whole(Exchange *exchange)
{
    Transfer *transfer = exchange->transfer;
    if (refuse_type(exchange))
        return FALSE;
    return transfer->done_bytes == 0 || transfer_restart(transfer, &exchange->error);
}

/* One byte too many came: of another file than the one wanted, or of something that has no end. */
static void refuse_excess(Exchange *exchange)
{
    Transfer *transfer = exchange->transfer;
    gint64 announced = announced_bytes(exchange);
    transfer->has_excess = TRUE;
    if (announced < 0 || announced > ANY_BYTES_MAX)
        error_set(&exchange->error, APPCENTER_ERROR_NETWORK,
                  "%s sent more of %s than the %" G_GINT64_FORMAT " bytes allowed, without an end",
                  exchange->place, transfer->file, transfer->max_bytes);
    else if (transfer->is_exact)
        error_set(&exchange->error, APPCENTER_ERROR_UNTRUSTED,
                  "%s: %s has %" G_GINT64_FORMAT " bytes, wanted %" G_GINT64_FORMAT, exchange->place,
                  transfer->file, announced, transfer->max_bytes);
    else
        error_set(&exchange->error, APPCENTER_ERROR_UNTRUSTED,
                  "%s: %s is longer than the %" G_GINT64_FORMAT " bytes allowed", exchange->place,
                  transfer->file, transfer->max_bytes);
}

/* What this place called the part that is there; NULL: it comes from elsewhere, or had no name. */
static const char *tag_of(const Exchange *exchange)
{
    const char *tag = exchange->transfer->resume_tag;
    gsize len = strlen(exchange->place);
    return tag != NULL && strncmp(tag, exchange->place, len) == 0 && tag[len] == ' ' ? &tag[len + 1] : NULL;
}

/* "bytes FIRST-LAST/TOTAL" must be what was asked for, up to the end of a file of the wanted size. */
static gboolean range_is_right(const Exchange *exchange)
{
    const char *tag = tag_of(exchange), *served_as = header(exchange, "ETag");
    if (tag != NULL && served_as != NULL && strcmp(tag, served_as) != 0)
        return FALSE; /* a part of something newer */
    gint64 size_bytes = exchange->transfer->max_bytes;
    g_autofree char *wanted =
        g_strdup_printf("bytes %" G_GINT64_FORMAT "-%" G_GINT64_FORMAT "/%" G_GINT64_FORMAT,
                        exchange->asked_from, size_bytes - 1, size_bytes);
    const char *found = header(exchange, "Content-Range");
    return found != NULL && g_ascii_strcasecmp(found, wanted) == 0;
}

static gboolean judge_part(Exchange *exchange)
{
    if (refuse_type(exchange))
        return FALSE;
    exchange->is_first_known = TRUE; /* the middle of a file may begin with anything */
    exchange->must_restart = !range_is_right(exchange);
    exchange->transfer->outcome->is_pieced = TRUE;
    return !exchange->must_restart;
}

/* FALSE: end it; error or must_restart tell why. Bodies of other statuses are dropped. */
static gboolean judge_head(Exchange *exchange)
{
    if (exchange->is_judged)
        return TRUE;
    exchange->is_judged = TRUE;
    curl_easy_getinfo(exchange->transfer->fetcher->curl, CURLINFO_RESPONSE_CODE, &exchange->status);
    if (exchange->status == 200)
        return judge_whole(exchange);
    if (exchange->status == 206 && exchange->asked_from > 0)
        return judge_part(exchange);
    return TRUE;
}

static gboolean is_wanted(const Exchange *exchange)
{
    return exchange->status == 200 || (exchange->status == 206 && exchange->asked_from > 0);
}

/* --- what libcurl calls --- */

/* A byte of the mark that some put before UTF-8 text. */
static gboolean is_mark(char byte)
{
    return (guchar)byte == 0xef || (guchar)byte == 0xbb || (guchar)byte == 0xbf;
}

/* Blanks and a byte order mark may come before it. */
static gboolean starts_like_a_page(Exchange *exchange, const char *data, gsize len)
{
    for (gsize i = 0; i < len && !exchange->is_first_known; i++) {
        if (g_ascii_isspace(data[i]) || is_mark(data[i]))
            continue;
        exchange->is_first_known = TRUE;
        return data[i] == '<';
    }
    return FALSE;
}

static size_t on_body(char *data, size_t size, size_t n, void *user_data)
{
    Exchange *exchange = user_data;
    Transfer *transfer = exchange->transfer;
    gsize len = size * n;
    if (!judge_head(exchange))
        return 0;
    if (!is_wanted(exchange)) {
        exchange->dropped_bytes += len;
        return exchange->dropped_bytes <= ERROR_BODY_MAX ? len : 0;
    }
    transfer->outcome->bytes += (gint64)len;
    if (starts_like_a_page(exchange, data, len)) {
        refuse_page(exchange);
        return 0;
    }
    if ((gint64)len > transfer->max_bytes - transfer->done_bytes) {
        refuse_excess(exchange);
        return 0;
    }
    return transfer_take(transfer, data, len, &exchange->error) ? len : 0;
}

static int on_progress(void *user_data, curl_off_t total, curl_off_t now, curl_off_t up_total,
                       curl_off_t up_now)
{
    Exchange *exchange = user_data;
    (void)total;
    (void)now;
    (void)up_total;
    (void)up_now;
    return transfer_tell(exchange->transfer, FALSE) ? 1 : 0;
}

/* --- asking --- */

static void set_bounds(CURL *curl, const Transfer *transfer)
{
    const Fetcher *fetcher = transfer->fetcher;
    /* Who asks for less than the stall limit must not be taken for stalled. */
    gint64 slowest =
        fetcher->rate_limit_bytes > 0 ? MIN(STALL_BYTES_S, fetcher->rate_limit_bytes / 2) : STALL_BYTES_S;
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)slowest);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)fetcher->stall_s);
    /* Bursts that come just in time to count as no stall do not hold us for ever. */
    gint64 left_bytes = transfer->is_exact ? transfer->max_bytes - transfer->done_bytes : 0;
    gint64 timeout_s = fetcher->stall_s + EXTRA_S + left_bytes / MAX(slowest / 2, 1);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)MIN(timeout_s, TIMEOUT_MAX_S));
    if (fetcher->rate_limit_bytes > 0)
        curl_easy_setopt(curl, CURLOPT_MAX_RECV_SPEED_LARGE, (curl_off_t)fetcher->rate_limit_bytes);
}

static void set_request(Exchange *exchange, HeaderList *headers)
{
    Transfer *transfer = exchange->transfer;
    CURL *curl = transfer->fetcher->curl;
    curl_easy_reset(curl); /* keeps open connections */
    curl_easy_setopt(curl, CURLOPT_URL, exchange->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_PROXY, transfer->fetcher->proxy);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "localhost,127.0.0.0/8,::1");
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "appcenter/" APPCENTER_VERSION);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, exchange->said);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, exchange);
    set_bounds(curl, transfer);
}

static HeaderList *make_headers(const Exchange *exchange)
{
    HeaderList *headers = NULL;
    if (exchange->transfer->etag != NULL) {
        g_autofree char *line = g_strdup_printf("If-None-Match: %s", exchange->transfer->etag);
        headers = curl_slist_append(headers, line);
    }
    if (exchange->asked_from > 0 && tag_of(exchange) != NULL) {
        g_autofree char *line = g_strdup_printf("If-Range: %s", tag_of(exchange));
        headers = curl_slist_append(headers, line);
    }
    if (exchange->asked_from > 0) {
        g_autofree char *line = g_strdup_printf("Range: bytes=%" G_GINT64_FORMAT "-", exchange->asked_from);
        headers = curl_slist_append(headers, line);
    }
    return headers;
}

/* --- judging the end --- */

static gboolean explain_failure(Exchange *exchange, CURLcode code, GError **error)
{
    Transfer *transfer = exchange->transfer;
    const char *place = exchange->place, *file = transfer->file;
    if (exchange->error != NULL) {
        g_propagate_error(error, g_steal_pointer(&exchange->error));
        return FALSE;
    }
    switch (code) {
    case CURLE_ABORTED_BY_CALLBACK:
        return error_set(error, APPCENTER_ERROR_CANCELLED, "cancelled while fetching %s", file);
    case CURLE_OPERATION_TIMEDOUT:
        return error_set(error, APPCENTER_ERROR_NETWORK, "%s was too slow with %s: %s", place, file,
                         exchange->said);
    case CURLE_PARTIAL_FILE:
        transfer->has_broken = TRUE;
        return error_set(error, APPCENTER_ERROR_NETWORK,
                         "%s ended %s after %" G_GINT64_FORMAT " bytes, shorter than announced", place, file,
                         transfer->done_bytes);
    default:
        transfer->has_broken = code == CURLE_RECV_ERROR || code == CURLE_HTTP2 || code == CURLE_HTTP2_STREAM;
        return error_set(error, APPCENTER_ERROR_NETWORK, "%s: %s: %s", place, file,
                         *exchange->said != '\0' ? exchange->said : curl_easy_strerror(code));
    }
}

/* A tag goes back to the server in a header line, so only a plain one is kept. */
static char *plain_etag(const char *etag)
{
    gsize len = etag != NULL ? strlen(etag) : 0;
    if (len == 0 || len > ETAG_BYTES_MAX)
        return NULL;
    for (gsize i = 0; i < len; i++)
        if (!g_ascii_isgraph(etag[i]))
            return NULL;
    return g_strdup(etag);
}

static void note_answer(const Exchange *exchange)
{
    Transfer *transfer = exchange->transfer;
    FetchOutcome *outcome = transfer->outcome;
    curl_off_t retry_after = 0;
    curl_easy_getinfo(exchange->transfer->fetcher->curl, CURLINFO_RETRY_AFTER, &retry_after);
    outcome->retry_after_s = MAX(outcome->retry_after_s, CLAMP(retry_after, 0, RETRY_AFTER_MAX_S));
    g_clear_pointer(&outcome->etag, g_free);
    if (exchange->status == 200)
        outcome->etag = plain_etag(header(exchange, "ETag"));
    gboolean is_taken = transfer->is_exact && exchange->error == NULL && is_wanted(exchange);
    if (is_taken && (exchange->status == 200 || tag_of(exchange) == NULL)) {
        g_clear_pointer(&transfer->resume_tag, g_free);     /* of two places, or of another answer */
        if (outcome->etag != NULL && *outcome->etag == '"') /* a weak tag is no promise about bytes */
            transfer->resume_tag = g_strdup_printf("%s %s", exchange->place, outcome->etag);
    }
}

static gboolean take_redirect(Exchange *exchange, char **next_url, GError **error)
{
    const char *target = NULL;
    g_autoptr(GError) refusal = NULL;
    curl_easy_getinfo(exchange->transfer->fetcher->curl, CURLINFO_REDIRECT_URL, &target);
    if (target == NULL)
        return error_set(error, APPCENTER_ERROR_NETWORK, "%s redirects %s to nowhere", exchange->place,
                         exchange->transfer->file);
    if (!fetch_redirect_is_allowed(exchange->url, target, exchange->transfer->fetcher->allow_http, &refusal))
        return error_set(error, APPCENTER_ERROR_NETWORK, "%s redirects %s in a way that is refused: %s",
                         exchange->place, exchange->transfer->file, refusal->message);
    *next_url = g_strdup(target);
    return TRUE;
}

static gboolean is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* An answer came to its end: TRUE with *next_url when it leads on. */
static gboolean judge_answer(Exchange *exchange, char **next_url, GError **error)
{
    Transfer *transfer = exchange->transfer;
    if (is_redirect(exchange->status))
        return take_redirect(exchange, next_url, error);
    if (exchange->status == 304 && transfer->etag != NULL) {
        transfer->outcome->is_not_modified = TRUE;
        return TRUE;
    }
    if (!is_wanted(exchange)) {
        transfer->outcome->is_absent = exchange->status == 403 || exchange->status == 404;
        return error_set(error, APPCENTER_ERROR_NETWORK, "%s answered %ld to %s", exchange->place,
                         exchange->status, transfer->file);
    }
    /* Without an announced length a broken connection looks like an end. */
    gboolean is_short = transfer->is_exact && transfer->done_bytes != transfer->max_bytes;
    transfer->has_broken = is_short && announced_bytes(exchange) < 0;
    if (is_short)
        return error_set(error, APPCENTER_ERROR_NETWORK,
                         "%s ended %s after %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " bytes",
                         exchange->place, transfer->file, transfer->done_bytes, transfer->max_bytes);
    return TRUE;
}

/* One request; *must_restart: the server does not go along with our range, ask for all. */
static gboolean exchange_run(Transfer *transfer, const char *url, gboolean *must_restart, char **next_url,
                             GError **error)
{
    g_auto(Exchange) exchange = {.transfer = transfer, .url = url, .place = fetch_url_place(url)};
    exchange.asked_from = transfer->done_bytes;
    g_autoptr(HeaderList) headers = make_headers(&exchange);
    set_request(&exchange, headers);
    CURLcode code = curl_easy_perform(transfer->fetcher->curl);
    if (code == CURLE_OK && !judge_head(&exchange))
        code = CURLE_WRITE_ERROR; /* a body without a byte is judged here */
    note_answer(&exchange);
    *must_restart = exchange.must_restart || (exchange.status == 416 && exchange.asked_from > 0);
    if (*must_restart)
        return transfer_restart(transfer, error);
    gboolean is_cut = exchange.dropped_bytes > ERROR_BODY_MAX; /* by us: the status says enough */
    if (code != CURLE_OK && !is_cut)
        return explain_failure(&exchange, code, error);
    return judge_answer(&exchange, next_url, error);
}

gboolean transfer_by_http(Transfer *transfer, GError **error)
{
    g_autofree char *url = g_strdup(transfer->url);
    for (int redirects = 0; redirects <= REDIRECTS_MAX;) {
        gboolean must_restart = FALSE;
        g_autofree char *next_url = NULL;
        if (!exchange_run(transfer, url, &must_restart, &next_url, error))
            return FALSE;
        if (must_restart) /* from byte 0 no range is asked for, so this happens once */
            continue;
        if (next_url == NULL)
            return TRUE;
        g_free(url);
        url = g_steal_pointer(&next_url);
        redirects++;
    }
    g_autofree char *place = fetch_url_place(url);
    return error_set(error, APPCENTER_ERROR_NETWORK, "%s: %s: more than %d redirects", place, transfer->file,
                     REDIRECTS_MAX);
}
