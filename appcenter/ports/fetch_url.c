/* fetch_url.c - which URLs we go to, and whereto a server may send us on.
 *
 * Hides the taking apart of URLs (libcurl's own parser, so that what is judged is what is fetched). Credentials in a URL
 * never reach a message.
 */
#include "ports/fetch_internal.h"

#include <string.h>

#define URL_BYTES_MAX 4096

typedef struct {
    char *scheme, *host, *port, *path; /* path decoded; port "" when none is named */
} Url;

static void url_clear(Url *url)
{
    g_free(url->scheme);
    g_free(url->host);
    g_free(url->port);
    g_free(url->path);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Url, url_clear)

static char *part_of(CURLU *handle, CURLUPart part, unsigned flags)
{
    char *text = NULL;
    if (curl_url_get(handle, part, &text, flags) != CURLUE_OK)
        return g_strdup("");
    char *copy = g_strdup(text);
    curl_free(text);
    return copy;
}

/* Bytes that could end a header line or a string, plain or as %XX, and blanks. */
static gboolean has_hidden_bytes(const char *text)
{
    static const char *const encoded[] = {"%0d", "%0a", "%00", "%0D", "%0A"};
    for (const char *p = text; *p != '\0'; p++)
        if ((guchar)*p <= ' ' || *p == 0x7f)
            return TRUE;
    for (gsize i = 0; i < G_N_ELEMENTS(encoded); i++)
        if (strstr(text, encoded[i]) != NULL)
            return TRUE;
    return FALSE;
}

static gboolean url_parse(const char *text, Url *url)
{
    g_autoptr(CURLU) handle = curl_url();
    if (text == NULL || strlen(text) > URL_BYTES_MAX || has_hidden_bytes(text) ||
        curl_url_set(handle, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
        return FALSE;
    url->scheme = part_of(handle, CURLUPART_SCHEME, 0);
    url->host = part_of(handle, CURLUPART_HOST, 0);
    url->port = part_of(handle, CURLUPART_PORT, 0);
    url->path = part_of(handle, CURLUPART_PATH, CURLU_URLDECODE);
    return TRUE;
}

static gboolean is_file(const Url *url)
{
    return strcmp(url->scheme, "file") == 0;
}

/* libcurl has brought every spelling of an IPv4 address into four decimal numbers. */
static gboolean is_loopback(const Url *url)
{
    if (g_ascii_strcasecmp(url->host, "localhost") == 0 || strcmp(url->host, "[::1]") == 0)
        return TRUE;
    return g_str_has_prefix(url->host, "127.") && g_hostname_is_ip_address(url->host);
}

static gboolean judge(const Url *url, gboolean allow_http, GError **error)
{
    if (is_file(url))
        return *url->path == '/' ||
               error_set(error, APPCENTER_ERROR_REFUSED, "file: url: wanted an absolute path");
    if (strcmp(url->scheme, "https") != 0 && strcmp(url->scheme, "http") != 0)
        return error_set(error, APPCENTER_ERROR_REFUSED,
                         "wanted an https:, file: or http: url, found %.20s:", url->scheme);
    if (*url->host == '\0')
        return error_set(error, APPCENTER_ERROR_REFUSED, "wanted a url with a host, found none");
    if (strcmp(url->scheme, "http") == 0 && !allow_http && !is_loopback(url))
        return error_set(error, APPCENTER_ERROR_REFUSED,
                         "plain http to %s: wanted https, for network.allow_http is off", url->host);
    return TRUE;
}

gboolean fetch_url_is_allowed(const char *url, gboolean allow_http, GError **error)
{
    g_auto(Url) parsed = {0};
    if (!url_parse(url, &parsed))
        return error_set(error, APPCENTER_ERROR_REFUSED, "wanted a url, found something else");
    return judge(&parsed, allow_http, error);
}

/* Is what it stands for below the base, too? A server may call a file "../x"; in a folder that is another place. */
static gboolean quoted_is_inside(const char *base, const char *quoted)
{
    g_autofree char *plain = g_uri_unescape_string(quoted, NULL);
    return plain && (g_ascii_strncasecmp(base, "file:", strlen("file:")) != 0 || files_path_is_inside(plain));
}

/* Only unreserved letters go as they are: a "+" means a blank to some object stores. */
char *fetch_url_join(const char *base, const char *path, gboolean is_quoted, GError **error)
{
    if (!files_path_is_inside(path) || (is_quoted && !quoted_is_inside(base, path))) {
        error_set(error, APPCENTER_ERROR_INVALID, "wanted a path below the repository, found \"%.200s\"",
                  path);
        return NULL;
    }
    g_autofree char *escaped = g_uri_escape_string(path, is_quoted ? "/%" : "/", FALSE);
    gsize base_len = strlen(base);
    while (base_len > 0 && base[base_len - 1] == '/')
        base_len--;
    return g_strdup_printf("%.*s/%s", (int)base_len, base, escaped);
}

char *fetch_url_place(const char *url)
{
    g_auto(Url) parsed = {0};
    if (!url_parse(url, &parsed))
        return g_strdup("somewhere");
    if (is_file(&parsed))
        return g_strdup_printf("file://%s", parsed.path);
    return g_strdup_printf("%s%s%s", parsed.host, *parsed.port != '\0' ? ":" : "", parsed.port);
}

char *fetch_url_file_path(const char *url)
{
    g_auto(Url) parsed = {0};
    return url_parse(url, &parsed) && is_file(&parsed) ? g_steal_pointer(&parsed.path) : NULL;
}

/* Never to a file, never from https to http, never by http away from loopback, never from elsewhere to this box. */
gboolean fetch_redirect_is_allowed(const char *from, const char *to, gboolean allow_http, GError **error)
{
    g_auto(Url) old = {0}, new = {0};
    g_autoptr(GError) refusal = NULL;
    if (!url_parse(from, &old) || !url_parse(to, &new))
        return error_set(error, APPCENTER_ERROR_NETWORK, "not a plain url");
    if (is_file(&new))
        return error_set(error, APPCENTER_ERROR_NETWORK, "to a file: url");
    if (!judge(&new, allow_http, &refusal))
        return error_set(error, APPCENTER_ERROR_NETWORK, "%s", refusal->message);
    if (strcmp(new.scheme, "http") == 0 && strcmp(old.scheme, "http") != 0)
        return error_set(error, APPCENTER_ERROR_NETWORK, "from https to http");
    if (strcmp(new.scheme, "http") == 0 && is_loopback(&old) && !is_loopback(&new))
        return error_set(error, APPCENTER_ERROR_NETWORK, "by http to %s", new.host);
    if (is_loopback(&new) && !is_loopback(&old))
        return error_set(error, APPCENTER_ERROR_NETWORK, "to this box itself");
    return TRUE;
}
