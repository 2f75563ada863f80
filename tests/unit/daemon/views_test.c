/* views_test.c - what people and programs are shown, from a store in a private NAS. */
#include "tests.h"

#include <string.h>
#include <unistd.h>

#include "daemon/views.h"

#define QSA                                                                                                  \
    "{\"format\":1,\"publisher\":\"vendor\",\"serial\":1,\"advisories\":1}\n"                                \
    "{\"id\":\"QSA-22-24\",\"aliases\":[\"CVE-2022-27593\"],\"summary\":\"taken over from outside\","        \
    "\"published\":\"2026-11-01T00:00:00Z\",\"database_specific\":{\"class\":\"emergency\"},\"affected\":["  \
    "{\"package\":{\"name\":\"One\"},\"ranges\":[{\"type\":\"ECOSYSTEM\",\"events\":[{\"introduced\":\"0\"}" \
    ","                                                                                                      \
    "{\"fixed\":\"2.0\"}]}]}]}\n"

static const char *const config[] = {
    "etc/appcenter/repos.d/main.conf",
    "[repository]\nurl = https://user:secret@repo.example/\nmirrors = https://u:secret@mirror.example/ "
    "file:///mirror\n"
    "priority = 70\n",
    "etc/appcenter/repos.d/off.conf",
    "[repository]\nurl = https://off.example/\nenabled = no\n",
    "etc/appcenter/appcenter.conf",
    "[updates]\nemergency = notify\nother = auto\n[window]\ntimer = 02:00-05:00\ntimezone = UTC\n"
    "[network]\nproxy = http://me:secret@proxy.example:3128\nfrobnicate = 1\n",
    NULL};

static void put_repo(const Box *box, const char *name, gint64 signed_at, gint64 expires_at, const char *error,
                     const char *advisories)
{
    g_autoptr(StoreRepo) repo = store_repo_get(box->daemon.store, name, NULL);
    repo->last_refresh_at = 1795000000;
    repo->last_success_at = 1794990000;
    repo->signed_at = signed_at;
    repo->expires_at = expires_at;
    repo->error_code = g_strdup(error ? "network" : NULL);
    repo->error = g_strdup(error);
    repo->advisories = g_strdup(advisories);
    must(store_repo_put(box->daemon.store, repo, OR_FAIL));
}

#define show(view)                                                                                           \
    ({                                                                                                       \
        g_autoptr(GError) error = NULL;                                                                      \
        json_t *show_value = view;                                                                           \
        g_assert_no_error(error);                                                                            \
        g_assert_nonnull(show_value);                                                                        \
        g_autofree char *show_text = json_to_text(show_value);                                               \
        g_assert_null(strstr(show_text, "secret"));                                                          \
        show_value;                                                                                          \
    })

static void test_a_timestamp_is_stale_after_twice_its_life(void)
{
    static const struct {
        gint64 signed_at, expires_at, now;
        gboolean is_stale;
    } cases[] = {
        {1000, 2000, 2000, FALSE}, /* expired is not yet stale */
        {1000, 2000, 3000, FALSE},  {1000, 2000, 3001, TRUE},
        {0, 100000, 186400, FALSE},                            /* life unknown: a day */
        {0, 100000, 186401, TRUE},  {3000, 2000, 88401, TRUE}, /* signed after its end: nonsense, a day */
        {1000, 0, 999999, FALSE},                              /* never had one: another matter */
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        StoreRepo repo = {.signed_at = cases[i].signed_at, .expires_at = cases[i].expires_at};
        g_assert_cmpint(view_repo_is_stale(&repo, cases[i].now), ==, cases[i].is_stale);
    }
}

static void test_status_of_an_empty_nas(void)
{
    g_auto(Box) box = {0};
    box_init(&box);
    g_autoptr(json_t) status = show(view_status(&box.daemon, &error));
    g_assert_cmpstr(text_at(status, "schema"), ==, "appctl.status/1");
    g_assert_cmpstr(text_at(status, "version"), ==, APPCENTER_VERSION);
    g_assert_true(json_is_true(json_at(status, "protected")));
    g_assert_true(json_is_true(json_at(status, "clock.ok")));
    g_assert_true(json_is_null(json_at(status, "job")));
    g_assert_cmpstr(text_at(status, "consent.emergency"), ==, "install");
    g_assert_cmpint(json_integer_value(json_at(status, "daemon.pid")), ==, getpid());
    g_assert_cmpuint(json_array_size(json_at(status, "warnings")), ==, 0);
    g_assert_cmpuint(json_array_size(json_at(status, "repositories")), ==, 0);
}

static void test_status_tells_of_an_emergency(void)
{
    g_auto(Box) box = {0};
    box_init_with(&box, config);
    put_app(&box, "One", "1.0");
    put_app(&box, "Two", "1.0");
    put_offer(&box, "One", "1.0", "2.0", EMERGENCY);
    put_repo(&box, "main", 1000, 2000, "https://user:secret@repo.example/: no answer", NULL);
    g_autoptr(json_t) status = show(view_status(&box.daemon, &error));
    g_assert_true(json_is_false(json_at(status, "protected")));
    g_assert_cmpstr(text_at(status, "emergencies.0.app"), ==, "One");
    g_assert_cmpstr(text_at(status, "emergencies.0.version"), ==, "2.0");
    g_assert_cmpstr(text_at(status, "emergencies.0.advisories.0"), ==, "QSA-22-24");
    g_assert_cmpstr(text_at(status, "emergencies.0.deadline"), ==, "2026-11-17T12:00:00Z");
    g_assert_cmpint(json_integer_value(json_at(status, "updates.available")), ==, 1);
    g_assert_cmpint(json_integer_value(json_at(status, "updates.security")), ==, 1);
    g_assert_cmpint(json_integer_value(json_at(status, "updates.emergency")), ==, 1);
    g_assert_cmpint(json_integer_value(json_at(status, "installed")), ==, 2);
    g_assert_cmpstr(text_at(status, "consent.emergency"), ==, "notify");
    g_assert_cmpstr(text_at(status, "consent.other"), ==, "auto");
    g_assert_cmpstr(text_at(status, "window.text"), ==, "02:00-05:00");
    g_assert_nonnull(strstr(text_at(status, "window.next_start"), "T02:00:00Z"));
    g_assert_nonnull(strstr(text_at(status, "window.next_end"), "T05:00:00Z"));
    g_assert_cmpstr(text_at(status, "repositories.0.name"), ==, "main");
    g_assert_cmpstr(text_at(status, "repositories.0.error.code"), ==, "network");
    g_assert_cmpstr(text_at(status, "repositories.0.error.message"), ==,
                    "https://***@repo.example/: no answer");
    g_assert_true(json_is_true(json_at(status, "repositories.0.stale")));
    g_assert_nonnull(strstr(text_at(status, "warnings.0"), "frobnicate"));
}

static void test_an_open_advisory_without_a_fix_is_no_protection(void)
{
    g_auto(Box) box = {0};
    box_init(&box);
    put_repo(&box, "main", 0, 0, NULL, QSA);
    g_autoptr(json_t) before = show(view_status(&box.daemon, &error));
    g_assert_true(json_is_true(json_at(before, "protected")));
    put_app(&box, "One", "1.0");
    g_autoptr(json_t) after = show(view_status(&box.daemon, &error));
    g_assert_true(json_is_false(json_at(after, "protected")));
}

static void test_apps_and_their_candidates(void)
{
    g_auto(Box) box = {0};
    box_init(&box);
    put_app(&box, "One", "1.0");
    put_app(&box, "Two", "1.0");
    put_offer(&box, "One", "1.0", "2.0", EMERGENCY);
    Hold hold = {.app = (char *)"Two", .note = (char *)"library rescan", .created_at = 1};
    must(store_hold_put(box.daemon.store, &hold, OR_FAIL));
    must(store_app_set_enabled(box.daemon.store, "Two", FALSE, OR_FAIL));
    g_autoptr(json_t) apps = show(view_apps(&box.daemon, &error));
    g_assert_cmpstr(text_at(apps, "schema"), ==, "appctl.apps/1");
    g_assert_cmpuint(json_array_size(json_at(apps, "apps")), ==, 2);
    g_assert_cmpstr(text_at(apps, "apps.0.name"), ==, "One");
    g_assert_cmpstr(text_at(apps, "apps.0.state"), ==, "running");
    g_assert_cmpstr(text_at(apps, "apps.0.install_path"), ==, "/share/CACHEDEV1_DATA/.qpkg/One");
    g_assert_true(json_is_null(json_at(apps, "apps.0.previous")));
    g_assert_true(json_is_null(json_at(apps, "apps.0.hold")));
    g_assert_cmpstr(text_at(apps, "apps.0.candidate.version"), ==, "2.0");
    g_assert_cmpstr(text_at(apps, "apps.0.candidate.class"), ==, "emergency");
    g_assert_cmpstr(text_at(apps, "apps.0.candidate.verdict"), ==, "now");
    g_assert_cmpstr(text_at(apps, "apps.0.candidate.reason.code"), ==, "emergency");
    g_assert_cmpstr(text_at(apps, "apps.0.candidate.deadline"), ==, "2026-11-17T12:00:00Z");
    g_assert_cmpint(json_integer_value(json_at(apps, "apps.0.candidate.size")), ==, 100);
    g_assert_cmpstr(text_at(apps, "apps.1.state"), ==, "disabled");
    g_assert_cmpstr(text_at(apps, "apps.1.hold.note"), ==, "library rescan");
    g_assert_true(json_is_null(json_at(apps, "apps.1.hold.until")));
    g_assert_true(json_is_null(json_at(apps, "apps.1.candidate")));
    must(store_app_set_failed(box.daemon.store, "Two", "cannot put it back", OR_FAIL));
    g_autoptr(json_t) again = show(view_apps(&box.daemon, &error));
    g_assert_cmpstr(text_at(again, "apps.1.state"), ==, "failed");
}

/* All members that the document promises, whether installed or only in the catalogue. */
static void test_one_app_in_detail(void)
{
    static const char *const members[] = {"name",         "version",        "arch",         "publisher",
                                          "state",        "enabled",        "install_path", "previous",
                                          "hold",         "candidate",      "requires",     "conflicts",
                                          "display_name", "archive_sha256", "installed_at", "releases"};
    g_auto(Box) box = {0};
    g_autoptr(GError) failure = NULL;
    box_init(&box);
    put_app(&box, "One", "1.0");
    put_release(&box, "Two", "2.0", "\"requires\":[\"One >= 1.0\"]");
    g_autoptr(json_t) one = show(view_app(&box.daemon, "One", &error));
    g_autoptr(json_t) two = show(view_app(&box.daemon, "Two", &error));
    for (gsize i = 0; i < G_N_ELEMENTS(members); i++)
        g_assert_true(json_at(one, members[i]) && json_at(two, members[i]));
    g_assert_nonnull(strstr(text_at(one, "display_name"), "Caf"));
    g_assert_cmpstr(text_at(one, "requires.0"), ==, "MediaLibrary >= 2.0");
    g_assert_cmpstr(text_at(one, "installed_at"), ==, "2023-11-14T22:13:20Z");
    g_assert_cmpstr(text_at(two, "state"), ==, "available");
    g_assert_cmpstr(text_at(two, "requires.0"), ==, "One >= 1.0");
    g_assert_cmpstr(text_at(two, "releases.0.version"), ==, "2.0");
    g_assert_null(view_app(&box.daemon, "Three", &failure));
    assert_error(&failure, APPCENTER_ERROR_NOT_FOUND, "Three");
    g_assert_null(view_app(&box.daemon, "../x", &failure));
    assert_error(&failure, APPCENTER_ERROR_NOT_FOUND, "no app");
}

static void test_why_gives_the_ledgers_reason_and_what_can_be_done(void)
{
    g_auto(Box) box = {0};
    g_autoptr(GError) failure = NULL;
    box_init(&box);
    put_app(&box, "One", "1.0");
    g_autoptr(json_t) nothing = show(view_why(&box.daemon, "One", &error));
    g_assert_true(json_is_null(json_at(nothing, "version")));
    g_assert_cmpuint(json_array_size(json_at(nothing, "problems")), ==, 0);
    put_offer(&box, "One", "1.0", "2.0", "");
    Hold hold = {.note = (char *)"holidays", .created_at = 1};
    must(store_hold_put(box.daemon.store, &hold, OR_FAIL));
    g_autoptr(json_t) held = show(view_why(&box.daemon, "One", &error));
    g_assert_cmpstr(text_at(held, "schema"), ==, "appctl.explanation/1");
    g_assert_cmpstr(text_at(held, "verdict"), ==, "wait");
    g_assert_cmpstr(text_at(held, "problems.0.rule"), ==, "held");
    g_assert_nonnull(strstr(text_at(held, "problems.0.message"), "holidays"));
    g_assert_cmpstr(text_at(held, "solutions.0.0"), ==, "appctl unhold One");
    g_assert_null(view_why(&box.daemon, "Two", &failure));
    assert_error(&failure, APPCENTER_ERROR_NOT_FOUND, "Two");
    g_assert_null(view_why(&box.daemon, "a/b", &failure));
    assert_error(&failure, APPCENTER_ERROR_NOT_FOUND, "no app");
}

static void test_search_finds_by_word_and_says_what_is_installed(void)
{
    g_auto(Box) box = {0};
    box_init(&box);
    put_app(&box, "One", "1.0");
    put_release(&box, "One", "2.0", "");
    g_autoptr(json_t) found = show(view_search(&box.daemon, "ABOUT", &error));
    g_assert_cmpstr(text_at(found, "apps.0.name"), ==, "One");
    g_assert_cmpstr(text_at(found, "apps.0.version"), ==, "2.0");
    g_assert_cmpstr(text_at(found, "apps.0.installed"), ==, "1.0");
    g_autoptr(json_t) nothing = show(view_search(&box.daemon, "zebra", &error));
    g_assert_cmpuint(json_array_size(json_at(nothing, "apps")), ==, 0);
}

static void test_history_is_newest_first(void)
{
    g_auto(Box) box = {0};
    box_init(&box);
    for (int i = 0; i < 3; i++) {
        g_autoptr(StoreTxn) txn = g_new0(StoreTxn, 1);
        txn->trigger = g_strdup("admin");
        txn->plan_json = g_strdup("{}");
        txn->started_at = 1795000000 + i;
        txn->changes = g_ptr_array_new();
        must(store_txn_start(box.daemon.store, txn, OR_FAIL));
        must(store_txn_finish(box.daemon.store, txn->id, "done", NULL, NULL, 1795000010 + i, OR_FAIL));
    }
    g_autoptr(json_t) history = show(view_history(&box.daemon, 2, &error));
    g_assert_cmpstr(text_at(history, "schema"), ==, "appctl.history/1");
    g_assert_cmpuint(json_array_size(json_at(history, "transactions")), ==, 2);
    g_assert_cmpint(json_integer_value(json_at(history, "transactions.0.id")), ==, 3);
    g_assert_cmpstr(text_at(history, "transactions.0.schema"), ==, "appctl.transaction/1");
    g_assert_cmpstr(text_at(history, "transactions.0.result"), ==, "done");
}

static void test_advisories_and_what_they_affect(void)
{
    g_auto(Box) box = {0};
    box_init(&box);
    put_repo(&box, "main", 0, 0, NULL, QSA);
    put_repo(&box, "broken", 0, 0, NULL, "no advisories at all");
    put_app(&box, "One", "1.9");
    g_autoptr(json_t) list = show(view_advisories(&box.daemon, &error));
    g_assert_cmpuint(json_array_size(json_at(list, "advisories")), ==, 1);
    g_assert_cmpstr(text_at(list, "advisories.0.id"), ==, "QSA-22-24");
    g_assert_cmpstr(text_at(list, "advisories.0.aliases.0"), ==, "CVE-2022-27593");
    g_assert_cmpstr(text_at(list, "advisories.0.class"), ==, "emergency");
    g_assert_cmpstr(text_at(list, "advisories.0.affects_installed.0"), ==, "One");
    g_autoptr(json_t) audit = show(view_audit(&box.daemon, &error));
    g_assert_cmpuint(json_array_size(json_at(audit, "findings")), ==, 1);
    g_assert_cmpstr(text_at(audit, "findings.0.advisory"), ==, "QSA-22-24");
    g_assert_cmpstr(text_at(audit, "findings.0.fixed_version"), ==, "2.0");
    g_assert_cmpstr(text_at(audit, "findings.0.status"), ==, "fix-not-offered");
    put_offer(&box, "One", "1.9", "2.0", EMERGENCY); /* the same advisory is one finding */
    g_autoptr(json_t) again = show(view_audit(&box.daemon, &error));
    g_assert_cmpuint(json_array_size(json_at(again, "findings")), ==, 1);
    g_assert_cmpstr(text_at(again, "findings.0.status"), ==, "fix-available");
    put_app(&box, "One", "2.0");
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    must(store_offers_replace(box.daemon.store, none, OR_FAIL));
    g_autoptr(json_t) fixed = show(view_audit(&box.daemon, &error));
    g_assert_cmpuint(json_array_size(json_at(fixed, "findings")), ==, 0);
}

static void test_an_archive_that_an_advisory_names_is_malicious_whatever_its_version(void)
{
    g_auto(Box) box = {0};
    g_autofree char *digest = g_strnfill(64, 'b'); /* put_app's */
    g_autofree char *advisories = g_strdup_printf(
        "{\"format\":1,\"publisher\":\"vendor\",\"serial\":1,\"advisories\":1}\n{\"id\":\"QSA-26-1\","
        "\"published\":\"2026-11-01T00:00:00Z\",\"affected\":["
        "{\"package\":{\"name\":\"One\"},\"ecosystem_specific\":{\"archive_sha256\":[\"%s\"]}}]}\n",
        digest);
    box_init(&box);
    put_repo(&box, "main", 0, 0, NULL, advisories);
    put_app(&box, "One", "99");
    g_autoptr(json_t) audit = show(view_audit(&box.daemon, &error));
    g_assert_cmpstr(text_at(audit, "findings.0.status"), ==, "malicious");
    g_assert_cmpstr(text_at(audit, "findings.0.class"), ==, "emergency");
    g_autoptr(json_t) list = show(view_advisories(&box.daemon, &error));
    g_assert_cmpstr(text_at(list, "advisories.0.affects_installed.0"), ==, "One");
    g_autoptr(json_t) status = show(view_status(&box.daemon, &error));
    g_assert_true(json_is_false(json_at(status, "protected")));
}

static void test_config_shows_value_default_and_origin_but_no_secret(void)
{
    g_auto(Box) box = {0};
    box_init_with(&box, config);
    g_autoptr(json_t) shown = show(view_config(&box.daemon));
    guint n_seen = 0;
    gsize i;
    json_t *one;
    json_array_foreach(json_at(shown, "settings"), i, one)
    {
        const char *key = text_at(one, "key");
        g_assert_nonnull(text_at(one, "default"));
        g_assert_nonnull(text_at(one, "allowed"));
        n_seen +=
            g_str_equal(key, "proxy") && g_str_equal(text_at(one, "value"), "http://***@proxy.example:3128");
        n_seen += g_str_equal(key, "emergency") && g_str_equal(text_at(one, "value"), "notify") &&
                  g_str_equal(text_at(one, "origin"), "appcenter.conf:2");
        n_seen += g_str_equal(key, "poll") && g_str_equal(text_at(one, "origin"), "default");
    }
    g_assert_cmpuint(n_seen, ==, 3);
}

static void test_repositories_are_shown_without_their_passwords(void)
{
    g_auto(Box) box = {0};
    box_init_with(&box, config);
    put_repo(&box, "off", 1000, 2000, NULL, NULL);
    g_autoptr(json_t) shown = show(view_repositories(&box.daemon, &error));
    g_assert_cmpuint(json_array_size(json_at(shown, "repositories")), ==, 2);
    g_assert_cmpstr(text_at(shown, "repositories.0.url"), ==, "https://***@repo.example/");
    g_assert_cmpstr(text_at(shown, "repositories.0.mirrors.0"), ==, "https://***@mirror.example/");
    g_assert_cmpstr(text_at(shown, "repositories.0.mirrors.1"), ==, "file:///mirror");
    g_assert_cmpint(json_integer_value(json_at(shown, "repositories.0.priority")), ==, 70);
    g_assert_true(json_is_null(json_at(shown, "repositories.0.last_refresh")));
    g_assert_true(json_is_false(json_at(shown, "repositories.1.enabled")));
    g_assert_true(json_is_false(json_at(shown, "repositories.1.stale"))); /* nobody asks it */
    g_assert_cmpstr(text_at(shown, "repositories.1.last_refresh"), ==, "2026-11-18T11:06:40Z");
}

static void test_metrics_are_lines_of_gauges(void)
{
    static const char *const wanted[] = {
        "\nappcenter_protected 0\n",
        "\nappcenter_apps_installed 1\n",
        "\nappcenter_updates{kind=\"emergency\"} 1\n",
        "\nappcenter_updates{kind=\"available\"} 1\n",
        "\nappcenter_job_running 0\n",
        "\nappcenter_repository_stale{name=\"main\"} 1\n",
        "\nappcenter_repository_stale{name=\"off\"} 0\n",
        "\nappcenter_repository_last_success_seconds{name=\"main\"} 1794990000\n"};
    g_auto(Box) box = {0};
    g_autoptr(GError) error = NULL;
    box_init_with(&box, config);
    put_app(&box, "One", "1.0");
    put_offer(&box, "One", "1.0", "2.0", EMERGENCY);
    put_repo(&box, "main", 1000, 2000, NULL, NULL);
    g_autofree char *text = view_metrics(&box.daemon, &error);
    g_assert_no_error(error);
    for (gsize i = 0; i < G_N_ELEMENTS(wanted); i++)
        if (!strstr(text, wanted[i]))
            g_error("wanted %s, found %s", wanted[i], text);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; line[1]; line++)
        g_assert_true(g_regex_match_simple(
            "^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\\{[a-z]+=\"[^\"]+\"\\})? [0-9]+)$", *line, 0, 0));
}

void views_tests(void)
{
    g_test_add_func("/views/a_timestamp_is_stale_after_twice_its_life",
                    test_a_timestamp_is_stale_after_twice_its_life);
    g_test_add_func("/views/status_of_an_empty_nas", test_status_of_an_empty_nas);
    g_test_add_func("/views/status_tells_of_an_emergency", test_status_tells_of_an_emergency);
    g_test_add_func("/views/an_open_advisory_without_a_fix_is_no_protection",
                    test_an_open_advisory_without_a_fix_is_no_protection);
    g_test_add_func("/views/apps_and_their_candidates", test_apps_and_their_candidates);
    g_test_add_func("/views/one_app_in_detail", test_one_app_in_detail);
    g_test_add_func("/views/why_gives_the_ledgers_reason_and_what_can_be_done",
                    test_why_gives_the_ledgers_reason_and_what_can_be_done);
    g_test_add_func("/views/search_finds_by_word_and_says_what_is_installed",
                    test_search_finds_by_word_and_says_what_is_installed);
    g_test_add_func("/views/history_is_newest_first", test_history_is_newest_first);
    g_test_add_func("/views/advisories_and_what_they_affect", test_advisories_and_what_they_affect);
    g_test_add_func("/views/an_archive_that_an_advisory_names_is_malicious_whatever_its_version",
                    test_an_archive_that_an_advisory_names_is_malicious_whatever_its_version);
    g_test_add_func("/views/config_shows_value_default_and_origin_but_no_secret",
                    test_config_shows_value_default_and_origin_but_no_secret);
    g_test_add_func("/views/repositories_are_shown_without_their_passwords",
                    test_repositories_are_shown_without_their_passwords);
    g_test_add_func("/views/metrics_are_lines_of_gauges", test_metrics_are_lines_of_gauges);
}
