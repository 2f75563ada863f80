/* json_test.c - hostile bytes at the strict door, and the sticky reader's paths. */
#include "test.h"

#include <string.h>

#define BYTES(text) text, sizeof(text) - 1

static void hostile_bytes_are_refused_with_their_place(void)
{
    static const struct {
        const char *data;
        gsize len;
        const char *part;
    } rows[] = {
        {BYTES(""), "byte 0: wanted a value, found nothing"},
        {BYTES("   "), "byte 3"},
        {BYTES("{\"a\":1,\"a\":2}"), "duplicate"},
        {BYTES("{\"o\":{\"a\":1,\"a\":2}}"), "duplicate"},
        {BYTES("[1.0]"), "byte 1: wanted an integer"},
        {BYTES("[1,2e3]"), "byte 3: wanted an integer"},
        {BYTES("-1E2"), "byte 0: wanted an integer"},
        {BYTES("[-0]"), "byte 1: wanted 0, found -0"},
        {BYTES("[9223372036854775808]"), "too big"},
        {BYTES("[-9223372036854775809]"), "too big"},
        {BYTES("\xef\xbb\xbf{}"), "byte"},
        {BYTES("{} x"), "byte"},
        {BYTES("{}{}"), "byte"},
        {BYTES("{}\0"), "byte 2: wanted utf-8 text, found a zero byte"},
        {BYTES("[\"a\0b\"]"), "byte 3: wanted utf-8 text, found a zero byte"},
        {BYTES("[\"a\\u0000b\"]"), "byte"},
        {BYTES("[\"\xc3\"]"), "byte 2: wanted utf-8 text, found other bytes"},
        {BYTES("[\"\xc3"), "byte 2: wanted utf-8"},
        {BYTES("[\"\xed\xa0\x80\"]"), "byte 2: wanted utf-8"},
        {BYTES("[\"\\ud800\"]"), "byte"},
        {BYTES("[\"a\nb\"]"), "byte"},
        {BYTES("[1,]"), "byte"},
        {BYTES("{\"a\":1,}"), "byte"},
        {BYTES("{'a':1}"), "byte"},
        {BYTES("[01]"), "byte"},
        {BYTES("[+1]"), "byte"},
        {BYTES("[NaN]"), "byte"},
        {BYTES("[1"), "byte"},
        {BYTES("\"abc"), "byte"},
        {BYTES("\"abc\\"), "byte"},
        {BYTES("]"), "byte"},
        {BYTES("[[[[[1]]]]]"), "byte 4: wanted at most 4 levels, found more"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(json_t) value = json_parse_strict(rows[i].data, rows[i].len, 4, TRUE, &error);
        if (value)
            g_error("accepted %s", rows[i].data);
        assert_error(&error, APPCENTER_ERROR_CORRUPT, rows[i].part);
    }
}

static void a_million_brackets_do_not_crash(void)
{
    gsize len = 1000 * 1000;
    g_autofree char *data = g_malloc(len);
    static const char *const openers[] = {"[", "{\"a\":"};
    for (guint i = 0; i < G_N_ELEMENTS(openers); i++) {
        g_autoptr(GError) error = NULL;
        gsize step = strlen(openers[i]);
        for (gsize at = 0; at < len; at++)
            data[at] = openers[i][at % step];
        g_autoptr(json_t) value = json_parse_strict(data, len, 64, TRUE, &error);
        g_assert_null(value);
        assert_error(&error, APPCENTER_ERROR_CORRUPT, "wanted at most 64 levels");
    }
}

static void good_bytes_are_parsed(void)
{
    static const struct {
        const char *data;
        const char *text;
    } rows[] = {
        {"{\"b\":[1, -2 ,0],\"a\":\"\\u00e9\\\"[[[[[[\"}", "{\"a\":\"\xc3\xa9\\\"[[[[[[\",\"b\":[1,-2,0]}"},
        {" 9223372036854775807 ", "9223372036854775807"},
        {"[[[[]]],[[[]]],\"]]]]1.5e3-0\"]", "[[[[]]],[[[]]],\"]]]]1.5e3-0\"]"},
        {"\"\"", "\"\""},
        {"null", "null"},
        {"[\"\\\\\",{\"\\\"\":true}]", "[\"\\\\\",{\"\\\"\":true}]"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(json_t) value = json_parse_strict(rows[i].data, strlen(rows[i].data), 4, TRUE, &error);
        g_assert_no_error(error);
        g_autofree char *text = json_to_text(value);
        g_assert_cmpstr(text, ==, rows[i].text);
    }
}

static void real_numbers_pass_only_where_they_are_wanted(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) value = json_parse_strict(BYTES("[1.5, -0.25]"), 4, FALSE, &error);
    g_assert_no_error(error);
    g_assert_cmpfloat(json_real_value(json_array_get(value, 1)), ==, -0.25);
}

static JsonReader *reader_of(const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) value = json_parse_strict(text, strlen(text), 16, FALSE, &error);
    g_assert_no_error(error);
    return json_reader_new(value, "catalogue line 7");
}

static void a_reader_reads_what_is_there(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonReader) reader =
        reader_of("{\"name\":\"Photo\",\"size\":31,\"ok\":true,\"null\":null,"
                  "\"at\":\"2026-11-22T09:00:00Z\",\"hash\":\"00ff\","
                  "\"tags\":[\"x\",\"y\"],\"in\":{\"list\":[{\"n\":1},{\"n\":2}]}}");
    g_assert_cmpstr(json_reader_string(reader, "name", 5), ==, "Photo");
    g_assert_cmpstr(json_reader_string_or(reader, "none", 5, "so"), ==, "so");
    g_assert_cmpstr(json_reader_string_or(reader, "null", 5, NULL), ==, NULL);
    g_assert_cmpint(json_reader_integer(reader, "size", 31, 31), ==, 31);
    g_assert_cmpint(json_reader_integer_or(reader, "none", 0, 1, 42), ==, 42);
    g_assert_true(json_reader_boolean(reader, "ok"));
    g_assert_true(json_reader_boolean_or(reader, "null", TRUE));
    g_assert_cmpint(json_reader_time(reader, "at"), ==, 1795338000);
    g_assert_cmpint(json_reader_time_or(reader, "none", -1), ==, -1);
    g_assert_cmpstr(json_reader_hex(reader, "hash", 2), ==, "00ff");
    g_auto(GStrv) tags = json_reader_strings_or_empty(reader, "tags", 2, 1);
    g_assert_cmpuint(g_strv_length(tags), ==, 2);
    g_assert_cmpstr(tags[1], ==, "y");
    g_auto(GStrv) none = json_reader_strings_or_empty(reader, "none", 2, 1);
    g_assert_cmpuint(g_strv_length(none), ==, 0);
    g_auto(GStrv) members = json_reader_members(reader, 8);
    g_autofree char *joined = g_strjoinv(" ", members);
    g_assert_cmpstr(joined, ==, "name size ok null at hash tags in");
    g_assert_true(json_reader_has(reader, "null"));
    g_assert_false(json_reader_has(reader, "none"));
    g_assert_false(json_reader_enter_optional(reader, "null"));
    g_assert_false(json_reader_enter_optional(reader, "none"));

    g_assert_true(json_reader_enter_optional(reader, "in"));
    g_assert_true(json_reader_enter(reader, "list"));
    g_assert_cmpuint(json_reader_length(reader, 2), ==, 2);
    g_assert_true(json_reader_enter_index(reader, 1));
    g_assert_cmpint(json_reader_integer(reader, "n", 0, 9), ==, 2);
    json_reader_leave(reader);
    json_reader_leave(reader);
    json_reader_leave(reader);
    g_assert_cmpint(json_reader_integer(reader, "size", 0, 99), ==, 31);
    json_reader_leave(reader); /* one too many stays at the root */
    g_assert_true(json_is_object(json_reader_value(reader)));
    g_assert_true(json_reader_ok(reader));
    g_assert_true(json_reader_finish(reader, &error));
    g_assert_no_error(error);
}

/* One way to go wrong each; all start at the root of the same text. */
static void wrong_size(JsonReader *r)
{
    if (json_reader_enter(r, "releases") && json_reader_enter_index(r, 3))
        json_reader_integer(r, "size", 0, 10);
}
static void missing_member(JsonReader *r)
{
    json_reader_string(r, "name", 9);
}
static void out_of_range(JsonReader *r)
{
    json_reader_integer_or(r, "eleven", 0, 10, 0);
}
static void too_long(JsonReader *r)
{
    json_reader_string_or(r, "text", 3, NULL);
}
static void no_boolean(JsonReader *r)
{
    json_reader_boolean_or(r, "text", TRUE);
}
static void no_time(JsonReader *r)
{
    json_reader_time(r, "text");
}
static void no_hex(JsonReader *r)
{
    json_reader_hex(r, "text", 32);
}
static void no_container(JsonReader *r)
{
    json_reader_enter(r, "eleven");
}
static void missing_container(JsonReader *r)
{
    json_reader_enter(r, "name");
}
static void null_is_no_container(JsonReader *r)
{
    json_reader_enter(r, "nothing");
}
static void index_beyond(JsonReader *r)
{
    if (json_reader_enter(r, "releases"))
        json_reader_enter_index(r, 4);
}
static void member_of_an_array(JsonReader *r)
{
    if (json_reader_enter(r, "releases"))
        json_reader_string_or(r, "x", 1, NULL);
}
static void too_many_elements(JsonReader *r)
{
    if (json_reader_enter(r, "releases"))
        json_reader_length(r, 3);
}
static void too_many_members(JsonReader *r)
{
    g_auto(GStrv) members = json_reader_members(r, 2);
    g_assert_cmpuint(g_strv_length(members), ==, 0);
}
static void members_of_an_array(JsonReader *r)
{
    if (json_reader_enter(r, "releases")) {
        g_auto(GStrv) members = json_reader_members(r, 9);
        g_assert_cmpuint(g_strv_length(members), ==, 0);
    }
}
static void one_string_is_none(JsonReader *r)
{
    g_auto(GStrv) strings = json_reader_strings_or_empty(r, "mixed", 9, 9);
    g_assert_cmpuint(g_strv_length(strings), ==, 0);
}
static void too_many_strings(JsonReader *r)
{
    g_auto(GStrv) strings = json_reader_strings_or_empty(r, "mixed", 1, 9);
    g_assert_cmpuint(g_strv_length(strings), ==, 0);
}
static void strings_of_no_array(JsonReader *r)
{
    g_auto(GStrv) strings = json_reader_strings_or_empty(r, "text", 9, 9);
    g_assert_cmpuint(g_strv_length(strings), ==, 0);
}
static void odd_name(JsonReader *r)
{
    if (json_reader_enter(r, "o d\nd"))
        json_reader_string(r, "x", 1);
}
static void sense_of_the_caller(JsonReader *r)
{
    json_reader_fail(r, "text", "%s makes no sense", "it");
    json_reader_fail(r, "text", "a second failure");
}
static void sense_of_the_whole(JsonReader *r)
{
    if (json_reader_enter(r, "o d\nd"))
        json_reader_fail(r, NULL, "not so");
}

static void the_first_failure_is_named_with_its_path(void)
{
    static const struct {
        void (*go_wrong)(JsonReader *);
        const char *message;
    } rows[] = {
        {wrong_size, "releases[3].size: wanted an integer from 0 to 10, found a string"},
        {missing_member, "name: wanted a string, found nothing"},
        {out_of_range, "eleven: wanted an integer from 0 to 10, found 11"},
        {too_long, "text: wanted a string of at most 3 bytes, found 4"},
        {no_boolean, "text: wanted true or false, found a string"},
        {no_time, "text: wanted a time like 2026-11-22T09:00:00Z, found \"a\\nbc\""},
        {no_hex, "text: wanted 64 lower-case hex digits, found \"a\\nbc\""},
        {no_container, "eleven: wanted an object or array, found 11"},
        {missing_container, "name: wanted an object or array, found nothing"},
        {null_is_no_container, "nothing: wanted an object or array, found null"},
        {index_beyond, "releases: wanted an array with more than 4 elements, found an array"},
        {member_of_an_array, "releases: wanted an object, found an array"},
        {too_many_elements, "releases: wanted at most 3 elements, found 4"},
        {too_many_members, "wanted at most 2 members, found 6"},
        {members_of_an_array, "releases: wanted an object, found an array"},
        {one_string_is_none, "mixed[1]: wanted a string, found 1"},
        {too_many_strings, "mixed: wanted at most 1 elements, found 2"},
        {strings_of_no_array, "text: wanted an array of strings, found a string"},
        {odd_name, "\"o d\\nd\".x: wanted a string, found nothing"},
        {sense_of_the_caller, "text: it makes no sense"},
        {sense_of_the_whole, "\"o d\\nd\": not so"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(JsonReader) reader = reader_of("{\"releases\":[{},{},{},{\"size\":\"x\"}],\"eleven\":11,"
                                                 "\"text\":\"a\\nbc\",\"nothing\":null,\"mixed\":[\"a\",1],"
                                                 "\"o d\\nd\":{}}");
        rows[i].go_wrong(reader);
        g_assert_false(json_reader_ok(reader));
        g_assert_false(json_reader_finish(reader, &error));
        g_autofree char *message = g_strconcat("catalogue line 7: ", rows[i].message, NULL);
        g_assert_cmpstr(error->message, ==, message);
        assert_error(&error, APPCENTER_ERROR_CORRUPT, "catalogue line 7: ");
    }
}

static void after_a_failure_everything_is_harmless(void)
{
    g_autoptr(JsonReader) reader = reader_of("{\"a\":1,\"o\":{\"s\":\"x\"},\"l\":[\"x\"],\"t\":true}");
    g_assert_true(json_reader_enter(reader, "o"));
    json_reader_fail(reader, NULL, "enough");
    json_reader_leave(reader);
    g_assert_cmpint(json_reader_integer(reader, "a", 0, 9), ==, 0);
    g_assert_cmpint(json_reader_integer_or(reader, "none", 0, 9, 7), ==, 0);
    g_assert_null(json_reader_string(reader, "s", 9));
    g_assert_null(json_reader_string_or(reader, "none", 9, "fallback"));
    g_assert_null(json_reader_hex(reader, "s", 1));
    g_assert_false(json_reader_boolean(reader, "t"));
    g_assert_false(json_reader_boolean_or(reader, "none", TRUE));
    g_assert_cmpint(json_reader_time(reader, "a"), ==, 0);
    g_assert_cmpint(json_reader_time_or(reader, "none", 5), ==, 0);
    g_assert_cmpuint(json_reader_length(reader, 9), ==, 0);
    g_assert_false(json_reader_enter(reader, "o"));
    g_assert_false(json_reader_enter_optional(reader, "o"));
    g_assert_false(json_reader_enter_index(reader, 0));
    g_assert_false(json_reader_has(reader, "s"));
    g_auto(GStrv) strings = json_reader_strings_or_empty(reader, "l", 9, 9);
    g_assert_cmpuint(g_strv_length(strings), ==, 0);
    g_auto(GStrv) members = json_reader_members(reader, 9);
    g_assert_cmpuint(g_strv_length(members), ==, 0);
}

static void a_member_name_may_go_before_the_reader_is_asked(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonReader) reader = reader_of("{\"apps\":{\"one\":{}}}");
    g_autofree char *name = g_strdup("apps");
    g_assert_true(json_reader_enter(reader, name));
    memset(name, 'x', strlen(name));
    g_assert_true(json_reader_enter(reader, "one"));
    json_reader_string(reader, "version", 9);
    g_assert_false(json_reader_finish(reader, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "catalogue line 7: apps.one.version: wanted a string");
}

void json_tests_add(void)
{
    g_test_add_func("/json/hostile_bytes_are_refused_with_their_place",
                    hostile_bytes_are_refused_with_their_place);
    g_test_add_func("/json/a_million_brackets_do_not_crash", a_million_brackets_do_not_crash);
    g_test_add_func("/json/good_bytes_are_parsed", good_bytes_are_parsed);
    g_test_add_func("/json/real_numbers_pass_only_where_they_are_wanted",
                    real_numbers_pass_only_where_they_are_wanted);
    g_test_add_func("/json/a_reader_reads_what_is_there", a_reader_reads_what_is_there);
    g_test_add_func("/json/the_first_failure_is_named_with_its_path",
                    the_first_failure_is_named_with_its_path);
    g_test_add_func("/json/after_a_failure_everything_is_harmless", after_a_failure_everything_is_harmless);
    g_test_add_func("/json/a_member_name_may_go_before_the_reader_is_asked",
                    a_member_name_may_go_before_the_reader_is_asked);
}
