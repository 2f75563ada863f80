/* archive_crc.c - the check sum that ends a gzip stream, which libarchive reads over.
 *
 * Every byte of a large package goes through here, so the processor's carry-less multiplication folds 64 bytes a step
 * where there is one; the rest, and other processors, take sixteen bytes a step by sixteen tables ("slicing"). A table
 * look-up a byte would cost half as much as to inflate it. Sources: RFC 1952 section 8; Gopal et al., Fast CRC
 * Computation for Generic Polynomials Using PCLMULQDQ (Intel 2009).
 */
#include "ports/archive_internal.h"

#include <string.h>
#ifdef __x86_64__
#include <wmmintrin.h>
#endif

#define POLYNOMIAL 0xedb88320u
#define SLICES     16

/* tables[k][b]: what byte b does to the sum when k more bytes follow it. */
static guint32 tables[SLICES][256];

static gpointer make_tables(gpointer unused)
{
    (void)unused;
    for (guint32 i = 0; i < 256; i++) {
        guint32 sum = i;
        for (int bit = 0; bit < 8; bit++)
            sum = sum & 1 ? POLYNOMIAL ^ (sum >> 1) : sum >> 1;
        tables[0][i] = sum;
    }
    for (guint k = 1; k < SLICES; k++)
        for (guint32 i = 0; i < 256; i++)
            tables[k][i] = tables[0][tables[k - 1][i] & 0xff] ^ (tables[k - 1][i] >> 8);
    return NULL;
}

/* Four bytes, of which the last has `below` more behind it in this step. */
static inline guint32 slice(const guint8 *bytes, guint32 mixed_in, guint below)
{
    guint32 word;
    memcpy(&word, bytes, sizeof word);
    word = GUINT32_FROM_LE(word) ^ mixed_in;
    return tables[below + 3][word & 0xff] ^ tables[below + 2][(word >> 8) & 0xff] ^
           tables[below + 1][(word >> 16) & 0xff] ^ tables[below][word >> 24];
}

static guint32 sum_by_tables(guint32 sum, const guint8 *bytes, gsize len)
{
    for (; len >= SLICES; bytes += SLICES, len -= SLICES)
        sum =
            slice(bytes, sum, 12) ^ slice(bytes + 4, 0, 8) ^ slice(bytes + 8, 0, 4) ^ slice(bytes + 12, 0, 0);
    for (gsize i = 0; i < len; i++)
        sum = tables[0][(sum ^ bytes[i]) & 0xff] ^ (sum >> 8);
    return sum;
}

#ifdef __x86_64__
#define LANES 4

/* What stands in x, moved on by the distance that `by` is made for, with what stands there. */
__attribute__((target("pclmul,sse2"))) static inline __m128i fold(__m128i x, __m128i by, __m128i there)
{
    return _mm_xor_si128(there,
                         _mm_xor_si128(_mm_clmulepi64_si128(x, by, 0x00), _mm_clmulepi64_si128(x, by, 0x11)));
}

/* Whole steps of 64 bytes, at least one; the sum of them all. */
__attribute__((target("pclmul,sse2"))) static guint32 sum_by_folding(guint32 sum, const guint8 *bytes,
                                                                     gsize len)
{
    const __m128i by_512_bits = _mm_set_epi64x(0x1c6e41596, 0x154442bd4);
    const __m128i by_128_bits = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
    const __m128i *next = (const __m128i *)(const void *)bytes;
    const __m128i *end = next + len / sizeof *next;
    __m128i lanes[LANES];
    guint8 rest[sizeof(__m128i)];
    for (guint i = 0; i < LANES; i++)
        lanes[i] = _mm_loadu_si128(next++);
    lanes[0] = _mm_xor_si128(lanes[0], _mm_cvtsi32_si128((int)sum));
    while (next < end)
        for (guint i = 0; i < LANES; i++)
            lanes[i] = fold(lanes[i], by_512_bits, _mm_loadu_si128(next++));
    for (guint i = 1; i < LANES; i++)
        lanes[i] = fold(lanes[i - 1], by_128_bits, lanes[i]);
    _mm_storeu_si128((__m128i *)(void *)rest, lanes[LANES - 1]);
    return sum_by_tables(0, rest, sizeof rest);
}

static guint32 sum_of(guint32 sum, const guint8 *bytes, gsize len)
{
    gsize whole = len - len % (LANES * sizeof(__m128i));
    if (whole > 0 && __builtin_cpu_supports("pclmul"))
        return sum_by_tables(sum_by_folding(sum, bytes, whole), bytes + whole, len - whole);
    return sum_by_tables(sum, bytes, len);
}
#else
#define sum_of sum_by_tables
#endif

guint32 archive_crc32(guint32 sum, const guint8 *bytes, gsize len)
{
    static GOnce once = G_ONCE_INIT;
    g_once(&once, make_tables, NULL);
    return ~sum_of(~sum, bytes, len);
}
