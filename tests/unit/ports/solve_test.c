/* solve_test.c - replays tests/solve/NAME.case, one test each, and each several times with its records shuffled.
 *
 * A case is a text: `os 5.1.0`, `arch x86_64`, `installed NAME VERSION; requires A >= 1, B; ...`, `available ...` (`; file`
 * for what was brought by hand), `locked NAME`, `request upgrade NAME=VERSION`, `option cascade` or `probe NAME=VERSION`,
 * and the answer, line by line behind `= `. APPCENTER_CASES names another folder of such texts.
 * Every plan must pass plan_check, too, which knows nothing of libsolv.
 */
#include "ports/solve.h"
#include "tests.h"

#include <string.h>

#define CASES    "tests/solve"
#define SHUFFLES 6

typedef struct {
    GPtrArray *installed, *available, *locked;
    char *os_version, *box_arch;
    Request *request;
    char *probe_name, *probe_version;
    GString *wanted;
} Case;

static void case_clear(Case *c)
{
    g_ptr_array_unref(c->installed);
    g_ptr_array_unref(c->available);
    g_ptr_array_unref(c->locked);
    g_free(c->os_version);
    g_free(c->box_arch);
    request_free(c->request);
    g_free(c->probe_name);
    g_free(c->probe_version);
    g_string_free(c->wanted, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Case, case_clear)

/* The value of `key` in "NAME VERSION; key value; key value", or NULL. */
static char *clause(char **clauses, const char *key)
{
    for (guint i = 1; clauses[i]; i++) {
        g_auto(GStrv) parts = g_strsplit(g_strstrip(clauses[i]), " ", 2);
        if (parts[0] && strcmp(parts[0], key) == 0)
            return g_strdup(parts[1] ? parts[1] : "");
    }
    return NULL;
}

static char *clause_or(char **clauses, const char *key, const char *fallback)
{
    char *value = clause(clauses, key);
    return value ? value : g_strdup(fallback);
}

static char **clause_items(char **clauses, const char *key)
{
    g_autofree char *value = clause_or(clauses, key, "");
    g_autoptr(GError) error = NULL;
    char **items = requirement_split(value, TRUE, &error);
    g_assert_no_error(error);
    return items;
}

static void read_installed(Case *c, const char *name, const char *version, char **clauses)
{
    InstalledApp *app = g_new0(InstalledApp, 1);
    app->name = g_strdup(name);
    app->version = g_strdup(version);
    app->arch = clause_or(clauses, "arch", "x86_64");
    app->publisher = clause_or(clauses, "publisher", "vendor");
    app->requires = clause_items(clauses, "requires");
    app->conflicts = clause_items(clauses, "conflicts");
    app->provides = clause_items(clauses, "provides");
    app->enabled = TRUE;
    g_autofree char *origin = clause(clauses, "as_dependency");
    app->as_dependency = origin != NULL;
    g_ptr_array_add(c->installed, app);
}

static void read_available(Case *c, const char *name, const char *version, char **clauses)
{
    Release *release = g_new0(Release, 1);
    release->name = g_strdup(name);
    release->version = g_strdup(version);
    release->arch = clause_or(clauses, "arch", "x86_64");
    release->publisher = clause_or(clauses, "publisher", "vendor");
    g_autofree char *file = clause(clauses, "file"); /* brought by hand: from no repository */
    release->repository = file ? NULL : clause_or(clauses, "repository", "qnap");
    release->requires = clause_items(clauses, "requires");
    release->conflicts = clause_items(clauses, "conflicts");
    release->provides = clause_items(clauses, "provides");
    release->obsoletes = clause_items(clauses, "obsoletes");
    release->os_min = clause(clauses, "os_min");
    release->os_max = clause(clauses, "os_max");
    g_ptr_array_add(c->available, release);
}

static void read_record(Case *c, const char *text, gboolean is_installed)
{
    g_auto(GStrv) clauses = g_strsplit(text, ";", -1);
    g_auto(GStrv) words = g_strsplit(g_strstrip(clauses[0]), " ", 2);
    g_assert_cmpuint(g_strv_length(words), ==, 2);
    (is_installed ? read_installed : read_available)(c, words[0], words[1], clauses);
}

static void read_request(Case *c, const char *text)
{
    static const struct {
        const char *name;
        RequestKind kind;
    } kinds[] = {{"install", REQUEST_INSTALL},
                 {"upgrade", REQUEST_UPGRADE},
                 {"remove", REQUEST_REMOVE},
                 {"auto", REQUEST_AUTO},
                 {"autoremove", REQUEST_AUTOREMOVE}};
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (strcmp(kinds[i].name, words[0]) == 0)
            c->request = request_new(kinds[i].kind);
    g_assert_nonnull(c->request);
    for (guint i = 1; words[i]; i++) {
        g_auto(GStrv) parts = g_strsplit(words[i], "=", 2);
        request_add_app(c->request, parts[0], parts[1]);
    }
}

static void read_option(Case *c, const char *text)
{
    c->request->cascade |= strcmp(text, "cascade") == 0;
    c->request->allow_downgrade |= strcmp(text, "allow_downgrade") == 0;
    if (strcmp(text, "file") == 0)
        c->request->file = g_strdup("/brought.qpkg");
}

static void read_probe(Case *c, const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, "=", 2);
    c->probe_name = g_strdup(parts[0]);
    c->probe_version = g_strdup(parts[1]);
}

static void read_line(Case *c, const char *line)
{
    g_auto(GStrv) parts = g_strsplit(line, " ", 2);
    const char *rest = parts[0] && parts[1] ? parts[1] : "";
    if (*line == '\0' || *line == '#')
        return;
    if (strcmp(parts[0], "installed") == 0 || strcmp(parts[0], "available") == 0)
        read_record(c, rest, parts[0][0] == 'i');
    else if (strcmp(parts[0], "locked") == 0)
        g_ptr_array_add(c->locked, g_strdup(rest));
    else if (strcmp(parts[0], "request") == 0)
        read_request(c, rest);
    else if (strcmp(parts[0], "option") == 0)
        read_option(c, rest);
    else if (strcmp(parts[0], "probe") == 0)
        read_probe(c, rest);
    else if (strcmp(parts[0], "=") == 0)
        g_string_append_printf(c->wanted, "%s\n", rest);
    else if (strcmp(parts[0], "os") == 0) {
        g_free(c->os_version);
        c->os_version = g_strdup(rest);
    } else if (strcmp(parts[0], "arch") == 0) {
        g_free(c->box_arch);
        c->box_arch = g_strdup(rest);
    } else
        g_error("no such line in a case: %s", line);
}

static void read_case(Case *c, const char *path)
{
    *c = (Case){.installed = g_ptr_array_new_with_free_func((GDestroyNotify)installed_app_free),
                .available = g_ptr_array_new_with_free_func((GDestroyNotify)release_free),
                .locked = g_ptr_array_new_with_free_func(g_free),
                .os_version = g_strdup("5.1.0"),
                .box_arch = g_strdup("x86_64"),
                .wanted = g_string_new(NULL)};
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i]; i++)
        read_line(c, lines[i]);
    g_assert_cmpuint(c->wanted->len, >, 0);
}

static void tell_change(GString *text, const PlanChange *change)
{
    g_string_append_printf(text, "%s %s %s%s%s", change_op_name(change->op), change->app,
                           change->from_version ? change->from_version : "",
                           change->from_version && change->to_version ? " -> " : "",
                           change->to_version ? change->to_version : "");
    g_string_append_printf(text, " (%s)\n", change->reason);
}

static void check_independently(const Case *c, GPtrArray *changes)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = plan_new();
    plan_split_into_sets(plan, changes, c->installed);
    PlanContext context = {c->installed, c->os_version, c->box_arch, c->request, c->locked};
    gboolean is_fine = plan_check(plan, &context, &error);
    g_assert_no_error(error);
    g_assert_true(is_fine);
}

static void answer_request(const Case *c, const SolveInput *input, GString *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) left_out = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) changes = solve(input, left_out, &error);
    if (!changes) {
        g_string_append_printf(text, "%s: %s\n", error_code_name(error_kind(error)), error->message);
        return;
    }
    g_assert_no_error(error);
    for (guint i = 0; i < changes->len; i++)
        tell_change(text, g_ptr_array_index(changes, i));
    for (guint i = 0; i < left_out->len; i++)
        g_string_append_printf(text, "left out: %s\n", (char *)g_ptr_array_index(left_out, i));
    if (text->len == 0)
        g_string_append(text, "nothing\n");
    check_independently(c, changes);
}

static void answer_probe(const Case *c, const SolveInput *input, GString *text)
{
    g_autoptr(GPtrArray) pulls_in = g_ptr_array_new_with_free_func(g_free);
    gboolean is_os = FALSE;
    for (guint i = 0; i < c->available->len; i++) {
        const Release *release = g_ptr_array_index(c->available, i);
        if (strcmp(release->name, c->probe_name) != 0 || strcmp(release->version, c->probe_version) != 0)
            continue;
        g_autofree char *problem = solve_probe(input, release, &is_os, pulls_in);
        g_string_append_printf(text, "%s%s\n", problem ? problem : "yes", is_os ? " [os]" : "");
    }
    for (guint i = 0; i < pulls_in->len; i++)
        g_string_append_printf(text, "pulls in %s\n", (char *)g_ptr_array_index(pulls_in, i));
}

static void shuffle(GPtrArray *array, GRand *rand)
{
    for (guint i = array->len; i > 1; i--) {
        guint j = (guint)g_rand_int_range(rand, 0, (gint32)i);
        gpointer kept = array->pdata[i - 1];
        array->pdata[i - 1] = array->pdata[j];
        array->pdata[j] = kept;
    }
}

static void replay(gconstpointer path)
{
    g_auto(Case) c = {0};
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    read_case(&c, path);
    SolveInput input = {.installed = c.installed,
                        .available = c.available,
                        .os_version = c.os_version,
                        .box_arch = c.box_arch,
                        .request = c.request,
                        .locked = c.locked};
    for (guint round = 0; round < SHUFFLES; round++) {
        g_autoptr(GString) found = g_string_new(NULL);
        if (c.probe_name)
            answer_probe(&c, &input, found);
        else
            answer_request(&c, &input, found);
        g_assert_cmpstr(found->str, ==, c.wanted->str);
        shuffle(c.installed, rand);
        shuffle(c.available, rand);
        if (c.request)
            shuffle(c.request->apps, rand);
    }
}

void solve_tests(void)
{
    g_autoptr(GError) error = NULL;
    const char *given = g_getenv("APPCENTER_CASES"); /* what --debug-solver wrote */
    const char *folder = given ? given : CASES;
    g_autoptr(GDir) dir = g_dir_open(folder, 0, &error);
    g_assert_no_error(error);
    for (const char *name = g_dir_read_name(dir); name; name = g_dir_read_name(dir)) {
        g_autofree char *test = g_strndup(name, strcspn(name, "."));
        g_autofree char *full = g_strdup_printf("/solve/%s", test);
        g_test_add_data_func_full(full, g_build_filename(folder, name, NULL), replay, g_free);
    }
}
