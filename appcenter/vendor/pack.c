/* pack.c - `pack` and `sign`: a QPKG from a QDK source tree, and its signatures. Same input, same bytes. */
#include "vendor/pack.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ports/archive.h"
#include "vendor/cmd_draft.h"
#include "vendor/commands.h"
#include "vendor/keys.h"

#define PACK_MAX_TEXT_BYTES (256 * 1024)
#define CONF_MAX_BYTES      (16 * 1024 * 1024)
#define LEGACY_HELP         "the same for QDK's own signature, which QTS reads and no box of ours trusts"

static const char *const installer_stub =
    "#!/bin/sh\necho \"install this package with: appctl install FILE\" >&2\nexit 1\n";

typedef struct {
    RootDir *source;
    QpkgConfig *config;
    QpkgIdentity *identity;
    GBytes *routines;
    char *arch;
    QpkgCompression compression;
    gint64 mtime;
} Packing;

static void packing_clear(Packing *packing)
{
    root_dir_free(packing->source);
    qpkg_config_free(packing->config);
    qpkg_identity_free(packing->identity);
    g_bytes_unref(packing->routines);
    g_free(packing->arch);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Packing, packing_clear)

/* The one architecture folder of the tree; "all" when there is none. */
static char *guess_arch(const RootDir *source, GError **error)
{
    g_auto(GStrv) names = root_dir_list(source, "/", error);
    char *found = NULL;
    for (char **name = names; name && *name; name++) {
        g_autofree char *path = g_strconcat("/", *name, NULL);
        g_auto(Fd) fd =
            arch_is_valid(*name) ? root_dir_openat(source, path, O_RDONLY | O_DIRECTORY, 0, NULL) : -1;
        g_auto(GStrv) inside = fd >= 0 ? root_dir_list(source, path, NULL) : NULL;
        if (!inside || !*inside)
            continue;
        if (found) {
            error_set(error, APPCENTER_ERROR_INVALID, "--arch is needed: the tree has %s and %s", found,
                      *name);
            g_free(found);
            return NULL;
        }
        found = g_strdup(*name);
    }
    return names ? (found ? found : g_strdup("all")) : NULL;
}

static gboolean parse_compression(const char *text, QpkgCompression *compression, GError **error)
{
    static const struct {
        const char *name;
        QpkgCompression compression;
    } names[] = {{"zstd", QPKG_ZSTD}, {"xz", QPKG_XZ}, {"gzip", QPKG_GZIP}, {"bzip2", QPKG_BZIP2}};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (!text || g_str_equal(text, names[i].name)) {
            *compression = names[i].compression;
            return TRUE;
        }
    return error_set(error, APPCENTER_ERROR_INVALID,
                     "--compress: wanted zstd, xz, gzip or bzip2, found \"%s\"", text);
}

/* Config files are named by their path in the package, or by an absolute one; config/ holds both by that path. As QDK does
 * it, the rest of config/ is left out. */
static char **config_paths(const Packing *packing, gboolean is_absolute)
{
    GPtrArray *paths = g_ptr_array_new();
    for (char **file = packing->identity->config_files; *file; file++)
        if ((**file == '/') == is_absolute)
            g_ptr_array_add(paths, g_strdup(*file + is_absolute));
    g_ptr_array_add(paths, NULL);
    return (char **)g_ptr_array_free(paths, FALSE);
}

static gboolean check_configs(const Packing *packing, GError **error)
{
    for (char **file = packing->identity->config_files; *file; file++) {
        const char *folders[] = {"config", "shared", packing->arch};
        gsize n = **file == '/' ? 1 : G_N_ELEMENTS(folders), i = 0;
        for (gboolean found = FALSE; !found && i < n; i += !found) {
            g_autofree char *path = g_strdup_printf("/%s/%s", folders[i], *file + (**file == '/'));
            found = root_dir_exists(packing->source, path);
        }
        if (i == n)
            return error_set(
                error, APPCENTER_ERROR_CORRUPT, "QPKG_CONFIG: %s: wanted config/%s%s, found no such file",
                *file, *file + (**file == '/'), n == 1 ? "" : ", or it in shared/ or the architecture's");
    }
    return TRUE;
}

static gboolean read_source(Packing *packing, const char *dir, const char *arch, GError **error)
{
    packing->source = root_dir_open(dir, error);
    g_autoptr(GBytes) text =
        packing->source ? root_dir_read(packing->source, "/qpkg.cfg", 65536, error) : NULL;
    if (!text) {
        g_prefix_error(error, "%s: ", dir);
        return FALSE;
    }
    packing->config = qpkg_config_parse(g_bytes_get_data(text, NULL), g_bytes_get_size(text), error);
    packing->identity = packing->config ? qpkg_identity_from_config(packing->config, error) : NULL;
    if (!packing->identity) {
        g_prefix_error(error, "%s/qpkg.cfg: ", dir);
        return FALSE;
    }
    packing->routines = root_dir_exists(packing->source, "/package_routines")
                            ? root_dir_read(packing->source, "/package_routines", PACK_MAX_TEXT_BYTES, error)
                            : g_bytes_new("", 0);
    packing->arch = arch ? g_strdup(arch) : guess_arch(packing->source, error);
    if (!packing->routines || !packing->arch)
        return FALSE;
    if (!arch_is_valid(packing->arch))
        return error_set(error, APPCENTER_ERROR_INVALID, "--arch: \"%s\" is no QDK architecture",
                         packing->arch);
    const char *epoch = g_getenv("SOURCE_DATE_EPOCH");
    guint64 seconds = 0;
    if (epoch && !g_ascii_string_to_unsigned(epoch, 10, 0, G_MAXUINT32, &seconds, NULL))
        return error_set(error, APPCENTER_ERROR_INVALID,
                         "SOURCE_DATE_EPOCH: wanted seconds since 1970, found \"%s\"", epoch);
    packing->mtime = (gint64)seconds;
    return check_configs(packing, error);
}

/* icons/NAME.gif -> .qpkg_icon.gif and so on (a .png source gets the same name), copied into a folder of their own. */
static gboolean copy_icons(const Packing *packing, int into_fd, GError **error)
{
    static const struct {
        const char *suffix, *name;
    } icons[] = {{"", ".qpkg_icon.gif"}, {"_80", ".qpkg_icon_80.gif"}, {"_gray", ".qpkg_icon_gray.gif"}};
    static const char *const endings[] = {"gif", "png"};
    for (gsize i = 0; i < G_N_ELEMENTS(icons) * G_N_ELEMENTS(endings); i++) {
        gsize icon = i / G_N_ELEMENTS(endings);
        g_autofree char *path = g_strdup_printf("/icons/%s%s.%s", packing->identity->name, icons[icon].suffix,
                                                endings[i % G_N_ELEMENTS(endings)]);
        if (!root_dir_exists(packing->source, path))
            continue;
        g_autoptr(GBytes) bytes = root_dir_read(packing->source, path, 1024 * 1024, error);
        if (!bytes || !files_write_atomic_at(into_fd, icons[icon].name, g_bytes_get_data(bytes, NULL),
                                             g_bytes_get_size(bytes), 0644, error))
            return FALSE;
    }
    return TRUE;
}

/* Order of QDK: shared/, the architecture on top, icons, config files. */
static gboolean write_data(const Packing *packing, int icons_fd, int out_fd, GError **error)
{
    g_autofree char *arch = g_strconcat("/", packing->arch, NULL);
    g_auto(GStrv) configs = config_paths(packing, FALSE);
    const char *const folders[] = {"/shared", arch, NULL, "/config"};
    ArchiveLayer layers[G_N_ELEMENTS(folders)];
    gsize n = 0;
    gboolean ok = TRUE;
    for (gsize i = 0; ok && i < G_N_ELEMENTS(folders); i++) {
        if (folders[i] && !root_dir_exists(packing->source, folders[i]))
            continue;
        int fd = folders[i] ? root_dir_openat(packing->source, folders[i], O_RDONLY | O_DIRECTORY, 0, error)
                            : dup(icons_fd);
        gboolean is_config = i == G_N_ELEMENTS(folders) - 1;
        ok = fd >= 0;
        if (ok)
            layers[n++] = (ArchiveLayer){fd, "", is_config ? (const char *const *)configs : NULL};
    }
    ok = ok && archive_pack_data(out_fd, packing->compression, layers, n, packing->mtime, error);
    while (n > 0)
        fd_close(layers[--n].dir_fd);
    return ok;
}

static int temp_file(GError **error)
{
    int fd = open(g_get_tmp_dir(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        error_set_errno(error, "cannot make a temporary file in %s", g_get_tmp_dir());
    return fd;
}

/* conf.tar.gz: config files with absolute paths; NULL without error when there are none. */
static GBytes *make_conf_archive(const Packing *packing, GError **error)
{
    g_auto(GStrv) configs = config_paths(packing, TRUE);
    if (!*configs)
        return NULL;
    g_auto(Fd) folder = root_dir_openat(packing->source, "/config", O_RDONLY | O_DIRECTORY, 0, error);
    g_auto(Fd) out = folder < 0 ? -1 : temp_file(error);
    const ArchiveLayer layer = {folder, "", (const char *const *)configs};
    if (out < 0 || !archive_pack_data(out, QPKG_GZIP, &layer, 1, packing->mtime, error))
        return NULL;
    if (lseek(out, 0, SEEK_SET) != 0)
        return error_set_errno(error, "cannot rewind"), NULL;
    return files_read_fd(out, CONF_MAX_BYTES, error);
}

static gboolean write_control(const Packing *packing, int out_fd, GError **error)
{
    g_autofree char *config = qpkg_config_to_text(packing->config);
    g_autoptr(GError) failure = NULL;
    g_autoptr(GBytes) conf = make_conf_archive(packing, &failure);
    if (failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    const ArchiveMember members[] = {
        {"qpkg.cfg", config, strlen(config), 0644},
        {"qinstall.sh", installer_stub, strlen(installer_stub), 0755},
        {"package_routines", g_bytes_get_data(packing->routines, NULL), g_bytes_get_size(packing->routines),
         0644},
        {"conf.tar.gz", conf ? g_bytes_get_data(conf, NULL) : NULL, conf ? g_bytes_get_size(conf) : 0, 0644},
    };
    return archive_pack_control(out_fd, members, G_N_ELEMENTS(members) - !conf, packing->mtime, error);
}

static gboolean write_parts(const Packing *packing, int icons_fd, int out_fd, GError **error)
{
    g_auto(Fd) control = temp_file(error);
    g_auto(Fd) data = control < 0 ? -1 : temp_file(error);
    if (data < 0 || !copy_icons(packing, icons_fd, error) || !write_data(packing, icons_fd, data, error) ||
        !write_control(packing, control, error))
        return FALSE;
    QpkgParts parts = {packing->identity, packing->arch, packing->compression, control, data, -1, NULL};
    return qpkg_write(out_fd, &parts, error);
}

static gboolean write_package(const Packing *packing, int out_fd, GError **error)
{
    g_autofree char *folder = g_build_filename(g_get_tmp_dir(), "appvendor-XXXXXX", NULL);
    if (!mkdtemp(folder))
        return error_set_errno(error, "cannot make a temporary folder");
    g_autofree char *base = g_path_get_basename(folder);
    g_auto(Fd) parent = open(g_get_tmp_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(RootDir) icons = root_dir_open(folder, error);
    gboolean ok = icons && write_parts(packing, root_dir_fd(icons), out_fd, error);
    if (!files_remove_tree_at(parent, base, ok ? error : NULL))
        return FALSE;
    return ok;
}

/* Adds the record of that type, by the signer in dir, to what is in in_fd: a new temporary file, -1 on failure. */
static int sign_archive(int in_fd, guint8 type, const char *dir, gint64 now, GError **error)
{
    g_autofree char *sign_pem = NULL;
    g_auto(Secret) sign_key = NULL, passphrase = NULL;
    g_auto(Fd) out = temp_file(error);
    if (out < 0 || !keys_passphrase(&passphrase, error) ||
        !keys_load_signer(dir, &sign_pem, &sign_key, error))
        return -1;
    g_autoptr(QpkgLayout) layout = qpkg_layout_read(in_fd, error);
    if (!layout)
        return -1;
    g_autoptr(CmsSource) source = type == QPKG_RECORD_STRONG ? qpkg_signed_source_new(in_fd, layout)
                                                             : qpkg_content_source_new(in_fd, layout);
    g_autoptr(GBytes) signature = type == QPKG_RECORD_STRONG
                                      ? cms_sign(source, sign_pem, sign_key, passphrase, now, error)
                                      : cms_sign_legacy(source, sign_pem, sign_key, passphrase, now, error);
    if (!signature || !qpkg_write_with_record(in_fd, layout, type, signature, out, error))
        return -1;
    return fd_steal(&out);
}

/* Takes fd. legacy, strong: folders of signers or NULL. The strong one comes last, as it is put before the other. */
static int sign_as_told(int fd, const char *legacy, const char *strong, gint64 now, GError **error)
{
    g_auto(Fd) current = fd;
    const struct {
        guint8 type;
        const char *dir;
    } wanted[] = {{QPKG_RECORD_CMS, legacy}, {QPKG_RECORD_STRONG, strong}};
    for (gsize i = 0; i < G_N_ELEMENTS(wanted); i++) {
        int next = wanted[i].dir ? sign_archive(current, wanted[i].type, wanted[i].dir, now, error) : -1;
        if (wanted[i].dir && next < 0)
            return -1;
        if (wanted[i].dir) {
            fd_close(current);
            current = next;
        }
    }
    return fd_steal(&current);
}

/* The finished archive gets its name by one rename: nobody ever sees half of one. */
static gboolean save_as(int fd, const char *file, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(file);
    g_autofree char *base = g_path_get_basename(file);
    g_autofree char *temp = g_strdup_printf("%s/.%s.%d", folder, base, (int)getpid());
    g_auto(Fd) out = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (out < 0)
        return error_set_errno(error, "cannot write %s", file);
    gboolean ok = lseek(fd, 0, SEEK_SET) == 0 || error_set_errno(error, "cannot rewind");
    ok = ok && files_copy_fd(fd, out, G_MAXINT64, error) >= 0 && files_fsync(out, file, error);
    if (ok && rename(temp, file) != 0)
        ok = error_set_errno(error, "cannot write %s", file);
    if (!ok)
        unlink(temp);
    return ok;
}

int pack_source(const char *dir, const char *arch, GError **error)
{
    g_auto(Packing) packing = {.compression = QPKG_GZIP};
    g_auto(Fd) out = read_source(&packing, dir, arch, error) ? temp_file(error) : -1;
    return out >= 0 && write_package(&packing, out, error) ? fd_steal(&out) : -1;
}

gboolean cmd_pack(int argc, char **argv, gint64 now, GError **error)
{
    g_autofree char *out = NULL, *arch = NULL, *compress = NULL, *sign = NULL, *legacy = NULL;
    const GOptionEntry entries[] = {
        {"output", 'o', 0, G_OPTION_ARG_FILENAME, &out, "default NAME_VERSION_ARCH.qpkg here", "FILE"},
        {"arch", 0, 0, G_OPTION_ARG_STRING, &arch, "a QDK architecture or all", "ARCH"},
        {"compress", 0, 0, G_OPTION_ARG_STRING, &compress, "zstd (default), xz, gzip or bzip2", "METHOD"},
        {"sign", 0, 0, G_OPTION_ARG_FILENAME, &sign, "a publisher's folder: sign.pem and sign.key", "DIR"},
        {"legacy", 0, 0, G_OPTION_ARG_FILENAME, &legacy, LEGACY_HELP, "DIR"},
        {.long_name = NULL}};
    g_auto(Packing) packing = {0};
    if (!parse_words("pack", entries, 1, 1, &argc, &argv, error) ||
        !parse_compression(compress, &packing.compression, error) ||
        !read_source(&packing, argv[1], arch, error))
        return FALSE;
    g_auto(Fd) plain = temp_file(error);
    if (plain < 0 || !write_package(&packing, plain, error))
        return FALSE;
    g_auto(Fd) done = sign_as_told(fd_steal(&plain), legacy, sign, now, error);
    if (done < 0)
        return FALSE;
    g_autofree char *file =
        out ? g_strdup(out)
            : g_strdup_printf("%s_%s%s%s.qpkg", packing.identity->name, packing.identity->version,
                              g_str_equal(packing.arch, "all") ? "" : "_",
                              g_str_equal(packing.arch, "all") ? "" : packing.arch);
    if (!save_as(done, file, error))
        return FALSE;
    printf("%s: %s %s %s%s\n", file, packing.identity->name, packing.identity->version, packing.arch,
           sign ? ", signed" : ", not signed");
    return TRUE;
}

static gboolean sign_file(const char *file, const char *legacy, const char *strong, gint64 now,
                          GError **error)
{
    g_auto(Fd) in = open(file, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return error_set_errno(error, "cannot read %s", file);
    g_auto(Fd) out = sign_as_told(fd_steal(&in), legacy, strong, now, error);
    if (out < 0 || !save_as(out, file, error))
        return FALSE;
    printf("%s: signed\n", file);
    return TRUE;
}

gboolean cmd_sign(int argc, char **argv, gint64 now, GError **error)
{
    g_autofree char *sign = NULL, *legacy = NULL, *signer = NULL;
    g_auto(GStrv) dirs = NULL;
    const GOptionEntry entries[] = {
        {"sign", 0, 0, G_OPTION_ARG_FILENAME, &sign,
         "an archive: a publisher's folder: sign.pem and sign.key", "DIR"},
        {"legacy", 0, 0, G_OPTION_ARG_FILENAME, &legacy, LEGACY_HELP, "DIR"},
        {"keys", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &dirs,
         "drafts: key folder; several are searched in order", "DIR"},
        {"signer", 0, 0, G_OPTION_ARG_STRING, &signer, "drafts: program for keys that are elsewhere", "CMD"},
        {.long_name = NULL}};
    g_auto(KeySource) source = {0};
    if (!parse_words("sign", entries, 1, 1, &argc, &argv, error))
        return FALSE;
    if (!(sign || legacy) == !dirs)
        return error_set(error, APPCENTER_ERROR_INVALID,
                         "wanted --sign DIR (or --legacy DIR) for an archive, or --keys DIR for drafts");
    if (!dirs)
        return sign_file(argv[1], legacy, sign, now, error);
    return key_source_init(&source, dirs, signer, error) && drafts_sign_file(argv[1], &source, error);
}
