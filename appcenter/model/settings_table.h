/* settings_table.h - the table of all settings; private to this room.
 *
 * A new setting is one row here, one member in SettingsValues and a line in the manual.
 */
#ifndef MODEL_SETTINGS_TABLE_H
#define MODEL_SETTINGS_TABLE_H

#include "model/settings.h"

typedef enum {
    SETTING_CHOICE,   /* one of `choices`, stored as int */
    SETTING_DURATION, /* seconds, gint64 */
    SETTING_DEADLINE, /* seconds or "never", gint64 */
    SETTING_SIZE,     /* bytes, gint64 */
    SETTING_COUNT,    /* gint64 */
    SETTING_TEXT      /* char*, judged by `is_valid` */
} SettingType;

typedef struct {
    const char *name;
    int value;
} SettingChoice;

typedef struct {
    const char *section, *key;
    SettingType type;
    gsize offset; /* in SettingsValues */
    const char *value_default;
    const char *allowed; /* completes "wanted ..." */
    const char *prose;
    gint64 min, max;
    const SettingChoice *choices; /* ends with a NULL name */
    gboolean (*is_valid)(const char *text);
} SettingRow;

extern const SettingRow settings_table[];
extern const gsize settings_table_length;

/* Reads text into the member of values that row names; FALSE when it is not allowed there. */
gboolean setting_read(const SettingRow *row, const char *text, SettingsValues *values);

#endif
