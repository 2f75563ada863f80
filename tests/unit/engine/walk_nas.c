/* walk_nas.c - see walk_nas.h. Packages are written, signed and read by the product's own rooms. */
#include "walk_nas.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PUBLISHER "Acme"
#define DIED      42
#define SCRIPT                                                                                               \
    "#!/bin/sh\n"                                                                                            \
    "echo \"$1 $QPKG_NAME $(cat version)\" >> $APPCENTER_ROOT/share/order\n"                                 \
    "case $1 in\n"                                                                                           \
    "start) %s ;;\n"                                                                                         \
    "esac\n"
#define DAEMON "sleep 1000 </dev/null >/dev/null 2>&1 & echo $! > $APPCENTER_ROOT/var/run/$QPKG_NAME.pid"

static void ok(GError *error)
{
    g_assert_no_error(error);
}

/* ---- files ---- */

char *walk_nas_path(const WalkNas *nas, const char *product_path)
{
    return g_build_filename(nas->root, product_path, NULL);
}

char *walk_nas_read(const WalkNas *nas, const char *product_path)
{
    char *text = NULL;
    g_autofree char *path = walk_nas_path(nas, product_path);
    g_file_get_contents(path, &text, NULL, NULL);
    return text;
}

static void write_at(const char *path, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_path_get_dirname(path);
    g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
    g_file_set_contents(path, text, -1, &error);
    ok(error);
}

void walk_nas_write(const WalkNas *nas, const char *product_path, const char *text)
{
    g_autofree char *path = walk_nas_path(nas, product_path);
    write_at(path, text);
}

char *walk_app_file(const char *app, const char *path)
{
    return g_build_filename(WALK_VOLUME, ".qpkg", app, path, NULL);
}

/* ---- packages ---- */

typedef struct {
    char *ca_pem, *sign_pem, *sign_key;
} Keys;

static const Keys *keys(void)
{
    static Keys made;
    if (!made.ca_pem) {
        g_autoptr(GError) error = NULL;
        g_autofree char *ca_key = NULL;
        g_assert_true(cms_make_ca(PUBLISHER, WALK_NOW - 86400, 30, NULL, &made.ca_pem, &ca_key, &error));
        g_assert_true(cms_make_signer(made.ca_pem, ca_key, PUBLISHER, WALK_NOW - 86400, 20, NULL,
                                      &made.sign_pem, &made.sign_key, &error));
        ok(error);
    }
    return &made;
}

static int temp_file(void)
{
    int fd = open(g_get_tmp_dir(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    g_assert_cmpint(fd, >=, 0);
    return fd;
}

static void make_tree(const WalkPackage *package, const char *dir)
{
    g_auto(GStrv) files = g_strsplit(package->files ? package->files : "", " ", -1);
    g_autofree char *script = g_build_filename(dir, "run.sh", NULL);
    g_autofree char *version = g_build_filename(dir, "version", NULL);
    g_autofree char *text = g_strdup_printf(SCRIPT, package->on_start ? package->on_start : DAEMON);
    write_at(script, text);
    write_at(version, package->version);
    g_assert_cmpint(chmod(script, 0755), ==, 0);
    for (char **file = files; *file && **file; file++) {
        g_auto(GStrv) parts = g_strsplit(*file, "=", 2);
        g_autofree char *path = g_build_filename(dir, parts[0], NULL);
        write_at(path, parts[1]);
    }
}

static char *config_text(const WalkPackage *package)
{
    g_autofree char *pid_file = g_strdup_printf("QPKG_SERVICE_PIDFILE=\"/var/run/%s.pid\"\n", package->name);
    return g_strdup_printf("QPKG_NAME=\"%s\"\nQPKG_VER=\"%s\"\nQPKG_AUTHOR=\"" PUBLISHER "\"\n"
                           "QPKG_SERVICE_PROGRAM=\"run.sh\"\nQPKG_TIMEOUT=\"10,10\"\n%s%s",
                           package->name, package->version, package->on_start ? "" : pid_file,
                           package->config ? package->config : "");
}

static void remove_folder(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path);
    g_auto(Fd) fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_true(files_remove_tree_at(fd, name, &error));
}

static void write_parts(const WalkPackage *package, const char *config, int control, int data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = g_dir_make_tmp("appcenter-package-XXXXXX", &error);
    const char *routines = package->routines ? package->routines : "";
    const ArchiveMember members[] = {
        {"qpkg.cfg", config, strlen(config), 0644},
        {"package_routines", routines, strlen(routines), 0644},
    };
    make_tree(package, dir);
    g_auto(Fd) tree = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ArchiveLayer layer = {tree, "", NULL};
    g_assert_true(archive_pack_control(control, members, G_N_ELEMENTS(members), WALK_NOW, &error));
    g_assert_true(archive_pack_data(data, QPKG_GZIP, &layer, 1, WALK_NOW, &error));
    ok(error);
    remove_folder(dir);
}

/* The signed archive; made once for the life of the test. */
static GBytes *archive_of(const WalkPackage *package, gboolean is_signed)
{
    static GHashTable *made;
    if (!made)
        made = g_hash_table_new(g_direct_hash, g_direct_equal);
    gpointer key = (gpointer)((guintptr)package + (is_signed ? 1 : 0));
    GBytes *known = g_hash_table_lookup(made, key);
    if (known)
        return known;
    g_autoptr(GError) error = NULL;
    g_autofree char *text = config_text(package);
    g_auto(Fd) control = temp_file();
    g_auto(Fd) data = temp_file();
    g_auto(Fd) plain = temp_file();
    g_auto(Fd) out = temp_file();
    write_parts(package, text, control, data);
    g_autoptr(QpkgConfig) config = qpkg_config_parse(text, strlen(text), &error);
    ok(error);
    g_autoptr(QpkgIdentity) identity = qpkg_identity_from_config(config, &error);
    ok(error);
    QpkgParts parts = {identity, "all", QPKG_GZIP, control, data, -1, NULL};
    g_assert_true(qpkg_write(plain, &parts, &error));
    g_autoptr(QpkgLayout) layout = qpkg_layout_read(plain, &error);
    ok(error);
    g_autoptr(CmsSource) source = qpkg_signed_source_new(plain, layout);
    g_autoptr(GBytes) signature =
        cms_sign(source, keys()->sign_pem, keys()->sign_key, NULL, WALK_NOW - 3600, &error);
    ok(error);
    g_assert_true(qpkg_write_with_record(plain, layout, QPKG_RECORD_STRONG, signature, out, &error));
    int result = is_signed ? out : plain;
    g_assert_cmpint(lseek(result, 0, SEEK_SET), ==, 0);
    GBytes *bytes = files_read_fd(result, 16 * 1024 * 1024, &error);
    ok(error);
    g_hash_table_insert(made, key, bytes);
    return bytes;
}

static const WalkPackage *find_package(const WalkNas *nas, const char *app, const char *version)
{
    for (guint i = 0; i < nas->packages->len; i++) {
        const WalkPackage *package = g_ptr_array_index(nas->packages, i);
        if (strcmp(package->name, app) == 0 && strcmp(package->version, version) == 0)
            return package;
    }
    g_error("the test has no package %s %s", app, version);
}

Release *walk_nas_put(WalkNas *nas, Engine *engine, const char *app, const char *version)
{
    char *none[] = {NULL};
    g_autoptr(GError) error = NULL;
    const WalkPackage *package = find_package(nas, app, version);
    GBytes *bytes = archive_of(package, nas->trust_sha256 == NULL);
    gsize len;
    const void *data = g_bytes_get_data(bytes, &len);
    g_autofree char *sha256 = digest_hex_of(DIGEST_SHA256, data, len);
    Release template = {.publisher = (char *)PUBLISHER,
                        .name = (char *)app,
                        .version = (char *)version,
                        .arch = (char *)"all",
                        .size_bytes = (gint64)len,
                        .sha256 = sha256,
                        .installed_bytes = 1024 * 1024,
                        .files = 1000,
                        .requires = none,
                        .conflicts = none,
                        .provides = none,
                        .obsoletes = none};
    g_autofree char *file = g_strdup_printf("packages/%s.%s_%s_all.qpkg", sha256, app, version);
    template.path = file;
    g_autofree char *path = engine_download_path(&template);
    g_assert_true(root_dir_write_atomic(engine->root, path, data, len, 0600, &error));
    ok(error);
    return release_copy(&template);
}

/* ---- the NAS ---- */

static void set_up(WalkNas *nas)
{
    /* everything is synced again and again: where that costs nothing, the sweeps take seconds */
    gboolean has_memory = access("/dev/shm", W_OK) == 0;
    g_autofree char *template =
        g_build_filename(has_memory ? "/dev/shm" : g_get_tmp_dir(), "appcenter-walk-XXXXXX", NULL);
    g_assert_nonnull(g_mkdtemp(template));
    g_assert_cmpint(setenv("APPCENTER_UNCONFINED_SCRIPTS", "1", 1), ==, 0);
    nas->dir = g_steal_pointer(&template);
    nas->root = g_build_filename(nas->dir, "nas", NULL);
    nas->notes = g_string_new(NULL);
    nas->now = WALK_NOW;
}

/* A file of the ballast's size without its blocks: hundreds of worlds are copied here. */
static void lay_hollow_ballast(const WalkNas *nas)
{
    g_autofree char *path = walk_nas_path(nas, STORE_STATE_DIR "/ballast");
    walk_nas_write(nas, STORE_STATE_DIR "/ballast", "");
    g_assert_cmpint(truncate(path, 16 * 1024 * 1024), ==, 0);
}

void walk_nas_init(WalkNas *nas, const WalkPackage *packages, gsize n_packages, const char *settings)
{
    *nas = (WalkNas){.packages = g_ptr_array_new()};
    for (gsize i = 0; i < n_packages; i++)
        g_ptr_array_add(nas->packages, (gpointer)&packages[i]);
    set_up(nas);
    g_autofree char *text = g_strdup_printf(
        "[host]\nos_version = 5.1.0\narch = x86_64\ncohort = test\n[safety]\nhealth_settle = 0s\n"
        "health_timeout = 3s\nreserve = 0\n%s\n",
        settings ? settings : "");
    walk_nas_write(nas, "/etc/appcenter/appcenter.conf", text);
    walk_nas_write(nas, "/etc/appcenter/publishers.d/acme.pem", keys()->ca_pem);
    walk_nas_write(nas, "/var/run/none", "");
    walk_nas_write(nas, "/share/order", "");
    lay_hollow_ballast(nas);
}

void walk_nas_copy(WalkNas *nas, const WalkNas *from)
{
    g_autoptr(GError) error = NULL;
    g_auto(ProcessResult) result = {0};
    *nas = (WalkNas){.packages = g_ptr_array_ref(from->packages)};
    set_up(nas);
    const char *argv[] = {"/bin/cp", "-a", from->root, nas->dir, NULL};
    ProcessSpec spec = {.argv = argv, .cwd_fd = -1, .stdin_fd = -1};
    g_assert_true(process_run_checked(&spec, &result, &error));
    ok(error);
}

void walk_nas_stop_all(WalkNas *nas)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RootDir) root = root_dir_open(nas->root, &error);
    g_assert_true(service_kill(root, NULL, &error));
}

void walk_nas_clear(WalkNas *nas)
{
    walk_nas_stop_all(nas);
    remove_folder(nas->dir);
    g_ptr_array_unref(nas->packages);
    g_string_free(nas->notes, TRUE);
    g_free(nas->dir);
    g_free(nas->root);
}

/* ---- the engine ---- */

static void on_event(const EngineEvent *event, gpointer user_data)
{
    WalkNas *nas = user_data;
    if (event->kind == ENGINE_EVENT_NOTE)
        g_string_append_printf(nas->notes, "%s\n", event->text);
    if (++nas->n_events == nas->die_at)
        _exit(DIED);
}

static gboolean is_cancelled(gpointer user_data)
{
    const WalkNas *nas = user_data;
    return nas->cancel_at > 0 && nas->n_events >= nas->cancel_at;
}

Engine *walk_nas_engine(WalkNas *nas)
{
    g_autoptr(GError) error = NULL;
    EngineOptions options = {.root = nas->root,
                             .wall_now = nas->now,
                             .on_event = on_event,
                             .is_cancelled = is_cancelled,
                             .user_data = nas};
    nas->n_events = 0;
    Engine *engine = engine_open(&options, &error);
    ok(error);
    return engine;
}

/* ---- changes in words ---- */

static PlanChange *new_change(WalkNas *nas, Engine *engine, char **words)
{
    static const struct {
        const char *word;
        ChangeOp op;
        gboolean has_from, has_to, use_previous, purge;
    } verbs[] = {
        {"install", CHANGE_INSTALL, FALSE, TRUE, FALSE, FALSE},
        {"again", CHANGE_INSTALL, FALSE, TRUE, TRUE, FALSE},
        {"upgrade", CHANGE_UPGRADE, TRUE, TRUE, FALSE, FALSE},
        {"back", CHANGE_DOWNGRADE, TRUE, TRUE, TRUE, FALSE},
        {"remove", CHANGE_REMOVE, TRUE, FALSE, FALSE, FALSE},
        {"purge", CHANGE_REMOVE, TRUE, FALSE, FALSE, TRUE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++) {
        if (strcmp(words[0], verbs[i].word) != 0)
            continue;
        PlanChange *change = g_new0(PlanChange, 1);
        change->op = verbs[i].op;
        change->app = g_strdup(words[1]);
        change->from_version = verbs[i].has_from ? g_strdup(words[2]) : NULL;
        change->to_version = verbs[i].has_to ? g_strdup(words[verbs[i].has_from ? 3 : 2]) : NULL;
        change->use_previous = verbs[i].use_previous;
        change->purge = verbs[i].purge;
        change->reason = g_strdup("asked for");
        if (verbs[i].has_to && !verbs[i].use_previous)
            change->release = walk_nas_put(nas, engine, change->app, change->to_version);
        return change;
    }
    g_error("the test knows no change \"%s\"", words[0]);
}

gboolean walk_nas_apply(WalkNas *nas, Engine *engine, const char *changes, GError **error)
{
    g_autoptr(Plan) plan = plan_new();
    g_autoptr(GPtrArray) results = NULL;
    g_autoptr(Request) request = request_new(REQUEST_INSTALL);
    g_auto(GStrv) texts = g_strsplit(changes, ", ", -1);
    PlanSet *set = plan_add_set(plan);
    request->trust_sha256 = g_strdup(nas->trust_sha256);
    for (char **text = texts; *text; text++) {
        g_auto(GStrv) words = g_strsplit(*text, " ", -1);
        if (strcmp(words[0], "back") == 0)
            request->kind = REQUEST_ROLLBACK;
        if (strcmp(words[0], "download") == 0)
            request->download_only = TRUE;
        g_ptr_array_add(set->changes, new_change(nas, engine, words + (request->download_only ? 1 : 0)));
    }
    return engine_apply(engine, plan, request, &results, error);
}

void walk_nas_must(WalkNas *nas, const char *changes)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Engine) engine = walk_nas_engine(nas);
    gboolean is_done = walk_nas_apply(nas, engine, changes, &error);
    ok(error);
    g_assert_true(is_done);
}

static gboolean child_died(pid_t pid)
{
    int status;
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return TRUE;
    g_assert_true(WIFEXITED(status));
    g_assert_true(WEXITSTATUS(status) == DIED || WEXITSTATUS(status) == 0);
    return WEXITSTATUS(status) == DIED;
}

gboolean walk_nas_dies(WalkNas *nas, const char *changes, gint at_event)
{
    pid_t pid = fork();
    if (pid == 0) {
        g_autoptr(GError) error = NULL;
        nas->die_at = at_event;
        Engine *engine = walk_nas_engine(nas);
        (void)!walk_nas_apply(nas, engine, changes, &error);
        engine_close(engine);
        _exit(0);
    }
    return child_died(pid);
}

gboolean walk_nas_dies_in_recovery(WalkNas *nas, gint at_event)
{
    pid_t pid = fork();
    if (pid == 0) {
        g_autoptr(GError) error = NULL;
        nas->die_at = at_event;
        Engine *engine = walk_nas_engine(nas);
        gboolean is_done = engine_recover(engine, NULL, &error);
        engine_close(engine);
        _exit(is_done ? 0 : 1);
    }
    return child_died(pid);
}

void walk_nas_recover(WalkNas *nas)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Engine) engine = walk_nas_engine(nas);
    gboolean is_done = engine_recover(engine, NULL, &error);
    ok(error);
    g_assert_true(is_done);
}

void walk_nas_start_apps(WalkNas *nas)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Engine) engine = walk_nas_engine(nas);
    gboolean is_done = engine_start_apps(engine, &error);
    ok(error);
    g_assert_true(is_done);
}

/* ---- the world ---- */

static void tell_tree(int dir_fd, const char *path, GString *text)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", dir_fd);
    g_autoptr(RootDir) dir = root_dir_open(self, &error);
    ok(error);
    g_auto(GStrv) names = root_dir_list(dir, "/", &error);
    ok(error);
    for (char **name = names; *name; name++) {
        struct stat st;
        g_autofree char *entry = *path ? g_strconcat(path, "/", *name, NULL) : g_strdup(*name);
        g_assert_cmpint(fstatat(dir_fd, *name, &st, AT_SYMLINK_NOFOLLOW), ==, 0);
        g_auto(Fd) fd = openat(dir_fd, *name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (S_ISDIR(st.st_mode)) {
            tell_tree(fd, entry, text);
        } else if (strcmp(entry, "run.sh") != 0) {
            g_autoptr(GBytes) content = files_read_fd(fd, 1024, &error);
            ok(error);
            g_autofree char *line = g_strndup(g_bytes_get_data(content, NULL), g_bytes_get_size(content));
            g_string_append_printf(text, " %s=%s", entry, g_strchomp(line));
        }
    }
}

static void tell_app(Engine *engine, const char *app, const StoreApp *recorded, GString *text)
{
    g_autoptr(GArray) pids = marker_pids(engine->root, app);
    g_autoptr(GPtrArray) previous = store_kept_list(engine->store, app, "previous", NULL);
    g_autoptr(GPtrArray) removed = store_kept_list(engine->store, app, "removed", NULL);
    g_string_append_printf(text, "%s: %s%s, %u running, %u previous, %u removed;", app,
                           recorded ? recorded->version : "not installed",
                           recorded && recorded->has_failed ? " FAILED" : "", pids->len, previous->len,
                           removed->len);
    g_auto(Fd) fd = volume_app_open(engine->volume, app, NULL);
    if (fd >= 0)
        tell_tree(fd, "", text);
    g_string_append(text, "\n");
}

char *walk_nas_world(WalkNas *nas)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Engine) engine = walk_nas_engine(nas);
    g_autoptr(GHashTable) told = g_hash_table_new(g_str_hash, g_str_equal);
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < nas->packages->len; i++) {
        const char *app = ((WalkPackage *)g_ptr_array_index(nas->packages, i))->name;
        g_autoptr(StoreApp) recorded = store_app_get(engine->store, app, NULL);
        if (g_hash_table_add(told, (gpointer)app))
            tell_app(engine, app, recorded, text);
    }
    g_auto(GStrv) staged = volume_stage_list(engine->volume, &error);
    g_auto(GStrv) kept = volume_kept_names(engine->volume, &error);
    g_autoptr(GPtrArray) open = store_txn_open_list(engine->store, &error);
    g_autoptr(GPtrArray) rows = store_kept_list(engine->store, NULL, NULL, &error);
    ok(error);
    g_autofree char *registration = walk_nas_read(nas, "/etc/config/qpkg.conf");
    g_string_append_printf(text, "%u staged, %d kept without a row, %u open\n%s", g_strv_length(staged),
                           (int)g_strv_length(kept) - (int)rows->len, open->len,
                           registration ? registration : "");
    return g_string_free(text, FALSE);
}

char *walk_nas_last(WalkNas *nas)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Engine) engine = walk_nas_engine(nas);
    g_autoptr(GPtrArray) txns = store_txn_list(engine->store, 1, &error);
    ok(error);
    const StoreTxn *txn = txns->len ? g_ptr_array_index(txns, 0) : NULL;
    if (!txn || !txn->error)
        return g_strdup(txn ? txn->result ? txn->result : "open" : "none");
    return g_strdup_printf("%s %s: %s", txn->result, txn->error_code, txn->error);
}
