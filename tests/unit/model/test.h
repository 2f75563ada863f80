/* test.h - what the tests of room model share: one function a file that adds its tests, and small helpers. */
#ifndef TESTS_MODEL_TEST_H
#define TESTS_MODEL_TEST_H

#include <glib.h>

#include "model/model.h"

void version_tests(void);
void requirement_tests(void);
void release_tests(void);
void catalogue_tests(void);
void brake_tests(void);
void advisory_tests(void);
void settings_tests(void);
void window_tests(void);
void policy_tests(void);
void reason_tests(void);
void reason_change_tests(void);
void poll_tests(void);
void clock_tests(void);
void plan_tests(void);
void plan_check_tests(void);
void request_tests(void);
void manifest_tests(void);

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* Asserts that error is of this kind and that its message holds part, then clears it. */
void assert_refused(GError **error, AppcenterError kind, const char *part);
/* Single quotes stand for double ones, so that JSON in C stays readable. */
char *json_text(const char *text);
json_t *json_value(const char *text);
gint64 at(const char *text);
/* A valid release of that name and version; more is added to its JSON object (or NULL). */
Release *release_of(const char *name, const char *version, const char *more);

#endif
