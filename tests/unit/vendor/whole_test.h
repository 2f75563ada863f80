/* whole_test.h - the parts of the unit tests of room vendor that main.c puts together. */
#ifndef TESTS_VENDOR_WHOLE_TEST_H
#define TESTS_VENDOR_WHOLE_TEST_H

void add_whole_tests(void);

#endif
