/* forge.h - certificates and signatures that our own tools refuse to make. */
#ifndef TRUST_TEST_FORGE_H
#define TRUST_TEST_FORGE_H

#include "test.h"

#include "trust/openssl.h"

#define FORGE_NOW G_GINT64_CONSTANT(1795338000) /* 2026-11-22T09:00:00Z */
#define FORGE_DAY 86400

typedef struct {
    X509 *x509;
    EVP_PKEY *key;
} Forged;

typedef struct {
    const char *name;        /* O and CN */
    const char *second_name; /* a second O; NULL: none */
    const char *basic;       /* extensions as OpenSSL writes them; NULL: without */
    const char *usage;
    const char *extended;
    const Forged *issuer; /* NULL: self-signed */
    const char *key_type; /* "P-256" when NULL; "P-384", "RSA-1024", "RSA-2048" */
    gint64 from;          /* 0: a year around FORGE_NOW */
    gint64 until;
} ForgeSpec;

/* A CA and a signer as they should be; more members may follow the name. */
#define FORGE_CA(n, ...)                                                                                     \
    forge((ForgeSpec){.name = (n), .basic = "critical,CA:TRUE", .usage = "keyCertSign", __VA_ARGS__})
#define FORGE_SIGNER(n, ...)                                                                                 \
    forge((ForgeSpec){.name = (n),                                                                           \
                      .basic = "critical,CA:FALSE",                                                          \
                      .usage = "digitalSignature",                                                           \
                      .extended = "codeSigning",                                                             \
                      __VA_ARGS__})

Forged *forge(ForgeSpec spec);
void forged_free(Forged *forged);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Forged, forged_free)

char *forged_pem(const Forged *forged);
char *forged_key_pem(const Forged *forged);
/* An array of one anchor. */
GPtrArray *forged_anchor(const Forged *forged);

typedef struct {
    const Forged *signers[2];
    const Forged *embedded[2]; /* more certificates inside */
    const char *digest;        /* "SHA256" when NULL */
    gint64 signed_at;          /* 0: FORGE_NOW; -1: no signing time */
    gboolean has_no_attributes;
    gboolean is_attached;
} ForgeCms;

/* DER over these bytes. */
GBytes *forge_cms(const ForgeCms *spec, const char *content);

#endif
