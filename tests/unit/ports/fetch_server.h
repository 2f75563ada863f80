/* fetch_server.h - a small HTTP server that behaves as badly as the path in the request says (routes in fetch_server.c). */
#ifndef TESTS_UNIT_PORTS_FETCH_SERVER_H
#define TESTS_UNIT_PORTS_FETCH_SERVER_H

#include <sys/types.h>

/* The body of every good answer. */
#define BODY "0123456789"

/* Listens on a loopback port of its own; the caller kills and reaps the child. */
pid_t fetch_server_start(int *port);

#endif
