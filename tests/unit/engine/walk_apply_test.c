/* walk_apply_test.c - installs, upgrades, removals and the ways back, walked whole. */
#include "walk_nas.h"

#include <glib/gstdio.h>
#include <string.h>

#define SICK "exit 3"
#define DIES "(sleep 0.1) >/dev/null 2>&1 & echo $! > $APPCENTER_ROOT/var/run/$QPKG_NAME.pid"

#define STAGED "$APPCENTER_ROOT" WALK_VOLUME "/.qpkg/.appcenter/stage/"

static const WalkPackage packages[] = {
    {.name = "Lib", .version = "1", .files = "lib=1"},
    {.name = "Lib", .version = "2", .files = "lib=2"},
    {.name = "App",
     .version = "1",
     .config = "QPKG_CONFIG=\"app.conf\"\n",
     .files = "app.conf=shipped1 web/index=1 old=1"},
    {.name = "App",
     .version = "2",
     .config = "QPKG_CONFIG=\"app.conf\"\n",
     .files = "app.conf=shipped2 web/index=2 new=2"},
    {.name = "App", .version = "3", .on_start = SICK},
    {.name = "App",
     .version = "4",
     .config = "QPKG_CONFIG=\"app.conf\"\nQPKG_SERVICE_PIDFILE=\"/var/run/App.pid\"\n",
     .files = "app.conf=shipped4 web/index=4",
     .on_start = "echo upload > uploads/during; " DIES},
    {.name = "App",
     .version = "5",
     .routines = "pkg_install() { echo made > $SYS_QPKG_DIR/made; err_log \"no database\"; }\n"},
    {.name = "App", .version = "6", .routines = "pkg_install() { sleep 1000 >/dev/null 2>&1 & exit 1; }\n"},
    {.name = "App",
     .version = "7",
     .routines =
         "# \xa4\xa4\xa4\xe5 is no UTF-8\npkg_post_install() { echo $QPKG_NAME > $SYS_QPKG_DIR/hooked; }\n"
         "PKG_PRE_REMOVE='echo bye >> $APPCENTER_ROOT/share/order'\n"},
    {.name = "App", .version = "8", .on_start = "for old in " STAGED "*-App; do echo late > $old/late; done"},
};

static void init(WalkNas *nas, const char *settings)
{
    walk_nas_init(nas, packages, G_N_ELEMENTS(packages), settings);
}

/* Line of the app in the world. */
static void assert_app(WalkNas *nas, const char *wanted)
{
    g_autofree char *world = walk_nas_world(nas);
    g_auto(GStrv) lines = g_strsplit(world, "\n", -1);
    g_auto(GStrv) app = g_strsplit(wanted, ":", 2);
    for (char **line = lines; *line; line++)
        if (g_str_has_prefix(*line, app[0]) && (*line)[strlen(app[0])] == ':')
            g_assert_cmpstr(*line, ==, wanted);
}

static void assert_last(WalkNas *nas, const char *wanted)
{
    g_autofree char *last = walk_nas_last(nas);
    if (!g_str_has_prefix(last, wanted))
        g_assert_cmpstr(last, ==, wanted);
}

static void assert_nothing_lies_about(WalkNas *nas)
{
    g_autofree char *world = walk_nas_world(nas);
    g_assert_nonnull(strstr(world, "\n0 staged, 0 kept without a row, 0 open\n"));
}

static void fails(WalkNas *nas, const char *changes, AppcenterError kind, const char *part)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Engine) engine = walk_nas_engine(nas);
    g_assert_false(walk_nas_apply(nas, engine, changes, &error));
    assert_error(&error, kind, part);
}

static void user_writes(WalkNas *nas, const char *path, const char *text)
{
    g_autofree char *file = walk_app_file("App", path);
    walk_nas_write(nas, file, text);
}

/* ---- forward ---- */

static void test_an_app_is_installed_and_runs(void)
{
    g_auto(WalkNas) nas = {0};
    init(&nas, NULL);
    walk_nas_must(&nas, "install App 1");
    assert_app(&nas,
               "App: 1, 1 running, 0 previous, 0 removed; app.conf=shipped1 old=1 version=1 web/index=1");
    assert_last(&nas, "done");
    assert_nothing_lies_about(&nas);
    g_autofree char *registration = walk_nas_read(&nas, "/etc/config/qpkg.conf");
    g_assert_nonnull(strstr(registration, "[App]\nName = App\nVersion = 1\n"));
    g_autofree char *downloads = walk_nas_path(&nas, "/var/cache/appcenter/packages");
    g_autoptr(GDir) dir = g_dir_open(downloads, 0, NULL);
    g_assert_null(g_dir_read_name(dir)); /* the archive is gone */
}

static void test_an_upgrade_carries_the_users_data(void)
{
    g_auto(WalkNas) nas = {0};
    init(&nas, NULL);
    walk_nas_must(&nas, "install App 1");
    user_writes(&nas, "uploads/photo", "p");
    user_writes(&nas, "app.conf", "mine");
    user_writes(&nas, "web/index", "edited");
    walk_nas_must(&nas, "upgrade App 1 2");
    assert_app(&nas, "App: 2, 1 running, 1 previous, 0 removed; app.conf=mine app.conf.new=shipped2 new=2 "
                     "uploads/photo=p version=2 web/index=2 web/index.local=edited");
    assert_nothing_lies_about(&nas);
    g_assert_nonnull(
        strstr(nas.notes->str, "App: app.conf: yours is kept, the new one is beside it as app.conf.new\n"));
    g_assert_nonnull(strstr(nas.notes->str, "App: web/index: the package has one of its own"));
}

/* Somebody still writes into the old tree while the new one is live already: carried before it is put away. */
static void test_a_straggler_is_carried_before_the_old_tree_is_put_away(void)
{
    g_auto(WalkNas) nas = {0};
    init(&nas, NULL);
    walk_nas_must(&nas, "install App 1");
    walk_nas_must(&nas, "upgrade App 1 8");
    assert_app(&nas, "App: 8, 0 running, 1 previous, 0 removed; late=late version=8");
}

static void test_only_so_many_previous_versions_are_kept(void)
{
    g_auto(WalkNas) nas = {0};
    init(&nas, "keep_previous = 1");
    walk_nas_must(&nas, "install App 1");
    walk_nas_must(&nas, "upgrade App 1 2");
    walk_nas_must(&nas, "upgrade App 2 7");
    assert_app(&nas, "App: 7, 1 running, 1 previous, 0 removed; hooked=App version=7");
    assert_nothing_lies_about(&nas);
}

static void test_a_group_goes_dependents_first_down_and_dependencies_first_up(void)
{
    g_auto(WalkNas) nas = {0};
    init(&nas, NULL);
    walk_nas_must(&nas, "install Lib 1, install App 1");
    walk_nas_write(&nas, "/share/order", "");
    walk_nas_must(&nas, "upgrade Lib 1 2, upgrade App 1 2");
    g_autofree char *order = walk_nas_read(&nas, "/share/order");
    g_assert_cmpstr(order, ==, "stop App 1\nstop Lib 1\nstart Lib 2\nstart App 2\n");
}

static void test_a_stopped_app_stays_stopped(void)
{
    g_auto(WalkNas) nas = {0};
    g_autoptr(GError) error = NULL;
    init(&nas, NULL);
    walk_nas_must(&nas, "install App 1");
    {
        g_autoptr(Engine) engine = walk_nas_engine(&nas);
        g_assert_true(engine_service(engine, "disable", "App", &error));
    }
    walk_nas_must(&nas, "upgrade App 1 2");
    assert_app(&nas,
               "App: 2, 0 running, 1 previous, 0 removed; app.conf=shipped2 new=2 version=2 web/index=2");
}

static void test_a_download_is_only_fetched_and_checked(void)
{
    g_auto(WalkNas) nas = {0};
    init(&nas, NULL);
    walk_nas_must(&nas, "download install App 1");
    g_autofree char *downloads = walk_nas_path(&nas, "/var/cache/appcenter/packages");
    g_autoptr(GDir) dir = g_dir_open(downloads, 0, NULL);
    g_assert_nonnull(g_dir_read_name(dir));
    assert_app(&nas, "App: not installed, 0 running, 0 previous, 0 removed;");
    assert_nothing_lies_about(&nas);
}

/* ---- failures ---- */

static void test_a_failed_health_check_brings_everything_back(void)
{
    g_auto(WalkNas) nas = {0};
    init(&nas, "health_settle = 1s");
    walk_nas_must(&nas, "install Lib 1, install App 1");
    user_writes(&nas, "uploads/photo", "p");
    user_writes(&nas, "app.conf", "mine");
    user_writes(&nas, "web/index", "edited");
    g_autofree char *before = walk_nas_world(&nas);
    walk_nas_write(&nas, "/share/order", "");
    fails(&nas, "upgrade Lib 1 2, upgrade App 1 4", APPCENTER_ERROR_HEALTH, "pid file /var/run/App.pid");
    assert_last(&nas, "rolled_back health: ");
    g_autofree char *order = walk_nas_read(&nas, "/share/order");
    g_assert_cmpstr(order, ==,
                    "stop App 1\nstop Lib 1\nstart Lib 2\nstart App 4\nstop App 4\nstop Lib 2\nstart Lib 1\n"
                    "start App 1\n");
    g_autofree char *during = walk_app_file("App", "uploads/during");
    g_autofree char *uploaded = walk_nas_read(&nas, during); /* what came while the new one was live stays */
    g_assert_cmpstr(uploaded, ==, "upload\n");
    g_autofree char *path = walk_nas_path(&nas, during);
    g_assert_cmpint(remove(path), ==, 0);
    g_autofree char *after = walk_nas_world(&nas);
    g_assert_cmpstr(after, ==, before);
    g_autoptr(Engine) engine = walk_nas_engine(&nas);
    g_autoptr(StoreVeto) veto = store_veto_get(engine->store, "App", "4");
    g_assert_nonnull(veto);
    g_assert_cmpint(veto->until, >=, WALK_NOW + 8 * 3600);
    g_assert_null(store_veto_get(engine->store, "Lib", "2")); /* not its fault */
}

static void test_a_newer_version_clears_the_veto(void)
{
    g_auto(WalkNas) nas = {0};
    init(&nas, NULL);
    walk_nas_must(&nas, "install App 1");
    fails(&nas, "upgrade App 1 3", APPCENTER_ERROR_HEALTH, "start: run.sh: ended with exit code 3");
    walk_nas_must(&nas, "upgrade App 1 7");
    g_autoptr(Engine) engine = walk_nas_engine(&nas);
    g_assert_null(store_veto_get(engine->store, "App", "3"));
}

static void test_a_failed_hook_brings_the_old_version_back(void)
{
    g_auto(WalkNas) nas = {0};
    init(&nas, NULL);
    walk_nas_must(&nas, "install App 1");
    g_autofree char *before = walk_nas_world(&nas);
    fails(&nas, "upgrade App 1 6", APPCENTER_ERROR_SCRIPT, "ended with exit code 1");
    g_autofree char *after = walk_nas_world(&nas);
    g_assert_cmpstr(after, ==, before); /* the process that the hook left is ended, too */
    assert_last(&nas, "rolled_back script");
    g_autoptr(Engine) engine = walk_nas_engine(&nas);
    g_autoptr(StoreVeto) veto = store_veto_get(engine->store, "App", "6");
    g_assert_nonnull(veto); /* or it would be tried, and the app stopped, at every poll */
}

static void test_a_failed_first_install_leaves_nothing_but_what_was_written(void)
{
    g_auto(WalkNas) nas = {0};
    init(&nas, NULL);
    g_autofree char *before = walk_nas_world(&nas);
    fails(&nas, "install App 3", APPCENTER_ERROR_HEALTH, "exit code 3");
    g_autofree char *after = walk_nas_world(&nas);
    g_assert_cmpstr(after, ==, before);
    fails(&nas, "install App 5", APPCENTER_ERROR_SCRIPT, "no database");
    g_autoptr(Engine) engine = walk_nas_engine(&nas);
    g_auto(GStrv) kept = volume_kept_names(engine->volume, NULL);
    g_assert_cmpuint(g_strv_length(kept), ==, 1);
    g_assert_cmpstr(kept[0], ==, "2-App");
    g_autofree char *made = g_build_filename(WALK_VOLUME "/.qpkg/.appcenter/kept", kept[0], "made", NULL);
    g_autofree char *text = walk_nas_read(&nas, made);
    g_assert_cmpstr(text, ==, "made\n");
    g_autofree char *version =
        g_build_filename(WALK_VOLUME "/.qpkg/.appcenter/kept", kept[0], "version", NULL);
    g_autofree char *packages_own = walk_nas_read(&nas, version);
    g_assert_null(packages_own);
    g_clear_pointer(&engine, engine_close); /* its next install gets it */
    walk_nas_must(&nas, "install App 1");
    g_autofree char *back = walk_nas_read(&nas, WALK_VOLUME "/.qpkg/App/made");
    g_assert_cmpstr(back, ==, "made\n");
    g_autofree char *gone = walk_nas_read(&nas, made);
    g_assert_null(gone);
}

static void test_no_space_is_said_before_anything_is_touched(void)
{
    g_auto(WalkNas) nas = {0};
    init(&nas, "reserve = 1T");
    fails(&nas, "install App 1", APPCENTER_ERROR_NO_SPACE, WALK_VOLUME ": need 1.");
    assert_last(&nas, "failed no-space");
    assert_nothing_lies_about(&nas);
}

/* ---- trust ---- */

/* Applies one install of a release that was changed in one point. */
static void refused(WalkNas *nas, void (*change)(WalkNas *, Engine *, Release *), const char *part)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Engine) engine = walk_nas_engine(nas);
    g_autoptr(Plan) plan = plan_new();
    g_autoptr(GPtrArray) results = NULL;
    g_autoptr(Request) request = request_new(REQUEST_INSTALL);
    PlanChange *install = g_new0(PlanChange, 1);
    install->op = CHANGE_INSTALL;
    install->app = g_strdup("App");
    install->to_version = g_strdup("1");
    install->reason = g_strdup("asked for");
    install->release = walk_nas_put(nas, engine, "App", "1");
    change(nas, engine, install->release);
    g_ptr_array_add(plan_add_set(plan)->changes, install);
    g_assert_false(engine_apply(engine, plan, request, &results, &error));
    assert_error(&error, APPCENTER_ERROR_UNTRUSTED, part);
    g_assert_cmpuint(results->len, ==, 1);
    g_assert_cmpstr(((StoreTxn *)g_ptr_array_index(results, 0))->result, ==, "failed");
}

static void another_version(WalkNas *nas, Engine *engine, Release *release)
{
    (void)nas, (void)engine;
    g_free(release->version);
    release->version = g_strdup("1.1");
}

static void another_arch(WalkNas *nas, Engine *engine, Release *release)
{
    (void)nas, (void)engine;
    g_free(release->arch);
    release->arch = g_strdup("arm_64");
}

static void another_publisher(WalkNas *nas, Engine *engine, Release *release)
{
    (void)nas, (void)engine;
    g_free(release->publisher);
    release->publisher = g_strdup("Mallory");
}

/* The bytes change after they were announced. */
static void other_bytes(WalkNas *nas, Engine *engine, Release *release)
{
    g_autofree char *path = engine_download_path(release);
    g_autofree char *host = walk_nas_path(nas, path);
    g_autofree char *data = NULL;
    gsize len;
    (void)engine;
    g_assert_true(g_file_get_contents(host, &data, &len, NULL));
    data[len / 2] ^= 1;
    g_assert_true(g_file_set_contents(host, data, (gssize)len, NULL));
}

static void test_what_is_not_as_announced_is_refused(void)
{
    g_auto(WalkNas) nas = {0};
    init(&nas, NULL);
    g_autofree char *before = walk_nas_world(&nas);
    refused(&nas, another_version, "App 1: the archive announced is App 1.1, the one found App 1");
    refused(&nas, another_arch, "App 1: an archive for arm_64 was announced, this one is for all");
    refused(&nas, another_publisher, "no certificate of publisher \"Mallory\" is trusted here");
    refused(&nas, other_bytes, "sha256 ");
    g_autofree char *after = walk_nas_world(&nas);
    g_assert_cmpstr(after, ==, before);
}

static void test_an_unsigned_file_needs_its_digest_named(void)
{
    g_auto(WalkNas) nas = {0};
    init(&nas, NULL);
    nas.trust_sha256 = "00000000000000000000000000000000000000000000000000000000000000aa";
    fails(&nas, "install Lib 1", APPCENTER_ERROR_UNTRUSTED, "has no strong signature");
    g_autoptr(Engine) engine = walk_nas_engine(&nas);
    g_autoptr(Release) release = walk_nas_put(&nas, engine, "Lib", "1");
    g_clear_pointer(&engine, engine_close);
    nas.trust_sha256 = release->sha256;
    walk_nas_must(&nas, "install Lib 1");
    assert_app(&nas, "Lib: 1, 1 running, 0 previous, 0 removed; lib=1 version=1");
}

/* ---- ways back ---- */

static void test_a_rollback_takes_the_data_along(void)
{
    g_auto(WalkNas) nas = {0};
    init(&nas, NULL);
    walk_nas_must(&nas, "install App 1");
    walk_nas_must(&nas, "upgrade App 1 2");
    user_writes(&nas, "uploads/later", "l");
    walk_nas_must(&nas, "back App 2 1");
    assert_app(&nas, "App: 1, 1 running, 1 previous, 0 removed; app.conf=shipped1 old=1 uploads/later=l "
                     "version=1 web/index=1");
    assert_nothing_lies_about(&nas);
    g_autoptr(Engine) engine = walk_nas_engine(&nas);
    g_assert_true(store_is_skipped(engine->store, "App", "2")); /* not again by itself */
}

static void test_a_removed_app_comes_back_with_its_data(void)
{
    g_auto(WalkNas) nas = {0};
    init(&nas, NULL);
    walk_nas_must(&nas, "install App 7");
    user_writes(&nas, "uploads/photo", "p");
    walk_nas_must(&nas, "remove App 7");
    assert_app(&nas, "App: not installed, 0 running, 0 previous, 1 removed;");
    assert_nothing_lies_about(&nas);
    g_autofree char *order = walk_nas_read(&nas, "/share/order");
    g_assert_cmpstr(order, ==, "start App 7\nstop App 7\nremove App 7\nbye\n");
    g_autofree char *registration = walk_nas_read(&nas, "/etc/config/qpkg.conf");
    g_assert_null(strstr(registration, "[App]"));
    walk_nas_must(&nas, "again App 7");
    assert_app(&nas, "App: 7, 1 running, 0 previous, 0 removed; hooked=App uploads/photo=p version=7");
    assert_nothing_lies_about(&nas);
}

static void test_a_new_install_finds_the_data_of_the_removed_app(void)
{
    g_auto(WalkNas) nas = {0};
    init(&nas, NULL);
    walk_nas_must(&nas, "install App 1");
    user_writes(&nas, "uploads/photo", "p");
    walk_nas_must(&nas, "remove App 1");
    fails(&nas, "install App 3", APPCENTER_ERROR_HEALTH, "exit code 3");
    assert_app(&nas, "App: not installed, 0 running, 0 previous, 1 removed;");
    walk_nas_must(&nas, "install App 2");
    assert_app(&nas, "App: 2, 1 running, 0 previous, 0 removed; app.conf=shipped2 new=2 uploads/photo=p "
                     "version=2 web/index=2");
    assert_nothing_lies_about(&nas);
}

static void test_a_purge_leaves_nothing(void)
{
    g_auto(WalkNas) nas = {0};
    init(&nas, NULL);
    walk_nas_must(&nas, "install App 1");
    walk_nas_must(&nas, "upgrade App 1 2");
    user_writes(&nas, "uploads/photo", "p");
    walk_nas_must(&nas, "purge App 2");
    assert_app(&nas, "App: not installed, 0 running, 0 previous, 0 removed;");
    assert_nothing_lies_about(&nas);
}

static void test_the_retention_of_a_removed_app_ends_but_not_of_data(void)
{
    g_auto(WalkNas) nas = {0};
    init(&nas, "keep_removed = 1d");
    walk_nas_must(&nas, "install App 1");
    walk_nas_must(&nas, "install Lib 1");
    user_writes(&nas, "uploads/photo", "p");
    walk_nas_must(&nas, "remove App 1");
    walk_nas_must(&nas, "remove Lib 1");
    walk_nas_recover(&nas);
    assert_app(&nas, "Lib: not installed, 0 running, 0 previous, 1 removed;");
    nas.now += 2 * 86400;
    walk_nas_recover(&nas);
    assert_app(&nas, "Lib: not installed, 0 running, 0 previous, 0 removed;");
    assert_app(&nas, "App: not installed, 0 running, 0 previous, 1 removed;");
    assert_nothing_lies_about(&nas);
}

/* ---- cancel, failed undo ---- */

static void test_cancelled_anywhere_means_as_before_or_done(void)
{
    guint n_cancelled = 0;
    for (gint at = 1;; at += 3) {
        g_auto(WalkNas) nas = {0};
        g_autoptr(GError) error = NULL;
        init(&nas, NULL);
        walk_nas_must(&nas, "install App 1");
        g_autofree char *before = walk_nas_world(&nas);
        nas.cancel_at = at;
        {
            g_autoptr(Engine) engine = walk_nas_engine(&nas);
            if (walk_nas_apply(&nas, engine, "upgrade App 1 2", &error))
                break;
        }
        g_assert_cmpint(error_kind(error), ==, APPCENTER_ERROR_CANCELLED);
        g_autofree char *after = walk_nas_world(&nas);
        g_assert_cmpstr(after, ==, before);
        assert_last(&nas, "cancelled cancelled");
        n_cancelled++;
    }
    g_assert_cmpuint(n_cancelled, >=, 5);
}

/* Something stands where the registration view is to be written, on the way forward and on the way back. */
static void test_a_failed_undo_is_shown_and_tried_again(void)
{
    g_auto(WalkNas) nas = {0};
    init(&nas, NULL);
    walk_nas_must(&nas, "install App 1");
    g_autofree char *before = walk_nas_world(&nas);
    g_autofree char *view = walk_nas_path(&nas, "/etc/config/qpkg.conf");
    g_assert_cmpint(remove(view), ==, 0);
    g_assert_cmpint(g_mkdir(view, 0755), ==, 0);
    fails(&nas, "upgrade App 1 2", APPCENTER_ERROR_CORRUPT, "registration");
    assert_last(&nas, "open");
    g_autofree char *world = walk_nas_world(&nas);
    g_assert_nonnull(strstr(world, "App: 1 FAILED, 0 running"));
    fails(&nas, "upgrade App 1 4", APPCENTER_ERROR_REFUSED, "App: transaction 2 is not finished");
    g_assert_cmpint(remove(view), ==, 0);
    walk_nas_recover(&nas);
    g_autofree char *after = walk_nas_world(&nas);
    g_assert_cmpstr(after, ==, before);
    walk_nas_must(&nas, "upgrade App 1 2");
}

/* The trees are back, so the change is over: a start that fails is shown, and no reason to refuse a better version. */
static void test_an_old_version_that_does_not_start_again_blocks_nobody(void)
{
    g_auto(WalkNas) nas = {0};
    init(&nas, NULL);
    walk_nas_must(&nas, "install App 1");
    g_autofree char *script = walk_app_file("App", "run.sh");
    walk_nas_write(&nas, script, "#!/bin/sh\n[ $1 = stop ] || exit 5\n");
    fails(&nas, "upgrade App 1 3", APPCENTER_ERROR_HEALTH, "exit code 3");
    assert_last(&nas, "rolled_back");
    g_autofree char *world = walk_nas_world(&nas);
    g_assert_nonnull(strstr(world, "App: 1 FAILED, 0 running"));
    walk_nas_must(&nas, "upgrade App 1 2");
    g_autofree char *after = walk_nas_world(&nas);
    g_assert_nonnull(strstr(after, "App: 2, 1 running")); /* which is what ends a failure */
}

/* ---- services ---- */

static void test_apps_start_in_their_order_and_one_failure_stops_nobody(void)
{
    g_auto(WalkNas) nas = {0};
    g_autoptr(GError) error = NULL;
    init(&nas, NULL);
    walk_nas_must(&nas, "install App 1");
    walk_nas_must(&nas, "install Lib 1");
    walk_nas_stop_all(&nas);
    g_autofree char *script = walk_app_file("App", "run.sh");
    g_autofree char *good = walk_nas_read(&nas, script);
    walk_nas_write(&nas, script, "#!/bin/sh\nexit 6\n");
    walk_nas_start_apps(&nas);
    assert_app(
        &nas,
        "App: 1 FAILED, 0 running, 0 previous, 0 removed; app.conf=shipped1 old=1 version=1 web/index=1");
    assert_app(&nas, "Lib: 1, 1 running, 0 previous, 0 removed; lib=1 version=1");
    walk_nas_write(&nas, script, good);
    walk_nas_start_apps(&nas);
    walk_nas_start_apps(&nas); /* who runs is left alone */
    assert_app(&nas,
               "App: 1, 1 running, 0 previous, 0 removed; app.conf=shipped1 old=1 version=1 web/index=1");
    g_autoptr(Engine) engine = walk_nas_engine(&nas);
    g_assert_true(engine_service(engine, "stop", "App", &error));
    g_assert_false(engine_service(engine, "dance", "App", &error));
    assert_error(&error, APPCENTER_ERROR_INVALID, "\"dance\": wanted start, stop, enable or disable");
    g_assert_false(engine_service(engine, "start", "Nobody", &error));
    assert_error(&error, APPCENTER_ERROR_NOT_FOUND, "Nobody is not installed");
}

#define ADD(name) g_test_add_func("/apply/" #name, test_##name)

void apply_tests(void)
{
    ADD(an_app_is_installed_and_runs);
    ADD(an_upgrade_carries_the_users_data);
    ADD(a_straggler_is_carried_before_the_old_tree_is_put_away);
    ADD(only_so_many_previous_versions_are_kept);
    ADD(a_group_goes_dependents_first_down_and_dependencies_first_up);
    ADD(a_stopped_app_stays_stopped);
    ADD(a_download_is_only_fetched_and_checked);
    ADD(a_failed_health_check_brings_everything_back);
    ADD(a_newer_version_clears_the_veto);
    ADD(a_failed_hook_brings_the_old_version_back);
    ADD(a_failed_first_install_leaves_nothing_but_what_was_written);
    ADD(no_space_is_said_before_anything_is_touched);
    ADD(what_is_not_as_announced_is_refused);
    ADD(an_unsigned_file_needs_its_digest_named);
    ADD(a_rollback_takes_the_data_along);
    ADD(a_removed_app_comes_back_with_its_data);
    ADD(a_new_install_finds_the_data_of_the_removed_app);
    ADD(a_purge_leaves_nothing);
    ADD(the_retention_of_a_removed_app_ends_but_not_of_data);
    ADD(cancelled_anywhere_means_as_before_or_done);
    ADD(a_failed_undo_is_shown_and_tried_again);
    ADD(an_old_version_that_does_not_start_again_blocks_nobody);
    ADD(apps_start_in_their_order_and_one_failure_stops_nobody);
}
