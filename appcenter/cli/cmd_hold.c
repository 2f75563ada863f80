/* cmd_hold.c - holds and skips. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/render.h"
#include "model/model.h"

/* "2026-12-24" is that day's first second here; a full time is taken as it is. 0 with INVALID. */
static gint64 parse_date(const char *text, GError **error)
{
    gint64 at = 0;
    if (units_parse_time(text, &at))
        return at;
    int year, month, day;
    char rest;
    g_autoptr(GDateTime) date = sscanf(text, "%4d-%2d-%2d%c", &year, &month, &day, &rest) == 3
                                    ? g_date_time_new_local(year, month, day, 0, 0, 0)
                                    : NULL;
    if (!date) {
        error_set(error, APPCENTER_ERROR_INVALID,
                  "--until: wanted 2026-12-24 or 2026-12-24T06:00:00Z, found \"%s\"", text);
        return 0;
    }
    return g_date_time_to_unix(date);
}

/* *until 0: without end. */
static gboolean hold_until(const Cli *cli, gint64 *until, GError **error)
{
    const char *span = cli_value(cli, "for"), *date = cli_value(cli, "until");
    gint64 seconds = 0;
    *until = 0;
    if (span && date)
        return error_set(error, APPCENTER_ERROR_INVALID, "--for or --until, not both");
    if (span && !units_parse_duration(span, &seconds))
        return error_set(error, APPCENTER_ERROR_INVALID,
                         "--for: wanted a time such as 72h or 14d, found \"%s\"", span);
    if (span)
        *until = cli->now + seconds;
    if (date && !(*until = parse_date(date, error)))
        return FALSE;
    return !*until || *until > cli->now || error_set(error, APPCENTER_ERROR_INVALID, "wanted a time to come");
}

static gboolean put_hold(Cli *cli, const char *app, gint64 until, GError **error)
{
    g_autofree char *text = until ? units_format_time(until) : NULL;
    const char *reason = cli_value(cli, "reason");
    g_autoptr(json_t) hold =
        json_pack("{s:o, s:o, s:o, s:b}", "app", app ? json_string(app) : json_null(), "until",
                  text ? json_string(text) : json_null(), "note", reason ? json_string(reason) : json_null(),
                  "except_emergency", cli_has(cli, "except-emergency"));
    g_autoptr(json_t) answer = client_request(cli->client, "PUT", "/v1/holds", hold, error);
    if (!answer)
        return FALSE;
    if (cli_has(cli, "quiet") || cli_has(cli, "json"))
        return TRUE;
    g_autofree char *when = until ? units_format_when(until, cli->now, NULL) : NULL;
    printf("%s held%s%s%s\n", app ? app : "all apps are", when ? " until " : "", when ? when : "",
           cli_has(cli, "except-emergency") ? "" : "; emergency fixes, too, wait for you");
    return TRUE;
}

static gboolean print_holds(Cli *cli, GError **error)
{
    g_autoptr(json_t) holds = client_request(cli->client, "GET", "/v1/holds", NULL, error);
    if (holds)
        render_json(holds);
    return holds != NULL;
}

gboolean cmd_hold(Cli *cli, int *exit_code, GError **error)
{
    gint64 until;
    (void)exit_code;
    if (!hold_until(cli, &until, error))
        return FALSE;
    if (cli_n_words(cli) == 0 && !put_hold(cli, NULL, until, error))
        return FALSE;
    for (char **app = cli->words; *app; app++)
        if (!put_hold(cli, *app, until, error))
            return FALSE;
    return !cli_has(cli, "json") || print_holds(cli, error);
}

static gboolean delete_hold(Cli *cli, const char *app, GError **error)
{
    g_autofree char *escaped = app ? client_escape(app) : NULL;
    g_autofree char *path = app ? g_strconcat("/v1/holds?app=", escaped, NULL) : g_strdup("/v1/holds");
    g_autoptr(json_t) answer = client_request(cli->client, "DELETE", path, NULL, error);
    if (!answer)
        return FALSE;
    if (!cli_has(cli, "quiet") && !cli_has(cli, "json"))
        printf("%s no longer held\n", app ? app : "all apps:");
    return TRUE;
}

gboolean cmd_unhold(Cli *cli, int *exit_code, GError **error)
{
    (void)exit_code;
    if (cli_n_words(cli) == 0 && !delete_hold(cli, NULL, error))
        return FALSE;
    for (char **app = cli->words; *app; app++)
        if (!delete_hold(cli, *app, error))
            return FALSE;
    return !cli_has(cli, "json") || print_holds(cli, error);
}

/* APP=VERSION, the only word, in two parts. */
static char **skip_parts(const Cli *cli, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(cli->words[0], "=", 2);
    if (app_name_is_valid(parts[0]) && parts[1] && version_is_valid(parts[1]))
        return g_steal_pointer(&parts);
    error_set(error, APPCENTER_ERROR_INVALID, "wanted APP=VERSION, found \"%s\"", cli->words[0]);
    return NULL;
}

static void print_skip(Cli *cli, char **parts, const char *what)
{
    g_autoptr(json_t) skip = json_pack("{s:s, s:s}", "app", parts[0], "version", parts[1]);
    if (cli_has(cli, "json"))
        render_json(skip);
    else if (!cli_has(cli, "quiet"))
        printf("%s %s %s\n", parts[0], parts[1], what);
}

gboolean cmd_skip(Cli *cli, int *exit_code, GError **error)
{
    (void)exit_code;
    g_auto(GStrv) parts = skip_parts(cli, error);
    if (!parts)
        return FALSE;
    g_autoptr(json_t) skip = json_pack("{s:s, s:s}", "app", parts[0], "version", parts[1]);
    g_autoptr(json_t) answer = client_request(cli->client, "PUT", "/v1/skips", skip, error);
    if (answer)
        print_skip(cli, parts, "is skipped; a newer one is offered again");
    return answer != NULL;
}

gboolean cmd_unskip(Cli *cli, int *exit_code, GError **error)
{
    (void)exit_code;
    g_auto(GStrv) parts = skip_parts(cli, error);
    if (!parts)
        return FALSE;
    g_autofree char *app = client_escape(parts[0]);
    g_autofree char *version = client_escape(parts[1]);
    g_autofree char *path = g_strdup_printf("/v1/skips?app=%s&version=%s", app, version);
    g_autoptr(json_t) answer = client_request(cli->client, "DELETE", path, NULL, error);
    if (answer)
        print_skip(cli, parts, "is no longer skipped");
    return answer != NULL;
}
