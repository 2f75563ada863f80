/* certificate_test.c - placeholder until cms tests */
#include "test.h"
void certificate_tests_add(void){}
void cms_tests_add(void){}
