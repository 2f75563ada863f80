/* door_test.c - what stands at the door: who a peer is, problem documents, masked secrets, the spool. */
#include "tests.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "daemon/problem.h"
#include "daemon/spool.h"
#include "daemon/views.h"

#define APPCENTER_GID 77

static void test_a_peer_is_what_the_kernel_says(void)
{
    static const struct {
        uid_t uid;
        gid_t groups[3];
        gsize n_groups;
        gid_t appcenter;
        gboolean is_private;
        uid_t own;
        PeerLevel level;
    } cases[] = {
        {0, {0}, 1, APPCENTER_GID, FALSE, 0, PEER_ROOT},
        {0, {0}, 0, (gid_t)-1, FALSE, 0, PEER_ROOT},
        {1000, {1000}, 1, APPCENTER_GID, FALSE, 0, PEER_ANY},
        {1000, {APPCENTER_GID}, 1, APPCENTER_GID, FALSE, 0, PEER_GROUP},
        {1000, {1000, 4, APPCENTER_GID}, 3, APPCENTER_GID, FALSE, 0, PEER_GROUP},
        {1000, {1000, 4, APPCENTER_GID}, 2, APPCENTER_GID, FALSE, 0, PEER_ANY},
        {1000, {1000, (gid_t)-1}, 2, (gid_t)-1, FALSE, 0, PEER_ANY},
        {1000, {1000}, 1, APPCENTER_GID, FALSE, 1000, PEER_ANY},
        {1000, {1000}, 1, APPCENTER_GID, TRUE, 1000, PEER_ROOT},
        {1001, {1001}, 1, APPCENTER_GID, TRUE, 1000, PEER_ANY},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpstr(peer_level_name(peer_level(cases[i].uid, cases[i].groups, cases[i].n_groups,
                                                   cases[i].appcenter, cases[i].is_private, cases[i].own)),
                        ==, peer_level_name(cases[i].level));
}

static void test_what_is_no_socket_is_nobody(void)
{
    g_auto(Fd) fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    Peer peer = peer_of_socket(fd, TRUE);
    g_assert_cmpint(peer.level, ==, PEER_ANY);
    g_assert_cmpuint(peer.uid, ==, (uid_t)-1);
}

static void test_every_kind_of_error_makes_a_problem_document(void)
{
    for (int kind = APPCENTER_ERROR_INVALID; kind <= APPCENTER_ERROR_INTERNAL; kind++) {
        int status = 0;
        g_autoptr(GError) error = g_error_new_literal(APPCENTER_ERROR, kind, "a sentence");
        g_autoptr(json_t) document = problem_document(error, 0, &status);
        g_assert_cmpstr(text_at(document, "type"), ==, "about:blank");
        g_assert_cmpstr(text_at(document, "detail"), ==, "a sentence");
        g_assert_cmpstr(text_at(document, "title"), ==, problem_title(status));
        g_assert_cmpstr(text_at(document, "code"), ==, error_code_name((AppcenterError)kind));
        g_assert_cmpint(json_integer_value(json_at(document, "status")), ==, status);
        g_assert_cmpint(json_integer_value(json_at(document, "exit")), ==,
                        error_exit_code((AppcenterError)kind));
        if (status != 500)
            g_assert_cmpstr(problem_title(status), !=, "Internal Server Error");
    }
}

static void test_a_problem_that_quotes_bytes_still_is_a_document(void)
{
    int status = 0;
    g_autoptr(GError) error =
        g_error_new_literal(APPCENTER_ERROR, APPCENTER_ERROR_NOT_FOUND, "no job \"\xff\"");
    g_autoptr(json_t) document = problem_document(error, 0, &status);
    g_assert_cmpint(status, ==, 404);
    g_assert_nonnull(strstr(text_at(document, "detail"), "no job"));
}

static void test_secrets_in_urls_are_masked(void)
{
    static const char *const cases[][2] = {
        {"https://user:secret@host/path", "https://***@host/path"},
        {"https://token@host:8443/", "https://***@host:8443/"},
        {"https://user:p@ss@host/", "https://***@host/"},
        {"socks5h://u:p@proxy:1080", "socks5h://***@proxy:1080"},
        {"https://host/a@b", "https://host/a@b"},
        {"https://host?mail=a@b", "https://host?mail=a@b"},
        {"https://host", "https://host"},
        {"file:///srv/repo", "file:///srv/repo"},
        {"admin@example.com", "admin@example.com"},
        {"", ""},
        {"get https://u:p@a/x: no; http://v:q@b/", "get https://***@a/x: no; http://***@b/"},
        {"\"https://u:p@a\" and a@b", "\"https://***@a\" and a@b"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *masked = view_mask_url(cases[i][0]);
        g_assert_cmpstr(masked, ==, cases[i][1]);
    }
}

static void test_a_token_names_a_file_of_the_spool_and_nothing_else(void)
{
    static const char *const bad[] = {"",
                                      "..",
                                      "/etc/passwd",
                                      "0123456789abcdef0123456789abcde",
                                      "0123456789ABCDEF0123456789ABCDEF",
                                      "../../../0123456789abcdef0123456789ab",
                                      "0123456789abcdef0123456789abcdef0"};
    g_autofree char *good = spool_path("0123456789abcdef0123456789abcdef");
    g_assert_true(g_str_has_prefix(good, "/var/lib/appcenter/"));
    g_assert_null(spool_path(NULL));
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_null(spool_path(bad[i]));
}

static char *spool_one(const Box *box)
{
    char *token = NULL;
    g_autoptr(GError) error = NULL;
    g_auto(Fd) fd = spool_create(box->daemon.root, &token, &error);
    g_assert_no_error(error);
    g_assert_cmpint(fd, >=, 0);
    char *path = spool_path(token);
    g_free(token);
    return path;
}

static void test_cleaning_the_spool_keeps_what_is_young_or_named_by_a_job(void)
{
    g_auto(Box) box = {0};
    box_init(&box);
    g_autofree char *named = spool_one(&box);
    g_autofree char *unnamed = spool_one(&box);
    g_assert_cmpstr(named, !=, unnamed);
    g_autoptr(json_t) request = json_pack("{s:{s:s}}", "options", "file", named);
    must(jobs_queue(box.daemon.jobs, "wait", request, NULL, 0, OR_FAIL));
    spool_clean(box.daemon.root, box.daemon.jobs, 1000);
    g_assert_true(root_dir_exists(box.daemon.root, unnamed));
    spool_clean(box.daemon.root, box.daemon.jobs, G_MAXINT64);
    g_assert_true(root_dir_exists(box.daemon.root, named));
    g_assert_false(root_dir_exists(box.daemon.root, unnamed));
}

void door_tests(void)
{
    g_test_add_func("/peer/a_peer_is_what_the_kernel_says", test_a_peer_is_what_the_kernel_says);
    g_test_add_func("/peer/what_is_no_socket_is_nobody", test_what_is_no_socket_is_nobody);
    g_test_add_func("/problem/every_kind_of_error_makes_a_document",
                    test_every_kind_of_error_makes_a_problem_document);
    g_test_add_func("/problem/one_that_quotes_bytes_still_is_a_document",
                    test_a_problem_that_quotes_bytes_still_is_a_document);
    g_test_add_func("/views/secrets_in_urls_are_masked", test_secrets_in_urls_are_masked);
    g_test_add_func("/spool/a_token_names_a_file_of_the_spool_and_nothing_else",
                    test_a_token_names_a_file_of_the_spool_and_nothing_else);
    g_test_add_func("/spool/cleaning_keeps_what_is_young_or_named_by_a_job",
                    test_cleaning_the_spool_keeps_what_is_young_or_named_by_a_job);
}
