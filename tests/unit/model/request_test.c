/* request_test.c - what may be asked over the socket, and what makes no sense. */
#include "test.h"

#include <string.h>

static void what_was_read_is_written_the_same(void)
{
    static const char *const texts[] = {
        "{'action':'upgrade','apps':[],'options':{'security_only':true,'download_only':false,'dry_run':true,"
        "'cascade':false,'purge':false,'allow_downgrade':false},'trigger':'window'}",
        "{'action':'install','apps':[{'name':'A','version':'1.2'},{'name':'B','version':null}],'options':{"
        "'security_only':false,'download_only':true,'dry_run':false,'cascade':false,'purge':false,'allow_"
        "downgrade':true},"
        "'trigger':'admin'}",
        "{'action':'install','apps':[],'options':{'security_only':false,'download_only':false,'dry_run':"
        "false,"
        "'cascade':false,'purge':false,'allow_downgrade':false,'file':'/var/cache/"
        "x.qpkg','trust_sha256':'" SHA "'},'trigger':'admin'}",
        "{'action':'undo','apps':[],'options':{'security_only':false,'download_only':false,'dry_run':false,"
        "'cascade':false,'purge':false,'allow_downgrade':false,'undo_id':118},'trigger':'admin'}",
    };
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(json_t) value = json_value(texts[i]);
        g_autoptr(GError) error = NULL;
        g_autoptr(Request) request = request_from_json(value, &error);
        g_assert_no_error(error);
        g_autoptr(json_t) written = request_to_json(request);
        g_assert_true(json_equal(value, written));
    }
}

static void short_forms_are_taken(void)
{
    g_autoptr(json_t) value = json_value("{'action':'remove','apps':['A',{'name':'B'}]}");
    g_autoptr(GError) error = NULL;
    g_autoptr(Request) request = request_from_json(value, &error);
    g_assert_no_error(error);
    g_assert_cmpint(request->kind, ==, REQUEST_REMOVE);
    g_assert_cmpuint(request->apps->len, ==, 2);
    g_assert_cmpstr(((RequestApp *)g_ptr_array_index(request->apps, 0))->name, ==, "A");
    g_assert_cmpstr(((RequestApp *)g_ptr_array_index(request->apps, 1))->name, ==, "B");
    g_assert_cmpstr(request->trigger, ==, "admin");
    g_assert_false(request->purge);
}

static void nonsense_is_invalid(void)
{
    static const struct {
        const char *text, *part;
    } rows[] = {
        {"[]", "request: wanted an object"},
        {"{}", "request: action: wanted a string"},
        {"{'action':'explode'}", "request: action: wanted install, upgrade"},
        {"{'action':'install'}", "at least one app to install"},
        {"{'action':'remove','apps':[]}", "at least one app to remove"},
        {"{'action':'rollback'}", "at least one app to rollback"},
        {"{'action':'auto'}", "at least one app to auto"},
        {"{'action':'upgrade','apps':['../x']}", "request: apps: wanted app names"},
        {"{'action':'upgrade','apps':[7]}", "request: apps"},
        {"{'action':'upgrade','apps':[{'name':'A','version':'x y'}]}", "apps[0].version: wanted a version"},
        {"{'action':'upgrade','options':{'purge':1}}", "options.purge: wanted true or false"},
        {"{'action':'install','options':{'file':'x.qpkg'}}", "options.file: wanted an absolute"},
        {"{'action':'install','options':{'file':'/a/../b'}}", "options.file: wanted an absolute"},
        {"{'action':'upgrade','options':{'file':'/a'}}", "a file can only be installed"},
        {"{'action':'install','options':{'file':'/a','trust_sha256':''}}", "options.trust_sha256: wanted 64"},
        {"{'action':'undo'}", "wanted undo_id"},
        {"{'action':'undo','options':{'undo_id':0}}", "options.undo_id: wanted an integer from 1"},
        {"{'action':'upgrade','trigger':'root'}", "trigger: wanted admin, window"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(json_t) value = json_value(rows[i].text);
        g_autoptr(GError) error = NULL;
        g_assert_null(request_from_json(value, &error));
        assert_refused(&error, APPCENTER_ERROR_INVALID, rows[i].part);
    }
}

static void at_most_a_thousand_apps_are_taken(void)
{
    g_autoptr(json_t) value = json_value("{'action':'remove','apps':[]}");
    g_autoptr(GError) error = NULL;
    for (int i = 0; i < 1001; i++)
        json_array_append_new(json_object_get(value, "apps"), json_string("A"));
    g_assert_null(request_from_json(value, &error));
    assert_refused(&error, APPCENTER_ERROR_INVALID, "wanted at most 1000 elements");
}

void request_tests(void)
{
    g_test_add_func("/request/what_was_read_is_written_the_same", what_was_read_is_written_the_same);
    g_test_add_func("/request/short_forms_are_taken", short_forms_are_taken);
    g_test_add_func("/request/nonsense_is_invalid", nonsense_is_invalid);
    g_test_add_func("/request/at_most_a_thousand_apps_are_taken", at_most_a_thousand_apps_are_taken);
}
