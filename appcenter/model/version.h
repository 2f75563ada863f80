/* version.h - the one order of versions.
 *
 * A version is a list of digit runs and letter runs; everything else separates. Compared token by token: numbers as
 * numbers of any length, words as bytes, a number is newer than a word, pre-release words (alpha beta pre rc dev) are
 * older than the end, other words newer than the end, trailing zeros do not count (1.0 = 1.0.0). Total by construction.
 */
#ifndef MODEL_VERSION_H
#define MODEL_VERSION_H

#include <glib.h>

/* <0, 0, >0. */
int version_compare(const char *a, const char *b);
/* 1 to 64 bytes of [A-Za-z0-9._+~-], at least one digit or letter. */
gboolean version_is_valid(const char *text);
/* A text without '-' and ':' whose order under Debian's rule (libsolv DISTTYPE_DEB) equals version_compare, equal
 * versions giving equal texts. free with g_free. */
char *version_normal_form(const char *text);

/* App names: ^[A-Za-z0-9][A-Za-z0-9._+-]{0,39}$ */
gboolean app_name_is_valid(const char *name);
/* QDK names and "all". */
gboolean arch_is_valid(const char *arch);
/* The architecture in a file name as QDK gives it ("Notes_1.0_arm_64.qpkg"); NULL where it names none. Not owned. */
const char *arch_of_file_name(const char *file);
/* Does a package of package_arch run on a box of box_arch? ("all" everywhere, x86 on x86_64.) */
gboolean arch_fits(const char *package_arch, const char *box_arch);

#endif
