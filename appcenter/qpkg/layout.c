/* layout.c - where the parts of an archive begin and end.
 *
 * The lengths stand in lines of the shell header. They are matched here letter by letter and never evaluated, and a
 * header that QDK's evaluation or QNAP's digit collector would read differently is refused (qpkg-format.md 1.1). The
 * sums are checked against the file's size, so that no byte belongs to nothing.
 */
#include "qpkg/internal.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCRIPT_LEN_DIGITS_MAX 9
#define PART_DIGITS_MAX       15 /* a petabyte less one byte; sums stay far from overflow */

static const char *const extensions[] = {
    [QPKG_GZIP] = "gz", [QPKG_BZIP2] = "bz2", [QPKG_XZ] = "xz", [QPKG_7Z] = "7z", [QPKG_ZSTD] = "zst",
};

const char *qpkg_compression_extension(QpkgCompression compression)
{
    return extensions[compression];
}

void qpkg_layout_free(QpkgLayout *layout)
{
    if (!layout)
        return;
    g_free(layout->arch);
    g_array_unref(layout->records);
    g_free(layout);
}

/* What the lines have said so far. */
typedef struct {
    gint64 script_bytes;
    gint64 parts[3]; /* control, data, extra */
    guint n_parts;
    gboolean has_compression;
    QpkgCompression compression;
    char *machine;
    char *rejected_platform;
} Header;

static void header_clear(Header *header)
{
    g_free(header->machine);
    g_free(header->rejected_platform);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Header, header_clear)

/* ---- one line ---- */

/* PREFIX digits SUFFIX, and nothing else on the line. The digits: no leading zero, at most digits_max. */
static gboolean parse_length_line(const char *line, const char *prefix, const char *suffix, gsize digits_max,
                                  gint64 *value)
{
    if (!g_str_has_prefix(line, prefix))
        return FALSE;
    const char *digits = line + strlen(prefix);
    gsize n = strspn(digits, "0123456789");
    if (n == 0 || n > digits_max || digits[0] == '0' || strcmp(digits + n, suffix) != 0)
        return FALSE;
    *value = g_ascii_strtoll(digits, NULL, 10);
    return TRUE;
}

static gboolean take_script_len(Header *header, const char *line, GError **error)
{
    if (header->script_bytes != 0)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "a second script_len line");
    if (!parse_length_line(line, "script_len=", "", SCRIPT_LEN_DIGITS_MAX, &header->script_bytes))
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "wanted script_len= and a number of at most 9 digits, found something else");
    return TRUE;
}

static gboolean take_offset(Header *header, const char *line, GError **error)
{
    const char *prefix =
        header->n_parts == 0 ? "offset=$(/usr/bin/expr $script_len + " : "offset=$(/usr/bin/expr $offset + ";
    if (header->script_bytes == 0)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "an offset line before the script_len line");
    if (header->n_parts == G_N_ELEMENTS(header->parts))
        return error_set(error, APPCENTER_ERROR_CORRUPT, "a fourth offset line");
    if (!parse_length_line(line, prefix, ")", PART_DIGITS_MAX, &header->parts[header->n_parts]))
        return error_set(error, APPCENTER_ERROR_CORRUPT, "wanted %sLENGTH), found something else", prefix);
    header->n_parts++;
    return TRUE;
}

/* Every "data.tar.EXT" on the line; all of the header must name the same. */
static gboolean take_compression(Header *header, const char *line, GError **error)
{
    static const char name[] = "data.tar.";
    for (const char *at = strstr(line, name); at; at = strstr(at, name)) {
        at += strlen(name);
        gsize len = strspn(at, "0123456789abcdefghijklmnopqrstuvwxyz");
        gsize found = 0;
        while (found < G_N_ELEMENTS(extensions) &&
               !(strlen(extensions[found]) == len && strncmp(extensions[found], at, len) == 0))
            found++;
        if (found == G_N_ELEMENTS(extensions))
            return error_set(error, APPCENTER_ERROR_CORRUPT,
                             "wanted data.tar.gz, .bz2, .xz, .7z or .zst, found data.tar.%.*s",
                             (int)MIN(len, 16), at);
        if (header->has_compression && header->compression != (QpkgCompression)found)
            return error_set(error, APPCENTER_ERROR_CORRUPT, "names both data.tar.%s and data.tar.%s",
                             extensions[header->compression], extensions[found]);
        header->has_compression = TRUE;
        header->compression = (QpkgCompression)found;
    }
    return TRUE;
}

/* The pattern of `expr match "$VARIABLE" "PATTERN"`, when the line has one. */
static gboolean take_pattern(const char *line, const char *variable, char **pattern, GError **error)
{
    g_autofree char *before = g_strdup_printf("/usr/bin/expr match \"$%s\" \"", variable);
    const char *at = strstr(line, before);
    if (!at)
        return TRUE;
    at += strlen(before);
    const char *end = strchr(at, '"');
    if (!end)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "the pattern for $%s does not end", variable);
    if (*pattern)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "a second pattern for $%s", variable);
    *pattern = g_strndup(at, (gsize)(end - at));
    return TRUE;
}

static gboolean take_line(Header *header, const char *line, GError **error)
{
    if (g_str_has_prefix(line, "script_len"))
        return take_script_len(header, line, error);
    if (g_str_has_prefix(line, "offset"))
        return take_offset(header, line, error);
    /* QNAP's tool stops collecting here; a search without anchors would count these */
    if (g_str_has_prefix(line, "control.tar.gz"))
        return error_set(error, APPCENTER_ERROR_CORRUPT, "starts with control.tar.gz");
    if (strstr(line, "script_len=") || strstr(line, "offset="))
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "a length that does not stand at the start of its line");
    return take_compression(header, line, error) && take_pattern(line, "cpu_arch", &header->machine, error) &&
           take_pattern(line, "reject_platform", &header->rejected_platform, error);
}

/* ---- the header ---- */

/* Lines up to the first that starts with "exit 1", which must be just that and end the script. */
static gboolean scan_lines(Header *header, const char *text, gsize len, GError **error)
{
    const char *end = text + len;
    guint number = 1;
    for (const char *start = text; start < end; number++) {
        const char *newline = memchr(start, '\n', (gsize)(end - start));
        if (!newline)
            break;
        g_autofree char *line = g_strndup(start, (gsize)(newline - start));
        if (strlen(line) != (gsize)(newline - start))
            return error_set(error, APPCENTER_ERROR_CORRUPT, "line %u: a zero byte", number);
        start = newline + 1;
        if (!g_str_has_prefix(line, "exit 1")) {
            if (take_line(header, line, error))
                continue;
            g_prefix_error(error, "line %u: ", number);
            return FALSE;
        }
        if (strcmp(line, "exit 1") != 0)
            return error_set(error, APPCENTER_ERROR_CORRUPT, "line %u: wanted \"exit 1\" alone, found more",
                             number);
        if (start - text != header->script_bytes)
            return error_set(error, APPCENTER_ERROR_CORRUPT,
                             "script_len is %" G_GINT64_FORMAT ", but the script ends at byte %td",
                             header->script_bytes, start - text);
        return TRUE;
    }
    return error_set(error, APPCENTER_ERROR_CORRUPT,
                     "no \"exit 1\" line in its first %" G_GSIZE_FORMAT " bytes", len);
}

/* A check that QDK does not write is no reason to refuse: the architecture can be told. */
static void arch_from_header(const Header *header, QpkgLayout *layout)
{
    gboolean has_check = header->machine || header->rejected_platform;
    const char *known = header->machine && header->rejected_platform
                            ? qpkg_arch_of_check(header->machine, header->rejected_platform)
                            : NULL;
    layout->arch = g_strdup(has_check ? known : "all");
}

static gboolean read_header(int fd, QpkgLayout *layout, GError **error)
{
    g_auto(Header) header = {0};
    gsize len = (gsize)MIN(layout->file_bytes, QPKG_MAX_HEADER_BYTES);
    g_autofree char *text = g_malloc(len);
    if (!qpkg_pread(fd, text, len, 0, error))
        return FALSE;
    if (len < 10 || memcmp(text, "#!/bin/sh\n", 10) != 0)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "wanted #!/bin/sh, found other bytes");
    if (!scan_lines(&header, text, len, error))
        return FALSE;
    if (header.n_parts < 2)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "wanted two offset lines or three, found %u",
                         header.n_parts);
    if (!header.has_compression)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "names no data.tar file");
    layout->script_bytes = header.script_bytes;
    layout->control_bytes = header.parts[0];
    layout->data_bytes = header.parts[1];
    layout->extra_bytes = header.parts[2];
    layout->compression = header.compression;
    arch_from_header(&header, layout);
    return TRUE;
}

/* ---- the whole ---- */

static gboolean add_up(QpkgLayout *layout, GError **error)
{
    layout->content_bytes =
        layout->script_bytes + layout->control_bytes + layout->data_bytes + layout->extra_bytes;
    layout->area_bytes = layout->file_bytes - QPKG_TAIL_BYTES - layout->content_bytes;
    if (layout->area_bytes < 0)
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "the header's lengths want a file of %" G_GINT64_FORMAT
                         " bytes or more, found %" G_GINT64_FORMAT,
                         layout->content_bytes + QPKG_TAIL_BYTES, layout->file_bytes);
    return TRUE;
}

QpkgLayout *qpkg_layout_read(int fd, GError **error)
{
    struct stat st;
    g_autoptr(QpkgLayout) layout = g_new0(QpkgLayout, 1);
    layout->records = g_array_new(FALSE, FALSE, sizeof(QpkgRecord));
    if (fstat(fd, &st) != 0) {
        error_set_errno(error, "look at the archive");
        return NULL;
    }
    if (!S_ISREG(st.st_mode)) {
        error_set(error, APPCENTER_ERROR_INVALID, "wanted a plain file");
        return NULL;
    }
    layout->file_bytes = st.st_size;
    if (!read_header(fd, layout, error)) {
        g_prefix_error(error, "header: ");
        return NULL;
    }
    if (!add_up(layout, error) || !qpkg_area_read(fd, layout, error) || !qpkg_tail_read(fd, layout, error))
        return NULL;
    return g_steal_pointer(&layout);
}
