/* test.h - what the tests of this room share: a scratch directory that goes away, and forked children. */
#ifndef BASE_TEST_H
#define BASE_TEST_H

#include <glib.h>

#include "base/base.h"

void error_tests_add(void);
void files_tests_add(void);
void json_tests_add(void);
void log_tests_add(void);
void marker_tests_add(void);
void private_root_tests_add(void);
void process_tests_add(void);
void sandbox_tests_add(void);
void tree_tests_add(void);
void units_tests_add(void);

/* A directory of the host and a RootDir on it; removed with all that is in it. */
typedef struct {
    char *path;
    RootDir *root;
} Scratch;

void scratch_init(Scratch *scratch);
void scratch_clear(Scratch *scratch);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Scratch, scratch_clear)

/* Host path of a name in the scratch directory; free with g_free. */
char *scratch_path(const Scratch *scratch, const char *name);
/* Writes and reads a text file there; reading an absent one gives NULL. */
void scratch_write(const Scratch *scratch, const char *name, const char *text);
char *scratch_read(const Scratch *scratch, const char *name);
void scratch_symlink(const Scratch *scratch, const char *target, const char *name);

/* Exit code of a forked child that returns from body, or -1 when it was ended by a signal (a failed
 * assertion). */
int exit_code_of_child(int (*body)(gpointer data), gpointer data);

/* Fails the test unless *error is ours, of this kind, with this in its text. Clears it. */
void assert_error(GError **error, AppcenterError kind, const char *part);

#endif
