/* cmd_record.c - what was done and what is known: history, watch, advisories, audit. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/render.h"
#include "model/model.h"

static char *changes_text(const json_t *transaction)
{
    gsize i;
    json_t *change;
    GString *text = g_string_new(NULL);
    json_array_foreach(json_object_get(transaction, "changes"), i, change)
    {
        const char *from = render_string(change, "from"), *to = render_string(change, "to");
        g_string_append_printf(text, "%s%s %s %s%s%s", i ? ", " : "", render_string(change, "op"),
                               render_string(change, "app"), from, *from && *to ? " -> " : "", to);
    }
    return g_string_free(text, FALSE);
}

static void print_history(const json_t *history, gint64 now)
{
    static const char *const headers[] = {">ID", "WHEN", "TRIGGER", "RESULT", "CHANGES", NULL};
    gsize i;
    json_t *transaction;
    Table *table = table_new(headers);
    json_array_foreach(json_object_get(history, "transactions"), i, transaction)
    {
        g_autofree char *id =
            g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(transaction, "id")));
        g_autofree char *when = render_time(json_object_get(transaction, "started_at"), now);
        g_autofree char *changes = changes_text(transaction);
        const char *cells[] = {id, when, render_string(transaction, "trigger"),
                               render_string(transaction, "result"), changes};
        table_add(table, cells);
    }
    table_print(table);
    if (i == 0)
        puts("nothing was done yet");
}

static gboolean show_transaction(Cli *cli, const char *word, GError **error)
{
    guint64 id = 0;
    if (!g_ascii_string_to_unsigned(word, 10, 1, G_MAXINT64, &id, NULL))
        return error_set(error, APPCENTER_ERROR_INVALID,
                         "\"%s\": wanted a transaction's number; see appctl history", word);
    g_autofree char *escaped = client_escape(word);
    g_autofree char *path = g_strconcat("/v1/history/", escaped, NULL);
    g_autoptr(json_t) transaction = client_request(cli->client, "GET", path, NULL, error);
    if (!transaction)
        return FALSE;
    if (cli_has(cli, "json")) {
        render_json(transaction);
        return TRUE;
    }
    g_autofree char *started = render_time(json_object_get(transaction, "started_at"), cli->now);
    g_autofree char *finished = render_time(json_object_get(transaction, "finished_at"), cli->now);
    gsize i;
    json_t *change;
    printf("transaction %s, by %s: %s\n  from %s to %s\n", word, render_string(transaction, "trigger"),
           render_string(transaction, "result"), started, finished);
    json_array_foreach(json_object_get(transaction, "changes"), i, change)
        printf("  %-9s %s  %s -> %s  %s\n", render_string(change, "op"), render_string(change, "app"),
               render_string(change, "from"), render_string(change, "to"), render_string(change, "reason"));
    const char *message = render_string(json_object_get(transaction, "error"), "message");
    if (*message)
        printf("  %s\n", message);
    return TRUE;
}

gboolean cmd_history(Cli *cli, int *exit_code, GError **error)
{
    (void)exit_code;
    if (cli_n_words(cli) == 1)
        return show_transaction(cli, cli->words[0], error);
    const char *limit = cli_value(cli, "limit");
    g_autofree char *escaped = limit ? client_escape(limit) : NULL;
    g_autofree char *path =
        limit ? g_strconcat("/v1/history?limit=", escaped, NULL) : g_strdup("/v1/history");
    g_autoptr(json_t) history = client_request(cli->client, "GET", path, NULL, error);
    if (!history)
        return FALSE;
    if (cli_has(cli, "json"))
        render_json(history);
    else
        print_history(history, cli->now);
    return TRUE;
}

/* --- watch --- */

typedef struct {
    Progress *progress;
    gboolean as_json, is_one_job;
} Watch;

static gboolean on_event(json_t *event, gpointer user_data)
{
    Watch *watch = user_data;
    const char *kind = render_string(event, "event");
    if (watch->as_json) {
        render_json(event);
        fflush(stdout);
    } else if (g_str_equal(kind, "result")) {
        progress_end(watch->progress);
        printf("job %" JSON_INTEGER_FORMAT ": %s %s\n", json_integer_value(json_object_get(event, "job")),
               render_string(event, "code"), render_string(event, "message"));
        fflush(stdout);
    } else {
        progress_event(watch->progress, event, g_get_monotonic_time());
    }
    return !(watch->is_one_job && g_str_equal(kind, "result"));
}

static gboolean go_on(gpointer user_data)
{
    (void)user_data;
    return TRUE;
}

gboolean cmd_watch(Cli *cli, int *exit_code, GError **error)
{
    (void)exit_code;
    gint64 last_id = 0;
    gboolean is_one = cli_n_words(cli) == 1;
    g_autofree char *escaped = is_one ? client_escape(cli->words[0]) : NULL;
    g_autofree char *path = is_one ? g_strconcat("/v1/events?job=", escaped, NULL) : g_strdup("/v1/events");
    g_autoptr(Progress) progress = progress_new(FALSE);
    Watch watch = {progress, cli_has(cli, "json"), is_one};
    return client_stream(cli->client, path, &last_id, on_event, go_on, &watch, error);
}

/* --- advisories --- */

static json_t *find_advisory(const json_t *list, const char *id)
{
    gsize i;
    json_t *one, *alias;
    json_array_foreach(json_object_get(list, "advisories"), i, one)
    {
        gsize a;
        if (g_str_equal(render_string(one, "id"), id))
            return one;
        json_array_foreach(json_object_get(one, "aliases"), a,
                           alias) if (g_strcmp0(json_string_value(alias), id) == 0) return one;
    }
    return NULL;
}

static void print_advisories(const json_t *list)
{
    static const char *const headers[] = {"ID", "CLASS", "AFFECTS HERE", "SUMMARY", NULL};
    gsize i;
    json_t *one;
    Table *table = table_new(headers);
    json_array_foreach(json_object_get(list, "advisories"), i, one)
    {
        g_autofree char *affects = render_list(json_object_get(one, "affects_installed"));
        gboolean is_withdrawn = json_is_true(json_object_get(one, "withdrawn"));
        const char *cells[] = {render_string(one, "id"),
                               is_withdrawn ? "withdrawn" : render_string(one, "class"), affects,
                               render_string(one, "summary")};
        table_add(table, cells);
    }
    table_print(table);
    if (i == 0)
        puts("no advisories");
}

gboolean cmd_advisories(Cli *cli, int *exit_code, GError **error)
{
    (void)exit_code;
    g_autoptr(json_t) list = client_request(cli->client, "GET", "/v1/advisories", NULL, error);
    if (!list)
        return FALSE;
    if (cli_n_words(cli) == 0) {
        if (cli_has(cli, "json"))
            render_json(list);
        else
            print_advisories(list);
        return TRUE;
    }
    const json_t *one = find_advisory(list, cli->words[0]);
    if (!one)
        return error_set(error, APPCENTER_ERROR_NOT_FOUND, "no advisory %s", cli->words[0]);
    if (cli_has(cli, "json")) {
        render_json(one);
        return TRUE;
    }
    g_autofree char *aliases = render_list(json_object_get(one, "aliases"));
    g_autofree char *affects = render_list(json_object_get(one, "affects_installed"));
    printf("%s  %s  %s\n%s\naffects here: %s\n", render_string(one, "id"), render_string(one, "class"),
           aliases, render_string(one, "summary"), *affects ? affects : "nothing");
    return TRUE;
}

/* As `check` would exit for the update that closes it. */
static int exit_of_class(const char *cls)
{
    UrgencyClass known = CLASS_IMPORTANT;
    if (!urgency_class_from_name(cls, &known) || urgency_class_is_security(known))
        return known == CLASS_EMERGENCY ? EXIT_EMERGENCY : EXIT_SECURITY;
    return EXIT_UPDATES;
}

gboolean cmd_audit(Cli *cli, int *exit_code, GError **error)
{
    static const char *const headers[] = {"APP", "VERSION", "ADVISORY", "CLASS", "STATUS", "FIXED IN", NULL};
    g_autoptr(json_t) audit = client_request(cli->client, "GET", "/v1/audit", NULL, error);
    if (!audit)
        return FALSE;
    gsize i;
    json_t *finding;
    Table *table = table_new(headers);
    json_array_foreach(json_object_get(audit, "findings"), i, finding)
    {
        const char *cls = render_string(finding, "class");
        const char *cells[] = {render_string(finding, "app"),      render_string(finding, "version"),
                               render_string(finding, "advisory"), cls,
                               render_string(finding, "status"),   render_string(finding, "fixed_version")};
        table_add(table, cells);
        *exit_code = MAX(*exit_code, exit_of_class(cls));
    }
    if (cli_has(cli, "json")) {
        render_json(audit);
        table_free(table);
        return TRUE;
    }
    table_print(table);
    if (i == 0)
        puts("no installed app has a known hole");
    return TRUE;
}
