/* store_catalogue.c - what the repositories offer, in catalogue.db: a cache that is never worth a failure.
 *
 * Whatever is odd about the file (not ours, another schema, damaged), it is thrown away and made anew, and the
 * repositories forget what they had imported, so that the next refresh fills it again. Hides that. What of
 * it a request can reach is store_closure.c's.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "ports/store_internal.h"

#define CATALOGUE_APPLICATION_ID 0x41504343
#define CATALOGUE_VERSION        3
#define RELEASE_JSON_DEPTH       16

/* --- opening --- */

static gboolean is_current(Database *catalogue, gboolean *answer, GError **error)
{
    gint64 application_id = 0, version = 0;
    if (!database_ask_integer(catalogue, "application_id", &application_id, error) ||
        !database_ask_integer(catalogue, "user_version", &version, error))
        return FALSE;
    if (application_id != CATALOGUE_APPLICATION_ID && application_id != 0)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "%s: not a catalogue cache", catalogue->file);
    if (version != CATALOGUE_VERSION && version != 0)
        return error_set(error, APPCENTER_ERROR_CORRUPT, "%s: wanted schema %d, found %" G_GINT64_FORMAT,
                         catalogue->file, CATALOGUE_VERSION, version);
    *answer = version == CATALOGUE_VERSION;
    return TRUE;
}

/* Under the write lock, for two processes may find it empty at once. *is_new: the tables were made just now. */
static gboolean make_tables(Database *catalogue, gboolean *is_new, GError **error)
{
    gboolean has_tables = FALSE;
    *is_new = FALSE;
    if (!is_current(catalogue, &has_tables, error))
        return FALSE;
    if (has_tables)
        return TRUE;
    if (!database_run(catalogue, "begin", error))
        return FALSE;
    if (!is_current(catalogue, &has_tables, error) ||
        (!has_tables && !database_run_file(catalogue, "catalogue_schema.sql", error)) ||
        !database_run(catalogue, "commit", error)) {
        database_rollback(catalogue);
        return FALSE;
    }
    *is_new = !has_tables;
    return TRUE;
}

/* Nobody else may have written to it, or read it. A file that is not there is made by who opens it. */
static gboolean is_private(int dir_fd, GError **error)
{
    struct stat info;
    if (dir_fd < 0 ||
        (fstatat(dir_fd, STORE_CATALOGUE_FILE, &info, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT))
        return TRUE;
    if (S_ISREG(info.st_mode) && info.st_uid == geteuid() && (info.st_mode & 077) == 0 && info.st_nlink == 1)
        return TRUE;
    return error_set(error, APPCENTER_ERROR_CORRUPT,
                     STORE_CATALOGUE_FILE
                     ": wanted a plain file of mode 0600 and owner %u under one name, found mode %#o, "
                     "owner %u, %u names",
                     (guint)geteuid(), (guint)info.st_mode & 07777, (guint)info.st_uid, (guint)info.st_nlink);
}

static gboolean open_at(Store *store, int dir_fd, gboolean *is_new, GError **error)
{
    Database *catalogue = &store->catalogue;
    struct stat info = {0};
    database_close(catalogue);
    store->catalogue_inode = 0;
    if (!is_private(dir_fd, error) ||
        !database_open(catalogue, dir_fd, STORE_CACHE_DIR, STORE_CATALOGUE_FILE, error))
        return FALSE;
    if (dir_fd >= 0 && fstatat(dir_fd, STORE_CATALOGUE_FILE, &info, AT_SYMLINK_NOFOLLOW) == 0)
        store->catalogue_inode = info.st_ino;
    return database_use_wal(catalogue, error) && make_tables(catalogue, is_new, error) &&
           database_load_file(catalogue, "catalogue.sql", error) &&
           database_prepare_all(catalogue, error); /* a table that is missing is odd, too */
}

static void throw_away(int dir_fd)
{
    static const char *const names[] = {STORE_CATALOGUE_FILE, STORE_CATALOGUE_FILE "-wal",
                                        STORE_CATALOGUE_FILE "-shm", STORE_CATALOGUE_FILE "-journal"};
    for (gsize i = 0; dir_fd >= 0 && i < G_N_ELEMENTS(names); i++)
        if (unlinkat(dir_fd, names[i], 0) != 0 && errno != ENOENT)
            log_warning("store", "unlink %s: %s", names[i], g_strerror(errno));
}

static void forget_imports(Store *store)
{
    g_autoptr(GError) error = NULL;
    if (!database_run(&store->state, "repo_forget_catalogues", &error))
        log_warning("store", "%s", error->message);
}

/* Tries the file, then a new file, then memory, which always opens. */
static void open_or_make(Store *store, gboolean is_damaged)
{
    gboolean is_new = FALSE;
    g_autoptr(GError) first = NULL, second = NULL, third = NULL;
    if (is_damaged || !open_at(store, store->cache_dir_fd, &is_new, &first)) {
        if (first != NULL)
            log_warning("store", "catalogue made anew: %s", first->message);
        database_close(&store->catalogue);
        /* A lock that somebody holds too long is no reason to take the file away from him. */
        if (first == NULL || error_kind(first) != APPCENTER_ERROR_BUSY)
            throw_away(store->cache_dir_fd);
        if (!open_at(store, store->cache_dir_fd, &is_new, &second)) {
            log_warning("store", "catalogue kept in memory: %s", second->message);
            if (!open_at(store, -1, &is_new, &third))
                log_error("store", "%s", third->message);
        }
    }
    if (is_new)
        forget_imports(store);
}

void store_catalogue_open(Store *store)
{
    open_or_make(store, FALSE);
}

/* Another process may have thrown the file away and made a new one: then ours is a ghost. */
Database *store_catalogue_current(Store *store)
{
    struct stat info;
    if (store->catalogue_inode == 0 || database_in_transaction(&store->catalogue))
        return &store->catalogue;
    if (fstatat(store->cache_dir_fd, STORE_CATALOGUE_FILE, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        info.st_ino != store->catalogue_inode)
        open_or_make(store, FALSE);
    return &store->catalogue;
}

/* TRUE when the failure was damage outside an import, and an empty new cache is in place: try again. */
gboolean store_catalogue_was_damage(Store *store, GError **error)
{
    if (*error == NULL || error_kind(*error) != APPCENTER_ERROR_CORRUPT)
        return FALSE;
    log_warning("store", "catalogue made anew: %s", (*error)->message);
    database_rollback(&store->catalogue);
    open_or_make(store, TRUE);
    g_clear_error(error);
    return TRUE;
}

/* --- importing --- */

static gboolean clear_repository(Database *catalogue, const char *repository, GError **error)
{
    static const char *const statements[] = {"catalogue_clear_releases", "catalogue_clear_relations",
                                             "catalogue_clear_headers", "catalogue_clear_source"};
    for (gsize i = 0; i < G_N_ELEMENTS(statements); i++) {
        g_auto(Query) query = query_open(catalogue, statements[i]);
        query_bind_text(&query, ":repository", repository);
        if (!query_run(&query, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean try_begin(Store *store, const char *repository, GError **error)
{
    Database *catalogue = store_catalogue_current(store);
    if (!database_run(catalogue, "begin", error))
        return FALSE;
    if (clear_repository(catalogue, repository, error))
        return TRUE;
    database_rollback(catalogue);
    return FALSE;
}

gboolean store_catalogue_begin(Store *store, const char *repository, GError **error)
{
    g_autoptr(GError) failure = NULL;
    if (try_begin(store, repository, &failure) ||
        (store_catalogue_was_damage(store, &failure) && try_begin(store, repository, &failure)))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

gboolean store_catalogue_name_source(Store *store, const char *repository, const char *sha256, GError **error)
{
    g_auto(Query) query = query_open(&store->catalogue, "catalogue_source_add");
    query_bind_text(&query, ":repository", repository);
    query_bind_text(&query, ":sha256", sha256);
    return query_run(&query, error);
}

gboolean store_catalogue_commit(Store *store, GError **error)
{
    return database_run(&store->catalogue, "commit", error);
}

void store_catalogue_rollback(Store *store)
{
    database_rollback(&store->catalogue);
}

/* What the search looks at: name and all summaries, case folded. */
static char *search_words(const Release *release)
{
    g_autoptr(GString) words = g_string_new(release->name);
    const char *lang;
    json_t *text;
    json_object_foreach(release->summary, lang, text)
    {
        if (json_is_string(text))
            g_string_append_printf(words, "\n%s", json_string_value(text));
    }
    return g_utf8_casefold(words->str, -1);
}

/* Against bytes that went bad on the disk, which SQLite does not see. The program that lists apps has no better digest. */
static gint64 row_sum(const char *repository, const char *publisher, const char *json)
{
    g_autofree char *row = g_strjoin("\n", repository, publisher, json, NULL);
    return g_str_hash(row);
}

static gboolean relate_name(Database *catalogue, const Release *release, const char *kind, const char *name,
                            GError **error)
{
    g_auto(Query) query = query_open(catalogue, "catalogue_relate");
    query_bind_text(&query, ":repository", release->repository);
    query_bind_text(&query, ":app", release->name);
    query_bind_text(&query, ":kind", kind);
    query_bind_text(&query, ":name", name);
    return query_run(&query, error);
}

static gboolean relate(Database *catalogue, const Release *release, const char *kind, char *const *items,
                       GError **error)
{
    for (gsize i = 0; items != NULL && items[i] != NULL; i++) {
        g_autoptr(GError) bad_item = NULL;
        g_autoptr(Requirement) requirement = requirement_parse(items[i], &bad_item);
        if (requirement == NULL)
            return error_set(error, APPCENTER_ERROR_CORRUPT, "%s %s: %s: %s", release->name, release->version,
                             kind, bad_item->message);
        for (guint j = 0; j < requirement->terms->len; j++) {
            const RequireTerm *term = g_ptr_array_index(requirement->terms, j);
            if (!relate_name(catalogue, release, kind, term->name, error))
                return FALSE;
        }
    }
    return TRUE;
}

gboolean store_catalogue_add(Store *store, const Release *release, GError **error)
{
    Database *catalogue = &store->catalogue;
    g_autoptr(json_t) json = release_to_json(release);
    g_autofree char *text = json_to_text(json);
    g_autofree char *words = search_words(release);
    g_auto(Query) query = query_open(catalogue, "catalogue_add");
    query_bind_text(&query, ":repository", release->repository);
    query_bind_text(&query, ":publisher", release->publisher);
    query_bind_text(&query, ":name", release->name);
    query_bind_text(&query, ":version", release->version);
    query_bind_text(&query, ":arch", release->arch);
    query_bind_text(&query, ":words", words);
    query_bind_boolean(&query, ":has_provides", release->provides[0] != NULL);
    query_bind_integer(&query, ":sum", row_sum(release->repository, release->publisher, text));
    query_bind_text(&query, ":json", text);
    return query_run(&query, error) && relate(catalogue, release, "provides", release->provides, error) &&
           relate(catalogue, release, "obsoletes", release->obsoletes, error);
}

gboolean store_catalogue_add_header(Store *store, const char *repository, const CatalogueHeader *header,
                                    GError **error)
{
    g_autoptr(json_t) json = catalogue_header_to_json(header);
    g_autofree char *text = json_to_text(json);
    g_auto(Query) query = query_open(&store->catalogue, "catalogue_header_add");
    query_bind_text(&query, ":repository", repository);
    query_bind_text(&query, ":publisher", header->publisher);
    query_bind_text(&query, ":json", text);
    return query_run(&query, error);
}

/* --- reading --- */

static Release *read_release(Query *query, gboolean has_sum)
{
    gint64 sum = has_sum ? query_integer(query) : 0;
    g_autofree char *repository = query_text(query);
    g_autofree char *publisher = query_text(query);
    g_autofree char *text = query_text(query);
    if (text == NULL)
        return NULL;
    if (has_sum && row_sum(repository, publisher, text) != sum) {
        query_mark_corrupt(query, "a release as it was written", text);
        return NULL;
    }
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) json = json_parse_strict(text, strlen(text), RELEASE_JSON_DEPTH, TRUE, &error);
    Release *release = json != NULL ? release_from_json(json, "release", &error) : NULL;
    if (release == NULL) {
        query_mark_corrupt(query, "a release", error->message);
        return NULL;
    }
    g_free(release->repository);
    g_free(release->publisher);
    release->repository = g_steal_pointer(&repository);
    release->publisher = g_steal_pointer(&publisher);
    return release;
}

Release *store_row_release(Query *query)
{
    return read_release(query, FALSE);
}

Release *store_catalogue_row(Query *query)
{
    return read_release(query, TRUE);
}

static gpointer row_release(Query *query)
{
    return store_catalogue_row(query);
}

static int compare_releases(gconstpointer a, gconstpointer b)
{
    return release_compare(*(const Release *const *)a, *(const Release *const *)b);
}

typedef struct {
    const char *statement;
    const char *parameter;
    const char *text;
    gint64 max; /* bound when not 0 */
} ReleaseQuestion;

static GPtrArray *try_read(Store *store, const ReleaseQuestion *question, GError **error)
{
    g_auto(Query) query = query_open(store_catalogue_current(store), question->statement);
    query_bind_text(&query, question->parameter, question->text);
    if (question->max != 0)
        query_bind_integer(&query, ":max", question->max);
    return query_rows(&query, row_release, (GDestroyNotify)release_free, error);
}

/* The releases that answer the question, in catalogue order. */
static GPtrArray *read_releases(Store *store, const ReleaseQuestion *question, GError **error)
{
    g_autoptr(GError) failure = NULL;
    GPtrArray *releases = try_read(store, question, &failure);
    if (releases == NULL && store_catalogue_was_damage(store, &failure))
        releases = try_read(store, question, &failure);
    if (releases == NULL) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    g_ptr_array_sort(releases, compare_releases);
    return releases;
}

GPtrArray *store_catalogue_app(Store *store, const char *name, GError **error)
{
    ReleaseQuestion question = {.statement = "catalogue_app", .parameter = ":name", .text = name};
    return read_releases(store, &question, error);
}

static gpointer row_name(Query *query)
{
    return query_text(query);
}

GPtrArray *store_catalogue_names(Store *store, GError **error)
{
    g_auto(Query) query = query_open(store_catalogue_current(store), "catalogue_names");
    return query_rows(&query, row_name, g_free, error);
}

GPtrArray *store_catalogue_search(Store *store, const char *word, gsize max, GError **error)
{
    g_autofree char *folded = g_utf8_casefold(word, -1);
    ReleaseQuestion question = {.statement = "catalogue_search",
                                .parameter = ":word",
                                .text = folded,
                                .max = (gint64)CLAMP(max, 1, G_MAXINT32)};
    g_autoptr(GPtrArray) releases = read_releases(store, &question, error);
    if (releases == NULL)
        return NULL;
    /* In catalogue order the newest release of a name is its last. */
    g_autoptr(GPtrArray) newest = g_ptr_array_new_with_free_func((GDestroyNotify)release_free);
    for (guint i = 0; i < releases->len; i++) {
        const Release *release = g_ptr_array_index(releases, i);
        const Release *next = i + 1 < releases->len ? g_ptr_array_index(releases, i + 1) : NULL;
        if (next == NULL || strcmp(next->name, release->name) != 0)
            g_ptr_array_add(newest, release_copy(release));
    }
    return g_steal_pointer(&newest);
}

static CatalogueHeader *try_header(Store *store, const char *repository, const char *publisher,
                                   GError **error)
{
    g_auto(Query) query = query_open(store_catalogue_current(store), "catalogue_header_get");
    query_bind_text(&query, ":repository", repository);
    query_bind_text(&query, ":publisher", publisher);
    g_autofree char *text = query_next(&query) ? query_text(&query) : NULL;
    if (!query_finish(&query, error) || text == NULL)
        return NULL;
    g_autoptr(json_t) json = json_parse_strict(text, strlen(text), RELEASE_JSON_DEPTH, TRUE, error);
    return json != NULL ? catalogue_header_from_json(json, "catalogue header", error) : NULL;
}

CatalogueHeader *store_catalogue_header(Store *store, const char *repository, const char *publisher,
                                        GError **error)
{
    g_autoptr(GError) failure = NULL;
    CatalogueHeader *header = try_header(store, repository, publisher, &failure);
    if (header == NULL && store_catalogue_was_damage(store, &failure))
        header = try_header(store, repository, publisher, &failure);
    if (failure != NULL)
        g_propagate_error(error, g_steal_pointer(&failure));
    return header;
}

/* --- keyed by what it was made of --- */

static char *source_of(Store *store, const char *repository, GError **error)
{
    g_auto(Query) query = query_open(store_catalogue_current(store), "catalogue_source_get");
    query_bind_text(&query, ":repository", repository);
    g_autofree char *sha256 = query_next(&query) ? query_text(&query) : NULL;
    return query_finish(&query, error) ? g_steal_pointer(&sha256) : NULL;
}

gboolean store_catalogue_is_of(Store *store, const char *repository, const char *sha256)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *found = source_of(store, repository, &failure);
    if (failure == NULL && g_strcmp0(found, sha256) == 0)
        return TRUE;
    if (failure == NULL)
        error_set(&failure, APPCENTER_ERROR_CORRUPT,
                  STORE_CATALOGUE_FILE ": %s: wanted the import of %.24s, found %.24s", repository,
                  sha256 != NULL ? sha256 : "nothing", found != NULL ? found : "nothing");
    if (!store_catalogue_was_damage(store, &failure))
        log_warning("store", "%s", failure->message);
    return FALSE;
}
