/* cmd_advisory.c - the verb advisory: records in, out and withdrawn; what stands in them, release by release. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "vendor/advisories.h"
#include "vendor/commands.h"

#define RECORD_BYTES_MAX (1024 * 1024)
#define WORDS_MAX        200

typedef struct {
    Repo *repo;
    gboolean is_json, is_csaf;
    const char *out, *publisher, *space;
    char **words; /* behind the action */
    gint64 now;
} AdvisoryRequest;

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text ? text : "";
}

static const char *class_of(const json_t *record)
{
    const char *name =
        json_string_value(json_object_get(json_object_get(record, "database_specific"), "class"));
    return name ? name : urgency_class_name(CLASS_IMPORTANT);
}

static json_t *find(const AdvisoryRequest *request, GError **error)
{
    json_t *record = advisories_find(request->repo, request->words[0]);
    if (!record)
        error_set(error, APPCENTER_ERROR_NOT_FOUND, "no advisory %s in this repository", request->words[0]);
    return record;
}

/* --- add, withdraw --- */

static json_t *read_record(const char *path, GError **error)
{
    g_auto(Fd) fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, "cannot read %s", path), NULL;
    g_autoptr(GBytes) bytes = files_read_fd(fd, RECORD_BYTES_MAX, error);
    json_t *record =
        bytes ? json_parse_strict(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), 16, TRUE, error)
              : NULL;
    if (!record)
        g_prefix_error(error, "%s: ", path);
    return record;
}

static gboolean run_add(AdvisoryRequest *request, GError **error)
{
    for (char **path = request->words; *path; path++) {
        g_autoptr(json_t) record = read_record(*path, error);
        if (!record)
            return FALSE;
        if (!advisories_put(request->repo, record, request->now, error)) {
            g_prefix_error(error, "%s: ", *path);
            return FALSE;
        }
        printf("%s (%s) is in the draft; publish makes it visible\n", text_of(record, "id"),
               class_of(record));
    }
    return repo_save_world(request->repo, error);
}

static gboolean run_withdraw(AdvisoryRequest *request, GError **error)
{
    json_t *record = find(request, error);
    if (!record || !advisories_withdraw(request->repo, record, request->now, error) ||
        !repo_save_world(request->repo, error))
        return FALSE;
    printf("%s is withdrawn in the draft; publish makes it visible\n", text_of(record, "id"));
    return TRUE;
}

/* --- list, show --- */

static gboolean run_list(AdvisoryRequest *request, GError **error)
{
    (void)error;
    gsize i;
    json_t *record;
    json_t *records = advisories_records(request->repo);
    if (request->is_json) {
        g_autoptr(json_t) list = json_pack("{s:s, s:o}", "schema", "appvendor.advisories/1", "advisories",
                                           records ? json_incref(records) : json_array());
        g_autofree char *text = json_to_text(list);
        puts(text);
        return TRUE;
    }
    json_array_foreach(records, i, record)
        printf("%-16s %-10s %s%s\n", text_of(record, "id"), class_of(record),
               json_object_get(record, "withdrawn") ? "withdrawn: " : "", text_of(record, "summary"));
    if (json_array_size(records) == 0)
        puts("no advisories");
    return TRUE;
}

static void print_line(const AdvisoryLine *line)
{
    const AffectedRange *range = line->range;
    g_autofree char *words = advisories_line_words(range);
    gboolean from_start = g_str_equal(range->introduced, "0");
    printf("  %s, %s: %s%s", line->advisory->app, words, from_start ? "" : "from ",
           from_start ? "" : range->introduced);
    if (!range->fixed)
        printf("%sno fix\n", from_start ? "" : ", ");
    else
        printf("%sbefore %s; %s%s\n", from_start ? "" : " ", range->fixed,
               line->version ? "fixed here by " : "no fixed release here",
               line->version ? line->version : "");
}

static gboolean run_show(AdvisoryRequest *request, GError **error)
{
    json_t *record = find(request, error);
    g_autoptr(GPtrArray) advisories = record ? advisories_parse_record(record, error) : NULL;
    if (!advisories)
        return FALSE;
    if (request->is_json) {
        g_autofree char *text = json_to_text(record);
        puts(text);
        return TRUE;
    }
    printf("%s  %s  %s%s\n", text_of(record, "id"), class_of(record), text_of(record, "summary"),
           json_object_get(record, "withdrawn") ? "  (withdrawn)" : "");
    g_autoptr(GPtrArray) lines = advisories_lines(request->repo, advisories, NULL);
    for (guint i = 0; i < lines->len; i++)
        print_line(lines->pdata[i]);
    for (guint i = 0; i < advisories->len; i++) {
        const Advisory *advisory = advisories->pdata[i];
        for (char **digest = advisory->archive_sha256; *digest; digest++)
            printf("  %s, archive %s: malicious\n", advisory->app, *digest);
    }
    return TRUE;
}

/* --- export --- */

/* CSAF's own rule for file names: lower case, and "_" for what else is no letter, digit, "+" or "-". */
static char *csaf_name(const json_t *record)
{
    g_autofree char *name = g_ascii_strdown(text_of(record, "id"), -1);
    g_strcanon(name, "abcdefghijklmnopqrstuvwxyz0123456789+-", '_');
    return g_strconcat(name, ".json", NULL);
}

static gboolean export_one(const AdvisoryRequest *request, json_t *record, const char *path, GError **error)
{
    g_autoptr(json_t) document =
        csaf_document(request->repo, record, request->publisher, request->space, error);
    if (!document) {
        g_prefix_error(error, "%s: ", text_of(record, "id"));
        return FALSE;
    }
    if (path)
        return write_json_file(path, document, error);
    g_autofree char *text = json_dumps(document, JSON_INDENT(1) | JSON_SORT_KEYS);
    puts(text);
    return TRUE;
}

static gboolean export_all(const AdvisoryRequest *request, GError **error)
{
    gsize i;
    json_t *record;
    if (!g_file_test(request->out, G_FILE_TEST_IS_DIR))
        return error_set(error, APPCENTER_ERROR_INVALID,
                         "--output: wanted a folder for all advisories, found %s", request->out);
    json_array_foreach(advisories_records(request->repo), i, record)
    {
        g_autofree char *name = csaf_name(record);
        g_autofree char *path = g_build_filename(request->out, name, NULL);
        if (!export_one(request, record, path, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean run_export(AdvisoryRequest *request, GError **error)
{
    json_t *records = advisories_records(request->repo);
    if (!request->is_csaf)
        return error_set(error, APPCENTER_ERROR_INVALID,
                         "export: say the format, --csaf; show --json prints OSV");
    if (request->words[0]) {
        json_t *record = find(request, error);
        return record && export_one(request, record, request->out, error);
    }
    if (json_array_size(records) == 0)
        return error_set(error, APPCENTER_ERROR_NOT_FOUND, "no advisories in this repository");
    if (json_array_size(records) == 1)
        return export_one(request, json_array_get(records, 0), request->out, error);
    if (!request->out)
        return error_set(error, APPCENTER_ERROR_INVALID,
                         "there are %zu advisories, and CSAF has one a document: name one, or a folder with "
                         "--output",
                         json_array_size(records));
    return export_all(request, error);
}

/* --- the verb --- */

static const struct {
    const char *name;
    int min, max; /* words behind it */
    gboolean writes;
    gboolean (*run)(AdvisoryRequest *request, GError **error);
} actions[] = {
    {"add", 1, WORDS_MAX, TRUE, run_add}, {"list", 0, 0, FALSE, run_list},
    {"show", 1, 1, FALSE, run_show},      {"withdraw", 1, 1, TRUE, run_withdraw},
    {"export", 0, 1, FALSE, run_export},
};

static gboolean run_words(AdvisoryRequest *request, const char *path, const char *action, int n_words,
                          GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(actions); i++) {
        if (!g_str_equal(actions[i].name, action) || n_words < actions[i].min || n_words > actions[i].max)
            continue;
        g_autoptr(Repo) repo = actions[i].writes ? repo_open(path, error) : repo_open_to_read(path, error);
        request->repo = repo;
        return repo && actions[i].run(request, error);
    }
    return error_set(
        error, APPCENTER_ERROR_INVALID,
        "wanted: appvendor advisory REPO add FILE.json..., list, show ID, withdraw ID, or export "
        "[ID] --csaf");
}

gboolean cmd_advisory(int argc, char **argv, gint64 now, GError **error)
{
    g_autofree char *out = NULL, *publisher = NULL, *space = NULL;
    AdvisoryRequest request = {.now = now};
    const GOptionEntry entries[] = {
        {"csaf", 0, 0, G_OPTION_ARG_NONE, &request.is_csaf, "export: as a CSAF 2.0 document", NULL},
        {"output", 'o', 0, G_OPTION_ARG_FILENAME, &out, "export: where to; default: print it", "FILE|DIR"},
        {"publisher", 0, 0, G_OPTION_ARG_STRING, &publisher, "export: who issues it", "NAME"},
        {"namespace", 0, 0, G_OPTION_ARG_STRING, &space, "export: the URI of who issues it", "URI"},
        {"json", 0, 0, G_OPTION_ARG_NONE, &request.is_json, "list, show: print JSON", NULL},
        {.long_name = NULL}};
    if (!parse_words("advisory", entries, 2, WORDS_MAX + 2, &argc, &argv, error))
        return FALSE;
    request.out = out;
    request.publisher = publisher ? publisher : "vendor";
    request.space = space ? space : "urn:appcenter:vendor";
    request.words = argv + 3;
    return run_words(&request, argv[1], argv[2], argc - 3, error);
}
