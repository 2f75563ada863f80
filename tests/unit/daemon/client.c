/* client.c - the tests' own little HTTP client: raw bytes over the socket, in the server's own thread. */
#include "tests.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void box_serve(Box *box, const ServerLimits *limits)
{
    g_autoptr(GError) error = NULL;
    box->daemon.server = server_start(&box->daemon, limits ? limits : &server_limits, &error);
    g_assert_no_error(error);
    g_assert_nonnull(box->daemon.server);
}

void client_open(Client *client, const Box *box)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_autofree char *path = box_path(box, SERVER_RUN_DIR "/" SERVER_SOCKET_NAME);
    g_assert_cmpuint(g_strlcpy(address.sun_path, path, sizeof address.sun_path), <, sizeof address.sun_path);
    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    client->got = g_string_new(NULL);
    client->is_over = FALSE;
    g_assert_cmpint(connect(client->fd, (struct sockaddr *)&address, sizeof address), ==, 0);
}

void client_close(Client *client)
{
    if (client->got) {
        close(client->fd);
        g_string_free(client->got, TRUE);
    }
    *client = (Client){.fd = -1};
}

static void client_read(Client *client)
{
    char buffer[65536];
    ssize_t n = 0;
    while (!client->is_over && (n = recv(client->fd, buffer, sizeof buffer, 0)) > 0)
        g_string_append_len(client->got, buffer, n);
    client->is_over |= n == 0 || (n < 0 && errno != EAGAIN);
}

gboolean client_has(Client *client, const char *text)
{
    client_read(client);
    return strstr(client->got->str, text) != NULL;
}

gboolean client_is_over(Client *client)
{
    client_read(client);
    return client->is_over;
}

void client_send(Client *client, const char *bytes, gsize len)
{
    while (len > 0 && !client->is_over) {
        ssize_t n = send(client->fd, bytes, len, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            return; /* it closed; what it answered is still to be read */
        g_main_context_iteration(NULL, FALSE);
        bytes += MAX(n, 0);
        len -= (gsize)MAX(n, 0);
    }
}

void client_send_text(Client *client, const char *text)
{
    client_send(client, text, strlen(text));
}

int ask_raw(const Box *box, const char *bytes, gsize len, json_t **json)
{
    g_auto(Client) client = {.fd = -1};
    client_open(&client, box);
    client_send(&client, bytes, len);
    loop_until(client_is_over(&client));
    const char *body = strstr(client.got->str, "\r\n\r\n");
    if (!g_str_has_prefix(client.got->str, "HTTP/1.1 ") || !body)
        return 0;
    body += 4;
    gboolean is_json = strstr(client.got->str, "json\r\n") != NULL;
    if (json && is_json && *body) {
        g_autoptr(GError) error = NULL;
        *json = json_parse_strict(body, strlen(body), 64, FALSE, &error);
        g_assert_no_error(error);
    } else if (json && *body) {
        *json = json_string(body);
    }
    return (int)g_ascii_strtoll(client.got->str + strlen("HTTP/1.1 "), NULL, 10);
}

int ask(const Box *box, const char *method, const char *path, const char *body, json_t **json)
{
    g_autofree char *request =
        g_strdup_printf("%s %s HTTP/1.1\r\nHost: nas\r\nContent-Length: %u\r\n\r\n%s", method, path,
                        (unsigned)(body ? strlen(body) : 0), body ? body : "");
    return ask_raw(box, request, strlen(request), json);
}
