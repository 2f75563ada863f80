/* main.c - appvendor: the vendor's tool. Finds the verb, runs it, turns its error into an exit code. */
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "vendor/commands.h"

static void print_help(void)
{
    puts("usage: appvendor COMMAND ...\n\nkeys, archives and repositories for App Center\n\ncommands:");
    for (const VendorCommand *command = vendor_commands; command->name; command++)
        printf("  %-9s %s\n", command->name, command->summary);
    puts("\n`appvendor COMMAND --help` tells more; so does appvendor(1).");
}

static int unknown_command(const char *name)
{
    Nearest nearest = {.word = name};
    for (const VendorCommand *command = vendor_commands; command->name; command++)
        nearest_consider(&nearest, command->name);
    if (nearest.best)
        fprintf(stderr, "appvendor: no command \"%s\"; did you mean %s?\n", name, nearest.best);
    else
        fprintf(stderr, "appvendor: no command \"%s\"; see appvendor --help\n", name);
    return error_exit_code(APPCENTER_ERROR_INVALID);
}

static int run(const VendorCommand *command, int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    if (command->run(argc, argv, (gint64)time(NULL), &error))
        return 0;
    fprintf(stderr, "appvendor: %s: %s\n", command->name, error->message);
    return error_exit_code(error_kind(error));
}

int main(int argc, char **argv)
{
    process_begin();
    setlocale(LC_ALL, "");
    if (argc < 2 || g_str_equal(argv[1], "--help") || g_str_equal(argv[1], "help")) {
        print_help();
        return argc < 2 ? error_exit_code(APPCENTER_ERROR_INVALID) : 0;
    }
    if (g_str_equal(argv[1], "--version")) {
        puts("appvendor " APPCENTER_VERSION);
        return 0;
    }
    for (const VendorCommand *command = vendor_commands; command->name; command++)
        if (g_str_equal(command->name, argv[1]))
            return run(command, argc - 1, argv + 1);
    return unknown_command(argv[1]);
}
