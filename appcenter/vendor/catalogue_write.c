/* catalogue_write.c - the world as boxes read it: catalogue and brake, filled in, sorted, checked by the client's own readers. */
#include <string.h>

#include "vendor/publish.h"

static void fill_time(json_t *object, const char *member, gint64 now)
{
    if (!json_is_null(json_object_get(object, member)))
        return;
    g_autofree char *text = units_format_time(now);
    json_object_set_new(object, member, json_string(text));
}

/* What was not published yet gets its times now: published, urgent_at (a deadline counts from it), the roll-out's start. */
static void fill_times(json_t *release, gint64 now)
{
    fill_time(release, "published", now);
    json_t *urgency = json_object_get(release, "urgency"), *rollout = json_object_get(release, "rollout");
    if (json_is_object(urgency))
        fill_time(urgency, "urgent_at", now);
    if (json_is_object(rollout))
        fill_time(rollout, "start", now);
}

static gint compare_releases(gconstpointer a, gconstpointer b)
{
    return release_compare(*(const Release *const *)a, *(const Release *const *)b);
}

static GPtrArray *sorted_releases(Repo *repo, const char *who, gint64 now, GError **error)
{
    gsize i;
    json_t *object;
    g_autoptr(GPtrArray) releases = g_ptr_array_new_with_free_func((GDestroyNotify)release_free);
    json_array_foreach(json_object_get(repo->world, "releases"), i, object)
    {
        const char *name = json_string_value(json_object_get(object, "name"));
        if (!g_str_equal(repo_publisher_of(repo, name ? name : ""), who))
            continue;
        fill_times(object, now);
        Release *release = release_from_json(object, "draft", error);
        if (!release)
            return NULL;
        release->publisher = g_strdup(who);
        g_ptr_array_add(releases, release);
    }
    g_ptr_array_sort(releases, compare_releases);
    return g_steal_pointer(&releases);
}

static void append_line(GString *text, json_t *object)
{
    g_autoptr(json_t) owned = object;
    g_autofree char *line = json_to_text(owned);
    g_string_append(text, line);
    g_string_append_c(text, '\n');
}

/* The vendor names its own CA, too; and no apps, as it speaks for all that it gave to nobody else. */
static json_t *bindings(const Repo *repo, char **bound)
{
    g_auto(GStrv) all = bound ? NULL : repo_publishers(repo);
    json_t *publishers = json_pack("{s:{s:[], s:O, s:O}}", "vendor", "apps", "ca_sha256",
                                   json_object_get(repo->world, "ca_sha256"), "ca_pem",
                                   json_object_get(repo->world, "ca_pem"));
    for (char **name = bound ? bound : all; *name; name++)
        json_object_set(publishers, *name, repo_publisher(repo, *name));
    return publishers;
}

static json_t *header(const Repo *repo, const char *who, GPtrArray *releases, char **bound, gint64 now)
{
    json_t *catalogue = json_object_get(json_object_get(repo->world, "catalogues"), who);
    gint64 at = json_integer_value(json_object_get(catalogue, "settled_at"));
    g_autofree char *published = units_format_time(at > 0 ? at : now);
    json_t *object = json_pack("{s:i, s:s, s:I, s:i, s:s}", "format", 1, "publisher", who, "serial",
                               json_integer_value(json_object_get(catalogue, "serial")), "releases",
                               (int)releases->len, "published", published);
    if (g_str_equal(who, "vendor"))
        json_object_set_new(object, "publishers", bindings(repo, bound));
    return object;
}

static gboolean drop_release(Release *release, gpointer user_data, GError **error)
{
    (void)user_data;
    (void)error;
    release_free(release);
    return TRUE;
}

/* Whatever would be refused on a box is refused here: order, doubles, the length of a line, the number of names. */
static gboolean is_readable(const GString *text, const char *who, GError **error)
{
    g_autoptr(CatalogueReader) reader = catalogue_reader_new("vendor", who, drop_release, NULL);
    const CatalogueHeader *read = NULL;
    if (catalogue_reader_feed(reader, text->str, text->len, error) &&
        catalogue_reader_finish(reader, &read, error))
        return TRUE;
    g_prefix_error(error, "catalogue of %s: boxes would refuse it: ", who);
    return FALSE;
}

GBytes *publish_catalogue(Repo *repo, const char *who, char **bound, gint64 now, GError **error)
{
    g_autoptr(GPtrArray) releases = sorted_releases(repo, who, now, error);
    if (!releases)
        return NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    append_line(text, header(repo, who, releases, bound, now));
    for (guint i = 0; i < releases->len; i++)
        append_line(text, release_to_json(releases->pdata[i]));
    if (!is_readable(text, who, error))
        return NULL;
    return g_string_free_to_bytes(g_steal_pointer(&text));
}

GBytes *publish_brake(Repo *repo, gint64 now, GError **error)
{
    json_t *object = json_object_get(repo->world, "brake");
    json_t *entries = json_object_get(object, "entries");
    for (gsize i = 0; i < json_array_size(entries); i++)
        fill_time(json_array_get(entries, i), "at", now);
    g_autofree char *text = json_to_text(object);
    g_autoptr(Brake) brake = brake_parse(text, strlen(text), error);
    if (!brake) {
        g_prefix_error(error, "brake: boxes would refuse it: ");
        return NULL;
    }
    return g_bytes_new(text, strlen(text));
}

gboolean release_was_published(const json_t *release)
{
    json_t *urgency = json_object_get(release, "urgency"), *rollout = json_object_get(release, "rollout");
    return !json_is_null(json_object_get(release, "published")) &&
           !(json_is_object(urgency) && json_is_null(json_object_get(urgency, "urgent_at"))) &&
           !(json_is_object(rollout) && json_is_null(json_object_get(rollout, "start")));
}

gboolean publish_check(const Repo *repo, gint64 now, GError **error)
{
    g_autoptr(json_t) copy = json_deep_copy(repo->world);
    Repo draft = {repo->dir, -1, copy};
    g_auto(GStrv) publishers = repo_publishers(repo);
    for (char **name = publishers; *name; name++) {
        g_autoptr(GBytes) theirs = publish_catalogue(&draft, *name, NULL, now, error);
        if (!theirs)
            return FALSE;
    }
    g_autoptr(GBytes) catalogue = publish_catalogue(&draft, "vendor", NULL, now, error);
    g_autoptr(GBytes) brake = catalogue ? publish_brake(&draft, now, error) : NULL;
    return brake != NULL;
}
