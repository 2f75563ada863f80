/* settings.c - layers of INI text over the defaults, with the origin of every value.
 *
 * Our own small reader instead of GKeyFile, because an owner needs the line number of a mistake. Hides texts
 * and origins beside the parsed values. A layer is laid over a copy first, so a bad file leaves everything as
 * it was.
 */
#include "model/settings.h"

#include <string.h>

#include "model/settings_table.h"
#include "model/window.h"

#define FILE_BYTES_MAX  65536
#define SHOWN_BYTES_MAX 60
#define ORIGIN_DEFAULT  "default"

struct Settings {
    SettingsValues values;
    char **texts; /* settings_table_length of each, as written */
    char **origins;
};

/* ---- the object ---- */

static void clear_values(SettingsValues *values)
{
    for (gsize i = 0; i < settings_table_length; i++)
        if (settings_table[i].type == SETTING_TEXT)
            g_clear_pointer((char **)G_STRUCT_MEMBER_P(values, settings_table[i].offset), g_free);
}

static void set_value(Settings *settings, gsize i, const char *text, const char *origin)
{
    g_free(settings->texts[i]);
    settings->texts[i] = g_strdup(text);
    g_free(settings->origins[i]);
    settings->origins[i] = g_strdup(origin);
}

Settings *settings_new(void)
{
    Settings *settings = g_new0(Settings, 1);
    settings->texts = g_new0(char *, settings_table_length + 1);
    settings->origins = g_new0(char *, settings_table_length + 1);
    for (gsize i = 0; i < settings_table_length; i++) {
        const SettingRow *row = &settings_table[i];
        if (!setting_read(row, row->value_default, &settings->values))
            g_error("settings: the default of %s.%s is not allowed", row->section, row->key);
        set_value(settings, i, row->value_default, ORIGIN_DEFAULT);
    }
    return settings;
}

Settings *settings_copy(const Settings *settings)
{
    Settings *copy = g_new0(Settings, 1);
    copy->values = settings->values;
    copy->texts = g_strdupv(settings->texts);
    copy->origins = g_strdupv(settings->origins);
    for (gsize i = 0; i < settings_table_length; i++)
        if (settings_table[i].type == SETTING_TEXT) {
            char **member = (char **)G_STRUCT_MEMBER_P(&copy->values, settings_table[i].offset);
            *member = g_strdup(*member);
        }
    return copy;
}

void settings_free(Settings *settings)
{
    if (!settings)
        return;
    clear_values(&settings->values);
    g_strfreev(settings->texts);
    g_strfreev(settings->origins);
    g_free(settings);
}

const SettingsValues *settings_values(const Settings *settings)
{
    return &settings->values;
}

/* ---- one layer ---- */

typedef struct {
    Settings *settings;
    const char *file_name;
    guint line;
    char *section;       /* NULL before the first one */
    gboolean is_known;   /* the section */
    gboolean *is_set;    /* per row, in this file */
    GPtrArray *warnings; /* may be NULL */
} Layer;

G_GNUC_PRINTF(2, 3)
static void warn(const Layer *layer, const char *format, ...)
{
    if (!layer->warnings)
        return;
    va_list args;
    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(layer->warnings, g_strdup_printf("%s:%u: %s", layer->file_name, layer->line, message));
}

/* Somebody's text for a message: short, and on one line. */
static char *shown(const char *text)
{
    g_autofree char *head = g_utf8_substring(text, 0, MIN(g_utf8_strlen(text, -1), SHOWN_BYTES_MAX));
    return g_strescape(head, NULL);
}

static gboolean refuse(const Layer *layer, const char *wanted, const char *found, GError **error)
{
    g_autofree char *text = shown(found);
    return error_set(error, APPCENTER_ERROR_CORRUPT, "%s:%u: wanted %s, found \"%s\"", layer->file_name,
                     layer->line, wanted, text);
}

static gboolean is_section_known(const char *section)
{
    for (gsize i = 0; i < settings_table_length; i++)
        if (strcmp(settings_table[i].section, section) == 0)
            return TRUE;
    return FALSE;
}

static gboolean take_section(Layer *layer, char *line, GError **error)
{
    gsize len = strlen(line);
    if (len < 3 || line[len - 1] != ']')
        return refuse(layer, "[section]", line, error);
    g_free(layer->section);
    layer->section = g_strndup(line + 1, len - 2);
    g_strstrip(layer->section);
    layer->is_known = is_section_known(layer->section);
    if (!layer->is_known) {
        g_autofree char *text = shown(layer->section);
        warn(layer, "unknown section [%s], its keys count for nothing", text);
    }
    return TRUE;
}

static gboolean take_value(Layer *layer, gsize i, const char *text, GError **error)
{
    const SettingRow *row = &settings_table[i];
    if (!setting_read(row, text, &layer->settings->values)) {
        g_autofree char *found = shown(text);
        return error_set(error, APPCENTER_ERROR_CORRUPT, "%s:%u: %s.%s: wanted %s, found \"%s\"",
                         layer->file_name, layer->line, row->section, row->key, row->allowed, found);
    }
    if (layer->is_set[i])
        warn(layer, "%s.%s stands in this file twice, the later one counts", row->section, row->key);
    layer->is_set[i] = TRUE;
    g_autofree char *origin = g_strdup_printf("%s:%u", layer->file_name, layer->line);
    set_value(layer->settings, i, text, origin);
    return TRUE;
}

static gboolean take_key(Layer *layer, char *line, GError **error)
{
    char *equals = strchr(line, '=');
    if (!equals || equals == line)
        return refuse(layer, "key = value", line, error);
    if (!layer->section)
        return refuse(layer, "a [section] before the first key", line, error);
    *equals = '\0';
    const char *key = g_strchomp(line);
    const char *text = g_strstrip(equals + 1);
    for (gsize i = 0; i < settings_table_length; i++)
        if (strcmp(settings_table[i].section, layer->section) == 0 && strcmp(settings_table[i].key, key) == 0)
            return take_value(layer, i, text, error);
    if (layer->is_known) {
        g_autofree char *found = shown(key);
        warn(layer, "unknown key %s.%s", layer->section, found);
    }
    return TRUE;
}

static gboolean take_line(Layer *layer, char *line, GError **error)
{
    layer->line++;
    g_strstrip(line);
    if (*line == '\0' || *line == '#' || *line == ';')
        return TRUE;
    return *line == '[' ? take_section(layer, line, error) : take_key(layer, line, error);
}

static gboolean check_text(const char *file_name, const char *text, gsize len, GError **error)
{
    if (len > FILE_BYTES_MAX)
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "%s: wanted at most %d bytes, found %" G_GSIZE_FORMAT, file_name, FILE_BYTES_MAX,
                         len);
    if (!g_utf8_validate_len(text, len, NULL)) /* also refuses NUL bytes */
        return error_set(error, APPCENTER_ERROR_CORRUPT, "%s: wanted utf-8 text, found other bytes",
                         file_name);
    return TRUE;
}

static void swap_contents(Settings *a, Settings *b)
{
    Settings kept = *a;
    *a = *b;
    *b = kept;
}

gboolean settings_apply_text(Settings *settings, const char *file_name, const char *text, gsize len,
                             GPtrArray *warnings, GError **error)
{
    if (!check_text(file_name, text, len, error))
        return FALSE;
    g_autoptr(Settings) draft = settings_copy(settings);
    g_autofree gboolean *is_set = g_new0(gboolean, settings_table_length);
    Layer layer = {.settings = draft, .file_name = file_name, .is_set = is_set, .warnings = warnings};
    g_autofree char *whole = g_strndup(text, len);
    g_auto(GStrv) lines = g_strsplit(whole, "\n", -1);
    gboolean is_good = TRUE;
    for (guint i = 0; is_good && lines[i]; i++)
        is_good = take_line(&layer, lines[i], error);
    g_free(layer.section);
    if (is_good)
        swap_contents(settings, draft);
    return is_good;
}

/* ---- across keys, and looking ---- */

/* Names the setting whose grammar the window refuses: each is tried alone, with the others' neutral values.
 */
static gboolean check_window_key(const Settings *settings, const char *key, const char *timer,
                                 const char *zone, const char *blackout, GError **error)
{
    g_autoptr(Window) window = window_parse(timer, zone, blackout, error);
    if (window)
        return TRUE;
    SettingView view;
    for (gsize i = 0; settings_view(settings, i, &view); i++)
        if (strcmp(view.section, "window") == 0 && strcmp(view.key, key) == 0)
            g_prefix_error(error, "%s: window.%s: ", view.origin, key);
    return FALSE;
}

gboolean settings_check(const Settings *settings, GError **error)
{
    const SettingsValues *values = &settings->values;
    return check_window_key(settings, "timer", values->timer, "UTC", "", error) &&
           check_window_key(settings, "timezone", "", values->timezone, "", error) &&
           check_window_key(settings, "blackout", "", "UTC", values->blackout, error);
}

gboolean settings_view(const Settings *settings, gsize i, SettingView *view)
{
    if (i >= settings_table_length)
        return FALSE;
    const SettingRow *row = &settings_table[i];
    *view = (SettingView){.section = row->section,
                          .key = row->key,
                          .value_now = settings->texts[i],
                          .value_default = row->value_default,
                          .allowed = row->allowed,
                          .prose = row->prose,
                          .origin = settings->origins[i]};
    return TRUE;
}
