/* fuzz.c - see fuzz.h. */
#include "fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CONTENT                                                                                              \
    "#!/bin/sh\nscript_len=133\noffset=$(/usr/bin/expr $script_len + 10)\ncat data.tar.gz\n"                 \
    "offset=$(/usr/bin/expr $offset + 20)\nexit 1\nCCCCCCCCCCDDDDDDDDDDDDDDDDDDDD"
#define TAIL                                                                                                 \
    "                                        1000000000          Fuzz                1.0       QNAPQPKG  "

const FuzzPiece fuzz_good_content = {CONTENT, sizeof CONTENT - 1};
const FuzzPiece fuzz_good_tail = {TAIL, sizeof TAIL - 1};

int fuzz_file(const FuzzPiece *pieces)
{
    static int fd = -1;
    g_autoptr(GError) error = NULL;
    if (fd < 0)
        fd = memfd_create("fuzz", MFD_CLOEXEC);
    g_assert_true(fd >= 0 && ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    for (; pieces->data; pieces++)
        g_assert_true(files_write_all(fd, pieces->data, pieces->len, &error));
    return fd;
}

void fuzz_check_refusal(const GError *error)
{
    g_assert_nonnull(error);
    g_assert_true(error->domain == APPCENTER_ERROR);
    if (error->code != APPCENTER_ERROR_CORRUPT && error->code != APPCENTER_ERROR_UNTRUSTED)
        g_error("wanted a refusal, found %s: %s", error_code_name((AppcenterError)error->code),
                error->message);
    g_assert_true(*error->message && g_utf8_validate(error->message, -1, NULL));
    for (const char *c = error->message; *c; c++)
        if ((guint8)*c < 0x20)
            g_error("a control byte 0x%02x in the sentence \"%s\"", (guint8)*c, error->message);
}

void fuzz_layout(int fd)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(QpkgLayout) layout = qpkg_layout_read(fd, &error);
    if (!layout) {
        fuzz_check_refusal(error);
        return;
    }
    gint64 content = layout->script_bytes + layout->control_bytes + layout->data_bytes + layout->extra_bytes;
    g_assert_true(layout->script_bytes > 0 && layout->control_bytes > 0 && layout->data_bytes > 0);
    g_assert_true(content == layout->content_bytes && layout->area_bytes >= 0);
    g_assert_true(content + layout->area_bytes + QPKG_TAIL_BYTES == layout->file_bytes);
    for (guint i = 0; i < layout->records->len; i++) {
        const QpkgRecord *record = &g_array_index(layout->records, QpkgRecord, i);
        g_assert_true(record->offset > content &&
                      record->offset + record->length < layout->file_bytes - QPKG_TAIL_BYTES);
        g_autoptr(GError) refusal = NULL;
        g_autoptr(GBytes) payload = qpkg_read_record(fd, layout, record->type, &refusal);
        if (!payload)
            fuzz_check_refusal(refusal);
    }
}
