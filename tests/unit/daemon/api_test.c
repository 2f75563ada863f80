/* api_test.c - the route table against its document, finding a route, and who may use it. */
#include "tests.h"

#include <string.h>

#define N_LEVELS 3

/* The rows of the first table of docs/api.md that name a route: "| `GET /v1/system` | any | ..." -> method,
 * path, level. */
static GPtrArray *documented_routes(void)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GRegex) row =
        g_regex_new("^\\| `([A-Z]+) (/[^`?]*)[^`]*` \\| ([a-z]+) \\|", G_REGEX_MULTILINE, 0, &error);
    g_assert_no_error(error);
    if (!g_file_get_contents("docs/api.md", &text, NULL, &error))
        g_error("run from the top of the source tree: %s", error->message);
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    g_autoptr(GMatchInfo) match = NULL;
    for (g_regex_match(row, text, 0, &match); g_match_info_matches(match); g_match_info_next(match, NULL))
        g_ptr_array_add(rows, g_match_info_fetch_all(match));
    return rows;
}

static void test_the_route_table_is_the_documented_one(void)
{
    g_autoptr(GPtrArray) rows = documented_routes();
    g_assert_cmpuint(rows->len, ==, api_n_routes);
    for (guint i = 0; i < rows->len; i++) {
        char **row = rows->pdata[i];
        g_assert_cmpstr(api_routes[i].method, ==, row[1]);
        g_assert_cmpstr(api_routes[i].pattern, ==, row[2]);
        g_assert_cmpstr(peer_level_name(api_routes[i].level), ==, row[3]);
        g_assert_nonnull(api_routes[i].handler);
    }
}

/* What each role may, written out here once more: a table that forgets to ask is seen. */
static void test_each_role_may_what_the_matrix_says(void)
{
    static const char any[] = "GET /v1/system;GET /v1/apps;";
    static const char root[] =
        "POST /v1/files;PUT /v1/repositories;DELETE /v1/repositories/{name};POST /v1/doctor/accept;"
        "PUT /v1/config;";
    for (gsize i = 0; i < api_n_routes; i++) {
        g_autofree char *name = g_strdup_printf("%s %s;", api_routes[i].method, api_routes[i].pattern);
        gboolean may[N_LEVELS] = {strstr(any, name) != NULL, strstr(root, name) == NULL, TRUE};
        for (int level = PEER_ANY; level <= PEER_ROOT; level++) {
            g_autoptr(GError) error = NULL;
            Peer peer = {.level = (PeerLevel)level, .uid = 1000};
            g_assert_cmpint(api_is_permitted(&api_routes[i], &peer, &error), ==, may[level]);
            if (!may[level])
                assert_error(&error, APPCENTER_ERROR_DENIED, api_routes[i].pattern);
        }
    }
}

static void test_a_path_finds_its_route_or_none(void)
{
    static const struct {
        const char *method, *path, *pattern, *name;
        int status;
    } cases[] = {
        {"GET", "/v1/apps", "/v1/apps", NULL, 200},
        {"POST", "/v1/apps", "/v1/apps", NULL, 200},
        {"GET", "/v1/apps/PhotoStation", "/v1/apps/{name}", "PhotoStation", 200},
        {"GET", "/v1/apps/A/why", "/v1/apps/{name}/why", "A", 200},
        {"GET", "/v1/apps/why", "/v1/apps/{name}", "why", 200},
        {"DELETE", "/v1/jobs/7", "/v1/jobs/{id}", "7", 200},
        {"DELETE", "/v1/repositories/main", "/v1/repositories/{name}", "main", 200},
        {"GET", "/metrics", "/metrics", NULL, 200},
        {"PATCH", "/v1/apps", NULL, NULL, 405},
        {"HEAD", "/v1/system", NULL, NULL, 405},
        {"get", "/v1/system", NULL, NULL, 405},
        {"POST", "/v1/apps/A/why", NULL, NULL, 405},
        {"GET", "/", NULL, NULL, 404},
        {"GET", "", NULL, NULL, 404},
        {"GET", "/v1/apps/", NULL, NULL, 404},
        {"GET", "/v1/apps//why", NULL, NULL, 404},
        {"GET", "/v1/apps/A/", NULL, NULL, 404},
        {"GET", "/v1/apps/A/why/not", NULL, NULL, 404},
        {"GET", "/v1/apps/A/whynot", NULL, NULL, 404},
        {"GET", "/v1/system/", NULL, NULL, 404},
        {"GET", "//v1/system", NULL, NULL, 404},
        {"GET", "/v2/system", NULL, NULL, 404},
        {"GET", "/V1/system", NULL, NULL, 404},
        {"DELETE", "/v1/repositories/a/b", NULL, NULL, 404},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *name = NULL;
        int status = 0;
        const ApiRoute *route = api_find(cases[i].method, cases[i].path, &name, &status);
        g_assert_cmpint(status, ==, cases[i].status);
        g_assert_cmpstr(route ? route->pattern : NULL, ==, cases[i].pattern);
        g_assert_cmpstr(name, ==, cases[i].name);
        if (route)
            g_assert_cmpstr(route->method, ==, cases[i].method);
    }
}

static void test_a_placeholder_takes_at_most_a_hundred_bytes(void)
{
    g_autofree char *letters = g_strnfill(101, 'a');
    g_autofree char *too_long = g_strconcat("/v1/apps/", letters, NULL);
    int status;
    g_assert_null(api_find("GET", too_long, NULL, &status));
    g_assert_cmpint(status, ==, 404);
    too_long[strlen(too_long) - 1] = '\0';
    g_assert_nonnull(api_find("GET", too_long, NULL, &status));
}

void api_tests(void)
{
    g_test_add_func("/api/the_route_table_is_the_documented_one", test_the_route_table_is_the_documented_one);
    g_test_add_func("/api/each_role_may_what_the_matrix_says", test_each_role_may_what_the_matrix_says);
    g_test_add_func("/api/a_path_finds_its_route_or_none", test_a_path_finds_its_route_or_none);
    g_test_add_func("/api/a_placeholder_takes_at_most_a_hundred_bytes",
                    test_a_placeholder_takes_at_most_a_hundred_bytes);
}
