/* snapshot_command.c - the admin's own snapshot of the whole volume (btrfs, ZFS, LVM), once before the first app stops.
 *
 * The program runs in a process group of its own, outside of every app's root, with a time limit. What it is about is on its
 * input as one JSON object and in its environment.
 */
#include <string.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/walk.h"

#define TIMEOUT_S 300

static char *apps_text(const Walk *walk)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint i = 0; i < walk->apps->len; i++)
        if (((const WalkApp *)walk->apps->pdata[i])->op != CHANGE_RESTART)
            g_ptr_array_add(names, ((const WalkApp *)walk->apps->pdata[i])->app);
    g_ptr_array_add(names, NULL);
    return g_strjoinv(" ", (char **)names->pdata);
}

static char *volume_path(const Walk *walk)
{
    const Engine *engine = walk->engine;
    return root_dir_host_path(engine->root, settings_values(engine->settings)->volume);
}

static char **environment(const Walk *walk)
{
    g_autofree char *apps = apps_text(walk), *volume = volume_path(walk);
    g_autoptr(GStrvBuilder) list = g_strv_builder_new();
    g_autofree char *txn = g_strdup_printf("APPCENTER_TRANSACTION=%" G_GINT64_FORMAT, walk->txn_id);
    g_autofree char *app_line = g_strconcat("APPCENTER_APPS=", apps, NULL);
    g_autofree char *volume_line = g_strconcat("APPCENTER_VOLUME=", volume, NULL);
    g_strv_builder_add_many(list, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                            "LANG=C", txn, app_line, volume_line, NULL);
    return g_strv_builder_end(list);
}

/* {"transaction":N,"trigger":..,"volume":..,"apps":[{"name","from","to"}]}, in memory. */
static int input(const Walk *walk, GError **error)
{
    g_autofree char *volume = volume_path(walk);
    json_t *apps = json_array();
    for (guint i = 0; i < walk->apps->len; i++) {
        const WalkApp *app = walk->apps->pdata[i];
        if (app->op == CHANGE_RESTART)
            continue;
        json_array_append_new(apps, json_pack("{s:s, s:s?, s:s?}", "name", app->app, "from",
                                              app->from_version, "to", app->to_version));
    }
    g_autoptr(json_t) object = json_pack("{s:I, s:s, s:s, s:o}", "transaction", (json_int_t)walk->txn_id,
                                         "trigger", walk->trigger, "volume", volume, "apps", apps);
    g_autofree char *text = json_to_text(object);
    g_auto(Fd) fd = memfd_create("snapshot-command", MFD_CLOEXEC);
    if (fd < 0 || lseek(fd, 0, SEEK_SET) != 0) {
        error_set_errno(error, "input of the command");
        return -1;
    }
    if (!files_write_all(fd, text, strlen(text), error) || lseek(fd, 0, SEEK_SET) != 0)
        return -1;
    return fd_steal(&fd);
}

static gboolean run(const Walk *walk, const char *command, GError **error)
{
    g_auto(GStrv) argv = NULL;
    g_auto(ProcessResult) result = {0};
    if (!g_shell_parse_argv(command, NULL, &argv, error))
        return FALSE;
    g_auto(GStrv) envp = environment(walk);
    g_auto(Fd) stdin_fd = input(walk, error);
    if (stdin_fd < 0)
        return FALSE;
    ProcessSpec spec = PROCESS_SPEC_INIT;
    spec.argv = (const char *const *)argv;
    spec.envp = (const char *const *)envp;
    spec.stdin_fd = stdin_fd;
    spec.timeout_s = TIMEOUT_S;
    spec.die_with_parent = TRUE;
    spec.is_cancelled = walk->engine->options.is_cancelled;
    spec.is_cancelled_data = walk->engine->options.user_data;
    return process_run_checked(&spec, &result, error);
}

static gboolean touches_volume(const Walk *walk)
{
    for (guint i = 0; i < walk->apps->len; i++)
        if (((const WalkApp *)walk->apps->pdata[i])->old)
            return TRUE;
    return FALSE; /* first installs: there is nothing yet that could be lost */
}

gboolean walk_run_snapshot_command(Walk *walk, GError **error)
{
    const SettingsValues *settings = settings_values(walk->engine->settings);
    g_autoptr(GError) failed = NULL;
    if (!*settings->snapshot_command || settings->snapshot == SNAPSHOT_OFF || !touches_volume(walk) ||
        run(walk, settings->snapshot_command, &failed))
        return TRUE;
    if (error_kind(failed) == APPCENTER_ERROR_CANCELLED) {
        g_propagate_error(error, g_steal_pointer(&failed));
        return FALSE;
    }
    if (settings->snapshot == SNAPSHOT_REQUIRED)
        return error_set(error, APPCENTER_ERROR_REFUSED,
                         "a snapshot is required and snapshot_command failed: %s", failed->message);
    g_autofree char *text = g_strdup_printf("snapshot_command failed, going on without: %s", failed->message);
    walk_note(walk, walk->apps->pdata[0], text);
    return TRUE;
}
