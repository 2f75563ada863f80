/* client.c - HTTP over the Unix socket with libcurl; see client.h. */
#include "cli/client.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/sse.h"

#define CLIENT_MAX_ANSWER_BYTES (64 * 1024 * 1024)
#define CLIENT_SOCKET           "/run/appcenter/appcenterd.sock"
#define CLIENT_ANSWER_S         120L

struct Client {
    char *socket_path; /* for messages */
    int run_dir_fd;    /* -1: not opened yet */
    char *address;     /* what libcurl connects to: through /proc/self/fd, sun_path has only 108 bytes */
};

typedef struct {
    GByteArray *body;
    gboolean is_too_long;
} Answer;

typedef struct {
    SseParser parser;
    GByteArray *refusal; /* the body when the answer is no stream */
    CURL *curl;
    ClientOnEvent on_event;
    ClientGoOn go_on;
    gpointer user_data;
    gboolean is_ended;
} Stream;

Client *client_new(const char *root_path, const char *socket_path)
{
    Client *client = g_new0(Client, 1);
    client->run_dir_fd = -1;
    client->socket_path =
        socket_path ? g_strdup(socket_path) : g_strconcat(root_path ? root_path : "", CLIENT_SOCKET, NULL);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    return client;
}

void client_free(Client *client)
{
    if (!client)
        return;
    fd_close(client->run_dir_fd);
    g_free(client->socket_path);
    g_free(client->address);
    g_free(client);
}

char *client_escape(const char *word)
{
    return g_uri_escape_string(word, NULL, FALSE);
}

static gboolean no_daemon(const Client *client, GError **error)
{
    return error_set(
        error, APPCENTER_ERROR_NO_DAEMON,
        "no daemon answers on %s; start it with: systemctl start appcenterd (or: appcenterd --foreground)",
        client->socket_path);
}

static gboolean resolve(Client *client, GError **error)
{
    if (client->address)
        return TRUE;
    g_autofree char *folder = g_path_get_dirname(client->socket_path);
    g_autofree char *base = g_path_get_basename(client->socket_path);
    client->run_dir_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (client->run_dir_fd < 0)
        return no_daemon(client, error);
    client->address = g_strdup_printf("/proc/self/fd/%d/%s", client->run_dir_fd, base);
    return TRUE;
}

static CURL *new_request(Client *client, const char *method, const char *path, struct curl_slist **headers,
                         GError **error)
{
    if (!resolve(client, error))
        return NULL;
    CURL *curl = curl_easy_init();
    if (!curl) {
        error_set(error, APPCENTER_ERROR_INTERNAL, "libcurl does not start");
        return NULL;
    }
    g_autofree char *url = g_strconcat("http://appcenterd", path, NULL);
    *headers = curl_slist_append(*headers, "Expect:");
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, client->address);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, *headers);
    return curl;
}

static size_t take_answer(char *bytes, size_t size, size_t count, void *user_data)
{
    Answer *answer = user_data;
    if (answer->body->len + size * count > CLIENT_MAX_ANSWER_BYTES) {
        answer->is_too_long = TRUE;
        return 0;
    }
    g_byte_array_append(answer->body, (const guint8 *)bytes, (guint)(size * count));
    return size * count;
}

/* The problem document as the error that it was. */
static gboolean problem(const GByteArray *body, long status, GError **error)
{
    g_autoptr(json_t) document = json_parse_strict(body->data, body->len, 32, TRUE, NULL);
    const char *detail = json_string_value(json_object_get(document, "detail"));
    const char *code = json_string_value(json_object_get(document, "code"));
    if (!detail || !code)
        return error_set(error, APPCENTER_ERROR_INTERNAL, "the daemon answered with status %ld", status);
    return error_set(error, error_kind_from_code(code), "%s", detail);
}

static gboolean transfer_failed(const Client *client, CURLcode code, GError **error)
{
    if (code == CURLE_COULDNT_CONNECT)
        return no_daemon(client, error);
    return error_set(error,
                     code == CURLE_OPERATION_TIMEDOUT ? APPCENTER_ERROR_TIMEOUT : APPCENTER_ERROR_NO_DAEMON,
                     "the daemon's answer: %s", curl_easy_strerror(code));
}

static json_t *perform(Client *client, CURL *curl, GError **error)
{
    long status = 0;
    g_autoptr(GByteArray) body = g_byte_array_new();
    Answer answer = {body, FALSE};
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    CURLcode code = curl_easy_perform(curl);
    if (answer.is_too_long) {
        error_set(error, APPCENTER_ERROR_INTERNAL, "the daemon's answer is too long");
        return NULL;
    }
    if (code != CURLE_OK)
        return transfer_failed(client, code, error), NULL;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 400)
        return problem(body, status, error), NULL;
    if (body->len == 0)
        return json_object();
    json_t *value = json_parse_strict(body->data, body->len, 64, FALSE, error);
    if (!value)
        g_prefix_error(error, "the daemon's answer: ");
    return value;
}

json_t *client_request(Client *client, const char *method, const char *path, const json_t *body,
                       GError **error)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    g_autofree char *text = body ? json_to_text(body) : NULL;
    CURL *curl = new_request(client, method, path, &headers, error);
    json_t *answer = NULL;
    if (curl) {
        if (text)
            curl_easy_setopt(curl, CURLOPT_POSTFIELDS, text);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, CLIENT_ANSWER_S);
        answer = perform(client, curl, error);
        curl_easy_cleanup(curl);
    }
    curl_slist_free_all(headers);
    return answer;
}

static size_t read_file(char *buffer, size_t size, size_t count, void *user_data)
{
    return fread(buffer, size, count, user_data);
}

char *client_upload(Client *client, const char *file, GError **error)
{
    struct stat st;
    FILE *in = fopen(file, "rbe");
    if (!in)
        return error_set_errno(error, "cannot read %s", file), NULL;
    if (fstat(fileno(in), &st) != 0 || !S_ISREG(st.st_mode)) {
        fclose(in);
        return error_set(error, APPCENTER_ERROR_INVALID, "wanted a package file, %s is something else", file),
               NULL;
    }
    g_autoptr(json_t) answer = NULL;
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/octet-stream");
    CURL *curl = new_request(client, "POST", "/v1/files", &headers, error);
    if (curl) {
        curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, "POST");
        curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)st.st_size);
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_file);
        curl_easy_setopt(curl, CURLOPT_READDATA, in);
        answer = perform(client, curl, error);
        curl_easy_cleanup(curl);
    }
    curl_slist_free_all(headers);
    fclose(in);
    const char *token = json_string_value(json_object_get(answer, "file"));
    if (answer && !token)
        error_set(error, APPCENTER_ERROR_INTERNAL, "the daemon took the file but gave no token");
    return g_strdup(token);
}

/* --- streams --- */

static gboolean take_event(const char *data, gpointer user_data)
{
    Stream *stream = user_data;
    g_autoptr(json_t) event = json_parse_strict(data, strlen(data), 64, FALSE, NULL);
    return !event || stream->on_event(event, stream->user_data);
}

static size_t take_stream(char *bytes, size_t size, size_t count, void *user_data)
{
    Stream *stream = user_data;
    long status = 0;
    gsize len = size * count;
    curl_easy_getinfo(stream->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 400) {
        if (stream->refusal->len + len <= 65536)
            g_byte_array_append(stream->refusal, (const guint8 *)bytes, (guint)len);
        return len;
    }
    if (sse_feed(&stream->parser, bytes, len, take_event, stream))
        return len;
    stream->is_ended = TRUE;
    return 0;
}

static int on_pulse(void *user_data, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now)
{
    (void)total;
    (void)now;
    (void)up_total;
    (void)up_now;
    Stream *stream = user_data;
    if (stream->go_on(stream->user_data))
        return 0;
    stream->is_ended = TRUE;
    return 1;
}

static gboolean run_stream(Client *client, Stream *stream, GError **error)
{
    long status = 0;
    curl_easy_setopt(stream->curl, CURLOPT_WRITEFUNCTION, take_stream);
    curl_easy_setopt(stream->curl, CURLOPT_WRITEDATA, stream);
    curl_easy_setopt(stream->curl, CURLOPT_XFERINFOFUNCTION, on_pulse);
    curl_easy_setopt(stream->curl, CURLOPT_XFERINFODATA, stream);
    curl_easy_setopt(stream->curl, CURLOPT_NOPROGRESS, 0L);
    CURLcode code = curl_easy_perform(stream->curl);
    curl_easy_getinfo(stream->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 400)
        return problem(stream->refusal, status, error);
    return code == CURLE_OK || stream->is_ended || transfer_failed(client, code, error);
}

gboolean client_stream(Client *client, const char *path, gint64 *last_id, ClientOnEvent on_event,
                       ClientGoOn go_on, gpointer user_data, GError **error)
{
    g_autofree char *resume = g_strdup_printf("Last-Event-ID: %" G_GINT64_FORMAT, *last_id);
    struct curl_slist *headers = curl_slist_append(NULL, "Accept: text/event-stream");
    if (*last_id > 0)
        headers = curl_slist_append(headers, resume);
    g_autoptr(GByteArray) refusal = g_byte_array_new();
    Stream stream = {.refusal = refusal, .on_event = on_event, .go_on = go_on, .user_data = user_data};
    sse_init(&stream.parser);
    stream.curl = new_request(client, "GET", path, &headers, error);
    gboolean ok = stream.curl && run_stream(client, &stream, error);
    if (stream.parser.id > 0)
        *last_id = stream.parser.id;
    if (stream.curl)
        curl_easy_cleanup(stream.curl);
    sse_clear(&stream.parser);
    curl_slist_free_all(headers);
    return ok;
}
