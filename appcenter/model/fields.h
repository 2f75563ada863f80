/* fields.h - members with a meaning (names, versions, prose, requirements), read with the sticky JSON reader.
 *
 * Private to this room. Each marks the reader when the member is there but is no such thing; strings stay
 * owned by the JSON tree unless said otherwise. Prose that reaches a terminal has no control or
 * text-direction characters.
 */
#ifndef MODEL_FIELDS_H
#define MODEL_FIELDS_H

#include "base/base.h"

#define FIELDS_LIST_MAX 256 /* requirements, aliases, advisories of one record */

const char *fields_app_name(JsonReader *reader, const char *member);
const char *fields_version(JsonReader *reader, const char *member);
const char *fields_version_or_null(JsonReader *reader, const char *member);
const char *fields_arch(JsonReader *reader, const char *member);
const char *fields_arch_or_null(JsonReader *reader, const char *member);
/* One line of prose or an id. */
const char *fields_line_or_null(JsonReader *reader, const char *member, gsize max_bytes);
/* Array of single lines; absent: empty. g_strfreev. */
char **fields_lines(JsonReader *reader, const char *member, gsize max_bytes);
/* Array of requirement items, each checked; g_strfreev. */
char **fields_requirements(JsonReader *reader, const char *member, gboolean alternatives_allowed);
/* {lang: text}; a new reference, NULL when absent. Line breaks are allowed in it. */
json_t *fields_texts(JsonReader *reader, const char *member, gsize max_bytes);

/* For writers: null for NULL; an array of strings; seconds as RFC 3339. */
json_t *fields_json_string(const char *text);
json_t *fields_json_strings(char *const *texts);
json_t *fields_json_time(gint64 at);

#endif
