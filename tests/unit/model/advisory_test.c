/* advisory_test.c - OSV records with one fix per OS line, after the real QSA-22-24. */
#include "test.h"

#include <string.h>

#define HEADER(n) "{'format':1,'publisher':'vendor','serial':3,'advisories':" #n "}\n"
#define AFFECTED(line, fixed)                                                                                \
    "{'package':{'name':'PhotoStation','ecosystem':'AppCenter'},'ranges':[{'type':'ECOSYSTEM','events':"     \
    "[{'introduced':'0'},{'fixed':'" fixed "'}]}],'ecosystem_specific':{'os_line':'" line "'}}"
#define RECORD                                                                                               \
    "{'id':'QSA-22-24','aliases':['CVE-2022-27593'],'summary':'deadbolt','published':'2022-09-03T00:00:00Z'" \
    ","                                                                                                      \
    "'affected':[" AFFECTED("5.0", "6.1.2") "," AFFECTED("4.5", "6.0.22") "," AFFECTED(                      \
        "4.3", "5.7.18") ",{'package':{'name':'Other','ecosystem':'AppCenter'},'ranges':[{'type':'GIT','"    \
                         "events':[{'introduced':'0'}]},"                                                    \
                         "{'type':'ECOSYSTEM','events':[{'introduced':'1.0'},{'fixed':'1.5'},{'introduced':" \
                         "'2.0'}]}],"                                                                        \
                         "'ecosystem_specific':{'archive_sha256':['" SHA                                     \
                         "']}}],'database_specific':{'class':'emergency'}}\n"

static GPtrArray *parse(const char *quoted, GError **error)
{
    g_autofree char *text = json_text(quoted);
    return advisories_parse(text, strlen(text), error);
}

static GPtrArray *qsa(void)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *advisories = parse(HEADER(1) RECORD, &error);
    g_assert_no_error(error);
    return advisories;
}

static void one_record_gives_one_advisory_per_app(void)
{
    g_autoptr(GPtrArray) advisories = qsa();
    g_assert_cmpuint(advisories->len, ==, 2);
    const Advisory *photo = g_ptr_array_index(advisories, 0);
    g_assert_cmpstr(photo->id, ==, "QSA-22-24");
    g_assert_cmpstr(photo->aliases[0], ==, "CVE-2022-27593");
    g_assert_cmpstr(photo->app, ==, "PhotoStation");
    g_assert_cmpint(photo->cls, ==, CLASS_EMERGENCY);
    g_assert_cmpuint(photo->ranges->len, ==, 3);
    g_assert_cmpstr(((Advisory *)g_ptr_array_index(advisories, 1))->app, ==, "Other");
}

static void each_os_line_has_its_own_fix(void)
{
    static const struct {
        const char *version, *os, *fixed; /* fixed NULL: not affected */
    } rows[] = {
        {"6.1.1", "5.0.1", "6.1.2"},  {"6.1.2", "5.0.1", NULL},   {"6.0.1", "4.5.2", "6.0.22"},
        {"6.0.22", "4.5.2", NULL},    {"5.7.18", "4.3.6", NULL},  {"5.7.17", "4.3.6", "5.7.18"},
        {"5.7.18", "5.0.0", "6.1.2"}, {"6.0.22", "5.0", "6.1.2"}, {"6.1.1", "5.01.1", NULL},
        {"6.1.1", "5.10", NULL},      {"6.1.1", "6.0", NULL},     {"5.0", "", "6.1.2"},
        {"5.0", NULL, "6.1.2"},
    };
    g_autoptr(GPtrArray) advisories = qsa();
    const Advisory *photo = g_ptr_array_index(advisories, 0);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        const char *fixed = "unset";
        gboolean is_affected = advisory_affects(photo, "PhotoStation", rows[i].version, rows[i].os, &fixed);
        g_assert_cmpint(is_affected, ==, rows[i].fixed != NULL);
        g_assert_cmpstr(fixed, ==, rows[i].fixed);
    }
    g_assert_false(advisory_affects(photo, "Other", "1.2", "5.0", NULL));
}

static void a_range_may_open_again_and_stay_open(void)
{
    static const struct {
        const char *version, *fixed;
        gboolean is_affected;
    } rows[] = {{"0.9", NULL, FALSE},
                {"1.0", "1.5", TRUE},
                {"1.5", NULL, FALSE},
                {"2.0", NULL, TRUE},
                {"9", NULL, TRUE}};
    g_autoptr(GPtrArray) advisories = qsa();
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        const char *fixed = "unset";
        g_assert_cmpint(
            advisory_affects(g_ptr_array_index(advisories, 1), "Other", rows[i].version, "5.0", &fixed), ==,
            rows[i].is_affected);
        g_assert_cmpstr(fixed, ==, rows[i].fixed);
    }
}

static void what_several_ranges_affect_is_fixed_by_the_last_fix(void)
{
    static const struct {
        const char *second_fix, *fixed;
    } rows[] = {{"6.2.0", "6.2.0"}, {"6.0.9", "6.1.2"}, {NULL, NULL}};
    g_autoptr(GPtrArray) advisories = qsa();
    const Advisory *photo = g_ptr_array_index(advisories, 0);
    AffectedRange *everywhere = g_ptr_array_index(photo->ranges, 1);
    g_clear_pointer(&everywhere->os_line, g_free);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        const char *fixed = "unset";
        g_free(everywhere->fixed);
        everywhere->fixed = g_strdup(rows[i].second_fix);
        g_assert_true(advisory_affects(photo, "PhotoStation", "6.0.1", "5.0", &fixed));
        g_assert_cmpstr(fixed, ==, rows[i].fixed);
    }
}

static void an_archive_may_be_named_malicious(void)
{
    g_autoptr(GPtrArray) advisories = qsa();
    const Advisory *other = g_ptr_array_index(advisories, 1);
    g_assert_true(advisory_names_archive(other, "Other", SHA));
    g_assert_false(advisory_names_archive(other, "PhotoStation", SHA));
    g_assert_false(advisory_names_archive(other, "Other", NULL));
    g_assert_false(advisory_names_archive(g_ptr_array_index(advisories, 0), "PhotoStation", SHA));
}

static void a_withdrawn_advisory_affects_nobody(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) advisories =
        parse(HEADER(1) "{'id':'X','published':'2022-09-03T00:00:00Z','withdrawn':'2022-09-04T00:00:00Z','"
                        "affected':[" AFFECTED("5.0", "6.1.2") "]}\n",
              &error);
    g_assert_no_error(error);
    const Advisory *advisory = g_ptr_array_index(advisories, 0);
    g_assert_true(advisory->withdrawn);
    g_assert_cmpint(advisory->cls, ==, CLASS_IMPORTANT); /* it names no class, and is about a hole */
    g_assert_false(advisory_affects(advisory, "PhotoStation", "6.1.1", "5.0.1", NULL));
}

static void a_bad_line_is_named_by_its_number(void)
{
    static const struct {
        const char *text, *part;
    } rows[] = {
        {"", "wanted a header and 0 records, found 0 lines"},
        {"{'format':2,'publisher':'vendor','serial':3,'advisories':0}\n", "advisories line 1: format"},
        {HEADER(2) RECORD, "wanted a header and 2 records, found 2 lines"},
        {HEADER(0) RECORD, "advisories line 2: wanted 0 records, found more"},
        {HEADER(1) "{}", "advisories line 2: wanted a whole line"},
        {HEADER(1) "{}\n", "advisories line 2: affected: wanted"},
        {HEADER(1) "{'id':'','published':'2022-09-03T00:00:00Z','affected':[{'package':{'name':'A'}}]}\n",
         "line 2: id: wanted an id"},
        {HEADER(1) "{'id':'X','published':'2022-09-03T00:00:00Z','affected':[{'package':{'name':'a b'}}]}\n",
         "affected[0].package.name"},
        {HEADER(1) "{'id':'X','published':'2022-09-03T00:00:00Z','affected':[{'package':{'name':'A'},'ranges'"
                   ":[{'type':"
                   "'ECOSYSTEM','events':[{'fixed':'1'}]}]}]}\n",
         "events[0].fixed: wanted \"introduced\" before it"},
        {HEADER(1) "{'id':'X','published':'2022-09-03T00:00:00Z','affected':[{'package':{'name':'A'},'"
                   "ecosystem_specific':"
                   "{'archive_sha256':['12']}}]}\n",
         "archive_sha256: wanted lower-case sha256"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(parse(rows[i].text, &error));
        assert_refused(&error, APPCENTER_ERROR_CORRUPT, rows[i].part);
    }
}

void advisory_tests(void)
{
    g_test_add_func("/advisory/one_record_gives_one_advisory_per_app", one_record_gives_one_advisory_per_app);
    g_test_add_func("/advisory/each_os_line_has_its_own_fix", each_os_line_has_its_own_fix);
    g_test_add_func("/advisory/a_range_may_open_again_and_stay_open", a_range_may_open_again_and_stay_open);
    g_test_add_func("/advisory/what_several_ranges_affect_is_fixed_by_the_last_fix",
                    what_several_ranges_affect_is_fixed_by_the_last_fix);
    g_test_add_func("/advisory/an_archive_may_be_named_malicious", an_archive_may_be_named_malicious);
    g_test_add_func("/advisory/a_withdrawn_advisory_affects_nobody", a_withdrawn_advisory_affects_nobody);
    g_test_add_func("/advisory/a_bad_line_is_named_by_its_number", a_bad_line_is_named_by_its_number);
}
