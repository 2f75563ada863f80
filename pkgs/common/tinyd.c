/* tinyd.c - the daemon of the small sample apps: does rounds of work, and answers /health on a loopback port.
 *
 * Called as `NAME PIDFILE CONFIG` in the app's folder. Each app links its own app_work (tinyd.h). An app that cannot
 * go on is not kept alive: it answers 503 once, says why in its log, and ends with 1.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "http.h"
#include "service.h"
#include "tinyd.h"

#define ROUND_MS 500

static char saying[256];
static bool is_well = true;
static bool logs_requests;

static bool do_round(void)
{
    if (is_well)
        is_well = app_work(saying, sizeof saying);
    return is_well;
}

static void answer(HttpRequest *request)
{
    char body[512];
    if (logs_requests)
        service_say("%s %s", request->method, request->path);
    if (strcmp(request->method, "GET") != 0) {
        http_send_text(request, 405, "wanted GET");
        return;
    }
    do_round();
    if (strcmp(request->path, "/health") == 0) {
        int length = snprintf(body, sizeof body,
                              "{\"status\":\"%s\",\"app\":\"%s\",\"version\":\"%s\",\"work\":\"%s\"}\n",
                              is_well ? "ok" : "failed", APP_NAME, APP_VERSION, saying);
        http_send(request, is_well ? 200 : 503, "application/json", body, (size_t)length);
    } else if (strcmp(request->path, "/") == 0) {
        snprintf(body, sizeof body, "%s %s: %s", APP_NAME, APP_VERSION, saying);
        http_send_text(request, 200, body);
    } else {
        http_send_text(request, 404, "wanted / or /health");
    }
}

int main(int argc, char **argv)
{
    char log_path[64], wish[8];
    if (argc != 3) {
        service_say("usage: %s PIDFILE CONFIG", program_invocation_short_name);
        return 2;
    }
    uint16_t port = service_read_port(argv[2]);
    if (port == 0)
        return 1;
    logs_requests =
        service_read_setting(argv[2], "log_requests", wish, sizeof wish) && strcmp(wish, "yes") == 0;
    snprintf(log_path, sizeof log_path, "logs/%s.log", program_invocation_short_name);
    service_detach();
    int listen_fd = service_listen(port);
    if (listen_fd < 0 || !service_announce(argv[1], log_path))
        return 1;
    service_say("%s %s listens on 127.0.0.1:%u", APP_NAME, APP_VERSION, port);
    if (!http_serve(listen_fd, answer, do_round, ROUND_MS)) {
        service_say("%s %s cannot go on: %s", APP_NAME, APP_VERSION, saying);
        return 1;
    }
    unlink(argv[1]);
    service_say("%s %s stopped", APP_NAME, APP_VERSION);
    return 0;
}
