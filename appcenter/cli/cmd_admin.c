/* cmd_admin.c - repositories, configuration, completion. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/render.h"

#define ROOT_MAX_BYTES 512000

gboolean cmd_repo_list(Cli *cli, int *exit_code, GError **error)
{
    static const char *const headers[] = {"NAME", "URL", "ENABLED", "LAST READ", "PROBLEM", NULL};
    (void)exit_code;
    g_autoptr(json_t) list = client_request(cli->client, "GET", "/v1/repositories", NULL, error);
    if (!list)
        return FALSE;
    if (cli_has(cli, "json")) {
        render_json(list);
        return TRUE;
    }
    gsize i;
    json_t *one;
    Table *table = table_new(headers);
    json_array_foreach(json_object_get(list, "repositories"), i, one)
    {
        g_autofree char *age = render_age(json_object_get(one, "last_success"), cli->now);
        g_autofree char *ago = *age ? g_strdup_printf("%s ago", age) : g_strdup("never");
        const char *cells[] = {render_string(one, "name"), render_string(one, "url"),
                               json_is_true(json_object_get(one, "enabled")) ? "yes" : "no", ago,
                               render_string(json_object_get(one, "error"), "message")};
        table_add(table, cells);
    }
    table_print(table);
    if (i == 0)
        puts("no repository; add one with appctl repo add NAME URL --root-key FILE");
    return TRUE;
}

/* What is trusted from now on is shown by its fingerprint, to be compared with what the vendor published elsewhere. */
static gboolean confirm_root(Cli *cli, const char *text, gsize len)
{
    char answer[16] = "";
    g_autofree char *fingerprint = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)text, len);
    gboolean is_asked = cli->is_terminal && !cli_has(cli, "yes");
    if (is_asked || (!cli_has(cli, "quiet") && !cli_has(cli, "json")))
        printf("root key file SHA-256: %s\n", fingerprint);
    if (!is_asked)
        return TRUE;
    printf("Its apps run as root on this NAS. Trust it? [y/N] ");
    fflush(stdout);
    return fgets(answer, sizeof answer, stdin) && g_ascii_tolower(answer[0]) == 'y';
}

gboolean cmd_repo_add(Cli *cli, int *exit_code, GError **error)
{
    const char *file = cli_value(cli, "root-key");
    g_autofree char *text = NULL;
    gsize len = 0;
    g_autoptr(GError) wrong = NULL;
    if (!file)
        return error_set(error, APPCENTER_ERROR_INVALID,
                         "--root-key FILE is needed: the repository's first root.json");
    if (!g_file_get_contents(file, &text, &len, &wrong))
        return error_set(error, APPCENTER_ERROR_NOT_FOUND, "--root-key: %s", wrong->message);
    if (len > ROOT_MAX_BYTES || !g_utf8_validate(text, (gssize)len, NULL))
        return error_set(error, APPCENTER_ERROR_CORRUPT, "--root-key: %s is no root.json", file);
    if (!confirm_root(cli, text, len)) {
        puts("nothing was changed");
        *exit_code = error_exit_code(APPCENTER_ERROR_CANCELLED);
        return TRUE;
    }
    g_autoptr(json_t) body =
        json_pack("{s:s, s:s, s:s}", "name", cli->words[0], "url", cli->words[1], "root", text);
    g_autoptr(json_t) answer = client_request(cli->client, "PUT", "/v1/repositories", body, error);
    if (!answer)
        return FALSE;
    if (cli_has(cli, "json"))
        return cmd_repo_list(cli, exit_code, error);
    if (!cli_has(cli, "quiet"))
        printf("%s added; appctl refresh reads it now\n", cli->words[0]);
    return TRUE;
}

gboolean cmd_repo_remove(Cli *cli, int *exit_code, GError **error)
{
    g_autofree char *escaped = client_escape(cli->words[0]);
    g_autofree char *path = g_strconcat("/v1/repositories/", escaped, NULL);
    g_autoptr(json_t) answer = client_request(cli->client, "DELETE", path, NULL, error);
    if (!answer)
        return FALSE;
    if (cli_has(cli, "json"))
        return cmd_repo_list(cli, exit_code, error);
    if (!cli_has(cli, "quiet"))
        printf("%s forgotten; its apps stay, without updates\n", cli->words[0]);
    return TRUE;
}

gboolean cmd_config_set(Cli *cli, int *exit_code, GError **error)
{
    (void)exit_code;
    g_autoptr(json_t) setting = json_pack("{s:s, s:s}", "name", cli->words[0], "value", cli->words[1]);
    g_autoptr(json_t) answer = client_request(cli->client, "PUT", "/v1/config", setting, error);
    if (!answer)
        return FALSE;
    if (cli_has(cli, "json"))
        render_json(setting);
    else if (!cli_has(cli, "quiet"))
        printf("%s = %s\n", cli->words[0], cli->words[1]);
    return TRUE;
}

gboolean cmd_config_show(Cli *cli, int *exit_code, GError **error)
{
    (void)exit_code;
    g_autoptr(json_t) config = client_request(cli->client, "GET", "/v1/config", NULL, error);
    if (!config)
        return FALSE;
    if (cli_has(cli, "json")) {
        render_json(config);
        return TRUE;
    }
    gsize i;
    json_t *one;
    const char *section = "";
    json_array_foreach(json_object_get(config, "settings"), i, one)
    {
        if (!g_str_equal(section, render_string(one, "section")))
            printf("%s[%s]\n", i ? "\n" : "", render_string(one, "section"));
        section = render_string(one, "section");
        if (cli_has(cli, "origin"))
            printf("%s = %s    # %s\n", render_string(one, "key"), render_string(one, "value"),
                   render_string(one, "origin"));
        else
            printf("%s = %s\n", render_string(one, "key"), render_string(one, "value"));
    }
    return TRUE;
}

static void print_names(const CliOption *options)
{
    for (; options && options->name; options++)
        printf(" --%s", options->name);
}

/* From the command table: words, and each command's own options; app names are asked of the daemon. */
gboolean cmd_completion(Cli *cli, int *exit_code, GError **error)
{
    (void)cli;
    (void)exit_code;
    (void)error;
    puts("# bash completion for appctl, made by: appctl completion bash\n"
         "_appctl()\n{\n"
         "    local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} options=\n"
         "    case $command in");
    for (const CliCommand *command = cli_commands; command->name; command++) {
        if (strchr(command->name, ' '))
            continue;
        printf("    %s) options=\"", command->name);
        print_names(command->options);
        if (command->is_change)
            print_names(cli_change_options);
        puts("\" ;;");
    }
    printf("    esac\n    if [ $COMP_CWORD = 1 ]; then\n        COMPREPLY=($(compgen -W \"");
    for (const CliCommand *command = cli_commands; command->name; command++)
        printf("%.*s ", (int)strcspn(command->name, " "), command->name);
    puts("\" -- \"$word\"))\n    elif [[ $word == -* ]]; then");
    printf("        COMPREPLY=($(compgen -W \"$options");
    print_names(cli_global_options);
    puts("\" -- \"$word\"))\n    else\n"
         "        COMPREPLY=($(compgen -W \"$(appctl list 2>/dev/null | awk 'NR > 1 {print $1}')\" -- "
         "\"$word\"))\n"
         "    fi\n}\ncomplete -F _appctl appctl");
    return TRUE;
}
