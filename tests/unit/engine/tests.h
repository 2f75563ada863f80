/* tests.h - the groups of tests of room engine. Weak: a group that is not linked is not run. */
#ifndef TESTS_UNIT_ENGINE_TESTS_H
#define TESTS_UNIT_ENGINE_TESTS_H

#include "engine/internal.h"

#define TEST_GROUP(name) void name(void) __attribute__((weak))
TEST_GROUP(refresh_tests);
TEST_GROUP(plan_tests);
TEST_GROUP(plan_broken_tests);
TEST_GROUP(plan_cases_tests);
TEST_GROUP(offers_tests);
TEST_GROUP(publishers_tests);
TEST_GROUP(apply_tests);
TEST_GROUP(walk_tests);
TEST_GROUP(recover_tests);
TEST_GROUP(service_tests);

/* The error is of that kind and its message has that part; clears it. */
void assert_error(GError **error, AppcenterError kind, const char *part);

#endif
