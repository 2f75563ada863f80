/* client.h - the daemon's socket as calls: requests, uploads, event streams. Hides libcurl (client.c alone includes it). */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "base/base.h"

typedef struct Client Client;

/* root_path: as --root, or NULL; socket_path: instead of ROOT/run/appcenter/appcenterd.sock, or NULL. Connects lazily. */
Client *client_new(const char *root_path, const char *socket_path);
void client_free(Client *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Client, client_free)

/* One request; body may be NULL. The answer's JSON (an empty object for 204); a problem document becomes the GError that
 * it was in the daemon. NO_DAEMON when nobody answers on the socket. */
json_t *client_request(Client *client, const char *method, const char *path, const json_t *body,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Sends a file's bytes; the token that a change names it by. */
char *client_upload(Client *client, const char *file, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Called for each event; FALSE ends the stream. */
typedef gboolean (*ClientOnEvent)(json_t *event, gpointer user_data);
/* Asked about twice a second; FALSE ends the stream. */
typedef gboolean (*ClientGoOn)(gpointer user_data);
/* Reads an event stream until the daemon or a callback ends it; *last_id (in and out) resumes. */
gboolean client_stream(Client *client, const char *path, gint64 *last_id, ClientOnEvent on_event,
                       ClientGoOn go_on, gpointer user_data, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* %-escapes a word for a path or query. */
char *client_escape(const char *word);

#endif
