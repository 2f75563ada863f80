/* explain.c - who will see what when; see explain.h. */
#include "vendor/explain.h"

#include <stdio.h>
#include <string.h>

#include "vendor/advisories.h"
#include "vendor/cmd_draft.h"
#include "vendor/publish.h"

static const char *text_of(const json_t *object, const char *member)
{
    return json_string_value(json_object_get(object, member));
}

/* --- one release --- */

/* What boxes do with a class unless their owner decided otherwise. */
static const char *consequence(UrgencyClass cls)
{
    switch (cls) {
    case CLASS_EMERGENCY:
        return "boxes that consent install it as soon as their phase opens, at any hour";
    case CLASS_CRITICAL:
    case CLASS_IMPORTANT:
        return "boxes install it in their window, at the latest at the deadline";
    case CLASS_NORMAL:
        return "boxes install it in their window, or ask";
    case CLASS_FEATURE:
        break;
    }
    return "boxes ask their owner";
}

static void print_os(const Release *release)
{
    if (!release->os_min && !release->os_max)
        return;
    printf("    for boxes with OS %s%s%s%s\n", release->os_min ? release->os_min : "",
           release->os_min ? " or newer" : "", release->os_max ? " up to " : "",
           release->os_max ? release->os_max : "");
}

static gboolean print_advisory_lines(const Repo *repo, const Release *release, const char *id, GError **error)
{
    json_t *record = advisories_find(repo, id);
    if (!record) {
        printf("    %s: no record here, so its OS lines are unknown\n", id);
        return TRUE;
    }
    g_autoptr(GPtrArray) advisories = advisories_parse_record(record, error);
    if (!advisories)
        return FALSE;
    g_autoptr(GPtrArray) lines = advisories_lines(repo, advisories, release->name);
    for (guint i = 0; i < lines->len; i++) {
        const AdvisoryLine *line = lines->pdata[i];
        g_autofree char *words = advisories_line_words(line->range);
        printf("    %s, %s: %s%s\n", id, words, line->version ? "fixed by " : "no fixed release here",
               line->version ? line->version : "");
    }
    return TRUE;
}

static gboolean print_urgency(const Repo *repo, const Release *release, GError **error)
{
    const Urgency *urgency = release->urgency;
    if (!urgency || !urgency_class_is_security(urgency->cls))
        return TRUE;
    g_autofree char *ids = g_strjoinv(", ", urgency->advisories);
    printf("    fixes %s%s%s\n", *ids ? ids : "(no advisory named)", urgency->reason ? ", " : "",
           urgency->reason ? urgency->reason : "");
    if (urgency->install_within_s) {
        g_autofree char *within = units_format_duration(urgency->install_within_s);
        g_autofree char *at = units_format_time(urgency->urgent_at + urgency->install_within_s);
        printf("    boxes install it within %s of the mark: deadline %s, or their owner's where that is "
               "earlier\n",
               within, at);
    }
    for (char **id = urgency->advisories; *id; id++)
        if (!print_advisory_lines(repo, release, *id, error))
            return FALSE;
    return TRUE;
}

static void print_curve(const Release *release)
{
    if (!release->rollout) {
        puts("    every box at once");
        return;
    }
    for (guint i = 0; i < release->rollout->curve->len; i++) {
        const CurvePoint *point = &g_array_index(release->rollout->curve, CurvePoint, i);
        g_autofree char *when = units_format_time(release->rollout->start + point->after_s);
        printf("    from %s: %u.%02u %% of the boxes\n", when, point->permyriad / 100,
               point->permyriad % 100);
    }
}

static gboolean print_release(const Repo *repo, json_t *object, GError **error)
{
    g_autoptr(Release) release = release_from_json(object, "draft", error);
    if (!release)
        return FALSE;
    release->publisher = g_strdup(repo_publisher_of(repo, release->name));
    g_autofree char *size = units_format_size(release->size_bytes);
    printf("  %s %s %s  %s  class %s: %s\n", release->name, release->version, release->arch, size,
           urgency_class_name(release_class(release)), consequence(release_class(release)));
    print_os(release);
    print_curve(release);
    return print_urgency(repo, release, error);
}

/* --- the rest --- */

static void print_brake(const Repo *repo, gboolean with_new_mark)
{
    gsize i;
    json_t *entry;
    json_array_foreach(json_object_get(json_object_get(repo->world, "brake"), "entries"), i, entry)
    {
        const char *back = text_of(entry, "go_back_to"), *reason = text_of(entry, "reason");
        gboolean is_halt = g_strcmp0(text_of(entry, "action"), "halt") == 0;
        printf("  brake: %s %s %s%s: nobody takes it any more%s%s%s%s\n", text_of(entry, "action"),
               text_of(entry, "name"), text_of(entry, "version"),
               with_new_mark && !text_of(entry, "at") ? " (new)" : "",
               is_halt ? ""
               : back  ? ", who has it goes back to "
                       : ", who has it is told",
               !is_halt && back ? back : "", reason ? "; " : "", reason ? reason : "");
    }
}

/* Is the file of advisories that boxes get another one than the draft's? */
static gboolean advisories_wait(const Repo *repo)
{
    g_autoptr(GBytes) raw = advisories_file(repo, NULL);
    g_autoptr(json_t) releases = raw ? repo_metadata(repo, "releases", NULL) : NULL;
    json_t *targets = json_object_get(json_object_get(releases, "signed"), "targets");
    json_t *custom = json_object_get(json_object_get(targets, ADVISORIES_TARGET), "custom");
    g_autofree char *sha256 =
        raw ? digest_hex_of(DIGEST_SHA256, g_bytes_get_data(raw, NULL), g_bytes_get_size(raw)) : NULL;
    return raw && g_strcmp0(text_of(custom, "raw_sha256"), sha256) != 0;
}

static gboolean fill_all(Repo *repo, gint64 now, GError **error)
{
    g_auto(GStrv) publishers = repo_publishers(repo);
    g_autoptr(GBytes) own = publish_catalogue(repo, "vendor", NULL, now, error);
    for (char **name = publishers; own && *name; name++) {
        g_autoptr(GBytes) theirs = publish_catalogue(repo, *name, NULL, now, error);
        if (!theirs)
            return FALSE;
    }
    return own != NULL;
}

gboolean explain_publish(Repo *repo, gint64 now, GError **error)
{
    gsize i;
    json_t *object;
    g_autoptr(GPtrArray) pending = g_ptr_array_new();
    json_array_foreach(json_object_get(repo->world, "releases"), i, object)
    {
        if (!release_was_published(object))
            g_ptr_array_add(pending, object);
    }
    if (!fill_all(repo, now, error))
        return FALSE;
    printf("would publish: %u releases that are new or newly marked\n", pending->len);
    for (guint n = 0; n < pending->len; n++)
        if (!print_release(repo, pending->pdata[n], error))
            return FALSE;
    print_brake(repo, TRUE);
    if (advisories_wait(repo))
        printf("  advisories: %zu, new or changed\n", json_array_size(advisories_records(repo)));
    return drafts_print(repo, error);
}

/* --- what is under way --- */

static json_t *time_or_null(gint64 at)
{
    g_autofree char *text = at > 0 ? units_format_time(at) : NULL;
    return text ? json_string(text) : json_null();
}

/* The share of the boxes now, and the next step of the curve (0: there is none). */
static guint share_at(const Rollout *rollout, gint64 now, gint64 *next_at, guint *next)
{
    guint share = rollout ? 0 : 10000;
    *next_at = 0;
    *next = 0;
    for (guint i = 0; rollout && i < rollout->curve->len; i++) {
        const CurvePoint *point = &g_array_index(rollout->curve, CurvePoint, i);
        if (rollout->start + point->after_s <= now) {
            share = point->permyriad;
        } else {
            *next_at = rollout->start + point->after_s;
            *next = point->permyriad;
            break;
        }
    }
    return share;
}

static json_t *describe_mark(const Release *release, gint64 now)
{
    gint64 next_at;
    guint next;
    guint share = share_at(release->rollout, now, &next_at, &next);
    gint64 urgent_at = release->urgency ? release->urgency->urgent_at : 0;
    gint64 within_s = release->urgency ? release->urgency->install_within_s : 0;
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:i, s:o, s:i}", "name", release->name, "version",
                     release->version, "arch", release->arch, "class",
                     urgency_class_name(release_class(release)), "urgent_at", time_or_null(urgent_at),
                     "deadline", time_or_null(within_s ? urgent_at + within_s : 0), "permyriad", (int)share,
                     "next_at", time_or_null(next_at), "next_permyriad", (int)next);
}

/* What waits has no times yet. */
static json_t *describe_waiting(const json_t *object)
{
    const char *cls = text_of(json_object_get(object, "urgency"), "class");
    return json_pack("{s:s, s:s, s:s, s:s, s:n, s:n, s:i, s:n, s:i}", "name", text_of(object, "name"),
                     "version", text_of(object, "version"), "arch", text_of(object, "arch"), "class",
                     cls ? cls : urgency_class_name(CLASS_NORMAL), "urgent_at", "deadline", "permyriad", 0,
                     "next_at", "next_permyriad", 0);
}

json_t *explain_marks(const Repo *repo, gint64 now, GError **error)
{
    gsize i;
    json_t *object;
    g_autoptr(json_t) list = json_array();
    json_array_foreach(json_object_get(repo->world, "releases"), i, object)
    {
        if (!json_is_object(json_object_get(object, "urgency")) &&
            !json_is_object(json_object_get(object, "rollout")))
            continue;
        if (!release_was_published(object)) {
            json_array_append_new(list, describe_waiting(object));
            continue;
        }
        g_autoptr(Release) release = release_from_json(object, "draft", error);
        if (!release)
            return NULL;
        release->publisher = g_strdup(repo_publisher_of(repo, release->name));
        json_array_append_new(list, describe_mark(release, now));
    }
    return g_steal_pointer(&list);
}

static void print_mark(const json_t *mark)
{
    const char *deadline = text_of(mark, "deadline"), *next_at = text_of(mark, "next_at");
    json_int_t share = json_integer_value(json_object_get(mark, "permyriad"));
    json_int_t next = json_integer_value(json_object_get(mark, "next_permyriad"));
    printf("  %s %s %s  class %s", text_of(mark, "name"), text_of(mark, "version"), text_of(mark, "arch"),
           text_of(mark, "class"));
    if (share == 0 && !next_at) {
        puts("  waits for publish");
        return;
    }
    printf("%s%s  offered to %" JSON_INTEGER_FORMAT ".%02" JSON_INTEGER_FORMAT " %% of the boxes",
           deadline ? "  deadline " : "", deadline ? deadline : "", share / 100, share % 100);
    if (next_at)
        printf(", from %s to %" JSON_INTEGER_FORMAT ".%02" JSON_INTEGER_FORMAT " %%", next_at, next / 100,
               next % 100);
    putchar('\n');
}

gboolean explain_standing(const Repo *repo, gint64 now, GError **error)
{
    gsize i;
    json_t *mark, *record;
    g_autoptr(json_t) marks = explain_marks(repo, now, error);
    if (!marks)
        return FALSE;
    json_array_foreach(marks, i, mark) print_mark(mark);
    print_brake(repo, FALSE);
    json_t *records = advisories_records(repo);
    if (json_array_size(records) > 0)
        printf("advisories: %zu%s\n", json_array_size(records),
               advisories_wait(repo) ? ", changes wait for publish" : "");
    json_array_foreach(records, i, record)
        printf("  %s%s  %s\n", text_of(record, "id"), text_of(record, "withdrawn") ? " (withdrawn)" : "",
               text_of(record, "summary") ? text_of(record, "summary") : "");
    return TRUE;
}
