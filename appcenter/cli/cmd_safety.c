/* cmd_safety.c - is what is installed what was installed, and is the box well? */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/follow.h"
#include "cli/render.h"

static gboolean is_damage(const char *finding)
{
    return g_str_equal(finding, "missing") || g_str_equal(finding, "changed") || g_str_equal(finding, "mode");
}

static gint64 count_of(const json_t *app, const char *member)
{
    return json_integer_value(json_object_get(app, member));
}

static void print_app(const json_t *app)
{
    gsize i;
    json_t *one;
    gint64 named = 0;
    gint64 damage = count_of(app, "missing") + count_of(app, "changed") + count_of(app, "mode");
    printf("%s %s: %s", render_string(app, "name"), render_string(app, "version"),
           damage ? "NOT as installed" : "ok");
    if (count_of(app, "config"))
        printf(", %" G_GINT64_FORMAT " config files edited", count_of(app, "config"));
    if (count_of(app, "extra"))
        printf(", %" G_GINT64_FORMAT " files or folders of its own or yours", count_of(app, "extra"));
    putchar('\n');
    json_array_foreach(json_object_get(app, "findings"), i, one)
    {
        const char *finding = render_string(one, "finding");
        if (is_damage(finding) || g_str_equal(finding, "config"))
            printf("  %-8s %s\n", finding, render_string(one, "path"));
        named += is_damage(finding);
    }
    if (named < damage)
        printf("  and %" G_GINT64_FORMAT " more\n", damage - named);
}

/* What the daemon found; NULL with the error when it could not look. */
static json_t *ask(Cli *cli, json_t **result, GError **error)
{
    g_autoptr(json_t) names = json_array();
    for (char **word = cli->words; *word; word++)
        json_array_append_new(names, json_string(*word));
    g_autoptr(json_t) body = json_pack("{s:O}", "apps", names);
    if (!follow_post(cli, "/v1/verify", body, FALSE, result, error) || !*result)
        return NULL;
    json_t *report = json_object_get(*result, "report");
    if (!json_is_object(report))
        error_set(error, error_kind_from_code(render_string(*result, "code")), "%s",
                  render_string(*result, "message"));
    return report;
}

static gboolean repair(Cli *cli, const json_t *report, int *exit_code, GError **error)
{
    gsize i;
    json_t *app;
    g_autoptr(GStrvBuilder) damaged = g_strv_builder_new();
    json_array_foreach(json_object_get(report, "apps"), i, app) if (!json_is_true(json_object_get(app, "ok")))
        g_strv_builder_add(damaged, render_string(app, "name"));
    g_auto(GStrv) names = g_strv_builder_end(damaged);
    *exit_code = 0;
    return !*names || cmd_change_apps(cli, "repair", names, exit_code, error);
}

gboolean cmd_verify(Cli *cli, int *exit_code, GError **error)
{
    gsize i;
    json_t *app;
    gboolean repairs = cli_has(cli, "repair");
    g_autoptr(GError) failure = NULL;
    g_autoptr(json_t) result = NULL;
    const json_t *report = ask(cli, &result, &failure);
    if (failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (!report)
        return TRUE; /* --no-wait: the id was printed */
    *exit_code = (int)json_integer_value(json_object_get(result, "exit"));
    if (cli_has(cli, "json") && !repairs) {
        render_json(report);
        return TRUE;
    }
    if (!cli_has(cli, "json")) {
        json_array_foreach(json_object_get(report, "apps"), i, app) print_app(app);
        if (i == 0)
            puts("nothing is installed");
    }
    return !repairs || repair(cli, report, exit_code, error);
}

/* --- doctor --- */

static void print_finding(const json_t *finding)
{
    const char *level = render_string(finding, "level"), *help = render_string(finding, "help");
    printf("%-8s %-12s %s\n", level, render_string(finding, "check"), render_string(finding, "message"));
    if (*help)
        printf("%-8s %-12s -> %s\n", "", "", help);
}

static gboolean accept_damage(Cli *cli, GError **error)
{
    g_autoptr(json_t) body = json_object();
    g_autoptr(json_t) answer = client_request(cli->client, "POST", "/v1/doctor/accept", body, error);
    return answer != NULL;
}

gboolean cmd_doctor(Cli *cli, int *exit_code, GError **error)
{
    gsize i;
    json_t *finding;
    if (cli_has(cli, "accept") && !accept_damage(cli, error))
        return FALSE;
    g_autoptr(json_t) report = client_request(cli->client, "GET", "/v1/doctor", NULL, error);
    if (!report)
        return FALSE;
    *exit_code = json_is_true(json_object_get(report, "ok")) ? 0 : 1;
    if (cli_has(cli, "json")) {
        render_json(report);
        return TRUE;
    }
    json_array_foreach(json_object_get(report, "findings"), i, finding) print_finding(finding);
    return TRUE;
}
