/* main.c - runs the tests of room daemon; the scratch NAS, the job's script, and a guard around MHD_run. */
#include "tests.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

/* libmicrohttpd is not to be entered while it runs: this one stands before the library's own. */
enum MHD_Result MHD_run(struct MHD_Daemon *http)
{
    static enum MHD_Result (*real)(struct MHD_Daemon *);
    static int depth;
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "MHD_run");
    g_assert_cmpint(++depth, ==, 1);
    enum MHD_Result result = real(http);
    depth--;
    return result;
}

/* The child's side of the protocol; what it does is its action. */
static const char script[] =
    "#!/bin/sh\n"
    "read -r request\n"
    "root=$2\n"
    "echo \"$request\" >>\"$root/requests\"\n"
    "echo $$ >\"$root/pid\"\n"
    "say() { echo \"$1\"; }\n"
    "ok() { say '{\"event\":\"result\",\"exit\":0,\"code\":\"ok\",\"message\":\"\",\"transactions\":[]}'; "
    "exit 0; }\n"
    "step() { say "
    "'{\"event\":\"step\",\"app\":\"One\",\"step\":\"FETCH\",\"words\":\"Downloading\",\"phase\":\"do\","
    "\"when\":\"begin\",\"transaction\":5}'; }\n"
    "case $request in\n"
    "*'\"action\":\"upgrade\"'*)\n"
    "    step\n"
    "    say "
    "'{\"event\":\"bytes\",\"app\":\"One\",\"step\":\"FETCH\",\"words\":\"Downloading\",\"done\":1,\"total\":"
    "9}'\n"
    "    say '{\"event\":\"transaction\",\"transaction\":5,\"result\":\"done\"}'\n"
    "    ok ;;\n"
    "*'\"action\":\"fail\"'*)\n"
    "    say '{\"event\":\"result\",\"exit\":8,\"code\":\"network\",\"message\":\"no "
    "answer\",\"transactions\":[]}'\n"
    "    exit 8 ;;\n"
    "*'\"action\":\"die\"'*) step; exit 3 ;;\n"
    "*'\"action\":\"crash\"'*) kill -SEGV $$ ;;\n"
    "*'\"action\":\"vague\"'*) say '{\"event\":\"result\",\"code\":\"ok\"}'; exit 0 ;;\n"
    "*'\"action\":\"babble\"'*)\n"
    "    say 'no json at all'; say '[1,2]'; say '{\"event\":7}'; say ''\n"
    "    head -c 9000000 /dev/zero | tr '\\0' x; say ''\n"
    "    ok ;;\n"
    "*'\"action\":\"wait\"'*)\n"
    "    trap 'say "
    "\"{\\\"event\\\":\\\"result\\\",\\\"exit\\\":1,\\\"code\\\":\\\"cancelled\\\",\\\"message\\\":"
    "\\\"asked to stop\\\",\\\"transactions\\\":[]}\"; exit 1' TERM\n"
    "    step\n"
    "    say "
    "'{\"event\":\"bytes\",\"app\":\"One\",\"step\":\"FETCH\",\"words\":\"Downloading\",\"done\":3,\"total\":"
    "9}'\n"
    "    while :; do sleep 0.05; done ;;\n"
    "*'\"action\":\"deaf\"'*) step; exec sleep 30 ;;\n"
    "*'\"action\":\"chatty\"'*) trap '' TERM; while :; do step; sleep 0.1; done ;;\n"
    "*'\"action\":\"refresh\"'*) [ -e \"$root/refresh-dies\" ] && exit 9; ok ;;\n"
    "*'\"action\":\"start-apps\"'*) [ -e \"$root/start-apps-dies\" ] && exit 9; ok ;;\n"
    "*'\"action\":\"recover\"'*)\n"
    "    [ -e \"$root/recover-dies\" ] && exit 9\n"
    "    rm \"$root/recover-fails-once\" 2>/dev/null || [ -e \"$root/recover-fails\" ] || ok\n"
    "    say '{\"event\":\"result\",\"exit\":1,\"code\":\"io\",\"message\":\"out of "
    "memory\",\"transactions\":[]}'\n"
    "    exit 1 ;;\n"
    "*) ok ;;\n"
    "esac\n";

char *box_path(const Box *box, const char *product_path)
{
    return g_build_filename(box->path, product_path, NULL);
}

void box_write(const Box *box, const char *product_path, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = box_path(box, product_path);
    g_autofree char *dir = g_path_get_dirname(path);
    g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
    g_file_set_contents(path, text, -1, &error);
    g_assert_no_error(error);
}

static void start_daemon(Box *box)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *program = box_path(box, "job.sh");
    g_assert_true(g_setenv("APPCENTER_JOB", program, TRUE));
    box->daemon = (Daemon){0};
    gboolean is_open = daemon_open(&box->daemon, box->path, &error);
    g_assert_no_error(error);
    g_assert_true(is_open);
}

void box_init_with(Box *box, const char *const *files)
{
    g_autoptr(GError) error = NULL;
    box->path = g_dir_make_tmp("appcenter-daemon-XXXXXX", &error);
    g_assert_no_error(error);
    g_assert_cmpint(chmod(box->path, 0755), ==, 0); /* another user looks for the socket */
    box_write(box, "job.sh", script);
    g_autofree char *program = box_path(box, "job.sh");
    g_assert_cmpint(chmod(program, 0755), ==, 0);
    for (; files && files[0]; files += 2)
        box_write(box, files[0], files[1]);
    start_daemon(box);
}

void box_init(Box *box)
{
    box_init_with(box, NULL);
}

/* A job that still runs is ended and waited for: the scratch directory goes. */
static void stop_daemon(Box *box)
{
    jobs_stop(box->daemon.jobs);
    loop_until(!jobs_is_running(box->daemon.jobs));
    daemon_close(&box->daemon);
}

void box_restart(Box *box)
{
    daemon_close(&box->daemon);
    start_daemon(box);
}

void box_clear(Box *box)
{
    g_autoptr(GError) error = NULL;
    stop_daemon(box);
    g_autofree char *dir = g_path_get_dirname(box->path);
    g_autofree char *name = g_path_get_basename(box->path);
    g_auto(Fd) fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_true(files_remove_tree_at(fd, name, &error));
    g_assert_no_error(error);
    g_clear_pointer(&box->path, g_free);
}

Release *make_release(const char *name, const char *version, const char *members)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *sha256 = g_strnfill(64, 'a');
    g_autofree char *line = g_strdup_printf(
        "{\"name\":\"%s\",\"version\":\"%s\",\"arch\":\"x86_64\",\"path\":\"packages/%s.%s_%s_x86_64.qpkg\","
        "\"size\":100,\"sha256\":\"%s\",\"installed_size\":200,\"files\":3,\"published\":\"2026-11-01T00:00:"
        "00Z\","
        "\"summary\":{\"en\":\"about %s\"}%s%s}",
        name, version, sha256, name, version, sha256, name, *members ? "," : "", members);
    g_autoptr(json_t) json = json_parse_strict(line, strlen(line), 16, TRUE, &error);
    g_assert_no_error(error);
    Release *release = release_from_json(json, "test", &error);
    g_assert_no_error(error);
    g_free(release->repository);
    release->repository = g_strdup("main");
    g_free(release->publisher);
    release->publisher = g_strdup("vendor");
    return release;
}

void put_app(const Box *box, const char *name, const char *version)
{
    g_autoptr(StoreApp) app = g_new0(StoreApp, 1);
    app->name = g_strdup(name);
    app->version = g_strdup(version);
    app->arch = g_strdup("x86_64");
    app->publisher = g_strdup("vendor");
    app->repository = g_strdup("main");
    app->display_name = g_strdup("Caf\xe9"); /* Latin-1, as an old qpkg.cfg may have it */
    app->requires = g_strsplit("MediaLibrary >= 2.0", ";", -1);
    app->conflicts = g_strsplit("", ";", -1);
    app->enabled = TRUE;
    app->install_path = g_strdup_printf("/share/CACHEDEV1_DATA/.qpkg/%s", name);
    app->archive_sha256 = g_strnfill(64, 'b');
    app->config_text = g_strdup("QPKG_NAME=x\n");
    app->installed_at = 1700000000;
    must(store_app_put(box->daemon.store, app, NULL, OR_FAIL));
}

void put_offer(const Box *box, const char *app, const char *installed, const char *version,
               const char *members)
{
    g_autoptr(GPtrArray) offers = g_ptr_array_new_with_free_func((GDestroyNotify)store_offer_free);
    StoreOffer *offer = g_new0(StoreOffer, 1);
    offer->app = g_strdup(app);
    offer->installed_version = g_strdup(installed);
    offer->release = make_release(app, version, members);
    offer->cls = release_class(offer->release);
    if (offer->release->urgency) {
        offer->urgent_at = offer->release->urgency->urgent_at;
        offer->install_within_s = offer->release->urgency->install_within_s;
    }
    g_ptr_array_add(offers, offer);
    must(store_offers_replace(box->daemon.store, offers, OR_FAIL));
}

void put_release(const Box *box, const char *name, const char *version, const char *members)
{
    g_autoptr(Release) release = make_release(name, version, members);
    must(store_catalogue_begin(box->daemon.store, "main", OR_FAIL));
    must(store_catalogue_add(box->daemon.store, release, OR_FAIL));
    must(store_catalogue_commit(box->daemon.store, OR_FAIL));
}

char **script_requests(const Box *box)
{
    g_autofree char *path = box_path(box, "requests");
    g_autofree char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return g_new0(char *, 1);
    return g_strsplit(g_strchomp(text), "\n", -1);
}

guint script_count(const Box *box, const char *action)
{
    guint n = 0;
    g_auto(GStrv) lines = script_requests(box);
    g_autofree char *wanted = g_strdup_printf("{\"action\":\"%s\"", action);
    for (char **line = lines; *line; line++)
        n += g_str_has_prefix(*line, wanted);
    return n;
}

json_t *json_at(json_t *value, const char *path)
{
    g_auto(GStrv) names = g_strsplit(path, ".", -1);
    json_t *at = value;
    for (char **name = names; *name; name++)
        at = json_is_array(at) ? json_array_get(at, (size_t)g_ascii_strtoull(*name, NULL, 10))
                               : json_object_get(at, *name);
    if (!at)
        g_error("\"%s\" is not in %s", path, json_dumps(value, JSON_ENCODE_ANY));
    return at;
}

const char *text_at(json_t *value, const char *path)
{
    return json_string_value(json_at(value, path));
}

void assert_error(GError **error, AppcenterError kind, const char *part)
{
    g_assert_nonnull(*error);
    g_assert_true((*error)->domain == APPCENTER_ERROR);
    if (!strstr((*error)->message, part))
        g_error("wanted an error with \"%s\", found \"%s\"", part, (*error)->message);
    g_assert_cmpstr(error_code_name((AppcenterError)(*error)->code), ==, error_code_name(kind));
    g_clear_error(error);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN); /* as the daemon's main does */
    api_tests();
    door_tests();
    courier_tests();
    schedule_tests();
    views_tests();
    jobs_tests();
    server_tests();
    stream_tests();
    return g_test_run();
}
