/* tuf_client_internal.h - internal to the room: the client's state, shared by the refresh and by the search. */
#ifndef TRUST_TUF_CLIENT_INTERNAL_H
#define TRUST_TUF_CLIENT_INTERNAL_H

#include "trust/tuf_internal.h"

/* Where the workflow stands: what is wanted next, or nothing. */
typedef enum {
    TUF_STAGE_ROOT,
    TUF_STAGE_TIMESTAMP,
    TUF_STAGE_SNAPSHOT,
    TUF_STAGE_TARGETS,
    TUF_STAGE_READY,     /* refreshed; a search may begin */
    TUF_STAGE_DELEGATED, /* a search wants client->visit */
    TUF_STAGE_FAILED,    /* the refresh failed; only take_trusted is left */
} TufStage;

/* One step of a search: a role, and who says so. */
typedef struct {
    char *role;
    char *delegator;
    const TufSigners *signers; /* borrowed from metadata that the client keeps */
} TufVisit;

struct TufClient {
    gint64 now;
    TufStage stage;
    guint root_steps;
    GHashTable *stored; /* role -> GBytes */
    TufMetadata *root;
    TufMetadata *timestamp;
    TufMetadata *old_snapshot; /* the stored one: what a new one may not fall behind */
    TufMetadata *snapshot;
    GHashTable *targets; /* role -> TufMetadata; entries are never replaced */
    GQueue trusted;      /* of what take_trusted hands out */

    char *search_path;
    GPtrArray *pending;  /* of TufVisit; the next one is the last */
    GHashTable *visited; /* role names */
    TufVisit *visit;     /* what TUF_STAGE_DELEGATED waits for */
    TufTarget *found;
    char *why_not;
};

void tuf_visit_free(TufVisit *visit);

void tuf_client_hand_out(TufClient *client, const char *role, GBytes *bytes);
/* All checks of a targets role in the specification's order; whose: for the message, as in tuf_verify. */
TufMetadata *tuf_client_check_targets(const TufClient *client, GBytes *bytes, const char *role,
                                      const TufSigners *signers, const char *whose,
                                      GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The stored role if it passes all of these, else NULL. */
TufMetadata *tuf_client_stored_targets(const TufClient *client, const char *role, const TufSigners *signers);

/* A delegated role arrived. On FALSE that search is over, not the client. */
gboolean tuf_search_feed(TufClient *client, GBytes *bytes, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* It did not: that search is over. */
void tuf_search_stop(TufClient *client, const char *why);

#endif
