/* parse_test.c - command lines: what is understood, what is refused and with which sentence. */
#include "tests.h"

#include <string.h>

typedef struct {
    const char *line;    /* words separated by single spaces */
    const char *command; /* NULL: refused */
    const char *words;   /* joined by spaces; or a part of the refusal */
    const char *options; /* "name=value,..." in order of name; NULL: not looked at */
} Line;

static const Line lines[] = {
    {"status", "status", "", ""},
    {"--json status", "status", "", "json="},
    {"upgrade --yes PhotoStation --root /r Plex", "upgrade", "PhotoStation Plex", "root=/r,yes="},
    {"upgrade PhotoStation=6.1.2 --wait=5m", "upgrade", "PhotoStation=6.1.2", "wait=5m"},
    {"upgrade --wait PhotoStation", "upgrade", "PhotoStation", "wait="},
    {"--root=/r --socket=/s repo list", "repo list", "", "root=/r,socket=/s"},
    {"repo --json add vendor https://v.example --root-key k", "repo add", "vendor https://v.example",
     "json=,root-key=k"},
    {"advisory show QSA-22-24", "advisory show", "QSA-22-24", ""},
    {"search -- --json", "search", "--json", ""},
    {"search --", NULL, "wanted: appctl search WORD", NULL},
    {"hold --for 72h --reason rescan Plex", "hold", "Plex", "for=72h,reason=rescan"},
    {"hold --reason --json", "hold", "", "reason=--json"},
    {"update", NULL, "refresh asks the repositories, upgrade installs", NULL},
    {"upgarde", NULL, "did you mean upgrade?", NULL},
    {"statsu", NULL, "did you mean status?", NULL},
    {"doctr", NULL, "no command \"doctr\"", NULL},
    {"frobnicate", NULL, "see appctl --help", NULL},
    {"", NULL, "what shall be done?", NULL},
    {"--json", NULL, "what shall be done?", NULL},
    {"repo", NULL, "repo: what of it?", NULL},
    {"repo frob", NULL, "repo: what of it?", NULL},
    {"status --purge", NULL, "status: no option --purge; see appctl status --help", NULL},
    {"remove --security Plex", NULL, "remove: no option --security", NULL},
    {"upgrade --frob", NULL, "no option --frob", NULL},
    {"upgrade -y", NULL, "no option -y", NULL},
    {"upgrade --yes=1", NULL, "--yes takes no value", NULL},
    {"status --root", NULL, "--root wants DIR", NULL},
    {"hold Plex --for", NULL, "--for wants TIME", NULL},
    {"info", NULL, "wanted: appctl info APP", NULL},
    {"info a b", NULL, "wanted: appctl info APP", NULL},
    {"status now", NULL, "wanted: appctl status", NULL},
    {"info --help", "info", "", "help="},
};

static char *joined_options(GHashTable *options)
{
    GString *text = g_string_new(NULL);
    g_autoptr(GList) names = g_list_sort(g_hash_table_get_keys(options), (GCompareFunc)strcmp);
    for (GList *name = names; name; name = name->next)
        g_string_append_printf(text, "%s%s=%s", text->len ? "," : "", (const char *)name->data,
                               (const char *)g_hash_table_lookup(options, name->data));
    return g_string_free(text, FALSE);
}

static void check_line(const Line *line)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) options = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_auto(GStrv) argv = g_strsplit(line->line, " ", -1);
    const CliCommand *command = cli_parse(argv, words, options, &error);
    g_test_message("%s", line->line);
    if (!line->command) {
        g_assert_null(command);
        g_assert_error(error, APPCENTER_ERROR, APPCENTER_ERROR_INVALID);
        if (!strstr(error->message, line->words))
            g_error("%s: wanted \"%s\", found \"%s\"", line->line, line->words, error->message);
        return;
    }
    g_assert_no_error(error);
    g_assert_cmpstr(command->name, ==, line->command);
    g_ptr_array_add(words, NULL);
    g_autofree char *found_words = g_strjoinv(" ", (char **)words->pdata);
    g_autofree char *found_options = joined_options(options);
    g_assert_cmpstr(found_words, ==, line->words);
    g_assert_cmpstr(found_options, ==, line->options);
}

static void test_lines(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++)
        check_line(&lines[i]);
}

static void test_bytes_that_are_no_text(void)
{
    check_line(&(Line){"search \xff", NULL, "argument 2", NULL});
    check_line(&(Line){"hold --reason \xff", NULL, "--reason wants UTF-8", NULL});
}

static void test_nearest(void)
{
    g_assert_cmpstr(cli_nearest("instal")->name, ==, "install");
    g_assert_cmpstr(cli_nearest("rolback")->name, ==, "rollback");
    g_assert_cmpstr(cli_nearest("whynot")->name, ==, "why-not");
    g_assert_cmpstr(cli_nearest("list")->name, ==, "list");
    g_assert_null(cli_nearest("photograph"));
    g_assert_null(cli_nearest(""));
}

static void test_table(void)
{
    for (const CliCommand *one = cli_commands; one->name; one++) {
        g_assert_nonnull(one->run);
        g_assert_cmpint(one->min_words, <=, one->max_words);
        g_assert_cmpstr(cli_nearest(one->name)->name, ==, one->name);
    }
}

static void test_help(void)
{
    if (g_test_subprocess()) {
        cli_print_help(NULL);
        for (const CliCommand *one = cli_commands; one->name; one++)
            cli_print_help(one);
        return;
    }
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_passed();
    g_test_trap_assert_stdout(
        "*usage: appctl COMMAND*repo add*usage: appctl upgrade*--security*--dry-run*--json*");
}

void parse_tests(void)
{
    g_test_add_func("/parse/command_lines_are_understood_or_refused_with_a_sentence", test_lines);
    g_test_add_func("/parse/bytes_that_are_no_text_are_refused", test_bytes_that_are_no_text);
    g_test_add_func("/parse/a_slip_of_the_finger_finds_the_nearest_command", test_nearest);
    g_test_add_func("/parse/every_command_is_whole_and_has_its_own_name", test_table);
    g_test_add_func("/parse/help_of_every_command_is_printed", test_help);
}
