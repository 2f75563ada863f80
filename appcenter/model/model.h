/* model.h - nouns and judgements, pure: no file, no socket, no clock. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "model/clock.h"
#include "model/manifest.h"
#include "model/plan.h"
#include "model/policy.h"
#include "model/poll.h"
#include "model/release.h"
#include "model/requirement.h"
#include "model/settings.h"
#include "model/version.h"
#include "model/window.h"

#endif
