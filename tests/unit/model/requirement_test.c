/* requirement_test.c - the requirement grammar: what is read, what is refused, what matches. */
#include "test.h"

static void items_are_read_as_qdk_reads_them(void)
{
    static const struct {
        const char *item, *text;
    } rows[] = {
        {"MediaLibrary >= 2.0", "MediaLibrary >= 2.0"},
        {"MediaLibrary>=2.0", "MediaLibrary >= 2.0"},
        {"  Foo   ", "Foo"},
        {"Foo == 1.0", "Foo = 1.0"},
        {"Foo != 1|Bar<2 | Baz", "Foo != 1 | Bar < 2 | Baz"},
        {"QNAP_FW >= 5.1", "QNAP_FW >= 5.1"},
        {"OPT/perl", "OPT/perl"},
        {"Foo>=", "Foo"},
        {"QVPN Service", "QVPN"},
        {"Foo > 1.2.3-beta and others", "Foo > 1.2.3-beta"},
        {"A\t<=\t1", "A <= 1"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Requirement) requirement = requirement_parse(rows[i].item, &error);
        g_assert_no_error(error);
        g_autofree char *text = requirement_to_text(requirement);
        g_assert_cmpstr(text, ==, rows[i].text);
    }
}

static void what_is_no_requirement_is_refused(void)
{
    static const struct {
        const char *item, *part;
    } rows[] = {
        {"", "1 to 64 alternatives"},
        {"  ", "wanted an app name, found nothing"},
        {"Foo |", "wanted an app name, found nothing"},
        {"| Foo", "wanted an app name, found nothing"},
        {">= 1", "wanted an app name, found \">=\""},
        {"-rf >= 1", "wanted an app name, found \"-rf\""},
        {"../x", "wanted an app name"},
        {"OPT/../x", "wanted an app name"},
        {"Foo => 1", "wanted an operator behind \"Foo\""},
        {"Foo =>", "wanted an operator behind \"Foo\""},
        {"Foo ~ 1", "wanted an operator behind \"Foo\""},
        {"Foo >= 1 < 2", "wanted one operator"},
        {"Foo>=1<2", "wanted one operator"},
        {"Foo >= ;x", "wanted a version"},
        {"Foo >= $(x)", "wanted a version"},
        {"Foo\nBar", "found byte 0x0a"},
        {"F\xc3\xb6\xc3\xb6", "found byte 0xc3"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(requirement_parse(rows[i].item, &error));
        assert_refused(&error, APPCENTER_ERROR_CORRUPT, rows[i].part);
    }
    g_autofree char *longest = g_strnfill(1025, 'a');
    g_autofree char *bars = g_strnfill(100, '|');
    g_autoptr(GError) error = NULL;
    g_assert_null(requirement_parse(longest, &error));
    assert_refused(&error, APPCENTER_ERROR_CORRUPT, "at most 1024 bytes");
    g_assert_null(requirement_parse(bars, &error));
    assert_refused(&error, APPCENTER_ERROR_CORRUPT, "1 to 64 alternatives, found more");
}

static void lists_are_split_at_commas(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) items = requirement_split(" A >= 1 ,, B|C , ", TRUE, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(g_strv_length(items), ==, 2);
    g_assert_cmpstr(items[0], ==, "A >= 1");
    g_assert_cmpstr(items[1], ==, "B|C");
    g_assert_null(requirement_split("A|B", FALSE, &error));
    assert_refused(&error, APPCENTER_ERROR_CORRUPT, "wanted no alternatives");
    g_assert_null(requirement_split("A, B => 1", TRUE, &error));
    assert_refused(&error, APPCENTER_ERROR_CORRUPT, "wanted an operator");
    GString *many = g_string_new("A");
    for (int i = 0; i < 256; i++)
        g_string_append(many, ",A");
    g_assert_null(requirement_split(many->str, TRUE, &error));
    assert_refused(&error, APPCENTER_ERROR_CORRUPT, "at most 256 items");
    g_string_free(many, TRUE);
}

static void terms_match_by_version_order(void)
{
    static const struct {
        const char *item, *name, *version;
        gboolean matches;
    } rows[] = {
        {"A", "A", "1", TRUE},           {"A", "B", "1", FALSE},       {"A = 1.0", "A", "1", TRUE},
        {"A != 1.0", "A", "1", FALSE},   {"A < 10", "A", "9", TRUE},   {"A < 9", "A", "10", FALSE},
        {"A <= 2.0", "A", "2", TRUE},    {"A > 2", "A", "2.0", FALSE}, {"A > 2", "A", "2.0.1", TRUE},
        {"A >= 2", "A", "2-rc1", FALSE}, {"A >= 2", "A", NULL, TRUE},  {"OPT/A", "A", "1", FALSE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Requirement) requirement = requirement_parse(rows[i].item, NULL);
        const RequireTerm *term = g_ptr_array_index(requirement->terms, 0);
        g_assert_cmpint(require_term_matches(term, rows[i].name, rows[i].version), ==, rows[i].matches);
    }
}

void requirement_tests(void)
{
    g_test_add_func("/requirement/items_are_read_as_qdk_reads_them", items_are_read_as_qdk_reads_them);
    g_test_add_func("/requirement/what_is_no_requirement_is_refused", what_is_no_requirement_is_refused);
    g_test_add_func("/requirement/lists_are_split_at_commas", lists_are_split_at_commas);
    g_test_add_func("/requirement/terms_match_by_version_order", terms_match_by_version_order);
}
