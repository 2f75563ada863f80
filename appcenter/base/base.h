/* base.h - the ground floor's public face: errors, strict JSON, files below a root, processes, sandbox, units, log. */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#define APPCENTER_VERSION "0.1.0"

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/marker.h"
#include "base/nearest.h"
#include "base/process.h"
#include "base/sandbox.h"
#include "base/units.h"

#endif
