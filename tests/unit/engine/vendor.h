/* vendor.h - a vendor and a NAS for tests: a repository of real signed metadata in a folder, served as file: URL, and an
 * engine on a private root that is configured to use it.
 */
#ifndef TESTS_UNIT_ENGINE_VENDOR_H
#define TESTS_UNIT_ENGINE_VENDOR_H

#include "tests.h"

#define NOW G_GINT64_CONSTANT(1900000000) /* 2030-03-17: later than any build of this test */

typedef struct {
    char *dir;                         /* host folder of both */
    char *root;                        /* the NAS */
    GHashTable *keys;                  /* role -> PrivateKey* */
    gint64 version;                    /* of every role but root; rises with each publish */
    gint64 now;                        /* vendor's clock */
    gint64 life_s;                     /* how long metadata is good */
    GString *releases, *acme_releases; /* catalogue lines, in order */
    guint n_releases, n_acme_releases;
    gboolean has_acme;      /* a publisher that is bound to AcmeMedia */
    const char *brake;      /* entries, JSON; NULL: no target */
    const char *advisories; /* JSON lines; NULL: no target */
    /* tricks */
    gboolean acme_vouches_for_all; /* delegated before releases, for catalogue too */
    gboolean lies_about_length;    /* custom.raw_length is one too few */
    gboolean swaps_catalogue;      /* other bytes at the catalogue's place than were signed */
} Vendor;

void vendor_init(Vendor *vendor);
void vendor_clear(Vendor *vendor);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Vendor, vendor_clear)

/* members: more JSON members, ", \"requires\": ...", or "". Must be added in catalogue order. */
void vendor_add(Vendor *vendor, const char *name, const char *version, const char *members);
void vendor_add_acme(Vendor *vendor, const char *name, const char *version);
/* Forgets all releases, to add them anew. */
void vendor_forget(Vendor *vendor);
/* A NAS trusts this vendor under that name; its own does so since vendor_init, as qnap with priority 50. */
void vendor_join(const Vendor *vendor, const char *nas_root, const char *name, int priority);
/* Signs and writes everything; the timestamp last. */
void vendor_publish(Vendor *vendor);

/* An engine on the NAS, at vendor->now. */
Engine *vendor_engine(Vendor *vendor);
void vendor_refresh(Engine *engine); /* must go well */
/* Puts an installed app into the store; requires: one item or NULL. */
void vendor_install(Engine *engine, const char *name, const char *version, const char *requires);
/* Writes the NAS's configuration. */
void vendor_configure(Vendor *vendor, const char *text);

/* "upgrade A 1.0 -> 1.1 (asked for); ... | left out: ..." or "refused: sentence". */
char *plan_words(Engine *engine, const Request *request);
/* "A 1.1 emergency now; B ..." of the ledger. */
char *offer_words(Engine *engine);

#endif
