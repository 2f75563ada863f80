/* cmd_change.c - the verbs that change: plan, ask, queue, follow, tell how it went. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/follow.h"
#include "cli/render.h"
#include "model/model.h"

/* --- plans --- */

static void print_change(const json_t *change)
{
    g_autofree char *size = render_size(json_object_get(change, "download_size"));
    const char *from = render_string(change, "from"), *to = render_string(change, "to");
    printf("  %-9s %s  %s%s%s   %s   %s\n", render_string(change, "op"), render_string(change, "app"), from,
           *from && *to ? " -> " : "", to, size, render_string(change, "reason"));
    if (*render_string(change, "keeps"))
        printf("            %s\n", render_string(change, "keeps"));
}

/* Whoever needs what changes goes down with it for a moment. */
static void print_restarts(const json_t *set)
{
    gsize i;
    json_t *restart;
    json_array_foreach(json_object_get(set, "restarts"), i, restart)
    {
        g_autofree char *because = render_list(json_object_get(restart, "because"));
        printf("  %-9s %s  stops meanwhile: it needs %s\n", "restart", render_string(restart, "app"),
               because);
    }
}

static void print_left_out(const json_t *plan)
{
    gsize i;
    json_t *sentence;
    json_array_foreach(json_object_get(plan, "left_out"), i, sentence)
        printf("  left out: %s\n", json_string_value(sentence));
}

/* What becomes of the data of what is removed: nobody shall learn that afterwards. */
static void print_removal(Cli *cli)
{
    puts(cli_has(cli, "purge") ? "  their data is erased for good: this cannot be undone"
                               : "  their data is kept; appctl undo brings them back with it");
}

static gsize print_plan(Cli *cli, const json_t *plan)
{
    gsize s, c, n = 0, n_removed = 0;
    json_t *set, *change;
    json_array_foreach(json_object_get(plan, "sets"), s, set)
    {
        json_array_foreach(json_object_get(set, "changes"), c, change)
        {
            print_change(change);
            n_removed += g_str_equal(render_string(change, "op"), "remove");
            n++;
        }
        print_restarts(set);
    }
    if (n_removed > 0)
        print_removal(cli);
    print_left_out(plan);
    if (n == 0)
        puts("nothing to do");
    return n;
}

/* The first change that goes back; NULL where none does. */
static const json_t *find_downgrade(const json_t *plan)
{
    gsize s, c;
    json_t *set, *change;
    json_array_foreach(json_object_get(plan, "sets"), s, set)
        json_array_foreach(json_object_get(set, "changes"), c,
                           change) if (g_str_equal(render_string(change, "op"), "downgrade")) return change;
    return NULL;
}

/* What the solver was asked goes to the file that the admin named: by us, for the daemon opens no path of a client's. */
static gboolean write_case(Cli *cli, const json_t *result, GError **error)
{
    const char *file = cli_value(cli, "debug-solver");
    const char *text = json_string_value(json_object_get(result, "solver_case"));
    if (!file)
        return TRUE;
    if (!text) {
        fprintf(stderr, "appctl: the solver had no part in this: %s was not written\n", file);
        return TRUE;
    }
    g_autoptr(GError) cause = NULL;
    return g_file_set_contents(file, text, -1, &cause) ||
           error_set(error, APPCENTER_ERROR_IO, "--debug-solver: %s", cause->message);
}

/* A result that is a failure, as the error that it is; main tells the choices behind it. */
static gboolean result_error(Cli *cli, const json_t *result, GError **error)
{
    json_decref(cli->explanation);
    cli->explanation = json_incref(json_object_get(result, "explanation"));
    return error_set(error, error_kind_from_code(render_string(result, "code")), "%s",
                     render_string(result, "message"));
}

static json_t *ask_plan(Cli *cli, const json_t *body, GError **error)
{
    g_autoptr(json_t) result = NULL;
    if (!follow_post(cli, "/v1/plan", body, FALSE, &result, error) || !write_case(cli, result, error))
        return NULL;
    json_t *plan = json_object_get(result, "plan");
    if (json_integer_value(json_object_get(result, "exit")) != 0 || !json_is_object(plan)) {
        result_error(cli, result, error);
        return NULL;
    }
    return json_incref(plan);
}

/* --- asking --- */

static gboolean confirm(const char *question)
{
    char answer[16] = "";
    printf("%s [Y/n] ", question);
    fflush(stdout);
    if (!fgets(answer, sizeof answer, stdin))
        return FALSE;
    return answer[0] == '\n' || g_ascii_tolower(answer[0]) == 'y';
}

static json_t *options_of(json_t *body)
{
    return json_object_get(body, "options");
}

/* Could it lead back to an older version? What names no version never does, but for the ways back themselves. */
static gboolean may_go_back(const json_t *body)
{
    gsize i;
    json_t *app;
    const char *action = render_string(body, "action");
    if (g_str_equal(action, "rollback") || g_str_equal(action, "undo"))
        return TRUE;
    json_array_foreach(json_object_get(body, "apps"), i, app) if (*render_string(app, "version")) return TRUE;
    return FALSE;
}

/* A script that goes back shall say that it means it. */
static gboolean check_no_way_back(Cli *cli, json_t *body, GError **error)
{
    g_autoptr(json_t) question = json_deep_copy(body);
    json_object_set_new(options_of(question), "allow_downgrade", json_true());
    g_autoptr(json_t) plan = ask_plan(cli, question, error);
    if (!plan)
        return FALSE;
    const json_t *change = find_downgrade(plan);
    return !change ||
           error_set(error, APPCENTER_ERROR_INVALID,
                     "%s goes back from %s to %s: without a question on a terminal that needs --yes",
                     render_string(change, "app"), render_string(change, "from"),
                     render_string(change, "to"));
}

/* On a terminal the plan is shown and asked about; elsewhere what destroys or goes back needs --yes. FALSE without error:
 * the admin said no. */
static gboolean may_go_on(Cli *cli, json_t *body, gboolean *go_on, GError **error)
{
    gboolean is_asked = cli->is_terminal && !cli_has(cli, "yes") && !cli_has(cli, "json");
    *go_on = TRUE;
    if (cli_has(cli, "yes")) {
        json_object_set_new(options_of(body), "allow_downgrade", json_true());
        return TRUE;
    }
    if (!is_asked && (cli_has(cli, "purge") || cli_has(cli, "cascade")))
        return error_set(error, APPCENTER_ERROR_INVALID, "--%s without a question on a terminal needs --yes",
                         cli_has(cli, "purge") ? "purge" : "cascade");
    if (!is_asked)
        return !may_go_back(body) || check_no_way_back(cli, body, error);
    g_autoptr(GError) refused = NULL;
    json_object_set_new(options_of(body), "allow_downgrade", json_true());
    g_autoptr(json_t) plan = ask_plan(cli, body, &refused);
    if (!plan) {
        g_propagate_error(error, g_steal_pointer(&refused));
        return FALSE;
    }
    if (print_plan(cli, plan) == 0) {
        *go_on = FALSE;
        return TRUE;
    }
    *go_on = confirm(find_downgrade(plan) ? "This goes back to an older version. Continue?" : "Continue?");
    if (!*go_on)
        puts("nothing was changed");
    return TRUE;
}

/* --- results --- */

static char *how_long(const json_t *transaction)
{
    gint64 start, end;
    if (!units_parse_time(render_string(transaction, "started_at"), &start) ||
        !units_parse_time(render_string(transaction, "finished_at"), &end))
        return g_strdup("");
    return g_strdup_printf(" in %" G_GINT64_FORMAT " s", MAX(end - start, 0));
}

/* Of a repair nothing is kept: the damaged tree is gone. */
static gboolean is_repair(const json_t *transaction)
{
    const json_t *change = json_array_get(json_object_get(transaction, "changes"), 0);
    return g_str_equal(render_string(change, "op"), "upgrade") &&
           g_str_equal(render_string(change, "from"), render_string(change, "to"));
}

static void print_transaction(Cli *cli, const json_t *transaction)
{
    gint64 id = json_integer_value(json_object_get(transaction, "id"));
    const char *result = render_string(transaction, "result");
    g_autofree char *time = how_long(transaction);
    const char *message = render_string(json_object_get(transaction, "error"), "message");
    if (g_str_equal(result, "done") && cli_has(cli, "purge"))
        printf("done: transaction %" G_GINT64_FORMAT "%s; the data is erased\n", id, time);
    else if (g_str_equal(result, "done") && is_repair(transaction))
        printf("done: transaction %" G_GINT64_FORMAT "%s; repaired\n", id, time);
    else if (g_str_equal(result, "done"))
        printf("done: transaction %" G_GINT64_FORMAT "%s; undo with: appctl undo %" G_GINT64_FORMAT "\n", id,
               time, id);
    else
        fprintf(stderr, "%s: transaction %" G_GINT64_FORMAT "%s: %s\n",
                g_str_equal(result, "rolled_back") ? "rolled back" : result, id, time, message);
}

/* One transaction is appctl.transaction/1, several (or none) appctl.job/1; a failure without any is appctl.error/1. */
static void print_result_json(json_t *result)
{
    json_t *transactions = json_object_get(result, "transactions");
    gsize n = json_array_size(transactions);
    gboolean failed = json_integer_value(json_object_get(result, "exit")) != 0;
    g_autoptr(json_t) document = NULL;
    if (n == 1) {
        document = json_copy(json_array_get(transactions, 0));
        json_object_set_new(document, "schema", json_string("appctl.transaction/1"));
    } else if (failed && n == 0) {
        document = json_pack("{s:s}", "schema", "appctl.error/1");
    } else {
        document = json_pack("{s:s, s:O?, s:O?, s:O?}", "schema", "appctl.job/1", "id",
                             json_object_get(result, "id"), "state", json_object_get(result, "state"),
                             "transactions", transactions);
    }
    if (failed) {
        json_object_set(document, "code", json_object_get(result, "code"));
        json_object_set(document, "message", json_object_get(result, "message"));
        json_object_set(document, "exit", json_object_get(result, "exit"));
        json_object_update(document, json_object_get(result, "explanation"));
    }
    render_json(document);
}

static void print_result(Cli *cli, json_t *result)
{
    gsize i;
    json_t *transaction, *transactions = json_object_get(result, "transactions");
    gboolean failed = json_integer_value(json_object_get(result, "exit")) != 0;
    if (cli_has(cli, "json")) {
        print_result_json(result);
    } else {
        json_array_foreach(transactions, i, transaction) print_transaction(cli, transaction);
        print_left_out(json_object_get(result, "plan"));
        if (i == 0 && !failed && !cli_has(cli, "quiet"))
            puts(json_object_get(result, "plan") ? "nothing to do" : "done");
    }
    /* One transaction's failure was told with it; several have a sum. */
    if (failed && (cli_has(cli, "json") || json_array_size(transactions) != 1))
        fprintf(stderr, "appctl: %s\n", render_string(result, "message"));
    render_choices(stderr, json_object_get(result, "explanation"));
}

static gboolean submit(Cli *cli, const char *path, json_t *body, int *exit_code, GError **error)
{
    g_autoptr(json_t) result = NULL;
    if (!follow_post(cli, path, body, TRUE, &result, error))
        return FALSE;
    if (!result)
        return TRUE; /* --no-wait: the id was printed */
    *exit_code = (int)json_integer_value(json_object_get(result, "exit"));
    print_result(cli, result);
    return write_case(cli, result, error);
}

static gboolean change(Cli *cli, json_t *body, int *exit_code, GError **error)
{
    gboolean go_on;
    if (cli_has(cli, "dry-run")) {
        json_object_set_new(options_of(body), "allow_downgrade", json_true());
        g_autoptr(json_t) plan = ask_plan(cli, body, error);
        if (plan && cli_has(cli, "json"))
            render_json(plan);
        else if (plan)
            print_plan(cli, plan);
        return plan != NULL;
    }
    if (!may_go_on(cli, body, &go_on, error))
        return FALSE;
    return !go_on || submit(cli, "/v1/apps", body, exit_code, error);
}

/* --- the verbs --- */

static json_t *new_body(Cli *cli, const char *action)
{
    json_t *body = json_pack("{s:s, s:[], s:{}}", "action", action, "apps", "options");
    if (cli_has(cli, "debug-solver"))
        json_object_set_new(options_of(body), "debug_solver", json_true());
    if (cli_has(cli, "purge"))
        json_object_set_new(options_of(body), "purge", json_true());
    if (cli_has(cli, "cascade"))
        json_object_set_new(options_of(body), "cascade", json_true());
    if (cli_has(cli, "security"))
        json_object_set_new(options_of(body), "security_only", json_true());
    if (cli_has(cli, "download-only"))
        json_object_set_new(options_of(body), "download_only", json_true());
    return body;
}

static gboolean add_app(json_t *body, const char *word, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(word, "=", 2);
    if (!app_name_is_valid(parts[0]))
        return error_set(error, APPCENTER_ERROR_INVALID, "\"%s\" is no app name", parts[0]);
    if (parts[1] && !version_is_valid(parts[1]))
        return error_set(error, APPCENTER_ERROR_INVALID, "\"%s\" is no version", parts[1]);
    json_array_append_new(json_object_get(body, "apps"),
                          parts[1] ? json_pack("{s:s, s:s}", "name", parts[0], "version", parts[1])
                                   : json_pack("{s:s}", "name", parts[0]));
    return TRUE;
}

static gboolean add_apps(json_t *body, char **words, GError **error)
{
    for (char **word = words; *word; word++)
        if (!add_app(body, *word, error))
            return FALSE;
    return TRUE;
}

static gboolean is_file(const char *word)
{
    return strchr(word, '/') || g_str_has_suffix(word, ".qpkg");
}

/* An archive's bytes go over the socket; the daemon never opens a path that a client names. */
static gboolean install_file(Cli *cli, const char *file, int *exit_code, GError **error)
{
    const char *vouched = cli_value(cli, "trust-sha256");
    g_autoptr(json_t) body = new_body(cli, "install");
    if (vouched && !units_is_hex(vouched, 32))
        return error_set(error, APPCENTER_ERROR_INVALID, "--trust-sha256: wanted 64 lower-case hex digits");
    const char *arch = cli_value(cli, "arch");
    if (arch && !arch_is_valid(arch))
        return error_set(error, APPCENTER_ERROR_INVALID, "--arch: \"%s\" is no QDK architecture", arch);
    if (!arch)
        arch = arch_of_file_name(file);
    g_autofree char *token = client_upload(cli->client, file, error);
    if (!token)
        return FALSE;
    json_object_set_new(options_of(body), "file", json_string(token));
    if (arch)
        json_object_set_new(options_of(body), "arch", json_string(arch));
    if (vouched)
        json_object_set_new(options_of(body), "trust_sha256", json_string(vouched));
    return change(cli, body, exit_code, error);
}

gboolean cmd_install(Cli *cli, int *exit_code, GError **error)
{
    gsize n_files = 0;
    for (char **word = cli->words; *word; word++)
        n_files += is_file(*word);
    if (n_files == 0) {
        g_autoptr(json_t) body = new_body(cli, "install");
        return add_apps(body, cli->words, error) && change(cli, body, exit_code, error);
    }
    if (n_files != cli_n_words(cli))
        return error_set(error, APPCENTER_ERROR_INVALID, "wanted apps or files, found both");
    for (char **word = cli->words; *word && *exit_code == 0; word++)
        if (!install_file(cli, *word, exit_code, error))
            return FALSE;
    return TRUE;
}

gboolean cmd_change_apps(Cli *cli, const char *action, char **names, int *exit_code, GError **error)
{
    g_autoptr(json_t) body = new_body(cli, action);
    return add_apps(body, names, error) && change(cli, body, exit_code, error);
}

static gboolean simple_change(Cli *cli, const char *action, int *exit_code, GError **error)
{
    return cmd_change_apps(cli, action, cli->words, exit_code, error);
}

gboolean cmd_upgrade(Cli *cli, int *exit_code, GError **error)
{
    return simple_change(cli, "upgrade", exit_code, error);
}

gboolean cmd_remove(Cli *cli, int *exit_code, GError **error)
{
    return simple_change(cli, "remove", exit_code, error);
}

gboolean cmd_autoremove(Cli *cli, int *exit_code, GError **error)
{
    return simple_change(cli, "autoremove", exit_code, error);
}

gboolean cmd_rollback(Cli *cli, int *exit_code, GError **error)
{
    return simple_change(cli, "rollback", exit_code, error);
}

/* A change that is named by a number. */
static gboolean numbered_change(Cli *cli, const char *action, const char *option, const char *wanted,
                                int *exit_code, GError **error)
{
    guint64 id = 0;
    g_autoptr(json_t) body = new_body(cli, action);
    if (!g_ascii_string_to_unsigned(cli->words[0], 10, 1, G_MAXINT64, &id, NULL))
        return error_set(error, APPCENTER_ERROR_INVALID, "wanted %s", wanted);
    json_object_set_new(options_of(body), option, json_integer((json_int_t)id));
    return change(cli, body, exit_code, error);
}

gboolean cmd_undo(Cli *cli, int *exit_code, GError **error)
{
    return numbered_change(cli, "undo", "undo_id", "a transaction's number; see appctl history", exit_code,
                           error);
}

gboolean cmd_snapshot_restore(Cli *cli, int *exit_code, GError **error)
{
    return numbered_change(cli, "restore", "snapshot_id", "a snapshot's number; see appctl snapshot list",
                           exit_code, error);
}

static gboolean asks_no_plan(Cli *cli, const char *verb, GError **error)
{
    if (cli_has(cli, "dry-run"))
        return error_set(error, APPCENTER_ERROR_INVALID, "%s has no plan to show", verb);
    if (cli_has(cli, "debug-solver"))
        return error_set(error, APPCENTER_ERROR_INVALID, "%s makes no plan: the solver is not asked", verb);
    return TRUE;
}

static gboolean service(Cli *cli, const char *action, int *exit_code, GError **error)
{
    g_autoptr(json_t) body = new_body(cli, action);
    if (!asks_no_plan(cli, action, error))
        return FALSE;
    return add_apps(body, cli->words, error) && submit(cli, "/v1/apps", body, exit_code, error);
}

gboolean cmd_start(Cli *cli, int *exit_code, GError **error)
{
    return service(cli, "start", exit_code, error);
}

gboolean cmd_stop(Cli *cli, int *exit_code, GError **error)
{
    return service(cli, "stop", exit_code, error);
}

gboolean cmd_enable(Cli *cli, int *exit_code, GError **error)
{
    return service(cli, "enable", exit_code, error);
}

gboolean cmd_disable(Cli *cli, int *exit_code, GError **error)
{
    return service(cli, "disable", exit_code, error);
}

gboolean cmd_refresh(Cli *cli, int *exit_code, GError **error)
{
    g_autoptr(json_t) body = json_object();
    if (!asks_no_plan(cli, "refresh", error))
        return FALSE;
    return submit(cli, "/v1/refresh", body, exit_code, error);
}
