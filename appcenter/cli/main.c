/* main.c - appctl: parses, runs one command, turns its error into words, JSON and an exit code. */
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/render.h"

static int fail(const char *command, gboolean as_json, json_t *explanation, const GError *error)
{
    AppcenterError kind = error_kind(error);
    if (as_json) {
        g_autoptr(json_t) document =
            json_pack("{s:s, s:s, s:s, s:i}", "schema", "appctl.error/1", "code", error_code_name(kind),
                      "message", error->message, "exit", error_exit_code(kind));
        json_object_update(document, explanation);
        render_json(document);
    }
    fprintf(stderr, "appctl: %s%s%s\n", command ? command : "", command ? ": " : "", error->message);
    render_choices(stderr, explanation);
    return error_exit_code(kind);
}

static int run(const CliCommand *command, GPtrArray *words, GHashTable *options)
{
    g_autoptr(GError) error = NULL;
    const char *root = g_hash_table_lookup(options, "root");
    int exit_code = 0;
    g_ptr_array_add(words, NULL);
    g_autoptr(Client) client =
        client_new(root ? root : g_getenv("APPCENTER_ROOT"), g_hash_table_lookup(options, "socket"));
    Cli cli = {.client = client,
               .words = (char **)words->pdata,
               .options = options,
               .is_terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO),
               .now = (gint64)time(NULL)};
    if (!command->run(&cli, &exit_code, &error))
        exit_code = fail(command->name, cli_has(&cli, "json"), cli.explanation, error);
    json_decref(cli.explanation);
    return exit_code;
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) options = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    process_begin();
    setlocale(LC_ALL, "");
    if (argc > 1 && g_str_equal(argv[1], "help")) { /* "help upgrade" is "upgrade --help" */
        g_hash_table_insert(options, g_strdup("help"), g_strdup(""));
        argv++;
    }
    const CliCommand *command = cli_parse(argv + 1, words, options, &error);
    if (g_hash_table_contains(options, "version")) {
        puts("appctl " APPCENTER_VERSION);
        return 0;
    }
    if (g_hash_table_contains(options, "help") && (command || words->len == 0)) {
        cli_print_help(command);
        return 0;
    }
    if (!command)
        return fail(NULL, g_hash_table_contains(options, "json"), NULL, error);
    return run(command, words, options);
}
