/* volume_tests.h - trees as one line of text, for the tests of the volume: "bin/app=1 photos/ link->bin/app". */
#ifndef TESTS_UNIT_PORTS_VOLUME_TESTS_H
#define TESTS_UNIT_PORTS_VOLUME_TESTS_H

#include "ports/volume_internal.h"
#include "tests.h"

void volume_carry_tests(void);
void volume_snapshot_tests(void);

/* Makes what the text names below dir: "path=content" a file, "path/" a folder, "path->target" a link, "-path" removes. */
void tree_make(const char *dir, const char *text);
/* The tree as such a text, in path order; folders only when they are empty. free */
char *tree_text(const char *dir);
/* A descriptor of a directory of the host. */
int tree_open(const char *dir);
void assert_tree(const char *dir, const char *wanted);

#endif
