/* courier_test.c - a notice's way through programs that hang, fail or are not there. */
#include "tests.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/courier.h"

static void add_notice(const Box *box, const char *key)
{
    must(store_notice_add(box->daemon.store, key, "change", 1795000000,
                          "{\"message\":\"done: install One 1.0\"}", FALSE, OR_FAIL));
}

static char *program(const Box *box, const char *text)
{
    box_write(box, "told.sh", text);
    char *path = box_path(box, "told.sh");
    g_assert_cmpint(chmod(path, 0755), ==, 0);
    return path;
}

static gboolean waits(const Box *box)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(StoreNotice) notice = store_notice_waiting(box->daemon.store, &error);
    g_assert_no_error(error);
    return notice != NULL;
}

/* Gone, or a zombie that nobody takes away in this container. */
static gboolean is_dead(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
    g_autofree char *stat = NULL;
    return !g_file_get_contents(path, &stat, NULL, NULL) || strstr(stat, ") Z ") != NULL;
}

/* Both notices are told, however the program behaves. */
static void expect_told(const char *text)
{
    g_auto(Box) box = {0};
    box_init(&box);
    g_autofree char *command = program(&box, text);
    SettingsValues settings = {.notify_command = command, .notify_mail = (char *)""};
    Courier *courier = courier_new(box.daemon.root, box.daemon.store, 1);
    add_notice(&box, "txn:1");
    add_notice(&box, "txn:2");
    courier_go(courier, &settings);
    loop_until(courier_is_idle(courier));
    g_assert_false(waits(&box));
    courier_free(courier);
}

static void test_a_program_that_hangs_is_killed_and_the_next_notice_told(void)
{
    expect_told("#!/bin/sh\ntrap '' TERM INT HUP\nsleep 600 & sleep 600\n");
}

static void test_a_program_that_fails_has_been_told(void)
{
    expect_told("#!/bin/sh\nexit 3\n");
}

static void test_a_file_that_is_no_program_holds_nothing_up(void)
{
    expect_told("#!/nowhere/at/all\n");
}

/* The end of the daemon ends what runs, all of its session; the notice waits for the next one. */
static void test_the_end_of_the_daemon_ends_the_program(void)
{
    g_auto(Box) box = {0};
    box_init(&box);
    g_autofree char *pid_file = box_path(&box, "pid");
    g_autofree char *text = g_strdup_printf("#!/bin/sh\nsleep 600 &\necho $! >%s.new\nmv %s.new %s\nwait\n",
                                            pid_file, pid_file, pid_file);
    g_autofree char *command = program(&box, text);
    SettingsValues settings = {.notify_command = command, .notify_mail = (char *)""};
    Courier *courier = courier_new(box.daemon.root, box.daemon.store, 60);
    add_notice(&box, "txn:1");
    courier_go(courier, &settings);
    loop_until(access(pid_file, F_OK) == 0);
    g_autofree char *pid = NULL;
    g_assert_true(g_file_get_contents(pid_file, &pid, NULL, NULL));
    courier_free(courier);
    g_assert_true(waits(&box));
    pid_t sleeper = (pid_t)g_ascii_strtoll(pid, NULL, 10);
    loop_until(is_dead(sleeper));
}

static void test_a_known_thing_is_not_told_again(void)
{
    g_auto(Box) box = {0};
    box_init(&box);
    SettingsValues settings = {.notify_command = (char *)"", .notify_mail = (char *)""};
    Courier *courier = courier_new(box.daemon.root, box.daemon.store, 1);
    add_notice(&box, "txn:1");
    g_assert_true(store_notice_is_known(box.daemon.store, "txn:1"));
    g_assert_false(store_notice_is_known(box.daemon.store, "txn:2"));
    courier_go(courier, &settings);
    g_assert_true(courier_is_idle(courier));
    add_notice(&box, "txn:1");
    g_assert_false(waits(&box));
    must(store_notices_trim(box.daemon.store, 1795000001, OR_FAIL));
    g_assert_false(store_notice_is_known(box.daemon.store, "txn:1"));
    courier_free(courier);
}

void courier_tests(void)
{
    g_test_add_func("/courier/a_program_that_hangs_is_killed_and_the_next_notice_told",
                    test_a_program_that_hangs_is_killed_and_the_next_notice_told);
    g_test_add_func("/courier/a_program_that_fails_has_been_told", test_a_program_that_fails_has_been_told);
    g_test_add_func("/courier/a_file_that_is_no_program_holds_nothing_up",
                    test_a_file_that_is_no_program_holds_nothing_up);
    g_test_add_func("/courier/the_end_of_the_daemon_ends_the_program",
                    test_the_end_of_the_daemon_ends_the_program);
    g_test_add_func("/courier/a_known_thing_is_not_told_again", test_a_known_thing_is_not_told_again);
}
