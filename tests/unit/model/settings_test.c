/* settings_test.c - layers of INI text: what is taken, what is warned of, what is refused and where. */
#include "test.h"

#include <string.h>

static gboolean apply(Settings *settings, const char *text, GPtrArray *warnings, GError **error)
{
    return settings_apply_text(settings, "appcenter.conf", text, strlen(text), warnings, error);
}

static SettingView view_of(const Settings *settings, const char *section, const char *key)
{
    SettingView view;
    for (gsize i = 0; settings_view(settings, i, &view); i++)
        if (strcmp(view.section, section) == 0 && strcmp(view.key, key) == 0)
            return view;
    g_error("no setting %s.%s", section, key);
}

static void the_defaults_are_those_of_the_manual(void)
{
    g_autoptr(Settings) settings = settings_new();
    g_autoptr(GError) error = NULL;
    const SettingsValues *values = settings_values(settings);
    g_assert_cmpint(values->emergency, ==, CONSENT_AUTO);
    g_assert_cmpint(values->security, ==, CONSENT_AUTO);
    g_assert_cmpint(values->other, ==, CONSENT_NOTIFY);
    g_assert_cmpint(values->deadline_emergency_s, ==, 12 * 3600);
    g_assert_cmpint(values->deadline_critical_s, ==, 72 * 3600);
    g_assert_cmpint(values->deadline_important_s, ==, 14 * 86400);
    g_assert_false(values->allow_downgrade);
    g_assert_true(values->withdrawn_rollback);
    g_assert_cmpint(values->min_age_s, ==, 86400);
    g_assert_cmpstr(values->timer, ==, "02:00-05:00");
    g_assert_cmpstr(values->timezone, ==, "local");
    g_assert_cmpint(values->poll_s, ==, 3600);
    g_assert_cmpint(values->rate_limit_bytes, ==, 0);
    g_assert_cmpint(values->keep_previous, ==, 1);
    g_assert_cmpint(values->snapshot, ==, SNAPSHOT_AUTO);
    g_assert_cmpint(values->health_settle_s, ==, 10);
    g_assert_cmpint(values->reserve_bytes, ==, 512 << 20);
    g_assert_cmpstr(values->notify_on, ==, "failure,deadline,stale");
    g_assert_cmpstr(values->volume, ==, "/share/CACHEDEV1_DATA");
    g_assert_cmpstr(values->arch, ==, "");
    g_assert_true(settings_check(settings, &error));
    g_assert_no_error(error);
}

static void a_later_layer_wins_and_leaves_its_origin(void)
{
    g_autoptr(Settings) settings = settings_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
    g_assert_true(apply(
        settings, "# ours\n[updates]\r\n  other=auto\r\n\n; more\n[ window ]\ntimer = sat,01:00-02:00 ; x\n",
        warnings, &error));
    g_assert_no_error(error);
    const char *second = "[updates]\nother = off";
    g_assert_true(settings_apply_text(settings, "10-local.conf", second, strlen(second), warnings, &error));
    g_assert_cmpuint(warnings->len, ==, 0);
    g_assert_cmpint(settings_values(settings)->other, ==, CONSENT_OFF);
    g_assert_cmpstr(view_of(settings, "updates", "other").origin, ==, "10-local.conf:2");
    g_assert_cmpstr(view_of(settings, "updates", "other").value_now, ==, "off");
    g_assert_cmpstr(view_of(settings, "updates", "other").value_default, ==, "notify");
    g_assert_cmpstr(view_of(settings, "window", "timer").origin, ==, "appcenter.conf:7");
    g_assert_cmpstr(view_of(settings, "window", "timer").value_now, ==, "sat,01:00-02:00 ; x");
    g_assert_cmpstr(view_of(settings, "updates", "security").origin, ==, "default");
}

static void unknown_and_double_keys_warn(void)
{
    g_autoptr(Settings) settings = settings_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
    const char *text = "[updates]\nsecurity=off\nshiny = 1\nsecurity = auto\n[future]\nx = 1\ny = 2\n";
    g_assert_true(apply(settings, text, warnings, &error));
    g_assert_true(apply(settings, text, NULL, &error));
    g_assert_cmpuint(warnings->len, ==, 3);
    g_assert_cmpstr(g_ptr_array_index(warnings, 0), ==, "appcenter.conf:3: unknown key updates.shiny");
    g_assert_nonnull(strstr(g_ptr_array_index(warnings, 1),
                            "appcenter.conf:4: updates.security stands in this file twice"));
    g_assert_nonnull(strstr(g_ptr_array_index(warnings, 2), "appcenter.conf:5: unknown section [future]"));
    g_assert_cmpint(settings_values(settings)->security, ==, CONSENT_AUTO);
}

static void a_bad_value_names_file_line_and_what_is_allowed(void)
{
    static const struct {
        const char *line, *part;
    } rows[] = {
        {"[updates]\nsecurity = maybe",
         "appcenter.conf:2: updates.security: wanted auto, download, notify or off, found \"maybe\""},
        {"[updates]\nemergency = auto", "updates.emergency: wanted install or notify"},
        {"[updates]\nemergency =", "found \"\""},
        {"[updates]\nsecurity = auto # always", "updates.security: wanted auto"},
        {"[updates]\ndeadline_critical = 2 days",
         "updates.deadline_critical: wanted a time up to 366d, as 72h, or never"},
        {"[updates]\nmin_age = never", "updates.min_age: wanted a time"},
        {"[updates]\nallow_downgrade = maybe", "wanted yes or no"},
        {"[network]\npoll = 25h", "network.poll: wanted a time from 5m to 24h"},
        {"[network]\npoll = 0", "network.poll: wanted"},
        {"[network]\nproxy = ftp://x", "network.proxy: wanted"},
        {"[network]\nproxy = http://", "network.proxy: wanted"},
        {"[network]\nrate_limit = fast", "network.rate_limit: wanted a size"},
        {"[safety]\nkeep_previous = -1", "safety.keep_previous: wanted a number from 0 to 9"},
        {"[safety]\nkeep_previous = 10", "safety.keep_previous: wanted"},
        {"[safety]\nreserve = 2T", "safety.reserve: wanted a size from 0 to 1T"},
        {"[notify]\non = failure,panic", "notify.on: wanted any of"},
        {"[notify]\nmail = -oops@x", "notify.mail: wanted"},
        {"[notify]\ncommand = rm -rf", "notify.command: wanted"},
        {"[metrics]\ntextfile = ../x", "metrics.textfile: wanted"},
        {"[host]\nvolume =", "host.volume: wanted an absolute normal path, found \"\""},
        {"[host]\nvolume = share", "host.volume: wanted an absolute normal path"},
        {"[host]\nvolume = /share/../etc", "host.volume: wanted"},
        {"[host]\nvolume = /share//x", "host.volume: wanted"},
        {"[host]\narch = all", "host.arch: wanted"},
        {"[host]\nos_version = five point one", "host.os_version: wanted"},
        {"[host]\ncohort = a b", "host.cohort: wanted"},
        {"[updates]\njust words", "appcenter.conf:2: wanted key = value, found \"just words\""},
        {"[updates]\n= x", "appcenter.conf:2: wanted key = value"},
        {"other = auto", "appcenter.conf:1: wanted a [section] before the first key"},
        {"[updates", "appcenter.conf:1: wanted [section]"},
        {"[]", "appcenter.conf:1: wanted [section]"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Settings) settings = settings_new();
        g_autoptr(GError) error = NULL;
        g_assert_false(apply(settings, rows[i].line, NULL, &error));
        assert_refused(&error, APPCENTER_ERROR_CORRUPT, rows[i].part);
    }
}

static void bounds_themselves_are_allowed(void)
{
    g_autoptr(Settings) settings = settings_new();
    g_autoptr(GError) error = NULL;
    g_assert_true(apply(
        settings,
        "[updates]\ndeadline_critical = never\n[network]\npoll = 1s\nproxy = socks5h://proxy:1080\n"
        "[safety]\nkeep_previous = 9\nreserve = 1T\n[notify]\non =\nmail = a@b\ncommand = /bin/tell me\n"
        "[host]\narch = arm_64\nos_version = 5.1.0\ncohort = blue-7\n",
        NULL, &error));
    g_assert_no_error(error);
    g_assert_cmpint(settings_values(settings)->deadline_critical_s, ==, SETTINGS_NEVER);
    g_assert_cmpint(settings_values(settings)->poll_s, ==, 1);
    g_assert_cmpint(settings_values(settings)->reserve_bytes, ==, G_GINT64_CONSTANT(1) << 40);
    g_assert_cmpstr(settings_values(settings)->notify_on, ==, "");
    g_assert_cmpstr(settings_values(settings)->cohort, ==, "blue-7");
}

static void a_refused_layer_changes_nothing(void)
{
    g_autoptr(Settings) settings = settings_new();
    g_autoptr(GError) error = NULL;
    g_assert_false(apply(settings, "[updates]\nother = auto\n[host]\nvolume = /x\n[updates]\nsecurity = ?\n",
                         NULL, &error));
    g_assert_cmpint(settings_values(settings)->other, ==, CONSENT_NOTIFY);
    g_assert_cmpstr(settings_values(settings)->volume, ==, "/share/CACHEDEV1_DATA");
    g_assert_cmpstr(view_of(settings, "updates", "other").origin, ==, "default");
}

static void bytes_that_are_no_text_are_refused(void)
{
    g_autoptr(Settings) settings = settings_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *big = g_strnfill(65537, '\n');
    g_assert_false(settings_apply_text(settings, "f", "[host]\0", 7, NULL, &error));
    assert_refused(&error, APPCENTER_ERROR_CORRUPT, "f: wanted utf-8 text");
    g_assert_false(settings_apply_text(settings, "f", "#\xff", 2, NULL, &error));
    assert_refused(&error, APPCENTER_ERROR_CORRUPT, "f: wanted utf-8 text");
    g_assert_false(settings_apply_text(settings, "f", big, 65537, NULL, &error));
    assert_refused(&error, APPCENTER_ERROR_CORRUPT, "f: wanted at most 65536 bytes");
    g_assert_true(settings_apply_text(settings, "f", big, 65536, NULL, &error));
    g_assert_true(settings_apply_text(settings, "f", "", 0, NULL, &error));
}

static void the_window_is_checked_with_its_place(void)
{
    static const struct {
        const char *text, *part;
    } rows[] = {
        {"[window]\ntimer = 2-5", "appcenter.conf:2: window.timer: wanted [days,]HH:MM-HH:MM"},
        {"[window]\n\ntimezone = Mars/Olympus", "appcenter.conf:3: window.timezone: wanted local or an IANA"},
        {"[window]\nblackout = 2026-13-01..2026-12-1", "appcenter.conf:2: window.blackout: wanted FROM..TO"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Settings) settings = settings_new();
        g_autoptr(GError) error = NULL;
        g_assert_true(apply(settings, rows[i].text, NULL, &error));
        g_assert_false(settings_check(settings, &error));
        assert_refused(&error, APPCENTER_ERROR_CORRUPT, rows[i].part);
    }
}

static void a_copy_is_independent(void)
{
    g_autoptr(Settings) settings = settings_new();
    g_autoptr(GError) error = NULL;
    g_assert_true(apply(settings, "[host]\nvolume = /a\n", NULL, &error));
    g_autoptr(Settings) copy = settings_copy(settings);
    g_assert_true(apply(settings, "[host]\nvolume = /b\n", NULL, &error));
    g_assert_cmpstr(settings_values(copy)->volume, ==, "/a");
    g_assert_cmpstr(view_of(copy, "host", "volume").value_now, ==, "/a");
    g_assert_cmpstr(settings_values(settings)->volume, ==, "/b");
}

static void every_row_says_what_it_is_for(void)
{
    g_autoptr(Settings) settings = settings_new();
    SettingView view;
    gsize n_rows = 0;
    for (; settings_view(settings, n_rows, &view); n_rows++) {
        g_assert_cmpuint(strlen(view.allowed), >, 4);
        g_assert_true(g_str_has_suffix(view.prose, "."));
        g_assert_cmpstr(view.value_now, ==, view.value_default);
    }
    g_assert_cmpuint(n_rows, ==, 39);
}

void settings_tests(void)
{
    g_test_add_func("/settings/the_defaults_are_those_of_the_manual", the_defaults_are_those_of_the_manual);
    g_test_add_func("/settings/a_later_layer_wins_and_leaves_its_origin",
                    a_later_layer_wins_and_leaves_its_origin);
    g_test_add_func("/settings/unknown_and_double_keys_warn", unknown_and_double_keys_warn);
    g_test_add_func("/settings/a_bad_value_names_file_line_and_what_is_allowed",
                    a_bad_value_names_file_line_and_what_is_allowed);
    g_test_add_func("/settings/bounds_themselves_are_allowed", bounds_themselves_are_allowed);
    g_test_add_func("/settings/a_refused_layer_changes_nothing", a_refused_layer_changes_nothing);
    g_test_add_func("/settings/bytes_that_are_no_text_are_refused", bytes_that_are_no_text_are_refused);
    g_test_add_func("/settings/the_window_is_checked_with_its_place", the_window_is_checked_with_its_place);
    g_test_add_func("/settings/a_copy_is_independent", a_copy_is_independent);
    g_test_add_func("/settings/every_row_says_what_it_is_for", every_row_says_what_it_is_for);
}
