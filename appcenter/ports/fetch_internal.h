/* fetch_internal.h - what the files of fetch share: one transfer from one place into memory or a file.
 *
 * Whatever the scheme, bytes reach the caller through transfer_take alone, which holds the limit. Private to
 * ports/fetch*.c and their tests.
 */
#ifndef PORTS_FETCH_INTERNAL_H
#define PORTS_FETCH_INTERNAL_H

#include <curl/curl.h>

#include "ports/fetch.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CURLU, curl_url_cleanup)

struct Fetcher {
    CURL *curl;
    char *proxy; /* "": none, not even the environment's */
    gint64 rate_limit_bytes;
    gint64 stall_s;
    gboolean allow_http;
    gboolean (*is_cancelled)(gpointer user_data);
    gpointer user_data;
};

typedef struct {
    Fetcher *fetcher;
    const char *url;
    const char *file;   /* its last part, for messages */
    gint64 max_bytes;   /* all that may come, with what is there already */
    gboolean is_exact;  /* and it must be so many */
    gboolean is_quoted; /* the path is percent-quoted already */
    const char *etag;   /* ask only for what has another one; or NULL */
    char *resume_tag;   /* "PLACE ETAG" of what is there; or NULL */
    GByteArray *memory; /* where it goes; NULL: into fd */
    int fd;
    gint64 done_bytes;      /* what is there */
    gboolean has_excess;    /* more came than is wanted: what there is of it is something else */
    gboolean has_broken;    /* the connection, not the server's word: worth going on at once */
    FetchProgress progress; /* or NULL */
    gpointer user_data;
    gint64 told_at_us; /* last progress */
    FetchOutcome *outcome;
} Transfer;

/* --- fetch.c --- */
/* Appends, or refuses (UNTRUSTED) when it becomes longer than allowed. */
gboolean transfer_take(Transfer *transfer, const void *data, gsize len,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* From zero again. */
gboolean transfer_restart(Transfer *transfer, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Tells the progress, at most every 100 ms unless it is the end. TRUE when the work was cancelled. */
gboolean transfer_tell(Transfer *transfer, gboolean is_end);

/* --- fetch_http.c, fetch_file.c --- */
/* TRUE: taken whole, or not modified. FALSE: failed; outcome->is_absent when there is no such file. */
gboolean transfer_by_http(Transfer *transfer, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean transfer_by_file(Transfer *transfer, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- fetch_url.c --- */
/* base and path as one URL; INVALID when path is not plainly below it. free with g_free. */
char *fetch_url_join(const char *base, const char *path, gboolean is_quoted,
                     GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* "127.0.0.1:8080", or "file:///srv/repo/x": for messages, never with credentials. */
char *fetch_url_place(const char *url);
/* Path of a file: URL, decoded; NULL: it is none. */
char *fetch_url_file_path(const char *url);
/* May a server at `from` send us to `to`? NETWORK says why not. */
gboolean fetch_redirect_is_allowed(const char *from, const char *to, gboolean allow_http,
                                   GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
