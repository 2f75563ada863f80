/* views_internal.h - what the views share. Private to daemon/views*.c. */
#ifndef DAEMON_VIEWS_INTERNAL_H
#define DAEMON_VIEWS_INTERNAL_H

#include "daemon/views.h"

json_t *view_time(gint64 at);          /* RFC 3339, null for 0 and "never" */
json_t *view_string(const char *text); /* null for NULL */
json_t *view_strings(char **strings);  /* never null */
json_t *view_hold(const Hold *hold);
/* Is there an unfixed advisory of class emergency in an appctl.audit/1? */
gboolean view_audit_has_emergency(json_t *audit);

#endif
