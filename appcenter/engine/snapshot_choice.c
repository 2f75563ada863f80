/* snapshot_choice.c - what of an app's content is kept before it is changed: judged for the plan, for SPACE and READY, and
 * once more when the app stands still.
 */
#include "engine/walk.h"

#define CHEAP_FILES_MAX 100000 /* more take the app down for many seconds, shared blocks or not */

void snapshot_choice_clear(SnapshotChoice *choice)
{
    g_clear_pointer(&choice->why_not, g_free);
}

VolumeCopySpec snapshot_spec(PlanSnapshot scope, const Manifest *manifest, char **migrates)
{
    return (VolumeCopySpec){.what = scope == PLAN_SNAPSHOT_WHOLE ? VOLUME_COPY_USERS : VOLUME_COPY_NAMED,
                            .manifest = manifest,
                            .paths = (const char *const *)migrates};
}

static gboolean measure(const SnapshotSubject *subject, PlanSnapshot scope, SnapshotChoice *choice,
                        GError **error)
{
    VolumeCopied found;
    VolumeCopySpec spec = snapshot_spec(scope, subject->manifest, subject->migrates);
    if (!volume_app_exists(subject->engine->volume,
                           subject->app)) { /* somebody deleted it: nothing is left to keep */
        choice->scope = PLAN_SNAPSHOT_NONE;
        return TRUE;
    }
    g_auto(Fd) tree = volume_app_open(subject->engine->volume, subject->app, error);
    if (tree < 0 || !volume_measure(tree, &spec, &found, error))
        return FALSE;
    choice->scope = scope;
    choice->bytes = found.bytes;
    choice->files = found.files;
    choice->copy_bytes = choice->is_shared ? 0 : found.bytes;
    return TRUE;
}

static gboolean has_room(const SnapshotSubject *subject, const SnapshotChoice *choice)
{
    return subject->room_bytes < 0 || choice->copy_bytes == 0 || choice->copy_bytes <= subject->room_bytes;
}

static gboolean no_space(const SnapshotSubject *subject, const SnapshotChoice *choice, const char *what,
                         GError **error)
{
    const SettingsValues *settings = settings_values(subject->engine->settings);
    g_autofree char *need = units_format_size(choice->copy_bytes);
    g_autofree char *reserve = units_format_size(settings->reserve_bytes);
    g_autofree char *have = units_format_size(subject->room_bytes + settings->reserve_bytes);
    return error_set(error, APPCENTER_ERROR_NO_SPACE,
                     "%s: need %s for a copy of %s and %s in reserve, have %s free", settings->volume, need,
                     what, reserve, have);
}

/* What the package converts is copied whatever it takes, or the change is refused. */
static gboolean choose_named(const SnapshotSubject *subject, SnapshotChoice *choice, GError **error)
{
    choice->scope = PLAN_SNAPSHOT_NONE;
    choice->bytes = choice->copy_bytes = 0;
    if (!subject->migrates || !*subject->migrates ||
        !volume_app_exists(subject->engine->volume, subject->app))
        return TRUE;
    return measure(subject, PLAN_SNAPSHOT_NAMED, choice, error) &&
           (has_room(subject, choice) || no_space(subject, choice, "what it converts", error));
}

/* All of the user's content, or why not: a sentence in why_not, an error where it must be. */
static gboolean choose_whole(const SnapshotSubject *subject, SnapshotChoice *choice, GError **error)
{
    const SettingsValues *settings = settings_values(subject->engine->settings);
    gboolean must = settings->snapshot == SNAPSHOT_REQUIRED && !*settings->snapshot_command;
    g_autoptr(GError) failed = NULL;
    if (!measure(subject, PLAN_SNAPSHOT_WHOLE, choice, &failed) && must) {
        g_propagate_error(error, g_steal_pointer(&failed));
        return FALSE;
    }
    if (failed) {
        choice->why_not = g_strdup(failed->message);
        return choose_named(subject, choice, error);
    }
    if (choice->copy_bytes > settings->data_copy_max_bytes) {
        g_autofree char *size = units_format_size(choice->copy_bytes);
        g_autofree char *limit = units_format_size(settings->data_copy_max_bytes);
        choice->why_not = g_strdup_printf("its data is %s, data_copy_max is %s, and %s cannot share blocks",
                                          size, limit, settings->volume);
        if (must)
            return error_set(error, APPCENTER_ERROR_REFUSED, "a snapshot is required: %s", choice->why_not);
        return choose_named(subject, choice, error);
    }
    if (choice->files > CHEAP_FILES_MAX && !must) {
        choice->why_not = g_strdup_printf("its data is %" G_GINT64_FORMAT " files", choice->files);
        return choose_named(subject, choice, error);
    }
    if (has_room(subject, choice))
        return TRUE;
    if (must)
        return no_space(subject, choice, "its data (a snapshot is required)", error);
    choice->why_not = g_strdup_printf("there is no room for it on %s", settings->volume);
    return choose_named(subject, choice, error);
}

gboolean snapshot_choose(const SnapshotSubject *subject, SnapshotChoice *choice, GError **error)
{
    *choice = (SnapshotChoice){.is_shared = volume_can_share(subject->engine->volume)};
    if (settings_values(subject->engine->settings)->snapshot == SNAPSHOT_OFF)
        return choose_named(subject, choice, error);
    return choose_whole(subject, choice, error);
}
