/* commands.c - the table of commands, parsing and help; see cli.h. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

const CliOption cli_global_options[] = {
    {"json", OPTION_FLAG, NULL, "print JSON"},
    {"root", OPTION_VALUE, "DIR", "talk to the NAS below DIR (also APPCENTER_ROOT)"},
    {"socket", OPTION_VALUE, "PATH", "the daemon's socket"},
    {"quiet", OPTION_FLAG, NULL, "print results and errors only"},
    {"help", OPTION_FLAG, NULL, "show this help"},
    {"version", OPTION_FLAG, NULL, "print the version"},
    {NULL, OPTION_FLAG, NULL, NULL},
};

const CliOption cli_change_options[] = {
    {"yes", OPTION_FLAG, NULL, "do not ask"},
    {"dry-run", OPTION_FLAG, NULL, "show the plan, change nothing"},
    {"wait", OPTION_MAYBE_VALUE, "DURATION", "follow it to its end (the default), at most for DURATION"},
    {"no-wait", OPTION_FLAG, NULL, "queue it and print the job's id; exit 7 when the box is busy"},
    {"no-progress", OPTION_FLAG, NULL, "no progress lines"},
    {"debug-solver", OPTION_VALUE, "FILE", "write what the solver was asked, and its answer, to FILE"},
    {NULL, OPTION_FLAG, NULL, NULL},
};

static const CliOption list_options[] = {
    {"updates", OPTION_FLAG, NULL, "only apps with a newer release"},
    {"held", OPTION_FLAG, NULL, "only apps that are held"},
    {NULL, OPTION_FLAG, NULL, NULL},
};
static const CliOption install_options[] = {
    {"trust-sha256", OPTION_VALUE, "HEX", "vouch for an unsigned file by its digest"},
    {"arch", OPTION_VALUE, "ARCH", "of a file whose header names none; default: as its name says"},
    {NULL, OPTION_FLAG, NULL, NULL},
};
static const CliOption upgrade_options[] = {
    {"security", OPTION_FLAG, NULL, "security fixes only, the lowest release that has them"},
    {"download-only", OPTION_FLAG, NULL, "download and check, install later"},
    {NULL, OPTION_FLAG, NULL, NULL},
};
static const CliOption remove_options[] = {
    {"purge", OPTION_FLAG, NULL, "its data, too, and for good"},
    {"cascade", OPTION_FLAG, NULL, "and the apps that need it"},
    {NULL, OPTION_FLAG, NULL, NULL},
};
static const CliOption verify_options[] = {
    {"repair", OPTION_FLAG, NULL, "install what is damaged anew, the same version"},
    {NULL, OPTION_FLAG, NULL, NULL},
};
static const CliOption doctor_options[] = {
    {"accept", OPTION_FLAG, NULL, "after a damage of the state: it is as it should be, go on"},
    {NULL, OPTION_FLAG, NULL, NULL},
};
static const CliOption hold_options[] = {
    {"for", OPTION_VALUE, "TIME", "such as 72h or 14d"},
    {"until", OPTION_VALUE, "DATE", "2026-12-24, or 2026-12-24T06:00:00Z"},
    {"reason", OPTION_VALUE, "TEXT", "a note, shown wherever the hold is"},
    {"except-emergency", OPTION_FLAG, NULL, "emergency fixes still install by themselves"},
    {NULL, OPTION_FLAG, NULL, NULL},
};
static const CliOption repo_add_options[] = {
    {"root-key", OPTION_VALUE, "FILE", "the repository's first trusted root.json"},
    {"yes", OPTION_FLAG, NULL, "do not ask"},
    {NULL, OPTION_FLAG, NULL, NULL},
};
static const CliOption config_show_options[] = {
    {"origin", OPTION_FLAG, NULL, "with the file and line that each value comes from"},
    {NULL, OPTION_FLAG, NULL, NULL},
};
static const CliOption history_options[] = {
    {"limit", OPTION_VALUE, "N", "how many, newest first (default 50)"},
    {NULL, OPTION_FLAG, NULL, NULL},
};

#define MANY 1000

const CliCommand cli_commands[] = {
    {"status", "", "is this box protected, what waits, when", 0, 0, NULL, FALSE, cmd_status},
    {"list", "[APP...]", "installed apps and what waits for them", 0, MANY, list_options, FALSE, cmd_list},
    {"search", "WORD", "apps in the repositories", 1, 1, NULL, FALSE, cmd_search},
    {"info", "APP", "all about one app", 1, 1, NULL, FALSE, cmd_info},
    {"check", "", "exit 100, 101 or 103 when updates wait", 0, 0, NULL, FALSE, cmd_check},
    {"why", "APP", "why its update is not installed yet", 1, 1, NULL, FALSE, cmd_why},
    {"why-not", "APP[=VERSION]", "what speaks against installing it", 1, 1, NULL, FALSE, cmd_why_not},
    {"next", "", "what will happen by itself, and when", 0, 0, NULL, FALSE, cmd_next},
    {"refresh", "", "ask the repositories now", 0, 0, NULL, TRUE, cmd_refresh},
    {"install", "APP[=VERSION]|FILE.qpkg...", "install apps with what they need", 1, MANY, install_options,
     TRUE, cmd_install},
    {"upgrade", "[APP[=VERSION]...]", "upgrade all apps, or these", 0, MANY, upgrade_options, TRUE,
     cmd_upgrade},
    {"remove", "APP...", "remove apps; their data stays", 1, MANY, remove_options, TRUE, cmd_remove},
    {"autoremove", "", "remove what came as a dependency and is needed by nobody any more", 0, 0, NULL, TRUE,
     cmd_autoremove},
    {"rollback", "APP", "back to its previous version", 1, 1, NULL, TRUE, cmd_rollback},
    {"undo", "ID", "undo a transaction", 1, 1, NULL, TRUE, cmd_undo},
    {"snapshot list", "[APP]", "what was kept of apps' data before they changed", 0, 1, NULL, FALSE,
     cmd_snapshot_list},
    {"snapshot restore", "ID", "an app's data as it was; what it has now becomes a snapshot", 1, 1, NULL,
     TRUE, cmd_snapshot_restore},
    {"start", "APP", "start an app", 1, 1, NULL, TRUE, cmd_start},
    {"stop", "APP", "stop an app", 1, 1, NULL, TRUE, cmd_stop},
    {"enable", "APP", "start an app, now and at every boot", 1, 1, NULL, TRUE, cmd_enable},
    {"disable", "APP", "stop an app and leave it stopped", 1, 1, NULL, TRUE, cmd_disable},
    {"hold", "[APP...]", "no automatic updates for these, or for all", 0, MANY, hold_options, FALSE,
     cmd_hold},
    {"unhold", "[APP...]", "take a hold back", 0, MANY, NULL, FALSE, cmd_unhold},
    {"skip", "APP=VERSION", "never offer this version", 1, 1, NULL, FALSE, cmd_skip},
    {"unskip", "APP=VERSION", "take a skip back", 1, 1, NULL, FALSE, cmd_unskip},
    {"history list", "", "what was done, newest first", 0, 0, history_options, FALSE, cmd_history},
    {"history show", "ID", "one transaction", 1, 1, NULL, FALSE, cmd_history},
    {"history", "[ID]", "what was done, by whom, with what result", 0, 1, history_options, FALSE,
     cmd_history},
    {"watch", "[JOB]", "what happens, as it happens", 0, 1, NULL, FALSE, cmd_watch},
    {"advisory list", "", "security advisories", 0, 0, NULL, FALSE, cmd_advisories},
    {"advisory show", "ID", "one security advisory", 1, 1, NULL, FALSE, cmd_advisories},
    {"audit", "", "installed apps with known holes", 0, 0, NULL, FALSE, cmd_audit},
    {"verify", "[APP...]", "are the files as they were installed? exit 1 when not", 0, MANY, verify_options,
     TRUE, cmd_verify},
    {"doctor", "", "what is wrong with this box, and what to do; exit 1 when something is", 0, 0,
     doctor_options, FALSE, cmd_doctor},
    {"repo list", "", "configured repositories", 0, 0, NULL, FALSE, cmd_repo_list},
    {"repo add", "NAME URL --root-key FILE", "trust a repository", 2, 2, repo_add_options, FALSE,
     cmd_repo_add},
    {"repo remove", "NAME", "forget a repository; its apps stay", 1, 1, NULL, FALSE, cmd_repo_remove},
    {"config show", "", "every setting and its value", 0, 0, config_show_options, FALSE, cmd_config_show},
    {"config set", "KEY VALUE", "change one setting in appcenter.conf; comments stay", 2, 2, NULL, FALSE,
     cmd_config_set},
    {"completion bash", "", "completion script for bash", 0, 0, NULL, FALSE, cmd_completion},
    {NULL, NULL, NULL, 0, 0, NULL, FALSE, NULL},
};

gboolean cli_has(const Cli *cli, const char *option)
{
    return g_hash_table_contains(cli->options, option);
}

const char *cli_value(const Cli *cli, const char *option)
{
    return g_hash_table_lookup(cli->options, option);
}

gsize cli_n_words(const Cli *cli)
{
    return g_strv_length(cli->words);
}

static const CliOption *find_in(const CliOption *options, const char *name, gsize len)
{
    for (; options && options->name; options++)
        if (strlen(options->name) == len && strncmp(options->name, name, len) == 0)
            return options;
    return NULL;
}

static const CliOption *find_option(const CliCommand *command, const char *name, gsize len)
{
    const CliOption *found = find_in(cli_global_options, name, len);
    if (!found && command && command->is_change)
        found = find_in(cli_change_options, name, len);
    if (!found && command)
        found = find_in(command->options, name, len);
    return found;
}

/* Any command's option of that name: to know whether it takes a value before the command itself is known. */
static const CliOption *find_anywhere(const char *name, gsize len)
{
    const CliOption *found = find_in(cli_global_options, name, len);
    if (!found)
        found = find_in(cli_change_options, name, len);
    for (const CliCommand *command = cli_commands; !found && command->name; command++)
        found = find_in(command->options, name, len);
    return found;
}

const CliCommand *cli_nearest(const char *word)
{
    const CliCommand *found = NULL;
    Nearest nearest = {.word = word};
    for (const CliCommand *command = cli_commands; command->name; command++) {
        nearest_consider(&nearest, command->name);
        if (nearest.best == command->name)
            found = command;
    }
    return found;
}

static gboolean unknown_command(const char *word, GError **error)
{
    if (g_str_equal(word, "update"))
        return error_set(
            error, APPCENTER_ERROR_INVALID,
            "no command \"update\": refresh asks the repositories, upgrade installs; which one?");
    const CliCommand *nearest = cli_nearest(word);
    if (nearest)
        return error_set(error, APPCENTER_ERROR_INVALID, "no command \"%s\"; did you mean %s?", word,
                         nearest->name);
    return error_set(error, APPCENTER_ERROR_INVALID, "no command \"%s\"; see appctl --help", word);
}

/* A command of one word, or of two ("repo add"); removes its name from words. */
static const CliCommand *take_command(GPtrArray *words, GError **error)
{
    const char *first = words->pdata[0];
    g_autofree char *two =
        words->len > 1 ? g_strdup_printf("%s %s", first, (const char *)words->pdata[1]) : NULL;
    gboolean is_family = FALSE;
    for (const CliCommand *command = cli_commands; command->name; command++) {
        gboolean is_two = g_strcmp0(command->name, two) == 0;
        if (is_two || g_str_equal(command->name, first)) {
            g_ptr_array_remove_range(words, 0, is_two ? 2 : 1);
            return command;
        }
        g_autofree char *family = g_strconcat(first, " ", NULL);
        is_family = is_family || g_str_has_prefix(command->name, family);
    }
    if (is_family)
        error_set(error, APPCENTER_ERROR_INVALID, "%s: what of it? see appctl --help", first);
    else
        unknown_command(first, error);
    return NULL;
}

/* One option at argv[*i]; moves *i over its value. */
static gboolean take_option(char **argv, gsize *i, GHashTable *options, GError **error)
{
    const char *name = argv[*i] + 2;
    const char *equals = strchr(name, '=');
    gsize len = equals ? (gsize)(equals - name) : strlen(name);
    const CliOption *option = find_anywhere(name, len);
    if (!option)
        return error_set(error, APPCENTER_ERROR_INVALID, "no option --%.*s; see --help", (int)len, name);
    if (equals && option->kind == OPTION_FLAG)
        return error_set(error, APPCENTER_ERROR_INVALID, "--%s takes no value", option->name);
    const char *value = equals ? equals + 1 : "";
    if (!equals && option->kind == OPTION_VALUE) {
        if (!argv[*i + 1])
            return error_set(error, APPCENTER_ERROR_INVALID, "--%s wants %s", option->name,
                             option->value_name);
        value = argv[++*i];
        if (!g_utf8_validate(value, -1, NULL))
            return error_set(error, APPCENTER_ERROR_INVALID, "--%s wants UTF-8", option->name);
    }
    g_hash_table_insert(options, g_strdup(option->name), g_strdup(value));
    return TRUE;
}

static gboolean options_fit(const CliCommand *command, GHashTable *options, GError **error)
{
    GHashTableIter iter;
    gpointer name;
    g_hash_table_iter_init(&iter, options);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        if (!find_option(command, name, strlen(name)))
            return error_set(error, APPCENTER_ERROR_INVALID, "%s: no option --%s; see appctl %s --help",
                             command->name, (const char *)name, command->name);
    return TRUE;
}

const CliCommand *cli_parse(char **argv, GPtrArray *words, GHashTable *options, GError **error)
{
    gboolean only_words = FALSE;
    for (gsize i = 0; argv[i]; i++) {
        if (!g_utf8_validate(argv[i], -1, NULL)) { /* JSON could not carry it */
            error_set(error, APPCENTER_ERROR_INVALID, "wanted UTF-8, argument %zu is something else", i + 1);
            return NULL;
        }
        if (!only_words && g_str_equal(argv[i], "--"))
            only_words = TRUE;
        else if (!only_words && g_str_has_prefix(argv[i], "--")) {
            if (!take_option(argv, &i, options, error))
                return NULL;
        } else if (!only_words && argv[i][0] == '-' && argv[i][1]) {
            error_set(error, APPCENTER_ERROR_INVALID, "no option %s; see --help", argv[i]);
            return NULL;
        } else {
            g_ptr_array_add(words, g_strdup(argv[i]));
        }
    }
    if (words->len == 0) {
        error_set(error, APPCENTER_ERROR_INVALID, "what shall be done? see appctl --help");
        return NULL;
    }
    const CliCommand *command = take_command(words, error);
    if (!command || g_hash_table_contains(options, "help"))
        return command;
    if ((int)words->len < command->min_words || (int)words->len > command->max_words) {
        error_set(error, APPCENTER_ERROR_INVALID, "wanted: appctl %s %s", command->name, command->words);
        return NULL;
    }
    return options_fit(command, options, error) ? command : NULL;
}

static void print_options(const char *title, const CliOption *options)
{
    if (!options)
        return;
    printf("\n%s:\n", title);
    for (; options->name; options++) {
        g_autofree char *left = options->kind == OPTION_FLAG ? g_strdup_printf("--%s", options->name)
                                : options->kind == OPTION_VALUE
                                    ? g_strdup_printf("--%s %s", options->name, options->value_name)
                                    : g_strdup_printf("--%s[=%s]", options->name, options->value_name);
        printf("  %-20s %s\n", left, options->help);
    }
}

void cli_print_help(const CliCommand *command)
{
    if (!command) {
        puts("usage: appctl COMMAND ...\n\napps on this NAS: what is installed, what waits and "
             "why\n\ncommands:");
        for (const CliCommand *one = cli_commands; one->name; one++)
            printf("  %-16s %s\n", one->name, one->summary);
        print_options("options", cli_global_options);
        puts("\n`appctl COMMAND --help` tells more; so does appctl(1).");
        return;
    }
    printf("usage: appctl %s %s\n\n%s\n", command->name, command->words, command->summary);
    print_options("options", command->options);
    if (command->is_change)
        print_options("how", cli_change_options);
    print_options("always", cli_global_options);
}
