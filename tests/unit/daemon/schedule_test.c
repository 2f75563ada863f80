/* schedule_test.c - decision tables: when to poll, what to install now, when to look again. */
#include "tests.h"

#include <string.h>

#define NOW  G_GINT64_CONSTANT(1795000000)
#define HOUR 3600

static void test_local_urls_are_those_of_this_machine(void)
{
    static const struct {
        const char *url;
        gboolean is_local;
    } cases[] = {
        {"file:///srv/repo", TRUE},
        {"http://127.0.0.1:8000/", TRUE},
        {"http://127.9.9.9/", TRUE},
        {"https://localhost/x", TRUE},
        {"http://[::1]:8000/", TRUE},
        {"http://user:secret@localhost/", TRUE},
        {"https://repo.example/", FALSE},
        {"http://127.0.0.1.example/", FALSE},
        {"http://localhost.example/", FALSE},
        {"https://localhost@example/", FALSE},
        {"http://128.0.0.1/", FALSE},
        {"not a url", FALSE},
        {"", FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpint(schedule_url_is_local(cases[i].url), ==, cases[i].is_local);
}

/* A world of one repository and some offers. */
typedef struct {
    Settings *settings;
    GPtrArray *configs, *repos, *offers;
    ScheduleCooldown cooldown;
    ScheduleFacts facts;
} World;

static void world_init(World *world, const char *url, gint64 last_refresh_at)
{
    RepositoryConfig *config = g_new0(RepositoryConfig, 1);
    StoreRepo *repo = g_new0(StoreRepo, 1);
    config->name = g_strdup("main");
    config->url = g_strdup(url);
    config->mirrors = g_new0(char *, 1);
    config->enabled = TRUE;
    repo->name = g_strdup("main");
    repo->last_refresh_at = last_refresh_at;
    world->settings = settings_new();
    world->configs = g_ptr_array_new_with_free_func((GDestroyNotify)repository_config_free);
    world->repos = g_ptr_array_new_with_free_func((GDestroyNotify)store_repo_free);
    world->offers = g_ptr_array_new_with_free_func((GDestroyNotify)store_offer_free);
    g_ptr_array_add(world->configs, config);
    g_ptr_array_add(world->repos, repo);
    schedule_cooldown_init(&world->cooldown);
    world->facts = (ScheduleFacts){.settings = settings_values(world->settings),
                                   .configs = world->configs,
                                   .repos = world->repos,
                                   .offers = world->offers,
                                   .cooldown = &world->cooldown,
                                   .seed = 12345,
                                   .awake_since = NOW - 24 * HOUR};
}

static void world_clear(World *world)
{
    g_ptr_array_unref(world->configs);
    g_ptr_array_unref(world->repos);
    g_ptr_array_unref(world->offers);
    schedule_cooldown_clear(&world->cooldown);
    settings_free(world->settings);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(World, world_clear)

static void add_offer(World *world, const char *app, Verdict verdict, ReasonCode code, UrgencyClass cls,
                      gint64 at)
{
    StoreOffer *offer = g_new0(StoreOffer, 1);
    offer->app = g_strdup(app);
    offer->installed_version = g_strdup("1.0");
    offer->release = make_release(app, "2.0", "");
    offer->verdict = verdict;
    offer->code = code;
    offer->cls = cls;
    offer->at = at;
    g_ptr_array_add(world->offers, offer);
}

static void test_a_repository_is_polled_once_an_interval(void)
{
    static const struct {
        gint64 last_refresh_at;
        gboolean is_due;
    } cases[] = {{NOW - 2 * HOUR, TRUE}, {NOW - HOUR / 2, FALSE}, {NOW, FALSE}};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(World) world = {0};
        ScheduleDecision decision;
        world_init(&world, "https://repo.example/", cases[i].last_refresh_at);
        schedule_decide(&world.facts, NOW, &decision);
        g_assert_cmpint(decision.refresh_is_due, ==, cases[i].is_due);
        g_assert_cmpint(decision.wake_at, ==, NOW + SCHEDULE_MAX_SLEEP_S);
        g_assert_null(decision.request);
    }
}

/* Its first poll lies somewhere in the first interval after the start, and stays there however often one
 * asks. */
static void test_a_repository_that_was_never_asked_has_its_turn(void)
{
    g_auto(World) world = {0};
    ScheduleDecision decision = {0};
    gint64 now = NOW;
    world_init(&world, "https://repo.example/", 0);
    world.facts.awake_since = NOW;
    while (!decision.refresh_is_due && now < NOW + 2 * HOUR) {
        schedule_decide(&world.facts, now, &decision);
        g_assert_true(decision.refresh_is_due || decision.wake_at > now);
        now = MAX(decision.wake_at, now + 1);
    }
    g_assert_true(decision.refresh_is_due);
    g_assert_cmpint(now, <=, NOW + HOUR + SCHEDULE_MAX_SLEEP_S);
}

static void test_a_local_repository_is_asked_at_once_where_the_poll_is_a_second(void)
{
    static const char text[] = "[network]\npoll = 1s\n";
    g_auto(World) world = {0};
    ScheduleDecision decision;
    world_init(&world, "http://127.0.0.1:8000/", 0);
    must(settings_apply_text(world.settings, "test", text, strlen(text), NULL, OR_FAIL));
    world.facts.settings = settings_values(world.settings);
    schedule_decide(&world.facts, NOW, &decision);
    g_assert_true(decision.refresh_is_due);
    g_free(((RepositoryConfig *)world.configs->pdata[0])->url);
    ((RepositoryConfig *)world.configs->pdata[0])->url = g_strdup("https://repo.example/");
    ((StoreRepo *)world.repos->pdata[0])->last_refresh_at = NOW - 10;
    schedule_decide(&world.facts, NOW, &decision);
    g_assert_false(decision.refresh_is_due);
}

static void test_a_poll_that_did_not_take_is_not_tried_at_once(void)
{
    g_auto(World) world = {0};
    ScheduleDecision decision;
    world_init(&world, "https://repo.example/", NOW - 2 * HOUR);
    world.cooldown.refresh_until = NOW + 60;
    schedule_decide(&world.facts, NOW, &decision);
    g_assert_false(decision.refresh_is_due);
    g_assert_cmpint(decision.wake_at, ==, NOW + 60);
    schedule_decide(&world.facts, NOW + 60, &decision);
    g_assert_true(decision.refresh_is_due);
}

/* Nor does it wake for that: what is due then is due at its turn behind it. */
static void test_a_box_that_has_just_started_asks_nobody(void)
{
    g_auto(World) world = {0};
    ScheduleDecision decision;
    world_init(&world, "https://repo.example/", NOW - 24 * HOUR);
    world.facts.awake_since = NOW - 10;
    world.facts.quiet_until = NOW + 590;
    gint64 at = schedule_refresh_at(&world.facts, world.repos->pdata[0], NOW);
    g_assert_true(at >= NOW + 590 && at < NOW + 590 + HOUR);
    schedule_decide(&world.facts, NOW, &decision);
    g_assert_false(decision.refresh_is_due);
    schedule_decide(&world.facts, at, &decision);
    g_assert_true(decision.refresh_is_due);
}

/* With a lost clock the jobs record the floor, which stands still, while the daemon's time goes on. */
static void test_a_lost_clock_does_not_make_a_box_ask_without_end(void)
{
    g_auto(World) world = {0};
    ScheduleDecision decision;
    world_init(&world, "https://repo.example/", NOW - 24 * HOUR);
    world.facts.awake_since = NOW - 48 * HOUR;
    world.cooldown.refreshed_at = NOW - 60;
    schedule_decide(&world.facts, NOW, &decision);
    g_assert_false(decision.refresh_is_due);
    world.cooldown.refreshed_at = NOW + 24 * HOUR; /* the clock was set back since: it says nothing */
    schedule_decide(&world.facts, NOW, &decision);
    g_assert_true(decision.refresh_is_due);
}

static void test_without_repositories_nothing_is_polled(void)
{
    g_auto(World) world = {0};
    ScheduleDecision decision;
    world_init(&world, "https://repo.example/", NOW - 2 * HOUR);
    g_ptr_array_set_size(world.repos, 0);
    schedule_decide(&world.facts, NOW, &decision);
    g_assert_false(decision.refresh_is_due);
}

static void test_only_verdicts_of_now_are_installed(void)
{
    static const struct {
        Verdict verdict;
        ReasonCode code;
        UrgencyClass cls;
        const char *trigger;
    } cases[] = {
        {VERDICT_NOW, REASON_EMERGENCY, CLASS_EMERGENCY, "emergency"},
        {VERDICT_NOW, REASON_WINDOW_OPEN, CLASS_NORMAL, "window"},
        {VERDICT_NOW, REASON_WINDOW_OPEN, CLASS_EMERGENCY, "emergency"},
        {VERDICT_NOW, REASON_DEADLINE, CLASS_CRITICAL, "deadline"},
        {VERDICT_NOW, REASON_WITHDRAWN_BACK, CLASS_NORMAL, "window"},
        {VERDICT_AT, REASON_WINDOW, CLASS_CRITICAL, NULL},
        {VERDICT_WAIT, REASON_HELD, CLASS_EMERGENCY, NULL},
        {VERDICT_ASK, REASON_FEATURE, CLASS_FEATURE, NULL},
        {VERDICT_REFUSE, REASON_HALTED, CLASS_EMERGENCY, NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(World) world = {0};
        ScheduleDecision decision;
        world_init(&world, "https://repo.example/", NOW);
        add_offer(&world, "One", cases[i].verdict, cases[i].code, cases[i].cls, 0);
        schedule_decide(&world.facts, NOW, &decision);
        g_autoptr(Request) request = decision.request;
        g_assert_cmpint(request != NULL, ==, cases[i].trigger != NULL);
        if (!request)
            continue;
        g_assert_cmpint(request->kind, ==, REQUEST_AUTO);
        g_assert_cmpstr(request->trigger, ==, cases[i].trigger);
        g_assert_cmpuint(request->apps->len, ==, 1);
        g_assert_cmpstr(((RequestApp *)request->apps->pdata[0])->name, ==, "One");
        g_assert_cmpstr(((RequestApp *)request->apps->pdata[0])->version, ==, "2.0");
    }
}

static void test_an_emergency_goes_before_what_is_ordinary(void)
{
    g_auto(World) world = {0};
    ScheduleDecision decision;
    world_init(&world, "https://repo.example/", NOW);
    add_offer(&world, "A", VERDICT_NOW, REASON_WINDOW_OPEN, CLASS_NORMAL, 0);
    add_offer(&world, "B", VERDICT_NOW, REASON_EMERGENCY, CLASS_EMERGENCY, 0);
    add_offer(&world, "C", VERDICT_NOW, REASON_DEADLINE, CLASS_CRITICAL, 0);
    add_offer(&world, "D", VERDICT_NOW, REASON_EMERGENCY, CLASS_EMERGENCY, 0);
    schedule_decide(&world.facts, NOW, &decision);
    g_autoptr(Request) request = decision.request;
    g_assert_cmpstr(request->trigger, ==, "emergency");
    g_assert_cmpuint(request->apps->len, ==, 2);
    g_assert_cmpstr(((RequestApp *)request->apps->pdata[0])->name, ==, "B");
    g_assert_cmpstr(((RequestApp *)request->apps->pdata[1])->name, ==, "D");
}

static void test_what_was_tried_waits_and_the_rest_goes_on(void)
{
    g_auto(World) world = {0};
    ScheduleDecision decision;
    world_init(&world, "https://repo.example/", NOW);
    add_offer(&world, "A", VERDICT_NOW, REASON_EMERGENCY, CLASS_EMERGENCY, 0);
    add_offer(&world, "B", VERDICT_NOW, REASON_WINDOW_OPEN, CLASS_NORMAL, 0);
    g_autoptr(Request) tried = request_new(REQUEST_AUTO);
    request_add_app(tried, "A", "2.0");
    schedule_cooldown_add(&world.cooldown, tried, NOW + 100, NOW);
    schedule_decide(&world.facts, NOW, &decision);
    g_assert_cmpuint(decision.request->apps->len, ==, 1);
    g_assert_cmpstr(((RequestApp *)decision.request->apps->pdata[0])->name, ==, "B");
    g_assert_cmpint(decision.wake_at, ==, NOW + 100);
    request_free(decision.request);
    schedule_decide(&world.facts, NOW + 100, &decision);
    g_assert_cmpstr(((RequestApp *)decision.request->apps->pdata[0])->name, ==, "A");
    request_free(decision.request);
    /* another version is another matter, and a clock that was set back makes no one wait for ever */
    request_add_app(tried, "B", "1.9");
    schedule_cooldown_add(&world.cooldown, tried, NOW + 100, NOW);
    schedule_decide(&world.facts, NOW - 30 * 24 * HOUR, &decision);
    g_assert_cmpstr(((RequestApp *)decision.request->apps->pdata[0])->name, ==, "A");
    request_free(decision.request);
}

static void test_a_server_that_asked_for_peace_is_left_in_peace(void)
{
    g_auto(World) world = {0};
    ScheduleDecision decision;
    world_init(&world, "https://repo.example/", NOW - 2 * HOUR);
    StoreRepo *repo = world.repos->pdata[0];
    repo->retry_after_at = NOW + 100;
    add_offer(&world, "A", VERDICT_NOW, REASON_EMERGENCY, CLASS_EMERGENCY, 0);
    gint64 refresh_at = schedule_refresh_at(&world.facts, repo, NOW);
    g_assert_true(refresh_at >= NOW + 100 && refresh_at < NOW + 100 + HOUR);
    schedule_decide(&world.facts, NOW, &decision);
    g_assert_false(decision.refresh_is_due);
    g_assert_null(decision.request);
    g_assert_cmpint(decision.wake_at, ==, NOW + 100);
    /* what comes from elsewhere does not wait */
    add_offer(&world, "B", VERDICT_NOW, REASON_EMERGENCY, CLASS_EMERGENCY, 0);
    Release *elsewhere = ((StoreOffer *)world.offers->pdata[1])->release;
    g_free(elsewhere->repository);
    elsewhere->repository = g_strdup("other");
    schedule_decide(&world.facts, NOW, &decision);
    g_assert_cmpuint(decision.request->apps->len, ==, 1);
    g_assert_cmpstr(((RequestApp *)decision.request->apps->pdata[0])->name, ==, "B");
    request_free(decision.request);
    schedule_decide(&world.facts, NOW + 100, &decision);
    g_assert_cmpuint(decision.request->apps->len, ==, 2);
    request_free(decision.request);
    /* the clock was set back since: nobody is silent for so long */
    repo->retry_after_at = NOW + 3 * 24 * HOUR;
    schedule_decide(&world.facts, NOW, &decision);
    g_assert_true(decision.refresh_is_due);
    request_free(decision.request);
}

static void test_what_waited_before_is_forgotten(void)
{
    g_auto(World) world = {0};
    world_init(&world, "https://repo.example/", NOW);
    for (int i = 0; i < 50; i++) {
        g_autoptr(Request) tried = request_new(REQUEST_AUTO);
        g_autofree char *version = g_strdup_printf("2.%d", i);
        request_add_app(tried, "A", version);
        schedule_cooldown_add(&world.cooldown, tried, NOW + i + 1, NOW + i);
    }
    g_assert_cmpuint(g_hash_table_size(world.cooldown.until), ==, 1);
}

static void test_it_wakes_for_whatever_comes_first(void)
{
    g_auto(World) world = {0};
    ScheduleDecision decision;
    world_init(&world, "https://repo.example/", NOW);
    add_offer(&world, "A", VERDICT_AT, REASON_WINDOW, CLASS_NORMAL, NOW + 200);
    add_offer(&world, "B", VERDICT_WAIT, REASON_HELD, CLASS_NORMAL, NOW + 150);
    add_offer(&world, "C", VERDICT_AT, REASON_WINDOW, CLASS_NORMAL, NOW - 5); /* the past wakes nobody */
    schedule_decide(&world.facts, NOW, &decision);
    g_assert_cmpint(decision.wake_at, ==, NOW + 150);
}

void schedule_tests(void)
{
    g_test_add_func("/schedule/local_urls_are_those_of_this_machine",
                    test_local_urls_are_those_of_this_machine);
    g_test_add_func("/schedule/a_repository_is_polled_once_an_interval",
                    test_a_repository_is_polled_once_an_interval);
    g_test_add_func("/schedule/a_repository_that_was_never_asked_has_its_turn",
                    test_a_repository_that_was_never_asked_has_its_turn);
    g_test_add_func("/schedule/a_local_repository_is_asked_at_once_where_the_poll_is_a_second",
                    test_a_local_repository_is_asked_at_once_where_the_poll_is_a_second);
    g_test_add_func("/schedule/a_poll_that_did_not_take_is_not_tried_at_once",
                    test_a_poll_that_did_not_take_is_not_tried_at_once);
    g_test_add_func("/schedule/a_box_that_has_just_started_asks_nobody",
                    test_a_box_that_has_just_started_asks_nobody);
    g_test_add_func("/schedule/a_lost_clock_does_not_make_a_box_ask_without_end",
                    test_a_lost_clock_does_not_make_a_box_ask_without_end);
    g_test_add_func("/schedule/without_repositories_nothing_is_polled",
                    test_without_repositories_nothing_is_polled);
    g_test_add_func("/schedule/only_verdicts_of_now_are_installed", test_only_verdicts_of_now_are_installed);
    g_test_add_func("/schedule/an_emergency_goes_before_what_is_ordinary",
                    test_an_emergency_goes_before_what_is_ordinary);
    g_test_add_func("/schedule/what_was_tried_waits_and_the_rest_goes_on",
                    test_what_was_tried_waits_and_the_rest_goes_on);
    g_test_add_func("/schedule/a_server_that_asked_for_peace_is_left_in_peace",
                    test_a_server_that_asked_for_peace_is_left_in_peace);
    g_test_add_func("/schedule/what_waited_before_is_forgotten", test_what_waited_before_is_forgotten);
    g_test_add_func("/schedule/it_wakes_for_whatever_comes_first", test_it_wakes_for_whatever_comes_first);
}
