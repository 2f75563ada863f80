/* log.h - lines for admins: `refresh: 214 releases, 1 emergency` (module, facts, no adjectives).
 *
 * error = a human must act, warning, info = a state changed, debug. To stderr, with "<N>" priority prefixes when the
 * journal reads us (JOURNAL_STREAM), with a time otherwise. Whoever handles an error logs it, once.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <glib.h>

typedef enum { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG } LogLevel;

/* Default INFO; APPCENTER_DEBUG=1 in the environment makes it DEBUG. */
void log_set_level(LogLevel level);
void log_line(LogLevel level, const char *module, const char *format, ...) G_GNUC_PRINTF(3, 4);

#define log_error(module, ...)   log_line(LOG_LEVEL_ERROR, module, __VA_ARGS__)
#define log_warning(module, ...) log_line(LOG_LEVEL_WARNING, module, __VA_ARGS__)
#define log_info(module, ...)    log_line(LOG_LEVEL_INFO, module, __VA_ARGS__)
#define log_debug(module, ...)   log_line(LOG_LEVEL_DEBUG, module, __VA_ARGS__)

#endif
