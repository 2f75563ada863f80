/* area.c - what follows the content: the QDK area with its signature records, and the 100-byte tail.
 *
 * Neither is covered by QDK's own signature, so nothing here is believed; the grammar must hold to the last byte, so
 * that there is no room for bytes that another reader would see. Sources: qpkg-format.md 2 and 3.
 */
#include "qpkg/internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

const QpkgRecord *qpkg_layout_record(const QpkgLayout *layout, guint8 type)
{
    for (guint i = 0; i < layout->records->len; i++) {
        const QpkgRecord *record = &g_array_index(layout->records, QpkgRecord, i);
        if (record->type == type)
            return record;
    }
    return NULL;
}

gboolean qpkg_pread(int fd, void *buffer, gsize len, gint64 offset, GError **error)
{
    guint8 *rest = buffer;
    while (len > 0) {
        ssize_t n = TEMP_FAILURE_RETRY(pread(fd, rest, len, offset));
        if (n < 0)
            return error_set_errno(error, "read at byte %" G_GINT64_FORMAT, offset);
        if (n == 0)
            return error_set(error, APPCENTER_ERROR_CORRUPT,
                             "wanted %" G_GSIZE_FORMAT " more bytes, found the end of the file", len);
        rest += n;
        len -= (gsize)n;
        offset += n;
    }
    return TRUE;
}

/* ---- the area ---- */

/* One record at `at`, which ends at or before `end`; *next is the byte behind it. */
static gboolean read_record(int fd, QpkgLayout *layout, gint64 at, gint64 end, gint64 *next, GError **error)
{
    guint8 head[AREA_RECORD_HEAD];
    if (end - at < (gint64)sizeof head)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "wanted a record of 5 bytes or more, found %d",
                         (int)(end - at));
    if (!qpkg_pread(fd, head, sizeof head, at, error))
        return FALSE;
    guint32 length;
    memcpy(&length, head + 1, sizeof length);
    QpkgRecord record = {
        .type = head[0], .offset = at + (gint64)sizeof head, .length = GUINT32_FROM_BE(length)};
    if (record.length > end - record.offset)
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "record of type %u: wanted at most %" G_GINT64_FORMAT
                         " bytes, found %" G_GINT64_FORMAT,
                         record.type, end - record.offset, record.length);
    /* QDK takes the first of a type; who takes the last would see another signature */
    if (qpkg_layout_record(layout, record.type))
        return error_set(error, APPCENTER_ERROR_CORRUPT, "two records of type %u", record.type);
    if (layout->records->len == AREA_MAX_RECORDS)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "more than %d records", AREA_MAX_RECORDS);
    g_array_append_val(layout->records, record);
    *next = record.offset + record.length;
    return TRUE;
}

static gboolean read_area(int fd, QpkgLayout *layout, GError **error)
{
    char magic[AREA_MAGIC_BYTES];
    gint64 end = layout->content_bytes + layout->area_bytes;
    gint64 at = layout->content_bytes;
    if (layout->area_bytes < (gint64)sizeof magic + 1)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "wanted 4 bytes or more, found %d",
                         (int)layout->area_bytes);
    if (!qpkg_pread(fd, magic, sizeof magic, at, error))
        return FALSE;
    if (memcmp(magic, AREA_MAGIC, sizeof magic) != 0)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "wanted \"" AREA_MAGIC "\", found other bytes");
    at += (gint64)sizeof magic;
    while (at < end) {
        guint8 type;
        if (!qpkg_pread(fd, &type, 1, at, error))
            return FALSE;
        if (type == AREA_END && at == end - 1)
            return TRUE;
        if (type == AREA_END)
            return error_set(error, APPCENTER_ERROR_CORRUPT, "%" G_GINT64_FORMAT " bytes behind its end mark",
                             end - 1 - at);
        if (!read_record(fd, layout, at, end, &at, error))
            return FALSE;
    }
    return error_set(error, APPCENTER_ERROR_CORRUPT, "wanted an end mark, found none");
}

gboolean qpkg_area_read(int fd, QpkgLayout *layout, GError **error)
{
    if (layout->area_bytes == 0 || read_area(fd, layout, error))
        return TRUE;
    g_prefix_error(error, "signature area at byte %" G_GINT64_FORMAT ": ", layout->content_bytes);
    return FALSE;
}

GBytes *qpkg_read_record(int fd, const QpkgLayout *layout, guint8 type, GError **error)
{
    const QpkgRecord *record = qpkg_layout_record(layout, type);
    if (!record) {
        error_set(error, APPCENTER_ERROR_UNTRUSTED, "has no record of type %u", type);
        return NULL;
    }
    if (record->length > RECORD_MAX_BYTES) {
        error_set(error, APPCENTER_ERROR_CORRUPT,
                  "record of type %u: wanted at most %d bytes, found %" G_GINT64_FORMAT, type,
                  RECORD_MAX_BYTES, record->length);
        return NULL;
    }
    g_autofree guint8 *payload =
        g_malloc((gsize)record->length + 1); /* never NULL, also for an empty record */
    if (!qpkg_pread(fd, payload, (gsize)record->length, record->offset, error)) {
        g_prefix_error(error, "record of type %u: ", type);
        return NULL;
    }
    return g_bytes_new_take(g_steal_pointer(&payload), (gsize)record->length);
}

/* ---- the tail ---- */

void qpkg_tail_encrypt(gint64 file_bytes, char out[TAIL_FIELD_BYTES])
{
    g_autofree char *digits = g_strdup_printf("%" G_GINT64_FORMAT, file_bytes * 3589 + 1000000000);
    memcpy(out, digits,
           TAIL_FIELD_BYTES); /* the number has at least ten digits; what is behind them is cut */
}

/* A blank-padded field without its padding. */
static gboolean copy_field(const char *tail, gsize at, gsize width, const char *what, char *out,
                           GError **error)
{
    gsize len = width;
    while (len > 0 && tail[at + len - 1] == ' ')
        len--;
    for (gsize i = 0; i < len; i++) {
        if (!g_ascii_isprint(tail[at + i]))
            return error_set(error, APPCENTER_ERROR_CORRUPT,
                             "%s: wanted printable characters, found byte 0x%02x", what,
                             (guint8)tail[at + i]);
    }
    memcpy(out, tail + at, len);
    out[len] = '\0';
    return TRUE;
}

gboolean qpkg_ends_whole(int fd)
{
    char found[sizeof TAIL_MAGIC - 1];
    off_t end = lseek(fd, 0, SEEK_END);
    return end >= QPKG_TAIL_BYTES &&
           qpkg_pread(fd, found, sizeof found, end - QPKG_TAIL_BYTES + TAIL_MAGIC_AT, NULL) &&
           memcmp(found, TAIL_MAGIC, sizeof found) == 0;
}

static gboolean read_tail(int fd, QpkgLayout *layout, GError **error)
{
    char tail[QPKG_TAIL_BYTES], encrypt[TAIL_FIELD_BYTES];
    if (!qpkg_pread(fd, tail, sizeof tail, layout->file_bytes - QPKG_TAIL_BYTES, error))
        return FALSE;
    if (memcmp(tail + TAIL_MAGIC_AT, "QNAPQFIX", 8) == 0)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "wanted an app, found a firmware patch (QNAPQFIX)");
    if (memcmp(tail + TAIL_MAGIC_AT, TAIL_MAGIC, strlen(TAIL_MAGIC)) != 0)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "wanted \"" TAIL_MAGIC "\", found other bytes");
    if (!copy_field(tail, TAIL_MODEL_AT, TAIL_FIELD_BYTES, "model", layout->tail_model, error) ||
        !copy_field(tail, TAIL_FIRMWARE_AT, TAIL_FIELD_BYTES, "firmware", layout->tail_firmware, error) ||
        !copy_field(tail, TAIL_NAME_AT, TAIL_NAME_BYTES, "name", layout->tail_name, error) ||
        !copy_field(tail, TAIL_VERSION_AT, TAIL_FIELD_BYTES, "version", layout->tail_version, error))
        return FALSE;
    qpkg_tail_encrypt(layout->file_bytes, encrypt);
    layout->tail_size_matches = memcmp(tail + TAIL_ENCRYPT_AT, encrypt, sizeof encrypt) == 0;
    return TRUE;
}

gboolean qpkg_tail_read(int fd, QpkgLayout *layout, GError **error)
{
    if (read_tail(fd, layout, error))
        return TRUE;
    g_prefix_error(error, "tail: ");
    return FALSE;
}

/* The field is what the text becomes when it is cut to the field's width. */
static gboolean field_agrees(const char *field, const char *text, gsize width)
{
    return strlen(field) == MIN(strlen(text), width) && strncmp(field, text, width) == 0;
}

gboolean qpkg_tail_agrees(const QpkgLayout *layout, const QpkgIdentity *identity, GError **error)
{
    if (!field_agrees(layout->tail_name, identity->name, TAIL_NAME_BYTES))
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "qpkg.cfg says that this is %s, the tail says \"%s\"", identity->name,
                         layout->tail_name);
    if (!field_agrees(layout->tail_version, identity->version, TAIL_FIELD_BYTES))
        return error_set(error, APPCENTER_ERROR_CORRUPT, "qpkg.cfg says version %s, the tail says \"%s\"",
                         identity->version, layout->tail_version);
    return TRUE;
}
