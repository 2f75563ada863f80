/* advisories.h - the vendor's security advisories: OSV records in the world, as they were given, and what they mean.
 *
 * world.advisories is {serial, records[]}; the serial moves with each change, so the file that boxes read depends on
 * nothing else. A record is read by the client's own parser before it is taken: what boxes would refuse never gets in.
 */
#ifndef VENDOR_ADVISORIES_H
#define VENDOR_ADVISORIES_H

#include "vendor/repo.h"

#define ADVISORIES_TARGET "advisories/vendor.jsonl.zst"

/* One affected range of an app as the repository stands. Texts are borrowed: from the advisory, from the world. */
typedef struct {
    const Advisory *advisory;
    const AffectedRange *range;
    const char *version; /* the lowest release here that fixes it and may be taken on that OS line, or NULL */
    const char *missing_arch; /* has an affected release here, and none that fixes it; NULL: none */
} AdvisoryLine;

/* The records, in the order in which they came; borrowed, an empty array counts as none. */
json_t *advisories_records(const Repo *repo);
/* By id or by an alias; borrowed. NULL: none. */
json_t *advisories_find(const Repo *repo, const char *id);
/* Takes a record in, in the place of the one with its id; fills in `published` and `modified` where they are missing.
 * CORRUPT says what boxes would refuse. */
gboolean advisories_put(Repo *repo, json_t *record, gint64 now, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Marks it as withdrawn; REFUSED when it is already. */
gboolean advisories_withdraw(Repo *repo, json_t *record, gint64 now,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Advisory* of one record, one an app. */
GPtrArray *advisories_parse_record(json_t *record, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* AdvisoryLine* of all ranges of these advisories; app NULL: of every app. Borrows both. */
GPtrArray *advisories_lines(const Repo *repo, GPtrArray *advisories, const char *app);
/* "OS line 5.0.1", or "every OS line". */
char *advisories_line_words(const AffectedRange *range);

/* May this release be marked as what fixes the advisory of that id? REFUSED while an affected OS line of the app has no
 * fixed release here, or the release is itself affected. An id without a record: TRUE, and *is_known is FALSE. */
gboolean advisories_allow_mark(const Repo *repo, const char *id, const char *app, const char *version,
                               gboolean *is_known, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The lines as boxes read them; NULL without error when there never was a record. */
GBytes *advisories_file(const Repo *repo, GError **error);

/* csaf.c: one record as a CSAF 2.0 document, category csaf_security_advisory. publisher, space: who issues it and the URI of
 * that name. */
json_t *csaf_document(const Repo *repo, json_t *record, const char *publisher, const char *space,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
