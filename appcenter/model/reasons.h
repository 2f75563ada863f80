/* reasons.h - the table of reasons, and what is said of each; private to this room. */
#ifndef MODEL_REASONS_H
#define MODEL_REASONS_H

#include "model/policy.h"

/* The verdict that goes with a reason; some differ when no time is known (at is 0). */
Verdict reason_verdict(ReasonCode code, gint64 at);

/* The sentence for people. verdict has code, at and deadline set. */
char *reason_sentence(const PolicyVerdict *verdict, const OfferFacts *facts, const SettingsValues *settings,
                      const Window *window, gint64 now);

#endif
