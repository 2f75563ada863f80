/* private_root_test.c - scripts in a root of their own never reach the host; as root and as an ordinary
 * user. */
#include "test.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOBODY  65534
#define VOLUME  "/share/CACHEDEV1_DATA"
#define SKIPPED 77

typedef struct {
    const Scratch *nas;
    const char *volume;
    const char *tools;
    const char *script;
    gboolean as_nobody;
} Trial;

static gboolean enter(gpointer data)
{
    const Trial *trial = data;
    return private_root_enter(trial->nas->path, trial->volume, trial->tools);
}

static int run_trial(gpointer data)
{
    Trial *trial = data;
    g_autoptr(GError) error = NULL;
    g_autofree char *why = NULL;
    g_auto(ProcessResult) result = {0};
    if (trial->as_nobody) {
        if (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
            return 1;
        prctl(PR_SET_DUMPABLE,
              1); /* else /proc/self, and with it the uid map, is root's; exec would do the same */
    }
    if (!private_root_is_permitted(trial->nas->path, trial->volume, &why)) {
        g_printerr("%s\n", why);
        return SKIPPED;
    }
    ProcessSpec spec = PROCESS_SPEC_INIT;
    spec.argv = (const char *const[]){"/bin/sh", "-c", trial->script, NULL};
    spec.child_setup = enter;
    spec.child_setup_data = trial;
    spec.timeout_s = 60;
    spec.die_with_parent = TRUE;
    if (!process_run(&spec, &result, &error)) {
        g_printerr("%s\n", error->message);
        return 2;
    }
    if (result.exit_code != 0)
        g_printerr("exit code %d\n%s\n", result.exit_code, result.output);
    return result.exit_code;
}

/* Runs the script as both users; the checks that follow are about the last one. FALSE when not permitted. */
static gboolean run_script(const Scratch *nas, const char *script, gboolean as_nobody)
{
    Trial trial = {.nas = nas, .volume = VOLUME, .script = script, .as_nobody = as_nobody && geteuid() == 0};
    if (trial.as_nobody)
        g_assert_cmpint(chown(nas->path, NOBODY, NOBODY), ==, 0);
    int code = exit_code_of_child(run_trial, &trial);
    if (code == SKIPPED) {
        g_test_skip("namespaces are not permitted here");
        return FALSE;
    }
    g_assert_cmpint(code, ==, 0);
    return TRUE;
}

static void assert_content(const Scratch *nas, const char *name, const char *wanted)
{
    g_autofree char *content = scratch_read(nas, name);
    g_assert_cmpstr(content, ==, wanted);
}

static void assert_host_lacks(const char *path)
{
    struct stat st;
    if (lstat(path, &st) == 0)
        g_error("%s has reached the host", path);
}

static void writes_land_in_the_private_nas(gconstpointer as_nobody)
{
    g_auto(Scratch) nas = {0};
    scratch_init(&nas);
    static const char mark[] = "appcenter-test-mark";
    g_autofree char *script = g_strdup_printf(
        "set -e; m=%s; for d in /etc/config /usr/local /opt /run /tmp /dev/shm /share " VOLUME " /var/log "
        "/etc/init.d; do echo $d > $d/$m; done; echo pid > /var/run/$m.pid; "
        /* what must not work, and must say so */
        "for d in /usr /usr/bin /etc /etc/ssl /home /root /sys /dev / /.host-etc; do "
        "if (echo x > $d/$m) 2>/dev/null; then echo \"$d is writable\"; exit 1; fi; done; "
        "if mount -o remount,rw /usr 2>/dev/null; then echo remounted; exit 1; fi",
        mark);
    if (!run_script(&nas, script, GPOINTER_TO_INT(as_nobody)))
        return;
    static const char *const dirs[] = {
        "etc/config", "usr/local", "opt",     "run",        "tmp",
        "dev/shm",    "share",     "var/log", "etc/init.d", "share/CACHEDEV1_DATA"};
    for (guint i = 0; i < G_N_ELEMENTS(dirs); i++) {
        g_autofree char *name = g_build_filename(dirs[i], mark, NULL);
        g_autofree char *wanted = g_strdup_printf("/%s\n", dirs[i]);
        g_autofree char *host = g_strdup_printf("/%s", name);
        assert_content(&nas, name, wanted);
        assert_host_lacks(host);
    }
    assert_content(&nas, "var/run/appcenter-test-mark.pid", "pid\n");
    static const char *const hosts[] = {"/usr/", "/usr/bin/", "/etc/",     "/etc/ssl/", "/home/",
                                        "/sys/", "/dev/",     "/var/run/", "/",         "/.host-etc/"};
    for (guint i = 0; i < G_N_ELEMENTS(hosts); i++) {
        g_autofree char *host = g_strconcat(hosts[i], mark, NULL);
        assert_host_lacks(host);
    }
}

static void programs_run_as_on_the_host(gconstpointer as_nobody)
{
    g_auto(Scratch) nas = {0};
    scratch_init(&nas);
    if (!run_script(
            &nas,
            "set -e; [ \"$(pwd)\" = / ]; [ \"$(id -u)\" = 0 ]; grep -q ^root: /etc/passwd; getent passwd "
            "root; "
            "cat /etc/nsswitch.conf > /dev/null; ls -l /etc/ld.so.cache; date; ls /etc/alternatives/ > "
            "/dev/null; [ -e /etc/localtime ] || [ ! -L /etc/localtime ]; echo x > /dev/null; "
            "[ -r /proc/self/status ]; head -c 4 /dev/urandom > /tmp/random; [ -s /tmp/random ]; "
            "sh -c 'cat /etc/passwd' > /dev/null; ls /.host-etc/passwd; [ ! -e /tmp/appcenter-base-* ]",
            GPOINTER_TO_INT(as_nobody)))
        return;
    assert_host_lacks("/tmp/random");
}

static void what_the_nas_has_in_etc_stands_before_the_host(gconstpointer as_nobody)
{
    g_auto(Scratch) nas = {0};
    scratch_init(&nas);
    scratch_write(&nas, "etc/config/qpkg.conf", "old\n");
    scratch_write(&nas, "etc/hosts", "private\n");
    scratch_symlink(&nas, "config/qpkg.conf", "etc/link");
    g_autofree char *etc = scratch_path(&nas, "etc");
    if (GPOINTER_TO_INT(as_nobody) && geteuid() == 0) {
        g_autofree char *config = scratch_path(&nas, "etc/config");
        g_autofree char *hosts = scratch_path(&nas, "etc/hosts");
        g_assert_cmpint(
            chown(etc, NOBODY, NOBODY) | chown(config, NOBODY, NOBODY) | chown(hosts, NOBODY, NOBODY), ==, 0);
    }
    if (!run_script(&nas,
                    "set -e; grep -q private /etc/hosts; echo written > /etc/hosts; grep -q old /etc/link; "
                    "echo new > /etc/config/t; mv /etc/config/t /etc/config/qpkg.conf; grep -q new /etc/link",
                    GPOINTER_TO_INT(as_nobody)))
        return;
    assert_content(&nas, "etc/hosts", "written\n");
    assert_content(&nas, "etc/config/qpkg.conf", "new\n");
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) names = root_dir_list(nas.root, "/etc", &error);
    g_autofree char *joined = g_strjoinv(" ", names); /* no junk of ours */
    g_assert_cmpstr(joined, ==, "config hosts init.d link rcK.d rcS.d");
}

static void a_plain_var_run_is_the_same_file_outside(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Scratch) nas = {0};
    scratch_init(&nas);
    g_assert_true(root_dir_make_dirs(nas.root, "/var/run", 0755, &error));
    if (!run_script(&nas, "echo 1 > /var/run/x.pid", FALSE))
        return;
    assert_content(&nas, "var/run/x.pid", "1\n");
    g_assert_false(root_dir_exists(nas.root, "/run/x.pid"));
}

static void a_folder_that_is_a_link_stays_one(void)
{
    g_auto(Scratch) nas = {0};
    scratch_init(&nas);
    scratch_write(&nas, "share/CACHEDEV1_DATA/opt/tool", "x");
    scratch_symlink(&nas, VOLUME "/opt", "opt");
    if (!run_script(&nas, "set -e; [ -e /opt/tool ]; echo y > /opt/new", FALSE))
        return;
    assert_content(&nas, "share/CACHEDEV1_DATA/opt/new", "y\n");
    assert_host_lacks("/opt/tool");
}

static void a_volume_elsewhere_comes_with_its_folder(void)
{
    g_auto(Scratch) nas = {0};
    scratch_init(&nas);
    Trial trial = {.nas = &nas, .volume = "/volume1/apps", .script = "echo y > /volume1/apps/new"};
    int code = exit_code_of_child(run_trial, &trial);
    if (code == SKIPPED) {
        g_test_skip("namespaces are not permitted here");
        return;
    }
    g_assert_cmpint(code, ==, 0);
    assert_content(&nas, "volume1/apps/new", "y\n");
}

static void what_cannot_be_a_private_root_is_refused_with_a_sentence(void)
{
    g_auto(Scratch) nas = {0};
    scratch_init(&nas);
    g_autofree char *none = scratch_path(&nas, "none");
    const struct {
        const char *root;
        const char *volume;
        const char *part;
    } rows[] = {{none, VOLUME, "none"},
                {"/", VOLUME, "wanted a root other than /"},
                {nas.path, "share", "an absolute volume path"},
                {nas.path, "/usr/volume", "outside of the system's folders"},
                {nas.path, "/", "outside of the system's folders"}};
    g_autofree char *first = NULL;
    if (!private_root_is_permitted(nas.path, VOLUME, &first)) {
        g_test_skip(first);
        return;
    }
    g_assert_null(first);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *why = NULL;
        g_autofree char *again = NULL;
        g_assert_false(private_root_is_permitted(rows[i].root, rows[i].volume, &why));
        if (!g_strrstr(why, rows[i].part))
            g_error("wanted a sentence with \"%s\", found \"%s\"", rows[i].part, why);
        g_assert_true(g_str_has_prefix(why, "private root: "));
        g_assert_null(g_strrstr(why, "\n"));
        g_assert_false(private_root_is_permitted(rows[i].root, rows[i].volume, &again));
        g_assert_cmpstr(again, ==, why);
    }
}

static void add_for_both(const char *name, void (*test)(gconstpointer))
{
    g_autofree char *plain = g_strconcat("/private_root/", name, NULL);
    g_autofree char *nobody = g_strconcat("/private_root/", name, "_for_an_ordinary_user", NULL);
    g_test_add_data_func(plain, GINT_TO_POINTER(FALSE), test);
    g_test_add_data_func(nobody, GINT_TO_POINTER(TRUE), test);
}

void private_root_tests_add(void)
{
    add_for_both("writes_land_in_the_private_nas", writes_land_in_the_private_nas);
    add_for_both("programs_run_as_on_the_host", programs_run_as_on_the_host);
    add_for_both("what_the_nas_has_in_etc_stands_before_the_host",
                 what_the_nas_has_in_etc_stands_before_the_host);
    g_test_add_func("/private_root/a_plain_var_run_is_the_same_file_outside",
                    a_plain_var_run_is_the_same_file_outside);
    g_test_add_func("/private_root/a_folder_that_is_a_link_stays_one", a_folder_that_is_a_link_stays_one);
    g_test_add_func("/private_root/a_volume_elsewhere_comes_with_its_folder",
                    a_volume_elsewhere_comes_with_its_folder);
    g_test_add_func("/private_root/what_cannot_be_a_private_root_is_refused_with_a_sentence",
                    what_cannot_be_a_private_root_is_refused_with_a_sentence);
}
