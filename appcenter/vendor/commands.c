/* commands.c - the table of verbs and the parsing that they share. */
#include "vendor/commands.h"

#include <fcntl.h>
#include <string.h>

#include "model/model.h"

const VendorCommand vendor_commands[] = {
    {"init", "REPO --keys DIR", "key ceremony; publishes an empty repository", cmd_init},
    {"pack", "SRCDIR [-o FILE] [--sign DIR]", "a QPKG from a QDK source tree", cmd_pack},
    {"sign", "FILE --sign DIR|--keys DIR", "signs an archive, or the drafts in an exported file", cmd_sign},
    {"inspect", "FILE", "what is in a QPKG; runs nothing of it", cmd_inspect},
    {"lint", "FILE|SRCDIR", "what is wrong with a package, or will be; exit 14 on errors", cmd_lint},
    {"add", "REPO FILE...", "takes archives into the draft", cmd_add},
    {"urgent", "REPO NAME[=VERSION]", "marks a release as a security fix", cmd_urgent},
    {"rollout", "REPO NAME=VERSION --curve CURVE", "sets the phases of a release", cmd_rollout},
    {"halt", "REPO NAME=VERSION", "nobody takes this release any more", cmd_halt},
    {"resume", "REPO NAME=VERSION", "takes back a halt or a withdrawal", cmd_resume},
    {"withdraw", "REPO NAME=VERSION [--go-back-to V]", "halts it, and who has it goes back", cmd_withdraw},
    {"advisory", "REPO add|list|show|withdraw|export [ID]", "security advisories: OSV in, CSAF out",
     cmd_advisory},
    {"publisher", "REPO add|rekey|remove|list [NAME]", "who else speaks for which apps", cmd_publisher},
    {"key", "REPO ACTION [FILE]", "who signs what: list, change, rotate, renew; drafts", cmd_key},
    {"publish", "REPO --keys DIR... [--dry-run]", "signs what changed; timestamp last", cmd_publish},
    {"refresh", "REPO --keys DIR...", "new timestamp (and snapshot) only, for a timer", cmd_refresh},
    {"status", "REPO", "roles, versions, days to expiry, missing keys; exit 1 below a margin", cmd_status},
    {"verify", "REPO [--trust ROOT.json]", "checks the whole repository as a client would", cmd_verify},
    {NULL, NULL, NULL, NULL},
};

static const VendorCommand *find_command(const char *name)
{
    const VendorCommand *command = vendor_commands;
    while (command->name && !g_str_equal(command->name, name))
        command++;
    return command;
}

gboolean parse_words(const char *verb, const GOptionEntry *entries, int min, int max, int *argc, char ***argv,
                     GError **error)
{
    const VendorCommand *command = find_command(verb);
    g_autofree char *program = g_strdup_printf("appvendor %s", verb);
    g_autoptr(GError) wrong = NULL;
    g_set_prgname(program);
    g_autoptr(GOptionContext) context = g_option_context_new(command->words);
    g_option_context_set_summary(context, command->summary);
    if (entries)
        g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, argc, argv, &wrong))
        return error_set(error, APPCENTER_ERROR_INVALID, "%s", wrong->message);
    int words = *argc - 1;
    if (words < min || words > max)
        return error_set(error, APPCENTER_ERROR_INVALID, "wanted: appvendor %s %s", verb, command->words);
    return TRUE;
}

gboolean parse_app_version(const char *word, char **name, char **version, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(word, "=", 2);
    if (!app_name_is_valid(parts[0])) /* NULL for an empty word */
        return error_set(error, APPCENTER_ERROR_INVALID, "\"%s\" is no app name", parts[0] ? parts[0] : "");
    if (parts[1] && !version_is_valid(parts[1]))
        return error_set(error, APPCENTER_ERROR_INVALID, "\"%s\" is no version", parts[1]);
    *name = g_strdup(parts[0]);
    *version = g_strdup(parts[1]);
    return TRUE;
}

gboolean parse_key_kind(const char *text, KeyKind *kind, GError **error)
{
    static const char *const names[] = {"ed25519", "ecdsa", "rsa"};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (!text || g_str_equal(names[i], text)) {
            *kind = text ? (KeyKind)i : KEY_ED25519;
            return TRUE;
        }
    return error_set(error, APPCENTER_ERROR_INVALID, "--key-type: wanted ed25519, ecdsa or rsa, found \"%s\"",
                     text);
}

gboolean write_json_file(const char *file, const json_t *value, GError **error)
{
    g_autofree char *text = json_dumps(value, JSON_INDENT(1) | JSON_SORT_KEYS);
    g_autofree char *folder = g_path_get_dirname(file);
    g_autofree char *base = g_path_get_basename(file);
    g_auto(Fd) dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return error_set_errno(error, "cannot write %s", file);
    return files_write_atomic_at(dir, base, text, strlen(text), 0644, error);
}
