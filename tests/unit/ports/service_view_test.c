/* service_view_test.c - the registration file and the links: what is ours is written, what is not stays. */
#include "tests.h"

#include "ports/service.h"

#include <string.h>
#include <unistd.h>

#define APPS     "/share/CACHEDEV1_DATA/.qpkg"
#define APP_PATH APPS "/Photo"
#define VIEW     "/etc/config/qpkg.conf"

static const ServiceRegistration photo = {.name = "Photo",
                                          .version = "6.1.2",
                                          .display_name = "Photo\nStation",
                                          .author = "Vendor",
                                          .install_path = APP_PATH,
                                          .service_program = "photo.sh",
                                          .rc_num = 101,
                                          .enabled = TRUE};

static void write_view(const Scratch *nas, const ServiceRegistration *apps, gsize n_apps,
                       const char *const *removed)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = service_write_registration(nas->root, apps, n_apps, removed, &error);
    g_assert_no_error(error);
    g_assert_true(ok);
}

static char *read_view(const Scratch *nas)
{
    char *text = NULL;
    g_autofree char *path = scratch_path(nas, VIEW);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

/* "NAME -> TARGET" of every entry, plain files without a target. */
static char *links_in(const Scratch *nas, const char *dir)
{
    GString *text = g_string_new(NULL);
    g_auto(GStrv) names = root_dir_list(nas->root, dir, NULL);
    for (char **name = names; name && *name; name++) {
        g_autofree char *product = g_build_filename(dir, *name, NULL);
        g_autofree char *path = scratch_path(nas, product);
        g_autofree char *target = g_file_read_link(path, NULL);
        g_string_append_printf(text, "%s%s%s ", *name, target ? "->" : "", target ? target : "");
    }
    return g_string_free(text, FALSE);
}

static void foreign_sections_are_kept_as_they_are(void)
{
    g_auto(Scratch) nas = {0};
    const char *const removed[] = {"Old", NULL};
    scratch_init(&nas);
    scratch_write(&nas, VIEW,
                  "; by hand\n[Stranger]\nName=Stranger\n  odd line\n\n[Photo]\nVersion = 1\ncfg:/x = "
                  "y\n[Old]\nName = Old\n"
                  "[PhotoPro]\nName = PhotoPro\n");
    for (int i = 0; i < 2; i++) {
        write_view(&nas, &photo, 1, removed);
        g_autofree char *text = read_view(&nas);
        g_assert_cmpstr(
            text, ==,
            "; by hand\n[Stranger]\nName=Stranger\n  odd line\n\n"
            "[Photo]\nName = Photo\nVersion = 6.1.2\nDisplay_Name = Photo?Station\nAuthor = Vendor\n"
            "Install_Path = " APP_PATH "\nShell = " APP_PATH "/photo.sh\nRC_Number = 101\nEnable = TRUE\n"
            "Status = complete\nDistribution_Type = 0\nQPKG_File = Photo.qpkg\n[PhotoPro]\nName = "
            "PhotoPro\n");
    }
}

/* Apps write keys of their own there by setcfg; what we say ourselves is not theirs to say. */
static void keys_that_an_app_has_added_stay(void)
{
    g_auto(Scratch) nas = {0};
    const char *const removed[] = {"Photo", NULL};
    scratch_init(&nas);
    scratch_write(&nas, VIEW, "[Photo]\nEnable = FALSE\nOpt_Xml = 0\nweb_port = 1\ndepend_on = x\n");
    write_view(&nas, &photo, 1, NULL);
    g_autofree char *text = read_view(&nas);
    g_assert_true(g_str_has_suffix(text, "QPKG_File = Photo.qpkg\nOpt_Xml = 0\ndepend_on = x\n"));
    g_assert_nonnull(strstr(text, "Enable = TRUE\n"));
    g_assert_null(strstr(text, "web_port"));
    write_view(&nas, NULL, 0, removed);
    g_autofree char *left = read_view(&nas);
    g_assert_cmpstr(left, ==, "");
}

static void keys_of_qpkg_cfg_are_registered(void)
{
    static const char cfg[] = "QPKG_WEB_PORT=\"8080\"\nQPKG_TIMEOUT=\"10,30\"\nQPKG_DESKTOP=\"1\"\n"
                              "QTS_MINI_VERSION=4.1.0\nQPKG_DISABLE_APPCENTER_UI_SERVICE=1\n"
                              "QPKG_QPKG_FILE=P.qpkg\nQPKG_VISIBLE=\n";
    g_auto(Scratch) nas = {0};
    g_autoptr(QpkgConfig) config = qpkg_config_parse(cfg, strlen(cfg), NULL);
    ServiceRegistration app = photo;
    app.config = config;
    scratch_init(&nas);
    write_view(&nas, &app, 1, NULL);
    g_autofree char *text = read_view(&nas);
    g_assert_nonnull(strstr(text, "Alt_Shell = " APP_PATH "/photo.sh\n"));
    g_assert_null(strstr(text, "\nShell ="));
    g_assert_true(g_str_has_suffix(text, "Web_Port = 8080\nFW_Ver_Min = 4.1.0\nTimeout = 10,30\nWebUI = /\n"
                                         "Desktop = 1\nDistribution_Type = 0\nQPKG_File = P.qpkg\n"));
}

static void start_links_follow_the_apps(void)
{
    g_auto(Scratch) nas = {0};
    const char *const removed[] = {"Photo", NULL};
    scratch_init(&nas);
    scratch_write(&nas, "/etc/rcS.d/QS099Photo", "an old number");
    scratch_write(&nas, "/etc/rcS.d/QS101MyPhoto", "another app");
    write_view(&nas, &photo, 1, NULL);
    g_autofree char *starts = links_in(&nas, "/etc/rcS.d");
    g_assert_cmpstr(starts, ==, "QS101MyPhoto QS101Photo->" APP_PATH "/photo.sh ");
    g_autofree char *stops = links_in(&nas, "/etc/rcK.d");
    g_assert_cmpstr(stops, ==, "QK899Photo->" APP_PATH "/photo.sh ");
    write_view(&nas, NULL, 0, removed);
    g_autofree char *left = links_in(&nas, "/etc/rcS.d");
    g_assert_cmpstr(left, ==, "QS101MyPhoto ");
}

/* Two programs of one name: the first keeps the link, and nobody takes a file of the system's. */
static void init_links_are_each_apps_own(void)
{
    g_auto(Scratch) nas = {0};
    const char *const removed[] = {"Photo", NULL};
    ServiceRegistration apps[] = {photo, photo, photo};
    apps[1].name = "Twin", apps[1].install_path = APPS "/Twin";
    apps[2].name = "Sys", apps[2].install_path = APPS "/Sys", apps[2].service_program = "bin/ssh";
    scratch_init(&nas);
    scratch_write(&nas, "/etc/init.d/ssh", "the system's");
    g_autofree char *dir = scratch_path(&nas, "/etc/init.d/");
    g_autofree char *old = g_build_filename(dir, "old.sh", NULL),
                    *other = g_build_filename(dir, "x.sh", NULL);
    g_assert_cmpint(symlink(APP_PATH "/old.sh", old), ==, 0); /* of an older version */
    g_assert_cmpint(symlink(APPS "/Foreign/x.sh", other), ==, 0);
    write_view(&nas, apps, 3, NULL);
    g_autofree char *links = links_in(&nas, "/etc/init.d");
    g_assert_cmpstr(links, ==, "photo.sh->" APP_PATH "/photo.sh ssh x.sh->" APPS "/Foreign/x.sh ");
    write_view(&nas, apps + 1, 2, removed);
    g_autofree char *left = links_in(&nas, "/etc/init.d");
    g_assert_cmpstr(left, ==, "photo.sh->" APPS "/Twin/photo.sh ssh x.sh->" APPS "/Foreign/x.sh ");
}

#define ADD(name) g_test_add_func("/service/" #name, name)

void service_view_tests(void)
{
    ADD(foreign_sections_are_kept_as_they_are);
    ADD(keys_that_an_app_has_added_stay);
    ADD(keys_of_qpkg_cfg_are_registered);
    ADD(start_links_follow_the_apps);
    ADD(init_links_are_each_apps_own);
}
