/* publishers.c - whose signature counts for an archive: the CA that the vendor's signed catalogue binds to a publisher, or
 * a certificate that the admin put into /etc/appcenter/publishers.d.
 *
 * Hides the order of these. A binding in the catalogue is always final: a publisher that it names speaks for the apps that
 * it lists and under the CA that it names, and for nothing else. Only the vendor may list none: it speaks for the rest.
 */
#include "engine/internal.h"

#include <string.h>

#define PUBLISHERS_DIR "/etc/appcenter/publishers.d"
#define PEM_BYTES_MAX  (256 * 1024)
#define VENDOR         "vendor"

/* ---- certificates of the admin ---- */

static gboolean add_file(const Engine *engine, const char *name, GPtrArray *found, GError **error)
{
    g_autofree char *path = g_build_filename(PUBLISHERS_DIR, name, NULL);
    g_autoptr(GBytes) pem = root_dir_read(engine->root, path, PEM_BYTES_MAX, error);
    g_autoptr(GPtrArray) certificates =
        pem ? certificates_from_pem(g_bytes_get_data(pem, NULL), g_bytes_get_size(pem), error) : NULL;
    if (!certificates) {
        g_prefix_error(error, "%s: ", path);
        return FALSE;
    }
    g_ptr_array_set_free_func(certificates, NULL);
    for (guint i = 0; i < certificates->len; i++)
        g_ptr_array_add(found, g_ptr_array_index(certificates, i));
    return TRUE;
}

/* A file that cannot be read vouches for nobody; it is told and passed over. */
static GPtrArray *admin_certificates(const Engine *engine)
{
    GPtrArray *found = g_ptr_array_new_with_free_func((GDestroyNotify)certificate_free);
    g_auto(GStrv) names = root_dir_list(engine->root, PUBLISHERS_DIR, NULL);
    for (guint i = 0; names && names[i]; i++) {
        g_autoptr(GError) error = NULL;
        if (g_str_has_suffix(names[i], ".pem") && !add_file(engine, names[i], found, &error))
            log_warning("publishers", "%s", error->message);
    }
    return found;
}

static gboolean matches(const Certificate *certificate, const char *sha256, const char *organization)
{
    return (!sha256 || strcmp(certificate_sha256(certificate), sha256) == 0) &&
           (!organization || strcmp(certificate_organization(certificate), organization) == 0);
}

/* Those of the admin's certificates with that fingerprint, of that organization; NULL: any. */
static GPtrArray *select_certificates(const Engine *engine, const char *sha256, const char *organization)
{
    g_autoptr(GPtrArray) all = admin_certificates(engine);
    GPtrArray *selected = g_ptr_array_new_with_free_func((GDestroyNotify)certificate_free);
    for (guint i = all->len; i-- > 0;)
        if (matches(g_ptr_array_index(all, i), sha256, organization))
            g_ptr_array_add(selected, g_ptr_array_steal_index(all, i));
    return selected;
}

/* ---- bindings of the catalogue ---- */

static gboolean add_bound_ca(const PublisherBinding *binding, GPtrArray *anchors, GError **error)
{
    g_autoptr(Certificate) ca = certificate_from_pem(binding->ca_pem, strlen(binding->ca_pem), error);
    if (!ca) {
        g_prefix_error(error, "CA of %s in the catalogue: ", binding->name);
        return FALSE;
    }
    if (strcmp(certificate_sha256(ca), binding->ca_sha256) != 0)
        return error_set(error, APPCENTER_ERROR_UNTRUSTED,
                         "CA of %s in the catalogue: wanted fingerprint %s, found %s", binding->name,
                         binding->ca_sha256, certificate_sha256(ca));
    g_ptr_array_add(anchors, g_steal_pointer(&ca));
    return TRUE;
}

static GPtrArray *bound_anchors(const Engine *engine, const PublisherBinding *binding, GError **error)
{
    if (!binding->ca_pem)
        return select_certificates(engine, binding->ca_sha256, NULL);
    g_autoptr(GPtrArray) anchors = g_ptr_array_new_with_free_func((GDestroyNotify)certificate_free);
    return add_bound_ca(binding, anchors, error) ? g_steal_pointer(&anchors) : NULL;
}

static gboolean lists(const PublisherBinding *binding, const char *app)
{
    return binding->apps && g_strv_contains((const char *const *)binding->apps, app);
}

static gboolean is_bound_elsewhere(const CatalogueHeader *header, const PublisherBinding *except,
                                   const char *app)
{
    GHashTableIter iter;
    gpointer other;
    g_hash_table_iter_init(&iter, header->publishers);
    while (g_hash_table_iter_next(&iter, NULL, &other))
        if (other != except && lists(other, app))
            return TRUE;
    return FALSE;
}

/* A vendor that lists no names speaks for all that it has not given to somebody else: ten thousand names have no place in
 * a header. */
static gboolean binding_allows(const CatalogueHeader *header, const PublisherBinding *binding,
                               const char *app)
{
    if (strcmp(binding->name, VENDOR) == 0 && (!binding->apps || !*binding->apps))
        return !is_bound_elsewhere(header, binding, app);
    return lists(binding, app);
}

/* ---- for a release of a repository ---- */

static GPtrArray *repository_anchors(Engine *engine, const Release *release, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autoptr(CatalogueHeader) header =
        store_catalogue_header(engine->store, release->repository, VENDOR, &failure);
    if (failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    const PublisherBinding *binding = header ? catalogue_header_publisher(header, release->publisher) : NULL;
    if (!binding && g_strcmp0(release->publisher, VENDOR) == 0)
        return select_certificates(engine, NULL, VENDOR);
    if (!binding) {
        error_set(error, APPCENTER_ERROR_UNTRUSTED, "%s: the catalogue of %s binds no publisher \"%s\"",
                  release->name, release->repository, release->publisher ? release->publisher : "");
        return NULL;
    }
    if (!binding_allows(header, binding, release->name)) {
        error_set(error, APPCENTER_ERROR_UNTRUSTED, "%s: %s may not speak for it in %s", release->name,
                  release->publisher, release->repository);
        return NULL;
    }
    return bound_anchors(engine, binding, error);
}

/* ---- for a local file ---- */

/* The CAs that an enabled repository binds to that publisher for that app count, too. */
static void add_repository_cas(Engine *engine, const Release *release, GPtrArray *anchors)
{
    for (guint i = 0; i < engine->repositories->len; i++) {
        const RepositoryConfig *config = g_ptr_array_index(engine->repositories, i);
        g_autoptr(GError) error = NULL;
        g_autoptr(CatalogueHeader) header =
            config->enabled ? store_catalogue_header(engine->store, config->name, VENDOR, &error) : NULL;
        const PublisherBinding *binding =
            header ? catalogue_header_publisher(header, release->publisher) : NULL;
        if (binding && binding->ca_pem && binding_allows(header, binding, release->name) &&
            !add_bound_ca(binding, anchors, &error))
            log_warning("publishers", "%s: %s", config->name, error->message);
    }
}

static GPtrArray *file_anchors(Engine *engine, const Release *release)
{
    GPtrArray *anchors = select_certificates(engine, NULL, release->publisher);
    add_repository_cas(engine, release, anchors);
    return anchors;
}

gboolean engine_publisher_anchors(Engine *engine, const Release *release, GPtrArray **anchors,
                                  char **publisher, GError **error)
{
    g_autoptr(GPtrArray) found =
        release->repository ? repository_anchors(engine, release, error) : file_anchors(engine, release);
    if (!found)
        return FALSE;
    if (found->len == 0)
        return error_set(error, APPCENTER_ERROR_UNTRUSTED,
                         "no certificate of publisher \"%s\" is trusted here (" PUBLISHERS_DIR ")",
                         release->publisher ? release->publisher : "");
    *anchors = g_steal_pointer(&found);
    *publisher = g_strdup(release->publisher);
    return TRUE;
}
