/* digest.c - SHA-256 and SHA-512 by EVP, over memory, streams and descriptors.
 *
 * Hides EVP. A digest cannot fail but for want of memory or a broken OpenSSL, so these functions abort then instead of
 * handing an error through every caller.
 */
#include "trust/digest.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
#include "trust/openssl.h"

#define READ_CHUNK_BYTES (256 * 1024)

struct Digest {
    EVP_MD_CTX *ctx;
};

static const EVP_MD *md_of(DigestKind kind)
{
    return kind == DIGEST_SHA512 ? EVP_sha512() : EVP_sha256();
}

static void must(int result)
{
    if (result != 1)
        g_error("digest: openssl refused to hash");
}

Digest *digest_new(DigestKind kind)
{
    Digest *digest = g_new0(Digest, 1);
    digest->ctx = EVP_MD_CTX_new();
    must(digest->ctx ? EVP_DigestInit_ex(digest->ctx, md_of(kind), NULL) : 0);
    return digest;
}

void digest_free(Digest *digest)
{
    if (!digest)
        return;
    EVP_MD_CTX_free(digest->ctx);
    g_free(digest);
}

void digest_update(Digest *digest, const void *data, gsize len)
{
    must(EVP_DigestUpdate(digest->ctx, data, len));
}

char *digest_finish_hex(Digest *digest)
{
    guint8 sum[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    must(EVP_DigestFinal_ex(digest->ctx, sum, &len));
    return units_hex(sum, len);
}

char *digest_hex_of(DigestKind kind, const void *data, gsize len)
{
    guint8 sum[EVP_MAX_MD_SIZE];
    unsigned int sum_len = 0;
    must(EVP_Digest(data, len, sum, &sum_len, md_of(kind), NULL));
    return units_hex(sum, sum_len);
}

/* One chunk, at most want bytes; 0 at the end, -1 with IO. */
static gssize read_chunk(int fd, void *buffer, gsize want, gint64 offset, GError **error)
{
    for (;;) {
        gssize got = pread(fd, buffer, want, (off_t)offset);
        if (got >= 0 || errno != EINTR) {
            if (got < 0)
                error_set_errno(error, "read to hash");
            return got;
        }
    }
}

char *digest_hex_of_fd(DigestKind kind, int fd, gint64 offset, gint64 len, GError **error)
{
    g_autoptr(Digest) digest = digest_new(kind);
    g_autofree guint8 *buffer = g_malloc(READ_CHUNK_BYTES);
    gint64 done = 0;
    while (len < 0 || done < len) {
        gsize want = len < 0 ? READ_CHUNK_BYTES : (gsize)MIN(len - done, READ_CHUNK_BYTES);
        gssize got = read_chunk(fd, buffer, want, offset + done, error);
        if (got < 0)
            return NULL;
        if (got == 0 && len >= 0) {
            error_set(error, APPCENTER_ERROR_CORRUPT,
                      "wanted %" G_GINT64_FORMAT " bytes to hash, found %" G_GINT64_FORMAT, len, done);
            return NULL;
        }
        if (got == 0)
            break;
        digest_update(digest, buffer, (gsize)got);
        done += got;
    }
    return digest_finish_hex(digest);
}

gboolean digest_equal(const char *a, const char *b)
{
    gsize len = strlen(a);
    return len > 0 && len == strlen(b) && CRYPTO_memcmp(a, b, len) == 0;
}

guint64 digest_sha256_prefix64(const void *data, gsize len)
{
    guint8 sum[EVP_MAX_MD_SIZE];
    guint64 prefix = 0;
    must(EVP_Digest(data, len, sum, NULL, EVP_sha256(), NULL));
    for (int i = 0; i < 8; i++)
        prefix = prefix << 8 | sum[i];
    return prefix;
}
