/* store_ledger_test.c - offers: from rows to facts to verdicts and back into the rows. */
#include "store_tests.h"

#define NOW G_GINT64_CONSTANT(1795000000) /* 2026-11-18 */

static const char emergency[] =
    "\"urgency\":{\"class\":\"emergency\",\"urgent_at\":\"2026-11-17T00:00:00Z\","
    "\"install_within_s\":43200,\"reason\":\"exploited\",\"advisories\":[\"QSA-22-24\"]}";

static StoreOffer *make_offer(const char *app, const char *installed, const char *version,
                              const char *members)
{
    StoreOffer *offer = g_new0(StoreOffer, 1);
    offer->app = g_strdup(app);
    offer->installed_version = g_strdup(installed);
    offer->release = make_release(app, version, members);
    offer->cls = release_class(offer->release);
    if (offer->release->urgency != NULL) {
        offer->urgent_at = offer->release->urgency->urgent_at;
        offer->install_within_s = offer->release->urgency->install_within_s;
    }
    return offer;
}

static void put_offer(Store *store, StoreOffer *offer)
{
    g_autoptr(GPtrArray) offers = g_ptr_array_new_with_free_func((GDestroyNotify)store_offer_free);
    g_ptr_array_add(offers, offer);
    must(store_offers_replace(store, offers, OR_FAIL));
}

static GPtrArray *ledger_at(Store *store, gint64 now)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Settings) settings = settings_new();
    GPtrArray *offers = store_ledger(store, settings, NULL, now, &error);
    g_assert_no_error(error);
    return offers;
}

static void test_an_offer_comes_back_whole(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    StoreOffer *offer = make_offer("One", "1.0", "2.0", emergency);
    offer->pulled_in_by = g_strdup("Two");
    offer->problem = g_strdup("needs QNAP_FW >= 6");
    offer->problem_is_os = TRUE;
    offer->publisher_differs = TRUE;
    offer->cohort_permyriad = 4711;
    put_offer(store, offer);
    g_autoptr(GPtrArray) offers = ledger_at(store, NOW);
    g_assert_cmpuint(offers->len, ==, 1);
    const StoreOffer *read = g_ptr_array_index(offers, 0);
    g_assert_cmpstr(read->app, ==, "One");
    g_assert_cmpstr(read->installed_version, ==, "1.0");
    g_assert_cmpstr(read->release->version, ==, "2.0");
    g_assert_cmpstr(read->release->repository, ==, "main");
    g_assert_cmpstr(read->release->publisher, ==, "vendor");
    g_assert_cmpint(read->cls, ==, CLASS_EMERGENCY);
    g_assert_cmpstr(read->pulled_in_by, ==, "Two");
    g_assert_cmpint(read->urgent_at, ==, 1794873600);
    g_assert_cmpint(read->install_within_s, ==, 43200);
    g_assert_cmpstr(read->problem, ==, "needs QNAP_FW >= 6");
    g_assert_true(read->problem_is_os);
    g_assert_true(read->publisher_differs);
    g_assert_cmpuint(read->cohort_permyriad, ==, 4711);
    g_assert_nonnull(read->sentence);
}

/* What a case does to the world before the ledger is asked. */
static void nothing(Store *store)
{
    g_assert_nonnull(store);
}

static void hold_it(Store *store)
{
    Hold hold = {.app = (char *)"One", .until = NOW + 100, .created_at = NOW};
    must(store_hold_put(store, &hold, OR_FAIL));
}

static void hold_all_but_emergencies(Store *store)
{
    Hold hold = {.except_emergency = TRUE, .created_at = NOW};
    must(store_hold_put(store, &hold, OR_FAIL));
}

static void hold_it_no_more(Store *store)
{
    Hold hold = {.app = (char *)"One", .until = NOW, .created_at = 1};
    must(store_hold_put(store, &hold, OR_FAIL));
}

static void skip_it(Store *store)
{
    must(store_skip_add(store, "One", "2.0", NOW, OR_FAIL));
}

static void skip_another(Store *store)
{
    must(store_skip_add(store, "One", "1.9", NOW, OR_FAIL));
}

static void veto_it(Store *store)
{
    must(store_veto_add(store, "One", "2.0", "health: port 80", NOW + 500, OR_FAIL));
}

static void put_repo(Store *store, gint64 expires_at, const char *brake)
{
    g_autoptr(StoreRepo) repo = store_repo_get(store, "main", NULL);
    repo->expires_at = expires_at;
    repo->brake_json = g_strdup(brake);
    must(store_repo_put(store, repo, OR_FAIL));
}

#define BRAKE(version, action, go_back_to)                                                                   \
    "{\"format\":1,\"serial\":1,\"entries\":[{\"name\":\"One\",\"version\":\"" version                       \
    "\",\"arch\":null,\"action\":\"" action "\",\"go_back_to\":" go_back_to                                  \
    ",\"reason\":\"loses data\",\"at\":\"2026-11-17T00:00:00Z\"}]}"

static void halt_it(Store *store)
{
    put_repo(store, NOW + 1000, BRAKE("2.0", "halt", "null"));
}

static void withdraw_it(Store *store)
{
    put_repo(store, NOW + 1000, BRAKE("2.0", "withdraw", "null"));
}

static void withdraw_what_is_installed(Store *store)
{
    g_autoptr(StoreApp) app = make_app("One", "3.0");
    must(store_app_put(store, app, NULL, OR_FAIL));
    put_offer(store, make_offer("One", "3.0", "2.0", ""));
    put_repo(store, NOW + 1000, BRAKE("3.0", "withdraw", "\"2.0\""));
}

static void send_it_back_to_something_newer(Store *store)
{
    g_autoptr(StoreApp) app = make_app("One", "1.0");
    must(store_app_put(store, app, NULL, OR_FAIL));
    put_repo(store, NOW + 1000, BRAKE("1.0", "withdraw", "\"2.0\""));
}

static void halt_what_is_installed(Store *store)
{
    g_autoptr(StoreApp) app = make_app("One", "1.0");
    must(store_app_put(store, app, NULL, OR_FAIL));
    put_repo(store, NOW + 1000, BRAKE("1.0", "halt", "null"));
}

static void withdraw_in_another_repository(Store *store)
{
    g_autoptr(StoreApp) app = make_app("One", "1.0");
    g_free(app->repository);
    app->repository = g_strdup("elsewhere");
    must(store_app_put(store, app, NULL, OR_FAIL));
    put_repo(store, NOW + 1000, BRAKE("1.0", "withdraw", "\"2.0\""));
}

static void expire(Store *store)
{
    put_repo(store, NOW, NULL);
}

static void expire_in_a_second(Store *store)
{
    put_repo(store, NOW + 1, NULL);
}

static void spoil_the_brake(Store *store)
{
    put_repo(store, NOW + 1000, "{\"format\":1,\"ser");
}

static void test_rows_become_facts(void)
{
    static const struct {
        const char *name;
        void (*prepare)(Store *store);
        const char *members;
        const char *verdict, *reason;
    } cases[] = {
        {"a plain emergency", nothing, emergency, "now", "emergency"},
        {"an ordinary update asks", nothing, "", "ask", "consent-other"},
        {"held", hold_it, emergency, "wait", "held"},
        {"held, but not for emergencies", hold_all_but_emergencies, emergency, "now", "emergency"},
        {"an ordinary update under a hold on all", hold_all_but_emergencies, "", "wait", "held"},
        {"an expired hold", hold_it_no_more, emergency, "now", "emergency"},
        {"skipped", skip_it, emergency, "wait", "skipped"},
        {"another version skipped", skip_another, emergency, "now", "emergency"},
        {"vetoed", veto_it, emergency, "at", "veto"},
        {"halted", halt_it, emergency, "refuse", "halted"},
        {"withdrawn", withdraw_it, emergency, "refuse", "withdrawn"},
        {"the installed one withdrawn", withdraw_what_is_installed, "", "now", "withdrawn-back"},
        {"back to something newer", send_it_back_to_something_newer, "", "ask", "withdrawn-ask"},
        {"the installed one only halted", halt_what_is_installed, emergency, "now", "emergency"},
        {"withdrawn by a repository it is not from", withdraw_in_another_repository, emergency, "now",
         "emergency"},
        {"stale", expire, emergency, "wait", "stale"},
        {"not stale yet", expire_in_a_second, emergency, "now", "emergency"},
        {"an unreadable brake", spoil_the_brake, emergency, "wait", "stale"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Scratch) scratch = {0};
        scratch_init(&scratch);
        g_autoptr(Store) store = open_store(&scratch);
        put_offer(store, make_offer("One", "1.0", "2.0", cases[i].members));
        cases[i].prepare(store);
        g_autoptr(GPtrArray) offers = ledger_at(store, NOW);
        const StoreOffer *offer = g_ptr_array_index(offers, 0);
        g_test_message("%s: %s", cases[i].name, offer->sentence);
        g_assert_cmpstr(reason_code_name(offer->code), ==, cases[i].reason);
        g_assert_cmpstr(verdict_name(offer->verdict), ==, cases[i].verdict);
    }
}

static int rows_with(Store *store, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    g_assert_cmpint(sqlite3_prepare_v2(store->state.handle, sql, -1, &statement, NULL), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_step(statement), ==, SQLITE_ROW);
    int n = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return n;
}

static void test_only_changed_verdicts_are_written(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    put_offer(store, make_offer("One", "1.0", "2.0", emergency));
    g_assert_cmpint(rows_with(store, "SELECT count(*) FROM offer WHERE verdict IS NULL"), ==, 1);
    g_ptr_array_unref(ledger_at(store, NOW));
    g_assert_cmpint(
        rows_with(store, "SELECT count(*) FROM offer WHERE verdict = 'now' AND reason = 'emergency'"), ==, 1);
    int changes = sqlite3_total_changes(store->state.handle);
    g_ptr_array_unref(ledger_at(store, NOW));
    g_assert_cmpint(sqlite3_total_changes(store->state.handle), ==, changes);
    hold_it(store);
    g_ptr_array_unref(ledger_at(store, NOW));
    g_assert_cmpint(rows_with(store, "SELECT count(*) FROM offer WHERE verdict = 'wait' AND reason = 'held'"),
                    ==, 1);
}

static void test_the_ledger_answers_while_it_cannot_write(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    g_autoptr(Store) other = open_store(&scratch);
    put_offer(store, make_offer("One", "1.0", "2.0", emergency));
    sqlite3_busy_timeout(store->state.handle, 20);
    must(store_begin(other, OR_FAIL));
    g_autoptr(GPtrArray) offers = ledger_at(store, NOW);
    const StoreOffer *offer = g_ptr_array_index(offers, 0);
    g_assert_cmpstr(verdict_name(offer->verdict), ==, "now");
    store_rollback(other);
    g_assert_cmpint(rows_with(store, "SELECT count(*) FROM offer WHERE verdict IS NULL"), ==, 1);
}

static void test_offers_are_replaced_as_a_whole(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(Store) store = open_store(&scratch);
    g_autoptr(GError) error = NULL;
    put_offer(store, make_offer("One", "1.0", "2.0", ""));
    g_autoptr(GPtrArray) twice = g_ptr_array_new_with_free_func((GDestroyNotify)store_offer_free);
    g_ptr_array_add(twice, make_offer("Two", "1.0", "2.0", ""));
    g_ptr_array_add(twice, make_offer("Two", "1.0", "2.0", ""));
    g_assert_false(store_offers_replace(store, twice, &error));
    assert_error(&error, APPCENTER_ERROR_INTERNAL, "offer_add: UNIQUE");
    g_autoptr(GPtrArray) kept = ledger_at(store, NOW);
    g_assert_cmpstr(((StoreOffer *)g_ptr_array_index(kept, 0))->app, ==, "One");
    put_offer(store, make_offer("Three", NULL, "2.0", ""));
    g_autoptr(GPtrArray) offers = ledger_at(store, NOW);
    g_assert_cmpuint(offers->len, ==, 1);
    g_assert_null(((StoreOffer *)g_ptr_array_index(offers, 0))->installed_version);
}

void store_ledger_tests(void)
{
    g_test_add_func("/store_ledger/an_offer_comes_back_whole", test_an_offer_comes_back_whole);
    g_test_add_func("/store_ledger/rows_become_facts", test_rows_become_facts);
    g_test_add_func("/store_ledger/only_changed_verdicts_are_written",
                    test_only_changed_verdicts_are_written);
    g_test_add_func("/store_ledger/the_ledger_answers_while_it_cannot_write",
                    test_the_ledger_answers_while_it_cannot_write);
    g_test_add_func("/store_ledger/offers_are_replaced_as_a_whole", test_offers_are_replaced_as_a_whole);
}
