/* cmd_draft.h - what `appvendor key` and `appvendor sign` do with drafts. Private to vendor/. */
#ifndef VENDOR_CMD_DRAFT_H
#define VENDOR_CMD_DRAFT_H

#include "vendor/keys.h"
#include "vendor/repo.h"

/* The words of `appvendor key`, taken apart; all but source is borrowed. */
typedef struct {
    Repo *repo; /* NULL where none was named */
    const char *path, *role, *file;
    char **keys, **old;
    guint threshold; /* 0: not given */
    KeyKind kind;
    gboolean as_json;
    KeySource source; /* dirs NULL: no --keys */
    gint64 now;
} KeyRequest;

void key_request_clear(KeyRequest *request);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KeyRequest, key_request_clear)

gboolean run_export(KeyRequest *request, GError **error);
gboolean run_sign(KeyRequest *request, GError **error);
gboolean run_import(KeyRequest *request, GError **error);
gboolean run_discard(KeyRequest *request, GError **error);

/* Every draft of the repository, how far it is. */
gboolean drafts_print(const Repo *repo, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Signs every draft with those of the keys that count; none is fine. */
gboolean drafts_sign(const Repo *repo, KeySource *source, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The drafts in an exported file, on a machine that needs no repository. UNTRUSTED when no key at hand counts. */
gboolean drafts_sign_file(const char *file, KeySource *source, GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
