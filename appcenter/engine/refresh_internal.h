/* refresh_internal.h - what the files of refresh share: one repository's refresh on its way. Private to engine/refresh*.c. */
#ifndef ENGINE_REFRESH_INTERNAL_H
#define ENGINE_REFRESH_INTERNAL_H

#include "engine/internal.h"

typedef struct {
    Engine *engine;
    Fetcher *fetcher;
    const RepositoryConfig *config;
    char **urls;
    StoreRepo *repo; /* as it will be stored */
    TufClient *tuf;
    gboolean is_forced;    /* ask also without If-None-Match */
    GBytes *old_timestamp; /* what is stored, or NULL */
    gint64 now;
    GError *publisher_error; /* the first publisher's catalogue that was not taken; the others were */
} Refresh;

/* TUF: root, timestamp, snapshot, targets; persists each as it becomes trusted. */
gboolean refresh_metadata(Refresh *refresh, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* A failure to read what should be signed becomes one of trust: CORRUPT turns into UNTRUSTED. */
void refresh_distrust(GError *failure);
/* A signed time raises the floor, as far as policy lets it. */
void refresh_raise_floor(Refresh *refresh, gint64 signed_at);
/* Who vouches for the target; NULL without error when nobody does. UNTRUSTED when the search for it was stopped. The role
 * must be `role`. */
TufTarget *refresh_search(Refresh *refresh, const char *path, const char *role, GError **error);
/* The target's bytes as served, checked against length and hashes. */
GBytes *refresh_download(Refresh *refresh, const TufTarget *target, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* For compressed lines: the signed raw_sha256 and raw_length. CORRUPT for another kind or format. */
gboolean refresh_raw_of(const TufTarget *target, const char *kind, const char **raw_sha256,
                        gint64 *raw_length, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Decompresses into the sink and checks raw_length and raw_sha256. */
gboolean refresh_unpack(const TufTarget *target, const char *kind, GBytes *packed, ArchiveSink sink,
                        gpointer user_data, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The vendor's and the publishers' catalogues into the store. */
gboolean refresh_catalogues(Refresh *refresh, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* --- refresh_delta.c --- */

/* A publisher's wanted catalogue, packed: what is kept, or that and a signed patch. NULL: fetch the whole. */
GBytes *refresh_catalogue_from_cache(Refresh *refresh, const char *publisher, const TufTarget *catalogue);
/* Keeps what was imported, for the next patch. Failures are told and no more. */
void refresh_keep_catalogue(Refresh *refresh, const char *publisher, GBytes *packed);
/* Of a repository that is no longer configured. */
void refresh_forget_catalogues(Engine *engine, const char *repository);

#endif
