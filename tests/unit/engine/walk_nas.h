/* walk_nas.h - a NAS for tests of the walker: signed packages made on the spot, changes in words, the world as one text.
 *
 * Scripts run unconfined here (they are ours and keep below the root): a private root is service_test.c's matter.
 */
#ifndef TESTS_UNIT_ENGINE_WALK_NAS_H
#define TESTS_UNIT_ENGINE_WALK_NAS_H

#include "engine/walk.h"
#include "tests.h"

#define WALK_NOW    G_GINT64_CONSTANT(1900000000) /* later than any build of this test */
#define WALK_VOLUME "/share/CACHEDEV1_DATA"

/* What is in a package beside what every one has: its service script, a file `version` and QPKG_NAME, QPKG_VER. */
typedef struct {
    const char *name, *version;
    const char *config;   /* more lines of qpkg.cfg, or NULL */
    const char *routines; /* or NULL */
    const char *files;    /* "path=content path=content", or NULL */
    const char *on_start; /* what its script does at start instead of leaving a daemon; NULL: a daemon */
} WalkPackage;

typedef struct {
    char *dir;           /* host folder */
    char *root;          /* of the NAS */
    GPtrArray *packages; /* WalkPackage*, borrowed: what can be had */
    GString *notes;      /* NOTE events */
    gint64 now;
    /* what the engine is told */
    gint die_at;    /* the job dies at that event, 0: never */
    gint cancel_at; /* the job is cancelled from that event on, 0: never */
    gint n_events;
    const char *trust_sha256;
} WalkNas;

/* settings: more lines for the [safety] section, or NULL. */
void walk_nas_init(WalkNas *nas, const WalkPackage *packages, gsize n_packages, const char *settings);
/* The same world in a folder of its own; none of its apps runs. */
void walk_nas_copy(WalkNas *nas, const WalkNas *from);
void walk_nas_clear(WalkNas *nas);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(WalkNas, walk_nas_clear)

Engine *walk_nas_engine(WalkNas *nas);
/* Puts a package's archive where a local file waits. free with release_free. */
Release *walk_nas_put(WalkNas *nas, Engine *engine, const char *app, const char *version);
/* "install Lib 1, upgrade App 1 2, remove App 2, back App 2 1, again App 1 (undo of a removal)": one set. */
gboolean walk_nas_apply(WalkNas *nas, Engine *engine, const char *changes, GError **error);
/* Opens the engine, applies, must go well. */
void walk_nas_must(WalkNas *nas, const char *changes);
/* Applies in a child that dies at that event (0: lives on to its end). TRUE when it died there. */
gboolean walk_nas_dies(WalkNas *nas, const char *changes, gint at_event);
/* Recovers in a child that dies at that event. */
gboolean walk_nas_dies_in_recovery(WalkNas *nas, gint at_event);
void walk_nas_recover(WalkNas *nas);
void walk_nas_start_apps(WalkNas *nas);
void walk_nas_stop_all(WalkNas *nas);
/* All that matters, one line an app: recorded and live version, running or not, what is in its folder; then what is left
 * lying about. Without ids of transactions. */
char *walk_nas_world(WalkNas *nas);
/* "rolled_back health: sentence", "done" of the newest transaction. */
char *walk_nas_last(WalkNas *nas);
/* A file of the NAS: host path, content (NULL: none), writing. */
char *walk_nas_path(const WalkNas *nas, const char *product_path);
char *walk_nas_read(const WalkNas *nas, const char *product_path);
void walk_nas_write(const WalkNas *nas, const char *product_path, const char *text);
/* "VOLUME/.qpkg/APP/PATH" */
char *walk_app_file(const char *app, const char *path);

#endif
