/* store_internal.h - what the files of the store share: a database with its prepared statements, and sticky queries.
 *
 * A Query binds by name and reads columns in order. Its first failure sticks: later calls are no-ops that return
 * harmless values, and the caller asks once with query_finish or query_run. Private to ports/store*.c and their tests.
 */
#ifndef PORTS_STORE_INTERNAL_H
#define PORTS_STORE_INTERNAL_H

#include <sqlite3.h>

#include "ports/store.h"

#define STORE_STATE_FILE     "state.db"
#define STORE_CATALOGUE_FILE "catalogue.db"
#define STORE_BALLAST_FILE   "ballast"
#define STORE_BALLAST_BYTES  (16 * 1024 * 1024)

/* The files of sql/, linked in; a row without a name ends them. Written by the Makefile. */
typedef struct {
    const char *name, *text;
} SqlFile;
extern const SqlFile sql_files[];

typedef struct {
    const char *file; /* "state.db", for messages */
    const char *dir;  /* where it lies, for messages about a full disk */
    sqlite3 *handle;
    GHashTable *texts;      /* name -> where its SQL begins, of every statement */
    GHashTable *statements; /* name -> sqlite3_stmt*, of those that were wanted so far */
    int ballast_dir_fd;     /* where the ballast lies that a full disk may cost; -1: none. Borrowed */
} Database;

struct Store {
    Database state;
    Database catalogue;
    Fd state_dir_fd;
    Fd cache_dir_fd;
    guint64 catalogue_inode; /* 0: the cache is in memory */
};

/* --- store_database.c --- */
/* Opens or creates dir_fd/file (in memory when dir_fd is -1; dir is its name) and takes pragma.sql. */
gboolean database_open(Database *database, int dir_fd, const char *dir, const char *file,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;
void database_close(Database *database);
/* WAL; waits while another process is changing the mode. */
gboolean database_use_wal(Database *database, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Runs a whole .sql file; takes the named statements of one. */
gboolean database_run_file(Database *database, const char *sql_file,
                           GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean database_load_file(Database *database, const char *sql_file,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* A named statement, prepared when it is first wanted: most processes want few. NULL and the error otherwise. */
sqlite3_stmt *database_statement(Database *database, const char *name, GError **error);
gboolean database_prepare_all(Database *database, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The one integer that a pragma statement answers. */
gboolean database_ask_integer(Database *database, const char *statement, gint64 *answer,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Runs a named statement without parameters. */
gboolean database_run(Database *database, const char *statement, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean database_in_transaction(const Database *database);
/* Ends a transaction if one is open; failures do not matter, SQLite has then ended it itself. */
void database_rollback(Database *database);
/* Maps SQLite's code to our kinds: NO_SPACE, IO, CORRUPT, BUSY, DENIED, INTERNAL. Always FALSE. */
gboolean database_fail(const Database *database, int code, const char *what, GError **error);

/* --- store_query.c --- */
typedef struct {
    Database *database;
    const char *name;
    sqlite3_stmt *statement;
    int column;
    GError *error;
} Query;
Query query_open(Database *database, const char *name);
void query_clear(Query *query);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Query, query_clear)

void query_bind_text(Query *query, const char *parameter, const char *value /* NULL: SQL NULL */);
void query_bind_integer(Query *query, const char *parameter, gint64 value);
void query_bind_boolean(Query *query, const char *parameter, gboolean value);
void query_bind_bytes(Query *query, const char *parameter, GBytes *value);
/* A string list as a JSON array. */
void query_bind_strings(Query *query, const char *parameter, char *const *value);

/* TRUE: the next row is there. FALSE: no more, or a failure. */
gboolean query_next(Query *query);
/* The next column of the row. */
char *query_text(Query *query);
gint64 query_integer(Query *query);
gboolean query_boolean(Query *query);
GBytes *query_bytes(Query *query);
char **query_strings(Query *query);
/* The caller found a value in the row that makes no sense: CORRUPT. */
void query_mark_corrupt(Query *query, const char *what, const char *found);

/* Was all well? Ends the query. */
gboolean query_finish(Query *query, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* For statements without rows: steps to the end and finishes. */
gboolean query_run(Query *query, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* query_run for a statement that must have changed a row; NOT_FOUND with the sentence otherwise. */
gboolean query_run_on_row(Query *query, GError **error, const char *format, ...)
    G_GNUC_PRINTF(3, 4) G_GNUC_WARN_UNUSED_RESULT;

/* Collects rows of one noun into an array, or NULL and the error. */
typedef gpointer (*RowFunc)(Query *query);
GPtrArray *query_rows(Query *query, RowFunc row, GDestroyNotify destroy, GError **error);

/* --- store.c --- */
/* Several statements as one: a transaction of their own, or a savepoint inside the caller's. Undone unless left. */
typedef struct {
    Store *store;
    gboolean is_savepoint;
} StoreScope;
gboolean store_scope_enter(StoreScope *scope, Store *store, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean store_scope_leave(StoreScope *scope, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void store_scope_clear(StoreScope *scope);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(StoreScope, store_scope_clear)

/* --- store_ballast.c --- */
/* Lays the ballast, or more of it, as there is space: a quarter of what is free, STORE_BALLAST_BYTES at most. */
void ballast_make(int dir_fd);
/* What is free and what it would give back; -1: the system does not say. */
gint64 ballast_room_bytes(int dir_fd);
/* Gives its space back, if there is any. */
void ballast_drop(int dir_fd);
/* Drops it when next to nothing is free: a transaction that meets a full disk is lost, so look before. */
void ballast_drop_if_low(int dir_fd);

/* --- store_catalogue.c --- */
/* Opens the cache, made anew if anything about it is odd; at worst it lives in memory. Never fails. */
void store_catalogue_open(Store *store);
/* The cache as it is now: another process may have made it anew. */
Database *store_catalogue_current(Store *store);
/* TRUE when the failure was damage outside an import, and an empty new cache is in place: try again. */
gboolean store_catalogue_was_damage(Store *store, GError **error);
/* A release as kept in a row (repository, publisher, JSON text); marks the query when it does not parse. */
Release *store_row_release(Query *query);
/* The same of a row of the catalogue, whose sum stands in front: a row whose bytes have changed does not parse either. */
Release *store_catalogue_row(Query *query);

/* --- store_offers.c --- */
/* A StoreOffer with the verdict that was last written; sentence NULL: none yet. */
gpointer store_row_offer(Query *query);

#endif
