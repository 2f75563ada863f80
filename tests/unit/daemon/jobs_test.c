/* jobs_test.c - the queue and its one child, with a script that plays the child; and what the daemon makes
 * of it. */
#include "tests.h"

#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "daemon/jobs_lost.h"

/* A queue with a listener of its own on the store of a box. */
typedef struct {
    Box box;
    Jobs *jobs;
    GString *said; /* "7:job:running 7:step ..." */
    GString *done; /* "upgrade=0 die=1 ..." */
} Bench;

static void on_event(gint64 job_id, json_t *event, gboolean keep, gpointer user_data)
{
    Bench *bench = user_data;
    const char *kind = text_at(event, "event");
    const char *state = json_string_value(json_object_get(event, "state"));
    g_assert_cmpint(json_integer_value(json_at(event, "job")), ==, job_id);
    g_assert_cmpint(keep, ==, strcmp(kind, "bytes") != 0);
    g_string_append_printf(bench->said, "%d:%s%s%s ", (int)job_id, kind, state ? ":" : "",
                           state ? state : "");
}

static void on_done(gint64 job_id, const char *action, json_t *request, json_t *result, gpointer user_data)
{
    Bench *bench = user_data;
    g_assert_cmpint(job_id, >=, 0);
    g_assert_true(json_is_object(request));
    g_string_append_printf(bench->done, "%s=%d ", action, (int)json_integer_value(json_at(result, "exit")));
}

static void bench_start(Bench *bench)
{
    g_autoptr(GError) error = NULL;
    JobsListener listener = {on_event, on_done, bench};
    bench->jobs = jobs_new(bench->box.daemon.store, bench->box.path, &listener, &error);
    g_assert_no_error(error);
}

static void bench_init(Bench *bench)
{
    box_init(&bench->box);
    bench->said = g_string_new(NULL);
    bench->done = g_string_new(NULL);
    bench_start(bench);
}

static void bench_clear(Bench *bench)
{
    jobs_stop(bench->jobs);
    loop_until(!jobs_is_running(bench->jobs));
    jobs_free(bench->jobs);
    box_clear(&bench->box);
    g_string_free(bench->said, TRUE);
    g_string_free(bench->done, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Bench, bench_clear)

static gint64 queue(Bench *bench, const char *action)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) request = json_pack("{s:s}", "for", action);
    gint64 id = jobs_queue(bench->jobs, action, request, NULL, 0, &error);
    g_assert_no_error(error);
    g_assert_cmpint(id, >, 0);
    return id;
}

/* The job's record: its state, and *result its result or NULL. */
static char *state_of(const Bench *bench, gint64 id, json_t **result)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(StoreJob) job = store_job_get(bench->box.daemon.store, id, &error);
    g_assert_no_error(error);
    if (result)
        *result = job->result_json ? json_loads(job->result_json, 0, NULL) : NULL;
    return g_strdup(job->state);
}

static void assert_ended(const Bench *bench, gint64 id, const char *state, const char *code,
                         const char *message)
{
    g_autoptr(json_t) result = NULL;
    g_autofree char *found = state_of(bench, id, &result);
    g_assert_cmpstr(found, ==, state);
    g_assert_cmpstr(text_at(result, "code"), ==, code);
    if (!strstr(text_at(result, "message"), message))
        g_error("wanted \"%s\", found \"%s\"", message, text_at(result, "message"));
    g_assert_null(json_object_get(result, "event"));
    g_assert_true(json_is_array(json_at(result, "transactions")));
}

static void test_a_job_runs_and_tells(void)
{
    g_auto(Bench) bench = {0};
    bench_init(&bench);
    gint64 id = queue(&bench, "upgrade");
    g_assert_cmpint(jobs_running_id(bench.jobs), ==, id);
    loop_until(jobs_is_idle(bench.jobs));
    assert_ended(&bench, id, "done", "ok", "");
    g_assert_cmpstr(bench.said->str, ==,
                    "1:job:queued 1:job:running 1:step 1:bytes 1:transaction 1:job:done 1:result ");
    g_assert_cmpstr(bench.done->str, ==, "upgrade=0 ");
    g_auto(GStrv) requests = script_requests(&bench.box);
    g_assert_cmpstr(requests[0], ==, "{\"action\":\"upgrade\",\"job\":1,\"request\":{\"for\":\"upgrade\"}}");
}

static void test_a_failed_job_says_why(void)
{
    g_auto(Bench) bench = {0};
    bench_init(&bench);
    gint64 id = queue(&bench, "fail");
    loop_until(jobs_is_idle(bench.jobs));
    assert_ended(&bench, id, "failed", "network", "no answer");
    g_assert_cmpuint(script_count(&bench.box, "recover"), ==, 0);
}

static void test_a_job_that_ends_without_a_word_failed_and_recovery_runs_first(void)
{
    static const struct {
        const char *action, *message;
    } cases[] = {
        {"die", "ended with code 3"},
        {"crash", "ended by signal 11"},
        {"vague", "ended with code 0"}, /* a result that does not say how it went is none */
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Bench) bench = {0};
        bench_init(&bench);
        gint64 id = queue(&bench, cases[i].action);
        gint64 next = queue(&bench, "upgrade");
        loop_until(jobs_is_idle(bench.jobs));
        assert_ended(&bench, id, "failed", "internal", cases[i].message);
        assert_ended(&bench, next, "done", "ok", "");
        g_autofree char *order = g_strdup_printf("%s=1 recover=0 start-apps=0 upgrade=0 ", cases[i].action);
        g_assert_cmpstr(bench.done->str, ==, order);
        g_autofree char *result = g_strdup_printf("%d:job:failed %d:result ", (int)id, (int)id);
        g_assert_nonnull(strstr(bench.said->str, result));
    }
}

static void test_a_recovery_that_dies_or_fails_is_done_again_in_no_endless_circle(void)
{
    static const char *const flags[][2] = {
        {"recover-dies", "die=1 recover=1 recover=1 recover=1 start-apps=0 "},
        {"recover-fails", "die=1 recover=1 recover=1 recover=1 start-apps=0 "},
        {"recover-fails-once", "die=1 recover=1 recover=0 start-apps=0 "},
        {"start-apps-dies", "die=1 recover=0 start-apps=1 recover=0 "}};
    for (gsize i = 0; i < G_N_ELEMENTS(flags); i++) {
        g_auto(Bench) bench = {0};
        bench_init(&bench);
        box_write(&bench.box, flags[i][0], "");
        queue(&bench, "die");
        loop_until(jobs_is_idle(bench.jobs));
        g_assert_cmpstr(bench.done->str, ==, flags[i][1]);
    }
}

static void test_what_is_no_event_is_passed_over(void)
{
    g_auto(Bench) bench = {0};
    bench_init(&bench);
    gint64 id = queue(&bench, "babble");
    loop_until(jobs_is_idle(bench.jobs));
    assert_ended(&bench, id, "done", "ok", "");
    g_assert_cmpstr(bench.said->str, ==, "1:job:queued 1:job:running 1:job:done 1:result ");
}

static void test_a_program_that_is_not_there_is_a_failed_job(void)
{
    g_auto(Bench) bench = {0};
    bench_init(&bench);
    g_autofree char *program = box_path(&bench.box, "job.sh");
    g_assert_cmpint(chmod(program, 0644), ==, 0);
    g_autofree char *gone = box_path(&bench.box, "gone.sh");
    g_assert_cmpint(rename(program, gone), ==, 0);
    gint64 id = queue(&bench, "upgrade");
    loop_until(jobs_is_idle(bench.jobs));
    assert_ended(&bench, id, "failed", "not-found", "cannot start");
    g_assert_cmpstr(bench.said->str, ==, "1:job:queued 1:job:running 1:job:failed 1:result ");
}

static void test_progress_is_shown_while_it_runs(void)
{
    g_auto(Bench) bench = {0};
    bench_init(&bench);
    gint64 id = queue(&bench, "wait");
    loop_until(strstr(bench.said->str, "bytes"));
    g_autofree char *text = json_to_text(jobs_progress(bench.jobs));
    g_assert_cmpstr(text, ==,
                    "{\"app\":\"One\",\"done\":3,\"step\":\"FETCH\",\"total\":9,\"words\":\"Downloading\"}");
    must(jobs_cancel(bench.jobs, id, OR_FAIL));
    loop_until(jobs_is_idle(bench.jobs));
    g_assert_null(jobs_progress(bench.jobs));
}

static void test_a_running_job_is_asked_to_undo_itself(void)
{
    static const struct {
        const char *action, *message;
        guint n_recoveries;
    } cases[] = {{"wait", "asked to stop", 0}, {"deaf", "before it began", 1}};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Bench) bench = {0};
        g_autoptr(GError) error = NULL;
        bench_init(&bench);
        gint64 id = queue(&bench, cases[i].action);
        loop_until(strstr(bench.said->str, "step"));
        must(jobs_cancel(bench.jobs, id, OR_FAIL));
        loop_until(jobs_is_idle(bench.jobs));
        assert_ended(&bench, id, "cancelled", "cancelled", cases[i].message);
        g_assert_cmpuint(script_count(&bench.box, "recover"), ==, cases[i].n_recoveries);
        g_assert_false(jobs_cancel(bench.jobs, id, &error));
        assert_error(&error, APPCENTER_ERROR_REFUSED, "is over (cancelled)");
    }
}

static void test_a_job_that_takes_too_long_is_asked_to_end_and_failed(void)
{
    g_auto(Bench) bench = {0};
    bench_init(&bench);
    jobs_set_limit(bench.jobs, 1);
    gint64 id = queue(&bench, "wait");
    gint64 next = queue(&bench, "upgrade");
    loop_until(jobs_is_idle(bench.jobs));
    assert_ended(&bench, id, "failed", "internal",
                 "the job took longer than 1s and was ended; asked to stop");
    assert_ended(&bench, next, "done", "ok", "");
    g_assert_cmpuint(script_count(&bench.box, "recover"), ==, 0); /* it has undone itself */
}

static void test_a_job_that_goes_on_talking_is_killed_and_recovery_runs(void)
{
    g_auto(Bench) bench = {0};
    bench_init(&bench);
    jobs_set_limit(bench.jobs, 1);
    gint64 id = queue(&bench, "chatty");
    gint64 next = queue(&bench, "upgrade");
    loop_until(jobs_is_idle(bench.jobs));
    assert_ended(&bench, id, "failed", "internal",
                 "the job took longer than 1s and was ended; it had not begun");
    assert_ended(&bench, next, "done", "ok", "");
    g_assert_cmpstr(bench.done->str, ==, "chatty=1 recover=0 start-apps=0 upgrade=0 ");
}

static void test_a_queued_job_is_dropped(void)
{
    g_auto(Bench) bench = {0};
    g_autoptr(GError) error = NULL;
    bench_init(&bench);
    gint64 first = queue(&bench, "wait");
    gint64 second = queue(&bench, "upgrade");
    must(jobs_cancel(bench.jobs, second, OR_FAIL));
    assert_ended(&bench, second, "cancelled", "cancelled", "before it began");
    g_assert_nonnull(strstr(bench.said->str, "2:job:cancelled 2:result "));
    loop_until(strstr(bench.said->str, "1:bytes"));
    must(jobs_cancel(bench.jobs, first, OR_FAIL));
    loop_until(jobs_is_idle(bench.jobs));
    g_assert_cmpuint(script_count(&bench.box, "upgrade"), ==, 0);
    g_assert_false(jobs_cancel(bench.jobs, 99, &error));
    assert_error(&error, APPCENTER_ERROR_NOT_FOUND, "no job 99");
}

static void test_only_one_runs_at_a_time_in_the_order_of_asking(void)
{
    g_auto(Bench) bench = {0};
    bench_init(&bench);
    queue(&bench, "upgrade");
    queue(&bench, "fail");
    queue(&bench, "upgrade");
    jobs_queue_own(bench.jobs, "recover", NULL, TRUE);
    g_assert_true(jobs_has_own(bench.jobs));
    loop_until(jobs_is_idle(bench.jobs));
    g_assert_false(jobs_has_own(bench.jobs));
    g_assert_cmpstr(bench.done->str, ==, "upgrade=0 recover=0 fail=8 upgrade=0 ");
    const char *second_begins = strstr(bench.said->str, "2:job:running");
    g_assert_true(second_begins > strstr(bench.said->str, "1:result"));
}

static void test_a_full_queue_takes_no_more(void)
{
    g_auto(Bench) bench = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) request = json_object();
    bench_init(&bench);
    queue(&bench, "wait");
    for (int i = 0; i < 100; i++)
        queue(&bench, "upgrade");
    g_assert_cmpint(jobs_queue(bench.jobs, "upgrade", request, NULL, 0, &error), ==, 0);
    assert_error(&error, APPCENTER_ERROR_BUSY, "100 jobs wait already");
}

static void test_a_key_that_was_used_gives_the_old_job(void)
{
    g_auto(Bench) bench = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) request = json_object();
    bench_init(&bench);
    gint64 id = jobs_queue(bench.jobs, "upgrade", request, "key", 5, &error);
    loop_until(jobs_is_idle(bench.jobs));
    g_assert_cmpint(jobs_queue(bench.jobs, "upgrade", request, "key", 5, &error), ==, id);
    g_assert_true(jobs_is_idle(bench.jobs));
    g_assert_cmpint(jobs_queue(bench.jobs, "upgrade", request, "key", 6, &error), !=,
                    id); /* another user's key */
    loop_until(jobs_is_idle(bench.jobs));
    g_assert_no_error(error);
    g_assert_cmpuint(script_count(&bench.box, "upgrade"), ==, 2);
}

static void test_a_restart_goes_on_with_what_waited_and_ends_what_ran(void)
{
    g_auto(Bench) bench = {0};
    bench_init(&bench);
    gint64 running = queue(&bench, "deaf");
    gint64 second = queue(&bench, "upgrade");
    gint64 third = queue(&bench, "fail");
    loop_until(strstr(bench.said->str, "1:step"));
    g_autofree char *pid_path = box_path(&bench.box, "pid");
    g_autofree char *pid_text = NULL;
    g_assert_true(g_file_get_contents(pid_path, &pid_text, NULL, NULL));
    pid_t orphan = (pid_t)g_ascii_strtoll(pid_text, NULL, 10);
    jobs_free(bench.jobs); /* the daemon dies; its child lives on */
    g_string_truncate(bench.said, 0);
    bench_start(&bench);
    g_autofree char *state = state_of(&bench, running, NULL);
    g_assert_cmpstr(state, ==, "running"); /* for all we know */
    g_assert_cmpstr(bench.said->str, ==, "");
    g_assert_false(jobs_is_running(bench.jobs));
    jobs_queue_own(bench.jobs, "recover", NULL, TRUE);
    loop_until(jobs_is_idle(bench.jobs));
    assert_ended(&bench, running, "failed", "io", "interrupted");
    g_assert_true(g_str_has_prefix(bench.said->str, "1:job:failed 1:result "));
    g_assert_cmpstr(bench.done->str, ==, "recover=0 upgrade=0 fail=8 ");
    assert_ended(&bench, second, "done", "ok", "");
    assert_ended(&bench, third, "failed", "network", "no answer");
    g_assert_cmpint(kill(orphan, SIGKILL), ==, 0);
    g_assert_cmpint(waitpid(orphan, NULL, 0), ==, orphan);
}

static void test_an_end_that_no_daemon_saw_is_told_by_the_next_one(void)
{
    g_auto(Bench) bench = {0};
    bench_init(&bench);
    Store *store = bench.box.daemon.store;
    gint64 told = queue(&bench, "upgrade"), untold = queue(&bench, "fail");
    loop_until(jobs_is_idle(bench.jobs));
    g_autofree char *event = g_strdup_printf("{\"event\":\"result\",\"job\":%d}", (int)told);
    g_assert_cmpint(store_event_add(store, 1, event, NULL), >, 0);
    g_assert_cmpint(store_event_add(store, 1, "{\"event\":\"result\"}", NULL), >, 0); /* of nobody */
    jobs_free(bench.jobs);
    g_string_truncate(bench.said, 0);
    bench_start(&bench);
    g_assert_cmpstr(bench.said->str, ==, "2:job:failed 2:result ");
    assert_ended(&bench, untold, "failed", "network", "no answer");
}

static void test_a_stopping_queue_ends_what_runs_and_starts_nothing(void)
{
    g_auto(Bench) bench = {0};
    bench_init(&bench);
    gint64 running = queue(&bench, "wait");
    gint64 waiting = queue(&bench, "upgrade");
    loop_until(strstr(bench.said->str, "bytes"));
    jobs_stop(bench.jobs);
    loop_until(!jobs_is_running(bench.jobs));
    assert_ended(&bench, running, "cancelled", "cancelled", "asked to stop");
    g_autofree char *state = state_of(&bench, waiting, NULL);
    g_assert_cmpstr(state, ==, "queued");
    g_assert_cmpuint(script_count(&bench.box, "upgrade"), ==, 0);
}

/* --- jobs that could not say how they ended --- */

static void put_txn(const Bench *bench, gint64 job_id, const char *result)
{
    Store *store = bench->box.daemon.store;
    StoreTxn txn = {.job_id = job_id, .trigger = (char *)"admin", .started_at = 1, .plan_json = (char *)"{}"};
    must(store_txn_start(store, &txn, OR_FAIL));
    if (g_str_equal(result, "done"))
        must(store_txn_mark_committed(store, txn.id, OR_FAIL));
    if (*result)
        must(store_txn_finish(store, txn.id, result, NULL, NULL, 2, OR_FAIL));
}

static void test_a_lost_job_is_told_by_what_became_of_its_transactions(void)
{
    static const struct {
        const char *results[3], *code, *message;
    } cases[] = {
        {{NULL}, "internal", "lost; it had not begun to change anything"},
        {{"rolled_back", NULL}, "internal", "lost; what it had begun is undone"},
        {{"done", NULL}, "partly", "lost; what it had begun is done"},
        {{"done", "rolled_back", NULL},
         "partly",
         "lost; some of what it had begun is done, the rest is undone"},
        {{"done", "", NULL}, "partly", "lost; what it had begun could not be undone yet"},
    };
    g_auto(Bench) bench = {0};
    bench_init(&bench);
    put_txn(&bench, 99, "done"); /* another's */
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const char *state = NULL;
        gint64 id = 100 + (gint64)i;
        gsize n = 0;
        for (; cases[i].results[n]; n++)
            put_txn(&bench, id, cases[i].results[n]);
        g_autoptr(json_t) how = json_pack("{s:i, s:s, s:s, s:[]}", "exit", 1, "code", "internal", "message",
                                          "lost", "transactions");
        g_autoptr(json_t) result = jobs_lost_result(bench.box.daemon.store, id, how, &state);
        g_assert_cmpstr(state, ==, "failed");
        g_assert_cmpstr(text_at(result, "code"), ==, cases[i].code);
        g_assert_cmpstr(text_at(result, "message"), ==, cases[i].message);
        g_assert_cmpuint(json_array_size(json_at(result, "transactions")), ==, n);
    }
}

static void test_a_job_that_nobody_heard_has_the_last_word(void)
{
    g_auto(Bench) bench = {0};
    g_autoptr(GError) error = NULL;
    bench_init(&bench);
    Store *store = bench.box.daemon.store;
    StoreJob row = {.action = (char *)"upgrade", .request_json = (char *)"{}", .state = (char *)"running"};
    must(store_job_add(store, &row, NULL, OR_FAIL));
    jobs_free(bench.jobs);
    bench_start(&bench);
    must(store_job_set(store, row.id, "done", /* what the orphan does at its end */
                       "{\"exit\":0,\"code\":\"ok\",\"message\":\"\",\"transactions\":[]}", 5, OR_FAIL));
    g_assert_false(jobs_cancel(bench.jobs, row.id, &error));
    assert_error(&error, APPCENTER_ERROR_REFUSED, "is not at work any more");
    jobs_queue_own(bench.jobs, "recover", NULL, TRUE);
    loop_until(jobs_is_idle(bench.jobs));
    assert_ended(&bench, row.id, "done", "ok", "");
    g_assert_nonnull(strstr(bench.said->str, "1:job:done 1:result "));
}

/* --- what the daemon makes of it --- */

static void test_an_emergency_is_installed_by_itself_and_not_twice(void)
{
    g_auto(Box) box = {0};
    box_init(&box);
    put_app(&box, "One", "1.0");
    put_offer(&box, "One", "1.0", "2.0", EMERGENCY);
    daemon_kick(&box.daemon);
    loop_until(script_count(&box, "auto") == 1 && jobs_is_idle(box.daemon.jobs));
    g_auto(GStrv) requests = script_requests(&box);
    g_assert_nonnull(strstr(requests[0], "\"apps\":[{\"name\":\"One\",\"version\":\"2.0\"}]"));
    g_assert_nonnull(strstr(requests[0], "\"trigger\":\"emergency\""));
    /* the script changed nothing, so the ledger still says now; but it was tried */
    gint64 end_us = g_get_monotonic_time() + G_USEC_PER_SEC / 4;
    while (g_get_monotonic_time() < end_us)
        g_main_context_iteration(NULL, FALSE);
    g_assert_cmpuint(script_count(&box, "auto"), ==, 1);
}

static void test_a_poll_that_fails_before_it_is_recorded_does_not_spin(void)
{
    static const char *const files[] = {"etc/appcenter/repos.d/main.conf",
                                        "[repository]\nurl = file:///nowhere\n",
                                        "etc/appcenter/appcenter.conf", "[network]\npoll = 1s\n", NULL};
    g_auto(Box) box = {0};
    box_init_with(&box, files);
    box_write(&box, "refresh-dies", "");
    daemon_kick(&box.daemon);
    loop_until(script_count(&box, "refresh") == 1 && jobs_is_idle(box.daemon.jobs));
    gint64 end_us = g_get_monotonic_time() + G_USEC_PER_SEC / 2;
    while (g_get_monotonic_time() < end_us)
        g_main_context_iteration(NULL, FALSE);
    g_assert_cmpuint(script_count(&box, "refresh"), ==, 1);
}

static void test_a_bad_configuration_is_refused_and_the_good_one_stays(void)
{
    static const char *const files[] = {"etc/appcenter/appcenter.conf", "[updates]\nother = auto\n", NULL};
    g_auto(Box) box = {0};
    box_init_with(&box, files);
    box_write(&box, "etc/appcenter/appcenter.conf", "[updates]\nother = maybe\n");
    daemon_reload(&box.daemon);
    daemon_reload(&box.daemon);
    g_assert_cmpint(settings_values(box.daemon.settings)->other, ==, CONSENT_AUTO);
    g_assert_cmpuint(box.daemon.warnings->len, ==, 1);
    g_assert_nonnull(strstr(box.daemon.warnings->pdata[0], "maybe"));
    box_write(&box, "etc/appcenter/appcenter.conf", "[updates]\nother = off\n");
    daemon_reload(&box.daemon);
    g_assert_cmpint(settings_values(box.daemon.settings)->other, ==, CONSENT_OFF);
    g_assert_cmpuint(box.daemon.warnings->len, ==, 0);
}

static void test_a_box_that_starts_with_a_bad_file_goes_by_the_last_good_one(void)
{
    g_auto(Box) box = {0};
    box_init(&box);
    must(store_meta_set(box.daemon.store, "config_last_good", "[updates]\nemergency = notify\n", OR_FAIL));
    box_write(&box, "etc/appcenter/appcenter.conf", "[updates]\nemergency = perhaps\n");
    box_restart(&box);
    g_assert_cmpint(settings_values(box.daemon.settings)->emergency, ==, CONSENT_NOTIFY);
    g_assert_cmpuint(box.daemon.warnings->len, ==, 1);
}

static void test_time_goes_on_where_the_clock_is_behind_the_floor(void)
{
    g_auto(Box) box = {0};
    box_init(&box);
    gint64 floor = system_now() + 1000000;
    must(store_raise_time_floor(box.daemon.store, floor, OR_FAIL));
    box_restart(&box);
    g_assert_cmpint(daemon_now(&box.daemon), >=, floor);
    g_usleep(1100 * 1000);
    g_assert_cmpint(daemon_now(&box.daemon), >, floor);
}

void jobs_tests(void)
{
    g_test_add_func("/jobs/a_job_runs_and_tells", test_a_job_runs_and_tells);
    g_test_add_func("/jobs/a_failed_job_says_why", test_a_failed_job_says_why);
    g_test_add_func("/jobs/one_that_ends_without_a_word_failed_and_recovery_runs_first",
                    test_a_job_that_ends_without_a_word_failed_and_recovery_runs_first);
    g_test_add_func("/jobs/a_recovery_that_dies_or_fails_is_done_again_in_no_endless_circle",
                    test_a_recovery_that_dies_or_fails_is_done_again_in_no_endless_circle);
    g_test_add_func("/jobs/what_is_no_event_is_passed_over", test_what_is_no_event_is_passed_over);
    g_test_add_func("/jobs/a_program_that_is_not_there_is_a_failed_job",
                    test_a_program_that_is_not_there_is_a_failed_job);
    g_test_add_func("/jobs/progress_is_shown_while_it_runs", test_progress_is_shown_while_it_runs);
    g_test_add_func("/jobs/a_running_job_is_asked_to_undo_itself",
                    test_a_running_job_is_asked_to_undo_itself);
    g_test_add_func("/jobs/one_that_takes_too_long_is_asked_to_end_and_failed",
                    test_a_job_that_takes_too_long_is_asked_to_end_and_failed);
    g_test_add_func("/jobs/one_that_goes_on_talking_is_killed_and_recovery_runs",
                    test_a_job_that_goes_on_talking_is_killed_and_recovery_runs);
    g_test_add_func("/jobs/a_queued_job_is_dropped", test_a_queued_job_is_dropped);
    g_test_add_func("/jobs/only_one_runs_at_a_time_in_the_order_of_asking",
                    test_only_one_runs_at_a_time_in_the_order_of_asking);
    g_test_add_func("/jobs/a_full_queue_takes_no_more", test_a_full_queue_takes_no_more);
    g_test_add_func("/jobs/a_key_that_was_used_gives_the_old_job",
                    test_a_key_that_was_used_gives_the_old_job);
    g_test_add_func("/jobs/a_restart_goes_on_with_what_waited_and_ends_what_ran",
                    test_a_restart_goes_on_with_what_waited_and_ends_what_ran);
    g_test_add_func("/jobs/a_stopping_queue_ends_what_runs_and_starts_nothing",
                    test_a_stopping_queue_ends_what_runs_and_starts_nothing);
    g_test_add_func("/jobs/an_end_that_no_daemon_saw_is_told_by_the_next_one",
                    test_an_end_that_no_daemon_saw_is_told_by_the_next_one);
    g_test_add_func("/jobs/a_lost_job_is_told_by_what_became_of_its_transactions",
                    test_a_lost_job_is_told_by_what_became_of_its_transactions);
    g_test_add_func("/jobs/a_job_that_nobody_heard_has_the_last_word",
                    test_a_job_that_nobody_heard_has_the_last_word);
    g_test_add_func("/daemon/an_emergency_is_installed_by_itself_and_not_twice",
                    test_an_emergency_is_installed_by_itself_and_not_twice);
    g_test_add_func("/daemon/a_poll_that_fails_before_it_is_recorded_does_not_spin",
                    test_a_poll_that_fails_before_it_is_recorded_does_not_spin);
    g_test_add_func("/daemon/a_bad_configuration_is_refused_and_the_good_one_stays",
                    test_a_bad_configuration_is_refused_and_the_good_one_stays);
    g_test_add_func("/daemon/one_that_starts_with_a_bad_file_goes_by_the_last_good_one",
                    test_a_box_that_starts_with_a_bad_file_goes_by_the_last_good_one);
    g_test_add_func("/daemon/time_goes_on_where_the_clock_is_behind_the_floor",
                    test_time_goes_on_where_the_clock_is_behind_the_floor);
}
