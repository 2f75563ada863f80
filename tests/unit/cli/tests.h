/* tests.h - what the tests of room cli share: one function a file that adds its tests. */
#ifndef TESTS_CLI_TESTS_H
#define TESTS_CLI_TESTS_H

#include "cli/cli.h"

void parse_tests(void);
void render_tests(void);
void stream_tests(void);
void client_tests(void);

#endif
