/* vendor.c - see vendor.h. Everything is signed with the product's own trust room; nothing is prepared by hand. */
#include "vendor.h"

#include <fcntl.h>
#include <string.h>

#define ROOT_LIFE_S (400 * 86400)

static const char *const roles[] = {"root", "targets", "snapshot", "timestamp", "brake", "releases", "acme"};

/* ---- files ---- */

static void put(const Vendor *vendor, const char *path, const void *data, gsize len)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *full = g_build_filename(vendor->dir, "public", path, NULL);
    g_autofree char *folder = g_path_get_dirname(full);
    g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
    g_file_set_contents(full, data, (gssize)len, &error);
    g_assert_no_error(error);
}

static GPtrArray *keys_of(const Vendor *vendor, const char *role)
{
    GPtrArray *keys = g_ptr_array_new();
    g_ptr_array_add(keys, g_hash_table_lookup(vendor->keys, role));
    return keys;
}

static GBytes *sign(const Vendor *vendor, const char *role, json_t *part)
{
    g_autoptr(json_t) taken = part;
    g_autoptr(GPtrArray) keys = keys_of(vendor, role);
    g_autoptr(GError) error = NULL;
    GBytes *bytes = tuf_sign(taken, keys, &error);
    g_assert_no_error(error);
    return bytes;
}

static void put_role(const Vendor *vendor, const char *role, const char *file, json_t *part)
{
    g_autoptr(GBytes) bytes = sign(vendor, role, part);
    g_autofree char *path = g_build_filename("metadata", file, NULL);
    put(vendor, path, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
}

/* ---- metadata ---- */

static json_t *head(const char *type, gint64 version, gint64 expires_at)
{
    g_autofree char *expires = units_format_time(expires_at);
    return json_pack("{s:s, s:s, s:I, s:s}", "_type", type, "spec_version", "1.0.31", "version",
                     (json_int_t)version, "expires", expires);
}

static json_t *key_role(const Vendor *vendor, const char *role, json_t *all)
{
    const PublicKey *key = private_key_public(g_hash_table_lookup(vendor->keys, role));
    json_object_set_new(all, public_key_id(key), json_deep_copy(public_key_json(key)));
    return json_pack("{s:[s], s:i}", "keyids", public_key_id(key), "threshold", 1);
}

static void put_root(const Vendor *vendor)
{
    json_t *part = head("root", 1, vendor->now + ROOT_LIFE_S), *all = json_object(), *tops = json_object();
    for (guint i = 0; i < 4; i++)
        json_object_set_new(tops, roles[i], key_role(vendor, roles[i], all));
    json_object_set_new(part, "consistent_snapshot", json_true());
    json_object_set_new(part, "keys", all);
    json_object_set_new(part, "roles", tops);
    put_role(vendor, "root", "1.root.json", part);
}

static json_t *delegation(const Vendor *vendor, const char *role, const char *paths, json_t *all)
{
    json_t *object = key_role(vendor, role, all);
    json_object_set_new(object, "name", json_string(role));
    json_object_set_new(object, "terminating", json_true());
    json_object_set_new(object, "paths", json_pack("[s]", paths));
    return object;
}

static void put_targets(const Vendor *vendor)
{
    g_autofree char *file = g_strdup_printf("%" G_GINT64_FORMAT ".targets.json", vendor->version);
    json_t *part = head("targets", vendor->version, vendor->now + vendor->life_s);
    json_t *all = json_object(), *list = json_array();
    json_array_append_new(list, delegation(vendor, "brake", "brake/*", all));
    if (vendor->acme_vouches_for_all)
        json_array_append_new(list, delegation(vendor, "acme", "catalogue/*", all));
    json_t *releases = delegation(vendor, "releases", "catalogue/vendor.jsonl.zst", all);
    json_array_append_new(json_object_get(releases, "paths"), json_string("advisories/vendor.jsonl.zst"));
    json_array_append_new(list, releases);
    if (!vendor->acme_vouches_for_all)
        json_array_append_new(list, delegation(vendor, "acme", "catalogue/acme.jsonl.zst", all));
    json_object_set_new(part, "targets", json_object());
    json_object_set_new(part, "delegations", json_pack("{s:o, s:o}", "keys", all, "roles", list));
    put_role(vendor, "targets", file, part);
}

/* Puts a target's file and describes it in `targets`; kind NULL: as it is, else compressed lines. */
static void add_target(const Vendor *vendor, json_t *targets, const char *path, const char *kind,
                       const char *text)
{
    g_autoptr(GError) error = NULL;
    gsize len = strlen(text);
    g_autoptr(GBytes) file = kind ? archive_zstd_compress(text, len, &error) : g_bytes_new(text, len);
    g_assert_no_error(error);
    g_autofree char *raw = digest_hex_of(DIGEST_SHA256, text, len);
    g_autofree char *sha256 =
        digest_hex_of(DIGEST_SHA256, g_bytes_get_data(file, NULL), g_bytes_get_size(file));
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *base = g_path_get_basename(path);
    g_autofree char *place = g_strdup_printf("targets/%s/%s.%s", folder, sha256, base);
    g_autofree char *other = g_strnfill(g_bytes_get_size(file), 'x');
    gboolean is_swapped = vendor->swaps_catalogue && g_str_has_prefix(path, "catalogue/");
    put(vendor, place, is_swapped ? other : g_bytes_get_data(file, NULL), g_bytes_get_size(file));
    json_t *custom =
        json_pack("{s:s, s:i, s:s, s:I, s:s}", "kind", kind ? kind : "brake", "format", 1, "raw_sha256", raw,
                  "raw_length", (json_int_t)len - vendor->lies_about_length, "unknown", "ignored");
    json_object_set_new(targets, path,
                        json_pack("{s:I, s:{s:s}, s:o}", "length", (json_int_t)g_bytes_get_size(file),
                                  "hashes", "sha256", sha256, "custom", custom));
}

static void put_delegated(const Vendor *vendor, const char *role, json_t *targets)
{
    g_autofree char *file = g_strdup_printf("%" G_GINT64_FORMAT ".%s.json", vendor->version, role);
    json_t *part = head("targets", vendor->version, vendor->now + vendor->life_s);
    json_object_set_new(part, "targets", targets);
    put_role(vendor, role, file, part);
}

static json_t *meta_of(const Vendor *vendor, const char *const *names)
{
    json_t *meta = json_object();
    for (guint i = 0; names[i]; i++) {
        g_autofree char *file = g_strdup_printf("%s.json", names[i]);
        json_object_set_new(meta, file, json_pack("{s:I}", "version", (json_int_t)vendor->version));
    }
    return meta;
}

static void put_heads(const Vendor *vendor)
{
    static const char *const below[] = {"targets", "brake", "releases", "acme", NULL};
    static const char *const top[] = {"snapshot", NULL};
    g_autofree char *file = g_strdup_printf("%" G_GINT64_FORMAT ".snapshot.json", vendor->version);
    g_autofree char *signed_at = units_format_time(vendor->now);
    json_t *snapshot = head("snapshot", vendor->version, vendor->now + vendor->life_s);
    json_object_set_new(snapshot, "meta", meta_of(vendor, below));
    put_role(vendor, "snapshot", file, snapshot);
    json_t *timestamp = head("timestamp", vendor->version, vendor->now + vendor->life_s);
    json_object_set_new(timestamp, "meta", meta_of(vendor, top));
    json_object_set_new(timestamp, "signed_at", json_string(signed_at));
    put_role(vendor, "timestamp", "timestamp.json", timestamp);
}

/* ---- catalogues ---- */

static void add_line(GString *lines, const char *name, const char *version, const char *members)
{
    g_autofree char *sha256 = digest_hex_of(DIGEST_SHA256, members, strlen(members));
    g_string_append_printf(
        lines,
        "{\"name\":\"%s\",\"version\":\"%s\",\"arch\":\"all\",\"path\":\"packages/%s.%s.qpkg\",\"size\":1,"
        "\"sha256\":\"%s\",\"published\":\"2030-03-01T00:00:00Z\"%s}\n",
        name, version, sha256, name, sha256, members);
}

void vendor_add(Vendor *vendor, const char *name, const char *version, const char *members)
{
    add_line(vendor->releases, name, version, members);
    vendor->n_releases++;
}

void vendor_add_acme(Vendor *vendor, const char *name, const char *version)
{
    add_line(vendor->acme_releases, name, version, "");
    vendor->n_acme_releases++;
}

void vendor_forget(Vendor *vendor)
{
    g_string_truncate(vendor->releases, 0);
    vendor->n_releases = 0;
}

static char *catalogue(const Vendor *vendor, const char *publisher, guint n, const char *lines)
{
    static const char binding[] = "\"acme\":{\"apps\":[\"AcmeMedia\"],\"ca_sha256\":\""
                                  "00000000000000000000000000000000000000000000000000000000000000aa\"}";
    g_autofree char *published = units_format_time(vendor->now);
    return g_strdup_printf("{\"format\":1,\"publisher\":\"%s\",\"serial\":%" G_GINT64_FORMAT
                           ",\"releases\":%u,\"published\":\"%s\",\"publishers\":{%s}}\n%s",
                           publisher, vendor->version, n, published, vendor->has_acme ? binding : "", lines);
}

static void put_catalogues(const Vendor *vendor)
{
    g_autofree char *text = catalogue(vendor, "vendor", vendor->n_releases, vendor->releases->str);
    g_autofree char *acme = catalogue(vendor, "acme", vendor->n_acme_releases, vendor->acme_releases->str);
    json_t *releases = json_object(), *acmes = json_object();
    add_target(vendor, vendor->acme_vouches_for_all ? acmes : releases, "catalogue/vendor.jsonl.zst",
               "catalogue", text);
    if (vendor->advisories)
        add_target(vendor, releases, "advisories/vendor.jsonl.zst", "advisories", vendor->advisories);
    if (vendor->has_acme)
        add_target(vendor, acmes, "catalogue/acme.jsonl.zst", "catalogue", acme);
    put_delegated(vendor, "releases", releases);
    put_delegated(vendor, "acme", acmes);
}

void vendor_publish(Vendor *vendor)
{
    json_t *brakes = json_object();
    g_autofree char *brake =
        g_strdup_printf("{\"format\":1,\"serial\":%" G_GINT64_FORMAT ",\"entries\":[%s]}", vendor->version,
                        vendor->brake ? vendor->brake : "");
    vendor->version++;
    put_targets(vendor);
    put_catalogues(vendor);
    if (vendor->brake)
        add_target(vendor, brakes, "brake/brake.json", NULL, brake);
    put_delegated(vendor, "brake", brakes);
    put_heads(vendor);
}

/* ---- the NAS ---- */

static void put_on_nas(const char *root, const char *path, const void *data, gsize len)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *full = g_build_filename(root, path, NULL);
    g_autofree char *folder = g_path_get_dirname(full);
    g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
    g_file_set_contents(full, data, (gssize)len, &error);
    g_assert_no_error(error);
}

void vendor_configure(Vendor *vendor, const char *text)
{
    g_autofree char *full =
        g_strdup_printf("[host]\nos_version = 5.1.0\narch = x86_64\ncohort = test\n[updates]\n%s\n", text);
    put_on_nas(vendor->root, "etc/appcenter/appcenter.conf", full, strlen(full));
}

void vendor_join(const Vendor *vendor, const char *nas_root, const char *name, int priority)
{
    g_autofree char *first = g_build_filename(vendor->dir, "public", "metadata", "1.root.json", NULL);
    g_autofree char *root_path = g_strdup_printf("etc/appcenter/repos.d/%s.root.json", name);
    g_autofree char *conf_path = g_strdup_printf("etc/appcenter/repos.d/%s.conf", name);
    g_autofree char *conf =
        g_strdup_printf("[repository]\nurl = file://%s/public/\nroot = /%s\npriority = %d\n", vendor->dir,
                        root_path, priority);
    g_autofree char *root = NULL;
    gsize len = 0;
    g_assert_true(g_file_get_contents(first, &root, &len, NULL));
    put_on_nas(nas_root, root_path, root, len);
    put_on_nas(nas_root, conf_path, conf, strlen(conf));
}

void vendor_init(Vendor *vendor)
{
    g_autoptr(GError) error = NULL;
    *vendor = (Vendor){
        .now = NOW, .life_s = 86400, .releases = g_string_new(NULL), .acme_releases = g_string_new(NULL)};
    vendor->dir = g_dir_make_tmp("appcenter-engine-XXXXXX", &error);
    g_assert_no_error(error);
    vendor->root = g_build_filename(vendor->dir, "nas", NULL);
    vendor->keys = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)private_key_free);
    for (guint i = 0; i < G_N_ELEMENTS(roles); i++) {
        g_hash_table_insert(vendor->keys, (gpointer)roles[i], private_key_generate(KEY_ED25519, &error));
        g_assert_no_error(error);
    }
    put_root(vendor);
    vendor_join(vendor, vendor->root, "qnap", 50);
    vendor_configure(vendor, "");
}

void vendor_clear(Vendor *vendor)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_path_get_dirname(vendor->dir);
    g_autofree char *name = g_path_get_basename(vendor->dir);
    g_auto(Fd) fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_true(files_remove_tree_at(fd, name, &error));
    g_hash_table_unref(vendor->keys);
    g_string_free(vendor->releases, TRUE);
    g_string_free(vendor->acme_releases, TRUE);
    g_free(vendor->dir);
    g_free(vendor->root);
}

Engine *vendor_engine(Vendor *vendor)
{
    g_autoptr(GError) error = NULL;
    EngineOptions options = {.root = vendor->root, .wall_now = vendor->now};
    Engine *engine = engine_open(&options, &error);
    g_assert_no_error(error);
    g_assert_nonnull(engine);
    return engine;
}

void vendor_refresh(Engine *engine)
{
    g_autoptr(GError) error = NULL;
    gboolean is_done = engine_refresh(engine, FALSE, &error);
    g_assert_no_error(error);
    g_assert_true(is_done);
}

void vendor_install(Engine *engine, const char *name, const char *version, const char *requires)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Manifest) manifest = manifest_new();
    char *needs[] = {(char *) requires, NULL}, *none[] = {NULL};
    g_autofree char *path = volume_app_path(engine->volume, name);
    StoreApp app = {.name = (char *)name,
                    .version = (char *)version,
                    .arch = (char *)"all",
                    .publisher = (char *)"vendor",
                    .repository = (char *)"qnap",
                    .display_name = (char *)name,
                    .requires = needs,
                    .conflicts = none,
                    .enabled = TRUE,
                    .install_path = path,
                    .archive_sha256 =
                        (char *)"00000000000000000000000000000000000000000000000000000000000000aa",
                    .config_text = (char *)"",
                    .installed_at = NOW};
    gboolean is_done = store_app_put(engine->store, &app, manifest, &error);
    g_assert_no_error(error);
    g_assert_true(is_done);
}

/* ---- words ---- */

static void tell_change(GString *text, const PlanChange *change)
{
    g_string_append_printf(text, "%s%s %s %s%s%s [%s, %s]", text->len ? "; " : "", change_op_name(change->op),
                           change->app, change->from_version ? change->from_version : "",
                           change->from_version && change->to_version ? " -> " : "",
                           change->to_version ? change->to_version : "", urgency_class_name(change->cls),
                           change->reason);
}

char *plan_words(Engine *engine, const Request *request)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = engine_plan(engine, request, &error);
    if (!plan)
        return g_strdup_printf("%s: %s", error_code_name(error_kind(error)), error->message);
    g_assert_no_error(error);
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < plan->sets->len; i++) {
        const PlanSet *set = g_ptr_array_index(plan->sets, i);
        for (guint j = 0; j < set->changes->len; j++)
            tell_change(text, g_ptr_array_index(set->changes, j));
    }
    for (guint i = 0; i < plan->left_out->len; i++)
        g_string_append_printf(text, " | %s", (char *)g_ptr_array_index(plan->left_out, i));
    return g_string_free(text, FALSE);
}

char *offer_words(Engine *engine)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) offers =
        store_ledger(engine->store, engine->settings, NULL, engine_now(engine), &error);
    g_assert_no_error(error);
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < offers->len; i++) {
        const StoreOffer *offer = g_ptr_array_index(offers, i);
        g_string_append_printf(
            text, "%s%s %s %s %s %s%s%s", text->len ? "; " : "", offer->app, offer->release->version,
            urgency_class_name(offer->cls), verdict_name(offer->verdict), reason_code_name(offer->code),
            offer->pulled_in_by ? " by " : "", offer->pulled_in_by ? offer->pulled_in_by : "");
    }
    return g_string_free(text, FALSE);
}
