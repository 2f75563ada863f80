/* store_tests.h - what the files of the store's tests share. */
#ifndef TESTS_UNIT_PORTS_STORE_TESTS_H
#define TESTS_UNIT_PORTS_STORE_TESTS_H

#include "ports/store_internal.h"
#include "tests.h"

void store_noun_tests(void);
void store_catalogue_tests(void);
void store_ledger_tests(void);
void store_closure_tests(void);

Store *open_store(const Scratch *scratch);
/* A release of repository "main", publisher "vendor", as a catalogue line has it; members: more JSON members. */
Release *make_release(const char *name, const char *version, const char *members);
/* An installed app of repository "main". */
StoreApp *make_app(const char *name, const char *version);

#define must(call)                                                                                           \
    G_STMT_START                                                                                             \
    {                                                                                                        \
        g_autoptr(GError) must_error = NULL;                                                                 \
        gboolean must_answer = call;                                                                         \
        g_assert_no_error(must_error);                                                                       \
        g_assert_true(must_answer);                                                                          \
    }                                                                                                        \
    G_STMT_END
/* The error argument inside a must(). */
#define OR_FAIL (&must_error)

#endif
