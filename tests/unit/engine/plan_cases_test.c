/* plan_cases_test.c - replays tests/plan/NAME.case: policy on its way to a plan, on repositories of real signed metadata.
 *
 * Where tests/solve asks the solver alone, these ask the engine: brakes, holds, skips, vetoes, advisories, priorities. Lines:
 *
 *     os 5.0.1                                      repository NAME PRIORITY (qnap 50 is always there)
 *     installed NAME VERSION; publisher P; requires A >= 1
 *     available NAME VERSION; repository R; publisher acme; urgency critical QSA-1; requires ..; conflicts ..; os_min ..; os_max ..
 *     halt NAME VERSION      withdraw NAME VERSION [GO_BACK_TO]
 *     advisory ID NAME INTRODUCED FIXED             (an emergency; FIXED may be none)
 *     hold NAME      skip NAME VERSION      veto NAME VERSION
 *     request upgrade NAME=VERSION...               option security, option cascade, option allow_downgrade
 *
 * The answer stands behind "= ": changes with their class, what is left out; without a request the ledger.
 */
#include "vendor.h"

#include <string.h>

#define CASES "tests/plan"

typedef struct {
    Vendor own, other; /* other: only with a line "repository" */
    char *other_name;
    int other_priority;
    GPtrArray *installed, *policy; /* char*: lines that wait until the engine is there */
    GString *brake, *advisories;
    guint n_advisories;
    char *advisory_text;
    Request *request;
    GString *wanted;
} Case;

static void case_init(Case *c)
{
    *c = (Case){.installed = g_ptr_array_new_with_free_func(g_free),
                .policy = g_ptr_array_new_with_free_func(g_free),
                .brake = g_string_new(NULL),
                .advisories = g_string_new(NULL),
                .wanted = g_string_new(NULL)};
    vendor_init(&c->own);
}

static void case_clear(Case *c)
{
    vendor_clear(&c->own);
    if (c->other_name)
        vendor_clear(&c->other);
    g_free(c->other_name);
    g_ptr_array_unref(c->installed);
    g_ptr_array_unref(c->policy);
    g_string_free(c->brake, TRUE);
    g_string_free(c->advisories, TRUE);
    g_free(c->advisory_text);
    request_free(c->request);
    g_string_free(c->wanted, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Case, case_clear)

/* ---- reading ---- */

/* The value of `key` in "NAME VERSION; key value; key value", or NULL. */
static char *clause(char **clauses, const char *key)
{
    for (guint i = 1; clauses[i]; i++) {
        g_auto(GStrv) parts = g_strsplit(g_strstrip(clauses[i]), " ", 2);
        if (strcmp(parts[0], key) == 0)
            return g_strdup(parts[1] ? parts[1] : "");
    }
    return NULL;
}

static void add_list_member(GString *members, char **clauses, const char *key)
{
    g_autofree char *value = clause(clauses, key);
    if (!value)
        return;
    g_auto(GStrv) items = g_strsplit(value, ", ", -1);
    g_autofree char *inner = g_strjoinv("\",\"", items);
    g_string_append_printf(members, ",\"%s\":[\"%s\"]", key, inner);
}

static void add_text_member(GString *members, char **clauses, const char *key)
{
    g_autofree char *value = clause(clauses, key);
    if (value)
        g_string_append_printf(members, ",\"%s\":\"%s\"", key, value);
}

static void add_urgency(GString *members, char **clauses)
{
    g_autofree char *value = clause(clauses, "urgency");
    if (!value)
        return;
    g_auto(GStrv) words = g_strsplit(value, " ", 2);
    g_string_append_printf(members,
                           ",\"urgency\":{\"class\":\"%s\",\"urgent_at\":\"2030-03-16T00:00:00Z\","
                           "\"advisories\":[\"%s\"]}",
                           words[0], words[1]);
}

static void read_available(Case *c, const char *text)
{
    g_auto(GStrv) clauses = g_strsplit(text, ";", -1);
    g_auto(GStrv) words = g_strsplit(clauses[0], " ", 2);
    g_autofree char *repository = clause(clauses, "repository");
    g_autofree char *publisher = clause(clauses, "publisher");
    g_autoptr(GString) members = g_string_new(NULL);
    add_list_member(members, clauses, "requires");
    add_list_member(members, clauses, "conflicts");
    add_text_member(members, clauses, "os_min");
    add_text_member(members, clauses, "os_max");
    add_urgency(members, clauses);
    if (publisher)
        vendor_add_acme(&c->own, words[0], words[1]);
    else
        vendor_add(repository ? &c->other : &c->own, words[0], words[1], members->str);
    c->own.has_acme |= publisher != NULL;
}

static void read_brake(Case *c, char **words)
{
    g_autofree char *back = words[3] ? g_strdup_printf("\"%s\"", words[3]) : g_strdup("null");
    g_string_append_printf(
        c->brake,
        "%s{\"name\":\"%s\",\"version\":\"%s\",\"arch\":null,\"action\":\"%s\",\"go_back_to\":"
        "%s,\"reason\":\"crashes\",\"at\":\"2030-03-01T00:00:00Z\"}",
        c->brake->len ? "," : "", words[1], words[2], words[0], back);
}

static void read_advisory(Case *c, char **words)
{
    g_autofree char *end = words[4] ? g_strdup_printf(",{\"fixed\":\"%s\"}", words[4]) : g_strdup("");
    g_string_append_printf(
        c->advisories,
        "{\"id\":\"%s\",\"published\":\"2030-03-16T00:00:00Z\",\"database_specific\":{\"class\":"
        "\"emergency\"},"
        "\"affected\":[{\"package\":{\"name\":\"%s\"},\"ranges\":[{\"type\":\"ECOSYSTEM\",\"events\":["
        "{\"introduced\":\"%s\"}%s]}]}]}\n",
        words[1], words[2], words[3], end);
    c->n_advisories++;
}

static void read_request(Case *c, char **words)
{
    static const char *const names[] = {
        [REQUEST_INSTALL] = "install", [REQUEST_UPGRADE] = "upgrade", [REQUEST_REMOVE] = "remove",
        [REQUEST_AUTO] = "auto",       [REQUEST_REPAIR] = "repair",
    };
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (g_strcmp0(names[i], words[1]) == 0)
            c->request = request_new((RequestKind)i);
    g_assert_nonnull(c->request);
    for (guint i = 2; words[i]; i++) {
        g_auto(GStrv) parts = g_strsplit(words[i], "=", 2);
        request_add_app(c->request, parts[0], parts[1]);
    }
}

static void read_option(Case *c, const char *option)
{
    c->request->security_only |= strcmp(option, "security") == 0;
    c->request->cascade |= strcmp(option, "cascade") == 0;
    c->request->allow_downgrade |= strcmp(option, "allow_downgrade") == 0;
}

static void read_repository(Case *c, char **words)
{
    vendor_init(&c->other);
    c->other_name = g_strdup(words[1]);
    c->other_priority = (int)g_ascii_strtoll(words[2], NULL, 10);
}

static void read_os(Case *c, const char *version)
{
    g_autofree char *text = g_strdup_printf("\n[host]\nos_version = %s", version);
    vendor_configure(&c->own, text);
}

static void read_line(Case *c, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    const char *rest = strchr(line, ' ') ? strchr(line, ' ') + 1 : "";
    const char *key = words[0] ? words[0] : "";
    if (*key == '\0' || *key == '#')
        return;
    if (strcmp(key, "=") == 0)
        g_string_append_printf(c->wanted, "%s\n", rest);
    else if (strcmp(key, "os") == 0)
        read_os(c, rest);
    else if (strcmp(key, "repository") == 0)
        read_repository(c, words);
    else if (strcmp(key, "installed") == 0)
        g_ptr_array_add(c->installed, g_strdup(rest));
    else if (strcmp(key, "available") == 0)
        read_available(c, rest);
    else if (strcmp(key, "halt") == 0 || strcmp(key, "withdraw") == 0)
        read_brake(c, words);
    else if (strcmp(key, "advisory") == 0)
        read_advisory(c, words);
    else if (strcmp(key, "hold") == 0 || strcmp(key, "skip") == 0 || strcmp(key, "veto") == 0)
        g_ptr_array_add(c->policy, g_strdup(line));
    else if (strcmp(key, "request") == 0)
        read_request(c, words);
    else if (strcmp(key, "option") == 0)
        read_option(c, rest);
    else
        g_error("no such line in a case: %s", line);
}

static void read_case(Case *c, const char *path)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i]; i++)
        read_line(c, lines[i]);
    g_assert_cmpuint(c->wanted->len, >, 0);
}

/* ---- making ---- */

static void publish(Case *c)
{
    if (c->brake->len > 0)
        c->own.brake = c->brake->str;
    c->advisory_text =
        g_strdup_printf("{\"format\":1,\"publisher\":\"vendor\",\"serial\":1,\"advisories\":%u}\n%s",
                        c->n_advisories, c->advisories->str);
    if (c->n_advisories > 0)
        c->own.advisories = c->advisory_text;
    vendor_publish(&c->own);
    if (!c->other_name)
        return;
    vendor_publish(&c->other);
    vendor_join(&c->other, c->own.root, c->other_name, c->other_priority);
}

/* What a repository offers as that version is what was installed. */
static char *archive_of(Engine *engine, const char *name, const char *version)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) releases = store_catalogue_app(engine->store, name, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < releases->len; i++) {
        const Release *release = g_ptr_array_index(releases, i);
        if (strcmp(release->version, version) == 0)
            return g_strdup(release->sha256);
    }
    return g_strnfill(64, 'a');
}

static void install(Engine *engine, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Manifest) manifest = manifest_new();
    g_auto(GStrv) clauses = g_strsplit(text, ";", -1);
    g_auto(GStrv) words = g_strsplit(clauses[0], " ", 2);
    g_autofree char *publisher = clause(clauses, "publisher");
    g_autofree char *requires = clause(clauses, "requires");
    g_auto(GStrv) needs = g_strsplit(requires ? requires : "", ", ", -1);
    g_autofree char *path = volume_app_path(engine->volume, words[0]);
    g_autofree char *sha256 = archive_of(engine, words[0], words[1]);
    char *none[] = {NULL};
    StoreApp app = {.name = words[0],
                    .version = words[1],
                    .arch = (char *)"all",
                    .publisher = publisher ? publisher : (char *)"vendor",
                    .repository = (char *)"qnap",
                    .display_name = words[0],
                    .requires = needs,
                    .conflicts = none,
                    .enabled = TRUE,
                    .install_path = path,
                    .archive_sha256 = sha256,
                    .config_text = (char *)"",
                    .installed_at = NOW};
    g_assert_true(store_app_put(engine->store, &app, manifest, &error));
    g_assert_no_error(error);
}

static void apply_policy(Engine *engine, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    Hold hold = {.app = words[1], .note = (char *)"library rescan", .created_at = NOW};
    if (strcmp(words[0], "hold") == 0)
        g_assert_true(store_hold_put(engine->store, &hold, NULL));
    else if (strcmp(words[0], "skip") == 0)
        g_assert_true(store_skip_add(engine->store, words[1], words[2], NOW, NULL));
    else
        g_assert_true(
            store_veto_add(engine->store, words[1], words[2], "port 80 is silent", NOW + 3600, NULL));
}

/* ---- answers ---- */

static void tell_plan(GString *text, const Plan *plan)
{
    for (guint i = 0; i < plan->sets->len; i++) {
        const PlanSet *set = g_ptr_array_index(plan->sets, i);
        for (guint j = 0; j < set->changes->len; j++) {
            const PlanChange *change = g_ptr_array_index(set->changes, j);
            g_string_append_printf(text, "%s %s %s%s%s (%s) [%s]\n", change_op_name(change->op), change->app,
                                   change->from_version ? change->from_version : "",
                                   change->from_version && change->to_version ? " -> " : "",
                                   change->to_version ? change->to_version : "", change->reason,
                                   urgency_class_name(change->cls));
        }
    }
    for (guint i = 0; i < plan->left_out->len; i++)
        g_string_append_printf(text, "left out: %s\n", (char *)g_ptr_array_index(plan->left_out, i));
    if (text->len == 0)
        g_string_append(text, "nothing\n");
}

static void tell_ledger(GString *text, Engine *engine)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(engine_make_offers(engine, &error));
    g_autoptr(GPtrArray) offers =
        store_ledger(engine->store, engine->settings, NULL, engine_now(engine), &error);
    g_assert_no_error(error);
    for (guint i = 0; i < offers->len; i++) {
        const StoreOffer *offer = g_ptr_array_index(offers, i);
        g_string_append_printf(text, "offer %s %s -> %s [%s] %s: %s\n", offer->app, offer->installed_version,
                               offer->release->version, urgency_class_name(offer->cls),
                               verdict_name(offer->verdict), reason_code_name(offer->code));
    }
    if (text->len == 0)
        g_string_append(text, "nothing\n");
}

static void tell_answer(GString *text, Engine *engine, const Request *request)
{
    g_autoptr(GError) error = NULL;
    if (!request) {
        tell_ledger(text, engine);
        return;
    }
    g_autoptr(Plan) plan = engine_plan(engine, request, &error);
    if (plan)
        tell_plan(text, plan);
    else
        g_string_append_printf(text, "%s: %s\n", error_code_name(error_kind(error)), error->message);
}

static void replay(gconstpointer path)
{
    g_auto(Case) c = {0};
    case_init(&c);
    read_case(&c, path);
    publish(&c);
    g_autoptr(Engine) engine = vendor_engine(&c.own);
    vendor_refresh(engine);
    for (guint i = 0; i < c.installed->len; i++)
        install(engine, g_ptr_array_index(c.installed, i));
    for (guint i = 0; i < c.policy->len; i++)
        apply_policy(engine, g_ptr_array_index(c.policy, i));
    vendor_refresh(engine);
    g_autoptr(GString) found = g_string_new(NULL);
    tell_answer(found, engine, c.request);
    g_assert_cmpstr(found->str, ==, c.wanted->str);
}

void plan_cases_tests(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) dir = g_dir_open(CASES, 0, &error);
    g_assert_no_error(error);
    g_setenv("TZ", "UTC", TRUE); /* sentences tell times */
    for (const char *name = g_dir_read_name(dir); name; name = g_dir_read_name(dir)) {
        g_autofree char *test = g_strndup(name, strcspn(name, "."));
        g_autofree char *full = g_strdup_printf("/plan_cases/%s", test);
        g_test_add_data_func_full(full, g_build_filename(CASES, name, NULL), replay, g_free);
    }
}
