/* catalogue_test.c - the catalogue as a stream: pieces of any size, and every way in which it may be wrong.
 */
#include "test.h"

#include <string.h>

#define HEADER(n)                                                                                            \
    "{'format':1,'publisher':'vendor','serial':42,'releases':" #n                                            \
    ",'published':'2026-11-22T09:00:00Z','publishers':"                                                      \
    "{'acme':{'apps':['AcmeMedia','AcmeTV'],'ca_sha256':'" SHA "'}}}\n"
#define LINE(name, version, arch)                                                                            \
    "{'name':'" name "','version':'" version "','arch':'" arch "','path':'packages/" SHA                     \
    ".x.qpkg','size':1,"                                                                                     \
    "'sha256':'" SHA "','published':'2026-11-22T08:40:00Z'}\n"

static gboolean collect(Release *release, gpointer user_data, GError **error)
{
    (void)error;
    g_ptr_array_add(user_data, release);
    return TRUE;
}

static gboolean read_catalogue(const char *quoted, gsize piece, GPtrArray *releases, GError **error)
{
    g_autofree char *text = json_text(quoted);
    g_autoptr(CatalogueReader) reader = catalogue_reader_new("main", "vendor", collect, releases);
    gsize len = strlen(text);
    for (gsize i = 0; i < len; i += piece)
        if (!catalogue_reader_feed(reader, text + i, MIN(piece, len - i), error))
            return FALSE;
    const CatalogueHeader *header = NULL;
    if (!catalogue_reader_finish(reader, &header, error))
        return FALSE;
    g_assert_cmpint(header->serial, ==, 42);
    return TRUE;
}

static void pieces_may_have_any_size(void)
{
    static const gsize pieces[] = {1, 2, 7, 100, 1000000};
    for (guint i = 0; i < G_N_ELEMENTS(pieces); i++) {
        g_autoptr(GPtrArray) releases = g_ptr_array_new_with_free_func((GDestroyNotify)release_free);
        g_autoptr(GError) error = NULL;
        g_assert_true(read_catalogue(HEADER(4) LINE("A", "9", "all") LINE("A", "10", "arm_64")
                                         LINE("A", "10", "x86_64") LINE("B", "1", "all"),
                                     pieces[i], releases, &error));
        g_assert_no_error(error);
        g_assert_cmpuint(releases->len, ==, 4);
        const Release *last = g_ptr_array_index(releases, 3);
        g_assert_cmpstr(last->name, ==, "B");
        g_assert_cmpstr(last->repository, ==, "main");
        g_assert_cmpstr(last->publisher, ==, "vendor");
    }
}

static void an_empty_catalogue_is_one(void)
{
    g_autoptr(GPtrArray) releases = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    g_assert_true(read_catalogue(HEADER(0), 64, releases, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(releases->len, ==, 0);
}

static void a_bad_line_is_named_by_its_number(void)
{
    static const struct {
        const char *text;
        AppcenterError kind;
        const char *part;
    } rows[] = {
        {"", APPCENTER_ERROR_CORRUPT, "wanted a header line, found nothing"},
        {"\n", APPCENTER_ERROR_CORRUPT, "catalogue line 1: json"},
        {"{'format':2,'publisher':'vendor'}\n", APPCENTER_ERROR_CORRUPT,
         "catalogue line 1: format: wanted an integer from 1 to 1"},
        {"{'format':1,'publisher':'acme','serial':42,'releases':0,'published':'2026-11-22T09:00:00Z'}\n",
         APPCENTER_ERROR_UNTRUSTED, "catalogue line 1: wanted the catalogue of vendor, found that of acme"},
        {HEADER(2) LINE("A", "1", "all"), APPCENTER_ERROR_CORRUPT, "wanted 2 releases, found 1"},
        {HEADER(1) LINE("A", "1", "all") LINE("B", "1", "all"), APPCENTER_ERROR_CORRUPT,
         "catalogue line 3: wanted 1 releases, found more"},
        {HEADER(2) LINE("B", "1", "all") LINE("A", "1", "all"), APPCENTER_ERROR_CORRUPT,
         "catalogue line 3: wanted a release behind B 1 all, found A 1 all"},
        {HEADER(2) LINE("A", "10", "all") LINE("A", "9", "all"), APPCENTER_ERROR_CORRUPT,
         "catalogue line 3: wanted a release"},
        {HEADER(2) LINE("A", "1", "all") LINE("A", "1", "all"), APPCENTER_ERROR_CORRUPT,
         "catalogue line 3: wanted a release"},
        {HEADER(2) LINE("A", "1.0", "all") LINE("A", "1.0.0", "all"), APPCENTER_ERROR_CORRUPT,
         "catalogue line 3: wanted a rel"},
        {HEADER(2) LINE("A", "1", "x86") LINE("A", "1", "all"), APPCENTER_ERROR_CORRUPT,
         "catalogue line 3: wanted a release"},
        {HEADER(1) LINE("a b", "1", "all"), APPCENTER_ERROR_CORRUPT, "catalogue line 2: name: wanted"},
        {HEADER(1) "{'name':'A','name':'B'}\n", APPCENTER_ERROR_CORRUPT, "catalogue line 2: json"},
        {HEADER(1) "{'size':1.5}\n", APPCENTER_ERROR_CORRUPT, "catalogue line 2: json"},
        {HEADER(1) "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]\n", APPCENTER_ERROR_CORRUPT,
         "wanted at most 16 levels"},
        {HEADER(1) "{}", APPCENTER_ERROR_CORRUPT, "catalogue line 2: wanted a whole line, found the end"},
        {HEADER(1) "[]\n", APPCENTER_ERROR_CORRUPT, "catalogue line 2"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GPtrArray) releases = g_ptr_array_new_with_free_func((GDestroyNotify)release_free);
        g_autoptr(GError) error = NULL;
        g_assert_false(read_catalogue(rows[i].text, 50, releases, &error));
        assert_refused(&error, rows[i].kind, rows[i].part);
    }
}

static void a_line_is_at_most_64_kib(void)
{
    g_autofree char *header = json_text(HEADER(1));
    for (gsize size = 65536; size <= 65537; size++) {
        g_autoptr(CatalogueReader) reader = catalogue_reader_new("main", NULL, collect, NULL);
        g_autoptr(GError) error = NULL;
        g_autofree char *line = g_strnfill(size, ' ');
        line[size - 1] = '7'; /* a whole JSON value, but no release */
        g_assert_true(catalogue_reader_feed(reader, header, strlen(header), &error));
        gboolean is_fed = catalogue_reader_feed(reader, line, size, &error) &&
                          catalogue_reader_feed(reader, "\n", 1, &error);
        g_assert_false(is_fed);
        assert_refused(&error, APPCENTER_ERROR_CORRUPT,
                       size > 65536 ? "line 2: wanted at most 65536 bytes"
                                    : "line 2: wanted an object, found 7");
    }
}

static gboolean refuse_all(Release *release, gpointer user_data, GError **error)
{
    release_free(release);
    ++*(int *)user_data;
    return error_set(error, APPCENTER_ERROR_IO, "the disk is full");
}

static void after_a_failure_it_stays_failed(void)
{
    g_autofree char *text = json_text(HEADER(2) LINE("A", "1", "all"));
    int n_calls = 0;
    g_autoptr(CatalogueReader) reader = catalogue_reader_new("main", "vendor", refuse_all, &n_calls);
    g_autoptr(GError) error = NULL;
    g_assert_false(catalogue_reader_feed(reader, text, strlen(text), &error));
    assert_refused(&error, APPCENTER_ERROR_IO, "catalogue line 2: the disk is full");
    g_assert_false(catalogue_reader_feed(reader, text, strlen(text), &error));
    assert_refused(&error, APPCENTER_ERROR_IO, "catalogue line 2: the disk is full");
    g_assert_false(catalogue_reader_finish(reader, NULL, &error));
    assert_refused(&error, APPCENTER_ERROR_IO, "catalogue line 2: the disk is full");
    g_assert_cmpint(n_calls, ==, 1);
}

static void the_header_binds_names_to_publishers(void)
{
    g_autoptr(json_t) value = json_value(HEADER(3));
    g_autoptr(GError) error = NULL;
    g_autoptr(CatalogueHeader) header = catalogue_header_from_json(value, "header", &error);
    g_assert_no_error(error);
    const PublisherBinding *acme = catalogue_header_publisher(header, "acme");
    g_assert_nonnull(acme);
    g_assert_cmpstr(acme->apps[1], ==, "AcmeTV");
    g_assert_null(catalogue_header_publisher(header, "other"));
    g_autoptr(json_t) written = catalogue_header_to_json(header);
    g_assert_true(json_equal(value, written));
}

static void only_the_vendors_header_binds(void)
{
    g_autoptr(json_t) value = json_value(HEADER(3));
    g_autoptr(GError) error = NULL;
    json_object_set_new(value, "publisher", json_string("evil"));
    g_autoptr(CatalogueHeader) header = catalogue_header_from_json(value, "header", &error);
    g_assert_no_error(error);
    g_assert_null(catalogue_header_publisher(header, "acme"));
}

static void a_bad_binding_is_refused(void)
{
    static const struct {
        const char *publishers, *part;
    } rows[] = {
        {"{'a/b':{'apps':[],'ca_sha256':'" SHA "'}}", "wanted a publisher's name"},
        {"{'../x':{'apps':[],'ca_sha256':'" SHA "'}}", "wanted a publisher's name"},
        {"{'acme':{'apps':['a/b'],'ca_sha256':'" SHA "'}}", "publishers.acme.apps: wanted app names"},
        {"{'acme':{'apps':['A']}}", "publishers.acme.ca_sha256: wanted"},
        {"{'acme':7}", "publishers.acme: wanted an object"},
        {"[1]", "publishers: wanted an object"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(json_t) value = json_value(HEADER(0));
        g_autoptr(GError) error = NULL;
        json_object_set_new(value, "publishers", json_value(rows[i].publishers));
        g_assert_null(catalogue_header_from_json(value, "header", &error));
        assert_refused(&error, APPCENTER_ERROR_CORRUPT, rows[i].part);
    }
}

void catalogue_tests(void)
{
    g_test_add_func("/catalogue/pieces_may_have_any_size", pieces_may_have_any_size);
    g_test_add_func("/catalogue/an_empty_catalogue_is_one", an_empty_catalogue_is_one);
    g_test_add_func("/catalogue/a_bad_line_is_named_by_its_number", a_bad_line_is_named_by_its_number);
    g_test_add_func("/catalogue/a_line_is_at_most_64_kib", a_line_is_at_most_64_kib);
    g_test_add_func("/catalogue/after_a_failure_it_stays_failed", after_a_failure_it_stays_failed);
    g_test_add_func("/catalogue/the_header_binds_names_to_publishers", the_header_binds_names_to_publishers);
    g_test_add_func("/catalogue/only_the_vendors_header_binds", only_the_vendors_header_binds);
    g_test_add_func("/catalogue/a_bad_binding_is_refused", a_bad_binding_is_refused);
}
