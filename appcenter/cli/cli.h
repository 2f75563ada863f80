/* cli.h - a parsed command line and the table of commands: one table drives parsing, help, completion and the man page
 * check. Private to cli/.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/base.h"
#include "cli/client.h"

/* What `check` and `audit` exit with when there is something. */
#define EXIT_UPDATES   100
#define EXIT_SECURITY  101
#define EXIT_EMERGENCY 103

typedef enum { OPTION_FLAG, OPTION_VALUE, OPTION_MAYBE_VALUE } OptionKind;
typedef struct {
    const char *name; /* without dashes; NULL ends a list */
    OptionKind kind;
    const char *value_name;
    const char *help;
} CliOption;

typedef struct {
    Client *client;
    char **words;        /* what is no option, the command's name not included */
    GHashTable *options; /* char* -> char* ("" for flags) */
    gboolean is_terminal;
    gint64 now;
    json_t *
        explanation; /* of a request that could not be planned: what stands in the way, and the choices; or NULL */
} Cli;

/* Sets *exit_code (0 before the call) on success; FALSE with error otherwise. */
typedef gboolean (*CliRun)(Cli *cli, int *exit_code, GError **error);

typedef struct {
    const char *name;  /* "advisory list" has two words */
    const char *words; /* "[APP...]" */
    const char *summary;
    int min_words, max_words;
    const CliOption *options; /* of its own; NULL: none */
    gboolean is_change;       /* takes --yes, --dry-run, --wait, --no-wait, --no-progress */
    CliRun run;
} CliCommand;

extern const CliCommand cli_commands[]; /* ends with a NULL name */
extern const CliOption cli_global_options[];
extern const CliOption cli_change_options[];

gboolean cli_has(const Cli *cli, const char *option);
/* NULL when it was not given. */
const char *cli_value(const Cli *cli, const char *option);
gsize cli_n_words(const Cli *cli);

/* Finds the command and sorts words from options, which may stand anywhere. argv without the program's name. INVALID with a
 * sentence that helps. */
const CliCommand *cli_parse(char **argv, GPtrArray *words, GHashTable *options,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The command whose name is nearest to a misspelt one, or NULL. Pure. */
const CliCommand *cli_nearest(const char *word);
void cli_print_help(const CliCommand *command); /* NULL: of all */

/* One file per family. */
gboolean cmd_status(Cli *cli, int *exit_code, GError **error);
gboolean cmd_list(Cli *cli, int *exit_code, GError **error);
gboolean cmd_search(Cli *cli, int *exit_code, GError **error);
gboolean cmd_info(Cli *cli, int *exit_code, GError **error);
gboolean cmd_check(Cli *cli, int *exit_code, GError **error);
gboolean cmd_why_not(Cli *cli, int *exit_code, GError **error);
gboolean cmd_why(Cli *cli, int *exit_code, GError **error);
gboolean cmd_next(Cli *cli, int *exit_code, GError **error);
gboolean cmd_refresh(Cli *cli, int *exit_code, GError **error);
gboolean cmd_install(Cli *cli, int *exit_code, GError **error);
/* Any change verb for these apps, asked about and followed as such; for verbs that find the apps themselves. */
gboolean cmd_change_apps(Cli *cli, const char *action, char **names, int *exit_code, GError **error);
gboolean cmd_upgrade(Cli *cli, int *exit_code, GError **error);
gboolean cmd_remove(Cli *cli, int *exit_code, GError **error);
gboolean cmd_autoremove(Cli *cli, int *exit_code, GError **error);
gboolean cmd_rollback(Cli *cli, int *exit_code, GError **error);
gboolean cmd_undo(Cli *cli, int *exit_code, GError **error);
gboolean cmd_snapshot_list(Cli *cli, int *exit_code, GError **error);
gboolean cmd_snapshot_restore(Cli *cli, int *exit_code, GError **error);
gboolean cmd_start(Cli *cli, int *exit_code, GError **error);
gboolean cmd_stop(Cli *cli, int *exit_code, GError **error);
gboolean cmd_enable(Cli *cli, int *exit_code, GError **error);
gboolean cmd_disable(Cli *cli, int *exit_code, GError **error);
gboolean cmd_hold(Cli *cli, int *exit_code, GError **error);
gboolean cmd_unhold(Cli *cli, int *exit_code, GError **error);
gboolean cmd_skip(Cli *cli, int *exit_code, GError **error);
gboolean cmd_unskip(Cli *cli, int *exit_code, GError **error);
gboolean cmd_history(Cli *cli, int *exit_code, GError **error);
gboolean cmd_watch(Cli *cli, int *exit_code, GError **error);
gboolean cmd_advisories(Cli *cli, int *exit_code, GError **error);
gboolean cmd_doctor(Cli *cli, int *exit_code, GError **error);
gboolean cmd_verify(Cli *cli, int *exit_code, GError **error);
gboolean cmd_audit(Cli *cli, int *exit_code, GError **error);
gboolean cmd_repo_list(Cli *cli, int *exit_code, GError **error);
gboolean cmd_repo_add(Cli *cli, int *exit_code, GError **error);
gboolean cmd_repo_remove(Cli *cli, int *exit_code, GError **error);
gboolean cmd_config_set(Cli *cli, int *exit_code, GError **error);
gboolean cmd_config_show(Cli *cli, int *exit_code, GError **error);
gboolean cmd_completion(Cli *cli, int *exit_code, GError **error);

#endif
