/* canonical_test.c - OLPC canonical JSON, above all where jansson's own dump differs. */
#include "test.h"

#include <string.h>

static const struct {
    const char *json;
    const char *canonical;
} vectors[] = {
    {"{\"b\": 1, \"a\": [true, false, null, -7]}", "{\"a\":[true,false,null,-7],\"b\":1}"},
    {"[]", "[]"},
    {"{}", "{}"},
    {"\"\"", "\"\""},
    /* escapes of JSON become raw bytes, but for quote and backslash */
    {"\"line\\nfeed \\t \\u0001 \\u007f \\/\"", "\"line\nfeed \t \x01 \x7f /\""},
    {"\"say \\\"hi\\\" \\\\ twice\\\\\"", "\"say \\\"hi\\\" \\\\ twice\\\\\""},
    {"\"\\u00e9\\u4e2d\"", "\"\xc3\xa9\xe4\xb8\xad\""},
    /* code point order: U+FF61 before U+1F600, the other way round than UTF-16 */
    {"{\"\\ud83d\\ude00\": 1, \"\\uff61\": 2}", "{\"\xef\xbd\xa1\":2,\"\xf0\x9f\x98\x80\":1}"},
    {"{\"a\": 1, \"B\": 2, \"aa\": 3, \"\": 4}", "{\"\":4,\"B\":2,\"a\":1,\"aa\":3}"},
    {"9223372036854775807", "9223372036854775807"},
};

static void test_vectors(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(vectors); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(json_t) value =
            json_parse_strict(vectors[i].json, strlen(vectors[i].json), 8, FALSE, &error);
        g_assert_no_error(error);
        g_autoptr(GBytes) canonical = canonical_json(value, &error);
        g_assert_no_error(error);
        g_assert_cmpmem(g_bytes_get_data(canonical, NULL), g_bytes_get_size(canonical), vectors[i].canonical,
                        strlen(vectors[i].canonical));
    }
}

static void test_real(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) value = json_of("{'a':[1,{'b':1.5}]}");
    g_assert_null(canonical_json(value, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "found the real number 1.5");
}

void canonical_tests_add(void)
{
    g_test_add_func("/canonical/vectors_come_out", test_vectors);
    g_test_add_func("/canonical/a_real_number_is_refused_however_deep", test_real);
}
