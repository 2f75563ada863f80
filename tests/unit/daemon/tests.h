/* tests.h - what the tests of this room share: a private NAS with a daemon on it, and a job program that is
 * a script. */
#ifndef TESTS_UNIT_DAEMON_TESTS_H
#define TESTS_UNIT_DAEMON_TESTS_H

#include "daemon/api.h"
#include "daemon/run.h"
#include "daemon/server.h"

void api_tests(void);
void door_tests(void);
void courier_tests(void);
void schedule_tests(void);
void views_tests(void);
void jobs_tests(void);
void server_tests(void);
void stream_tests(void);

/* A private NAS in a scratch directory and a daemon on it, its door still closed. */
typedef struct {
    char *path;
    Daemon daemon;
} Box;
void box_init(Box *box);
/* files: pairs of product path and text, written before the daemon looks; ends with NULL. */
void box_init_with(Box *box, const char *const *files);
void box_clear(Box *box);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Box, box_clear)
/* Ends the daemon and starts another one on the same root. */
void box_restart(Box *box);
char *box_path(const Box *box, const char *product_path);
void box_write(const Box *box, const char *product_path, const char *text);

/* A release of repository "main", publisher "vendor"; members: more members of its catalogue line. */
Release *make_release(const char *name, const char *version, const char *members);
void put_app(const Box *box, const char *name, const char *version);
/* Replaces all offers by this one; its class and dates are the release's. */
void put_offer(const Box *box, const char *app, const char *installed, const char *version,
               const char *members);
void put_release(const Box *box, const char *name, const char *version, const char *members);
#define EMERGENCY                                                                                            \
    "\"urgency\":{\"class\":\"emergency\",\"urgent_at\":\"2026-11-17T00:00:00Z\",\"install_within_s\":"      \
    "43200,"                                                                                                 \
    "\"reason\":\"exploited\",\"advisories\":[\"QSA-22-24\"]}"

/* The job's request lines, in the order in which the script got them; free with g_strfreev. */
char **script_requests(const Box *box);
/* How often the script was started with this action. */
guint script_count(const Box *box, const char *action);

/* The other end of the socket, which never waits: the main loop runs in the same thread. */
typedef struct {
    int fd;
    GString *got;
    gboolean is_over; /* the server closed it */
} Client;
void client_open(Client *client, const Box *box);
void client_close(Client *client);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Client, client_close)
/* All of it, running the main loop while the socket is full; stops when the server no longer reads. */
void client_send(Client *client, const char *bytes, gsize len);
void client_send_text(Client *client, const char *text);
/* Reads what is there; TRUE when text was among all that came so far. */
gboolean client_has(Client *client, const char *text);
gboolean client_is_over(Client *client);

/* Opens the door of a box. limits NULL: the product's own. */
void box_serve(Box *box, const ServerLimits *limits);
/* One request, whole; the answer's status, *body its JSON (a text becomes a JSON string; NULL when empty). */
int ask(const Box *box, const char *method, const char *path, const char *body, json_t **json);
/* The same from raw bytes. */
int ask_raw(const Box *box, const char *bytes, gsize len, json_t **json);

/* Text of a path such as "candidate.reason.code" or "apps.0.name" in a JSON value; fails the test when it
 * is not there. */
json_t *json_at(json_t *value, const char *path);
const char *text_at(json_t *value, const char *path);

void assert_error(GError **error, AppcenterError kind, const char *part);

/* Runs the main loop until it is so; fails the test after 20 s. */
#define loop_until(condition)                                                                                \
    G_STMT_START                                                                                             \
    {                                                                                                        \
        gint64 loop_end_us = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;                                   \
        while (!(condition) && g_get_monotonic_time() < loop_end_us) {                                       \
            g_main_context_iteration(NULL, FALSE);                                                           \
            g_usleep(500);                                                                                   \
        }                                                                                                    \
        g_assert_true(condition);                                                                            \
    }                                                                                                        \
    G_STMT_END

/* A call whose last argument is OR_FAIL must answer something true. */
#define OR_FAIL &must_error
#define must(call)                                                                                           \
    G_STMT_START                                                                                             \
    {                                                                                                        \
        g_autoptr(GError) must_error = NULL;                                                                 \
        gboolean must_answer = (call) != 0;                                                                  \
        g_assert_no_error(must_error);                                                                       \
        g_assert_true(must_answer);                                                                          \
    }                                                                                                        \
    G_STMT_END

#endif
