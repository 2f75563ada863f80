/* verify.c - `appvendor verify`: the whole repository as a client sees it, from the trusted root to every archive's bytes. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "ports/archive.h"
#include "vendor/advisories.h"
#include "vendor/bins.h"
#include "vendor/commands.h"
#include "vendor/repo.h"

typedef struct {
    const Repo *repo;
    TufClient *tuf;
    GHashTable *anchors; /* publisher -> GPtrArray of Certificate*: the CA that the vendor's header pins */
    GPtrArray *releases;
    gint64 now;
} Verification;

/* Answers everything that the client wants from public/. */
static gboolean feed_all(const Repo *repo, TufClient *tuf, GError **error)
{
    g_auto(TufWant) want = {0};
    while (tuf_client_next(tuf, &want)) {
        g_autofree char *path = g_strconcat("/public/metadata/", want.file_name, NULL);
        if (!root_dir_exists(repo->dir, path)) {
            if (!tuf_client_feed_absent(tuf, error))
                return FALSE;
            continue;
        }
        g_autoptr(GBytes) bytes = root_dir_read(repo->dir, path, (gsize)want.max_bytes, error);
        if (!bytes || !tuf_client_feed(tuf, bytes, error))
            return FALSE;
    }
    return TRUE;
}

static GBytes *read_target(const Repo *repo, TufClient *tuf, const char *name, TufTarget **target,
                           GError **error)
{
    tuf_client_search(tuf, name);
    if (!feed_all(repo, tuf, error))
        return NULL;
    g_autoptr(TufTarget) found = tuf_client_found(tuf);
    if (!found) {
        error_set(error, APPCENTER_ERROR_UNTRUSTED, "%s: no role vouches for it", name);
        return NULL;
    }
    g_autofree char *path = g_strconcat("/public/targets/", found->file_path, NULL);
    g_autoptr(GBytes) bytes = root_dir_read(repo->dir, path, (gsize)found->length, error);
    if (!bytes) {
        g_prefix_error(error, "%s: ", name);
        return NULL;
    }
    g_autofree char *sha256 =
        digest_hex_of(DIGEST_SHA256, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    g_autofree char *sha512 =
        digest_hex_of(DIGEST_SHA512, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    if (!tuf_target_check(found, (gint64)g_bytes_get_size(bytes), sha256, sha512, error)) {
        g_prefix_error(error, "%s: ", name);
        return NULL;
    }
    if (target)
        *target = g_steal_pointer(&found);
    return g_steal_pointer(&bytes);
}

/* One catalogue on its way through the client's own reader. */
typedef struct {
    const Verification *verification;
    const char *who;
    const PublisherBinding *binding; /* NULL: the vendor's own, which says the bindings */
} Reading;

static gboolean keep_release(Release *release, gpointer user_data, GError **error)
{
    const Reading *reading = user_data;
    g_autoptr(Release) taken = release;
    if (reading->binding && !g_strv_contains((const char *const *)reading->binding->apps, taken->name))
        return error_set(error, APPCENTER_ERROR_UNTRUSTED, "%s may not speak for %s", reading->who,
                         taken->name);
    g_ptr_array_add(reading->verification->releases, g_steal_pointer(&taken));
    return TRUE;
}

static gboolean feed_catalogue(const void *data, gsize len, gpointer user_data, GError **error)
{
    return catalogue_reader_feed(user_data, data, len, error);
}

/* The reader, whose header is borrowed from it. */
static CatalogueReader *read_catalogue(const Verification *verification, const char *who,
                                       const PublisherBinding *binding, const CatalogueHeader **header,
                                       GError **error)
{
    Reading reading = {verification, who, binding};
    g_autoptr(TufTarget) target = NULL;
    g_autofree char *path = g_strdup_printf("catalogue/%s.jsonl.zst", who);
    g_autoptr(GBytes) file = read_target(verification->repo, verification->tuf, path, &target, error);
    if (!file)
        return NULL;
    gint64 raw_length = json_integer_value(json_object_get(target->custom, "raw_length"));
    g_autoptr(CatalogueReader) reader = catalogue_reader_new("vendor", who, keep_release, &reading);
    if (!archive_zstd_decompress(g_bytes_get_data(file, NULL), g_bytes_get_size(file), raw_length,
                                 feed_catalogue, reader, error) ||
        !catalogue_reader_finish(reader, header, error)) {
        g_prefix_error(error, "catalogue of %s: ", who);
        return NULL;
    }
    return g_steal_pointer(&reader);
}

/* Patches that the role lists are targets like any other. */
static gboolean check_deltas(const Verification *verification, const char *role, GError **error)
{
    g_auto(GStrv) paths = tuf_client_targets_of(verification->tuf, role);
    for (char **path = paths; path && *path; path++) {
        if (!g_str_has_prefix(*path, "deltas/"))
            continue;
        g_autoptr(GBytes) delta = read_target(verification->repo, verification->tuf, *path, NULL, error);
        if (!delta)
            return FALSE;
    }
    return TRUE;
}

/* The CA under which this publisher's archives must be signed, as boxes will hold it against them. */
static gboolean pin_ca(const Verification *verification, const char *who, const PublisherBinding *binding,
                       GError **error)
{
    if (!binding || !binding->ca_pem)
        return error_set(error, APPCENTER_ERROR_UNTRUSTED, "catalogue: the CA of %s is not in the header",
                         who);
    GPtrArray *anchors = certificates_from_pem(binding->ca_pem, strlen(binding->ca_pem), error);
    if (!anchors)
        return FALSE;
    g_hash_table_insert(verification->anchors, g_strdup(who), anchors);
    const char *sha256 = certificate_sha256(anchors->pdata[0]);
    return g_strcmp0(sha256, binding->ca_sha256) == 0 ||
           error_set(error, APPCENTER_ERROR_UNTRUSTED, "catalogue: CA %s of %s announced, %s found",
                     binding->ca_sha256, who, sha256);
}

static gboolean read_publisher(const Verification *verification, const PublisherBinding *binding,
                               GError **error)
{
    if (g_str_equal(binding->name, "vendor"))
        return TRUE;
    const CatalogueHeader *header = NULL;
    g_autoptr(CatalogueReader) reader = read_catalogue(verification, binding->name, binding, &header, error);
    return reader && pin_ca(verification, binding->name, binding, error) &&
           check_deltas(verification, binding->name, error);
}

static gboolean read_catalogues(const Verification *verification, GError **error)
{
    gpointer binding;
    GHashTableIter iter;
    const CatalogueHeader *header = NULL;
    g_autoptr(CatalogueReader) reader = read_catalogue(verification, "vendor", NULL, &header, error);
    if (!reader || !pin_ca(verification, "vendor", catalogue_header_publisher(header, "vendor"), error) ||
        !check_deltas(verification, "releases", error))
        return FALSE;
    g_hash_table_iter_init(&iter, header->publishers);
    while (g_hash_table_iter_next(&iter, NULL, &binding))
        if (!read_publisher(verification, binding, error))
            return FALSE;
    return TRUE;
}

static gboolean check_archive(const Verification *verification, const Release *release, GError **error)
{
    g_autofree char *path = g_strconcat("/public/", release->path, NULL);
    g_auto(Fd) fd = root_dir_openat(verification->repo->dir, path, O_RDONLY, 0, error);
    g_autofree char *sha256 = fd < 0 ? NULL : digest_hex_of_fd(DIGEST_SHA256, fd, 0, -1, error);
    if (!sha256)
        return FALSE;
    if (!digest_equal(sha256, release->sha256))
        return error_set(error, APPCENTER_ERROR_UNTRUSTED, "sha256 %s announced, %s found", release->sha256,
                         sha256);
    g_autoptr(Package) package = package_open(fd_steal(&fd), release->arch, error);
    g_auto(CmsSigner) signer = {0};
    GPtrArray *anchors = g_hash_table_lookup(verification->anchors, release->publisher);
    if (!package ||
        !qpkg_verify_strong(package->fd, package->layout, anchors, verification->now, &signer, error))
        return FALSE;
    if (g_strcmp0(signer.publisher, release->publisher) != 0)
        return error_set(error, APPCENTER_ERROR_UNTRUSTED,
                         "wanted a signature of publisher \"%s\", found \"%s\"", release->publisher,
                         signer.publisher);
    if (!g_str_equal(package->identity->name, release->name) ||
        !g_str_equal(package->identity->version, release->version) ||
        !g_str_equal(package->arch, release->arch) || package->layout->file_bytes != release->size_bytes)
        return error_set(error, APPCENTER_ERROR_UNTRUSTED,
                         "the archive says %s %s %s of %" G_GINT64_FORMAT " bytes", package->identity->name,
                         package->identity->version, package->arch, package->layout->file_bytes);
    return TRUE;
}

/* What a client that knows TUF only is told of the archive. */
static gboolean check_bin(const Verification *verification, const Release *release, GError **error)
{
    if (!bins_count(verification->repo) || !g_str_equal(release->publisher, "vendor"))
        return TRUE;
    g_autofree char *path = bins_target_path(release->path);
    if (!path)
        return error_set(error, APPCENTER_ERROR_UNTRUSTED, "no client of TUF finds it at %s", release->path);
    tuf_client_search(verification->tuf, path);
    if (!feed_all(verification->repo, verification->tuf, error))
        return FALSE;
    g_autoptr(TufTarget) target = tuf_client_found(verification->tuf);
    if (!target)
        return error_set(error, APPCENTER_ERROR_UNTRUSTED, "%s is in none of the bins", path);
    if (!g_str_has_suffix(release->path, strrchr(target->file_path, '/')))
        return error_set(error, APPCENTER_ERROR_UNTRUSTED, "%s of %s, while the catalogue has %s",
                         target->file_path, target->role, release->path);
    return tuf_target_check(target, release->size_bytes, release->sha256, NULL, error);
}

static gboolean check_archives(const Verification *verification, GError **error)
{
    for (guint i = 0; i < verification->releases->len; i++) {
        const Release *release = verification->releases->pdata[i];
        if (!check_archive(verification, release, error) || !check_bin(verification, release, error)) {
            g_prefix_error(error, "%s %s %s: ", release->name, release->version, release->arch);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean check_brake(const Verification *verification, GError **error)
{
    g_autoptr(GBytes) bytes =
        read_target(verification->repo, verification->tuf, "brake/brake.json", NULL, error);
    g_autoptr(Brake) brake =
        bytes ? brake_parse(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), error) : NULL;
    return brake != NULL;
}

static gboolean append_raw(const void *data, gsize len, gpointer user_data, GError **error)
{
    (void)error;
    g_string_append_len(user_data, data, (gssize)len);
    return TRUE;
}

/* They may be missing; what is there must be what a box reads. */
static gboolean check_advisories(const Verification *verification, GError **error)
{
    g_auto(GStrv) paths = tuf_client_targets_of(verification->tuf, "releases");
    if (!paths || !g_strv_contains((const char *const *)paths, ADVISORIES_TARGET))
        return TRUE;
    g_autoptr(TufTarget) target = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GBytes) file =
        read_target(verification->repo, verification->tuf, ADVISORIES_TARGET, &target, error);
    if (!file)
        return FALSE;
    gint64 raw_length = json_integer_value(json_object_get(target->custom, "raw_length"));
    g_autoptr(GPtrArray) read = NULL;
    if (archive_zstd_decompress(g_bytes_get_data(file, NULL), g_bytes_get_size(file), raw_length, append_raw,
                                text, error))
        read = advisories_parse(text->str, text->len, error);
    if (!read)
        g_prefix_error(error, ADVISORIES_TARGET ": ");
    return read != NULL;
}

static GBytes *trusted_root(const Repo *repo, const char *trust, GError **error)
{
    if (!trust)
        return root_dir_read(repo->dir, "/public/metadata/1.root.json", TUF_MAX_ROOT_BYTES, error);
    g_auto(Fd) fd = open(trust, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, "cannot read %s", trust), NULL;
    return files_read_fd(fd, TUF_MAX_ROOT_BYTES, error);
}

static gboolean verify_all(Verification *verification, GBytes *root, GError **error)
{
    g_autoptr(TufClient) tuf = tuf_client_new(NULL, root, verification->now, error);
    verification->tuf = tuf;
    return tuf && feed_all(verification->repo, tuf, error) && read_catalogues(verification, error) &&
           check_brake(verification, error) && check_advisories(verification, error) &&
           check_archives(verification, error);
}

/* A file that is missing, cut or no metadata at all says the same to who asked: do not trust this repository. */
static gboolean call_it_untrusted(GError **error)
{
    switch (error && *error ? error_kind(*error) : APPCENTER_ERROR_INTERNAL) {
    case APPCENTER_ERROR_NOT_FOUND:
    case APPCENTER_ERROR_NETWORK:
    case APPCENTER_ERROR_CORRUPT:
    case APPCENTER_ERROR_INVALID:
        (*error)->code = APPCENTER_ERROR_UNTRUSTED;
        break;
    default:
        break;
    }
    return FALSE;
}

gboolean cmd_verify(int argc, char **argv, gint64 now, GError **error)
{
    g_autofree char *trust = NULL;
    const GOptionEntry entries[] = {{"trust", 0, 0, G_OPTION_ARG_FILENAME, &trust,
                                     "the root to start from; default: the repository's first", "ROOT.json"},
                                    {.long_name = NULL}};
    if (!parse_words("verify", entries, 1, 1, &argc, &argv, error))
        return FALSE;
    g_autoptr(Repo) repo = repo_open_to_read(argv[1], error);
    g_autoptr(GBytes) root = repo ? trusted_root(repo, trust, error) : NULL;
    if (!root)
        return FALSE;
    g_autoptr(GPtrArray) releases = g_ptr_array_new_with_free_func((GDestroyNotify)release_free);
    g_autoptr(GHashTable) anchors =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    Verification verification = {.repo = repo, .anchors = anchors, .releases = releases, .now = now};
    gboolean ok = verify_all(&verification, root, error) || call_it_untrusted(error);
    if (ok)
        printf("good: %u releases, every archive's digest and signature checked\n",
               verification.releases->len);
    return ok;
}
