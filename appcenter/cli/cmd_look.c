/* cmd_look.c - the verbs that look: status, list, search, info, check, why-not, next. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/follow.h"
#include "cli/render.h"
#include "model/model.h"

static json_t *get(Cli *cli, const char *path, GError **error)
{
    return client_request(cli->client, "GET", path, NULL, error);
}

static json_t *get_app(Cli *cli, const char *name, const char *suffix, GError **error)
{
    g_autofree char *escaped = client_escape(name);
    g_autofree char *path = g_strdup_printf("/v1/apps/%s%s", escaped, suffix);
    return get(cli, path, error);
}

static gint64 number(const json_t *object, const char *member)
{
    return json_integer_value(json_object_get(object, member));
}

/* --- status --- */

static void print_protected(const json_t *status, gint64 now)
{
    const json_t *emergencies = json_object_get(status, "emergencies");
    if (json_is_true(json_object_get(status, "protected"))) {
        puts("protected: yes   no emergency fix waits");
        return;
    }
    gsize n = json_array_size(emergencies);
    const json_t *first = json_array_get(emergencies, 0);
    g_autofree char *ids = render_list(json_object_get(first, "advisories"));
    if (n == 0) {
        puts("protected: NO   an installed app has an open emergency advisory; see appctl audit");
        return;
    }
    printf("protected: NO   %zu emergency %s (%s %s%s%s)\n", n, n == 1 ? "fix waits" : "fixes wait",
           render_string(first, "app"), render_string(first, "version"), *ids ? ", " : "", ids);
    g_autofree char *deadline = render_time(json_object_get(first, "deadline"), now);
    if (*deadline)
        printf("           at the latest %s\n", deadline);
}

static void print_window(const json_t *status, gint64 now)
{
    const json_t *window = json_object_get(status, "window");
    g_autofree char *start = render_time(json_object_get(window, "next_start"), now);
    g_autofree char *end = render_time(json_object_get(window, "next_end"), now);
    printf("window:    %s %s", render_string(window, "text"), render_string(window, "timezone"));
    if (json_is_true(json_object_get(window, "is_open")))
        printf("   open until %s\n", end);
    else
        printf("   next: %s\n", *start ? start : "never");
}

static void print_repositories(const json_t *status, gint64 now)
{
    gsize i;
    json_t *repository;
    const json_t *repositories = json_object_get(status, "repositories");
    if (json_array_size(repositories) == 0)
        puts("metadata:  no repository; add one with appctl repo add");
    json_array_foreach(repositories, i, repository)
    {
        g_autofree char *age = render_age(json_object_get(repository, "last_success"), now);
        g_autofree char *until = render_time(json_object_get(repository, "expires_at"), now);
        const json_t *problem = json_object_get(repository, "error");
        if (*age)
            printf("metadata:  %s %s old, good until %s\n", render_string(repository, "name"), age, until);
        else
            printf("metadata:  %s was never read\n", render_string(repository, "name"));
        if (json_is_true(json_object_get(repository, "stale")))
            printf("           ALARM: nothing fresh from %s for twice its time; somebody may be freezing "
                   "this box\n",
                   render_string(repository, "name"));
        if (json_is_object(problem))
            printf("           last try failed: %s\n", render_string(problem, "message"));
    }
}

gboolean cmd_status(Cli *cli, int *exit_code, GError **error)
{
    (void)exit_code;
    g_autoptr(json_t) status = get(cli, "/v1/system", error);
    if (!status)
        return FALSE;
    if (cli_has(cli, "json")) {
        render_json(status);
        return TRUE;
    }
    const json_t *updates = json_object_get(status, "updates"), *consent = json_object_get(status, "consent");
    const json_t *clock = json_object_get(status, "clock");
    g_autofree char *space = render_size(json_object_get(json_object_get(status, "space"), "free"));
    g_autofree char *floor = render_time(json_object_get(clock, "floor"), cli->now);
    gsize i;
    json_t *warning;
    if (json_is_true(json_object_get(status, "read_only")))
        puts("READ ONLY: the state was damaged; see appctl doctor");
    print_protected(status, cli->now);
    printf("updates:   %" G_GINT64_FORMAT " wait, %" G_GINT64_FORMAT
           " of them for security; %" G_GINT64_FORMAT " apps installed\n",
           number(updates, "available"), number(updates, "security"), number(status, "installed"));
    printf("consent:   emergency = %s   security = %s   other = %s\n", render_string(consent, "emergency"),
           render_string(consent, "security"), render_string(consent, "other"));
    print_window(status, cli->now);
    print_repositories(status, cli->now);
    if (json_is_true(json_object_get(clock, "ok")))
        printf("clock:     ok   space: %s free\n", space);
    else
        printf("clock:     WRONG, before %s, a time that was signed already   space: %s free\n", floor,
               space);
    json_array_foreach(json_object_get(status, "warnings"), i, warning)
        printf("warning:   %s\n", json_string_value(warning));
    return TRUE;
}

/* --- list --- */

static const char *when_or_why(const json_t *candidate)
{
    return render_string(json_object_get(candidate, "reason"), "message");
}

static void add_update_row(Table *table, const json_t *app)
{
    const json_t *candidate = json_object_get(app, "candidate");
    g_autofree char *size = render_size(json_object_get(candidate, "size"));
    const char *cells[] = {render_string(app, "name"),
                           render_string(app, "version"),
                           render_string(candidate, "version"),
                           render_string(candidate, "class"),
                           size,
                           when_or_why(candidate)};
    table_add(table, cells);
}

static void add_app_row(Table *table, const json_t *app, gint64 now)
{
    const json_t *hold = json_object_get(app, "hold"), *candidate = json_object_get(app, "candidate");
    g_autofree char *until = render_time(json_object_get(hold, "until"), now);
    g_autofree char *held =
        json_is_object(hold) ? g_strdup_printf("held%s%s", *until ? " until " : "", until) : g_strdup("");
    const char *reason = render_string(json_object_get(candidate, "reason"), "code");
    g_autofree char *available = g_strconcat(render_string(candidate, "version"),
                                             g_str_equal(reason, "veto") ? " (rolled back)" : "", NULL);
    const char *cells[] = {render_string(app, "name"),
                           render_string(app, "version"),
                           render_string(app, "state"),
                           render_string(app, "previous"),
                           available,
                           held};
    table_add(table, cells);
}

static gboolean is_wanted(const Cli *cli, const json_t *app)
{
    if (cli_has(cli, "updates") && !json_is_object(json_object_get(app, "candidate")))
        return FALSE;
    if (cli_has(cli, "held") && !json_is_object(json_object_get(app, "hold")))
        return FALSE;
    return cli_n_words(cli) == 0 ||
           g_strv_contains((const char *const *)cli->words, render_string(app, "name"));
}

/* The document with the unwanted apps left out. NOT_FOUND for a named app that is not installed. */
static json_t *filtered(const Cli *cli, json_t *document, GError **error)
{
    gsize i;
    json_t *app;
    g_autoptr(json_t) wanted = json_array();
    json_array_foreach(json_object_get(document, "apps"), i, app) if (is_wanted(cli, app))
        json_array_append(wanted, app);
    for (char **word = cli->words; *word; word++) {
        gboolean is_there = FALSE;
        json_array_foreach(json_object_get(document, "apps"), i, app) is_there =
            is_there || g_str_equal(render_string(app, "name"), *word);
        if (!is_there) {
            error_set(error, APPCENTER_ERROR_NOT_FOUND, "%s is not installed", *word);
            return NULL;
        }
    }
    json_object_set(document, "apps", wanted);
    return document;
}

gboolean cmd_list(Cli *cli, int *exit_code, GError **error)
{
    static const char *const update_headers[] = {
        "APP", "INSTALLED", "AVAILABLE", "CLASS", ">SIZE", "WHEN, OR WHY NOT YET", NULL};
    static const char *const app_headers[] = {"APP",       "VERSION", "STATE", "PREVIOUS",
                                              "AVAILABLE", "HOLD",    NULL};
    (void)exit_code;
    g_autoptr(json_t) document = get(cli, "/v1/apps", error);
    if (!document || !filtered(cli, document, error))
        return FALSE;
    if (cli_has(cli, "json")) {
        render_json(document);
        return TRUE;
    }
    gsize i;
    json_t *app;
    gboolean updates = cli_has(cli, "updates");
    Table *table = table_new(updates ? update_headers : app_headers);
    json_array_foreach(json_object_get(document, "apps"), i, app)
    {
        if (updates)
            add_update_row(table, app);
        else
            add_app_row(table, app, cli->now);
    }
    table_print(table);
    if (i == 0)
        puts(updates ? "no updates" : "no apps");
    return TRUE;
}

gboolean cmd_search(Cli *cli, int *exit_code, GError **error)
{
    static const char *const headers[] = {"APP",   "VERSION", "INSTALLED", "PUBLISHER",
                                          ">SIZE", "SUMMARY", NULL};
    (void)exit_code;
    g_autofree char *word = client_escape(cli->words[0]);
    g_autofree char *path = g_strconcat("/v1/search?q=", word, NULL);
    g_autoptr(json_t) found = get(cli, path, error);
    if (!found)
        return FALSE;
    if (cli_has(cli, "json")) {
        render_json(found);
        return TRUE;
    }
    gsize i;
    json_t *app;
    Table *table = table_new(headers);
    json_array_foreach(json_object_get(found, "apps"), i, app)
    {
        g_autofree char *size = render_size(json_object_get(app, "size"));
        const char *cells[] = {render_string(app, "name"),
                               render_string(app, "version"),
                               render_string(app, "installed"),
                               render_string(app, "publisher"),
                               size,
                               render_string(app, "summary")};
        table_add(table, cells);
    }
    table_print(table);
    if (i == 0)
        printf("nothing found for \"%s\"\n", cli->words[0]);
    return TRUE;
}

static void print_pair(const char *name, const char *value)
{
    if (value && *value)
        printf("%-14s %s\n", name, value);
}

gboolean cmd_info(Cli *cli, int *exit_code, GError **error)
{
    (void)exit_code;
    g_autoptr(json_t) app = get_app(cli, cli->words[0], "", error);
    if (!app)
        return FALSE;
    if (cli_has(cli, "json")) {
        render_json(app);
        return TRUE;
    }
    const json_t *hold = json_object_get(app, "hold");
    static const struct {
        const char *label, *member;
    } texts[] = {{"name", "name"},        {"display name", "display_name"}, {"summary", "summary"},
                 {"version", "version"},  {"architecture", "arch"},         {"publisher", "publisher"},
                 {"state", "state"},      {"failure", "failure"},           {"folder", "install_path"},
                 {"previous", "previous"}};
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
        print_pair(texts[i].label, render_string(app, texts[i].member));
    g_autofree char *requires = render_list(json_object_get(app, "requires"));
    g_autofree char *conflicts = render_list(json_object_get(app, "conflicts"));
    g_autofree char *installed = render_time(json_object_get(app, "installed_at"), cli->now);
    print_pair("requires", requires);
    print_pair("conflicts", conflicts);
    print_pair("installed", installed);
    if (json_is_object(hold))
        print_pair("held", *render_string(hold, "note") ? render_string(hold, "note") : "yes");
    gsize i;
    json_t *release;
    json_array_foreach(json_object_get(app, "waiting"), i, release)
    {
        g_autofree char *text = g_strdup_printf("%s (%s): %s", render_string(release, "version"),
                                                render_string(release, "class"), when_or_why(release));
        print_pair(i == 0 ? "available" : "", text);
    }
    g_autoptr(GString) versions = g_string_new(NULL);
    json_array_foreach(json_object_get(app, "releases"), i, release)
        g_string_append_printf(versions, "%s%s", i ? ", " : "", render_string(release, "version"));
    print_pair("releases", versions->str);
    return TRUE;
}

gboolean cmd_check(Cli *cli, int *exit_code, GError **error)
{
    g_autoptr(json_t) status = get(cli, "/v1/system", error);
    if (!status)
        return FALSE;
    const json_t *updates = json_object_get(status, "updates");
    *exit_code = number(updates, "emergency")   ? EXIT_EMERGENCY
                 : number(updates, "security")  ? EXIT_SECURITY
                 : number(updates, "available") ? EXIT_UPDATES
                                                : 0;
    if (cli_has(cli, "json")) {
        g_autoptr(json_t) document =
            json_pack("{s:s, s:O?, s:O?, s:i}", "schema", "appctl.check/1", "updates", updates, "protected",
                      json_object_get(status, "protected"), "exit", *exit_code);
        render_json(document);
    } else if (!cli_has(cli, "quiet")) {
        printf("%" G_GINT64_FORMAT " updates, %" G_GINT64_FORMAT " for security, %" G_GINT64_FORMAT
               " emergencies\n",
               number(updates, "available"), number(updates, "security"), number(updates, "emergency"));
    }
    return TRUE;
}

static gboolean show_explanation(Cli *cli, const json_t *explanation)
{
    if (cli_has(cli, "json")) {
        render_json(explanation);
        return TRUE;
    }
    gsize i;
    json_t *one;
    const char *app = render_string(explanation, "app");
    json_array_foreach(json_object_get(explanation, "because"), i, one) puts(json_string_value(one));
    if (json_array_size(json_object_get(explanation, "problems")) == 0)
        printf("%s %s is the newest that is offered\n", app, render_string(explanation, "installed"));
    const char *installed = render_string(explanation, "installed");
    json_array_foreach(json_object_get(explanation, "problems"), i, one)
    {
        if (i == 0)
            printf("%s %s%s%s: %s\n", app, installed, *installed ? " -> " : "",
                   render_string(explanation, "version"), render_string(one, "message"));
        else
            printf("  %s\n", render_string(one, "message"));
    }
    render_choices(stdout, explanation);
    return TRUE;
}

gboolean cmd_why(Cli *cli, int *exit_code, GError **error)
{
    (void)exit_code;
    g_autoptr(json_t) explanation = get_app(cli, cli->words[0], "/why", error);
    return explanation && show_explanation(cli, explanation);
}

/* What would happen if it were asked for: the plan, or what speaks against one. */
static json_t *explain_wish(Cli *cli, const char *name, const char *version, GError **error)
{
    g_autoptr(json_t) result = NULL;
    g_autoptr(json_t) body = json_pack("{s:s, s:[{s:s, s:s?}], s:{s:b}}", "action", "install", "apps", "name",
                                       name, "version", version, "options", "allow_downgrade", 1);
    if (!follow_post(cli, "/v1/plan", body, FALSE, &result, error))
        return NULL;
    const char *code = render_string(result, "code"), *message = render_string(result, "message");
    AppcenterError kind = error_kind_from_code(code);
    gboolean is_fine = g_str_equal(code, "ok");
    if (!is_fine && kind != APPCENTER_ERROR_CONFLICT && kind != APPCENTER_ERROR_REFUSED) {
        json_decref(cli->explanation);
        cli->explanation = json_incref(json_object_get(result, "explanation"));
        error_set(error, kind, "%s", message);
        return NULL;
    }
    json_t *told = json_object_get(result, "explanation");
    json_t *answer = json_pack("{s:s, s:s, s:s?, s:[], s:[]}", "schema", "appctl.explanation/1", "app", name,
                               "version", version, "problems", "solutions");
    json_object_update(answer, told);
    return answer;
}

/* The ledger's one reason; and where the solver knows more than that, its steps behind it, and the choices that help. */
static void add_wish(json_t *explanation, const json_t *wish)
{
    json_t *problems = json_object_get(explanation, "problems");
    const json_t *more = json_object_get(wish, "problems");
    const char *rule = render_string(json_array_get(problems, 0), "rule");
    if (json_array_size(more) == 0)
        return;
    if (g_str_equal(rule, "dependency") || g_str_equal(rule, "os"))
        json_array_clear(problems); /* the same in one sentence */
    json_array_extend(problems, (json_t *)more);
    json_object_set(explanation, "solutions", json_object_get(wish, "solutions"));
}

static gboolean why_not_installed(Cli *cli, const char *name, GError **error)
{
    g_autoptr(json_t) explanation = get_app(cli, name, "/why", error);
    if (!explanation)
        return FALSE;
    const char *version = json_string_value(json_object_get(explanation, "version"));
    g_autoptr(json_t) wish = version ? explain_wish(cli, name, version, error) : NULL;
    if (version && !wish)
        return FALSE;
    add_wish(explanation, wish);
    json_object_del(explanation, "because"); /* that is why's answer */
    return show_explanation(cli, explanation);
}

gboolean cmd_why_not(Cli *cli, int *exit_code, GError **error)
{
    (void)exit_code;
    g_auto(GStrv) parts = g_strsplit(cli->words[0], "=", 2);
    if (!app_name_is_valid(parts[0]) || (parts[1] && !version_is_valid(parts[1])))
        return error_set(error, APPCENTER_ERROR_INVALID, "wanted APP or APP=VERSION, found \"%s\"",
                         cli->words[0]);
    g_autoptr(GError) unknown = NULL;
    g_autoptr(json_t) app = get_app(cli, parts[0], "", &unknown);
    gboolean is_installed = app && !g_str_equal(render_string(app, "state"), "available");
    if (is_installed && !parts[1])
        return why_not_installed(cli, parts[0], error);
    g_autoptr(json_t) explanation = explain_wish(cli, parts[0], parts[1], error);
    if (!explanation)
        return FALSE;
    if (json_array_size(json_object_get(explanation, "problems")) > 0 || cli_has(cli, "json"))
        return show_explanation(cli, explanation);
    printf("nothing speaks against it: appctl install %s\n", cli->words[0]);
    return TRUE;
}

gboolean cmd_next(Cli *cli, int *exit_code, GError **error)
{
    static const char *const headers[] = {"APP", "VERSION", "WHEN", "WHY", NULL};
    (void)exit_code;
    g_autoptr(json_t) document = get(cli, "/v1/apps", error);
    if (!document)
        return FALSE;
    gsize i, n = 0;
    json_t *app;
    g_autoptr(json_t) coming = json_array();
    Table *table = table_new(headers);
    json_array_foreach(json_object_get(document, "apps"), i, app)
    {
        const json_t *candidate = json_object_get(app, "candidate");
        const char *verdict = render_string(candidate, "verdict");
        if (!g_str_equal(verdict, "now") && !g_str_equal(verdict, "at"))
            continue;
        g_autofree char *at = render_time(json_object_get(candidate, "at"), cli->now);
        const char *cells[] = {render_string(app, "name"), render_string(candidate, "version"),
                               g_str_equal(verdict, "now") ? "now" : at,
                               render_string(json_object_get(candidate, "reason"), "message")};
        table_add(table, cells);
        json_array_append(coming, app);
        n++;
    }
    if (cli_has(cli, "json")) {
        g_autoptr(json_t) answer = json_pack("{s:s, s:O}", "schema", "appctl.apps/1", "apps", coming);
        render_json(answer);
        table_free(table);
        return TRUE;
    }
    table_print(table);
    if (n == 0)
        puts("nothing will happen by itself");
    return TRUE;
}
