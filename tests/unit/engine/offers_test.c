/* offers_test.c - which one release waits for each app, and how it is judged. */
#include "vendor.h"

#define EMERGENCY                                                                                            \
    ",\"urgency\":{\"class\":\"emergency\",\"urgent_at\":\"2030-03-16T00:00:00Z\",\"install_within_s\":"     \
    "43200,"                                                                                                 \
    "\"reason\":\"exploited\",\"advisories\":[\"QSA-22-24\"]}"
#define IMPORTANT                                                                                            \
    ",\"urgency\":{\"class\":\"important\",\"urgent_at\":\"2030-03-16T12:00:00Z\",\"install_within_s\":0,"   \
    "\"reason\":null,\"advisories\":[\"QSA-30-01\"]}"
#define FEATURE                                                                                              \
    ",\"urgency\":{\"class\":\"feature\",\"urgent_at\":\"2030-03-16T00:00:00Z\",\"advisories\":[]}"
#define NEVER ",\"rollout\":{\"id\":\"r-1\",\"start\":\"2030-03-01T00:00:00Z\",\"curve\":[[0,0]]}"

static const char *brake_of(const char *action)
{
    static char text[256];
    g_snprintf(text, sizeof text,
               "{\"name\":\"PhotoStation\",\"version\":\"6.1.2\",\"arch\":null,\"action\":\"%s\",\"go_back_"
               "to\":\"6.1.1\","
               "\"reason\":\"crashes\",\"at\":\"2030-03-01T00:00:00Z\"}",
               action);
    return text;
}

typedef struct {
    const char *app, *version, *members;
} Line;

/* Publishes the lines, installs the first line's app in that version, refreshes, compares the ledger. */
static void expect_offers(Vendor *vendor, const Line *lines, guint n, const char *installed,
                          const char *wanted)
{
    for (guint i = 0; i < n; i++)
        vendor_add(vendor, lines[i].app, lines[i].version, lines[i].members);
    vendor_publish(vendor);
    g_autoptr(Engine) engine = vendor_engine(vendor);
    vendor_install(engine, "PhotoStation", installed, NULL);
    vendor_refresh(engine);
    g_autofree char *found = offer_words(engine);
    g_assert_cmpstr(found, ==, wanted);
}

static void expect_simply(const Line *lines, guint n, const char *installed, const char *wanted)
{
    g_auto(Vendor) vendor = {0};
    vendor_init(&vendor);
    expect_offers(&vendor, lines, n, installed, wanted);
}

static void test_the_lowest_fix_wins_over_a_newer_feature(void)
{
    static const Line lines[] = {{"PhotoStation", "6.1.2", EMERGENCY}, {"PhotoStation", "7.0", FEATURE}};
    expect_simply(lines, 2, "6.1.1", "PhotoStation 6.1.2 emergency now emergency");
}

static void test_of_two_fixes_the_newer_brings_both(void)
{
    static const Line lines[] = {{"PhotoStation", "6.1.2", EMERGENCY}, {"PhotoStation", "6.1.3", IMPORTANT}};
    expect_simply(lines, 2, "6.1.1", "PhotoStation 6.1.3 emergency now emergency");
}

static void test_a_fix_in_its_phase_comes_before_one_that_waits(void)
{
    static const Line lines[] = {{"PhotoStation", "6.1.2", EMERGENCY},
                                 {"PhotoStation", "6.1.3", IMPORTANT NEVER}};
    expect_simply(lines, 2, "6.1.1", "PhotoStation 6.1.2 emergency now emergency");
}

static void test_without_a_fix_the_newest(void)
{
    static const Line lines[] = {{"PhotoStation", "6.1.2", ""}, {"PhotoStation", "6.2", ""}};
    expect_simply(lines, 2, "6.1.1", "PhotoStation 6.2 normal ask consent-other");
}

static void test_nothing_newer_is_no_offer(void)
{
    static const Line lines[] = {{"PhotoStation", "6.1.1", ""}};
    expect_simply(lines, 1, "6.1.1", "");
}

static void test_one_that_cannot_be_gives_way_to_one_that_can(void)
{
    static const Line lines[] = {{"PhotoStation", "6.1.2", IMPORTANT},
                                 {"PhotoStation", "6.1.3", IMPORTANT ",\"os_min\":\"9\""}};
    g_auto(Vendor) vendor = {0};
    vendor_init(&vendor);
    vendor_configure(&vendor, "security = notify");
    expect_offers(&vendor, lines, 2, "6.1.1", "PhotoStation 6.1.2 important ask consent-security");
}

static void test_the_firmware_is_the_reason(void)
{
    static const Line lines[] = {{"PhotoStation", "6.1.3", IMPORTANT ",\"os_min\":\"9\""}};
    expect_simply(lines, 1, "6.1.1", "PhotoStation 6.1.3 important refuse os");
}

static void test_a_halted_fix_is_refused(void)
{
    static const Line lines[] = {{"PhotoStation", "6.1.2", EMERGENCY}};
    g_auto(Vendor) vendor = {0};
    vendor_init(&vendor);
    vendor.brake = brake_of("halt");
    expect_offers(&vendor, lines, 1, "6.1.1", "PhotoStation 6.1.2 emergency refuse halted");
}

static void test_a_withdrawn_version_goes_back(void)
{
    static const Line lines[] = {{"PhotoStation", "6.1.1", ""}, {"PhotoStation", "6.1.2", ""}};
    g_auto(Vendor) vendor = {0};
    vendor_init(&vendor);
    vendor.brake = brake_of("withdraw");
    expect_offers(&vendor, lines, 2, "6.1.2", "PhotoStation 6.1.1 normal now withdrawn-back");
}

static void test_a_withdrawn_version_with_nowhere_to_go_is_told(void)
{
    static const Line lines[] = {{"PhotoStation", "6.1.2", ""}};
    g_auto(Vendor) vendor = {0};
    vendor_init(&vendor);
    vendor.brake = brake_of("withdraw");
    expect_offers(&vendor, lines, 1, "6.1.2", "PhotoStation 6.1.2 normal ask withdrawn-ask");
}

#define RECORD(members)                                                                                      \
    "{\"format\":1,\"publisher\":\"vendor\",\"serial\":1,\"advisories\":1}\n"                                \
    "{\"id\":\"QSA-22-24\",\"published\":\"2030-03-16T00:00:00Z\",\"database_specific\":{\"class\":"         \
    "\"emergency\"},\"affected\":[{\"package\":{\"name\":\"PhotoStation\"},\"ranges\":[{\"type\":"           \
    "\"ECOSYSTEM\",\"events\":[{\"introduced\":\"0\"},{\"fixed\":\"6.1.2\"}]}]" members "}]}\n"

static void expect_with_advisory(const char *advisories, const Line *lines, guint n, const char *installed,
                                 const char *wanted)
{
    g_auto(Vendor) vendor = {0};
    vendor_init(&vendor);
    vendor.advisories = advisories;
    expect_offers(&vendor, lines, n, installed, wanted);
}

static void test_an_advisory_makes_its_lowest_fix_urgent(void)
{
    static const Line lines[] = {
        {"PhotoStation", "6.1.2", FEATURE}, {"PhotoStation", "6.1.3", ""}, {"PhotoStation", "7.0", FEATURE}};
    expect_with_advisory(RECORD(""), lines, 3, "6.1.1", "PhotoStation 6.1.2 emergency now emergency");
    expect_with_advisory(RECORD(""), lines, 3, "6.1.2", "PhotoStation 7.0 feature ask feature");
}

static void test_a_fix_that_does_not_fit_the_system_gives_way_to_one_that_does(void)
{
    static const Line lines[] = {{"PhotoStation", "6.1.2", ",\"os_min\":\"9\""},
                                 {"PhotoStation", "6.1.3", ""}};
    expect_with_advisory(RECORD(""), lines, 2, "6.1.1", "PhotoStation 6.1.3 emergency now emergency");
}

static void test_an_advisory_for_another_os_line_makes_nothing_urgent(void)
{
    static const Line lines[] = {{"PhotoStation", "6.1.2", ""}};
    expect_with_advisory(RECORD(",\"ecosystem_specific\":{\"os_line\":\"9.9\"}"), lines, 1, "6.1.1",
                         "PhotoStation 6.1.2 normal ask consent-other");
}

static void test_a_halted_fix_that_an_advisory_names_is_refused(void)
{
    static const Line lines[] = {{"PhotoStation", "6.1.2", ""}};
    g_auto(Vendor) vendor = {0};
    vendor_init(&vendor);
    vendor.advisories = RECORD("");
    vendor.brake = brake_of("halt");
    expect_offers(&vendor, lines, 1, "6.1.1", "PhotoStation 6.1.2 emergency refuse halted");
}

static void test_what_a_fix_pulls_in_is_as_urgent(void)
{
    g_auto(Vendor) vendor = {0};
    vendor_init(&vendor);
    vendor_add(&vendor, "MediaLibrary", "2.0", NEVER);
    vendor_add(&vendor, "PhotoStation", "6.1.2", EMERGENCY ",\"requires\":[\"MediaLibrary >= 2.0\"]");
    vendor_publish(&vendor);
    g_autoptr(Engine) engine = vendor_engine(&vendor);
    vendor_install(engine, "MediaLibrary", "1.0", NULL);
    vendor_install(engine, "PhotoStation", "6.1.1", NULL);
    vendor_refresh(engine);
    g_autofree char *found = offer_words(engine);
    g_assert_cmpstr(found, ==,
                    "MediaLibrary 2.0 emergency now emergency by PhotoStation; "
                    "PhotoStation 6.1.2 emergency now emergency");
}

static void test_a_held_dependency_keeps_the_fix_back(void)
{
    g_auto(Vendor) vendor = {0};
    g_autoptr(GError) error = NULL;
    vendor_init(&vendor);
    vendor_add(&vendor, "MediaLibrary", "2.0", "");
    vendor_add(&vendor, "PhotoStation", "6.1.2", EMERGENCY ",\"requires\":[\"MediaLibrary >= 2.0\"]");
    vendor_publish(&vendor);
    g_autoptr(Engine) engine = vendor_engine(&vendor);
    vendor_install(engine, "MediaLibrary", "1.0", NULL);
    vendor_install(engine, "PhotoStation", "6.1.1", NULL);
    Hold hold = {.app = (char *)"MediaLibrary", .created_at = NOW};
    g_assert_true(store_hold_put(engine->store, &hold, &error));
    vendor_refresh(engine);
    g_autofree char *found = offer_words(engine);
    g_assert_cmpstr(found, ==,
                    "MediaLibrary 2.0 normal wait held; PhotoStation 6.1.2 emergency refuse dependency");
}

void offers_tests(void)
{
    g_test_add_func("/offers/the_lowest_fix_wins_over_a_newer_feature",
                    test_the_lowest_fix_wins_over_a_newer_feature);
    g_test_add_func("/offers/of_two_fixes_the_newer_brings_both", test_of_two_fixes_the_newer_brings_both);
    g_test_add_func("/offers/a_fix_in_its_phase_comes_before_one_that_waits",
                    test_a_fix_in_its_phase_comes_before_one_that_waits);
    g_test_add_func("/offers/without_a_fix_the_newest", test_without_a_fix_the_newest);
    g_test_add_func("/offers/nothing_newer_is_no_offer", test_nothing_newer_is_no_offer);
    g_test_add_func("/offers/one_that_cannot_be_gives_way_to_one_that_can",
                    test_one_that_cannot_be_gives_way_to_one_that_can);
    g_test_add_func("/offers/the_firmware_is_the_reason", test_the_firmware_is_the_reason);
    g_test_add_func("/offers/a_halted_fix_is_refused", test_a_halted_fix_is_refused);
    g_test_add_func("/offers/a_withdrawn_version_goes_back", test_a_withdrawn_version_goes_back);
    g_test_add_func("/offers/a_withdrawn_version_with_nowhere_to_go_is_told",
                    test_a_withdrawn_version_with_nowhere_to_go_is_told);
    g_test_add_func("/offers/an_advisory_makes_its_lowest_fix_urgent",
                    test_an_advisory_makes_its_lowest_fix_urgent);
    g_test_add_func("/offers/a_fix_that_does_not_fit_the_system_gives_way_to_one_that_does",
                    test_a_fix_that_does_not_fit_the_system_gives_way_to_one_that_does);
    g_test_add_func("/offers/an_advisory_for_another_os_line_makes_nothing_urgent",
                    test_an_advisory_for_another_os_line_makes_nothing_urgent);
    g_test_add_func("/offers/a_halted_fix_that_an_advisory_names_is_refused",
                    test_a_halted_fix_that_an_advisory_names_is_refused);
    g_test_add_func("/offers/what_a_fix_pulls_in_is_as_urgent", test_what_a_fix_pulls_in_is_as_urgent);
    g_test_add_func("/offers/a_held_dependency_keeps_the_fix_back",
                    test_a_held_dependency_keeps_the_fix_back);
}
