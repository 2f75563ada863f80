/* archive_zstd_test.c - catalogues' compression: round trip, limits, every truncation. */
#include "archive_fixture.h"

#include <string.h>
#include <zstd.h>

static gboolean gather(const void *data, gsize len, gpointer user_data, GError **error)
{
    (void)error;
    g_byte_array_append(user_data, data, (guint)len);
    return TRUE;
}

static gboolean refuse(const void *data, gsize len, gpointer user_data, GError **error)
{
    (void)data;
    (void)len;
    (void)user_data;
    return error_set(error, APPCENTER_ERROR_CONFLICT, "the sink says no");
}

static GBytes *lines(gsize n)
{
    GString *text = g_string_new(NULL);
    for (gsize i = 0; i < n; i++)
        g_string_append_printf(text, "{\"name\":\"App%" G_GSIZE_FORMAT "\"}\n", i * 7919);
    return g_string_free_to_bytes(text);
}

static void what_goes_in_comes_out(void)
{
    static const gsize counts[] = {0, 1, 100, 50000};
    for (gsize i = 0; i < G_N_ELEMENTS(counts); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) text = lines(counts[i]);
        gsize len = g_bytes_get_size(text);
        g_autoptr(GBytes) small = archive_zstd_compress(g_bytes_get_data(text, NULL), len, &error);
        g_assert_no_error(error);
        g_autoptr(GByteArray) out = g_byte_array_new();
        g_assert_true(archive_zstd_decompress(g_bytes_get_data(small, NULL), g_bytes_get_size(small),
                                              (gint64)len, gather, out, &error));
        g_assert_no_error(error);
        g_assert_cmpmem(out->data, out->len, g_bytes_get_data(text, NULL), len);
        if (len == 0)
            continue;
        g_assert_false(archive_zstd_decompress(g_bytes_get_data(small, NULL), g_bytes_get_size(small),
                                               (gint64)len - 1, gather, out, &error));
        assert_error(&error, APPCENTER_ERROR_CORRUPT, "wanted fewer bytes");
    }
}

static void a_frame_cut_or_changed_anywhere_is_refused(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) text = lines(20);
    g_autoptr(GBytes) small =
        archive_zstd_compress(g_bytes_get_data(text, NULL), g_bytes_get_size(text), &error);
    gsize size = g_bytes_get_size(small);
    for (gsize len = 0; len < size; len++) {
        g_autoptr(GByteArray) out = g_byte_array_new();
        g_assert_false(
            archive_zstd_decompress(g_bytes_get_data(small, NULL), len, 1 << 20, gather, out, &error));
        assert_error(&error, APPCENTER_ERROR_CORRUPT, "zstd: ");
    }
    for (gsize at = 0; at < size; at++) {
        g_autoptr(GByteArray) out = g_byte_array_new();
        g_autofree guint8 *copy = g_memdup2(g_bytes_get_data(small, NULL), size);
        copy[at] ^= 0x40;
        gboolean is_taken = archive_zstd_decompress(copy, size, 1 << 20, gather, out, &error);
        /* a bit of the header may only ask for another window: then the bytes must be the same */
        if (is_taken)
            g_assert_cmpmem(out->data, out->len, g_bytes_get_data(text, NULL), g_bytes_get_size(text));
        g_clear_error(&error);
    }
}

static void nothing_may_follow_the_frame(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) frame = archive_zstd_compress("abc", 3, &error);
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(GByteArray) both = g_byte_array_new();
    g_byte_array_append(both, g_bytes_get_data(frame, NULL), (guint)g_bytes_get_size(frame));
    g_byte_array_append(both, (const guint8 *)"x", 1);
    g_assert_false(archive_zstd_decompress(both->data, both->len, 100, gather, out, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "1 bytes behind the frame");
    g_byte_array_set_size(both, both->len - 1);
    g_byte_array_append(both, g_bytes_get_data(frame, NULL), (guint)g_bytes_get_size(frame));
    g_assert_false(archive_zstd_decompress(both->data, both->len, 100, gather, out, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "behind the frame");
}

static void a_window_that_wants_much_memory_is_refused(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) out = g_byte_array_new();
    /* magic; no content size, a window of 2 GiB; an empty last block */
    static const guint8 frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00};
    g_assert_false(archive_zstd_decompress(frame, sizeof frame, 100, gather, out, &error));
    assert_error(&error, APPCENTER_ERROR_CORRUPT, "too much memory");
}

static void the_sinks_refusal_is_passed_on(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) frame = archive_zstd_compress("abc", 3, &error);
    g_assert_false(archive_zstd_decompress(g_bytes_get_data(frame, NULL), g_bytes_get_size(frame), 3, refuse,
                                           NULL, &error));
    assert_error(&error, APPCENTER_ERROR_CONFLICT, "the sink says no");
}

void archive_zstd_tests(void)
{
    g_test_add_func("/archive/zstd/what_goes_in_comes_out", what_goes_in_comes_out);
    g_test_add_func("/archive/zstd/a_frame_cut_or_changed_anywhere_is_refused",
                    a_frame_cut_or_changed_anywhere_is_refused);
    g_test_add_func("/archive/zstd/nothing_may_follow_the_frame", nothing_may_follow_the_frame);
    g_test_add_func("/archive/zstd/a_window_that_wants_much_memory_is_refused",
                    a_window_that_wants_much_memory_is_refused);
    g_test_add_func("/archive/zstd/the_sinks_refusal_is_passed_on", the_sinks_refusal_is_passed_on);
}
