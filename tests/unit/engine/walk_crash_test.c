/* walk_crash_test.c - the job dies at every event of a walk, and recovery at every event of its own: afterwards the world is
 * the old one whole or the new one whole, with all of the user's data, and nothing lies about.
 */
#include "walk_nas.h"

#include <string.h>

/* A hook, a start or a stop that kills the job in the middle of it ($PPID is the job) while a file says so. */
#define KILLS(where) "if [ -e $APPCENTER_ROOT/share/kill-" where " ]; then kill -9 $PPID; sleep 2; fi"
#define DAEMON       "sleep 1000 </dev/null >/dev/null 2>&1 & echo $! > $APPCENTER_ROOT/var/run/$QPKG_NAME.pid"

static const WalkPackage packages[] = {
    {.name = "Lib", .version = "1", .files = "lib=1"},
    {.name = "Lib", .version = "2", .files = "lib=2"},
    {.name = "App",
     .version = "1",
     .config = "QPKG_CONFIG=\"app.conf\"\n",
     .files = "app.conf=1 web/index=1 shared/a=1"},
    {.name = "App",
     .version = "2",
     .config = "QPKG_CONFIG=\"app.conf\"\n",
     .routines = "pkg_install() { " KILLS("hook") "; }\n",
     .files = "app.conf=2 web/index=2 shared/a=2 taken=2"},
    {.name = "App",
     .version = "3",
     .config = "QPKG_SERVICE_PIDFILE=\"/var/run/App.pid\"\n",
     .files = "web/index=3",
     .on_start = DAEMON "; " KILLS("start")},
    {.name = "App", .version = "4", .files = "web/index=4 taken=4", .on_start = "exit 1"},
};

/* The world that every sweep starts from: what is installed, and what the user has done to it. */
static void make_world(WalkNas *nas, const char *changes)
{
    static const char *const files[][2] = {
        {"uploads/a", "photo"}, {"shared/mine", "m"},    {"app.conf", "edited"},
        {"web/index", "own"},   {"taken", "the user's"},
    };
    walk_nas_init(nas, packages, G_N_ELEMENTS(packages), NULL);
    walk_nas_must(nas, "install Lib 1, install App 1");
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = walk_app_file("App", files[i][0]);
        walk_nas_write(nas, path, files[i][1]);
    }
    if (changes)
        walk_nas_must(nas, changes);
    walk_nas_stop_all(nas);
}

typedef struct {
    const char *before;  /* brings the world from "Lib 1, App 1" to where the sweep starts; or NULL */
    const char *changes; /* what is swept */
    gboolean fails;      /* it ends as it began, by itself */
} Sweep;

static const Sweep sweeps[] = {
    {NULL, "upgrade Lib 1 2, upgrade App 1 2", FALSE},
    {NULL, "upgrade Lib 1 2, upgrade App 1 4", TRUE},
    {NULL, "remove App 1", FALSE},
    {NULL, "purge App 1", FALSE},
    {"upgrade App 1 2", "back App 2 1", FALSE},
    {"remove App 1", "install App 2", FALSE},
    {"remove App 1", "again App 1", FALSE},
    {"purge App 1", "install App 2", FALSE},
};

static void copy_world(WalkNas *nas, const WalkNas *template)
{
    walk_nas_copy(nas, template);
    walk_nas_start_apps(nas);
}

/* The worlds before and after, from a run that nobody disturbs. */
static void learn_worlds(const Sweep *sweep, const WalkNas *template, char **old, char **new)
{
    g_auto(WalkNas) nas = {0};
    copy_world(&nas, template);
    *old = walk_nas_world(&nas);
    g_assert_false(walk_nas_dies(&nas, sweep->changes, 0));
    *new = walk_nas_world(&nas);
    if (sweep->fails)
        g_assert_cmpstr(*new, ==, *old);
    else
        g_assert_cmpstr(*new, !=, *old);
}

static void assert_world(WalkNas *nas, const char *old, const char *new, gint at)
{
    g_autofree char *found = walk_nas_world(nas);
    g_autofree char *last = walk_nas_last(nas);
    if (strcmp(found, old) != 0 && strcmp(found, new) != 0)
        g_error("killed at event %d: found\n%s\nneither the old world\n%s\nnor the new\n%s", at, found, old,
                new);
    if (strcmp(old, new) == 0)
        return;
    if (strcmp(found, new) == 0)
        g_assert_cmpstr(last, ==, "done");
    else if (!g_str_has_prefix(last, "rolled_back io: interrupted during '"))
        g_error("killed at event %d: history says %s", at, last);
}

/* Every event of the main story; of the others every second one, unless all is asked for (-m slow). */
static gint stride_of(const Sweep *sweep)
{
    return sweep == sweeps || g_test_slow() ? 1 : 2;
}

static gint sweep_kills(const Sweep *sweep)
{
    gint n = 0;
    g_auto(WalkNas) template = {0};
    g_autofree char *old = NULL, *new = NULL;
    make_world(&template, sweep->before);
    learn_worlds(sweep, &template, &old, &new);
    for (gint at = 1;; at += stride_of(sweep)) {
        g_auto(WalkNas) nas = {0};
        copy_world(&nas, &template);
        if (!walk_nas_dies(&nas, sweep->changes, at))
            return n;
        n++;
        walk_nas_recover(&nas);
        assert_world(&nas, old, new, at);
        if (n % 5 > 0)
            continue;
        walk_nas_recover(&nas); /* and once more does nothing */
        assert_world(&nas, old, new, at);
    }
}

static void test_killed_at_every_event_it_is_old_or_new_whole(gconstpointer data)
{
    const Sweep *sweep = data;
    gint n = sweep_kills(sweep);
    g_test_message("%s: %d kills", sweep->changes, n);
    g_assert_cmpint(n, >=, 5);
}

/* After any kill and recovery the same change can be made. */
static void test_after_recovery_the_change_goes_through(void)
{
    const Sweep *sweep = &sweeps[0];
    g_auto(WalkNas) template = {0};
    g_autofree char *old = NULL, *new = NULL;
    make_world(&template, sweep->before);
    learn_worlds(sweep, &template, &old, &new);
    for (gint at = 1;; at += 7) {
        g_auto(WalkNas) nas = {0};
        copy_world(&nas, &template);
        if (!walk_nas_dies(&nas, sweep->changes, at))
            break;
        walk_nas_recover(&nas);
        g_autofree char *found = walk_nas_world(&nas);
        if (strcmp(found, old) == 0)
            walk_nas_must(&nas, sweep->changes);
        assert_world(&nas, new, new, at);
    }
}

/* Dies at an event, then at each event of every recovery, until one gets through. */
static void test_recovery_killed_at_every_event_recovers(void)
{
    const Sweep *sweep = &sweeps[0];
    g_auto(WalkNas) template = {0};
    g_autofree char *old = NULL, *new = NULL;
    gint n_kills = 0;
    make_world(&template, sweep->before);
    learn_worlds(sweep, &template, &old, &new);
    for (gint at = 12;; at += 9) {
        g_auto(WalkNas) nas = {0};
        copy_world(&nas, &template);
        if (!walk_nas_dies(&nas, sweep->changes, at))
            break;
        for (gint in_recovery = 1; walk_nas_dies_in_recovery(&nas, in_recovery); in_recovery++)
            n_kills++;
        assert_world(&nas, old, new, at);
    }
    g_assert_cmpint(n_kills, >=, 40);
}

/* ---- in the middle of scripts ---- */

static const struct {
    const char *where, *changes;
} scripts[] = {
    {"hook", "upgrade App 1 2"},
    {"start", "upgrade App 1 3"},
};

static void test_killed_inside_a_script_it_is_as_before(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(scripts); i++) {
        g_auto(WalkNas) nas = {0};
        make_world(&nas, NULL);
        walk_nas_start_apps(&nas);
        g_autofree char *old = walk_nas_world(&nas);
        g_autofree char *flag = g_strconcat("/share/kill-", scripts[i].where, NULL);
        walk_nas_write(&nas, flag, "");
        g_assert_true(walk_nas_dies(&nas, scripts[i].changes, 0));
        walk_nas_recover(&nas);
        g_autofree char *found = walk_nas_world(&nas);
        g_assert_cmpstr(found, ==, old);
    }
}

/* ---- leftovers ---- */

static void test_a_staged_tree_of_nobody_is_kept_and_not_deleted(void)
{
    g_auto(WalkNas) nas = {0};
    walk_nas_init(&nas, packages, G_N_ELEMENTS(packages), NULL);
    walk_nas_must(&nas, "install Lib 1");
    walk_nas_write(&nas, WALK_VOLUME "/.qpkg/.appcenter/stage/99-App/photo", "p");
    walk_nas_write(&nas, WALK_VOLUME "/.qpkg/.appcenter/stage/odd/photo", "p");
    walk_nas_recover(&nas);
    g_autofree char *world = walk_nas_world(&nas);
    g_assert_nonnull(strstr(world, "\n0 staged, 2 kept without a row, 0 open\n"));
}

void recover_tests(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(sweeps); i++) {
        g_autofree char *name = g_strdelimit(g_strdup(sweeps[i].changes), " ,", '_');
        g_autofree char *path =
            g_strdup_printf("/recover/killed_at_every_event_it_is_old_or_new_whole/%zu_%s", i, name);
        g_test_add_data_func(path, &sweeps[i], test_killed_at_every_event_it_is_old_or_new_whole);
    }
    g_test_add_func("/recover/after_recovery_the_change_goes_through",
                    test_after_recovery_the_change_goes_through);
    g_test_add_func("/recover/recovery_killed_at_every_event_recovers",
                    test_recovery_killed_at_every_event_recovers);
    g_test_add_func("/recover/killed_inside_a_script_it_is_as_before",
                    test_killed_inside_a_script_it_is_as_before);
    g_test_add_func("/recover/a_staged_tree_of_nobody_is_kept_and_not_deleted",
                    test_a_staged_tree_of_nobody_is_kept_and_not_deleted);
}
