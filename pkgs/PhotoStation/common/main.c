/* main.c - PhotoStation: a small photo gallery on a loopback port.
 *
 * GET / shows the album, GET /photo?name= one photo, POST /upload?name= (or PUT /photo?name=) stores one, GET /health
 * says that all is well. Called as `photostation PIDFILE CONFIG` in the app's folder. Hides the routes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "gallery.h"
#include "service.h"

#define NAME_SIZE_BYTES 1024
#define IDLE_ROUND_MS   60000
#define LOG_PATH        "logs/photostation.log"
#define STARTS_PATH     "logs/starts.log"

static char title[128] = "Photo Station";
static char library_version[32];

static const struct {
    const char *suffix, *type;
} media_types[] = {
    {".png",  "image/png" },
    {".jpg",  "image/jpeg"},
    {".jpeg", "image/jpeg"},
    {".gif",  "image/gif" },
};

static const char *media_type_of(const char *name)
{
    const char *suffix = strrchr(name, '.');
    for (size_t i = 0; suffix && i < sizeof media_types / sizeof *media_types; i++)
        if (strcasecmp(suffix, media_types[i].suffix) == 0)
            return media_types[i].type;
    return "application/octet-stream";
}

static void send_page(HttpRequest *request)
{
    static Measure measures[PAGE_PHOTOS_MAX];
    PhotoList list;
    char *text = NULL;
    size_t length = 0;
    bool is_good = album_list(ALBUM_FOLDER, &list);
    bool is_sample = is_good && list.n_names == 0;
    if (is_sample)
        is_good = album_list(SAMPLE_FOLDER, &list);
    FILE *out = is_good ? open_memstream(&text, &length) : NULL;
    if (!out) {
        http_send_text(request, 500, "the album cannot be read");
        return;
    }
    memset(measures, 0, sizeof measures);
    if (list.n_names > 0)
        library_measure(is_sample ? SAMPLE_FOLDER : ALBUM_FOLDER, list.names,
                        list.n_names < PAGE_PHOTOS_MAX ? list.n_names : PAGE_PHOTOS_MAX, measures);
    page_write(out, title, &list, measures, is_sample);
    if (fclose(out) == 0)
        http_send(request, 200, "text/html; charset=utf-8", text, length);
    else
        http_send_text(request, 500, "no memory for the page");
    free(text);
    album_list_clear(&list);
}

static void send_photo(HttpRequest *request)
{
    char name[NAME_SIZE_BYTES];
    const char *why = "wanted ?name=PHOTO";
    ssize_t length = http_query_value(request, "name", name, sizeof name);
    if (length < 0) {
        http_send_text(request, 400, why);
        return;
    }
    int fd = photos_open(ALBUM_FOLDER, name, (size_t)length, &why);
    if (fd == -404)
        fd = photos_open(SAMPLE_FOLDER, name, (size_t)length, &why);
    if (fd < 0) {
        http_send_text(request, -fd, why);
        return;
    }
    http_send_file(request, fd, media_type_of(name));
    close(fd);
}

static void store_photo(HttpRequest *request)
{
    char name[NAME_SIZE_BYTES];
    const char *why = "wanted ?name=PHOTO";
    ssize_t length = http_query_value(request, "name", name, sizeof name);
    if (length < 0) {
        http_send_text(request, 400, why);
        return;
    }
    const char *plain = photos_upload_name(name, (size_t)length, &why);
    int status = plain ? album_store(plain, request, &why) : 403;
    http_send_text(request, status, why);
}

static void send_health(HttpRequest *request)
{
    char body[256];
    PhotoList list;
    if (!album_list(ALBUM_FOLDER, &list)) {
        http_send_text(request, 503, "the album cannot be read");
        return;
    }
    int length = snprintf(body, sizeof body,
                          "{\"status\":\"ok\",\"app\":\"PhotoStation\",\"version\":\"%s\",\"library\":\"%s\","
                          "\"photos\":%zu}\n",
                          APP_VERSION, library_version, list.n_names);
    http_send(request, 200, "application/json", body, (size_t)length);
    album_list_clear(&list);
}

static const struct {
    const char *method, *path;
    void (*answer)(HttpRequest *request);
} routes[] = {
    {"GET",  "/",       send_page  },
    {"GET",  "/photo",  send_photo },
    {"PUT",  "/photo",  store_photo},
    {"POST", "/upload", store_photo},
    {"GET",  "/health", send_health},
};

static void answer(HttpRequest *request)
{
    int status = 404;
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (strcmp(routes[i].path, request->path) != 0)
            continue;
        status = 405;
        if (strcmp(routes[i].method, request->method) == 0) {
            routes[i].answer(request);
            return;
        }
    }
    http_send_text(request, status, status == 404 ? "no such page" : "no such method here");
}

/* One line a start, never rotated: it proves which versions ran beside each other. */
static bool record_start(void)
{
    int fd = open(STARTS_PATH, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd >= 0 &&
        dprintf(fd, "PhotoStation %s started beside MediaLibrary %s\n", APP_VERSION, library_version) > 0 &&
        close(fd) == 0)
        return true;
    service_say("write " STARTS_PATH ": %s", strerror(errno));
    return false;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        service_say("usage: photostation PIDFILE CONFIG");
        return 2;
    }
    uint16_t port = service_read_port(argv[2]);
    if (port == 0 || !library_check(library_version, sizeof library_version) || !album_prepare())
        return 1;
    service_read_setting(argv[2], "title", title, sizeof title);
    service_detach();
    int listen_fd = service_listen(port);
    if (listen_fd < 0 || !record_start() || !service_announce(argv[1], LOG_PATH))
        return 1;
    service_say("%s listens on 127.0.0.1:%u, beside MediaLibrary %s", APP_VERSION, port, library_version);
    http_serve(listen_fd, answer, NULL, IDLE_ROUND_MS);
    unlink(argv[1]);
    service_say("%s stopped", APP_VERSION);
    return 0;
}
