/* main.c - unit tests of room job: requests in, lines out. What a job does is the engine's and tested there. */
#include "job/job.h"

#include <string.h>
#include <unistd.h>

static void a_request_is_an_action_with_an_object(void)
{
    const struct {
        const char *text;
        gboolean is_good;
    } rows[] = {
        {"{\"job\":7,\"action\":\"refresh\",\"request\":{}}", TRUE},
        {"{\"job\":7,\"request\":{}}", FALSE},
        {"{\"job\":\"7\",\"action\":\"refresh\",\"request\":{}}", FALSE},
        {"{\"job\":7,\"action\":\"refresh\",\"request\":[]}", FALSE},
        {"{\"job\":7,\"action\":\"refresh\",\"request\":{}} x", FALSE},
        {"", FALSE},
        {"\xff", FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(Job) job = {0};
        gboolean is_good = job_parse(rows[i].text, strlen(rows[i].text), &job, &error);
        g_test_message("row %" G_GSIZE_FORMAT, i);
        g_assert_cmpint(is_good, ==, rows[i].is_good);
        g_assert_cmpint(error != NULL, ==, !rows[i].is_good);
        if (is_good) {
            g_assert_cmpint(job.id, ==, 7);
            g_assert_cmpstr(job.action, ==, "refresh");
        }
    }
}

/* Runs a job against a pipe and gives its last line; the exit code goes to *code. */
static json_t *last_line_of(const char *text, const char *root, int *code)
{
    int ends[2];
    char buffer[65536];
    g_auto(Job) job = {0};
    g_assert_cmpint(pipe(ends), ==, 0);
    g_assert_true(job_parse(text, strlen(text), &job, NULL));
    *code = job_run(&job, root, 1800000000, ends[1]);
    close(ends[1]);
    ssize_t len = read(ends[0], buffer, sizeof buffer - 1);
    close(ends[0]);
    g_assert_cmpint(len, >, 1);
    g_assert_cmpint(buffer[len - 1], ==, '\n');
    buffer[len - 1] = '\0';
    const char *line = strrchr(buffer, '\n');
    json_t *value = json_loads(line ? line + 1 : buffer, 0, NULL);
    g_assert_nonnull(value);
    return value;
}

static void the_last_line_is_the_result(void)
{
    const struct {
        const char *request, *code;
    } rows[] = {
        {"{\"job\":1,\"action\":\"recover\",\"request\":{}}", "ok"},
        {"{\"job\":2,\"action\":\"rollback\",\"request\":{\"action\":\"rollback\",\"apps\":[{\"name\":"
         "\"None\"}]}}",
         "not-found"},
        {"{\"job\":3,\"action\":\"dance\",\"request\":{}}", "invalid"},
    };
    g_autofree char *root = g_dir_make_tmp("appcenter-job-XXXXXX", NULL);
    g_autofree char *volume = g_build_filename(root, "share", "CACHEDEV1_DATA", NULL);
    g_assert_cmpint(g_mkdir_with_parents(volume, 0755), ==, 0);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        int code = -1;
        g_autoptr(json_t) line = last_line_of(rows[i].request, root, &code);
        g_assert_cmpstr(json_string_value(json_object_get(line, "event")), ==, "result");
        g_assert_cmpstr(json_string_value(json_object_get(line, "code")), ==, rows[i].code);
        g_assert_cmpint(json_integer_value(json_object_get(line, "exit")), ==, code);
    }
    g_autofree char *base = g_path_get_basename(root);
    g_autoptr(RootDir) temp = root_dir_open(g_get_tmp_dir(), NULL);
    g_assert_true(files_remove_tree_at(root_dir_fd(temp), base, NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    log_set_level(LOG_LEVEL_ERROR);
    g_test_add_func("/job/a_request_is_an_action_with_an_object", a_request_is_an_action_with_an_object);
    g_test_add_func("/job/the_last_line_is_the_result", the_last_line_is_the_result);
    return g_test_run();
}
