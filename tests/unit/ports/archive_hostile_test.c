/* archive_hostile_test.c - archives made to hurt. Each is refused with its sentence, and nothing beside the staging
 * directory changes. */
#include "archive_fixture.h"

#include <string.h>
#include <unistd.h>

#define LONG_PART                                                                                            \
    "ppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp"

typedef struct {
    const char *attack;
    TarEntry entries[4];
    const char *sentence;      /* how it is refused, or NULL: it is taken */
    const char *sentence_wide; /* the same when links may leave */
} Attack;

static const Attack attacks[] = {
    {"dotdot", {{"../outside/file", '0', 0644, NULL, "x"}}, "leaves the package", "leaves the package"},
    {"dotdot_inside",
     {{"./a/../../outside/file", '0', 0644, NULL, "x"}},
     "leaves the package",
     "leaves the package"},
    {"dotdot_end", {{"./a/..", '5', 0755, NULL, NULL}}, "leaves the package", "leaves the package"},
    {"absolute",
     {{"/tmp/appcenter-escape", '0', 0644, NULL, "x"}},
     "is an absolute path",
     "is an absolute path"},
    {"absolute_behind_dot",
     {{".//tmp/x", '0', 0644, NULL, "x"}},
     "is an absolute path",
     "is an absolute path"},
    {"double_slash", {{"./a//b", '0', 0644, NULL, "x"}}, "is not a normal path", "is not a normal path"},
    {"dot_part", {{"./a/./b", '0', 0644, NULL, "x"}}, "is not a normal path", "is not a normal path"},
    {"dot_twice", {{"././b", '0', 0644, NULL, "x"}}, "is not a normal path", "is not a normal path"},
    {"file_named_dot", {{".", '0', 0644, NULL, "x"}}, "is not a normal path", "is not a normal path"},
    {"link_named_dot", {{".", '2', 0777, "/etc", NULL}}, "is not a normal path", "is not a normal path"},
    {"link_named_empty", {{"./", '2', 0777, "/etc", NULL}}, "an empty name", "an empty name"},
    {"newline", {{"./a\nb", '0', 0644, NULL, "x"}}, "control bytes", "control bytes"},
    {"escape", {{"./a\x1b[31m", '0', 0644, NULL, "x"}}, "control bytes", "control bytes"},
    {"delete", {{"./a\x7f", '0', 0644, NULL, "x"}}, "control bytes", "control bytes"},
    {"latin1", {{"./a\xe4", '0', 0644, NULL, "x"}}, "not UTF-8", "not UTF-8"},
    {"overlong",
     {{"./a\xc0\xaf"
       "b",
       '0', 0644, NULL, "x"}},
     "not UTF-8",
     "not UTF-8"},
    {"link_absolute", {{"./l", '2', 0777, "/etc/passwd", NULL}}, "symlink out of the package", NULL},
    {"link_up", {{"./l", '2', 0777, "../outside", NULL}}, "symlink out of the package", NULL},
    {"link_up_and_down", {{"./d/l", '2', 0777, "../../stage/x", NULL}}, "symlink out of the package", NULL},
    {"link_through_link",
     {{"./a/b/l", '2', 0777, "../..", NULL}, {"./a/b/m", '2', 0777, "l/..", NULL}},
     "symlink out of the package",
     NULL},
    {"link_inside", {{"./a/l", '2', 0777, "../b/c", NULL}}, NULL, NULL},
    {"link_newline", {{"./l", '2', 0777, "a\nb", NULL}}, "control bytes", "control bytes"},
    {"link_empty", {{"./l", '2', 0777, "", NULL}}, "a name that is empty", "a name that is empty"},
    {"write_through_link",
     {{"./d", '2', 0777, "../outside", NULL}, {"./d/file", '0', 0644, NULL, "x"}},
     "symlink out of the package",
     "which is no folder"},
    {"write_through_inner_link",
     {{"./e", '5', 0755, NULL, NULL}, {"./d", '2', 0777, "e", NULL}, {"./d/file", '0', 0644, NULL, "x"}},
     "which is no folder",
     "which is no folder"},
    {"link_then_file",
     {{"./d", '2', 0777, "e", NULL}, {"./d", '0', 0644, NULL, "x"}},
     "is in the archive twice",
     "is in the archive twice"},
    {"link_then_folder",
     {{"./d", '2', 0777, "e", NULL}, {"./d", '5', 0755, NULL, NULL}},
     "is in the archive twice",
     "is in the archive twice"},
    {"file_then_link",
     {{"./d", '0', 0644, NULL, "x"}, {"./d", '2', 0777, "e", NULL}},
     "is in the archive twice",
     "is in the archive twice"},
    {"folder_then_link",
     {{"./d/", '5', 0755, NULL, NULL}, {"./d", '2', 0777, "e", NULL}},
     "is in the archive twice",
     "is in the archive twice"},
    {"implied_folder_then_link",
     {{"./d/x", '0', 0644, NULL, "x"}, {"./d", '2', 0777, "e", NULL}},
     "is in the archive twice",
     "is in the archive twice"},
    {"folder_twice",
     {{"./d/", '5', 0755, NULL, NULL}, {"./d", '5', 0755, NULL, NULL}},
     "is in the archive twice",
     "is in the archive twice"},
    {"file_twice_by_two_names",
     {{"./d", '0', 0644, NULL, "x"}, {"d", '0', 0644, NULL, "y"}},
     "is in the archive twice",
     "is in the archive twice"},
    {"below_a_file",
     {{"./d", '0', 0644, NULL, "x"}, {"./d/e", '0', 0644, NULL, "y"}},
     "which is no folder",
     "which is no folder"},
    {"hardlink_outside",
     {{"./h", '1', 0644, "../outside/file", NULL}},
     "leaves the package",
     "leaves the package"},
    {"hardlink_absolute",
     {{"./h", '1', 0644, "/etc/passwd", NULL}},
     "is an absolute path",
     "is an absolute path"},
    {"hardlink_forward",
     {{"./h", '1', 0644, "./later", NULL}, {"./later", '0', 0644, NULL, "x"}},
     "no file of the archive so far",
     "no file of the archive so far"},
    {"hardlink_to_link",
     {{"./l", '2', 0777, "../outside/file", NULL}, {"./h", '1', 0644, "./l", NULL}},
     "symlink out of the package",
     "no file of the archive so far"},
    {"hardlink_to_folder",
     {{"./d/", '5', 0755, NULL, NULL}, {"./h", '1', 0644, "./d", NULL}},
     "no file of the archive so far",
     "no file of the archive so far"},
    {"hardlink_to_itself", {{"./h", '1', 0644, "./h", NULL}}, "so far", "so far"},
    {"fifo", {{"./f", '6', 0644, NULL, NULL}}, "is a fifo", "is a fifo"},
    {"character_device", {{"./f", '3', 0644, NULL, NULL}}, "is a device", "is a device"},
    {"block_device", {{"./f", '4', 0644, NULL, NULL}}, "is a device", "is a device"},
    {"setuid", {{"./f", '0', 04755, NULL, "x"}}, "is setuid", "is setuid"},
    {"setgid", {{"./f", '0', 02755, NULL, "x"}}, "is setuid", "is setuid"},
    {"sticky_folder", {{"./f/", '5', 01777, NULL, NULL}}, "is setuid", "is setuid"},
    {"top_is_sticky", {{"./", '5', 01777, NULL, NULL}}, "is setuid", "is setuid"},
};

static void try_attack(const Attack *attack, gboolean links_may_leave)
{
    g_autoptr(GError) error = NULL;
    g_auto(Yard) yard = {0};
    yard_init(&yard);
    g_autoptr(GByteArray) tar = g_byte_array_new();
    for (gsize i = 0; i < G_N_ELEMENTS(attack->entries) && attack->entries[i].name; i++)
        tar_add(tar, &attack->entries[i]);
    tar_end(tar);
    UnpackLimits limits = wide_limits;
    limits.links_may_leave = links_may_leave;
    const char *sentence = links_may_leave ? attack->sentence_wide : attack->sentence;
    g_autoptr(Package) package = package_opened(package_of_tar(tar));
    gboolean is_taken = archive_unpack(package, yard.stage_fd, &limits, NULL, NULL, &error);
    if (is_taken != !sentence)
        g_error("%s: wanted %s, found %s", attack->attack, sentence ? sentence : "no error",
                error ? error->message : "no error");
    if (sentence)
        assert_error(&error, APPCENTER_ERROR_CORRUPT, sentence);
    g_assert_false(g_file_test("/tmp/appcenter-escape", G_FILE_TEST_EXISTS));
}

static void every_attack_is_refused_and_touches_nothing(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(attacks); i++) {
        try_attack(&attacks[i], FALSE);
        try_attack(&attacks[i], TRUE);
    }
}

static void refuse_tar(const GByteArray *tar, const UnpackLimits *limits, const char *sentence)
{
    g_autoptr(GError) error = NULL;
    g_auto(Yard) yard = {0};
    yard_init(&yard);
    g_autoptr(Package) package = package_opened(package_of_tar(tar));
    if (archive_unpack(package, yard.stage_fd, limits, NULL, NULL, &error))
        g_error("wanted an error with \"%s\", found none", sentence);
    assert_error(&error, APPCENTER_ERROR_CORRUPT, sentence);
    if (limits != &wide_limits)
        return;
    gint64 files, bytes;
    g_assert_false(archive_measure(package, &archive_vendor_limits, &files, &bytes, NULL, &error));
    g_assert_true(g_error_matches(error, APPCENTER_ERROR, APPCENTER_ERROR_CORRUPT));
}

/* A GNU long-name header before an entry. */
static void add_long_name(GByteArray *tar, const char *name)
{
    tar_add_bytes(tar, &(TarEntry){"././@LongLink", 'L', 0644, NULL, NULL}, name, strlen(name) + 1);
    tar_add(tar, &(TarEntry){"cut", '0', 0644, NULL, "x"});
}

static void names_have_limits(void)
{
    g_autoptr(GByteArray) part = g_byte_array_new();
    g_autofree char *long_part = g_strnfill(256, 'p');
    add_long_name(part, long_part);
    tar_end(part);
    refuse_tar(part, &wide_limits, "a part of more than 255 bytes");

    g_autoptr(GByteArray) deep = g_byte_array_new();
    g_autoptr(GString) path = g_string_new("d");
    for (int i = 0; i < 64; i++)
        g_string_append(path, "/d");
    add_long_name(deep, path->str);
    tar_end(deep);
    refuse_tar(deep, &wide_limits, "more than 64 folders deep");

    g_autoptr(GByteArray) length = g_byte_array_new();
    g_string_assign(path, LONG_PART);
    while (path->len <= 4096)
        g_string_append(path, "/" LONG_PART);
    add_long_name(length, path->str);
    tar_end(length);
    refuse_tar(length, &wide_limits, "longer than 4096 bytes");
}

static void a_long_name_within_the_limits_is_unpacked(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Yard) yard = {0};
    yard_init(&yard);
    g_autoptr(GByteArray) tar = g_byte_array_new();
    g_autofree char *name = g_strnfill(255, 'n');
    g_autofree char *path = g_strconcat("./", name, "/", name, NULL);
    add_long_name(tar, path);
    tar_end(tar);
    g_autoptr(Package) package = package_opened(package_of_tar(tar));
    g_assert_true(archive_unpack(package, yard.stage_fd, &wide_limits, NULL, NULL, &error));
    g_assert_no_error(error);
    g_autofree char *full = yard_stage_path(&yard, path);
    g_assert_true(g_file_test(full, G_FILE_TEST_IS_REGULAR));
}

static void a_bomb_stops_at_its_limit(void)
{
    const gsize big = 64 * 1024 * 1024;
    const UnpackLimits limits = {.max_bytes = 1024 * 1024, .max_files = 10};
    g_autofree char *zeros = g_malloc0(big);
    g_autoptr(GByteArray) one = g_byte_array_new();
    tar_add_bytes(one, &(TarEntry){"./bomb", '0', 0644, NULL, NULL}, zeros, big);
    tar_end(one);
    refuse_tar(one, &limits, "wanted at most 1048576 bytes in all files");

    g_autoptr(GByteArray) padding = g_byte_array_new();
    tar_add(padding, &(TarEntry){"./small", '0', 0644, NULL, "x"});
    tar_end(padding);
    g_byte_array_append(padding, (const guint8 *)zeros, (guint)big);
    refuse_tar(padding, &limits, "bytes when uncompressed, found more");

    g_autoptr(GByteArray) copies = g_byte_array_new();
    tar_add_bytes(copies, &(TarEntry){"./half", '0', 0644, NULL, NULL}, zeros, 600 * 1024);
    tar_add(copies, &(TarEntry){"./again", '1', 0644, "./half", NULL});
    tar_end(copies);
    refuse_tar(copies, &limits, "\"again\": wanted at most 1048576 bytes");

    g_autoptr(GByteArray) many = g_byte_array_new();
    tar_add(many, &(TarEntry){"./1/2/3/4/5/6/7/8/9/10/11", '0', 0644, NULL, "x"});
    tar_end(many);
    refuse_tar(many, &limits, "at most 10 files, links and folders");
}

/* Makes the check sum of the first header true again. */
static void mend_sum(GByteArray *tar)
{
    unsigned sum = 0;
    memset(tar->data + 148, ' ', 8);
    for (gsize i = 0; i < 512; i++)
        sum += tar->data[i];
    g_snprintf((char *)tar->data + 148, 8, "%06o", sum);
}

static void odd_sizes_are_refused(void)
{
    static const char *const sizes[] = {"77777777777", "-0000000001", "99999999999"};
    for (gsize i = 0; i < G_N_ELEMENTS(sizes) + 1; i++) {
        g_autoptr(GByteArray) tar = g_byte_array_new();
        tar_add(tar, &(TarEntry){"./odd", '0', 0644, NULL, "x"});
        tar_end(tar);
        if (i < G_N_ELEMENTS(sizes))
            memcpy(tar->data + 124, sizes[i], 11);
        else
            memset(tar->data + 124, 0xff, 12); /* base 256, negative */
        mend_sum(tar);
        refuse_tar(tar, &wide_limits, "data archive: ");
    }
}

static void a_sparse_file_is_refused(void)
{
    g_autoptr(GByteArray) tar = g_byte_array_new();
    tar_add(tar, &(TarEntry){"./holes", 'S', 0644, NULL, "x"});
    tar_end(tar);
    memset(tar->data + 345, 0, 155);
    memcpy(tar->data + 257, "ustar  ", 8);      /* GNU's */
    memcpy(tar->data + 386, "00000001000", 11); /* one piece, behind a hole of 512 bytes */
    memcpy(tar->data + 398, "00000000001", 11); /* of one byte */
    memcpy(tar->data + 483, "00000002000", 11); /* in a file of 1024 */
    mend_sum(tar);
    refuse_tar(tar, &wide_limits, "is a sparse file");
}

/* A pax header with one record, whose length counts itself. */
static void add_pax(GByteArray *tar, const char *keyword, const char *value)
{
    gsize len = strlen(keyword) + strlen(value) + 3; /* blank, equals sign, newline */
    len += len + 2 < 100 ? 2 : 3;
    g_autofree char *record = g_strdup_printf("%" G_GSIZE_FORMAT " %s=%s\n", len, keyword, value);
    g_assert_cmpuint(strlen(record), ==, len);
    tar_add(tar, &(TarEntry){"./PaxHeaders/x", 'x', 0644, NULL, record});
}

static void pax_headers_change_nothing_about_the_rules(void)
{
    static const struct {
        const char *keyword, *value, *sentence;
    } cases[] = {
        {"path", "../../escape", "leaves the package"},
        {"path", "/etc/appcenter-escape", "is an absolute path"},
        {"path", "./a\x01", "control bytes"},
        {"path", "./a\xff", "data archive: "},
        {"linkpath", "../../outside/file", "leaves the package"},
        {"GNU.sparse.major", "1", "data archive: "},
        {"GNU.sparse.map", "512,1", "a file with a hole"},
        {"size", "9999999999999", "bytes in all files, found more"},
        {"size", "-1", "data archive: "},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GByteArray) tar = g_byte_array_new();
        gboolean is_link = strcmp(cases[i].keyword, "linkpath") == 0;
        add_pax(tar, cases[i].keyword, cases[i].value);
        tar_add(tar, &(TarEntry){"./plain", is_link ? '1' : '0', 0644, "x", is_link ? NULL : "x"});
        tar_end(tar);
        refuse_tar(tar, &wide_limits, cases[i].sentence);
    }
}

static void a_pax_name_in_utf8_is_unpacked(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Yard) yard = {0};
    yard_init(&yard);
    g_autoptr(GByteArray) tar = g_byte_array_new();
    add_pax(tar, "path", "./gr\xc3\xbcn");
    tar_add(tar, &(TarEntry){"./plain", '0', 0644, NULL, "x"});
    tar_end(tar);
    g_autoptr(Package) package = package_opened(package_of_tar(tar));
    g_assert_true(archive_unpack(package, yard.stage_fd, &wide_limits, NULL, NULL, &error));
    g_assert_no_error(error);
    g_autofree char *path = yard_stage_path(&yard, "gr\xc3\xbcn");
    g_assert_true(g_file_test(path, G_FILE_TEST_IS_REGULAR));
}

static void an_owner_without_an_end_is_ignored(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Yard) yard = {0};
    yard_init(&yard);
    g_autoptr(GByteArray) tar = g_byte_array_new();
    tar_add(tar, &(TarEntry){"./file", '0', 0644, NULL, "x"});
    tar_end(tar);
    memset(tar->data + 265, 'u', 64); /* uname and gname, 32 letters each and no zero */
    mend_sum(tar);
    g_autoptr(Package) package = package_opened(package_of_tar(tar));
    g_assert_true(archive_unpack(package, yard.stage_fd, &wide_limits, NULL, NULL, &error));
    g_assert_no_error(error);
}

static void a_stage_that_is_not_empty_is_not_written_over(void)
{
    g_autoptr(GError) error = NULL;
    g_auto(Yard) yard = {0};
    yard_init(&yard);
    g_autofree char *squatter = yard_stage_path(&yard, "file");
    g_autofree char *outside = scratch_path(&yard.scratch, "/outside/file");
    g_assert_cmpint(symlink(outside, squatter), ==, 0);
    g_autoptr(GByteArray) tar = g_byte_array_new();
    tar_add(tar, &(TarEntry){"./file", '0', 0644, NULL, "x"});
    tar_end(tar);
    g_autoptr(Package) package = package_opened(package_of_tar(tar));
    g_assert_false(archive_unpack(package, yard.stage_fd, &wide_limits, NULL, NULL, &error));
    assert_error(&error, APPCENTER_ERROR_IO, "File exists");
}

void archive_hostile_tests(void)
{
    g_test_add_func("/archive/hostile/every_attack_is_refused_and_touches_nothing",
                    every_attack_is_refused_and_touches_nothing);
    g_test_add_func("/archive/hostile/names_have_limits", names_have_limits);
    g_test_add_func("/archive/hostile/a_long_name_within_the_limits_is_unpacked",
                    a_long_name_within_the_limits_is_unpacked);
    g_test_add_func("/archive/hostile/a_bomb_stops_at_its_limit", a_bomb_stops_at_its_limit);
    g_test_add_func("/archive/hostile/odd_sizes_are_refused", odd_sizes_are_refused);
    g_test_add_func("/archive/hostile/a_sparse_file_is_refused", a_sparse_file_is_refused);
    g_test_add_func("/archive/hostile/pax_headers_change_nothing_about_the_rules",
                    pax_headers_change_nothing_about_the_rules);
    g_test_add_func("/archive/hostile/a_pax_name_in_utf8_is_unpacked", a_pax_name_in_utf8_is_unpacked);
    g_test_add_func("/archive/hostile/an_owner_without_an_end_is_ignored",
                    an_owner_without_an_end_is_ignored);
    g_test_add_func("/archive/hostile/a_stage_that_is_not_empty_is_not_written_over",
                    a_stage_that_is_not_empty_is_not_written_over);
}
