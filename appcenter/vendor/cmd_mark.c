/* cmd_mark.c - verbs that change the draft: urgent, rollout, halt, resume, withdraw. Nothing is signed here. */
#include <stdio.h>
#include <string.h>

#include "vendor/advisories.h"
#include "vendor/commands.h"
#include "vendor/curve.h"
#include "vendor/publish.h"

static gboolean parse_target(const char *word, gboolean version_needed, char **name, char **version,
                             GError **error)
{
    if (!parse_app_version(word, name, version, error))
        return FALSE;
    if (version_needed && !*version)
        return error_set(error, APPCENTER_ERROR_INVALID, "\"%s\": wanted NAME=VERSION", word);
    return TRUE;
}

static json_t *urgency_object(UrgencyClass cls, gint64 within_s, const char *reason, char **advisories)
{
    json_t *ids = json_array();
    for (char **id = advisories; id && *id; id++)
        json_array_append_new(ids, json_string(*id));
    return json_pack("{s:s, s:n, s:I, s:o, s:o}", "class", urgency_class_name(cls), "urgent_at",
                     "install_within_s", (json_int_t)within_s, "reason",
                     reason ? json_string(reason) : json_null(), "advisories", ids);
}

static void mark(Repo *repo, GPtrArray *releases, json_t *urgency, json_t *rollout)
{
    for (guint i = 0; i < releases->len; i++) {
        json_object_set_new(releases->pdata[i], "urgency", json_deep_copy(urgency));
        json_object_set_new(releases->pdata[i], "rollout", json_deep_copy(rollout));
    }
    json_object_set_new(repo->world, "urgent_epoch",
                        json_integer(json_integer_value(json_object_get(repo->world, "urgent_epoch")) + 1));
}

/* Boxes take a publisher's mark as critical at most: emergency is for the vendor's own catalogue. */
static gboolean may_mark(const Repo *repo, const char *name, UrgencyClass cls, GError **error)
{
    const char *who = repo_publisher_of(repo, name);
    return cls != CLASS_EMERGENCY || g_str_equal(who, "vendor") ||
           error_set(error, APPCENTER_ERROR_REFUSED,
                     "%s is %s's: wanted class critical at most, found emergency", name, who);
}

/* An advisory that is known must have a fix wherever it affects; one that is not is only a name. */
static gboolean check_advisories(const Repo *repo, char **ids, const char *name, const char *version,
                                 GError **error)
{
    for (char **id = ids; id && *id; id++) {
        gboolean is_known = FALSE;
        if (!advisories_allow_mark(repo, *id, name, version, &is_known, error))
            return FALSE;
        if (!is_known)
            fprintf(
                stderr,
                "appvendor: %s has no record here, so nobody knows which OS lines it affects; add it with "
                "appvendor advisory REPO add FILE.json\n",
                *id);
    }
    return TRUE;
}

gboolean cmd_urgent(int argc, char **argv, gint64 now, GError **error)
{
    g_autofree char *class_name = NULL, *within = NULL, *reason = NULL, *curve = NULL, *name = NULL,
                    *version = NULL;
    g_auto(GStrv) advisories = NULL;
    const GOptionEntry entries[] = {
        {"class", 0, 0, G_OPTION_ARG_STRING, &class_name, "emergency (default), critical or important",
         "CLASS"},
        {"advisory", 0, 0, G_OPTION_ARG_STRING_ARRAY, &advisories, "what it fixes; may be given again", "ID"},
        {"install-within", 0, 0, G_OPTION_ARG_STRING, &within, "boxes install it this long after publication",
         "TIME"},
        {"reason", 0, 0, G_OPTION_ARG_STRING, &reason, "a word for people, such as exploited", "TEXT"},
        {"curve", 0, 0, G_OPTION_ARG_STRING, &curve, "phases; default " CURVE_EMERGENCY, "CURVE"},
        {.long_name = NULL}};
    if (!parse_words("urgent", entries, 2, 2, &argc, &argv, error) ||
        !parse_target(argv[2], FALSE, &name, &version, error))
        return FALSE;
    UrgencyClass cls = CLASS_EMERGENCY;
    gint64 within_s = 12 * 3600;
    if (class_name && (!urgency_class_from_name(class_name, &cls) || !urgency_class_is_security(cls)))
        return error_set(error, APPCENTER_ERROR_INVALID,
                         "--class: wanted emergency, critical or important, found \"%s\"", class_name);
    if (within && (!units_parse_duration(within, &within_s) || within_s < 60))
        return error_set(error, APPCENTER_ERROR_INVALID,
                         "--install-within: wanted a time such as 12h, found \"%s\"", within);
    for (char **id = advisories; id && *id; id++)
        if (!**id || strlen(*id) > 64 || !g_str_is_ascii(*id))
            return error_set(error, APPCENTER_ERROR_INVALID, "--advisory: wanted an id such as QSA-22-24");
    g_autoptr(Repo) repo = repo_open(argv[1], error);
    g_autoptr(GPtrArray) releases = repo ? repo_releases(repo, name, version, error) : NULL;
    if (!releases || !may_mark(repo, name, cls, error) ||
        !check_advisories(repo, advisories, name,
                          json_string_value(json_object_get(releases->pdata[0], "version")), error))
        return FALSE;
    g_autoptr(json_t) rollout = curve_to_rollout(curve ? curve : CURVE_EMERGENCY, error);
    if (!rollout)
        return FALSE;
    g_autoptr(json_t) urgency = urgency_object(cls, within_s, reason, advisories);
    mark(repo, releases, urgency, rollout);
    if (!publish_check(repo, now, error) || !repo_save_world(repo, error))
        return FALSE;
    printf("%s %s is marked %s in the draft; publish makes it visible\n", name,
           json_string_value(json_object_get(releases->pdata[0], "version")), urgency_class_name(cls));
    return TRUE;
}

gboolean cmd_rollout(int argc, char **argv, gint64 now, GError **error)
{
    g_autofree char *curve = NULL, *name = NULL, *version = NULL;
    const GOptionEntry entries[] = {
        {"curve", 0, 0, G_OPTION_ARG_STRING, &curve, "phases, such as 0h:1%,6h:20%,24h:100%", "CURVE"},
        {.long_name = NULL}};
    if (!parse_words("rollout", entries, 2, 2, &argc, &argv, error) ||
        !parse_target(argv[2], TRUE, &name, &version, error))
        return FALSE;
    if (!curve)
        return error_set(error, APPCENTER_ERROR_INVALID, "--curve CURVE is needed");
    g_autoptr(Repo) repo = repo_open(argv[1], error);
    g_autoptr(GPtrArray) releases = repo ? repo_releases(repo, name, version, error) : NULL;
    g_autoptr(json_t) rollout = releases ? curve_to_rollout(curve, error) : NULL;
    if (!rollout)
        return FALSE;
    for (guint i = 0; i < releases->len; i++)
        json_object_set_new(releases->pdata[i], "rollout", json_deep_copy(rollout));
    if (!publish_check(repo, now, error) || !repo_save_world(repo, error))
        return FALSE;
    printf("%s %s follows the curve %s from its publication on\n", name, version, curve);
    return TRUE;
}

/* --- the brake --- */

/* Removes the entry of that name and version; TRUE if there was one. */
static gboolean drop_entry(json_t *entries, const char *name, const char *version)
{
    gsize i;
    json_t *entry;
    json_array_foreach(
        entries, i, entry) if (g_strcmp0(json_string_value(json_object_get(entry, "name")), name) == 0 &&
                               g_strcmp0(json_string_value(json_object_get(entry, "version")), version) == 0)
    {
        json_array_remove(entries, i);
        return TRUE;
    }
    return FALSE;
}

static gboolean save_brake(Repo *repo, gint64 now, GError **error)
{
    json_t *brake = json_object_get(repo->world, "brake");
    json_object_set_new(brake, "serial",
                        json_integer(json_integer_value(json_object_get(brake, "serial")) + 1));
    return publish_check(repo, now, error) && repo_save_world(repo, error);
}

static gboolean set_entry(const char *verb, char **argv, const char *reason, const char *go_back_to,
                          gint64 now, GError **error)
{
    g_autofree char *name = NULL, *version = NULL;
    if (!parse_target(argv[2], TRUE, &name, &version, error))
        return FALSE;
    g_autoptr(Repo) repo = repo_open(argv[1], error);
    g_autoptr(GPtrArray) releases = repo ? repo_releases(repo, name, version, error) : NULL;
    if (!releases)
        return FALSE;
    if (go_back_to) {
        g_autoptr(GPtrArray) back = repo_releases(repo, name, go_back_to, error);
        if (!back) {
            g_prefix_error(error, "--go-back-to: ");
            return FALSE;
        }
    }
    json_t *entries = json_object_get(json_object_get(repo->world, "brake"), "entries");
    drop_entry(entries, name, version);
    json_array_append_new(entries, json_pack("{s:s, s:s, s:n, s:s, s:o, s:o, s:n}", "name", name, "version",
                                             version, "arch", "action", verb, "go_back_to",
                                             go_back_to ? json_string(go_back_to) : json_null(), "reason",
                                             reason ? json_string(reason) : json_null(), "at"));
    if (!save_brake(repo, now, error))
        return FALSE;
    printf("%s %s: %s in the draft; publish with the brake key makes it visible\n", name, version, verb);
    return TRUE;
}

gboolean cmd_halt(int argc, char **argv, gint64 now, GError **error)
{
    g_autofree char *reason = NULL;
    const GOptionEntry entries[] = {
        {"reason", 0, 0, G_OPTION_ARG_STRING, &reason, "what people are told", "TEXT"}, {.long_name = NULL}};
    return parse_words("halt", entries, 2, 2, &argc, &argv, error) &&
           set_entry("halt", argv, reason, NULL, now, error);
}

gboolean cmd_withdraw(int argc, char **argv, gint64 now, GError **error)
{
    g_autofree char *reason = NULL, *go_back_to = NULL;
    const GOptionEntry entries[] = {
        {"reason", 0, 0, G_OPTION_ARG_STRING, &reason, "what people are told", "TEXT"},
        {"go-back-to", 0, 0, G_OPTION_ARG_STRING, &go_back_to, "the version that boxes go back to",
         "VERSION"},
        {.long_name = NULL}};
    return parse_words("withdraw", entries, 2, 2, &argc, &argv, error) &&
           set_entry("withdraw", argv, reason, go_back_to, now, error);
}

gboolean cmd_resume(int argc, char **argv, gint64 now, GError **error)
{
    g_autofree char *name = NULL, *version = NULL;
    if (!parse_words("resume", NULL, 2, 2, &argc, &argv, error) ||
        !parse_target(argv[2], TRUE, &name, &version, error))
        return FALSE;
    g_autoptr(Repo) repo = repo_open(argv[1], error);
    if (!repo)
        return FALSE;
    if (!drop_entry(json_object_get(json_object_get(repo->world, "brake"), "entries"), name, version))
        return error_set(error, APPCENTER_ERROR_NOT_FOUND, "%s %s is neither halted nor withdrawn", name,
                         version);
    if (!save_brake(repo, now, error))
        return FALSE;
    printf("%s %s goes on; publish with the brake key makes it visible\n", name, version);
    return TRUE;
}
