/* server.h - HTTP over the Unix socket: libmicrohttpd on the GLib main loop. Hides that library from the
 * API.
 *
 * One request a connection ("Connection: close"): a deadline timer per connection shuts its descriptor down
 * when the request does not arrive in time (libmicrohttpd's own limit is inactivity, and a client that
 * drips bytes lives on).
 */
#ifndef DAEMON_SERVER_H
#define DAEMON_SERVER_H

#include "daemon/daemon.h"

#define SERVER_RUN_DIR     "/run/appcenter"
#define SERVER_SOCKET_NAME "appcenterd.sock"

/* What one client may cost. */
typedef struct {
    guint max_clients;     /* more wait in the listen queue */
    guint max_of_one_user; /* of them; root is not counted */
    guint kept_for_root;   /* so many of them are never anybody else's */
    gsize max_body_bytes;
    gint64 max_file_bytes;
    guint deadline_s;      /* for a request to arrive, and again for its answer to be taken */
    guint file_deadline_s; /* the same for a file */
} ServerLimits;
extern const ServerLimits server_limits; /* the product's own */

/* Binds /run/appcenter/appcenterd.sock below the daemon's root (0666) and serves it. */
Server *server_start(Daemon *daemon, const ServerLimits *limits, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Closes every connection and removes the socket. */
void server_stop(Server *server);
/* To be called after connections were resumed. */
void server_run(Server *server);

#endif
