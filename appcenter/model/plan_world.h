/* plan_world.h - what the two halves of the plan checker share; private to this room. */
#ifndef MODEL_PLAN_WORLD_H
#define MODEL_PLAN_WORLD_H

#include "model/plan.h"

/* The firmware's name in requirements. */
#define PLAN_SYSTEM_NAME "QNAP_FW"

/* Sets INTERNAL with the rule that is broken; always FALSE. */
gboolean plan_broken(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* The entry of an app that was asked for by name, or NULL. */
const RequestApp *request_find_app(const Request *request, const char *name);
/* changes: app -> PlanChange* of the whole plan, each checked by itself already. */
gboolean plan_world_check(GHashTable *changes, const PlanContext *context,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
