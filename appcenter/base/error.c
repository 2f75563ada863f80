/* error.c - the table that gives each kind of error one code, one exit code and one HTTP status.
 *
 * It is the only place that knows these numbers; doors ask, they do not decide. It hides how errno values map
 * to kinds.
 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

GQuark appcenter_error_quark(void)
{
    return g_quark_from_static_string("appcenter-error-quark");
}

static const struct {
    const char *code;
    int exit_code;
    int http_status;
} kinds[] = {
    [APPCENTER_ERROR_INVALID] = {"invalid", 2, 400},
    [APPCENTER_ERROR_NOT_FOUND] = {"not-found", 3, 404},
    [APPCENTER_ERROR_CONFLICT] = {"conflict", 4, 409},
    [APPCENTER_ERROR_UNTRUSTED] = {"untrusted", 5, 422},
    [APPCENTER_ERROR_EXPIRED] = {"expired", 5, 422},
    [APPCENTER_ERROR_NO_SPACE] = {"no-space", 6, 507},
    [APPCENTER_ERROR_BUSY] = {"busy", 7, 409},
    [APPCENTER_ERROR_NETWORK] = {"network", 8, 502},
    [APPCENTER_ERROR_REFUSED] = {"refused", 9, 403},
    [APPCENTER_ERROR_HEALTH] = {"health", 10, 500},
    [APPCENTER_ERROR_PARTLY] = {"partly", 11, 500},
    [APPCENTER_ERROR_NO_DAEMON] = {"no-daemon", 12, 503},
    [APPCENTER_ERROR_DENIED] = {"denied", 13, 403},
    [APPCENTER_ERROR_CORRUPT] = {"corrupt", 14, 422},
    [APPCENTER_ERROR_IO] = {"io", 1, 500},
    [APPCENTER_ERROR_SCRIPT] = {"script", 1, 500},
    [APPCENTER_ERROR_CANCELLED] = {"cancelled", 1, 500},
    [APPCENTER_ERROR_TIMEOUT] = {"timeout", 77, 504},
    [APPCENTER_ERROR_INTERNAL] = {"internal", 1, 500},
};

/* A number from outside (a newer peer, a GError of another library) must not index past the table. */
static AppcenterError known_kind(AppcenterError kind)
{
    return (guint)kind < G_N_ELEMENTS(kinds) ? kind : APPCENTER_ERROR_INTERNAL;
}

const char *error_code_name(AppcenterError kind)
{
    return kinds[known_kind(kind)].code;
}

AppcenterError error_kind_from_code(const char *code)
{
    for (guint i = 0; code && i < G_N_ELEMENTS(kinds); i++)
        if (strcmp(kinds[i].code, code) == 0)
            return (AppcenterError)i;
    return APPCENTER_ERROR_INTERNAL;
}

int error_exit_code(AppcenterError kind)
{
    return kinds[known_kind(kind)].exit_code;
}

int error_http_status(AppcenterError kind)
{
    return kinds[known_kind(kind)].http_status;
}

AppcenterError error_kind(const GError *error)
{
    if (error->domain == APPCENTER_ERROR)
        return known_kind((AppcenterError)error->code);
    if (error->domain == G_FILE_ERROR)
        return APPCENTER_ERROR_IO;
    return APPCENTER_ERROR_INTERNAL;
}

static AppcenterError kind_of_errno(int errno_value)
{
    switch (errno_value) {
    case ENOSPC:
    case EDQUOT:
        return APPCENTER_ERROR_NO_SPACE;
    case EPERM:
    case EACCES:
        return APPCENTER_ERROR_DENIED;
    case ENOENT:
        return APPCENTER_ERROR_NOT_FOUND;
    default:
        return APPCENTER_ERROR_IO;
    }
}

static void set_errno_va(GError **error, int errno_value, const char *format, va_list args)
    G_GNUC_PRINTF(3, 0);

static void set_errno_va(GError **error, int errno_value, const char *format, va_list args)
{
    g_autofree char *message = g_strdup_vprintf(format, args);
    g_set_error(error, APPCENTER_ERROR, kind_of_errno(errno_value), "%s: %s", message,
                g_strerror(errno_value));
}

gboolean error_set_errno(GError **error, const char *format, ...)
{
    int errno_value = errno;
    va_list args;
    va_start(args, format);
    set_errno_va(error, errno_value, format, args);
    va_end(args);
    return FALSE;
}

gboolean error_set_errno_value(GError **error, int errno_value, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_errno_va(error, errno_value, format, args);
    va_end(args);
    return FALSE;
}

gboolean error_set(GError **error, AppcenterError kind, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error_literal(error, APPCENTER_ERROR, kind, message);
    return FALSE;
}
