/* catalogue.c - the catalogue as a stream of lines: a header, then releases in strictly ascending order.
 *
 * Memory is bounded by one line. Hides how pieces are put together to lines and what makes a line acceptable;
 * every refusal names the line. After the first failure the reader stays failed.
 */
#include "model/release.h"

#include <string.h>

#include "model/fields.h"
#include "model/version.h"

#define CATALOGUE_FORMAT   1
#define LINE_BYTES_MAX     65536
#define JSON_DEPTH_MAX     16
#define RELEASES_MAX       10000000
#define PUBLISHERS_MAX     1000
#define PUBLISHER_APPS_MAX 1000
#define CA_PEM_BYTES_MAX   16384
#define SHA256_BYTES       32

/* ---- header ---- */

static void publisher_binding_free(PublisherBinding *binding)
{
    if (!binding)
        return;
    g_free(binding->name);
    g_strfreev(binding->apps);
    g_free(binding->ca_sha256);
    g_free(binding->ca_pem);
    g_free(binding);
}

void catalogue_header_free(CatalogueHeader *header)
{
    if (!header)
        return;
    g_free(header->publisher);
    g_hash_table_unref(header->publishers);
    g_free(header);
}

const PublisherBinding *catalogue_header_publisher(const CatalogueHeader *header, const char *publisher)
{
    return g_hash_table_lookup(header->publishers, publisher);
}

static void read_binding(JsonReader *reader, const char *name, GHashTable *publishers)
{
    if (!app_name_is_valid(name))
        json_reader_fail(reader, name, "wanted a publisher's name");
    if (!json_reader_enter(reader, name))
        return;
    PublisherBinding *binding = g_new0(PublisherBinding, 1);
    binding->name = g_strdup(name);
    binding->apps = json_reader_strings_or_empty(reader, "apps", PUBLISHER_APPS_MAX, LINE_BYTES_MAX);
    for (guint i = 0; binding->apps[i]; i++)
        if (!app_name_is_valid(binding->apps[i]))
            json_reader_fail(reader, "apps", "wanted app names, element %u is none", i);
    binding->ca_sha256 = g_strdup(json_reader_hex(reader, "ca_sha256", SHA256_BYTES));
    binding->ca_pem = g_strdup(json_reader_string_or(reader, "ca_pem", CA_PEM_BYTES_MAX, NULL));
    g_hash_table_replace(publishers, binding->name, binding);
    json_reader_leave(reader);
}

/* Only the vendor binds names to publishers; in anybody else's header the member has no meaning. */
static void read_publishers(JsonReader *reader, CatalogueHeader *header)
{
    if (g_strcmp0(header->publisher, "vendor") != 0 || !json_reader_enter_optional(reader, "publishers"))
        return;
    g_auto(GStrv) names = json_reader_members(reader, PUBLISHERS_MAX);
    for (guint i = 0; names[i] && json_reader_ok(reader); i++)
        read_binding(reader, names[i], header->publishers);
    json_reader_leave(reader);
}

CatalogueHeader *catalogue_header_from_json(json_t *value, const char *what, GError **error)
{
    g_autoptr(JsonReader) reader = json_reader_new(value, what);
    g_autoptr(CatalogueHeader) header = g_new0(CatalogueHeader, 1);
    header->publishers =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)publisher_binding_free);
    json_reader_integer(reader, "format", CATALOGUE_FORMAT, CATALOGUE_FORMAT);
    header->publisher = g_strdup(fields_app_name(reader, "publisher"));
    header->serial = json_reader_integer(reader, "serial", 0, G_MAXINT64);
    header->releases = json_reader_integer(reader, "releases", 0, RELEASES_MAX);
    header->published_at = json_reader_time(reader, "published");
    read_publishers(reader, header);
    return json_reader_finish(reader, error) ? g_steal_pointer(&header) : NULL;
}

static json_t *binding_to_json(const PublisherBinding *binding)
{
    json_t *object = json_object();
    json_object_set_new(object, "apps", fields_json_strings(binding->apps));
    json_object_set_new(object, "ca_sha256", json_string(binding->ca_sha256));
    if (binding->ca_pem)
        json_object_set_new(object, "ca_pem", json_string(binding->ca_pem));
    return object;
}

json_t *catalogue_header_to_json(const CatalogueHeader *header)
{
    json_t *publishers = json_object();
    GHashTableIter iter;
    gpointer binding;
    g_hash_table_iter_init(&iter, header->publishers);
    while (g_hash_table_iter_next(&iter, NULL, &binding))
        json_object_set_new(publishers, ((PublisherBinding *)binding)->name, binding_to_json(binding));
    json_t *object = json_object();
    json_object_set_new(object, "format", json_integer(CATALOGUE_FORMAT));
    json_object_set_new(object, "publisher", json_string(header->publisher));
    json_object_set_new(object, "serial", json_integer(header->serial));
    json_object_set_new(object, "releases", json_integer(header->releases));
    json_object_set_new(object, "published", fields_json_time(header->published_at));
    json_object_set_new(object, "publishers", publishers);
    return object;
}

/* ---- reader ---- */

struct CatalogueReader {
    char *repository;
    char *expected_publisher;
    CatalogueSink sink;
    gpointer user_data;
    GByteArray *partial; /* the line that has not ended yet */
    gint64 n_lines;
    gint64 n_releases;
    CatalogueHeader *header; /* NULL before line 1 */
    char *last_name, *last_version, *last_arch;
    GError *failure;
};

CatalogueReader *catalogue_reader_new(const char *repository, const char *expected_publisher,
                                      CatalogueSink sink, gpointer user_data)
{
    CatalogueReader *reader = g_new0(CatalogueReader, 1);
    reader->repository = g_strdup(repository);
    reader->expected_publisher = g_strdup(expected_publisher);
    reader->sink = sink;
    reader->user_data = user_data;
    reader->partial = g_byte_array_new();
    return reader;
}

void catalogue_reader_free(CatalogueReader *reader)
{
    if (!reader)
        return;
    g_free(reader->repository);
    g_free(reader->expected_publisher);
    g_byte_array_unref(reader->partial);
    catalogue_header_free(reader->header);
    g_free(reader->last_name);
    g_free(reader->last_version);
    g_free(reader->last_arch);
    g_clear_error(&reader->failure);
    g_free(reader);
}

static gboolean take_header(CatalogueReader *reader, json_t *value, const char *what, GError **error)
{
    reader->header = catalogue_header_from_json(value, what, error);
    if (!reader->header)
        return FALSE;
    if (reader->expected_publisher && strcmp(reader->header->publisher, reader->expected_publisher) != 0)
        return error_set(error, APPCENTER_ERROR_UNTRUSTED, "%s: wanted the catalogue of %s, found that of %s",
                         what, reader->expected_publisher, reader->header->publisher);
    return TRUE;
}

/* Strictly ascending: that also means no release twice, 1.0 and 1.0.0 being the same. */
static gboolean check_order(CatalogueReader *reader, const Release *release, const char *what, GError **error)
{
    const Release last = {
        .name = reader->last_name, .version = reader->last_version, .arch = reader->last_arch};
    if (last.name && release_compare(&last, release) >= 0)
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "%s: wanted a release behind %s %s %s, found %s %s %s", what, last.name,
                         last.version, last.arch, release->name, release->version, release->arch);
    if (reader->n_releases == reader->header->releases)
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "%s: wanted %" G_GINT64_FORMAT " releases, found more", what,
                         reader->header->releases);
    return TRUE;
}

static void remember(CatalogueReader *reader, const Release *release)
{
    g_free(reader->last_name);
    g_free(reader->last_version);
    g_free(reader->last_arch);
    reader->last_name = g_strdup(release->name);
    reader->last_version = g_strdup(release->version);
    reader->last_arch = g_strdup(release->arch);
    reader->n_releases++;
}

static gboolean take_release(CatalogueReader *reader, json_t *value, const char *what, GError **error)
{
    g_autoptr(Release) release = release_from_json(value, what, error);
    if (!release || !check_order(reader, release, what, error))
        return FALSE;
    release->repository = g_strdup(reader->repository);
    release->publisher = g_strdup(reader->header->publisher);
    remember(reader, release);
    if (!reader->sink(g_steal_pointer(&release), reader->user_data, error)) {
        g_prefix_error(error, "%s: ", what);
        return FALSE;
    }
    return TRUE;
}

static gboolean take_line(CatalogueReader *reader, const void *line, gsize len, GError **error)
{
    g_autofree char *what = g_strdup_printf("catalogue line %" G_GINT64_FORMAT, ++reader->n_lines);
    if (len > LINE_BYTES_MAX)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "%s: wanted at most %d bytes, found more", what,
                         LINE_BYTES_MAX);
    g_autoptr(json_t) value = json_parse_strict(line, len, JSON_DEPTH_MAX, TRUE, error);
    if (!value) {
        g_prefix_error(error, "%s: ", what);
        return FALSE;
    }
    return reader->header ? take_release(reader, value, what, error)
                          : take_header(reader, value, what, error);
}

static gboolean take_piece(CatalogueReader *reader, const char *data, gsize len, GError **error)
{
    while (len > 0) {
        const char *newline = memchr(data, '\n', len);
        gsize piece = newline ? (gsize)(newline - data) : len;
        /* one byte over the limit is kept, so that take_line sees that the line is too long */
        gsize kept = MIN(piece, LINE_BYTES_MAX + 1 - reader->partial->len);
        g_byte_array_append(reader->partial, (const guint8 *)data, (guint)kept);
        if (newline || reader->partial->len > LINE_BYTES_MAX) {
            if (!take_line(reader, reader->partial->data, reader->partial->len, error))
                return FALSE;
            g_byte_array_set_size(reader->partial, 0);
        }
        gsize used = newline ? piece + 1 : piece;
        data += used;
        len -= used;
    }
    return TRUE;
}

/* Keeps the first failure, so that a caller that goes on by mistake gets it again. */
static gboolean fail_for_good(CatalogueReader *reader, GError *failure, GError **error)
{
    if (failure)
        reader->failure = failure;
    if (error)
        *error = g_error_copy(reader->failure);
    return FALSE;
}

gboolean catalogue_reader_feed(CatalogueReader *reader, const void *data, gsize len, GError **error)
{
    GError *failure = NULL;
    if (reader->failure || !take_piece(reader, data, len, &failure))
        return fail_for_good(reader, failure, error);
    return TRUE;
}

static gboolean check_end(CatalogueReader *reader, GError **error)
{
    if (reader->partial->len > 0)
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "catalogue line %" G_GINT64_FORMAT ": wanted a whole line, found the end",
                         reader->n_lines + 1);
    if (!reader->header)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "catalogue: wanted a header line, found nothing");
    if (reader->n_releases != reader->header->releases)
        return error_set(error, APPCENTER_ERROR_CORRUPT,
                         "catalogue: wanted %" G_GINT64_FORMAT " releases, found %" G_GINT64_FORMAT,
                         reader->header->releases, reader->n_releases);
    return TRUE;
}

gboolean catalogue_reader_finish(CatalogueReader *reader, const CatalogueHeader **header, GError **error)
{
    GError *failure = NULL;
    if (reader->failure || !check_end(reader, &failure))
        return fail_for_good(reader, failure, error);
    if (header)
        *header = reader->header;
    return TRUE;
}
