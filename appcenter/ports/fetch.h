/* fetch.h - transfers with libcurl (the only file that includes it): bounded in bytes, time and protocols.
 *
 * https, file: and loopback http: (others with allow_http); redirects at most 5, same or safer scheme, never to file:;
 * no cookies, no netrc, no proxy from the environment. Blocking; for the job. NETWORK errors name the host and what it
 * did ("127.0.0.1:8080 answered 503 to timestamp.json"); so is a body that is HTML, encoded though nobody asked for it,
 * without an end, or shorter than announced. Another body than the one wanted, whole, is UNTRUSTED.
 */
#ifndef PORTS_FETCH_H
#define PORTS_FETCH_H

#include "base/base.h"

typedef struct Fetcher Fetcher;

typedef struct {
    const char *proxy;                            /* NULL or "": none */
    gint64 rate_limit_bytes;                      /* a second, 0: unlimited */
    gint64 stall_s;                               /* below 8 kB/s for so long: give up this mirror */
    gboolean allow_http;                          /* plain http beyond loopback */
    gboolean (*is_cancelled)(gpointer user_data); /* may be NULL */
    gpointer user_data;
} FetchConfig;

Fetcher *fetcher_new(const FetchConfig *config, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void fetcher_free(Fetcher *fetcher);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Fetcher, fetcher_free)

/* Is this URL one that we would fetch from? REFUSED says why not. */
gboolean fetch_url_is_allowed(const char *url, gboolean allow_http, GError **error) G_GNUC_WARN_UNUSED_RESULT;

typedef struct {
    gboolean is_absent;       /* 403 or 404 (file: no such file); not an error when absence was allowed */
    gboolean is_not_modified; /* 304 to our If-None-Match */
    char *etag;               /* of a 200, or NULL */
    gint64 retry_after_s;     /* from an error answer too, the longest; 0: none */
    gint64 bytes;             /* body bytes received */
    gboolean is_pieced;       /* the file is of more than one answer, or of an earlier job's */
    char *resume_tag;         /* what the part that is there was served as, to go on with it later; or NULL */
} FetchOutcome;
void fetch_outcome_clear(FetchOutcome *outcome);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FetchOutcome, fetch_outcome_clear)

/* One small file below base_urls (NULL-terminated, tried in order; a mirror's failure goes to the next). More than
 * max_bytes is refused as UNTRUSTED ("longer than the N bytes allowed") at one byte more. Returns NULL with *outcome
 * telling absent or not modified and no error, when allow_absent / etag was given. */
GBytes *fetch_bytes(Fetcher *fetcher, const char *const *base_urls, const char *path, gint64 max_bytes,
                    gboolean allow_absent, const char *etag, FetchOutcome *outcome,
                    GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same for a path that is percent-quoted already, as TUF's file names are: a role "?" lies in "1.%3F.json". */
GBytes *fetch_bytes_quoted(Fetcher *fetcher, const char *const *base_urls, const char *quoted_path,
                           gint64 max_bytes, gboolean allow_absent, const char *etag, FetchOutcome *outcome,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;

typedef void (*FetchProgress)(gint64 done_bytes, gint64 total_bytes, gpointer user_data);
/* A large file of known size into fd. A partial one is resumed from its end with Range (If-Range with resume_tag, of the
 * outcome that left the part, or NULL), and from zero if the server does not go along; a connection that breaks is
 * resumed a few times. The caller checks the hash. At most size_bytes are taken: more is UNTRUSTED, less NETWORK ("ended
 * ... after N of M bytes"). Not fsynced. */
gboolean fetch_to_fd(Fetcher *fetcher, const char *const *base_urls, const char *path, gint64 size_bytes,
                     int fd, const char *resume_tag, FetchProgress progress, gpointer user_data,
                     FetchOutcome *outcome, GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
