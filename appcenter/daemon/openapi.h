/* openapi.h - the route table as an OpenAPI 3.1 document, for tools that make clients of it. */
#ifndef DAEMON_OPENAPI_H
#define DAEMON_OPENAPI_H

#include "base/base.h"

/* A new reference. */
json_t *openapi_document(void);

#endif
