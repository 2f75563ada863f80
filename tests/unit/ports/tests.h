/* tests.h - the groups of tests of room ports, and the scratch root that most of them need. */
#ifndef TESTS_UNIT_PORTS_TESTS_H
#define TESTS_UNIT_PORTS_TESTS_H

#include "base/base.h"

/* One group for each port. Weak: a group that is not linked is not run. */
#define TEST_GROUP(name) void name(void) __attribute__((weak))
TEST_GROUP(archive_tests);
TEST_GROUP(store_tests);
TEST_GROUP(fetch_tests);
TEST_GROUP(system_tests);
TEST_GROUP(volume_tests);
TEST_GROUP(service_tests);
TEST_GROUP(service_view_tests); /* called by service_tests */
TEST_GROUP(solve_tests);
TEST_GROUP(solve_random_tests);
TEST_GROUP(solve_order_tests);
TEST_GROUP(solve_limits_tests);
TEST_GROUP(delta_tests);

/* A private NAS in a temporary directory, gone when it is cleared. */
typedef struct {
    char *path;
    RootDir *root;
} Scratch;
void scratch_init(Scratch *scratch);
void scratch_clear(Scratch *scratch);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Scratch, scratch_clear)
/* Host path of a product path; free. */
char *scratch_path(const Scratch *scratch, const char *product_path);
/* Writes a file, its directories made. */
void scratch_write(const Scratch *scratch, const char *product_path, const char *text);

/* The error is of that kind and its message has that part; clears it. */
void assert_error(GError **error, AppcenterError kind, const char *part);

#endif
