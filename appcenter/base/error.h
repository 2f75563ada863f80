/* error.h - the one error domain of the product.
 *
 * Few kinds, each with one consequence. The table in error.c gives every kind its stable code (JSON `code`),
 * its exit code and its HTTP status, so a failure means the same at every door. Messages are chains of
 * context: the lowest function states the fact, each layer prefixes what it wanted to do
 * (g_prefix_error). Lower case, no full stop, what was wanted and what was found.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <glib.h>

#define APPCENTER_ERROR (appcenter_error_quark())

typedef enum {
    APPCENTER_ERROR_INVALID,   /* wrong use: a request that makes no sense        exit 2  http 400 */
    APPCENTER_ERROR_NOT_FOUND, /* no such app, version, id, file                  exit 3  http 404 */
    APPCENTER_ERROR_CONFLICT,  /* a dependency problem                            exit 4  http 409 */
    APPCENTER_ERROR_UNTRUSTED, /* signature, hash, identity, rollback of metadata exit 5  http 422 */
    APPCENTER_ERROR_EXPIRED,   /* signed but too old, or the clock is wrong       exit 5  http 422 */
    APPCENTER_ERROR_NO_SPACE,  /* disk or inodes                                  exit 6  http 507 */
    APPCENTER_ERROR_BUSY,      /* somebody else holds the lock                    exit 7  http 409 */
    APPCENTER_ERROR_NETWORK,   /* not reached or no proper answer; worth a retry  exit 8  http 502 */
    APPCENTER_ERROR_REFUSED,   /* policy, hold, veto, consent                     exit 9  http 403 */
    APPCENTER_ERROR_HEALTH,    /* the new app was not healthy; rolled back        exit 10 http 500 */
    APPCENTER_ERROR_PARTLY,    /* some sets done, some not                        exit 11 http 500 */
    APPCENTER_ERROR_NO_DAEMON, /* the daemon does not answer                      exit 12 http 503 */
    APPCENTER_ERROR_DENIED,    /* not permitted: uid, namespaces                  exit 13 http 403 */
    APPCENTER_ERROR_CORRUPT,   /* bad archive, catalogue, config or database      exit 14 http 422 */
    APPCENTER_ERROR_IO,        /* the system failed us                            exit 1  http 500 */
    APPCENTER_ERROR_SCRIPT,    /* a package's script failed                       exit 1  http 500 */
    APPCENTER_ERROR_CANCELLED, /* somebody asked us to stop                       exit 1  http 500 */
    APPCENTER_ERROR_TIMEOUT,   /* waiting took too long; work goes on             exit 77 http 504 */
    APPCENTER_ERROR_INTERNAL,  /* a bug of ours                                   exit 1  http 500 */
} AppcenterError;

GQuark appcenter_error_quark(void);

/* Stable lower-case code of a kind, as it stands in JSON: "not-found", "untrusted", ... Never NULL. */
const char *error_code_name(AppcenterError kind);

/* The kind that has this code; INTERNAL for an unknown one (a newer daemon). */
AppcenterError error_kind_from_code(const char *code);

/* Process exit code and HTTP status of a kind. */
int error_exit_code(AppcenterError kind);
int error_http_status(AppcenterError kind);

/* Kind of any GError: its own for our domain, IO for file errors, INTERNAL otherwise. error must not be NULL. */
AppcenterError error_kind(const GError *error);

/* Sets *error from errno: NO_SPACE for ENOSPC and EDQUOT, DENIED for EPERM and EACCES, NOT_FOUND for ENOENT,
 * CORRUPT for none, IO for all else. The message is `format` followed by ": " and strerror. Always returns FALSE
 * so that a caller can `return error_set_errno(...)`. Reads errno first. */
gboolean error_set_errno(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Same for a known errno value. */
gboolean error_set_errno_value(GError **error, int errno_value, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* g_set_error in our domain; always returns FALSE. */
gboolean error_set(GError **error, AppcenterError kind, const char *format, ...) G_GNUC_PRINTF(3, 4);

#endif
