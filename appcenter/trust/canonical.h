/* canonical.h - OLPC canonical JSON, the bytes that TUF signs (trust.md section 3).
 *
 * Only `"` and `\` are escaped, keys sorted by bytes, integers only. jansson's own dump differs (newlines in PEM keys).
 */
#ifndef TRUST_CANONICAL_H
#define TRUST_CANONICAL_H

#include "base/json.h"

/* NULL with CORRUPT if the tree holds a real number. */
GBytes *canonical_json(const json_t *value, GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
