/* digest_test.c - digests against published vectors (FIPS 180-4 "abc") and against each other. */
#include "test.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define ABC_256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC_512                                                                                              \
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d44" \
    "23643ce80e2"                                                                                            \
    "a9ac94fa54ca49f"

static void test_vectors(void)
{
    g_autofree char *short_sum = digest_hex_of(DIGEST_SHA256, "abc", 3);
    g_autofree char *long_sum = digest_hex_of(DIGEST_SHA512, "abc", 3);
    g_autofree char *empty = digest_hex_of(DIGEST_SHA256, "", 0);
    g_assert_cmpstr(short_sum, ==, ABC_256);
    g_assert_cmpstr(long_sum, ==, ABC_512);
    g_assert_cmpstr(empty, ==, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void test_stream(void)
{
    g_autoptr(Digest) digest = digest_new(DIGEST_SHA256);
    digest_update(digest, "a", 1);
    digest_update(digest, "", 0);
    digest_update(digest, "bc", 2);
    g_autofree char *sum = digest_finish_hex(digest);
    g_assert_cmpstr(sum, ==, ABC_256);
}

/* A file of 1 MiB and a bit, so that it needs several reads. */
static int open_long_file(GString **content)
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("appcenter-trust-XXXXXX", &path, NULL);
    g_assert_cmpint(fd, >=, 0);
    g_unlink(path);
    *content = g_string_new(NULL);
    for (int i = 0; i < 100000; i++)
        g_string_append_printf(*content, "line %d\n", i);
    g_assert_cmpint(write(fd, (*content)->str, (*content)->len), ==, (gssize)(*content)->len);
    return fd;
}

static void test_descriptor(void)
{
    g_autoptr(GError) error = NULL;
    GString *content = NULL;
    int fd = open_long_file(&content);
    g_autofree char *whole = digest_hex_of_fd(DIGEST_SHA256, fd, 0, -1, &error);
    g_autofree char *part = digest_hex_of_fd(DIGEST_SHA256, fd, 7, 600000, &error);
    g_assert_no_error(error);
    g_autofree char *want_whole = digest_hex_of(DIGEST_SHA256, content->str, content->len);
    g_autofree char *want_part = digest_hex_of(DIGEST_SHA256, content->str + 7, 600000);
    g_assert_cmpstr(whole, ==, want_whole);
    g_assert_cmpstr(part, ==, want_part);
    g_assert_null(digest_hex_of_fd(DIGEST_SHA256, fd, 7, (gint64)content->len, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "bytes to hash, found");
    close(fd);
    g_assert_null(digest_hex_of_fd(DIGEST_SHA256, fd, 0, -1, &error));
    assert_error(&error, APPCENTER_ERROR_IO, "read to hash");
    g_string_free(content, TRUE);
}

static void test_equal(void)
{
    g_assert_true(digest_equal(ABC_256, ABC_256));
    g_assert_false(digest_equal(ABC_256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ae"));
    g_assert_false(digest_equal(ABC_256, "ba"));
    g_assert_false(digest_equal("", ""));
}

static void test_prefix64(void)
{
    g_assert_cmphex(digest_sha256_prefix64("abc", 3), ==, G_GUINT64_CONSTANT(0xba7816bf8f01cfea));
}

void digest_tests_add(void)
{
    g_test_add_func("/digest/published_vectors_come_out", test_vectors);
    g_test_add_func("/digest/a_stream_is_the_sum_of_its_parts", test_stream);
    g_test_add_func("/digest/a_descriptor_is_read_from_offset_and_refused_when_short", test_descriptor);
    g_test_add_func("/digest/equal_wants_the_same_digits", test_equal);
    g_test_add_func("/digest/the_prefix_is_big_endian", test_prefix64);
}
