/* keys.c - key folders on disk; see keys.h. */
#include "vendor/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "vendor/metadata.h"
#include "vendor/signer.h"

#define SIGNER_DAYS (2 * 365)
#define CA_DAYS     (10 * 365)

#define KEYS_MAX_FILE_BYTES       65536
#define KEYS_MAX_PASSPHRASE_BYTES 4096

/* The bytes as a text; the bytes themselves are wiped. Takes them. */
static Secret secret_from_bytes(GBytes *bytes)
{
    gsize len = 0;
    char *data = g_bytes_unref_to_data(bytes, &len);
    Secret text = g_strndup(data, len);
    if (len > 0)
        explicit_bzero(data, len);
    g_free(data);
    return text;
}

gboolean keys_passphrase(Secret *passphrase, GError **error)
{
    const char *file = g_getenv("APPVENDOR_PASSPHRASE_FILE");
    *passphrase = NULL;
    if (!file)
        return TRUE;
    g_auto(Fd) fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, "passphrase: cannot read %s", file);
    GBytes *bytes = files_read_fd(fd, KEYS_MAX_PASSPHRASE_BYTES, error);
    if (!bytes) {
        g_prefix_error(error, "passphrase: %s: ", file);
        return FALSE;
    }
    g_auto(Secret) text = secret_from_bytes(bytes);
    gsize len = strcspn(text, "\r\n");
    if (len == 0)
        return error_set(error, APPCENTER_ERROR_INVALID, "passphrase: %s is empty", file);
    *passphrase = g_strndup(text, len);
    return TRUE;
}

static gboolean save(const RootDir *keys, const char *role, const char *file, const char *text, mode_t mode,
                     GError **error)
{
    g_autofree char *folder = g_strdup_printf("/%s", role);
    g_autofree char *path = g_strdup_printf("/%s/%s", role, file);
    return root_dir_make_dirs(keys, folder, 0700, error) &&
           root_dir_write_atomic(keys, path, text, strlen(text), mode, error);
}

gboolean keys_save_public(const RootDir *keys, const char *role, const PublicKey *key, GError **error)
{
    g_autofree char *name = g_strdup_printf("%.16s.pub", public_key_id(key));
    g_autofree char *text = json_to_text(public_key_json(key));
    return save(keys, role, name, text, 0644, error);
}

gboolean keys_save(const RootDir *keys, const char *role, const PrivateKey *key, const char *passphrase,
                   GError **error)
{
    const PublicKey *public_half = private_key_public(key);
    g_autofree char *name = g_strdup_printf("%.16s.pem", public_key_id(public_half));
    g_auto(Secret) pem = private_key_to_pem(key, passphrase, error);
    return pem && save(keys, role, name, pem, 0600, error) &&
           keys_save_public(keys, role, public_half, error);
}

PublicKey *keys_load_public(const char *file, GError **error)
{
    g_auto(Fd) fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, "cannot read %s", file), NULL;
    g_autoptr(GBytes) bytes = files_read_fd(fd, KEYS_MAX_FILE_BYTES, error);
    PublicKey *key =
        bytes ? public_key_from_text(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), error) : NULL;
    if (!key)
        g_prefix_error(error, "%s: ", file);
    return key;
}

/* With its links resolved; of what is not there yet at least its parent's. */
static char *real_path(const char *path)
{
    char *real = realpath(path, NULL);
    if (real)
        return real;
    g_autofree char *plain = g_canonicalize_filename(path, NULL);
    g_autofree char *base = g_path_get_basename(plain);
    g_autofree char *parent = g_path_get_dirname(plain);
    g_autofree char *real_parent = realpath(parent, NULL);
    return g_build_filename(real_parent ? real_parent : parent, base, NULL);
}

RootDir *keys_open_folder(const char *dir, const char *repo, GError **error)
{
    g_autofree char *keys_path = real_path(dir);
    g_autofree char *repo_path = repo ? real_path(repo) : NULL;
    g_autofree char *inside = repo ? g_strconcat(repo_path, "/", NULL) : NULL;
    if (repo && (g_str_equal(keys_path, repo_path) || g_str_has_prefix(keys_path, inside))) {
        error_set(error, APPCENTER_ERROR_REFUSED, "--keys: keys never lie inside the repository");
        return NULL;
    }
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return error_set_errno(error, "cannot make %s", dir), NULL;
    return root_dir_open(dir, error);
}

static char *load_text(const RootDir *folder, const char *path, GError **error)
{
    GBytes *bytes = root_dir_read(folder, path, KEYS_MAX_FILE_BYTES, error);
    if (bytes)
        return secret_from_bytes(bytes);
    g_prefix_error(error, "%s: ", root_dir_path(folder));
    return NULL;
}

static gboolean load_one(GPtrArray *loaded, const RootDir *keys, const char *path, const char *passphrase,
                         GError **error)
{
    g_auto(Secret) pem = load_text(keys, path, error);
    if (!pem)
        return FALSE;
    PrivateKey *key = private_key_from_pem(pem, strlen(pem), passphrase, error);
    if (!key) {
        g_prefix_error(error, "key %s%s: ", root_dir_path(keys), path);
        return FALSE;
    }
    g_ptr_array_add(loaded, key);
    return TRUE;
}

/* A key that is elsewhere: its public half is here, its private one is not. */
static gboolean load_external(GPtrArray *loaded, KeySource *source, const RootDir *keys, const char *role,
                              const char *path, GError **error)
{
    g_autofree char *file = root_dir_host_path(keys, path);
    g_autoptr(PublicKey) public_half = keys_load_public(file, error);
    Signer *signer = public_half ? signer_new(source->signer, role, error) : NULL;
    if (!signer)
        return FALSE;
    g_ptr_array_add(source->signers, signer);
    g_ptr_array_add(loaded, private_key_external(g_steal_pointer(&public_half), signer_sign, signer));
    return TRUE;
}

static gboolean load_file(GPtrArray *loaded, KeySource *source, const RootDir *keys, const char *role,
                          const char *name, GError **error)
{
    g_autofree char *path = g_strdup_printf("/%s/%s", role, name);
    if (g_str_has_suffix(name, ".pem"))
        return load_one(loaded, keys, path, source->passphrase, error);
    if (!g_str_has_suffix(name, ".pub") || !source->signer)
        return TRUE;
    g_autofree char *private_path = g_strndup(path, strlen(path) - strlen(".pub"));
    g_autofree char *pem = g_strconcat(private_path, ".pem", NULL);
    return root_dir_exists(keys, pem) || load_external(loaded, source, keys, role, path, error);
}

static gboolean load_folder(GPtrArray *loaded, KeySource *source, const char *dir, const char *role,
                            GError **error)
{
    g_autoptr(RootDir) keys = root_dir_open(dir, error);
    if (!keys) {
        g_prefix_error(error, "keys: ");
        return FALSE;
    }
    g_autofree char *folder = g_strdup_printf("/%s", role);
    if (!root_dir_exists(keys, folder))
        return TRUE;
    g_auto(GStrv) names = root_dir_list(keys, folder, error);
    if (!names)
        return FALSE;
    for (char **name = names; *name; name++)
        if (!load_file(loaded, source, keys, role, *name, error))
            return FALSE;
    return TRUE;
}

gboolean key_source_init(KeySource *source, char **dirs, const char *signer, GError **error)
{
    if (!dirs || !*dirs)
        return error_set(error, APPCENTER_ERROR_INVALID, "--keys DIR is needed");
    *source = (KeySource){.dirs = dirs,
                          .signer = signer,
                          .signers = g_ptr_array_new_with_free_func((GDestroyNotify)signer_free)};
    return keys_passphrase(&source->passphrase, error);
}

void key_source_clear(KeySource *source)
{
    g_clear_pointer(&source->passphrase, private_pem_free);
    g_clear_pointer(&source->signers, g_ptr_array_unref);
}

GPtrArray *keys_load(KeySource *source, const char *role, GError **error)
{
    g_autoptr(GPtrArray) loaded = g_ptr_array_new_with_free_func((GDestroyNotify)private_key_free);
    for (char **dir = source->dirs; *dir; dir++)
        if (!load_folder(loaded, source, *dir, role, error) ||
            (!metadata_role(role) && !load_folder(loaded, source, *dir, "releases", error)))
            return NULL;
    return g_steal_pointer(&loaded);
}

gboolean keys_are_there(const RootDir *keys)
{
    for (const RoleDefault *role = metadata_roles; role->name; role++) {
        g_autofree char *folder = g_strdup_printf("/%s", role->name);
        if (root_dir_exists(keys, folder))
            return TRUE;
    }
    return root_dir_exists(keys, "/publisher");
}

gboolean keys_make_publisher(const RootDir *keys, const char *name, const char *passphrase, gint64 now,
                             char **ca_pem, GError **error)
{
    g_autofree char *ca = NULL, *signer = NULL;
    g_auto(Secret) ca_key = NULL, signer_key = NULL;
    if (!cms_make_ca(name, now, CA_DAYS, passphrase, &ca, &ca_key, error) ||
        !cms_make_signer(ca, ca_key, name, now, SIGNER_DAYS, passphrase, &signer, &signer_key, error) ||
        !save(keys, "publisher", "ca.pem", ca, 0644, error) ||
        !save(keys, "publisher", "ca.key", ca_key, 0600, error) ||
        !save(keys, "publisher", "sign.pem", signer, 0644, error) ||
        !save(keys, "publisher", "sign.key", signer_key, 0600, error))
        return FALSE;
    *ca_pem = g_steal_pointer(&ca);
    return TRUE;
}

gboolean keys_load_signer(const char *dir, char **sign_pem, Secret *sign_key, GError **error)
{
    g_autoptr(RootDir) folder = root_dir_open(dir, error);
    g_autofree char *pem = folder ? load_text(folder, "/sign.pem", error) : NULL;
    g_auto(Secret) key = pem ? load_text(folder, "/sign.key", error) : NULL;
    if (!key)
        return FALSE;
    *sign_pem = g_steal_pointer(&pem);
    *sign_key = g_steal_pointer(&key);
    return TRUE;
}
