/* trust.h - what may be believed: digests, keys, TUF metadata, archive signatures. The only room that includes OpenSSL. */
#ifndef TRUST_TRUST_H
#define TRUST_TRUST_H

#include "trust/canonical.h"
#include "trust/cms.h"
#include "trust/digest.h"
#include "trust/key.h"
#include "trust/tuf.h"

#endif
