/* signature.c - which bytes of an archive its signatures cover, and their check.
 *
 * QDK's signatures leave the tail open, so name, version and model there can be changed on a signed file. Ours covers
 * content and tail, but for the size field, which changes when a record is added (formats.md).
 */
#include "qpkg/internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    CmsSource source; /* first, so that the source's address is ours */
    int fd;
    gint64 content_bytes;
    gint64 tail_bytes; /* 0: the content alone is signed */
    gint64 tail_offset;
    gint64 position; /* in the signed bytes: the content, then the tail */
} SignedSource;

/* Bytes [from, from + n) of the tail lie in out; those of its size field become blanks. */
static void blank_size_field(guint8 *out, gint64 from, gint64 n)
{
    gint64 first = MAX(from, TAIL_ENCRYPT_AT);
    gint64 end = MIN(from + n, TAIL_ENCRYPT_AT + TAIL_FIELD_BYTES);
    if (first < end)
        memset(out + (first - from), ' ', (gsize)(end - first));
}

static gssize signed_source_read(gpointer user_data, void *buffer, gsize len)
{
    SignedSource *self = user_data;
    gint64 in_tail = self->position - self->content_bytes;
    gint64 left = in_tail < 0 ? -in_tail : self->tail_bytes - in_tail;
    gint64 offset = in_tail < 0 ? self->position : self->tail_offset + in_tail;
    gsize wanted = (gsize)MIN((gint64)MIN(len, G_MAXSSIZE), left);
    if (wanted == 0)
        return 0;
    ssize_t n = TEMP_FAILURE_RETRY(pread(self->fd, buffer, wanted, offset));
    if (n <= 0) /* the layout promised these bytes: an early end is a failure, not an end */
        return -1;
    if (in_tail >= 0)
        blank_size_field(buffer, in_tail, n);
    self->position += n;
    return n;
}

static CmsSource *source_new(int fd, const QpkgLayout *layout, gboolean has_tail)
{
    SignedSource *self = g_new0(SignedSource, 1);
    self->source.read = signed_source_read;
    self->source.user_data = self;
    self->fd = fd;
    self->content_bytes = layout->content_bytes;
    self->tail_bytes = has_tail ? QPKG_TAIL_BYTES : 0;
    self->tail_offset = layout->file_bytes - QPKG_TAIL_BYTES;
    return &self->source;
}

CmsSource *qpkg_signed_source_new(int fd, const QpkgLayout *layout)
{
    return source_new(fd, layout, TRUE);
}

void qpkg_signed_source_free(CmsSource *source)
{
    g_free(source);
}

CmsSource *qpkg_content_source_new(int fd, const QpkgLayout *layout)
{
    return source_new(fd, layout, FALSE);
}

gboolean qpkg_verify_legacy(int fd, const QpkgLayout *layout, GPtrArray *anchors, gint64 now, GError **error)
{
    g_autoptr(GBytes) smime = qpkg_read_record(fd, layout, QPKG_RECORD_CMS, error);
    if (!smime)
        return FALSE;
    gsize len;
    const void *data = g_bytes_get_data(smime, &len);
    g_autoptr(CmsSource) source = qpkg_content_source_new(fd, layout);
    return cms_verify_legacy(data, len, source, anchors, now, error);
}

gboolean qpkg_verify_strong(int fd, const QpkgLayout *layout, GPtrArray *anchors, gint64 now,
                            CmsSigner *signer, GError **error)
{
    g_auto(CmsSigner) found = {0};
    if (!qpkg_layout_record(layout, QPKG_RECORD_STRONG))
        return error_set(error, APPCENTER_ERROR_UNTRUSTED, "has no strong signature");
    g_autoptr(GBytes) der = qpkg_read_record(fd, layout, QPKG_RECORD_STRONG, error);
    if (!der)
        return FALSE;
    gsize len;
    const void *data = g_bytes_get_data(der, &len);
    g_autoptr(CmsSource) source = qpkg_signed_source_new(fd, layout);
    if (!cms_verify(data, len, source, anchors, now, &found, error))
        return FALSE;
    /* one that verifies does not excuse another that fails */
    if (qpkg_layout_record(layout, QPKG_RECORD_CMS) && !qpkg_verify_legacy(fd, layout, NULL, now, error))
        return FALSE;
    *signer = found;
    found = (CmsSigner){0};
    return TRUE;
}
