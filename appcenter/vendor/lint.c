/* lint.c - the verb: reads a package or packs a source tree, asks lint_*.c, and says what they found. */
#include "vendor/lint.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vendor/commands.h"
#include "vendor/pack.h"

static void add_finding(const Lint *lint, const char *level, const char *check, const char *help,
                        const char *message)
{
    json_array_append_new(lint->list, json_pack("{s:s, s:s, s:s, s:s}", "level", level, "check", check,
                                                "message", message, "help", help));
}

void lint_error(const Lint *lint, const char *check, const char *help, const char *format, ...)
{
    va_list words;
    va_start(words, format);
    g_autofree char *message = g_strdup_vprintf(format, words);
    va_end(words);
    add_finding(lint, "error", check, help, message);
}

void lint_warning(const Lint *lint, const char *check, const char *help, const char *format, ...)
{
    va_list words;
    va_start(words, format);
    g_autofree char *message = g_strdup_vprintf(format, words);
    va_end(words);
    add_finding(lint, "warning", check, help, message);
}

/* --- what is looked at --- */

static gboolean unpack_and_look(const PackageInfo *info, const Repo *repo, gboolean is_finished, int tree_fd,
                                json_t *list, GError **error)
{
    const Lint lint = {info, tree_fd, is_finished, list};
    return archive_unpack(info->package, tree_fd, &archive_vendor_limits, NULL, NULL, error) &&
           lint_package(&lint, error) && (!repo || lint_upgrade(&lint, repo, error));
}

/* In a scratch folder that is gone afterwards. */
static gboolean look(const PackageInfo *info, const Repo *repo, gboolean is_finished, json_t *list,
                     GError **error)
{
    g_autofree char *folder = g_build_filename(g_get_tmp_dir(), "appvendor-XXXXXX", NULL);
    if (!mkdtemp(folder))
        return error_set_errno(error, "cannot make a temporary folder");
    g_autofree char *base = g_path_get_basename(folder);
    g_auto(Fd) parent = open(g_get_tmp_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_auto(Fd) tree = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    gboolean ok = tree >= 0 ? unpack_and_look(info, repo, is_finished, tree, list, error)
                            : error_set_errno(error, "cannot open %s", folder);
    return files_remove_tree_at(parent, base, ok ? error : NULL) && ok;
}

static gboolean read_package(const char *file, const char *arch, PackageInfo *info, GError **error)
{
    if (!g_file_test(file, G_FILE_TEST_IS_DIR))
        return package_info_read(file, arch, info, error);
    g_auto(Fd) packed = pack_source(file, arch, error);
    return packed >= 0 && package_info_read_fd(fd_steal(&packed), arch, info, error);
}

/* --- what is said --- */

static gsize count_of(const json_t *list, const char *level)
{
    gsize n = 0;
    for (gsize i = 0; i < json_array_size(list); i++)
        n += g_str_equal(json_string_value(json_object_get(json_array_get(list, i), "level")), level);
    return n;
}

static void print_people(json_t *list)
{
    for (gsize i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        printf("%s: %s: %s\n    %s\n", json_string_value(json_object_get(one, "level")),
               json_string_value(json_object_get(one, "check")),
               json_string_value(json_object_get(one, "message")),
               json_string_value(json_object_get(one, "help")));
    }
    printf("%zu errors, %zu warnings\n", count_of(list, "error"), count_of(list, "warning"));
}

static void print_json(json_t *list)
{
    g_autoptr(json_t) value = json_pack("{s:s, s:I, s:I, s:O}", "schema", "appvendor.lint/1", "errors",
                                        (json_int_t)count_of(list, "error"), "warnings",
                                        (json_int_t)count_of(list, "warning"), "findings", list);
    g_autofree char *text = json_to_text(value);
    puts(text);
}

/* What the parser refuses is a finding like any other, and the only one. */
static gboolean note_refusal(json_t *list, GError **failure, GError **error)
{
    const Lint lint = {.list = list};
    if (error_kind(*failure) != APPCENTER_ERROR_CORRUPT) {
        g_propagate_error(error, g_steal_pointer(failure));
        return FALSE;
    }
    lint_error(&lint, "archive", "every box refuses it like this", "%s", (*failure)->message);
    return TRUE;
}

gboolean cmd_lint(int argc, char **argv, gint64 now, GError **error)
{
    (void)now;
    gboolean as_json = FALSE;
    g_autofree char *path = NULL, *arch = NULL;
    const GOptionEntry entries[] = {
        {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "print JSON (appvendor.lint/1)", NULL},
        {"repo", 0, 0, G_OPTION_ARG_FILENAME, &path, "look at the way from what is in this repository",
         "REPO"},
        {"arch", 0, 0, G_OPTION_ARG_STRING, &arch, "a QDK architecture or all", "ARCH"},
        {.long_name = NULL}};
    if (!parse_words("lint", entries, 1, 1, &argc, &argv, error))
        return FALSE;
    g_autoptr(Repo) repo = path ? repo_open_to_read(path, error) : NULL;
    if (path && !repo)
        return FALSE;
    g_auto(PackageInfo) info = {0};
    g_autoptr(GError) failure = NULL;
    g_autoptr(json_t) list = json_array();
    if ((!read_package(argv[1], arch, &info, &failure) ||
         !look(&info, repo, !g_file_test(argv[1], G_FILE_TEST_IS_DIR), list, &failure)) &&
        !note_refusal(list, &failure, error))
        return FALSE;
    if (as_json)
        print_json(list);
    else
        print_people(list);
    gsize n_errors = count_of(list, "error");
    return n_errors == 0 || error_set(error, APPCENTER_ERROR_CORRUPT, "%zu errors in %s", n_errors, argv[1]);
}
