/* curve.h - the text of a roll-out curve: "0m:1%,15m:20%,45m:100%". Pure. */
#ifndef VENDOR_CURVE_H
#define VENDOR_CURVE_H

#include "base/base.h"

#define CURVE_EMERGENCY "0m:1%,15m:20%,45m:100%"

/* {"id":"r-<8 hex>","start":null,"curve":[[seconds,permyriad],...]}; times and shares must rise. INVALID otherwise. */
json_t *curve_to_rollout(const char *text, GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
