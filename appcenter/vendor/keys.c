/* keys.c - key folders on disk; see keys.h. */
#include "vendor/keys.h"

#include <fcntl.h>
#include <string.h>

#include "vendor/metadata.h"

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

gboolean keys_save(const RootDir *keys, const char *role, const PrivateKey *key, const char *passphrase,
                   GError **error)
{
    const PublicKey *public_half = private_key_public(key);
    g_autofree char *private_name = g_strdup_printf("%.16s.pem", public_key_id(public_half));
    g_autofree char *public_name = g_strdup_printf("%.16s.pub", public_key_id(public_half));
    g_autofree char *public_text = json_to_text(public_key_json(public_half));
    g_auto(Secret) pem = private_key_to_pem(key, passphrase, error);
    return pem && save(keys, role, private_name, pem, 0600, error) &&
           save(keys, role, public_name, public_text, 0644, error);
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

static gboolean load_folder(GPtrArray *loaded, const char *dir, const char *role, const char *passphrase,
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
    for (char **name = names; *name; name++) {
        g_autofree char *path = g_strdup_printf("%s/%s", folder, *name);
        if (g_str_has_suffix(*name, ".pem") && !load_one(loaded, keys, path, passphrase, error))
            return FALSE;
    }
    return TRUE;
}

GPtrArray *keys_load(char **dirs, const char *role, GError **error)
{
    g_autoptr(GPtrArray) loaded = g_ptr_array_new_with_free_func((GDestroyNotify)private_key_free);
    g_auto(Secret) passphrase = NULL;
    if (!keys_passphrase(&passphrase, error))
        return NULL;
    for (char **dir = dirs; dir && *dir; dir++)
        if (!load_folder(loaded, *dir, role, passphrase, error))
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

gboolean keys_save_publisher(const RootDir *keys, const char *ca_pem, const char *ca_key,
                             const char *sign_pem, const char *sign_key, GError **error)
{
    return save(keys, "publisher", "ca.pem", ca_pem, 0644, error) &&
           save(keys, "publisher", "ca.key", ca_key, 0600, error) &&
           save(keys, "publisher", "sign.pem", sign_pem, 0644, error) &&
           save(keys, "publisher", "sign.key", sign_key, 0600, error);
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
