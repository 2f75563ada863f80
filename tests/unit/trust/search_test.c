/* search_test.c - who vouches for a path: order, patterns, bins, and delegated roles that are checked like all others. */
#include "repo.h"

#include <string.h>

/* Publishes these delegated roles and all that announces them. */
static void publish_all(Repo *repo, const char *roles)
{
    g_auto(GStrv) names = g_strsplit(roles, " ", -1);
    for (char **name = names; *name; name++)
        repo_publish(repo, *name);
    repo_bump_all(repo, "targets snapshot timestamp");
}

static void assert_found(Box *box, Repo *repo, const char *path, const char *role)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(TufTarget) target = box_search(box, repo, path, &error);
    g_assert_no_error(error);
    if (!target)
        g_error("%s: wanted it from %s, found nothing: %s", path, role,
                tuf_client_why_not_found(box->client));
    g_assert_cmpstr(target->path, ==, path);
    g_assert_cmpstr(target->role, ==, role);
    g_assert_null(tuf_client_why_not_found(box->client));
}

static void assert_not_found(Box *box, Repo *repo, const char *path, const char *why)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(TufTarget) target = box_search(box, repo, path, &error);
    g_assert_no_error(error);
    g_assert_null(target);
    g_assert_cmpstr(tuf_client_why_not_found(box->client), ==, why);
}

static void assert_search_refused(Box *box, Repo *repo, const char *path, AppcenterError kind,
                                  const char *part)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(box_search(box, repo, path, &error));
    assert_error(&error, kind, part);
    g_assert_nonnull(strstr(tuf_client_why_not_found(box->client), part));
}

/* ---- order ---- */

static const struct {
    const char *what;
    const char *edges; /* "PARENT>CHILD", with "!" behind it when terminating; T is targets */
    const char *visits;
} graphs[] = {
    {"one", "T>A", "A"},
    {"siblings in order", "T>A T>B T>C", "A B C"},
    {"children before siblings", "T>A T>B A>C A>D B>E", "A C D B E"},
    {"deep", "T>A A>B B>C C>D", "A B C D"},
    {"a role once", "T>A T>B A>C B>C C>D", "A C D B"},
    {"a loop", "T>A A>B B>A", "A B"},
    {"a loop to itself", "T>A A>A T>B", "A B"},
    {"terminating ends its siblings", "T>A! T>B", "A"},
    {"terminating in the middle", "T>A T>B! T>C", "A B"},
    {"terminating below ends those above", "T>A T>B A>C! C>D", "A C D"},
    {"terminating children still go on", "T>A! A>B A>C T>D", "A B C"},
    {"terminating twice", "T>A A>B! A>C T>D B>E B>F!", "A B E F"},
    {"a loop through a terminating one", "T>A A>B! B>A T>C", "A B"},
};

static void add_graph(Repo *repo, const char *edges)
{
    g_auto(GStrv) list = g_strsplit(edges, " ", -1);
    GString *roles = g_string_new(NULL);
    for (char **edge = list; *edge; edge++) {
        char parent[2] = {(*edge)[0], 0};
        char child[2] = {(*edge)[2], 0};
        gboolean is_new = !repo_part(repo, child);
        repo_delegate(repo, *parent == 'T' ? "targets" : parent, child, (guint)(8 + child[0] - 'A'),
                      (*edge)[3] == '!' ? "{'paths':['*'],'terminating':true}" : "{'paths':['*']}");
        if (is_new)
            g_string_append_printf(roles, "%s%s", roles->len > 0 ? " " : "", child);
    }
    publish_all(repo, roles->str);
    g_string_free(roles, TRUE);
}

static void test_order(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(graphs); i++) {
        g_test_message("%s", graphs[i].what);
        g_autoptr(Repo) repo = repo_new();
        g_autoptr(Box) box = box_new(repo);
        add_graph(repo, graphs[i].edges);
        assert_refreshes(box, repo);
        assert_not_found(box, repo, "nobody-has-it", NULL);
        g_autofree char *wanted = g_strdup_printf(" %s", graphs[i].visits);
        g_autoptr(GString) asked = g_string_new(NULL);
        for (const char *c = box->asked->str; *c; c++)
            if (*c >= 'A' && *c <= 'Z')
                g_string_append_printf(asked, " %c", *c);
        g_assert_cmpstr(asked->str, ==, wanted);
    }
}

/* CVE-2024-47534 (go-tuf): the wrong one of two that list the same path. */
static void test_first_wins(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    add_graph(repo, "T>A T>B A>C");
    repo_add_target(repo, "C", "x", "from C");
    repo_add_target(repo, "B", "x", "from B");
    repo_add_target(repo, "B", "y", "from B");
    repo_add_target(repo, "targets", "z", "from the top");
    repo_add_target(repo, "A", "z", "from A");
    repo_bump_all(repo, "A B C targets snapshot timestamp");
    assert_refreshes(box, repo);
    assert_found(box, repo, "x", "C");
    assert_found(box, repo, "y", "B");
    assert_found(box, repo, "z", "targets");
}

/* CVE-2025-2886 (tough): a terminating delegation that was none. */
static void test_terminating(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    repo_delegate(repo, "targets", "A", 8, "{'paths':['acme-*'],'terminating':true}");
    repo_delegate(repo, "targets", "B", 9, "{'paths':['*']}");
    repo_add_target(repo, "B", "acme-app", "not acme's");
    repo_add_target(repo, "B", "other", "free");
    publish_all(repo, "A B");
    assert_refreshes(box, repo);
    assert_not_found(box, repo, "acme-app", NULL);
    assert_found(box, repo, "other", "B");
}

static void test_many_delegations(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    GString *roles = g_string_new(NULL);
    for (int i = 1; i <= TUF_MAX_DELEGATIONS + 1; i++) {
        g_autofree char *name = g_strdup_printf("r%d", i);
        repo_delegate(repo, "targets", name, 8, "{'paths':['*']}");
        g_string_append_printf(roles, "%s%s", i > 1 ? " " : "", name);
    }
    repo_add_target(repo, "r32", "last", "32nd");
    repo_add_target(repo, "r33", "beyond", "33rd");
    publish_all(repo, roles->str);
    g_string_free(roles, TRUE);
    assert_refreshes(box, repo);
    assert_found(box, repo, "last", "r32");
    assert_not_found(box, repo, "beyond", "more than 32 delegations lead to it");
}

/* ---- which paths ---- */

static const struct {
    const char *pattern;
    const char *path;
    gboolean matches;
} patterns[] = {
    {"*", "a", TRUE},
    {"*", "a/b", FALSE},
    {"*/*", "a/b", TRUE},
    {"*/*", "a/b/c", FALSE},
    {"a/*", "a/b", TRUE},
    {"a/*", "a/b/c", FALSE},
    {"a/*", "b/b", FALSE},
    {"a/*", "a", FALSE},
    {"a", "a/b", FALSE},
    {"*.tgz", "x.tgz", TRUE},
    {"*.tgz", ".tgz", TRUE},
    {"*.tgz", "x.TGZ", FALSE},
    {"*.tgz", "x.tgz.sig", FALSE},
    {"a?c", "abc", TRUE},
    {"a?c", "a/c", FALSE},
    {"a?c", "ac", FALSE},
    {"a?c",
     "a\xc3\xa9"
     "c",
     TRUE},
    {"*b*d*", "abcde", TRUE},
    {"*b*d*", "adcb", FALSE},
    {"a*b/c*d", "axxb/cd", TRUE},
    {"[ab]", "a", FALSE},
    {"[ab]", "[ab]", TRUE},
    {"***a", "bba", TRUE},
    {"a*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", FALSE},
    {"", "a", FALSE},
};

static void test_patterns(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(patterns); i++) {
        g_test_message("%s against %s", patterns[i].pattern, patterns[i].path);
        g_autoptr(Repo) repo = repo_new();
        g_autoptr(Box) box = box_new(repo);
        g_autofree char *extra = g_strdup_printf("{'paths':['no/match','%s']}", patterns[i].pattern);
        repo_delegate(repo, "targets", "A", 8, extra);
        repo_add_target(repo, "A", patterns[i].path, "content");
        publish_all(repo, "A");
        assert_refreshes(box, repo);
        if (patterns[i].matches)
            assert_found(box, repo, patterns[i].path, "A");
        else
            assert_not_found(box, repo, patterns[i].path, NULL);
    }
}

/* A link of the chain that does not allow the path cuts it, whatever those below would allow. */
static void test_every_link(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    repo_delegate(repo, "targets", "A", 8, "{'paths':['acme/*']}");
    repo_delegate(repo, "A", "B", 9, "{'paths':['*/*']}");
    repo_add_target(repo, "B", "acme/x", "fine");
    repo_add_target(repo, "B", "other/x", "not theirs to state");
    publish_all(repo, "A B");
    assert_refreshes(box, repo);
    assert_found(box, repo, "acme/x", "B");
    assert_not_found(box, repo, "other/x", NULL);
}

static void test_hash_prefixes(void)
{
    /* sha256("files/a.tgz") starts with e1, computed by sha256sum */
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    repo_delegate(repo, "targets", "low", 8, "{'path_hash_prefixes':['0','1','2','3','4','5','6','7','e0']}");
    repo_delegate(repo, "targets", "high", 9, "{'path_hash_prefixes':['8','e184','f']}");
    repo_add_target(repo, "low", "files/a.tgz", "wrong bin");
    repo_add_target(repo, "high", "files/a.tgz", "right bin");
    publish_all(repo, "low high");
    assert_refreshes(box, repo);
    assert_found(box, repo, "files/a.tgz", "high");
    g_assert_cmpstr(box->asked->str, ==, "1.high.json");
}

/* TAP 15: the first bits of the path's hash name the bin; e184... in 10 bits is 0x386, in 4 bits 0xe. */
static void test_succinct_roles(void)
{
    static const struct {
        int bits;
        const char *bin;
    } cases[] = {{1, "bin-1"}, {4, "bin-e"}, {10, "bin-386"}, {32, "bin-e1847d32"}};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Repo) repo = repo_new();
        g_autoptr(Box) box = box_new(repo);
        repo_delegate(repo, "targets", cases[i].bin, 8, "{}");
        json_t *delegations = json_object_get(repo_part(repo, "targets"), "delegations");
        json_t *entry = json_array_get(json_object_get(delegations, "roles"), 0);
        json_object_set_new(delegations, "succinct_roles",
                            json_pack("{s:O, s:i, s:i, s:s}", "keyids", json_object_get(entry, "keyids"),
                                      "threshold", 1, "bit_length", cases[i].bits, "name_prefix", "bin"));
        json_object_del(delegations, "roles");
        repo_add_target(repo, cases[i].bin, "files/a.tgz", "content");
        publish_all(repo, cases[i].bin);
        assert_refreshes(box, repo);
        assert_found(box, repo, "files/a.tgz", cases[i].bin);
    }
}

/* ---- delegated roles are checked like all others ---- */

/* One publisher with one target, all good. */
static Repo *acme_repo(void)
{
    Repo *repo = repo_new();
    repo_delegate(repo, "targets", "acme", 8, "{'paths':['acme/*']}");
    repo_delegate(repo, "targets", "other", 9, "{'paths':['other/*']}");
    repo_add_target(repo, "acme", "acme/x", "content");
    repo_add_target(repo, "other", "other/x", "content");
    publish_all(repo, "acme other");
    return repo;
}

static void test_delegated_cache(void)
{
    g_autoptr(Repo) repo = acme_repo();
    g_autoptr(Box) box = box_new(repo);
    assert_refreshes(box, repo);
    assert_found(box, repo, "acme/x", "acme");
    g_assert_cmpstr(box->asked->str, ==, "1.acme.json");
    assert_found(box, repo, "acme/x", "acme");
    g_assert_cmpstr(box->asked->str, ==, "");
    assert_refreshes(box, repo);
    assert_found(box, repo, "acme/x", "acme");
    g_assert_cmpstr(box->asked->str, ==, "");
    repo_bump_all(repo, "acme snapshot timestamp");
    assert_refreshes(box, repo);
    assert_found(box, repo, "acme/x", "acme");
    g_assert_cmpstr(box->asked->str, ==, "2.acme.json");
}

/* CVE-2026-6966 (tough): duplicate signatures reach the threshold, of delegated roles this time. */
static void test_delegated_threshold(void)
{
    g_autoptr(Repo) repo = acme_repo();
    g_autoptr(Box) box = box_new(repo);
    json_t *roles = json_object_get(json_object_get(repo_part(repo, "targets"), "delegations"), "roles");
    json_t *entry = json_array_get(roles, 0);
    json_array_append(json_object_get(entry, "keyids"), json_array_get(json_object_get(entry, "keyids"), 0));
    json_object_set_new(entry, "threshold", json_integer(2));
    repo_bump_all(repo, "targets snapshot timestamp");
    assert_refreshes(box, repo);
    assert_search_refused(box, repo, "acme/x", APPCENTER_ERROR_UNTRUSTED,
                          "acme 1 is signed by 1 of 2 needed keys of targets");
    g_assert_cmpint(box_version(box, "acme"), ==, 0);
}

/* CVE-2026-6967 (tough): no expiry, hash and length checks on delegated metadata. */
static void test_delegated_expiry(void)
{
    g_autoptr(Repo) repo = acme_repo();
    g_autoptr(Box) box = box_new(repo);
    repo_set(repo, "acme", "expires", json_string(EXPIRED));
    repo_bump_all(repo, "acme snapshot timestamp");
    assert_refreshes(box, repo);
    assert_search_refused(box, repo, "acme/x", APPCENTER_ERROR_EXPIRED,
                          "acme 2 expired at 2026-11-21T09:00:00Z");
}

static void test_delegated_hash(void)
{
    g_autoptr(Repo) repo = acme_repo();
    g_autoptr(Box) box = box_new(repo);
    repo->announces_hashes = TRUE;
    repo_bump_all(repo, "acme snapshot timestamp");
    repo_set(repo, "acme", "expires", json_string("2028-11-22T09:00:00Z"));
    g_autoptr(GBytes) other =
        tuf_sign(repo_part(repo, "acme"), g_hash_table_lookup(repo->signers, "acme"), NULL);
    repo_serve(repo, "acme", other);
    assert_refreshes(box, repo);
    assert_search_refused(box, repo, "acme/x", APPCENTER_ERROR_UNTRUSTED, "acme 2: sha256");
}

static void test_delegated_version(void)
{
    g_autoptr(Repo) repo = acme_repo();
    g_autoptr(Box) box = box_new(repo);
    g_autoptr(GBytes) old = g_bytes_ref(repo_file(repo, "acme"));
    repo_bump_all(repo, "acme snapshot timestamp");
    repo_serve(repo, "acme", old);
    assert_refreshes(box, repo);
    assert_search_refused(box, repo, "acme/x", APPCENTER_ERROR_UNTRUSTED,
                          "acme: version 2 announced by snapshot 3, found 1");
}

/* A bad publisher must not keep the box from the others. */
static void test_other_searches_go_on(void)
{
    g_autoptr(Repo) repo = acme_repo();
    g_autoptr(Box) box = box_new(repo);
    g_hash_table_remove(repo->files, "1.acme.json");
    assert_refreshes(box, repo);
    assert_search_refused(box, repo, "acme/x", APPCENTER_ERROR_NETWORK, "the repository has no 1.acme.json");
    assert_found(box, repo, "other/x", "other");
}

static void test_not_in_snapshot(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    repo_delegate(repo, "targets", "acme", 8, "{'paths':['acme/*']}");
    repo_add_target(repo, "acme", "acme/x", "content");
    publish_all(repo, "acme");
    json_object_del(json_object_get(repo_part(repo, "snapshot"), "meta"), "acme.json");
    repo_bump_all(repo, "snapshot timestamp");
    assert_refreshes(box, repo);
    assert_not_found(box, repo, "acme/x", "snapshot 3 does not list acme");
    g_assert_cmpstr(box->asked->str, ==, "");
}

/* (suite, 2026; python-tuf and go-tuf) a role that one delegator vouches for, reached through another. */
static void test_other_delegator(void)
{
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    repo_delegate(repo, "targets", "A", 8, "{'paths':['a/*']}");
    repo_delegate(repo, "targets", "B", 9, "{'paths':['b/*']}");
    repo_delegate(repo, "A", "shared", 10, "{'paths':['a/*']}");
    repo_delegate(repo, "B", "shared", 11, "{'paths':['b/*']}");
    g_ptr_array_set_size(g_hash_table_lookup(repo->signers, "shared"), 1); /* by A's key alone */
    repo_add_target(repo, "shared", "a/x", "fine");
    repo_add_target(repo, "shared", "b/x", "not vouched for");
    publish_all(repo, "A B shared");
    assert_refreshes(box, repo);
    assert_found(box, repo, "a/x", "shared");
    assert_not_found(box, repo, "b/x", "shared 1 is signed by 0 of 1 needed keys of B");

    /* the same with the role from the store */
    assert_refreshes(box, repo);
    assert_search_refused(box, repo, "b/x", APPCENTER_ERROR_UNTRUSTED,
                          "shared 1 is signed by 0 of 1 needed keys of B");
    assert_found(box, repo, "a/x", "shared");
}

/* ---- names ---- */

/* CVE-2021-41131 (python-tuf), CVE-2021-41150 (tough), php-tuf: role names that are paths. */
static void test_role_names(void)
{
    static const struct {
        const char *name;
        const char *file_name;
    } cases[] = {
        {"?", "1.%3F.json"},
        {"#", "1.%23.json"},
        {"/abs", "1.%2Fabs.json"},
        {"../up", "1...%2Fup.json"},
        {"a b%", "1.a%20b%25.json"},
        {"\xc3\xa9", "1.%C3%A9.json"},
        {"line\nfeed", "1.line%0Afeed.json"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Repo) repo = repo_new();
        g_autoptr(Box) box = box_new(repo);
        repo_delegate(repo, "targets", cases[i].name, 8, "{'paths':['*']}");
        repo_add_target(repo, cases[i].name, "x", "content");
        repo_publish(repo, cases[i].name);
        repo_bump_all(repo, "targets snapshot timestamp");
        assert_refreshes(box, repo);
        assert_found(box, repo, "x", cases[i].name);
        g_assert_cmpstr(box->asked->str, ==, cases[i].file_name);
        g_assert_null(strchr(cases[i].file_name, '/'));
    }
}

/* CVE-2021-41149, CVE-2026-6968 (tough): target names that lead out of their folder. */
static void test_target_names(void)
{
    static const char *const bad[] = {"../x", "/x", "a//x", "a/../x", ".", "", "a/", "a\nb"};
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        repo_add_target(repo, "targets", bad[i], "content");
    repo_bump_all(repo, "targets snapshot timestamp");
    assert_refreshes(box, repo);
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        assert_not_found(box, repo, bad[i], "no path of a target: it would leave the folder of targets");
}

/* sha256("content") */
#define CONTENT_SHA256 "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"

static void test_file_path(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    repo_add_target(repo, "targets", "a b/c/x#1.tgz", "content");
    repo_add_target(repo, "targets", "top", "content");
    repo_bump_all(repo, "targets snapshot timestamp");
    assert_refreshes(box, repo);
    g_autoptr(TufTarget) deep = box_search(box, repo, "a b/c/x#1.tgz", &error);
    g_autoptr(TufTarget) top = box_search(box, repo, "top", &error);
    g_assert_cmpstr(deep->file_path, ==, "a%20b/c/" CONTENT_SHA256 ".x%231.tgz");
    g_assert_cmpstr(top->file_path, ==, CONTENT_SHA256 ".top");
    g_assert_cmpint(top->length, ==, 7);
    g_assert_null(top->custom);
    repo_set(repo, "root", "consistent_snapshot", json_false());
    repo_bump_all(repo, "root targets snapshot timestamp");
    assert_refreshes(box, repo);
    g_autoptr(TufTarget) plain = box_search(box, repo, "a b/c/x#1.tgz", &error);
    g_assert_cmpstr(plain->file_path, ==, "a%20b/c/x%231.tgz");
}

static void test_target_members(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Repo) repo = repo_new();
    g_autoptr(Box) box = box_new(repo);
    g_autofree char *sum = digest_hex_of(DIGEST_SHA512, "content", 7);
    json_t *targets = json_object_get(repo_part(repo, "targets"), "targets");
    json_object_set_new(targets, "long",
                        json_pack("{s:i, s:{s:s, s:s}, s:{s:s}}", "length", 7, "hashes", "sha512", sum,
                                  "blake9", "?", "custom", "kind", "catalogue"));
    json_object_set_new(targets, "strange",
                        json_pack("{s:i, s:{s:s}}", "length", 7, "hashes", "blake9", "?"));
    repo_bump_all(repo, "targets snapshot timestamp");
    assert_refreshes(box, repo);
    g_autoptr(TufTarget) target = box_search(box, repo, "long", &error);
    g_assert_null(target->sha256);
    g_assert_cmpstr(target->sha512, ==, sum);
    g_assert_cmpstr(json_string_value(json_object_get(target->custom, "kind")), ==, "catalogue");
    g_assert_true(g_str_has_prefix(target->file_path, sum));
    assert_not_found(box, repo, "strange", "strange: wanted a sha256 or sha512 hash, found neither");
}

static void test_target_check(void)
{
    g_autoptr(GError) error = NULL;
    TufTarget target = {.path = (char *)"x",
                        .role = (char *)"acme",
                        .role_version = 3,
                        .length = 7,
                        .sha256 = (char *)CONTENT_SHA256,
                        .sha512 = (char *)"ab"};
    g_assert_true(tuf_target_check(&target, 7, CONTENT_SHA256, "ab", &error));
    g_assert_no_error(error);
    g_assert_false(tuf_target_check(&target, 8, CONTENT_SHA256, "ab", &error));
    assert_error(&error, APPCENTER_ERROR_UNTRUSTED, "x: 7 bytes announced by acme 3, found 8");
    g_assert_false(tuf_target_check(&target, 7, "00", "ab", &error));
    assert_error(&error, APPCENTER_ERROR_UNTRUSTED,
                 "x: sha256 " CONTENT_SHA256 " announced by acme 3, found 00");
    g_assert_false(tuf_target_check(&target, 7, CONTENT_SHA256, "ac", &error));
    assert_error(&error, APPCENTER_ERROR_UNTRUSTED, "x: sha512 ab announced by acme 3, found ac");
    g_assert_false(tuf_target_check(&target, 7, CONTENT_SHA256, NULL, &error));
    assert_error(&error, APPCENTER_ERROR_UNTRUSTED, "x: sha512 ab announced by acme 3, found none");
}

static void test_lists(void)
{
    g_autoptr(Repo) repo = acme_repo();
    g_autoptr(Box) box = box_new(repo);
    assert_refreshes(box, repo);
    g_auto(GStrv) delegations = tuf_client_delegations(box->client);
    g_autofree char *names = g_strjoinv(" ", delegations);
    g_assert_cmpstr(names, ==, "acme other");
    g_auto(GStrv) before = tuf_client_targets_of(box->client, "acme");
    g_assert_cmpuint(g_strv_length(before), ==, 0);
    assert_found(box, repo, "acme/x", "acme");
    g_auto(GStrv) after = tuf_client_targets_of(box->client, "acme");
    g_autofree char *paths = g_strjoinv(" ", after);
    g_assert_cmpstr(paths, ==, "acme/x");
}

void search_tests_add(void)
{
    g_test_add_func("/search/roles_are_asked_in_pre_order", test_order);
    g_test_add_func("/search/cve_2024_47534_the_first_that_lists_it_wins", test_first_wins);
    g_test_add_func("/search/cve_2025_2886_a_terminating_delegation_ends_it", test_terminating);
    g_test_add_func("/search/it_ends_after_32_delegations", test_many_delegations);
    g_test_add_func("/search/patterns_match_segment_by_segment", test_patterns);
    g_test_add_func("/search/every_link_must_allow_the_path", test_every_link);
    g_test_add_func("/search/hash_prefixes_lead_to_their_bin", test_hash_prefixes);
    g_test_add_func("/search/succinct_roles_lead_to_their_bin", test_succinct_roles);
    g_test_add_func("/search/a_delegated_role_is_fetched_once_a_version", test_delegated_cache);
    g_test_add_func("/search/cve_2026_6966_duplicates_do_not_reach_a_delegated_threshold",
                    test_delegated_threshold);
    g_test_add_func("/search/cve_2026_6967_an_expired_delegated_role_is_refused", test_delegated_expiry);
    g_test_add_func("/search/cve_2026_6967_a_delegated_role_must_fit_its_hash", test_delegated_hash);
    g_test_add_func("/search/a_delegated_role_must_have_the_announced_version", test_delegated_version);
    g_test_add_func("/search/a_bad_publisher_does_not_keep_us_from_the_others", test_other_searches_go_on);
    g_test_add_func("/search/a_role_that_the_snapshot_lacks_is_not_fetched", test_not_in_snapshot);
    g_test_add_func("/search/a_loaded_role_is_verified_for_each_delegator", test_other_delegator);
    g_test_add_func("/search/cve_2021_41131_cve_2021_41150_role_names_are_quoted", test_role_names);
    g_test_add_func("/search/cve_2021_41149_cve_2026_6968_target_names_cannot_leave_their_folder",
                    test_target_names);
    g_test_add_func("/search/the_hash_stands_before_the_last_segment", test_file_path);
    g_test_add_func("/search/a_target_needs_a_hash_that_we_know", test_target_members);
    g_test_add_func("/search/a_download_must_fit_in_length_and_every_hash", test_target_check);
    g_test_add_func("/search/loaded_roles_can_be_listed", test_lists);
}
