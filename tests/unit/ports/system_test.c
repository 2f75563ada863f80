/* system_test.c - the box as a private root shows it: version, configuration, repositories, lock, running apps. */
#include "ports/system.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests.h"

static void test_the_os_version_is_found_where_the_system_keeps_it(void)
{
    static const struct {
        const char *set, *ulinux, *os_release, *wanted;
    } cases[] = {
        {"", "[System]\nModel = TS-X53\nVersion = 5.0.0\nBuild Number = 2057\n", NULL, "5.0.0"},
        {"5.1.2", "[System]\nVersion = 5.0.0\n", NULL, "5.1.2"},
        {"", "[Other]\nVersion = 9\n[System]\nVersion=4.5\n[Third]\nVersion=7\n", "VERSION_ID=12\n", "4.5"},
        {"", "[Other]\nVersion = 9\nodd line\n", "A=1\nVERSION_ID=\"12\"\n", "12"},
        {"", "[System]\nVersion = ; rm -rf\n", NULL, "0"},
        {"", NULL, "VERSION_ID=12.4\n", "12.4"},
        {"", NULL, NULL, "0"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Scratch) scratch = {0};
        scratch_init(&scratch);
        SettingsValues settings = {.os_version = (char *)cases[i].set};
        if (cases[i].ulinux != NULL)
            scratch_write(&scratch, "/etc/config/uLinux.conf", cases[i].ulinux);
        if (cases[i].os_release != NULL)
            scratch_write(&scratch, "/etc/os-release", cases[i].os_release);
        g_autofree char *version = system_os_version(scratch.root, &settings);
        g_assert_cmpstr(version, ==, cases[i].wanted);
    }
}

static void test_the_architecture_is_a_qdk_name(void)
{
    SettingsValues set = {.arch = (char *)"arm-x41"}, detected = {.arch = (char *)""};
    g_autofree char *given = system_arch(&set);
    g_autofree char *found = system_arch(&detected);
    g_assert_cmpstr(given, ==, "arm-x41");
    g_assert_true(arch_is_valid(found));
}

static void test_the_build_time_is_past(void)
{
    g_assert_cmpint(system_build_time(), <, system_now());
    g_assert_cmpint(system_build_time(), >, 1600000000);
}

static void test_space_is_told(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(GError) error = NULL;
    SystemSpace space = {.free_bytes = -7, .free_inodes = -7};
    g_assert_true(system_space(root_dir_fd(scratch.root), &space, &error));
    g_assert_cmpint(space.free_bytes, >=, 0);
    g_assert_cmpint(space.free_inodes, >=, -1);
    g_assert_false(system_space(-1, &space, &error));
    assert_error(&error, APPCENTER_ERROR_IO, "free space");
}

/* --- settings --- */

static const char *origin_of(const Settings *settings, const char *section, const char *key)
{
    SettingView view;
    for (gsize i = 0; settings_view(settings, i, &view); i++)
        if (strcmp(view.section, section) == 0 && strcmp(view.key, key) == 0)
            return view.origin;
    return NULL;
}

static void test_without_files_all_settings_are_defaults(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(GError) error = NULL;
    g_autoptr(Settings) settings = system_load_settings(scratch.root, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpint(settings_values(settings)->poll_s, ==, 3600);
}

static void test_drop_ins_are_laid_over_by_name(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
    scratch_write(&scratch, "/etc/appcenter/appcenter.conf", "[network]\npoll = 10m\nstall = 30s\n");
    scratch_write(&scratch, "/etc/appcenter/appcenter.conf.d/20-b.conf", "[network]\npoll = 30m\n");
    scratch_write(&scratch, "/etc/appcenter/appcenter.conf.d/10-a.conf", "[network]\npoll = 20m\nwarp = 9\n");
    scratch_write(&scratch, "/etc/appcenter/appcenter.conf.d/99.conf~", "[network]\npoll = 40m\n");
    scratch_write(&scratch, "/etc/appcenter/appcenter.conf.d/.hidden.conf", "[network]\npoll = 50m\n");
    g_autoptr(Settings) settings = system_load_settings(scratch.root, warnings, &error);
    g_assert_no_error(error);
    g_assert_cmpint(settings_values(settings)->poll_s, ==, 1800);
    g_assert_cmpint(settings_values(settings)->stall_s, ==, 30);
    g_assert_cmpstr(origin_of(settings, "network", "poll"), ==, "appcenter.conf.d/20-b.conf:2");
    g_assert_cmpuint(warnings->len, ==, 1);
    g_assert_nonnull(strstr(g_ptr_array_index(warnings, 0), "appcenter.conf.d/10-a.conf:3"));
}

static void test_a_bad_setting_is_named_by_file_and_line(void)
{
    static const struct {
        const char *file, *text, *part;
    } cases[] = {
        {"appcenter.conf", "[updates]\n\nsecurity = maybe\n",
         "appcenter.conf:3: updates.security: wanted auto"},
        {"appcenter.conf.d/x.conf", "[network]\npoll = soon\n", "appcenter.conf.d/x.conf:2: network.poll"},
        {"appcenter.conf", "[window]\ntimer = noon\n", "window.timer"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Scratch) scratch = {0};
        scratch_init(&scratch);
        g_autoptr(GError) error = NULL;
        g_autofree char *path = g_strconcat("/etc/appcenter/", cases[i].file, NULL);
        scratch_write(&scratch, path, cases[i].text);
        g_autoptr(Settings) settings = system_load_settings(scratch.root, NULL, &error);
        g_assert_null(settings);
        assert_error(&error, APPCENTER_ERROR_CORRUPT, cases[i].part);
    }
}

/* --- repositories --- */

static void test_a_saved_repository_is_loaded_again(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) first_root = g_bytes_new_static("{\"signed\":1}", 12);
    const char *mirrors[] = {"https://a.example/x", "file:///srv/y", NULL};
    RepositoryConfig repository = {.name = (char *)"main",
                                   .url = (char *)"https://u:p@updates.example/repo",
                                   .mirrors = (char **)mirrors,
                                   .enabled = FALSE,
                                   .priority = 70};
    g_assert_true(system_save_repository(scratch.root, &repository, first_root, &error));
    g_assert_no_error(error);
    g_autoptr(GPtrArray) all = system_load_repositories(scratch.root, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(all->len, ==, 1);
    const RepositoryConfig *read = g_ptr_array_index(all, 0);
    g_assert_cmpstr(read->name, ==, "main");
    g_assert_cmpstr(read->url, ==, "https://u:p@updates.example/repo");
    g_assert_cmpstrv(read->mirrors, mirrors);
    g_assert_cmpstr(read->root_path, ==, "/etc/appcenter/repos.d/main.root.json");
    g_assert_false(read->enabled);
    g_assert_cmpint(read->priority, ==, 70);
    g_autoptr(GBytes) root = root_dir_read(scratch.root, read->root_path, 100, &error);
    g_assert_true(g_bytes_equal(root, first_root));
    struct stat info;
    g_autofree char *path = scratch_path(&scratch, "/etc/appcenter/repos.d/main.conf");
    g_assert_cmpint(stat(path, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 0777, ==, 0600); /* there may be a password in the url */

    g_assert_true(system_remove_repository(scratch.root, "main", &error));
    g_assert_false(root_dir_exists(scratch.root, "/etc/appcenter/repos.d/main.root.json"));
    g_assert_false(system_remove_repository(scratch.root, "main", &error));
    assert_error(&error, APPCENTER_ERROR_NOT_FOUND, "no repository main");
}

static void test_a_short_repository_file_gets_defaults(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(GError) error = NULL;
    scratch_write(&scratch, "/etc/appcenter/repos.d/b.conf",
                  "# mine\n[repository]\nurl=file:///srv/b\ncolour=red\n");
    scratch_write(&scratch, "/etc/appcenter/repos.d/a.conf",
                  "[repository]\nurl = http://127.0.0.1:8080\n[x]\nurl=1\n");
    scratch_write(&scratch, "/etc/appcenter/repos.d/a.root.json", "{}");
    g_autoptr(GPtrArray) all = system_load_repositories(scratch.root, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(all->len, ==, 2);
    const RepositoryConfig *a = g_ptr_array_index(all, 0), *b = g_ptr_array_index(all, 1);
    g_assert_cmpstr(a->url, ==, "http://127.0.0.1:8080");
    g_assert_cmpstr(b->url, ==, "file:///srv/b");
    g_assert_true(b->enabled);
    g_assert_cmpint(b->priority, ==, 50);
    g_assert_cmpstr(b->root_path, ==, "/etc/appcenter/repos.d/b.root.json");
    g_assert_cmpuint(g_strv_length(b->mirrors), ==, 0);
}

static void test_a_bad_repository_file_is_named_by_line_and_key(void)
{
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"[repository]\nurl = ftp://x\n", "repos.d/x.conf:2: repository.url: wanted an https:"},
        {"[repository]\nurl = https://a b\n", "repos.d/x.conf:2: repository.url"},
        {"[repository]\nurl = https://a\nmirrors = https://b ftp:\n", "repos.d/x.conf:3: repository.mirrors"},
        {"[repository]\nurl = https://a\nenabled = maybe\n",
         "repos.d/x.conf:3: repository.enabled: wanted yes or no, found \"maybe\""},
        {"[repository]\nurl = https://a\npriority = 1001\n", "repository.priority: wanted a number"},
        {"[repository]\nurl = https://a\nroot = here.json\n", "repository.root: wanted the absolute path"},
        {"[repository]\njust words\n", "repos.d/x.conf:2: wanted key = value"},
        {"[repository]\n", "repos.d/x.conf: repository.url: wanted a url"},
        {"\xff\n", "repos.d/x.conf: wanted utf-8"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Scratch) scratch = {0};
        scratch_init(&scratch);
        g_autoptr(GError) error = NULL;
        scratch_write(&scratch, "/etc/appcenter/repos.d/x.conf", cases[i].text);
        g_assert_null(system_load_repositories(scratch.root, &error));
        assert_error(&error, APPCENTER_ERROR_CORRUPT, cases[i].part);
    }
}

static void test_a_repository_cannot_be_saved_into_another_file_or_line(void)
{
    static const struct {
        const char *name, *url;
    } cases[] = {
        {"../evil", "https://a"}, {"", "https://a"}, {"ok", "https://a\nroot = /x"}, {"ok", "gopher://a"}};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Scratch) scratch = {0};
        scratch_init(&scratch);
        g_autoptr(GError) error = NULL;
        RepositoryConfig repository = {.name = (char *)cases[i].name, .url = (char *)cases[i].url};
        g_assert_false(system_save_repository(scratch.root, &repository, NULL, &error));
        assert_error(&error, APPCENTER_ERROR_INVALID, "wanted");
        g_assert_false(root_dir_exists(scratch.root, "/etc"));
    }
}

/* --- lock --- */

static void test_a_lock_is_held_until_its_descriptor_is_closed(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(GError) error = NULL;
    g_auto(Fd) first = system_lock(scratch.root, "engine", FALSE, &error);
    g_assert_no_error(error);
    g_assert_cmpint(system_lock(scratch.root, "engine", FALSE, &error), ==, -1);
    assert_error(&error, APPCENTER_ERROR_BUSY, "engine.lock is held");
    g_auto(Fd) other = system_lock(scratch.root, "another", FALSE, &error);
    g_assert_cmpint(other, >=, 0);
    fd_close(fd_steal(&first));
    g_auto(Fd) again = system_lock(scratch.root, "engine", TRUE, &error);
    g_assert_cmpint(again, >=, 0);
    g_assert_cmpint(system_lock(scratch.root, "a/b", FALSE, &error), ==, -1);
    assert_error(&error, APPCENTER_ERROR_INVALID, "plain name");
}

static void test_a_dead_holder_leaves_the_lock(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_autoptr(GError) error = NULL;
    int ready[2];
    char byte = 0;
    g_assert_cmpint(pipe(ready), ==, 0);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int fd = system_lock(scratch.root, "engine", FALSE, NULL);
        if (write(ready[1], "x", 1) == 1 && fd >= 0)
            pause();
        _exit(1);
    }
    g_assert_cmpint(read(ready[0], &byte, 1), ==, 1);
    g_assert_cmpint(system_lock(scratch.root, "engine", FALSE, &error), ==, -1);
    assert_error(&error, APPCENTER_ERROR_BUSY, "held");
    kill(child, SIGKILL);
    g_assert_cmpint(waitpid(child, NULL, 0), ==, child);
    g_auto(Fd) fd = system_lock(scratch.root, "engine", FALSE, &error);
    g_assert_cmpint(fd, >=, 0);
    close(ready[0]);
    close(ready[1]);
}

/* --- running --- */

static void test_a_port_answers_when_something_listens(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    g_auto(Fd) fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, len), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&address, &len), ==, 0);
    g_assert_false(system_port_answers(ntohs(address.sin_port)));
    g_assert_cmpint(listen(fd, 1), ==, 0);
    g_assert_true(system_port_answers(ntohs(address.sin_port)));
}

/* A process that carries the app's marker, until it is ended. */
static pid_t start_marked(const Scratch *scratch, const char *app)
{
    g_autofree char *instance = marker_instance(scratch->root);
    g_autofree char *app_line = g_strdup_printf("APPCENTER_APP=%s", app);
    g_autofree char *instance_line = g_strdup_printf("APPCENTER_INSTANCE=%s", instance);
    char *argv[] = {(char *)"/bin/sleep", (char *)"60", NULL};
    char *envp[] = {app_line, instance_line, NULL};
    GPid pid = 0;
    g_autoptr(GError) error = NULL;
    g_assert_true(g_spawn_async(NULL, argv, envp, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, &error));
    g_assert_no_error(error);
    return pid;
}

static void write_pid(const Scratch *scratch, pid_t pid)
{
    g_autofree char *text = g_strdup_printf("%d\n", (int)pid);
    scratch_write(scratch, "/var/run/one.pid", text);
}

static void test_an_app_runs_when_its_own_process_lives(void)
{
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_assert_false(system_app_is_running(scratch.root, "One", NULL, 0));
    pid_t pid = start_marked(&scratch, "One");
    g_assert_true(system_app_is_running(scratch.root, "One", NULL, 0));
    g_assert_false(system_app_is_running(scratch.root, "Two", NULL, 0));
    g_assert_true(system_app_is_running(scratch.root, "One", "/var/run/one.pid", 0));
    write_pid(&scratch, pid);
    g_assert_true(system_app_is_running(scratch.root, "One", "/var/run/one.pid", 0));
    write_pid(&scratch, getpid()); /* a number that was used again by somebody else */
    g_assert_false(system_app_is_running(scratch.root, "One", "/var/run/one.pid", 0));
    kill(pid, SIGKILL);
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
    write_pid(&scratch, pid);
    g_assert_false(system_app_is_running(scratch.root, "One", "/var/run/one.pid", 0));
    g_assert_false(system_app_is_running(scratch.root, "One", NULL, 0));
}

static void inhibit(Scratch *scratch, const char *text, gint64 changed_at)
{
    scratch_write(scratch, "/run/appcenter/inhibit.d/backup", text);
    const struct timespec times[2] = {{.tv_sec = changed_at}, {.tv_sec = changed_at}};
    g_autofree char *path =
        g_strdup_printf("%s/run/appcenter/inhibit.d/backup", root_dir_path(scratch->root));
    g_assert_cmpint(utimensat(AT_FDCWD, path, times, 0), ==, 0);
}

static void test_an_inhibitor_has_a_reason_and_ends(void)
{
    gint64 now = 1795000000;
    const struct {
        const char *text;
        gint64 changed_at, until;
        const char *reason;
    } rows[] = {
        {"4h a backup is running\n", now - 100, now - 100 + 4 * 3600, "a backup is running"},
        {"4h\n", now, now + 4 * 3600, "backup"},
        {"", now, now + 3600, "backup"},
        {"a scrub\x1b[2J of the volume", now, now + 3600, "a scrub [2J of the volume"},
        {"90d for ever", now, now + 86400, "for ever"},
        {"30m over since long", now - 1801, 0, NULL},
        {"2h written by a clock of the future", now + 365 * 86400, 0, NULL},
        {"0s done", now, 0, NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(Scratch) scratch = {0};
        scratch_init(&scratch);
        inhibit(&scratch, rows[i].text, rows[i].changed_at);
        g_auto(BoxFacts) box = system_box_facts(scratch.root, now);
        g_assert_cmpint(box.inhibited_until, ==, rows[i].until);
        g_assert_cmpstr(box.inhibited_by, ==, rows[i].reason);
        g_assert_cmpint(box.quiet_until, ==, 0); /* a private NAS does not start with the machine */
    }
}

static void test_what_is_no_plain_file_inhibits_nothing_and_the_longest_counts(void)
{
    gint64 now = 1795000000;
    g_auto(Scratch) scratch = {0};
    scratch_init(&scratch);
    g_auto(BoxFacts) none = system_box_facts(scratch.root, now);
    g_assert_cmpint(none.inhibited_until, ==, 0);
    inhibit(&scratch, "2h long", now);
    scratch_write(&scratch, "/run/appcenter/inhibit.d/folder/x", "9h never");
    g_autofree char *link = g_strdup_printf("%s/run/appcenter/inhibit.d/link", root_dir_path(scratch.root));
    g_autofree char *fifo = g_strdup_printf("%s/run/appcenter/inhibit.d/fifo", root_dir_path(scratch.root));
    g_assert_cmpint(symlink("folder/x", link), ==, 0);
    g_assert_cmpint(mkfifo(fifo, 0644), ==, 0);
    g_auto(BoxFacts) box = system_box_facts(scratch.root, now);
    g_assert_cmpint(box.inhibited_until, ==, now + 7200);
    g_assert_cmpstr(box.inhibited_by, ==, "long");
}

void system_tests(void)
{
    g_test_add_func("/system/an_inhibitor_has_a_reason_and_ends", test_an_inhibitor_has_a_reason_and_ends);
    g_test_add_func("/system/what_is_no_plain_file_inhibits_nothing_and_the_longest_counts",
                    test_what_is_no_plain_file_inhibits_nothing_and_the_longest_counts);
    g_test_add_func("/system/the_os_version_is_found_where_the_system_keeps_it",
                    test_the_os_version_is_found_where_the_system_keeps_it);
    g_test_add_func("/system/the_architecture_is_a_qdk_name", test_the_architecture_is_a_qdk_name);
    g_test_add_func("/system/the_build_time_is_past", test_the_build_time_is_past);
    g_test_add_func("/system/space_is_told", test_space_is_told);
    g_test_add_func("/system/without_files_all_settings_are_defaults",
                    test_without_files_all_settings_are_defaults);
    g_test_add_func("/system/drop_ins_are_laid_over_by_name", test_drop_ins_are_laid_over_by_name);
    g_test_add_func("/system/a_bad_setting_is_named_by_file_and_line",
                    test_a_bad_setting_is_named_by_file_and_line);
    g_test_add_func("/system/a_saved_repository_is_loaded_again", test_a_saved_repository_is_loaded_again);
    g_test_add_func("/system/a_short_repository_file_gets_defaults",
                    test_a_short_repository_file_gets_defaults);
    g_test_add_func("/system/a_bad_repository_file_is_named_by_line_and_key",
                    test_a_bad_repository_file_is_named_by_line_and_key);
    g_test_add_func("/system/a_repository_cannot_be_saved_into_another_file_or_line",
                    test_a_repository_cannot_be_saved_into_another_file_or_line);
    g_test_add_func("/system/a_lock_is_held_until_its_descriptor_is_closed",
                    test_a_lock_is_held_until_its_descriptor_is_closed);
    g_test_add_func("/system/a_dead_holder_leaves_the_lock", test_a_dead_holder_leaves_the_lock);
    g_test_add_func("/system/a_port_answers_when_something_listens",
                    test_a_port_answers_when_something_listens);
    g_test_add_func("/system/an_app_runs_when_its_own_process_lives",
                    test_an_app_runs_when_its_own_process_lives);
}
