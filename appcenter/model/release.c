/* release.c - one release: reading its catalogue line strictly, writing it again, copying, ordering.
 *
 * Hides the shapes of urgency and roll-out in JSON. What comes out of release_from_json is complete: lists
 * are never NULL, names and versions are valid, the path is bound to the digest.
 */
#include "model/release.h"

#include <limits.h>
#include <string.h>

#include "model/fields.h"
#include "model/version.h"

#define MIGRATES_MAX        64
#define ARCHIVE_BYTES_MAX   (G_GINT64_CONSTANT(1) << 40)
#define INSTALLED_BYTES_MAX (G_GINT64_CONSTANT(1) << 42)
#define FILES_MAX           10000000
#define SUMMARY_BYTES_MAX   1024
#define CHANGES_BYTES_MAX   32768
#define LINE_BYTES_MAX      256
#define CURVE_POINTS_MAX    64
#define PERMYRIAD_MAX       10000
#define INTERVAL_MAX_S      (G_GINT64_CONSTANT(10) * 366 * 86400)
#define SHA256_BYTES        32
#define PACKAGES_PREFIX     "packages/"

static const char *const class_names[] = {
    [CLASS_FEATURE] = "feature",   [CLASS_NORMAL] = "normal",       [CLASS_IMPORTANT] = "important",
    [CLASS_CRITICAL] = "critical", [CLASS_EMERGENCY] = "emergency",
};

const char *urgency_class_name(UrgencyClass cls)
{
    return class_names[cls];
}

gboolean urgency_class_from_name(const char *name, UrgencyClass *cls)
{
    for (guint i = 0; name && i < G_N_ELEMENTS(class_names); i++)
        if (strcmp(class_names[i], name) == 0) {
            *cls = (UrgencyClass)i;
            return TRUE;
        }
    return FALSE;
}

gboolean urgency_class_is_security(UrgencyClass cls)
{
    return cls >= CLASS_IMPORTANT;
}

/* ---- urgency and roll-out ---- */

static void urgency_free(Urgency *urgency)
{
    if (!urgency)
        return;
    g_free(urgency->reason);
    g_strfreev(urgency->advisories);
    g_free(urgency);
}

static Urgency *urgency_copy(const Urgency *urgency)
{
    Urgency *copy = g_new0(Urgency, 1);
    *copy = *urgency;
    copy->reason = g_strdup(urgency->reason);
    copy->advisories = g_strdupv(urgency->advisories);
    return copy;
}

static Urgency *read_urgency(JsonReader *reader)
{
    if (!json_reader_enter_optional(reader, "urgency"))
        return NULL;
    Urgency *urgency = g_new0(Urgency, 1);
    const char *cls = json_reader_string(reader, "class", LINE_BYTES_MAX);
    if (cls && !urgency_class_from_name(cls, &urgency->cls))
        json_reader_fail(reader, "class", "wanted feature, normal, important, critical or emergency");
    urgency->urgent_at = json_reader_time(reader, "urgent_at");
    urgency->install_within_s = json_reader_integer_or(reader, "install_within_s", 0, INTERVAL_MAX_S, 0);
    urgency->reason = g_strdup(fields_line_or_null(reader, "reason", LINE_BYTES_MAX));
    urgency->advisories = fields_lines(reader, "advisories", LINE_BYTES_MAX);
    json_reader_leave(reader);
    return urgency;
}

static json_t *urgency_to_json(const Urgency *urgency)
{
    if (!urgency)
        return json_null();
    json_t *object = json_object();
    json_object_set_new(object, "class", json_string(urgency_class_name(urgency->cls)));
    json_object_set_new(object, "urgent_at", fields_json_time(urgency->urgent_at));
    json_object_set_new(object, "install_within_s", json_integer(urgency->install_within_s));
    json_object_set_new(object, "reason", fields_json_string(urgency->reason));
    json_object_set_new(object, "advisories", fields_json_strings(urgency->advisories));
    return object;
}

static void rollout_free(Rollout *rollout)
{
    if (!rollout)
        return;
    g_free(rollout->id);
    if (rollout->curve)
        g_array_unref(rollout->curve);
    g_free(rollout);
}

static Rollout *rollout_copy(const Rollout *rollout)
{
    Rollout *copy = g_new0(Rollout, 1);
    copy->id = g_strdup(rollout->id);
    copy->start = rollout->start;
    copy->curve = g_array_copy(rollout->curve);
    return copy;
}

static gboolean is_integer_within(const json_t *value, gint64 max)
{
    return json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) <= max;
}

/* One [seconds, permyriad] pair, which must rise over the one before it. */
static void read_curve_point(JsonReader *reader, GArray *curve)
{
    const json_t *pair = json_reader_value(reader);
    const json_t *after = json_array_get(pair, 0);
    const json_t *permyriad = json_array_get(pair, 1);
    if (json_array_size(pair) != 2 || !is_integer_within(after, INTERVAL_MAX_S) ||
        !is_integer_within(permyriad, PERMYRIAD_MAX)) {
        json_reader_fail(reader, NULL, "wanted [seconds, share from 0 to %d]", PERMYRIAD_MAX);
        return;
    }
    CurvePoint point = {.after_s = json_integer_value(after),
                        .permyriad = (guint)json_integer_value(permyriad)};
    if (curve->len > 0) {
        const CurvePoint *last = &g_array_index(curve, CurvePoint, curve->len - 1);
        if (point.after_s <= last->after_s || point.permyriad < last->permyriad)
            json_reader_fail(reader, NULL,
                             "wanted a later time and no smaller share than in the point before");
    }
    g_array_append_val(curve, point);
}

static void read_curve(JsonReader *reader, GArray *curve)
{
    if (!json_reader_enter(reader, "curve"))
        return;
    gsize length = json_reader_length(reader, CURVE_POINTS_MAX);
    if (json_reader_ok(reader) && length == 0)
        json_reader_fail(reader, NULL, "wanted at least one point, found none");
    for (gsize i = 0; i < length && json_reader_enter_index(reader, i); i++) {
        read_curve_point(reader, curve);
        json_reader_leave(reader);
    }
    json_reader_leave(reader);
}

static Rollout *read_rollout(JsonReader *reader)
{
    if (!json_reader_enter_optional(reader, "rollout"))
        return NULL;
    Rollout *rollout = g_new0(Rollout, 1);
    rollout->curve = g_array_new(FALSE, FALSE, sizeof(CurvePoint));
    rollout->id = g_strdup(json_reader_string(reader, "id", LINE_BYTES_MAX));
    rollout->start = json_reader_time(reader, "start");
    read_curve(reader, rollout->curve);
    json_reader_leave(reader);
    return rollout;
}

static json_t *rollout_to_json(const Rollout *rollout)
{
    if (!rollout)
        return json_null();
    json_t *curve = json_array();
    for (guint i = 0; i < rollout->curve->len; i++) {
        const CurvePoint *point = &g_array_index(rollout->curve, CurvePoint, i);
        json_t *pair = json_array();
        json_array_append_new(pair, json_integer(point->after_s));
        json_array_append_new(pair, json_integer(point->permyriad));
        json_array_append_new(curve, pair);
    }
    json_t *object = json_object();
    json_object_set_new(object, "id", json_string(rollout->id));
    json_object_set_new(object, "start", fields_json_time(rollout->start));
    json_object_set_new(object, "curve", curve);
    return object;
}

/* ---- the release ---- */

void release_free(Release *release)
{
    if (!release)
        return;
    char *const texts[] = {release->repository, release->publisher, release->name,   release->version,
                           release->arch,       release->path,      release->sha256, release->data_sha256,
                           release->os_min,     release->os_max};
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    g_strfreev(release->requires);
    g_strfreev(release->conflicts);
    g_strfreev(release->provides);
    g_strfreev(release->obsoletes);
    g_strfreev(release->migrates);
    json_decref(release->summary);
    json_decref(release->changes);
    urgency_free(release->urgency);
    rollout_free(release->rollout);
    g_free(release);
}

Release *release_copy(const Release *release)
{
    Release *copy = g_new0(Release, 1);
    *copy = *release; /* the plain members; every pointer is made anew below */
    copy->repository = g_strdup(release->repository);
    copy->publisher = g_strdup(release->publisher);
    copy->name = g_strdup(release->name);
    copy->version = g_strdup(release->version);
    copy->arch = g_strdup(release->arch);
    copy->path = g_strdup(release->path);
    copy->sha256 = g_strdup(release->sha256);
    copy->data_sha256 = g_strdup(release->data_sha256);
    copy->requires = g_strdupv(release->requires);
    copy->conflicts = g_strdupv(release->conflicts);
    copy->provides = g_strdupv(release->provides);
    copy->obsoletes = g_strdupv(release->obsoletes);
    copy->os_min = g_strdup(release->os_min);
    copy->os_max = g_strdup(release->os_max);
    copy->migrates = g_strdupv(release->migrates);
    copy->summary = json_incref(release->summary);
    copy->changes = json_incref(release->changes);
    copy->urgency = release->urgency ? urgency_copy(release->urgency) : NULL;
    copy->rollout = release->rollout ? rollout_copy(release->rollout) : NULL;
    return copy;
}

/* The path names the archive by its digest, so that a mirror's file can be told from its name alone. */
static void check_path(JsonReader *reader, const Release *release)
{
    if (!json_reader_ok(reader))
        return;
    g_autofree char *prefix = g_strdup_printf(PACKAGES_PREFIX "%s.", release->sha256);
    if (!g_str_has_prefix(release->path, prefix) || !files_name_is_plain(release->path + strlen(prefix)))
        json_reader_fail(reader, "path",
                         "wanted \"" PACKAGES_PREFIX "\", the sha256, a dot and a plain file name");
}

static void read_identity(JsonReader *reader, Release *release)
{
    release->name = g_strdup(fields_app_name(reader, "name"));
    release->version = g_strdup(fields_version(reader, "version"));
    release->arch = g_strdup(fields_arch(reader, "arch"));
    release->published_at = json_reader_time(reader, "published");
    release->summary = fields_texts(reader, "summary", SUMMARY_BYTES_MAX);
    release->changes = fields_texts(reader, "changes", CHANGES_BYTES_MAX);
}

/* Paths in the app's folder. They are shown and counted; what is done goes by the package itself. */
static void read_migrates(JsonReader *reader, Release *release)
{
    release->migrates = json_reader_strings_or_empty(reader, "migrates", MIGRATES_MAX, PATH_MAX);
    for (char **path = release->migrates; path && *path; path++)
        if (!files_path_is_inside(*path))
            json_reader_fail(reader, "migrates", "wanted paths in the app's folder");
}

static void read_archive(JsonReader *reader, Release *release)
{
    release->path = g_strdup(json_reader_string(reader, "path", PATH_MAX));
    release->size_bytes = json_reader_integer(reader, "size", 1, ARCHIVE_BYTES_MAX);
    release->sha256 = g_strdup(json_reader_hex(reader, "sha256", SHA256_BYTES));
    if (json_reader_string_or(reader, "data_sha256", LINE_BYTES_MAX, NULL))
        release->data_sha256 = g_strdup(json_reader_hex(reader, "data_sha256", SHA256_BYTES));
    release->installed_bytes = json_reader_integer_or(reader, "installed_size", 0, INSTALLED_BYTES_MAX, 0);
    release->files = json_reader_integer_or(reader, "files", 0, FILES_MAX, 0);
    check_path(reader, release);
}

static void read_relations(JsonReader *reader, Release *release)
{
    release->requires = fields_requirements(reader, "requires", TRUE);
    release->conflicts = fields_requirements(reader, "conflicts", FALSE);
    release->provides = fields_requirements(reader, "provides", FALSE);
    release->obsoletes = fields_requirements(reader, "obsoletes", FALSE);
    release->os_min = g_strdup(fields_version_or_null(reader, "os_min"));
    release->os_max = g_strdup(fields_version_or_null(reader, "os_max"));
}

Release *release_from_json(json_t *value, const char *what, GError **error)
{
    g_autoptr(JsonReader) reader = json_reader_new(value, what);
    g_autoptr(Release) release = g_new0(Release, 1);
    read_identity(reader, release);
    read_archive(reader, release);
    read_relations(reader, release);
    read_migrates(reader, release);
    release->urgency = read_urgency(reader);
    release->rollout = read_rollout(reader);
    return json_reader_finish(reader, error) ? g_steal_pointer(&release) : NULL;
}

json_t *release_to_json(const Release *release)
{
    json_t *object = json_object();
    json_object_set_new(object, "name", json_string(release->name));
    json_object_set_new(object, "version", json_string(release->version));
    json_object_set_new(object, "arch", json_string(release->arch));
    json_object_set_new(object, "path", json_string(release->path));
    json_object_set_new(object, "size", json_integer(release->size_bytes));
    json_object_set_new(object, "sha256", json_string(release->sha256));
    json_object_set_new(object, "data_sha256", fields_json_string(release->data_sha256));
    json_object_set_new(object, "installed_size", json_integer(release->installed_bytes));
    json_object_set_new(object, "files", json_integer(release->files));
    json_object_set_new(object, "requires", fields_json_strings(release->requires));
    json_object_set_new(object, "conflicts", fields_json_strings(release->conflicts));
    json_object_set_new(object, "provides", fields_json_strings(release->provides));
    json_object_set_new(object, "obsoletes", fields_json_strings(release->obsoletes));
    json_object_set_new(object, "os_min", fields_json_string(release->os_min));
    json_object_set_new(object, "os_max", fields_json_string(release->os_max));
    if (release->migrates && *release->migrates)
        json_object_set_new(object, "migrates", fields_json_strings(release->migrates));
    json_object_set_new(object, "summary", release->summary ? json_incref(release->summary) : json_null());
    json_object_set_new(object, "changes", release->changes ? json_incref(release->changes) : json_null());
    json_object_set_new(object, "published", fields_json_time(release->published_at));
    json_object_set_new(object, "urgency", urgency_to_json(release->urgency));
    json_object_set_new(object, "rollout", rollout_to_json(release->rollout));
    return object;
}

UrgencyClass release_class(const Release *release)
{
    if (!release->urgency)
        return CLASS_NORMAL;
    /* only the vendor's releases role can grant the emergency class */
    if (g_strcmp0(release->publisher, "vendor") != 0)
        return MIN(release->urgency->cls, CLASS_CRITICAL);
    return release->urgency->cls;
}

const char *localized_text(const json_t *texts, const char *lang)
{
    const char *text = json_string_value(json_object_get(texts, lang ? lang : "en"));
    if (!text)
        text = json_string_value(json_object_get(texts, "en"));
    if (!text)
        text = json_string_value(json_object_iter_value(json_object_iter((json_t *)texts)));
    return text ? text : "";
}

int release_compare(const Release *a, const Release *b)
{
    int order = strcmp(a->name, b->name);
    if (order == 0)
        order = version_compare(a->version, b->version);
    return order != 0 ? order : strcmp(a->arch, b->arch);
}
