/* release.h - one release of an app as the catalogue has it, the catalogue itself, the brake and advisories.
 *
 * Parsing takes verified bytes and still bounds everything: a line up to 64 KiB, unknown members ignored, unknown
 * formats refused, the bad line named by its number. Formats: formats.md.
 */
#ifndef MODEL_RELEASE_H
#define MODEL_RELEASE_H

#include "base/base.h"

typedef enum { CLASS_FEATURE, CLASS_NORMAL, CLASS_IMPORTANT, CLASS_CRITICAL, CLASS_EMERGENCY } UrgencyClass;
const char *urgency_class_name(UrgencyClass cls); /* "emergency" ... */
gboolean urgency_class_from_name(const char *name, UrgencyClass *cls);
/* important and above fix security. */
gboolean urgency_class_is_security(UrgencyClass cls);

typedef struct {
    UrgencyClass cls;
    gint64 urgent_at;
    gint64 install_within_s; /* 0: the vendor says nothing */
    char *reason;            /* "exploited", may be NULL */
    char **advisories;       /* ids, never NULL */
} Urgency;

typedef struct {
    gint64 after_s;
    guint permyriad;
} CurvePoint;

typedef struct {
    char *id;
    gint64 start;
    GArray *curve; /* CurvePoint, ascending */
} Rollout;

typedef struct {
    char *repository; /* which configured repository offered it; set by the reader of the catalogue */
    char *publisher;
    char *name;
    char *version;
    char *arch;
    char *path; /* "packages/SHA256.NAME_VERSION_ARCH.qpkg" */
    gint64 size_bytes;
    char *sha256;
    char *data_sha256; /* may be NULL */
    gint64 installed_bytes;
    gint64 files;
    char **requires; /* requirement grammar, one item each; never NULL */
    char **conflicts;
    char **provides;
    char **obsoletes;
    char *os_min; /* or NULL */
    char *os_max;
    char **migrates; /* what of the user's its hooks convert (APPCENTER_MIGRATES); may be NULL */
    json_t *summary; /* {lang: text}, may be NULL */
    json_t *changes;
    gint64 published_at;
    Urgency *urgency; /* or NULL */
    Rollout *rollout; /* or NULL */
} Release;

void release_free(Release *release);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Release, release_free)
Release *release_copy(const Release *release);
/* One catalogue line's object. */
Release *release_from_json(json_t *value, const char *what, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The same object again, for the vendor and for the cache; new reference. */
json_t *release_to_json(const Release *release);
/* NORMAL when the vendor gave no urgency. A publisher other than "vendor" cannot grant EMERGENCY: capped at CRITICAL. */
UrgencyClass release_class(const Release *release);
/* Text in the best language: exact, then "en", then any, then "". Borrowed. */
const char *localized_text(const json_t *texts, const char *lang);
/* Order of the catalogue: name by bytes, version order, arch. For qsort-like users over Release*. */
int release_compare(const Release *a, const Release *b);

typedef struct {
    char *name;
    char **apps;     /* the names it may speak for */
    char *ca_sha256; /* of the CA that signs its archives */
    char *ca_pem;    /* our own member: the CA itself, so that a box need not have it already; or NULL */
} PublisherBinding;

typedef struct {
    char *publisher;
    gint64 serial;
    gint64 releases; /* how many lines follow */
    gint64 published_at;
    GHashTable *publishers; /* name -> PublisherBinding*; may be empty */
} CatalogueHeader;

void catalogue_header_free(CatalogueHeader *header);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CatalogueHeader, catalogue_header_free)
const PublisherBinding *catalogue_header_publisher(const CatalogueHeader *header, const char *publisher);
CatalogueHeader *catalogue_header_from_json(json_t *value, const char *what,
                                            GError **error) G_GNUC_WARN_UNUSED_RESULT;
json_t *catalogue_header_to_json(const CatalogueHeader *header);

/* Streams an uncompressed catalogue: feed pieces of any size, each whole release goes to the callback (which takes it).
 * Checks order, duplicates, count against the header, publisher, line length. */
typedef struct CatalogueReader CatalogueReader;
typedef gboolean (*CatalogueSink)(Release *release, gpointer user_data, GError **error);
CatalogueReader *catalogue_reader_new(const char *repository, const char *expected_publisher,
                                      CatalogueSink sink, gpointer user_data);
gboolean catalogue_reader_feed(CatalogueReader *reader, const void *data, gsize len,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Ends it: the last line must be complete and the count right. The header is borrowed until free. */
gboolean catalogue_reader_finish(CatalogueReader *reader, const CatalogueHeader **header,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;
void catalogue_reader_free(CatalogueReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CatalogueReader, catalogue_reader_free)

/* --- brake: deny-only --- */
typedef enum { BRAKE_HALT, BRAKE_WITHDRAW } BrakeAction;
typedef struct {
    char *name;
    char *version;
    char *arch; /* NULL: every */
    BrakeAction action;
    char *go_back_to; /* withdraw only, or NULL */
    char *reason;
    gint64 at;
} BrakeEntry;
typedef struct {
    gint64 serial;
    GPtrArray *entries; /* BrakeEntry* */
} Brake;
void brake_free(Brake *brake);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Brake, brake_free)
Brake *brake_parse(const void *data, gsize len, GError **error) G_GNUC_WARN_UNUSED_RESULT;
json_t *brake_to_json(const Brake *brake);
/* The entry that stops this release, or NULL. */
const BrakeEntry *brake_find(const Brake *brake, const char *name, const char *version, const char *arch);

/* --- advisories: OSV records, JSON Lines with a header like the catalogue's --- */
typedef struct {
    char *introduced; /* "0" or a version; */
    char *fixed;      /* or NULL: not fixed */
    char *os_line; /* our member ecosystem_specific.os_line, e.g. "5.1", or of "QTS:5.1"; NULL: every line */
} AffectedRange;
typedef struct {
    char *repository; /* whose it is; set by the reader of the repositories, else NULL */
    char *id;
    char **aliases;
    char *summary;
    char *app;
    UrgencyClass cls; /* database_specific.class; IMPORTANT when absent: it is about a hole */
    gint64 published_at;
    gboolean withdrawn;
    GPtrArray *ranges; /* AffectedRange* */
    char **
        archive_sha256; /* our member ecosystem_specific.archive_sha256: archives that are malicious; never NULL */
} Advisory;
void advisory_free(Advisory *advisory);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Advisory, advisory_free)
/* Array of Advisory*; one entry for each (record, affected app). CORRUPT names the line. */
GPtrArray *advisories_parse(const void *data, gsize len, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Is this installed version affected on a box of that OS version? *fixed (borrowed, may be NULL) is the fix. */
gboolean advisory_affects(const Advisory *advisory, const char *app, const char *version,
                          const char *os_version, const char **fixed);
/* Is the installed archive one that the advisory calls malicious, whatever its version? sha256 may be NULL. */
gboolean advisory_names_archive(const Advisory *advisory, const char *app, const char *sha256);

#endif
