/* main.c - runs the tests of room compat: one value of an ini file, read and written as QTS's own tools do. */
#include <glib.h>

#include "compat/ini.h"

#define VIEW                                                                                                 \
    "top = 1\n[Photo]\nName = Photo\nEnable=TRUE\n# Version = 9\n  Version =  6.1 b \n\n[Music]\nName = "    \
    "Music\n"

typedef struct {
    const char *section, *key;
    gboolean is_case_sensitive;
    const char *value; /* NULL: not there */
} Question;

static const Question questions[] = {
    {"Photo", "Name", FALSE, "Photo"}, {"Photo", "Version", FALSE, "6.1 b"},
    {"photo", "NAME", FALSE, "Photo"}, {"photo", "Name", TRUE, NULL},
    {"Photo", "name", TRUE, NULL},     {"Music", "Enable", FALSE, NULL},
    {"Music", "Name", TRUE, "Music"},  {"", "top", FALSE, "1"},
    {"", "Name", FALSE, NULL},         {"Photo", "# Version", FALSE, NULL},
    {"None", "Name", FALSE, NULL},     {"Photo", "Nam", FALSE, NULL},
};

static void test_a_value_is_found_in_its_section(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(questions); i++) {
        IniPlace place = {questions[i].section, questions[i].key, questions[i].is_case_sensitive};
        g_autofree char *value = ini_get(VIEW, &place);
        g_assert_cmpstr(value, ==, questions[i].value);
    }
}

typedef struct {
    const char *section, *key, *value, *after;
} Change;

static const Change changes[] = {
    {"Photo", "Enable", "FALSE",
     "top = 1\n[Photo]\nName = Photo\nEnable = FALSE\n# Version = 9\n  Version =  6.1 b \n\n[Music]\nName = "
     "Music\n"},
    {"Photo", "New", "x y",
     "top = 1\n[Photo]\nName = Photo\nEnable=TRUE\n# Version = 9\n  Version =  6.1 b \nNew = x "
     "y\n\n[Music]\nName = "
     "Music\n"},
    {"Music", "New", "", VIEW "New = \n"},
    {"Film", "Name", "Film", VIEW "[Film]\nName = Film\n"},
    {"", "top", "2",
     "top = 2\n[Photo]\nName = Photo\nEnable=TRUE\n# Version = 9\n  Version =  6.1 b \n\n[Music]\nName = "
     "Music\n"},
};

static void test_a_change_leaves_all_else_as_it_was(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(changes); i++) {
        IniPlace place = {changes[i].section, changes[i].key, FALSE};
        g_autofree char *text = ini_set(VIEW, &place, changes[i].value);
        g_assert_cmpstr(text, ==, changes[i].after);
        g_autofree char *again = ini_set(text, &place, changes[i].value);
        g_assert_cmpstr(again, ==, text);
    }
    g_autofree char *fresh = ini_set("", &(IniPlace){"A", "b", FALSE}, "c");
    g_assert_cmpstr(fresh, ==, "[A]\nb = c\n");
    g_autofree char *unended = ini_set("[A]\nx = 1", &(IniPlace){"A", "b", FALSE}, "c");
    g_assert_cmpstr(unended, ==, "[A]\nx = 1\nb = c\n");
}

/* What would be read as another line or another name. */
static void test_names_and_values_that_would_forge_a_line_are_refused(void)
{
    g_assert_true(ini_place_is_good(&(IniPlace){"A b", "cfg:/etc/x", FALSE}));
    g_assert_true(ini_place_is_good(&(IniPlace){"", "k", FALSE}));
    g_assert_false(ini_place_is_good(&(IniPlace){"A]\n[B", "k", FALSE}));
    g_assert_false(ini_place_is_good(&(IniPlace){"A]", "k", FALSE}));
    g_assert_false(ini_place_is_good(&(IniPlace){"A", "", FALSE}));
    g_assert_false(ini_place_is_good(&(IniPlace){"A", "k = v\nEnable", FALSE}));
    g_assert_false(ini_place_is_good(&(IniPlace){"A", "[B]", FALSE}));
    g_assert_false(ini_place_is_good(&(IniPlace){"A", "#k", FALSE}));
    g_assert_true(ini_value_is_good("a = b # [c]"));
    g_assert_false(ini_value_is_good("x\n[B]"));
    g_assert_false(ini_value_is_good("x\r"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ini/a_value_is_found_in_its_section", test_a_value_is_found_in_its_section);
    g_test_add_func("/ini/a_change_leaves_all_else_as_it_was", test_a_change_leaves_all_else_as_it_was);
    g_test_add_func("/ini/names_and_values_that_would_forge_a_line_are_refused",
                    test_names_and_values_that_would_forge_a_line_are_refused);
    return g_test_run();
}
