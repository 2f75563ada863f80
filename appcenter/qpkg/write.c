/* write.c - puts an archive together: header, parts, tail; and adds a record to a finished one.
 *
 * The header has the lines that QDK's tool and QNAP's certificate tool look for, at the starts of lines, but inside a
 * function that nobody calls: whoever runs the file gets one sentence and exit 1. Nothing of time or place goes in, so
 * the same parts give the same bytes.
 */
#include "qpkg/internal.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_CHUNK_BYTES (256 * 1024)
#define DATA_ALIGN_BYTES 1024
#define SHEBANG          "#!/bin/sh\n"

static gboolean copy_range(int in_fd, gint64 offset, gint64 len, int out_fd, GError **error)
{
    g_autofree guint8 *chunk = g_malloc(COPY_CHUNK_BYTES);
    while (len > 0) {
        gsize n = (gsize)MIN(len, COPY_CHUNK_BYTES);
        if (!qpkg_pread(in_fd, chunk, n, offset, error) || !files_write_all(out_fd, chunk, n, error))
            return FALSE;
        offset += (gint64)n;
        len -= (gint64)n;
    }
    return TRUE;
}

/* ---- the header ---- */

/* What stands around the number of script_len, behind the first line: the texts before and behind it. */
static void header_texts(const QpkgParts *parts, gint64 control_bytes, gint64 data_bytes, gint64 extra_bytes,
                         GString *before, GString *behind)
{
    const QpkgArchCheck *check = qpkg_arch_check(parts->arch);
    const char *extension = qpkg_compression_extension(parts->compression);
    g_string_append(before, "/bin/echo \"install this package with: appctl install FILE\"\n");
    if (check)
        g_string_append_printf(before,
                               "arch_ok(){\n"
                               "local cpu_arch=$(/bin/uname -m)\n"
                               "local reject_platform=$(/sbin/getcfg \"\" Platform -f /etc/platform.conf)\n"
                               "[ $(/usr/bin/expr match \"$reject_platform\" \"%s\") -eq 0 ] || return 1\n"
                               "[ $(/usr/bin/expr match \"$cpu_arch\" \"%s\") -ne 0 ] || return 1\n"
                               "}\n",
                               check->rejected_platform, check->machine);
    g_string_append(before, "where_the_parts_are(){\nscript_len=");
    g_string_append_printf(behind,
                           "\n/bin/dd if=\"${0}\" bs=$script_len skip=1 | /bin/tar -xO | /bin/tar -xzv -C "
                           "$_EXTRACT_DIR || return 1\n"
                           "offset=$(/usr/bin/expr $script_len + %" G_GINT64_FORMAT ")\n"
                           "/bin/dd if=\"${0}\" bs=$offset skip=1 | /bin/cat | "
                           "/bin/dd bs=1024 count=%" G_GINT64_FORMAT
                           " of=$_EXTRACT_DIR/data.tar.%s || return 1\n"
                           "offset=$(/usr/bin/expr $offset + %" G_GINT64_FORMAT ")\n",
                           control_bytes, (data_bytes + 1023) / 1024, extension, data_bytes);
    if (extra_bytes > 0)
        g_string_append_printf(
            behind,
            "/bin/dd if=\"${0}\" bs=$offset skip=1 | /bin/tar -xv -C $_EXTRACT_DIR || return 1\n"
            "offset=$(/usr/bin/expr $offset + %" G_GINT64_FORMAT ")\n",
            extra_bytes);
    g_string_append(behind, "}\nexit 1\n");
}

/* script_len counts its own digits, so look for the number of digits that makes it true. A comment line fills up to
 * where the data begins at a multiple of 1024: QDK's reader pipes the data through dd with blocks of 1024, and loses the
 * ends of short blocks otherwise. */
static char *make_header(const QpkgParts *parts, gint64 control_bytes, gint64 data_bytes, gint64 extra_bytes)
{
    g_autoptr(GString) before = g_string_new(NULL);
    g_autoptr(GString) behind = g_string_new(NULL);
    header_texts(parts, control_bytes, data_bytes, extra_bytes, before, behind);
    gint64 bare_bytes = (gint64)(before->len + behind->len) + (gint64)strlen(SHEBANG) +
                        2; /* with a comment of no letters: "#\n" */
    for (gint64 n_digits = 1;; n_digits++) {
        gint64 data_at = bare_bytes + n_digits + control_bytes;
        gint64 filling = (DATA_ALIGN_BYTES - data_at % DATA_ALIGN_BYTES) % DATA_ALIGN_BYTES;
        g_autofree char *digits = g_strdup_printf("%" G_GINT64_FORMAT, bare_bytes + n_digits + filling);
        if ((gint64)strlen(digits) != n_digits)
            continue;
        g_autofree char *comment = g_strnfill((gsize)filling + 1, '#');
        return g_strconcat(SHEBANG, comment, "\n", before->str, digits, behind->str, NULL);
    }
}

/* ---- the tail ---- */

static void put_field(char *tail, gsize at, gsize width, const char *text)
{
    for (gsize i = 0; i < width && text[i]; i++) /* the rest stays blank */
        tail[at + i] = text[i];
}

static gboolean write_tail(int out_fd, const QpkgParts *parts, gint64 file_bytes, GError **error)
{
    char tail[QPKG_TAIL_BYTES];
    memset(tail, ' ', sizeof tail);
    put_field(tail, TAIL_MODEL_AT, TAIL_FIELD_BYTES, parts->model ? parts->model : "");
    qpkg_tail_encrypt(file_bytes, tail + TAIL_ENCRYPT_AT);
    put_field(tail, TAIL_NAME_AT, TAIL_NAME_BYTES, parts->identity->name);
    put_field(tail, TAIL_VERSION_AT, TAIL_FIELD_BYTES, parts->identity->version);
    put_field(tail, TAIL_MAGIC_AT, TAIL_FIELD_BYTES, TAIL_MAGIC);
    return files_write_all(out_fd, tail, sizeof tail, error);
}

/* ---- a new archive ---- */

static gboolean model_is_valid(const char *model)
{
    if (!model)
        return TRUE;
    for (const char *c = model; *c; c++) {
        if (!g_ascii_isgraph(*c))
            return FALSE;
    }
    return strlen(model) <= TAIL_FIELD_BYTES;
}

static gboolean part_size(int fd, const char *what, gint64 *bytes, GError **error)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return error_set_errno(error, "look at the %s archive", what);
    if (!S_ISREG(st.st_mode) || st.st_size == 0)
        return error_set(error, APPCENTER_ERROR_INVALID, "%s archive: wanted a file that is not empty", what);
    *bytes = st.st_size;
    return TRUE;
}

gboolean qpkg_write(int out_fd, const QpkgParts *parts, GError **error)
{
    gint64 control_bytes = 0, data_bytes = 0, extra_bytes = 0;
    if (strcmp(parts->arch, "all") != 0 && !qpkg_arch_check(parts->arch))
        return error_set(error, APPCENTER_ERROR_INVALID,
                         "wanted an architecture that QDK knows, found \"%s\"", parts->arch);
    if (!model_is_valid(parts->model))
        return error_set(error, APPCENTER_ERROR_INVALID, "model: wanted at most %d letters, found \"%s\"",
                         TAIL_FIELD_BYTES, parts->model);
    if (!part_size(parts->control_fd, "control", &control_bytes, error) ||
        !part_size(parts->data_fd, "data", &data_bytes, error) ||
        (parts->extra_fd >= 0 && !part_size(parts->extra_fd, "extra", &extra_bytes, error)))
        return FALSE;
    g_autofree char *header = make_header(parts, control_bytes, data_bytes, extra_bytes);
    gint64 content_bytes = (gint64)strlen(header) + control_bytes + data_bytes + extra_bytes;
    return files_write_all(out_fd, header, strlen(header), error) &&
           copy_range(parts->control_fd, 0, control_bytes, out_fd, error) &&
           copy_range(parts->data_fd, 0, data_bytes, out_fd, error) &&
           copy_range(parts->extra_fd, 0, extra_bytes, out_fd, error) &&
           write_tail(out_fd, parts, content_bytes + QPKG_TAIL_BYTES, error);
}

/* ---- one more record ---- */

static gboolean write_record_head(int out_fd, guint8 type, gint64 length, GError **error)
{
    guint8 head[AREA_RECORD_HEAD] = {type};
    guint32 big_endian = GUINT32_TO_BE((guint32)length);
    memcpy(head + 1, &big_endian, sizeof big_endian);
    return files_write_all(out_fd, head, sizeof head, error);
}

/* Head and payload of an old record, as they are. */
static gboolean copy_record(int in_fd, const QpkgRecord *record, int out_fd, GError **error)
{
    return write_record_head(out_fd, record->type, record->length, error) &&
           copy_range(in_fd, record->offset, record->length, out_fd, error);
}

static gboolean write_record(guint8 type, GBytes *payload, int out_fd, GError **error)
{
    gsize len;
    const void *data = g_bytes_get_data(payload, &len);
    return write_record_head(out_fd, type, (gint64)len, error) && files_write_all(out_fd, data, len, error);
}

/* The strong record comes first (formats.md), any other last. */
static gboolean write_area(int in_fd, const QpkgLayout *layout, guint8 type, GBytes *payload, int out_fd,
                           gint64 *area_bytes, GError **error)
{
    const guint8 end = AREA_END;
    gboolean is_first = type == QPKG_RECORD_STRONG;
    *area_bytes = AREA_MAGIC_BYTES + AREA_RECORD_HEAD + (gint64)g_bytes_get_size(payload) + 1;
    if (!files_write_all(out_fd, AREA_MAGIC, AREA_MAGIC_BYTES, error) ||
        (is_first && !write_record(type, payload, out_fd, error)))
        return FALSE;
    for (guint i = 0; i < layout->records->len; i++) {
        const QpkgRecord *record = &g_array_index(layout->records, QpkgRecord, i);
        if (record->type == type)
            continue;
        *area_bytes += AREA_RECORD_HEAD + record->length;
        if (!copy_record(in_fd, record, out_fd, error))
            return FALSE;
    }
    return (is_first || write_record(type, payload, out_fd, error)) &&
           files_write_all(out_fd, &end, 1, error);
}

gboolean qpkg_write_with_record(int in_fd, const QpkgLayout *layout, guint8 type, GBytes *payload, int out_fd,
                                GError **error)
{
    char tail[QPKG_TAIL_BYTES];
    gint64 area_bytes = 0;
    if (type == AREA_END || g_bytes_get_size(payload) > RECORD_MAX_BYTES)
        return error_set(error, APPCENTER_ERROR_INVALID,
                         "record of type %u and %" G_GSIZE_FORMAT
                         " bytes: wanted a type below 255 and at most %d bytes",
                         type, g_bytes_get_size(payload), RECORD_MAX_BYTES);
    if (!copy_range(in_fd, 0, layout->content_bytes, out_fd, error) ||
        !write_area(in_fd, layout, type, payload, out_fd, &area_bytes, error) ||
        !qpkg_pread(in_fd, tail, sizeof tail, layout->file_bytes - QPKG_TAIL_BYTES, error))
        return FALSE;
    qpkg_tail_encrypt(layout->content_bytes + area_bytes + QPKG_TAIL_BYTES, tail + TAIL_ENCRYPT_AT);
    return files_write_all(out_fd, tail, sizeof tail, error);
}
