/* refresh_catalogue.c - catalogues of the vendor and of the publishers that it binds, from targets into the store.
 *
 * Each is read twice: once to see that all of it is right, once into the database, where one import replaces all of a
 * repository. So a publisher's bad catalogue costs that publisher's apps only, and memory holds packed bytes only. An
 * import is skipped when the signed raw_sha256s are the ones imported last.
 */
#include "engine/refresh_internal.h"

#include <string.h>

#define VENDOR         "vendor"
#define VENDOR_ROLE    "releases"
#define VENDOR_PATH    "catalogue/vendor.jsonl.zst"
#define KIND           "catalogue"
#define PUBLISHERS_MAX TUF_MAX_DELEGATIONS

/* One catalogue that is to be imported. */
typedef struct {
    char *publisher;
    TufTarget *target;
    const char *raw_sha256;          /* of target->custom */
    GBytes *packed;                  /* NULL: not downloaded yet */
    const PublisherBinding *binding; /* NULL: the vendor's own */
} Source;

static void source_free(Source *source)
{
    if (!source)
        return;
    g_free(source->publisher);
    tuf_target_free(source->target);
    g_clear_pointer(&source->packed, g_bytes_unref);
    g_free(source);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Source, source_free)

static Source *find_source(Refresh *refresh, const char *publisher, const PublisherBinding *binding,
                           GError **error)
{
    g_autoptr(Source) source = g_new0(Source, 1);
    g_autofree char *path = g_strdup_printf("catalogue/%s.jsonl.zst", publisher);
    gint64 raw_length = 0;
    g_autoptr(GError) failure = NULL;
    source->publisher = g_strdup(publisher);
    source->binding = binding;
    source->target = refresh_search(refresh, path, binding ? publisher : VENDOR_ROLE, &failure);
    if (!source->target) {
        if (!failure)
            error_set(&failure, APPCENTER_ERROR_UNTRUSTED, "nobody vouches for %s", path);
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    return refresh_raw_of(source->target, KIND, &source->raw_sha256, &raw_length, error)
               ? g_steal_pointer(&source)
               : NULL;
}

/* ---- reading one catalogue ---- */

typedef struct {
    Store *store; /* NULL: only look */
    const PublisherBinding *binding;
    CatalogueReader *reader;
} Import;

/* A publisher speaks for the names that the vendor bound to it. */
static gboolean take_release(Release *release, gpointer user_data, GError **error)
{
    g_autoptr(Release) taken = release;
    const Import *import = user_data;
    if (import->binding && !g_strv_contains((const char *const *)import->binding->apps, taken->name))
        return error_set(error, APPCENTER_ERROR_UNTRUSTED, "%s may not speak for %s", import->binding->name,
                         taken->name);
    return !import->store || store_catalogue_add(import->store, taken, error);
}

static gboolean take_lines(const void *data, gsize len, gpointer user_data, GError **error)
{
    const Import *import = user_data;
    return catalogue_reader_feed(import->reader, data, len, error);
}

/* The reader, whose header is borrowed from it, after all of the catalogue went through; NULL on failure. */
static CatalogueReader *read_source(Refresh *refresh, const Source *source, Store *store,
                                    const CatalogueHeader **header, GError **error)
{
    Import import = {.store = store, .binding = source->binding};
    g_autoptr(CatalogueReader) reader =
        catalogue_reader_new(refresh->config->name, source->publisher, take_release, &import);
    import.reader = reader;
    if (!refresh_unpack(source->target, KIND, source->packed, take_lines, &import, error))
        return NULL;
    if (!catalogue_reader_finish(reader, header, error)) {
        g_prefix_error(error, "%s: ", source->target->path);
        return NULL;
    }
    return g_steal_pointer(&reader);
}

static gboolean get_packed(Refresh *refresh, Source *source, GError **error)
{
    if (!source->packed)
        source->packed = refresh_catalogue_from_cache(refresh, source->publisher, source->target);
    if (!source->packed)
        source->packed = refresh_download(refresh, source->target, error);
    return source->packed != NULL;
}

static CatalogueReader *download_and_check(Refresh *refresh, Source *source, const CatalogueHeader **header,
                                           GError **error)
{
    return get_packed(refresh, source, error) ? read_source(refresh, source, NULL, header, error) : NULL;
}

/* ---- the publishers that the vendor binds ---- */

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

static void note_failure(Refresh *refresh, const char *publisher, GError *failure)
{
    log_warning("refresh", "%s: catalogue of %s: %s", refresh->config->name, publisher, failure->message);
    g_prefix_error(&failure, "catalogue of %s: ", publisher);
    if (refresh->publisher_error)
        g_error_free(failure);
    else
        refresh->publisher_error = failure;
}

/* Sources of all publishers whose catalogue somebody vouches for, by name; the failures of others are noted. */
static void find_publishers(Refresh *refresh, const CatalogueHeader *header, GPtrArray *sources)
{
    g_autoptr(GList) names = g_list_sort(g_hash_table_get_keys(header->publishers), compare_names);
    guint n = 0;
    for (GList *link = names; link && n < PUBLISHERS_MAX; link = link->next, n++) {
        const char *name = link->data;
        GError *failure = NULL;
        if (strcmp(name, VENDOR) == 0)
            continue;
        Source *source = find_source(refresh, name, catalogue_header_publisher(header, name), &failure);
        if (source)
            g_ptr_array_add(sources, source);
        else
            note_failure(refresh, name, failure);
    }
}

/* Downloads and looks through every publisher's; the bad ones leave the list. */
static void check_publishers(Refresh *refresh, GPtrArray *sources)
{
    for (guint i = 1; i < sources->len;) {
        Source *source = g_ptr_array_index(sources, i);
        GError *failure = NULL;
        g_autoptr(CatalogueReader) reader = download_and_check(refresh, source, NULL, &failure);
        if (reader) {
            i++;
            continue;
        }
        note_failure(refresh, source->publisher, failure);
        g_ptr_array_remove_index(sources, i);
    }
}

/* ---- import ---- */

/* "vendor=HASH acme=HASH": what an import is known by. */
static char *fingerprint(const GPtrArray *sources)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < sources->len; i++) {
        const Source *source = g_ptr_array_index(sources, i);
        g_string_append_printf(text, "%s%s=%s", i ? " " : "", source->publisher, source->raw_sha256);
    }
    return g_string_free(text, FALSE);
}

static gboolean import_all(Refresh *refresh, const GPtrArray *sources, GError **error)
{
    Store *store = refresh->engine->store;
    for (guint i = 0; i < sources->len; i++) {
        const CatalogueHeader *header = NULL;
        g_autoptr(CatalogueReader) reader =
            read_source(refresh, g_ptr_array_index(sources, i), store, &header, error);
        if (!reader || !store_catalogue_add_header(store, refresh->config->name, header, error))
            return FALSE;
        log_info("refresh", "%s: catalogue of %s: %" G_GINT64_FORMAT " releases", refresh->config->name,
                 header->publisher, header->releases);
    }
    return TRUE;
}

static gboolean import(Refresh *refresh, const GPtrArray *sources, GError **error)
{
    Store *store = refresh->engine->store;
    if (!store_catalogue_begin(store, refresh->config->name, error))
        return FALSE;
    g_autofree char *source = fingerprint(sources);
    if (!import_all(refresh, sources, error) ||
        !store_catalogue_name_source(store, refresh->config->name, source, error) ||
        !store_catalogue_commit(store, error)) {
        store_catalogue_rollback(store);
        return FALSE;
    }
    /* at once: what the cache holds and what is known of it part for no longer than they must */
    g_free(refresh->repo->catalogue_sha256);
    refresh->repo->catalogue_sha256 = g_steal_pointer(&source);
    return store_repo_put(store, refresh->repo, error);
}

/* Has this vendor catalogue been imported already? Then its header is in the store. */
static CatalogueHeader *imported_header(Refresh *refresh, const Source *vendor)
{
    g_autofree char *mark = g_strdup_printf("%s=%s", VENDOR, vendor->raw_sha256);
    const char *imported = refresh->repo->catalogue_sha256;
    if (!imported || !g_str_has_prefix(imported, mark))
        return NULL;
    return store_catalogue_header(refresh->engine->store, refresh->config->name, VENDOR, NULL);
}

static gboolean take_sources(Refresh *refresh, GPtrArray *sources, const CatalogueHeader *header,
                             GError **error)
{
    find_publishers(refresh, header, sources);
    g_autofree char *wanted = fingerprint(sources);
    if (g_strcmp0(wanted, refresh->repo->catalogue_sha256) == 0)
        return TRUE;
    if (!get_packed(refresh, g_ptr_array_index(sources, 0), error))
        return FALSE;
    check_publishers(refresh, sources);
    if (!import(refresh, sources, error))
        return FALSE;
    refresh_raise_floor(refresh, header->published_at);
    for (guint i = 0; i < sources->len; i++) {
        const Source *source = g_ptr_array_index(sources, i);
        refresh_keep_catalogue(refresh, source->publisher, source->packed);
    }
    return TRUE;
}

gboolean refresh_catalogues(Refresh *refresh, GError **error)
{
    g_autoptr(GPtrArray) sources = g_ptr_array_new_with_free_func((GDestroyNotify)source_free);
    Source *vendor = find_source(refresh, VENDOR, NULL, error);
    if (!vendor)
        return FALSE;
    g_ptr_array_add(sources, vendor);
    if (refresh->repo->catalogue_sha256 &&
        !store_catalogue_is_of(refresh->engine->store, refresh->config->name,
                               refresh->repo->catalogue_sha256))
        g_clear_pointer(&refresh->repo->catalogue_sha256, g_free);
    g_autoptr(CatalogueHeader) imported = imported_header(refresh, vendor);
    if (imported)
        return take_sources(refresh, sources, imported, error);
    const CatalogueHeader *header = NULL;
    g_autoptr(CatalogueReader) reader = download_and_check(refresh, vendor, &header, error);
    return reader && take_sources(refresh, sources, header, error);
}
