/* test.h - what the tests of this room share. */
#ifndef TRUST_TEST_H
#define TRUST_TEST_H

#include <glib.h>

#include "base/error.h"
#include "trust/trust.h"

void digest_tests_add(void);
void canonical_tests_add(void);
void key_tests_add(void);
void metadata_tests_add(void);
void refresh_tests_add(void);
void rollback_tests_add(void);
void rotation_tests_add(void);
void search_tests_add(void);
void sign_tests_add(void);
void certificate_tests_add(void);
void cms_tests_add(void);

/* Fails the test unless *error is ours, of this kind, with this in its text. Clears it. */
void assert_error(GError **error, AppcenterError kind, const char *part);

/* Parses JSON written with single quotes, for the eye's sake. */
json_t *json_of(const char *single_quoted);
GBytes *bytes_of(const char *text);
/* 2 * n digits to n bytes. */
GBytes *bytes_of_hex(const char *hex);

#endif
