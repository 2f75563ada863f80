/* ini.h - the ini files of QTS (qpkg.conf, smb.conf, def_share.info), one value at a time.
 *
 * Pure over text. Sections "[NAME]", lines "Key = value"; the section "" is what stands before the first one. All that
 * is not asked about stays byte for byte. Names are compared without regard to case unless told otherwise, as QTS does.
 */
#ifndef COMPAT_INI_H
#define COMPAT_INI_H

#include <glib.h>

typedef struct {
    const char *section, *key;
    gboolean is_case_sensitive;
} IniPlace;

/* The value without the blanks around it, or NULL: there is no such key; free. */
char *ini_get(const char *text, const IniPlace *place);
/* The text with that value: its line changed where it stands, else added at the end of its section, which is made at
 * the end if there is none; free. */
char *ini_set(const char *text, const IniPlace *place, const char *value);
/* May it be the name of a section or key, or a value: one line, and no name that would be read as another? */
gboolean ini_place_is_good(const IniPlace *place);
gboolean ini_value_is_good(const char *value);

#endif
